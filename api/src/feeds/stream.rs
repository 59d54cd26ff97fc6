//! Server-sent events: pages, one after the other, and then what comes.
//!
//! A stream holds one page at most; the next is read when the socket has taken it. So a slow reader costs a page, and
//! a reader that has gone away costs nothing.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Method};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use daybook_domain::{MerchantId, PartyId, Timestamp};
use daybook_journal::{Clock, Position, SystemClock};
use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, timeout};

use super::page::{self, Bounds, Page, Sent};
use super::wanted::Wanted;
use crate::Shared;
use crate::access::log::Entry;
use crate::access::{Caller, Role};
use crate::passage::of_this_request;
use crate::problem::{INTERNAL, Problem, TOO_MANY_STREAMS, blocking};
use crate::server::Closing;
use crate::turns::{Limits, Turns, Waits};

/// Most streams at the same time.
const MOST_STREAMS: usize = 256;
/// Most streams of one key at the same time; of a merchant's fewer, for there are many of them.
const MOST_OF_ONE: usize = 32;
const MOST_OF_MERCHANT: usize = 4;
/// Something is sent at least this often, so that proxies and readers see that the line is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// What is committed within this time is read together.
const GATHER: Duration = Duration::from_millis(20);
/// How often it is asked whether the key is in force still.
const RECHECK: Duration = Duration::from_millis(500);
/// What readers are told to wait before they connect again.
const RETRY: Duration = Duration::from_secs(2);

/// Pages that are read and waited for.
const PAGES: Limits = Limits { reading: 4, of_one: 8, of_all: 128 };
/// Most pages that are read for webhooks at the same time: they have turns of their own.
const FOR_WEBHOOKS: usize = 2;

/// The streams that are open, and who may read.
pub(crate) struct Streams {
    open: Arc<Mutex<HashMap<PartyId, usize>>>,
    turns: Turns,
    for_webhooks: Arc<Semaphore>,
}

impl Default for Streams {
    fn default() -> Self {
        let for_webhooks = Arc::new(Semaphore::new(FOR_WEBHOOKS));
        Self { open: Arc::default(), turns: Turns::new(PAGES), for_webhooks }
    }
}

/// Who reads a page.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reading {
    /// Whoever asked for it.
    Page(PartyId),
    /// The stream of a key, which asks for the next when it has sent the one before.
    Stream(PartyId),
    /// What brings events to a receiver.
    Webhook,
}

impl Streams {
    /// Reads a page, when it is this reader's turn.
    pub async fn page(
        &self,
        shared: &Shared,
        reader: Reading,
        wanted: Arc<Wanted>,
        after: Position,
        bounds: Bounds,
    ) -> Result<Page, Problem> {
        let (mut of_key, mut of_webhooks) = (None, None);
        match reader {
            Reading::Page(key) => of_key = Some(self.turns.wait(key, Waits::WithinLimits).await?),
            Reading::Stream(key) => of_key = Some(self.turns.wait(key, Waits::Always).await?),
            Reading::Webhook => {
                let place = Arc::clone(&self.for_webhooks).acquire_owned().await;
                of_webhooks = Some(place.map_err(|error| Problem::new(INTERNAL, error.to_string()))?);
            }
        }
        let shared = Arc::clone(shared);
        blocking(move || {
            let _held = (of_key, of_webhooks); // by the thread that reads: its reader may be gone before it is through
            let journal = shared.market.journal().as_ref();
            let source = shared.source.of(journal).map_err(page::unreadable)?;
            page::read(journal, source, &wanted, shared.access.pseudonyms(), after, bounds)
                .map_err(page::unreadable)
        })
        .await
    }

    fn begin(&self, caller: &Caller) -> Result<Seat, Problem> {
        let of = caller.actor;
        let most = if caller.role == Role::Merchant { MOST_OF_MERCHANT } else { MOST_OF_ONE };
        let mut open = self.open.lock();
        let all: usize = open.values().sum();
        let own = open.get(&of).copied().unwrap_or(0);
        if all >= MOST_STREAMS || own >= most {
            let detail =
                format!("{all} streams are open, {own} of them with this key; close one, or read pages");
            return Err(Problem::new(TOO_MANY_STREAMS, detail));
        }
        open.insert(of, own + 1);
        Ok(Seat { open: Arc::clone(&self.open), of })
    }
}

