//! What a campaign really brought: the difference to those who were held out of it, with an interval.
//!
//! Visitors were assigned to the campaign or to a holdout before anything was shown. What both did is compared per
//! *assigned* visitor, whether or not the campaign reached it: only so are the two alike in all but the campaign
//! (intention to treat). Two questions have two methods:
//!
//! - **How many more bought**: a difference of two proportions, with Newcombe's hybrid score interval (R. G. Newcombe,
//!   "Interval estimation for the difference between independent proportions", Statistics in Medicine 17 (1998)
//!   873-890, method 10). Conversion is a matter of per cents, where the textbook interval (Wald) covers too little
//!   and can leave the range; this one covers close to 95 % down to a few buyers.
//! - **How much more was spent**: a difference of two means with unpooled variances (Welch), and Student's quantile at
//!   Welch and Satterthwaite's degrees of freedom. Few buy and amounts are skewed, so groups below
//!   [`FEWEST`] assigned visitors are refused rather than answered with a false certainty.
//!
//! These are estimates about the world, not entries of the books: they are floats, and rounded for people at the edge.
//! Sums that go into them are exact. `sqrt` is the only function used beyond + - * /, and IEEE 754 fixes its last bit.

use std::fmt;

/// The smallest group, in assigned visitors.
pub const FEWEST: u64 = 30;

/// The fewest buyers of a group whose spending is compared: below, the sums rest on a few baskets, and an interval from
/// them covers 78 to 92 % instead of 95 (simulated: 30 and 30 visitors, 300 and 100, 1,000 and 200, of whom 2 to 3 % buy).
pub const FEWEST_BUYERS: u64 = 30;

/// The 97.5 % quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// What a group did, as sums over its assigned visitors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Visitors assigned to it.
    pub assigned: u64,
    /// Of them, who bought.
    pub buyers: u64,
    /// What they spent together, in minor units.
    pub spent: i128,
    /// The sum of the squares of what each spent.
    pub spent_squared: i128,
}

impl Group {
    /// Adds a visitor who was assigned to it and spent so much, in minor units; who spent nothing is no buyer.
    pub fn add(&mut self, spent: i64) {
        self.assigned += 1;
        self.buyers += u64::from(spent != 0);
        self.spent += i128::from(spent);
        self.spent_squared += i128::from(spent) * i128::from(spent);
    }
}

/// An estimate with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The estimate.
    pub estimate: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// Whether a value lies in it.
    #[must_use]
    pub fn covers(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// The same for so many: per visitor to all visitors.
    #[must_use]
    pub fn times(self, count: f64) -> Self {
        Self { low: self.low * count, estimate: self.estimate * count, high: self.high * count }
    }
}

/// What a campaign brought.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lift {
    /// Buyers more for each assigned visitor.
    pub conversion: Interval,
    /// Minor units more for each assigned visitor; none where a group has fewer than [`FEWEST_BUYERS`] buyers, or all
    /// spent the same.
    pub spent: Option<Interval>,
    /// Buyers more, over all that the campaign was meant for.
    pub buyers: Interval,
    /// Minor units more, over all that the campaign was meant for; none as `spent`.
    pub revenue: Option<Interval>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiftError {
    /// A group is too small.
    TooFew {
        /// `campaign` or `holdout`.
        group: &'static str,
        /// Its assigned visitors.
        assigned: u64,
    },
    /// More buyers than visitors: buyers were counted who were not assigned.
    Impossible {
        /// `campaign` or `holdout`.
        group: &'static str,
    },
}

impl fmt::Display for LiftError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew { group, assigned } => write!(
                f,
                "the {group} has {assigned} assigned visitors, and {FEWEST} are needed: hold out more, or wait longer"
            ),
            Self::Impossible { group } => write!(
                f,
                "the {group} has more buyers than assigned visitors: count only buyers who were assigned to it"
            ),
        }
    }
}

impl std::error::Error for LiftError {}

/// The lift of a campaign over its holdout.
///
/// # Errors
/// [`LiftError`].
pub fn lift(campaign: &Group, holdout: &Group) -> Result<Lift, LiftError> {
    for (group, of_it) in [("campaign", campaign), ("holdout", holdout)] {
        if of_it.assigned < FEWEST {
            return Err(LiftError::TooFew { group, assigned: of_it.assigned });
        }
        if of_it.buyers > of_it.assigned {
            return Err(LiftError::Impossible { group });
        }
    }
    let conversion = proportions(campaign, holdout);
    let enough = campaign.buyers.min(holdout.buyers) >= FEWEST_BUYERS;
    let spent = if enough { means(campaign, holdout) } else { None };
    let all = campaign.assigned as f64;
    Ok(Lift {
        conversion,
        spent,
        buyers: conversion.times(all),
        revenue: spent.map(|spent| spent.times(all)),
    })
}

/// Newcombe's interval: the two score intervals, joined as the sides of a triangle.
fn proportions(campaign: &Group, holdout: &Group) -> Interval {
    let (p1, low1, high1) = score(campaign);
    let (p2, low2, high2) = score(holdout);
    let estimate = p1 - p2;
    let side = |a: f64, b: f64| (a * a + b * b).sqrt();
    Interval {
        low: estimate - side(p1 - low1, high2 - p2),
        estimate,
        high: estimate + side(high1 - p1, p2 - low2),
    }
}

/// A proportion with Wilson's score interval.
fn score(group: &Group) -> (f64, f64, f64) {
    let (n, p) = (group.assigned as f64, group.buyers as f64 / group.assigned as f64);
    let z2 = Z * Z;
    let middle = p + z2 / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let of = 1.0 + z2 / n;
    (p, (middle - half) / of, (middle + half) / of)
}

