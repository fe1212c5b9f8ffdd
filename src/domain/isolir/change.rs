//! How a live session is brought to the wanted state: what a CoA can carry, and when only a re-dial will do. Pure.
//!
//! RouterOS takes by CoA the rate, Filter-Id and the group, and neither the address list, the pool nor routes: those are
//! read at login alone. What an Accept left out under isolation comes back only with another Accept.

use aaa::directory::{
    SubscriberView,
    entry::{ChangeWay, IsolirProfile, Plan},
};
use radius::{
    attribute::AttributeType,
    compose::{ComposeError, attributes},
    vendor::mikrotik,
};

/// What is to be sent for a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// CoA with these attributes; Disconnect when it is refused.
    Coa(Vec<u8>),
    /// Disconnect: the re-dial picks the wanted state up.
    Disconnect,
    /// Nothing: the router's setting leaves live sessions alone.
    Nothing,
}

/// What a session is brought to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) isolated: bool,
    pub(super) subscriber: SubscriberView<'a>,
    pub(super) plan: &'a Plan,
    pub(super) profile: &'a IsolirProfile,
}

/// The way for a session whose Accept was of `accepted` (isolated or not; `None` when its Class does not tell).
pub(super) fn way(wanted: &Wanted<'_>, accepted: Option<bool>, router: ChangeWay) -> Way {
    match router {
        ChangeWay::None => Way::Nothing,
        ChangeWay::Disconnect => Way::Disconnect,
        ChangeWay::CoaThenDisconnect => match accepted {
            Some(accepted) if coa_suffices(wanted, accepted) => {
                compose(wanted).map_or(Way::Disconnect, |changes| match changes.is_empty() {
                    true => Way::Disconnect,
                    false => Way::Coa(changes),
                })
            }
            _ => Way::Disconnect,
        },
    }
}

fn coa_suffices(wanted: &Wanted<'_>, accepted: bool) -> bool {
    let Wanted { isolated, subscriber, plan, profile } = wanted;
    // A filter or a group walls the session by itself; without either, the wall is the address list or the pool.
    let walls_by_coa = profile.filter.is_some() || profile.group.is_some();
    let walls_by_login = profile.pool.is_some() || profile.address_list.is_some();
    // What an isolated Accept leaves out, and a CoA can neither bring nor take away.
    let nothing_left_out = subscriber.attributes().is_empty()
        && plan.attributes.is_empty()
        && subscriber.routes().next().is_none()
        && subscriber.ipv6_prefix().is_none()
        && subscriber.delegated_ipv6_prefix().is_none()
        && plan.ipv6_pool.is_none()
        && plan.delegated_ipv6_pool.is_none();
    if *isolated {
        // A session that was accepted free has its routes and IPv6 until it ends: they lead around a wall that a CoA builds.
        return (accepted || nothing_left_out)
            && (!walls_by_login || (walls_by_coa && profile.pool.is_none()));
    }
    // What the profile had set must have a value to go back to: CoA can set, not take away.
    let goes_back = (profile.rate_limit.is_none() || plan.rate_limit.is_some())
        && (profile.filter.is_none() || plan.filter.is_some())
        && (profile.group.is_none() || plan.group.is_some());
    if !accepted {
        // Accepted free and isolated since by CoA: only what CoA had changed is to be changed back.
        return goes_back;
    }
    // Accepted isolated: everything that only a login brings must be the same either way.
    goes_back && !walls_by_login && nothing_left_out
}

/// The attributes of the wanted state that RouterOS takes by CoA.
fn compose(wanted: &Wanted<'_>) -> Result<Vec<u8>, ComposeError> {
    let Wanted { isolated, plan, profile, .. } = wanted;
    let pick = |isolir: &Option<Box<str>>, plan: &Option<Box<str>>| {
        let own = if *isolated { isolir.clone() } else { None };
        own.or_else(|| plan.clone())
    };
    let rate_limit = pick(&profile.rate_limit, &plan.rate_limit);
    let group = pick(&profile.group, &plan.group);
    let filter = pick(&profile.filter, &plan.filter);
    let mut buffer = [0; radius::packet::MAX_LENGTH];
    let length = attributes(&mut buffer, |composer| {
        if let Some(rate_limit) = &rate_limit {
            composer.vendor_text(mikrotik::RATE_LIMIT, rate_limit)?;
        }
        if let Some(group) = &group {
            composer.vendor_text(mikrotik::GROUP, group)?;
        }
        if let Some(filter) = &filter {
            composer.text(AttributeType::FILTER_ID, filter)?;
        }
        Ok(())
    })?;
    Ok(buffer.get(..length).unwrap_or_default().to_vec())
}

