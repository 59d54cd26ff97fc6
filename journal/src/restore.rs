//! What every backend says of an event that does not follow what a copy holds.

use crate::{JournalError, Kept, Micros, Position, Version};

/// `version`: of the event's stream, `last` and `recorded_at`: of the log.
pub(crate) fn does_not_follow(
    kept: &Kept,
    version: Version,
    last: Position,
    recorded_at: Micros,
) -> JournalError {
    JournalError::Malformed(format!(
        "event {} (version {} of {}, recorded at {}) does not follow position {last} of {recorded_at} with the stream at \
         version {version}",
        kept.position, kept.version, kept.stream, kept.recorded_at
    ))
}
