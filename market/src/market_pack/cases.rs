//! Disputes and banks' claims by month: opened, closed, and for whom.

use std::collections::{BTreeMap, HashMap};

use daybook_domain::order::events::{ChargebackOutcome, DisputeParty, RuledFor};
use daybook_domain::{Currency, Event, Money, OrderId, Refs, Timestamp};
use daybook_packs::{Case, Minor, Month, PackError};

use super::Window;
use crate::loan_pack::LoanPackError;

/// What is known of a case.
#[derive(Clone, Copy, Debug)]
struct Known {
    claim: Money,
    by: DisputeParty,
    outcome: Option<RuledFor>,
    appealed: Option<DisputeParty>,
}

/// Cases so far.
pub(super) struct Cases {
    window: Window,
    currency: Currency,
    /// By order and id: those that are open.
    open: HashMap<(OrderId, String), Known>,
    rows: BTreeMap<(Option<Month>, &'static str), Case>,
}

const DISPUTE: &str = "dispute";
const CHARGEBACK: &str = "chargeback";

impl Cases {
    pub(super) fn new(window: Window, currency: Currency) -> Self {
        Self { window, currency, open: HashMap::new(), rows: BTreeMap::new() }
    }

    pub(super) fn see(&mut self, event: &Event, refs: &Refs, at: Timestamp) -> Result<(), LoanPackError> {
        let Some(order) = refs.order else { return Ok(()) };
        match event {
            Event::DisputeOpened(e) => {
                let known = Known { claim: e.claim, by: e.by, outcome: None, appealed: None };
                self.opened((order, e.dispute.to_string()), DISPUTE, known, at)
            }
            Event::ChargebackOpened(e) => {
                let by = DisputeParty::Buyer;
                let known = Known { claim: e.amount, by, outcome: None, appealed: None };
                self.opened((order, e.chargeback.to_string()), CHARGEBACK, known, at)
            }
            Event::DisputeRuled(e) => {
                self.change(order, e.dispute.as_str(), |case| {
                    (case.outcome, case.appealed) = (Some(e.r#for), None);
                });
                Ok(())
            }
            Event::DisputeAppealed(e) => {
                self.change(order, e.dispute.as_str(), |case| case.appealed = Some(e.by));
                Ok(())
            }
            Event::RulingReversed(e) => {
                // a buyer's appeal that succeeds is ruled anew
                self.change(order, e.dispute.as_str(), |case| {
                    case.outcome =
                        (case.appealed == Some(DisputeParty::Merchant)).then_some(RuledFor::Merchant);
                });
                Ok(())
            }
            Event::DisputeWithdrawn(e) => {
                self.change(order, e.dispute.as_str(), |case| {
                    let for_merchant = case.by == DisputeParty::Buyer;
                    case.outcome = Some(if for_merchant { RuledFor::Merchant } else { RuledFor::Buyer });
                });
                Ok(())
            }
            Event::DisputeClosed(e) => {
                self.closed((order, e.dispute.to_string()), DISPUTE, at, Money::zero(self.currency))
            }
            Event::ChargebackClosed(e) => {
                let lost = e.outcome == ChargebackOutcome::Lost;
                self.change(order, e.chargeback.as_str(), |case| {
                    case.outcome = Some(if lost { RuledFor::Buyer } else { RuledFor::Merchant });
                });
                let kept = if lost { e.amount } else { Money::zero(self.currency) };
                self.closed((order, e.chargeback.to_string()), CHARGEBACK, at, kept)
            }
            _ => Ok(()),
        }
    }

    fn change(&mut self, order: OrderId, id: &str, change: impl FnOnce(&mut Known)) {
        if let Some(case) = self.open.get_mut(&(order, id.to_owned())) {
            change(case);
        }
    }

    fn row(&mut self, at: Timestamp, kind: &'static str) -> &mut Case {
        let month = self.window.month(at);
        self.rows.entry((month, kind)).or_insert_with(|| Case {
            month,
            kind: kind.to_owned(),
            opened: 0,
            claimed: Minor(0),
            closed: 0,
            closed_claims: Minor(0),
            for_buyer: 0,
            for_merchant: 0,
            split: 0,
            lost: Minor(0),
        })
    }

    fn opened(
        &mut self,
        id: (OrderId, String),
        kind: &'static str,
        known: Known,
        at: Timestamp,
    ) -> Result<(), LoanPackError> {
        if known.claim.currency != self.currency || self.open.contains_key(&id) {
            return Ok(());
        }
        let row = self.row(at, kind);
        row.opened += 1;
        add(&mut row.claimed, known.claim)?;
        self.open.insert(id, known);
        Ok(())
    }

    fn closed(
        &mut self,
        id: (OrderId, String),
        kind: &'static str,
        at: Timestamp,
        lost: Money,
    ) -> Result<(), LoanPackError> {
        let Some(known) = self.open.remove(&id) else { return Ok(()) };
        let row = self.row(at, kind);
        row.closed += 1;
        add(&mut row.closed_claims, known.claim)?;
        match known.outcome {
            Some(RuledFor::Buyer) => row.for_buyer += 1,
            Some(RuledFor::Merchant) => row.for_merchant += 1,
            Some(RuledFor::Split) => row.split += 1,
            None => {}
        }
        add(&mut row.lost, lost)
    }

    pub(super) fn finish(self) -> Vec<Case> {
        self.rows.into_values().collect()
    }
}

fn add(to: &mut Minor, by: Money) -> Result<(), LoanPackError> {
    to.0 = to.0.checked_add(by.minor).ok_or(PackError::Overflow("a sum of claims"))?;
    Ok(())
}
