//! History replayed by the command line: nothing is written but what is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::place::Place;
use daybook_journal::SqliteJournal;
use daybook_metrics::MarketSites;
use daybook_metrics::channel::MarketSite;
use daybook_projections::ReadModels;
use daybook_projections::metrics::Sites;
use daybook_tests::shop::{at, record};
use daybook_tests::stage::Stage;

/// A simulated market of some days.
fn market() -> Place {
    let place = Place::empty();
    let ran = place.run(&["demo", "--days", "12", "--orders-per-day", "25", "--no-progress"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    place
}

/// The files of a place and what is in them.
fn files(place: &Place) -> BTreeMap<String, Vec<u8>> {
    let all = std::fs::read_dir(place.path(".")).unwrap().map(|entry| entry.unwrap());
    all.map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect()
}

#[test]
fn the_example_runs_and_leaves_journal_and_read_models_as_they_are() {
    let place = market();
    let example = include_str!("../../../docs/what-if.toml");
    std::fs::write(place.path("what-if.toml"), example).unwrap();
    let digest = || place.run(&["digest", "--format", "csv"]).out;
    let (before, digests) = (files(&place), digest());
    let ran = place.run(&["replay", "--what-if", "what-if.toml", "--no-progress"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for says in [
        "everybody did what they did",
        "Income:Commission:books",
        "Income:PlatformFee",
        "Result",
        "deposit_missing",
        "days_until_paid_out",
        "Settlements and payouts stand as recorded",
    ] {
        assert!(ran.out.contains(says), "{says:?} is not said in {}", ran.out);
    }
    assert_eq!(before, files(&place), "every file is the same");
    assert_eq!(digests, digest());
    // the live models are not looked at: there is an answer without them
    for name in files(&place).into_keys().filter(|name| name.starts_with("daybook.views")) {
        std::fs::remove_file(place.path(&name)).unwrap();
    }
    let again = place.run(&["replay", "--what-if", "what-if.toml", "--no-progress"]);
    assert_eq!(again.out, ran.out);
    assert!(!place.path("daybook.views.db").exists());
}

#[test]
fn an_empty_file_of_rules_changes_nothing_and_says_so() {
    let place = market();
    std::fs::write(place.path("none.toml"), "").unwrap();
    let ran = place.run(&["replay", "--what-if", "none.toml", "--no-progress"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("Nothing would be different."), "{ran:?}");
    let rows = place.json(&["replay", "--what-if", "none.toml"]);
    assert_eq!(rows.as_array().unwrap().len(), 0, "{rows}");
}

#[test]
fn the_difference_is_written_as_csv_and_parquet_and_is_the_same_in_all() {
    let place = market();
    std::fs::write(place.path("r.toml"), "[[commission]]\nrate = \"0.01\"\n").unwrap();
    let asked = ["replay", "--what-if", "r.toml", "--format", "csv", "--out", "found", "--csv", "one.csv"];
    let ran = place.run(&asked);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains("everybody did what they did"), "{ran:?}");
    let written = std::fs::read_to_string(place.path("one.csv")).unwrap();
    assert_eq!(written, ran.out);
    assert_eq!(written, std::fs::read_to_string(place.path("found/what_if.csv")).unwrap());
    assert!(written.starts_with("part,by,subject,figure,currency,actual,what_if,difference\n"), "{written}");
    let parquet = std::fs::read(place.path("found/what_if.parquet")).unwrap();
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    // actual + difference = what if, in every row
    for line in written.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let n = |at: usize| cells[at].parse::<rust_decimal::Decimal>().unwrap();
        assert_eq!(n(5) + n(7), n(6), "{line}");
    }
}

#[test]
fn a_read_model_replayed_at_the_head_is_the_live_one_and_earlier_it_is_what_it_was() {
    let place = market();
    let live = place.run(&["digest", "--format", "csv"]).out;
    let all = place.run(&["replay", "--format", "csv", "--no-progress"]);
    assert_eq!((all.code, &all.out), (0, &live), "{}", all.err);
    let one = place.run(&["replay", "merchants", "--format", "csv", "--no-progress"]);
    assert!(live.contains(one.out.lines().nth(1).unwrap()), "{one:?}");
    let early =
        place.run(&["replay", "merchants", "--at-position", "40", "--format", "csv", "--no-progress"]);
    assert_ne!(early.out, one.out);
    let exported = place.run(&["export", "csv", "--out", "exported", "--table", "orders"]);
    assert_eq!(exported.code, 0, "{exported:?}");
    let rows = place.run(&["replay", "orders", "--rows", "--no-progress"]);
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(
        sorted(&rows.out),
        sorted(&std::fs::read_to_string(place.path("exported/orders.csv")).unwrap())
    );
    let folder = place.run(&["replay", "merchant_accounts", "--out", "rows", "--no-progress"]);
    assert_eq!(folder.code, 0, "{folder:?}");
    let lines = place.run(&["export", "csv", "--out", "exported", "--table", "merchant_lines"]);
    assert_eq!(lines.code, 0, "{lines:?}");
    let read = |path: &str| sorted(&std::fs::read_to_string(place.path(path)).unwrap());
    assert_eq!(
        read("rows/merchant_lines.csv"),
        read("exported/merchant_lines.csv"),
        "children after their parents' keys"
    );
}

#[test]
fn what_cannot_be_asked_is_refused_with_the_cure() {
    let place = market();
    let write = |text: &str| std::fs::write(place.path("r.toml"), text).unwrap();
    for (text, code, says) in [
        ("[[commission]]\nrate = 0.03\n", 3, "as text in quotes"),
        ("[[commission]]\nrate = \"0.03\"\nmerchant = \"m-999\"\n", 3, "m-999"),
        ("[[commission]]\nrate = \"0.03\"\ncategory = \"boats\"\n", 3, "boats"),
        ("[[commissions]]\n", 3, "unknown field"),
    ] {
        write(text);
        let ran = place.run(&["replay", "--what-if", "r.toml", "--no-progress"]);
        assert_eq!(ran.code, code, "{ran:?}");
        assert!(ran.err.contains(says) && ran.out.is_empty(), "{ran:?}");
    }
    for (args, says) in [
        (&["replay", "--what-if", "nowhere.toml"][..], "nowhere.toml"),
        (&["replay", "nothing"], "no read model is called"),
        (&["replay", "--rows"], "name one"),
        (&["replay", "orders", "--what-if", "r.toml"], "cannot be used with"),
    ] {
        let ran = place.run(args);
        assert_eq!(ran.code, 2, "{args:?} {ran:?}");
        assert!(ran.err.contains(says), "{ran:?}");
    }
    write("");
    let ran = place.run(&["replay", "--what-if", "r.toml", "--at-position", "99999999"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.err.contains("beyond the journal's head"), "{ran:?}");
}

/// Every figure that can be laid beside itself.
const FIGURES: &str = "metrics,attribution,funnel,buyers,products,roi,service,after-sales,assessment,plan";

/// The rows of a difference: part, subject and figure, with what it is and what it would be.
fn rows(place: &Place, args: &[&str]) -> BTreeMap<(String, String, String), (String, String)> {
    let found = place.json(&[&["replay", "--what-if", "r.toml"], args].concat());
    let text = |row: &serde_json::Value, key: &str| match &row[key] {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Object(money) => money["amount"].as_str().unwrap().to_owned(),
        other => other.to_string(),
    };
    let all = found.as_array().unwrap().iter().map(|row| {
        let key = (text(row, "part"), text(row, "subject"), text(row, "figure"));
        (key, (text(row, "actual"), text(row, "what_if")))
    });
    all.collect()
}

#[test]
fn every_figure_is_laid_beside_itself_under_other_rules_and_differs_by_what_it_follows_from_alone() {
    let place = market();
    let plan = "name = \"p\"\nstarts = \"2025-09-01\"\ncurrency = \"CNY\"\n[[phases]]\nname = \"a\"\nmonths = \"1\"\n\
                [[targets]]\nmetric = \"gmv\"\nphase = \"a\"\nat_least = \"90000000\"\n\
                [[targets]]\nmetric = \"visits\"\nphase = \"a\"\nat_least = \"1\"\n";
    std::fs::write(place.path("plan.toml"), plan).unwrap();
    let strict = place.run(&["assessment", "--print-rules"]).out.replace("pass = \"60\"", "pass = \"99\"");
    std::fs::write(place.path("strict.toml"), strict).unwrap();
    let write = |text: &str| std::fs::write(place.path("r.toml"), text).unwrap();
    let asked = ["--figure", FIGURES, "--days", "2025-09", "--plan", "plan.toml", "--as-of", "2025-09-10"];
    let parts = |text: &str| -> Vec<String> {
        write(text);
        let mut parts: Vec<String> = rows(&place, &asked).into_keys().map(|(part, ..)| part).collect();
        parts.dedup();
        parts.retain(|part| !["profit_loss", "balance", "merchant"].contains(&part.as_str()));
        parts
    };
    assert!(parts("").is_empty(), "under no other rule nothing is another");
    let told = place.run(&[&["replay", "--what-if", "r.toml", "--no-progress"], &asked[..]].concat());
    assert_eq!(told.out.matches("no number of it would be different").count(), 10, "{}", told.out);
    assert!(
        told.out.contains("Buyers: no number of it would be different; no rule of such a file"),
        "{}",
        told.out
    );

    assert_eq!(parts("[[commission]]\nrate = \"0.01\"\n"), ["assessment", "plan", "roi"]);
    assert_eq!(parts("[[deposit]]\nrequired = \"900000.00\"\ncurrency = \"CNY\"\n"), ["assessment"]);
    assert_eq!(parts("[attribution]\nmodel = \"first\"\n"), ["attribution", "roi"]);
    assert_eq!(parts("[assessment]\nrules = \"strict.toml\"\n"), ["assessment"]);
    let visits = parts("[sessions]\ntimeout_minutes = 1\n");
    for part in ["attribution", "funnel", "metrics", "plan"] {
        assert!(visits.iter().any(|of| of == part), "{part} is not in {visits:?}");
    }
    assert!(
        !visits.iter().any(|of| ["buyers", "after_sales", "assessment"].contains(&of.as_str())),
        "{visits:?}"
    );

    // one side is what the subcommand prints, the other what it prints under the other definition
    write("[sessions]\ndefinition = \"ga4\"\n");
    let found = rows(&place, &["--figure", "metrics", "--days", "2025-09"]);
    let visits = |definition: &str| {
        let all =
            place.json(&["metrics", "--days", "2025-09", "--by", "channel", "--definition", definition]);
        let direct = all.as_array().unwrap().iter().find(|row| row["channel"] == "direct").unwrap();
        direct["bounces"].to_string()
    };
    let key = ("metrics".to_owned(), "direct".to_owned(), "bounces".to_owned());
    assert_eq!(found[&key], (visits("plan"), visits("ga4")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visit_has_one_channel_in_a_replay_and_in_the_live_read_models() {
    let place = Place::empty();
    let mut stage = Stage::in_folder(&place.path(""), Stage::start());
    stage.merchant("m1", "0.00").await;
    at(&stage, "2026-03-03T12:00:00+08:00");
    let views = [
        ("v1", "2026-03-02T10:00:00+08:00", "/", "https://blog.example/post"),
        ("v1", "2026-03-02T11:30:00+08:00", "/p/1", ""),
    ];
    record(&stage, &views).await;
    drop(stage);
    let run = |args: &[&str]| {
        let ran = place.run(&[&["--journal", "sqlite:story.db", "--no-progress"], args].concat());
        assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
        ran.out
    };
    let rules = "[sessions]\ntimeout_minutes = 1440\n";
    std::fs::write(place.path("r.toml"), rules).unwrap();
    std::fs::write(place.path("none.toml"), "").unwrap();
    let channels = |args: &[&str]| -> BTreeSet<String> {
        let asked =
            ["replay", "--what-if", "r.toml", "--figure", "metrics", "--days", "2026-03", "--format", "json"];
        let found: serde_json::Value = serde_json::from_str(&run(&[&asked[..], args].concat())).unwrap();
        let rows = found.as_array().unwrap().iter().filter(|row| row["figure"] == "stay_s");
        let named = rows.map(|row| row["subject"].as_str().unwrap().to_owned());
        named.filter(|name| name != "(tracked)" && name != "direct").collect()
    };
    let only = |word: &str| BTreeSet::from([word.to_owned()]);
    assert_eq!(channels(&[]), only("external"), "there are no read models yet");
    // as `serve --sites` makes them
    let blog = MarketSite { name: "Blog".into(), hosts: vec!["blog.example".into()], terms: Vec::new() };
    let lists = MarketSites { social_networks: vec![blog], ..MarketSites::default() };
    let journal = Arc::new(SqliteJournal::open_read_only(place.path("story.db")).unwrap());
    let sites = Some(Sites::of(&lists).unwrap());
    drop(ReadModels::open_with(place.path("story.views.db"), journal, sites, &mut |_| {}).unwrap());
    let before = files(&place);
    assert_eq!(channels(&[]), only("social"), "theirs are the lists");
    assert_eq!(channels(&["--sites", "none.toml"]), only("external"), "others were named");
    let replayed = run(&["replay", "--format", "csv"]);
    assert_eq!(before, files(&place), "every file is the same");
    assert_eq!(replayed, run(&["digest", "--format", "csv"]));
    assert!(run(&["metrics", "--days", "2026-03", "--by", "channel", "--format", "csv"]).contains("social"));
}

#[test]
fn a_figure_that_lacks_what_it_is_asked_by_says_what_that_is() {
    let place = market();
    std::fs::write(place.path("r.toml"), "").unwrap();
    for (figure, says) in [
        ("plan", "name its file with --plan"),
        ("assessment", "name its days with --days"),
        ("weather", "possible values"),
    ] {
        let ran = place.run(&["replay", "--what-if", "r.toml", "--figure", figure, "--no-progress"]);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains(says) && ran.out.is_empty(), "{ran:?}");
    }
    std::fs::write(place.path("r.toml"), "[assessment]\nrules = \"none.toml\"\n").unwrap();
    let ran = place.run(&["replay", "--what-if", "r.toml", "--figure", "roi", "--no-progress"]);
    assert!(ran.code == 2 && ran.err.contains("none.toml"), "{ran:?}");
}
