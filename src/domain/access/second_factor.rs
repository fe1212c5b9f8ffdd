//! The second factor: what a person's device shows besides the password, and codes on paper for the day it is lost.
//!
//! It is asked for once its first code was shown. A code counts once: who looks over a shoulder gets in with neither this
//! one nor an older one.

use base::{SecretString, Timestamp, UserId, seal::OpenError, seal::Place, seal::Sealer};
use foundation::{Origin, Tx, audit, db};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{
    super::values::random,
    Authority, User, UserError,
    store::{self, second_factor::Row},
    totp,
};

/// Codes on paper.
const RECOVERY_CODES: usize = 10;
/// Letters of each: 93 bits, which no hash function has to slow down.
const RECOVERY_LETTERS: usize = 16;
/// Letters between two dashes.
const GROUP: usize = 4;

/// What is put into the device.
#[derive(Debug)]
pub struct Enrolment {
    /// The secret in base 32, for typing.
    pub secret: SecretString,
    /// The same as an `otpauth:` address, for a picture that the device reads.
    pub address: SecretString,
}

/// Why something cannot be done with a second factor.
#[derive(Debug, thiserror::Error)]
pub enum SecondFactorError {
    /// It is on already.
    #[error("a second factor is on already")]
    AlreadyOn,
    /// None was begun.
    #[error("no second factor was begun")]
    NotBegun,
    /// The code is not the one that the device shows.
    #[error("the code is not right")]
    WrongCode,
    /// The stored secret does not open.
    #[error("the second factor's secret does not open")]
    Sealed(#[from] OpenError),
    /// The database refused.
    #[error("the second factor cannot be stored")]
    Database(#[from] db::Error),
}

/// Makes a secret for `user` and shows it once. Nothing is asked for before [`confirm_second_factor`].
///
/// # Errors
/// As [`SecondFactorError`] says.
pub async fn begin_second_factor(
    tx: &mut Tx,
    origin: &impl Origin,
    sealer: &Sealer,
    user: &User,
) -> Result<Enrolment, SecondFactorError> {
    let secret = Zeroizing::new(random::octets::<{ totp::SECRET_OCTETS }>());
    let sealed = sealer.seal(&place(user), secret.as_slice());
    if !store::second_factor::put(tx, user.tenant, user.id, &sealed, origin.act().now).await? {
        return Err(SecondFactorError::AlreadyOn);
    }
    tx.audit(origin, audit::Entry::new("user.second_factor_begin", "user", user.id));
    let text = data_encoding::BASE32_NOPAD.encode(secret.as_slice());
    let address = format!("otpauth://totp/rrnetd:{}?secret={text}&issuer=rrnetd", escaped(&user.login));
    Ok(Enrolment { secret: SecretString::new(text), address: SecretString::new(address) })
}

/// Turns it on: the device shows the right code. Gives the recovery codes, which are shown once.
///
/// # Errors
/// As [`SecondFactorError`] says.
pub async fn confirm_second_factor(
    tx: &mut Tx,
    origin: &impl Origin,
    sealer: &Sealer,
    user: &User,
    code: &str,
) -> Result<Vec<SecretString>, SecondFactorError> {
    let now = origin.act().now;
    let row = store::second_factor::find(tx, user.id).await?.ok_or(SecondFactorError::NotBegun)?;
    if row.confirmed_at.is_some() {
        return Err(SecondFactorError::AlreadyOn);
    }
    let secret = sealer.open(&place(user), &row.secret)?;
    let step = totp::matching_step(secret.expose(), &bare(code), now).ok_or(SecondFactorError::WrongCode)?;
    if !store::second_factor::confirm(tx, user.id, step, now).await? {
        return Err(SecondFactorError::AlreadyOn);
    }
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        let code = random::readable(RECOVERY_LETTERS);
        store::second_factor::insert_recovery_code(tx, user.id, &hash(user.id, code.expose())).await?;
        codes.push(grouped(&code));
    }
    tx.audit(origin, audit::Entry::new("user.second_factor_on", "user", user.id));
    Ok(codes)
}

/// Turns one's own off; the caller has verified the password outside of the transaction.
///
/// # Errors
/// [`SecondFactorError::NotBegun`] when there is none, or the database's.
pub async fn end_second_factor(
    tx: &mut Tx,
    origin: &impl Origin,
    user: &User,
) -> Result<(), SecondFactorError> {
    if !store::second_factor::delete(tx, user.id).await? {
        return Err(SecondFactorError::NotBegun);
    }
    tx.audit(origin, audit::Entry::new("user.second_factor_off", "user", user.id));
    Ok(())
}

/// Turns somebody's off who lost the device. Doing it twice does no harm.
///
/// # Errors
/// As [`UserError`] says.
pub async fn reset_second_factor(
    tx: &mut Tx,
    origin: &impl Origin,
    manager: &Authority,
    id: UserId,
) -> Result<(), UserError> {
    super::user::by_person(origin)?;
    let user = super::load_user(tx, origin, id).await?;
    super::user::allow(manager, &user)?;
    if store::second_factor::delete(tx, id).await? {
        tx.audit(origin, audit::Entry::new("user.second_factor_reset", "user", id));
    }
    Ok(())
}

/// The second factor that is asked of `user`; `None` when none is.
pub(super) async fn asked_for(conn: &mut foundation::Conn, user: UserId) -> db::Result<Option<Row>> {
    Ok(store::second_factor::find(conn, user).await?.filter(|row| row.confirmed_at.is_some()))
}

/// What was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spent {
    /// The device's code.
    Device,
    /// A recovery code.
    Paper,
}

