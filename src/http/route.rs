//! The table of routes. Who registers one says who may call it; there is no other way in.
//!
//! From the same words come the layers of the route, its entry in the table (which tests walk), and what the API's
//! document says of it.

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::DefaultBodyLimit, middleware};
use http::Method;
use tokio::sync::Semaphore;
use utoipa::openapi::{
    OpenApi, PathItem, Required,
    extensions::Extensions,
    path::{Operation, Parameter, ParameterBuilder, ParameterIn},
    schema::{ObjectBuilder, Type},
    security::SecurityRequirement,
};
use utoipa_axum::router::UtoipaMethodRouter;

use super::{
    BuildError,
    layer::{
        authentication,
        budget::{self, Budgets},
        feature, isolation, permission,
        protect::{self, Turns},
        tenant,
    },
    openapi,
    state::State,
};
use crate::domain::{access::Permission, tenant::Feature};

/// Bulk work at a time: each may hold a table of 32 MiB.
const BULK_AT_ONCE: usize = 2;
/// When bulk work is given up: a hundred thousand lines take a few minutes on a small disk.
const BULK_WITHIN: Duration = Duration::from_mins(10);

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody: signing in, documentation, health.
    Open,
    /// Whoever sits on this machine, and the super admin from elsewhere: metrics.
    Nearby,
    /// Whoever is signed in, even with a password that is to be replaced: what concerns the caller alone.
    SignedIn,
    /// The same, also while the tenant's panel is locked: signing out.
    Leaving,
    /// Whoever has the permission, within one tenant that has the feature; `None` for what belongs to no module.
    Tenant(Permission, Option<Feature>),
    /// The super admin.
    Platform,
}

/// One route, as tests and documentation see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The method.
    pub method: Method,
    /// The path, with `{id}` for its parameters.
    pub path: String,
    /// Who may call it.
    pub access: Access,
}

/// Routes that were put together.
pub(super) struct Built {
    pub(super) router: Router<Arc<State>>,
    pub(super) document: OpenApi,
    pub(super) table: Vec<Entry>,
}

/// Routes as they are put together.
pub(super) struct Routes {
    state: Arc<State>,
    budgets: Arc<Budgets>,
    features: Arc<feature::Kept>,
    reads: Arc<tenant::Reads>,
    router: Router<Arc<State>>,
    document: OpenApi,
    table: Vec<Entry>,
    /// The name of a form that stands for two.
    conflict: Option<String>,
}

impl Routes {
    pub(super) fn new(state: Arc<State>, budgets: Arc<Budgets>) -> Self {
        Self {
            state,
            budgets,
            features: Arc::new(feature::Kept::new("features")),
            reads: Arc::new(tenant::Reads::new()),
            router: Router::new(),
            document: openapi::start(),
            table: Vec::new(),
            conflict: None,
        }
    }

    /// Adds the handlers of one path, made by `routes!`, for whom `access` says.
    pub(super) fn route(self, access: Access, handlers: UtoipaMethodRouter<Arc<State>>) -> Self {
        let limit = self.state.settings.current().answer_within;
        let (schemas, paths, methods) = handlers;
        let methods = methods.route_layer(middleware::from_fn_with_state(limit, protect::within));
        self.add(access, (schemas, paths, methods))
    }

    /// The same for bulk work: bodies of up to `octets`, more time, and few at once.
    pub(super) fn bulk_route(
        self,
        access: Access,
        octets: usize,
        handlers: UtoipaMethodRouter<Arc<State>>,
    ) -> Self {
        let (schemas, paths, methods) = handlers;
        let turns: Turns = Arc::new(Semaphore::new(BULK_AT_ONCE));
        let methods = methods
            .route_layer(DefaultBodyLimit::max(octets))
            .route_layer(middleware::from_fn_with_state(BULK_WITHIN, protect::within))
            .route_layer(middleware::from_fn_with_state(turns, protect::turn));
        self.add(access, (schemas, paths, methods))
    }

