//! What may be asked of an order. A command holds only what its caller knows; what can be computed is not in it.
//!
//! `lines: None` means "all that this can still be done with". Amounts asked for are gross: the split between
//! buyer, subsidy and shortfall is computed from what was paid.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod place;

pub use place::{LineAmount, Place, PlaceLine, RefundOf};

use super::events::{Bearer, CancelledBy, ChargebackOutcome, DisputeCategory, DisputeParty, ExceptionKind};
use super::events::{LineQuantity, PaidBy, ReceivedBy, RuleClause, RuledFor, ShippingMode};
use crate::checkout::events::{PaymentPart, RefundPart};
use crate::{
    ChargebackId, Code, DisputeId, Money, PaymentId, ProviderId, Reference, RefundId, ReturnId, ReviewId,
};
use crate::{ShipmentId, Timestamp};

/// What may be asked of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
#[allow(clippy::large_enum_variant)] // one command at a time; boxing would only complicate its callers
pub enum OrderCommand {
    /// Places it.
    Place(Place),
    /// Holds it for review: it may not ship.
    Hold {
        /// Why.
        reason: String,
    },
    /// Lets it pass the review.
    Accept {},
    /// Cancels pieces that have not shipped, or that were lost or refused at the door; refunds their escrow.
    Cancel {
        /// Which, all that can be where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lines: Option<Vec<LineQuantity>>,
        /// Who cancels.
        by: CancelledBy,
        /// Why.
        reason: String,
        /// Id of the refund, used when the order is funded.
        refund: RefundId,
    },
    /// Deadline: cancels an order that nobody paid.
    CancelUnfunded {
        /// The due time from `OrderPlaced`.
        due: Timestamp,
    },
    /// Takes the money that its checkout reserved for it.
    Fund {
        /// By payment; may be empty where the shortfall or a subsidy covers all.
        parts: Vec<PaymentPart>,
        /// What the market adds because less was paid than was due.
        shortfall: Money,
    },
    /// Pieces leave the merchant.
    Ship {
        /// New within the order.
        shipment: ShipmentId,
        /// Which, all that can be where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lines: Option<Vec<LineQuantity>>,
        /// How they travel.
        mode: ShippingMode,
        /// Who carries them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        carrier: Option<Code>,
        /// The carrier's number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tracking: Option<Reference>,
    },
    /// A shipment passed customs.
    ClearCustoms {
        /// The shipment.
        shipment: ShipmentId,
        /// What was paid.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        duty: Option<Money>,
        /// By whom.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        paid_by: Option<PaidBy>,
    },
    /// A shipment arrived.
    Deliver {
        /// The shipment.
        shipment: ShipmentId,
    },
    /// Pieces are accepted; they are released in the same append unless something freezes them.
    ConfirmReceipt {
        /// Which, all that can be where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lines: Option<Vec<LineQuantity>>,
        /// How that was established.
        by: ReceivedBy,
    },
    /// Deadline: nobody objected to a shipment in time.
    ConfirmByTimeout {
        /// The shipment.
        shipment: ShipmentId,
        /// The due time from `OrderDelivered`.
        due: Timestamp,
    },
    /// Pieces are refused at the door.
    RefuseReceipt {
        /// Which, all that can be where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lines: Option<Vec<LineQuantity>>,
        /// Why.
        reason: String,
    },
    /// Something went wrong with a shipment; its timeout waits.
    ReportException {
        /// The shipment.
        shipment: ShipmentId,
        /// What.
        kind: ExceptionKind,
        /// More.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// It was put right.
    ResolveException {
        /// The shipment.
        shipment: ShipmentId,
        /// How.
        resolution: String,
    },
    /// Releases received pieces that a freeze had kept, now that it is over. Nothing to do: no event.
    Release {},
    /// Deadline: the after-sales window is over; completes the order when nothing is open.
    Complete {
        /// The due time from `EscrowReleased`.
        due: Timestamp,
    },
    /// The buyer reviews; scores of 1 to 5.
    PostReview {
        /// Unique within the order.
        review: ReviewId,
        /// Over all.
        overall: u8,
        /// The goods.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        goods: Option<u8>,
        /// The service.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        service: Option<u8>,
        /// The delivery.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        delivery: Option<u8>,
    },
    /// Refunds from escrow, before release.
    RefundEscrow {
        /// New within the order.
        refund: RefundId,
        /// What for.
        of: RefundOf,
        /// Why.
        reason: String,
    },
    /// Refunds after release.
    IssueRefund {
        /// New within the order.
        refund: RefundId,
        /// What for.
        of: RefundOf,
        /// Who bears it.
        borne_by: Bearer,
        /// Why.
        reason: String,
        /// The dispute it settles; for the deposit's share, the ruling that waits for it where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dispute: Option<DisputeId>,
    },
    /// A refund left the market.
    PayRefund {
        /// The refund.
        refund: RefundId,
        /// By payment, with the provider's references.
        parts: Vec<RefundPart>,
    },
    /// A paid refund came back.
    FailRefund {
        /// The refund.
        refund: RefundId,
        /// What came back.
        parts: Vec<RefundPart>,
        /// Why.
        reason: String,
    },
    /// A refund goes another way than it came.
    RerouteRefund {
        /// The refund.
        refund: RefundId,
        /// The provider that pays it instead.
        to: ProviderId,
        /// Why.
        reason: String,
    },
    /// The buyer wants to send pieces back.
    RequestReturn {
        /// New within the order.
        r#return: ReturnId,
        /// Which, all that can be where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lines: Option<Vec<LineQuantity>>,
        /// Why.
        reason: String,
    },
    /// The merchant agrees to a return.
    AcceptReturn {
        /// The return.
        r#return: ReturnId,
    },
    /// Deadline: the merchant did not answer a return in time, which accepts it.
    AcceptReturnByTimeout {
        /// The return.
        r#return: ReturnId,
        /// The due time from `ReturnRequested`.
        due: Timestamp,
    },
    /// The merchant refuses a return.
    RefuseReturn {
        /// The return.
        r#return: ReturnId,
        /// Why.
        reason: String,
    },
    /// Returned pieces arrived at the merchant.
    RecordGoodsReturned {
        /// The return.
        r#return: ReturnId,
        /// Which, all of the return that can be where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lines: Option<Vec<LineQuantity>>,
    },
    /// Charges the freight of a return.
    ChargeReturnFreight {
        /// The return.
        r#return: ReturnId,
        /// Above zero.
        amount: Money,
        /// Who bears it.
        to: PaidBy,
        /// Who was paid.
        provider: ProviderId,
    },
    /// The buyer wants other pieces.
    RequestExchange {
        /// New within the order.
        exchange: ReturnId,
        /// Which, all that can be where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lines: Option<Vec<LineQuantity>>,
        /// Why.
        reason: String,
    },
    /// The replacement leaves the merchant.
    ShipExchange {
        /// The exchange.
        exchange: ReturnId,
        /// The replacement's shipment.
        shipment: ShipmentId,
        /// Who carries it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        carrier: Option<Code>,
        /// The carrier's number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tracking: Option<Reference>,
    },
    /// The merchant refuses an exchange.
    RefuseExchange {
        /// The exchange.
        exchange: ReturnId,
        /// Why.
        reason: String,
    },
    /// Opens a dispute; its lines are not released while it lasts.
    OpenDispute {
        /// Unique.
        dispute: DisputeId,
        /// Who opens it.
        by: DisputeParty,
        /// What it is about.
        category: DisputeCategory,
        /// Gross; all that is left of the lines where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        claim: Option<Money>,
        /// Which, all where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lines: Option<Vec<LineQuantity>>,
        /// More.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// Hands in evidence.
    SubmitEvidence {
        /// The dispute.
        dispute: DisputeId,
        /// Whose.
        by: DisputeParty,
        /// Where it lies.
        document_ref: Reference,
    },
    /// The other side answers.
    AnswerDispute {
        /// The dispute.
        dispute: DisputeId,
        /// Who.
        by: DisputeParty,
        /// What.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer: Option<String>,
    },
    /// Asks the market to rule.
    EscalateDispute {
        /// The dispute.
        dispute: DisputeId,
        /// Who.
        by: DisputeParty,
    },
    /// The market rules. The refund is paid by the waterfall; its id is the dispute's.
    RuleDispute {
        /// The dispute.
        dispute: DisputeId,
        /// For whom. `merchant` refunds nothing; `buyer` the whole claim unless `refund` says less.
        r#for: RuledFor,
        /// Gross, at most the claim; needed for `split`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refund: Option<Money>,
        /// What the merchant pays the market on top; charged to its account.
        penalty: Money,
        /// The rule it rests on.
        rule: RuleClause,
        /// Why.
        reason: String,
    },
    /// Deadline: an unanswered dispute is ruled for the buyer.
    RuleUnanswered {
        /// The dispute.
        dispute: DisputeId,
        /// The due time from `DisputeOpened`.
        due: Timestamp,
    },
    /// A side asks for another look, before the appeal lapses.
    AppealDispute {
        /// The dispute.
        dispute: DisputeId,
        /// Who.
        by: DisputeParty,
        /// Why.
        reason: String,
    },
    /// On appeal the ruling stands.
    UpholdRuling {
        /// The dispute.
        dispute: DisputeId,
        /// Why.
        reason: String,
    },
    /// On appeal the ruling falls: the merchant is given back what it bore, or, when the buyer appealed, the
    /// dispute is open for another ruling.
    ReverseRuling {
        /// The dispute.
        dispute: DisputeId,
        /// Why.
        reason: String,
    },
    /// The side that opened a dispute takes it back.
    WithdrawDispute {
        /// The dispute.
        dispute: DisputeId,
        /// Who asks.
        by: DisputeParty,
    },
    /// Closes a ruled dispute: by the market when `due` is absent, else because nobody appealed by then.
    CloseDispute {
        /// The dispute.
        dispute: DisputeId,
        /// Deadline: the appeal time from `DisputeRuled`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<Timestamp>,
    },
    /// A bank takes this order's payment back, for now. Never refused for a placed order.
    OpenChargeback {
        /// The bank's case.
        chargeback: ChargebackId,
        /// The payment.
        payment: PaymentId,
        /// Its provider.
        provider: ProviderId,
        /// This order's part.
        amount: Money,
        /// The bank's reason.
        reason: String,
    },
    /// The bank decided. A later round of the same case may overturn an earlier one.
    CloseChargeback {
        /// The bank's case.
        chargeback: ChargebackId,
        /// How.
        outcome: ChargebackOutcome,
        /// This order's part.
        amount: Money,
        /// Round of the case, from 1.
        round: u32,
    },
}
