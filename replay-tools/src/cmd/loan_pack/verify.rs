//! Checking a pack, without journal and network.

use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use daybook_domain::Timestamp;
use daybook_packs::proof::{self, CONSENT};
use daybook_packs::{Facts, Handed, Issued, MOST_BYTES, MarketFacts, Pack};
use daybook_proofs::{Entry, Proof, ProofError, PublicKey};

use super::sealed::held;
use super::{issue, market};
use crate::cli::Global;
use crate::cmd::log::visible;
use crate::failure::{Failure, unheard};
use crate::output::{Output, say};
use crate::value::Table;

/// The proof that the pack's digest was recorded, among the pack's proofs.
pub const PROOF: &str = proof::ISSUED;

/// Most bytes of a pack that are read where no signature says that the market issued it: enough for a small one, to say all that is wrong with
/// it, and no more than anybody may have a reader take into memory.
const MOST_UNPROVED: u64 = 64 << 20;

/// Said where no signature was asked for.
const UNSIGNED: &str = "not checked: --unsigned";

/// Check a pack: every file against the list, every figure against its lines, the list against the market's signed log
///
/// Page and workbook are drawn again from the lines, and must be the same. Needs neither journal nor network. Exits with 1 when something
/// does not hold, and where no signature says that the market issued it, unless --unsigned does not ask for one. Exits with 3 where it is no
/// pack that can be read: without such a signature also where it has more than 64 MiB.
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// The pack: a folder or a .zip
    #[arg(value_name = "DIR|FILE.zip")]
    pack: PathBuf,
    /// A public key of the market's; where it has several, one of them must have signed
    #[arg(long, value_name = "KEY", value_parser = PublicKey::parse)]
    key: Vec<PublicKey>,
    /// Check lines and figures alone, of a draft or where the key is not at hand: anybody could have made them
    #[arg(long, conflicts_with = "key")]
    unsigned: bool,
    /// Refuse a pack that was issued to another: your own name
    #[arg(long, value_name = "RECIPIENT")]
    recipient: Option<String>,
    /// Refuse the pack of another merchant, and a market's
    #[arg(long, value_name = "ID")]
    merchant: Option<String>,
    /// Refuse a pack whose last day is before this one: one of two years ago holds today too
    #[arg(long, value_name = "DATE")]
    until: Option<NaiveDate>,
    /// Refuse a pack that was issued under a checkpoint of fewer events: an older one than you know
    #[arg(long, value_name = "SIZE")]
    events: Option<u64>,
}

impl Verify {
    /// What of a pack is not what its reader expects: whose it is, none of a market's, to whom it was issued, and its last day.
    fn unexpected(
        &self,
        pack: &Pack,
        merchant: Option<&str>,
        recipient: Option<&str>,
        to: NaiveDate,
    ) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(asked) = self.merchant.as_deref().filter(|asked| merchant != Some(*asked)) {
            let whose = merchant.unwrap_or("the market");
            found.push(format!("it is the pack of {whose}, and {asked} was asked for"));
        }
        if let Some(asked) = self.recipient.as_deref().filter(|asked| recipient != Some(*asked)) {
            let whom = recipient.unwrap_or("nobody");
            found.push(format!("it was issued to {whom}, and {asked} was asked for"));
        }
        if let Some(asked) = self.until.filter(|asked| to < *asked) {
            found.push(format!("its last day is {to}, and one through {asked} was asked for"));
        }
        if let Some(known) = self.events {
            let proof = pack.proof(PROOF).and_then(|of| proof_of(of).ok());
            let size = proof.map_or(0, |proof| proof.checkpoint.size);
            if size < known {
                found.push(format!(
                    "it was issued under a checkpoint of {size} events, and {known} are known"
                ));
            }
        }
        found
    }
}

pub fn run(global: &Global, args: &Verify) -> Result<(), Failure> {
    if let Some(witness) = args.key.iter().find(|key| key.is_witness()) {
        return Err(Failure::Usage(format!(
            "--key {}: that is a witness's key, and no witness signs what a pack stands under, which is signed when it is issued: \
             name the market's",
            visible(witness.name())
        )));
    }
    let most = if args.unsigned || proved(args)? { MOST_BYTES } else { MOST_UNPROVED };
    let pack = Pack::read_within(&args.pack, most)?;
    let (table, wrong) = of_any(&pack, args)?;
    let mut out = Output::new(global.format);
    unheard(out.record(&table.without_empty()).and_then(|()| out.finish()))?;
    wrong.iter().for_each(|what| say!("{}", visible(what)));
    if wrong.is_empty() { Ok(()) } else { Err(Failure::Found) }
}

