//! What every format comes to: statements of lines.

use std::fmt;
use std::str::FromStr;

use daybook_domain::{Money, Timestamp};
use serde::Serialize;

/// A closed set of words for people and programs.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),* }
        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.pad(self.as_str()) }
        }
        impl FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|w| w.as_str() == text).ok_or_else(|| {
                    let known: Vec<_> = Self::ALL.iter().map(|w| w.as_str()).collect();
                    format!("{text:?} is not one of {}", known.join(", "))
                })
            }
        }
    };
}

words! {
    /// What a file is.
    Format {
        /// WeChat Pay, 交易账单: every payment and refund of a merchant.
        WechatBill = "wechat_bill",
        /// WeChat Pay, 资金账单: every movement of a merchant's balance.
        WechatFundFlow = "wechat_fund_flow",
        /// Alipay, 账务明细: every movement of a merchant's balance.
        AlipayLedger = "alipay_ledger",
        /// Stripe, balance history as it was exported until about 2018.
        StripeBalance = "stripe_balance",
        /// Stripe, itemised balance change or payout reconciliation.
        StripeItemised = "stripe_itemised",
        /// ISO 20022 camt.052, account report.
        Camt052 = "camt_052",
        /// ISO 20022 camt.053, statement.
        Camt053 = "camt_053",
        /// ISO 20022 camt.054, debit and credit notification.
        Camt054 = "camt_054",
        /// SWIFT MT940, statement.
        Mt940 = "mt940",
        /// SWIFT MT942, interim report.
        Mt942 = "mt942",
    }
}

words! {
    /// Who writes such statements.
    Side {
        /// A payment provider: each payment is a line, with the provider's reference.
        Provider = "provider",
        /// A bank: what moved on an account.
        Bank = "bank",
    }
}

words! {
    /// What a line is, as its writer says.
    LineKind {
        /// A buyer paid.
        Payment = "payment",
        /// Money went back to a buyer.
        Refund = "refund",
        /// A bank took a payment back.
        Chargeback = "chargeback",
        /// It came back after a chargeback.
        ChargebackReversal = "chargeback_reversal",
        /// The writer's own fee.
        Fee = "fee",
        /// The provider paid out to a bank.
        Payout = "payout",
        /// A line that takes another one back.
        Reversal = "reversal",
        /// Money came to a bank account.
        Credit = "credit",
        /// Money left a bank account.
        Debit = "debit",
        /// Anything else.
        Other = "other",
    }
}

impl Format {
    /// Who writes it.
    #[must_use]
    pub const fn side(self) -> Side {
        match self {
            Self::WechatBill
            | Self::WechatFundFlow
            | Self::AlipayLedger
            | Self::StripeBalance
            | Self::StripeItemised => Side::Provider,
            Self::Camt052 | Self::Camt053 | Self::Camt054 | Self::Mt940 | Self::Mt942 => Side::Bank,
        }
    }
}

impl Format {
    /// Whether it shows what the books have of this kind and direction: a trade bill has no payouts.
    #[must_use]
    pub const fn shows(self, kind: LineKind, gross: Money) -> bool {
        match self {
            Self::WechatBill => match kind {
                LineKind::Payment | LineKind::Refund => true,
                LineKind::Reversal => gross.minor < 0,
                _ => false,
            },
            _ => true,
        }
    }
}

/// One line of a statement. Amounts are signed as the market sees them: what it gets is positive, and
/// net = gross - fee is the change of its balance there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Line of the file, counted from one.
    pub line: u64,
    /// The writer's own references, the one of the transaction first; empty where a bank gives none.
    pub references: Vec<String>,
    /// References of ours that the line repeats: an order number, an end-to-end id.
    pub ours: Vec<String>,
    /// What it is.
    pub kind: LineKind,
    /// Before the fee.
    pub gross: Money,
    /// What the writer keeps; negative when it gives a fee back.
    pub fee: Money,
    /// The change of the balance.
    pub net: Money,
    /// When it was booked.
    pub at: Timestamp,
    /// When it counts, where that is said.
    pub value_at: Option<Timestamp>,
    /// Whether `at` is a day, without a time of it.
    pub day_only: bool,
    /// What the writer says of it.
    pub text: String,
}

/// One statement: of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// Line of the file where it begins.
    pub line: u64,
    /// The account, as the writer names it; empty where it does not.
    pub account: String,
    /// The writer's number of the statement; empty where it has none.
    pub number: String,
    /// Balance before the first line.
    pub opening: Option<Money>,
    /// Balance after the last line.
    pub closing: Option<Money>,
    /// Where its period begins, if it says so.
    pub from: Option<Timestamp>,
    /// Where its period ends (not part of it), if it says so.
    pub to: Option<Timestamp>,
    /// The lines.
    pub lines: Vec<Line>,
}

/// Something in a file that does not agree with the rest of it. The lines are as they are; nothing is repaired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Line of the file.
    pub line: u64,
    /// What does not agree.
    pub what: String,
    /// By how much, where it is an amount.
    pub off: Option<Money>,
    /// Whether it says that the file may end too early.
    pub cut_off: bool,
}

impl Finding {
    /// At this line, without an amount.
    pub(crate) fn new(line: u64, what: impl Into<String>) -> Self {
        Self { line, what: what.into(), off: None, cut_off: false }
    }
    /// With the amount it is off by.
    pub(crate) fn off(self, off: Option<Money>) -> Self {
        Self { off, ..self }
    }
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parsed {
    /// What it is.
    pub format: Format,
    /// Its statements, in the order of the file.
    pub statements: Vec<Statement>,
    /// What does not agree: balances that do not add up, trailers that count otherwise.
    pub findings: Vec<Finding>,
}

impl Statement {
    /// Compares the balances, where both are given in one currency, with the lines of that currency.
    pub(crate) fn check_balances(&self, findings: &mut Vec<Finding>) {
        let (Some(opening), Some(closing)) = (self.opening, self.closing) else { return };
        if opening.currency != closing.currency {
            return;
        }
        let lines = self.lines.iter().filter(|l| l.net.currency == opening.currency);
        let moved = lines.clone().try_fold(opening, |sum, l| sum.add(l.net));
        let off = moved.and_then(|sum| closing.sub(sum));
        let line = self.lines.last().map_or(self.line, |l| l.line);
        match off {
            Ok(off) if off.is_zero() => {}
            Ok(off) => {
                let reached = Money::new(closing.minor.saturating_sub(off.minor), closing.currency);
                let what =
                    format!("the lines take {opening} to {reached}, the statement closes at {closing}");
                findings.push(Finding::new(line, what).off(Some(off)));
            }
            Err(e) => findings.push(Finding::new(line, e.to_string())),
        }
    }
}
