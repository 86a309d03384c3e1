//! Parses a template (text with expressions over several secrets), and finds the names it needs; `resolve::template`
//! renders it.

use std::collections::BTreeSet;

use minijinja::Environment;
use minijinja::syntax::SyntaxConfig;

/// The name of the inherited variables in a template, as in `{{ env.DB_HOST }}`.
pub const ENV: &str = "env";

/// The most bytes of a template: MiniJinja parses nested operators recursively, without a limit.
const LONGEST: usize = 16 * 1024;

/// A template without syntax errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pub text: String,
    /// The names that need a value: those that MiniJinja's `undeclared_variables` finds, without [`ENV`] and MiniJinja's
    /// functions. It overlooks a name that is only sliced (`db.host[:3]`), and finds one that only the branches of an `if`
    /// assign.
    pub names: BTreeSet<String>,
    /// The names that `undeclared_variables` finds, each with the keys that follow it after dots (`db.host`).
    pub lookups: BTreeSet<String>,
}

/// A syntax error. `text` is one line, which may quote the template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    pub text: String,
    pub help: Option<String>,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// The first syntax error, or the length if it is too long.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.len() > LONGEST {
            let text = format!(
                "the template has {} bytes, but at most {LONGEST} are allowed",
                text.len()
            );
            return Err(TemplateError { text, help: None });
        }
        let environment = environment();
        let template = environment
            .template_from_str(text)
            .map_err(|error| syntax_error(&error, text))?;
        let lookups = BTreeSet::from_iter(template.undeclared_variables(true));
        let mut names = BTreeSet::from_iter(template.undeclared_variables(false));
        names.remove(ENV);
        for (function, _) in environment.globals() {
            names.remove(function);
        }
        Ok(Self {
            text: text.to_owned(),
            names,
            lookups,
        })
    }

    /// True if the template spells out this key, so that an error may quote it.
    pub fn has_key(&self, key: &str) -> bool {
        let is_whole = |at: usize| {
            !self.text[..at].ends_with(is_in_word)
                && !self.text[at + key.len()..].starts_with(is_in_word)
        };
        self.text.match_indices(key).any(|(at, _)| is_whole(at))
    }
}

/// Returns MiniJinja's syntax error, in our own words for braces that are not closed.
fn syntax_error(error: &minijinja::Error, template: &str) -> TemplateError {
    let detail = match error.detail() {
        Some(detail) => detail.replace(['\n', '\r'], " "),
        None => error.kind().to_string(),
    };
    let mut expressions = template.split("{{").skip(1);
    let unclosed = expressions.find_map(|rest| match rest.split_once('}') {
        None => Some((rest, "is never closed")),
        Some((_, after)) if after.starts_with('}') => None,
        Some((expression, _)) => Some((expression, "is closed by a single \"}\"")),
    });
    if let Some((expression, problem)) = unclosed
        && detail.ends_with("expected end of variable block")
    {
        // A key and its filters.
        let is_word = |word: &str| word.trim().chars().all(|c| is_in_word(c) || c == '.');
        let is_plain = expression.split('|').all(is_word) && !expression.trim().is_empty();
        return TemplateError {
            text: format!("in the template, \"{{{{\" {problem}"),
            help: is_plain.then(|| format!("write {{{{ {} }}}}", expression.trim())),
        };
    }
    let is_block = detail == "unexpected end of input, expected end of block";
    TemplateError {
        text: format!(
            "{} has a syntax error: {detail}",
            place(template, error.line())
        ),
        help: is_block.then(|| "close each block: {% if … %} … {% endif %}".to_owned()),
    }
}

/// Returns the name of a line of a template in messages.
pub fn place(template: &str, line: Option<usize>) -> String {
    match line {
        Some(line) if template.trim_end().contains('\n') => format!("line {line} of the template"),
        Some(_) | None => "the template".to_owned(),
    }
}

fn is_in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns a MiniJinja environment with Jinja's syntax that keeps a trailing newline and has no `debug` function.
pub fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    // `build` fails for illegal delimiters alone, and these are Jinja's.
    environment.set_syntax(
        SyntaxConfig::builder()
            .keep_trailing_newline(true)
            .build()
            .unwrap_or_default(),
    );
    // `debug()` prints every value.
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
    fn a_name_that_the_template_does_not_assign_needs_a_value() {
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
    fn a_key_is_spelled_out_as_a_whole_word() {
        let template = Template::parse("{{ db.host['a-b'] }}").unwrap();
        assert!(template.has_key("host") && template.has_key("a-b"));
        assert!(!template.has_key("hos") && !template.has_key("x"));
    }
}
