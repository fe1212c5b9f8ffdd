//! What a first start has made so far: a failure takes it back, so that the next start is a first one again.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Files and folders that were not there before, in the order of their making. Removed when dropped, unless it is
/// [kept](Made::keep).
#[derive(Debug, Default)]
pub(super) struct Made {
    places: Vec<PathBuf>,
    whole: Vec<PathBuf>,
}

impl Made {
    /// `path` is about to be made, and the folders above it, as far as they are missing.
    pub(super) fn expect(&mut self, path: &Path) {
        let missing = path.ancestors().take_while(|place| matches!(place.try_exists(), Ok(false)));
        let missing: Vec<PathBuf> = missing.map(Path::to_path_buf).collect();
        self.places.extend(missing.into_iter().rev());
    }

    /// The same for a folder, with all that will be in it.
    pub(super) fn expect_folder(&mut self, path: &Path) {
        if matches!(path.try_exists(), Ok(false)) {
            self.expect(path);
            self.whole.push(path.to_owned());
        }
    }

    /// It is all in order: what was made stays.
    pub(super) fn keep(mut self) {
        self.places.clear();
        self.whole.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for folder in self.whole.drain(..) {
            // What cannot be removed is found by the folder above, which stays then.
            let _removed = fs::remove_dir_all(folder);
        }
        for place in self.places.drain(..).rev() {
            // A folder goes only while it is empty: what others put there stays.
            let _removed = fs::remove_file(&place).or_else(|_| fs::remove_dir(&place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_goes_and_what_was_there_stays() {
        let home = tempfile::tempdir().unwrap();
        let there = home.path().join("there");
        fs::write(&there, b"x").unwrap();
        let (folder, deep) = (home.path().join("a"), home.path().join("a/b/c"));
        let journal = home.path().join("journal");
        let begin = || {
            let mut made = Made::default();
            made.expect(&there);
            made.expect(&deep);
            made.expect_folder(&journal);
            fs::create_dir_all(deep.parent().unwrap()).unwrap();
            fs::write(&deep, b"x").unwrap();
            fs::create_dir_all(&journal).unwrap();
            fs::write(journal.join("half"), b"x").unwrap();
            made
        };
        drop(begin());
        assert!(there.exists() && !folder.exists() && !journal.exists());
        let made = begin();
        fs::write(folder.join("another's"), b"x").unwrap();
        drop(made);
        assert!(folder.join("another's").exists() && !deep.exists());
        begin().keep();
        assert!(deep.exists() && journal.join("half").exists());
        drop(begin());
        assert!(deep.exists() && journal.join("half").exists(), "a later start takes nothing back");
    }
}
