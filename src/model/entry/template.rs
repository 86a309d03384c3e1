//! A template: text with Jinja expressions that use several secrets, such as
//! `postgres://{{ db.user }}@{{ db.host }}`.
//!
//! [`Template::parse`] returns a template without syntax errors, and the names that it uses. A
//! syntax error may quote the template, because only rendering inserts values.

use std::collections::BTreeSet;

use minijinja::Environment;
use minijinja::syntax::SyntaxConfig;

use crate::model::fault::Fault;
use crate::model::shown::without_tokens;

/// The name of the inherited variables in a template, as in `{{ env.DB_HOST }}`.
pub const ENV: &str = "env";

/// The maximum length of a template, in bytes. MiniJinja parses nested operators recursively,
/// without a limit of its own, so a longer template could overflow the stack.
const LONGEST: usize = 16 * 1024;

/// The help for every error in the syntax of a template.
const SYNTAX_HELP: &str = "a template is Jinja: {{ ALIAS.KEY }}, {{ env.NAME }}, {% if … %}";

/// The help for a filter, test, function or method that doesn't exist.
pub const FILTERS_HELP: &str = "use MiniJinja's filters, tests and functions, or the filters urlencode, tojson, fromjson, b64encode and b64decode";

/// A template without syntax errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pub text: String,
    /// The names that must be aliases: those that MiniJinja's `undeclared_variables` returns,
    /// without [`ENV`] and MiniJinja's own functions. A name that is only used in a slice
    /// (`db.host[:3]`) is missing, and a name that is only assigned in the branches of an `if` is
    /// included.
    pub names: BTreeSet<String>,
    /// The names in `names`, [`ENV`] and MiniJinja's own functions, each with the keys after its
    /// dots and in its brackets: `db.host` for `db.host` and for `db["host"]`.
    pub lookups: BTreeSet<String>,
}

impl Template {
    /// Parses a template, and finds the names that it uses.
    ///
    /// # Errors
    /// If the template is too long, or has a syntax error (only the first one is returned).
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let length = text.len();
        if length > LONGEST {
            let why = format!("the template has {length} bytes, but at most {LONGEST} are allowed");
            return Err(Fault::new(why));
        }

        let environment = environment();
        let template = environment
            .template_from_str(text)
            .map_err(|error| syntax_error(&error, text))?;

        let mut names = BTreeSet::from_iter(template.undeclared_variables(false));
        names.remove(ENV);
        for (function, _) in environment.globals() {
            names.remove(function);
        }
        // `true` adds the keys after each name: `db.host`.
        let mut lookups = BTreeSet::from_iter(template.undeclared_variables(true));
        lookups.extend(subscript_lookups(text, &environment));
        Ok(Self {
            text: text.to_owned(),
            names,
            lookups,
        })
    }

    /// True if the text of the template contains this key as a word. An error may quote only such a
    /// key. Any other key was computed, and may be a value.
    pub fn has_key(&self, key: &str) -> bool {
        self.text.match_indices(key).any(|(at, _)| {
            let before = &self.text[..at];
            let after = &self.text[at + key.len()..];
            !before.ends_with(is_in_word) && !after.starts_with(is_in_word)
        })
    }
}

/// Finds the lookups of a template with the keys in brackets, which `undeclared_variables` leaves
/// out: `db.host` for `db["host"]`. To find these lookups, each key in brackets is replaced with a
/// made-up name, so that MiniJinja sees `db.subscript0_`.
fn subscript_lookups(text: &str, environment: &Environment<'_>) -> Vec<String> {
    if !text.contains('[') || !text.contains(['\'', '"']) {
        return Vec::new();
    }
    let mut named = String::new();
    let mut keys = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        named += before;
        // A bracket after a name, a closing parenthesis or another subscript begins a subscript.
        // Any other bracket begins a list.
        let is_subscript = before.ends_with(|c| is_in_word(c) || c == ')') || before.is_empty();
        if is_subscript && let Some((key, end)) = quoted_key(after) {
            named += &format!(".subscript{}_", keys.len());
            keys.push(key);
            rest = end;
        } else {
            named.push('[');
            rest = after;
        }
    }
    named += rest;

    // A bracket may have been taken for a subscript by mistake, so the new template may have a
    // syntax error. The lookups in brackets aren't known then.
    let Ok(template) = environment.template_from_str(&named) else {
        return Vec::new();
    };
    let mut lookups = Vec::new();
    for mut lookup in template.undeclared_variables(true) {
        for (number, key) in keys.iter().enumerate() {
            lookup = lookup.replace(&format!(".subscript{number}_"), &format!(".{key}"));
        }
        lookups.push(lookup);
    }
    lookups
}

/// Splits `"host"] …` into the key and what follows the bracket.
fn quoted_key(text: &str) -> Option<(&str, &str)> {
    let (quoted, end) = text.split_once(']')?;
    let quoted = quoted.trim();
    let key = quoted.trim_matches(['\'', '"']);
    if quoted.len() != key.len() + 2 {
        return None;
    }
    Some((key, end))
}

