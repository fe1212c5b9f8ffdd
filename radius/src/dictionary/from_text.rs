//! A value from its text, checked against the attribute's type.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::date;
use super::definition::{Attribute, DataType};
use super::quote::{parse_hexadecimal, unquote};
use super::tables::Dictionary;
use super::words::parse_number;

/// Why a text is no value of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Attributes without a value are never sent (RFC 2865 §5).
    #[error("the value is empty")]
    Empty,
    /// A quote is not closed, something follows it, or an escape is unknown.
    #[error("the quoting is broken")]
    Quoting,
    /// Text must be UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// Text does not end with NUL (RFC 8044 §3.4).
    #[error("the text ends with NUL")]
    EndsWithNul,
    /// Octets are written in hexadecimal or in quotes.
    #[error("octets are written as 0x and pairs of hexadecimal digits, or in quotes")]
    NotOctets,
    /// A type with a fixed length, and another length.
    #[error("the value is not {0} octets long")]
    WrongLength(u8),
    /// Neither a number nor the name of a value.
    #[error("the value is neither a number nor a name that the dictionary knows")]
    NotInteger,
    /// A number beyond the type's range.
    #[error("the number does not fit its type")]
    OutOfRange,
    /// No date.
    #[error("a date is written as 2026-11-22T15:38:58Z or in seconds since 1970")]
    NotDate,
    /// No IPv4 address.
    #[error("the value is not an IPv4 address")]
    NotIpv4,
    /// No IPv6 address.
    #[error("the value is not an IPv6 address")]
    NotIpv6,
    /// No address at all.
    #[error("the value is not an IP address")]
    NotIp,
    /// No prefix.
    #[error("a prefix is written as address/length, and the length is within the address")]
    NotPrefix,
    /// A prefix with host bits (RFC 8044 §3.10).
    #[error("the prefix has bits behind its length")]
    HostBits,
    /// No interface identifier.
    #[error("an interface identifier is written as four groups of hexadecimal digits")]
    NotInterfaceId,
    /// No MAC address.
    #[error("a MAC address is written as six pairs of hexadecimal digits")]
    NotEther,
    /// The value is other attributes: they are written by their own names.
    #[error("the attribute holds other attributes: write those, or raw octets as raw.Name = 0x...")]
    Container,
}

/// The octets of `text` as a value of `attribute`, without tag.
pub(super) fn parse(
    dictionary: &Dictionary,
    attribute: &Attribute,
    text: &str,
) -> Result<Vec<u8>, ValueError> {
    let octets = unquote(text).ok_or(ValueError::Quoting)?;
    let is_quoted = text.starts_with(['"', '\'']);
    if octets.is_empty() {
        return Err(ValueError::Empty);
    }
    match attribute.kind {
        DataType::Octets(length) => {
            let octets =
                if is_quoted { octets } else { parse_hexadecimal(text).ok_or(ValueError::NotOctets)? };
            match length {
                Some(length) if octets.len() != usize::from(length) => Err(ValueError::WrongLength(length)),
                _ if octets.is_empty() => Err(ValueError::Empty),
                _ => Ok(octets),
            }
        }
        DataType::Text if octets.last() == Some(&0) => Err(ValueError::EndsWithNul),
        DataType::Text => match str::from_utf8(&octets) {
            Ok(_) => Ok(octets),
            Err(_) => Err(ValueError::NotUtf8),
        },
        kind => {
            let text = str::from_utf8(&octets).map_err(|_| ValueError::NotUtf8)?.trim();
            plain(dictionary, attribute, kind, text)
        }
    }
}

fn plain(
    dictionary: &Dictionary,
    attribute: &Attribute,
    kind: DataType,
    text: &str,
) -> Result<Vec<u8>, ValueError> {
    match kind {
        DataType::Signed => signed(dictionary, attribute, text).map(|value| value.to_be_bytes().to_vec()),
        DataType::Date => {
            let seconds = date::parse(text).or_else(|| u32::try_from(parse_number(text).ok()?).ok());
            Ok(seconds.ok_or(ValueError::NotDate)?.to_be_bytes().to_vec())
        }
        DataType::Ipv4 => text.parse().map(ipv4_octets).map_err(|_| ValueError::NotIpv4),
        DataType::Ipv6 => text.parse().map(ipv6_octets).map_err(|_| ValueError::NotIpv6),
        DataType::ComboIp => match text.parse() {
            Ok(IpAddr::V4(address)) => Ok(ipv4_octets(address)),
            Ok(IpAddr::V6(address)) => Ok(ipv6_octets(address)),
            Err(_) => Err(ValueError::NotIp),
        },
        DataType::Ipv4Prefix => ipv4_prefix(text),
        DataType::Ipv6Prefix => ipv6_prefix(text),
        DataType::InterfaceId => groups(text, ':', 4)
            .ok_or(ValueError::NotInterfaceId)
            .map(|groups| groups.iter().flat_map(|group| group.to_be_bytes()).collect()),
        DataType::Ether => {
            let separator = if text.contains('-') { '-' } else { ':' };
            let octets = groups(text, separator, 6).ok_or(ValueError::NotEther)?;
            octets.into_iter().map(|group| u8::try_from(group).map_err(|_| ValueError::NotEther)).collect()
        }
        DataType::Tlv
        | DataType::Vsa
        | DataType::Extended
        | DataType::LongExtended
        | DataType::ExtendedVsa => Err(ValueError::Container),
        DataType::Byte | DataType::Short | DataType::Integer | DataType::Integer64 => {
            integer(dictionary, attribute, text)
        }
        // Handled by the caller.
        DataType::Text | DataType::Octets(_) => Ok(text.as_bytes().to_vec()),
    }
}

