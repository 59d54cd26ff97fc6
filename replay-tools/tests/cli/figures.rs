//! Figures by the command line, on a simulated market: what several commands say of the same sales is the same.

use crate::place::Place;
use serde_json::Value;

const DAYS: [&str; 2] = ["--days", "2025-09"];

fn cents(money: &Value) -> i64 {
    money["amount"]
        .as_str()
        .unwrap_or_else(|| panic!("{money} is no money"))
        .replace('.', "")
        .parse()
        .unwrap()
}

fn sum(rows: &Value, column: &str) -> i64 {
    rows.as_array().unwrap().iter().map(|row| cents(&row[column])).sum()
}

fn named<'v>(rows: &'v Value, column: &str, name: &str) -> &'v Value {
    let found = rows.as_array().unwrap().iter().find(|row| row[column] == name);
    found.unwrap_or_else(|| panic!("no {name} in {rows}"))
}

#[test]
fn gmv_is_the_same_by_whatever_command_and_dimension() {
    let place = Place::empty();
    assert_eq!(place.run(&["demo", "--days", "5", "--orders-per-day", "30", "--no-progress"]).code, 0);
    let ask = |args: &[&str]| place.json(&[&args[..1], &DAYS, &args[1..]].concat());
    let all = ask(&["buyers"]);
    let all = named(&all, "row", "(all)");
    let (gmv, orders) = (cents(&all["gmv"]), all["orders"].as_i64().unwrap());
    assert!(gmv > 0 && orders > 100, "{all}");
    assert_eq!(cents(&all["new_gmv"]) + cents(&all["old_gmv"]), gmv);
    // tracked and untracked
    for by in [&[][..], &["--by", "channel"], &["--by", "category,day"]] {
        let rows = ask(&[&["metrics"], by].concat());
        let column = if by.is_empty() { "row" } else { by[1].split(',').next().unwrap() };
        let of = |name: &str| {
            let found = rows.as_array().unwrap().iter().find(|row| row[column] == name);
            found.map_or(0, |row| cents(&row["gmv"]))
        };
        assert_eq!(of("(tracked)") + of("(untracked)"), gmv, "{rows}");
        let cells =
            rows.as_array().unwrap().iter().filter(|row| !row[column].as_str().unwrap().starts_with('('));
        if !by.is_empty() {
            assert_eq!(cells.map(|row| cents(&row["gmv"])).sum::<i64>(), of("(tracked)"), "{rows}");
        }
    }
    for by in ["category", "merchant", "week"] {
        let rows = ask(&["buyers", "--by", by]);
        assert_eq!(sum(&rows, "gmv"), 2 * gmv, "the rows and their sum, by {by}: {rows}");
    }
    assert_eq!(sum(&ask(&["products", "--limit", "100000"]), "gmv"), gmv);
    let after = ask(&["after-sales"]);
    assert_eq!((cents(&after[0]["gmv"]), after[0]["orders"].as_i64()), (gmv, Some(orders)));
    let merchants = ask(&["assessment"]);
    assert_eq!((sum(&merchants, "gmv"), sum(&merchants, "net_gmv")), (gmv, cents(&after[0]["net_gmv"])));
    let earned = ask(&["attribution"]);
    let last = earned.as_array().unwrap().last().unwrap();
    assert_eq!(cents(&last["gmv"]), gmv, "{earned}");
}

