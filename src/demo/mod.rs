//! The demo tenant that the quickstart makes: a router at loopback, four speed plans, 50 subscribers, one of them isolated.
//! A second start finds it and reuses it.

mod people;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base::{Clock, Minor, PlanId, Platform, SaasPlanId, Scope, SecretString, seal::Sealer};
use foundation::{Db, Tx, db};
use radius::dictionary::Dictionary;

use crate::{
    daemon::Opened,
    domain::{
        access::{self, Authority, Cost, NewUser, PasswordPool, Role},
        addon::{self, AddonSpec},
        isolir,
        nas::{self, RouterSpec},
        plan,
        subscriber::{
            self, CustomerChoice, CustomerSpec, Login, NewSubscriber, OverlayReason, ServiceType,
            SubscriberSpec,
        },
        tenant::{
            self, TenantSpec,
            saas_plan::{self, SaasPlanSpec},
        },
        values::Version,
    },
};

/// The super admin's login.
const ADMIN: &str = "admin";

/// The demo tenant's short name.
const SLUG: &str = "demo";

/// The demo router's name.
const ROUTER: &str = "demo-router";

/// Who shows an accept, and who shows an isolated one.
const USERS: (&str, &str) = ("budi001", "sari002");

/// What the demo asks for a unit of each official add-on a month, in rupiah.
const ADDON_PRICES: [(&str, i64); 5] = [
    ("extra_router", 25_000),
    ("extra_user_pack", 50_000),
    ("extra_ODP_maps", 15_000),
    ("extra_client_maps", 30_000),
    ("wa_premium", 99_000),
];

/// Subscribers of one transaction: with customers, audit and change stream below the limit of a transaction's rows.
const CHUNK: usize = 10;

/// What to tell the newcomer.
#[derive(Debug)]
pub struct Welcome {
    /// The super admin's login.
    pub login: String,
    /// Its password, when it was just made: shown once.
    pub password: Option<SecretString>,
    /// The demo router's secret.
    pub secret: SecretString,
    /// A subscriber and its password.
    pub user: (String, SecretString),
    /// An isolated one.
    pub isolated: (String, SecretString),
}

/// The demo tenant can't be made or found.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// There was no database.
    #[error("the quickstart needs its database")]
    NoDatabase,
    /// The demo tenant is there in part: somebody has changed it.
    #[error("the demo tenant lacks {0}; use `rrnetd serve` for data of your own")]
    Changed(&'static str),
    /// A part could not be made.
    #[error("the demo data cannot be stored")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<db::Error> for DemoError {
    fn from(error: db::Error) -> Self {
        Self::Store(Box::new(error))
    }
}

fn store(error: impl std::error::Error + Send + Sync + 'static) -> DemoError {
    DemoError::Store(Box::new(error))
}

/// Makes the super admin and the demo tenant unless they are there, and gathers what to tell.
///
/// # Errors
/// As [`DemoError`] says.
pub async fn prepare(opened: &Opened) -> Result<Welcome, DemoError> {
    if !opened.reached {
        return Err(DemoError::NoDatabase);
    }
    let (db, sealer, clock) = (&opened.db, &opened.keys.sealer, &opened.clock);
    let password = make_admin(db, clock).await?;
    let platform = Platform::system("quickstart", clock.wall());
    let found = tenant::find_by_slug(&mut db.conn().await?, &platform, SLUG).await?;
    let scope = match found {
        Some(tenant) => platform.within(tenant.id),
        None => make_tenant(db, sealer, &platform).await?,
    };
    let mut tx = db.begin().await?;
    let secret = demo_secret(&mut tx, &scope, sealer).await?;
    let user = credentials(&mut tx, &scope, sealer, USERS.0).await?;
    let isolated = credentials(&mut tx, &scope, sealer, USERS.1).await?;
    tx.commit().await?;
    Ok(Welcome { login: ADMIN.to_owned(), password, secret, user, isolated })
}

async fn make_admin(db: &Db, clock: &Clock) -> Result<Option<SecretString>, DemoError> {
    let platform = Platform::system("quickstart", clock.wall());
    if access::platform_has_users(&mut db.conn().await?, &platform).await? {
        return Ok(None);
    }
    let prepared = PasswordPool::new(Cost::STANDARD).map_err(store)?.prepare(None).await.map_err(store)?;
    let mut tx = db.begin().await?;
    let own = Authority::of(Role::SuperAdmin);
    access::create_user(&mut tx, &platform, &own, NewUser::super_admin(ADMIN), &prepared)
        .await
        .map_err(store)?;
    tx.commit().await?;
    Ok(prepared.generated)
}

