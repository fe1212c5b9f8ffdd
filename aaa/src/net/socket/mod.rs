//! UDP sockets that receive and send in batches, and reply from the address that was asked.
//!
//! The one place with `unsafe` code: `recvmmsg` and `sendmmsg` with their control messages have no safe form that
//! reuses its buffers. Everything that the kernel writes lands in arrays owned by [`Inbox`]; everything it reads comes
//! from arrays owned by [`Outbox`]. The arrays are boxed and never replaced, so the headers that point into them stay right
//! wherever the owner moves; those that a call may have changed are written anew before the next.
#![expect(unsafe_code, reason = "recvmmsg and sendmmsg; each block gives its conditions")]

mod layout;
#[cfg(test)]
mod tests;

use std::{
    io, mem,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4},
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    ptr,
};

use layout::{ControlMessages, octets_at, read_address, write_address, write_source};
use sizes::{INTEGER_OCTETS, STORAGE_OCTETS};
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

    /// The octets of the same datagrams, and who sent them.
    pub fn requests(&self) -> impl Iterator<Item = (&[u8], IpAddr)> {
        (0..self.count)
            .filter_map(|index| Some((self.octets(index), read_address(&self.arrays.addresses[index])?.ip())))
    }

    fn octets(&self, index: usize) -> &[u8] {
        let octets = (self.arrays.headers[index].msg_len as usize).min(DATAGRAM_OCTETS);
        &self.arrays.buffers[index * DATAGRAM_OCTETS..][..octets]
    }

    fn point(&mut self) {
        for index in 0..self.written {
            self.arrays.point(index, DATAGRAM_OCTETS, STORAGE_OCTETS, CONTROL_OCTETS);
        }
    }

    /// `None` when the peer's address is of no family that we bind.
    fn datagram(&self, index: usize) -> Option<Received<'_>> {
        let header = &self.arrays.headers[index];
        let mut received = Received {
            bytes: self.octets(index),
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
