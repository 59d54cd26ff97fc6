//! The market's settings in force, held and renewed when the market's stream moves.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use daybook_domain::books::Policy;
use daybook_domain::{Event, EventKind, MarketId};
use daybook_journal::{Journal, Version};
use parking_lot::{Mutex, RwLock};

use crate::CommandError;

/// How old the settings may be where other processes write the journal.
const RENEW_AFTER: Duration = Duration::from_secs(1);

pub(crate) struct Policies {
    stream: String,
    current: RwLock<Arc<Policy>>,
    read: Mutex<Read>,
}

struct Read {
    version: Version,
    at: Option<Instant>,
}

impl Policies {
    pub(crate) fn new(market: MarketId) -> Self {
        Self {
            stream: format!("market-{market}"),
            current: RwLock::default(),
            read: Mutex::new(Read { version: 0, at: None }),
        }
    }

    /// The settings; read again when they may have changed.
    pub(crate) fn current(
        &self,
        journal: &dyn Journal,
        exclusive: bool,
    ) -> Result<Arc<Policy>, CommandError> {
        let stale = {
            let read = self.read.lock();
            read.at.is_none_or(|at| !exclusive && at.elapsed() > RENEW_AFTER)
        };
        if stale {
            self.renew(journal)?;
        }
        Ok(Arc::clone(&self.current.read()))
    }

    /// A stream was written: renews the settings when it is the market's.
    pub(crate) fn written(&self, stream: &str) {
        if stream == self.stream {
            self.read.lock().at = None;
        }
    }

    fn renew(&self, journal: &dyn Journal) -> Result<(), CommandError> {
        let mut read = self.read.lock();
        let mut adopted = Ok(None);
        let version = journal.read_stream(&self.stream, read.version, &mut |event| {
            if event.kind == EventKind::PolicyAdopted.as_str() {
                match Event::decode(event.kind, event.schema, event.data) {
                    Ok(Event::PolicyAdopted(e)) => adopted = Ok(Some(e.policy)),
                    Ok(_) => {}
                    Err(e) => {
                        adopted = Err(CommandError::Unavailable(format!("{}: {e}", self.stream)));
                        return ControlFlow::Break(());
                    }
                }
            }
            ControlFlow::Continue(())
        })?;
        if let Some(policy) = adopted? {
            *self.current.write() = Arc::new(policy);
        }
        *read = Read { version, at: Some(Instant::now()) };
        Ok(())
    }
}
