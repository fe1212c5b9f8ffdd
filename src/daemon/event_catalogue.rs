//! All events that there are: who publishes each, who reacts, and what is seen of it. `docs/events.md` is made from it, and
//! tests hold it against the sources and against the subscribers that are registered.
#![cfg(test)]

use std::{collections::BTreeSet, path::Path, sync::Arc};

use base::{Clock, DatabaseId, Timestamp};
use foundation::{
    event::{Event, Kind, Subscribers},
    job::JobFailed,
};

use crate::domain::{
    addon::{
        AddonActivated, AddonChangeScheduled, AddonDeactivated, AddonPendingApproval, AddonRejected,
        AddonUnitsChanged, SaasChargeRecorded,
    },
    billing::saas::{InvoiceCreated, InvoicePaid, InvoiceVoided},
    event::{
        EnduserInvoiceCreated, EnduserInvoiceOverdue, EnduserInvoicePaid, InvoiceOverdue, OutageResolve,
        OutageTrigger, RadiusAuthAttempt, RouterSyncComplete, TechnicianActivityCreated,
    },
    isolir::{SubscriberIsolated, SubscriberLifted},
    nas::{RouterCreated, RouterDeleted},
    notice::TellSuperAdmin,
    subscriber::{
        SubscriberCreated, SubscriberDeleted, SubscriberEnded, SubscriberPlanChanged, SubscriberResumed,
        SubscriberSuspended,
    },
    tenant::{
        TenantCreated, TenantIsolated, TenantLifted,
        feature::FeatureSwitched,
        limit::LimitSet,
        saas_plan::{SaasPlanChanged, TenantPlanChanged},
    },
};

/// The event types that the product was ordered with.
const SPECIFIED: [&str; 16] = [
    "tenant_created",
    "tenant_plan_changed",
    "addon_activated",
    "addon_pending_approval",
    "addon_rejected",
    "invoice_created",
    "invoice_overdue",
    "invoice_paid",
    "enduser_invoice_created",
    "enduser_invoice_overdue",
    "enduser_invoice_paid",
    "router_sync_complete",
    "radius_auth_attempt",
    "outage_trigger",
    "outage_resolve",
    "technician_activity_created",
];

/// Whether somebody publishes it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Published,
    /// In memory alone.
    Live,
    /// With its module.
    ToCome,
}

struct Row {
    kind: Kind,
    publisher: &'static str,
    effect: &'static str,
    stage: Stage,
}

const fn row<E: Event>(publisher: &'static str, effect: &'static str) -> Row {
    Row { kind: Kind::of::<E>(), publisher, effect, stage: Stage::Published }
}

const fn live<E: Event>(publisher: &'static str, effect: &'static str) -> Row {
    Row { kind: Kind::of::<E>(), publisher, effect, stage: Stage::Live }
}

const fn to_come<E: Event>(publisher: &'static str, effect: &'static str) -> Row {
    Row { kind: Kind::of::<E>(), publisher, effect, stage: Stage::ToCome }
}

fn catalogue() -> Vec<Row> {
    vec![
        row::<TenantCreated>("tenant", "the tenant is in the super admin's list"),
        row::<TenantPlanChanged>("tenant", "features and limits are others at the next request"),
        row::<AddonActivated>("addon", "features and limits are others at the next request"),
        row::<AddonPendingApproval>("addon", "the super admin sees the request"),
        row::<AddonRejected>("addon", "the tenant sees the reason"),
        row::<InvoiceCreated>("billing", "the tenant sees the invoice of the platform"),
        row::<InvoiceOverdue>(
            "billing",
            "the tenant is late; its panel is locked by policy once its grace is over",
        ),
        row::<InvoicePaid>("billing", "a panel that was locked for it is open at the next request"),
        to_come::<EnduserInvoiceCreated>("billing", "the customer sees the invoice and gets word of it"),
        to_come::<EnduserInvoiceOverdue>(
            "billing",
            "the customer is reminded, and isolated under the cut-off policy",
        ),
        to_come::<EnduserInvoicePaid>(
            "billing",
            "the customer gets a receipt; `unpaid` was lifted with the payment",
        ),
        to_come::<RouterSyncComplete>("sync", "what is known of the router is shown anew"),
        live::<RadiusAuthAttempt>("the RADIUS path", "the live stream shows who tries to get online"),
        to_come::<OutageTrigger>("outage", "the map shows who is down, and technicians get word"),
        to_come::<OutageResolve>("outage", "the map shows who is back"),
        to_come::<TechnicianActivityCreated>("hr", "the node's page shows the work"),
        row::<SaasPlanChanged>(
            "tenant",
            "features and limits of all who have it are others at the next request",
        ),
        row::<FeatureSwitched>("tenant", "the feature is there, or not, at the next request"),
        row::<TenantIsolated>(
            "tenant",
            "the panel is locked at the next request; routers and subscribers are served on",
        ),
        row::<TenantLifted>("tenant", "the panel is open at the next request, when no reason is left"),
        row::<LimitSet>("tenant", "the limit holds for the next thing that is made"),
        row::<AddonUnitsChanged>("addon", "limits are others at the next request"),
        row::<AddonChangeScheduled>("addon", "the tenant sees what holds from the next cycle on"),
        row::<AddonDeactivated>("addon", "features and limits are others at the next request"),
        row::<SaasChargeRecorded>("addon", "the charge is open for the next invoice of the platform"),
        row::<InvoiceVoided>("billing", "the tenant sees that the invoice was a mistake"),
        row::<RouterCreated>("nas", "the router is answered"),
        row::<RouterDeleted>("nas", "the router is answered no more"),
        row::<SubscriberCreated>("subscriber", "the subscriber can log in"),
        row::<SubscriberSuspended>("subscriber", "live sessions end, and no new one begins"),
        row::<SubscriberResumed>("subscriber", "the subscriber can log in again"),
        row::<SubscriberEnded>("subscriber", "live sessions end, and no new one ever begins"),
        row::<SubscriberPlanChanged>("subscriber", "the next login has the new plan"),
        row::<SubscriberDeleted>("subscriber", "live sessions end; name and address are free"),
        row::<JobFailed>("the job queue", "the super admin is told which job is dead, and why"),
        row::<SubscriberIsolated>("isolir", "the network follows: slow and walled"),
        row::<SubscriberLifted>("isolir", "the network follows: as the plan says, when no reason is left"),
    ]
}

