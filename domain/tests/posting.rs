//! The posting table: every money event has a rule, every rule balances, and the whole is shown.

mod samples;
mod support;

use std::collections::{BTreeMap, BTreeSet};

use daybook_domain::books::events::{JournalVoucher, Side, VoucherEntry};
use daybook_domain::posting::{Account, AccountError, CHART, Class, Entry, account_sides, post};
use daybook_domain::{Currency, Event, EventKind, Refs};
use samples::samples;
use support::{cny, id, usd};

fn refs() -> Refs {
    Refs {
        merchant: Some(id("m1")),
        order: Some(id("o1")),
        checkout: Some(id("c1")),
        buyer: Some(id("b1")),
        campaign: Some(id("k1")),
        ..Refs::default()
    }
}

#[test]
fn every_event_that_moves_money_has_a_rule_and_no_other_event_posts() {
    let refs = refs();
    let mut posted: BTreeSet<EventKind> = BTreeSet::new();
    for (_, event) in samples() {
        let mut entries = Vec::new();
        post(&event, &refs, &mut entries);
        if !entries.is_empty() {
            assert!(event.kind().posts(), "{:?} posts and is not marked as money", event.kind());
            posted.insert(event.kind());
        }
    }
    let missing: Vec<_> = EventKind::ALL.iter().filter(|k| k.posts() && !posted.contains(*k)).collect();
    assert_eq!(missing, Vec::<&EventKind>::new(), "money events without a sample that posts");
}

#[test]
fn the_entries_of_every_event_sum_to_zero_in_each_currency() {
    let refs = refs();
    for (name, event) in samples() {
        let mut entries = Vec::new();
        post(&event, &refs, &mut entries);
        let mut sums: BTreeMap<Currency, i64> = BTreeMap::new();
        for entry in &entries {
            *sums.entry(entry.amount.currency).or_default() += entry.amount.minor;
        }
        assert!(sums.values().all(|sum| *sum == 0), "{name}: {sums:?}");
    }
}

#[test]
fn no_entry_is_zero_and_no_account_stands_twice_in_an_event() {
    let refs = refs();
    for (name, event) in samples() {
        let mut entries = Vec::new();
        post(&event, &refs, &mut entries);
        let mut seen = BTreeSet::new();
        for entry in &entries {
            assert!(!entry.amount.is_zero(), "{name}: {entry:?}");
            assert!(seen.insert((entry.account, entry.amount.currency)), "{name}: {} twice", entry.account);
        }
    }
}

#[test]
fn every_account_that_is_posted_to_stands_in_the_chart() {
    let refs = refs();
    for (name, event) in samples() {
        let mut entries = Vec::new();
        post(&event, &refs, &mut entries);
        for entry in entries {
            let text = entry.account.to_string();
            assert_eq!(Account::parse(&text), Ok(entry.account), "{name}");
        }
    }
}

#[test]
fn the_entries_of_a_second_event_do_not_melt_into_the_first() {
    let refs = refs();
    let events = samples();
    let mut together = Vec::new();
    let mut apart: Vec<Entry<'_>> = Vec::new();
    for (_, event) in &events {
        post(event, &refs, &mut together);
        let mut own = Vec::new();
        post(event, &refs, &mut own);
        apart.extend(own);
    }
    assert_eq!(together, apart);
}

#[test]
fn the_posting_table_reads_as_it_was_designed() {
    let refs = refs();
    let mut table = String::new();
    for (name, event) in samples() {
        table.push_str(&format!("{name}\n"));
        let mut entries = Vec::new();
        post(&event, &refs, &mut entries);
        if entries.is_empty() {
            table.push_str("  posts nothing\n");
        }
        for entry in entries {
            let side = if entry.amount.minor > 0 { "dr" } else { "   cr" };
            let amount = entry.amount.amount().to_string();
            let amount = amount.trim_start_matches('-');
            table.push_str(&format!("  {side} {} {amount} {}\n", entry.account, entry.amount.currency));
        }
    }
    insta::assert_snapshot!("posting_table", table);
}

