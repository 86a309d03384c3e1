//! Names, keys and filters of a template, read off its tags.
//!
//! MiniJinja's `undeclared_variables` passes over sliced values (`db.host[:3]`), the arguments of `{% filter %}` and the right
//! side of `{% set db = db.x %}`, reports what an `if` sets, and gives neither filters nor keys in brackets.

use std::collections::BTreeSet;

use super::tags::Tag;
use super::tags::Token::{self, Sign, Text, Word};

/// Names, lookups and filters of a template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TemplateAnalysis {
    /// The names that `set` and `for` assign.
    pub(super) assigned: BTreeSet<String>,
    /// The names (and keywords) that are used before the template assigns them.
    pub(super) used: BTreeSet<String>,
    /// The names that a test (`is`) is applied to.
    pub(super) tested: BTreeSet<String>,
    /// A name and the literal keys that follow it, for each use of a name.
    pub(super) lookups: BTreeSet<Vec<String>>,
    /// True if a key in brackets is anything but a literal.
    pub(super) computes_keys: bool,
    /// The filters, with the line of their tag.
    pub(super) filters: BTreeSet<(usize, String)>,
}

impl TemplateAnalysis {
    pub(super) fn new(tags: &[Tag<'_>]) -> Self {
        let mut analysis = Self::default();
        tags.iter().for_each(|tag| analysis.tag(tag));
        analysis
    }

    fn tag(&mut self, tag: &Tag<'_>) {
        let tokens = tag.tokens.as_slice();
        let targets = targets(tag);
        let mut assigned = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            let (before, after) = (&tokens[..at], &tokens[at + 1..]);
            match token {
                Word(word) if at < targets => assigned.push((*word).to_owned()),
                Word(word) if is_filter(before) => {
                    self.filters.insert((tag.line, (*word).to_owned()));
                }
                Word(word) if is_name(word, before, after) => self.name(word, after),
                Sign('[') if is_subscript(before) => self.computes_keys |= !is_literal(after),
                Word(_) | Text(_) | Sign(_) => {}
            }
        }
        self.assigned.extend(assigned);
    }

