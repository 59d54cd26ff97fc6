//! Where a level is zero: each factor's effect, averaged over all orders in which the factors could have changed
//! (L. S. Shapley, "A value for n-person games", 1953; for such decompositions J. Albrecht et al., Energy Policy 30 (2002)).

use super::exact::{mul_div, share};

/// Values of the game are in 2^-32 minor units.
const FRACTION: u32 = 32;
/// The orders of four factors.
const ORDERS: i128 = 24;
/// In how many orders a factor comes after exactly so many others.
const AFTER: [i128; 4] = [6, 2, 2, 6];
/// Larger values are refused: 24 of them, weighted, fit.
const LARGEST: u128 = 1 << 116;

/// The effects of the factors up to each, in minor units; the last is the whole change. None beyond 64 bits.
pub(super) fn cumulated(before: &[u64; 4], after: &[u64; 4]) -> Option<[i64; 4]> {
    let ratio = |levels: &[u64; 4], k: usize| match k {
        0 => Some((levels[0], 1)),
        _ => Some((levels[k], levels[k - 1])).filter(|(_, of)| *of > 0),
    };
    // a ratio of nothing is the other side's; of nothing on both sides, one that changes nothing
    let factors: [[(u64, u64); 2]; 4] = std::array::from_fn(|k| {
        let (old, new) = (ratio(before, k), ratio(after, k));
        [old.or(new).unwrap_or((1, 1)), new.or(old).unwrap_or((1, 1))]
    });
    let value = |changed: usize| -> Option<i128> {
        let known = match changed {
            0 => Some(before[3]),
            0b1111 => Some(after[3]),
            _ => None,
        };
        let value = match known {
            Some(level) => u128::from(level) << FRACTION,
            None => (0..4).try_fold(1u128 << FRACTION, |product, k| {
                let (of, through) = factors[k][changed >> k & 1];
                mul_div(product, u128::from(of), u128::from(through))
            })?,
        };
        i128::try_from(value).ok().filter(|_| value < LARGEST)
    };
    let mut sums = [0; 4];
    let mut effect: i128 = 0;
    for (k, sum) in sums.iter_mut().enumerate() {
        for others in (0..16usize).filter(|set| set >> k & 1 == 0) {
            effect += AFTER[others.count_ones() as usize] * (value(others | 1 << k)? - value(others)?);
        }
        *sum = share(effect, 1, ORDERS << FRACTION)?;
    }
    Some(sums)
}
