//! What an import of hits did, and what it found.

use std::collections::BTreeMap;

use daybook_commands::CommandError;
use daybook_domain::Timestamp;
use daybook_domain::traffic::{Fault, FaultKind};
use serde::Serialize;

use crate::MarketError;
use crate::olist::InputError;

/// Rows shown of each finding.
const SAMPLES: usize = 5;

/// Why an import of hits stopped. What was recorded stays; the same file again goes on.
#[derive(Debug, thiserror::Error)]
pub enum PageViewsError {
    /// The file is no table of hits.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The market cannot be used.
    #[error(transparent)]
    Market(#[from] MarketError),
}

impl From<CommandError> for PageViewsError {
    fn from(error: CommandError) -> Self {
        Self::Market(error.into())
    }
}

/// What an import of hits did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PageViewsReport {
    /// Rows of the file.
    pub rows: u64,
    /// Those that are hits: page views and acts.
    pub hits: u64,
    /// Views of pages among them.
    pub views: u64,
    /// Acts among them.
    pub acts: u64,
    /// Recorded now.
    pub recorded: u64,
    /// Recorded before, or twice in the file.
    pub repeated: u64,
    /// Rows that are left out, with the reasons below.
    pub left_out: u64,
    /// Rows earlier than the one before: normal, and no finding.
    pub out_of_order: u64,
    /// The earliest hit.
    pub first: Option<Timestamp>,
    /// The latest hit.
    pub last: Option<Timestamp>,
    /// What was left out, by reason.
    pub findings: Vec<HitFinding>,
}

/// Rows that are no hits for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HitFinding {
    /// The reason.
    pub kind: FaultKind,
    /// How many rows.
    pub count: u64,
    /// What it means.
    pub says: &'static str,
    /// The first rows: line, field, what is wrong.
    pub samples: Vec<String>,
}

/// Findings as they are counted.
#[derive(Debug, Default)]
pub(super) struct Findings(BTreeMap<FaultKind, HitFinding>);

impl Findings {
    pub(super) fn add(&mut self, line: u64, fault: &Fault) {
        let kind = fault.kind;
        let finding = self.0.entry(kind).or_insert_with(|| HitFinding {
            kind,
            count: 0,
            says: kind.says(),
            samples: Vec::new(),
        });
        finding.count += 1;
        if finding.samples.len() < SAMPLES {
            finding.samples.push(format!("line {line}, {fault}"));
        }
    }

    pub(super) fn into_list(self) -> Vec<HitFinding> {
        self.0.into_values().collect()
    }
}
