//! The words of a line: names, numbers, flags and formats.

use super::definition::{DataType, Encryption, Format};
use super::error::Problem;

/// Longest name, in octets. Real ones stay under 70.
const MAX_NAME: usize = 128;

/// The words of a line.
pub(super) type Words<'t> = core::str::SplitAsciiWhitespace<'t>;

/// What stands behind the type.
#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) has_tag: bool,
    pub(super) encryption: Encryption,
    pub(super) concatenated: bool,
    /// Attributes that never stand in a packet: they are read over.
    pub(super) internal: bool,
}

/// Whether the word is an include, and if so, whether it may be missing.
pub(super) fn include(keyword: &str) -> Option<bool> {
    if keyword.eq_ignore_ascii_case("$INCLUDE") {
        Some(false)
    } else {
        keyword.eq_ignore_ascii_case("$INCLUDE-").then_some(true)
    }
}

/// The one word that is to follow.
pub(super) fn one<'t>(
    words: &mut Words<'t>,
    keyword: &'static str,
    expected: &'static str,
) -> Result<&'t str, Problem> {
    let word = words.next().ok_or(Problem::Missing { keyword, expected })?;
    end(words)?;
    Ok(word)
}

pub(super) fn end(words: &mut Words<'_>) -> Result<(), Problem> {
    words.next().map_or(Ok(()), |word| Err(Problem::Unexpected(word.into())))
}

pub(super) fn name(word: &str) -> Result<&str, Problem> {
    if word.len() > MAX_NAME {
        return Err(Problem::TooLong { what: "the name", limit: MAX_NAME });
    }
    let good = |octet: u8| octet.is_ascii_alphanumeric() || b"-_./+".contains(&octet);
    let starts_well = word.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
    if starts_well && word.bytes().all(good) { Ok(word) } else { Err(Problem::BadName(word.into())) }
}

/// A value's name: anything that reads as one word on the right of `Name = value`.
pub(super) fn value_name(word: &str) -> Result<&str, Problem> {
    if word.len() > MAX_NAME {
        return Err(Problem::TooLong { what: "the name", limit: MAX_NAME });
    }
    let good = word.bytes().all(|octet| octet.is_ascii_graphic()) && !word.starts_with(['"', '\'']);
    if good { Ok(word) } else { Err(Problem::BadValueName(word.into())) }
}

/// An attribute's name: also not one of the forms that stand for numbers and raw octets in `Name = value`.
pub(super) fn attribute_name(word: &str) -> Result<&str, Problem> {
    let lower = word.to_ascii_lowercase();
    let reserved = lower.starts_with("raw.")
        || lower
            .strip_prefix("attr-")
            .is_some_and(|rest| rest.starts_with(|next: char| next.is_ascii_digit()));
    if reserved { Err(Problem::BadName(word.into())) } else { name(word) }
}

/// Decimal, or hexadecimal after `0x`.
pub(super) fn parse_number(digits: &str) -> Result<u64, Problem> {
    let bad = || Problem::BadNumber(digits.into());
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let (plain, radix) = hexadecimal.map_or((digits, 10), |rest| (rest, 16));
    if plain.starts_with('+') {
        return Err(bad());
    }
    u64::from_str_radix(plain, radix).map_err(|_| bad())
}

pub(super) fn parse_format(word: &str) -> Result<Format, Problem> {
    let bad = || Problem::BadFormat(word.into());
    let mut parts = word.strip_prefix("format=").ok_or_else(bad)?.split(',');
    let type_octets = match parts.next() {
        Some("1") => 1,
        Some("2") => 2,
        Some("4") => 4,
        _ => return Err(bad()),
    };
    let length_octets = match parts.next() {
        Some("0") => 0,
        Some("1") => 1,
        Some("2") => 2,
        _ => return Err(bad()),
    };
    let continuation = match parts.next() {
        None => false,
        // Only attributes with a length can go on in the next one.
        Some("c") if length_octets > 0 => true,
        Some(_) => return Err(bad()),
    };
    if parts.next().is_some() {
        return Err(bad());
    }
    Ok(Format { type_octets, length_octets, continuation })
}

pub(super) fn parse_flags(words: &str, mut flags: Flags) -> Result<Flags, Problem> {
    for word in words.split(',') {
        match word.to_ascii_lowercase().as_str() {
            "has_tag" => flags.has_tag = true,
            "encrypt=0" => flags.encryption = Encryption::None,
            "encrypt=1" => flags.encryption = Encryption::UserPassword,
            "encrypt=2" => flags.encryption = Encryption::TunnelPassword,
            "encrypt=3" => flags.encryption = Encryption::AscendSecret,
            "concat" => flags.concatenated = true,
            "internal" | "virtual" => flags.internal = true,
            // Hints of other programs, which change nothing on the wire.
            "array" | "secret" => {}
            _ => return Err(Problem::UnknownFlag(word.into())),
        }
    }
    Ok(flags)
}

pub(super) fn check_flags(kind: DataType, flags: Flags) -> Result<(), Problem> {
    let is_string = matches!(kind, DataType::Text | DataType::Octets(_));
    if flags.has_tag && !is_string && kind != DataType::Integer {
        return Err(Problem::FlagOfOtherType { flag: "has_tag", kind });
    }
    if flags.encryption != Encryption::None && kind.is_container() {
        return Err(Problem::FlagOfOtherType { flag: "encrypt", kind });
    }
    if flags.concatenated && !is_string {
        return Err(Problem::FlagOfOtherType { flag: "concat", kind });
    }
    Ok(())
}
