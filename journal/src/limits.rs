//! Every limit of the journal, in one place.

use std::time::Duration;

/// Longest stream name in bytes: a category, a dash and an id of 64, or two ids.
pub const MAX_STREAM_NAME: usize = 160;
/// Most events in one item of an append.
pub const MAX_EVENTS_PER_APPEND: usize = 1_000;
/// Largest payload of one event in bytes.
pub const MAX_DATA_BYTES: usize = 1 << 20;
/// Largest `refs` of one event in bytes.
pub const MAX_REFS_BYTES: usize = 4 << 10;
/// Longest type name in bytes.
pub const MAX_KIND_BYTES: usize = 64;
/// Longest actor name in bytes.
pub const MAX_ACTOR_BYTES: usize = 128;
/// Longest wait for new events in one call; ask again for longer.
pub const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
