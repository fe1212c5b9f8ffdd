//! The catalogue: what add-ons there are. A change is for those who buy after it.

use base::{
    AddonId, Platform,
    page::{Page, PageRequest},
};
use foundation::{Conn, Tx, audit, db};

use super::{
    super::values::{Invalid, Stale, Version},
    Addon, AddonSpec, LoadError, store,
};

/// Why the catalogue cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// There is no such add-on.
    #[error("there is no such add-on")]
    NotFound,
    /// It was changed since the caller read it.
    #[error("the add-on was changed meanwhile")]
    Stale(#[from] Stale),
    /// A value cannot be accepted.
    #[error("the add-on cannot be accepted")]
    Invalid(#[from] Invalid),
    /// Another add-on has the short name.
    #[error("the short name is taken")]
    CodeTaken,
    /// The database refused.
    #[error("the add-on cannot be stored")]
    Database(#[from] db::Error),
}

/// Adds an add-on to the catalogue.
///
/// # Errors
/// As [`CatalogueError`] says.
pub async fn create(tx: &mut Tx, platform: &Platform, spec: AddonSpec) -> Result<Addon, CatalogueError> {
    let addon = Addon {
        id: AddonId::generate(platform.now()),
        spec: spec.validated()?,
        archived_at: None,
        version: Version::FIRST,
        created_at: platform.now(),
        updated_at: platform.now(),
    };
    if !store::catalogue::insert(tx, &addon).await? {
        return Err(CatalogueError::CodeTaken);
    }
    store::catalogue::set_contents(tx, addon.id, &addon.spec).await?;
    tx.audit(platform, audit::Entry::new("addon.create", "addon", addon.id).after(&addon));
    Ok(addon)
}

/// Changes an add-on. Who has it keeps its price; what a unit adds changes for all at the next look through them.
///
/// # Errors
/// As [`CatalogueError`] says.
pub async fn update(
    tx: &mut Tx,
    platform: &Platform,
    id: AddonId,
    seen: Option<Version>,
    spec: AddonSpec,
) -> Result<Addon, CatalogueError> {
    let spec = spec.validated()?;
    if store::catalogue::code_is_taken(tx, id, &spec.code).await? {
        return Err(CatalogueError::CodeTaken);
    }
    let after = change(tx, platform, id, seen, "addon.update", |addon| addon.spec = spec).await?;
    store::catalogue::set_contents(tx, id, &after.spec).await?;
    Ok(after)
}

/// Takes an add-on from the catalogue, or brings it back. Who has it keeps it.
///
/// # Errors
/// As [`CatalogueError`] says.
pub async fn archive(
    tx: &mut Tx,
    platform: &Platform,
    id: AddonId,
    seen: Option<Version>,
    archived: bool,
) -> Result<Addon, CatalogueError> {
    let act = if archived { "addon.archive" } else { "addon.restore" };
    let now = platform.now();
    change(tx, platform, id, seen, act, |addon| {
        if addon.archived_at.is_some() != archived {
            addon.archived_at = archived.then_some(now);
        }
    })
    .await
}

async fn change(
    tx: &mut Tx,
    platform: &Platform,
    id: AddonId,
    seen: Option<Version>,
    act: &'static str,
    apply: impl FnOnce(&mut Addon),
) -> Result<Addon, CatalogueError> {
    let before = store::catalogue::find(tx, id).await?.ok_or(CatalogueError::NotFound)?;
    before.version.expect(seen)?;
    let mut after = before.clone();
    apply(&mut after);
    if after == before {
        return Ok(before);
    }
    after.version = before.version.next();
    after.updated_at = platform.now();
    if !store::catalogue::update(tx, &after, before.version).await? {
        return Err(Stale { seen: before.version, current: after.version }.into());
    }
    tx.audit(platform, audit::Entry::new(act, "addon", id).before(&before).after(&after));
    Ok(after)
}

/// The add-on with this id, archived or not.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(conn: &mut Conn, id: AddonId) -> db::Result<Option<Addon>> {
    store::catalogue::find(conn, id).await
}

/// The add-on with this short name, archived or not.
///
/// # Errors
/// When the database cannot be read.
pub async fn find_by_code(conn: &mut Conn, code: &str) -> db::Result<Option<Addon>> {
    store::catalogue::find_by_code(conn, code).await
}

/// The whole catalogue, archived ones too, in the order of making.
///
/// # Errors
/// As [`LoadError`] says.
pub async fn list(
    conn: &mut Conn,
    _platform: &Platform,
    request: &PageRequest,
) -> Result<Page<Addon>, LoadError> {
    page(conn, request, true).await
}

/// What a tenant may buy, in the order of making.
///
/// # Errors
/// As [`LoadError`] says.
pub async fn offers(conn: &mut Conn, request: &PageRequest) -> Result<Page<Addon>, LoadError> {
    page(conn, request, false).await
}

async fn page(conn: &mut Conn, request: &PageRequest, archived: bool) -> Result<Page<Addon>, LoadError> {
    let after =
        request.after().map(str::parse).transpose().map_err(|_| Invalid::new("after", "is no cursor"))?;
    let rows = store::catalogue::list(conn, after, archived, i64::from(request.limit()) + 1).await?;
    Ok(Page::cut(rows, request, |addon| addon.id.to_string()))
}
