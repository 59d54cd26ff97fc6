//! What a merchant's statement is drawn from: the entries of its own accounts within a time.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use daybook_domain::{Event, EventKind};
use daybook_journal::{Micros, Position};

use crate::engine::store::params;
use crate::engine::{ReadModelError, ReadModels};

/// Most entries of one answer: what a sheet of a workbook holds.
pub const STATEMENT_ENTRIES: u32 = 1_000_000;

/// An account of a merchant in one currency. Amounts are minor units, positive where it is owed to the merchant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerchantStanding {
    /// Name of the account, e.g. `MerchantPending`.
    pub name: String,
    /// ISO 4217 code.
    pub currency: String,
    /// What it stood at before.
    pub opening: i64,
    /// What it stood at in the end.
    pub closing: i64,
}

/// An entry of such an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerchantEntry {
    /// Name of the account.
    pub name: String,
    /// ISO 4217 code.
    pub currency: String,
    /// Minor units, positive where it is more for the merchant.
    pub amount: i64,
    /// Type of the event.
    pub event: String,
    /// The order it concerns.
    pub order_id: Option<String>,
    /// When it happened.
    pub occurred_at: Micros,
    /// When it is booked.
    pub booked_at: Micros,
    /// Position of the event.
    pub position: Position,
}

/// A merchant's own accounts within a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerchantMovements {
    /// What the models had applied.
    pub applied: Position,
    /// The accounts that were ever posted to by then.
    pub standings: Vec<MerchantStanding>,
    /// Their entries, in the order in which they are booked.
    pub entries: Vec<MerchantEntry>,
    /// What events of the merchant's account are about (a settlement, a payout, an adjustment), by position.
    pub references: BTreeMap<Position, String>,
}

const OWN: &str = "dimension = ?1 AND class = 'Liabilities' AND name IN ('MerchantPending', 'MerchantAvailable', \
                   'MerchantHeld', 'MerchantReserve', 'PayoutInTransit', 'Deposit', 'DepositFrozen')";

impl ReadModels {
    /// The accounts of a merchant and what is booked to them from `from` (inclusive) to `until` (exclusive).
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`] when there are more than [`STATEMENT_ENTRIES`] entries.
    pub fn merchant_movements(
        &self,
        merchant_id: &str,
        from: Micros,
        until: Micros,
    ) -> Result<MerchantMovements, ReadModelError> {
        let db = self.read()?;
        let applied = super::books::applied_by(&db, "book_accounts")?;
        let mut statement = db.prepare_cached(&format!(
            "SELECT name, currency, -sum(CASE WHEN booked_at < ?2 THEN amount ELSE 0 END), -sum(amount) FROM book_entries \
             WHERE {OWN} AND booked_at < ?3 GROUP BY name, currency ORDER BY currency, name"
        ))?;
        let standings = statement.query_map(params![merchant_id, from, until], |r| {
            let (name, currency) = (r.get(0)?, r.get(1)?);
            Ok(MerchantStanding { name, currency, opening: r.get(2)?, closing: r.get(3)? })
        })?;
        let standings = standings.collect::<Result<_, _>>()?;
        let mut statement = db.prepare_cached(&format!(
            "SELECT name, currency, -amount, event, order_id, occurred_at, booked_at, position FROM book_entries \
             WHERE {OWN} AND booked_at >= ?2 AND booked_at < ?3 ORDER BY booked_at, position, currency, name LIMIT ?4"
        ))?;
        let entries = statement.query_map(params![merchant_id, from, until, STATEMENT_ENTRIES + 1], |r| {
            Ok(MerchantEntry {
                name: r.get(0)?,
                currency: r.get(1)?,
                amount: r.get(2)?,
                event: r.get(3)?,
                order_id: r.get(4)?,
                occurred_at: r.get(5)?,
                booked_at: r.get(6)?,
                position: r.get::<i64>(7)? as Position,
            })
        })?;
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        if entries.len() > STATEMENT_ENTRIES as usize {
            return Err(ReadModelError::BadQuestion(format!(
                "merchant {merchant_id} has more than {STATEMENT_ENTRIES} entries in this time: ask for a shorter one"
            )));
        }
        let references = self.references(merchant_id, &entries)?;
        Ok(MerchantMovements { applied, standings, entries, references })
    }

    /// What those of the entries are about that stand in the merchant's own stream.
    fn references(
        &self,
        merchant_id: &str,
        entries: &[MerchantEntry],
    ) -> Result<BTreeMap<Position, String>, ReadModelError> {
        let own = |e: &&MerchantEntry| EventKind::parse(&e.event).is_some_and(|k| k.category() == "account");
        let wanted: std::collections::BTreeSet<Position> =
            entries.iter().filter(own).map(|e| e.position).collect();
        let mut references = BTreeMap::new();
        let Some(last) = wanted.last().copied() else { return Ok(references) };
        let mut failed = None;
        self.journal().read_stream(&format!("account-{merchant_id}"), 0, &mut |stored| {
            if wanted.contains(&stored.position) {
                match Event::decode(stored.kind, stored.schema, stored.data) {
                    Ok(event) => references.extend(about(&event).map(|id| (stored.position, id))),
                    Err(why) => {
                        let (position, stream) = (stored.position, stored.stream.to_owned());
                        failed = Some(ReadModelError::Undecodable { position, stream, why });
                        return ControlFlow::Break(());
                    }
                }
            }
            if stored.position < last { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        failed.map_or(Ok(references), Err)
    }
}

/// What an event of a merchant's account is about.
fn about(event: &Event) -> Option<String> {
    Some(match event {
        Event::SettlementClosed(e) => e.settlement.to_string(),
        Event::ReserveReleased(e) => e.settlement.to_string(),
        Event::PayoutRequested(e) => e.payout.to_string(),
        Event::PayoutConverted(e) => e.payout.to_string(),
        Event::PayoutConfirmed(e) => e.payout.to_string(),
        Event::PayoutFailed(e) => e.payout.to_string(),
        Event::PayoutReturned(e) => e.payout.to_string(),
        Event::AdjustmentApproved(e) => e.adjustment.to_string(),
        Event::BalanceHeld(e) => e.hold.to_string(),
        Event::BalanceHoldLifted(e) => e.hold.to_string(),
        Event::PlatformFeeCharged(e) => e.period.to_string(),
        Event::AdvertisingFeeCharged(e) => e.campaign.to_string(),
        _ => return None,
    })
}
