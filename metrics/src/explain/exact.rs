//! Arithmetic of explanations, in integers only: the same digits on every machine, which the logarithms of a platform's
//! floating-point library do not promise.
//!
//! A logarithm is a number of 2^-120. With levels below 2^63 that leaves more than 56 correct bits even where
//! two levels are neighbours, so a part of a change of 10^15 minor units is right to less than one of them.

/// One, as a fixed-point number.
pub(super) const ONE: u128 = 1 << 120;

/// ln 2.
const LN_2: i128 = 921_350_637_599_661_305_226_344_307_672_478_455;

/// `a * b / d`, rounded half to even; none where the result takes more than 127 bits. `d` is below 2^127 and not zero.
pub(super) fn mul_div(a: u128, b: u128, d: u128) -> Option<u128> {
    debug_assert!(d != 0 && d >> 127 == 0, "invariant: the remainder is doubled below");
    if let Some(product) = a.checked_mul(b) {
        let (quotient, rest) = (product / d, product % d);
        return Some(quotient + round_up(quotient, rest, d)).filter(|q| q >> 127 == 0);
    }
    let (high, low) = widening_mul(a, b);
    if high >= d {
        return None;
    }
    // long division, a bit at a time: the remainder stays below d, so doubling it loses nothing
    let (mut rest, mut quotient) = (high, 0u128);
    for bit in (0..128).rev() {
        rest = rest << 1 | (low >> bit & 1);
        quotient <<= 1;
        if rest >= d {
            rest -= d;
            quotient |= 1;
        }
    }
    Some(quotient).filter(|q| q >> 127 == 0).map(|q| q + round_up(q, rest, d)).filter(|q| q >> 127 == 0)
}

/// 1 where a quotient is rounded up.
fn round_up(quotient: u128, rest: u128, d: u128) -> u128 {
    let twice = rest * 2;
    u128::from(twice > d || (twice == d && quotient % 2 == 1))
}

/// The product of 256 bits, as its upper and lower half.
fn widening_mul(a: u128, b: u128) -> (u128, u128) {
    const LOW: u128 = u64::MAX as u128;
    let (a1, a0, b1, b0) = (a >> 64, a & LOW, b >> 64, b & LOW);
    let (ll, lh, hl, hh) = (a0 * b0, a0 * b1, a1 * b0, a1 * b1);
    let middle = (ll >> 64) + (lh & LOW) + (hl & LOW);
    (hh + (lh >> 64) + (hl >> 64) + (middle >> 64), middle << 64 | ll & LOW)
}

