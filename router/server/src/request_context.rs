//! What a client's request means for requests to subgraphs: the headers that pass, and those that never do.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::{Map, Value};
use tracing::Span;

use crate::service_token::SERVICE_TOKEN_HEADER;

/// What the client's address is written into for subgraphs.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// By which a client asks to see the plan, with the value `true`.
const QUERY_PLAN: HeaderName = HeaderName::from_static("x-query-plan");
/// What always passes: W3C trace context, and what the client is.
const ALWAYS_FORWARDED: [HeaderName; 3] = [
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    header::USER_AGENT,
];

/// A client's address, as subgraphs are told it.
#[derive(Debug, Clone)]
pub(crate) struct Peer(HeaderValue);

impl Peer {
    /// The address alone: ports change from connection to connection.
    pub(crate) fn of(address: SocketAddr) -> Self {
        let address = HeaderValue::try_from(address.ip().to_canonical().to_string());
        Self(address.expect("an address is printable"))
    }
}

/// What a client's request means for requests to subgraphs: the headers that all of them carry.
#[derive(Debug, Clone)]
pub(crate) struct RequestContext {
    /// Whether the client asks to see the plan.
    pub(crate) wants_query_plan: bool,
    pub(crate) headers: HeaderMap,
    /// What is done for the request belongs to this span.
    pub(crate) span: Span,
}

impl RequestContext {
    /// The headers in `forward`, and the client's address. What else it sent stays here, a service token or an address
    /// of its own making above all.
    pub(crate) fn new(client: &HeaderMap, peer: Option<&Peer>, forward: &[HeaderName]) -> Self {
        let mut headers = Self::of_the_router().headers;
        for name in forward {
            // A name may stand twice in the list; its values pass once.
            headers.remove(name);
            for value in client.get_all(name) {
                headers.append(name, value.clone());
            }
        }
        if let Some(Peer(address)) = peer {
            headers.insert(FORWARDED_FOR, address.clone());
        }
        let wants_query_plan = client.get(QUERY_PLAN).is_some_and(|it| it == "true");
        Self { wants_query_plan, headers, span: Span::none() }
    }

    /// From now on, what is done belongs to this span.
    pub(crate) fn within(self, span: Span) -> Self {
        Self { span, ..self }
    }

    /// What a client says in its `connection_init`, which may be headers: browsers cannot send any with a WebSocket.
    pub(crate) fn read_connection_init(
        &mut self,
        payload: &Map<String, Value>,
        forward: &[HeaderName],
    ) {
        for (name, value) in payload {
            let Ok(name) = HeaderName::try_from(name) else { continue };
            let value = value.as_str().and_then(|value| HeaderValue::try_from(value).ok());
            if let (true, Some(value)) = (forward.contains(&name), value) {
                self.headers.insert(name, value);
            }
        }
    }

    /// The client's headers as a subgraph may expect them in `connection_init`.
    pub(crate) fn connection_init(&self) -> Map<String, Value> {
        let own = [header::ACCEPT, header::CONTENT_TYPE];
        let of_client = self.headers.iter().filter(|(name, _)| !own.contains(name));
        of_client
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.into())))
            .collect()
    }

    /// A request of the router's own.
    pub(crate) fn of_the_router() -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(
            header::ACCEPT,
            HeaderValue::from_static("application/graphql-response+json, application/json;q=0.9"),
        );
        Self { wants_query_plan: false, headers, span: Span::none() }
    }
}

/// The headers that pass whatever the settings say.
pub(crate) fn always_forwarded() -> impl Iterator<Item = HeaderName> {
    ALWAYS_FORWARDED.into_iter()
}

/// The headers that never pass: they are the router's own, or belong to one connection.
pub(crate) const ROUTERS_OWN_HEADERS: [HeaderName; 14] = [
    HeaderName::from_static(SERVICE_TOKEN_HEADER),
    FORWARDED_FOR,
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::EXPECT,
    header::HOST,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> HeaderMap {
        [
            ("authorization", "Bearer abc"),
            ("cookie", "session=1"),
            ("user-agent", "Phone/1"),
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-service-token", "forged"),
        ]
        .into_iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
    }

    #[test]
    fn only_what_is_named_passes_and_the_address_is_the_peers() {
        let forward: Vec<_> = always_forwarded().chain([header::AUTHORIZATION]).collect();
        let peer = Peer::of(SocketAddr::from(([203, 0, 113, 7], 40_000)));
        let context = RequestContext::new(&client(), Some(&peer), &forward);
        let mut sent: Vec<String> = context
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        sent.sort();
        expect_test::expect![[r#"
            [
                "accept: application/graphql-response+json, application/json;q=0.9",
                "authorization: Bearer abc",
                "content-type: application/json",
                "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                "user-agent: Phone/1",
                "x-forwarded-for: 203.0.113.7",
            ]
        "#]]
        .assert_debug_eq(&sent);
    }

    #[test]
    fn without_a_peer_no_address_is_made_up() {
        let context = RequestContext::new(&client(), None, &[]);
        assert!(!context.headers.contains_key(FORWARDED_FOR));
        assert!(!context.headers.contains_key(header::AUTHORIZATION));
    }
}
