//! Sessions made by hand on which the plan, GA4, Matomo and Plausible differ, each answer with what it follows from.

#![allow(clippy::unwrap_used)]

use daybook_domain::Timestamp;
use daybook_domain::time::{DAY, SECOND};
use daybook_metrics::sessions::{Deed, Figures, Hit};
use daybook_metrics::{Definition, SessionRule};

/// Shanghai is 8 hours ahead of UTC.
const AHEAD: i64 = 8 * 3_600 * SECOND;
/// 2018-06-01 in Shanghai, as days since 1970-01-01.
const FIRST_DAY: i64 = 17_683;

type TestHit<'a> = Hit<&'a str, &'a str>;

/// Reads `10:00 A; 10:05:30 B#spring; +1 00:10 *; 00:11 !`: a view of page A, one of B by a link of the campaign spring,
/// an act on the next day, an act that the shop wants.
fn hits(text: &str) -> Vec<TestHit<'_>> {
    text.split(';').map(|part| hit(part.trim())).collect()
}

fn hit(text: &str) -> TestHit<'_> {
    let (later, text) = match text.strip_prefix("+1 ") {
        Some(rest) => (1, rest),
        None => (0, text),
    };
    let (time, what) = text.split_once(' ').unwrap();
    let parts: Vec<i64> = time.split(':').map(|part| part.parse().unwrap()).collect();
    let seconds = parts[0] * 3_600 + parts[1] * 60 + parts.get(2).unwrap_or(&0);
    let local = (FIRST_DAY + later) * DAY + seconds * SECOND;
    let (what, tag) = what.split_once('#').map_or((what, None), |(what, tag)| (what, Some(tag)));
    let deed = match what {
        "*" => Deed::Act { key: false, page: "" },
        "!" => Deed::Act { key: true, page: "" },
        page => Deed::View(page),
    };
    Hit {
        at: Timestamp(local - AHEAD),
        day: i32::try_from(local.div_euclid(DAY)).unwrap(),
        deed,
        arrival: tag,
        tagged: tag.is_some(),
    }
}

/// `visitors PV visits bounces stay`, stay in seconds.
fn figures(definition: Definition, text: &str) -> [u64; 5] {
    let Figures { visitors, page_views, visits, bounces, stay, .. } =
        SessionRule::of(definition).figures(&mut hits(text));
    [visitors, page_views, visits, bounces, u64::try_from(stay / SECOND).unwrap()]
}

struct Case {
    name: &'static str,
    hits: &'static str,
    plan: [u64; 5],
    ga4: [u64; 5],
    matomo: [u64; 5],
    plausible: [u64; 5],
}

