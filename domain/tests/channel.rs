//! Sales channels and what they report.

mod support;

use daybook_domain::channel::commands::ChannelCommand as Ask;
use daybook_domain::channel::{Channel, MOST_REPORTED};
use support::{Scenario, cny, given, id};

fn report(uv: u64, paid: Option<u64>) -> Ask {
    Ask::Report {
        day: id("2018-03-01"),
        uv,
        pv: 5_000,
        source: id("platform"),
        free_uv: None,
        paid_uv: paid,
        buyers: Some(10),
        orders: Some(12),
        gmv: Some(cny(123_456)),
    }
}

fn new() -> Scenario<Channel> {
    given("tmall", [])
}

#[test]
fn a_day_is_corrected_by_reporting_it_again_and_said_again_it_is_nothing_new() {
    let first = new().and(report(1_000, None));
    first.clone().when(report(1_000, None)).nothing();
    let second = first.and(report(1_100, None));
    assert_eq!(second.state.reported(id("2018-03-01"), id("platform")).map(|r| r.uv), Some(1_100));
    second.when(report(1_000, None)).then_kinds(&["ChannelTrafficReported"]);
}

#[test]
fn a_part_is_no_more_than_the_whole_and_a_day_one_of_the_calendar() {
    new().when(report(1_000, Some(1_001))).refused("part_exceeds_whole");
    new().when(report(5, None)).refused("part_exceeds_whole");
    let mut bad = report(1_000, None);
    let Ask::Report { day, .. } = &mut bad;
    *day = id("2018-02-30");
    new().when(bad).refused("not_a_day");
}

#[test]
fn more_than_any_day_has_is_refused_by_its_field() {
    new().when(report(u64::MAX, None)).refused("count_too_large");
    new().when(report(MOST_REPORTED + 1, None)).refused("count_too_large");
    new().when(report(MOST_REPORTED, None)).then_kinds(&["ChannelTrafficReported"]);
}
