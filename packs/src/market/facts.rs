//! What happened in the market, as tables: a market pack's lines.

use std::fmt;

use chrono::NaiveDate;
use daybook_domain::{Currency, Timestamp};
use serde::{Deserialize, Serialize};

use crate::cell::{Cell, File, Minor, Room, file_of, row, rows_of};
use crate::facts::{ToldBy, as_text, read_subject, write_subject};
use crate::numbers::{month_name, month_of};
use crate::{PackError, Zone};

/// The version of the tables.
pub const MARKET_FORMAT: u32 = 2;

/// Most months of a pack.
const MOST_MONTHS: i32 = 1_200;

/// The file of [`MarketSubject`].
pub const SUBJECT: &str = "market.json";

/// A month of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(i32);

impl Month {
    /// The month of a day.
    #[must_use]
    pub fn of(day: NaiveDate) -> Self {
        Self(month_of(day))
    }

    /// Reads `2018-05`.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let day = NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok();
        let month = day.map(Self::of).filter(|month| month.to_string() == text);
        month.ok_or_else(|| format!("{text:?} is no month such as 2018-05"))
    }

    /// How many months it is after another.
    #[must_use]
    pub const fn since(self, other: Self) -> i32 {
        self.0 - other.0
    }

    /// The month so many later.
    #[must_use]
    pub const fn plus(self, months: i32) -> Self {
        Self(self.0 + months)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&month_name(self.0))
    }
}

impl Cell for Month {
    fn put(&self, _: Currency, to: &mut String) {
        to.push_str(&month_name(self.0));
    }
    fn take(text: &str, _: Currency) -> Result<Self, String> {
        Self::parse(text)
    }
}

/// Of which market, and what it tells of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketSubject {
    /// The version of the tables.
    pub format: u32,
    /// The version of the definitions.
    pub definitions: u32,
    /// The market, by its name.
    pub market: String,
    /// The currency; what was done in others is not in the pack.
    pub currency: Currency,
    /// Orders paid in other currencies over the same days: they are not in the pack.
    pub orders_in_other_currencies: u64,
    /// The time zone of the business days.
    pub time_zone: String,
    /// The first business day.
    #[serde(with = "as_text")]
    pub from: NaiveDate,
    /// The last.
    #[serde(with = "as_text")]
    pub to: NaiveDate,
    /// The day on which the market opened, or on which something was first sold or booked, where that is earlier: what is measured in days,
    /// weeks and months begins there where that is after the first day.
    #[serde(with = "as_text")]
    pub began: NaiveDate,
    /// By what it is told how visitors came.
    pub channels: ToldBy,
    /// The journal's position that it was drawn at.
    pub through: u64,
    /// When it was drawn.
    pub drawn_at: Timestamp,
    /// To whom it is issued and why; none in a draft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued: Option<Handed>,
}

/// To whom a market pack is issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handed {
    /// Who gets it: a lender, an investor.
    pub recipient: String,
    /// What it is wanted for.
    pub purpose: String,
}

