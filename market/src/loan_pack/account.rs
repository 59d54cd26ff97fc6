//! The merchant's account and deposit: what each event booked to them.

use daybook_domain::account::lines::{Bounds, Line, LineKind, OpenLines, is_line};
use daybook_domain::posting::Entry;
use daybook_domain::{Currency, Event, MerchantId, Money, Refs, Timestamp};
use daybook_packs::{Minor, Movement, OPENING};

use super::Cut;

/// The movements of an account so far.
pub(super) struct Account {
    merchant: MerchantId,
    cut: Cut,
    currency: Currency,
    /// Start of the first open period: what happened before is booked then.
    open_from: Option<Timestamp>,
    before: Movement,
    movements: Vec<Movement>,
    /// All pending lines, in every currency: settlements name them by number.
    open: OpenLines,
    /// The movement of each line, where it is one of the pack's.
    places: Vec<Option<usize>>,
}

impl Account {
    pub(super) fn new(merchant: MerchantId, cut: Cut, currency: Currency) -> Self {
        let before = nothing(OPENING, cut.from);
        Self {
            merchant,
            cut,
            currency,
            open_from: None,
            before,
            movements: Vec::new(),
            open: OpenLines::default(),
            places: Vec::new(),
        }
    }

    pub(super) fn see(&mut self, event: &Event, refs: &Refs, at: Timestamp, entries: &[Entry<'_>]) {
        match event {
            Event::PeriodClosed(e) => self.open_from = self.open_from.max(Some(e.until)),
            Event::PeriodReopened(e) => self.open_from = e.closed_until,
            _ => {}
        }
        let booked_at = self.open_from.map_or(at, |from| from.max(at));
        let counts = booked_at <= self.cut.to;
        if let Event::SettlementClosed(e) = event
            && refs.merchant == Some(self.merchant)
            && counts
        {
            for line in self.open.take(e.currency, Bounds::from(e)) {
                let place = self.places.get(line.number as usize - 1).copied().flatten();
                if let Some(movement) = place.and_then(|place| self.movements.get_mut(place)) {
                    movement.settlement = Some(e.settlement.to_string());
                }
            }
        }
        let mut movement = nothing(event.kind().as_str(), booked_at);
        let mut moved = false;
        let mine = entries.iter().filter(|entry| entry.account.dimension == self.merchant.as_str());
        for entry in mine {
            let line = is_line(event.kind(), entry);
            if line {
                self.open.push(Line {
                    number: 0,
                    amount: Money::new(-entry.amount.minor, entry.amount.currency),
                    event: event.kind(),
                    occurred_at: at,
                    booked_at,
                    order: refs.order,
                });
                let within = counts && booked_at >= self.cut.from && entry.amount.currency == self.currency;
                self.places.push(within.then_some(self.movements.len()));
            }
            let Some(balance) = balance(&mut movement, entry.account.name) else { continue };
            if entry.amount.currency != self.currency {
                continue;
            }
            // what is owed is a credit
            balance.0 -= entry.amount.minor;
            moved = true;
            if line {
                movement.about = Some(LineKind::of(event.kind()).to_string());
            }
        }
        if !moved || !counts {
            return;
        }
        if booked_at < self.cut.from {
            add(&mut self.before, &movement);
            return;
        }
        movement.order = refs.order.map(|order| order.to_string());
        movement.reference = reference(event);
        self.movements.push(movement);
    }

    pub(super) fn finish(self) -> Vec<Movement> {
        let mut all = vec![self.before];
        all.extend(self.movements);
        for (at, movement) in all.iter_mut().enumerate() {
            movement.number = at as u64 + 1;
        }
        all
    }
}

fn nothing(event: &str, at: Timestamp) -> Movement {
    Movement {
        number: 0,
        at,
        event: event.to_owned(),
        about: None,
        order: None,
        reference: None,
        settlement: None,
        pending: Minor(0),
        available: Minor(0),
        held: Minor(0),
        reserve: Minor(0),
        in_transit: Minor(0),
        deposit: Minor(0),
        frozen: Minor(0),
    }
}

fn balance<'m>(movement: &'m mut Movement, account: &str) -> Option<&'m mut Minor> {
    Some(match account {
        "MerchantPending" => &mut movement.pending,
        "MerchantAvailable" => &mut movement.available,
        "MerchantHeld" => &mut movement.held,
        "MerchantReserve" => &mut movement.reserve,
        "PayoutInTransit" => &mut movement.in_transit,
        "Deposit" => &mut movement.deposit,
        "DepositFrozen" => &mut movement.frozen,
        _ => return None,
    })
}

fn add(to: &mut Movement, by: &Movement) {
    to.pending.0 += by.pending.0;
    to.available.0 += by.available.0;
    to.held.0 += by.held.0;
    to.reserve.0 += by.reserve.0;
    to.in_transit.0 += by.in_transit.0;
    to.deposit.0 += by.deposit.0;
    to.frozen.0 += by.frozen.0;
}

fn reference(event: &Event) -> Option<String> {
    Some(match event {
        Event::SettlementClosed(e) => e.settlement.to_string(),
        Event::ReserveReleased(e) => e.settlement.to_string(),
        Event::PayoutRequested(e) => e.payout.to_string(),
        Event::PayoutConverted(e) => e.payout.to_string(),
        Event::PayoutConfirmed(e) => e.payout.to_string(),
        Event::PayoutFailed(e) => e.payout.to_string(),
        Event::PayoutReturned(e) => e.payout.to_string(),
        _ => return None,
    })
}
