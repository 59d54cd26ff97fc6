//! What may be asked of a checkout.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{BuyerId, ChargebackId, Currency, InstrumentId, Money, OrderId, PartyId, PaymentId};
use crate::{ProviderId, Reference, ReviewId, Timestamp};

use super::events::{DifferenceKind, OrderDue, PaymentMethod, RefundPart};

/// A command on `checkout-{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum CheckoutCommand {
    /// A basket goes to payment.
    Open {
        /// Who pays.
        buyer: BuyerId,
        /// What its orders are priced in.
        currency: Currency,
        /// What each order asks of the buyer, in basket order; may be empty.
        orders: Vec<OrderDue>,
        /// When it expires unpaid; by the market's settings when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires: Option<Timestamp>,
    },
    /// A provider reserved money.
    Authorise {
        /// The payment, unique within the checkout.
        payment: PaymentId,
        /// How the buyer pays.
        method: PaymentMethod,
        /// Who reserved it.
        provider: ProviderId,
        /// The provider's transaction.
        provider_ref: Reference,
        /// What is reserved.
        amount: Money,
    },
    /// A reservation was dropped.
    Void {
        /// The payment.
        payment: PaymentId,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A provider holds the buyer's money. Always recorded: with no order to take it, it stands unallocated.
    Capture {
        /// The payment, unique within the checkout; the same again changes nothing.
        payment: PaymentId,
        /// How the buyer paid.
        method: PaymentMethod,
        /// Who holds the money.
        provider: ProviderId,
        /// The provider's transaction; the same again with the same amount changes nothing.
        provider_ref: Reference,
        /// What came, before the fee.
        amount: Money,
        /// What the provider keeps.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fee: Option<Money>,
        /// Number of instalments.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instalments: Option<u32>,
    },
    /// The market's own gift card or balance was drawn.
    UseStoredValue {
        /// The payment, unique within the checkout.
        payment: PaymentId,
        /// The card or balance.
        instrument: InstrumentId,
        /// What was drawn.
        amount: Money,
    },
    /// An attempt to pay failed.
    FailPayment {
        /// The payment attempted.
        payment: PaymentId,
        /// The provider asked.
        provider: ProviderId,
        /// What it said.
        reason: String,
    },
    /// A provider took back what it had captured and no order has.
    ReversePayment {
        /// The payment.
        payment: PaymentId,
        /// What it took back.
        amount: Money,
        /// What it said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// An order asks for another amount; zero when it was cancelled before it was paid.
    ChangeDue {
        /// The order.
        order: OrderId,
        /// What it asks of the buyer from now on.
        buyer_pays: Money,
    },
    /// The market bears what is missing.
    AcceptShortfall {
        /// Who decided.
        by: PartyId,
        /// Why.
        reason: String,
        /// What it bears.
        amount: Money,
    },
    /// What came above the due is the market's.
    RecogniseDifference {
        /// What it was.
        r#as: DifferenceKind,
        /// How much.
        amount: Money,
        /// Who decided.
        by: PartyId,
    },
    /// An order refused its allocation.
    ReturnAllocation {
        /// The order.
        order: OrderId,
        /// Why it refused.
        reason: String,
    },
    /// Money without an order goes back to where it came from.
    RefundUnallocated {
        /// What goes back, by payment; everything unallocated when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parts: Option<Vec<RefundPart>>,
        /// Why.
        reason: String,
    },
    /// The time to pay is over.
    Expire {
        /// The expiry it was set for; harmless when that is no longer the checkout's.
        due: Timestamp,
    },
    /// The basket is given up.
    Cancel {
        /// Why.
        reason: String,
    },
    /// A review of a basket that never became an order.
    PostReview {
        /// The review.
        review: ReviewId,
        /// 1 to 5.
        overall: u8,
        /// Of the goods, 1 to 5.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        goods: Option<u8>,
        /// Of the service, 1 to 5.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        service: Option<u8>,
        /// Of the delivery, 1 to 5.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        delivery: Option<u8>,
    },
    /// A bank takes a payment back, for now.
    ReceiveChargeback {
        /// The bank's case.
        chargeback: ChargebackId,
        /// The payment taken back.
        payment: PaymentId,
        /// What was taken.
        amount: Money,
        /// Why, in the bank's words.
        reason: String,
        /// What the provider asks for the case.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fee: Option<Money>,
        /// 1 for a new case; one more than the last when the bank opens a won case again.
        #[serde(default = "first_round", skip_serializing_if = "is_first_round")]
        round: u32,
    },
    /// The bank gave the money back.
    WinChargeback {
        /// The case.
        chargeback: ChargebackId,
        /// The round it was decided in; one told of before changes nothing.
        #[serde(default = "first_round", skip_serializing_if = "is_first_round")]
        round: u32,
    },
    /// The bank keeps the money.
    LoseChargeback {
        /// The case.
        chargeback: ChargebackId,
        /// The round it was decided in; one told of before changes nothing.
        #[serde(default = "first_round", skip_serializing_if = "is_first_round")]
        round: u32,
    },
}

const fn first_round() -> u32 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
const fn is_first_round(round: &u32) -> bool {
    *round == 1
}
