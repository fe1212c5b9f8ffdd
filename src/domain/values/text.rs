//! Texts that people type: trimmed, bounded, without control characters.

use super::Invalid;

/// Names of things in lists.
pub const MAX_NAME: usize = 100;
/// Notes and postal addresses.
pub const MAX_NOTE: usize = 2_000;
/// A text that becomes one RADIUS attribute: 253 octets (RFC 2865 §5), less the six that a vendor's header takes.
pub const MAX_ATTRIBUTE: usize = 247;

/// A text that must be there: trimmed, 1 to `limit` characters, no control characters.
///
/// # Errors
/// When it is empty, too long or has control characters.
pub fn required(field: &'static str, text: &str, limit: usize) -> Result<String, Invalid> {
    let text = optional(field, text, limit)?;
    if text.is_empty() {
        return Err(Invalid::new(field, "must not be empty"));
    }
    Ok(text)
}

/// A text that may be empty; otherwise as [`required`].
///
/// # Errors
/// When it is too long or has control characters.
pub fn optional(field: &'static str, text: &str, limit: usize) -> Result<String, Invalid> {
    let text = text.trim();
    if text.chars().count() > limit {
        return Err(Invalid::new(field, format!("is longer than {limit} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(Invalid::new(field, "has control characters"));
    }
    Ok(text.to_owned())
}

/// A text of several lines that may be empty.
///
/// # Errors
/// When it is too long or has control characters other than line breaks and tabs.
pub fn note(field: &'static str, text: &str) -> Result<String, Invalid> {
    let text = text.trim();
    if text.chars().count() > MAX_NOTE {
        return Err(Invalid::new(field, format!("is longer than {MAX_NOTE} characters")));
    }
    if text.chars().any(|character| character.is_control() && !matches!(character, '\n' | '\r' | '\t')) {
        return Err(Invalid::new(field, "has control characters"));
    }
    Ok(text.to_owned())
}

/// A text that goes into one attribute of a reply: 1 to [`MAX_ATTRIBUTE`] octets; empty text counts as none.
///
/// # Errors
/// When it does not fit or has control characters.
pub fn attribute(field: &'static str, text: Option<&str>) -> Result<Option<String>, Invalid> {
    let Some(text) = text else { return Ok(None) };
    let text = optional(field, text, MAX_ATTRIBUTE)?;
    if text.len() > MAX_ATTRIBUTE {
        return Err(Invalid::new(field, format!("is longer than {MAX_ATTRIBUTE} octets")));
    }
    Ok((!text.is_empty()).then_some(text))
}

/// A text as it is searched for: lower case, with single spaces.
#[must_use]
pub fn search_key(text: &str) -> String {
    let mut key = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !key.is_empty() {
            key.push(' ');
        }
        key.extend(word.chars().flat_map(char::to_lowercase));
    }
    key
}

/// The first text in octet order behind all that start with `prefix`: `x >= prefix AND x < behind(prefix)` is a prefix
/// search that both databases answer from an index.
#[must_use]
pub fn behind(prefix: &str) -> String {
    let mut end = String::with_capacity(prefix.len() + 4);
    end.push_str(prefix);
    end.push(char::MAX);
    end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_trimmed_and_bounded() {
        assert_eq!(required("name", "  Budi ", 4), Ok("Budi".into()));
        assert!(required("name", "   ", 4).is_err());
        assert!(required("name", "Budiman", 4).is_err());
        assert!(required("name", "a\u{7}b", 4).is_err());
        assert_eq!(note("note", "a\nb"), Ok("a\nb".into()));
        assert_eq!(attribute("pool", Some(" ")), Ok(None));
        assert!(attribute("pool", Some(&"é".repeat(200))).is_err(), "200 characters, but 400 octets");
        assert_eq!(search_key("  Siti   NURHALIZA "), "siti nurhaliza");
    }

    proptest! {
        #[test]
        fn a_prefix_search_finds_what_starts_with_it_and_nothing_else(prefix in "[a-z]{0,3}", text in "[a-z0-9é]{0,6}") {
            let found = text >= prefix && text < behind(&prefix);
            prop_assert_eq!(found, text.starts_with(&prefix));
        }
    }
}
