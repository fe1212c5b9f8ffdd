//! May this user come in? The decision, without a reply yet.

use std::{sync::Arc, time::Duration};

use base::{MacAddress, Now, SessionId, SubscriberId, Timestamp};
use radius::{
    credential::{
        Credential,
        mschap::{LmHash, NtHash, mppe, v2},
    },
    index::Index,
};

use super::{
    Policy,
    attempt::{Method, Outcome},
    contract::DropReason,
    first_use::Hold,
    hours::{self, Within},
    identify::Identified,
    scratch::Scratch,
    service::Service,
};
use crate::{
    directory::{
        Directory, MacLockView, PasswordView, SubscriberHandle, SubscriberView,
        entry::{Plan, ServiceType, Standing, Tenant},
    },
    live::{Admission, Admitted},
};

/// An Access-Request, read.
#[derive(Debug)]
pub(super) struct Access<'a> {
    pub(super) username: &'a [u8],
    pub(super) station: &'a [u8],
    pub(super) mac: Option<MacAddress>,
    pub(super) service: Service,
    pub(super) credential: Credential<'a>,
}

impl<'a> Access<'a> {
    pub(super) fn read(index: &Index<'a>) -> Self {
        let station = index.calling_station_id().unwrap_or_default();
        Self {
            username: index.user_name().unwrap_or_default(),
            station,
            mac: MacAddress::parse(station),
            service: Service::of(index),
            credential: Credential::from_request(index),
        }
    }

    pub(super) const fn method(&self) -> Method {
        match self.credential {
            Credential::Pap(_) => Method::Pap,
            Credential::Chap(_) => Method::Chap,
            Credential::MsChap1(_) => Method::MsChap1,
            Credential::MsChap2(_) => Method::MsChap2,
            Credential::Eap => Method::Eap,
            Credential::None => Method::None,
            Credential::Conflict => Method::Conflict,
        }
    }
}

/// Why there is no Accept.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Told to the router; the log has the reason, and the subscriber where the user name was found.
    Reject(Outcome, Option<SubscriberId>),
    /// Not even answered.
    Discard(DropReason),
}

impl From<DropReason> for Refusal {
    fn from(reason: DropReason) -> Self {
        Self::Discard(reason)
    }
}

/// What an Accept is made of.
#[derive(Debug)]
pub(super) struct Grant<'r> {
    pub(super) subscriber: SubscriberHandle,
    pub(super) tenant: &'r Tenant,
    /// To be given back to the worker's memo.
    pub(super) plan: Arc<Plan>,
    pub(super) session: SessionId,
    /// Validity or access hours end then.
    pub(super) ends_at: Option<Timestamp>,
    pub(super) proof: Proof,
    /// The hardware address that this login locks the subscriber to.
    pub(super) learnt: Option<MacAddress>,
    pub(super) is_reserved: bool,
}

/// What the user's proof asks of the reply.
#[derive(Debug)]
pub(super) enum Proof {
    Plain,
    MsChap1(mppe::Keys1),
    MsChap2(v2::Success, mppe::Keys2),
}

