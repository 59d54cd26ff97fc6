//! What happens in a small market, drawn at random: views, orders, campaigns, and a market that changes its zone.

use chrono::NaiveDate;
use daybook_journal::Journal;
use proptest::prelude::*;

use crate::support::append;

pub const MINUTE: i64 = 60_000_000;
pub const DAY: i64 = 24 * 60 * MINUTE;
/// 2025-10-29T00:00:00Z: three days before a month ends.
pub const FROM: i64 = 1_761_696_000_000_000;

/// Something that happens in a market.
#[derive(Clone, Debug)]
pub enum Told {
    View { visitor: u8, at: i64, page: u8, way: u8 },
    Placed { order: u8, visitor: Option<u8>, at: i64 },
    Paid { order: u8, at: i64 },
    Refunded { order: u8, at: i64 },
    Planned { campaign: u8 },
    Reported { day: i64 },
    Market { zone: u8 },
}

const WAYS: [&str; 8] = [
    r#","referrer":"https://www.baidu.com/s?wd=tv""#,
    r#","tags":{"campaign":"k0","medium":"email","term":"tv"}"#,
    r#","tags":{"campaign":"k0","medium":"email"}"#,
    r#","tags":{"campaign":"Spring","medium":"email"}"#,
    r#","tags":{"campaign":"spring","medium":"cpc","source":"baidu"}"#,
    r#","tags":{"medium":"email","source":"list"}"#,
    r#","referrer":"https://blog.example/post""#,
    "",
];
const ZONES: [&str; 3] = ["Asia/Shanghai", "America/Sao_Paulo", "UTC"];

