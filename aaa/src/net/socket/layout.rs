//! Addresses and control messages as the kernel lays them out.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    ptr,
};

use super::{
    Control,
    sizes::{FAMILY_V4, FAMILY_V6, V4_OCTETS, V6_OCTETS},
};

/// Octets `from..from + N` of `data`, if there are as many.
pub(super) fn octets_at<const N: usize>(data: &[u8], from: usize) -> Option<[u8; N]> {
    data.get(from..)?.first_chunk().copied()
}

/// Reads an address that the kernel wrote.
pub(super) fn read_address(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
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
pub(super) fn write_address(storage: &mut libc::sockaddr_storage, address: SocketAddr) -> libc::socklen_t {
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
pub(super) fn write_source(control: &mut Control, local: IpAddr) -> usize {
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
pub(super) struct ControlMessages<'a>(pub(super) &'a [u8]);

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
