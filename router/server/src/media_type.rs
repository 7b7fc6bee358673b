//! The media type of an answer: what the client's `accept` prefers of a single answer's two, and of a stream.
//!
//! Spec: <https://graphql.github.io/graphql-over-http/draft/#sec-Accept>.

use apollo_compiler::ast::OperationType;
use http::{HeaderMap, HeaderValue, header};

/// How an answer is typed; the body is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MediaType {
    /// `application/json`, for clients that say nothing of their own.
    Json,
    /// `application/graphql-response+json`, whose status codes are meaningful.
    GraphqlResponse,
}

impl MediaType {
    /// The value of `content-type`.
    pub(crate) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
        })
    }
}

/// What a client accepts: single answers, a stream of them, or both.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Accepted {
    single: Option<(MediaType, f32)>,
    event_stream: Option<f32>,
    /// Which of the two it names first.
    stream_is_first: bool,
}

impl Accepted {
    /// What `accept` says; none where it allows nothing that we have.
    ///
    /// The higher `q` wins, then the first named. A wildcard means `application/json`.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut ranges = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|range| !range.is_empty())
            .peekable();
        if ranges.peek().is_none() {
            return Some(Self { single: Some((MediaType::Json, 1.0)), ..Self::default() });
        }
        let mut accepted = Self::default();
        for (range, quality) in ranges.filter_map(acceptable) {
            accepted.add(range, quality);
        }
        (accepted.single.is_some() || accepted.event_stream.is_some()).then_some(accepted)
    }

    fn add(&mut self, range: Range, quality: f32) {
        match range {
            Range::Single(media_type) => {
                if self.single.is_none_or(|(_, highest)| quality > highest) {
                    self.single = Some((media_type, quality));
                }
            }
            Range::EventStream => {
                self.stream_is_first = self.single.is_none();
                self.event_stream = Some(quality);
            }
        }
    }

    /// How a single answer, or an error, is typed.
    pub(crate) fn single(self) -> MediaType {
        self.single.map_or(MediaType::Json, |(media_type, _)| media_type)
    }

    /// Whether the answer is a stream: where the client wants that most, or where nothing else can answer what it asks.
    pub(crate) fn is_stream(self, operation_type: OperationType) -> bool {
        let only_a_stream = operation_type == OperationType::Subscription;
        self.prefers_stream() || (only_a_stream && self.event_stream.is_some())
    }

    /// Whether the client wants a stream most.
    pub(crate) fn prefers_stream(self) -> bool {
        let Some(quality) = self.event_stream else { return false };
        self.single.is_none_or(|(_, single)| {
            quality > single || (quality >= single && self.stream_is_first)
        })
    }
}

/// A range of `accept` that means something to us.
#[derive(Clone, Copy)]
enum Range {
    Single(MediaType),
    EventStream,
}

/// What a range of `accept` means, and how much it is wanted.
fn acceptable(range: &str) -> Option<(Range, f32)> {
    let mut parts = range.split(';').map(str::trim);
    let essence = parts.next()?.to_ascii_lowercase();
    let meaning = match essence.as_str() {
        "application/graphql-response+json" => Range::Single(MediaType::GraphqlResponse),
        "application/json" | "application/*" | "*/*" => Range::Single(MediaType::Json),
        "text/event-stream" => Range::EventStream,
        _ => return None,
    };
    let mut quality = 1.0;
    for (name, value) in parts.filter_map(|parameter| parameter.split_once('=')) {
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "q" => quality = value.parse().ok()?,
            "charset" if !value.eq_ignore_ascii_case("utf-8") => return None,
            _ => {}
        }
    }
    (quality > 0.0).then_some((meaning, quality))
}

/// Whether a body is JSON in UTF-8, as it stands: the only kind that a browser does not send across sites without asking
/// first.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let Some(content_type) = content_type else { return false };
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return false;
    }
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    essence.eq_ignore_ascii_case("application/json")
        && parts.filter_map(|parameter| parameter.split_once('=')).all(|(name, value)| {
            let value = value.trim().trim_matches('"');
            !name.trim().eq_ignore_ascii_case("charset") || value.eq_ignore_ascii_case("utf-8")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negotiate(accept: &[&'static str]) -> Option<Accepted> {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(header::ACCEPT, HeaderValue::from_static(value));
        }
        Accepted::of(&headers)
    }

    fn accepted(accept: &[&'static str]) -> Option<MediaType> {
        negotiate(accept).map(Accepted::single)
    }

    #[test]
    fn a_stream_is_given_to_who_wants_it_most_or_asks_for_what_only_a_stream_can_say() {
        let streams = |accept| {
            let accepted = negotiate(&[accept]).unwrap();
            [OperationType::Query, OperationType::Subscription].map(|it| accepted.is_stream(it))
        };
        assert_eq!(streams("text/event-stream"), [true, true]);
        assert_eq!(streams("text/event-stream, application/json"), [true, true]);
        assert_eq!(streams("application/json, text/event-stream"), [false, true]);
        assert_eq!(streams("text/event-stream;q=0.4, */*;q=0.5"), [false, true]);
        assert_eq!(streams("application/json"), [false, false]);
        assert_eq!(streams("*/*"), [false, false]);
    }

    #[test]
    fn whoever_does_not_say_gets_json() {
        assert_eq!(accepted(&[]), Some(MediaType::Json));
        assert_eq!(accepted(&[""]), Some(MediaType::Json));
        assert_eq!(accepted(&["*/*"]), Some(MediaType::Json));
        assert_eq!(accepted(&["text/html, application/*;q=0.8"]), Some(MediaType::Json));
    }

    #[test]
    fn the_first_of_the_most_wanted_is_taken() {
        assert_eq!(
            accepted(&["application/graphql-response+json, application/json"]),
            Some(MediaType::GraphqlResponse)
        );
        assert_eq!(
            accepted(&["application/json, application/graphql-response+json"]),
            Some(MediaType::Json)
        );
        assert_eq!(
            accepted(&[
                "application/json;q=0.9",
                "Application/GraphQL-Response+JSON; charset=UTF-8"
            ]),
            Some(MediaType::GraphqlResponse)
        );
    }

    #[test]
    fn what_we_cannot_answer_is_not_accepted() {
        assert_eq!(accepted(&["text/html"]), None);
        assert_eq!(accepted(&["application/json;q=0"]), None);
        assert_eq!(accepted(&["application/json; charset=latin1"]), None);
    }

    #[test]
    fn only_json_in_utf_8_is_json() {
        let check = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(value));
            let plain = is_json(&headers);
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            assert!(!is_json(&headers));
            plain
        };
        assert!(check("application/json"));
        assert!(check("Application/JSON; charset=\"UTF-8\""));
        assert!(!check("application/json; charset=utf-16"));
        assert!(!check("text/plain"));
        assert!(!check("application/json-patch+json"));
        assert!(!is_json(&HeaderMap::new()));
    }
}
