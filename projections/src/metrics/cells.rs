//! Figures by cell: sums and distinct counts, from which ratios are taken last.

use std::collections::{BTreeMap, BTreeSet};

use daybook_domain::{Currency, Money, Timestamp};
use daybook_metrics::attribution::DEFAULT_LOOK_BACK;
use daybook_metrics::sessions::{Day, Deed, Figures, Tally, Visit};
use daybook_metrics::{Definition, VisitorSet};

use super::filing::{Came, Facts, Filing, Key, Share, TOTAL};
use super::history::{History, PAID_WITHIN};
use super::sales::Sale;
use super::seen::Visitor;
use super::{MAX_DIMENSIONS, Question};
use crate::engine::ReadModelError;

/// The figures of a cell. Views, visits, stay, orders and money add up over cells; visitors, pages and buyers do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Distinct visitors who were shown a page; under the tools' definitions also those who did something else, and
    /// under Plausible's once for each UTC day.
    pub uv: u64,
    /// Of them, those first seen in this period.
    pub new_uv: u64,
    /// Of them, those with a visit that was a bounce.
    pub bouncers: u64,
    /// Page views as the definition counts them.
    pub pv: u64,
    /// Every page shown.
    pub views: u64,
    /// Visits that began.
    pub visits: u64,
    /// Of them, bounces.
    pub bounces: u64,
    /// How long they lasted together, in microseconds.
    pub stay: i64,
    /// Distinct buyers whose payment was completed.
    pub buyers: u64,
    /// Orders whose payment was completed.
    pub orders: u64,
    /// What buyers paid for them.
    pub gmv: Money,
    /// What merchants are credited for them before commission: with what the market added and bore.
    pub order_value: Money,
    /// What went back to buyers of what they paid, whenever.
    pub refunded: Money,
    /// Whether its visitors and pages are those that the sales channel itself reported.
    pub reported: bool,
}

/// An answer: tracked, reported and untracked sales are all there are.
#[derive(Clone, Debug)]
pub struct Cells {
    /// Each cell under the words of its dimensions, in their order; an empty word where nothing is known.
    pub cells: Vec<(Vec<String>, Cell)>,
    /// All that recorded visits led to: distinct over all cells.
    pub total: Cell,
    /// The cells of sales channels that reported their own visitors, where the question is by channel and day: their
    /// visitors are added up.
    pub reported: Cell,
    /// Orders that no visit led to: theirs are the only figures of sales in here.
    pub untracked: Cell,
}

impl Cell {
    /// The bounce rate as the definition has it, as a numerator and a denominator.
    #[must_use]
    pub fn bounce_rate(&self, definition: Definition) -> (u64, u64) {
        let Self { uv: visitors, bouncers, visits, bounces, .. } = *self;
        Figures { visitors, bouncers, visits, bounces, ..Figures::default() }.bounce_rate(definition)
    }
}

/// One visitor's part of a cell.
#[derive(Default)]
struct Own {
    new: bool,
    tally: Tally<u32>,
}

/// A cell while it is added up.
#[derive(Default)]
struct Sum {
    figures: Figures,
    new_uv: u64,
    /// By the numbers of their names.
    buyers: VisitorSet,
    orders: u64,
    gmv: i128,
    order_value: i128,
    refunded: i128,
    reported: bool,
}

/// The sums of an answer.
#[derive(Default)]
struct Sums {
    by: BTreeMap<Key, Sum>,
    reported: Sum,
    untracked: Sum,
    /// What no visit led to, by cell, where sales channels may have reported the visitors of one.
    beside: BTreeMap<Key, Sum>,
}

