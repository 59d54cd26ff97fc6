//! How the buyers of one merchant's orders came: by paid traffic or not.

use daybook_domain::OrderId;
use daybook_metrics::attribution::{AttributionRule, Model};

use super::history::History;
use super::{Dimension, Question};
use crate::engine::ReadModelError;

impl History {
    /// For each order of a merchant that was paid in the question's days, whether its visitor's last visit that was not direct
    /// (the last one where all were), in the 30 days before it, came by paid traffic. Orders that no recorded visit led to are left out.
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`] where an order's touches are more than can be weighed.
    pub fn by_paid_traffic(
        &self,
        merchant: &str,
        question: &Question,
    ) -> Result<Vec<(OrderId, bool)>, ReadModelError> {
        let Some(merchant) = self.names.known(merchant) else { return Ok(Vec::new()) };
        let mut ids: Vec<Option<OrderId>> = vec![None; self.sales.len()];
        for (id, at) in &self.orders {
            ids[*at as usize] = Some(*id);
        }
        let rule = AttributionRule::of(Model::LastNonDirect);
        let mut found = Vec::new();
        self.credit(question, &rule, Dimension::Paid, &mut |at, sale, credits| {
            let touch = credits.weights().first().filter(|_| sale.merchant == merchant);
            if let (Some((paid, _)), Some(id)) = (touch, ids.get(at).copied().flatten()) {
                found.push((id, *paid == 1));
            }
            Ok(())
        })?;
        Ok(found)
    }
}
