//! Reads that look at much: few at the same time, so that they leave threads and memory to the others.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{INTERNAL, Problem, TOO_MANY_WAITING};

/// Most at the same time.
const MOST_READING: usize = 2;
/// Most that wait for a turn or have one.
const MOST_ASKING: usize = 16;

/// Reads that look at much whatever is asked.
const ALWAYS: &[&str] =
    &["merchant_statement", "payout_explanation", "profit_loss", "settlement_explanation"];
/// Reads that do so as of a moment, where there is no row to look at.
const BY_MOMENT: &[&str] = &["balance_sheet", "ledger", "merchant", "merchant_balances", "trial_balance"];

/// Whether a read looks at much; `cut` where it is asked as of a moment.
pub(super) fn is_heavy(id: &str, cut: bool) -> bool {
    ALWAYS.contains(&id) || cut && BY_MOMENT.contains(&id)
}

/// The turns of heavy reads.
pub(crate) struct Heavy {
    reading: Arc<Semaphore>,
    asking: Arc<Semaphore>,
}

impl Default for Heavy {
    fn default() -> Self {
        Self {
            reading: Arc::new(Semaphore::new(MOST_READING)),
            asking: Arc::new(Semaphore::new(MOST_ASKING)),
        }
    }
}

/// A turn, for as long as it is kept.
pub(super) struct Turn {
    _reading: OwnedSemaphorePermit,
    _asking: OwnedSemaphorePermit,
}

impl Heavy {
    /// Waits for a turn, unless too many wait already.
    pub(super) async fn turn(&self) -> Result<Turn, Problem> {
        let asking = Arc::clone(&self.asking).try_acquire_owned();
        let asking = asking.map_err(|_| {
            Problem::new(TOO_MANY_WAITING, "many reads that look at much wait already: ask again later")
        })?;
        let reading = Arc::clone(&self.reading).acquire_owned().await;
        let reading = reading.map_err(|error| Problem::new(INTERNAL, error.to_string()))?;
        Ok(Turn { _reading: reading, _asking: asking })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

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

    #[tokio::test]
    async fn few_read_some_wait_and_the_others_are_told_so() {
        let heavy = Heavy::default();
        let mut asking: Vec<_> = (0..MOST_ASKING).map(|_| Box::pin(heavy.turn())).collect();
        let held: Vec<_> = asking.iter_mut().filter_map(FutureExt::now_or_never).collect();
        assert_eq!(held.len(), MOST_READING);
        assert!(heavy.turn().await.err().unwrap().is(TOO_MANY_WAITING));
        drop((asking, held));
        assert!(heavy.turn().now_or_never().unwrap().is_ok());
    }
}
