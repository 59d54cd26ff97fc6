//! Plans: what a file must say, how far a target is reached, and what the rest takes, reckoned by hand.
#![allow(clippy::unwrap_used)] // a test may fail here

use chrono::NaiveDate;
use daybook_domain::{Currency, Money, allocate};
use daybook_metrics::plan::{
    Counts, Daily, Fraction, Kind, Metric, Plan, PlanFile, Rates, Sense, Span, State, Takes, Target, Tracked,
};
use proptest::prelude::*;

const TWO_YEARS: &str = include_str!("../../docs/plans/two-years.toml");
const ONE_YEAR: &str = include_str!("../../docs/plans/one-year.toml");

fn plan(text: &str) -> Result<Plan, String> {
    let file: PlanFile = toml::from_str(text).map_err(|error| error.to_string())?;
    Plan::try_from(file).map_err(|error| error.to_string())
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn of(upper: i128, lower: i128) -> Fraction {
    Fraction::new(upper, lower).unwrap()
}

fn whole(number: i128) -> Fraction {
    Fraction::whole(number)
}

fn days(span: Span) -> String {
    format!("{} {}", span.from, span.to)
}

#[test]
fn two_years_have_their_phases_and_every_yuan_has_its_sales_channel() {
    let plan = plan(TWO_YEARS).unwrap();
    let phases: Vec<String> = plan.phases.iter().map(|p| format!("{} {}", p.name, days(p.days))).collect();
    assert_eq!(
        phases,
        ["opening 2025-09-01 2026-02-28", "growth 2026-03-01 2026-12-31", "harvest 2027-01-01 2027-08-31"]
    );
    let cny = Currency::new("CNY").unwrap();
    for (phase, yuan) in [("opening", 20_000_000), ("growth", 60_000_000), ("harvest", 80_000_000)] {
        let of_phase: Vec<&Target> =
            plan.targets.iter().filter(|t| t.metric == Metric::Gmv && t.time == phase).collect();
        let (total, parts) = of_phase.split_first().unwrap();
        assert_eq!((total.value, &total.sales_channel), (whole(yuan * 100), &None));
        let shown: Vec<String> = parts
            .iter()
            .map(|part| {
                let minor = i64::try_from(part.value.floor()).unwrap();
                format!("{} {}", part.sales_channel.as_deref().unwrap(), Money::new(minor, cny).amount())
            })
            .collect();
        if phase == "opening" {
            assert_eq!(
                shown,
                [
                    "tmall 8000000.00",
                    "taobao 6000000.00",
                    "jd 2400000.00",
                    "amazon 1000000.00",
                    "dangdang 1000000.00",
                    "gome 600000.00",
                    "suning 600000.00",
                    "other-malls 200000.00",
                    "own-store 200000.00"
                ]
            );
        }
        assert_eq!(parts.iter().map(|part| part.value.floor()).sum::<i128>(), yuan * 100);
    }
    let said: Vec<String> = plan
        .targets
        .iter()
        .filter(|target| target.metric != Metric::Gmv)
        .map(|t| {
            let value = t.value.decimal(3).unwrap().normalize();
            format!("{} {} {value}: {}", t.metric, t.sense.as_str(), days(t.days))
        })
        .collect();
    assert_eq!(
        said,
        [
            "daily_orders at_least 30: 2026-02-01 2026-12-12",
            "daily_orders more_than 50: 2026-12-13 2027-08-31",
            "daily_orders at_least 200: 2027-08-02 2027-08-31",
            "daily_uv at_least 10000: 2027-08-02 2027-08-31",
            "daily_free_uv at_least 6000: 2027-08-02 2027-08-31",
            "daily_paid_uv at_least 4000: 2027-08-02 2027-08-31",
            "daily_conversion at_least 0.02: 2027-08-02 2027-08-31",
            "positive_rate at_least 0.985: 2025-09-01 2027-08-31",
        ]
    );
}

#[test]
fn a_year_has_phases_of_halves_of_months() {
    let plan = plan(ONE_YEAR).unwrap();
    let phases: Vec<String> = plan.phases.iter().map(|p| days(p.days)).collect();
    assert_eq!(
        phases,
        ["2025-09-01 2025-10-15", "2025-10-16 2025-12-31", "2026-01-01 2026-05-31", "2026-06-01 2026-08-31"]
    );
    let of_months: Vec<String> = plan
        .targets
        .iter()
        .filter(|t| t.time.starts_with("month"))
        .map(|t| format!("{}: {}", t.time, days(t.days)))
        .collect();
    assert_eq!(of_months, ["months 5-9: 2026-01-01 2026-05-31", "month 12: 2026-08-01 2026-08-31"]);
    assert!(plan.targets.len() > 10 && plan.targets.iter().any(|t| t.metric.kind() == Kind::Sum));
}

/// A plan of three months, with this said of its one target.
fn small(target: &str) -> String {
    format!(
        "name = \"p\"\nstarts = \"2026-01-01\"\ncurrency = \"CNY\"\n[[phases]]\nname = \"all\"\nmonths = \"3\"\n\
         [sales_channels]\ntmall = \"0.6\"\njd = \"0.4\"\n[[targets]]\n{target}\n"
    )
}

#[test]
fn what_a_plan_cannot_say_is_refused_with_the_key_and_the_cure() {
    let good = "metric = \"gmv\"\nat_least = \"100.00\"";
    assert!(plan(&small(good)).is_ok());
    for (target, key, cure) in [
        ("metric = \"gmv\"\natleast = \"1.00\"", "unknown field `atleast`", "`at_least`"),
        ("metric = \"gmw\"\nat_least = \"1.00\"", "targets[1].metric", "name one of gmv, net_gmv"),
        ("metric = \"gmv\"", "targets[1]", "write at_least, more_than or at_most"),
        ("metric = \"gmv\"\nat_least = \"1.00\"\nat_most = \"2.00\"", "targets[1]", "one value"),
        ("metric = \"gmv\"\nat_least = 100.00", "floating point", "a text in quotes"),
        ("metric = \"gmv\"\nat_least = 100", "100 stands without quotes", "write \"100\""),
        ("metric = \"gmv\"\nat_least = \"100.005\"", "targets[1].at_least", "at most 2 decimals"),
        ("metric = \"gmv\"\nat_least = \"-1.00\"", "targets[1].at_least", "below zero"),
        ("metric = \"orders\"\nat_least = \"1.5\"", "targets[1].at_least", "whole numbers"),
        ("metric = \"positive_rate\"\nat_least = \"98.5\"", "targets[1].at_least", "write \"0.985\""),
        ("metric = \"conversion\"\nat_least = \"2%\"", "targets[1].at_least", "no decimal"),
        ("metric = \"gmv\"\nat_least = \"1.00\"\nphase = \"one\"", "targets[1].phase", "name one of all"),
        ("metric = \"gmv\"\nat_least = \"1.00\"\nmonths = \"0\"", "targets[1].months", "counted from 1"),
        (
            "metric = \"gmv\"\nat_least = \"1.00\"\nmonths = \"3-4\"",
            "targets[1].months",
            "is 2026-01-01 to 2026-03-31",
        ),
        ("metric = \"gmv\"\nat_least = \"1.00\"\nmonths = \"1\"\nphase = \"all\"", "targets[1]", "one time"),
        ("metric = \"gmv\"\nat_least = \"1.00\"\nfrom = \"2026-2-1\"", "targets[1].from", "\"2026-02-01\""),
        ("metric = \"gmv\"\nat_least = \"1.00\"\nto = \"2026-02-01\"", "targets[1].to", "from or after"),
        (
            "metric = \"gmv\"\nat_least = \"1.00\"\nafter = \"2026-03-31\"",
            "targets[1].after",
            "nothing is between",
        ),
        ("metric = \"gmv\"\nat_least = \"1.00\"\nlast_days = 91", "targets[1].last_days", "90 days"),
        (
            "metric = \"gmv\"\nat_least = \"1.00\"\nby = \"channel\"",
            "targets[1].by",
            "write \"sales_channel\"",
        ),
        (
            "metric = \"conversion\"\nat_least = \"0.1\"\nby = \"sales_channel\"",
            "targets[1].by",
            "not the sum",
        ),
        (
            "metric = \"buyers\"\nat_least = \"1000\"\nby = \"sales_channel\"",
            "targets[1].by",
            "name each channel's own target",
        ),
        (
            "metric = \"daily_uv\"\nat_least = \"1000\"\nby = \"sales_channel\"",
            "targets[1].by",
            "orders, pv, daily_gmv, daily_orders can be split",
        ),
        (
            "metric = \"gmv\"\nat_least = \"1.00\"\nsales_channel = \"jd\"\nby = \"sales_channel\"",
            "targets[1].by",
            "one of both",
        ),
        (
            "metric = \"spend\"\nat_most = \"1.00\"\nsales_channel = \"jd\"",
            "targets[1].sales_channel",
            "whole market",
        ),
        (
            "metric = \"gmv\"\nat_least = \"1.00\"\n[[targets]]\nmetric = \"gmv\"\nmonths = \"1-3\"\nat_least = \"2.00\"",
            "targets[2]",
            "aimed at twice",
        ),
    ] {
        let why = plan(&small(target)).expect_err(target);
        assert!(why.contains(key) && why.contains(cure), "{target}\n{why}");
    }
    let instead = |from: &str, to: &str| plan(&small(good).replace(from, to)).expect_err(to);
    for (from, to, key, cure) in [
        ("jd = \"0.4\"", "jd = \"0.39\"", "sales_channels", "sum to 0.99, not to 1: 0.01 is missing"),
        ("jd = \"0.4\"", "jd = \"0.45\"", "sales_channels", "0.05 is too much"),
        ("jd = \"0.4\"", "jd = \"40\"", "sales_channels.jd", "\"0.40\""),
        ("months = \"3\"", "months = \"0\"", "phases[1].months", "one at least"),
        ("months = \"3\"", "months = \"1201\"", "phases[1].months", "1200 months"),
        ("months = \"3\"", "months = \"3\"\nweeks = \"1\"", "unknown field `weeks`", "`months`"),
        ("\"2026-01-01\"", "2026-01-01", "starts", "text in quotes"),
        ("\"CNY\"", "\"YUAN\"", "currency", "ISO 4217"),
        ("name = \"p\"\n", "", "missing field `name`", "name"),
        ("name = \"p\"", "name = \"p\"\nnote = \"x\"", "unknown field `note`", "`starts`"),
    ] {
        let why = instead(from, to);
        assert!(why.contains(key) && why.contains(cure), "{to}\n{why}");
    }
}

fn target(metric: Metric, sense: Sense, value: Fraction) -> Target {
    let days = Span { from: day("2026-01-01"), to: day("2026-01-30") };
    Target { metric, time: "t".into(), days, sales_channel: None, sense, value }
}

#[test]
fn a_sum_is_held_against_its_days_so_far_and_a_level_against_the_whole() {
    // 10 of 30 days: a third of 900.01, exactly; 330.00 so far makes 990.00
    let gmv = target(Metric::Gmv, Sense::AtLeast, whole(90_001));
    let so_far = Counts { days: 10, gmv: 33_000, orders: 45, ..Counts::default() };
    let attained = gmv.attained(day("2026-01-10"), &so_far).unwrap();
    assert_eq!((attained.state, attained.elapsed, attained.days), (State::Running, 10, 30));
    assert_eq!(attained.to_date, Some(of(90_001, 3)));
    assert_eq!(attained.attainment, Some(of(99_000, 90_001)));
    assert_eq!((attained.forecast, attained.met), (Some(whole(99_000)), Some(true)));

    let orders = target(Metric::DailyOrders, Sense::AtLeast, whole(5));
    let attained = orders.attained(day("2026-01-10"), &so_far).unwrap();
    assert_eq!((attained.to_date, attained.actual), (Some(whole(5)), Some(of(9, 2))));
    assert_eq!((attained.attainment, attained.forecast), (Some(of(9, 10)), Some(of(9, 2))));
    assert_eq!(attained.met, Some(false));

    let before = gmv.attained(day("2025-12-31"), &Counts::default()).unwrap();
    assert_eq!(
        (before.state, before.to_date, before.actual, before.met),
        (State::NotBegun, None, None, None)
    );
    let last = gmv.attained(day("2026-01-30"), &Counts { gmv: 90_000, days: 30, ..so_far }).unwrap();
    assert_eq!((last.state, last.met, last.forecast), (State::Over, Some(false), Some(whole(90_000))));
    let long_after = gmv.attained(day("2027-01-30"), &Counts { gmv: 90_001, days: 30, ..so_far }).unwrap();
    assert_eq!((long_after.elapsed, long_after.met), (30, Some(true)));
}

#[test]
fn at_least_more_than_and_at_most_differ_on_the_value_itself() {
    let met = |metric, sense, value, counts: &Counts| {
        target(metric, sense, value).attained(day("2026-01-30"), counts).unwrap().met
    };
    let rate = of(985, 1_000);
    let of_200 = |positive| Counts { days: 30, reviews: 200, positive, ..Counts::default() };
    assert_eq!(met(Metric::PositiveRate, Sense::AtLeast, rate, &of_200(197)), Some(true));
    assert_eq!(met(Metric::PositiveRate, Sense::MoreThan, rate, &of_200(197)), Some(false));
    assert_eq!(met(Metric::PositiveRate, Sense::AtMost, rate, &of_200(197)), Some(true));
    assert_eq!(met(Metric::PositiveRate, Sense::AtLeast, rate, &of_200(196)), Some(false));
    assert_eq!(
        met(Metric::PositiveRate, Sense::AtLeast, rate, &Counts::default()),
        None,
        "no review says nothing"
    );
    // more than 60 in 30 days: 20 in 10 days is on course, 60 in all is not enough
    let orders = |sense| target(Metric::Orders, sense, whole(60));
    let counts = |orders| Counts { orders, ..Counts::default() };
    assert_eq!(orders(Sense::MoreThan).attained(day("2026-01-10"), &counts(20)).unwrap().met, Some(true));
    assert_eq!(orders(Sense::MoreThan).attained(day("2026-01-30"), &counts(60)).unwrap().met, Some(false));
    assert_eq!(orders(Sense::AtLeast).attained(day("2026-01-30"), &counts(60)).unwrap().met, Some(true));
}

#[test]
fn every_metric_is_what_its_name_says() {
    let counts = Counts {
        days: 10,
        gmv: 240_000,
        refunded: 60_000,
        went_back: 40_000,
        orders: 60,
        buyers: 40,
        tracked_buyers: 30,
        uv: 1_500,
        free_uv: 1_100,
        paid_uv: 500,
        new_uv: 900,
        pv: 6_000,
        pv_beside: 500,
        visits: 2_000,
        bounced: 800,
        bounced_of: 2_000,
        stay: 180_000_000_000,
        daily: Daily {
            uv: 2_000,
            free_uv: 1_400,
            paid_uv: 650,
            buyers: 55,
            tracked: Tracked { buyers: 44, ..Tracked::default() },
            ..Daily::default()
        },
        reviews: 20,
        positive: 19,
        spend: 75_000,
        ..Counts::default()
    };
    let expected = [
        (Metric::Gmv, whole(240_000)),
        (Metric::NetGmv, whole(200_000)),
        (Metric::NetGmvOfOrders, whole(180_000)),
        (Metric::Orders, whole(60)),
        (Metric::Buyers, whole(40)),
        (Metric::Uv, whole(1_500)),
        (Metric::FreeUv, whole(1_100)),
        (Metric::PaidUv, whole(500)),
        (Metric::NewUv, whole(900)),
        (Metric::Pv, whole(6_500)),
        (Metric::Visits, whole(2_000)),
        (Metric::Spend, whole(75_000)),
        (Metric::DailyGmv, whole(24_000)),
        (Metric::DailyOrders, whole(6)),
        (Metric::DailyBuyers, of(11, 2)),
        (Metric::DailyUv, whole(200)),
        (Metric::DailyFreeUv, whole(140)),
        (Metric::DailyPaidUv, whole(65)),
        (Metric::Conversion, of(2, 100)),
        (Metric::DailyConversion, of(22, 1_000)),
        (Metric::UnitPrice, whole(6_000)),
        (Metric::OrderValue, whole(4_000)),
        (Metric::OrdersPerBuyer, of(3, 2)),
        (Metric::PvPerUv, whole(4)),
        (Metric::AverageStay, whole(90)),
        (Metric::BounceRate, of(4, 10)),
        (Metric::NewUvShare, of(6, 10)),
        (Metric::RefundedShare, of(1, 4)),
        (Metric::PositiveRate, of(95, 100)),
        (Metric::CostPerUv, whole(50)),
    ];
    assert_eq!(expected.map(|(metric, _)| metric), Metric::ALL);
    for (metric, value) in expected {
        assert_eq!(metric.actual(&counts), Some(value), "{metric}");
        assert_eq!(metric.as_str().parse(), Ok(metric));
        if metric.kind() == Kind::Ratio || metric.kind() == Kind::Daily {
            assert_eq!(metric.actual(&Counts::default()), None, "{metric} of nothing");
        }
    }
}

/// Ten days of 5,000 visitors a day, of whom 2 % buy 1.25 orders each, at 200.00 an order; half a yuan for each of 2,000
/// paid visitors a day, 10.00 earned with each order.
fn rates() -> Rates {
    let tracked = Tracked { orders: 1_250, buyers: 1_000, gmv: 25_000_000 };
    let daily =
        Daily { uv: 50_000, free_uv: 30_000, paid_uv: 20_000, buyers: 1_000, tracked, ..Daily::default() };
    let last = Counts { days: 10, gmv: 25_000_000, orders: 1_250, buyers: 900, daily, ..Counts::default() };
    Rates { last, spend: 1_000_000, paid_uv: Some(20_000), contribution: 1_250_000, orders: 1_250 }
}

fn takes(target: &Target, today: &str, so_far: &Counts, rates: &Rates) -> Option<Takes> {
    target.takes(day(today), so_far, rates).unwrap()
}

#[test]
fn two_hundred_orders_are_not_two_hundred_buyers() {
    let target = target(Metric::DailyOrders, Sense::AtLeast, whole(200));
    let takes = takes(&target, "2026-01-10", &Counts::default(), &rates()).unwrap();
    let lever = |of: Option<daybook_metrics::plan::Lever>| of.map(|of| (of.now, of.needed)).unwrap();
    assert_eq!((takes.days, takes.now, takes.goal), (1, whole(125), whole(200)));
    assert_eq!(lever(takes.uv), (whole(5_000), whole(8_000)));
    assert_eq!(lever(takes.buyers), (whole(100), whole(160)));
    assert_eq!(lever(takes.conversion), (of(2, 100), of(32, 1_000)));
    assert_eq!(lever(takes.orders_per_buyer), (of(5, 4), whole(2)));
    assert_eq!(takes.unit_price, None);
    // 3,000 visitors more at 0.50; 75 orders more at 10.00
    assert_eq!((takes.uv_cost, takes.worth), (Some(whole(150_000)), Some(whole(75_000))));
    // more than 200 takes one visitor more
    let more = Target { sense: Sense::MoreThan, ..target };
    assert_eq!(needed_uv(&more), whole(8_001));
}

fn needed_uv(target: &Target) -> Fraction {
    takes(target, "2026-01-10", &Counts::default(), &rates()).unwrap().uv.unwrap().needed
}

#[test]
fn the_rest_of_a_sum_is_asked_of_the_days_that_are_left() {
    // 1,200,000.00 in 30 days, 200,000.00 in the first ten: 1,000,000.00 in 20 days, where 500,000.00 would come
    let target = target(Metric::Gmv, Sense::AtLeast, whole(120_000_000));
    let so_far = Counts { gmv: 20_000_000, days: 10, ..Counts::default() };
    let of_20 = takes(&target, "2026-01-10", &so_far, &rates()).unwrap();
    assert_eq!((of_20.days, of_20.goal, of_20.now), (20, whole(100_000_000), whole(50_000_000)));
    assert_eq!(of_20.uv.unwrap().needed, whole(200_000));
    assert_eq!(of_20.conversion.unwrap().needed, of(4, 100));
    // 250.00 a buyer and day, 500.00 needed
    assert_eq!(
        (of_20.unit_price.unwrap().now, of_20.unit_price.unwrap().needed),
        (whole(25_000), whole(50_000))
    );
    assert_eq!(of_20.worth, Some(whole(2_500_000)), "2,500 orders more at 10.00");
    // a quarter of sales comes without a recorded visit, and goes on to
    let mut untracked = rates();
    untracked.last.daily.tracked = Tracked { orders: 1_000, buyers: 800, gmv: 20_000_000 };
    let takes_more = takes(&target, "2026-01-10", &so_far, &untracked).unwrap();
    // 900,000.00 of 400,000.00 by 100,000 visitors
    assert_eq!(takes_more.uv.unwrap().needed, whole(225_000));
    // what needs nothing: reached by going on, over, a most, or not by visitors
    let enough = Counts { gmv: 70_000_000, days: 10, ..Counts::default() };
    assert_eq!(takes(&target, "2026-01-10", &enough, &rates()), None);
    assert_eq!(takes(&target, "2026-01-30", &so_far, &rates()), None);
    let most = Target { sense: Sense::AtMost, ..target.clone() };
    assert_eq!(takes(&most, "2026-01-10", &so_far, &rates()), None);
    let positive = Target { metric: Metric::PositiveRate, value: of(985, 1_000), ..target.clone() };
    assert_eq!(takes(&positive, "2026-01-10", &so_far, &rates()), None);
    // nobody was seen: the goal is known, and nothing else
    let unseen = Rates { last: Counts { days: 10, ..Counts::default() }, ..Rates::default() };
    let blind = takes(&target, "2026-01-10", &so_far, &unseen).unwrap();
    assert_eq!((blind.goal, blind.uv, blind.uv_cost, blind.worth), (whole(100_000_000), None, None, None));
    // a phase that has not begun takes all of its days
    assert_eq!(takes(&target, "2025-12-01", &Counts::default(), &rates()).unwrap().days, 30);
}

proptest! {
    #[test]
    fn what_it_takes_fed_back_in_reaches_the_target_and_one_visitor_less_does_not(
        metric in prop::sample::select(vec![Metric::Gmv, Metric::DailyGmv, Metric::Orders, Metric::DailyOrders, Metric::DailyBuyers, Metric::DailyUv]),
        sense in prop::sample::select(vec![Sense::AtLeast, Sense::MoreThan]),
        value in 1i128..1_000_000_000,
        (uv, buyers, orders, gmv) in (1u64..10_000_000, 1u64..100_000, 1u64..200_000, 1i128..1_000_000_000_000),
        (unseen_orders, unseen_gmv) in (0u64..1_000, 0i128..1_000_000_000),
        (last_days, elapsed) in (1u32..60, 0u32..30),
        had in 0i128..500_000_000,
    ) {
        let had = if elapsed == 0 { 0 } else { had };
        let target = target(metric, sense, whole(value));
        let daily = Daily { uv, buyers: buyers + unseen_orders, tracked: Tracked { orders, buyers, gmv }, ..Daily::default() };
        let last = Counts {
            days: last_days, gmv: gmv + unseen_gmv, orders: orders + unseen_orders,
            daily, ..Counts::default()
        };
        let rates = Rates { last, spend: 1, paid_uv: Some(1), contribution: 1, orders };
        let today = day("2025-12-31") + chrono::Days::new(elapsed.into());
        let so_far = Counts { days: elapsed, gmv: had, orders: u64::try_from(had).unwrap(), ..Counts::default() };
        if let Some(takes) = target.takes(today, &so_far, &rates).unwrap() {
            let stretch = of(takes.days.into(), last_days.into());
            let (all, tracked) = match metric {
                Metric::Gmv | Metric::DailyGmv => (gmv + unseen_gmv, gmv),
                Metric::Orders | Metric::DailyOrders => (i128::from(orders + unseen_orders), orders.into()),
                Metric::DailyBuyers => (i128::from(buyers + unseen_orders), buyers.into()),
                _ => (uv.into(), uv.into()),
            };
            let beside = whole(all - tracked).times(stretch).unwrap();
            let (uv, buyers) = (i128::from(uv), i128::from(buyers));
            let by = |visitors: Fraction, conversion: Fraction, each: Fraction| {
                visitors.times(conversion).unwrap().times(each).unwrap().plus(beside).unwrap()
            };
            let (conversion, each) = (of(buyers, uv), of(tracked, buyers));
            let met = |sum: Fraction| sense.met(sum, takes.goal);
            let visitors = takes.uv.unwrap().needed;
            prop_assert!(met(by(visitors, conversion, each)));
            prop_assert!(visitors == Fraction::ZERO || !met(by(visitors.minus(whole(1)).unwrap(), conversion, each)));
            // one factor instead: it reaches the goal exactly
            let now = whole(uv).times(stretch).unwrap();
            if let Some(lever) = takes.conversion {
                prop_assert_eq!(by(now, lever.needed, each), takes.goal);
            }
            for lever in [takes.unit_price, takes.orders_per_buyer].into_iter().flatten() {
                prop_assert_eq!(by(now, conversion, lever.needed), takes.goal);
            }
            // and with what was had before it reaches the target itself
            if metric.kind() == Kind::Sum {
                let reached = takes.goal.plus(whole(had)).unwrap();
                prop_assert_eq!(reached, target.value);
            }
            prop_assert!(!met(takes.now));
        }
    }

    #[test]
    fn shares_are_allocated_to_the_cent(
        minor in 0i64..1_000_000_000_000, cuts in prop::collection::btree_set(1u32..1_000, 0..8),
    ) {
        // shares of thousandths between cuts: they sum to one
        let edges: Vec<u32> = [0].into_iter().chain(cuts).chain([1_000]).collect();
        let shares: Vec<u32> = edges.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let lines: String = shares.iter().enumerate().map(|(n, share)| {
            format!("c{n} = \"{}.{:03}\"\n", share / 1_000, share % 1_000)
        }).collect();
        let amount = format!("{}.{:02}", minor / 100, minor % 100);
        let text = small(&format!("metric = \"gmv\"\nat_least = \"{amount}\"\nby = \"sales_channel\""))
            .replace("tmall = \"0.6\"\njd = \"0.4\"\n", &lines);
        let plan = plan(&text).unwrap();
        let weights: Vec<i64> = plan.shares.iter().map(|(_, share)| {
            let mut share = *share;
            share.rescale(3);
            share.mantissa() as i64
        }).collect();
        let expected = allocate(minor, &weights).unwrap();
        let parts: Vec<i64> = plan.targets[1..].iter().map(|part| part.value.floor() as i64).collect();
        prop_assert_eq!(parts.iter().sum::<i64>(), minor);
        prop_assert_eq!(parts, expected);
    }
}
