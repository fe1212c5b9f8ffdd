//! Tests of the dictionaries: the format, the built-in files, and attributes from and to text.

mod builtin;
mod format;
mod text;

use super::{Dictionary, ParseError, no_includes};

/// What `text` defines, without anything built in.
fn parse(text: &str) -> Result<Dictionary, ParseError> {
    Dictionary::new().parse("test", text, &mut no_includes)
}

/// The built-in dictionary.
fn builtin() -> Dictionary {
    super::builtin::dictionary().expect("the built-in dictionaries parse")
}
