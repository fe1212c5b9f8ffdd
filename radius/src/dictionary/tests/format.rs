//! The text format: what it says, and clear errors with file and line.

use super::super::{DataType, Dictionary, Encryption, Format, Include, Number, ParseError, Problem, Source};
use super::parse;
use crate::vendor::Vendor;

const VENDORS: &str = "
# A comment, and one behind a definition.
VENDOR  Acme  0xFF01   # hexadecimal
VENDOR  Wide  7  format=2,2
VENDOR  Naked 8  format=4,0
VENDOR  Long  9  format=1,1,c

BEGIN-VENDOR Acme
ATTRIBUTE  Acme-Speed   1     integer
VALUE      Acme-Speed   Slow  1
VALUE      Acme-Speed   Fast  0x10
ATTRIBUTE  Acme-Key     0x02  octets[16]  encrypt=2
ATTRIBUTE  Acme-Group   3     tlv
ATTRIBUTE  Acme-Name    3.1   string
BEGIN-TLV  Acme-Group
ATTRIBUTE  Acme-Address 2     ipaddr
ATTRIBUTE  Acme-Inner   3     tlv
END-TLV    Acme-Group
END-VENDOR Acme

ATTRIBUTE  Wide-Thing   0x1234  string  Wide
attribute  Tunnel-Type  64      integer has_tag
ATTRIBUTE  Internal     4000    string
";

fn problem(text: &str) -> (usize, Problem) {
    let error = parse(text).unwrap_err();
    assert_eq!(&*error.file, "test");
    (error.line, error.problem)
}

#[test]
fn definitions_are_found_by_name_and_number() {
    let dictionary = parse(VENDORS).unwrap();
    let speed = dictionary.find_name("ACME-speed").unwrap();
    assert_eq!(speed.number, Number::new(&[26, 0xff01, 1]).unwrap());
    assert_eq!(speed.number.to_string(), "Attr-26.65281.1");
    assert_eq!(speed.kind, DataType::Integer);
    assert_eq!(dictionary.find_number(speed.number), Some(speed));
    assert_eq!(dictionary.find_value(speed, "FAST"), Some(16));
    assert_eq!(dictionary.find_value_name(speed, 1), Some("Slow"));
    assert_eq!(dictionary.find_value_name(speed, 2), None);

    let key = dictionary.find_name("Acme-Key").unwrap();
    assert_eq!((key.kind, key.encryption), (DataType::Octets(Some(16)), Encryption::TunnelPassword));
    let path = |name: &str| dictionary.find_name(name).unwrap().number.path().to_vec();
    assert_eq!(path("Acme-Name"), [26, 0xff01, 3, 1]);
    assert_eq!(path("Acme-Address"), [26, 0xff01, 3, 2]);
    assert_eq!(path("Wide-Thing"), [26, 7, 0x1234]);
    assert!(dictionary.find_name("Tunnel-Type").unwrap().has_tag);
    assert!(dictionary.find_name("nothing").is_none());
}

#[test]
fn vendors_have_their_layouts() {
    let dictionary = parse(VENDORS).unwrap();
    let format = |name: &str| dictionary.find_vendor_name(name).unwrap().format;
    assert_eq!(format("acme"), Format::default());
    assert_eq!(format("wide"), Format { type_octets: 2, length_octets: 2, continuation: false });
    assert_eq!(format("naked"), Format { type_octets: 4, length_octets: 0, continuation: false });
    assert_eq!(format("long"), Format { type_octets: 1, length_octets: 1, continuation: true });
    assert_eq!(dictionary.find_vendor(Vendor(0xff01)).unwrap().name.as_ref(), "Acme");
}

/// Every type of the format's vocabulary is known, and prints as its first name.
#[test]
fn types_have_names() {
    for name in [
        "string",
        "octets",
        "octets[7]",
        "integer",
        "integer64",
        "byte",
        "short",
        "signed",
        "date",
        "ipaddr",
        "ipv4prefix",
        "ipv6addr",
        "ipv6prefix",
        "combo-ip",
        "ifid",
        "ether",
        "tlv",
        "vsa",
        "extended",
        "long-extended",
        "evs",
    ] {
        assert_eq!(DataType::parse(name).unwrap().to_string(), name);
    }
    for (other, first) in
        [("text", "string"), ("uint32", "integer"), ("uint64", "integer64"), ("abinary", "octets")]
    {
        assert_eq!(DataType::parse(other).unwrap().to_string(), first);
    }
    for bad in ["octets[0]", "octets[256]", "octets[]", "octets[3", "strings", ""] {
        assert_eq!(DataType::parse(bad), None, "{bad}");
    }
}

