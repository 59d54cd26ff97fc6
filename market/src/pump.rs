//! What makes the market run by itself: reactions to what was written, deadlines that have come.
//!
//! One pass reads a page of the journal after the reactors' progress, decides every reaction as one batch, writes
//! it, and only then notes the progress, with the deadlines that started and the reactions that were refused. A
//! crash in between repeats the page: the reactions' ids are derived, so what was written is recognised. A
//! reaction with something else to do when refused is not tried again once that was done.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::time::Duration;

use daybook_commands::{Batch, CommandError};
use daybook_domain::{Event, PartyId, Refs, Timestamp};
use daybook_journal::{Filter, Position, Recorded};

use crate::deadlines::{self, Deadline};
use crate::reactors::{self, Happened, Reaction};
use crate::references::{self, Resting};
use crate::side::{Mark, Pass, RefusedReaction};
use crate::{AnyRequest, Market, MarketError};

/// Events of one pass.
const PAGE: usize = 1_024;
/// How often a pass is repeated because other writers were faster or the journal was away.
const TRIES: u32 = 10;
/// A deadline whose command was refused is tried again after this.
const PUT_OFF: i64 = 3_600 * daybook_domain::time::SECOND;
/// Rejections of a deadline that say "not yet": it is put off and not listed.
const WAITS: &[&str] = &["chargeback_open"];
/// Actors whose events were brought in from elsewhere begin with this.
pub const IMPORT_ACTOR: &str = "import:";

/// What a drive of the market did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Driven {
    /// Events looked at.
    pub events: u64,
    /// Reactions and deadlines whose commands were accepted now.
    pub accepted: u64,
    /// Reactions and deadlines that were refused and listed.
    pub refused: u64,
}

impl Driven {
    const fn add(&mut self, other: Self) {
        self.events += other.events;
        self.accepted += other.accepted;
        self.refused += other.refused;
    }
}

/// Reactions of one page, while they are decided.
struct Deciding<'a> {
    market: &'a Market,
    batch: Batch,
    refused: Vec<RefusedReaction>,
    accepted: u64,
}

impl Market {
    /// Reacts to everything in the journal, and to what that brings about, until nothing is left to react to.
    ///
    /// # Errors
    /// [`MarketError`] when the journal or the market's own file cannot be used; what was done stays done.
    pub async fn settle_reactions(&self) -> Result<Driven, MarketError> {
        let _one_at_a_time = self.driving.lock().await;
        let mut driven = Driven::default();
        loop {
            let one = self.pass_with_retries().await?;
            driven.add(one);
            if one.events == 0 {
                return Ok(driven);
            }
        }
    }

    /// Meets every deadline that is due at `now`, in the order of their due times, reacting after each round.
    ///
    /// # Errors
    /// As [`settle_reactions`](Self::settle_reactions).
    pub async fn fire_due(&self, now: Timestamp) -> Result<Driven, MarketError> {
        let mut driven = self.settle_reactions().await?;
        loop {
            let due = self.side.due(now, PAGE as u32)?;
            if due.is_empty() {
                return Ok(driven);
            }
            let at_once = together(due);
            driven.add(self.meet(at_once, now).await?);
            driven.add(self.settle_reactions().await?);
        }
    }

    /// Reacts and meets deadlines by the clock until nothing is left to do now.
    ///
    /// # Errors
    /// As [`settle_reactions`](Self::settle_reactions).
    pub async fn run_until_quiet(&self) -> Result<Driven, MarketError> {
        self.fire_due(self.commands.now()).await
    }

    async fn meet(&self, due: Vec<Deadline>, now: Timestamp) -> Result<Driven, MarketError> {
        let mut batch = self.commands.batch().without_refusals();
        let (mut accepted, mut met, mut put_off, mut refused) = (0, Vec::new(), Vec::new(), Vec::new());
        for deadline in due {
            let id = deadline.command_id();
            let request = AnyRequest {
                occurred_at: Some(deadline.due),
                ..AnyRequest::new(deadline.command.clone(), id, system("deadline"))
            };
            match request.add_to(&mut batch) {
                Ok(added) => {
                    accepted += u64::from(!added.events.is_empty());
                    met.push(deadline.position);
                }
                // The same deadline with other content: it was met under an earlier version of these rules.
                Err(CommandError::Reused { .. }) => met.push(deadline.position),
                Err(CommandError::Rejected(rejection)) => {
                    put_off.push((deadline.position, now.plus(PUT_OFF)));
                    if WAITS.contains(&rejection.code) {
                        continue;
                    }
                    refused.push(RefusedReaction {
                        at: self.commands.now(),
                        cause: deadline.cause,
                        position: 0,
                        stream: deadline.command.stream(),
                        command_id: id,
                        command: deadline.command,
                        code: rejection.code.to_owned(),
                        reason: rejection.message.into_owned(),
                    });
                }
                Err(error) => return Err(error.into()),
            }
        }
        batch.commit().await?;
        self.side.met(&met, &put_off, &refused)?;
        Ok(Driven { events: 0, accepted, refused: refused.len() as u64 })
    }

    async fn pass_with_retries(&self) -> Result<Driven, MarketError> {
        let mut tries = 0;
        loop {
            match self.pass().await {
                Err(MarketError::Command(error)) if error.transient() && tries < TRIES => {
                    tries += 1;
                    tracing::debug!(%error, tries, "a pass of the reactors is repeated");
                    tokio::time::sleep(Duration::from_millis(1 << tries)).await;
                }
                other => return other,
            }
        }
    }

