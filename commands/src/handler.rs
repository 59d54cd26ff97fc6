//! The one handler of every command.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use daybook_domain::{Aggregate, Event, Facts, MarketId, Read, Timestamp};
use daybook_journal::{Append, Expected, Journal, JournalError, Receipt, Version};

use crate::cache::Cache;
use crate::facts::{Basis, PendingBalance};
use crate::fresh::Fresh;
use crate::policy::Policies;
use crate::refusals::{MemoryRefusals, Refusal, Refusals};
use crate::request::{Executed, Identity, Request};
use crate::settle::{Ahead, Underway, Verdict};
use crate::{Clock, CommandError, SystemClock};

/// How often a command is decided again because another writer was faster.
pub(crate) const TRIES: u32 = 16;

/// Ports and bounds of [`Commands`].
pub struct Options {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Whose settings are in force.
    pub market: MarketId,
    /// Streams whose state is kept, about.
    pub cache_streams: usize,
    /// True where this handler alone writes the journal (SQLite and memory have one writer): what it knows is all
    /// there is.
    pub exclusive: bool,
    /// Where refused money commands are kept.
    pub refusals: Arc<dyn Refusals>,
    /// What merchants are owed beyond their account streams; `None`: only what the account itself holds counts.
    pub pending: Option<Arc<dyn PendingBalance>>,
}

impl Options {
    /// The system's clock, 200,000 states, one writer, refusals in memory.
    #[must_use]
    pub fn new(market: MarketId) -> Self {
        Self {
            clock: Arc::new(SystemClock),
            market,
            cache_streams: 200_000,
            exclusive: true,
            refusals: Arc::new(MemoryRefusals::default()),
            pending: None,
        }
    }
}

/// Executes commands on one journal. Share it in an `Arc`.
pub struct Commands {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) cache: Arc<Cache>,
    pub(crate) policies: Arc<Policies>,
    pub(crate) fresh: Fresh,
    pub(crate) options: Options,
}

/// One try at a command.
enum Step {
    /// The stream is not in the cache.
    Load,
    /// The decision needs to know what these streams say.
    Read(Vec<Read>),
    /// On its way, decided on this generation.
    Appending(Underway, u64, Vec<Event>),
    /// An answer that holds once `version` of this `generation` is durable.
    Answer { verdict: Verdict, generation: u64, version: Version },
}

impl Commands {
    /// A handler on `journal`.
    #[must_use]
    pub fn new(journal: Arc<dyn Journal>, options: Options) -> Self {
        Self {
            cache: Arc::new(Cache::new(options.cache_streams)),
            policies: Arc::new(Policies::new(options.market)),
            fresh: Fresh::new(&*journal, options.exclusive),
            journal,
            options,
        }
    }

