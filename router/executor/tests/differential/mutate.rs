//! A federation with one thing taken out: mostly it no longer composes, and what composes must still be answered.

use apollo_compiler::ast::{Definition, Document};

use crate::case::Federation;
use crate::random::Random;
use crate::shrink::Scissors;

/// Things that there are in a subgraph, at most.
const THINGS: usize = 120;

/// The federation without one random thing of one subgraph: a type, a field, an argument, a directive, an interface, a
/// member. Where nothing is found it stays as it is.
pub(crate) fn mutate(federation: &Federation, random: &mut Random) -> Federation {
    let mut mutated = federation.clone();
    let at = random.below(mutated.subgraphs.len());
    let (name, sdl) = &mut mutated.subgraphs[at];
    let document = Document::parse(sdl.as_str(), name.as_str()).expect("it was composed");
    for _ in 0..THINGS {
        let mut candidate = document.clone();
        let is_cut = Scissors::new(random.below(THINGS)).cut(&mut candidate);
        if is_cut && is_of_use(&document, &candidate) {
            *sdl = candidate.to_string();
            mutated.unknown.retain(|(id, _)| {
                let entity = id.trim_end_matches(|it: char| it.is_ascii_digit());
                definition(&document, entity) == definition(&candidate, entity)
            });
            break;
        }
    }
    mutated
}

/// What a subgraph says of a type. Which fields may be null for an entity that some subgraph does not know, depends on what
/// all say of it: where that changes, all know it.
fn definition<'d>(document: &'d Document, name: &str) -> Option<&'d Definition> {
    document.definitions.iter().find(|it| it.name().is_some_and(|it| it == name))
}

/// Whether something follows from a mutation: not where inputs change, which the data repeats as a subgraph coerces them;
/// nor where an interface has no types left, so that the field that returns it has no value.
fn is_of_use(document: &Document, mutated: &Document) -> bool {
    let inputs = |document: &Document| -> Vec<Definition> {
        let is_input = |it: &&Definition| {
            matches!(
                it,
                Definition::InputObjectTypeDefinition(_) | Definition::EnumTypeDefinition(_)
            )
        };
        document.definitions.iter().filter(is_input).cloned().collect()
    };
    inputs(document) == inputs(mutated) && has_implementations(mutated)
}

/// Whether every interface of a subgraph has types there.
pub(crate) fn has_implementations(document: &Document) -> bool {
    let is_implemented = |interface: &str| {
        document.definitions.iter().any(|it| match it {
            Definition::ObjectTypeDefinition(object) => {
                object.implements_interfaces.iter().any(|it| it == interface)
            }
            Definition::ObjectTypeExtension(object) => {
                object.implements_interfaces.iter().any(|it| it == interface)
            }
            _ => false,
        })
    };
    let mut interfaces = document.definitions.iter().filter_map(|it| match it {
        Definition::InterfaceTypeDefinition(interface) => Some(interface.name.as_str()),
        _ => None,
    });
    interfaces.all(is_implemented)
}
