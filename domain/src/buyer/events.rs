//! Events of `buyer-{id}`.

use crate::codec::{event, words};
use crate::{CampaignId, Code, Money, OrderId, Reference, VisitorId};

words! {
    /// What points become.
    PointsBecome {
        /// Coupons: drawn when an order uses one.
        Coupon = "coupon",
        /// A balance with the market: drawn as stored value.
        Cash = "cash",
    }
}

event! {
    /// A buyer made an account.
    BuyerRegistered {
        ;
        /// The terminal that it registered on.
        visitor: VisitorId,
        channel: Code,
    }
}
event! {
    /// A buyer came to another tier.
    MembershipChanged { tier: Code }
}
event! {
    /// Points were earned by an order.
    PointsEarned {
        order: OrderId,
        points: u64,
        /// What they are worth to the market.
        value: Money;
        /// The campaign that pays for them.
        campaign: CampaignId,
    }
}
event! {
    /// Points became something else.
    PointsConverted {
        /// New for the buyer.
        conversion: Reference,
        to: PointsBecome,
        points: u64,
        value: Money,
    }
}
event! {
    /// An order came back, and its points with it.
    PointsReversed {
        order: OrderId,
        points: u64,
        value: Money,
        /// Points of the order that the buyer had spent already.
        spent: u64,
        reason: String;
        /// The campaign that had paid for them.
        campaign: CampaignId,
    }
}
event! {
    /// Points were not used in time.
    PointsExpired {
        /// New for the buyer.
        expiry: Reference,
        points: u64,
        value: Money;
        /// The campaign that had paid for them: where one has paid for all that the buyer ever earned.
        campaign: CampaignId,
    }
}
