//! A provider's statements and breaks: what was taken, what is open.

use std::collections::BTreeMap;

use super::commands::{MAX_RESULTS, ProviderCommand, StatementResult};
use super::events::*;
use crate::books::balanced;
use crate::decider::{said, two_persons};
use crate::{Aggregate, Context, Event, Reference, Refs, Rejection, Timestamp};

/// How far a file has been recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct File {
    results: u64,
    recorded: u64,
}

/// A break, with the file that it was found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    digest: Reference,
    open: bool,
}

/// The state of `provider-{name}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provider {
    files: BTreeMap<Reference, File>,
    breaks: BTreeMap<Reference, Found>,
}

type Decided = Result<Vec<Event>, Rejection>;

impl Provider {
    /// Results of a file recorded so far and in all; `None` for a file never taken.
    #[must_use]
    pub fn progress(&self, digest: Reference) -> Option<(u64, u64)> {
        self.files.get(&digest).map(|f| (f.recorded, f.results))
    }

    /// A file that was taken and is not recorded to its end.
    #[must_use]
    pub fn unfinished(&self) -> Option<Reference> {
        self.files.iter().find(|(_, f)| f.recorded < f.results).map(|(digest, _)| *digest)
    }

    /// While a file is recorded in part its results still name the breaks that were open as it was laid beside the
    /// books.
    fn must_be_whole(&self) -> Result<(), Rejection> {
        self.unfinished().map_or(Ok(()), |file| {
            let message = format!("file {file} is recorded in part: go on with it first, by taking it again");
            Err(Rejection::new("statement_unfinished", message))
        })
    }

    fn import(&self, file: &StatementImported) -> Decided {
        if self.files.contains_key(&file.digest) {
            return Ok(Vec::new());
        }
        self.must_be_whole()?;
        if file.from > file.to {
            let message = format!("from {} is after to {}", file.from, file.to);
            return Err(Rejection::new("period_backwards", message));
        }
        for total in &file.totals {
            let moved = total.gross.sub(total.fee)?;
            if moved != total.net {
                let message = format!("totals.net is {}, gross less fee {moved}", total.net);
                return Err(Rejection::new("totals_wrong", message));
            }
        }
        Ok(vec![file.clone().into()])
    }

    fn record(
        &self,
        digest: Reference,
        after: u64,
        results: &[StatementResult],
        ctx: &Context<'_>,
    ) -> Decided {
        let unknown =
            || Rejection::new("statement_unknown", format!("file {digest} was not taken: import it first"));
        let file = self.files.get(&digest).ok_or_else(unknown)?;
        if results.is_empty() || results.len() > MAX_RESULTS {
            let message = format!("results has {} items: send 1 to {MAX_RESULTS}", results.len());
            return Err(Rejection::new("results_out_of_bounds", message));
        }
        let until = after.saturating_add(results.len() as u64);
        if until <= file.recorded {
            return Ok(Vec::new());
        }
        if after != file.recorded || until > file.results {
            let message = format!(
                "after is {after}, {} of {} results are recorded: go on from there",
                file.recorded, file.results
            );
            return Err(Rejection::new("results_out_of_order", message));
        }
        let mut events = Vec::with_capacity(results.len());
        for result in results {
            events.push(self.result(digest, result, ctx)?);
        }
        Ok(events)
    }