/// Spends a code of the device or of the paper; `None` when it is neither, or was spent before.
pub(super) async fn spend(
    tx: &mut Tx,
    sealer: &Sealer,
    user: &User,
    row: &Row,
    code: &str,
    now: Timestamp,
) -> Result<Option<Spent>, SecondFactorError> {
    let code = bare(code);
    if code.len() != totp::DIGITS {
        let hash = hash(user.id, &code);
        let spent = store::second_factor::spend_recovery_code(tx, user.id, &hash, now).await?;
        return Ok(spent.then_some(Spent::Paper));
    }
    let secret = sealer.open(&place(user), &row.secret)?;
    let Some(step) = totp::matching_step(secret.expose(), &code, now) else { return Ok(None) };
    Ok(store::second_factor::spend_step(tx, user.id, step).await?.then_some(Spent::Device))
}

fn place(user: &User) -> Place<'_> {
    let tenant = user.tenant.unwrap_or(base::TenantId::PLATFORM);
    Place { tenant, table: "second_factor", column: "secret", row: user.id.as_bytes() }
}

/// With the person in it, so that two people's codes have nothing in common.
fn hash(user: UserId, code: &str) -> [u8; 32] {
    Sha256::new().chain_update(user.as_bytes()).chain_update(code.as_bytes()).finalize().into()
}

/// As people type it, without what is there for the eye.
fn bare(code: &str) -> String {
    code.chars().filter(|character| !character.is_whitespace() && *character != '-').collect()
}

fn grouped(code: &SecretString) -> SecretString {
    let mut text = String::with_capacity(RECOVERY_LETTERS + RECOVERY_LETTERS / GROUP);
    for (at, letter) in code.expose().chars().enumerate() {
        if at > 0 && at % GROUP == 0 {
            text.push('-');
        }
        text.push(letter);
    }
    SecretString::new(text)
}

/// A login as a part of an address: what is no letter or digit is escaped.
fn escaped(login: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(login.len());
    for octet in login.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~@".contains(&octet) {
            text.push(char::from(octet));
        } else {
            // Writing into a text cannot fail.
            let _ = write!(text, "%{octet:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_people_type_them() {
        assert_eq!(bare(" 287 082 "), "287082");
        let code = SecretString::new("abcdefghjkmnpqrs".into());
        assert_eq!(grouped(&code).expose(), "abcd-efgh-jkmn-pqrs");
        assert_eq!(bare(grouped(&code).expose()), code.expose());
        assert_eq!(escaped("siti&co@warga.net"), "siti%26co@warga.net");
    }
}
