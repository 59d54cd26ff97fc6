//! Laying the proofs into a pack that is recorded and stands without them: its issue was recorded without a key, or something came
//! between that and the proofs.

use std::path::PathBuf;

use daybook_domain::{Code, MerchantId, Reference};
use daybook_journal::{Journal, Position};
use daybook_market::loan_pack::consent_position;
use daybook_market::transparency::{folder, prove};
use daybook_packs::proof::{self, CONSENT};
use daybook_packs::{Facts, Pack};
use daybook_proofs::{Checkpoint, Log, MarketKey, PublicKey};

use super::issue;
use super::issuing::{Proofs, sign_log, stands, within};
use super::redraw::issued_at;
use super::sealed::Close;
use super::verify::{PROOF, faults};
use crate::cli::Global;
use crate::cmd::log::market_key;
use crate::failure::Failure;
use crate::output::Output;
use crate::value::Table;

/// Lay the proofs into a pack that the journal has as issued, and that stands without them, or with some that do not hold
///
/// Signs the log and makes all proofs of the pack again, for who has the key that is named last, unless those that stand there hold for who
/// has one of the keys. They are laid into it where they hold; what is wrong with its lines no proof helps. That helps a merchant's pack until
/// the books are closed the next time: the proofs stand under a checkpoint of now, which names a close that the pack does not know. After that
/// it is refused, and the pack has to be issued anew. The market's own pack can be proved at any time.
#[derive(Debug, clap::Args)]
pub struct Prove {
    /// The pack: a folder or a .zip
    #[arg(value_name = "DIR|FILE.zip")]
    pack: PathBuf,
    /// The market's key, as `daybook log key` makes it
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<PathBuf>,
}

pub fn run(global: &Global, args: &Prove) -> Result<(), Failure> {
    let keys = args.key.iter().map(|path| market_key(path)).collect::<Result<Vec<_>, _>>()?;
    let mut pack = Pack::read(&args.pack)?;
    let journal = global.read_journal()?;
    let digest = pack.digest();
    let Some(position) = issued_at(&journal, &digest)? else {
        return Err(Failure::Refused(format!(
            "the journal has no event that issued {}: its list of files has the digest {digest}",
            args.pack.display()
        )));
    };
    let unproved = Unproved { args, of_lines: faults(&pack, &args.pack, None)? };
    let public =
        |key: &MarketKey| PublicKey::parse(key.public()).map_err(|error| Failure::Refused(error.to_string()));
    let publics = keys.iter().map(public).collect::<Result<Vec<_>, _>>()?;
    let mut holds = false;
    for key in &publics {
        holds = holds || unproved.first(&pack, key)?.is_none();
    }
    let told = if holds {
        String::new()
    } else {
        // as who has the last key will see it: its statement stands under that one
        let last =
            publics.last().ok_or_else(|| Failure::Usage("name the market's key with --key".to_owned()))?;
        let proofs = proofs(global, &journal, &pack, (&keys[..], position))?;
        within(&proofs)?;
        let told = proofs.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ");
        // others that stand there under these names are not its own
        pack.set_proofs(&proof::ALL, proofs);
        if let Some(fault) = unproved.first(&pack, last)? {
            return Err(Failure::Refused(format!(
                "nothing was changed: with the proofs of now the pack would not hold either: {fault}"
            )));
        }
        pack.lay_proofs(&args.pack, &proof::ALL)?;
        stands(&pack, &args.pack)?;
        told
    };
    let mut table = Table::new(&["file", "digest", "position", "added"]);
    table.push(vec![args.pack.display().to_string().into(), digest.into(), position.into(), told.into()]);
    let mut out = Output::new(global.format);
    out.record(&table.without_empty())?;
    out.finish()
}

/// What proofs do not prove.
struct Unproved<'a> {
    args: &'a Prove,
    /// What is wrong with its lines and what is drawn of them: another version of the program may have drawn its page, and no proof helps that.
    of_lines: Vec<String>,
}

impl Unproved<'_> {
    /// What is wrong with the proofs of a pack first, for who has this key.
    fn first(&self, pack: &Pack, key: &PublicKey) -> Result<Option<String>, Failure> {
        let wrong = faults(pack, &self.args.pack, Some(key))?;
        Ok(wrong.into_iter().find(|fault| !self.of_lines.contains(fault)))
    }
}

/// The proofs of a pack that was issued at a position, of now.
fn proofs(
    global: &Global,
    journal: &dyn Journal,
    pack: &Pack,
    (keys, position): (&[MarketKey], Position),
) -> Proofs {
    let facts = if pack.is_of_market() { None } else { Some(pack.facts()?) };
    let mut log = Log::open(&folder(&global.file()?))?;
    let checkpoint = sign_log(journal, &mut log, keys)?;
    if let Some(facts) = &facts {
        before_the_next_close(facts, &checkpoint)?;
    }
    let proof = |position| -> Result<Vec<u8>, Failure> {
        Ok(prove(journal, &log, position, &checkpoint)?.to_text().into_bytes())
    };
    let mut proofs = vec![(PROOF, proof(position)?)];
    if let Some(facts) = &facts {
        proofs.extend(consent(journal, facts, &proof)?);
        proofs.extend(issue::closed(global, journal, facts, keys.last(), (&log, &checkpoint))?);
    }
    Ok(proofs)
}

/// Refuses what no proof of now can help: whoever checks a pack asks for every month that was closed when it was proved.
fn before_the_next_close(facts: &Facts, checkpoint: &Checkpoint) -> Result<(), Failure> {
    let through = facts.subject.through;
    match Close::of(checkpoint).map_err(Failure::Refused)? {
        Some(close) if close.position > through => Err(Failure::Refused(format!(
            "the books of {} were closed at position {}, after the pack was drawn at {through}: proofs of now do not help it, issue it anew",
            close.period, close.position
        ))),
        _ => Ok(()),
    }
}

/// The proof of the consent that a merchant's pack names.
fn consent(journal: &dyn Journal, facts: &Facts, proof: &dyn Fn(u64) -> Result<Vec<u8>, Failure>) -> Proofs {
    let refused = |error: &dyn std::fmt::Display| Failure::Refused(format!("the pack's subject: {error}"));
    let subject = &facts.subject;
    let Some(issued) = &subject.issued else { return Ok(Vec::new()) };
    let merchant = MerchantId::new(&subject.merchant).map_err(|error| refused(&error))?;
    let consent_ref = Reference::new(&issued.consent_ref).map_err(|error| refused(&error))?;
    let recipient = Code::new(&issued.recipient).map_err(|error| refused(&error))?;
    let granted = consent_position(journal, merchant, consent_ref, recipient)?;
    granted.map(|granted| Ok((CONSENT, proof(granted)?))).into_iter().collect()
}
