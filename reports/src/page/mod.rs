//! A report as a page for people: figures with pictures, in one file that loads nothing from elsewhere.
//!
//! Shape: a [`Page`] is texts and tables that are printed elsewhere as well, by the same functions, so that no figure of
//! a page is reckoned here. Pictures show proportions and stand beside the table whose figures they show. What is
//! written is HTML by `maud`, which escapes every text, and SVG by `charts-rs`, which escapes its own; the page's policy
//! forbids scripts, so that a name that is markup to somebody is a name.

mod html;
mod picture;

use std::io::Write;

use crate::ReportError;

/// A page.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// What it is about.
    pub title: String,
    /// What holds for all of it, by name: days, definition, position.
    pub facts: Vec<(&'static str, String)>,
    /// A figure and the factors and parts that it is made of.
    pub tree: Option<Branch>,
    /// What follows.
    pub parts: Vec<Part>,
}

/// A figure of a tree.
#[derive(Clone, Debug, Default)]
pub struct Branch {
    /// How it joins what stands before it: `×`, `+`, or nothing.
    pub sign: &'static str,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Its value before.
    pub before: Option<String>,
    /// What its change did to the figure at the root.
    pub change: Option<Change>,
    /// What it is made of.
    pub branches: Vec<Branch>,
}

/// What a change came to.
#[derive(Clone, Debug)]
pub struct Change {
    /// With its sign and currency.
    pub text: String,
    /// Whether it is above zero, below, or neither.
    pub way: std::cmp::Ordering,
}

/// A part of a page: a table, with a picture beside it where there is something to see.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// Its name in links, a word.
    pub id: &'static str,
    /// Its heading.
    pub title: String,
    /// What its figures are.
    pub note: String,
    /// What is to be seen.
    pub picture: Option<Picture>,
    /// The figures.
    pub grid: Grid,
    /// Whether the table is folded away until it is asked for.
    pub folded: bool,
}

/// A table.
#[derive(Clone, Debug, Default)]
pub struct Grid {
    /// Column names, and whether what stands below is a number.
    pub columns: Vec<(String, bool)>,
    /// Rows, each as long as the columns.
    pub rows: Vec<Vec<String>>,
}

/// A picture. Its numbers are lengths to draw; figures to read are texts.
#[derive(Clone, Debug)]
pub struct Picture {
    /// What it shows, for those who cannot see it too.
    pub title: String,
    /// What is drawn.
    pub drawn: Drawn,
}

/// What is drawn.
#[derive(Clone, Debug)]
pub enum Drawn {
    /// A bar for each name, from the left.
    Bars(Vec<(String, f64)>),
    /// From one total to another in steps, up and down.
    Steps(Vec<(String, Step)>),
    /// Lines over the same names, each with a name of its own.
    Lines {
        /// Names along the way.
        names: Vec<String>,
        /// A value for each, or none.
        lines: Vec<(String, Vec<Option<f64>>)>,
    },
}

/// A step, or where one stands.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// A total that the steps begin at.
    From(f64),
    /// Up or down.
    By(f64),
    /// What the steps before came to.
    Total,
}

impl Page {
    /// Writes it as HTML that reads on a telephone and a wide screen, by day and by night, and prints on A4.
    ///
    /// # Errors
    /// [`ReportError`].
    pub fn write_html(&self, out: &mut dyn Write) -> Result<(), ReportError> {
        Ok(out.write_all(html::page(self)?.as_bytes())?)
    }
}
