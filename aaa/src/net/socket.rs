//! UDP sockets that receive and send in batches, and reply from the address that was asked.
//!
//! The one place with `unsafe` code: `recvmmsg` and `sendmmsg` with their control messages have no safe form that
//! reuses its buffers. Everything that the kernel writes lands in arrays owned by [`Inbox`]; everything it reads comes
//! from arrays owned by [`Outbox`]. The arrays are boxed and never replaced, so the headers that point into them stay right
//! wherever the owner moves; those that a call may have changed are written anew before the next.
#![expect(unsafe_code, reason = "recvmmsg and sendmmsg; each block gives its conditions")]

use std::{
    io, mem,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    ptr,
};

use sizes::{FAMILY_V4, FAMILY_V6, INTEGER_OCTETS, STORAGE_OCTETS, V4_OCTETS, V6_OCTETS};
use socket2::{Domain, Protocol, Socket, Type};

/// Datagrams of one batch: at 64 the cost of the system call is spread thin (about 20 ns a datagram), and a wake-up's
/// buffers still fit in a second-level cache.
pub const BATCH: usize = 64;

/// Octets of one datagram: the longest RADIUS packet (RFC 2865 §3). What follows in a longer datagram is padding, and
/// the kernel cuts it off.
pub const DATAGRAM_OCTETS: usize = 4096;

/// Room for the control messages of one datagram: `in6_pktinfo` (40 with its header) and the drop counter (24).
const CONTROL_OCTETS: usize = 64;

/// A UDP socket on one address and port.
#[derive(Debug)]
pub struct UdpSocket {
    socket: Socket,
    local: SocketAddr,
    /// Set at bind: the receive buffer that the kernel granted, in octets.
    receive_buffer: usize,
}

/// How a socket is opened.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Let several sockets share the port; the kernel spreads the peers over them.
    pub share_port: bool,
    /// The receive buffer to ask for, octets.
    pub receive_buffer: usize,
}

