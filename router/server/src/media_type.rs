//! The media type of an answer: which of the two the client's `accept` prefers.
//!
//! Spec: <https://graphql.github.io/graphql-over-http/draft/#sec-Accept>.

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
    /// What the client prefers; none where it accepts neither.
    ///
    /// The higher `q` wins, then the first named. A wildcard means `application/json`.
    pub(crate) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let mut ranges = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|range| !range.is_empty())
            .peekable();
        if ranges.peek().is_none() {
            return Some(Self::Json);
        }
        let mut best = None;
        for (media_type, quality) in ranges.filter_map(acceptable) {
            if best.is_none_or(|(_, highest)| quality > highest) {
                best = Some((media_type, quality));
            }
        }
        best.map(|(media_type, _)| media_type)
    }

    /// The value of `content-type`.
    pub(crate) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
        })
    }
}

/// The media type that a range of `accept` means, and how much it is wanted.
fn acceptable(range: &str) -> Option<(MediaType, f32)> {
    let mut parts = range.split(';').map(str::trim);
    let essence = parts.next()?.to_ascii_lowercase();
    let media_type = match essence.as_str() {
        "application/graphql-response+json" => MediaType::GraphqlResponse,
        "application/json" | "application/*" | "*/*" => MediaType::Json,
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
    (quality > 0.0).then_some((media_type, quality))
}

/// Whether a body is JSON in UTF-8: the only kind that a browser does not send across sites without asking first.
pub(crate) fn is_json(content_type: Option<&HeaderValue>) -> bool {
    let Some(content_type) = content_type.and_then(|value| value.to_str().ok()) else {
        return false;
    };
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

    fn accepted(accept: &[&'static str]) -> Option<MediaType> {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(header::ACCEPT, HeaderValue::from_static(value));
        }
        MediaType::accepted(&headers)
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
        let check = |value: &'static str| is_json(Some(&HeaderValue::from_static(value)));
        assert!(check("application/json"));
        assert!(check("Application/JSON; charset=\"UTF-8\""));
        assert!(!check("application/json; charset=utf-16"));
        assert!(!check("text/plain"));
        assert!(!check("application/json-patch+json"));
        assert!(!is_json(None));
    }
}
