//! Quoted text and hexadecimal octets in `Name = value`.

use core::fmt::Write as _;

/// The text in double quotes; quotes, backslashes and control characters are escaped.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            // Above ASCII, control and format characters could disguise a line; they go out octet by octet.
            control if control.is_control() || is_invisible(control) => {
                for octet in control.encode_utf8(&mut [0; 4]).bytes() {
                    // Writing to a string cannot fail.
                    let _ = write!(quoted, "\\x{octet:02x}");
                }
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// Characters that show nothing or turn the direction of text: names that look alike could be told apart by nobody.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The octets of a value as it was written: in double quotes with escapes, in single quotes as it is, or bare. `None` if a
/// quote is not closed, something follows it, or an escape is unknown.
pub(super) fn unquote(text: &str) -> Option<Vec<u8>> {
    let Some(quote) = text.chars().next().filter(|first| matches!(first, '"' | '\'')) else {
        return Some(text.as_bytes().to_vec());
    };
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    if quote == '\'' {
        return (!inner.contains('\'')).then(|| inner.as_bytes().to_vec());
    }
    let mut octets = Vec::with_capacity(inner.len());
    let mut rest = inner.bytes();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'"' => return None,
            b'\\' => match rest.next()? {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'x' => nibble(rest.next()?)? << 4 | nibble(rest.next()?)?,
                same @ (b'"' | b'\\' | b'\'') => same,
                _ => return None,
            },
            plain => plain,
        });
    }
    Some(octets)
}

/// `0x` and two digits an octet.
pub(super) fn hexadecimal(octets: &[u8]) -> String {
    let mut text = String::with_capacity(2 + 2 * octets.len());
    text.push_str("0x");
    for octet in octets {
        // Writing to a string cannot fail.
        let _ = write!(text, "{octet:02x}");
    }
    text
}

/// Reads what [`hexadecimal`] writes.
pub(super) fn parse_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks_exact(2).map(|pair| Some(nibble(pair[0])? << 4 | nibble(pair[1])?)).collect()
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
