//! Who reacts to events.

use std::{any::Any, error::Error as StdError, fmt, pin::Pin};

use base::Scope;

use super::{Envelope, Event};
use crate::Tx;

/// Reacts to events for good: every event of its kinds reaches it, in order for each tenant, at least once.
///
/// It changes rows of its own domain or enqueues jobs, in the transaction that moves its place in the stream, and awaits
/// nothing but the database: on SQLite all other writers wait meanwhile. When it fails or panics, that tenant waits
/// for it alone, and it is tried again until it succeeds or an operator skips the event.
///
/// ```text
/// impl Subscriber for OrderDisconnects {
///     const NAME: &'static str = "isolir.order_disconnects";
///     const KINDS: &'static [Kind] = &[Kind::of::<SubscriberSuspended>()];
///     async fn handle(&self, tx: &mut Tx, scope: &Scope, envelope: &Envelope) -> Result<(), Failure> {
///         let Some(event) = envelope.read::<SubscriberSuspended>()? else { return Ok(()) };
///         …
///     }
/// }
/// ```
pub trait Subscriber: Send + Sync + 'static {
    /// Its name for ever, `domain.what_it_does`: its place in every stream is kept under it.
    const NAME: &'static str;
    /// What it wants, each with the newest version that it can read. What is of no such kind is passed over. In front of a
    /// newer version it waits for a daemon that knows it.
    const KINDS: &'static [Kind];
    /// Where it begins in the streams that are there before it is.
    const START: Start = Start::Head;

    /// Reacts to one event of its kinds. The scope is its own act within the event's tenant, now.
    ///
    /// # Errors
    /// Everything that it wrote is undone, and the event is tried again.
    fn handle(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        envelope: &Envelope,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// A kind of events, and the newest form of it that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// [`Event::KIND`].
    pub name: &'static str,
    /// [`Event::VERSION`].
    pub version: i64,
}

impl Kind {
    /// The kind of `E`.
    #[must_use]
    pub const fn of<E: Event>() -> Self {
        Self { name: E::KIND, version: E::VERSION }
    }
}

/// Where a new subscriber begins in the streams that are there before it is. Streams that begin later it gets whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the first event that is still kept: it needs all of the past.
    Beginning,
    /// At the next event: the past is none of its business.
    Head,
}

/// Why a subscriber could not react. Any error becomes one.
pub struct Failure(Box<dyn StdError + Send + Sync>);

impl<E: StdError + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl Failure {
    /// What a panic said.
    pub(super) fn panicked(payload: &(dyn Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied());
        Panicked(text.unwrap_or("no message").to_owned()).into()
    }
}

impl fmt::Display for Failure {
    /// The error and what is behind it, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("panicked: {0}")]
struct Panicked(String);

/// All subscribers of a daemon, in the order in which they are asked.
#[derive(Default)]
pub struct Subscribers(Vec<Box<dyn Registered>>);

impl Subscribers {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// And this one.
    ///
    /// # Panics
    /// When another one has its name: two would move one cursor.
    #[must_use]
    pub fn with<S: Subscriber>(mut self, subscriber: S) -> Self {
        assert!(self.iter().all(|other| other.name() != S::NAME), "two subscribers are named {}", S::NAME);
        self.0.push(Box::new(subscriber));
        self
    }

    /// Their names, each with the kinds that it wants.
    pub fn names(&self) -> impl Iterator<Item = (&'static str, &'static [Kind])> {
        self.iter().map(|subscriber| (subscriber.name(), subscriber.kinds()))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &dyn Registered> {
        self.0.iter().map(AsRef::as_ref)
    }
}

impl fmt::Debug for Subscribers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names().map(|(name, _)| name)).finish()
    }
}

/// What comes of an event for a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interest {
    /// None of its kinds.
    None,
    /// It is to be handled.
    Wanted,
    /// Of its kinds, and newer than it knows.
    Newer,
}

/// A [`Subscriber`] as the dispatcher holds it.
pub(super) trait Registered: Send + Sync {
    fn name(&self) -> &'static str;
    fn kinds(&self) -> &'static [Kind];
    fn start(&self) -> Start;
    fn handle<'a>(
        &'a self,
        tx: &'a mut Tx,
        scope: &'a Scope,
        envelope: &'a Envelope,
    ) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

    fn interest(&self, envelope: &Envelope) -> Interest {
        match self.kinds().iter().find(|kind| kind.name == envelope.kind) {
            None => Interest::None,
            Some(kind) if envelope.version > kind.version => Interest::Newer,
            Some(_) => Interest::Wanted,
        }
    }
}

impl<S: Subscriber> Registered for S {
    fn name(&self) -> &'static str {
        S::NAME
    }

    fn kinds(&self) -> &'static [Kind] {
        S::KINDS
    }

    fn start(&self) -> Start {
        S::START
    }

    fn handle<'a>(
        &'a self,
        tx: &'a mut Tx,
        scope: &'a Scope,
        envelope: &'a Envelope,
    ) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>> {
        Box::pin(Subscriber::handle(self, tx, scope, envelope))
    }
}
