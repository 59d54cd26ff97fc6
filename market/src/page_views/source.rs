//! A file of hits, row by row: JSON lines or CSV.

use std::path::Path;

use daybook_domain::traffic::RawHit;

use super::report::PageViewsError;
use crate::lines::{Place, TextFile};
use crate::olist::InputError;

/// A file of hits, known by its name: `.jsonl`, `.ndjson` or `.csv`, and after that nothing, `.gz` or `.zst`.
#[derive(Clone, Debug)]
pub struct Source {
    file: TextFile,
    layout: Layout,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Jsonl,
    Csv,
}

/// What is done with each hit: its line, and the hit as it stands there.
type Each<'f> = &'f mut dyn FnMut(u64, &RawHit<'_>) -> Result<(), PageViewsError>;

impl Source {
    /// The file at `path`; it is not opened yet.
    ///
    /// # Errors
    /// [`PageViewsError::Input`] when its name does not say what it is.
    pub fn new(path: &Path) -> Result<Self, PageViewsError> {
        let (file, ending) = TextFile::new(path);
        let layout = match ending.as_str() {
            "jsonl" | "ndjson" => Layout::Jsonl,
            "csv" => Layout::Csv,
            _ => {
                let problem = "its name does not say what it is: call it .jsonl or .csv, and .gz or .zst after that \
                               where it is compressed";
                let error =
                    InputError { file: file.name, line: None, field: None, problem: problem.to_owned() };
                return Err(error.into());
            }
        };
        Ok(Self { file, layout })
    }

    /// Hands over every row, in order.
    ///
    /// # Errors
    /// [`PageViewsError::Input`] with line and field where the file is no table of hits, and what `each` says.
    pub fn rows(&self, each: Each<'_>) -> Result<(), PageViewsError> {
        match self.layout {
            Layout::Jsonl => self.json(each),
            Layout::Csv => self.file.csv(&place, &["at", "visitor"], &mut |line, cells| {
                let mut hit = RawHit::default();
                cells.for_each(|(place, cell)| hit.set(place, cell));
                each(line, &hit)
            }),
        }
    }

    /// An error at a line and field.
    pub(super) fn wrong(&self, line: u64, field: &str, problem: impl Into<String>) -> PageViewsError {
        self.file.wrong(line, field, problem).into()
    }

    fn json(&self, each: Each<'_>) -> Result<(), PageViewsError> {
        let mut lines = self.file.lines()?;
        while let Some((line, text)) = lines.next()? {
            if text.trim().is_empty() {
                continue;
            }
            let hit = RawHit::parse(text).map_err(|(field, why)| self.wrong(line, &field, why))?;
            each(line, &hit)?;
        }
        Ok(())
    }
}

/// Where a column stands among the fields of a hit.
fn place(name: &str) -> Result<Place, String> {
    let found = RawHit::FIELDS.iter().position(|field| *field == name);
    let unknown = || format!("no such column; a hit has {}", RawHit::FIELDS.join(", "));
    found.map(|place| Place::At(place, RawHit::FIELDS[place])).ok_or_else(unknown)
}
