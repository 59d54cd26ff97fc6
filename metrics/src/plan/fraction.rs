//! Exact fractions: targets, actuals and what is compared with them are divided last.

use std::cmp::Ordering;

use rust_decimal::Decimal;

/// A fraction of integers in lowest terms, its lower one above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fraction {
    upper: i128,
    lower: i128,
}

impl Fraction {
    /// Nothing.
    pub const ZERO: Self = Self::whole(0);

    /// `upper / lower`; none through zero.
    #[must_use]
    pub fn new(upper: i128, lower: i128) -> Option<Self> {
        if lower == 0 {
            return None;
        }
        let common = i128::try_from(gcd(upper.unsigned_abs(), lower.unsigned_abs())).ok()?;
        let (upper, lower) = (upper / common, lower / common);
        if lower < 0 {
            return Some(Self { upper: upper.checked_neg()?, lower: lower.checked_neg()? });
        }
        Some(Self { upper, lower })
    }

    /// A whole number.
    #[must_use]
    pub const fn whole(number: i128) -> Self {
        Self { upper: number, lower: 1 }
    }

    /// A decimal, exactly.
    #[must_use]
    pub fn of_decimal(decimal: Decimal) -> Self {
        let lower = 10i128.checked_pow(decimal.scale()).expect("invariant: a decimal has 28 places at most");
        Self::new(decimal.mantissa(), lower).expect("invariant: a power of ten is not zero")
    }

    /// The upper number in lowest terms.
    #[must_use]
    pub const fn upper(self) -> i128 {
        self.upper
    }

    /// The lower number in lowest terms, above zero.
    #[must_use]
    pub const fn lower(self) -> i128 {
        self.lower
    }

    /// The product; none beyond 127 bits.
    #[must_use]
    pub fn times(self, other: Self) -> Option<Self> {
        // crosswise first, so that what fits is not lost on the way
        let (a, b) = (Self::new(self.upper, other.lower)?, Self::new(other.upper, self.lower)?);
        Self::new(a.upper.checked_mul(b.upper)?, a.lower.checked_mul(b.lower)?)
    }

    /// The quotient; none through zero, and none beyond 127 bits.
    #[must_use]
    pub fn by(self, other: Self) -> Option<Self> {
        self.times(Self::new(other.lower, other.upper)?)
    }

    /// The sum; none beyond 127 bits.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        let common = i128::try_from(gcd(self.lower.unsigned_abs(), other.lower.unsigned_abs())).ok()?;
        let widen = |of: Self, by: i128| of.upper.checked_mul(by / common);
        let upper = widen(self, other.lower)?.checked_add(widen(other, self.lower)?)?;
        Self::new(upper, self.lower.checked_mul(other.lower / common)?)
    }

    /// The difference; none beyond 127 bits.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        self.plus(Self { upper: other.upper.checked_neg()?, ..other })
    }

    /// The largest whole number that is not above it.
    #[must_use]
    pub const fn floor(self) -> i128 {
        self.upper.div_euclid(self.lower)
    }

    /// The smallest whole number that is not below it.
    #[must_use]
    pub const fn ceil(self) -> i128 {
        self.floor() + (self.upper.rem_euclid(self.lower) != 0) as i128
    }

    /// The nearest whole number, half to even.
    #[must_use]
    pub fn rounded(self) -> i128 {
        let (floor, rest) = (self.floor(), self.upper.rem_euclid(self.lower));
        let up = match rest.cmp(&(self.lower - rest)) {
            Ordering::Less => false,
            Ordering::Equal => floor % 2 != 0,
            Ordering::Greater => true,
        };
        floor + i128::from(up)
    }

    /// To so many decimals, half to even; none beyond what a decimal holds.
    #[must_use]
    pub fn decimal(self, places: u32) -> Option<Decimal> {
        let scaled = self.times(Self::whole(10i128.checked_pow(places)?))?;
        Decimal::try_from_i128_with_scale(scaled.rounded(), places).ok()
    }

    /// To so many decimals, up: what is needed is not rounded away. None beyond what a decimal holds.
    #[must_use]
    pub fn decimal_up(self, places: u32) -> Option<Decimal> {
        let scaled = self.times(Self::whole(10i128.checked_pow(places)?))?;
        Decimal::try_from_i128_with_scale(scaled.ceil(), places).ok()
    }

    /// The smallest decimal with so many places that is above it. None beyond what a decimal holds.
    #[must_use]
    pub fn decimal_above(self, places: u32) -> Option<Decimal> {
        let scaled = self.times(Self::whole(10i128.checked_pow(places)?))?;
        Decimal::try_from_i128_with_scale(scaled.floor().checked_add(1)?, places).ok()
    }
}

impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Fraction {
    fn cmp(&self, other: &Self) -> Ordering {
        // whole parts, then what is left turned upside down: never a product that could be too large
        let (mut a, mut b, mut turned) = (*self, *other, false);
        loop {
            let (x, y) = (a.floor(), b.floor());
            let (rest_a, rest_b) = (a.upper.rem_euclid(a.lower), b.upper.rem_euclid(b.lower));
            let decided = match (x.cmp(&y), rest_a == 0, rest_b == 0) {
                (Ordering::Equal, true, true) => Ordering::Equal,
                (Ordering::Equal, true, false) => Ordering::Less,
                (Ordering::Equal, false, true) => Ordering::Greater,
                (Ordering::Equal, false, false) => {
                    (a, b) = (Self { upper: a.lower, lower: rest_a }, Self { upper: b.lower, lower: rest_b });
                    turned = !turned;
                    continue;
                }
                (unequal, ..) => unequal,
            };
            return if turned { decided.reverse() } else { decided };
        }
    }
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(upper: i128, lower: i128) -> Fraction {
        Fraction::new(upper, lower).unwrap()
    }

    #[test]
    fn fractions_are_kept_in_lowest_terms_and_rounded_half_to_even() {
        assert_eq!(of(6, -4), of(-3, 2));
        assert_eq!(Fraction::new(1, 0), None);
        assert_eq!(of(1, 2).by(Fraction::ZERO), None);
        let whole = |of: Fraction| (of.floor(), of.rounded(), of.ceil());
        assert_eq!(whole(of(-5, 2)), (-3, -2, -2));
        assert_eq!(whole(of(7, 2)), (3, 4, 4));
        assert_eq!(whole(of(10, 3)), (3, 3, 4));
        assert_eq!(whole(of(4, 1)), (4, 4, 4));
        assert_eq!(of(1, 3).decimal(4).unwrap().to_string(), "0.3333");
        assert_eq!(of(1, 3).decimal_up(4).unwrap().to_string(), "0.3334");
        assert_eq!(Fraction::of_decimal("98.50".parse().unwrap()), of(197, 2));
    }

    #[test]
    fn what_is_beyond_127_bits_is_none_and_can_still_be_compared() {
        let (large, small) = (of(i128::MAX, 2), of(1, i128::MAX));
        assert_eq!(large.times(large), None);
        assert_eq!(large.plus(small), None);
        assert!(small < large && of(i128::MAX, i128::MAX - 1) > Fraction::whole(1));
        assert!(of(i128::MAX - 1, i128::MAX) > of(i128::MAX - 2, i128::MAX - 1));
        assert_eq!(large.times(small), Some(of(1, 2)));
    }

    proptest! {
        #[test]
        fn sums_products_and_order_are_those_of_cross_multiplication(
            a in -10_000i128..10_000, b in 1i128..10_000, c in -10_000i128..10_000, d in 1i128..10_000,
        ) {
            let (x, y) = (of(a, b), of(c, d));
            prop_assert_eq!(x.plus(y), Fraction::new(a * d + c * b, b * d));
            prop_assert_eq!(x.minus(y), Fraction::new(a * d - c * b, b * d));
            prop_assert_eq!(x.times(y), Fraction::new(a * c, b * d));
            prop_assert_eq!(x.by(y), Fraction::new(a * d, b * c));
            prop_assert_eq!(x.cmp(&y), (a * d).cmp(&(c * b)));
        }
    }

    #[test]
    fn a_value_that_has_to_be_exceeded_is_shown_as_one_that_does() {
        let above = |upper, lower| Fraction::new(upper, lower).unwrap().decimal_above(4).unwrap().to_string();
        assert_eq!([above(1, 50), above(1, 3), above(2, 1)], ["0.0201", "0.3334", "2.0001"]);
        assert_eq!(
            Fraction::new(1, 50).unwrap().decimal_up(4).unwrap().to_string(),
            "0.0200",
            "what has to be reached is met by itself"
        );
    }
}
