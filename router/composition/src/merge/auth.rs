//! What an interface requires of its reader: all that the types behind it do, as it would otherwise lead around them.

use apollo_compiler::Name;
use apollo_compiler::ast::Directive;

use super::Merge;
use super::directive::Application;

/// The directives that say who may read an element.
const REQUIREMENTS: [&str; 3] = ["authenticated", "requiresScopes", "policy"];

impl<'a> Merge<'a> {
    /// The requirements of the types that implement an interface, or of a field in them.
    pub(super) fn requirements_of_implementations(
        &self,
        interface: &Name,
        field: Option<&Name>,
    ) -> Vec<Application<'a>> {
        let mut requirements: Vec<Application<'a>> = Vec::new();
        for name in self.implementations.get(interface).into_iter().flatten() {
            for definition in &self.types[name] {
                let subgraph = &self.subgraphs[definition.subgraph];
                let directives: Vec<&'a Directive> = match field {
                    None => definition.ty.directives().iter().map(|d| &***d).collect(),
                    Some(field) => subgraph
                        .fields(definition.ty)
                        .filter(|candidate| candidate.name == *field)
                        .flat_map(|field| field.directives.iter().map(|d| &**d))
                        .collect(),
                };
                let is_requirement = |directive: &&Directive| {
                    let canonical = subgraph.link.canonical(&directive.name);
                    canonical.is_some_and(|canonical| REQUIREMENTS.contains(&canonical))
                };
                let required = directives.into_iter().filter(is_requirement);
                requirements.extend(required.map(|directive| (definition.subgraph, directive)));
            }
        }
        requirements
    }
}
