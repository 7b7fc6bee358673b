//! Prints a query plan in the notation that Apollo and Hive use.

use std::fmt;

use apollo_compiler::Name;
use apollo_compiler::ast::OperationType;
use supergraph::Supergraph;

use crate::tree::Tree;
use crate::{
    Condition, EntityBatch, Fetch, FetchRequest, FetchSelection, FetchSelectionSet, Literal,
    QueryPlan, RepresentationSelection, ResponsePath,
};

/// A plan with the names of its subgraphs.
///
/// ```text
/// QueryPlan {
///   Sequence {
///     Fetch(service: "auth") {
///       {
///         me {
///           id
///         }
///       }
///     },
///     Flatten(path: "me") {
///       Fetch(service: "logistics") {
///         {
///           ... on User {
///             __typename
///             id
///           }
///         } =>
///         {
///           ... on User {
///             isDriver
///           }
///         }
///       },
///     },
///   },
/// }
/// ```
///
/// Several batches of entities in one request print as `BatchFetch`. A `Sequence` shows what could run after what; the executor starts a fetch as soon as its own inputs are there.
pub struct QueryPlanDisplay<'a> {
    plan: &'a QueryPlan,
    supergraph: &'a Supergraph,
}

impl QueryPlan {
    /// The plan, to be printed.
    pub fn display<'a>(&'a self, supergraph: &'a Supergraph) -> QueryPlanDisplay<'a> {
        QueryPlanDisplay { plan: self, supergraph }
    }
}

impl fmt::Display for QueryPlanDisplay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut printer = Printer { f, depth: 0 };
        printer.open("QueryPlan")?;
        if let Some(tree) = self.plan.tree() {
            self.tree(&tree, &mut printer)?;
        }
        printer.close("")
    }
}

impl QueryPlanDisplay<'_> {
    fn tree(&self, tree: &Tree<'_>, printer: &mut Printer<'_, '_>) -> fmt::Result {
        let (name, parts) = match tree {
            Tree::Fetch(fetch) => return self.fetch(fetch, printer),
            Tree::Subscription { primary, rest } => {
                printer.open("Subscription")?;
                printer.open("Primary:")?;
                self.fetch(primary, printer)?;
                printer.close(",")?;
                if let Some(rest) = rest {
                    printer.open("Rest:")?;
                    self.tree(rest, printer)?;
                    printer.close(",")?;
                }
                return printer.close(",");
            }
            Tree::Sequence(parts) => ("Sequence", parts),
            Tree::Parallel(parts) => ("Parallel", parts),
        };
        printer.open(name)?;
        parts.iter().try_for_each(|part| self.tree(part, printer))?;
        printer.close(",")
    }

    fn fetch(&self, fetch: &Fetch, printer: &mut Printer<'_, '_>) -> fmt::Result {
        let conditional = !fetch.condition.is_always();
        if conditional {
            printer.open(&format!("Include(if: {})", condition_text(&fetch.condition)))?;
        }
        let service = self.supergraph.subgraph(fetch.subgraph).name.as_str();
        match &fetch.request {
            FetchRequest::Root { operation_type, path, selection_set } => {
                if !path.0.is_empty() {
                    printer.open(&format!("Flatten(path: \"{path}\")"))?;
                }
                printer.open(&format!("Fetch(service: {service:?})"))?;
                let keyword = match operation_type {
                    OperationType::Query => "",
                    other => other.name(),
                };
                printer.open(keyword)?;
                printer.selection_set(selection_set)?;
                printer.close("")?;
                printer.close(",")?;
                if !path.0.is_empty() {
                    printer.close(",")?;
                }
            }
            FetchRequest::Entities(batches) => match batches.as_slice() {
                [batch] => {
                    printer.open(&format!("Flatten(path: \"{}\")", batch.path))?;
                    printer.open(&format!("Fetch(service: {service:?})"))?;
                    printer.batch(batch)?;
                    printer.close(",")?;
                    printer.close(",")?;
                }
                batches => {
                    printer.open(&format!("BatchFetch(service: {service:?})"))?;
                    for batch in batches {
                        let condition = directive_text(&batch.condition.inside(&fetch.condition));
                        printer.open(&format!("Flatten(path: \"{}\"){condition}", batch.path))?;
                        printer.batch(batch)?;
                        printer.close(",")?;
                    }
                    printer.close(",")?;
                }
            },
        }
        if conditional { printer.close(",") } else { Ok(()) }
    }
}

