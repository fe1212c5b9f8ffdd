//! Removes what nobody needs any more: answers that were kept for repeated requests, sign-ins that are over, changes that
//! every follower has read. So many rows at a time that nobody waits for it.

use std::time::Duration;

use base::{Clock, Platform};
use foundation::{Db, change, db, idempotency};
use metrics::counter;

use crate::domain::access;

/// How long the answer to a request with an Idempotency-Key is kept: a caller that tries again for longer should look first.
const ANSWERS_KEPT: Duration = Duration::from_secs(24 * 3_600);

/// Changes that are kept of each tenant. A node that was away for longer than they reach back reads everything anew, which
/// takes seconds.
const CHANGES_KEPT: u32 = 20_000;

/// Transactions of one kind, of some hundred rows each, in one run: what is left waits for the next.
const STEPS: usize = 20;

/// Removes what is old; how many rows went. What is left after the most that one run removes is removed by the next.
///
/// # Errors
/// When the database cannot be written; what was removed before is gone.
pub(super) async fn tidy(db: &Db, clock: &Clock) -> db::Result<u64> {
    let mut removed = 0;
    for _ in 0..STEPS {
        let mut tx = db.begin_bulk().await?;
        let rows = idempotency::sweep(&mut tx, clock.wall().saturating_sub(ANSWERS_KEPT)).await?;
        tx.commit().await?;
        removed += count("idempotency_key", rows);
        if rows == 0 {
            break;
        }
    }
    for _ in 0..STEPS {
        let mut tx = db.begin_bulk().await?;
        let platform = Platform::system("daemon.tidy", clock.wall());
        let rows = access::sweep_sessions(&mut tx, &platform).await?;
        tx.commit().await?;
        removed += count("login_session", rows);
        if rows == 0 {
            break;
        }
    }
    let heads = change::heads(&mut db.conn().await?).await?;
    let long = heads.into_iter().filter(|head| head.sequence - head.trimmed > i64::from(CHANGES_KEPT));
    let mut steps = 0;
    for head in long {
        while steps < STEPS {
            steps += 1;
            let mut tx = db.begin_bulk().await?;
            let rows = change::trim(&mut tx, head.tenant_id, CHANGES_KEPT).await?;
            tx.commit().await?;
            removed += count("change", rows);
            if rows == 0 {
                break;
            }
        }
    }
    Ok(removed)
}

fn count(kind: &'static str, rows: u64) -> u64 {
    counter!("rrnetd_tidied_rows_total", "kind" => kind).increment(rows);
    rows
}

#[cfg(test)]
mod tests {
    use base::{TenantId, Timestamp};
    use foundation::{
        change::{Change, Head},
        testing::{NOW, TestDb},
    };

    use super::*;

    foundation::battery! {
        what_is_old_goes_and_the_rest_stays,
    }

    async fn what_is_old_goes_and_the_rest_stays(db: TestDb) {
        let (clock, hand) = Clock::mock(NOW);
        let scope = db.scope();
        let claim = async |key: &str, at: Timestamp| {
            let platform = Platform::system("test", at);
            let mut tx = db.begin().await.unwrap();
            let key = key.parse().unwrap();
            let request = idempotency::Fingerprint::of(&[b"request"]);
            let claimed = idempotency::claim(&mut tx, &platform, &key, &request).await.unwrap();
            let answer = idempotency::Answer { status: 201, body: String::new() };
            if claimed == idempotency::Claim::Fresh {
                idempotency::keep(&mut tx, &platform, &key, &answer).await.unwrap();
            }
            tx.commit().await.unwrap();
            claimed
        };
        claim("old", NOW).await;
        assert_eq!(tidy(&db, &clock).await.unwrap(), 0);
        hand.advance(ANSWERS_KEPT + Duration::from_secs(1));
        claim("new", clock.wall()).await;
        assert_eq!(tidy(&db, &clock).await.unwrap(), 1);
        assert_eq!(claim("old", clock.wall()).await, idempotency::Claim::Fresh);
        assert!(matches!(claim("new", clock.wall()).await, idempotency::Claim::Done(_)));

        // One more than is kept, and one more than goes in a transaction.
        let made = i64::from(CHANGES_KEPT) + 901;
        for chunk in (0..made).collect::<Vec<_>>().chunks(800) {
            let mut tx = db.begin().await.unwrap();
            for _ in chunk {
                tx.changed(&scope, Change::new("plan", base::PlanId::generate(NOW).as_uuid()));
            }
            tx.commit().await.unwrap();
        }
        assert_eq!(tidy(&db, &clock).await.unwrap(), 901);
        assert_eq!(tidy(&db, &clock).await.unwrap(), 0);
        let heads = change::heads(&mut db.conn().await.unwrap()).await.unwrap();
        let tenant_id: TenantId = scope.tenant();
        assert!(heads.contains(&Head { tenant_id, sequence: made, trimmed: 901 }), "{heads:?}");
    }
}
