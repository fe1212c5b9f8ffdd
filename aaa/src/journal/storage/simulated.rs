//! A disk in memory that loses power, runs full, tears writes and fails to sync, all on demand.
//!
//! Each file has what programs see and what the platter holds. A sync moves the dirty sectors across; a failed sync
//! forgets which sectors were dirty, as Linux does, so that a second sync succeeds and saves nothing. A loss of power
//! keeps any subset of the dirty sectors and any prefix of the unsynced changes of names.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
    sync::Arc,
};

use parking_lot::Mutex;

/// What is written whole or not at all.
const SECTOR_LEN: usize = 512;

/// A simulated folder. Clones are the same folder.
#[derive(Clone, Debug)]
pub(crate) struct Disk(Arc<Mutex<State>>);

/// An open simulated file.
#[derive(Debug)]
pub(crate) struct Handle {
    disk: Disk,
    file: u64,
}

/// Held while somebody uses the folder.
#[derive(Debug)]
pub(crate) struct FolderLock(Disk);

/// What is to go wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// So many of the next file syncs fail.
    pub(crate) syncs: u32,
    /// So many of the next folder syncs fail.
    pub(crate) folder_syncs: u32,
    /// So many of the next writes take only half of what they are given.
    pub(crate) short_writes: u32,
    /// So many of the next writes fail half-way.
    pub(crate) writes: u32,
    /// So many of the next writes find the disk full, as on a file system that cannot reserve.
    pub(crate) full_writes: u32,
    /// The power fails after so many further changes.
    pub(crate) power_after: Option<u32>,
    /// The next sync panics: a defect of the program, not of the disk.
    pub(crate) defect: bool,
}

#[derive(Debug, Default)]
struct State {
    files: HashMap<u64, Content>,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    name_changes: Vec<NameChange>,
    next_file: u64,
    capacity: u64,
    faults: Faults,
    powerless: bool,
    locked: bool,
    syncs: u64,
}

#[derive(Clone, Debug, Default)]
struct Content {
    unreadable: BTreeSet<usize>,
    seen: Vec<u8>,
    durable: Vec<u8>,
    dirty: BTreeSet<usize>,
}

#[derive(Clone, Debug)]
enum NameChange {
    Add(String, u64),
    Rename(String, String),
    Remove(String),
}

