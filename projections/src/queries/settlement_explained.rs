//! A settlement explained: what its lines come to, order by order, and whether that is all of it.

use std::collections::BTreeMap;

use daybook_domain::account::commands::SettlementFigures;
use daybook_domain::account::lines::{Line, digest, figures};
use daybook_domain::{Money, OrderId, SettlementId};

use crate::engine::{ReadModelError, ReadModels};
use crate::models::settlements::SettlementRow;

use super::PAGE_ROWS;
use super::settlements::{currency, settlement_before};

/// What the lines of one order come to in a settlement, minor units; each figure as in the settlement.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct OrderShare {
    /// The order; none for what concerns the merchant alone: fees, rewards, adjustments.
    pub order: Option<String>,
    /// Lines.
    pub lines: i64,
    /// Released to the merchant.
    pub gross: i64,
    /// Refunds that it bore.
    pub refunds: i64,
    /// Commission and its VAT, net.
    pub commission: i64,
    /// Fees.
    pub fees: i64,
    /// Rewards.
    pub rewards: i64,
    /// Penalties.
    pub penalties: i64,
    /// Chargebacks that it bore.
    pub chargebacks: i64,
    /// Adjustments, signed.
    pub adjustments: i64,
    /// gross - refunds - commission - fees + rewards - penalties - chargebacks + adjustments.
    pub total: i64,
}

/// A settlement with the share of each order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementExplained {
    /// As it was closed.
    pub settlement: SettlementRow,
    /// What concerns no order first, then the orders by id.
    pub orders: Vec<OrderShare>,
    /// Their sums.
    pub sum: OrderShare,
    /// What the settlement says beyond the sums: zero in every figure, or it is not explained.
    pub residual: OrderShare,
    /// What it carried in beyond what the settlement before it carried out, minor units: zero.
    pub carry_residual: i64,
    /// What it came to owe beyond what it took of the available and carried out, minor units: zero.
    pub debt_residual: i64,
    /// Whether the digest of the lines is the one that was closed.
    pub digest_matches: bool,
}

impl SettlementExplained {
    /// Whether nothing is left unexplained.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.digest_matches
            && (self.carry_residual, self.debt_residual) == (0, 0)
            && self.residual == OrderShare::default()
    }
}

impl OrderShare {
    fn of(order: Option<OrderId>, f: &SettlementFigures) -> Self {
        Self {
            order: order.map(|id| id.to_string()),
            lines: i64::try_from(f.lines).unwrap_or(i64::MAX),
            gross: f.gross.minor,
            refunds: f.refunds.minor,
            commission: f.commission.minor,
            fees: f.fees.minor,
            rewards: f.rewards.minor,
            penalties: f.penalties.minor,
            chargebacks: f.chargebacks.minor,
            adjustments: f.adjustments.minor,
            total: f.total.minor,
        }
    }

    fn cells(&mut self) -> [&mut i64; 10] {
        [
            &mut self.lines,
            &mut self.gross,
            &mut self.refunds,
            &mut self.commission,
            &mut self.fees,
            &mut self.rewards,
            &mut self.penalties,
            &mut self.chargebacks,
            &mut self.adjustments,
            &mut self.total,
        ]
    }
}

impl ReadModels {
    /// A settlement with what its lines come to, order by order.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn settlement_explained(
        &self,
        settlement_id: &str,
    ) -> Result<Option<SettlementExplained>, ReadModelError> {
        let Some(settlement) = self.settlement(settlement_id)? else { return Ok(None) };
        let lines = self.all_lines_of(&settlement)?;
        let bad = |why: String| ReadModelError::BadQuestion(format!("settlement {settlement_id}: {why}"));
        let id = SettlementId::new(settlement_id).map_err(|e| bad(e.to_string()))?;
        let none = Money::zero(currency(&settlement.currency)?);
        let mut by_order: BTreeMap<Option<OrderId>, Vec<Line>> = BTreeMap::new();
        for line in &lines {
            by_order.entry(line.order).or_default().push(*line);
        }
        let mut orders = Vec::with_capacity(by_order.len());
        let mut sum = OrderShare::default();
        for (order, lines) in by_order {
            let share = figures(id, settlement.bounds(), none, &lines).map_err(|e| bad(e.to_string()))?;
            let mut share = OrderShare::of(order, &share);
            for (sum, cell) in sum.cells().into_iter().zip(share.cells()) {
                *sum = sum.saturating_add(*cell);
            }
            orders.push(share);
        }
        let closed = [
            settlement.lines,
            settlement.gross,
            settlement.refunds,
            settlement.commission,
            settlement.fees,
            settlement.rewards,
            settlement.penalties,
            settlement.chargebacks,
            settlement.adjustments,
            settlement.total.saturating_sub(settlement.carried_in),
        ];
        let mut residual = OrderShare::default();
        for ((residual, closed), sum) in residual.cells().into_iter().zip(closed).zip(sum.clone().cells()) {
            *residual = closed.saturating_sub(*sum);
        }
        let digest_matches = digest(&lines).as_str() == settlement.digest;
        let before = settlement_before(&*self.read()?, &settlement)?;
        let carry_residual = settlement.carried_in.saturating_sub(before.map_or(0, |s| s.carried_out));
        let owed = settlement.total.min(0).saturating_neg();
        let debt_residual =
            owed.saturating_sub(settlement.taken_from_available.saturating_sub(settlement.carried_out));
        Ok(Some(SettlementExplained {
            settlement,
            orders,
            sum,
            residual,
            carry_residual,
            debt_residual,
            digest_matches,
        }))
    }

    fn all_lines_of(&self, settlement: &SettlementRow) -> Result<Vec<Line>, ReadModelError> {
        let mut lines: Vec<Line> = Vec::new();
        loop {
            let after = lines.last().map_or(0, |line| line.number);
            let page = self.settlement_lines(&settlement.settlement_id, after, PAGE_ROWS)?;
            let last = page.len() < PAGE_ROWS as usize;
            for row in &page {
                lines.push(row.line()?);
            }
            if last {
                return Ok(lines);
            }
        }
    }
}