impl Policy {
    /// Judges an Access-Request. Nothing is rejected that is merely not known yet (RFC 5080 §2.6.1).
    pub(super) fn judge<'r>(
        &self,
        now: Now,
        request: &'r Identified<'_>,
        access: &Access<'_>,
        scratch: &mut Scratch,
    ) -> Result<Grant<'r>, Refusal> {
        let reject = |outcome| Refusal::Reject(outcome, None);
        match access.service {
            Service::RouterLogin => return Err(reject(Outcome::RouterLogin)),
            Service::Unrecognised => return Err(reject(Outcome::UnrecognisedService)),
            Service::Ppp | Service::Hotspot => {}
        }
        match access.credential {
            _ if access.username.is_empty() => return Err(reject(Outcome::NoUserName)),
            Credential::None => return Err(reject(Outcome::NoPassword)),
            Credential::Conflict => return Err(reject(Outcome::ConflictingPasswords)),
            Credential::Eap => return Err(reject(Outcome::MethodNotOffered)),
            Credential::Pap(_) | Credential::Chap(_) | Credential::MsChap1(_) | Credential::MsChap2(_) => {}
        }
        if request.index.state().is_some() {
            return Err(reject(Outcome::UnknownState));
        }
        if !self.directory.ready() {
            return Err(DropReason::DirectoryIncomplete.into());
        }
        let tenant = request.tenant().ok_or(DropReason::DirectoryIncomplete)?;
        let subscriber =
            find_subscriber(&self.directory, tenant, access.username).ok_or(reject(Outcome::UnknownUser))?;
        self.grant(now, request, access, scratch, tenant, subscriber)
    }

    /// The password first, then every rule; the reservation last, for it must be given back when anything else fails.
    fn grant<'r>(
        &self,
        now: Now,
        request: &'r Identified<'_>,
        access: &Access<'_>,
        scratch: &mut Scratch,
        tenant: &'r Tenant,
        subscriber: SubscriberHandle,
    ) -> Result<Grant<'r>, Refusal> {
        let view = subscriber.view();
        let reject = |outcome| Refusal::Reject(outcome, Some(view.id()));
        let proof = prove(view, request, access).map_err(reject)?;
        let plan = scratch
            .memo
            .take_plan(&self.directory, view.plan())
            .filter(|plan| plan.tenant == tenant.id)
            .ok_or(DropReason::DirectoryIncomplete)?;
        let ends_at = allowed(now, view, tenant, &plan, request, access).map_err(reject)?;
        let session = scratch.session_id(now);
        let limit = view.simultaneous().unwrap_or(plan.simultaneous);
        if limit > 0 {
            self.reserve(now, view.id(), limit, request, access, session)?;
        }
        let learnt = self.learn(now, view, access).inspect_err(|_| {
            if limit > 0 {
                self.live.release(view.id(), session);
            }
        })?;
        Ok(Grant { tenant, plan, session, ends_at, proof, learnt, is_reserved: limit > 0, subscriber })
    }

    fn reserve(
        &self,
        now: Now,
        subscriber: SubscriberId,
        limit: u16,
        request: &Identified<'_>,
        access: &Access<'_>,
        session: SessionId,
    ) -> Result<(), Refusal> {
        let admission = Admission {
            subscriber,
            limit,
            router: request.state(),
            mac: access.mac,
            nas_port: request.index.nas_port(),
            session,
        };
        match self.live.reserve(now, &admission) {
            Admitted::Granted => Ok(()),
            Admitted::Full => Err(Refusal::Reject(Outcome::TooManySessions, Some(subscriber))),
            Admitted::Overload => Err(DropReason::Overload.into()),
        }
    }

    /// The hardware address to be learnt, if the subscriber has none yet. Without an address nothing can be learnt, and
    /// the first device that has one must find the login free: such a request does not pass.
    fn learn(
        &self,
        now: Now,
        view: SubscriberView<'_>,
        access: &Access<'_>,
    ) -> Result<Option<MacAddress>, Refusal> {
        if view.mac_lock() != MacLockView::Learn {
            return Ok(None);
        }
        let locked = Refusal::Reject(Outcome::MacLocked, Some(view.id()));
        let Some(mac) = access.mac else { return Err(locked) };
        match self.first_uses.hold(now.monotonic, view.id(), mac) {
            Hold::Ours => Ok(Some(mac)),
            Hold::Taken => Err(locked),
            Hold::Full => Err(DropReason::Overload.into()),
        }
    }

    /// What accounting needs of the user of a session: who it is, and how often it reports.
    pub(super) fn profile(&self, tenant: Option<&Tenant>, username: &[u8]) -> crate::live::Profile {
        let subscriber = tenant.and_then(|tenant| find_subscriber(&self.directory, tenant, username));
        let Some(subscriber) = subscriber else { return crate::live::Profile::default() };
        let view = subscriber.view();
        let plan = self.directory.plan(view.plan());
        crate::live::Profile {
            subscriber: Some(view.id()),
            interval: plan.map_or(0, |plan| interim_interval(&plan, view.id())),
        }
    }
}

/// Finds the subscriber of a user name: as it stands; as `user@realm` of the tenant's own realm; as a hardware address
/// in any notation.
#[must_use]
pub fn find_subscriber(directory: &Directory, tenant: &Tenant, username: &[u8]) -> Option<SubscriberHandle> {
    directory
        .subscriber(tenant.id, username)
        .or_else(|| {
            let realm = tenant.realm.as_deref()?;
            let at = username.iter().rposition(|octet| *octet == b'@')?;
            let (user, rest) = username.split_at(at);
            let is_own = rest.get(1..)?.eq_ignore_ascii_case(realm.as_bytes());
            is_own.then(|| directory.subscriber(tenant.id, user)).flatten()
        })
        .or_else(|| {
            let name = canonical(MacAddress::parse(username)?);
            directory.subscriber(tenant.id, &name)
        })
}

