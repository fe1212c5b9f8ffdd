//! Subscribers in bulk over the API.

use foundation::testing::TestDb;
use serde_json::json;

use crate::network::Network;

foundation::battery! { a_table_is_tried_and_then_imported }

const TABLE: &str = "username;password;paket;nama;ip\n\
    budi;rahasia;20M;Budi Santoso;10.9.0.5\n\
    siti;;20M;Siti;\n\
    agus;x;99M;Agus;\n\
    dewi;x;20M;Dewi;10.9.0.5\n";

async fn a_table_is_tried_and_then_imported(db: TestDb) {
    let net = Network::new(db).await;
    let (rig, owner) = (&net.rig, &net.tenant.owner);
    let send = |query: &str, kind: &'static str, table: Vec<u8>| {
        rig.post(&format!("/api/v1/subscribers/import{query}")).token(owner).raw(kind, table).send()
    };
    let tried = send("", "text/csv; charset=utf-8", TABLE.into()).await.expect(200);
    assert_eq!((&tried["report"]["rows"], &tried["report"]["ready"]), (&json!(4), &json!(2)));
    let lines: Vec<(u64, &str)> = tried["report"]["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (error["line"].as_u64().unwrap(), error["field"].as_str().unwrap()))
        .collect();
    assert_eq!(lines, [(4, "plan"), (5, "staticAddress")]);
    assert_eq!(tried.get("applied"), None, "a dry run");
    let list = rig.get("/api/v1/subscribers").token(owner).send().await.expect(200);
    assert_eq!(list["rows"], json!([]));

    let applied = send("?apply=true", "text/csv", TABLE.into()).await.expect(200)["applied"].clone();
    assert_eq!((&applied["errors"], &applied["stopped"]), (&json!([]), &json!(false)));
    let made = applied["made"].as_array().unwrap();
    assert_eq!((&made[0]["username"], made[0].get("generatedPassword")), (&json!("budi"), None));
    assert_eq!(made[1]["generatedPassword"].as_str().unwrap().len(), 10);
    let again = send("?apply=true", "text/csv", TABLE.into()).await.expect(200);
    assert_eq!((&again["report"]["ready"], &again["applied"]["made"]), (&json!(0), &json!([])));

    send("", "application/json", TABLE.into()).await.problem("unsupported_media_type");
    send("", "text/csv", b"name\nx\n".to_vec()).await.problem("invalid_body");
    send("?apply=perhaps", "text/csv", TABLE.into()).await.problem("invalid_query");
    // Larger than any other body may be, and than this one may be.
    let line = "a long note that nobody needs;20M;x;y;z\n".repeat(12_000);
    send("", "text/csv", format!("username;paket;note;a;b\n{line}").into_bytes()).await.expect(200);
    send("", "text/csv", vec![b'x'; (32 << 20) + 1]).await.problem("body_too_large");
}
