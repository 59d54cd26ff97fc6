//! The chart of accounts: every account that a rule or a voucher may name, and the side it stands on.

use std::fmt;

use crate::books::events::Side;

use super::{Account, Class};

/// A line of the chart: what may be said of all accounts of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChartLine {
    /// The class.
    pub class: Class,
    /// The name within the class.
    pub name: &'static str,
    /// What its dimension is, or `None` when it has none.
    pub dimension: Option<&'static str>,
    /// The side on which it grows.
    pub normal: Side,
    /// Why it may stand on the other side, or `None` when it must never.
    pub either: Option<&'static str>,
    /// Whether a voucher may post to it. Accounts whose balance a stream's state repeats are closed to
    /// vouchers: their state would no longer equal the books.
    pub by_hand: bool,
    /// Whether it is money of clients: held for buyers and merchants where it is an asset, owed to them where it is
    /// a liability. What is held beyond what is owed is the market's own.
    pub clients: bool,
    /// What it holds.
    pub meaning: &'static str,
}

const fn line(class: Class, name: &'static str, dimension: &'static str, meaning: &'static str) -> ChartLine {
    let normal = match class {
        Class::Assets | Class::Expenses => Side::Debit,
        Class::Liabilities | Class::Equity | Class::Income => Side::Credit,
    };
    let dimension = if dimension.is_empty() { None } else { Some(dimension) };
    ChartLine { class, name, dimension, normal, either: None, by_hand: true, clients: false, meaning }
}

impl ChartLine {
    /// May stand on either side, and why.
    const fn either(self, why: &'static str) -> Self {
        Self { either: Some(why), ..self }
    }
    /// Repeated by a stream's state, so closed to vouchers.
    const fn stream(self) -> Self {
        Self { by_hand: false, ..self }
    }
    /// Money of buyers and merchants.
    const fn clients(self) -> Self {
        Self { clients: true, ..self }
    }
    /// Grows on the side opposite to its class.
    const fn contra(self) -> Self {
        let normal = match self.normal {
            Side::Debit => Side::Credit,
            Side::Credit => Side::Debit,
        };
        Self { normal, ..self }
    }
}

use Class::{Assets, Equity, Expenses, Income, Liabilities};

/// Every account there is, by class.
pub const CHART: &[ChartLine] = &[
    line(Assets, "Provider", "provider", "captured and not yet paid out by the provider")
        .clients()
        .either("a provider that has paid out and refunds afterwards is owed until it captures again"),
    line(Assets, "Bank", "bank account", "at the bank")
        .clients()
        .either("an account may be overdrawn, or its deposits be reported after its payments"),
    line(Assets, "ChargebackHeld", "provider", "taken back by banks, the case not decided")
        .clients()
        .stream(),
    line(Liabilities, "Checkout", "checkout", "paid by a buyer and not in an order's escrow")
        .clients()
        .stream(),
    line(Liabilities, "Escrow", "order", "kept for an order until its goods are received").clients().stream(),
    line(Liabilities, "Refunds", "order", "owed to a buyer as a refund").clients().stream(),
    line(Liabilities, "MerchantPending", "merchant", "released to a merchant and not yet settled")
        .clients()
        .stream()
        .either("refunds and fees after release may exceed what is pending: a receivable"),
    line(Liabilities, "MerchantAvailable", "merchant", "settled, may be paid out").clients().stream(),
    line(Liabilities, "MerchantHeld", "merchant", "settled, held for a claim").clients().stream(),
    line(Liabilities, "MerchantReserve", "merchant", "settled, kept back for a time").clients().stream(),
    line(Liabilities, "PayoutInTransit", "merchant", "on its way to a merchant's bank").clients().stream(),
    line(Liabilities, "Deposit", "merchant", "guarantee money of a merchant").clients().stream(),
    line(Liabilities, "DepositFrozen", "merchant", "guarantee money held for a claim").clients().stream(),
    line(Liabilities, "StoredValue", "", "gift cards and balances that the market sold")
        .clients()
        .either("cards sold before the books began are drawn without their sale standing in them"),
    line(Liabilities, "Points", "", "what buyers' points are worth"),
    line(Liabilities, "Coupons", "", "coupons that points became")
        .either("coupons of before the books began are drawn without their points standing in them"),
    line(Liabilities, "Tax", "jurisdiction", "tax on goods, for a tax office")
        .either("refunds after a remittance are reclaimed from the tax office"),
    line(Liabilities, "OutputTax", "", "VAT on the market's own fees")
        .either("fees given back after a remittance are reclaimed from the tax office"),
    line(Liabilities, "Payable", "channel", "owed to suppliers, by channel")
        .either("a channel may be paid in advance"),
    line(Equity, "Conversion", "", "the other side of payouts in another currency")
        .either("one currency's gain is another's"),
    line(Equity, "Capital", "", "what the owners put in").either("losses may exceed it"),
    line(Income, "Commission", "category", "commission on goods sold"),
    line(Income, "PlatformFee", "", "fees for using the platform"),
    line(Income, "Advertising", "", "merchants' share of advertising"),
    line(Income, "Penalty", "", "penalties by rule"),
    line(Income, "InstalmentInterest", "", "what buyers paid above the price for instalments"),
    line(Income, "PaymentDifference", "", "rounding in the market's favour"),
    line(Income, "Adjustment", "", "adjustments against merchants"),
    line(Income, "FX", "", "margin on payouts in another currency"),
    line(Income, "FeeWaived", "", "fees given back").contra(),
    line(Expenses, "ProviderFee", "provider", "what providers keep"),
    line(Expenses, "BankFee", "", "what banks keep"),
    line(Expenses, "Subsidy", "campaign", "what the market adds to orders"),
    line(Expenses, "PaymentDifference", "", "shortfalls the market accepted"),
    line(Expenses, "Goodwill", "", "refunds and reversed rulings at the market's cost"),
    line(Expenses, "ChargebackLoss", "", "chargebacks nobody else bears"),
    line(Expenses, "ReturnFreight", "", "freight of returns at the market's cost"),
    line(Expenses, "Points", "", "points given to buyers, less what came back or expired")
        .either("points of before the books began expire or come back without their grant standing in them"),
    line(Expenses, "Reward", "", "rewards to merchants"),
    line(Expenses, "Adjustment", "", "adjustments for merchants"),
    line(Expenses, "Advertising", "campaign", "what campaigns spend: media, prizes, production, venue"),
    line(Expenses, "Affiliate", "campaign", "commission of partners who send buyers"),
    line(Expenses, "Other", "", "what a voucher explains"),
];

