//! Makes endpoints of questions: a list of rows page by page, or one thing.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{RawPathParams, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use daybook_domain::PartyId;
use daybook_projections::ReadModels;
use daybook_projections::fields::{Field, Fields};
use daybook_projections::queries::Page;
use daybook_projections::record::Record;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::cursor::Cursor;
use super::deep::until;
use super::heavy::is_heavy;
use super::question::{Pairs, Parameter, Question};
use super::represent::{CSV, JSON, csv, wanted};
use super::schema::{array, object, or_null, row_schema, shown};
use crate::Shared;
use crate::access::{Caller, Permission, Pseudonyms, Touched};
use crate::endpoint::{Components, Doc, Endpoint};
use crate::problem::{INTERNAL, NOT_FOUND, Problem, blocking};
use crate::traces::within;
use crate::turns::{Turn, Waits};

/// Rows of a page where the caller does not say.
const ROWS: u32 = 100;
/// Most rows of a page.
const MOST_ROWS: u32 = daybook_projections::queries::PAGE_ROWS;

/// What is said of a read.
#[derive(Clone, Copy)]
pub(super) struct About {
    pub id: &'static str,
    pub path: &'static str,
    pub tag: &'static str,
    pub permission: Permission,
    pub summary: &'static str,
    pub more: &'static str,
    pub parameters: &'static [Parameter],
}

/// What the reads under one heading have in common.
#[derive(Clone, Copy)]
pub(super) struct Section {
    pub tag: &'static str,
    pub permission: Permission,
}

impl Section {
    /// One of its reads.
    pub const fn about(
        self,
        id: &'static str,
        path: &'static str,
        summary: &'static str,
        more: &'static str,
        parameters: &'static [Parameter],
    ) -> About {
        let Self { tag, permission } = self;
        About { id, path, tag, permission, summary, more, parameters }
    }
}

impl About {
    /// A turn, where it looks at much; `cut` where it is asked as of a moment.
    pub async fn turn(&self, shared: &Shared, caller: PartyId, cut: bool) -> Result<Option<Turn>, Problem> {
        if !is_heavy(self.id, cut) {
            return Ok(None);
        }
        let until = tokio::time::Instant::from_std(until(shared));
        shared.heavy.wait_until(caller, Waits::WithinLimits, until).await.map(Some)
    }

    pub fn doc(&self, answers: Vec<(&'static str, Value)>, components: Components) -> Doc {
        let mut doc = Doc::read(self.id, self.tag, self.summary, Value::Null);
        doc.description = self.more.to_owned();
        doc.answers = vec![(200, "The answer", answers)];
        doc.problems = vec![404, 406];
        doc.parameters.extend(self.parameters.iter().map(Parameter::documented));
        doc.with(components)
    }
}

/// A page of rows that are fields, or JSON already.
pub(super) struct Listed {
    rows: Rows,
    next: Option<String>,
}

enum Rows {
    Fields(Vec<Fields>),
    Json(Vec<Box<RawValue>>),
}

impl Rows {
    /// The merchants that they name, and those that were noted.
    fn touched(&self, question: &Question) -> Touched {
        let mut noted = question.touched();
        if let Self::Fields(rows) = self {
            noted.extend(rows.iter().filter_map(|row| text(row, "merchant_id")).map(str::to_owned));
        }
        touched(noted)
    }

    /// For who sees parties by pseudonyms. Rows that are JSON already are for no such reader.
    fn hide(&mut self, names: &Pseudonyms) {
        if let Self::Fields(rows) = self {
            rows.iter_mut().for_each(|row| names.hide_in(row));
        }
    }
}

/// Whether a list has pages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pages {
    Many,
    One,
}

/// A list of rows: what there is of them, page by page.
pub(super) fn list<R: Record>(
    about: About,
    ask: fn(&ReadModels, &Question) -> Result<Page<R>, Problem>,
) -> Endpoint {
    of_rows::<R>(about, Pages::Many, move |models, question, _| ask(models, question))
}

