//! The books: one row per account and currency, its entries with a running balance as child rows.

use daybook_domain::posting::POSTING_RULES_VERSION;

use super::{text, text_of};
use crate::model::{Cut, Envelope, Key, Keys, KindSet, Model, Out};
use crate::record;
use crate::world::World;

record! {
    /// An account of the books in one currency. Amounts are minor units.
    AccountRow in "book_accounts", key(dimension, name, class, currency) {
        /// Assets, Liabilities, Equity, Income or Expenses.
        class: String,
        /// Name within the class.
        name: String,
        /// Whose it is (an order, a merchant, a provider), or empty.
        dimension: String,
        /// ISO 4217 code.
        currency: String,
        /// Sum of its debits.
        debit: i64 = money,
        /// Sum of its credits.
        credit: i64 = money,
        /// Debits less credits.
        balance: i64 = money,
        /// Entries.
        entries: i64,
        /// When its last entry was booked.
        last_booked_at: i64 = time,
    }
}

impl AccountRow {
    /// `Class:Name[:dimension]`.
    #[must_use]
    pub fn account(&self) -> String {
        let colon = if self.dimension.is_empty() { "" } else { ":" };
        format!("{}:{}{colon}{}", self.class, self.name, self.dimension)
    }
}

record! {
    /// An entry of an account. Amounts are minor units of the account's currency.
    EntryRow in "book_entries", number {
        /// 1, 2, ... in journal order.
        number: i64,
        /// Debit where positive, credit where negative.
        amount: i64 = money,
        /// Balance of the account after it, in journal order.
        balance: i64 = money,
        /// When it happened.
        occurred_at: i64 = time,
        /// When it is booked: then, or at the start of the first open period.
        booked_at: i64 = time,
        /// When the journal took it.
        recorded_at: i64 = time local,
        /// Position of the event in the journal.
        position: i64 = local,
        /// Type of the event.
        event: String,
        /// The order it concerns.
        order_id: Option<String>,
        /// The merchant it concerns.
        merchant_id: Option<String>,
        /// The checkout it concerns.
        checkout_id: Option<String>,
    }
}

/// The model of [`AccountRow`].
#[derive(Debug)]
pub struct Books;

impl Model for Books {
    type Row = AccountRow;
    type Child = EntryRow;
    const VERSION: u32 = 1_000 * POSTING_RULES_VERSION + 1;
    const KINDS: KindSet = KindSet::MONEY;
    const CUT: Cut = Cut::Booked;

    fn route<'e>(e: &'e Envelope<'e>, keys: &mut Keys<'e>) {
        keys.extend(e.entries.iter().map(|x| {
            let a = &x.account;
            Key::new(&[a.dimension, a.name, a.class.as_str(), x.amount.currency.as_str()])
        }));
    }

    fn empty(key: &Key<'_>) -> AccountRow {
        AccountRow {
            dimension: text(key.part(0)),
            name: text(key.part(1)),
            class: text(key.part(2)),
            currency: text(key.part(3)),
            ..AccountRow::default()
        }
    }

    fn fold(row: &mut AccountRow, n: usize, e: &Envelope<'_>, _: &World, out: &mut Out<EntryRow>) {
        let amount = e.entries[n].amount.minor;
        if amount >= 0 {
            out.add(&mut row.debit, amount);
        } else {
            out.take(&mut row.credit, amount);
        }
        out.add(&mut row.balance, amount);
        row.entries += 1;
        row.last_booked_at = row.last_booked_at.max(e.booked_at);
        out.append(EntryRow {
            number: row.entries,
            amount,
            balance: row.balance,
            occurred_at: e.occurred_at,
            booked_at: e.booked_at,
            recorded_at: e.recorded_at,
            position: e.position as i64,
            event: text(e.kind.as_str()),
            order_id: text_of(e.refs.order),
            merchant_id: text_of(e.refs.merchant),
            checkout_id: text_of(e.refs.checkout),
        });
    }
}
