//! `daybook breaks list|resolve`

use daybook_commands::{Clock, SystemClock};
use daybook_domain::books::events::{Side, VoucherEntry};
use daybook_domain::provider::commands::ProviderCommand;
use daybook_domain::provider::events::Resolution;
use daybook_domain::{Currency, Money, PartyId, ProviderId, Reference, Timestamp, VoucherId};
use daybook_market::AnyCommand;
use uuid::Uuid;

use crate::act::{By, act};
use crate::cli::Global;
use crate::cmd::reconcile::age;
use crate::failure::Failure;
use crate::output::{Format, Output, say};
use crate::rows;
use crate::value::{Table, Value};

/// List what statements and the books do not agree on, and resolve it
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    List(List),
    Resolve(Box<Resolve>),
}

/// List breaks, the oldest first
#[derive(Clone, Debug, Default, clap::Args)]
struct List {
    /// Only those of this provider or bank account
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<ProviderId>,
    /// Only those that are open
    #[arg(long)]
    open: bool,
    /// Go on after this, as the page before said
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
}

/// Resolve a break: explained by one person; corrected, posted or by voucher with a second who approves
#[derive(Clone, Debug, clap::Args)]
struct Resolve {
    /// The break
    r#break: Reference,
    /// The provider or bank account, where two have a break of this name
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<ProviderId>,
    /// How: explained, corrected (the books were, by an event of their own), posted (with --debit and --credit) or
    /// voucher (with --voucher)
    #[arg(long, value_name = "HOW")]
    how: Resolution,
    /// Why, in a few words
    #[arg(long, value_name = "TEXT")]
    note: String,
    /// Who says so
    #[arg(long, value_name = "PERSON")]
    by: PartyId,
    /// Who approves it: another person
    #[arg(long, value_name = "PERSON")]
    approved_by: Option<PartyId>,
    /// Posted: an account and what it is debited with, such as Expenses:ProviderFee:alipay=12.30
    #[arg(long, value_name = "ACCOUNT=AMOUNT")]
    debit: Vec<String>,
    /// Posted: an account and what it is credited with
    #[arg(long, value_name = "ACCOUNT=AMOUNT")]
    credit: Vec<String>,
    /// The journal voucher that resolves it
    #[arg(long, value_name = "ID")]
    voucher: Option<VoucherId>,
    /// Identity of the command (UUID): sent again, it has no second effect [default: a new one]
    #[arg(long, value_name = "UUID")]
    command_id: Option<Uuid>,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    match &args.action {
        None => list(global, &List { limit: 100, ..List::default() }),
        Some(Action::List(args)) => list(global, args),
        Some(Action::Resolve(args)) => resolve(global, args),
    }
}

/// Columns for people; the others are in JSON and CSV.
const COLUMNS: &[&str] = &[
    "break_id",
    "provider_id",
    "kind",
    "status",
    "age_days",
    "amount",
    "currency",
    "line",
    "reference",
    "stream",
    "how",
    "resolved_by",
    "approved_by",
    "detail",
];

fn list(global: &Global, args: &List) -> Result<(), Failure> {
    let models = global.read_models()?;
    let provider = args.provider.as_ref().map(ProviderId::as_str);
    let page = models.breaks(provider, args.open, args.after.as_deref(), args.limit)?;
    let mut table = rows::table(&page.rows, None);
    let now = Timestamp(SystemClock.now());
    table.columns.push("age_days");
    for (cells, row) in table.rows.iter_mut().zip(&page.rows) {
        let until = row.resolved_at.map_or(now, Timestamp);
        cells.push(Value::Int(age(Timestamp(row.since), until)));
    }
    print(global, &table)?;
    if let Some(next) = page.next {
        say!("{} breaks; go on with --after {next}", page.rows.len());
    }
    Ok(())
}

fn print(global: &Global, table: &Table) -> Result<(), Failure> {
    let mut out = Output::new(global.format);
    match out.format {
        Format::Table if table.rows.is_empty() => say!("there are no such breaks"),
        Format::Table => out.table(&table.select(COLUMNS).without_empty())?,
        Format::Json | Format::Csv => out.table(table)?,
    }
    out.finish()
}

fn resolve(global: &Global, args: &Resolve) -> Result<(), Failure> {
    let mut found = global.read_models()?.breaks_named(args.r#break.as_str())?;
    found.retain(|b| args.provider.is_none_or(|p| p.as_str() == b.provider_id));
    let [of] = found.as_slice() else {
        return Err(Failure::Refused(if found.is_empty() {
            format!("break {} is not known: see `daybook breaks list`", args.r#break)
        } else {
            let names: Vec<&str> = found.iter().map(|b| b.provider_id.as_str()).collect();
            format!("break {} is known of {}: name one with --provider", args.r#break, names.join(" and "))
        }));
    };
    let bad = |e: &dyn std::fmt::Display| Failure::Unavailable(format!("read models: {e}"));
    let provider = ProviderId::new(&of.provider_id).map_err(|e| bad(&e))?;
    let currency = Currency::new(&of.currency).map_err(|e| bad(&e))?;
    let mut entries = Vec::new();
    for (texts, side) in [(&args.debit, Side::Debit), (&args.credit, Side::Credit)] {
        for text in texts {
            entries.push(entry(text, side, currency)?);
        }
    }
    let command = ProviderCommand::Resolve {
        r#break: args.r#break,
        how: args.how,
        note: args.note.clone(),
        by: args.by,
        entries,
        voucher: args.voucher,
    };
    let acting = By { by: args.approved_by.unwrap_or(args.by), at: None, command_id: args.command_id };
    act(global, acting.request(AnyCommand::Provider { id: provider, command }))
}

/// `Expenses:ProviderFee:alipay=12.30`, in the currency of the break.
fn entry(text: &str, side: Side, currency: Currency) -> Result<VoucherEntry, Failure> {
    let wrong = |why: &dyn std::fmt::Display| {
        Failure::Usage(format!(
            "--{side} {text:?}: {why}; write ACCOUNT=AMOUNT, such as Expenses:Other=12.30"
        ))
    };
    let (account, amount) = text.rsplit_once('=').ok_or_else(|| wrong(&"there is no ="))?;
    Ok(VoucherEntry {
        account: Reference::new(account).map_err(|e| wrong(&e))?,
        side,
        amount: Money::parse(amount, currency).map_err(|e| wrong(&e))?,
    })
}
