//! One stream read from the journal, event by event.

use std::ops::ControlFlow;

use daybook_domain::Event;
use daybook_journal::{Journal, Recorded};

use crate::MarketError;

/// Visits the events of a stream in order; an event that cannot be read ends it.
///
/// # Errors
/// [`MarketError`] when the journal cannot be read, or an event in it.
pub fn visit(
    journal: &dyn Journal,
    stream: &str,
    each: &mut dyn FnMut(Event, &Recorded<'_>),
) -> Result<(), MarketError> {
    let mut broken = None;
    journal.read_stream(stream, 0, &mut |recorded| match Event::decode(
        recorded.kind,
        recorded.schema,
        recorded.data,
    ) {
        Ok(event) => {
            each(event, &recorded);
            ControlFlow::Continue(())
        }
        Err(why) => {
            broken = Some(format!("{stream}, {} at {}: {why}", recorded.kind, recorded.position));
            ControlFlow::Break(())
        }
    })?;
    broken.map_or(Ok(()), |why| Err(MarketError::Unavailable(why)))
}
