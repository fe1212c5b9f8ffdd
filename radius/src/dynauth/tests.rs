//! Tests of the client: the rules of RFC 5176 and RFC 5080 one by one against a router that follows them, on a clock that
//! jumps from one deadline to the next.

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

/// RFC 5176 §2.3, §3.4: the authenticator is computed as in accounting and Message-Authenticator is there; §3: the session's
/// attributes are echoed octet by octet, and the change follows.
#[test]
fn request_is_signed_and_names_the_session() {
    let secret = secret();
    let mut client = client();
    let submitted = Request { event_timestamp: Some(1_795_361_938), ..request(&secret) };
    client.submit(&submitted).unwrap();
    let datagram = sent(&mut client, at(0));
    let index = Index::parse(&datagram).unwrap();
    assert_eq!(index.packet().code(), Code::COA_REQUEST);
    assert_eq!(verify_request(&index, &secret), Ok(MessageAuthenticator::Valid));
    let kinds: Vec<_> = index.packet().attributes().map(|attribute| attribute.kind).collect();
    assert_eq!(
        kinds,
        [
            AttributeType::MESSAGE_AUTHENTICATOR,
            AttributeType::NAS_IP_ADDRESS,
            AttributeType::USER_NAME,
            AttributeType::ACCT_SESSION_ID,
            AttributeType::FRAMED_IP_ADDRESS,
            AttributeType::EVENT_TIMESTAMP,
            AttributeType::VENDOR_SPECIFIC,
        ]
    );
    assert_eq!(Session::of(&index.packet()), session());
    let rate = index.find_vendor(mikrotik::RATE_LIMIT).unwrap();
    assert_eq!(rate.value, b"1M");
    assert_eq!(index.find(AttributeType::EVENT_TIMESTAMP).unwrap().u32(), Some(1_795_361_938));
}

/// RFC 5176 §3: what names router and session, and nothing else.
#[test]
fn disconnect_carries_identification_alone() {
    let secret = secret();
    let mut client = client();
    client.submit(&Request { kind: Kind::Disconnect, changes: &[], ..request(&secret) }).unwrap();
    let datagram = sent(&mut client, at(0));
    let packet = Packet::parse(&datagram).unwrap();
    assert_eq!(packet.code(), Code::DISCONNECT_REQUEST);
    assert_eq!(packet.attributes().count(), 5);
    let error = client.submit(&Request { kind: Kind::Disconnect, ..request(&secret) });
    assert_eq!(error, Err(SubmitError::ChangeInDisconnect));
}

/// What an Accounting-Request of a hotspot says of its session comes back as it was: case, padding and all.
#[test]
fn session_is_echoed_as_received() {
    let mut buffer = [0; MAX_LENGTH];
    let mut composer = Composer::signed_request(&mut buffer, Code::ACCOUNTING_REQUEST, 9).unwrap();
    composer
        .octets(AttributeType::CALLING_STATION_ID, b"40:D3:ae:04:32:0C\0")
        .unwrap()
        .octets(AttributeType::USER_NAME, b" Budi\xff")
        .unwrap()
        .octets(AttributeType::NAS_IDENTIFIER, b"router")
        .unwrap();
    let length = composer.finish(&secret());
    let accounting = Packet::parse(&buffer[..length]).unwrap();
    let session = Session::of(&accounting);
    assert_eq!(session.calling_station_id, Some(&b"40:D3:ae:04:32:0C\0"[..]));
    assert_eq!(session.user_name, Some(&b" Budi\xff"[..]));
    let secret = secret();
    let mut client = client();
    client.submit(&Request { session, ..request(&secret) }).unwrap();
    let datagram = sent(&mut client, at(0));
    assert_eq!(Session::of(&Packet::parse(&datagram).unwrap()), session);

    client.submit(&Request { session: session.without_nas(), ..request(&secret) }).unwrap();
    let datagram = sent(&mut client, at(0));
    assert!(Packet::parse(&datagram).unwrap().find(AttributeType::NAS_IDENTIFIER).is_none());
}

