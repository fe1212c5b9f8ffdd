//! Access-Accept and Access-Reject, composed in place.

use base::{Now, SubscriberId, TenantId, Timestamp};
use radius::{
    attribute::{Attribute, AttributeType, FramedProtocol, Ipv6Prefix, ServiceType, VendorAttributes},
    code::Code,
    compose::{ComposeError, Composer},
    credential::{
        Credential, eap,
        mschap::{Failure, FailureText, mppe},
    },
    hide::Salt,
    vendor::{Vendor, VendorType, microsoft, mikrotik},
};
use siphasher::sip128::{Hasher128 as _, SipHasher13};
use std::hash::Hasher as _;

use super::{
    Settings,
    authorize::{Access, Grant, Proof, interim_interval},
    class,
    identify::Identified,
    scratch::Scratch,
    service::Service,
};
use crate::{
    directory::{
        SubscriberView,
        entry::{IsolirProfile, Plan},
    },
    live::Cookie,
};

/// An Access-Accept; answers its length.
pub(super) fn accept(
    out: &mut [u8],
    now: Now,
    request: &Identified<'_>,
    access: &Access<'_>,
    grant: &Grant<'_>,
    settings: &Settings,
    scratch: &mut Scratch,
) -> Result<usize, ComposeError> {
    let view = grant.subscriber.view();
    let secret = &request.router().secret;
    let isolir = view.overlay().isolated().then_some(&grant.tenant.isolir);
    let mut reply = Composer::reply(out, Code::ACCESS_ACCEPT, &request.index)?;
    if access.service == Service::Ppp {
        reply
            .u32(AttributeType::SERVICE_TYPE, ServiceType::FRAMED.0)?
            .u32(AttributeType::FRAMED_PROTOCOL, FramedProtocol::PPP.0)?;
    }
    let mut profile = Profile { reply: &mut reply, custom: Custom::new(&grant.plan, view, isolir), isolir };
    profile.policy(&grant.plan)?;
    profile.addresses(&grant.plan, view)?;
    profile.timers(&grant.plan, view.id(), now, grant.ends_at)?;
    profile.custom_attributes()?;
    let cookie = Cookie {
        subscriber: view.id(),
        session: grant.session,
        overlay_generation: view.overlay_generation(),
    };
    reply.octets(AttributeType::CLASS, &class::compose(&cookie, view.tenant(), &settings.class_key))?;
    match &grant.proof {
        Proof::Plain => {}
        Proof::MsChap1(keys) => {
            let (policy, types) = (mppe::EncryptionPolicy::ALLOWED, mppe::EncryptionTypes::RC4_40_OR_128);
            reply.mppe_keys1(keys, policy, types, secret)?;
        }
        Proof::MsChap2(success, keys) => {
            let (policy, types) = (mppe::EncryptionPolicy::ALLOWED, mppe::EncryptionTypes::RC4_40_OR_128);
            let [low, high, ..] = scratch.random();
            let salt = Salt::new(u16::from_be_bytes([low, high]));
            reply
                .vendor(microsoft::MS_CHAP2_SUCCESS, success.octets())?
                .mppe_keys2(keys, policy, types, salt, secret)?;
        }
    }
    if settings.chargeable_user_identity && request.index.wants_chargeable_user_identity() {
        let identity = chargeable_identity(view.tenant(), view.id(), settings);
        reply.octets(AttributeType::CHARGEABLE_USER_IDENTITY, &identity)?;
    }
    reply.proxy_states(&request.index)?;
    // What a first use waits for is copied at once, and so is signed at once.
    let is_signed_later = scratch.is_signing_later && grant.learnt.is_none();
    Ok(if is_signed_later { reply.finish_unsigned() } else { reply.finish(secret) })
}

/// An Access-Reject; answers its length. It tells an outsider nothing: the same for a wrong password and a suspended
/// subscriber. No State (RFC 5080 §2.1.1), no Chargeable-User-Identity (RFC 4372 §2.2), no Reply-Message.
pub(super) fn reject(
    out: &mut [u8],
    request: &Identified<'_>,
    access: &Access<'_>,
    scratch: &mut Scratch,
) -> Result<usize, ComposeError> {
    let mut reply = Composer::reply(out, Code::ACCESS_REJECT, &request.index)?;
    match &access.credential {
        Credential::MsChap1(response) => {
            let text = FailureText::v1(response.identifier(), Failure::AuthenticationFailure);
            reply.vendor(microsoft::MS_CHAP_ERROR, text.octets())?;
        }
        Credential::MsChap2(response) => {
            let challenge = scratch.random();
            let text = FailureText::v2(response.identifier(), Failure::AuthenticationFailure, &challenge);
            reply.vendor(microsoft::MS_CHAP_ERROR, text.octets())?;
        }
        Credential::Eap => {
            // RFC 3579 §2.6.3: a Reject carries EAP-Failure. One that cannot be read is refused without.
            let mut joined = [0; radius::packet::MAX_LENGTH];
            let failure = eap::join(&request.index, &mut joined).ok().and_then(eap::failure);
            if let Some(failure) = failure {
                reply.eap_message(&failure)?;
            }
        }
        Credential::Pap(_) | Credential::Chap(_) | Credential::None | Credential::Conflict => {}
    }
    reply.proxy_states(&request.index)?;
    Ok(reply.finish(&request.router().secret))
}

