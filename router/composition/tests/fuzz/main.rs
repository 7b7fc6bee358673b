//! Whatever subgraphs publish, they compose or there are errors, and soon; and what composes can be read.

#[path = "../../../supergraph/tests/fuzz/nearly.rs"]
mod nearly;

use composition::{SubgraphSource, compose};
use proptest::prelude::*;
use supergraph::Supergraph;

use crate::nearly::{config, corpus, nearly, within_time};

fn subgraphs() -> Vec<String> {
    corpus(|path| path.contains("/subgraphs/"))
}

fn source(name: &str, sdl: String) -> SubgraphSource {
    SubgraphSource { name: name.to_owned(), url: format!("http://{name}.test/graphql"), sdl }
}

proptest! {
    #![proptest_config(config(600))]

    #[test]
    fn subgraphs_compose_or_there_are_errors(
        first in nearly(subgraphs()),
        second in nearly(subgraphs()),
        alone in any::<bool>(),
    ) {
        let text = format!("{first}\n---\n{second}");
        let mut sources = vec![source("first", first)];
        if !alone {
            sources.push(source("second", second));
        }
        match within_time(&text, || compose(&sources)) {
            Ok(composition) => {
                let read = Supergraph::parse(&composition.supergraph_sdl);
                prop_assert!(read.is_ok(), "{text}\n{read:?}");
            }
            Err(errors) => {
                prop_assert!(!errors.0.is_empty());
                // The excerpts look at the places that the errors name.
                prop_assert!(!errors.with_excerpts(&sources).to_string().is_empty());
            }
        }
    }
}
