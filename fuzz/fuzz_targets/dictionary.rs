//! Text as a dictionary.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| bodies::dictionary(octets));
