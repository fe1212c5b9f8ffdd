//! Customers: the people and companies that pay.

use base::{
    CustomerId, Scope, SecretString, TenantId, Timestamp,
    page::{Page, PageRequest},
    seal::{OpenError, Place, Sealer},
};
use foundation::{Conn, Tx, audit, audit::Masked, db};
use serde::{Deserialize, Serialize};

use super::{
    super::values::{Invalid, Stale, Version, invalid::ensure, text},
    store,
};

/// Longest number of an identity card or passport.
const MAX_IDENTITY: usize = 40;
/// Longest telephone number: 15 digits (ITU-T E.164), and some slack for extensions.
const MAX_PHONE: usize = 20;

/// Who pays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Customer {
    /// Its id.
    pub id: CustomerId,
    /// What people may change of it.
    #[serde(flatten)]
    pub spec: CustomerSpec,
    /// There is an identity number; who may see it asks for it.
    pub has_identity_number: bool,
    /// Rises with each change.
    pub version: Version,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What people may change of a customer. The identity number stands apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CustomerSpec {
    /// The name.
    pub name: String,
    /// Telephone number.
    #[serde(default)]
    pub phone: Option<String>,
    /// E-mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// Postal address.
    #[serde(default)]
    pub address: String,
    /// Anything else.
    #[serde(default)]
    pub note: String,
}

impl CustomerSpec {
    /// A customer of whom only the name is known.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Brings it into its stored form.
    ///
    /// # Errors
    /// The first value that cannot be accepted.
    pub fn validated(self) -> Result<Self, Invalid> {
        let email = text::optional("email", self.email.as_deref().unwrap_or_default(), text::MAX_NAME)?;
        ensure(
            email.is_empty()
                || email.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.')),
            "email",
            "is not an e-mail address",
        )?;
        Ok(Self {
            name: text::required("name", &self.name, text::MAX_NAME)?,
            phone: self.phone.as_deref().map(phone).transpose()?.flatten(),
            email: (!email.is_empty()).then_some(email),
            address: text::note("address", &self.address)?,
            note: text::note("note", &self.note)?,
        })
    }
}

/// A telephone number as it is stored: digits, behind a plus sign when the country is told.
fn phone(text: &str) -> Result<Option<String>, Invalid> {
    let kept: String = text
        .trim()
        .chars()
        .filter(|character| !matches!(character, ' ' | '-' | '.' | '(' | ')' | '/'))
        .collect();
    let digits = kept.strip_prefix('+').unwrap_or(&kept);
    ensure(
        digits.bytes().all(|octet| octet.is_ascii_digit()) && kept.len() <= MAX_PHONE,
        "phone",
        "is not a telephone number",
    )?;
    Ok((!digits.is_empty()).then_some(kept))
}

/// What a number that starts like `text` may look like in the database: people write their own country's numbers with a
/// leading zero or with the country's code.
pub(super) fn phone_prefixes(text: &str) -> Vec<String> {
    /// Indonesia's, where the zero stands for it.
    const COUNTRY: &str = "62";
    let Ok(Some(number)) = phone(text) else { return Vec::new() };
    let rest = number
        .strip_prefix("+62")
        .or_else(|| number.strip_prefix('0'))
        .or_else(|| number.strip_prefix(COUNTRY));
    match rest {
        Some(rest) => vec![format!("0{rest}"), format!("+{COUNTRY}{rest}"), format!("{COUNTRY}{rest}")],
        None => vec![number],
    }
}

