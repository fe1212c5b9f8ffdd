//! `rrnetd audit verify`: with the database alone, while a daemon may run.

use base::TenantId;
use foundation::audit::{self, Head, VerifyError};

use super::{Failure, Outcome, admin, say, serve::runtime};
use crate::config::Sources;

/// Computes every trail's hash chain anew, and compares with the heads that were `noted`. Says of each trail how far it
/// reaches, or where it breaks first; fails when one does, or when there is none.
pub(super) fn verify(sources: &Sources, noted: &[Head]) -> Outcome {
    let config = super::load(sources)?;
    runtime()?.block_on(async {
        let db = admin::open_for_reading(&config).await?;
        let mut conn = db.conn().await.map_err(Failure::running)?;
        let mut trails = audit::trails(&mut conn).await.map_err(Failure::running)?;
        // A trail that was noted and is gone altogether is cut off as well.
        trails.extend(noted.iter().map(|head| head.tenant));
        trails.sort_unstable();
        trails.dedup();
        let (mut holding, mut broken) = (0_usize, 0_usize);
        for tenant in &trails {
            match audit::verify(&mut conn, *tenant, noted).await {
                Ok(verified) if verified.entries == 0 => {}
                Ok(verified) => {
                    let head = Head { tenant: *tenant, sequence: verified.entries, hash: verified.hash };
                    holding += 1;
                    say(&format!("holds   {head}"));
                }
                Err(VerifyError::Database(error)) => return Err(Failure::running(error)),
                Err(problem) => {
                    broken += 1;
                    say(&format!("BROKEN  {}: {problem}", name(*tenant)));
                }
            }
        }
        drop(conn);
        db.close().await;
        if broken > 0 {
            let trails = trails.len();
            return Err(Failure::running(anyhow::anyhow!("{broken} of {trails} audit trails do not hold")));
        }
        if holding == 0 {
            return Err(Failure::running(anyhow::anyhow!("there is no audit trail: nothing was verified")));
        }
        Ok(())
    })
}

fn name(tenant: TenantId) -> String {
    if tenant == TenantId::PLATFORM { "platform".to_owned() } else { tenant.to_string() }
}
