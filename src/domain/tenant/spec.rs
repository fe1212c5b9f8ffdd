//! What people may say of a tenant, and what of it is accepted.

use base::Currency;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::super::values::{Invalid, invalid::ensure, text};

/// What people may change of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TenantSpec {
    /// Its name.
    pub name: String,
    /// Its short name in addresses and at sign-in: 2 to 40 of `a-z`, `0-9`, `-`. Unique on the platform.
    pub slug: String,
    /// What its subscribers may write behind `@`.
    #[serde(default)]
    pub realm: Option<String>,
    /// IANA time zone, such as `Asia/Jakarta`.
    pub time_zone: String,
    /// The currency of its prices.
    pub currency: Currency,
    /// BCP 47 language, such as `id-ID`.
    pub locale: String,
}

impl TenantSpec {
    /// A tenant in Indonesia's western time zone.
    #[must_use]
    pub fn new(name: impl Into<String>, slug: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            slug: slug.into(),
            realm: None,
            time_zone: "Asia/Jakarta".to_owned(),
            currency: super::DEFAULT_CURRENCY,
            locale: "id-ID".to_owned(),
        }
    }

    /// Brings it into its stored form.
    ///
    /// # Errors
    /// The first value that cannot be accepted.
    pub fn validated(self) -> Result<Self, Invalid> {
        let realm = match self.realm {
            Some(realm) => {
                Some(realm.trim().trim_start_matches('@').to_lowercase()).filter(|it| !it.is_empty())
            }
            None => None,
        };
        if let Some(realm) = &realm {
            let allowed =
                |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || b"-._".contains(&octet);
            ensure(
                realm.len() <= MAX_REALM && realm.bytes().all(allowed),
                "realm",
                "must be at most 100 of a-z, 0-9, '-', '.' and '_'",
            )?;
        }
        let slug = self.slug.trim().to_lowercase();
        let inner = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-';
        ensure(
            (2..=40).contains(&slug.len())
                && slug.bytes().all(inner)
                && !slug.starts_with('-')
                && !slug.ends_with('-'),
            "slug",
            "must be 2 to 40 of a-z, 0-9 and '-', with a letter or digit at both ends",
        )?;
        ensure(
            self.time_zone.len() <= 64 && TimeZone::get(&self.time_zone).is_ok(),
            "timeZone",
            "is not an IANA time zone such as Asia/Jakarta",
        )?;
        let locale = self.locale.trim().to_owned();
        ensure(
            (2..=35).contains(&locale.len())
                && locale.split('-').all(|part| {
                    (1..=8).contains(&part.len()) && part.bytes().all(|octet| octet.is_ascii_alphanumeric())
                }),
            "locale",
            "is not a language such as id-ID",
        )?;
        Ok(Self {
            name: text::required("name", &self.name, text::MAX_NAME)?,
            slug,
            realm,
            time_zone: self.time_zone,
            currency: self.currency,
            locale,
        })
    }
}

/// Longest realm: together with `@` it leaves a user name 152 of its 253 octets.
const MAX_REALM: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sound_tenants_are_accepted() {
        let good =
            TenantSpec { realm: Some(" @Warga.NET ".into()), ..TenantSpec::new("  Warga Net ", "Warga-Net") };
        let accepted = good.clone().validated().unwrap();
        assert_eq!((accepted.name.as_str(), accepted.slug.as_str()), ("Warga Net", "warga-net"));
        assert_eq!(accepted.realm.as_deref(), Some("warga.net"));
        let refused = |spec: TenantSpec| spec.validated().unwrap_err().field;
        assert_eq!(refused(TenantSpec { time_zone: "Asia/Atlantis".into(), ..good.clone() }), "timeZone");
        assert_eq!(refused(TenantSpec { slug: "-x".into(), ..good.clone() }), "slug");
        assert_eq!(refused(TenantSpec { realm: Some("a b".into()), ..good.clone() }), "realm");
        assert_eq!(refused(TenantSpec { locale: "bahasa_indonesia".into(), ..good.clone() }), "locale");
        assert_eq!(refused(TenantSpec { name: String::new(), ..good }), "name");
    }
}
