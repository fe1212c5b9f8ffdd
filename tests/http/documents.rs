//! The API's document and the pages made from it.

use std::collections::BTreeSet;

use foundation::testing::TestDb;
use serde_json::Value;

use crate::harness::Rig;

foundation::battery! { the_document_is_sound_and_the_pages_show_it }

/// Every reference in the document.
fn references<'a>(value: &'a Value, into: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(object) => {
            into.extend(object.get("$ref").and_then(Value::as_str));
            object.values().for_each(|value| references(value, into));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, into)),
        _ => {}
    }
}

async fn the_document_is_sound_and_the_pages_show_it(db: TestDb) {
    let rig = Rig::new(db).await;
    let document = rig.get("/openapi.json").send().await.expect(200);
    assert_eq!(document, rig.document);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }

    let mut ids = BTreeSet::new();
    let mut lines = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            // Names of generated functions: each once.
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} stands for two operations");
            let permission = operation["x-permission"].as_str().unwrap_or("-");
            lines.push(format!("{} {path} {permission} {id}", method.to_uppercase()));
            let named = path.matches('{').count();
            let described = operation["parameters"].as_array().into_iter().flatten();
            assert_eq!(described.filter(|parameter| parameter["in"] == "path").count(), named, "{path}");
        }
    }
    lines.sort();
    insta::with_settings!({ prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("routes", lines.join("\n"));
    });

    let page = rig.get("/docs").send().await;
    page.expect(200);
    for path in document["paths"].as_object().unwrap().keys() {
        assert!(page.text.contains(path.as_str()), "{path}");
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(page.text.contains(&format!("id=\"form-{name}\"")), "{name}");
    }
    assert!(
        !page.text.contains("http://") && !page.text.contains("https://") && !page.text.contains("<script")
    );
    let problems = rig.get("/docs/problems").send().await;
    assert!(problems.text.contains("id=\"version_moved\""));
    assert_eq!(
        rig.get("/docs/style.css").send().await.header("content-type"),
        Some("text/css; charset=utf-8")
    );
}