#[test]
fn useless_requests_are_refused() {
    let secret = secret();
    let mut client = client();
    let nobody = Session { user_name: None, framed_ip_address: None, acct_session_id: None, ..session() };
    assert_eq!(client.submit(&Request { session: nobody, ..request(&secret) }), Err(SubmitError::NoSession));
    assert_eq!(client.submit(&Request { changes: &[], ..request(&secret) }), Err(SubmitError::NoChange));
    let broken = client.submit(&Request { changes: &[26, 10, 0], ..request(&secret) });
    assert_eq!(broken, Err(SubmitError::Compose(ComposeError::Malformed)));
    let long = vec![b'x'; 254];
    let long = Session { user_name: Some(&long), ..session() };
    assert!(client.submit(&Request { session: long, ..request(&secret) }).is_err());
    assert_eq!(client.in_flight(), 0);
}

#[test]
fn acknowledged() {
    let secret = secret();
    let mut client = client();
    let ticket = client.submit(&request(&secret)).unwrap();
    let datagram = sent(&mut client, at(100));
    assert_eq!(client.next_timeout(), Some(at(400)));
    assert_eq!(handle(&mut client, at(130), &plain_reply(&datagram, Code::COA_ACK)), Ok(ticket));
    let finished = client.poll_outcome().unwrap();
    assert_eq!((finished.ticket, finished.outcome, finished.elapsed), (ticket, Outcome::Ack, at(30)));
    assert_eq!((client.poll_outcome(), client.next_timeout(), client.in_flight()), (None, None, 0));
    // The same reply again is late.
    assert_eq!(
        handle(&mut client, at(131), &plain_reply(&datagram, Code::COA_ACK)),
        Err(Dropped::Unexpected)
    );
}

/// RFC 5176 §3.5: the Error-Cause of a refusal, which may be missing or malformed.
#[test]
fn refused_with_and_without_a_cause() {
    let secret = secret();
    let mut client = client();
    for (cause, expected) in [
        (&[0, 0, 0x01, 0xf7][..], Some(ErrorCause::SESSION_CONTEXT_NOT_FOUND)),
        (&[0, 0, 0xff, 0xff], Some(ErrorCause(0xffff))),
        (&[1], None),
    ] {
        client.submit(&request(&secret)).unwrap();
        let datagram = sent(&mut client, at(0));
        let nak = reply(&datagram, Code::COA_NAK, &secret, true, |composer| {
            composer.octets(AttributeType::ERROR_CAUSE, cause).map(|_| ())
        });
        handle(&mut client, at(10), &nak).unwrap();
        assert_eq!(outcome(&mut client), Some(Outcome::Nak(expected)));
    }
    client.submit(&Request { kind: Kind::Disconnect, changes: &[], ..request(&secret) }).unwrap();
    let datagram = sent(&mut client, at(0));
    handle(&mut client, at(10), &plain_reply(&datagram, Code::DISCONNECT_NAK)).unwrap();
    assert_eq!(outcome(&mut client), Some(Outcome::Nak(None)));
    assert_eq!(client.counters().refused, 4);
}

/// RFC 5176 §2.3: a reply counts only with the right source, socket, identifier, code and signature.
#[test]
fn forged_replies_are_dropped_and_counted() {
    let secret = secret();
    let mut client = client();
    let ticket = client.submit(&request(&secret)).unwrap();
    let datagram = sent(&mut client, at(0));
    let ack = plain_reply(&datagram, Code::COA_ACK);
    let (local, remote) = (pair().local, pair().remote);
    for (local, from) in [
        (local, address("192.0.2.1:3798")),
        (local, address("192.0.2.2:3799")),
        (address("198.51.100.1:40001"), remote),
        (address("198.51.100.2:40000"), remote),
    ] {
        assert_eq!(client.handle(at(1), local, from, &ack), Err(Dropped::Unexpected));
    }
    let mut other_identifier = ack.clone();
    other_identifier[1] ^= 1;
    assert_eq!(handle(&mut client, at(1), &other_identifier), Err(Dropped::Unexpected));
    for code in [Code::COA_REQUEST, Code::DISCONNECT_ACK, Code::DISCONNECT_NAK, Code::ACCESS_ACCEPT] {
        assert_eq!(handle(&mut client, at(1), &plain_reply(&datagram, code)), Err(Dropped::WrongCode));
    }
    assert_eq!(handle(&mut client, at(1), &ack[..19]), Err(Dropped::Malformed));
    let other = SharedSecret::new(b"another").unwrap();
    let foreign = reply(&datagram, Code::COA_ACK, &other, true, |_| Ok(()));
    assert_eq!(handle(&mut client, at(1), &foreign), Err(Dropped::Forged));
    // Signed by the router, but over another request.
    let mut another_request = datagram.clone();
    another_request[4] ^= 1;
    let replayed = plain_reply(&another_request, Code::COA_ACK);
    assert_eq!(handle(&mut client, at(1), &replayed), Err(Dropped::Forged));
    let counters = client.counters();
    assert_eq!(
        (counters.dropped_unexpected, counters.dropped_wrong_code, counters.dropped_malformed),
        (5, 4, 1)
    );
    assert_eq!(counters.dropped_forged, 2);
    assert_eq!(handle(&mut client, at(2), &ack), Ok(ticket));
}

