//! A market that states what it owes, and signs its log.

use daybook_proofs::statement::decimal;
use daybook_proofs::{Blinding, Checkpoint, Entry, Log, MarketKey, OwedTree, Zeroizing};

use super::common::event;

pub const DAY: i64 = 86_400_000_000;
/// When the first sum was stated, microseconds; each further one a day later.
pub const FIRST: i64 = 1_780_000_000_000_000;

fn entry<'a>(position: u64, stream: &'a str, kind: &'a str, occurred_at: i64, data: &'a str) -> Entry<'a> {
    Entry { occurred_at, recorded_at: occurred_at + 1, ..event(position, stream, kind, data) }
}

/// A sum that was stated: its position, its event's text, the trees by currency.
pub struct Sum {
    pub position: u64,
    pub at: i64,
    pub recorded_at: i64,
    pub through: u64,
    pub data: String,
    pub trees: Vec<(&'static str, u32, OwedTree)>,
}

/// How an event that states a sum is said, and what stands in it.
pub type Touch<'a> = &'a dyn Fn(&str) -> String;

/// A market that states what it owes at two positions, and signs its log.
pub struct Market {
    pub key: MarketKey,
    folder: tempfile::TempDir,
    pub sums: Vec<Sum>,
    stream: String,
    kind: String,
    pub checkpoint: Checkpoint,
}

/// Who is owed what in a currency by a statement; leaves by odd names stand among them.
pub fn owed(currency: &str, statement: u64) -> Vec<(String, u64)> {
    let merchant = |n: u64| (format!("merchant m-{n}"), n * 7_001 % 50_000 + statement * 13);
    let count = if currency == "CNY" { 37 } else { 8 };
    let others =
        ["escrow", "checkouts", "refunds", "stored value", "m-1", "merchant merchant m-2", "merchant escrow"];
    let other = |(n, name): (usize, &&str)| ((*name).to_owned(), n as u64 * 1_000 + 500);
    (0..count).map(merchant).chain(others.iter().enumerate().map(other)).collect()
}

impl Market {
    pub fn of(key: MarketKey) -> Self {
        Self::that_says(key, &str::to_owned, "books-main", "LiabilitiesStated", FIRST)
    }

    /// One that signs whatever `touch` makes of the event's data.
    pub fn that_says(key: MarketKey, touch: Touch<'_>, stream: &str, kind: &str, first: i64) -> Self {
        Self::that_signs(key, touch, (stream, kind), (first, 1, 0), &["time 2026-06-01T00:00:00Z"])
    }

    /// One whose sums are stated first at a time, recorded so much later and behind so many events that they do not count; and that
    /// signs further lines.
    pub fn that_signs(
        key: MarketKey,
        touch: Touch<'_>,
        (stream, kind): (&str, &str),
        (first, later, between): (i64, i64, u64),
        lines: &[&str],
    ) -> Self {
        let blinding = Blinding::by(&Zeroizing::new([3; 32]));
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::open(folder.path()).unwrap();
        let mut sums = Vec::new();
        for statement in 0..2u64 {
            let through = log.size() + 8;
            while log.size() < through {
                log.append(&entry(log.size() + 1, "order-o1", "OrderPlaced", 5, "{}")).unwrap();
            }
            let tree = |(currency, digits)| {
                let tree = OwedTree::of(&blinding, through, currency, &owed(currency, statement)).unwrap();
                (currency, digits, tree)
            };
            let trees: Vec<_> = [("CNY", 2), ("JPY", 0)].map(tree).into();
            let said = |(currency, digits, tree): &(&str, u32, OwedTree)| {
                let (root, leaves) = (tree.tree.root(), tree.tree.leaves());
                let amount = decimal(i64::try_from(root.owed).unwrap(), *digits);
                let hex: String = root.hash.0.iter().map(|byte| format!("{byte:02x}")).collect();
                format!(
                    r#"{{"sum":{{"amount":"{amount}","currency":"{currency}"}},"leaves":{leaves},"root":"{hex}"}}"#
                )
            };
            let said = trees.iter().map(said).collect::<Vec<_>>().join(",");
            let data = touch(&format!(r#"{{"through":{through},"by":"system","sums":[{said}]}}"#));
            while log.size() < through + between {
                log.append(&entry(log.size() + 1, "order-o1", "OrderPlaced", 5, "{}")).unwrap();
            }
            let (position, at) = (log.size() + 1, first + DAY * i64::try_from(statement).unwrap());
            let recorded_at = at.saturating_add(later);
            log.append(&Entry { recorded_at, ..entry(position, stream, kind, at, &data) }).unwrap();
            sums.push(Sum { position, at, recorded_at, through, data, trees });
        }
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let checkpoint = log.checkpoint(std::slice::from_ref(&key), &lines);
        let (stream, kind) = (stream.to_owned(), kind.to_owned());
        Self { key, folder, sums, stream, kind, checkpoint: checkpoint.unwrap() }
    }

    pub fn sum(&self, of: usize) -> String {
        let Sum { position, at, recorded_at, data, .. } = &self.sums[of];
        let log = Log::read(self.folder.path()).unwrap();
        let event = entry(*position, &self.stream, &self.kind, *at, data);
        let event = Entry { recorded_at: *recorded_at, ..event };
        log.prove(&event, &self.checkpoint).unwrap().to_text()
    }

    pub fn own(&self, of: usize, currency: &str, to: &str) -> String {
        let sum = &self.sums[of];
        let (_, digits, tree) = sum.trees.iter().find(|(code, ..)| *code == currency).unwrap();
        tree.prove(sum.position, *digits, to).unwrap().to_text()
    }
}
