//! Buyers' points and what they are worth.

mod support;

use daybook_domain::buyer::Buyer;
use daybook_domain::buyer::commands::BuyerCommand as Ask;
use daybook_domain::buyer::events::PointsBecome;
use daybook_domain::posting::{Entry, post};
use daybook_domain::{Aggregate, Event, Money};
use proptest::prelude::*;
use support::{Scenario, cny, given, id, product, usd};

fn earn(order: &str, points: u64, value: Money) -> Ask {
    Ask::EarnPoints { order: id(order), points, value, campaign: None }
}

fn convert(number: &str, points: u64) -> Ask {
    Ask::ConvertPoints { conversion: id(number), to: PointsBecome::Coupon, points }
}

fn reverse(order: &str, points: Option<u64>) -> Ask {
    Ask::ReversePoints { order: id(order), points, reason: "returned".to_owned() }
}

fn expire(number: &str, points: u64) -> Ask {
    Ask::ExpirePoints { expiry: id(number), points }
}

fn new() -> Scenario<Buyer> {
    given("b1", [])
}

#[test]
fn points_are_earned_once_an_order_and_leave_with_their_share_of_the_value() {
    let two = new().and(earn("o1", 100, cny(100))).and(earn("o2", 50, cny(51)));
    two.clone().when(earn("o1", 100, cny(100))).nothing();
    two.clone().when(earn("o1", 200, cny(200))).refused("number_used");
    two.clone().when(earn("o3", 1, usd(1))).refused("currency_mismatch");
    assert_eq!((two.state.points(), two.state.value()), (150, Some(cny(151))));
    let less = two.and(convert("x1", 100));
    assert_eq!((less.state.points(), less.state.value()), (50, Some(cny(50))));
    less.clone().when(convert("x1", 100)).nothing();
    less.clone().when(convert("x1", 50)).refused("number_used");
    less.clone().when(expire("x1", 50)).refused("number_used");
    less.clone().when(convert("x2", 51)).refused("not_enough_points");
    let none = less.and(expire("e1", 50));
    assert_eq!((none.state.points(), none.state.value()), (0, Some(cny(0))));
    assert_eq!(none.state.refs().buyer, Some(id("b1")));
}

#[test]
fn what_an_order_earned_comes_back_as_far_as_it_was_not_spent() {
    let spent = new().and(earn("o1", 100, cny(100))).and(convert("x1", 70));
    spent.clone().when(reverse("o2", None)).refused("points_unknown");
    spent.clone().when(reverse("o1", Some(101))).refused("more_than_earned");
    let back = spent.and(reverse("o1", None));
    assert_eq!((back.state.points(), back.state.value()), (0, Some(cny(0))));
    back.clone().when(reverse("o1", None)).nothing();
    back.when(convert("x2", 1)).refused("not_enough_points");
}

#[test]
fn points_that_leave_name_the_campaign_that_paid_for_them_where_it_can_be_told() {
    let by = |order: &str, campaign: Option<&str>| Ask::EarnPoints {
        order: id(order),
        points: 100,
        value: cny(100),
        campaign: campaign.map(id),
    };
    let named = |mut of: Scenario<Buyer>, ask: Ask| match &of.ask(&ask).unwrap()[..] {
        [Event::PointsReversed(e)] => e.campaign,
        [Event::PointsExpired(e)] => e.campaign,
        other => panic!("{other:?}"),
    };
    let one = new().and(by("o1", Some("spring"))).and(by("o2", Some("spring")));
    assert_eq!(named(one.clone(), reverse("o1", None)), Some(id("spring")));
    assert_eq!(named(one.clone(), expire("e1", 10)), Some(id("spring")));
    for other in [None, Some("autumn")] {
        let mixed = one.clone().and(by("o3", other)).and(by("o4", Some("spring")));
        assert_eq!(named(mixed.clone(), reverse("o2", None)), Some(id("spring")));
        assert_eq!(named(mixed.clone(), reverse("o3", None)), other.map(id));
        assert_eq!(named(mixed, expire("e1", 10)), None, "nobody can tell whose points these are");
    }
}

#[test]
fn every_state_answers_every_command() {
    let states = [
        ("unknown", new()),
        ("registered", new().and(Ask::Register { visitor: None, channel: None })),
        ("with points", new().and(earn("o1", 100, cny(100)))),
        ("with none left", new().and(earn("o1", 100, cny(100))).and(expire("e1", 100))),
    ];
    let commands = [
        ("register", Ask::Register { visitor: None, channel: None }),
        ("change_membership", Ask::ChangeMembership { tier: id("gold") }),
        ("earn_points", earn("o1", 100, cny(100))),
        ("convert_points", convert("x1", 10)),
        ("reverse_points", reverse("o1", Some(10))),
        ("expire_points", expire("e1", 10)),
    ];
    insta::assert_snapshot!("buyer_states_and_commands", product(&states, &commands));
}

#[derive(Clone, Debug)]
enum Step {
    Earn(u64, i64),
    Convert(u64),
    Reverse(usize, u64),
    Expire(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..500_u64, 0..10_000_i64).prop_map(|(points, value)| Step::Earn(points, value)),
        (1..400_u64).prop_map(Step::Convert),
        (0..8_usize, 1..500_u64).prop_map(|(order, points)| Step::Reverse(order, points)),
        (1..400_u64).prop_map(Step::Expire),
    ]
}

proptest! {
    #[test]
    fn the_liability_is_what_the_points_are_worth_and_nothing_is_left_when_no_point_is(steps in proptest::collection::vec(step(), 1..40)) {
        let mut buyer = new();
        let mut booked = 0;
        for (n, step) in steps.iter().enumerate() {
            let ask = match step {
                Step::Earn(points, value) => earn(&format!("o{n}"), *points, cny(*value)),
                Step::Convert(points) => convert(&format!("x{n}"), *points),
                Step::Reverse(order, points) => reverse(&format!("o{order}"), Some(*points)),
                Step::Expire(points) => expire(&format!("e{n}"), *points),
            };
            let Ok(events) = buyer.ask(&ask) else { continue };
            booked += events.iter().map(liability).sum::<i64>();
            let value = buyer.state.value().map_or(0, |value| value.minor);
            prop_assert_eq!(booked, value, "after {:?}", step);
            prop_assert!(value >= 0);
            prop_assert!(buyer.state.points() > 0 || value == 0, "{} without a point", value);
        }
    }
}

/// What an event adds to the liability for points, minor units.
fn liability(event: &Event) -> i64 {
    let (refs, mut entries): (_, Vec<Entry<'_>>) = (daybook_domain::Refs::default(), Vec::new());
    post(event, &refs, &mut entries);
    let of = entries.iter().filter(|entry| {
        entry.account.name == "Points" && entry.account.to_string().starts_with("Liabilities")
    });
    of.map(|entry| -entry.amount.minor).sum()
}