const CASES: &[Case] = &[
    Case {
        name: "one page and gone",
        hits: "10:00 A",
        // all four: one page is a bounce and lasts 0 s (Plausible, metrics-definitions: "for those who visit one page
        // only we default to 0 seconds"; Matomo: default_time_one_page_visit = 0)
        plan: [1, 1, 1, 1, 0],
        ga4: [1, 1, 1, 1, 0],
        matomo: [1, 1, 1, 1, 0],
        plausible: [1, 1, 1, 1, 0],
    },
    Case {
        name: "a reload",
        hits: "10:00 A; 10:00:05 A",
        // plan: PV counts a page once a day, and a reload is no jump: still a bounce, and a visit to one page lasts 0 s
        plan: [1, 1, 1, 1, 0],
        // GA4, answer 12798876: "at least 2 pageviews" make it engaged
        ga4: [1, 2, 1, 0, 5],
        // Matomo: two actions are no bounce; VisitTotalTime adds 1 s
        matomo: [1, 2, 1, 0, 6],
        // Plausible, cache_store.ex: any second event sets is_bounce to false
        plausible: [1, 2, 1, 0, 5],
    },
    Case {
        name: "a second page, and the first again after an hour",
        hits: "10:00 A; 10:10 B; 11:10 A",
        plan: [1, 2, 2, 1, 600],
        ga4: [1, 3, 2, 1, 600],
        matomo: [1, 3, 2, 1, 601],
        plausible: [1, 3, 2, 1, 600],
    },
    Case {
        name: "a pause of exactly the timeout, and one of a second more",
        hits: "10:00 A; 10:30 B; 11:00:01 C",
        // all: the visit ends *after* 30 minutes without activity
        plan: [1, 3, 2, 1, 1_800],
        ga4: [1, 3, 2, 1, 1_800],
        matomo: [1, 3, 2, 1, 1_801],
        plausible: [1, 3, 2, 1, 1_800],
    },
    Case {
        name: "a second campaign within a visit",
        hits: "10:00 A#spring; 10:05 B; 10:10 C#summer",
        // plan: a new campaign tag starts a new visit
        plan: [1, 3, 2, 1, 300],
        // GA4: a session begins only when none is active
        ga4: [1, 3, 1, 0, 600],
        // Matomo, faq_36: "a visitor arrives through a new campaign source"
        matomo: [1, 3, 2, 1, 301],
        plausible: [1, 3, 1, 0, 600],
    },
    Case {
        name: "the same campaign again",
        hits: "10:00 A#spring; 10:05 B; 10:10 A#spring",
        plan: [1, 2, 1, 0, 600],
        ga4: [1, 3, 1, 0, 600],
        matomo: [1, 3, 1, 0, 601],
        plausible: [1, 3, 1, 0, 600],
    },
    Case {
        name: "a campaign in a visit that came direct",
        hits: "10:00 A; 10:05 B#spring",
        plan: [1, 2, 2, 2, 0],
        ga4: [1, 2, 1, 0, 300],
        // Matomo, Columns/Campaign.php: where the running visit is a direct entry, no new one is forced
        matomo: [1, 2, 1, 0, 301],
        plausible: [1, 2, 1, 0, 300],
    },
    Case {
        name: "over midnight in the market's zone, which is 16:00 UTC",
        hits: "23:50 A; +1 00:10 A",
        // plan: A counts on both days; the visit goes on, with one page only, so it lasts 0 s
        plan: [1, 2, 1, 1, 0],
        // GA4: "no limit to how long a session can last"
        ga4: [1, 2, 1, 0, 1_200],
        // Matomo, faq_36: "continues browsing after midnight in the website's configured time zone"
        matomo: [1, 2, 2, 2, 0],
        // Plausible: identities change at midnight UTC, which lies elsewhere
        plausible: [1, 2, 1, 0, 1_200],
    },
    Case {
        name: "over midnight UTC, which is 08:00 in the market's zone",
        hits: "07:50 A; 08:10 B",
        plan: [1, 2, 1, 0, 1_200],
        ga4: [1, 2, 1, 0, 1_200],
        matomo: [1, 2, 1, 0, 1_201],
        // Plausible, metrics-definitions: "on multiple days, they are counted as separate visitors"; the visit goes on
        // (cache_store.ex looks for the session of the previous identity)
        plausible: [2, 2, 1, 0, 1_200],
    },
    Case {
        name: "the same visitor on two days",
        hits: "10:00 A; +1 10:00 A",
        plan: [1, 2, 2, 2, 0],
        ga4: [1, 2, 2, 2, 0],
        matomo: [1, 2, 2, 2, 0],
        plausible: [2, 2, 2, 2, 0],
    },
    Case {
        name: "one page, and something is pressed after 5 s",
        hits: "10:00 A; 10:00:05 *",
        // plan: visits are made of views
        plan: [1, 1, 1, 1, 0],
        // GA4: 10 s or less, one view, no key event: not engaged
        ga4: [1, 1, 1, 1, 5],
        // Matomo: an event is a second action
        matomo: [1, 1, 1, 0, 6],
        // Plausible: an event is a second one
        plausible: [1, 1, 1, 0, 5],
    },
    Case {
        name: "one page, and something is pressed after 11 s",
        hits: "10:00 A; 10:00:11 *",
        plan: [1, 1, 1, 1, 0],
        // GA4: "lasts longer than 10 seconds"
        ga4: [1, 1, 1, 0, 11],
        matomo: [1, 1, 1, 0, 12],
        plausible: [1, 1, 1, 0, 11],
    },
    Case {
        name: "one page, and an order after 8 s",
        hits: "10:00 A; 10:00:08 !",
        plan: [1, 1, 1, 1, 0],
        // GA4: "has a key event"
        ga4: [1, 1, 1, 0, 8],
        matomo: [1, 1, 1, 0, 9],
        plausible: [1, 1, 1, 0, 8],
    },
    Case {
        name: "acts bridge a pause between views",
        hits: "10:00 A; 10:20 *; 10:40 B",
        // plan: 40 minutes between the views
        plan: [1, 2, 2, 2, 0],
        ga4: [1, 2, 1, 0, 2_400],
        matomo: [1, 2, 1, 0, 2_401],
        plausible: [1, 2, 1, 0, 2_400],
    },
];

#[test]
fn each_definition_counts_as_its_source_says() {
    for case in CASES {
        let expected = [
            (Definition::Plan, case.plan),
            (Definition::Ga4, case.ga4),
            (Definition::Matomo, case.matomo),
            (Definition::Plausible, case.plausible),
        ];
        for (definition, figures_of_it) in expected {
            assert_eq!(
                figures(definition, case.hits),
                figures_of_it,
                "{}: {}",
                definition.as_str(),
                case.name
            );
        }
    }
}

#[test]
fn the_cases_set_each_pair_of_definitions_apart() {
    type Answer = fn(&Case) -> [u64; 5];
    let answers: [(&str, Answer); 4] =
        [("plan", |c| c.plan), ("ga4", |c| c.ga4), ("matomo", |c| c.matomo), ("plausible", |c| c.plausible)];
    for (at, (one, of_one)) in answers.iter().enumerate() {
        for (other, of_other) in &answers[at + 1..] {
            assert!(
                CASES.iter().any(|case| of_one(case) != of_other(case)),
                "{one} and {other} never differ"
            );
        }
    }
}

#[test]
fn a_definition_is_read_by_its_word() {
    for definition in Definition::ALL {
        assert_eq!(definition.as_str().parse(), Ok(definition));
    }
    assert!("ga3".parse::<Definition>().unwrap_err().contains("plausible"));
}
