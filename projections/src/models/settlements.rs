//! One row per settlement: its figures as they were closed, and what became of its reserve.

use daybook_domain::{Event, EventKind, Money};

use super::text;
use crate::model::{Cut, Envelope, Index, Key, Keys, KindSet, Model, Out};
use crate::record;
use crate::record::NoChild;
use crate::world::World;

record! {
    /// A settlement of a merchant's account. Amounts are minor units. total = carried_in + gross - refunds -
    /// commission - fees + rewards - penalties - chargebacks + adjustments.
    SettlementRow in "settlements", key(settlement_id, merchant_id) {
        /// The settlement.
        settlement_id: String,
        /// The merchant.
        merchant_id: String,
        /// ISO 4217 code.
        currency: String,
        /// It takes lines booked before this instant, the start of a business day,
        until: i64 = time,
        /// up to this number.
        through: i64,
        /// What the settlement before it carried out: zero, or below it what the merchant owed.
        carried_in: i64 = money,
        /// Released to the merchant.
        gross: i64 = money,
        /// Refunds after release that it bore.
        refunds: i64 = money,
        /// Commission and its VAT, net.
        commission: i64 = money,
        /// Platform and advertising fees and return freight, with VAT, less what was waived.
        fees: i64 = money,
        /// Rewards.
        rewards: i64 = money,
        /// Penalties.
        penalties: i64 = money,
        /// Chargebacks that it bore.
        chargebacks: i64 = money,
        /// Adjustments, signed, with what reversed rulings and the deposit gave.
        adjustments: i64 = money,
        /// The sum of all these.
        total: i64 = money,
        /// Of a total above zero: kept back.
        held_as_reserve: i64 = money,
        /// Of a total below zero: taken from what was available.
        taken_from_available: i64 = money,
        /// Of a total below zero: owed still, carried to the next settlement.
        carried_out: i64 = money,
        /// Orders its lines concern.
        orders: i64,
        /// Lines.
        lines: i64,
        /// SHA-256 of its lines, hex.
        digest: String,
        /// When it was closed, in business time.
        closed_at: i64 = time,
        /// When the journal took it.
        recorded_at: i64 = time local,
        /// Position of the event in the journal.
        position: i64 = local,
        /// When its reserve is released.
        reserve_until: Option<i64> = time,
        /// When its reserve was released.
        reserve_released_at: Option<i64> = time,
        /// When the reserve is due, while it is kept.
        reserve_due: Option<i64> = time,
    }
}

impl SettlementRow {
    /// What became available by it: the total without the reserve, or nothing.
    #[must_use]
    pub fn made_available(&self) -> i64 {
        self.total.max(0) - self.held_as_reserve
    }

    /// none, held or released: what became of its reserve.
    #[must_use]
    pub fn reserve_status(&self) -> &'static str {
        match (self.held_as_reserve, self.reserve_released_at) {
            (0, _) => "none",
            (_, None) => "held",
            (_, Some(_)) => "released",
        }
    }
}

/// The model of [`SettlementRow`].
#[derive(Debug)]
pub struct Settlements;

impl Model for Settlements {
    type Row = SettlementRow;
    type Child = NoChild;
    const VERSION: u32 = 2;
    const KINDS: KindSet = KindSet::of(&[EventKind::SettlementClosed, EventKind::ReserveReleased]);
    const CUT: Cut = Cut::Booked;
    const INDEXES: &'static [Index] = &[
        Index::on(&["merchant_id", "position"]),
        Index::on(&["position"]),
        Index { columns: &["reserve_due"], above_zero: Some("reserve_due") },
    ];

    fn route<'e>(e: &'e Envelope<'e>, keys: &mut Keys<'e>) {
        let settlement = match e.event {
            Event::SettlementClosed(x) => x.settlement.as_str(),
            Event::ReserveReleased(x) => x.settlement.as_str(),
            _ => return,
        };
        let merchant = e.refs.merchant.as_ref().map_or("", |m| m.as_str());
        keys.push(Key::new(&[settlement, merchant]));
    }

    fn empty(key: &Key<'_>) -> SettlementRow {
        SettlementRow {
            settlement_id: text(key.part(0)),
            merchant_id: text(key.part(1)),
            ..SettlementRow::default()
        }
    }

    fn fold(row: &mut SettlementRow, _: usize, e: &Envelope<'_>, _: &World, _: &mut Out<NoChild>) {
        match e.event {
            Event::SettlementClosed(x) => {
                let minor = |amount: Money| amount.minor;
                *row = SettlementRow {
                    settlement_id: std::mem::take(&mut row.settlement_id),
                    merchant_id: std::mem::take(&mut row.merchant_id),
                    currency: text(x.currency.as_str()),
                    until: x.until.0,
                    through: i64::try_from(x.through).unwrap_or(i64::MAX),
                    carried_in: minor(x.carried_in),
                    gross: minor(x.gross),
                    refunds: minor(x.refunds),
                    commission: minor(x.commission),
                    fees: minor(x.fees),
                    rewards: minor(x.rewards),
                    penalties: minor(x.penalties),
                    chargebacks: minor(x.chargebacks),
                    adjustments: minor(x.adjustments),
                    total: minor(x.total),
                    held_as_reserve: minor(x.held_as_reserve),
                    taken_from_available: minor(x.taken_from_available),
                    carried_out: minor(x.carried_out),
                    orders: i64::try_from(x.orders).unwrap_or(i64::MAX),
                    lines: i64::try_from(x.lines).unwrap_or(i64::MAX),
                    digest: text(x.digest),
                    closed_at: e.occurred_at,
                    recorded_at: e.recorded_at,
                    position: e.position as i64,
                    reserve_until: x.reserve_until.map(|at| at.0),
                    reserve_released_at: None,
                    reserve_due: x.reserve_until.map(|at| at.0),
                };
            }
            Event::ReserveReleased(_) => {
                row.reserve_released_at = Some(e.occurred_at);
                row.reserve_due = None;
            }
            _ => {}
        }
    }

    fn present(row: &SettlementRow) -> bool {
        row.position > 0
    }
}
