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
    /// Those that are open.
    open: HashMap<Id, Known>,
    /// Chargebacks that were closed: when, and what the bank kept. One that it asks for again was not.
    ended: HashMap<Id, (Known, Timestamp, Money)>,
    rows: BTreeMap<(Option<Month>, &'static str), Case>,
}

/// A case of an order: its kind and id.
type Id = (OrderId, &'static str, String);

const DISPUTE: &str = "dispute";
const CHARGEBACK: &str = "chargeback";

impl Cases {
    pub(super) fn new(window: Window, currency: Currency) -> Self {
        Self { window, currency, open: HashMap::new(), ended: HashMap::new(), rows: BTreeMap::new() }
    }

    pub(super) fn see(&mut self, event: &Event, refs: &Refs, at: Timestamp) -> Result<(), LoanPackError> {
        let Some(order) = refs.order else { return Ok(()) };
        match event {
            Event::DisputeOpened(e) => {
                let known = Known { claim: e.claim, by: e.by, outcome: None, appealed: None };
                self.opened((order, DISPUTE, e.dispute.to_string()), known, at)
            }
            Event::ChargebackOpened(e) => {
                let by = DisputeParty::Buyer;
                let known = Known { claim: e.amount, by, outcome: None, appealed: None };
                self.opened((order, CHARGEBACK, e.chargeback.to_string()), known, at)
            }
            Event::DisputeRuled(e) => {
                self.change((order, DISPUTE, e.dispute.to_string()), |case| {
                    (case.outcome, case.appealed) = (Some(e.r#for), None);
                });
                Ok(())
            }
            Event::DisputeAppealed(e) => {
                self.change((order, DISPUTE, e.dispute.to_string()), |case| case.appealed = Some(e.by));
                Ok(())
            }
            Event::RulingReversed(e) => {
                // a buyer's appeal that succeeds is ruled anew
                self.change((order, DISPUTE, e.dispute.to_string()), |case| {
                    case.outcome =
                        (case.appealed == Some(DisputeParty::Merchant)).then_some(RuledFor::Merchant);
                });
                Ok(())
            }
            Event::DisputeWithdrawn(e) => {
                self.change((order, DISPUTE, e.dispute.to_string()), |case| {
                    let for_merchant = case.by == DisputeParty::Buyer;
                    case.outcome = Some(if for_merchant { RuledFor::Merchant } else { RuledFor::Buyer });
                });
                Ok(())
            }
            Event::DisputeClosed(e) => {
                self.closed((order, DISPUTE, e.dispute.to_string()), at, Money::zero(self.currency))
            }
            Event::ChargebackClosed(e) => {
                let lost = e.outcome == ChargebackOutcome::Lost;
                self.change((order, CHARGEBACK, e.chargeback.to_string()), |case| {
                    case.outcome = Some(if lost { RuledFor::Buyer } else { RuledFor::Merchant });
                });
                let kept = if lost { e.amount } else { Money::zero(self.currency) };
                self.closed((order, CHARGEBACK, e.chargeback.to_string()), at, kept)
            }
            _ => Ok(()),
        }
    }

    fn change(&mut self, id: Id, change: impl FnOnce(&mut Known)) {
        if let Some(case) = self.open.get_mut(&id) {
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

    fn opened(&mut self, id: Id, known: Known, at: Timestamp) -> Result<(), LoanPackError> {
        if known.claim.currency != self.currency || self.open.contains_key(&id) {
            return Ok(());
        }
        if let Some((known, ended, kept)) = self.ended.remove(&id) {
            // a bank may ask again for what it lost: it is the same case, and open
            let row = self.row(ended, id.1);
            row.closed -= 1;
            row.closed_claims.0 -= known.claim.minor;
            row.lost.0 -= kept.minor;
            *outcome(row, known.outcome) -= 1;
            self.open.insert(id, Known { outcome: None, ..known });
            return Ok(());
        }
        let row = self.row(at, id.1);
        row.opened += 1;
        add(&mut row.claimed, known.claim)?;
        self.open.insert(id, known);
        Ok(())
    }

    fn closed(&mut self, id: Id, at: Timestamp, lost: Money) -> Result<(), LoanPackError> {
        let Some(known) = self.open.remove(&id) else { return Ok(()) };
        let row = self.row(at, id.1);
        row.closed += 1;
        add(&mut row.closed_claims, known.claim)?;
        if known.outcome.is_some() {
            *outcome(row, known.outcome) += 1;
        }
        add(&mut row.lost, lost)?;
        if id.1 == CHARGEBACK {
            self.ended.insert(id, (known, at, lost));
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Vec<Case> {
        let any = |row: &Case| row.opened + row.closed > 0;
        self.rows.into_values().filter(any).collect()
    }
}

/// Where cases that ended so are counted; a chargeback always ends for somebody.
fn outcome(row: &mut Case, of: Option<RuledFor>) -> &mut u64 {
    match of {
        Some(RuledFor::Buyer) => &mut row.for_buyer,
        Some(RuledFor::Split) => &mut row.split,
        Some(RuledFor::Merchant) | None => &mut row.for_merchant,
    }
}

fn add(to: &mut Minor, by: Money) -> Result<(), LoanPackError> {
    to.0 = to.0.checked_add(by.minor).ok_or(PackError::Overflow("a sum of claims"))?;
    Ok(())
}
