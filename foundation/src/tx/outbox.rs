//! What a transaction buffers until its commit, and how it is numbered and written then.

use std::collections::BTreeMap;

use base::{TenantId, Timestamp};

use super::Origin;
use crate::{
    Conn,
    audit::{self, Entry, Hash, Link},
    change::Change,
    db::{Error, Json, Result, bulk},
    event::Event,
};

/// Per tenant, so that heads are locked in the order of ids: two commits that touch the same tenants cannot deadlock.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    streams: BTreeMap<TenantId, Stream>,
    broken: Option<serde_json::Error>,
}

#[derive(Debug, Default)]
struct Stream {
    events: Vec<Published>,
    entries: Vec<Link>,
    changes: Vec<Change>,
}

#[derive(Debug)]
struct Published {
    kind: &'static str,
    version: i64,
    at: Timestamp,
    body: serde_json::Value,
}

impl Outbox {
    pub(super) fn publish<E: Event>(&mut self, origin: &impl Origin, event: &E) {
        match serde_json::to_value(event) {
            Ok(body) => self.stream(origin).events.push(Published {
                kind: E::KIND,
                version: E::VERSION,
                at: origin.act().now,
                body,
            }),
            Err(error) => self.broken = Some(error),
        }
    }

    pub(super) fn audit(&mut self, origin: &impl Origin, entry: Entry) {
        if let Some(error) = entry.broken {
            self.broken = Some(error);
            return;
        }
        let act = origin.act();
        self.stream(origin).entries.push(Link {
            sequence: 0,
            at: act.now,
            actor: act.actor.to_string(),
            address: act.from.map(|address| address.to_string()),
            act: entry.act.to_owned(),
            target_kind: entry.target_kind.to_owned(),
            target_id: entry.target_id,
            before_state: entry.before,
            after_state: entry.after,
            reason: act.reason.clone(),
        });
    }

    pub(super) fn changed(&mut self, origin: &impl Origin, change: Change) {
        self.stream(origin).changes.push(change);
    }

    fn stream(&mut self, origin: &impl Origin) -> &mut Stream {
        self.streams.entry(origin.stream()).or_default()
    }

    /// Writes everything, as the last act of the transaction, and names the tenants whose streams grew.
    pub(super) async fn write(self, conn: &mut Conn) -> Result<Vec<TenantId>> {
        if let Some(error) = self.broken {
            return Err(Error::Encode(Box::new(error)));
        }
        let mut tenants = Vec::with_capacity(self.streams.len());
        for (tenant, stream) in self.streams {
            stream.write(conn, tenant).await?;
            tenants.push(tenant);
        }
        Ok(tenants)
    }
}

impl Stream {
    async fn write(mut self, conn: &mut Conn, tenant: TenantId) -> Result<()> {
        let mut told = std::collections::HashSet::with_capacity(self.changes.len());
        self.changes.retain(|change| told.insert(change.clone()));

        // Takes the numbers and locks the head until the commit in one statement.
        let (event, audit, change, hash): (i64, i64, i64, Vec<u8>) = conn
            .query(
                "INSERT INTO stream_head (tenant_id, event_sequence, audit_sequence, change_sequence, audit_hash) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant_id) DO UPDATE SET \
                 event_sequence = stream_head.event_sequence + excluded.event_sequence, \
                 audit_sequence = stream_head.audit_sequence + excluded.audit_sequence, \
                 change_sequence = stream_head.change_sequence + excluded.change_sequence \
                 RETURNING event_sequence, audit_sequence, change_sequence, audit_hash",
            )
            .bind(tenant)
            .bind(count(&self.events))
            .bind(count(&self.entries))
            .bind(count(&self.changes))
            .bind(audit::START.as_bytes().as_slice())
            .fetch_one()
            .await?;
        conn.count_written(1);
        write_events(conn, tenant, event - count(&self.events), &self.events).await?;
        write_changes(conn, tenant, change - count(&self.changes), &self.changes).await?;
        write_entries(conn, tenant, audit - count(&self.entries), &hash, self.entries).await
    }
}

async fn write_events(conn: &mut Conn, tenant: TenantId, before: i64, events: &[Published]) -> Result<()> {
    let numbered: Vec<(i64, &Published)> = (before + 1..).zip(events).collect();
    bulk::insert(
        conn,
        "INSERT INTO event (tenant_id, sequence, kind, version, at, body)",
        "",
        &numbered,
        |values, (sequence, event)| {
            values.push(tenant);
            values.push(*sequence);
            values.push(event.kind);
            values.push(event.version);
            values.push(event.at);
            values.push(Json(&event.body));
        },
    )
    .await
    .map(drop)
}

async fn write_changes(conn: &mut Conn, tenant: TenantId, before: i64, changes: &[Change]) -> Result<()> {
    let numbered: Vec<(i64, &Change)> = (before + 1..).zip(changes).collect();
    bulk::insert(
        conn,
        "INSERT INTO change (tenant_id, sequence, kind, id)",
        "",
        &numbered,
        |values, (sequence, change)| {
            values.push(tenant);
            values.push(*sequence);
            values.push(change.kind.as_ref());
            values.push(change.id);
        },
    )
    .await
    .map(drop)
}

async fn write_entries(
    conn: &mut Conn,
    tenant: TenantId,
    before: i64,
    hash: &[u8],
    entries: Vec<Link>,
) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut hash = <[u8; 32]>::try_from(hash).map(Hash::from_bytes).map_err(Error::decode)?;
    let chained: Vec<(Link, Hash)> = (before + 1..)
        .zip(entries)
        .map(|(sequence, entry)| {
            let entry = Link { sequence, ..entry };
            hash = audit::link(hash, tenant, &entry);
            (entry, hash)
        })
        .collect();
    bulk::insert(
        conn,
        "INSERT INTO audit (tenant_id, sequence, at, actor, address, act, target_kind, target_id, before_state, \
         after_state, reason, hash)",
        "",
        &chained,
        |values, (entry, hash)| {
            values.push(tenant);
            values.push(entry.sequence);
            values.push(entry.at);
            values.push(&entry.actor);
            values.push(&entry.address);
            values.push(&entry.act);
            values.push(&entry.target_kind);
            values.push(&entry.target_id);
            values.push(&entry.before_state);
            values.push(&entry.after_state);
            values.push(&entry.reason);
            values.push(hash.as_bytes().as_slice());
        },
    )
    .await?;
    conn.query("UPDATE stream_head SET audit_hash = $2 WHERE tenant_id = $1")
        .bind(tenant)
        .bind(hash.as_bytes().as_slice())
        .execute_one()
        .await
}

fn count<T>(records: &[T]) -> i64 {
    i64::try_from(records.len()).unwrap_or(i64::MAX)
}
