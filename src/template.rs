//! A template: text composed of several secrets. It is parsed here and rendered in `resolve::template`.

mod survey;
mod vocabulary;

use std::collections::BTreeSet;

use minijinja::machinery::{self, Token};
use minijinja::syntax::SyntaxConfig;

use survey::Survey;
use vocabulary::Unknown;

/// How many words and signs there may be between `{{` and `}}`, or `{%` and `%}`.
const LONGEST_TAG: usize = 1000;
/// How many times a template may say `elif`.
const MOST_BRANCHES: usize = 100;

/// A template whose syntax is right and whose filters, tests and functions exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    names: BTreeSet<String>,
    keys: BTreeSet<String>,
    chains: BTreeSet<Vec<String>>,
}

/// Why a text is no template. It quotes the template, never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// Within the template, counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// One line.
    pub message: String,
    /// The filter, test or function that was probably meant.
    pub nearest: Option<&'static str>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// The first error of its syntax, or the first filter, test, function or method that does not exist.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        bound(text)?;
        let tree = machinery::parse(text, "", syntax()).map_err(|error| TemplateError::of_syntax(text, &error))?;
        let Survey { names, keys, chains } =
            survey::survey(&tree).map_err(|unknown| TemplateError::of_word(text, unknown))?;
        Ok(Self { text: text.to_owned(), names, keys, chains })
    }

    /// The names that it needs a value for, in order: aliases, if they exist.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The template as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The keys that are written in it. Only these may be named in an error: any other comes out of a secret.
    pub(crate) fn keys(&self) -> &BTreeSet<String> {
        &self.keys
    }

    /// The lookups that are written out, each as a name of [`names`](Self::names) and the keys that follow it.
    pub(crate) fn chains(&self) -> impl Iterator<Item = &[String]> {
        self.chains.iter().map(Vec::as_slice)
    }
}

/// Jinja's own syntax, but the last newline is kept.
pub(crate) fn syntax() -> SyntaxConfig {
    // Only delimiters can be wrong, and they are Jinja's.
    SyntaxConfig::builder().keep_trailing_newline(true).build().unwrap_or_default()
}

/// Refuses what MiniJinja, whose every operator and `elif` is another level of recursion, would overflow the stack with.
fn bound(text: &str) -> Result<(), TemplateError> {
    let (mut tokens, mut branches) = (0, 0);
    // What is no token is told by the parser.
    for (token, span) in machinery::tokenize(text, false, syntax()).map_while(Result::ok) {
        tokens = if matches!(token, Token::BlockStart | Token::VariableStart) { 0 } else { tokens + 1 };
        branches += usize::from(tokens == 1 && matches!(token, Token::Ident("elif")));
        if tokens > LONGEST_TAG || branches > MOST_BRANCHES {
            let message = if tokens > LONGEST_TAG { "the tag is too long" } else { "too many branches" };
            return Err(TemplateError::at(text, span.start_offset as usize, message.to_owned()));
        }
    }
    Ok(())
}

impl TemplateError {
    fn of_syntax(text: &str, error: &minijinja::Error) -> Self {
        let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        Self::at(text, error.range().map_or(0, |range| range.start), message)
    }

    fn of_word(text: &str, Unknown { offset, kind, word, nearest }: Unknown) -> Self {
        Self { nearest, ..Self::at(text, offset, format!("unknown {kind} {word}")) }
    }

