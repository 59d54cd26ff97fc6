//! `daybook events`

use std::ops::ControlFlow;

use clap::ArgGroup;
use daybook_domain::{MerchantId, OrderId, Timestamp};
use daybook_journal::{Filter, Journal, Position, Recorded};
use daybook_projections::queries::PAGE_STREAMS;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::cli::Global;
use crate::failure::Failure;
use crate::output::{Output, say};

/// Print events as JSON lines, oldest first
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("of").args(["stream", "merchant", "order"]))]
pub struct Args {
    /// Only this stream, e.g. order-1
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,
    /// Only what concerns this merchant
    #[arg(long, value_name = "ID")]
    merchant: Option<MerchantId>,
    /// Only what concerns this order
    #[arg(long, value_name = "ID")]
    order: Option<OrderId>,
    /// Only events beyond this position
    #[arg(long, value_name = "POSITION", default_value_t = 0)]
    after: Position,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
}

/// An event as it is printed. `refs` and `data` are as they lie in the journal, byte for byte.
#[derive(Serialize)]
struct Line<'a> {
    position: Position,
    stream: &'a str,
    version: u64,
    id: uuid::Uuid,
    r#type: &'a str,
    schema: u16,
    occurred_at: Timestamp,
    recorded_at: Timestamp,
    refs: &'a RawValue,
    cause: Cause<'a>,
    data: &'a RawValue,
}

#[derive(Serialize)]
struct Cause<'a> {
    command: uuid::Uuid,
    correlation: uuid::Uuid,
    actor: &'a str,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let journal = global.read_journal()?;
    let head = journal.head()?;
    let mut out = Output::new(global.format);
    let mut printed = 0;
    let mut last = args.after;
    let mut more = false;
    let mut failed = None;
    let mut visit = |event: Recorded<'_>| {
        if event.position <= args.after {
            return ControlFlow::Continue(());
        }
        if printed == args.limit {
            more = true;
            return ControlFlow::Break(());
        }
        match print(&mut out, &event) {
            Ok(()) => {
                printed += 1;
                last = event.position;
                ControlFlow::Continue(())
            }
            Err(failure) => {
                failed = Some(failure);
                ControlFlow::Break(())
            }
        }
    };
    match streams(global, args)? {
        Some(streams) => {
            let streams: Vec<&str> = streams.iter().map(String::as_str).collect();
            journal.read_streams(&streams, None, &mut visit)?;
        }
        None => {
            journal.scan(args.after, None, &Filter::default(), &mut visit)?;
        }
    }
    if let Some(failure) = failed {
        return Err(failure);
    }
    out.finish()?;
    if more {
        say!(
            "{printed} events, through position {last} of {head}; go on with --after {last}, or raise --limit"
        );
    }
    Ok(())
}

/// The streams asked for; none when it is the whole log. An entity's are found by the index, without a scan.
fn streams(global: &Global, args: &Args) -> Result<Option<Vec<String>>, Failure> {
    let (kind, entity) = match (&args.stream, args.merchant, args.order) {
        (Some(stream), _, _) => return Ok(Some(vec![stream.clone()])),
        (None, Some(merchant), _) => ("merchant", merchant.to_string()),
        (None, None, Some(order)) => ("order", order.to_string()),
        (None, None, None) => return Ok(None),
    };
    let models = global.read_models()?;
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = models.streams_of(kind, &entity, after, PAGE_STREAMS)?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        all.extend(page.into_iter().map(|(_, stream)| stream));
    }
    if all.is_empty() {
        return Err(Failure::Refused(format!("nothing in {} concerns {kind} {entity}", global.journal)));
    }
    Ok(Some(all))
}

fn print(out: &mut Output, event: &Recorded<'_>) -> Result<(), Failure> {
    let raw = |name: &str, text| {
        serde_json::from_str::<&RawValue>(text).map_err(|e| {
            Failure::Unavailable(format!(
                "{name} of the event at position {} is not JSON: {e}",
                event.position
            ))
        })
    };
    out.json_line(&Line {
        position: event.position,
        stream: event.stream,
        version: event.version,
        id: event.id,
        r#type: event.kind,
        schema: event.schema,
        occurred_at: Timestamp(event.occurred_at),
        recorded_at: Timestamp(event.recorded_at),
        refs: raw("refs", event.refs)?,
        cause: Cause { command: event.command, correlation: event.correlation, actor: event.actor },
        data: raw("data", event.data)?,
    })
}
