//! Collects the mistakes in a declaration, and turns them into problems.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::input::yaml::Position;
use crate::model::problem::Problem;
use crate::model::quoting::file_name;

/// A declaration file, and the mistakes that have been found in it so far.
pub struct SourceFile {
    /// The path as the user wrote it. The path `-` is standard input.
    pub path: Arc<PathBuf>,
    pub mistakes: RefCell<Vec<Mistake>>,
    /// The memory that the compiled patterns may still take, in bytes.
    pub pattern_memory: Cell<usize>,
}

/// A mistake in a declaration.
pub struct Mistake {
    pub position: Position,
    /// The entry, section or key that the mistake is about. It is empty for a mistake in the
    /// syntax.
    pub subject: String,
    /// The rest of the headline, which follows the subject without a space.
    pub text: String,
    pub help: Option<String>,
}

impl SourceFile {
    /// Returns the mistakes as problems, in the order of their lines. If several entries have the
    /// same mistake, only the first one gives a problem, and a note lists the others.
    pub fn problems(self) -> Vec<Problem> {
        let mut mistakes = self.mistakes.take();
        mistakes.sort_by_key(|mistake| mistake.position);

        let mut problems: Vec<Problem> = Vec::new();
        let mut first_of = HashMap::new();
        for mistake in mistakes {
            if !mistake.subject.is_empty()
                && let Some(&first) = first_of.get(&mistake.text)
            {
                let other = format!("{} (line {})", mistake.subject, mistake.position.line);
                let problem: &mut Problem = &mut problems[first];
                match problem.notes.last_mut() {
                    Some(note) => *note += &format!(", {other}"),
                    None => problem.notes.push(format!("the same applies to {other}")),
                }
                continue;
            }

            let position = self.position_text(mistake.position);
            let headline = format!("{position}: {}{}", mistake.subject, mistake.text);
            first_of.insert(mistake.text, problems.len());
            problems.push(Problem::configuration(headline).replace_help(mistake.help));
        }
        problems
    }

    /// Returns a position as `FILE:LINE:COLUMN`.
    pub fn position_text(&self, Position { line, column }: Position) -> String {
        format!("{}:{line}:{column}", file_name(&self.path))
    }
}
