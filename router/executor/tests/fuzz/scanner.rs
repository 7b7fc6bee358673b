//! The scanner against `serde_json`: what that refuses in a subgraph's answer is refused, what that accepts is read, and
//! every value that the client gets is the one that the subgraph sent.

use std::sync::{Arc, LazyLock};

use apollo_compiler::ExecutableDocument;
use executor::{
    Executable, Options, SubgraphClient, SubgraphError, SubgraphRequest, SubgraphResponse,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use supergraph::Supergraph;

use crate::answer_text::answer_text;
use crate::nearly::{config, within_time};

/// What the client asks for; the types of [`leaf`] and [`object`] are these.
const OPERATION: &str = "{ any text id int float flag kind
    object { any text int object { any id } objects { kind } }
    objects { any flag object { text } }
    grid { id float } }";

static EXECUTABLE: LazyLock<Executable> = LazyLock::new(|| {
    let fields = "any: Any text: String id: ID int: Int float: Float flag: Boolean kind: Kind
        object: Thing objects: [Thing] grid: [[Thing]]";
    let supergraph = Supergraph::parse(&format!(
        r#"
        schema @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) {{ query: Query }}
        enum join__Graph {{ A @join__graph(name: "a", url: "") }}
        type Query @join__type(graph: A) {{ {fields} }}
        type Thing @join__type(graph: A) {{ {fields} }}
        enum Kind @join__type(graph: A) {{ BOOK @join__enumValue(graph: A) FILM @join__enumValue(graph: A) }}
        scalar Any @join__type(graph: A)
        "#
    ));
    let supergraph = supergraph.expect("it is a supergraph");
    let schema = supergraph.api_schema();
    let document = ExecutableDocument::parse_and_validate(schema, OPERATION, "operation.graphql");
    let document = Arc::new(document.expect("it is valid"));
    let operation = document.operations.get(None).expect("it is the only one");
    let plan = planner::plan(&supergraph, &document, operation).expect("there is a way");
    Executable::lower(&supergraph, document.clone(), None, &plan).expect("it is executable")
});

/// A subgraph that says one thing whatever it is asked.
struct Parrot(Vec<u8>);

impl SubgraphClient for Parrot {
    type Context = ();

    fn fetch<'a>(
        &'a self,
        _: SubgraphRequest,
        (): &'a (),
    ) -> BoxFuture<'a, Result<SubgraphResponse, SubgraphError>> {
        let body = self.0.clone().into();
        async { Ok(SubgraphResponse { status: 200, body }) }.boxed()
    }
}

fn told(answer: &[u8]) -> Value {
    let response =
        EXECUTABLE.execute("", &Parrot(answer.to_vec()), &(), &Options::default()).now_or_never();
    let response = response.expect("the parrot answers at once").expect("it is no bad request");
    serde_json::from_slice::<IgnoredAny>(&response.body).expect("an answer is JSON");
    // Half a surrogate pair and a number too large for `f64` go on as they came, and are no `Value`.
    serde_json::from_slice(&response.body).unwrap_or(Value::Null)
}

/// Null, with or without a reason.
#[derive(Debug, PartialEq, Eq)]
struct Failed;

/// What a leaf of this name must become.
fn leaf(name: &str, value: &Value, is: &Value) -> Result<(), Failed> {
    let as_it_stands = match name {
        "any" => true,
        "flag" => value.is_boolean(),
        "float" => value.is_number(),
        "kind" => value == "BOOK" || value == "FILM",
        "int" => value.as_i64().map_or_else(
            || {
                let number = value.as_f64().filter(|it| it.fract() == 0.0);
                number.is_some_and(|it| it.abs() <= f64::from(i32::MAX))
            },
            |int| i32::try_from(int).is_ok(),
        ),
        "id" if value.is_number() => {
            // The digits are in the text alone, and `serde_json` is off by a little where there are many.
            let number = is.as_str().and_then(|text| text.parse::<f64>().ok());
            let is_same = |(is, sent): (f64, f64)| (is - sent).abs() <= sent.abs() * 1e-12;
            assert!(
                is.is_null() || number.zip(value.as_f64()).is_some_and(is_same),
                "{value} became {is}"
            );
            return if is.is_null() { Err(Failed) } else { Ok(()) };
        }
        "text" | "id" => value.is_string(),
        _ => unreachable!("`{name}` is not asked for"),
    };
    let expected = if as_it_stands { value } else { &Value::Null };
    assert_eq!(is, expected, "`{name}`");
    if as_it_stands { Ok(()) } else { Err(Failed) }
}

