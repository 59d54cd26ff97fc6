//! The OpenAPI document: kept in the repository beside the code, so that a change of the interface is seen in review.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// Where the document of this version is kept.
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

#[test]
fn the_kept_document_is_that_of_this_version() {
    let now = daybook_api::openapi_text();
    if std::env::var_os("DAYBOOK_KEEP").is_some() {
        std::fs::write(KEPT, &now).unwrap();
    }
    let kept = std::fs::read_to_string(Path::new(KEPT)).unwrap_or_default();
    let first = now.lines().zip(kept.lines()).position(|(now, kept)| now != kept);
    assert!(
        now == kept,
        "the interface changed (first at line {:?}): look at what changed, then run \
         `DAYBOOK_KEEP=1 cargo test -p daybook-api --test document` and commit api/openapi.json",
        first.map(|n| n + 1)
    );
}

#[test]
fn every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own() {
    let document = daybook_api::openapi_document();
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 100);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    let mut names = BTreeSet::new();
    for methods in document["paths"].as_object().unwrap().values() {
        for operation in methods.as_object().unwrap().values() {
            let name = operation["operationId"].as_str().unwrap().to_owned();
            assert!(names.insert(name.clone()), "{name} twice");
            assert!(!operation["summary"].as_str().unwrap().is_empty(), "{name}");
        }
    }
}

#[test]
fn every_command_says_what_its_body_holds() {
    let document = daybook_api::openapi_document();
    let resolved = |body: &Value| {
        let pointer = body["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        pointer.and_then(|pointer| document.pointer(pointer)).cloned().unwrap_or_default()
    };
    let ship = &document["paths"]["/v1/orders/{order}/ship"]["post"];
    let body = &resolved(&ship["requestBody"]["content"]["application/json"]["schema"]);
    assert_eq!(body["required"], serde_json::json!(["shipment", "mode"]));
    assert_eq!(body["additionalProperties"], false);
    for methods in document["paths"].as_object().unwrap().values() {
        let Some(post) = methods.get("post") else { continue };
        let Some(body) = post.pointer("/requestBody/content/application~1json/schema") else { continue };
        let body = resolved(body);
        let closed = body["properties"].is_object() || body["additionalProperties"] == false;
        assert!(closed, "{}: {body}", post["operationId"]);
    }
}

#[test]
fn every_object_has_a_name_of_its_own() {
    let document = daybook_api::openapi_document();
    let mut nameless = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        find_nameless(methods, path, &mut nameless);
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for member in schema.as_object().unwrap().values() {
            find_nameless(member, name, &mut nameless);
        }
    }
    assert!(
        nameless.is_empty(),
        "give each a `title`: a program that makes clients would call it by where it stands: {nameless:?}"
    );
}

/// Objects with members that are written where they are used.
fn find_nameless(value: &Value, at: &str, nameless: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if members.get("properties").is_some_and(Value::is_object) && !members.contains_key("$ref") {
                nameless.push(at.to_owned());
            }
            for (name, member) in members {
                find_nameless(member, &format!("{at}/{name}"), nameless);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| find_nameless(item, at, nameless)),
        _ => {}
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(to) if name == "$ref" => references.push(to.clone()),
                    _ => collect(member, references),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}
