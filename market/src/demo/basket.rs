//! A basket: what is in it, how it is paid and shipped, and its script, fixed when it is filled: commands with their
//! times.

use daybook_domain::checkout::commands::CheckoutCommand;
use daybook_domain::checkout::events::{OrderDue, PaymentMethod};
use daybook_domain::order::commands::{OrderCommand, Place, PlaceLine};
use daybook_domain::order::events::{LineQuantity, Promise, ReceivedBy, ShippingMode, Subsidy, TaxAmount};
use daybook_domain::time::{DAY, SECOND};
use daybook_domain::{CheckoutId, Currency, Money, OrderId, Timestamp};
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::cast::Seller;
use super::crowd::{Crowd, a_buyer, terminal};
use super::desk::Desk;
use super::story::{Story, draw, draw_single};
use super::{Script, text};
use crate::AnyCommand;

pub(super) const HOUR: i64 = 3_600 * SECOND;

/// One basket: its checkout, its orders, and all that will happen to them.
pub struct Basket<'a> {
    pub(super) rng: &'a mut ChaCha8Rng,
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
    (crowd, desk): (&mut Crowd, &mut Desk),
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
    let buyer = crowd.buyer(at, a_buyer(rng));
    let mut basket = Basket { rng, currency, checkout: text(&format!("c-{:06}", counters.baskets)), script };
    let mut told = Told::new();
    let mut dues = Vec::new();
    let (mut placed, mut goods) = (Vec::new(), Vec::new());
    for (n, seller) in chosen.iter().map(|i| &sellers[*i]).enumerate() {
        counters.orders += 1;
        let order: OrderId = text(&format!("o-{:06}", counters.orders));
        let place = basket.place(seller, &format!("b-{buyer:04}"), at);
        goods.extend(place.lines.iter().take(2).map(|line| (seller, line.product.to_string())));
        dues.push(OrderDue { order, merchant: seller.id, buyer_pays: buyer_pays(&place) });
        let story = if n == 0 { story } else { draw_single(basket.rng) };
        let whole = story == Story::InParts && place.lines.len() == 1;
        told.push((order, if whole { Story::Plain } else { story }));
        placed.push((order, place));
    }
    let campaign = crowd.shops(at, buyer, &goods);
    for (seller, (_, place)) in chosen.iter().map(|i| &sellers[*i]).zip(&mut placed) {
        (place.visitor, place.campaign) = (Some(terminal(buyer)), campaign);
        place.agent = desk.before(at, buyer, seller, basket.script);
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
        placed.iter().for_each(|(_, place)| desk.sold(paid_at, place));
        for ((order, story), (_, place)) in told.iter().zip(&placed) {
            basket.tell(*order, *story, place, paid_at);
        }
    }
    told
}

pub(super) fn goods(line: &PlaceLine) -> i64 {
    line.unit_price.minor * i64::from(line.quantity) - line.discount.minor
}

pub(super) fn buyer_pays(place: &Place) -> Money {
    let goods: i64 = place.lines.iter().map(goods).sum();
    let tax = place.tax.as_ref().map_or(0, |t| t.amount.minor);
    let subsidies: i64 = place.subsidies.iter().map(|s| s.amount.minor).sum();
    Money::new(goods + place.shipping.minor + tax - subsidies, place.shipping.currency)
}

impl Basket<'_> {
    pub(super) fn checkout(&mut self, at: Timestamp, command: CheckoutCommand) {
        self.script.push(at, AnyCommand::Checkout { id: self.checkout, command });
    }

    pub(super) fn order(&mut self, at: Timestamp, order: OrderId, command: OrderCommand) {
        self.script.push(at, AnyCommand::Order { id: order, command });
    }

    pub(super) fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.currency)
    }

    /// Up to `days`, at least an hour.
    pub(super) fn within(&mut self, days: i64) -> i64 {
        self.rng.random_range(HOUR..days * DAY) / SECOND * SECOND
    }

    pub(super) fn place(&mut self, seller: &Seller, buyer: &str, at: Timestamp) -> Place {
        let mut products = seller.products.clone();
        products.shuffle(self.rng);
        let lines: Vec<PlaceLine> = products[..self.rng.random_range(1..=3)]
            .iter()
            .enumerate()
            .map(|(n, product)| {
                let quantity =
                    if self.rng.random_range(0..4) == 0 { self.rng.random_range(2..=4) } else { 1 };
                let discount = if self.rng.random_range(0..5) == 0 { product.price.minor / 10 } else { 0 };
                let line = text(&format!("{}", n + 1));
                PlaceLine {
                    discount: self.money(discount),
                    // what the tag says, where there is one
                    list_price: (n != 1).then_some(product.price),
                    ..PlaceLine::new(line, product.id, product.category, quantity, product.price)
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
        let channel = text(if self.rng.random_range(0..3) == 0 { "app" } else { "own-store" });
        Place {
            tax,
            subsidies,
            promise: Some(Promise { ship_by: Some(at.plus_days(2)), deliver_by: Some(at.plus_days(7)) }),
            ..Place::new(self.checkout, text(buyer), seller.id, channel, lines, shipping)
        }
    }

    /// The buyer pays, or does not; returns when.
    pub(super) fn pay(&mut self, at: Timestamp, story: Story, due: Money) -> Option<Timestamp> {
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

    pub(super) fn capture(
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

    pub(super) fn ship(
        &mut self,
        at: Timestamp,
        order: OrderId,
        shipment: &str,
        lines: Option<Vec<LineQuantity>>,
    ) {
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

    pub(super) fn deliver(&mut self, at: Timestamp, order: OrderId, shipment: &str) {
        self.order(at, order, OrderCommand::Deliver { shipment: text(shipment) });
    }

    /// Ships all and delivers it; returns when it arrived.
    pub(super) fn ship_and_deliver(&mut self, paid: Timestamp, order: OrderId) -> Timestamp {
        let shipped = paid.plus(self.within(2));
        self.ship(shipped, order, "s1", None);
        let delivered = shipped.plus(DAY + self.within(4));
        self.deliver(delivered, order, "s1");
        delivered
    }

    /// The buyer confirms, or lets the timeout do it; returns when it will have been released.
    pub(super) fn receive(&mut self, delivered: Timestamp, order: OrderId, sure: bool) -> Timestamp {
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
}
