//! Dictionaries: names, numbers and types of attributes, read from text in the usual format, and what follows from them: an
//! attribute from text (`Mikrotik-Rate-Limit = "2M/10M"`) and a packet as text.
//!
//! ```text
//! # comment
//! VENDOR        Mikrotik  14988                      enterprise number, [format=type octets,length octets[,c]]
//! BEGIN-VENDOR  Mikrotik
//! ATTRIBUTE     Mikrotik-Rate-Limit  8  string       name, number (0x.. and 1.2 too), type, [flags]
//! VALUE         Mikrotik-Wireless-Enc-Algo  AES-CCM  3
//! END-VENDOR    Mikrotik
//! $INCLUDE      dictionary.local                     through the caller's resolver: nothing here opens a file
//! ```
//!
//! Names are not case-sensitive. A name has one number: giving it another is an error, while a type may be put right by a
//! later line. A number may get a second name (an alias); the latest one is printed. The built-in dictionaries ([`builtin`]) hold what the product needs; an
//! operator's file is read on top of them.

pub mod builtin;

mod assignment;
mod date;
mod definition;
mod describe;
mod error;
mod from_text;
mod layer;
mod number;
mod parse;
mod quote;
mod tables;
mod to_text;
mod words;

#[cfg(test)]
mod tests;

pub use assignment::{Assignment, AssignmentError};
pub use definition::{Attribute, DataType, Encryption, Format, Vendor};
pub use describe::Reveal;
pub use error::{ParseError, Problem, ResolveError};
pub use from_text::ValueError;
pub use layer::LayerError;
pub use number::Number;
pub use parse::{Include, Resolver, Source, no_includes};
pub use tables::Dictionary;
