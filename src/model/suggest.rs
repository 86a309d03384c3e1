//! Finds the existing name that is most similar to a misspelled one, for "did you mean", within a budget of work.

use std::cell::Cell;
use std::rc::Rc;

/// The maximum length of a name that is compared, in characters. The time grows with the product of both lengths.
const MAX_LENGTH: usize = 256;

/// The work of [`Suggestions`], in cells of the matrix of an edit distance. It counts against the deadline, so it stays near a tenth
/// of a second, also in a build without optimization.
const BUDGET: usize = 3_000_000;

/// Suggestions for any number of misspelled names, with one budget; clones share it. Once it is spent there are no more suggestions:
/// of two thousand missing keys, the first ones have one.
#[derive(Clone, Debug)]
pub struct Suggestions {
    left: Rc<Cell<usize>>,
}

impl Default for Suggestions {
    fn default() -> Self {
        Self { left: Rc::new(Cell::new(BUDGET)) }
    }
}

impl Suggestions {
    /// Returns the candidate with the smallest edit distance to `wanted`.
    ///
    /// The distance must be less than the length of the shorter name, and at most a third (rounded) of the longer one.
    pub fn nearest<'a>(&self, wanted: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
        let length = wanted.chars().count();
        if length > MAX_LENGTH || self.left.get() == 0 {
            return None;
        }
        let mut nearest = None;
        for candidate in candidates {
            let other = candidate.chars().count();
            let limit = length.min(other).saturating_sub(1).min((length.max(other) + 1) / 3);
            let is_comparable =
                length.min(other) > 0 && other <= MAX_LENGTH && length_difference(wanted, candidate) <= limit;
            // A search that ends early could miss the most similar name, so it suggests none.
            self.spend(1 + candidate.len() + if is_comparable { length * other } else { 0 })?;
            if is_comparable {
                let found = (distance(wanted, candidate), candidate);
                if found.0 <= limit && nearest.is_none_or(|nearest| found < nearest) {
                    nearest = Some(found);
                }
            }
        }
        nearest.map(|(_, candidate)| candidate)
    }

    /// Takes work from the budget; `None` when it does not suffice.
    fn spend(&self, work: usize) -> Option<()> {
        let left = self.left.get().checked_sub(work);
        self.left.set(left.unwrap_or(0));
        left.map(drop)
    }
}

/// Returns the suggestion for a single name.
pub fn nearest<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    Suggestions::default().nearest(wanted, candidates)
}

/// Returns the only candidate that begins with all of `wanted` (`desc`, `describe`), or with most of its own letters like `wanted`
/// (`description`, `describe`).
pub fn by_prefix<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let is_meant = |candidate: &&str| {
        let shared = wanted.bytes().zip(candidate.bytes()).take_while(|(left, right)| left == right).count();
        (shared == wanted.len() && shared >= 3) || (shared >= 4 && 2 * shared > candidate.len())
    };
    let mut meant = candidates.filter(is_meant);
    let first = meant.next()?;
    meant.next().is_none().then_some(first)
}

/// A lower bound of [`distance`], since each edit changes the length by at most one. It is 0 for names that are not ASCII, whose length
/// may change with the case.
fn length_difference(left: &str, right: &str) -> usize {
    if left.is_ascii() && right.is_ascii() { left.len().abs_diff(right.len()) } else { 0 }
}

/// The Damerau-Levenshtein distance without regard to case, so that `password` finds `PASSWORD`.
fn distance(left: &str, right: &str) -> usize {
    strsim::damerau_levenshtein(&left.to_lowercase(), &right.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelling_finds_its_word_and_another_word_finds_none() {
        let keys = || ["host", "password", "port"].into_iter();
        assert_eq!(nearest("pasword", keys()), Some("password"));
        assert_eq!(nearest("PORT", keys()), Some("port"));
        assert_eq!(nearest("api_token", keys()), None);
        assert_eq!(nearest("x", [].into_iter()), None);
        assert_eq!(nearest("t", ["s", "to"].into_iter()), None);
        assert_eq!(nearest("", [""].into_iter()), None);
        assert_eq!(nearest("a", ["A"].into_iter()), Some("A"));
        assert_eq!(nearest("bd", ["db"].into_iter()), Some("db"));
        assert_eq!(nearest("password2", ["p", "password", "password_of_somebody_else"].into_iter()), Some("password"));
        assert_eq!(nearest(&"x".repeat(60_000), [&*"y".repeat(60_000)].into_iter()), None);
    }

    #[test]
    fn the_beginning_of_one_candidate_finds_it() {
        let options = || ["describe", "kms-key", "no-file", "notify-ready", "region"].into_iter();
        for (wanted, expected) in
            [("desc", "describe"), ("description", "describe"), ("kms", "kms-key"), ("region-name", "region")]
        {
            assert_eq!(by_prefix(wanted, options()), Some(expected), "{wanted}");
        }
        for wanted in ["", "no", "de", "keys", "regexp"] {
            assert_eq!(by_prefix(wanted, options()), None, "{wanted}");
        }
    }

    #[test]
    fn of_equally_close_names_the_first_in_the_alphabet_is_suggested() {
        assert_eq!(nearest("host3", ["host2", "host1"].into_iter()), Some("host1"));
    }

    #[test]
    fn two_thousand_names_among_ten_thousand_are_compared_with_only_a_few_of_them() {
        let known: Vec<String> = (0..10_000).map(|n| format!("key_{n:05}")).collect();
        let suggestions = Suggestions::default();
        let looked_at = Cell::new(0_usize);
        let candidates = || known.iter().map(String::as_str).inspect(|_| looked_at.set(looked_at.get() + 1));
        let found = (0..2_000).map(|n| suggestions.nearest(&format!("kye_{n:05}"), candidates()));
        let found: Vec<bool> = found.map(|found| found.is_some()).collect();
        assert!(found[0] && !found[1_999]);
        assert!(looked_at.get() <= 50_000, "{looked_at:?}");
    }

    #[test]
    fn a_hundred_names_among_three_hundred_each_have_a_suggestion() {
        let known: Vec<String> = (0..300).map(|n| format!("key_{n:05}")).collect();
        let suggestions = Suggestions::default();
        for n in 0..100 {
            let expected = format!("key_{n:05}");
            assert_eq!(suggestions.nearest(&format!("kye_{n:05}"), known.iter().map(String::as_str)), Some(&*expected));
        }
    }
}
