//! Whatever is read as a supergraph or as a field set, there is an error or a result, and soon.

mod nearly;

use proptest::prelude::*;
use supergraph::{FieldSet, Supergraph};

use crate::nearly::{config, corpus, nearly, within_time};

fn supergraphs() -> Vec<String> {
    corpus(|path| path.ends_with("supergraph.graphql"))
}

/// The texts between quotes in the corpus' subgraphs: field sets, mostly.
fn field_sets() -> Vec<String> {
    let subgraphs = corpus(|path| path.contains("/subgraphs/"));
    let quoted = subgraphs.iter().flat_map(|sdl| sdl.split('"').skip(1).step_by(2));
    quoted.filter(|text| !text.is_empty()).map(ToOwned::to_owned).collect()
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn a_supergraph_is_read_or_refused(text in nearly(supergraphs())) {
        let supergraph = within_time(&text, || Supergraph::parse(&text));
        if let Ok(supergraph) = supergraph {
            prop_assert!(supergraph.api_schema().schema_definition.query.is_some());
        }
    }
}

proptest! {
    #![proptest_config(config(4_000))]

    #[test]
    fn a_field_set_is_read_or_refused(text in nearly(field_sets())) {
        if let Ok(field_set) = within_time(&text, || FieldSet::parse(&text)) {
            let printed = field_set.to_string();
            let again = FieldSet::parse(&printed).map(|it| it.to_string());
            prop_assert_eq!(again, Ok(printed));
        }
    }
}
