//! The statement inside a merchant's pack: that its account lacks no line of the months that were closed.
//!
//! Which months these are the checkpoint that the pack's issue stands under says: it names the last close of the books that was in force, or
//! that none was, by the market's signed word, which is held against the journal by who has it; and every month of the pack up to there is
//! sealed, unless a close from before statements were sealed is shown.

use std::path::Path;

use daybook_domain::books::Month;
use daybook_domain::{Code, Timestamp};
use daybook_journal::Journal;
use daybook_market::proven::Prover;
use daybook_packs::proof::{STATEMENT, UNSEALED};
use daybook_packs::{Facts, MOST_PROVING, Pack, Sealed, SealedLine, SealedMonths};
use daybook_projections::ReadModels;
use daybook_proofs::statement::archive;
use daybook_proofs::{Checkpoint, Expected, ProofError, ProvenStatement, PublicKey, verify_statement};
use serde_json::Value;

use super::verify::{PROOF, proof_of};
use crate::failure::Failure;

const _: () = assert!(MOST_PROVING == archive::MOST_BYTES, "a pack takes what a statement may be");

/// The statement of the sealed months, as one file, under the last checkpoint as this key signed it.
pub fn statement(
    models: &ReadModels,
    journal: &dyn Journal,
    folder: &Path,
    (facts, months): (&Facts, &SealedMonths),
    signed_by: &PublicKey,
) -> Result<Vec<u8>, Failure> {
    let month = |text: &str| {
        let code = Code::new(text).map_err(|error| Failure::Refused(error.to_string()))?;
        Month::parse(code).map_err(|error| Failure::Refused(error.to_string()))
    };
    let market = daybook_market::Options::default().market;
    let prover = Prover { models, journal, market, folder };
    let (from, through) = (month(&months.from)?, month(&months.through)?);
    let signed_by = std::slice::from_ref(signed_by);
    let proven = prover.prove_signed(&facts.subject.merchant, from, through, signed_by)?;
    let mut bytes = std::io::Cursor::new(Vec::new());
    archive::write(&proven.files, &mut bytes)?;
    Ok(bytes.into_inner())
}

/// The last close of the books that was in force under a checkpoint.
pub struct Close {
    pub period: String,
    pub position: u64,
}

impl Close {
    pub fn of(checkpoint: &Checkpoint) -> Result<Option<Self>, String> {
        let mut named = checkpoint.lines.iter().filter_map(|line| line.strip_prefix("closed "));
        let (first, second) = (named.next(), named.next());
        // none at all is not that none was closed: it could have been left out
        let line = first.ok_or("its checkpoint does not say which books were closed last")?;
        if (line, second) == ("none", None) {
            return Ok(None);
        }
        let close = line.split_once(' ').and_then(|(period, position)| {
            next(period)?;
            Some(Self { period: period.to_owned(), position: position.parse().ok()? })
        });
        match (close, second) {
            (Some(close), None) => Ok(Some(close)),
            _ => Err(format!("its checkpoint does not say which books were closed last: {line:?}")),
        }
    }
}

