//! What a market states to owe, and that nothing which was touched passes for a part of it. The Python script in `docs`, which shares no
//! code with this crate, judges every case too.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use daybook_proofs::statement::decimal;
use daybook_proofs::{
    Blinding, Checkpoint, Entry, ExpectedOwed, Log, MarketKey, OwedTree, PublicKey, Zeroizing, verify_owed,
};

/// Numbers by chance (splitmix64), the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % n.max(1) as u64).unwrap()
    }
}

fn market_key(seed: u8) -> MarketKey {
    MarketKey::parse(&MarketKey::generate("shop.example/ledger", [seed; 32]).unwrap()).unwrap()
}

const DAY: i64 = 86_400_000_000;
/// When the first sum was stated, microseconds; each further one a day later.
const FIRST: i64 = 1_780_000_000_000_000;

fn entry<'a>(position: u64, stream: &'a str, kind: &'a str, occurred_at: i64, data: &'a str) -> Entry<'a> {
    let id = [7; 16];
    Entry {
        position,
        stream,
        version: position,
        id,
        kind,
        schema: 1,
        occurred_at,
        recorded_at: occurred_at + 1,
        command: id,
        fingerprint: id,
        correlation: id,
        actor: "system",
        refs: "{}",
        data,
    }
}

/// A sum that was stated: its position, its event's text, the trees by currency.
struct Sum {
    position: u64,
    at: i64,
    data: String,
    trees: Vec<(&'static str, u32, OwedTree)>,
}

/// How an event that states a sum is said, and what stands in it.
type Touch<'a> = &'a dyn Fn(&str) -> String;

/// A market that states what it owes at two positions, and signs its log.
struct Market {
    key: MarketKey,
    folder: tempfile::TempDir,
    sums: Vec<Sum>,
    stream: String,
    kind: String,
    checkpoint: Checkpoint,
}

/// Who is owed what in a currency by a statement; leaves by odd names stand among them.
fn owed(currency: &str, statement: u64) -> Vec<(String, u64)> {
    let merchant = |n: u64| (format!("merchant m-{n}"), n * 7_001 % 50_000 + statement * 13);
    let count = if currency == "CNY" { 37 } else { 8 };
    let others =
        ["escrow", "checkouts", "refunds", "stored value", "m-1", "merchant merchant m-2", "merchant escrow"];
    let other = |(n, name): (usize, &&str)| ((*name).to_owned(), n as u64 * 1_000 + 500);
    (0..count).map(merchant).chain(others.iter().enumerate().map(other)).collect()
}

impl Market {
    fn of(key: MarketKey) -> Self {
        Self::that_says(key, &str::to_owned, "books-main", "LiabilitiesStated", FIRST)
    }

    /// One that signs whatever `touch` makes of the event's data.
    fn that_says(key: MarketKey, touch: Touch<'_>, stream: &str, kind: &str, first: i64) -> Self {
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
            let (position, at) = (through + 1, first + DAY * i64::try_from(statement).unwrap());
            log.append(&entry(position, stream, kind, at, &data)).unwrap();
            sums.push(Sum { position, at, data, trees });
        }
        let checkpoint =
            log.checkpoint(std::slice::from_ref(&key), &["time 2026-06-01T00:00:00Z".to_owned()]);
        let (stream, kind) = (stream.to_owned(), kind.to_owned());
        Self { key, folder, sums, stream, kind, checkpoint: checkpoint.unwrap() }
    }

    fn sum(&self, of: usize) -> String {
        let Sum { position, at, data, .. } = &self.sums[of];
        let log = Log::read(self.folder.path()).unwrap();
        log.prove(&entry(*position, &self.stream, &self.kind, *at, data), &self.checkpoint).unwrap().to_text()
    }

    fn own(&self, of: usize, currency: &str, to: &str) -> String {
        let sum = &self.sums[of];
        let (_, digits, tree) = sum.trees.iter().find(|(code, ..)| *code == currency).unwrap();
        tree.prove(sum.position, *digits, to).unwrap().to_text()
    }
}

/// What is handed over, and what its reader expects.
#[derive(Clone)]
struct Case {
    what: String,
    own: String,
    sum: String,
    key: String,
    merchant: String,
    currency: String,
    owed: String,
    not_before: Option<i64>,
    events: Option<u64>,
}

