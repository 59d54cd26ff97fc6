//! Laws of visits: order of arrival does not matter, nothing is lost, and the plan's figures are what the plan says.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use daybook_domain::Timestamp;
use daybook_domain::time::{DAY, SECOND};
use daybook_metrics::sessions::{Deed, Hit};
use daybook_metrics::{Definition, SessionRule};
use proptest::prelude::*;

type TestHit = Hit<u8, u8>;

fn a_hit() -> impl Strategy<Value = TestHit> {
    // three days on a grid of five minutes, so that ties, exact timeouts and midnights are common
    (0i64..3 * 288, 0u8..4, prop::option::weighted(0.2, (0u8..3, any::<bool>())), 0u8..8).prop_map(
        |(slot, page, tag, kind)| {
            let at = Timestamp(slot * 300 * SECOND);
            let deed = match kind {
                0 => Deed::Act { key: false, page: 0 },
                1 => Deed::Act { key: true, page: 0 },
                _ => Deed::View(page),
            };
            let day = i32::try_from(at.0 / DAY).unwrap();
            Hit {
                at,
                day,
                deed,
                arrival: tag.map(|(arrival, _)| arrival),
                tagged: tag.is_some_and(|(_, tagged)| tagged),
            }
        },
    )
}

fn some_hits() -> impl Strategy<Value = Vec<TestHit>> {
    prop::collection::vec(a_hit(), 0..40)
}

fn a_rule() -> impl Strategy<Value = SessionRule> {
    (0usize..4, prop::sample::select(vec![0, 5, 30, 31, 600])).prop_map(|(of, minutes)| SessionRule {
        definition: Definition::ALL[of],
        timeout: minutes * 60 * SECOND,
    })
}

/// Hits with the same ones in another order.
fn shuffled() -> impl Strategy<Value = (Vec<TestHit>, Vec<TestHit>)> {
    some_hits().prop_flat_map(|hits| (Just(hits.clone()), Just(hits).prop_shuffle()))
}

proptest! {
    #[test]
    fn late_hits_give_what_they_would_have_given_in_time((mut hits, mut late) in shuffled(), rule in a_rule()) {
        prop_assert_eq!(rule.figures(&mut hits), rule.figures(&mut late));
        prop_assert_eq!(rule.visits(&mut hits), rule.visits(&mut late));
    }

    #[test]
    fn every_view_is_in_one_visit_and_no_pause_within_one_is_beyond_the_timeout(
        mut hits in some_hits(), rule in a_rule(),
    ) {
        let visits = rule.visits(&mut hits);
        let views = hits.iter().filter(|hit| matches!(hit.deed, Deed::View(_))).count();
        prop_assert_eq!(visits.iter().map(|visit| visit.views as usize).sum::<usize>(), views);
        for visit in &visits {
            let own: Vec<&TestHit> = hits[visit.hits.clone()]
                .iter()
                .filter(|hit| rule.definition != Definition::Plan || matches!(hit.deed, Deed::View(_)))
                .collect();
            prop_assert_eq!(own.len() as u32, visit.views + visit.acts);
            prop_assert_eq!((own[0].at, own[own.len() - 1].at), (visit.from, visit.until));
            prop_assert!(own.windows(2).all(|pair| pair[1].at.0 - pair[0].at.0 <= rule.timeout));
            if rule.definition == Definition::Matomo {
                prop_assert!(own.iter().all(|hit| hit.day == visit.day), "midnight ends a visit");
            }
        }
        for pair in visits.windows(2) {
            prop_assert!(pair[0].hits.end <= pair[1].hits.start && pair[0].until <= pair[1].from);
        }
    }

    #[test]
    fn a_longer_timeout_never_makes_more_visits(mut hits in some_hits(), rule in a_rule()) {
        let longer = SessionRule { timeout: rule.timeout + 300 * SECOND, ..rule };
        prop_assert!(longer.visits(&mut hits).len() <= rule.visits(&mut hits).len());
    }

    #[test]
    fn pv_is_the_distinct_pages_of_each_day_and_who_bounced_saw_one_page_in_a_visit(
        mut hits in some_hits(),
    ) {
        let rule = SessionRule::default();
        let figures = rule.figures(&mut hits);
        let seen: BTreeSet<(i32, u8)> = hits
            .iter()
            .filter_map(|hit| match hit.deed {
                Deed::View(page) => Some((hit.day, page)),
                Deed::Act { .. } => None,
            })
            .collect();
        prop_assert_eq!(figures.page_views, seen.len() as u64);
        prop_assert_eq!(figures.visitors, u64::from(!seen.is_empty()));
        prop_assert!(figures.bounces <= figures.visits);
        let visits = rule.visits(&mut hits);
        let alone = visits.iter().any(|visit| {
            let other = |hit: &TestHit| matches!(hit.deed, Deed::View(seen) if Some(seen) != visit.entry);
            !hits[visit.hits.clone()].iter().any(other)
        });
        prop_assert_eq!(figures.bouncers, u64::from(alone));
        prop_assert_eq!(figures.bounce_rate(Definition::Plan), (figures.bouncers, figures.visitors));
        prop_assert_eq!(figures.bounce_rate(Definition::Ga4), (figures.bounces, figures.visits));
    }

    #[test]
    fn figures_of_visitors_add_up(one in some_hits(), other in some_hits(), rule in a_rule()) {
        let (mut one, mut other) = (one, other);
        let mut sum = rule.figures(&mut one);
        sum += rule.figures(&mut other);
        prop_assert_eq!(sum.visits as usize, rule.visits(&mut one).len() + rule.visits(&mut other).len());
        prop_assert_eq!(sum.views as usize, one.iter().chain(&other).filter(|h| matches!(h.deed, Deed::View(_))).count());
    }
}

#[test]
fn a_visit_says_where_it_came_in_and_where_it_left() {
    let at = |minutes: i64, deed, arrival: Option<&'static str>| Hit {
        at: Timestamp(minutes * 60 * SECOND),
        day: 0,
        deed,
        arrival,
        tagged: arrival.is_some(),
    };
    let mut hits = [
        at(10, Deed::View("cart"), None),
        at(0, Deed::View("home"), Some("spring")),
        at(5, Deed::Act { key: true, page: "home" }, None),
    ];
    let visits = SessionRule::of(Definition::Ga4).visits(&mut hits);
    assert_eq!(visits.len(), 1);
    let visit = &visits[0];
    assert_eq!((visit.entry, visit.exit, visit.arrival), (Some("home"), Some("cart"), Some("spring")));
    assert_eq!((visit.views, visit.acts, visit.key, visit.moved_on), (2, 1, true, true));
    assert!(SessionRule::default().visits::<&str, &str>(&mut []).is_empty());
}
