//! Figures by cell: sums and distinct counts, from which ratios are taken last.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike as _, Days as Span, NaiveDate};
use daybook_domain::time::DAY;
use daybook_domain::{Currency, Money, Timestamp};
use daybook_metrics::attribution::{AttributionRule, Touch};
use daybook_metrics::sessions::{Day, Deed, Hit, Visit};
use daybook_metrics::{Channel, Definition, VisitorSet};

use super::history::{History, Sale, Visitor};
use super::{Days, Dimension, MAX_DIMENSIONS, Question};
use crate::engine::ReadModelError;

/// The figures of a cell. Views, visits, stay, orders and money add up over cells; visitors, pages and buyers do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Distinct visitors who were shown a page; under Plausible's definition, for each UTC day.
    pub uv: u64,
    /// Of them, those first seen in this period.
    pub new_uv: u64,
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
    /// What went back to them of that, whenever.
    pub refunded: Money,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Cells {
    /// Each cell under the words of its dimensions, in their order; an empty word where nothing is known.
    pub cells: Vec<(Vec<String>, Cell)>,
    /// All of it, tracked: distinct over all cells.
    pub total: Cell,
    /// Orders that no visit led to: theirs are the only figures of sales in here.
    pub untracked: Cell,
}

type Key = [u32; MAX_DIMENSIONS];
/// The key under which everything counts.
const TOTAL: Key = [u32::MAX; MAX_DIMENSIONS];
/// Where a dimension is not known, or not asked for.
const NOTHING: u32 = u32::MAX - 1;

/// What a view, a visit or an order is filed by.
#[derive(Clone, Copy)]
struct Facts {
    day: Day,
    way: Option<u32>,
    merchant: Option<u32>,
    sales_channel: Option<u32>,
    /// When its visitor was first seen.
    first: Option<Day>,
}

/// One visitor's part of a cell.
#[derive(Default)]
struct Own {
    new: bool,
    views: u64,
    pages: BTreeSet<(Day, u32)>,
    utc_days: BTreeSet<i64>,
    visits: u64,
    bounces: u64,
    stay: i64,
}

/// A cell while it is added up.
#[derive(Default)]
struct Sum {
    uv: u64,
    new_uv: u64,
    pv: u64,
    views: u64,
    visits: u64,
    bounces: u64,
    stay: i64,
    /// By the numbers of their names.
    buyers: VisitorSet,
    orders: u64,
    gmv: i128,
    refunded: i128,
}

/// A question, and where things are filed for it.
pub(super) struct Filing<'q> {
    history: &'q History,
    question: &'q Question,
    from: Day,
    to: Day,
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
        let mut sums: BTreeMap<Key, Sum> = BTreeMap::new();
        let mut untracked = Sum::default();
        let mut sales: Vec<Vec<&Sale>> = vec![Vec::new(); self.seen.len()];
        for sale in filing.sales() {
            match sale.visitor {
                Some(visitor) => sales[visitor as usize].push(sale),
                None => untracked.sell(sale),
            }
        }
        for (visitor, bought) in self.seen.iter().zip(&sales) {
            filing.add(visitor, bought, &mut sums, &mut untracked);
        }
        let currency = question.currency;
        let total = sums.remove(&TOTAL).unwrap_or_default().cell(currency)?;
        let name = |(key, sum): (Key, Sum)| Ok((filing.words(&key), sum.cell(currency)?));
        let mut cells = sums.into_iter().map(name).collect::<Result<Vec<_>, ReadModelError>>()?;
        cells.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Cells { cells, total, untracked: untracked.cell(currency)? })
    }

    pub(super) fn day(&self, at: Timestamp) -> Day {
        day_number(self.calendar.day(at))
    }

    /// The channel of a way; a visit that began within the site is taken for direct.
    pub(super) fn channel(&self, way: Option<u32>) -> Channel {
        way.map_or(Channel::Direct, |way| self.came[way as usize].channel)
    }

    fn campaign(&self, way: Option<u32>) -> Option<u32> {
        self.came[way? as usize].campaign.map(|word| self.campaign_called(word))
    }

    /// What a way is filed by.
    pub(super) fn way_code(&self, by: Dimension, way: Option<u32>) -> u32 {
        match by {
            Dimension::Campaign => self.campaign(way).unwrap_or(NOTHING),
            _ => self.channel(way) as u32,
        }
    }

    /// The word of a code.
    pub(super) fn word(&self, dimension: Dimension, code: u32) -> String {
        match dimension {
            _ if code == NOTHING => String::new(),
            Dimension::Day | Dimension::Week => date(code as Day).to_string(),
            Dimension::Month => date(code as Day).format("%Y-%m").to_string(),
            Dimension::Channel => {
                let channel = Channel::ALL.into_iter().find(|channel| *channel as u32 == code);
                channel.map_or("", Channel::as_str).to_owned()
            }
            Dimension::Visitor => if code == 1 { "new" } else { "returning" }.to_owned(),
            Dimension::Campaign | Dimension::Merchant | Dimension::SalesChannel => self.name(code).to_owned(),
        }
    }
}

