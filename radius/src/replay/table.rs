//! Hash to slab index: open addressing with linear probing. Removal moves later entries back, so there are no tombstones,
//! hence never a rebuild in the middle of traffic.

/// One cell: the upper half of the hash, to tell most strangers without touching the slab, and the index plus one.
/// Zero is empty.
type Cell = u64;

#[derive(Debug)]
pub(super) struct Table {
    cells: Vec<Cell>,
    /// Number of cells less one; the number is a power of two.
    mask: usize,
}

impl Table {
    /// A table that is never more than half full with `slots` entries.
    pub(super) fn with_slots(slots: usize) -> Self {
        let cells = slots.saturating_mul(2).next_power_of_two().max(4);
        Self { cells: vec![0; cells], mask: cells - 1 }
    }

    /// The index with this hash that `is_it` recognises.
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mut place = self.home(hash);
        loop {
            let cell = self.cells[place];
            if cell == 0 {
                return None;
            }
            if tag(cell) == tag(hash) && is_it(index(cell)) {
                return Some(index(cell));
            }
            place = (place + 1) & self.mask;
        }
    }

    /// Adds an index; at most as many as slots may be present.
    pub(super) fn insert(&mut self, hash: u64, index: u32) {
        let mut place = self.home(hash);
        while self.cells[place] != 0 {
            place = (place + 1) & self.mask;
        }
        self.cells[place] = tag(hash) | (u64::from(index) + 1);
    }

    /// Removes an index that was added with this hash; one that is not there is no matter.
    pub(super) fn remove(&mut self, hash: u64, wanted: u32) {
        let mut hole = self.home(hash);
        loop {
            match self.cells[hole] {
                0 => return,
                cell if index(cell) == wanted => break,
                _ => hole = (hole + 1) & self.mask,
            }
        }
        // Every following entry whose home is not after the hole moves into it, so that probing never meets a gap.
        let mut next = (hole + 1) & self.mask;
        while self.cells[next] != 0 {
            let from_home = next.wrapping_sub(self.home(self.cells[next])) & self.mask;
            let from_hole = next.wrapping_sub(hole) & self.mask;
            if from_home >= from_hole {
                self.cells[hole] = self.cells[next];
                hole = next;
            }
            next = (next + 1) & self.mask;
        }
        self.cells[hole] = 0;
    }

    #[cfg(test)]
    pub(super) fn reserved(&self) -> usize {
        self.cells.capacity()
    }

    /// Where the probing of a hash begins. It uses the half of the hash that cells keep, so that a cell knows its home.
    fn home(&self, hash: u64) -> usize {
        usize::try_from(hash >> 32).unwrap_or(0) & self.mask
    }
}

fn tag(hash: u64) -> u64 {
    hash & !u64::from(u32::MAX)
}

fn index(cell: Cell) -> u32 {
    u32::try_from(cell & u64::from(u32::MAX)).unwrap_or(0).wrapping_sub(1)
}