/// `total * part / whole` with signs, rounded half to even; none beyond what 64 bits of minor units hold.
pub(super) fn share(total: i128, part: i128, whole: i128) -> Option<i64> {
    let magnitude = mul_div(total.unsigned_abs(), part.unsigned_abs(), whole.unsigned_abs())?;
    let negative = (total < 0) ^ (part < 0) ^ (whole < 0);
    let magnitude = i128::try_from(magnitude).ok()?;
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

/// ln(a / b) of two positive numbers below 2^63, in 2^-120. Exactly `-ln_ratio(b, a)`.
pub(super) fn ln_ratio(a: u64, b: u64) -> i128 {
    debug_assert!(a > 0 && b > 0 && (a | b) >> 63 == 0, "invariant: levels are positive");
    if a < b {
        return -ln_ratio(b, a);
    }
    // a/b = 2^k * r with r between 2/3 and 4/3, and ln r = 2 artanh((r-1)/(r+1)), a series that gains 4 bits a term
    let a = u128::from(a);
    let mut k = b.leading_zeros() - a.leading_zeros().saturating_sub(64);
    if 3 * a > 4 * (u128::from(b) << k) {
        k += 1;
    } else if 3 * a < 2 * (u128::from(b) << k) {
        k -= 1;
    }
    let b = u128::from(b) << k;
    let fits = "invariant: both are at most one, in 2^-120";
    let z = mul_div(a.abs_diff(b), ONE, a + b).expect(fits);
    let z_squared = mul_div(z, z, ONE).expect(fits);
    let (mut power, mut sum) = (z, 0u128);
    let mut odd = 1;
    while power > 0 {
        sum += power / odd;
        power = mul_div(power, z_squared, ONE).expect(fits);
        odd += 2;
    }
    let sum = i128::try_from(2 * sum).expect("invariant: at most 2 artanh(1/5)");
    i128::from(k) * LN_2 + if a < b { -sum } else { sum }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn as_float(fixed: i128) -> f64 {
        fixed as f64 / ONE as f64
    }

    #[test]
    fn logarithms_of_known_ratios() {
        assert_eq!(ln_ratio(7, 7), 0);
        assert_eq!(ln_ratio(2, 1), LN_2);
        assert_eq!(ln_ratio(1 << 62, 1), 62 * LN_2);
        // ln(3/2), ln(10), ln(1000001/1000000) to 30 places
        for (a, b, places) in [
            (3, 2, "0.405465108108164381978013115464"),
            (10, 1, "2.302585092994045684017991454684"),
            (1_000_001, 1_000_000, "0.000000999999500000333333083333"),
        ] {
            let (whole, fraction) = places.split_once('.').unwrap();
            let digits: u128 = format!("{whole}{fraction}").parse().unwrap();
            let ours = mul_div(ln_ratio(a, b).unsigned_abs(), 10u128.pow(30), ONE).unwrap();
            assert!(ours.abs_diff(digits) <= 1, "ln({a}/{b}) = {ours}e-30");
        }
        // neighbours at the end of the range: 2 / (a + b), to 50 bits
        let (a, b) = ((1 << 63) - 1, (1 << 63) - 2);
        let expected = ONE >> 62; // 2 / 2^64 = 2^-63, the series' first term 2z; a + b is 2^64 - 3
        assert!(ln_ratio(a, b).unsigned_abs().abs_diff(expected >> 1) <= expected >> 50);
    }

    #[test]
    fn wide_products_are_divided_exactly() {
        let big = u128::MAX >> 1;
        assert_eq!(mul_div(big, big, big), Some(big));
        assert_eq!(mul_div(big, 3, 2), None, "beyond 127 bits");
        assert_eq!((mul_div(5, 1, 2), mul_div(7, 1, 2)), (Some(2), Some(4)), "half to even");
        assert_eq!(mul_div(1 << 100, 3 << 26, 1 << 126), Some(3));
        assert_eq!(share(-100, 1, 3), Some(-33));
        assert_eq!(share(-5, -1, 2), Some(2));
        assert_eq!(share(i128::from(i64::MAX), 2, 1), None);
    }

    proptest! {
        #[test]
        fn division_is_that_of_long_hand(a: u64, b: u64, d in 1u64.., shift in 0u32..60) {
            let (a, b, d) = (u128::from(a), u128::from(b), u128::from(d));
            let quotient = a * b / d;
            let rounded = mul_div(a, b, d);
            prop_assert!(rounded == Some(quotient) || rounded == Some(quotient + 1) || quotient >> 127 > 0);
            // both paths agree: the same ratio with factors too wide for one product
            let wide = mul_div(a << shift, b << 60, d << (shift / 2));
            if let (Some(wide), true) = (wide, shift % 2 == 0) {
                let back = mul_div(wide, 1, 1 << (60 + shift / 2)).unwrap();
                prop_assert!(rounded.is_some_and(|r| r.abs_diff(back) <= 1), "{rounded:?} and {back}");
            }
        }

        #[test]
        fn a_logarithm_is_what_floats_say_and_turns_its_sign_exactly(a in 1u64..1 << 63, b in 1u64..1 << 63) {
            let ours = ln_ratio(a, b);
            prop_assert_eq!(ours, -ln_ratio(b, a));
            let theirs = (a as f64).ln() - (b as f64).ln();
            prop_assert!((as_float(ours) - theirs).abs() < 1e-13, "{} and {theirs}", as_float(ours));
        }

        #[test]
        fn logarithms_add_up(a in 1u64..1 << 40, b in 1u64..1 << 40, c in 1u64..1 << 40) {
            prop_assert!((ln_ratio(a, b) + ln_ratio(b, c) - ln_ratio(a, c)).abs() < 1 << 8);
        }
    }
}
