//! What goes wrong: for clients a GraphQL error with a code and a status, for operators one sentence.
//!
//! The only place that knows status codes of GraphQL answers.
//! Spec: <https://graphql.github.io/graphql-over-http/draft/>.

use std::net::SocketAddr;
use std::path::PathBuf;

use apollo_compiler::response::GraphQLError;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use crate::media_type::MediaType;

/// Why the router does not start, or a command fails: one sentence for whoever typed it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file cannot be read.
    #[error("cannot read `{}`: {}", path.display(), reason(source))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write `{}`: {}", path.display(), reason(source))]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A settings file does not say what it should.
    #[error("`{}` is not valid: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// A variable of the environment is missing or unusable.
    #[error("the environment variable `{variable}` {reason}")]
    Variable {
        /// The variable.
        variable: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing says where the supergraph is.
    #[error("no graph to serve: name one by `--supergraph FILE` or `--compose supergraph.yaml`")]
    NoSupergraph,
    /// A subgraph's address is none that the router can use.
    #[error("the address `{url}` of subgraph `{subgraph_name}` cannot be used: {reason}")]
    Address {
        /// The subgraph.
        subgraph_name: String,
        /// Its address.
        url: String,
        /// Why not.
        reason: String,
    },
    /// A subgraph does not tell its schema.
    #[error("subgraph `{subgraph_name}` does not tell its schema at `{url}`: {reason}")]
    Schema {
        /// The subgraph.
        subgraph_name: String,
        /// Where it was asked.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The subgraphs do not compose.
    #[error("the subgraphs do not compose:\n{0}")]
    Composition(String),
    /// What a contract shows of a supergraph makes no sense.
    #[error("the contract does not hold:\n{0}")]
    Contract(String),
    /// Several at once, each a sentence.
    #[error("{}", sentences(.0))]
    Several(Vec<StartError>),
    /// The supergraph cannot be used.
    #[error("the supergraph cannot be used: {0}")]
    Supergraph(String),
    /// A schema to compare cannot be used.
    #[error("the schema of `{}` cannot be used: {reason}", path.display())]
    Schemas {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A check found that something breaks.
    #[error("{0}")]
    Breaking(String),
    /// An operation has no plan.
    #[error("the operation cannot be planned: {0}")]
    Operation(String),
    /// A result cannot be printed.
    #[error("cannot print: {0}")]
    Print(std::io::Error),
    /// The address to listen on is taken, or not ours.
    #[error("cannot listen on {address}: {}", reason(source))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// Serving ended unexpectedly.
    #[error("cannot serve: {0}")]
    Serve(std::io::Error),
    /// Logs, metrics or traces cannot be set up.
    #[error(transparent)]
    Telemetry(#[from] telemetry::InstallError),
}

impl StartError {
    /// Whether it may pass by itself: a subgraph that is still starting.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Schema { .. } => true,
            Self::Several(errors) => errors.iter().all(Self::is_passing),
            _ => false,
        }
    }
}

fn sentences(errors: &[StartError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// What is wrong with a YAML text, for whoever wrote it.
pub(crate) fn yaml_error(error: &serde_saphyr::Error) -> String {
    error.render_with_formatter(&serde_saphyr::UserMessageFormatter)
}

/// The reason alone, without the operating system's number.
fn reason(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::AddrInUse => "the port is in use".to_owned(),
        ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
        ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::IsADirectory => "it is a folder".to_owned(),
        ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        _ => error.to_string(),
    }
}

/// Why a request was not executed. Everything a variant shows is derived from what the client sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("GraphQL is spoken by GET and POST")]
    MethodNotAllowed,
    #[error("only queries can be sent by GET; send a mutation by POST")]
    NotByGet,
    #[error(
        "the answer is `application/graphql-response+json` or `application/json`, and `accept` allows neither"
    )]
    NotAcceptable,
    #[error("the body of a POST must be `application/json` in UTF-8, and not compressed")]
    UnsupportedMediaType,
    #[error("the body is larger than {limit_bytes} bytes")]
    BodyTooLarge { limit_bytes: usize },
    #[error("the body did not arrive whole")]
    BodyLost,
    #[error("{0}")]
    Malformed(String),
    #[error("the document does not parse")]
    Parse(Vec<GraphQLError>),
    #[error("the document is not valid")]
    Validation(Vec<GraphQLError>),
    #[error("{0}")]
    TooLarge(String),
    #[error("introspection is switched off")]
    IntrospectionDisabled,
    #[error(transparent)]
    Execution(#[from] executor::RequestError),
    #[error("the request took too long")]
    Timeout,
    #[error("too many requests at the same time; try again")]
    Overloaded,
    #[error("too many subscriptions at the same time; try again later")]
    TooManySubscriptions,
    #[error("pages of this origin may not ask; it is not named in `cors.origins`")]
    ForeignOrigin,
    #[error("the WebSocket must speak `graphql-transport-ws`")]
    WebSocketProtocol,
    #[error("the graph is not loaded yet; try again")]
    NotReady,
    /// The cause was logged where it was met.
    #[error("internal error")]
    Internal,
}