/// Checks the password, or the hardware address in its place.
fn prove(view: SubscriberView<'_>, request: &Identified<'_>, access: &Access<'_>) -> Result<Proof, Outcome> {
    let password = match view.password() {
        PasswordView::Clear(password) => password,
        PasswordView::HardwareAddress => {
            let name = MacAddress::parse(view.username());
            let is_own = name.is_some() && name == access.mac;
            return if is_own { Ok(Proof::Plain) } else { Err(Outcome::WrongHardwareAddress) };
        }
    };
    let is_right = match &access.credential {
        Credential::Pap(hidden) => hidden.matches(password, &request.router().secret),
        Credential::Chap(response) => response.matches(password),
        Credential::MsChap1(response) => {
            let text = std::str::from_utf8(password).map_err(|_| Outcome::WrongPassword)?;
            let hash = NtHash::of_password(text);
            if response.matches(&hash) {
                let lm = LmHash::of_password(text);
                return Ok(Proof::MsChap1(mppe::Keys1::new(&hash, lm.as_ref())));
            }
            false
        }
        Credential::MsChap2(response) => {
            let text = std::str::from_utf8(password).map_err(|_| Outcome::WrongPassword)?;
            let hash = NtHash::of_password(text);
            if let Some(success) = response.verify(access.username, &hash) {
                let keys = mppe::Keys2::derive(&hash, response.nt_response());
                return Ok(Proof::MsChap2(success, keys));
            }
            false
        }
        Credential::Eap | Credential::None | Credential::Conflict => false,
    };
    if is_right { Ok(Proof::Plain) } else { Err(Outcome::WrongPassword) }
}

/// Every rule that looks at the request and the directory alone. Answers when the permission ends.
fn allowed(
    now: Now,
    view: SubscriberView<'_>,
    tenant: &Tenant,
    plan: &Plan,
    request: &Identified<'_>,
    access: &Access<'_>,
) -> Result<Option<Timestamp>, Outcome> {
    if tenant.stopped {
        return Err(Outcome::TenantStopped);
    }
    match view.standing() {
        Standing::Active => {}
        Standing::Suspended => return Err(Outcome::Suspended),
        Standing::Ended => return Err(Outcome::Ended),
    }
    // A session of less than a second can't be told to a router: Session-Timeout counts seconds.
    let expires = view.expires_at();
    if expires.is_some_and(|at| at.since(now.wall) < Duration::from_secs(1)) {
        return Err(Outcome::Expired);
    }
    let is_right_service = match view.service() {
        ServiceType::Any => true,
        ServiceType::Ppp => access.service == Service::Ppp,
        ServiceType::Hotspot => access.service == Service::Hotspot,
    };
    if !is_right_service {
        return Err(Outcome::WrongService);
    }
    if view.router().is_some_and(|router| router != request.router().id) {
        return Err(Outcome::WrongRouter);
    }
    if !view.mac_lock().allows(access.mac) {
        return Err(Outcome::MacLocked);
    }
    match hours::judge(&plan.hours, &tenant.zone, now.wall) {
        Within::Always => Ok(expires),
        Within::Until(end) if end.since(now.wall) < Duration::from_secs(1) => Err(Outcome::OutsideHours),
        Within::Until(end) => Ok(Some(expires.map_or(end, |expires| expires.min(end)))),
        Within::Outside => Err(Outcome::OutsideHours),
    }
}

/// Acct-Interim-Interval of a subscriber: the plan's, spread by a tenth to either side so that the interims of a mass
/// login do not stay together, and never under 60 s (RFC 2869 §5.16). Always the same for the same subscriber. 0 is off.
pub(super) fn interim_interval(plan: &Plan, subscriber: SubscriberId) -> u32 {
    const LEAST: u32 = 60;
    if plan.interim_interval == 0 {
        return 0;
    }
    let tenth = plan.interim_interval / 10;
    let [.., low, high] = *subscriber.as_bytes();
    let spread = u32::from(u16::from_be_bytes([low, high])) % (2 * tenth + 1);
    (plan.interim_interval - tenth + spread).max(LEAST)
}

/// `AA:BB:CC:DD:EE:FF`, as subscribers with such a login are named.
fn canonical(mac: MacAddress) -> [u8; 17] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut name = [b':'; 17];
    for (place, octet) in name.chunks_mut(3).zip(mac.octets()) {
        for (digit, nibble) in place.iter_mut().zip([octet >> 4, octet & 0x0f]) {
            *digit = DIGITS[usize::from(nibble)];
        }
    }
    name
}
