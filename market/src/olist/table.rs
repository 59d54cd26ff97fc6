//! A table from outside: `name.csv`, `name.csv.zst` or `name.csv.gz`, read by its column names.
//!
//! A table is decompressed and checked as a whole before its first row is handed out: the tables imported here
//! are tens of megabytes, and an import must know that all of its input is sound before it appends anything.
//! Every error names the file, the line and the field.

use std::borrow::Cow;
use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use daybook_domain::{Currency, Money};

/// Most bytes that a table may have once decompressed.
pub const MAX_TABLE_BYTES: u64 = 1 << 30;
/// Most bytes of output per byte of compressed input; text compresses by 3 to 20.
pub const MAX_RATIO: u64 = 1_000;
/// Output that the ratio is not applied to: tiny files may compress well.
const RATIO_FLOOR: u64 = 1 << 20;

/// Why an input was refused. Nothing was imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputError {
    /// The file's name.
    pub file: String,
    /// The line on which the record begins, from 1.
    pub line: Option<u64>,
    /// The column.
    pub field: Option<String>,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(field) = &self.field {
            write!(f, ", field {field}")?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl std::error::Error for InputError {}

/// What is asked of a table.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// File name without `.csv`.
    pub name: &'static str,
    /// The columns that must be there, in any order; others are passed over. Cells are addressed by their
    /// index in this list.
    pub columns: &'static [&'static str],
    /// Whether the last line must be ended. A cut-off amount in the last column still reads as an amount, so a
    /// table whose rows may end in one needs its line end as proof that it is whole.
    pub ended: bool,
}

/// A table in memory, decompressed and checked to be text.
#[derive(Debug)]
pub struct Table {
    file: String,
    text: String,
    layout: Layout,
    /// For each column of the layout, its place in the file.
    places: Vec<usize>,
    width: usize,
    /// Where the rows begin, in bytes, and on which line.
    rows_at: usize,
    rows_line: u64,
}

impl Table {
    /// Finds the table in `folder` (`.csv`, else `.csv.zst`, else `.csv.gz`), reads and decompresses it and
    /// checks its header.
    ///
    /// # Errors
    /// [`InputError`]: no such file, unreadable, cut off, unreasonably large, not UTF-8, a column missing.
    pub fn open(folder: &Path, layout: Layout) -> Result<Self, InputError> {
        let (path, file) = locate(folder, layout.name)?;
        let refuse = |line, problem| InputError { file: file.clone(), line, field: None, problem };
        let bytes = decompress(&path).map_err(|problem| refuse(None, problem))?;
        let mut text = String::from_utf8(bytes).map_err(|e| {
            let good = e.utf8_error().valid_up_to();
            let line = 1 + count_lines(&e.as_bytes()[..good]);
            refuse(Some(line), format!("byte {good} is not UTF-8: save the file as UTF-8"))
        })?;
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        if layout.ended && !text.is_empty() && !text.ends_with('\n') {
            let line = 1 + count_lines(text.as_bytes());
            let problem = "the last line has no end, so the file looks cut off; \
                           if it is whole, end its last line";
            return Err(refuse(Some(line), problem.to_owned()));
        }
        let mut table = Self { file, text, layout, places: Vec::new(), width: 0, rows_at: 0, rows_line: 1 };
        table.read_header()?;
        Ok(table)
    }

    /// The file's name.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Whether the last line is ended.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.text.ends_with('\n')
    }

    fn read_header(&mut self) -> Result<(), InputError> {
        let mut parser = Parser { table: self, at: 0, line: 1 };
        let mut cells = Vec::new();
        let header: Vec<String> = match parser.record(&mut cells)? {
            Some(_) => cells.iter().map(|c| c.trim().to_owned()).collect(),
            None => Vec::new(),
        };
        let (rows_at, rows_line) = (parser.at, parser.line);
        let fail = |field: &str, problem: String| InputError {
            file: self.file.clone(),
            line: Some(1),
            field: Some(field.to_owned()),
            problem,
        };
        let mut places = Vec::with_capacity(self.layout.columns.len());
        for column in self.layout.columns {
            let mut found = header.iter().enumerate().filter(|(_, name)| name == column).map(|(at, _)| at);
            match (found.next(), found.next()) {
                (Some(at), None) => places.push(at),
                (Some(_), Some(_)) => return Err(fail(column, "two columns have this name".to_owned())),
                (None, _) => {
                    let has = if header.is_empty() { "nothing".to_owned() } else { header.join(", ") };
                    return Err(fail(column, format!("no such column; the file has {has}")));
                }
            }
        }
        (self.places, self.width) = (places, header.len());
        (self.rows_at, self.rows_line) = (rows_at, rows_line);
        Ok(())
    }

    /// Hands each row to `each`, in file order.
    ///
    /// # Errors
    /// [`InputError`] of a malformed record, or whatever `each` returns.
    pub fn rows(&self, mut each: impl FnMut(&Row<'_>) -> Result<(), InputError>) -> Result<(), InputError> {
        let mut parser = Parser { table: self, at: self.rows_at, line: self.rows_line };
        let mut cells = Vec::with_capacity(self.width);
        while let Some(line) = parser.record(&mut cells)? {
            if cells.len() == 1 && cells[0].is_empty() && self.width > 1 {
                continue; // an empty line
            }
            if cells.len() != self.width {
                let problem = format!(
                    "{} fields where the header has {}: the record is cut off or not quoted",
                    cells.len(),
                    self.width
                );
                return Err(self.error(Some(line), None, problem));
            }
            each(&Row { table: self, line, cells: &cells })?;
        }
        Ok(())
    }

    fn error(&self, line: Option<u64>, field: Option<&str>, problem: String) -> InputError {
        InputError { file: self.file.clone(), line, field: field.map(str::to_owned), problem }
    }
}

