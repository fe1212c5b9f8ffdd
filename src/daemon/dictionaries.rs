//! The attributes that there are: the built-in dictionaries, and the operator's files on top of them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use radius::dictionary::{
    Dictionary, Include, ParseError, ResolveError, Source,
    builtin::{self, dictionary},
};

/// The largest file that is read, octets: the largest public one has 120,000.
const MAX_FILE: u64 = 4 << 20;

/// A dictionary cannot be read. Each message names the file.
#[derive(Debug, thiserror::Error)]
pub enum DictionaryError {
    /// The file cannot be read, or is far too large.
    #[error("radius.dictionaries: {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line of it cannot be understood.
    #[error("radius.dictionaries")]
    Parse(#[from] ParseError),
}

/// Reads `files` on top of the built-in dictionaries, in their order. A file may include another by a name beside its own, or by
/// that of a built-in one.
///
/// # Errors
/// When a file cannot be read or understood; then none of them counts.
pub fn load(files: &[PathBuf]) -> Result<Dictionary, DictionaryError> {
    let mut known = dictionary()?;
    for path in files {
        let text = read(path).map_err(|source| DictionaryError::Read { path: path.clone(), source })?;
        known = known.parse(&path.display().to_string(), &text, &mut beside)?;
    }
    Ok(known)
}

fn read(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > MAX_FILE {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    fs::read_to_string(path)
}

/// Finds an included file beside the one that names it, else among the built-in ones.
fn beside(include: Include<'_>) -> Result<Option<Source>, ResolveError> {
    let path = Path::new(include.from).parent().unwrap_or(Path::new(".")).join(include.name);
    match read(&path) {
        Ok(text) => Ok(Some(Source { name: path.display().to_string(), text })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(builtin::resolve(include)),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operators_files_lie_on_top_of_the_built_in_ones() {
        let folder = tempfile::tempdir().unwrap();
        let (main, part) = (folder.path().join("dictionary.local"), folder.path().join("dictionary.part"));
        fs::write(&main, "$INCLUDE dictionary.part\n$INCLUDE dictionary.mikrotik\n").unwrap();
        fs::write(
            &part,
            "VENDOR Warga 99999\nBEGIN-VENDOR Warga\nATTRIBUTE Warga-Speed 1 string\nEND-VENDOR Warga\n",
        )
        .unwrap();
        let dictionary = load(std::slice::from_ref(&main)).unwrap();
        for name in ["User-Name", "Mikrotik-Rate-Limit", "Warga-Speed"] {
            assert!(dictionary.find_name(name).is_some(), "{name}");
        }
        fs::write(&part, "ATTRIBUTE\n").unwrap();
        let error = load(std::slice::from_ref(&main)).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("dictionary.part"), "{cause}");
        let missing = folder.path().join("missing");
        assert!(load(&[missing]).unwrap_err().to_string().contains("missing"));
    }
}
