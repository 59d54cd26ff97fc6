//! How each program wants things written.

use std::fmt::{self, Display};
use std::io::{self, Write};

use chrono::{Days, NaiveDate};
use daybook_domain::{Currency, EventKind};
use daybook_projections::Calendar;
use daybook_projections::queries::BookedEvent;

use super::{Decimals, Period, Program, names};

/// An account and an amount.
pub(super) struct Posting<'a> {
    account: &'a str,
    amount: Decimals,
    currency: Currency,
}

impl<'a> Posting<'a> {
    pub(super) fn of(account: &'a str, minor: i64, currency: Currency) -> Self {
        Self { account, amount: Decimals { minor, digits: currency.digits() }, currency }
    }
}

const OPENING: &str = "Opening balances";
const BALANCES: &str = "Balances";

/// Writes one program's way.
pub(super) struct Dialect<'w> {
    program: Program,
    out: &'w mut dyn Write,
}

impl<'w> Dialect<'w> {
    pub(super) fn new(program: Program, out: &'w mut dyn Write) -> Self {
        Self { program, out }
    }

    pub(super) fn program(&self) -> Program {
        self.program
    }

    /// What the file is.
    pub(super) fn header(&mut self, period: Option<Period>, calendar: Calendar) -> io::Result<()> {
        let what = period.map_or_else(|| "all periods".to_owned(), |period| period.to_string());
        writeln!(
            self.out,
            "; Books of a market, {what}, exported by Daybook. Days are days of {}.",
            calendar.zone()
        )?;
        writeln!(self.out, "; A transaction is an event; `stream` and its number name it in the journal.")?;
        match self.program {
            Program::Beancount => {
                writeln!(
                    self.out,
                    "; In names, X- stands before what may not begin one, and --2E is the character 2E."
                )?;
                writeln!(self.out, "\noption \"title\" \"Books, {what}\"\n")
            }
            Program::Hledger => writeln!(self.out, "; In names, %2E is the character 2E.\n\ndecimal-mark ."),
            Program::Ledger => writeln!(self.out, "; In names, %2E is the character 2E.\n"),
        }
    }

    pub(super) fn currency(&mut self, day: NaiveDate, currency: Currency) -> io::Result<()> {
        let sample = Decimals { minor: 1_000 * 10i64.pow(currency.digits()), digits: currency.digits() };
        match self.program {
            Program::Beancount => writeln!(self.out, "{day} commodity {currency}"),
            // it wants a decimal mark, even where nothing follows it
            Program::Hledger if currency.digits() == 0 => {
                writeln!(self.out, "commodity {sample}. {currency}")
            }
            Program::Hledger => writeln!(self.out, "commodity {sample} {currency}"),
            Program::Ledger => writeln!(self.out, "commodity {currency}\n    format {sample} {currency}"),
        }
    }

    /// Declares the other words that are used, for the checks that want them declared.
    pub(super) fn words(&mut self) -> io::Result<()> {
        if self.program == Program::Beancount {
            return writeln!(self.out);
        }
        if self.program == Program::Ledger {
            writeln!(self.out, "tag stream\ntag occurred")?;
        }
        let types = EventKind::ALL.iter().filter(|kind| kind.posts()).map(|kind| kind.as_str());
        for payee in types.chain([OPENING, BALANCES]) {
            writeln!(self.out, "payee {payee}")?;
        }
        writeln!(self.out)
    }

    pub(super) fn account(
        &mut self,
        day: NaiveDate,
        name: &str,
        currencies: Option<&[Currency]>,
    ) -> io::Result<()> {
        if self.program != Program::Beancount {
            return writeln!(self.out, "account {name}");
        }
        write!(self.out, "{day} open {name}")?;
        for (at, currency) in currencies.unwrap_or_default().iter().enumerate() {
            write!(self.out, "{}{currency}", if at == 0 { " " } else { "," })?;
        }
        writeln!(self.out)
    }

    pub(super) fn opening(&mut self, day: NaiveDate, postings: &[Posting<'_>]) -> io::Result<()> {
        match self.program {
            Program::Beancount => writeln!(self.out, "\n{day} * \"{OPENING}\"")?,
            Program::Hledger | Program::Ledger => writeln!(self.out, "\n{day} * {OPENING}")?,
        }
        postings.iter().try_for_each(|posting| self.posting(posting))
    }

    /// The head of an event's transaction; `occurred` where it is booked later than it happened.
    pub(super) fn event(
        &mut self,
        day: NaiveDate,
        event: &BookedEvent,
        occurred: Option<NaiveDate>,
    ) -> io::Result<()> {
        let BookedEvent { position, event: kind, stream, .. } = event;
        match self.program {
            Program::Beancount => {
                writeln!(self.out, "\n{day} * \"{kind}\"\n  position: {position}")?;
                if let Some(stream) = stream {
                    writeln!(self.out, "  stream: {}", Quoted(stream))?;
                }
                occurred.map_or(Ok(()), |day| writeln!(self.out, "  occurred: {day}"))
            }
            Program::Hledger | Program::Ledger => {
                writeln!(self.out, "\n{day} * ({position}) {kind}")?;
                if let Some(stream) = stream {
                    let mut name = String::with_capacity(stream.len());
                    names::percent(stream, &mut name);
                    writeln!(self.out, "    ; stream: {name}")?;
                }
                occurred.map_or(Ok(()), |day| writeln!(self.out, "    ; occurred: {day}"))
            }
        }
    }

    pub(super) fn posting(&mut self, posting: &Posting<'_>) -> io::Result<()> {
        let Posting { account, amount, currency } = posting;
        writeln!(self.out, "  {account}  {amount} {currency}")
    }

    /// Before the balances of a month; `after` is the first day of the next.
    pub(super) fn begin_balances(&mut self, after: NaiveDate) -> io::Result<()> {
        match self.program {
            Program::Beancount => writeln!(self.out),
            Program::Hledger | Program::Ledger => {
                writeln!(self.out, "\n{} * {BALANCES}", after - Days::new(1))
            }
        }
    }

    /// What an account stands at before the day `after`.
    pub(super) fn balance(&mut self, after: NaiveDate, posting: &Posting<'_>) -> io::Result<()> {
        let Posting { account, amount, currency } = posting;
        let zero = Decimals { minor: 0, ..*amount };
        match self.program {
            Program::Beancount => {
                writeln!(self.out, "{after} balance {account}  {amount} ~ {zero} {currency}")
            }
            Program::Hledger | Program::Ledger => {
                writeln!(self.out, "  {account}  {zero} {currency} = {amount} {currency}")
            }
        }
    }

    /// What all accounts below one stand at; whether the program can be told.
    pub(super) fn total(&mut self, after: NaiveDate, posting: &Posting<'_>) -> io::Result<bool> {
        let Posting { account, amount, currency } = posting;
        let zero = Decimals { minor: 0, ..*amount };
        match self.program {
            Program::Beancount => self.balance(after, posting)?,
            Program::Hledger => writeln!(self.out, "  {account}  {zero} {currency} =* {amount} {currency}")?,
            Program::Ledger => return Ok(false),
        }
        Ok(true)
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A string of beancount.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            if matches!(c, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        f.write_str("\"")
    }
}