/// What a value in the place of objects must become, in lists or not.
fn composite(
    lists: usize,
    fields: &[(&str, Shape)],
    value: &Value,
    is: &Value,
) -> Result<(), Failed> {
    match (value, lists) {
        (Value::Null, _) => {
            assert!(is.is_null(), "null became {is}");
            Ok(())
        }
        (Value::Array(items), 1..) => {
            let told = is.as_array().expect("a list stays a list");
            assert_eq!(items.len(), told.len());
            let items = items.iter().zip(told);
            items
                .map(|(value, is)| composite(lists - 1, fields, value, is))
                .fold(Ok(()), Result::and)
        }
        (Value::Object(entries), 0) => {
            object(fields, entries, is.as_object().expect("an object stays one"))
        }
        _ => {
            assert!(is.is_null(), "{value} became {is}");
            Err(Failed)
        }
    }
}

/// What is asked for below a field.
#[derive(Clone, Copy)]
enum Shape {
    Leaf,
    Objects(usize, &'static [(&'static str, Shape)]),
}

const SHAPE: [(&str, Shape); 10] = [
    ("any", Shape::Leaf),
    ("text", Shape::Leaf),
    ("id", Shape::Leaf),
    ("int", Shape::Leaf),
    ("float", Shape::Leaf),
    ("flag", Shape::Leaf),
    ("kind", Shape::Leaf),
    (
        "object",
        Shape::Objects(
            0,
            &[
                ("any", Shape::Leaf),
                ("text", Shape::Leaf),
                ("int", Shape::Leaf),
                ("object", Shape::Objects(0, &[("any", Shape::Leaf), ("id", Shape::Leaf)])),
                ("objects", Shape::Objects(1, &[("kind", Shape::Leaf)])),
            ],
        ),
    ),
    (
        "objects",
        Shape::Objects(
            1,
            &[
                ("any", Shape::Leaf),
                ("flag", Shape::Leaf),
                ("object", Shape::Objects(0, &[("text", Shape::Leaf)])),
            ],
        ),
    ),
    ("grid", Shape::Objects(2, &[("id", Shape::Leaf), ("float", Shape::Leaf)])),
];

fn object(
    fields: &[(&str, Shape)],
    entries: &Map<String, Value>,
    is: &Map<String, Value>,
) -> Result<(), Failed> {
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    assert_eq!(is.len(), fields.len(), "{names:?} were asked for, and {is:?} is told");
    let mut outcome = Ok(());
    for (name, shape) in fields {
        let (value, is) = (entries.get(*name).unwrap_or(&Value::Null), &is[*name]);
        outcome = outcome.and(match shape {
            _ if value.is_null() => {
                assert!(is.is_null(), "`{name}` is null and became {is}");
                Ok(())
            }
            Shape::Leaf => leaf(name, value, is),
            Shape::Objects(lists, fields) => composite(*lists, fields, value, is),
        });
    }
    outcome
}

/// How deep JSON nests.
fn nesting(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Whether nothing is told but why.
fn is_refused(told: &Value) -> bool {
    let data = told["data"].as_object();
    told["errors"].is_array() && data.is_some_and(|data| data.values().all(Value::is_null))
}

fn agrees_with_serde_json(answer: &[u8]) {
    let told = told(answer);
    let is_json = serde_json::from_slice::<IgnoredAny>(answer).is_ok();
    if !is_json || nesting(answer) > Options::default().limits.nesting {
        assert!(is_refused(&told), "told {told}");
        return;
    }
    let Ok(value) = serde_json::from_slice::<Value>(answer) else { return };
    let has_errors = told.get("errors").is_some();
    match value.get("data") {
        Some(Value::Object(data)) => {
            let is = told["data"].as_object().expect("what is JSON is read");
            let outcome = object(&SHAPE, data, is);
            assert!(has_errors || outcome.is_ok(), "no error says what failed: {told}");
            let is_reported = value["errors"].as_array().is_some_and(|it| !it.is_empty());
            assert!(is_reported || outcome.is_err() || !has_errors, "nothing failed: {told}");
        }
        _ => assert!(is_refused(&told), "told {told}"),
    }
}

proptest! {
    #![proptest_config(config(6_000))]

    #[test]
    fn an_answer_is_read_as_serde_json_reads_it(seed in any::<u64>()) {
        let answer = answer_text(seed);
        within_time(&String::from_utf8_lossy(&answer), || agrees_with_serde_json(&answer));
    }
}
