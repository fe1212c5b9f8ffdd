//! The octets of kept replies: one ring, written in the order of answering. Entries end in about the same order, so the
//! space behind the oldest kept reply is always one piece and nothing is ever moved or freed.
//!
//! ```text
//!   |...free...|oldest reply|..........|newest reply|...free...|
//!              ^ its span's start                   ^ written
//! ```
//!
//! Positions only grow; a position's place is its remainder by the ring's size, and a reply never crosses the end of the
//! ring. A reply whose entry was superseded leaves a hole that closes when the oldest passes it.

/// Where a reply lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: u64,
    length: u32,
}

#[derive(Debug)]
pub(super) struct Replies {
    ring: Vec<u8>,
    written: u64,
}

impl Replies {
    /// A ring of that many octets. Zeroed memory from the operating system is not resident until it is used.
    pub(super) fn with_octets(octets: usize) -> Self {
        Self { ring: vec![0; octets], written: 0 }
    }

    /// Whether the reply fits into the empty ring.
    pub(super) fn can_hold(&self, reply: &[u8]) -> bool {
        reply.len() <= self.ring.len() && u32::try_from(reply.len()).is_ok()
    }

    /// Whether writing `reply` now would overwrite the oldest kept reply.
    pub(super) fn must_evict(&self, reply: &[u8], oldest: Option<Span>) -> bool {
        let end = self.start_of(reply) + reply.len() as u64;
        oldest.is_some_and(|oldest| end - oldest.start > self.ring.len() as u64)
    }

    /// Writes a reply; the caller has asked [`can_hold`](Self::can_hold) and [`must_evict`](Self::must_evict).
    pub(super) fn write(&mut self, reply: &[u8]) -> Span {
        let start = self.start_of(reply);
        let place = self.place(start);
        self.ring[place..place + reply.len()].copy_from_slice(reply);
        self.written = start + reply.len() as u64;
        Span { start, length: u32::try_from(reply.len()).unwrap_or(0) }
    }

    pub(super) fn read(&self, span: Span) -> &[u8] {
        let place = self.place(span.start);
        &self.ring[place..place + span.length as usize]
    }

    #[cfg(test)]
    pub(super) fn reserved(&self) -> usize {
        self.ring.capacity()
    }

    /// Where the reply would start: at once, or at the next turn of the ring if it would cross the end.
    fn start_of(&self, reply: &[u8]) -> u64 {
        let size = self.ring.len() as u64;
        let room = size - (self.written % size.max(1)).min(size);
        if reply.len() as u64 <= room { self.written } else { self.written + room }
    }

    fn place(&self, position: u64) -> usize {
        usize::try_from(position % (self.ring.len() as u64).max(1)).unwrap_or(0)
    }
}