/// RFC 5176 §3.4: Message-Authenticator is verified in replies where it is there; some routers must send it.
#[test]
fn message_authenticator_of_replies() {
    let secret = secret();
    let mut client = client();
    let strict = Request { requires_message_authenticator: true, ..request(&secret) };
    for (submitted, signed, expected) in [
        (request(&secret), false, true),
        (request(&secret), true, true),
        (strict, true, true),
        (strict, false, false),
    ] {
        client.submit(&submitted).unwrap();
        let datagram = sent(&mut client, at(0));
        let ack = reply(&datagram, Code::COA_ACK, &secret, signed, |_| Ok(()));
        let result = handle(&mut client, at(1), &ack);
        assert_eq!(result.is_ok(), expected);
        if !expected {
            assert_eq!(result, Err(Dropped::Unsigned));
        }
    }
    // The header's authenticator is right, Message-Authenticator is not.
    let datagram = {
        client.submit(&request(&secret)).unwrap();
        sent(&mut client, at(0))
    };
    let mut forged = reply(&datagram, Code::COA_ACK, &secret, false, |composer| {
        composer.octets(AttributeType::USER_NAME, &[7; 16]).map(|_| ())
    });
    // Turns that User-Name into a Message-Authenticator and signs the header again.
    forged[20] = AttributeType::MESSAGE_AUTHENTICATOR.0;
    let mut hashed = forged.clone();
    hashed[4..20].copy_from_slice(&datagram[4..20]);
    let signature = secret.hash_after(&[&hashed]);
    forged[4..20].copy_from_slice(&signature);
    let authenticator = datagram[4..20].try_into().unwrap();
    let verified = verify_reply(&Index::parse(&forged).unwrap(), &authenticator, &secret);
    assert_eq!(verified, Err(AuthenticatorError::MessageAuthenticatorWrong));
    assert_eq!(handle(&mut client, at(1), &forged), Err(Dropped::Forged));
}

/// Any flipped bit of a reply makes it worthless.
#[test]
fn every_bit_of_a_reply_counts() {
    let secret = secret();
    let mut client = client();
    client.submit(&request(&secret)).unwrap();
    let datagram = sent(&mut client, at(0));
    let nak = reply(&datagram, Code::COA_NAK, &secret, false, |composer| {
        composer.u32(AttributeType::ERROR_CAUSE, 503).map(|_| ())
    });
    for bit in 0..nak.len() * 8 {
        let mut changed = nak.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(handle(&mut client, at(1), &changed).is_err(), "bit {bit}");
    }
    assert!(handle(&mut client, at(1), &nak).is_ok());
}

/// All datagrams of a request that nobody answers, with the times at which they are sent, and the time of the end.
fn silence(client: &mut Client, secret: &SharedSecret) -> (Vec<Duration>, Duration) {
    let start = at(1_000);
    let ticket = client.submit(&request(secret)).unwrap();
    let first = sent(client, start);
    let mut times = vec![Duration::ZERO];
    loop {
        let now = client.next_timeout().unwrap();
        client.handle_timeout(now);
        if let Some(finished) = client.poll_outcome() {
            assert_eq!((finished.ticket, finished.outcome), (ticket, Outcome::TimedOut));
            assert_eq!(client.next_timeout(), None);
            assert_eq!(finished.elapsed, now - start);
            return (times, now - start);
        }
        let transmit = client.poll_transmit(now).unwrap();
        // RFC 5080 §2.2.1: the same identifier, port and octets.
        assert_eq!((transmit.octets, transmit.pair), (first.as_slice(), pair()));
        assert_eq!(usize::from(transmit.copy), times.len());
        times.push(now - start);
    }
}

