//! Sans-IO RADIUS: parse, compose, authenticators, credentials, dictionary, replay cache, CoA client.
//!
//! The crate opens no socket and reads no clock: datagrams, time and randomness come in as arguments, and what is to be
//! sent comes out in the caller's buffer. On the server's path nothing is allocated.
//!
//! * A datagram becomes an [`index::Index`] (a checked, borrowed [`packet::Packet`] that knows where its important
//!   attributes stand), or is discarded.
//! * [`authenticator`] tells whether the holder of a [`secret::SharedSecret`] signed it.
//! * [`credential::Credential`] tells how the user proves himself, and checks it against a password.
//! * [`compose::Composer`] writes the reply and signs it; [`mod@sign`] signs those of a batch together.
//!
//! Implemented: RFC 2865, 2866, 2868 (attributes), 2869, 2548, 2759, 3079, 3162, 3579 (transport of EAP), 4372, 4818, 5080
//! (duplicates, retransmission), 5176 (client), 5997, 6911, 6929 (parsing).

pub mod attribute;
pub mod authenticator;
pub mod code;
mod code_point;
pub mod compose;
pub mod credential;
pub mod decode;
pub mod dictionary;
pub mod dynauth;
pub mod hide;
pub mod index;
pub mod packet;
pub mod replay;
pub mod secret;
pub mod service;
pub mod sign;
pub mod vendor;
