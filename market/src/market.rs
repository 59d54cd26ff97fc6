//! The running market: its stores opened, its commands, reactors and deadlines.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use daybook_commands::{
    Clock, CommandError, Commands, Executed, Options as CommandOptions, PendingBalance, Refusal, Refusals,
    SqliteRefusals, SystemClock, Traffic,
};
use daybook_domain::books::commands::MarketCommand;
use daybook_domain::{Currency, MarketId, PartyId, Rejection, Timestamp};
use daybook_journal::{
    Filter, Journal, MemoryJournal, PostgresJournal, SqliteJournal, kurrentdb, postgres, sqlite,
};
use daybook_projections::metrics::Sites;
use daybook_projections::{Follower, Place, Progress, ReadModels};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::campaign_names::Planned;
use crate::open::StoreUrl;
use crate::partners::Payables;
use crate::payouts::{self, Runs};
use crate::pending::Pending;
use crate::pump::interest;
use crate::references::References;
use crate::settlement::Cut;
use crate::side::{RefusedReaction, Side};
use crate::{AnyCommand, AnyRequest, MarketError};

/// How a market is opened.
pub struct Options {
    /// What time it is; also what the journal records.
    pub clock: Arc<dyn Clock>,
    /// Which market: its settings lie in `market-{id}`.
    pub market: MarketId,
    /// With what it begins, where it has not begun.
    pub opening: Opening,
    /// What merchants are owed beyond their accounts; `None`: as the journal's own postings say.
    pub pending: Option<Arc<dyn PendingBalance>>,
    /// Streams whose state is kept in memory, about.
    pub cache_streams: usize,
    /// The lists by which read models tell traffic channels; where none are named, those stand with which they were made.
    pub sites: Option<Sites>,
    /// Beside which file the market's own lie (`daybook.db`: `daybook.market.db`), where the journal is no file.
    pub own: Option<PathBuf>,
}

/// With what a market begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Its name.
    pub name: String,
    /// IANA name of the zone its business days are days in.
    pub time_zone: String,
    /// The currencies it trades in.
    pub currencies: Vec<Currency>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            market: MarketId::new("main").expect("invariant: the word is an id"),
            opening: Opening {
                name: "Daybook market".to_owned(),
                time_zone: "Asia/Shanghai".to_owned(),
                currencies: vec![Currency::new("CNY").expect("invariant: ISO 4217 lists CNY")],
            },
            pending: None,
            cache_streams: 200_000,
            sites: None,
            own: None,
        }
    }
}

/// A market: one journal, its commands, what runs by itself. Share it in an `Arc`.
pub struct Market {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) commands: Arc<Commands>,
    traffic: Traffic,
    pub(crate) side: Side,
    pub(crate) interest: Filter,
    pub(crate) references: References,
    pub(crate) driving: tokio::sync::Mutex<()>,
    /// Campaigns planned so far; held by who plans one.
    pub(crate) planned: tokio::sync::Mutex<Planned>,
    /// What advertising channels are owed so far; held by who settles a payable.
    pub(crate) payables: tokio::sync::Mutex<Payables>,
    market: MarketId,
    /// Beside what its own files lie.
    own: StoreUrl,
    opening: Opening,
    opened: tokio::sync::OnceCell<()>,
    /// The read models that follow it, once they do: where the schedule of settlements looks.
    models: OnceLock<ReadModels>,
    sites: Option<Sites>,
}

/// Where the market's own files go, which a journal in a database leaves open.
fn own_file(options: &Options, database: &str) -> Result<PathBuf, MarketError> {
    options.own.clone().ok_or_else(|| {
        MarketError::Url(format!(
            "a journal in {database} leaves open where the market's own files lie: name a file for the read models, such as \
             --read-models sqlite:daybook.views.db, and they lie beside it"
        ))
    })
}

impl Market {
    /// Opens the journal at `url` (`sqlite:PATH`, `postgres://...`, `esdb://...` or `memory:`) for writing, and the market's own file
    /// beside it or beside [`Options::own`]. No other market writes it meanwhile: states and references are kept in
    /// memory and decided on.
    ///
    /// # Errors
    /// [`MarketError`] when the URL names no store of this version, or the store cannot be opened: another
    /// process writes it, or it is something else; or a database is named and no file for the market's own.
    pub fn open(url: &str, options: Options) -> Result<Self, MarketError> {
        let url: StoreUrl = url.parse()?;
        let mut own = url.clone();
        let journal: Arc<dyn Journal> = match &url {
            StoreUrl::Postgres(server) => {
                own = StoreUrl::Sqlite(own_file(&options, "PostgreSQL")?);
                let clock = Arc::clone(&options.clock);
                let options = postgres::Options { clock, alone: true, ..postgres::Options::default() };
                Arc::new(PostgresJournal::open(server, options)?)
            }
            StoreUrl::Kurrent(cluster) => {
                own = StoreUrl::Sqlite(own_file(&options, "KurrentDB")?);
                let clock = Arc::clone(&options.clock);
                kurrentdb::open(cluster, kurrentdb::Options { clock, ..kurrentdb::Options::default() })?
            }
            StoreUrl::Memory => Arc::new(MemoryJournal::with_clock(Arc::clone(&options.clock))),
            StoreUrl::Sqlite(path) => {
                let clock = Arc::clone(&options.clock);
                Arc::new(SqliteJournal::open(path, sqlite::Options { clock, ..sqlite::Options::default() })?)
            }
        };
        let mut market = Self::on(journal, &own.beside("market"), options)?;
        market.own = own;
        Ok(market)
    }

