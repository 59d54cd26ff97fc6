//! Money: integers of minor units in an ISO 4217 currency, and the one way to split them.

use std::borrow::Cow;
use std::fmt;

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An ISO 4217 currency code whose minor unit is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// Currencies whose minor unit is not two digits (ISO 4217, list one).
const ODD_DIGITS: &[(&str, u8)] = &[
    ("BHD", 3),
    ("BIF", 0),
    ("CLF", 4),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("IQD", 3),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("PYG", 0),
    ("RWF", 0),
    ("TND", 3),
    ("UGX", 0),
    ("UYI", 0),
    ("UYW", 4),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XOF", 0),
    ("XPF", 0),
];

/// Currencies of two digits (ISO 4217, list one).
const TWO_DIGITS: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD \
CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD \
HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR \
MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD \
SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR \
ZMW ZWG";

impl Currency {
    /// Looks the code up.
    ///
    /// # Errors
    /// [`MoneyError::UnknownCurrency`] when ISO 4217 does not list it with a minor unit.
    pub fn new(code: &str) -> Result<Self, MoneyError> {
        let unknown = || MoneyError::UnknownCurrency { code: code.chars().take(16).collect() };
        let bytes: [u8; 3] = code.as_bytes().try_into().map_err(|_| unknown())?;
        let known = matches!(&bytes, b"CNY" | b"BRL" | b"USD" | b"EUR")
            || ODD_DIGITS.iter().any(|(c, _)| *c == code)
            || (bytes.iter().all(u8::is_ascii_uppercase)
                && TWO_DIGITS.split_ascii_whitespace().any(|c| c == code));
        if known { Ok(Self(bytes)) } else { Err(unknown()) }
    }

    /// The codes that [`new`](Self::new) knows, sorted.
    pub(crate) fn codes() -> Vec<&'static str> {
        let odd = ODD_DIGITS.iter().map(|(code, _)| *code);
        let mut codes: Vec<_> = TWO_DIGITS.split_ascii_whitespace().chain(odd).collect();
        codes.sort_unstable();
        codes
    }

    /// The three letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("invariant: a currency code is ASCII")
    }

    /// Digits of the minor unit: JPY 0, CNY 2, KWD 3.
    #[must_use]
    pub fn digits(self) -> u32 {
        if matches!(&self.0, b"CNY" | b"BRL" | b"USD" | b"EUR") {
            return 2;
        }
        ODD_DIGITS.iter().find(|(c, _)| c.as_bytes() == self.0).map_or(2, |(_, d)| u32::from(*d))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}
impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        crate::codec::from_text(d, "an ISO 4217 currency code", Self::new)
    }
}

/// Why an amount was refused. Money is never silently wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MoneyError {
    /// Not in ISO 4217.
    UnknownCurrency {
        /// What was given.
        code: String,
    },
    /// Two currencies met in one sum.
    CurrencyMismatch {
        /// The one.
        left: Currency,
        /// The other.
        right: Currency,
    },
    /// More decimals than the minor unit has.
    TooFine {
        /// What was given.
        text: String,
        /// The currency.
        currency: Currency,
    },
    /// Not a plain decimal number.
    NotANumber {
        /// What was given.
        text: String,
    },
    /// Beyond what 64 bits of minor units hold.
    Overflow,
    /// A split over weights that are all zero, or one below zero.
    BadWeights,
}

impl fmt::Display for MoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCurrency { code } => {
                write!(f, "unknown currency {code:?}: use an ISO 4217 code such as CNY")
            }
            Self::CurrencyMismatch { left, right } => {
                write!(f, "{left} and {right} cannot be added: what belongs together is in one currency")
            }
            Self::TooFine { text, currency } => write!(
                f,
                "amount {text:?} is finer than the minor unit of {currency}: use at most {} decimals",
                currency.digits()
            ),
            Self::NotANumber { text } => {
                write!(f, "amount {text:?} is not a decimal number such as \"12.30\"")
            }
            Self::Overflow => write!(f, "the amount is beyond what a ledger account can hold"),
            Self::BadWeights => {
                write!(f, "an amount cannot be split over weights that are all zero or below zero")
            }
        }
    }
}

