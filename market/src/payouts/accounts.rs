//! What runs know of the accounts, folded from the journal: what was available when, where payouts go.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::ControlFlow;

use daybook_domain::{Currency, Event, EventKind, MerchantId, Money, PayoutId, Reference, Refs, Timestamp};
use daybook_journal::{Filter, Journal, Position, Recorded};

use crate::MarketError;

/// The event types that change what is available, or where it goes.
const KINDS: &[EventKind] = &[
    EventKind::SettlementClosed,
    EventKind::ReserveReleased,
    EventKind::BalanceHeld,
    EventKind::BalanceHoldLifted,
    EventKind::PayoutRequested,
    EventKind::PayoutFailed,
    EventKind::PayoutReturned,
    EventKind::DestinationUnblocked,
];

/// What was available in one currency.
#[derive(Debug, Default)]
pub struct Purse {
    /// When it changed, by how much; in journal order.
    moves: Vec<(Timestamp, i64)>,
    /// What the last settlement carried out: zero, or below it what is owed.
    carried: i64,
}

impl Purse {
    /// The least that is available at `at` and ever after, less what is owed: what was carried out or, where it is
    /// more, what stands against the merchant in `pending`, which contains it.
    pub fn stays(&self, at: Timestamp, pending: i64) -> i64 {
        let mut moves = self.moves.clone();
        moves.sort_by_key(|(when, _)| *when);
        let then = moves.partition_point(|(when, _)| *when <= at);
        let (before, after) = moves.split_at(then);
        let available: i64 = before.iter().map(|(_, change)| change).sum();
        let (mut now, mut least) = (available, available);
        for (_, change) in after {
            now += change;
            least = least.min(now);
        }
        least.saturating_add(self.carried.min(pending).min(0))
    }
}

/// An account: what was available, and where its payouts go.
#[derive(Debug, Default)]
pub struct Account {
    pub purses: BTreeMap<Currency, Purse>,
    /// Where the last payout of each currency went.
    last: BTreeMap<Currency, Reference>,
    blocked: BTreeSet<Reference>,
    payouts: HashSet<PayoutId>,
}

impl Account {
    /// Where the next payout of a currency goes; `None` when none of it was ever paid and the merchant's id is too
    /// long.
    pub fn destination(&self, merchant: MerchantId, currency: Currency) -> Option<Reference> {
        self.last.get(&currency).copied().or_else(|| Reference::new(&format!("on-file/{merchant}")).ok())
    }
    pub fn is_blocked(&self, destination: Reference) -> bool {
        self.blocked.contains(&destination)
    }
    pub fn has(&self, payout: PayoutId) -> bool {
        self.payouts.contains(&payout)
    }

    fn moved(&mut self, at: Timestamp, currency: Currency, change: i64) {
        self.purses.entry(currency).or_default().moves.push((at, change));
    }
}

/// The accounts as far as the journal was read.
#[derive(Debug, Default)]
pub struct Accounts {
    through: Position,
    pub all: BTreeMap<MerchantId, Account>,
}

impl Accounts {
    /// Reads on to the journal's head.
    pub fn follow(&mut self, journal: &dyn Journal) -> Result<(), MarketError> {
        let kinds = KINDS.iter().map(|kind| kind.as_str().into()).collect();
        let filter = Filter { kinds: Some(kinds), categories: Some(vec!["account".into()]) };
        let mut broken = None;
        let scanned =
            journal.scan(self.through, None, &filter, &mut |recorded| match self.take(&recorded) {
                Ok(()) => {
                    self.through = recorded.position;
                    ControlFlow::Continue(())
                }
                Err(why) => {
                    broken = Some(format!("{} at {}: {why}", recorded.kind, recorded.position));
                    ControlFlow::Break(())
                }
            })?;
        if let Some(why) = broken {
            return Err(MarketError::Unavailable(why));
        }
        self.through = scanned.through;
        Ok(())
    }

    fn take(&mut self, recorded: &Recorded<'_>) -> Result<(), String> {
        let event =
            Event::decode(recorded.kind, recorded.schema, recorded.data).map_err(|e| e.to_string())?;
        let refs = Refs::parse(recorded.refs).map_err(|e| e.to_string())?;
        let Some(merchant) = refs.merchant else { return Ok(()) };
        let account = self.all.entry(merchant).or_default();
        let at = Timestamp(recorded.occurred_at);
        let (amount, sign) = match &event {
            Event::SettlementClosed(e) => {
                let change = if e.total.minor >= 0 {
                    e.total.minor.saturating_sub(e.held_as_reserve.minor)
                } else {
                    -e.taken_from_available.minor
                };
                account.purses.entry(e.currency).or_default().carried = e.carried_out.minor;
                (Money::new(change, e.currency), 1)
            }
            Event::ReserveReleased(e) => (e.amount, 1),
            Event::BalanceHeld(e) => (e.amount, -1),
            Event::BalanceHoldLifted(e) => (e.amount, 1),
            Event::PayoutRequested(e) => {
                account.last.insert(e.amount.currency, e.destination_ref);
                account.payouts.insert(e.payout);
                (e.amount, -1)
            }
            Event::PayoutFailed(e) => (e.amount, 1),
            Event::PayoutReturned(e) => {
                account.blocked.insert(e.destination_ref);
                (e.amount, 1)
            }
            Event::DestinationUnblocked(e) => {
                account.blocked.remove(&e.destination_ref);
                return Ok(());
            }
            _ => return Ok(()),
        };
        account.moved(at, amount.currency, sign * amount.minor);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_currency_goes_where_its_own_last_payout_went() {
        let currency = |code| Currency::new(code).expect("a currency");
        let reference = |text| Reference::new(text).expect("a reference");
        let merchant = "m-1".parse().expect("an id");
        let account =
            Account { last: BTreeMap::from([(currency("CNY"), reference("icbc/1"))]), ..Account::default() };
        assert_eq!(account.destination(merchant, currency("CNY")), Some(reference("icbc/1")));
        assert_eq!(account.destination(merchant, currency("USD")), Some(reference("on-file/m-1")));
    }

    #[test]
    fn a_run_for_the_past_takes_nothing_that_was_paid_since() {
        let day = |n: i64| Timestamp(n);
        // settled on day 1 and 5, paid on day 6, all of it
        let purse = Purse { moves: vec![(day(1), 100), (day(5), 50), (day(6), -150)], carried: 0 };
        assert_eq!(purse.stays(day(2), 0), 0);
        let paid_once = Purse { moves: vec![(day(1), 100), (day(5), 50), (day(6), -70)], carried: 0 };
        assert_eq!(paid_once.stays(day(2), 0), 80);
        assert_eq!(paid_once.stays(day(0), 0), 0, "nothing was available yet");
        assert_eq!(paid_once.stays(day(9), -10), 70, "what came to be owed stays");
        let owing = Purse { carried: -30, ..paid_once };
        assert_eq!(owing.stays(day(9), 20), 50, "what is owed stays");
        assert_eq!(owing.stays(day(9), -30), 50, "and is not counted twice");
        assert_eq!(owing.stays(day(9), -45), 35);
    }
}
