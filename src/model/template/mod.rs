//! Parses a template (text with expressions over several secrets), and finds the names it needs; `resolve::template`
//! renders it.

mod tags;

use std::collections::BTreeSet;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind};

use crate::model::suggest::nearest;
use tags::{Tag, is_in_word, tags};

/// The filters that MiniJinja lacks, or defines in another way; `resolve::template` defines them.
const FILTERS: [&str; 5] = ["b64decode", "b64encode", "fromjson", "tojson", "urlencode"];

/// The filters of MiniJinja, which cannot list them, for suggestions.
const MINIJINJA_FILTERS: [&str; 43] = [
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "default",
    "dictsort",
    "escape",
    "first",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "pprint",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "trim",
    "unique",
    "upper",
];

/// The maximum length of a tag in bytes. MiniJinja recurses for each operator, and would overflow the stack.
const MAX_TAG_LENGTH: usize = 4096;

/// The maximum number of `elif` in a template. MiniJinja recurses for each, and would overflow the stack.
const MAX_ELIF: usize = 100;

/// A template without syntax errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pub text: String,
    /// The names that MiniJinja's `undeclared_variables` finds.
    undeclared: BTreeSet<String>,
    /// The same names, each with the keys that follow it after dots: `db.host`.
    pub lookups: BTreeSet<String>,
    /// The names that are used before the template assigns them, functions and constants among them.
    used: BTreeSet<String>,
    assigned: BTreeSet<String>,
    /// True if a subscript is no literal, or a filter takes the name of a key, so that a value may be used as a key.
    computes_keys: bool,
}

/// A syntax error, or an unknown filter or test. `message` is one line, which may quote the template.
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
    /// A tag or a number of `elif` over its limit, else the first syntax error, else the first unknown filter or test.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let tags = tags(text);
        check_size(&tags)?;
        let environment = environment();
        let template = environment.template_from_str(text).map_err(|error| TemplateError {
            line: error.line().unwrap_or(1),
            message: error.detail().map_or_else(|| error.kind().to_string(), str::to_owned).replace(['\n', '\r'], " "),
        })?;
        check_names(&environment, &tags)?;
        let mut undeclared = BTreeSet::from_iter(template.undeclared_variables(false));
        for (function, _) in environment.globals() {
            undeclared.remove(function);
        }
        let lookups = BTreeSet::from_iter(template.undeclared_variables(true));
        let (used, assigned) = used_and_assigned(&tags);
        let computes_keys = tags.iter().any(computes_keys);
        Ok(Self { text: text.to_owned(), undeclared, lookups, used, assigned, computes_keys })
    }

    /// Returns the names that need a value: the aliases that the template uses, and the other names that it neither
    /// assigns nor finds among MiniJinja's functions.
    pub fn required_names(&self, is_alias: impl Fn(&str) -> bool) -> BTreeSet<&str> {
        let undeclared = self.undeclared.iter().map(String::as_str);
        let needed = undeclared.filter(|name| is_alias(name) || !self.assigned.contains(*name));
        // `undeclared_variables` overlooks some uses (see `tags`).
        let overlooked = self.used.iter().map(String::as_str).filter(|name| is_alias(name));
        needed.chain(overlooked).collect()
    }

    /// True if the template spells out each of these keys and computes no key at all, so that an error may name them:
    /// they are not values.
    pub fn spells_out<'a>(&self, mut keys: impl Iterator<Item = &'a str>) -> bool {
        let has_dotted = |key| self.text.split(&format!(".{key}")).skip(1).any(|after| !after.starts_with(is_in_word));
        let has_quoted = |key| ["'", "\""].iter().any(|quote| self.text.contains(&format!("[{quote}{key}{quote}]")));
        !self.computes_keys && keys.all(|key| has_dotted(key) || has_quoted(key))
    }
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

fn check_size(tags: &[Tag]) -> Result<(), TemplateError> {
    let long_tag =
        tags.iter().find(|tag| tag.code.len() > MAX_TAG_LENGTH).map(|tag| (tag, "the tag is longer than 4 KiB"));
    let branches = || tags.iter().filter(|tag| tag.keyword() == "elif");
    match long_tag.or_else(|| branches().nth(MAX_ELIF).map(|tag| (tag, "more than 100 `elif`"))) {
        Some((tag, message)) => Err(TemplateError { line: tag.line, message: message.to_owned() }),
        None => Ok(()),
    }
}

