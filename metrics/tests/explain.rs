//! Laws of explained changes.

#![allow(clippy::unwrap_used)]

use daybook_domain::{Currency, Money, MoneyError};
use daybook_metrics::explain::{ExplainError, Explained, MOST, Method, Side, explain, explain_cell};
use proptest::prelude::*;

fn cny(minor: i64) -> Money {
    Money::new(minor, Currency::new("CNY").unwrap())
}

fn side(visitors: u64, buyers: u64, gmv: i64) -> Side {
    Side { visitors, buyers, gmv: cny(gmv) }
}

/// `traffic mix conversion unit_price untracked`.
fn parts(of: &Explained) -> [i64; 5] {
    [of.traffic, of.mix, of.conversion, of.unit_price, of.untracked].map(|part| part.minor)
}

#[test]
fn changes_as_people_would_explain_them() {
    for (name, before, after, expected, method) in [
        ("nothing changed", side(100, 10, 5_000), side(100, 10, 5_000), [0, 0, 0, 0, 0], Method::Lmdi),
        (
            "twice the visitors",
            side(100, 10, 5_000),
            side(200, 20, 10_000),
            [5_000, 0, 0, 0, 0],
            Method::Lmdi,
        ),
        (
            "twice the conversion",
            side(100, 10, 5_000),
            side(100, 20, 10_000),
            [0, 0, 5_000, 0, 0],
            Method::Lmdi,
        ),
        (
            "half the unit price",
            side(100, 10, 5_000),
            side(100, 10, 2_500),
            [0, 0, 0, -2_500, 0],
            Method::Lmdi,
        ),
        // twice as many who buy half as often: L(G, G) ln 2 = 5000 x 0.693147 against itself
        (
            "two that cancel",
            side(100, 10, 5_000),
            side(200, 10, 5_000),
            [3_466, 0, -3_466, 0, 0],
            Method::Lmdi,
        ),
        // 1,000,000 -> 1,650,000 by +10 %, +25 %, +20 %: L = 650000 / ln 1.65 = 1,297,991.8
        (
            "three at once",
            side(10_000, 200, 1_000_000),
            side(11_000, 275, 1_650_000),
            [123_711, 0, 289_638, 236_651, 0],
            Method::Lmdi,
        ),
        // zero sides
        ("a shop that opens", side(0, 0, 0), side(100, 10, 5_000), [5_000, 0, 0, 0, 0], Method::Shapley),
        ("a shop that closes", side(100, 10, 5_000), side(0, 0, 0), [-5_000, 0, 0, 0, 0], Method::Shapley),
        // nobody bought: the first sale is conversion's, and half of the visitors' growth
        ("a first buyer", side(100, 0, 0), side(100, 10, 5_000), [0, 0, 5_000, 0, 0], Method::Shapley),
        (
            "and more visitors",
            side(100, 0, 0),
            side(200, 20, 10_000),
            [2_500, 0, 7_500, 0, 0],
            Method::Shapley,
        ),
        ("given away before", side(100, 10, 0), side(100, 10, 5_000), [0, 0, 0, 5_000, 0], Method::Shapley),
        ("visitors who never buy", side(100, 0, 0), side(900, 0, 0), [0, 0, 0, 0, 0], Method::Shapley),
        // sales that nobody was seen for
        ("untracked", side(0, 3, 700), side(0, 5, 900), [0, 0, 0, 0, 200], Method::Shapley),
        (
            "tracked at last",
            side(0, 10, 5_000),
            side(100, 10, 6_000),
            [6_000, 0, 0, 0, -5_000],
            Method::Shapley,
        ),
    ] {
        let explained = explain(before, after).unwrap();
        assert_eq!(parts(&explained), expected, "{name}");
        assert_eq!(explained.method, method, "{name}");
    }
}

#[test]
fn a_cell_whose_share_grew_grew_by_mix() {
    // the whole stood still at 1,000 visitors; search went from 400 to 600 of them and kept conversion and price
    let search = explain_cell((1_000, 1_000), side(400, 40, 40_000), side(600, 60, 60_000)).unwrap();
    assert_eq!(parts(&search), [0, 20_000, 0, 0, 0]);
    let direct = explain_cell((1_000, 1_000), side(600, 30, 30_000), side(400, 20, 20_000)).unwrap();
    assert_eq!(parts(&direct), [0, -10_000, 0, 0, 0]);
    let both = search.and(&direct).unwrap();
    assert_eq!((both.change().unwrap(), both.method), (cny(10_000), Method::Sum));
    // a channel that opens while the whole doubles: half of it is the whole's growth
    let new = explain_cell((500, 1_000), side(0, 0, 0), side(100, 10, 6_000)).unwrap();
    assert_eq!(parts(&new), [1_500, 4_500, 0, 0, 0]);
}

