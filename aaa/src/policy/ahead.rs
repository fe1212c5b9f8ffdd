//! Looks ahead: asks for the memory that the requests of a batch will need before the first of them is judged.
//!
//! Of a million subscribers nearly none is in the processor's cache. One by one, each request would wait for its own; asked
//! for together, they arrive while the others are on their way.

use std::net::IpAddr;

use radius::{attribute::AttributeType, packet::Packet};

use super::{Policy, scratch::Scratch};

impl Policy {
    /// Fetches the subscribers of the Access-Requests among `datagrams`, and what is known of their sessions, into the
    /// processor's cache. A hint: it changes nothing, and what cannot be read or comes from elsewhere is left to
    /// [`identify`](Self::identify). Does nothing where subscribers are so few that they stay in the cache by themselves.
    #[expect(
        single_use_lifetimes,
        reason = "an iterator of borrowed items cannot be written without one yet"
    )]
    pub fn look_ahead<'d>(&self, scratch: &mut Scratch, datagrams: impl Iterator<Item = (&'d [u8], IpAddr)>) {
        if !self.directory.is_large() {
            return;
        }
        let mut names = datagrams
            .filter_map(|(bytes, peer)| {
                // Whose packet it is where several share an address, its signature tells: too much for a hint.
                let [sender] = scratch.memo.senders(&self.directory, &self.live, peer)? else { return None };
                let username = Packet::parse(bytes).ok()?.find(AttributeType::USER_NAME)?.value;
                Some((sender.router.tenant, username))
            })
            .peekable();
        while names.peek().is_some() {
            let together = std::array::from_fn(|_| names.next());
            let subscribers = self.directory.fetch(together);
            self.live.fetch(subscribers);
        }
    }
}
