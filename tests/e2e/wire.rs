//! A router: sends requests from an address of its own, and checks the signature of every reply.

use std::{
    io::ErrorKind,
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use radius::{
    attribute::{AcctStatusType, AttributeType, FramedProtocol, NasPortType, ServiceType},
    authenticator::{self, MessageAuthenticator},
    code::Code,
    compose::Composer,
    index::Index,
    packet::MAX_LENGTH,
    secret::SharedSecret,
    vendor::mikrotik,
};

use crate::harness::now;

/// After this a request is sent again, as RouterOS does.
const RETRANSMIT: Duration = Duration::from_millis(300);

/// How often, before the router gives up: a loaded machine is slower than a network.
const ATTEMPTS: u32 = 10;

/// The router.
pub(crate) struct Nas {
    socket: UdpSocket,
    secret: SharedSecret,
    identifier: AtomicU8,
}

/// What an Accounting-Request says.
struct Record<'a> {
    user: &'a str,
    session: &'a str,
    status: AcctStatusType,
    class: Option<&'a [u8]>,
    downloaded: u32,
}

/// A reply whose signature holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) code: Code,
    pub(crate) rate_limit: Option<String>,
    pub(crate) address_list: Option<String>,
    pub(crate) class: Option<Vec<u8>>,
}

impl Nas {
    pub(crate) fn new(address: IpAddr, secret: &str) -> Self {
        let socket = UdpSocket::bind(SocketAddr::new(address, 0)).unwrap();
        socket.set_read_timeout(Some(RETRANSMIT)).unwrap();
        let secret = SharedSecret::new(secret.as_bytes()).unwrap();
        Self { socket, secret, identifier: AtomicU8::new(0) }
    }

    /// A PPPoE login with PAP.
    pub(crate) fn login(&self, server: SocketAddr, user: &str, password: &str) -> Reply {
        self.login_as(server, user, password, true).expect("an answer to a login")
    }

    /// The same with or without a Message-Authenticator.
    pub(crate) fn login_as(
        &self,
        server: SocketAddr,
        user: &str,
        password: &str,
        signs: bool,
    ) -> Option<Reply> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).unwrap();
        let mut buffer = [0; MAX_LENGTH];
        let mut packet = Composer::request(&mut buffer, Code::ACCESS_REQUEST, self.next(), &random).unwrap();
        place(&mut packet, user);
        packet.user_password(password.as_bytes(), &self.secret).unwrap();
        if signs {
            packet.message_authenticator().unwrap();
        }
        let length = packet.finish(&self.secret);
        self.exchange(server, &buffer[..length], if signs { ATTEMPTS } else { 2 })
    }

    /// An Accounting-Request; true when it was acknowledged.
    pub(crate) fn account(
        &self,
        server: SocketAddr,
        user: &str,
        session: &str,
        status: AcctStatusType,
        class: Option<&[u8]>,
    ) -> bool {
        self.send(server, &Record { user, session, status, class, downloaded: 0 }, ATTEMPTS)
    }

    /// The same, sent once: whether it was acknowledged at all soon.
    pub(crate) fn account_once(
        &self,
        server: SocketAddr,
        user: &str,
        session: &str,
        status: AcctStatusType,
    ) -> bool {
        self.send(server, &Record { user, session, status, class: None, downloaded: 0 }, 1)
    }

    /// An Interim-Update that tells of so many octets that the subscriber has got; true when it was acknowledged.
    pub(crate) fn downloaded(
        &self,
        server: SocketAddr,
        user: &str,
        session: &str,
        class: &[u8],
        downloaded: u32,
    ) -> bool {
        let status = AcctStatusType::INTERIM_UPDATE;
        self.send(server, &Record { user, session, status, class: Some(class), downloaded }, ATTEMPTS)
    }

    fn send(&self, server: SocketAddr, record: &Record<'_>, attempts: u32) -> bool {
        let mut buffer = [0; MAX_LENGTH];
        let mut packet =
            Composer::signed_request(&mut buffer, Code::ACCOUNTING_REQUEST, self.next()).unwrap();
        packet.u32(AttributeType::ACCT_STATUS_TYPE, record.status.0).unwrap();
        place(&mut packet, record.user);
        packet.text(AttributeType::ACCT_SESSION_ID, record.session).unwrap();
        packet.ipv4(AttributeType::FRAMED_IP_ADDRESS, [10, 20, 0, 2].into()).unwrap();
        if record.downloaded > 0 {
            packet.u32(AttributeType::ACCT_OUTPUT_OCTETS, record.downloaded).unwrap();
        }
        if let Some(class) = record.class {
            packet.octets(AttributeType::CLASS, class).unwrap();
        }
        let length = packet.finish(&self.secret);
        let reply = self.exchange(server, &buffer[..length], attempts);
        reply.is_some_and(|reply| reply.code == Code::ACCOUNTING_RESPONSE)
    }

    fn next(&self) -> u8 {
        self.identifier.fetch_add(1, Ordering::Relaxed)
    }

    fn exchange(&self, server: SocketAddr, request: &[u8], attempts: u32) -> Option<Reply> {
        let sent = Index::parse(request).unwrap().packet();
        let mut buffer = [0; MAX_LENGTH];
        for _ in 0..attempts {
            self.socket.send_to(request, server).unwrap();
            let deadline = now() + RETRANSMIT;
            while now() < deadline {
                let (length, source) = match self.socket.recv_from(&mut buffer) {
                    Ok(received) => received,
                    // Time is up, or the server's port is closed just now.
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
                    Err(error) => panic!("{error}"),
                };
                let reply = Index::parse(&buffer[..length]).unwrap();
                if reply.packet().identifier() != sent.identifier() {
                    continue;
                }
                assert_eq!(source, server, "a reply comes from the address that was asked");
                let signed = authenticator::verify_reply(&reply, sent.authenticator(), &self.secret).unwrap();
                let is_login = sent.code() == Code::ACCESS_REQUEST;
                assert!(!is_login || signed == MessageAuthenticator::Valid, "logins are answered signed");
                return Some(read(&reply));
            }
        }
        None
    }
}

fn place(packet: &mut Composer<'_>, user: &str) {
    packet.u32(AttributeType::SERVICE_TYPE, ServiceType::FRAMED.0).unwrap();
    packet.u32(AttributeType::FRAMED_PROTOCOL, FramedProtocol::PPP.0).unwrap();
    packet.u32(AttributeType::NAS_PORT_TYPE, NasPortType::ETHERNET.0).unwrap();
    packet.text(AttributeType::USER_NAME, user).unwrap();
    packet.text(AttributeType::CALLING_STATION_ID, "02:00:00:00:00:01").unwrap();
    packet.text(AttributeType::NAS_IDENTIFIER, "e2e").unwrap();
}

fn read(reply: &Index<'_>) -> Reply {
    let text = |kind| reply.find_vendor(kind).map(|found| String::from_utf8(found.value.to_vec()).unwrap());
    Reply {
        code: reply.packet().code(),
        rate_limit: text(mikrotik::RATE_LIMIT),
        address_list: text(mikrotik::ADDRESS_LIST),
        class: reply.classes().next().map(<[u8]>::to_vec),
    }
}