/// The text of a template without its expressions, statements, comments and `{% raw %}` blocks. A
/// NUL character stands in for each of them, which keeps the text before it and after it apart. An
/// expression such as `${{ db.host }}` is kept, because its dollar sign is probably a mistake. But
/// `$6${{ db.hash }}`, in which the dollar sign belongs to the text, isn't kept.
pub fn literal_text(template: &str) -> String {
    let mut literal = String::new();
    let mut rest = template;
    while let Some((before, tag)) = rest.split_once('{') {
        literal += before;
        let end = match tag.as_bytes().first() {
            Some(b'%') if is_raw(tag) => tag.find("endraw").and_then(|at| end_of(tag, at, "%}")),
            Some(b'%') => end_of(tag, 1, "%}"),
            Some(b'{') => end_of(tag, 1, "}}"),
            Some(b'#') => end_of(tag, 1, "#}"),
            _ => None,
        };
        match end {
            Some(end) => {
                let word = literal.rsplit(char::is_whitespace).next();
                let before_dollar = word.and_then(|word| word.strip_suffix('$'));
                if tag.starts_with('{') && before_dollar.is_some_and(|start| !start.contains('$')) {
                    literal += &format!("{{{}", &tag[..end]);
                } else {
                    literal.push('\0');
                }
                rest = &tag[end..];
            }
            None => {
                literal.push('{');
                rest = tag;
            }
        }
    }
    literal + rest
}

/// True for a statement that begins a `{% raw %}` block. `statement` is the text after the first
/// brace.
fn is_raw(statement: &str) -> bool {
    statement
        .trim_start_matches(['%', '-', '+', ' '])
        .starts_with("raw")
}

/// The position after the first `end` that follows a position.
fn end_of(text: &str, from: usize, end: &str) -> Option<usize> {
    let at = text[from..].find(end)?;
    Some(from + at + end.len())
}

/// The fault of a syntax error, in MiniJinja's words.
fn syntax_error(error: &minijinja::Error, template: &str) -> Fault {
    let detail = match error.detail() {
        Some(detail) => without_tokens(&detail.replace(['\n', '\r'], " ")),
        None => error.kind().to_string(),
    };
    let position = position_text(template, error.line());
    Fault::new(format!("{position} has a syntax error: {detail}")).help(SYNTAX_HELP)
}

/// The expressions of a template without their filters: `db.password` of `{{ db.password |
/// urlencode }}`.
pub fn expressions(template: &str) -> impl Iterator<Item = &str> {
    template.split("{{").skip(1).map(|rest| {
        let end = rest.find(['|', '}']).unwrap_or(rest.len());
        // The hyphen in `{{-` only removes white space.
        rest[..end].trim_matches(['-', ' '])
    })
}

/// The position of an error as the subject of a sentence: `line 3 of the template`.
pub fn position_text(template: &str, line: Option<usize>) -> String {
    match line {
        Some(line) if template.trim_end().contains('\n') => format!("line {line} of the template"),
        _ => "the template".to_owned(),
    }
}

/// True for a character that keys and names in a template can have without quotes.
fn is_in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Creates a MiniJinja environment that keeps the last line feed of a template. It doesn't have the
/// function `debug`, which would print values.
pub fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    // `build` fails only for illegal delimiters, and these are Jinja's own.
    let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
    environment.set_syntax(syntax.unwrap_or_default());
    environment.remove_global("debug");
    environment
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        Template::parse(text).unwrap().names.into_iter().collect()
    }

    #[test]
    fn every_name_that_a_template_uses_but_does_not_assign_must_be_an_alias() {
        assert_eq!(names("no names at all"), [""; 0]);
        assert_eq!(
            names("{{ db.user }}:{{ db['x'] }}@{{ cache }}"),
            ["cache", "db"]
        );
        assert_eq!(
            names("{% for h in db.hosts %}{{ h }}{{ loop.index }}{% endfor %}"),
            ["db"]
        );
        assert_eq!(
            names("{% set x = a %}{{ x }}{% with y = b %}{{ y }}{% endwith %}"),
            ["a", "b"]
        );
        assert_eq!(
            names("{{ range(3) }}{{ dict(a=b) }}{% set ns = namespace() %}{% set ns.x = c %}"),
            ["b", "c"]
        );
        assert_eq!(
            names("{% raw %}{{ a }}{% endraw %}{# b #}{{ 'c' }} d"),
            [""; 0]
        );
        assert_eq!(names("{{ rang(3) }}{{ debug() }}"), ["debug", "rang"]);
        assert_eq!(names("{{ env.HOME }}{{ env['x'] }}"), [""; 0]);
    }

    #[test]
    fn an_error_may_quote_a_key_only_if_the_template_contains_it_as_a_word() {
        let template = Template::parse("{{ db.host['a-b'] }}").unwrap();
        assert!(template.has_key("host") && template.has_key("a-b"));
        assert!(!template.has_key("hos") && !template.has_key("x"));
    }
}
