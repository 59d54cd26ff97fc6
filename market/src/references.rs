//! References of providers and banks: each names money that moved once, so no two streams may rest on the same.
//!
//! A stream sees its own references and no others, and none can be asked before another is written. Who uses one is
//! therefore decided here: a command that names a reference takes it before it is decided, and gives it back when it is
//! refused. What is written is kept in the market's own file, by the reactors' passes; what they have not come to is
//! held in memory. One process writes the journal, so nobody takes a reference elsewhere meanwhile.
//!
//! Runs, imports and the simulated market write in batches and do not ask: they make their references of ids that are
//! used once. What they wrote is known here.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use ahash::HashMap;
use daybook_commands::{CommandError, Executed};
use daybook_domain::account::commands::AccountCommand;
use daybook_domain::books::commands::BooksCommand;
use daybook_domain::campaign::commands::CampaignCommand;
use daybook_domain::checkout::commands::CheckoutCommand;
use daybook_domain::checkout::events::RefundPart;
use daybook_domain::deposit::commands::DepositCommand;
use daybook_domain::order::commands::OrderCommand;
use daybook_domain::{BankAccountId, Event, EventKind, ProviderId, Reference, RefundId, Rejection};
use daybook_journal::{Filter, Position, Recorded};
use parking_lot::Mutex;
use uuid::Uuid;

use crate::{AnyCommand, AnyRequest, Market, MarketError};

/// The event types that rest on a reference.
pub(crate) const RESTING: &[EventKind] = &[
    EventKind::PaymentCaptured,
    EventKind::DepositPaid,
    EventKind::DepositRefunded,
    EventKind::RefundPaid,
    EventKind::UnallocatedRefunded,
    EventKind::PayoutSent,
    EventKind::ProviderPaidOut,
    EventKind::TaxRemitted,
    EventKind::PayableSettled,
    EventKind::OwnFundsMoved,
    EventKind::AffiliateCommissionPaid,
];

/// References that are written down at once.
const PAGE: usize = 4_096;

/// What a reference is of: providers number payments, refunds and payouts each for themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Sort {
    Payment,
    Refund,
    Payout,
    /// What a provider paid out to the market's bank.
    Remittance,
    /// What left an account of the market's for anyone but a merchant.
    Transfer,
}

impl Sort {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Refund => "refund",
            Self::Payout => "payout",
            Self::Remittance => "remittance",
            Self::Transfer => "transfer",
        }
    }
}

/// Who gave a reference: it is unique only with its giver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Giver {
    Provider(ProviderId),
    /// The bank with this account of the market's.
    Bank(BankAccountId),
    /// A bank, whichever it is.
    SomeBank,
}

impl Giver {
    /// Its name; an empty one of [`Giver::SomeBank`].
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Provider(provider) => provider.as_str(),
            Self::Bank(account) => account.as_str(),
            Self::SomeBank => "",
        }
    }
}

/// A reference as it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    pub sort: Sort,
    pub giver: Giver,
    pub reference: Reference,
}

/// A reference, and what rests on it: the same again is the same movement told twice, which its stream knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resting {
    pub name: Name,
    pub by: String,
}

/// The references of commands under way, and of what the reactors have not come to.
#[derive(Default)]
pub(crate) struct References {
    recent: Mutex<HashMap<Name, Use>>,
    /// What was written before this process is in the market's own file.
    filled: tokio::sync::OnceCell<()>,
}

struct Use {
    by: String,
    under_way: u32,
    /// A command whose outcome nobody heard may still be written.
    unheard: Option<Unheard>,
    written: Option<Position>,
}

/// What becomes known of a command that nobody awaited: after a while it is written or never will be, and when the
/// passes have come beyond what was written by then, the file knows which.
#[derive(Clone, Copy, Debug)]
enum Unheard {
    Since(Instant),
    Through(Position),
}

/// How long a command that nobody awaits may take to be written: far longer than the writer lets anyone wait, who may have
/// lost a connection at COMMIT and be finding out what became of it.
const STILL_WRITTEN: Duration = Duration::from_secs(300);