/// RFC 5080 §2.2.1: IRT 2 s doubled each time, MRD 30 s; before it, one copy after 300 ms.
#[test]
fn copies_back_off() {
    let near = |time: Duration, milliseconds: u64| {
        assert!(time.abs_diff(at(milliseconds)) < at(2), "{time:?} is not {milliseconds} ms");
    };
    let (times, end) = silence(&mut client(), &secret());
    assert_eq!(times.len(), 5);
    for (time, expected) in times.iter().zip([0, 300, 2_300, 6_300, 14_300]) {
        near(*time, expected);
    }
    assert_eq!(end, at(30_000));
}

/// With the shortest waits MRC ends it: five copies, and the last one's wait, within MRD.
#[test]
fn copies_are_counted() {
    let (times, end) = silence(&mut client_with(Limits::default(), 0), &secret());
    assert_eq!(times.len(), 6);
    assert_eq!(times[2] - times[1], at(1_800));
    assert_eq!(end, at(30_000));
}

/// RFC 5080 §2.2.1: the jitter is a tenth to both sides and comes from the caller.
#[test]
fn less_patience_ends_sooner() {
    let limits = Limits { patience: at(1_000), ..Limits::default() };
    let (times, end) = silence(&mut client_with(limits, 0x7fff), &secret());
    assert_eq!((times.as_slice(), end), ([at(0), at(300)].as_slice(), at(1_000)));
}

#[test]
fn waits_are_spread() {
    let first_wait = |random| {
        let (times, _) = silence(&mut client_with(Limits::default(), random), &secret());
        times[2] - times[1]
    };
    assert_eq!(first_wait(0), at(1_800));
    assert_eq!(first_wait(0xffff), at(2_200));
    let mut seeds = 0_u32;
    let mut client = Client::new(
        Limits::default(),
        Box::new(move || {
            seeds = seeds.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seeds >> 8
        }),
    );
    let waits: HashSet<_> = (0..20).map(|_| silence(&mut client, &secret()).0[2]).collect();
    assert!(waits.len() > 15, "{waits:?}");
}

/// A reply to any copy ends the request, also while another copy is queued.
#[test]
fn reply_to_a_copy_counts() {
    let secret = secret();
    let mut client = client();
    client.submit(&request(&secret)).unwrap();
    let datagram = sent(&mut client, at(0));
    client.handle_timeout(at(299));
    assert!(client.poll_transmit(at(299)).is_none());
    client.handle_timeout(at(300));
    handle(&mut client, at(301), &plain_reply(&datagram, Code::COA_ACK)).unwrap();
    assert!(client.poll_transmit(at(302)).is_none());
    assert_eq!(outcome(&mut client), Some(Outcome::Ack));
    assert_eq!(client.counters().retransmitted, 0);
}

/// A request that was not sent yet has no reply.
#[test]
fn reply_before_the_request_is_dropped() {
    let secret = secret();
    let mut client = client();
    let mut other = self::client();
    client.submit(&request(&secret)).unwrap();
    other.submit(&request(&secret)).unwrap();
    // The same request of an equal client: identifier and authenticator agree.
    let datagram = sent(&mut other, at(0));
    let ack = plain_reply(&datagram, Code::COA_ACK);
    assert_eq!(handle(&mut client, at(0), &ack), Err(Dropped::Unexpected));
    assert_eq!(sent(&mut client, at(0)), datagram);
    assert!(handle(&mut client, at(0), &ack).is_ok());
}

/// RFC 2865 §3: identifiers tell the requests of one pair apart; each pair has its own 256.
#[test]
fn identifiers_are_per_pair() {
    let secret = secret();
    let mut client =
        client_with(Limits { exchanges: 1_000, per_pair: 300, ..Limits::default() }, 0x1234_56fe);
    let mut identifiers = HashSet::new();
    let mut datagrams = Vec::new();
    for _ in 0..256 {
        client.submit(&request(&secret)).unwrap();
        let datagram = sent(&mut client, at(0));
        assert!(identifiers.insert(datagram[1]));
        datagrams.push(datagram);
    }
    assert_eq!(datagrams[0][1], 0xfe);
    assert_eq!(client.submit(&request(&secret)), Err(SubmitError::Busy));
    for other in [
        Pair { local: address("198.51.100.2:40000"), ..pair() },
        Pair { remote: address("192.0.2.9:3799"), ..pair() },
    ] {
        client.submit(&Request { pair: other, ..request(&secret) }).unwrap();
        sent(&mut client, at(0));
    }
    // The one that becomes free is used again, and only that.
    let ack = plain_reply(&datagrams[77], Code::COA_ACK);
    handle(&mut client, at(1), &ack).unwrap();
    client.submit(&request(&secret)).unwrap();
    assert_eq!(sent(&mut client, at(1))[1], datagrams[77][1]);
}