impl Case {
    fn judged(&self) -> Result<(), String> {
        let some = |text: &'_ str| (!text.is_empty()).then(|| text.to_owned());
        let (merchant, currency, owed) = (some(&self.merchant), some(&self.currency), some(&self.owed));
        let expected = ExpectedOwed {
            merchant: merchant.as_deref(),
            currency: currency.as_deref(),
            owed: owed.as_deref(),
            not_before: self.not_before,
            events: self.events,
        };
        let keys = [PublicKey::parse(&self.key).unwrap()];
        verify_owed(&self.own, &self.sum, &keys, &expected).map(drop).map_err(|error| error.to_string())
    }
}

/// What the script says of each case: whether it holds, and in which words.
fn script(cases: &[Case]) -> Vec<(bool, String)> {
    let folder = tempfile::tempdir().unwrap();
    let mut asked = String::new();
    for (at, case) in cases.iter().enumerate() {
        let [own, sum] = ["own", "sum"].map(|of| folder.path().join(format!("{at}.{of}")));
        fs::write(&own, &case.own).unwrap();
        fs::write(&sum, &case.sum).unwrap();
        let Case { key, merchant, currency, owed, .. } = case;
        let not_before = case.not_before.map_or_else(String::new, |at| at.to_string());
        let events = case.events.map_or_else(String::new, |events| events.to_string());
        let (own, sum) = (own.display(), sum.display());
        asked.push_str(&format!(
            "{own}\t{sum}\t{key}\t{merchant}\t{currency}\t{owed}\t{not_before}\t{events}\n"
        ));
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/check_liabilities.py");
    let mut python = Command::new("python3")
        .args(["-B".as_ref(), script.as_os_str(), "--batch".as_ref()])
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
        .map(|line| line.split_once(' ').map(|(verdict, what)| (verdict == "ok", what.to_owned())).unwrap())
        .collect();
    assert_eq!(said.len(), cases.len(), "one answer for each");
    said
}

/// What holds: every merchant in every currency of both statements, each with all that its reader can expect.
fn valid(market: &Market) -> Vec<Case> {
    let mut cases = Vec::new();
    for (of, sum) in market.sums.iter().enumerate() {
        let text = market.sum(of);
        for (currency, digits, _) in &sum.trees {
            for (to, minor) in owed(currency, of as u64) {
                let Some(id) = to.strip_prefix("merchant ") else { continue };
                cases.push(Case {
                    what: format!("{to} in {currency}, statement {of}"),
                    own: market.own(of, currency, &to),
                    sum: text.clone(),
                    key: market.key.public().to_owned(),
                    merchant: id.to_owned(),
                    currency: (*currency).to_owned(),
                    owed: decimal(i64::try_from(minor).unwrap(), *digits),
                    not_before: Some(sum.at),
                    events: Some(market.checkpoint.size),
                });
            }
        }
    }
    cases
}

/// Puts a line in the place of another.
fn line(text: &str, at: usize, touch: impl Fn(&str) -> String) -> Option<String> {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let old = lines.get(at).filter(|line| !line.is_empty())?;
    lines[at] = touch(old);
    Some(lines.join("\n"))
}

const WAYS: usize = 27;

/// Touches a proof in one way; none where that way leaves it as it is.
#[allow(clippy::too_many_lines)] // a list of ways
fn touched(
    way: usize,
    of: &Case,
    all: &[Case],
    forged: &Market,
    market: &Market,
    chance: &mut Chance,
) -> Option<Case> {
    let mut case = of.clone();
    let other = &all[chance.below(all.len())];
    let path = of.own.lines().count() - 6;
    let at = 6 + chance.below(path);
    let add = |amount: &str, by: i64| {
        let digits = amount.split_once('.').map_or(0, |(_, parts)| u32::try_from(parts.len()).unwrap());
        decimal(amount.replace('.', "").parse::<i64>().unwrap() + by, digits)
    };
    let amount_of = |by: i64| {
        move |line: &str| {
            let (word, amount) = line.split_once(' ').unwrap();
            format!("{word} {}", add(amount, by))
        }
    };
    let sum_of = |by: i64| {
        move |line: &str| {
            let (amount, hash) = line.split_once(' ').unwrap();
            format!("{} {hash}", add(amount, by))
        }
    };
    let by = 1 + i64::try_from(chance.below(9_000)).unwrap();
    let flip = |text: &str, chance: &mut Chance| {
        let mut bytes = text.as_bytes().to_vec();
        let at = chance.below(bytes.len());
        bytes[at] ^= 1 << chance.below(7);
        String::from_utf8(bytes).ok()
    };
    let what = match way {
        0 => {
            case.own = flip(&of.own, chance)?;
            "a bit of the proof"
        }
        1 => {
            case.sum = flip(&of.sum, chance)?;
            "a bit of the sum"
        }
        2 => {
            case.own.truncate(chance.below(of.own.len()));
            "a proof cut off"
        }
        3 => {
            case.sum.truncate(chance.below(of.sum.len()));
            "a sum cut off"
        }
        4 => {
            (case.own, case.owed) = (line(&of.own, 4, amount_of(by))?, String::new());
            "more is owed"
        }
        5 => {
            let less = |line: &str| line.replacen(' ', " -", 1);
            (case.own, case.owed) = (line(&of.own, 4, less)?, String::new());
            "less than nothing is owed"
        }
        6 => {
            case.own = line(&of.own, at, sum_of(by))?;
            "a sum beside the way is larger"
        }
        7 => {
            case.own = line(&of.own, at, |line| format!("-{line}"))?;
            "a sum beside the way is below nothing"
        }
        8 => {
            // what is taken from the one is put on the other: all in all the same
            case.own = line(&line(&of.own, 4, amount_of(by))?, 6, sum_of(-by))?;
            case.owed = String::new();
            "an amount moved over from the leaf beside it"
        }
        9 => {
            let theirs: Vec<&str> = other.own.lines().skip(6).collect();
            let spliced = theirs[chance.below(theirs.len())].to_owned();
            case.own = line(&of.own, at, |_| spliced.clone())?;
            "a node of another way"
        }
        10 => {
            let lines: Vec<&str> = of.own.split('\n').collect();
            case.own = [&lines[..at], &lines[at + 1..]].concat().join("\n");
            "a node left out"
        }
        11 => {
            let lines: Vec<&str> = of.own.split('\n').collect();
            case.own = [&lines[..=at], &lines[at..]].concat().join("\n");
            "a node twice"
        }
        12 => {
            let (a, b) = (of.own.lines().nth(6)?.to_owned(), of.own.lines().nth(at)?.to_owned());
            case.own = line(&line(&of.own, 6, |_| b.clone())?, at, |_| a.clone())?;
            "two nodes exchanged"
        }
        13 => {
            let index = chance.below(60);
            case.own = line(&of.own, 5, |_| format!("index {index}"))?;
            "another place"
        }
        14 => {
            case.own.clone_from(&other.own);
            "the proof of another"
        }
        15 => {
            // of another, in one's own name
            let name = of.own.lines().nth(2)?;
            (case.own, case.owed) = (line(&other.own, 2, |_| name.to_owned())?, String::new());
            "the leaf of another by one's own name"
        }
        16 => {
            let nonce = other.own.lines().nth(3)?;
            case.own = line(&of.own, 3, |_| nonce.to_owned())?;
            "the nonce of another"
        }
        17 => {
            case.sum.clone_from(&other.sum);
            "the sum of another day"
        }
        18 => {
            // the older root for the newer position
            let stated = other.own.lines().nth(1)?;
            case.own = line(&of.own, 1, |_| stated.to_owned())?;
            "another position"
        }
        19 => {
            let currency = if of.currency == "CNY" { "JPY" } else { "CNY" };
            case.own = line(&of.own, 4, |line| format!("{currency}{}", &line[3..]))?;
            case.currency = String::new();
            "another currency"
        }
        20 => {
            case.key = market_key(u8::try_from(10 + chance.below(100)).unwrap()).public().to_owned();
            "a key of the same name that is another's"
        }
        21 => {
            let of_forged = usize::from(of.sum == market.sum(1));
            case.own = forged.own(of_forged, &of.currency, &format!("merchant {}", of.merchant));
            case.sum = forged.sum(of_forged);
            "all made anew and signed with another key"
        }
        22 => {
            let names = ["m-1", "merchant", "escrow", "merchant  m-1", "Merchant m-1", "merchant m-1\r", ""];
            let name = names[chance.below(names.len())];
            (case.own, case.merchant) = (line(&of.own, 2, |_| name.to_owned())?, String::new());
            "an odd name"
        }
        23 => {
            let amounts =
                ["+5.00", "05.00", "5.000", "5", "-0.00", "5.00 ", "٥.00", "1e2", "18446744073709551616", ""];
            let amount = amounts[chance.below(amounts.len())];
            case.own = line(&of.own, 4, |line| format!("{} {amount}", &line[..3]))?;
            case.owed = String::new();
            "an amount that is none"
        }
        24 => {
            let behind = ["\n", "x", " ", "\r\n", "310.00 AAAA\n", "\u{feff}"][chance.below(6)];
            match chance.below(4) {
                0 => case.own.push_str(behind),
                1 => case.sum.push_str(behind),
                2 => case.own.insert_str(0, behind),
                _ => case.sum.insert_str(0, behind),
            }
            "something behind or before"
        }
        25 => {
            match chance.below(2) {
                0 => case.own = of.own.replace('\n', "\r\n"),
                _ => case.sum = of.sum.replace('\n', "\r\n"),
            }
            "lines that end as on another system"
        }
        _ => {
            match chance.below(5) {
                0 => case.merchant = format!("merchant {}", of.merchant),
                1 => case.currency = "USD".to_owned(),
                2 => case.owed = add(&of.owed, by),
                3 => case.not_before = of.not_before.map(|at| at + 1),
                _ => case.events = of.events.map(|events| events + 1),
            }
            "not what was expected"
        }
    };
    case.what = format!("{what}: {}", of.what);
    let same = |case: &Case| {
        case.own == of.own
            && case.sum == of.sum
            && case.key == of.key
            && case.merchant == of.merchant
            && (&case.currency, &case.owed) == (&of.currency, &of.owed)
            && (case.not_before, case.events) == (of.not_before, of.events)
    };
    let only_expects_less = case.own == of.own && case.sum == of.sum && case.key == of.key && way < 26;
    (!same(&case) && !only_expects_less).then_some(case)
}

#[test]
fn nothing_that_was_touched_passes_for_what_is_owed_and_the_script_agrees() {
    let market = Market::of(market_key(9));
    let forged = Market::of(market_key(77));
    let valid = valid(&market);
    for (case, (holds, says)) in valid.iter().zip(script(&valid)) {
        assert_eq!(case.judged(), Ok(()), "{}", case.what);
        assert!(holds, "{}: the script says {says}", case.what);
        assert!(says.contains("stated at 2026-") && says.contains(" by the events through "), "{says}");
    }
    let mut chance = Chance(5);
    let mut cases = Vec::new();
    for round in 0..2_700 {
        let of = &valid[chance.below(valid.len())];
        cases.extend(touched(round % WAYS, of, &valid, &forged, &market, &mut chance));
    }
    assert!(cases.len() > 2_300, "{}", cases.len());
    for way in 0..WAYS {
        let mut chance = Chance(way as u64);
        let mut once =
            || touched(way, &valid[chance.below(valid.len())], &valid, &forged, &market, &mut chance);
        assert!((0..20).any(|_| once().is_some()), "way {way} touches something");
    }
    for (case, (holds, says)) in cases.iter().zip(script(&cases)) {
        assert!(case.judged().is_err(), "the crate takes {}", case.what);
        assert!(!holds, "the script takes {}: {says}", case.what);
    }
}

#[test]
fn a_leaf_by_the_id_alone_is_not_the_merchants() {
    // the market has leaves `m-1`, `escrow` and `merchant merchant m-2`, and signs all of them
    let market = Market::of(market_key(9));
    let mut cases = Vec::new();
    for (leaf, id) in
        [("m-1", "m-1"), ("escrow", "escrow"), ("merchant merchant m-2", "m-2"), ("merchant escrow", "m-1")]
    {
        let mut case = valid(&market).remove(0);
        (case.own, case.owed) = (market.own(0, "CNY", leaf), String::new());
        case.merchant = String::new();
        assert_eq!(case.judged(), Ok(()), "{leaf} is a leaf");
        (case.merchant, case.what) = (id.to_owned(), format!("{leaf} for {id}"));
        cases.push(case);
    }
    for (case, (holds, says)) in cases.iter().zip(script(&cases)) {
        let error = case.judged().expect_err(&case.what);
        assert!(
            !holds && error.contains("was asked for") && says.contains("was asked for"),
            "{}: {says}",
            case.what
        );
    }
}

#[test]
fn a_market_that_signs_whatever_it_says_is_held_to_what_a_sum_must_be() {
    type Change = (&'static str, &'static str, &'static str);
    let changes: [Change; 16] = [
        ("less than nothing in all", "\"amount\":\"", "\"amount\":\"-"),
        ("more in all than the root has", "\"amount\":\"", "\"amount\":\"9"),
        ("a leaf more", "\"leaves\":", "\"leaves\":1"),
        ("no leaves", "\"leaves\":", "\"leaves\":0,\"x\":"),
        ("leaves as text", "\"leaves\":44", "\"leaves\":\"44\""),
        ("a currency twice", "\"currency\":\"JPY\"", "\"currency\":\"CNY\""),
        ("currencies out of order", "\"currency\":\"JPY\"", "\"currency\":\"AUD\""),
        ("no currency", "\"currency\":\"JPY\"", "\"currency\":\"jpy\""),
        ("a root in capitals", "\"root\":\"", "\"root\":\"A"),
        ("a name that stands twice", "\"by\":\"system\"", "\"through\":1"),
        ("a name that stands twice where nobody looks", "\"by\":\"system\"", "\"by\":{\"a\":1,\"a\":1}"),
        ("through itself", "\"through\":8", "\"through\":9"),
        ("through a number with a point", "\"through\":8", "\"through\":8.0"),
        ("through nothing", "\"through\":8", "\"through\":null"),
        ("something behind it", "]}", "]}{}"),
        ("no sums", "\"sums\":[", "\"sums\":[],\"x\":["),
    ];
    let mut cases = Vec::new();
    let plain = valid(&Market::of(market_key(9))).remove(0);
    let mut of = |market: &Market, what: &str| {
        let mut case = plain.clone();
        (case.own, case.sum, case.what) =
            (market.own(0, "CNY", "merchant m-0"), market.sum(0), what.to_owned());
        case.not_before = None;
        cases.push(case);
    };
    for (what, from, to) in changes {
        let touch = move |data: &str| {
            // "\"leaves\":0,..." leaves the name twice out: the old number is the other's
            let changed = data.replacen(from, to, 1);
            assert!(changed != data || !data.contains("\"through\":8"), "{from} in {data}");
            changed
        };
        of(&Market::that_says(market_key(9), &touch, "books-main", "LiabilitiesStated", FIRST), what);
    }
    for (stream, kind, first, what) in [
        ("order-o1", "LiabilitiesStated", FIRST, "another stream"),
        ("books-main", "PeriodClosed", FIRST, "another event"),
        ("books-main", "LiabilitiesStated", -1, "a time before the calendar"),
        ("books-main", "LiabilitiesStated", i64::MAX - 2 * DAY, "a time behind it"),
    ] {
        of(&Market::that_says(market_key(9), &str::to_owned, stream, kind, first), what);
    }
    for (case, (holds, says)) in cases.iter().zip(script(&cases)) {
        assert!(case.judged().is_err(), "the crate takes {}", case.what);
        assert!(!holds, "the script takes {}: {says}", case.what);
    }
}

#[test]
fn a_file_longer_than_any_proof_is_refused_unread() {
    let market = Market::of(market_key(9));
    let case = valid(&market).remove(0);
    let long = |text: &str, count: usize| format!("{text}{}", "x".repeat(count));
    let mut cases = vec![case.clone(), case.clone(), case];
    (cases[0].own, cases[0].merchant) = (long(&cases[0].own, 100_001), String::new());
    cases[1].sum = long(&cases[1].sum, 4 << 20);
    cases[2].own = line(&cases[2].own, 2, |name| long(name, 100_001)).unwrap();
    cases[2].merchant = String::new();
    for (case, (holds, says)) in cases.iter().zip(script(&cases)) {
        assert!(case.judged().unwrap_err().contains("longer than any"), "{}", case.what);
        assert!(!holds && (says.contains("longer than any") || says.contains("more than")), "{says}");
    }
}
