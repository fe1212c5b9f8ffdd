//! Requests that may come twice: a caller names its act by a key, and gets the first answer again.
//!
//! The key, the act and the answer are written in one transaction, so that either all three are there or none. A second
//! request that comes while the first one is at it waits for its end.

use std::{fmt, str::FromStr};

use base::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::{
    Origin, Tx,
    db::{Error, Result, dialect},
};

/// The longest key: a UUID has 36, and what callers make of order numbers fits as well.
const MAX_KEY: usize = 200;
/// Keys that one transaction sweeps away.
const SWEEP: i64 = 900;

/// A caller's name for one act: 1 to 200 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

/// The text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key has 1 to {MAX_KEY} visible ASCII characters")]
pub struct ParseKeyError;

/// What was asked for, as a SHA-256: the same key for another request is the caller's mistake.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

/// The answer to keep. It must hold no secret in the clear: it is stored as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// What is known about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nothing: act, then [`keep`] the answer in the same transaction.
    Fresh,
    /// The act was done: give this answer again.
    Done(Answer),
    /// The key stands for another request.
    Taken,
}

/// Claims `key` for the caller's request.
///
/// # Errors
/// When the database cannot be used.
pub async fn claim(tx: &mut Tx, origin: &impl Origin, key: &Key, request: &Fingerprint) -> Result<Claim> {
    let act = origin.act();
    let fresh = tx
        .query(
            "INSERT INTO idempotency_key (tenant_id, actor, key, request_hash, at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (tenant_id, actor, key) DO NOTHING",
        )
        .bind(origin.stream())
        .bind(act.actor.to_string())
        .bind(&key.0)
        .bind(request.0.as_slice())
        .bind(act.now)
        .execute_optional()
        .await?;
    if fresh {
        return Ok(Claim::Fresh);
    }
    let (hash, status, body): (Vec<u8>, i64, String) = tx
        .query(
            "SELECT request_hash, status, body FROM idempotency_key WHERE tenant_id = $1 AND actor = $2 AND key = $3",
        )
        .bind(origin.stream())
        .bind(act.actor.to_string())
        .bind(&key.0)
        .fetch_one()
        .await?;
    if hash != request.0 {
        return Ok(Claim::Taken);
    }
    let status = u16::try_from(status).map_err(Error::decode)?;
    Ok(Claim::Done(Answer { status, body }))
}

/// Keeps the answer to a fresh claim.
///
/// # Errors
/// [`Error::RowCount`] when the key was not claimed in this transaction.
pub async fn keep(tx: &mut Tx, origin: &impl Origin, key: &Key, answer: &Answer) -> Result<()> {
    tx.query(
        "UPDATE idempotency_key SET status = $4, body = $5 \
         WHERE tenant_id = $1 AND actor = $2 AND key = $3 AND status IS NULL",
    )
    .bind(origin.stream())
    .bind(origin.act().actor.to_string())
    .bind(&key.0)
    .bind(i64::from(answer.status))
    .bind(&answer.body)
    .execute_one()
    .await
}

/// Forgets keys from before `until`, at most a transaction's worth at a time, and says how many went.
///
/// # Errors
/// When the database cannot be used.
pub async fn sweep(tx: &mut Tx, until: Timestamp) -> Result<u64> {
    tx.query(dialect(
        "DELETE FROM idempotency_key WHERE rowid IN (SELECT rowid FROM idempotency_key WHERE at < $1 LIMIT $2)",
        "DELETE FROM idempotency_key WHERE ctid = ANY (ARRAY(SELECT ctid FROM idempotency_key WHERE at < $1 LIMIT $2))",
    ))
    .bind(until)
    .bind(SWEEP)
    .execute()
    .await
}

impl FromStr for Key {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        let fits = (1..=MAX_KEY).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_graphic());
        if fits { Ok(Self(text.to_owned())) } else { Err(ParseKeyError) }
    }
}

impl Fingerprint {
    /// Of the request's parts, such as method, path and body.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_short_and_visible() {
        assert!("0192d3b0-0000-7000-8000-000000000000".parse::<Key>().is_ok());
        for text in ["", " ", "a b", "kunci\u{e9}", &"x".repeat(201)] {
            assert_eq!(text.parse::<Key>(), Err(ParseKeyError), "{text:?}");
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(Fingerprint::of(&[b"POST", b"/a"]), Fingerprint::of(&[b"POST/", b"a"]));
        assert_eq!(Fingerprint::of(&[b"POST", b"/a"]), Fingerprint::of(&[b"POST", b"/a"]));
    }
}
