//! What an event's type moves in a pack's account is what the posting rules have it move.
#![allow(clippy::unwrap_used)]

mod hand;

use std::collections::BTreeMap;
use std::path::PathBuf;

use daybook_domain::account::lines::{LineKind, is_line};
use daybook_domain::posting::post;
use daybook_domain::{Currency, Event, EventKind, Refs};
use daybook_packs::{Figures, Movement, Pack};
use hand::{facts, moved};

/// The balances, in the order of the columns.
const ACCOUNTS: [&str; 7] = [
    "MerchantPending",
    "MerchantAvailable",
    "MerchantHeld",
    "MerchantReserve",
    "PayoutInTransit",
    "Deposit",
    "DepositFrozen",
];

/// The rows that an event makes in a merchant's account, by currency.
fn rows(kind: EventKind, form: &str) -> Vec<Movement> {
    let file = format!("../domain/fixtures/{}.v{}.{form}.json", kind.as_str(), kind.schema());
    let text = std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let event = Event::decode(kind.as_str(), kind.schema(), &text).unwrap();
    let refs = r#"{"merchant":"m-1","order":"o-1","checkout":"c-1","buyer":"b-1"}"#;
    let refs: Refs = serde_json::from_str(refs).unwrap();
    let mut entries = Vec::new();
    post(&event, &refs, &mut entries);
    let mut found: BTreeMap<Currency, ([i64; 7], bool)> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.account.dimension == "m-1") {
        let Some(at) = ACCOUNTS.iter().position(|name| *name == entry.account.name) else { continue };
        let (changes, line) = found.entry(entry.amount.currency).or_default();
        changes[at] -= entry.amount.minor;
        *line |= is_line(kind, entry);
    }
    let row = |(changes, line): ([i64; 7], bool)| {
        let mut row = moved(7, "2024-02-20T00:00:00Z", kind.as_str(), changes);
        row.about = line.then(|| LineKind::of(kind).to_string());
        row
    };
    found.into_values().map(row).collect()
}

/// What is said of a row.
fn said_of(row: Movement) -> Vec<String> {
    let mut facts = facts();
    facts.account.push(row);
    let wrong = Pack::of(&facts, &Figures::of(&facts).unwrap(), Vec::new()).unwrap().check().wrong;
    wrong.into_iter().filter(|what| what.starts_with("movement 7, ")).collect()
}

#[test]
fn every_event_that_posts_to_a_merchants_balances_is_taken_and_no_other_balance_of_it() {
    let mut kinds = 0;
    for kind in EventKind::ALL {
        for form in ["complete", "minimal"] {
            for row in rows(*kind, form) {
                kinds += 1;
                let [a, b, c, d, e, f, g] = [
                    row.pending,
                    row.available,
                    row.held,
                    row.reserve,
                    row.in_transit,
                    row.deposit,
                    row.frozen,
                ];
                assert_eq!(said_of(row.clone()), Vec::<String>::new(), "{kind:?} {form}: {row:?}");
                if *kind == EventKind::DepositDeducted {
                    continue; // from either part of it
                }
                let mut other = row.clone();
                (other.available, other.held, other.reserve) = (a, b, c);
                (other.in_transit, other.deposit, other.frozen, other.pending) = (d, e, f, g);
                assert_eq!(said_of(other.clone()).len(), 1, "{kind:?} {form}: {other:?}");
                let mut about = row;
                about.about = Some(if about.about.is_none() { "release" } else { "other" }.to_owned());
                assert_eq!(said_of(about).len(), 1, "{kind:?} {form}");
            }
        }
    }
    assert!(kinds > 40, "{kinds} rows");
}

#[test]
fn rows_that_move_nothing_or_are_of_no_such_event_are_found() {
    for event in ["PayoutConfirmed", "EscrowReleased", "PageViewed", "GoodNews"] {
        assert_eq!(said_of(moved(7, "2024-02-20T00:00:00Z", event, [0; 7])).len(), 1, "{event}");
    }
    assert_eq!(said_of(moved(7, "2024-02-20T00:00:00Z", "SettlementClosed", [0; 7])), Vec::<String>::new());
}

#[test]
fn a_settlement_does_not_turn_what_is_available_into_a_reserve() {
    // pending, available, held, reserve
    let settled = |[pending, available, reserve]: [i64; 3]| {
        said_of(moved(
            7,
            "2024-02-20T00:00:00Z",
            "SettlementClosed",
            [pending, available, 0, reserve, 0, 0, 0],
        ))
    };
    for honest in [[-100, 60, 40], [-100, 100, 0], [-100, 0, 100], [50, -50, 0], [0, 0, 0]] {
        assert_eq!(settled(honest), Vec::<String>::new(), "{honest:?}");
    }
    // a debt is paid with what is available, and nothing is kept back of it
    for turned in [[-50, -50, 100], [50, -100, 50]] {
        assert!(
            settled(turned)[0].contains("a settlement takes from what is available what pays"),
            "{turned:?}"
        );
    }
}
