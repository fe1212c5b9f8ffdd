//! `/api/v1/platform/settings`: what the super admin sets for the platform as a whole.

use utoipa_axum::routes;

use super::super::{
    body::Body,
    context::PlatformContext,
    problem::Problem,
    route::{Access, Routes},
    version::{IfMatch, Versioned},
};
use crate::domain::tenant::{self, PlatformSettings, StoredSettings};

pub(super) fn routes(routes: Routes) -> Routes {
    routes.route(Access::Platform, routes!(load, update))
}

/// The platform's settings.
#[utoipa::path(
    get, path = "/api/v1/platform/settings", tag = "platform", operation_id = "platform_settings",
    responses((status = 200, description = "The settings.", body = StoredSettings))
)]
async fn load(cx: PlatformContext) -> Result<Versioned<StoredSettings>, Problem> {
    let stored = tenant::platform_settings(&mut cx.conn().await?).await?;
    Ok(Versioned(stored.version, stored))
}

/// Changes them.
#[utoipa::path(
    put, path = "/api/v1/platform/settings", tag = "platform", operation_id = "platform_update_settings",
    request_body = PlatformSettings,
    responses(
        (status = 200, description = "The settings.", body = StoredSettings),
        (status = 412, description = "Changed meanwhile.")
    )
)]
async fn update(
    cx: PlatformContext,
    IfMatch(seen): IfMatch,
    Body(settings): Body<PlatformSettings>,
) -> Result<Versioned<StoredSettings>, Problem> {
    let mut tx = cx.begin().await?;
    let stored = tenant::set_platform_settings(&mut tx, &cx.platform, seen, settings).await?;
    tx.commit().await?;
    Ok(Versioned(stored.version, stored))
}
