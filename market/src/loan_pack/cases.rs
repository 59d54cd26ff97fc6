//! The disputes and banks' claims of an order.

use std::collections::HashSet;

use daybook_domain::order::events::{ChargebackOutcome, DisputeParty, RuledFor};
use daybook_domain::{Event, Money, Timestamp};
use daybook_packs::{Dispute, Minor};

/// Disputes so far. One is open until nothing can change it: a ruling that may be appealed decides nothing.
#[derive(Default)]
pub(super) struct Cases {
    pub disputes: Vec<Dispute>,
    /// Those whose last ruling the merchant appealed.
    by_merchant: HashSet<String>,
    /// How each that is ruled or taken back ends if nothing else happens.
    ends: Vec<(String, &'static str)>,
}

impl Cases {
    pub(super) fn see(&mut self, order: &str, event: &Event, at: Timestamp) {
        match event {
            Event::DisputeOpened(e) => {
                self.open(order, (e.dispute.as_str(), "dispute", e.category.as_str()), at, e.claim);
            }
            Event::ChargebackOpened(e) => {
                // a bank may ask again for what it lost
                let id = e.chargeback.as_str();
                self.decide(id, None, None, 0);
                if !self.disputes.iter().any(|known| known.dispute == id) {
                    self.open(order, (id, "chargeback", "bank"), at, e.amount);
                }
            }
            Event::ChargebackClosed(e) if e.outcome == ChargebackOutcome::Won => {
                self.decide(e.chargeback.as_str(), Some(at), Some("merchant"), 0);
            }
            Event::DisputeRuled(e) => {
                let outcome = match e.r#for {
                    RuledFor::Buyer => "buyer",
                    RuledFor::Merchant => "merchant",
                    RuledFor::Split => "split",
                };
                self.by_merchant.remove(e.dispute.as_str());
                self.ends(e.dispute.as_str(), outcome);
                if let Some(dispute) = self.find(e.dispute.as_str()) {
                    dispute.ruled_at = Some(at);
                }
            }
            Event::DisputeAppealed(e) if e.by == DisputeParty::Merchant => {
                self.by_merchant.insert(e.dispute.to_string());
            }
            // where the buyer appealed it is ruled anew
            Event::RulingReversed(e) if self.by_merchant.contains(e.dispute.as_str()) => {
                self.ends(e.dispute.as_str(), "merchant");
            }
            Event::DisputeWithdrawn(e) => self.ends(e.dispute.as_str(), "withdrawn"),
            Event::DisputeClosed(e) => {
                let id = e.dispute.as_str();
                let end = self.ends.iter().find(|(known, _)| known == id).map_or("withdrawn", |(_, end)| end);
                if let Some(dispute) = self.find(id) {
                    (dispute.decided_at, dispute.outcome) = (Some(at), Some(end.to_owned()));
                }
            }
            _ => {}
        }
    }

    /// Something went to the buyer by a ruling.
    pub(super) fn gave(&mut self, id: &str, to_buyer: Minor) {
        if let Some(dispute) = self.find(id) {
            dispute.refund.0 = dispute.refund.0.saturating_add(to_buyer.0);
        }
    }

    /// A bank decided, or asks again.
    pub(super) fn decide(&mut self, id: &str, at: Option<Timestamp>, outcome: Option<&str>, kept: i64) {
        if let Some(dispute) = self.find(id) {
            dispute.decided_at = at;
            dispute.outcome = outcome.map(str::to_owned);
            dispute.refund = Minor(kept);
        }
    }

    fn ends(&mut self, id: &str, end: &'static str) {
        match self.ends.iter_mut().find(|(known, _)| known == id) {
            Some(known) => known.1 = end,
            None => self.ends.push((id.to_owned(), end)),
        }
    }

    fn find(&mut self, id: &str) -> Option<&mut Dispute> {
        self.disputes.iter_mut().find(|dispute| dispute.dispute == id)
    }

    fn open(
        &mut self,
        order: &str,
        (id, kind, about): (&str, &str, &str),
        opened_at: Timestamp,
        claim: Money,
    ) {
        self.disputes.push(Dispute {
            order: order.to_owned(),
            dispute: id.to_owned(),
            kind: kind.to_owned(),
            about: about.to_owned(),
            opened_at,
            claim: Minor(claim.minor),
            ruled_at: None,
            decided_at: None,
            outcome: None,
            refund: Minor(0),
        });
    }
}
