//! Jobs that are due by the calendar. Each schedule has a row for the platform or for each tenant, with its next occasion;
//! whoever moves it on enqueues the job in the same transaction, so that it fires once however many nodes look at it.

use std::{collections::HashMap, fmt};

use base::{Platform, TenantId, Timestamp};
use jiff::tz::TimeZone;

use super::{Cadence, Job, Options, enqueue::Prepared, time::database_time};
use crate::{
    Conn, Db,
    db::{Result, dialect},
};

/// For whom a schedule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// For the platform, in UTC.
    Platform,
    /// For each tenant, in its time zone.
    EachTenant,
}

/// One time that a schedule is due.
#[derive(Clone, Debug)]
pub struct Occasion {
    /// For whom; [`TenantId::PLATFORM`] for the platform's own.
    pub tenant: TenantId,
    /// When it was due. After an outage it is the last one that was missed.
    pub at: Timestamp,
    /// The tenant's time zone.
    pub zone: TimeZone,
}

/// A job that is enqueued again and again. While the one before is still live, none is added.
pub struct Schedule {
    name: &'static str,
    whose: Whose,
    cadence: Cadence,
    prepare: Prepare,
}

type Prepare = Box<dyn Fn(&Occasion) -> Result<Prepared> + Send + Sync>;

/// Occasions that one transaction deals with.
const FIRED: i64 = 50;
/// Rows that one transaction puts right.
const SETTLED: usize = 300;

impl Schedule {
    /// What `make` says, at each occasion of `cadence`. The name is for ever, as a kind's is.
    pub fn new<J: Job>(
        name: &'static str,
        whose: Whose,
        cadence: Cadence,
        make: impl Fn(&Occasion) -> J + Send + Sync + 'static,
    ) -> Self {
        let prepare = Box::new(move |occasion: &Occasion| {
            let job = make(occasion);
            let unique_key = job.unique_key().or_else(|| Some(format!("schedule/{name}")));
            Prepared::of(&job, Options { unique_key, ..Options::default() })
        });
        Self { name, whose, cadence, prepare }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// How often.
    #[must_use]
    pub const fn cadence(&self) -> Cadence {
        self.cadence
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schedule")
            .field("name", &self.name)
            .field("whose", &self.whose)
            .field("cadence", &self.cadence)
            .finish_non_exhaustive()
    }
}

/// A schedule's row, as people see it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Planned {
    /// Which schedule.
    pub name: String,
    /// For whom.
    #[sqlx(rename = "tenant_id")]
    pub tenant: TenantId,
    /// In which time zone.
    pub time_zone: String,
    /// How often, in words.
    pub cadence: String,
    /// When it is due next.
    pub next_at: Timestamp,
    /// The last occasion.
    pub last_at: Option<Timestamp>,
}

/// The platform's own schedules; those of the tenants are alike.
///
/// # Errors
/// When the database cannot be read.
pub async fn planned(conn: &mut Conn, tenant: TenantId) -> Result<Vec<Planned>> {
    conn.query(
        "SELECT name, tenant_id, time_zone, cadence, next_at, last_at FROM job_schedule \
         WHERE tenant_id = $1 ORDER BY name",
    )
    .bind(tenant)
    .fetch_all()
    .await
}

