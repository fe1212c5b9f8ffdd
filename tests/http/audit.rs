//! The audit trail over the API.

use foundation::testing::TestDb;
use serde_json::{Value, json};

use crate::harness::Rig;

foundation::battery! {
    the_trail_is_read_page_by_page_and_holds,
    the_trail_is_taken_out_as_a_file,
    what_the_platform_s_people_do_within_a_tenant_stands_in_both_trails,
    what_the_platform_s_people_read_of_people_stands_in_both_trails,
}

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
    let verified_platform = rig.post("/api/v1/platform/audit/verify").token(&admin).send().await.expect(200);
    assert_eq!(verified_platform["holds"], true);

    // Compared with what was noted: the same, a longer one, another trail's.
    let head = verified["head"].as_str().unwrap();
    let with =
        |head: &str| rig.post(&format!("/api/v1/audit/verify?head={head}")).token(&tenant.owner).send();
    assert_eq!(with(head).await.expect(200)["holds"], true);
    let longer = with(&head.replace(":3:", ":9:")).await.expect(200);
    assert_eq!((&longer["holds"], &longer["brokenAt"]), (&json!(false), &json!(4)));
    with("nonsense").await.problem("invalid_query");
    with(verified_platform["head"].as_str().unwrap()).await.problem("invalid_query");
}

async fn the_trail_is_taken_out_as_a_file(db: TestDb) {
    let rig = Rig::new(db).await;
    let (tenant, other) = (rig.tenant("warga").await, rig.tenant("desa").await);
    let admin = rig.admin().await;
    // Longer than one page of it.
    for round in 0..3 {
        let mut tx = rig.db.begin().await.unwrap();
        for number in 0..250 {
            let entry =
                foundation::audit::Entry::new("plan.create", "plan", format!("=1+{}", round * 250 + number));
            tx.audit(&tenant.scope, entry);
        }
        tx.commit().await.unwrap();
    }
    let file = rig.get("/api/v1/audit/export?format=jsonl&act=plan.create").token(&tenant.owner).send().await;
    assert_eq!(file.status, 200, "{}", file.text);
    assert_eq!(file.header("content-type"), Some("application/jsonl"));
    let rows: Vec<Value> = file.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sequences: Vec<i64> = rows.iter().map(|row| row["sequence"].as_i64().unwrap()).collect();
    assert_eq!(sequences.len(), 750);
    assert!(sequences.is_sorted_by(|one, next| one > next), "each once, newest first");

    let file = rig.get("/api/v1/audit/export?format=csv").token(&tenant.owner).send().await;
    assert!(file.header("content-disposition").unwrap().contains("audit.csv"));
    let mut reader = csv::Reader::from_reader(file.text.as_bytes());
    assert_eq!(&reader.headers().unwrap()[4], "act");
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 755, "the trail with this export and the one before, which are acts too");
    assert_eq!((&rows[0][4], &rows[1][4]), ("audit.export", "audit.export"));
    assert!(rows.iter().filter(|row| &row[4] == "plan.create").all(|row| row[6].starts_with("'=1+")));

    let others = rig.get("/api/v1/audit/export?format=jsonl").token(&other.owner).send().await;
    assert!(!others.text.contains(&tenant.id.to_string()) && !others.text.contains("plan.create"));
    let platform = rig.get("/api/v1/platform/audit/export?format=jsonl").token(&admin).send().await;
    assert!(platform.text.contains("\"user.login\"") && !platform.text.contains("plan.create"));
    rig.get("/api/v1/audit/export").token(&tenant.owner).send().await.problem("invalid_query");
    rig.get("/api/v1/audit/export?format=pdf").token(&tenant.owner).send().await.problem("invalid_query");
}

async fn what_the_platform_s_people_do_within_a_tenant_stands_in_both_trails(db: TestDb) {
    let rig = Rig::new(db).await;
    let tenant = rig.tenant("warga").await;
    let admin = rig.admin().await;
    let router =
        json!({ "router": { "name": "pusat", "addresses": ["198.51.100.7"] }, "secret": "rahasia-benar" });
    let made =
        rig.post("/api/v1/routers").token(&admin).within(tenant.id).json(&router).send().await.expect(201);
    let path = format!("/api/v1/routers/{}/secret/reveal", made["id"].as_str().unwrap());
    let reveal = rig.post(&path).token(&admin).within(tenant.id).header("rrnetd-reason", "tiket 12");
    assert_eq!(reveal.send().await.expect(200)["secret"], "rahasia-benar");
    let me = rig.get("/api/v1/me").token(&admin).send().await.expect(200);
    let own = rig.get("/api/v1/audit?limit=1").token(&tenant.owner).send().await.expect(200);
    assert_eq!(own["rows"][0]["actor"], me["actor"], "the tenant sees who it was");
    assert_eq!(own["rows"][0]["reason"], "tiket 12");
    assert!(own["rows"][0]["act"].as_str().unwrap().contains("reveal"), "{own}");
    let acts =
        rig.get("/api/v1/platform/audit?act=tenant.act_on_behalf").token(&admin).send().await.expect(200);
    let rows = acts["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["targetId"], tenant.id.to_string());
    assert_eq!(rows[0]["after"], json!({ "method": "POST", "route": "/api/v1/routers/{id}/secret/reveal" }));
    assert_eq!(rows[0]["reason"], "tiket 12");
}

async fn what_the_platform_s_people_read_of_people_stands_in_both_trails(db: TestDb) {
    let rig = Rig::new(db).await;
    let (admin, tenant) = (rig.admin().await, rig.tenant("warga").await);
    let read = async |path: &str| {
        rig.get(path).token(&admin).within(tenant.id).send().await.expect(200);
    };
    let kinds = async |path: &str, token: &str| {
        let path = format!("{path}?act=tenant.read_personal_data");
        let trail = rig.get(&path).token(token).send().await.expect(200);
        let rows = trail["rows"].as_array().unwrap().iter();
        rows.map(|row| row["after"]["data"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let login = || rig.login("root", None);
    for path in ["subscribers", "subscribers/search?text=x", "customers", "subscribers", "plans", "routers"] {
        read(&format!("/api/v1/{path}")).await;
    }
    for (path, token) in [("/api/v1/audit", &tenant.owner), ("/api/v1/platform/audit", &admin)] {
        assert_eq!(kinds(path, token).await, ["customers", "subscribers"], "{path}: once for each kind");
    }
    // Who reads one's own leaves nothing, and after an hour it is said anew.
    rig.get("/api/v1/subscribers").token(&tenant.owner).send().await.expect(200);
    rig.hand.advance(std::time::Duration::from_hours(1));
    let again = login().await;
    rig.get("/api/v1/subscribers").token(&again).within(tenant.id).send().await.expect(200);
    assert_eq!(kinds("/api/v1/audit", &tenant.owner).await, ["subscribers", "customers", "subscribers"]);
}
