//! The books on the command line: ledgers, results, periods, vouchers, and what is refused there.

use crate::place::{Place, Ran};

const VOUCHER: &str = r#"{"voucher":"v-1","reason":"bank fees","entries":[
    {"account":"Expenses:BankFee","side":"debit","amount":{"amount":"5.00","currency":"CNY"}},
    {"account":"Assets:Bank:main","side":"credit","amount":{"amount":"5.00","currency":"CNY"}}]}"#;

/// One order of April 2018, paid and in escrow, in a market whose zone is Shanghai's.
fn april() -> Place {
    let place = Place::with_a_sale();
    let ran = place.run(&["voucher", &VOUCHER.replace("v-1", "v-0"), "--by", "li", "--approved-by", "chen"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    place
}

fn events(place: &Place) -> usize {
    place.run(&["events"]).out.lines().count()
}

fn refused(place: &Place, args: &[&str], says: &str) {
    let before = events(place);
    let ran = place.run(args);
    assert_eq!(ran.code, 3, "{args:?}: {ran:?}");
    assert!(ran.err.contains(says), "{args:?}: {ran:?}");
    assert_eq!(events(place), before, "{args:?} wrote something");
}

fn done(ran: &Ran) {
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn a_period_is_closed_listed_and_opened_again_by_two_persons() {
    let place = april();
    refused(&place, &["period", "close", "2031-05", "--by", "chen"], "ends at 2031-05-31T16:00:00Z");
    done(&place.run(&["period", "close", "2018-04", "--by", "chen"]));
    refused(&place, &["period", "close", "2018-04", "--by", "li"], "was closed by chen");
    refused(&place, &["period", "close", "2018-06", "--by", "chen"], "close 2018-05 next");
    let listed = place.run(&["period", "list", "--format", "csv"]);
    assert!(listed.out.contains("2018-04,closed,2018-04-30T16:00:00Z"), "{listed:?}");
    assert!(listed.err.contains("closed through 2018-04"), "{listed:?}");
    let verified = place.run(&["verify"]);
    assert!(verified.out.contains("clean: "), "{verified:?}");

    let reopen = |approved_by| {
        vec![
            "period",
            "reopen",
            "2018-04",
            "--by",
            "li",
            "--approved-by",
            approved_by,
            "--reason",
            "a late statement",
        ]
    };
    refused(&place, &reopen("li"), "another person has to approve it");
    done(&place.run(&reopen("chen")));
    let listed = place.run(&["period", "list", "--format", "csv"]);
    assert!(
        listed.out.contains(",reopened,") && listed.out.contains("li,chen,a late statement"),
        "{listed:?}"
    );
    refused(&place, &reopen("chen"), "no period is closed");
    assert_eq!(place.run(&["period", "close", "April", "--by", "chen"]).code, 2);
}

#[test]
fn a_close_sent_again_with_its_id_is_answered_as_the_first_time() {
    let place = april();
    let close = [
        "period",
        "close",
        "2018-04",
        "--by",
        "chen",
        "--command-id",
        "018f4b5e-0000-7000-8000-000000000001",
    ];
    let close = [&close[..], &["--at", "2018-05-02T00:00:00Z"]].concat();
    done(&place.run(&close));
    let before = events(&place);
    done(&place.run(&close));
    assert_eq!(events(&place), before);
}

#[test]
fn a_voucher_that_cannot_be_meant_is_refused_and_nothing_is_written() {
    let place = april();
    let by = ["--by", "li", "--approved-by", "chen"];
    let voucher = |text: &str, more: &[&str], says: &str| {
        refused(&place, &[&["voucher", text][..], &by, more].concat(), says);
    };
    done(&place.run(&["period", "close", "2018-04", "--by", "chen"]));
    voucher(VOUCHER, &["--at", "2018-04-20T00:00:00Z"], "date it 2018-04-30T16:00:00Z or later, or reopen");
    voucher(&VOUCHER.replacen("5.00", "4.00", 1), &[], "debits and credits sum to zero");
    voucher(&VOUCHER.replace("Expenses:BankFee", "Expenses:Coffee"), &[], "is not in the chart");
    voucher(
        &VOUCHER.replace("Expenses:BankFee", "Liabilities:Escrow:o"),
        &[],
        "use a refund or an adjustment",
    );
    voucher(&VOUCHER.replace("v-1", "v-0"), &[], "voucher v-0 is posted");
    voucher("{\"voucher\":1}", &[], "this is no voucher");
    refused(&place, &["voucher", VOUCHER, "--by", "li", "--approved-by", "li"], "another person");
    let missing = place.run(&["voucher", "no-such-file.json", "--by", "li", "--approved-by", "chen"]);
    assert_eq!(missing.code, 4, "{missing:?}");

    std::fs::write(place.path("voucher.json"), VOUCHER).unwrap();
    done(&place.run(&["voucher", "voucher.json", "--by", "li", "--approved-by", "chen"]));
    let books = place.run(&["ledger", "Expenses:BankFee", "--format", "csv"]);
    assert_eq!(books.out.lines().count(), 3, "a header and two vouchers: {books:?}");
}

#[test]
fn a_ledger_names_what_could_have_been_meant_and_ends_at_the_balance() {
    let place = april();
    let ran = place.run(&["ledger", "Assets:Provider:card"]);
    assert!(ran.out.contains("PaymentCaptured") && ran.out.contains("closing balance 100.00"), "{ran:?}");
    for (account, says) in [
        ("Assets:Provider:cart", "nothing was ever posted to Assets:Provider:cart: there are card"),
        ("Liabilities:Escrow", "names no order: write Liabilities:Escrow:<order>"),
        ("Liabilities:Horoscopes:o", "is not in the chart"),
    ] {
        refused(&place, &["ledger", account], says);
    }
    refused(&place, &["ledger", "Assets:Provider:card", "--currency", "USD"], "only in CNY");
    refused(&place, &["ledger", "Assets:Provider:card", "--at-position", "99"], "beyond the journal's head");
    let page = ["ledger", "Expenses:BankFee", "--after", "page two"];
    assert_eq!(place.run(&page).code, 2);
    let none = place.run(&["ledger", "Assets:Provider:card", "--as-of", "2018-04-16", "--format", "csv"]);
    assert_eq!(none.out.lines().count(), 1, "the header alone: {none:?}");
}

#[test]
fn results_and_the_balance_sheet_come_out_even_and_a_period_to_come_is_refused() {
    let place = april();
    let ran = place.run(&["profit-loss", "--format", "csv"]);
    assert!(ran.out.contains("Expenses,BankFee,,CNY,-5.00,0.00,1\nResult,,,CNY,-5.00,,"), "{ran:?}");
    let april = place.run(&["profit-loss", "--period", "2018-04", "--format", "csv"]);
    assert_eq!(april.out.lines().count(), 1, "nothing was earned or spent in April: {april:?}");
    refused(&place, &["profit-loss", "--period", "2999-01"], "period 2999-01 has not begun");
    let back = place.run(&["profit-loss", "--from", "2018-05-01", "--to", "2018-04-01"]);
    assert_eq!(back.code, 2, "{back:?}");

    // the fee was paid of clients' money: the books are even, and the market is short
    let sheet = place.run(&["balance-sheet", "--format", "csv"]);
    assert_eq!(sheet.code, 1, "{sheet:?}");
    for line in ["held,total,CNY,95.00", "owed,total,CNY,100.00", "own_funds,total,CNY,-5.00"] {
        assert!(sheet.out.contains(line), "{line}: {sheet:?}");
    }
    assert!(sheet.err.contains("5.00 CNY of the clients' money is not covered"), "{sheet:?}");
    let short = place.run(&["verify"]);
    assert!(
        short.code == 1 && short.out.contains("5.00 CNY of the clients' money is not covered"),
        "{short:?}"
    );
    assert!(
        short.out.contains("clean: ") && short.out.contains("clients' money is not covered\n"),
        "{short:?}"
    );
}
