//! How the buyers of one merchant's orders came: by paid traffic or not.

use std::collections::HashSet;

use daybook_domain::{Event, MerchantId, OrderId, VisitorId};
use daybook_metrics::ChannelRule;
use daybook_metrics::attribution::{AttributionRule, Model};

use super::history::History;
use super::most::Most;
use super::parted::Part;
use super::{Dimension, Question};
use crate::calendar::Calendar;
use crate::engine::{Events, Progress, ReadModelError};

/// Whose orders a history is of, and which terminals placed these: of a whole market's traffic that is little.
#[derive(Debug)]
pub struct OrdersOf {
    /// The merchant.
    pub merchant: MerchantId,
    /// The terminals.
    pub terminals: HashSet<VisitorId, ahash::RandomState>,
}

/// What alone a history is of.
#[derive(Debug)]
pub(super) enum Only {
    /// A merchant's orders.
    Orders(OrdersOf),
    /// A part of all visitors.
    Part(Part),
}

impl Only {
    /// Whether an event is of it.
    pub(super) fn concerns(&self, event: &Event) -> bool {
        match self {
            Self::Orders(of) => of.concerns(event),
            Self::Part(part) => part.concerns(event),
        }
    }
}

impl OrdersOf {
    /// Whether an event is of these orders or terminals; what is of an order is asked where it is known.
    fn concerns(&self, event: &Event) -> bool {
        match event {
            Event::PageViewed(view) => self.terminals.contains(&view.visitor),
            Event::VisitorActed(act) => self.terminals.contains(&act.visitor),
            Event::OrderPlaced(order) => order.merchant == self.merchant,
            Event::CartItemAdded(_) | Event::BuyerRegistered(_) | Event::ChannelTrafficReported(_) => false,
            _ => true,
        }
    }
}

impl History {
    /// As [`read`](Self::read), of one merchant's orders alone and of the terminals that placed them: it takes the memory of these, not of
    /// the market's traffic. What it says of anything else is nothing.
    ///
    /// # Errors
    /// [`ReadModelError`]; `BadQuestion` where it would take more than 2 GiB of memory.
    pub fn read_orders_of(
        of: OrdersOf,
        events: &dyn Events,
        calendar: Calendar,
        since: (chrono::NaiveDate, i64),
        rule: ChannelRule,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, ReadModelError> {
        let beginning = Self::beginning(calendar, rule, since).of(Only::Orders(of));
        beginning.fill(events, Most::default(), progress)
    }

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
