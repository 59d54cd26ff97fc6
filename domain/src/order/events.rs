//! Events of `order-{id}`: the sale, its escrow, its commission, its after-sales and disputes.
//!
//! All in one stream, because money moves only in step with goods and rulings. Escrow is kept per line.

use crate::checkout::events::{PaymentPart, RefundPart};
use crate::codec::{event, words};
use crate::schema::RateText;
use crate::{
    BuyerId, CampaignId, Category, ChargebackId, CheckoutId, Code, DisputeId, LineId, MerchantId, Money,
};
use crate::{
    PartyId, PaymentId, ProductId, ProviderId, Rate, Reference, RefundId, ReturnId, ReviewId, ShipmentId,
};
use crate::{Timestamp, VisitorId};

words! {
    /// Who cancelled an order.
    CancelledBy { Buyer = "buyer", Merchant = "merchant", Market = "market", Timeout = "timeout" }
}
words! {
    /// How receipt was established.
    ReceivedBy { Buyer = "buyer", Inspection = "inspection", Timeout = "timeout" }
}
words! {
    /// How goods travel.
    ShippingMode { Parcel = "parcel", Freight = "freight", Pickup = "pickup", Digital = "digital" }
}
words! {
    /// What went wrong with a shipment.
    ExceptionKind { Lost = "lost", Delayed = "delayed", Damaged = "damaged", Customs = "customs",
        Overflow = "overflow" }
}
words! {
    /// What a dispute is about.
    DisputeCategory { NotDelivered = "not_delivered", NotAsDescribed = "not_as_described", Quality = "quality",
        Damaged = "damaged", WrongItem = "wrong_item", Counterfeit = "counterfeit", Price = "price",
        Service = "service", Other = "other" }
}
words! {
    /// A party of a dispute.
    DisputeParty { Buyer = "buyer", Merchant = "merchant", Market = "market" }
}
words! {
    /// For whom a dispute was ruled.
    RuledFor { Buyer = "buyer", Merchant = "merchant", Split = "split" }
}
words! {
    /// Who bears a refund.
    Bearer { Merchant = "merchant", Deposit = "deposit", Platform = "platform" }
}
words! {
    /// How a chargeback ended.
    ChargebackOutcome { Won = "won", Lost = "lost" }
}
words! {
    /// Who pays duty or freight.
    PaidBy { Buyer = "buyer", Merchant = "merchant", Market = "market" }
}

event! {
    /// A number of pieces of one line.
    LineQuantity { line: LineId, quantity: u32 }
}
event! {
    /// What the market adds to an order for a campaign.
    Subsidy { campaign: CampaignId, amount: Money }
}
event! {
    /// Tax for a jurisdiction.
    TaxAmount { jurisdiction: Code, amount: Money }
}
event! {
    /// A line as sold. `quantity x unit_price - discount` is its goods amount, the base of commission; shipping,
    /// tax and subsidies are its shares of the order's.
    OrderLine {
        line: LineId,
        product: ProductId,
        category: Category,
        quantity: u32,
        unit_price: Money,
        /// The merchant's discount on the whole line.
        discount: Money,
        #[schemars(with = "RateText")]
        commission_rate: Rate,
        shipping: Money,
        tax: Money,
        subsidies: Vec<Subsidy>;
        list_price: Money,
    }
}
event! {
    /// By when the merchant promised to ship and deliver.
    Promise {; ship_by: Timestamp, deliver_by: Timestamp }
}
event! {
    /// An order was placed. total = goods + shipping + tax = buyer_pays + subsidies.
    OrderPlaced {
        checkout: CheckoutId,
        buyer: BuyerId,
        merchant: MerchantId,
        lines: Vec<OrderLine>,
        shipping: Money,
        subsidies: Vec<Subsidy>,
        buyer_pays: Money,
        total: Money,
        fee_schedule_version: u32,
        sales_channel: Code;
        tax: TaxAmount,
        /// VAT on the market's commission.
        #[schemars(with = "Option<RateText>")]
        vat_on_fees: Rate,
        promise: Promise,
        visitor: VisitorId,
        campaign: CampaignId,
        coupon: Reference,
        quote: Reference,
        group: Reference,
        agent: PartyId,
        /// Cancelled when it is not funded by then.
        funding_due: Timestamp,
    }
}
event! {
    /// Held for review.
    OrderHeld { reason: String }
}
event! {
    /// The review let it pass.
    OrderAccepted { by: PartyId }
}
event! {
    /// Pieces will not be delivered. What they hold in escrow goes back in the same append.
    OrderCancelled { lines: Vec<LineQuantity>, by: CancelledBy, reason: String }
}
event! {
    /// Pieces left the merchant.
    OrderShipped { shipment: ShipmentId, lines: Vec<LineQuantity>, mode: ShippingMode; carrier: Code,
        tracking: Reference }
}
event! {
    /// A shipment passed customs.
    CustomsCleared { shipment: ShipmentId; duty: Money, paid_by: PaidBy }
}
event! {
    /// A shipment arrived. Receipt is taken as confirmed at `release_due` when nobody objects.
    OrderDelivered { shipment: ShipmentId, release_due: Timestamp }
}
event! {
    /// Pieces are accepted.
    ReceiptConfirmed { lines: Vec<LineQuantity>, by: ReceivedBy }
}
event! {
    /// Pieces were refused at the door (签字检查).
    ReceiptRefused { lines: Vec<LineQuantity>, reason: String }
}
event! {
    /// Something went wrong on the way.
    ShipmentException { shipment: ShipmentId, kind: ExceptionKind; detail: String }
}
event! {
    /// It was put right.
    ShipmentExceptionResolved { shipment: ShipmentId, resolution: String }
}
event! {
    /// Every line is released, refunded or cancelled, and the after-sales window is over.
    OrderCompleted {}
}
event! {
    /// A buyer's review, scores of 1 to 5; of an order, or of a basket that never became one.
    ReviewPosted { review: ReviewId, overall: u8; goods: u8, service: u8, delivery: u8 }
}