#[test]
fn a_voucher_posts_its_own_entries() {
    let line = |account: &str, side, amount| VoucherEntry { account: id(account), side, amount };
    let voucher = JournalVoucher {
        voucher: id("v1"),
        entries: vec![
            line("Assets:Bank:main", Side::Debit, usd(5)),
            line("Equity:Capital", Side::Credit, usd(5)),
        ],
        reason: "funding".to_owned(),
        proposed_by: id("p1"),
        approved_by: id("p2"),
    };
    let event = Event::from(voucher);
    let refs = Refs::default();
    let mut entries = Vec::new();
    post(&event, &refs, &mut entries);
    let told: Vec<_> = entries.iter().map(|e| (e.account.to_string(), e.amount.minor)).collect();
    assert_eq!(told, [("Assets:Bank:main".to_owned(), 5), ("Equity:Capital".to_owned(), -5)]);
}

#[test]
fn accounts_are_read_by_the_chart_only() {
    assert!(matches!(Account::parse("Assets:Gold"), Err(AccountError::Unknown { .. })));
    assert!(matches!(Account::parse("Assets"), Err(AccountError::Unknown { .. })));
    assert!(matches!(Account::parse(""), Err(AccountError::Unknown { .. })));
    assert!(matches!(Account::parse("Assets:Bank"), Err(AccountError::Dimension { .. })));
    assert!(matches!(Account::parse("Assets:Bank:"), Err(AccountError::Dimension { .. })));
    assert!(matches!(Account::parse("Expenses:Goodwill:x"), Err(AccountError::Dimension { .. })));
    assert!(matches!(Account::parse("Expenses:Goodwill:"), Err(AccountError::Dimension { .. })));
    let colons = Account::parse("Liabilities:Escrow:shop:1").expect("a dimension may hold colons");
    assert_eq!((colons.class, colons.name, colons.dimension), (Class::Liabilities, "Escrow", "shop:1"));
}

#[test]
fn the_chart_names_each_account_once_and_says_on_which_side_it_stands() {
    let names: BTreeSet<_> = CHART.iter().map(|l| (l.class, l.name)).collect();
    assert_eq!(names.len(), CHART.len());
    let wrong = |text: &str, balance| Account::parse(text).expect("in the chart").on_wrong_side(balance);
    assert!(wrong("Liabilities:Escrow:o1", 1) && !wrong("Liabilities:Escrow:o1", -1));
    assert!(wrong("Assets:ChargebackHeld:p", -1) && !wrong("Assets:ChargebackHeld:p", 1));
    assert!(!wrong("Liabilities:MerchantPending:m1", 1), "pending may be a receivable");
    assert!(wrong("Income:FeeWaived", -1) && !wrong("Income:FeeWaived", 1));
    let unknown = Account { class: Class::Assets, name: "Gold", dimension: "" };
    assert!(unknown.on_wrong_side(1), "an account out of the chart is always reported");
}

#[test]
fn accounts_that_a_stream_repeats_are_closed_to_vouchers() {
    for name in ["Checkout", "Escrow", "Deposit", "MerchantAvailable", "PayoutInTransit"] {
        let line = account_sides(Class::Liabilities, name).expect("in the chart");
        assert!(!line.by_hand, "{name}");
    }
    assert!(account_sides(Class::Assets, "Bank").is_some_and(|line| line.by_hand));
}

#[test]
fn amounts_that_cancel_out_leave_no_entry() {
    // a refund wholly borne by the deposit, without subsidy or tax: DepositDeducted has posted it
    let (_, event) = samples()
        .into_iter()
        .find(|(name, _)| *name == "RefundIssued, borne by deposit, nothing of the market's in it")
        .expect("a sample");
    let refs = refs();
    let mut entries =
        vec![Entry { account: Account::parse("Equity:Capital").expect("known"), amount: cny(1) }];
    post(&event, &refs, &mut entries);
    assert_eq!(entries.len(), 1);
}
