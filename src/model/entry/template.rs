//! Parses a template (text with expressions over several secrets), and finds the names it needs; `resolve::template`
//! renders it.

use std::collections::BTreeSet;

use minijinja::Environment;
use minijinja::syntax::SyntaxConfig;

/// The name of the inherited variables in a template, as in `{{ env.DB_HOST }}`.
pub const ENV: &str = "env";

/// A template without syntax errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pub text: String,
    /// The names that MiniJinja's `undeclared_variables` finds, without [`ENV`] and MiniJinja's functions.
    undeclared: BTreeSet<String>,
    /// All names that `undeclared_variables` finds, each with the keys that follow it after dots: `db.host`.
    pub lookups: BTreeSet<String>,
}

/// A syntax error. `message` is one line, which may quote the template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// The line of the template, counted from 1.
    pub line: usize,
    pub message: String,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// The first syntax error.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let environment = environment();
        let template = environment.template_from_str(text).map_err(|error| TemplateError {
            line: error.line().unwrap_or(1),
            message: error.detail().map_or_else(|| error.kind().to_string(), str::to_owned).replace(['\n', '\r'], " "),
        })?;
        let mut undeclared = BTreeSet::from_iter(template.undeclared_variables(false));
        undeclared.remove(ENV);
        for (function, _) in environment.globals() {
            undeclared.remove(function);
        }
        let lookups = BTreeSet::from_iter(template.undeclared_variables(true));
        Ok(Self { text: text.to_owned(), undeclared, lookups })
    }

    /// Returns the names that need a value: the aliases that stand as words in the template's tags, and the undeclared names
    /// that no `set` assigns.
    ///
    /// MiniJinja's `undeclared_variables` overlooks a name that is sliced (`db.host[:3]`), and returns a name that is
    /// assigned in both branches of an `if`.
    pub fn required_names(&self, is_alias: impl Fn(&str) -> bool) -> BTreeSet<&str> {
        let words: Vec<_> = self.words().collect();
        let is_set = |name: &str| words.windows(2).any(|pair| pair == ["set", name]);
        let undeclared = self.undeclared.iter().map(String::as_str).filter(|name| !is_set(name));
        undeclared.chain(words.iter().copied().filter(|word| is_alias(word))).collect()
    }

    /// Returns the words between `{{` or `{%` and the next end of a tag, without the keys that follow a dot.
    fn words(&self) -> impl Iterator<Item = &str> {
        let tags = self.text.split("{{").flat_map(|text| text.split("{%")).skip(1);
        let tags = tags.map(|tag| tag.find("}}").or(tag.find("%}")).map_or(tag, |end| &tag[..end]));
        let paths = tags.flat_map(|tag| tag.split(|c| !is_in_word(c) && c != '.'));
        paths.filter_map(|path| path.split('.').next()).filter(|word| !word.is_empty())
    }

    /// True if the template spells out this key, so that an error may quote it.
    pub fn has_key(&self, key: &str) -> bool {
        let is_whole =
            |at: usize| !self.text[..at].ends_with(is_in_word) && !self.text[at + key.len()..].starts_with(is_in_word);
        self.text.match_indices(key).any(|(at, _)| is_whole(at))
    }
}

fn is_in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns a MiniJinja environment with Jinja's syntax that keeps a trailing newline and has no `debug` function.
pub fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    // `build` fails for illegal delimiters alone, and these are Jinja's.
    environment.set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).build().unwrap_or_default());
    // `debug()` prints every value.
    environment.remove_global("debug");
    environment
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the required names, given these aliases.
    fn names<'a>(template: &'a Template, aliases: &[&str]) -> Vec<&'a str> {
        template.required_names(|name| aliases.contains(&name)).into_iter().collect()
    }

    fn required(text: &str) -> Vec<String> {
        names(&Template::parse(text).unwrap(), &[]).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn a_name_that_the_template_does_not_assign_is_required() {
        assert_eq!(required("no names at all"), [""; 0]);
        assert_eq!(required("{{ db.user }}:{{ db['x'] }}@{{ cache }}"), ["cache", "db"]);
        assert_eq!(required("{% for h in db.hosts %}{{ h }}{{ loop.index }}{% endfor %}"), ["db"]);
        assert_eq!(required("{% set x = a %}{{ x }}{% with y = b %}{{ y }}{% endwith %}"), ["a", "b"]);
        assert_eq!(required("{{ range(3) }}{{ dict(a=b) }}{% set ns = namespace() %}{% set ns.x = c %}"), ["b", "c"]);
        assert_eq!(required("{% raw %}{{ a }}{% endraw %}{# b #}{{ 'c' }}"), [""; 0]);
        assert_eq!(required("{{ rang(3) }}{{ debug() }}"), ["debug", "rang"]);
        assert_eq!(required("{{ env.HOME }}{{ env['x'] }}"), [""; 0]);
    }

    #[test]
    fn a_name_that_an_if_assigns_is_assigned_after_it() {
        assert_eq!(required("{% if a %}{% set x = 1 %}{% else %}{% set x = b %}{% endif %}{{ x }}"), ["a", "b"]);
        assert_eq!(required("{% if a %}{% set x | upper %}b{% endset %}{% endif %}{{ x }}"), ["a"]);
        assert_eq!(required("{% if true %}{% set x = bd.host %}{% endif %}{{ x }}"), ["bd"]);
    }

    #[test]
    fn an_alias_that_minijinja_overlooks_is_required() {
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
    fn an_alias_is_not_required_by_a_key_of_its_name_a_part_of_a_word_or_the_text_around_tags() {
        for text in [
            "{{ a.x | upper }}",
            "{{ a['k'].x }}",
            "{{ a.xx }}{{ a._x }}{{ a.x1 }}",
            "https://x.example/{{ a }}/x{% if a %}x{% endif %}",
        ] {
            assert!(!names(&Template::parse(text).unwrap(), &["a", "x"]).contains(&"x"), "{text}");
        }
    }

    #[test]
    fn a_key_is_spelled_out_as_a_whole_word() {
        let template = Template::parse("{{ db.host['a-b'] }}").unwrap();
        assert!(template.has_key("host") && template.has_key("a-b"));
        assert!(!template.has_key("hos") && !template.has_key("x"));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "(\\{\\{|\\}\\}|\\{%|%\\}|[ -~]|é|\n|if |for |in |set |end|\\PC){0,40}") {
            if let Err(error) = Template::parse(&text) {
                prop_assert!(error.line >= 1 && error.line <= text.matches('\n').count() + 1);
                prop_assert!(!error.message.contains('\n'));
            }
        }
    }
}
