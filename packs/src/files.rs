//! A pack's files: their list with the digest of each, and the check of all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::definitions::{DEFINITIONS, Definition};
use crate::figures::grades;
use crate::place::{MOST_BYTES, Reading};
use crate::{Facts, Figures, PackError, both};

/// The list of files.
pub(crate) const LIST: &str = "files.json";
/// The figures.
const FIGURES: &str = "figures.json";
/// What they are.
const DEFINED: &str = "definitions.json";
/// Each order with the traces that speak for it.
const GRADES: &str = "grades.csv";
/// What stands below is not in the list: it proves the list.
pub(crate) const PROOF: &str = "proof/";

/// The proofs that a pack can have, by their names. What else stands beside them is not read.
pub mod proof {
    /// That the pack's digest was recorded.
    pub const ISSUED: &str = "issued.tlog-proof";
    /// That the merchant's consent was recorded, and by whom.
    pub const CONSENT: &str = "consent.tlog-proof";
    /// That the account of the sealed months is complete.
    pub const STATEMENT: &str = "statement.zip";
    /// The close that sealed no statements, where there is one in the pack's days; behind those of the closes since where no statement
    /// shows them.
    pub const UNSEALED: &str = "unsealed.tlog-proof";
    /// All of them.
    pub const ALL: [&str; 4] = [ISSUED, CONSENT, STATEMENT, UNSEALED];
}
/// Most faults of one kind that are told one by one.
const MOST_TOLD: usize = 20;
/// Most bytes of figures that do not follow from any line, and are told one by one all the same.
const MOST_STRANGE: usize = 64 << 10;

/// A file in the list.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listed {
    pub name: String,
    pub bytes: u64,
    sha256: String,
}

/// A pack's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pack {
    files: BTreeMap<String, Vec<u8>>,
}

/// What a check of a pack came to.
#[derive(Debug)]
pub struct Checked<F = Facts> {
    /// Its lines, where they can be read.
    pub facts: Option<F>,
    /// What follows from them.
    pub figures: Option<Figures>,
    /// What is wrong, each a sentence; the pack holds where there is nothing.
    pub wrong: Vec<String>,
}

impl Pack {
    /// A pack of lines, their figures, and more files that are drawn from both.
    ///
    /// # Errors
    /// [`PackError`].
    pub fn of(facts: &Facts, figures: &Figures, more: Vec<(String, Vec<u8>)>) -> Result<Self, PackError> {
        Self::drawn(facts, || Ok((figures, more)))
    }

    /// As [`of`](Self::of), with figures and files that are made beside the lines, on a core of their own.
    ///
    /// # Errors
    /// As [`of`](Self::of), and those of `made`.
    pub fn drawn<F: std::borrow::Borrow<Figures>, E: From<PackError>>(
        facts: &Facts,
        made: impl FnOnce() -> Result<(F, Vec<(String, Vec<u8>)>), E>,
    ) -> Result<Self, E> {
        let lines = || -> Result<Vec<(&'static str, Vec<u8>)>, PackError> {
            let mut lines = facts.write()?;
            lines.push((GRADES, grades(facts)?));
            Ok(lines)
        };
        let (lines, made) = both(lines, made);
        let (figures, more) = made?;
        Ok(Self::listed(lines?, figures.borrow(), DEFINITIONS, more)?)
    }

