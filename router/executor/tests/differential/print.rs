//! Prints the subgraphs of a split as SDL.

use std::fmt::Write as _;

use crate::schema::Kind;
use crate::split::{PartField, PartType, Split, is_key_field};

const HEADER: &str = r#"extend schema @link(
  url: "https://specs.apollo.dev/federation/v2.8"
  import: ["@key", "@shareable", "@external", "@requires", "@provides", "@override", "@interfaceObject", "@inaccessible", "@context", "@fromContext"]
)
"#;

impl Split {
    /// The subgraphs' names and SDLs.
    pub(crate) fn print(&self) -> Vec<(String, String)> {
        let sdl = |part: usize| {
            let types = self.parts[part].types.iter();
            let types = types.filter(|(_, it)| !it.fields.is_empty() || !it.members.is_empty());
            let types: Vec<String> =
                types.map(|(name, in_part)| self.print_type(part, name, in_part)).collect();
            let types = types.join("\n");
            let inputs = self.parts[part].inputs.print(&types);
            let moods = if types.contains("Mood") { self.print_moods(part) } else { String::new() };
            let header = if self.is_old(part) { "" } else { HEADER };
            let roots =
                if self.renames_roots(part) { self.print_roots(part) } else { String::new() };
            format!("{header}{roots}\n{types}{moods}{inputs}")
        };
        (0..self.parts.len()).map(|part| (Self::part_name(part).to_owned(), sdl(part))).collect()
    }

    /// Root types can have other names only where there is a query: a schema definition has to name it.
    fn renames_roots(&self, part: usize) -> bool {
        let part = &self.parts[part];
        part.renames_roots && part.types.get("Query").is_some_and(|it| !it.fields.is_empty())
    }

    /// Whether a subgraph is written for Federation 1: where it has nothing that this did not have.
    fn is_old(&self, part: usize) -> bool {
        let is_new = |directive: &String| {
            directive.starts_with("@override") || directive.starts_with("@inaccessible")
        };
        let hides_argument = |(name, in_part): (&String, &PartType)| {
            let arguments =
                in_part.fields.keys().map(|it| self.schema.types[name].fields[it].arguments);
            arguments.into_iter().any(|it| it.contains("@inaccessible"))
        };
        let mut types = self.parts[part].types.values();
        self.parts[part].is_old
            && self.interface_objects.iter().all(|it| it.part != part && it.home != part)
            && !self.parts[part].types.iter().any(hides_argument)
            && !self.hidden.as_ref().is_some_and(|it| self.parts[part].types.contains_key(it))
            && types.all(|it| {
                let mut fields = it.fields.values();
                !it.sets_context
                    && it.keys.values().all(|is_resolvable| *is_resolvable)
                    && !fields.any(|field| field.directives.iter().any(is_new))
            })
    }

    fn print_moods(&self, part: usize) -> String {
        let secret = if self.is_old(part) { "SECRET" } else { "SECRET @inaccessible" };
        format!(
            "\nenum Mood {{ {} }}\n",
            self.parts[part].moods.join(" ").replace("SECRET", secret)
        )
    }

    fn print_roots(&self, part: usize) -> String {
        let roots =
            [("query", "Query"), ("mutation", "Mutation"), ("subscription", "Subscription")];
        let own = roots.iter().filter(|(_, name)| {
            self.parts[part].types.get(*name).is_some_and(|it| !it.fields.is_empty())
        });
        let own: Vec<String> = own.map(|(kind, name)| format!("  {kind}: {name}OfAll\n")).collect();
        format!("\nschema {{\n{}}}\n", own.concat())
    }

    fn print_type(&self, part: usize, name: &str, in_part: &PartType) -> String {
        let schema_type = &self.schema.types[name];
        let is_interface_object = self.is_object(part, name);
        if schema_type.kind == Kind::Union {
            return format!("union {name} = {}\n", in_part.members.join(" | "));
        }
        let is_interface = schema_type.kind == Kind::Interface && !is_interface_object;
        let is_renamed =
            self.renames_roots(part) && matches!(name, "Query" | "Mutation" | "Subscription");
        // Federation 1 extends what another subgraph begins, and does not own the keys.
        let extends =
            self.is_old(part) && self.holders.get(name).is_some_and(|holders| holders[0] != part);
        let mut out = format!(
            "{}{} {name}{}",
            if extends { "extend " } else { "" },
            if is_interface { "interface" } else { "type" },
            if is_renamed { "OfAll" } else { "" }
        );
        let implements = |it: &PartType| it.members.iter().any(|member| member == name);
        let interfaces: Vec<&str> = self.parts[part]
            .types
            .iter()
            .filter(|(it, in_part)| {
                self.schema.types[*it].kind == Kind::Interface && implements(in_part)
            })
            .map(|(it, _)| it.as_str())
            .collect();
        if !interfaces.is_empty() {
            let _ = write!(out, " implements {}", interfaces.join(" & "));
        }
        for (key, is_resolvable) in &in_part.keys {
            let resolvable = if *is_resolvable { "" } else { ", resolvable: false" };
            let _ = write!(out, " @key(fields: \"{key}\"{resolvable})");
        }
        if self.hidden.as_deref() == Some(name) {
            out.push_str(" @inaccessible");
        }
        if in_part.sets_context {
            out.push_str(" @context(name: \"scope\")");
        }
        out.push_str(if is_interface_object { " @interfaceObject {\n" } else { " {\n" });
        for (field, in_part_field) in &in_part.fields {
            let mut directives = in_part_field.directives.clone();
            if self.is_old(part) {
                directives.retain(|it| it != "@shareable");
            }
            let is_in_a_key = in_part.keys.keys().any(|key| is_key_field(key, field));
            if extends && is_in_a_key && !in_part_field.is_external() {
                directives.push("@external".to_owned());
            }
            let in_part_field = PartField { directives, ..in_part_field.clone() };
            self.print_field(name, field, &in_part_field, &mut out);
        }
        out + "}\n"
    }

    fn print_field(&self, ty: &str, name: &str, in_part: &PartField, out: &mut String) {
        let field = &self.schema.types[ty].fields[name];
        let mut field_type = field.ty();
        if in_part.is_nullable && field_type.ends_with('!') {
            field_type.pop();
        }
        let mut arguments = field.arguments.to_owned();
        if let Some(contextual) = &in_part.contextual {
            arguments = format!("{}, {contextual})", arguments.trim_end_matches(')'));
        }
        let _ = write!(out, "  {name}{arguments}: {field_type}");
        for directive in &in_part.directives {
            let _ = write!(out, " {directive}");
        }
        out.push('\n');
    }
}