row! {
    /// A merchant, by its number in the pack: the one that buyers paid most over the days is 1. As of the last day.
    Member in "merchants.csv" {
        /// Its number.
        merchant: u32,
        /// The month in which its store opened, or in which it was brought in from elsewhere.
        opened: Option<Month>,
        /// The month in which it left.
        left: Option<Month>,
        /// The month in which an order of it was first paid in this currency.
        first_sale: Option<Month>,
    }
}
row! {
    /// What a merchant sold in a month, and what went back: by when it happened.
    Sales in "sales.csv" {
        /// The month, of it only the pack's days.
        month: Month,
        /// The merchant's number.
        merchant: u32,
        /// Orders placed.
        placed: u64,
        /// Orders whose payment was complete.
        paid_orders: u64,
        /// What buyers paid for them.
        paid: Minor,
        /// What the market added to them for campaigns.
        subsidy: Minor,
        /// What the market added because less was paid than was due.
        shortfall: Minor,
        /// What went back to buyers, lost chargebacks in it, whoever bore it.
        refunded: Minor,
        /// What went back by the last day of the orders paid in this month.
        refunded_of_orders: Minor,
    }
}
row! {
    /// What merchants are owed at the end of a month, by when it is booked: counted merchant by merchant, and told over all of them.
    Owed in "owed.csv" {
        /// The month, or as much of it as the pack has; none: at the end of the day before the first.
        month: Option<Month>,
        /// Over merchants that are owed something, what: pending, available, held, reserve, in transit and deposit together.
        merchants: Minor,
        /// Over merchants that owe the market instead, what.
        receivable: Minor,
        /// Of all merchants, their deposits, held for claims or not.
        deposits: Minor,
    }
}
row! {
    /// What a day came to, over all merchants. Days without any of it are left out.
    Day in "days.csv" {
        /// The business day.
        day: NaiveDate,
        /// Orders placed.
        placed: u64,
        /// Orders whose payment was complete.
        paid_orders: u64,
        /// What buyers paid for them.
        paid: Minor,
        /// What went back to buyers.
        refunded: Minor,
    }
}
row! {
    /// The buyers who first paid in one month, and how many of them paid in another.
    Cohort in "buyers.csv" {
        /// The month in which they first paid anybody here in this currency, of all history.
        cohort: Month,
        /// The month that is told.
        month: Month,
        /// Buyers of the cohort who paid in it.
        buyers: u64,
        /// Of them, those who had not paid before on the pack's days.
        first_here: u64,
        /// Their orders.
        orders: u64,
        /// What they paid.
        paid: Minor,
    }
}
row! {
    /// Who came, and what was bought after a visit. A visitor counts once in a row; an order stands in the month in which it was paid, its
    /// visit in the one in which that was.
    Traffic in "traffic.csv" {
        /// The month; none: all days of the pack.
        month: Option<Month>,
        /// `recorded`: by views that the journal has. `reported`: by sales channels, of their own visitors, with what they sold on days of
        /// which they reported these and no recorded visit led to.
        counted: String,
        /// How the visitor came; none: all ways.
        channel: Option<String>,
        /// Distinct visitors; none where nobody knows them.
        visitors: Option<u64>,
        /// Of them, those never seen before; as the columns that follow up to buyers, of recorded ones alone.
        new_visitors: u64,
        /// Visits that began.
        visits: u64,
        /// Pages shown.
        views: u64,
        /// Distinct buyers of orders that a visit led to: the last one in the 30 days before the order, which was paid within 60.
        buyers: u64,
        /// These orders.
        orders: u64,
        /// What they paid.
        paid: Minor,
    }
}
row! {
    /// What was booked to the accounts of one name.
    Booked in "books.csv" {
        /// The month in which it is booked, of it only the pack's days; none: all that was before the first.
        month: Option<Month>,
        /// Class and name of the account.
        account: String,
        /// Its change: debits less credits.
        change: Minor,
    }
}
row! {
    /// Disputes and banks' claims.
    Case in "cases.csv" {
        /// The month; none: all that was before the first.
        month: Option<Month>,
        /// `dispute` or `chargeback`.
        kind: String,
        /// Opened.
        opened: u64,
        /// What was claimed in them.
        claimed: Minor,
        /// Closed: nothing more can come of them.
        closed: u64,
        /// What had been claimed in those.
        closed_claims: Minor,
        /// Of the closed ones, those that went for the buyer.
        for_buyer: u64,
        /// Those that went for the merchant.
        for_merchant: u64,
        /// Those that went for both in parts.
        split: u64,
        /// What banks kept of the chargebacks that were lost; of disputes nothing stands here.
        lost: Minor,
    }
}
row! {
    /// How large a whole is said to be that the market is a part of.
    Size in "market-size.csv" {
        /// The month.
        month: Month,
        /// What was sold in all of it.
        amount: Minor,
        /// The currency: the pack's.
        currency: String,
        /// Who says so, and where.
        source: String,
    }
}

/// A market pack's lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketFacts {
    /// Whose they are.
    pub subject: MarketSubject,
    /// Merchants by number.
    pub members: Vec<Member>,
    /// By month and merchant.
    pub sales: Vec<Sales>,
    /// By month.
    pub owed: Vec<Owed>,
    /// By day.
    pub days: Vec<Day>,
    /// By cohort and month.
    pub buyers: Vec<Cohort>,
    /// By month and channel.
    pub traffic: Vec<Traffic>,
    /// By month and account.
    pub books: Vec<Booked>,
    /// By month and kind.
    pub cases: Vec<Case>,
    /// By month; empty where no size was stated.
    pub sizes: Vec<Size>,
}

impl MarketFacts {
    /// Writes each table, and the subject.
    ///
    /// # Errors
    /// [`PackError`].
    pub fn write(&self) -> Result<Vec<(&'static str, Vec<u8>)>, PackError> {
        let of = self.subject.currency;
        Ok(vec![
            write_subject(SUBJECT, &self.subject)?,
            file_of(&self.members, of)?,
            file_of(&self.sales, of)?,
            file_of(&self.owed, of)?,
            file_of(&self.days, of)?,
            file_of(&self.buyers, of)?,
            file_of(&self.traffic, of)?,
            file_of(&self.books, of)?,
            file_of(&self.cases, of)?,
            file_of(&self.sizes, of)?,
        ])
    }

    /// Reads them back; `file` gives a file of the pack.
    ///
    /// # Errors
    /// [`PackError`] that names the file, the line and the column.
    pub fn read(file: File<'_, '_>) -> Result<Self, PackError> {
        let subject: MarketSubject = read_subject(SUBJECT, file(SUBJECT)?, MARKET_FORMAT)?;
        if subject.from > subject.to || subject.began > subject.to {
            return Err(PackError::malformed(SUBJECT, "it ends before it begins"));
        }
        if Month::of(subject.to).since(Month::of(subject.from)) >= MOST_MONTHS {
            return Err(PackError::malformed(SUBJECT, format!("it tells of more than {MOST_MONTHS} months")));
        }
        Zone::of(&subject.time_zone).map_err(|why| PackError::malformed(SUBJECT, why))?;
        let (of, room) = (subject.currency, Room::new());
        Ok(Self {
            members: rows_of(file, of, &room)?,
            sales: rows_of(file, of, &room)?,
            owed: rows_of(file, of, &room)?,
            days: rows_of(file, of, &room)?,
            buyers: rows_of(file, of, &room)?,
            traffic: rows_of(file, of, &room)?,
            books: rows_of(file, of, &room)?,
            cases: rows_of(file, of, &room)?,
            sizes: rows_of(file, of, &room)?,
            subject,
        })
    }
}
