//! The daemon's hot path without its database: a directory of numbered subscribers, a journal in a folder, workers.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use aaa::{
    journal::{Journal, Wake},
    net::{Bound, Listen, Running},
};
use anyhow::Context as _;
use base::Clock;
use radius::replay::Limits;
use rustix::event::{PollFd, PollFlags, poll};

use crate::world::{HotPath, World};

/// The receive buffer of each socket, as the daemon asks for.
const RECEIVE_BUFFER: usize = 8 << 20;

/// What is served, and where.
#[derive(Debug)]
pub struct Serve {
    /// Where logins are answered.
    pub authentication: SocketAddr,
    /// Where accounting is answered.
    pub accounting: SocketAddr,
    /// Threads.
    pub workers: usize,
    /// Who may log in.
    pub world: World,
    /// Where the journal is; `None`: in a temporary folder.
    pub journal: Option<PathBuf>,
}

/// The path at work. Dropping it stops the workers and closes the journal.
#[derive(Debug)]
pub struct Serving {
    workers: Option<Running>,
    releaser: Option<(Arc<AtomicBool>, Wake, JoinHandle<()>)>,
    journal: Arc<Journal>,
    /// Where logins are answered.
    pub authentication: SocketAddr,
    /// Where accounting is answered.
    pub accounting: SocketAddr,
    _path: HotPath,
    _folder: Option<tempfile::TempDir>,
}

impl Serve {
    /// Fills the directory and starts the workers.
    ///
    /// # Errors
    /// When an address cannot be listened on or the journal cannot be opened.
    pub fn start(self) -> anyhow::Result<Serving> {
        let clock = Clock::system();
        let temporary = match &self.journal {
            Some(_) => None,
            None => Some(tempfile::tempdir()?),
        };
        let folder = match (&self.journal, &temporary) {
            (Some(folder), _) => folder.clone(),
            (None, Some(folder)) => folder.path().join("journal"),
            (None, None) => PathBuf::from("journal"),
        };
        let path = self.world.build(&folder, &clock).context("filling the directory")?;
        let listen = Listen {
            optional: Vec::new(),
            authentication: vec![self.authentication],
            accounting: vec![self.accounting],
            workers: self.workers,
            receive_buffer: RECEIVE_BUFFER,
            duplicates: Limits::default(),
        };
        let bound = Bound::open(&listen)?;
        let (authentication, accounting) = (bound.authentication()[0], bound.accounting()[0]);
        let journal = Arc::clone(&path.shared.journal);
        let workers = bound.start(&path.shared)?;
        Ok(Serving {
            releaser: Some(release_all(&journal)?),
            workers: Some(workers),
            journal,
            authentication,
            accounting,
            _path: path,
            _folder: temporary,
        })
    }
}

/// In place of a drainer: whatever is durable counts as applied, so that the journal's disk does not fill up.
fn release_all(journal: &Arc<Journal>) -> anyhow::Result<(Arc<AtomicBool>, Wake, JoinHandle<()>)> {
    let (stop, wake) = (Arc::new(AtomicBool::new(false)), Wake::new()?);
    let subscription = journal.subscribe(wake.clone());
    let (journal, stopped, bell) = (Arc::clone(journal), Arc::clone(&stop), wake.clone());
    let thread = thread::Builder::new().name("releaser".into()).spawn(move || {
        let _subscription = subscription;
        while !stopped.load(Ordering::Acquire) {
            // An interruption only makes it look in vain.
            let _ = poll(&mut [PollFd::new(&bell, PollFlags::IN)], None);
            bell.clear();
            journal.release(journal.durable());
        }
    })?;
    Ok((stop, wake, thread))
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.workers.take());
        if let Some((stop, wake, thread)) = self.releaser.take() {
            stop.store(true, Ordering::Release);
            wake.notify();
            // A panic there has been reported; nothing is left to be done about it.
            let _ = thread.join();
        }
        // The folder goes with it, or is somebody's who looks at the journal's own alarms.
        let _ = self.journal.shutdown();
    }
}
