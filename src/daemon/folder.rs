//! The data folder: made when missing, private to its owner, and locked by one daemon at a time.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};

/// The file that is locked. It stays behind, empty but for the process id, and means nothing by itself.
const LOCK_FILE: &str = "rrnetd.lock";

/// The folder can't be used. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It can't be made.
    #[error("the data folder {} cannot be made: choose another, or make it and give it to this user", path.display())]
    Make {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nothing can be written in it.
    #[error("the data folder {} is not writable by this user: change its owner, or choose another", path.display())]
    NotWritable {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another daemon holds it.
    #[error("the data folder {} is in use by another rrnetd: stop that one, or choose another folder", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
}

/// The lock on a data folder, held until dropped; the kernel drops it with the process, however that ends.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

/// Makes the folder when missing (mode 0700).
///
/// # Errors
/// When the system refuses.
pub fn make(path: &Path) -> Result<(), FolderError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| FolderError::Make { path: path.to_owned(), source })
}

/// The file that [`lock`] makes.
#[must_use]
pub fn lock_file(path: &Path) -> PathBuf {
    path.join(LOCK_FILE)
}

/// Locks a folder that a daemon has used before; `None` where none has, and nothing is made.
///
/// # Errors
/// As [`lock`].
pub fn lock_known(path: &Path) -> Result<Option<FolderLock>, FolderError> {
    if lock_file(path).exists() { lock(path).map(Some) } else { Ok(None) }
}

/// Locks the folder.
///
/// # Errors
/// When it can't be written, or another process holds it.
pub fn lock(path: &Path) -> Result<FolderLock, FolderError> {
    let not_writable = |source| FolderError::NotWritable { path: path.to_owned(), source };
    let place = lock_file(path);
    let mut options = OpenOptions::new();
    let opened = options.create(true).truncate(false).write(true).mode(0o600).open(&place);
    let mut file = match opened {
        // A later start on a disk that takes nothing: subscribers still log in.
        Err(error) if is_of_the_disk(&error) => File::open(&place).map_err(|_| not_writable(error))?,
        opened => opened.map_err(not_writable)?,
    };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Err(FolderError::Locked { path: path.to_owned() }),
        Err(error) => return Err(not_writable(error.into())),
    }
    if file.metadata().map_err(not_writable)?.nlink() == 0 {
        // A first start that failed took it away between the opening and the locking.
        return lock(path);
    }
    match file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())) {
        // Whoever holds it, it is held: the process id in it is for people.
        Err(error) if is_of_the_disk(&error) => {}
        written => written.map_err(not_writable)?,
    }
    Ok(FolderLock { _file: file })
}

/// Whether it is full or read-only, and not a matter of rights.
pub(super) fn is_of_the_disk(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::StorageFull | Kind::QuotaExceeded | Kind::ReadOnlyFilesystem)
}

/// Writes a file whole or not at all: a temporary one in the same folder, synced, then renamed over.
///
/// # Errors
/// When the system refuses; then the old file, if any, is unharmed.
pub fn write_file(path: &Path, mode: u32, contents: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidFilename))?;
    let temporary = folder.join(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(mode).open(&temporary)?;
    let written =
        file.write_all(contents).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        fs::remove_file(&temporary)?;
        return Err(error);
    }
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_daemon_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let held = lock(folder.path()).unwrap();
        assert!(matches!(lock(folder.path()), Err(FolderError::Locked { .. })));
        assert!(matches!(lock_known(folder.path()), Err(FolderError::Locked { .. })));
        drop(held);
        lock(folder.path()).unwrap();
        assert!(lock_known(folder.path()).unwrap().is_some());
        let unknown = folder.path().join("unknown");
        assert!(lock_known(&unknown).unwrap().is_none() && !unknown.exists());
    }

    #[test]
    fn a_file_is_written_whole_and_privately() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write_file(&path, 0o600, b"first").unwrap();
        write_file(&path, 0o600, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
    }
}
