//! Orders: refunds before and after release, their payment, returns and exchanges.

mod support;

use daybook_domain::order::OrderCommand as C;
use daybook_domain::order::commands::{LineAmount, RefundOf};
use daybook_domain::order::events::*;
use daybook_domain::{Event, RefundId};
use support::sale::*;
use support::{Scenario, cny, id, usd};

use daybook_domain::order::Order;

fn pay(refund: &str, payment: &str, provider: &str, minor: i64) -> C {
    C::PayRefund { refund: id(refund), parts: vec![back(payment, provider, minor)] }
}

#[test]
fn a_refund_from_escrow_says_who_gets_what_and_over_which_payments() {
    let refunded = shipped().when(refund_escrow("r1", amount(5_750))).then([EscrowRefunded {
        refund: id("r1"),
        lines: vec![
            LineRefund { line: id("A"), quantity: 0, gross: cny(4_381), merchant_base: cny(4_000) },
            LineRefund { line: id("B"), quantity: 0, gross: cny(1_369), merchant_base: cny(1_250) },
        ],
        to_buyer: cny(5_100),
        subsidies_back: vec![Subsidy { campaign: id("spring"), amount: cny(550) }],
        shortfall_back: cny(100),
        parts: vec![part("p1", "alipay", 5_000), part_stored("p2", 100)],
        reason: "late".to_owned(),
        tax_back: Some(TaxAmount { jurisdiction: id("CN"), amount: cny(150) }),
        dispute: None,
    }
    .into()]);
    assert_eq!(refunded.state.escrow(), Some(cny(5_750)));
}

fn part_stored(payment: &str, minor: i64) -> daybook_domain::checkout::events::PaymentPart {
    part(payment, "stored-value", minor)
}

#[test]
fn a_refund_after_release_takes_commission_back_with_it() {
    let refund = refund_released("r1", RefundOf::Pieces(vec![of("A", 1)]), Bearer::Merchant);
    let one = released().when(refund).then_kinds(&["RefundIssued", "CommissionReversed"]);
    assert_eq!(one.state.net_commission(), Some(cny(650)));
    assert_eq!(one.state.net_vat(), Some(cny(39)));
    let all = one.and(refund_released("r2", RefundOf::All, Bearer::Merchant));
    assert_eq!((all.state.net_commission(), all.state.tax()), (Some(cny(0)), Some(cny(0))));
    assert_eq!(all.state.refunds_due(), Some(cny(10_200)));
    all.when(refund_released("r3", RefundOf::All, Bearer::Merchant)).refused("nothing_to_refund");
}

#[test]
fn what_the_market_gives_touches_neither_commission_nor_subsidy() {
    let given = released().when(refund_released("r1", amount(1_000), Bearer::Platform));
    let given = given.then_kinds(&["RefundIssued"]);
    assert_eq!(given.state.net_commission(), Some(cny(1_050)));
    assert_eq!((given.state.goodwill(), given.state.refunds_due()), (Some(cny(1_000)), Some(cny(1_000))));
    // with it the buyer never gets more than was paid
    let all = given.and(refund_released("r2", RefundOf::All, Bearer::Merchant));
    assert!(all.state.refunds_due() <= Some(cny(10_200)));
    assert!(all.state.refunds_due() > Some(cny(10_190)));
}

#[test]
fn a_refund_asks_for_no_more_than_is_left() {
    let lines = |line: &str, minor| RefundOf::Lines(vec![LineAmount { line: id(line), amount: cny(minor) }]);
    shipped().when(refund_escrow("r1", amount(11_501))).refused("refund_above_paid");
    shipped().when(refund_escrow("r1", lines("B", 2_739))).refused("refund_above_paid");
    shipped().when(refund_escrow("r1", lines("Z", 1))).refused("line_unknown");
    shipped().when(refund_escrow("r1", amount(0))).refused("amount_not_positive");
    shipped().when(refund_escrow("r1", RefundOf::Amount(usd(1)))).refused("currency_mismatch");
    let three = RefundOf::Pieces(vec![of("A", 3)]);
    shipped().when(refund_escrow("r1", three)).refused("refund_above_pieces");
    // nothing is released yet: there is nothing the merchant or the market could give back
    for by in [Bearer::Merchant, Bearer::Platform] {
        shipped().when(refund_released("r1", RefundOf::All, by)).refused("nothing_to_refund");
    }
    placed().when(refund_escrow("r1", RefundOf::All)).refused("order_not_funded");
    let once = shipped().and(refund_escrow("r1", amount(1)));
    once.when(refund_escrow("r1", amount(1))).refused("refund_exists");
}

