//! What sales channels say of their own visitors: by day, each source for itself.
//!
//! One day's visitors are distinct; those of two days are not known, however the days are put together. Pages, orders and
//! money add up. Of several sources of a day none is taken, unless one is asked for: whether their visitors are the same
//! people nobody says.

use std::collections::{BTreeMap, BTreeSet};

use daybook_domain::channel::events::ChannelTrafficReported;
use daybook_domain::{Code, Currency, Money};
use daybook_metrics::sessions::Day;

use super::Days;
use super::filing::day_number;
use super::history::History;

/// Reports by channel, day and source; of a source, what it said last.
#[derive(Debug, Default)]
pub(super) struct Reports {
    by: BTreeMap<(u32, Day), BTreeMap<Code, ChannelTrafficReported>>,
    /// Whose reports are taken where a day has several, the first one that is there.
    preferred: Vec<Code>,
}

/// What sales channels reported of a cell. What one of its days does not say is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported {
    /// How many days of channels.
    pub days: u64,
    /// Of them, those of which several sources said something and none was asked for.
    pub unclear: u64,
    /// Distinct visitors; of more than a day they are not known.
    pub uv: Option<u64>,
    /// Of them, those who were not paid for.
    pub free_uv: Option<u64>,
    /// Those who were.
    pub paid_uv: Option<u64>,
    /// Pages shown.
    pub pv: Option<u64>,
    /// Orders, as the channel says.
    pub orders: Option<u64>,
    /// What customers paid, as the channel says, where that is in the currency asked for.
    pub gmv: Option<Money>,
}

impl Reports {
    pub fn take(&mut self, channel: u32, said: &ChannelTrafficReported) {
        let Ok(day) = said.day.as_str().parse() else { return };
        self.by.entry((channel, day_number(day))).or_default().insert(said.source, said.clone());
    }

    /// Bytes of memory that they take, about.
    pub fn bytes(&self) -> usize {
        let sources = self.by.values().map(BTreeMap::len).sum::<usize>();
        // with its place in a tree
        sources * (size_of::<(Code, ChannelTrafficReported)>() + size_of::<((u32, Day), usize)>() + 32)
    }

    pub fn has(&self, channel: u32, day: Day) -> bool {
        self.by.contains_key(&(channel, day))
    }

    /// Each channel's days within a range; none where several sources said something and none was asked for.
    pub fn each(
        &self,
        (from, to): (Day, Day),
    ) -> impl Iterator<Item = (u32, Day, Option<&ChannelTrafficReported>)> {
        let within = self.by.iter().filter(move |((_, day), _)| (from..=to).contains(day));
        within.map(|((channel, day), said)| (*channel, *day, self.taken(said)))
    }

    fn taken<'s>(
        &self,
        said: &'s BTreeMap<Code, ChannelTrafficReported>,
    ) -> Option<&'s ChannelTrafficReported> {
        if said.len() == 1 {
            return said.values().next();
        }
        self.preferred.iter().find_map(|source| said.get(source))
    }
}

impl Reported {
    /// Of no day yet.
    pub(super) fn none(currency: Currency) -> Self {
        Self {
            days: 0,
            unclear: 0,
            uv: Some(0),
            free_uv: Some(0),
            paid_uv: Some(0),
            pv: Some(0),
            orders: Some(0),
            gmv: Some(Money::zero(currency)),
        }
    }

    /// A day of a channel more; `one_day` where all of the cell's are the same day.
    pub(super) fn add(&mut self, said: Option<&ChannelTrafficReported>, one_day: bool) {
        let both = |sum: Option<u64>, more: Option<u64>| sum?.checked_add(more?);
        let distinct = |sum, more| if one_day { both(sum, more) } else { None };
        self.days += 1;
        self.unclear += u64::from(said.is_none());
        self.uv = distinct(self.uv, said.map(|said| said.uv));
        self.free_uv = distinct(self.free_uv, said.and_then(|said| said.free_uv));
        self.paid_uv = distinct(self.paid_uv, said.and_then(|said| said.paid_uv));
        self.pv = both(self.pv, said.map(|said| said.pv));
        self.orders = both(self.orders, said.and_then(|said| said.orders));
        self.gmv = self.gmv.and_then(|sum| sum.add(said?.gmv?).ok());
    }
}

impl History {
    pub(super) fn report(&mut self, said: &ChannelTrafficReported) {
        let channel = self.names.number(said.channel.as_str());
        self.reports.take(channel, said);
    }

    /// Names the sources whose reports are taken where a day of a sales channel has several, the first one that is there.
    pub fn prefer_sources(&mut self, sources: Vec<Code>) {
        self.reports.preferred = sources;
    }

    /// The sales channels of which several sources reported one of these days and none is preferred, with these sources.
    #[must_use]
    pub fn unclear_sources(&self, days: Days) -> Vec<(String, BTreeSet<String>)> {
        let range = day_number(days.from)..=day_number(days.to);
        let mut unclear: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for ((channel, day), said) in &self.reports.by {
            if range.contains(day) && self.reports.taken(said).is_none() {
                let sources = said.keys().map(|source| source.as_str().to_owned());
                unclear.entry(self.name(*channel)).or_default().extend(sources);
            }
        }
        unclear.into_iter().map(|(channel, sources)| (channel.to_owned(), sources)).collect()
    }
}
