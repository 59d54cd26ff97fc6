//! Kept figures put together to an answer.

use std::collections::BTreeMap;

use daybook_domain::Currency;
use daybook_metrics::counting::{Counter, KeptSets, Within};
use daybook_metrics::sessions::Day;
use parking_lot::Mutex;

use super::parts::Part;
use super::{Group, NONE};
use crate::engine::ReadModelError;
use crate::engine::traffic::bad_set;
use crate::metrics::filing::{period, period_word};
use crate::metrics::most::{Answer, Most};
use crate::metrics::{Cell, Cells, Dimension, Question, beyond, money};

/// Most threads that one answer is made on.
const MOST_THREADS: usize = 4;
/// Fewest bytes of sets that are worth a thread.
const LEAST_OF_A_THREAD: usize = 1 << 20;
/// Bytes of a day as a word.
const DAY_WORD: usize = "2026-01-01".len();
/// Most cells that a thread takes at once: small ones are not worth a lock each.
const MOST_TAKEN: usize = 8;
/// How often each thread takes some, at least, where there are few: then they are large, and the last ones are waited for.
const LEAST_TURNS: usize = 4;

/// Rows between two looks at the time.
const EVERY: usize = 1_024;

/// Bytes of sets that lie in one piece, at least: what grew would be copied again and again.
const PIECE: usize = 4 << 20;

/// Where the bytes of a set lie.
#[derive(Clone, Copy)]
pub(crate) struct Set {
    piece: usize,
    from: usize,
    to: usize,
}

/// The bytes of sets.
#[derive(Default)]
struct Sets {
    pieces: Vec<Vec<u8>>,
    /// What they take, with the ends of pieces that the next set had no room in.
    len: usize,
}

impl Sets {
    fn take(&mut self, bytes: &[u8]) -> Set {
        let room = self.pieces.last().map_or(0, |last| last.capacity() - last.len());
        if self.pieces.is_empty() || room < bytes.len() {
            self.pieces.push(Vec::with_capacity(PIECE.max(bytes.len())));
            self.len += room;
        }
        self.len += bytes.len();
        let piece = self.pieces.len() - 1;
        let last = &mut self.pieces[piece];
        let from = last.len();
        last.extend_from_slice(bytes);
        Set { piece, from, to: last.len() }
    }

    fn get(&self, Set { piece, from, to }: Set) -> &[u8] {
        &self.pieces[piece][from..to]
    }
}

/// A kept cell of traffic.
pub(crate) struct KeptTraffic {
    pub group: Group,
    pub day: Day,
    pub word: u32,
    pub part: Part,
    pub visitors: Set,
    pub bouncers: Set,
}

/// A kept cell of sales in the currency asked for.
pub(crate) struct KeptSales {
    pub group: Group,
    pub day: Day,
    pub word: u32,
    pub orders: i64,
    pub order_value: i64,
    pub gmv: i64,
    pub refunded: i64,
    pub buyers: Set,
}

/// What is kept of the days asked for.
#[derive(Default)]
pub(crate) struct Kept {
    pub traffic: Vec<KeptTraffic>,
    pub sales: Vec<KeptSales>,
    /// How many of these, from the first on, tell what all cells come to and no cell: months, where the cells are days. None
    /// where the cells' own rows tell that too.
    pub apart: Option<(usize, usize)>,
    sets: Sets,
}

impl Kept {
    /// Takes the bytes of a set.
    pub(crate) fn set(&mut self, bytes: &[u8]) -> Set {
        self.sets.take(bytes)
    }

    /// Refuses more than one question may rest on; once in a while looks at the time.
    pub(crate) fn hold(&self, most: Most) -> Result<(), ReadModelError> {
        let rows = self.rows();
        if rows.is_multiple_of(EVERY) && most.is_late() {
            return Err(late(rows));
        }
        let of = |rows: usize, row: usize, sets: usize| rows * (row + sets * size_of::<Set>());
        let traffic = of(self.traffic.len(), size_of::<KeptTraffic>(), 2);
        let bytes = self.sets.len + traffic + of(self.sales.len(), size_of::<KeptSales>(), 1);
        if bytes <= most.bytes {
            return Ok(());
        }
        Err(ReadModelError::BadQuestion(format!(
            "the figures kept by day that this rests on take more than {} MiB of memory: ask about fewer days",
            most.bytes >> 20
        )))
    }

    fn rows(&self) -> usize {
        self.traffic.len() + self.sales.len()
    }