/// An identifier comes back as late as possible, so a late reply hardly ever meets a request with its number.
#[test]
fn identifiers_are_used_in_turn() {
    let secret = secret();
    let mut client = client_with(Limits::default(), 5);
    for turn in 0..600_u32 {
        client.submit(&request(&secret)).unwrap();
        let datagram = sent(&mut client, at(0));
        assert_eq!(u32::from(datagram[1]), (5 + turn) % 256);
        handle(&mut client, at(0), &plain_reply(&datagram, Code::COA_ACK)).unwrap();
        outcome(&mut client);
    }
}

#[test]
fn requests_are_bounded() {
    let secret = secret();
    let mut client = client_with(Limits { exchanges: 3, per_pair: 2, ..Limits::default() }, 0);
    client.submit(&request(&secret)).unwrap();
    client.submit(&request(&secret)).unwrap();
    assert_eq!(client.submit(&request(&secret)), Err(SubmitError::Busy));
    let elsewhere = Pair { remote: address("192.0.2.9:3799"), ..pair() };
    client.submit(&Request { pair: elsewhere, ..request(&secret) }).unwrap();
    assert_eq!(client.submit(&request(&secret)), Err(SubmitError::Full));
    // An outcome that nobody takes holds its place.
    let datagram = client.poll_transmit(at(0)).unwrap().octets.to_vec();
    handle(&mut client, at(1), &plain_reply(&datagram, Code::COA_ACK)).unwrap();
    assert_eq!(client.submit(&request(&secret)), Err(SubmitError::Full));
    assert_eq!(outcome(&mut client), Some(Outcome::Ack));
    assert!(client.submit(&request(&secret)).is_ok());
}

/// A cancelled request is silent: no copies, no outcome, and its reply is nobody's.
#[test]
fn cancelled() {
    let secret = secret();
    let mut client = client_with(Limits { exchanges: 2, per_pair: 2, ..Limits::default() }, 0);
    let ticket = client.submit(&request(&secret)).unwrap();
    let datagram = sent(&mut client, at(0));
    assert!(client.cancel(ticket));
    assert!(!client.cancel(ticket));
    assert_eq!((client.next_timeout(), client.in_flight()), (None, 0));
    assert_eq!(handle(&mut client, at(1), &plain_reply(&datagram, Code::COA_ACK)), Err(Dropped::Unexpected));
    // Requests that come and go unsent leave nothing behind.
    for _ in 0..100 {
        let ticket = client.submit(&request(&secret)).unwrap();
        assert!(client.cancel(ticket));
    }
    assert!(client.queued.len() <= 2);
    assert!(client.poll_transmit(at(2)).is_none());
    assert_eq!(client.poll_outcome(), None);
}

/// RFC 5176 §3.5, as the executor acts on it.
#[test]
fn causes_have_actions() {
    for (cause, action) in [
        (201, Action::CloseSession),
        (401, Action::FallBack),
        (402, Action::IdentifyBetter),
        (403, Action::DropNasIdentification),
        (404, Action::FallBack),
        (405, Action::FallBack),
        (406, Action::FallBack),
        (407, Action::FallBack),
        (501, Action::AskOperator),
        (502, Action::AskOperator),
        (503, Action::CloseSession),
        (504, Action::FallBack),
        (505, Action::RetryLater),
        (506, Action::RetryLater),
        (507, Action::FallBack),
        (508, Action::IdentifyBetter),
        (999, Action::FallBack),
    ] {
        assert_eq!(Action::of(Some(ErrorCause(cause))), action, "{cause}");
    }
    assert_eq!(Action::of(None), Action::FallBack);
}

/// Changes are composed with the crate's own composer.
#[test]
fn changes_come_from_the_composer() {
    let mut buffer = [0; 64];
    let length =
        attributes(&mut buffer, |composer| composer.vendor_text(mikrotik::RATE_LIMIT, "1M").map(|_| ()))
            .unwrap();
    assert_eq!(&buffer[..length], SLOWED);
}

