//! Kept figures put together to an answer.

use std::collections::BTreeMap;

use daybook_domain::{Currency, Money};
use daybook_metrics::VisitorSet;
use daybook_metrics::sessions::Day;
use parking_lot::Mutex;

use super::parts::Part;
use super::{Group, NONE, SalesCell, TrafficCell};
use crate::engine::ReadModelError;
use crate::metrics::filing::{period, period_word};
use crate::metrics::{Cell, Cells, Dimension, Question};

/// Most threads that one answer is made on.
const MOST_THREADS: usize = 4;
/// Fewest cells that are worth a thread.
const LEAST_OF_A_THREAD: usize = 8;

/// A kept cell of traffic.
pub(crate) struct KeptTraffic {
    pub group: Group,
    pub day: Day,
    pub word: u32,
    pub cell: TrafficCell,
}

/// A kept cell of sales in the currency asked for.
pub(crate) struct KeptSales {
    pub group: Group,
    pub day: Day,
    pub word: u32,
    pub cell: SalesCell,
}

/// What is kept of the days asked for.
#[derive(Default)]
pub(crate) struct Kept {
    pub traffic: Vec<KeptTraffic>,
    pub sales: Vec<KeptSales>,
}

/// What is asked by.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    pub group: Group,
    pub time: Option<Dimension>,
}

/// A period, where one is asked by, and a word, where one is asked by and known.
type Key = (Option<u32>, Option<String>);

/// A cell of the answer while it is put together.
#[derive(Default)]
struct Sum {
    part: Part,
    visitors: Vec<VisitorSet>,
    bouncers: Vec<VisitorSet>,
    orders: i64,
    order_value: i128,
    gmv: i128,
    refunded: i128,
    buyers: Vec<VisitorSet>,
}

impl Asked {
    /// Whether sales channels may have reported visitors of their own at this grain.
    pub(crate) fn is_of_platforms(self) -> bool {
        self.group == Group::SalesChannel
    }

    /// What a question asks by; none where figures are not kept by that.
    pub(crate) fn of(question: &Question) -> Option<Self> {
        let mut asked = Self { group: Group::All, time: None };
        for dimension in &question.by {
            let group = match dimension {
                Dimension::Day | Dimension::Week | Dimension::Month if asked.time.is_none() => {
                    asked.time = Some(*dimension);
                    continue;
                }
                Dimension::Channel => Group::Channel,
                Dimension::Campaign => Group::Campaign,
                Dimension::Merchant => Group::Merchant,
                Dimension::SalesChannel => Group::SalesChannel,
                _ => return None,
            };
            if asked.group != Group::All {
                return None;
            }
            asked.group = group;
        }
        Some(asked)
    }

    /// The answer; none where words of one campaign share a visitor on a day, whose pages are then not known to be distinct.
    pub(crate) fn answer(
        self,
        question: &Question,
        kept: Kept,
        named: &BTreeMap<u32, String>,
    ) -> Result<Option<Cells>, ReadModelError> {
        if self.group == Group::Campaign && shared(&kept.traffic, named) {
            return Ok(None);
        }
        let of = |day: Day| self.time.map(|time| period(time, day));
        let (mut total, mut untracked) = (Sum::default(), Sum::default());
        let mut sums: BTreeMap<Key, Sum> = BTreeMap::new();
        let mut first: BTreeMap<Option<u32>, Vec<VisitorSet>> = BTreeMap::new();
        let every_day = self.group == Group::All;
        let asked = !question.by.is_empty();
        for row in kept.traffic {
            let key = (of(row.day), named.get(&row.word).cloned());
            match row.group {
                Group::First => {
                    if asked && self.time.is_some() {
                        first.entry(key.0).or_default().push(row.cell.visitors.clone());
                    }
                    first.entry(None).or_default().push(row.cell.visitors);
                }
                Group::All => {
                    if asked && every_day {
                        sums.entry(key).or_default().see(row.cell.clone());
                    }
                    total.see(row.cell);
                }
                _ => sums.entry(key).or_default().see(row.cell),
            }
        }
        for row in &kept.sales {
            let key = (of(row.day), named.get(&row.word).cloned());
            match row.group {
                Group::Untracked => untracked.sell(&row.cell)?,
                Group::All => {
                    if asked && every_day {
                        sums.entry(key).or_default().sell(&row.cell)?;
                    }
                    total.sell(&row.cell)?;
                }
                _ => sums.entry(key).or_default().sell(&row.cell)?,
            }
        }
        let first: BTreeMap<_, _> =
            first.into_iter().map(|(of, sets)| (of, VisitorSet::union_of(&sets))).collect();
        let nobody = VisitorSet::new();
        let new = |of: &Option<u32>| first.get(of).unwrap_or(&nobody);
        let currency = question.currency;
        let cell = |(key, sum): (Key, Sum)| {
            let cell = sum.cell(new(&key.0), currency)?;
            Ok((self.words(question, key), cell))
        };
        let mut cells = on_all_cores(sums.into_iter().collect(), &cell)?;
        cells.sort_by(|a, b| a.0.cmp(&b.0));
        let total = total.cell(new(&None), currency)?;
        let reported = Sum::default().cell(&nobody, currency)?;
        Ok(Some(Cells { cells, total, reported, untracked: untracked.cell(&nobody, currency)? }))
    }