    /// A market on a journal that is already open; `own` is where it keeps its progress.
    ///
    /// # Errors
    /// [`MarketError::Unavailable`] when its own file cannot be opened, and as [`Journal::scan`].
    pub fn on(journal: Arc<dyn Journal>, own: &StoreUrl, options: Options) -> Result<Self, MarketError> {
        let mut commands = CommandOptions::new(options.market);
        commands.clock = options.clock;
        let pending = options.pending.unwrap_or_else(|| Arc::new(Pending::new(Arc::clone(&journal))));
        commands.pending = Some(pending);
        commands.cache_streams = options.cache_streams;
        let side = match own {
            StoreUrl::Memory | StoreUrl::Postgres(_) | StoreUrl::Kurrent(_) => Side::in_memory()?,
            StoreUrl::Sqlite(path) => {
                commands.refusals = Arc::new(SqliteRefusals::open(path)?);
                Side::open(path)?
            }
        };
        side.belong_to(&*journal)?;
        Ok(Self {
            commands: Arc::new(Commands::new(Arc::clone(&journal), commands)),
            traffic: Traffic::new(Arc::clone(&journal)),
            journal,
            side,
            interest: interest(),
            references: References::default(),
            driving: tokio::sync::Mutex::new(()),
            planned: tokio::sync::Mutex::default(),
            payables: tokio::sync::Mutex::default(),
            market: options.market,
            own: StoreUrl::Memory,
            opening: options.opening,
            opened: tokio::sync::OnceCell::new(),
            models: OnceLock::new(),
            sites: options.sites,
        })
    }

