//! Checking a pack, without journal and network.

use std::path::PathBuf;

use daybook_packs::{Facts, Pack};
use daybook_proofs::{Proof, ProofError, PublicKey};
use daybook_reports::loan_pack;

use crate::cli::Global;
use crate::cmd::log::visible;
use crate::failure::{Failure, unheard};
use crate::output::{Output, say};
use crate::value::Table;

/// The proof that the pack's digest was recorded, among the pack's proofs.
pub const PROOF: &str = "issued.tlog-proof";

/// Check a pack: every file against the list, every figure against its lines, the list against the market's signed log
///
/// Page and workbook are drawn again from the lines, and must be the same. Needs neither journal nor network. Exits with 1 when something does not hold.
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// The pack: a folder or a .zip
    #[arg(value_name = "DIR|FILE.zip")]
    pack: PathBuf,
    /// A public key: the market's, one of which must have signed, and witnesses', all of which must
    #[arg(long, value_name = "KEY", value_parser = PublicKey::parse)]
    key: Vec<PublicKey>,
}

pub fn run(global: &Global, args: &Verify) -> Result<(), Failure> {
    let pack = Pack::read(&args.pack)?;
    let mut checked = pack.check();
    if let (Some(facts), Some(figures), true) = (&checked.facts, &checked.figures, checked.wrong.is_empty()) {
        let made = Pack::of(facts, figures, loan_pack::files(facts, figures)?)?;
        checked.wrong.extend(pack.unlike(&made, &[PROOF]));
    }
    let signed = signed(&pack, checked.facts.as_ref(), &args.key, &mut checked.wrong);
    let mut table = Table::new(&[
        "merchant",
        "market",
        "from",
        "to",
        "orders",
        "movements",
        "figures",
        "definitions",
        "issued_to",
        "signed",
        "found",
    ]);
    let facts = checked.facts.as_ref();
    let subject = facts.map(|facts| &facts.subject);
    table.push(vec![
        subject.map(|s| visible(&s.merchant)).into(),
        subject.map(|s| visible(&s.market)).into(),
        subject.map(|s| s.from.to_string()).into(),
        subject.map(|s| s.to.to_string()).into(),
        facts.map(|facts| facts.orders.len() as u64).into(),
        facts.map(|facts| facts.account.len() as u64).into(),
        checked.figures.as_ref().map(|made| made.figures.len() as u64).into(),
        subject.map(|s| u64::from(s.definitions)).into(),
        subject.and_then(|s| s.issued.as_ref()).map(|issued| visible(&issued.recipient)).into(),
        signed.into(),
        (checked.wrong.len() as u64).into(),
    ]);
    let mut out = Output::new(global.format);
    unheard(out.record(&table.without_empty()).and_then(|()| out.finish()))?;
    checked.wrong.iter().for_each(|what| say!("{}", visible(what)));
    if checked.wrong.is_empty() { Ok(()) } else { Err(Failure::Found) }
}

/// Whether the market's log has this very pack as issued: in a few words.
fn signed(pack: &Pack, facts: Option<&Facts>, keys: &[PublicKey], wrong: &mut Vec<String>) -> String {
    let issued = facts.and_then(|facts| facts.subject.issued.as_ref());
    let Some(bytes) = pack.proof(PROOF) else {
        let what = if issued.is_none() && facts.is_some() { "a draft" } else { "no proof in it" };
        if !keys.is_empty() || issued.is_some() {
            wrong.push(format!("no proof that the market issued it: {what}"));
        }
        return what.to_owned();
    };
    let proof = match Proof::parse(&String::from_utf8_lossy(bytes)) {
        Ok(proof) => proof,
        Err(error) => {
            wrong.push(format!("the proof cannot be read: {error}"));
            return "no".to_owned();
        }
    };
    if keys.is_empty() {
        return "not checked: name the market's public key with --key".to_owned();
    }
    match holds(&proof, pack, facts, keys) {
        Ok(by) => by,
        Err(error) => {
            wrong.push(format!("the proof does not hold: {error}"));
            "no".to_owned()
        }
    }
}

/// Whether the event that the proof proves issued this pack: who signed.
fn holds(
    proof: &Proof,
    pack: &Pack,
    facts: Option<&Facts>,
    keys: &[PublicKey],
) -> Result<String, ProofError> {
    let (event, by) = proof.verify(keys)?;
    let broken = |why: String| ProofError::Broken(why);
    if event.kind != "LoanPackIssued" {
        return Err(broken(format!("it is of a {}, not of a pack", event.kind)));
    }
    let data: serde_json::Value = serde_json::from_str(event.data)
        .map_err(|error| broken(format!("the event cannot be read: {error}")))?;
    let said = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
    if said("digest") != pack.digest() {
        return Err(broken(
            "the market issued another pack: its list of files has another digest".to_owned(),
        ));
    }
    let Some(subject) = facts.map(|facts| &facts.subject) else {
        return Err(broken("the pack's subject cannot be read".to_owned()));
    };
    let issued = subject.issued.as_ref();
    let pairs = [
        ("stream", event.stream.to_owned(), format!("merchant-{}", subject.merchant)),
        ("from", said("from"), subject.from.to_string()),
        ("to", said("to"), subject.to.to_string()),
        ("recipient", said("recipient"), issued.map(|issued| issued.recipient.clone()).unwrap_or_default()),
        ("purpose", said("purpose"), issued.map(|issued| issued.purpose.clone()).unwrap_or_default()),
        ("definitions", data["definitions"].to_string(), subject.definitions.to_string()),
        ("consent", said("consent_ref"), issued.map(|issued| issued.consent_ref.clone()).unwrap_or_default()),
        ("position", data["through"].to_string(), subject.through.to_string()),
    ];
    for (what, recorded, told) in pairs {
        if recorded != told {
            return Err(broken(format!("{what}: the log has {recorded}, the pack {told}")));
        }
    }
    let time = proof.checkpoint.lines.iter().find_map(|line| line.strip_prefix("time ")).unwrap_or_default();
    let witnesses =
        if by.witnesses.is_empty() { String::new() } else { format!(", {} witnesses", by.witnesses.len()) };
    Ok(format!("{} over {} events, {time}{witnesses}", by.market.join(" "), proof.checkpoint.size))
}