impl<'q> Filing<'q> {
    pub(super) fn of(history: &'q History, question: &'q Question) -> Self {
        let Days { from, to } = question.days;
        Self { history, question, from: day_number(from), to: day_number(to) }
    }

    /// The orders that were paid in the question's days and currency.
    pub(super) fn sales(&self) -> impl Iterator<Item = &'q Sale> {
        let paid = |sale: &&Sale| sale.paid_at.is_some_and(|at| self.holds(self.history.day(at)));
        self.history.sales.iter().filter(|sale| sale.currency == self.question.currency).filter(paid)
    }

    fn holds(&self, day: Day) -> bool {
        (self.from..=self.to).contains(&day)
    }

    /// Adds one visitor with its paid orders.
    fn add(&self, visitor: &Visitor, bought: &[&Sale], sums: &mut BTreeMap<Key, Sum>, untracked: &mut Sum) {
        let history = self.history;
        let rule = &self.question.sessions;
        let first = visitor.first_view.map(|at| history.day(at));
        let mut hits: Vec<Hit<u32, u32>> = visitor.hits.iter().map(|seen| history.hit(seen)).collect();
        let visits = rule.visits(&mut hits);
        let mut own: BTreeMap<Key, Own> = BTreeMap::new();
        for visit in &visits {
            let mut began: BTreeSet<Key> = BTreeSet::new();
            let of_visit =
                Facts { day: visit.day, way: visit.arrival, merchant: None, sales_channel: None, first };
            for hit in &hits[visit.hits.clone()] {
                let Deed::View(page) = hit.deed else { continue };
                let shown = &history.shown[page as usize];
                let facts =
                    Facts { merchant: shown.merchant, sales_channel: shown.sales_channel, ..of_visit };
                began.extend(self.keys(&facts));
                let facts = Facts { day: hit.day, ..facts };
                if self.holds(hit.day) {
                    for key in self.keys(&facts) {
                        let own = own.entry(key).or_default();
                        own.new = self.is_new(&facts, key == TOTAL);
                        own.views += 1;
                        own.pages.insert((hit.day, shown.path));
                        own.utc_days.insert(hit.at.0.div_euclid(DAY));
                    }
                }
            }
            if began.is_empty() {
                began.extend(self.keys(&of_visit)); // of acts alone, which some definitions know
            }
            if self.holds(visit.day) {
                for key in began {
                    let own = own.entry(key).or_default();
                    own.visits += 1;
                    own.bounces += u64::from(rule.bounced(visit));
                    own.stay += rule.duration(visit);
                }
            }
        }
        for (key, own) in own {
            sums.entry(key).or_default().take(own, rule.definition);
        }
        for sale in bought {
            self.sell(sale, &visits, first, sums, untracked);
        }
    }

    /// Files an order under the last visit before it.
    fn sell(
        &self,
        sale: &Sale,
        visits: &[Visit<u32, u32>],
        first: Option<Day>,
        sums: &mut BTreeMap<Key, Sum>,
        untracked: &mut Sum,
    ) {
        let touch = |(at, visit): (usize, &Visit<u32, u32>)| Touch { at: visit.from, key: at, direct: false };
        let touches: Vec<Touch<usize>> = visits.iter().enumerate().map(touch).collect();
        let credits = AttributionRule::default().credits(sale.placed_at, &touches);
        let Some((credited, _)) = credits.weights().first() else { return untracked.sell(sale) };
        let facts = Facts {
            day: sale.paid_at.map_or(self.from, |at| self.history.day(at)),
            way: visits[*credited].arrival,
            merchant: Some(sale.merchant),
            sales_channel: Some(sale.sales_channel),
            first,
        };
        for key in self.keys(&facts) {
            sums.entry(key).or_default().sell(sale);
        }
    }

    /// The keys under which something counts: its own, and that of the total.
    fn keys(&self, facts: &Facts) -> impl Iterator<Item = Key> + use<> {
        let by = &self.question.by;
        let key =
            std::array::from_fn(|n| by.get(n).map_or(NOTHING, |dimension| self.code(*dimension, facts)));
        std::iter::once(TOTAL).chain((!by.is_empty()).then_some(key))
    }

    fn code(&self, dimension: Dimension, facts: &Facts) -> u32 {
        match dimension {
            Dimension::Day | Dimension::Week | Dimension::Month => period(dimension, facts.day),
            Dimension::Channel | Dimension::Campaign => self.history.way_code(dimension, facts.way),
            Dimension::Merchant => facts.merchant.unwrap_or(NOTHING),
            Dimension::SalesChannel => facts.sales_channel.unwrap_or(NOTHING),
            Dimension::Visitor => u32::from(self.is_new(facts, false)),
        }
    }

    /// Whether a visitor was first seen in the period: the range, and the day, week or month of its cell.
    fn is_new(&self, facts: &Facts, total: bool) -> bool {
        let times = self.question.by.iter().filter(|dimension| dimension.is_time() && !total);
        facts.first.is_some_and(|first| {
            self.holds(first) && { times }.all(|time| period(*time, first) == period(*time, facts.day))
        })
    }

    fn words(&self, key: &Key) -> Vec<String> {
        self.question
            .by
            .iter()
            .zip(key)
            .map(|(dimension, code)| self.history.word(*dimension, *code))
            .collect()
    }
}

