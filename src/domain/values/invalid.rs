//! One word for every refused value: which field, and what is wrong with it.

use std::borrow::Cow;

/// A value that cannot be accepted. The text is for the person who typed it and never repeats a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Invalid {
    /// The field as the API names it, such as `rateLimit.download.rate`.
    pub field: Cow<'static, str>,
    /// What is wrong, such as `must not be empty`.
    pub problem: Cow<'static, str>,
}

impl Invalid {
    /// A refusal of `field` because of `problem`.
    #[must_use]
    pub fn new(field: impl Into<Cow<'static, str>>, problem: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }

    /// The same refusal, of a field within `outer`.
    #[must_use]
    pub fn within(self, outer: &str) -> Self {
        Self { field: format!("{outer}.{}", self.field).into(), problem: self.problem }
    }
}

/// `Ok` when `holds`, else the refusal.
///
/// # Errors
/// When it does not hold.
pub fn ensure(holds: bool, field: &'static str, problem: &'static str) -> Result<(), Invalid> {
    if holds { Ok(()) } else { Err(Invalid::new(field, problem)) }
}