/// As [`list`]; the question is told the position that the pages hold to.
pub(super) fn pinned_list<R: Record>(
    about: About,
    ask: fn(&ReadModels, &Question, u64) -> Result<Page<R>, Problem>,
) -> Endpoint {
    of_rows::<R>(about, Pages::Many, ask)
}

/// A list that is one page, whole.
pub(super) fn table<R: Record>(
    about: About,
    ask: fn(&ReadModels, &Question) -> Result<Vec<R>, Problem>,
) -> Endpoint {
    of_rows::<R>(about, Pages::One, move |models, question, _| {
        Ok(Page { rows: ask(models, question)?, next: None })
    })
}

fn of_rows<R: Record>(
    about: About,
    pages: Pages,
    ask: impl Fn(&ReadModels, &Question, u64) -> Result<Page<R>, Problem> + Copy + Send + Sync + 'static,
) -> Endpoint {
    let mut components = Components::new();
    let row = row_schema::<R>(&mut components);
    let columns: Vec<&'static str> = R::COLUMNS.iter().map(|column| column.name).collect();
    listing(about, pages, (row, components), columns, move |models, question, position| {
        let Page { rows, mut next } = ask(models, question, position)?;
        let mut rows: Vec<Fields> = rows.iter().map(|row| shown(row, None)).collect();
        // whatever was asked: a merchant's key sees what is its own
        rows.retain(|row| text(row, "merchant_id").is_none_or(|merchant| question.caller.owns(merchant)));
        let before = rows.len();
        rows.retain(|row| !came_after(row, position));
        if rows.len() < before {
            next = None; // in the order of positions, all that follow came after as well
        }
        Ok(Listed { rows: Rows::Fields(rows), next })
    })
}

/// A page of rows that are JSON already.
pub(super) type Texts = Page<Box<RawValue>>;

/// A list of such rows; there is no other representation.
pub(super) fn json_list(
    about: About,
    schema: (Value, Components),
    ask: fn(&ReadModels, &Question, u64) -> Result<Texts, Problem>,
) -> Endpoint {
    listing(about, Pages::Many, schema, Vec::new(), move |models, question, position| {
        let Page { rows, next } = ask(models, question, position)?;
        Ok(Listed { rows: Rows::Json(rows), next })
    })
}

fn text<'f>(row: &'f Fields, column: &str) -> Option<&'f str> {
    row.0.iter().find_map(|(name, field)| match field {
        Field::Text(text) if *name == column => Some(text.as_str()),
        _ => None,
    })
}

/// Whether a row knows that it was written after this position.
fn came_after(row: &Fields, position: u64) -> bool {
    row.0.iter().any(|(name, field)| {
        *name == "position" && matches!(field, Field::Count(at) if at.unsigned_abs() > position)
    })
}

