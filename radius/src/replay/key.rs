//! What makes two requests the same: source, local socket, code, identifier and authenticator (RFC 5080 §2.2.2).

use core::hash::Hasher as _;
use core::net::{IpAddr, SocketAddr};

use siphasher::sip::SipHasher13;

use crate::code::Code;

/// Octets of one packed address: 16 of the address, 2 of the port, 4 of the scope.
const PACKED_ADDRESS: usize = 22;

/// Octets of a packed flow: peer, local socket, family, code, identifier.
const PACKED_FLOW: usize = 2 * PACKED_ADDRESS + 3;

/// The identity of a request. Everything but the authenticator is the *flow*: a second request on the same flow with another
/// authenticator means that the sender has reused the identifier, and so has given up waiting for the first.
///
/// The code is part of it, so that a Status-Server probe beside an Access-Request never takes the other's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    flow: [u8; PACKED_FLOW],
    authenticator: [u8; 16],
}

impl Key {
    /// The key of a request that came from `peer` to our socket `local`, where `local` is the address that was asked, if the
    /// socket is bound to a wildcard.
    pub fn new(
        peer: SocketAddr,
        local: SocketAddr,
        code: Code,
        identifier: u8,
        authenticator: [u8; 16],
    ) -> Self {
        let mut flow = [0; PACKED_FLOW];
        let (addresses, rest) = flow.split_at_mut(2 * PACKED_ADDRESS);
        let (from, to) = addresses.split_at_mut(PACKED_ADDRESS);
        pack(peer, from);
        pack(local, to);
        rest.copy_from_slice(&[u8::from(peer.is_ipv6()), code.0, identifier]);
        Self { flow, authenticator }
    }

    pub(super) fn same_flow(&self, other: &Self) -> bool {
        self.flow == other.flow
    }

    pub(super) fn authenticator(&self) -> &[u8; 16] {
        &self.authenticator
    }

    /// Hashes the flow alone: an entry must be found when only the authenticator has changed.
    pub(super) fn hash(&self, secret: &HashSecret) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(secret.0, secret.1);
        hasher.write(&self.flow);
        hasher.finish()
    }
}

/// The secret of the key hash: two random words. Without it a flood of forged sources could be made to collide.
#[derive(Clone, Copy)]
pub struct HashSecret(u64, u64);

impl HashSecret {
    /// Takes 16 random octets.
    pub fn new(random: [u8; 16]) -> Self {
        let value = u128::from_le_bytes(random);
        let [low, high] = [value & u128::from(u64::MAX), value >> 64];
        Self(u64::try_from(low).unwrap_or(0), u64::try_from(high).unwrap_or(0))
    }
}

impl core::fmt::Debug for HashSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("HashSecret(..)")
    }
}

/// Packs an address by hand: the flow label of IPv6 is no part of who sent a packet, and may differ between copies.
fn pack(address: SocketAddr, into: &mut [u8]) {
    let (host, rest) = into.split_at_mut(16);
    let (port, scope) = rest.split_at_mut(2);
    match address.ip() {
        IpAddr::V4(v4) => host[..4].copy_from_slice(&v4.octets()),
        IpAddr::V6(v6) => host.copy_from_slice(&v6.octets()),
    }
    port.copy_from_slice(&address.port().to_be_bytes());
    if let SocketAddr::V6(v6) = address {
        scope.copy_from_slice(&v6.scope_id().to_be_bytes());
    }
}
