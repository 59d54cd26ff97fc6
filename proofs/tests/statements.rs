//! Statements that prove themselves, and that nothing which was touched passes for one. The Python script in `docs`, which
//! shares no code with this crate, judges every case too.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use daybook_proofs::statement::{Chapter, Line, MerchantLeaf, StatementFiles, archive, closed_line, decimal};
use daybook_proofs::{
    Checkpoint, Entry, Expected, Files, KeyedTree, Log, MarketKey, ProofError, ProvenStatement, PublicKey,
    keyed, verify_statement,
};

/// Numbers by chance (splitmix64), the same in every run.
struct Chance(u64);

impl Chance {
    fn of(seed: u64) -> Self {
        Self(seed)
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % n.max(1) as u64).unwrap()
    }
}

/// A market whose books were closed by month, with the proofs of its merchants' statements.
struct Market {
    folder: tempfile::TempDir,
    key: MarketKey,
    /// Each close: position, month, what it sealed, the chapters of each merchant.
    closes: Vec<Close>,
    events: u64,
    checkpoint: Checkpoint,
}

#[derive(Clone)]
struct Close {
    position: u64,
    data: String,
    /// The months it covers.
    months: Vec<String>,
    after: Option<String>,
    period: String,
    tree: KeyedTree,
    chapters: BTreeMap<String, Vec<Chapter>>,
}

fn entry<'a>(position: u64, kind: &'a str, data: &'a str) -> Entry<'a> {
    Entry {
        position,
        stream: if kind == "PeriodClosed" { "books-main" } else { "order-o1" },
        version: position,
        id: [7; 16],
        kind,
        schema: 1,
        occurred_at: 1_700_000_000_000_000,
        recorded_at: 1_700_000_000_000_001,
        command: [1; 16],
        fingerprint: [2; 16],
        correlation: [3; 16],
        actor: "test",
        refs: "{}",
        data,
    }
}

fn market_key(seed: u8) -> MarketKey {
    MarketKey::parse(&MarketKey::generate("shop.example/ledger", [seed; 32]).unwrap()).unwrap()
}

fn public(key: &MarketKey) -> PublicKey {
    PublicKey::parse(key.public()).unwrap()
}

