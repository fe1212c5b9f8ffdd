//! The bodies of the targets, shared with the tests of `radius/`.

#[path = "../radius/tests/bodies/mod.rs"]
mod bodies;

pub fn parse(octets: &[u8]) {
    bodies::parse(octets);
}

pub fn round_trip(octets: &[u8]) {
    bodies::round_trip(octets);
}

pub fn dictionary(octets: &[u8]) {
    bodies::dictionary(octets);
}

pub fn assignment(octets: &[u8]) {
    bodies::assignment(octets);
}

pub fn decode(octets: &[u8]) {
    bodies::decode(octets);
}

pub fn credential(octets: &[u8]) {
    bodies::credential(octets);
}