    /// The journal.
    #[must_use]
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.journal
    }

    /// The command handler. What is executed on it directly does not begin the market by itself: see
    /// [`begin`](Self::begin).
    #[must_use]
    pub fn commands(&self) -> &Arc<Commands> {
        &self.commands
    }

    /// What records its visitors' hits.
    #[must_use]
    pub const fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Which market this is.
    #[must_use]
    pub const fn id(&self) -> MarketId {
        self.market
    }

    /// Begins the market with the name, zone and currencies of the options, where it has not begun.
    ///
    /// # Errors
    /// [`CommandError::Malformed`] when the time zone is unknown, and as [`Commands::execute`].
    pub async fn begin(&self) -> Result<(), MarketError> {
        self.begin_with(&self.opening).await
    }

    /// Begins the market with these, where it has not begun: of a history that is brought in, where and in what it was sold.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub async fn begin_with(&self, opening: &Opening) -> Result<(), MarketError> {
        self.opened.get_or_try_init(|| self.open_stream(opening)).await.map(drop)
    }

    async fn open_stream(&self, opening: &Opening) -> Result<(), MarketError> {
        let (_, version) = self.commands.state::<daybook_domain::books::Market>(self.market)?;
        if version > 0 {
            return Ok(());
        }
        let Opening { name, time_zone, currencies } = opening.clone();
        let time_zone = known_zone(&time_zone)?;
        let command = MarketCommand::Open { name, time_zone, currencies };
        let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("open market {}", self.market).as_bytes());
        let actor = PartyId::new("system").expect("invariant: the word is an id");
        let request = AnyRequest::new(AnyCommand::Market { id: self.market, command }, id, actor);
        request.execute(&self.commands).await?;
        Ok(())
    }

    /// Executes a command; durable when this returns. Reactions follow by [`spawn`](Self::spawn) or
    /// [`settle_reactions`](Self::settle_reactions).
    ///
    /// # Errors
    /// As [`Commands::execute`]; `follows_by_itself` for a command that only reactors send
    /// ([`AnyCommand::follows_from`]); `campaign_name_taken` for a plan; `books_moved_on` for a close of a period in which something is
    /// booked again and again while its books are drawn up;
    /// `provider_ref_used` or `reference_used` where another movement rests on a provider's or a bank's reference;
    /// `more_than_owed` for a payable of a partner that its campaigns are to pay.
    pub async fn execute(&self, request: AnyRequest) -> Result<Executed, MarketError> {
        let Some(month) = self.to_be_closed(&request)? else { return self.carry_out(request).await };
        let Some(models) = self.models.get() else {
            let why = "what closes a month is drawn up from the read models: let them follow first";
            return Err(MarketError::Unavailable(why.to_owned()));
        };
        let id = self.id();
        let closing = |command| AnyRequest { command: AnyCommand::Books { id, command }, ..request.clone() };
        self.close(models, month, closing).await
    }

    /// Executes a command as it stands.
    pub(crate) async fn carry_out(&self, request: AnyRequest) -> Result<Executed, MarketError> {
        if let Some(instead) = request.command.follows_from() {
            let rejection = Rejection::new("follows_by_itself", instead);
            return Err(CommandError::Rejected(rejection).into());
        }
        if let AnyCommand::Market { command: MarketCommand::Open { time_zone, .. }, .. } = &request.command {
            known_zone(time_zone.as_str())?;
        } else {
            self.begin().await?;
        }
        self.counts_all(&request.command)?;
        let _others_who_plan_wait = self.name_is_free(&request.command).await?;
        let _others_who_settle_wait = self.is_no_commission(&request).await?;
        let mut taken = self.take_references(&request).await?;
        taken.sent();
        let came = request.execute(&self.commands).await;
        taken.heard(&came);
        Ok(came?)
    }

    /// The last refused money commands, newest first.
    ///
    /// # Errors
    /// [`CommandError::Unavailable`] when they cannot be read.
    pub fn refused_commands(&self, limit: usize) -> Result<Vec<Refusal>, MarketError> {
        Ok(Refusals::recent(&**self.commands.refusals(), limit)?)
    }

    /// The last refused reactions and deadlines, newest first.
    ///
    /// # Errors
    /// [`MarketError::Unavailable`] when they cannot be read.
    pub fn refused_reactions(&self, limit: usize) -> Result<Vec<RefusedReaction>, MarketError> {
        self.side.refused(limit)
    }

    /// When the next deadline is due, of those that reactions have come to.
    ///
    /// # Errors
    /// [`MarketError::Unavailable`] when the market's own file cannot be read.
    pub fn next_due(&self) -> Result<Option<Timestamp>, MarketError> {
        self.side.next_due()
    }

    /// Everything up to this position has been reacted to.
    ///
    /// # Errors
    /// [`MarketError::Unavailable`] when the market's own file cannot be read.
    pub fn reacted_through(&self) -> Result<u64, MarketError> {
        self.side.progress()
    }

    /// An import whose commands are sent by the actor `source` (`import:olist`) begins: the deadlines of what it
    /// brings in wait until [`import_ends`](Self::import_ends), also over restarts.
    ///
    /// # Errors
    /// [`MarketError::Unavailable`] when the market's own file cannot be written.
    pub fn import_begins(&self, source: PartyId) -> Result<(), MarketError> {
        self.side.import_begins(source.as_str())
    }

    /// The import has finished.
    ///
    /// # Errors
    /// [`MarketError::Unavailable`] when the market's own file cannot be written.
    pub fn import_ends(&self, source: PartyId) -> Result<(), MarketError> {
        self.side.import_ends(source.as_str())
    }

    /// Opens the read models at `url` (`sqlite:PATH` or `postgres://...`; `daybook.views.db` beside a journal `daybook.db` where
    /// none is named), makes or catches them up, and keeps them following until the follower is stopped or dropped.
    ///
    /// # Errors
    /// [`MarketError::Url`] when `url` names neither file nor database, or none is named for a journal in memory;
    /// [`MarketError::Unavailable`] when they cannot be made.
    pub fn follow(
        &self,
        url: Option<&str>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(ReadModels, Follower), MarketError> {
        let url = url.map_or_else(|| Ok(self.own.beside("views")), str::parse)?;
        let place = match url {
            StoreUrl::Sqlite(path) => Place::File(path),
            StoreUrl::Postgres(url) => Place::Database(url),
            StoreUrl::Memory | StoreUrl::Kurrent(_) => {
                let why = "read models need a file or a PostgreSQL database: name one, such as sqlite:daybook.views.db";
                return Err(MarketError::Url(why.to_owned()));
            }
        };
        let models = ReadModels::open_with(place, Arc::clone(&self.journal), self.sites.clone(), progress)
            .map_err(|e| MarketError::Unavailable(e.to_string()))?;
        let follower = Follower::start(models.clone())
            .map_err(|e| MarketError::Unavailable(format!("read models cannot follow: {e}")))?;
        self.knows(&models);
        Ok((models, follower))
    }

    /// Lets it use read models of its journal that are open already, and need not follow by themselves.
    pub fn knows(&self, models: &ReadModels) {
        // those of the first call stay: any of the same journal say the same
        let _ = self.models.set(models.clone());
    }

    /// Starts what runs by itself: reactions as events come, deadlines by the clock, and where read models follow
    /// ([`follow`](Self::follow)) the settlements that merchants' contracts ask for, as each business day begins, and
    /// the payouts of what is available then.
    ///
    /// # Panics
    /// Outside a runtime of tokio.
    #[must_use = "dropping it stops the market's reactors"]
    pub fn spawn(self: &Arc<Self>) -> Running {
        let (stop, stopped) = watch::channel(false);
        let (market, callers) = (Arc::clone(self), Handle::current());
        // On a thread of its own: a pass decodes, decides and writes a file, and callers must not wait for that.
        let task = tokio::task::spawn_blocking(move || {
            match tokio::runtime::Builder::new_current_thread().enable_time().build() {
                Ok(own) => own.block_on(market.run(stopped, &callers)),
                Err(error) => tracing::error!(%error, "reactions and deadlines wait for a restart"),
            }
        });
        Running { stop, task }
    }

    async fn run(&self, mut stopped: watch::Receiver<bool>, callers: &Handle) {
        /// How long the market sleeps when nothing happens: how late a deadline may be met.
        const TICK: Duration = Duration::from_secs(1);
        /// Longest rest after work.
        const REST: Duration = Duration::from_millis(50);
        let (mut settled, mut payouts) = (None, Runs::default());
        if let Err(error) = self.know_references().await {
            tracing::warn!(%error, "references of providers wait for a command that names one");
        }
        while !*stopped.borrow() {
            let began = Instant::now();
            if let Err(error) = self.run_until_quiet().await {
                tracing::warn!(%error, "reactions and deadlines wait");
                tokio::select! {
                    () = tokio::time::sleep(TICK) => {}
                    news = stopped.changed() => if news.is_err() { return },
                }
                continue;
            }
            self.settle_by_schedule(&mut settled, &mut payouts).await;
            // While much happens, fewer and larger passes: each has its price, whatever its size.
            tokio::time::sleep(REST.min(began.elapsed() * 3)).await;
            let journal = Arc::clone(&self.journal);
            let seen = self.reacted_through().unwrap_or_default();
            let woken = callers.spawn_blocking(move || journal.wait_beyond(seen, TICK));
            tokio::select! {
                _ = woken => {}
                // An error: it was dropped, and nobody is left who could stop this.
                news = stopped.changed() => if news.is_err() { return },
            }
        }
    }
}