impl References {
    /// Takes a reference; what else rests on it, where that is known here.
    fn take(&self, resting: &Resting) -> Result<(), String> {
        let mut recent = self.recent.lock();
        let known = recent.entry(resting.name).or_insert_with(|| Use {
            by: resting.by.clone(),
            under_way: 0,
            unheard: None,
            written: None,
        });
        if known.by != resting.by {
            return Err(known.by.clone());
        }
        known.under_way += 1;
        Ok(())
    }

    fn end(&self, name: &Name, outcome: Outcome) {
        let mut recent = self.recent.lock();
        let Some(known) = recent.get_mut(name) else { return };
        known.under_way -= 1;
        match outcome {
            Outcome::Written(position) => known.written = known.written.max(Some(position)),
            Outcome::Unheard => known.unheard = Some(Unheard::Since(Instant::now())),
            Outcome::Nothing => {}
        }
        if known.under_way == 0 && known.written.is_none() && known.unheard.is_none() {
            recent.remove(name);
        }
    }

    /// Everything up to here is in the market's own file; the journal ends at `head`.
    pub(crate) fn kept_through(&self, through: Position, head: Position) {
        self.kept(through, head, STILL_WRITTEN);
    }

    fn kept(&self, through: Position, head: Position, still_written: Duration) {
        self.recent.lock().retain(|_, known| {
            if let Some(Unheard::Since(since)) = known.unheard
                && since.elapsed() >= still_written
            {
                known.unheard = Some(Unheard::Through(head));
            }
            if matches!(known.unheard, Some(Unheard::Through(position)) if position <= through) {
                known.unheard = None;
            }
            let kept = known.written.is_none_or(|position| position <= through);
            known.under_way > 0 || known.unheard.is_some() || !kept
        });
    }
}

#[derive(Clone, Copy)]
enum Outcome {
    Written(Position),
    Nothing,
    Unheard,
}

/// References taken for a command. Dropped once it is sent, they stay taken: what became of it is not known.
pub(crate) struct Taken<'m> {
    references: &'m References,
    names: Vec<Name>,
    sent: bool,
}

impl Taken<'_> {
    /// The command is on its way from now on.
    pub(crate) fn sent(&mut self) {
        self.sent = true;
    }

    /// The command came to this.
    pub(crate) fn heard(self, came: &Result<Executed, CommandError>) {
        self.ended(match came {
            Ok(executed) if executed.receipt.is_some() => Outcome::Written(executed.position),
            Err(CommandError::OutcomeUnknown(_)) => Outcome::Unheard,
            Ok(_) | Err(_) => Outcome::Nothing,
        });
    }

    fn ended(mut self, outcome: Outcome) {
        for name in self.names.drain(..) {
            self.references.end(&name, outcome);
        }
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let outcome = if self.sent { Outcome::Unheard } else { Outcome::Nothing };
        self.names.iter().for_each(|name| self.references.end(name, outcome));
    }
}

impl Market {
    /// Takes the references that a command names.
    ///
    /// # Errors
    /// `provider_ref_used` or `reference_used` when something else rests on one of them.
    pub(crate) async fn take_references(&self, request: &AnyRequest) -> Result<Taken<'_>, MarketError> {
        let mut taken = Taken { references: &self.references, names: Vec::new(), sent: false };
        for resting in of_command(request) {
            self.know_references().await?;
            let mut other = self.references.take(&resting).err();
            if other.is_none() {
                taken.names.push(resting.name);
                other = self.side.resting_on(&resting.name)?.filter(|by| *by != resting.by);
            }
            let Some(other) = other else { continue };
            taken.ended(Outcome::Nothing);
            // what was written before anybody looked is answered as it was
            if request.taken(&self.commands)? {
                return Ok(Taken { references: &self.references, names: Vec::new(), sent: false });
            }
            let rejection = used(&resting.name, &other);
            request.keep_refusal(&self.commands, &rejection);
            return Err(CommandError::Rejected(rejection).into());
        }
        Ok(taken)
    }

    /// Sees to it that all references of the journal are known: once, for who comes first.
    pub(crate) async fn know_references(&self) -> Result<(), MarketError> {
        self.references.filled.get_or_try_init(async || self.fill_references()).await.map(drop)
    }

    /// Writes down what no pass has: it was written by an earlier version, or the file was lost.
    fn fill_references(&self) -> Result<(), MarketError> {
        let kinds = RESTING.iter().map(|kind| kind.as_str().into()).collect();
        let filter = Filter { kinds: Some(kinds), categories: None };
        let head = self.journal.head()?;
        loop {
            let after = self.side.references_through()?;
            let (mut found, mut broken) = (Vec::new(), None);
            let scanned = self.journal.scan(after, Some(head), &filter, &mut |recorded| {
                match Event::decode(recorded.kind, recorded.schema, recorded.data) {
                    Ok(event) => found.extend(of_event(&recorded, &event)),
                    Err(why) => broken = Some(format!("{} at {}: {why}", recorded.kind, recorded.position)),
                }
                if broken.is_some() || found.len() >= PAGE {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })?;
            if let Some(why) = broken {
                return Err(MarketError::Unavailable(why));
            }
            self.side.note_references(after, scanned.through, &found)?;
            if scanned.through >= head {
                return Ok(());
            }
        }
    }
}

