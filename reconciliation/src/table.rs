//! Tables of cells separated by commas, each row with its line of the file and cells by the name of their column.

use std::collections::BTreeMap;

use crate::StatementError;
use crate::limits::MAX_LINES;
use crate::text::{bounded, clean};

/// The columns of a header, by name.
#[derive(Debug)]
pub(crate) struct Columns {
    by_name: BTreeMap<String, usize>,
    /// How many cells a row has.
    pub width: usize,
    /// Line of the header.
    pub line: u64,
}

/// A column's name without what varies between exports: the kind of its brackets, spaces, capitals.
pub(crate) fn plain(name: &str) -> String {
    let same = |c: char| match c {
        '（' => '(',
        '）' => ')',
        '＋' => '+',
        '－' => '-',
        c => c.to_ascii_lowercase(),
    };
    clean(name).chars().filter(|c| !c.is_whitespace()).map(same).collect()
}

impl Columns {
    /// Of a header's cells.
    pub fn new<'a>(cells: impl Iterator<Item = &'a str>, line: u64) -> Self {
        let names: Vec<String> = cells.map(plain).collect();
        let width = names.len();
        // the first of two columns of one name counts
        let mut by_name = BTreeMap::new();
        for (at, name) in names.into_iter().enumerate() {
            by_name.entry(name).or_insert(at);
        }
        Self { by_name, width, line }
    }

    /// Whether there is such a column.
    pub fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(&plain(name))
    }

    /// The first of these columns that there is.
    pub fn any(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.by_name.get(&plain(name)).copied())
    }

    /// As [`any`](Self::any); refused when there is none.
    pub fn need(&self, names: &[&str]) -> Result<usize, StatementError> {
        self.any(names).ok_or_else(|| {
            StatementError::at(
                self.line,
                format!("the header has no column {:?}: export it with that column", names[0]),
            )
        })
    }
}

/// A row of cells.
#[derive(Debug)]
pub(crate) struct Row<'t> {
    /// Line of the file.
    pub line: u64,
    /// The cells, cleaned of padding.
    pub cells: Vec<&'t str>,
}

impl<'t> Row<'t> {
    /// Splits a line that quotes nothing.
    pub fn unquoted(text: &'t str, line: u64) -> Result<Self, StatementError> {
        bounded(text, line, "the line")?;
        Ok(Self { line, cells: text.split(',').map(clean).collect() })
    }

    /// The cell of a column, empty where there is no such column.
    pub fn get(&self, at: Option<usize>) -> &'t str {
        at.and_then(|at| self.cells.get(at)).copied().unwrap_or_default()
    }

    /// Refuses a row with more or fewer cells than its header.
    pub fn fits(&self, columns: &Columns) -> Result<(), StatementError> {
        if self.cells.len() == columns.width {
            return Ok(());
        }
        Err(StatementError::at(
            self.line,
            format!(
                "{} cells where the header has {}: a cell is missing or holds a comma",
                self.cells.len(),
                columns.width
            ),
        ))
    }
}

/// The lines of a text, numbered from one, without their ends.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (u64, &str)> {
    text.split('\n').enumerate().map(|(at, line)| (at as u64 + 1, line.trim_end_matches('\r')))
}

/// Refuses one line more than is read.
pub(crate) fn room(lines: usize) -> Result<(), StatementError> {
    if lines < MAX_LINES {
        return Ok(());
    }
    Err(StatementError::TooLarge { what: "the number of lines".into(), most: MAX_LINES as u64 })
}
