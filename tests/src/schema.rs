//! Whether a value is what a JSON Schema of the served document says: the words that the document uses, strictly.

use serde_json::{Map, Value};

/// Words that say nothing about what is valid.
const NOTES: &[&str] = &["description", "title", "default", "examples", "$schema", "deprecated", "readOnly"];

/// What is wrong with `value`, each with its JSON pointer. Members that an object's schema does not name are wrong as
/// well, unless it says that there may be others; so is a word that is not known here.
#[must_use]
pub fn wrong(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    look(document, schema, value, "", &mut found);
    found
}

fn look(document: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let Some(schema) = schema.as_object() else {
        if schema != &Value::Bool(true) {
            found.push(format!("{at}: no schema: {schema}"));
        }
        return;
    };
    for (word, says) in schema {
        match word.as_str() {
            "$ref" => {
                let path = says.as_str().and_then(|text| text.strip_prefix('#')).unwrap_or("?");
                match document.pointer(path) {
                    Some(schema) => look(document, schema, value, at, found),
                    None => found.push(format!("{at}: {says} leads nowhere")),
                }
            }
            "type" => {
                let names: Vec<&str> = match says {
                    Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
                    one => one.as_str().into_iter().collect(),
                };
                if !names.iter().any(|name| is(name, value)) {
                    found.push(format!("{at}: {value} is not {says}"));
                }
            }
            "enum" => {
                if !says.as_array().is_some_and(|all| all.contains(value)) {
                    found.push(format!("{at}: {value} is not one of {says}"));
                }
            }
            "const" => {
                if says != value {
                    found.push(format!("{at}: {value} is not {says}"));
                }
            }
            "oneOf" | "anyOf" => {
                let all = says.as_array().map_or(&[][..], Vec::as_slice);
                let valid = all.iter().filter(|s| wrong(document, s, value).is_empty()).count();
                if valid == 0 || (word == "oneOf" && valid > 1) {
                    found.push(format!("{at}: {value} is {valid} of {says}"));
                }
            }
            "required" => {
                for name in says.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    if value.as_object().is_some_and(|object| !object.contains_key(name)) {
                        found.push(format!("{at}: {name} is missing"));
                    }
                }
            }
            "properties" => members(document, schema, value, at, found),
            "additionalProperties" if schema.contains_key("properties") => {}
            "additionalProperties" => {
                for (name, member) in value.as_object().into_iter().flatten() {
                    look(document, says, member, &format!("{at}/{name}"), found);
                }
            }
            "items" => {
                for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                    look(document, says, item, &format!("{at}/{n}"), found);
                }
            }
            "format" => format(says, value, at, found),
            "pattern" => pattern(says, value, at, found),
            "minimum" | "maximum" => {
                let (bound, number) = (says.as_f64().unwrap_or_default(), value.as_f64().unwrap_or_default());
                if (word == "minimum" && number < bound) || (word == "maximum" && number > bound) {
                    found.push(format!("{at}: {value} is beyond {word} {bound}"));
                }
            }
            note if NOTES.contains(&note) => {}
            other => found.push(format!("{at}: the checker does not know {other}")),
        }
    }
}

fn members(document: &Value, schema: &Map<String, Value>, value: &Value, at: &str, found: &mut Vec<String>) {
    for (name, member) in value.as_object().into_iter().flatten() {
        let at = format!("{at}/{name}");
        match (&schema["properties"][name], schema.get("additionalProperties")) {
            (Value::Null, None | Some(Value::Bool(false))) => found.push(format!("{at}: is not documented")),
            (Value::Null, Some(others)) => look(document, others, member, &at, found),
            (schema, _) => look(document, schema, member, &at, found),
        }
    }
}

fn is(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    }
}

fn format(says: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let Some(text) = value.as_str() else { return };
    let good = match says.as_str() {
        Some("date-time") => daybook_domain::Timestamp::parse(text).is_ok(),
        Some("date") => text.len() == 10 && text.split('-').count() == 3,
        Some("uuid") => uuid::Uuid::parse_str(text).is_ok(),
        Some("uri") => text.contains(':'),
        _ => false,
    };
    if !good {
        found.push(format!("{at}: {text:?} is no {says}"));
    }
}

/// The patterns that answers are held to.
fn pattern(says: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let Some(text) = value.as_str() else { return };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let good = match says.as_str() {
        Some(r"^-?[0-9]+(\.[0-9]{1,4})?$") => {
            let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
            digits(whole.strip_prefix('-').unwrap_or(whole)) && digits(part) && part.len() <= 4
        }
        _ => {
            found.push(format!("{at}: the checker does not know the pattern {says}"));
            return;
        }
    };
    if !good {
        found.push(format!("{at}: {text:?} does not match {says}"));
    }
}
