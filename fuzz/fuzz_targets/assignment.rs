//! Text as an attribute.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| bodies::assignment(octets));
