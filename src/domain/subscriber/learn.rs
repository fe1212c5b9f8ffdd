//! Learning the hardware of a first login, from its record in the journal.

use base::{MacAddress, Scope, SubscriberId};
use foundation::{Tx, audit, db};

use super::{super::values::Entry, MacLock, store};

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learnt {
    /// The lock closed around the address.
    Now,
    /// There was nothing to learn: the lock is closed or off, or the subscriber is gone. A record that is applied twice ends
    /// here.
    NothingToLearn,
}

/// Why the hardware cannot be learnt.
#[derive(Debug, thiserror::Error)]
#[error("the hardware address cannot be stored")]
pub struct LearnMacError(#[from] db::Error);

impl LearnMacError {
    /// The same may work when it is tried again.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        self.0.is_transient()
    }
}

/// Closes a learning lock around `mac`. Applying the same again, or another address later, changes nothing.
///
/// # Errors
/// When the database cannot be used.
pub async fn learn_mac(
    tx: &mut Tx,
    scope: &Scope,
    id: SubscriberId,
    mac: MacAddress,
) -> Result<Learnt, LearnMacError> {
    if !store::subscriber::learn_mac(tx, scope, id, mac).await? {
        return Ok(Learnt::NothingToLearn);
    }
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Lock<'a> {
        mac_lock: MacLock,
        macs: &'a [MacAddress],
    }
    let before = Lock { mac_lock: MacLock::Learn, macs: &[] };
    let after = Lock { mac_lock: MacLock::Locked, macs: &[mac] };
    tx.audit(
        scope,
        audit::Entry::new("subscriber.learn_mac", "subscriber", id).before(&before).after(&after),
    );
    tx.changed(scope, Entry::Subscriber(id).into());
    Ok(Learnt::Now)
}
