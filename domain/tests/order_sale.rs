//! Orders: placing, paying, shipping, receiving, cancelling.

mod support;

use daybook_domain::order::OrderCommand as C;
use daybook_domain::order::commands::{Place, RefundOf};
use daybook_domain::order::events::*;
use daybook_domain::{Aggregate, Event, Money};
use support::sale::*;
use support::{Scenario, cny, id, noon, usd};

fn place(change: impl FnOnce(&mut Place)) -> C {
    let mut place = basket();
    change(&mut place);
    C::Place(place)
}

#[test]
fn what_is_said_of_the_order_is_spread_over_its_lines() {
    let Ok(events) = nothing_yet().when(C::Place(basket())).result else { panic!("placed") };
    let [Event::OrderPlaced(placed)] = &events[..] else { panic!("one event: {events:?}") };
    assert_eq!((placed.total, placed.buyer_pays), (cny(11_500), cny(10_400)));
    assert_eq!(placed.fee_schedule_version, 3);
    let shipping: Vec<_> = placed.lines.iter().map(|l| l.shipping.minor).collect();
    let tax: Vec<_> = placed.lines.iter().map(|l| l.tax.minor).collect();
    let subsidies: Vec<_> = placed.lines.iter().map(|l| l.subsidies[0].amount.minor).collect();
    assert_eq!((shipping, tax, subsidies), (vec![533, 167], vec![229, 71], vec![838, 262]));
    assert_eq!(placed.funding_due, Some(noon().plus_days(1)));
}

#[test]
fn a_basket_that_makes_no_sense_is_refused_by_name() {
    type Change = fn(&mut Place);
    let cases: [(&str, Change); 12] = [
        ("lines_count", |p| p.lines.clear()),
        ("line_twice", |p| p.lines[1].line = id("A")),
        ("quantity_zero", |p| p.lines[0].quantity = 0),
        ("discount_above_price", |p| p.lines[0].discount = cny(8_001)),
        ("amount_negative", |p| p.lines[0].unit_price = cny(-1)),
        ("currency_mismatch", |p| p.lines[0].unit_price = usd(4_000)),
        ("currency_mismatch", |p| p.subsidies[0].amount = usd(1)),
        ("subsidies_above_total", |p| p.subsidies[0].amount = cny(11_501)),
        ("campaign_twice", |p| p.subsidies.push(p.subsidies[0].clone())),
        ("shares_incomplete", |p| p.lines[0].shipping = Some(cny(700))),
        ("rate_not_yours", |p| p.lines[0].commission_rate = Some(rate("0.01"))),
        ("amount_overflow", |p| p.lines[0].unit_price = cny(i64::MAX)),
    ];
    for (code, change) in cases {
        nothing_yet().when(place(change)).refused(code);
    }
    let uneven = place(|p| (p.lines[0].tax, p.lines[1].tax) = (Some(cny(100)), Some(cny(100))));
    nothing_yet().when(uneven).refused("shares_do_not_sum");
    placed().when(C::Place(basket())).refused("order_already_placed");
}

#[test]
fn only_an_open_store_with_a_schedule_sells() {
    let mut closed = merchant(0, 0);
    closed.merchant.as_mut().expect("known").open = false;
    let mut bare = merchant(0, 0);
    bare.merchant.as_mut().expect("known").schedule = None;
    let sells = |facts| nothing_yet().knowing(facts).when(C::Place(basket()));
    sells(closed.clone()).refused("merchant_not_open");
    sells(bare.clone()).refused("no_fee_schedule");
    sells(daybook_domain::Facts::default()).refused("merchant_unknown");
    // history is taken as it is, but a rate must come from somewhere
    let history = |facts| nothing_yet().knowing(facts).importing();
    history(closed).when(C::Place(basket())).then_kinds(&["OrderPlaced"]);
    history(bare.clone()).when(C::Place(basket())).refused("rate_missing");
    let rated = place(|p| p.lines.iter_mut().for_each(|l| l.commission_rate = Some(rate("0.10"))));
    history(bare).when(rated).then_kinds(&["OrderPlaced"]);
}

