//! Where things are filed for a question: the words of its dimensions, as numbers.

use std::collections::BTreeMap;

use chrono::{Datelike as _, Days as Span, NaiveDate, Weekday};
use daybook_domain::Timestamp;
use daybook_metrics::Channel;
use daybook_metrics::sessions::{Day, Visit};

use super::history::History;
use super::sales::Sale;
use super::seen::Way;
use super::{Days, Dimension, MAX_DIMENSIONS, Question};

/// A cell's place: the codes of the question's dimensions.
pub(super) type Key = [u32; MAX_DIMENSIONS];
/// The key under which everything counts.
pub(super) const TOTAL: Key = [u32::MAX; MAX_DIMENSIONS];
/// Where a dimension is not known, or not asked for.
pub(super) const NOTHING: u32 = u32::MAX - 1;

/// How a visit came, and when: the name of a campaign is another's next year.
#[derive(Clone, Copy)]
pub(super) struct Came {
    pub way: Option<u32>,
    pub at: Timestamp,
    /// The page of its first hit.
    place: Option<u32>,
}

impl Came {
    /// Nobody knows.
    pub const UNKNOWN: Self = Self { way: None, at: Timestamp(0), place: None };

    /// As a visit did.
    pub fn by(visit: &Visit<u32, u32>) -> Self {
        Self { way: visit.arrival, at: visit.from, place: Some(visit.place) }
    }
}

/// What a view, a visit or an order is filed by.
#[derive(Clone, Copy)]
pub(super) struct Facts {
    pub at: Timestamp,
    pub day: Day,
    pub came: Came,
    pub path: Option<u32>,
    pub topic: Option<u32>,
    pub product: Option<u32>,
    pub category: Option<u32>,
    pub merchant: Option<u32>,
    pub sales_channel: Option<u32>,
    pub region: Option<u32>,
    /// When its visitor was first seen.
    pub first: Option<Day>,
}

impl Facts {
    /// Nothing is known of it.
    pub const NOTHING: Self = Self {
        at: Timestamp(0),
        day: 0,
        came: Came::UNKNOWN,
        path: None,
        topic: None,
        product: None,
        category: None,
        merchant: None,
        sales_channel: None,
        region: None,
        first: None,
    };
}

/// A question, and where things are filed for it.
pub(super) struct Filing<'q> {
    pub history: &'q History,
    pub question: &'q Question,
    from: Day,
    to: Day,
    /// The end of the last day.
    until: Timestamp,
}

/// A share of an order: all of it, or the lines of one product or category.
#[derive(Clone, Copy)]
pub(super) struct Share {
    pub worth: i64,
    pub paid: i64,
    pub refunded: i64,
}

impl Share {
    /// All of an order.
    pub const fn whole(sale: &Sale) -> Self {
        Self { worth: sale.worth, paid: sale.paid, refunded: sale.refunded }
    }
}

impl History {
    pub(super) fn day(&self, at: Timestamp) -> Day {
        day_number(self.calendar.day(at))
    }

    /// The channel of a way; a visit that began within the site is taken for direct.
    pub(super) fn channel(&self, way: Option<u32>) -> Channel {
        self.how(way).map_or(Channel::Direct, |way| way.channel)
    }

    fn how(&self, way: Option<u32>) -> Option<&Way> {
        self.came.get(way? as usize)
    }

    /// The campaign that a visit came by.
    pub(super) fn campaign(&self, Came { way, at, .. }: Came) -> Option<u32> {
        self.how(way)?.campaign.map(|word| self.called.campaign(word, at))
    }

    /// What a visit that came so is filed by.
    pub(super) fn way_code(&self, by: Dimension, came: Came) -> u32 {
        let way = came.way;
        let word = match by {
            Dimension::Campaign => self.campaign(came),
            Dimension::Site => self.how(way).and_then(|way| way.site),
            Dimension::Term => self.how(way).and_then(|way| way.term),
            Dimension::Paid => Some(u32::from(self.how(way).is_some_and(|way| way.paid))),
            _ => Some(self.channel(way) as u32),
        };
        word.unwrap_or(NOTHING)
    }

