//! The lines of a merchant's account and the settlements they belong to: the one place of these rules, for the run
//! that closes settlements, the queries that show them and the checks that derive them again.
//!
//! A line is a posting to what a merchant has pending, save a settlement's own. A merchant's lines are numbered
//! 1, 2, ... in journal order, over all currencies. A line belongs to the first settlement of its currency whose cut
//! takes it: its number is not above `through`, and it is booked before `until`. So what is written to the journal
//! after a run, or happens after its day, waits for the next, and nothing is taken twice or lost: neither bound
//! ever decreases.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::commands::SettlementFigures;
use super::events::SettlementClosed;
use super::state::Cut;
use crate::codec::words;
use crate::posting::Entry;
use crate::{Currency, EventKind, Money, MoneyError, OrderId, Reference, SettlementId, Timestamp};

words! {
    /// What a line is about.
    LineKind { Release = "release", Commission = "commission", Refund = "refund", Fee = "fee",
        Penalty = "penalty", Reward = "reward", Chargeback = "chargeback",
        /// Given back because a ruling was reversed.
        RulingReversed = "ruling_reversed",
        /// Brought over from the deposit to make a debt good.
        Deposit = "deposit",
        /// Adjustments, and vouchers.
        Adjustment = "adjustment" }
}

impl LineKind {
    /// What a line of this event is about.
    #[must_use]
    pub const fn of(event: EventKind) -> Self {
        match event {
            EventKind::EscrowReleased => Self::Release,
            EventKind::CommissionCharged | EventKind::CommissionReversed => Self::Commission,
            EventKind::RefundIssued => Self::Refund,
            EventKind::PlatformFeeCharged
            | EventKind::AdvertisingFeeCharged
            | EventKind::ReturnFreightCharged
            | EventKind::FeeWaived => Self::Fee,
            EventKind::PenaltyCharged => Self::Penalty,
            EventKind::RewardGranted => Self::Reward,
            EventKind::ChargebackClosed => Self::Chargeback,
            EventKind::RulingReversed => Self::RulingReversed,
            EventKind::DepositDeducted => Self::Deposit,
            _ => Self::Adjustment,
        }
    }
}

/// Whether an entry changes what a merchant has pending; the merchant is its dimension, whatever stream it is of.
#[must_use]
pub fn is_pending(entry: &Entry<'_>) -> bool {
    entry.account.name == "MerchantPending"
}

/// Whether an entry of an event of this type is a line of a merchant's account; the merchant is its dimension.
#[must_use]
pub fn is_line(event: EventKind, entry: &Entry<'_>) -> bool {
    is_pending(entry) && !matches!(event, EventKind::SettlementClosed)
}

/// A line of a merchant's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// 1, 2, ... in journal order.
    pub number: u64,
    /// For the merchant where positive, against it where negative.
    pub amount: Money,
    /// What happened.
    pub event: EventKind,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When it is booked: then, or at the start of the first open period.
    pub booked_at: Timestamp,
    /// The order it concerns.
    pub order: Option<OrderId>,
}

impl Line {
    /// What it is about.
    #[must_use]
    pub const fn kind(&self) -> LineKind {
        LineKind::of(self.event)
    }
}

/// The two bounds of a settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// It takes what is booked before this instant,
    pub until: Timestamp,
    /// of the lines up to this number.
    pub through: u64,
}

impl Bounds {
    /// Before any settlement: they take nothing.
    pub const NONE: Self = Self { until: Timestamp(i64::MIN), through: 0 };

    /// Whether a settlement of these bounds takes a line that no earlier one has taken.
    #[must_use]
    pub const fn take(self, number: u64, booked_at: Timestamp) -> bool {
        number <= self.through && booked_at.0 < self.until.0
    }

    /// Which of the settlements of a currency, in the order in which they were closed, has a line.
    #[must_use]
    pub fn first(closed: &[Self], number: u64, booked_at: Timestamp) -> Option<usize> {
        // neither bound ever decreases
        let far = closed.partition_point(|bounds| bounds.through < number);
        let late = closed.partition_point(|bounds| bounds.until.0 <= booked_at.0);
        Some(far.max(late)).filter(|at| *at < closed.len())
    }
}

