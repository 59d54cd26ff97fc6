//! A file of hits, row by row: JSON lines or CSV, plain or compressed, of any length.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use daybook_domain::traffic::RawHit;

use super::report::PageViewsError;
use crate::olist::InputError;

/// Longest line, in bytes: several times what a hit with all its fields at their bounds has.
pub const MAX_LINE: usize = 64 << 10;
/// Bytes read at once.
const READ: usize = 1 << 18;

/// A file of hits, known by its name: `.jsonl`, `.ndjson` or `.csv`, and after that nothing, `.gz` or `.zst`.
#[derive(Clone, Debug)]
pub struct Source {
    path: PathBuf,
    file: String,
    layout: Layout,
    packing: Packing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Jsonl,
    Csv,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// What is done with each hit: its line, and the hit as it stands there.
type Each<'f> = &'f mut dyn FnMut(u64, &RawHit<'_>) -> Result<(), PageViewsError>;

impl Source {
    /// The file at `path`; it is not opened yet.
    ///
    /// # Errors
    /// [`PageViewsError::Input`] when its name does not say what it is.
    pub fn new(path: &Path) -> Result<Self, PageViewsError> {
        let file =
            path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
        let lower = file.to_ascii_lowercase();
        let (name, packing) = match lower.rsplit_once('.') {
            Some((name, "gz")) => (name, Packing::Gzip),
            Some((name, "zst")) => (name, Packing::Zstd),
            _ => (lower.as_str(), Packing::Plain),
        };
        let layout = match name.rsplit_once('.') {
            Some((_, "jsonl" | "ndjson")) => Layout::Jsonl,
            Some((_, "csv")) => Layout::Csv,
            _ => {
                let problem = "its name does not say what it is: call it .jsonl or .csv, and .gz or .zst after that \
                               where it is compressed";
                return Err(InputError { file, line: None, field: None, problem: problem.to_owned() }.into());
            }
        };
        Ok(Self { path: path.to_owned(), file, layout, packing })
    }

    /// Hands over every row, in order.
    ///
    /// # Errors
    /// [`PageViewsError::Input`] with line and field where the file is no table of hits, and what `each` says.
    pub fn rows(&self, each: Each<'_>) -> Result<(), PageViewsError> {
        let mut lines = self.lines()?;
        match self.layout {
            Layout::Jsonl => self.json(&mut lines, each),
            Layout::Csv => self.csv(&mut lines, each),
        }
    }

    /// An error at a line and field.
    pub(super) fn wrong(&self, line: u64, field: &str, problem: impl Into<String>) -> PageViewsError {
        let field = (!field.is_empty()).then(|| field.to_owned());
        InputError { file: self.file.clone(), line: Some(line), field, problem: problem.into() }.into()
    }

    fn lines(&self) -> Result<Lines<'_>, PageViewsError> {
        let unreadable = |error: io::Error| self.unreadable(&error);
        let file = BufReader::with_capacity(READ, File::open(&self.path).map_err(unreadable)?);
        let plain: Box<dyn BufRead> = match self.packing {
            Packing::Plain => Box::new(file),
            Packing::Gzip => {
                Box::new(BufReader::with_capacity(READ, flate2::bufread::MultiGzDecoder::new(file)))
            }
            Packing::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(file).map_err(unreadable)?;
                Box::new(BufReader::with_capacity(READ, decoder))
            }
        };
        Ok(Lines { source: self, from: plain, buffer: Vec::new(), line: 0 })
    }

    fn unreadable(&self, error: &io::Error) -> PageViewsError {
        let problem = match self.packing {
            Packing::Plain => format!("cannot be read: {error}"),
            _ => format!("cannot be decompressed: {error}; the file is cut off or damaged"),
        };
        InputError { file: self.file.clone(), line: None, field: None, problem }.into()
    }

    fn json(&self, lines: &mut Lines<'_>, each: Each<'_>) -> Result<(), PageViewsError> {
        while let Some((line, text)) = lines.next()? {
            if text.trim().is_empty() {
                continue;
            }
            let hit = RawHit::parse(text).map_err(|(field, why)| self.wrong(line, &field, why))?;
            each(line, &hit)?;
        }
        Ok(())
    }

    fn csv(&self, lines: &mut Lines<'_>, each: Each<'_>) -> Result<(), PageViewsError> {
        let Some((_, header)) = lines.next()? else {
            return Err(self.wrong(1, "", "the file is empty: its first line names the columns"));
        };
        let places = self.places(header)?;
        let width = places.len();
        while let Some((line, text)) = lines.next()? {
            if text.is_empty() {
                continue;
            }
            let mut hit = RawHit::default();
            let (mut rest, mut cells) = (Some(text), 0);
            while let Some(from) = rest {
                let name = || places.get(cells).map_or("", |place| RawHit::FIELDS[*place]);
                let (cell, left) = cell(from).map_err(|why| self.wrong(line, name(), why))?;
                if let Some(place) = places.get(cells) {
                    hit.set(*place, cell);
                }
                (rest, cells) = (left, cells + 1);
            }
            if cells != width {
                let field = if cells < width { RawHit::FIELDS[places[cells]] } else { "" };
                let problem =
                    format!("{cells} fields where the header has {width}: a column is shifted or not quoted");
                return Err(self.wrong(line, field, problem));
            }
            each(line, &hit)?;
        }
        Ok(())
    }

