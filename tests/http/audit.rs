//! The audit trail over the API.

use foundation::testing::TestDb;
use serde_json::json;

use crate::harness::Rig;

foundation::battery! { the_trail_is_read_page_by_page_and_holds }

async fn the_trail_is_read_page_by_page_and_holds(db: TestDb) {
    let rig = Rig::new(db).await;
    let (tenant, other) = (rig.tenant("warga").await, rig.tenant("desa").await);
    let admin = rig.admin().await;
    let page = rig.get("/api/v1/audit?limit=2").token(&tenant.owner).send().await.expect(200);
    assert_eq!(page["rows"][0]["act"], "user.login");
    assert_eq!(page["rows"][0]["address"], "192.0.2.10");
    let next = page["next"].as_str().unwrap();
    let page =
        rig.get(&format!("/api/v1/audit?limit=2&after={next}")).token(&tenant.owner).send().await.expect(200);
    assert_eq!((&page["rows"][0]["act"], page.get("next")), (&json!("tenant.create"), None));
    rig.get("/api/v1/audit?after=x").token(&tenant.owner).send().await.problem("invalid_cursor");
    rig.get("/api/v1/audit?from=yesterday").token(&tenant.owner).send().await.problem("invalid_query");
    let verified = rig.post("/api/v1/audit/verify").token(&tenant.owner).send().await.expect(200);
    assert_eq!((&verified["holds"], &verified["entries"]), (&json!(true), &json!(3)));
    let others = rig.get("/api/v1/audit").token(&other.owner).send().await;
    assert!(!others.text.contains(&tenant.id.to_string()));
    let platform = rig.get("/api/v1/platform/audit").token(&admin).send().await.expect(200);
    assert_eq!(platform["rows"][0]["act"], "user.login");
    let verified = rig.post("/api/v1/platform/audit/verify").token(&admin).send().await.expect(200);
    assert_eq!(verified["holds"], true);
}
