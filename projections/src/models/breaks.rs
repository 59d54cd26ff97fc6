//! One row per break between a statement and the books.

use daybook_domain::Event;

use super::statements::provider;
use super::{count, text, text_of};
use crate::model::{Envelope, Index, Key, Keys, KindSet, Model, Out};
use crate::record;
use crate::record::NoChild;
use crate::world::World;

record! {
    /// Something on which a statement and the books do not agree.
    BreakRow in "breaks", key(provider_id, break_id) {
        /// The provider, or the bank account.
        provider_id: String,
        /// The break.
        break_id: String,
        /// The file that it was found in.
        digest: String,
        /// missing_here, missing_there, amount, currency, duplicate, fee, late, reversed, kind, reference, elsewhere
        /// or totals.
        kind: String,
        /// open or resolved.
        status: String,
        /// ISO 4217 code.
        currency: String,
        /// What is at stake; minor units, signed as the market sees it.
        amount: i64 = money,
        /// When the money moved: its age counts from here.
        since: i64 = time,
        /// When it was found.
        found_at: i64 = time,
        /// Line of the file; of the first where there are several.
        line: Option<i64>,
        /// Lines of the file.
        lines: i64,
        /// The writer's reference, or that of the books where the statement has none.
        reference: String,
        /// Stream of the books' entry; of the first where there are several.
        stream: Option<String>,
        /// Entries of the books.
        entries: i64,
        /// What does not agree, in words.
        detail: String,
        /// explained, arrived_later, corrected, posted or voucher.
        how: Option<String>,
        /// Why.
        note: Option<String>,
        /// Who resolved it.
        resolved_by: Option<String>,
        /// Who approved that.
        approved_by: Option<String>,
        /// The voucher that resolved it.
        voucher_id: Option<String>,
        /// When.
        resolved_at: Option<i64> = time,
        /// One while it is open.
        open: i64,
    }
}

/// The model of [`BreakRow`].
#[derive(Debug)]
pub struct Breaks;

impl Model for Breaks {
    type Row = BreakRow;
    type Child = NoChild;
    const VERSION: u32 = 2;
    const KINDS: KindSet = KindSet::of_category("provider");
    const INDEXES: &'static [Index] = &[
        Index { columns: &["provider_id", "since", "break_id"], above_zero: Some("open") },
        Index { columns: &["since", "break_id", "provider_id"], above_zero: Some("open") },
        Index::on(&["provider_id", "since", "break_id"]),
        Index::on(&["since", "break_id", "provider_id"]),
    ];

    fn route<'e>(e: &'e Envelope<'e>, keys: &mut Keys<'e>) {
        let name = match e.event {
            Event::BreakFound(x) => &x.r#break,
            Event::BreakResolved(x) => &x.r#break,
            _ => return,
        };
        keys.push(Key::new(&[provider(e), name.as_str()]));
    }

    fn empty(key: &Key<'_>) -> BreakRow {
        BreakRow { provider_id: text(key.part(0)), break_id: text(key.part(1)), ..BreakRow::default() }
    }

    fn fold(row: &mut BreakRow, _: usize, e: &Envelope<'_>, _: &World, _: &mut Out<NoChild>) {
        match e.event {
            Event::BreakFound(x) => {
                row.digest = text(x.digest);
                row.kind = text(x.kind.as_str());
                row.status = text("open");
                row.open = 1;
                row.currency = text(x.amount.currency.as_str());
                row.amount = x.amount.minor;
                row.since = x.since.0;
                row.found_at = e.occurred_at;
                row.line = x.lines.first().map(|l| i64::try_from(l.line).unwrap_or(i64::MAX));
                row.lines = count(x.lines.len());
                row.stream = x.entries.first().map(|e| e.stream.clone());
                row.entries = count(x.entries.len());
                row.reference = text(x.reference());
                row.detail.clone_from(&x.detail);
            }
            Event::BreakResolved(x) => {
                row.status = text("resolved");
                row.open = 0;
                row.how = Some(text(x.how.as_str()));
                row.note = Some(x.note.clone());
                row.resolved_by = Some(text(x.by));
                row.approved_by = text_of(x.approved_by);
                row.voucher_id = text_of(x.voucher);
                row.resolved_at = Some(e.occurred_at);
            }
            _ => {}
        }
    }
}
