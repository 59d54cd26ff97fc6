//! The audit of settlements: all of them derived again from one scan of the journal, no read model asked.

use std::ops::ControlFlow;

use daybook_domain::posting::post;
use daybook_domain::{Currency, EventKind, MerchantId, SettlementId};
use daybook_journal::{Filter, Journal, Position};
use serde::Serialize;

use super::derive::{ALSO_SEEN, Derivation};
use crate::verify::{VerifyError, decode};

/// A settlement that differs from what the journal says it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Whose it is.
    pub merchant: MerchantId,
    /// Which one.
    pub settlement: SettlementId,
    /// Each figure that differs, with both values.
    pub wrong: Vec<String>,
}

/// An account of which a line is in no settlement though the last cut reaches it, or in two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unaccounted {
    /// Whose it is.
    pub merchant: MerchantId,
    /// In which currency.
    pub currency: Currency,
    /// How many lines there are, were taken and wait.
    pub wrong: String,
}

/// What an audit found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// The events up to this position were read.
    pub head: Position,
    /// Settlements derived again.
    pub settlements: u64,
    /// Lines they take.
    pub lines: u64,
    /// Accounts, one per merchant and currency.
    pub accounts: u64,
    /// Settlements that differ, in the order of the journal.
    pub differences: Vec<Difference>,
    /// Accounts whose lines and settlements do not meet.
    pub unaccounted: Vec<Unaccounted>,
}

impl Audit {
    /// Whether nothing differs.
    #[must_use]
    pub const fn clean(&self) -> bool {
        self.differences.is_empty() && self.unaccounted.is_empty()
    }
}

/// Derives settlements again from the journal and compares every figure, the digest and the lines: one settlement
/// where it is named, else all of them and the accounts as a whole. `told` hears how far it is, of how many events.
///
/// # Errors
/// [`VerifyError`] when the journal cannot be read; what the audit finds is in its result.
pub fn audit(
    journal: &dyn Journal,
    only: Option<SettlementId>,
    told: &mut dyn FnMut(Position, Position),
) -> Result<Audit, VerifyError> {
    let head = journal.head()?;
    let seen = EventKind::ALL.iter().filter(|kind| kind.posts() || ALSO_SEEN.contains(kind));
    let filter = Filter { kinds: Some(seen.map(|kind| kind.as_str().into()).collect()), categories: None };
    let mut derivation = Derivation::default();
    let mut found = Audit { head, ..Audit::default() };
    let (mut failed, mut events) = (None, 0_u64);
    journal.scan(0, Some(head), &filter, &mut |recorded| {
        let (event, refs) = match decode(&recorded) {
            Ok(decoded) => decoded,
            Err(error) => {
                failed = Some(error);
                return ControlFlow::Break(());
            }
        };
        let mut entries = Vec::with_capacity(8);
        post(&event, &refs, &mut entries);
        let derived = derivation.see(&recorded, &refs, &event, &entries);
        if let Some(derived) = derived.filter(|d| only.is_none_or(|only| only == d.settlement)) {
            found.settlements += 1;
            found.lines += derived.lines.len() as u64;
            if !derived.wrong.is_empty() {
                let (merchant, settlement, wrong) = (derived.merchant, derived.settlement, derived.wrong);
                found.differences.push(Difference { merchant, settlement, wrong });
            }
        }
        events += 1;
        if events.is_multiple_of(4_096) {
            told(recorded.position, head);
        }
        ControlFlow::Continue(())
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    if only.is_none() {
        for (merchant, currency, wrong) in derivation.accounts() {
            found.accounts += 1;
            found.unaccounted.extend(wrong.map(|wrong| Unaccounted { merchant, currency, wrong }));
        }
    }
    Ok(found)
}
