//! What is sent again, and when it is given up.

use super::*;

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
