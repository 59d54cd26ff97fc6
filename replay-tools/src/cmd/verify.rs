//! `daybook verify`

use daybook_domain::Money;
use daybook_market::proven::blinding::blinding;
use daybook_market::transparency::folder;
use daybook_market::verify::{Report, VerifyError, verify, verify_liabilities, verify_models, verify_seals};
use daybook_projections::ReadModels;
use serde::Serialize;

use crate::cli::Global;
use crate::failure::{Failure, unheard};
use crate::output::{Format, Output};
use crate::progress::Progress;
use crate::value::{Table, grouped};

/// How many of a list are printed for people.
const LISTED: usize = 5;

/// Check every invariant of the ledger against the journal
///
/// Exits with 1 when one is violated, or when providers and banks hold less for clients than these are owed.
#[derive(Debug, clap::Args)]
pub struct Args {}

#[derive(Serialize)]
struct Answer<'a> {
    clean: bool,
    covered: bool,
    #[serde(flatten)]
    report: &'a Report,
}

pub fn run(global: &Global, _: &Args) -> Result<(), Failure> {
    let models = global.read_models()?;
    let report = check(global, &models)?;
    let mut out = Output::new(global.format);
    unheard(print(&mut out, &report).and_then(|()| out.finish()))?;
    if report.clean() && report.covered() { Ok(()) } else { Err(Failure::Found) }
}

/// Checks the journal and the read models that follow it.
pub fn check(global: &Global, models: &ReadModels) -> Result<Report, Failure> {
    let progress = Progress::new(!global.no_progress, "verifying", 1);
    let mut told = |what: &'static str, done, of| {
        progress.phase(what);
        progress.total(of);
        progress.set(done);
    };
    let mut report = verify(models.journal().as_ref(), &mut told)?;
    verify_models(models, &mut told, &mut report)?;
    let market = daybook_market::Options::default().market;
    verify_seals(models, market, &mut told, &mut report)?;
    let blinding = blinding(&folder(&global.file()?))?;
    verify_liabilities(models, market, blinding.as_ref(), &mut told, &mut report)?;
    Ok(report)
}

/// Prints a report; the demo ends with one too.
pub fn print(out: &mut Output, report: &Report) -> Result<(), Failure> {
    if out.format == Format::Json {
        return out.json_line(&Answer { clean: report.clean(), covered: report.covered(), report });
    }
    let mut table = Table::new(&["invariant", "holds", "checked", "unit", "violated"]);
    for check in &report.checks {
        table.push(vec![
            u64::from(check.invariant).into(),
            check.holds.into(),
            check.checked.into(),
            check.unit.into(),
            check.violated.into(),
        ]);
    }
    out.table(&table)?;
    if out.format == Format::Csv {
        return Ok(());
    }
    for check in report.checks.iter().filter(|check| !check.open.is_empty()) {
        out.heading(&format!("Open under invariant {}", check.invariant))?;
        let mut sums = Table::new(&["reason", "accounts", "amount", "currency"]);
        for ((reason, currency), (count, minor)) in check.open_by_reason() {
            sums.push(vec![
                reason.into(),
                count.into(),
                Money::new(minor, currency).into(),
                currency.as_str().into(),
            ]);
        }
        out.table(&sums)?;
        out.heading("The oldest of them (--format json has all)")?;
        let mut oldest = Table::new(&["account", "amount", "currency", "since", "reason"]);
        for open in check.open.iter().take(LISTED) {
            oldest.push(vec![
                open.account.as_str().into(),
                open.amount.into(),
                open.amount.currency.as_str().into(),
                open.since.into(),
                open.reason.into(),
            ]);
        }
        out.table(&oldest)?;
    }
    for check in report.checks.iter().filter(|check| !check.notes.is_empty()) {
        out.heading(&format!("Listed under invariant {}", check.invariant))?;
        check.notes.iter().take(LISTED).try_for_each(|note| out.line(&format!("  {note}")))?;
        let more = check.notes.len().saturating_sub(LISTED);
        if more > 0 {
            out.line(&format!("  and {more} more; --format json has all"))?;
        }
    }
    for check in report.checks.iter().filter(|check| !check.shortfalls.is_empty()) {
        out.heading(&format!(
            "Short under invariant {}: the market has spent more than its own funds",
            check.invariant
        ))?;
        check.shortfalls.iter().try_for_each(|short| out.line(&format!("  {short}")))?;
    }
    for check in report.checks.iter().filter(|check| check.violated > 0) {
        out.heading(&format!("Invariant {} is violated: {}", check.invariant, check.holds))?;
        for violation in &check.violations {
            out.line(&format!("  {}: {}", violation.id, violation.what))?;
        }
        let more = check.violated - check.violations.len() as u64;
        if more > 0 {
            out.line(&format!("  and {} more", grouped(&more.to_string())))?;
        }
    }
    out.line("")?;
    let events = grouped(&report.events.to_string());
    match report.violated() {
        0 => {
            let short = if report.covered() { "" } else { "; clients' money is not covered" };
            out.line(&format!("clean: {} checks over {events} events{short}", report.checks.len()))
        }
        n => out.line(&format!("{} violations in {events} events", grouped(&n.to_string()))),
    }
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Journal(error) => error.into(),
            VerifyError::Models(error) => error.into(),
            VerifyError::Market(error) => error.into(),
            VerifyError::Decode { .. } | VerifyError::Refs { .. } => Self::Unavailable(error.to_string()),
        }
    }
}
