//! What one entry says.

use serde::{Serialize, Serializer};

/// One act, as it is put into the trail.
#[derive(Debug)]
pub struct Entry {
    pub(crate) act: &'static str,
    pub(crate) target_kind: &'static str,
    pub(crate) target_id: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
    pub(crate) broken: Option<serde_json::Error>,
}

impl Entry {
    /// The act, such as `subscriber.suspend`, on the thing of this kind and id.
    #[expect(clippy::needless_pass_by_value, reason = "ids are copied anyway")]
    #[must_use]
    pub fn new(act: &'static str, target_kind: &'static str, target_id: impl ToString) -> Self {
        Self { act, target_kind, target_id: target_id.to_string(), before: None, after: None, broken: None }
    }

    /// The thing, or the part of it that changes, as it was. Secrets go in as [`Masked`].
    #[must_use]
    pub fn before(mut self, state: &impl Serialize) -> Self {
        self.before = self.text(state);
        self
    }

    /// The thing, or the part of it that changed, as it is now. Secrets go in as [`Masked`].
    #[must_use]
    pub fn after(mut self, state: &impl Serialize) -> Self {
        self.after = self.text(state);
        self
    }

    fn text(&mut self, state: &impl Serialize) -> Option<String> {
        serde_json::to_string(state).map_err(|error| self.broken = Some(error)).ok()
    }
}

/// A secret in a state: it shows that there is one, and nothing of it. (The secret types of `base` cannot be serialised
/// at all, so that one cannot slip in.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Masked;

impl Masked {
    /// Masks a secret that may be missing.
    #[must_use]
    pub fn of<T>(secret: Option<&T>) -> Option<Self> {
        secret.map(|_| Self)
    }
}

impl Serialize for Masked {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}
