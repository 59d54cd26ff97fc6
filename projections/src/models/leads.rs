//! One row per lead in merchant recruitment (招商).

use daybook_domain::Event;

use super::{set, text, text_of};
use crate::model::{Envelope, Index, Key, Keys, KindSet, Model, Out};
use crate::record;
use crate::record::NoChild;
use crate::world::World;

record! {
    /// A lead.
    LeadRow in "leads", key(lead_id) {
        /// The lead.
        lead_id: String,
        /// captured, qualified, won or lost.
        state: String,
        /// The channel it came by.
        origin: Option<String>,
        /// The page it landed on.
        landing: Option<String>,
        /// When it first made contact.
        first_contact: Option<i64> = time,
        /// When it was found to fit.
        qualified_at: Option<i64> = time,
        /// When it became a merchant.
        won_at: Option<i64> = time,
        /// The merchant it became.
        merchant_id: Option<String>,
        /// Its segment.
        segment: Option<String>,
        /// Kind of lead or business.
        lead_type: Option<String>,
        /// When it was lost.
        lost_at: Option<i64> = time,
        /// Why.
        lost_reason: Option<String>,
        /// Position of its first event in the journal.
        position: i64 = local,
    }
}

/// The model of [`LeadRow`].
#[derive(Debug)]
pub struct Leads;

impl Model for Leads {
    type Row = LeadRow;
    type Child = NoChild;
    const VERSION: u32 = 2;
    const KINDS: KindSet = KindSet::of_category("lead");
    const INDEXES: &'static [Index] = &[Index::on(&["position"]), Index::on(&["state", "position"])];

    fn route<'e>(e: &'e Envelope<'e>, keys: &mut Keys<'e>) {
        if let Some(lead) = &e.refs.lead {
            keys.push(Key::new(&[lead.as_str()]));
        }
    }

    fn empty(key: &Key<'_>) -> LeadRow {
        LeadRow { lead_id: text(key.part(0)), ..LeadRow::default() }
    }

    fn fold(row: &mut LeadRow, _: usize, e: &Envelope<'_>, _: &World, _: &mut Out<NoChild>) {
        let at = Some(e.occurred_at);
        if row.position == 0 {
            row.position = i64::try_from(e.position).unwrap_or(i64::MAX);
        }
        match e.event {
            Event::LeadCaptured(x) => {
                set(&mut row.state, "captured");
                row.origin = Some(text(x.origin));
                row.landing = text_of(x.landing);
                row.first_contact = Some(x.first_contact.0);
            }
            Event::LeadQualified(_) => {
                set(&mut row.state, "qualified");
                row.qualified_at = at;
            }
            Event::LeadWon(x) => {
                set(&mut row.state, "won");
                row.won_at = at;
                row.merchant_id = Some(text(x.merchant));
                row.segment = text_of(x.segment);
                row.lead_type = text_of(x.r#type);
            }
            Event::LeadLost(x) => {
                set(&mut row.state, "lost");
                row.lost_at = at;
                row.lost_reason = Some(x.reason.clone());
            }
            _ => {}
        }
    }
}
