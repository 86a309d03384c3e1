//! A template: text composed of several secrets. It is parsed here and rendered in `resolve::template`.

mod analysis;
mod tags;

use std::collections::BTreeSet;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind};

use crate::suggest;
use analysis::TemplateAnalysis;
use tags::{Tag, tags};

/// The filters that MiniJinja does not have, or has with another meaning; `resolve::template` defines them.
pub(crate) const FILTERS: [&str; 5] = ["b64decode", "b64encode", "fromjson", "tojson", "urlencode"];

/// The limits on a tag's tokens and on the number of `elif`: MiniJinja recurses for each operator and each `elif`, and would
/// overflow the stack.
const MAX_TOKENS: usize = 1000;
const MAX_BRANCHES: usize = 100;

/// A template whose syntax is right and whose filters exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    /// The names without a value, as far as MiniJinja sees.
    undeclared: BTreeSet<String>,
    analysis: TemplateAnalysis,
}

/// Why a text is no template. It quotes the template, never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// Within the template, counted from 1.
    pub line: usize,
    /// One line.
    pub message: String,
    /// The filter that was probably meant.
    pub nearest: Option<&'static str>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// The first error of its syntax, or the first filter that does not exist.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let tags = tags(text);
        check_size(&tags)?;
        let environment = environment();
        let template = environment.template_from_str(text).map_err(|error| TemplateError {
            line: error.line().unwrap_or(1),
            message: error.detail().map_or_else(|| error.kind().to_string(), str::to_owned).replace(['\n', '\r'], " "),
            nearest: None,
        })?;
        let is_function = |name: &String| environment.globals().any(|(function, _)| function == name);
        let mut undeclared: BTreeSet<_> = template.undeclared_variables(false).into_iter().collect();
        undeclared.retain(|name| !is_function(name));
        let analysis = TemplateAnalysis::new(&tags);
        check_filters(&environment, &analysis)?;
        Ok(Self { text: text.to_owned(), undeclared, analysis })
    }

    /// The names that it may need a value for, in order. One that is no alias and that it does not
    /// [require](Self::requires) is its own variable or a keyword.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.undeclared.union(&self.analysis.used).map(String::as_str)
    }

    /// True if `name` must be an alias, as the template itself never assigns it.
    pub fn requires(&self, name: &str) -> bool {
        self.undeclared.contains(name) && !self.analysis.assigned.contains(name)
    }

    /// The template as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// True if the template itself spells out the lookup `path`, an alias and keys, so that an error may name it. Where a
    /// template computes any key, a value could have chosen this one.
    pub(crate) fn spells_out(&self, path: &[String]) -> bool {
        !self.analysis.computes_keys && self.analysis.lookups.iter().any(|lookup| lookup.starts_with(path))
    }

    /// The lookups that are written out, each as a name and the keys that follow it.
    pub(crate) fn lookups(&self) -> impl Iterator<Item = &[String]> {
        self.analysis.lookups.iter().map(Vec::as_slice)
    }

    /// True if the template asks with `is` what the value of `name` is.
    pub(crate) fn tests(&self, name: &str) -> bool {
        self.analysis.tested.contains(name)
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

fn check_size(tags: &[Tag<'_>]) -> Result<(), TemplateError> {
    let error = |line, message: &str| Err(TemplateError { line, message: message.to_owned(), nearest: None });
    if let Some(tag) = tags.iter().find(|tag| tag.tokens.len() > MAX_TOKENS) {
        return error(tag.line, "the tag is too long");
    }
    match tags.iter().filter(|tag| tag.keyword() == Some("elif")).nth(MAX_BRANCHES) {
        Some(tag) => error(tag.line, "too many branches"),
        None => Ok(()),
    }
}

/// Looks each filter up by applying it to nothing, as MiniJinja has no list of them.
fn check_filters(environment: &Environment<'_>, analysis: &TemplateAnalysis) -> Result<(), TemplateError> {
    let exists = |name: &str| {
        let applied = environment.empty_state().apply_filter(name, &[]);
        FILTERS.contains(&name) || applied.map_or_else(|error| error.kind() != ErrorKind::UnknownFilter, |_| true)
    };
    match analysis.filters.iter().find(|(_, name)| !exists(name)) {
        Some((line, name)) => Err(TemplateError {
            line: *line,
            message: format!("unknown filter {name}"),
            nearest: suggest::nearest(name, FILTERS.into_iter()),
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn required(text: &str) -> Vec<String> {
        let template = Template::parse(text).unwrap();
        template.names().filter(|name| template.requires(name)).map(str::to_owned).collect()
    }

    fn error(text: &str) -> (usize, String) {
        let error = Template::parse(text).unwrap_err();
        (error.line, error.message)
    }

    #[test]
    fn a_template_requires_the_names_it_does_not_set() {
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
    }

    #[test]
    fn a_literal_lookup_is_spelled_out_unless_a_key_is_computed() {
        let path = ["db", "a", "b"].map(str::to_owned);
        let spells_out = |text| Template::parse(text).unwrap().spells_out(&path);
        for text in ["{{ db.a.b }}", "{{ db['a']['b'] }}", "{{ db.a.b.c }}"] {
            assert!(spells_out(text), "{text}");
        }
        for text in ["{{ db.a }}{{ a.b }}", "{{ db['a' ~ ''].b }}", "{{ db.a.b }}{{ db[x] }}"] {
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
    fn a_filter_that_does_not_exist_is_found_in_any_branch() {
        let unknown = |text| {
            let error = Template::parse(text).unwrap_err();
            (error.line, error.message, error.nearest)
        };
        assert_eq!(unknown("\n{{ a | urlencod }}"), (2, "unknown filter urlencod".into(), Some("urlencode")));
        assert_eq!(unknown("{{ 1 if a else a | nope }}"), (1, "unknown filter nope".into(), None));
        assert_eq!(unknown("{% filter trm %}{% endfilter %}"), (1, "unknown filter trm".into(), None));
        assert!(Template::parse("{{ a | upper | tojson | d('x') }}").is_ok());
    }

    #[test]
    fn what_would_overflow_the_stack_is_refused() {
        let tag = |words: usize| format!("{{{{ {} }}}}", vec!["a"; words / 2].join(" ~ "));
        assert_eq!(error(&tag(1004)).1, "the tag is too long");
        assert!(Template::parse(&format!("{0}{0}", tag(1000))).is_ok());
        let branches = |count| format!("{{% if a %}}{}{{% endif %}}", "{% elif a %}".repeat(count));
        assert_eq!(error(&branches(101)), (1, "too many branches".into()));
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