#[test]
fn funding_takes_exactly_what_the_buyer_was_to_pay() {
    let parts = |minor| C::Fund { parts: vec![part("p1", "alipay", minor)], shortfall: cny(0) };
    placed().when(parts(10_399)).refused("funding_mismatch");
    placed().when(parts(10_401)).refused("funding_mismatch");
    let dollars = C::Fund { parts: Vec::new(), shortfall: usd(10_400) };
    placed().when(dollars).refused("currency_mismatch");
    let twice = vec![part("p1", "alipay", 5_200), part("p1", "alipay", 5_200)];
    placed().when(C::Fund { parts: twice, shortfall: cny(0) }).refused("payment_twice");
    let funded = funded();
    let state = &funded.state;
    assert_eq!((state.paid(), state.shortfall()), (Some(cny(10_200)), Some(cny(200))));
    assert_eq!((state.subsidies(), state.escrow()), (Some(cny(1_100)), Some(cny(11_500))));
    funded.clone().when(fund()).nothing();
    funded.when(parts(10_400)).refused("already_funded");
}

#[test]
fn a_cancelled_order_refuses_its_money() {
    placed().and(cancel(None, "r1")).when(fund()).refused("order_cancelled");
}

#[test]
fn nothing_ships_before_it_is_paid_or_while_it_is_held_or_twice() {
    placed().when(ship("s1", None)).refused("order_not_funded");
    placed().importing().when(ship("s1", None)).then_kinds(&["OrderShipped"]);
    let held = funded().and(C::Hold { reason: "unusual".to_owned() });
    held.clone().when(ship("s1", None)).refused("order_held");
    held.and(C::Accept {}).when(ship("s1", None)).then_kinds(&["OrderShipped"]);
    let half = funded().and(ship("s1", Some(vec![of("A", 1)])));
    half.clone().when(ship("s2", Some(vec![of("A", 2)]))).refused("not_shippable");
    half.clone().when(ship("s1", None)).refused("shipment_exists");
    half.and(ship("s2", None)).when(ship("s3", None)).refused("not_shippable");
}

#[test]
fn receipt_releases_and_charges_commission_in_the_same_append() {
    let released = delivered().when(receive(None)).then([
        ReceiptConfirmed { lines: vec![of("A", 2), of("B", 1)], by: ReceivedBy::Buyer }.into(),
        EscrowReleased {
            lines: vec![
                LineRelease { line: id("A"), quantity: 2, to_merchant: cny(8_533), tax: cny(229) },
                LineRelease { line: id("B"), quantity: 1, to_merchant: cny(2_667), tax: cny(71) },
            ],
            to_merchant: cny(11_200),
            tax: Some(TaxAmount { jurisdiction: id("CN"), amount: cny(300) }),
            after_sales_until: Some(day(15)),
        }
        .into(),
        CommissionCharged {
            lines: vec![commission("A", 8_000, 800), commission("B", 2_500, 250)],
            amount: cny(1_050),
            vat: cny(63),
        }
        .into(),
    ]);
    assert_eq!(released.state.escrow(), Some(cny(0)));
    assert_eq!(released.state.status(), "released");
    released.when(receive(None)).nothing();
}

fn commission(line: &str, base: i64, amount: i64) -> CommissionLine {
    let (line, category, rate) = (id(line), id("books"), rate("0.10"));
    CommissionLine { line, category, base: cny(base), rate, amount: cny(amount) }
}

#[test]
fn pieces_are_released_one_by_one_and_sum_to_the_whole() {
    let mut order = delivered();
    let mut sum = Money::zero(cny(0).currency);
    for lines in [vec![of("A", 1)], vec![of("B", 1)], vec![of("A", 1)]] {
        for event in order.ask(&receive(Some(lines))).expect("received") {
            if let Event::EscrowReleased(e) = event {
                sum = sum.add(e.to_merchant).expect("one currency");
            }
        }
    }
    assert_eq!(sum, cny(11_200));
    assert_eq!((order.state.net_commission(), order.state.net_vat()), (Some(cny(1_050)), Some(cny(63))));
}