struct Printer<'p, 'f> {
    f: &'p mut fmt::Formatter<'f>,
    depth: usize,
}

impl Printer<'_, '_> {
    fn line(&mut self, text: &str) -> fmt::Result {
        writeln!(self.f, "{:1$}{text}", "", self.depth * 2)
    }

    fn open(&mut self, text: &str) -> fmt::Result {
        let brace = if text.is_empty() { "{".to_owned() } else { format!("{text} {{") };
        self.line(&brace)?;
        self.depth += 1;
        Ok(())
    }

    fn close(&mut self, after: &str) -> fmt::Result {
        self.depth -= 1;
        self.line(&format!("}}{after}"))
    }

    /// `{ representations } => { selections }`
    fn batch(&mut self, batch: &EntityBatch) -> fmt::Result {
        self.open("")?;
        for representation in &batch.representations {
            self.open(&format!("... on {}", representation.typename))?;
            self.line("__typename")?;
            self.representation(&representation.fields)?;
            self.close("")?;
        }
        for context in &batch.context {
            let above = ResponsePath(batch.path.0[..context.depth].to_vec());
            self.open(&format!("${}: {} of \"{above}\"", context.variable, context.ty))?;
            self.representation(&context.value)?;
            self.close("")?;
        }
        self.close(" =>")?;
        self.open("")?;
        self.selection_set(&batch.selection_set)?;
        self.close("")
    }

    fn selection_set(&mut self, set: &FetchSelectionSet) -> fmt::Result {
        for selection in &set.selections {
            let (head, below) = match selection {
                FetchSelection::Field(field) => {
                    let alias =
                        field.alias.as_ref().map(|alias| format!("{alias}: ")).unwrap_or_default();
                    let condition = directive_text(&field.condition);
                    (
                        format!("{alias}{}{}{condition}", field.name, field.arguments),
                        &field.selection_set,
                    )
                }
                FetchSelection::InlineFragment(fragment) => {
                    let condition = directive_text(&fragment.condition);
                    (
                        format!("... on {}{condition}", fragment.type_condition),
                        &fragment.selection_set,
                    )
                }
            };
            if below.selections.is_empty() {
                self.line(&head)?;
            } else {
                self.open(&head)?;
                self.selection_set(below)?;
                self.close("")?;
            }
        }
        Ok(())
    }

    fn representation(&mut self, fields: &[RepresentationSelection]) -> fmt::Result {
        for field in fields {
            let (head, below) = match field {
                RepresentationSelection::Field { name, input, fields, .. } if name == input => {
                    (name.to_string(), fields)
                }
                RepresentationSelection::Field { name, input, fields, .. } => {
                    (format!("{name}: {input}"), fields)
                }
                RepresentationSelection::InlineFragment { runtime_types, fields } => {
                    let names: Vec<&str> = runtime_types.iter().map(Name::as_str).collect();
                    (format!("... on {}", names.join(" | ")), fields)
                }
            };
            if below.is_empty() {
                self.line(&head)?;
            } else {
                self.open(&head)?;
                self.representation(below)?;
                self.close("")?;
            }
        }
        Ok(())
    }
}

/// `$a & !$b | $c`
pub(crate) fn condition_text(condition: &Condition) -> String {
    let alternatives: Vec<String> = condition
        .any
        .iter()
        .map(|all| {
            let literals: Vec<String> = all
                .iter()
                .map(|l| format!("{}${}", if l.holds_if { "" } else { "!" }, l.variable))
                .collect();
            literals.join(" & ")
        })
        .collect();
    alternatives.join(" | ")
}

/// ` @include(if: $a) @skip(if: $b)`; several alternatives are shown as one.
fn directive_text(condition: &Condition) -> String {
    match condition.any.as_slice() {
        [all] => {
            let directive = |literal: &Literal| {
                let name = if literal.holds_if { "include" } else { "skip" };
                format!(" @{name}(if: ${})", literal.variable)
            };
            all.iter().map(directive).collect::<Vec<_>>().concat()
        }
        _ if condition.is_always() => String::new(),
        _ => format!(" @include(if: {})", condition_text(condition)),
    }
}