/// A number or the name of one; a tagged integer has three octets (RFC 2868 §3.1).
fn integer(dictionary: &Dictionary, attribute: &Attribute, text: &str) -> Result<Vec<u8>, ValueError> {
    let value = match parse_number(text) {
        Ok(number) => number,
        Err(_) => dictionary.find_value(attribute, text).ok_or(ValueError::NotInteger)?,
    };
    let largest = attribute.kind.largest_integer(attribute.has_tag).ok_or(ValueError::NotInteger)?;
    if value > largest {
        return Err(ValueError::OutOfRange);
    }
    let width = match attribute.kind {
        DataType::Byte => 1,
        DataType::Short => 2,
        DataType::Integer64 => 8,
        _ if attribute.has_tag => 3,
        _ => 4,
    };
    Ok(value.to_be_bytes()[8 - width..].to_vec())
}

fn signed(dictionary: &Dictionary, attribute: &Attribute, text: &str) -> Result<i32, ValueError> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let value = parse_number(text).ok().or_else(|| dictionary.find_value(attribute, text));
    let value = u32::try_from(value.ok_or(ValueError::NotInteger)?).map_err(|_| ValueError::OutOfRange)?;
    Ok(i32::from_be_bytes(value.to_be_bytes()))
}

/// A prefix with its host bits zero: reserved octet, length, the whole address (RFC 8044 §3.11).
fn ipv4_prefix(text: &str) -> Result<Vec<u8>, ValueError> {
    let (address, length) = prefix_parts::<Ipv4Addr>(text, 32)?;
    let host_bits = u32::MAX.checked_shr(u32::from(length)).unwrap_or(0);
    if address.to_bits() & host_bits != 0 {
        return Err(ValueError::HostBits);
    }
    Ok([&[0, length], address.octets().as_slice()].concat())
}

/// The same with 16 octets; all of them, because not every NAS reads fewer (RFC 3162 §2.3).
fn ipv6_prefix(text: &str) -> Result<Vec<u8>, ValueError> {
    let (address, length) = prefix_parts::<Ipv6Addr>(text, 128)?;
    let host_bits = u128::MAX.checked_shr(u32::from(length)).unwrap_or(0);
    if address.to_bits() & host_bits != 0 {
        return Err(ValueError::HostBits);
    }
    Ok([&[0, length], address.octets().as_slice()].concat())
}

fn prefix_parts<Address: std::str::FromStr>(text: &str, longest: u8) -> Result<(Address, u8), ValueError> {
    let (address, length) = text.split_once('/').ok_or(ValueError::NotPrefix)?;
    let address = address.parse().map_err(|_| ValueError::NotPrefix)?;
    let length = parse_number(length).ok().and_then(|length| u8::try_from(length).ok());
    Ok((address, length.filter(|&length| length <= longest).ok_or(ValueError::NotPrefix)?))
}

fn ipv4_octets(address: Ipv4Addr) -> Vec<u8> {
    address.octets().to_vec()
}

fn ipv6_octets(address: Ipv6Addr) -> Vec<u8> {
    address.octets().to_vec()
}

/// Exactly `count` groups of one to four hexadecimal digits.
fn groups(text: &str, separator: char, count: usize) -> Option<Vec<u16>> {
    let groups: Option<Vec<u16>> = text
        .split(separator)
        .take(count + 1)
        .map(|group| {
            let good = group.bytes().all(|digit| digit.is_ascii_hexdigit());
            if good { u16::from_str_radix(group, 16).ok() } else { None }
        })
        .collect();
    groups.filter(|groups| groups.len() == count)
}
