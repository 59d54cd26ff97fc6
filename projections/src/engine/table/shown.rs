//! A row in memory as it is shown.

use std::ops::ControlFlow;

use crate::model::Key;
use crate::queries::{CellRef, RowVisit};
use crate::record::{Record, Sink};

/// The cells of a row, to be shown.
#[derive(Default)]
pub(super) struct Cells(Vec<(Option<i64>, Option<String>)>);

impl Cells {
    pub(super) fn of_key(key: Option<&Key<'_>>) -> Self {
        let parts = key.map_or(&[][..], |key| key.parts());
        Self(parts.iter().map(|part| (None, Some((*part).to_owned()))).collect())
    }

    pub(super) fn and<R: Record>(mut self, row: &R) -> Self {
        row.put(&mut self);
        self
    }

    pub(super) fn show(&self, visit: RowVisit<'_>) -> ControlFlow<()> {
        let shown: Vec<CellRef<'_>> = self
            .0
            .iter()
            .map(|cell| match cell {
                (Some(n), _) => CellRef::Integer(*n),
                (None, Some(text)) => CellRef::Text(text),
                (None, None) => CellRef::None,
            })
            .collect();
        visit(&shown)
    }
}

impl Sink for Cells {
    fn integer(&mut self, value: Option<i64>) {
        self.0.push((value, None));
    }
    fn text(&mut self, value: Option<&str>) {
        self.0.push((None, value.map(str::to_owned)));
    }
}
