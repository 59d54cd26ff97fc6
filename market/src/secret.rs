//! Secrets in files: whole or not there at all, and for their owner alone.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Keeps a secret in a new file, durably. A crash leaves the whole file or none by that name.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] where one is there: it stays as it is. Else where it cannot be written.
pub fn keep(path: &Path, secret: &str) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(format!(".{}.new", std::process::id()));
    let new = Path::new(&new);
    let write = || {
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(new)?;
        file.write_all(secret.as_bytes())?;
        file.sync_all()?;
        // other than a rename, this does not put itself in the place of one that was made meanwhile
        fs::hard_link(new, path)
    };
    // left by a process of that number that was killed: it has no name that anybody reads
    let gone = |removed: io::Result<()>| match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    gone(fs::remove_file(new))?;
    let written = write();
    gone(fs::remove_file(new)).and(written)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_secret_is_there_whole_for_its_owner_and_is_never_written_over() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("a.secret");
        // what a killed process left is in nobody's way
        let left = room.path().join(format!("a.secret.{}.new", std::process::id()));
        fs::write(&left, "ha").unwrap();
        keep(&path, "the first").unwrap();
        assert_eq!(keep(&path, "another").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "the first");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(room.path()).unwrap().count(), 1, "nothing else is left");
    }
}
