//! Habits: no stub, no unwrap, files that one can read in a sitting, nothing that knows this machine.

use super::sources::{CRATES, code, files, none, shipped, words_in};

/// Longest file, in lines of all kinds.
const LONGEST: usize = 500;

/// Files that are longer, and why they are not two.
const LONGER: &[(&str, &str)] = &[];

#[test]
fn no_shipped_code_unwraps_or_leaves_work_undone() {
    let words = ["todo!", "unimplemented!", "dbg!"];
    let mut found = Vec::new();
    for folder in CRATES.iter().filter(|c| **c != "tests") {
        for source in shipped(folder) {
            let code = code(&source.text);
            let unwraps = code.lines().enumerate().filter(|(_, line)| careless(line));
            found.extend(unwraps.map(|(at, line)| format!("{}:{}: {}", source.path, at + 1, line.trim())));
            found.extend(words_in(&code, &words).into_iter().map(|f| format!("{}, {f}", source.path)));
        }
    }
    none("say what can go wrong, or why it cannot (expect(\"invariant: ...\")):", &found);
}

/// Whether a line unwraps, or expects without saying which invariant holds.
fn careless(line: &str) -> bool {
    line.contains(".unwrap()") || (line.contains(".expect(\"") && !line.contains(".expect(\"invariant: "))
}

#[test]
fn a_careless_unwrap_would_be_found() {
    assert!(careless("let x = y.unwrap();"));
    assert!(careless("let x = y.expect(\"should work\");"));
    assert!(!careless("let x = y.expect(\"invariant: one element\").unwrap_or(3);"));
}

#[test]
fn files_can_be_read_in_one_sitting() {
    let mut found = Vec::new();
    for folder in CRATES {
        for source in files(folder, &[".rs"]) {
            let lines = source.text.lines().count();
            let listed = LONGER.iter().any(|(path, _)| *path == source.path);
            if lines > LONGEST && !listed {
                found.push(format!("{} has {lines} lines", source.path));
            }
            if listed && lines <= LONGEST {
                found.push(format!("{} has only {lines} lines: take it off the list", source.path));
            }
        }
    }
    none(
        &format!("more than {LONGEST} lines are a sign of two ideas; split it or list it with a reason:"),
        &found,
    );
}

#[test]
fn nothing_knows_the_machine_it_was_written_on() {
    let endings =
        [".rs", ".toml", ".md", ".py", ".sh", ".sql", ".json", ".snap", "check", "justfile", ".yml"];
    let places =
        [concat!("/wo", "rk/"), concat!("/tm", "p/w/"), concat!("/tm", "p/t/"), concat!("../sha", "red")];
    let mut found = Vec::new();
    for source in files("", &endings) {
        for place in places.iter().filter(|p| source.text.contains(**p)) {
            found.push(format!("{} mentions {place}", source.path));
        }
    }
    none("a clone elsewhere would not have it:", &found);
}