/// The last month that was closed without sealing statements: by the close of the books at a position, or by the one that those from there on
/// follow.
fn unsealed(pack: &Pack, mut position: u64, keys: &[PublicKey]) -> Result<String, String> {
    let broken = |why: &str| format!("proof/{UNSEALED} does not hold: {why}");
    let bytes = pack.proof(UNSEALED).ok_or_else(|| {
        format!("proof/{UNSEALED} is missing, which would show that the close at {position} sealed none")
    })?;
    let text = std::str::from_utf8(bytes).map_err(|_| broken("it is not as it is written"))?;
    let starts: Vec<usize> = text.match_indices("c2sp.org/tlog-proof@").map(|(at, _)| at).collect();
    if starts.first() != Some(&0) {
        return Err(broken("it does not begin with the proof of an event"));
    }
    for (n, at) in starts.iter().enumerate() {
        let end = starts.get(n + 1).copied().unwrap_or(text.len());
        let proof = proof_of(&text.as_bytes()[*at..end]).map_err(|error| broken(&error.to_string()))?;
        let (event, _) = proof.verify(keys).map_err(|error| broken(&error.to_string()))?;
        if event.position != position || event.kind != "PeriodClosed" || !event.stream.starts_with("books-") {
            return Err(broken(&format!("it has none of the close of the books at {position}")));
        }
        let data: Value = event.says().map_err(|error| broken(&error.to_string()))?;
        match (&data["seal"], data["period"].as_str()) {
            (Value::Null, Some(_)) if end < text.len() => {
                return Err(broken("something stands behind the close that sealed no statements"));
            }
            (Value::Null, Some(period)) => return Ok(period.to_owned()),
            (seal, _) => {
                let follows = seal["follows"].as_u64();
                position = follows
                    .ok_or_else(|| broken(&format!("the close at {position} sealed all that was before")))?;
            }
        }
    }
    Err(broken(&format!("it does not show the close at {position}")))
}

/// The month after one that is named `2018-01`.
fn next(month: &str) -> Option<String> {
    Some(Month::parse(Code::new(month).ok()?).ok()?.next().to_string())
}

/// Whether the pack names every month that was closed and sealed when it was issued; what is wrong otherwise. It is told whether a close
/// that sealed nothing had to be shown for that.
fn all_named(
    pack: &Pack,
    facts: &Facts,
    issued: &Checkpoint,
    proven: Option<&ProvenStatement>,
    keys: &[PublicKey],
) -> Result<bool, String> {
    let subject = &facts.subject;
    let (first, last) = (subject.from.format("%Y-%m").to_string(), subject.to.format("%Y-%m").to_string());
    let close = Close::of(issued)?;
    if let Some(late) = close.as_ref().filter(|close| close.position > subject.through) {
        return Err(format!(
            "the books of {} were closed at position {}, after the pack was drawn at {}: have it drawn anew",
            late.period, late.position, subject.through
        ));
    }
    let named = subject.sealed.as_ref();
    let Some(Close { period, position }) = close.filter(|close| close.period >= first) else {
        return named.map_or(Ok(false), |months| {
            Err(format!("{} is said to be sealed, and no books of the pack's days were closed", months.from))
        });
    };
    let through = period.clone().min(last);
    let Some(months) = named else {
        let told = format!("the books were closed through {period}, and the pack shows no statement of them");
        let closed = unsealed(pack, position, keys).map_err(|why| format!("{told}: {why}"))?;
        return if closed >= through { Ok(true) } else { Err(told) };
    };
    if months.through != through {
        return Err(format!(
            "the books were closed through {period}, and the pack's statement ends with {}",
            months.through
        ));
    }
    if months.from < first {
        return Err(format!(
            "the pack begins with {first}, and its statement with {}: no statement begins before its pack",
            months.from
        ));
    }
    let Some(proven) = proven else { return Ok(true) };
    if Close::of(&proven.checkpoint)?.is_none_or(|its| its.position != position) {
        return Err("the statement stands under another close of the books than the pack's issue".to_owned());
    }
    if months.from == first {
        return Ok(false);
    }
    // months that the first close did not seal are those of the close before it, which sealed none
    let seal = proven.closes.first().map(|close| &close.seal);
    let after = seal.and_then(|seal| seal.after.clone().zip(seal.follows));
    let told = format!("the pack begins with {first}, and its statement with {}", months.from);
    let Some((after, follows)) = after.filter(|(after, _)| next(after).as_ref() == Some(&months.from)) else {
        return Err(format!("{told}: the close that it shows first sealed months before"));
    };
    let closed = unsealed(pack, follows, keys).map_err(|why| format!("{told}: {why}"))?;
    if closed == after { Ok(true) } else { Err(format!("{told}: the close at {follows} is of {closed}")) }
}

