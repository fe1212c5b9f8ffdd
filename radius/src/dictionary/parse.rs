//! The parser of dictionary text: line by line, each with its own error.

use std::collections::HashSet;

use super::definition::{Attribute, DataType, Format, Vendor};
use super::error::{ParseError, Problem, ResolveError};
use super::number::{MAX_DEPTH, Number};
use super::tables::{Dictionary, MAX_VALUES};
use super::words::{
    Flags, Words, attribute_name, check_flags, end, include, name, one, parse_flags, parse_format,
    parse_number, value_name,
};
use crate::vendor;

/// Deepest nesting of includes: public collections nest two deep, and a circle must end.
const MAX_INCLUDE_DEPTH: usize = 8;

/// Most files in one reading, of which the largest public collection has about 230. With the depth it bounds what files that
/// include each other can cost.
const MAX_FILES: usize = 1_024;

/// Longest line, in octets. Real ones stay under 150.
const MAX_LINE: usize = 1_024;

/// What an `$INCLUDE` asks for.
#[derive(Clone, Copy, Debug)]
pub struct Include<'a> {
    /// The file that the line stands in, by the name it was given.
    pub from: &'a str,
    /// The name on the line.
    pub name: &'a str,
}

/// A file's name, for messages and for resolving its own includes, and its text.
#[derive(Clone, Debug)]
pub struct Source {
    /// The name.
    pub name: String,
    /// The text.
    pub text: String,
}

/// Finds an included file; `None` if there is none.
pub type Resolver<'r> = dyn FnMut(Include<'_>) -> Result<Option<Source>, ResolveError> + 'r;

/// A resolver for texts that include nothing.
pub fn no_includes(_: Include<'_>) -> Result<Option<Source>, ResolveError> {
    Ok(None)
}

impl Dictionary {
    /// Adds the definitions of `text`, and of what it includes. On an error the dictionary is given up as a whole, so nobody
    /// works with half of one; clone it before if it is still needed.
    pub fn parse(self, file: &str, text: &str, resolve: &mut Resolver<'_>) -> Result<Self, ParseError> {
        let mut parser =
            Parser { dictionary: self, resolve, files: 0, early: Vec::new(), internal: HashSet::new() };
        parser.file(file, text, 0)?;
        parser.define_early_values()?;
        Ok(parser.dictionary)
    }
}

struct Parser<'a, 'r> {
    dictionary: Dictionary,
    resolve: &'a mut Resolver<'r>,
    files: usize,
    /// Values of attributes that were not defined yet: public collections name some values before their attribute.
    early: Vec<EarlyValue>,
    /// Attributes that were read over, so that their values are too.
    internal: HashSet<String>,
}

struct EarlyValue {
    file: Box<str>,
    line: usize,
    attribute: Box<str>,
    name: Box<str>,
    value: u64,
}

/// Where in its blocks a file stands.
#[derive(Default)]
struct Blocks {
    vendor: Option<(Box<str>, Number)>,
    tlvs: Vec<(Box<str>, Number)>,
    /// What FLAGS lines said, for the attributes that follow in this file.
    flags: Flags,
}

impl Blocks {
    /// The number that attributes are relative to.
    fn parent(&self) -> Number {
        match (self.tlvs.last(), &self.vendor) {
            (Some((_, number)), _) | (None, Some((_, number))) => *number,
            (None, None) => Number::ROOT,
        }
    }
}

impl Parser<'_, '_> {
    fn file(&mut self, file: &str, text: &str, depth: usize) -> Result<(), ParseError> {
        let at =
            |line: usize, problem: Problem| ParseError { file: file.into(), line, problem, source: None };
        self.files += 1;
        if self.files > MAX_FILES {
            return Err(at(1, Problem::TooMany { what: "files", limit: MAX_FILES }));
        }
        let mut blocks = Blocks::default();
        let mut number = 0;
        for line in text.lines() {
            number += 1;
            if line.len() > MAX_LINE {
                return Err(at(number, Problem::TooLong { what: "the line", limit: MAX_LINE }));
            }
            let line = line.split_once('#').map_or(line, |(before, _)| before);
            let mut words = line.split_ascii_whitespace();
            let Some(keyword) = words.next() else { continue };
            if let Some(optional) = include(keyword) {
                let name =
                    one(&mut words, "$INCLUDE", "a file name").map_err(|problem| at(number, problem))?;
                self.include(Include { from: file, name }, optional, number, depth)?;
                continue;
            }
            let early = self.early.len();
            self.line(keyword, &mut words, &mut blocks).map_err(|problem| at(number, problem))?;
            if let Some(value) = self.early.get_mut(early) {
                (value.file, value.line) = (file.into(), number);
            }
        }
        let open = blocks.tlvs.pop().map(|(name, _)| name).or(blocks.vendor.map(|(name, _)| name));
        open.map_or(Ok(()), |name| Err(at(number, Problem::StillOpen(name))))
    }

