//! This node's name: in a small file of the data folder, so that it is the same after a restart. One daemon at a time holds the
//! folder, so what is found running in the queue under this name at the start was left behind by the process before.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{folder, state::random};

/// The file in the data folder.
const FILE: &str = "node";
/// A name is shown in lists.
const MAX_LENGTH: usize = 100;

/// The name can't be read or made. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The file can't be read or written.
    #[error("the file {} cannot be read or written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no name in it.
    #[error("the file {} holds no name: write one line of up to 100 letters, or delete it", path.display())]
    Form {
        /// The file.
        path: PathBuf,
    },
    /// The operating system gives no randomness.
    #[error("the operating system gives no randomness")]
    Random(#[source] getrandom::Error),
}

/// Reads the name, or makes one of the machine's name and a random part.
///
/// # Errors
/// When the file can't be used; on a disk that takes nothing the new name holds until the process ends.
pub(super) fn name(data: &Path) -> Result<String, NodeError> {
    let path = data.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) => {
            let name = text.trim();
            let is_name = !name.is_empty() && name.len() <= MAX_LENGTH && !name.contains(char::is_control);
            return if is_name { Ok(name.to_owned()) } else { Err(NodeError::Form { path }) };
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(NodeError::File { path, source }),
    }
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().take(MAX_LENGTH / 2).collect();
    let name = format!("{host}/{}", hex::encode(random::<4>().map_err(NodeError::Random)?));
    match folder::write_file(&path, 0o600, format!("{name}\n").as_bytes()) {
        Err(error) if folder::is_of_the_disk(&error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "this node's name cannot be kept: after a restart its jobs wait for their leases to end"
            );
        }
        written => written.map_err(|source| NodeError::File { path, source })?,
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_stays_with_the_folder() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = name(one.path()).unwrap();
        assert_eq!(name(one.path()).unwrap(), first, "after a restart it is the same");
        assert_ne!(name(two.path()).unwrap(), first, "and nobody else's");
        fs::write(one.path().join(FILE), "north\n").unwrap();
        assert_eq!(name(one.path()).unwrap(), "north", "the operator may choose");
        for wrong in ["", "two\nlines", &"long".repeat(30)] {
            fs::write(one.path().join(FILE), wrong).unwrap();
            assert!(matches!(name(one.path()), Err(NodeError::Form { .. })), "{wrong}");
        }
    }
}
