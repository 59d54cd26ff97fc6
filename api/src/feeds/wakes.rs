//! Who follows the journal is woken when it grows: one thread waits, however many follow.

use std::sync::{Arc, Weak};
use std::time::Duration;

use daybook_journal::{Journal, Position};
use parking_lot::Mutex;
use tokio::sync::watch;

/// Longest wait of the thread before it looks whether anybody follows still.
const LOOK: Duration = Duration::from_millis(200);

/// Tells followers the journal's head.
pub(crate) struct Wakes {
    journal: Weak<dyn Journal>,
    /// While somebody follows.
    heads: Mutex<Weak<watch::Sender<Position>>>,
}

impl Wakes {
    /// Of this journal; nothing runs until somebody follows.
    pub fn new(journal: &Arc<dyn Journal>) -> Self {
        Self { journal: Arc::downgrade(journal), heads: Mutex::new(Weak::new()) }
    }

    /// A receiver of the head, again and again, for as long as it is kept.
    pub fn follow(&self) -> watch::Receiver<Position> {
        let mut heads = self.heads.lock();
        if let Some(sender) = heads.upgrade() {
            return sender.subscribe();
        }
        let (sender, receiver) = watch::channel(0);
        let sender = Arc::new(sender);
        *heads = Arc::downgrade(&sender);
        let journal = Weak::clone(&self.journal);
        let thread = std::thread::Builder::new().name("feed".to_owned());
        if let Err(error) = thread.spawn(move || tell(&journal, &sender)) {
            tracing::error!(%error, "nobody can follow the journal: no thread could be started");
        }
        receiver
    }
}

/// Tells the head until nobody listens, or the journal is closed.
fn tell(journal: &Weak<dyn Journal>, heads: &watch::Sender<Position>) {
    let mut head = 0;
    while heads.receiver_count() > 0 {
        let Some(journal) = journal.upgrade() else { return };
        match journal.wait_beyond(head, LOOK) {
            Ok(now) if now > head => {
                head = now;
                heads.send_replace(now);
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "the feed cannot see the journal's head");
                drop(journal);
                std::thread::sleep(LOOK);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use daybook_journal::MemoryJournal;

    #[tokio::test]
    async fn a_journal_that_nobody_follows_is_let_go() {
        let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
        let wakes = Wakes::new(&journal);
        let (one, two) = (wakes.follow(), wakes.follow());
        assert!(one.same_channel(&two), "one thread serves both");
        drop((one, two));
        for _ in 0..100 {
            if wakes.heads.lock().upgrade().is_none() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the thread goes on");
    }
}
