//! Who came, by month and channel: asked of the history that all figures of traffic come from.

use chrono::NaiveDate;
use daybook_domain::Currency;
use daybook_journal::{Journal, Position};
use daybook_metrics::attribution::DEFAULT_LOOK_BACK;
use daybook_metrics::{ChannelRule, Definition, MarketSites};
use daybook_packs::{Minor, Month, PackError, Traffic};
use daybook_projections::metrics::{Cell, Days, Dimension, History, Question};
use daybook_projections::{AsOf, AsWritten};

use super::Window;
use crate::loan_pack::LoanPackError;

pub(super) fn draw(
    journal: &dyn Journal,
    (from, to): (NaiveDate, NaiveDate),
    window: Window,
    (currency, head): (Currency, Position),
    told: &mut dyn FnMut(Position, Position),
) -> Result<Vec<Traffic>, LoanPackError> {
    let rule = ChannelRule::new(&MarketSites::default()).expect("invariant: the rule's own lists are sound");
    let at = AsOf { business: Some(window.to.0), ..AsOf::position(head) };
    let mut progress = |progress: daybook_projections::Progress| told(progress.done, progress.total);
    let look_back = DEFAULT_LOOK_BACK;
    let events = AsWritten::of(journal, at);
    let history = History::read(&events, window.calendar, (from, look_back), rule, &mut progress)?;
    let mut rows = Vec::new();
    for by in
        [vec![], vec![Dimension::Channel], vec![Dimension::Month], vec![Dimension::Month, Dimension::Channel]]
    {
        let monthly = by.contains(&Dimension::Month);
        let by_channel = by.contains(&Dimension::Channel);
        let found =
            history.cells(&Question::new(Days { from, to }, by.clone(), Definition::Plan, currency))?;
        if by.is_empty() {
            rows.extend(row(None, None, &found.total));
            rows.extend(
                found.reported.reported.is_some().then(|| row(None, None, &found.reported)).flatten(),
            );
            continue;
        }
        for (words, cell) in &found.cells {
            // how the visitors that a sales channel reported came nobody knows: they stand in the rows of all channels
            if by_channel && cell.reported.is_some() {
                continue;
            }
            let mut words = words.iter();
            let month = if monthly { words.next() } else { None };
            let month = month
                .map(|word| Month::parse(word).map_err(|why| PackError::malformed("traffic.csv", why)))
                .transpose()?;
            let channel = if by_channel { words.next().cloned() } else { None };
            rows.extend(row(month, channel, cell));
        }
    }
    rows.sort_by(|a, b| (a.month, &b.counted, &a.channel).cmp(&(b.month, &a.counted, &b.channel)));
    Ok(rows)
}

/// A row, unless nobody came and nothing was bought.
fn row(month: Option<Month>, channel: Option<String>, cell: &Cell) -> Option<Traffic> {
    let counted = if cell.reported.is_some() { "reported" } else { "recorded" };
    let visitors = cell.visitors();
    let any = visitors != Some(0) || cell.orders > 0;
    any.then(|| Traffic {
        month,
        counted: counted.to_owned(),
        channel,
        visitors,
        new_visitors: cell.new_uv,
        visits: cell.visits,
        views: cell.views,
        buyers: cell.buyers,
        orders: cell.orders,
        paid: Minor(cell.gmv.minor),
    })
}
