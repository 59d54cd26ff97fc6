//! Requests under way, by command: the same request twice at the same time is answered once.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use uuid::Uuid;

use crate::problem::{IN_FLIGHT, Problem};

/// The commands that are being carried out.
#[derive(Clone, Default)]
pub(crate) struct InFlight(Arc<Mutex<HashSet<(Uuid, String)>>>);

/// Stands for a command until it is answered.
pub(crate) struct Landing {
    of: InFlight,
    command: (Uuid, String),
}

impl InFlight {
    /// Begins a command on a stream.
    ///
    /// # Errors
    /// `in_flight` while the same is under way.
    pub fn begin(&self, command: Uuid, stream: String) -> Result<Landing, Problem> {
        let command = (command, stream);
        if self.0.lock().insert(command.clone()) {
            return Ok(Landing { of: self.clone(), command });
        }
        Err(Problem::new(
            IN_FLIGHT,
            "Idempotency-Key: the same request is being carried out; send it again for its answer",
        ))
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.of.0.lock().remove(&self.command);
    }
}
