//! Finds the entries that hold different fields, of objects of different types.
//!
//! An interface object says a field before the object's type is known; what is said later of the type's own field under
//! the same response key must then take its place.

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

use crate::program::{FieldId, Program, ShapeId, SlotId};

/// Marks what is read into such entries.
pub(super) fn mark_shared_entries(program: &mut Program) {
    let mut fields: HashMap<(ShapeId, SlotId), FieldId> = HashMap::new();
    let mut shared = HashSet::new();
    for reader in &program.readers {
        for target in reader.keys.iter().flat_map(|key| &key.targets) {
            let entry = (reader.shape, target.slot);
            if *fields.entry(entry).or_insert(target.field) != target.field {
                shared.insert(entry);
            }
        }
    }
    for reader in &mut program.readers {
        for target in reader.keys.iter_mut().flat_map(|key| &mut key.targets) {
            target.is_one_of_many = shared.contains(&(reader.shape, target.slot));
        }
    }
}
