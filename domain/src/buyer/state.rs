//! A buyer's membership and points.

use std::collections::BTreeMap;

use super::commands::BuyerCommand;
use super::events::*;
use crate::decider::{Numbers, not_negative, said};
use crate::money::allocate;
use crate::{
    Aggregate, BuyerId, CampaignId, Code, Context, Event, Money, OrderId, Reference, Refs, Rejection,
    Timestamp,
};

/// Most points of one command: far beyond any programme, and their products stay within range.
const MOST_POINTS: u64 = 1_000_000_000;

/// The state of `buyer-{id}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buyer {
    id: Option<BuyerId>,
    registered: bool,
    tier: Option<Code>,
    points: u64,
    /// What they are worth; none before the first were earned.
    value: Option<Money>,
    /// Points of each order that have not been taken back, and the campaign that paid for them.
    earned: BTreeMap<OrderId, (u64, Option<CampaignId>)>,
    /// The campaign that paid for all points; none before the first.
    paid_by: Option<Option<CampaignId>>,
    awards: Numbers<OrderId>,
    /// Conversions and expiries taken.
    taken: Numbers<Reference>,
}

type Decided = Result<Vec<Event>, Rejection>;

impl Buyer {
    /// Points to spend.
    #[must_use]
    pub const fn points(&self) -> u64 {
        self.points
    }
    /// What they are worth to the market.
    #[must_use]
    pub const fn value(&self) -> Option<Money> {
        self.value
    }
    /// The tier.
    #[must_use]
    pub const fn tier(&self) -> Option<Code> {
        self.tier
    }

    /// The share of the value that goes with so many of the points.
    fn share(&self, points: u64) -> Result<Money, Rejection> {
        let none = || Rejection::new("not_enough_points", "points: the buyer has none");
        let value = self.value.ok_or_else(none)?;
        let wide = |points: u64| i64::try_from(points).unwrap_or(i64::MAX);
        let parts = allocate(value.minor, &[wide(points), wide(self.points.saturating_sub(points))])?;
        Ok(Money::new(parts.first().copied().unwrap_or(0), value.currency))
    }

    fn within(&self, points: u64) -> Result<(), Rejection> {
        some(points)?;
        if points > self.points {
            let message = format!("points is {points}, and the buyer has {}", self.points);
            return Err(Rejection::new("not_enough_points", message));
        }
        Ok(())
    }

    fn earn(&self, command: &BuyerCommand) -> Decided {
        let BuyerCommand::EarnPoints { order, points, value, campaign } = command else {
            return Ok(Vec::new());
        };
        some(*points)?;
        not_negative("value", *value)?;
        if let Some(held) = self.value {
            held.add(*value)?;
        }
        let (order, points, value, campaign) = (*order, *points, *value, *campaign);
        let earned = PointsEarned { order, points, value, campaign };
        let known = self.awards.has("order", &order, &earned)?;
        Ok(if known { Vec::new() } else { vec![earned.into()] })
    }

    fn reverse(&self, order: OrderId, points: Option<u64>, reason: &str) -> Decided {
        said("reason", reason)?;
        let unknown =
            || Rejection::new("points_unknown", format!("order {order} earned this buyer no points"));
        let (left, campaign) = *self.earned.get(&order).ok_or_else(unknown)?;
        let asked = points.unwrap_or(left);
        if asked > left {
            let message = format!("points is {asked}, and {left} of order {order} are left");
            return Err(Rejection::new("more_than_earned", message));
        }
        if asked == 0 {
            return Ok(Vec::new());
        }
        let points = asked.min(self.points);
        let value = if points == 0 { Money::zero(self.currency()?) } else { self.share(points)? };
        let (spent, reason) = (asked - points, reason.to_owned());
        Ok(vec![PointsReversed { order, points, value, spent, reason, campaign }.into()])
    }

    fn currency(&self) -> Result<crate::Currency, Rejection> {
        let none = || Rejection::new("not_enough_points", "points: the buyer has none");
        self.value.map(|value| value.currency).ok_or_else(none)
    }

