//! Adds the directives of federation to a split, where they keep its meaning.

use crate::random::Random;
use crate::schema::{Field, Kind};
use crate::split::{PartField, Split, is_key_field};

/// What fields may wait for before they move.
pub(crate) const LABELS: [&str; 2] = ["percent(50)", "launched"];

impl Split {
    /// `@requires`, `@provides`, `@override`, `@inaccessible`, `@context`, fields that are nullable here and not there; last, what
    /// follows from where the fields are: interfaces' fields and `@shareable`.
    pub(crate) fn decorate(&mut self, random: &mut Random) {
        for _ in 0..random.below(4) {
            self.require(random);
        }
        for _ in 0..random.below(3) {
            self.provide(random);
        }
        for _ in 0..random.below(3) {
            self.override_one(random);
        }
        if random.percent(25) {
            self.hide_field(random);
        }
        if random.percent(25) {
            self.pass_context(random);
        }
        self.complete_interfaces(random);
        self.agree_on_types();
        if random.percent(20) {
            self.hide_type(random);
        }
        self.vary_nullability(random);
        self.share(random);
        if random.percent(80) {
            self.forget(random);
        }
    }

    /// A subgraph does not know one of the entities that it could be asked for. What it alone would say of it is null.
    fn forget(&mut self, random: &mut Random) {
        let holding = self.holders.iter().flat_map(|(entity, parts)| {
            // The first of them leads to all others.
            parts.iter().skip(1).map(move |part| (entity.clone(), *part))
        });
        let open: Vec<_> =
            holding.filter(|(entity, part)| self.can_forget(entity, *part)).collect();
        if !open.is_empty() && self.interface_objects.is_empty() {
            let (entity, part) = random.pick(&open);
            self.unknown.push((format!("{entity}1"), part));
        }
    }

    /// Whether no way to another subgraph leads through this one, and nobody else says what it says.
    fn can_forget(&self, entity: &str, part: usize) -> bool {
        let in_part = &self.parts[part].types[entity];
        let is_its_own = |name: &str| {
            self.owners(entity, name) == [part]
                && !self.schema.types[entity].fields[name].is_relied_on
        };
        let is_in_a_key = |name: &str| in_part.keys.keys().any(|key| is_key_field(key, name));
        let mut fields = in_part.fields.iter().filter(|(_, field)| !field.is_external());
        // Of a value in a key, more may be asked for here.
        let is_leaf = |name: &str| {
            !self.schema.types.contains_key(&self.schema.types[entity].fields[name].base)
        };
        in_part.keys.len() == 1
            && fields.all(|(name, _)| is_in_a_key(name) && is_leaf(name) || is_its_own(name))
    }

    /// An entity, and one of the subgraphs that hold it.
    pub(crate) fn holding(&self, random: &mut Random) -> (String, usize) {
        let entities: Vec<&String> = self.holders.keys().collect();
        let entity = random.pick(&entities);
        (entity.clone(), random.pick(&self.holders[entity]))
    }

    pub(crate) fn has(&self, part: usize, ty: &str, field: &str) -> bool {
        self.parts[part].types.get(ty).is_some_and(|it| it.fields.contains_key(field))
    }

    /// The subgraphs that resolve a field.
    pub(crate) fn owners(&self, ty: &str, field: &str) -> Vec<usize> {
        let resolves = |part: &usize| {
            let in_part = self.parts[*part].types.get(ty).and_then(|it| it.fields.get(field));
            in_part.is_some_and(|it| !it.is_external())
        };
        (0..self.parts.len()).filter(resolves).collect()
    }

    /// Fields of an entity that this subgraph does not have and another one resolves.
    fn foreign_fields(&self, entity: &str, part: usize) -> Vec<(String, Field)> {
        let fields = self.schema.types[entity].fields.iter();
        let is_foreign =
            |name: &str| !self.has(part, entity, name) && !self.owners(entity, name).is_empty();
        fields
            .filter(|(name, _)| is_foreign(name))
            .map(|(name, field)| (name.clone(), field.clone()))
            .collect()
    }

