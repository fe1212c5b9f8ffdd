//! Writing a snapshot.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use base::{DatabaseId, Timestamp, seal::Sealer};
use zeroize::Zeroizing;

use super::{
    About, CHUNK_OCTETS, ChunkPlace, Frozen, LAST, WriteError, compose_header, entries, kind, octets::Compose,
};
use crate::directory::shard::Shard;

/// Chunks written between syncs: one long flush at the end would hold up the syncs of the journal beside it.
const CHUNKS_A_SYNC: u64 = 8;

/// Octets that an item's body has room for without moving, which would leave a copy of a secret behind. Subscribers and
/// routers, which alone have secrets, are far shorter.
const BODY_OCTETS: usize = 64 * 1024;

impl Frozen {
    /// Writes the snapshot to `path`, which it takes the place of once it is whole and durable. Takes its time, blocks
    /// on the disk and holds two chunks in memory: a thread of its own is the place for it.
    ///
    /// # Errors
    /// When the file system refuses; the snapshot before it is then as it was.
    pub fn write(
        &self,
        path: &Path,
        database: DatabaseId,
        taken_at: Timestamp,
        sealer: &Sealer,
    ) -> Result<(), WriteError> {
        let beside = beside(path);
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| WriteError::Io { path, source }
        };
        let written = self.write_beside(&beside, database, taken_at, sealer);
        if let Err(error) = written {
            // Half a snapshot is of no use, and the disk may be full; that it stays is the lesser trouble.
            let _ = fs::remove_file(&beside);
            return Err(match error {
                Failure::Io(source) => at(&beside)(source),
                Failure::EntryTooLong(octets) => WriteError::EntryTooLong(octets),
            });
        }
        fs::rename(&beside, path).map_err(at(path))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
    }

    fn write_beside(
        &self,
        path: &Path,
        database: DatabaseId,
        taken_at: Timestamp,
        sealer: &Sealer,
    ) -> Result<(), Failure> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let header = compose_header(database, About { taken_at, as_of: self.as_of });
        file.write_all(&header)?;
        let mut chunks = Chunks {
            file,
            sealer,
            place: ChunkPlace::first(header),
            number: 0,
            body: Zeroizing::new(Vec::with_capacity(BODY_OCTETS)),
            chunk: Zeroizing::new(Vec::with_capacity(CHUNK_OCTETS)),
        };
        for position in &self.positions {
            chunks.item(kind::POSITION, |out| entries::compose_position(*position, out))?;
        }
        for tenant in &self.tenants {
            chunks.item(kind::TENANT, |out| entries::compose_tenant(tenant, out))?;
        }
        for plan in &self.plans {
            chunks.item(kind::PLAN, |out| entries::compose_plan(plan, out))?;
        }
        for router in &self.routers {
            chunks.item(kind::ROUTER, |out| entries::compose_router(router, out))?;
        }
        for record in self.shards.iter().flat_map(|shard| Shard::iter(shard)) {
            chunks.item(kind::SUBSCRIBER, |out| entries::compose_subscriber(record, out))?;
        }
        chunks.flush(true)?;
        chunks.file.sync_all()?;
        Ok(())
    }
}

/// Gathers items into chunks, and seals and writes them.
struct Chunks<'a> {
    file: File,
    sealer: &'a Sealer,
    place: ChunkPlace,
    number: u64,
    body: Zeroizing<Vec<u8>>,
    chunk: Zeroizing<Vec<u8>>,
}

impl Chunks<'_> {
    fn item(&mut self, kind: u8, compose: impl FnOnce(&mut Compose<'_>)) -> Result<(), Failure> {
        self.body.clear();
        compose(&mut Compose(&mut self.body));
        let octets = 1 + 4 + self.body.len();
        let length = u32::try_from(self.body.len()).ok().filter(|_| octets <= CHUNK_OCTETS);
        let length = length.ok_or(Failure::EntryTooLong(octets))?;
        if self.chunk.len() + octets > CHUNK_OCTETS {
            self.flush(false)?;
        }
        self.chunk.push(kind);
        self.chunk.extend_from_slice(&length.to_be_bytes());
        self.chunk.extend_from_slice(&self.body);
        Ok(())
    }

    fn flush(&mut self, last: bool) -> Result<(), Failure> {
        self.place.set(self.number, last);
        let sealed = self.sealer.seal(&self.place.place(), &self.chunk);
        self.place.follow(&sealed);
        let length = u32::try_from(sealed.len()).map_err(|_| Failure::EntryTooLong(sealed.len()))?;
        self.file.write_all(&(length | if last { LAST } else { 0 }).to_be_bytes())?;
        self.file.write_all(&sealed)?;
        self.chunk.clear();
        self.number += 1;
        if self.number.is_multiple_of(CHUNKS_A_SYNC) {
            self.file.sync_data()?;
        }
        Ok(())
    }
}

enum Failure {
    Io(io::Error),
    EntryTooLong(usize),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Where a snapshot is written before it takes its place.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}
