//! The ledger: every accounting record that was acknowledged, a line each, written before the next one is sent.
//!
//! A line is worth its newline: what a killed generator leaves unfinished counts as not there, which only means that the
//! server is asked for less than it promised.
//!
//! ```text
//! ack SESSION-ID NUMBER STEP STATUS SECONDS USERNAME-IN-HEX
//! ```

use std::{
    collections::HashMap,
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

use anyhow::Context as _;

use crate::session::{Usage, usage};

/// An acknowledged record.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Acct-Session-Id.
    pub session_id: &'a str,
    /// The session's number, from which its usage follows.
    pub number: u64,
    /// Which of the session's accounting steps; 0 is the Start.
    pub step: u8,
    /// `start`, `interim` or `stop`.
    pub status: &'a str,
    /// Acct-Session-Time.
    pub seconds: u32,
    /// User-Name.
    pub username: &'a [u8],
}

/// A ledger being written. Several threads may append to one file, each through its own.
#[derive(Debug)]
pub struct Ledger {
    file: File,
    pending: String,
}

impl Ledger {
    /// Opens a ledger, made if it is missing.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn append(path: &Path) -> anyhow::Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .with_context(|| format!("opening the ledger {}", path.display()))?;
        Ok(Self { file, pending: String::new() })
    }

    /// Notes a record; it is in the file after the next [`Ledger::flush`].
    pub fn note(&mut self, entry: &Entry<'_>) {
        let Entry { session_id, number, step, status, seconds, username } = entry;
        // Writing to a text cannot fail.
        let _ = write!(self.pending, "ack {session_id} {number} {step} {status} {seconds} ");
        for octet in *username {
            let _ = write!(self.pending, "{octet:02x}");
        }
        self.pending.push('\n');
    }

    /// Hands what was noted to the kernel, in one write: it survives the generator, not the machine.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        if !self.pending.is_empty() {
            self.file.write_all(self.pending.as_bytes())?;
            self.pending.clear();
        }
        Ok(())
    }
}

/// What was acknowledged of one session: its last step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// The session's number.
    pub number: u64,
    /// Its last acknowledged step.
    pub step: u8,
    /// Whether that was the Stop.
    pub is_over: bool,
    /// Acct-Session-Time of that step.
    pub seconds: u32,
    /// User-Name.
    pub username: Vec<u8>,
}

impl Acknowledged {
    /// What the database must hold at least.
    #[must_use]
    pub const fn usage(&self) -> Usage {
        usage(self.number, self.step)
    }

    /// What it may hold instead: one step more, sent and recorded, whose acknowledgement did not arrive.
    #[must_use]
    pub const fn usage_of_next(&self) -> Usage {
        usage(self.number, self.step.saturating_add(1))
    }
}

/// A ledger as read.
#[derive(Debug, Default)]
pub struct Contents {
    /// Each session by its Acct-Session-Id.
    pub sessions: HashMap<String, Acknowledged>,
    /// How many records were acknowledged.
    pub records: u64,
}

/// Reads a ledger.
///
/// # Errors
/// When the file cannot be read, or a finished line is no entry.
pub fn read(path: &Path) -> anyhow::Result<Contents> {
    let text = fs::read_to_string(path).with_context(|| format!("reading the ledger {}", path.display()))?;
    let mut contents = Contents::default();
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let Some(line) = line.strip_suffix('\n') else { break };
        let (session_id, entry) = parse(line).with_context(|| format!("line {} is no entry", number + 1))?;
        contents.records += 1;
        let known = contents.sessions.entry(session_id).or_insert_with(|| entry.clone());
        if entry.step >= known.step {
            *known = entry;
        }
    }
    Ok(contents)
}

fn parse(line: &str) -> Option<(String, Acknowledged)> {
    let mut fields = line.strip_prefix("ack ")?.split(' ');
    let session_id = fields.next()?.to_owned();
    let number = fields.next()?.parse().ok()?;
    let step = fields.next()?.parse().ok()?;
    let is_over = match fields.next()? {
        "start" | "interim" => false,
        "stop" => true,
        _ => return None,
    };
    let seconds = fields.next()?.parse().ok()?;
    let digits = fields.next()?;
    let username = (0..digits.len() / 2)
        .map(|at| u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok())
        .collect::<Option<_>>()?;
    fields.next().is_none().then_some((session_id, Acknowledged { number, step, is_over, seconds, username }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_read_and_a_torn_line_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let mut ledger = Ledger::append(&path).unwrap();
        let entry = |step, status| Entry {
            session_id: "8100000c",
            number: 12,
            step,
            status,
            seconds: u32::from(step),
            username: b"budi",
        };
        ledger.note(&entry(0, "start"));
        ledger.note(&entry(1, "interim"));
        ledger.flush().unwrap();
        let mut other = Ledger::append(&path).unwrap();
        other.note(&entry(2, "stop"));
        other.flush().unwrap();
        fs::write(&path, fs::read_to_string(&path).unwrap() + "ack 8100000d 13 0 sta").unwrap();
        let contents = read(&path).unwrap();
        assert_eq!((contents.records, contents.sessions.len()), (3, 1));
        let session = &contents.sessions["8100000c"];
        assert_eq!((session.step, session.is_over, session.seconds), (2, true, 2));
        assert_eq!(session.username, b"budi");
        assert_eq!(session.usage(), usage(12, 2));
        fs::write(&path, "nonsense\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("line 1"));
    }
}
