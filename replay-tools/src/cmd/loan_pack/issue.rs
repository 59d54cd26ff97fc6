//! Drawing a pack, recording that it is issued, proving that.

use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use daybook_commands::{Clock as _, SystemClock};
use daybook_domain::merchant::commands::{LoanPack, MerchantCommand};
use daybook_domain::{Code, Currency, MerchantId, PartyId, Reference, Timestamp};
use daybook_journal::{Journal, Position};
use daybook_market::loan_pack::{Asked, consent_position, draw, unsealed_closes};
use daybook_market::transparency::{folder, prove};
use daybook_market::{AnyCommand, Calendar, Market};
use daybook_packs::{DEFINITIONS_VERSION, Facts, Figures, Issued, Pack};
use daybook_proofs::{Checkpoint, Log, MarketKey, PublicKey};
use daybook_reports::loan_pack;

use super::issuing::{Issuing, Lists, Proofs, Proving, days, draft, part, place};
use super::sealed::{self, STATEMENT, UNSEALED};
use super::verify::{CONSENT, PROOF};
use crate::act::By;
use crate::cli::Global;
use crate::cmd::log::market_key;
use crate::failure::Failure;
use crate::output::{Output, say};
use crate::progress::Progress;
use crate::value::Table;

/// A merchant's pack, issued under its consent, or a draft that stays here
///
/// Issuing records the pack's digest in the journal; it is refused where no consent of the merchant to this lender runs
/// (`grant_lender_consent`). With --key the signed log proves that record, and so the pack.
#[derive(Debug, clap::Args)]
pub struct Merchant {
    /// The merchant
    id: MerchantId,
    /// How many full calendar months; one that is not over on the last day is added
    #[arg(long, value_name = "N", default_value = "24", value_parser = clap::value_parser!(u32).range(1..=240))]
    months: u32,
    /// The last business day [default: yesterday]
    #[arg(long, value_name = "DATE")]
    until: Option<NaiveDate>,
    /// Sales in this currency [default: the one that the merchant is settled in]
    #[arg(long, value_name = "CODE", value_parser = currency)]
    currency: Option<Currency>,
    /// Where to: a folder to make, or a file that ends in .zip
    #[arg(long, value_name = "DIR|FILE.zip")]
    out: PathBuf,
    /// Draw it for your own eyes: nothing is recorded, and the pack says that it is a draft
    #[arg(long, conflicts_with_all = ["recipient", "consent", "purpose", "by", "key"])]
    draft: bool,
    /// Draw it as of an earlier position of the journal
    #[arg(long, value_name = "N", requires = "draft")]
    at_position: Option<Position>,
    /// The lender
    #[arg(long, value_name = "CODE", required_unless_present = "draft")]
    recipient: Option<Code>,
    /// The merchant's consent
    #[arg(long, value_name = "REF", required_unless_present = "draft")]
    consent: Option<Reference>,
    /// What the lender wants it for
    #[arg(long, value_name = "TEXT", required_unless_present = "draft")]
    purpose: Option<String>,
    /// Who issues it: a person's name or number, kept with the event
    #[arg(long, value_name = "PERSON", required_unless_present = "draft")]
    by: Option<PartyId>,
    /// The market's key, as `daybook log key` makes it: signs the log and proves the pack by it
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    #[command(flatten)]
    lists: Lists,
}

pub fn currency(code: &str) -> Result<Currency, String> {
    Currency::new(code).map_err(|error| error.to_string())
}

/// To whom a pack goes, and who sends it.
struct To {
    recipient: Code,
    consent_ref: Reference,
    purpose: String,
    by: PartyId,
}

impl Merchant {
    fn to(&self) -> Option<To> {
        Some(To {
            recipient: self.recipient?,
            consent_ref: self.consent?,
            purpose: self.purpose.clone()?,
            by: self.by?,
        })
    }
}

pub fn run(global: &Global, args: &Merchant) -> Result<(), Failure> {
    global.must_exist()?;
    let part = part(&args.out)?;
    let (pack, facts, figures, issued_at) = match args.to() {
        None => {
            let (pack, facts, figures) = drawn(global, args, &global.read_journal()?, None)?;
            draft(&pack, &part)?;
            (pack, facts, figures, None)
        }
        Some(to) => {
            // a key that cannot be read is known before anything is recorded
            let keys = args.key.iter().map(|path| market_key(path)).collect::<Result<Vec<_>, _>>()?;
            let market = global.market()?;
            let journal = market.journal().as_ref();
            let (mut pack, facts, figures) = drawn(global, args, journal, Some(&to))?;
            let issuing = Issuing { global, journal, part: &part, keys: &keys };
            let position = issuing.issue(
                &mut pack,
                |pack| issue(global, args.id, &market, pack, &facts, &to),
                Proving {
                    before: |log: &_, checkpoint: &_| {
                        if consent_position(journal, args.id, to.consent_ref, to.recipient)?.is_none() {
                            // no pack is issued without one, which recording says better
                            return Ok(Vec::new());
                        }
                        closed(global, journal, &facts, keys.last(), (log, checkpoint))
                    },
                    after: |log: &_, checkpoint: &_, position| {
                        let proof = |position| -> Result<Vec<u8>, Failure> {
                            Ok(prove(journal, log, position, checkpoint)?.to_text().into_bytes())
                        };
                        let mut proofs = vec![(PROOF, proof(position)?)];
                        let granted = consent_position(journal, args.id, to.consent_ref, to.recipient)?;
                        if let Some(granted) = granted {
                            proofs.push((CONSENT, proof(granted)?));
                        }
                        Ok(proofs)
                    },
                },
            )?;
            (pack, facts, figures, Some(position))
        }
    };
    place(&part, &args.out)?;
    told(global, &args.out, &pack, &facts, &figures, issued_at)?;
    if issued_at.is_some() && args.key.is_empty() {
        say!("the pack is recorded and not proved: --key has the log sign it");
    }
    Ok(())
}

