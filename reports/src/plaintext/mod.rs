//! The books for plain-text accounting programs: beancount, hledger and ledger.
//!
//! Every event is one transaction on the day on which it is booked, with its position and stream; every month ends
//! with an assertion per account that moved and per name over all its accounts, so that the program that reads the
//! file derives every balance again and compares. Amounts are debits where positive, as in all three programs.
//!
//! | what | beancount | hledger | ledger |
//! |---|---|---|---|
//! | an event | transaction, metadata `position`, `stream` | transaction, code, tag `stream` | the same |
//! | booked late | metadata `occurred` | tag `occurred` | the same |
//! | balance at the end of a month | `balance` on the next day, tolerance 0 | posting of zero, `=` | the same |
//! | of all accounts of a name | `balance` of the parent | `=*` on the parent | not said: it has no such assertion |
//!
//! A file of one period begins with a transaction of opening balances on the day before.

mod dialect;
mod names;

pub use names::{legal, original};

use std::io::{self, Write};
use std::ops::ControlFlow;

use chrono::{Days, NaiveDate};
use daybook_domain::{Currency, Timestamp};
use daybook_projections::queries::{BookVisitor, BookedEntry, BookedEvent, PeriodAccount};
use daybook_projections::{Calendar, ReadModels};

use crate::amount::Decimals;
use crate::period::month_after;
use crate::{Period, ReportError};
use dialect::{Dialect, Posting};

/// A program that reads books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// <https://beancount.github.io>, version 2 and later.
    Beancount,
    /// <https://hledger.org>.
    Hledger,
    /// <https://ledger-cli.org>.
    Ledger,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Accounts declared.
    pub accounts: u64,
    /// Events: a transaction each.
    pub events: u64,
    /// Their entries.
    pub entries: u64,
    /// Balances asserted.
    pub assertions: u64,
}

/// Writes the books, those of `period` where it is given, for `program`.
///
/// # Errors
/// [`ReportError`].
pub fn write_books(
    models: &ReadModels,
    program: Program,
    period: Option<Period>,
    out: &mut dyn Write,
) -> Result<Written, ReportError> {
    let calendar = models.calendar()?;
    let mut books = Books {
        out: Dialect::new(program, out),
        calendar,
        period,
        accounts: Vec::new(),
        totals: Vec::new(),
        moved: Vec::new(),
        begun: false,
        month_after: None,
        written: Written::default(),
        failed: None,
    };
    models.visit_books(period.map(|p| p.from.0), period.map(|p| p.until.0), &mut books)?;
    books.finish()?;
    Ok(books.written)
}

/// An account under way.
struct Account {
    /// Its name in the program.
    name: String,
    currency: Currency,
    balance: i64,
    opening: i64,
    moved: bool,
    /// Its place among the totals, where it has a dimension.
    total: Option<usize>,
}

/// All accounts of a name, in one currency.
struct Total {
    name: String,
    currency: Currency,
    balance: i64,
    moved: bool,
}

struct Books<'w> {
    out: Dialect<'w>,
    calendar: Calendar,
    period: Option<Period>,
    accounts: Vec<Account>,
    totals: Vec<Total>,
    /// The accounts that moved in the month.
    moved: Vec<usize>,
    begun: bool,
    /// The first day of the month after that of the last event.
    month_after: Option<NaiveDate>,
    written: Written,
    failed: Option<io::Error>,
}

