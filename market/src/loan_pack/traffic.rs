//! How the buyers of a pack's orders came: asked of the history that all figures of traffic come from, of these orders' terminals alone.

use std::collections::{HashMap, HashSet};

use daybook_domain::{Currency, VisitorId};
use daybook_journal::{Filter, Journal, Position};
use daybook_metrics::Definition;
use daybook_metrics::attribution::DEFAULT_LOOK_BACK;
use daybook_packs::Order;
use daybook_projections::metrics::{Days, History, OrdersOf, Question};
use daybook_projections::{AsOf, AsWritten, Progress};

use super::{Asked, LoanPackError};
use crate::Calendar;

/// Fills in of each order by what kind of traffic its buyer came.
pub(super) fn tell(
    journal: &dyn Journal,
    calendar: Calendar,
    (asked, head): (&Asked, Position),
    (currency, terminals): (Currency, HashSet<VisitorId, ahash::RandomState>),
    orders: &mut [Order],
    told: &mut dyn FnMut(Position, Position),
) -> Result<(), LoanPackError> {
    if terminals.is_empty() || !any_views(journal, head)? {
        return Ok(());
    }
    let rule = asked.sites.rule().clone();
    let of = OrdersOf { merchant: asked.merchant, terminals };
    let at = AsOf { business: Some(calendar.end_of(asked.to).0), ..AsOf::position(head) };
    let mut progress = |progress: Progress| told(progress.done, progress.total);
    let since = (asked.from, DEFAULT_LOOK_BACK);
    let events = AsWritten::of(journal, at);
    let history = History::read_orders_of(of, &events, calendar, since, rule, &mut progress)?;
    let days = Days { from: asked.from, to: asked.to };
    let question = Question::new(days, Vec::new(), Definition::Plan, currency);
    let came = history.by_paid_traffic(asked.merchant.as_str(), &question)?;
    let came: HashMap<String, bool> = came.into_iter().map(|(id, paid)| (id.to_string(), paid)).collect();
    for order in orders {
        let kind = came.get(&order.order).map(|paid| if *paid { "paid" } else { "free" });
        order.traffic = kind.map(str::to_owned);
    }
    Ok(())
}

/// Whether anybody's coming is known: where nobody's is, a second pass is spared.
fn any_views(journal: &dyn Journal, head: Position) -> Result<bool, LoanPackError> {
    let kinds = Some(vec![daybook_domain::EventKind::PageViewed.as_str().into()]);
    let mut any = false;
    journal.scan(0, Some(head), &Filter { kinds, categories: None }, &mut |_| {
        any = true;
        std::ops::ControlFlow::Break(())
    })?;
    Ok(any)
}
