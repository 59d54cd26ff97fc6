//! Events of `cart-{id}`.

use crate::codec::event;
use crate::{BuyerId, CheckoutId, MerchantId, Money, ProductId, VisitorId};

event! {
    /// A product was put into a cart.
    CartItemAdded {
        product: ProductId,
        quantity: u32;
        unit_price: Money,
        merchant: MerchantId,
        visitor: VisitorId,
        buyer: BuyerId,
    }
}
event! {
    /// More or fewer of a product.
    CartItemChanged {
        product: ProductId,
        /// So many are in it now.
        quantity: u32,
    }
}
event! {
    /// A product was taken out again.
    CartItemRemoved { product: ProductId }
}
event! {
    /// A cart became a checkout.
    CartCheckedOut { checkout: CheckoutId }
}