    fn add(mut self, access: Access, handlers: UtoipaMethodRouter<Arc<State>>) -> Self {
        let (schemas, paths, mut methods) = handlers;
        let (state, budgets, features) = (&self.state, &self.budgets, &self.features);
        // The last one added is the first one to run.
        methods = match access {
            Access::Open | Access::Nearby | Access::Leaving => methods,
            Access::SignedIn => {
                methods.route_layer(middleware::from_fn_with_state(Arc::clone(state), isolation::check))
            }
            Access::Tenant(needed, module) => methods
                .route_layer(middleware::from_fn_with_state(needed, permission::check))
                .route_layer(middleware::from_fn_with_state(
                    (Arc::clone(state), Arc::clone(features), module),
                    feature::check,
                ))
                .route_layer(middleware::from_fn_with_state(Arc::clone(state), isolation::check))
                .route_layer(middleware::from_fn_with_state(
                    (Arc::clone(state), Arc::clone(&self.reads)),
                    tenant::resolve,
                )),
            Access::Platform => methods.route_layer(middleware::from_fn(tenant::platform)),
        };
        // Paid in advance: who is refused by what follows has cost something too, and gets the same answer for it as long as
        // the budget lasts.
        methods = match access {
            Access::Open => methods.route_layer(middleware::from_fn_with_state(
                (Arc::clone(state), Arc::clone(budgets)),
                budget::of_visitor,
            )),
            // Whoever sits on this machine is nobody in particular.
            Access::Nearby => methods,
            Access::SignedIn | Access::Leaving | Access::Tenant(..) | Access::Platform => {
                methods.route_layer(middleware::from_fn_with_state(Arc::clone(budgets), budget::of_caller))
            }
        };
        if access != Access::Open {
            let state = (Arc::clone(state), Arc::clone(budgets), access);
            methods =
                methods.route_layer(middleware::from_fn_with_state(state, authentication::authenticate));
        }
        for path in paths.paths.keys() {
            self.router = self.router.route(path, methods.clone());
        }
        for (path, item) in paths.paths {
            let mut item = item;
            for (method, operation) in operations(&mut item) {
                self.table.push(Entry { method, path: path.clone(), access });
                describe(operation, access);
                operation.operation_id = operation.operation_id.take().map(|name| full_name(&path, name));
            }
            self.document.paths.paths.entry(path).or_default().merge_operations(item);
        }
        let components = self.document.components.get_or_insert_default();
        for (name, schema) in schemas {
            match components.schemas.get(&name) {
                Some(known) if *known != schema => self.conflict = Some(name),
                _ => drop(components.schemas.insert(name, schema)),
            }
        }
        self
    }

    /// All of them together.
    pub(super) fn finish(self) -> Result<Built, BuildError> {
        match self.conflict {
            Some(name) => Err(BuildError::SameName(name)),
            None => Ok(Built { router: self.router, document: self.document, table: self.table }),
        }
    }
}

/// The operations of a path with their methods.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    [
        (Method::GET, item.get.as_mut()),
        (Method::POST, item.post.as_mut()),
        (Method::PUT, item.put.as_mut()),
        (Method::PATCH, item.patch.as_mut()),
        (Method::DELETE, item.delete.as_mut()),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation?)))
}

/// A handler's name is short; with its resource before it, it is the only one of the document.
fn full_name(path: &str, handler: String) -> String {
    // A name of a function has no hyphens.
    let resource = path.strip_prefix("/api/v1/").and_then(|path| path.split('/').next());
    match resource.map(|resource| resource.replace('-', "_")) {
        Some(resource) if !handler.starts_with(&resource) => format!("{resource}_{handler}"),
        _ => handler,
    }
}

/// What the document says of every operation alike.
fn describe(operation: &mut Operation, access: Access) {
    let schemes =
        |names: &[&str]| names.iter().map(|name| SecurityRequirement::new(*name, [""; 0])).collect();
    operation.security = Some(match access {
        Access::Open => Vec::new(),
        _ => schemes(&[openapi::BEARER, openapi::SESSION]),
    });
    let mut parameters = operation.parameters.take().unwrap_or_default();
    let permission = match access {
        Access::Tenant(permission, _) => Some(permission),
        Access::Platform => Some(Permission::Platform),
        Access::Open | Access::Nearby | Access::SignedIn | Access::Leaving => None,
    };
    if let Some(permission) = permission {
        let note = Extensions::from_iter([("x-permission", permission.as_str())]);
        operation.extensions.get_or_insert_default().merge(note);
    }
    if let Access::Tenant(_, Some(feature)) = access {
        let note = Extensions::from_iter([("x-feature", feature.as_str())]);
        operation.extensions.get_or_insert_default().merge(note);
    }
    if matches!(access, Access::Tenant(..)) {
        parameters.push(header(
            "Rrnetd-Tenant",
            Required::False,
            "The tenant, for callers of the platform; others are always within their own.",
        ));
    }
    let answers = |status: &str| operation.responses.responses.contains_key(status);
    if answers("201") {
        parameters.push(header(
            "Idempotency-Key",
            Required::False,
            "A name for this act, such as a UUID: the same request with the same key gets the first answer again.",
        ));
    }
    if answers("412") {
        parameters.push(header(
            "If-Match",
            Required::True,
            "The ETag of what the change is based on, or `*` to change whatever is there.",
        ));
    }
    operation.parameters = Some(parameters)
        .filter(|parameters| !parameters.is_empty())
        .map(|parameters| parameters.into_iter().collect());
    for (status, response) in &mut operation.responses.responses {
        openapi::describe_response(status, response);
    }
    operation.responses.responses.insert("default".to_owned(), openapi::problem_response());
}

fn header(name: &str, required: Required, description: &str) -> utoipa::openapi::RefOr<Parameter> {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(required)
        .description(Some(description))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
        .into()
}
