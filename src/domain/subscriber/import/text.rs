//! The octets of a table as text: spreadsheets save what their system likes.

use std::borrow::Cow;

use super::SheetError;

/// Windows-1252 where it differs from ISO 8859-1: 0x80 to 0x9f. The five that it leaves open stand for themselves.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// UTF-8 and UTF-16 with a mark, UTF-8 without one, and anything else as Windows-1252.
///
/// # Errors
/// When it is no text at all: a workbook, or UTF-16 cut in the middle.
pub(super) fn decode(octets: &[u8]) -> Result<Cow<'_, str>, SheetError> {
    if octets.starts_with(b"PK\x03\x04") || octets.starts_with(b"\xd0\xcf\x11\xe0") {
        return Err(SheetError::Workbook);
    }
    if let Some(rest) = octets.strip_prefix(b"\xff\xfe") {
        return utf_16(rest, u16::from_le_bytes);
    }
    if let Some(rest) = octets.strip_prefix(b"\xfe\xff") {
        return utf_16(rest, u16::from_be_bytes);
    }
    let octets = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets);
    if octets.contains(&0) {
        return Err(SheetError::NotText);
    }
    Ok(match str::from_utf8(octets) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(octets.iter().copied().map(windows_1252).collect()),
    })
}

fn windows_1252(octet: u8) -> char {
    match octet {
        0x80..=0x9f => WINDOWS_1252[usize::from(octet - 0x80)],
        other => char::from(other),
    }
}

fn utf_16(octets: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'_, str>, SheetError> {
    let (pairs, rest) = octets.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(SheetError::NotText);
    }
    let units = pairs.iter().map(|pair| unit(*pair));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    text.map(Cow::Owned).map_err(|_| SheetError::NotText)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_way_of_saving_gives_the_same_text() {
        let text = "nama;café\n";
        let utf_16 = |order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<u8>>();
        for octets in [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            [b"\xff\xfe".as_slice(), &utf_16(u16::to_le_bytes)].concat(),
            [b"\xfe\xff".as_slice(), &utf_16(u16::to_be_bytes)].concat(),
            b"nama;caf\xe9\n".to_vec(),
        ] {
            assert_eq!(decode(&octets).unwrap(), text, "{octets:?}");
        }
        assert_eq!(decode(b"\x80 10").unwrap(), "€ 10");
        assert!(matches!(decode(b"PK\x03\x04..."), Err(SheetError::Workbook)));
        assert!(matches!(decode(b"a\0b\0"), Err(SheetError::NotText)));
        assert!(matches!(decode(b"\xff\xfea"), Err(SheetError::NotText)));
    }

    proptest! {
        #[test]
        fn utf_8_is_never_taken_for_anything_else(text in "[^\0]{0,40}") {
            prop_assume!(!text.starts_with("PK\u{3}\u{4}") && !text.starts_with('\u{feff}'));
            prop_assert_eq!(decode(text.as_bytes()).unwrap(), text.as_str());
        }
    }
}
