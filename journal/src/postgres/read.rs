//! Reading: a small pool of threads, each with a connection of its own.
//!
//! Reading is synchronous and is asked for from anywhere, also from within somebody's async runtime, where nothing
//! may block on another one: so the connection lives on a thread of its own, and rows come over in pages. A page is
//! bounded by rows and by bytes and few are under way: a slow visitor holds up its reader, not the memory.
//!
//! A scan asks for ranges of positions that grow: whoever wants one event does not make the server send thousands, and
//! who stops is sent at most as much again as was wanted. Each range is a statement of its own, so that no snapshot is
//! held for long (the events of several streams are one: they are few), and after a lost connection the scan goes on behind
//! the last row it has handed over. Positions are dense here: a range that is short of one was read from a server that has lost it.

use std::borrow::Cow;
use std::future::Future;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use parking_lot::Mutex;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::{Connection as _, Error, Postgres, Row};
use uuid::Uuid;

use super::batch::unsigned;
use super::connect::Target;
use super::explain::{explain, server_says, set_back};
use super::turns::Turns;
use crate::head::Head;
use crate::{Filter, JournalError, Position, Recorded, Version, Visit};

/// Rows and bytes of a page.
const PAGE_ROWS: usize = 512;
const PAGE_BYTES: usize = 1 << 20;
/// Pages on their way.
const PAGES: usize = 2;
/// Positions of the first range of a scan, how much longer the next is, and the longest.
const FIRST: u64 = 64;
const GROWTH: u64 = 2;
const LONGEST: u64 = 32_768;
/// Connections kept open when nobody reads.
const IDLE: usize = 4;
/// How long a reader drains what nobody wants any more; beyond, a new connection is cheaper, and the server is held up by
/// none.
const DRAINING: Duration = Duration::from_millis(100);

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT position, stream, version, kind, schema, occurred_at, recorded_at, actor, id, \
             command, fingerprint, correlation, refs, data FROM daybook_journal.events ",
            $rest
        )
    };
}
const SCAN: &str = select!("WHERE position > $1 AND position <= $2 ORDER BY position");
const SCAN_FILTERED: &str = select!(
    "WHERE position > $1 AND position <= $2 AND ($3::text[] IS NULL OR kind = ANY($3)) \
     AND ($4::text[] IS NULL OR split_part(stream, '-', 1) = ANY($4)) ORDER BY position"
);
const STREAM: &str = select!("WHERE stream = $1 AND version > $2 AND version <= $3 ORDER BY version");
const STREAMS: &str =
    select!("WHERE stream = ANY($1) AND position > $2 AND position <= $3 ORDER BY position");
const HEAD: &str = "SELECT last FROM daybook_journal.head";
const LAST_VERSION: &str =
    "SELECT version FROM daybook_journal.events WHERE stream = $1 ORDER BY version DESC LIMIT 1";

/// What a reader is asked.
#[derive(Clone, Debug)]
enum Ask {
    Head,
    Scan {
        after: Position,
        end: Position,
        kinds: Option<Vec<String>>,
        categories: Option<Vec<String>>,
    },
    /// `last` is found out.
    Stream {
        name: String,
        after: Version,
        last: Version,
    },
    Streams {
        names: Vec<String>,
        after: Position,
        end: Position,
    },
}

/// What it answers.
enum Answer {
    /// The last version of the stream, before its first page.
    Last(Version),
    Page(Vec<PgRow>),
    /// The head, or where the scan has ended.
    Done(Position),
    Failed(JournalError),
}

/// What was heard in the end.
#[derive(Default)]
struct Heard {
    last: Version,
    /// As in [`Answer::Done`], or the position of the event at which the visitor ended it.
    through: Position,
}

pub(super) struct Readers {
    target: Target,
    /// What this process has seen: a server that has less is not read from.
    seen: Arc<Head>,
    turns: Turns,
    idle: Mutex<Vec<Reader>>,
}

/// The way to a reader's thread, which ends when this is dropped.
struct Reader {
    asks: Sender<(Ask, SyncSender<Answer>)>,
}

