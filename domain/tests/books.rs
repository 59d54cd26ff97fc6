//! The market's settings and books: versions that rise, periods in order, vouchers by two persons.

mod support;

use daybook_domain::books::commands::{
    BooksCommand, ClosingBooks, DrawnLiabilities, MarketCommand, MarketPack,
};
use daybook_domain::books::events::*;
use daybook_domain::books::{Books, Market, Policy};
use daybook_domain::{Event, Money};
use proptest::prelude::*;
use support::{Scenario, at, cny, currency, given, id, product, usd};

fn open_in(time_zone: &str, currencies: &[&str]) -> MarketCommand {
    MarketCommand::Open {
        name: "Youtian".to_owned(),
        time_zone: id(time_zone),
        currencies: currencies.iter().map(|c| currency(c)).collect(),
    }
}

fn adopt(change: impl FnOnce(&mut Policy)) -> MarketCommand {
    let mut policy = Policy::default();
    change(&mut policy);
    MarketCommand::AdoptPolicy { policy }
}

fn market() -> Scenario<Market> {
    given::<Market>("main", []).and(open_in("Asia/Shanghai", &["CNY", "USD"]))
}

#[test]
fn a_market_opens_once_in_a_time_zone_and_with_a_currency() {
    let new = given::<Market>("main", []);
    new.clone().when(open_in("Shanghai", &["CNY"])).refused("time_zone_malformed");
    new.clone().when(open_in("UTC", &[])).refused("no_currency");
    new.clone().when(open_in("UTC", &["CNY", "CNY"])).refused("currency_twice");
    new.when(adopt(|_| {})).refused("market_not_open");
    market().when(open_in("Asia/Shanghai", &["CNY", "USD"])).nothing();
    market().when(open_in("Europe/Paris", &["CNY", "USD"])).refused("market_open");
}

#[test]
fn each_adopted_policy_has_the_next_version_and_the_same_again_changes_nothing() {
    assert_eq!(market().state.policy(), &Policy::default());
    let first = market().and(adopt(|_| {}));
    assert_eq!(first.state.policy_version(), 1);
    first.clone().when(adopt(|_| {})).nothing();
    let second = first.and(adopt(|p| p.release_after_days = 14));
    assert_eq!((second.state.policy_version(), second.state.policy().release_after_days), (2, 14));
    second.and(adopt(|_| {})).when(adopt(|_| {})).nothing();
}

#[test]
fn a_policy_that_cannot_be_meant_is_refused_naming_the_field() {
    market().when(adopt(|p| p.entry_rules = 99)).refused("entry_rules_unknown");
    let refused = market().when(adopt(|p| p.appeal_days = 4_000)).result.expect_err("eleven years");
    assert_eq!(refused.code, "policy_out_of_range");
    assert!(refused.message.contains("appeal_days"), "{refused}");
    market().when(adopt(|p| p.checkout_expires_hours = u32::MAX)).refused("policy_out_of_range");
}

#[test]
fn a_market_hands_its_own_history_on_once_for_each_pack() {
    let pack = |change: &dyn Fn(&mut MarketPack)| {
        let mut pack = MarketPack {
            digest: id(&"a1".repeat(32)),
            recipient: id("icbc"),
            purpose: "a credit line".to_owned(),
            from: id("2018-01-01"),
            to: id("2018-12-31"),
            currency: currency("CNY"),
            through: 9,
            definitions: 1,
        };
        change(&mut pack);
        MarketCommand::IssueMarketPack(pack)
    };
    let asked = || pack(&|_| {});
    given::<Market>("main", []).when(asked()).refused("market_not_open");
    let issued = market().when(asked()).then_kinds(&["MarketPackIssued"]);
    issued.clone().when(asked()).nothing();
    issued.when(pack(&|pack| pack.digest = id(&"b2".repeat(32)))).then_kinds(&["MarketPackIssued"]);
    market().when(pack(&|pack| pack.to = id("2017-12-31"))).refused("days_reversed");
    market().when(pack(&|pack| pack.from = id("2018-02-30"))).refused("not_a_day");
    market().when(pack(&|pack| pack.digest = id("a1b2"))).refused("digest_malformed");
    market().when(pack(&|pack| pack.digest = id(&"A1".repeat(32)))).refused("digest_malformed");
    market().when(pack(&|pack| pack.currency = currency("BRL"))).refused("currency_unknown");
    market().when(pack(&|pack| " ".clone_into(&mut pack.purpose))).refused("text_empty");
}

