//! Why GMV changed between two ranges of days.

use std::collections::{BTreeMap, BTreeSet};

use daybook_domain::Money;
use daybook_metrics::explain::{ExplainError, Explained, Method, Side, explain, explain_cell};

use super::cells::{Cell, Cells, Reporting};
use super::history::History;
use super::{Days, Dimension, Question};
use crate::engine::ReadModelError;

/// A cell's change and its parts.
#[derive(Clone, Debug)]
pub struct ExplainedCell {
    /// The cell's word; empty where nothing is known.
    pub name: String,
    /// Figures before; none where the cell was not there.
    pub before: Option<Cell>,
    /// Figures after; none where it is gone.
    pub after: Option<Cell>,
    /// The change of its GMV.
    pub explained: Explained,
}

/// An explanation: the parts of all its rows together are the change of all GMV.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// By the dimension asked for; one row, without a name, where none was.
    pub cells: Vec<ExplainedCell>,
    /// Sales that no visit led to.
    pub untracked: ExplainedCell,
    /// The sum.
    pub total: ExplainedCell,
}

impl History {
    /// Explains the change from the days `before` to those of the question, by its first dimension, if any.
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`] for a dimension of time or of pages, or figures that cannot be explained.
    pub fn explain(&self, before: Days, question: &Question) -> Result<Explanation, ReadModelError> {
        let by: Vec<Dimension> = question.by.iter().take(1).copied().collect();
        let after = Question { by, ..question.clone() };
        explainable(&after)?;
        let earlier = Question { days: before, ..after.clone() };
        // one rule for both sides: a channel's reports count where they tell of its visitors both before and after
        let sides = |reporting: Reporting<'_>| {
            Ok::<_, ReadModelError>((self.cells_of(&earlier, reporting)?, self.cells_of(&after, reporting)?))
        };
        let (old, new) = sides(Reporting::All)?;
        let both: BTreeSet<String> = told_of(&old).intersection(&told_of(&new)).cloned().collect();
        if [&old, &new].into_iter().all(|side| reported(side).all(|(name, _)| both.contains(&name))) {
            return Explanation::between(&old, &new, &after);
        }
        let (old, new) = sides(Reporting::Of(&both))?;
        Explanation::between(&old, &new, &after)
    }
}

impl Explanation {
    /// Explains the change from figures to others, both of one question but for its days.
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`] for a dimension of time or of pages, or figures that cannot be explained.
    pub fn between(before: &Cells, after: &Cells, question: &Question) -> Result<Self, ReadModelError> {
        explainable(question)?;
        let zero = Money::zero(question.currency);
        let cells = if question.by.is_empty() {
            let explained = explain(side(Some(&before.total), zero), side(Some(&after.total), zero));
            vec![row(String::new(), Some(before.total), Some(after.total), explained)?]
        } else {
            each(before, after, zero)?
        };
        let untracked = {
            let (old, new) = (before.untracked, after.untracked);
            let nobody = |cell: &Cell| Side { visitors: 0, buyers: 0, gmv: cell.gmv };
            row(String::new(), Some(old), Some(new), explain(nobody(&old), nobody(&new)))?
        };
        let start = Explained::zero(question.currency);
        let sum = cells.iter().chain([&untracked]).try_fold(start, |sum, cell| sum.and(&cell.explained));
        // its GMV is that of untracked sales too, which have no visitors: none stand beside it
        let total = row(String::new(), None, None, sum.map_err(ExplainError::from))?;
        Ok(Self { cells, untracked, total })
    }
}

fn explainable(question: &Question) -> Result<(), ReadModelError> {
    if let Some(time) = question.by.iter().find(|dimension| dimension.is_time()) {
        let why = format!("a change is explained from one period to another, not by {time}: leave it out");
        return Err(ReadModelError::BadQuestion(why));
    }
    let pages = [Dimension::Page, Dimension::Topic];
    if let Some(by) = question.by.iter().find(|by| pages.contains(by)) {
        let why =
            format!("no sale is made on a page, so no change of GMV is explained by {by}: leave it out");
        return Err(ReadModelError::BadQuestion(why));
    }
    Ok(())
}

fn reported(cells: &Cells) -> impl Iterator<Item = (String, &Cell)> {
    let of = cells.cells.iter().filter(|(_, cell)| cell.reported.is_some());
    of.map(|(words, cell)| (words.concat(), cell))
}

/// The channels whose reports tell how many visitors there were.
fn told_of(cells: &Cells) -> BTreeSet<String> {
    reported(cells).filter(|(_, cell)| cell.visitors().is_some()).map(|(name, _)| name).collect()
}

fn each(before: &Cells, after: &Cells, zero: Money) -> Result<Vec<ExplainedCell>, ReadModelError> {
    let named = |cells: &Cells| -> BTreeMap<(String, bool), Cell> {
        let named = |(words, cell): &(Vec<String>, Cell)| ((words.concat(), cell.reported.is_some()), *cell);
        cells.cells.iter().map(named).collect()
    };
    let (old, new) = (named(before), named(after));
    let names: BTreeSet<&(String, bool)> = old.keys().chain(new.keys()).collect();
    // whom sales channels reported were seen by nobody here
    let all = |cells: &Cells| cells.total.uv.saturating_add(visitors(&cells.reported));
    let whole = (all(before), all(after));
    let explained = |key: &(String, bool)| {
        let (old, new) = (old.get(key), new.get(key));
        let parts = explain_cell(whole, side(old, zero), side(new, zero));
        row(key.0.clone(), old.copied(), new.copied(), parts)
    };
    names.into_iter().map(explained).collect()
}

fn visitors(cell: &Cell) -> u64 {
    cell.visitors().unwrap_or_default()
}

fn side(cell: Option<&Cell>, zero: Money) -> Side {
    cell.map_or(Side { visitors: 0, buyers: 0, gmv: zero }, |cell| Side {
        visitors: visitors(cell),
        buyers: cell.buyers,
        gmv: cell.gmv,
    })
}

fn row(
    name: String,
    before: Option<Cell>,
    after: Option<Cell>,
    explained: Result<Explained, ExplainError>,
) -> Result<ExplainedCell, ReadModelError> {
    let explained = explained.map_err(|error| ReadModelError::BadQuestion(error.to_string()))?;
    Ok(ExplainedCell { name, before, after, explained })
}

impl ExplainedCell {
    /// How the parts were found; none where nothing was split.
    #[must_use]
    pub fn method(&self) -> Option<Method> {
        let Explained { traffic, mix, conversion, unit_price, method, .. } = self.explained;
        let split = [traffic, mix, conversion, unit_price].iter().any(|part| !part.is_zero());
        split.then_some(method)
    }
}