/// Checks each filter and test by applying it to no argument, as MiniJinja cannot list them.
///
/// # Errors
/// The first unknown one, or the first filter that is called as a function or method.
fn check_names(environment: &Environment<'_>, tags: &[Tag]) -> Result<(), TemplateError> {
    let has_filter = |name: &str| {
        let applied = environment.empty_state().apply_filter(name, &[]);
        FILTERS.contains(&name) || !applied.is_err_and(|error| error.kind() == ErrorKind::UnknownFilter)
    };
    let has_test = |name: &str| {
        let performed = environment.empty_state().perform_test(name, &[]);
        !performed.is_err_and(|error| error.kind() == ErrorKind::UnknownTest)
    };
    for tag in tags {
        for word in tag.words() {
            let name = word.text;
            let message = if word.is_filter() && !has_filter(name) {
                let known = MINIJINJA_FILTERS.iter().copied().filter(|name| has_filter(name)).chain(FILTERS);
                let hint = nearest(name, known).map(|nearest| format!("; did you mean {nearest:?}?"));
                format!("filter {name} is unknown{}", hint.unwrap_or_default())
            } else if word.is_test() && name != "not" && !has_test(name) {
                format!("test {name} is unknown")
            } else if word.is_called() && has_filter(name) {
                format!("{name} is a filter, which is written after its value: `| {name}`")
            } else {
                continue;
            };
            return Err(TemplateError { line: tag.line, message });
        }
    }
    Ok(())
}

/// Returns the names that are used before they are assigned, and those that are assigned.
fn used_and_assigned(tags: &[Tag]) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut used, mut assigned) = (BTreeSet::new(), BTreeSet::new());
    for tag in tags {
        let targets: Vec<_> = tag.targets().into_iter().map(str::to_owned).collect();
        // A loop's variable is assigned before its condition is evaluated; MiniJinja itself reports the iterated
        // expression.
        if tag.keyword() == "for" {
            assigned.extend(targets.clone());
        }
        let skipped = if tag.keyword() == "set" { targets.len() + 1 } else { 0 };
        for word in tag.words().skip(skipped).filter(|word| word.is_name() && !assigned.contains(word.text)) {
            used.insert(word.text.to_owned());
        }
        assigned.extend(targets);
    }
    (used, assigned)
}

/// The filters that look up a key by its name, and the argument `attribute` of other filters.
const KEY_FILTERS: [&str; 5] = ["attr", "attribute", "groupby", "rejectattr", "selectattr"];