impl Readers {
    pub(super) fn new(target: Target, seen: Arc<Head>, most: usize) -> Self {
        Self { target, seen, turns: Turns::new(most), idle: Mutex::default() }
    }

    /// The head as the database has it.
    pub(super) fn head(&self) -> Result<Position, JournalError> {
        Ok(self.ask(Ask::Head, &mut |_| ControlFlow::Continue(()))?.through)
    }

    /// Visits `after < position <= end`; returns where it stopped.
    pub(super) fn scan(
        &self,
        after: Position,
        end: Position,
        filter: &Filter,
        visit: Visit<'_>,
    ) -> Result<Position, JournalError> {
        if after >= end {
            return Ok(after);
        }
        let words = |words: &Vec<Cow<'static, str>>| words.iter().map(|word| word.to_string()).collect();
        let (kinds, categories) = (filter.kinds.as_ref().map(words), filter.categories.as_ref().map(words));
        Ok(self.ask(Ask::Scan { after, end, kinds, categories }, visit)?.through)
    }

    /// Visits `after < version` of a stream; returns its last version as it was before the first visit.
    pub(super) fn stream(
        &self,
        name: &str,
        after: Version,
        visit: Visit<'_>,
    ) -> Result<Version, JournalError> {
        Ok(self.ask(Ask::Stream { name: name.to_owned(), after, last: 0 }, visit)?.last)
    }

    /// Visits the events of several streams up to `end`, in the order of the log.
    pub(super) fn streams(
        &self,
        names: &[&str],
        end: Position,
        visit: Visit<'_>,
    ) -> Result<(), JournalError> {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        self.ask(Ask::Streams { names, after: 0, end }, visit).map(drop)
    }

    fn ask(&self, ask: Ask, visit: Visit<'_>) -> Result<Heard, JournalError> {
        let _turn = self.turns.take(self.target.patience)?;
        let idle = self.idle.lock().pop();
        let reader = match idle {
            Some(reader) => reader,
            None => Reader::start(self.target.clone(), Arc::clone(&self.seen))?,
        };
        let (pages, answers) = sync_channel(PAGES);
        reader.asks.send((ask, pages)).map_err(|_| gone())?;
        let heard = self.hear(&answers, visit);
        // A reader in the middle of something finds nobody listening and is ready for the next.
        drop(answers);
        let mut idle = self.idle.lock();
        if idle.len() < IDLE {
            idle.push(reader);
        }
        heard
    }

    fn hear(&self, answers: &Receiver<Answer>, visit: Visit<'_>) -> Result<Heard, JournalError> {
        let mut heard = Heard::default();
        loop {
            match answers.recv().map_err(|_| gone())? {
                Answer::Last(version) => heard.last = version,
                Answer::Done(through) => return Ok(Heard { through, ..heard }),
                Answer::Failed(error) => return Err(error),
                Answer::Page(rows) => {
                    for row in &rows {
                        let event = recorded(row).map_err(|error| explain(&self.target.name, &error))?;
                        if visit(event).is_break() {
                            return Ok(Heard { through: event.position, ..heard });
                        }
                    }
                }
            }
        }
    }

    pub(super) fn close(&self) {
        self.idle.lock().clear();
    }
}

/// The event of a row in the column order of `select!`.
fn recorded(row: &PgRow) -> Result<Recorded<'_>, Error> {
    let schema: i32 = row.try_get_unchecked(4)?;
    let uuid = |column: usize| row.try_get_unchecked::<Uuid, _>(column);
    Ok(Recorded {
        position: unsigned(row, 0)?,
        stream: row.try_get_unchecked(1)?,
        version: unsigned(row, 2)?,
        kind: row.try_get_unchecked(3)?,
        schema: u16::try_from(schema).map_err(|error| Error::Decode(Box::new(error)))?,
        occurred_at: row.try_get_unchecked(5)?,
        recorded_at: row.try_get_unchecked(6)?,
        actor: row.try_get_unchecked(7)?,
        id: uuid(8)?,
        command: uuid(9)?,
        fingerprint: uuid(10)?.into_bytes(),
        correlation: uuid(11)?,
        refs: row.try_get_unchecked(12)?,
        data: row.try_get_unchecked(13)?,
    })
}

