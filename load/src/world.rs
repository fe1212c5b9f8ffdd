//! A directory of numbered subscribers, as an ISP of that size would have it, and the path over it: for benches and for
//! [`serve`](crate::serve), without a database.

use std::{net::IpAddr, path::Path, sync::Arc, time::Duration};

use aaa::{
    directory::{
        Directory, DirectoryWriter, HashKey,
        entry::{
            ChangeWay, IsolirProfile, MacLock, MessageAuthenticatorPolicy, OctetDirection, OverlayReasons,
            Password, Plan, Router, ServiceType, Standing, Subscriber, Tenant,
        },
    },
    journal::{self, Journal},
    live::Live,
    net::Shared,
    policy::{ClassKey, Policy, Settings},
};
use base::{Clock, DatabaseId, PlanId, RouterId, SecretBytes, SubscriberId, TenantId};
use radius::secret::SharedSecret;

use crate::population::{User, address_of, mac_of};

/// Speed plans of the one tenant.
const PLANS: u32 = 4;

/// The most journal that is kept once it was released: the disk of a bench is not to fill up.
const KEPT_OCTETS: u64 = 256 << 20;

/// How a world is made.
#[derive(Clone, Debug)]
pub struct World {
    /// How many subscribers there are, [`User::numbered`] from 0: 30 % locked to their hardware, 20 % with a static address.
    pub subscribers: u32,
    /// The addresses of the one tenant's routers.
    pub routers: Vec<IpAddr>,
    /// The secret of all of them.
    pub secret: SharedSecret,
    /// How many sessions a subscriber may have at once; 0: as many as it likes.
    pub simultaneous: u16,
}

/// The hot path over a world.
#[derive(Debug)]
pub struct HotPath {
    /// What the workers share.
    pub shared: Shared,
    /// The directory.
    pub directory: Arc<Directory>,
    /// Keeps it writable.
    pub writer: DirectoryWriter,
    /// Live sessions.
    pub live: Arc<Live>,
}

impl World {
    /// Fills a directory, and builds the path over it with a journal in `folder`.
    ///
    /// # Errors
    /// When a subscriber does not fit, the journal cannot be opened or there is no randomness.
    pub fn build(&self, folder: &Path, clock: &Clock) -> anyhow::Result<HotPath> {
        let (directory, mut writer) = Directory::create(HashKey::new(random()?));
        let mut loader = writer.loader(self.subscribers as usize);
        loader.tenant(tenant());
        for number in 0..PLANS {
            loader.plan(self.plan(number));
        }
        for (number, address) in (0..).zip(&self.routers) {
            loader.router(self.router(number, *address));
        }
        for number in 0..self.subscribers {
            loader.subscriber(&subscriber(number))?;
        }
        writer.replace(loader, clock.wall());
        let live = Arc::new(Live::new(random()?));
        let settings = Settings {
            class_key: ClassKey::new(random()?),
            chargeable_user_identity: false,
            throttle_key: random()?,
        };
        let policy = Arc::new(Policy::new(Arc::clone(&directory), Arc::clone(&live), settings));
        let mut config = journal::Config::new(folder, DatabaseId::from_bytes([1; 16]));
        config.keep_octets = KEPT_OCTETS;
        let journal = Arc::new(Journal::open(config, clock.clone())?);
        Ok(HotPath { shared: Shared { policy, journal, clock: clock.clone() }, directory, writer, live })
    }

    fn plan(&self, number: u32) -> Plan {
        let megabits = 10 * (number + 1);
        Plan {
            id: PlanId::from_bytes(id_octets(number)),
            tenant: tenant_id(),
            rate_limit: Some(format!("{megabits}M/{megabits}M").into()),
            pool: Some("pppoe-pool".into()),
            ipv6_pool: None,
            delegated_ipv6_pool: None,
            group: None,
            address_list: None,
            filter: None,
            session_timeout: None,
            idle_timeout: None,
            interim_interval: 300,
            simultaneous: self.simultaneous,
            hours: [].into(),
            attributes: [].into(),
        }
    }

    fn router(&self, number: u32, address: IpAddr) -> Router {
        Router {
            id: RouterId::from_bytes(id_octets(number)),
            tenant: tenant_id(),
            name: format!("router {number}").into(),
            addresses: [address].into(),
            secret: self.secret.clone(),
            message_authenticator: MessageAuthenticatorPolicy::Required,
            reject_delay: Duration::from_millis(200),
            octets: OctetDirection::InputIsUpload,
            change_way: ChangeWay::CoaThenDisconnect,
            dynauth_address: None,
            dynauth_port: 3_799,
            dynauth_event_timestamp: false,
        }
    }
}

fn tenant() -> Tenant {
    Tenant {
        id: tenant_id(),
        zone: jiff::tz::TimeZone::UTC,
        realm: None,
        isolir: IsolirProfile::default(),
        stopped: false,
    }
}

/// Subscriber `number` of the world.
#[must_use]
pub fn subscriber(number: u32) -> Subscriber {
    let user = User::numbered(number);
    let is_locked = number % 10 < 3;
    Subscriber {
        id: SubscriberId::from_bytes(id_octets(number)),
        tenant: tenant_id(),
        plan: PlanId::from_bytes(id_octets(number % PLANS)),
        username: user.name.as_bytes().into(),
        password: Password::Clear(SecretBytes::new(user.password.as_bytes().to_vec())),
        standing: Standing::Active,
        expires_at: None,
        overlay: OverlayReasons::default(),
        overlay_generation: 0,
        service: ServiceType::Ppp,
        mac_lock: if is_locked { MacLock::To([mac_of(number)].into()) } else { MacLock::Off },
        router: None,
        static_address: number.is_multiple_of(5).then(|| address_of(number)),
        ipv6_prefix: None,
        delegated_ipv6_prefix: None,
        routes: [].into(),
        simultaneous: None,
        attributes: [].into(),
    }
}

const fn tenant_id() -> TenantId {
    TenantId::from_bytes([0x7e; 16])
}

fn id_octets(number: u32) -> [u8; 16] {
    let mut octets = [0x5a; 16];
    octets[..4].copy_from_slice(&number.to_be_bytes());
    octets
}

fn random() -> anyhow::Result<[u8; 16]> {
    let mut octets = [0; 16];
    getrandom::fill(&mut octets)?;
    Ok(octets)
}