fn listing(
    about: About,
    pages: Pages,
    (row, components): (Value, Components),
    columns: Vec<&'static str>,
    ask: impl Fn(&ReadModels, &Question, u64) -> Result<Listed, Problem> + Clone + Send + Sync + 'static,
) -> Endpoint {
    let next = json!({"type": ["string", "null"], "description": "Pass it on as `cursor` for the page after this one; null behind the last"});
    let position = json!({"type": "integer", "description": "Position of the read models when the first page was asked for; the list says whether its pages are pinned to it"});
    let page = object(&[("rows", array(&row)), ("next", next), ("position", position)]);
    let (offered, answers): (&'static [&'static str], _) = if columns.is_empty() {
        (&[JSON], vec![(JSON, page)])
    } else {
        (&[JSON, CSV], vec![(JSON, page), (CSV, json!({"type": "string"}))])
    };
    let mut doc = about.doc(answers, components);
    if pages == Pages::Many {
        let limit = json!({"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": ROWS});
        doc.headers.push("Link");
        doc = doc.query("limit", limit, "Most rows of the page").query(
            "cursor",
            json!({"type": "string"}),
            "The `next` of the page before, with the same parameters",
        );
    }
    let others: &'static [&'static str] = if pages == Pages::Many { &["limit", "cursor"] } else { &[] };
    let serve = get(
        move |State(shared): State<Shared>,
              caller: Caller,
              path: RawPathParams,
              query: Pairs,
              uri: Uri,
              headers: HeaderMap| async move {
            let kind = wanted(&headers, offered)?;
            let (mut question, extra) = Question::read(caller, &path, query, about.parameters, others)?;
            question = question.of(&shared);
            question.limit = limit(extra.get("limit"))?;
            let said = question.text();
            let cursor = extra.get("cursor").map(|text| Cursor::read(text, about.id, &said)).transpose()?;
            let position = cursor.as_ref().map_or_else(|| shared.models.applied(), |cursor| cursor.position);
            question.after = cursor.map(|cursor| cursor.next);
            let models = shared.models.clone();
            let turn = about.turn(&shared, question.caller.actor, question.is_cut()).await?;
            let serving = Arc::clone(&shared);
            let read = blocking(move || {
                let _held = turn; // by the thread that reads: a caller may have gone before it is through
                let mut listed = ask(&models, &question, position)?;
                let touched = listed.rows.touched(&question);
                if question.caller.sees_pseudonyms() {
                    listed.rows.hide(shared.access.pseudonyms());
                }
                let next = listed.next.map(|next| Cursor { position, next }.written(about.id, &said));
                let mut response = answer(kind, &columns, &listed.rows, next, position, &uri)?;
                response.extensions_mut().insert(touched);
                Ok::<_, Problem>(response)
            });
            within(serving.traces.as_ref(), || about.id.to_owned(), read).await
        },
    );
    Endpoint { method: Method::GET, path: about.path.to_owned(), permission: about.permission, doc, serve }
}

fn limit(asked: Option<&String>) -> Result<u32, Problem> {
    let Some(text) = asked else { return Ok(ROWS) };
    let limit = text.parse().ok().filter(|limit| (1..=MOST_ROWS).contains(limit));
    limit.ok_or_else(|| Problem::bad("limit", format!("{text:?} is not a number from 1 to {MOST_ROWS}")))
}

fn answer(
    kind: &'static str,
    columns: &[&str],
    rows: &Rows,
    next: Option<String>,
    position: u64,
    uri: &Uri,
) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Answer<'a, T> {
        rows: &'a [T],
        next: Option<&'a str>,
        position: u64,
    }
    let cursor = next.as_deref();
    let body = match rows {
        Rows::Fields(rows) if kind == CSV => csv(columns, rows)?,
        Rows::Fields(rows) => to_json(&Answer { rows, next: cursor, position })?,
        Rows::Json(rows) => to_json(&Answer { rows, next: cursor, position })?,
    };
    let content = if kind == CSV { "text/csv; charset=utf-8; header=present" } else { kind };
    let mut response = ([(header::CONTENT_TYPE, content)], body).into_response();
    if let Some(cursor) = cursor {
        let kept = uri.query().unwrap_or("").split('&');
        let kept = kept.filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
        let query: String = kept.map(|pair| format!("{pair}&")).collect();
        let link = format!("<{}?{query}cursor={cursor}>; rel=\"next\"", uri.path());
        response.headers_mut().extend(HeaderValue::from_str(&link).ok().map(|link| (header::LINK, link)));
    }
    Ok(response)
}

/// For the log of accesses: the merchants whose data an answer has.
fn touched(merchants: BTreeSet<String>) -> Touched {
    Touched(merchants.into_iter().filter_map(|merchant| merchant.parse().ok()).collect())
}

pub(super) fn to_json(value: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(value).map_err(|error| Problem::new(INTERNAL, error.to_string()))
}

/// One thing that was found.
pub(super) struct Found {
    /// The merchant whose it is; none where it is the whole market's.
    pub owner: Option<String>,
    /// The version of its stream, where it has one.
    pub version: Option<u64>,
    /// The answer, JSON.
    pub body: Vec<u8>,
}

