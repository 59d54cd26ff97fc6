//! Reading from the journal, event by event: one stream, or all of it.

use std::ops::ControlFlow;

use daybook_domain::{Event, Refs};
use daybook_journal::{Filter, Journal, JournalError, Position, Recorded, ahead};

use crate::MarketError;
use crate::verify::{VerifyError, decode};

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

/// Passes over the journal up to a position, until `each` fails: over the events that are `wanted`, which is asked where they are read, on a
/// core of its own. `told` hears now and then how far it is, and of how many events.
pub(crate) fn pass<E: From<JournalError> + From<VerifyError>>(
    journal: &dyn Journal,
    upto: Position,
    (filter, wanted): (&Filter, ahead::Wanted<'_>),
    told: &mut dyn FnMut(Position, Position),
    each: &mut dyn FnMut(&Recorded<'_>, Event, Refs) -> Result<(), E>,
) -> Result<(), E> {
    let mut failed = None;
    let mut told = |at| told(at, upto);
    let mut visit = |recorded: Recorded<'_>, decoded: Result<(Event, Refs), VerifyError>| {
        let done = decoded.map_err(E::from).and_then(|(event, refs)| each(&recorded, event, refs));
        match done {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    };
    ahead::scan_made(journal, (0, Some(upto)), filter, (wanted, &decode), &mut told, &mut visit)?;
    failed.map_or(Ok(()), Err)
}