    /// What can be required of a field, as text of a field set.
    fn selection_of(
        &mut self,
        part: usize,
        name: &str,
        field: &Field,
        random: &mut Random,
    ) -> Option<String> {
        let arguments = match field.arguments {
            "(id: ID!)" => "(id: \"7\")",
            "(choice: Choice!, flag: Boolean = true)" => "(choice: {filter: {text: \"x\"}})",
            "(choice: Choice)" if random.percent(50) => "(choice: {colors: [RED]})",
            "(first: Int = 3)" if random.percent(50) => "(first: 8)",
            "(ids: [ID!], color: Color)" if random.percent(50) => {
                "(ids: [\"a\", \"b\"], color: BLUE)"
            }
            "(filter: Filter)" if random.percent(50) => "(filter: {text: \"x\", limit: 1.5})",
            _ => "",
        };
        // The arguments' quotes stand inside a string.
        let arguments = arguments.replace('"', "\\\"");
        let below = match self.schema.types.get(&field.base).map(|ty| ty.kind) {
            None => String::new(),
            _ if self.is_barred(part, &field.base) => return None,
            Some(Kind::Value) => match field.base.as_str() {
                "Size" => " { width title }".to_owned(),
                "Box" => " { weight size { title } }".to_owned(),
                "Leg" => " { to }".to_owned(),
                "Region" => " { name zone { code } }".to_owned(),
                _ => " { code }".to_owned(),
            },
            Some(Kind::Entity) => {
                self.ensure(part, &field.base, random);
                let keys: Vec<&str> =
                    self.parts[part].types[&field.base].keys.keys().copied().collect();
                format!(" {{ {} }}", random.pick(&keys))
            }
            Some(Kind::Interface) if field.base != "Sized" => " { id }".to_owned(),
            Some(Kind::Interface | Kind::Union) => {
                self.ensure(part, &field.base, random);
                let members = self.parts[part].types[&field.base].members.clone();
                let member = random.pick(&members);
                let keys: Vec<&str> =
                    self.parts[part].types[&member].keys.keys().copied().collect();
                let inside = keys.first().map_or("width", |key| *key);
                let inside = if member == "Box" { "weight" } else { inside };
                format!(" {{ ... on {member} {{ {inside} }} }}")
            }
        };
        self.ensure(part, &field.base, random);
        Some(format!("{name}{arguments}{below}"))
    }

    fn require(&mut self, random: &mut Random) {
        let (entity, part) = self.holding(random);
        let foreign = self.foreign_fields(&entity, part);
        if foreign.is_empty() {
            return;
        }
        let count = random.between(1, 2.min(foreign.len()));
        let mut field_set = Vec::new();
        for (name, field) in random.some(&foreign, count) {
            if let Some(selection) = self.selection_of(part, &name, &field, random) {
                field_set.push(selection);
                self.schema.types[&entity].fields[&name].is_relied_on = true;
                self.add_directive(part, &entity, &name, "@external");
            }
        }
        let name = format!("computed{}", self.schema.types[&entity].fields.len());
        if field_set.is_empty() {
            return;
        }
        let mut field = Field::new("String", random.pick(&["_", "_!", "[_]"]));
        field.arguments = random.pick(&["", "", "(first: Int = 3)"]);
        self.schema.types[&entity].fields.insert(name.clone(), field);
        self.place(part, &entity, &name, random);
        let directive = format!("@requires(fields: \"{}\")", field_set.join(" "));
        self.add_directive(part, &entity, &name, &directive);
    }

