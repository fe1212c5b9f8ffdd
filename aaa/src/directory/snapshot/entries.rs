//! The entries of the directory as bodies of items.

use std::time::Duration;

use base::{PlanId, RouterId, SubscriberId, TenantId};
use jiff::tz::{Offset, TimeZone};
use radius::secret::SharedSecret;

use super::octets::{Compose, Parse};
use crate::directory::{
    entry::{
        ChangeWay, IsolirProfile, MessageAuthenticatorPolicy, OctetDirection, OverlayReasons, Plan, Router,
        ServiceType, Standing, Tenant,
    },
    record::{Header, SubscriberHandle},
    view::check_tail,
    writer::Position,
};

/// Declares the octet of each case of an enum, in both directions.
macro_rules! codes {
    ($($compose:ident, $parse:ident: $type:ident { $($case:ident = $code:literal),* $(,)? })*) => {$(
        const fn $compose(value: $type) -> u8 {
            match value { $($type::$case => $code),* }
        }

        const fn $parse(code: u8) -> Option<$type> {
            match code { $($code => Some($type::$case),)* _ => None }
        }
    )*};
}

codes! {
    compose_standing, parse_standing: Standing { Active = 0, Suspended = 1, Ended = 2 }
    compose_service, parse_service: ServiceType { Ppp = 0, Hotspot = 1, Any = 2 }
    compose_ma_policy, parse_ma_policy: MessageAuthenticatorPolicy { Required = 0, Off = 1 }
    compose_direction, parse_direction: OctetDirection { InputIsUpload = 0, InputIsDownload = 1 }
    compose_change_way, parse_change_way: ChangeWay { CoaThenDisconnect = 0, Disconnect = 1, None = 2 }
}

pub(super) fn compose_position(position: Position, out: &mut Compose<'_>) {
    out.array(*position.tenant.as_bytes());
    out.array(position.sequence.to_be_bytes());
}

pub(super) fn parse_position(body: &mut Parse<'_>) -> Option<Position> {
    Some(Position { tenant: TenantId::from_bytes(body.array()?), sequence: body.u64()? })
}

pub(super) fn compose_tenant(tenant: &Tenant, out: &mut Compose<'_>) {
    out.array(*tenant.id.as_bytes());
    compose_zone(&tenant.zone, out);
    out.text(tenant.realm.as_deref());
    compose_isolir(&tenant.isolir, out);
    out.flag(tenant.stopped);
}

pub(super) fn parse_tenant(body: &mut Parse<'_>) -> Option<Tenant> {
    Some(Tenant {
        id: TenantId::from_bytes(body.array()?),
        zone: parse_zone(body)?,
        realm: body.text()?,
        isolir: parse_isolir(body)?,
        stopped: body.flag()?,
    })
}

/// By name; a zone without a name by its offset from UTC in seconds.
fn compose_zone(zone: &TimeZone, out: &mut Compose<'_>) {
    out.text(zone.iana_name());
    out.array(zone.to_fixed_offset().map_or(0, Offset::seconds).to_be_bytes());
}

fn parse_zone(body: &mut Parse<'_>) -> Option<TimeZone> {
    let name = body.option(Parse::str)?;
    let offset = i32::from_be_bytes(body.array()?);
    let Some(name) = name else { return Offset::from_seconds(offset).ok().map(TimeZone::fixed) };
    Some(TimeZone::get(name).unwrap_or_else(|error| {
        // Wrong access hours of one tenant are better than no directory at all.
        tracing::warn!(zone = name, %error, "time zone of a tenant is not known to this version: UTC stands in");
        TimeZone::unknown()
    }))
}

fn compose_isolir(profile: &IsolirProfile, out: &mut Compose<'_>) {
    out.text(profile.rate_limit.as_deref());
    out.text(profile.address_list.as_deref());
    out.text(profile.group.as_deref());
    out.text(profile.filter.as_deref());
    out.text(profile.pool.as_deref());
    out.option(profile.session_timeout, |out, seconds| out.array(seconds.to_be_bytes()));
    out.list(&profile.kept_attributes, |out, (vendor, kind)| {
        out.array(vendor.to_be_bytes());
        out.array([*kind]);
    });
}

fn parse_isolir(body: &mut Parse<'_>) -> Option<IsolirProfile> {
    Some(IsolirProfile {
        rate_limit: body.text()?,
        address_list: body.text()?,
        group: body.text()?,
        filter: body.text()?,
        pool: body.text()?,
        session_timeout: body.option(Parse::u32)?,
        kept_attributes: body.list(|body| Some((body.u32()?, body.byte()?)))?,
    })
}