#[test]
fn what_a_sales_channel_reported_tracks_what_it_sold_and_says_nothing_of_visits() {
    // an order without a visitor, of the sales channel `web`
    let place = Place::with_a_sale();
    let report = |rows: &str| {
        std::fs::write(place.path("web.csv"), format!("channel,day,uv,pv\n{rows}\n")).unwrap();
        assert_eq!(place.run(&["import", "channel-report", "web.csv", "--no-progress"]).code, 0);
    };
    report("web,2018-04-01,1,1"); // opens the market, in its zone
    let ask = |by: &[&str]| place.json(&[&["metrics", "--days", "2018-04-18"], by].concat());
    let by = ["--by", "sales_channel,day"];
    let untracked = cents(&named(&ask(&by), "sales_channel", "(untracked)")["gmv"]);
    let sold = place.json(&["buyers", "--days", "2018-04-18", "--by", "sales_channel"]);
    let sold = named(&sold, "sales_channel", "web");
    report("web,2018-04-18,1000,4000");
    let rows = ask(&by);
    let web = named(&rows, "sales_channel", "web");
    assert_eq!(
        (&web["uv"], &web["pv"], &web["traffic_by"]),
        (&1000.into(), &4000.into(), &"sales channel".into())
    );
    for column in ["buyers", "orders", "gmv", "unit_price"] {
        assert_eq!(web[column], sold[column], "{column}");
    }
    for unknown in ["new_uv", "visits", "bounces", "bounce_rate", "visit_bounce_rate", "average_stay_s"] {
        assert!(web[unknown].is_null(), "{unknown}: {web}");
    }
    assert!(cents(&web["gmv"]) > 0, "{web}");
    assert_eq!(cents(&named(&rows, "sales_channel", "(reported)")["gmv"]), cents(&web["gmv"]));
    assert_eq!(cents(&web["gmv"]), untracked);
    assert!(!rows.to_string().contains("(untracked)"), "{rows}");
    let channels = ask(&["--by", "channel"]);
    assert_eq!(cents(&named(&channels, "channel", "(untracked)")["gmv"]), untracked, "at no other grain");
}

#[test]
fn a_change_by_category_is_explained_to_the_cent() {
    let place = Place::empty();
    assert_eq!(place.run(&["demo", "--days", "4", "--orders-per-day", "20", "--no-progress"]).code, 0);
    let (from, to) = ("2025-09-01..2025-09-02", "2025-09-03..2025-09-04");
    for by in [&[][..], &["--by", "category"], &["--by", "merchant"]] {
        let rows = place.json(&[&["explain-gmv", "--from", from, "--to", to], by].concat());
        let all = rows.as_array().unwrap().last().unwrap();
        let parts: i64 = ["traffic", "mix", "conversion", "unit_price", "untracked"]
            .iter()
            .map(|part| cents(&all[*part]))
            .sum();
        assert_eq!(parts, cents(&all["change"]), "{rows}");
        assert_eq!(cents(&all["gmv_after"]) - cents(&all["gmv_before"]), parts);
        assert!(parts != 0 && all["uv_before"].is_null(), "visitors of all rows do not add up: {all}");
        let others = rows.as_array().unwrap().len() - 1;
        let changes = rows.as_array().unwrap()[..others].iter().map(|row| cents(&row["change"]));
        assert_eq!(changes.sum::<i64>(), parts);
    }
}

#[test]
fn rows_without_visitors_or_without_sales_say_so() {
    let place = Place::empty();
    assert_eq!(place.run(&["demo", "--days", "4", "--orders-per-day", "20", "--no-progress"]).code, 0);
    let of = |args: &[&str]| place.json(&[args, &DAYS].concat());
    let pages = of(&["metrics", "--by", "page"]);
    let pages = pages.as_array().unwrap();
    let (sums, rows): (Vec<_>, Vec<_>) =
        pages.iter().partition(|row| row["page"].as_str().is_some_and(|page| page.starts_with('(')));
    assert!(rows.len() > 10 && cents(&sums[0]["gmv"]) > 0);
    for column in ["buyers", "orders", "gmv", "order_value", "refunded", "conversion", "unit_price"] {
        assert!(rows.iter().all(|row| row[column].is_null()), "{column}");
    }
    assert!(rows.iter().all(|row| row["uv"].as_u64() > Some(0) && row["traffic_by"].is_null()));
    let place = Place::with_a_sale();
    let rows = place.json(&["metrics", "--days", "2018-04"]);
    let untracked = named(&rows, "row", "(untracked)");
    assert_eq!((&untracked["traffic_by"], untracked["uv"].as_u64()), (&"nobody".into(), Some(0)));
    let refused = place.run(&["explain-gmv", "--from", "2018-03", "--to", "2018-04", "--by", "page"]);
    assert!(
        refused.code != 0 && refused.err.contains("no change of GMV is explained by page"),
        "{}",
        refused.err
    );
}

