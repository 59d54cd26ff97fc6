//! Reads that look at much: few at the same time, so that they leave threads and memory to the others.

use crate::turns::{Limits, Turns};

/// So many at the same time; the others wait, or are told to come again.
const LIMITS: Limits = Limits { reading: 2, of_one: 4, of_all: 32 };

/// Reads that look at much whatever is asked.
const ALWAYS: &[&str] =
    &["ledger", "merchant_statement", "payout_explanation", "profit_loss", "settlement_explanation"];
/// Reads that do so as of a moment or by a definition, where there is no row to look at.
const BY_MOMENT: &[&str] = &["balance_sheet", "merchant", "merchant_balances", "trial_balance"];

/// The turns of these.
pub(crate) fn turns() -> Turns {
    Turns::new(LIMITS)
}

/// Whether a read looks at much; `cut` where it is asked as of a moment.
pub(super) fn is_heavy(id: &str, cut: bool) -> bool {
    ALWAYS.contains(&id) || cut && BY_MOMENT.contains(&id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_heavy_read_is_there() {
        let all: Vec<String> =
            super::super::endpoints().into_iter().map(|endpoint| endpoint.doc.id).collect();
        for id in ALWAYS.iter().chain(BY_MOMENT) {
            assert!(all.iter().any(|there| there == id), "{id}");
        }
        assert!(is_heavy("merchant", true) && !is_heavy("merchant", false) && !is_heavy("order", true));
    }
}
