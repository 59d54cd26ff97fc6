//! A value to print, whatever the format.

use daybook_domain::{Currency, Money, Timestamp};
use rust_decimal::Decimal;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing is known.
    None,
    /// A text.
    Text(String),
    /// A count or number.
    Int(i64),
    /// A measured number, shown with two decimals.
    Real(f64),
    /// A ratio to a fixed number of places.
    Ratio(Decimal),
    /// Yes or no.
    Bool(bool),
    /// An amount; its currency stands in a column of its own, or in the object in JSON.
    Money(Money),
    /// An instant, UTC.
    Time(Timestamp),
}

impl Value {
    /// As it stands in a table or a CSV cell.
    pub fn plain(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Text(text) => text.clone(),
            Self::Int(n) => n.to_string(),
            Self::Real(x) => format!("{x:.2}"),
            Self::Ratio(ratio) => ratio.to_string(),
            Self::Bool(yes) => (if *yes { "yes" } else { "no" }).to_owned(),
            Self::Money(money) => money.amount().to_string(),
            Self::Time(time) => time.to_string(),
        }
    }

    /// As it stands in a table for people: large numbers in groups of three, instants without a `T`.
    pub fn pretty(&self) -> String {
        match self {
            Self::Int(n) => grouped(&n.to_string()),
            Self::Ratio(ratio) => grouped(&ratio.to_string()),
            Self::Money(money) => grouped(&money.amount().to_string()),
            Self::Time(time) => time.to_string().replacen('T', " ", 1),
            other => other.plain(),
        }
    }

    /// Whether it is aligned right.
    pub fn is_number(&self) -> bool {
        matches!(self, Self::Int(_) | Self::Real(_) | Self::Ratio(_) | Self::Money(_))
    }
}

/// `-1234567.89` as `-1,234,567.89`.
pub fn grouped(number: &str) -> String {
    let (sign, rest) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (whole, fraction) = rest.split_once('.').map_or((rest, None), |(w, f)| (w, Some(f)));
    let mut out = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => s.serialize_none(),
            Self::Text(text) => s.serialize_str(text),
            Self::Int(n) => s.serialize_i64(*n),
            Self::Real(x) => s.serialize_f64(*x),
            Self::Ratio(ratio) => s.collect_str(ratio),
            Self::Bool(yes) => s.serialize_bool(*yes),
            Self::Money(money) => money.serialize(s),
            Self::Time(time) => time.serialize(s),
        }
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::None, Into::into)
    }
}
impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Bool(yes)
    }
}
impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}
impl From<u64> for Value {
    fn from(n: u64) -> Self {
        Self::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }
}
impl From<u32> for Value {
    fn from(n: u32) -> Self {
        Self::Int(i64::from(n))
    }
}
impl From<Money> for Value {
    fn from(money: Money) -> Self {
        Self::Money(money)
    }
}
impl From<Timestamp> for Value {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

/// Minor units of a currency as a value to print.
pub fn amounts(currency: &str) -> impl Fn(i64) -> Value + use<> {
    let currency = Currency::new(currency).ok();
    move |minor| currency.map_or(Value::Int(minor), |currency| Value::Money(Money::new(minor, currency)))
}

/// Rows under named columns.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Column names, `snake_case`.
    pub columns: Vec<&'static str>,
    /// Rows, each as long as the columns.
    pub rows: Vec<Vec<Value>>,
}

impl Table {
    /// An empty table.
    pub fn new(columns: &[&'static str]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn push(&mut self, row: Vec<Value>) {
        debug_assert_eq!(row.len(), self.columns.len(), "a row has a cell for each column");
        self.rows.push(row);
    }

    /// These columns alone, in this order; names that the table lacks are passed over.
    pub fn select(&self, columns: &[&str]) -> Self {
        let at: Vec<usize> =
            columns.iter().filter_map(|name| self.columns.iter().position(|c| c == name)).collect();
        let pick = |row: &Vec<Value>| at.iter().map(|i| row[*i].clone()).collect();
        Self {
            columns: at.iter().map(|i| self.columns[*i]).collect(),
            rows: self.rows.iter().map(pick).collect(),
        }
    }

    /// Without the columns that are empty or zero in every row: for people.
    pub fn without_nothing(&self) -> Self {
        self.having(|value| match value {
            Value::None => false,
            Value::Text(text) => !text.is_empty(),
            Value::Int(n) => *n != 0,
            Value::Real(x) => *x != 0.0,
            Value::Ratio(ratio) => !ratio.is_zero(),
            Value::Money(money) => !money.is_zero(),
            Value::Bool(_) | Value::Time(_) => true,
        })
    }

    /// Without the columns that are empty in every row: for people.
    pub fn without_empty(&self) -> Self {
        self.having(|value| *value != Value::None && *value != Value::Text(String::new()))
    }

    fn having(&self, says: impl Fn(&Value) -> bool) -> Self {
        let spoken = |at: usize| self.rows.iter().any(|row| says(&row[at]));
        let columns: Vec<&str> =
            self.columns.iter().enumerate().filter(|(at, _)| spoken(*at)).map(|(_, c)| *c).collect();
        self.select(&columns)
    }

    /// A row as a JSON object, its fields in the order of the columns.
    pub fn object<'a>(&'a self, row: &'a [Value]) -> Object<'a> {
        Object { columns: &self.columns, row }
    }
}

/// A row as a JSON object.
pub struct Object<'a> {
    columns: &'a [&'static str],
    row: &'a [Value],
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(Some(self.columns.len()))?;
        for (column, value) in self.columns.iter().zip(self.row) {
            map.serialize_entry(column, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three_and_keep_sign_and_decimals() {
        assert_eq!(grouped("0"), "0");
        assert_eq!(grouped("-999"), "-999");
        assert_eq!(grouped("1000"), "1,000");
        assert_eq!(grouped("-16008872.12"), "-16,008,872.12");
    }

    #[test]
    fn a_row_keeps_the_order_of_its_columns_in_json() {
        let mut table = Table::new(&["z", "a"]);
        table.push(vec!["text".into(), 3_i64.into()]);
        let json = serde_json::to_string(&table.object(&table.rows[0])).unwrap();
        assert_eq!(json, r#"{"z":"text","a":3}"#);
    }
}
