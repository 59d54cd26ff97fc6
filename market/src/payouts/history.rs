//! One merchant's account as its stream tells it: the settlements, and what each payout drew on.

use std::collections::BTreeMap;

use daybook_domain::account::draws::{Drawn, Draws, Source};
use daybook_domain::account::events::SettlementClosed;
use daybook_domain::account::lines::Bounds;
use daybook_domain::{Currency, Event, MerchantId, Money, PayoutId, SettlementId};
use daybook_journal::Journal;

use crate::MarketError;
use crate::stream::visit;

/// The settlements of one currency, in order.
#[derive(Debug, Default)]
pub struct Settlements {
    pub closed: Vec<SettlementClosed>,
    pub bounds: Vec<Bounds>,
}

/// An account's history.
#[derive(Debug, Default)]
pub struct History {
    pub settlements: BTreeMap<Currency, Settlements>,
    /// Each settlement's place in its currency.
    pub places: BTreeMap<SettlementId, (Currency, usize)>,
    /// Each payout with what was asked for, in the order of asking.
    pub payouts: Vec<(PayoutId, Money)>,
    pub draws: Draws,
}

impl History {
    pub fn read(journal: &dyn Journal, merchant: MerchantId) -> Result<Self, MarketError> {
        let mut history = Self::default();
        visit(journal, &format!("account-{merchant}"), &mut |event, _| history.evolve(&event))?;
        Ok(history)
    }

    fn evolve(&mut self, event: &Event) {
        self.draws.evolve(event);
        match event {
            Event::SettlementClosed(e) => {
                let own = self.settlements.entry(e.currency).or_default();
                self.places.insert(e.settlement, (e.currency, own.closed.len()));
                own.bounds.push(Bounds::from(e));
                own.closed.push(e.clone());
            }
            Event::PayoutRequested(e) => self.payouts.push((e.payout, e.amount)),
            _ => {}
        }
    }

    pub fn drawn(&self, payout: PayoutId) -> Option<&Drawn> {
        self.draws.payout(payout)
    }

    /// The settlements that a payout leads to: those of its parts, and before each those whose debts it took over,
    /// as places in their currencies.
    pub fn leads_to(&self, payout: PayoutId) -> Vec<(Currency, usize)> {
        let mut found = Vec::new();
        let mut asked = vec![payout];
        let mut seen = asked.clone();
        while let Some(payout) = asked.pop() {
            for part in self.drawn(payout).into_iter().flat_map(|drawn| &drawn.parts) {
                match part.source {
                    Source::Settlement(settlement) => {
                        if let Some(place) = self.places.get(&settlement) {
                            self.with_debts(*place, &mut found);
                        }
                    }
                    Source::Converted(other) if !seen.contains(&other) => {
                        seen.push(other);
                        asked.push(other);
                    }
                    Source::Converted(_) => {}
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    fn with_debts(&self, (currency, place): (Currency, usize), found: &mut Vec<(Currency, usize)>) {
        let Some(own) = self.settlements.get(&currency) else { return };
        for (at, closed) in own.closed.iter().enumerate().take(place + 1).rev() {
            found.push((currency, at));
            if closed.carried_in.is_zero() {
                break;
            }
        }
    }
}
