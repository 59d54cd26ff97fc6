//! The repository as text.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file.
pub struct Source {
    /// Path from the root of the repository, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("invariant: tests/ lies in the root").to_owned()
}

/// A file of the repository.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file under `folder` whose name ends in one of `endings`, in order of path.
pub fn files(folder: &str, endings: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    walk(&root(), &root().join(folder), endings, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn walk(root: &Path, folder: &Path, endings: &[&str], found: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.map(|e| e.expect("a folder of the repository can be listed")) {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && name != ".git" && !made(&path) {
                walk(root, &path, endings, found);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending))
            && let Ok(text) = fs::read_to_string(&path)
        {
            let path = path.strip_prefix(root).expect("invariant: below the root");
            found.push(Source { path: path.to_string_lossy().replace('\\', "/"), text });
        }
    }
}

/// Whether a folder is some program's own: one of things that can be made again, such as cargo's, or of a Python.
fn made(folder: &Path) -> bool {
    ["CACHEDIR.TAG", "pyvenv.cfg"].iter().any(|tag| folder.join(tag).exists())
}

/// The crates, by folder.
pub const CRATES: &[&str] = &[
    "domain",
    "journal",
    "commands",
    "projections",
    "market",
    "metrics",
    "packs",
    "reconciliation",
    "reports",
    "proofs",
    "api",
    "replay-tools",
    "tests",
];

/// The Rust files that are compiled into a crate, without those that are tests only.
pub fn shipped(crate_folder: &str) -> Vec<Source> {
    let all = files(&format!("{crate_folder}/src"), &[".rs"]);
    assert!(!all.is_empty(), "{crate_folder} has no sources: has it moved?");
    all.into_iter().filter(|source| !is_test_file(&source.path)).collect()
}

/// Whether a file holds tests only, by its name or folder.
pub fn is_test_file(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs" || part.ends_with("_tests.rs"))
}

/// The code of a shipped file: without comments, and without what stands under `#[cfg(test)]` at its end.
/// Strings are kept.
pub fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line == "#[cfg(test)]" {
            if lines.peek().is_some_and(|next| next.ends_with(';')) {
                lines.next();
                out.push_str("\n\n");
                continue;
            }
            break;
        }
        out.push_str(without_comment(line));
        out.push('\n');
    }
    out
}

/// A line up to its `//`, unless that stands within a string (`"sqlite://"`).
fn without_comment(line: &str) -> &str {
    let mut in_string = false;
    let bytes = line.as_bytes();
    for at in 0..bytes.len() {
        match bytes[at] {
            b'"' if at == 0 || (bytes[at - 1] != b'\\' && bytes[at - 1] != b'\'') => in_string = !in_string,
            b'/' if !in_string && bytes.get(at + 1) == Some(&b'/') => return &line[..at],
            _ => {}
        }
    }
    line
}

/// Where one of `words` stands in `code` as a whole word, as `line N: word`.
pub fn words_in(code: &str, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in code.lines().enumerate() {
        for word in words {
            let boundary = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
            let hit = line.match_indices(word).any(|(at, _)| {
                boundary(line[..at].chars().next_back()) && boundary(line[at + word.len()..].chars().next())
            });
            if hit {
                found.push(format!("line {}: {word}", number + 1));
            }
        }
    }
    found
}

/// Fails with everything that was found, one finding a line.
#[track_caller]
pub fn none(law: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{law}\n  {}", findings.join("\n  "));
}

#[test]
fn what_programs_made_is_left_out() {
    let root = tempfile::tempdir().unwrap();
    for (folder, tag) in
        [("ours", "a.md"), ("built", "CACHEDIR.TAG"), ("python", "pyvenv.cfg"), ("target", "a.md")]
    {
        fs::create_dir(root.path().join(folder)).unwrap();
        fs::write(root.path().join(folder).join(tag), "").unwrap();
        fs::write(root.path().join(folder).join("b.md"), "").unwrap();
    }
    let mut found = Vec::new();
    walk(root.path(), root.path(), &[".md"], &mut found);
    let mut paths: Vec<_> = found.into_iter().map(|source| source.path).collect();
    paths.sort();
    assert_eq!(paths, ["ours/a.md", "ours/b.md"]);
}

#[test]
fn comments_and_tests_are_not_code_and_strings_are() {
    let text = "use a; // f64\nlet u = \"sqlite://x\"; // y\n/// HashMap\n#[cfg(test)]\nmod tests;\nfn b() {}\n\
                #[cfg(test)]\nmod tests {\n f64\n}\n";
    let code = code(text);
    assert!(code.contains("sqlite://x") && code.contains("fn b()"));
    assert!(!code.contains("f64") && !code.contains("HashMap"));
    assert_eq!(words_in("let x: f64 = pf64;\nf64", &["f64"]), ["line 1: f64", "line 2: f64"]);
}
