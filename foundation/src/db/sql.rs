//! SQL text: written once, or twice where the databases differ.

/// One statement, in the words of each database. A `&'static str` is the same text for both.
#[derive(Clone, Copy, Debug)]
pub struct Sql {
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Self { sqlite: text, postgres: text }
    }
}

/// Texts that must differ. Search for calls of this function to see every difference between the databases.
#[must_use]
pub const fn dialect(sqlite: &'static str, postgres: &'static str) -> Sql {
    Sql { sqlite, postgres }
}
