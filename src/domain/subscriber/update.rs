//! Changing a subscriber. Nothing here touches the overlay: an isolated subscriber stays isolated whatever is changed.

use base::{PlanId, Scope, SubscriberId};
use foundation::{Tx, audit, db, event::Event};
use radius::dictionary::Dictionary;

use super::{
    super::{
        tenant::limit::{self, Limit},
        values::{Attributes, Entry, Invalid, Stale, Version},
    },
    CreateError, Status, Subscriber, SubscriberEnded, SubscriberPlanChanged, SubscriberResumed,
    SubscriberSpec, SubscriberSuspended,
    create::hold_references,
    store,
    store::subscriber::Taken,
    username,
};

/// Why a subscriber cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// There is no such subscriber.
    #[error("there is no such subscriber")]
    NotFound,
    /// Changed since the caller read it.
    #[error("the subscriber was changed meanwhile")]
    Stale(#[from] Stale),
    /// A value cannot be accepted.
    #[error("the change cannot be accepted")]
    Invalid(#[from] Invalid),
    /// The tenant has a subscriber of this name.
    #[error("the user name is taken")]
    UsernameTaken,
    /// Another subscriber has the static address.
    #[error("another subscriber has the static address")]
    AddressTaken,
    /// There is no such plan.
    #[error("there is no such plan")]
    UnknownPlan,
    /// There is no such router.
    #[error("there is no such router")]
    UnknownRouter,
    /// The service is over; it cannot be suspended or resumed.
    #[error("the subscriber's service has ended")]
    Ended,
    /// The database refused.
    #[error("the subscriber cannot be stored")]
    Database(#[from] db::Error),
}

impl From<CreateError> for UpdateError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Invalid(invalid) => Self::Invalid(invalid),
            CreateError::UsernameTaken => Self::UsernameTaken,
            CreateError::AddressTaken => Self::AddressTaken,
            CreateError::UnknownPlan => Self::UnknownPlan,
            CreateError::UnknownRouter => Self::UnknownRouter,
            // Neither comes of changing one that is there.
            CreateError::UnknownCustomer | CreateError::LimitReached(_) => Self::NotFound,
            CreateError::Database(error) => Self::Database(error),
        }
    }
}

/// Changes what is wanted of a subscriber.
///
/// # Errors
/// As [`UpdateError`] says.
pub async fn update(
    tx: &mut Tx,
    scope: &Scope,
    dictionary: &Dictionary,
    id: SubscriberId,
    seen: Option<Version>,
    spec: SubscriberSpec,
) -> Result<Subscriber, UpdateError> {
    let before = load(tx, scope, id, seen).await?;
    let mut spec = spec;
    if before.hardware_login {
        spec.username = username::hardware_username(&spec.username)?;
    }
    let spec = spec.validated()?;
    if spec == before.spec {
        return Ok(before);
    }
    let attributes = Attributes::compose(dictionary, spec.attributes.clone())?;
    if spec.plan != before.spec.plan || spec.router != before.spec.router {
        hold_references(tx, scope, &spec).await?;
    }
    match store::subscriber::taken(tx, scope, Some(id), &spec.username, spec.static_address).await? {
        Some(Taken::Username) => return Err(UpdateError::UsernameTaken),
        Some(Taken::StaticAddress) => return Err(UpdateError::AddressTaken),
        None => {}
    }
    let after = next(&before, scope, |subscriber| subscriber.spec = spec);
    store::subscriber::update(tx, scope, &after, &attributes.composed, before.version).await?;
    if after.spec.plan != before.spec.plan {
        let event = SubscriberPlanChanged { subscriber: id, from: before.spec.plan, to: after.spec.plan };
        tx.publish(scope, &event);
    }
    tell(tx, scope, "subscriber.update", &before, &after);
    Ok(after)
}

