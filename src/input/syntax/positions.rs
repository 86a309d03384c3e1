//! YAML, TOML and JSON as one tree, in which every node knows its line and every scalar how it was written.
//!
//! Typed deserializers stop at the first error, and each tells positions in its own way or not at all; a person who mends a
//! declaration wants all six typos at once, with their lines.

use crate::model::tree::Mark;

/// Tells the places of bytes in a text, cheaply when they are asked for from the beginning to the end.
pub struct Places<'t> {
    text: &'t str,
    /// Where the last question ended.
    offset: usize,
    mark: Mark,
}

impl<'t> Places<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text, offset: 0, mark: Mark { line: 1, column: 1 } }
    }

    pub fn mark(&mut self, offset: usize) -> Mark {
        if offset < self.offset {
            *self = Self::new(self.text);
        }
        for c in self.text.get(self.offset..offset).unwrap_or_default().chars() {
            if c == '\n' {
                self.mark = Mark { line: self.mark.line + 1, column: 1 };
            } else {
                self.mark.column += 1;
            }
        }
        self.offset = offset;
        self.mark
    }
}