/// The line of the chart that an account of this class and name stands in.
#[must_use]
pub fn account_sides(class: Class, name: &str) -> Option<&'static ChartLine> {
    CHART.iter().find(|l| l.class == class && l.name == name)
}

/// Why a text is no account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountError {
    /// The chart has no such class and name.
    Unknown {
        /// The text.
        text: String,
    },
    /// The account needs a dimension and has none, or the other way round.
    Dimension {
        /// The text.
        text: String,
        /// What the chart says.
        line: &'static ChartLine,
    },
}

impl fmt::Display for AccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { text } => {
                write!(f, "account {text:?} is not in the chart: name one such as Assets:Bank:main")
            }
            Self::Dimension { text, line } => {
                let (class, name) = (line.class.as_str(), line.name);
                match line.dimension {
                    Some(of) => write!(f, "account {text:?} names no {of}: write {class}:{name}:<{of}>"),
                    None => write!(f, "account {text:?} has a part too many: write {class}:{name}"),
                }
            }
        }
    }
}

impl std::error::Error for AccountError {}

impl<'a> Account<'a> {
    /// Reads `Class:Name[:dimension]`; the dimension may itself hold colons.
    ///
    /// # Errors
    /// [`AccountError`] when the chart has no such account, or its dimension is missing or too much.
    pub fn parse(text: &'a str) -> Result<Self, AccountError> {
        let (class, rest) = text.split_once(':').unwrap_or((text, ""));
        let (name, dimension) = rest.split_once(':').unwrap_or((rest, ""));
        let line = CHART
            .iter()
            .find(|l| l.class.as_str() == class && l.name == name)
            .ok_or_else(|| AccountError::Unknown { text: text.chars().take(100).collect() })?;
        if line.dimension.is_some() == dimension.is_empty()
            || (dimension.is_empty() && rest.len() > name.len())
        {
            return Err(AccountError::Dimension { text: text.chars().take(100).collect(), line });
        }
        Ok(Self { class: line.class, name: line.name, dimension })
    }

    /// What the chart says of it; `None` for an account that no rule names.
    #[must_use]
    pub fn chart_line(&self) -> Option<&'static ChartLine> {
        account_sides(self.class, self.name)
    }

    /// Whether a balance (minor units, positive debit) stands on a side where this account must not stand.
    #[must_use]
    pub fn on_wrong_side(&self, balance: i64) -> bool {
        self.chart_line().is_none_or(|line| {
            line.either.is_none()
                && match line.normal {
                    Side::Debit => balance < 0,
                    Side::Credit => balance > 0,
                }
        })
    }
}