/// Whether the market's signature says that it issued a pack with this list of files: asked of the list and its proof alone, before lines are
/// read of what anybody may have made. What is wrong otherwise is said later.
fn proved(args: &Verify) -> Result<bool, Failure> {
    let list = Pack::read_list(&args.pack, &[PROOF], MOST_UNPROVED)?;
    let digest = list.proof(PROOF).and_then(|bytes| {
        let proof = proof_of(bytes).ok()?;
        let (event, _) = proof.verify(&args.key).ok()?;
        let issued = matches!(event.kind, "LoanPackIssued" | "MarketPackIssued");
        let data: serde_json::Value = event.says().ok().filter(|_| issued)?;
        data["digest"].as_str().map(str::to_owned)
    });
    Ok(digest == Some(list.digest()))
}

/// The proof of an event, as it is written and with nothing beside it.
pub fn proof_of(bytes: &[u8]) -> Result<Proof, ProofError> {
    let broken = |why: &str| ProofError::Broken(why.to_owned());
    let text = std::str::from_utf8(bytes).map_err(|_| broken("it is not as it is written"))?;
    let proof = Proof::parse(text)?;
    if proof.to_text() == text { Ok(proof) } else { Err(broken("it is not as it is written")) }
}

/// What is wrong with a pack for who has this key; with its lines and figures alone where none is named.
pub fn faults(pack: &Pack, path: &Path, key: Option<&PublicKey>) -> Result<Vec<String>, Failure> {
    let args = Verify {
        pack: path.to_owned(),
        key: key.cloned().into_iter().collect(),
        unsigned: key.is_none(),
        recipient: None,
        merchant: None,
        until: None,
        events: None,
    };
    of_any(pack, &args).map(|(_, wrong)| wrong)
}

fn of_any(pack: &Pack, args: &Verify) -> Verdict {
    if pack.is_of_market() { of_market(pack, args) } else { of_merchant(pack, args) }
}

/// What is unlike what is drawn of the lines; lines of which nothing can be drawn do not hold.
fn drawn<M>(made: Result<M, Failure>, unlike: impl FnOnce(M) -> Vec<String>) -> Vec<String> {
    match made {
        Ok(made) => unlike(made),
        Err(Failure::Refused(why) | Failure::Unavailable(why)) => {
            vec![format!("page and workbook cannot be drawn from the lines: {why}")]
        }
        Err(_) => vec!["page and workbook cannot be drawn from the lines".to_owned()],
    }
}

/// What a check came to, as a table, and what was found.
type Verdict = Result<(Table, Vec<String>), Failure>;

fn of_merchant(pack: &Pack, args: &Verify) -> Verdict {
    let mut checked = pack.check();
    if let (Some(facts), Some(figures), true) = (&checked.facts, &checked.figures, checked.wrong.is_empty()) {
        checked.wrong.extend(drawn(issue::made_with(facts, figures), |made| pack.unlike(&made, &proof::ALL)));
    }
    let facts = checked.facts.as_ref();
    if let Some(subject) = facts.map(|facts| &facts.subject) {
        let recipient = subject.issued.as_ref().map(|issued| issued.recipient.as_str());
        checked.wrong.extend(args.unexpected(pack, Some(&subject.merchant), recipient, subject.to));
    }
    let claim = facts.map(Claim::of_merchant);
    let (signed, issued_by) = signed(pack, claim.as_ref(), args, &mut checked.wrong);
    let mut consent_by = None;
    if issued_by.is_some() {
        consent_by = consented(pack, facts, &args.key).map_err(|why| checked.wrong.push(why)).ok();
    }
    let complete =
        if args.unsigned { UNSIGNED.to_owned() } else { held(pack, facts, &args.key, &mut checked.wrong) };
    let mut table = Table::new(&[
        "merchant",
        "market",
        "from",
        "to",
        "orders",
        "movements",
        "figures",
        "definitions",
        "currency",
        "other_currencies",
        "issued_to",
        "issued_by",
        "consent_by",
        "signed",
        "account_complete",
        "found",
    ]);
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
        subject.map(|s| s.currency.as_str()).into(),
        facts.map(others).filter(|others| !others.is_empty()).into(),
        subject.and_then(|s| s.issued.as_ref()).map(|issued| visible(&issued.recipient)).into(),
        issued_by.map(|by| visible(&by)).into(),
        consent_by.map(|by| visible(&by)).into(),
        signed.into(),
        complete.into(),
        (checked.wrong.len() as u64).into(),
    ]);
    Ok((table, checked.wrong))
}

