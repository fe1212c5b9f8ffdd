//! Where an attribute stands: its number, and the numbers of what it is nested in.

use core::fmt;

use crate::attribute::AttributeType;
use crate::vendor::{Vendor, VendorType};

/// Deepest nesting. An extended vendor-specific attribute (RFC 6929 §2.4) is four deep; WiMAX nests four levels of TLV in a
/// vendor's attribute, which is the deepest known.
pub(super) const MAX_DEPTH: usize = 8;

/// The numbers from the outermost attribute to the one that is meant: `[8]` is Framed-IP-Address, `[26, 14988, 8]` is
/// Mikrotik-Rate-Limit, `[241, 1]` the first extended attribute. Under a vendor-specific attribute comes the vendor's
/// enterprise number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number {
    path: [u32; MAX_DEPTH],
    depth: u8,
}

impl Number {
    /// Above every attribute.
    pub(super) const ROOT: Self = Self { path: [0; MAX_DEPTH], depth: 0 };

    /// The number with these parts; `None` without any, or with more than the deepest nesting.
    pub fn new(path: &[u32]) -> Option<Self> {
        let mut number = Self::ROOT;
        for &part in path {
            number = number.child(part)?;
        }
        (number.depth > 0).then_some(number)
    }

    /// The parts, outermost first; never empty for a number that you can get hold of.
    pub fn path(&self) -> &[u32] {
        self.path.get(..usize::from(self.depth)).unwrap_or_default()
    }

    /// The attribute's vendor, if it stands in a Vendor-Specific (RFC 2865 §5.26).
    pub fn vendor(&self) -> Option<Vendor> {
        match self.path() {
            [26, vendor, _, ..] => Some(Vendor(*vendor)),
            _ => None,
        }
    }

    /// The type octet that the packet shows: 26 for every vendor's attribute.
    pub fn outermost(&self) -> Option<AttributeType> {
        self.path().first().and_then(|&part| u8::try_from(part).ok()).map(AttributeType)
    }

    pub(super) fn child(self, part: u32) -> Option<Self> {
        let mut number = self;
        *number.path.get_mut(usize::from(self.depth))? = part;
        number.depth += 1;
        Some(number)
    }

    /// The number around this one (`ROOT` around an outermost) and the last part.
    pub(super) fn split_last(self) -> Option<(Self, u32)> {
        let depth = self.depth.checked_sub(1)?;
        let mut parent = self;
        let last = core::mem::take(parent.path.get_mut(usize::from(depth))?);
        parent.depth = depth;
        Some((parent, last))
    }
}

impl From<AttributeType> for Number {
    fn from(kind: AttributeType) -> Self {
        let mut path = [0; MAX_DEPTH];
        path[0] = u32::from(kind.0);
        Self { path, depth: 1 }
    }
}

impl From<VendorType> for Number {
    fn from(kind: VendorType) -> Self {
        let mut path = [0; MAX_DEPTH];
        path[..3].copy_from_slice(&[26, kind.vendor.0, u32::from(kind.kind)]);
        Self { path, depth: 3 }
    }
}

/// `Attr-26.14988.8`, the name of an attribute that has none.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attr")?;
        for (place, part) in self.path().iter().enumerate() {
            write!(f, "{}{part}", if place == 0 { '-' } else { '.' })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