/// True if a subscript of the tag is no literal, or a filter takes the name of a key.
fn computes_keys(tag: &Tag) -> bool {
    let is_value_end = |c: char| is_in_word(c) || matches!(c, ')' | ']' | '\'' | '"');
    let is_number = |inside: &str| inside.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | ':' | ' '));
    let is_literal = |inside: &str| matches!(inside.trim(), "''" | "\"\"") || is_number(inside);
    // A `[` after an operator like `in` begins a list instead of a subscript.
    let is_operator = |word: &str| matches!(word, "and" | "else" | "if" | "in" | "not" | "or");
    let is_value = |before: &str| {
        before.ends_with(is_value_end) && !before.rsplit(|c| !is_in_word(c)).next().is_some_and(is_operator)
    };
    let subscripts = tag.code.match_indices('[').filter(|(at, _)| is_value(tag.code[..*at].trim_end()));
    let mut insides = subscripts.filter_map(|(at, _)| tag.code[at + 1..].split(']').next());
    insides.any(|inside| !is_literal(inside)) || tag.words().any(|word| KEY_FILTERS.contains(&word.text))
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

    fn error(text: &str) -> (usize, String) {
        let error = Template::parse(text).unwrap_err();
        (error.line, error.message)
    }

    #[test]
    fn of_any_number_of_aliases_only_the_names_of_the_template_are_looked_up() {
        let template = Template::parse("{{ db.host | trim }}{{ cache }}").unwrap();
        let asked = std::cell::RefCell::new(BTreeSet::new());
        let is_alias = |name: &str| {
            asked.borrow_mut().insert(name.to_owned());
            name == "db"
        };
        template.required_names(is_alias);
        assert_eq!(asked.into_inner(), ["cache", "db"].map(str::to_owned).into());
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
    }

    #[test]
    fn a_name_that_an_if_assigns_is_assigned_after_it() {
        assert_eq!(required("{% if a %}{% set x = 1 %}{% else %}{% set x = b %}{% endif %}{{ x }}"), ["a", "b"]);
        assert_eq!(required("{% if a %}{% set x, y = 1, 2 %}{% endif %}{{ x }}{{ y }}"), ["a"]);
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
    fn an_alias_is_not_required_by_a_key_an_argument_or_a_text_of_its_name() {
        for text in [
            "x://x {{ a.x | upper }}",
            "{{ a['x'] }}:{{ a is defined }}",
            "{{ dict(x='x') }}{# {{ x }} #}",
            "x {% if a %}{% endif %}x",
            "x {{ 'a'[:1] }}",
            "{% for x in a.l if x %}{{ x }}{% endfor %}",
            "{% for k, x in a.l | items %}{{ x[:2] }}{% endfor %}",
            "{% raw %}{{ x }}{% endraw %}{# x #}{{ a.host[:2] }}",
            "{% set x = a.host %}{{ x }}",
            "{{ a.x[:2] }}",
            "{% with x = a %}{{ x }}{% endwith %}",
        ] {
            assert!(!names(&Template::parse(text).unwrap(), &["a", "x"]).contains(&"x"), "{text}");
        }
    }

    #[test]
    fn a_word_that_contains_set_assigns_nothing() {
        for text in [
            "charset: {{ bd.charset }}",
            "offset {{ bd }}",
            "reset {{ bd.x | default('q') }}",
            "{{ db.x }} set {{ bd }}",
        ] {
            assert!(required(text).contains(&"bd".to_owned()), "{text}");
        }
    }

    #[test]
    fn an_unknown_filter_or_test_is_an_error_in_any_branch() {
        assert_eq!(error("{{ x|uper }}"), (1, "filter uper is unknown; did you mean \"upper\"?".into()));
        assert_eq!(error("\n{{ 1 if a else a | nope }}"), (2, "filter nope is unknown".into()));
        assert_eq!(
            error("{% filter trm %}{% endfilter %}"),
            (1, "filter trm is unknown; did you mean \"trim\"?".into())
        );
        assert_eq!(error("{% if a %}{{ a is not notest }}{% endif %}"), (1, "test notest is unknown".into()));
        assert_eq!(
            error("{{ a.b.upper() }}"),
            (1, "upper is a filter, which is written after its value: `| upper`".into())
        );
        assert_eq!(
            error("{{ b64decode (a) }}").1,
            "b64decode is a filter, which is written after its value: `| b64decode`"
        );
        assert!(
            Template::parse("{% if (a) is lower and (b) is not string %}{{ range(3) | join(a.join) }}{% endif %}")
                .is_ok()
        );
        assert!(Template::parse("{{ a | upper | tojson | d('|x') }}{{ a is not none }}").is_ok());
    }

    #[test]
    fn literals_comments_and_raw_blocks_do_not_count_for_the_length_of_a_tag() {
        let text = format!(
            "{{% raw %}}{{{{ {0} {{% endraw %}}{{{{ '{0}' }}}}{{# {{{{ {0} #}}{1}",
            "x".repeat(5000),
            "elif ".repeat(200)
        );
        assert!(Template::parse(&text).is_ok());
        assert!(Template::parse(&format!("{{{{ {{'a':{{'b':1}}}}{} }}}}", " ~ 1".repeat(60_000))).is_err());
        assert!(Template::parse(&format!("{{{{ '}}}}'{} }}}}", " ~ 1".repeat(60_000))).is_err());
    }

    #[test]
    fn keys_are_spelled_out_unless_one_is_computed() {
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
    fn a_syntax_error_has_its_line() {
        assert_eq!(error("{{ db.user"), (1, "unexpected end of input, expected end of variable block".into()));
        assert_eq!(error("é\né {{ | }}"), (2, "unexpected `|`".into()));
        assert_eq!(error("{% if a %}x"), (1, "unexpected end of input, expected end of block".into()));
        assert_eq!(error("{{ 'x }}"), (1, "unexpected end of string".into()));
        assert_eq!(error("{% endfor %}"), (1, "unknown statement endfor".into()));
    }

    #[test]
    fn statements_that_name_other_templates_are_unknown() {
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
    fn tags_and_branches_that_would_overflow_the_stack_are_errors() {
        let tag = |length: usize| format!("\n{{{{{:>length$}}}}}", "a");
        assert_eq!(error(&tag(MAX_TAG_LENGTH + 1)), (2, "the tag is longer than 4 KiB".into()));
        assert!(Template::parse(&format!("{0}{0}{1}", tag(MAX_TAG_LENGTH), "x".repeat(MAX_TAG_LENGTH))).is_ok());
        let branches = |count| format!("{{% if a %}}\n{}{{% endif %}}", "{% elif a %}".repeat(count));
        assert_eq!(error(&branches(101)), (2, "more than 100 `elif`".into()));
        assert!(Template::parse(&branches(100)).is_ok());
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
