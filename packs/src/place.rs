//! Where a pack stands: a folder or a zip. What is read is anybody's: it is bounded before it is taken into memory, and
//! nothing but plain files is opened.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::PackError;
use crate::files::{LIST, Listed, PROOF};

/// Most bytes that a pack's files may have together.
pub const MOST_BYTES: u64 = 2 << 30;
/// Most files of a pack.
const MOST_FILES: usize = 1_000;
/// Most bytes of the list.
const MOST_LISTED: u64 = 1 << 20;
/// Most bytes of a file that proves the list, and so is not in it: as long as a statement may be.
pub const MOST_PROVING: u64 = 256 << 20;

/// Files by their names within the pack.
pub type Files = BTreeMap<String, Vec<u8>>;

pub fn write(files: &Files, path: &Path) -> Result<(), PackError> {
    let name = path.display().to_string();
    let failed = |error| PackError::file(name.clone(), error);
    if files.values().map(|bytes| bytes.len() as u64).sum::<u64>() > MOST_BYTES {
        return Err(too_much(&name));
    }
    if is_zip(path) {
        let file = File::create_new(path).map_err(failed)?;
        zip(files, file).map_err(|error| failed(std::io::Error::other(error)))?;
        return sync_folder_of(path).map_err(failed);
    }
    fs::create_dir(path).map_err(failed)?;
    for (name, bytes) in files {
        lay(path, name, bytes)?;
    }
    sync_folder_of(path).map_err(failed)
}

/// Writes a file into a pack's folder; it lasts.
fn lay(pack: &Path, name: &str, bytes: &[u8]) -> Result<(), PackError> {
    let to = pack.join(name);
    let lay = || {
        fs::create_dir_all(to.parent().unwrap_or(pack))?;
        let mut file = File::create(&to)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        sync_folder_of(&to)?;
        sync_folder_of(to.parent().unwrap_or(pack))
    };
    lay().map_err(|error| PackError::file(to.display().to_string(), error))
}

/// Makes a name last: it is the folder's.
fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Moves a pack to where it belongs, for good, and over nothing that came there.
///
/// # Errors
/// [`PackError`] where something stands there, it cannot be moved there, or its folder not be synced.
pub fn put(from: &Path, to: &Path) -> Result<(), PackError> {
    let moved = || {
        if from.is_dir() {
            // what is in the way of a folder: the name is taken first, and an empty folder is replaced at once
            fs::create_dir(to)?;
            fs::rename(from, to)?;
        } else {
            // a second name of the file is not given over another file; where files have one name only, it is looked for
            match fs::hard_link(from, to) {
                Ok(()) => fs::remove_file(from)?,
                Err(error) if error.kind() == ErrorKind::AlreadyExists || to.exists() => return Err(error),
                Err(_) => fs::rename(from, to)?,
            }
        }
        sync_folder_of(to)
    };
    moved().map_err(|error| PackError::file(to.display().to_string(), error))
}

/// Lays a copy over what it is a copy of.
fn replace(from: &Path, to: &Path) -> Result<(), PackError> {
    fs::rename(from, to)
        .and_then(|()| sync_folder_of(to))
        .map_err(|error| PackError::file(to.display().to_string(), error))
}

/// Adds a file to a pack that is written already. A zip's directory is at its end and would be written over: the file is
/// added to a copy, which takes the pack's place once it lasts.
pub fn add(path: &Path, name: &str, bytes: &[u8]) -> Result<(), PackError> {
    let failed = |error| PackError::file(path.display().to_string(), error);
    if !is_zip(path) {
        return lay(path, name, bytes);
    }
    let copy = path.with_extension("adding.zip");
    fs::copy(path, &copy).map_err(failed)?;
    let added = append(&copy, name, bytes).and_then(|()| replace(&copy, path));
    added.inspect_err(|_| {
        // the pack itself is as it was
        let _ = fs::remove_file(&copy);
    })
}

fn append(path: &Path, name: &str, bytes: &[u8]) -> Result<(), PackError> {
    let failed = |error| PackError::file(path.display().to_string(), error);
    let file = File::options().read(true).write(true).open(path).map_err(failed)?;
    let append = || -> zip::result::ZipResult<()> {
        let mut zip = ZipWriter::new_append(file)?;
        zip.start_file(name, SimpleFileOptions::default())?;
        zip.write_all(bytes)?;
        zip.finish()?.sync_all()?;
        Ok(())
    };
    append().map_err(|error| failed(std::io::Error::other(error)))
}

fn zip(files: &Files, file: File) -> zip::result::ZipResult<()> {
    let mut zip = ZipWriter::new(std::io::BufWriter::with_capacity(1 << 20, file));
    // lines are long and alike: the fastest level halves the time and costs a few percent
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(1));
    for (name, bytes) in files {
        zip.start_file(name.as_str(), options)?;
        zip.write_all(bytes)?;
    }
    let file = zip.finish()?.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(())
}