#[test]
fn the_timeout_of_a_shipment_confirms_it_and_a_stale_one_does_nothing() {
    let timeout = |due| C::ConfirmByTimeout { shipment: id("s1"), due };
    delivered().on(day(9)).when(timeout(day(10))).refused("not_due");
    delivered().on(day(12)).when(timeout(day(9))).nothing();
    let kinds = ["ReceiptConfirmed", "EscrowReleased", "CommissionCharged"];
    delivered().on(day(10)).when(timeout(day(10))).then_kinds(&kinds);
    released().on(day(10)).when(timeout(day(10))).nothing();
}

#[test]
fn an_exception_pauses_the_timeout_until_it_is_resolved() {
    let report = |kind| C::ReportException { shipment: id("s1"), kind, detail: None };
    let timeout = C::ConfirmByTimeout { shipment: id("s1"), due: day(10) };
    let damaged = delivered().and(report(ExceptionKind::Damaged)).on(day(11));
    let resolve = C::ResolveException { shipment: id("s1"), resolution: "box only".to_owned() };
    let kinds = ["ShipmentExceptionResolved", "ReceiptConfirmed", "EscrowReleased", "CommissionCharged"];
    damaged.when(timeout).nothing().when(resolve).then_kinds(&kinds);
    delivered().when(report(ExceptionKind::Lost)).refused("shipment_delivered");
}

#[test]
fn the_order_completes_when_the_after_sales_window_is_over() {
    released().on(day(14)).when(C::Complete { due: day(15) }).refused("not_due");
    let done = released().on(day(15)).when(C::Complete { due: day(15) }).then_kinds(&["OrderCompleted"]);
    done.when(C::Complete { due: day(15) }).nothing();
}

#[test]
fn a_cancellation_refunds_what_its_pieces_hold_in_the_same_append() {
    let one = funded().when(cancel(Some(vec![of("A", 1)]), "r1"));
    let one = one.then_kinds(&["OrderCancelled", "EscrowRefunded"]);
    assert_eq!(one.state.escrow(), Some(cny(11_500 - 4_381)));
    let all = one.and(cancel(None, "r2"));
    assert_eq!(all.state.status(), "cancelled");
    assert_eq!((all.state.escrow(), all.state.refunds_due()), (Some(cny(0)), Some(cny(10_200))));
    all.clone().when(cancel(None, "r3")).nothing();
    all.when(ship("s1", None)).refused("order_cancelled");
}

#[test]
fn what_was_sent_is_not_cancelled_unless_it_is_lost_or_refused_at_the_door() {
    shipped().when(cancel(None, "r1")).refused("not_cancellable");
    let lost = C::ReportException { shipment: id("s1"), kind: ExceptionKind::Lost, detail: None };
    let gone = shipped().and(lost).and(cancel(None, "r1"));
    assert_eq!(gone.state.status(), "cancelled");
    let refused = C::RefuseReceipt { lines: Some(vec![of("B", 1)]), reason: "box open".to_owned() };
    let refused = shipped().and(refused);
    refused.clone().when(cancel(Some(vec![of("A", 1)]), "r1")).refused("not_cancellable");
    refused.clone().and(cancel(Some(vec![of("B", 1)]), "r1")).and(receive(None));
    refused.when(ship("s2", None)).then_kinds(&["OrderShipped"]);
}

#[test]
fn a_buyer_cancels_alone_only_an_unpaid_a_held_or_an_overdue_order() {
    let by = CancelledBy::Buyer;
    let ask = || C::Cancel { lines: None, by, reason: "changed my mind".to_owned(), refund: id("r1") };
    placed().when(ask()).then_kinds(&["OrderCancelled"]);
    funded().when(ask()).refused("cancel_needs_merchant");
    funded().on(day(7)).when(ask()).then_kinds(&["OrderCancelled", "EscrowRefunded"]);
    let held = funded().and(C::Hold { reason: "unusual".to_owned() });
    held.when(ask()).then_kinds(&["OrderCancelled", "EscrowRefunded"]);
}

#[test]
fn an_unpaid_order_is_cancelled_whole_and_by_its_deadline() {
    placed().when(cancel(Some(vec![of("A", 1)]), "r1")).refused("cancel_whole_before_payment");
    let due = || C::CancelUnfunded { due: day(1) };
    placed().when(due()).refused("not_due");
    placed().on(day(1)).when(due()).then_kinds(&["OrderCancelled"]);
    funded().on(day(1)).when(due()).nothing();
}

