//! The forms of events that stand before the domains that publish them: others react to them earlier in the order of
//! dependence, or publish them once they are there. What a domain tells of its own matters stands in its own `event.rs`.
//!
//! `saas` invoices of the platform · `enduser` invoices of customers · `network` what routers report · `field` cabinets, outages and technicians. Which
//! events there are at all, who publishes and who reacts: `docs/events.md`.

mod enduser;
mod field;
mod network;
mod saas;

pub use enduser::{EnduserInvoiceCreated, EnduserInvoiceOverdue, EnduserInvoicePaid};
pub use field::{NodeKind, OutageResolve, OutageTrigger, TechnicianActivityCreated};
pub use network::{AttemptSample, RadiusAuthAttempt, RouterSyncComplete};
pub use saas::InvoiceOverdue;

#[cfg(test)]
mod tests {
    use base::{
        CustomerId, EnduserInvoiceId, Minor, OutageId, RouterId, SaasInvoiceId, SubscriberId, Timestamp,
    };
    use foundation::event::{Envelope, Event};
    use serde::{Serialize, de::DeserializeOwned};
    use serde_json::{Value, json};

    use super::*;

    /// What is stored of an event, and that it can be read again.
    fn stored<E: Event + DeserializeOwned + Serialize>(event: &E) -> Value {
        let body = serde_json::to_value(event).unwrap();
        let envelope = Envelope {
            tenant: base::TenantId::PLATFORM,
            sequence: 1,
            kind: E::KIND.into(),
            version: E::VERSION,
            at: Timestamp::EPOCH,
            body: body.clone(),
        };
        let read: E = envelope.read().unwrap().unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), body);
        body
    }

    /// Stored events are read for years: their forms stay.
    #[test]
    fn the_forms_of_events_stay() {
        let id = uuid::Uuid::from_u128(7);
        let text = "00000000-0000-0000-0000-000000000007";
        let (invoice, customer) = (EnduserInvoiceId::from_uuid(id), CustomerId::from_uuid(id));
        let amount = Minor::new(150_000);
        let due_at = Timestamp::from_millis(1_000);
        let created = EnduserInvoiceCreated { invoice, customer, amount, due_at };
        assert_eq!(
            stored(&created),
            json!({ "invoiceId": text, "customerId": text, "amount": 150_000, "dueAt": "1970-01-01T00:00:01Z" })
        );
        let overdue = EnduserInvoiceOverdue {
            invoice,
            customer,
            amount,
            subscribers: vec![SubscriberId::from_uuid(id)],
        };
        assert_eq!(
            stored(&overdue),
            json!({ "invoiceId": text, "customerId": text, "amount": 150_000, "subscriberIds": [text] })
        );
        let paid = EnduserInvoicePaid { invoice, customer, amount };
        assert_eq!(stored(&paid), json!({ "invoiceId": text, "customerId": text, "amount": 150_000 }));
        assert_eq!(
            stored(&InvoiceOverdue { invoice: SaasInvoiceId::from_uuid(id) }),
            json!({ "invoiceId": text })
        );
        let sync = RouterSyncComplete { router: RouterId::from_uuid(id), changed: 2, learnt: 1 };
        assert_eq!(stored(&sync), json!({ "routerId": text, "changed": 2, "learnt": 1 }));
        let outage = OutageId::from_uuid(id);
        let trigger = OutageTrigger { outage, node_kind: NodeKind::Odp, node: id };
        assert_eq!(stored(&trigger), json!({ "outageId": text, "nodeKind": "odp", "nodeId": text }));
        assert_eq!(stored(&OutageResolve { outage }), json!({ "outageId": text }));
    }
}
