//! The books: trial balance, balance sheet, profit and loss, ledgers, and money without an order.

use daybook_domain::Currency;
use daybook_domain::posting::Account;
use daybook_projections::models::books::AccountRow;
use daybook_projections::models::checkouts::CheckoutRow;
use daybook_projections::queries::{LedgerQuestion, Page};
use daybook_projections::{ReadModels, record};

use super::build::{Section, list, pinned_list, table};
use super::question::{AS_OF, FROM, KNOWN, Kind, Parameter, Question, TO};
use crate::access::Permission::ReadBooks;
use crate::endpoint::Endpoint;
use crate::problem::{NOT_FOUND, Problem};

record! {
    /// A line of the trial balance: all accounts of one name in one currency.
    TrialBalanceRow in "", key(class, name, currency) {
        /// Assets, Liabilities, Equity, Income or Expenses.
        class: String,
        /// Name within the class.
        name: String,
        /// ISO 4217 code.
        currency: String,
        /// Accounts of this name.
        accounts: i64,
        /// Sum of their debits.
        debit: i64 = money,
        /// Sum of their credits.
        credit: i64 = money,
        /// Debits less credits.
        balance: i64 = money,
        /// Entries.
        entries: i64,
    }
}

record! {
    /// A line of the balance sheet, or of the clients' money beside it.
    BalanceSheetRow in "", key(section, name, currency) {
        /// assets, liabilities, equity, result; of the clients' money: held, owed, own_funds.
        section: String,
        /// Name of the accounts.
        name: String,
        /// ISO 4217 code.
        currency: String,
        /// Assets positive when held, the others when owed or earned.
        amount: i64 = money,
    }
}

record! {
    /// A line of profit and loss: income positive, expenses negative.
    ProfitLossRow in "", key(class, name, dimension, currency) {
        /// Income or Expenses.
        class: String,
        /// Name within the class.
        name: String,
        /// Whose it is (a category, a campaign, a provider); empty where that was not asked for.
        dimension: String,
        /// ISO 4217 code.
        currency: String,
        /// What it came to.
        amount: i64 = money,
        /// Of that: what happened in an earlier period that was closed already.
        of_earlier: i64 = money,
        /// Entries.
        entries: i64,
    }
}

record! {
    /// An entry of an account with the balance after it.
    LedgerRow in "", key(currency) {
        /// When it is booked.
        booked_at: i64 = time,
        /// When it happened.
        occurred_at: i64 = time,
        /// When the journal took it.
        recorded_at: i64 = time,
        /// Type of the event.
        event: String,
        /// Position of the event in the journal.
        position: i64,
        /// Number of the entry on its account.
        number: i64,
        /// The order it concerns.
        order_id: Option<String>,
        /// The merchant it concerns.
        merchant_id: Option<String>,
        /// The checkout it concerns.
        checkout_id: Option<String>,
        /// ISO 4217 code.
        currency: String,
        /// Debit where positive, credit where negative.
        amount: i64 = money,
        /// The balance after it, debits positive, among the entries that the question counts.
        balance: i64 = money,
    }
}

const PERIOD: Parameter =
    Parameter::new("period", Kind::Month, "A month of the market's time zone; stands instead of from and to");
const DETAIL: Parameter = Parameter::new("detail", Kind::Flag, "By category, campaign and provider");
const ACCOUNT: Parameter = Parameter::new(
    "account",
    Kind::Account,
    "The account: `Class:Name` or `Class:Name:dimension`, such as Liabilities:MerchantPending:m-001",
)
.required();
const CURRENCY: Parameter =
    Parameter::new("currency", Kind::Currency, "Its currency, where it is kept in more than one");
const OF: Parameter =
    Parameter::new("of", Kind::Id, "Whose: an order, a merchant, a checkout, a provider").required();

const BOOKS: Section = Section { tag: "Books", permission: ReadBooks };

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        table(
            BOOKS.about(
                "trial_balance",
                "/v1/trial-balance",
                "The balances of all accounts, by class, name and currency",
                "Debits equal credits in each currency.",
                &[AS_OF, KNOWN],
            ),
            trial_balance,
        ),
        table(
            BOOKS.about(
                "balance_sheet",
                "/v1/balance-sheet",
                "Assets against liabilities, equity and result, and the clients' money beside it",
                "The clients' money is what providers and banks hold, against what is owed to buyers and merchants; the \
                 difference is the market's own funds, item by item.",
                &[AS_OF, KNOWN],
            ),
            balance_sheet,
        ),
        table(
            BOOKS.about(
                "profit_loss",
                "/v1/profit-loss",
                "What the market earned and spent",
                "Of all time, of a month, or from day to day, as booked.",
                &[PERIOD, FROM, TO, KNOWN, DETAIL],
            ),
            profit_loss,
        ),
        pinned_list(
            BOOKS.about(
                "ledger",
                "/v1/ledger",
                "The entries of an account with the balance after each",
                "In the order in which they are booked. Pages are pinned: entries of events after the first page are left \
                 out, and the balances are those of the entries that count.",
                &[ACCOUNT, CURRENCY, PERIOD, FROM, TO, AS_OF, KNOWN],
            ),
            ledger,
        ),
        table(
            BOOKS.about(
                "accounts",
                "/v1/accounts",
                "The accounts of an order, a merchant, a checkout or a provider",
                "",
                &[OF],
            ),
            accounts,
        ),
        list(
            BOOKS.about(
                "unallocated",
                "/v1/unallocated",
                "Checkouts with money that no order takes",
                "By id. A row is as it is when its page is asked for.",
                &[],
            ),
            |models, asked| {
                Ok(models.unallocated(asked.after.as_deref(), asked.limit)?) as Result<Page<CheckoutRow>, _>
            },
        ),
    ]
}

