//! Drawing a pack, recording that it is issued, proving that.

use daybook_commands::{Clock as _, SystemClock};
use daybook_domain::merchant::commands::{LoanPack, MerchantCommand};
use daybook_domain::{Currency, MerchantId, Reference, Timestamp};
use daybook_journal::Journal;
use daybook_market::loan_pack::{Asked, consent_position, draw, unsealed_closes};
use daybook_market::transparency::{folder, prove};
use daybook_market::{AnyCommand, Calendar};
use daybook_packs::proof::{CONSENT, STATEMENT, UNSEALED};
use daybook_packs::{DEFINITIONS_VERSION, Facts, Figures, Issued, Pack};
use daybook_proofs::{Checkpoint, Log, MarketKey, PublicKey};
use daybook_reports::loan_pack;

use super::issuing::{Drawn, Handing, Issuing, Proofs, Proving, To, code, currency, digest, draft, record};
use super::sealed;
use super::verify::PROOF;
use crate::cli::Global;
use crate::failure::Failure;
use crate::progress::Progress;

/// A merchant's pack, issued under its consent, or a draft that stays here
///
/// Issuing records the pack's digest in the journal; it is refused where no consent of the merchant to this lender runs
/// (`grant_lender_consent`). With --key the signed log proves that record, and so the pack.
#[derive(Debug, clap::Args)]
pub struct Merchant {
    /// The merchant
    id: MerchantId,
    /// Sales in this currency [default: the one that the merchant is settled in]
    #[arg(long, value_name = "CODE", value_parser = currency)]
    currency: Option<Currency>,
    /// The merchant's consent
    #[arg(long, value_name = "REF", required_unless_present = "draft", conflicts_with = "draft")]
    consent: Option<Reference>,
    #[command(flatten)]
    handing: Handing,
}

pub fn run(global: &Global, args: &Merchant) -> Result<(), Failure> {
    global.must_exist()?;
    let part = args.handing.part()?;
    let (drawn, issued_at) = match args.handing.to().zip(args.consent) {
        None => {
            let drawn = drawn(global, args, &global.read_journal()?, None)?;
            draft(&drawn.pack, &part, &|pack| pack.check_drawn(&drawn.facts))?;
            (drawn, None)
        }
        Some((to, consent)) => {
            let keys = args.handing.keys()?;
            let market = global.market()?;
            let journal = market.journal().as_ref();
            let Drawn { mut pack, facts, figures } = drawn(global, args, journal, Some((&to, consent)))?;
            let granted = || consent_position(journal, args.id, consent, to.recipient);
            let check = |pack: &Pack| pack.check_drawn(&facts);
            let issuing = Issuing { global, journal, part: &part, keys: &keys, check: &check };
            let position = issuing.issue(
                &mut pack,
                |pack| {
                    let id = args.id;
                    let command = command(pack, &facts, (&to, consent));
                    record(global, &market, to.by, AnyCommand::Merchant { id, command })
                },
                Proving {
                    before: |log: &_, checkpoint: &_| {
                        if granted()?.is_none() {
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
                        if let Some(granted) = granted()? {
                            proofs.push((CONSENT, proof(granted)?));
                        }
                        Ok(proofs)
                    },
                },
            )?;
            (Drawn { pack, facts, figures }, Some(position))
        }
    };
    let (subject, figures) = (&drawn.facts.subject, &drawn.figures);
    let figure = |id: &str| figures.get(id).unwrap_or_default().to_owned();
    let own = vec![
        ("merchant", subject.merchant.as_str().into()),
        ("from", subject.from.to_string().into()),
        ("to", subject.to.to_string().into()),
        ("currency", subject.currency.as_str().into()),
        ("orders", (drawn.facts.orders.len() as u64).into()),
        ("movements", (drawn.facts.account.len() as u64).into()),
        ("turnover_buyer_paid", figure("turnover.buyer_paid").into()),
        ("turnover_net", figure("turnover.net").into()),
    ];
    args.handing.placed(global, (&part, &drawn), own, issued_at)
}

fn drawn(
    global: &Global,
    args: &Merchant,
    journal: &dyn Journal,
    to: Option<(&To, Reference)>,
) -> Result<Drawn<Facts>, Failure> {
    let calendar = Calendar::of_journal(journal)?;
    let (from, until) = args.handing.days(calendar)?;
    let asked = Asked {
        merchant: args.id,
        from,
        to: until,
        currency: args.currency,
        through: args.handing.at_position,
        sites: args.handing.lists.of(global)?,
        drawn_at: Timestamp(SystemClock.now()),
        issued: to.map(|(to, consent)| Issued {
            recipient: to.recipient.to_string(),
            consent_ref: consent.to_string(),
            purpose: to.purpose.clone(),
        }),
    };
    let progress = Progress::new(!global.no_progress, "drawing the pack", journal.head()?);
    let facts = draw(journal, calendar, &asked, &mut |at, _| progress.set(at))?;
    drop(progress);
    let (pack, figures) = made(&facts)?;
    Ok(Drawn { pack, facts, figures })
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
    let mut figures = None;
    let pack = Pack::drawn(facts, || -> Result<_, Failure> {
        let of = figures.insert(Figures::of(facts)?);
        Ok((of.clone(), loan_pack::files(facts, of)?))
    })?;
    let figures = figures.expect("invariant: the pack was drawn with them");
    Ok((pack, figures))
}

/// The pack of lines whose figures were made already.
pub fn made_with(facts: &Facts, figures: &Figures) -> Result<Pack, Failure> {
    Pack::drawn(facts, || Ok((figures, loan_pack::files(facts, figures)?)))
}

/// What issues it.
fn command(pack: &Pack, facts: &Facts, (to, consent_ref): (&To, Reference)) -> MerchantCommand {
    MerchantCommand::IssueLoanPack(LoanPack {
        digest: digest(pack),
        recipient: to.recipient,
        consent_ref,
        purpose: to.purpose.clone(),
        from: code(facts.subject.from),
        to: code(facts.subject.to),
        through: facts.subject.through,
        definitions: DEFINITIONS_VERSION,
    })
}