/// The answer to a Status-Server (RFC 5997 §3), or an Accounting-Response (RFC 2866 §4.2). The former is signed with
/// Message-Authenticator, the latter when its request was.
pub(super) fn acknowledge(
    out: &mut [u8],
    code: Code,
    signed: bool,
    request: &Identified<'_>,
) -> Result<usize, ComposeError> {
    let mut reply = if signed {
        Composer::reply(out, code, &request.index)?
    } else {
        Composer::bare_reply(out, code, &request.index)?
    };
    reply.proxy_states(&request.index)?;
    Ok(reply.finish(&request.router().secret))
}

/// What the subscriber gets: the plan's, or the isolir profile in its place, and custom attributes over both.
struct Profile<'p, 'b, 'd> {
    reply: &'p mut Composer<'b>,
    custom: Custom<'d>,
    isolir: Option<&'d IsolirProfile>,
}

impl Profile<'_, '_, '_> {
    /// Rate, group, address list, filter. An isolated subscriber gets the isolir profile's alone.
    fn policy(&mut self, plan: &Plan) -> Result<(), ComposeError> {
        let (rate, group, list, filter) = match self.isolir {
            Some(isolir) => (&isolir.rate_limit, &isolir.group, &isolir.address_list, &isolir.filter),
            None => (&plan.rate_limit, &plan.group, &plan.address_list, &plan.filter),
        };
        self.vendor_text(mikrotik::RATE_LIMIT, rate.as_deref())?;
        self.vendor_text(mikrotik::GROUP, group.as_deref())?;
        self.vendor_text(mikrotik::ADDRESS_LIST, list.as_deref())?;
        self.text(AttributeType::FILTER_ID, filter.as_deref())
    }

    /// Addresses. An isolated subscriber keeps its own where the isolir profile names no pool, so that a lift needs no
    /// re-dial; routes and IPv6 would lead past the wall, and are left out.
    fn addresses(&mut self, plan: &Plan, view: SubscriberView<'_>) -> Result<(), ComposeError> {
        if let Some(pool) = self.isolir.and_then(|isolir| isolir.pool.as_deref()) {
            return self.text(AttributeType::FRAMED_POOL, Some(pool));
        }
        match view.static_address() {
            Some(address) if !self.custom.has(AttributeType::FRAMED_IP_ADDRESS) => {
                self.reply.ipv4(AttributeType::FRAMED_IP_ADDRESS, address)?;
            }
            Some(_) => {}
            None => self.text(AttributeType::FRAMED_POOL, plan.pool.as_deref())?,
        }
        if self.isolir.is_some() {
            return Ok(());
        }
        for route in view.routes().filter(|route| !route.is_empty()) {
            self.reply.text(AttributeType::FRAMED_ROUTE, route)?;
        }
        self.prefix(AttributeType::FRAMED_IPV6_PREFIX, view.ipv6_prefix())?;
        self.prefix(AttributeType::DELEGATED_IPV6_PREFIX, view.delegated_ipv6_prefix())?;
        if view.ipv6_prefix().is_none() {
            self.text(AttributeType::FRAMED_IPV6_POOL, plan.ipv6_pool.as_deref())?;
        }
        if view.delegated_ipv6_prefix().is_none() {
            self.vendor_text(mikrotik::DELEGATED_IPV6_POOL, plan.delegated_ipv6_pool.as_deref())?;
        }
        Ok(())
    }

    /// Session-Timeout never goes past the end of validity or access hours, also where a custom attribute sets it.
    fn timers(
        &mut self,
        plan: &Plan,
        subscriber: SubscriberId,
        now: Now,
        ends_at: Option<Timestamp>,
    ) -> Result<(), ComposeError> {
        let own = self.isolir.and_then(|isolir| isolir.session_timeout).or(plan.session_timeout);
        let timeout = self.custom.seconds(AttributeType::SESSION_TIMEOUT).or(own);
        let left = ends_at.map(|at| u32::try_from(at.since(now.wall).as_secs()).unwrap_or(u32::MAX));
        self.custom.has_session_timeout = false;
        self.seconds(AttributeType::SESSION_TIMEOUT, [timeout, left].into_iter().flatten().min())?;
        if !self.custom.has(AttributeType::IDLE_TIMEOUT) {
            self.seconds(AttributeType::IDLE_TIMEOUT, plan.idle_timeout)?;
        }
        if !self.custom.has(AttributeType::ACCT_INTERIM_INTERVAL) {
            let interval = interim_interval(plan, subscriber);
            self.seconds(AttributeType::ACCT_INTERIM_INTERVAL, Some(interval))?;
        }
        Ok(())
    }

    fn custom_attributes(&mut self) -> Result<(), ComposeError> {
        let Self { reply, custom, .. } = self;
        for (attribute, octets) in custom.iter() {
            // What the feeder has composed badly must not keep a subscriber offline.
            match reply.raw(octets) {
                Ok(_) | Err(ComposeError::Malformed) => {}
                Err(error) => {
                    tracing::debug!(kind = %attribute.kind, "custom attributes do not fit");
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn text(&mut self, kind: AttributeType, value: Option<&str>) -> Result<(), ComposeError> {
        match value {
            Some(value) if !value.is_empty() && !self.custom.has(kind) => {
                self.reply.text(kind, value).map(|_| ())
            }
            _ => Ok(()),
        }
    }

    fn vendor_text(&mut self, kind: VendorType, value: Option<&str>) -> Result<(), ComposeError> {
        match value {
            Some(value) if !value.is_empty() && !self.custom.has_vendor(kind) => {
                self.reply.vendor_text(kind, value).map(|_| ())
            }
            _ => Ok(()),
        }
    }

    fn prefix(
        &mut self,
        kind: AttributeType,
        prefix: Option<(std::net::Ipv6Addr, u8)>,
    ) -> Result<(), ComposeError> {
        let prefix = prefix.and_then(|(address, length)| Ipv6Prefix::new(address, length));
        match prefix {
            Some(prefix) if !self.custom.has(kind) => self.reply.ipv6_prefix(kind, prefix).map(|_| ()),
            _ => Ok(()),
        }
    }

    /// Zero would end the session at once, or means "never" to some: it is not sent.
    fn seconds(&mut self, kind: AttributeType, value: Option<u32>) -> Result<(), ComposeError> {
        match value {
            Some(value @ 1..) => self.reply.u32(kind, value).map(|_| ()),
            _ => Ok(()),
        }
    }
}

/// Custom attributes of plan and subscriber. The subscriber's replace the plan's of the same type, and both replace what
/// the plan's own fields would give; an isolated subscriber has those alone that the isolir profile keeps and does not
/// set itself.
struct Custom<'d> {
    plan: &'d [u8],
    subscriber: &'d [u8],
    isolir: Option<&'d IsolirProfile>,
    /// Cleared once its Session-Timeout has been taken into account.
    has_session_timeout: bool,
}

/// An attribute's place: vendor (0 for the standard space) and type.
type Place = (u32, u8);

impl<'d> Custom<'d> {
    fn new(plan: &'d Plan, view: SubscriberView<'d>, isolir: Option<&'d IsolirProfile>) -> Self {
        Self { plan: &plan.attributes, subscriber: view.attributes(), isolir, has_session_timeout: true }
    }

    fn has(&self, kind: AttributeType) -> bool {
        self.has_place((0, kind.0))
    }

    fn has_vendor(&self, kind: VendorType) -> bool {
        self.has_place((kind.vendor.0, kind.kind))
    }

    /// The value of an integer among them.
    fn seconds(&self, kind: AttributeType) -> Option<u32> {
        self.iter().find(|(attribute, _)| attribute.kind == kind)?.0.u32()
    }

    fn has_place(&self, place: Place) -> bool {
        // Most subscribers have none.
        !(self.plan.is_empty() && self.subscriber.is_empty())
            && self.iter().any(|(attribute, _)| place_of(&attribute) == place)
    }

    /// Each attribute with its octets, as they are to be sent.
    fn iter(&self) -> impl Iterator<Item = (Attribute<'d>, &'d [u8])> {
        let of_plan = attributes(self.plan).filter(|(attribute, _)| {
            let place = place_of(attribute);
            !attributes(self.subscriber).any(|(own, _)| place_of(&own) == place)
        });
        of_plan.chain(attributes(self.subscriber)).filter(|(attribute, _)| self.is_sent(place_of(attribute)))
    }

    fn is_sent(&self, place: Place) -> bool {
        if is_ours(place) || (!self.has_session_timeout && place == (0, AttributeType::SESSION_TIMEOUT.0)) {
            return false;
        }
        self.isolir.is_none_or(|isolir| isolir.kept_attributes.contains(&place) && !sets(isolir, place))
    }
}

/// Whether the isolir profile itself says what this attribute is to be.
fn sets(isolir: &IsolirProfile, place: Place) -> bool {
    let vendor = |kind: VendorType| (kind.vendor.0, kind.kind);
    let set = [
        (vendor(mikrotik::RATE_LIMIT), isolir.rate_limit.is_some()),
        (vendor(mikrotik::ADDRESS_LIST), isolir.address_list.is_some()),
        (vendor(mikrotik::GROUP), isolir.group.is_some()),
        ((0, AttributeType::FILTER_ID.0), isolir.filter.is_some()),
        ((0, AttributeType::FRAMED_POOL.0), isolir.pool.is_some()),
        ((0, AttributeType::FRAMED_IP_ADDRESS.0), isolir.pool.is_some()),
        ((0, AttributeType::SESSION_TIMEOUT.0), isolir.session_timeout.is_some()),
    ];
    set.contains(&(place, true))
}

/// What nobody but the protocol may write into a reply: signatures, proofs, keys, state, our cookie.
fn is_ours((vendor, kind): Place) -> bool {
    match Vendor(vendor) {
        Vendor(0) => matches!(
            AttributeType(kind),
            AttributeType::USER_PASSWORD
                | AttributeType::CHAP_PASSWORD
                | AttributeType::STATE
                | AttributeType::CLASS
                | AttributeType::PROXY_STATE
                | AttributeType::EAP_MESSAGE
                | AttributeType::MESSAGE_AUTHENTICATOR
                | AttributeType::CHARGEABLE_USER_IDENTITY
        ),
        vendor @ Vendor::MICROSOFT => {
            let kind = VendorType::new(vendor, kind);
            [
                microsoft::MS_CHAP_ERROR,
                microsoft::MS_CHAP_MPPE_KEYS,
                microsoft::MS_CHAP2_SUCCESS,
                microsoft::MS_MPPE_ENCRYPTION_POLICY,
                microsoft::MS_MPPE_ENCRYPTION_TYPES,
                microsoft::MS_MPPE_SEND_KEY,
                microsoft::MS_MPPE_RECV_KEY,
            ]
            .contains(&kind)
        }
        _ => false,
    }
}

/// The attributes of composed octets, each with its own octets. Ends where they are not well-formed.
fn attributes(composed: &[u8]) -> impl Iterator<Item = (Attribute<'_>, &[u8])> {
    let mut rest = composed;
    std::iter::from_fn(move || {
        let &[kind, length] = rest.first_chunk()?;
        let (octets, following) = rest.split_at_checked(usize::from(length))?;
        let value = octets.get(2..)?;
        rest = following;
        Some((Attribute { kind: AttributeType(kind), value }, octets))
    })
}

/// A vendor's attribute stands alone in its Vendor-Specific, as all that the feeder composes do.
fn place_of(attribute: &Attribute<'_>) -> Place {
    if attribute.kind == AttributeType::VENDOR_SPECIFIC
        && let Some(vendor) = VendorAttributes::parse(attribute.value).and_then(|mut within| within.next())
    {
        return (vendor.kind.vendor.0, vendor.kind.kind);
    }
    (0, attribute.kind.0)
}

/// The Chargeable-User-Identity of a subscriber (RFC 4372 §2.1): the same at every login, and not to be traced back by
/// others: 32 hexadecimal digits of a keyed hash.
fn chargeable_identity(tenant: TenantId, subscriber: SubscriberId, settings: &Settings) -> [u8; 32] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hasher = SipHasher13::new_with_key(settings.class_key.expose());
    hasher.write(b"chargeable user identity");
    hasher.write(tenant.as_bytes());
    hasher.write(subscriber.as_bytes());
    let mut identity = [0; 32];
    for (pair, octet) in identity.chunks_mut(2).zip(hasher.finish128().as_bytes()) {
        for (digit, nibble) in pair.iter_mut().zip([octet >> 4, octet & 0x0f]) {
            *digit = DIGITS[usize::from(nibble)];
        }
    }
    identity
}