fn books() -> Scenario<Books> {
    given::<Books>("main", []).on(at("2018-12-31T12:00:00Z")).by("chen")
}

/// Closes a month at midnight in Shanghai.
fn close(period: &str, until: &str) -> BooksCommand {
    let seal = StatementSeal { merchants: 0, lines: 0, root: id("00"), after: None, follows: None };
    let books = ClosingBooks { until: at(until), digest: id("9f86"), through: 9, seal };
    BooksCommand::ClosePeriod { period: id(period), books: Some(Box::new(books)) }
}

fn march() -> BooksCommand {
    close("2018-03", "2018-03-31T16:00:00Z")
}

fn april() -> BooksCommand {
    close("2018-04", "2018-04-30T16:00:00Z")
}

fn reopen(period: &str) -> BooksCommand {
    let reason = "a statement came late".to_owned();
    BooksCommand::ReopenPeriod { period: id(period), requested_by: id("li"), reason }
}

fn entry(account: &str, side: Side, amount: Money) -> VoucherEntry {
    VoucherEntry { account: id(account), side, amount }
}

fn voucher(entries: Vec<VoucherEntry>) -> BooksCommand {
    let reason = "bank fees of March".to_owned();
    BooksCommand::PostVoucher { voucher: id("v1"), entries, reason, proposed_by: id("li") }
}

fn fees() -> Vec<VoucherEntry> {
    vec![
        entry("Expenses:BankFee", Side::Debit, cny(1_500)),
        entry("Assets:Bank:icbc", Side::Credit, cny(1_500)),
    ]
}

fn paid_out(provider: &str, reference: &str) -> BooksCommand {
    BooksCommand::RecordProviderPayout {
        provider: id(provider),
        amount: cny(10_000),
        bank: id("icbc"),
        reference: id(reference),
        fee: Some(cny(60)),
    }
}

fn remit(reference: &str) -> BooksCommand {
    let (jurisdiction, amount, bank) = (id("CN-31"), cny(800), id("icbc"));
    BooksCommand::RemitTax { jurisdiction, amount, bank, reference: id(reference) }
}

fn settle(reference: &str) -> BooksCommand {
    let (channel, amount, bank) = (id("sf-express"), cny(300), id("icbc"));
    BooksCommand::SettlePayable { channel, amount, bank, reference: id(reference) }
}

fn transfer(to: &str, reference: &str) -> BooksCommand {
    BooksCommand::MoveOwnFunds { from: id("icbc"), to: id(to), amount: cny(500), reference: id(reference) }
}

