//! What happens to a basket: a script of commands with their times, fixed when the basket is filled.
//!
//! The stories together show every road through the deciders: shipped whole and in parts, late and lost parcels,
//! refused at the door, cancelled, refunded before and after release, returned, exchanged, disputed with every
//! outcome, charged back, never paid, paid too late, paid too much.

use daybook_domain::checkout::commands::CheckoutCommand;
use daybook_domain::checkout::events::{OrderDue, PaymentMethod};
use daybook_domain::order::commands::{OrderCommand, Place, PlaceLine, RefundOf};
use daybook_domain::order::events::{
    Bearer, CancelledBy, DisputeCategory, DisputeParty, ExceptionKind, LineQuantity, Promise, ReceivedBy,
    RuleClause, RuledFor, ShippingMode, Subsidy, TaxAmount,
};
use daybook_domain::time::{DAY, SECOND};
use daybook_domain::{CheckoutId, Currency, DisputeId, Money, OrderId, Timestamp};
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::cast::Seller;
use super::{Script, text};
use crate::AnyCommand;

const HOUR: i64 = 3_600 * SECOND;

/// A story of one order, with how often it is told in a thousand.
const STORIES: [(Story, u32); 30] = [
    (Story::Plain, 610),
    (Story::InParts, 60),
    (Story::Late, 30),
    (Story::Lost, 15),
    (Story::RefusedAtDoor, 10),
    (Story::Cancelled, 40),
    (Story::PartlyCancelled, 15),
    (Story::HeldForReview, 10),
    (Story::PriceAdjusted, 20),
    (Story::RefundedAfter, 25),
    (Story::Goodwill, 10),
    (Story::Returned, 40),
    (Story::ReturnRefused, 8),
    (Story::Exchanged, 10),
    (Story::DisputeUnanswered, 8),
    (Story::DisputeForBuyer, 8),
    (Story::DisputeForMerchant, 8),
    (Story::DisputeSplit, 8),
    (Story::DisputeWithdrawn, 6),
    (Story::DisputeAfterRelease, 8),
    (Story::AppealUpheld, 5),
    (Story::AppealReversed, 5),
    (Story::ChargebackWon, 4),
    (Story::ChargebackLost, 4),
    (Story::ChargebackAfterRelease, 4),
    (Story::ChargebackAfterRefund, 3),
    (Story::NeverPaid, 16),
    (Story::PaidTooLate, 4),
    (Story::PaidTooMuch, 4),
    (Story::PaidTwice, 2),
];

/// What becomes of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the names say it
pub enum Story {
    Plain,
    InParts,
    Late,
    Lost,
    RefusedAtDoor,
    Cancelled,
    PartlyCancelled,
    HeldForReview,
    PriceAdjusted,
    RefundedAfter,
    Goodwill,
    Returned,
    ReturnRefused,
    Exchanged,
    DisputeUnanswered,
    DisputeForBuyer,
    DisputeForMerchant,
    DisputeSplit,
    DisputeWithdrawn,
    DisputeAfterRelease,
    AppealUpheld,
    AppealReversed,
    ChargebackWon,
    ChargebackLost,
    ChargebackAfterRelease,
    ChargebackAfterRefund,
    NeverPaid,
    PaidTooLate,
    PaidTooMuch,
    PaidTwice,
}

