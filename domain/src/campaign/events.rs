//! Events of `campaign-{id}`.

use crate::codec::{event, words};
use crate::{BankAccountId, Code, MerchantId, Money, OrderId, PartyId, Rate, Reference, Timestamp};

words! {
    /// What a campaign does.
    CampaignKind {
        FlashSale = "flash_sale",
        Clearance = "clearance",
        GroupBuy = "group_buy",
        Bundle = "bundle",
        FullReduction = "full_reduction",
        Coupon = "coupon",
        MemberDiscount = "member_discount",
        Presale = "presale",
        Auction = "auction",
        Gift = "gift",
        Livestream = "livestream",
        Referral = "referral",
        PaidAds = "paid_ads",
        Affiliate = "affiliate",
        Content = "content",
    }
}

words! {
    /// What money of a campaign was spent on.
    SpendKind {
        /// Placements and clicks.
        Media = "media",
        Prize = "prize",
        Production = "production",
        Venue = "venue",
    }
}

words! {
    /// Who bears a cost.
    FundedBy {
        /// The market: it stands in its books.
        Market = "market",
        /// The merchant whose campaign it is, who pays it directly: no money of the market's moves.
        Merchant = "merchant",
    }
}

event! {
    /// Visitors who are kept from a campaign, so that what it brought can be told. Who is one follows from the salt.
    Holdout {
        /// Share of visitors, above 0 and below 1.
        #[schemars(with = "crate::schema::RateText")]
        share: Rate,
        salt: Code,
    }
}

event! {
    /// What a campaign is to reach.
    CampaignTarget {
        metric: Code,
        #[schemars(with = "crate::schema::RateText")]
        value: Rate,
    }
}

event! {
    /// A campaign was planned.
    CampaignPlanned {
        name: String,
        kind: CampaignKind,
        /// The first instant in it.
        starts: Timestamp,
        /// The first instant after it.
        ends: Timestamp,
        /// In its currency all its costs are.
        budget: Money,
        channels: Vec<Code>,
        pages: Vec<String>,
        targets: Vec<CampaignTarget>;
        /// Most to be spent in a day.
        daily_cap: Money,
        /// Lowest share of the list price that its goods are sold at.
        #[schemars(with = "Option<crate::schema::RateText>")]
        discount_floor: Rate,
        holdout: Holdout,
        /// Whose it is; the market's own where absent.
        merchant: MerchantId,
    }
}
event! {
    /// A campaign began.
    CampaignStarted { by: PartyId }
}
event! {
    /// A campaign cost something.
    CampaignSpendRecorded {
        /// New within the campaign: the bill's or the advert's number and day.
        spend: Reference,
        channel: Code,
        /// The day that it was spent on, `2026-11-22`, as the channel counts days.
        day: Code,
        kind: SpendKind,
        amount: Money,
        impressions: u64,
        clicks: u64,
        funded_by: FundedBy;
        keyword: String,
    }
}
event! {
    /// A partner sent a buyer and is owed a commission.
    AffiliateCommissionAccrued {
        /// New within the campaign.
        accrual: Reference,
        order: OrderId,
        partner: Code,
        base: Money,
        #[schemars(with = "crate::schema::RateText")]
        rate: Rate,
        amount: Money,
        funded_by: FundedBy,
    }
}
event! {
    /// The order came back: all or a part of the commission is not owed.
    AffiliateCommissionReversed {
        accrual: Reference,
        order: OrderId,
        partner: Code,
        amount: Money,
        funded_by: FundedBy,
        reason: String,
    }
}
event! {
    /// A partner was paid.
    AffiliateCommissionPaid { partner: Code, amount: Money, bank: BankAccountId, reference: Reference }
}
event! {
    /// Coupons were given out.
    CouponsIssued {
        /// New within the campaign.
        batch: Reference,
        count: u64,
        /// Of each.
        value: Money;
        /// What an order must come to.
        minimum: Money,
        valid_until: Timestamp,
    }
}
event! {
    /// A campaign ended.
    CampaignEnded { by: PartyId; reason: String }
}
