//! Converts byte offsets of a text into lines and columns.

use crate::model::tree::Position;

/// Converts offsets, in linear time for all of them together if they ascend.
pub struct PositionCursor<'t> {
    text: &'t str,
    /// The offset of `position`.
    offset: usize,
    position: Position,
}

impl<'t> PositionCursor<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text, offset: 0, position: Position { line: 1, column: 1 } }
    }

    pub fn position(&mut self, offset: usize) -> Position {
        if offset < self.offset {
            *self = Self::new(self.text);
        }
        for c in self.text.get(self.offset..offset).unwrap_or_default().chars() {
            if c == '\n' {
                self.position = Position { line: self.position.line + 1, column: 1 };
            } else {
                self.position.column += 1;
            }
        }
        self.offset = offset;
        self.position
    }
}
