//! What other streams say: read by name, with the version that was seen.

use daybook_domain::account::MerchantAccount;
use daybook_domain::books::Books;
use daybook_domain::deposit::Deposit;
use daybook_domain::merchant::Merchant;
use daybook_domain::order::events::ReadVersion;
use daybook_domain::{
    Aggregate, CanBear, Currency, Facts, HoldId, MerchantFacts, MerchantId, Money, Read, Reference, Timestamp,
};
use daybook_journal::Version;

use crate::cache::Entry;
use crate::{CommandError, Commands};

/// What merchants are owed beyond what their account streams say: escrow released and not yet settled. It may lag
/// behind the journal; the loss is bounded by that lag, and what was found is written into the ruling that rests
/// on it.
pub trait PendingBalance: Send + Sync + 'static {
    /// The merchant's pending balance in `currency`, which may be negative; `None` when nothing is known of it.
    fn pending(&self, merchant: MerchantId, currency: Currency) -> Option<Money>;
}

/// A stream that facts rest on, as it was seen.
pub(crate) struct Basis {
    pub stream: String,
    pub generation: u64,
    pub version: Version,
}

/// Facts while they are collected.
#[derive(Default)]
struct Found {
    facts: Facts,
    bases: Vec<Basis>,
}

impl Found {
    /// Looks at a stream, keeping its version among the facts.
    fn look<A: Aggregate, T>(
        &mut self,
        commands: &Commands,
        id: impl AsRef<str>,
        look: impl Fn(&A) -> T,
    ) -> Result<T, CommandError> {
        let stream = format!("{}-{}", A::CATEGORY, id.as_ref());
        let (seen, generation, version) = commands
            .peek(&stream, |entry: &Entry<A>| (look(&entry.state), entry.generation, entry.version))?;
        // A name too long to be written down is read all the same.
        if let Ok(stream) = Reference::new(&stream) {
            self.facts.reads.push(ReadVersion { stream, version });
        }
        self.bases.push(Basis { stream, generation, version });
        Ok(seen)
    }
}

impl Commands {
    /// What a merchant is owed and was not settled yet; `None` when nothing is known of it.
    #[must_use]
    pub fn pending(&self, merchant: MerchantId, currency: Currency) -> Option<Money> {
        self.options.pending.as_ref().and_then(|source| source.pending(merchant, currency))
    }

    /// Collects what `reads` ask for, as of `at` (the clock where it is not said).
    pub(crate) fn facts(
        &self,
        reads: &[Read],
        at: Option<Timestamp>,
    ) -> Result<(Facts, Vec<Basis>), CommandError> {
        let at = at.unwrap_or_else(|| self.now());
        let mut found = Found::default();
        for read in reads {
            match *read {
                Read::Merchant(id) => {
                    let known = |merchant: &Merchant| merchant.facts(at);
                    let facts: MerchantFacts = found.look(self, id, known)?;
                    let heard_of = found.bases.last().is_some_and(|basis| basis.version > 0);
                    found.facts.merchant = heard_of.then_some(facts);
                }
                Read::ClosedPeriods => {
                    found.facts.closed_until = found.look(self, self.options.market, Books::closed_until)?;
                }
                Read::CanBear { merchant, currency, hold } => {
                    found.facts.can_bear = self.can_bear(&mut found, merchant, currency, hold)?;
                }
                Read::Pending { merchant, currency } => {
                    found.facts.pending = self.pending(merchant, currency);
                }
            }
        }
        Ok((found.facts, found.bases))
    }

    /// What a claim can be taken from: the merchant's balances and deposit, without what other claims hold. `None`:
    /// nothing is known of them.
    fn can_bear(
        &self,
        found: &mut Found,
        id: MerchantId,
        currency: Currency,
        hold: HoldId,
    ) -> Result<Option<CanBear>, CommandError> {
        let of = |money: Option<Money>| money.filter(|m| m.currency == currency).map_or(0, |m| m.minor);
        let deposit = found.look(self, id, |deposit: &Deposit| {
            of(deposit.balance()).saturating_add(of(deposit.hold(&hold).map(|held| held.left)))
        })?;
        let (available, known, held) = found.look(self, id, |account: &MerchantAccount| {
            let held = of(account.hold(hold).map(|held| held.left));
            (account.available(currency).minor, account.can_bear(currency).minor, held)
        })?;
        let pending = self.pending(id, currency);
        let free = pending.map_or(known, |pending| available.saturating_add(pending.minor).max(0));
        if pending.is_none() && found.bases.iter().all(|basis| basis.version == 0) {
            return Ok(None);
        }
        let merchant = Money::new(free.saturating_add(held), currency);
        Ok(Some(CanBear { merchant, deposit: Money::new(deposit, currency) }))
    }
}