impl UdpSocket {
    /// Opens a socket. IPv6 sockets take IPv6 only, so that each family has its own.
    ///
    /// # Errors
    /// The system's, such as a taken port or a missing right to a port below 1024.
    pub fn bind(address: SocketAddr, options: Options) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        if options.share_port {
            socket.set_reuse_port(true)?;
        }
        socket.set_nonblocking(true)?;
        // Only a privileged process may pass the system's limit; others get what the limit allows.
        if set_option(&socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, options.receive_buffer).is_err() {
            socket.set_recv_buffer_size(options.receive_buffer)?;
        }
        set_option(&socket, libc::SOL_SOCKET, libc::SO_RXQ_OVFL, 1)?;
        match address {
            SocketAddr::V4(_) => set_option(&socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)?,
            SocketAddr::V6(_) => set_option(&socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)?,
        }
        socket.bind(&address.into())?;
        let local =
            socket.local_addr()?.as_socket().ok_or_else(|| io::Error::other("no internet address"))?;
        // The kernel reports twice what it grants: the other half is its own book-keeping.
        let receive_buffer = socket.recv_buffer_size()? / 2;
        Ok(Self { socket, local, receive_buffer })
    }

    /// The address and port it is bound to.
    #[must_use]
    pub const fn local(&self) -> SocketAddr {
        self.local
    }

    /// The receive buffer that the kernel granted, octets.
    #[must_use]
    pub const fn receive_buffer(&self) -> usize {
        self.receive_buffer
    }

    /// Receives up to [`BATCH`] datagrams without waiting; how many is in the inbox afterwards.
    ///
    /// # Errors
    /// The system's; nothing to read is no error but an empty inbox.
    pub fn receive(&self, inbox: &mut Inbox) -> io::Result<usize> {
        inbox.count = 0;
        inbox.point();
        inbox.written = BATCH;
        // SAFETY: `headers` has BATCH entries, each of which points to one iovec, one address and one control buffer of
        // the inbox, with their true lengths: `point` has written anew all that the kernel may have changed, and the
        // boxes that they live in were never replaced. They outlive this call and nobody else reads them.
        let received = unsafe {
            libc::recvmmsg(
                self.socket.as_raw_fd(),
                inbox.arrays.headers.as_mut_ptr(),
                count_of(BATCH),
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        match usize::try_from(received) {
            Ok(count) => {
                inbox.count = count;
                // One more than it reports: it may have begun to fill the next one in.
                inbox.written = BATCH.min(count + 1);
                Ok(count)
            }
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
                error if error.kind() == io::ErrorKind::Interrupted => Ok(0),
                error => Err(error),
            },
        }
    }

    /// Sends everything in the outbox and empties it. Returns how many datagrams the kernel refused: an address that
    /// can't be reached, or a full send buffer. A refused reply is no loss, for its request is repeated and answered
    /// from the duplicate cache.
    pub fn send(&self, outbox: &mut Outbox) -> usize {
        let mut refused = 0;
        let mut from = 0;
        outbox.point();
        while from < outbox.count {
            // SAFETY: the headers from `from` to `count` were just written: each points to one iovec, one address and
            // one control buffer of the outbox, with true lengths; the kernel only reads them, besides `msg_len`.
            let sent = unsafe {
                libc::sendmmsg(
                    self.socket.as_raw_fd(),
                    outbox.arrays.headers.as_mut_ptr().add(from),
                    count_of(outbox.count - from),
                    libc::MSG_DONTWAIT,
                )
            };
            match usize::try_from(sent) {
                Ok(sent) if sent > 0 => from += sent,
                // The error is the first datagram's: leave that one out and go on with the rest.
                _ if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
                _ => {
                    refused += 1;
                    from += 1;
                }
            }
        }
        outbox.count = 0;
        refused
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

// C's sizes and families in the types that the calls take: all far below the types' limits.
#[expect(clippy::cast_possible_truncation, reason = "constants of a few octets")]
mod sizes {
    pub(super) const INTEGER_OCTETS: libc::socklen_t = size_of::<libc::c_int>() as libc::socklen_t;
    pub(super) const STORAGE_OCTETS: libc::socklen_t = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    pub(super) const V4_OCTETS: libc::socklen_t = size_of::<libc::sockaddr_in>() as libc::socklen_t;
    pub(super) const V6_OCTETS: libc::socklen_t = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
    pub(super) const FAMILY_V4: libc::sa_family_t = libc::AF_INET as libc::sa_family_t;
    pub(super) const FAMILY_V6: libc::sa_family_t = libc::AF_INET6 as libc::sa_family_t;
}

/// A number of headers, at most [`BATCH`], as the calls take it.
fn count_of(headers: usize) -> libc::c_uint {
    libc::c_uint::try_from(headers).unwrap_or(0)
}

/// Sets an integer option.
fn set_option(socket: &Socket, level: libc::c_int, name: libc::c_int, value: usize) -> io::Result<()> {
    let value = libc::c_int::try_from(value).unwrap_or(libc::c_int::MAX);
    // SAFETY: the option's value is a C int, and its address and size are given.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, ptr::from_ref(&value).cast(), INTEGER_OCTETS)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Control messages, aligned as their headers must be.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL_OCTETS]);

/// The arrays that one batch of datagrams lives in.
struct Arrays {
    buffers: Box<[u8]>,
    addresses: Box<[libc::sockaddr_storage]>,
    controls: Box<[Control]>,
    vectors: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
}

// SAFETY: the raw pointers inside `vectors` and `headers` point into the boxes of this same value and are used by the system
// calls alone; the arrays themselves are plain memory owned by this value.
unsafe impl Send for Arrays {}

impl Arrays {
    fn new() -> Self {
        // SAFETY: all of these are C structures of integers and pointers, for which all-zero is a valid value.
        let (address, vector, header) = unsafe { (mem::zeroed(), mem::zeroed(), mem::zeroed()) };
        Self {
            buffers: vec![0; BATCH * DATAGRAM_OCTETS].into_boxed_slice(),
            addresses: vec![address; BATCH].into_boxed_slice(),
            controls: vec![Control([0; CONTROL_OCTETS]); BATCH].into_boxed_slice(),
            vectors: vec![vector; BATCH].into_boxed_slice(),
            headers: vec![header; BATCH].into_boxed_slice(),
        }
    }

    /// Points the header at `index` to its buffers; the lengths are the caller's.
    fn point(&mut self, index: usize, octets: usize, address_octets: libc::socklen_t, control_octets: usize) {
        self.vectors[index] = libc::iovec {
            iov_base: self.buffers[index * DATAGRAM_OCTETS..][..DATAGRAM_OCTETS].as_mut_ptr().cast(),
            iov_len: octets,
        };
        let header = &mut self.headers[index];
        header.msg_len = 0;
        header.msg_hdr.msg_name = ptr::from_mut(&mut self.addresses[index]).cast();
        header.msg_hdr.msg_namelen = address_octets;
        header.msg_hdr.msg_iov = ptr::from_mut(&mut self.vectors[index]);
        header.msg_hdr.msg_iovlen = 1;
        header.msg_hdr.msg_control = self.controls[index].0.as_mut_ptr().cast();
        header.msg_hdr.msg_controllen = control_octets;
        header.msg_hdr.msg_flags = 0;
    }
}

/// Received datagrams.
pub struct Inbox {
    arrays: Arrays,
    count: usize,
    /// Headers that the kernel may have written since they were pointed; most wake-ups bring a datagram or two.
    written: usize,
}

/// One received datagram.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// Its octets.
    pub bytes: &'a [u8],
    /// Who sent it.
    pub peer: SocketAddr,
    /// The address of ours that it was sent to.
    pub local: Option<IpAddr>,
    /// How many datagrams the kernel has dropped on this socket because its buffer was full, since it was opened;
    /// `None` while there were none.
    pub kernel_drops: Option<u32>,
}

impl Inbox {
    /// An empty inbox; about 280 KiB.
    #[must_use]
    pub fn new() -> Self {
        Self { arrays: Arrays::new(), count: 0, written: BATCH }
    }

    /// The datagrams of the last [`UdpSocket::receive`].
    pub fn datagrams(&self) -> impl Iterator<Item = Received<'_>> {
        (0..self.count).filter_map(|index| self.datagram(index))
    }

    fn point(&mut self) {
        for index in 0..self.written {
            self.arrays.point(index, DATAGRAM_OCTETS, STORAGE_OCTETS, CONTROL_OCTETS);
        }
    }

    /// `None` when the peer's address is of no family that we bind.
    fn datagram(&self, index: usize) -> Option<Received<'_>> {
        let header = &self.arrays.headers[index];
        let octets = (header.msg_len as usize).min(DATAGRAM_OCTETS);
        let mut received = Received {
            bytes: &self.arrays.buffers[index * DATAGRAM_OCTETS..][..octets],
            peer: read_address(&self.arrays.addresses[index])?,
            local: None,
            kernel_drops: None,
        };
        let control = &self.arrays.controls[index].0[..header.msg_hdr.msg_controllen.min(CONTROL_OCTETS)];
        for (level, kind, data) in ControlMessages(control) {
            match (level, kind) {
                // in_pktinfo: interface index, local address, destination of the header. The local address differs
                // from the destination for a broadcast, and is the one to answer from.
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    received.local = octets_at::<4>(data, 4).map(|octets| Ipv4Addr::from(octets).into());
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    received.local = octets_at::<16>(data, 0).map(|octets| Ipv6Addr::from(octets).into());
                }
                (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) => {
                    received.kernel_drops = octets_at::<4>(data, 0).map(u32::from_ne_bytes);
                }
                _ => {}
            }
        }
        Some(received)
    }
}

