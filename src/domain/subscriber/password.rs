//! Subscribers' passwords: clear where CHAP needs them, sealed everywhere else.

use base::{
    Scope, SecretString, SubscriberId, TenantId,
    seal::{OpenError, Place, Sealer},
};
use foundation::{Tx, audit, audit::Masked, db};

use super::{
    super::values::{Entry, Invalid, invalid::ensure, random},
    Login, Subscriber, store, username,
};

/// Longest password: what User-Password carries (RFC 2865 §5.2).
const MAX_OCTETS: usize = 128;
/// Characters of one that we make: 58 bits, which nobody guesses against a throttled server, and short enough to be
/// typed into a router at the door.
const GENERATED_LENGTH: usize = 10;

/// Why something cannot be done with a password.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// There is no such subscriber.
    #[error("there is no such subscriber")]
    NotFound,
    /// The password cannot be accepted.
    #[error("the password cannot be accepted")]
    Invalid(#[from] Invalid),
    /// The hardware address as a user name is taken.
    #[error("the user name is taken")]
    UsernameTaken,
    /// The stored password does not open.
    #[error("the stored password cannot be opened")]
    Sealed(#[from] OpenError),
    /// The database refused.
    #[error("the password cannot be stored")]
    Database(#[from] db::Error),
}

/// What a login comes to.
pub(super) struct Chosen {
    pub(super) password: Option<SecretString>,
    pub(super) has_password: bool,
    pub(super) generated: bool,
}

/// Checks the password that was asked for, or makes one.
pub(super) fn choose(login: Login) -> Result<Chosen, Invalid> {
    let (password, generated) = match login {
        Login::HardwareAddress => {
            return Ok(Chosen { password: None, has_password: false, generated: false });
        }
        Login::Password(None) => (random::readable(GENERATED_LENGTH), true),
        Login::Password(Some(password)) => (password, false),
    };
    let text = password.expose();
    ensure((1..=MAX_OCTETS).contains(&text.len()), "password", "must have 1 to 128 octets")?;
    ensure(!text.chars().any(char::is_control), "password", "has control characters")?;
    Ok(Chosen { password: Some(password), has_password: true, generated })
}

/// Where a subscriber's password is sealed.
pub(super) fn place(tenant: TenantId, id: &SubscriberId) -> Place<'_> {
    Place { tenant, table: "subscriber", column: "password", row: id.as_bytes() }
}

pub(super) fn seal(sealer: &Sealer, tenant: TenantId, id: SubscriberId, password: &SecretString) -> Vec<u8> {
    sealer.seal(&place(tenant, &id), password.expose().as_bytes())
}

/// Changes how a subscriber shows who it is; returns the password when we made it. Live sessions go on.
///
/// # Errors
/// As [`PasswordError`] says.
pub async fn set_login(
    tx: &mut Tx,
    scope: &Scope,
    sealer: &Sealer,
    id: SubscriberId,
    login: Login,
) -> Result<Option<SecretString>, PasswordError> {
    let before = store::subscriber::find(tx, scope, id).await?.ok_or(PasswordError::NotFound)?;
    let mut after = Subscriber { version: before.version.next(), updated_at: scope.now(), ..before.clone() };
    if matches!(login, Login::HardwareAddress) {
        after.spec.username = username::hardware_username(&before.spec.username)?;
        if store::subscriber::taken(tx, scope, Some(id), &after.spec.username, None).await?.is_some() {
            return Err(PasswordError::UsernameTaken);
        }
    }
    let chosen = choose(login)?;
    after.hardware_login = !chosen.has_password;
    let sealed = chosen.password.as_ref().map(|password| seal(sealer, scope.tenant(), id, password));
    store::subscriber::set_password(tx, scope, &after, sealed.as_deref()).await?;
    let entry = audit::Entry::new("subscriber.set_password", "subscriber", id).before(&Masked).after(&Masked);
    tx.audit(scope, entry);
    tx.changed(scope, Entry::Subscriber(id).into());
    Ok(chosen.password.filter(|_| chosen.generated))
}

/// Opens a subscriber's password for somebody to see; `None` where the hardware address is all there is. The audit trail
/// says who saw it.
///
/// # Errors
/// As [`PasswordError`] says.
pub async fn reveal_password(
    tx: &mut Tx,
    scope: &Scope,
    sealer: &Sealer,
    id: SubscriberId,
) -> Result<Option<SecretString>, PasswordError> {
    let sealed = store::subscriber::password(tx, scope, id).await?.ok_or(PasswordError::NotFound)?;
    let Some(sealed) = sealed else { return Ok(None) };
    let password = sealer.open(&place(scope.tenant(), &id), &sealed)?;
    tx.audit(scope, audit::Entry::new("subscriber.reveal_password", "subscriber", id));
    let text = String::from_utf8(password.expose().to_vec()).map_err(|_| OpenError::Form)?;
    Ok(Some(SecretString::new(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_fit_into_their_attribute() {
        let chosen = |text: &str| choose(Login::Password(Some(SecretString::new(text.into()))));
        assert!(chosen("1").is_ok());
        assert!(chosen(&"x".repeat(128)).is_ok());
        for text in ["", "a\u{0}b", &"x".repeat(129), &"é".repeat(65)] {
            assert!(chosen(text).is_err(), "{text:?}");
        }
        let made = choose(Login::Password(None)).unwrap();
        assert!(made.generated && made.password.unwrap().expose().len() == 10);
        assert!(choose(Login::HardwareAddress).unwrap().password.is_none());
    }
}
