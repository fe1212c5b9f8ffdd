//! Usage by the tenant's local day, summed from hours. Summing a day again gives the same row, so what comes late is taken
//! in by summing the last days again and again. An hour belongs to the day in which it begins: in zones that are off by
//! half an hour the hour of midnight goes to the day before.

use std::collections::BTreeMap;

use base::{SubscriberId, TenantId, Timestamp};
use foundation::job::{JobContext, JobError};
use jiff::{
    ToSpan as _,
    civil::{self, date},
    tz::TimeZone,
};

use super::super::store::days::{self, DayRow};
use crate::domain::tenant;

/// Rows of one transaction: below its limit, with the job's own.
const ROWS: usize = 900;
const HOUR: i64 = 3_600;
const EPOCH: civil::Date = date(1970, 1, 1);

/// Days since 1970-01-01.
pub(in super::super) fn day_number(date: civil::Date) -> i64 {
    date.since(EPOCH).map_or(0, |span| i64::from(span.get_days()))
}

/// The date of a number.
pub(in super::super) fn date_of(number: i64) -> Option<civil::Date> {
    EPOCH.checked_add(number.days()).ok()
}

/// Sums the last `days` local days of the job's tenant, subscriber by subscriber.
pub(super) async fn roll_up(context: &JobContext, days: u16) -> Result<(), JobError> {
    let scope = context.scope();
    let mut conn = context.db().conn().await?;
    let Some(tenant) = tenant::find(&mut conn, &context.platform(), scope.tenant()).await? else {
        return Err(JobError::discard("the tenant is gone"));
    };
    let zone = TimeZone::get(&tenant.spec.time_zone).unwrap_or(TimeZone::UTC);
    let days = days.clamp(1, 366);
    let (from, to) = hours_of(&zone, context.now(), days)?;
    let at_once = i64::try_from(ROWS / usize::from(days)).unwrap_or(1).clamp(1, 200);
    let first: Option<SubscriberId> = context.progress()?;
    let mut after = first.unwrap_or(SubscriberId::from_uuid(TenantId::PLATFORM.as_uuid()));
    let (mut subscribers, mut rows) = (0, 0);
    loop {
        let ids = days::subscribers_after(&mut conn, scope.tenant(), after, at_once).await?;
        let Some(last) = ids.last().copied() else { break };
        let hours = days::hours(&mut conn, scope.tenant(), &ids, from, to).await?;
        let summed = sum(&zone, &hours);
        let mut tx = context.begin_bulk().await?;
        days::put(&mut tx, scope.tenant(), &summed).await?;
        context.commit_with(tx, &last).await?;
        (subscribers, rows) = (subscribers + ids.len(), rows + summed.len());
        after = last;
    }
    context.log(format!("{rows} days of {subscribers} subscribers were summed"));
    Ok(())
}

/// The hours (UTC, numbered from 1970) that the last `days` local days up to `now` have.
fn hours_of(zone: &TimeZone, now: Timestamp, days: u16) -> Result<(i64, i64), jiff::Error> {
    let today = jiff::Timestamp::from_millisecond(now.as_millis())?.to_zoned(zone.clone()).date();
    let first = today.checked_sub((i64::from(days) - 1).days())?;
    let begins = first.to_zoned(zone.clone())?.timestamp().as_second();
    Ok((
        begins.div_euclid(HOUR) + i64::from(begins.rem_euclid(HOUR) > 0),
        now.as_seconds().div_euclid(HOUR) + 1,
    ))
}

/// Sums hours by subscriber and local day.
fn sum(zone: &TimeZone, hours: &[(SubscriberId, i64, i64, i64)]) -> Vec<DayRow> {
    let mut days: BTreeMap<(SubscriberId, i64), (i64, i64)> = BTreeMap::new();
    for (subscriber, hour, upload, download) in hours {
        let Ok(begins) = jiff::Timestamp::from_second(hour.saturating_mul(HOUR)) else { continue };
        let day = day_number(begins.to_zoned(zone.clone()).date());
        let (up, down) = days.entry((*subscriber, day)).or_default();
        *up = up.saturating_add(*upload);
        *down = down.saturating_add(*download);
    }
    let row = |((subscriber, day), (upload, download))| DayRow { subscriber, day, upload, download };
    days.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_numbers_and_come_back() {
        for number in [-1, 0, 1, 20_000, 100_000] {
            assert_eq!(day_number(date_of(number).unwrap()), number);
        }
        assert_eq!(day_number(date(2026, 11, 22)), 20_779);
    }

    #[test]
    fn an_hour_belongs_to_the_day_in_which_it_begins() {
        let subscriber = SubscriberId::from_uuid(TenantId::PLATFORM.as_uuid());
        for (zone, midnight) in
            [("Asia/Jakarta", 17), ("Asia/Jayapura", 15), ("UTC", 24), ("Asia/Kathmandu", 19)]
        {
            let zone = TimeZone::get(zone).unwrap();
            let hours: Vec<_> = (0..24).map(|hour| (subscriber, 20_779 * 24 + hour, 1, 10)).collect();
            let days = sum(&zone, &hours);
            let first = &days[0];
            assert_eq!((first.day, first.upload, first.download), (20_779, midnight, midnight * 10));
            assert_eq!(
                days.iter().map(|day| day.upload).sum::<i64>(),
                24,
                "nothing is lost or counted twice"
            );
            let now = Timestamp::from_millis((20_779 * 24 + 23) * HOUR * 1_000);
            let (from, to) = hours_of(&zone, now, 1).unwrap();
            let today = if midnight == 24 { 20_779 * 24 } else { 20_779 * 24 + midnight };
            assert_eq!((from, to), (today, 20_779 * 24 + 24));
        }
    }
}
