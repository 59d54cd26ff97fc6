//! The documents say what there is.

use super::sources::{files, none, read};

/// The subcommands, from the enum that clap reads.
fn subcommands() -> Vec<String> {
    let cli = read("replay-tools/src/cli.rs");
    let body = cli.split("pub enum Command {").nth(1).and_then(|rest| rest.split("\n}").next());
    let body = body.expect("the subcommands are an enum Command");
    let names: Vec<String> = body
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()))
        .map(|line| kebab(line.split(['(', ',', ' ']).next().unwrap_or_default()))
        .collect();
    assert!(names.len() >= 10, "found only {names:?}");
    names
}

/// `TrialBalance` as `trial-balance`.
fn kebab(name: &str) -> String {
    let mut out = String::new();
    for (at, c) in name.chars().enumerate() {
        if c.is_ascii_uppercase() && at > 0 {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[test]
fn the_readme_mentions_every_subcommand() {
    let promised = promised(&read("README.md"));
    let missing: Vec<String> = subcommands().into_iter().filter(|name| !promised.contains(name)).collect();
    none("README.md does not mention:", &missing);
}

/// The subcommands that a document names: `daybook NAME` in an example, and the rows of the table of commands.
fn promised(document: &str) -> Vec<String> {
    let word =
        |rest: &str| -> String { rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect() };
    let mut names = Vec::new();
    for line in document.lines().map(str::trim_start) {
        if let Some(rest) = line.strip_prefix("daybook ") {
            names.push(word(rest));
        }
        // | `order ID`, `merchant ID` | says |
        if let Some(cells) = line.strip_prefix("| `") {
            let cell = cells.replace("\\|", "/");
            let cell = cell.split('|').next().unwrap_or_default();
            names.extend(cell.split("`, `").map(word));
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[test]
fn the_readme_promises_no_subcommand_that_is_not_there() {
    let known = subcommands();
    let strange: Vec<String> =
        promised(&read("README.md")).into_iter().filter(|name| !known.contains(name)).collect();
    none("README.md names subcommands that do not exist:", &strange);
}

#[test]
fn a_promise_would_be_found_in_an_example_and_in_the_table() {
    let text = "    daybook fly --far\n| `order ID [--as-of T \\| --at N]`, `merchants` | inquiries |\n| crate | says |\n";
    assert_eq!(promised(text), ["fly", "order", "merchants"]);
}

#[test]
fn architecture_md_maps_every_crate() {
    let text = read("ARCHITECTURE.md");
    let missing: Vec<String> = super::sources::CRATES
        .iter()
        .filter(|folder| !text.contains(&format!("`{folder}/`")))
        .map(|folder| (*folder).to_owned())
        .collect();
    none("ARCHITECTURE.md does not mention:", &missing);
}

#[test]
fn every_link_between_the_documents_leads_somewhere() {
    let mut broken = Vec::new();
    for document in files("", &[".md"]) {
        for part in document.text.split("](").skip(1) {
            let target = part.split([')', '#']).next().unwrap_or_default();
            let outside = target.is_empty() || target.contains("://") || target.starts_with("mailto:");
            let folder = document.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            if !outside && !super::sources::root().join(folder).join(target).exists() {
                broken.push(format!("{} links to {target}", document.path));
            }
        }
    }
    none("broken links:", &broken);
}
