//! Schemas of answers, from the columns of the rows that they show.

use std::sync::OnceLock;

use daybook_domain::schema::Schemas;
use daybook_domain::{Currency, Money};
use daybook_projections::fields::{Field, Fields, fields};
use daybook_projections::record::{Column, Record, Unit};
use serde_json::{Map, Value, json};

use crate::endpoint::Components;

/// The name of a row's schema: that of its type.
fn name_of<R: Record>() -> &'static str {
    let whole = std::any::type_name::<R>();
    whole.rsplit("::").next().unwrap_or(whole)
}

/// A reference to a component.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// That, or nothing.
pub(super) fn or_null(schema: &Value) -> Value {
    json!({"oneOf": [schema, {"type": "null"}]})
}

/// Decimal text and a currency, as commands and events have it.
pub(super) fn money(components: &mut Components) -> Value {
    static MONEY: OnceLock<(Value, Components)> = OnceLock::new();
    let (reference, of_money) = MONEY.get_or_init(|| {
        let mut schemas = Schemas::new();
        (schemas.of::<Money>(), schemas.components())
    });
    for (name, schema) in of_money {
        components.entry(name.clone()).or_insert_with(|| schema.clone());
    }
    reference.clone()
}

/// An object of these members, all of which are there.
pub(super) fn object(members: &[(&str, Value)]) -> Value {
    let required: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let properties: Map<String, Value> =
        members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({"type": "object", "required": required, "properties": properties})
}

/// That under a name of its own among the components.
pub(super) fn titled(name: &str, mut schema: Value) -> Value {
    schema["title"] = name.into();
    schema
}

pub(super) fn array(items: &Value) -> Value {
    json!({"type": "array", "items": items})
}

/// The schema of a row: a component under the name of its type, with a member for each column.
pub(super) fn row_schema<R: Record>(components: &mut Components) -> Value {
    let name = name_of::<R>();
    if !components.contains_key(name) {
        let currency_may_lack = may_lack_currency(R::COLUMNS);
        let mut properties = Map::new();
        for column in R::COLUMNS {
            let schema = member(column, currency_may_lack, components);
            properties.insert(column.name.to_owned(), schema);
        }
        let required: Vec<&str> = R::COLUMNS.iter().map(|column| column.name).collect();
        let schema = json!({"type": "object", "required": required, "properties": properties});
        components.insert(name.to_owned(), schema);
    }
    reference(name)
}

/// Whether the rows have a currency of their own that may not be known.
fn may_lack_currency(columns: &[Column]) -> bool {
    let own = |column: &&Column| matches!(column.name, "currency" | "settlement_currency");
    columns.iter().find(own).is_some_and(|column| column.optional)
}

fn member(column: &Column, currency_may_lack: bool, components: &mut Components) -> Value {
    let optional = column.optional || (column.unit == Unit::Money && currency_may_lack);
    let doc = column.doc.trim();
    let kind = |name: &str| if optional { json!([name, "null"]) } else { json!(name) };
    match column.unit {
        Unit::Text => json!({"type": kind("string"), "description": doc}),
        Unit::Flag => json!({"type": kind("boolean"), "description": doc}),
        Unit::Count => json!({"type": kind("integer"), "description": doc}),
        Unit::Time => json!({"type": kind("string"), "format": "date-time", "description": doc}),
        Unit::Money => {
            let money = money(components);
            let mut schema = if optional { or_null(&money) } else { money };
            schema["description"] = doc.into();
            schema
        }
    }
}

/// A row as its schema says; an amount whose currency nobody knows is not shown as one.
pub(super) fn shown<R: Record>(row: &R, currency: Option<Currency>) -> Fields {
    let mut shown = fields(row, currency);
    for ((_, field), column) in shown.0.iter_mut().zip(R::COLUMNS) {
        if column.unit == Unit::Money && matches!(field, Field::Count(_)) {
            *field = Field::None;
        }
    }
    shown
}

/// Minor units of a currency that a read model names.
pub(super) fn amount(minor: i64, currency: &str) -> Option<Money> {
    Currency::new(currency).ok().map(|currency| Money::new(minor, currency))
}
