//! The hash chain: each entry's hash covers the hash before it and every field of the entry.
//!
//! ```text
//! hash(n) = SHA-256( version | hash(n-1) | field | field | … )      field = 0, or 1 | length (8 octets) | octets
//! ```
//!
//! The last hash stands in the stream's head as well, so that entries cut off the end are missed. Whoever can write
//! to the database can compute a whole new chain: keep [`Verified::hash`] elsewhere to notice that, too.

use std::fmt;

use base::{TenantId, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::{Conn, db};

/// Before the first entry.
pub(crate) const START: Hash = Hash([0; 32]);
/// The form of what is hashed.
const VERSION: u8 = 1;
/// Entries that are read at a time.
const CHUNK: i64 = 500;

/// The hash of an entry and of all before it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash([u8; 32]);

/// Every field of an entry, as it is stored.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Link {
    pub(crate) sequence: i64,
    pub(crate) at: Timestamp,
    pub(crate) actor: String,
    pub(crate) address: Option<String>,
    pub(crate) act: String,
    pub(crate) target_kind: String,
    pub(crate) target_id: String,
    pub(crate) before_state: Option<String>,
    pub(crate) after_state: Option<String>,
    pub(crate) reason: Option<String>,
}

/// The hash of `entry` behind `previous` in the tenant's chain.
pub(crate) fn link(previous: Hash, tenant: TenantId, entry: &Link) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([VERSION]);
    hasher.update(previous.0);
    hasher.update(tenant.as_bytes());
    hasher.update(entry.sequence.to_be_bytes());
    hasher.update(entry.at.as_millis().to_be_bytes());
    let fields = [
        Some(&entry.actor),
        entry.address.as_ref(),
        Some(&entry.act),
        Some(&entry.target_kind),
        Some(&entry.target_id),
        entry.before_state.as_ref(),
        entry.after_state.as_ref(),
        entry.reason.as_ref(),
    ];
    for field in fields {
        match field {
            None => hasher.update([0]),
            Some(text) => {
                hasher.update([1]);
                hasher.update((text.len() as u64).to_be_bytes());
                hasher.update(text.as_bytes());
            }
        }
    }
    Hash(hasher.finalize().into())
}

/// The chain holds from its first entry to its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many entries there are.
    pub entries: i64,
    /// The hash of the last.
    pub hash: Hash,
}

/// The chain does not hold, or could not be read.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The entry with this number was altered, or it is missing, or one before it was slipped in.
    #[error("the audit trail is broken at entry {at}")]
    Broken {
        /// The first number at which it does not hold.
        at: i64,
    },
    /// The database cannot be read.
    #[error("the audit trail cannot be read")]
    Database(#[from] db::Error),
}

/// Computes the tenant's chain anew and compares. Entries that are committed meanwhile are left for the next time.
///
/// # Errors
/// [`VerifyError::Broken`] with the first number that does not hold.
pub async fn verify(conn: &mut Conn, tenant: TenantId) -> Result<Verified, VerifyError> {
    let head: Option<(i64, Vec<u8>)> = conn
        .query("SELECT audit_sequence, audit_hash FROM stream_head WHERE tenant_id = $1")
        .bind(tenant)
        .fetch_optional()
        .await?;
    let (entries, sealed) = head.unwrap_or_else(|| (0, START.0.to_vec()));
    let (mut hash, mut sequence) = (START, 0);
    while sequence < entries {
        let rows: Vec<Stored> = conn
            .query(
                "SELECT sequence, at, actor, address, act, target_kind, target_id, before_state, after_state, reason, \
                 hash FROM audit WHERE tenant_id = $1 AND sequence > $2 AND sequence <= $3 ORDER BY sequence LIMIT $4",
            )
            .bind(tenant)
            .bind(sequence)
            .bind(entries)
            .bind(CHUNK)
            .fetch_all()
            .await?;
        if rows.is_empty() {
            return Err(VerifyError::Broken { at: sequence + 1 });
        }
        for row in rows {
            sequence += 1;
            hash = link(hash, tenant, &row.link);
            if row.link.sequence != sequence || row.hash != hash.0 {
                return Err(VerifyError::Broken { at: sequence });
            }
        }
    }
    if hash.0.as_slice() == sealed {
        Ok(Verified { entries, hash })
    } else {
        Err(VerifyError::Broken { at: entries })
    }
}

#[derive(sqlx::FromRow)]
struct Stored {
    #[sqlx(flatten)]
    link: Link,
    hash: Vec<u8>,
}

impl Hash {
    /// The 32 octets.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// From its 32 octets.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Link {
        Link {
            sequence: 1,
            at: Timestamp::from_millis(1_795_334_400_500),
            actor: "user:1".into(),
            address: None,
            act: "router.create".into(),
            target_kind: "router".into(),
            target_id: "7".into(),
            before_state: None,
            after_state: Some("{}".into()),
            reason: None,
        }
    }

    #[test]
    fn every_field_is_covered_and_none_runs_into_the_next() {
        type Alteration = fn(&mut Link);
        let alterations: [Alteration; 12] = [
            |_| (),
            |link| link.sequence = 2,
            |link| link.at = Timestamp::EPOCH,
            |link| link.actor = "user:2".into(),
            |link| link.address = Some(String::new()),
            |link| link.act = "router.creat".into(),
            |link| link.target_kind = "erouter".into(),
            |link| link.target_id = "71".into(),
            |link| link.before_state = link.after_state.take(),
            |link| link.after_state = None,
            |link| link.reason = Some("why".into()),
            |link| {
                link.target_kind = "router7".into();
                link.target_id.clear();
            },
        ];
        let tenant = TenantId::PLATFORM;
        let mut hashes: Vec<Hash> = alterations
            .iter()
            .map(|alter| {
                let mut altered = entry();
                alter(&mut altered);
                link(START, tenant, &altered)
            })
            .collect();
        hashes.push(link(Hash([1; 32]), tenant, &entry()));
        hashes.push(link(START, TenantId::from_bytes([1; 16]), &entry()));
        for (at, hash) in hashes.iter().enumerate() {
            assert_eq!(
                hashes.iter().position(|other| other == hash),
                Some(at),
                "alteration {at} goes unseen"
            );
        }
    }
}