    /// For each column its place among the fields of a hit.
    fn places(&self, header: &str) -> Result<Vec<usize>, PageViewsError> {
        let mut places = Vec::new();
        let mut rest = Some(header.strip_prefix('\u{feff}').unwrap_or(header));
        while let Some(from) = rest {
            let (name, left) = cell(from).map_err(|why| self.wrong(1, "", why))?;
            rest = left;
            let name = name.trim();
            let Some(place) = RawHit::FIELDS.iter().position(|field| *field == name) else {
                let known = RawHit::FIELDS.join(", ");
                return Err(self.wrong(1, name, format!("no such column; a hit has {known}")));
            };
            if places.contains(&place) {
                return Err(self.wrong(1, name, "two columns have this name"));
            }
            places.push(place);
        }
        for needed in ["at", "visitor"] {
            if !places.iter().any(|place| RawHit::FIELDS[*place] == needed) {
                return Err(self.wrong(1, needed, "no such column, and every hit has one"));
            }
        }
        Ok(places)
    }
}

/// The lines of a file, one at a time, each within its bound.
struct Lines<'s> {
    source: &'s Source,
    from: Box<dyn BufRead>,
    buffer: Vec<u8>,
    line: u64,
}

impl Lines<'_> {
    /// The next line without its end, and its number.
    fn next(&mut self) -> Result<Option<(u64, &str)>, PageViewsError> {
        self.buffer.clear();
        self.line += 1;
        let mut bounded = (&mut self.from).take(MAX_LINE as u64 + 2);
        let read = bounded.read_until(b'\n', &mut self.buffer).map_err(|e| self.source.unreadable(&e))?;
        if read == 0 {
            return Ok(None);
        }
        if self.buffer.pop_if(|byte| *byte == b'\n').is_some() {
            let _crlf = self.buffer.pop_if(|byte| *byte == b'\r');
        }
        if self.buffer.len() > MAX_LINE {
            let problem = format!("the line has more than {MAX_LINE} bytes: that is no hit");
            return Err(self.source.wrong(self.line, "", problem));
        }
        let text = std::str::from_utf8(&self.buffer).map_err(|error| {
            let problem = format!("byte {} is not UTF-8: save the file as UTF-8", error.valid_up_to());
            self.source.wrong(self.line, "", problem)
        })?;
        Ok(Some((self.line, text)))
    }
}

/// The first cell of a record, and what follows its comma; `None`: it was the last one. Quotes are doubled inside
/// quotes; a record is one line.
fn cell(text: &str) -> Result<(Cow<'_, str>, Option<&str>), &'static str> {
    let Some(quoted) = text.strip_prefix('"') else {
        return Ok(match text.split_once(',') {
            Some((cell, rest)) => (Cow::Borrowed(cell), Some(rest)),
            None => (Cow::Borrowed(text), None),
        });
    };
    let mut cell = Cow::Borrowed("");
    let mut from = quoted;
    loop {
        let Some((part, rest)) = from.split_once('"') else {
            return Err("a quote is opened and not closed on its line");
        };
        if cell.is_empty() {
            cell = Cow::Borrowed(part);
        } else {
            cell.to_mut().push_str(part);
        }
        if let Some(more) = rest.strip_prefix('"') {
            cell.to_mut().push('"');
            from = more;
            continue;
        }
        return match rest.strip_prefix(',') {
            Some(rest) => Ok((cell, Some(rest))),
            None if rest.is_empty() => Ok((cell, None)),
            None => Err("text after the closing quote"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(line: &str) -> Result<Vec<String>, &'static str> {
        let (mut all, mut rest) = (Vec::new(), Some(line));
        while let Some(from) = rest {
            let (found, left) = cell(from)?;
            all.push(found.into_owned());
            rest = left;
        }
        Ok(all)
    }

    #[test]
    fn a_line_is_taken_apart_as_csv_says() {
        assert_eq!(cells("a,b,,c").unwrap(), ["a", "b", "", "c"]);
        assert_eq!(cells(",").unwrap(), ["", ""]);
        assert_eq!(cells(r#""a,b","say ""hi""",c"#).unwrap(), ["a,b", "say \"hi\"", "c"]);
        assert_eq!(cells(r#""","""",x"#).unwrap(), ["", "\"", "x"]);
        assert_eq!(cells(r#"in "the" middle,x"#).unwrap(), [r#"in "the" middle"#, "x"]);
        assert!(cells(r#""open,x"#).is_err() && cells(r#""a"b,x"#).is_err());
    }
}
