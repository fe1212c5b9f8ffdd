//! What the super admin sets for the platform as a whole.

use base::Platform;
use foundation::{Conn, Tx, audit, db};
use serde::{Deserialize, Serialize};

use super::{
    super::values::{Invalid, Stale, Version, invalid::ensure, text},
    store,
};

base::text_enum! {
    /// Whether the daemon does something by itself.
    pub enum Handling {
        /// It does.
        Automatic = "automatic",
        /// The super admin does.
        Manual = "manual",
    }
}

/// What the super admin sets for the platform as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct PlatformSettings {
    /// How a tenant pays the platform: account, reference, whom to call. Shown to who is locked out.
    pub payment_instructions: String,
    /// Whether tenants get their invoices by themselves; `automatic` unless something else is said.
    pub invoicing: Handling,
    /// Days to pay an invoice in: 7 unless something else is said, at most 90.
    pub invoice_due_days: i64,
    /// Whether the panel of who does not pay is locked by itself; `automatic` unless something else is said.
    pub isolation: Handling,
    /// Days after the due one before that: 7 unless something else is said, at most 90.
    pub grace_days: i64,
}

/// Days to pay in, and of grace, when nothing else is said.
const DAYS: i64 = 7;
/// The most of either.
pub const MAX_DAYS: i64 = 90;

impl Default for PlatformSettings {
    fn default() -> Self {
        Self {
            payment_instructions: String::new(),
            invoicing: Handling::Automatic,
            invoice_due_days: DAYS,
            isolation: Handling::Automatic,
            grace_days: DAYS,
        }
    }
}

/// The settings with how often they were changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoredSettings {
    /// The settings.
    #[serde(flatten)]
    pub settings: PlatformSettings,
    /// Rises with each change.
    pub version: Version,
}

/// Why the settings cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// They were changed since the caller read them.
    #[error("the settings were changed meanwhile")]
    Stale(#[from] Stale),
    /// A value cannot be accepted.
    #[error("the settings cannot be accepted")]
    Invalid(#[from] Invalid),
    /// The database refused.
    #[error("the settings cannot be stored")]
    Database(#[from] db::Error),
}

/// The platform's settings; anybody may be shown them.
///
/// # Errors
/// When the database cannot be read.
pub async fn platform_settings(conn: &mut Conn) -> db::Result<StoredSettings> {
    let found = store::setting::find(conn).await?;
    Ok(found.unwrap_or(StoredSettings { settings: PlatformSettings::default(), version: Version::FIRST }))
}

/// Changes them.
///
/// # Errors
/// As [`SettingsError`] says.
pub async fn set_platform_settings(
    tx: &mut Tx,
    platform: &Platform,
    seen: Option<Version>,
    settings: PlatformSettings,
) -> Result<StoredSettings, SettingsError> {
    let before = platform_settings(tx).await?;
    before.version.expect(seen)?;
    ensure((0..=MAX_DAYS).contains(&settings.invoice_due_days), "invoiceDueDays", "must be from 0 to 90")?;
    ensure((0..=MAX_DAYS).contains(&settings.grace_days), "graceDays", "must be from 0 to 90")?;
    let settings = PlatformSettings {
        payment_instructions: text::note("paymentInstructions", &settings.payment_instructions)?,
        ..settings
    };
    if settings == before.settings {
        return Ok(before);
    }
    let after = StoredSettings { settings, version: before.version.next() };
    if !store::setting::put(tx, platform, &after, before.version).await? {
        return Err(Stale { seen: before.version, current: after.version }.into());
    }
    let entry = audit::Entry::new("platform.set_settings", "platform", "settings");
    tx.audit(platform, entry.before(&before).after(&after));
    Ok(after)
}