/// A row of a table. Columns are addressed by their index in the layout.
#[derive(Debug)]
pub struct Row<'t> {
    table: &'t Table,
    /// The line on which it begins, from 1.
    pub line: u64,
    cells: &'t [Cow<'t, str>],
}

impl Row<'_> {
    /// The cell as it stands, which may be empty.
    #[must_use]
    pub fn text(&self, column: usize) -> &str {
        &self.cells[self.table.places[column]]
    }

    /// The name of a column.
    #[must_use]
    pub fn column(&self, column: usize) -> &'static str {
        self.table.layout.columns[column]
    }

    /// An error at this row and column.
    pub fn error(&self, column: usize, problem: impl Into<String>) -> InputError {
        self.table.error(Some(self.line), Some(self.column(column)), problem.into())
    }

    /// The cell, read by `read`.
    ///
    /// # Errors
    /// What `read` said, with file, line and field.
    pub fn read<T, E: fmt::Display>(
        &self,
        column: usize,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, InputError> {
        read(self.text(column)).map_err(|e| self.error(column, e.to_string()))
    }

    /// The cell read by `read`, or nothing when it is empty.
    ///
    /// # Errors
    /// What `read` said, with file, line and field.
    pub fn read_if_any<T, E: fmt::Display>(
        &self,
        column: usize,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, InputError> {
        if self.text(column).is_empty() { Ok(None) } else { self.read(column, read).map(Some) }
    }

    /// An amount, zero or above.
    ///
    /// # Errors
    /// Not a decimal number, finer than the currency's minor unit, or below zero.
    pub fn amount(&self, column: usize, currency: Currency) -> Result<Money, InputError> {
        let amount = self.read(column, |text| Money::parse(text, currency))?;
        if amount.minor < 0 {
            return Err(self.error(column, format!("{amount} is below zero")));
        }
        Ok(amount)
    }

    /// A whole number, zero or above.
    ///
    /// # Errors
    /// Anything but digits, or beyond 32 bits.
    pub fn number(&self, column: usize) -> Result<u32, InputError> {
        self.read(column, |text| {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let number = if digits { text.parse().ok() } else { None };
            number.ok_or_else(|| format!("{:?} is not a whole number such as 3", shown(text)))
        })
    }
}

/// A cell as an error shows it: at most 40 characters.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Reads records: RFC 4180, with CRLF or LF, quotes doubled inside quotes, line breaks inside quotes.
struct Parser<'t> {
    table: &'t Table,
    at: usize,
    line: u64,
}

impl<'t> Parser<'t> {
    /// Reads the next record into `cells` and answers with the line on which it begins.
    fn record(&mut self, cells: &mut Vec<Cow<'t, str>>) -> Result<Option<u64>, InputError> {
        cells.clear();
        let text = self.table.text.as_str();
        if self.at >= text.len() {
            return Ok(None);
        }
        let began = self.line;
        loop {
            let quoted = text.as_bytes().get(self.at) == Some(&b'"');
            cells.push(if quoted { self.quoted(text, began)? } else { self.bare(text) });
            match text.as_bytes().get(self.at) {
                Some(b',') if self.at + 1 == text.len() => {
                    self.at += 1;
                    cells.push(Cow::Borrowed(""));
                    return Ok(Some(began));
                }
                Some(b',') => self.at += 1,
                Some(b'\n') => {
                    self.end_line(1);
                    return Ok(Some(began));
                }
                Some(b'\r') if text.as_bytes().get(self.at + 1) == Some(&b'\n') => {
                    self.end_line(2);
                    return Ok(Some(began));
                }
                None => return Ok(Some(began)),
                Some(_) => {
                    let problem = format!("text after the closing quote of field {}", cells.len());
                    return Err(self.table.error(Some(began), self.column(cells.len()), problem));
                }
            }
        }
    }