#[test]
fn what_closes_a_month_is_not_taken_from_who_asks_for_it() {
    let sent = r#"{"action":"close_period","period":"2018-03","digest":"9f86"}"#;
    let error = serde_json::from_str::<BooksCommand>(sent).expect_err("a digest").to_string();
    assert!(error.contains("unknown field `digest`"), "{error}");
    for field in ["seal", "until", "through", "books"] {
        assert!(serde_json::from_str::<BooksCommand>(&sent.replace("digest", field)).is_err(), "{field}");
    }
    let asked: BooksCommand =
        serde_json::from_str(r#"{"action":"close_period","period":"2018-03"}"#).expect("a close");
    books().when(asked.clone()).refused("books_not_drawn_up");
    books().and(march()).when(asked).nothing();
}

fn owed_through(through: u64, minor: i64) -> BooksCommand {
    let sums = vec![LiabilitiesSum { sum: cny(minor), leaves: 2, root: id("00") }];
    BooksCommand::StateLiabilities { drawn: Some(Box::new(DrawnLiabilities { through, sums })) }
}

#[test]
fn there_is_one_sum_of_what_is_owed_for_a_position() {
    let asked: BooksCommand = serde_json::from_str(r#"{"action":"state_liabilities"}"#).expect("a command");
    books().when(asked).refused("books_not_drawn_up");
    let stated = books().and(owed_through(9, 100));
    stated.clone().when(owed_through(9, 100)).nothing();
    stated.clone().when(owed_through(9, 101)).refused("stated_already");
    stated.clone().when(owed_through(8, 100)).refused("stated_already");
    stated.when(owed_through(10, 100)).then_kinds(&["LiabilitiesStated"]);
}

#[test]
fn periods_close_in_order_after_they_ended_and_where_a_month_ends_somewhere_on_earth() {
    let closed = books().and(march());
    assert_eq!(closed.state.closed_until(), Some(at("2018-03-31T16:00:00Z")));
    closed.clone().when(march()).nothing();
    closed.clone().when(close("2018-03", "2018-03-31T15:00:00Z")).refused("period_closed");
    closed.clone().when(close("2018-05", "2018-05-31T16:00:00Z")).refused("period_out_of_order");
    closed.clone().when(close("2018-02", "2018-02-28T16:00:00Z")).refused("period_out_of_order");
    closed.clone().when(close("2018-04", "2018-04-15T16:00:00Z")).refused("period_end_wrong");
    closed.clone().on(at("2018-04-30T15:59:59Z")).when(april()).refused("period_not_over");
    closed.when(april()).then_kinds(&["PeriodClosed"]);
    books().when(close("2018-13", "2018-12-31T16:00:00Z")).refused("period_malformed");
    books().when(close("2018-3", "2018-03-31T16:00:00Z")).refused("period_malformed");
    let december = books().on(at("2019-01-01T00:00:00Z")).and(close("2018-12", "2018-12-31T16:00:00Z"));
    let january = december.on(at("2019-02-01T00:00:00Z")).when(close("2019-01", "2019-01-31T16:00:00Z"));
    january.then_kinds(&["PeriodClosed"]);
}

#[test]
fn only_the_last_closed_period_is_reopened_and_by_two_persons() {
    let closed = books().and(march()).and(april());
    closed.clone().when(reopen("2018-03")).refused("period_not_last");
    closed.clone().by("li").when(reopen("2018-04")).refused("same_person");
    let reopened = closed.when(reopen("2018-04")).then([PeriodReopened {
        period: id("2018-04"),
        by: id("li"),
        approved_by: id("chen"),
        reason: "a statement came late".to_owned(),
        closed_until: Some(at("2018-03-31T16:00:00Z")),
    }
    .into()]);
    assert_eq!(reopened.state.closed_until(), Some(at("2018-03-31T16:00:00Z")));
    let none = reopened.clone().and(reopen("2018-03"));
    assert_eq!(none.state.closed_until(), None);
    none.when(reopen("2018-03")).refused("period_not_last");
    reopened.when(april()).then_kinds(&["PeriodClosed"]);
}

#[test]
fn a_voucher_balances_in_each_currency_and_takes_two_persons() {
    books()
        .when(voucher(fees()))
        .then_kinds(&["JournalVoucher"])
        .when(voucher(fees()))
        .refused("voucher_exists");
    books().by("li").when(voucher(fees())).refused("same_person");
    books().importing().by("li").when(voucher(fees())).refused("same_person");
    books().when(voucher(fees()[..1].to_vec())).refused("voucher_too_short");
    let mut off = fees();
    off[1].amount = cny(1_499);
    books().when(voucher(off)).refused("voucher_unbalanced");
    let mut mixed = fees();
    mixed[1].amount = usd(1_500);
    books().when(voucher(mixed)).refused("voucher_unbalanced");
    let mut below = fees();
    below.iter_mut().for_each(|e| e.amount = cny(-1_500));
    books().when(voucher(below)).refused("amount_not_positive");
    let mut two = fees();
    two.extend(fees().into_iter().map(|e| VoucherEntry { amount: usd(700), ..e }));
    books().when(voucher(two)).then_kinds(&["JournalVoucher"]);
}

#[test]
fn a_voucher_is_not_dated_into_a_closed_period_and_a_bank_movement_is_taken_all_the_same() {
    let closed = books().and(march()).on(at("2018-03-31T15:59:59Z"));
    closed.clone().when(voucher(fees())).refused("period_closed");
    closed.clone().importing().when(voucher(fees())).refused("period_closed");
    closed.clone().when(paid_out("alipay", "ref-1")).then_kinds(&["ProviderPaidOut"]);
    closed.on(at("2018-03-31T16:00:00Z")).when(voucher(fees())).then_kinds(&["JournalVoucher"]);
}

#[test]
fn a_voucher_names_accounts_of_the_chart_that_no_stream_keeps() {
    let with = |account| {
        let mut entries = fees();
        entries[0].account = id(account);
        voucher(entries)
    };
    for unknown in ["Expenses", "Expenses:Coffee", "Assets:Bank", "Costs:BankFee", "Expenses:BankFee:icbc"] {
        books().when(with(unknown)).refused("account_unknown");
    }
    for kept in ["Liabilities:Escrow:o1", "Liabilities:MerchantPending:m1", "Liabilities:Deposit:m1"] {
        books().when(with(kept)).refused("account_kept_by_stream");
    }
}

#[test]
fn a_reference_is_used_once_by_whoever_gave_it() {
    let paid = books().and(paid_out("alipay", "ref-1"));
    paid.clone().when(paid_out("alipay", "ref-1")).refused("reference_used");
    let other = paid.when(paid_out("unionpay", "ref-1")).then_kinds(&["ProviderPaidOut"]);
    let taxed = other.when(remit("ref-1")).then_kinds(&["TaxRemitted"]);
    taxed.clone().when(settle("ref-1")).refused("reference_used");
    taxed.clone().when(transfer("fees", "ref-1")).refused("reference_used");
    taxed.when(transfer("icbc", "ref-2")).refused("same_account");
}

#[test]
fn a_payout_with_a_fee_in_another_currency_is_refused() {
    let command = BooksCommand::RecordProviderPayout {
        provider: id("alipay"),
        amount: cny(10_000),
        bank: id("icbc"),
        reference: id("ref-1"),
        fee: Some(usd(1)),
    };
    books().when(command).refused("currency_mismatch");
}

#[test]
fn every_state_answers_every_command() {
    let states = [
        ("nothing closed", books()),
        ("March closed", books().and(march())),
        ("April closed", books().and(march()).and(april())),
        ("April reopened", books().and(march()).and(april()).and(reopen("2018-04"))),
        (
            "movements booked",
            books().and(paid_out("alipay", "ref-1")).and(remit("ref-1")).and(voucher(fees())),
        ),
    ];
    let commands = [
        ("close March", march()),
        ("close April", april()),
        ("reopen March", reopen("2018-03")),
        ("reopen April", reopen("2018-04")),
        ("record provider payout", paid_out("alipay", "ref-1")),
        ("remit tax", remit("ref-1")),
        ("settle payable", settle("ref-2")),
        ("move own funds", transfer("fees", "ref-3")),
        ("post voucher", voucher(fees())),
    ];
    insta::assert_snapshot!("books_states_and_commands", product(&states, &commands));

    let states = [
        ("not open", given::<Market>("main", [])),
        ("open", market()),
        ("policy adopted", market().and(adopt(|p| p.appeal_days = 3))),
    ];
    let commands = [
        ("open", open_in("Asia/Shanghai", &["CNY", "USD"])),
        ("open elsewhere", open_in("Europe/Paris", &["EUR"])),
        ("adopt the defaults", adopt(|_| {})),
        ("adopt the same", adopt(|p| p.appeal_days = 3)),
        ("adopt unknown entry rules", adopt(|p| p.entry_rules = 99)),
    ];
    insta::assert_snapshot!("market_states_and_commands", product(&states, &commands));
}

proptest! {
    #[test]
    fn closed_periods_are_one_unbroken_row_of_months(
        asked in proptest::collection::vec((any::<bool>(), 1..13u32), 0..40),
    ) {
        let mut books = books().importing();
        let mut closed: Vec<u32> = Vec::new();
        for (forth, month) in asked {
            let period = format!("2018-{month:02}");
            let until = if month == 12 { "2019-01-01".to_owned() } else { format!("2018-{:02}-01", month + 1) };
            let until = format!("{until}T00:00:00Z");
            let command = if forth { close(&period, &until) } else { reopen(&period) };
            for event in books.ask(&command).unwrap_or_default() {
                match event {
                    Event::PeriodClosed(_) => closed.push(month),
                    Event::PeriodReopened(_) => prop_assert_eq!(closed.pop(), Some(month)),
                    other => prop_assert!(false, "{:?}", other),
                }
            }
            prop_assert!(closed.windows(2).all(|w| w[1] == w[0] + 1), "{:?}", closed);
            let last = closed.last().map(|m| id(&format!("2018-{m:02}")));
            prop_assert_eq!(books.state.last_closed(), last);
        }
    }
}
