//! The tables: attributes and vendors by number and by name, and the names of values.

use std::collections::HashMap;

use super::definition::{Attribute, Format, Vendor};
use super::error::Problem;
use super::number::Number;
use crate::vendor;

/// Most attributes in one dictionary; the largest public collection has about 9,000.
pub(super) const MAX_ATTRIBUTES: usize = 65_536;

/// Most named values, of which that collection has about 10,000.
pub(super) const MAX_VALUES: usize = 131_072;

/// Most vendors, of which that collection has about 200.
pub(super) const MAX_VENDORS: usize = 4_096;

/// Attributes and vendors by number and name. Reading needs only a shared reference, so one is shared by all threads.
#[derive(Clone, Debug, Default)]
pub struct Dictionary {
    attributes: Vec<Entry>,
    vendors: Vec<Vendor>,
    by_number: HashMap<Number, usize>,
    by_name: HashMap<Box<str>, usize>,
    vendor_by_number: HashMap<vendor::Vendor, usize>,
    vendor_by_name: HashMap<Box<str>, usize>,
    values: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    attribute: Attribute,
    value_names: HashMap<u64, Box<str>>,
    value_numbers: HashMap<Box<str>, u64>,
}

impl Dictionary {
    /// A dictionary without a single word.
    pub fn new() -> Self {
        Self::default()
    }

    /// The attribute of this name, in whatever case.
    pub fn find_name(&self, name: &str) -> Option<&Attribute> {
        self.by_name.get(key(name).as_ref()).and_then(|&place| self.at(place))
    }

    /// The attribute of this number; if it has several names, the latest.
    pub fn find_number(&self, number: Number) -> Option<&Attribute> {
        self.by_number.get(&number).and_then(|&place| self.at(place))
    }

    /// The vendor of this name, in whatever case.
    pub fn find_vendor_name(&self, name: &str) -> Option<&Vendor> {
        self.vendor_by_name.get(key(name).as_ref()).and_then(|&place| self.vendors.get(place))
    }

    /// The vendor of this enterprise number.
    pub fn find_vendor(&self, number: vendor::Vendor) -> Option<&Vendor> {
        self.vendor_by_number.get(&number).and_then(|&place| self.vendors.get(place))
    }

    /// The name of a value of an attribute (`Start` for 1 of Acct-Status-Type); if it has several, the latest.
    pub fn find_value_name(&self, attribute: &Attribute, value: u64) -> Option<&str> {
        self.entry(attribute)?.value_names.get(&value).map(AsRef::as_ref)
    }

    /// The value of an attribute with this name, in whatever case.
    pub fn find_value(&self, attribute: &Attribute, name: &str) -> Option<u64> {
        self.entry(attribute)?.value_numbers.get(key(name).as_ref()).copied()
    }

    /// All attributes in the order of definition.
    pub fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter().map(|entry| &entry.attribute)
    }

    /// All vendors in the order of definition.
    pub fn vendors(&self) -> impl Iterator<Item = &Vendor> {
        self.vendors.iter()
    }

    /// All named values of an attribute, in no order.
    pub fn values(&self, attribute: &Attribute) -> impl Iterator<Item = (&str, u64)> {
        self.entry(attribute)
            .into_iter()
            .flat_map(|entry| entry.value_names.iter().map(|(&value, name)| (name.as_ref(), value)))
    }

    /// The layout of a vendor's attributes; the recommended one for a vendor nobody declared.
    pub(super) fn format(&self, number: vendor::Vendor) -> Format {
        self.find_vendor(number).map_or_else(Format::default, |vendor| vendor.format)
    }

    pub(super) fn define_attribute(&mut self, attribute: Attribute) -> Result<(), Problem> {
        if let Some(&place) = self.by_name.get(key(&attribute.name).as_ref()) {
            let unknown = || Problem::UnknownAttribute(attribute.name.clone());
            let known = self.attributes.get_mut(place).ok_or_else(unknown)?;
            if known.attribute.number != attribute.number {
                return Err(Problem::Redefined { name: attribute.name });
            }
            // Said again, or a type put right: the latest word holds.
            self.by_number.insert(attribute.number, place);
            known.attribute = attribute;
            return Ok(());
        }
        let place = self.attributes.len();
        if place == MAX_ATTRIBUTES {
            return Err(Problem::TooMany { what: "attributes", limit: MAX_ATTRIBUTES });
        }
        self.by_name.insert(key(&attribute.name), place);
        self.by_number.insert(attribute.number, place);
        self.attributes.push(Entry { attribute, value_names: HashMap::new(), value_numbers: HashMap::new() });
        Ok(())
    }

    pub(super) fn define_vendor(&mut self, vendor: Vendor) -> Result<(), Problem> {
        if let Some(known) = self.find_vendor_name(&vendor.name) {
            if known.number == vendor.number && known.format == vendor.format {
                return Ok(());
            }
            return Err(Problem::Redefined { name: vendor.name });
        }
        if self.find_vendor(vendor.number).is_some_and(|known| known.format != vendor.format) {
            return Err(Problem::Redefined { name: vendor.name });
        }
        let place = self.vendors.len();
        if place == MAX_VENDORS {
            return Err(Problem::TooMany { what: "vendors", limit: MAX_VENDORS });
        }
        self.vendor_by_name.insert(key(&vendor.name), place);
        self.vendor_by_number.insert(vendor.number, place);
        self.vendors.push(vendor);
        Ok(())
    }

    /// Names a value of an attribute that is known by `attribute`'s name.
    pub(super) fn define_value(&mut self, attribute: &str, name: &str, value: u64) -> Result<(), Problem> {
        let unknown = || Problem::UnknownAttribute(attribute.into());
        let place = *self.by_name.get(key(attribute).as_ref()).ok_or_else(unknown)?;
        let entry = self.attributes.get_mut(place).ok_or_else(unknown)?;
        let kind = entry.attribute.kind;
        let Some(largest) = kind.largest_integer(entry.attribute.has_tag) else {
            return Err(Problem::ValueOfOtherType { attribute: attribute.into(), kind });
        };
        if value > largest {
            return Err(Problem::NumberTooLarge { number: value, largest });
        }
        match entry.value_numbers.get(key(name).as_ref()) {
            Some(&known) if known == value => return Ok(()),
            Some(_) => return Err(Problem::Redefined { name: format!("{attribute} {name}").into() }),
            None if self.values == MAX_VALUES => {
                return Err(Problem::TooMany { what: "values", limit: MAX_VALUES });
            }
            None => self.values += 1,
        }
        entry.value_numbers.insert(key(name), value);
        entry.value_names.insert(value, name.into());
        Ok(())
    }

    fn at(&self, place: usize) -> Option<&Attribute> {
        self.attributes.get(place).map(|entry| &entry.attribute)
    }

    fn entry(&self, attribute: &Attribute) -> Option<&Entry> {
        let place = *self.by_name.get(key(&attribute.name).as_ref())?;
        self.attributes.get(place)
    }
}

/// Names are compared without case.
fn key(name: &str) -> Box<str> {
    name.to_ascii_lowercase().into()
}