    /// Lines, their figures with what they are, and more files, behind the list of them.
    pub(crate) fn listed(
        lines: Vec<(&'static str, Vec<u8>)>,
        figures: &Figures,
        defined: &[Definition],
        more: Vec<(String, Vec<u8>)>,
    ) -> Result<Self, PackError> {
        let mut files: BTreeMap<String, Vec<u8>> =
            lines.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect();
        files.insert(FIGURES.to_owned(), figures.to_json());
        files.insert(DEFINED.to_owned(), definitions(defined));
        files.extend(more);
        let list: Vec<Listed> = files
            .iter()
            .map(|(name, bytes)| Listed {
                name: name.clone(),
                bytes: bytes.len() as u64,
                sha256: sha256(bytes),
            })
            .collect();
        let mut bytes =
            serde_json::to_vec_pretty(&list).map_err(|error| PackError::malformed(LIST, error))?;
        bytes.push(b'\n');
        files.insert(LIST.to_owned(), bytes);
        Ok(Self { files })
    }

    /// The digest of the list of files, hex: what is recorded when the pack is issued.
    #[must_use]
    pub fn digest(&self) -> String {
        sha256(self.files.get(LIST).map_or(&[][..], Vec::as_slice))
    }

    /// Adds what proves the list, to the pack and to where it is written already, in the place of what stands there under this name: one of
    /// [`proof::ALL`].
    ///
    /// # Errors
    /// [`PackError::File`].
    pub fn prove(&mut self, path: &Path, name: &str, bytes: Vec<u8>) -> Result<(), PackError> {
        self.set_proofs(&[name], vec![(name, bytes)]);
        self.lay_proofs(path, &[name])
    }

    /// Makes these the proofs that it has of those named, here alone.
    pub fn set_proofs(&mut self, named: &[&str], proofs: Vec<(&str, Vec<u8>)>) {
        for name in named {
            self.files.remove(&format!("{PROOF}{name}"));
        }
        self.files.extend(proofs.into_iter().map(|(name, bytes)| (format!("{PROOF}{name}"), bytes)));
    }

    /// Makes the proofs of these names, where it is written already, those that it has here.
    ///
    /// # Errors
    /// [`PackError::File`]; each proof that is there is then the one before or the one after.
    pub fn lay_proofs(&self, path: &Path, named: &[&str]) -> Result<(), PackError> {
        let names: Vec<String> = named.iter().map(|name| format!("{PROOF}{name}")).collect();
        crate::place::lay_again(path, &self.files, &names)
    }

    /// A file that proves the list.
    #[must_use]
    pub fn proof(&self, name: &str) -> Option<&[u8]> {
        self.files.get(&format!("{PROOF}{name}")).map(Vec::as_slice)
    }

    /// A file of it.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(Vec::as_slice)
    }

    /// Writes it: into one file where the name ends in `.zip`, else as a folder; neither is there yet.
    ///
    /// # Errors
    /// [`PackError::File`].
    pub fn write(&self, path: &Path) -> Result<(), PackError> {
        crate::place::write(&self.files, path)
    }

