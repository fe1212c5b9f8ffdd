//! What comes back: acknowledged, refused, or forged.

use super::*;

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
