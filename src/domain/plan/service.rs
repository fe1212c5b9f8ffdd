//! The service itself: what a router is told of a plan's subscribers.

use serde::{Deserialize, Serialize};

use super::{
    super::values::{Invalid, RateLimit, invalid::ensure, text},
    Hours, hours,
};

/// Least interim interval, seconds (RFC 2869 §5.16).
const MIN_INTERIM: u32 = 60;
/// Longest: what is silent for longer counts as gone.
const MAX_INTERIM: u32 = 86_400;
/// Every five minutes: a session that its router forgot is noticed soon, and 50,000 sessions send 170 packets a second.
const DEFAULT_INTERIM: u32 = 300;
/// Least session and idle time-out, seconds: below it, subscribers would only dial.
const MIN_TIMEOUT: u32 = 60;

base::text_enum! {
    /// When a quota starts anew.
    pub enum QuotaPeriod {
        /// Each day.
        Day = "day",
        /// Each week, on Monday.
        Week = "week",
        /// Each calendar month.
        Month = "month",
        /// With each time that the plan is bought.
        Validity = "validity",
    }
}

/// How much a subscriber may transfer, both ways together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    /// Octets, at least one million.
    pub octets: i64,
    /// In which time.
    pub period: QuotaPeriod,
}

/// What a router is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = PlanService)]
#[serde(rename_all = "camelCase", default)]
pub struct Service {
    /// Speed; without it the router's own profile holds.
    pub rate_limit: Option<RateLimit>,
    /// Framed-Pool.
    pub pool: Option<String>,
    /// Framed-IPv6-Pool.
    pub ipv6_pool: Option<String>,
    /// Mikrotik-Delegated-IPv6-Pool.
    pub delegated_ipv6_pool: Option<String>,
    /// Mikrotik-Group.
    pub group: Option<String>,
    /// Mikrotik-Address-List.
    pub address_list: Option<String>,
    /// Filter-Id.
    pub filter: Option<String>,
    /// Session-Timeout, seconds.
    pub session_timeout: Option<u32>,
    /// Idle-Timeout, seconds.
    pub idle_timeout: Option<u32>,
    /// Acct-Interim-Interval, seconds.
    pub interim_interval: u32,
    /// Sessions of one subscriber at once; 0: as many as it likes.
    pub simultaneous: u16,
    /// How much may be transferred.
    pub quota: Option<Quota>,
    /// When its subscribers may be online; none: always.
    pub hours: Vec<Hours>,
}

impl Default for Service {
    /// One session at a time, accounted every five minutes; everything else as the router has it.
    fn default() -> Self {
        Self {
            rate_limit: None,
            pool: None,
            ipv6_pool: None,
            delegated_ipv6_pool: None,
            group: None,
            address_list: None,
            filter: None,
            session_timeout: None,
            idle_timeout: None,
            interim_interval: DEFAULT_INTERIM,
            simultaneous: 1,
            quota: None,
            hours: Vec::new(),
        }
    }
}

impl Service {
    /// Brings it into its stored form.
    ///
    /// # Errors
    /// The first value that cannot be accepted.
    pub fn validated(self) -> Result<Self, Invalid> {
        if let Some(limit) = &self.rate_limit {
            limit.validate().map_err(|invalid| invalid.within("rateLimit"))?;
        }
        let long = |timeout: Option<u32>| timeout.is_none_or(|seconds| seconds >= MIN_TIMEOUT);
        ensure(long(self.session_timeout), "sessionTimeout", "must be at least 60 seconds")?;
        ensure(long(self.idle_timeout), "idleTimeout", "must be at least 60 seconds")?;
        ensure(
            (MIN_INTERIM..=MAX_INTERIM).contains(&self.interim_interval),
            "interimInterval",
            "must be 60 to 86400 seconds",
        )?;
        ensure(
            self.quota.is_none_or(|quota| quota.octets >= 1_000_000),
            "quota.octets",
            "must be at least one million",
        )?;
        hours::validate(&self.hours)?;
        Ok(Self {
            pool: text::attribute("pool", self.pool.as_deref())?,
            ipv6_pool: text::attribute("ipv6Pool", self.ipv6_pool.as_deref())?,
            delegated_ipv6_pool: text::attribute("delegatedIpv6Pool", self.delegated_ipv6_pool.as_deref())?,
            group: text::attribute("group", self.group.as_deref())?,
            address_list: text::attribute("addressList", self.address_list.as_deref())?,
            filter: text::attribute("filter", self.filter.as_deref())?,
            ..self
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_router_could_not_keep_to_is_refused() {
        let refused = |service: Service| service.validated().unwrap_err().field;
        assert_eq!(refused(Service { interim_interval: 59, ..Service::default() }), "interimInterval");
        assert_eq!(refused(Service { session_timeout: Some(1), ..Service::default() }), "sessionTimeout");
        assert_eq!(refused(Service { idle_timeout: Some(0), ..Service::default() }), "idleTimeout");
        let slow = RateLimit::plain(10, 1_000_000);
        assert_eq!(
            refused(Service { rate_limit: Some(slow), ..Service::default() }),
            "rateLimit.upload.rate"
        );
        let quota = Quota { octets: 1, period: QuotaPeriod::Month };
        assert_eq!(refused(Service { quota: Some(quota), ..Service::default() }), "quota.octets");
        let pool = Service { pool: Some("x".repeat(300)), ..Service::default() };
        assert_eq!(refused(pool), "pool");
    }

    #[test]
    fn documents_of_a_later_version_can_be_read() {
        let service: Service = serde_json::from_str(r#"{"pool":"home","colour":"blue"}"#).unwrap();
        assert_eq!(service, Service { pool: Some("home".into()), ..Service::default() });
    }
}
