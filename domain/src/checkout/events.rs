//! Events of `checkout-{id}`: one payment session for one basket.

use crate::codec::{event, words};
use crate::{BuyerId, ChargebackId, Currency, InstrumentId, MerchantId, Money, OrderId, PartyId, PaymentId};
use crate::{ProviderId, Reference};

words! {
    /// How a buyer pays.
    PaymentMethod { Card = "card", DebitCard = "debit_card", Wallet = "wallet", BankTransfer = "bank_transfer",
        BankSlip = "bank_slip", Cash = "cash", ThirdPartyVoucher = "third_party_voucher",
        StoredValue = "stored_value", Marketplace = "marketplace", Other = "other" }
}
words! {
    /// Why money has no order to take it. A duplicate is a second payment of a covered basket, of the same
    /// amount as one before.
    UnallocatedReason { Overpaid = "overpaid", NoOrderOpen = "no_order_open",
        NoOrderCancelled = "no_order_cancelled", Late = "late", Duplicate = "duplicate",
        OtherCurrency = "other_currency", OrderRefused = "order_refused" }
}
words! {
    /// What a difference between captured and due was.
    DifferenceKind { InstalmentInterest = "instalment_interest", Rounding = "rounding" }
}

event! {
    /// What one order of a basket asks of its buyer.
    OrderDue { order: OrderId, merchant: MerchantId, buyer_pays: Money }
}
event! {
    /// A share of a payment.
    PaymentPart { payment: PaymentId, provider: ProviderId, method: PaymentMethod, amount: Money }
}
event! {
    /// A payment or part of one sent back.
    RefundPart { payment: PaymentId, provider: ProviderId, amount: Money; provider_ref: Reference }
}

event! {
    /// A basket goes to payment. `due` is the sum of what its orders ask; a basket may have no order.
    CheckoutOpened {
        buyer: BuyerId,
        currency: Currency,
        orders: Vec<OrderDue>,
        due: Money;
        /// After this instant an unpaid checkout expires.
        expires: crate::Timestamp,
    }
}
event! {
    /// A provider reserved the money; nothing has moved.
    PaymentAuthorised { payment: PaymentId, method: PaymentMethod, provider: ProviderId, provider_ref: Reference,
        amount: Money }
}
event! {
    /// A reservation was dropped.
    PaymentVoided { payment: PaymentId; reason: String }
}
event! {
    /// A provider holds the buyer's money for the market. Posts the gross amount and the provider's fee.
    PaymentCaptured {
        payment: PaymentId,
        method: PaymentMethod,
        provider: ProviderId,
        provider_ref: Reference,
        amount: Money;
        /// The provider's fee, kept back from its payout.
        fee: Money,
        instalments: u32,
    }
}
event! {
    /// The market's own gift card or balance was drawn.
    StoredValueUsed { payment: PaymentId, instrument: InstrumentId, amount: Money }
}
event! {
    /// An attempt to pay failed; nothing moved.
    PaymentFailed { payment: PaymentId, provider: ProviderId, reason: String }
}
event! {
    /// A captured payment was taken back by its provider before it was allocated.
    PaymentReversed { payment: PaymentId, provider: ProviderId, amount: Money; reason: String }
}
event! {
    /// An order asks for another amount, before it is funded.
    DueChanged { order: OrderId, buyer_pays: Money, due: Money }
}
event! {
    /// The market accepts that less was paid than was due, and bears the rest.
    ShortfallAccepted { amount: Money, by: PartyId, reason: String }
}
event! {
    /// Money above what was due is the market's: instalment interest, a rounding.
    DifferenceRecognised { payment: PaymentId, amount: Money, r#as: DifferenceKind, by: PartyId }
}
event! {
    /// Money stands without an order to take it. Posts nothing: it is still the checkout's. What stands under
    /// a reason is the sum of these: one with a negative amount goes before every refund, recognition,
    /// reversal or lost chargeback that takes from it.
    MoneyUnallocated {
        /// The change of what stands unallocated under this reason.
        amount: Money,
        reason: UnallocatedReason;
        payment: PaymentId,
        order: OrderId,
    }
}
event! {
    /// The basket is covered: this order's money is reserved for it.
    FundsAllocated { order: OrderId, merchant: MerchantId, parts: Vec<PaymentPart>, shortfall: Money }
}
event! {
    /// The order refused its allocation; the money is the checkout's again.
    AllocationReturned { order: OrderId, parts: Vec<PaymentPart>, shortfall: Money, reason: String }
}
event! {
    /// Money without an order went back to where it came from.
    UnallocatedRefunded { parts: Vec<RefundPart>, reason: String }
}
event! {
    /// Nobody paid in time.
    CheckoutExpired { due_at: crate::Timestamp }
}
event! {
    /// The basket was given up.
    CheckoutCancelled { reason: String }
}
event! {
    /// A share of a chargeback: of an order, or of money that has none.
    ChargebackPart { amount: Money; order: OrderId }
}
event! {
    /// A bank takes a payment back, for now. Posts what the provider holds back, and its fee.
    ChargebackReceived { chargeback: ChargebackId, payment: PaymentId, provider: ProviderId, amount: Money,
        parts: Vec<ChargebackPart>, reason: String; fee: Money }
}
event! {
    /// The bank gave it back.
    ChargebackWon { chargeback: ChargebackId, payment: PaymentId, provider: ProviderId, amount: Money,
        parts: Vec<ChargebackPart>, round: u32 }
}
event! {
    /// The bank keeps it. Posts the part without an order; each order posts its own with `ChargebackClosed`.
    ChargebackLost { chargeback: ChargebackId, payment: PaymentId, provider: ProviderId, amount: Money,
        parts: Vec<ChargebackPart>,
        /// Of the part without an order: what was still unallocated, taken from the checkout.
        from_unallocated: Money,
        /// Of the part without an order: what had been refunded already, the market's loss.
        loss: Money,
        round: u32 }
}
