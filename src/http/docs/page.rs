//! The API's document as one page to read: groups, their operations, and the forms they speak in.

use std::fmt::Write as _;

use serde_json::Value;

use super::{escape, html, schema};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

pub(super) fn render(document: &Value) -> String {
    let text = |value: &Value| escape(value.as_str().unwrap_or_default());
    let info = &document["info"];
    let mut body = format!(
        "<h1>{} {}</h1><p>{}</p>",
        text(&info["title"]),
        text(&info["version"]),
        text(&info["description"])
    );
    let groups: Vec<&Value> = document["tags"].as_array().into_iter().flatten().collect();
    body.push_str("<ul class=\"map\">");
    for group in &groups {
        let name = text(&group["name"]);
        let _ = write!(body, "<li><a href=\"#{name}\">{name}</a></li>");
    }
    body.push_str("<li><a href=\"#forms\">forms</a></li></ul>");
    for group in &groups {
        let name = text(&group["name"]);
        let _ = write!(body, "<h2 id=\"{name}\">{name}</h2><p>{}</p>", text(&group["description"]));
        for (path, method, operation) in operations(document) {
            if operation["tags"].as_array().is_some_and(|tags| tags.contains(&group["name"])) {
                operation_into(&mut body, path, method, operation);
            }
        }
    }
    body.push_str("<h2 id=\"forms\">forms</h2>");
    for (name, form) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let name = escape(name);
        let _ = write!(body, "<section id=\"form-{name}\"><h3>{name}</h3>");
        schema::form_into(&mut body, form);
        body.push_str("</section>");
    }
    html("API", &body)
}

fn operations(document: &Value) -> impl Iterator<Item = (&str, &'static str, &Value)> {
    document["paths"].as_object().into_iter().flatten().flat_map(|(path, item)| {
        METHODS.into_iter().filter_map(move |method| Some((path.as_str(), method, item.get(method)?)))
    })
}

fn operation_into(body: &mut String, path: &str, method: &str, operation: &Value) {
    let text = |value: &Value| escape(value.as_str().unwrap_or_default());
    let _ = write!(
        body,
        "<details><summary><span class=\"method {method}\">{}</span> <code>{}</code> {}</summary><p>{}</p>",
        method.to_uppercase(),
        escape(path),
        text(&operation["summary"]),
        text(&operation["description"])
    );
    let signed_in = operation["security"].as_array().is_some_and(|schemes| !schemes.is_empty());
    match operation["x-permission"].as_str() {
        Some(permission) => {
            let _ = write!(body, "<p>Permission: <code>{}</code></p>", escape(permission));
        }
        None if signed_in => {
            body.push_str("<p>For whoever is signed in.</p>");
        }
        None => body.push_str("<p>Open to anybody.</p>"),
    }
    let parameters: Vec<&Value> = operation["parameters"].as_array().into_iter().flatten().collect();
    if !parameters.is_empty() {
        body.push_str("<h4>Parameters</h4><table>");
        for parameter in parameters {
            let _ = write!(
                body,
                "<tr><td><code>{}</code></td><td>{}{}</td><td>{}</td><td>{}</td></tr>",
                text(&parameter["name"]),
                text(&parameter["in"]),
                if parameter["required"] == true { ", required" } else { "" },
                schema::kind(&parameter["schema"]),
                text(&parameter["description"])
            );
        }
        body.push_str("</table>");
    }
    for (kind, content) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
        let _ = write!(body, "<h4>Body</h4><p>{}: {}</p>", escape(kind), schema::kind(&content["schema"]));
    }
    body.push_str("<h4>Answers</h4><table>");
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let forms: Vec<String> = response["content"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(kind, content)| format!("{}: {}", escape(kind), schema::kind(&content["schema"])))
            .collect();
        let _ = write!(
            body,
            "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(status),
            text(&response["description"]),
            forms.join("<br>")
        );
    }
    body.push_str("</table></details>");
}
