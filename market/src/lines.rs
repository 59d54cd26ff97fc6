//! Files of rows that come in: plain, `.gz` or `.zst`, of any length, read line by line within a bound.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::olist::InputError;

/// Longest line, in bytes.
pub const MAX_LINE: usize = 64 << 10;
/// Bytes read at once.
const READ: usize = 1 << 18;

/// What is done with each row: its line and, for each column, its place and cell.
pub(crate) type EachRow<'f, E> =
    &'f mut dyn FnMut(u64, &mut dyn Iterator<Item = (usize, Cow<'_, str>)>) -> Result<(), E>;

/// A file, known by its name.
#[derive(Clone, Debug)]
pub(crate) struct TextFile {
    path: PathBuf,
    /// Its name, as errors say it.
    pub name: String,
    packing: Packing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl TextFile {
    /// The file at `path`, which is not opened yet, and the ending of its name before `.gz` or `.zst`.
    pub fn new(path: &Path) -> (Self, String) {
        let name =
            path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
        let lower = name.to_ascii_lowercase();
        let (plain, packing) = match lower.rsplit_once('.') {
            Some((plain, "gz")) => (plain, Packing::Gzip),
            Some((plain, "zst")) => (plain, Packing::Zstd),
            _ => (lower.as_str(), Packing::Plain),
        };
        let ending = plain.rsplit_once('.').map_or_else(String::new, |(_, ending)| ending.to_owned());
        (Self { path: path.to_owned(), name, packing }, ending)
    }

    /// An error at a line and field.
    pub fn wrong(&self, line: u64, field: &str, problem: impl Into<String>) -> InputError {
        let field = (!field.is_empty()).then(|| field.to_owned());
        InputError { file: self.name.clone(), line: Some(line), field, problem: problem.into() }
    }

    /// Opens it.
    pub fn lines(&self) -> Result<Lines<'_>, InputError> {
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
        Ok(Lines { file: self, from: plain, buffer: Vec::new(), line: 0 })
    }

    fn unreadable(&self, error: &io::Error) -> InputError {
        let problem = match self.packing {
            Packing::Plain => format!("cannot be read: {error}"),
            _ => format!("cannot be decompressed: {error}; the file is cut off or damaged"),
        };
        InputError { file: self.name.clone(), line: None, field: None, problem }
    }

    /// Reads it as CSV: the first line names the columns, and `places` says where each belongs.
    pub fn csv<E: From<InputError>>(
        &self,
        places: &dyn Fn(&str) -> Result<Place, String>,
        needed: &[&'static str],
        each: EachRow<'_, E>,
    ) -> Result<(), E> {
        let mut lines = self.lines()?;
        let Some((_, header)) = lines.next()? else {
            return Err(self.wrong(1, "", "the file is empty: its first line names the columns").into());
        };
        let columns = self.columns(header, places, needed)?;
        while let Some((line, text)) = lines.next()? {
            if text.is_empty() {
                continue;
            }
            let cells = self.cells(line, text, &columns)?;
            let mut placed =
                columns.iter().zip(cells).filter_map(|(column, cell)| Some((column.place?, cell)));
            each(line, &mut placed)?;
        }
        Ok(())
    }

    fn columns(
        &self,
        header: &str,
        places: &dyn Fn(&str) -> Result<Place, String>,
        needed: &[&'static str],
    ) -> Result<Vec<Column>, InputError> {
        let mut columns: Vec<Column> = Vec::new();
        let mut rest = Some(header.strip_prefix('\u{feff}').unwrap_or(header));
        while let Some(from) = rest {
            let (name, left) = cell(from).map_err(|why| self.wrong(1, "", why))?;
            rest = left;
            let name = name.trim().to_owned();
            let place = places(&name).map_err(|why| self.wrong(1, &name, why))?;
            let (place, field) = match place {
                Place::At(place, field) => (Some(place), field.to_owned()),
                Place::PassedOver => (None, name.clone()),
            };
            if place.is_some() && columns.iter().any(|column| column.place == place) {
                return Err(self.wrong(1, &name, "two columns have this name"));
            }
            columns.push(Column { place, field });
        }
        for field in needed {
            if !columns.iter().any(|column| column.place.is_some() && column.field == *field) {
                return Err(self.wrong(1, field, "no such column, and every row has one"));
            }
        }
        Ok(columns)
    }

    fn cells<'t>(
        &self,
        line: u64,
        text: &'t str,
        columns: &[Column],
    ) -> Result<Vec<Cow<'t, str>>, InputError> {
        let mut cells = Vec::with_capacity(columns.len());
        let mut rest = Some(text);
        let field = |n: usize| columns.get(n).map_or("", |column| column.field.as_str());
        while let Some(from) = rest {
            let (found, left) = cell(from).map_err(|why| self.wrong(line, field(cells.len()), why))?;
            cells.push(found);
            rest = left;
        }
        if cells.len() != columns.len() {
            let problem = format!(
                "{} fields where the header has {}: a column is shifted or not quoted",
                cells.len(),
                columns.len()
            );
            return Err(self.wrong(line, field(cells.len()), problem));
        }
        Ok(cells)
    }
}

/// Where a column belongs.
pub(crate) enum Place {
    /// At this place, under this name.
    At(usize, &'static str),
    /// Nowhere: other systems' files have columns of their own.
    PassedOver,
}

struct Column {
    place: Option<usize>,
    field: String,
}

/// The lines of a file, one at a time, each within its bound.
pub(crate) struct Lines<'f> {
    file: &'f TextFile,
    from: Box<dyn BufRead>,
    buffer: Vec<u8>,
    line: u64,
}

impl Lines<'_> {
    /// The next line without its end, and its number.
    pub fn next(&mut self) -> Result<Option<(u64, &str)>, InputError> {
        self.buffer.clear();
        self.line += 1;
        let mut bounded = (&mut self.from).take(MAX_LINE as u64 + 2);
        let read = bounded.read_until(b'\n', &mut self.buffer).map_err(|e| self.file.unreadable(&e))?;
        if read == 0 {
            return Ok(None);
        }
        if self.buffer.pop_if(|byte| *byte == b'\n').is_some() {
            let _crlf = self.buffer.pop_if(|byte| *byte == b'\r');
        }
        if self.buffer.len() > MAX_LINE {
            let problem = format!("the line has more than {MAX_LINE} bytes: no row is that long");
            return Err(self.file.wrong(self.line, "", problem));
        }
        let text = std::str::from_utf8(&self.buffer).map_err(|error| {
            let problem = format!("byte {} is not UTF-8: save the file as UTF-8", error.valid_up_to());
            self.file.wrong(self.line, "", problem)
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
