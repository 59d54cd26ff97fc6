//! A pack as files: a folder or a zip, its list with the digest of each, and the check of all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Read as _, Seek, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::definitions::{DEFINITIONS, DEFINITIONS_VERSION};
use crate::figures::grades;
use crate::{Facts, Figures, PackError};

/// The list of files.
const LIST: &str = "files.json";
/// The figures.
const FIGURES: &str = "figures.json";
/// What they are.
const DEFINED: &str = "definitions.json";
/// Each order with the traces that speak for it.
const GRADES: &str = "grades.csv";
/// What stands below is not in the list: it proves the list.
const PROOF: &str = "proof/";
/// Most bytes that a pack's files may have together.
pub const MOST_BYTES: u64 = 4 << 30;
/// Most files of a pack.
const MOST_FILES: usize = 1_000;
/// Most faults of one kind that are told one by one.
const MOST_TOLD: usize = 20;

/// A file in the list.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    name: String,
    bytes: u64,
    sha256: String,
}

/// A pack's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pack {
    files: BTreeMap<String, Vec<u8>>,
}

/// What a check of a pack came to.
#[derive(Debug)]
pub struct Checked {
    /// Its lines, where they can be read.
    pub facts: Option<Facts>,
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
        let mut files: BTreeMap<String, Vec<u8>> =
            facts.write()?.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect();
        files.insert(FIGURES.to_owned(), figures.to_json());
        files.insert(DEFINED.to_owned(), definitions());
        files.insert(GRADES.to_owned(), grades(facts)?);
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

    /// Adds what proves the list.
    pub fn prove(&mut self, name: &str, bytes: Vec<u8>) {
        self.files.insert(format!("{PROOF}{name}"), bytes);
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

    /// Writes it: into one file where the name ends in `.zip`, else as a folder that is not there yet.
    ///
    /// # Errors
    /// [`PackError::File`].
    pub fn write(&self, path: &Path) -> Result<(), PackError> {
        let name = path.display().to_string();
        let failed = |error| PackError::file(name.clone(), error);
        if is_zip(path) {
            let file = File::create_new(path).map_err(failed)?;
            return self.zip(file).map_err(|error| failed(std::io::Error::other(error)));
        }
        fs::create_dir(path).map_err(failed)?;
        for (name, bytes) in &self.files {
            let to = path.join(name);
            let folder = to.parent().unwrap_or(path);
            fs::create_dir_all(folder)
                .and_then(|()| fs::write(&to, bytes))
                .map_err(|error| PackError::file(to.display().to_string(), error))?;
        }
        Ok(())
    }

    fn zip(&self, file: impl Write + Seek) -> zip::result::ZipResult<()> {
        let mut zip = ZipWriter::new(std::io::BufWriter::with_capacity(1 << 20, file));
        // lines are long and alike: the fastest level halves the time and costs a few percent
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(1));
        for (name, bytes) in &self.files {
            zip.start_file(name.as_str(), options)?;
            zip.write_all(bytes)?;
        }
        zip.finish()?.flush()?;
        Ok(())
    }

    /// Reads it, whether folder or zip.
    ///
    /// # Errors
    /// [`PackError`] where it cannot be read, or has more than a pack can have.
    pub fn read(path: &Path) -> Result<Self, PackError> {
        let name = path.display().to_string();
        let failed = |error| PackError::file(name.clone(), error);
        let mut files = BTreeMap::new();
        let mut room = MOST_BYTES;
        if fs::metadata(path).map_err(failed)?.is_dir() {
            folder(path, "", &mut room, &mut files)?;
            return Ok(Self { files });
        }
        let broken = |error: zip::result::ZipError| PackError::malformed(name.clone(), error);
        let mut zip = ZipArchive::new(File::open(path).map_err(failed)?).map_err(broken)?;
        if zip.len() > MOST_FILES {
            return Err(PackError::malformed(name, format!("it has more than {MOST_FILES} files")));
        }
        for at in 0..zip.len() {
            let mut entry = zip.by_index(at).map_err(broken)?;
            let inner = entry.name().map_err(broken)?.into_owned();
            if entry.is_dir() {
                continue;
            }
            let bytes = bounded(&mut entry, &inner, &mut room)?;
            if files.insert(inner.clone(), bytes).is_some() {
                return Err(PackError::malformed(inner, "it stands in the pack twice"));
            }
        }
        Ok(Self { files })
    }