/// Welch's interval of the difference of means; none where nothing varies, and so nothing is known of how it does.
fn means(campaign: &Group, holdout: &Group) -> Option<Interval> {
    let (m1, v1) = mean_and_its_variance(campaign);
    let (m2, v2) = mean_and_its_variance(holdout);
    let estimate = m1 - m2;
    let variance = v1 + v2;
    if variance == 0.0 {
        return None;
    }
    let of = |v: f64, group: &Group| v * v / (group.assigned as f64 - 1.0);
    let freedom = variance * variance / (of(v1, campaign) + of(v2, holdout));
    let half = student(freedom) * variance.sqrt();
    Some(Interval { low: estimate - half, estimate, high: estimate + half })
}

fn mean_and_its_variance(group: &Group) -> (f64, f64) {
    let n = i128::from(group.assigned);
    // exact up to here: the difference of two large sums is where floats would lose everything
    let scatter = n.saturating_mul(group.spent_squared) - group.spent.saturating_mul(group.spent);
    let n = n as f64;
    (group.spent as f64 / n, scatter.max(0) as f64 / (n * n * (n - 1.0)))
}

/// The 97.5 % quantile of Student's distribution, by Cornish and Fisher's expansion: right to 4 digits from 29 degrees of
/// freedom on, which [`FEWEST`] sees to.
fn student(freedom: f64) -> f64 {
    let z3 = Z * Z * Z;
    let (z5, z7) = (z3 * Z * Z, z3 * z3 * Z);
    Z + (z3 + Z) / (4.0 * freedom)
        + (5.0 * z5 + 16.0 * z3 + 3.0 * Z) / (96.0 * freedom * freedom)
        + (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * Z) / (384.0 * freedom * freedom * freedom)
}

/// What last click credits a campaign with, beside what it brought.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LastClickBias {
    /// Revenue of orders whose last click was the campaign's, in minor units.
    pub credited: f64,
    /// Revenue more than without the campaign.
    pub incremental: Interval,
    /// How much more last click says: credit for orders that would have come anyway, less those it brought and others
    /// were credited with.
    pub overstated: Interval,
}

impl Lift {
    /// Last click's credit beside the lift, where there is one of the revenue.
    #[must_use]
    pub fn beside_last_click(&self, credited_minor: i64) -> Option<LastClickBias> {
        let (credited, incremental) = (credited_minor as f64, self.revenue?);
        let Interval { low, estimate, high } = incremental;
        let overstated =
            Interval { low: credited - high, estimate: credited - estimate, high: credited - low };
        Some(LastClickBias { credited, incremental, overstated })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(assigned: u64, buyers: u64) -> Group {
        Group { assigned, buyers, ..Group::default() }
    }

    #[test]
    fn newcombes_own_examples() {
        // Newcombe 1998, table II: 56/70 - 48/80 and 9/10 - 3/10 lie within reach of method 10 as printed
        let of = proportions(&group(70, 56), &group(80, 48));
        assert!((of.low - 0.0524).abs() < 5e-5 && (of.high - 0.3339).abs() < 5e-5, "{of:?}");
        let of = proportions(&group(10, 9), &group(10, 3));
        assert!((of.low - 0.1705).abs() < 5e-5 && (of.high - 0.8090).abs() < 5e-5, "{of:?}");
        let of = proportions(&group(10, 10), &group(20, 0));
        assert!((of.low - 0.6791).abs() < 5e-5 && (of.high - 1.0).abs() < 5e-5, "{of:?}");
    }

    #[test]
    fn students_quantiles_as_in_tables() {
        for (freedom, quantile) in [(29.0, 2.0452), (60.0, 2.0003), (120.0, 1.9799), (1e9, 1.9600)] {
            assert!((student(freedom) - quantile).abs() < 1e-4, "{freedom}: {}", student(freedom));
        }
    }

    #[test]
    fn means_are_compared_exactly_however_large_the_amounts() {
        let (mut campaign, mut holdout) = (Group::default(), Group::default());
        for n in 0..50 {
            campaign.add(1_000_000_000_000 + n % 5);
            holdout.add(1_000_000_000_000 + n % 4);
        }
        let spent = lift(&campaign, &holdout).unwrap().spent.unwrap();
        // means 2 and 1.46 above the same; variances 2.0408 and 1.2739 (1/49 of the scatter), of 50 each
        assert!((spent.estimate - 0.54).abs() < 1e-3, "{spent:?}");
        assert!((spent.high - spent.low - 2.0 * 1.986 * 0.2575).abs() < 1e-2, "{spent:?}");
    }

    #[test]
    fn too_few_and_too_many_are_refused() {
        let refused = lift(&group(29, 1), &group(100, 1)).unwrap_err().to_string();
        assert!(refused.contains("the campaign has 29") && refused.contains("hold out more"), "{refused}");
        let refused = lift(&group(100, 1), &group(100, 101)).unwrap_err();
        assert_eq!(refused, LiftError::Impossible { group: "holdout" });
        // nobody bought at all: no lift, with an interval that says how little is known
        let none = lift(&group(100, 0), &group(100, 0)).unwrap();
        assert!(none.conversion.estimate == 0.0 && none.conversion.high > 0.03);
        assert_eq!((none.spent, none.revenue), (None, None), "and none of what nobody spent");
    }

    #[test]
    fn last_click_is_set_beside_the_lift() {
        let revenue = Interval { low: 80.0, estimate: 100.0, high: 120.0 };
        let lift =
            Lift { conversion: revenue, spent: Some(revenue), buyers: revenue, revenue: Some(revenue) };
        let bias = lift.beside_last_click(300).unwrap();
        assert_eq!(bias.overstated, Interval { low: 180.0, estimate: 200.0, high: 220.0 });
        assert!(bias.overstated.covers(200.0) && !bias.overstated.covers(0.0));
    }
}
