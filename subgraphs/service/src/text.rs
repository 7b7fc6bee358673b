//! What a text of a request may hold: everything but the character NUL, which Postgres cannot keep.

use async_graphql::{Request, Value};

/// Whether a text of the request, in its variables or its document, holds the character NUL.
pub(crate) fn has_nul(request: &Request) -> bool {
    // In the document it is written as it is, or escaped.
    request.query.contains('\0')
        || request.query.contains("\\u0000")
        || request.variables.iter().any(|(_, value)| holds_nul(value))
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::List(values) => values.iter().any(holds_nul),
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| name.contains('\0') || holds_nul(value))
        }
        Value::Null | Value::Number(_) | Value::Boolean(_) | Value::Enum(_) | Value::Binary(_) => {
            false
        }
    }
}
