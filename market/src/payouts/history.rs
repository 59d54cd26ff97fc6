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

impl Settlements {
    /// What a settlement is apart from its lines, from what the one before it carried out, and its debt from what
    /// became of that; minor units.
    pub fn residual(&self, at: usize, lines_sum: i64) -> i64 {
        let Some(closed) = self.closed.get(at) else { return lines_sum.saturating_abs() };
        let before = at.checked_sub(1).map_or(0, |before| self.closed[before].carried_out.minor);
        let own = closed.total.minor - closed.carried_in.minor - lines_sum;
        let carried = closed.carried_in.minor - before;
        let debt = closed.total.minor.min(0) + closed.taken_from_available.minor - closed.carried_out.minor;
        [own, carried, debt].into_iter().fold(0, |sum: i64, apart| sum.saturating_add(apart.saturating_abs()))
    }
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

    /// The payouts that one leads to: itself, and those whose conversion came back and was drawn on.
    pub fn reached(&self, payout: PayoutId) -> Vec<PayoutId> {
        let mut reached = vec![payout];
        let mut next = 0;
        while let Some(payout) = reached.get(next) {
            for part in self.drawn(*payout).map_or(&[][..], |drawn| &drawn.parts) {
                if let Source::Converted(other) = part.source
                    && !reached.contains(&other)
                {
                    reached.push(other);
                }
            }
            next += 1;
        }
        reached
    }

    /// The settlements that a payout leads to: those of its parts, and before each those whose debts it took over,
    /// as places in their currencies.
    pub fn leads_to(&self, payout: PayoutId) -> Vec<(Currency, usize)> {
        let mut found = Vec::new();
        for payout in self.reached(payout) {
            for part in self.drawn(payout).map_or(&[][..], |drawn| &drawn.parts) {
                if let Source::Settlement(settlement) = part.source
                    && let Some(place) = self.places.get(&settlement)
                {
                    self.with_debts(*place, &mut found);
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Compares what a payout took with its parts, and these with what they come from: what they are apart, and in
    /// words what is wrong. None where it was never asked for.
    pub fn parts_residual(&self, payout: PayoutId) -> Option<(Money, Option<String>)> {
        let (_, amount) = self.payouts.iter().find(|(id, _)| *id == payout)?;
        let drawn = self.drawn(payout)?;
        let mut by_source: BTreeMap<Source, i64> = BTreeMap::new();
        for part in &drawn.parts {
            *by_source.entry(part.source).or_default() += part.amount.minor;
        }
        let parts: i64 = by_source.values().sum();
        let mut left = (amount.minor - parts).abs();
        for (source, drawn) in by_source {
            let there = match source {
                Source::Settlement(id) => self.place(id).map_or(0, |closed| closed.total.minor.max(0)),
                Source::Converted(id) => {
                    self.drawn(id).and_then(|drawn| drawn.converted).map_or(0, |to| to.minor)
                }
            };
            left += (drawn - there).max(0);
        }
        let left = Money::new(left, amount.currency);
        let wrong = (!left.is_zero()).then(|| {
            let parts = Money::new(parts, amount.currency);
            format!(
                "payout {payout} took {amount}, its parts come to {parts}: {left} of it was never available"
            )
        });
        Some((left, wrong))
    }

    fn place(&self, settlement: SettlementId) -> Option<&SettlementClosed> {
        let (currency, at) = self.places.get(&settlement)?;
        self.settlements.get(currency)?.closed.get(*at)
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
