//! The SQL of the platform's settings: one document.

use base::Platform;
use foundation::{Conn, db::Result};

use super::super::settings::{PlatformSettings, StoredSettings};
use crate::domain::values::Version;

/// The document's name.
const NAME: &str = "platform";

/// The stored settings. What a newer version wrote besides is passed over.
pub(in super::super) async fn find(conn: &mut Conn) -> Result<Option<StoredSettings>> {
    let row: Option<(String, Version)> = conn
        .query("SELECT value, version FROM platform_setting WHERE name = $1")
        .bind(NAME)
        .fetch_optional()
        .await?;
    let Some((value, version)) = row else { return Ok(None) };
    let value: serde_json::Value = serde_json::from_str(&value).map_err(foundation::db::Error::decode)?;
    let usual = PlatformSettings::default();
    let text = |name: &str| value[name].as_str().unwrap_or_default();
    let days = |name: &str, usual: i64| value[name].as_i64().unwrap_or(usual);
    let settings = PlatformSettings {
        payment_instructions: text("paymentInstructions").to_owned(),
        invoicing: text("invoicing").parse().unwrap_or(usual.invoicing),
        invoice_due_days: days("invoiceDueDays", usual.invoice_due_days),
        isolation: text("isolation").parse().unwrap_or(usual.isolation),
        grace_days: days("graceDays", usual.grace_days),
    };
    Ok(Some(StoredSettings { settings, version }))
}

/// Stores them; `false` when they are not at `version` any more.
pub(in super::super) async fn put(
    conn: &mut Conn,
    platform: &Platform,
    stored: &StoredSettings,
    version: Version,
) -> Result<bool> {
    let value = serde_json::to_string(&stored.settings)
        .map_err(|error| foundation::db::Error::Encode(error.into()))?;
    conn.query(
        "INSERT INTO platform_setting (name, value, version, updated_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value, version = excluded.version, \
         updated_at = excluded.updated_at WHERE platform_setting.version = $5",
    )
    .bind(NAME)
    .bind(value)
    .bind(stored.version)
    .bind(platform.now())
    .bind(version)
    .execute_optional()
    .await
}
