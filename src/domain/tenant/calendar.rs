//! The tenant's calendar: which day it is there, and which cycle of payment.

use base::{Scope, Timestamp};
use foundation::{
    Conn,
    db::{self, Error},
};
use jiff::tz::TimeZone;

use super::{
    super::values::Day,
    saas_plan::{Cycle, Period},
    store,
};

/// The tenant's calendar.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    /// Its first day on the platform.
    first: Day,
}

impl Calendar {
    /// The tenant's first day on the platform.
    #[must_use]
    pub const fn first(&self) -> Day {
        self.first
    }

    /// The day that it is at `now`.
    #[must_use]
    pub fn today(&self, now: Timestamp) -> Day {
        Day::at(now, &self.zone)
    }

    /// The cycle that `day` lies in.
    #[must_use]
    pub fn period(&self, cycle: Cycle, day: Day) -> Period {
        cycle.period(self.first, day)
    }

    /// When `day` begins there.
    #[must_use]
    pub fn begin(&self, day: Day) -> Timestamp {
        day.begin(&self.zone)
    }
}

/// The calendar of the scope's tenant.
///
/// # Errors
/// When there is no such tenant, its time zone is unknown to this build, or the database cannot be read.
pub async fn calendar(conn: &mut Conn, scope: &Scope) -> db::Result<Calendar> {
    let tenant = store::tenant::find(conn, scope.tenant()).await?.ok_or(Error::RowNotFound)?;
    let zone = TimeZone::get(&tenant.spec.time_zone).map_err(Error::decode)?;
    let first = Day::at(tenant.created_at, &zone);
    Ok(Calendar { zone, first })
}