fn used(name: &Name, by: &str) -> Rejection {
    let Name { sort, giver, reference } = name;
    let of = if *giver == Giver::SomeBank { String::new() } else { format!(" of {}", giver.as_str()) };
    let by = by.split(' ').next().unwrap_or(by);
    let (code, field) = match sort {
        Sort::Payment | Sort::Refund => ("provider_ref_used", "provider_ref"),
        Sort::Payout => ("reference_used", "provider_ref"),
        Sort::Remittance | Sort::Transfer => ("reference_used", "reference"),
    };
    let message = format!(
        "{field} {reference}{of} stands for a {} on {by} already: each names money that moved once",
        sort.as_str()
    );
    Rejection::new(code, message)
}

/// What a command would rest on which reference.
fn of_command(request: &AnyRequest) -> Vec<Resting> {
    use CheckoutCommand::{Capture, RefundUnallocated};
    let stream = || request.command.stream();
    match &request.command {
        AnyCommand::Checkout { command: Capture { provider, provider_ref, .. }, .. }
        | AnyCommand::Deposit { command: DepositCommand::Pay { provider, provider_ref, .. }, .. } => {
            vec![one(Sort::Payment, Giver::Provider(*provider), *provider_ref, stream())]
        }
        AnyCommand::Deposit { command: DepositCommand::Refund { provider, provider_ref, .. }, .. } => {
            vec![one(Sort::Refund, Giver::Provider(*provider), *provider_ref, stream())]
        }
        AnyCommand::Order { command: OrderCommand::PayRefund { refund, parts }, .. } => {
            of_refund(&stream(), *refund, parts)
        }
        AnyCommand::Checkout { command: RefundUnallocated { parts: Some(parts), .. }, .. } => {
            of_unallocated(&stream(), request.command_id, parts)
        }
        AnyCommand::Account { command: AccountCommand::SendPayout { payout, provider_ref }, .. } => {
            vec![one(Sort::Payout, Giver::SomeBank, *provider_ref, format!("{} {payout}", stream()))]
        }
        AnyCommand::Books { command, .. } => match command {
            BooksCommand::RecordProviderPayout { provider, reference, .. } => {
                vec![one(Sort::Remittance, Giver::Provider(*provider), *reference, stream())]
            }
            BooksCommand::RemitTax { bank, reference, .. }
            | BooksCommand::SettlePayable { bank, reference, .. }
            | BooksCommand::MoveOwnFunds { from: bank, reference, .. } => {
                vec![one(Sort::Transfer, Giver::Bank(*bank), *reference, stream())]
            }
            _ => Vec::new(),
        },
        AnyCommand::Campaign { command: CampaignCommand::PayCommission { bank, reference, .. }, .. } => {
            vec![one(Sort::Transfer, Giver::Bank(*bank), *reference, stream())]
        }
        _ => Vec::new(),
    }
}