impl Market {
    /// Three months that were closed one by one, the first close with the two months before it.
    fn of(seed: u64, merchants: usize, lines: usize) -> Self {
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
                            Line {
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
                            }
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

    fn months(&self) -> Vec<String> {
        self.closes.iter().flat_map(|close| close.months.clone()).collect()
    }

    /// The files of a statement.
    fn prove(&self, merchant: &str, from: &str, through: &str) -> Files {
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

fn leaf(merchant: &str, chapters: &[Chapter]) -> MerchantLeaf {
    let mut records: Vec<_> = chapters.iter().map(Chapter::record).collect();
    records.sort_by(|a, b| (&a.currency, &a.month).cmp(&(&b.currency, &b.month)));
    MerchantLeaf { merchant: merchant.to_owned(), records }
}

fn packed(files: &Files) -> Vec<u8> {
    archive::write(files, Cursor::new(Vec::new())).unwrap().into_inner()
}

/// A file to judge, and what its reader wants it to be.
struct Case {
    what: String,
    bytes: Vec<u8>,
    key: String,
    merchant: String,
    from: String,
    through: String,
    events: u64,
}

impl Case {
    fn judged(&self) -> Result<ProvenStatement, ProofError> {
        let expected = Expected {
            merchant: Some(&self.merchant),
            from: Some(&self.from),
            through: Some(&self.through),
            events: Some(self.events),
        };
        let key = PublicKey::parse(&self.key)?;
        archive::read(&self.bytes).and_then(|files| verify_statement(&files, &[key], &expected))
    }
}

/// What the script says of each case: whether it holds, and in which words.
fn script(cases: &[Case]) -> Vec<(bool, String)> {
    let folder = tempfile::tempdir().unwrap();
    let mut asked = String::new();
    for (at, case) in cases.iter().enumerate() {
        let file = folder.path().join(at.to_string());
        fs::write(&file, &case.bytes).unwrap();
        let Case { key, merchant, from, through, events, .. } = case;
        asked.push_str(&format!("{}\t{key}\t{merchant}\t{from}\t{through}\t{events}\n", file.display()));
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/verify_statement.py");
    let mut python = Command::new("python3")
        .arg(script)
        .arg("--batch")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is there");
    let mut stdin = python.stdin.take().unwrap();
    let writing = std::thread::spawn(move || stdin.write_all(asked.as_bytes()).unwrap());
    let output = python.wait_with_output().unwrap();
    writing.join().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    let said: Vec<(bool, String)> = said
        .lines()
        .map(|line| {
            let (verdict, what) = line.split_once(' ').unwrap();
            (verdict == "ok", what.to_owned())
        })
        .collect();
    assert_eq!(said.len(), cases.len(), "one answer for each");
    said
}

/// The cases that hold: every merchant over months by chance.
fn valid(market: &Market, count: usize, chance: &mut Chance) -> Vec<Case> {
    let months = market.months();
    let merchants = 12;
    let one = |_| {
        let (a, b) = (chance.below(months.len()), chance.below(months.len()));
        let merchant = format!("m-{}", chance.below(merchants));
        let (from, through) = (months[a.min(b)].clone(), months[a.max(b)].clone());
        let bytes = packed(&market.prove(&merchant, &from, &through));
        let what = format!("the statement of {merchant}, {from} to {through}");
        Case {
            what,
            bytes,
            key: market.key.public().to_owned(),
            merchant,
            from,
            through,
            events: market.events,
        }
    };
    (0..count).map(one).collect()
}

fn text(files: &Files, name: &str) -> String {
    String::from_utf8(files[name].clone()).unwrap()
}

/// Touches a statement in one way; none where that way leaves it as it is.
fn touched(
    way: usize,
    of: &Case,
    others: &[Case],
    older: &Market,
    forged: &Market,
    chance: &mut Chance,
) -> Option<Case> {
    let mut case =
        Case { what: String::new(), bytes: of.bytes.clone(), key: of.key.clone(), ..*of_fields(of) };
    let mut files = archive::read(&of.bytes).unwrap();
    let pick = |files: &Files, begins: &str, chance: &mut Chance| {
        let names: Vec<String> = files.keys().filter(|name| name.starts_with(begins)).cloned().collect();
        (!names.is_empty()).then(|| names[chance.below(names.len())].clone())
    };
    let lines =
        |files: &Files, name: &str| -> Vec<String> { text(files, name).lines().map(str::to_owned).collect() };
    let join = |lines: &[String]| lines.iter().flat_map(|line| [line, "\n"]).collect::<String>().into_bytes();
    let other = &others[chance.below(others.len())];
    case.what = match way {
        0 => {
            let (at, bit) = (chance.below(case.bytes.len()), chance.below(8));
            case.bytes[at] ^= 1 << bit;
            format!("bit {bit} of byte {at}")
        }
        1 => {
            let at = chance.below(case.bytes.len());
            case.bytes.truncate(at);
            format!("cut at byte {at}")
        }
        2 => {
            let name = pick(&files, "", chance)?;
            let at = chance.below(files[&name].len().max(1));
            *files.get_mut(&name)?.get_mut(at)? ^= 1 << chance.below(8);
            format!("a bit of {name} at {at}")
        }
        3..=6 => {
            let name = pick(&files, "lines/", chance)?;
            let mut rows = lines(&files, &name);
            let at = 1 + chance.below(rows.len() - 1);
            let what = match way {
                3 => {
                    rows.remove(at);
                    "a line dropped"
                }
                4 => {
                    let to = 1 + chance.below(rows.len() - 1);
                    rows.swap(at, to);
                    "two lines swapped"
                }
                5 => {
                    rows.insert(at, rows[at].clone());
                    "a line repeated"
                }
                _ => {
                    let theirs = archive::read(&other.bytes).unwrap();
                    let from = pick(&theirs, "lines/", chance)?;
                    let theirs = lines(&theirs, &from);
                    rows[at].clone_from(&theirs[1 + chance.below(theirs.len() - 1)]);
                    "a line spliced in from elsewhere"
                }
            };
            files.insert(name.clone(), join(&rows));
            format!("{what}: {name} at {at}")
        }
        7 => {
            // forged and made to come out even: the amount and all balances after it
            let name = pick(&files, "lines/", chance)?;
            let mut rows = lines(&files, &name);
            let at = 1 + chance.below(rows.len() - 1);
            let digits = if name.contains("JPY") { 0 } else { 2 };
            for (row, text) in rows.iter_mut().enumerate().skip(at) {
                let mut cells: Vec<String> = text.split('\t').map(str::to_owned).collect();
                for cell in if row == at { vec![7, 9] } else { vec![9] } {
                    let minor: i64 = cells[cell].replace('.', "").parse().unwrap();
                    cells[cell] = decimal(minor + 100, digits);
                }
                *text = cells.join("\t");
            }
            files.insert(name.clone(), join(&rows));
            format!("100 more in {name} from line {at} on")
        }
        8 => {
            let name = pick(&files, "", chance)?;
            files.remove(&name);
            format!("{name} left out")
        }
        9 => {
            let theirs = archive::read(&other.bytes).unwrap();
            let name = pick(&theirs, "", chance)?;
            files.insert(name.clone(), theirs[&name].clone());
            format!("{name} of {}", other.what)
        }
        10 => {
            // under an older checkpoint of the same market
            let name = pick(&files, "seals/", chance).filter(|name| name.ends_with(".proof"))?;
            let proof = text(&files, &name);
            let (head, _) = proof.split_once("\n\n").unwrap();
            files.insert(name.clone(), format!("{head}\n\n{}", older.checkpoint.note).into_bytes());
            format!("an older checkpoint in {name}")
        }
        11 => {
            let name = pick(&files, "seals/", chance)?;
            let mut rows = lines(&files, &name);
            let at = chance.below(rows.len());
            rows.remove(at);
            files.insert(name.clone(), join(&rows));
            format!("line {at} of {name} cut out")
        }
        12 => {
            case.key = market_key(u8::try_from(10 + chance.below(100)).unwrap()).public().to_owned();
            "a key of the same name that is another's".to_owned()
        }
        13 => {
            // a whole statement of an earlier tree, which was signed
            let had = older.months();
            let through = case.through.clone().min(had[had.len() - 1].clone());
            let from = case.from.clone().min(through.clone());
            case.bytes = packed(&older.prove(&case.merchant, &from, &through));
            "the tree rolled back".to_owned()
        }
        14 => {
            // all of it made anew with other lines, by who has not the key
            case.bytes = packed(&forged.prove(&case.merchant, &case.from, &case.through));
            "all forged and signed with another key".to_owned()
        }
        15 => {
            case.bytes = other.bytes.clone();
            format!("another statement: {}", other.what)
        }
        16 => {
            let name = ["lines/CNY/2018-13.tsv", "seals/7.proof", "notes.txt", "lines/USD/2018-01.tsv"]
                [chance.below(4)];
            let content = pick(&files, "lines/", chance).map_or_else(Vec::new, |name| files[&name].clone());
            files.insert(name.to_owned(), content);
            format!("{name} added")
        }
        _ => {
            // something hidden before, behind or between the archive's files
            let at = [0, case.bytes.len(), chance.below(case.bytes.len())][chance.below(3)];
            case.bytes.insert(at, u8::try_from(chance.below(256)).unwrap());
            format!("a byte added at {at}")
        }
    };
    if ![0, 1, 13, 14, 15, 17].contains(&way) {
        case.bytes = packed(&files);
    }
    (case.bytes != of.bytes || case.key != of.key).then_some(case)
}

/// The same, but for what is touched.
fn of_fields(of: &Case) -> Box<Case> {
    Box::new(Case {
        what: of.what.clone(),
        bytes: Vec::new(),
        key: String::new(),
        merchant: of.merchant.clone(),
        from: of.from.clone(),
        through: of.through.clone(),
        events: of.events,
    })
}

fn battery(held: usize, touches: usize) {
    let market = Market::of(1, 12, 14);
    let mut older = Market::of(1, 12, 14);
    older.roll_back();
    let mut forged = Market::of(2, 12, 14);
    forged.signed_by(&market_key(77));
    let mut chance = Chance::of(3);
    let valid = valid(&market, held, &mut chance);
    for (case, (holds, said)) in valid.iter().zip(script(&valid)) {
        let found = case.judged().unwrap_or_else(|error| panic!("{}: {error}", case.what));
        assert!(holds, "{}: the script says {said}", case.what);
        for (currency, of) in &found.balances {
            let [opening, closing] = [of.opening, of.closing].map(|minor| decimal(minor, of.digits));
            let sums = format!("{currency} {opening} -> {closing} in {} lines", of.lines);
            assert!(said.contains(&sums), "{sums}: {said}");
        }
    }
    let mut cases = Vec::new();
    let mut way = 0;
    while cases.len() < touches {
        let of = &valid[chance.below(valid.len())];
        let one = touched(way % 18, of, &valid, &older, &forged, &mut chance);
        // what happens to be the same statement is no forgery
        cases.extend(one.filter(|one| valid.iter().all(|case| !same_claim(case, one))));
        way += 1;
    }
    for (case, (holds, said)) in cases.iter().zip(script(&cases)) {
        let error = match case.judged() {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{} passes", case.what),
        };
        assert!(!holds, "{}: the script lets it pass: {said}; here: {error}", case.what);
        assert!(
            error.len() > 15 && said.len() > 15,
            "{}: says what and where: {error:?} {said:?}",
            case.what
        );
    }
}

fn same_claim(a: &Case, b: &Case) -> bool {
    a.bytes == b.bytes
        && a.key == b.key
        && (&a.merchant, &a.from, &a.through) == (&b.merchant, &b.from, &b.through)
}

impl Market {
    /// As it was signed before the last close.
    fn roll_back(&mut self) {
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
    fn signed_by(&mut self, key: &MarketKey) {
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
    fn history(&self) -> Vec<(&'static str, String)> {
        let closed: BTreeMap<u64, &String> =
            self.closes.iter().map(|close| (close.position, &close.data)).collect();
        let event = |position| match closed.get(&position) {
            Some(data) => ("PeriodClosed", (*data).clone()),
            None => ("Posted", format!("{{\"n\":{position}}}")),
        };
        (1..=self.events).map(event).collect()
    }
}

#[test]
fn a_statement_holds_as_it_was_proved_and_in_no_way_that_it_was_touched_and_the_script_agrees() {
    battery(60, 700);
}

#[test]
#[ignore = "long: 1,000 statements that hold and 10,000 that were touched; cargo test --release -p daybook-proofs -- --ignored ten_thousand"]
fn a_thousand_statements_hold_and_ten_thousand_touched_ones_do_not() {
    battery(1_000, 10_000);
}

#[test]
fn a_close_that_was_opened_again_does_not_pass_for_the_one_in_force() {
    let mut market = Market::of(1, 12, 14);
    let judged = |market: &Market| {
        let files = market.prove("m-0", "2018-05", "2018-06");
        verify_statement(&files, &[public(&market.key)], &Expected::default())
    };
    judged(&market).unwrap();
    // the last close was opened again, and closed with other lines: the checkpoint names that one
    let before = market.closes[market.closes.len() - 2].clone();
    for (period, position) in
        [(before.period.clone(), before.position), ("2018-06".to_owned(), market.events + 1)]
    {
        let folder_of = tempfile::tempdir().unwrap();
        let mut own = Log::open(folder_of.path()).unwrap();
        for (kind, data) in market.history().into_iter().chain([("PeriodReopened", "{}".to_owned())]) {
            own.append(&entry(own.size() + 1, kind, &data)).unwrap();
        }
        let checkpoint =
            own.checkpoint(std::slice::from_ref(&market.key), &[closed_line(&period, position)]).unwrap();
        drop(own);
        let (was, had) = (std::mem::replace(&mut market.folder, folder_of), market.checkpoint.clone());
        market.checkpoint = checkpoint;
        let error = judged(&market).unwrap_err().to_string();
        assert!(error.contains("or was reopened"), "{error}");
        (market.folder, market.checkpoint) = (was, had);
    }
}

#[test]
#[ignore = "measures: cargo test --release -p daybook-proofs -- --ignored --nocapture hundred_thousand"]
fn a_statement_of_a_hundred_thousand_lines_is_checked_within_a_second() {
    let lines = |count: u64| {
        (1..=count).map(|number| Line {
            number,
            day: "2018-05-03".into(),
            booked_at: "2018-05-03T10:00:00.123456Z".into(),
            occurred_at: "2018-05-03T10:00:00.123456Z".into(),
            position: number,
            event: "EscrowReleased".into(),
            order: Some(format!("o-{number:07}")),
            amount: 1_234,
            within: 0,
            balance: 1_234 * i64::try_from(number).unwrap(),
        })
    };
    let mut market = Market::of(1, 1, 3);
    let last = market.closes.last_mut().unwrap();
    let chapter = Chapter {
        currency: "CNY".into(),
        month: "2018-06".into(),
        digits: 2,
        opening: 0,
        lines: lines(100_000).map(|line| Line { day: "2018-06-03".into(), ..line }).collect(),
    };
    let leaf = leaf("m-big", std::slice::from_ref(&chapter));
    last.tree = KeyedTree::of(vec![(keyed::key("m-big"), leaf.hash())]).unwrap();
    last.chapters = BTreeMap::from([("m-big".to_owned(), vec![chapter])]);
    let root: String = last.tree.root().0.iter().map(|byte| format!("{byte:02x}")).collect();
    let at = last.data.find("\"root\":\"").unwrap() + 8;
    last.data.replace_range(at..at + 64, &root);
    let through = last.data.find("\"through\":").unwrap() + 10;
    let end = through + last.data[through..].find(',').unwrap();
    last.data.replace_range(through..end, "100000");
    let key = market.key.clone();
    market.signed_by(&key);
    let began = std::time::Instant::now();
    let bytes = packed(&market.prove("m-big", "2018-06", "2018-06"));
    let written = began.elapsed();
    let began = std::time::Instant::now();
    let files = archive::read(&bytes).unwrap();
    let found = verify_statement(&files, &[public(&market.key)], &Expected::default()).unwrap();
    let checked = began.elapsed();
    assert_eq!(found.balances["CNY"].lines, 100_000);
    let case = Case {
        what: String::new(),
        bytes,
        key: key.public().to_owned(),
        merchant: "m-big".into(),
        from: "2018-06".into(),
        through: "2018-06".into(),
        events: 1,
    };
    let began = std::time::Instant::now();
    assert!(script(std::slice::from_ref(&case))[0].0);
    #[allow(clippy::print_stderr)] // what it measures is read by people
    {
        let (size, script) = (case.bytes.len(), began.elapsed());
        eprintln!(
            "100,000 lines, {size} bytes: written in {written:?}, checked in {checked:?}, by the script in {script:?}"
        );
    }
    assert!(written.as_secs_f64() < 1.0 && checked.as_secs_f64() < 1.0);
}
