//! The log's files: tiles as C2SP tlog-tiles has them, checkpoints, and how far the tree is.
//!
//! ```text
//! checkpoint            the newest, a signed note
//! checkpoints/SIZE      every one that was signed, by its size
//! tile/L/N, tile/L/N.p/W   hashes of the tree: level, number in threes of digits, width where it is not full
//! state                 size and root up to which the tiles stand
//! lock                  held by who writes
//! ```

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use tlog_tiles::{Error as TileError, Hash, Tile, TileReader};

use crate::ProofError;
use crate::tree::{HEIGHT, TILE};

const HASH: usize = 32;
/// Longest note that is read.
const MOST_NOTE: u64 = 1_000_000;

#[derive(Clone, Debug)]
pub(crate) struct Files(PathBuf);

impl Files {
    pub fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    pub fn folder(&self) -> &Path {
        &self.0
    }

    pub fn lock(&self) -> Result<File, ProofError> {
        fs::create_dir_all(&self.0).map_err(ProofError::file(&self.0))?;
        let path = self.0.join("lock");
        let file = File::options().create(true).append(true).open(&path).map_err(ProofError::file(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(fs::TryLockError::WouldBlock) => Err(ProofError::Busy(self.0.display().to_string())),
            Err(fs::TryLockError::Error(error)) => Err(ProofError::file(&path)(error)),
        }
    }

    /// What a file holds; none where it is not there.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, ProofError> {
        let path = self.0.join(name);
        match fs::metadata(&path) {
            Ok(found) if found.len() > MOST_NOTE => {
                let why = format!("{} has {} bytes, more than any note", path.display(), found.len());
                Err(ProofError::malformed("a file of the log", why))
            }
            Ok(_) => fs::read(&path).map(Some).map_err(ProofError::file(&path)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ProofError::file(&path)(error)),
        }
    }

    /// Puts a file in its place, whole and durable or not at all.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), ProofError> {
        let path = self.0.join(name);
        let parent = path.parent().unwrap_or(&self.0);
        fs::create_dir_all(parent).map_err(ProofError::file(parent))?;
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

    pub fn remove(&self, name: &str) -> Result<(), ProofError> {
        let path = self.0.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(ProofError::file(&path)(error)),
            _ => Ok(()),
        }
    }

    /// The sizes of all checkpoints, from the smallest.
    pub fn checkpoints(&self) -> Result<Vec<u64>, ProofError> {
        let folder = self.0.join("checkpoints");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(ProofError::file(&folder)(error)),
        };
        let mut sizes = Vec::new();
        for entry in entries {
            let name = entry.map_err(ProofError::file(&folder))?.file_name();
            sizes.extend(name.to_str().and_then(|name| name.parse::<u64>().ok()));
        }
        sizes.sort_unstable();
        Ok(sizes)
    }

    pub fn tile(&self, level: u8, number: u64, width: usize) -> Result<Option<Vec<Hash>>, ProofError> {
        let name = tile_name(level, number, width);
        let Some(bytes) = self.read(&name)? else { return Ok(None) };
        if bytes.len() != width * HASH {
            let why = format!("{name} has {} bytes, not {}", bytes.len(), width * HASH);
            return Err(ProofError::malformed("a tile of the log", why));
        }
        let hash = |bytes: &[u8]| Hash(bytes.try_into().expect("invariant: cut in pieces of 32 bytes"));
        Ok(Some(bytes.chunks_exact(HASH).map(hash).collect()))
    }

    pub fn write_tile(&self, level: u8, number: u64, hashes: &[Hash]) -> Result<(), ProofError> {
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
        self.write(&tile_name(level, number, hashes.len()), &bytes)
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
            // a narrower tile was replaced by what it grew to
            let found = (width..=TILE).find_map(|wider| self.tile(level, number, wider).transpose());
            let hashes = found.transpose().map_err(|error| missing(tile, error.to_string()))?;
            let hashes = hashes.ok_or_else(|| missing(tile, "is not there".to_owned()))?;
            Ok(hashes[..width].iter().flat_map(|hash| hash.0).collect())
        };
        tiles.iter().map(read).collect()
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}
