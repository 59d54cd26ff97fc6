//! Orders: disputes with every outcome, and chargebacks.

mod support;

use daybook_domain::order::OrderCommand as C;
use daybook_domain::order::commands::RefundOf;
use daybook_domain::order::events::*;
use daybook_domain::order::{DisputeStage, Order};
use daybook_domain::{Aggregate, DisputeId, Event, Rejection};
use support::sale::*;
use support::{Scenario, cny, id};

fn disputed(order: Scenario<Order>) -> Scenario<Order> {
    order.and(dispute("d1", None, None)).and(answer("d1"))
}

fn ruled(events: Result<Vec<Event>, Rejection>) -> DisputeRuled {
    let events = events.expect("ruled");
    let ruling = events.into_iter().find_map(|e| if let Event::DisputeRuled(e) = e { Some(e) } else { None });
    ruling.expect("a ruling")
}

fn shares(of: &DisputeRuled) -> [i64; 5] {
    [of.refund, of.from_escrow, of.from_merchant, of.from_deposit, of.from_platform].map(|m| m.minor)
}

fn appeal(by: DisputeParty) -> C {
    C::AppealDispute { dispute: id("d1"), by, reason: "new evidence".to_owned() }
}

fn uphold() -> C {
    C::UpholdRuling { dispute: id("d1"), reason: "it stands".to_owned() }
}

fn reverse() -> C {
    C::ReverseRuling { dispute: id("d1"), reason: "it falls".to_owned() }
}

#[test]
fn a_dispute_keeps_its_lines_from_release_and_only_its_lines() {
    let order = delivered().and(dispute("d1", None, Some(vec![of("A", 2)]))).and(receive(None));
    let released: Vec<_> = order.state.lines().iter().map(|l| l.released).collect();
    assert_eq!(released, [0, 1]);
    assert!(order.state.frozen());
    assert_eq!(order.state.refs().dispute, Some(id("d1")));
}

#[test]
fn a_claim_is_at_most_what_is_left_and_one_dispute_is_open_at_a_time() {
    shipped().when(dispute("d1", Some(cny(11_501)), None)).refused("claim_above_sale");
    let only_b = Some(vec![of("B", 1)]);
    shipped().when(dispute("d1", Some(cny(2_739)), only_b)).refused("claim_above_sale");
    shipped().when(dispute("d1", Some(cny(0)), None)).refused("amount_not_positive");
    placed().when(dispute("d1", None, None)).refused("order_not_funded");
    let open = shipped().and(dispute("d1", None, None));
    open.clone().when(dispute("d1", None, None)).refused("dispute_exists");
    open.when(dispute("d2", None, None)).refused("dispute_open");
    released().on(day(16)).when(dispute("d1", None, None)).refused("after_sales_over");
}

#[test]
fn a_ruling_waits_for_the_answer_or_its_deadline() {
    let open = shipped().and(dispute("d1", None, None));
    open.clone().when(rule("d1", RuledFor::Buyer, None)).refused("answer_time_runs");
    let own = C::AnswerDispute { dispute: id("d1"), by: DisputeParty::Buyer, answer: None };
    open.clone().when(own).refused("answer_by_opener");
    let answered = open.clone().and(answer("d1"));
    answered.clone().when(answer("d1")).nothing();
    answered.when(rule("d1", RuledFor::Buyer, None)).then_kinds(&["DisputeRuled", "EscrowRefunded"]);
    let escalated = open.and(C::EscalateDispute { dispute: id("d1"), by: DisputeParty::Buyer });
    escalated.when(rule("d1", RuledFor::Merchant, None)).then_kinds(&["DisputeRuled"]);
}

#[test]
fn an_unanswered_dispute_is_ruled_for_the_buyer() {
    let deadline = || C::RuleUnanswered { dispute: id("d1"), due: day(3) };
    let open = shipped().and(dispute("d1", None, None));
    open.clone().when(deadline()).refused("not_due");
    let by_silence = open.clone().on(day(3)).when(deadline());
    let by_silence = by_silence.then_kinds(&["DisputeRuled", "EscrowRefunded"]);
    assert_eq!(by_silence.state.refunds_due(), Some(cny(10_200)));
    by_silence.when(deadline()).nothing();
    open.clone().and(answer("d1")).on(day(3)).when(deadline()).nothing();
    // who was to answer does not escape the deadline by asking the market to rule
    let escalated = open.and(C::EscalateDispute { dispute: id("d1"), by: DisputeParty::Merchant });
    escalated.on(day(3)).when(deadline()).then_kinds(&["DisputeRuled", "EscrowRefunded"]);
}

