//! The only place where the journal touches files; tests put a simulated disk here that fails on demand.
//!
//! All files lie in one folder. Nothing is durable before [`File::sync_data`], and no name before
//! [`Storage::sync_folder`].

#[cfg(test)]
pub(crate) mod simulated;

use std::{
    fs::{DirBuilder, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{FallocateFlags, fallocate};

/// The file whose lock says that a folder is in use.
pub(crate) const LOCK_NAME: &str = "lock";

/// What a disk loses at a time: the common size of a physical sector and of a page.
const BLOCK_LEN: usize = 4096;

/// A journal's folder.
#[derive(Debug)]
pub(crate) enum Storage {
    /// A folder of the file system.
    Folder(PathBuf),
    #[cfg(test)]
    Simulated(simulated::Disk),
}

/// An open file.
#[derive(Debug)]
pub(crate) enum File {
    Real(std::fs::File),
    #[cfg(test)]
    Simulated(simulated::Handle),
}

/// Keeps others out of the folder until it is dropped.
#[derive(Debug)]
pub(crate) enum Lock {
    /// The locked file.
    Real { _file: std::fs::File },
    #[cfg(test)]
    Simulated { _lock: simulated::FolderLock },
}

impl Storage {
    /// The folder, made if need be for its owner alone: datagrams hold names and addresses of people.
    pub(crate) fn create_folder(path: &Path) -> io::Result<Self> {
        if !path.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(path)?;
            if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                std::fs::File::open(parent)?.sync_all()?;
            }
        }
        Ok(Self::Folder(path.to_owned()))
    }

    /// Locks the folder against others that write; the error kind is `WouldBlock` when somebody holds it.
    pub(crate) fn lock(&self) -> io::Result<Lock> {
        match self {
            Self::Folder(folder) => {
                let file = OpenOptions::new()
                    .create(true)
                    .truncate(false)
                    .write(true)
                    .mode(0o600)
                    .open(folder.join(LOCK_NAME))?;
                hold(file.try_lock())?;
                Ok(Lock::Real { _file: file })
            }
            #[cfg(test)]
            Self::Simulated(disk) => Ok(Lock::Simulated { _lock: disk.lock()? }),
        }
    }

    /// Locks the folder against writers where it has a lock file; changes nothing.
    pub(crate) fn lock_shared(&self) -> io::Result<Option<Lock>> {
        match self {
            Self::Folder(folder) => match std::fs::File::open(folder.join(LOCK_NAME)) {
                Ok(file) => {
                    hold(file.try_lock_shared())?;
                    Ok(Some(Lock::Real { _file: file }))
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            },
            #[cfg(test)]
            Self::Simulated(disk) => Ok(Some(Lock::Simulated { _lock: disk.lock()? })),
        }
    }

    /// The names of the files, sorted.
    pub(crate) fn list(&self) -> io::Result<Vec<String>> {
        let mut names = match self {
            Self::Folder(folder) => {
                let mut names = Vec::new();
                for entry in std::fs::read_dir(folder)? {
                    names.extend(entry?.file_name().into_string());
                }
                names
            }
            #[cfg(test)]
            Self::Simulated(disk) => disk.list()?,
        };
        names.sort_unstable();
        Ok(names)
    }

    /// A new file of `size` octets with room on the disk for all of them.
    pub(crate) fn create(&self, name: &str, size: u64) -> io::Result<File> {
        match self {
            Self::Folder(folder) => {
                let file = OpenOptions::new()
                    .create_new(true)
                    .read(true)
                    .write(true)
                    .mode(0o600)
                    .open(folder.join(name))?;
                preallocate(&file, size)?;
                Ok(File::Real(file))
            }
            #[cfg(test)]
            Self::Simulated(disk) => Ok(File::Simulated(disk.create(name, size)?)),
        }
    }

    /// An existing file, to be read.
    pub(crate) fn open(&self, name: &str) -> io::Result<File> {
        match self {
            Self::Folder(folder) => Ok(File::Real(std::fs::File::open(folder.join(name))?)),
            #[cfg(test)]
            Self::Simulated(disk) => Ok(File::Simulated(disk.open(name)?)),
        }
    }

    /// An existing file, to be read, cut and synced.
    pub(crate) fn open_writable(&self, name: &str) -> io::Result<File> {
        match self {
            Self::Folder(folder) => {
                Ok(File::Real(OpenOptions::new().read(true).write(true).open(folder.join(name))?))
            }
            #[cfg(test)]
            Self::Simulated(disk) => Ok(File::Simulated(disk.open(name)?)),
        }
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        match self {
            Self::Folder(folder) => std::fs::rename(folder.join(from), folder.join(to)),
            #[cfg(test)]
            Self::Simulated(disk) => disk.rename(from, to),
        }
    }

    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match self {
            Self::Folder(folder) => std::fs::remove_file(folder.join(name)),
            #[cfg(test)]
            Self::Simulated(disk) => disk.remove(name),
        }
    }

    /// Makes the names durable.
    pub(crate) fn sync_folder(&self) -> io::Result<()> {
        match self {
            Self::Folder(folder) => std::fs::File::open(folder)?.sync_all(),
            #[cfg(test)]
            Self::Simulated(disk) => disk.sync_folder(),
        }
    }
}

