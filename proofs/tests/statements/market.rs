//! A market whose books were closed by month, made up by chance.

use std::collections::BTreeMap;

use daybook_proofs::statement::{Chapter, Line, MerchantLeaf, StatementFiles, closed_line};
use daybook_proofs::{Checkpoint, Entry, Files, KeyedTree, Log, MarketKey, keyed};

use super::common::{Chance, event, market_key};

/// A market whose books were closed by month, with the proofs of its merchants' statements.
pub struct Market {
    pub folder: tempfile::TempDir,
    pub key: MarketKey,
    /// Each close: position, month, what it sealed, the chapters of each merchant.
    pub closes: Vec<Close>,
    pub events: u64,
    pub checkpoint: Checkpoint,
}

#[derive(Clone)]
pub struct Close {
    pub position: u64,
    pub data: String,
    /// The months it covers.
    pub months: Vec<String>,
    pub after: Option<String>,
    pub period: String,
    pub tree: KeyedTree,
    pub chapters: BTreeMap<String, Vec<Chapter>>,
}

pub fn entry<'a>(position: u64, kind: &'a str, data: &'a str) -> Entry<'a> {
    let stream = if kind == "PeriodClosed" { "books-main" } else { "order-o1" };
    event(position, stream, kind, data)
}

impl Market {
    /// Three months that were closed one by one, the first close with the two months before it.
    pub fn of(seed: u64, merchants: usize, lines: usize) -> Self {
        Self::that_seals(seed, merchants, lines, |_| {})
    }

    /// As [`of`](Self::of), by a market that changes lines before it seals and signs them.
    pub fn that_seals(seed: u64, merchants: usize, lines: usize, touch: impl Fn(&mut Line)) -> Self {
        let mut chance = Chance::of(seed);
        let (folder, key) = (tempfile::tempdir().unwrap(), market_key(9));
        let closings =
            [vec!["2018-01", "2018-02", "2018-03"], vec!["2018-04"], vec!["2018-05"], vec!["2018-06"]];
        let (mut position, mut closes, mut data) = (0u64, Vec::<Close>::new(), Vec::new());
        let mut owed: BTreeMap<(String, &str), i64> = BTreeMap::new();
        for months in closings {
            let (mut chapters, mut sealed) = (BTreeMap::<String, Vec<Chapter>>::new(), 0u64);
            for n in 0..merchants {
                let merchant = format!("m-{n}");
                for (currency, digits) in [("CNY", 2), ("JPY", 0)] {
                    // not every merchant has lines in every month, nor in every currency
                    for month in months.iter().filter(|_| n == 0 || n % 5 != 4) {
                        let count = chance.below(lines + 1) * usize::from(digits == 2 || n % 2 == 0);
                        if count == 0 {
                            continue;
                        }
                        let balance = owed.entry((merchant.clone(), currency)).or_default();
                        let opening = *balance;
                        let line = |number| {
                            position += 1;
                            data.push(("Posted", format!("{{\"n\":{position}}}")));
                            let amount = i64::try_from(chance.below(20_000)).unwrap() - 8_000;
                            *balance += amount;
                            let mut line = Line {
                                number: number as u64 + 1,
                                day: format!("{month}-{:02}", 1 + number * 27 / count),
                                booked_at: format!("{month}-01T00:00:00Z"),
                                occurred_at: format!("{month}-01T00:00:00Z"),
                                position,
                                event: "EscrowReleased".to_owned(),
                                order: (number % 3 > 0).then(|| format!("o-{position}")),
                                amount,
                                within: i64::try_from(number % 2).unwrap() * 150,
                                balance: *balance,
                            };
                            touch(&mut line);
                            line
                        };
                        let lines: Vec<Line> = (0..count).map(line).collect();
                        sealed += lines.len() as u64;
                        let (currency, month) = (currency.to_owned(), (*month).to_owned());
                        chapters.entry(merchant.clone()).or_default().push(Chapter {
                            currency,
                            month,
                            digits,
                            opening,
                            lines,
                        });
                    }
                    // what is owed stands in the last month, with lines or without
                    let (opening, month) = (
                        owed.get(&(merchant.clone(), currency)).copied().unwrap_or_default(),
                        months[months.len() - 1],
                    );
                    let said = |of: &Vec<Chapter>| {
                        of.iter().any(|chapter| chapter.currency == currency && chapter.month == month)
                    };
                    if opening != 0 && !chapters.get(&merchant).is_some_and(said) {
                        let (currency, month) = (currency.to_owned(), month.to_owned());
                        chapters.entry(merchant.clone()).or_default().push(Chapter {
                            currency,
                            month,
                            digits,
                            opening,
                            lines: Vec::new(),
                        });
                    }
                }
            }
            let leaf = |(merchant, chapters): (&String, &Vec<Chapter>)| {
                (keyed::key(merchant), leaf(merchant, chapters).hash())
            };
            let tree = KeyedTree::of(chapters.iter().map(leaf).collect()).unwrap();
            let root: String = tree.root().0.iter().map(|byte| format!("{byte:02x}")).collect();
            let before = closes.last().map(|close| (close.period.clone(), close.position));
            let follows = before
                .as_ref()
                .map_or_else(String::new, |(period, at)| format!(",\"after\":\"{period}\",\"follows\":{at}"));
            let (period, count) = (months[months.len() - 1], chapters.len());
            let through = position;
            position += 1;
            let closed = format!(
                "{{\"period\":\"{period}\",\"until\":\"2018-07-01T00:00:00Z\",\"digest\":\"00\",\"by\":\"chen\",\"through\":{through},\
                 \"seal\":{{\"merchants\":{count},\"lines\":{sealed},\"root\":\"{root}\"{follows}}}}}"
            );
            data.push(("PeriodClosed", closed.clone()));
            let months = months.iter().map(|month| (*month).to_owned()).collect();
            let (after, period) = (before.map(|(period, _)| period), period.to_owned());
            closes.push(Close { position, data: closed, months, after, period, tree, chapters });
        }
        let mut log = Log::open(folder.path()).unwrap();
        for (at, (kind, data)) in data.iter().enumerate() {
            log.append(&entry(at as u64 + 1, kind, data)).unwrap();
        }
        let last = closes.last().unwrap();
        let lines = ["time 2026-01-01T00:00:00Z".to_owned(), closed_line(&last.period, last.position)];
        let checkpoint = log.checkpoint(std::slice::from_ref(&key), &lines).unwrap();
        Self { folder, key, events: position, closes, checkpoint }
    }

