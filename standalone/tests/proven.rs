//! Each field of the contract has a test that asks for it and is answered with a value; `docs/FIELDS.md` names one.
//!
//! What the tests asked is in the folder `RECORD_OPERATIONS`: `scripts/test services` has them record it, and runs this then.
//! A plain `cargo test` does not: it would have to pass without having tried.
#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use apollo_compiler::ast::DirectiveList;
use apollo_compiler::executable::{Selection, SelectionSet};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Name, Schema};
use expect_test::expect_file;
use serde::Deserialize;
use serde_json::Value;

/// What a test asked a service.
#[derive(Deserialize)]
struct Record {
    service: String,
    test: String,
    document: String,
    answer: Value,
}

/// A field, as `Type.field`.
type Coordinate = String;

/// All services share the problems; platform has nothing that it counts attempts of.
const NEVER_ANSWERED: [(&str, &str); 1] = [("platform", "RateLimitProblem.retryAfterSeconds")];

const OPENING: &str = "# The contract, field by field

Each field of the services' contract, and a test in which it is asked for and answered with a value; there may be more.
`scripts/test services` holds this page against what the tests really asked. To have it written anew:

```sh
mkdir asked && export RECORD_OPERATIONS=$PWD/asked
cargo test -p auth -p logistics -p platform && UPDATE_EXPECT=1 cargo test -p standalone --test proven
```

A field of an interface stands for those of the types that implement it.
";

#[test]
fn each_field_of_the_contract_is_answered_in_the_test_that_the_table_names() {
    let path = root().join("docs/FIELDS.md");
    let page = fs::read_to_string(&path).unwrap_or_default();
    let named: BTreeSet<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let mut table = OPENING.to_owned();
    let mut unproven = Vec::new();
    for (service, sdl) in
        [("auth", auth::sdl()), ("logistics", logistics::sdl()), ("platform", platform::sdl())]
    {
        let schema = whole(&sdl);
        let proofs = proofs(service, &schema);
        write!(table, "\n## {service}\n\n| field | test |\n|---|---|\n").unwrap();
        for field in contract(&schema) {
            let rows = proofs.get(&field).into_iter().flatten();
            let mut rows = rows.map(|test| format!("| `{field}` | `{}` |", place(service, test)));
            let first = rows.clone().next();
            match rows.find(|row| named.contains(row.as_str())).or(first) {
                Some(row) => writeln!(table, "{row}").unwrap(),
                None if NEVER_ANSWERED.contains(&(service, &field)) => {}
                None => unproven.push(format!("{service}: {field}")),
            }
        }
    }
    let unproven = unproven.join("\n");
    assert!(unproven.is_empty(), "no test has these answered with a value:\n{unproven}");
    expect_file![path].assert_eq(&table);
}