impl File {
    pub(crate) fn size(&self) -> io::Result<u64> {
        match self {
            Self::Real(file) => Ok(file.metadata()?.len()),
            #[cfg(test)]
            Self::Simulated(file) => file.size(),
        }
    }

    /// Reads until `buffer` is full or the file ends; gives the number of octets read.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            match self.read_some_at(&mut buffer[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// Like [`File::read_at`], but what the disk can't read any more comes as zeros: a bad block costs the records in
    /// it and not all those behind it.
    pub(crate) fn read_salvaging(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self.read_at(buffer, offset) {
            Err(error) if is_bad_block(&error) => {}
            result => return result,
        }
        let mut done = 0;
        while done < buffer.len() {
            let at = offset + done as u64;
            let to_block_end = BLOCK_LEN - usize::try_from(at % BLOCK_LEN as u64).unwrap_or(0);
            let end = buffer.len().min(done + to_block_end);
            let piece = &mut buffer[done..end];
            match self.read_at(piece, at) {
                Ok(read) if read < piece.len() => return Ok(done + read),
                Ok(_) => {}
                Err(error) if is_bad_block(&error) => piece.fill(0),
                Err(error) => return Err(error),
            }
            done = end;
        }
        Ok(done)
    }

    /// Writes all octets, however few the system takes at a time.
    pub(crate) fn write_all_at(&self, octets: &[u8], offset: u64) -> io::Result<()> {
        let mut done = 0;
        while done < octets.len() {
            match self.write_some_at(&octets[done..], offset + done as u64) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => done += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Makes everything written durable. When it fails, what was written since the last success may be lost although
    /// a second call would succeed: the file must not be written again.
    pub(crate) fn sync_data(&self) -> io::Result<()> {
        match self {
            Self::Real(file) => file.sync_data(),
            #[cfg(test)]
            Self::Simulated(file) => file.sync_data(),
        }
    }

    /// Cuts the file off.
    pub(crate) fn truncate(&self, size: u64) -> io::Result<()> {
        match self {
            Self::Real(file) => file.set_len(size),
            #[cfg(test)]
            Self::Simulated(file) => file.truncate(size),
        }
    }

    fn read_some_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::Real(file) => file.read_at(buffer, offset),
            #[cfg(test)]
            Self::Simulated(file) => file.read_at(buffer, offset),
        }
    }

    fn write_some_at(&self, octets: &[u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::Real(file) => file.write_at(octets, offset),
            #[cfg(test)]
            Self::Simulated(file) => file.write_at(octets, offset),
        }
    }
}

/// Reserves room, so that a full disk shows when a segment is made and not amid it. Where the file system can't
/// reserve, the file only gets its size, and a full disk shows as a failed write.
fn preallocate(file: &std::fs::File, size: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, size) {
        Err(rustix::io::Errno::OPNOTSUPP) => file.set_len(size),
        result => Ok(result?),
    }
}

fn is_bad_block(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

fn hold(result: Result<(), TryLockError>) -> io::Result<()> {
    match result {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