event! {
    /// The order's money is in escrow. paid + shortfall + subsidies = total.
    EscrowFunded {
        parts: Vec<PaymentPart>,
        shortfall: Money,
        subsidies: Vec<Subsidy>;
        /// When nothing has shipped by then, the buyer may cancel without the merchant.
        ship_due: Timestamp,
    }
}
event! {
    /// What a line's pieces bring to the merchant and the tax office.
    LineRelease { line: LineId, quantity: u32, to_merchant: Money, tax: Money }
}
event! {
    /// Escrow becomes the merchant's pending balance, and tax due.
    EscrowReleased {
        lines: Vec<LineRelease>,
        to_merchant: Money;
        tax: TaxAmount,
        /// The after-sales window closes then; the order completes when nothing is open.
        after_sales_until: Timestamp,
    }
}
event! {
    /// What a refund takes from a line, gross; `merchant_base` is by how much the commission base shrinks.
    /// `quantity` is 0 for an amount that is not for whole pieces, and where `OrderCancelled` of the same append
    /// already names the pieces.
    LineRefund { line: LineId, quantity: u32, gross: Money, merchant_base: Money }
}
event! {
    /// Escrow goes back: to the buyer, and what the market had added to the market.
    /// gross = to_buyer + subsidies_back + shortfall_back; `tax_back` says how much of it was tax.
    EscrowRefunded {
        refund: RefundId,
        lines: Vec<LineRefund>,
        to_buyer: Money,
        subsidies_back: Vec<Subsidy>,
        shortfall_back: Money,
        /// Where `to_buyer` goes back to, by the payments it came from.
        parts: Vec<PaymentPart>,
        reason: String;
        tax_back: TaxAmount,
        dispute: DisputeId,
    }
}
event! {
    /// A refund left the market.
    RefundPaid { refund: RefundId, parts: Vec<RefundPart> }
}
event! {
    /// A refund that had been paid came back: it is owed again.
    RefundFailed { refund: RefundId, parts: Vec<RefundPart>, reason: String }
}
event! {
    /// A refund goes another way than it came: boletos and closed cards.
    RefundRerouted { refund: RefundId, to: ProviderId, reason: String }
}
event! {
    /// Commission of one line: rate x change of base.
    CommissionLine {
        line: LineId,
        category: Category,
        base: Money,
        #[schemars(with = "RateText")]
        rate: Rate,
        amount: Money,
    }
}
event! {
    /// Commission on released pieces, and the VAT on it.
    CommissionCharged { lines: Vec<CommissionLine>, amount: Money, vat: Money }
}
event! {
    /// Commission given back as the base shrank. Amounts are positive.
    CommissionReversed { lines: Vec<CommissionLine>, amount: Money, vat: Money, because: String }
}

