//! Freezes: invariant 9, nothing is released while a dispute or chargeback stands in the way.

use ahash::RandomState;
use daybook_domain::order::events::LineQuantity;
use daybook_domain::{ChargebackId, DisputeId, Event, LineId, OrderId};
use hashbrown::HashMap;
use uuid::Uuid;

use super::books::{Books, place};
use super::report::{Check, Report};
use super::{Group, Seen};

#[derive(Default)]
struct Frozen {
    /// Disputes that nobody has ruled, and the lines they are about.
    disputes: Vec<(DisputeId, Vec<LineId>)>,
    chargebacks: Vec<ChargebackId>,
    /// Releases that met a freeze: fine only if the same command lifts it.
    suspects: Vec<(Uuid, String, String)>,
}

impl Frozen {
    fn lift(&mut self, dispute: DisputeId, command: Uuid) {
        self.disputes.retain(|(id, _)| *id != dispute);
        self.suspects.retain(|(by, _, _)| *by != command);
    }
}

pub struct Freezes {
    orders: HashMap<OrderId, Frozen, RandomState>,
    check: Check,
}

impl Default for Freezes {
    fn default() -> Self {
        let check = Check::new(9, "nothing is released while a dispute or chargeback freezes it", "releases");
        Self { orders: HashMap::default(), check }
    }
}

fn lines(of: &[LineQuantity]) -> Vec<LineId> {
    of.iter().map(|l| l.line).collect()
}

impl Group for Freezes {
    fn see(&mut self, seen: &Seen<'_>, _: &Books) {
        let Some(order) = seen.refs.order else { return };
        let command = seen.recorded.command;
        match seen.event {
            Event::DisputeOpened(e) => {
                self.orders.entry(order).or_default().disputes.push((e.dispute, lines(&e.lines)));
            }
            Event::ChargebackOpened(e) => {
                self.orders.entry(order).or_default().chargebacks.push(e.chargeback)
            }
            Event::EscrowReleased(e) => {
                self.check.checked += 1;
                let Some(frozen) = self.orders.get_mut(&order) else { return };
                let named = |of: &[LineId]| of.is_empty() || e.lines.iter().any(|l| of.contains(&l.line));
                if let Some((dispute, _)) = frozen.disputes.iter().find(|(_, of)| named(of)) {
                    let what = format!("dispute {dispute} was open");
                    frozen.suspects.push((command, place(seen.recorded), what));
                } else if let Some(chargeback) = frozen.chargebacks.first() {
                    let what = format!("chargeback {chargeback} was open");
                    frozen.suspects.push((command, place(seen.recorded), what));
                }
            }
            Event::DisputeRuled(e) => self.lift(order, e.dispute, command),
            Event::DisputeWithdrawn(e) => self.lift(order, e.dispute, command),
            Event::DisputeClosed(e) => self.lift(order, e.dispute, command),
            Event::ChargebackClosed(e) => {
                if let Some(frozen) = self.orders.get_mut(&order) {
                    frozen.chargebacks.retain(|id| *id != e.chargeback);
                    frozen.suspects.retain(|(by, _, _)| *by != command);
                }
            }
            _ => {}
        }
    }

    fn finish(mut self: Box<Self>, _: &Books, report: &mut Report) {
        let mut suspects: Vec<_> = self.orders.into_values().flat_map(|frozen| frozen.suspects).collect();
        suspects.sort_unstable();
        for (_, id, what) in suspects {
            self.check.violate(id, what);
        }
        report.add(self.check);
    }
}

impl Freezes {
    fn lift(&mut self, order: OrderId, dispute: DisputeId, command: Uuid) {
        if let Some(frozen) = self.orders.get_mut(&order) {
            frozen.lift(dispute, command);
        }
    }
}