async fn make_tenant(db: &Db, sealer: &Sealer, platform: &Platform) -> Result<Scope, DemoError> {
    let dictionary = radius::dictionary::builtin::dictionary().map_err(store)?;
    let mut tx = db.begin().await?;
    let plan = make_saas_plan(&mut tx, platform).await?;
    offer_addons(&mut tx, platform).await?;
    let spec = TenantSpec::new("Demo Net", SLUG);
    let made = tenant::create_on_plan(&mut tx, platform, spec, plan).await.map_err(store)?;
    let scope = platform.within(made.id);
    let addresses = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    nas::create(&mut tx, &scope, sealer, RouterSpec::new(ROUTER, addresses), None).await.map_err(store)?;
    let plans = make_plans(&mut tx, &scope, &dictionary).await?;
    tx.commit().await?;
    let people: Vec<(usize, &people::Person)> = people::ALL.iter().enumerate().collect();
    for chunk in people.chunks(CHUNK) {
        let mut tx = db.begin().await?;
        for (number, person) in chunk {
            make_subscriber(&mut tx, &scope, sealer, &dictionary, &plans, *number, person).await?;
        }
        tx.commit().await?;
    }
    Ok(scope)
}

/// The demo tenant's own plan: everything, without limits, so that whoever measures can fill it.
async fn make_saas_plan(tx: &mut Tx, platform: &Platform) -> Result<SaasPlanId, DemoError> {
    if let Some(plan) = saas_plan::find_by_code(tx, platform, SLUG).await? {
        return Ok(plan.id);
    }
    let spec = SaasPlanSpec::unlimited(SLUG, "Demo", Minor::new(750_000));
    Ok(saas_plan::create(tx, platform, spec).await.map_err(store)?.id)
}

/// Prices for the official add-ons that nobody has priced yet, so that there is something to buy.
async fn offer_addons(tx: &mut Tx, platform: &Platform) -> Result<(), DemoError> {
    for (code, price) in ADDON_PRICES {
        let Some(found) = addon::find_by_code(tx, code).await? else { continue };
        if found.archived_at.is_none() || found.version != Version::FIRST {
            continue;
        }
        let spec = AddonSpec { unit_price: Minor::new(price), ..found.spec };
        addon::update(tx, platform, found.id, None, spec).await.map_err(store)?;
        addon::archive(tx, platform, found.id, None, false).await.map_err(store)?;
    }
    Ok(())
}

async fn make_plans(tx: &mut Tx, scope: &Scope, dictionary: &Dictionary) -> Result<Vec<PlanId>, DemoError> {
    let mut plans = Vec::new();
    for (megabits, price) in [(10_u64, 110_000_i64), (20, 165_000), (50, 275_000), (100, 450_000)] {
        let spec = people::plan(megabits, Minor::new(price));
        plans.push(plan::create(tx, scope, dictionary, spec).await.map_err(store)?.id);
    }
    Ok(plans)
}

async fn make_subscriber(
    tx: &mut Tx,
    scope: &Scope,
    sealer: &Sealer,
    dictionary: &Dictionary,
    plans: &[PlanId],
    number: usize,
    person: &people::Person,
) -> Result<(), DemoError> {
    let plan = *plans.get(number % plans.len().max(1)).ok_or(DemoError::Changed("a plan"))?;
    let username = format!("{}{:03}", person.short, number + 1);
    let mut spec = SubscriberSpec::new(username, plan);
    spec.service = ServiceType::Any;
    let customer = CustomerSpec {
        name: person.name.to_owned(),
        address: person.address.to_owned(),
        ..CustomerSpec::default()
    };
    let new = NewSubscriber {
        spec,
        login: Login::Password(None),
        customer: CustomerChoice::New { spec: customer, identity_number: None },
    };
    let created = subscriber::create(tx, scope, sealer, dictionary, new).await.map_err(store)?;
    if created.subscriber.spec.username == USERS.1 {
        let note = "demo: the invoice of last month is open";
        isolir::isolate(tx, scope, created.subscriber.id, OverlayReason::Unpaid, note)
            .await
            .map_err(store)?;
    }
    Ok(())
}

async fn demo_secret(tx: &mut Tx, scope: &Scope, sealer: &Sealer) -> Result<SecretString, DemoError> {
    let router = nas::names(tx, scope).await?.remove(ROUTER).ok_or(DemoError::Changed("its router"))?;
    nas::reveal_secret(tx, scope, sealer, router).await.map_err(store)
}

async fn credentials(
    tx: &mut Tx,
    scope: &Scope,
    sealer: &Sealer,
    username: &str,
) -> Result<(String, SecretString), DemoError> {
    let found = subscriber::find_by_username(tx, scope, username).await?;
    let found = found.ok_or(DemoError::Changed("the subscribers that the examples use"))?;
    let password = subscriber::reveal_password(tx, scope, sealer, found.id).await.map_err(store)?;
    Ok((username.to_owned(), password.ok_or(DemoError::Changed("a password"))?))
}
