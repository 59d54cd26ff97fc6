//! Shapes the document for programs that make clients of it. What is an object has a name and stands among the
//! components, so that a type is made of it once and called as we call it; values that are told one by one say what
//! type they are; a set of words is one enumeration; and the usual media type of an answer comes first, since many
//! programs look no further.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use crate::endpoint::Components;

/// The usual media type.
const USUAL: &str = "application/json";

/// A name as types are called: `order_ship` and `Body` make `OrderShipBody`.
pub(super) fn called(id: &str, end: &str) -> String {
    let words = id.split(['_', '-', '.']).map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    words.collect::<String>() + end
}

/// Shapes a body or an answer, under this name where it is an object without one.
pub(super) fn shaped(mut schema: Value, name: &str, components: &mut Components) -> Value {
    if schema["type"] == "object" && schema.get("title").is_none() {
        schema["title"] = name.into();
    }
    lift(&mut schema, components);
    schema
}

/// Shapes the components, and what stands within them.
pub(super) fn shape_all(components: &mut Components) {
    let mut lifted = Components::new();
    for (name, schema) in components.iter_mut() {
        if let Some(members) = schema.as_object_mut() {
            members.remove("title");
            name_choices(name, members);
        }
        lift(schema, &mut lifted);
    }
    for (name, schema) in lifted {
        components.entry(name).or_insert(schema);
    }
}

/// Puts each schema that has a title among the components, and a reference in its place.
fn lift(schema: &mut Value, components: &mut Components) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(|member| lift(member, components));
            say_type(members);
            if let Some(Value::String(title)) = members.get("title").cloned() {
                members.remove("title");
                let reference = json!({"$ref": format!("#/components/schemas/{title}")});
                let whole = std::mem::replace(schema, reference);
                components.entry(title).or_insert(whole);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| lift(item, components)),
        _ => {}
    }
}

/// Says that words are text.
fn say_type(members: &mut Map<String, Value>) {
    let words = match (members.get("enum"), members.get("const")) {
        (Some(Value::Array(values)), _) => values.iter().all(Value::is_string),
        (_, Some(value)) => value.is_string(),
        _ => false,
    };
    if words {
        members.entry("type").or_insert_with(|| "string".into());
    }
}

/// Of a choice among words makes an enumeration; the objects of any other choice get a title each.
fn name_choices(name: &str, members: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = members.get_mut("oneOf") else { return };
    let words: Vec<Vec<Value>> = choices.iter().map(words).collect();
    if words.iter().all(|words| !words.is_empty()) {
        let said = choices.iter().filter_map(|choice| {
            Some(format!("`{}`: {}", choice["const"].as_str()?, choice["description"].as_str()?))
        });
        let said: Vec<String> = said.collect();
        let about = members.get("description").and_then(Value::as_str).map(str::to_owned);
        let said: Vec<String> = about.into_iter().chain(said).collect();
        members.remove("oneOf");
        members.insert("description".to_owned(), said.join(" ").into());
        members.insert("enum".to_owned(), words.concat().into());
        return;
    }
    for choice in choices {
        let Some(properties) = choice["properties"].as_object().filter(|_| choice.get("$ref").is_none())
        else {
            continue;
        };
        let tag = properties.values().find_map(|member| member["const"].as_str());
        if let Some(own) = tag.or_else(|| properties.keys().next().map(String::as_str)) {
            choice["title"] = format!("{name}{}", called(own, "")).into();
        }
    }
}

/// The words that a schema allows, where it allows nothing else.
fn words(schema: &Value) -> Vec<Value> {
    match (&schema["enum"], &schema["const"]) {
        (Value::Array(values), _) => values.clone(),
        (_, value @ Value::String(_)) => vec![value.clone()],
        _ => Vec::new(),
    }
}

/// A document as it is written: the usual media type of an answer before the others.
pub(crate) struct Written<'d>(pub &'d Value);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                let (first, rest): (Vec<_>, Vec<_>) = members.iter().partition(|(name, _)| *name == USUAL);
                for (name, member) in first.into_iter().chain(rest) {
                    map.serialize_entry(name, &Written(member))?;
                }
                map.end()
            }
            Value::Array(items) => serializer.collect_seq(items.iter().map(Written)),
            other => other.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_title_becomes_a_component_and_words_become_text() {
        let mut components = Components::new();
        let line = json!({"title": "Line", "type": "object", "properties": {"title": {"enum": ["a", "b"]}}});
        let body = json!({"type": "object", "properties": {"lines": {"type": "array", "items": line}}});
        assert_eq!(
            shaped(body, "OrderShipBody", &mut components),
            json!({"$ref": "#/components/schemas/OrderShipBody"})
        );
        assert_eq!(
            components["OrderShipBody"],
            json!({"type": "object", "properties": {"lines": {"type": "array", "items": {"$ref": "#/components/schemas/Line"}}}})
        );
        assert_eq!(
            components["Line"],
            json!({"type": "object", "properties": {"title": {"type": "string", "enum": ["a", "b"]}}})
        );
    }

    #[test]
    fn a_choice_of_words_is_an_enumeration_and_one_of_objects_has_names() {
        let mut components = Components::from([
            (
                "Kind".to_owned(),
                json!({"description": "What.", "oneOf": [
                    {"const": "late", "description": "Too late.", "type": "string"},
                    {"enum": ["fee", "other"], "type": "string"},
                ]}),
            ),
            (
                "Of".to_owned(),
                json!({"oneOf": [
                    {"const": "all", "type": "string"},
                    {"type": "object", "properties": {"line_items": {"type": "integer"}}},
                    {"type": "object", "properties": {"who": {"type": "string"}, "to": {"const": "buyer"}}},
                ]}),
            ),
        ]);
        shape_all(&mut components);
        assert_eq!(
            components["Kind"],
            json!({"description": "What. `late`: Too late.", "type": "string", "enum": ["late", "fee", "other"]})
        );
        let names: Vec<&str> = components.keys().map(String::as_str).collect();
        assert_eq!(names, ["Kind", "Of", "OfBuyer", "OfLineItems"]);
    }

    #[test]
    fn json_comes_before_the_other_media_types() {
        let content = json!({"application/a+json": 1, "application/json": {"b": [2]}});
        let written = serde_json::to_string(&Written(&content)).expect("it is JSON");
        assert_eq!(written, r#"{"application/json":{"b":[2]},"application/a+json":1}"#);
    }
}
