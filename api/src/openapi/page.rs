//! The document as a page for people: plain HTML, made on the server, that works without the internet.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::problem::KINDS;

const STYLE: &str = include_str!("page.css");

/// The page of a document.
pub(crate) fn page(document: &Value) -> String {
    let mut tags: BTreeMap<&str, Vec<Operation<'_>>> = BTreeMap::new();
    for (path, methods) in object(&document["paths"]) {
        for (method, operation) in object(methods) {
            let tag = operation["tags"][0].as_str().unwrap_or_default();
            tags.entry(tag).or_default().push(Operation { method, path, operation });
        }
    }
    let mut nav = String::new();
    let mut body = String::new();
    for (tag, operations) in &tags {
        let _ = write!(nav, "<h2><a href=\"#{0}\">{0}</a></h2><ul>", text(tag));
        let _ = write!(body, "<section id=\"{0}\"><h2>{0}</h2>", text(tag));
        for at in operations {
            let id = text(at.operation["operationId"].as_str().unwrap_or_default());
            let summary = text(at.operation["summary"].as_str().unwrap_or_default());
            let _ = write!(nav, "<li><a href=\"#{id}\">{summary}</a></li>");
            at.write(&mut body, &id, &summary);
        }
        nav.push_str("</ul>");
        body.push_str("</section>");
    }
    nav.push_str("<h2><a href=\"#schemas\">Schemas</a></h2><h2><a href=\"#problems\">Problems</a></h2>");
    body.push_str("<section id=\"schemas\"><h2>Schemas</h2>");
    for (name, schema) in object(&document["components"]["schemas"]) {
        let _ = write!(body, "<article id=\"schema-{0}\"><h3>{0}</h3>", text(name));
        describe(schema, &mut body);
        body.push_str("</article>");
    }
    body.push_str(
        "</section><section id=\"problems\"><h2>Problems</h2><table><tr><th>status<th>code<th>meaning</tr>",
    );
    for kind in KINDS {
        let _ = write!(
            body,
            "<tr><td>{}<td><code>{}</code><td>{}</tr>",
            kind.status,
            kind.code,
            words(kind.title)
        );
    }
    body.push_str("</table></section>");
    let introduction = paragraphs(super::INTRODUCTION);
    let version = text(document["info"]["version"].as_str().unwrap_or_default());
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Daybook API</title><style>{STYLE}</style></head><body><nav><h1>Daybook API</h1><p>version {version}, \
         <a href=\"openapi.json\">openapi.json</a></p>{nav}</nav><main>{introduction}{body}</main></body></html>\n"
    )
}

struct Operation<'d> {
    method: &'d str,
    path: &'d str,
    operation: &'d Value,
}

impl Operation<'_> {
    fn write(&self, out: &mut String, id: &str, summary: &str) {
        let Self { method, path, operation } = self;
        let _ = write!(
            out,
            "<article id=\"{id}\"><h3>{summary}</h3><p class=\"route\"><b class=\"{method}\">{}</b> <code>{}</code></p>{}",
            method.to_uppercase(),
            text(path),
            paragraphs(operation["description"].as_str().unwrap_or_default())
        );
        if let Some(parameters) = operation["parameters"].as_array().filter(|all| !all.is_empty()) {
            out.push_str("<h4>Parameters</h4><table>");
            for parameter in parameters {
                let required = if parameter["required"] == true { ", required" } else { "" };
                let _ = write!(
                    out,
                    "<tr><td><code>{}</code><td>{}{required}<td>{}<td>{}</tr>",
                    text(parameter["name"].as_str().unwrap_or_default()),
                    text(parameter["in"].as_str().unwrap_or_default()),
                    kind(&parameter["schema"]),
                    words(parameter["description"].as_str().unwrap_or_default())
                );
            }
            out.push_str("</table>");
        }
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        if !body.is_null() {
            out.push_str("<h4>Body</h4>");
            describe(body, out);
        }
        out.push_str("<h4>Answers</h4><table>");
        for (status, answer) in object(&operation["responses"]) {
            let kinds: Vec<String> = object(&answer["content"])
                .iter()
                .map(|(media, content)| format!("{} {}", text(media), kind(&content["schema"])))
                .collect();
            let said = words(answer["description"].as_str().unwrap_or_default());
            let _ = write!(out, "<tr><td>{status}<td>{said}<td>{}</tr>", kinds.join("<br>"));
        }
        out.push_str("</table></article>");
    }
}

/// A schema as a table of its members, or as its kind where it has none.
fn describe(schema: &Value, out: &mut String) {
    out.push_str(&paragraphs(schema["description"].as_str().unwrap_or_default()));
    for (key, word) in [("oneOf", "One of"), ("anyOf", "Any of")] {
        if let Some(choices) = schema[key].as_array() {
            let choices: Vec<String> = choices.iter().map(kind).collect();
            let _ = write!(out, "<p>{word}: {}</p>", choices.join(" · "));
        }
    }
    let members = object(&schema["properties"]);
    if members.is_empty() {
        let _ = write!(out, "<p>{}</p>", kind(schema));
        return;
    }
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    out.push_str("<table>");
    for (name, member) in members {
        let must = if required.contains(&name.as_str()) { "required" } else { "" };
        let said = words(member["description"].as_str().unwrap_or_default());
        let _ =
            write!(out, "<tr><td><code>{}</code><td>{}<td>{must}<td>{said}</tr>", text(name), kind(member));
    }
    out.push_str("</table>");
}

/// What a schema is, in a few words.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("<a href=\"#schema-{0}\">{0}</a>", text(name));
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<String> =
            values.iter().map(|v| format!("<code>{}</code>", text(v.as_str().unwrap_or("null")))).collect();
        return values.join(" ");
    }
    if let Some(value) = schema.get("const") {
        return format!("<code>{}</code>", text(value.as_str().unwrap_or_default()));
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(choices) = schema[key].as_array() {
            return choices.iter().map(kind).collect::<Vec<_>>().join(" or ");
        }
    }
    let name = match &schema["type"] {
        Value::String(name) => name.clone(),
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "any".to_owned(),
    };
    match name.as_str() {
        "array" => format!("list of {}", kind(&schema["items"])),
        _ => schema["format"]
            .as_str()
            .map_or_else(|| text(&name), |format| format!("{} ({})", text(&name), text(format))),
    }
}

fn object(value: &Value) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE)
}

fn paragraphs(markdown: &str) -> String {
    markdown.split("\n\n").filter(|p| !p.is_empty()).map(|p| format!("<p>{}</p>", words(p))).collect()
}

/// Text with `code` and **strong**.
fn words(markdown: &str) -> String {
    let marked = |text: String, mark: &str, tag: &str| {
        let parts = text.split(mark).enumerate();
        parts
            .map(|(n, part)| if n % 2 == 1 { format!("<{tag}>{part}</{tag}>") } else { part.to_owned() })
            .collect::<String>()
    };
    marked(marked(text(markdown), "**", "b"), "`", "code")
}

fn text(raw: &str) -> String {
    raw.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_needs_nothing_from_elsewhere_and_escapes_what_it_shows() {
        let page = super::page(&crate::openapi_document());
        assert!(page.contains("id=\"order_ship\""));
        for outside in ["http://", "https://", "<script", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert_eq!(super::words("a < `b` & **c**"), "a &lt; <code>b</code> &amp; <b>c</b>");
    }
}