    fn sets<'k>(&'k self, all: &[Set]) -> Result<KeptSets<'k>, ReadModelError> {
        let mut sets = KeptSets::default();
        for set in all {
            sets.add(self.sets.get(*set)).map_err(|why| bad_set(&why))?;
        }
        Ok(sets)
    }
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
    visitors: Vec<Set>,
    bouncers: Vec<Set>,
    orders: i64,
    order_value: i128,
    gmv: i128,
    refunded: i128,
    buyers: Vec<Set>,
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
        most: Most,
    ) -> Result<Option<Cells>, ReadModelError> {
        if self.group == Group::Campaign && shared(&kept, named)? {
            return Ok(None);
        }
        let of = |day: Day| self.time.map(|time| period(time, day));
        let (mut total, mut untracked) = (Sum::default(), Sum::default());
        let mut sums: BTreeMap<Key, Sum> = BTreeMap::new();
        let mut first: BTreeMap<Option<u32>, Vec<Set>> = BTreeMap::new();
        let every_day = self.group == Group::All;
        let asked = !question.by.is_empty();
        let (seen_apart, sold_apart) = kept.apart.unwrap_or_default();
        let both = kept.apart.is_none();
        for (at, row) in kept.traffic.iter().enumerate() {
            most.hold(sums.len())?;
            let key = (of(row.day), named.get(&row.word).cloned());
            match row.group {
                Group::First => {
                    if asked && self.time.is_some() {
                        first.entry(key.0).or_default().push(row.visitors);
                    }
                    first.entry(None).or_default().push(row.visitors);
                }
                Group::All => {
                    if asked && every_day && at >= seen_apart {
                        sums.entry(key).or_default().see(row);
                    }
                    if both || at < seen_apart {
                        total.see(row);
                    }
                }
                _ => sums.entry(key).or_default().see(row),
            }
        }
        for (at, row) in kept.sales.iter().enumerate() {
            most.hold(sums.len())?;
            let key = (of(row.day), named.get(&row.word).cloned());
            match row.group {
                Group::Untracked => untracked.sell(row)?,
                Group::All => {
                    if asked && every_day && at >= sold_apart {
                        sums.entry(key).or_default().sell(row)?;
                    }
                    if both || at < sold_apart {
                        total.sell(row)?;
                    }
                }
                _ => sums.entry(key).or_default().sell(row)?,
            }
        }
        let mut answer = Answer::within(most);
        for (_, word) in sums.keys() {
            let of = |dimension: &Dimension| match word {
                Some(word) if !dimension.is_time() => word.len(),
                _ => DAY_WORD,
            };
            answer.take(question.by.iter().map(of))?;
        }
        let mut counting: Vec<(Option<u32>, Counted)> = vec![(None, Counted::Total(total))];
        counting.extend(sums.into_iter().map(|(key, sum)| (key.0, Counted::Cell(key, sum))));
        let nobody = Vec::new();
        let mut counted = on_all_cores(counting, kept.sets.len, &|room: &mut Room, (period, of)| {
            if most.is_late() {
                return Err(late(kept.rows()));
            }
            let news = first.get(&period).unwrap_or(&nobody);
            let (words, sum) = match of {
                Counted::Total(sum) => (None, sum),
                Counted::Cell(key, sum) => (Some(self.words(question, key)), sum),
            };
            let new = if words.is_none() || every_day {
                // whoever was first seen then was seen then, and on one day alone
                New::AreSo(kept.sets(news)?.together())
            } else {
                if room.period != Some(period) {
                    room.first = Within::any_of(kept.sets(news)?);
                    room.period = Some(period);
                }
                New::AreAmong
            };
            Ok((words, sum.cell(&kept, room, new, question.currency)?))
        })?;
        counted.sort_by(|a, b| a.0.cmp(&b.0)); // the total, which has no words, stands first
        let mut room = Room::default();
        let reported = Sum::default().cell(&kept, &mut room, New::AreSo(0), question.currency)?;
        let untracked = untracked.cell(&kept, &mut room, New::AreSo(0), question.currency)?;
        let total = counted.remove(0).1;
        let cells = counted.into_iter().filter_map(|(words, cell)| Some((words?, cell))).collect();
        Ok(Some(Cells { cells, total, reported, untracked }))
    }

    fn words(self, question: &Question, (time, word): Key) -> Vec<String> {
        let of = |dimension: &Dimension| match time {
            Some(time) if dimension.is_time() => period_word(*dimension, time),
            _ => word.clone().unwrap_or_default(),
        };
        question.by.iter().map(of).collect()
    }
}

/// What is counted: what all cells come to, or one of them.
enum Counted {
    Total(Sum),
    Cell(Key, Sum),
}

/// The visitors of a cell who were first seen in its period.
#[derive(Clone, Copy)]
enum New {
    /// So many: all whom the period saw first are among them.
    AreSo(u64),
    /// Those whom the period saw first, as far as they are among them.
    AreAmong,
}

/// What a thread counts with.
#[derive(Default)]
struct Room {
    counter: Counter,
    /// Who was first seen in the period that was counted last.
    first: Within,
    period: Option<Option<u32>>,
}

