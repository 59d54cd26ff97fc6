//! `daybook balance-sheet`

use daybook_projections::queries::{BalanceSheet, Section, Sheet};

use crate::cli::Global;
use crate::cuts::Cuts;
use crate::failure::{Failure, unheard};
use crate::output::{Format, Output, say};
use crate::value::{Table, Value, amounts};

/// Print assets against liabilities, equity and result, and the clients' money apart
///
/// The clients' money is what providers and banks hold, against what is owed to buyers and merchants. The
/// difference is the market's own funds, item by item. Exits with 1 when either does not come out even, or when less
/// is held than is owed.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    cuts: Cuts,
}

const COLUMNS: &[&str] = &["section", "name", "currency", "amount"];

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let models = global.read_models()?;
    let found = models.balance_sheet(args.cuts.at(&models)?)?;
    let mut out = Output::new(global.format);
    unheard(print(&mut out, &found).and_then(|()| out.finish()))?;
    for sheet in found.sheets.iter().filter(|sheet| !sheet.clients.covered()) {
        let short = sheet.clients.total_owed().saturating_sub(sheet.clients.total_held());
        say!(
            "{} {} of the clients' money is not covered: the market has spent more than its own funds",
            amounts(&sheet.currency)(short).pretty(),
            sheet.currency
        );
    }
    let holds = found.sheets.iter().all(|sheet| {
        let money = &sheet.clients;
        let even = sheet.difference() == 0 && money.total_held() - money.total_owed() == money.total_own();
        even && money.covered()
    });
    if holds { Ok(()) } else { Err(Failure::Found) }
}

fn print(out: &mut Output, found: &BalanceSheet) -> Result<(), Failure> {
    if out.format != Format::Table {
        let mut all = Table::new(COLUMNS);
        for sheet in &found.sheets {
            all.rows.extend(balance(sheet).rows);
            all.rows.extend(clients(sheet).rows);
        }
        return out.table(&all);
    }
    for sheet in &found.sheets {
        out.heading(&format!("Balance sheet in {}", sheet.currency))?;
        out.table(&balance(sheet))?;
        out.heading("Clients' money")?;
        out.table(&clients(sheet))?;
    }
    Ok(())
}

/// Assets, liabilities, equity, result, each with its sum, and the difference.
fn balance(sheet: &Sheet) -> Table {
    let mut table = Table::new(COLUMNS);
    for section in [Section::Assets, Section::Liabilities, Section::Equity, Section::Result] {
        for line in sheet.lines.iter().filter(|l| l.section == section && l.amount != 0) {
            add(&mut table, sheet, section.as_str(), &line.name, line.amount);
        }
        if matches!(section, Section::Assets | Section::Liabilities) {
            add(&mut table, sheet, section.as_str(), "total", sheet.total(section));
        }
    }
    add(&mut table, sheet, "difference", "assets less liabilities, equity and result", sheet.difference());
    table
}

/// What is held, what is owed, and the market's own funds.
fn clients(sheet: &Sheet) -> Table {
    let mut table = Table::new(COLUMNS);
    let money = &sheet.clients;
    let parts = [
        ("held", &money.held, money.total_held()),
        ("owed", &money.owed, money.total_owed()),
        ("own_funds", &money.own, money.total_own()),
    ];
    for (section, items, total) in parts {
        for (name, amount) in items.iter().filter(|(_, amount)| *amount != 0) {
            add(&mut table, sheet, section, name, *amount);
        }
        add(&mut table, sheet, section, "total", total);
    }
    table
}

fn add(table: &mut Table, sheet: &Sheet, section: &'static str, name: &str, amount: i64) {
    let money: Value = amounts(&sheet.currency)(amount);
    table.push(vec![section.into(), name.into(), sheet.currency.as_str().into(), money]);
}