    /// The word of a code.
    pub(super) fn word(&self, dimension: Dimension, code: u32) -> String {
        match dimension {
            _ if code == NOTHING => String::new(),
            Dimension::Day | Dimension::Week | Dimension::Month => period_word(dimension, code),
            Dimension::Hour => format!("{code:02}"),
            Dimension::Weekday => u8::try_from(code)
                .ok()
                .and_then(|code| Weekday::try_from(code).ok())
                .map_or_else(String::new, |day| day.to_string()),
            Dimension::Channel => {
                let channel = Channel::ALL.into_iter().find(|channel| *channel as u32 == code);
                channel.map_or("", Channel::as_str).to_owned()
            }
            Dimension::Paid => if code == 1 { "paid" } else { "free" }.to_owned(),
            Dimension::Visitor => if code == 1 { "new" } else { "returning" }.to_owned(),
            Dimension::Campaign
            | Dimension::Site
            | Dimension::Term
            | Dimension::Region
            | Dimension::Merchant
            | Dimension::SalesChannel
            | Dimension::Category
            | Dimension::Product
            | Dimension::Topic
            | Dimension::Page => self.name(code).to_owned(),
        }
    }
}

impl<'q> Filing<'q> {
    /// What a page belongs to.
    pub(super) fn of_page(&self, page: u32, at: Timestamp, came: Came, first: Option<Day>) -> Facts {
        let (history, shown) = (self.history, &self.history.shown[page as usize]);
        Facts {
            at,
            day: history.day(at),
            came,
            path: Some(shown.path),
            topic: shown.topic,
            product: shown.product,
            category: shown.product.and_then(|product| history.categories.at(product, at, self.until)),
            merchant: shown.merchant,
            sales_channel: shown.sales_channel,
            region: shown.region,
            first,
        }
    }

    pub(super) fn of(history: &'q History, question: &'q Question) -> Self {
        let Days { from, to } = question.days;
        let until = history.calendar.end_of(to);
        Self { history, question, from: day_number(from), to: day_number(to), until }
    }