#[test]
fn a_fully_refunded_order_completes_at_once() {
    let refunded = shipped().when(refund_escrow("r1", RefundOf::All));
    let refunded = refunded.then_kinds(&["EscrowRefunded", "OrderCompleted"]);
    assert_eq!(refunded.state.escrow(), Some(cny(0)));
    assert_eq!(refunded.state.refunds_due(), Some(cny(10_200)));
}

#[test]
fn history_may_deliver_what_it_never_shipped() {
    let history = funded().importing().and(C::Deliver { shipment: id("s9") });
    assert_eq!(history.state.status(), "delivered");
    let kinds = ["ReceiptConfirmed", "EscrowReleased", "CommissionCharged"];
    history.when(receive(None)).then_kinds(&kinds);
    funded().when(C::Deliver { shipment: id("s9") }).refused("shipment_unknown");
}

#[test]
fn history_may_cancel_what_was_sent() {
    let shipped = shipped().importing();
    let gone = shipped.and(cancel(None, "r1"));
    assert_eq!(gone.state.status(), "cancelled");
    assert_eq!(gone.state.escrow(), Some(cny(0)));
}

#[test]
fn reviews_are_scores_of_one_to_five_and_several_are_kept() {
    let review = |name: &str, overall| C::PostReview {
        review: id(name),
        overall,
        goods: None,
        service: None,
        delivery: None,
    };
    let one = placed().and(review("v1", 5));
    one.clone().when(review("v1", 5)).nothing();
    one.clone().when(review("v2", 1)).then_kinds(&["ReviewPosted"]);
    one.when(review("v3", 6)).refused("score_out_of_range");
}

#[test]
fn an_order_nobody_placed_knows_nothing() {
    let empty: Scenario<daybook_domain::order::Order> = nothing_yet();
    assert_eq!(empty.state.refs().order, Some(id("o1")));
    empty.when(fund()).refused("order_unknown");
}

#[test]
fn a_timeout_confirms_only_pieces_that_arrived_and_were_not_confirmed_yet() {
    let one = |shipment: &str| ship(shipment, Some(vec![of("A", 1)]));
    let deliver = |shipment: &str| C::Deliver { shipment: id(shipment) };
    let timeout = |shipment: &str, n| C::ConfirmByTimeout { shipment: id(shipment), due: day(n) };
    let confirmed =
        funded().and(one("s1")).and(one("s2")).and(deliver("s1")).and(receive(Some(vec![of("A", 1)])));
    // the other piece is on its way: neither the deadline nor the end of a freeze releases it
    let still = confirmed.clone().on(day(10)).when(timeout("s1", 10)).nothing();
    assert_eq!(still.state.lines()[0].released, 1);
    let frozen = confirmed.and(chargeback("k1", 100)).on(day(11));
    let thawed = frozen.when(decided("k1", ChargebackOutcome::Won, 100, 1)).then_kinds(&["ChargebackClosed"]);
    let arrived = thawed.and(deliver("s2")).on(day(21));
    let kinds = ["ReceiptConfirmed", "EscrowReleased", "CommissionCharged"];
    assert_eq!(arrived.when(timeout("s2", 21)).then_kinds(&kinds).state.lines()[0].released, 2);
}

#[test]
fn an_order_cancelled_before_it_was_paid_asks_nothing_more_of_the_buyer() {
    assert_eq!(placed().state.buyer_pays(), Some(cny(10_400)));
    assert_eq!(placed().and(cancel(None, "r1")).state.buyer_pays(), Some(cny(0)));
    assert_eq!(funded().and(cancel(None, "r1")).state.buyer_pays(), Some(cny(10_400)));
}

#[test]
fn an_order_of_very_many_pieces_is_cancelled_like_any_other() {
    let many = place(|p| p.lines = vec![line("A", u32::MAX, 1, 0), line("B", u32::MAX, 1, 0)]);
    nothing_yet().and(many).when(cancel(None, "r1")).then_kinds(&["OrderCancelled"]);
}
