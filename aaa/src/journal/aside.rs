//! Sets damaged stretches and whole damaged segments aside, for an operator to look at.

use std::io;

use super::{
    health::Damage,
    segment,
    storage::{File, Storage},
};

/// How many files may lie aside; damage beyond that is reported but not copied.
pub(crate) const MAX_SET_ASIDE: usize = 64;

/// The ending of what was set aside.
const EXTENSION: &str = ".damaged";

/// What is copied at a time.
const PIECE_LEN: usize = 64 * 1024;

/// Whether a file was set aside.
pub(crate) fn is_set_aside(name: &str) -> bool {
    name.ends_with(EXTENSION)
}

/// Copies a damaged stretch into a file of its own, unless it was copied before. Says whether it made a file.
pub(crate) fn copy(storage: &Storage, file: &File, damage: &Damage) -> io::Result<bool> {
    if damage.octets == 0 {
        return Ok(false);
    }
    let names = storage.list()?;
    let name = format!("{:020}-{:010}{EXTENSION}", damage.segment, damage.offset);
    if names.contains(&name) || names.iter().filter(|name| is_set_aside(name)).count() >= MAX_SET_ASIDE {
        return Ok(false);
    }
    let temporary = format!("{name}{}", segment::TEMPORARY_EXTENSION);
    let result =
        copy_stretch(storage, file, damage, &temporary).and_then(|()| storage.rename(&temporary, &name));
    if let Err(error) = result {
        // A full disk is likely here; the half copy must not stay in its way.
        let _ = storage.remove(&temporary);
        return Err(error);
    }
    storage.sync_folder()?;
    Ok(true)
}

/// Takes a whole segment out of the journal: none of it can be read.
pub(crate) fn move_segment(storage: &Storage, number: u64) -> io::Result<()> {
    storage.rename(&segment::name(number), &format!("{number:020}{EXTENSION}"))
}

fn copy_stretch(storage: &Storage, file: &File, damage: &Damage, to: &str) -> io::Result<()> {
    let copy = storage.create(to, damage.octets)?;
    let mut piece = vec![0; PIECE_LEN];
    let mut done = 0;
    while done < damage.octets {
        let len = usize::try_from(damage.octets - done).map_or(PIECE_LEN, |left| left.min(PIECE_LEN));
        let read = file.read_salvaging(&mut piece[..len], damage.offset + done)?;
        if read == 0 {
            break;
        }
        copy.write_all_at(&piece[..read], done)?;
        done += read as u64;
    }
    copy.sync_data()
}
