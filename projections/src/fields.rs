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
    own: Currencies,
    fields: Vec<(&'static str, Field)>,
}

/// The currencies that a row names. An amount is in the currency of its own column (`paid_amount` in
/// `paid_currency`) where the row has one and names it, else in the row's.
#[derive(Default)]
struct Currencies {
    row: Option<Currency>,
    columns: Vec<(&'static str, Currency)>,
}

impl Currencies {
    fn of(&self, column: &str) -> Option<Currency> {
        let prefix = column.split_once('_').map_or("", |(prefix, _)| prefix);
        let own = self.columns.iter().find(|(name, _)| name.strip_suffix("_currency") == Some(prefix));
        own.map(|(_, currency)| *currency).or(self.row)
    }
}

impl Sink for Cells {
    fn integer(&mut self, value: Option<i64>) {
        let Some(column) = self.columns.next() else { return };
        let field = match (value, column.unit) {
            (None, _) => Field::None,
            (Some(n), Unit::Flag) => Field::Flag(n != 0),
            (Some(n), Unit::Time) => Field::Time(Timestamp(n)),
            (Some(n), Unit::Money) => {
                self.own.of(column.name).map_or(Field::Count(n), |c| Field::Money(Money::new(n, c)))
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

/// Finds a row's currencies, before its amounts are read.
struct Find(std::slice::Iter<'static, Column>, Currencies);

impl Sink for Find {
    fn integer(&mut self, _: Option<i64>) {
        self.0.next();
    }
    fn text(&mut self, value: Option<&str>) {
        let Some(column) = self.0.next() else { return };
        let currency = || value.and_then(|code| Currency::new(code).ok());
        match column.name {
            "currency" | "settlement_currency" => self.1.row = currency(),
            name if name.ends_with("_currency") => {
                self.1.columns.extend(currency().map(|currency| (name, currency)));
            }
            _ => {}
        }
    }
}

fn currencies<R: Record>(row: &R) -> Currencies {
    let mut find = Find(R::COLUMNS.iter(), Currencies::default());
    row.put(&mut find);
    find.1
}

/// The currency that a row names, if it does.
#[must_use]
pub fn currency_of<R: Record>(row: &R) -> Option<Currency> {
    currencies(row).row
}

/// The fields of a row. Amounts are in the row's own currency, else in `currency`: that of the row it belongs to.
#[must_use]
pub fn fields<R: Record>(row: &R, currency: Option<Currency>) -> Fields {
    let mut own = currencies(row);
    own.row = own.row.or(currency);
    let fields = Vec::with_capacity(R::COLUMNS.len());
    let mut cells = Cells { columns: R::COLUMNS.iter(), own, fields };
    row.put(&mut cells);
    Fields(cells.fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::orders::OrderRow;
    use crate::models::payouts::PayoutRow;

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

    #[test]
    fn an_amount_with_a_currency_column_of_its_own_is_in_that() {
        let row = PayoutRow {
            currency: "CNY".to_owned(),
            amount: 7_000,
            paid_currency: "JPY".to_owned(),
            paid_amount: 140_000,
            fee_amount: Some(500),
            ..PayoutRow::default()
        };
        let json = serde_json::to_value(fields(&row, None)).unwrap();
        assert_eq!(json["amount"], serde_json::json!({"amount": "70.00", "currency": "CNY"}));
        assert_eq!(json["paid_amount"], serde_json::json!({"amount": "140000", "currency": "JPY"}));
        assert_eq!(json["fee_amount"]["currency"], "CNY", "no currency of its own: the row's");
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
