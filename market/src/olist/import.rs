//! Records a plan: commands through the deciders, in business order, many to a batch.
//!
//! Every command's id is derived from its stream and what it is there, so a command that was taken before is
//! recognised and has no second effect: an import that was stopped goes on when it is run again, and one that
//! had finished appends nothing. Money that moves between streams takes the way it takes live: the checkout
//! reserves it for the order (`FundsAllocated`), the order funds its escrow by a command derived from that
//! event, so that the reactor that sees the event later finds its work done.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use chrono_tz::America::Sao_Paulo;
use daybook_commands::{Batch, CommandError, Commands, Request, Submitted};
use daybook_domain::{Aggregate, Currency, Event, PartyId, Rate, Timestamp};
use uuid::Uuid;

use super::plan::Plan;
use super::record::Steps;
use super::report::{ImportError, RefusedCommand, Report};
use crate::side::{Mark, Pass};
use crate::{Market, Opening};

/// Events handed to the journal at once.
const BATCH_EVENTS: usize = 4_096;
/// Batches under way while the next is decided.
const BATCHES_UNDER_WAY: usize = 2;
/// Command ids are derived in this namespace. Never changed: it is what makes an import repeatable.
const NAMESPACE: Uuid = Uuid::from_u128(0x6c1c_36a9_2f0d_5b0e_9f54_0d5a_7c8e_41b2);

/// Records `plan` in `market`, which begins where it has not begun: in BRL, with the business days of São Paulo. `progress` hears (done, of how many) after
/// every batch.
///
/// While it runs, the deadlines of what it brings in wait. All reactions and deadlines of a complete import were
/// met inline, so the market's reactors need not go through its events again.
///
/// # Errors
/// [`ImportError`]; it carries the report of what was recorded until then.
pub async fn import(
    market: &Market,
    plan: &Plan,
    progress: impl FnMut(u64, u64),
) -> Result<Report, ImportError> {
    market.begin_with(&opening()).await?;
    market.settle_reactions().await?;
    let before = market.reacted_through()?;
    market.import_begins(actor())?;
    let report = record(market.commands(), plan, progress).await?;
    let head = market.journal().head().map_err(crate::MarketError::from)?;
    if report.complete && head == before + report.events {
        let mark = Mark::at(&**market.journal(), head)?;
        market.side.advance(&Pass { through: head, mark, ..Pass::default() })?;
    }
    market.import_ends(actor())?;
    Ok(report)
}

/// With what a market begins whose first history this is: its days, months and figures are those of where it was sold.
fn opening() -> Opening {
    Opening {
        name: "Olist".to_owned(),
        time_zone: Sao_Paulo.name().to_owned(),
        currencies: vec![Currency::new("BRL").expect("invariant: BRL is an ISO 4217 code")],
    }
}

fn actor() -> PartyId {
    PartyId::new("import:olist").expect("invariant: visible ASCII")
}

/// Records `plan` by `commands`.
pub(super) async fn record(
    commands: &Arc<Commands>,
    plan: &Plan,
    mut progress: impl FnMut(u64, u64),
) -> Result<Report, ImportError> {
    if plan.commission < Rate::ZERO || plan.commission > Rate::ONE {
        return Err(ImportError::Rate(plan.commission));
    }
    let mut writer = Writer::new(commands, Report::of(plan));
    let outcome = writer.all(&Steps(plan), &mut progress).await;
    let mut report = writer.report;
    match outcome {
        Ok(()) => {
            report.complete = report.refused == 0;
            Ok(report)
        }
        Err(CommandError::Reused { stream, .. }) => {
            Err(ImportError::Changed { stream, report: Box::new(report) })
        }
        Err(cause) => Err(ImportError::Stopped { cause: cause.to_string(), report: Box::new(report) }),
    }
}

/// What is asked of one stream.
pub(super) struct Ask<'a, A: Aggregate> {
    /// The stream's id.
    pub id: &'a str,
    /// What the command is there: with the id, its identity.
    pub key: &'a str,
    /// When it happened.
    pub at: Timestamp,
    pub command: A::Command,
}

/// The rest of a step is not recorded: one of its commands was refused, which stands in the report.
pub(super) enum Halt {
    Refused,
    Failed(CommandError),
}

/// Sends commands in batches and keeps the report.
pub(super) struct Writer {
    commands: Arc<Commands>,
    batch: Batch,
    /// Batches, behind each the steps that it decides and how many events each of its commands has.
    under_way: VecDeque<(Submitted, u64, Vec<u64>)>,
    actor: PartyId,
    /// Steps decided, not all of them written.
    decided: u64,
    report: Report,
}

/// An event with its id.
pub(super) type Identified = (Uuid, Event);

impl Writer {
    fn new(commands: &Arc<Commands>, report: Report) -> Self {
        Self {
            commands: Arc::clone(commands),
            batch: commands.batch(),
            under_way: VecDeque::new(),
            actor: actor(),
            decided: 0,
            report,
        }
    }

