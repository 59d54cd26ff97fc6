//! Profit and loss, and the balance sheet with the clients' money apart.

use daybook_domain::posting::{Class, account_sides};
use daybook_journal::{Micros, Position};

use crate::engine::{AsOf, ReadModelError, ReadModels};

use super::books::{CLASSES, Counted, TrialBalance, generation, integers};

/// A line of profit and loss, in minor units of its currency; income positive, expenses negative.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ResultLine {
    /// Income or Expenses.
    pub class: String,
    /// Name within the class.
    pub name: String,
    /// Whose it is (a category, a campaign, a provider), where that was asked for and there is one.
    pub dimension: String,
    /// ISO 4217 code.
    pub currency: String,
    /// What it came to.
    pub amount: i64,
    /// Of that: what happened in an earlier period that was closed already.
    pub of_earlier: i64,
    /// Entries.
    pub entries: u64,
}

/// Profit and loss of a time.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ProfitLoss {
    /// Its lines: income, then expenses, by name.
    pub lines: Vec<ResultLine>,
}

impl ProfitLoss {
    /// The result per currency, in order of currency: profit positive.
    #[must_use]
    pub fn results(&self) -> Vec<(String, i64)> {
        let mut results: Vec<(String, i64)> = Vec::new();
        for line in &self.lines {
            match results.iter_mut().find(|(currency, _)| *currency == line.currency) {
                Some((_, sum)) => *sum = sum.saturating_add(line.amount),
                None => results.push((line.currency.clone(), line.amount)),
            }
        }
        results.sort_unstable();
        results
    }

    /// What one name came to in a currency.
    #[must_use]
    pub fn amount(&self, class: &str, name: &str, currency: &str) -> i64 {
        let of = |l: &&ResultLine| l.class == class && l.name == name && l.currency == currency;
        self.lines.iter().filter(of).map(|l| l.amount).sum()
    }
}

/// Part of a balance sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// What the market holds.
    Assets,
    /// What it owes.
    Liabilities,
    /// What its owners put in.
    Equity,
    /// Income less expenses.
    Result,
}

impl Section {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Assets => "assets",
            Self::Liabilities => "liabilities",
            Self::Equity => "equity",
            Self::Result => "result",
        }
    }
}

/// A line of a balance sheet in minor units: assets positive when held, the others positive when owed or earned.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SheetLine {
    /// Where it stands.
    pub section: Section,
    /// Name of the accounts, or `Result`.
    pub name: String,
    /// How much.
    pub amount: i64,
}

/// The clients' money: what providers and banks hold for buyers and merchants, what is owed to them, and what the
/// difference, the market's own funds, is made of. Minor units.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ClientMoney {
    /// What is held, by account name.
    pub held: Vec<(String, i64)>,
    /// What is owed, by account name. What clients owe the market is not set off against what others are owed.
    pub owed: Vec<(String, i64)>,
    /// The market's own, by `Class:Name`: positive where it brought funds, negative where it used them.
    pub own: Vec<(String, i64)>,
}

fn total(items: &[(String, i64)]) -> i64 {
    items.iter().fold(0, |sum, (_, amount)| sum.saturating_add(*amount))
}

impl ClientMoney {
    /// What is held in all.
    #[must_use]
    pub fn total_held(&self) -> i64 {
        total(&self.held)
    }
    /// What is owed in all.
    #[must_use]
    pub fn total_owed(&self) -> i64 {
        total(&self.owed)
    }
    /// The market's own funds by their items. Equal to what is held less what is owed.
    #[must_use]
    pub fn total_own(&self) -> i64 {
        total(&self.own)
    }
    /// Whether what is held covers what is owed.
    #[must_use]
    pub fn covered(&self) -> bool {
        self.total_held() >= self.total_owed()
    }
}

/// A balance sheet in one currency.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Sheet {
    /// ISO 4217 code.
    pub currency: String,
    /// Its lines, by section and name.
    pub lines: Vec<SheetLine>,
    /// The clients' money apart.
    pub clients: ClientMoney,
}

impl Sheet {
    /// The sum of a section.
    #[must_use]
    pub fn total(&self, section: Section) -> i64 {
        let of = self.lines.iter().filter(|line| line.section == section);
        of.fold(0, |sum, line| sum.saturating_add(line.amount))
    }

    /// Assets less liabilities, equity and result: zero.
    #[must_use]
    pub fn difference(&self) -> i64 {
        let claims = [Section::Liabilities, Section::Equity, Section::Result];
        claims.iter().fold(self.total(Section::Assets), |rest, s| rest.saturating_sub(self.total(*s)))
    }
}

