//! Tests of the client: the rules of RFC 5176 and RFC 5080 one by one against a router that follows them, on a clock that
//! jumps from one deadline to the next. `requests` · `replies` · `copies` · `identifiers` · `property` all of it at random.

mod copies;
mod identifiers;
mod property;
mod replies;
mod requests;

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::HashSet;

use proptest::prelude::*;

use super::{Action, Client, Dropped, Kind, Limits, Outcome, Pair, Request, Session, SubmitError, Ticket};
use crate::attribute::{AttributeType, ErrorCause};
use crate::authenticator::{AuthenticatorError, MessageAuthenticator, verify_reply, verify_request};
use crate::code::Code;
use crate::compose::{ComposeError, Composer, attributes};
use crate::index::Index;
use crate::packet::{MAX_LENGTH, Packet};
use crate::secret::SharedSecret;
use crate::vendor::mikrotik;

/// Mikrotik-Rate-Limit = "1M", ready-made.
const SLOWED: &[u8] = &[26, 10, 0, 0, 0x3a, 0x8c, 8, 4, b'1', b'M'];

fn secret() -> SharedSecret {
    SharedSecret::new(b"testing123").unwrap()
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn pair() -> Pair {
    Pair { local: address("198.51.100.1:40000"), remote: address("192.0.2.1:3799") }
}

fn session() -> Session<'static> {
    Session {
        nas_ip_address: Some(&[192, 0, 2, 1]),
        user_name: Some(b"budi"),
        framed_ip_address: Some(&[10, 0, 0, 7]),
        acct_session_id: Some(b"81000001"),
        ..Session::default()
    }
}

fn request(secret: &SharedSecret) -> Request<'_> {
    Request {
        kind: Kind::Coa,
        pair: pair(),
        secret,
        session: session(),
        changes: SLOWED,
        event_timestamp: None,
        requires_message_authenticator: false,
    }
}

/// A client without jitter: the middle of the range.
fn client() -> Client {
    client_with(Limits::default(), 0x7fff)
}

fn client_with(limits: Limits, random: u32) -> Client {
    Client::new(limits, Box::new(move || random))
}

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// What is sent now; exactly one datagram.
fn sent(client: &mut Client, now: Duration) -> Vec<u8> {
    let datagram = client.poll_transmit(now).expect("something to send").octets.to_vec();
    assert!(client.poll_transmit(now).is_none());
    datagram
}

/// The router's reply to a request, with or without Message-Authenticator.
fn reply(
    datagram: &[u8],
    code: Code,
    secret: &SharedSecret,
    signed: bool,
    fill: impl FnOnce(&mut Composer<'_>) -> Result<(), ComposeError>,
) -> Vec<u8> {
    let request = Index::parse(datagram).unwrap();
    let mut buffer = [0; MAX_LENGTH];
    let composer = if signed { Composer::reply } else { Composer::bare_reply };
    let mut composer = composer(&mut buffer, code, &request).unwrap();
    fill(&mut composer).unwrap();
    let length = composer.finish(secret);
    buffer[..length].to_vec()
}

fn plain_reply(datagram: &[u8], code: Code) -> Vec<u8> {
    reply(datagram, code, &secret(), true, |_| Ok(()))
}

fn handle(client: &mut Client, now: Duration, datagram: &[u8]) -> Result<Ticket, Dropped> {
    client.handle(now, pair().local, pair().remote, datagram)
}

fn outcome(client: &mut Client) -> Option<Outcome> {
    client.poll_outcome().map(|finished| finished.outcome)
}
