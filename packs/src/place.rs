//! Where a pack stands: a folder or a zip. What is read is anybody's: it is bounded before it is taken into memory, and
//! nothing but plain files is opened.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::PackError;
use crate::files::{LIST, Listed, PROOF, proof};

/// Most bytes that a pack's files may have together.
pub const MOST_BYTES: u64 = 2 << 30;
/// Most files of a pack.
const MOST_FILES: usize = 1_000;
/// Most bytes of the list.
const MOST_LISTED: u64 = 1 << 20;
/// Most bytes of a file that proves the list, and so is not in it: as long as a statement may be.
pub const MOST_PROVING: u64 = 256 << 20;

/// Most bytes of the directory at the end of a zip.
const MOST_DIRECTORY: u32 = 1 << 20;

/// Files by their names within the pack.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What of a pack is read.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'n> {
    /// Most bytes of all files together.
    pub most: u64,
    /// These files alone; none: all.
    pub only: Option<&'n [&'n str]>,
}

impl Reading<'_> {
    fn wants(&self, name: &str) -> bool {
        self.only.is_none_or(|only| only.contains(&name))
    }
}

pub fn write(files: &Files, path: &Path) -> Result<(), PackError> {
    let name = path.display().to_string();
    let failed = |error| PackError::file(name.clone(), error);
    if files.values().map(|bytes| bytes.len() as u64).sum::<u64>() > MOST_BYTES {
        return Err(too_much(&name, MOST_BYTES));
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
            fs::rename(from, to).inspect_err(|_| {
                // the name is free again for the next try; what somebody put there meanwhile stays
                let _ = fs::remove_dir(to);
            })?;
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

/// Makes these files of a pack that is written already those that it has here: new ones, others, or none. What is written is a copy
/// beside it, which takes the place of the zip, or of the file, once it lasts: whatever comes between, each is the one before or the one after.
/// Where nothing can stand beside a folder a file is written over, and is not whole until then.
pub fn lay_again(path: &Path, pack: &Files, names: &[String]) -> Result<(), PackError> {
    let failed = |error| PackError::file(path.display().to_string(), error);
    // beside the pack itself: a link to it may stand on another file system, and beside `.` is within it
    let path = &fs::canonicalize(path).map_err(failed)?;
    let beside = |n: usize| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.with_file_name(format!(".adding-{}-{n}-{name}", std::process::id()))
    };
    if path.is_file() {
        return replaced(&beside(0), path, &|file| again(path, file, pack, names)).map_err(failed);
    }
    for (n, name) in names.iter().enumerate() {
        let to = path.join(name);
        let lay = || match pack.get(name) {
            Some(bytes) => {
                fs::create_dir_all(to.parent().unwrap_or(path))?;
                laid_over(&beside(n), &to, bytes)?;
                sync_folder_of(to.parent().unwrap_or(path))
            }
            None if to.exists() => fs::remove_file(&to).and_then(|()| sync_folder_of(&to)),
            None => Ok(()),
        };
        lay().map_err(|error| PackError::file(to.display().to_string(), error))?;
    }
    Ok(())
}

/// Lays a file over another by a copy, or in its place where no copy of it can be moved there: its folder may be all that is its owner's of
/// where it stands, such as a disk of its own.
fn laid_over(copy: &Path, to: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let write = |mut file: File| {
        file.write_all(bytes)?;
        file.sync_all()
    };
    let apart = [ErrorKind::CrossesDevices, ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem];
    match replaced(copy, to, &write) {
        Err(error) if apart.contains(&error.kind()) => {
            write(File::create(to)?).and_then(|()| sync_folder_of(to))
        }
        laid => laid,
    }
}

/// Writes a copy, and lays it over what it is a copy of. It is this program's own: a file of its name is not written over.
fn replaced(copy: &Path, to: &Path, write: &dyn Fn(File) -> std::io::Result<()>) -> std::io::Result<()> {
    let file = File::create_new(copy)?;
    let laid = || {
        // before there is anything to read in it: who may read what is there may read what comes
        match fs::metadata(to) {
            Ok(there) => file.set_permissions(there.permissions())?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        write(file)?;
        fs::rename(copy, to)
    };
    laid().inspect_err(|_| {
        // what is there is as it was
        let _ = fs::remove_file(copy);
    })?;
    sync_folder_of(to)
}

/// The zip at a place with these files as they are here; the others as they are there.
fn again(path: &Path, to: File, pack: &Files, names: &[String]) -> std::io::Result<()> {
    let copied = || -> zip::result::ZipResult<()> {
        let mut old = ZipArchive::new(File::open(path)?)?;
        let mut zip = ZipWriter::new(std::io::BufWriter::with_capacity(1 << 20, to));
        for at in 0..old.len() {
            let entry = old.by_index_raw(at)?;
            let name = entry.name()?.into_owned();
            if !names.contains(&name) {
                zip.raw_copy_file(entry)?;
            }
        }
        for (name, bytes) in names.iter().filter_map(|name| Some((name, pack.get(name)?))) {
            zip.start_file(name.as_str(), SimpleFileOptions::default())?;
            zip.write_all(bytes)?;
        }
        zip.finish()?.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        Ok(())
    };
    copied().map_err(std::io::Error::other)
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

pub fn read(path: &Path, reading: &Reading<'_>) -> Result<Files, PackError> {
    let name = path.display().to_string();
    let failed = |error| PackError::file(name.clone(), error);
    let kind = fs::metadata(path).map_err(failed)?;
    if kind.is_dir() {
        let list = path.join(LIST);
        let list =
            if list.exists() { bounded(&mut plain(&list, LIST)?, LIST, MOST_LISTED)? } else { Vec::new() };
        let mut limits = Limits::of(&list, reading);
        let mut files = Files::new();
        folder(path, "", &mut limits, &mut files)?;
        files.retain(|name, _| reading.wants(name));
        return Ok(files);
    }
    if !kind.is_file() {
        return Err(PackError::malformed(name, "it is neither a folder nor a file"));
    }
    let mut files = Files::new();
    zipped(path, reading, &mut |limits, name, from| {
        files.insert(name.to_owned(), limits.take(from, name)?);
        Ok(())
    })?;
    Ok(files)
}

/// What is done with a file of a zip: how much of it may be read, its name, and what it is read from.
type EachOfZip<'e, 'n> =
    &'e mut dyn FnMut(&mut Limits<'n>, &str, &mut dyn std::io::Read) -> Result<(), PackError>;

/// Goes through the files of a zip that are wanted of it, whatever stands between them.
fn zipped<'n>(path: &Path, reading: &Reading<'n>, each: EachOfZip<'_, 'n>) -> Result<(), PackError> {
    let name = path.display().to_string();
    let failed = |error| PackError::file(name.clone(), error);
    let broken = |error: zip::result::ZipError| PackError::malformed(name.clone(), error);
    directory(path).map_err(failed)??;
    let mut zip = ZipArchive::new(File::open(path).map_err(failed)?).map_err(broken)?;
    // of two entries of one name, or an entry that its directory does not list, others would open what was not checked here
    zip.validate_header_consistency().map_err(broken)?;
    let list = match zip.by_name(LIST) {
        Ok(mut list) => bounded(&mut list, LIST, MOST_LISTED)?,
        Err(zip::result::ZipError::FileNotFound) => Vec::new(),
        Err(error) => return Err(broken(error)),
    };
    let mut limits = Limits::of(&list, reading);
    for at in 0..zip.len() {
        let mut entry = zip.by_index(at).map_err(broken)?;
        let inner = entry.name().map_err(broken)?.into_owned();
        if !entry.is_dir() && reading.wants(&inner) {
            each(&mut limits, &inner, &mut entry)?;
        }
    }
    Ok(())
}

/// Whether these files stand there and no others, byte by byte, as whoever gets them will find them. A zip is held to them as it is read: a second
/// copy of them all would only be made to be compared.
pub fn stands(path: &Path, files: &Files) -> Result<bool, PackError> {
    let whole = Reading { most: MOST_BYTES, only: None };
    let kind = fs::metadata(path).map_err(|error| PackError::file(path.display().to_string(), error))?;
    if !kind.is_file() {
        return Ok(read(path, &whole)? == *files);
    }
    let (mut found, mut same) = (0, true);
    zipped(path, &whole, &mut |limits, name, from| {
        found += 1;
        same = same && files.get(name).map_or(Ok(false), |expected| limits.hold(from, name, expected))?;
        Ok(())
    })?;
    Ok(same && found == files.len())
}

/// Whether a zip ends with a directory that is no longer than a pack's can be: before that is read, which is work too. It is the file's last
/// bytes, without a comment behind it in which another could stand.
fn directory(path: &Path) -> std::io::Result<Result<(), PackError>> {
    /// Bytes of the end of the directory.
    const END: u64 = 22;
    let bad = |why: &str| Ok(Err(PackError::malformed(path.display().to_string(), why)));
    let none = || bad("it does not end with a zip's directory and nothing else: zip the pack's folder again");
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let Some(at) = length.checked_sub(END) else { return none() };
    let (mut end, mut first) = ([0; END as usize], [0; 4]);
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut end)?;
    let two = |at: usize| u16::from_le_bytes([end[at], end[at + 1]]);
    let four = |at: usize| u32::from_le_bytes([end[at], end[at + 1], end[at + 2], end[at + 3]]);
    let (count, bytes, begins) = (two(10), four(12), u64::from(four(16)));
    if end[..4] != *b"PK\x05\x06" || begins + u64::from(bytes) != at {
        return none();
    }
    if usize::from(count) > MOST_FILES {
        return bad(&format!("it has more than {MOST_FILES} files"));
    }
    file.seek(SeekFrom::Start(begins))?;
    file.read_exact(&mut first)?;
    // of one disk, without a comment
    let one = [two(4), two(6), two(20)] == [0; 3] && two(8) == count && four(16) < u32::MAX;
    if !one || bytes > MOST_DIRECTORY || first != *b"PK\x01\x02" {
        return none();
    }
    Ok(Ok(()))
}

