//! The difference as it is told: tables for people, one long table for programs.

use std::fs::File;
use std::io::BufWriter;

use daybook_domain::{Currency, Money};
use daybook_market::what_if::{Difference, MerchantDifference, Timing};
use daybook_projections::record::Unit;
use daybook_reports::tables::{Field, Shape, Value as Cell, write_rows};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::failure::Failure;
use crate::figures::ratio;
use crate::output::{Format, Output, say};
use crate::value::{Table, Value};

/// What a figure is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An amount.
    Money(Money),
    /// A number of things.
    Count(i64),
    /// A ratio, days, parts of orders: at most four places.
    Ratio(Decimal),
}

impl Number {
    /// The number that a cell shows, 1 of yes and 0 of no; none of a text or nothing.
    pub fn of_value(value: &Value) -> Option<Self> {
        match value {
            Value::Money(money) => Some(Self::Money(*money)),
            Value::Int(n) => Some(Self::Count(*n)),
            Value::Ratio(ratio) => Some(Self::Ratio(*ratio)),
            Value::Bool(yes) => Some(Self::Count(i64::from(*yes))),
            _ => None,
        }
    }

    fn sub(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Money(a), Self::Money(b)) => a.sub(b).ok().map(Self::Money),
            (Self::Count(a), Self::Count(b)) => a.checked_sub(b).map(Self::Count),
            (Self::Ratio(a), Self::Ratio(b)) => a.checked_sub(b).map(Self::Ratio),
            _ => None,
        }
    }

    fn value(self) -> Value {
        match self {
            Self::Money(money) => Value::Money(money),
            Self::Count(n) => Value::Int(n),
            Self::Ratio(ratio) => Value::Ratio(ratio),
        }
    }

    /// As a decimal of a file's column.
    fn cell(self) -> Option<Cell<'static>> {
        Some(match self {
            Self::Money(money) => Cell::Money(money.minor, money.currency.digits()),
            Self::Count(n) => Cell::Money(n, 0),
            Self::Ratio(ratio) => Cell::Money(ratio.round_dp(4).mantissa().to_i64()?, ratio.scale().min(4)),
        })
    }
}

/// A figure of something, as it is and as it would be.
#[derive(Clone, Debug)]
pub struct Row {
    /// Of which part of the answer: `profit_loss`, `merchant`, or the figure's subcommand.
    pub part: &'static str,
    /// What the subject is: an account, a merchant, a channel.
    pub by: &'static str,
    /// Which.
    pub subject: String,
    /// Which of its figures.
    pub figure: String,
    /// As it is; none where there is no such subject.
    pub actual: Option<Number>,
    /// As it would be.
    pub what_if: Option<Number>,
}

impl Row {
    fn difference(&self) -> Option<Number> {
        self.what_if.zip(self.actual).and_then(|(what_if, actual)| what_if.sub(actual))
    }

    fn currency(&self) -> Option<Currency> {
        [self.actual, self.what_if].into_iter().flatten().find_map(|number| match number {
            Number::Money(money) => Some(money.currency),
            _ => None,
        })
    }
}

const COLUMNS: [&str; 8] = ["part", "by", "subject", "figure", "currency", "actual", "what_if", "difference"];

/// What is told in any case.
const ASSUMED: &str = "Assumed: everybody did what they did (the same orders, prices, deliveries, refunds, disputes, \
                       deposits and payouts); only what follows by rule is reckoned again.";

/// All that is told.
pub struct Told {
    head: String,
    rows: Vec<Row>,
    /// What the rules changed nothing of is left out of the rows.
    all: bool,
    /// Whether timing was reckoned.
    timing: bool,
    /// What has to be said of figures.
    notes: Vec<String>,
    /// Figures that are compared, each with what is said above its table.
    figures: Vec<(&'static str, &'static str)>,
}

impl Told {
    /// The difference of the books.
    pub fn of(found: &Difference, all: bool) -> Result<Self, Failure> {
        let n = |n: u64| crate::value::grouped(&n.to_string());
        let head = format!(
            "What if, as of {} (position {}, {} events looked at): {} orders under other terms, {} events of other amounts.",
            found.day,
            found.through,
            n(found.events),
            n(found.orders),
            n(found.restated)
        );
        let timing = found.merchants.iter().any(|merchant| merchant.timing.is_some());
        let mut told = Self { head, rows: Vec::new(), all, timing, notes: Vec::new(), figures: Vec::new() };
        for account in found.changed_accounts() {
            let part = if account.of_result() { "profit_loss" } else { "balance" };
            let dimension = Some(account.dimension.as_str()).filter(|of| !of.is_empty());
            let subject = [Some(account.class.as_str()), Some(account.name), dimension];
            told.add(Row {
                part,
                by: "account",
                subject: subject.into_iter().flatten().collect::<Vec<_>>().join(":"),
                figure: "amount".to_owned(),
                actual: Some(Number::Money(account.balance.actual)),
                what_if: Some(Number::Money(account.balance.what_if)),
            });
        }
        for result in found.results()? {
            told.add(Row {
                part: "profit_loss",
                by: "account",
                subject: "Result".to_owned(),
                figure: "amount".to_owned(),
                actual: Some(Number::Money(result.actual)),
                what_if: Some(Number::Money(result.what_if)),
            });
        }
        for merchant in found.merchants.iter().filter(|merchant| all || merchant.differs()) {
            told.merchant(merchant);
        }
        Ok(told)
    }

