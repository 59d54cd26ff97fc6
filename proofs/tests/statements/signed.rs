//! Statements of a market that signs whatever it is told to: text by text, each made by hand, and each may be touched before it is
//! sealed. So every check behind the signature stands alone: nothing else refuses what it refuses.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use daybook_proofs::statement::archive;
use daybook_proofs::{Entry, Expected, Files, KeyedTree, Log, MarketKey, keyed, verify_statement};
use sha2::{Digest as _, Sha256};

use super::common::{market_key, public, with_line};
use super::{Case, packed, script};

/// Changes a text, line by line, before it goes into the next: `lines/CNY/2018-01.tsv` (without its columns), `leaf 5`, `close 5` (the
/// event's data), `kind 5`, `stream 5`, `note` (the checkpoint's further lines), `statement.txt`.
pub type Touch = dyn Fn(&str, &mut Vec<String>);

const COLUMNS: &str = "number\tday\tbooked_at\toccurred_at\tposition\tevent\torder\tamount\twithin\tbalance";
/// The positions of the closes.
const CLOSES: [u64; 2] = [5, 8];

/// The chapters: the close that seals each, opening balance, and of each line position, day, amount, balance.
type Row = (u64, &'static str, &'static str, &'static str);
const CHAPTERS: [(u64, &str, &str, &str, &[Row]); 4] = [
    (5, "CNY", "2018-01", "0.00", &[(1, "03", "10.00", "10.00"), (2, "31", "-2.50", "7.50")]),
    (5, "CNY", "2018-02", "7.50", &[(3, "01", "1.00", "8.50"), (4, "28", "0.00", "8.50")]),
    // the same event may move what is owed in two currencies
    (5, "JPY", "2018-02", "0", &[(4, "28", "300", "300")]),
    (8, "CNY", "2018-03", "8.50", &[(6, "01", "2.00", "10.50"), (7, "31", "5.25", "15.75")]),
];

fn leaf(bytes: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([0]).chain_update(bytes).finalize().into()
}

/// The root of RFC 6962 over some lines.
fn root(rows: &[String]) -> [u8; 32] {
    match rows {
        [] => Sha256::digest([]).into(),
        [one] => leaf(one.as_bytes()),
        _ => {
            let (left, right) = rows.split_at(rows.len().next_power_of_two() / 2);
            Sha256::new()
                .chain_update([1])
                .chain_update(root(left))
                .chain_update(root(right))
                .finalize()
                .into()
        }
    }
}

fn lines(rows: &[String]) -> String {
    rows.iter().flat_map(|row| [row, "\n"]).collect()
}

/// The statement of `m-1` over 2018-01 to 2018-03, of a market that signs what `touch` makes of it.
pub fn statement(key: &MarketKey, touch: &Touch) -> Files {
    let mut files = Files::new();
    let touched = |name: &str, mut text: Vec<String>| {
        touch(name, &mut text);
        text
    };
    let mut records = Vec::new();
    for (close, currency, month, opening, rows) in CHAPTERS {
        let name = format!("lines/{currency}/{month}.tsv");
        let row = |(at, row): (usize, &Row)| {
            let (position, day, amount, balance) = row;
            let (number, within) = (at + 1, if currency == "JPY" { "0" } else { "0.00" });
            let time = format!("{month}-{day}T08:00:00Z");
            format!(
                "{number}\t{month}-{day}\t{time}\t{time}\t{position}\tEscrowReleased\to-{position}\t{amount}\t{within}\t{balance}"
            )
        };
        let rows = touched(&name, rows.iter().enumerate().map(row).collect());
        let closing =
            rows.last().and_then(|row| row.rsplit('\t').next()).unwrap_or(opening).trim_end().to_owned();
        let root = BASE64_STANDARD.encode(root(&rows));
        records.push((close, format!("{currency} {month} {} {opening} {closing} {root}", rows.len())));
        files.insert(name, format!("{COLUMNS}\n{}", lines(&rows)).into_bytes());
    }
    records.push((8, format!("JPY 2018-03 0 300 300 {}", BASE64_STANDARD.encode(root(&[])))));
    let mut events = Vec::new();
    for position in 1..=8u64 {
        let data = if CLOSES.contains(&position) {
            let own =
                records.iter().filter(|(close, _)| *close == position).map(|(_, record)| record.clone());
            let head = ["daybook merchant 2".to_owned(), "merchant m-1".to_owned()];
            let text = touched(&format!("leaf {position}"), head.into_iter().chain(own).collect());
            let other = (keyed::key("m-2"), keyed::content("of m-2"));
            let tree =
                KeyedTree::of(vec![(keyed::key("m-1"), keyed::content(&lines(&text))), other]).unwrap();
            let beside: String = tree.path("m-1").beside.iter().map(|hash| format!("{hash}\n")).collect();
            let member = format!("{}\n{beside}", lines(&text));
            files.insert(format!("seals/{position}.merchant"), member.into_bytes());
            let root: String = tree.root().0.iter().map(|byte| format!("{byte:02x}")).collect();
            let (period, more) = if position == 5 {
                ("2018-02", "")
            } else {
                ("2018-03", r#","after":"2018-02","follows":5"#)
            };
            let through = position - 1;
            let data = format!(
                r#"{{"period":"{period}","until":"2018-04-01T00:00:00Z","digest":"00","by":"chen","through":{through},"seal":{{"merchants":2,"lines":5,"root":"{root}"{more}}}}}"#
            );
            touched(&format!("close {position}"), vec![data]).concat()
        } else {
            "{}".to_owned()
        };
        let kind = if CLOSES.contains(&position) { "PeriodClosed" } else { "EscrowReleased" };
        let stream = if CLOSES.contains(&position) { "books-main" } else { "order-o1" };
        let kind = touched(&format!("kind {position}"), vec![kind.to_owned()]).concat();
        let stream = touched(&format!("stream {position}"), vec![stream.to_owned()]).concat();
        events.push((kind, stream, data));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::open(folder.path()).unwrap();
    let entry = |at: usize| {
        let (kind, stream, data) = &events[at];
        let position = at as u64 + 1;
        Entry { stream, ..super::market::entry(position, kind, data) }
    };
    (0..events.len()).for_each(|at| log.append(&entry(at)).unwrap());
    let note = touched("note", vec!["time 2026-01-01T00:00:00Z".to_owned(), "closed 2018-03 8".to_owned()]);
    let checkpoint = log.checkpoint(std::slice::from_ref(key), &note).unwrap();
    for position in CLOSES {
        let at = usize::try_from(position).unwrap() - 1;
        let proof = log.prove(&entry(at), &checkpoint).unwrap().to_text();
        files.insert(format!("seals/{position}.proof"), proof.into_bytes());
    }
    let head = ["daybook statement 2", "merchant m-1", "from 2018-01", "through 2018-03"];
    let head = touched("statement.txt", head.map(str::to_owned).to_vec());
    files.insert("statement.txt".to_owned(), lines(&head).into_bytes());
    files
}

/// A way to touch, and what is said of it: where, by the crate and by the script.
pub struct Way {
    pub what: &'static str,
    /// The text, as [`Touch`] names it.
    pub text: &'static str,
    /// What stands there, and what is put in its place.
    pub change: (&'static str, &'static str),
    pub place: &'static str,
    pub here: &'static str,
    pub script: &'static str,
}

const fn way(
    what: &'static str,
    text: &'static str,
    change: (&'static str, &'static str),
    place: &'static str,
    here: &'static str,
    script: &'static str,
) -> Way {
    Way { what, text, change, place, here, script }
}

impl Way {
    /// The statement that it makes; `None` where it changes nothing.
    pub fn made(&self, key: &MarketKey) -> Option<Files> {
        let ((from, to), text) = (self.change, self.text);
        let touch = move |name: &str, lines: &mut Vec<String>| {
            if name == text {
                let whole = lines.join("\n");
                assert!(whole.contains(from), "{from:?} in {name}: {whole}");
                *lines = whole.replacen(from, to, 1).split('\n').map(str::to_owned).collect();
                lines.retain(|line| line != "-");
            }
        };
        let (made, plain) = (statement(key, &touch), statement(key, &|_, _| {}));
        (made != plain).then_some(made)
    }
}

const JAN: &str = "lines/CNY/2018-01.tsv";
const FEB: &str = "lines/CNY/2018-02.tsv";
const TEXT: &str = "is no day of the month";
const DAY: &str = "its day is not of the month";
const ASTRAY: &str = "comes twice, or is none";
const NO_LINE: &str = "it is no line of a statement";
const CLOSE: &str = "seals/5.proof";
const LEAF: &str = "seals/5.merchant";
const WRITTEN: &str = "as it is written";
const LATER: &str = "it sealed what came after it";
const NO_MONTH: &str = "is no month behind";
const NO_PERIOD: &str = "its month is none behind";

/// Every way, with what is to be said of it.
#[rustfmt::skip]
pub const WAYS: &[Way] = &[
    // lines
    way("a number left out", JAN, ("2\t2018", "3\t2018"), ", line 3", "number 3 stands where 2 belongs", "number 3 stands where 2 belongs"),
    way("a number with a zero before it", JAN, ("2\t2018", "02\t2018"), ", line 3", NO_LINE, "'02' is no number"),
    way("a balance that does not follow", JAN, ("\t10.00\t0.00\t10.00", "\t10.00\t0.00\t10.01"), ", line 2", "after 0.00 the balance is 10.00", "its balance is not the one before"),
    way("a day of another month", JAN, ("1\t2018-01-03", "1\t2018-02-03"), ", line 2", TEXT, DAY),
    way("a day that is none", FEB, ("\t2018-02-28\t", "\t2018-02-30\t"), ", line 3", TEXT, DAY),
    way("days that go back", JAN, ("2\t2018-01-31", "2\t2018-01-02"), ", line 3", TEXT, DAY),
    way("a day in other digits", JAN, ("2\t2018-01-31", "2\t2018-01-\u{663}1"), ", line 3", TEXT, DAY),
    way("an event before the first", JAN, ("\t1\tEscrow", "\t0\tEscrow"), ", line 2", ASTRAY, ASTRAY),
    way("an event behind what was sealed", FEB, ("\t4\tEscrow", "\t5\tEscrow"), ", line 3", ASTRAY, ASTRAY),
    way("one event twice in a month", JAN, ("\t2\tEscrow", "\t1\tEscrow"), ", line 3", ASTRAY, ASTRAY),
    way("one event in two months", FEB, ("\t3\tEscrow", "\t1\tEscrow"), ", line 2", ASTRAY, ASTRAY),
    way("a position above any", JAN, ("\t2\tEscrow", "\t4611686018427387905\tEscrow"), ", line 3", NO_LINE, "is no number"),
    way("a position with a sign", JAN, ("\t2\tEscrow", "\t+2\tEscrow"), ", line 3", NO_LINE, "is no number"),
    way("an amount of other decimals", JAN, ("\t-2.50\t", "\t-2.5\t"), ", line 3", NO_LINE, "another number of decimals"),
    way("an amount with a sign that is too much", JAN, ("\t10.00\t", "\t+10.00\t"), ", line 2", NO_LINE, "is no amount"),
    way("an amount that is less than nothing of nothing", FEB, ("o-4\t0.00", "o-4\t-0.00"), ", line 3", NO_LINE, "is no amount"),
    way("an amount longer than money is", FEB, ("\t0.00\t0.00\t8.50", "\t0.00\t12345678901234567.00\t8.50"), ", line 3", NO_LINE, "is no amount"),
    way("a line with one cell more", JAN, ("\to-1\t", "\to-1\tx\t"), ", line 2", NO_LINE, NO_LINE),
    way("a line that ends as on another system", JAN, ("\t10.00\n2", "\t10.00\r\n2"), ", line 2", NO_LINE, "is no amount"),
    // what was sealed of them
    way("an opening from nothing", "leaf 5", ("CNY 2018-01 2 0.00", "CNY 2018-01 2 1.00"), LEAF, "begins with 1.00, and 0.00 stood before it", "does not begin with what stood before it"),
    way("an opening that does not join", "leaf 5", ("CNY 2018-02 2 7.50", "CNY 2018-02 2 7.00"), LEAF, "begins with 7.00, and 7.50 stood before it", "does not begin with what stood before it"),
    way("months that do not join from close to close", "leaf 8", ("2 8.50", "2 8.00"), "seals/8.merchant", "begins with 8.00, and 8.50 stood before it", "does not begin with what stood before it"),
    way("another closing balance", "leaf 5", ("0.00 7.50", "0.00 7.51"), JAN, "ends with a balance of 7.50, and 7.51 was sealed", "ends with another balance than was sealed"),
    way("a line fewer than was sealed", "leaf 5", ("CNY 2018-01 2", "CNY 2018-01 3"), JAN, "it has 2 lines, and 3 were sealed", "it has 2 lines, and 3 were sealed"),
    way("a line more than was sealed", "leaf 5", ("CNY 2018-01 2", "CNY 2018-01 1"), JAN, "1 lines were sealed, and this is one more", "it has 2 lines, and 1 were sealed"),
    way("a month that was not closed then", "leaf 8", ("CNY 2018-03", "CNY 2018-04"), "seals/8.merchant", "is no month that was closed then", "was not closed then"),
    way("a month that was closed before", "leaf 8", ("CNY 2018-03", "CNY 2018-02"), "seals/8.merchant", "is no month that was closed then", "was not closed then"),
    way("a balance that falls away", "leaf 8", ("JPY 2018-03 0 300 300 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "-"), "seals/8.merchant", "JPY stood at 300, and of 2018-03 nothing is said of it", "JPY stood at a balance, and nothing is said of it"),
    way("a balance from nowhere", "leaf 8", ("JPY 2018-03 0 300 300", "USD 2018-03 0 300 300"), "seals/8.merchant", "begins with 300, and 0 stood before it", "does not begin with what stood before it"),
    way("a balance that moves without lines", "leaf 8", ("0 300 300", "0 300 301"), "seals/8.merchant", WRITTEN, "a record without lines moves a balance"),
    way("a record of nothing", "leaf 8", ("0 300 300", "0 0 0"), "seals/8.merchant", WRITTEN, "a record without lines moves a balance"),
    way("a currency of other decimals", "leaf 8", ("0 300 300", "0 3.00 3.00"), "seals/8.merchant", "begins with 3.00", "does not begin with what stood before it"),
    way("records out of order", "leaf 5", ("JPY 2018-02", "AUD 2018-02"), LEAF, WRITTEN, "its records are not in order"),
    way("a count that is none", "leaf 5", ("CNY 2018-01 2", "CNY 2018-01 +2"), LEAF, WRITTEN, "is no number"),
    way("a leaf of another merchant", "leaf 5", ("merchant m-1", "merchant m-2"), LEAF, "it is of m-2, not of m-1", "it is of another merchant"),
    way("a leaf of another form", "leaf 5", ("daybook merchant 2", "daybook merchant 1"), LEAF, WRITTEN, "it is of another merchant"),
    // the close
    way("a seal of what came after it", "close 5", ("\"through\":4", "\"through\":5"), CLOSE, LATER, LATER),
    way("a seal that does not say through where", "close 5", ("\"through\":4,", ""), CLOSE, LATER, LATER),
    way("a seal through nothing", "close 5", ("\"through\":4", "\"through\":null"), CLOSE, LATER, LATER),
    way("a number with a point", "close 5", ("\"through\":4", "\"through\":4.0"), CLOSE, "what it says", "4.0 is no whole number"),
    way("a number as text", "close 5", ("\"through\":4", "\"through\":\"4\""), CLOSE, "what it says", LATER),
    way("a number without end", "close 5", ("\"through\":4", "\"through\":Infinity"), CLOSE, "what it says", "Infinity is no whole number"),
    way("a name that stands twice", "close 5", ("\"through\":4", "\"through\":4,\"through\":4"), CLOSE, "stands in it twice", "a name stands twice"),
    way("a name that stands twice where nobody looks", "close 5", ("\"by\":\"chen\"", "\"by\":\"chen\",\"x\":{\"a\":1,\"\\u0061\":2}"), CLOSE, "stands in it twice", "a name stands twice"),
    way("half of a surrogate", "close 5", ("\"by\":\"chen\"", "\"by\":\"\\ud800\""), CLOSE, "what it says", "what it says"),
    way("lists in one another without end", "close 5", ("\"by\":\"chen\"", "\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"), CLOSE, "nested too deep", "nested too deep"),
    way("no seal", "close 5", ("\"seal\"", "\"sea\""), CLOSE, "seals no statements", "it seals no statements"),
    way("a seal of nothing", "close 5", ("\"seal\":{", "\"seal\":null,\"x\":{"), CLOSE, "seals no statements", "it seals no statements"),
    way("a seal that counts no merchants", "close 5", ("\"merchants\":2,", ""), CLOSE, "what it says", "its seal does not count"),
    way("a seal of fewer lines than none", "close 5", ("\"lines\":5", "\"lines\":-5"), CLOSE, "what it says", "its seal does not count"),
    way("a root that is none", "close 5", ("\"root\":\"", "\"root\":\"A"), CLOSE, "its seal is no hash", "its seal is no hash"),
    way("a month that is none", "close 5", ("\"period\":\"2018-02\"", "\"period\":\"2018-13\""), CLOSE, NO_MONTH, NO_PERIOD),
    way("a month of letters, behind all others", "close 8", ("\"period\":\"2018-03\"", "\"period\":\"zzzz\""), "seals/8.proof", NO_MONTH, NO_PERIOD),
    way("a month behind itself", "close 8", ("\"after\":\"2018-02\"", "\"after\":\"2018-03\""), "seals/8.proof", NO_MONTH, NO_PERIOD),
    way("a first close behind another", "close 5", ("\"lines\":5", "\"lines\":5,\"after\":\"2018-01\""), CLOSE, "the close that sealed it is missing", "is missing"),
    way("a close that follows another", "close 8", ("\"follows\":5", "\"follows\":4"), "seals/8.proof", "one is missing or too many", "it does not follow the close before it"),
    way("a close that follows by a word", "close 8", ("\"follows\":5", "\"follows\":true"), "seals/8.proof", "what it says", "its seal follows no close"),
    way("a close after another month", "close 8", ("\"after\":\"2018-02\"", "\"after\":\"2018-01\""), "seals/8.proof", "one is missing or too many", "it does not follow the close before it"),
    way("another event for a close", "kind 5", ("PeriodClosed", "PeriodReopened"), CLOSE, "is no close of the books", "its event is no close of the books"),
    way("a close of other books", "stream 8", ("books-main", "books-other"), "seals/8.proof", "it is of books-other", "or is of other books"),
    // the checkpoint
    way("an earlier close in force", "note", ("closed 2018-03 8", "closed 2018-02 5"), "", "the last close in force is 2018-02 5", "it is not the last close in force"),
    way("no close in force", "note", ("closed 2018-03 8", "open"), "", "does not say which close of the books is in force", "it is not the last close in force"),
    way("nothing closed", "note", ("closed 2018-03 8", "closed none"), "", "the last close in force is none", "it is not the last close in force"),
    way("two closes in force", "note", ("closed 2018-03 8", "closed 2018-03 8\nclosed 2018-03 8"), "", "does not say which close of the books is in force", "it is not the last close in force"),
    way("a close in force written in another way", "note", ("closed 2018-03 8", "closed 2018-03 08"), "", "the last close in force is 2018-03 08", "it is not the last close in force"),
    // the head
    way("a merchant without a name before it", "statement.txt", ("merchant m-1", "merchant"), "statement.txt", "does not say merchant", "does not say merchant"),
    way("a merchant that ends as on another system", "statement.txt", ("merchant m-1", "merchant m-1\r"), "statement.txt", "does not say merchant", WRITTEN),
    way("months the other way round", "statement.txt", ("from 2018-01", "from 2018-04"), "statement.txt", "does not say merchant", "its months are none"),
    way("a month beyond the last close", "statement.txt", ("through 2018-03", "through 2018-04"), "", "2018-04 is not sealed", "2018-04 is not sealed"),
    way("a month that leaves lines out", "statement.txt", ("through 2018-03", "through 2018-02"), "", "does not belong to the statement", "it does not belong to the statement"),
];

#[test]
fn what_a_market_signs_that_cannot_be_is_refused_by_both_with_what_and_where() {
    let key = market_key(9);
    let case = |what: &str, files: &Files| Case {
        what: what.to_owned(),
        bytes: packed(files),
        key: key.public().to_owned(),
        merchant: String::new(),
        from: String::new(),
        through: String::new(),
        events: None,
    };
    let judged = |case: &Case| {
        let files = archive::read(&case.bytes).unwrap();
        verify_statement(&files, &[public(&key)], &Expected::default())
    };
    let whole = case("as it is", &statement(&key, &|_, _| {}));
    let found = judged(&whole).unwrap();
    let of = |currency: &str| (found.balances[currency].closing, found.balances[currency].lines);
    assert_eq!((of("CNY"), of("JPY")), ((1_575, 6), (300, 1)));
    let made = |way: &Way| case(way.what, &way.made(&key).unwrap_or_else(|| panic!("{}", way.what)));
    let cases: Vec<Case> = std::iter::once(whole).chain(WAYS.iter().map(made)).collect();
    let said = script(&cases);
    assert!(
        said[0].0 && said[0].1.contains("CNY 0.00 -> 15.75 in 6 lines; JPY 0 -> 300 in 1 lines"),
        "{said:?}"
    );
    let mut other = Vec::new();
    for (way, (case, (holds, says))) in WAYS.iter().zip(cases[1..].iter().zip(&said[1..])) {
        let here = judged(case).map_or_else(|error| error.to_string(), |_| "it holds".to_owned());
        let place = |text: &str| text.contains(way.place) || way.place.starts_with(", line");
        let line = !way.place.starts_with(", line") || (here.contains(way.place) && says.contains(way.place));
        let as_it_must = here.contains(way.here) && says.contains(way.script) && !holds;
        if !(as_it_must && place(&here) && place(says) && line) {
            other.push(format!("{}:\n  {here}\n  {says}", way.what));
        }
    }
    assert!(other.is_empty(), "{}", other.join("\n"));
}

#[test]
fn a_file_that_is_longer_than_is_read_is_refused_by_both() {
    let key = market_key(9);
    let case = |files: &Files| Case {
        what: String::new(),
        bytes: packed(files),
        key: key.public().to_owned(),
        merchant: String::new(),
        from: String::new(),
        through: String::new(),
        events: None,
    };
    let noted = |bytes: usize| {
        let mut files = statement(&key, &|_, _| {});
        for position in CLOSES {
            let proof = files.get_mut(&format!("seals/{position}.proof")).unwrap();
            let longer = with_line(std::str::from_utf8(proof).unwrap(), &"x".repeat(bytes), 9);
            *proof = longer.into_bytes();
        }
        case(&files)
    };
    let behind = |name: &str| {
        let mut files = statement(&key, &|_, _| {});
        files.get_mut(name).unwrap().extend(vec![b'x'; 4_000_000]);
        case(&files)
    };
    let cases = [noted(900_000), noted(1_000_000), behind("seals/5.proof"), behind("seals/5.merchant")];
    let said = script(&cases);
    let words = [
        ("", ""),
        ("no signed note", "longer than any that is read"),
        ("seals/5.proof has more than 4000000 bytes", "seals/5.proof: it has more than 4000000 bytes"),
        ("seals/5.merchant has more than 4000000 bytes", "seals/5.merchant: it has more than 4000000 bytes"),
    ];
    for (at, (case, (here, there))) in cases.iter().zip(words).enumerate() {
        let files = archive::read(&case.bytes).unwrap();
        let judged = verify_statement(&files, &[public(&key)], &Expected::default());
        let (holds, says) = &said[at];
        assert_eq!((judged.is_ok(), *holds), (at == 0, at == 0), "{at}: {judged:?}, {says}");
        let judged = judged.map_or_else(|error| error.to_string(), |_| String::new());
        assert!(judged.contains(here) && says.contains(there), "{at}: {judged}, {says}");
    }
}
