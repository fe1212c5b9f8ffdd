//! Loading a snapshot.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use base::{DatabaseId, SecretBytes, Timestamp, seal::Sealer};

use super::{
    About, CHUNK_OCTETS, ChunkPlace, HEADER_OCTETS, LAST, LoadError, MAGIC, SEAL_OCTETS, VERSION, entries,
    kind, octets::Parse,
};
use crate::directory::loader::Loader;

/// Loads the snapshot at `path` into `loader`.
pub(in crate::directory) fn load(
    path: &Path,
    database: DatabaseId,
    sealer: &Sealer,
    loader: &mut Loader,
) -> Result<About, LoadError> {
    let at = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => LoadError::Missing(path.to_owned()),
        _ => LoadError::Io { path: path.to_owned(), source },
    };
    let mut file = File::open(path).map_err(at)?;
    let mut header = [0; HEADER_OCTETS];
    if fill(&mut file, &mut header).map_err(at)? < HEADER_OCTETS {
        return Err(if header.starts_with(&MAGIC) {
            LoadError::Truncated(0)
        } else {
            LoadError::NotASnapshot
        });
    }
    let about = parse_header(header, database)?;
    let mut chunks = Chunks { file, sealer, place: ChunkPlace::first(header), number: 0, ended: false };
    while let Some((number, chunk)) = chunks.next(&at)? {
        take_items(chunk.expose(), loader).map_err(|what| LoadError::Malformed { chunk: number, what })?;
    }
    Ok(about)
}

fn parse_header(header: [u8; HEADER_OCTETS], database: DatabaseId) -> Result<About, LoadError> {
    let mut header = Parse(&header);
    if header.array() != Some(MAGIC) {
        return Err(LoadError::NotASnapshot);
    }
    let version = header.u16().ok_or(LoadError::NotASnapshot)?;
    if version != VERSION {
        return Err(LoadError::Version(version));
    }
    let found = header.array().map(DatabaseId::from_bytes).ok_or(LoadError::NotASnapshot)?;
    if found != database {
        return Err(LoadError::Foreign(found));
    }
    let mut time = || header.array().map(i64::from_be_bytes).map(Timestamp::from_millis);
    match (time(), time()) {
        (Some(taken_at), Some(as_of)) => Ok(About { taken_at, as_of }),
        _ => Err(LoadError::NotASnapshot),
    }
}

/// Reads and opens chunks.
struct Chunks<'a> {
    file: File,
    sealer: &'a Sealer,
    place: ChunkPlace,
    number: u64,
    ended: bool,
}

impl Chunks<'_> {
    /// The next chunk with its number; `None` behind the last.
    fn next(
        &mut self,
        at: &impl Fn(io::Error) -> LoadError,
    ) -> Result<Option<(u64, SecretBytes)>, LoadError> {
        let mut length = [0; 4];
        let got = fill(&mut self.file, &mut length).map_err(at)?;
        match (self.ended, got) {
            (true, 0) => return Ok(None),
            (true, _) => return Err(LoadError::Altered(self.number)),
            (false, 4) => {}
            (false, _) => return Err(LoadError::Truncated(self.number)),
        }
        let length = u32::from_be_bytes(length);
        let last = length & LAST != 0;
        let octets = usize::try_from(length & !LAST).unwrap_or(usize::MAX);
        if octets > CHUNK_OCTETS + SEAL_OCTETS {
            return Err(LoadError::Altered(self.number));
        }
        let mut sealed = vec![0; octets];
        if fill(&mut self.file, &mut sealed).map_err(at)? < octets {
            return Err(LoadError::Truncated(self.number));
        }
        self.place.set(self.number, last);
        let opened = self.sealer.open(&self.place.place(), &sealed);
        let clear = opened.map_err(|source| LoadError::Sealed { chunk: self.number, source })?;
        self.place.follow(&sealed);
        let number = self.number;
        self.number += 1;
        self.ended = last;
        Ok(Some((number, clear)))
    }
}

/// Hands the items of a chunk to `loader`; an error names the part that is malformed.
fn take_items(chunk: &[u8], loader: &mut Loader) -> Result<(), &'static str> {
    let mut rest = Parse(chunk);
    while !rest.0.is_empty() {
        let kind = rest.byte().ok_or("item")?;
        let mut body = rest.octets().map(Parse).ok_or("item")?;
        match kind {
            kind::POSITION => loader.position(entries::parse_position(&mut body).ok_or("position")?),
            kind::TENANT => loader.tenant(entries::parse_tenant(&mut body).ok_or("tenant")?),
            kind::PLAN => loader.plan(entries::parse_plan(&mut body).ok_or("plan")?),
            kind::ROUTER => loader.router(entries::parse_router(&mut body).ok_or("router")?),
            kind::SUBSCRIBER => loader.record(entries::parse_subscriber(&mut body).ok_or("subscriber")?),
            _ => return Err("kind of item"),
        }
        if !body.0.is_empty() {
            return Err("end of an item");
        }
    }
    Ok(())
}

/// Reads until `buffer` is full or the file ends; gives the octets read.
fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(octets) => filled += octets,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