    fn merchant(&mut self, of: &MerchantDifference) {
        let mut row = |figure: &str, actual: Number, what_if: Number| {
            self.add(Row {
                part: "merchant",
                by: "merchant",
                subject: of.merchant.to_string(),
                figure: figure.to_owned(),
                actual: Some(actual),
                what_if: Some(what_if),
            });
        };
        for (name, figure) in of.figures() {
            row(name, Number::Money(figure.actual), Number::Money(figure.what_if));
        }
        let Some((actual, what_if)) = of.timing else { return };
        let count = |n: u64| Number::Count(i64::try_from(n).unwrap_or(i64::MAX));
        row("settlements_by_contract", count(actual.settlements), count(what_if.settlements));
        row("payouts_by_contract", count(actual.payouts), count(what_if.payouts));
        let waited = |of: Timing| ratio(of.waited, of.booked, 2).map(Number::Ratio);
        if let Some((actual, what_if)) = waited(actual).zip(waited(what_if)) {
            row("days_until_paid_out", actual, what_if);
        }
    }

    /// That nothing differs, so far.
    #[cfg(test)]
    pub fn nothing() -> Self {
        let (rows, notes, figures) = (Vec::new(), Vec::new(), Vec::new());
        Self { head: String::new(), rows, all: false, timing: false, notes, figures }
    }

    /// What differs.
    #[cfg(test)]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Says something beside the rows.
    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Makes room for a figure's table under a heading.
    pub fn heading(&mut self, part: &'static str, heading: &'static str) {
        self.figures.push((part, heading));
    }

    /// Adds a row, if it says something.
    pub fn add(&mut self, row: Row) {
        if row.actual != row.what_if || (self.all && row.part == "merchant") {
            self.rows.push(row);
        }
    }

    /// To standard output.
    pub fn print(&self, format: Format) -> Result<(), Failure> {
        let mut out = Output::new(format);
        if format != Format::Table {
            // what is assumed is said beside the data that programs read
            say!("{}\n{ASSUMED}", self.head);
            self.notes.iter().for_each(|note| say!("{note}"));
            out.table(&self.table(&self.rows.iter().collect::<Vec<_>>(), &COLUMNS))?;
            return out.finish();
        }
        out.line(&self.head)?;
        out.line(ASSUMED)?;
        out.line(
            "Settlements and payouts stand as recorded: what would be owed more or less stands in the pending balance.",
        )?;
        if self.timing {
            out.line(
                "Figures by contract are reckoned beside the books: settled by the cycle, paid out on the same day where the \
                 minimum is reached.",
            )?;
        }
        out.line("")?;
        self.notes.iter().try_for_each(|note| out.line(note))?;
        if self.rows.is_empty() {
            out.line("Nothing would be different.")?;
            return out.finish();
        }
        let books = [
            ("profit_loss", "The market's profit and loss"),
            ("balance", "Other accounts (debits positive)"),
            ("merchant", "Merchants"),
        ];
        for (part, heading) in books.into_iter().chain(self.figures.iter().copied()) {
            let rows: Vec<&Row> = self.rows.iter().filter(|row| row.part == part).collect();
            if rows.is_empty() {
                continue;
            }
            out.heading(heading)?;
            let columns: Vec<&str> = COLUMNS
                .into_iter()
                .filter(|c| !matches!(*c, "part" | "by"))
                .filter(|c| *c != "figure" || rows.iter().any(|row| row.figure != "amount"))
                .collect();
            out.table(&self.table(&rows, &columns).without_empty())?;
        }
        out.finish()
    }

    fn table(&self, rows: &[&Row], columns: &[&str]) -> Table {
        let mut table = Table::new(&COLUMNS);
        for row in rows {
            table.push(vec![
                row.part.into(),
                row.by.into(),
                row.subject.as_str().into(),
                row.figure.as_str().into(),
                row.currency().map(|currency| currency.to_string()).into(),
                row.actual.map(Number::value).into(),
                row.what_if.map(Number::value).into(),
                row.difference().map(Number::value).into(),
            ]);
        }
        table.select(columns)
    }

    /// To a file: one long table, numbers as decimals.
    pub fn write(&self, shape: Shape, out: &mut BufWriter<File>) -> Result<u64, Failure> {
        let field = |name: &'static str| {
            let number = matches!(name, "actual" | "what_if" | "difference");
            let unit = if number { Unit::Money } else { Unit::Text };
            Field { name, unit, optional: number || name == "currency" }
        };
        let currencies: Vec<Option<String>> =
            self.rows.iter().map(|row| row.currency().map(|currency| currency.to_string())).collect();
        let number = |number: Option<Number>| number.and_then(Number::cell).unwrap_or(Cell::None);
        let rows = self.rows.iter().zip(&currencies).map(|(row, currency)| {
            vec![
                Cell::Text(row.part),
                Cell::Text(row.by),
                Cell::Text(&row.subject),
                Cell::Text(&row.figure),
                currency.as_deref().map_or(Cell::None, Cell::Text),
                number(row.actual),
                number(row.what_if),
                number(row.difference()),
            ]
        });
        Ok(write_rows(&COLUMNS.map(field), rows, shape, out)?)
    }
}
