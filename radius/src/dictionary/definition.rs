//! What a dictionary says of one attribute and of one vendor.

use core::fmt;

use super::Number;
use crate::vendor;

/// One attribute's definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its name, as the dictionary spells it.
    pub name: Box<str>,
    /// Where it stands.
    pub number: Number,
    /// What its value is.
    pub kind: DataType,
    /// Whether a tag groups it with others of the same tunnel (RFC 2868 §3).
    pub has_tag: bool,
    /// How its value is hidden with the shared secret.
    pub encryption: Encryption,
    /// Whether several of them in a row are one long value (EAP-Message, RFC 3579 §3.1).
    pub concatenated: bool,
}

/// One vendor's definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vendor {
    /// Its name, as the dictionary spells it.
    pub name: Box<str>,
    /// Its enterprise number.
    pub number: vendor::Vendor,
    /// How its attributes are laid out.
    pub format: Format,
}

/// The layout of a vendor's attributes within Vendor-Specific. Most follow the recommendation of RFC 2865 §5.26: one octet
/// each for type and length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Octets of the type: 1, 2 or 4.
    pub type_octets: u8,
    /// Octets of the length: 0 (one attribute, up to the end), 1 or 2.
    pub length_octets: u8,
    /// Whether an octet follows whose top bit says that the value goes on in the next attribute (WiMAX).
    pub continuation: bool,
}

impl Default for Format {
    fn default() -> Self {
        Self { type_octets: 1, length_octets: 1, continuation: false }
    }
}

impl Format {
    pub(super) fn header(self) -> usize {
        usize::from(self.type_octets) + usize::from(self.length_octets) + usize::from(self.continuation)
    }

    /// The largest attribute number that fits.
    pub(super) fn largest_number(self) -> u32 {
        match self.type_octets {
            1 => u32::from(u8::MAX),
            2 => u32::from(u16::MAX),
            _ => u32::MAX,
        }
    }
}

/// How a value is hidden (the numbers of `encrypt=`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// Plain.
    #[default]
    None,
    /// 1: as User-Password (RFC 2865 §5.2).
    UserPassword,
    /// 2: with a salt, as Tunnel-Password (RFC 2868 §3.5) and the MPPE keys (RFC 2548 §2.4.2).
    TunnelPassword,
    /// 3: as Ascend-Send-Secret. Read, but neither hidden nor revealed: nothing that we talk to uses it.
    AscendSecret,
}

/// The type of a value, by the names of RFC 8044 §3 and the older ones of dictionaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataType {
    /// `string`, `text`: UTF-8.
    Text,
    /// `octets`, `octets[n]`: any octets, or exactly n.
    Octets(Option<u8>),
    /// `integer`, `uint32`: 4 octets.
    Integer,
    /// `integer64`, `uint64`: 8 octets.
    Integer64,
    /// `byte`, `uint8`: 1 octet.
    Byte,
    /// `short`, `uint16`: 2 octets.
    Short,
    /// `signed`, `int32`: 4 octets.
    Signed,
    /// `date`: seconds since 1970 in 4 octets.
    Date,
    /// `ipaddr`, `ipv4addr`.
    Ipv4,
    /// `ipv4prefix`: 6 octets (RFC 8044 §3.11).
    Ipv4Prefix,
    /// `ipv6addr`.
    Ipv6,
    /// `ipv6prefix`: 2 to 18 octets (RFC 3162 §2.3).
    Ipv6Prefix,
    /// `combo-ip`: IPv4 or IPv6 address, by length.
    ComboIp,
    /// `ifid`: 8 octets (RFC 3162 §2.2).
    InterfaceId,
    /// `ether`: 6 octets.
    Ether,
    /// `tlv`: attributes within, type and length of one octet each.
    Tlv,
    /// `vsa`: a vendor's attributes within (RFC 2865 §5.26).
    Vsa,
    /// `extended`: one attribute within, its type in the first octet (RFC 6929 §2.1).
    Extended,
    /// `long-extended`: the same with an octet of flags (RFC 6929 §2.2).
    LongExtended,
    /// `evs`: a vendor's attribute within an extended one (RFC 6929 §2.4).
    ExtendedVsa,
}

impl DataType {
    /// Reads the type's name in a dictionary, with its length if it has one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        if let Some(length) = lower.strip_prefix("octets[").and_then(|rest| rest.strip_suffix(']')) {
            return length.parse().ok().filter(|&length| length > 0).map(|length| Self::Octets(Some(length)));
        }
        Some(match lower.as_str() {
            "string" | "text" => Self::Text,
            // Ascend's binary filters are carried as octets; nobody writes them by hand.
            "octets" | "abinary" => Self::Octets(None),
            "integer" | "uint32" => Self::Integer,
            "integer64" | "uint64" => Self::Integer64,
            "byte" | "uint8" => Self::Byte,
            "short" | "uint16" => Self::Short,
            "signed" | "int32" => Self::Signed,
            "date" => Self::Date,
            "ipaddr" | "ipv4addr" => Self::Ipv4,
            "ipv4prefix" => Self::Ipv4Prefix,
            "ipv6addr" => Self::Ipv6,
            "ipv6prefix" => Self::Ipv6Prefix,
            "combo-ip" => Self::ComboIp,
            "ifid" => Self::InterfaceId,
            "ether" => Self::Ether,
            "tlv" => Self::Tlv,
            "vsa" => Self::Vsa,
            "extended" => Self::Extended,
            "long-extended" => Self::LongExtended,
            "evs" => Self::ExtendedVsa,
            _ => return None,
        })
    }

    /// Whether its value is other attributes.
    pub const fn is_container(self) -> bool {
        matches!(self, Self::Tlv | Self::Vsa | Self::Extended | Self::LongExtended | Self::ExtendedVsa)
    }

    /// The largest value of the integer types; a tag takes the first of four octets (RFC 2868 §3.1).
    pub(super) const fn largest_integer(self, has_tag: bool) -> Option<u64> {
        Some(match self {
            Self::Byte => 0xff,
            Self::Short => 0xffff,
            Self::Integer if has_tag => 0x00ff_ffff,
            Self::Integer | Self::Signed | Self::Date => 0xffff_ffff,
            Self::Integer64 => u64::MAX,
            _ => return None,
        })
    }
}

/// The type's first name.
impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Octets(Some(length)) => return write!(f, "octets[{length}]"),
            Self::Octets(None) => "octets",
            Self::Text => "string",
            Self::Integer => "integer",
            Self::Integer64 => "integer64",
            Self::Byte => "byte",
            Self::Short => "short",
            Self::Signed => "signed",
            Self::Date => "date",
            Self::Ipv4 => "ipaddr",
            Self::Ipv4Prefix => "ipv4prefix",
            Self::Ipv6 => "ipv6addr",
            Self::Ipv6Prefix => "ipv6prefix",
            Self::ComboIp => "combo-ip",
            Self::InterfaceId => "ifid",
            Self::Ether => "ether",
            Self::Tlv => "tlv",
            Self::Vsa => "vsa",
            Self::Extended => "extended",
            Self::LongExtended => "long-extended",
            Self::ExtendedVsa => "evs",
        })
    }
}
