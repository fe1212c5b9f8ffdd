//! A datagram from anybody: header, attributes, authenticators, and a reply to it.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| bodies::parse(octets));
