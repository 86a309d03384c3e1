//! Collects the mistakes of a declaration, and makes problems of them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::input::yaml::Position;
use crate::model::problem::Problem;
use crate::model::quoting::file_name;

/// A declaration, and the mistakes that were found in it so far.
pub struct SourceFile {
    pub path: Arc<PathBuf>,
    pub mistakes: RefCell<Vec<Mistake>>,
}

/// An error in a declaration.
pub struct Mistake {
    pub position: Position,
    /// The entry, section or key that it is about; empty for the file.
    pub subject: String,
    /// The headline after the subject, with the character between them.
    pub text: String,
    pub help: Option<String>,
}

impl SourceFile {
    /// Returns the errors in the order of their lines. Entries with the same mistake share the error of the first of them.
    pub fn problems(self) -> Vec<Problem> {
        let mut mistakes = self.mistakes.take();
        mistakes.sort_by_key(|mistake| mistake.position);

        let mut groups: Vec<(Problem, Vec<String>)> = Vec::new();
        let mut group_of = HashMap::new();
        for mistake in mistakes {
            let Mistake {
                position,
                subject,
                text,
                help,
            } = mistake;
            if let Some(&group) = group_of.get(&text) {
                let (_, others): &mut (_, Vec<String>) = &mut groups[group];
                others.push(format!("{subject} (line {})", position.line));
                continue;
            }
            let headline = format!("{}: {subject}{text}", self.place(position));
            let problem = Problem::configuration(headline).replace_help(help);
            if !subject.is_empty() {
                group_of.insert(text, groups.len());
            }
            groups.push((problem, Vec::new()));
        }

        let groups = groups.into_iter();
        groups
            .map(|(problem, others)| with_others(problem, &others))
            .collect()
    }

    /// `FILE:LINE:COLUMN`
    pub fn place(&self, Position { line, column }: Position) -> String {
        format!("{}:{line}:{column}", file_name(&self.path))
    }
}

/// Adds a note that names up to three other entries with the same problem.
fn with_others(problem: Problem, others: &[String]) -> Problem {
    let names = match others {
        [] => return problem,
        [only] => only.clone(),
        [names @ .., last] if others.len() <= 3 => format!("{} and {last}", names.join(", ")),
        _ => format!("{} and {} more", others[..3].join(", "), others.len() - 3),
    };
    problem.note(format!("the same is true of {names}"))
}
