//! Version 1 of the API: a file for each resource, named as it is in the path.

mod account;
mod addons;
mod api_budgets;
mod audit;
mod audit_export;
mod authentications;
mod customers;
mod event_subscribers;
mod events;
mod features;
mod import;
mod isolir;
mod job_queue;
mod jobs;
mod limits;
mod plans;
mod roles;
mod routers;
mod saas_invoices;
mod saas_plans;
mod second_factor;
mod sessions;
mod settings;
mod subscribers;
mod tenant_addons;
mod tenants;
mod tokens;
mod users;

use super::route::Routes;

/// The longest reason for the audit trail, characters: a sentence or two.
const MAX_REASON: usize = 500;

/// All routes under `/api/v1`.
pub(super) fn routes(routes: Routes) -> Routes {
    [
        account::routes,
        second_factor::routes,
        tenants::routes,
        saas_plans::routes,
        features::routes,
        limits::routes,
        addons::routes,
        tenant_addons::routes,
        saas_invoices::routes,
        settings::routes,
        api_budgets::routes,
        users::routes,
        roles::routes,
        tokens::routes,
        routers::routes,
        plans::routes,
        customers::routes,
        subscribers::routes,
        import::routes,
        isolir::routes,
        sessions::routes,
        authentications::routes,
        audit::routes,
        audit_export::routes,
        events::routes,
        event_subscribers::routes,
        jobs::routes,
        job_queue::routes,
    ]
    .into_iter()
    .fold(routes, |routes, add| add(routes))
}
