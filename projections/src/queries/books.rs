//! The trial balance and the accounts of the books.

use crate::engine::store::{Db, Param, params};
use daybook_journal::{Micros, Position};
use sha2::{Digest as _, Sha256};

use crate::engine::{AsOf, ReadModelError, ReadModels};
use crate::models::books::AccountRow;

use super::{Page, bounded, row, rows};

/// One line of a trial balance, in minor units of its currency.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Balance {
    /// Assets, Liabilities, Equity, Income or Expenses.
    pub class: String,
    /// Name within the class.
    pub name: String,
    /// ISO 4217 code.
    pub currency: String,
    /// Accounts of this name.
    pub accounts: u64,
    /// Sum of their debits.
    pub debit: i64,
    /// Sum of their credits.
    pub credit: i64,
    /// Debits less credits.
    pub balance: i64,
    /// Of the balance: the sum over those accounts that stand on the debit side.
    pub debit_balances: i64,
    /// Entries.
    pub entries: u64,
}

/// The balances of all accounts, by class, name and currency.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TrialBalance {
    /// What the models had applied when it was drawn.
    pub applied: Position,
    /// Its lines, by class (assets first), name and currency.
    pub lines: Vec<Balance>,
}

impl TrialBalance {
    /// Debits and credits per currency, which must be equal.
    #[must_use]
    pub fn totals(&self) -> Vec<(String, i64, i64)> {
        let mut totals: Vec<(String, i64, i64)> = Vec::new();
        for line in &self.lines {
            match totals.iter_mut().find(|t| t.0 == line.currency) {
                Some(t) => (t.1, t.2) = (t.1.saturating_add(line.debit), t.2.saturating_add(line.credit)),
                None => totals.push((line.currency.clone(), line.debit, line.credit)),
            }
        }
        totals.sort_unstable();
        totals
    }

    /// Its digest, as [`trial_digest`] says.
    #[must_use]
    pub fn digest(&self) -> String {
        let lines = self.lines.iter();
        trial_digest(
            lines.map(|l| (l.class.as_str(), l.name.as_str(), l.currency.as_str(), l.debit, l.credit)),
        )
    }

    /// The balance (debits less credits) of all accounts of a name in a currency.
    #[must_use]
    pub fn balance(&self, class: &str, name: &str, currency: &str) -> i64 {
        let found = self.lines.iter().find(|l| l.class == class && l.name == name && l.currency == currency);
        found.map_or(0, |l| l.balance)
    }
}

/// The digest of a trial balance from its lines (class, name, currency, debit, credit): SHA-256, in hex, over a line of
/// text for each, `Assets:Bank CNY 1234 1000` in minor units, sorted and each ended by a line feed.
pub fn trial_digest<'a>(lines: impl IntoIterator<Item = (&'a str, &'a str, &'a str, i64, i64)>) -> String {
    let lines = lines.into_iter();
    let mut text: Vec<String> = lines
        .map(|(class, name, currency, debit, credit)| format!("{class}:{name} {currency} {debit} {credit}\n"))
        .collect();
    text.sort_unstable();
    let hash = Sha256::digest(text.concat());
    hash.iter().fold(String::with_capacity(64), |hex, byte| hex + &format!("{byte:02x}"))
}

pub(super) const CLASSES: &str = "CASE class WHEN 'Assets' THEN 1 WHEN 'Liabilities' THEN 2 WHEN 'Equity' THEN 3 WHEN 'Income' THEN 4 ELSE 5 END";

impl ReadModels {
    /// The trial balance as of a moment. By business time it counts what is booked by then.
    ///
    /// # Errors
    /// [`ReadModelError::Behind`] when the models have not applied the position asked for.
    pub fn trial_balance(&self, at: AsOf) -> Result<TrialBalance, ReadModelError> {
        let db = self.read()?;
        let applied = self.applied_for(&db, at)?;
        let (sql, until) = if at == AsOf::HEAD {
            let sql = format!(
                "SELECT class, name, currency, count(*), sum(debit), sum(credit), sum(balance), \
                 sum(CASE WHEN balance > 0 THEN balance ELSE 0 END), sum(entries) FROM book_accounts \
                 GROUP BY class, name, currency ORDER BY {CLASSES}, name, currency"
            );
            (sql, Vec::new())
        } else {
            by_entries(&db, &Counted::by(at))?
        };
        let mut statement = db.prepare_cached(&sql)?;
        let lines = statement.query_map(&integers(&until), |r| {
            Ok(Balance {
                class: r.get(0)?,
                name: r.get(1)?,
                currency: r.get(2)?,
                accounts: r.get::<i64>(3)? as u64,
                debit: r.get(4)?,
                credit: r.get(5)?,
                balance: r.get(6)?,
                debit_balances: r.get(7)?,
                entries: r.get::<i64>(8)? as u64,
            })
        })?;
        Ok(TrialBalance { applied, lines: lines.collect::<Result<_, _>>()? })
    }

