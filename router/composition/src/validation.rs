//! Checks what federation asks of one subgraph by itself.

mod cache_tag;
mod context;
mod external;
mod field_set;
mod hidden;
mod interface;
mod usage;

use apollo_compiler::ast::OperationType;
use apollo_compiler::parser::SourceSpan;

use crate::error::CompositionError;
use crate::subgraph::{Subgraph, root_name};

/// Everything that is wrong within single subgraphs.
pub(crate) fn validate(subgraphs: &[Subgraph]) -> Vec<CompositionError> {
    let mut errors = names(subgraphs);
    for subgraph in subgraphs {
        let mut check = Check { subgraph, errors: Vec::new() };
        check.root_names();
        check.usage();
        check.inaccessible();
        check.interfaces();
        let mut used = check.field_sets();
        check.contexts(&mut used);
        check.externals(&used);
        errors.append(&mut check.errors);
    }
    errors
}

/// Subgraphs are told apart by their names, and some names mean something else.
fn names(subgraphs: &[Subgraph]) -> Vec<CompositionError> {
    let mut errors = Vec::new();
    let mut error = |subgraph: &Subgraph, message: String| {
        errors.push(CompositionError {
            code: "INVALID_SUBGRAPH_NAME",
            message,
            locations: vec![subgraph.location(None)],
        });
    };
    for pair in subgraphs.windows(2).filter(|pair| pair[0].name == pair[1].name) {
        error(
            &pair[0],
            format!("two subgraphs are named `{}`; each needs a name of its own", pair[0].name),
        );
    }
    for subgraph in
        subgraphs.iter().filter(|subgraph| subgraph.name.is_empty() || subgraph.name == "_")
    {
        error(subgraph, format!("a subgraph cannot be named `{}`", subgraph.name));
    }
    errors
}

/// One subgraph, and what is wrong with it.
struct Check<'a> {
    subgraph: &'a Subgraph,
    errors: Vec<CompositionError>,
}

impl Check<'_> {
    /// Leaves an error about an element of the subgraph.
    fn error(&mut self, code: &'static str, message: String, span: Option<SourceSpan>) {
        self.errors.push(CompositionError {
            code,
            message,
            locations: vec![self.subgraph.location(span)],
        });
    }

    /// Where another type is a root, no type can have the name that the supergraph gives to that root.
    fn root_names(&mut self) {
        let names = [
            (OperationType::Query, "ROOT_QUERY_USED"),
            (OperationType::Mutation, "ROOT_MUTATION_USED"),
            (OperationType::Subscription, "ROOT_SUBSCRIPTION_USED"),
        ];
        for (operation_type, code) in names {
            let subgraph = self.subgraph;
            let name = root_name(operation_type);
            let Some(ty) = subgraph.schema.types.get(&name) else { continue };
            let Some(root) = subgraph.schema.root_operation(operation_type) else { continue };
            if *root != name {
                let message = format!(
                    "`{}` has a type `{name}` beside its {operation_type} root `{root}`: in the supergraph only the root \
                     has the name",
                    subgraph.name
                );
                self.error(code, message, ty.name().location());
            }
        }
    }
}
