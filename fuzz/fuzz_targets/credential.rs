//! The credential of a request against a password.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| bodies::credential(octets));