pub fn read(path: &Path) -> Result<Files, PackError> {
    let name = path.display().to_string();
    let failed = |error| PackError::file(name.clone(), error);
    let kind = fs::metadata(path).map_err(failed)?;
    if kind.is_dir() {
        let list = path.join(LIST);
        let list =
            if list.exists() { bounded(&mut plain(&list, LIST)?, LIST, MOST_LISTED)? } else { Vec::new() };
        let mut limits = Limits::of(&list);
        let mut files = Files::new();
        folder(path, "", &mut limits, &mut files)?;
        return Ok(files);
    }
    if !kind.is_file() {
        return Err(PackError::malformed(name, "it is neither a folder nor a file"));
    }
    let broken = |error: zip::result::ZipError| PackError::malformed(name.clone(), error);
    few(path).map_err(failed)??;
    let mut zip = ZipArchive::new(File::open(path).map_err(failed)?).map_err(broken)?;
    // of two entries of one name, or an entry that its directory does not list, others would open what was not checked here
    zip.validate_header_consistency().map_err(broken)?;
    if zip.len() > MOST_FILES {
        return Err(PackError::malformed(name, format!("it has more than {MOST_FILES} files")));
    }
    let list = match zip.by_name(LIST) {
        Ok(mut list) => bounded(&mut list, LIST, MOST_LISTED)?,
        Err(zip::result::ZipError::FileNotFound) => Vec::new(),
        Err(error) => return Err(broken(error)),
    };
    let mut limits = Limits::of(&list);
    let mut files = Files::new();
    for at in 0..zip.len() {
        let mut entry = zip.by_index(at).map_err(broken)?;
        let inner = entry.name().map_err(broken)?.into_owned();
        if entry.is_dir() {
            continue;
        }
        let bytes = limits.take(&mut entry, &inner)?;
        files.insert(inner, bytes);
    }
    Ok(files)
}

/// Whether a zip says that it has no more files than a pack may have: before its directory is read, which is work too.
fn few(path: &Path) -> std::io::Result<Result<(), PackError>> {
    /// The end of the directory, and the longest comment that may stand behind it.
    const END: u64 = 22 + 65_535;
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(END)))?;
    let mut end = Vec::new();
    file.take(END).read_to_end(&mut end)?;
    let at = end.windows(4).rposition(|four| four == b"PK\x05\x06");
    let count = at.and_then(|at| Some(u16::from_le_bytes([*end.get(at + 10)?, *end.get(at + 11)?])));
    if count.is_some_and(|count| usize::from(count) > MOST_FILES) {
        let why = format!("it has more than {MOST_FILES} files");
        return Ok(Err(PackError::malformed(path.display().to_string(), why)));
    }
    Ok(Ok(()))
}

/// How much of each file is read.
struct Limits {
    /// As much as the list says, by name.
    listed: BTreeMap<String, u64>,
    /// What is left of all that a pack may have.
    room: u64,
}

impl Limits {
    fn of(list: &[u8]) -> Self {
        // a list that cannot be read lists nothing; the check says so
        let listed: Vec<Listed> = serde_json::from_slice(list).unwrap_or_default();
        Self { listed: listed.into_iter().map(|file| (file.name, file.bytes)).collect(), room: MOST_BYTES }
    }

    /// Reads a file, and a byte more than it may have at most: it is not the one that was listed then, which the check says.
    /// Of what is neither listed nor a proof only the name is of interest.
    fn take(&mut self, from: &mut dyn std::io::Read, name: &str) -> Result<Vec<u8>, PackError> {
        let most = match self.listed.get(name) {
            Some(listed) => listed.saturating_add(1),
            None if name == LIST => MOST_LISTED,
            None if name.starts_with(PROOF) => MOST_PROVING + 1,
            None => 0,
        };
        let mut bytes = Vec::new();
        from.take(most.min(self.room + 1))
            .read_to_end(&mut bytes)
            .map_err(|error| PackError::file(name, error))?;
        if name.starts_with(PROOF) && bytes.len() as u64 > MOST_PROVING {
            return Err(PackError::malformed(
                name,
                format!("it is longer than the {MOST_PROVING} bytes that a proof may have"),
            ));
        }
        self.room = self.room.checked_sub(bytes.len() as u64).ok_or_else(|| too_much(name))?;
        Ok(bytes)
    }
}

fn too_much(name: &str) -> PackError {
    PackError::malformed(name, format!("a pack has no more than {MOST_BYTES} bytes: take fewer months"))
}

fn is_zip(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("zip"))
}

fn bounded(from: &mut dyn std::io::Read, name: &str, most: u64) -> Result<Vec<u8>, PackError> {
    let mut bytes = Vec::new();
    from.take(most + 1).read_to_end(&mut bytes).map_err(|error| PackError::file(name, error))?;
    if bytes.len() as u64 > most {
        return Err(PackError::malformed(
            name,
            format!("it is longer than the {most} bytes that it may have"),
        ));
    }
    Ok(bytes)
}

/// Opens a plain file: a pipe would be waited for, and a link leads elsewhere.
fn plain(path: &Path, inner: &str) -> Result<File, PackError> {
    let failed = |error| PackError::file(path.display().to_string(), error);
    if !fs::symlink_metadata(path).map_err(failed)?.is_file() {
        return Err(PackError::malformed(inner, "it is no plain file"));
    }
    File::open(path).map_err(failed)
}

fn folder(root: &Path, below: &str, limits: &mut Limits, files: &mut Files) -> Result<(), PackError> {
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
            folder(root, &inner, limits, files)?;
            continue;
        }
        let mut file = plain(&entry.path(), &inner)?;
        let bytes = limits.take(&mut file, &inner)?;
        files.insert(inner, bytes);
    }
    Ok(())
}