impl std::error::Error for MoneyError {}

/// The minor units of an amount written with exactly the currency's `digits`, as Daybook writes it: most amounts of a
/// journal. `None`: of another form, or no amount.
#[inline]
fn plain_minor(text: &[u8], digits: usize) -> Option<i64> {
    // so many digits fit
    if text.len() > 18 {
        return None;
    }
    let mut minor = 0;
    let mut append = |part: &[u8]| {
        part.iter().all(|digit| {
            minor = minor * 10 + i64::from(digit.wrapping_sub(b'0'));
            digit.is_ascii_digit()
        })
    };
    let good = if digits == 0 {
        !text.is_empty() && append(text)
    } else {
        let (whole, rest) = text.split_at(text.len().checked_sub(digits + 1).filter(|length| *length > 0)?);
        let (dot, fraction) = rest.split_first()?;
        *dot == b'.' && append(whole) && append(fraction)
    };
    good.then_some(minor)
}

/// A rate: a plain decimal, `0.05`, never percent.
pub type Rate = Decimal;

/// An amount: minor units of a currency. May be negative where a sum may be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money {
    /// Minor units: cents, fen, yen.
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// `minor` units of `currency`.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in `currency`.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// Reads `"12.30"`; a minus sign is allowed, anything finer than the minor unit is refused.
    ///
    /// # Errors
    /// [`MoneyError::TooFine`], [`MoneyError::NotANumber`], [`MoneyError::Overflow`].
    #[inline]
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        plain_minor(text.as_bytes(), currency.digits() as usize)
            .map_or_else(|| Self::parse_any(text, currency), |minor| Ok(Self { minor, currency }))
    }

    /// As [`parse`](Self::parse), of every form.
    fn parse_any(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let not_a_number = || MoneyError::NotANumber { text: text.chars().take(40).collect() };
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let dotted = unsigned.len() != whole.len();
        if whole.is_empty() || (dotted && fraction.is_empty()) {
            return Err(not_a_number());
        }
        let digits = currency.digits() as usize;
        if fraction.len() > digits {
            let finer = fraction.bytes().all(|b| b.is_ascii_digit());
            return Err(if finer && whole.bytes().all(|b| b.is_ascii_digit()) {
                MoneyError::TooFine { text: text.chars().take(40).collect(), currency }
            } else {
                not_a_number()
            });
        }
        let mut minor: i64 = 0;
        let padding = std::iter::repeat_n(b'0', digits - fraction.len());
        for digit in whole.bytes().chain(fraction.bytes()).chain(padding) {
            if !digit.is_ascii_digit() {
                return Err(not_a_number());
            }
            minor = minor
                .checked_mul(10)
                .and_then(|m| m.checked_add(i64::from(digit - b'0')))
                .ok_or(MoneyError::Overflow)?;
        }
        Ok(Self { minor: if negative { -minor } else { minor }, currency })
    }

    /// Adds.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`], [`MoneyError::Overflow`].
    #[allow(clippy::should_implement_trait)] // the operator cannot fail; this can
    pub fn add(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch { left: self.currency, right: other.currency });
        }
        let minor = self.minor.checked_add(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// Subtracts.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`], [`MoneyError::Overflow`].
    #[allow(clippy::should_implement_trait)] // as for `add`
    pub fn sub(self, other: Self) -> Result<Self, MoneyError> {
        self.add(Self { minor: other.minor.checked_neg().ok_or(MoneyError::Overflow)?, ..other })
    }

    /// `quantity` times this.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn times(self, quantity: u32) -> Result<Self, MoneyError> {
        let minor = self.minor.checked_mul(i64::from(quantity)).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// This times a rate, rounded half to even: the only place where money is rounded.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn at_rate(self, rate: Rate) -> Result<Self, MoneyError> {
        let minor = Decimal::from(self.minor)
            .checked_mul(rate)
            .ok_or(MoneyError::Overflow)?
            .round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven)
            .to_i64()
            .ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// Whether it is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// The number alone: `12.30`.
    #[must_use]
    pub fn amount(self) -> Amount {
        Amount(self)
    }
}

