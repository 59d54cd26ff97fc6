//! Why GMV changed: the change between two periods, split into what traffic, mix, conversion and unit price did.
//!
//! GMV = UV x (buyers / UV) x (GMV / buyers). With the logarithmic mean L(a, b) = (a - b) / ln(a / b) the change of a
//! product is exactly the sum over its factors of L(GMV after, GMV before) x ln(factor after / factor before): the
//! additive logarithmic-mean Divisia index, LMDI-I, which leaves no residue, does not depend on the order of factors, and
//! turns its sign when the periods change places (B. W. Ang, "The LMDI approach to decomposition analysis: a practical
//! guide", Energy Policy 33 (2005) 867-871). Over cells of a dimension (channel, category, merchant) the traffic of a
//! cell is that of the whole times the cell's share of it, and what the shares did is the mix. A visitor that came by
//! two channels is in both cells, so shares may sum to more than one; the mix holds that too.
//!
//! A logarithm needs levels above zero on both sides. Where one is zero (a new channel, a merchant that sold
//! nothing) the parts are Shapley's: of a factor, its effect averaged over all orders in which the factors could have
//! changed. A ratio without a denominator (the conversion of nobody) is taken from the other side: what was not there has
//! changed nothing.
//!
//! Parts are money. The parts up to each factor are rounded half to even to the minor unit and the differences taken, so
//! that they add up to the change exactly, with no part off by a unit or more; all of it in integers (`exact.rs`), so
//! that every machine gives the same.

mod exact;
mod shapley;

use std::fmt;

use daybook_domain::{Currency, Money, MoneyError};

/// The largest number of visitors or buyers.
pub const MOST: u64 = 1 << 40;

/// What a cell had in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side {
    /// Distinct visitors.
    pub visitors: u64,
    /// Distinct buyers.
    pub buyers: u64,
    /// What they paid.
    pub gmv: Money,
}

/// How the parts were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// By the logarithmic mean.
    Lmdi,
    /// A level was zero: by averaging over the orders of change.
    Shapley,
    /// Sums over cells, which may have used either.
    Sum,
}

impl Method {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lmdi => "lmdi",
            Self::Shapley => "shapley",
            Self::Sum => "sum",
        }
    }
}

/// A change and its parts: `after - before = traffic + mix + conversion + unit_price + untracked`, to the minor unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explained {
    /// GMV before.
    pub before: Money,
    /// GMV after.
    pub after: Money,
    /// By more or fewer visitors of the whole.
    pub traffic: Money,
    /// By a larger or smaller share of them; zero for the whole.
    pub mix: Money,
    /// By more or fewer buyers among them.
    pub conversion: Money,
    /// By what a buyer spent.
    pub unit_price: Money,
    /// The change of GMV that no visitor was seen for: outside of what the identity explains.
    pub untracked: Money,
    /// How it was found.
    pub method: Method,
}

/// Why a change was not explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExplainError {
    /// Amounts of two currencies, or beyond what 64 bits hold.
    Money(MoneyError),
    /// A GMV below zero: what customers paid, before refunds, cannot be.
    Negative {
        /// The amount.
        gmv: Money,
    },
    /// More visitors or buyers than [`MOST`].
    TooMany {
        /// How many.
        count: u64,
    },
    /// A cell has more visitors than the whole it is part of.
    CellAboveWhole {
        /// The cell's.
        cell: u64,
        /// The whole's.
        whole: u64,
    },
}

impl fmt::Display for ExplainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Money(error) => error.fmt(f),
            Self::Negative { gmv } => write!(f, "a GMV of {gmv} is below zero: explain GMV before refunds"),
            Self::TooMany { count } => write!(f, "{count} visitors or buyers are more than {MOST}"),
            Self::CellAboveWhole { cell, whole } => {
                write!(f, "a cell has {cell} visitors of {whole} in all: count the whole over all its cells")
            }
        }
    }
}

impl std::error::Error for ExplainError {}

impl From<MoneyError> for ExplainError {
    fn from(error: MoneyError) -> Self {
        Self::Money(error)
    }
}

/// Explains the change of a whole: its mix is zero.
///
/// # Errors
/// [`ExplainError`].
pub fn explain(before: Side, after: Side) -> Result<Explained, ExplainError> {
    explain_cell((before.visitors, after.visitors), before, after)
}