#[test]
fn a_refund_is_paid_the_way_the_money_came_and_once() {
    let owed = shipped().and(refund_escrow("r1", RefundOf::All));
    owed.clone().when(pay("r9", "p1", "alipay", 1)).refused("refund_unknown");
    owed.clone().when(pay("r1", "p9", "alipay", 1)).refused("refund_overpaid");
    owed.clone().when(pay("r1", "p1", "alipay", 10_001)).refused("refund_overpaid");
    owed.clone().when(pay("r1", "p1", "wechat", 10_000)).refused("refund_other_way");
    let paid = owed.and(pay("r1", "p1", "alipay", 10_000)).and(pay("r1", "p2", "stored-value", 200));
    assert_eq!(paid.state.refunds_due(), Some(cny(0)));
    paid.when(pay("r1", "p1", "alipay", 1)).refused("refund_overpaid");
}

#[test]
fn a_refund_that_comes_back_is_owed_again_and_may_go_another_way() {
    let fail = |minor| C::FailRefund {
        refund: id("r1"),
        parts: vec![back("p1", "alipay", minor)],
        reason: "card closed".to_owned(),
    };
    let reroute = || C::RerouteRefund { refund: id("r1"), to: id("bank"), reason: "card closed".to_owned() };
    let owed = shipped().and(refund_escrow("r1", RefundOf::All));
    owed.clone().when(fail(1)).refused("refund_not_paid");
    let paid = owed.and(pay("r1", "p1", "alipay", 10_000)).and(pay("r1", "p2", "stored-value", 200));
    paid.clone().when(reroute()).refused("refund_paid");
    let failed = paid.and(fail(10_000));
    assert_eq!(failed.state.refunds_due(), Some(cny(10_000)));
    let rerouted = failed.and(reroute());
    rerouted.clone().when(reroute()).nothing();
    rerouted.clone().when(pay("r1", "p1", "alipay", 10_000)).refused("refund_other_way");
    assert_eq!(rerouted.and(pay("r1", "p1", "bank", 10_000)).state.refunds_due(), Some(cny(0)));
}