    fn include(
        &mut self,
        include: Include<'_>,
        optional: bool,
        line: usize,
        depth: usize,
    ) -> Result<(), ParseError> {
        let fail = |problem, source| ParseError { file: include.from.into(), line, problem, source };
        if depth == MAX_INCLUDE_DEPTH {
            return Err(fail(Problem::IncludedTooDeep(MAX_INCLUDE_DEPTH), None));
        }
        match (self.resolve)(include) {
            Ok(Some(source)) => self.file(&source.name, &source.text, depth + 1),
            Ok(None) if optional => Ok(()),
            Ok(None) => Err(fail(Problem::NotFound(include.name.into()), None)),
            Err(source) => Err(fail(Problem::Unreadable(include.name.into()), Some(source))),
        }
    }

    fn line(&mut self, keyword: &str, words: &mut Words<'_>, blocks: &mut Blocks) -> Result<(), Problem> {
        match keyword.to_ascii_uppercase().as_str() {
            "ATTRIBUTE" => self.attribute(words, blocks),
            "VALUE" => self.value(words),
            "VENDOR" => self.vendor(words),
            "BEGIN-VENDOR" => self.begin_vendor(words, blocks),
            "END-VENDOR" => {
                let name = one(words, "END-VENDOR", "a vendor")?;
                match blocks.vendor.take() {
                    Some((open, _)) if blocks.tlvs.is_empty() && open.eq_ignore_ascii_case(name) => Ok(()),
                    _ => Err(Problem::NotOpen { keyword: "END-VENDOR", name: name.into() }),
                }
            }
            "BEGIN-TLV" => {
                let name = one(words, "BEGIN-TLV", "an attribute")?;
                let unknown = || Problem::UnknownAttribute(name.into());
                let attribute = self.dictionary.find_name(name).ok_or_else(unknown)?;
                if attribute.kind != DataType::Tlv {
                    return Err(Problem::NotAContainer { parent: name.into() });
                }
                blocks.tlvs.push((name.into(), attribute.number));
                Ok(())
            }
            "END-TLV" => {
                let name = one(words, "END-TLV", "an attribute")?;
                match blocks.tlvs.pop() {
                    Some((open, _)) if open.eq_ignore_ascii_case(name) => Ok(()),
                    _ => Err(Problem::NotOpen { keyword: "END-TLV", name: name.into() }),
                }
            }
            "FLAGS" => {
                let flags = one(words, "FLAGS", "a flag")?;
                blocks.flags = parse_flags(flags, blocks.flags)?;
                Ok(())
            }
            _ => Err(Problem::UnknownKeyword(keyword.into())),
        }
    }

    /// `ATTRIBUTE name number type [flags | vendor]`
    fn attribute(&mut self, words: &mut Words<'_>, blocks: &Blocks) -> Result<(), Problem> {
        let mut next = || {
            words
                .next()
                .ok_or(Problem::Missing { keyword: "ATTRIBUTE", expected: "a name, a number and a type" })
        };
        let (name, digits, kind) = (attribute_name(next()?)?, next()?, next()?);
        let kind = DataType::parse(kind).ok_or_else(|| Problem::UnknownType(kind.into()))?;
        let mut flags = blocks.flags;
        let mut parent = blocks.parent();
        if let Some(word) = words.next() {
            // An old way to say whose it is: the vendor's name in place of the flags.
            match self.dictionary.find_vendor_name(word) {
                Some(vendor) if parent == Number::ROOT => parent = vendor_space(vendor.number)?,
                _ => flags = parse_flags(word, flags)?,
            }
        }
        end(words)?;
        let number = self.number(parent, digits)?;
        let Flags { has_tag, encryption, concatenated, internal } = flags;
        if internal {
            self.internal.insert(name.to_ascii_lowercase());
            return Ok(());
        }
        check_flags(kind, flags)?;
        self.dictionary.define_attribute(Attribute {
            name: name.into(),
            number,
            kind,
            has_tag,
            encryption,
            concatenated,
        })
    }

    /// Reads `8`, `0x08` or `1.2` under `parent`, whose definition says how large each part may be.
    fn number(&self, parent: Number, digits: &str) -> Result<Number, Problem> {
        let mut number = parent;
        for part in digits.split('.') {
            let part = parse_number(part)?;
            let largest = self.largest_number(number)?;
            let fits = u32::try_from(part).ok().filter(|&part| part <= largest);
            let part = fits.ok_or(Problem::NumberTooLarge { number: part, largest: u64::from(largest) })?;
            number = number.child(part).ok_or(Problem::TooDeep(MAX_DEPTH))?;
        }
        Ok(number)
    }