#[test]
fn errors_name_file_and_line() {
    let error = parse("ATTRIBUTE A 1 string\n\n# comment\nATRIBUTE B 2 string\n").unwrap_err();
    assert_eq!(error.to_string(), "test, line 4: unknown keyword \"ATRIBUTE\"");
}

#[test]
fn every_mistake_has_its_own_error() {
    use Problem as P;
    let boxed = |text: &str| -> Box<str> { text.into() };
    let cases: &[(&str, P)] = &[
        ("ATTRIBUTE A 1", P::Missing { keyword: "ATTRIBUTE", expected: "a name, a number and a type" }),
        ("VALUE A B", P::Missing { keyword: "VALUE", expected: "an attribute, a name and a number" }),
        ("VENDOR A", P::Missing { keyword: "VENDOR", expected: "a name and a number" }),
        ("BEGIN-VENDOR", P::Missing { keyword: "BEGIN-VENDOR", expected: "a vendor" }),
        ("$INCLUDE", P::Missing { keyword: "$INCLUDE", expected: "a file name" }),
        ("ATTRIBUTE A 1 string has_tag more", P::Unexpected(boxed("more"))),
        ("ATTRIBUTE -A 1 string", P::BadName(boxed("-A"))),
        ("ATTRIBUTE A=B 1 string", P::BadName(boxed("A=B"))),
        ("ATTRIBUTE Attr-26 1 string", P::BadName(boxed("Attr-26"))),
        ("ATTRIBUTE raw.A 1 string", P::BadName(boxed("raw.A"))),
        ("ATTRIBUTE A one string", P::BadNumber(boxed("one"))),
        ("ATTRIBUTE A 0xg string", P::BadNumber(boxed("0xg"))),
        ("ATTRIBUTE A +1 string", P::BadNumber(boxed("+1"))),
        ("ATTRIBUTE A 0x1_0 string", P::BadNumber(boxed("0x1_0"))),
        ("ATTRIBUTE A 1. string", P::BadNumber(boxed(""))),
        (
            "ATTRIBUTE A 4294967296 string",
            P::NumberTooLarge { number: 1 << 32, largest: u64::from(u32::MAX) },
        ),
        ("ATTRIBUTE A 1 strong", P::UnknownType(boxed("strong"))),
        ("ATTRIBUTE A 1 string encrypt=4", P::UnknownFlag(boxed("encrypt=4"))),
        ("ATTRIBUTE A 1 ipaddr has_tag", P::FlagOfOtherType { flag: "has_tag", kind: DataType::Ipv4 }),
        ("ATTRIBUTE A 1 tlv encrypt=2", P::FlagOfOtherType { flag: "encrypt", kind: DataType::Tlv }),
        ("ATTRIBUTE A 1 integer concat", P::FlagOfOtherType { flag: "concat", kind: DataType::Integer }),
        ("BEGIN-VENDOR Nobody", P::UnknownVendor(boxed("Nobody"))),
        ("VALUE A B 1\nVENDOR C 1", P::UnknownAttribute(boxed("A"))),
        ("VALUE A \"B\" 1", P::BadValueName(boxed("\"B\""))),
        ("BEGIN-TLV A", P::UnknownAttribute(boxed("A"))),
        ("ATTRIBUTE A 1.2 string", P::UnknownAttribute(boxed("Attr-1"))),
        ("VENDOR A 1 format=3,1", P::BadFormat(boxed("format=3,1"))),
        ("VENDOR A 1 format=1,0,c", P::BadFormat(boxed("format=1,0,c"))),
        ("VENDOR A 1 form", P::BadFormat(boxed("form"))),
        ("END-VENDOR A", P::NotOpen { keyword: "END-VENDOR", name: boxed("A") }),
        ("END-TLV A", P::NotOpen { keyword: "END-TLV", name: boxed("A") }),
        ("$INCLUDE other", P::NotFound(boxed("other"))),
    ];
    for (text, expected) in cases {
        assert_eq!(problem(text), (1, expected.clone()), "{text}");
    }
}