impl Sum {
    fn take(&mut self, own: Own, definition: Definition) {
        let seen = own.views > 0;
        self.uv += match definition {
            Definition::Plausible => own.utc_days.len() as u64,
            _ => u64::from(seen),
        };
        self.new_uv += u64::from(seen && own.new);
        self.pv += if definition == Definition::Plan { own.pages.len() as u64 } else { own.views };
        self.views += own.views;
        self.visits += own.visits;
        self.bounces += own.bounces;
        self.stay += own.stay;
    }

    fn sell(&mut self, sale: &Sale) {
        self.buyers.insert(sale.buyer);
        self.orders += 1;
        self.gmv += i128::from(sale.paid);
        self.refunded += i128::from(sale.refunded);
    }

    fn cell(self, currency: Currency) -> Result<Cell, ReadModelError> {
        let money = |sum: i128| {
            let minor = i64::try_from(sum).map_err(|_| {
                ReadModelError::BadQuestion("the GMV is beyond 64 bits: ask about fewer days".to_owned())
            })?;
            Ok::<_, ReadModelError>(Money::new(minor, currency))
        };
        Ok(Cell {
            uv: self.uv,
            new_uv: self.new_uv,
            pv: self.pv,
            views: self.views,
            visits: self.visits,
            bounces: self.bounces,
            stay: self.stay,
            buyers: self.buyers.len(),
            orders: self.orders,
            gmv: money(self.gmv)?,
            refunded: money(self.refunded)?,
        })
    }
}

/// The first day of the period that a day lies in, as a number.
fn period(dimension: Dimension, day: Day) -> u32 {
    let of = date(day);
    let first = match dimension {
        Dimension::Week => of.checked_sub_days(Span::new(u64::from(of.weekday().num_days_from_monday()))),
        Dimension::Month => of.with_day(1),
        _ => Some(of),
    };
    // days before 1970 wrap around and back
    first.map_or(day, day_number) as u32
}

fn day_number(day: NaiveDate) -> Day {
    day.to_epoch_days()
}

fn date(day: Day) -> NaiveDate {
    NaiveDate::from_epoch_days(day).unwrap_or_default()
}