/// Everybody who reacts in a daemon.
fn subscribers() -> Subscribers {
    let tell =
        TellSuperAdmin { channels: Arc::default(), installation: DatabaseId::generate(Timestamp::EPOCH) };
    super::events::subscribers(&Arc::new(aaa::live::Live::new([0; 16])), &Clock::system(), tell)
}

/// The page, as `docs/events.md` has it.
fn markdown() -> String {
    let mut text = String::from(
        "# Events\n\n\
         What happened, told to whoever reacts. A service publishes in the transaction of its change; each event has its place\n\
         in its tenant's stream, without gaps, and reaches every subscriber in that order, at least once, with one effect in\n\
         the database. `GET /api/v1/events` lists them, `GET /api/v1/events/stream` carries them as they are committed\n\
         (server-sent events; resumed with `Last-Event-ID`). Bodies hold ids, never secrets.\n\n\
         A subscriber that fails waits alone, with that tenant alone: see \"A reaction fails\" in `operating.md`. A kind that a\n\
         subscriber does not know is passed over; in front of a newer version of a kind it does know, it waits for the\n\
         daemon that can read it.\n\n\
         | event | version | published by | who reacts | what is seen |\n|---|---|---|---|---|\n",
    );
    let subscribers = subscribers();
    for Row { kind, publisher, effect, stage } in catalogue() {
        let reacts: Vec<String> = subscribers
            .names()
            .filter(|(_, kinds)| kinds.contains(&kind))
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        let reacts = if reacts.is_empty() { "-".to_owned() } else { reacts.join(", ") };
        let publisher = match stage {
            Stage::Published => publisher.to_owned(),
            Stage::Live => format!("{publisher}, in memory alone: counted and sampled once in two seconds"),
            Stage::ToCome => format!("{publisher}, with that module"),
        };
        text.push_str(&format!(
            "| `{}` | {} | {publisher} | {reacts} | {effect} |\n",
            kind.name, kind.version
        ));
    }
    text
}

#[test]
fn the_documentation_lists_them_all() {
    let stored = include_str!("../../docs/events.md");
    assert!(stored == markdown(), "docs/events.md is not up to date:\n{}", markdown());
}

/// Every name that the sources publish under.
fn published() -> BTreeSet<String> {
    fn walk(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                walk(&entry, found);
                continue;
            }
            let text = std::fs::read_to_string(&entry).unwrap_or_default();
            let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
            for part in text.split("impl Event for ").skip(1) {
                let kind = part.split("KIND: &'static str = ").nth(1).unwrap_or_default();
                match kind.strip_prefix('"') {
                    Some(kind) => drop(found.insert(kind.split('"').next().unwrap_or_default().to_owned())),
                    None => found.extend(text.lines().filter_map(declared)),
                }
            }
        }
    }
    let mut found = BTreeSet::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src/domain", "foundation/src"] {
        walk(&root.join(folder), &mut found);
    }
    found
}

/// The name in a line that declares an event by a macro: `Name = "kind" {` or `Name = "kind";`.
fn declared(line: &str) -> Option<String> {
    let (name, rest) = line.trim().split_once(" = \"")?;
    let (kind, end) = rest.split_once('"')?;
    let is_declaration = name.bytes().all(|octet| octet.is_ascii_alphanumeric())
        && matches!(end.trim().chars().next(), Some('{' | ';'));
    is_declaration.then(|| kind.to_owned())
}

#[test]
fn every_event_of_the_sources_stands_in_it_once() {
    let listed: Vec<&str> = catalogue().iter().map(|row| row.kind.name).collect();
    let distinct: BTreeSet<&str> = listed.iter().copied().collect();
    assert_eq!(distinct.len(), listed.len(), "an event stands there twice");
    let published = published();
    assert!(published.len() > 20, "{published:?}");
    let unlisted: Vec<&String> = published.iter().filter(|kind| !distinct.contains(kind.as_str())).collect();
    assert!(unlisted.is_empty(), "add these to the catalogue: {unlisted:?}");
    for row in catalogue().iter().filter(|row| row.stage != Stage::ToCome) {
        assert!(published.contains(row.kind.name), "nothing publishes {}", row.kind.name);
    }
}

#[test]
fn all_that_were_ordered_are_there() {
    let listed: Vec<&str> = catalogue().iter().map(|row| row.kind.name).collect();
    let missing: Vec<&&str> = SPECIFIED.iter().filter(|kind| !listed.contains(kind)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn who_reacts_reacts_to_something_that_is_known() {
    let subscribers = subscribers();
    for (name, kinds) in subscribers.names() {
        for kind in kinds {
            assert!(catalogue().iter().any(|row| row.kind == *kind), "{name} wants {kind:?}");
        }
    }
}