#[test]
fn mistakes_that_take_two_lines() {
    use Problem as P;
    let boxed = |text: &str| -> Box<str> { text.into() };
    let cases: &[(&str, P)] = &[
        ("ATTRIBUTE A 1 string\nATTRIBUTE a 2 string", P::Redefined { name: boxed("a") }),
        ("VENDOR A 1\nVENDOR A 2", P::Redefined { name: boxed("A") }),
        ("VENDOR A 1\nVENDOR B 1 format=2,1", P::Redefined { name: boxed("B") }),
        ("ATTRIBUTE A 1 string\nATTRIBUTE B 1.1 string", P::NotAContainer { parent: boxed("A") }),
        ("ATTRIBUTE A 1 string\nBEGIN-TLV A", P::NotAContainer { parent: boxed("A") }),
        ("ATTRIBUTE A 1 tlv\nATTRIBUTE B 1.256 string", P::NumberTooLarge { number: 256, largest: 255 }),
        ("VENDOR A 1\nATTRIBUTE B 256 string A", P::NumberTooLarge { number: 256, largest: 255 }),
        ("ATTRIBUTE A 1 byte\nVALUE A B 256", P::NumberTooLarge { number: 256, largest: 255 }),
        (
            "ATTRIBUTE A 1 integer has_tag\nVALUE A B 0x1000000",
            P::NumberTooLarge { number: 1 << 24, largest: (1 << 24) - 1 },
        ),
        (
            "ATTRIBUTE A 1 string\nVALUE A B 1",
            P::ValueOfOtherType { attribute: boxed("A"), kind: DataType::Text },
        ),
        ("VENDOR A 1\nBEGIN-VENDOR A", P::StillOpen(boxed("A"))),
        ("ATTRIBUTE A 1 tlv\nBEGIN-TLV A", P::StillOpen(boxed("A"))),
    ];
    for (text, expected) in cases {
        assert_eq!(problem(text), (2, expected.clone()), "{text}");
    }
    let text = "ATTRIBUTE A 1 integer\nVALUE A B 1\nVALUE A b 2";
    assert_eq!(problem(text), (3, P::Redefined { name: boxed("A b") }));
    let text = "VENDOR A 1\nVENDOR B 2\nBEGIN-VENDOR A\nBEGIN-VENDOR B";
    assert_eq!(problem(text), (4, P::StillOpen(boxed("A"))));
    let text = "VENDOR A 1\nVENDOR B 2\nBEGIN-VENDOR A\nEND-VENDOR B";
    assert_eq!(problem(text), (4, P::NotOpen { keyword: "END-VENDOR", name: boxed("B") }));
}

/// What is said again is no error, and the latest type holds; a number's second name becomes the printed one.
#[test]
fn repetitions_and_aliases() {
    let text = "VENDOR V 1\nVENDOR V 1\nVENDOR W 1\nATTRIBUTE A 1 integer\nATTRIBUTE A 1 integer\n\
                ATTRIBUTE B 1 integer\nVALUE A One 1\nVALUE A one 1\nVALUE A Uno 1\n";
    let dictionary = parse(text).unwrap();
    let retyped = parse("ATTRIBUTE A 1 octets\nATTRIBUTE B 1 octets\nATTRIBUTE a 1 string").unwrap();
    let printed = retyped.find_number(Number::new(&[1]).unwrap()).unwrap();
    assert_eq!((printed.name.as_ref(), printed.kind), ("a", DataType::Text));
    let number = dictionary.find_name("a").unwrap().number;
    assert_eq!(dictionary.find_number(number).unwrap().name.as_ref(), "B");
    assert_eq!(dictionary.find_vendor(Vendor(1)).unwrap().name.as_ref(), "W");
    let attribute = dictionary.find_name("A").unwrap();
    assert_eq!(dictionary.find_value_name(attribute, 1), Some("Uno"));
    assert_eq!(dictionary.find_value(attribute, "ONE"), Some(1));
}