    pub fn months(&self) -> Vec<String> {
        self.closes.iter().flat_map(|close| close.months.clone()).collect()
    }

    /// The files of a statement.
    pub fn prove(&self, merchant: &str, from: &str, through: &str) -> Files {
        let log = Log::read(self.folder.path()).unwrap();
        let mut files = StatementFiles::of(merchant, from, through);
        for close in self.closes.iter().filter(|close| *close.period >= *from) {
            let event = entry(close.position, "PeriodClosed", &close.data);
            files.close(&log.prove(&event, &self.checkpoint.of_market_alone()).unwrap());
            if close.after.as_deref().is_some_and(|after| *after >= *through) {
                continue;
            }
            let own = close.chapters.get(merchant);
            files.sealed(close.position, own.map(|own| leaf(merchant, own)), close.tree.path(merchant));
            let asked = |chapter: &&Chapter| *chapter.month >= *from && *chapter.month <= *through;
            own.into_iter().flatten().filter(asked).for_each(|chapter| files.chapter(chapter));
        }
        files.finish()
    }
}

pub fn leaf(merchant: &str, chapters: &[Chapter]) -> MerchantLeaf {
    let mut records: Vec<_> = chapters.iter().map(Chapter::record).collect();
    records.sort_by(|a, b| (&a.currency, &a.month).cmp(&(&b.currency, &b.month)));
    MerchantLeaf { merchant: merchant.to_owned(), records }
}

impl Market {
    /// As it was signed before the last close.
    pub fn roll_back(&mut self) {
        self.closes.pop();
        let last = self.closes.last().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let again = Market::of(1, 12, 14);
        let mut log = Log::open(folder.path()).unwrap();
        for (kind, data) in again.history().into_iter().take(usize::try_from(last.position).unwrap()) {
            log.append(&entry(log.size() + 1, kind, &data)).unwrap();
        }
        let lines = ["time 2025-12-01T00:00:00Z".to_owned(), closed_line(&last.period, last.position)];
        self.checkpoint = log.checkpoint(std::slice::from_ref(&self.key), &lines).unwrap();
        self.events = last.position;
        self.folder = folder;
    }

    /// The same history signed with another key.
    pub fn signed_by(&mut self, key: &MarketKey) {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::open(folder.path()).unwrap();
        for (kind, data) in self.history() {
            log.append(&entry(log.size() + 1, kind, &data)).unwrap();
        }
        let lines = self.checkpoint.lines.clone();
        self.checkpoint = log.checkpoint(std::slice::from_ref(key), &lines).unwrap();
        self.folder = folder;
    }

    /// Its events.
    pub fn history(&self) -> Vec<(&'static str, String)> {
        let closed: BTreeMap<u64, &String> =
            self.closes.iter().map(|close| (close.position, &close.data)).collect();
        let event = |position| match closed.get(&position) {
            Some(data) => ("PeriodClosed", (*data).clone()),
            None => ("Posted", format!("{{\"n\":{position}}}")),
        };
        (1..=self.events).map(event).collect()
    }
}