impl Disk {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State { capacity: u64::MAX, ..State::default() })))
    }

    /// Sets what goes wrong from now on.
    pub(crate) fn set_faults(&self, faults: Faults) {
        self.0.lock().faults = faults;
    }

    /// The octets that files may have in all.
    pub(crate) fn set_capacity(&self, octets: u64) {
        self.0.lock().capacity = octets;
    }

    /// The octets that files have in all.
    pub(crate) fn used(&self) -> u64 {
        self.0.lock().used()
    }

    /// How many file syncs succeeded.
    pub(crate) fn syncs(&self) -> u64 {
        self.0.lock().syncs
    }

    /// The disk after the power came back. `choose` decides what of the unsynced survived.
    pub(crate) fn after_power_loss(&self, mut choose: impl FnMut() -> bool) -> Self {
        let mut state = self.0.lock();
        state.powerless = true;
        let mut names = state.durable_names.clone();
        for change in &state.name_changes {
            if !choose() {
                break;
            }
            change.apply(&mut names);
        }
        let mut files = HashMap::new();
        for file in names.values() {
            let mut content = state.files[file].clone();
            if content.seen.len() != content.durable.len() && choose() {
                content.durable.resize(content.seen.len(), 0);
            }
            for sector in std::mem::take(&mut content.dirty) {
                if choose() {
                    content.keep(sector);
                }
            }
            content.seen.clone_from(&content.durable);
            files.insert(*file, content);
        }
        Self(Arc::new(Mutex::new(State {
            files,
            durable_names: names.clone(),
            names,
            next_file: state.next_file,
            capacity: state.capacity,
            ..State::default()
        })))
    }

    /// The disk after the process was killed: what programs saw stays, synced or not.
    pub(crate) fn after_kill(&self) -> Self {
        let mut state = self.0.lock();
        state.powerless = true;
        Self(Arc::new(Mutex::new(State {
            files: state.files.clone(),
            names: state.names.clone(),
            durable_names: state.durable_names.clone(),
            name_changes: state.name_changes.clone(),
            next_file: state.next_file,
            capacity: state.capacity,
            ..State::default()
        })))
    }

    /// Changes a file behind the program's back, durably.
    pub(crate) fn damage(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.0.lock();
        let file = state.names[name];
        let content = state.files.get_mut(&file).unwrap();
        change(&mut content.seen);
        content.durable.clone_from(&content.seen);
        content.dirty.clear();
    }

    /// Loses a file, durably.
    pub(crate) fn forget(&self, name: &str) {
        let mut state = self.0.lock();
        state.names.remove(name);
        state.durable_names.remove(name);
    }

    /// Makes the sector at `offset` of a file unreadable.
    pub(crate) fn lose_sector(&self, name: &str, offset: usize) {
        let mut state = self.0.lock();
        let file = state.names[name];
        state.files.get_mut(&file).unwrap().unreadable.insert(offset / SECTOR_LEN);
    }

    /// What a file holds.
    pub(crate) fn octets(&self, name: &str) -> Vec<u8> {
        let state = self.0.lock();
        state.files[&state.names[name]].seen.clone()
    }

    /// A durable file made by somebody else.
    pub(crate) fn put(&self, name: &str, octets: Vec<u8>) {
        let mut state = self.0.lock();
        let file = state.next_file;
        state.next_file += 1;
        state.names.insert(name.to_owned(), file);
        state.durable_names.insert(name.to_owned(), file);
        state.files.insert(file, Content { durable: octets.clone(), seen: octets, ..Content::default() });
    }

    pub(super) fn lock(&self) -> io::Result<FolderLock> {
        let mut state = self.0.lock();
        if state.locked {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        state.locked = true;
        Ok(FolderLock(self.clone()))
    }

    pub(crate) fn list(&self) -> io::Result<Vec<String>> {
        let state = self.0.lock();
        state.check_power()?;
        Ok(state.names.keys().cloned().collect())
    }

    pub(super) fn create(&self, name: &str, size: u64) -> io::Result<Handle> {
        let mut state = self.0.lock();
        state.change()?;
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = state.next_file;
        state.next_file += 1;
        state.files.insert(file, Content::default());
        state.rename_seen(NameChange::Add(name.to_owned(), file));
        if state.used().saturating_add(size) > state.capacity {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.files.get_mut(&file).unwrap().seen = vec![0; usize::try_from(size).unwrap()];
        Ok(Handle { disk: self.clone(), file })
    }

    pub(super) fn open(&self, name: &str) -> io::Result<Handle> {
        let state = self.0.lock();
        state.check_power()?;
        let file = *state.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Handle { disk: self.clone(), file })
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.0.lock();
        state.change()?;
        state.rename_seen(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.0.lock();
        state.change()?;
        state.rename_seen(NameChange::Remove(name.to_owned()));
        Ok(())
    }

    pub(super) fn sync_folder(&self) -> io::Result<()> {
        let mut state = self.0.lock();
        state.change()?;
        if take(&mut state.faults.folder_syncs) {
            return Err(io::Error::other("injected folder sync failure"));
        }
        state.durable_names = state.names.clone();
        state.name_changes.clear();
        Ok(())
    }
}

impl State {
    fn used(&self) -> u64 {
        self.names.values().map(|file| self.files[file].seen.len() as u64).sum()
    }

    fn check_power(&self) -> io::Result<()> {
        if self.powerless { Err(io::Error::other("the power is off")) } else { Ok(()) }
    }

    /// Counts a change towards the loss of power.
    fn change(&mut self) -> io::Result<()> {
        if let Some(left) = &mut self.faults.power_after {
            if *left == 0 {
                self.powerless = true;
            }
            *left = left.saturating_sub(1);
        }
        self.check_power()
    }

    fn rename_seen(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.name_changes.push(change);
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Add(name, file) => {
                names.insert(name.clone(), *file);
            }
            Self::Rename(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Self::Remove(name) => {
                names.remove(name);
            }
        }
    }
}

impl Content {
    /// Moves a sector to the platter.
    fn keep(&mut self, sector: usize) {
        let start = sector * SECTOR_LEN;
        let end = (start + SECTOR_LEN).min(self.seen.len()).min(self.durable.len());
        if start < end {
            self.durable[start..end].copy_from_slice(&self.seen[start..end]);
        }
    }

    fn write(&mut self, octets: &[u8], offset: usize) {
        let end = offset + octets.len();
        if self.seen.len() < end {
            self.seen.resize(end, 0);
        }
        self.seen[offset..end].copy_from_slice(octets);
        self.dirty.extend(offset / SECTOR_LEN..end.div_ceil(SECTOR_LEN));
    }
}

impl Handle {
    pub(super) fn size(&self) -> io::Result<u64> {
        let state = self.disk.0.lock();
        state.check_power()?;
        Ok(state.files[&self.file].seen.len() as u64)
    }

    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.disk.0.lock();
        state.check_power()?;
        let Content { seen, unreadable, .. } = &state.files[&self.file];
        let start = usize::try_from(offset).unwrap() / SECTOR_LEN;
        let end = start + buffer.len().div_ceil(SECTOR_LEN) + 1;
        if unreadable.range(start..end).next().is_some() {
            return Err(rustix::io::Errno::IO.into());
        }
        let rest = usize::try_from(offset).ok().and_then(|offset| seen.get(offset..)).unwrap_or(&[]);
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    pub(super) fn write_at(&self, octets: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.0.lock();
        let powered = state.change();
        let fails = take(&mut state.faults.writes);
        let full = take(&mut state.faults.full_writes);
        let short = take(&mut state.faults.short_writes) && octets.len() > 1;
        let taken = if fails || full || short || powered.is_err() { octets.len() / 2 } else { octets.len() };
        state.files.get_mut(&self.file).unwrap().write(&octets[..taken], usize::try_from(offset).unwrap());
        powered?;
        if fails {
            return Err(io::Error::other("injected write failure"));
        }
        if full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(taken)
    }

    pub(super) fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        state.change()?;
        assert!(!state.faults.defect, "injected defect");
        let fails = take(&mut state.faults.syncs);
        state.syncs += u64::from(!fails);
        let content = state.files.get_mut(&self.file).unwrap();
        let dirty = std::mem::take(&mut content.dirty);
        if fails {
            return Err(io::Error::other("injected sync failure"));
        }
        content.durable.resize(content.seen.len(), 0);
        for sector in dirty {
            content.keep(sector);
        }
        Ok(())
    }

    pub(super) fn truncate(&self, size: u64) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        state.change()?;
        let content = state.files.get_mut(&self.file).unwrap();
        content.seen.truncate(usize::try_from(size).unwrap());
        Ok(())
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        self.0.0.lock().locked = false;
    }
}

fn take(left: &mut u32) -> bool {
    let fires = *left > 0;
    *left = left.saturating_sub(1);
    fires
}