impl Market {
    /// Settles by contract, and pays out, when a business day has begun that is not `settled` yet; what fails is
    /// tried again.
    async fn settle_by_schedule(&self, settled: &mut Option<chrono::NaiveDate>, payouts: &mut Runs) {
        let Some(models) = self.models.get() else { return };
        let Ok(today) = self.business_day() else { return };
        if *settled == Some(today) {
            return;
        }
        match self.settle(models, Cut::ByContract(today), None).await {
            Ok(ran) => {
                for refused in &ran.refused {
                    tracing::warn!(merchant = %refused.merchant, code = refused.code, "{}", refused.reason);
                }
                tracing::info!(%today, settlements = ran.settlements, fees = ran.fees, "settled by contract");
            }
            Err(error) => return tracing::warn!(%error, "settlements wait"),
        }
        let at = self.commands.now();
        let run = payouts::Run { day: today, at, merchant: None, minimum: None, paid_by: None };
        match payouts.run(self, &run).await {
            Ok(paid) => {
                for back in &paid.reasons {
                    tracing::warn!(merchant = %back.merchant, code = back.code, "{}", back.reason);
                }
                tracing::info!(%today, payouts = paid.requested, held_back = paid.held_back, "paid out");
                *settled = Some(today);
            }
            Err(error) => tracing::warn!(%error, "payouts wait"),
        }
    }
}

fn known_zone(name: &str) -> Result<daybook_domain::Code, CommandError> {
    let unknown = || CommandError::Malformed {
        field: "time_zone",
        cure: format!("{name:?} is not in the IANA table: write one such as Asia/Shanghai"),
    };
    name.parse::<chrono_tz::Tz>().map_err(|_| unknown())?;
    daybook_domain::Code::new(name).map_err(|_| unknown())
}

/// The market's background task.
pub struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    /// Stops it, after what it is doing.
    pub async fn stop(self) {
        // The task may have gone already; it is over either way.
        let _ = self.stop.send(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the market's reactors died");
        }
    }
}