fn accounts(models: &ReadModels, asked: &Question) -> Result<Vec<AccountRow>, Problem> {
    let of = asked.get("of").unwrap_or_default();
    if let Some(order) = models.order(of)? {
        asked.touch(&order.order.merchant_id);
    }
    if models.merchant(of)?.is_some() {
        asked.touch(of);
    }
    Ok(models.accounts_of(of)?)
}

fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn trial_balance(models: &ReadModels, asked: &Question) -> Result<Vec<TrialBalanceRow>, Problem> {
    let books = models.trial_balance(asked.at(models, None)?)?;
    let row = |line: daybook_projections::queries::Balance| TrialBalanceRow {
        accounts: count(line.accounts),
        entries: count(line.entries),
        class: line.class,
        name: line.name,
        currency: line.currency,
        debit: line.debit,
        credit: line.credit,
        balance: line.balance,
    };
    Ok(books.lines.into_iter().map(row).collect())
}

fn balance_sheet(models: &ReadModels, asked: &Question) -> Result<Vec<BalanceSheetRow>, Problem> {
    let found = models.balance_sheet(asked.at(models, None)?)?;
    let mut rows = Vec::new();
    for sheet in found.sheets {
        let mut push = |section: &str, name: &str, amount: i64| {
            rows.push(BalanceSheetRow {
                section: section.to_owned(),
                name: name.to_owned(),
                currency: sheet.currency.clone(),
                amount,
            });
        };
        for line in &sheet.lines {
            push(line.section.as_str(), &line.name, line.amount);
        }
        let clients = &sheet.clients;
        for (section, items) in
            [("held", &clients.held), ("owed", &clients.owed), ("own_funds", &clients.own)]
        {
            for (name, amount) in items {
                push(section, name, *amount);
            }
        }
    }
    Ok(rows)
}

fn profit_loss(models: &ReadModels, asked: &Question) -> Result<Vec<ProfitLossRow>, Problem> {
    let (from, to) = asked.span(models)?;
    let mut at = asked.at(models, None)?;
    at.business = to.map(|to| to.0);
    let found = models.profit_loss(from.map(|from| from.0), at, asked.flag("detail"))?;
    let row = |line: daybook_projections::queries::ResultLine| ProfitLossRow {
        entries: count(line.entries),
        class: line.class,
        name: line.name,
        dimension: line.dimension,
        currency: line.currency,
        amount: line.amount,
        of_earlier: line.of_earlier,
    };
    Ok(found.lines.into_iter().map(row).collect())
}

/// The currency asked for, else the only one there is.
fn currency(models: &ReadModels, account: &Account<'_>, asked: Option<&str>) -> Result<Currency, Problem> {
    let known = models.currencies_of(account)?;
    let asked = asked.and_then(|code| Currency::new(code).ok());
    match (asked, known.as_slice()) {
        (Some(asked), _) if known.contains(&asked) => Ok(asked),
        (None, [only]) => Ok(*only),
        (None, [_, ..]) => {
            let names: Vec<String> = known.iter().map(ToString::to_string).collect();
            Err(Problem::bad("currency", format!("name one: {account} is kept in {}", names.join(", "))))
        }
        _ => Err(Problem::new(
            NOT_FOUND,
            format!(
                "nothing was ever posted to {account} in this currency; /v1/trial-balance names the accounts there are"
            ),
        )),
    }
}

fn ledger(models: &ReadModels, asked: &Question, pinned: u64) -> Result<Page<LedgerRow>, Problem> {
    let text = asked.get("account").unwrap_or_default();
    let account = Account::parse(text).map_err(|error| Problem::bad("account", error))?;
    let currency = currency(models, &account, asked.get("currency"))?;
    if models.merchant(account.dimension)?.is_some() {
        asked.touch(account.dimension);
    }
    let (from, to) = asked.span(models)?;
    let mut at = asked.at(models, Some(pinned))?;
    at.business = [at.business, to.map(|to| to.0)].into_iter().flatten().min();
    let question = LedgerQuestion {
        account,
        currency,
        from: from.map(|from| from.0),
        at,
        after: asked.after.as_deref(),
        limit: asked.limit,
    };
    let found = models.ledger(&question)?;
    let rows = found.entries.into_iter().map(|line| LedgerRow {
        booked_at: line.entry.booked_at,
        occurred_at: line.entry.occurred_at,
        recorded_at: line.entry.recorded_at,
        event: line.entry.event,
        position: line.entry.position,
        number: line.entry.number,
        order_id: line.entry.order_id,
        merchant_id: line.entry.merchant_id,
        checkout_id: line.entry.checkout_id,
        currency: currency.to_string(),
        amount: line.entry.amount,
        balance: line.balance,
    });
    Ok(Page { rows: rows.collect(), next: found.next })
}
