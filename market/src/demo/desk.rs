//! Who asks before buying and who answers; and a sales channel that counts its visitors itself.
//!
//! Drawn from a stream of random numbers of its own, as the crowd is.

use std::collections::BTreeMap;

use daybook_domain::channel::commands::ChannelCommand;
use daybook_domain::inquiry::commands::InquiryCommand;
use daybook_domain::order::commands::Place;
use daybook_domain::time::{DAY, SECOND};
use daybook_domain::{Currency, InquiryId, Money, PartyId, Timestamp};
use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::basket::buyer_pays;
use super::cast::Seller;
use super::crowd::{a_buyer, business_day, terminal};
use super::{Options, START, Script, text};
use crate::AnyCommand;

/// The sales channel that counts its own visitors: nobody sees them here.
pub(super) const REPORTS: &str = "app";
/// Of a hundred buyers, those who ask before they buy.
const ASK: u32 = 20;
/// Baskets for each inquiry that leads to none.
const ASK_ONLY: u32 = 6;
/// Visitors of the channel for each basket of a day, in tenths.
const VISITORS: std::ops::RangeInclusive<u64> = 9..=14;
const MINUTE: i64 = 60 * SECOND;

/// The agents' desk, and the channel's own count.
pub(super) struct Desk {
    rng: ChaCha8Rng,
    baskets_a_day: u32,
    inquiries: u32,
    /// What the channel sold: orders and minor units by the day of their payment.
    sold: BTreeMap<i64, (u64, i64)>,
}

impl Desk {
    pub fn new(options: Options) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        rng.set_stream(2);
        Self { rng, baskets_a_day: options.orders_per_day, inquiries: 0, sold: BTreeMap::new() }
    }

    /// Some buyers ask before they buy: who answered last.
    pub fn before(
        &mut self,
        at: Timestamp,
        buyer: u32,
        seller: &Seller,
        script: &mut Script,
    ) -> Option<PartyId> {
        if self.rng.random_range(0..100) >= ASK {
            return None;
        }
        let asked = at.plus(-self.rng.random_range(6..25) * MINUTE);
        self.ask(asked, buyer, seller, script)
    }

    /// Of a day those who ask and do not buy, and what the channel reports of it.
    pub fn day(&mut self, day: i64, sellers: &[Seller], currency: Currency, script: &mut Script) {
        for _ in 0..self.baskets_a_day / ASK_ONLY {
            let buyer = a_buyer(&mut self.rng);
            let seller = &sellers[self.rng.random_range(0..sellers.len())];
            let second = self.rng.random_range(8 * 60..22 * 60) * MINUTE;
            self.ask(START.plus(day * DAY + second), buyer, seller, script);
        }
        let uv = u64::from(self.baskets_a_day) * self.rng.random_range(VISITORS) / 10;
        let paid_uv = uv * self.rng.random_range(20..40) / 100;
        let (orders, gmv) = self.sold.remove(&day).unwrap_or_default();
        let report = ChannelCommand::Report {
            day: business_day(START.plus(day * DAY)),
            uv: uv.max(orders),
            pv: uv.max(orders) * self.rng.random_range(30..45) / 10,
            source: text("app-statistics"),
            free_uv: Some(uv.max(orders) - paid_uv),
            paid_uv: Some(paid_uv),
            buyers: None,
            orders: Some(orders),
            gmv: Some(Money::new(gmv, currency)),
        };
        let id = text(REPORTS);
        script.push(START.plus((day + 1) * DAY + 300 * MINUTE), AnyCommand::Channel { id, command: report });
    }

    /// An order was paid for.
    pub fn sold(&mut self, paid_at: Timestamp, place: &Place) {
        if place.sales_channel.as_str() == REPORTS {
            let (orders, gmv) = self.sold.entry((paid_at.0 - START.0).div_euclid(DAY)).or_default();
            *orders += 1;
            *gmv += buyer_pays(place).minor;
        }
    }

    /// An inquiry with its answers, by one of the merchant's two agents; now and then nobody answers, or late.
    fn ask(&mut self, at: Timestamp, buyer: u32, seller: &Seller, script: &mut Script) -> Option<PartyId> {
        self.inquiries += 1;
        let id: InquiryId = text(&format!("q-{:06}", self.inquiries));
        let agent: PartyId = text(&format!("{}-agent-{}", seller.id, self.rng.random_range(1..=2)));
        let mut write = |at, command| script.push(at, AnyCommand::Inquiry { id, command });
        let open = InquiryCommand::Open {
            merchant: seller.id,
            topic: text("presale"),
            visitor: Some(terminal(buyer)),
            buyer: Some(text(&format!("b-{buyer:04}"))),
            agent: Some(agent),
        };
        write(at, open);
        let waits = match self.rng.random_range(0..20) {
            0 => None,
            1..=3 => Some(self.rng.random_range(60..180)),
            _ => Some(self.rng.random_range(3..45)),
        };
        let over = at.plus(5 * MINUTE);
        if let Some(seconds) = waits {
            write(at.plus(seconds * SECOND), InquiryCommand::Answer { agent });
            if seconds > 150 {
                let late = InquiryCommand::RecordViolation { agent, rule: text("slow-answer"), note: None };
                write(over.plus(-SECOND), late);
            }
        }
        write(over, InquiryCommand::Close {});
        waits.map(|_| agent)
    }
}
