//! From a value to the octets of a packet: each level of nesting puts its header before the value.

use super::definition::{DataType, Format};
use super::number::Number;
use super::tables::Dictionary;
use crate::vendor::Vendor;

/// Why a number has no place in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayerError {
    /// It is above 255: an attribute of some server's own.
    #[error("{0} is never sent")]
    NotSent(Number),
    /// It names a vendor, not one of his attributes.
    #[error("{0} is no attribute")]
    NotAnAttribute(Number),
    /// It stands within an attribute that holds no others, as far as the dictionary knows.
    #[error("{0} holds no attributes")]
    NotAContainer(Number),
    /// One attribute of 255 octets cannot hold the value.
    #[error("the value is too long for an attribute")]
    Long,
}

/// One level of nesting, with what its header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    /// Type and length; an attribute of the packet, or within a TLV (RFC 2865 §5, RFC 6929 §2.3).
    TypeLength(u8),
    /// The first octet within an extended attribute (RFC 6929 §2.1).
    Extended(u8),
    /// The same with an octet of flags: nothing follows in the next attribute (RFC 6929 §2.2).
    LongExtended(u8),
    /// Vendor, type and length as the vendor likes them (RFC 2865 §5.26).
    Vendor { vendor: Vendor, number: u32, format: Format },
    /// Vendor and type (RFC 6929 §2.4).
    ExtendedVendor { vendor: Vendor, number: u8 },
}

/// The levels of a number, innermost first.
pub(super) fn layers(dictionary: &Dictionary, number: Number) -> Result<Vec<Layer>, LayerError> {
    let mut layers = Vec::new();
    let mut place = number;
    while let Some((parent, last)) = place.split_last() {
        let octet = u8::try_from(last).map_err(|_| LayerError::NotSent(number));
        if parent == Number::ROOT {
            layers.push(Layer::TypeLength(octet?));
            break;
        }
        if let Some((outer, vendor)) = parent.split_last().filter(|(outer, _)| is_vendors(dictionary, *outer))
        {
            let vendor = Vendor(vendor);
            layers.push(if outer.path() == [26] {
                let format = dictionary.format(vendor);
                if last > format.largest_number() {
                    return Err(LayerError::NotSent(number));
                }
                Layer::Vendor { vendor, number: last, format }
            } else {
                Layer::ExtendedVendor { vendor, number: octet? }
            });
            place = outer;
            continue;
        }
        layers.push(match dictionary.find_number(parent).map(|attribute| attribute.kind) {
            Some(DataType::Tlv) => Layer::TypeLength(octet?),
            Some(DataType::Extended) => Layer::Extended(octet?),
            Some(DataType::LongExtended) => Layer::LongExtended(octet?),
            _ if is_vendors(dictionary, parent) => return Err(LayerError::NotAnAttribute(number)),
            _ => return Err(LayerError::NotAContainer(parent)),
        });
        place = parent;
    }
    Ok(layers)
}

/// Whether what stands within is vendors.
fn is_vendors(dictionary: &Dictionary, number: Number) -> bool {
    match dictionary.find_number(number) {
        Some(attribute) => matches!(attribute.kind, DataType::Vsa | DataType::ExtendedVsa),
        // Vendor-Specific is what it is, defined or not.
        None => number.path() == [26],
    }
}

/// Puts the headers of `layers` before `value`.
pub(super) fn wrap(layers: &[Layer], value: &[u8]) -> Result<Vec<u8>, LayerError> {
    let mut octets = value.to_vec();
    for &layer in layers {
        let mut outer = Vec::with_capacity(octets.len() + 8);
        match layer {
            Layer::TypeLength(number) => {
                let length = u8::try_from(octets.len() + 2).map_err(|_| LayerError::Long)?;
                outer.extend_from_slice(&[number, length]);
            }
            Layer::Extended(number) => outer.push(number),
            Layer::LongExtended(number) => outer.extend_from_slice(&[number, 0]),
            Layer::Vendor { vendor, number, format } => {
                outer.extend_from_slice(&vendor.0.to_be_bytes());
                let length = u32::try_from(octets.len() + format.header()).map_err(|_| LayerError::Long)?;
                low_octets(&mut outer, number, format.type_octets)?;
                if format.length_octets > 0 {
                    low_octets(&mut outer, length, format.length_octets)?;
                }
                if format.continuation {
                    outer.push(0);
                }
            }
            Layer::ExtendedVendor { vendor, number } => {
                outer.extend_from_slice(&vendor.0.to_be_bytes());
                outer.push(number);
            }
        }
        outer.extend_from_slice(&octets);
        octets = outer;
    }
    Ok(octets)
}

/// Appends the lowest `count` octets of a number; the others must be zero.
fn low_octets(out: &mut Vec<u8>, number: u32, count: u8) -> Result<(), LayerError> {
    let octets = number.to_be_bytes();
    let (high, low) = octets.split_at(octets.len().saturating_sub(usize::from(count)));
    if high.iter().any(|&octet| octet != 0) {
        return Err(LayerError::Long);
    }
    out.extend_from_slice(low);
    Ok(())
}
