//! Which database this data folder belongs to, in a small file beside it: so that a start without the database knows which
//! journal and snapshot are its own, and a wrong key file is found before anything is changed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use base::{
    DatabaseId, TenantId,
    seal::{OpenError, Place, Sealer},
};
use serde::{Deserialize, Serialize};

use super::folder;

/// Its name.
const FILE: &str = "identity.json";

/// What is sealed as a proof that the key is the right one.
const PROOF: &[u8] = b"rrnetd";

/// The identity can't be used. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file can't be read or written.
    #[error("the file {} cannot be read or written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not ours.
    #[error("the file {} is damaged: restore it with the data folder's other files", path.display())]
    Form {
        /// The file.
        path: PathBuf,
    },
    /// The key is another one.
    #[error("the key file is not the one that this data was sealed with: put the right key file back")]
    WrongKey(#[source] OpenError),
    /// The database is another one.
    #[error(
        "the database is {found}, but this data folder belongs to {expected}: correct database.url, or choose another data folder"
    )]
    ForeignDatabase {
        /// The folder's.
        expected: DatabaseId,
        /// The one that was reached.
        found: DatabaseId,
    },
}

/// The contents of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Contents {
    database_id: DatabaseId,
    proof: String,
}

/// Reads the folder's identity and proves the key; `None` at a first start.
///
/// # Errors
/// When the file is unreadable or the key another one.
pub fn load(data: &Path, sealer: &Sealer) -> Result<Option<DatabaseId>, IdentityError> {
    let path = file(data);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(IdentityError::File { path, source }),
    };
    let form = || IdentityError::Form { path: path.clone() };
    let contents: Contents = serde_json::from_slice(&text).map_err(|_| form())?;
    let proof = hex::decode(&contents.proof).map_err(|_| form())?;
    sealer.open(&place(&contents.database_id), &proof).map_err(IdentityError::WrongKey)?;
    Ok(Some(contents.database_id))
}

/// The file in the data folder.
#[must_use]
pub fn file(data: &Path) -> PathBuf {
    data.join(FILE)
}

/// Is there an identity at all? Then a key was made once, and must not be made again.
#[must_use]
pub fn exists(data: &Path) -> bool {
    file(data).exists()
}

/// Writes the identity at a first start; at a later one compares it.
///
/// # Errors
/// When the file can't be written, or the database is another one.
pub fn settle(
    data: &Path,
    sealer: &Sealer,
    known: Option<DatabaseId>,
    found: DatabaseId,
) -> Result<(), IdentityError> {
    agree(known, found)?;
    if known.is_some() {
        return Ok(());
    }
    let path = file(data);
    let proof = hex::encode(sealer.seal(&place(&found), PROOF));
    let contents = Contents { database_id: found, proof };
    serde_json::to_vec(&contents)
        .map_err(io::Error::from)
        .and_then(|text| folder::write_file(&path, 0o600, &text))
        .map_err(|source| IdentityError::File { path, source })
}

/// Makes sure that the database is the folder's, as far as the folder knows one.
///
/// # Errors
/// When it is another one.
pub fn agree(known: Option<DatabaseId>, found: DatabaseId) -> Result<(), IdentityError> {
    match known {
        Some(expected) if expected != found => Err(IdentityError::ForeignDatabase { expected, found }),
        _ => Ok(()),
    }
}

fn place(id: &DatabaseId) -> Place<'_> {
    Place { tenant: TenantId::PLATFORM, table: "identity", column: "proof", row: id.as_bytes() }
}

#[cfg(test)]
mod tests {
    use base::Timestamp;

    use super::*;

    #[test]
    fn a_wrong_key_and_a_foreign_database_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let right = Sealer::new([(1, [1; 32])]).unwrap();
        let wrong = Sealer::new([(1, [2; 32])]).unwrap();
        assert_eq!(load(folder.path(), &right).unwrap(), None);
        let id = DatabaseId::generate(Timestamp::from_millis(1));
        settle(folder.path(), &right, None, id).unwrap();
        assert_eq!(load(folder.path(), &right).unwrap(), Some(id));
        assert!(matches!(load(folder.path(), &wrong), Err(IdentityError::WrongKey(_))));
        let other = DatabaseId::generate(Timestamp::from_millis(2));
        let error = settle(folder.path(), &right, Some(id), other).unwrap_err();
        assert!(matches!(error, IdentityError::ForeignDatabase { .. }));
    }
}