/// Holds a pack's account to the statement in it: in a few words, what of it is proved to be complete.
pub fn held(pack: &Pack, facts: Option<&Facts>, keys: &[PublicKey], wrong: &mut Vec<String>) -> String {
    let Some(facts) = facts else { return "no".to_owned() };
    let subject = &facts.subject;
    if keys.is_empty() {
        return "not checked: name the market's public key with --key".to_owned();
    }
    let issued = pack.proof(PROOF).and_then(|bytes| {
        let proof = proof_of(bytes).ok()?;
        proof.verify(keys).is_ok().then_some(proof.checkpoint)
    });
    let Some(issued) = issued else {
        // what is wrong with it is said already
        return "no: no proof of its issue says which books were closed".to_owned();
    };
    let before = wrong.len();
    let proven = match (&subject.sealed, pack.proof(STATEMENT)) {
        (None, None) => None,
        (None, Some(_)) => {
            wrong.push(format!("the pack says that no month was sealed, and proof/{STATEMENT} is in it"));
            None
        }
        (Some(months), None) => {
            wrong.push(format!(
                "proof/{STATEMENT} is missing: nothing shows that the account of {} to {} is complete",
                months.from, months.through
            ));
            None
        }
        (Some(months), Some(bytes)) => {
            let proven = archive::read(bytes).and_then(|files| {
                let expected = Expected {
                    merchant: Some(&subject.merchant),
                    from: Some(&months.from),
                    through: Some(&months.through),
                    events: Some(subject.through),
                };
                let proven = verify_statement(&files, keys, &expected)?;
                Ok((sealed(months, facts, &proven)?, proven))
            });
            match proven {
                Ok((sealed, proven)) => {
                    facts.against(&sealed, wrong);
                    Some(proven)
                }
                Err(error) => {
                    wrong.push(format!("proof/{STATEMENT} does not hold: {error}"));
                    None
                }
            }
        }
    };
    match all_named(pack, facts, &issued, proven.as_ref(), keys) {
        Ok(false) if pack.proof(UNSEALED).is_some() => {
            wrong.push(format!(
                "proof/{UNSEALED} shows what nothing asks for, and nothing holds it: it was added"
            ));
        }
        Ok(_) => {}
        Err(why) => wrong.push(why),
    }
    match &subject.sealed {
        _ if wrong.len() > before => "no".to_owned(),
        None => "of no month: none was closed and sealed when it was drawn, by the market's word".to_owned(),
        Some(months) => {
            let (first, last) = (subject.from.format("%Y-%m"), subject.to.format("%Y-%m"));
            let rest = match (first.to_string() < months.from, last.to_string() > months.through) {
                (false, false) => "",
                (true, false) => "; before that on the market's word",
                (false, true) => "; after that on the market's word",
                (true, true) => "; before and after that on the market's word",
            };
            format!("of {} to {}{rest}", months.from, months.through)
        }
    }
}

/// What a statement proves of the pack's currency.
fn sealed(months: &SealedMonths, facts: &Facts, proven: &ProvenStatement) -> Result<Sealed, ProofError> {
    let currency = facts.subject.currency;
    let (mut lines, mut elsewhere) = (Vec::new(), Vec::new());
    for chapter in &proven.chapters {
        for line in &chapter.lines {
            let booked_at = Timestamp::parse(&line.booked_at).map_err(ProofError::Broken)?;
            if chapter.currency != currency.as_str() {
                elsewhere.push((booked_at, line.event.clone()));
                continue;
            }
            let day = line.day.parse().map_err(|_| ProofError::Broken(format!("{} is no day", line.day)))?;
            lines.push(SealedLine {
                month: chapter.month.clone(),
                day,
                booked_at,
                event: line.event.clone(),
                order: line.order.clone(),
                amount: line.amount,
                within: line.within,
            });
        }
    }
    // a statement says nothing of a balance that is zero and did not move
    let opening = proven.balances.get(currency.as_str()).map_or(0, |balance| balance.opening);
    Ok(Sealed { months: months.clone(), opening, lines, elsewhere })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "sealed_tests.rs"]
mod tests;
