//! Laws of attribution: nothing is lost, and a refund takes back what it must and no more.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use daybook_domain::time::DAY;
use daybook_domain::{Currency, Money, Timestamp};
use daybook_metrics::attribution::{AttributionRule, Credited, Credits, MOST_TOUCHES, Model, Path, Touch};
use proptest::prelude::*;

fn cny(minor: i64) -> Money {
    Money::new(minor, Currency::new("CNY").unwrap())
}

/// A touch so many days before the order on day 100; `direct` is one that came direct.
fn touch(days_before: i64, key: &'static str) -> Touch<&'static str> {
    Touch { at: Timestamp((100 - days_before) * DAY), key, direct: key == "direct" }
}

fn credits(model: Model, touches: &[Touch<&'static str>]) -> Credits<&'static str> {
    AttributionRule::of(model).credits(Timestamp(100 * DAY), &Path::of(touches.to_vec()))
}

/// 100.00 split, by key and in minor units.
fn hundred(model: Model, touches: &[Touch<&'static str>]) -> Vec<(&'static str, i64)> {
    let split = credits(model, touches).split(cny(10_000)).unwrap();
    let mut parts: Vec<_> = split.by.iter().map(|(key, part)| (*key, part.minor)).collect();
    if split.unattributed != cny(0) {
        parts.push(("", split.unattributed.minor));
    }
    parts
}

#[test]
fn each_model_credits_as_its_name_says() {
    let path = [touch(28, "search"), touch(14, "social"), touch(7, "email"), touch(0, "direct")];
    for (model, expected) in [
        (Model::First, vec![("search", 10_000)]),
        (Model::Last, vec![("direct", 10_000)]),
        (Model::LastNonDirect, vec![("email", 10_000)]),
        (Model::Linear, vec![("direct", 2_500), ("email", 2_500), ("search", 2_500), ("social", 2_500)]),
        // 1/16 + 1/4 + 1/2 + 1 = 29/16
        (Model::TimeDecay, vec![("direct", 5_517), ("email", 2_759), ("search", 345), ("social", 1_379)]),
        (Model::Position, vec![("direct", 4_000), ("email", 1_000), ("search", 4_000), ("social", 1_000)]),
    ] {
        assert_eq!(hundred(model, &path), expected, "{model}");
    }
}

#[test]
fn of_a_path_without_end_the_last_touches_are_weighed_beside_the_first() {
    let all: Vec<Touch<usize>> = (0..40_000usize)
        .map(|key| Touch { at: Timestamp(i64::try_from(key).unwrap()), key, direct: key > 39_990 })
        .collect();
    let (all, ordered) = (Path::of(all), Timestamp(40_000));
    let keys = |model| -> Vec<usize> {
        AttributionRule::of(model).credits(ordered, &all).weights().iter().map(|(key, _)| *key).collect()
    };
    let last: Vec<usize> = (40_000 - MOST_TOUCHES..40_000).collect();
    assert_eq!(
        (keys(Model::First), keys(Model::Last), keys(Model::LastNonDirect)),
        (vec![0], vec![39_999], vec![39_990])
    );
    assert_eq!((&keys(Model::Linear), &keys(Model::TimeDecay)), (&last, &last));
    let position = keys(Model::Position);
    assert_eq!((position[0], &position[1..]), (0, &last[1..]));
    let whole = AttributionRule::of(Model::Position).credits(ordered, &all);
    let (first, of) = whole.of(0);
    assert_eq!(first * 5, of * 2, "40 % for the first, however many lie between");
}

#[test]
fn the_last_visit_that_was_not_direct_is_found_behind_any_number_of_direct_ones() {
    let path: Vec<Touch<usize>> = (0..2_000usize)
        .map(|key| Touch { at: Timestamp(i64::try_from(key).unwrap()), key, direct: key > 7 })
        .collect();
    let credits = AttributionRule::of(Model::LastNonDirect).credits(Timestamp(2_000), &Path::of(path));
    assert_eq!(credits.weights(), [(7, 1)]);
}

#[test]
fn short_paths_and_none() {
    for model in Model::ALL {
        assert_eq!(hundred(model, &[]), [("", 10_000)], "{model}");
        assert_eq!(hundred(model, &[touch(3, "email")]), [("email", 10_000)], "{model}");
        assert_eq!(hundred(model, &[touch(3, "direct")]), [("direct", 10_000)], "{model}");
    }
    let two = [touch(5, "email"), touch(3, "social")];
    assert_eq!(hundred(Model::Position, &two), [("email", 5_000), ("social", 5_000)]);
    // the same key twice has both credits
    let again = [touch(9, "email"), touch(5, "social"), touch(3, "email")];
    assert_eq!(hundred(Model::Position, &again), [("email", 8_000), ("social", 2_000)]);
    assert_eq!(credits(Model::Position, &again).of("email"), (4, 5));
    assert_eq!(credits(Model::Position, &[]).of("email"), (0, 1));
}

#[test]
fn only_touches_of_the_look_back_before_the_order_count() {
    let at = |micros: i64| Touch { at: Timestamp(100 * DAY + micros), key: "email", direct: false };
    for (micros, counts) in [(0, true), (1, false), (-30 * DAY, true), (-30 * DAY - 1, false)] {
        assert_eq!(!credits(Model::Last, &[at(micros)]).is_unattributed(), counts, "{micros}");
    }
    let week = AttributionRule { look_back: 7 * DAY, ..AttributionRule::default() };
    assert!(week.credits(Timestamp(100 * DAY), &Path::of(vec![touch(8, "email")])).is_unattributed());
}

#[test]
fn touches_of_one_instant_stand_as_they_were_given() {
    let at = |key| Touch { at: Timestamp(DAY), key, direct: false };
    let last = |touches: [&'static str; 2]| {
        let path = Path::of(touches.map(at).to_vec());
        AttributionRule::default().credits(Timestamp(DAY), &path).weights()[0].0
    };
    assert_eq!((last(["a", "b"]), last(["b", "a"])), ("b", "a"));
}

#[test]
fn a_model_is_read_by_its_word() {
    for model in Model::ALL {
        assert_eq!(model.to_string().parse(), Ok(model));
    }
    assert!("best".parse::<Model>().unwrap_err().contains("time_decay"));
}

fn a_rule() -> impl Strategy<Value = AttributionRule> {
    (0usize..6, 0i64..60, 1i64..30).prop_map(|(model, back, half)| AttributionRule {
        model: Model::ALL[model],
        look_back: back * DAY,
        half_life: half * DAY / 3,
    })
}

/// One touch at most at an instant: of several, whoever gives them says which came first.
fn a_path() -> impl Strategy<Value = Vec<Touch<u8>>> {
    let touch = |(hour, key): (i64, u8)| Touch { at: Timestamp(hour * DAY / 24), key, direct: key == 0 };
    prop::collection::btree_map(0i64..110 * 24, 0u8..5, 0..20)
        .prop_map(move |touches| touches.into_iter().map(touch).collect())
}

/// A path, the same one in another order, an order's revenue, and what is left of it after each refund.
type TestOrder = (Vec<Touch<u8>>, Vec<Touch<u8>>, i64, Vec<i64>);

fn an_order() -> impl Strategy<Value = TestOrder> {
    (a_path(), 0i64..10_000_000).prop_flat_map(|(path, revenue)| {
        let refunds = prop::collection::vec(0i64..=revenue.max(1), 0..6);
        (Just(path.clone()), Just(path).prop_shuffle(), Just(revenue), refunds)
    })
}

const ORDERED: Timestamp = Timestamp(100 * DAY);

proptest! {
    #[test]
    fn the_credits_of_an_order_sum_to_one_and_its_revenue_to_the_cent(
        (path, shuffled, revenue, _) in an_order(), rule in a_rule(),
    ) {
        let credits = rule.credits(ORDERED, &Path::of(path.clone()));
        prop_assert_eq!(&credits, &rule.credits(ORDERED, &Path::of(shuffled)));
        let by_key: Vec<(i128, i128)> = (0..5).map(|key| credits.of(key)).collect();
        let whole = by_key[0].1;
        prop_assert!(by_key.iter().all(|(own, of)| *of == whole && *own >= 0));
        let sum: i128 = by_key.iter().map(|(own, _)| own).sum();
        prop_assert_eq!(sum, if credits.is_unattributed() { 0 } else { whole });
        let split = credits.split(cny(revenue)).unwrap();
        prop_assert_eq!(split.total().unwrap(), cny(revenue));
        prop_assert_eq!(split.unattributed, cny(if credits.is_unattributed() { revenue } else { 0 }));
    }

    #[test]
    fn a_refund_never_makes_a_credit_grow_and_a_full_one_leaves_nothing(
        (path, _, revenue, mut left) in an_order(), rule in a_rule(),
    ) {
        let credits = rule.credits(ORDERED, &Path::of(path.clone()));
        left.retain(|left| *left <= revenue);
        left.sort_unstable();
        left.insert(0, 0);
        left.push(revenue);
        let restated: Vec<Credited<u8>> =
            left.iter().rev().map(|left| credits.split(cny(*left)).unwrap()).collect();
        for (pair, left) in restated.windows(2).zip(left.iter().rev().skip(1)) {
            prop_assert_eq!(pair[1].total().unwrap(), cny(*left));
            for (key, before) in &pair[0].by {
                let after = pair[1].by[key];
                prop_assert!(after.minor <= before.minor && after.minor >= 0, "{key}: {before} then {after}");
            }
        }
        let none = &restated[restated.len() - 1];
        prop_assert!(none.by.values().all(|amount| amount.is_zero()) && none.unattributed.is_zero());
    }

    #[test]
    fn credited_revenue_of_many_orders_is_all_their_revenue(
        orders in prop::collection::vec(an_order(), 0..12), rule in a_rule(),
    ) {
        let mut sums = Credited::nothing(cny(0));
        let mut revenue = 0;
        for (path, _, gross, left) in &orders {
            let net = left.first().map_or(*gross, |left| (*left).min(*gross));
            sums.add(&rule.credits(ORDERED, &Path::of(path.clone())).split(cny(net)).unwrap()).unwrap();
            revenue += net;
        }
        prop_assert_eq!(sums.total().unwrap(), cny(revenue));
        let by: BTreeMap<u8, Money> = sums.by;
        prop_assert!(by.values().all(|amount| amount.minor >= 0));
    }

    #[test]
    fn a_credit_is_within_a_cent_for_each_touch_of_its_exact_share(
        (path, _, revenue, _) in an_order(), rule in a_rule(),
    ) {
        let credits = rule.credits(ORDERED, &Path::of(path.clone()));
        for (key, part) in credits.split(cny(revenue)).unwrap().by {
            let (own, whole) = credits.of(key);
            let exact = revenue as f64 * own as f64 / whole as f64;
            prop_assert!((part.minor as f64 - exact).abs() <= path.len() as f64, "{part} for {exact}");
        }
    }
}