fn of_market(pack: &Pack, args: &Verify) -> Verdict {
    let mut checked = pack.check_market();
    if let (Some(facts), true) = (&checked.facts, checked.wrong.is_empty()) {
        checked.wrong.extend(drawn(market::made(facts), |made| pack.unlike(&made.0, &[PROOF])));
    }
    let facts = checked.facts.as_ref();
    if let Some(subject) = facts.map(|facts| &facts.subject) {
        let recipient = subject.issued.as_ref().map(|issued| issued.recipient.as_str());
        checked.wrong.extend(args.unexpected(pack, None, recipient, subject.to));
    }
    let claim = facts.map(Claim::of_market);
    let (signed, issued_by) = signed(pack, claim.as_ref(), args, &mut checked.wrong);
    let mut table = Table::new(&[
        "market",
        "from",
        "to",
        "currency",
        "merchants",
        "figures",
        "definitions",
        "share_claimed_by",
        "issued_to",
        "issued_by",
        "signed",
        "found",
    ]);
    let subject = facts.map(|facts| &facts.subject);
    let sources = checked.figures.as_ref().and_then(|made| made.get("market.size.source"));
    table.push(vec![
        subject.map(|s| visible(&s.market)).into(),
        subject.map(|s| s.from.to_string()).into(),
        subject.map(|s| s.to.to_string()).into(),
        subject.map(|s| s.currency.as_str()).into(),
        facts.map(|facts| facts.members.len() as u64).into(),
        checked.figures.as_ref().map(|made| made.figures.len() as u64).into(),
        subject.map(|s| u64::from(s.definitions)).into(),
        sources.map(|source| visible(&format!("the market, by {source}"))).into(),
        subject.and_then(|s| s.issued.as_ref()).map(|issued| visible(&issued.recipient)).into(),
        issued_by.map(|by| visible(&by)).into(),
        signed.into(),
        (checked.wrong.len() as u64).into(),
    ]);
    Ok((table, checked.wrong))
}

/// What a pack says of its being issued, as the event that issued it must say, too.
struct Claim {
    issued: bool,
    /// The event's type.
    kind: &'static str,
    /// The stream that it stands in, or how that begins.
    stream: String,
    /// By the event's members.
    says: Vec<(&'static str, String)>,
}

impl Claim {
    fn of_merchant(facts: &Facts) -> Self {
        let subject = &facts.subject;
        let issued = subject.issued.as_ref();
        let said = |of: fn(&Issued) -> &String| issued.map(of).cloned().unwrap_or_default();
        Self {
            issued: issued.is_some(),
            kind: "LoanPackIssued",
            stream: format!("merchant-{}", subject.merchant),
            says: vec![
                ("from", subject.from.to_string()),
                ("to", subject.to.to_string()),
                ("recipient", said(|issued| &issued.recipient)),
                ("purpose", said(|issued| &issued.purpose)),
                ("consent_ref", said(|issued| &issued.consent_ref)),
                ("definitions", subject.definitions.to_string()),
                ("through", subject.through.to_string()),
            ],
        }
    }

    fn of_market(facts: &MarketFacts) -> Self {
        let subject = &facts.subject;
        let issued = subject.issued.as_ref();
        let said = |of: fn(&Handed) -> &String| issued.map(of).cloned().unwrap_or_default();
        Self {
            issued: issued.is_some(),
            kind: "MarketPackIssued",
            // whose journal it is the key says
            stream: "market-".to_owned(),
            says: vec![
                ("from", subject.from.to_string()),
                ("to", subject.to.to_string()),
                ("currency", subject.currency.to_string()),
                ("recipient", said(|issued| &issued.recipient)),
                ("purpose", said(|issued| &issued.purpose)),
                ("definitions", subject.definitions.to_string()),
                ("through", subject.through.to_string()),
            ],
        }
    }

