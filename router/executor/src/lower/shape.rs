//! Numbers the entries of the response tree.

use apollo_compiler::Name;

use crate::program::{Program, Shape, ShapeEntry, ShapeId, SlotId};

/// The shape of the response tree's root.
pub(super) const ROOT: ShapeId = ShapeId(0);

impl Program {
    /// A shape that stands nowhere yet.
    pub(super) fn new_shape(&mut self) -> ShapeId {
        self.shapes.push(Shape::default());
        ShapeId(u32::try_from(self.shapes.len() - 1).expect("operations are limited"))
    }

    /// The slot of an entry, made where there is none.
    pub(super) fn slot(&mut self, shape: ShapeId, name: &Name) -> SlotId {
        let entries = &mut self.shapes[shape.index()].entries;
        let index = entries.iter().position(|entry| entry.name == *name).unwrap_or_else(|| {
            entries.push(ShapeEntry { name: name.clone(), below: None, visible: false });
            entries.len() - 1
        });
        SlotId(u16::try_from(index).expect("a selection set has less than 65,536 response keys"))
    }

    /// The shape of the objects in an entry, made where there is none.
    pub(super) fn below(&mut self, shape: ShapeId, slot: SlotId) -> ShapeId {
        if let Some(below) = self.shapes[shape.index()].entries[slot.index()].below {
            return below;
        }
        let below = self.new_shape();
        self.shapes[shape.index()].entries[slot.index()].below = Some(below);
        below
    }

    /// Notes that the client asks for an entry.
    pub(super) fn show(&mut self, shape: ShapeId, slot: SlotId) {
        self.shapes[shape.index()].entries[slot.index()].visible = true;
    }
}
