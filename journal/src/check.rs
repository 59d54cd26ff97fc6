//! What an append must look like before any backend sees it: one place, so that all backends agree.

use crate::limits::{
    MAX_ACTOR_BYTES, MAX_DATA_BYTES, MAX_EVENTS_PER_APPEND, MAX_KIND_BYTES, MAX_REFS_BYTES, MAX_STREAM_NAME,
};
use crate::{Append, JournalError, NewEvent};

/// The category of a stream: what stands before the first dash, or the whole name.
#[must_use]
pub fn category(stream: &str) -> &str {
    stream.split_once('-').map_or(stream, |(category, _)| category)
}

/// Checks an append against [`limits`](crate::limits) and its form. Costs one pass over the names, none over
/// the payload.
///
/// # Errors
/// [`JournalError::Malformed`] or [`JournalError::TooLarge`].
pub fn check(item: &Append) -> Result<(), JournalError> {
    stream_name(&item.stream)?;
    within("actor (bytes)", item.cause.actor.len(), MAX_ACTOR_BYTES)?;
    filled("actor", &item.cause.actor)?;
    if item.events.is_empty() {
        return Err(JournalError::Malformed(format!(
            "no event for stream {}; append at least one",
            item.stream
        )));
    }
    within("events in one append", item.events.len(), MAX_EVENTS_PER_APPEND)?;
    item.events.iter().try_for_each(event)
}

fn event(event: &NewEvent) -> Result<(), JournalError> {
    within("event type (bytes)", event.kind.len(), MAX_KIND_BYTES)?;
    filled("event type", &event.kind)?;
    within("refs (bytes)", event.refs.len(), MAX_REFS_BYTES)?;
    within("data (bytes)", event.data.len(), MAX_DATA_BYTES)?;
    if event.schema == 0 {
        return Err(JournalError::Malformed(format!(
            "schema version 0 of {}; they count from 1",
            event.kind
        )));
    }
    object("refs", &event.kind, &event.refs)?;
    object("data", &event.kind, &event.data)
}

fn stream_name(name: &str) -> Result<(), JournalError> {
    within("stream name (bytes)", name.len(), MAX_STREAM_NAME)?;
    filled("stream name", name)?;
    if category(name).is_empty() || name.ends_with('-') {
        return Err(JournalError::Malformed(format!("stream name {name:?}; write category-id")));
    }
    Ok(())
}

fn within(what: &'static str, actual: usize, limit: usize) -> Result<(), JournalError> {
    if actual > limit {
        return Err(JournalError::TooLarge { what, actual, limit });
    }
    Ok(())
}

/// A name: not empty, no blanks, no control characters (a NUL would not survive PostgreSQL).
fn filled(what: &str, name: &str) -> Result<(), JournalError> {
    // The common case is ASCII and takes a byte loop; the rest is looked at by character.
    let plain = name.bytes().all(|byte| byte.is_ascii_graphic());
    if name.is_empty() || (!plain && name.chars().any(|c| c.is_control() || c.is_whitespace())) {
        return Err(JournalError::Malformed(format!(
            "{what} {name:?}; it may not be empty and holds no blanks or control characters"
        )));
    }
    Ok(())
}

/// The journal does not parse payloads; it only refuses what cannot be a JSON object.
fn object(what: &str, kind: &str, json: &str) -> Result<(), JournalError> {
    if json.starts_with('{') && json.ends_with('}') {
        return Ok(());
    }
    Err(JournalError::Malformed(format!("{what} of {kind} is not a JSON object")))
}
