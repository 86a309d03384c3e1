//! The commands that hide values in the log of a GitHub job. GitHub's runner
//! (`ActionCommandManager` in its source) treats a line of output that starts with `::` as a
//! command.

use std::collections::BTreeSet;
use std::iter;

use super::export_formats::push_escaped;
use super::record::Record;
use super::rotation::some_of;
use crate::model::outcome::Outcomes;
use crate::model::secret_value::SecretValue;

/// The length of the shortest line that is masked. A shorter mask would hide parts of unrelated
/// words in the log.
const SHORTEST_MASK: usize = 4;

/// Returns an `::add-mask::` command for each line of each value that was read and of its parts,
/// and a warning if lines are too short to be masked. A line is also masked without the spaces at
/// its ends. A line that occurs several times is masked once. Literals aren't masked, because a
/// word such as `info` would disappear from every log.
pub fn masks(outcomes: &Outcomes) -> (SecretValue, Option<Record>) {
    let mut masked = BTreeSet::new();
    let mut unmasked = Vec::new();
    let mut text = Vec::new();
    for (outcome, value) in outcomes.values() {
        if outcome.read_from().is_empty() {
            continue;
        }

        let mut has_short_line = false;
        let texts = iter::once(value).chain(&outcome.parts);
        let lines = texts.flat_map(|text| text.expose().split(|byte| b"\n\r".contains(byte)));
        for line in lines.flat_map(|line| [line, line.trim_ascii()]) {
            let length = String::from_utf8_lossy(line).trim().chars().count();
            has_short_line |= (1..SHORTEST_MASK).contains(&length);
            if length >= SHORTEST_MASK && masked.insert(line) {
                text.extend_from_slice(b"::add-mask::");
                // The runner decodes %0A, %0D and %25. A line contains neither a line feed nor a
                // carriage return.
                push_escaped(&mut text, line, b'%', b"%25");
                text.push(b'\n');
            }
        }
        if has_short_line {
            unmasked.push(outcome.subject.label.clone());
        }
    }

    let warning = (!unmasked.is_empty()).then(|| {
        Record::warning(format!(
            "lines of fewer than {SHORTEST_MASK} characters are not masked in the log: {}",
            some_of(&unmasked)
        ))
    });
    (SecretValue::new(text), warning)
}
