//! What may be asked of a cart's stream.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{BuyerId, CheckoutId, MerchantId, Money, ProductId, VisitorId};

/// Something asked of `cart-{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
#[allow(clippy::large_enum_variant)] // one command at a time; boxing would only complicate its callers
pub enum CartCommand {
    /// Puts a product in; more of one that is there.
    Add {
        /// The product.
        product: ProductId,
        /// How many.
        quantity: u32,
        /// The price of one, as it was shown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unit_price: Option<Money>,
        /// Who sells it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        merchant: Option<MerchantId>,
        /// Whose cart it is: the terminal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        visitor: Option<VisitorId>,
        /// Whose cart it is, where the visitor is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        buyer: Option<BuyerId>,
    },
    /// Says how many of a product are in it.
    Change {
        /// The product.
        product: ProductId,
        /// How many; above zero.
        quantity: u32,
    },
    /// Takes a product out.
    Remove {
        /// The product.
        product: ProductId,
    },
    /// Makes a checkout of it.
    CheckOut {
        /// The checkout.
        checkout: CheckoutId,
    },
}
