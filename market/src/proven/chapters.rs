//! Merchants' lines by currency and month, from the read models.

use std::collections::BTreeMap;

use daybook_domain::{Currency, Timestamp};
use daybook_journal::Position;
use daybook_projections::queries::{OwedChange, OwedWithin};
use daybook_projections::{Calendar, ReadModelError, ReadModels};
use daybook_proofs::statement::{Chapter, Line};

/// Which lines.
#[derive(Clone, Copy, Debug)]
pub struct Within<'a> {
    /// Of this merchant; none: of all.
    pub merchant: Option<&'a str>,
    /// Booked from here on, microseconds.
    pub from: i64,
    /// Booked before.
    pub until: i64,
    /// By events through this position.
    pub through: Position,
}

/// Balances by merchant and currency, minor units.
type Balances = BTreeMap<String, BTreeMap<String, i64>>;

/// Puts changes together to chapters as they come: those of a merchant are whole when the next one's begin.
struct Binding<'a> {
    calendar: Calendar,
    /// The last month that is asked for: each balance stands in it, with lines or without.
    last: String,
    opening: Balances,
    merchant: String,
    chapters: Vec<Chapter>,
    each: &'a mut dyn FnMut(String, Vec<Chapter>),
}

impl Binding<'_> {
    fn take(&mut self, change: OwedChange) {
        if change.merchant_id != self.merchant {
            self.finish();
            self.merchant.clone_from(&change.merchant_id);
        }
        let day = self.calendar.day(Timestamp(change.booked_at)).to_string();
        let month = day.get(..7).unwrap_or(&day);
        let own = self.chapters.last().filter(|chapter| chapter.currency == change.currency);
        if own.is_none_or(|chapter| chapter.month != month) {
            let opening = match own {
                Some(before) => before.closing(),
                None => {
                    let of = self.opening.get(&change.merchant_id);
                    of.and_then(|of| of.get(&change.currency)).copied().unwrap_or_default()
                }
            };
            self.chapters.push(empty(&change.currency, month, opening));
        }
        let chapter = self.chapters.last_mut().expect("invariant: one was pushed");
        chapter.lines.push(Line {
            number: chapter.lines.len() as u64 + 1,
            day,
            booked_at: Timestamp(change.booked_at).to_string(),
            occurred_at: Timestamp(change.occurred_at).to_string(),
            position: change.position,
            event: change.event,
            order: change.order_id,
            amount: change.change,
            within: change.within,
            balance: chapter.closing() + change.change,
        });
    }

    fn finish(&mut self) {
        let (merchant, chapters) = (std::mem::take(&mut self.merchant), std::mem::take(&mut self.chapters));
        let before = self.opening.remove(&merchant).unwrap_or_default();
        self.hand(merchant, chapters, &before);
    }

    /// Those that have a balance and no line.
    fn finish_others(mut self) {
        self.finish();
        for (merchant, before) in std::mem::take(&mut self.opening) {
            self.hand(merchant, Vec::new(), &before);
        }
    }

    /// Hands over what a merchant has, and a chapter without lines for each balance that has none in the last month: what is not said to
    /// be owed is zero.
    fn hand(&mut self, merchant: String, mut chapters: Vec<Chapter>, before: &BTreeMap<String, i64>) {
        let mut standing = before.clone();
        for chapter in &chapters {
            let stands = if chapter.month == self.last { 0 } else { chapter.closing() };
            standing.insert(chapter.currency.clone(), stands);
        }
        let standing = standing.into_iter().filter(|(_, minor)| *minor != 0);
        chapters.extend(standing.map(|(currency, minor)| empty(&currency, &self.last, minor)));
        chapters.sort_by(|a, b| (&a.currency, &a.month).cmp(&(&b.currency, &b.month)));
        if !chapters.is_empty() {
            (self.each)(merchant, chapters);
        }
    }
}

fn empty(currency: &str, month: &str, opening: i64) -> Chapter {
    let digits = Currency::new(currency).map_or(2, Currency::digits);
    Chapter { currency: currency.to_owned(), month: month.to_owned(), digits, opening, lines: Vec::new() }
}

/// Visits each merchant that has lines or a balance with its chapters, by currency and month; a balance without lines in the last month has
/// a chapter without lines there.
pub fn visit(
    models: &ReadModels,
    within: Within<'_>,
    each: &mut dyn FnMut(String, Vec<Chapter>),
) -> Result<(), ReadModelError> {
    let asked = OwedWithin {
        merchant_id: within.merchant,
        from: within.from,
        until: within.until,
        through: within.through,
    };
    let mut opening = Balances::new();
    if within.from > i64::MIN {
        for (merchant, currency, minor) in models.owed_before(asked)? {
            opening.entry(merchant).or_default().insert(currency, minor);
        }
    }
    let calendar = models.calendar()?;
    let last = calendar.month(Timestamp(within.until.saturating_sub(1))).to_string();
    let mut binding =
        Binding { calendar, last, opening, merchant: String::new(), chapters: Vec::new(), each };
    models.owed_changes(asked, &mut |change| binding.take(change))?;
    binding.finish_others();
    Ok(())
}

/// The merchants that have lines or a balance, with their chapters.
pub fn of(models: &ReadModels, within: Within<'_>) -> Result<Vec<(String, Vec<Chapter>)>, ReadModelError> {
    let mut found = Vec::new();
    visit(models, within, &mut |merchant, chapters| found.push((merchant, chapters)))?;
    Ok(found)
}