    /// Whether it is the stream of an event.
    fn stands_in(&self, stream: &str) -> bool {
        if self.stream.ends_with('-') { stream.starts_with(&self.stream) } else { stream == self.stream }
    }
}

/// The currencies that none of the figures is of.
fn others(facts: &Facts) -> String {
    facts.elsewhere.iter().map(|of| of.currency.as_str()).collect::<Vec<_>>().join(" ")
}

/// Whether the market's log has this very pack as issued: in a few words, and who issued it.
fn signed(
    pack: &Pack,
    claim: Option<&Claim>,
    args: &Verify,
    wrong: &mut Vec<String>,
) -> (String, Option<String>) {
    let draft = claim.is_some_and(|claim| !claim.issued);
    if args.unsigned {
        return (if draft { "a draft" } else { UNSIGNED }.to_owned(), None);
    }
    let Some(bytes) = pack.proof(PROOF) else {
        let what = if draft { "a draft" } else { "no proof in it" };
        wrong.push(format!(
            "no proof that the market issued it: {what} (--unsigned checks lines and figures alone)"
        ));
        return (what.to_owned(), None);
    };
    let proof = match proof_of(bytes) {
        Ok(proof) => proof,
        Err(error) => {
            wrong.push(format!("the proof cannot be read: {error}"));
            return ("no".to_owned(), None);
        }
    };
    if args.key.is_empty() {
        wrong.push("who signed it was not asked: name the market's public key with --key".to_owned());
        return ("not checked".to_owned(), None);
    }
    match holds(&proof, pack, claim, &args.key) {
        Ok((signed, by)) => (signed, Some(by)),
        Err(error) => {
            wrong.push(format!("the proof does not hold: {error}"));
            ("no".to_owned(), None)
        }
    }
}

/// Who recorded the merchant's consent to this lender, and when, by the market's log.
fn consented(pack: &Pack, facts: Option<&Facts>, keys: &[PublicKey]) -> Result<String, String> {
    let broken = |why: &str| format!("the proof of the merchant's consent does not hold: {why}");
    let bytes = pack.proof(CONSENT).ok_or_else(|| broken("it is not in the pack"))?;
    let proof = proof_of(bytes).map_err(|error| broken(&error.to_string()))?;
    let (event, _) = proof.verify(keys).map_err(|error| broken(&error.to_string()))?;
    let data: serde_json::Value = event.says().map_err(|error| broken(&error.to_string()))?;
    let subject = facts.map(|facts| &facts.subject);
    let issued = subject.and_then(|subject| subject.issued.as_ref());
    let same = |name: &str, told: Option<&String>| data[name].as_str() == told.map(String::as_str);
    let its = event.kind == "LenderConsentGranted"
        && subject.is_some_and(|subject| event.stream == format!("merchant-{}", subject.merchant))
        && same("consent_ref", issued.map(|issued| &issued.consent_ref))
        && same("recipient", issued.map(|issued| &issued.recipient));
    if !its {
        return Err(broken("it is of another event"));
    }
    let issue = pack.proof(PROOF).and_then(|bytes| proof_of(bytes).ok());
    let issue = issue.as_ref().and_then(|proof| Entry::decode(&proof.entry).ok());
    let issue = issue.ok_or_else(|| broken("nothing says when the pack was issued"))?;
    let until = data["through"].as_str().unwrap_or_default();
    let runs = Timestamp::parse(until).map_err(|why| broken(&why))?;
    // a pack dated back does not outlive the consent; an hour is left to the clocks of who issues and who records
    let issued_at = issue.occurred_at.max(issue.recorded_at.saturating_sub(3_600_000_000));
    if event.position >= issue.position || runs.0 < issued_at {
        return Err(broken("the pack was issued before it was given, or after it had run out"));
    }
    Ok(format!("{}, {}, until {runs}", event.actor, Timestamp(event.occurred_at)))
}

/// Whether the event that the proof proves issued this pack: who signed, and who issued it.
fn holds(
    proof: &Proof,
    pack: &Pack,
    claim: Option<&Claim>,
    keys: &[PublicKey],
) -> Result<(String, String), ProofError> {
    let (event, by) = proof.verify(keys)?;
    let broken = |why: String| ProofError::Broken(why);
    let Some(claim) = claim else {
        return Err(broken("the pack's subject cannot be read".to_owned()));
    };
    if event.kind != claim.kind {
        return Err(broken(format!("it is of a {}, not of a {}", event.kind, claim.kind)));
    }
    let data: serde_json::Value = event.says()?;
    let said = |name: &str| match &data[name] {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => String::new(),
        other => other.to_string(),
    };
    if said("digest") != pack.digest() {
        return Err(broken(
            "the market issued another pack: its list of files has another digest".to_owned(),
        ));
    }
    if !claim.stands_in(event.stream) {
        return Err(broken(format!("the event stands in {}, not in {}", event.stream, claim.stream)));
    }
    for (what, told) in &claim.says {
        let recorded = said(what);
        if recorded != *told {
            return Err(broken(format!("{what}: the log has {recorded}, the pack {told}")));
        }
    }
    let time = proof.checkpoint.lines.iter().find_map(|line| line.strip_prefix("time ")).unwrap_or_default();
    let signed = format!("{} over {} events, {time}", by.market.join(" "), proof.checkpoint.size);
    Ok((signed, format!("{}, {}", event.actor, Timestamp(event.occurred_at))))
}
