//! An endpoint: where it is, who may use it, what is said about it, and what serves it. The routes, the permissions
//! and the OpenAPI document all come from one list of these, so none can have one without the others.

use std::collections::BTreeMap;

use axum::http::Method;
use axum::routing::MethodRouter;
use serde_json::{Value, json};

use crate::Shared;
use crate::access::Permission;

/// What is answered with a status: the status, words, and the schema by media type.
pub(crate) type Answers = (u16, &'static str, Vec<(&'static str, Value)>);

/// Schemas by name, as they stand under `components/schemas`.
pub(crate) type Components = BTreeMap<String, Value>;

/// An endpoint of the API.
pub(crate) struct Endpoint {
    /// Its method.
    pub method: Method,
    /// Its path, with `{parameters}`.
    pub path: String,
    /// What it asks of its caller.
    pub permission: Permission,
    /// What is said about it.
    pub doc: Doc,
    /// What serves it.
    pub serve: MethodRouter<Shared>,
}

/// What is said about an endpoint in the OpenAPI document.
#[derive(Clone, Debug, Default)]
pub(crate) struct Doc {
    /// Its operation id, unique.
    pub id: String,
    /// The heading it stands under.
    pub tag: &'static str,
    /// One line.
    pub summary: String,
    /// More, where there is more to say.
    pub description: String,
    /// Its parameters beside those of the path.
    pub parameters: Vec<Value>,
    /// Schema of the body.
    pub body: Option<Value>,
    /// What it answers when all is well: status, words, schema by media type.
    pub answers: Vec<Answers>,
    /// Headers of these answers, beside those of every answer: names of the document's headers.
    pub headers: Vec<&'static str>,
    /// Problems that it answers with, beside those of every endpoint.
    pub problems: Vec<u16>,
    /// Schemas that the above refer to.
    pub components: Components,
}

impl Doc {
    /// About a read that answers with JSON of this schema.
    pub fn read(id: &str, tag: &'static str, summary: &str, answer: Value) -> Self {
        Self {
            id: id.to_owned(),
            tag,
            summary: summary.to_owned(),
            answers: vec![(200, "The answer", vec![("application/json", answer)])],
            problems: vec![404],
            ..Self::default()
        }
        .header("Daybook-At-Least", json!({"type": "integer", "minimum": 0, "maximum": i64::MAX}), "Answer only once the read models have come to this position: the Daybook-Position of a command, so that one reads what one has written. Waits two seconds at most; 400 beyond the end of the journal.")
    }

    /// Adds a parameter of the query.
    pub fn query(mut self, name: &str, schema: Value, what: &str) -> Self {
        self.parameters.push(json!({"name": name, "in": "query", "schema": schema, "description": what}));
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, schema: Value, what: &str) -> Self {
        self.parameters.push(json!({"name": name, "in": "header", "schema": schema, "description": what}));
        self
    }

    /// Adds schemas that it refers to.
    pub fn with(mut self, components: Components) -> Self {
        self.components.extend(components);
        self
    }
}
