//! XML as a tree of elements, each with its line of the file. Deep nesting and document types are refused: a
//! statement has neither, an attack has one of them.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::StatementError;
use crate::limits::{MAX_XML_DEPTH, MAX_XML_ELEMENTS};
use crate::text::bounded;

/// An element. Namespaces are left out: banks write them, write old ones, or none.
#[derive(Debug, Default)]
pub(crate) struct Element {
    /// Its name without prefix.
    pub name: String,
    /// Line of the file.
    pub line: u64,
    /// Its attribute `Ccy`, the only one that a statement has.
    pub ccy: Option<String>,
    /// Its text.
    pub text: String,
    /// What is in it.
    pub children: Vec<Element>,
}

impl Element {
    /// The first element of this name in it.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|c| c.name == name)
    }
    /// All of this name in it.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |c| c.name == name)
    }
    /// The element at the end of a path of first elements.
    pub fn at(&self, path: &[&str]) -> Option<&Element> {
        path.iter().try_fold(self, |e, name| e.child(name))
    }
    /// The text at the end of a path, when it says anything.
    pub fn text_at(&self, path: &[&str]) -> Option<&str> {
        self.at(path).map(|e| e.text.trim()).filter(|t| !t.is_empty())
    }
    /// Every element of this name anywhere in it.
    pub fn deep<'a>(&'a self, name: &str, found: &mut Vec<&'a Element>) {
        for child in &self.children {
            if child.name == name {
                found.push(child);
            }
            child.deep(name, found);
        }
    }
}

/// Reads a document; gives its root.
pub(crate) fn tree(text: &str) -> Result<Element, StatementError> {
    tree_of(text, MAX_XML_ELEMENTS)
}

/// Reads a document of at most so many elements.
fn tree_of(text: &str, most: usize) -> Result<Element, StatementError> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let (mut line, mut counted) = (1u64, 0usize);
    let mut elements = 0;
    loop {
        let event = reader.read_event();
        // an event's line is that of its end; all of an element's start tag stands on one in practice
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX).min(text.len());
        line += text.as_bytes()[counted..at.max(counted)].iter().filter(|b| **b == b'\n').count() as u64;
        counted = at.max(counted);
        let event = event.map_err(|e| broken(text, line, &e))?;
        if matches!(event, Event::Start(_) | Event::Empty(_)) {
            elements += 1;
            if elements > most {
                let what = format!("line {line}: the number of its XML elements");
                return Err(StatementError::TooLarge { what, most: most as u64 });
            }
        }
        match event {
            Event::Start(start) => {
                if open.len() >= MAX_XML_DEPTH {
                    let why =
                        format!("elements are nested deeper than {MAX_XML_DEPTH}: this is no statement");
                    return Err(StatementError::at(line, why));
                }
                open.push(element(&start, line)?);
            }
            Event::Empty(start) => put(&mut open, &mut root, element(&start, line)?, line)?,
            Event::End(_) => {
                let done =
                    open.pop().ok_or_else(|| StatementError::at(line, "an element ends that never began"))?;
                put(&mut open, &mut root, done, line)?;
            }
            Event::Text(part) => add(&mut open, &part.xml10_content(), line)?,
            Event::CData(part) => add(&mut open, &part.xml10_content(), line)?,
            Event::GeneralRef(reference) => {
                let named = match reference.xml10_content().as_ref() {
                    "amp" => Some('&'),
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "quot" => Some('"'),
                    "apos" => Some('\''),
                    _ => reference.resolve_char_ref().ok().flatten(),
                };
                let Some(c) = named else {
                    return Err(StatementError::at(line, "an entity that XML itself does not define"));
                };
                add(&mut open, c.encode_utf8(&mut [0; 4]), line)?;
            }
            Event::DocType(_) => {
                return Err(StatementError::at(line, "it declares a document type: a statement has none"));
            }
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
    if let Some(element) = open.last() {
        return Err(StatementError::Truncated {
            line,
            why: format!("<{}> of line {} does not end", element.name, element.line),
        });
    }
    root.ok_or(StatementError::Truncated { line, why: "no element".into() })
}

fn broken(text: &str, line: u64, error: &quick_xml::Error) -> StatementError {
    // a tag that the end of the file cuts is a file cut off
    if matches!(error, quick_xml::Error::Syntax(_)) && !text.trim_end().ends_with('>') {
        return StatementError::Truncated { line, why: error.to_string() };
    }
    StatementError::at(line, format!("this is no XML: {error}"))
}

fn element(start: &BytesStart<'_>, line: u64) -> Result<Element, StatementError> {
    let ccy = start
        .try_get_attribute("Ccy")
        .map_err(|e| StatementError::at(line, format!("this is no XML: {e}")))?;
    Ok(Element {
        name: start.local_name().as_ref().to_owned(),
        line,
        ccy: ccy.map(|a| a.value.into_owned()),
        ..Element::default()
    })
}

fn put(
    open: &mut [Element],
    root: &mut Option<Element>,
    done: Element,
    line: u64,
) -> Result<(), StatementError> {
    match open.last_mut() {
        Some(parent) => parent.children.push(done),
        None if root.is_none() => *root = Some(done),
        None => return Err(StatementError::at(line, "a second document begins: take one file at a time")),
    }
    Ok(())
}

fn add(open: &mut [Element], text: &str, line: u64) -> Result<(), StatementError> {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
        bounded(&element.text, line, &element.name)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_of_more_elements_than_the_limit_is_refused_and_says_so() {
        let text = "<a>\n<b/><b>1</b>\n<b/></a>";
        assert_eq!(tree_of(text, 4).expect("four elements").children.len(), 3);
        let refused = tree_of(text, 3).expect_err("a fourth").to_string();
        assert_eq!(
            refused,
            "line 3: the number of its XML elements is more than 3, the most that is read: split the file"
        );
    }
}
