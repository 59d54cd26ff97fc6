//! The OpenAPI 3.1 document, made from the endpoints.

mod page;
mod shape;

use std::sync::OnceLock;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Map, Value, json};

use crate::Shared;
use crate::access::{Permission, Role};
use crate::endpoint::{Components, Doc, Endpoint};
use crate::problem::{KINDS, Problem, blocking};
pub(crate) use shape::Written;

pub(crate) fn endpoints() -> Vec<Endpoint> {
    let about = |id, path: &str, summary, media, serve| {
        let doc = Doc {
            id: String::from(id),
            tag: "Operations",
            summary: String::from(summary),
            answers: vec![(
                200,
                summary,
                vec![(media, json!({"type": if media == "text/html" { "string" } else { "object" }}))],
            )],
            ..Doc::default()
        };
        Endpoint { method: Method::GET, path: path.to_owned(), permission: Permission::Public, doc, serve }
    };
    vec![
        about("openapi", "/v1/openapi.json", "This document", "application/json", get(document_as_json)),
        about("docs", "/v1/docs", "This document as a page", "text/html", get(document_as_page)),
    ]
}

/// The document as it is served; made when it is first asked for, since a service starts sooner without.
#[derive(Default)]
pub(crate) struct Served(OnceLock<Representations>);

struct Representations {
    json: Bytes,
    page: Bytes,
}

impl Served {
    fn get(&self) -> &Representations {
        self.0.get_or_init(|| {
            let document = document(&crate::endpoints());
            let json =
                serde_json::to_string(&Written(&document)).expect("invariant: a document is plain data");
            Representations { json: json.into(), page: page::page(&document).into() }
        })
    }
}

async fn document_as_json(State(shared): State<Shared>) -> Result<Response, Problem> {
    let json = blocking(move || Ok::<_, Problem>(shared.document.get().json.clone())).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
}

async fn document_as_page(State(shared): State<Shared>) -> Result<Response, Problem> {
    let page = blocking(move || Ok::<_, Problem>(shared.document.get().page.clone())).await?;
    Ok(([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response())
}

/// The document of these endpoints.
pub(crate) fn document(endpoints: &[Endpoint]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    let mut components = Components::new();
    components.insert("Problem".to_owned(), problem());
    for endpoint in endpoints {
        components.extend(endpoint.doc.components.clone());
        let path = paths.entry(endpoint.path.clone()).or_insert_with(|| json!({}));
        path[endpoint.method.as_str().to_lowercase()] = operation(endpoint, &mut components);
    }
    shape::shape_all(&mut components);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Daybook",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT"},
            "description": INTRODUCTION,
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "tags": TAGS.iter().map(|(name, what)| json!({"name": name, "description": what})).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": components,
            "headers": headers(),
            "responses": problems(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "A key, or a token of the configured issuer."}},
        },
    })
}

/// The headings, in the order in which somebody who builds on it comes to them.
const TAGS: &[(&str, &str)] = &[
    ("Checkouts", "A buyer's basket and what is paid for it."),
    ("Orders", "A sale of one merchant: from the order to receipt, return, refund and review."),
    ("Disputes", "What buyers and merchants do not agree on, and who is in the right."),
    ("Carts", "What a buyer means to order."),
    ("Buyers", "Membership, and the points that buyers earn, spend and lose."),
    ("Inquiries", "What visitors ask merchants, and who answers."),
    ("Traffic", "What visitors look at and do."),
    ("Merchants", "Who sells: entry, papers, contract, terms, standing."),
    ("Deposits", "What merchants leave as a security."),
    ("Accounts", "What the market owes a merchant: holds, fees, adjustments, payouts by hand."),
    ("Settlements", "What a merchant's sales come to at the end of a cycle."),
    ("Payouts", "What is sent to merchants, and where it came from."),
    ("Campaigns", "What is planned to bring visitors and sales, and what it costs."),
    ("Channels", "What sales channels say of their visitors."),
    ("Books", "The accounts of the market in double entry."),
    ("Reconciliation", "Statements of providers and banks beside the books."),
    ("Audit", "Who did what, when."),
    ("Feeds", "Every event, in pages or as it happens."),
    ("Webhooks", "Events brought to a receiver."),
    ("Batches", "Many commands at once."),
    ("Leads", "Merchants to be won."),
    ("Market", "The market itself and its rules."),
    ("Access", "Keys, and who used them on what."),
    ("Operations", "How the service is."),
];

const INTRODUCTION: &str = "The ledger of a marketplace: commands append events, reads answer from read models.\n\n\
    A **command** is a POST with an `Idempotency-Key`. The key belongs to its caller and to what the command is for; it never \
    expires. Sent again with the same content, an accepted command answers as the first time, with \
    `Idempotency-Replayed: true`; with other content it is refused. Where the path names no target, its id follows from \
    caller and key. `If-Match` with the `ETag` of the last answer lets a command through only if nobody was faster.\n\n\
    Money is `{\"amount\": \"12.30\", \"currency\": \"CNY\"}`: decimal text, never a float. Times are RFC 3339.\n\n\
    Every answer has `Daybook-Position`. A read with `Daybook-At-Least: POSITION` sees what that answer said.";

