//! Values that several subcommands take.

use daybook_domain::{Currency, Money};

/// An amount with its currency: `100.00 CNY` or `100.00CNY`.
pub fn money(text: &str) -> Result<Money, String> {
    let say = || format!("{text:?} is no amount: write it with its currency, such as \"100.00 CNY\"");
    let at = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(say)?;
    let (number, code) = text.split_at(at);
    let currency = Currency::new(code.trim()).map_err(|error| error.to_string())?;
    Money::parse(number.trim(), currency).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_needs_its_currency_and_no_more_digits_than_that_has() {
        let cny = Currency::new("CNY").unwrap();
        assert_eq!(money("100.50 CNY"), Ok(Money::new(10_050, cny)));
        assert_eq!(money("100.50CNY"), Ok(Money::new(10_050, cny)));
        assert!(money("100.50").unwrap_err().contains("such as \"100.00 CNY\""));
        for bad in ["1.005 CNY", "1.00 XYZ", "CNY", "1e3 CNY"] {
            assert!(money(bad).is_err(), "{bad}");
        }
    }
}
