//! Values that several domains share: what a request may say, and how it is told when it may not.

pub mod attributes;
pub mod day;
pub mod entry;
pub mod invalid;
pub mod prefix;
pub mod random;
pub mod rate_limit;
pub mod text;
pub mod text_column;
pub mod version;

pub use attributes::{AttributeText, Attributes};
pub use day::Day;
pub use entry::Entry;
pub use invalid::Invalid;
pub use prefix::Ipv6Prefix;
pub use rate_limit::RateLimit;
pub use text_column::Text;
pub use version::{Stale, Version};