fn drawn(
    global: &Global,
    args: &Merchant,
    journal: &dyn Journal,
    to: Option<&To>,
) -> Result<(Pack, Facts, Figures), Failure> {
    let calendar = Calendar::of_journal(journal)?;
    let (from, until) = days(args.months, args.until, calendar)?;
    let asked = Asked {
        merchant: args.id,
        from,
        to: until,
        currency: args.currency,
        through: args.at_position,
        sites: args.lists.of(global)?,
        drawn_at: Timestamp(SystemClock.now()),
        issued: to.map(|to| Issued {
            recipient: to.recipient.to_string(),
            consent_ref: to.consent_ref.to_string(),
            purpose: to.purpose.clone(),
        }),
    };
    let progress = Progress::new(!global.no_progress, "drawing the pack", journal.head()?);
    let facts = draw(journal, calendar, &asked, &mut |at, _| progress.set(at))?;
    drop(progress);
    let (pack, figures) = made(&facts)?;
    Ok((pack, facts, figures))
}

/// What shows of the closed months that the account is complete, and of the others that they were closed before that could be shown.
pub fn closed(
    global: &Global,
    journal: &dyn Journal,
    facts: &Facts,
    key: Option<&MarketKey>,
    (log, checkpoint): (&Log, &Checkpoint),
) -> Proofs {
    let subject = &facts.subject;
    let mut proofs = Vec::new();
    if let Some((months, key)) = subject.sealed.as_ref().zip(key) {
        let (models, folder) = (global.read_models()?, folder(&global.file()?));
        let by = PublicKey::parse(key.public()).map_err(|error| Failure::Refused(error.to_string()))?;
        proofs.push((STATEMENT, sealed::statement(&models, journal, &folder, (facts, months), &by)?));
    }
    let mut unsealed = String::new();
    for position in unsealed_closes(journal, Calendar::of_journal(journal)?, subject)? {
        unsealed += &prove(journal, log, position, checkpoint)?.to_text();
    }
    if !unsealed.is_empty() {
        proofs.push((UNSEALED, unsealed.into_bytes()));
    }
    Ok(proofs)
}

/// The pack of lines.
pub fn made(facts: &Facts) -> Result<(Pack, Figures), Failure> {
    let figures = Figures::of(facts)?;
    let pack = Pack::of(facts, &figures, loan_pack::files(facts, &figures)?)?;
    Ok((pack, figures))
}

/// Records it: where it stands then.
fn issue(
    global: &Global,
    merchant: MerchantId,
    market: &Market,
    pack: &Pack,
    facts: &Facts,
    to: &To,
) -> Result<Position, Failure> {
    let code = |day: NaiveDate| Code::new(&day.to_string()).expect("invariant: a day is visible ASCII");
    let command = MerchantCommand::IssueLoanPack(LoanPack {
        digest: Reference::new(&pack.digest()).expect("invariant: 64 hexadecimal digits are a reference"),
        recipient: to.recipient,
        consent_ref: to.consent_ref,
        purpose: to.purpose.clone(),
        from: code(facts.subject.from),
        to: code(facts.subject.to),
        through: facts.subject.through,
        definitions: DEFINITIONS_VERSION,
    });
    let by = By { by: to.by, at: None, command_id: None };
    let request = by.request(AnyCommand::Merchant { id: merchant, command });
    global.runtime()?.block_on(async {
        let done = market.execute(request).await?;
        if let Err(error) = market.settle_reactions().await {
            // the pack is recorded, whatever else waits
            say!("the pack is recorded; what follows from other events waits for the next start: {error}");
        }
        done.receipt.map(|receipt| receipt.last).ok_or_else(|| {
            Failure::Refused("this very pack was issued before: the journal has its digest".to_owned())
        })
    })
}

fn told(
    global: &Global,
    path: &Path,
    pack: &Pack,
    facts: &Facts,
    figures: &Figures,
    issued_at: Option<Position>,
) -> Result<(), Failure> {
    let mut table = Table::new(&[
        "merchant",
        "from",
        "to",
        "currency",
        "orders",
        "movements",
        "turnover_buyer_paid",
        "turnover_net",
        "file",
        "digest",
        "position",
    ]);
    let figure = |id: &str| figures.get(id).unwrap_or_default().to_owned();
    table.push(vec![
        facts.subject.merchant.as_str().into(),
        facts.subject.from.to_string().into(),
        facts.subject.to.to_string().into(),
        facts.subject.currency.as_str().into(),
        (facts.orders.len() as u64).into(),
        (facts.account.len() as u64).into(),
        figure("turnover.buyer_paid").into(),
        figure("turnover.net").into(),
        path.display().to_string().into(),
        pack.digest().into(),
        issued_at.into(),
    ]);
    let mut out = Output::new(global.format);
    out.record(&table)?;
    out.finish()
}
