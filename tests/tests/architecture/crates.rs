//! Who may depend on whom.

use std::collections::BTreeSet;

use super::sources::{none, read};

/// The crate graph: folder, package, which of our packages it may use.
const GRAPH: &[(&str, &str, &[&str])] = &[
    ("domain", "daybook-domain", &[]),
    ("journal", "daybook-journal", &[]),
    ("commands", "daybook-commands", &["daybook-domain", "daybook-journal"]),
    ("projections", "daybook-projections", &["daybook-domain", "daybook-journal", "daybook-metrics"]),
    (
        "market",
        "daybook-market",
        &[
            "daybook-domain",
            "daybook-journal",
            "daybook-commands",
            "daybook-metrics",
            "daybook-packs",
            "daybook-projections",
            "daybook-proofs",
            "daybook-reconciliation",
        ],
    ),
    // a lender's own program checks a pack without journal and database
    ("packs", "daybook-packs", &["daybook-domain"]),
    // who checks a proof builds this crate alone
    ("proofs", "daybook-proofs", &[]),
    ("reconciliation", "daybook-reconciliation", &["daybook-domain"]),
    ("metrics", "daybook-metrics", &["daybook-domain"]),
    ("reports", "daybook-reports", &["daybook-domain", "daybook-packs", "daybook-projections"]),
    (
        "api",
        "daybook-api",
        // reports: a merchant's statement is fetched as the workbook or page that the command line writes
        &[
            "daybook-commands",
            "daybook-domain",
            "daybook-journal",
            "daybook-market",
            "daybook-projections",
            "daybook-reports",
        ],
    ),
    ("replay-tools", "daybook", ALL),
    ("tests", "daybook-tests", ALL),
];

const ALL: &[&str] = &[
    "daybook-domain",
    "daybook-journal",
    "daybook-commands",
    "daybook-projections",
    "daybook-market",
    "daybook-metrics",
    "daybook-packs",
    "daybook-proofs",
    "daybook-reconciliation",
    "daybook-reports",
    "daybook-api",
];

/// What the pure core may use from outside: nothing that does I/O.
const DOMAIN_MAY_USE: &[&str] =
    &["serde", "serde_json", "schemars", "rust_decimal", "chrono", "uuid", "sha2"];

/// The names under `[dependencies]` of a manifest.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut section = "";
    let mut names = BTreeSet::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = name;
        } else if section == "dependencies"
            && !line.is_empty()
            && !line.starts_with('#')
            && let Some((name, _)) = line.split_once(['=', '.', ' '])
        {
            names.insert(name.to_owned());
        }
    }
    names
}

fn strangers(manifest: &str, ours: &[&str]) -> Vec<String> {
    let not_allowed =
        |name: &String| (name.starts_with("daybook") || name == "daybook") && !ours.contains(&name.as_str());
    dependencies(manifest).into_iter().filter(not_allowed).collect()
}

#[test]
fn each_crate_uses_only_the_crates_below_it() {
    let mut findings = Vec::new();
    for (folder, package, ours) in GRAPH {
        let manifest = read(&format!("{folder}/Cargo.toml"));
        assert!(manifest.contains(&format!("name = \"{package}\"")), "{folder} holds {package}");
        findings.extend(strangers(&manifest, ours).into_iter().map(|s| format!("{package} uses {s}")));
    }
    none("the crate graph of ARCHITECTURE.md is broken:", &findings);
}

#[test]
fn the_graph_names_every_member_of_the_workspace() {
    let manifest = read("Cargo.toml");
    let members = manifest.lines().find(|l| l.starts_with("members = ")).expect("members in one line");
    let named: BTreeSet<&str> = members.split('"').skip(1).step_by(2).collect();
    let graph: BTreeSet<&str> = GRAPH.iter().map(|(folder, _, _)| *folder).collect();
    assert_eq!(named, graph);
}

#[test]
fn the_domain_uses_nothing_that_does_io() {
    let used = dependencies(&read("domain/Cargo.toml"));
    let strangers: Vec<String> =
        used.into_iter().filter(|name| !DOMAIN_MAY_USE.contains(&name.as_str())).collect();
    none("the domain may not use:", &strangers);
}

#[test]
fn a_dependency_upwards_would_be_found() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\nserde.workspace = true\ndaybook-market = { path = \"m\" }\n\
                    [dev-dependencies]\ndaybook-api.workspace = true\n";
    assert_eq!(strangers(manifest, &["daybook-domain"]), ["daybook-market"]);
}
