//! Amounts as decimals, without a detour through a decimal number.

use std::fmt;

/// An amount of minor units with so many decimals: `-12.30`.
#[derive(Clone, Copy, Debug)]
pub struct Decimals {
    /// Minor units.
    pub minor: i64,
    /// Digits of the minor unit.
    pub digits: u32,
}

impl fmt::Display for Decimals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minor < 0 { "-" } else { "" };
        let unit = 10u64.pow(self.digits);
        let (whole, part) = (self.minor.unsigned_abs() / unit, self.minor.unsigned_abs() % unit);
        match self.digits {
            0 => write!(f, "{sign}{whole}"),
            digits => write!(f, "{sign}{whole}.{part:0width$}", width = digits as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Decimals;

    #[test]
    fn amounts_have_the_decimals_of_their_currency_and_one_sign() {
        let shown = |minor, digits| Decimals { minor, digits }.to_string();
        assert_eq!(shown(-5, 2), "-0.05");
        assert_eq!(shown(1_230, 2), "12.30");
        assert_eq!(shown(-700, 0), "-700");
        assert_eq!(shown(12_345, 3), "12.345");
        assert_eq!(shown(i64::MIN, 4), "-922337203685477.5808");
        assert_eq!(shown(0, 2), "0.00");
    }
}
