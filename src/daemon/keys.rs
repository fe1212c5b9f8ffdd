//! The key file: what seals secrets in the database and the snapshot, and signs our Class cookies.
//!
//! One line a key, the sealing one first: `KEYID HEX`, both hexadecimal. Lines that start with `#` are comments.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use base::{SecretBytes, seal::Sealer};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::folder;

/// The key file can't be used. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It is there but can't be read.
    #[error("the key file {} cannot be read by this user", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It can't be made.
    #[error("the key file {} cannot be made", path.display())]
    Make {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is missing although there is a database.
    #[error("the key file {} is missing, and without it the secrets in the database cannot be read: put it back", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Others may read it.
    #[error("the key file {} may be read by others: chmod 600 it", path.display())]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// A line is no key.
    #[error("line {line} of the key file {} is no key: 8 hexadecimal digits, a space, 64 hexadecimal digits", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

/// The keys of this installation.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Seals secrets at rest.
    pub sealer: Sealer,
    /// Signs Class cookies. Made from the first key, so that a cookie survives a restart.
    pub class: [u8; 16],
    /// Keys fingerprints of requests, likewise.
    pub fingerprint: SecretBytes,
}

/// Reads the key file.
///
/// # Errors
/// When it is missing, open to others, or malformed.
pub fn load(path: &Path) -> Result<Keys, KeyError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(KeyError::Missing { path: path.to_owned() });
        }
        Err(source) => return Err(KeyError::Read { path: path.to_owned(), source }),
    };
    let mode = fs::metadata(path)
        .map_err(|source| KeyError::Read { path: path.to_owned(), source })?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(KeyError::Open { path: path.to_owned() });
    }
    let mut keys = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if !line.trim().is_empty() && !line.starts_with('#') {
            let key =
                parse_line(line).ok_or_else(|| KeyError::Form { path: path.to_owned(), line: number + 1 })?;
            keys.push(key);
        }
    }
    let form = || KeyError::Form { path: path.to_owned(), line: 1 };
    let (_, first) = keys.first().ok_or_else(form)?;
    let class = derive(first, b"rrnetd class cookie");
    let fingerprint = SecretBytes::new(derive(first, b"rrnetd request fingerprint").to_vec());
    Ok(Keys { sealer: Sealer::new(keys).ok_or_else(form)?, class, fingerprint })
}

/// Makes a key file with one random key, unless there is one.
///
/// # Errors
/// When the system refuses.
pub fn make_when_missing(path: &Path) -> Result<(), KeyError> {
    if path.exists() {
        return Ok(());
    }
    let make = |source| KeyError::Make { path: path.to_owned(), source };
    let mut random = Zeroizing::new([0; 4 + Sealer::KEY_OCTETS]);
    getrandom::fill(random.as_mut_slice()).map_err(|error| make(error.into()))?;
    let (id, key) = random.split_at(4);
    let text = Zeroizing::new(format!(
        "# Seals the secrets in rrnetd's database. Keep a copy, apart from the database's.\n{} {}\n",
        hex::encode(id),
        Zeroizing::new(hex::encode(key)).as_str(),
    ));
    folder::write_file(path, 0o600, text.as_bytes()).map_err(make)
}

fn parse_line(line: &str) -> Option<(u32, [u8; Sealer::KEY_OCTETS])> {
    let (id, key) = line.trim().split_once(' ')?;
    let mut octets = [0; Sealer::KEY_OCTETS];
    hex::decode_to_slice(key.trim(), &mut octets).ok()?;
    Some((u32::from_str_radix(id, 16).ok()?, octets))
}

/// A key for another purpose, from which the first can't be found.
fn derive(key: &[u8], purpose: &[u8]) -> [u8; 16] {
    let digest = Sha256::new().chain_update(purpose).chain_update(key).finalize();
    let mut derived = [0; 16];
    derived.copy_from_slice(&digest[..16]);
    derived
}

#[cfg(test)]
mod tests {
    use base::{TenantId, seal::Place};

    use super::*;

    #[test]
    fn a_key_file_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rrnetd.key");
        assert!(matches!(load(&path), Err(KeyError::Missing { .. })));
        make_when_missing(&path).unwrap();
        let place = Place { tenant: TenantId::PLATFORM, table: "t", column: "c", row: b"r" };
        let sealed = load(&path).unwrap().sealer.seal(&place, b"secret");
        make_when_missing(&path).unwrap();
        assert_eq!(load(&path).unwrap().sealer.open(&place, &sealed).unwrap().expose(), b"secret");
        assert_eq!(load(&path).unwrap().class, load(&path).unwrap().class);
    }

    #[test]
    fn an_open_or_broken_key_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rrnetd.key");
        folder::write_file(&path, 0o644, b"00000001 00\n").unwrap();
        assert!(matches!(load(&path), Err(KeyError::Open { .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(load(&path), Err(KeyError::Form { line: 1, .. })));
        folder::write_file(&path, 0o600, b"# nothing\n").unwrap();
        assert!(matches!(load(&path), Err(KeyError::Form { .. })));
    }
}
