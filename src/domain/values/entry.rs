//! What the directory holds, as the change stream names it.

use base::{PlanId, RouterId, SubscriberId, TenantId};
use foundation::change::Change;

/// One thing in the directory. Who changes its row says so with `tx.changed(scope, Entry::….into())`; the feeder reads
/// the row anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// The tenant itself, told in its own stream.
    Tenant(TenantId),
    /// A router.
    Router(RouterId),
    /// A plan.
    Plan(PlanId),
    /// A subscriber, with its overlay.
    Subscriber(SubscriberId),
}

impl From<Entry> for Change {
    fn from(entry: Entry) -> Self {
        match entry {
            Entry::Tenant(id) => Self::new("tenant", id.as_uuid()),
            Entry::Router(id) => Self::new("router", id.as_uuid()),
            Entry::Plan(id) => Self::new("plan", id.as_uuid()),
            Entry::Subscriber(id) => Self::new("subscriber", id.as_uuid()),
        }
    }
}

impl Entry {
    /// What `change` is about; `None` when it is nothing that the directory holds.
    #[must_use]
    pub fn of(change: &Change) -> Option<Self> {
        match change.kind.as_ref() {
            "tenant" => Some(Self::Tenant(TenantId::from_uuid(change.id))),
            "router" => Some(Self::Router(RouterId::from_uuid(change.id))),
            "plan" => Some(Self::Plan(PlanId::from_uuid(change.id))),
            "subscriber" => Some(Self::Subscriber(SubscriberId::from_uuid(change.id))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use base::Timestamp;

    use super::*;

    #[test]
    fn what_is_told_is_understood() {
        let now = Timestamp::from_millis(1);
        for entry in [
            Entry::Tenant(TenantId::generate(now)),
            Entry::Router(RouterId::generate(now)),
            Entry::Plan(PlanId::generate(now)),
            Entry::Subscriber(SubscriberId::generate(now)),
        ] {
            assert_eq!(Entry::of(&entry.into()), Some(entry));
        }
        assert_eq!(Entry::of(&Change::new("voucher", TenantId::PLATFORM.as_uuid())), None);
    }
}
