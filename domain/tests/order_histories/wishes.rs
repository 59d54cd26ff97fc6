//! What may be asked of an order, drawn at random.

use daybook_domain::order::Order;
use daybook_domain::order::commands::{OrderCommand as C, Place, RefundOf};
use daybook_domain::order::events::*;
use proptest::prelude::*;

use crate::support::sale::*;
use crate::support::{Scenario, cny, id};

prop_compose! {
    pub fn any_basket()(
        lines in proptest::collection::vec((1u32..5, 0i64..5_000, 0i64..300), 1..4),
        shipping in 0i64..1_000,
        tax in 0i64..1_000,
        subsidies in proptest::collection::vec(0i64..2_000, 0..3),
    ) -> Place {
        let mut place = basket();
        let of_line = |(nth, (quantity, price, discount)): (usize, &(u32, i64, i64))| {
            line(["A", "B", "C"][nth], *quantity, *price, (*discount).min(price * i64::from(*quantity)))
        };
        place.lines = lines.iter().enumerate().map(of_line).collect();
        place.shipping = cny(shipping);
        place.tax = Some(TaxAmount { jurisdiction: id("CN"), amount: cny(tax) });
        let goods = place.lines.iter().map(|l| l.unit_price.minor * i64::from(l.quantity) - l.discount.minor);
        let mut left = goods.sum::<i64>() + shipping + tax;
        place.subsidies = Vec::new();
        for (nth, wanted) in subsidies.into_iter().enumerate() {
            let amount = wanted.min(left);
            left -= amount;
            place.subsidies.push(Subsidy { campaign: id(["spring", "autumn"][nth]), amount: cny(amount) });
        }
        place
    }
}

/// Pays with up to three payments and a shortfall.
pub fn pay(order: &Scenario<Order>, cuts: (i64, i64, i64)) -> C {
    let due = order.state.buyer_pays().map_or(0, |m| m.minor);
    let shortfall = due * cuts.0 / 100 / 4;
    let first = (due - shortfall) * cuts.1 / 100;
    let second = (due - shortfall - first) * cuts.2 / 100;
    let third = due - shortfall - first - second;
    let parts = [("p1", first), ("p2", second), ("p3", third)];
    let parts = parts.iter().filter(|(_, minor)| *minor > 0).map(|(p, minor)| part(p, "alipay", *minor));
    C::Fund { parts: parts.collect(), shortfall: cny(shortfall) }
}

pub fn some_lines() -> impl Strategy<Value = Option<Vec<LineQuantity>>> {
    let lines = proptest::sample::subsequence(vec!["A", "B", "C"], 1..3);
    let lines = lines.prop_flat_map(|names| {
        let counts = proptest::collection::vec(1u32..3, names.len());
        counts.prop_map(move |counts| names.iter().zip(counts).map(|(n, q)| of(n, q)).collect())
    });
    proptest::option::of(lines)
}

pub fn any_refund() -> impl Strategy<Value = RefundOf> {
    use daybook_domain::order::commands::LineAmount;
    let name = proptest::sample::select(vec!["A", "B", "C"]);
    prop_oneof![
        1 => Just(RefundOf::All),
        3 => some_lines().prop_map(|l| l.map_or(RefundOf::All, RefundOf::Pieces)),
        3 => (1i64..4_000).prop_map(amount),
        3 => (name, 1i64..2_000)
            .prop_map(|(l, m)| RefundOf::Lines(vec![LineAmount { line: id(l), amount: cny(m) }])),
    ]
}

/// Anything.
pub fn any_command() -> impl Strategy<Value = C> {
    prop_oneof![8 => sale(), 6 => refunds(), 3 => returns(), 5 => disputes(), 2 => banks()]
}

fn name(prefix: &'static str, n: u8) -> impl Strategy<Value = String> {
    (0..n).prop_map(move |n| format!("{prefix}{n}"))
}

/// What happens to the goods.
pub fn sale() -> impl Strategy<Value = C> {
    prop_oneof![
        (some_lines(), name("r", 20)).prop_map(|(l, r)| cancel(l, &r)),
        (name("s", 6), some_lines()).prop_map(|(s, l)| ship(&s, l)),
        name("s", 6).prop_map(|s| C::Deliver { shipment: id(&s) }),
        some_lines().prop_map(receive),
        some_lines().prop_map(receive),
        (some_lines()).prop_map(|lines| C::RefuseReceipt { lines, reason: "box open".to_owned() }),
        (name("s", 6), proptest::sample::select(ExceptionKind::ALL))
            .prop_map(|(s, kind)| C::ReportException { shipment: id(&s), kind, detail: None }),
        name("s", 6).prop_map(|s| C::ResolveException { shipment: id(&s), resolution: "found".to_owned() }),
        Just(C::Release {}),
        (0u32..40).prop_map(|n| C::Complete { due: day(n) }),
        (name("s", 6), 0u32..40).prop_map(|(s, n)| C::ConfirmByTimeout { shipment: id(&s), due: day(n) }),
    ]
}