fn returned(lines: Option<Vec<LineQuantity>>) -> Scenario<Order> {
    delivered().and(request_return("t1", lines)).and(C::AcceptReturn { r#return: id("t1") })
}

#[test]
fn a_return_keeps_its_lines_in_escrow_until_it_is_refunded() {
    let asked = delivered().and(request_return("t1", Some(vec![of("A", 1)])));
    // the other line goes its way
    let received = asked.and(receive(None));
    assert_eq!(received.state.lines().iter().map(|l| l.released).collect::<Vec<_>>(), [0, 1]);
    let back = received
        .and(C::AcceptReturn { r#return: id("t1") })
        .when(C::RecordGoodsReturned { r#return: id("t1"), lines: None })
        .then_kinds(&["GoodsReturned"]);
    // the refund of what came back frees the piece that was kept
    let refund = refund_escrow("r1", RefundOf::Pieces(vec![of("A", 1)]));
    let kinds = ["EscrowRefunded", "EscrowReleased", "CommissionCharged"];
    let done = back.when(refund).then_kinds(&kinds);
    assert_eq!(done.state.escrow(), Some(cny(0)));
}

#[test]
fn a_refused_return_releases_what_had_been_received() {
    let asked = delivered().and(request_return("t1", None)).and(receive(None));
    assert_eq!(asked.state.escrow(), Some(cny(11_500)));
    let refuse = C::RefuseReturn { r#return: id("t1"), reason: "worn".to_owned() };
    asked.clone().when(refuse.clone()).then_kinds(&["ReturnRefused", "EscrowReleased", "CommissionCharged"]);
    // the timeout that passed meanwhile takes effect too
    let late = delivered().and(request_return("t1", None)).on(day(10));
    let late = late.when(C::ConfirmByTimeout { shipment: id("s1"), due: day(10) }).nothing();
    let kinds = ["ReturnRefused", "ReceiptConfirmed", "EscrowReleased", "CommissionCharged"];
    late.when(refuse).then_kinds(&kinds);
}

#[test]
fn a_return_nobody_answers_is_accepted_by_its_deadline() {
    let asked = delivered().and(request_return("t1", None));
    let deadline = || C::AcceptReturnByTimeout { r#return: id("t1"), due: day(3) };
    asked.clone().when(deadline()).refused("not_due");
    asked.clone().on(day(3)).when(deadline()).then_kinds(&["ReturnAccepted"]);
    let refuse = C::RefuseReturn { r#return: id("t1"), reason: "worn".to_owned() };
    asked.and(refuse).on(day(3)).when(deadline()).nothing();
}

#[test]
fn only_what_the_buyer_has_is_sent_back_once_and_in_time() {
    shipped().when(request_return("t1", None)).refused("not_returnable");
    let asked = delivered().and(request_return("t1", Some(vec![of("A", 2)])));
    asked.clone().when(request_return("t2", Some(vec![of("A", 1)]))).refused("not_returnable");
    asked.clone().when(request_return("t1", Some(vec![of("B", 1)]))).refused("return_exists");
    let goods = |lines| C::RecordGoodsReturned { r#return: id("t1"), lines };
    asked.when(goods(None)).refused("return_not_accepted");
    returned(Some(vec![of("A", 1)])).when(goods(Some(vec![of("A", 2)]))).refused("not_in_return");
    returned(None).and(goods(None)).when(goods(None)).nothing();
    released().on(day(16)).when(request_return("t1", None)).refused("after_sales_over");
}

#[test]
fn the_freight_of_a_return_is_charged_once() {
    let charge = |minor, to| C::ChargeReturnFreight {
        r#return: id("t1"),
        amount: cny(minor),
        to,
        provider: id("sf-express"),
    };
    let ok = returned(None).when(charge(800, PaidBy::Merchant)).then_kinds(&["ReturnFreightCharged"]);
    ok.when(charge(800, PaidBy::Market)).refused("freight_charged");
    returned(None).when(charge(0, PaidBy::Market)).refused("amount_not_positive");
    let asked = delivered().and(request_return("t1", None));
    asked.when(charge(800, PaidBy::Merchant)).refused("return_not_accepted");
}

#[test]
fn an_exchange_holds_the_money_until_the_replacement_leaves() {
    let ask =
        |name: &str| C::RequestExchange { exchange: id(name), lines: None, reason: "colour".to_owned() };
    let send = || C::ShipExchange { exchange: id("x1"), shipment: id("s2"), carrier: None, tracking: None };
    let asked = delivered().and(ask("x1")).and(receive(None));
    assert_eq!(asked.state.escrow(), Some(cny(11_500)));
    let sent = asked.when(send()).then_kinds(&["ExchangeShipped", "EscrowReleased", "CommissionCharged"]);
    sent.clone().when(send()).refused("exchange_over");
    sent.when(C::RefuseExchange { exchange: id("x9"), reason: "none".to_owned() })
        .refused("exchange_unknown");
}

#[test]
fn a_refund_of_pieces_is_the_same_in_any_order() {
    let sums = |steps: &[Vec<LineQuantity>]| {
        let mut order = released();
        let mut sum = 0;
        for (nth, lines) in steps.iter().enumerate() {
            let refund: RefundId = id(&format!("r{nth}"));
            let (of, reason) = (RefundOf::Pieces(lines.clone()), "scratched".to_owned());
            let ask = C::IssueRefund { refund, of, borne_by: Bearer::Merchant, reason, dispute: None };
            for event in order.ask(&ask).expect("refunded") {
                if let Event::RefundIssued(e) = event {
                    sum += e.to_buyer.minor;
                }
            }
        }
        sum
    };
    let one_by_one = [vec![of("A", 1)], vec![of("B", 1)], vec![of("A", 1)]];
    assert_eq!(sums(&one_by_one), 10_200);
    assert_eq!(sums(&[vec![of("B", 1), of("A", 2)]]), 10_200);
}

#[test]
fn only_refunded_pieces_end_the_wait_of_returned_ones() {
    let goods = C::RecordGoodsReturned { r#return: id("t1"), lines: None };
    let back = returned(Some(vec![of("A", 2)])).and(receive(None)).and(goods);
    // neither a small amount nor one of two pieces lets go of what is still to be refunded
    let line = RefundOf::Lines(vec![LineAmount { line: id("A"), amount: cny(1) }]);
    let small = back.when(refund_escrow("r1", line)).then_kinds(&["EscrowRefunded"]);
    let one = small.when(refund_escrow("r2", RefundOf::Pieces(vec![of("A", 1)])));
    let one = one.then_kinds(&["EscrowRefunded"]);
    assert!(one.state.frozen());
    let both = one.and(refund_escrow("r3", RefundOf::Pieces(vec![of("A", 1)])));
    assert!(!both.state.frozen());
    assert_eq!(both.state.escrow(), Some(cny(0)));
}

#[test]
fn a_provider_pays_a_refund_once_by_its_reference_and_fails_only_what_it_sent() {
    let part = |reference: &str, provider: &str, minor| {
        let mut part = back("p1", provider, minor);
        part.provider_ref = Some(id(reference));
        vec![part]
    };
    let pay = |reference: &str| C::PayRefund { refund: id("r1"), parts: part(reference, "alipay", 4_000) };
    let fail = |provider: &str, minor| C::FailRefund {
        refund: id("r1"),
        parts: part("ref-1", provider, minor),
        reason: "card closed".to_owned(),
    };
    let once = shipped().and(refund_escrow("r1", RefundOf::All)).and(pay("ref-1"));
    once.clone().when(pay("ref-1")).nothing();
    let twice = once.when(pay("ref-2")).then_kinds(&["RefundPaid"]);
    assert_eq!(twice.state.refunds_due(), Some(cny(2_200)));
    twice.clone().when(fail("bank", 1)).refused("refund_not_paid");
    let failed = twice.and(fail("alipay", 4_000));
    assert_eq!(failed.state.refunds_due(), Some(cny(6_200)));
    // told again of what has failed since: it was said already
    failed.clone().when(pay("ref-1")).nothing();
    failed.when(fail("alipay", 4_001)).refused("refund_not_paid");
}