    fn result(
        &self,
        digest: Reference,
        result: &StatementResult,
        ctx: &Context<'_>,
    ) -> Result<Event, Rejection> {
        match result {
            StatementResult::Matched { reason, lines, entries } => {
                if lines.is_empty() || entries.is_empty() {
                    let message = "a match needs a line and an entry: what has only one of them is a break";
                    return Err(Rejection::new("match_empty", message));
                }
                let (lines, entries) = (lines.clone(), entries.clone());
                Ok(StatementLineMatched { digest, reason: *reason, lines, entries }.into())
            }
            StatementResult::Break(found) => {
                if found.digest != digest {
                    let message =
                        format!("break {} is of file {}, not of {digest}", found.r#break, found.digest);
                    return Err(Rejection::new("break_elsewhere", message));
                }
                if self.breaks.contains_key(&found.r#break) {
                    let message = format!("break {} is known: give the new one its own name", found.r#break);
                    return Err(Rejection::new("break_exists", message));
                }
                Ok(found.clone().into())
            }
            StatementResult::Arrived { r#break } => Ok(BreakResolved {
                r#break: *r#break,
                digest: self.open(*r#break)?,
                how: Resolution::ArrivedLater,
                note: format!("in file {digest}"),
                by: ctx.actor,
                entries: Vec::new(),
                approved_by: None,
                voucher: None,
                file: Some(digest),
            }
            .into()),
        }
    }

    /// The file of an open break.
    fn open(&self, name: Reference) -> Result<Reference, Rejection> {
        match self.breaks.get(&name) {
            Some(found) if found.open => Ok(found.digest),
            Some(_) => Err(Rejection::new(
                "break_resolved",
                format!("break {name} is resolved: nothing is left to resolve"),
            )),
            None => Err(Rejection::new(
                "break_unknown",
                format!("break {name} is not known: see `daybook breaks list`"),
            )),
        }
    }

    fn resolve(&self, resolved: BreakResolved, ctx: &Context<'_>) -> Decided {
        let digest = self.open(resolved.r#break)?;
        self.must_be_whole()?;
        said("note", &resolved.note)?;
        if resolved.how == Resolution::ArrivedLater {
            let message =
                "what arrives later is found by the statement that brings it: explain the break instead";
            return Err(Rejection::new("arrived_by_hand", message));
        }
        if resolved.how != Resolution::Explained {
            two_persons("the resolution", resolved.by, ctx.actor)?;
        }
        if (resolved.how == Resolution::Posted) == resolved.entries.is_empty() {
            let message = "entries belong to `posted`, and `posted` needs them";
            return Err(Rejection::new("entries_misplaced", message));
        }
        if (resolved.how == Resolution::Voucher) != resolved.voucher.is_some() {
            let message =
                "voucher names the journal voucher of a break resolved by `voucher`, and of no other";
            return Err(Rejection::new("voucher_misplaced", message));
        }
        if !resolved.entries.is_empty() {
            balanced(&resolved.entries)?;
        }
        let approved_by = Some(ctx.actor).filter(|actor| *actor != resolved.by);
        Ok(vec![BreakResolved { digest, approved_by, ..resolved }.into()])
    }

    fn count(&mut self, digest: Reference) {
        if let Some(file) = self.files.get_mut(&digest) {
            file.recorded += 1;
        }
    }
}

impl Aggregate for Provider {
    const CATEGORY: &'static str = "provider";
    type Command = ProviderCommand;

    fn named(_id: &str) -> Self {
        Self::default()
    }

    fn decide(&self, command: &ProviderCommand, ctx: &Context<'_>) -> Decided {
        match command {
            ProviderCommand::Import(file) => self.import(file),
            ProviderCommand::Record { digest, after, results } => self.record(*digest, *after, results, ctx),
            ProviderCommand::Resolve { r#break, how, note, by, entries, voucher } => self.resolve(
                BreakResolved {
                    r#break: *r#break,
                    digest: *r#break,
                    how: *how,
                    note: note.clone(),
                    by: *by,
                    entries: entries.clone(),
                    approved_by: None,
                    voucher: *voucher,
                    file: None,
                },
                ctx,
            ),
        }
    }

    fn evolve(&mut self, event: &Event, _occurred_at: Timestamp) {
        match event {
            Event::StatementImported(e) => {
                self.files.insert(e.digest, File { results: e.results, recorded: 0 });
            }
            Event::StatementLineMatched(e) => self.count(e.digest),
            Event::BreakFound(e) => {
                self.count(e.digest);
                self.breaks.insert(e.r#break, Found { digest: e.digest, open: true });
            }
            Event::BreakResolved(e) => {
                if let Some(found) = self.breaks.get_mut(&e.r#break) {
                    found.open = false;
                }
                // one that a statement brings is a result of that statement, the only one under way
                if e.how == Resolution::ArrivedLater
                    && let Some(file) = self.unfinished()
                {
                    self.count(file);
                }
            }
            _ => {}
        }
    }

    fn refs(&self) -> Refs {
        Refs::default()
    }

    fn status(&self) -> &'static str {
        if self.unfinished().is_some() {
            "importing"
        } else if self.breaks.values().any(|b| b.open) {
            "breaks_open"
        } else {
            "reconciled"
        }
    }
}
