//! What happened, as tables: a pack's lines.

use chrono::NaiveDate;
use daybook_domain::{Currency, Money, Timestamp};
use serde::{Deserialize, Serialize};

pub use crate::cell::Minor;
use crate::cell::{File, Room, Row as _, file_of, hold, holds, read, row, rows_of};
use crate::{PackError, SealedMonths, Zone, both};

/// The version of the tables.
pub const FORMAT: u32 = 3;

/// Whose pack it is, and what it tells of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// The version of the tables.
    pub format: u32,
    /// The version of the definitions.
    pub definitions: u32,
    /// The market, by its name.
    pub market: String,
    /// The merchant.
    pub merchant: String,
    /// The currency; of what the merchant did in others the pack has one row each.
    pub currency: Currency,
    /// The time zone of the business days.
    pub time_zone: String,
    /// The first business day.
    #[serde(with = "as_text")]
    pub from: NaiveDate,
    /// The last.
    #[serde(with = "as_text")]
    pub to: NaiveDate,
    /// The day on which the merchant opened its store or first was paid, in any currency: what is measured in days, weeks and
    /// months begins there where that is after the first day. None where it has done neither.
    #[serde(with = "as_text_if_any")]
    pub began: Option<NaiveDate>,
    /// By what it is told how visitors came.
    pub channels: ToldBy,
    /// The journal's position that it was drawn at.
    pub through: u64,
    /// When it was drawn.
    pub drawn_at: Timestamp,
    /// The months whose account rows the statement in the pack shows to be complete; none where none was closed then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<SealedMonths>,
    /// To whom it is issued and why; none in a draft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued: Option<Issued>,
}

/// By what it is told how visitors came, and whether that was paid for: a rule, and the market's lists of its own hosts, of search
/// engines, networks and partners.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToldBy {
    /// The version of the rule.
    pub rule: u32,
    /// The digest of the lists, which the market can show.
    pub lists: String,
}

/// Reads a subject, of tables of this version: what those of another have in it is not asked.
pub(crate) fn read_subject<S: serde::de::DeserializeOwned>(
    name: &str,
    bytes: &[u8],
    version: u32,
) -> Result<S, PackError> {
    #[derive(Deserialize)]
    struct Version {
        format: u32,
    }
    let bad = |why: String| PackError::malformed(name, why);
    let Version { format } = serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))?;
    if format != version {
        return Err(bad(format!(
            "its tables are of version {format}, and this program reads {version}: check it with the program that drew it, or have the pack \
             issued anew"
        )));
    }
    serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))
}

/// A subject as the file of a pack.
pub(crate) fn write_subject<S: Serialize>(
    name: &'static str,
    subject: &S,
) -> Result<(&'static str, Vec<u8>), PackError> {
    let text = serde_json::to_string_pretty(subject).map_err(|error| PackError::malformed(name, error))?;
    Ok((name, format!("{text}\n").into_bytes()))
}

