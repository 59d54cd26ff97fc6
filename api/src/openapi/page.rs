//! The document as a page for people: plain HTML, made on the server, that works without the internet.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::problem::KINDS;

const STYLE: &str = include_str!("page.css");

/// How to begin: the same as in the README, and tried as it stands before every release.
const QUICK_START: &str = include_str!("quick_start.md");

/// The page of a document.
pub(crate) fn page(document: &Value) -> String {
    let mut tags: BTreeMap<&str, Vec<Operation<'_>>> = BTreeMap::new();
    for (path, methods) in object(&document["paths"]) {
        for (method, operation) in object(methods) {
            let tag = operation["tags"][0].as_str().unwrap_or_default();
            tags.entry(tag).or_default().push(Operation { document, method, path, operation });
        }
    }
    let mut nav = String::new();
    let mut body = String::new();
    for (tag, what) in super::TAGS {
        let operations = tags.remove(tag).unwrap_or_default();
        let _ = write!(nav, "<h2><a href=\"#{0}\">{0}</a></h2><ul>", text(tag));
        let _ = write!(body, "<section id=\"{0}\"><h2>{0}</h2><p>{1}</p><table>", text(tag), words(what));
        for at in &operations {
            let (id, summary) = (at.said("operationId"), at.said("summary"));
            let _ = write!(nav, "<li><a href=\"#{id}\">{summary}</a></li>");
            let _ = write!(body, "<tr><td>{}<td><a href=\"#{id}\">{summary}</a></tr>", at.route());
        }
        body.push_str("</table>");
        operations.iter().for_each(|at| at.write(&mut body));
        nav.push_str("</ul>");
        body.push_str("</section>");
    }
    let inline: BTreeSet<&str> = object(&document["paths"])
        .values()
        .flat_map(|methods| object(methods).values())
        .filter_map(|operation| named(body_of(operation)))
        .collect();
    body.push_str("<section id=\"schemas\"><h2>Schemas</h2>");
    for (name, schema) in object(&document["components"]["schemas"]) {
        if inline.contains(name.as_str()) {
            continue; // stands where it is sent
        }
        let _ = write!(body, "<article id=\"schema-{0}\"><h3>{0}</h3>", text(name));
        describe(schema, &mut body);
        body.push_str("</article>");
    }
    body.push_str(
        "</section><section id=\"problems\"><h2>Problems</h2><table><tr><th>status<th>code<th>meaning</tr>",
    );
    for kind in KINDS {
        let (status, code) = (kind.status, kind.code);
        let _ = write!(body, "<tr><td>{status}<td><code>{code}</code><td>{}</tr>", words(kind.title));
    }
    body.push_str("</table></section>");
    let introduction = paragraphs(super::INTRODUCTION);
    let start = paragraphs(QUICK_START);
    let version = text(document["info"]["version"].as_str().unwrap_or_default());
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Daybook API</title><style>{STYLE}</style></head><body><nav><h1>Daybook API</h1><p>version {version}, \
         <a href=\"openapi.json\">openapi.json</a></p><h2><a href=\"#start\">Quick start</a></h2>\
         <h2><a href=\"#problems\">Problems</a></h2><h2><a href=\"#schemas\">Schemas</a></h2>{nav}</nav>\
         <main>{introduction}<section id=\"start\"><h2>Quick start</h2>{start}</section>{body}</main></body></html>\n"
    )
}

struct Operation<'d> {
    document: &'d Value,
    method: &'d str,
    path: &'d str,
    operation: &'d Value,
}

impl Operation<'_> {
    fn said(&self, name: &str) -> String {
        text(self.operation[name].as_str().unwrap_or_default())
    }

    fn route(&self) -> String {
        let Self { method, path, .. } = self;
        format!("<b class=\"{method}\">{}</b> <code>{}</code>", method.to_uppercase(), text(path))
    }

    fn write(&self, out: &mut String) {
        let operation = self.operation;
        let _ = write!(
            out,
            "<article id=\"{}\"><h3>{}</h3><p class=\"route\">{}</p>{}",
            self.said("operationId"),
            self.said("summary"),
            self.route(),
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
        let body = body_of(operation);
        if !body.is_null() {
            let name = named(body).unwrap_or_default();
            let _ = write!(out, "<h4 id=\"schema-{0}\">Body <code>{0}</code></h4>", text(name));
            describe(self.document["components"]["schemas"].get(name).unwrap_or(body), out);
        }
        out.push_str("<h4>Answers</h4><table>");
        let mut problems = Vec::new();
        for (status, answer) in object(&operation["responses"]) {
            if answer.get("$ref").is_some() {
                problems.push(status.as_str());
                continue;
            }
            let kinds: Vec<String> = object(&answer["content"])
                .iter()
                .map(|(media, content)| format!("{} {}", text(media), kind(&content["schema"])))
                .collect();
            let said = words(answer["description"].as_str().unwrap_or_default());
            let _ = write!(out, "<tr><td>{status}<td>{said}<td>{}</tr>", kinds.join("<br>"));
        }
        let _ = write!(
            out,
            "<tr><td>else<td>a <a href=\"#problems\">problem</a>: {}<td>application/problem+json <a href=\"#schema-Problem\">Problem</a></tr>",
            problems.join(", ")
        );
        out.push_str("</table></article>");
    }
}

/// The schema of what an operation is sent.
fn body_of(operation: &Value) -> &Value {
    &operation["requestBody"]["content"]["application/json"]["schema"]
}

/// The name of the component that a schema refers to.
fn named(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str().and_then(|path| path.rsplit('/').next())
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
    if let Some(name) = named(schema) {
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

/// Paragraphs, and code between fences.
fn paragraphs(markdown: &str) -> String {
    let mut out = String::new();
    for (n, part) in markdown.split("```").enumerate() {
        if n % 2 == 1 {
            let code = part.split_once('\n').map_or(part, |(_language, code)| code);
            let _ = write!(out, "<pre>{}</pre>", text(code));
        } else {
            let all = part.split("\n\n").map(str::trim).filter(|p| !p.is_empty());
            out.extend(all.map(|p| format!("<p>{}</p>", words(p))));
        }
    }
    out
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
    fn every_link_of_the_page_leads_somewhere() {
        let page = super::page(&crate::openapi_document());
        let there: std::collections::BTreeSet<&str> =
            page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let linked = page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next());
        let lost: Vec<&str> = linked.filter(|to| !there.contains(to)).collect();
        assert_eq!(lost, [""; 0]);
        assert!(
            there.contains("start") && there.contains("order_ship") && there.contains("schema-OrderShipBody")
        );
    }

    #[test]
    fn the_readme_begins_in_the_same_way() {
        let readme = include_str!("../../../README.md");
        assert!(
            readme.contains(super::QUICK_START.trim()),
            "put api/src/openapi/quick_start.md into the README"
        );
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere_and_escapes_what_it_shows() {
        let page = super::page(&crate::openapi_document());
        assert!(page.contains("id=\"order_ship\""));
        for outside in ["src=", "href=\"http", "<script", "@import", "url(", "<link"] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("<pre>") && !page.contains("```"));
        for (start, end) in [("<article", "</article>"), ("<section", "</section>"), ("<table>", "</table>")]
        {
            assert_eq!(page.matches(start).count(), page.matches(end).count(), "{start}");
        }
        assert_eq!(super::words("a < `b` & **c**"), "a &lt; <code>b</code> &amp; <b>c</b>");
    }
}
