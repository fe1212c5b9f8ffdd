//! A datagram as text, and its lines as attributes again.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| bodies::decode(octets));