impl BookVisitor for Books<'_> {
    fn accounts(&mut self, accounts: Vec<PeriodAccount>) -> ControlFlow<()> {
        for account in accounts {
            self.take(&account);
        }
        ControlFlow::Continue(())
    }

    fn event(&mut self, event: &BookedEvent, entries: &[BookedEntry]) -> ControlFlow<()> {
        match self.write_event(event, entries) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

impl Books<'_> {
    fn take(&mut self, account: &PeriodAccount) {
        // a currency that this build does not know was never posted
        let Ok(currency) = Currency::new(&account.currency) else { return };
        let (class, name) = (account.class.as_str(), account.name.as_str());
        let program = self.out.program();
        let total = (!account.dimension.is_empty()).then(|| {
            let parent = legal(program, class, name, "");
            let same = |t: &Total| t.name == parent && t.currency == currency;
            self.totals.iter().position(same).unwrap_or_else(|| {
                self.totals.push(Total { name: parent, currency, balance: 0, moved: false });
                self.totals.len() - 1
            })
        });
        if let Some(at) = total {
            self.totals[at].balance += account.opening;
        }
        self.accounts.push(Account {
            name: legal(program, class, name, &account.dimension),
            currency,
            balance: account.opening,
            opening: account.opening,
            moved: false,
            total,
        });
    }

    /// What stands before the first event: declarations, and what the period opens with.
    fn begin(&mut self, day: NaiveDate) -> io::Result<()> {
        self.begun = true;
        let day = self.period.map_or(day, |period| period.first - Days::new(1));
        self.out.header(self.period, self.calendar)?;
        let mut currencies: Vec<Currency> = self.accounts.iter().map(|a| a.currency).collect();
        currencies.sort_unstable();
        currencies.dedup();
        currencies.iter().try_for_each(|currency| self.out.currency(day, *currency))?;
        self.out.words()?;
        let mut parents: Vec<&str> = self.totals.iter().map(|t| t.name.as_str()).collect();
        parents.dedup();
        parents.iter().try_for_each(|name| self.out.account(day, name, None))?;
        self.written.accounts = parents.len() as u64;
        // an account stands once for each of its currencies, one after the other
        for of_one in self.accounts.chunk_by(|a, b| a.name == b.name) {
            let in_currencies: Vec<Currency> = of_one.iter().map(|a| a.currency).collect();
            self.out.account(day, &of_one[0].name, Some(&in_currencies))?;
            self.written.accounts += 1;
        }
        let opening = self.accounts.iter().filter(|a| a.opening != 0);
        let opening: Vec<Posting<'_>> =
            opening.map(|a| Posting::of(&a.name, a.opening, a.currency)).collect();
        if opening.is_empty() { Ok(()) } else { self.out.opening(day, &opening) }
    }

    fn write_event(&mut self, event: &BookedEvent, entries: &[BookedEntry]) -> io::Result<()> {
        let day = self.calendar.day(Timestamp(event.booked_at));
        if !self.begun {
            self.begin(day)?;
        }
        if self.month_after.is_some_and(|after| day >= after) {
            self.close_month()?;
        }
        self.month_after = Some(month_after(day));
        let late = event.occurred_at != event.booked_at;
        let occurred = late.then(|| self.calendar.day(Timestamp(event.occurred_at)));
        self.out.event(day, event, occurred)?;
        for entry in entries {
            let account = &mut self.accounts[entry.account];
            self.out.posting(&Posting::of(&account.name, entry.amount, account.currency))?;
            account.balance += entry.amount;
            if !account.moved {
                account.moved = true;
                self.moved.push(entry.account);
            }
            if let Some(at) = account.total {
                let total = &mut self.totals[at];
                total.balance += entry.amount;
                total.moved = true;
            }
        }
        self.written.events += 1;
        self.written.entries += entries.len() as u64;
        Ok(())
    }

    /// Asserts what the accounts that moved in the month stand at.
    fn close_month(&mut self) -> io::Result<()> {
        let Some(after) = self.month_after else { return Ok(()) };
        self.moved.sort_unstable();
        self.out.begin_balances(after)?;
        for total in self.totals.iter_mut().filter(|t| t.moved) {
            total.moved = false;
            let posting = Posting::of(&total.name, total.balance, total.currency);
            self.written.assertions += u64::from(self.out.total(after, &posting)?);
        }
        for at in self.moved.drain(..) {
            let account = &mut self.accounts[at];
            account.moved = false;
            self.out.balance(after, &Posting::of(&account.name, account.balance, account.currency))?;
            self.written.assertions += 1;
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if !self.begun {
            self.begin(self.period.map_or(NaiveDate::default(), |period| period.first))?;
        }
        self.close_month()?;
        self.out.flush()
    }
}