/// How much of each file is read.
struct Limits<'n> {
    /// As much as the list says, by name.
    listed: BTreeMap<String, u64>,
    /// What is left of all that is read.
    room: u64,
    reading: Reading<'n>,
}

impl<'n> Limits<'n> {
    fn of(list: &[u8], reading: &Reading<'n>) -> Self {
        // a list that cannot be read lists nothing; the check says so
        let listed: Vec<Listed> = serde_json::from_slice(list).unwrap_or_default();
        let listed = listed.into_iter().map(|file| (file.name, file.bytes)).collect();
        Self { listed, room: reading.most, reading: *reading }
    }

    /// Reads a file, and a byte more than it may have at most: it is not the one that was listed then, which the check says.
    /// Of what is neither listed nor a proof that a pack can have only the name is of interest: no signature of the list holds for how long it is.
    fn take(&mut self, from: &mut dyn std::io::Read, name: &str) -> Result<Vec<u8>, PackError> {
        let mut bytes = Vec::new();
        from.take(self.most(name)).read_to_end(&mut bytes).map_err(|error| PackError::file(name, error))?;
        self.took(name, bytes.len() as u64)?;
        Ok(bytes)
    }

    /// Whether a file reads as these bytes, as far as it is read.
    fn hold(&mut self, from: &mut dyn std::io::Read, name: &str, expected: &[u8]) -> Result<bool, PackError> {
        let (mut rest, mut from, mut buffer) = (expected, from.take(self.most(name)), vec![0; 64 << 10]);
        loop {
            let read = from.read(&mut buffer).map_err(|error| PackError::file(name, error))?;
            match rest.strip_prefix(&buffer[..read]) {
                Some(after) if read > 0 => rest = after,
                Some([]) => break,
                _ => return Ok(false),
            }
        }
        self.took(name, expected.len() as u64)?;
        Ok(true)
    }

