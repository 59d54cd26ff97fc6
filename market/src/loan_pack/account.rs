//! The merchant's account and deposit: what each event booked to them.

use std::collections::{BTreeMap, HashMap};

use daybook_domain::account::events::SettlementClosed;
use daybook_domain::account::lines::{Bounds, Line, LineKind, OpenLines, is_line};
use daybook_domain::posting::Entry;
use daybook_domain::{Currency, Event, MerchantId, Money, PayoutId, Refs, Timestamp};
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
    /// Where each line stands in the pack.
    places: Vec<Place>,
    /// What the last settlement left owing before the first day.
    carried: i64,
    /// Of what was pending before the first day, what each settlement took.
    taken_before: Vec<(String, i64)>,
    /// Payouts that left this currency for another, and what they had been.
    converted: HashMap<PayoutId, Minor>,
    /// Balance and deposit in other currencies.
    elsewhere: BTreeMap<Currency, (i64, i64)>,
}

/// Where a line stands in the pack.
#[derive(Clone, Copy)]
enum Place {
    /// It is booked before the first day.
    Before,
    /// It is a movement.
    Movement(usize),
    /// Of another currency, or booked after the last day.
    Nowhere,
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
            carried: 0,
            taken_before: Vec::new(),
            converted: HashMap::new(),
            elsewhere: BTreeMap::new(),
        }
    }

    /// Takes an event: when it is booked.
    pub(super) fn see(
        &mut self,
        event: &Event,
        refs: &Refs,
        at: Timestamp,
        entries: &[Entry<'_>],
    ) -> Timestamp {
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
            self.settle(e, booked_at);
        }
        let mut movement = nothing("", booked_at);
        movement.converted = self.converted(event, refs, booked_at);
        // a settlement stands there also where it moved nothing, and so does the end of a payout in another currency
        let settled = matches!(event, Event::SettlementClosed(e) if e.currency == self.currency);
        let mut moved = movement.converted.is_some() || (settled && refs.merchant == Some(self.merchant));
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
                self.places.push(match entry.amount.currency == self.currency && counts {
                    true if booked_at < self.cut.from => Place::Before,
                    true => Place::Movement(self.movements.len()),
                    false => Place::Nowhere,
                });
            }
            let Some(balance) = balance(&mut movement, entry.account.name) else { continue };
            if entry.amount.currency != self.currency {
                if counts {
                    let (balance, deposit) = self.elsewhere.entry(entry.amount.currency).or_default();
                    let of_deposit = matches!(entry.account.name, "Deposit" | "DepositFrozen");
                    *(if of_deposit { deposit } else { balance }) -= entry.amount.minor;
                }
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
            return booked_at;
        }
        if booked_at < self.cut.from {
            add(&mut self.before, &movement);
            return booked_at;
        }
        event.kind().as_str().clone_into(&mut movement.event);
        movement.order = refs.order.map(|order| order.to_string());
        movement.reference = reference(event);
        self.movements.push(movement);
        booked_at
    }

    /// Gives a settlement its lines.
    fn settle(&mut self, e: &SettlementClosed, booked_at: Timestamp) {
        let lines = self.open.take(e.currency, Bounds::from(e));
        if booked_at < self.cut.from {
            if e.currency == self.currency {
                self.carried = e.carried_out.minor;
            }
            return;
        }
        let name = e.settlement.to_string();
        let mut before = 0;
        for line in lines {
            match self.places.get(line.number as usize - 1) {
                Some(Place::Before) => before += line.amount.minor,
                Some(Place::Movement(place)) => {
                    if let Some(movement) = self.movements.get_mut(*place) {
                        movement.settlement = Some(name.clone());
                    }
                }
                Some(Place::Nowhere) | None => {}
            }
        }
        if e.currency == self.currency {
            before += std::mem::take(&mut self.carried);
        }
        if before != 0 {
            self.taken_before.push((name, before));
        }
    }

    /// What a payout had been in the pack's currency, where the event ends one that left it within the pack's days: of one that left
    /// before, nothing in the pack would show it.
    fn converted(&mut self, event: &Event, refs: &Refs, booked_at: Timestamp) -> Option<Minor> {
        if refs.merchant != Some(self.merchant) {
            return None;
        }
        match event {
            Event::PayoutConverted(e)
                if e.from.currency == self.currency
                    && booked_at >= self.cut.from
                    && booked_at <= self.cut.to =>
            {
                self.converted.insert(e.payout, Minor(e.from.minor));
                None
            }
            Event::PayoutConfirmed(e) => self.converted.get(&e.payout).copied(),
            Event::PayoutFailed(e) => self.converted.get(&e.payout).copied(),
            Event::PayoutReturned(e) => self.converted.get(&e.payout).copied(),
            _ => None,
        }
    }

    /// The movements, and balance and deposit in other currencies.
    pub(super) fn finish(self) -> (Vec<Movement>, BTreeMap<Currency, (i64, i64)>) {
        let mut all = vec![self.before];
        // what was pending before stands apart where a settlement took it, so that its lines come to what it took
        for (settlement, amount) in self.taken_before {
            all[0].pending.0 -= amount;
            let mut taken = nothing(OPENING, self.cut.from);
            taken.settlement = Some(settlement);
            taken.pending = Minor(amount);
            all.push(taken);
        }
        // in the order of the books, as statements have them: what was recorded late stands where it is booked
        let mut movements = self.movements;
        movements.sort_by_key(|movement| movement.at);
        movements.splice(0..0, all);
        for (at, movement) in movements.iter_mut().enumerate() {
            movement.number = at as u64 + 1;
        }
        (movements, self.elsewhere)
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
        converted: None,
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
        Event::RefundIssued(e) => e.refund.to_string(),
        Event::ChargebackClosed(e) => e.chargeback.to_string(),
        Event::BalanceHeld(e) => e.hold.to_string(),
        Event::BalanceHoldLifted(e) => e.hold.to_string(),
        _ => return None,
    })
}
