//! JSON Schema (draft 2020-12, the dialect of OpenAPI 3.1) of commands, events and values.
//!
//! Schemas are derived where serde is, from the same attributes and doc comments, and are written by hand only for
//! the values that read and write themselves. A named type becomes a component that others refer to; one
//! [`Schemas`] collects the components of one document, so that no name stands for two types.

use std::borrow::Cow;
use std::collections::BTreeMap;

pub use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

use crate::ids::MAX_ID;
use crate::{Currency, EventKind, Money, Timestamp};

/// Where in the document the components stand: references point there.
pub const COMPONENTS: &str = "/components/schemas";

/// The member of a command that says which action it is.
const TAG: &str = "action";

/// Writes schemas and keeps the components that they refer to.
pub struct Schemas(SchemaGenerator);

/// An action of a command.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// Its name, e.g. `ship`.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Schema of its members other than `action`: an object, or a reference to one.
    pub body: Value,
}

/// An event type.
#[derive(Clone, Debug, PartialEq)]
pub struct EventType {
    /// The type.
    pub kind: EventKind,
    /// What happened.
    pub description: String,
    /// Schema of its payload: a reference to the component of its name.
    pub body: Value,
}

impl Default for Schemas {
    fn default() -> Self {
        Self::new()
    }
}

impl Schemas {
    /// Without any component yet.
    #[must_use]
    pub fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = COMPONENTS.into();
            settings.meta_schema = None;
        });
        Self(settings.into_generator())
    }

    /// The schema of a type: a reference where it is a named one.
    pub fn of<T: JsonSchema>(&mut self) -> Value {
        polished(self.0.subschema_for::<T>())
    }

    /// The actions of a command, in the order of their declaration; none where `C` is not told apart by `action`.
    pub fn actions<C: JsonSchema>(&mut self) -> Vec<Action> {
        match polished(C::json_schema(&mut self.0)) {
            Value::Object(mut command) => match command.remove("oneOf") {
                Some(Value::Array(variants)) => variants.into_iter().filter_map(action).collect(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// Every event type, in the order of the registry.
    pub fn events(&mut self) -> Vec<EventType> {
        let events = EventKind::ALL.iter().map(|kind| {
            let body = polished(kind.payload_schema(&mut self.0));
            let component = self.0.definitions().get(kind.as_str());
            let description = component.and_then(|c| c.get("description")?.as_str()).map(plain);
            EventType { kind: *kind, description: description.unwrap_or_default(), body }
        });
        events.collect()
    }

    /// The schema itself where `schema` is a reference to a component, for whoever has to add to it.
    #[must_use]
    pub fn resolved(&self, schema: &Value) -> Value {
        let name = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
        let found = name.and_then(|name| self.0.definitions().get(name)).cloned();
        let mut resolved = found.unwrap_or_else(|| schema.clone());
        polish(&mut resolved);
        resolved
    }

    /// The components that all of it refers to, by name: the content of `components.schemas`.
    #[must_use]
    pub fn components(mut self) -> BTreeMap<String, Value> {
        let mut components: BTreeMap<String, Value> = self.0.take_definitions(false).into_iter().collect();
        components.values_mut().for_each(polish);
        components
    }
}

/// Takes the variant of a command apart; `None` where it has no `action`.
fn action(variant: Value) -> Option<Action> {
    let Value::Object(mut body) = variant else { return None };
    let properties = body.get_mut("properties")?.as_object_mut()?;
    let name = properties.remove(TAG)?.get("const")?.as_str()?.to_owned();
    if let Some(Value::Array(required)) = body.get_mut("required") {
        required.retain(|field| field != TAG);
    }
    body.retain(|key, value| match key.as_str() {
        "properties" => value.as_object().is_none_or(|all| !all.is_empty()),
        "required" => value.as_array().is_none_or(|all| !all.is_empty()),
        _ => true,
    });
    if body.contains_key("$ref") {
        body.remove("type"); // the component says it
    }
    let description = match body.remove("description") {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    Some(Action { name, description, body: Value::Object(body) })
}

fn polished(schema: Schema) -> Value {
    let mut value = schema.to_value();
    polish(&mut value);
    value
}

/// Says the bounds of whole numbers, and makes plain text of doc comments.
fn polish(value: &mut Value) {
    match value {
        Value::Object(schema) => {
            if let Some(Value::String(text)) = schema.get_mut("description") {
                *text = plain(text);
            }
            bound(schema);
            schema.values_mut().for_each(polish);
        }
        Value::Array(items) => items.iter_mut().for_each(polish),
        _ => {}
    }
}

fn bound(schema: &mut Map<String, Value>) {
    let maximum = match schema.get("format").and_then(Value::as_str) {
        Some("uint32") => u64::from(u32::MAX),
        Some("uint64") => u64::MAX,
        _ => return,
    };
    schema.entry("maximum").or_insert_with(|| maximum.into());
}

/// A doc comment without its line breaks and the brackets of its links.
fn plain(doc: &str) -> String {
    let paragraphs = doc.split("\n\n").map(|p| p.split_whitespace().collect::<Vec<_>>().join(" "));
    paragraphs.collect::<Vec<_>>().join("\n\n").replace("[`", "`").replace("`]", "`")
}

/// The schema of an identifier.
pub(crate) fn id(doc: &str) -> Schema {
    json_schema!({
        "description": doc.trim(),
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_ID,
        "pattern": "^[!-~]+$",
    })
}

/// Stands for [`Rate`](crate::Rate) in schemas: that is a type of another crate.
pub(crate) struct RateText;

/// Implements [`JsonSchema`] for a value that reads and writes itself.
macro_rules! by_hand {
    ($($ty:ty as $name:literal: |$to:pat_param| $schema:expr;)*) => { $(
        impl JsonSchema for $ty {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }
            fn json_schema($to: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )* };
}

by_hand! {
    RateText as "Rate": |_| json_schema!({
        "description": "A plain decimal, never percent.",
        "type": "string",
        "pattern": r"^-?[0-9]+(\.[0-9]+)?$",
        "maxLength": 28, // so many digits always fit
        "examples": ["0.05"],
    });
    Timestamp as "Timestamp": |_| json_schema!({
        "description": "An instant, RFC 3339 with an offset; kept in UTC to the microsecond.",
        "type": "string",
        "format": "date-time",
        "examples": ["2018-03-01T12:00:00Z"],
    });
    Currency as "Currency": |_| json_schema!({
        "description": "An ISO 4217 currency code whose minor unit is known.",
        "type": "string",
        "enum": Currency::codes(),
        "examples": ["CNY"],
    });
    Money as "Money": |to| json_schema!({
        "description": "An amount in a currency. May be negative where a sum may be.",
        "type": "object",
        "properties": {
            "amount": {
                "description": "Decimal text, no finer than the minor unit of the currency.",
                "type": "string",
                "pattern": r"^-?[0-9]+(\.[0-9]{1,4})?$",
                "examples": ["12.30"],
            },
            "currency": to.subschema_for::<Currency>(),
        },
        "required": ["amount", "currency"],
        "additionalProperties": false,
        "examples": [{ "amount": "12.30", "currency": "CNY" }],
    });
}
