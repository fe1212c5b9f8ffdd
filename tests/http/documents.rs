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

/// What the standard asks of every operation (OpenAPI 3.1 §4.8): some generators refuse a document without.
fn assert_shape(path: &str, operation: &Value) {
    let responses = operation["responses"].as_object().unwrap();
    assert!(responses.keys().any(|status| status.starts_with('2')), "{path}");
    for (status, response) in responses {
        let described = response["description"].as_str().is_some_and(|text| !text.is_empty());
        assert!(described, "{path}: {status} is not described");
    }
    let mut seen = BTreeSet::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let (name, place) = (parameter["name"].as_str().unwrap(), parameter["in"].as_str().unwrap());
        assert!(seen.insert((name, place)), "{path}: {name} stands there twice");
        assert!(["path", "query", "header", "cookie"].contains(&place), "{path}: {name} in {place}");
        assert!(parameter["schema"].is_object(), "{path}: {name} has no form");
        if place == "path" {
            assert!(parameter["required"] == true && path.contains(&format!("{{{name}}}")), "{path}: {name}");
        }
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
            assert_shape(path, operation);
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
