//! Reads JSON that callers send, and says in words of JSON, not of Rust, what of it cannot be read and where.

use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use crate::problem::{BAD_REQUEST, Problem};

/// Reads a body.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(at("", "invalid type: list, expected an object")); // serde would take its items as members
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let (mut pointer, inner) = (pointer(error.path()), error.inner());
        if inner.classify() != Category::Data {
            return unreadable(inner);
        }
        let text = inner.to_string();
        let why = text.rsplit_once(" at line ").map_or(&*text, |(why, _)| why);
        if let Some(missing) = why.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
            pointer = format!("{pointer}/{missing}");
        }
        at(&pointer, &plain(why))
    })?;
    reader.end().map_err(|error| unreadable(&error))?;
    Ok(read)
}

/// What is wrong with text that is no JSON.
fn unreadable(error: &serde_json::Error) -> Problem {
    Problem::new(BAD_REQUEST, format!("the body is no JSON that can be read: {error}")).at("")
}

/// A problem with what stands at this pointer.
pub(crate) fn at(pointer: &str, why: &str) -> Problem {
    let detail =
        if pointer.is_empty() { format!("the body: {why}") } else { format!("{}: {why}", &pointer[1..]) };
    Problem::new(BAD_REQUEST, detail).at(pointer)
}

/// A name as a part of a JSON pointer.
pub(crate) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer += &format!("/{index}"),
            Segment::Map { key } => pointer += &format!("/{}", escaped(key)),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// What serde says, for those who do not know what its words stand for.
pub(crate) fn plain(why: &str) -> String {
    let Some((found, expected)) = why.rsplit_once(", expected ") else { return why.to_owned() };
    let found = match found.rsplit_once("invalid type: ") {
        Some((before, "map")) => format!("{before}invalid type: object"),
        Some((before, "sequence")) => format!("{before}invalid type: list"),
        Some((before, rest)) => {
            format!("{before}invalid type: {}", rest.replace("floating point ", "number "))
        }
        None => found.to_owned(),
    };
    let expected = match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number, 0 or more",
        "i64" => "a whole number",
        "a sequence" => "a list",
        "a map" => "an object",
        "string or map" => "a string or an object",
        other if other.starts_with("struct ") => "an object",
        other => other,
    };
    format!("{found}, expected {expected}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Outer {
        items: Vec<Inner>,
        #[serde(default)]
        named: BTreeMap<String, u64>,
    }

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Inner {
        count: u32,
    }

    #[test]
    fn what_cannot_be_read_is_told_in_plain_words_with_its_place() {
        for (body, pointer, detail) in [
            (
                r#"{"items": [{"count": 1}, {"count": -1}]}"#,
                "/items/1/count",
                "a whole number from 0 to 4294967295",
            ),
            (r#"{"items": [{"count": 1.5}]}"#, "/items/0/count", "invalid type: number `1.5`"),
            (r#"{"items": [{}]}"#, "/items/0/count", "items/0/count: missing field `count`"),
            (r#"{"items": [{"count": 1, "x": 1}]}"#, "/items/0/x", "unknown field `x`, expected `count`"),
            (r#"{"items": {}}"#, "/items", "invalid type: object, expected a list"),
            (r#"{"items": [7]}"#, "/items/0", "expected an object"),
            (r#"{"items": [], "named": {"a/b": "c"}}"#, "/named/a~1b", "a whole number, 0 or more"),
            (r#"{"items": []"#, "", "no JSON that can be read"),
            (r#"{"items": []} {}"#, "", "no JSON that can be read"),
            ("[]", "", "the body: "),
        ] {
            let problem =
                serde_json::to_value(read::<Outer>(body.as_bytes()).expect_err(body)).expect("plain data");
            assert_eq!(problem["pointer"], pointer, "{body}: {problem}");
            assert!(
                problem["detail"].as_str().is_some_and(|said| said.contains(detail)),
                "{body}: {problem}"
            );
        }
    }
}
