//! The log's files: tiles as C2SP tlog-tiles has them, checkpoints, and how far the tree is.
//!
//! ```text
//! checkpoint            the newest, a signed note
//! checkpoints/SIZE      every one that was signed, by its size
//! tile/L/N, tile/L/N.p/W   hashes of the tree: level, number in threes of digits, width of one that is not full yet
//! state                 size and root up to which the tiles stand
//! lock                  held by who writes
//! ```

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use tlog_tiles::{Error as TileError, Hash, Tile, TileReader};

use crate::ProofError;
use crate::tree::{HEIGHT, TILE};

const HASH: usize = 32;
/// Whether the system can sync all that was written to a disk at once. Where it cannot, each tile is synced alone.
const TOGETHER: bool = cfg!(target_os = "linux");
/// Longest note that is read.
const MOST_NOTE: u64 = 1_000_000;

/// Holding this is being the one who writes the log. Released on drop.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing would do, unless this process is just starting another one, which has a copy of the file for
        // the moment between fork and exec.
        let _ = self.0.unlock();
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Files {
    folder: PathBuf,
    /// Makes [`settle`](Self::settle) fail, and what was written since the last one go, as on a disk that fails.
    #[cfg(test)]
    pub failing: std::rc::Rc<std::cell::RefCell<Failing>>,
}

#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Failing {
    pub fails: bool,
    pub unsettled: Vec<PathBuf>,
}