#[cfg(test)]
mod tests {
    use aaa::directory::{SubscriberHandle, entry};
    use base::{PlanId, SecretBytes, SubscriberId, TenantId, Timestamp};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_334_400_000);

    fn plan() -> Plan {
        Plan {
            id: PlanId::generate(NOW),
            tenant: TenantId::generate(NOW),
            rate_limit: Some("10M/20M".into()),
            pool: Some("pool-pppoe".into()),
            ipv6_pool: None,
            delegated_ipv6_pool: None,
            group: None,
            address_list: None,
            filter: None,
            session_timeout: None,
            idle_timeout: None,
            interim_interval: 300,
            simultaneous: 1,
            hours: Box::default(),
            attributes: Box::default(),
        }
    }

    fn subscriber(plan: &Plan) -> SubscriberHandle {
        SubscriberHandle::pack(&entry_of(plan)).unwrap()
    }

    fn entry_of(plan: &Plan) -> entry::Subscriber {
        entry::Subscriber {
            id: SubscriberId::generate(NOW),
            tenant: plan.tenant,
            plan: plan.id,
            username: (*b"budi").into(),
            password: entry::Password::Clear(SecretBytes::new(b"rahasia".to_vec())),
            standing: entry::Standing::Active,
            expires_at: None,
            overlay: entry::OverlayReasons::default(),
            overlay_generation: 0,
            service: entry::ServiceType::Any,
            mac_lock: entry::MacLock::Off,
            router: None,
            static_address: None,
            ipv6_prefix: None,
            delegated_ipv6_prefix: None,
            routes: Box::default(),
            simultaneous: None,
            attributes: Box::default(),
        }
    }

    fn judge(profile: &IsolirProfile, plan: &Plan, isolated: bool, accepted: Option<bool>) -> Way {
        let subscriber = subscriber(plan);
        let wanted = Wanted { isolated, subscriber: subscriber.view(), plan, profile };
        way(&wanted, accepted, ChangeWay::CoaThenDisconnect)
    }

    #[test]
    fn a_rate_alone_goes_by_coa_both_ways() {
        let profile = IsolirProfile { rate_limit: Some("128k/128k".into()), ..IsolirProfile::default() };
        let Way::Coa(changes) = judge(&profile, &plan(), true, Some(false)) else { panic!("no CoA") };
        // RFC 2865 §5.26: type 26, length, vendor 14988, vendor type 8, vendor length, text.
        assert_eq!(changes[..8], [26, 17, 0, 0, 0x3a, 0x8c, 8, 11]);
        assert_eq!(&changes[8..], b"128k/128k");
        assert!(
            matches!(judge(&profile, &plan(), false, Some(true)), Way::Coa(back) if back.ends_with(b"10M/20M"))
        );
    }

    #[test]
    fn a_wall_that_is_built_at_login_needs_a_redial() {
        let profile = IsolirProfile {
            rate_limit: Some("128k/128k".into()),
            address_list: Some("isolir".into()),
            ..IsolirProfile::default()
        };
        assert_eq!(judge(&profile, &plan(), true, Some(false)), Way::Disconnect);
        assert_eq!(judge(&profile, &plan(), false, Some(true)), Way::Disconnect);
        // With a filter the wall stands at once.
        let profile = IsolirProfile { filter: Some("isolir".into()), ..profile };
        assert!(matches!(judge(&profile, &plan(), true, Some(false)), Way::Coa(_)));
        // But no CoA takes a filter away that the plan has no other for.
        assert_eq!(judge(&profile, &plan(), false, Some(false)), Way::Disconnect);
    }

    #[test]
    fn what_an_isolated_accept_left_out_needs_a_redial() {
        let profile = IsolirProfile { rate_limit: Some("128k/128k".into()), ..IsolirProfile::default() };
        let plan = Plan { ipv6_pool: Some("v6".into()), ..plan() };
        assert_eq!(judge(&profile, &plan, false, Some(true)), Way::Disconnect);
        assert!(matches!(judge(&profile, &plan, false, Some(false)), Way::Coa(_)));
        // The other way it leads around the wall, unless the session never had it.
        assert_eq!(judge(&profile, &plan, true, Some(false)), Way::Disconnect);
        assert!(matches!(judge(&profile, &plan, true, Some(true)), Way::Coa(_)));
    }

    #[test]
    fn what_the_subscriber_alone_has_is_taken_away_by_a_redial() {
        let profile = IsolirProfile { filter: Some("isolir".into()), ..IsolirProfile::default() };
        let plan = Plan { filter: Some("usual".into()), ..plan() };
        let judge = |change: &dyn Fn(&mut entry::Subscriber)| {
            let mut subscriber = entry_of(&plan);
            change(&mut subscriber);
            let subscriber = SubscriberHandle::pack(&subscriber).unwrap();
            let wanted =
                Wanted { isolated: true, subscriber: subscriber.view(), plan: &plan, profile: &profile };
            way(&wanted, Some(false), ChangeWay::CoaThenDisconnect)
        };
        assert!(matches!(judge(&|_| {}), Way::Coa(_)));
        assert_eq!(judge(&|one| one.routes = ["192.0.2.0/29".into()].into()), Way::Disconnect);
        assert_eq!(judge(&|one| one.attributes = [62, 6, 0, 0, 0, 3].into()), Way::Disconnect);
    }

    #[test]
    fn a_session_that_tells_nothing_is_disconnected_and_a_router_may_forbid_both() {
        let profile = IsolirProfile { rate_limit: Some("128k/128k".into()), ..IsolirProfile::default() };
        let plan = plan();
        assert_eq!(judge(&profile, &plan, true, None), Way::Disconnect);
        let subscriber = subscriber(&plan);
        let wanted = Wanted { isolated: true, subscriber: subscriber.view(), plan: &plan, profile: &profile };
        assert_eq!(way(&wanted, Some(false), ChangeWay::None), Way::Nothing);
    }
}
