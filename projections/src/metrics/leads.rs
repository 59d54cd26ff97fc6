//! Recruiting merchants (招商): how many came by which channel, and how many of them became merchants.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use daybook_domain::{Event, EventKind, LeadId, Timestamp};
use hashbrown::HashMap;

use super::Days;
use super::after_sales::Times;
use super::most::{Memory, Most};
use crate::engine::{AsOf, Events, Progress, ReadModelError, ReadModels};
use crate::model::KindSet;

const KINDS: KindSet = KindSet::of(&[
    EventKind::LeadCaptured,
    EventKind::LeadQualified,
    EventKind::LeadWon,
    EventKind::LeadLost,
]);

/// The leads of a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeadFigures {
    /// Leads first in touch in the days asked for.
    pub leads: u64,
    /// Of them, found to fit.
    pub qualified: u64,
    /// Of them, that became merchants.
    pub won: u64,
    /// Of them, lost.
    pub lost: u64,
    /// From the first contact to the merchant.
    pub winning: Times,
}

/// A lead.
#[derive(Debug)]
struct Lead {
    origin: String,
    first_contact: Timestamp,
    qualified: bool,
    won_at: Option<Timestamp>,
    lost: bool,
}

/// Leads by their ids.
type Leads = HashMap<LeadId, Lead, ahash::RandomState>;

impl ReadModels {
    /// Leads by the channel that they came by, those of the days asked for by their first contact, or all.
    ///
    /// # Errors
    /// [`ReadModelError`]; `BadQuestion` where it would take more than 2 GiB of memory.
    pub fn leads_by_origin(
        &self,
        days: Option<Days>,
        at: AsOf,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<BTreeMap<String, LeadFigures>, ReadModelError> {
        let calendar = self.calendar()?;
        let mut known = Leads::default();
        // with the word of its origin
        let bytes = |known: &Leads| known.capacity() * (size_of::<(LeadId, Lead)>() + 1 + 24);
        let mut memory = Memory::of(Most::default());
        self.events(at).visit_happened(KINDS, progress, &mut |e| {
            let Some(id) = e.refs.lead else { return ControlFlow::Continue(()) };
            if let Event::LeadCaptured(captured) = e.event {
                let (origin, first_contact) = (captured.origin.as_str().to_owned(), captured.first_contact);
                known.insert(id, Lead { origin, first_contact, qualified: false, won_at: None, lost: false });
            }
            if let Some(lead) = known.get_mut(&id) {
                match e.event {
                    Event::LeadQualified(_) => lead.qualified = true,
                    Event::LeadWon(_) => lead.won_at = Some(Timestamp(e.occurred_at)),
                    Event::LeadLost(_) => lead.lost = true,
                    _ => {}
                }
            }
            memory.took(|| bytes(&known))
        })?;
        memory.end(bytes(&known), "the leads that this rests on", "ask as of an earlier day")?;
        let mut figures: BTreeMap<String, (LeadFigures, Vec<i64>)> = BTreeMap::new();
        for lead in known.into_values() {
            let day = calendar.day(lead.first_contact);
            if days.is_some_and(|days| !(days.from..=days.to).contains(&day)) {
                continue;
            }
            let (of, took) = figures.entry(lead.origin).or_default();
            of.leads += 1;
            of.qualified += u64::from(lead.qualified);
            of.won += u64::from(lead.won_at.is_some());
            of.lost += u64::from(lead.lost);
            took.extend(lead.won_at.map(|won| won.0 - lead.first_contact.0));
        }
        let timed = |(origin, (of, took)): (String, (LeadFigures, Vec<i64>))| {
            (origin, LeadFigures { winning: Times::of(took), ..of })
        };
        Ok(figures.into_iter().map(timed).collect())
    }
}