    /// An account of the books: `class`, `name`, `dimension` (empty where it has none), `currency`.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn account(
        &self,
        class: &str,
        name: &str,
        dimension: &str,
        currency: &str,
    ) -> Result<Option<AccountRow>, ReadModelError> {
        let rest = "WHERE dimension = ? AND name = ? AND class = ? AND currency = ?";
        row(&*self.read()?, rest, params![dimension, name, class, currency])
    }

    /// Accounts of one owner (an order, a merchant, a checkout, a provider), at most [`super::PAGE_ROWS`].
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn accounts_of(&self, dimension: &str) -> Result<Vec<AccountRow>, ReadModelError> {
        let rest = "WHERE dimension = ? ORDER BY name, class, currency LIMIT ?";
        rows(&*self.read()?, rest, params![dimension, super::PAGE_ROWS])
    }

    /// Accounts of one name that do not stand at zero, by dimension and currency; `after` is the `next` of
    /// the page before.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn open_accounts(
        &self,
        class: &str,
        name: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<AccountRow>, ReadModelError> {
        let limit = bounded(limit);
        let (currency, dimension) = after.and_then(|a| a.split_once('.')).unwrap_or(("", ""));
        let rest = "WHERE class = ? AND name = ? AND balance <> 0 AND (dimension, currency) > (?, ?) \
                    ORDER BY dimension, currency LIMIT ?";
        let found: Vec<AccountRow> =
            rows(&*self.read()?, rest, params![class, name, dimension, currency, (limit + 1)])?;
        Ok(Page::of(found, limit, |a| format!("{}.{}", a.currency, a.dimension)))
    }

    /// What the books have applied in the state that `db` reads: enough for `at`.
    pub(super) fn applied_for(&self, db: &Db, at: AsOf) -> Result<Position, ReadModelError> {
        let applied = applied_by(db, "book_accounts")?;
        if let Some(wanted) = at.position.filter(|wanted| *wanted > applied) {
            return Err(ReadModelError::Behind { wanted, applied, head: self.journal().head()? });
        }
        Ok(applied)
    }
}

/// What a model had applied in the state that `db` reads.
pub(super) fn applied_by(db: &Db, model: &str) -> Result<Position, ReadModelError> {
    let mut statement = db.prepare_cached("SELECT position FROM _models WHERE model = ?")?;
    Ok(statement.query_row(params![model], |r| r.get::<i64>(0))? as Position)
}

/// The generation of the books' tables in the state that `db` reads.
pub(super) fn generation(db: &Db) -> Result<u32, ReadModelError> {
    let mut statement = db.prepare_cached("SELECT generation FROM _models WHERE model = 'book_accounts'")?;
    Ok(statement.query_row(&[], |r| r.get(0))?)
}

/// Numbers that a statement is given.
pub(super) fn integers(values: &[i64]) -> Vec<Param<'_>> {
    values.iter().map(Param::from).collect()
}

/// Which entries count: a condition on their columns with its values.
pub(super) struct Counted {
    /// The condition, `TRUE` when all count.
    pub(super) sql: String,
    /// Its parameters.
    pub(super) values: Vec<i64>,
}

impl Counted {
    /// Those of a moment.
    pub(super) fn by(at: AsOf) -> Self {
        Self::within(None, at)
    }

    /// Those of a moment that are booked from an instant on.
    pub(super) fn within(from: Option<Micros>, at: AsOf) -> Self {
        let cuts = [
            ("booked_at >= ?", from),
            ("position <= ?", at.position.map(|p| i64::try_from(p).unwrap_or(i64::MAX))),
            ("recorded_at <= ?", at.known),
            ("booked_at <= ?", at.business),
        ];
        let cuts: Vec<_> = cuts.into_iter().filter_map(|(sql, value)| Some((sql, value?))).collect();
        let sql: Vec<_> = cuts.iter().map(|(sql, _)| *sql).collect();
        let sql = if sql.is_empty() { "TRUE".to_owned() } else { sql.join(" AND ") };
        Self { sql, values: cuts.into_iter().map(|(_, value)| value).collect() }
    }
}

/// Sums of the entries that count, added up per account by its interned id before the accounts' names come in: one
/// pass over the entries, no text compared.
fn by_entries(db: &Db, counted: &Counted) -> Result<(String, Vec<i64>), ReadModelError> {
    let generation = generation(db)?;
    let sql = format!(
        "SELECT a.class, a.name, a.currency, count(*), sum(s.debit), sum(s.credit), sum(s.debit - s.credit), \
         sum(CASE WHEN s.debit > s.credit THEN s.debit - s.credit ELSE 0 END), sum(s.entries) FROM (SELECT _parent, \
         sum(CASE WHEN amount > 0 THEN amount ELSE 0 END) AS debit, \
         sum(CASE WHEN amount < 0 THEN -amount ELSE 0 END) AS credit, count(*) AS entries FROM book_entries__r{generation} WHERE {} GROUP BY _parent) s \
         JOIN book_accounts__r{generation} a ON a._id = s._parent \
         GROUP BY a.class, a.name, a.currency ORDER BY {}, a.name, a.currency",
        counted.sql,
        CLASSES.replace("CASE class", "CASE a.class")
    );
    Ok((sql, counted.values.clone()))
}
