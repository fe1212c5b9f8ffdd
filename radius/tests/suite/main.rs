//! The published examples and rules of the protocol, one module per document, and properties that hold for every packet.

#![expect(clippy::unwrap_used, reason = "a test stops where its ground is not as it says")]

mod arbitrary;
mod behaviour;
#[path = "../bodies/mod.rs"]
mod bodies;
mod decode;
mod freeradius;
mod hex;
mod primitives;
mod properties;
mod rfc2548;
mod rfc2759;
mod rfc2865;
mod rfc2866;
mod rfc2868;
mod rfc3079;
mod rfc3162;
mod rfc3579;
mod rfc5176;
mod rfc5997;
mod rfc6929;