event! {
    /// The buyer wants to send pieces back.
    ReturnRequested {
        r#return: ReturnId,
        lines: Vec<LineQuantity>,
        reason: String;
        /// Accepted when the merchant has not answered by then.
        answer_due: Timestamp,
    }
}
event! {
    /// The merchant agrees.
    ReturnAccepted { r#return: ReturnId, by: PartyId }
}
event! {
    /// The merchant does not.
    ReturnRefused { r#return: ReturnId, reason: String }
}
event! {
    /// The pieces are back.
    GoodsReturned { r#return: ReturnId, lines: Vec<LineQuantity> }
}
event! {
    /// Freight of a return, charged to the merchant's pending balance or left with the market.
    ReturnFreightCharged { r#return: ReturnId, amount: Money, to: PaidBy, provider: ProviderId }
}
event! {
    /// The buyer wants other pieces.
    ExchangeRequested { exchange: ReturnId, lines: Vec<LineQuantity>, reason: String }
}
event! {
    /// The replacement left.
    ExchangeShipped { exchange: ReturnId, shipment: ShipmentId; carrier: Code, tracking: Reference }
}
event! {
    /// The merchant does not exchange.
    ExchangeRefused { exchange: ReturnId, reason: String }
}
event! {
    /// A bearer's share of a refund. gross = to_buyer + subsidies_back + shortfall_back for merchant and deposit;
    /// the market's own share is to_buyer alone. `tax_back` is the tax returned within the gross.
    RefundShare { by: Bearer, gross: Money, to_buyer: Money, subsidies_back: Vec<Subsidy>, shortfall_back: Money;
        tax_back: TaxAmount }
}
event! {
    /// A refund after release. One bearer each: a refund of several bearers is several events of the same id.
    RefundIssued {
        refund: RefundId,
        lines: Vec<LineRefund>,
        to_buyer: Money,
        borne_by: Vec<RefundShare>,
        /// Where it goes back to, by the payments it came from.
        parts: Vec<PaymentPart>,
        reason: String;
        dispute: DisputeId,
    }
}

event! {
    /// A dispute was opened. `claim` is gross.
    DisputeOpened {
        dispute: DisputeId,
        by: DisputeParty,
        category: DisputeCategory,
        claim: Money,
        lines: Vec<LineQuantity>,
        /// Ruled for the buyer when the other side has not answered by then.
        answer_due: Timestamp;
        detail: String,
    }
}
event! {
    /// Evidence was handed in.
    EvidenceSubmitted { dispute: DisputeId, by: DisputeParty, document_ref: Reference }
}
event! {
    /// The other side answered.
    DisputeAnswered { dispute: DisputeId, by: DisputeParty; answer: String }
}
event! {
    /// The market takes it over.
    DisputeEscalated { dispute: DisputeId, by: DisputeParty }
}
event! {
    /// The rule a ruling rests on.
    RuleClause { version: u32, clause: Code }
}
event! {
    /// What another stream said when a ruling was made, with its version.
    ReadVersion { stream: Reference, version: u64 }
}
event! {
    /// The market ruled. `refund` is gross and already counts what was refunded since the dispute opened;
    /// `from_escrow` and `borne_by` say how the waterfall bears it: escrow, merchant, deposit, platform.
    DisputeRuled {
        dispute: DisputeId,
        r#for: RuledFor,
        refund: Money,
        penalty: Money,
        from_escrow: Money,
        from_merchant: Money,
        from_deposit: Money,
        from_platform: Money,
        rule: RuleClause,
        reason: String,
        reads: Vec<ReadVersion>,
        /// Final when nobody appeals by then; the merchant's share stays held until it is.
        appeal_due: Timestamp;
        by: PartyId,
    }
}
event! {
    /// A side asks for another look.
    DisputeAppealed { dispute: DisputeId, by: DisputeParty, reason: String, answer_due: Timestamp }
}
event! {
    /// The ruling stands.
    RulingUpheld { dispute: DisputeId, reason: String }
}
event! {
    /// The ruling was wrong: the market gives back, at its own cost, what the merchant and its deposit bore.
    RulingReversed {
        dispute: DisputeId,
        to_merchant: Money,
        to_deposit: Money,
        reason: String;
        /// The ruling's penalty, given back on the merchant's account.
        penalty_back: Money,
    }
}
event! {
    /// The side that opened it took it back; `DisputeClosed` follows in the same append.
    DisputeWithdrawn { dispute: DisputeId }
}
event! {
    /// Nothing more is open in it.
    DisputeClosed { dispute: DisputeId }
}
event! {
    /// A bank takes this order's payment back, for now (from the checkout). Freezes it.
    ChargebackOpened { chargeback: ChargebackId, payment: PaymentId, provider: ProviderId, amount: Money,
        reason: String }
}
event! {
    /// What a lost chargeback takes from escrow. gross = to_buyer + subsidies_back + shortfall_back.
    EscrowTaken { lines: Vec<LineRefund>, to_buyer: Money, subsidies_back: Vec<Subsidy>, shortfall_back: Money;
        tax_back: TaxAmount }
}
event! {
    /// The bank decided (from the checkout). When lost: `amount` = what escrow and the bearers give to the
    /// bank + `from_refunds` + `loss`, which the buyer had got back before and is the market's. `lines` names first those of the merchant's
    /// share, then those of the market's.
    ChargebackClosed {
        chargeback: ChargebackId,
        payment: PaymentId,
        provider: ProviderId,
        outcome: ChargebackOutcome,
        amount: Money,
        round: u32,
        borne_by: Vec<RefundShare>,
        lines: Vec<LineRefund>,
        loss: Money;
        from_escrow: EscrowTaken,
        /// Of the merchant's share, what its balance does not cover: its deposit makes that good.
        from_deposit: Money,
        /// What refunds still owed the buyer, who now has it from the bank: it is owed no longer.
        from_refunds: Money,
    }
}