    fn words(self, question: &Question, (time, word): Key) -> Vec<String> {
        let of = |dimension: &Dimension| match time {
            Some(time) if dimension.is_time() => period_word(*dimension, time),
            _ => word.clone().unwrap_or_default(),
        };
        question.by.iter().map(of).collect()
    }
}

/// Whether two words that stand for one campaign have a visitor in common on a day.
fn shared(traffic: &[KeptTraffic], named: &BTreeMap<u32, String>) -> bool {
    let mut seen: BTreeMap<(Day, &str), VisitorSet> = BTreeMap::new();
    let mut words: BTreeMap<&str, u32> = BTreeMap::new();
    let several = named.values().any(|name| {
        let of = words.entry(name).or_default();
        *of += 1;
        *of > 1
    });
    if !several {
        return false;
    }
    traffic.iter().filter(|row| row.group == Group::Campaign && row.word != NONE).any(|row| {
        let Some(name) = named.get(&row.word) else { return false };
        let others = seen.entry((row.day, name)).or_default();
        let shared = others.shared_with(&row.cell.visitors) > 0;
        *others = others.union(&row.cell.visitors);
        shared
    })
}

/// What `of` makes of each, in their order. Where there are many, other threads take some of them, as far as the system
/// gives any.
fn on_all_cores<T: Send, R: Send>(
    all: Vec<T>,
    of: &(impl Fn(T) -> Result<R, ReadModelError> + Sync),
) -> Result<Vec<R>, ReadModelError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let others = cores.min(MOST_THREADS).min(all.len() / LEAST_OF_A_THREAD).saturating_sub(1);
    let waiting = Mutex::new(all.into_iter().enumerate());
    let take = || -> Result<Vec<(usize, R)>, ReadModelError> {
        let mut made = Vec::new();
        loop {
            let Some((at, one)) = waiting.lock().next() else { return Ok(made) };
            made.push((at, of(one)?));
        }
    };
    let mut made = std::thread::scope(|scope| {
        let thread = |_| std::thread::Builder::new().spawn_scoped(scope, take).ok();
        let threads: Vec<_> = (0..others).filter_map(thread).collect();
        let mut made = take()?;
        for thread in threads {
            made.extend(thread.join().expect("invariant: uniting sets does not panic")?);
        }
        Ok::<_, ReadModelError>(made)
    })?;
    made.sort_unstable_by_key(|(at, _)| *at);
    Ok(made.into_iter().map(|(_, one)| one).collect())
}

impl Sum {
    fn see(&mut self, cell: TrafficCell) {
        self.part += cell.part;
        self.visitors.push(cell.visitors);
        self.bouncers.push(cell.bouncers);
    }

    fn sell(&mut self, cell: &SalesCell) -> Result<(), ReadModelError> {
        if [cell.order_value, cell.gmv, cell.refunded].contains(&i64::MAX) {
            return Err(beyond()); // where sums of a day stop
        }
        self.orders += cell.orders;
        self.order_value += i128::from(cell.order_value);
        self.gmv += i128::from(cell.gmv);
        self.refunded += i128::from(cell.refunded);
        self.buyers.push(cell.buyers.clone());
        Ok(())
    }

    fn cell(self, first: &VisitorSet, currency: Currency) -> Result<Cell, ReadModelError> {
        let money = |sum: i128| {
            Ok::<_, ReadModelError>(Money::new(i64::try_from(sum).map_err(|_| beyond())?, currency))
        };
        let count = |sum: i64| u64::try_from(sum).unwrap_or_default();
        let visitors = VisitorSet::union_of(&self.visitors);
        Ok(Cell {
            uv: visitors.len(),
            new_uv: visitors.shared_with(first),
            bouncers: VisitorSet::union_of(&self.bouncers).len(),
            pv: count(self.part.pv),
            views: count(self.part.views),
            visits: count(self.part.visits),
            bounces: count(self.part.bounces),
            stay: self.part.stay,
            buyers: VisitorSet::union_of(&self.buyers).len(),
            orders: count(self.orders),
            order_value: money(self.order_value)?,
            gmv: money(self.gmv)?,
            refunded: money(self.refunded)?,
            reported: None,
        })
    }
}

fn beyond() -> ReadModelError {
    ReadModelError::BadQuestion("the GMV is beyond 64 bits: ask about fewer days".to_owned())
}