    fn leave(&mut self, points: u64, value: Money) {
        self.points = self.points.saturating_sub(points);
        if let Some(held) = &mut self.value {
            held.minor = held.minor.saturating_sub(value.minor);
        }
    }
}

/// What a conversion says; its worth follows from when it was.
fn converted(to: PointsBecome, points: u64) -> impl serde::Serialize {
    ("convert", to, points)
}

fn expired(points: u64) -> impl serde::Serialize {
    ("expire", points)
}

/// Refuses no points, and more than any programme gives.
fn some(points: u64) -> Result<(), Rejection> {
    if (1..=MOST_POINTS).contains(&points) {
        return Ok(());
    }
    let message = format!("points is {points}: it must be 1 to {MOST_POINTS}");
    Err(Rejection::new("points_out_of_range", message))
}

impl Aggregate for Buyer {
    const CATEGORY: &'static str = "buyer";
    type Command = BuyerCommand;

    fn named(id: &str) -> Self {
        Self { id: BuyerId::new(id).ok(), ..Self::default() }
    }

    fn decide(&self, command: &BuyerCommand, _: &Context<'_>) -> Decided {
        use BuyerCommand as C;
        match command {
            C::Register { .. } if self.registered => Ok(Vec::new()),
            C::Register { visitor, channel } => {
                Ok(vec![BuyerRegistered { visitor: *visitor, channel: *channel }.into()])
            }
            C::ChangeMembership { tier } if self.tier == Some(*tier) => Ok(Vec::new()),
            C::ChangeMembership { tier } => Ok(vec![MembershipChanged { tier: *tier }.into()]),
            C::EarnPoints { .. } => self.earn(command),
            C::ConvertPoints { conversion, to, points } => {
                if self.taken.has("conversion", conversion, &converted(*to, *points))? {
                    return Ok(Vec::new());
                }
                self.within(*points)?;
                let (value, conversion, to) = (self.share(*points)?, *conversion, *to);
                Ok(vec![PointsConverted { conversion, to, points: *points, value }.into()])
            }
            C::ReversePoints { order, points, reason } => self.reverse(*order, *points, reason),
            C::ExpirePoints { expiry, points } => {
                if self.taken.has("expiry", expiry, &expired(*points))? {
                    return Ok(Vec::new());
                }
                self.within(*points)?;
                let value = self.share(*points)?;
                let campaign = self.paid_by.flatten();
                Ok(vec![PointsExpired { expiry: *expiry, points: *points, value, campaign }.into()])
            }
        }
    }

    fn evolve(&mut self, event: &Event, _: Timestamp) {
        match event {
            Event::BuyerRegistered(_) => self.registered = true,
            Event::MembershipChanged(e) => self.tier = Some(e.tier),
            Event::PointsEarned(e) => {
                self.awards.take(e.order, e);
                self.earned.insert(e.order, (e.points, e.campaign));
                let same = self.paid_by.is_none_or(|paid_by| paid_by == e.campaign);
                self.paid_by = Some(e.campaign.filter(|_| same));
                self.points = self.points.saturating_add(e.points);
                let held = self.value.get_or_insert(Money::zero(e.value.currency));
                held.minor = held.minor.saturating_add(e.value.minor);
            }
            Event::PointsConverted(e) => {
                self.taken.take(e.conversion, &converted(e.to, e.points));
                self.leave(e.points, e.value);
            }
            Event::PointsExpired(e) => {
                self.taken.take(e.expiry, &expired(e.points));
                self.leave(e.points, e.value);
            }
            Event::PointsReversed(e) => {
                if let Some((left, _)) = self.earned.get_mut(&e.order) {
                    *left = left.saturating_sub(e.points + e.spent);
                }
                self.leave(e.points, e.value);
            }
            _ => {}
        }
    }

    fn refs(&self) -> Refs {
        Refs { buyer: self.id, ..Refs::default() }
    }

    fn status(&self) -> &'static str {
        match (self.registered, self.points) {
            (_, 1..) => "with_points",
            (true, 0) => "registered",
            (false, 0) => "unknown",
        }
    }
}