#[test]
fn what_cannot_be_is_refused_with_its_cure() {
    let usd = Money::new(1, Currency::new("USD").unwrap());
    let other = Side { visitors: 1, buyers: 1, gmv: usd };
    let refused = explain(side(1, 1, 1), other).unwrap_err();
    assert!(matches!(refused, ExplainError::Money(MoneyError::CurrencyMismatch { .. })));
    let refused = explain(side(1, 1, -1), side(1, 1, 1)).unwrap_err();
    assert!(refused.to_string().contains("before refunds"), "{refused}");
    let refused = explain(side(MOST + 1, 1, 1), side(1, 1, 1)).unwrap_err();
    assert_eq!(refused, ExplainError::TooMany { count: MOST + 1 });
    let refused = explain_cell((5, 5), side(6, 1, 1), side(1, 1, 1)).unwrap_err();
    assert_eq!(refused, ExplainError::CellAboveWhole { cell: 6, whole: 5 });
}

/// Sides as they come, with zeros among them.
fn a_side() -> impl Strategy<Value = Side> {
    let count = |most: u64| prop_oneof![1 => Just(0), 8 => 1..most];
    (count(5_000_000), count(5_000_000), prop_oneof![1 => Just(0), 8 => 1i64..1_000_000_000_000])
        .prop_map(|(visitors, buyers, gmv)| side(visitors, buyers.min(visitors), gmv))
}

fn sum(of: &Explained) -> i64 {
    parts(of).iter().sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn parts_add_up_to_the_change_exactly_and_turn_their_sign_with_the_periods(
        before in a_side(), after in a_side(), more in (0u64..1_000_000, 0u64..1_000_000),
    ) {
        let whole = (before.visitors + more.0, after.visitors + more.1);
        let forth = explain_cell(whole, before, after).unwrap();
        prop_assert_eq!(sum(&forth), forth.change().unwrap().minor);
        let back = explain_cell((whole.1, whole.0), after, before).unwrap();
        prop_assert_eq!(parts(&back), parts(&forth).map(|part| -part));
        prop_assert_eq!(back.method, forth.method);
    }

    #[test]
    fn the_parts_are_those_of_the_formula(
        v0 in 1u64..1_000_000, v1 in 1u64..1_000_000, b0 in 1u64..1_000_000, b1 in 1u64..1_000_000,
        g0 in 1i64..1_000_000_000, g1 in 1i64..1_000_000_000,
    ) {
        let (before, after) = (side(v0.max(b0), b0, g0), side(v1.max(b1), b1, g1));
        let ours = explain(before, after).unwrap();
        let ratio = |a: u64, b: u64| (a as f64 / b as f64).ln();
        let (x, y) = (g1 as f64, g0 as f64);
        let mean = if g0 == g1 { x } else { (x - y) / (x / y).ln() };
        let traffic = mean * ratio(after.visitors, before.visitors);
        let conversion = mean * (ratio(b1, b0) - ratio(after.visitors, before.visitors));
        let price = mean * ((x / y).ln() - ratio(b1, b0));
        for (part, exact) in parts(&ours).into_iter().zip([traffic, 0.0, conversion, price, 0.0]) {
            prop_assert!((part as f64 - exact).abs() <= 1.0 + exact.abs() * 1e-6, "{part} for {exact}");
        }
    }

    #[test]
    fn a_factor_that_stood_still_contributed_nothing(
        visitors in 1u64..100_000, buyers in 1u64..100_000, gmv in 1i64..1_000_000_000, times in 2u64..9,
    ) {
        let before = side(visitors.max(buyers), buyers, gmv);
        let more = side(before.visitors * times, buyers * times, gmv * times as i64);
        prop_assert_eq!(parts(&explain(before, more).unwrap()), [gmv * (times as i64 - 1), 0, 0, 0, 0]);
        let dearer = side(before.visitors, buyers, gmv * times as i64);
        prop_assert_eq!(parts(&explain(before, dearer).unwrap()), [0, 0, 0, gmv * (times as i64 - 1), 0]);
    }

    #[test]
    fn neighbouring_amounts_at_the_end_of_the_range_are_split_as_well(
        gmv in (i64::MAX / 64)..(i64::MAX / 32), change in -5i64..5, visitors in 100u64..200,
    ) {
        let ours = explain(side(150, 50, gmv), side(visitors, 50, gmv + change)).unwrap();
        prop_assert_eq!(sum(&ours), change);
        let traffic = gmv as f64 * (visitors as f64 / 150.0).ln();
        prop_assert!((ours.traffic.minor as f64 - traffic).abs() <= traffic.abs() * 1e-12 + 1.0);
    }
}
