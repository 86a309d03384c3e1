//! A template: text composed of several secrets. It is parsed here and rendered in `resolve::template`.

use std::collections::BTreeSet;

use minijinja::Environment;
use minijinja::syntax::SyntaxConfig;

/// The limits on the bytes of a tag and on the number of `elif`: MiniJinja recurses for each operator and each `elif`, and would
/// overflow the stack.
const MAX_TAG: usize = 4096;
const MAX_BRANCHES: usize = 100;

/// The filters that look up a key by its name, and the argument that makes others do so.
const BY_NAME: [&str; 5] = ["attr", "attribute", "groupby", "rejectattr", "selectattr"];

/// A template whose syntax is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// As it was written.
    pub(crate) text: String,
    /// The names without a value, as far as MiniJinja sees.
    undeclared: BTreeSet<String>,
    /// The same names, each with the keys that follow it after dots: `db.host`.
    pub(crate) paths: BTreeSet<String>,
}

/// Why a text is no template. It quotes the template, never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// Within the template, counted from 1.
    pub line: usize,
    /// One line.
    pub message: String,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// The first error of its syntax.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        check_size(text)?;
        let environment = environment();
        let template = environment.template_from_str(text).map_err(|error| TemplateError {
            line: error.line().unwrap_or(1),
            message: error.detail().map_or_else(|| error.kind().to_string(), str::to_owned).replace(['\n', '\r'], " "),
        })?;
        let mut undeclared = BTreeSet::from_iter(template.undeclared_variables(false));
        for (function, _) in environment.globals() {
            undeclared.remove(function);
        }
        let paths = BTreeSet::from_iter(template.undeclared_variables(true));
        Ok(Self { text: text.to_owned(), undeclared, paths })
    }

    /// The names that it needs a value for: those of `aliases` that it uses, and unknown ones.
    ///
    /// MiniJinja overlooks a name that is sliced (`db.host[:3]`), on the right side of `{% set db = db.x %}` or an argument of
    /// `{% filter %}`, so in a template with slices or statements each alias that occurs counts as used. It also reports what
    /// the template sets in an `if`.
    pub fn names<'a>(&'a self, aliases: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
        let aliases = BTreeSet::from_iter(aliases);
        let has_slice = |part: &str| part.split_once('[').is_some_and(|(_, after)| after.contains(':'));
        let is_overlooked = self.text.contains("{%") || self.text.split("}}").any(has_slice);
        let words = words(&self.text).filter(|word| is_overlooked && aliases.contains(word));
        let undeclared = self.undeclared.iter().map(String::as_str);
        undeclared.filter(|name| aliases.contains(name) || !self.sets(name)).chain(words).collect()
    }

    /// True if `name` stands between a `set` and its `=`, `|` or end.
    fn sets(&self, name: &str) -> bool {
        let targets = self.text.split("set").skip(1).filter_map(|after| after.split(['=', '|', '%', '}']).next());
        targets.flat_map(words).any(|word| word == name)
    }

    /// True if the template spells out each of these keys and computes none, so that an error may name them. Where a template
    /// computes any key, a value could have chosen these.
    pub(crate) fn spells_out<'a>(&self, mut keys: impl Iterator<Item = &'a str>) -> bool {
        let has_dotted = |key| self.text.split(&format!(".{key}")).skip(1).any(|after| !after.starts_with(is_in_word));
        let has_quoted = |key| ["'", "\""].iter().any(|quote| self.text.contains(&format!("[{quote}{key}{quote}]")));
        !self.computes_keys() && keys.all(|key| has_dotted(key) || has_quoted(key))
    }

    /// True if a subscript is anything but a literal, or a filter takes the name of a key.
    fn computes_keys(&self) -> bool {
        let is_value_end = |c: char| is_in_word(c) || matches!(c, ')' | ']' | '\'' | '"');
        let is_text = |inside: &str, quote| {
            inside.starts_with(quote) && inside.ends_with(quote) && inside.matches(quote).count() == 2
        };
        let is_literal = |inside: &str| {
            let is_number = inside.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | ':' | ' '));
            is_number || is_text(inside, '\'') || is_text(inside, '"')
        };
        let subscripts = self.text.match_indices('[').filter(|(at, _)| self.text[..*at].ends_with(is_value_end));
        let mut insides = subscripts.filter_map(|(at, _)| self.text[at + 1..].split(']').next());
        insides.any(|inside| !is_literal(inside)) || words(&self.text).any(|word| BY_NAME.contains(&word))
    }
}

