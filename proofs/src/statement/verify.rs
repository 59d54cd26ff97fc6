//! Whether a statement holds.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::Deserialize;
use tlog_tiles::Hash;

use super::chapter::{decimal, file_name, is_month, number};
use super::files::{HEAD, Head, Member, close_name, close_of, member_name};
use super::{CLOSED, Chapter, Files, Line, Record, Seal};
use crate::{Checkpoint, Proof, ProofError, PublicKey, SignedBy};

/// Most files of a statement.
const MOST_FILES: usize = 20_000;
/// Most bytes of a file that shows a close or what it sealed.
const MOST_PROOF: usize = 4_000_000;

/// What the reader of a statement wants it to be of; what is left open may be anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected<'a> {
    /// The merchant.
    pub merchant: Option<&'a str>,
    /// The first month.
    pub from: Option<&'a str>,
    /// The last month.
    pub through: Option<&'a str>,
    /// Events that the checkpoint has at least: refuses one that is older than another that is known.
    pub events: Option<u64>,
}

/// A close of the books that a statement rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Position of its event.
    pub position: u64,
    /// The month that it closed.
    pub period: String,
    /// What it sealed.
    pub seal: Seal,
    /// Whether the merchant had lines or a balance in it; none where the statement does not reach it.
    pub had_lines: Option<bool>,
}

/// A statement that holds.
#[derive(Clone, Debug)]
pub struct ProvenStatement {
    /// The merchant.
    pub merchant: String,
    /// The first month, `2018-01`.
    pub from: String,
    /// The last month.
    pub through: String,
    /// The market's signed checkpoint that it stands under.
    pub checkpoint: Checkpoint,
    /// Who signed that.
    pub by: SignedBy,
    /// The closes of the books, in order, up to the last one in force.
    pub closes: Vec<Sealed>,
    /// Every line of these months: by currency and month; a month without lines has no chapter.
    pub chapters: Vec<Chapter>,
    /// By currency, what the market owed the merchant before the first month and after the last, minor units; of one that is not
    /// there, nothing.
    pub balances: BTreeMap<String, Balance>,
}

/// What a merchant was owed in a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// Decimals of the currency.
    pub digits: u32,
    /// Before the first month.
    pub opening: i64,
    /// After the last.
    pub closing: i64,
    /// Lines between.
    pub lines: u64,
}

#[derive(Deserialize)]
struct Closed {
    period: String,
    through: Option<u64>,
    seal: Option<Seal>,
}

/// A close as its event says it.
struct Close {
    position: u64,
    through: u64,
    period: String,
    seal: Seal,
    root: Hash,
}

fn broken<T>(why: impl Into<String>) -> Result<T, ProofError> {
    Err(ProofError::broken(why))
}

fn text<'a>(files: &'a Files, name: &str) -> Result<&'a str, ProofError> {
    let bytes = files.get(name).ok_or_else(|| ProofError::broken(format!("{name} is missing")))?;
    std::str::from_utf8(bytes).map_err(|error| ProofError::broken(format!("{name} is not UTF-8: {error}")))
}

/// Within a file, what is wrong says where.
fn at<T>(name: &str, result: Result<T, ProofError>) -> Result<T, ProofError> {
    result.map_err(|error| ProofError::broken(format!("{name}: {error}")))
}

/// Whether a statement holds: what it says, and by whose signature.
///
/// # Errors
/// [`ProofError`] says what does not hold, and in which file, at which line.
pub fn verify_statement(
    files: &Files,
    keys: &[PublicKey],
    expected: &Expected<'_>,
) -> Result<ProvenStatement, ProofError> {
    if files.len() > MOST_FILES {
        return broken(format!("it has {} files, and a statement at most {MOST_FILES}", files.len()));
    }
    let head = Head::parse(text(files, HEAD)?)?;
    wanted("merchant", expected.merchant, &head.merchant)?;
    wanted("first month", expected.from, &head.from)?;
    wanted("last month", expected.through, &head.through)?;
    let mut known = BTreeSet::from([HEAD.to_owned()]);
    let (closes, checkpoint, by) = closes(files, keys, &mut known)?;
    if let Some(least) = expected.events.filter(|least| checkpoint.size < *least) {
        return broken(format!(
            "its checkpoint has {} events, and at least {least} are known",
            checkpoint.size
        ));
    }
    chained(&head, &closes, &checkpoint)?;
    let mut proven = ProvenStatement {
        merchant: head.merchant.clone(),
        from: head.from.clone(),
        through: head.through.clone(),
        checkpoint,
        by,
        closes: Vec::new(),
        chapters: Vec::new(),
        balances: BTreeMap::new(),
    };
    let mut positions = Positions::new();
    for close in closes {
        let had_lines = match close.seal.after.as_deref() {
            Some(after) if *after >= *head.through => None,
            _ => Some(member(files, &head, &close, &mut known, &mut positions, &mut proven)?),
        };
        let Close { position, period, seal, .. } = close;
        proven.closes.push(Sealed { position, period, seal, had_lines });
    }
    proven.chapters.sort_by(|a, b| (&a.currency, &a.month).cmp(&(&b.currency, &b.month)));
    match files.keys().find(|name| !known.contains(*name)) {
        Some(name) => broken(format!("{name} does not belong to the statement")),
        None => Ok(proven),
    }
}

