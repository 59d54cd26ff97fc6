//! Statements that prove themselves, and that nothing which was touched passes for one. The Python script in `docs`, which
//! shares no code with this crate, judges every case too.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod market;
mod signed;

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;

use common::{Chance, judged_by, market_key, public};
use daybook_proofs::statement::{Chapter, Line, archive, closed_line, decimal};
use daybook_proofs::{
    Expected, Files, KeyedTree, Log, ProofError, ProvenStatement, PublicKey, keyed, verify_statement,
};
use market::{Market, entry, leaf};

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
    /// Least events of its checkpoint; none: any.
    events: Option<u64>,
}

impl Case {
    fn judged(&self) -> Result<ProvenStatement, ProofError> {
        let expected = Expected {
            merchant: Some(&self.merchant),
            from: Some(&self.from),
            through: Some(&self.through),
            events: self.events,
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
        let events = events.map_or_else(String::new, |events| events.to_string());
        asked.push_str(&format!("{}\t{key}\t{merchant}\t{from}\t{through}\t{events}\n", file.display()));
    }
    judged_by("verify_statement.py", asked, cases.len())
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
            events: Some(market.events),
        }
    };
    (0..count).map(one).collect()
}

fn text(files: &Files, name: &str) -> String {
    String::from_utf8(files[name].clone()).unwrap()
}

#[test]
fn lines_that_cannot_be_are_refused_even_where_the_market_sealed_and_signed_them() {
    type Touch = fn(&mut Line);
    let ways: [(&str, Touch); 6] = [
        ("no day of the calendar", |line| line.day.replace_range(8.., "zz")),
        ("no day of its month", |line| line.day.replace_range(8.., "32")),
        ("a day in other digits", |line| line.day.replace_range(8.., "\u{664}")),
        ("an event before the first", |line| line.position = 0),
        ("an event after the close", |line| line.position += 1_000_000),
        ("one event in two months", |line| line.position = line.number),
    ];
    let cases = ways.map(|(what, touch)| {
        let market = Market::that_seals(5, 3, 8, touch);
        let months = market.months();
        let mut case = valid(&market, 1, &mut Chance::of(1)).remove(0);
        (case.merchant, case.from, case.through) =
            ("m-0".to_owned(), months[0].clone(), months[months.len() - 1].clone());
        case.bytes = packed(&market.prove(&case.merchant, &case.from, &case.through));
        case.what = what.to_owned();
        case
    });
    for (case, (holds, says)) in cases.iter().zip(script(&cases)) {
        let error = case.judged().expect_err(&case.what).to_string();
        assert!(!holds, "the script takes {}: {says}", case.what);
        let of_lines = |text: &str| text.contains("lines/") && text.contains(", line ");
        assert!(of_lines(&error) && of_lines(&says), "{}: {error}; {says}", case.what);
    }
}

#[test]
fn a_name_in_an_archive_says_nothing_in_the_place_of_the_script() {
    let market = Market::of(1, 12, 14);
    let mut case = valid(&market, 1, &mut Chance::of(1)).remove(0);
    let mut files = archive::read(&case.bytes).unwrap();
    files.insert("aa\nok m-1 2018-01 to 2018-02, complete".to_owned(), b"x".to_vec());
    case.bytes = packed(&files);
    assert!(case.judged().is_err());
    let said = script(std::slice::from_ref(&case)); // one answer for each
    assert!(!said[0].0, "{}", said[0].1);
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
    // behind as many events as it seals
    last.position = 100_001;
    let closed = closed_line(&last.period, last.position);
    market.events = 100_001;
    market.checkpoint.lines.pop();
    market.checkpoint.lines.push(closed);
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
        events: Some(1),
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
