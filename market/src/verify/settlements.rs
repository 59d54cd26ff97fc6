//! Settlements: invariant 8, each derived again from the lines of the journal.

use super::books::{Books, place};
use super::report::{Check, Report};
use super::{Group, Seen};
use crate::settlement::derive::Derivation;

pub struct Settlements {
    derivation: Derivation,
    check: Check,
}

impl Default for Settlements {
    fn default() -> Self {
        let check = Check::new(
            8,
            "a settlement derived again from the journal equals the one that was closed, figure by figure",
            "settlements",
        );
        Self { derivation: Derivation::default(), check }
    }
}

impl Group for Settlements {
    fn see(&mut self, seen: &Seen<'_>, _: &Books) {
        if let Some(derived) = self.derivation.see(seen.recorded, seen.refs, seen.event, seen.entries) {
            let wrong = (!derived.wrong.is_empty()).then(|| derived.wrong.join("; "));
            self.check.look(|| place(seen.recorded), wrong);
        }
    }

    fn finish(self: Box<Self>, _: &Books, report: &mut Report) {
        report.add(self.check);
        let mut check = Check::new(
            8,
            "no line is in two settlements, and none within the last cut is in none",
            "accounts",
        );
        for (merchant, _, wrong) in self.derivation.accounts() {
            check.look(|| format!("account-{merchant}"), wrong);
        }
        report.add(check);
    }
}
