//! Reading ahead: one thread reads the log while another works on what it read.
//!
//! What a row costs to read (pages, columns, names) is about what it costs to decode and fold. A pass over the whole
//! log that does both by turns leaves a core idle; this one copies events into pages of bounded size, a few at a
//! time, and visits them where they lie. A short scan is not worth a thread, and is read where it is visited.
//!
//! Where reading is the lesser work, its thread would wait for the other: meanwhile it takes over what can be made of an
//! event by itself (it is decoded, say), as far as it comes, and the visitor makes the rest.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use uuid::Uuid;

use crate::{Filter, Journal, JournalError, Micros, Position, Recorded, Scanned, Version, Visit};

/// Fewest positions that are read ahead.
const LEAST: u64 = 50_000;
/// Events of a page.
const EVENTS: usize = 1_024;
/// Bytes of a page's texts, about: the event that reaches it is still in.
const BYTES: usize = 256 << 10;
/// Pages under way: one being filled, one being visited, two between.
const PAGES: usize = 4;
/// Positions after which a page goes on its way that is not full, to tell how far the reading is.
const TOLD: Position = 16_384;
/// Events of which something is made before the reader looks whether it is still in time.
const MADE: usize = 32;

/// As [`Journal::scan`], read on a thread of its own where there is much to read.
///
/// # Errors
/// As [`Journal::scan`]; what was read before the error has been visited.
pub fn scan(
    journal: &dyn Journal,
    after: Position,
    upto: Option<Position>,
    filter: &Filter,
    visit: Visit<'_>,
) -> Result<Scanned, JournalError> {
    let each: (Wanted<'_>, Make<'_, _>) = (&|_| true, &|_| ());
    scan_made(journal, (after, upto), filter, each, &mut |_| {}, &mut |event, ()| visit(event))
}