    /// The journal written to.
    #[must_use]
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.journal
    }

    /// The clock gone by.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.options.clock
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp(self.options.clock.now())
    }

    /// The refused money commands.
    #[must_use]
    pub fn refusals(&self) -> &Arc<dyn Refusals> {
        &self.options.refusals
    }

    /// The market's settings in force.
    ///
    /// # Errors
    /// [`CommandError::Unavailable`] when the journal cannot be read.
    pub fn policy(&self) -> Result<Arc<daybook_domain::books::Policy>, CommandError> {
        self.policies.current(&*self.journal, self.options.exclusive)
    }

    /// Executes one command: durable when this returns.
    ///
    /// # Errors
    /// [`CommandError`]; after anything but `OutcomeUnknown` nothing was written.
    pub async fn execute<A: Aggregate>(&self, request: Request<A>) -> Result<Executed, CommandError> {
        let identity = Identity::of(&request);
        let result = self.run(&request, &identity).await;
        if let Err(CommandError::Rejected(rejection)) = &result {
            self.keep_refusal(&request, rejection);
        }
        result
    }

    async fn run<A: Aggregate>(
        &self,
        request: &Request<A>,
        identity: &Identity,
    ) -> Result<Executed, CommandError> {
        let mut facts = None;
        let mut fresh = None;
        let mut actual = 0;
        for _ in 0..TRIES {
            let step = poll_fn(|cx| Poll::Ready(self.step(request, identity, facts.as_ref(), cx)));
            match step.await? {
                Step::Load => fresh = Some(self.load::<A>(&request.stream)?),
                Step::Read(reads) => {
                    let (found, bases) = self.facts(&reads, request.occurred_at)?;
                    if self.settled(&bases).await {
                        facts = Some((reads, found));
                    }
                }
                Step::Appending(underway, generation, events) => {
                    let mut ahead = Ahead::new(self, &request.stream, generation, underway);
                    match ahead.result().await {
                        Ok(receipt) if !receipt.replayed => {
                            ahead.written(receipt.version, receipt.last);
                            return Ok(Executed {
                                version: receipt.version,
                                position: receipt.last,
                                receipt: Some(receipt),
                                events,
                                already: false,
                            });
                        }
                        Ok(receipt) => {
                            drop(ahead);
                            return self.repeated(request, receipt);
                        }
                        Err(JournalError::Conflict { actual: found, .. })
                            if request.expected_version.is_none() =>
                        {
                            self.fresh.written(&request.stream);
                            drop(ahead);
                            facts = None;
                            actual = found;
                            tokio::task::yield_now().await;
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
                Step::Answer { verdict, generation, version } => {
                    if !self.cache.settled(&request.stream, generation, version).await {
                        continue;
                    }
                    let settled = matches!(verdict, Verdict::Repeat(_) | Verdict::Reused);
                    if !settled && !self.options.exclusive && fresh != Some(generation) {
                        // Another process may have moved the stream since it was cached.
                        self.cache.forget(&request.stream);
                        continue;
                    }
                    return self.answer(request, verdict);
                }
            }
        }
        Err(CommandError::Conflict { stream: request.stream.clone(), expected: actual, actual })
    }

    /// Decides under the shard's lock and hands the append over.
    fn step<A: Aggregate>(
        &self,
        request: &Request<A>,
        identity: &Identity,
        facts: Option<&(Vec<Read>, Facts)>,
        cx: &mut TaskContext<'_>,
    ) -> Result<Step, CommandError> {
        static NO_FACTS: Facts =
            Facts { merchant: None, can_bear: None, pending: None, closed_until: None, reads: Vec::new() };
        let policy = self.policy()?;
        let now = self.now();
        let Some(mut entry) = self.cache.get::<A>(&request.stream) else { return Ok(Step::Load) };
        let reads = entry.state.reads(&request.command);
        let facts = match facts {
            Some((read, facts)) if *read == reads => facts,
            _ if reads.is_empty() => &NO_FACTS,
            _ => return Ok(Step::Read(reads)),
        };
        match entry.judge(request, identity, now, &policy, facts) {
            Verdict::Append(append, events) => {
                if append.expected == Expected::NoStream {
                    self.fresh.written(&request.stream);
                }
                let underway = Underway::start(&self.journal, vec![append], cx);
                Ok(Step::Appending(underway, entry.generation, events))
            }
            verdict => {
                let version = if let Verdict::Repeat(done) = &verdict { done.last } else { entry.version };
                Ok(Step::Answer { verdict, generation: entry.generation, version })
            }
        }
    }

    fn answer<A: Aggregate>(&self, request: &Request<A>, verdict: Verdict) -> Result<Executed, CommandError> {
        let stream = || request.stream.clone();
        match verdict {
            Verdict::Rejected(rejection) => Err(rejection.into()),
            Verdict::Reused => Err(CommandError::Reused { stream: stream(), command: request.command_id }),
            Verdict::Elsewhere { actual } => Err(CommandError::Conflict {
                stream: stream(),
                expected: request.expected_version.unwrap_or_default(),
                actual,
            }),
            Verdict::AlreadySo => {
                let (version, position) =
                    self.peek::<A, _>(&request.stream, |entry| (entry.durable, entry.position))?;
                Ok(Executed { receipt: None, events: Vec::new(), already: true, version, position })
            }
            Verdict::Repeat(done) => self.first_answer(&request.stream, request.command_id, done.first - 1),
            Verdict::Append(..) => {
                Err(CommandError::OutcomeUnknown("the append was not awaited; send the command again".into()))
            }
        }
    }

    /// The journal knew the command though the cache did not.
    fn repeated<A: Aggregate>(
        &self,
        request: &Request<A>,
        receipt: Receipt,
    ) -> Result<Executed, CommandError> {
        let after = receipt.version.saturating_sub(receipt.last - receipt.first + 1);
        self.first_answer(&request.stream, request.command_id, after)
    }

    /// Whether all of these are durable as they were seen.
    async fn settled(&self, bases: &[Basis]) -> bool {
        for basis in bases {
            if !self.cache.settled(&basis.stream, basis.generation, basis.version).await {
                return false;
            }
        }
        true
    }

    /// Keeps a command about money that was refused, also by who did not send it on.
    pub fn keep_refusal<A: Aggregate>(&self, request: &Request<A>, rejection: &daybook_domain::Rejection) {
        if !matches!(
            A::CATEGORY,
            "checkout" | "order" | "deposit" | "account" | "books" | "provider" | "campaign" | "buyer"
        ) {
            return;
        }
        self.options.refusals.record(Refusal {
            at: self.now(),
            stream: request.stream.clone(),
            command: request.command_id,
            actor: request.actor.to_string(),
            code: rejection.code.to_owned(),
            reason: cut(rejection.message.clone().into_owned()),
            body: cut(serde_json::to_string(&request.command).unwrap_or_default()),
        });
    }
}

/// As much of a text as is kept of something refused.
fn cut(mut text: String) -> String {
    const KEPT: usize = 4 << 10;
    if text.len() > KEPT {
        text.truncate(text.floor_char_boundary(KEPT));
    }
    text
}

/// Version that an append expects, 0 for a new stream.
pub(crate) const fn expected_version(append: &Append) -> Version {
    match append.expected {
        Expected::At(version) | Expected::Counted { version, .. } => version,
        Expected::NoStream | Expected::Any => 0,
    }
}
