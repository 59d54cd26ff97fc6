//! The events of a journal as they would be under other rules.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use daybook_domain::posting::post;
use daybook_domain::{Event, EventKind, Refs, Timestamp};
use daybook_journal::Position;
use daybook_projections::model::{Envelope, KindSet};
use daybook_projections::{AsOf, AsWritten, Calendar, EachEvent, EachStep, Events, ReadModelError};

use super::pass::{OF_ORDERS, Pass};
use super::rules::Rules;

/// What all of the journal has to be read for before it can be said.
#[derive(Debug, Default)]
pub(super) struct Corrections {
    /// What would have been said at a position; none: nothing.
    pub(super) at: BTreeMap<Position, Option<Event>>,
    /// What would have been said that was not, of what, and when.
    pub(super) beside: Vec<(Event, Refs, Timestamp)>,
}

/// Events as they would be under other rules. Those that follow from the rules are decided again while they are read, so that
/// nothing is kept but the orders under way; what only later events tell (a fee of a period, what a deposit gave, orders
/// that went on after they were completed) was found by the pass before.
#[derive(Debug)]
pub struct Restated<'j> {
    events: AsWritten<'j>,
    rules: &'j Rules,
    calendar: Calendar,
    corrections: Corrections,
}

impl<'j> Restated<'j> {
    pub(super) const fn of(
        events: AsWritten<'j>,
        rules: &'j Rules,
        calendar: Calendar,
        corrections: Corrections,
    ) -> Self {
        Self { events, rules, calendar, corrections }
    }
}

impl Events for Restated<'_> {
    fn at(&self) -> AsOf {
        self.events.at()
    }

    fn head(&self) -> Result<Position, ReadModelError> {
        self.events.head()
    }

    fn visit(
        &self,
        kinds: KindSet,
        progress: EachStep<'_>,
        each: EachEvent<'_>,
    ) -> Result<(), ReadModelError> {
        let of_orders = !self.rules.commission.is_empty() || !self.rules.coupons.is_empty();
        let rest = KindSet::of(&[EventKind::DepositDeducted, EventKind::DepositRestored]);
        let looked_at = if of_orders { kinds.or(OF_ORDERS).or(rest) } else { kinds };
        let mut pass = Pass::new(self.rules, self.calendar, self.at());
        let (mut through, mut stopped) = (0, false);
        self.events.visit(looked_at, progress, &mut |e| {
            through = e.position;
            let decided = pass.restated(e, Timestamp(e.occurred_at), false);
            if !kinds.has(e.kind) {
                return ControlFlow::Continue(());
            }
            let said = match self.corrections.at.get(&e.position) {
                Some(None) => return ControlFlow::Continue(()),
                Some(Some(corrected)) => Some(corrected),
                None => decided.as_ref(),
            };
            let flow = match said {
                None => each(e),
                Some(event) => {
                    let mut entries = Vec::new();
                    post(event, e.refs, &mut entries);
                    each(&e.saying(event, &entries))
                }
            };
            stopped = flow.is_break();
            flow
        })?;
        for (event, refs, at) in self.corrections.beside.iter().filter(|(event, ..)| kinds.has(event.kind()))
        {
            if stopped {
                break;
            }
            let mut entries = Vec::new();
            post(event, refs, &mut entries);
            stopped = each(&Envelope::beside(through, at.0, refs, event, &entries)).is_break();
        }
        Ok(())
    }
}
