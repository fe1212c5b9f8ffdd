//! What an isolated subscriber gets in place of the plan.

use radius::dictionary::Dictionary;
use serde::{Deserialize, Serialize};

use super::super::values::{Invalid, RateLimit, attributes, invalid::ensure, text};

/// Slow enough to be noticed, fast enough that the payment page loads.
const DEFAULT_RATE: u64 = 128_000;
/// The address list that our router script walls off.
const DEFAULT_ADDRESS_LIST: &str = "isolir";
/// Custom attributes that may survive isolation: far more than anybody sets.
const MAX_KEPT_ATTRIBUTES: usize = 16;

/// What an isolated subscriber gets: online, slow, and walled to the payment page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IsolirProfile {
    /// Speed in place of the plan's.
    #[serde(default)]
    pub rate_limit: Option<RateLimit>,
    /// Mikrotik-Address-List that the router's walled garden acts on.
    #[serde(default)]
    pub address_list: Option<String>,
    /// Mikrotik-Group.
    #[serde(default)]
    pub group: Option<String>,
    /// Filter-Id.
    #[serde(default)]
    pub filter: Option<String>,
    /// Framed-Pool. Without one the plan's pool and the static address stay, and a lift needs no re-dial.
    #[serde(default)]
    pub pool: Option<String>,
    /// Session-Timeout in seconds.
    #[serde(default)]
    pub session_timeout: Option<u32>,
    /// Custom attributes of plan and subscriber that survive isolation.
    #[serde(default)]
    pub kept_attributes: Vec<KeptAttribute>,
}

impl Default for IsolirProfile {
    /// 128 kbit/s both ways, on the address list `isolir`, in the plan's pool.
    fn default() -> Self {
        Self {
            rate_limit: Some(RateLimit::plain(DEFAULT_RATE, DEFAULT_RATE)),
            address_list: Some(DEFAULT_ADDRESS_LIST.to_owned()),
            group: None,
            filter: None,
            pool: None,
            session_timeout: None,
            kept_attributes: Vec::new(),
        }
    }
}

/// An attribute by name and by number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct KeptAttribute {
    /// Its name in the dictionary.
    pub name: String,
    /// Its vendor's enterprise number; 0 is the standard space.
    pub vendor: u32,
    /// Its type.
    pub number: u8,
}

impl KeptAttribute {
    /// The attribute of this name.
    ///
    /// # Errors
    /// When the dictionary has none, or it is none that can be set.
    pub fn named(dictionary: &Dictionary, name: &str) -> Result<Self, Invalid> {
        let attribute = dictionary.find_name(name.trim()).ok_or_else(|| {
            Invalid::new("keptAttributes", "names an attribute that the dictionary does not have")
        })?;
        let (vendor, number) = attributes::key(attribute.number)
            .ok_or_else(|| Invalid::new("keptAttributes", "names an attribute that cannot be set"))?;
        Ok(Self { name: attribute.name.to_string(), vendor, number })
    }
}

impl IsolirProfile {
    /// Brings it into its stored form.
    ///
    /// # Errors
    /// The first value that cannot be accepted.
    pub fn validated(self) -> Result<Self, Invalid> {
        if let Some(rate_limit) = &self.rate_limit {
            rate_limit.validate().map_err(|invalid| invalid.within("rateLimit"))?;
        }
        ensure(
            self.session_timeout.is_none_or(|seconds| seconds >= 60),
            "sessionTimeout",
            "must be at least 60 seconds",
        )?;
        ensure(
            self.kept_attributes.len() <= MAX_KEPT_ATTRIBUTES,
            "keptAttributes",
            "has more than 16 entries",
        )?;
        Ok(Self {
            address_list: text::attribute("addressList", self.address_list.as_deref())?,
            group: text::attribute("group", self.group.as_deref())?,
            filter: text::attribute("filter", self.filter.as_deref())?,
            pool: text::attribute("pool", self.pool.as_deref())?,
            ..self
        })
    }

    /// As the directory holds it.
    #[must_use]
    pub fn directory_entry(&self) -> aaa::directory::entry::IsolirProfile {
        let boxed = |text: &Option<String>| text.as_deref().map(Box::from);
        aaa::directory::entry::IsolirProfile {
            rate_limit: self.rate_limit.map(|limit| limit.compose().into()),
            address_list: boxed(&self.address_list),
            group: boxed(&self.group),
            filter: boxed(&self.filter),
            pool: boxed(&self.pool),
            session_timeout: self.session_timeout,
            kept_attributes: self.kept_attributes.iter().map(|kept| (kept.vendor, kept.number)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_keeps_the_pool() {
        let entry = IsolirProfile::default().validated().unwrap().directory_entry();
        assert_eq!(entry.rate_limit.as_deref(), Some("128k/128k"));
        assert_eq!(entry.address_list.as_deref(), Some("isolir"));
        assert_eq!(entry.pool, None, "so that a lift needs no re-dial");
    }
}
