//! `daybook reconcile PROVIDER FILE`

use std::io::Read;
use std::path::PathBuf;

use daybook_domain::provider::events::BreakKind;
use daybook_domain::time::DAY;
use daybook_domain::{Money, PartyId, ProviderId, Timestamp};
use daybook_market::reconcile::{Ask, FoundBreak, ReconcileError, Report, Taken};
use daybook_reconciliation::Format as FileFormat;
use daybook_reconciliation::limits::MAX_FILE_BYTES;

use crate::cli::Global;
use crate::failure::{Failure, unheard};
use crate::output::{Format, Output, say};
use crate::value::{Table, grouped};

/// Take a statement file of a provider or bank, and lay it beside the books
#[derive(Debug, clap::Args)]
#[command(long_about = "Take a statement file of a provider or bank, and lay it beside the books.\n\n\
    A file is known by its content (WeChat Pay, Alipay in GBK, Stripe, camt.052/053/054, MT940/942, alone or zipped) and \
    taken once. Lines are matched by reference, then by amount and time; what does not agree is a break, with its kind \
    and age. Exit code 1 when there are breaks.")]
pub struct Args {
    /// The payment provider, or the bank account of the market, as the books name it
    provider: ProviderId,
    /// The file
    file: PathBuf,
    /// What the file is, where its content does not say [possible values: wechat_bill, wechat_fund_flow,
    /// alipay_ledger, stripe_balance, stripe_itemised, camt_052, camt_053, camt_054, mt940, mt942]
    #[arg(long, value_name = "FORMAT")]
    format_of: Option<FileFormat>,
    /// How far apart in time a match may lie: days (3d) or hours (36h)
    #[arg(long, value_name = "SPAN", default_value = "3d", value_parser = span)]
    window: i64,
    /// Who takes it
    #[arg(long, value_name = "PERSON", default_value = "reconciler")]
    by: PartyId,
}

/// `3d`, `36h` as microseconds.
fn span(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text:?} is no span such as 3d or 36h, at most 90d");
    let unit = match text.chars().last() {
        Some('d') => DAY,
        Some('h') => DAY / 24,
        _ => return Err(wrong()),
    };
    let n: i64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    let micros = n.checked_mul(unit).ok_or_else(wrong)?;
    if (0..=90 * DAY).contains(&micros) { Ok(micros) } else { Err(wrong()) }
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    global.must_exist()?;
    let name = args.file.display();
    let unreadable = |e: std::io::Error| Failure::Unavailable(format!("{name}: {e}"));
    // one byte beyond the limit says enough: a larger file is not read into memory to be refused
    let mut bytes = Vec::new();
    let file = std::fs::File::open(&args.file).map_err(unreadable)?;
    file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let market = global.market()?;
    let ask = Ask {
        provider: args.provider,
        bytes: &bytes,
        format: args.format_of,
        window: args.window,
        actor: args.by,
    };
    let taken = global.runtime()?.block_on(market.reconcile(&ask)).map_err(|e| match e {
        ReconcileError::Statement(e) => Failure::Refused(format!("{name}: {e}")),
        ReconcileError::UnknownPlace { .. } | ReconcileError::OtherPlace { .. } => {
            Failure::Refused(format!("{name}: {e}"))
        }
        ReconcileError::Market(e) => e.into(),
        ReconcileError::Journal(e) => e.into(),
        ReconcileError::Decode(e) => Failure::Unavailable(e.to_string()),
    })?;
    match taken {
        Taken::Before { digest, results } => {
            say!(
                "{name} was taken before (SHA-256 {digest}, {results} results): nothing was written; see `daybook breaks \
                 list --provider {}`",
                args.provider
            );
            Ok(())
        }
        Taken::Now(report) => {
            unheard(print(global, &report))?;
            if report.breaks.is_empty() { Ok(()) } else { Err(Failure::Found) }
        }
    }
}

fn print(global: &Global, report: &Report) -> Result<(), Failure> {
    let mut out = Output::new(global.format);
    match out.format {
        Format::Json => out.json_line(report)?,
        Format::Csv => out.table(&breaks(&report.breaks, report.to))?,
        Format::Table => {
            out.heading(&format!(
                "{} of {}, account {}: {} lines, {} to {}, beside the books up to position {}",
                report.format,
                report.provider,
                if report.account.is_empty() { "not named" } else { &report.account },
                grouped(&report.lines.to_string()),
                report.from,
                report.to,
                grouped(&report.through.to_string())
            ))?;
            matches(&mut out, report)?;
            by_kind(&mut out, report)?;
            sides(&mut out, report)?;
        }
    }
    out.finish()
}

