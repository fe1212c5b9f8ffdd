//! Versions of rows that people edit: who edits an old copy is told so.

/// How often a row was changed, from 1. Goes out as the ETag and comes back as If-Match.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    sqlx::Type,
    utoipa::ToSchema,
)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Version(i64);

impl Version {
    /// Of a row that was just made.
    pub const FIRST: Self = Self(1);

    /// From its number.
    #[must_use]
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }

    /// That of the next change.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Checks what the caller saw against what is there. `None` stands for a caller that takes whatever is there.
    ///
    /// # Errors
    /// When it was changed in between.
    pub fn expect(self, seen: Option<Self>) -> Result<(), Stale> {
        match seen {
            Some(seen) if seen != self => Err(Stale { seen, current: self }),
            _ => Ok(()),
        }
    }
}

/// The row was changed since the caller read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the row has changed since: version {} was read, {} is current", seen.0, current.0)]
pub struct Stale {
    /// What the caller had read.
    pub seen: Version,
    /// What is there now.
    pub current: Version,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_current_version_may_be_changed() {
        let current = Version::FIRST.next();
        assert_eq!(current.expect(None), Ok(()));
        assert_eq!(current.expect(Some(Version::new(2))), Ok(()));
        assert_eq!(current.expect(Some(Version::FIRST)), Err(Stale { seen: Version::FIRST, current }));
    }
}