#[test]
fn debug_shows_no_secret() {
    let secret = secret();
    let mut client = client();
    client.submit(&request(&secret)).unwrap();
    assert!(!format!("{client:?} {:?}", request(&secret)).contains("testing123"));
}

#[derive(Clone, Debug)]
enum Step {
    Submit {
        router: u16,
    },
    /// The oldest unanswered datagram of a router arrives there and is answered, unless it is lost.
    Deliver {
        lost: bool,
        twice: bool,
    },
    Noise {
        octets: Vec<u8>,
    },
    Pass,
    Cancel {
        which: prop::sample::Index,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..4_u16).prop_map(|router| Step::Submit { router }),
        4 => (any::<bool>(), any::<bool>()).prop_map(|(lost, twice)| Step::Deliver { lost, twice }),
        1 => prop::collection::vec(any::<u8>(), 0..60).prop_map(|octets| Step::Noise { octets }),
        3 => Just(Step::Pass),
        1 => any::<prop::sample::Index>().prop_map(|which| Step::Cancel { which }),
    ];
    prop::collection::vec(step, 1..200)
}

proptest! {
    /// Whatever is lost, repeated or made up on the way: each request that is not cancelled ends exactly once, none is sent
    /// more than six times or after 30 seconds, and no two in flight to one router share an identifier.
    #[test]
    fn every_request_ends_once(steps in steps(), seed: u32) {
        let secret = secret();
        let mut random = seed;
        let mut client = Client::new(Limits { exchanges: 20, per_pair: 8, ..Limits::default() }, Box::new(move || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            random >> 4
        }));
        let mut now = at(0);
        let mut open: HashSet<Ticket> = HashSet::new();
        let mut wire: Vec<(Pair, Vec<u8>)> = Vec::new();
        let mut submitted = 0;
        let mut ended = 0;
        for step in steps {
            match step {
                Step::Submit { router } => {
                    let remote = SocketAddr::new(pair().remote.ip(), 3_799 + router);
                    let request = Request { pair: Pair { remote, ..pair() }, ..request(&secret) };
                    if let Ok(ticket) = client.submit(&request) {
                        prop_assert!(open.insert(ticket));
                        submitted += 1;
                    }
                }
                Step::Deliver { lost, twice } => {
                    if !wire.is_empty() {
                        let (pair, datagram) = wire.remove(0);
                        if !lost {
                            let ack = plain_reply(&datagram, Code::COA_ACK);
                            for _ in 0..=usize::from(twice) {
                                // Late and repeated replies are dropped; both are fine.
                                let _ = client.handle(now, pair.local, pair.remote, &ack);
                            }
                        }
                    }
                }
                Step::Noise { octets } => {
                    prop_assert!(client.handle(now, pair().local, pair().remote, &octets).is_err());
                }
                Step::Pass => {
                    if let Some(deadline) = client.next_timeout() {
                        prop_assert!(deadline >= now && deadline <= now + at(30_000));
                        now = deadline;
                        client.handle_timeout(now);
                    }
                }
                Step::Cancel { which } => {
                    if !open.is_empty() {
                        let mut tickets: Vec<_> = open.iter().copied().collect();
                        tickets.sort_unstable();
                        let ticket = tickets[which.index(tickets.len())];
                        if client.cancel(ticket) {
                            open.remove(&ticket);
                            submitted -= 1;
                        }
                    }
                }
            }
            while let Some(transmit) = client.poll_transmit(now) {
                prop_assert!(transmit.copy <= 5);
                wire.push((transmit.pair, transmit.octets.to_vec()));
            }
            while let Some(finished) = client.poll_outcome() {
                prop_assert!(open.remove(&finished.ticket));
                prop_assert!(finished.elapsed <= at(30_000));
                ended += 1;
            }
            prop_assert_eq!(open.len(), client.in_flight());
        }
        while let Some(deadline) = client.next_timeout() {
            now = deadline;
            client.handle_timeout(now);
            while client.poll_transmit(now).is_some() {}
            while let Some(finished) = client.poll_outcome() {
                prop_assert!(open.remove(&finished.ticket));
                ended += 1;
            }
        }
        prop_assert_eq!((submitted, open.len(), client.in_flight()), (ended, 0, 0));
    }
}
