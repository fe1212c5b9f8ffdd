//! What the platform sells: plans, features, limits, add-ons and invoices, as the super admin and tenants see them.

mod force;
mod limits;
mod selling;

use serde_json::{Value, json};

use crate::harness::{Rig, Tenant};

fn plan(code: &str) -> Value {
    json!({
        "code": code, "name": code, "price": 300_000, "currency": "IDR", "cycle": "monthly",
        "features": ["radius", "maps"], "limits": { "network.max_router": 1, "radius.max_users": 2 }
    })
}

fn router(number: u32) -> Value {
    json!({ "router": { "name": format!("r{number}"), "addresses": [format!("192.0.2.{number}")] } })
}

/// The limit of this name, of the answer to a list of limits.
fn limit<'a>(limits: &'a Value, name: &str) -> &'a Value {
    limits["limits"].as_array().unwrap().iter().find(|limit| limit["limit"] == name).unwrap()
}

/// A plan with one more feature.
fn plan_with(code: &str, feature: &str) -> Value {
    let mut plan = plan(code);
    plan["features"].as_array_mut().unwrap().push(json!(feature));
    plan
}

fn has(features: &Value, name: &str) -> bool {
    let rows = features["features"].as_array().unwrap();
    rows.iter().find(|feature| feature["feature"] == name).unwrap()["enabled"] == true
}

/// Puts the tenant on a fresh plan.
async fn on_plan(rig: &Rig, admin: &str, tenant: &Tenant, plan: &Value) -> Value {
    let made = rig.post("/api/v1/saas-plans").token(admin).json(plan).send().await.expect(201);
    let body = json!({ "saasPlanId": made["id"], "reason": "kontrak" });
    let path = format!("/api/v1/tenants/{}/plan", tenant.id);
    rig.post(&path).token(admin).json(&body).send().await.expect(200);
    made
}

/// Offers the official add-on of this code for 30,000 rupiah, and gives its id.
async fn offered(rig: &Rig, admin: &str, code: &str) -> Value {
    let all = rig.get("/api/v1/addons").token(admin).send().await.expect(200);
    let found = all["rows"].as_array().unwrap().iter().find(|addon| addon["code"] == code).unwrap().clone();
    let path = format!("/api/v1/addons/{}", found["id"].as_str().unwrap());
    let mut spec = found.clone();
    for name in ["id", "archivedAt", "version", "createdAt", "updatedAt"] {
        spec.as_object_mut().unwrap().remove(name);
    }
    spec["unitPrice"] = 30_000.into();
    rig.put(&path).token(admin).header("if-match", "\"1\"").json(&spec).send().await.expect(200);
    let body = json!({ "archived": false });
    rig.post(&format!("{path}/archive")).token(admin).json(&body).send().await.expect(200);
    found["id"].clone()
}