    /// The orders that were paid in the question's days and currency.
    pub(super) fn sales(&self) -> impl Iterator<Item = &'q Sale> {
        self.history.sales.iter().filter(|sale| self.asks_for(sale))
    }

    /// Whether an order was paid in the question's days and currency.
    pub(super) fn asks_for(&self, sale: &Sale) -> bool {
        let paid = || sale.paid_at.is_some_and(|at| self.holds(self.history.day(at)));
        sale.currency == self.question.currency && paid()
    }

    pub(super) fn holds(&self, day: Day) -> bool {
        (self.from..=self.to).contains(&day)
    }

    /// Whether the question is asked by nothing that sales channels do not know of their own visitors: by channel and time.
    /// How many days it is about decides nothing: what is known of one day only is not known of two.
    pub(super) fn is_of_platforms(&self) -> bool {
        let by = &self.question.by;
        by.contains(&Dimension::SalesChannel)
            && by.iter().all(|dimension| *dimension == Dimension::SalesChannel || dimension.is_time())
    }

    /// The first day and the last.
    pub(super) fn range(&self) -> (Day, Day) {
        (self.from, self.to)
    }

    /// Whether a cell that a day lies in is of that day alone.
    pub(super) fn is_alone(&self, day: Day) -> bool {
        let by = &self.question.by;
        let same = |other: Day| {
            let mut times = by.iter().filter(|dimension| dimension.is_time());
            self.holds(other) && times.all(|time| period(*time, other) == period(*time, day))
        };
        !same(day - 1) && !same(day + 1)
    }

    /// What an order is filed by at an instant, its lines apart.
    pub(super) fn of_sale(&self, sale: &Sale, at: Timestamp, came: Came, first: Option<Day>) -> Facts {
        Facts {
            at,
            day: self.history.day(at),
            came,
            merchant: Some(sale.merchant),
            sales_channel: Some(sale.sales_channel),
            region: came.place.and_then(|page| self.history.shown[page as usize].region),
            first,
            ..Facts::NOTHING
        }
    }

    /// The keys under which an order counts, that of the total among them, each with its share of the money. Asked by
    /// product or category, the lines of one are a share.
    pub(super) fn shares(&self, sale: &Sale, facts: &Facts) -> BTreeMap<Key, Share> {
        let mut shares = BTreeMap::new();
        let whole = Share::whole(sale);
        shares.insert(TOTAL, whole);
        // no sale is made on a page: of one, and of what kind it is, sales are not known
        let on_pages = |by: &Dimension| matches!(by, Dimension::Page | Dimension::Topic);
        if self.question.by.is_empty() || self.question.by.iter().any(on_pages) {
            return shares;
        }
        if !self.question.by.iter().any(|by| matches!(by, Dimension::Product | Dimension::Category)) {
            shares.insert(self.key(facts), whole);
            return shares;
        }
        for line in sale.lines() {
            let facts = Facts { product: Some(line.product), category: Some(line.category), ..*facts };
            let share = shares.entry(self.key(&facts)).or_insert(Share { worth: 0, paid: 0, refunded: 0 });
            share.worth = share.worth.saturating_add(line.worth);
            share.paid = share.paid.saturating_add(line.paid);
            share.refunded = share.refunded.saturating_add(line.refunded);
        }
        shares
    }

    /// The keys under which something counts: its own, and that of the total.
    pub(super) fn keys(&self, facts: &Facts) -> impl Iterator<Item = Key> + use<> {
        let asked = !self.question.by.is_empty();
        std::iter::once(TOTAL).chain(asked.then_some(self.key(facts)))
    }

    /// The key of something.
    pub(super) fn key(&self, facts: &Facts) -> Key {
        let by = &self.question.by;
        std::array::from_fn(|n| by.get(n).map_or(NOTHING, |dimension| self.code(*dimension, facts)))
    }

    fn code(&self, dimension: Dimension, facts: &Facts) -> u32 {
        let word = match dimension {
            Dimension::Day | Dimension::Week | Dimension::Month => return period(dimension, facts.day),
            Dimension::Channel
            | Dimension::Campaign
            | Dimension::Site
            | Dimension::Term
            | Dimension::Paid => {
                return self.history.way_code(dimension, facts.came);
            }
            Dimension::Visitor => return u32::from(self.is_new(facts, false)),
            Dimension::Hour => Some(self.history.calendar.hour(facts.at)),
            Dimension::Weekday => Some(date(facts.day).weekday().num_days_from_monday()),
            Dimension::Region => facts.region,
            Dimension::Page => facts.path,
            Dimension::Topic => facts.topic,
            Dimension::Product => facts.product,
            Dimension::Category => facts.category,
            Dimension::Merchant => facts.merchant,
            Dimension::SalesChannel => facts.sales_channel,
        };
        word.unwrap_or(NOTHING)
    }

    /// Whether a visitor was first seen in the period: the range, and the day, week or month of its cell.
    pub(super) fn is_new(&self, facts: &Facts, total: bool) -> bool {
        let times = self.question.by.iter().filter(|dimension| dimension.is_time() && !total);
        facts.first.is_some_and(|first| {
            self.holds(first) && { times }.all(|time| period(*time, first) == period(*time, facts.day))
        })
    }

    /// The words of a key.
    pub(super) fn words(&self, key: &Key) -> Vec<String> {
        let by = self.question.by.iter().zip(key);
        by.map(|(dimension, code)| self.history.word(*dimension, *code)).collect()
    }
}

/// The first day of the period that a day lies in, as a number.
pub(crate) fn period(dimension: Dimension, day: Day) -> u32 {
    let of = date(day);
    let first = match dimension {
        Dimension::Week => of.checked_sub_days(Span::new(u64::from(of.weekday().num_days_from_monday()))),
        Dimension::Month => of.with_day(1),
        _ => Some(of),
    };
    // days before 1970 wrap around and back
    first.map_or(day, day_number) as u32
}

/// How a period is called.
pub(crate) fn period_word(dimension: Dimension, period: u32) -> String {
    let first = date(period as Day);
    match dimension {
        Dimension::Month => first.format("%Y-%m").to_string(),
        _ => first.to_string(),
    }
}

pub(super) fn day_number(day: NaiveDate) -> Day {
    day.to_epoch_days()
}

pub(super) fn date(day: Day) -> NaiveDate {
    NaiveDate::from_epoch_days(day).unwrap_or_default()
}
