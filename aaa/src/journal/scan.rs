//! Walks the frames of one segment and finds the way behind damage.

use std::io;

use base::Timestamp;

use super::{
    frame::{self, Frame, FrameError},
    record::{Position, Stored},
    segment,
    storage::File,
};

/// What is read from the disk at a time: several times the longest frame, small beside a segment.
const BUFFER_LEN: usize = 256 * 1024;

/// A walk through a segment. The end moves while the segment grows.
#[derive(Debug)]
pub(crate) struct Scan {
    file: File,
    seed: u32,
    /// Octets of the file from `buffer_offset` on; frames start at `cursor`.
    buffer: Vec<u8>,
    buffer_offset: u64,
    cursor: usize,
    /// Frames lie before this offset.
    end: u64,
    /// Frames of this position or later are void.
    below: Position,
    /// The last position that was passed.
    last: Position,
    /// Where the record lies in the buffer that `step` found last.
    found: usize,
}

/// What a step came upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A record; [`Scan::record`] gives it.
    Record(Mark),
    /// Octets that are no frames, or a gap between positions.
    Gap(Gap),
    /// Nothing more at present.
    End,
}

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) position: Position,
    pub(crate) group: Position,
    pub(crate) received_at: Timestamp,
}

/// A stretch without frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) offset: u64,
    pub(crate) octets: u64,
    /// The first position that is missing.
    pub(crate) first_lost: Position,
    /// The position behind it; none when no frame was found up to the end.
    pub(crate) resumed: Option<Position>,
}

impl Scan {
    /// A walk through the frames of `file` that begins with position `first`.
    pub(crate) fn new(file: File, seed: u32, first: Position) -> Self {
        Self {
            file,
            seed,
            buffer: Vec::new(),
            buffer_offset: segment::HEADER_LEN as u64,
            cursor: 0,
            end: segment::HEADER_LEN as u64,
            below: Position::NONE,
            last: first.previous(),
            found: 0,
        }
    }

    /// Sets how far the frames go: up to offset `end`, and up to the position before `below`.
    pub(crate) fn set_bounds(&mut self, end: u64, below: Position) {
        self.end = end;
        self.below = below;
    }

    /// The last position that was passed.
    pub(crate) fn last(&self) -> Position {
        self.last
    }

    /// Where the next frame starts.
    pub(crate) fn offset(&self) -> u64 {
        self.buffer_offset + self.cursor as u64
    }

    /// The file that is walked.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// The record that the last step found.
    pub(crate) fn record(&self) -> Option<Stored<'_>> {
        let frame = frame::parse(self.buffer.get(self.found..)?, self.seed).ok()?;
        Some(Stored { position: frame.position, record: frame.record })
    }

    /// Takes everything up to `position` as passed: the caller knows that it is lost.
    pub(crate) fn pass_over(&mut self, position: Position) {
        self.last = self.last.max(position);
    }

    /// Goes on to the next record.
    pub(crate) fn step(&mut self) -> io::Result<Step> {
        if self.last.next() >= self.below || self.offset() >= self.end {
            return Ok(Step::End);
        }
        match self.frame()? {
            Some(frame) if frame.position == self.last.next() => Ok(Step::Record(self.pass(frame))),
            Some(frame) if frame.position >= self.below => Ok(Step::End),
            _ => self.search(),
        }
    }

    /// Looks for the next frame that can belong here.
    fn search(&mut self) -> io::Result<Step> {
        let offset = self.offset();
        let mut resumed = None;
        while self.offset() < self.end {
            if let Some(frame) = self.plausible_frame()? {
                resumed = Some(frame.position);
                break;
            }
            self.cursor += frame::ALIGNMENT;
        }
        let gap = Gap {
            offset,
            octets: self.offset().min(self.end) - offset,
            first_lost: self.last.next(),
            resumed,
        };
        if let Some(position) = resumed {
            self.last = position.previous();
        }
        Ok(Step::Gap(gap))
    }

    /// The frame at the cursor, if its position and group make sense here.
    fn plausible_frame(&mut self) -> io::Result<Option<Brief>> {
        self.fill(frame::HEADER_LEN)?;
        let plausible = frame::peek(self.rest()).is_some_and(|(position, group)| {
            self.last < position && position < self.below && group <= position
        });
        if plausible { self.frame() } else { Ok(None) }
    }

    /// The verified frame at the cursor.
    fn frame(&mut self) -> io::Result<Option<Brief>> {
        self.fill(frame::HEADER_LEN)?;
        let result = match frame::parse(self.rest(), self.seed) {
            Err(FrameError::Short) => {
                self.fill(frame::MAX_FRAME_LEN)?;
                frame::parse(self.rest(), self.seed)
            }
            result => result,
        };
        Ok(result.ok().map(Brief::from))
    }

    fn pass(&mut self, frame: Brief) -> Mark {
        let mark = Mark { position: frame.position, group: frame.group, received_at: frame.received_at };
        self.found = self.cursor;
        self.cursor += frame.len;
        self.last = frame.position;
        mark
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.cursor..).unwrap_or(&[])
    }

    /// Sees to it that `len` octets lie behind the cursor, unless the end is nearer.
    fn fill(&mut self, len: usize) -> io::Result<()> {
        let offset = self.offset();
        let held = self.rest().len();
        let left = usize::try_from(self.end.saturating_sub(offset)).unwrap_or(usize::MAX);
        if held >= len.min(left) {
            return Ok(());
        }
        self.buffer.drain(..self.cursor.min(self.buffer.len()));
        self.buffer_offset = offset;
        self.cursor = 0;
        self.buffer.resize(BUFFER_LEN.min(left), 0);
        let read = self.file.read_salvaging(&mut self.buffer[held..], offset + held as u64)?;
        if held + read < self.buffer.len() {
            // The file is shorter than it should be: nothing more is there to be searched.
            self.end = offset + (held + read) as u64;
        }
        self.buffer.truncate(held + read);
        Ok(())
    }
}

/// What the walk needs of a frame, without borrowing the buffer.
#[derive(Clone, Copy)]
struct Brief {
    position: Position,
    group: Position,
    received_at: Timestamp,
    len: usize,
}

impl From<Frame<'_>> for Brief {
    fn from(frame: Frame<'_>) -> Self {
        Self {
            position: frame.position,
            group: frame.group,
            received_at: frame.record.received_at,
            len: frame.len,
        }
    }
}