impl RequestError {
    /// `extensions.code`.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::MethodNotAllowed | Self::NotByGet => "METHOD_NOT_ALLOWED",
            Self::NotAcceptable => "NOT_ACCEPTABLE",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::BodyTooLarge { .. } => "PAYLOAD_TOO_LARGE",
            Self::BodyLost | Self::Malformed(_) | Self::WebSocketProtocol => "BAD_REQUEST",
            Self::Parse(_) => "GRAPHQL_PARSE_FAILED",
            Self::Validation(_) => "GRAPHQL_VALIDATION_FAILED",
            Self::TooLarge(_) => "OPERATION_TOO_LARGE",
            Self::IntrospectionDisabled => "INTROSPECTION_DISABLED",
            Self::Execution(error) => error.code(),
            Self::Timeout => "REQUEST_TIMEOUT",
            Self::Overloaded => "OVERLOADED",
            Self::TooManySubscriptions => "TOO_MANY_SUBSCRIPTIONS",
            Self::ForeignOrigin => "FORBIDDEN",
            Self::NotReady => "NOT_READY",
            Self::Internal => "INTERNAL",
        }
    }

    /// The status of the answer. A GraphQL error of a well-formed request is a 200 in `application/json`, where
    /// clients cannot tell our 400 from that of something in between (section 6.4.1), and a 400 in
    /// `application/graphql-response+json` (section 6.4.2).
    fn status(&self, media_type: MediaType) -> StatusCode {
        match self {
            Self::MethodNotAllowed | Self::NotByGet => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyLost | Self::Malformed(_) | Self::WebSocketProtocol => {
                StatusCode::BAD_REQUEST
            }
            Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::Parse(_)
            | Self::Validation(_)
            | Self::TooLarge(_)
            | Self::IntrospectionDisabled
            | Self::Execution(_) => match media_type {
                MediaType::Json => StatusCode::OK,
                MediaType::GraphqlResponse => StatusCode::BAD_REQUEST,
            },
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Overloaded | Self::TooManySubscriptions | Self::NotReady => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The GraphQL errors: one, or all that a document has.
    fn errors(&self) -> Vec<serde_json::Value> {
        let extensions = json!({ "code": self.code() });
        match self {
            Self::Parse(errors) | Self::Validation(errors) => errors
                .iter()
                .map(|error| {
                    let mut shown = json!({ "message": error.message });
                    if !error.locations.is_empty() {
                        shown["locations"] = json!(error.locations);
                    }
                    shown["extensions"] = extensions.clone();
                    shown
                })
                .collect(),
            _ => vec![json!({ "message": self.to_string(), "extensions": extensions })],
        }
    }

    /// Whether it is GraphQL that is wrong, in a request that is well-formed: a stream can carry the answer.
    pub(crate) fn is_of_graphql(&self) -> bool {
        self.status(MediaType::Json) == StatusCode::OK
    }

    /// The body of the answer: `{"errors":[…]}`. It has no `data`: nothing was executed.
    pub(crate) fn body(&self) -> Bytes {
        json!({ "errors": self.errors() }).to_string().into()
    }

    /// The answer to the client.
    pub(crate) fn into_response(self, media_type: MediaType) -> Response {
        let body = self.body();
        let mut response = graphql_response(self.status(media_type), media_type, body);
        let headers = response.headers_mut();
        match self {
            Self::MethodNotAllowed => {
                headers.insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
            }
            Self::NotByGet => {
                headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
            }
            Self::Overloaded | Self::TooManySubscriptions | Self::NotReady => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

/// The answer to an operation that was executed: the fields that failed are in its body.
pub(crate) fn executed(media_type: MediaType, body: Bytes) -> Response {
    graphql_response(StatusCode::OK, media_type, body)
}

fn graphql_response(status: StatusCode, media_type: MediaType, body: Bytes) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, media_type.content_type());
    // Caches between must not mix up the two media types.
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    response
}