    fn at(text: &str, offset: usize, message: String) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self {
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
            message: message.replace(['\n', '\r'], " "),
            nearest: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(text: &str) -> Vec<String> {
        Template::parse(text).unwrap().names().map(str::to_owned).collect()
    }

    fn error(text: &str) -> (usize, usize, String) {
        let error = Template::parse(text).unwrap_err();
        (error.line, error.column, error.message)
    }

    #[test]
    fn a_template_needs_the_names_it_does_not_set() {
        assert_eq!(names("no names at all"), [""; 0]);
        assert_eq!(names("{{ db.user }}:{{ db['x'] }}@{{ cache }}"), ["cache", "db"]);
        assert_eq!(names("{% for h in db.hosts %}{{ h }}{{ loop.index }}{% endfor %}"), ["db"]);
        assert_eq!(names("{% set x = a %}{{ x }}{% with y = b %}{{ y }}{% endwith %}"), ["a", "b"]);
        assert_eq!(names("{% macro m(x) %}{{ x }}{{ a }}{% endmacro %}{{ m(b) }}"), ["a", "b"]);
        assert_eq!(names("{{ range(3) }}{{ dict(a=b) }}{% set ns = namespace() %}{% set ns.x = c %}"), ["b", "c"]);
        assert_eq!(names("{% raw %}{{ a }}{% endraw %}{# b #}{{ 'c' }}"), [""; 0]);
    }

    #[test]
    fn names_are_found_where_minijinja_does_not_look() {
        assert_eq!(names("{{ db.host[:3] }}"), ["db"]);
        assert_eq!(names("{% filter replace('x', db.y) %}{% endfilter %}"), ["db"]);
        assert_eq!(names("{% set db = db.inner %}{{ db.x }}"), ["db"]);
        assert_eq!(names("{% with db = db.inner %}{{ db.x }}{% endwith %}"), ["db"]);
        assert_eq!(names("{% set x | default(db) %}{% endset %}"), ["db"]);
        assert_eq!(names("{% autoescape db %}{% endautoescape %}"), ["db"]);
    }

    #[test]
    fn what_an_if_sets_is_set_after_it() {
        assert_eq!(names("{% if a %}{% set x = 1 %}{% else %}{% set x = b %}{% endif %}{{ x }}"), ["a", "b"]);
        assert_eq!(names("{% if a %}{% set db = 1 %}{% else %}{{ db }}{% endif %}"), ["a", "db"]);
    }

    #[test]
    fn written_out_lookups_are_known() {
        let template = Template::parse("{% set x = db.a[0]['b'] %}{{ x.c }}{{ db[k] }}").unwrap();
        let chains: Vec<String> = template.chains().map(|chain| chain.join("/")).collect();
        assert_eq!(chains, ["db/a", "db/a/0", "db/a/0/b"]);
        assert_eq!(template.keys().iter().collect::<Vec<_>>(), ["0", "a", "b", "c"]);
    }

    #[test]
    fn a_syntax_error_says_where() {
        assert_eq!(error("{{ db.user"), (1, 7, "unexpected end of input, expected end of variable block".into()));
        assert_eq!(error("é\né {{ | }}"), (2, 6, "unexpected `|`".into()));
        assert_eq!(error("{% if a %}x"), (1, 11, "unexpected end of input, expected end of block".into()));
        assert_eq!(error("{{ 'x }}"), (1, 9, "unexpected end of string".into()));
        assert_eq!(error("{% endfor %}"), (1, 4, "unknown statement endfor".into()));
    }

    #[test]
    fn other_templates_cannot_be_named() {
        for text in ["{% include 'x' %}", "{% extends 'x' %}", "{% import 'x' as y %}", "{% block x %}{% endblock %}"] {
            assert!(error(text).2.starts_with("unknown statement"), "{text}");
        }
    }

    #[test]
    fn a_word_that_does_not_exist_is_found_in_any_branch() {
        let unknown = |text| {
            let error = Template::parse(text).unwrap_err();
            (error.column, error.message, error.nearest)
        };
        assert_eq!(unknown("{{ a | uper }}"), (8, "unknown filter uper".into(), Some("upper")));
        assert_eq!(unknown("{% if a is define %}{% endif %}"), (12, "unknown test define".into(), Some("defined")));
        assert_eq!(unknown("{{ rang(3) }}"), (4, "unknown function rang".into(), Some("range")));
        assert_eq!(unknown("{{ debug() }}"), (4, "unknown function debug".into(), None));
        assert_eq!(unknown("{{ db.host.upper() }}"), (12, "unknown method upper".into(), Some("upper")));
        assert_eq!(unknown("{{ 1 if a else a | lowr }}"), (20, "unknown filter lowr".into(), Some("lower")));
        assert_eq!(unknown("{% filter trm %}{% endfilter %}"), (11, "unknown filter trm".into(), Some("trim")));
        assert_eq!(unknown("{{ a | map('uper') }}"), (12, "unknown filter uper".into(), Some("upper")));
        assert_eq!(unknown("{{ a | select('od') }}"), (15, "unknown test od".into(), Some("odd")));
    }

    #[test]
    fn what_would_overflow_the_stack_is_refused() {
        let tag = |words: usize| format!("{{{{ {} }}}}", vec!["a"; words / 2].join(" ~ "));
        assert_eq!(error(&tag(1004)).2, "the tag is too long");
        assert!(Template::parse(&format!("{0}{0}", tag(1000))).is_ok());
        let branches = |count| format!("{{% if a %}}{}{{% endif %}}", "{% elif a %}".repeat(count));
        assert_eq!(error(&branches(101)), (1, 1214, "too many branches".into()));
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
