//! A federation with one thing taken out: mostly it no longer composes, and what composes must still be answered.

use apollo_compiler::ast::{Definition, Document};

use crate::case::Federation;
use crate::random::Random;
use crate::shrink::Scissors;

/// Things that there are in a subgraph, at most.
const THINGS: usize = 120;

/// The federation without one random thing of one subgraph: a type, a field, an argument, a directive, an interface, a
/// member. Where nothing is found it stays as it is. All subgraphs know all entities: which fields may be null for one that
/// does not, depends on what the others have.
pub(crate) fn mutate(federation: &Federation, random: &mut Random) -> Federation {
    let mut mutated = Federation { unknown: Vec::new(), ..federation.clone() };
    let at = random.below(mutated.subgraphs.len());
    let (name, sdl) = &mut mutated.subgraphs[at];
    let document = Document::parse(sdl.as_str(), name.as_str()).expect("it was composed");
    for _ in 0..THINGS {
        let mut candidate = document.clone();
        let is_cut = Scissors::new(random.below(THINGS)).cut(&mut candidate);
        if is_cut && is_of_use(&document, &candidate) {
            *sdl = candidate.to_string();
            break;
        }
    }
    mutated
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
