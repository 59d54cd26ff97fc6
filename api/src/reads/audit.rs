//! The audit trail: every event of a stream, with who, when and in which place of the journal.

use std::ops::ControlFlow;

use daybook_domain::{Refs, Timestamp};
use daybook_journal::Recorded;
use daybook_projections::ReadModels;
use daybook_projections::queries::Page;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::build::{About, Texts, json_list};
use super::cursor::number_of;
use super::question::Question;
use super::schema::{object, reference};
use crate::access::Permission::ReadBooks;
use crate::endpoint::{Components, Endpoint};
use crate::problem::{DAMAGED, NOT_FOUND, Problem};

/// A page ends after this many bytes: events may be large.
const MOST_BYTES: usize = 4 << 20;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let about = About {
        id: "audit",
        path: "/v1/audit/{category}/{id}",
        tag: "Audit",
        permission: ReadBooks,
        summary: "Every event of a stream: what, who, when, in which place of the journal",
        more: "The stream is named by its category (order, checkout, merchant, account, deposit, books, provider, market, \
               lead) and id. Pages are pinned: what was written after the first page is left out. A page ends \
               early after 4 MB.",
        parameters: &[],
    };
    vec![json_list(about, schema(), trail)]
}

fn schema() -> (Value, Components) {
    let text = json!({"type": "string"});
    let count = json!({"type": "integer"});
    let time = json!({"type": "string", "format": "date-time"});
    let id = json!({"type": "string", "format": "uuid"});
    let event = object(&[
        ("position", count.clone()),
        ("version", count.clone()),
        ("id", id.clone()),
        ("type", text.clone()),
        ("schema", count),
        ("occurred_at", time.clone()),
        ("recorded_at", time),
        ("actor", text),
        ("command", id.clone()),
        ("correlation", id),
        ("refs", json!({"type": "object"})),
        ("data", json!({"type": "object"})),
    ]);
    (reference("AuditedEvent"), Components::from([("AuditedEvent".to_owned(), event)]))
}

fn trail(models: &ReadModels, asked: &Question, pinned: u64) -> Result<Texts, Problem> {
    let after = match asked.after.as_deref() {
        None => 0,
        Some(text) => number_of(text)?,
    };
    let (category, id) = (asked.path("category"), asked.path("id"));
    let (mut rows, mut bytes, mut last, mut more) = (Vec::new(), 0, 0, false);
    let mut failed = None;
    let found = models.journal().read_stream(&format!("{category}-{id}"), after, &mut |event| {
        if event.position > pinned {
            return ControlFlow::Break(());
        }
        if rows.len() == asked.limit as usize || bytes >= MOST_BYTES {
            more = true;
            return ControlFlow::Break(());
        }
        match written(&event) {
            Ok(row) => {
                if let Ok(Some(merchant)) = Refs::parse(event.refs).map(|refs| refs.merchant) {
                    asked.touch(merchant.as_str());
                }
                last = event.version;
                bytes += row.get().len();
                rows.push(row);
                ControlFlow::Continue(())
            }
            Err(problem) => {
                failed = Some(problem);
                ControlFlow::Break(())
            }
        }
    });
    found.map_err(daybook_projections::ReadModelError::from)?;
    if let Some(problem) = failed {
        return Err(problem);
    }
    if rows.is_empty() && after == 0 {
        return Err(Problem::new(NOT_FOUND, format!("no stream {category}-{id}")));
    }
    Ok(Page { rows, next: more.then(|| last.to_string()) })
}

fn written(event: &Recorded<'_>) -> Result<Box<RawValue>, Problem> {
    #[derive(Serialize)]
    struct Row<'a> {
        position: u64,
        version: u64,
        id: uuid::Uuid,
        r#type: &'a str,
        schema: u16,
        occurred_at: Timestamp,
        recorded_at: Timestamp,
        actor: &'a str,
        command: uuid::Uuid,
        correlation: uuid::Uuid,
        refs: &'a RawValue,
        data: &'a RawValue,
    }
    let damaged = |error: serde_json::Error| {
        Problem::new(DAMAGED, format!("the event at position {} is not JSON: {error}", event.position))
    };
    let row = Row {
        position: event.position,
        version: event.version,
        id: event.id,
        r#type: event.kind,
        schema: event.schema,
        occurred_at: Timestamp(event.occurred_at),
        recorded_at: Timestamp(event.recorded_at),
        actor: event.actor,
        command: event.command,
        correlation: event.correlation,
        refs: serde_json::from_str(event.refs).map_err(damaged)?,
        data: serde_json::from_str(event.data).map_err(damaged)?,
    };
    serde_json::value::to_raw_value(&row).map_err(damaged)
}
