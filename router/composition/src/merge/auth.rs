//! What an interface requires of its reader: all that the types behind it do, as it would otherwise lead around them. And
//! what a type requires: all that an interface object does that resolves its fields.

use apollo_compiler::Name;
use apollo_compiler::ast::Directive;

use super::directive::Application;
use super::{Merge, TypeIn};

/// The directives that say who may read an element.
const REQUIREMENTS: [&str; 3] = ["authenticated", "requiresScopes", "policy"];

impl<'a> Merge<'a> {
    /// The requirements of the types that implement an interface.
    pub(super) fn requirements_of_implementations(&self, interface: &Name) -> Vec<Application<'a>> {
        self.implementing_definitions(interface)
            .flat_map(|TypeIn { subgraph, ty }| {
                let directives: Vec<&'a Directive> =
                    ty.directives().iter().map(|directive| &***directive).collect();
                self.requirements(subgraph, directives)
            })
            .collect()
    }

    /// The requirements of a field in the types that implement an interface, and of what interface objects resolve for
    /// a type.
    pub(super) fn requirements_elsewhere(
        &self,
        type_name: &Name,
        field: &Name,
    ) -> Vec<Application<'a>> {
        let below = self.implementing_definitions(type_name).flat_map(|TypeIn { subgraph, ty }| {
            let fields = self.subgraphs[subgraph].fields(ty);
            fields.filter(|own| own.name == *field).map(move |own| (subgraph, own))
        });
        let above = self.added_by_interface_objects(type_name, field);
        let above = above.into_iter().map(|field| (field.subgraph, field.definition));
        below
            .chain(above)
            .flat_map(|(subgraph, field)| {
                let directives = field.directives.iter().map(|directive| &**directive);
                self.requirements(subgraph, directives.collect())
            })
            .collect()
    }

    fn implementing_definitions(&self, interface: &Name) -> impl Iterator<Item = TypeIn<'a>> {
        let names = self.implementations.get(interface).into_iter().flatten();
        names.flat_map(|name| &self.types[name]).copied()
    }

    fn requirements(
        &self,
        subgraph: usize,
        mut directives: Vec<&'a Directive>,
    ) -> Vec<Application<'a>> {
        let link = &self.subgraphs[subgraph].link;
        directives.retain(|directive| {
            link.canonical(&directive.name).is_some_and(|name| REQUIREMENTS.contains(&name))
        });
        directives.into_iter().map(|directive| (subgraph, directive)).collect()
    }
}