impl Found {
    pub fn of(owner: Option<&str>, answer: &impl Serialize) -> Result<Self, Problem> {
        Ok(Self { owner: owner.map(str::to_owned), version: None, body: to_json(answer)? })
    }
}

/// How one thing is looked up.
pub(super) type Lookup = fn(&ReadModels, &Question) -> Result<Option<Found>, Problem>;
/// The same for a thread that must not wait: none where it would have to.
pub(super) type LookupNow = fn(&ReadModels, &Question) -> Result<Option<Option<Found>>, Problem>;

/// One thing. `what` says what is missing where there is none.
pub(super) fn one(about: About, schema: (Value, Components), versioned: bool, ask: Lookup) -> Endpoint {
    one_now(about, schema, versioned, |_, _| Ok(None), ask)
}

/// The same of what is a few pages of a file: it is looked up where the request is served, without a change of threads.
pub(super) fn one_now(
    about: About,
    (schema, components): (Value, Components),
    versioned: bool,
    now: LookupNow,
    ask: Lookup,
) -> Endpoint {
    let mut doc = about.doc(vec![(JSON, schema)], components);
    if versioned {
        let tag = json!({"type": "string"});
        doc = doc.header("If-None-Match", tag, "The ETag of an answer: 304 while it is still the same");
        doc.headers.push("ETag");
        doc.answers.push((304, "It is still as it was then", Vec::new()));
    }
    let serve = get(
        move |State(shared): State<Shared>,
              caller: Caller,
              path: RawPathParams,
              query: Pairs,
              headers: HeaderMap| async move {
            wanted(&headers, &[JSON])?;
            let (question, _) = Question::read(caller, &path, query, about.parameters, &[])?;
            let answered = move |question: &Question, found: Option<Found>| {
                let what = missing(&about, question);
                let found = found.ok_or_else(|| Problem::new(NOT_FOUND, format!("no {what}")))?;
                question.must_own(found.owner.as_deref(), what)?;
                let mut named = question.touched();
                named.extend(found.owner.clone());
                Ok::<_, Problem>((found, touched(named)))
            };
            let read = async {
                if let Some(found) = now(&shared.models, &question)? {
                    return answered(&question, found);
                }
                let models = shared.models.clone();
                let turn = about.turn(&shared, question.caller.actor, question.is_cut()).await?;
                blocking(move || {
                    let _held = turn; // by the thread that reads: a caller may have gone before it is through
                    answered(&question, ask(&models, &question)?)
                })
                .await
            };
            let (found, touched) = within(shared.traces.as_ref(), || about.id.to_owned(), read).await?;
            let mut response = single(&headers, found);
            response.extensions_mut().insert(touched);
            Ok::<_, Problem>(response)
        },
    );
    Endpoint { method: Method::GET, path: about.path.to_owned(), permission: about.permission, doc, serve }
}

/// What there is none of: the last part of the path that names something.
pub(super) fn missing(about: &About, question: &Question) -> String {
    let named =
        about.path.rsplit('{').next().and_then(|rest| rest.split_once('}')).map_or("", |(name, _)| name);
    format!("{named} {}", question.path(named)).trim().to_owned()
}

fn single(headers: &HeaderMap, found: Found) -> Response {
    let tag = found.version.map(|version| format!("\"{version}\""));
    let same = |tag: &str| {
        let seen = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        seen.flat_map(|value| value.split(','))
            .map(str::trim)
            .any(|seen| seen == "*" || seen.strip_prefix("W/").unwrap_or(seen) == tag)
    };
    let mut response = match &tag {
        Some(tag) if same(tag) => StatusCode::NOT_MODIFIED.into_response(),
        _ => ([(header::CONTENT_TYPE, JSON)], found.body).into_response(),
    };
    let tag = tag.and_then(|tag| HeaderValue::from_str(&tag).ok());
    response.headers_mut().extend(tag.map(|tag| (header::ETAG, tag)));
    response
}

/// The schema of that or nothing.
pub(super) fn optional_row<R: Record>(components: &mut Components) -> Value {
    let row = row_schema::<R>(components);
    or_null(&row)
}