    /// Whether it stands there as it is here: these files and no others, byte by byte.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn stands(&self, path: &Path) -> Result<bool, PackError> {
        crate::place::stands(path, &self.files)
    }

    /// Reads it, whether folder or zip: the files that its list names, as far as the list says, and its proofs as far as a proof may be long.
    /// What else stands beside them is known by its name alone.
    ///
    /// # Errors
    /// [`PackError`] where it cannot be read, or has more than a pack can have.
    pub fn read(path: &Path) -> Result<Self, PackError> {
        Self::read_within(path, MOST_BYTES)
    }

    /// As [`read`](Self::read), of no more than so many bytes in all.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_within(path: &Path, most: u64) -> Result<Self, PackError> {
        crate::place::read(path, &Reading { most, only: None }).map(|files| Self { files })
    }

    /// Reads of it the list of files and these proofs alone, so many bytes in all: what a signature of the list is held to, before anything
    /// else of a pack that anybody may have made is taken into memory.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_list(path: &Path, proofs: &[&str], most: u64) -> Result<Self, PackError> {
        let names: Vec<String> = proofs.iter().map(|name| format!("{PROOF}{name}")).collect();
        let only: Vec<&str> = names.iter().map(String::as_str).chain([LIST]).collect();
        let reading = Reading { most, only: Some(&only) };
        crate::place::read(path, &reading).map(|files| Self { files })
    }

    /// Checks all that follows from the files themselves: the list, the lines, and every figure, which is made of the lines again.
    /// Who signed the list is not asked.
    #[must_use]
    pub fn check(&self) -> Checked {
        let mut wrong = Vec::new();
        let listed = || {
            let mut wrong = Vec::new();
            self.check_list(&mut wrong);
            wrong
        };
        let (listed, facts) = both(listed, || self.facts());
        wrong.extend(listed);
        let facts = facts.map_err(|error| wrong.push(error.to_string())).ok();
        let mut figures = None;
        if let Some(facts) = &facts {
            let joined = || {
                let mut wrong = Vec::new();
                crate::joined::check(facts, &mut wrong);
                wrong
            };
            let (joined, made) = both(joined, || Figures::with_grades(facts));
            wrong.extend(joined);
            match made {
                Ok((made, grades)) => {
                    if self.check_figures(facts.subject.definitions, &made, DEFINITIONS, &mut wrong)
                        && self.file(GRADES) != Some(&grades[..])
                    {
                        wrong.push(format!("{GRADES} does not follow from the lines"));
                    }
                    figures = Some(made);
                }
                Err(error) => wrong.push(error.to_string()),
            }
        }
        Checked { facts, figures, wrong }
    }

    /// What of it would not hold for whoever gets it, each a sentence, by the lines that it was drawn of: whether they read back as they are, and
    /// agree. The list and the figures were made of the same files and lines by this program, and are not made again.
    #[must_use]
    pub fn check_drawn(&self, facts: &Facts) -> Vec<String> {
        let joined = || {
            let mut wrong = Vec::new();
            crate::joined::check(facts, &mut wrong);
            wrong
        };
        let (mut wrong, held) = both(joined, || facts.held_by(&|name| self.of_lines(name)));
        wrong.extend(held.err().map(|error| error.to_string()));
        wrong
    }

    /// What of it is not as in the pack that was made of its lines again, each a sentence. Of proofs only those named belong
    /// to it.
    #[must_use]
    pub fn unlike(&self, made: &Self, proofs: &[&str]) -> Vec<String> {
        let others = made.files.iter().filter(|(name, bytes)| self.files.get(*name) != Some(*bytes));
        let drawn = others.map(|(name, _)| {
            format!(
                "{name} is not what this program draws from the lines: believe the figures that it prints"
            )
        });
        let belongs = |name: &str| {
            name.strip_prefix(PROOF).map_or(made.files.contains_key(name), |proof| proofs.contains(&proof))
        };
        let strange = self.files.keys().filter(|name| !belongs(name));
        drawn.chain(strange.map(|name| format!("{name} does not belong to a pack: it was added"))).collect()
    }

    /// The files of it or of another that are not the same in both, apart from proofs and the list.
    #[must_use]
    pub fn files_unlike(&self, other: &Self) -> Vec<String> {
        let names: BTreeSet<&String> = self.files.keys().chain(other.files.keys()).collect();
        let lines = names.into_iter().filter(|name| *name != LIST && !name.starts_with(PROOF));
        lines.filter(|name| self.files.get(*name) != other.files.get(*name)).cloned().collect()
    }

    /// Its lines.
    ///
    /// # Errors
    /// [`PackError`].
    pub fn facts(&self) -> Result<Facts, PackError> {
        Facts::read(&|name| self.of_lines(name))
    }

    fn of_lines(&self, name: &str) -> Result<&[u8], PackError> {
        self.file(name).ok_or_else(|| PackError::malformed(name, "the pack does not have it"))
    }

    /// Holds each file to the list.
    pub(crate) fn check_list(&self, wrong: &mut Vec<String>) {
        if let Err(error) = self.hold_to_list(wrong) {
            wrong.push(error.to_string());
        }
    }

    fn hold_to_list(&self, wrong: &mut Vec<String>) -> Result<(), PackError> {
        let list = self.file(LIST).ok_or_else(|| PackError::malformed(LIST, "the pack does not have it"))?;
        let list: Vec<Listed> =
            serde_json::from_slice(list).map_err(|error| PackError::malformed(LIST, error))?;
        let mut named = BTreeSet::new();
        for listed in &list {
            if !named.insert(listed.name.as_str()) {
                wrong.push(format!("{} is listed twice", listed.name));
            }
            match self.file(&listed.name) {
                None => wrong.push(format!("{} is missing", listed.name)),
                Some(bytes) if sha256(bytes) != listed.sha256 || bytes.len() as u64 != listed.bytes => {
                    wrong.push(format!("{} was changed: it is not the file that was listed", listed.name));
                }
                Some(_) => {}
            }
        }
        let strange = self
            .files
            .keys()
            .filter(|name| !named.contains(name.as_str()) && *name != LIST && !name.starts_with(PROOF));
        wrong.extend(strange.map(|name| format!("{name} is not in the list: it was added")));
        Ok(())
    }

    /// Holds the figures to those that were made of the lines: whether they follow the definitions that they were made by.
    pub(crate) fn check_figures(
        &self,
        version: u32,
        made: &Figures,
        defined: &[Definition],
        wrong: &mut Vec<String>,
    ) -> bool {
        if version != made.definitions {
            wrong.push(format!(
                "its figures follow definitions {version}, this program has {}: check it with the program of then",
                made.definitions
            ));
            return false;
        }
        if self.file(DEFINED) != Some(&definitions(defined)[..]) {
            wrong.push(format!("{DEFINED} does not say what the figures are"));
        }
        let made = made.to_json();
        let told = self.file(FIGURES).unwrap_or_default();
        if told == made {
            return true;
        }
        // as values it takes many times its length: what can only be other figures is not taken apart
        if told.len() > 2 * made.len() + MOST_STRANGE {
            wrong.push(format!("{FIGURES} is far longer than the figures that its lines give"));
            return true;
        }
        let before = wrong.len();
        let (told, made) = (named(told), named(&made));
        for (id, value) in &made {
            match told.get(id) {
                Some(told) if told == value => {}
                Some(told) => wrong.push(format!("{id} is said to be {told}: its lines give {value}")),
                None => wrong.push(format!("{id} is missing: its lines give {value}")),
            }
        }
        let strange = told.keys().filter(|id| !made.contains_key(*id));
        wrong.extend(strange.map(|id| format!("{id} does not follow from any line")));
        if wrong.len() == before {
            wrong.push(format!("{FIGURES} is not written as the figures are"));
        }
        if wrong.len() > before + MOST_TOLD {
            let more = wrong.len() - before - MOST_TOLD;
            wrong.truncate(before + MOST_TOLD);
            wrong.push(format!("and {more} more figures"));
        }
        true
    }
}

/// Each figure and cell by its name.
fn named(json: &[u8]) -> BTreeMap<String, String> {
    let json: serde_json::Value = serde_json::from_slice(json).unwrap_or_default();
    let mut all = BTreeMap::new();
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let list = |name: &str| json.get(name).and_then(|list| list.as_array()).map_or(&[][..], Vec::as_slice);
    for figure in list("figures") {
        all.insert(text(&figure["id"]), text(&figure["value"]));
    }
    for table in list("tables") {
        let columns = table["columns"].as_array().map_or(&[][..], Vec::as_slice);
        for (at, row) in table["rows"].as_array().map_or(&[][..], Vec::as_slice).iter().enumerate() {
            // as many as there are of both: many columns over many empty rows would be far more than the file has
            for (column, cell) in columns.iter().zip(row.as_array().map_or(&[][..], Vec::as_slice)) {
                all.insert(format!("{}[{}].{}", text(&table["id"]), at + 1, text(column)), text(cell));
            }
        }
    }
    for name in ["definitions", "currency", "from", "to"] {
        all.insert(name.to_owned(), text(&json[name]));
    }
    all
}

fn definitions(of: &[Definition]) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(of).expect("invariant: definitions are plain data");
    bytes.push(b'\n');
    bytes
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