pub(super) fn compose_plan(plan: &Plan, out: &mut Compose<'_>) {
    out.array(*plan.id.as_bytes());
    out.array(*plan.tenant.as_bytes());
    out.text(plan.rate_limit.as_deref());
    out.text(plan.pool.as_deref());
    out.text(plan.ipv6_pool.as_deref());
    out.text(plan.delegated_ipv6_pool.as_deref());
    out.text(plan.group.as_deref());
    out.text(plan.address_list.as_deref());
    out.text(plan.filter.as_deref());
    out.option(plan.session_timeout, |out, seconds| out.array(seconds.to_be_bytes()));
    out.option(plan.idle_timeout, |out, seconds| out.array(seconds.to_be_bytes()));
    out.array(plan.interim_interval.to_be_bytes());
    out.array(plan.simultaneous.to_be_bytes());
    out.list(&plan.hours, |out, (start, end)| {
        out.array(start.to_be_bytes());
        out.array(end.to_be_bytes());
    });
    out.octets(&plan.attributes);
}

pub(super) fn parse_plan(body: &mut Parse<'_>) -> Option<Plan> {
    Some(Plan {
        id: PlanId::from_bytes(body.array()?),
        tenant: TenantId::from_bytes(body.array()?),
        rate_limit: body.text()?,
        pool: body.text()?,
        ipv6_pool: body.text()?,
        delegated_ipv6_pool: body.text()?,
        group: body.text()?,
        address_list: body.text()?,
        filter: body.text()?,
        session_timeout: body.option(Parse::u32)?,
        idle_timeout: body.option(Parse::u32)?,
        interim_interval: body.u32()?,
        simultaneous: body.u16()?,
        hours: body.list(|body| Some((body.u16()?, body.u16()?)))?,
        attributes: body.octets()?.into(),
    })
}

pub(super) fn compose_router(router: &Router, out: &mut Compose<'_>) {
    out.array(*router.id.as_bytes());
    out.array(*router.tenant.as_bytes());
    out.octets(router.name.as_bytes());
    out.list(&router.addresses, |out, address| out.address(*address));
    out.octets(router.secret.expose());
    out.array([compose_ma_policy(router.message_authenticator)]);
    let delay = u64::try_from(router.reject_delay.as_millis()).unwrap_or(u64::MAX);
    out.array(delay.to_be_bytes());
    out.array([compose_direction(router.octets), compose_change_way(router.change_way)]);
    out.option(router.dynauth_address, Compose::address);
    out.array(router.dynauth_port.to_be_bytes());
    out.flag(router.dynauth_event_timestamp);
}

pub(super) fn parse_router(body: &mut Parse<'_>) -> Option<Router> {
    Some(Router {
        id: RouterId::from_bytes(body.array()?),
        tenant: TenantId::from_bytes(body.array()?),
        name: body.str()?.into(),
        addresses: body.list(Parse::address)?,
        secret: SharedSecret::new(body.octets()?).ok()?,
        message_authenticator: parse_ma_policy(body.byte()?)?,
        reject_delay: Duration::from_millis(body.u64()?),
        octets: parse_direction(body.byte()?)?,
        change_way: parse_change_way(body.byte()?)?,
        dynauth_address: body.option(Parse::address)?,
        dynauth_port: body.u16()?,
        dynauth_event_timestamp: body.flag()?,
    })
}

/// The header, then the tail as it is in memory.
pub(super) fn compose_subscriber(handle: &SubscriberHandle, out: &mut Compose<'_>) {
    let view = handle.view();
    let header = &view.record().header;
    out.array(*header.id.as_bytes());
    out.array(*header.tenant.as_bytes());
    out.array(*header.plan.as_bytes());
    out.array(header.overlay_generation.to_be_bytes());
    let (standing, service) = (compose_standing(header.standing), compose_service(header.service));
    out.array([header.overlay.0, standing, service, header.username_octets]);
    out.0.extend_from_slice(view.used_tail());
}

pub(super) fn parse_subscriber(body: &mut Parse<'_>) -> Option<SubscriberHandle> {
    let header = Header {
        id: SubscriberId::from_bytes(body.array()?),
        tenant: TenantId::from_bytes(body.array()?),
        plan: PlanId::from_bytes(body.array()?),
        overlay_generation: body.u32()?,
        overlay: OverlayReasons(body.byte()?),
        standing: parse_standing(body.byte()?)?,
        service: parse_service(body.byte()?)?,
        username_octets: body.byte()?,
    };
    let tail = body.rest();
    check_tail(header.username_octets, tail).then(|| SubscriberHandle::from_parts(header, tail))?
}