#[test]
fn a_ruling_says_what_makes_sense() {
    let order = || disputed(shipped());
    order().when(rule("d1", RuledFor::Split, None)).refused("refund_missing");
    order().when(rule("d1", RuledFor::Merchant, Some(1))).refused("refund_to_loser");
    order().when(rule("d1", RuledFor::Buyer, Some(11_501))).refused("refund_above_claim");
    let C::RuleDispute { dispute, r#for, refund, rule: clause, reason, .. } =
        rule("d1", RuledFor::Merchant, None)
    else {
        unreachable!("a ruling");
    };
    let fined = C::RuleDispute { dispute, r#for, refund, penalty: cny(1), rule: clause, reason };
    order().when(fined).refused("penalty_without_fault");
    order()
        .and(rule("d1", RuledFor::Merchant, None))
        .when(rule("d1", RuledFor::Buyer, None))
        .refused("dispute_ruled");
}

#[test]
fn a_ruling_is_borne_by_escrow_then_merchant_then_deposit_then_market() {
    // line B is received and released, A is not
    let half = || disputed(delivered().and(receive(Some(vec![of("B", 1)]))));
    let table = [
        // balance, deposit, refund: then refund, escrow, merchant, deposit, platform
        (9_999, 9_999, 5_000, [5_000, 5_000, 0, 0, 0]),
        (9_999, 9_999, 11_500, [11_500, 8_762, 2_738, 0, 0]),
        (2_000, 9_999, 11_500, [11_500, 8_762, 2_000, 738, 0]),
        (2_000, 500, 11_500, [11_500, 8_762, 2_000, 500, 238]),
        (0, 0, 11_500, [11_500, 8_762, 0, 0, 2_738]),
        (-5, 0, 11_500, [11_500, 8_762, 0, 0, 2_738]),
    ];
    for (balance, deposit, refund, expected) in table {
        let order = half().knowing(merchant(balance, deposit));
        let ruling = ruled(order.when(rule("d1", RuledFor::Buyer, Some(refund))).result);
        assert_eq!(shares(&ruling), expected, "{balance} and {deposit} for {refund}");
    }
    let unknown = half().knowing(daybook_domain::Facts::default()).importing();
    let ruling = ruled(unknown.when(rule("d1", RuledFor::Buyer, None)).result);
    assert_eq!(shares(&ruling), [11_500, 8_762, 2_738, 0, 0]);
}

#[test]
fn the_deposits_share_is_refunded_when_it_was_given_and_kept_until_then() {
    let order = disputed(released()).knowing(merchant(1_000, 4_000)).and(rule("d1", RuledFor::Buyer, None));
    assert_eq!(order.state.disputes()[0].deposit_share, 4_000);
    let share = |refund: &str, borne_by, dispute: Option<DisputeId>| C::IssueRefund {
        refund: id(refund),
        of: RefundOf::Amount(cny(4_000)),
        borne_by,
        reason: "ruling".to_owned(),
        dispute,
    };
    order.clone().when(refund_released("r1", amount(100), Bearer::Merchant)).refused("held_for_ruling");
    for (by, dispute) in
        [(Bearer::Deposit, Some(id("d1"))), (Bearer::Deposit, None), (Bearer::Platform, Some(id("d1")))]
    {
        let done = order.clone().and(share("r1", by, dispute));
        assert_eq!(done.state.disputes()[0].deposit_share, 0, "by {by}");
    }
    order.when(reverse()).refused("not_appealed");
}

#[test]
fn refunds_since_the_dispute_opened_count_towards_the_ruling() {
    let order = disputed(shipped()).and(refund_escrow("r1", amount(3_000)));
    let ruling = ruled(order.clone().when(rule("d1", RuledFor::Buyer, Some(5_000))).result);
    assert_eq!(shares(&ruling), [2_000, 2_000, 0, 0, 0]);
    let ruling = ruled(order.when(rule("d1", RuledFor::Split, Some(2_000))).result);
    assert_eq!(shares(&ruling), [0; 5]);
}

#[test]
fn the_loser_may_appeal_in_time() {
    let order = disputed(shipped()).and(rule("d1", RuledFor::Buyer, None));
    order.clone().when(appeal(DisputeParty::Buyer)).refused("appeal_by_winner");
    order.clone().on(day(8)).when(appeal(DisputeParty::Merchant)).refused("appeal_lapsed");
    let appealed = order.clone().and(appeal(DisputeParty::Merchant));
    appealed.clone().when(appeal(DisputeParty::Merchant)).nothing();
    appealed.when(uphold()).then_kinds(&["RulingUpheld", "DisputeClosed", "OrderCompleted"]);
    order.clone().when(uphold()).refused("not_appealed");
    let close = |due| C::CloseDispute { dispute: id("d1"), due };
    order.clone().when(close(None)).refused("appeal_time_runs");
    let lapsed = order.on(day(7)).when(close(Some(day(7)))).then_kinds(&["DisputeClosed", "OrderCompleted"]);
    lapsed.when(close(None)).nothing();
}

#[test]
fn a_ruling_for_the_merchant_releases_once_the_appeal_lapses() {
    let order = disputed(delivered()).and(receive(None)).and(rule("d1", RuledFor::Merchant, None));
    assert_eq!(order.state.escrow(), Some(cny(11_500)));
    let close = C::CloseDispute { dispute: id("d1"), due: Some(day(7)) };
    let kinds = ["DisputeClosed", "EscrowReleased", "CommissionCharged"];
    order.on(day(7)).when(close).then_kinds(&kinds);
}

#[test]
fn a_reversed_ruling_gives_back_what_it_cost_the_merchant_and_its_deposit() {
    let order = disputed(released()).knowing(merchant(8_000, 9_000)).and(rule("d1", RuledFor::Buyer, None));
    let appealed = order.and(appeal(DisputeParty::Merchant));
    appealed.clone().when(reverse()).refused("ruling_unpaid");
    let deposit = C::IssueRefund {
        refund: id("d1"),
        of: amount(3_500),
        borne_by: Bearer::Deposit,
        reason: "ruling".to_owned(),
        dispute: Some(id("d1")),
    };
    let order = appealed.and(deposit);
    assert_eq!(order.state.net_commission(), Some(cny(0)));
    let events = order.when(reverse()).result.expect("reversed");
    let Some(Event::RulingReversed(reversed)) = events.first() else { panic!("{events:?}") };
    // 115.00 less tax 3.00 less commission 10.50 less its VAT 0.63, of both together
    let sum = reversed.to_merchant.minor + reversed.to_deposit.minor;
    assert!((sum - (11_500 - 300 - 1_050 - 63)).abs() <= 2, "{reversed:?}");
    assert!(reversed.to_deposit.minor > 3_000 && reversed.to_deposit.minor < 3_500, "{reversed:?}");
}

#[test]
fn a_buyers_appeal_that_succeeds_opens_the_way_to_another_ruling() {
    let order = disputed(shipped()).and(rule("d1", RuledFor::Split, Some(1_000)));
    let reopened = order.and(appeal(DisputeParty::Buyer)).when(reverse()).then_kinds(&["RulingReversed"]);
    assert_eq!(reopened.state.disputes()[0].stage, DisputeStage::Escalated);
    let ruling = ruled(reopened.when(rule("d1", RuledFor::Buyer, None)).result);
    assert_eq!(ruling.refund, cny(10_500));
}

#[test]
fn who_opened_a_dispute_may_take_it_back_before_the_ruling() {
    let withdraw = |by| C::WithdrawDispute { dispute: id("d1"), by };
    let order = disputed(delivered()).and(receive(None));
    order.clone().when(withdraw(DisputeParty::Merchant)).refused("withdraw_by_other");
    let kinds = ["DisputeWithdrawn", "DisputeClosed", "EscrowReleased", "CommissionCharged"];
    let over = order.clone().when(withdraw(DisputeParty::Buyer)).then_kinds(&kinds);
    over.clone().when(withdraw(DisputeParty::Buyer)).nothing();
    over.when(C::SubmitEvidence { dispute: id("d1"), by: DisputeParty::Buyer, document_ref: id("f1") })
        .refused("dispute_closed");
    order
        .and(rule("d1", RuledFor::Merchant, None))
        .when(withdraw(DisputeParty::Buyer))
        .refused("dispute_ruled");
}

fn lost(minor: i64) -> C {
    decided("k1", ChargebackOutcome::Lost, minor, 1)
}

fn closed(order: Scenario<Order>, minor: i64) -> ChargebackClosed {
    let events = order.and(chargeback("k1", minor)).when(lost(minor)).result.expect("closed");
    let Some(Event::ChargebackClosed(closed)) = events.into_iter().next() else { panic!("closed") };
    closed
}

#[test]
fn a_chargeback_stops_shipment_release_refund_and_ruling() {
    let banked = |order: Scenario<Order>| order.and(chargeback("k1", 10_000));
    banked(funded()).when(ship("s1", None)).refused("chargeback_open");
    banked(funded()).when(cancel(None, "r1")).refused("chargeback_open");
    banked(shipped()).when(refund_escrow("r1", RefundOf::All)).refused("chargeback_open");
    banked(disputed(shipped())).when(rule("d1", RuledFor::Buyer, None)).refused("chargeback_open");
    let received = banked(delivered()).when(receive(None)).then_kinds(&["ReceiptConfirmed"]);
    let won = decided("k1", ChargebackOutcome::Won, 10_000, 1);
    let kinds = ["ChargebackClosed", "EscrowReleased", "CommissionCharged"];
    received.when(won).then_kinds(&kinds);
}

#[test]
fn a_lost_chargeback_is_taken_from_escrow_with_what_the_market_had_added() {
    let closed = closed(shipped(), 10_200);
    let taken = closed.from_escrow.expect("from escrow");
    assert_eq!((taken.to_buyer, taken.shortfall_back), (cny(10_200), cny(200)));
    assert_eq!(taken.subsidies_back, [Subsidy { campaign: id("spring"), amount: cny(1_100) }]);
    assert_eq!((closed.borne_by.len(), closed.loss), (0, cny(0)));
}

#[test]
fn a_lost_chargeback_after_release_is_the_merchants_then_the_markets() {
    let rich = closed(released(), 10_200);
    let bearers =
        |c: &ChargebackClosed| c.borne_by.iter().map(|s| (s.by, s.to_buyer.minor)).collect::<Vec<_>>();
    assert_eq!(bearers(&rich), [(Bearer::Merchant, 10_200)]);
    let poor = closed(released().knowing(merchant(4_000, 1_000)), 10_200);
    assert_eq!(bearers(&poor), [(Bearer::Merchant, 5_000), (Bearer::Platform, 5_200)]);
    assert_eq!(poor.loss, cny(0));
}

#[test]
fn what_was_refunded_before_a_bank_took_it_is_a_loss_and_never_refused() {
    let pay = |parts| C::PayRefund { refund: id("r1"), parts };
    let all_sent =
        |own| pay(vec![back("p1", "alipay", own), back("p2", "stored-value", 10_200 * own / 10_000 - own)]);
    let refunded = released().and(refund_released("r1", amount(5_750), Bearer::Merchant));
    let closed = closed(refunded.and(all_sent(5_000)), 10_000);
    assert_eq!(closed.borne_by[0].to_buyer, cny(5_100));
    assert_eq!((closed.loss, closed.from_refunds), (cny(4_900), None));
    let gone = shipped().and(refund_escrow("r1", RefundOf::All)).and(all_sent(10_000));
    let gone = gone.and(chargeback("k1", 10_000));
    let gone = gone.when(lost(10_000)).then_kinds(&["ChargebackClosed"]);
    assert_eq!(gone.state.chargeback_losses(), Some(cny(10_000)));
    let unpaid = placed().and(chargeback("k1", 500)).and(lost(500));
    assert_eq!(unpaid.state.chargeback_losses(), Some(cny(500)));
}

#[test]
fn a_lost_chargeback_after_release_gives_commission_back() {
    let order = released().and(chargeback("k1", 10_200));
    let after = order.when(lost(10_200)).then_kinds(&["ChargebackClosed", "CommissionReversed"]);
    assert_eq!(after.state.net_commission(), Some(cny(0)));
    assert_eq!(after.state.tax(), Some(cny(0)));
}

#[test]
fn a_case_that_was_won_may_come_again_and_one_that_was_lost_may_not() {
    let won = |round| decided("k1", ChargebackOutcome::Won, 1_000, round);
    let again = |round| decided("k1", ChargebackOutcome::Lost, 1_000, round);
    let order = shipped().and(chargeback("k1", 1_000)).and(won(1));
    order.clone().when(won(1)).nothing();
    order.clone().when(again(1)).refused("round_over");
    let second = order.and(chargeback("k1", 1_000)).and(again(2));
    second.clone().when(again(2)).nothing();
    second.clone().when(won(3)).refused("chargeback_lost");
    second.when(chargeback("k1", 1_000)).refused("chargeback_lost");
    shipped().when(lost(1)).refused("chargeback_unknown");
}

#[test]
fn what_a_bank_gave_the_buyer_is_not_refunded_again() {
    let pay = |minor| C::PayRefund { refund: id("r1"), parts: vec![back("p1", "alipay", minor)] };
    let owed = shipped().and(refund_escrow("r1", RefundOf::All)).and(chargeback("k1", 10_000));
    owed.clone().when(pay(10_000)).refused("chargeback_open");
    owed.clone().importing().when(pay(10_000)).then_kinds(&["RefundPaid"]);
    let events = owed.clone().when(lost(10_000)).result.expect("closed");
    let Some(Event::ChargebackClosed(closed)) = events.first() else { panic!("{events:?}") };
    assert_eq!((closed.from_refunds, closed.loss), (Some(cny(10_000)), cny(0)));
    let after = owed.clone().and(lost(10_000));
    // what came by the other payment is owed as before
    assert_eq!(after.state.refunds_due(), Some(cny(200)));
    assert_eq!(after.state.chargeback_losses(), Some(cny(0)));
    after.when(pay(1)).refused("refund_overpaid");
    // a bank that gives the money back leaves the refund to be paid
    let won = owed.and(decided("k1", ChargebackOutcome::Won, 10_000, 1));
    assert_eq!(won.and(pay(10_000)).state.refunds_due(), Some(cny(200)));
}

#[test]
fn a_dispute_named_with_a_refund_opens_no_way_around_a_chargeback_or_a_ruling() {
    let ask = |minor, borne_by, dispute: Option<&str>| C::IssueRefund {
        refund: id("r1"),
        of: amount(minor),
        borne_by,
        reason: "asked for it".to_owned(),
        dispute: dispute.map(id),
    };
    // the deposit gives only what a ruling waits for
    released().when(ask(1, Bearer::Deposit, None)).refused("deposit_not_ruled");
    let open = disputed(released()).knowing(merchant(1_000, 4_000));
    for by in [Bearer::Merchant, Bearer::Platform, Bearer::Deposit] {
        open.clone().when(ask(1, by, Some("d1"))).refused("dispute_not_ruled");
    }
    let withdrawn = C::WithdrawDispute { dispute: id("d1"), by: DisputeParty::Buyer };
    open.clone().and(withdrawn).when(ask(1, Bearer::Merchant, Some("d1"))).refused("dispute_not_ruled");
    let waits = open.and(rule("d1", RuledFor::Buyer, Some(6_000))).and(chargeback("k1", 100));
    waits.clone().when(ask(1, Bearer::Merchant, Some("d1"))).refused("chargeback_open");
    waits.clone().when(ask(4_001, Bearer::Platform, Some("d1"))).refused("chargeback_open");
    waits.clone().when(ask(4_001, Bearer::Deposit, Some("d1"))).refused("deposit_not_ruled");
    for by in [Bearer::Platform, Bearer::Deposit] {
        assert_eq!(waits.clone().and(ask(4_000, by, Some("d1"))).state.disputes()[0].deposit_share, 0);
    }
}

#[test]
fn a_reversed_ruling_gives_its_penalty_back() {
    let C::RuleDispute { dispute, r#for, refund, rule: clause, reason, .. } =
        rule("d1", RuledFor::Buyer, None)
    else {
        unreachable!("a ruling");
    };
    let fined = C::RuleDispute { dispute, r#for, refund, penalty: cny(500), rule: clause, reason };
    let order = disputed(shipped()).and(fined).and(appeal(DisputeParty::Merchant));
    let events = order.when(reverse()).result.expect("reversed");
    let Some(Event::RulingReversed(reversed)) = events.first() else { panic!("{events:?}") };
    assert_eq!(reversed.penalty_back, Some(cny(500)));
    let unfined =
        disputed(shipped()).and(rule("d1", RuledFor::Buyer, None)).and(appeal(DisputeParty::Merchant));
    let events = unfined.when(reverse()).result.expect("reversed");
    assert!(matches!(&events[0], Event::RulingReversed(e) if e.penalty_back.is_none()), "{events:?}");
}
