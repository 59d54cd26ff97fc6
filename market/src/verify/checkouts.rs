//! Checkouts: invariant 3, first half.

use std::collections::BTreeMap;

use ahash::RandomState;
use daybook_domain::checkout::events::PaymentPart;
use daybook_domain::{CheckoutId, Currency, Event, Money, OrderId};
use hashbrown::HashMap;

use super::books::Books;
use super::report::{Check, Report};
use super::{Group, Seen};

/// What came into a checkout in one currency, and where it went, in minor units.
#[derive(Default)]
struct Flow {
    captured: i64,
    stored_value: i64,
    into_escrow: i64,
    refunded: i64,
    recognised: i64,
    lost: i64,
    reversed: i64,
}

#[derive(Default)]
pub struct Checkouts {
    flows: HashMap<(CheckoutId, Currency), Flow, RandomState>,
    /// Allocated and not returned, by order.
    allocated: HashMap<OrderId, i64, RandomState>,
    /// Orders whose escrow took something else than was allocated.
    differing: BTreeMap<OrderId, (i64, i64)>,
    funded: u64,
}

fn sum(parts: impl Iterator<Item = Money>) -> i64 {
    parts.fold(0i64, |sum, amount| sum.saturating_add(amount.minor))
}

fn of(parts: &[PaymentPart]) -> i64 {
    sum(parts.iter().map(|part| part.amount))
}

impl Checkouts {
    fn flow(&mut self, seen: &Seen<'_>, amount: Money, add: impl FnOnce(&mut Flow, i64)) {
        if let Some(checkout) = seen.refs.checkout {
            add(self.flows.entry((checkout, amount.currency)).or_default(), amount.minor);
        }
    }
}

impl Group for Checkouts {
    fn see(&mut self, seen: &Seen<'_>, _: &Books) {
        match seen.event {
            Event::PaymentCaptured(e) => self.flow(seen, e.amount, |flow, n| flow.captured += n),
            Event::StoredValueUsed(e) => self.flow(seen, e.amount, |flow, n| flow.stored_value += n),
            Event::PaymentReversed(e) => self.flow(seen, e.amount, |flow, n| flow.reversed += n),
            Event::DifferenceRecognised(e) => self.flow(seen, e.amount, |flow, n| flow.recognised += n),
            Event::ChargebackLost(e) => self.flow(seen, e.from_unallocated, |flow, n| flow.lost += n),
            Event::UnallocatedRefunded(e) => {
                for part in &e.parts {
                    self.flow(seen, part.amount, |flow, n| flow.refunded += n);
                }
            }
            Event::FundsAllocated(e) => *self.allocated.entry(e.order).or_default() += of(&e.parts),
            Event::AllocationReturned(e) => *self.allocated.entry(e.order).or_default() -= of(&e.parts),
            Event::EscrowFunded(e) => {
                for part in &e.parts {
                    self.flow(seen, part.amount, |flow, n| flow.into_escrow += n);
                }
                let Some(order) = seen.refs.order else { return };
                self.funded += 1;
                let (allocated, paid) = (self.allocated.get(&order).copied().unwrap_or(0), of(&e.parts));
                if allocated != paid {
                    self.differing.insert(order, (allocated, paid));
                }
            }
            _ => {}
        }
    }

    fn finish(self: Box<Self>, books: &Books, report: &mut Report) {
        let mut check = Check::new(
            3,
            "per checkout: captured + stored value = into escrow + unallocated + refunded + recognised + lost + reversed",
            "checkouts",
        );
        let mut keys: Vec<_> = self.flows.keys().collect();
        keys.sort_unstable();
        for key @ (checkout, currency) in keys {
            let f = &self.flows[key];
            let unallocated = books.owed("Checkout", checkout.as_str(), *currency);
            let came = f.captured + f.stored_value;
            let went = f.into_escrow + unallocated + f.refunded + f.recognised + f.lost + f.reversed;
            let wrong = (came != went || unallocated < 0).then(|| {
                let money = |minor| Money::new(minor, *currency);
                format!("{} came in, {} went out or stands unallocated", money(came), money(went))
            });
            check.look(|| format!("checkout-{checkout}"), wrong);
        }
        report.add(check);

        let mut check =
            Check::new(3, "an order's escrow takes exactly what its checkout allocated", "fundings");
        check.checked = self.funded;
        for (order, (allocated, paid)) in self.differing {
            check.violate(
                format!("order-{order}"),
                format!("{paid} minor units were paid into escrow, {allocated} were allocated"),
            );
        }
        report.add(check);
    }
}
