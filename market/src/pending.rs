//! What merchants are owed and has not been settled yet: `Liabilities:MerchantPending`, folded from the journal.
//!
//! The decider of a ruling asks for it. It is read up to the journal's head at every question, so it lags behind by
//! no more than what is being written at that moment; the first question of a process reads the journal's money
//! events once.

use std::ops::ControlFlow;
use std::sync::Arc;

use daybook_commands::PendingBalance;
use daybook_domain::account::lines::is_pending;
use daybook_domain::posting::post;
use daybook_domain::{Currency, Event, EventKind, MerchantId, Money, Refs};
use daybook_journal::{Filter, Journal, Position, Recorded, Scanned};
use parking_lot::Mutex;

/// The event types that post to a merchant's pending balance.
const KINDS: &[EventKind] = &[
    EventKind::EscrowReleased,
    EventKind::CommissionCharged,
    EventKind::CommissionReversed,
    EventKind::RefundIssued,
    EventKind::ReturnFreightCharged,
    EventKind::RulingReversed,
    EventKind::ChargebackClosed,
    EventKind::DepositDeducted,
    EventKind::SettlementClosed,
    EventKind::PlatformFeeCharged,
    EventKind::AdvertisingFeeCharged,
    EventKind::PenaltyCharged,
    EventKind::FeeWaived,
    EventKind::RewardGranted,
    EventKind::AdjustmentApproved,
    // by hand, to whatever account they name
    EventKind::JournalVoucher,
    EventKind::BreakResolved,
];

/// Pending balances as the journal has them.
pub(crate) struct Pending {
    journal: Arc<dyn Journal>,
    filter: Filter,
    fold: Mutex<Fold>,
}

#[derive(Default)]
struct Fold {
    through: Position,
    /// Minor units owed to the merchant; below zero it owes.
    owed: std::collections::HashMap<(MerchantId, Currency), i64>,
}

impl Pending {
    pub(crate) fn new(journal: Arc<dyn Journal>) -> Self {
        let kinds = KINDS.iter().map(|kind| kind.as_str().into()).collect();
        Self { journal, filter: Filter { kinds: Some(kinds), categories: None }, fold: Mutex::default() }
    }
}

impl Fold {
    fn take(&mut self, recorded: &Recorded<'_>) -> Result<(), String> {
        let event =
            Event::decode(recorded.kind, recorded.schema, recorded.data).map_err(|e| e.to_string())?;
        let refs = Refs::parse(recorded.refs).map_err(|e| e.to_string())?;
        let mut entries = Vec::with_capacity(8);
        post(&event, &refs, &mut entries);
        for entry in entries.iter().filter(|entry| is_pending(entry)) {
            let Ok(merchant) = entry.account.dimension.parse() else { continue };
            let owed = self.owed.entry((merchant, entry.amount.currency)).or_default();
            *owed = owed.saturating_sub(entry.amount.minor);
        }
        Ok(())
    }
}

impl PendingBalance for Pending {
    fn pending(&self, merchant: MerchantId, currency: Currency) -> Option<Money> {
        let mut fold = self.fold.lock();
        let mut broken = None;
        let after = fold.through;
        // a batch asks for each of its decisions while the journal stands still
        let scanned = match self.journal.head() {
            Ok(head) if head <= after => Ok(Scanned { through: after, head }),
            _ => self.journal.scan(after, None, &self.filter, &mut |recorded| match fold.take(&recorded) {
                Ok(()) => {
                    fold.through = recorded.position;
                    ControlFlow::Continue(())
                }
                Err(why) => {
                    broken = Some(format!("{} at {}: {why}", recorded.kind, recorded.position));
                    ControlFlow::Break(())
                }
            }),
        };
        match (scanned, broken) {
            (Ok(scanned), None) => fold.through = scanned.through,
            // Half a fold would be a wrong balance: better none.
            (Ok(_), Some(why)) => {
                tracing::error!(why, "pending balances cannot be read");
                return None;
            }
            (Err(error), _) => {
                tracing::warn!(%error, "pending balances cannot be read now");
                return None;
            }
        }
        Some(Money::new(fold.owed.get(&(merchant, currency)).copied().unwrap_or(0), currency))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use daybook_journal::{Append, Cause, Expected, MemoryJournal, NewEvent};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn every_event_type_that_posts_to_pending_is_followed() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../domain/fixtures");
        let refs: Refs =
            serde_json::from_str(r#"{"merchant":"m-1","order":"o-1","checkout":"c-1"}"#).unwrap();
        for kind in EventKind::ALL.iter().filter(|kind| kind.posts()) {
            let file = format!("{folder}/{}.v{}.complete.json", kind.as_str(), kind.schema());
            let data = std::fs::read_to_string(file).unwrap();
            let event = Event::decode(kind.as_str(), kind.schema(), &data).unwrap();
            let mut entries = Vec::new();
            post(&event, &refs, &mut entries);
            if entries.iter().any(is_pending) {
                assert!(KINDS.contains(kind), "{} posts to pending and is not followed", kind.as_str());
            }
        }
    }

    #[tokio::test]
    async fn what_is_posted_by_hand_counts_as_it_is_settled() {
        let entries = r#"[
            {"account":"Liabilities:MerchantPending:m-1","side":"credit","amount":{"amount":"12.34","currency":"CNY"}},
            {"account":"Liabilities:Payable","side":"debit","amount":{"amount":"12.34","currency":"CNY"}}]"#;
        let data = format!(
            r#"{{"voucher":"v1","entries":{entries},"reason":"r","proposed_by":"li","approved_by":"wang"}}"#
        );
        let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::default());
        let cause = Cause {
            command: Uuid::from_u128(1),
            fingerprint: [0; 16],
            correlation: Uuid::from_u128(1),
            actor: "li".into(),
        };
        let event = NewEvent {
            id: Uuid::from_u128(2),
            kind: "JournalVoucher".into(),
            schema: 1,
            occurred_at: 0,
            refs: "{}".to_owned(),
            data,
        };
        let item = Append {
            stream: "books-main".to_owned(),
            expected: Expected::NoStream,
            cause,
            events: vec![event],
        };
        journal.append(vec![item]).await.remove(0).unwrap();
        let pending = Pending::new(journal).pending("m-1".parse().unwrap(), Currency::new("CNY").unwrap());
        assert_eq!(pending.unwrap().minor, 12_34);
    }
}
