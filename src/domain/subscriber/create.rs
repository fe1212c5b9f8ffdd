//! Making a subscriber.

use base::{CustomerId, Scope, SecretString, SubscriberId, seal::Sealer};
use foundation::{Tx, audit, db};
use radius::dictionary::Dictionary;

use super::{
    super::{
        nas, plan,
        tenant::limit::{self, Limit, LimitReached, TakeError},
        values::{Attributes, Entry, Invalid, Version},
    },
    Customer, CustomerError, CustomerSpec, OverlayReasons, Status, Subscriber, SubscriberCreated,
    SubscriberSpec, customer, password, store,
    store::subscriber::Taken,
    username,
};

/// How a subscriber shows who it is.
#[derive(Clone, Debug)]
pub enum Login {
    /// By a password; without one, we make it.
    Password(Option<SecretString>),
    /// By its hardware address, which is its user name, and by nothing else.
    HardwareAddress,
}

/// Who pays for it.
#[derive(Clone, Debug)]
pub enum CustomerChoice {
    /// One who is there.
    Existing(CustomerId),
    /// A new one.
    New {
        /// Who.
        spec: CustomerSpec,
        /// The number of the identity card.
        identity_number: Option<SecretString>,
    },
}

/// A subscriber to be.
#[derive(Clone, Debug)]
pub struct NewSubscriber {
    /// What is wanted.
    pub spec: SubscriberSpec,
    /// How it shows who it is.
    pub login: Login,
    /// Who pays.
    pub customer: CustomerChoice,
}

/// A subscriber that was just made.
#[derive(Clone, Debug)]
pub struct Created {
    /// The subscriber.
    pub subscriber: Subscriber,
    /// The customer, when it is new.
    pub customer: Option<Customer>,
    /// The password, when we made it.
    pub generated_password: Option<SecretString>,
}

/// Why a subscriber cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// A value cannot be accepted.
    #[error("the subscriber cannot be accepted")]
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
    /// There is no such customer.
    #[error("there is no such customer")]
    UnknownCustomer,
    /// The tenant has as many subscribers as it may have.
    #[error(transparent)]
    LimitReached(#[from] LimitReached),
    /// The database refused.
    #[error("the subscriber cannot be stored")]
    Database(#[from] db::Error),
}

impl From<TakeError> for CreateError {
    fn from(error: TakeError) -> Self {
        match error {
            TakeError::Reached(reached) => Self::LimitReached(reached),
            TakeError::Database(error) => Self::Database(error),
        }
    }
}

/// Makes a subscriber, and its customer unless that is given.
///
/// # Errors
/// As [`CreateError`] says.
pub async fn create(
    tx: &mut Tx,
    scope: &Scope,
    sealer: &Sealer,
    dictionary: &Dictionary,
    new: NewSubscriber,
) -> Result<Created, CreateError> {
    let NewSubscriber { spec, login, customer } = new;
    limit::take(tx, scope, Limit::Subscribers, 1).await?;
    hold_references(tx, scope, &spec).await?;
    let (customer_id, customer) = match customer {
        CustomerChoice::Existing(id) => match store::customer::find(tx, scope, id).await? {
            Some(customer) => (customer.id, None),
            None => return Err(CreateError::UnknownCustomer),
        },
        CustomerChoice::New { spec, identity_number } => {
            let made = customer::create_customer(tx, scope, sealer, spec, identity_number).await;
            let made = made.map_err(|error| match error {
                CustomerError::Invalid(invalid) => CreateError::Invalid(invalid.within("customer")),
                CustomerError::Database(error) => CreateError::Database(error),
                CustomerError::NotFound | CustomerError::Stale(_) | CustomerError::Sealed(_) => {
                    CreateError::UnknownCustomer
                }
            })?;
            (made.id, Some(made))
        }
    };
    let prepared = prepare(scope, sealer, dictionary, spec, login, customer_id)?;
    if !store::subscriber::insert(tx, scope, &prepared.row()).await? {
        let spec = &prepared.subscriber.spec;
        let taken = store::subscriber::taken(tx, scope, None, &spec.username, spec.static_address).await?;
        return Err(match taken {
            Some(Taken::StaticAddress) => CreateError::AddressTaken,
            Some(Taken::Username) | None => CreateError::UsernameTaken,
        });
    }
    tell(tx, scope, &prepared.subscriber, "subscriber.create");
    let Prepared { subscriber, generated_password, .. } = prepared;
    Ok(Created { subscriber, customer, generated_password })
}

/// Leaves word of a new subscriber.
pub(super) fn tell(tx: &mut Tx, scope: &Scope, subscriber: &Subscriber, act: &'static str) {
    tx.publish(scope, &SubscriberCreated { subscriber: subscriber.id });
    tx.audit(scope, audit::Entry::new(act, "subscriber", subscriber.id).after(subscriber));
    tx.changed(scope, Entry::Subscriber(subscriber.id).into());
}

/// Makes sure that plan and router are there until the commit.
pub(super) async fn hold_references(
    tx: &mut Tx,
    scope: &Scope,
    spec: &SubscriberSpec,
) -> Result<(), CreateError> {
    plan::hold(tx, scope, spec.plan).await.map_err(|error| match error {
        plan::LoadError::Database(error) => CreateError::Database(error),
        plan::LoadError::NotFound | plan::LoadError::Invalid(_) => CreateError::UnknownPlan,
    })?;
    if let Some(router) = spec.router {
        nas::hold(tx, scope, router).await.map_err(|error| match error {
            nas::LoadError::Database(error) => CreateError::Database(error),
            nas::LoadError::NotFound | nas::LoadError::Invalid(_) => CreateError::UnknownRouter,
        })?;
    }
    Ok(())
}

/// A subscriber that is ready to be stored.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) subscriber: Subscriber,
    pub(super) composed_attributes: Vec<u8>,
    pub(super) sealed_password: Option<Vec<u8>>,
    pub(super) generated_password: Option<SecretString>,
}

impl Prepared {
    /// As it is stored.
    pub(super) fn row(&self) -> store::subscriber::NewRow<'_> {
        store::subscriber::NewRow {
            subscriber: &self.subscriber,
            password: self.sealed_password.as_deref(),
            composed_attributes: &self.composed_attributes,
        }
    }
}

/// Checks, composes and seals; asks no database.
pub(super) fn prepare(
    scope: &Scope,
    sealer: &Sealer,
    dictionary: &Dictionary,
    spec: SubscriberSpec,
    login: Login,
    customer: CustomerId,
) -> Result<Prepared, Invalid> {
    let mut spec = spec;
    if matches!(login, Login::HardwareAddress) {
        spec.username = username::hardware_username(&spec.username)?;
    }
    let spec = spec.validated()?;
    let attributes = Attributes::compose(dictionary, spec.attributes.clone())?;
    let id = SubscriberId::generate(scope.now());
    let chosen = password::choose(login)?;
    Ok(Prepared {
        sealed_password: chosen.password.as_ref().map(|it| password::seal(sealer, scope.tenant(), id, it)),
        generated_password: chosen.password.filter(|_| chosen.generated),
        composed_attributes: attributes.composed,
        subscriber: Subscriber {
            id,
            customer,
            hardware_login: !chosen.has_password,
            spec,
            status: Status::Active,
            overlay: OverlayReasons::default(),
            overlay_generation: 0,
            version: Version::FIRST,
            created_at: scope.now(),
            updated_at: scope.now(),
        },
    })
}
