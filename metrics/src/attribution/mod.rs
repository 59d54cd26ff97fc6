//! Who earned an order: its revenue credited to the visits before it, by a named model.
//!
//! | model | credit |
//! |---|---|
//! | `first` | all to the first touch |
//! | `last` | all to the last touch (the default) |
//! | `last_non_direct` | all to the last touch that was not direct; where all were, to the last |
//! | `linear` | the same to each |
//! | `time_decay` | half as much for each half-life (7 days) of distance to the order |
//! | `position` | 40 % to the first and to the last, 20 % shared by those between; 50:50 of two |
//!
//! A touch is a visit's arrival, looked back for over 30 days. An order that no touch precedes is unattributed: so the
//! credits of all orders, the unattributed part included, are all orders, and their revenue is all revenue.
//!
//! Credits are exact: whole weights out of their sum, never floats. Money is split over the weights of an order's touches
//! by [`allocate`], in the order of the touches, and then added up by key: parts sum to the net revenue to the minor
//! unit, and when a refund lands and the same weights split what is left, no touch's revenue grows. Restated over
//! any series of refunds, the credits of an order refunded in full are exactly zero.

mod weigh;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use daybook_domain::time::DAY;
use daybook_domain::{Money, MoneyError, Timestamp, allocate};

/// How far back touches count: 30 days, in microseconds.
pub const DEFAULT_LOOK_BACK: i64 = 30 * DAY;
/// In which time a touch's weight halves under `time_decay`: 7 days, in microseconds.
pub const DEFAULT_HALF_LIFE: i64 = 7 * DAY;

/// How many touches of a path `linear`, `time_decay` and `position` weigh: the last ones (`position` beside the very first). What ten thousand visits of one terminal
/// (a till, a bot) have to do with its next order nobody can tell, and weighing all of them for each would take for ever.
pub const MOST_TOUCHES: usize = 500;

/// Who earned it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Model {
    /// The first touch.
    First,
    /// The last touch: the default.
    #[default]
    Last,
    /// The last touch that was not direct.
    LastNonDirect,
    /// All, the same.
    Linear,
    /// All, later ones more.
    TimeDecay,
    /// First and last most.
    Position,
}

impl Model {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::First, Self::Last, Self::LastNonDirect, Self::Linear, Self::TimeDecay, Self::Position];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Last => "last",
            Self::LastNonDirect => "last_non_direct",
            Self::Linear => "linear",
            Self::TimeDecay => "time_decay",
            Self::Position => "position",
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Model {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|model| model.as_str() == text).ok_or_else(|| {
            let all = Self::ALL.map(Self::as_str).join(", ");
            format!("{text:?} is no attribution model: use one of {all}")
        })
    }
}

/// An arrival of a visitor. `K` is what is credited: a channel, a campaign, both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Touch<K> {
    /// When.
    pub at: Timestamp,
    /// By what.
    pub key: K,
    /// Whether it came direct.
    pub direct: bool,
}

/// The touches of one visitor in order of time; of those at one instant, in the order in which they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path<K>(Vec<Touch<K>>);

impl<K> Path<K> {
    /// Of touches in any order.
    #[must_use]
    pub fn of(mut touches: Vec<Touch<K>>) -> Self {
        touches.sort_by_key(|touch| touch.at);
        Self(touches)
    }
}

/// A model with its windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttributionRule {
    /// Who earned it.
    pub model: Model,
    /// How far back touches count, in microseconds; one exactly so old still does.
    pub look_back: i64,
    /// In which time a weight halves under `time_decay`, in microseconds; at least one.
    pub half_life: i64,
}

impl Default for AttributionRule {
    fn default() -> Self {
        Self::of(Model::default())
    }
}

/// The credits of one order: whole weights out of their sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credits<K> {
    /// Each credited touch's key with its weight, in the order of the touches; none: the order is unattributed.
    weights: Vec<(K, i64)>,
}

/// An amount by whom it was earned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credited<K> {
    /// By key; a key that was touched and earned nothing is in it with zero.
    pub by: BTreeMap<K, Money>,
    /// What nobody earned.
    pub unattributed: Money,
}

impl AttributionRule {
    /// A model with the usual windows.
    #[must_use]
    pub const fn of(model: Model) -> Self {
        Self { model, look_back: DEFAULT_LOOK_BACK, half_life: DEFAULT_HALF_LIFE }
    }

    /// The credits of an order placed at an instant, from its visitor's touches. Those after the order or beyond the
    /// look-back don't count.
    #[must_use]
    pub fn credits<K: Copy>(&self, ordered_at: Timestamp, Path(touches): &Path<K>) -> Credits<K> {
        let first = ordered_at.0.saturating_sub(self.look_back);
        let from = touches.partition_point(|touch| touch.at.0 < first);
        let until = touches.partition_point(|touch| touch.at <= ordered_at);
        Credits { weights: self.weigh(touches.get(from..until).unwrap_or_default()) }
    }
}

impl<K: Copy + Ord> Credits<K> {
    /// Whether nothing that counts preceded the order.
    #[must_use]
    pub fn is_unattributed(&self) -> bool {
        self.weights.is_empty()
    }

    /// The credited touches' keys with their weights, in the order of the touches.
    #[must_use]
    pub fn weights(&self) -> &[(K, i64)] {
        &self.weights
    }

    /// A key's credit: so much out of so much. Nothing is credited out of one where the order is unattributed.
    #[must_use]
    pub fn of(&self, key: K) -> (i128, i128) {
        let sum = |all: &mut dyn Iterator<Item = i64>| all.map(i128::from).sum::<i128>();
        let whole = sum(&mut self.weights.iter().map(|(_, weight)| *weight));
        let own = sum(&mut self.weights.iter().filter(|(of, _)| *of == key).map(|(_, weight)| *weight));
        (own, whole.max(1))
    }

    /// An amount split by the credits, to the minor unit: the order's net revenue, or its refund-net revenue after each
    /// refund. Split so, the parts of a smaller amount are no larger.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] with more touches than weights of 64 bits can hold.
    pub fn split(&self, amount: Money) -> Result<Credited<K>, MoneyError> {
        let zero = Money::zero(amount.currency);
        if self.weights.is_empty() {
            return Ok(Credited { by: BTreeMap::new(), unattributed: amount });
        }
        let weights: Vec<i64> = self.weights.iter().map(|(_, weight)| *weight).collect();
        let mut by = BTreeMap::new();
        for ((key, _), part) in self.weights.iter().zip(allocate(amount.minor, &weights)?) {
            let credited = by.entry(*key).or_insert(zero);
            *credited = credited.add(Money::new(part, amount.currency))?;
        }
        Ok(Credited { by, unattributed: zero })
    }
}

impl<K: Copy + Ord> Credited<K> {
    /// Nothing yet.
    #[must_use]
    pub fn nothing(zero: Money) -> Self {
        Self { by: BTreeMap::new(), unattributed: Money::zero(zero.currency) }
    }

    /// Adds another order's.
    ///
    /// # Errors
    /// [`MoneyError`].
    pub fn add(&mut self, other: &Self) -> Result<(), MoneyError> {
        self.unattributed = self.unattributed.add(other.unattributed)?;
        for (key, amount) in &other.by {
            let sum = self.by.entry(*key).or_insert(Money::zero(amount.currency));
            *sum = sum.add(*amount)?;
        }
        Ok(())
    }

    /// All of it, the unattributed part included.
    ///
    /// # Errors
    /// [`MoneyError`].
    pub fn total(&self) -> Result<Money, MoneyError> {
        self.by.values().try_fold(self.unattributed, |sum, amount| sum.add(*amount))
    }
}
