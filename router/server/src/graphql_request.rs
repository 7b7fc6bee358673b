//! A GraphQL request, read from an HTTP request: a JSON body by POST, or the query string by GET.
//!
//! Spec: <https://graphql.github.io/graphql-over-http/draft/#sec-Request>.

use std::borrow::Cow;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use supergraph::LabelId;
use url::form_urlencoded;

use crate::error::RequestError;
use crate::media_type::is_json;

/// What a client asks for.
#[derive(Debug)]
pub(crate) struct GraphqlRequest {
    /// What is to be executed: also the key under which its plan is kept.
    pub(crate) operation: OperationKey,
    /// The variables: a JSON object as sent, so that numbers keep their digits; or empty.
    pub(crate) variables: Box<str>,
    /// Whether it came by GET, which must change nothing.
    pub(crate) by_get: bool,
}

/// What a body asks for.
#[derive(Debug)]
pub(crate) enum Asked {
    One(GraphqlRequest),
    /// Several at once, each to be answered.
    List(Vec<GraphqlRequest>),
}

/// A document and the operation chosen from it, exactly as the client wrote them: equal keys mean equal operations.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct OperationKey {
    /// The document as a JSON string literal: it need not be unescaped to be found.
    document: Box<str>,
    /// The operation's name, where the client gave one.
    pub(crate) name: Option<Box<str>>,
    /// The labels that are on for it: none, where the graph has none.
    pub(crate) labels: Box<[LabelId]>,
}

#[derive(Deserialize)]
struct Parameters<'a> {
    #[serde(borrow)]
    query: Option<&'a RawValue>,
    #[serde(borrow, rename = "operationName")]
    operation_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    variables: Option<&'a RawValue>,
    /// Only looked at for its type: no extension is known.
    #[serde(borrow)]
    extensions: Option<&'a RawValue>,
}

impl GraphqlRequest {
    /// Reads a request, of which at most `limit_bytes` are taken in; or a list of at most `list_limit`.
    pub(crate) async fn read(
        request: Request<Body>,
        limit_bytes: usize,
        list_limit: usize,
    ) -> Result<Asked, RequestError> {
        let (head, body) = request.into_parts();
        match head.method {
            Method::GET => {
                Self::from_query_string(head.uri.query().unwrap_or_default()).map(Asked::One)
            }
            Method::POST if !is_json(&head.headers) => Err(RequestError::UnsupportedMediaType),
            Method::POST => {
                let body = read(&head.headers, body, limit_bytes).await?;
                match body.trim_ascii_start().first() {
                    Some(b'[') if list_limit > 1 => Self::list(&body, list_limit).map(Asked::List),
                    _ => Self::from_json(&body).map(Asked::One),
                }
            }
            _ => Err(RequestError::MethodNotAllowed),
        }
    }

    fn list(body: &[u8], limit: usize) -> Result<Vec<Self>, RequestError> {
        let items: Vec<&RawValue> = serde_json::from_slice(body).map_err(|error| {
            RequestError::Malformed(format!("the body is not a list of requests: {error}"))
        })?;
        match items.len() {
            0 => Err(RequestError::Malformed("the list is empty".to_owned())),
            len if len > limit => Err(RequestError::Malformed(format!(
                "the list has {len} requests; the limit is {limit}"
            ))),
            _ => items.iter().map(|item| Self::from_json(item.get().as_bytes())).collect(),
        }
    }

    /// Reads the JSON of a request.
    pub(crate) fn from_json(body: &[u8]) -> Result<Self, RequestError> {
        let malformed = |reason: String| RequestError::Malformed(reason);
        match body.trim_ascii_start().first() {
            Some(b'{') => {}
            None => return Err(malformed("the body is empty".to_owned())),
            Some(b'[') => {
                return Err(malformed("send one request at a time, not a list".to_owned()));
            }
            Some(_) => return Err(malformed("the body is not a JSON object".to_owned())),
        }
        let parameters: Parameters<'_> = serde_json::from_slice(body)
            .map_err(|error| malformed(format!("the body is not a GraphQL request: {error}")))?;
        let document = parameters
            .query
            .map(RawValue::get)
            .ok_or_else(|| malformed("the parameter `query` is missing".to_owned()))?;
        if !document.starts_with('"') {
            return Err(malformed("the parameter `query` is not a string".to_owned()));
        }
        map("extensions", parameters.extensions)?;
        Ok(Self {
            operation: OperationKey {
                document: document.into(),
                name: parameters.operation_name.map(Into::into),
                labels: Box::default(),
            },
            variables: map("variables", parameters.variables)?.into(),
            by_get: false,
        })
    }

    fn from_query_string(query_string: &str) -> Result<Self, RequestError> {
        let (mut document, mut name, mut variables) = (None, None, Box::default());
        for (parameter, value) in form_urlencoded::parse(query_string.as_bytes()) {
            match &*parameter {
                "query" => document = Some(OperationKey::literal(&value)),
                "operationName" if !value.is_empty() => name = Some(value.into()),
                "variables" => variables = written_map(&parameter, &value)?.into(),
                "extensions" => drop(written_map(&parameter, &value)?),
                _ => {}
            }
        }
        let document = document.ok_or_else(|| {
            RequestError::Malformed("the parameter `query` is missing".to_owned())
        })?;
        let operation = OperationKey { document, name, labels: Box::default() };
        Ok(Self { operation, variables, by_get: true })
    }
}