/// The balance sheet, one per currency.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct BalanceSheet {
    /// What the models had applied when it was drawn.
    pub applied: Position,
    /// By currency.
    pub sheets: Vec<Sheet>,
}

impl From<TrialBalance> for BalanceSheet {
    fn from(books: TrialBalance) -> Self {
        let mut sheets: Vec<Sheet> = Vec::new();
        for line in &books.lines {
            let at = sheets.iter().position(|sheet| sheet.currency == line.currency);
            let at = at.unwrap_or_else(|| {
                let (lines, clients) = (Vec::new(), ClientMoney::default());
                sheets.push(Sheet { currency: line.currency.clone(), lines, clients });
                sheets.len() - 1
            });
            let sheet = &mut sheets[at];
            let section = match line.class.as_str() {
                "Assets" => Section::Assets,
                "Liabilities" => Section::Liabilities,
                "Equity" => Section::Equity,
                _ => Section::Result,
            };
            let claim = line.balance.saturating_neg();
            let amount = if section == Section::Assets { line.balance } else { claim };
            if section == Section::Result {
                match sheet.lines.iter_mut().find(|l| l.section == Section::Result) {
                    Some(result) => result.amount = result.amount.saturating_add(amount),
                    None => {
                        sheet.lines.push(SheetLine { section, name: "Result".to_owned(), amount });
                    }
                }
            } else {
                sheet.lines.push(SheetLine { section, name: line.name.clone(), amount });
            }

            let name = line.name.clone();
            let of_clients = [Class::Assets, Class::Liabilities]
                .into_iter()
                .find(|class| class.as_str() == line.class)
                .and_then(|class| account_sides(class, &line.name))
                .is_some_and(|chart| chart.clients);
            let money = &mut sheet.clients;
            match (of_clients, section) {
                (true, Section::Assets) => money.held.push((name, line.balance)),
                (true, _) => {
                    money.owed.push((name.clone(), claim.saturating_add(line.debit_balances)));
                    if line.debit_balances > 0 {
                        money.own.push((format!("Receivable:{name}"), line.debit_balances.saturating_neg()));
                    }
                }
                (false, _) => money.own.push((format!("{}:{name}", line.class), claim)),
            }
        }
        sheets.sort_unstable_by(|a, b| a.currency.cmp(&b.currency));
        Self { applied: books.applied, sheets }
    }
}

impl ReadModels {
    /// What the market earned and spent, booked from `from` (microseconds; the beginning where none) through the
    /// business time of `at`; by category, campaign or provider where `detailed`.
    ///
    /// # Errors
    /// [`ReadModelError::Behind`] when the models have not applied the position asked for.
    pub fn profit_loss(
        &self,
        from: Option<Micros>,
        at: AsOf,
        detailed: bool,
    ) -> Result<ProfitLoss, ReadModelError> {
        let db = self.read()?;
        self.applied_for(&db, at)?;
        let generation = generation(&db)?;
        let counted = Counted::within(from, at);
        let dimension = if detailed { "a.dimension" } else { "''" };
        let sql = format!(
            "SELECT a.class, a.name, {dimension} AS of, a.currency, -sum(e.amount), \
             -sum(CASE WHEN e.occurred_at < e.booked_at THEN e.amount ELSE 0 END), count(*) \
             FROM book_accounts__r{generation} a JOIN book_entries__r{generation} e ON e._parent = a._id \
             WHERE a.class IN ('Income', 'Expenses') AND {} \
             GROUP BY a.class, a.name, of, a.currency ORDER BY {}, a.name, of, a.currency",
            counted.sql,
            CLASSES.replace("CASE class", "CASE a.class")
        );
        let mut statement = db.prepare_cached(&sql)?;
        let lines = statement.query_map(&integers(&counted.values), |r| {
            Ok(ResultLine {
                class: r.get(0)?,
                name: r.get(1)?,
                dimension: r.get(2)?,
                currency: r.get(3)?,
                amount: r.get(4)?,
                of_earlier: r.get(5)?,
                entries: r.get::<i64>(6)? as u64,
            })
        })?;
        Ok(ProfitLoss { lines: lines.collect::<Result<_, _>>()? })
    }

    /// Assets against liabilities, equity and result, and the clients' money apart.
    ///
    /// # Errors
    /// As [`trial_balance`](Self::trial_balance).
    pub fn balance_sheet(&self, at: AsOf) -> Result<BalanceSheet, ReadModelError> {
        Ok(self.trial_balance(at)?.into())
    }
}
