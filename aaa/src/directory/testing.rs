//! Entries for tests, plain and random.

use std::{net::Ipv4Addr, time::Duration};

use base::{MacAddress, PlanId, RouterId, SecretBytes, SubscriberId, TenantId, Timestamp};
use proptest::{collection::vec, option, prelude::*};
use radius::secret::SharedSecret;

use super::entry::{
    ChangeWay, IsolirProfile, MacLock, MessageAuthenticatorPolicy, OctetDirection, OverlayReasons, Password,
    Plan, Router, ServiceType, Standing, Subscriber, Tenant,
};

/// The octets of the id with that number.
pub(super) fn octets(number: u32) -> [u8; 16] {
    let mut octets = [0xa5; 16];
    octets[12..].copy_from_slice(&number.to_be_bytes());
    octets
}

/// A tenant with that number and nothing set.
pub(super) fn tenant(number: u32) -> Tenant {
    Tenant {
        id: TenantId::from_bytes(octets(number)),
        zone: jiff::tz::TimeZone::get("Asia/Jakarta").unwrap(),
        realm: None,
        isolir: IsolirProfile::default(),
        stopped: false,
    }
}

/// A plan of tenant 1 with everything set.
pub(super) fn plan(number: u32) -> Plan {
    Plan {
        id: PlanId::from_bytes(octets(number)),
        tenant: TenantId::from_bytes(octets(1)),
        rate_limit: Some("10M/20M".into()),
        pool: Some("pool".into()),
        ipv6_pool: Some("pool6".into()),
        delegated_ipv6_pool: Some("pd".into()),
        group: Some("group".into()),
        address_list: Some("list".into()),
        filter: Some("".into()),
        session_timeout: Some(86_400),
        idle_timeout: Some(600),
        interim_interval: 300,
        simultaneous: 2,
        hours: [(0, 600), (700, 10_080)].into(),
        attributes: [26, 3, 1].into(),
    }
}

/// A router of tenant 1 at `addresses`.
pub(super) fn router(number: u32, addresses: &[&str]) -> Router {
    Router {
        id: RouterId::from_bytes(octets(number)),
        tenant: TenantId::from_bytes(octets(1)),
        name: format!("router {number}").into(),
        addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        secret: SharedSecret::new(format!("secret {number}").as_bytes()).unwrap(),
        message_authenticator: MessageAuthenticatorPolicy::Off,
        reject_delay: Duration::from_millis(200),
        octets: OctetDirection::InputIsDownload,
        change_way: ChangeWay::Disconnect,
        dynauth_address: Some("2001:db8::9".parse().unwrap()),
        dynauth_port: 3_799,
        dynauth_event_timestamp: true,
    }
}

/// A subscriber of tenant 1 with nothing optional set.
pub(super) fn subscriber(number: u32, username: &str) -> Subscriber {
    Subscriber {
        id: SubscriberId::from_bytes(octets(number)),
        tenant: TenantId::from_bytes(octets(1)),
        plan: PlanId::from_bytes(octets(1)),
        username: username.as_bytes().into(),
        password: Password::Clear(SecretBytes::new(b"secret".to_vec())),
        standing: Standing::Active,
        expires_at: None,
        overlay: OverlayReasons::default(),
        overlay_generation: 0,
        service: ServiceType::Any,
        mac_lock: MacLock::Off,
        router: None,
        static_address: None,
        ipv6_prefix: None,
        delegated_ipv6_prefix: None,
        routes: [].into(),
        simultaneous: None,
        attributes: [].into(),
    }
}

/// Any subscriber at all.
pub(super) fn any_subscriber() -> impl Strategy<Value = Subscriber> {
    let password = prop_oneof![
        Just(Password::HardwareAddress),
        vec(any::<u8>(), 0..130).prop_map(|octets| Password::Clear(SecretBytes::new(octets))),
    ];
    let standing = prop_oneof![Just(Standing::Active), Just(Standing::Suspended), Just(Standing::Ended)];
    let service = prop_oneof![Just(ServiceType::Ppp), Just(ServiceType::Hotspot), Just(ServiceType::Any)];
    let mac = any::<[u8; 6]>().prop_map(MacAddress::from_octets);
    let mac_lock = prop_oneof![
        Just(MacLock::Off),
        Just(MacLock::Learn),
        vec(mac, 0..4).prop_map(|locked| MacLock::To(locked.into())),
    ];
    let prefix = || option::of((any::<u128>().prop_map(Into::into), 0..=128_u8));
    let ids = (0..1_000_u32, 0..3_u32, 0..9_u32);
    let named = (vec(any::<u8>(), 1..=253), password, standing, option::of(any::<i64>()));
    let overlay = (any::<u8>().prop_map(OverlayReasons), any::<u32>(), service, mac_lock);
    let network = (
        option::of(any::<[u8; 16]>().prop_map(RouterId::from_bytes)),
        option::of(any::<u32>().prop_map(Ipv4Addr::from)),
        prefix(),
        prefix(),
    );
    let rest = (vec(".{0,30}".prop_map(Box::from), 0..4), option::of(any::<u16>()), vec(any::<u8>(), 0..300));
    (ids, named, overlay, network, rest).prop_map(|(ids, named, overlay, network, rest)| Subscriber {
        id: SubscriberId::from_bytes(octets(ids.0)),
        tenant: TenantId::from_bytes(octets(ids.1)),
        plan: PlanId::from_bytes(octets(ids.2)),
        username: named.0.into(),
        password: named.1,
        standing: named.2,
        expires_at: named.3.map(Timestamp::from_millis),
        overlay: overlay.0,
        overlay_generation: overlay.1,
        service: overlay.2,
        mac_lock: overlay.3,
        router: network.0,
        static_address: network.1,
        ipv6_prefix: network.2,
        delegated_ipv6_prefix: network.3,
        routes: rest.0.into(),
        simultaneous: rest.1,
        attributes: rest.2.into(),
    })
}
