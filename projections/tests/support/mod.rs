//! Histories for tests: any event type, made from the fixtures that every type has, on a few entities.
#![allow(dead_code, clippy::unwrap_used)] // each test file uses its own part of this

use std::path::Path;
use std::sync::{Arc, LazyLock};

use daybook_domain::{Event, EventKind};
use daybook_journal::conformance::tools::block_on;
use daybook_journal::{Append, Cause, Expected, Journal, MemoryJournal, NewEvent};
use daybook_projections::{ReadModels, TableDigest};
use uuid::Uuid;

/// One payload of one type.
#[derive(Clone, Debug)]
pub struct Sample {
    pub kind: EventKind,
    pub data: String,
}

/// The complete and minimal payloads of every type at its current schema version.
pub static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../domain/fixtures");
    let mut samples = Vec::new();
    for kind in EventKind::ALL {
        for shape in ["complete", "minimal"] {
            let path = folder.join(format!("{}.v{}.{shape}.json", kind.as_str(), kind.schema()));
            let data = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            samples.push(Sample { kind: *kind, data: data.trim().to_owned() });
        }
    }
    samples
});

/// What happens: a sample, on one of a few entities, at an hour.
#[derive(Clone, Copy, Debug)]
pub struct Happening {
    pub sample: usize,
    pub entity: u8,
    pub hour: u16,
}

impl Happening {
    pub fn sample(&self) -> &'static Sample {
        &SAMPLES[self.sample % SAMPLES.len()]
    }
    pub fn stream(&self) -> String {
        format!("{}-{}{}", self.sample().kind.category(), &self.sample().kind.category()[..1], self.entity)
    }
    pub fn refs(&self) -> String {
        let n = self.entity;
        match self.sample().kind.category() {
            "order" => format!(
                r#"{{"merchant":"m{}","order":"o{n}","checkout":"c{}","buyer":"b{}"}}"#,
                n % 2,
                n / 2,
                n % 3
            ),
            "checkout" => format!(r#"{{"checkout":"c{n}","buyer":"b{}"}}"#, n % 3),
            "campaign" => format!(r#"{{"campaign":"k{n}"}}"#),
            "lead" => format!(r#"{{"lead":"l{n}"}}"#),
            "merchant" | "deposit" | "account" => format!(r#"{{"merchant":"m{n}"}}"#),
            _ => "{}".to_owned(),
        }
    }
    pub fn occurred_at(&self) -> i64 {
        1_700_000_000_000_000 + i64::from(self.hour) * 3_600_000_000
    }
}

/// Appends one event; its command is drawn from its place in the log.
pub fn append(
    journal: &dyn Journal,
    stream: &str,
    kind: &'static str,
    occurred_at: i64,
    refs: &str,
    data: &str,
) {
    let command = Uuid::from_u128(u128::from(journal.head().unwrap()) + 1);
    let event = NewEvent {
        id: command,
        kind: kind.into(),
        schema: 1,
        occurred_at,
        refs: refs.to_owned(),
        data: data.to_owned(),
    };
    let cause = Cause { command, fingerprint: [0; 16], correlation: command, actor: "test".into() };
    let item = Append { stream: stream.to_owned(), expected: Expected::Any, cause, events: vec![event] };
    block_on(journal.append(vec![item])).pop().unwrap().unwrap();
}

/// Appends what happened.
pub fn happen(journal: &dyn Journal, history: &[Happening]) {
    for h in history {
        let sample = h.sample();
        append(journal, &h.stream(), sample.kind.as_str(), h.occurred_at(), &h.refs(), &sample.data);
    }
}

/// Appends a typed event.
pub fn say(journal: &dyn Journal, stream: &str, occurred_at: i64, refs: &str, event: impl Into<Event>) {
    let event = event.into();
    append(journal, stream, event.kind().as_str(), occurred_at, refs, &event.encode());
}

pub fn memory() -> Arc<dyn Journal> {
    Arc::new(MemoryJournal::new())
}

/// Opens read models of `journal` at `path`.
pub fn open(path: &Path, journal: &Arc<dyn Journal>) -> ReadModels {
    ReadModels::open(path, Arc::clone(journal), &mut |_| {}).unwrap()
}

/// Tables, rows and digests, to be compared.
pub fn shown(digests: &[TableDigest]) -> Vec<String> {
    digests.iter().map(|d| format!("{} {} {}", d.table, d.rows, d.digest)).collect()
}

/// Every sample once, on changing entities: the longest plain history.
pub fn every_type() -> Vec<Happening> {
    (0..SAMPLES.len())
        .map(|sample| Happening { sample, entity: (sample % 4) as u8, hour: sample as u16 })
        .collect()
}