fn matches(out: &mut Output, report: &Report) -> Result<(), Failure> {
    out.heading(if report.matches.is_empty() { "No matches" } else { "Matches, by reason" })?;
    let mut table = Table::new(&["reason", "matches", "lines", "entries"]);
    for by in &report.matches {
        table.push(vec![
            by.reason.as_str().into(),
            (by.matches as u64).into(),
            (by.lines as u64).into(),
            (by.entries as u64).into(),
        ]);
    }
    if !report.matches.is_empty() {
        out.table(&table)?;
    }
    if report.waiting > 0 {
        out.line(&format!(
            "{} entries of the books are younger than the window: the next statement may bring them",
            report.waiting
        ))?;
    }
    if report.untried > 0 {
        out.line(&format!(
            "{} lines and entries lie near too many others in time to be looked for as sums of a few: a shorter --window, or \
             statements of fewer days, bring fewer together",
            report.untried
        ))?;
    }
    if !report.arrived.is_empty() {
        let names: Vec<&str> = report.arrived.iter().map(|name| name.as_str()).collect();
        out.line(&format!("arrived now, missing before: {}", names.join(", ")))?;
    }
    Ok(())
}

fn by_kind(out: &mut Output, report: &Report) -> Result<(), Failure> {
    if report.breaks.is_empty() {
        out.heading("No breaks")?;
        return Ok(());
    }
    out.heading("Breaks, by kind")?;
    let mut table = Table::new(&["kind", "breaks", "oldest_days"]);
    for kind in BreakKind::ALL {
        let of: Vec<_> = report.breaks.iter().filter(|b| b.kind == *kind).collect();
        if let Some(oldest) = of.iter().map(|b| age(b.since, report.to)).max() {
            table.push(vec![kind.as_str().into(), (of.len() as u64).into(), oldest.into()]);
        }
    }
    out.table(&table)?;
    /// Most breaks printed for people; the others are in `breaks list`.
    const SHOWN: usize = 50;
    out.heading("Breaks")?;
    out.table(&breaks(&report.breaks[..report.breaks.len().min(SHOWN)], report.to))?;
    if report.breaks.len() > SHOWN {
        out.line(&format!("and {} more: daybook breaks list --open", report.breaks.len() - SHOWN))?;
    }
    Ok(())
}

/// Whole days from one instant to another.
pub fn age(since: Timestamp, now: Timestamp) -> i64 {
    (now.0.saturating_sub(since.0) / DAY).max(0)
}

fn breaks(breaks: &[FoundBreak], until: Timestamp) -> Table {
    let columns =
        ["break", "kind", "age_days", "amount", "currency", "line", "reference", "stream", "detail"];
    let mut table = Table::new(&columns);
    for b in breaks {
        table.push(vec![
            b.name.as_str().into(),
            b.kind.as_str().into(),
            age(b.since, until).into(),
            b.amount.into(),
            b.amount.currency.as_str().into(),
            b.line.into(),
            b.reference.as_str().into(),
            b.stream.clone().into(),
            b.detail.as_str().into(),
        ]);
    }
    table
}

fn sides(out: &mut Output, report: &Report) -> Result<(), Failure> {
    if report.payouts.is_empty() {
        return Ok(());
    }
    out.heading("Payouts of providers: books, provider and bank")?;
    let mut table = Table::new(&[
        "at",
        "reference",
        "from",
        "to",
        "books_sent",
        "provider",
        "books_received",
        "bank",
        "verdict",
    ]);
    for p in &report.payouts {
        let same = |side: Option<Money>, books: Money| side.map(|m| m == books);
        let verdict = match (same(p.provider, p.sent), same(p.bank, p.received)) {
            (Some(true), Some(true)) => "all three agree",
            (Some(false), _) => "the provider says otherwise",
            (_, Some(false)) => "the bank says otherwise",
            (None, None) => "neither has told yet",
            (None, _) => "the provider has not told yet",
            (_, None) => "the bank has not told yet",
        };
        table.push(vec![
            p.at.into(),
            p.reference.as_str().into(),
            p.from.as_str().into(),
            p.to.as_str().into(),
            p.sent.into(),
            p.provider.into(),
            p.received.into(),
            p.bank.into(),
            verdict.into(),
        ]);
    }
    out.table(&table)
}