fn wanted(what: &str, expected: Option<&str>, found: &str) -> Result<(), ProofError> {
    match expected.filter(|expected| *expected != found) {
        Some(expected) => broken(format!("{HEAD}: its {what} is {found:?}, and {expected:?} was asked for")),
        None => Ok(()),
    }
}

/// The events of the lines so far, by currency: each moves what is owed once.
type Positions = BTreeMap<String, HashSet<u64>>;
type Closes = (Vec<Close>, Checkpoint, SignedBy);

/// The closes of the books that are shown, in the order of the journal, all under one checkpoint.
fn closes(files: &Files, keys: &[PublicKey], known: &mut BTreeSet<String>) -> Result<Closes, ProofError> {
    let mut positions: Vec<u64> = files.keys().filter_map(|name| close_of(name)).collect();
    positions.sort_unstable();
    let (mut found, mut under) = (Vec::new(), None::<(Checkpoint, SignedBy, String)>);
    for position in positions {
        let name = close_name(position);
        if files.get(&name).is_some_and(|bytes| bytes.len() > MOST_PROOF) {
            return broken(format!("{name} has more than {MOST_PROOF} bytes"));
        }
        let written = text(files, &name)?;
        let proof = at(&name, Proof::parse(written))?;
        if proof.to_text() != written {
            return broken(format!("{name}: it is not as it is written"));
        }
        let (entry, by) = at(&name, proof.verify(keys))?;
        at(&name, proof.checkpoint.signed_by_these_alone(keys))?;
        if entry.position != position {
            return broken(format!("{name}: its event is at position {}", entry.position));
        }
        let stream = entry.stream.to_owned();
        match &under {
            None => under = Some((proof.checkpoint.clone(), by, stream)),
            Some((first, _, _)) if first.note != proof.checkpoint.note => {
                return broken(format!("{name}: it stands under another checkpoint than the others"));
            }
            Some((_, _, books)) if *books != stream => {
                return broken(format!("{name}: it is of {stream}, the others of {books}"));
            }
            Some(_) => {}
        }
        if entry.kind != "PeriodClosed" || !entry.stream.starts_with("books-") {
            return broken(format!("{name}: {} in {} is no close of the books", entry.kind, entry.stream));
        }
        let unreadable = |why: String| ProofError::broken(format!("{name}: {why}"));
        let Closed { period, through, seal } = at(&name, entry.says())?;
        let seal = seal.ok_or_else(|| unreadable(format!("the close of {period} seals no statements")))?;
        let root = hex(&seal.root).ok_or_else(|| unreadable("its seal is no hash".to_owned()))?;
        if !is_month(&period) || seal.after.as_ref().is_some_and(|after| !is_month(after) || *after >= period)
        {
            return Err(unreadable(format!("{period:?} is no month behind those that were closed before")));
        }
        let through = through.filter(|through| *through < position);
        let through = through.ok_or_else(|| unreadable("it sealed what came after it".to_owned()))?;
        known.insert(name);
        found.push(Close { position, through, period, seal, root });
    }
    match under {
        Some((checkpoint, by, _)) => Ok((found, checkpoint, by)),
        None => broken("no file in seals/ shows a close of the books"),
    }
}

/// A hash of 64 small hexadecimal digits.
pub(crate) fn hex(text: &str) -> Option<Hash> {
    let digits = text.as_bytes();
    let lower = digits.len() == 64 && digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let mut hash = [0; 32];
    for (byte, two) in hash.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok()?;
    }
    lower.then_some(Hash(hash))
}

/// Holds the closes to one another: they reach from the first month to the last close in force without a gap.
fn chained(head: &Head, closes: &[Close], checkpoint: &Checkpoint) -> Result<(), ProofError> {
    let (Some(first), Some(last)) = (closes.first(), closes.last()) else {
        return broken("no file in seals/ shows a close of the books");
    };
    let from = head.from.as_str();
    let name = close_name(first.position);
    if first.seal.after.as_deref().is_some_and(|after| after >= from) {
        let why = "the close that sealed it is missing";
        return broken(format!("{from} is before the months of {name}: {why}"));
    }
    if *first.period < *from {
        return broken(format!("{name}: it closed {}, before the first month {from}", first.period));
    }
    for two in closes.windows(2) {
        let (before, after) = (&two[0], &two[1]);
        if after.seal.follows != Some(before.position) || after.seal.after.as_ref() != Some(&before.period) {
            let name = close_name(after.position);
            let follows = after.seal.follows.map_or_else(|| "nothing".to_owned(), |at| at.to_string());
            return broken(format!(
                "{name}: it follows the close at {follows}, and that at {} stands before it: one is missing or too many",
                before.position
            ));
        }
    }
    if *last.period < *head.through {
        return broken(format!("{} is not sealed: the last close is of {}", head.through, last.period));
    }
    let mut named = checkpoint.lines.iter().filter_map(|line| line.strip_prefix(CLOSED));
    let (Some(in_force), None) = (named.next(), named.next()) else {
        return broken("its checkpoint does not say which close of the books is in force");
    };
    let of = in_force.split_once(' ').and_then(|(period, at)| Some((period, number(at)?)));
    if of != Some((last.period.as_str(), last.position)) {
        return broken(format!(
            "the last close in force is {in_force}, and the statement's is {} {}: it is missing, or was reopened",
            last.period, last.position
        ));
    }
    Ok(())
}