impl OperationKey {
    fn literal(document: &str) -> Box<str> {
        Value::from(document).to_string().into()
    }

    /// The same operation, with these labels on.
    pub(crate) fn labelled(&self, labels: Box<[LabelId]>) -> Self {
        Self { labels, ..self.clone() }
    }

    /// The document's text.
    pub(crate) fn document(&self) -> Result<String, RequestError> {
        serde_json::from_str(&self.document).map_err(|_| {
            RequestError::Malformed("the parameter `query` is not a string".to_owned())
        })
    }
}

/// The text of a parameter that must be a JSON object; empty where it is absent.
fn map<'a>(parameter: &str, value: Option<&'a RawValue>) -> Result<&'a str, RequestError> {
    let text = value.map_or("", RawValue::get);
    if text.is_empty() || text.starts_with('{') {
        return Ok(text);
    }
    Err(RequestError::Malformed(format!("the parameter `{parameter}` is not an object")))
}

/// The same, where the parameter comes as text.
fn written_map<'a>(parameter: &str, text: &'a str) -> Result<&'a str, RequestError> {
    if text.is_empty() {
        return Ok(text);
    }
    let value = serde_json::from_str(text).map_err(|error| {
        RequestError::Malformed(format!("the parameter `{parameter}` is not JSON: {error}"))
    })?;
    map(parameter, value)
}

async fn read(headers: &HeaderMap, body: Body, limit_bytes: usize) -> Result<Bytes, RequestError> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit_bytes) {
        return Err(RequestError::BodyTooLarge { limit_bytes });
    }
    match Limited::new(body, limit_bytes).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(RequestError::BodyTooLarge { limit_bytes })
        }
        Err(_) => Err(RequestError::BodyLost),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(read: Result<GraphqlRequest, RequestError>, expected: &Expect) {
        let shown = match read {
            Ok(GraphqlRequest { operation, variables, by_get }) => format!(
                "{:?} {:?} {variables:?} {by_get}",
                operation.document().unwrap(),
                operation.name,
            ),
            Err(error) => format!("{}: {error}", error.code()),
        };
        expected.assert_eq(&shown);
    }

    fn check_json(body: &str, expected: &Expect) {
        check(GraphqlRequest::from_json(body.as_bytes()), expected);
    }

    #[test]
    fn a_body_names_document_operation_and_variables() {
        check_json(
            r#" {"query":"{ a(b: \"c\") }","operationName":"d","variables":{"e": 1.50},"extensions":{}}"#,
            &expect![[r#""{ a(b: \"c\") }" Some("d") "{\"e\": 1.50}" false"#]],
        );
        check_json(
            r#"{"query":"{a}","operationName":null,"variables":null,"extensions":null,"other":3}"#,
            &expect![[r#""{a}" None "" false"#]],
        );
    }

    #[test]
    fn a_malformed_body_is_told_from_a_good_one() {
        check_json("", &expect!["BAD_REQUEST: the body is empty"]);
        check_json("7", &expect!["BAD_REQUEST: the body is not a JSON object"]);
        check_json(
            r#"[{"query":"{a}"}]"#,
            &expect!["BAD_REQUEST: send one request at a time, not a list"],
        );
        check_json("{}", &expect!["BAD_REQUEST: the parameter `query` is missing"]);
        check_json(
            r#"{"query":["a"]}"#,
            &expect!["BAD_REQUEST: the parameter `query` is not a string"],
        );
        check_json(
            r#"{"query":"{a}","variables":"b"}"#,
            &expect!["BAD_REQUEST: the parameter `variables` is not an object"],
        );
    }

    #[test]
    fn a_query_string_says_the_same() {
        check(
            GraphqlRequest::from_query_string(
                "query=%7B%20a%20%7D&operationName=b&variables=%7B%22c%22%3A1%7D",
            ),
            &expect![[r#""{ a }" Some("b") "{\"c\":1}" true"#]],
        );
        check(
            GraphqlRequest::from_query_string("variables=%7B%7D"),
            &expect!["BAD_REQUEST: the parameter `query` is missing"],
        );
        check(
            GraphqlRequest::from_query_string("query=x&variables=3"),
            &expect!["BAD_REQUEST: the parameter `variables` is not an object"],
        );
    }

    #[test]
    fn both_ways_find_the_same_plan() {
        let by_post = GraphqlRequest::from_json(br#"{"query":"{ a(b: \"\u00e9\") }"}"#).unwrap();
        let by_get = GraphqlRequest::from_query_string("query={ a(b: \"\u{e9}\") }").unwrap();
        assert_eq!(by_post.operation.document().unwrap(), by_get.operation.document().unwrap());
        let plain =
            GraphqlRequest::from_json("{\"query\":\"{ a(b: \\\"\u{e9}\\\") }\"}".as_bytes());
        assert_eq!(plain.unwrap().operation, by_get.operation);
    }
}
