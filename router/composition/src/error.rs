//! What stands in the way of a supergraph, and what is odd but legal.

use std::fmt;

use crate::SubgraphSource;
use crate::code::{CODES, Code, Severity};

/// A composition error: a published code, the subgraphs that disagree, and a sentence that names both sides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CompositionError {
    /// The published code, e.g. `FIELD_TYPE_MISMATCH`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// Where it is wrong: the elements in the subgraphs' sources.
    pub locations: Vec<SubgraphLocation>,
}

/// A place in a subgraph's SDL; lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SubgraphLocation {
    /// The subgraph's name.
    pub subgraph: String,
    /// The line and column, where the element has a place of its own.
    pub line_column: Option<(usize, usize)>,
}

/// All the reasons why subgraphs do not compose, ordered by code and text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompositionErrors(pub Vec<CompositionError>);

/// Something legal that its authors may not have meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hint {
    /// The published code, e.g. `INCONSISTENT_DESCRIPTION`.
    pub code: &'static str,
    /// What is odd.
    pub message: String,
    /// The subgraphs whose owners could change it.
    pub locations: Vec<SubgraphLocation>,
}

impl Hint {
    /// How much it matters.
    pub fn severity(&self) -> Severity {
        let of_hint = |code: &&Code| code.name == self.code && code.severity < Severity::Error;
        CODES.iter().find(of_hint).map_or(Severity::Info, |code| code.severity)
    }
}

impl CompositionErrors {
    /// The errors with the lines of the sources that they are about, for a terminal:
    ///
    /// ```text
    /// FIELD_TYPE_MISMATCH  field `Product.price` is `Float` in `billing` but `Int` in `catalog`
    ///   billing:3:3
    ///     3 |   price: Float @shareable
    ///       |   ^
    /// ```
    pub fn with_excerpts<'a>(&'a self, sources: &'a [SubgraphSource]) -> impl fmt::Display + 'a {
        WithExcerpts { errors: &self.0, sources }
    }
}

impl fmt::Display for CompositionError {
    /// `FIELD_TYPE_MISMATCH  field … (catalog:3:5, billing:7:3)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}", self.code, self.message)?;
        let places: Vec<String> = self.locations.iter().map(ToString::to_string).collect();
        if places.is_empty() { Ok(()) } else { write!(f, " ({})", places.join(", ")) }
    }
}

impl fmt::Display for SubgraphLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line_column {
            Some((line, column)) => write!(f, "{}:{line}:{column}", self.subgraph),
            None => self.subgraph.fmt(f),
        }
    }
}

impl fmt::Display for CompositionErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for CompositionErrors {}

struct WithExcerpts<'a> {
    errors: &'a [CompositionError],
    sources: &'a [SubgraphSource],
}

impl fmt::Display for WithExcerpts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            writeln!(f, "{}  {}", error.code, error.message)?;
            for location in &error.locations {
                writeln!(f, "  {location}")?;
                self.excerpt(location, f)?;
            }
        }
        Ok(())
    }
}

impl WithExcerpts<'_> {
    /// The line of a location, with a mark under the column.
    fn excerpt(&self, location: &SubgraphLocation, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((line, column)) = location.line_column else { return Ok(()) };
        let source = self.sources.iter().find(|source| source.name == location.subgraph);
        let Some(text) = source.and_then(|source| source.sdl.lines().nth(line - 1)) else {
            return Ok(());
        };
        let number = line.to_string();
        let indent: String =
            text.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        writeln!(f, "    {number} | {text}")?;
        writeln!(f, "    {:width$} | {indent}^", "", width = number.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn shows_the_lines_of_both_sides() {
        let source = |name: &str, ty: &str| SubgraphSource {
            name: name.to_owned(),
            url: String::new(),
            sdl: format!("type Query {{\n  price: {ty}\n}}\n"),
        };
        let sources = [source("billing", "Float"), source("catalog", "Int")];
        let errors = crate::compose(&sources).unwrap_err();
        expect![[r"
            FIELD_TYPE_MISMATCH  field `Query.price` is `Float` in `billing` but `Int` in `catalog`
              billing:2:3
                2 |   price: Float
                  |   ^
              catalog:2:3
                2 |   price: Int
                  |   ^
        "]]
        .assert_eq(&errors.with_excerpts(&sources).to_string());
    }
}
