//! Points at which a test makes the database fail: before each statement, before and after each commit. Without the feature
//! `testing` there are none.

use super::error::Result;

/// The points of one database, passed by all of its connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct FaultPoints {
    #[cfg(feature = "testing")]
    faults: crate::testing::Faults,
}

impl FaultPoints {
    /// Passes a point.
    ///
    /// # Errors
    /// [`Unavailable`](super::Error::Unavailable), as if the connection broke here, when a test asked for it.
    pub(crate) fn pass(&self) -> Result<()> {
        #[cfg(feature = "testing")]
        if self.faults.fires() {
            return Err(super::Error::Unavailable(sqlx::Error::WorkerCrashed));
        }
        Ok(())
    }

    /// Where a test arms them.
    #[cfg(feature = "testing")]
    pub(crate) const fn faults(&self) -> &crate::testing::Faults {
        &self.faults
    }
}