    /// The largest number directly within `parent`.
    fn largest_number(&self, parent: Number) -> Result<u32, Problem> {
        // Larger numbers of the standard space are attributes of a server's own, which never stand in a packet. Other
        // people's dictionaries have them, so they are read; they can be neither composed nor met.
        let Some((outer, last)) = parent.split_last() else { return Ok(u32::MAX) };
        match self.dictionary.find_number(outer).map(|attribute| attribute.kind) {
            Some(DataType::Vsa) => return Ok(self.dictionary.format(vendor::Vendor(last)).largest_number()),
            Some(DataType::ExtendedVsa) => return Ok(u32::from(u8::MAX)),
            _ => {}
        }
        match self.dictionary.find_number(parent) {
            Some(attribute) => match attribute.kind {
                DataType::Vsa | DataType::ExtendedVsa => Ok(u32::MAX),
                kind if kind.is_container() => Ok(u32::from(u8::MAX)),
                _ => Err(Problem::NotAContainer { parent: attribute.name.clone() }),
            },
            // A vendor's space needs no definition of Vendor-Specific itself.
            None if matches!(parent.path(), [26, _]) => {
                Ok(self.dictionary.format(vendor::Vendor(last)).largest_number())
            }
            None => Err(Problem::UnknownAttribute(parent.to_string().into())),
        }
    }

    /// `VALUE attribute name number`
    fn value(&mut self, words: &mut Words<'_>) -> Result<(), Problem> {
        let mut next = || {
            words
                .next()
                .ok_or(Problem::Missing { keyword: "VALUE", expected: "an attribute, a name and a number" })
        };
        let (attribute, name, digits) = (next()?, value_name(next()?)?, next()?);
        end(words)?;
        let value = parse_number(digits)?;
        if self.dictionary.find_name(attribute).is_some() {
            return self.dictionary.define_value(attribute, name, value);
        }
        if self.early.len() == MAX_VALUES {
            return Err(Problem::TooMany { what: "values", limit: MAX_VALUES });
        }
        let (attribute, name) = (attribute.into(), name.into());
        self.early.push(EarlyValue { file: "".into(), line: 0, attribute, name, value });
        Ok(())
    }

    fn define_early_values(&mut self) -> Result<(), ParseError> {
        for EarlyValue { file, line, attribute, name, value } in std::mem::take(&mut self.early) {
            if self.internal.contains(&attribute.to_ascii_lowercase()) {
                continue;
            }
            let defined = self.dictionary.define_value(&attribute, &name, value);
            defined.map_err(|problem| ParseError { file, line, problem, source: None })?;
        }
        Ok(())
    }

    /// `VENDOR name number [format=t,l[,c]]`
    fn vendor(&mut self, words: &mut Words<'_>) -> Result<(), Problem> {
        let mut next =
            || words.next().ok_or(Problem::Missing { keyword: "VENDOR", expected: "a name and a number" });
        let (name, digits) = (name(next()?)?, next()?);
        let format = words.next().map_or(Ok(Format::default()), parse_format)?;
        end(words)?;
        let number = parse_number(digits)?;
        let largest = u64::from(u32::MAX);
        let number = u32::try_from(number).map_err(|_| Problem::NumberTooLarge { number, largest })?;
        self.dictionary.define_vendor(Vendor { name: name.into(), number: vendor::Vendor(number), format })
    }

    /// `BEGIN-VENDOR name [format=attribute]`, where the attribute is the extended one (RFC 6929 §2.4) that its attributes
    /// stand in, in place of Vendor-Specific.
    fn begin_vendor(&mut self, words: &mut Words<'_>, blocks: &mut Blocks) -> Result<(), Problem> {
        let name = words.next().ok_or(Problem::Missing { keyword: "BEGIN-VENDOR", expected: "a vendor" })?;
        let within = words.next();
        end(words)?;
        if let Some((open, _)) = &blocks.vendor {
            return Err(Problem::StillOpen(open.clone()));
        }
        let vendor =
            self.dictionary.find_vendor_name(name).ok_or_else(|| Problem::UnknownVendor(name.into()))?;
        let space = match within {
            None => vendor_space(vendor.number)?,
            Some(word) => {
                let attribute = word.strip_prefix("format=").or_else(|| word.strip_prefix("parent="));
                let attribute = attribute.ok_or_else(|| Problem::Unexpected(word.into()))?;
                let unknown = || Problem::UnknownAttribute(attribute.into());
                let attribute = self.dictionary.find_name(attribute).ok_or_else(unknown)?;
                if attribute.kind != DataType::ExtendedVsa {
                    return Err(Problem::NotAContainer { parent: attribute.name.clone() });
                }
                attribute.number.child(vendor.number.0).ok_or(Problem::TooDeep(MAX_DEPTH))?
            }
        };
        blocks.vendor = Some((name.into(), space));
        Ok(())
    }
}

fn vendor_space(number: vendor::Vendor) -> Result<Number, Problem> {
    Number::new(&[26, number.0]).ok_or(Problem::TooDeep(MAX_DEPTH))
}
