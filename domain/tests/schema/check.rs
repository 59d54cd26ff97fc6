//! A validator of the part of JSON Schema that is used here. A keyword that it does not know is an error.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use daybook_domain::Timestamp;
use daybook_domain::schema::COMPONENTS;
use regex_lite::Regex;
use serde_json::Value;

pub struct Checker {
    components: BTreeMap<String, Value>,
    patterns: RefCell<HashMap<String, Regex>>,
}

impl Checker {
    pub fn new(components: BTreeMap<String, Value>) -> Self {
        Self { components, patterns: RefCell::default() }
    }

    pub fn components(&self) -> &BTreeMap<String, Value> {
        &self.components
    }

    /// The component that a reference points to.
    pub fn resolve(&self, reference: &str) -> &Value {
        let name = reference.strip_prefix('#').and_then(|r| r.strip_prefix(COMPONENTS)?.strip_prefix('/'));
        name.and_then(|n| self.components.get(n)).unwrap_or_else(|| panic!("{reference} leads nowhere"))
    }

    /// Where and why the value does not fit, if it does not.
    pub fn check(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let schema = schema.as_object().unwrap_or_else(|| panic!("{schema} is no schema"));
        for (keyword, said) in schema {
            let fits = match keyword.as_str() {
                "$ref" => {
                    let component = self.resolve(text(said));
                    self.check(component, value)?;
                    true
                }
                "type" => match said {
                    Value::Array(types) => types.iter().any(|t| is_a(value, t)),
                    one => is_a(value, one),
                },
                "const" => value == said,
                "enum" => items(said).contains(value),
                "oneOf" => self.fitting(said, value) == 1,
                "anyOf" => self.fitting(said, value) > 0,
                "required" => value
                    .as_object()
                    .is_none_or(|object| items(said).iter().all(|name| object.contains_key(text(name)))),
                "properties" => {
                    for (name, inner) in said.as_object().expect("an object") {
                        if let Some(field) = value.get(name) {
                            self.check(inner, field).map_err(|why| format!("{name}: {why}"))?;
                        }
                    }
                    true
                }
                "additionalProperties" => {
                    assert_eq!(said, false);
                    let known = schema.get("properties").and_then(Value::as_object);
                    value.as_object().is_none_or(|object| {
                        object.keys().all(|name| known.is_some_and(|known| known.contains_key(name)))
                    })
                }
                "items" => {
                    for item in value.as_array().into_iter().flatten() {
                        self.check(said, item)?;
                    }
                    true
                }
                "minLength" => length(value).is_none_or(|n| n >= bound(said)),
                "maxLength" => length(value).is_none_or(|n| n <= bound(said)),
                "minimum" => number(value).is_none_or(|n| n >= bound(said)),
                "maximum" => number(value).is_none_or(|n| n <= bound(said)),
                "pattern" => {
                    let said = text(said);
                    let mut patterns = self.patterns.borrow_mut();
                    let pattern = patterns
                        .entry(said.to_owned())
                        .or_insert_with(|| Regex::new(said).expect("a pattern"));
                    value.as_str().is_none_or(|value| pattern.is_match(value))
                }
                "format" => match text(said) {
                    "date-time" => value.as_str().is_none_or(|text| Timestamp::parse(text).is_ok()),
                    "uint8" | "uint32" | "uint64" => {
                        assert!(schema.contains_key("maximum") && schema.contains_key("minimum"));
                        true
                    }
                    other => panic!("format {other} is not checked"),
                },
                "description" => !text(said).is_empty(),
                "default" | "examples" => true,
                other => panic!("keyword {other} is not checked"),
            };
            if !fits {
                return Err(format!("{value} against {keyword} {said}"));
            }
        }
        Ok(())
    }

    fn fitting(&self, schemas: &Value, value: &Value) -> usize {
        items(schemas).iter().filter(|schema| self.check(schema, value).is_ok()).count()
    }
}

fn is_a(value: &Value, kind: &Value) -> bool {
    match text(kind) {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => number(value).is_some(),
        other => panic!("type {other} is not checked"),
    }
}

fn text(said: &Value) -> &str {
    said.as_str().unwrap_or_else(|| panic!("{said} is no text"))
}

fn items(said: &Value) -> &[Value] {
    said.as_array().unwrap_or_else(|| panic!("{said} is no list"))
}

fn bound(said: &Value) -> i128 {
    number(said).unwrap_or_else(|| panic!("{said} is no whole number"))
}

fn length(value: &Value) -> Option<i128> {
    Some(value.as_str()?.chars().count() as i128)
}

fn number(value: &Value) -> Option<i128> {
    value.as_u64().map(i128::from).or_else(|| value.as_i64().map(i128::from))
}
