//! A journal for the engine's own tests.

use daybook_journal::conformance::tools::block_on;
use daybook_journal::{Append, Cause, Expected, Journal as _, MemoryJournal, NewEvent};
use uuid::Uuid;

/// So many payments of deposits, by a thousand merchants in turn.
pub(super) fn deposits(events: u64) -> MemoryJournal {
    let journal = MemoryJournal::new();
    let data = r#"{"amount":{"amount":"1.00","currency":"CNY"},"provider":"p","provider_ref":"x"}"#;
    let item = |n: u64| {
        let event = NewEvent {
            id: Uuid::from_u128(u128::from(n)),
            kind: "DepositPaid".into(),
            schema: 1,
            occurred_at: n as i64,
            refs: format!(r#"{{"merchant":"m{}"}}"#, n % 1_000),
            data: data.to_owned(),
        };
        let cause =
            Cause { command: event.id, fingerprint: [0; 16], correlation: event.id, actor: "test".into() };
        let stream = format!("deposit-m{}", n % 1_000);
        Append { stream, expected: Expected::Any, cause, events: vec![event] }
    };
    let receipts = block_on(journal.append((1..=events).map(item).collect()));
    assert!(receipts.iter().all(Result::is_ok));
    journal
}