/// Records it.
pub fn tell(journal: &dyn Journal, told: &Told) {
    let order = |n: &u8| format!(r#"{{"order":"o{n}","merchant":"m{}"}}"#, n % 2);
    let money = |minor: u8, of: &str| format!(r#"{{"amount":"{minor}.00","currency":"{of}"}}"#);
    match told {
        Told::View { visitor, at, page, way } => {
            let merchant = [
                r#","topic":"product","product":"p1""#,
                r#","merchant":"m0""#,
                r#","merchant":"m1","sales_channel":"tmall""#,
            ];
            // a path may stand at several merchants and on several topics: it is one page
            let data = format!(
                r#"{{"visitor":"v{visitor}","page":"/p/{}","region":"r{}"{}{}}}"#,
                page % 4,
                visitor % 2 + page / 4,
                merchant[usize::from(page % 3)],
                WAYS[usize::from(*way) % WAYS.len()]
            );
            append(journal, "traffic-x", "PageViewed", *at, "{}", &data);
        }
        Told::Placed { order: n, visitor, at } => {
            let visitor = visitor.map_or(String::new(), |visitor| format!(r#","visitor":"v{visitor}""#));
            let data = format!(
                r#"{{"checkout":"c","buyer":"b{}","merchant":"m{}","lines":[],"shipping":{zero},"subsidies":[],
                "buyer_pays":{total},"total":{total},"fee_schedule_version":1,"sales_channel":"own"{visitor}}}"#,
                n % 3,
                n % 2,
                zero = money(0, "CNY"),
                total = money(10, if n % 5 == 4 { "USD" } else { "CNY" }),
            );
            append(journal, &format!("order-o{n}"), "OrderPlaced", *at, &order(n), &data);
        }
        Told::Paid { order: n, at } => {
            let of = if n % 5 == 4 { "USD" } else { "CNY" };
            let data = format!(
                r#"{{"parts":[{{"payment":"p1","provider":"a","method":"wallet","amount":{}}}],"shortfall":{},"subsidies":[]}}"#,
                money(10 + n, of),
                money(0, of)
            );
            append(journal, &format!("order-o{n}"), "EscrowFunded", *at, &order(n), &data);
        }
        Told::Refunded { order: n, at } => {
            let of = if n % 5 == 4 { "USD" } else { "CNY" };
            let data = format!(
                r#"{{"refund":"r","lines":[],"to_buyer":{back},"subsidies_back":[],"shortfall_back":{zero},"parts":[],"reason":"x"}}"#,
                back = money(3, of),
                zero = money(0, of)
            );
            append(journal, &format!("order-o{n}"), "EscrowRefunded", *at, &order(n), &data);
        }
        Told::Planned { campaign } => {
            let data = format!(
                r#"{{"name":"{}","kind":"paid_ads","starts":"2026-06-17T16:00:00Z","ends":"2026-06-18T16:00:00Z",
                "budget":{},"channels":[],"pages":[],"targets":[]}}"#,
                ["Spring", "summer", "SPRING"][usize::from(*campaign)],
                money(0, "CNY")
            );
            let refs = format!(r#"{{"campaign":"k{campaign}"}}"#);
            append(journal, &format!("campaign-k{campaign}"), "CampaignPlanned", FROM, &refs, &data);
        }
        Told::Reported { day: of } => {
            let data =
                format!(r#"{{"channel":"tmall","day":"{}","source":"s","uv":100,"pv":300}}"#, day(*of));
            append(journal, "channel-tmall", "ChannelTrafficReported", FROM, r#"{"channel":"tmall"}"#, &data);
        }
        Told::Market { zone } => {
            let zone = ZONES[usize::from(*zone) % ZONES.len()];
            let data = format!(r#"{{"name":"m","time_zone":"{zone}","currencies":["CNY","USD"]}}"#);
            append(journal, "market-market", "MarketOpened", FROM, "{}", &data);
        }
    }
}

/// On a grid of ten minutes, so that ties and pauses of exactly the timeout are common; about midnight more often.
fn an_instant() -> impl Strategy<Value = i64> {
    let about = prop_oneof![
        3 => (0i64..6, 0i64..144),
        2 => (0i64..6, 90i64..102), // Shanghai's midnight is 16:00 UTC
        1 => (0i64..6, 12i64..24),  // Sao Paulo's is 03:00
        1 => (24i64..40, 0i64..144),
        1 => (-40i64..90, 0i64..144),
    ];
    about.prop_map(|(day, slot)| FROM + day * DAY + slot * 10 * MINUTE)
}

/// Anything of all that.
pub fn something() -> impl Strategy<Value = Told> {
    let visitor = 0u8..4;
    prop_oneof![
        60 => (visitor.clone(), an_instant(), 0u8..6, prop_oneof![3 => Just(7u8), 2 => 0u8..8])
            .prop_map(|(visitor, at, page, way)| Told::View { visitor, at, page, way }),
        10 => (0u8..10, prop::option::weighted(0.8, visitor), an_instant())
            .prop_map(|(order, visitor, at)| Told::Placed { order, visitor, at }),
        10 => (0u8..10, an_instant()).prop_map(|(order, at)| Told::Paid { order, at }),
        4 => (0u8..10, an_instant()).prop_map(|(order, at)| Told::Refunded { order, at }),
        2 => (0u8..3).prop_map(|campaign| Told::Planned { campaign }),
        1 => (0u8..3).prop_map(|zone| Told::Market { zone }),
        1 => (-1i64..4).prop_map(|day| Told::Reported { day }),
    ]
}

/// Without what cannot happen twice: an order is placed once, a campaign planned once.
pub fn once(told: Vec<Told>) -> Vec<Told> {
    let mut seen = std::collections::BTreeSet::new();
    let first = |one: &Told| match one {
        Told::Placed { order, .. } => seen.insert((0, *order)),
        Told::Planned { campaign } => seen.insert((1, *campaign)),
        _ => true,
    };
    told.into_iter().filter(first).collect()
}

/// The day that is so many days after the first.
pub fn day(of: i64) -> NaiveDate {
    NaiveDate::from_epoch_days(i32::try_from((FROM + of * DAY) / DAY).unwrap()).unwrap()
}
