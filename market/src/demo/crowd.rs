//! Visitors: who comes how and when, what they look at, and a campaign whose true lift is known.
//!
//! Each buyer has a terminal of its own, a favourite way to come and a favourite hour; others look once and never come
//! again. [`CAMPAIGN`] is shown to all but the [`HELD_OUT`] share. While it runs, the terminals that it is shown to order
//! [`TRUE_LIFT_PERCENT`] per cent more often than those held out: of the orders that are drawn for a held out terminal, so many are
//! made on another that the rates differ by just that. No order comes or goes by it, only whose it is.
//!
//! Everything here is drawn from a stream of random numbers of its own, so that what is drawn elsewhere stays what it is.

use daybook_domain::campaign::commands::CampaignCommand;
use daybook_domain::campaign::events::{CampaignKind, FundedBy, Holdout, SpendKind};
use daybook_domain::time::{DAY, SECOND};
use daybook_domain::traffic::{Hit, Incoming, RawHit};
use daybook_domain::{CampaignId, Code, Currency, Money, Rate, Timestamp, VisitorId};
use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::cast::Seller;
use super::{Options, START, Script, text};
use crate::{AnyCommand, Calendar};

/// The campaign whose lift is known.
pub const CAMPAIGN: &str = "golden-week";
/// By how much more often those order whom it is shown to, in per cent.
pub const TRUE_LIFT_PERCENT: u32 = 50;
/// The share of terminals that it is kept from.
pub const HELD_OUT: Rate = Rate::from_parts(3, 0, 0, false, 1);

/// Chosen so that those held out would buy as often as the others: how many of those who buy most it takes is not left to chance.
const SALT: &str = "golden-week-2";
/// Buyers, each with a terminal.
const BUYERS: u32 = 4_000;
/// Visits a basket that end without an order.
const BROWSERS: u32 = 3;
/// Of them, in per cent, those of terminals that never come again.
const NEWCOMERS: u32 = 45;
/// Of visits of terminals that the campaign is shown to, in per cent, those that come by its link: also of buyers who would have
/// come anyway, which is why last click overstates it.
const BY_ITS_LINK: u32 = 70;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// A way to come.
struct Way {
    /// Of a hundred visits.
    weight: u32,
    referrer: &'static str,
    source: &'static str,
    medium: &'static str,
    campaign: &'static str,
}

const fn way(weight: u32, referrer: &'static str, tags: [&'static str; 3]) -> Way {
    let [source, medium, campaign] = tags;
    Way { weight, referrer, source, medium, campaign }
}

const WAYS: [Way; 8] = [
    way(30, "", ["", "", ""]),
    way(26, "https://www.baidu.com/s?wd=jade", ["", "", ""]),
    way(12, "https://www.baidu.com/baidu.php", ["baidu", "cpc", ""]),
    way(13, "https://weibo.com/", ["", "", ""]),
    way(7, "https://blog.example/reviews", ["", "", ""]),
    way(4, "", ["letter", "email", ""]),
    way(3, "", ["letter", "email", "autumn-sale"]),
    way(5, "https://fanli.example/", ["fanli", "cps", ""]),
];
const OF_CAMPAIGN: Way = way(0, "https://weibo.com/", ["weibo", "cpc", CAMPAIGN]);

/// Where visitors are: each terminal in one place.
const REGIONS: [&str; 8] =
    ["Guangdong", "Guangdong", "Zhejiang", "Zhejiang", "Jiangsu", "Shanghai", "Sichuan", "Hubei"];

/// The visitors of the simulated market.
pub(super) struct Crowd {
    rng: ChaCha8Rng,
    holdout: Holdout,
    /// The campaign's days, from the first, and the first after it.
    days: (i64, i64),
    /// Hits that are not recorded yet.
    hits: Vec<Hit>,
    newcomers: u32,
    basket_days: u32,
}

