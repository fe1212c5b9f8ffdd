//! Which kinds of jobs this node can do, and who does them.

use std::{collections::BTreeMap, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use serde_json::Value;

use super::{Backoff, Job, JobContext, JobError};

/// Does the jobs of one kind. Holds what it needs beside the database.
pub trait Work<J: Job>: Send + Sync + 'static {
    /// Runs once. May be dropped at any await: at the end of its time, of the lease, or of the daemon.
    fn run(&self, job: J, context: &JobContext) -> impl Future<Output = Result<(), JobError>> + Send;
}

type Run = Box<dyn Fn(Value, JobContext) -> Running + Send + Sync>;
pub(super) type Running = Pin<Box<dyn Future<Output = Result<(), JobError>> + Send>>;

/// What is known of a kind.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) version: i64,
    pub(super) backoff: Backoff,
    pub(super) time_limit: Duration,
    pub(super) run: Run,
}

/// The kinds that this node can do.
#[derive(Default)]
pub struct Registry {
    kinds: BTreeMap<&'static str, Kind>,
}

/// Two kinds have one name: a defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("two kinds of jobs are named {0}")]
pub struct RegistryError(&'static str);

impl Registry {
    /// One that knows no kind.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets `worker` do the jobs of kind `J`.
    ///
    /// # Errors
    /// When the kind is known already.
    pub fn register<J: Job>(&mut self, worker: impl Work<J>) -> Result<(), RegistryError> {
        let worker = Arc::new(worker);
        let run: Run = Box::new(move |args, context| {
            let worker = Arc::clone(&worker);
            Box::pin(async move {
                // Arguments that were written can be read, unless a defect changed their form without a version.
                let job = serde_json::from_value(args).map_err(JobError::fatal)?;
                worker.run(job, &context).await
            })
        });
        let kind =
            Kind { name: J::KIND, version: J::VERSION, backoff: J::BACKOFF, time_limit: J::TIME_LIMIT, run };
        match self.kinds.insert(J::KIND, kind) {
            Some(_) => Err(RegistryError(J::KIND)),
            None => Ok(()),
        }
    }

    /// Their names, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.kinds.keys().copied()
    }

    pub(super) fn find(&self, name: &str) -> Option<&Kind> {
        self.kinds.get(name)
    }

    /// The waits of a kind; of one that is not known here, the usual ones.
    pub(super) fn backoff(&self, name: &str) -> Backoff {
        self.find(name).map_or(Backoff::DEFAULT, |kind| kind.backoff)
    }

    /// The name for metrics: kinds that are not known here share one.
    pub(super) fn label(&self, name: &str) -> &'static str {
        self.find(name).map_or("other", |kind| kind.name)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.kinds.keys()).finish()
    }
}
