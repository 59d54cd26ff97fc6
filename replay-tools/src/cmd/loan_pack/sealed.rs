//! The statement inside a merchant's pack: that its account lacks no line of the months that were closed.

use std::path::Path;

use daybook_domain::books::Month;
use daybook_domain::{Code, Timestamp};
use daybook_journal::Journal;
use daybook_market::proven::Prover;
use daybook_packs::{Facts, Pack, Sealed, SealedLine, SealedMonths};
use daybook_projections::ReadModels;
use daybook_proofs::statement::archive;
use daybook_proofs::{Expected, ProofError, ProvenStatement, PublicKey, verify_statement};

use crate::failure::Failure;

/// The statement's name among the pack's proofs.
pub const STATEMENT: &str = "statement.zip";

/// The statement of the sealed months, as one file.
pub fn statement(
    models: &ReadModels,
    journal: &dyn Journal,
    folder: &Path,
    facts: &Facts,
    months: &SealedMonths,
) -> Result<Vec<u8>, Failure> {
    let month = |text: &str| {
        let code = Code::new(text).map_err(|error| Failure::Refused(error.to_string()))?;
        Month::parse(code).map_err(|error| Failure::Refused(error.to_string()))
    };
    let market = daybook_market::Options::default().market;
    let prover = Prover { models, journal, market, folder };
    let (from, through) = (month(&months.from)?, month(&months.through)?);
    let proven = prover.prove(&facts.subject.merchant, from, through)?;
    let mut bytes = std::io::Cursor::new(Vec::new());
    archive::write(&proven.files, &mut bytes)?;
    Ok(bytes.into_inner())
}

/// Holds a pack's account to the statement in it: in a few words, what of it is proved to be complete.
pub fn held(pack: &Pack, facts: Option<&Facts>, keys: &[PublicKey], wrong: &mut Vec<String>) -> String {
    let Some(facts) = facts else { return "no".to_owned() };
    let subject = &facts.subject;
    let bytes = pack.proof(STATEMENT);
    let Some(months) = &subject.sealed else {
        if bytes.is_some() {
            wrong.push(format!("the pack says that no month was sealed, and proof/{STATEMENT} is in it"));
        }
        return "of no month: none was closed and sealed when it was drawn".to_owned();
    };
    let Some(bytes) = bytes else {
        if subject.issued.is_some() {
            wrong.push(format!(
                "proof/{STATEMENT} is missing: nothing shows that the account of {} to {} is complete",
                months.from, months.through
            ));
        }
        return "of no month: no statement is in it".to_owned();
    };
    if keys.is_empty() {
        return "not checked: name the market's public key with --key".to_owned();
    }
    let proven = archive::read(bytes).and_then(|files| {
        let expected = Expected {
            merchant: Some(&subject.merchant),
            from: Some(&months.from),
            through: Some(&months.through),
            events: Some(subject.through),
        };
        verify_statement(&files, keys, &expected)
    });
    match proven.and_then(|proven| sealed(months, facts, &proven)) {
        Ok(sealed) => {
            let before = wrong.len();
            facts.against(&sealed, wrong);
            if wrong.len() > before {
                return "no".to_owned();
            }
            let (first, last) = (subject.from.format("%Y-%m"), subject.to.format("%Y-%m"));
            let rest = match (first.to_string() < months.from, last.to_string() > months.through) {
                (false, false) => "",
                (true, false) => "; before that on the market's word",
                (false, true) => "; after that on the market's word",
                (true, true) => "; before and after that on the market's word",
            };
            format!("of {} to {}{rest}", months.from, months.through)
        }
        Err(error) => {
            wrong.push(format!("proof/{STATEMENT} does not hold: {error}"));
            "no".to_owned()
        }
    }
}

/// What a statement proves of the pack's currency.
fn sealed(months: &SealedMonths, facts: &Facts, proven: &ProvenStatement) -> Result<Sealed, ProofError> {
    let currency = facts.subject.currency;
    let own = proven.chapters.iter().filter(|chapter| chapter.currency == currency.as_str());
    let mut lines = Vec::new();
    for chapter in own {
        for line in &chapter.lines {
            let booked_at = Timestamp::parse(&line.booked_at).map_err(ProofError::Broken)?;
            lines.push(SealedLine {
                month: chapter.month.clone(),
                booked_at,
                event: line.event.clone(),
                order: line.order.clone(),
                amount: line.amount,
                within: line.within,
            });
        }
    }
    let balance = proven.balances.get(currency.as_str());
    Ok(Sealed { months: months.clone(), opening: balance.map(|balance| balance.opening), lines })
}
