//! Whether it is allowed: the route names the permission, the caller has it or not.

use axum::{
    extract::{Request, State as Extracted},
    middleware::Next,
    response::Response,
};

use super::super::{
    context::Missing,
    problem::{Code, Problem},
};
use crate::domain::access::{Caller, Permission};

pub(in super::super) async fn check(
    Extracted(permission): Extracted<Permission>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let caller = request.extensions().get::<Caller>().ok_or_else(|| Problem::internal(Missing("caller")))?;
    if !caller.may(permission) {
        return Err(Problem::new(Code::PermissionMissing).detail(format!("it is {permission}")));
    }
    Ok(next.run(request).await)
}
