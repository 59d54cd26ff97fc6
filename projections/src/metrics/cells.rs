//! Figures by cell: sums and distinct counts, from which ratios are taken last.

use std::collections::{BTreeMap, BTreeSet};

use daybook_domain::{Currency, Money, Timestamp};
use daybook_metrics::attribution::DEFAULT_LOOK_BACK;
use daybook_metrics::sessions::{Day, Deed, Figures, Tally, Visit};
use daybook_metrics::{Definition, VisitorSet};

use super::filing::{Came, Facts, Filing, Key, Share, TOTAL};
use super::history::{History, PAID_WITHIN};
use super::most::{Answer, Most, cell_bytes};
use super::reported::Reported;
use super::sales::Sale;
use super::seen::Visitor;
use super::{Dimension, Question, money};
use crate::engine::ReadModelError;

/// The figures of a cell: of recorded visits, or, where `reported` says so, of a sales channel's own visitors. Views,
/// visits, stay, orders and money add up over cells; visitors, pages and buyers do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Distinct visitors who were shown a page; under the tools' definitions also those who did something else, and
    /// under Plausible's once for each UTC day. None of a sales channel's own: see [`visitors`](Self::visitors).
    pub uv: u64,
    /// Of them, those first seen in this period.
    pub new_uv: u64,
    /// Of them, those with a visit that was a bounce, on a day on which they were seen in this cell.
    pub bouncers: u64,
    /// Page views as the definition counts them. None of a sales channel's own: see [`pages`](Self::pages).
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
    /// Where its visitors and pages are those that the sales channel itself reported: what it said.
    pub reported: Option<Reported>,
}

/// Visitors between two looks at the time.
const EVERY: u32 = 4_096;

/// An answer: tracked, reported and untracked sales are all there are.
#[derive(Clone, Debug)]
pub struct Cells {
    /// Each cell under the words of its dimensions, in their order; an empty word where nothing is known. What recorded
    /// visits led to and what is laid beside a channel's own visitors are cells of their own, also under the same words.
    pub cells: Vec<(Vec<String>, Cell)>,
    /// All that recorded visits led to: distinct over all cells.
    pub total: Cell,
    /// All cells of sales channels that reported their own visitors, where the question is by channel and time alone.
    pub reported: Cell,
    /// Orders that no visit led to: theirs are the only figures of sales in here.
    pub untracked: Cell,
}

impl Cells {
    /// Bytes of memory that they take, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let of = |words: &Vec<String>| cell_bytes(words.iter().map(String::len));
        size_of::<Self>() + self.cells.iter().map(|(words, _)| of(words)).sum::<usize>()
    }
}

impl Cell {
    /// Distinct visitors; none where a sales channel reported them and they are not known of all of its days together.
    #[must_use]
    pub fn visitors(&self) -> Option<u64> {
        self.reported.map_or(Some(self.uv), |reported| reported.uv)
    }

    /// Page views; none where it is not known whose report of a sales channel counts.
    #[must_use]
    pub fn pages(&self) -> Option<u64> {
        self.reported.map_or(Some(self.pv), |reported| reported.pv)
    }

    /// Who counted its visitors, where they were not recorded here, in words. Where nobody did though something was sold
    /// its GMV is no product of UV, conversion and unit price, and a change of it is explained as untracked.
    #[must_use]
    pub fn traffic_by(&self) -> Option<&'static str> {
        match self.reported {
            Some(said) if said.unclear > 0 => Some("several sources"),
            Some(_) => Some("sales channel"),
            None => (self.uv == 0 && self.orders > 0).then_some("nobody"),
        }
    }

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
    reported: Option<Reported>,
}

/// An order's buyer and amounts, and where it stands should its channel's report not count: nowhere where no visit led to it.
type Beside = (u32, Share, Option<Key>);

/// The sums of an answer.
#[derive(Default)]
pub(super) struct Sums {
    by: BTreeMap<Key, Sum>,
    /// What is laid beside visitors that sales channels reported.
    by_report: BTreeMap<Key, Sum>,
    reported: Sum,
    untracked: Sum,
    /// What was sold in sales channels on days of which they reported their visitors.
    beside: BTreeMap<(u32, Day), Vec<Beside>>,
    /// The days on which pages of a channel that reports were recorded here.
    recorded: BTreeSet<(u32, Day)>,
}

/// Which sales channels' reports are looked at.
#[derive(Clone, Copy)]
pub(super) enum Reporting<'c> {
    /// All.
    All,
    /// These alone, by their names.
    Of(&'c BTreeSet<String>),
}

/// What was bought on a day in a sales channel after a visit, recorded or reported.
#[derive(Debug)]
pub(super) struct Led {
    pub day: Day,
    pub channel: u32,
    /// By the numbers of their names.
    pub buyers: VisitorSet,
    pub orders: u64,
    /// Minor units.
    pub gmv: i128,
}