impl Story {
    /// A sentence for the tour.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Plain => "shipped, delivered, received",
            Self::InParts => "shipped in two parts",
            Self::Late => "a late parcel",
            Self::Lost => "a lost parcel, refunded from escrow",
            Self::RefusedAtDoor => "refused at the door",
            Self::Cancelled => "cancelled before shipping",
            Self::PartlyCancelled => "one line cancelled, the rest shipped",
            Self::HeldForReview => "held for review, then accepted",
            Self::PriceAdjusted => "a partial refund before release",
            Self::RefundedAfter => "a partial refund after release, at the merchant's cost",
            Self::Goodwill => "a refund after release, at the market's cost",
            Self::Returned => "returned and refunded",
            Self::ReturnRefused => "a refused return that became a dispute",
            Self::Exchanged => "exchanged",
            Self::DisputeUnanswered => "a dispute nobody answered, ruled for the buyer",
            Self::DisputeForBuyer => "a dispute ruled for the buyer, with a penalty",
            Self::DisputeForMerchant => "a dispute ruled for the merchant",
            Self::DisputeSplit => "a dispute ruled by halves",
            Self::DisputeWithdrawn => "a dispute withdrawn",
            Self::DisputeAfterRelease => "a dispute after release, paid by the waterfall",
            Self::AppealUpheld => "a ruling upheld on appeal",
            Self::AppealReversed => "a ruling reversed on appeal",
            Self::ChargebackWon => "a chargeback won",
            Self::ChargebackLost => "a chargeback lost from escrow",
            Self::ChargebackAfterRelease => "a chargeback lost after release",
            Self::ChargebackAfterRefund => "a chargeback of what was refunded already",
            Self::NeverPaid => "never paid, expired",
            Self::PaidTooLate => "paid after it had expired, paid back",
            Self::PaidTooMuch => "paid too much, the rest unallocated",
            Self::PaidTwice => "paid twice, the second unallocated as a duplicate",
        }
    }
}

/// Draws a story.
fn draw(rng: &mut ChaCha8Rng) -> Story {
    let total: u32 = STORIES.iter().map(|(_, weight)| weight).sum();
    let mut at = rng.random_range(0..total);
    for (story, weight) in STORIES {
        if at < weight {
            return story;
        }
        at -= weight;
    }
    Story::Plain
}

/// One basket: its checkout, its orders, and all that will happen to them.
pub struct Basket<'a> {
    rng: &'a mut ChaCha8Rng,
    currency: Currency,
    checkout: CheckoutId,
    script: &'a mut Script,
}

/// What a basket told, for the report: each order with its story.
pub type Told = Vec<(OrderId, Story)>;

/// Numbers that tell baskets and orders apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Baskets so far.
    pub baskets: u32,
    /// Orders so far.
    pub orders: u32,
}

/// Fills a basket at `at` and writes its script.
pub fn basket(
    rng: &mut ChaCha8Rng,
    sellers: &[Seller],
    counters: &mut Counters,
    at: Timestamp,
    currency: Currency,
    script: &mut Script,
) -> Told {
    counters.baskets += 1;
    let story = draw(rng);
    // what happens to the payment happens to the whole basket: told of one order
    let alone = matches!(
        story,
        Story::NeverPaid
            | Story::PaidTooLate
            | Story::PaidTooMuch
            | Story::PaidTwice
            | Story::ChargebackWon
            | Story::ChargebackLost
            | Story::ChargebackAfterRelease
            | Story::ChargebackAfterRefund
    );
    let merchants = if alone || rng.random_range(0..100) < 80 { 1 } else { rng.random_range(2..=3) };
    // a few merchants sell most: the smaller of two draws
    let mut chosen: Vec<usize> = Vec::new();
    while chosen.len() < merchants.min(sellers.len()) {
        let n = rng.random_range(0..sellers.len()).min(rng.random_range(0..sellers.len()));
        if !chosen.contains(&n) {
            chosen.push(n);
        }
    }
    let buyer: u32 = rng.random_range(0..4_000u32).min(rng.random_range(0..4_000u32));
    let mut basket = Basket { rng, currency, checkout: text(&format!("c-{:06}", counters.baskets)), script };
    let mut told = Told::new();
    let mut dues = Vec::new();
    let mut placed = Vec::new();
    for (n, seller) in chosen.iter().map(|i| &sellers[*i]).enumerate() {
        counters.orders += 1;
        let order: OrderId = text(&format!("o-{:06}", counters.orders));
        let place = basket.place(seller, &format!("b-{buyer:04}"), at);
        dues.push(OrderDue { order, merchant: seller.id, buyer_pays: buyer_pays(&place) });
        let story = if n == 0 { story } else { draw_single(basket.rng) };
        let whole = story == Story::InParts && place.lines.len() == 1;
        told.push((order, if whole { Story::Plain } else { story }));
        placed.push((order, place));
    }
    let due = dues.iter().map(|d| d.buyer_pays.minor).sum::<i64>();
    basket.checkout(
        at,
        CheckoutCommand::Open {
            buyer: text(&format!("b-{buyer:04}")),
            currency,
            orders: dues,
            expires: None,
        },
    );
    for (order, place) in &placed {
        basket.order(at, *order, OrderCommand::Place(place.clone()));
    }
    let paid_at = basket.pay(at, story, Money::new(due, currency));
    if let Some(paid_at) = paid_at {
        for ((order, story), (_, place)) in told.iter().zip(&placed) {
            basket.tell(*order, *story, place, paid_at);
        }
    }
    told
}