impl From<&SettlementClosed> for Bounds {
    fn from(e: &SettlementClosed) -> Self {
        Self { until: e.until, through: e.through }
    }
}

impl From<Cut> for Bounds {
    fn from(cut: Cut) -> Self {
        Self { until: cut.until, through: cut.through }
    }
}

/// The lines of a merchant that no settlement has taken yet, in the order of their numbers.
#[derive(Clone, Debug, Default)]
pub struct OpenLines {
    lines: Vec<Line>,
    count: u64,
}

impl OpenLines {
    /// The next line: numbers it and keeps it.
    pub fn push(&mut self, line: Line) {
        self.count += 1;
        self.lines.push(Line { number: self.count, ..line });
    }

    /// How many lines there ever were: the number of the last.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Those that are open.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Takes out what a settlement of `currency` within `bounds` takes.
    pub fn take(&mut self, currency: Currency, bounds: Bounds) -> Vec<Line> {
        let takes =
            |line: &mut Line| line.amount.currency == currency && bounds.take(line.number, line.booked_at);
        self.lines.extract_if(.., takes).collect()
    }
}

/// The figures of a settlement from its lines, which stand in the order of their numbers. Each figure is positive in
/// its usual direction; `adjustments`, with what reversed rulings and the deposit gave, is signed.
///
/// # Errors
/// [`MoneyError`] when a line is of another currency or a sum goes out of range.
pub fn figures(
    settlement: SettlementId,
    bounds: Bounds,
    carried_in: Money,
    lines: &[Line],
) -> Result<SettlementFigures, MoneyError> {
    let zero = Money::zero(carried_in.currency);
    let mut f = SettlementFigures {
        settlement,
        until: bounds.until,
        through: bounds.through,
        currency: carried_in.currency,
        carried_in,
        gross: zero,
        refunds: zero,
        commission: zero,
        fees: zero,
        rewards: zero,
        penalties: zero,
        chargebacks: zero,
        adjustments: zero,
        total: carried_in,
        orders: 0,
        lines: lines.len() as u64,
        digest: digest(lines),
    };
    let mut orders = BTreeSet::new();
    for line in lines {
        f.total = f.total.add(line.amount)?;
        orders.extend(line.order);
        match line.kind() {
            LineKind::Release => f.gross = f.gross.add(line.amount)?,
            LineKind::Refund => f.refunds = f.refunds.sub(line.amount)?,
            LineKind::Commission => f.commission = f.commission.sub(line.amount)?,
            LineKind::Fee => f.fees = f.fees.sub(line.amount)?,
            LineKind::Reward => f.rewards = f.rewards.add(line.amount)?,
            LineKind::Penalty => f.penalties = f.penalties.sub(line.amount)?,
            LineKind::Chargeback => f.chargebacks = f.chargebacks.sub(line.amount)?,
            LineKind::RulingReversed | LineKind::Deposit | LineKind::Adjustment => {
                f.adjustments = f.adjustments.add(line.amount)?;
            }
        }
    }
    f.orders = orders.len() as u64;
    Ok(f)
}

/// SHA-256 over the lines, in hex: one text line each, `number|amount|currency|event|occurred_at|booked_at|order`.
#[must_use]
pub fn digest(lines: &[Line]) -> Reference {
    let mut hash = Sha256::new();
    let mut text = String::new();
    for line in lines {
        text.clear();
        let order = line.order.as_ref().map_or("", |id| id.as_str());
        let Line { number, amount, event, occurred_at, booked_at, .. } = line;
        // microseconds, so that the text does not hang on how an instant is written
        let (occurred_at, booked_at) = (occurred_at.0, booked_at.0);
        let (minor, currency, event) = (amount.minor, amount.currency, event.as_str());
        writeln!(text, "{number}|{minor}|{currency}|{event}|{occurred_at}|{booked_at}|{order}")
            .expect("invariant: a text takes all that is written");
        hash.update(text.as_bytes());
    }
    let mut hex = String::with_capacity(64);
    for byte in hash.finalize() {
        write!(hex, "{byte:02x}").expect("invariant: a text takes all that is written");
    }
    Reference::new(&hex).expect("invariant: 64 hexadecimal digits are a reference")
}
