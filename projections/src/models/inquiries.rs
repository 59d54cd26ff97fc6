//! One row per inquiry: who asked, who answered and how soon.

use daybook_domain::Event;

use super::{set, text, text_of};
use crate::model::{Envelope, Key, Keys, KindSet, Model, Out};
use crate::record;
use crate::record::NoChild;
use crate::world::World;

record! {
    /// An inquiry.
    InquiryRow in "inquiries", key(inquiry_id) {
        /// The inquiry.
        inquiry_id: String,
        /// open, answered or closed.
        state: String,
        /// Whom it was asked of.
        merchant_id: Option<String>,
        /// What about.
        topic: Option<String>,
        /// Who asks: the terminal.
        visitor_id: Option<String>,
        /// Who asks, where the visitor is known.
        buyer_id: Option<String>,
        /// The agent it was given to.
        given_to: Option<String>,
        /// When it was opened.
        opened_at: Option<i64> = time,
        /// When it was first answered.
        first_answered_at: Option<i64> = time,
        /// Answers.
        answers: i64,
        /// The agent who answered last.
        agent: Option<String>,
        /// When it was closed.
        closed_at: Option<i64> = time,
        /// Rules of service that were broken in it.
        violations: i64,
    }
}

/// The model of [`InquiryRow`].
#[derive(Debug)]
pub struct Inquiries;

impl Model for Inquiries {
    type Row = InquiryRow;
    type Child = NoChild;
    const VERSION: u32 = 1;
    const KINDS: KindSet = KindSet::of_category("inquiry");

    fn route<'e>(e: &'e Envelope<'e>, keys: &mut Keys<'e>) {
        if let Some((_, inquiry)) = e.stream.split_once('-') {
            keys.push(Key::new(&[inquiry]));
        }
    }

    fn empty(key: &Key<'_>) -> InquiryRow {
        InquiryRow { inquiry_id: text(key.part(0)), ..InquiryRow::default() }
    }

    fn fold(row: &mut InquiryRow, _: usize, e: &Envelope<'_>, _: &World, _: &mut Out<NoChild>) {
        match e.event {
            Event::InquiryOpened(x) => {
                set(&mut row.state, "open");
                row.merchant_id = Some(text(x.merchant));
                row.topic = Some(text(x.topic));
                row.visitor_id = text_of(x.visitor);
                row.buyer_id = text_of(x.buyer);
                row.given_to = text_of(x.agent);
                row.opened_at = Some(e.occurred_at);
            }
            Event::InquiryAnswered(x) => {
                set(&mut row.state, "answered");
                row.answers += 1;
                row.first_answered_at = row.first_answered_at.or(Some(e.occurred_at));
                row.agent = Some(text(x.agent));
            }
            Event::InquiryClosed(_) => {
                set(&mut row.state, "closed");
                row.closed_at = Some(e.occurred_at);
            }
            Event::ViolationRecorded(_) => row.violations += 1,
            _ => {}
        }
    }
}
