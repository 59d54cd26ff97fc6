//! `daybook settlement`

use clap::Subcommand;
use daybook_domain::{Currency, MerchantId, Money, SettlementId};
use daybook_market::settlement::{Audit, audit};
use daybook_projections::models::settlements::SettlementRow;
use daybook_projections::queries::{OrderShare, SettlementExplained};
use serde::Serialize;

use crate::cli::Global;
use crate::failure::{Failure, unheard};
use crate::output::{Format, Output, say};
use crate::progress::Progress;
use crate::rows;
use crate::value::{Table, Value, grouped};

/// Look at settlements: list them, show one, explain it by orders, audit them against the journal
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List settlements in the order in which they were closed
    List(List),
    /// Show a settlement's figures
    Show(Named),
    /// Show what each order contributed to a settlement, down to a residual of zero
    Explain(Named),
    /// Derive settlements again from the journal alone, and compare every figure
    Audit(Which),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only this merchant's
    #[arg(long, value_name = "ID")]
    merchant: Option<MerchantId>,
    /// Only those beyond this, the `--after` that the page before ended with
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
}

#[derive(Debug, clap::Args)]
struct Named {
    /// The settlement, e.g. m-001.2025-10-01
    #[arg(value_name = "ID")]
    id: SettlementId,
}

#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct Which {
    /// Only this settlement [default: all of them]
    #[arg(value_name = "ID")]
    id: Option<SettlementId>,
    /// All settlements, and the accounts as a whole
    #[arg(long)]
    all: bool,
}

/// Columns of a list for people; the others are in JSON and CSV.
const COLUMNS: &[&str] = &[
    "settlement_id",
    "merchant_id",
    "currency",
    "lines",
    "carried_in",
    "gross",
    "refunds",
    "commission",
    "fees",
    "total",
    "held_as_reserve",
    "taken_from_available",
    "carried_out",
];

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    match &args.action {
        Action::List(args) => list(global, args),
        Action::Show(args) => show(global, args.id),
        Action::Explain(args) => explain(global, args.id),
        Action::Audit(args) => check(global, args),
    }
}

fn list(global: &Global, args: &List) -> Result<(), Failure> {
    let models = global.read_models()?;
    let merchant = args.merchant.as_ref().map(MerchantId::as_str);
    if let Some(merchant) = merchant
        && models.merchant(merchant)?.is_none()
        && models.merchant_account(merchant)?.is_none()
    {
        return Err(Failure::Refused(format!("merchant {merchant} is not known: see daybook merchants")));
    }
    let page = models.settlements(merchant, args.after.as_deref(), args.limit)?;
    rows::page(global, &page, COLUMNS, "settlements")
}

fn unknown(id: SettlementId) -> Failure {
    Failure::Refused(format!("settlement {id} is not known: see daybook settlement list"))
}

fn show(global: &Global, id: SettlementId) -> Result<(), Failure> {
    let found = global.read_models()?.settlement(id.as_str())?.ok_or_else(|| unknown(id))?;
    let mut out = Output::new(global.format);
    let mut table = rows::table(std::slice::from_ref(&found), None);
    table.columns.push("reserve");
    table.rows.iter_mut().for_each(|row| row.push(found.reserve_status().into()));
    out.record(&if out.format == Format::Table { table.without_empty() } else { table })?;
    out.finish()
}

/// A settlement with its orders, for programs.
#[derive(Serialize)]
struct Explained<'a> {
    settlement: crate::value::Object<'a>,
    orders: Vec<crate::value::Object<'a>>,
    sum: crate::value::Object<'a>,
    residual: crate::value::Object<'a>,
    carry_residual: Value,
    debt_residual: Value,
    digest_matches: bool,
    complete: bool,
}

fn explain(global: &Global, id: SettlementId) -> Result<(), Failure> {
    let explained = global.read_models()?.settlement_explained(id.as_str())?.ok_or_else(|| unknown(id))?;
    let mut out = Output::new(global.format);
    unheard(print_explained(&mut out, &explained).and_then(|()| out.finish()))?;
    if explained.complete() {
        return Ok(());
    }
    say!(
        "settlement {id} is not explained by its lines and the one before it: audit it, and rebuild the read models"
    );
    Err(Failure::Found)
}

fn money(currency: &str, minor: i64) -> Value {
    Currency::new(currency).map_or(Value::Int(minor), |code| Money::new(minor, code).into())
}

/// Shares as rows under a label.
fn shares<'s>(currency: &str, shares: impl Iterator<Item = (Value, &'s OrderShare)>) -> Table {
    let mut table = Table::new(&[
        "order",
        "lines",
        "gross",
        "refunds",
        "commission",
        "fees",
        "rewards",
        "penalties",
        "chargebacks",
        "adjustments",
        "total",
        "currency",
    ]);
    let money = |minor| money(currency, minor);
    for (label, s) in shares {
        table.push(vec![
            label,
            s.lines.into(),
            money(s.gross),
            money(s.refunds),
            money(s.commission),
            money(s.fees),
            money(s.rewards),
            money(s.penalties),
            money(s.chargebacks),
            money(s.adjustments),
            money(s.total),
            currency.into(),
        ]);
    }
    table
}

