//! The dictionaries of FreeRADIUS, as Debian installs them: what an operator already has must be readable, and every number
//! of ours must be theirs. They are an independent copy of the registries, made by others over twenty years.

use std::path::Path;

use radius::dictionary::{Attribute, DataType, Dictionary, Include, ResolveError, Source, builtin};

const FOLDER: &str = "/usr/share/freeradius";

/// Their dictionary on top of `ours`; `None` if theirs may be absent and is.
#[expect(clippy::print_stdout, reason = "the log of the tests should say what was not run")]
fn theirs_on(ours: Dictionary) -> Option<Dictionary> {
    let mut resolve = |include: Include<'_>| -> Result<Option<Source>, ResolveError> {
        // It names values of octets, which mean nothing.
        if include.name == "dictionary.cablelabs" {
            return Ok(Some(Source { name: include.name.to_owned(), text: String::new() }));
        }
        let text =
            String::from_utf8_lossy(&std::fs::read(Path::new(FOLDER).join(include.name))?).into_owned();
        Ok(Some(Source { name: include.name.to_owned(), text }))
    };
    let main = std::fs::read_to_string(Path::new(FOLDER).join("dictionary"));
    let allowed = std::env::var("TEST_ALLOW_NO_FREERADIUS").as_deref() == Ok("1");
    if main.is_err() && allowed {
        println!("not run: there are no dictionaries in {FOLDER}, and TEST_ALLOW_NO_FREERADIUS allows it");
        return None;
    }
    let main = main.expect("install the package freeradius, or set TEST_ALLOW_NO_FREERADIUS=1");
    Some(ours.parse("dictionary", &main, &mut resolve).unwrap())
}

/// Whether two types have the same octets on the wire.
fn same_wire(ours: &Attribute, theirs: &Attribute) -> bool {
    let is_string = |kind| matches!(kind, DataType::Text | DataType::Octets(_));
    (ours.kind == theirs.kind || is_string(ours.kind) && is_string(theirs.kind))
        && ours.has_tag == theirs.has_tag
        && ours.encryption == theirs.encryption
}

/// Every file of theirs can be read, and every attribute of ours is in it with the same number and type.
#[test]
fn our_numbers_are_theirs() {
    let Some(theirs) = theirs_on(Dictionary::new()) else { return };
    assert!(theirs.attributes().count() > 5_000);
    for attribute in builtin::dictionary().unwrap().attributes() {
        let other = theirs.find_name(&attribute.name);
        let other = other.or_else(|| theirs.find_number(attribute.number));
        assert!(
            other.is_some_and(|other| other.number == attribute.number && same_wire(attribute, other)),
            "ours: {attribute:?}, theirs: {other:?}"
        );
    }
}

/// Their names of values mean the same numbers, where both name them.
#[test]
fn our_values_are_theirs() {
    let Some(theirs) = theirs_on(Dictionary::new()) else { return };
    let ours = builtin::dictionary().unwrap();
    let mut both = 0;
    for attribute in ours.attributes() {
        let Some(other) = theirs.find_name(&attribute.name) else { continue };
        for (name, value) in ours.values(attribute) {
            if let Some(their_value) = theirs.find_value(other, name) {
                assert_eq!(value, their_value, "{} {name}", attribute.name);
                both += 1;
            }
        }
    }
    assert!(both > 180, "{both}");
}

/// An operator can read all of theirs on top of ours: no name contradicts.
#[test]
fn theirs_fit_on_ours() {
    let ours = builtin::dictionary().unwrap();
    let before = ours.attributes().count();
    if let Some(both) = theirs_on(ours) {
        assert!(both.attributes().count() > before + 5_000);
    }
}