    fn end_line(&mut self, bytes: usize) {
        self.at += bytes;
        self.line += 1;
    }

    /// A cell without quotes: to the next comma or line end.
    fn bare(&mut self, text: &'t str) -> Cow<'t, str> {
        let rest = &text.as_bytes()[self.at..];
        let mut length = rest.iter().position(|b| matches!(b, b',' | b'\n')).unwrap_or(rest.len());
        if length > 0 && rest[length - 1] == b'\r' && rest.get(length) == Some(&b'\n') {
            length -= 1;
        }
        let cell = &text[self.at..self.at + length];
        self.at += length;
        Cow::Borrowed(cell)
    }

    /// A cell in quotes; `self.at` stands on the opening one.
    fn quoted(&mut self, text: &'t str, began: u64) -> Result<Cow<'t, str>, InputError> {
        let start = self.at + 1;
        let mut from = start;
        let mut owned: Option<String> = None;
        loop {
            let Some(length) = text.as_bytes()[from..].iter().position(|b| *b == b'"') else {
                let problem = "a quote is opened here and never closed: the file is cut off";
                return Err(self.table.error(Some(began), None, problem.to_owned()));
            };
            let quote = from + length;
            self.line += count_lines(&text.as_bytes()[from..quote]);
            if text.as_bytes().get(quote + 1) == Some(&b'"') {
                owned.get_or_insert_default().push_str(&text[from..=quote]);
                from = quote + 2;
                continue;
            }
            self.at = quote + 1;
            return Ok(match owned {
                Some(mut cell) => {
                    cell.push_str(&text[from..quote]);
                    Cow::Owned(cell)
                }
                None => Cow::Borrowed(&text[start..quote]),
            });
        }
    }

    /// The name of the nth cell of a record, where the layout knows it.
    fn column(&self, nth: usize) -> Option<&'static str> {
        let at = self.table.places.iter().position(|place| place + 1 == nth)?;
        Some(self.table.layout.columns[at])
    }
}

fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|b| **b == b'\n').count() as u64
}

/// Finds the file of a table and its name.
fn locate(folder: &Path, name: &str) -> Result<(PathBuf, String), InputError> {
    for ending in ["csv", "csv.zst", "csv.gz"] {
        let file = format!("{name}.{ending}");
        let path = folder.join(&file);
        if path.is_file() {
            return Ok((path, file));
        }
    }
    let problem = format!("not found in {} (nor as .csv.zst or .csv.gz)", folder.display());
    Err(InputError { file: format!("{name}.csv"), line: None, field: None, problem })
}

/// Reads a file whole, through its decompressor, within the limits.
fn decompress(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |e: io::Error| format!("cannot be read: {e}");
    let file = fs::File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    let buffered = io::BufReader::with_capacity(1 << 16, file);
    let kind = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let broken = |e: io::Error| match kind {
        "zst" | "gz" => format!("cannot be decompressed: {e}; the file is cut off or damaged"),
        _ => unreadable(e),
    };
    let mut reader: Box<dyn Read> = match kind {
        "zst" => Box::new(zstd::stream::read::Decoder::with_buffer(buffered).map_err(broken)?),
        "gz" => Box::new(flate2::bufread::MultiGzDecoder::new(buffered)),
        _ => Box::new(buffered),
    };
    let by_ratio = size.saturating_mul(MAX_RATIO).max(RATIO_FLOOR);
    let compressed = matches!(kind, "zst" | "gz");
    let limit = if compressed { by_ratio.min(MAX_TABLE_BYTES) } else { MAX_TABLE_BYTES };
    let mut bytes = Vec::new();
    reader.by_ref().take(limit + 1).read_to_end(&mut bytes).map_err(broken)?;
    if bytes.len() as u64 > limit {
        return Err(if compressed && limit < MAX_TABLE_BYTES {
            format!(
                "decompresses to more than {MAX_RATIO} times its {size} bytes: that is no table \
                 (a decompression bomb?); decompress it yourself if it is one"
            )
        } else {
            format!("is larger than {MAX_TABLE_BYTES} bytes once decompressed: that is no Olist table")
        });
    }
    Ok(bytes)
}