/// Explains the change of a cell of a whole with so many distinct visitors before and after.
///
/// # Errors
/// [`ExplainError`].
pub fn explain_cell(whole: (u64, u64), before: Side, after: Side) -> Result<Explained, ExplainError> {
    let currency = before.gmv.currency;
    after.gmv.sub(before.gmv)?;
    let (levels_before, outside_before) = before.levels(whole.0)?;
    let (levels_after, outside_after) = after.levels(whole.1)?;
    let (parts, method) = split(&levels_before, &levels_after)?;
    let money = |minor| Money::new(minor, currency);
    Ok(Explained {
        before: before.gmv,
        after: after.gmv,
        traffic: money(parts[0]),
        mix: money(parts[1]),
        conversion: money(parts[2]),
        unit_price: money(parts[3]),
        untracked: money(outside_after - outside_before),
        method,
    })
}

impl Side {
    /// Visitors of the whole, visitors, buyers and GMV; and the GMV that has nobody behind it.
    fn levels(&self, whole: u64) -> Result<([u64; 4], i64), ExplainError> {
        let count = whole.max(self.visitors).max(self.buyers);
        if count > MOST {
            return Err(ExplainError::TooMany { count });
        }
        if self.visitors > whole {
            return Err(ExplainError::CellAboveWhole { cell: self.visitors, whole });
        }
        let gmv = u64::try_from(self.gmv.minor).map_err(|_| ExplainError::Negative { gmv: self.gmv })?;
        if self.visitors == 0 || self.buyers == 0 {
            return Ok(([whole, self.visitors, 0, 0], self.gmv.minor));
        }
        Ok(([whole, self.visitors, self.buyers, gmv], 0))
    }
}

/// What each factor (a level through the one before it) contributed to the change of the last level.
fn split(before: &[u64; 4], after: &[u64; 4]) -> Result<([i64; 4], Method), MoneyError> {
    if before.iter().chain(after).any(|level| *level == 0) {
        let sums = shapley::cumulated(before, after).ok_or(MoneyError::Overflow)?;
        return Ok((differences(sums), Method::Shapley));
    }
    let change = i128::from(after[3]) - i128::from(before[3]);
    let logs: [i128; 4] = std::array::from_fn(|k| exact::ln_ratio(after[k], before[k]));
    let one = i128::try_from(exact::ONE).expect("invariant: 2^120");
    let mut sums = [0; 4];
    for (sum, log) in sums.iter_mut().zip(logs) {
        // L(a, a) = a: where GMV stood still, its factors may have moved against each other
        let (mean_over, whole) = if change == 0 { (i128::from(after[3]), one) } else { (change, logs[3]) };
        *sum = exact::share(mean_over, log, whole).ok_or(MoneyError::Overflow)?;
    }
    Ok((differences(sums), Method::Lmdi))
}

fn differences(sums: [i64; 4]) -> [i64; 4] {
    [sums[0], sums[1] - sums[0], sums[2] - sums[1], sums[3] - sums[2]]
}

impl Explained {
    /// No change of nothing.
    #[must_use]
    pub fn zero(currency: Currency) -> Self {
        let zero = Money::zero(currency);
        Self {
            before: zero,
            after: zero,
            traffic: zero,
            mix: zero,
            conversion: zero,
            unit_price: zero,
            untracked: zero,
            method: Method::Sum,
        }
    }

    /// This and another cell together.
    ///
    /// # Errors
    /// [`MoneyError`].
    pub fn and(self, other: &Self) -> Result<Self, MoneyError> {
        Ok(Self {
            before: self.before.add(other.before)?,
            after: self.after.add(other.after)?,
            traffic: self.traffic.add(other.traffic)?,
            mix: self.mix.add(other.mix)?,
            conversion: self.conversion.add(other.conversion)?,
            unit_price: self.unit_price.add(other.unit_price)?,
            untracked: self.untracked.add(other.untracked)?,
            method: Method::Sum,
        })
    }

    /// The change.
    ///
    /// # Errors
    /// [`MoneyError`].
    pub fn change(&self) -> Result<Money, MoneyError> {
        self.after.sub(self.before)
    }
}
