//! What is sent: signed, naming the session as its router did.

use super::*;

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
