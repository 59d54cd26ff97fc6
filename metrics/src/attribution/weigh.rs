//! The weight of each touch of a path, as whole numbers.

use std::sync::LazyLock;

use super::{AttributionRule, MOST_TOUCHES, Model, Touch};

/// The weight of the newest touch under `time_decay`; older ones have less, and beyond 40 half-lives nothing.
const NEWEST: u32 = 40;

impl AttributionRule {
    /// Key and weight of the credited touches of a path in order of time. Touches without weight are left out.
    pub(super) fn weigh<K: Copy>(&self, path: &[Touch<K>]) -> Vec<(K, i64)> {
        let (Some(first), Some(last)) = (path.first(), path.last()) else { return Vec::new() };
        let (all, path) = (path, &path[path.len().saturating_sub(MOST_TOUCHES)..]);
        let whole = |touch: &Touch<K>| vec![(touch.key, 1)];
        match self.model {
            Model::First => whole(first),
            Model::Last => whole(last),
            Model::LastNonDirect => whole(all.iter().rev().find(|touch| !touch.direct).unwrap_or(last)),
            Model::Linear => path.iter().map(|touch| (touch.key, 1)).collect(),
            Model::TimeDecay => {
                // relative to the newest touch, which cancels what separates it from the order
                let age = |touch: &Touch<K>| last.at.0.abs_diff(touch.at.0);
                let weigh =
                    |touch: &Touch<K>| (touch.key, halved(age(touch), self.half_life.max(1).unsigned_abs()));
                path.iter().map(weigh).filter(|(_, weight)| *weight > 0).collect()
            }
            Model::Position => {
                let between = i64::try_from(path.len()).unwrap_or(i64::MAX).saturating_sub(2);
                let end = if between > 0 { 2 * between } else { 1 };
                let at_end = |at: usize| at == 0 || at + 1 == path.len();
                let weigh = |(at, touch): (usize, &Touch<K>)| {
                    let key = if at == 0 { first.key } else { touch.key };
                    (key, if at_end(at) { end } else { 1 })
                };
                path.iter().enumerate().map(weigh).collect()
            }
        }
    }
}

/// Places of the fixed-point numbers here.
const PLACES: u32 = 62;

/// 2^-1/2, 2^-1/4, ...: square roots of one another.
static ROOTS: LazyLock<[u128; PLACES as usize]> = LazyLock::new(|| {
    let mut root = 1u128 << (PLACES - 1);
    std::array::from_fn(|_| {
        root = (root << PLACES).isqrt();
        root
    })
});

/// 2^(`NEWEST` - age / half_life), by integers alone: the same on every machine.
fn halved(age: u64, half_life: u64) -> i64 {
    let halvings = age / half_life;
    if halvings > u64::from(NEWEST) {
        return 0;
    }
    // the fraction of a half-life, a bit at a time
    let mut rest = u128::from(age % half_life);
    let mut weight = 1u128 << PLACES;
    for root in *ROOTS {
        if rest == 0 {
            break;
        }
        rest *= 2;
        if rest >= u128::from(half_life) {
            rest -= u128::from(half_life);
            weight = (weight * root) >> PLACES;
        }
    }
    let weight = weight >> (PLACES - NEWEST) >> halvings;
    i64::try_from(weight).expect("invariant: at most 2^40")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_halves_with_each_half_life_and_smoothly_between() {
        let whole = 1i64 << NEWEST;
        for (age, half_life, part) in [
            (0, 7, 1.0),
            (7, 7, 0.5),
            (14, 7, 0.25),
            (21, 7, 0.125),
            (1, 7, 0.905_723_664_263_906),
            (3, 7, 0.742_997_144_568_474),
            (30, 7, 0.051270959750477),
        ] {
            let weight = halved(age, half_life) as f64 / whole as f64;
            assert!((weight - part).abs() < 1e-10, "{age} of {half_life}: {weight}");
        }
        assert_eq!((halved(40 * 7, 7), halved(41 * 7, 7), halved(u64::MAX, 1)), (1, 0, 0));
    }

    #[test]
    fn an_older_touch_never_weighs_more() {
        let weights: Vec<i64> = (0..5_000).map(|age| halved(age, 613)).collect();
        assert!(weights.windows(2).all(|pair| pair[0] >= pair[1]));
    }
}