    /// One page: read, react, write, note.
    async fn pass(&self) -> Result<Driven, MarketError> {
        let after = self.side.progress()?;
        let (happened, references, through) = self.page(after)?;
        if through == after {
            return Ok(Driven::default());
        }
        let mark = Mark::at(&*self.journal, through)?;
        let mut pass = Pass { after, through, mark, references, ..Pass::default() };
        let batch = self.commands.batch().without_refusals();
        let mut deciding = Deciding { market: self, batch, refused: Vec::new(), accepted: 0 };
        for event in &happened {
            if let Some(deadline) = deadlines::started(event) {
                let imported = event.actor.starts_with(IMPORT_ACTOR).then(|| event.actor.clone());
                pass.deadlines.push((deadline, imported));
            }
            for reaction in reactors::react(event, &self.commands)? {
                deciding.decide(event, reaction)?;
            }
        }
        let Deciding { mut batch, refused, accepted, .. } = deciding;
        batch.commit().await?;
        let driven = Driven { events: through - after, accepted, refused: refused.len() as u64 };
        pass.refused = refused;
        self.side.advance(&pass)?;
        self.references.kept_through(through, self.journal.head()?);
        Ok(driven)
    }

    /// The next events that anything reacts to, the references they rest on, and how far the journal was read.
    fn page(&self, after: Position) -> Result<(Vec<Happened>, Vec<Resting>, Position), MarketError> {
        let (mut page, mut references, mut broken) = (Vec::new(), Vec::new(), None);
        let scanned = self.journal.scan(after, None, &self.interest, &mut |recorded| {
            match happened(&recorded) {
                Ok(event) => {
                    references.extend(references::of_event(&recorded, &event.event));
                    page.push(event);
                }
                Err(error) => broken = Some(error),
            }
            if broken.is_some() || page.len() >= PAGE {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        match broken {
            Some(error) => Err(error),
            None => Ok((page, references, scanned.through)),
        }
    }
}

impl Deciding<'_> {
    fn decide(&mut self, cause: &Happened, reaction: Reaction) -> Result<(), MarketError> {
        let request = self.request(cause, &reaction);
        for instead in &reaction.otherwise {
            if self.request(cause, instead).taken(&self.market.commands)? {
                return Ok(());
            }
        }
        match request.add_to(&mut self.batch) {
            Ok(added) => {
                self.accepted += u64::from(!added.events.is_empty());
                Ok(())
            }
            // The same reaction with other content: it was made under an earlier version of these rules.
            Err(CommandError::Reused { .. }) => Ok(()),
            Err(CommandError::Rejected(rejection)) => {
                if reaction.fine.contains(&rejection.code) {
                    return Ok(());
                }
                if !reaction.otherwise.is_empty() {
                    return reaction
                        .otherwise
                        .into_iter()
                        .try_for_each(|instead| self.decide(cause, instead));
                }
                self.refused.push(RefusedReaction {
                    at: self.market.commands.now(),
                    cause: cause.id,
                    position: cause.position,
                    stream: reaction.command.stream(),
                    command_id: reaction.command_id(cause.id),
                    command: reaction.command,
                    code: rejection.code.to_owned(),
                    reason: rejection.message.into_owned(),
                });
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The reaction's command: at the time of its cause, and an import's where the cause was one.
    fn request(&self, cause: &Happened, reaction: &Reaction) -> AnyRequest {
        let imported = cause.actor.starts_with(IMPORT_ACTOR);
        let actor = if imported { PartyId::new(&cause.actor).ok() } else { None };
        AnyRequest {
            occurred_at: Some(cause.occurred_at),
            correlation: Some(cause.correlation),
            import: imported,
            ..AnyRequest::new(
                reaction.command.clone(),
                reaction.command_id(cause.id),
                actor.unwrap_or_else(|| system("reactor")),
            )
        }
    }
}

/// The deadlines from the front that can be met in one go: within a day, and each stream once, so that what one
/// brings about comes before the next on the same stream.
fn together(due: Vec<Deadline>) -> Vec<Deadline> {
    let mut streams = HashSet::new();
    let until = due.first().map_or(Timestamp::default(), |first| first.due.plus(daybook_domain::time::DAY));
    due.into_iter()
        .take_while(|deadline| deadline.due <= until && streams.insert(deadline.command.stream()))
        .collect()
}

/// Every event type that is reacted to, starts a deadline or rests on a reference.
pub(crate) fn interest() -> Filter {
    let kinds: HashSet<_> =
        reactors::REACTED_TO.iter().chain(deadlines::STARTED_BY).chain(references::RESTING).collect();
    Filter { kinds: Some(kinds.into_iter().map(|kind| kind.as_str().into()).collect()), categories: None }
}

fn happened(event: &Recorded<'_>) -> Result<Happened, MarketError> {
    let unreadable =
        |why: String| MarketError::Unavailable(format!("{} at {}: {why}", event.kind, event.position));
    let refs: Refs = serde_json::from_str(event.refs).map_err(|e| unreadable(e.to_string()))?;
    Ok(Happened {
        id: event.id,
        stream: event.stream.to_owned(),
        version: event.version,
        position: event.position,
        occurred_at: Timestamp(event.occurred_at),
        correlation: event.correlation,
        actor: event.actor.to_owned(),
        event: Event::decode(event.kind, event.schema, event.data).map_err(|e| unreadable(e.to_string()))?,
        refs,
    })
}

fn system(name: &str) -> PartyId {
    PartyId::new(name).expect("invariant: the name is an id")
}
