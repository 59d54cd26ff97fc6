//! One row per campaign: its plan, where it stands, what it cost.

use daybook_domain::Event;
use daybook_domain::campaign::events::FundedBy;

use super::{set, text, text_of};
use crate::model::{Envelope, Index, Key, Keys, KindSet, Model, Out};
use crate::record;
use crate::record::NoChild;
use crate::world::World;

record! {
    /// A campaign.
    CampaignRow in "campaigns", key(campaign_id) {
        /// The campaign.
        campaign_id: String,
        /// planned, started or ended.
        state: String,
        /// Its name.
        name: String,
        /// What it does: flash_sale, coupon, paid_ads, ...
        kind: String,
        /// Whose it is; the market's own where absent.
        merchant_id: Option<String>,
        /// The first instant in it.
        starts_at: Option<i64> = time,
        /// The first instant after it.
        ends_at: Option<i64> = time,
        /// Currency of all amounts.
        currency: String,
        /// What it may cost.
        budget: i64 = money,
        /// Most to be spent in a day.
        daily_cap: Option<i64> = money,
        /// What was spent and the market bore: media, prizes, production, venue.
        spend: i64 = money,
        /// What was spent and its merchant bore.
        spend_of_merchant: i64 = money,
        /// Spends recorded.
        spends: i64,
        /// How often it was shown.
        impressions: i64,
        /// How often it was clicked.
        clicks: i64,
        /// Commission of partners, less what was reversed, that the market bears.
        affiliate: i64 = money,
        /// The same that its merchant bears.
        affiliate_of_merchant: i64 = money,
        /// What partners were paid.
        affiliate_paid: i64 = money,
        /// Coupons given out.
        coupons: i64,
        /// What they come to if all are used.
        coupon_value: i64 = money,
        /// Position of its first event in the journal.
        position: i64 = local,
    }
}

/// The model of [`CampaignRow`].
#[derive(Debug)]
pub struct Campaigns;

impl Model for Campaigns {
    type Row = CampaignRow;
    type Child = NoChild;
    const VERSION: u32 = 1;
    const KINDS: KindSet = KindSet::of_category("campaign");
    const INDEXES: &'static [Index] = &[Index::on(&["position"])];

    fn route<'e>(e: &'e Envelope<'e>, keys: &mut Keys<'e>) {
        if let Some(campaign) = &e.refs.campaign {
            keys.push(Key::new(&[campaign.as_str()]));
        }
    }

    fn empty(key: &Key<'_>) -> CampaignRow {
        CampaignRow { campaign_id: text(key.part(0)), ..CampaignRow::default() }
    }

    fn fold(row: &mut CampaignRow, _: usize, e: &Envelope<'_>, _: &World, out: &mut Out<NoChild>) {
        if row.position == 0 {
            row.position = i64::try_from(e.position).unwrap_or(i64::MAX);
        }
        let wide = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        match e.event {
            Event::CampaignPlanned(x) => {
                set(&mut row.state, "planned");
                row.name.clone_from(&x.name);
                set(&mut row.kind, x.kind.as_str());
                row.merchant_id = text_of(x.merchant);
                row.starts_at = Some(x.starts.0);
                row.ends_at = Some(x.ends.0);
                row.currency = text(x.budget.currency.as_str());
                row.budget = x.budget.minor;
                row.daily_cap = x.daily_cap.map(|cap| cap.minor);
            }
            Event::CampaignStarted(_) => set(&mut row.state, "started"),
            Event::CampaignEnded(_) => set(&mut row.state, "ended"),
            Event::CampaignSpendRecorded(x) => {
                row.spends += 1;
                out.add(&mut row.impressions, wide(x.impressions));
                out.add(&mut row.clicks, wide(x.clicks));
                match x.funded_by {
                    FundedBy::Market => out.add(&mut row.spend, x.amount.minor),
                    FundedBy::Merchant => out.add(&mut row.spend_of_merchant, x.amount.minor),
                }
            }
            Event::AffiliateCommissionAccrued(x) => match x.funded_by {
                FundedBy::Market => out.add(&mut row.affiliate, x.amount.minor),
                FundedBy::Merchant => out.add(&mut row.affiliate_of_merchant, x.amount.minor),
            },
            Event::AffiliateCommissionReversed(x) => match x.funded_by {
                FundedBy::Market => out.take(&mut row.affiliate, x.amount.minor),
                FundedBy::Merchant => out.take(&mut row.affiliate_of_merchant, x.amount.minor),
            },
            Event::AffiliateCommissionPaid(x) => out.add(&mut row.affiliate_paid, x.amount.minor),
            Event::CouponsIssued(x) => {
                out.add(&mut row.coupons, wide(x.count));
                out.add_product(&mut row.coupon_value, wide(x.count), x.value.minor);
            }
            _ => {}
        }
    }
}
