//! The hash chain: each entry's hash covers the hash before it and every field of the entry.
//!
//! ```text
//! hash(n) = SHA-256( version | hash(n-1) | field | field | … )      field = 0, or 1 | length (8 octets) | octets
//! ```
//!
//! The last hash stands in the stream's head as well, so that entries cut off the end are missed. Whoever can write
//! to the database can cut the head back with them, or compute a whole new chain: a [`Head`] that was noted elsewhere,
//! such as in the log, shows that, too.

use std::{fmt, str::FromStr};

use base::{TenantId, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::{Conn, db};

/// Before the first entry.
pub(crate) const START: Hash = Hash([0; 32]);
/// The form of what is hashed.
const VERSION: u8 = 1;
/// Entries that are read at a time.
const CHUNK: i64 = 500;
/// The platform's own trail, as people write it.
const PLATFORM: &str = "platform";

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

/// How far a trail reached once, and its hash then. As text `TENANT:NUMBER:HASH`, where the platform's own trail has
/// `platform` for its tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Whose trail.
    pub tenant: TenantId,
    /// The number of its last entry.
    pub sequence: i64,
    /// The hash of that entry.
    pub hash: Hash,
}

/// The text is no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a head is TENANT:NUMBER:HASH as the log has it, with `platform` for the platform's own trail")]
pub struct ParseHeadError;

/// The chain does not hold, or could not be read.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The entry with this number was altered, or it is missing, or one before it was slipped in.
    #[error("the audit trail is broken at entry {at}")]
    Broken {
        /// The first number at which it does not hold.
        at: i64,
    },
    /// The entries from this number on are gone: the trail reached farther once.
    #[error("the audit trail was cut off: entry {at} was there, and is not any more")]
    Cut {
        /// The first number that is missing.
        at: i64,
    },
    /// The chain holds in itself, but it is another one than was there once.
    #[error("the audit trail was written anew: entry {at} is not the one that was noted")]
    Rewritten {
        /// The number that was noted.
        at: i64,
    },
    /// The database cannot be read.
    #[error("the audit trail cannot be read")]
    Database(#[from] db::Error),
}

/// Every trail that there is: of tenants with a head, and of those that have entries and no head any more.
///
/// # Errors
/// When the database cannot be read.
pub async fn trails(conn: &mut Conn) -> db::Result<Vec<TenantId>> {
    let rows: Vec<(TenantId,)> = conn
        .query(
            "SELECT tenant_id FROM stream_head UNION SELECT DISTINCT tenant_id FROM audit ORDER BY tenant_id",
        )
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(tenant,)| tenant).collect())
}

/// How far each trail with entries reaches, a page of up to `limit` behind the tenant `after`, in the order of ids.
///
/// # Errors
/// When the database cannot be read.
pub async fn heads(conn: &mut Conn, after: Option<TenantId>, limit: u32) -> db::Result<Vec<Head>> {
    let mut query =
        conn.query("SELECT tenant_id, audit_sequence, audit_hash FROM stream_head WHERE audit_sequence > 0");
    if let Some(after) = after {
        query = query.push(" AND tenant_id > ").push_bind(after);
    }
    let rows: Vec<(TenantId, i64, Vec<u8>)> =
        query.push(" ORDER BY tenant_id LIMIT ").push_bind(i64::from(limit)).fetch_all().await?;
    rows.into_iter()
        .map(|(tenant, sequence, hash)| {
            let hash = <[u8; 32]>::try_from(hash.as_slice()).map_err(db::Error::decode)?;
            Ok(Head { tenant, sequence, hash: Hash(hash) })
        })
        .collect()
}

/// Computes the tenant's chain anew and compares, also with heads that were `noted` elsewhere (those of other tenants do
/// not matter). Entries that are committed meanwhile are left for the next time.
///
/// # Errors
/// With the first number that does not hold.
pub async fn verify(conn: &mut Conn, tenant: TenantId, noted: &[Head]) -> Result<Verified, VerifyError> {
    let noted = || noted.iter().filter(|head| head.tenant == tenant);
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
            if noted().any(|head| head.sequence == sequence && head.hash != hash) {
                return Err(VerifyError::Rewritten { at: sequence });
            }
        }
    }
    if hash.0.as_slice() != sealed {
        return Err(VerifyError::Broken { at: entries });
    }
    if noted().any(|head| head.sequence > entries) {
        return Err(VerifyError::Cut { at: entries + 1 });
    }
    if let Some(at) = beyond_head(conn, tenant).await? {
        return Err(VerifyError::Broken { at });
    }
    Ok(Verified { entries, hash })
}

/// The first entry that the head does not know of: slipped in, or the head was taken away. One statement, so that what is
/// committed meanwhile is seen with its head.
async fn beyond_head(conn: &mut Conn, tenant: TenantId) -> db::Result<Option<i64>> {
    let first: Option<(i64,)> = conn
        .query(
            "SELECT sequence FROM audit WHERE tenant_id = $1 AND sequence > \
             COALESCE((SELECT audit_sequence FROM stream_head WHERE tenant_id = $1), 0) ORDER BY sequence LIMIT 1",
        )
        .bind(tenant)
        .fetch_optional()
        .await?;
    Ok(first.map(|(sequence,)| sequence))
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

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.tenant == TenantId::PLATFORM {
            write!(f, "{PLATFORM}:{}:{}", self.sequence, self.hash)
        } else {
            write!(f, "{}:{}:{}", self.tenant, self.sequence, self.hash)
        }
    }
}

impl FromStr for Head {
    type Err = ParseHeadError;

    fn from_str(text: &str) -> Result<Self, ParseHeadError> {
        let mut parts = text.trim().split(':');
        let (Some(tenant), Some(sequence), Some(hash), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(ParseHeadError);
        };
        let tenant = match tenant {
            PLATFORM => TenantId::PLATFORM,
            other => other.parse().map_err(|_| ParseHeadError)?,
        };
        let sequence = sequence.parse().ok().filter(|number| *number > 0).ok_or(ParseHeadError)?;
        Ok(Self { tenant, sequence, hash: hash.parse()? })
    }
}

impl FromStr for Hash {
    type Err = ParseHeadError;

    fn from_str(text: &str) -> Result<Self, ParseHeadError> {
        let mut octets = [0; 32];
        let digits = text.as_bytes();
        if digits.len() != 2 * octets.len() {
            return Err(ParseHeadError);
        }
        for (octet, at) in octets.iter_mut().zip((0..digits.len()).step_by(2)) {
            let pair =
                text.get(at..at + 2).filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()));
            *octet = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or(ParseHeadError)?;
        }
        Ok(Self(octets))
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
    fn heads_are_written_and_read() {
        for tenant in [TenantId::PLATFORM, TenantId::from_bytes([7; 16])] {
            let head = Head { tenant, sequence: 42, hash: link(START, tenant, &entry()) };
            assert_eq!(head.to_string().parse(), Ok(head));
        }
        let hash = "ab".repeat(32);
        assert!(format!("platform:1:{hash}").parse::<Head>().is_ok());
        for text in [
            String::new(),
            "platform:1".into(),
            format!("platform:0:{hash}"),
            format!("nobody:1:{hash}"),
            format!("platform:1:{hash}:2"),
            format!("platform:1:{}", "é".repeat(32)),
            format!("platform:1:{}", "+1".repeat(32)),
        ] {
            assert_eq!(text.parse::<Head>(), Err(ParseHeadError), "{text}");
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