/// Takes in what a close sealed of the merchant; whether it had lines.
fn member(
    files: &Files,
    head: &Head,
    close: &Close,
    known: &mut BTreeSet<String>,
    positions: &mut Positions,
    proven: &mut ProvenStatement,
) -> Result<bool, ProofError> {
    let name = member_name(close.position);
    if files.get(&name).is_some_and(|bytes| bytes.len() > MOST_PROOF) {
        return broken(format!("{name} has more than {MOST_PROOF} bytes"));
    }
    let member = Member::parse(&name, text(files, &name)?)?;
    let content = member.leaf.as_ref().map(super::MerchantLeaf::hash);
    if !member.path.leads_to(close.root, &head.merchant, content) {
        return broken(format!(
            "{name}: it does not lead to what the close at {} sealed of {}",
            close.position, head.merchant
        ));
    }
    known.insert(name.clone());
    let Some(leaf) = member.leaf else {
        standing(&name, &[], head, close, proven)?;
        return Ok(false);
    };
    if leaf.merchant != head.merchant {
        return broken(format!("{name}: it is of {}, not of {}", leaf.merchant, head.merchant));
    }
    // what the close before says nothing of was zero, and so was all before the first
    let from_nothing = close.seal.after.is_none() || !proven.closes.is_empty();
    for record in &leaf.records {
        let outside = record.month > close.period
            || close.seal.after.as_ref().is_some_and(|after| record.month <= *after);
        if outside {
            return broken(format!("{name}: {} is no month that was closed then", record.month));
        }
        if *record.month > *head.through {
            continue;
        }
        joined(&name, record, proven, from_nothing)?;
        if *record.month < *head.from || record.lines == 0 {
            continue;
        }
        let file = file_name(&record.currency, &record.month);
        let chapter = Chapter::read(record, text(files, &file)?)?;
        let positions = positions.entry(record.currency.clone()).or_default();
        let mut astray =
            |line: &&Line| !(1..=close.through).contains(&line.position) || !positions.insert(line.position);
        if let Some(line) = chapter.lines.iter().find(&mut astray) {
            let why = format!("its event {} comes twice, or is none that was sealed", line.position);
            return broken(format!("{file}, line {}: {why}", line.number + 1));
        }
        known.insert(file);
        proven.chapters.push(chapter);
    }
    standing(&name, &leaf.records, head, close, proven)?;
    Ok(true)
}

/// No balance falls away: what is owed stands in the last month of each close, also where no line of it does.
fn standing(
    name: &str,
    records: &[Record],
    head: &Head,
    close: &Close,
    proven: &ProvenStatement,
) -> Result<(), ProofError> {
    if *close.period > *head.through {
        return Ok(());
    }
    let said = |currency: &str| {
        records.iter().any(|record| record.currency == currency && record.month == close.period)
    };
    match proven.balances.iter().find(|(currency, of)| of.closing != 0 && !said(currency)) {
        Some((currency, of)) => {
            let owed = decimal(of.closing, of.digits);
            broken(format!(
                "{name}: {currency} stood at {owed}, and of {} nothing is said of it",
                close.period
            ))
        }
        None => Ok(()),
    }
}

/// Holds the opening balance of a record to the closing balance before it, and takes it into the balances.
fn joined(
    name: &str,
    record: &Record,
    proven: &mut ProvenStatement,
    from_nothing: bool,
) -> Result<(), ProofError> {
    let Record { currency, month, digits, opening, closing, lines, .. } = record;
    let before = proven.balances.get(currency).copied();
    let was = before.map(|balance| balance.closing).or(from_nothing.then_some(0));
    if let Some(was) = was.filter(|was| was != opening || before.is_some_and(|of| of.digits != *digits)) {
        let [was, opening] = [was, *opening].map(|minor| decimal(minor, *digits));
        return broken(format!(
            "{name}: {currency} {month} begins with {opening}, and {was} stood before it"
        ));
    }
    let inside = *month >= proven.from;
    let balance = proven.balances.entry(currency.clone()).or_insert(Balance {
        digits: *digits,
        opening: *opening,
        closing: 0,
        lines: 0,
    });
    balance.closing = *closing;
    if inside {
        balance.lines += lines;
    } else {
        balance.opening = *closing;
    }
    Ok(())
}
