//! Makes an operation neat while it is made smaller: without named fragments, and without what nothing uses any more.

use std::collections::HashMap;

use apollo_compiler::Name;
use apollo_compiler::ast::{Definition, DirectiveList, Document, InlineFragment, Selection};

/// The document with each named fragment in the places where it is spread.
pub(crate) fn without_fragments(document: &Document) -> Document {
    let fragments = document.definitions.iter().filter_map(|it| match it {
        Definition::FragmentDefinition(it) => Some((it.name.clone(), it)),
        _ => None,
    });
    let fragments: HashMap<Name, InlineFragment> = fragments
        .map(|(name, it)| {
            let selection_set = it.selection_set.clone();
            let type_condition = Some(it.type_condition.clone());
            (
                name,
                InlineFragment {
                    type_condition,
                    directives: DirectiveList::default(),
                    selection_set,
                },
            )
        })
        .collect();
    let mut out = document.clone();
    for definition in &mut out.definitions {
        if let Definition::OperationDefinition(operation) = definition {
            spread(&mut operation.make_mut().selection_set, &fragments);
        }
    }
    out.definitions.retain(|it| !matches!(it, Definition::FragmentDefinition(_)));
    out
}

fn spread(selections: &mut [Selection], fragments: &HashMap<Name, InlineFragment>) {
    for selection in selections {
        if let Selection::FragmentSpread(spread) = selection
            && let Some(fragment) = fragments.get(&spread.fragment_name)
        {
            let directives = spread.directives.clone();
            let fragment = InlineFragment { directives, ..fragment.clone() };
            *selection = Selection::InlineFragment(fragment.into());
        }
        match selection {
            Selection::Field(field) => spread(&mut field.make_mut().selection_set, fragments),
            Selection::InlineFragment(it) => spread(&mut it.make_mut().selection_set, fragments),
            Selection::FragmentSpread(_) => {}
        }
    }
}

/// Takes out the variables that nothing uses: an operation with them is not valid.
pub(crate) fn drop_unused_variables(document: &mut Document) {
    let uses = |document: &Document, name: &Name| {
        let (text, variable) = (document.to_string(), format!("${name}"));
        let mut after = text.split(&variable).skip(1);
        // The first is the definition.
        after.any(|rest| {
            !rest.starts_with(|it: char| it == ':' || it.is_alphanumeric() || it == '_')
        })
    };
    let before = document.clone();
    for definition in &mut document.definitions {
        if let Definition::OperationDefinition(operation) = definition {
            operation.make_mut().variables.retain(|it| uses(&before, &it.name));
        }
    }
}
