//! Values made from a schema, and their disfigurements.

use serde_json::{Map, Value, json};

use crate::check::Checker;

/// Values that fit: the fullest, the barest, and one for each variant of each choice within.
pub fn samples(checker: &Checker, schema: &Value) -> Vec<Value> {
    if let Some(examples) = schema.get("examples").and_then(Value::as_array) {
        return examples.clone();
    }
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let beside = if schema.get("properties").is_some() { objects(checker, schema) } else { Vec::new() };
        let mut all = samples(checker, checker.resolve(reference));
        for sample in &mut all {
            if let (Value::Object(members), Some(Value::Object(more))) = (sample, beside.first()) {
                members.extend(more.clone());
            }
        }
        return all;
    }
    if let Some(only) = schema.get("const") {
        return vec![only.clone()];
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return words.clone();
    }
    if let Some(choices) = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array) {
        return choices.iter().flat_map(|choice| samples(checker, choice).into_iter().take(1)).collect();
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds[0].as_str(),
        kind => kind.and_then(Value::as_str),
    };
    match kind {
        Some("string") => vec![json!("w1")],
        Some("integer") => vec![json!(1)],
        Some("boolean") => vec![json!(true), json!(false)],
        Some("null") => vec![Value::Null],
        Some("array") => {
            let mut each = samples(checker, &schema["items"]);
            each.truncate(3);
            vec![Value::Array(each), json!([])]
        }
        Some("object") => objects(checker, schema),
        other => panic!("no sample of {other:?}: {schema}"),
    }
}

fn objects(checker: &Checker, schema: &Value) -> Vec<Value> {
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let required = schema.get("required").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let each: Vec<(&String, Vec<Value>)> =
        properties.iter().map(|(name, inner)| (name, samples(checker, inner))).collect();
    let full: Map<String, Value> =
        each.iter().map(|(name, values)| ((*name).clone(), values[0].clone())).collect();
    let mut bare = full.clone();
    bare.retain(|name, _| required.iter().any(|wanted| wanted == name));
    let mut all = vec![Value::Object(full.clone()), Value::Object(bare)];
    for (name, values) in &each {
        for value in &values[1..] {
            let mut other = full.clone();
            other.insert((*name).clone(), value.clone());
            all.push(Value::Object(other));
        }
    }
    all
}

/// The value with one thing in it wrong, or at least another: every member left out, every object with a member
/// more, every value exchanged.
pub fn disfigured(value: &Value) -> Vec<Value> {
    let mut all: Vec<Value> = vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(1.5),
        json!(300),
        json!(4_294_967_296_u64),
        json!(""),
        json!("two words"),
        json!("0.05"),
        json!("x".repeat(65)),
        json!("2018-02-30T00:00:00Z"),
        json!({}),
    ];
    // serde takes a list for the fields of an object in their order: more than the schema promises
    if !value.is_object() {
        all.push(json!([1]));
    }
    match value {
        Value::Object(members) => {
            let mut more = members.clone();
            more.insert("zzz".to_owned(), json!(1));
            all.push(Value::Object(more));
            for (name, inner) in members {
                let mut less = members.clone();
                less.remove(name);
                all.push(Value::Object(less));
                for other in disfigured(inner) {
                    let mut changed = members.clone();
                    changed.insert(name.clone(), other);
                    all.push(Value::Object(changed));
                }
            }
        }
        Value::Array(items) => {
            for (at, inner) in items.iter().enumerate() {
                for other in disfigured(inner) {
                    let mut changed = items.clone();
                    changed[at] = other;
                    all.push(Value::Array(changed));
                }
            }
        }
        _ => {}
    }
    all
}