/// Refunds and their payment.
pub fn refunds() -> impl Strategy<Value = C> {
    let bearer = proptest::sample::select(vec![Bearer::Merchant, Bearer::Merchant, Bearer::Platform]);
    prop_oneof![
        (name("r", 20), any_refund()).prop_map(|(r, of)| refund_escrow(&r, of)),
        (name("r", 20), any_refund(), bearer).prop_map(|(r, of, by)| refund_released(&r, of, by)),
        (name("r", 20), name("p", 4), 1i64..3_000)
            .prop_map(|(r, p, m)| C::PayRefund { refund: id(&r), parts: vec![back(&p, "alipay", m)] }),
        (name("r", 20), name("p", 4), 1i64..3_000).prop_map(|(r, p, m)| C::FailRefund {
            refund: id(&r),
            parts: vec![back(&p, "alipay", m)],
            reason: "account closed".to_owned(),
        }),
    ]
}

/// Returns and exchanges.
pub fn returns() -> impl Strategy<Value = C> {
    prop_oneof![
        (name("t", 4), some_lines()).prop_map(|(t, l)| request_return(&t, l)),
        name("t", 4).prop_map(|t| C::AcceptReturn { r#return: id(&t) }),
        name("t", 4).prop_map(|t| C::RefuseReturn { r#return: id(&t), reason: "worn".to_owned() }),
        (name("t", 4), some_lines())
            .prop_map(|(t, lines)| C::RecordGoodsReturned { r#return: id(&t), lines }),
        name("t", 4).prop_map(|t| C::ChargeReturnFreight {
            r#return: id(&t),
            amount: cny(600),
            to: PaidBy::Merchant,
            provider: id("sf-express"),
        }),
        name("t", 4).prop_map(|t| C::ShipExchange {
            exchange: id(&t),
            shipment: id("x1"),
            carrier: None,
            tracking: None,
        }),
        (name("t", 4), some_lines()).prop_map(|(t, lines)| C::RequestExchange {
            exchange: id(&t),
            lines,
            reason: "colour".to_owned(),
        }),
        name("t", 4).prop_map(|t| C::RefuseExchange { exchange: id(&t), reason: "sold out".to_owned() }),
    ]
}

/// A dispute, its ruling and the appeal.
pub fn disputes() -> impl Strategy<Value = C> {
    let ruled = proptest::sample::select(RuledFor::ALL);
    let party = proptest::sample::select(DisputeParty::ALL);
    let claim = proptest::option::of((1i64..9_000).prop_map(cny));
    prop_oneof![
        (name("d", 3), claim, some_lines()).prop_map(|(d, claim, l)| dispute(&d, claim, l)),
        name("d", 3).prop_map(|d| answer(&d)),
        (name("d", 3), ruled, proptest::option::of(1i64..6_000)).prop_map(|(d, f, m)| rule(&d, f, m)),
        (name("d", 3), 0u32..20).prop_map(|(d, n)| C::RuleUnanswered { dispute: id(&d), due: day(n) }),
        (name("d", 3), party.clone()).prop_map(|(d, by)| C::AppealDispute {
            dispute: id(&d),
            by,
            reason: "new evidence".to_owned(),
        }),
        name("d", 3).prop_map(|d| C::UpholdRuling { dispute: id(&d), reason: "stands".to_owned() }),
        name("d", 3).prop_map(|d| C::ReverseRuling { dispute: id(&d), reason: "falls".to_owned() }),
        (name("d", 3), party).prop_map(|(d, by)| C::WithdrawDispute { dispute: id(&d), by }),
        name("d", 3).prop_map(|d| C::CloseDispute { dispute: id(&d), due: None }),
    ]
}

/// Chargebacks.
pub fn banks() -> impl Strategy<Value = C> {
    let outcome = proptest::sample::select(ChargebackOutcome::ALL);
    prop_oneof![
        (name("k", 2), 1i64..9_000).prop_map(|(k, m)| chargeback(&k, m)),
        (name("k", 2), outcome.clone(), 1i64..9_000, 1u32..3).prop_map(|(k, o, m, r)| decided(&k, o, m, r)),
        (name("k", 2), outcome.clone(), 1i64..9_000, 1u32..3).prop_map(|(k, o, m, r)| decided(&k, o, m, r)),
        (name("k", 2), outcome, 1i64..9_000, 1u32..3).prop_map(|(k, o, m, r)| decided(&k, o, m, r)),
    ]
}