/// Whether two words that stand for one campaign have a visitor in common on a day.
fn shared(kept: &Kept, named: &BTreeMap<u32, String>) -> Result<bool, ReadModelError> {
    let mut words: BTreeMap<&str, u32> = BTreeMap::new();
    for name in named.values() {
        *words.entry(name).or_default() += 1;
    }
    let mut several: BTreeMap<(Day, &str), Vec<Set>> = BTreeMap::new();
    for row in kept.traffic.iter().filter(|row| row.group == Group::Campaign && row.word != NONE) {
        let Some(name) = named.get(&row.word).filter(|name| words[name.as_str()] > 1) else { continue };
        several.entry((row.day, name)).or_default().push(row.visitors);
    }
    let mut counter = Counter::default();
    for sets in several.values() {
        let sets = kept.sets(sets)?;
        let together = sets.together();
        if counter.count(sets, &Within::default()).0 < together {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What `of` makes of each, in any order. Where there are many bytes, other threads take some of them, as far as the
/// system gives any.
fn on_all_cores<T: Send, R: Send>(
    all: Vec<T>,
    bytes: usize,
    of: &(impl Fn(&mut Room, T) -> Result<R, ReadModelError> + Sync),
) -> Result<Vec<R>, ReadModelError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let others = cores.min(MOST_THREADS).min(bytes / LEAST_OF_A_THREAD).saturating_sub(1);
    let at_once = (all.len() / ((others + 1) * LEAST_TURNS)).clamp(1, MOST_TAKEN);
    let waiting = Mutex::new(all.into_iter());
    let take = || -> Result<Vec<R>, ReadModelError> {
        let (mut made, mut room) = (Vec::new(), Room::default());
        loop {
            let taken: Vec<T> = waiting.lock().by_ref().take(at_once).collect();
            if taken.is_empty() {
                return Ok(made);
            }
            for one in taken {
                made.push(of(&mut room, one)?);
            }
        }
    };
    std::thread::scope(|scope| {
        let thread = |_| std::thread::Builder::new().spawn_scoped(scope, take).ok();
        let threads: Vec<_> = (0..others).filter_map(thread).collect();
        let mut made = take()?;
        for thread in threads {
            made.extend(thread.join().expect("invariant: counting does not panic")?);
        }
        Ok(made)
    })
}

impl Sum {
    fn see(&mut self, cell: &KeptTraffic) {
        self.part += cell.part;
        self.visitors.push(cell.visitors);
        self.bouncers.push(cell.bouncers);
    }

    fn sell(&mut self, cell: &KeptSales) -> Result<(), ReadModelError> {
        if [cell.order_value, cell.gmv, cell.refunded].contains(&i64::MAX) {
            return Err(beyond()); // where sums of a day stop
        }
        self.orders += cell.orders;
        self.order_value += i128::from(cell.order_value);
        self.gmv += i128::from(cell.gmv);
        self.refunded += i128::from(cell.refunded);
        self.buyers.push(cell.buyers);
        Ok(())
    }

    fn cell(
        self,
        kept: &Kept,
        room: &mut Room,
        new: New,
        currency: Currency,
    ) -> Result<Cell, ReadModelError> {
        let money = |sum: i128| money(sum, currency);
        let count = |sum: i64| u64::try_from(sum).unwrap_or_default();
        let Room { counter, first, .. } = room;
        let visitors = kept.sets(&self.visitors)?;
        let (uv, new_uv) = match new {
            New::AreSo(many) => (counter.count(visitors, &Within::default()).0, many),
            New::AreAmong => counter.count(visitors, first),
        };
        let mut distinct =
            |sets: &[Set]| Ok::<_, ReadModelError>(counter.count(kept.sets(sets)?, &Within::default()).0);
        Ok(Cell {
            uv,
            new_uv,
            bouncers: distinct(&self.bouncers)?,
            pv: count(self.part.pv),
            views: count(self.part.views),
            visits: count(self.part.visits),
            bounces: count(self.part.bounces),
            stay: self.part.stay,
            buyers: distinct(&self.buyers)?,
            orders: count(self.orders),
            order_value: money(self.order_value)?,
            gmv: money(self.gmv)?,
            refunded: money(self.refunded)?,
            reported: None,
        })
    }
}

fn late(rows: usize) -> ReadModelError {
    ReadModelError::LateKept { rows: rows as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_come_back_whichever_piece_they_lie_in_and_all_that_they_take_is_counted() {
        let mut sets = Sets::default();
        let lengths = [3, 0, PIECE / 2 + 1, PIECE / 2 + 1, PIECE + 7, 5];
        let all: Vec<Vec<u8>> = lengths.into_iter().zip(0u8..).map(|(len, n)| vec![n; len]).collect();
        let taken: Vec<Set> = all.iter().map(|bytes| sets.take(bytes)).collect();
        for (bytes, set) in all.iter().zip(taken) {
            assert!(sets.get(set) == bytes.as_slice());
        }
        assert_eq!(sets.pieces.len(), 4);
        let held: usize = sets.pieces.iter().map(Vec::capacity).sum();
        assert!(held - sets.len < PIECE, "{} of {held}", sets.len);
    }
}
