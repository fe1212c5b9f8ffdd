//! Why a dictionary cannot be read: file, line and reason.

use core::error::Error;

/// A dictionary that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{file}, line {line}: {problem}")]
pub struct ParseError {
    /// The file, by the name that the caller or the resolver gave it.
    pub file: Box<str>,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: Problem,
    /// Why an include could not be resolved.
    pub source: Option<ResolveError>,
}

/// The resolver's own error.
pub type ResolveError = Box<dyn Error + Send + Sync>;

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The first word is none of the format's.
    #[error("unknown keyword {0:?}")]
    UnknownKeyword(Box<str>),
    /// Too few words.
    #[error("{keyword} needs {expected}")]
    Missing {
        /// The line's first word.
        keyword: &'static str,
        /// What should follow.
        expected: &'static str,
    },
    /// Words after the last that the keyword takes.
    #[error("unexpected {0:?} at the end of the line")]
    Unexpected(Box<str>),
    /// A line or a name of absurd length.
    #[error("{what} is longer than {limit} octets")]
    TooLong {
        /// What it is.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A name with characters that would make it unusable in `Name = value`.
    #[error(
        "{0:?} is not a name: letters, digits and - _ . / + only, not starting with a sign or looking like Attr-26 or raw."
    )]
    BadName(Box<str>),
    /// A value's name that could not be written as one word.
    #[error("{0:?} is not the name of a value: printable, not starting with a quote")]
    BadValueName(Box<str>),
    /// A number that is none.
    #[error("{0:?} is not a number")]
    BadNumber(Box<str>),
    /// A number too large for its place.
    #[error("number {number} does not fit: the largest is {largest}")]
    NumberTooLarge {
        /// The number.
        number: u64,
        /// The largest that fits.
        largest: u64,
    },
    /// Attributes nested too deep.
    #[error("attributes are nested deeper than {0}")]
    TooDeep(usize),
    /// An unknown type.
    #[error("unknown type {0:?}")]
    UnknownType(Box<str>),
    /// An unknown flag.
    #[error("unknown flag {0:?}")]
    UnknownFlag(Box<str>),
    /// A flag that makes no sense with the type.
    #[error("flag {flag} does not go with type {kind}")]
    FlagOfOtherType {
        /// The flag.
        flag: &'static str,
        /// The attribute's type.
        kind: super::DataType,
    },
    /// A vendor that was not declared.
    #[error("unknown vendor {0:?}")]
    UnknownVendor(Box<str>),
    /// An attribute that is not defined: before it is referred to, or for a VALUE anywhere.
    #[error("unknown attribute {0:?}")]
    UnknownAttribute(Box<str>),
    /// Something is defined within an attribute that holds no others.
    #[error("{parent} holds no attributes")]
    NotAContainer {
        /// The attribute around it.
        parent: Box<str>,
    },
    /// A VALUE of an attribute that is no integer.
    #[error("{attribute} is of type {kind} and has no named values")]
    ValueOfOtherType {
        /// The attribute.
        attribute: Box<str>,
        /// Its type.
        kind: super::DataType,
    },
    /// One name, two numbers; or a vendor with two formats.
    #[error("{name} is already defined differently")]
    Redefined {
        /// The name.
        name: Box<str>,
    },
    /// A vendor's format that cannot be.
    #[error("{0:?} is not a format: format=1|2|4,0|1|2[,c]")]
    BadFormat(Box<str>),
    /// END without its BEGIN, or one that names another block.
    #[error("{keyword} {name} ends no block that is open here")]
    NotOpen {
        /// The line's first word.
        keyword: &'static str,
        /// What it names.
        name: Box<str>,
    },
    /// BEGIN-VENDOR within a vendor's block.
    #[error("the block of {0} is still open")]
    StillOpen(Box<str>),
    /// The included file is not there.
    #[error("included file {0:?} is not there")]
    NotFound(Box<str>),
    /// The resolver failed; the cause is the error's source.
    #[error("included file {0:?} cannot be read")]
    Unreadable(Box<str>),
    /// Includes nested too deep, most likely in a circle.
    #[error("includes are nested deeper than {0}")]
    IncludedTooDeep(usize),
    /// More than can be useful.
    #[error("more than {limit} {what}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}