/// A story for a further order of a basket: none that is told of the payment.
fn draw_single(rng: &mut ChaCha8Rng) -> Story {
    *[Story::Plain, Story::Plain, Story::Plain, Story::InParts, Story::Returned, Story::Cancelled]
        .choose(rng)
        .unwrap_or(&Story::Plain)
}

fn goods(line: &PlaceLine) -> i64 {
    line.unit_price.minor * i64::from(line.quantity) - line.discount.minor
}

fn buyer_pays(place: &Place) -> Money {
    let goods: i64 = place.lines.iter().map(goods).sum();
    let tax = place.tax.as_ref().map_or(0, |t| t.amount.minor);
    let subsidies: i64 = place.subsidies.iter().map(|s| s.amount.minor).sum();
    Money::new(goods + place.shipping.minor + tax - subsidies, place.shipping.currency)
}

impl Basket<'_> {
    fn checkout(&mut self, at: Timestamp, command: CheckoutCommand) {
        self.script.push(at, AnyCommand::Checkout { id: self.checkout, command });
    }

    fn order(&mut self, at: Timestamp, order: OrderId, command: OrderCommand) {
        self.script.push(at, AnyCommand::Order { id: order, command });
    }

    fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.currency)
    }

    /// Up to `days`, at least an hour.
    fn within(&mut self, days: i64) -> i64 {
        self.rng.random_range(HOUR..days * DAY) / SECOND * SECOND
    }

    fn place(&mut self, seller: &Seller, buyer: &str, at: Timestamp) -> Place {
        let mut products = seller.products.clone();
        products.shuffle(self.rng);
        let lines: Vec<PlaceLine> = products[..self.rng.random_range(1..=3)]
            .iter()
            .enumerate()
            .map(|(n, product)| {
                let quantity =
                    if self.rng.random_range(0..4) == 0 { self.rng.random_range(2..=4) } else { 1 };
                let discount = if self.rng.random_range(0..5) == 0 { product.price.minor / 10 } else { 0 };
                PlaceLine {
                    line: text(&format!("{}", n + 1)),
                    product: product.id,
                    category: product.category,
                    quantity,
                    unit_price: product.price,
                    discount: self.money(discount),
                    list_price: None,
                    commission_rate: None,
                    shipping: None,
                    tax: None,
                    subsidies: None,
                }
            })
            .collect();
        let worth: i64 = lines.iter().map(goods).sum();
        let shipping = self.money(if worth > 20_000 { 0 } else { 800 });
        let subsidies = if self.rng.random_range(0..6) == 0 {
            let campaign = if self.rng.random_range(0..2) == 0 { "autumn-sale" } else { "new-buyers" };
            vec![Subsidy { campaign: text(campaign), amount: self.money((worth / 20).max(1)) }]
        } else {
            Vec::new()
        };
        // goods from abroad are taxed on import
        let tax = (self.rng.random_range(0..12) == 0)
            .then(|| TaxAmount { jurisdiction: text("CN-import"), amount: self.money(worth * 91 / 1_000) });
        Place {
            checkout: self.checkout,
            buyer: text(buyer),
            merchant: seller.id,
            lines,
            shipping,
            tax,
            subsidies,
            sales_channel: text(if self.rng.random_range(0..3) == 0 { "app" } else { "own-store" }),
            promise: Some(Promise { ship_by: Some(at.plus_days(2)), deliver_by: Some(at.plus_days(7)) }),
            visitor: None,
            campaign: None,
            coupon: None,
            quote: None,
            group: None,
            agent: None,
            vat_on_fees: None,
            funding_due: None,
        }
    }

    /// The buyer pays, or does not; returns when.
    fn pay(&mut self, at: Timestamp, story: Story, due: Money) -> Option<Timestamp> {
        let paid_at = match story {
            Story::NeverPaid => return None,
            Story::PaidTooLate => at.plus(30 * HOUR),
            _ => at.plus(self.rng.random_range(1..90) * 60 * SECOND),
        };
        let mut left = due.minor;
        // a voucher of a third party first, now and then
        if left > 10_000 && story != Story::PaidTooLate && self.rng.random_range(0..10) == 0 {
            self.capture(paid_at, "voucher", PaymentMethod::ThirdPartyVoucher, "mealcard", self.money(5_000));
            left -= 5_000;
        }
        let (method, provider) = match self.rng.random_range(0..10) {
            0..=3 => (PaymentMethod::Wallet, "alipay"),
            4..=7 => (PaymentMethod::Wallet, "wechatpay"),
            _ => (PaymentMethod::Card, "unionpay"),
        };
        if self.rng.random_range(0..25) == 0 {
            self.checkout(
                at.plus(30 * SECOND),
                CheckoutCommand::FailPayment {
                    payment: text("failed"),
                    provider: text(provider),
                    reason: "declined".into(),
                },
            );
        }
        let extra = if story == Story::PaidTooMuch { 1_000 } else { 0 };
        self.capture(paid_at.plus(SECOND), "main", method, provider, self.money(left + extra));
        if story == Story::PaidTwice {
            self.capture(paid_at.plus(60 * SECOND), "again", method, provider, self.money(left));
        }
        (story != Story::PaidTooLate).then_some(paid_at.plus(SECOND))
    }

    fn capture(
        &mut self,
        at: Timestamp,
        payment: &str,
        method: PaymentMethod,
        provider: &str,
        amount: Money,
    ) {
        let fee = self.money(amount.minor * 6 / 1_000);
        let reference = format!("{provider}/{}/{payment}", self.checkout);
        self.checkout(
            at,
            CheckoutCommand::Capture {
                payment: text(payment),
                method,
                provider: text(provider),
                provider_ref: text(&reference),
                amount,
                fee: Some(fee),
                instalments: None,
            },
        );
    }

    fn ship(&mut self, at: Timestamp, order: OrderId, shipment: &str, lines: Option<Vec<LineQuantity>>) {
        let tracking = format!("SF{}{}", &order.as_str()[2..], shipment);
        self.order(
            at,
            order,
            OrderCommand::Ship {
                shipment: text(shipment),
                lines,
                mode: ShippingMode::Parcel,
                carrier: Some(text("sf-express")),
                tracking: Some(text(&tracking)),
            },
        );
    }

    fn deliver(&mut self, at: Timestamp, order: OrderId, shipment: &str) {
        self.order(at, order, OrderCommand::Deliver { shipment: text(shipment) });
    }

    /// Ships all and delivers it; returns when it arrived.
    fn ship_and_deliver(&mut self, paid: Timestamp, order: OrderId) -> Timestamp {
        let shipped = paid.plus(self.within(2));
        self.ship(shipped, order, "s1", None);
        let delivered = shipped.plus(DAY + self.within(4));
        self.deliver(delivered, order, "s1");
        delivered
    }

    /// The buyer confirms, or lets the timeout do it; returns when it will have been released.
    fn receive(&mut self, delivered: Timestamp, order: OrderId, sure: bool) -> Timestamp {
        let released = if sure || self.rng.random_range(0..10) < 6 {
            let confirmed = delivered.plus(self.within(4));
            self.order(confirmed, order, OrderCommand::ConfirmReceipt { lines: None, by: ReceivedBy::Buyer });
            confirmed
        } else {
            delivered.plus_days(10)
        };
        if self.rng.random_range(0..2) == 0 {
            let overall = *[5, 5, 5, 5, 5, 4, 4, 3, 2, 1].choose(self.rng).unwrap_or(&5);
            self.order(
                released.plus(HOUR),
                order,
                OrderCommand::PostReview {
                    review: text(&format!("r-{order}")),
                    overall,
                    goods: Some(overall),
                    service: Some(overall.max(2)),
                    delivery: None,
                },
            );
        }
        released
    }

    fn tell(&mut self, order: OrderId, story: Story, place: &Place, paid: Timestamp) {
        let first = LineQuantity { line: place.lines[0].line, quantity: place.lines[0].quantity };
        match story {
            Story::InParts if place.lines.len() > 1 => self.in_parts(order, first, paid),
            Story::Plain | Story::InParts | Story::PaidTooMuch | Story::PaidTwice => {
                let delivered = self.ship_and_deliver(paid, order);
                self.receive(delivered, order, false);
            }
            Story::NeverPaid | Story::PaidTooLate => {}
            Story::Late => {
                let shipped = paid.plus(DAY);
                self.ship(shipped, order, "s1", None);
                self.exception(shipped.plus_days(4), order, ExceptionKind::Delayed);
                self.order(
                    shipped.plus_days(7),
                    order,
                    OrderCommand::ResolveException { shipment: text("s1"), resolution: "found".into() },
                );
                self.deliver(shipped.plus_days(8), order, "s1");
                self.receive(shipped.plus_days(8), order, true);
            }
            Story::Lost => {
                self.ship(paid.plus(DAY), order, "s1", None);
                self.exception(paid.plus_days(9), order, ExceptionKind::Lost);
                self.cancel(paid.plus_days(10), order, None, CancelledBy::Market, "parcel lost");
            }
            Story::RefusedAtDoor => {
                let delivered = self.ship_and_deliver(paid, order);
                self.order(
                    delivered.plus(600 * SECOND),
                    order,
                    OrderCommand::RefuseReceipt { lines: None, reason: "box open".into() },
                );
                self.cancel(delivered.plus(DAY), order, None, CancelledBy::Market, "refused at the door");
            }
            Story::Cancelled => {
                let at = paid.plus(self.within(1));
                // the buyer may cancel alone only when shipping is overdue
                self.cancel(at, order, None, CancelledBy::Merchant, "the buyer changed their mind");
            }
            Story::PartlyCancelled => {
                self.cancel(paid.plus(HOUR), order, Some(vec![first]), CancelledBy::Merchant, "out of stock");
                if place.lines.len() > 1 {
                    let delivered = self.ship_and_deliver(paid.plus(2 * HOUR), order);
                    self.receive(delivered, order, true);
                }
            }
            Story::HeldForReview => {
                self.order(
                    paid.plus(60 * SECOND),
                    order,
                    OrderCommand::Hold { reason: "unusual amount".into() },
                );
                self.order(paid.plus(5 * HOUR), order, OrderCommand::Accept {});
                let delivered = self.ship_and_deliver(paid.plus(6 * HOUR), order);
                self.receive(delivered, order, false);
            }
            Story::PriceAdjusted => {
                let amount = self.money((goods(&place.lines[0]) / 10).max(1));
                self.order(
                    paid.plus(3 * HOUR),
                    order,
                    OrderCommand::RefundEscrow {
                        refund: text("rf-price"),
                        of: RefundOf::Amount(amount),
                        reason: "price protection".into(),
                    },
                );
                let delivered = self.ship_and_deliver(paid.plus(4 * HOUR), order);
                self.receive(delivered, order, true);
            }
            Story::RefundedAfter | Story::Goodwill => {
                let delivered = self.ship_and_deliver(paid, order);
                let released = self.receive(delivered, order, true);
                let borne_by = if story == Story::Goodwill { Bearer::Platform } else { Bearer::Merchant };
                let amount = self.money((goods(&place.lines[0]) / 5).max(1));
                self.order(
                    released.plus_days(2),
                    order,
                    OrderCommand::IssueRefund {
                        refund: text("rf-after"),
                        of: RefundOf::Amount(amount),
                        borne_by,
                        reason: "small damage".into(),
                        dispute: None,
                    },
                );
            }
            Story::Returned => self.returned(order, first, paid, true),
            Story::ReturnRefused => self.returned(order, first, paid, false),
            Story::Exchanged => self.exchanged(order, first, paid),
            Story::ChargebackWon
            | Story::ChargebackLost
            | Story::ChargebackAfterRelease
            | Story::ChargebackAfterRefund => self.charged_back(order, story, place, paid),
            _ => self.disputed(order, story, paid),
        }
    }

    fn in_parts(&mut self, order: OrderId, first: LineQuantity, paid: Timestamp) {
        self.ship(paid.plus(DAY), order, "s1", Some(vec![first]));
        self.ship(paid.plus(2 * DAY), order, "s2", None);
        self.deliver(paid.plus(4 * DAY), order, "s1");
        self.deliver(paid.plus(5 * DAY + HOUR), order, "s2");
        self.receive(paid.plus(5 * DAY + HOUR), order, true);
    }

    fn exception(&mut self, at: Timestamp, order: OrderId, kind: ExceptionKind) {
        self.order(at, order, OrderCommand::ReportException { shipment: text("s1"), kind, detail: None });
    }

    fn cancel(
        &mut self,
        at: Timestamp,
        order: OrderId,
        lines: Option<Vec<LineQuantity>>,
        by: CancelledBy,
        reason: &str,
    ) {
        let command = OrderCommand::Cancel { lines, by, reason: reason.into(), refund: text("rf-cancel") };
        self.order(at, order, command);
    }

    fn returned(&mut self, order: OrderId, first: LineQuantity, paid: Timestamp, accepted: bool) {
        let delivered = self.ship_and_deliver(paid, order);
        let released = self.receive(delivered, order, true);
        let asked = released.plus_days(1);
        self.order(
            asked,
            order,
            OrderCommand::RequestReturn {
                r#return: text("rt-1"),
                lines: Some(vec![first.clone()]),
                reason: "does not fit".into(),
            },
        );
        if !accepted {
            self.order(
                asked.plus_days(1),
                order,
                OrderCommand::RefuseReturn { r#return: text("rt-1"), reason: "worn".into() },
            );
            self.dispute(asked.plus_days(2), order, DisputeCategory::Quality);
            self.answer(asked.plus_days(3), order);
            self.rule(asked.plus_days(4), order, RuledFor::Merchant, 0);
            return;
        }
        if self.rng.random_range(0..3) > 0 {
            self.order(asked.plus(6 * HOUR), order, OrderCommand::AcceptReturn { r#return: text("rt-1") });
        }
        let back = asked.plus_days(5);
        self.order(back, order, OrderCommand::RecordGoodsReturned { r#return: text("rt-1"), lines: None });
        self.order(
            back.plus(HOUR),
            order,
            OrderCommand::IssueRefund {
                refund: text("rf-return"),
                of: RefundOf::Pieces(vec![first]),
                borne_by: Bearer::Merchant,
                reason: "goods returned".into(),
                dispute: None,
            },
        );
    }

    fn exchanged(&mut self, order: OrderId, first: LineQuantity, paid: Timestamp) {
        let delivered = self.ship_and_deliver(paid, order);
        let released = self.receive(delivered, order, true);
        self.order(
            released.plus_days(1),
            order,
            OrderCommand::RequestExchange {
                exchange: text("ex-1"),
                lines: Some(vec![first]),
                reason: "wrong size".into(),
            },
        );
        let tracking = format!("SF{}X", &order.as_str()[2..]);
        self.order(
            released.plus_days(3),
            order,
            OrderCommand::ShipExchange {
                exchange: text("ex-1"),
                shipment: text("x1"),
                carrier: Some(text("sf-express")),
                tracking: Some(text(&tracking)),
            },
        );
    }

    fn dispute_id(order: OrderId) -> DisputeId {
        text(&format!("d-{order}"))
    }

    fn dispute(&mut self, at: Timestamp, order: OrderId, category: DisputeCategory) {
        self.order(
            at,
            order,
            OrderCommand::OpenDispute {
                dispute: Self::dispute_id(order),
                by: DisputeParty::Buyer,
                category,
                claim: None,
                lines: None,
                detail: None,
            },
        );
    }

    fn answer(&mut self, at: Timestamp, order: OrderId) {
        let dispute = Self::dispute_id(order);
        self.order(
            at,
            order,
            OrderCommand::AnswerDispute {
                dispute,
                by: DisputeParty::Merchant,
                answer: Some("as described".into()),
            },
        );
        self.order(
            at.plus(HOUR),
            order,
            OrderCommand::SubmitEvidence {
                dispute,
                by: DisputeParty::Merchant,
                document_ref: text(&format!("photo/{order}")),
            },
        );
        self.order(
            at.plus(2 * HOUR),
            order,
            OrderCommand::EscalateDispute { dispute, by: DisputeParty::Buyer },
        );
    }

    fn rule(&mut self, at: Timestamp, order: OrderId, r#for: RuledFor, penalty: i64) {
        let refund = (r#for == RuledFor::Split).then(|| self.money(500));
        self.order(
            at,
            order,
            OrderCommand::RuleDispute {
                dispute: Self::dispute_id(order),
                r#for,
                refund,
                penalty: self.money(penalty),
                rule: RuleClause { version: 1, clause: text("goods-4.2") },
                reason: "evidence weighed".into(),
            },
        );
    }

    fn disputed(&mut self, order: OrderId, story: Story, paid: Timestamp) {
        let delivered = self.ship_and_deliver(paid, order);
        let after = matches!(story, Story::DisputeAfterRelease | Story::AppealUpheld | Story::AppealReversed);
        let opened =
            if after { self.receive(delivered, order, true).plus_days(3) } else { delivered.plus(DAY) };
        let category = *DisputeCategory::ALL.choose(self.rng).unwrap_or(&DisputeCategory::Other);
        self.dispute(opened, order, category);
        if story == Story::DisputeUnanswered {
            return;
        }
        if story == Story::DisputeWithdrawn {
            let dispute = Self::dispute_id(order);
            self.order(
                opened.plus_days(1),
                order,
                OrderCommand::WithdrawDispute { dispute, by: DisputeParty::Buyer },
            );
            self.receive(opened.plus_days(2), order, true);
            return;
        }
        self.answer(opened.plus_days(1), order);
        let ruled = opened.plus_days(2);
        match story {
            Story::DisputeForMerchant => self.rule(ruled, order, RuledFor::Merchant, 0),
            Story::DisputeSplit => self.rule(ruled, order, RuledFor::Split, 0),
            Story::DisputeForBuyer => self.rule(ruled, order, RuledFor::Buyer, 5_000),
            _ => self.rule(ruled, order, RuledFor::Buyer, 0),
        }
        let dispute = Self::dispute_id(order);
        if matches!(story, Story::AppealUpheld | Story::AppealReversed) {
            self.order(
                ruled.plus_days(1),
                order,
                OrderCommand::AppealDispute {
                    dispute,
                    by: DisputeParty::Merchant,
                    reason: "new evidence".into(),
                },
            );
            let reason = "looked at again".to_owned();
            let end = if story == Story::AppealUpheld {
                OrderCommand::UpholdRuling { dispute, reason }
            } else {
                OrderCommand::ReverseRuling { dispute, reason }
            };
            self.order(ruled.plus_days(3), order, end);
        }
    }

    fn charged_back(&mut self, order: OrderId, story: Story, place: &Place, paid: Timestamp) {
        let chargeback = text(&format!("cb-{order}"));
        let delivered = self.ship_and_deliver(paid, order);
        let received = match story {
            Story::ChargebackLost | Story::ChargebackWon => delivered.plus(DAY),
            Story::ChargebackAfterRefund => {
                let released = self.receive(delivered, order, true);
                let first = LineQuantity { line: place.lines[0].line, quantity: place.lines[0].quantity };
                self.order(
                    released.plus_days(1),
                    order,
                    OrderCommand::IssueRefund {
                        refund: text("rf-before"),
                        of: RefundOf::Pieces(vec![first]),
                        borne_by: Bearer::Merchant,
                        reason: "asked for it".into(),
                        dispute: None,
                    },
                );
                released.plus_days(5)
            }
            _ => self.receive(delivered, order, true).plus_days(5),
        };
        // vouchers stand outside: the bank takes back what went by its own payment
        let amount = buyer_pays(place).minor;
        let amount = self.money(if amount > 10_000 { amount - 5_000 } else { amount });
        self.checkout(
            received,
            CheckoutCommand::ReceiveChargeback {
                chargeback,
                payment: text("main"),
                amount,
                reason: "cardholder does not recognise".into(),
                fee: Some(self.money(1_500)),
                round: 1,
            },
        );
        let end = if story == Story::ChargebackWon {
            CheckoutCommand::WinChargeback { chargeback, round: 1 }
        } else {
            CheckoutCommand::LoseChargeback { chargeback, round: 1 }
        };
        self.checkout(received.plus_days(12), end);
    }
}
