//! What was parsed is composed to the same octets.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| bodies::round_trip(octets));
