//! What the pure parts may not do: ask the time, draw an identity, reckon in floats, depend on a hash's order.
//! And where SQL may stand.

use super::sources::{CRATES, Source, code, none, shipped, words_in};

/// Words that bring in a clock, chance or an identity.
const IMPURE: &[&str] = &[
    "SystemTime",
    "Instant",
    "Utc::now",
    "Local::now",
    "now_v7",
    "new_v4",
    "rand",
    "thread_rng",
    "std::env",
    "std::fs",
    "std::net",
    "std::thread",
    "tokio",
];

const FLOATS: &[&str] = &["f32", "f64"];

/// Their iteration order differs between runs; BTreeMap, or a Vec beside the map, has one.
const HASHED: &[&str] = &["HashMap", "HashSet"];

/// The folds of the read models: pure like the domain.
fn folds() -> Vec<Source> {
    let models: Vec<Source> = shipped("projections")
        .into_iter()
        .filter(|s| s.path.starts_with("projections/src/models/"))
        .collect();
    assert!(!models.is_empty(), "the folds are expected in projections/src/models/");
    models
}

fn findings(sources: &[Source], words: &[&str]) -> Vec<String> {
    let of = |source: &Source| {
        words_in(&code(&source.text), words)
            .into_iter()
            .map(|f| format!("{}, {f}", source.path))
            .collect::<Vec<_>>()
    };
    sources.iter().flat_map(of).collect()
}

#[test]
fn the_domain_asks_for_no_clock_chance_or_io() {
    none("take it from the Context:", &findings(&shipped("domain"), IMPURE));
}

#[test]
fn no_float_stands_in_the_domain() {
    none("money and rates are never floats:", &findings(&shipped("domain"), FLOATS));
}

#[test]
fn nothing_in_the_domain_depends_on_the_order_of_a_hash() {
    none("use BTreeMap or a Vec:", &findings(&shipped("domain"), HASHED));
}

#[test]
fn the_folds_ask_for_no_clock_chance_io_or_float_and_know_no_hash_order() {
    let words: Vec<&str> = IMPURE.iter().chain(FLOATS).chain(HASHED).copied().collect();
    none("a fold sees its row, the event and the World:", &findings(&folds(), &words));
}

/// The only place where metrics may reckon in floats: estimates about the world, which are no money.
const ESTIMATES: &str = "metrics/src/lift.rs";

#[test]
fn metrics_are_pure_and_split_money_without_floats() {
    let sources = shipped("metrics");
    let words: Vec<&str> = IMPURE.iter().chain(HASHED).copied().collect();
    none("a metric is a function of what it is given:", &findings(&sources, &words));
    let (estimates, others): (Vec<Source>, Vec<Source>) =
        sources.into_iter().partition(|source| source.path == ESTIMATES);
    assert_eq!(estimates.len(), 1, "{ESTIMATES} is expected");
    none(
        "shares and logarithms are integers, so that every machine gives the same:",
        &findings(&others, FLOATS),
    );
}

/// Where SQL may stand: the journal's backends, the engine and queries of the read models, the side table of
/// refused commands.
const SQL_STANDS_IN: &[&str] = &[
    "journal/src/sqlite/",
    "journal/src/postgres/",
    "projections/src/engine/",
    "projections/src/queries/",
    "commands/src/refusals",
];

/// Where it stands for a reason of its own.
const SQL_EXCEPTIONS: &[(&str, &str)] = &[
    ("journal/src/baseline.rs", "what bare SQLite and the disk give, measured beside the journal"),
    (
        "market/src/side.rs",
        "the market's own file: how far reactions have come, deadlines, refused reactions",
    ),
    (
        "api/src/access/store/",
        "keys and the log of accesses, in a file of their own that only its owner reads",
    ),
    ("api/src/webhooks/store.rs", "webhooks: secrets, cursors, dead letters; a file beside the journal"),
];

const SQL: &[&str] =
    &["SELECT", "INSERT INTO", "DELETE FROM", "CREATE TABLE", "CREATE VIEW", "PRAGMA", "DROP TABLE"];

#[test]
fn sql_stands_only_in_backends_engine_queries_and_the_side_table() {
    let mut found = Vec::new();
    for folder in CRATES.iter().filter(|c| **c != "tests") {
        let sources: Vec<Source> = shipped(folder)
            .into_iter()
            .filter(|s| !SQL_STANDS_IN.iter().any(|place| s.path.starts_with(place)))
            .filter(|s| !SQL_EXCEPTIONS.iter().any(|(place, _)| s.path.starts_with(place)))
            .collect();
        found.extend(findings(&sources, SQL));
    }
    none("SQL belongs in the journal's backends, the engine and the queries:", &found);
}

/// Reads in the text that have no bound: no LIMIT, no key, no aggregate. A clause (`WHERE ...`) is looked at as
/// well as a whole statement; `{rest}` stands for a clause that is looked at where it is written.
fn unbounded(text: &str) -> Vec<String> {
    let code = code(text);
    let mut found = Vec::new();
    for start in ["SELECT ", "\"WHERE "] {
        for (at, _) in code.match_indices(start) {
            let rest = code[at..].trim_start_matches('"');
            let statement = &rest[..rest.find('"').unwrap_or(rest.len())];
            let lower = statement.to_lowercase();
            let bounds = ["limit", "= ?", "= '", "count(", "sum(", "max(", "min(", "exists(", "{rest}"];
            if !bounds.iter().any(|bound| lower.contains(bound)) {
                let line = code[..at].lines().count().max(1);
                found.push(format!("line {line}: {}", statement.lines().next().unwrap_or_default()));
            }
        }
    }
    found
}

#[test]
fn no_query_reads_without_a_bound() {
    let mut found = Vec::new();
    for source in shipped("projections").iter().filter(|s| s.path.starts_with("projections/src/queries/")) {
        found.extend(unbounded(&source.text).into_iter().map(|f| format!("{}, {f}", source.path)));
    }
    none("give it a LIMIT:", &found);
}

#[test]
fn an_unbounded_read_and_an_impure_call_would_be_found() {
    assert_eq!(unbounded("let q = \"SELECT id FROM orders\";").len(), 1);
    assert_eq!(unbounded("rows(&db, \"WHERE place > ?\", &[])").len(), 1);
    assert!(unbounded("let q = \"SELECT id FROM orders LIMIT ?1\";").is_empty());
    assert!(unbounded("let q = \"SELECT count(*) FROM orders\";").is_empty());
    let sample =
        Source { path: "x.rs".into(), text: "let t = std::time::Instant::now(); let x: f64;".into() };
    assert_eq!(findings(&[sample], &["Instant", "f64"]).len(), 2);
}
