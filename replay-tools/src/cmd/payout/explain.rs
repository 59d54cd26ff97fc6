//! `daybook payout explain ID|--all`

use std::time::Instant;

use daybook_domain::account::draws::{BackFrom, Part, Source};
use daybook_market::payouts::{Audit, Explained, audit, explain};

use super::acts::Which;
use crate::cli::Global;
use crate::failure::{Failure, unheard};
use crate::output::{Format, Output, say};
use crate::progress::Progress;
use crate::value::{Table, Value, grouped};

/// Explain a payout: what it draws on, settlement by settlement, line by line, down to the orders' payments
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Explain a payout: what it draws on, settlement by settlement, line by line, down to the \
    orders' payments.\n\nEach level is compared with the one above it: parts with the payout, lines and what was carried \
    in with each settlement, what orders released with their lines and with what funded them. What is left over in \
    a currency is its residual: it is zero, or the exit code is 1."
)]
pub struct Args {
    #[command(flatten)]
    which: Option<Which>,
    /// Every payout: how many there are, and what is left over in all
    #[arg(long, conflicts_with = "payout", required_unless_present = "payout")]
    all: bool,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let Some(which) = &args.which else { return all(global) };
    let (merchant, payout) = which.find(global)?;
    let models = global.read_models()?;
    let Some(explained) = explain(&models, merchant, payout)? else {
        return Err(Failure::Refused(format!("merchant {merchant} has no payout {payout}")));
    };
    unheard(print(global, &explained))?;
    for finding in &explained.unexplained {
        say!("{finding}");
    }
    if explained.complete() { Ok(()) } else { Err(Failure::Found) }
}

fn way(part: &Part) -> (Value, Value, Value) {
    let from = match part.back_from {
        None => Value::None,
        Some(BackFrom::Hold(hold)) => format!("hold {hold}").into(),
        Some(BackFrom::Payout(payout)) => format!("payout {payout}").into(),
    };
    let source = match part.source {
        Source::Settlement(settlement) => settlement.as_str().into(),
        Source::Converted(payout) => format!("payout {payout}, converted").into(),
    };
    (part.way.as_str().into(), from, source)
}

fn parts(explained: &Explained) -> Table {
    let mut table = Table::new(&["way", "from", "settlement", "currency", "amount"]);
    for part in &explained.parts {
        let (way, from, source) = way(part);
        table.push(vec![way, from, source, part.amount.currency.as_str().into(), part.amount.into()]);
    }
    table
}

fn settlements(explained: &Explained) -> Table {
    let mut table = Table::new(&[
        "settlement",
        "until",
        "carried_in",
        "lines",
        "lines_sum",
        "total",
        "held_as_reserve",
        "drawn",
        "residual",
    ]);
    for s in &explained.settlements {
        table.push(vec![
            s.settlement.as_str().into(),
            s.until.into(),
            s.carried_in.into(),
            s.lines.into(),
            s.lines_sum.into(),
            s.total.into(),
            s.held_as_reserve.into(),
            s.drawn.into(),
            s.residual.into(),
        ]);
    }
    table
}

fn lines(explained: &Explained) -> Table {
    let mut table = Table::new(&["settlement", "number", "occurred_at", "event", "order", "amount"]);
    for line in &explained.lines {
        table.push(vec![
            line.settlement.as_str().into(),
            line.number.into(),
            line.occurred_at.into(),
            line.event.as_str().into(),
            line.order.as_ref().map(|id| id.as_str()).into(),
            line.amount.into(),
        ]);
    }
    table
}

fn orders(explained: &Explained) -> Table {
    let mut table = Table::new(&[
        "order",
        "funded",
        "released",
        "tax",
        "given_back",
        "in_escrow",
        "on_lines",
        "currency",
        "residual",
    ]);
    for o in &explained.orders {
        table.push(vec![
            o.order.as_str().into(),
            o.funded.into(),
            o.released.into(),
            o.tax.into(),
            o.given_back.into(),
            o.in_escrow.into(),
            o.on_lines.into(),
            o.funded.currency.as_str().into(),
            o.residual.into(),
        ]);
    }
    table
}

fn payments(explained: &Explained) -> Table {
    let mut table =
        Table::new(&["order", "checkout", "kind", "payment", "provider", "provider_ref", "amount"]);
    for payment in &explained.payments {
        let campaign = payment.campaign.as_ref().map(|id| id.as_str());
        table.push(vec![
            payment.order.as_str().into(),
            payment.checkout.as_ref().map(|id| id.as_str()).into(),
            payment.kind.into(),
            payment.payment.as_ref().map(|id| id.as_str()).or(campaign).into(),
            payment.provider.as_ref().map(|id| id.as_str()).into(),
            payment.provider_ref.as_ref().map(|id| id.as_str()).into(),
            payment.amount.into(),
        ]);
    }
    table
}

