//! Plans on the command line: the examples of the documents, what a file must say, what is told of a sale.

use std::path::PathBuf;

use crate::place::Place;

fn example(name: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/plans").join(name).display().to_string()
}

/// A plan around the one sale of 100.00 in April 2018.
const APRIL: &str = r#"
name = "April"
starts = "2018-04-01"
currency = "CNY"
[[phases]]
name = "one"
months = "1"
[[phases]]
name = "two"
months = "1"
[sales_channels]
web = "0.7"
tmall = "0.3"
[[targets]]
metric = "gmv"
phase = "one"
at_least = "300.01"
by = "sales_channel"
[[targets]]
metric = "daily_orders"
phase = "two"
more_than = "1"
[[targets]]
metric = "positive_rate"
at_least = "0.985"
"#;

fn april(place: &Place) -> &'static str {
    std::fs::write(place.path("plan.toml"), APRIL).unwrap();
    "plan.toml"
}

#[test]
fn the_plans_of_the_documents_are_held_against_a_journal() {
    let place = Place::with_a_sale();
    for (name, targets) in [("two-years.toml", 38), ("one-year.toml", 15)] {
        let rows = place.json(&["plan", &example(name), "--as-of", "2025-09-20"]);
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), targets, "{name}");
        // nothing was sold in that time: what adds up is zero, what is a ratio is unknown
        for row in rows.iter().filter(|row| row["state"] == "running") {
            match row["metric"].as_str().unwrap() {
                "gmv" => assert_eq!(row["actual"]["amount"], "0.00", "{row}"),
                "new_uv" => assert_eq!(row["actual"], 0, "{row}"),
                _ => assert_eq!(row["actual"], serde_json::Value::Null, "{row}"),
            }
        }
        let table = place.run(&["plan", &example(name), "--as-of", "2025-09-20", "--no-progress"]);
        assert!(table.out.contains("not_begun") && table.out.contains("in CNY"), "{table:?}");
    }
}

#[test]
fn a_sale_is_part_of_its_phase_and_of_its_sales_channel() {
    let place = Place::with_a_sale();
    let file = april(&place);
    // paid on April 17, in UTC; 20 of 30 days of 300.01, split 210.01 and 90.00
    let rows = place.json(&["plan", file, "--as-of", "2018-04-20"]);
    let of = |at: usize, name: &str| rows[at][name].clone();
    let amounts: Vec<String> = (0..3)
        .map(|at| {
            let amount = |name: &str| of(at, name)["amount"].as_str().unwrap().to_owned();
            format!("{} {} {} {}", amount("target"), amount("to_date"), amount("actual"), amount("forecast"))
        })
        .collect();
    assert_eq!(
        amounts,
        ["300.01 200.01 100.00 150.00", "210.01 140.01 100.00 150.00", "90.00 60.00 0.00 0.00"]
    );
    // 100 / (300.01 x 2 / 3) = 0.49998...
    assert_eq!(
        (of(0, "attainment"), of(0, "met"), of(1, "attainment")),
        ("0.5000".into(), false.into(), "0.7143".into())
    );
    assert_eq!((of(3, "state"), of(3, "met")), ("not_begun".into(), serde_json::Value::Null));
    // at the rate of the days since the sale, 100.00 in 4 days, the 200.01 that are left come in the ten days left
    assert_eq!((of(0, "over_days"), of(0, "goal")), (serde_json::Value::Null, serde_json::Value::Null));
    // a week later they do not: 3 days at 100.00 in 11
    let late = place.json(&["plan", file, "--as-of", "2018-04-27"]);
    assert_eq!(
        (late[0]["over_days"].clone(), late[0]["goal"]["amount"].clone()),
        (3.into(), "200.01".into())
    );
    assert_eq!(late[0]["at_this_rate"]["amount"], "27.27");
    assert_eq!(late[0]["uv_needed"], serde_json::Value::Null, "nobody was seen");
    let later = place.json(&["plan", file, "--as-of", "2018-05-31", "--last-days", "7"]);
    assert_eq!(
        (later[3]["state"].clone(), later[3]["actual"].clone(), later[3]["met"].clone()),
        ("over".into(), "0.00".into(), false.into())
    );
}

#[test]
fn a_day_that_is_not_over_does_not_count_yet() {
    let place = Place::with_a_sale();
    let file = april(&place);
    let at = |moment: &str| place.json(&["plan", file, "--as-of", moment]);
    // the market of the sale counts days in UTC
    assert_eq!(at("2018-04-30T08:00:00Z"), at("2018-04-29"));
    let (running, over) = (at("2018-04-30T08:00:00Z"), at("2018-04-30"));
    assert_eq!((running[0]["state"].clone(), over[0]["state"].clone()), ("running".into(), "over".into()));
    assert_eq!(running[0]["elapsed"], 29);
    let early = place.json(&["plan", file, "--as-of", "2018-04-01T08:00:00Z"]);
    assert_eq!(early[0]["state"], "not_begun");
}

#[test]
fn a_target_that_is_missed_is_an_exit_code_where_that_is_asked() {
    let place = Place::with_a_sale();
    let file = april(&place);
    let ran = |args: &[&str]| place.run(&[&["plan", file, "--no-progress"], args].concat()).code;
    assert_eq!(ran(&["--as-of", "2018-04-20"]), 0);
    assert_eq!(ran(&["--as-of", "2018-04-20", "--check"]), 1);
    assert_eq!(ran(&["--as-of", "2018-03-31", "--check"]), 0, "nothing has begun");
}

#[test]
fn a_file_that_is_no_plan_is_refused_with_its_name_the_key_and_the_cure() {
    let place = Place::with_a_sale();
    let refused = |text: &str, code: i32, says: &[&str]| {
        std::fs::write(place.path("bad.toml"), text).unwrap();
        let ran = place.run(&["plan", "bad.toml"]);
        assert_eq!(ran.code, code, "{ran:?}");
        assert!(ran.err.contains("bad.toml") && says.iter().all(|says| ran.err.contains(says)), "{ran:?}");
    };
    refused(&APRIL.replace("months = \"1\"", "weeks = \"4\""), 3, &["unknown field `weeks`", "`months`"]);
    refused(&APRIL.replace("tmall = \"0.3\"", "tmall = \"0.2\""), 3, &["sales_channels", "0.1 is missing"]);
    refused(&APRIL.replace("\"300.01\"", "300.01"), 3, &["floating point", "quotes"]);
    refused(&APRIL.replace("\"0.985\"", "\"98.5\""), 3, &["targets[3].at_least", "0.985"]);
    refused("not toml", 3, &["TOML"]);
    let missing = place.run(&["plan", "nowhere.toml"]);
    assert_eq!(missing.code, 4, "{missing:?}");
    let file = april(&place);
    let other = place.run(&["plan", file, "--currency", "USD"]);
    assert!(other.code == 2 && other.err.contains("the plan is in CNY"), "{other:?}");
}
