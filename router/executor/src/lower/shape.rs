//! Numbers the entries of the response tree.

use apollo_compiler::Name;

use crate::lower::Lowering;
use crate::program::{Shape, ShapeEntry, ShapeId, SlotId};

/// The shape of the response tree's root.
pub(super) const ROOT: ShapeId = ShapeId(0);

impl Lowering<'_> {
    /// A shape that stands nowhere yet.
    pub(super) fn new_shape(&mut self) -> ShapeId {
        self.program.shapes.push(Shape::default());
        ShapeId(u32::try_from(self.program.shapes.len() - 1).expect("operations are limited"))
    }

    /// The slot of an entry, made where there is none.
    pub(super) fn slot(&mut self, shape: ShapeId, name: &Name) -> SlotId {
        let entries = &mut self.program.shapes[shape.index()].entries;
        *self.slots.entry((shape, name.clone())).or_insert_with(|| {
            entries.push(ShapeEntry { name: name.clone(), below: None, visible: false });
            SlotId(u32::try_from(entries.len() - 1).expect("operations are limited"))
        })
    }

    /// The shape of the objects in an entry, made where there is none.
    pub(super) fn below(&mut self, shape: ShapeId, slot: SlotId) -> ShapeId {
        if let Some(below) = self.program.shapes[shape.index()].entries[slot.index()].below {
            return below;
        }
        let below = self.new_shape();
        self.program.shapes[shape.index()].entries[slot.index()].below = Some(below);
        below
    }

    /// Notes that the client asks for an entry.
    pub(super) fn show(&mut self, shape: ShapeId, slot: SlotId) {
        self.program.shapes[shape.index()].entries[slot.index()].visible = true;
    }
}
