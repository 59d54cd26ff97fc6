//! Who came, by month and channel: asked of the history that all figures of traffic come from.
//!
//! What a recorded visit led to is asked without sales channels, and stands in the rows that are recorded. What sales channels report of their
//! own visitors is asked by sales channel, and holds all that was sold there on those days: in the rows that are reported stands what of
//! that no recorded visit led to, so that each order is in one of them.

use std::collections::BTreeMap;

use daybook_domain::Currency;
use daybook_journal::{Journal, Position};
use daybook_metrics::Definition;
use daybook_metrics::attribution::DEFAULT_LOOK_BACK;
use daybook_packs::{Minor, Month, PackError, Traffic};
use daybook_projections::metrics::{Cell, Cells, Days, Dimension, History, Most, Question};
use daybook_projections::{AsOf, AsWritten};

use super::{MarketAsked, Window};
use crate::loan_pack::LoanPackError;

/// What is asked.
const ASKED: [&[Dimension]; 6] = [
    &[],
    &[Dimension::Channel],
    &[Dimension::SalesChannel],
    &[Dimension::Month],
    &[Dimension::Month, Dimension::Channel],
    &[Dimension::Month, Dimension::SalesChannel],
];

pub(super) fn draw(
    journal: &dyn Journal,
    asked: &MarketAsked,
    window: Window,
    (currency, head): (Currency, Position),
    told: &mut dyn FnMut(Position, Position),
) -> Result<Vec<Traffic>, LoanPackError> {
    let at = AsOf { business: Some(window.to.0), ..AsOf::position(head) };
    let mut progress = |progress: daybook_projections::Progress| told(progress.done, progress.total);
    let (since, rule) = ((asked.from, DEFAULT_LOOK_BACK), asked.sites.rule());
    let events = AsWritten::of(journal, at);
    let days = Days { from: asked.from, to: asked.to };
    let questions = ASKED.map(|by| Question::new(days, by.to_vec(), Definition::Plan, currency));
    // a pack has to be drawn however many came: in several passes where they do not fit into memory
    let (rules, passes) = ((window.calendar, rule), (1, Most::default()));
    let answers = History::cells_in_parts(&events, rules, since, &questions, passes, &mut progress)?;
    let [all, by_channel, by_sales_channel, by_month, by_both, by_month_and_sales_channel] = &answers[..]
    else {
        return Ok(Vec::new());
    };
    let mut rows: Vec<Traffic> = Vec::new();
    rows.extend(row(None, None, &all.total));
    for (words, cell) in &by_channel.cells {
        rows.extend(row(None, words.first().cloned(), cell));
    }
    rows.extend(reported(None, Some(&all.total), Beside::of(by_sales_channel)));
    for (words, cell) in &by_both.cells {
        rows.extend(row(month(words)?, words.get(1).cloned(), cell));
    }
    let mut beside: BTreeMap<Option<Month>, Beside> = BTreeMap::new();
    for (words, cell) in &by_month_and_sales_channel.cells {
        beside.entry(month(words)?).or_default().add(cell);
    }
    for (words, cell) in &by_month.cells {
        let month = month(words)?;
        rows.extend(row(month, None, cell));
        rows.extend(reported(month, Some(cell), beside.remove(&month).unwrap_or_default()));
    }
    // nobody came here then
    for (month, beside) in beside {
        rows.extend(reported(month, None, beside));
    }
    rows.sort_by(|a, b| (a.month, &b.counted, &a.channel).cmp(&(b.month, &a.counted, &b.channel)));
    Ok(rows)
}

/// The month that a row of cells begins with.
fn month(words: &[String]) -> Result<Option<Month>, PackError> {
    let word = words.first().map(String::as_str).unwrap_or_default();
    Month::parse(word).map(Some).map_err(|why| PackError::malformed("traffic.csv", why))
}

/// What is counted by sales channel: what recorded visits led to, less what was sold in channels that reported the day; and that.
#[derive(Default)]
struct Beside {
    /// Orders, and what was paid for them.
    recorded: (u64, i64),
    reported: (u64, i64),
    /// Distinct visitors that channels reported; none where no channel reported any, or they are not known.
    visitors: Option<u64>,
    /// Whether any channel reported anything.
    any: bool,
}

impl Beside {
    fn add(&mut self, cell: &Cell) {
        let sum = if cell.reported.is_some() { &mut self.reported } else { &mut self.recorded };
        *sum = (sum.0.saturating_add(cell.orders), sum.1.saturating_add(cell.gmv.minor));
        if cell.reported.is_some() {
            // those of two channels are nowhere said to be others
            let known = if self.any { self.visitors } else { Some(0) };
            self.visitors = known.and_then(|sum| sum.checked_add(cell.visitors()?));
            self.any = true;
        }
    }

    fn of(cells: &Cells) -> Self {
        let mut of = Self { recorded: (cells.total.orders, cells.total.gmv.minor), ..Self::default() };
        if cells.reported.reported.is_some() {
            of.add(&cells.reported);
        }
        of
    }
}

/// A row of what channels reported, less the orders that stand in the row that is recorded; unless none reported anything.
fn reported(month: Option<Month>, recorded: Option<&Cell>, beside: Beside) -> Option<Traffic> {
    let (orders, paid) = recorded.map_or((0, 0), |cell| (cell.orders, cell.gmv.minor));
    // of the recorded ones, those that were sold on days and in channels that are reported
    let both = (orders.saturating_sub(beside.recorded.0), paid.saturating_sub(beside.recorded.1));
    beside.any.then(|| Traffic {
        month,
        counted: "reported".to_owned(),
        channel: None,
        visitors: beside.visitors,
        new_visitors: 0,
        visits: 0,
        views: 0,
        buyers: 0,
        orders: beside.reported.0.saturating_sub(both.0),
        paid: Minor(beside.reported.1.saturating_sub(both.1)),
    })
}

/// A row of what was recorded, unless nobody came and nothing was bought.
fn row(month: Option<Month>, channel: Option<String>, cell: &Cell) -> Option<Traffic> {
    let any = cell.uv > 0 || cell.orders > 0;
    any.then(|| Traffic {
        month,
        counted: "recorded".to_owned(),
        channel,
        visitors: Some(cell.uv),
        new_visitors: cell.new_uv,
        visits: cell.visits,
        views: cell.views,
        buyers: cell.buyers,
        orders: cell.orders,
        paid: Minor(cell.gmv.minor),
    })
}
