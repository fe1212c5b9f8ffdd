//! The forms of the document as tables.

use std::fmt::Write as _;

use serde_json::Value;

use super::escape;

/// A form by its fields, or by what it is when it has none.
pub(super) fn form_into(body: &mut String, form: &Value) {
    if let Some(description) = form["description"].as_str() {
        let _ = write!(body, "<p>{}</p>", escape(description));
    }
    let Some(properties) = form["properties"].as_object() else {
        let _ = write!(body, "<p>{}</p>", kind(form));
        return;
    };
    let required: Vec<&str> =
        form["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    body.push_str("<table>");
    for (name, property) in properties {
        let _ = write!(
            body,
            "<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(name),
            if required.contains(&name.as_str()) { "required" } else { "" },
            kind(property),
            escape(property["description"].as_str().unwrap_or_default())
        );
    }
    body.push_str("</table>");
}

/// What a value is, in a few words, with a link to its form where it has one.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        let name = escape(name);
        return format!("<a href=\"#form-{name}\">{name}</a>");
    }
    for (key, joint) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        if let Some(members) = schema[key].as_array() {
            return members.iter().map(kind).collect::<Vec<_>>().join(joint);
        }
    }
    if let Some(members) = schema["enum"].as_array() {
        let members = members.iter().filter_map(Value::as_str);
        return members
            .map(|member| format!("<code>{}</code>", escape(member)))
            .collect::<Vec<_>>()
            .join(" ");
    }
    if schema.get("items").is_some() {
        return format!("list of {}", kind(&schema["items"]));
    }
    let words = match &schema["type"] {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "anything".to_owned(),
    };
    match schema["format"].as_str() {
        Some(format) => format!("{} ({})", escape(&words), escape(format)),
        None => escape(&words),
    }
}