    /// A field that returns entities brings along a leaf that another subgraph owns: of the entity itself, of one of the
    /// entities that an abstract type stands for, or of an entity below.
    fn provide(&mut self, random: &mut Random) {
        let part = random.below(self.parts.len());
        let returning: Vec<(String, String, String)> = self.parts[part]
            .types
            .iter()
            .filter(|(ty, _)| self.schema.types[*ty].members.is_empty() && *ty != "Mutation")
            .flat_map(|(ty, in_part)| in_part.fields.iter().map(move |it| (ty, it)))
            .filter(|(_, (_, field))| field.directives.is_empty())
            .map(|(ty, (name, _))| {
                (ty.clone(), name.clone(), self.schema.types[ty].fields[name].base.clone())
            })
            .filter(|(_, _, base)| self.schema.types.contains_key(base))
            .collect();
        if returning.is_empty() {
            return;
        }
        let (ty, name, base) = random.pick(&returning);
        let members = self.parts[part].types[&base].members.clone();
        let (mut entity, mut before, mut after) = (base, String::new(), "");
        if !members.is_empty() {
            entity = random.pick(&members);
            (before, after) = (format!("... on {entity} {{ "), " }");
        } else if random.percent(40) {
            let below = self.parts[part].types[&entity].fields.iter();
            let below: Vec<(String, String)> = below
                .filter(|(_, field)| field.directives.is_empty())
                .map(|(name, _)| (name.clone(), self.schema.types[&entity].fields[name].clone()))
                .filter(|(_, field)| field.arguments.is_empty())
                .map(|(name, field)| (name, field.base))
                .collect();
            if let Some((name, base)) =
                below.into_iter().find(|(_, base)| self.holders.contains_key(base))
            {
                entity = base;
                (before, after) = (format!("{name} {{ "), " }");
            }
        }
        if !self.holders.contains_key(&entity) || !self.parts[part].types.contains_key(&entity) {
            return;
        }
        let is_plain = |owner: &usize, name: &str| {
            self.parts[*owner].types[&entity].fields[name].directives.is_empty()
        };
        let candidates: Vec<String> = self
            .foreign_fields(&entity, part)
            .into_iter()
            .filter(|(_, field)| !self.schema.types.contains_key(&field.base))
            .filter(|(_, field)| field.arguments.is_empty())
            .map(|(name, _)| name)
            .filter(|name| self.owners(&entity, name).iter().all(|owner| is_plain(owner, name)))
            .collect();
        if candidates.is_empty() {
            return;
        }
        let provided = random.pick(&candidates);
        self.schema.types[&entity].fields[&provided].is_relied_on = true;
        for owner in self.owners(&entity, &provided) {
            self.add_directive(owner, &entity, &provided, "@shareable");
        }
        self.add_directive(part, &entity, &provided, "@external");
        let directive = format!("@provides(fields: \"{before}{provided}{after}\")");
        self.add_directive(part, &ty, &name, &directive);
    }

    /// A field moves from one subgraph, which still has it, to another.
    fn override_one(&mut self, random: &mut Random) {
        let (entity, part) = self.holding(random);
        let foreign = self.foreign_fields(&entity, part);
        let movable: Vec<String> = foreign
            .into_iter()
            .filter(|(_, field)| !self.is_barred(part, &field.base))
            .map(|(name, _)| name)
            .filter(|name| {
                let owners = self.owners(&entity, name);
                owners.len() == 1
                    && self.parts[owners[0]].types[&entity].fields[name].directives.is_empty()
            })
            .filter(|name| {
                !self.parts.iter().any(|it| {
                    it.types
                        .get(&entity)
                        .and_then(|it| it.fields.get(name))
                        .is_some_and(PartField::is_external)
                })
            })
            .collect();
        if movable.is_empty() {
            return;
        }
        let name = random.pick(&movable);
        let from = self.owners(&entity, &name)[0];
        self.place(part, &entity, &name, random);
        let label = if random.percent(50) {
            format!(", label: \"{}\"", random.pick(&LABELS))
        } else {
            String::new()
        };
        let directive = format!("@override(from: \"{}\"{label})", Self::part_name(from));
        self.add_directive(part, &entity, &name, &directive);
    }

    pub(crate) fn add_directive(&mut self, part: usize, ty: &str, field: &str, directive: &str) {
        let fields = &mut self.parts[part].types[ty].fields;
        let directives = &mut fields.entry(field.to_owned()).or_default().directives;
        if !directives.iter().any(|it| it == directive) {
            directives.push(directive.to_owned());
        }
    }

