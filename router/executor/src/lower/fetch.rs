//! Lowers the fetches of a plan: bodies with their gaps, paths, and templates of representations.

use apollo_compiler::Name;
use apollo_compiler::ast::OperationType;
use planner::{
    EntityBatch, FetchId, FetchRequest, PathElement, QueryPlan, Representation,
    RepresentationSelection, RequestText, request_text,
};

use crate::json::write_string;
use crate::lower::Lowering;
use crate::lower::shape::ROOT;
use crate::program::{
    Batch, ContextValue, Fetch, FetchIndex, FetchKind, FieldId, Reader, ReaderId, ReaderKey,
    ReaderKind, ReaderTarget, ShapeId, Step, Template, TemplateField, TypeId,
};

/// No other field is like `_entities`, and none is taken for it.
const ENTITIES: FieldId = FieldId(u32::MAX);

impl Lowering<'_> {
    pub(super) fn fetches(&mut self, query_plan: &QueryPlan) {
        if let [fetch] = &query_plan.fetches[..] {
            let lowered = self.fetch(&self.in_client_order(fetch));
            self.program.fetches.push(lowered);
            return;
        }
        for fetch in &query_plan.fetches {
            let lowered = self.fetch(fetch);
            self.program.fetches.push(lowered);
        }
        for fetch in &query_plan.fetches {
            for FetchId(on) in &fetch.depends_on {
                self.program.fetches[*on as usize].dependents.push(FetchIndex(fetch.id.0));
            }
        }
    }

    fn fetch(&mut self, fetch: &planner::Fetch) -> Fetch {
        let text = request_text(fetch, &self.operation.variables);
        let (kind, data) = match &fetch.request {
            FetchRequest::Root { selection_set, operation_type, path } => {
                let (path, shape) = self.path(&path.0);
                let type_name = self.supergraph.root_type(*operation_type);
                (FetchKind::Root(path), self.reader(&[(selection_set, type_name)], shape))
            }
            FetchRequest::Entities(batches) => {
                let batches: Vec<Batch> = batches
                    .iter()
                    .enumerate()
                    .map(|(index, batch)| self.batch(batch, &text, index))
                    .collect();
                let data = self.entities_reader(&batches);
                (FetchKind::Entities(batches), data)
            }
        };
        let repeatable = match &fetch.request {
            FetchRequest::Root { operation_type, .. } => *operation_type == OperationType::Query,
            FetchRequest::Entities(_) => true,
        };
        let mut body_start = b"{\"query\":".to_vec();
        write_string(&text.text, &mut body_start);
        Fetch {
            subgraph: fetch.subgraph,
            guard: self.plan_guard(&fetch.condition),
            depends_on: fetch.depends_on.iter().map(|id| FetchIndex(id.0)).collect(),
            dependents: Vec::new(),
            body_start: body_start.into(),
            variables: text.variables.into_iter().map(|name| (key(&name), name)).collect(),
            data,
            repeatable,
            kind,
        }
    }

    fn batch(&mut self, batch: &EntityBatch, text: &RequestText, index: usize) -> Batch {
        let (path, shape) = self.path(&batch.path.0);
        Batch {
            guard: self.plan_guard(&batch.condition),
            variable: key(&text.representation_variables[index]),
            key: Name::new(&text.entity_keys[index]).expect("the planner makes legal names"),
            path,
            templates: batch.representations.iter().map(|r| self.template(r, shape)).collect(),
            context: self.context(batch),
            reader: self.reader(&[(&batch.selection_set, None)], shape),
            sources: Vec::new(),
        }
    }

    /// What objects above set, those nearer to the root first.
    fn context(&mut self, batch: &EntityBatch) -> Vec<ContextValue> {
        let mut values = Vec::new();
        for planned in &batch.context {
            self.program.has_context = true;
            let (_, shape) = self.path(&batch.path.0[..planned.depth]);
            values.push(ContextValue {
                variable: key(&planned.variable),
                depth: planned.depth,
                value: self.template_fields(&planned.value, shape),
            });
        }
        values.sort_by_key(|value| value.depth);
        values
    }

    /// Reads `{"_e0":[…],"_e1":[…]}`: a slot for each batch.
    fn entities_reader(&mut self, batches: &[Batch]) -> ReaderId {
        let shape = self.new_shape();
        let keys = batches
            .iter()
            .map(|batch| {
                let slot = self.slot(shape, &batch.key);
                let kind = ReaderKind::Object(batch.reader);
                let targets = vec![ReaderTarget {
                    slot,
                    field: ENTITIES,
                    is_one_of_many: false,
                    types: None,
                    kind,
                }];
                ReaderKey { quoted: crate::json::quoted(&batch.key), targets }
            })
            .collect();
        let static_type = TypeId::UNKNOWN;
        self.add_reader(Reader { shape, static_type, keys, needs_type: false })
    }

    /// The path from the root, and the shape of the objects there.
    fn path(&mut self, path: &[PathElement]) -> (Vec<Step>, ShapeId) {
        let mut shape = ROOT;
        let steps = path
            .iter()
            .map(|element| match element {
                PathElement::Key(key) => {
                    let slot = self.slot(shape, key);
                    shape = self.below(shape, slot);
                    Step::Slot(slot)
                }
                PathElement::Items => Step::Items,
                PathElement::TypeCondition(types) => Step::Types(self.type_set(types)),
            })
            .collect();
        (steps, shape)
    }

    fn template(&mut self, representation: &Representation, shape: ShapeId) -> Template {
        let types = &representation.runtime_types;
        Template {
            types: (!types.is_empty()).then(|| self.type_set(types)),
            type_id: self.object_type(&representation.typename),
            start: format!("{{\"__typename\":\"{}\"", representation.typename).into_bytes().into(),
            fields: self.template_fields(&representation.fields, shape),
        }
    }

    fn template_fields(
        &mut self,
        selections: &[RepresentationSelection],
        shape: ShapeId,
    ) -> Vec<TemplateField> {
        selections
            .iter()
            .map(|selection| match selection {
                RepresentationSelection::Field { name, input, .. } if name == "__typename" => {
                    TemplateField::TypeName(self.slot(shape, input))
                }
                RepresentationSelection::Field { name, input, key: required, fields } => {
                    let slot = self.slot(shape, input);
                    let fields = if fields.is_empty() {
                        Vec::new()
                    } else {
                        let below = self.below(shape, slot);
                        self.template_fields(fields, below)
                    };
                    TemplateField::Value { key: key(name), slot, required: *required, fields }
                }
                RepresentationSelection::InlineFragment { runtime_types, fields } => {
                    TemplateField::OfTypes(
                        self.type_set(runtime_types),
                        self.template_fields(fields, shape),
                    )
                }
            })
            .collect()
    }
}

/// `"name":`
fn key(name: &str) -> Box<[u8]> {
    format!("\"{name}\":").into_bytes().into()
}