fn gone() -> JournalError {
    JournalError::Unavailable("the thread that reads the journal is gone".to_owned())
}

/// Nobody listens any more.
struct Unheard;

/// Why an answer was not completed.
enum Cut {
    Unheard,
    Failed(Error),
    /// The server fell silent.
    Silent,
    /// It is not to be asked again.
    Refused(JournalError),
}

impl From<Unheard> for Cut {
    fn from(_: Unheard) -> Self {
        Self::Unheard
    }
}

impl From<Error> for Cut {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Reader {
    fn start(target: Target, seen: Arc<Head>) -> Result<Self, JournalError> {
        let failed = |error| JournalError::Unavailable(format!("cannot start a thread: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (asks, asked) = channel::<(Ask, SyncSender<Answer>)>();
        let serve = move || {
            let mut desk = Desk { target, seen, conn: None };
            while let Ok((ask, pages)) = asked.recv() {
                runtime.block_on(desk.answer(ask, &pages));
            }
        };
        std::thread::Builder::new().name("journal-reader".into()).spawn(serve).map_err(failed)?;
        Ok(Self { asks })
    }
}

/// What a reader's thread has.
struct Desk {
    target: Target,
    seen: Arc<Head>,
    conn: Option<PgConnection>,
}

impl Desk {
    async fn answer(&mut self, mut ask: Ask, pages: &SyncSender<Answer>) {
        let mut told = false;
        // A connection that was idle may be gone without anybody's knowing; each try that got on earns another.
        let mut tries = 2;
        loop {
            let mut got_on = false;
            let cut = match self.attempt(&mut ask, pages, &mut told, &mut got_on).await {
                Ok(()) => return,
                Err(Cut::Unheard) => return self.drain().await,
                Err(cut) => cut,
            };
            self.conn = None;
            tries = if got_on { 2 } else { tries - 1 };
            let (error, answered) = match cut {
                Cut::Unheard => return,
                Cut::Silent => (self.target.silent(), false),
                Cut::Refused(error) => (error, true),
                Cut::Failed(error) => {
                    // A session that was ended says so before it goes; any other answer stays what it is.
                    let ended = server_says(&error).is_some_and(|says| says.code().starts_with("57P"));
                    let answered =
                        matches!(error, Error::Database(_) | Error::ColumnDecode { .. } | Error::Decode(_));
                    (explain(&self.target.name, &error), answered && !ended)
                }
            };
            if tries == 0 || answered {
                let _ = pages.send(Answer::Failed(error));
                return;
            }
        }
    }

    /// The visitor has stopped: what the server would still send is taken, or its statement would stay open, and the state
    /// of the tables it sees with it, until this reader is asked again.
    async fn drain(&mut self) {
        if let Some(conn) = &mut self.conn
            && !matches!(tokio::time::timeout(DRAINING, conn.ping()).await, Ok(Ok(())))
        {
            self.conn = None;
        }
    }

    /// A connection to a server that has what this process has seen.
    async fn connected(&self) -> Result<PgConnection, JournalError> {
        let mut conn = self.target.connect().await?;
        let seen = self.seen.get();
        let last = tokio::time::timeout(self.target.patience, sqlx::query(HEAD).fetch_one(&mut conn)).await;
        let last = last.map_err(|_| self.target.silent())?.and_then(|row| unsigned(&row, 0));
        let last = last.map_err(|error| explain(&self.target.name, &error))?;
        if last < seen {
            return Err(set_back(&self.target.name, last, seen));
        }
        Ok(conn)
    }

    /// Answers, moving `ask` on behind what is sent; `told`: the last version of the stream is.
    async fn attempt(
        &mut self,
        ask: &mut Ask,
        pages: &SyncSender<Answer>,
        told: &mut bool,
        got_on: &mut bool,
    ) -> Result<(), Cut> {
        if self.conn.is_none() {
            self.conn = Some(self.connected().await.map_err(Cut::Refused)?);
        }
        let patience = self.target.patience;
        let Some(conn) = &mut self.conn else { return Ok(()) };
        match ask {
            Ask::Head => {
                let head = unsigned(&patiently(patience, sqlx::query(HEAD).fetch_one(conn)).await?, 0)?;
                send(pages, Answer::Done(head))?;
            }
            Ask::Scan { after, end, kinds, categories } => {
                let filtered = kinds.is_some() || categories.is_some();
                let mut range = FIRST;
                while *after < *end {
                    let upto = (*end).min(after.saturating_add(range));
                    let query = sqlx::query(if filtered { SCAN_FILTERED } else { SCAN });
                    let query = query.bind(*after as i64).bind(upto as i64);
                    let query = if filtered { query.bind(&*kinds).bind(&*categories) } else { query };
                    let expected = upto - *after;
                    let came = stream(query, conn, pages, (0, patience), |through| {
                        *after = through;
                        *got_on = true;
                    })
                    .await?;
                    if !filtered && came != expected {
                        return Err(Cut::Refused(set_back(&self.target.name, *after, *end)));
                    }
                    *after = upto;
                    range = LONGEST.min(range * GROWTH);
                }
                send(pages, Answer::Done(*end))?;
            }
            Ask::Stream { name, after, last } => {
                if !*told {
                    let row = sqlx::query(LAST_VERSION).bind(&*name).fetch_optional(&mut *conn);
                    let row = patiently(patience, row).await?;
                    *last = row.map_or(Ok(0), |row| unsigned(&row, 0))?;
                    send(pages, Answer::Last(*last))?;
                    *told = true;
                }
                let mut range = FIRST;
                while *after < *last {
                    let upto = (*last).min(after.saturating_add(range));
                    let query = sqlx::query(STREAM).bind(&*name).bind(*after as i64).bind(upto as i64);
                    stream(query, conn, pages, (2, patience), |through| {
                        *after = through;
                        *got_on = true;
                    })
                    .await?;
                    *after = upto;
                    range = LONGEST.min(range * GROWTH);
                }
                send(pages, Answer::Done(0))?;
            }
            Ask::Streams { names, after, end } => {
                let query = sqlx::query(STREAMS).bind(&*names).bind(*after as i64).bind(*end as i64);
                stream(query, conn, pages, (0, patience), |through| {
                    *after = through;
                    *got_on = true;
                })
                .await?;
                send(pages, Answer::Done(0))?;
            }
        }
        Ok(())
    }
}

async fn patiently<T>(patience: Duration, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Cut> {
    Ok(tokio::time::timeout(patience, answer).await.map_err(|_| Cut::Silent)??)
}

fn send(pages: &SyncSender<Answer>, answer: Answer) -> Result<(), Unheard> {
    pages.send(answer).map_err(|_| Unheard)
}

/// Sends the rows of a statement in pages; `sent` hears the number in column `counts` of the last row of each. Returns how
/// many there were.
async fn stream(
    query: Query<'_, Postgres, PgArguments>,
    conn: &mut PgConnection,
    pages: &SyncSender<Answer>,
    (counts, patience): (usize, Duration),
    mut sent: impl FnMut(u64),
) -> Result<u64, Cut> {
    let mut rows = query.fetch(conn);
    let mut page = Vec::new();
    let (mut bytes, mut came) = (0, 0);
    loop {
        let row = patiently(patience, rows.try_next()).await?;
        let ended = row.is_none();
        if let Some(row) = row {
            came += 1;
            bytes +=
                row.try_get_unchecked::<&str, _>(12)?.len() + row.try_get_unchecked::<&str, _>(13)?.len();
            page.push(row);
        }
        if let Some(last) = page.last()
            && (ended || page.len() >= PAGE_ROWS || bytes >= PAGE_BYTES)
        {
            let through = unsigned(last, counts)?;
            send(pages, Answer::Page(std::mem::take(&mut page)))?;
            sent(through);
            bytes = 0;
        }
        if ended {
            return Ok(came);
        }
    }
}
