//! Why nothing was executed, why a fetch failed, and what an error in the answer says.

use std::fmt;

use apollo_compiler::Name;
use supergraph::SubgraphId;

use crate::SubgraphError;
use crate::json::write_string;

/// Why nothing was executed. The texts are derived from what the client sent, and from nothing else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The document has no operation of that name, or several and no name was given.
    #[error("{0}")]
    UnknownOperation(String),
    /// The operation is a subscription, and was asked for one answer.
    #[error(
        "a subscription has many answers: ask by WebSocket, or with `accept: text/event-stream`"
    )]
    Subscription,
    /// The introspection nests lists too deeply.
    #[error("{0}")]
    IntrospectionTooDeep(String),
    /// The variables are not a JSON object.
    #[error("the variables are not a JSON object")]
    MalformedVariables,
    /// A variable does not fit its type.
    #[error("variable `${variable}`: {reason}")]
    Variable {
        /// The variable.
        variable: Name,
        /// Where in it, and why not.
        reason: String,
    },
}

impl RequestError {
    /// `extensions.code`
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownOperation(_) => "OPERATION_RESOLUTION_FAILURE",
            Self::Subscription => "SUBSCRIPTION_NOT_SUPPORTED",
            Self::IntrospectionTooDeep(_) => "INTROSPECTION_TOO_DEEP",
            Self::MalformedVariables | Self::Variable { .. } => "BAD_USER_INPUT",
        }
    }
}

/// A fetch that gave nothing: for the operator's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchFailure {
    /// Who was asked.
    pub subgraph: SubgraphId,
    /// What went wrong.
    pub reason: FetchFailureReason,
}

/// What went wrong with a fetch. The texts are shown to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FetchFailureReason {
    /// There is no answer.
    #[error(transparent)]
    Client(#[from] SubgraphError),
    /// The answers of all subgraphs together are larger than the limit.
    #[error("the subgraphs' answers are too large")]
    AnswersTooLarge,
    /// An answer that is not GraphQL, with a status that says why.
    #[error("the subgraph answered with HTTP status {0}")]
    Status(u16),
    /// An answer that is not JSON, or no object, or nests too deeply.
    #[error("the subgraph's answer is not a JSON object")]
    NotJson,
    /// JSON, but no GraphQL response: neither `data` nor `errors`.
    #[error("the subgraph's answer is not a GraphQL response")]
    NotGraphql,
    /// Not as many entities as were asked for, or something else in their place.
    #[error("the subgraph did not answer with one entity for each representation")]
    Entities,
    /// More entities would be asked for than a request may.
    #[error("the request needs more entities than the limit allows")]
    TooManyEntities,
    /// The subgraph's `data` is null; its own errors say why.
    #[error("the subgraph answered without data")]
    NoData,
}

impl FetchFailureReason {
    /// `extensions.code`
    pub fn code(self) -> &'static str {
        match self {
            Self::Client(SubgraphError::Timeout) => "SUBGRAPH_TIMEOUT",
            Self::Client(SubgraphError::Unreachable) => "SUBGRAPH_UNREACHABLE",
            Self::Client(SubgraphError::TooLarge) | Self::AnswersTooLarge => {
                "SUBGRAPH_ANSWER_TOO_LARGE"
            }
            Self::Status(_) => "SUBGRAPH_HTTP_STATUS",
            Self::NotJson | Self::NotGraphql | Self::Entities | Self::NoData => {
                "SUBGRAPH_ANSWER_MALFORMED"
            }
            Self::TooManyEntities => "TOO_MANY_ENTITIES",
        }
    }
}

/// Codes of the errors that the router finds in values.
pub(crate) mod code {
    /// Null where the schema does not allow it.
    pub(crate) const UNEXPECTED_NULL: &str = "UNEXPECTED_NULL";
    /// A value that is not of its type.
    pub(crate) const INVALID_VALUE: &str = "INVALID_VALUE";
    /// The answer is larger than the limit.
    pub(crate) const ANSWER_TOO_LARGE: &str = "ANSWER_TOO_LARGE";
}

/// A step of a path in the client's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PathSegment {
    Key(Name),
    Index(u32),
}

/// An error in the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldError {
    pub(crate) message: String,
    /// Empty where it belongs to no place in particular.
    pub(crate) path: Vec<PathSegment>,
    pub(crate) subgraph: Option<SubgraphId>,
    /// `extensions.code`: text, in the router's own errors; a subgraph's is passed on as it is.
    pub(crate) code: Option<serde_json::Value>,
}

/// The errors of an answer, up to the limit.
#[derive(Debug, Default)]
pub(crate) struct FieldErrors {
    errors: Vec<FieldError>,
    limit: usize,
}

impl FieldErrors {
    pub(crate) fn new(limit: usize) -> Self {
        Self { errors: Vec::new(), limit }
    }

    pub(crate) fn push(&mut self, error: FieldError) {
        if !self.is_full() {
            self.errors.push(error);
        }
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&FieldError) -> bool) {
        self.errors.retain(keep);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.errors.len() >= self.limit
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.errors.len()
    }

    /// Whether an error already tells why there is null at this path: one at, above or below it. Where there is no
    /// room for another, it makes no difference.
    pub(crate) fn explain(&self, path: &[PathSegment]) -> bool {
        self.is_full()
            || self.errors.iter().any(|error| error.path.iter().zip(path).all(|(a, b)| a == b))
    }

    /// Appends `[{"message":…},…]`.
    pub(crate) fn write(&self, subgraph_name: impl Fn(SubgraphId) -> String, out: &mut Vec<u8>) {
        for (index, error) in self.errors.iter().enumerate() {
            out.push(if index == 0 { b'[' } else { b',' });
            error.write(&subgraph_name, out);
        }
        out.push(b']');
    }
}

impl FieldError {
    fn write(&self, subgraph_name: impl Fn(SubgraphId) -> String, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"message\":");
        write_string(&self.message, out);
        for (index, segment) in self.path.iter().enumerate() {
            out.extend_from_slice(if index == 0 { b",\"path\":[" } else { b"," });
            match segment {
                PathSegment::Key(key) => write_string(key, out),
                PathSegment::Index(item) => out.extend_from_slice(item.to_string().as_bytes()),
            }
        }
        if !self.path.is_empty() {
            out.push(b']');
        }
        let mut opening: &[u8] = b",\"extensions\":{";
        if let Some(code) = &self.code {
            out.extend_from_slice(opening);
            out.extend_from_slice(format!("\"code\":{code}").as_bytes());
            opening = b",";
        }
        if let Some(subgraph) = self.subgraph {
            out.extend_from_slice(opening);
            out.extend_from_slice(b"\"service\":");
            write_string(&subgraph_name(subgraph), out);
        }
        if self.code.is_some() || self.subgraph.is_some() {
            out.push(b'}');
        }
        out.push(b'}');
    }
}

impl fmt::Display for PathSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => key.fmt(f),
            Self::Index(index) => index.fmt(f),
        }
    }
}