/// The headers of answers.
const HEADERS: &[(&str, &str, &str)] = &[
    ("Daybook-Position", "integer", "Position after which a read sees what the answer says"),
    ("X-Request-Id", "string", "The request's name: its caller's, where that is fit to be kept"),
    ("ETag", "string", "The version, for `If-Match` and `If-None-Match`"),
    ("Idempotency-Replayed", "string", "`true`: the answer is that of the first time"),
    ("Daybook-Next", "integer", "The `after` of the next page"),
    ("Link", "string", "The next page, `rel=\"next\"`, where there is one"),
    ("Retry-After", "integer", "Seconds after which to ask again"),
    ("WWW-Authenticate", "string", "How to say who asks"),
];

/// Those that every answer has.
const OF_ALL: &[&str] = &["Daybook-Position", "X-Request-Id"];

fn headers() -> Value {
    let header = |&(name, kind, what): &(&str, &str, &str)| {
        (name.to_owned(), json!({"schema": {"type": kind}, "description": what}))
    };
    HEADERS.iter().map(header).collect::<Map<_, _>>().into()
}

/// References to headers, after those of all answers.
fn with_headers(mut answer: Value, names: &[&str]) -> Value {
    let all = OF_ALL.iter().chain(names);
    let all = all.map(|name| ((*name).to_owned(), json!({"$ref": format!("#/components/headers/{name}")})));
    answer["headers"] = all.collect::<Map<_, _>>().into();
    answer
}

fn operation(endpoint: &Endpoint, components: &mut Components) -> Value {
    let doc = &endpoint.doc;
    let mut parameters: Vec<Value> = in_path(&endpoint.path);
    parameters.extend(doc.parameters.clone());
    let mut responses: Map<String, Value> = Map::new();
    let name = shape::called(&doc.id, "Answer");
    for (status, what, media) in &doc.answers {
        let mut content: Map<String, Value> = Map::new();
        for (kind, schema) in media {
            let schema = shape::shaped(schema.clone(), &name, components);
            content.insert((*kind).to_owned(), json!({"schema": schema}));
        }
        let answer = json!({"description": what, "content": content});
        responses.insert(status.to_string(), with_headers(answer, &doc.headers));
    }
    let mut problems = vec![400, 503];
    if endpoint.permission != Permission::Public {
        problems.extend([401, 403, 429]);
    }
    problems.extend(&doc.problems);
    for status in problems {
        let problem = json!({"$ref": format!("#/components/responses/Problem{status}")});
        responses.entry(status.to_string()).or_insert(problem);
    }
    let roles: Vec<&str> =
        Role::ALL.iter().filter(|role| role.may(endpoint.permission)).map(|role| role.name()).collect();
    let who = if endpoint.permission == Permission::Public {
        "Needs no key.".to_owned()
    } else {
        format!("For keys of the roles {}.", roles.join(", "))
    };
    let mut operation = json!({
        "operationId": doc.id,
        "tags": [doc.tag],
        "summary": doc.summary,
        "description": format!("{}\n\n{who}", doc.description).trim(),
        "parameters": parameters,
        "responses": responses,
    });
    if let Some(body) = &doc.body {
        let body = shape::shaped(body.clone(), &shape::called(&doc.id, "Body"), components);
        operation["requestBody"] =
            json!({"required": true, "content": {"application/json": {"schema": body}}});
    }
    if endpoint.permission == Permission::Public {
        operation["security"] = json!([]);
    }
    operation
}

/// The parameters that a path has.
fn in_path(path: &str) -> Vec<Value> {
    let pattern = |name: &str| match name {
        "period" => "^[1-9][0-9]{3}(-(0[1-9]|1[0-2]))?$", // a month, or a year
        "letter" => "^[0-9]{1,18}$",
        _ => "^[!-~]+$",
    };
    path.split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| {
            json!({"name": name, "in": "path", "required": true,
                "schema": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": pattern(name)}})
        })
        .collect()
}

/// An answer for each status that problems have.
fn problems() -> Value {
    let answer = |status: u16| {
        let of_status = KINDS.iter().filter(|kind| kind.status == status);
        let titles: Vec<&str> = of_status.map(|kind| kind.title).collect();
        let headers: &[&str] = match status {
            401 => &["WWW-Authenticate"],
            409 | 429 | 503 => &["Retry-After"],
            _ => &[],
        };
        let problem = json!({"description": titles.join("; or "), "content":
            {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}});
        (format!("Problem{status}"), with_headers(problem, headers))
    };
    KINDS.iter().map(|kind| answer(kind.status)).collect::<Map<_, _>>().into()
}

fn problem() -> Value {
    let codes: Vec<&str> = KINDS.iter().map(|kind| kind.code).collect();
    json!({
        "type": "object",
        "description": "Problem details (RFC 9457)",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": {"type": "string", "format": "uri", "description": "urn:daybook:problem:CODE"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"enum": codes},
            "detail": {"type": "string", "description": "What is wrong with this request, and the cure"},
            "refusal": {"type": "string", "description": "The rule that refused, `snake_case`"},
            "pointer": {"type": "string", "description": "Where in the body, as a JSON pointer"},
            "version": {"type": "integer", "description": "The version the stream has"},
            "request_id": {"type": "string", "description": "The request, as X-Request-Id and the log name it"},
        },
    })
}