/// A value may be named before its attribute, and has the line of its own mistakes; values of what is read over are read over.
#[test]
fn values_may_come_first() {
    let dictionary =
        parse("VALUE A Big,Fat=1 1\nVALUE I B 2\nATTRIBUTE A 1 byte\nATTRIBUTE I 2 byte virtual").unwrap();
    let attribute = dictionary.find_name("A").unwrap();
    assert_eq!(dictionary.find_value(attribute, "big,fat=1"), Some(1));
    let text = "VALUE A B 256\nATTRIBUTE A 1 byte";
    assert_eq!(problem(text), (1, Problem::NumberTooLarge { number: 256, largest: 255 }));
}

#[test]
fn flags_hold_for_the_rest_of_the_file() {
    let dictionary = parse(
        "ATTRIBUTE A 1 integer\nFLAGS has_tag\nATTRIBUTE B 2 integer\nFLAGS internal\nATTRIBUTE C 3 date",
    )
    .unwrap();
    assert!(!dictionary.find_name("A").unwrap().has_tag);
    assert!(dictionary.find_name("B").unwrap().has_tag);
    assert!(dictionary.find_name("C").is_none());
}

/// A vendor within an extended attribute (RFC 6929 §2.4).
#[test]
fn extended_vendors() {
    let text = "VENDOR Acme 65281\nATTRIBUTE X 245 long-extended\nATTRIBUTE E 245.26 evs\n\
                BEGIN-VENDOR Acme format=E\nATTRIBUTE T 7 tlv\nATTRIBUTE N 7.1 string\nEND-VENDOR Acme\n";
    let dictionary = parse(text).unwrap();
    assert_eq!(dictionary.find_name("N").unwrap().number.path(), [245, 26, 65281, 7, 1]);
    let deeper = text.replace(
        "N 7.1 string",
        "N 7.1 tlv\nATTRIBUTE M 7.1.1 tlv\nATTRIBUTE L 7.1.1.1 tlv\nATTRIBUTE K 7.1.1.1.1 tlv\nATTRIBUTE J 7.1.1.1.1.1 byte",
    );
    assert_eq!(problem(&deeper), (10, Problem::TooDeep(8)));
}

fn with_files<'f>(files: &'f [(&'f str, &'f str)]) -> Result<Dictionary, ParseError> {
    let mut resolve = |include: Include<'_>| {
        if include.name == "broken" {
            return Err("the disk is on fire".into());
        }
        let found = files.iter().find(|(name, _)| *name == include.name);
        Ok(found.map(|(name, text)| Source { name: format!("/etc/{name}"), text: (*text).to_owned() }))
    };
    Dictionary::new().parse("main", files[0].1, &mut resolve)
}

#[test]
fn includes_go_through_the_resolver() {
    let files = [
        ("main", "$INCLUDE one\n$include- missing\nATTRIBUTE A 1 integer"),
        ("one", "$INCLUDE two"),
        ("two", "VENDOR V 2"),
    ];
    let dictionary = with_files(&files).unwrap();
    assert!(dictionary.find_vendor_name("V").is_some());
    assert!(dictionary.find_name("A").is_some());
}

#[test]
fn errors_of_included_files_name_them() {
    let error = with_files(&[("main", "$INCLUDE one"), ("one", "\nNONSENSE")]).unwrap_err();
    assert_eq!(error.to_string(), "/etc/one, line 2: unknown keyword \"NONSENSE\"");
    let error = with_files(&[("main", "\n\n$INCLUDE broken")]).unwrap_err();
    assert_eq!(error.to_string(), "main, line 3: included file \"broken\" cannot be read");
    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(cause.to_string(), "the disk is on fire");
}

/// Circles, and files that include each other more and more often, end.
#[test]
fn includes_are_bounded() {
    let error = with_files(&[("main", "$INCLUDE main")]).unwrap_err();
    assert_eq!(error.problem, Problem::IncludedTooDeep(8));
    let twice = "$INCLUDE- b\n".repeat(40);
    let error = with_files(&[("main", &twice), ("b", &"$INCLUDE c\n".repeat(40)), ("c", "")]).unwrap_err();
    assert_eq!(error.problem, Problem::TooMany { what: "files", limit: 1_024 });
}

#[test]
fn lines_and_names_are_bounded() {
    let long = format!("# {}", "x".repeat(1_024));
    assert_eq!(problem(&long), (1, Problem::TooLong { what: "the line", limit: 1_024 }));
    let long = format!("VENDOR {} 1", "x".repeat(129));
    assert_eq!(problem(&long), (1, Problem::TooLong { what: "the name", limit: 128 }));
}