impl Files {
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            #[cfg(test)]
            failing: std::rc::Rc::default(),
        }
    }

    pub fn lock(&self) -> Result<Lock, ProofError> {
        self.make(&self.folder).map_err(ProofError::file(&self.folder))?;
        let path = self.folder.join("lock");
        let file = File::options().create(true).append(true).open(&path).map_err(ProofError::file(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(fs::TryLockError::WouldBlock) => Err(ProofError::Busy(self.folder.display().to_string())),
            Err(fs::TryLockError::Error(error)) => Err(ProofError::file(&path)(error)),
        }
    }

    /// What a file holds; none where it is not there.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, ProofError> {
        let path = self.folder.join(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ProofError::file(&path)(error)),
        };
        let mut bytes = Vec::new();
        file.take(MOST_NOTE + 1).read_to_end(&mut bytes).map_err(ProofError::file(&path))?;
        if bytes.len() as u64 > MOST_NOTE {
            let why = format!("{} has more than {MOST_NOTE} bytes", path.display());
            return Err(ProofError::malformed("a file of the log", why));
        }
        Ok(Some(bytes))
    }

    /// Puts a file in its place, whole and durable or not at all.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), ProofError> {
        let path = self.folder.join(name);
        let parent = path.parent().unwrap_or(&self.folder);
        self.make(parent).map_err(ProofError::file(parent))?;
        let new = path.with_extension("new");
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(parent)?.sync_all()
        };
        write().map_err(ProofError::file(&path))
    }

    /// Makes a folder, and makes it last.
    fn make(&self, folder: &Path) -> std::io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        self.make(above)?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            _ => File::open(above)?.sync_all(),
        }
    }

    /// Removes a file, or a folder with all that is in it, where it is there.
    pub fn remove(&self, name: &str) -> Result<(), ProofError> {
        let path = self.folder.join(name);
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        match removed {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(ProofError::file(&path)(error)),
            _ => Ok(()),
        }
    }

    /// The sizes of all checkpoints, from the smallest.
    pub fn checkpoints(&self) -> Result<Vec<u64>, ProofError> {
        let folder = self.folder.join("checkpoints");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(ProofError::file(&folder)(error)),
        };
        let mut sizes = Vec::new();
        for entry in entries {
            let name = entry.map_err(ProofError::file(&folder))?.file_name();
            let size = name.to_str().and_then(|name| name.parse::<u64>().ok());
            sizes.extend(size.filter(|size| name.to_str() == Some(&size.to_string())));
        }
        sizes.sort_unstable();
        Ok(sizes)
    }

    pub fn tile(&self, level: u8, number: u64, width: usize) -> Result<Option<Vec<Hash>>, ProofError> {
        let name = tile_name(level, number, width);
        let Some(bytes) = self.read(&name)? else { return Ok(None) };
        if bytes.len() != width * HASH {
            let why = format!("{name} has {} bytes, not {}", bytes.len(), width * HASH);
            return Err(ProofError::damaged(why));
        }
        let hash = |bytes: &[u8]| Hash(bytes.try_into().expect("invariant: cut in pieces of 32 bytes"));
        Ok(Some(bytes.chunks_exact(HASH).map(hash).collect()))
    }

    /// A tile, or as much of the full one that it has become.
    pub fn tile_or_full(
        &self,
        level: u8,
        number: u64,
        width: usize,
    ) -> Result<Option<Vec<Hash>>, ProofError> {
        if let Some(hashes) = self.tile(level, number, width)? {
            return Ok(Some(hashes));
        }
        let full = self.tile(level, number, TILE)?;
        Ok(full.map(|mut hashes| {
            hashes.truncate(width);
            hashes
        }))
    }

    /// Writes a tile, which lasts with the next [`settle`](Self::settle).
    pub fn write_tile(&self, level: u8, number: u64, hashes: &[Hash]) -> Result<(), ProofError> {
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
        let name = tile_name(level, number, hashes.len());
        if !TOGETHER {
            return self.write(&name, &bytes);
        }
        let path = self.folder.join(name);
        let parent = path.parent().unwrap_or(&self.folder);
        let new = path.with_extension("new");
        let write = || {
            fs::create_dir_all(parent)
                .and_then(|()| fs::write(&new, bytes))
                .and_then(|()| fs::rename(&new, &path))
        };
        write().map_err(ProofError::file(&path))?;
        #[cfg(test)]
        self.failing.borrow_mut().unsettled.push(path);
        Ok(())
    }

    /// Makes all tiles last that were written. One call for all of them: each that is synced alone makes those who append to
    /// the journal beside wait for the disk, once for every 256 events. `lock` was opened before they were written: a failure since then is
    /// told through it, also where another process was told first. After a failure what was written may be gone, so all of it is written again.
    pub fn settle(&self, lock: &Lock) -> Result<(), ProofError> {
        #[cfg(test)]
        {
            let mut failing = self.failing.borrow_mut();
            let unsettled = std::mem::take(&mut failing.unsettled);
            if failing.fails {
                unsettled.iter().for_each(|path| fs::remove_file(path).expect("it was written"));
                return Err(ProofError::file(&self.folder)(std::io::Error::other("the disk failed")));
            }
        }
        #[cfg(target_os = "linux")]
        rustix::fs::syncfs(&lock.0).map_err(|error| ProofError::file(&self.folder)(error.into()))?;
        #[cfg(not(target_os = "linux"))]
        let _ = lock; // each tile was synced alone
        Ok(())
    }

    /// Removes what a tile was before it was full: until the full one lasts, whoever has a checkpoint of that size reads them.
    pub fn remove_partial(&self, level: u8, number: u64) -> Result<(), ProofError> {
        self.remove(&format!("{}.p", tile_name(level, number, TILE)))
    }
}

/// Where a tile lies.
pub(crate) fn tile_name(level: u8, number: u64, width: usize) -> String {
    let width = u32::try_from(width).expect("invariant: at most 256");
    // the crate names the height, which is one and the same, as Go's checksum database did
    Tile::new(HEIGHT, level, number, width, false).path().replacen("tile/8/", "tile/", 1)
}

impl TileReader for Files {
    fn height(&self) -> u8 {
        HEIGHT
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, TileError> {
        let missing = |tile: &Tile, why: String| {
            let name = tile_name(tile.level(), tile.level_index(), tile.width() as usize);
            TileError::InvalidInput(format!("{name}: {why}"))
        };
        let read = |tile: &Tile| {
            let (level, number, width) = (tile.level(), tile.level_index(), tile.width() as usize);
            let found = self.tile_or_full(level, number, width);
            let hashes = found.map_err(|error| missing(tile, error.to_string()))?;
            let hashes = hashes.ok_or_else(|| missing(tile, "is not there".to_owned()))?;
            Ok(hashes.iter().flat_map(|hash| hash.0).collect())
        };
        tiles.iter().map(read).collect()
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}