fn print_explained(out: &mut Output, explained: &SettlementExplained) -> Result<(), Failure> {
    let row: &SettlementRow = &explained.settlement;
    let label = |share: &OrderShare| share.order.as_deref().map_or_else(|| "(no order)".into(), Value::from);
    let orders = || explained.orders.iter().map(|share| (label(share), share));
    match out.format {
        Format::Csv => out.table(&shares(&row.currency, orders())),
        Format::Json => {
            let settlement = rows::table(std::slice::from_ref(row), None);
            let by_order =
                shares(&row.currency, explained.orders.iter().map(|s| (s.order.clone().into(), s)));
            let ends = [(Value::None, &explained.sum), (Value::None, &explained.residual)];
            let ends = shares(&row.currency, ends.into_iter());
            out.json_line(&Explained {
                settlement: settlement.object(&settlement.rows[0]),
                orders: by_order.rows.iter().map(|order| by_order.object(order)).collect(),
                sum: ends.object(&ends.rows[0]),
                residual: ends.object(&ends.rows[1]),
                carry_residual: money(&row.currency, explained.carry_residual),
                debt_residual: money(&row.currency, explained.debt_residual),
                digest_matches: explained.digest_matches,
                complete: explained.complete(),
            })
        }
        Format::Table => {
            let ends = [("sum".into(), &explained.sum), ("residual".into(), &explained.residual)];
            let table = shares(&row.currency, orders().chain(ends));
            let until = daybook_domain::Timestamp(row.until);
            out.heading(&format!(
                "Settlement {} of {}: {} lines of {} orders, booked before {until}",
                row.settlement_id, row.merchant_id, row.lines, row.orders
            ))?;
            out.table(&table.without_nothing())?;
            out.heading("What became of it")?;
            let ends = rows::table(std::slice::from_ref(row), None);
            let kept = [
                "carried_in",
                "total",
                "held_as_reserve",
                "reserve_until",
                "taken_from_available",
                "carried_out",
                "digest",
            ];
            out.record(&ends.select(&kept).without_empty())?;
            let digest =
                if explained.digest_matches { "is that of its lines" } else { "is NOT that of its lines" };
            out.line(&format!("the digest {digest}"))?;
            for (what, residual) in [
                ("carried in beyond what the settlement before it carried out", explained.carry_residual),
                ("owed beyond what it took and carried out", explained.debt_residual),
            ] {
                if residual != 0 {
                    out.line(&format!(
                        "{} {} {what}",
                        money(&row.currency, residual).pretty(),
                        row.currency
                    ))?;
                }
            }
            Ok(())
        }
    }
}

fn check(global: &Global, which: &Which) -> Result<(), Failure> {
    let journal = global.read_journal()?;
    let progress = Progress::new(!global.no_progress, "deriving settlements again", 1);
    let found = audit(&journal, which.id, &mut |done, of| {
        progress.total(of);
        progress.set(done);
    })?;
    drop(progress);
    if let (Some(id), 0) = (which.id, found.settlements) {
        return Err(unknown(id));
    }
    let mut out = Output::new(global.format);
    unheard(print_audit(&mut out, &found).and_then(|()| out.finish()))?;
    if found.clean() { Ok(()) } else { Err(Failure::Found) }
}

fn print_audit(out: &mut Output, found: &Audit) -> Result<(), Failure> {
    if out.format == Format::Json {
        return out.json_line(found);
    }
    let mut table = Table::new(&["settlement", "merchant", "differs"]);
    for difference in &found.differences {
        for wrong in &difference.wrong {
            table.push(vec![
                difference.settlement.as_str().into(),
                difference.merchant.as_str().into(),
                wrong.as_str().into(),
            ]);
        }
    }
    for account in &found.unaccounted {
        table.push(vec![Value::None, account.merchant.as_str().into(), account.wrong.as_str().into()]);
    }
    if out.format == Format::Csv || !table.rows.is_empty() {
        out.table(&table)?;
    }
    if out.format == Format::Table {
        let n = |n: u64| grouped(&n.to_string());
        let verdict = if found.clean() {
            "nothing differs".to_owned()
        } else {
            format!("{} settlements and {} accounts differ", found.differences.len(), found.unaccounted.len())
        };
        let accounts = match found.accounts {
            0 => String::new(),
            accounts => format!("; the lines of {} accounts looked at", n(accounts)),
        };
        out.line(&format!(
            "{verdict}: {} settlements of {} lines derived again from {} events{accounts}",
            n(found.settlements),
            n(found.lines),
            n(found.head)
        ))?;
    }
    Ok(())
}