/// Rows of parts, settlements, lines, orders and payments: a spreadsheet can filter by the first column.
fn flat(explained: &Explained) -> Table {
    let mut table = Table::new(&[
        "level",
        "settlement",
        "order",
        "what",
        "reference",
        "occurred_at",
        "currency",
        "amount",
    ]);
    let currency = |money: daybook_domain::Money| Value::from(money.currency.as_str());
    for part in &explained.parts {
        let (way, from, source) = way(part);
        table.push(vec![
            "part".into(),
            source,
            Value::None,
            way,
            from,
            Value::None,
            currency(part.amount),
            part.amount.into(),
        ]);
    }
    for s in &explained.settlements {
        let row = |what: &str, amount: daybook_domain::Money| {
            vec![
                "settlement".into(),
                s.settlement.as_str().into(),
                Value::None,
                what.into(),
                Value::None,
                s.until.into(),
                currency(amount),
                amount.into(),
            ]
        };
        table.push(row("carried_in", s.carried_in));
        table.push(row("total", s.total));
        table.push(row("drawn", s.drawn));
    }
    for line in &explained.lines {
        table.push(vec![
            "line".into(),
            line.settlement.as_str().into(),
            line.order.as_ref().map(|id| id.as_str()).into(),
            line.event.as_str().into(),
            line.number.into(),
            line.occurred_at.into(),
            currency(line.amount),
            line.amount.into(),
        ]);
    }
    for o in &explained.orders {
        let figures = [
            ("funded", o.funded),
            ("released", o.released),
            ("tax", o.tax),
            ("given_back", o.given_back),
            ("in_escrow", o.in_escrow),
        ];
        for (what, amount) in figures {
            table.push(vec![
                "order".into(),
                Value::None,
                o.order.as_str().into(),
                what.into(),
                Value::None,
                Value::None,
                currency(amount),
                amount.into(),
            ]);
        }
    }
    for payment in &explained.payments {
        let provider = payment.provider.as_ref().map_or(payment.kind, |id| id.as_str());
        table.push(vec![
            "payment".into(),
            Value::None,
            payment.order.as_str().into(),
            provider.into(),
            payment.provider_ref.as_ref().map(|id| id.as_str()).into(),
            Value::None,
            currency(payment.amount),
            payment.amount.into(),
        ]);
    }
    table
}

fn print(global: &Global, explained: &Explained) -> Result<(), Failure> {
    let mut out = Output::new(global.format);
    match out.format {
        Format::Json => out.json_line(explained)?,
        Format::Csv => out.table(&flat(explained))?,
        Format::Table => {
            let paid = explained.converted.map(|to| format!(", converted to {to}")).unwrap_or_default();
            let (payout, merchant, amount) = (explained.payout, explained.merchant, explained.amount);
            out.heading(&format!("Payout {payout} of {merchant}: {amount}{paid}"))?;
            out.heading("Draws on")?;
            out.table(&parts(explained).without_empty())?;
            out.heading("Settlements")?;
            out.table(&settlements(explained))?;
            out.heading("Lines")?;
            out.table(&lines(explained).without_empty())?;
            out.heading("Orders")?;
            out.table(&orders(explained))?;
            out.heading("Payments")?;
            out.table(&payments(explained).without_empty())?;
            let residuals: Vec<_> = explained.residuals.iter().map(ToString::to_string).collect();
            out.heading(&format!("Residual {}", residuals.join(", ")))?;
        }
    }
    out.finish()
}

fn all(global: &Global) -> Result<(), Failure> {
    let models = global.read_models()?;
    let started = Instant::now();
    let progress = Progress::new(!global.no_progress, "explaining (merchants)", 0);
    let audit = audit(&models, &mut |done| progress.set(done))?;
    drop(progress);
    unheard(summary(global, &audit))?;
    let seconds = started.elapsed().as_secs_f64();
    say!("{} payouts explained in {seconds:.1} s", grouped(&audit.payouts.to_string()));
    if audit.clean() { Ok(()) } else { Err(Failure::Found) }
}

fn summary(global: &Global, audit: &Audit) -> Result<(), Failure> {
    let mut out = Output::new(global.format);
    if out.format == Format::Json {
        out.json_line(audit)?;
        return out.finish();
    }
    let mut table = Table::new(&["currency", "paid_out", "residual"]);
    for residual in &audit.residuals {
        let paid = audit.amounts.iter().find(|sum| sum.currency == residual.currency).copied();
        table.push(vec![residual.currency.as_str().into(), paid.into(), (*residual).into()]);
    }
    let mut counts = Table::new(&["payouts", "settlements", "lines", "orders", "unexplained"]);
    counts.push(vec![
        audit.payouts.into(),
        audit.settlements.into(),
        audit.lines.into(),
        audit.orders.into(),
        audit.unexplained.into(),
    ]);
    if out.format == Format::Csv {
        out.table(&table)?;
        return out.finish();
    }
    out.record(&counts)?;
    out.heading("By currency")?;
    out.table(&table)?;
    if !audit.findings.is_empty() {
        out.heading("Findings")?;
        for finding in &audit.findings {
            out.line(finding)?;
        }
    }
    out.finish()
}