/// Whether an event is visited, asked on the thread that reads it: what is not is not copied.
pub type Wanted<'w> = &'w (dyn Fn(&Recorded<'_>) -> bool + Sync);

/// What is made of an event that is visited, on either thread.
pub type Make<'m, T> = &'m (dyn Fn(&Recorded<'_>) -> T + Sync);

/// Hears now and then how far a scan is: all that is wanted through there has been visited.
pub type Told<'t> = &'t mut dyn FnMut(Position);

/// As [`Visit`], with what was made of the event.
pub type VisitMade<'v, T> = &'v mut dyn FnMut(Recorded<'_>, T) -> ControlFlow<()>;

/// As [`scan`], of the events that are wanted, with what is made of each; `told` hears how far it is also where none is.
///
/// # Errors
/// As [`scan`].
pub fn scan_made<T: Send>(
    journal: &dyn Journal,
    (after, upto): (Position, Option<Position>),
    filter: &Filter,
    (wanted, make): (Wanted<'_>, Make<'_, T>),
    told: Told<'_>,
    visit: VisitMade<'_, T>,
) -> Result<Scanned, JournalError> {
    let head = journal.head()?;
    let by_turns = |told: Told<'_>, visit: VisitMade<'_, T>| {
        let mut heard = after;
        journal.scan(after, upto, filter, &mut |event| {
            let position = event.position;
            let going = if wanted(&event) {
                let made = make(&event);
                visit(event, made)
            } else {
                ControlFlow::Continue(())
            };
            if going.is_continue() && position.saturating_sub(heard) >= TOLD {
                heard = position;
                told(position);
            }
            going
        })
    };
    if upto.unwrap_or(head).min(head).saturating_sub(after) < LEAST {
        return by_turns(told, visit);
    }
    let state = State::default();
    std::thread::scope(|scope| {
        let (full, pages) = sync_channel::<Page<T>>(PAGES);
        let (back, empty) = sync_channel::<Page<T>>(PAGES);
        for _ in 0..PAGES {
            back.send(Page::default()).expect("invariant: it has room for all pages");
        }
        let reader = std::thread::Builder::new().name("journal-ahead".into());
        let (state, each) = (&state, (filter, wanted, make));
        let reader =
            reader.spawn_scoped(scope, move || read(journal, (after, upto), each, state, &full, &empty));
        let Ok(reader) = reader else {
            return by_turns(told, visit); // the system gives no thread
        };
        let stopped = {
            let _ended = Ended(&state.ended);
            visit_all(pages, &back, state, told, (make, visit))
        };
        drop(back); // a reader that waits for a page ends
        match (stopped, reader.join()) {
            // whatever became of what was read ahead of that: nobody asked for it
            (Some(through), _) => Ok(Scanned { through, head }),
            (None, Ok(scanned)) => scanned,
            (None, Err(panic)) => std::panic::resume_unwind(panic),
        }
    })
}

/// What the two threads know of each other.
#[derive(Default)]
struct State {
    /// Nobody visits any more. A page that cannot be sent says so too, but where nothing is wanted there is none for long.
    ended: AtomicBool,
    /// Pages that wait to be visited.
    waiting: AtomicUsize,
}

/// Says that nobody visits any more, also where the visitor panics: the scope waits for the reader.
struct Ended<'e>(&'e AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Fills pages until there is no more, or nobody takes them.
fn read<T>(
    journal: &dyn Journal,
    (after, upto): (Position, Option<Position>),
    (filter, wanted, make): (&Filter, Wanted<'_>, Make<'_, T>),
    state: &State,
    full: &SyncSender<Page<T>>,
    empty: &Receiver<Page<T>>,
) -> Result<Scanned, JournalError> {
    let send = |mut page: Page<T>| {
        // while the visitor has another page to go on with, and where anything is made at all
        while size_of::<T>() > 0
            && state.waiting.load(Ordering::Relaxed) > 0
            && !state.ended.load(Ordering::Relaxed)
            && page.make(make)
        {}
        state.waiting.fetch_add(1, Ordering::Relaxed);
        full.send(page)
    };
    let mut filling: Option<Page<T>> = None;
    let mut sent = after;
    let scanned = journal.scan(after, upto, filter, &mut |event| {
        if state.ended.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        let (wanted, due) = (wanted(&event), event.position.saturating_sub(sent) >= TOLD);
        if !wanted && !due {
            return ControlFlow::Continue(());
        }
        let mut page = match filling.take() {
            Some(page) => page,
            None => match empty.recv() {
                Ok(page) => page,
                Err(_) => return ControlFlow::Break(()),
            },
        };
        if wanted {
            page.put(&event);
        }
        page.through = event.position;
        if !due && !page.full() {
            filling = Some(page);
        } else {
            sent = event.position;
            if send(page).is_err() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    });
    // also what was read before an error
    if let Some(page) = filling {
        let _ = send(page); // where nobody takes it, nobody asks for it
    }
    scanned
}

/// Visits what comes; where the visitor stopped, if it did.
fn visit_all<T>(
    pages: Receiver<Page<T>>,
    back: &SyncSender<Page<T>>,
    state: &State,
    told: Told<'_>,
    (make, visit): (Make<'_, T>, VisitMade<'_, T>),
) -> Option<Position> {
    for mut page in pages {
        state.waiting.fetch_sub(1, Ordering::Relaxed);
        if let Some(at) = page.visit(make, visit) {
            return Some(at);
        }
        told(page.through);
        page.clear();
        let _ = back.send(page); // a reader that has ended needs none
    }
    None
}

/// Events one behind the other, their texts in one string.
struct Page<T> {
    text: String,
    events: Vec<Header>,
    /// Of the first ones, what is made of them.
    made: Vec<T>,
    /// What is wanted through here is in it, or in one before.
    through: Position,
}

/// What an event is without its texts.
struct Header {
    position: Position,
    version: Version,
    id: Uuid,
    schema: u16,
    occurred_at: Micros,
    recorded_at: Micros,
    command: Uuid,
    fingerprint: [u8; 16],
    correlation: Uuid,
    /// Where its texts begin.
    start: usize,
    /// Bytes of stream, type, actor, references and payload, which follow each other.
    lengths: [usize; 5],
}

impl Header {
    /// The event, its texts in that of its page.
    fn event<'p>(&self, text: &'p str) -> Recorded<'p> {
        let mut rest = &text[self.start..];
        let [stream, kind, actor, refs, data] = self.lengths.map(|length| {
            let (text, after) = rest.split_at(length);
            rest = after;
            text
        });
        Recorded {
            position: self.position,
            stream,
            version: self.version,
            id: self.id,
            kind,
            schema: self.schema,
            occurred_at: self.occurred_at,
            recorded_at: self.recorded_at,
            command: self.command,
            fingerprint: self.fingerprint,
            correlation: self.correlation,
            actor,
            refs,
            data,
        }
    }
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { text: String::new(), events: Vec::new(), made: Vec::new(), through: 0 }
    }
}

impl<T> Page<T> {
    fn put(&mut self, event: &Recorded<'_>) {
        let start = self.text.len();
        let texts = [event.stream, event.kind, event.actor, event.refs, event.data];
        texts.iter().for_each(|text| self.text.push_str(text));
        self.events.push(Header {
            position: event.position,
            version: event.version,
            id: event.id,
            schema: event.schema,
            occurred_at: event.occurred_at,
            recorded_at: event.recorded_at,
            command: event.command,
            fingerprint: event.fingerprint,
            correlation: event.correlation,
            start,
            lengths: texts.map(str::len),
        });
    }

    fn full(&self) -> bool {
        self.events.len() >= EVENTS || self.text.len() >= BYTES
    }

    /// Makes of the next few events what is to be made of them; false where there is none left.
    fn make(&mut self, make: Make<'_, T>) -> bool {
        let next = &self.events[self.made.len()..];
        let next = &next[..next.len().min(MADE)];
        self.made.extend(next.iter().map(|header| make(&header.event(&self.text))));
        !next.is_empty()
    }

    /// Visits its events in order; the position at which the visitor stopped, if it did.
    fn visit(&mut self, make: Make<'_, T>, visit: VisitMade<'_, T>) -> Option<Position> {
        let mut made = self.made.drain(..);
        for header in &self.events {
            let event = header.event(&self.text);
            let made = made.next().unwrap_or_else(|| make(&event));
            if visit(event, made).is_break() {
                return Some(header.position);
            }
        }
        None
    }

    fn clear(&mut self) {
        self.text.clear();
        self.events.clear();
    }
}

#[cfg(test)]
mod tests;