impl History {
    /// Answers a question about days from the history's first on.
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`] for more dimensions than there may be, or for sums beyond 64 bits.
    pub fn cells(&self, question: &Question) -> Result<Cells, ReadModelError> {
        if question.by.len() > MAX_DIMENSIONS {
            let why = format!("figures are asked by {MAX_DIMENSIONS} dimensions at most");
            return Err(ReadModelError::BadQuestion(why));
        }
        let filing = Filing::of(self, question);
        let mut sums = Sums::default();
        let mut sales: Vec<Vec<&Sale>> = vec![Vec::new(); self.seen.len()];
        for sale in filing.sales() {
            match sale.visitor {
                Some(visitor) => sales[visitor as usize].push(sale),
                None => filing.unseen(sale, &mut sums),
            }
        }
        for (visitor, bought) in self.seen.iter().zip(&sales) {
            filing.add(visitor, bought, &mut sums);
        }
        if filing.is_of_platforms() {
            filing.report(&mut sums);
        }
        let Sums { by: mut sums, reported, untracked, .. } = sums;
        let currency = question.currency;
        let total = sums.remove(&TOTAL).unwrap_or_default().cell(currency)?;
        let name = |(key, sum): (Key, Sum)| Ok((filing.words(&key), sum.cell(currency)?));
        let mut cells = sums.into_iter().map(name).collect::<Result<Vec<_>, ReadModelError>>()?;
        cells.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Cells { cells, total, reported: reported.cell(currency)?, untracked: untracked.cell(currency)? })
    }
}

impl Filing<'_> {
    /// Adds one visitor with its paid orders.
    fn add(&self, visitor: &Visitor, bought: &[&Sale], sums: &mut Sums) {
        let history = self.history;
        let rule = &self.question.sessions;
        let first = visitor.first().map(|at| history.day(at));
        let (hits, visits) = history.visits(visitor, rule);
        let mut own: BTreeMap<Key, Own> = BTreeMap::new();
        for visit in &visits {
            let mut began: BTreeSet<Key> = BTreeSet::new();
            for hit in &hits[visit.hits.clone()] {
                let page = match hit.deed {
                    Deed::View(page) | Deed::Act { page, .. } => page,
                };
                let viewed = matches!(hit.deed, Deed::View(_));
                if !viewed && rule.definition == Definition::Plan {
                    continue; // lies within a visit, which is made of views
                }
                let facts = history.of_page(page, hit.at, Came::by(visit), first);
                if viewed || visit.views == 0 {
                    began.extend(self.keys(&Facts { at: visit.from, day: visit.day, ..facts }));
                }
                if self.holds(hit.day) {
                    for key in self.keys(&facts) {
                        let own = own.entry(key).or_default();
                        own.new = self.is_new(&facts, key == TOTAL);
                        match hit.deed {
                            Deed::View(page) => {
                                own.tally.view(hit.at, hit.day, history.shown[page as usize].path);
                            }
                            Deed::Act { .. } => own.tally.act(hit.at),
                        }
                    }
                }
            }
            if self.holds(visit.day) {
                for key in began {
                    own.entry(key).or_default().tally.visit(rule, visit);
                }
            }
        }
        for (key, own) in own {
            let figures = own.tally.figures(rule.definition);
            let sum = sums.by.entry(key).or_default();
            sum.new_uv += u64::from(figures.visitors > 0 && own.new);
            sum.figures += figures;
        }
        for sale in bought {
            self.sell(sale, &visits, first, sums);
        }
    }

    /// Files an order under the last visit before it.
    fn sell(&self, sale: &Sale, visits: &[Visit<u32, u32>], first: Option<Day>, sums: &mut Sums) {
        let Some(credited) = last_before(visits, sale.placed_at, sale.paid_at) else {
            return self.unseen(sale, sums);
        };
        let facts = self.of_sale(sale, paid_at(sale), Came::by(credited), first);
        for (key, share) in self.shares(sale, &facts) {
            sums.by.entry(key).or_default().sell(sale, share);
        }
    }

    /// Files an order that no visit led to.
    fn unseen(&self, sale: &Sale, sums: &mut Sums) {
        let whole = Share::whole(sale);
        if self.is_of_platforms() {
            let key = self.key(&self.of_sale(sale, paid_at(sale), Came::UNKNOWN, None));
            sums.beside.entry(key).or_default().sell(sale, whole);
        } else {
            sums.untracked.sell(sale, whole);
        }
    }

    /// Lays what sales channels reported of their own visitors beside the orders that no recorded visit led to. Where a
    /// channel's pages are recorded here too, those count.
    fn report(&self, sums: &mut Sums) {
        for ((channel, day), report) in &self.history.reports {
            if !self.holds(*day) {
                continue;
            }
            let key = self.key(&Facts { sales_channel: Some(*channel), day: *day, ..Facts::NOTHING });
            let sum = sums.by.entry(key).or_default();
            if sum.figures.visitors > 0 {
                continue;
            }
            sum.reported = true;
            (sum.figures.visitors, sum.figures.page_views) = (report.uv, report.pv);
            sums.reported.reported = true;
            sums.reported.figures += sum.figures;
            if let Some(sold) = sums.beside.remove(&key) {
                sums.reported.take(&sold);
                sum.take(&sold);
            }
        }
        for sold in std::mem::take(&mut sums.beside).values() {
            sums.untracked.take(sold);
        }
    }
}

/// The visit that an order is credited to: the last of its visitor before it, looked back for over 30 days; none where
/// it was paid later than orders are looked for.
pub(crate) fn last_before<P, T>(
    visits: &[Visit<P, T>],
    placed_at: Timestamp,
    paid_at: Option<Timestamp>,
) -> Option<&Visit<P, T>> {
    paid_at.filter(|paid| paid.0.saturating_sub(placed_at.0) <= PAID_WITHIN)?;
    let until = visits.partition_point(|visit| visit.from <= placed_at);
    let last = visits[..until].last()?;
    (placed_at.0.saturating_sub(last.from.0) <= DEFAULT_LOOK_BACK).then_some(last)
}

/// When an order was paid; it is one of those that were.
fn paid_at(sale: &Sale) -> Timestamp {
    sale.paid_at.unwrap_or(sale.placed_at)
}

impl Sum {
    fn sell(&mut self, sale: &Sale, share: Share) {
        self.buyers.insert(sale.buyer);
        self.orders += 1;
        self.gmv += i128::from(share.paid);
        self.order_value += i128::from(share.worth);
        self.refunded += i128::from(share.refunded);
    }

    /// Takes over another's sales.
    fn take(&mut self, sold: &Self) {
        self.buyers = self.buyers.union(&sold.buyers);
        self.orders += sold.orders;
        self.gmv += sold.gmv;
        self.order_value += sold.order_value;
        self.refunded += sold.refunded;
    }

    fn cell(self, currency: Currency) -> Result<Cell, ReadModelError> {
        let money = |sum: i128| {
            let minor = i64::try_from(sum).map_err(|_| {
                ReadModelError::BadQuestion("the GMV is beyond 64 bits: ask about fewer days".to_owned())
            })?;
            Ok::<_, ReadModelError>(Money::new(minor, currency))
        };
        Ok(Cell {
            uv: self.figures.visitors,
            new_uv: self.new_uv,
            bouncers: self.figures.bouncers,
            pv: self.figures.page_views,
            views: self.figures.views,
            visits: self.figures.visits,
            bounces: self.figures.bounces,
            stay: self.figures.stay,
            buyers: self.buyers.len(),
            orders: self.orders,
            gmv: money(self.gmv)?,
            order_value: money(self.order_value)?,
            refunded: money(self.refunded)?,
            reported: self.reported,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use daybook_domain::time::DAY;
    use daybook_metrics::SessionRule;
    use daybook_metrics::attribution::{AttributionRule, Touch};
    use daybook_metrics::sessions::Hit;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_order_is_credited_to_the_visit_that_the_rule_of_the_last_touch_names(
            hours in prop::collection::vec(0i64..1_500, 0..20), placed in 0i64..1_500, paid in 0i64..1_600,
        ) {
            let hour = |n: i64| Timestamp(n * DAY / 24);
            let hit = |n: &i64| Hit { at: hour(*n), day: 0, deed: Deed::View(0u8), arrival: None::<u8>, tagged: false };
            let visits = SessionRule::default().visits(&mut hours.iter().map(hit).collect::<Vec<_>>());
            let touch = |(key, visit): (usize, &Visit<u8, u8>)| Touch { at: visit.from, key, direct: false };
            let touches: Vec<_> = visits.iter().enumerate().map(touch).collect();
            let credits = AttributionRule::default().credits(hour(placed), &touches);
            let named = credits.weights().first().map(|(at, _)| &visits[*at]);
            let credited = last_before(&visits, hour(placed), Some(hour(placed + paid)));
            prop_assert_eq!(credited, named.filter(|_| paid <= 60 * 24));
            prop_assert_eq!(last_before(&visits, hour(placed), None), None);
        }
    }
}
