//! The contract: the graph that the services export is the one that the corpus has their contract for.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use apollo_compiler::Schema;
use apollo_compiler::ast::InputValueDefinition;
use apollo_compiler::schema::ExtendedType;
use server::SubgraphSource;
use supergraph::Supergraph;

/// The contract of a service.
macro_rules! contract {
    ($service:literal) => {
        include_str!(concat!("../../router/cases/ridegraph/home/subgraphs/", $service, ".graphql"))
    };
}

#[test]
fn the_services_export_what_the_contract_promises() {
    let promised = coordinates([
        ("auth", contract!("auth").to_owned()),
        ("logistics", contract!("logistics").to_owned()),
        ("platform", contract!("platform").to_owned()),
    ]);
    let exported = coordinates([
        ("auth", auth::sdl()),
        ("logistics", logistics::sdl()),
        ("platform", platform::sdl()),
    ]);
    let missing: Vec<&String> = promised.difference(&exported).collect();
    let unasked: Vec<&String> = exported.difference(&promised).collect();
    assert_eq!(
        (missing, unasked),
        (vec![], vec![]),
        "(promised but missing, there but not promised)"
    );
}

/// What proves the founding contracts is there to be run.
#[test]
fn each_test_that_the_founding_contracts_name_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let table = fs::read_to_string(root.join("docs/CONTRACTS.md")).expect("the table is there");
    let named: Vec<(&str, &str)> = table
        .split('`')
        .filter_map(|quoted| quoted.split_once("::"))
        .filter(|(path, _)| Path::new(path).extension().is_some_and(|extension| extension == "rs"))
        .collect();
    for (path, test) in &named {
        let text = fs::read_to_string(root.join(path));
        let text = text.unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(text.contains(&format!("fn {test}()")), "{path} has no test `{test}`");
    }
    let contracts = table.lines().filter(|line| line.starts_with("| ")).count() - 1;
    assert!(named.len() > contracts, "{} tests for {contracts} contracts", named.len());
}

/// Everything that a client can name in the graph of these subgraphs, and what it must show for it, a line each.
fn coordinates(subgraphs: [(&str, String); 3]) -> BTreeSet<String> {
    let subgraphs = subgraphs.map(|(name, sdl)| SubgraphSource {
        name: name.to_owned(),
        url: format!("http://{name}/graphql"),
        sdl,
    });
    let composition = server::compose(&subgraphs).expect("the subgraphs compose");
    let supergraph = Supergraph::parse(&composition.supergraph_sdl).expect("a supergraph");
    let mut lines = lines(supergraph.api_schema());
    let whole = Schema::parse(&composition.supergraph_sdl, "supergraph.graphql").expect("a schema");
    lines.extend(access_lines(&whole));
    lines
}

/// The fields that ask for a signed-in caller, or for scopes.
fn access_lines(schema: &Schema) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for (name, definition) in &schema.types {
        let fields = match definition {
            ExtendedType::Object(object) => &object.fields,
            ExtendedType::Interface(interface) => &interface.fields,
            _ => continue,
        };
        for (field_name, field) in fields {
            for directive in &field.directives {
                if directive.name == "authenticated" || directive.name == "requiresScopes" {
                    lines.insert(format!("{name}.{field_name} {directive}"));
                }
            }
        }
    }
    lines
}

fn lines(schema: &Schema) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for (name, definition) in &schema.types {
        if name.starts_with("__") {
            continue;
        }
        match definition {
            ExtendedType::Scalar(_) => {
                lines.insert(format!("scalar {name}"));
            }
            ExtendedType::Object(object) => {
                lines.insert(format!("type {name}"));
                lines.extend(
                    object.implements_interfaces.iter().map(|i| format!("{name} is {}", i.name)),
                );
                for (field_name, field) in &object.fields {
                    lines.insert(field_line(
                        name,
                        field_name,
                        &field.arguments,
                        &field.ty.to_string(),
                    ));
                }
            }
            ExtendedType::Interface(interface) => {
                lines.insert(format!("interface {name}"));
                for (field_name, field) in &interface.fields {
                    lines.insert(field_line(
                        name,
                        field_name,
                        &field.arguments,
                        &field.ty.to_string(),
                    ));
                }
            }
            ExtendedType::Union(union) => {
                lines.extend(
                    union.members.iter().map(|member| format!("{name} is {}", member.name)),
                );
            }
            ExtendedType::Enum(values) => {
                lines.extend(values.values.keys().map(|value| format!("{name}.{value}")));
            }
            ExtendedType::InputObject(input) => {
                lines.extend(
                    input.fields.values().map(|field| format!("{name}.{}", input_line(field))),
                );
            }
        }
    }
    lines
}

fn field_line<'a>(
    type_name: &str,
    name: &str,
    arguments: impl IntoIterator<Item = &'a apollo_compiler::Node<InputValueDefinition>>,
    ty: &str,
) -> String {
    let mut arguments: Vec<String> =
        arguments.into_iter().map(|argument| input_line(argument)).collect();
    arguments.sort();
    format!("{type_name}.{name}({}): {ty}", arguments.join(", "))
}

fn input_line(definition: &InputValueDefinition) -> String {
    let default = definition.default_value.as_ref().map(|value| format!(" = {value}"));
    format!("{}: {}{}", definition.name, definition.ty, default.unwrap_or_default())
}