    async fn all(
        &mut self,
        steps: &Steps<'_>,
        progress: &mut impl FnMut(u64, u64),
    ) -> Result<(), CommandError> {
        for n in 0..steps.0.steps() {
            match steps.record(n, self) {
                Ok(()) | Err(Halt::Refused) => self.decided += 1,
                Err(Halt::Failed(error)) => {
                    // what was decided before stands; what it says is in the report
                    self.submit();
                    self.wait(0).await?;
                    return Err(error);
                }
            }
            if self.batch.events() >= BATCH_EVENTS {
                self.submit();
                self.wait(BATCHES_UNDER_WAY).await?;
                progress(self.report.done, self.report.steps);
            }
        }
        self.submit();
        self.wait(0).await?;
        progress(self.report.done, self.report.steps);
        Ok(())
    }

    fn submit(&mut self) {
        // not from positions, which do not count events everywhere
        let lengths = self.batch.lengths();
        self.under_way.push_back((self.batch.submit(), self.decided, lengths));
    }

    /// Waits until no more than `most` batches are under way.
    async fn wait(&mut self, most: usize) -> Result<(), CommandError> {
        while self.under_way.len() > most {
            let Some((submitted, decided, lengths)) = self.under_way.pop_front() else { break };
            for (result, events) in submitted.await.into_iter().zip(lengths) {
                if !result?.replayed {
                    self.report.events += events;
                }
            }
            self.report.done = decided;
        }
        Ok(())
    }

    /// Who acts.
    pub(super) const fn actor(&self) -> PartyId {
        self.actor
    }

    /// The identity of a command: derived from its stream and what it is there.
    fn id_of<A: Aggregate>(id: &str, key: &str) -> Uuid {
        let name = format!("olist/{}-{id}/{key}", A::CATEGORY);
        Uuid::new_v5(&NAMESPACE, name.as_bytes())
    }

    /// Sends a command.
    pub(super) fn send<A: Aggregate>(&mut self, ask: Ask<'_, A>) -> Result<(), Halt> {
        let id = Self::id_of::<A>(ask.id, ask.key);
        self.request::<A, ()>(ask, id, |_, _| ()).map(drop)
    }

    /// Sends a command whose identity comes from elsewhere.
    pub(super) fn send_as<A: Aggregate>(&mut self, ask: Ask<'_, A>, id: Uuid) -> Result<(), Halt> {
        self.request::<A, ()>(ask, id, |_, _| ()).map(drop)
    }

    /// Sends a command and answers with its events; of one that was taken before, with those of the first time.
    pub(super) fn ask<A: Aggregate>(&mut self, ask: Ask<'_, A>) -> Result<Vec<Identified>, Halt> {
        let id = Self::id_of::<A>(ask.id, ask.key);
        let stream = format!("{}-{}", A::CATEGORY, ask.id);
        let events = self.request::<A, Vec<Identified>>(ask, id, |events, encoded| {
            events.iter().zip(encoded).map(|(event, new)| (new.id, event.clone())).collect()
        })?;
        match events {
            Some(events) => Ok(events),
            None => self.recorded(&stream, id).map_err(Halt::Failed),
        }
    }

    /// Decides a command into the batch; `None` when nothing is written.
    fn request<A: Aggregate, T>(
        &mut self,
        ask: Ask<'_, A>,
        id: Uuid,
        take: impl FnOnce(&[Event], &[daybook_journal::NewEvent]) -> T,
    ) -> Result<Option<T>, Halt> {
        let request = Request::<A>::new(ask.id, ask.command, id, self.actor).at(ask.at).imported();
        self.report.commands += 1;
        match self.batch.add(&request) {
            Ok(added) if added.events.is_empty() => Ok(None),
            Ok(added) => Ok(Some(take(added.events, added.encoded))),
            Err(CommandError::Rejected(rejection)) => {
                self.report.refuse(RefusedCommand {
                    stream: request.stream,
                    command: ask.key.to_owned(),
                    code: rejection.code.to_owned(),
                    message: rejection.message.into_owned(),
                });
                Err(Halt::Refused)
            }
            Err(error) => Err(Halt::Failed(error)),
        }
    }

    /// The events that a command left in the journal.
    fn recorded(&self, stream: &str, command: Uuid) -> Result<Vec<Identified>, CommandError> {
        let (mut found, mut broken) = (Vec::new(), None);
        self.commands.journal().read_stream(stream, 0, &mut |event| {
            if event.command == command {
                match Event::decode(event.kind, event.schema, event.data) {
                    Ok(decoded) => found.push((event.id, decoded)),
                    Err(error) => {
                        broken = Some(error);
                        return ControlFlow::Break(());
                    }
                }
            }
            ControlFlow::Continue(())
        })?;
        match broken {
            Some(error) => Err(CommandError::Unavailable(format!("{stream}: {error}"))),
            None => Ok(found),
        }
    }
}