#[test]
fn a_limit_keeps_what_brings_most_and_who_should_go() {
    let place = Place::empty();
    assert_eq!(place.run(&["demo", "--days", "20", "--orders-per-day", "20", "--no-progress"]).code, 0);
    let rows = |args: &[&str]| -> Vec<Value> {
        let all = place.json(&[args, &DAYS].concat());
        let named = |row: &&Value| !row.to_string().contains("\"(");
        all.as_array().unwrap().iter().filter(named).cloned().collect()
    };
    for (command, by, most) in [
        ("buyers", "merchant", "gmv"),
        ("after-sales", "merchant", "gmv"),
        ("funnel", "product", "paid"),
        ("assessment", "", "fails"),
    ] {
        let args: Vec<&str> = if by.is_empty() { vec![command] } else { vec![command, "--by", by] };
        let worth = |row: &Value| row[most].as_i64().unwrap_or_else(|| cents(&row[most]));
        let mut all: Vec<i64> = rows(&args).iter().map(worth).collect();
        let kept: Vec<Value> = rows(&[&args[..], &["--limit", "2"]].concat());
        all.sort_unstable_by_key(|worth| std::cmp::Reverse(*worth));
        let mut best: Vec<i64> = kept.iter().map(worth).collect();
        best.sort_unstable_by_key(|worth| std::cmp::Reverse(*worth));
        assert!(all.len() > 2 && best == all[..2], "{command}: {best:?} of {all:?}");
    }
}

#[test]
fn who_answers_one_of_two_guests_is_fast_with_half_of_them() {
    let place = Place::with_a_sale();
    let ask = |id: &str, at: &str, command: &str| {
        let line = format!(r#"{{"category":"inquiry","id":"{id}","command":{command}}}"#);
        let ran = place.run(&["command", "--by", "li", "--at", at, &line, "--no-progress"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
    };
    for id in ["i1", "i2"] {
        let open = format!(
            r#"{{"action":"open","merchant":"m","topic":"presale","visitor":"v-{id}","agent":"an1"}}"#
        );
        ask(id, "2018-04-18T04:00:00Z", &open);
    }
    ask("i1", "2018-04-18T04:00:20Z", r#"{"action":"answer","agent":"an1"}"#);
    let rows = place.json(&["service", "--days", "2018-04"]);
    let agent = named(&rows, "agent", "an1");
    assert_eq!((&agent["inquiries"], &agent["answered"]), (&2.into(), &1.into()));
    assert_eq!(agent["within_30_s"], "0.5000", "{rows}");
}

#[test]
fn what_cannot_be_asked_is_said() {
    let place = Place::with_a_sale();
    for (args, said) in [
        (&["metrics", "--by", "day,day"][..], "--by names day twice: name it once"),
        (&["metrics", "--by", "day,week,month,channel"], "--by takes 3 dimensions at most"),
        (&["funnel", "--by", "colour"], "\"colour\" is nothing to ask by: use day, week"),
        (&["assessment", "--rules", "none.toml"], "--rules none.toml: "),
        (&["service", "--window", "0"], "0 is not in 1..=365"),
    ] {
        let ran = place.run(&[&args[..1], &DAYS, &args[1..]].concat());
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.err);
        assert!(ran.err.contains(said), "{args:?}: {}", ran.err);
    }
    let after_sales = place.run(&["after-sales", "--days", "2025-09", "--by", "channel"]);
    assert!(after_sales.err.contains("day, week, month, merchant, sales_channel"), "{}", after_sales.err);
    let rules = place.run(&["assessment", "--print-rules"]);
    assert_eq!(rules.code, 0, "{}", rules.err);
    std::fs::write(place.path("mine.toml"), rules.out.replace("weight = 25", "weight = 0")).unwrap();
    let ran = place.run(&["assessment", "--days", "2025-09", "--rules", "mine.toml"]);
    assert_eq!(
        (ran.code, ran.err.contains("positive_rate has a weight of 0: use 1 to 1000")),
        (2, true),
        "{}",
        ran.err
    );
    std::fs::write(place.path("mine.toml"), rules.out).unwrap();
    assert_eq!(place.run(&["assessment", "--days", "2025-09", "--rules", "mine.toml"]).code, 0);
}
