//! `daybook access-log`

use daybook_api::access::{Question, Settings};
use daybook_domain::{MerchantId, PartyId, Timestamp};

use crate::cli::Global;
use crate::failure::Failure;
use crate::output::{Format, Output, say};
use crate::value::Table;

/// List who read or changed which merchant's data over the API, and when
#[derive(Debug, clap::Args)]
#[command(
    long_about = "List who read or changed which merchant's data over the API, and when; the oldest first.\n\n\
    Refused accesses are listed with how they were answered. What is read again and again is listed as it begins and then \
    by the hour, with how often. What the last second brought may still be on its way from a \
    service that runs."
)]
pub struct Args {
    /// Accesses to this merchant's data
    #[arg(long, value_name = "MERCHANT")]
    merchant: Option<MerchantId>,
    /// Those of this caller, such as key:3f9a1c0b7e2d
    #[arg(long, value_name = "ACTOR")]
    actor: Option<PartyId>,
    /// Not before this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    from: Option<Timestamp>,
    /// Before this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    to: Option<Timestamp>,
    /// Go on after this, as the page before said
    #[arg(long, value_name = "ID", default_value_t = 0)]
    after: i64,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    global.must_exist()?;
    let question = Question {
        merchant: args.merchant,
        actor: args.actor,
        from: args.from,
        to: args.to,
        after: args.after,
        limit: args.limit,
    };
    let found = global.access(Settings::default())?.accesses(&question)?;
    let columns =
        ["id", "at", "actor", "role", "merchant", "method", "endpoint", "status", "request_id", "times"];
    let mut table = Table::new(&columns);
    for entry in &found {
        table.push(vec![
            entry.id.into(),
            entry.at.into(),
            entry.actor.as_str().into(),
            entry.role.name().into(),
            entry.merchant.as_str().into(),
            entry.method.as_str().into(),
            entry.endpoint.as_str().into(),
            u32::from(entry.status).into(),
            entry.request_id.as_str().into(),
            entry.times.into(),
        ]);
    }
    let mut out = Output::new(global.format);
    if out.format == Format::Table && found.is_empty() {
        say!("there are no such accesses");
    } else {
        out.table(&table)?;
    }
    out.finish()?;
    if let Some(last) = found.last().filter(|_| found.len() == args.limit as usize) {
        say!("{} accesses; go on with --after {}", found.len(), last.id);
    }
    Ok(())
}