/// MiniJinja with Jinja's own syntax, but for the last newline, which is kept.
pub(crate) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    // Only delimiters can be wrong, and they are Jinja's.
    environment.set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).build().unwrap_or_default());
    // It would print every value.
    environment.remove_global("debug");
    environment
}

/// A rough check, as only the template's author can overflow the stack: a tag ends at the first `}}` or `%}`.
fn check_size(text: &str) -> Result<(), TemplateError> {
    let is_long = |(at, _): &(usize, &str)| {
        let inside = &text.as_bytes()[at + 2..];
        inside.len() > MAX_TAG && !inside.windows(2).take(MAX_TAG + 1).any(|end| end == b"}}" || end == b"%}")
    };
    let long_tag = text.match_indices("{{").chain(text.match_indices("{%")).find(is_long);
    let long_tag = long_tag.map(|(at, _)| (at, "the tag is longer than 4 KiB"));
    let branch = text.match_indices("elif").nth(MAX_BRANCHES).map(|(at, _)| (at, "more than 100 `elif`"));
    let Some((at, message)) = long_tag.or(branch) else { return Ok(()) };
    Err(TemplateError { line: text[..at].matches('\n').count() + 1, message: message.to_owned() })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !is_in_word(c))
}

fn is_in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The names that are needed where these aliases exist.
    fn names<'a>(template: &'a Template, aliases: &[&'a str]) -> Vec<&'a str> {
        template.names(aliases.iter().copied()).into_iter().collect()
    }

    fn required(text: &str) -> Vec<String> {
        names(&Template::parse(text).unwrap(), &[]).into_iter().map(str::to_owned).collect()
    }

    fn error(text: &str) -> (usize, String) {
        let error = Template::parse(text).unwrap_err();
        (error.line, error.message)
    }

    #[test]
    fn a_template_needs_the_names_it_does_not_set() {
        assert_eq!(required("no names at all"), [""; 0]);
        assert_eq!(required("{{ db.user }}:{{ db['x'] }}@{{ cache }}"), ["cache", "db"]);
        assert_eq!(required("{% for h in db.hosts %}{{ h }}{{ loop.index }}{% endfor %}"), ["db"]);
        assert_eq!(required("{% set x = a %}{{ x }}{% with y = b %}{{ y }}{% endwith %}"), ["a", "b"]);
        assert_eq!(required("{{ range(3) }}{{ dict(a=b) }}{% set ns = namespace() %}{% set ns.x = c %}"), ["b", "c"]);
        assert_eq!(required("{% raw %}{{ a }}{% endraw %}{# b #}{{ 'c' }}"), [""; 0]);
        assert_eq!(required("{{ rang(3) }}{{ debug() }}"), ["debug", "rang"]);
    }

    #[test]
    fn what_an_if_sets_is_set_after_it() {
        assert_eq!(required("{% if a %}{% set x = 1 %}{% else %}{% set x = b %}{% endif %}{{ x }}"), ["a", "b"]);
        assert_eq!(required("{% if a %}{% set x, y = 1, 2 %}{% endif %}{{ x }}{{ y }}"), ["a"]);
        assert_eq!(required("{% if a %}{% set x | upper %}b{% endset %}{% endif %}{{ x }}"), ["a"]);
        assert_eq!(required("{% if true %}{% set x = bd.host %}{% endif %}{{ x }}"), ["bd"]);
    }

    #[test]
    fn an_alias_is_needed_where_minijinja_does_not_look() {
        for text in [
            "{{ db.host[:3] }}",
            "{{ a.hosts[b[0]:db.n] }}",
            "{% filter replace('x', db.y) %}{% endfilter %}",
            "{% set db = db.inner %}{{ db.x }}",
            "{% with db = db.inner %}{{ db.x }}{% endwith %}",
            "{% set x | default(db) %}{% endset %}",
        ] {
            assert!(names(&Template::parse(text).unwrap(), &["db", "other"]).contains(&"db"), "{text}");
        }
    }

    #[test]
    fn a_word_that_is_no_name_is_needed_only_beside_statements_and_slices() {
        for text in ["x://x {{ a.x | x }}", "{{ a['x'] }}:{{ a is x }}", "{{ dict(x='x') }}{# {{ x }} #}"] {
            assert!(!names(&Template::parse(text).unwrap(), &["a", "x"]).contains(&"x"), "{text}");
        }
        for text in ["x {% if true %}{% endif %}", "x {{ 'a'[:1] }}"] {
            assert_eq!(names(&Template::parse(text).unwrap(), &["a", "x", "y"]).last(), Some(&"x"), "{text}");
        }
    }

    #[test]
    fn a_key_is_spelled_out_unless_any_key_is_computed() {
        let spells_out = |text| Template::parse(text).unwrap().spells_out(["a", "b c"].into_iter());
        for text in [
            "{{ db.a['b c'] }}",
            "{{ db[\"a\"] }}{{ db['b c'] }}",
            "{{ db.a['b c'][0][-1][1:2] }}",
            "{% for x in [y, z] %}{{ x.a['b c'] }}{% endfor %}",
        ] {
            assert!(spells_out(text), "{text}");
        }
        for text in [
            "{{ db.ab['b c'] }}",
            "{{ db['b c'] }}",
            "{{ db.a['b c'] }}{{ db[x] }}",
            "{{ db.a['b c'] }}{{ db['x' ~ y] }}",
            "{{ db.a['b c'] }}{{ db[y ~ 'x'] }}",
            "{{ db.a['b c'] }}{{ (db)[x.y] }}",
            "{{ db.a['b c'] }}{{ db[0][x[0]] }}",
            "{{ db.a['b c'] | attr(x) }}",
            "{{ [db.a['b c']] | map(attribute=x) }}",
        ] {
            assert!(!spells_out(text), "{text}");
        }
    }

    #[test]
    fn a_syntax_error_says_where() {
        assert_eq!(error("{{ db.user"), (1, "unexpected end of input, expected end of variable block".into()));
        assert_eq!(error("é\né {{ | }}"), (2, "unexpected `|`".into()));
        assert_eq!(error("{% if a %}x"), (1, "unexpected end of input, expected end of block".into()));
        assert_eq!(error("{{ 'x }}"), (1, "unexpected end of string".into()));
        assert_eq!(error("{% endfor %}"), (1, "unknown statement endfor".into()));
    }

    #[test]
    fn other_templates_cannot_be_named() {
        for text in [
            "{% include 'x' %}",
            "{% extends 'x' %}",
            "{% import 'x' as y %}",
            "{% from 'x' import y %}",
            "{% block x %}{% endblock %}",
        ] {
            assert!(error(text).1.starts_with("unknown statement"), "{text}");
        }
    }

    #[test]
    fn what_would_overflow_the_stack_is_refused() {
        let tag = |length: usize| format!("\n{{{{{:>length$}}}}}", "a");
        assert_eq!(error(&tag(MAX_TAG + 1)), (2, "the tag is longer than 4 KiB".into()));
        assert!(Template::parse(&format!("{0}{0}{1}", tag(MAX_TAG), "x".repeat(MAX_TAG))).is_ok());
        let branches = |count| format!("{{% if a %}}\n{}{{% endif %}}", "{% elif a %}".repeat(count));
        assert_eq!(error(&branches(101)), (2, "more than 100 `elif`".into()));
        assert!(Template::parse(&branches(100)).is_ok());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(\\{\\{|\\}\\}|\\{%|%\\}|[ -~]|é|\n|if |for |in |set |end|\\PC){0,40}") {
            if let Err(error) = Template::parse(&text) {
                prop_assert!(error.line >= 1 && error.line <= text.matches('\n').count() + 1);
                prop_assert!(!error.message.contains('\n'));
            }
        }
    }
}
