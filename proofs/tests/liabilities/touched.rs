//! The ways in which a proof, or the sum that it is counted in, is touched.

use daybook_proofs::statement::decimal;

use super::Case;
use super::common::{Chance, market_key};
use super::market::Market;

/// Puts a line in the place of another.
pub fn line(text: &str, at: usize, touch: impl Fn(&str) -> String) -> Option<String> {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let old = lines.get(at).filter(|line| !line.is_empty())?;
    lines[at] = touch(old);
    Some(lines.join("\n"))
}

pub const WAYS: usize = 27;

/// Touches a proof in one way; none where that way leaves it as it is.
#[allow(clippy::too_many_lines)] // a list of ways
pub fn touched(
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
            match chance.below(6) {
                0 => case.merchant = format!("merchant {}", of.merchant),
                1 => case.currency = "USD".to_owned(),
                2 => case.owed = add(&of.owed, by),
                3 => case.not_before = of.not_before.map(|at| at + 1),
                4 => case.through = of.through.map(|at| at + 1),
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
            && (case.not_before, case.through, case.events) == (of.not_before, of.through, of.events)
    };
    let only_expects_less = case.own == of.own && case.sum == of.sum && case.key == of.key && way < 26;
    (!same(&case) && !only_expects_less).then_some(case)
}
