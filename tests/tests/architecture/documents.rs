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
    let readme = read("README.md");
    let missing: Vec<String> =
        subcommands().into_iter().filter(|name| !readme.contains(&format!("daybook {name}"))).collect();
    none("README.md does not mention:", &missing);
}

#[test]
fn the_readme_promises_no_subcommand_that_is_not_there() {
    let known = subcommands();
    let mut strange = Vec::new();
    for line in read("README.md").lines() {
        for (at, _) in line.match_indices("daybook ") {
            let before = line[..at].chars().next_back();
            let word: String =
                line[at + 8..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
            let is_command =
                matches!(before, Some('`' | ' ') | None) && line.trim_start().starts_with("daybook ");
            if is_command && !word.is_empty() && !known.contains(&word) && word != "help" {
                strange.push(format!("daybook {word}"));
            }
        }
    }
    none("README.md names subcommands that do not exist:", &strange);
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