/// Why something cannot be done with a customer.
#[derive(Debug, thiserror::Error)]
pub enum CustomerError {
    /// There is no such customer.
    #[error("there is no such customer")]
    NotFound,
    /// Changed since the caller read it.
    #[error("the customer was changed meanwhile")]
    Stale(#[from] Stale),
    /// A value cannot be accepted.
    #[error("the customer cannot be accepted")]
    Invalid(#[from] Invalid),
    /// The identity number does not open.
    #[error("the identity number cannot be opened")]
    Sealed(#[from] OpenError),
    /// The database refused.
    #[error("the customer cannot be stored")]
    Database(#[from] db::Error),
}

/// Makes a customer.
///
/// # Errors
/// As [`CustomerError`] says.
pub async fn create_customer(
    tx: &mut Tx,
    scope: &Scope,
    sealer: &Sealer,
    spec: CustomerSpec,
    identity_number: Option<SecretString>,
) -> Result<Customer, CustomerError> {
    let (customer, sealed) = prepare(scope, sealer, spec, identity_number)?;
    store::customer::insert(tx, scope, &[(&customer, sealed.as_deref())]).await?;
    tx.audit(scope, audit::Entry::new("customer.create", "customer", customer.id).after(&customer));
    Ok(customer)
}

/// A customer to be stored, with the sealed identity number.
pub(super) fn prepare(
    scope: &Scope,
    sealer: &Sealer,
    spec: CustomerSpec,
    identity_number: Option<SecretString>,
) -> Result<(Customer, Option<Vec<u8>>), Invalid> {
    let id = CustomerId::generate(scope.now());
    let sealed =
        identity_number.map(|number| seal(sealer, scope.tenant(), &id, &number)).transpose()?.flatten();
    let customer = Customer {
        id,
        spec: spec.validated()?,
        has_identity_number: sealed.is_some(),
        version: Version::FIRST,
        created_at: scope.now(),
        updated_at: scope.now(),
    };
    Ok((customer, sealed))
}

/// The customer with this id.
///
/// # Errors
/// As [`CustomerError`] says.
pub async fn load_customer(
    conn: &mut Conn,
    scope: &Scope,
    id: CustomerId,
) -> Result<Customer, CustomerError> {
    store::customer::find(conn, scope, id).await?.ok_or(CustomerError::NotFound)
}

/// The tenant's customers in the order of their making.
///
/// # Errors
/// When the page's cursor is none of ours, or the database cannot be read.
pub async fn list_customers(
    conn: &mut Conn,
    scope: &Scope,
    request: &PageRequest,
) -> Result<Page<Customer>, CustomerError> {
    let after =
        request.after().map(str::parse).transpose().map_err(|_| Invalid::new("after", "is no cursor"))?;
    let rows = store::customer::list(conn, scope, after, i64::from(request.limit()) + 1).await?;
    Ok(Page::cut(rows, request, |customer| customer.id.to_string()))
}

/// Changes a customer. `identity_number`: `None` leaves it, an empty one removes it.
///
/// # Errors
/// As [`CustomerError`] says.
pub async fn update_customer(
    tx: &mut Tx,
    scope: &Scope,
    sealer: &Sealer,
    id: CustomerId,
    seen: Option<Version>,
    spec: CustomerSpec,
    identity_number: Option<SecretString>,
) -> Result<Customer, CustomerError> {
    let before = load_customer(tx, scope, id).await?;
    before.version.expect(seen)?;
    let mut after = Customer {
        spec: spec.validated()?,
        version: before.version.next(),
        updated_at: scope.now(),
        ..before.clone()
    };
    if let Some(number) = &identity_number {
        let sealed = seal(sealer, scope.tenant(), &id, number)?;
        after.has_identity_number = sealed.is_some();
        store::customer::set_identity_number(tx, scope, id, sealed.as_deref()).await?;
    } else if after.spec == before.spec {
        return Ok(before);
    }
    store::customer::update(tx, scope, &after, before.version).await?;
    let state = |customer: &Customer| State {
        customer: customer.clone(),
        identity_number: customer.has_identity_number.then_some(Masked),
    };
    let entry =
        audit::Entry::new("customer.update", "customer", id).before(&state(&before)).after(&state(&after));
    tx.audit(scope, entry);
    Ok(after)
}

/// Opens a customer's identity number for somebody to see. The audit trail says who saw it.
///
/// # Errors
/// As [`CustomerError`] says.
pub async fn reveal_identity_number(
    tx: &mut Tx,
    scope: &Scope,
    sealer: &Sealer,
    id: CustomerId,
) -> Result<Option<SecretString>, CustomerError> {
    let sealed = store::customer::identity_number(tx, scope, id).await?.ok_or(CustomerError::NotFound)?;
    let Some(sealed) = sealed else { return Ok(None) };
    let number = sealer.open(&place(scope.tenant(), &id), &sealed)?;
    tx.audit(scope, audit::Entry::new("customer.reveal_identity", "customer", id));
    let number = String::from_utf8(number.expose().to_vec()).map_err(|_| OpenError::Form)?;
    Ok(Some(SecretString::new(number)))
}

/// A customer in the audit trail: whether there is a number shows, the number does not.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct State {
    #[serde(flatten)]
    customer: Customer,
    identity_number: Option<Masked>,
}

fn place(tenant: TenantId, id: &CustomerId) -> Place<'_> {
    Place { tenant, table: "customer", column: "identity_number", row: id.as_bytes() }
}

/// Seals a number; `None` when it is empty.
fn seal(
    sealer: &Sealer,
    tenant: TenantId,
    id: &CustomerId,
    number: &SecretString,
) -> Result<Option<Vec<u8>>, Invalid> {
    let number = text::optional("identityNumber", number.expose(), MAX_IDENTITY)?;
    Ok((!number.is_empty()).then(|| sealer.seal(&place(tenant, id), number.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telephone_numbers_lose_their_decoration() {
        let stored = |text: &str| phone(text).map_err(|invalid| invalid.field.into_owned());
        assert_eq!(stored("0812-3456 789"), Ok(Some("08123456789".into())));
        assert_eq!(stored("+62 (812) 345.678"), Ok(Some("+62812345678".into())));
        assert_eq!(stored(" "), Ok(None));
        assert_eq!(stored("call me"), Err("phone".into()));
        assert_eq!(phone_prefixes("0812"), ["0812", "+62812", "62812"]);
        assert_eq!(phone_prefixes("+62812"), ["0812", "+62812", "62812"]);
        assert_eq!(phone_prefixes("812"), ["812"]);
        assert!(phone_prefixes("budi").is_empty());
    }

    #[test]
    fn addresses_of_mail_have_a_host() {
        let with = |email: &str| {
            CustomerSpec { email: Some(email.into()), ..CustomerSpec::named("Budi") }.validated()
        };
        assert_eq!(with("budi@example.net").unwrap().email.as_deref(), Some("budi@example.net"));
        assert_eq!(with(" ").unwrap().email, None);
        assert_eq!(with("budi").unwrap_err().field, "email");
    }
}