/// The fields that tests had answered with values, and the tests.
fn proofs(service: &str, schema: &Valid<Schema>) -> BTreeMap<Coordinate, BTreeSet<String>> {
    let mut proofs: BTreeMap<Coordinate, BTreeSet<String>> = BTreeMap::new();
    for record in records().into_iter().filter(|record| record.service == service) {
        for field in answered(&record, schema) {
            proofs.entry(field).or_default().insert(record.test.clone());
        }
    }
    proofs
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn records() -> Vec<Record> {
    #[expect(clippy::disallowed_methods, reason = "tests have no command line")]
    let folder = std::env::var("RECORD_OPERATIONS").expect("RECORD_OPERATIONS names a folder");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let text: String = files.map(|path| fs::read_to_string(path).unwrap()).collect();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Where a test is: `module::name` is in the file of its module.
fn place(service: &str, test: &str) -> String {
    match test.rsplit_once("::") {
        Some((module, name)) => {
            format!("subgraphs/{service}/tests/{service}/{}.rs::{name}", module.replace("::", "/"))
        }
        None => format!("subgraphs/{service}/tests/{service}.rs::{test}"),
    }
}

/// The schema with what the federation adds to it.
fn whole(sdl: &str) -> Valid<Schema> {
    let exported = Schema::parse(sdl, "exported.graphql").unwrap_or_else(|error| error.partial);
    let is_entity =
        |ty: &ExtendedType| ty.directives().iter().any(|directive| directive.name == "key");
    let entities: Vec<&str> = exported
        .types
        .iter()
        .filter(|(_, ty)| is_entity(ty))
        .map(|(name, _)| name.as_str())
        .collect();
    let added = format!(
        "scalar _Any union _Entity = {} type _Service {{ sdl: String }}
         extend type Query {{ _entities(representations: [_Any!]!): [_Entity]! _service: _Service! }}",
        entities.join(" | ")
    );
    let schema =
        Schema::builder().parse(sdl, "exported.graphql").parse(added, "added.graphql").build();
    Valid::assume_valid(schema.unwrap_or_else(|error| error.partial))
}

/// The fields that clients may ask for: those of the root types, of entities, and of what these lead to.
fn contract(schema: &Schema) -> BTreeSet<Coordinate> {
    let is_entity = |ty: &ExtendedType| ty.directives().has("key");
    let roots = ["Query", "Mutation", "Subscription"].map(Name::new_unchecked);
    let roots = roots.into_iter().filter(|root| schema.types.contains_key(root));
    let entities = schema.types.values().filter(|ty| is_entity(ty)).map(|ty| ty.name().clone());
    let mut open: Vec<Name> = roots.chain(entities).collect();
    let mut seen: BTreeSet<Name> = open.iter().cloned().collect();
    let mut fields = BTreeSet::new();
    while let Some(name) = open.pop() {
        for (field, ty) in own_fields(schema, &name) {
            fields.insert(format!("{name}.{field}"));
            let implementers = schema.implementers_map().get(&ty).cloned().unwrap_or_default();
            let next = implementers.objects.into_iter().chain([ty]);
            open.extend(next.filter(|ty| seen.insert(ty.clone())));
        }
    }
    fields
}

/// The fields of a type that none of its interfaces has, with their types.
fn own_fields(schema: &Schema, name: &str) -> Vec<(Name, Name)> {
    let (fields, interfaces) = match schema.types.get(name) {
        Some(ExtendedType::Object(ty)) => (&ty.fields, &ty.implements_interfaces),
        Some(ExtendedType::Interface(ty)) => (&ty.fields, &ty.implements_interfaces),
        _ => return Vec::new(),
    };
    let inherited = |field: &str| {
        let mut of = interfaces.iter().filter_map(|name| schema.get_interface(name));
        of.any(|interface| interface.fields.contains_key(field))
    };
    let is_own = |name: &Name, directives: &DirectiveList| {
        !name.starts_with('_') && !directives.has("external") && !inherited(name)
    };
    let own = fields.iter().filter(|(name, field)| is_own(name, &field.directives));
    own.map(|(name, field)| (name.clone(), field.ty.inner_named_type().clone())).collect()
}

/// The fields that this operation asked for and was given values of.
fn answered(record: &Record, schema: &Valid<Schema>) -> BTreeSet<Coordinate> {
    let mut found = BTreeSet::new();
    // Some tests send what is no operation.
    let Ok(document) = ExecutableDocument::parse(schema, &record.document, "test.graphql") else {
        return found;
    };
    for operation in document.operations.iter() {
        walk(&operation.selection_set, &record.answer["data"], &document, schema, &mut found);
    }
    found
}

fn walk(
    selection_set: &SelectionSet,
    value: &Value,
    document: &ExecutableDocument,
    schema: &Schema,
    found: &mut BTreeSet<Coordinate>,
) {
    if let Value::Array(items) = value {
        for item in items {
            walk(selection_set, item, document, schema, found);
        }
        return;
    }
    for selection in &selection_set.selections {
        match selection {
            Selection::Field(field) => {
                let given = &value[field.response_key().as_str()];
                if !given.is_null() {
                    found.extend(coordinates(schema, &selection_set.ty, &field.name));
                    walk(&field.selection_set, given, document, schema, found);
                }
            }
            Selection::InlineFragment(fragment) => {
                walk(&fragment.selection_set, value, document, schema, found);
            }
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = document.fragments.get(&spread.fragment_name) {
                    walk(&fragment.selection_set, value, document, schema, found);
                }
            }
        }
    }
}

/// The field of this type, and of the interfaces that it has it from.
fn coordinates(schema: &Schema, type_name: &str, field: &str) -> Vec<Coordinate> {
    let interfaces = match schema.types.get(type_name) {
        Some(ExtendedType::Object(object)) => {
            object.implements_interfaces.iter().map(|name| name.to_string()).collect()
        }
        _ => Vec::new(),
    };
    let types = interfaces.into_iter().chain([type_name.to_owned()]);
    types.map(|name| format!("{name}.{field}")).collect()
}
