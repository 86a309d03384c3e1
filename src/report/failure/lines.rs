//! The lines of several failures together.

use std::collections::BTreeSet;

use super::reason::Failure;
use crate::report::line::{Label, Line};

/// Returns the lines of all messages. A reason that several entries share comes once, before the entries, and a hint of several errors
/// that follow each other once, after the last of them.
pub fn lines(failures: &[Failure]) -> Vec<Line> {
    let mut groups: Vec<(Option<String>, Vec<Line>, Vec<String>)> = Vec::new();
    for failure in failures {
        let (entry, reason) = failure.entry_and_reason().unzip();
        match groups.iter_mut().find(|(other, ..)| reason.is_some() && *other == reason) {
            Some((.., entries)) => entries.extend(entry),
            None => groups.push((reason, failure.lines(), Vec::from_iter(entry))),
        }
    }
    let rendered = groups.into_iter().flat_map(|(reason, alone, entries)| match reason {
        Some(reason) if entries.len() > 1 => {
            std::iter::once(Line::error(reason)).chain(entries.iter().map(Line::entry)).collect()
        }
        _ => alone,
    });
    without_repeated_hints(rendered.collect())
}

fn without_repeated_hints(mut lines: Vec<Line>) -> Vec<Line> {
    // The hints of this error and of the next one.
    let (mut own, mut next) = (BTreeSet::new(), BTreeSet::new());
    // Suggestions of a similar name belong to the error right before them.
    let is_general = |line: &Line| line.label == Label::Help && !line.text.starts_with("did you mean");
    lines.reverse();
    lines.retain(|line| {
        if line.begins_error() {
            next = std::mem::take(&mut own);
        }
        !is_general(line) || own.insert(line.text.clone()) && !next.contains(&line.text)
    });
    lines.reverse();
    lines
}
