//! Sockets on loopback: whole batches, and the address that a reply leaves from.

use std::os::fd::AsFd as _;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::*;

const OPTIONS: Options = Options { share_port: true, receive_buffer: 1 << 20 };

fn wait(socket: &UdpSocket) {
    let mut descriptors = [PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::IN)];
    let limit = Timespec { tv_sec: 5, tv_nsec: 0 };
    assert_eq!(poll(&mut descriptors, Some(&limit)).unwrap(), 1, "nothing arrived within 5 s");
}

/// RFC 2865 §3 with a multi-homed server: the reply leaves from the address that was asked.
fn replies_from_the_asked_address(bound: &str, asked: IpAddr) {
    let server = UdpSocket::bind(bound.parse().unwrap(), OPTIONS).unwrap();
    let client = UdpSocket::bind(SocketAddr::new(asked, 0), OPTIONS).unwrap();
    let (mut inbox, mut outbox) = (Inbox::new(), Outbox::new());
    for number in 0..BATCH {
        outbox.push(
            format!("request {number}").as_bytes(),
            End { peer: SocketAddr::new(asked, server.local().port()), local: None },
        );
    }
    assert!(outbox.is_full());
    assert_eq!(client.send(&mut outbox), 0);

    wait(&server);
    assert_eq!(server.receive(&mut inbox).unwrap(), BATCH);
    for (number, datagram) in inbox.datagrams().enumerate() {
        assert_eq!(datagram.bytes, format!("request {number}").as_bytes());
        assert_eq!(datagram.peer, client.local());
        assert_eq!(datagram.local, Some(asked));
        outbox.push(datagram.bytes, End { peer: datagram.peer, local: datagram.local });
    }
    assert_eq!(server.send(&mut outbox), 0);

    wait(&client);
    let mut replies = 0;
    assert_eq!(client.receive(&mut inbox).unwrap(), BATCH);
    for reply in inbox.datagrams() {
        assert_eq!(reply.peer.ip(), asked);
        replies += 1;
    }
    assert_eq!(replies, BATCH);
}

#[test]
fn ipv4_replies_from_the_asked_address() {
    replies_from_the_asked_address("0.0.0.0:0", "127.0.0.2".parse().unwrap());
}

#[test]
fn ipv6_replies_from_the_asked_address() {
    replies_from_the_asked_address("[::]:0", Ipv6Addr::LOCALHOST.into());
}

#[test]
fn a_datagram_longer_than_any_packet_is_cut_and_an_empty_one_arrives() {
    let server = UdpSocket::bind("127.0.0.1:0".parse().unwrap(), OPTIONS).unwrap();
    let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(&[7; 9_000], server.local()).unwrap();
    client.send_to(&[], server.local()).unwrap();
    let mut inbox = Inbox::new();
    wait(&server);
    let mut lengths = Vec::new();
    while lengths.len() < 2 {
        server.receive(&mut inbox).unwrap();
        lengths.extend(inbox.datagrams().map(|datagram| datagram.bytes.len()));
    }
    assert_eq!(lengths, [DATAGRAM_OCTETS, 0]);
    assert_eq!(server.receive(&mut inbox).unwrap(), 0, "an empty socket does not block");
}

#[test]
fn a_refused_datagram_does_not_hold_up_the_rest() {
    let client = UdpSocket::bind("127.0.0.1:0".parse().unwrap(), OPTIONS).unwrap();
    let server = UdpSocket::bind("127.0.0.1:0".parse().unwrap(), OPTIONS).unwrap();
    let mut outbox = Outbox::new();
    outbox.push(b"first", End { peer: server.local(), local: None });
    // A source address that is not ours is refused by the kernel.
    outbox.push(b"second", End { peer: server.local(), local: Some("192.0.2.1".parse().unwrap()) });
    outbox.push(b"third", End { peer: server.local(), local: None });
    assert_eq!(client.send(&mut outbox), 1);
    let mut inbox = Inbox::new();
    wait(&server);
    let mut texts = Vec::new();
    while texts.len() < 2 {
        server.receive(&mut inbox).unwrap();
        texts.extend(inbox.datagrams().map(|datagram| datagram.bytes.to_vec()));
    }
    assert_eq!(texts, [b"first".to_vec(), b"third".to_vec()]);
}

#[test]
fn datagrams_that_the_kernel_dropped_are_counted() {
    let options = Options { share_port: false, receive_buffer: 4_096 };
    let server = UdpSocket::bind("127.0.0.1:0".parse().unwrap(), options).unwrap();
    let client = UdpSocket::bind("127.0.0.1:0".parse().unwrap(), OPTIONS).unwrap();
    let (mut inbox, mut outbox) = (Inbox::new(), Outbox::new());
    for _ in 0..BATCH {
        outbox.push(&[0; 1_000], End { peer: server.local(), local: None });
    }
    client.send(&mut outbox);
    while server.receive(&mut inbox).unwrap() > 0 {}
    outbox.push(b"after", End { peer: server.local(), local: None });
    client.send(&mut outbox);
    wait(&server);
    server.receive(&mut inbox).unwrap();
    let drops = inbox.datagrams().filter_map(|datagram| datagram.kernel_drops).max();
    assert!(drops.is_some_and(|drops| drops > 0), "{drops:?}");
}