/// Stands for a stream that is open.
struct Seat {
    open: Arc<Mutex<HashMap<PartyId, usize>>>,
    of: PartyId,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.open.lock();
        if let Some(own) = open.get_mut(&self.of) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.of);
            }
        }
    }
}

/// A reader of a stream.
struct Reader {
    shared: Shared,
    headers: HeaderMap,
    wanted: Arc<Wanted>,
    after: Position,
    ready: VecDeque<Sent>,
    heads: watch::Receiver<Position>,
    closing: Option<Closing>,
    checked: Instant,
    /// Whose data it was shown: each is noted once.
    shown: BTreeSet<MerchantId>,
    caller: Caller,
    request_id: String,
    _seat: Seat,
}

/// Begins a stream.
pub(super) fn open(
    shared: Shared,
    caller: Caller,
    headers: HeaderMap,
    wanted: Wanted,
    after: Position,
    closing: Option<Closing>,
) -> Result<Response, Problem> {
    let seat = shared.streams.begin(&caller)?;
    let heads = shared.wakes.follow();
    let reader = Reader {
        shared,
        headers,
        wanted: Arc::new(wanted),
        after,
        ready: VecDeque::new(),
        heads,
        closing,
        checked: Instant::now(),
        shown: BTreeSet::new(),
        caller,
        request_id: of_this_request().unwrap_or_default(),
        _seat: seat,
    };
    let first = Event::default().retry(RETRY).id(after.to_string()).comment("from here on");
    let first = stream::once(async move { Ok::<_, Infallible>(first) });
    let rest = stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((Ok(event), reader))
    });
    Ok(Sse::new(first.chain(rest)).into_response())
}

impl Reader {
    /// What to send next; `None` ends the stream.
    async fn next(&mut self) -> Option<Event> {
        let beat = Instant::now() + HEARTBEAT;
        loop {
            if self.closing.as_ref().is_some_and(Closing::now) || !self.in_force() {
                return None;
            }
            if let Some(Sent { position, json, .. }) = self.ready.pop_front() {
                return Some(Event::default().id(position.to_string()).data(json));
            }
            let head = *self.heads.borrow_and_update();
            if self.after < head {
                let wanted = Arc::clone(&self.wanted);
                let shared = Arc::clone(&self.shared);
                let reader = Reading::Stream(self.caller.actor);
                match shared.streams.page(&shared, reader, wanted, self.after, Bounds::default()).await {
                    Ok(page) => {
                        self.after = page.next;
                        self.note(page.merchants);
                        self.ready = page.events.into();
                    }
                    Err(_) => return None, // the reader connects again, and meets the problem itself
                }
                if self.ready.is_empty() && Instant::now() >= beat {
                    return Some(self.heartbeat());
                }
                continue;
            }
            if !self.wait(beat).await {
                return Some(self.heartbeat());
            }
        }
    }

    /// Waits until the journal has grown or something else is to be looked at; false: it is time to say something.
    async fn wait(&mut self, beat: Instant) -> bool {
        let left = beat.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        let closing = async {
            match &mut self.closing {
                Some(closing) => closing.begun().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = closing => {}
            woken = timeout(left.min(RECHECK), self.heads.changed()) => match woken {
                Ok(Ok(())) => sleep(GATHER).await,
                Ok(Err(_)) => {
                    sleep(GATHER).await;
                    self.heads = self.shared.wakes.follow();
                }
                Err(_) => {}
            },
        }
        true
    }

    /// A sign of life, with the position up to which all was looked at: a reader that connects again starts there,
    /// although its filter has found nothing.
    fn heartbeat(&self) -> Event {
        Event::default().id(self.after.to_string()).comment("nothing new")
    }

    /// Notes in the log of accesses whose data is shown, as the guard does for answers that end.
    fn note(&mut self, merchants: BTreeSet<MerchantId>) {
        for merchant in merchants {
            if self.shown.insert(merchant) {
                self.shared.access.log(Entry {
                    at: Timestamp(SystemClock.now()),
                    actor: self.caller.actor,
                    role: self.caller.role,
                    merchant,
                    endpoint: (Method::GET, super::STREAM_PATH.into()),
                    status: 200,
                    request_id: self.request_id.clone(),
                });
            }
        }
    }

    /// Whether the key may read still; asked now and then.
    fn in_force(&mut self) -> bool {
        if self.checked.elapsed() < RECHECK {
            return true;
        }
        self.checked = Instant::now();
        self.shared.access.in_force(&self.headers)
    }
}
