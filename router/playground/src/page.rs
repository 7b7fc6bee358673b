//! The page: what the browser is told to load, to ask, and to refuse.

use std::fmt::Write as _;

use crate::example::Example;
use crate::pinned::{PINNED_FILES, PinnedFile};

/// The page for one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The text, UTF-8.
    pub html: String,
    /// The value of the header `content-security-policy` that belongs to it.
    pub content_security_policy: String,
}

/// Writes the page that asks `endpoint` (a path on its own origin, such as `/graphql`).
pub fn page(endpoint: &str, examples: &[Example]) -> Page {
    let origin = if crate::is_embedded() { Origin::Own } else { Origin::Cdn };
    Page {
        html: html(origin, endpoint, examples),
        content_security_policy: content_security_policy(origin),
    }
}

/// Where the pinned files come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Own,
    Cdn,
}

const CDN: &str = "https://cdn.jsdelivr.net";
const TEMPLATE: &str = include_str!("../page/index.html");

impl Origin {
    fn url(self, file: PinnedFile) -> String {
        match self {
            // Relative, so that the page also works behind a prefix.
            Self::Own => format!("playground/{}", file.specifier()),
            Self::Cdn => format!("{CDN}/npm/{}", file.specifier()),
        }
    }
}

fn html(origin: Origin, endpoint: &str, examples: &[Example]) -> String {
    let mut links = String::new();
    for file in PINNED_FILES {
        let (url, integrity) = (origin.url(file), file.integrity);
        let attributes = format!("integrity=\"{integrity}\" crossorigin=\"anonymous\"");
        let _ = if file.is_stylesheet() {
            writeln!(links, "    <link rel=\"stylesheet\" href=\"{url}\" {attributes}>")
        } else {
            writeln!(links, "    <script defer src=\"{url}\" {attributes}></script>")
        };
    }
    let mut templates = String::new();
    for Example { operation, variables, headers } in examples {
        let [operation, variables, headers] = [operation, variables, headers].map(escape);
        let _ = writeln!(
            templates,
            "    <template data-variables=\"{variables}\" data-headers=\"{headers}\">{operation}</template>"
        );
    }
    TEMPLATE
        .replace("    <!-- pinned files -->\n", &links)
        .replace("{endpoint}", &escape(endpoint))
        .replace("    <!-- examples -->\n", &templates)
}

/// Nothing but our files and our endpoint. GraphiQL's editor writes style elements as it goes, so styles may be inline;
/// scripts may not.
fn content_security_policy(origin: Origin) -> String {
    let cdn = match origin {
        Origin::Own => String::new(),
        Origin::Cdn => format!(" {CDN}"),
    };
    [
        "default-src 'none'",
        &format!("script-src 'self'{cdn}"),
        &format!("style-src 'self' 'unsafe-inline'{cdn}"),
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    .join("; ")
}

fn escape(text: impl AsRef<str>) -> String {
    let text = text.as_ref().trim().replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every `href` and `src` of the page.
    fn urls(html: &str) -> Vec<&str> {
        let attributes = html.split_ascii_whitespace().filter_map(|word| {
            let value = word.strip_prefix("href=\"").or_else(|| word.strip_prefix("src=\""))?;
            value.split('"').next()
        });
        attributes.collect()
    }

    #[test]
    fn every_file_of_the_page_is_an_asset_or_on_the_cdn() {
        let Page { html, .. } = page("/graphql", &[]);
        let urls = urls(&html);
        assert_eq!(urls.len(), 7, "{urls:?}");
        for url in urls {
            let path = format!("/{url}");
            let is_asset = crate::assets().any(|asset| asset.path == path);
            assert!(is_asset || (url.starts_with(CDN) && !crate::is_embedded()), "{url}");
        }
    }

    #[test]
    fn embedded_the_page_and_its_policy_name_no_other_host() {
        assert!(!html(Origin::Own, "/graphql", &[]).contains("//"));
        assert!(!content_security_policy(Origin::Own).contains("//"));
    }

    #[test]
    fn the_cdn_is_asked_for_the_pinned_files_and_held_to_their_hashes() {
        let html = html(Origin::Cdn, "/graphql", &[]);
        for file in PINNED_FILES {
            let link = format!(
                "=\"https://cdn.jsdelivr.net/npm/{}@{}/{}\" integrity=\"{}\" crossorigin=\"anonymous\">",
                file.package, file.version, file.path, file.integrity
            );
            assert!(html.contains(&link), "{link}");
        }
        let policy = content_security_policy(Origin::Cdn);
        assert!(policy.contains("script-src 'self' https://cdn.jsdelivr.net;"), "{policy}");
        assert!(
            policy.contains("style-src 'self' 'unsafe-inline' https://cdn.jsdelivr.net;"),
            "{policy}"
        );
    }

    #[test]
    fn no_script_is_inline() {
        let html = html(Origin::Own, "/graphql", &[]);
        assert_eq!(html.matches("<script").count(), 4);
        assert_eq!(html.matches("></script>").count(), 4);
        assert!(!content_security_policy(Origin::Own).contains("script-src 'self' 'unsafe"));
    }

    #[test]
    fn what_is_shown_cannot_leave_its_place() {
        let example = Example {
            operation: "query A { a(b: \"</template><script>\") }".to_owned(),
            variables: r#"{ "c": "\">" }"#.to_owned(),
            headers: String::new(),
        };
        let html = html(Origin::Own, "/graphql?a=\"b", &[example]);
        assert!(html.contains("data-endpoint=\"/graphql?a=&quot;b\""));
        assert!(html.contains(
            "<template data-variables=\"{ &quot;c&quot;: &quot;\\&quot;&gt;&quot; }\" data-headers=\"\">\
             query A { a(b: &quot;&lt;/template&gt;&lt;script&gt;&quot;) }</template>"
        ));
    }
}
