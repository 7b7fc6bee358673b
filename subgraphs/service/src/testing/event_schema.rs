//! Holds every event that a test has a service record, or tell, against its documentation: `docs/events/<kind>.json`, a JSON
//! Schema of the payload each.
//!
//! Of JSON Schema it knows what those files use, and refuses what it does not know.

use chrono::DateTime;
use serde_json::Value;
use uuid::Uuid;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/events");

/// The entity of events that tests make up.
const MADE_UP: &str = "thing";

/// Fails, naming the place, where an event is not as documented.
pub(crate) fn check(kind: &str, aggregate: &str, payload: &Value) {
    if aggregate == MADE_UP {
        return;
    }
    let file = format!("{FOLDER}/{kind}.json");
    let text = std::fs::read_to_string(&file);
    let text = text.unwrap_or_else(|error| panic!("`{kind}` is not documented: {error}"));
    let schema: Value = serde_json::from_str(&text).expect("a schema in JSON");
    assert_eq!(schema["x-aggregate"], aggregate, "aggregate of `{kind}`");
    if let Err(problem) = conforms(payload, &schema, "payload") {
        panic!("`{kind}` is not as {file} says: {problem}");
    }
}

fn conforms(value: &Value, schema: &Value, place: &str) -> Result<(), String> {
    for (keyword, rule) in schema.as_object().expect("a schema is an object") {
        let holds = match keyword.as_str() {
            "$schema" | "title" | "description" | "x-aggregate" => true,
            "type" => is_of_type(value, rule),
            "enum" => rule.as_array().is_some_and(|values| values.contains(value)),
            "format" => value.as_str().is_none_or(|text| has_format(text, rule)),
            "required" => {
                let names = rule.as_array().into_iter().flatten().filter_map(Value::as_str);
                names.into_iter().all(|name| value.get(name).is_some())
            }
            "properties" => {
                for (name, schema) in rule.as_object().expect("properties are an object") {
                    if let Some(value) = value.get(name) {
                        conforms(value, schema, &format!("{place}.{name}"))?;
                    }
                }
                true
            }
            "additionalProperties" if *rule == Value::Bool(false) => {
                let known = schema["properties"].as_object().expect("properties are an object");
                value
                    .as_object()
                    .is_none_or(|value| value.keys().all(|key| known.contains_key(key)))
            }
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    conforms(item, rule, &format!("{place}[]"))?;
                }
                true
            }
            unknown => panic!("the keyword `{unknown}` is not known here"),
        };
        if !holds {
            return Err(format!("{place} is {value}, but `{keyword}` says {rule}"));
        }
    }
    Ok(())
}

fn is_of_type(value: &Value, rule: &Value) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        unknown => panic!("the type `{unknown}` is not known here"),
    };
    match rule {
        Value::String(name) => is(name),
        names => names.as_array().into_iter().flatten().filter_map(Value::as_str).any(is),
    }
}

fn has_format(text: &str, rule: &Value) -> bool {
    match rule.as_str() {
        Some("uuid") => Uuid::parse_str(text).is_ok(),
        Some("date-time") => DateTime::parse_from_rfc3339(text).is_ok(),
        unknown => panic!("the format {unknown:?} is not known here"),
    }
}