/// Days as texts.
pub(crate) mod as_text {
    use chrono::NaiveDate;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub fn serialize<S: Serializer>(day: &NaiveDate, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(day)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<NaiveDate, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// A day as text, or nothing.
mod as_text_if_any {
    use chrono::NaiveDate;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    #[allow(clippy::ref_option)] // as serde calls it
    pub fn serialize<S: Serializer>(day: &Option<NaiveDate>, to: S) -> Result<S::Ok, S::Error> {
        match day {
            Some(day) => to.collect_str(day),
            None => to.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<NaiveDate>, D::Error> {
        Option::<String>::deserialize(from)?.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}

/// To whom a pack is issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issued {
    /// The lender.
    pub recipient: String,
    /// The merchant's consent that allows it.
    pub consent_ref: String,
    /// What the lender wants it for.
    pub purpose: String,
}

row! {
    /// Something about the merchant's standing: entry, papers, contract, terms, suspension. As of the last day; what happened
    /// before the first is in it.
    Standing in "standing.csv" {
        /// When it happened.
        at: Timestamp,
        /// The event.
        event: String,
        /// What it is about: a paper, a term.
        what: String,
        /// What it says.
        value: String,
    }
}
row! {
    /// An order with anything that happened within the days. Times after the last day are left out, and so is what happened
    /// then.
    Order in "orders.csv" {
        /// Its id.
        order: String,
        /// The buyer, numbered within the pack.
        buyer: u32,
        /// The first day on which this buyer ever paid this merchant, in any currency; none where it never did.
        buyer_since: Option<NaiveDate>,
        /// The terminal that it was placed from, numbered within the pack, where it is known.
        terminal: Option<u32>,
        /// When it was placed.
        placed_at: Timestamp,
        /// Where it was sold.
        sales_channel: String,
        /// Pieces.
        pieces: u32,
        /// Goods, after the merchant's discount.
        goods: Minor,
        /// The merchant's discount.
        discount: Minor,
        /// Shipping.
        shipping: Minor,
        /// Tax.
        tax: Minor,
        /// Whether a coupon, a campaign or a group price belongs to it.
        promoted: bool,
        /// When its payment was complete.
        paid_at: Option<Timestamp>,
        /// What the buyer paid.
        paid: Minor,
        /// What the market added because less was paid than was due.
        shortfall: Minor,
        /// What the market added for campaigns.
        subsidy: Minor,
        /// By when the merchant promised to ship.
        ship_by: Option<Timestamp>,
        /// By when it promised to deliver.
        deliver_by: Option<Timestamp>,
        /// When the first piece left.
        shipped_at: Option<Timestamp>,
        /// When the last piece left, once all that were not cancelled have.
        shipped_all_at: Option<Timestamp>,
        /// When the last piece arrived, once all that were not cancelled have.
        delivered_at: Option<Timestamp>,
        /// When receipt was first confirmed.
        received_at: Option<Timestamp>,
        /// Who confirmed it: `buyer`, `inspection`, or `timeout` where nobody objected.
        received_by: Option<String>,
        /// When every piece was cancelled.
        cancelled_at: Option<Timestamp>,
        /// Whether the buyer asked to send something back.
        returned: bool,
        /// Whether the buyer asked for an exchange.
        exchanged: bool,
        /// Reviews of it.
        reviews: u32,
        /// Of them, those of 4 or 5.
        reviews_good: u32,
        /// Page views that name the merchant, by the terminal that it was placed from, in the 30 days before; of orders placed up
        /// to 30 days before the pack's first day, and later.
        views: u32,
        /// How the buyer's terminal came at its last visit that was not direct, within 30 days before it was placed: `paid` traffic or `free`; where all
        /// visits were direct, `free`; none where no visit is known.
        traffic: Option<String>,
        /// Shipments with a tracking number.
        tracked: u32,
        /// The digest of a payment provider's statement file whose line is its payment by reference, not by amount alone; first 16
        /// digits.
        statement: Option<String>,
    }
}
row! {
    /// A line of an order.
    Item in "items.csv" {
        /// The order.
        order: String,
        /// The line.
        line: String,
        /// The product.
        product: String,
        /// Its category.
        category: String,
        /// Pieces.
        quantity: u32,
        /// Goods, after the merchant's discount.
        goods: Minor,
        /// Its part of what the buyer paid, by goods, shipping and tax.
        paid: Minor,
    }
}
row! {
    /// Money that went back to a buyer.
    Refund in "refunds.csv" {
        /// The order.
        order: String,
        /// The refund or chargeback.
        refund: String,
        /// When.
        at: Timestamp,
        /// `refund` or `chargeback`.
        cause: String,
        /// Who bore it: `escrow` (not yet the merchant's), `merchant`, `deposit`, `platform`.
        borne_by: String,
        /// What the buyer got.
        to_buyer: Minor,
        /// The dispute whose ruling it follows.
        dispute: Option<String>,
        /// By how much the merchant's pending balance fell for it: with the subsidies that went back, less the tax.
        bore: Minor,
        /// When the account has it; none where that is after the last day.
        booked_at: Option<Timestamp>,
    }
}
row! {
    /// A dispute, or a bank's claim. As of the last day.
    Dispute in "disputes.csv" {
        /// The order.
        order: String,
        /// Its id.
        dispute: String,
        /// `dispute` or `chargeback`.
        kind: String,
        /// What it is about.
        about: String,
        /// When it was opened.
        opened_at: Timestamp,
        /// What was claimed.
        claim: Minor,
        /// When it was last ruled; it may be appealed until it is decided.
        ruled_at: Option<Timestamp>,
        /// When nothing more was open in it: the ruling stands, or it was taken back, or the bank decided.
        decided_at: Option<Timestamp>,
        /// How: for `merchant`, `buyer`, `split`, or `withdrawn`; empty while it is open.
        outcome: Option<String>,
        /// What went to the buyer by its rulings; of a claim of a bank, what the bank kept.
        refund: Minor,
    }
}
row! {
    /// A movement of the merchant's account or deposit, as booked: the change of each balance. The first row has what they were
    /// before the first day.
    Movement in "account.csv" {
        /// 1, 2, ... in the order in which they are booked.
        number: u64,
        /// When it is booked.
        at: Timestamp,
        /// The event.
        event: String,
        /// What a change of the pending balance is about: `release`, `commission`, `refund`, ...
        about: Option<String>,
        /// The order.
        order: Option<String>,
        /// The settlement, payout, refund, chargeback or hold that it is.
        reference: Option<String>,
        /// The settlement that took it, of a change of the pending balance.
        settlement: Option<String>,
        /// Released and not yet settled.
        pending: Minor,
        /// Settled, may be paid out.
        available: Minor,
        /// Settled, held for a claim.
        held: Minor,
        /// Settled, kept back for a time.
        reserve: Minor,
        /// On its way to the merchant's bank.
        in_transit: Minor,
        /// Deposit that is free.
        deposit: Minor,
        /// Deposit held for a claim.
        frozen: Minor,
        /// At the end of a payout that was converted to another currency in a row above: what it had been in this one.
        converted: Option<Minor>,
    }
}
row! {
    /// What the merchant did in another currency: by the market's word, without the lines that it follows from.
    Elsewhere in "currencies.csv" {
        /// The currency.
        currency: Currency,
        /// Orders paid within.
        orders: u32,
        /// What buyers paid for them.
        paid: Money,
        /// What went back to buyers within.
        refunded: Money,
        /// Open disputes' claims on the last day.
        disputes: Money,
        /// Open claims of banks on the last day.
        chargebacks: Money,
        /// What the market owes the merchant on the last day.
        balance: Money,
        /// The deposit on the last day.
        deposit: Money,
    }
}

/// A pack's lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Whose they are.
    pub subject: Subject,
    /// Standing, in order of time.
    pub standing: Vec<Standing>,
    /// Orders, as they were placed.
    pub orders: Vec<Order>,
    /// Their lines.
    pub items: Vec<Item>,
    /// What went back.
    pub refunds: Vec<Refund>,
    /// Disputes and chargebacks.
    pub disputes: Vec<Dispute>,
    /// The account.
    pub account: Vec<Movement>,
    /// Other currencies, by their codes.
    pub elsewhere: Vec<Elsewhere>,
}

/// What a row of standing is about that tells of the store's opening.
pub const STORE_OPENED: &str = "store_opened";
/// What a row of standing is about that tells of the first sale that was paid, in any currency.
pub const FIRST_SALE: &str = "first_sale";

/// The file of [`Subject`].
pub const SUBJECT: &str = "subject.json";

impl Facts {
    /// Writes each table, and the subject.
    ///
    /// # Errors
    /// [`PackError`].
    pub fn write(&self) -> Result<Vec<(&'static str, Vec<u8>)>, PackError> {
        let of = self.subject.currency;
        Ok(vec![
            write_subject(SUBJECT, &self.subject)?,
            file_of(&self.standing, of)?,
            file_of(&self.orders, of)?,
            file_of(&self.items, of)?,
            file_of(&self.refunds, of)?,
            file_of(&self.disputes, of)?,
            file_of(&self.account, of)?,
            file_of(&self.elsewhere, of)?,
        ])
    }

    /// Reads them back; `file` gives a file of the pack.
    ///
    /// # Errors
    /// [`PackError`] that names the file, the line and the column.
    pub fn read(file: File<'_, '_>) -> Result<Self, PackError> {
        let subject: Subject = read_subject(SUBJECT, file(SUBJECT)?, FORMAT)?;
        if subject.from > subject.to || subject.began.is_some_and(|began| began > subject.to) {
            return Err(PackError::malformed(SUBJECT, "it ends before it begins"));
        }
        let (of, room) = (subject.currency, Room::new());
        // the two long tables beside each other
        let (account, orders) = (file(Movement::FILE)?, file(Order::FILE)?);
        let (account, rest) = both(
            || read(account, of, &room),
            || -> Result<Self, PackError> {
                Ok(Self {
                    standing: rows_of(file, of, &room)?,
                    orders: read(orders, of, &room)?,
                    items: rows_of(file, of, &room)?,
                    refunds: rows_of(file, of, &room)?,
                    disputes: rows_of(file, of, &room)?,
                    account: Vec::new(),
                    elsewhere: rows_of(file, of, &room)?,
                    subject,
                })
            },
        );
        let rest = rest?;
        Ok(Self { account: account?, ..rest })
    }

    /// Whether the files read as these lines.
    ///
    /// # Errors
    /// As [`read`](Self::read), and where a file says something else.
    pub(crate) fn held_by(&self, file: File<'_, '_>) -> Result<(), PackError> {
        let subject: Subject = read_subject(SUBJECT, file(SUBJECT)?, FORMAT)?;
        if subject != self.subject {
            return Err(PackError::malformed(SUBJECT, "it does not read as what it was written of"));
        }
        let (of, room) = (self.subject.currency, Room::new());
        let account = file(Movement::FILE)?;
        let (account, rest) = both(
            || hold(account, of, &room, &self.account),
            || -> Result<(), PackError> {
                holds(file, of, &room, &self.standing)?;
                holds(file, of, &room, &self.orders)?;
                holds(file, of, &room, &self.items)?;
                holds(file, of, &room, &self.refunds)?;
                holds(file, of, &room, &self.disputes)?;
                holds(file, of, &room, &self.elsewhere)
            },
        );
        rest.and(account)
    }

    /// The day on which the merchant began, by its standing: see [`Subject::began`].
    #[must_use]
    pub fn began(&self, zone: Zone) -> Option<NaiveDate> {
        let began = self.standing.iter().filter(|row| row.what == STORE_OPENED || row.what == FIRST_SALE);
        began.map(|row| zone.day(row.at)).min()
    }

    /// The zone of its days.
    ///
    /// # Errors
    /// [`PackError::Malformed`] for a zone that is not known.
    pub fn zone(&self) -> Result<Zone, PackError> {
        Zone::of(&self.subject.time_zone).map_err(|why| PackError::malformed(SUBJECT, why))
    }
}
