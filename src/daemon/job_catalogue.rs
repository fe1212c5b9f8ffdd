//! Every kind of job, by name: the eleven that the specification asks for, those that keep derived state true, and those that
//! carry notices. From this table come the registry's test and `docs/jobs.md`.

use crate::http::JobKind;

/// Whether a kind runs in this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It runs: what enqueues it.
    Runs(&'static str),
    /// It arrives with this module.
    With(&'static str),
}

/// A kind of job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub kind: &'static str,
    /// The specification asks for it by name.
    pub is_specified: bool,
    /// What it does.
    pub does: &'static str,
    /// Whether it runs, and from where.
    pub presence: Presence,
}

const fn specified(kind: &'static str, does: &'static str, presence: Presence) -> Listed {
    Listed { kind, is_specified: true, does, presence }
}

const fn ours(kind: &'static str, does: &'static str, presence: Presence) -> Listed {
    Listed { kind, is_specified: false, does, presence }
}

/// All of them.
pub const KINDS: &[Listed] = &[
    specified(
        "router_sync_job",
        "brings one router to its wanted state over its API, and reads it back",
        Presence::With("sync"),
    ),
    specified(
        "radius_acct_job",
        "sums usage by subscriber and local day; closes sessions that fell silent; compares the live table and the \
         journal with the database, and mends what differs",
        Presence::Runs(
            "schedules: sums hourly for each tenant, sweeps every 10 minutes, compares every 15 and 30",
        ),
    ),
    specified(
        "outage_propagation_job",
        "carries an outage from a cabinet to its nodes and customers, and its end back",
        Presence::With("outage"),
    ),
    specified("voucher_expiration_job", "ends vouchers whose time is over", Presence::With("voucher")),
    specified(
        "monthly_saas_invoice_job",
        "makes the platform's invoices to its tenants at the turn of each one's month, tells what is overdue, and locks the \
         panel of who does not pay",
        Presence::Runs("schedule: every 10 minutes, each tenant once on each of its days"),
    ),
    specified(
        "monthly_enduser_invoice_job",
        "makes a tenant's invoices to its customers, on its own cut-off day",
        Presence::With("billing"),
    ),
    specified("upstream_invoice_job", "enters what a tenant owes its upstreams", Presence::With("billing")),
    specified("wa_send_job", "sends one WhatsApp message", Presence::With("wa")),
    specified("wa_retry_job", "sends again what a provider did not take", Presence::With("wa")),
    specified(
        "technician_activity_sync_job",
        "shows technicians' activities at the nodes of the map",
        Presence::With("hr"),
    ),
    specified(
        "addon_usage_reconciliation",
        "compares the use of add-ons with what is charged for them, charges each new cycle, and brings what was scheduled \
         into force",
        Presence::Runs("schedule: every 10 minutes"),
    ),
    ours(
        "limit_reconcile_job",
        "compares the counters of tenants' limits with what is there, and mends them",
        Presence::Runs("schedule: hourly"),
    ),
    ours(
        "overlay_reconcile_job",
        "compares each subscriber's isolation with its reasons and with what the network was asked for, and mends it",
        Presence::Runs("schedule: hourly"),
    ),
    ours(
        "directory_reconcile_job",
        "compares the directory with the database's rows, and has read anew what differs",
        Presence::Runs("schedule: every 6 hours"),
    ),
    ours(
        "notice_webhook_job",
        "posts a notice to the super admin's webhook",
        Presence::Runs("a job that is dead, where `notices.webhook-url` is set"),
    ),
    ours(
        "notice_mail_job",
        "mails a notice to the super admin",
        Presence::Runs("a job that is dead, where `notices.smtp-url` is set"),
    ),
];

/// The table for who operates the queue.
#[must_use]
pub fn for_operators() -> Vec<JobKind> {
    let shown = |listed: &Listed| JobKind {
        name: listed.kind,
        does: listed.does,
        comes_from: match listed.presence {
            Presence::Runs(flow) => Some(flow),
            Presence::With(_) => None,
        },
    };
    KINDS.iter().map(shown).collect()
}

/// The table in Markdown, as `docs/jobs.md` has it.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from("| kind | what it does | where it comes from |\n|---|---|---|\n");
    for listed in KINDS {
        let mark = if listed.is_specified { "" } else { " ¹" };
        let presence = match listed.presence {
            Presence::Runs(flow) => flow.to_owned(),
            Presence::With(module) => format!("arrives with the module `{module}`"),
        };
        text.push_str(&format!("| `{}`{mark} | {} | {presence} |\n", listed.kind, listed.does));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Specification, `background_jobs`.
    const SPECIFIED: [&str; 11] = [
        "router_sync_job",
        "radius_acct_job",
        "outage_propagation_job",
        "voucher_expiration_job",
        "monthly_saas_invoice_job",
        "monthly_enduser_invoice_job",
        "upstream_invoice_job",
        "wa_send_job",
        "wa_retry_job",
        "technician_activity_sync_job",
        "addon_usage_reconciliation",
    ];

    #[test]
    fn every_specified_kind_is_listed() {
        let listed: Vec<&str> =
            KINDS.iter().filter(|listed| listed.is_specified).map(|listed| listed.kind).collect();
        assert_eq!(listed, SPECIFIED);
    }

    #[test]
    fn the_documentation_has_the_table() {
        let stored = include_str!("../../docs/jobs.md");
        assert!(stored.contains(&markdown()), "docs/jobs.md is not up to date:\n{}", markdown());
    }
}
