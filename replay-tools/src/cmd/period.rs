//! `daybook period`

use clap::Subcommand;
use daybook_domain::books::Month;
use daybook_domain::books::commands::BooksCommand;
use daybook_domain::{Code, PartyId};
use daybook_market::periods::{Period, periods};
use daybook_market::{AnyCommand, Options};

use crate::act::{By, act, act_on};
use crate::cli::Global;
use crate::cuts::month;
use crate::failure::Failure;
use crate::output::{Format, Output, say};
use crate::value::Table;

/// Close the books of a month, open the last closed month again, list what was closed
///
/// What happened in a closed month and is reported later is never refused: it keeps its business time and is booked
/// at the start of the first open month.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Close the month after the last closed one, once it is over; the first to be closed may be any
    Close {
        /// The month, such as 2018-05
        #[arg(value_parser = month)]
        period: Month,
        #[command(flatten)]
        by: By,
    },
    /// Open the last closed month again; two persons
    Reopen {
        /// The month
        #[arg(value_parser = month)]
        period: Month,
        #[command(flatten)]
        by: By,
        /// Who approves it: another person
        #[arg(long, value_name = "PERSON")]
        approved_by: PartyId,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// List the months that were closed, with the digests of their trial balances
    List,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    match &args.action {
        Action::Close { period, by } => close(global, *period, by),
        Action::Reopen { period, by, approved_by, reason } => {
            let command = BooksCommand::ReopenPeriod {
                period: code(*period)?,
                requested_by: by.by,
                reason: reason.clone(),
            };
            let mut request = by.request(AnyCommand::Books { id: Options::default().market, command });
            request.actor = *approved_by;
            act(global, request)
        }
        Action::List => list(global),
    }
}

fn code(month: Month) -> Result<Code, Failure> {
    Code::new(&month.to_string()).map_err(|error| Failure::Refused(error.to_string()))
}

fn close(global: &Global, month: Month, by: &By) -> Result<(), Failure> {
    global.must_exist()?;
    let market = global.market()?;
    let runtime = global.runtime()?;
    runtime.block_on(market.begin())?;
    let closed = periods(market.journal().as_ref(), market.id())?;
    let closed = closed.into_iter().find(|p| p.period.as_str() == month.to_string() && p.reopened.is_none());
    match closed {
        // sent again with its id, it is answered as the first time
        Some(Period { closed_at, by: who, .. }) if by.command_id.is_none() => Err(Failure::Refused(format!(
            "period {month} was closed by {who} at {closed_at}: `daybook period reopen {month}` opens it again"
        ))),
        _ => {
            market.knows(&global.read_models()?);
            let command = BooksCommand::ClosePeriod { period: code(month)?, books: None };
            let request = by.request(AnyCommand::Books { id: market.id(), command });
            runtime.block_on(act_on(&market, global, request))
        }
    }
}

const COLUMNS: &[&str] = &[
    "period",
    "state",
    "until",
    "closed_at",
    "by",
    "reopened_by",
    "approved_by",
    "reason",
    "through",
    "digest",
];

fn list(global: &Global) -> Result<(), Failure> {
    let journal = global.read_journal()?;
    let found = periods(&journal, Options::default().market)?;
    let mut table = Table::new(COLUMNS);
    for period in &found {
        let reopened = period.reopened.as_ref();
        table.push(vec![
            period.period.as_str().into(),
            (if reopened.is_some() { "reopened" } else { "closed" }).into(),
            period.until.into(),
            period.closed_at.into(),
            period.by.as_str().into(),
            reopened.map(|r| r.by.as_str()).into(),
            reopened.map(|r| r.approved_by.as_str()).into(),
            reopened.map(|r| r.reason.as_str()).into(),
            period.through.into(),
            period.digest.as_str().into(),
        ]);
    }
    let mut out = Output::new(global.format);
    if out.format == Format::Table {
        out.table(&table.without_empty())?;
    } else {
        out.table(&table)?;
    }
    out.finish()?;
    match found.iter().rev().find(|p| p.reopened.is_none()) {
        Some(last) => say!("closed through {}; the first open period begins at {}", last.period, last.until),
        None => say!("no period is closed"),
    }
    Ok(())
}