    /// Checks all that follows from the files themselves: the list, the lines, and every figure, which is made of the lines again.
    /// Who signed the list is not asked.
    #[must_use]
    pub fn check(&self) -> Checked {
        let mut wrong = Vec::new();
        if let Err(error) = self.check_list(&mut wrong) {
            wrong.push(error.to_string());
        }
        let facts = self.facts().map_err(|error| wrong.push(error.to_string())).ok();
        let mut figures = None;
        if let Some(facts) = &facts {
            crate::joined::check(facts, &mut wrong);
            match Figures::of(facts) {
                Ok(made) => {
                    self.check_figures(facts, &made, &mut wrong);
                    figures = Some(made);
                }
                Err(error) => wrong.push(error.to_string()),
            }
        }
        Checked { facts, figures, wrong }
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

    /// Its lines.
    ///
    /// # Errors
    /// [`PackError`].
    pub fn facts(&self) -> Result<Facts, PackError> {
        Facts::read(&|name| {
            self.file(name).ok_or_else(|| PackError::malformed(name, "the pack does not have it"))
        })
    }

    fn check_list(&self, wrong: &mut Vec<String>) -> Result<(), PackError> {
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

    fn check_figures(&self, facts: &Facts, made: &Figures, wrong: &mut Vec<String>) {
        if facts.subject.definitions != DEFINITIONS_VERSION {
            wrong.push(format!(
                "its figures follow definitions {}, this program has {DEFINITIONS_VERSION}: check it with the program of then",
                facts.subject.definitions
            ));
            return;
        }
        if self.file(DEFINED) != Some(&definitions()[..]) {
            wrong.push(format!("{DEFINED} does not say what the figures are"));
        }
        if grades(facts).ok().as_deref() != self.file(GRADES) {
            wrong.push(format!("{GRADES} does not follow from the lines"));
        }
        let made = made.to_json();
        let told = self.file(FIGURES).unwrap_or_default();
        if told == made {
            return;
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
            for (n, column) in columns.iter().enumerate() {
                all.insert(format!("{}[{}].{}", text(&table["id"]), at + 1, text(column)), text(&row[n]));
            }
        }
    }
    for name in ["definitions", "currency", "from", "to"] {
        all.insert(name.to_owned(), text(&json[name]));
    }
    all
}

fn definitions() -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(DEFINITIONS).expect("invariant: definitions are plain data");
    bytes.push(b'\n');
    bytes
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_zip(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("zip"))
}

fn bounded(from: &mut dyn std::io::Read, name: &str, room: &mut u64) -> Result<Vec<u8>, PackError> {
    let mut bytes = Vec::new();
    from.take(*room + 1).read_to_end(&mut bytes).map_err(|error| PackError::file(name, error))?;
    *room = room
        .checked_sub(bytes.len() as u64)
        .ok_or_else(|| PackError::malformed(name, format!("the pack has more than {MOST_BYTES} bytes")))?;
    Ok(bytes)
}

fn folder(
    root: &Path,
    below: &str,
    room: &mut u64,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), PackError> {
    let at = root.join(below);
    let failed = |error| PackError::file(at.display().to_string(), error);
    for entry in fs::read_dir(&at).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let inner = if below.is_empty() { name } else { format!("{below}/{name}") };
        if files.len() >= MOST_FILES {
            return Err(PackError::malformed(inner, format!("the pack has more than {MOST_FILES} files")));
        }
        if entry.file_type().map_err(failed)?.is_dir() {
            // a pack's folders have none in them
            if !below.is_empty() {
                return Err(PackError::malformed(inner, "a pack has no such folder"));
            }
            folder(root, &inner, room, files)?;
            continue;
        }
        let mut file = File::open(entry.path()).map_err(failed)?;
        let bytes = bounded(&mut file, &inner, room)?;
        files.insert(inner, bytes);
    }
    Ok(())
}
