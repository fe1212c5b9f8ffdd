//! The channels to the super admin, as they are configured.

use crate::{
    config::Notices,
    domain::notice::{Channels, Mail, Webhook},
};

/// The channels that these settings describe.
pub(super) fn channels(settings: &Notices) -> Channels {
    let webhook = settings.webhook.clone().map(|webhook| Webhook { url: webhook.url, key: webhook.key });
    let mail = settings.mail.clone().map(|mail| Mail { relay: mail.relay, from: mail.from, to: mail.to });
    Channels { webhook, mail }
}