/// Brings the rows to what the schedules and the tenants (with the names of their time zones) are now. A changed zone or
/// cadence moves the next occasion. Rows of schedules that this node does not know are a newer node's.
pub(super) async fn settle(db: &Db, schedules: &[Schedule], tenants: &[(TenantId, String)]) -> Result<()> {
    let mut conn = db.conn().await?;
    let now = database_time(&mut conn).await?;
    let mut wrong: Vec<(&Schedule, TenantId, String, Timestamp)> = Vec::new();
    let mut gone: Vec<(&'static str, TenantId)> = Vec::new();
    for schedule in schedules {
        let rows: Vec<(TenantId, String, String)> = conn
            .query("SELECT tenant_id, time_zone, cadence FROM job_schedule WHERE name = $1")
            .bind(schedule.name)
            .fetch_all()
            .await?;
        let mut known: HashMap<TenantId, (String, String)> =
            rows.into_iter().map(|(tenant, zone, cadence)| (tenant, (zone, cadence))).collect();
        let platform = [(TenantId::PLATFORM, "UTC".to_owned())];
        let wanted = match schedule.whose {
            Whose::Platform => &platform[..],
            Whose::EachTenant => tenants,
        };
        for (tenant, zone) in wanted {
            let is = known.remove(tenant);
            if is
                .is_some_and(|(is_zone, cadence)| is_zone == *zone && cadence == schedule.cadence.to_string())
            {
                continue;
            }
            if let Some(next) = schedule.cadence.next_after(&time_zone(zone, *tenant), now) {
                wrong.push((schedule, *tenant, zone.clone(), next));
            }
        }
        gone.extend(known.into_keys().map(|tenant| (schedule.name, tenant)));
    }
    drop(conn);
    for chunk in wrong.chunks(SETTLED) {
        let mut tx = db.begin_bulk().await?;
        for (schedule, tenant, zone, next) in chunk {
            tx.query(
                "INSERT INTO job_schedule (name, tenant_id, time_zone, cadence, next_at) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (name, tenant_id) DO UPDATE SET time_zone = excluded.time_zone, \
                 cadence = excluded.cadence, next_at = excluded.next_at \
                 WHERE job_schedule.time_zone <> excluded.time_zone OR job_schedule.cadence <> excluded.cadence",
            )
            .bind(schedule.name)
            .bind(*tenant)
            .bind(zone)
            .bind(schedule.cadence.to_string())
            .bind(*next)
            .execute_optional()
            .await?;
        }
        tx.commit().await?;
    }
    for chunk in gone.chunks(SETTLED) {
        let mut tx = db.begin_bulk().await?;
        for (name, tenant) in chunk {
            tx.query("DELETE FROM job_schedule WHERE name = $1 AND tenant_id = $2")
                .bind(*name)
                .bind(*tenant)
                .execute_optional()
                .await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// Enqueues what is due, and says how many jobs that were.
pub(super) async fn fire(db: &Db, schedules: &[Schedule], wall: Timestamp) -> Result<u64> {
    let names: Vec<&str> = schedules.iter().map(|schedule| schedule.name).collect();
    let mut fired = 0;
    loop {
        // Nothing is begun while nothing is due.
        let mut conn = db.conn().await?;
        let now = database_time(&mut conn).await?;
        let any: Option<(Timestamp,)> = conn
            .query("SELECT next_at FROM job_schedule WHERE next_at <= $1 AND name IN ")
            .bind(now)
            .push_list(&names)
            .push(" ORDER BY next_at LIMIT 1")
            .fetch_optional()
            .await?;
        drop(conn);
        if any.is_none() {
            return Ok(fired);
        }
        let mut tx = db.begin().await?;
        let due: Vec<(String, TenantId, String, Timestamp)> = tx
            .query("SELECT name, tenant_id, time_zone, next_at FROM job_schedule WHERE next_at <= $1 AND name IN ")
            .bind(now)
            .push_list(&names)
            .push(" ORDER BY next_at LIMIT ")
            .push_bind(FIRED)
            .push_sql(dialect("", " FOR UPDATE SKIP LOCKED"))
            .fetch_all()
            .await?;
        if due.is_empty() {
            return Ok(fired);
        }
        for (name, tenant, zone, at) in due {
            let Some(schedule) = schedules.iter().find(|schedule| schedule.name == name) else { continue };
            let zone = time_zone(&zone, tenant);
            let (at, next) = occasions(&schedule.cadence, &zone, at, now);
            tx.query("UPDATE job_schedule SET next_at = $3, last_at = $4 WHERE name = $1 AND tenant_id = $2")
                .bind(schedule.name)
                .bind(tenant)
                .bind(next)
                .bind(at)
                .execute_one()
                .await?;
            let occasion = Occasion { tenant, at, zone };
            let prepared = (schedule.prepare)(&occasion)?;
            let scope = Platform::system("job.schedule", wall).within(tenant);
            if prepared.write(&mut tx, scope.tenant(), now).await?.is_some() {
                fired += 1;
            } else {
                tracing::warn!(schedule = schedule.name, tenant.id = %tenant, "the job of the last occasion is not done yet");
            }
        }
        tx.commit().await?;
    }
}

/// Missed occasions that are counted through, a year of days and a day of minutes among them; who missed more starts over
/// from now.
const MISSED: usize = 2_000;

/// The last occasion from `due` on that is not after `now`, and the one that follows it.
fn occasions(cadence: &Cadence, zone: &TimeZone, due: Timestamp, now: Timestamp) -> (Timestamp, Timestamp) {
    let never = Timestamp::from_millis(i64::MAX);
    let mut at = due;
    for _ in 0..MISSED {
        match cadence.next_after(zone, at) {
            Some(next) if next <= now => at = next,
            Some(next) => return (at, next),
            None => return (at, never),
        }
    }
    (at, cadence.next_after(zone, now).unwrap_or(never))
}

/// The zone of that name; UTC, and a line in the log, where this build does not know it.
fn time_zone(name: &str, tenant: TenantId) -> TimeZone {
    TimeZone::get(name).unwrap_or_else(|_| {
        tracing::warn!(time_zone = name, tenant.id = %tenant, "unknown time zone: schedules take UTC");
        TimeZone::UTC
    })
}
