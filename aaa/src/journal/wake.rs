//! An eventfd that wakes a thread which polls descriptors.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Arc,
};

use rustix::event::{EventfdFlags, eventfd};

/// Wakes whoever polls it. Clones are the same descriptor, so that one may stand for several reasons.
#[derive(Clone, Debug)]
pub struct Wake(Arc<OwnedFd>);

impl Wake {
    /// A fresh one, not readable.
    ///
    /// # Errors
    /// The system has no descriptor or memory left.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)))
    }

    /// Makes it readable.
    pub fn notify(&self) {
        // The only failure is a counter at its limit, and then it is readable already.
        let _ = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }

    /// Makes it unreadable until the next [`Wake::notify`]. Clear first, look at the reasons after.
    pub fn clear(&self) {
        // The only failure is a counter at zero, and then it is unreadable already.
        let _ = rustix::io::read(&*self.0, &mut [0; 8]);
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    #[test]
    fn it_is_readable_from_notify_to_clear() {
        let wake = Wake::new().unwrap();
        let readable = || {
            let mut descriptors = [PollFd::new(&wake, PollFlags::IN)];
            poll(&mut descriptors, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
        };
        assert!(!readable());
        wake.clone().notify();
        wake.notify();
        assert!(readable());
        wake.clear();
        assert!(!readable());
        wake.clear();
    }
}