    fn name(&mut self, name: &str, after: &[Token<'_>]) {
        if !self.assigned.contains(name) {
            self.used.insert(name.to_owned());
        }
        if after.first() == Some(&Word("is")) {
            self.tested.insert(name.to_owned());
        }
        let mut lookup = vec![name.to_owned()];
        let mut rest = after;
        while let Some((key, after)) = literal_key(rest) {
            lookup.push(key.to_owned());
            rest = after;
        }
        self.lookups.insert(lookup);
    }
}

/// The key that the tokens start with (`.key`, `['key']` or `[0]`), and the tokens after it.
fn literal_key<'t, 'a>(tokens: &'t [Token<'a>]) -> Option<(&'a str, &'t [Token<'a>])> {
    match tokens {
        [Sign('.'), Word(key), rest @ ..] | [Sign('['), Text(key), Sign(']'), rest @ ..] => Some((key, rest)),
        [Sign('['), Word(index), Sign(']'), rest @ ..] if is_number(index) => Some((index, rest)),
        _ => None,
    }
}

/// The number of tokens before the end of what the tag assigns to.
fn targets(tag: &Tag<'_>) -> usize {
    let position = |ends: &[Token<'_>]| tag.tokens.iter().position(|token| ends.contains(token));
    match tag.keyword() {
        Some("set") => position(&[Sign('='), Sign('|')]).unwrap_or(tag.tokens.len()),
        Some("for") => position(&[Word("in")]).unwrap_or(0),
        _ => 0,
    }
}

/// True for the word after `|`, and for the first one of `{% filter … %}`.
fn is_filter(before: &[Token<'_>]) -> bool {
    matches!(before, [.., Sign('|')] | [Word("filter")] | [Sign('-' | '+'), Word("filter")])
}

/// False for numbers, keys (`x.word`), tests (`is word`, `is not word`) and keyword arguments (`word=…`).
fn is_name(word: &str, before: &[Token<'_>], after: &[Token<'_>]) -> bool {
    let is_key = matches!(before, [.., Sign('.')]);
    let is_test = matches!(before, [.., Word("is")] | [.., Word("is"), Word("not")]);
    let is_argument = matches!(after, [Sign('='), next, ..] if *next != Sign('='));
    !(is_number(word) || is_key || is_test || is_argument)
}

fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
}

/// True if `[` after these tokens looks something up; elsewhere it starts a list.
fn is_subscript(before: &[Token<'_>]) -> bool {
    match before.last() {
        Some(Word(word)) => !matches!(*word, "and" | "else" | "if" | "in" | "not" | "or"),
        Some(Text(_) | Sign(']' | ')' | '}')) => true,
        Some(Sign(_)) | None => false,
    }
}

/// True if nothing but literals stands up to the closing bracket: a key, an index or a slice.
fn is_literal(subscript: &[Token<'_>]) -> bool {
    subscript.iter().take_while(|token| **token != Sign(']')).all(|token| match token {
        Text(_) | Sign('-' | ':') => true,
        Word(word) => is_number(word),
        Sign(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tags::tags;
    use super::*;

    fn analysis(text: &str) -> TemplateAnalysis {
        TemplateAnalysis::new(&tags(text))
    }

    fn uses(text: &str, name: &str) -> bool {
        analysis(text).used.contains(name)
    }

    #[test]
    fn names_are_used_where_minijinja_does_not_look() {
        for text in [
            "{{ db.host[:3] }}",
            "{% filter replace('x', db.y) %}{% endfilter %}",
            "{% set db = db.inner %}{{ db.x }}",
            "{% with db = db.inner %}{{ db.x }}{% endwith %}",
            "{% set x | default(db) %}{% endset %}",
        ] {
            assert!(uses(text, "db"), "{text}");
        }
    }

    #[test]
    fn keys_filters_tests_arguments_and_variables_are_no_names() {
        for text in [
            "x {{ a.x }} {{ 'x' }}",
            "{{ a | x }}{% filter x %}{% endfilter %}",
            "{{ a is x }}{{ a is not x }}",
            "{{ dict(x='y') }}",
            "{% for x in a %}{{ x }}{% endfor %}",
            "{% set x = 1 %}{{ x }}",
            "{# {{ x }} #}{% raw %}{{ x }}{% endraw %}",
        ] {
            assert!(!uses(text, "x"), "{text}");
        }
        assert!(uses("{{ x == a }}", "x"));
    }

    #[test]
    fn what_set_and_for_assign_is_known() {
        let analysis = analysis("{% if a %}{% set b, c = 1, 2 %}{% endif %}{% for k, v in d %}{% endfor %}");
        for name in ["b", "c", "k", "v"] {
            assert!(analysis.assigned.contains(name), "{name}");
        }
        assert!(!analysis.assigned.contains("d"));
    }

    #[test]
    fn literal_lookups_are_known_whole() {
        let lookups = analysis("{{ db.a[0]['b c'].d | upper }}{{ db[k].x }}").lookups;
        let has = |lookup: &[&str]| lookups.iter().any(|known| known == lookup);
        assert!(has(&["db", "a", "0", "b c", "d"]) && has(&["db"]) && has(&["k"]), "{lookups:?}");
    }

    #[test]
    fn a_key_is_computed_unless_it_is_a_literal() {
        for text in
            ["{{ a['x'] }}", "{{ a[-1] }}", "{{ a[1:2] }}", "{% for x in [a, b] %}{% endfor %}", "{{ [a] }} [b]"]
        {
            assert!(!analysis(text).computes_keys, "{text}");
        }
        for text in ["{{ a[b] }}", "{{ a['x' ~ b] }}", "{{ a['x'][b.c] }}", "{{ (a)[b] }}", "{{ a[b[0]] }}"] {
            assert!(analysis(text).computes_keys, "{text}");
        }
    }
}
