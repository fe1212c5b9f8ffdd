//! Identifiers, and how many requests may be under way.

use super::*;

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
