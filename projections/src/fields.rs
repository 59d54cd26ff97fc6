//! What a cell means to a reader: an amount of money, an instant, a flag, a count. Columns are integers and text
//! for the sake of SQL; whoever shows a row to a person or a program takes its fields instead.

use daybook_domain::{Currency, Money, Timestamp};
use serde::{Serialize, Serializer};

use crate::record::{Column, Record, Sink, Unit};

/// The value of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// Nothing.
    None,
    /// Text.
    Text(String),
    /// Yes or no.
    Flag(bool),
    /// A number.
    Count(i64),
    /// An amount.
    Money(Money),
    /// An instant.
    Time(Timestamp),
}

impl Serialize for Field {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => s.serialize_none(),
            Self::Text(text) => s.serialize_str(text),
            Self::Flag(yes) => s.serialize_bool(*yes),
            Self::Count(n) => s.serialize_i64(*n),
            Self::Money(money) => money.serialize(s),
            Self::Time(time) => time.serialize(s),
        }
    }
}

/// A row as named fields, in the order of its columns. Serializes to a JSON object with decimal amounts and
/// RFC 3339 times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields(pub Vec<(&'static str, Field)>);

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.0.iter().map(|(name, field)| (name, field)))
    }
}

/// The cells of a row as they are put.
struct Cells {
    columns: std::slice::Iter<'static, Column>,
    currency: Option<Currency>,
    fields: Vec<(&'static str, Field)>,
}

impl Sink for Cells {
    fn integer(&mut self, value: Option<i64>) {
        let Some(column) = self.columns.next() else { return };
        let field = match (value, column.unit) {
            (None, _) => Field::None,
            (Some(n), Unit::Flag) => Field::Flag(n != 0),
            (Some(n), Unit::Time) => Field::Time(Timestamp(n)),
            (Some(n), Unit::Money) => {
                self.currency.map_or(Field::Count(n), |c| Field::Money(Money::new(n, c)))
            }
            (Some(n), Unit::Count | Unit::Text) => Field::Count(n),
        };
        self.fields.push((column.name, field));
    }

    fn text(&mut self, value: Option<&str>) {
        let Some(column) = self.columns.next() else { return };
        self.fields.push((column.name, value.map_or(Field::None, |text| Field::Text(text.to_owned()))));
    }
}

/// Finds a row's currency, before its amounts are read.
struct Find(std::slice::Iter<'static, Column>, Option<Currency>);

impl Sink for Find {
    fn integer(&mut self, _: Option<i64>) {
        self.0.next();
    }
    fn text(&mut self, value: Option<&str>) {
        if self.0.next().is_some_and(|column| matches!(column.name, "currency" | "settlement_currency")) {
            self.1 = value.and_then(|code| Currency::new(code).ok());
        }
    }
}

/// The currency that a row names, if it does.
#[must_use]
pub fn currency_of<R: Record>(row: &R) -> Option<Currency> {
    let mut find = Find(R::COLUMNS.iter(), None);
    row.put(&mut find);
    find.1
}

/// The fields of a row. Amounts are in the row's own currency, else in `currency`: that of the row it belongs to.
#[must_use]
pub fn fields<R: Record>(row: &R, currency: Option<Currency>) -> Fields {
    let currency = currency_of(row).or(currency);
    let fields = Vec::with_capacity(R::COLUMNS.len());
    let mut cells = Cells { columns: R::COLUMNS.iter(), currency, fields };
    row.put(&mut cells);
    Fields(cells.fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::orders::OrderRow;

    #[test]
    fn amounts_take_the_currency_of_their_row_and_times_are_rfc_3339() {
        let row = OrderRow {
            order_id: "o".to_owned(),
            currency: "KWD".to_owned(),
            total: 12_345,
            paid: true,
            placed_at: 1_500_000_000_000_000,
            pieces: 3,
            ..OrderRow::default()
        };
        let json = serde_json::to_value(fields(&row, None)).unwrap();
        assert_eq!(json["total"]["amount"], "12.345");
        assert_eq!(json["placed_at"], "2017-07-14T02:40:00Z");
        assert_eq!((&json["paid"], &json["pieces"]), (&true.into(), &3.into()));
        assert!(json["shipped_at"].is_null());
    }

    /// A new integer column counts things unless it says otherwise: look at its line here before accepting it.
    #[test]
    fn every_column_has_the_unit_that_it_says() {
        let mut text = String::new();
        for (table, columns) in crate::models::dictionary() {
            for column in columns {
                text += &format!("{table}.{}: {:?}: {}\n", column.name, column.unit, column.doc.trim());
            }
        }
        insta::assert_snapshot!(text);
    }
}