impl Default for Inbox {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").field("count", &self.count).finish_non_exhaustive()
    }
}

/// Datagrams to send, composed in place.
pub struct Outbox {
    arrays: Arrays,
    lengths: [u16; BATCH],
    ends: [End; BATCH],
    count: usize,
}

/// From where to where a datagram goes.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// To whom.
    pub peer: SocketAddr,
    /// From which address of ours; `None` lets the kernel choose.
    pub local: Option<IpAddr>,
}

impl Outbox {
    /// An empty outbox; about 280 KiB.
    #[must_use]
    pub fn new() -> Self {
        let nowhere = End { peer: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)), local: None };
        Self { arrays: Arrays::new(), lengths: [0; BATCH], ends: [nowhere; BATCH], count: 0 }
    }

    /// Whether another datagram fits. A caller that sends whenever it doesn't never loses one.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.count == BATCH
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The buffer of the next datagram, [`DATAGRAM_OCTETS`] long; it counts once it is [kept](Self::keep).
    /// `None` when the outbox is full.
    pub fn slot(&mut self) -> Option<&mut [u8]> {
        self.arrays.buffers.get_mut(self.count * DATAGRAM_OCTETS..)?.get_mut(..DATAGRAM_OCTETS)
    }

    /// Keeps the first `length` octets of the slot for sending.
    pub fn keep(&mut self, length: usize, end: End) {
        if let (Ok(length), false) = (u16::try_from(length.min(DATAGRAM_OCTETS)), self.is_full()) {
            self.lengths[self.count] = length;
            self.ends[self.count] = end;
            self.count += 1;
        }
    }

    /// The octets of the slot, as composed so far.
    #[must_use]
    pub fn composed(&self, length: usize) -> &[u8] {
        self.arrays
            .buffers
            .get(self.count * DATAGRAM_OCTETS..)
            .and_then(|slot| slot.get(..length.min(DATAGRAM_OCTETS)))
            .unwrap_or_default()
    }

    /// The buffers of the kept datagrams, each [`DATAGRAM_OCTETS`] long.
    pub fn kept(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.arrays.buffers.chunks_mut(DATAGRAM_OCTETS).take(self.count)
    }

    /// How many datagrams are kept.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Copies a ready datagram in; the caller has made sure that it fits.
    pub fn push(&mut self, bytes: &[u8], end: End) {
        if let Some(slot) = self.slot() {
            let length = bytes.len().min(DATAGRAM_OCTETS);
            slot[..length].copy_from_slice(&bytes[..length]);
            self.keep(length, end);
        }
    }

    fn point(&mut self) {
        for index in 0..self.count {
            let End { peer, local } = self.ends[index];
            let address = write_address(&mut self.arrays.addresses[index], peer);
            let control = local.map_or(0, |local| write_source(&mut self.arrays.controls[index], local));
            self.arrays.point(index, usize::from(self.lengths[index]), address, control);
        }
    }
}