impl Crowd {
    pub fn new(options: Options) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        rng.set_stream(1);
        let first = i64::from(options.days / 3);
        let holdout = Holdout { share: HELD_OUT, salt: text(SALT) };
        let days = (first, first + i64::from((options.days / 3).max(1)));
        Self { rng, holdout, days, hits: Vec::new(), newcomers: 0, basket_days: options.orders_per_day }
    }

    /// Plans the campaigns, their days and what each day costs.
    pub fn campaigns(&mut self, options: Options, currency: Currency, script: &mut Script) {
        let all = (0, i64::from(options.days));
        let money = |minor: i64| Money::new(minor, currency);
        let a_day = i64::from(options.orders_per_day) * 2_000;
        let plans = [
            ("autumn-sale", "Autumn sale", CampaignKind::FullReduction, all, 2_000_000),
            ("new-buyers", "New buyers", CampaignKind::Coupon, all, 2_000_000),
            (CAMPAIGN, "Golden week", CampaignKind::PaidAds, self.days, a_day * (self.days.1 - self.days.0)),
        ];
        for (id, name, kind, (from, to), budget) in plans {
            let ours = id == CAMPAIGN;
            let (starts, ends) = (START.plus(from * DAY), START.plus(to * DAY));
            let plan = CampaignCommand::Plan {
                name: name.to_owned(),
                kind,
                starts,
                ends,
                budget: money(budget),
                daily_cap: ours.then(|| money(a_day)),
                discount_floor: (kind == CampaignKind::FullReduction).then(|| Rate::new(86, 2)),
                channels: if ours { vec![text("weibo")] } else { Vec::new() },
                pages: if ours { vec![format!("/{CAMPAIGN}")] } else { Vec::new() },
                targets: Vec::new(),
                holdout: ours.then(|| self.holdout.clone()),
                merchant: None,
            };
            let mut ask = |at: Timestamp, command| {
                script.push(at, AnyCommand::Campaign { id: text(id), command });
            };
            ask(START.plus(50 * SECOND), plan);
            ask(starts.plus(55 * SECOND), CampaignCommand::Start {});
            ask(ends, CampaignCommand::End { reason: None });
            if id == "new-buyers" {
                let value = money(2_000);
                let (batch, valid_until) = (text("b-1"), Some(ends));
                let coupons =
                    CampaignCommand::IssueCoupons { batch, count: 500, value, minimum: None, valid_until };
                ask(starts.plus(60 * SECOND), coupons);
            }
        }
        for day in self.days.0..self.days.1 {
            let clicks = u64::from(options.orders_per_day) * self.rng.random_range(2..=4);
            let spend = CampaignCommand::RecordSpend {
                spend: text(&format!("weibo-{day}")),
                channel: text("weibo"),
                day: business_day(START.plus(day * DAY)),
                kind: SpendKind::Media,
                amount: money(a_day * self.rng.random_range(80..=105) / 100),
                impressions: clicks * self.rng.random_range(60..90),
                clicks,
                funded_by: FundedBy::Market,
                keyword: None,
            };
            let at = START.plus((day + 1) * DAY).plus(4 * HOUR);
            script.push(at, AnyCommand::Campaign { id: text(CAMPAIGN), command: spend });
        }
    }

    /// Who fills a basket, where `drawn` was drawn for it.
    pub fn buyer(&mut self, at: Timestamp, drawn: u32) -> u32 {
        if !self.runs(at) || !self.is_held_out(&terminal(drawn)) {
            return drawn;
        }
        // of each held out terminal's orders so many move that the others order 1 + lift times as often as they
        let lift = f64::from(TRUE_LIFT_PERCENT) / 100.0;
        let held = f64::try_from(HELD_OUT).unwrap_or(0.0);
        let shown = 1.0 - held;
        if !self.rng.random_bool(lift * shown / (held + shown * (1.0 + lift))) {
            return drawn;
        }
        loop {
            let other = a_buyer(&mut self.rng);
            if !self.is_held_out(&terminal(other)) {
                return other;
            }
        }
    }

    /// A visit that ends in a basket: these products of these merchants. Returns the campaign that it came by.
    pub fn shops(&mut self, at: Timestamp, buyer: u32, goods: &[(&Seller, String)]) -> Option<CampaignId> {
        let who = terminal(buyer);
        if self.rng.random_range(0..100) < 40 {
            // it had looked before, some days ago
            let before = at.plus(-self.rng.random_range(DAY..5 * DAY) / SECOND * SECOND);
            if before > START {
                self.look(before, &who, Some(buyer), goods);
            }
        }
        let mut now = at.plus(-(self.rng.random_range(6..28) * MINUTE));
        let by_link = self.land(now, &who, Some(buyer));
        for (seller, product) in goods {
            now = now.plus(self.rng.random_range(20..60) * SECOND);
            self.product(now, &who, seller, product, "");
            now = now.plus(self.rng.random_range(5..20) * SECOND);
            self.product(now, &who, seller, product, "add_to_cart");
        }
        let by_link = by_link.then(|| text(CAMPAIGN));
        if by_link.is_some() && self.rng.random_range(0..100) < 40 {
            self.hit(now.plus(SECOND), &who, RawHit { act: "claim".into(), ..in_campaign() });
        }
        let checkout = RawHit { act: "begin_checkout".into(), page: "/cart".into(), ..store() };
        self.hit(at.plus(-20 * SECOND), &who, RawHit { topic: "cart".into(), ..checkout });
        by_link
    }

    /// The visits of a day that end without an order.
    pub fn browse(&mut self, day: i64, sellers: &[Seller]) {
        for _ in 0..self.basket_days * BROWSERS {
            let newcomer = self.rng.random_range(0..100) < NEWCOMERS;
            let (who, buyer) = if newcomer {
                self.newcomers += 1;
                (text(&format!("n-{:07}", self.newcomers)), None)
            } else {
                let buyer = a_buyer(&mut self.rng);
                (terminal(buyer), Some(buyer))
            };
            let hour = match buyer {
                // a favourite hour of its own, from eight to eleven in the evening
                Some(buyer) => i64::from(8 + buyer * 7 % 15),
                None => self.rng.random_range(7..24),
            };
            let at = START.plus(day * DAY + hour * HOUR + self.rng.random_range(0..HOUR - MINUTE * 10));
            let seller = &sellers[self.rng.random_range(0..sellers.len())];
            let mut goods = Vec::new();
            for _ in 0..self.rng.random_range(0..3) {
                let product = &seller.products[self.rng.random_range(0..seller.products.len())];
                goods.push((seller, product.id.to_string()));
            }
            self.look(Timestamp(at.0 / SECOND * SECOND), &who, buyer, &goods);
        }
    }

    /// The hits before an instant, which are recorded then.
    pub fn hits_before(&mut self, until: Timestamp) -> Vec<Hit> {
        let (now, later) =
            std::mem::take(&mut self.hits).into_iter().partition(|hit| hit.occurred_at < until);
        self.hits = later;
        now
    }

    fn runs(&self, at: Timestamp) -> bool {
        (self.days.0..self.days.1).contains(&((at.0 - START.0).div_euclid(DAY)))
    }

    fn is_held_out(&self, who: &VisitorId) -> bool {
        self.holdout.holds(who)
    }

    fn look(&mut self, at: Timestamp, who: &VisitorId, buyer: Option<u32>, goods: &[(&Seller, String)]) {
        let mut now = at;
        self.land(now, who, buyer);
        for (seller, product) in goods {
            now = now.plus(self.rng.random_range(15..90) * SECOND);
            self.product(now, who, seller, product, "");
        }
        if !goods.is_empty() && self.rng.random_range(0..100) < 15 {
            let (seller, product) = &goods[0];
            self.product(now.plus(10 * SECOND), who, seller, product, "add_to_cart");
        }
    }

    /// The first page of a visit; whether it came by the campaign's link.
    fn land(&mut self, at: Timestamp, who: &VisitorId, buyer: Option<u32>) -> bool {
        let shown = self.runs(at) && !self.is_held_out(who);
        let by_link = shown && self.rng.random_range(0..100) < BY_ITS_LINK;
        let mut drawn = match buyer {
            // mostly as always
            Some(buyer) if self.rng.random_range(0..100) < 60 => buyer * 37 % 100,
            _ => self.rng.random_range(0..100),
        };
        let usual = WAYS.iter().find(|way| {
            let found = drawn < way.weight;
            drawn = drawn.saturating_sub(way.weight);
            found
        });
        let way = if by_link { &OF_CAMPAIGN } else { usual.unwrap_or(&WAYS[0]) };
        let page = if by_link {
            in_campaign()
        } else {
            RawHit { page: "/".into(), topic: "home".into(), ..store() }
        };
        let landing = RawHit {
            referrer: way.referrer.into(),
            utm_source: way.source.into(),
            utm_medium: way.medium.into(),
            utm_campaign: way.campaign.into(),
            ..page
        };
        self.hit(at, who, landing);
        by_link
    }

    /// A product's page, or what was done there.
    fn product(&mut self, at: Timestamp, who: &VisitorId, seller: &Seller, product: &str, act: &'static str) {
        let page = format!("/p/{product}");
        let merchant = seller.id.to_string();
        let hit = RawHit {
            act: act.into(),
            page: page.into(),
            topic: "product".into(),
            product: product.to_owned().into(),
            merchant: merchant.into(),
            ..store()
        };
        self.hit(at, who, hit);
    }

    fn hit(&mut self, at: Timestamp, who: &VisitorId, hit: RawHit<'_>) {
        let (at, visitor) = (at.to_string(), who.to_string());
        let region = REGIONS[visitor.bytes().map(usize::from).sum::<usize>() * 7 % REGIONS.len()];
        let hit = RawHit { at: at.into(), visitor: visitor.into(), region: region.into(), ..hit };
        let latest = Timestamp(i64::MAX);
        let incoming = Incoming { earliest: START, latest, arrived: None, number: None };
        self.hits.push(hit.check(&incoming).expect("invariant: the demo's own hits are sound"));
    }
}

fn store() -> RawHit<'static> {
    RawHit { sales_channel: "own-store".into(), ..RawHit::default() }
}

/// The campaign's own page.
fn in_campaign() -> RawHit<'static> {
    RawHit { page: "/golden-week".into(), topic: "campaign".into(), campaign: CAMPAIGN.into(), ..store() }
}

/// A buyer: a few buy often, the smaller of two draws.
pub(super) fn a_buyer(rng: &mut ChaCha8Rng) -> u32 {
    rng.random_range(0..BUYERS).min(rng.random_range(0..BUYERS))
}

/// A buyer's terminal.
pub(super) fn terminal(buyer: u32) -> VisitorId {
    text(&format!("d-{buyer:04}"))
}

/// The day of an instant in the market's zone.
pub(super) fn business_day(at: Timestamp) -> Code {
    text(&Calendar::of("Asia/Shanghai").expect("invariant: the zone is known").day(at).to_string())
}