    /// How much of a file is read.
    fn most(&self, name: &str) -> u64 {
        let most = match self.listed.get(name) {
            _ if !self.reading.wants(name) => 0,
            _ if proves(name) => MOST_PROVING + 1,
            Some(listed) => listed.saturating_add(1),
            None if name == LIST => MOST_LISTED,
            None => 0,
        };
        most.min(self.room + 1)
    }

    /// Counts what was read of a file; refused where that is more than it may have.
    fn took(&mut self, name: &str, bytes: u64) -> Result<(), PackError> {
        if proves(name) && bytes > MOST_PROVING {
            return Err(PackError::malformed(
                name,
                format!("it is longer than the {MOST_PROVING} bytes that a proof may have"),
            ));
        }
        self.room = self.room.checked_sub(bytes).ok_or_else(|| too_much(name, self.reading.most))?;
        Ok(())
    }
}

/// Whether a file is a proof that a pack can have.
fn proves(name: &str) -> bool {
    name.strip_prefix(PROOF).is_some_and(|name| proof::ALL.contains(&name))
}

fn too_much(name: &str, most: u64) -> PackError {
    PackError::malformed(
        name,
        if most < MOST_BYTES {
            format!(
                "the pack has more than {most} bytes, and no signature that was asked for says that the market issued it: name the market's public \
                 key with --key, or check lines and figures alone with --unsigned"
            )
        } else {
            format!("a pack has no more than {MOST_BYTES} bytes: take fewer months")
        },
    )
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

fn folder(root: &Path, below: &str, limits: &mut Limits<'_>, files: &mut Files) -> Result<(), PackError> {
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_laid_also_where_no_copy_of_it_can_be_moved_there() {
        let place = tempfile::tempdir().unwrap();
        let to = place.path().join("proof");
        fs::write(&to, "before").unwrap();
        laid_over(&place.path().join("copy"), &to, b"after").unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"after");
        // a folder that is a disk of its own, where there is one
        let Ok(apart) = tempfile::tempdir_in("/dev/shm") else { return };
        let copy = apart.path().join("copy");
        laid_over(&copy, &to, b"later").unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"later");
        assert!(!copy.exists(), "nothing is left of the copy");
        fs::write(&copy, "somebody's").unwrap();
        let error = laid_over(&copy, &to, b"last").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&copy).unwrap(), b"somebody's");
    }
}
