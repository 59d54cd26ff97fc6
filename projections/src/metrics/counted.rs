//! What times and scopes of a plan came to.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use daybook_domain::Currency;
use daybook_metrics::VisitorSet;
use daybook_metrics::plan::{Counts, Needs, Span, Tracked};
use daybook_metrics::sessions::Day;

use super::cells::{Cell, Cells, Led};
use super::filing::Filing;
use super::history::History;
use super::planned::{Asked, MarketDays};
use super::{Days, Dimension, Question};
use crate::engine::ReadModelError;

/// Counts of many times and scopes; each question is asked once.
pub(super) struct Counting<'h> {
    history: &'h History,
    market: &'h MarketDays,
    asked: &'h Asked,
    currency: Currency,
    cells: BTreeMap<(Span, Vec<Dimension>), Cells>,
    days: BTreeMap<Span, (Cells, Vec<Led>)>,
    sold: BTreeMap<(Span, Option<String>), Counts>,
}

impl<'h> Counting<'h> {
    pub fn new(history: &'h History, market: &'h MarketDays, asked: &'h Asked, currency: Currency) -> Self {
        let (cells, days, sold) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { history, market, asked, currency, cells, days, sold }
    }

    /// What some days came to, of one sales channel where one is asked about.
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`] for sums beyond 64 bits.
    pub fn counts(
        &mut self,
        days: Span,
        channel: Option<&str>,
        needs: Needs,
    ) -> Result<Counts, ReadModelError> {
        let mut counts = self.sold(days, channel);
        if needs.market {
            counts.spend = self.market.spend(self.currency, days);
            (counts.reviews, counts.positive) = self.market.reviews(days);
        }
        if needs.traffic {
            self.traffic(days, channel, &mut counts)?;
        }
        if needs.pages && channel.is_none() {
            let reported = self.each_day(days)?.0.reported;
            if reported.reported.is_some() {
                counts.pv_beside = reported.pages().unwrap_or_default();
                counts.unknown.pages = reported.pages().is_none();
            }
        }
        if needs.apart && !needs.days {
            self.apart(days, channel, &mut counts)?;
        }
        if needs.days {
            self.daily(days, channel, needs.apart, &mut counts)?;
        }
        Ok(counts)
    }

    /// Distinct visitors, views and visits: recorded ones, and of a sales channel that reports those that it said.
    fn traffic(
        &mut self,
        days: Span,
        channel: Option<&str>,
        counts: &mut Counts,
    ) -> Result<(), ReadModelError> {
        let definition = self.asked.sessions.definition;
        let cells = self.of(days, channel, &[])?;
        for (_, cell) in cells.iter().filter(|(_, cell)| cell.reported.is_none()) {
            let (bounced, of) = cell.bounce_rate(definition);
            counts.uv += cell.uv;
            counts.new_uv += cell.new_uv;
            counts.pv += cell.pv;
            counts.visits += cell.visits;
            counts.bounced += bounced;
            counts.bounced_of += of;
            counts.stay = counts.stay.saturating_add(cell.stay);
            counts.tracked_buyers += cell.buyers;
        }
        let Some((_, said)) = cells.iter().find(|(_, cell)| cell.reported.is_some()) else { return Ok(()) };
        let unknown = &mut counts.unknown;
        // whom the channel saw on some days may be whom its recorded pages saw on others
        unknown.visitors = counts.uv > 0 || said.visitors().is_none();
        unknown.visits = true;
        unknown.pages = said.pages().is_none();
        counts.uv += said.visitors().unwrap_or_default();
        counts.pv += said.pages().unwrap_or_default();
        counts.tracked_buyers = self.led(days, channel)?.buyers;
        Ok(())
    }

    /// Distinct visitors who were paid for, and the others.
    fn apart(
        &mut self,
        days: Span,
        channel: Option<&str>,
        counts: &mut Counts,
    ) -> Result<(), ReadModelError> {
        for (way, cell) in self.of(days, channel, &[Dimension::Paid])? {
            *(if way == "paid" { &mut counts.paid_uv } else { &mut counts.free_uv }) += cell.uv;
        }
        if channel.is_none() {
            return Ok(());
        }
        let recorded = counts.free_uv + counts.paid_uv;
        let said = self.of(days, channel, &[])?.into_iter().find_map(|(_, cell)| cell.reported);
        if let Some(said) = said {
            counts.unknown.free = recorded > 0 || said.free_uv.is_none();
            counts.unknown.paid = recorded > 0 || said.paid_uv.is_none();
            counts.free_uv += said.free_uv.unwrap_or_default();
            counts.paid_uv += said.paid_uv.unwrap_or_default();
        }
        Ok(())
    }

    /// Each day's own visitors, recorded or reported, and what they bought.
    fn daily(
        &mut self,
        days: Span,
        channel: Option<&str>,
        apart: bool,
        counts: &mut Counts,
    ) -> Result<(), ReadModelError> {
        if channel.is_none() {
            // one visitor of two sales channels is one visitor of its day
            let each = self.of(days, None, &[Dimension::Day])?;
            counts.daily.uv += each.iter().map(|(_, cell)| cell.uv).sum::<u64>();
        }
        if apart {
            for (way, cell) in self.of(days, channel, &[Dimension::Paid, Dimension::Day])? {
                let daily = &mut counts.daily;
                *(if way == "paid" { &mut daily.paid_uv } else { &mut daily.free_uv }) += cell.uv;
            }
        }
        // whom sales channels reported were seen by nobody here, so they come on top
        let (cells, _) = self.each_day(days)?;
        let ours =
            |words: &[String]| channel.is_none_or(|channel| words.get(1).is_some_and(|of| of == channel));
        for (_, cell) in cells.cells.iter().filter(|(words, _)| ours(words)) {
            let Some(said) = cell.reported else {
                counts.daily.uv += if channel.is_some() { cell.uv } else { 0 };
                continue;
            };
            let Some(uv) = said.uv else {
                counts.unknown.daily = true;
                continue;
            };
            let daily = &mut counts.daily;
            daily.uv += uv;
            daily.free_uv += said.free_uv.unwrap_or_default();
            daily.paid_uv += said.paid_uv.unwrap_or_default();
            daily.not_said_free += if said.free_uv.is_none() { uv } else { 0 };
            daily.not_said_paid += if said.paid_uv.is_none() { uv } else { 0 };
        }
        counts.daily.tracked = self.led(days, channel)?;
        Ok(())
    }

    /// Every sale, whether or not a recorded visit led to it, and what went back in the time.
    fn sold(&mut self, days: Span, channel: Option<&str>) -> Counts {
        let asked = (days, channel.map(str::to_owned));
        if let Some(known) = self.sold.get(&asked) {
            return *known;
        }
        let mut counts = Counts { days: days.count(), ..Counts::default() };
        let question = self.question(days, &[]);
        let filing = Filing::of(self.history, &question);
        let ours = |sales_channel: u32| channel.is_none_or(|of| self.history.name(sales_channel) == of);
        let (mut buyers, mut daily) = (BTreeSet::new(), BTreeSet::new());
        for sale in filing.sales().filter(|sale| ours(sale.sales_channel)) {
            counts.orders += 1;
            counts.gmv += i128::from(sale.paid);
            counts.refunded += i128::from(sale.refunded);
            buyers.insert(sale.buyer);
            daily.insert((sale.paid_at.map(|at| self.history.day(at)), sale.buyer));
        }
        for refund in &self.history.refunds {
            let sale = &self.history.sales[refund.sale as usize];
            let of_these = sale.currency == self.currency && ours(sale.sales_channel);
            if of_these && filing.holds(self.history.day(refund.at)) {
                counts.went_back += i128::from(refund.minor);
            }
        }
        counts.buyers = buyers.len() as u64;
        counts.daily.buyers = daily.len() as u64;
        self.sold.insert(asked, counts);
        counts
    }

    /// What was bought after a visit, recorded or reported; buyers distinct within each day.
    fn led(&mut self, days: Span, channel: Option<&str>) -> Result<Tracked, ReadModelError> {
        let history = self.history;
        let (_, led) = self.each_day(days)?;
        let mut tracked = Tracked::default();
        let mut buyers: BTreeMap<Day, VisitorSet> = BTreeMap::new();
        for of in led.iter().filter(|of| channel.is_none_or(|channel| history.name(of.channel) == channel)) {
            tracked.orders += of.orders;
            tracked.gmv += of.gmv;
            let day = buyers.entry(of.day).or_default();
            *day = day.union(&of.buyers);
        }
        tracked.buyers = buyers.values().map(VisitorSet::len).sum();
        Ok(tracked)
    }

    fn question(&self, days: Span, by: &[Dimension]) -> Question {
        let Span { from, to } = days;
        let sessions = self.asked.sessions;
        Question { days: Days { from, to }, by: by.to_vec(), sessions, currency: self.currency }
    }

    /// The cells of a time, of one sales channel where one is asked about, each under its first other word.
    fn of(
        &mut self,
        days: Span,
        channel: Option<&str>,
        by: &[Dimension],
    ) -> Result<Vec<(String, Cell)>, ReadModelError> {
        let sales_channel = channel.map(|_| Dimension::SalesChannel);
        let by: Vec<Dimension> = by.iter().copied().chain(sales_channel).collect();
        let whole = by.is_empty();
        let found = self.found(days, by)?;
        if whole {
            return Ok(vec![(String::new(), found.total)]);
        }
        let ours =
            |words: &[String]| channel.is_none_or(|channel| words.last().is_some_and(|word| word == channel));
        let cells = found.cells.iter().filter(|(words, _)| ours(words));
        Ok(cells.cloned().map(first_word).collect())
    }

    fn found(&mut self, days: Span, by: Vec<Dimension>) -> Result<&Cells, ReadModelError> {
        let question = self.question(days, &by);
        match self.cells.entry((days, by)) {
            Entry::Occupied(found) => Ok(found.into_mut()),
            Entry::Vacant(none) => Ok(none.insert(self.history.cells(&question)?)),
        }
    }

    fn each_day(&mut self, days: Span) -> Result<&(Cells, Vec<Led>), ReadModelError> {
        let question = self.question(days, &[]);
        match self.days.entry(days) {
            Entry::Occupied(found) => Ok(found.into_mut()),
            Entry::Vacant(none) => Ok(none.insert(self.history.each_day(&question)?)),
        }
    }
}

fn first_word((words, cell): (Vec<String>, Cell)) -> (String, Cell) {
    (words.into_iter().next().unwrap_or_default(), cell)
}