impl History {
    /// Answers a question about days from the history's first on.
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`] for more dimensions than there may be, or for sums beyond 64 bits.
    pub fn cells(&self, question: &Question) -> Result<Cells, ReadModelError> {
        self.cells_within(question, Most::default())
    }

    /// The same within these bounds, also of time.
    pub(crate) fn cells_within(&self, question: &Question, most: Most) -> Result<Cells, ReadModelError> {
        self.sums(question, Reporting::All, most)?.cells(&Filing::of(self, question), most)
    }

    /// The same where the reports of some sales channels only are looked at.
    pub(super) fn cells_of(
        &self,
        question: &Question,
        reporting: Reporting<'_>,
    ) -> Result<Cells, ReadModelError> {
        let most = Most::default();
        self.sums(question, reporting, most)?.cells(&Filing::of(self, question), most)
    }

    /// The cells of each day and sales channel, and what was bought in them after a visit.
    pub(super) fn each_day(&self, question: &Question) -> Result<(Cells, Vec<Led>), ReadModelError> {
        let question = Question { by: vec![Dimension::Day, Dimension::SalesChannel], ..question.clone() };
        let sums = self.sums(&question, Reporting::All, Most::default())?;
        let of = sums.by.iter().chain(&sums.by_report).filter(|(key, sum)| **key != TOTAL && sum.orders > 0);
        let led = of.map(|(key, sum)| {
            let (day, channel) = (key[0] as Day, key[1]);
            Led { day, channel, buyers: sum.buyers.clone(), orders: sum.orders, gmv: sum.gmv }
        });
        let led = led.collect();
        Ok((sums.cells(&Filing::of(self, &question), Most::default())?, led))
    }

    fn sums(
        &self,
        question: &Question,
        reporting: Reporting<'_>,
        most: Most,
    ) -> Result<Sums, ReadModelError> {
        let mut sums = Sums::default();
        self.sum_up(question, most, &mut sums)?;
        self.report_into(question, reporting, most, &mut sums)?;
        Ok(sums)
    }

    /// Adds the history's visitors and orders to the sums of a question.
    pub(super) fn sum_up(
        &self,
        question: &Question,
        most: Most,
        sums: &mut Sums,
    ) -> Result<(), ReadModelError> {
        question.has_few_dimensions()?;
        let filing = Filing::of(self, question);
        let mut sales: Vec<Vec<&Sale>> = vec![Vec::new(); self.seen.len()];
        for sale in filing.sales() {
            match sale.visitor {
                Some(visitor) => sales[visitor as usize].push(sale),
                None => filing.unseen(sale, sums),
            }
        }
        for (number, (visitor, bought)) in (0u32..).zip(self.seen.iter().zip(&sales)) {
            filing.add(visitor, bought, sums);
            most.hold(sums.by.len())?;
            if number.is_multiple_of(EVERY) && most.is_late() {
                let (done, total) = (u64::from(number), self.seen.len() as u64);
                return Err(ReadModelError::LateCounting { done, total });
            }
        }
        Ok(())
    }

    /// Lays what sales channels reported beside the sums of a question, once all visitors are in them.
    pub(super) fn report_into(
        &self,
        question: &Question,
        reporting: Reporting<'_>,
        most: Most,
        sums: &mut Sums,
    ) -> Result<(), ReadModelError> {
        let filing = Filing::of(self, question);
        if filing.is_of_platforms() {
            filing.report(sums, reporting);
            most.hold(sums.by.len() + sums.by_report.len())?;
        }
        Ok(())
    }
}

impl Sums {
    pub(super) fn cells(mut self, filing: &Filing<'_>, most: Most) -> Result<Cells, ReadModelError> {
        let mut answer = Answer::within(most);
        let currency = filing.question.currency;
        let total = self.by.remove(&TOTAL).unwrap_or_default().cell(currency)?;
        let name = |(key, sum): (Key, Sum)| {
            let words = filing.words(&key);
            answer.take(words.iter().map(String::len))?;
            Ok((words, sum.cell(currency)?))
        };
        let all = self.by.into_iter().chain(self.by_report);
        let mut cells = all.map(name).collect::<Result<Vec<_>, ReadModelError>>()?;
        cells.sort_by(|a, b| (&a.0, a.1.reported.is_some()).cmp(&(&b.0, b.1.reported.is_some())));
        let (reported, untracked) = (self.reported.cell(currency)?, self.untracked.cell(currency)?);
        Ok(Cells { cells, total, reported, untracked })
    }
}

impl Filing<'_> {
    /// Adds one visitor with its paid orders.
    fn add(&self, visitor: &Visitor, bought: &[&Sale], sums: &mut Sums) {
        let history = self.history;
        let rule = &self.question.sessions;
        let of_platforms = self.is_of_platforms();
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
                let facts = self.of_page(page, hit.at, Came::by(visit), first);
                if viewed || visit.views == 0 {
                    began.extend(self.keys(&Facts { at: visit.from, day: visit.day, ..facts }));
                }
                if self.holds(hit.day) {
                    let reports = |of: &u32| of_platforms && history.reports.has(*of, hit.day);
                    if let Some(channel) = facts.sales_channel.filter(reports) {
                        sums.recorded.insert((channel, hit.day));
                    }
                    for key in self.keys(&facts) {
                        let own = own.entry(key).or_default();
                        own.new = self.is_new(&facts, key == TOTAL);
                        match hit.deed {
                            Deed::View(page) => {
                                own.tally.view(hit.at, hit.day, history.shown[page as usize].path);
                            }
                            Deed::Act { .. } => own.tally.act(hit.at, hit.day),
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
        if self.reports_of(sale) {
            let place = (sale.sales_channel, facts.day);
            let beside = (sale.buyer, Share::whole(sale), Some(self.key(&facts)));
            return sums.beside.entry(place).or_default().push(beside);
        }
        for (key, share) in self.shares(sale, &facts) {
            sums.by.entry(key).or_default().sell(sale.buyer, share);
        }
    }

    /// Files an order that no visit led to.
    fn unseen(&self, sale: &Sale, sums: &mut Sums) {
        if self.reports_of(sale) {
            let place = (sale.sales_channel, self.history.day(paid_at(sale)));
            sums.beside.entry(place).or_default().push((sale.buyer, Share::whole(sale), None));
        } else {
            sums.untracked.sell(sale.buyer, Share::whole(sale));
        }
    }

    /// Whether the sales channel of an order reported its visitors of the day, and the question asks by nothing else.
    fn reports_of(&self, sale: &Sale) -> bool {
        let day = self.history.day(paid_at(sale));
        self.is_of_platforms() && self.history.reports.has(sale.sales_channel, day)
    }

    /// Lays what sales channels reported of their own visitors beside all that they sold on those days, each order once:
    /// whoever bought there is one of these visitors, whichever other pages it had seen. Where a channel's own pages are
    /// recorded here, those count.
    fn report(&self, sums: &mut Sums, reporting: Reporting<'_>) {
        let none = Reported::none(self.question.currency);
        let (from, to) = self.range();
        for (channel, day, said) in self.history.reports.each((from, to)) {
            let looked_at = match reporting {
                Reporting::All => true,
                Reporting::Of(channels) => channels.contains(self.history.name(channel)),
            };
            if !looked_at || sums.recorded.contains(&(channel, day)) {
                continue;
            }
            let key = self.key(&Facts { sales_channel: Some(channel), day, ..Facts::NOTHING });
            let sum = sums.by_report.entry(key).or_default();
            sum.reported.get_or_insert(none).add(said, self.is_alone(day));
            sums.reported.reported.get_or_insert(none).add(said, from == to);
            for (buyer, share, _) in sums.beside.remove(&(channel, day)).unwrap_or_default() {
                sums.reported.sell(buyer, share);
                sum.sell(buyer, share);
            }
        }
        for (buyer, share, key) in std::mem::take(&mut sums.beside).into_values().flatten() {
            let Some(key) = key else {
                sums.untracked.sell(buyer, share);
                continue;
            };
            for key in [TOTAL, key] {
                sums.by.entry(key).or_default().sell(buyer, share);
            }
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
    fn sell(&mut self, buyer: u32, share: Share) {
        self.buyers.insert(buyer);
        self.orders += 1;
        self.gmv += i128::from(share.paid);
        self.order_value += i128::from(share.worth);
        self.refunded += i128::from(share.refunded);
    }

    fn cell(self, currency: Currency) -> Result<Cell, ReadModelError> {
        let money = |sum: i128| money(sum, currency);
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
    use daybook_metrics::attribution::{AttributionRule, Path, Touch};
    use daybook_metrics::sessions::Hit;
    use proptest::prelude::*;

    use super::*;
    use crate::calendar::Calendar;
    use crate::metrics::{Days, Sites};

    #[test]
    fn counting_ends_in_time() {
        let (day, rule) = (chrono::NaiveDate::default(), Sites::default().rule().clone());
        let mut history = History::beginning(Calendar::UTC, rule, (day, DEFAULT_LOOK_BACK));
        for visitor in ["v1", "v2", "v3"] {
            history.visitor(visitor);
        }
        let (days, currency) = (Days { from: day, to: day }, Currency::new("CNY").unwrap());
        let question = Question { days, by: Vec::new(), sessions: SessionRule::default(), currency };
        let asked = |until| history.cells_within(&question, Most { until, ..Most::default() });
        let late = asked(Some(std::time::Instant::now())).map(|found| found.total);
        assert!(matches!(late, Err(ReadModelError::LateCounting { done: 0, total: 3 })), "{late:?}");
        assert!(asked(None).is_ok());
    }

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
            let credits = AttributionRule::default().credits(hour(placed), &Path::of(touches));
            let named = credits.weights().first().map(|(at, _)| &visits[*at]);
            let credited = last_before(&visits, hour(placed), Some(hour(placed + paid)));
            prop_assert_eq!(credited, named.filter(|_| paid <= 60 * 24));
            prop_assert_eq!(last_before(&visits, hour(placed), None), None);
        }
    }
}