    /// An interface has, in a subgraph, the fields that all its types there have; types that lack all of them do not
    /// implement it there.
    fn complete_interfaces(&mut self, random: &mut Random) {
        for part in 0..self.parts.len() {
            for name in ["Item", "Node", "Sized"] {
                if self.is_object(part, name) || !self.parts[part].types.contains_key(name) {
                    continue;
                }
                let fields: Vec<String> = self.schema.types[name].fields.keys().cloned().collect();
                let mut members = self.parts[part].types[name].members.clone();
                members.retain(|member| self.has(part, member, &fields[0]));
                if members.is_empty() {
                    self.ensure(part, "Size", random);
                    members.push("Size".to_owned());
                }
                let shared = fields
                    .into_iter()
                    .filter(|field| members.iter().all(|it| self.has(part, it, field)));
                let shared: Vec<String> = shared.collect();
                let in_part = &mut self.parts[part].types[name];
                in_part
                    .fields
                    .extend(shared.into_iter().map(|field| (field, PartField::default())));
                in_part.members = members;
            }
        }
    }

    /// What several subgraphs resolve must have a type in common.
    fn agree_on_types(&mut self) {
        let fields: Vec<(String, String, String)> = self
            .schema
            .types
            .iter()
            .flat_map(|(ty, it)| it.fields.iter().map(move |(name, field)| (ty, name, field)))
            .filter(|(_, _, field)| {
                self.schema.types.get(&field.base).is_some_and(|it| !it.members.is_empty())
            })
            .map(|(ty, name, field)| (ty.clone(), name.clone(), field.base.clone()))
            .collect();
        for (ty, name, base) in fields {
            let mut common = self.schema.types[&base].members.clone();
            let mut owners = self.owners(&ty, &name);
            // One with a directive stays.
            owners.sort_by_key(|part| {
                self.parts[*part].types[&ty].fields[&name].directives.is_empty()
            });
            for part in owners {
                let in_part = &self.parts[part].types[&base].members;
                // An interface object stands for all.
                if in_part.is_empty() || in_part.iter().any(|it| common.contains(it)) {
                    common.retain(|it| in_part.is_empty() || in_part.contains(it));
                } else {
                    self.parts[part].types[&ty].fields.shift_remove(&name);
                }
            }
        }
    }

    fn vary_nullability(&mut self, random: &mut Random) {
        let (entity, part) = self.holding(random);
        let interfaces = self.schema.interfaces(&entity);
        let names: Vec<String> = self.parts[part].types[&entity].fields.keys().cloned().collect();
        for name in names {
            let is_in_interface =
                interfaces.iter().any(|it| self.schema.types[it].fields.contains_key(&name));
            let is_external = |part: &usize| {
                self.has(*part, &entity, &name) && !self.owners(&entity, &name).contains(part)
            };
            let is_plain =
                !is_in_interface && !(0..self.parts.len()).any(|part| is_external(&part));
            if is_plain && self.owners(&entity, &name).len() > 1 && random.percent(40) {
                self.parts[part].types[&entity].fields[&name].is_nullable = true;
                self.schema.types[&entity].fields[&name].is_relied_on = true;
            }
        }
    }

    /// `@shareable` where several subgraphs resolve a field.
    fn share(&mut self, random: &mut Random) {
        let fields: Vec<(String, String)> = self
            .schema
            .types
            .iter()
            .filter(|(_, ty)| matches!(ty.kind, Kind::Entity | Kind::Value))
            .flat_map(|(ty, it)| it.fields.keys().map(move |field| (ty.clone(), field.clone())))
            .collect();
        for (ty, field) in fields {
            let owners = self.owners(&ty, &field);
            let is_moved = owners.iter().any(|part| {
                let directives = &self.parts[*part].types[&ty].fields[&field].directives;
                directives.iter().any(|it| it.starts_with("@override"))
            });
            let is_called_once = ty == "Mutation" || ty == "Subscription";
            let wants = if is_moved || is_called_once {
                0
            } else if owners.len() > 1 {
                100
            } else {
                10
            };
            if random.percent(wants) {
                for part in owners {
                    self.add_directive(part, &ty, &field, "@shareable");
                }
            }
        }
    }

    pub(crate) fn part_name(part: usize) -> &'static str {
        ["alpha", "beta", "gamma", "delta"][part]
    }
}
