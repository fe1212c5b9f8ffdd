//! A value as text. What cannot be a value of its type has none, and is shown as raw octets.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::date;
use super::definition::{Attribute, DataType};
use super::quote::{hexadecimal, quote};
use super::tables::Dictionary;
use super::words::parse_number;
use crate::attribute::value;

/// The text of a value without its tag. What [`super::from_text::parse`] makes of it is the same value.
pub(super) fn compose(dictionary: &Dictionary, attribute: &Attribute, octets: &[u8]) -> Option<String> {
    let integer = |number: u64| {
        let name = dictionary.find_value_name(attribute, number);
        // A name that reads as a number would be read as that number.
        name.filter(|name| parse_number(name).is_err()).map_or_else(|| number.to_string(), str::to_owned)
    };
    match attribute.kind {
        DataType::Text => {
            let text = str::from_utf8(octets).ok()?;
            (!text.ends_with('\0')).then(|| quote(text))
        }
        DataType::Octets(None) => Some(hexadecimal(octets)),
        DataType::Octets(Some(length)) => (octets.len() == usize::from(length)).then(|| hexadecimal(octets)),
        DataType::Byte => <[u8; 1]>::try_from(octets).ok().map(|[octet]| integer(u64::from(octet))),
        DataType::Short => {
            octets.try_into().ok().map(|octets| integer(u64::from(u16::from_be_bytes(octets))))
        }
        DataType::Integer if attribute.has_tag => {
            let [high, middle, low] = octets.try_into().ok()?;
            Some(integer(u64::from(u32::from_be_bytes([0, high, middle, low]))))
        }
        DataType::Integer => value::u32(octets).map(|number| integer(u64::from(number))),
        DataType::Integer64 => value::u64(octets).map(integer),
        DataType::Signed => {
            let number = value::u32(octets)?;
            let name = dictionary.find_value_name(attribute, u64::from(number));
            let named = name.filter(|name| parse_number(name).is_err() && name.parse::<i32>().is_err());
            let plain = || i32::from_be_bytes(number.to_be_bytes()).to_string();
            Some(named.map_or_else(plain, str::to_owned))
        }
        DataType::Date => value::u32(octets).map(date::compose),
        DataType::Ipv4 => value::ipv4(octets).map(|address| address.to_string()),
        DataType::Ipv6 => value::ipv6(octets).map(|address| address.to_string()),
        DataType::ComboIp => {
            let ipv4 = value::ipv4(octets).map(|address: Ipv4Addr| address.to_string());
            ipv4.or_else(|| value::ipv6(octets).map(|address: Ipv6Addr| address.to_string()))
        }
        DataType::Ipv4Prefix => {
            let &[_reserved, length, ref address @ ..] = octets else { return None };
            let address = value::ipv4(address)?;
            let host_bits = u32::MAX.checked_shr(u32::from(length)).unwrap_or(0);
            let good = length <= 32 && address.to_bits() & host_bits == 0;
            good.then(|| format!("{address}/{length}"))
        }
        DataType::Ipv6Prefix => value::ipv6_prefix(octets).map(|prefix| prefix.to_string()),
        DataType::InterfaceId => value::interface_id(octets).map(|octets| {
            let groups = octets.chunks_exact(2).map(|pair| format!("{:02x}{:02x}", pair[0], pair[1]));
            groups.collect::<Vec<_>>().join(":")
        }),
        DataType::Ether => <[u8; 6]>::try_from(octets)
            .ok()
            .map(|octets| octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(":")),
        DataType::Tlv
        | DataType::Vsa
        | DataType::Extended
        | DataType::LongExtended
        | DataType::ExtendedVsa => None,
    }
}