impl Default for Outbox {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("count", &self.count).finish_non_exhaustive()
    }
}

/// Octets `from..from + N` of `data`, if there are as many.
fn octets_at<const N: usize>(data: &[u8], from: usize) -> Option<[u8; N]> {
    data.get(from..)?.first_chunk().copied()
}

/// Reads an address that the kernel wrote.
fn read_address(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match libc::c_int::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that the storage, which is large and aligned enough for any address, holds an
            // IPv4 address, a structure of integers.
            let address = unsafe { &*ptr::from_ref(storage).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr));
            Some(SocketAddrV4::new(ip, u16::from_be(address.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above, for an IPv6 address.
            let address = unsafe { &*ptr::from_ref(storage).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(address.sin6_addr.s6_addr);
            let port = u16::from_be(address.sin6_port);
            Some(SocketAddrV6::new(ip, port, address.sin6_flowinfo, address.sin6_scope_id).into())
        }
        _ => None,
    }
}

/// Writes `address` as the kernel reads it; returns its length.
fn write_address(storage: &mut libc::sockaddr_storage, address: SocketAddr) -> libc::socklen_t {
    match address {
        SocketAddr::V4(address) => {
            // SAFETY: the storage is large and aligned enough for any address, and both are structures of integers.
            let raw = unsafe { &mut *ptr::from_mut(storage).cast::<libc::sockaddr_in>() };
            raw.sin_family = FAMILY_V4;
            raw.sin_port = address.port().to_be();
            raw.sin_addr.s_addr = u32::from(*address.ip()).to_be();
            V4_OCTETS
        }
        SocketAddr::V6(address) => {
            // SAFETY: as above.
            let raw = unsafe { &mut *ptr::from_mut(storage).cast::<libc::sockaddr_in6>() };
            raw.sin6_family = FAMILY_V6;
            raw.sin6_port = address.port().to_be();
            raw.sin6_flowinfo = address.flowinfo();
            raw.sin6_addr.s6_addr = address.ip().octets();
            raw.sin6_scope_id = address.scope_id();
            V6_OCTETS
        }
    }
}

/// Octets of a control message's header, and how they are aligned.
const CONTROL_HEADER: usize = size_of::<libc::cmsghdr>();

/// Writes the control message that names the source address; returns its length with padding.
fn write_source(control: &mut Control, local: IpAddr) -> usize {
    // in_pktinfo: interface index (0: any), local address (the source), header destination (not read when sending).
    // in6_pktinfo: address, interface index.
    let mut data = [0; 20];
    let (level, kind, length) = match local {
        IpAddr::V4(address) => {
            data[4..8].copy_from_slice(&address.octets());
            (libc::IPPROTO_IP, libc::IP_PKTINFO, 12)
        }
        IpAddr::V6(address) => {
            data[..16].copy_from_slice(&address.octets());
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, 20)
        }
    };
    control.0[..8].copy_from_slice(&(CONTROL_HEADER + length).to_ne_bytes());
    control.0[8..12].copy_from_slice(&level.to_ne_bytes());
    control.0[12..16].copy_from_slice(&kind.to_ne_bytes());
    control.0[CONTROL_HEADER..CONTROL_HEADER + length].copy_from_slice(&data[..length]);
    (CONTROL_HEADER + length).next_multiple_of(align_of::<libc::cmsghdr>())
}

/// Walks control messages: (level, type, data).
struct ControlMessages<'a>(&'a [u8]);

impl<'a> Iterator for ControlMessages<'a> {
    type Item = (libc::c_int, libc::c_int, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::from_ne_bytes(octets_at(self.0, 0)?);
        let level = libc::c_int::from_ne_bytes(octets_at(self.0, 8)?);
        let kind = libc::c_int::from_ne_bytes(octets_at(self.0, 12)?);
        let data = self.0.get(CONTROL_HEADER..length)?;
        self.0 = self.0.get(length.next_multiple_of(align_of::<libc::cmsghdr>())..).unwrap_or_default();
        Some((level, kind, data))
    }
}

/// The control message header is laid out by hand above: length (8), level (4), type (4).
const _: () = assert!(CONTROL_HEADER == 16 && size_of::<usize>() == 8, "a 64-bit Linux is needed");

#[cfg(test)]
mod tests {
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
}
