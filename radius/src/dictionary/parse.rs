//! The parser of dictionary text: line by line, each with its own error.

use super::definition::{Attribute, DataType, Encryption, Format, Vendor};
use super::error::{ParseError, Problem, ResolveError};
use super::number::{MAX_DEPTH, Number};
use super::tables::Dictionary;
use crate::vendor;

/// Deepest nesting of includes: public collections nest two deep, and a circle must end.
const MAX_INCLUDE_DEPTH: usize = 8;

/// Most files in one reading, of which the largest public collection has about 230. With the depth it bounds what files that
/// include each other can cost.
const MAX_FILES: usize = 1_024;

/// Longest line, in octets. Real ones stay under 150.
const MAX_LINE: usize = 1_024;

/// Longest name, in octets. Real ones stay under 70.
const MAX_NAME: usize = 128;

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
        let mut parser = Parser { dictionary: self, resolve, files: 0 };
        parser.file(file, text, 0)?;
        Ok(parser.dictionary)
    }
}

/// The words of a line.
type Words<'t> = core::str::SplitAsciiWhitespace<'t>;

struct Parser<'a, 'r> {
    dictionary: Dictionary,
    resolve: &'a mut Resolver<'r>,
    files: usize,
}

/// Where in its blocks a file stands.
#[derive(Default)]
struct Blocks {
    vendor: Option<(Box<str>, Number)>,
    tlvs: Vec<(Box<str>, Number)>,
    /// What FLAGS lines said, for the attributes that follow in this file.
    flags: Flags,
}

#[derive(Clone, Copy, Default)]
struct Flags {
    has_tag: bool,
    encryption: Encryption,
    concatenated: bool,
    /// Attributes that never stand in a packet: they are read over.
    internal: bool,
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
            self.line(keyword, &mut words, &mut blocks).map_err(|problem| at(number, problem))?;
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
        let (attribute, name, digits) = (next()?, name(next()?)?, next()?);
        end(words)?;
        self.dictionary.define_value(attribute, name, parse_number(digits)?)
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

/// Whether the word is an include, and if so, whether it may be missing.
fn include(keyword: &str) -> Option<bool> {
    if keyword.eq_ignore_ascii_case("$INCLUDE") {
        Some(false)
    } else {
        keyword.eq_ignore_ascii_case("$INCLUDE-").then_some(true)
    }
}

/// The one word that is to follow.
fn one<'t>(words: &mut Words<'t>, keyword: &'static str, expected: &'static str) -> Result<&'t str, Problem> {
    let word = words.next().ok_or(Problem::Missing { keyword, expected })?;
    end(words)?;
    Ok(word)
}

fn end(words: &mut Words<'_>) -> Result<(), Problem> {
    words.next().map_or(Ok(()), |word| Err(Problem::Unexpected(word.into())))
}

fn name(word: &str) -> Result<&str, Problem> {
    if word.len() > MAX_NAME {
        return Err(Problem::TooLong { what: "the name", limit: MAX_NAME });
    }
    let good = |octet: u8| octet.is_ascii_alphanumeric() || b"-_./+".contains(&octet);
    let starts_well = word.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
    if starts_well && word.bytes().all(good) { Ok(word) } else { Err(Problem::BadName(word.into())) }
}

/// An attribute's name: also not one of the forms that stand for numbers and raw octets in `Name = value`.
fn attribute_name(word: &str) -> Result<&str, Problem> {
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

fn parse_format(word: &str) -> Result<Format, Problem> {
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

fn parse_flags(words: &str, mut flags: Flags) -> Result<Flags, Problem> {
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

fn check_flags(kind: DataType, flags: Flags) -> Result<(), Problem> {
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