/// Displays the number of a [`Money`] without its currency.
#[derive(Clone, Copy, Debug)]
pub struct Amount(Money);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(write_amount(self.0, &mut [0; 24]))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} {}", self.amount(), self.currency))
    }
}
impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut text = [0u8; 24];
        let amount = write_amount(*self, &mut text);
        let mut out = s.serialize_struct("Money", 2)?;
        out.serialize_field("amount", amount)?;
        out.serialize_field("currency", &self.currency)?;
        out.end()
    }
}

/// Writes the decimal text into `buffer` from its end: no allocation on the append path.
fn write_amount(money: Money, buffer: &mut [u8; 24]) -> &str {
    let digits = money.currency.digits() as usize;
    let mut rest = money.minor.unsigned_abs();
    let mut at = buffer.len();
    let mut written = 0;
    while rest > 0 || written <= digits {
        if written == digits && digits > 0 {
            at -= 1;
            buffer[at] = b'.';
        }
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        written += 1;
    }
    if money.minor < 0 {
        at -= 1;
        buffer[at] = b'-';
    }
    std::str::from_utf8(&buffer[at..]).expect("invariant: digits are ASCII")
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        const FIELDS: &[&str] = &["amount", "currency"];
        d.deserialize_struct("Money", FIELDS, MoneyVisitor)
    }
}

struct MoneyVisitor;

impl<'de> Visitor<'de> for MoneyVisitor {
    type Value = Money;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"money such as {"amount":"12.30","currency":"CNY"}"#)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Money, A::Error> {
        #[derive(Deserialize)]
        #[serde(field_identifier, rename_all = "lowercase")]
        enum Field {
            Amount,
            Currency,
        }
        let (mut amount, mut currency) = (None::<Text<'de>>, None::<Currency>);
        while let Some(field) = map.next_key::<Field>()? {
            match field {
                Field::Amount => amount = Some(map.next_value()?),
                Field::Currency => currency = Some(map.next_value()?),
            }
        }
        let amount = amount.ok_or_else(|| de::Error::missing_field("amount"))?;
        let currency = currency.ok_or_else(|| de::Error::missing_field("currency"))?;
        Money::parse(&amount.0, currency).map_err(de::Error::custom)
    }
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Splits `total` minor units over `weights`, house-monotone: split in two, round the first part half to
/// even, go on with the rest. A zero weight gets zero, the parts sum to the total, and no part shrinks when
/// the total grows; so `allocate(after) - allocate(before)` telescopes over any series of partial refunds.
///
/// # Errors
/// [`MoneyError::BadWeights`] when a weight is negative, or all are zero while `total` is not;
/// [`MoneyError::Overflow`] when the weights sum beyond 64 bits.
pub fn allocate(total: i64, weights: &[i64]) -> Result<Vec<i64>, MoneyError> {
    if weights.iter().any(|w| *w < 0) {
        return Err(MoneyError::BadWeights);
    }
    let mut weight_left =
        weights.iter().try_fold(0i64, |sum, w| sum.checked_add(*w)).ok_or(MoneyError::Overflow)?;
    if weight_left == 0 && total != 0 {
        return Err(MoneyError::BadWeights);
    }
    let mut left = total;
    let mut parts = Vec::with_capacity(weights.len());
    for weight in weights {
        let part = if weight_left == 0 { 0 } else { divide_half_even(left, *weight, weight_left) };
        parts.push(part);
        left -= part;
        weight_left -= weight;
    }
    Ok(parts)
}

/// `total * weight / whole`, rounded half to even.
fn divide_half_even(total: i64, weight: i64, whole: i64) -> i64 {
    let product = i128::from(total) * i128::from(weight);
    let whole = i128::from(whole);
    let floor = product.div_euclid(whole);
    let twice = product.rem_euclid(whole) * 2;
    let up = twice > whole || (twice == whole && floor % 2 != 0);
    (floor + i128::from(up)) as i64
}