/// What an event rests on which reference.
pub(crate) fn of_event(recorded: &Recorded<'_>, event: &Event) -> Vec<Resting> {
    let stream = recorded.stream;
    match event {
        Event::PaymentCaptured(e) => {
            vec![one(Sort::Payment, Giver::Provider(e.provider), e.provider_ref, stream.to_owned())]
        }
        Event::DepositPaid(e) => {
            vec![one(Sort::Payment, Giver::Provider(e.provider), e.provider_ref, stream.to_owned())]
        }
        Event::DepositRefunded(e) => {
            vec![one(Sort::Refund, Giver::Provider(e.provider), e.provider_ref, stream.to_owned())]
        }
        Event::RefundPaid(e) => of_refund(stream, e.refund, &e.parts),
        Event::UnallocatedRefunded(e) => of_unallocated(stream, recorded.command, &e.parts),
        Event::PayoutSent(e) => {
            vec![one(Sort::Payout, Giver::SomeBank, e.provider_ref, format!("{stream} {}", e.payout))]
        }
        Event::ProviderPaidOut(e) => {
            vec![one(Sort::Remittance, Giver::Provider(e.provider), e.reference, stream.to_owned())]
        }
        Event::TaxRemitted(e) => transfer(e.bank, e.reference, stream),
        Event::PayableSettled(e) => transfer(e.bank, e.reference, stream),
        Event::OwnFundsMoved(e) => transfer(e.from, e.reference, stream),
        Event::AffiliateCommissionPaid(e) => transfer(e.bank, e.reference, stream),
        _ => Vec::new(),
    }
}

fn transfer(bank: BankAccountId, reference: Reference, stream: &str) -> Vec<Resting> {
    vec![one(Sort::Transfer, Giver::Bank(bank), reference, stream.to_owned())]
}

fn one(sort: Sort, giver: Giver, reference: Reference, by: String) -> Resting {
    Resting { name: Name { sort, giver, reference }, by }
}

/// A part that is told again is the same in all that it says.
fn of_refund(stream: &str, refund: RefundId, parts: &[RefundPart]) -> Vec<Resting> {
    of_parts(parts, |part| format!("{stream} {refund} {} {}", part.payment, part.amount))
}

fn of_unallocated(stream: &str, command: Uuid, parts: &[RefundPart]) -> Vec<Resting> {
    of_parts(parts, |part| format!("{stream} {command} {}", part.payment))
}

fn of_parts(parts: &[RefundPart], by: impl Fn(&RefundPart) -> String) -> Vec<Resting> {
    let named = parts.iter().filter_map(|part| Some((part, part.provider_ref?)));
    named
        .map(|(part, reference)| one(Sort::Refund, Giver::Provider(part.provider), reference, by(part)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resting(by: &str) -> Resting {
        let (provider, reference) = (ProviderId::new("card").unwrap(), Reference::new("txn").unwrap());
        one(Sort::Payment, Giver::Provider(provider), reference, by.to_owned())
    }

    fn taken<'r>(references: &'r References, by: &str) -> Taken<'r> {
        references.take(&resting(by)).unwrap();
        Taken { references, names: vec![resting(by).name], sent: true }
    }

    #[test]
    fn a_reference_whose_command_nobody_awaited_stays_taken_until_it_is_written_and_kept() {
        let references = References::default();
        drop(taken(&references, "c1"));
        references.kept_through(100, 100);
        assert_eq!(references.take(&resting("c2")), Err("c1".to_owned()));
        taken(&references, "c1").ended(Outcome::Written(7));
        references.kept_through(6, 7);
        assert_eq!(references.take(&resting("c2")), Err("c1".to_owned()), "no pass came to it yet");
        references.kept_through(7, 7);
        assert_eq!(references.take(&resting("c2")), Err("c1".to_owned()), "the first may still be written");
        references.kept(6, 7, Duration::ZERO);
        assert_eq!(references.take(&resting("c2")), Err("c1".to_owned()), "as far as the passes have come");
        references.kept(7, 7, Duration::ZERO);
        assert_eq!(references.take(&resting("c2")), Ok(()), "whoever asks finds it in the file");
    }

    #[test]
    fn a_reference_whose_command_was_never_sent_is_free_again() {
        let references = References::default();
        let mut never = taken(&references, "c1");
        never.sent = false;
        drop(never);
        assert_eq!(references.take(&resting("c2")), Ok(()));
    }

    #[test]
    fn a_reference_is_given_back_when_the_last_of_its_commands_was_refused() {
        let references = References::default();
        let (first, second) = (taken(&references, "c1"), taken(&references, "c1"));
        first.ended(Outcome::Nothing);
        assert_eq!(
            references.take(&resting("c2")),
            Err("c1".to_owned()),
            "the same is under way a second time"
        );
        second.ended(Outcome::Nothing);
        assert_eq!(references.take(&resting("c2")), Ok(()));
    }
}