/// Gives a subscriber another plan.
///
/// # Errors
/// As [`UpdateError`] says.
pub async fn change_plan(
    tx: &mut Tx,
    scope: &Scope,
    id: SubscriberId,
    seen: Option<Version>,
    plan: PlanId,
) -> Result<Subscriber, UpdateError> {
    let before = load(tx, scope, id, seen).await?;
    if before.spec.plan == plan {
        return Ok(before);
    }
    let after = next(&before, scope, |subscriber| subscriber.spec.plan = plan);
    hold_references(tx, scope, &after.spec).await?;
    store::subscriber::set_plan(tx, scope, &after, before.version).await?;
    tx.publish(scope, &SubscriberPlanChanged { subscriber: id, from: before.spec.plan, to: plan });
    tell(tx, scope, "subscriber.change_plan", &before, &after);
    Ok(after)
}

/// Keeps a subscriber from logging in. Doing it twice does no harm.
///
/// # Errors
/// As [`UpdateError`] says.
pub async fn suspend(
    tx: &mut Tx,
    scope: &Scope,
    id: SubscriberId,
    seen: Option<Version>,
) -> Result<Subscriber, UpdateError> {
    let event = SubscriberSuspended { subscriber: id };
    set_status(tx, scope, id, seen, Status::Suspended, "subscriber.suspend", &event).await
}

/// Lets a suspended subscriber log in again. Doing it twice does no harm.
///
/// # Errors
/// As [`UpdateError`] says.
pub async fn resume(
    tx: &mut Tx,
    scope: &Scope,
    id: SubscriberId,
    seen: Option<Version>,
) -> Result<Subscriber, UpdateError> {
    let event = SubscriberResumed { subscriber: id };
    set_status(tx, scope, id, seen, Status::Active, "subscriber.resume", &event).await
}

/// Ends a subscriber's service for good: it keeps its name and its past, never logs in again, and takes no place of the
/// tenant's limit any more.
///
/// # Errors
/// As [`UpdateError`] says.
pub async fn end(
    tx: &mut Tx,
    scope: &Scope,
    id: SubscriberId,
    seen: Option<Version>,
) -> Result<Subscriber, UpdateError> {
    let event = SubscriberEnded { subscriber: id };
    set_status(tx, scope, id, seen, Status::Ended, "subscriber.end", &event).await
}

async fn set_status<E: Event>(
    tx: &mut Tx,
    scope: &Scope,
    id: SubscriberId,
    seen: Option<Version>,
    status: Status,
    act: &'static str,
    event: &E,
) -> Result<Subscriber, UpdateError> {
    let before = load(tx, scope, id, seen).await?;
    if before.status == status {
        return Ok(before);
    }
    if before.status == Status::Ended {
        return Err(UpdateError::Ended);
    }
    if status == Status::Ended {
        limit::give_back(tx, scope, Limit::Subscribers, 1).await?;
    }
    let after = next(&before, scope, |subscriber| subscriber.status = status);
    store::subscriber::set_status(tx, scope, &after, before.version).await?;
    tx.publish(scope, event);
    tell(tx, scope, act, &before, &after);
    Ok(after)
}

async fn load(
    tx: &mut Tx,
    scope: &Scope,
    id: SubscriberId,
    seen: Option<Version>,
) -> Result<Subscriber, UpdateError> {
    let subscriber = store::subscriber::find(tx, scope, id).await?.ok_or(UpdateError::NotFound)?;
    subscriber.version.expect(seen)?;
    Ok(subscriber)
}

fn next(before: &Subscriber, scope: &Scope, change: impl FnOnce(&mut Subscriber)) -> Subscriber {
    let mut after = Subscriber { version: before.version.next(), updated_at: scope.now(), ..before.clone() };
    change(&mut after);
    after
}

fn tell(tx: &mut Tx, scope: &Scope, act: &'static str, before: &Subscriber, after: &Subscriber) {
    tx.audit(scope, audit::Entry::new(act, "subscriber", after.id).before(before).after(after));
    tx.changed(scope, Entry::Subscriber(after.id).into());
}
