//! What a check found.

use std::collections::BTreeMap;

use daybook_domain::{Currency, Money, Timestamp};
use daybook_journal::Position;

/// How many violations of one check are kept in full; all are counted.
const KEPT: usize = 20;

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// What it is about: a stream, an account, a position.
    pub id: String,
    /// What is wrong, with both figures.
    pub what: String,
}

/// Money that stands open: allowed, and to be listed with its age and reason.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Open {
    /// The account.
    pub account: String,
    /// What stands there.
    pub amount: Money,
    /// Since when it has not been zero, in business time.
    pub since: Timestamp,
    /// Why.
    pub reason: &'static str,
}

/// One invariant, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Check {
    /// Number of the invariant.
    pub invariant: u8,
    /// What must hold, as a sentence.
    pub holds: &'static str,
    /// How many things were looked at.
    pub checked: u64,
    /// What they are, plural: `events`, `orders`.
    pub unit: &'static str,
    /// How many of them broke it.
    pub violated: u64,
    /// The first of them.
    pub violations: Vec<Violation>,
    /// What stands open, the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<Open>,
    /// What else is allowed but must be listed, such as a loss.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Clients' money that is not there, with what it went on. The books are right, and say that the market has to
    /// put in funds of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shortfalls: Vec<String>,
}

impl Check {
    /// A check that has looked at nothing yet.
    #[must_use]
    pub fn new(invariant: u8, holds: &'static str, unit: &'static str) -> Self {
        Self {
            invariant,
            holds,
            checked: 0,
            unit,
            violated: 0,
            violations: Vec::new(),
            open: Vec::new(),
            notes: Vec::new(),
            shortfalls: Vec::new(),
        }
    }

    /// One more was looked at; `wrong` says what is wrong with it.
    pub fn look(&mut self, id: impl FnOnce() -> String, wrong: Option<String>) {
        self.checked += 1;
        if let Some(what) = wrong {
            self.violate(id(), what);
        }
    }

    /// A violation found while looking at something already counted.
    pub fn violate(&mut self, id: String, what: String) {
        self.violated += 1;
        if self.violations.len() < KEPT {
            self.violations.push(Violation { id, what });
        }
    }

    /// Something allowed that is to be listed.
    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Clients' money that is not there.
    pub fn short(&mut self, shortfall: String) {
        self.shortfalls.push(shortfall);
    }

    /// What stands open by reason and currency: how many accounts, how much.
    #[must_use]
    pub fn open_by_reason(&self) -> BTreeMap<(&'static str, Currency), (u64, i64)> {
        let mut sums: BTreeMap<_, (u64, i64)> = BTreeMap::new();
        for open in &self.open {
            let (count, minor) = sums.entry((open.reason, open.amount.currency)).or_default();
            *count += 1;
            *minor = minor.saturating_add(open.amount.minor);
        }
        sums
    }
}

/// All checks of one run.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// The events up to this position were checked.
    pub head: Position,
    /// How many events were gone through; not more than positions, and as many where these are dense.
    #[serde(skip)]
    pub events: u64,
    /// The checks, by invariant.
    pub checks: Vec<Check>,
}

impl Report {
    /// An empty report over the events up to `head`.
    #[must_use]
    pub fn new(head: Position) -> Self {
        Self { head, events: 0, checks: Vec::new() }
    }

    /// Whether nothing was violated.
    #[must_use]
    pub fn clean(&self) -> bool {
        self.checks.iter().all(|check| check.violated == 0)
    }

    /// Whether what is held for clients covers what they are owed, in every currency. A market may be short for a
    /// time: that is no fault of its books, but nothing to leave alone.
    #[must_use]
    pub fn covered(&self) -> bool {
        self.checks.iter().all(|check| check.shortfalls.is_empty())
    }

    /// Violations in all.
    #[must_use]
    pub fn violated(&self) -> u64 {
        self.checks.iter().map(|check| check.violated).sum()
    }

    /// Adds a check.
    pub fn add(&mut self, check: Check) {
        self.checks.push(check);
    }

    /// Puts the checks in the order of the invariants; those of one keep theirs.
    pub(super) fn sort(&mut self) {
        self.checks.sort_by_key(|check| check.invariant);
    }
}
