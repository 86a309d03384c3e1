//! A template and what its aliases lead to become one value. The README ("References") says how things print.
//!
//! MiniJinja runs the template; `program` puts our own lookups and operators under it, `node` shows it a secret,
//! `print` writes values, `filters` are the filters. Its own messages may quote a value: none of them leaves here.

mod filters;
mod node;
mod print;
mod program;

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};
use zeroize::Zeroizing;

use super::json::Json;
use crate::fetched::Document;
use crate::secret::SecretValue;
use crate::template::Template;
use node::{Misses, Source};
use print::Refusal;

/// What a template may do before it counts as run away: instructions, and bytes that it prints.
const FUEL: u64 = 1_000_000;
const LONGEST: usize = 1 << 20;

/// What an alias stands for in a template.
#[derive(Clone)]
pub(super) enum Input {
    /// A secret that is a JSON object gives its keys.
    Object(Arc<Json>),
    /// Of any other secret there is its text, also when that is JSON.
    Text(Zeroizing<String>),
}

/// A secret that is bytes and no text, which no template can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotText;

/// Why a template gave no value. Names of keys are told, as far as they are no values themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenderError {
    /// A key is not there, or is null: the value does not exist, which an entry may provide for.
    Absent {
        /// Whose key it is; `None` inside what `fromjson` read.
        alias: Option<String>,
        /// The keys that lead there, as a template writes them. What only a secret tells is `…`.
        key: String,
        /// An existing key that is much like it.
        nearest: Option<String>,
    },
    /// A key is asked of a secret, or of a part of one, that is no object. That is no absence.
    NotAnObject {
        /// Whose key it would be.
        alias: String,
        /// The keys that lead there, as a template writes them.
        key: String,
    },
    /// A secret that is bytes and no text.
    NotText {
        /// Whose alias names it.
        alias: String,
    },
    /// Anything else.
    Failed {
        /// Within the template, counted from 1.
        line: Option<usize>,
        /// What happened.
        what: &'static str,
    },
}

impl RenderError {
    /// The alias that it is about, where it is about one.
    pub(super) fn alias(&self) -> Option<&str> {
        match self {
            Self::Absent { alias, .. } => alias.as_deref(),
            Self::NotAnObject { alias, .. } | Self::NotText { alias } => Some(alias),
            Self::Failed { .. } => None,
        }
    }
}

impl Input {
    /// What a document is to a template; `object` is its JSON, when it is a JSON object.
    ///
    /// # Errors
    /// When it is no object and not UTF-8.
    pub(super) fn new(object: Option<Arc<Json>>, document: &Document) -> Result<Self, NotText> {
        match object {
            Some(json) => Ok(Self::Object(json)),
            None => {
                let text = std::str::from_utf8(document.body.expose()).map_err(|_| NotText)?;
                Ok(Self::Text(Zeroizing::new(text.to_owned())))
            }
        }
    }

    fn value(&self, alias: &str, misses: &Arc<Misses>) -> Value {
        match self {
            Self::Object(json) => {
                node::root(Source { alias: Some(alias.to_owned()), json: json.clone(), misses: misses.clone() })
            }
            Self::Text(text) => Value::from(text.as_str()),
        }
    }
}

/// Renders `template`; `inputs` has what each of its [names](Template::names) stands for.
///
/// # Errors
/// When a key does not exist, or the template cannot be rendered.
pub(super) fn render(template: &Template, inputs: &BTreeMap<String, Input>) -> Result<SecretValue, RenderError> {
    let misses = Arc::new(Misses::new(template.keys().clone()));
    let lookups = program::lookups(template);
    let mut environment = environment(&misses);
    program::install(&mut environment, &lookups, &misses);
    let values = Value::from_pairs(inputs.iter().map(|(alias, input)| (alias.as_str(), input.value(alias, &misses))));
    let output = program::run(template, &environment, &lookups, values);
    output.map(|output| SecretValue::new(output.as_bytes())).map_err(|error| explain(&error, template, inputs, &misses))
}

fn environment(misses: &Arc<Misses>) -> Environment<'static> {
    let mut environment = Environment::new();
    // On, errors would carry the values of every variable with them.
    environment.set_debug(false);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.remove_global("debug");
    environment.set_formatter(print::formatter());
    filters::install(&mut environment, misses);
    environment
}

/// What MiniJinja's error means. Of its own words nothing is kept but the kind.
fn explain(error: &Error, template: &Template, inputs: &BTreeMap<String, Input>, misses: &Misses) -> RenderError {
    let failed = |what| RenderError::Failed { line: error.line(), what };
    match print::refusal(error) {
        Some(Refusal::NoKeys { key }) => match scalar(template, inputs, key) {
            Some((alias, key)) => RenderError::NotAnObject { alias, key },
            None => failed("a key is asked of something that is no object"),
        },
        Some(Refusal::Other(what)) => failed(what),
        None if error.kind() == ErrorKind::UndefinedError => match misses.last() {
            Some(miss) => RenderError::Absent { alias: miss.alias, key: miss.key, nearest: miss.nearest },
            None => failed("undefined value"),
        },
        None => failed(kind(error.kind())),
    }
}

/// The lookup in the template that asks something without keys for `key`.
fn scalar(template: &Template, inputs: &BTreeMap<String, Input>, key: &str) -> Option<(String, String)> {
    template.chains().find_map(|chain| {
        let [alias, parents @ .., last] = chain else { return None };
        let is_scalar = match inputs.get(alias)? {
            Input::Text(_) => parents.is_empty(),
            Input::Object(json) => node::follow(json.value(), parents).is_some_and(|parent| !parent.is_object()),
        };
        (last == key && is_scalar).then(|| (alias.clone(), chain[1..].join(".")))
    })
}

fn kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidOperation | ErrorKind::NonPrimitive | ErrorKind::NonKey => "invalid operation",
        ErrorKind::TooManyArguments => "too many arguments",
        ErrorKind::MissingArgument => "missing argument",
        ErrorKind::UnknownFilter => "unknown filter",
        ErrorKind::UnknownTest => "unknown test",
        ErrorKind::UnknownFunction => "unknown function",
        ErrorKind::UnknownMethod => "unknown method",
        ErrorKind::CannotUnpack => "cannot unpack",
        ErrorKind::OutOfFuel => "too many steps",
        _ => "cannot be rendered",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Input, NotText> {
        let json = Json::parse(bytes).ok().filter(|json| json.value().is_object()).map(Arc::new);
        let body = SecretValue::new(bytes);
        Input::new(json, &Document::new(body))
    }

    const AWKWARD: &str = "p@ss:w/rd#?%&+ é";
    const DB: &str = r#"{
        "host": "db.internal", "port": 5432, "user": "app", "password": "p@ss:w/rd#?%&+ é", "ssl": true, "debug": false,
        "version": 1.10, "ratio": 1.5, "zero": -0, "big": 12345678901234567890, "huge": 1e400, "wide": 123456789012345678901234567890123456789012345,
        "hosts": ["a", "b"], "ports": [1, 2.0, 3.10, true], "mixed": [1, null], "empty": "", "none": null, "lines": " a\n",
        "inner": {"z": 1, "a": [1.10, -0, true, null, "</é\""], "$serde_json::private::Number": "12"},
        "config": "{\"k\": {\"v\": 2.50}, \"n\": null}", "base64": "cMOp\n", "binary": "AP8="
    }"#;

    fn try_render(text: &str) -> Result<String, RenderError> {
        let input = |(alias, body): (&str, &str)| (alias.to_owned(), read(body.as_bytes()).unwrap());
        let inputs = [("db", DB), ("plain", AWKWARD), ("number", "007"), ("list", "[1, 2]")].into_iter().map(input);
        let value = render(&Template::parse(text).unwrap(), &inputs.collect())?;
        Ok(String::from_utf8(value.expose().to_vec()).unwrap())
    }

    fn rendered(text: &str) -> String {
        try_render(text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
    }

    fn failed(text: &str) -> (Option<usize>, &'static str) {
        match try_render(text) {
            Err(RenderError::Failed { line, what }) => (line, what),
            other => panic!("{text}: {other:?}"),
        }
    }

    fn absent(alias: &str, key: &str, nearest: Option<&str>) -> Result<String, RenderError> {
        Err(RenderError::Absent { alias: Some(alias.into()), key: key.into(), nearest: nearest.map(Into::into) })
    }

    fn no_object(alias: &str, key: &str) -> Result<String, RenderError> {
        Err(RenderError::NotAnObject { alias: alias.into(), key: key.into() })
    }

    #[test]
    fn a_url_is_composed_of_a_secret() {
        let text = "postgresql://{{ db.user | urlencode }}:{{ db.password | urlencode }}@{{ db.host }}:{{ db.port }}/x";
        let expected = "postgresql://app:p%40ss%3Aw%2Frd%23%3F%25%26%2B%20%C3%A9@db.internal:5432/x";
        assert_eq!(rendered(text), expected);
    }

    #[test]
    fn a_value_prints_as_it_would_without_a_template() {
        for (key, expected) in [
            ("password", AWKWARD),
            ("lines", " a\n"),
            ("empty", ""),
            ("port", "5432"),
            ("version", "1.10"),
            ("ratio", "1.5"),
            ("zero", "-0"),
            ("big", "12345678901234567890"),
            ("huge", "1e+400"),
            ("wide", "123456789012345678901234567890123456789012345"),
            ("ssl", "true"),
            ("debug", "false"),
            ("hosts", r#"["a","b"]"#),
            ("ports", "[1,2.0,3.10,true]"),
            ("inner", r#"{"z":1,"a":[1.10,-0,true,null,"</é\""],"$serde_json::private::Number":"12"}"#),
        ] {
            assert_eq!(rendered(&format!("{{{{ db.{key} }}}}")), expected, "{key}");
            assert_eq!(rendered(&format!("{{{{ db['{key}'] }}}}")), expected, "{key}");
        }
    }

    #[test]
    fn a_whole_secret_prints_as_compact_json_or_as_its_text() {
        let compact = serde_json::from_str::<serde_json::Value>(DB).unwrap().to_string();
        assert_eq!(rendered("{{ db }}").len(), compact.len());
        assert_eq!(rendered("{{ plain }}{{ number }}{{ list }}"), format!("{AWKWARD}007[1, 2]"));
    }

    #[test]
    fn the_text_around_is_kept_to_its_last_newline() {
        assert_eq!(rendered("a\n{{ db.port }}\n"), "a\n5432\n");
        assert_eq!(rendered("{{ db.lines }}\n\n"), " a\n\n\n");
        assert_eq!(
            rendered("<{{ '<&\"' }}>{% autoescape true %}{{ db.password }}{% endautoescape %}"),
            format!("<<&\">{AWKWARD}")
        );
    }

    #[test]
    fn values_print_alike_whatever_they_pass_through() {
        for (text, expected) in [
            ("{{ 'ssl=' ~ db.ssl ~ db.version }}", "ssl=true1.10"),
            ("{{ db.hosts ~ [db.ssl, none] }}", r#"["a","b"][true,null]"#),
            ("{{ db.ports | join(',') }}", "1,2.0,3.10,true"),
            ("{{ [db.ssl, db.version, db.hosts, db.inner.z] | join('|') }}", r#"true|1.10|["a","b"]|1"#),
            ("{{ db.ssl | string }}{{ db.version | string | length }}", "true4"),
            (
                "{{ db.ssl | upper }}{{ db.debug | capitalize }}{{ db.ssl | replace('t', db.debug) }}",
                "TRUEFalsefalserue",
            ),
            ("{{ '%s %s %s %d' | format(db.ssl, db.version, db.hosts, db.port) }}", r#"true 1.10 ["a","b"] 5432"#),
            ("{{ db.version | split('.') | last }}{{ db.ratio | split('.') | first }}", "101"),
            ("{% set x %}{{ db.ssl }}{% endset %}{{ x }}", "true"),
            ("{% for p in db.ports %}{{ p }};{% endfor %}", "1;2.0;3.10;true;"),
            (
                "{% for k, v in db.inner | items %}{{ k }}={{ v }};{% endfor %}",
                r#"z=1;a=[1.10,-0,true,null,"</é\""];$serde_json::private::Number=12;"#,
            ),
            ("{{ {'b': db.ssl, 'a': db.version} }}", r#"{"b":true,"a":1.10}"#),
            (
                "{{ db.hosts | map('upper') }}{{ db.hosts[1:] }}{{ db.hosts | reverse | list }}",
                r#"["A","B"]["b"]["b","a"]"#,
            ),
            ("{{ true }}{{ 1.0 }}{{ (1, 'a') }}", r#"true1.0[1,"a"]"#),
        ] {
            assert_eq!(rendered(text), expected, "{text}");
        }
    }

    #[test]
    fn numbers_calculate_and_compare() {
        for (text, expected) in [
            ("{{ db.port + 1 }} {{ db.port // 2 }} {{ -db.port }}", "5433 2716 -5432"),
            (
                "{{ db.version * 2 }} {{ -db.version }} {{ db.version | round }} {{ db.version | int }}",
                "2.2 -1.1 1.0 1",
            ),
            (
                "{{ db.port == 5432 }} {{ db.port > 80 }} {{ db.version == 1.1 }} {{ db.version < 1.2 }}",
                "true true true true",
            ),
            ("{{ db.ssl == true }} {{ db.version is number }} {{ db.huge > db.big }}", "true true true"),
            (
                "{{ db.version is float }} {{ db.ratio is float }} {{ db.wide is integer }} {{ db.port is float }}",
                "true true true false",
            ),
            ("{{ 'yes' if db.version else 'no' }} {{ 'yes' if db.zero else 'no' }}", "yes no"),
            ("{{ db.hosts == ['a', 'b'] }} {{ db.hosts == db.hosts }} {{ 'a' in db.hosts }}", "true true true"),
            ("{{ [3, 1, 2] | sort | join }} {{ 'ab' * 2 }} {{ db.host + '/' }}", "123 abab db.internal/"),
            ("{% for x in range(5) if x is odd %}{{ x }}{{ loop.index }}{% endfor %}", "1132"),
        ] {
            assert_eq!(rendered(text), expected, "{text}");
        }
    }

    #[test]
    fn conditions_and_loops_work() {
        for (text, expected) in [
            ("{% if db.ssl %}?sslmode=require{% endif %}", "?sslmode=require"),
            ("{% for h in db.hosts %}{{ h }}{% if not loop.last %},{% endif %}{% endfor %}", "a,b"),
            ("{% for k in db.inner %}{{ k }},{% endfor %}", "z,a,$serde_json::private::Number,"),
            ("{{ db.nope is defined }} {{ db.none is defined }} {{ db.port is defined }}", "false false true"),
            ("{{ db.nope | default('y') }} {{ db.none | default('y') }} {{ db.empty | default('y') }}", "y y "),
            ("{{ db.empty | default('y', true) }} {{ db.port | d(1) }}", "y 5432"),
            ("{{ 'x' if db.debug }}{{ ('x' if db.debug) ~ 'z' }}{{ ('x' if db.debug) | upper }}", "z"),
            ("{{ plain if plain is string }}{{ plain.x if plain is mapping }}", AWKWARD),
            ("{% macro m(a, b=2) %}{{ a }}{{ b }}{{ db.ssl }}{% endmacro %}{{ m(1) }}", "12true"),
            (
                "{% set ns = namespace(n=0) %}{% for h in db.hosts %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}",
                "2",
            ),
            ("{{ db.hosts[0] }}{{ db.hosts.1 }}{{ db.hosts[-1] }}{{ db.host[0] }}{{ db.host[:2] }}", "abbddb"),
        ] {
            assert_eq!(rendered(text), expected, "{text}");
        }
    }

    #[test]
    fn our_filters_work() {
        for (text, expected) in [
            (
                "{{ db.ssl | urlencode }}{{ db.version | urlencode }}{{ db.hosts | urlencode }}",
                "true1.10%5B%22a%22%2C%22b%22%5D",
            ),
            ("{{ 'AZaz09-._~/' | urlencode }}", "AZaz09-._~%2F"),
            ("{{ db.password | tojson }}{{ plain | tojson }}", r#""p@ss:w/rd#?%&+ é""p@ss:w/rd#?%&+ é""#),
            ("{{ '</a>&\\'' | tojson }}", r#""</a>&'""#),
            (
                "{{ db.inner | tojson }}",
                r#"{"z":1,"a":[1.10,-0,true,null,"</é\""],"$serde_json::private::Number":"12"}"#,
            ),
            ("{{ {'z': db.huge, 'a': [db.ssl]} | tojson }}", r#"{"z":1e+400,"a":[true]}"#),
            ("{{ 'é' | b64encode }}{{ db.port | b64encode }}", "w6k=NTQzMg=="),
            (
                "{{ db.base64 | b64decode }}{{ 'cMOp' | b64decode }}{{ ' c\nA=' | b64decode }}{{ 'cA' | b64decode }}",
                "pépépp",
            ),
            ("{{ (db.config | fromjson).k.v }}{{ db.config | fromjson | tojson }}", r#"2.50{"k":{"v":2.50},"n":null}"#),
            ("{{ (list | fromjson)[1] }}{{ list | fromjson | join('-') }}", "21-2"),
        ] {
            assert_eq!(rendered(text), expected, "{text}");
        }
    }

    #[test]
    fn a_missing_key_is_an_absence_and_is_named() {
        for (text, key, nearest) in [
            ("{{ db.pasword }}", "pasword", Some("password")),
            ("{{ db['pasword'] }}", "pasword", Some("password")),
            ("{{ db.none }}", "none", None),
            ("{{ db.inner.zz }}", "inner.zz", None),
            ("{{ db.nope.deeper }}", "nope", Some("none")),
            ("{{ db.hosts[7] }}", "hosts.7", None),
            ("{{ db.mixed | join(',') }}", "mixed.1", None),
            ("{% for x in db.mixed %}{{ x }}{% endfor %}", "mixed.1", None),
            ("{{ db.nope | urlencode }}", "nope", Some("none")),
            ("{{ db.nope | length }}", "nope", Some("none")),
            ("{{ db.nope | list }}", "nope", Some("none")),
            ("{{ db.nope + 1 }}", "nope", Some("none")),
            ("{{ 'a' ~ db.nope }}", "nope", Some("none")),
            ("{{ -db.nope }}", "nope", Some("none")),
            ("{{ db.nope == 1 }}", "nope", Some("none")),
            ("{% if db.nope %}{% endif %}", "nope", Some("none")),
            ("{% for x in db.nope %}{% endfor %}", "nope", Some("none")),
            ("{{ [db.nope] | tojson }}", "nope", Some("none")),
            ("{{ db.prt | default('x') }}{{ db.pasword }}{{ db.usr | default('x') }}", "pasword", Some("password")),
            ("{% set x = db.pasword %}{{ db.host }}{{ x }}", "pasword", Some("password")),
        ] {
            assert_eq!(try_render(text), absent("db", key, nearest), "{text}");
        }
        let inside = RenderError::Absent { alias: None, key: "k.w".into(), nearest: None };
        assert_eq!(try_render("{{ (db.config | fromjson).k.w }}"), Err(inside));
    }

    #[test]
    fn nobody_means_a_width_that_no_memory_holds() {
        for text in [
            "{{ 'x' | indent(2000000000, true) }}",
            "{{ '%2000000000d' | format(1) }}",
            "{{ [1] | batch(1000000000, 0) | list }}",
        ] {
            assert!(matches!(try_render(text), Err(RenderError::Failed { .. })), "{text}");
        }
        assert_eq!(try_render("{{ [1, 2] | batch(2) | list | length }}{{ 'x' | indent(2, true) }}"), Ok("1  x".into()));
    }

    #[test]
    fn a_key_that_need_not_be_there_excuses_nothing_else() {
        for text in ["{{ db.nope | default('x') }}{{ [] | first }}", "{{ db.nope is defined }}{{ [] | first }}"] {
            assert!(matches!(try_render(text), Err(RenderError::Failed { .. })), "{text}");
        }
    }

    #[test]
    fn a_key_that_comes_out_of_a_secret_is_not_told() {
        for text in ["{{ db[db.password] }}", "{{ db[plain] }}"] {
            assert_eq!(try_render(text), absent("db", "…", None), "{text}");
        }
        assert_eq!(try_render("{{ db.hosts[db.port] }}"), absent("db", "hosts.…", None));
    }

    #[test]
    fn a_key_of_what_is_no_object_is_no_absence() {
        for (text, alias, key) in [
            ("{{ plain.host }}", "plain", "host"),
            ("{{ plain['host'] | default('x') }}", "plain", "host"),
            ("{{ number.host is defined }}", "number", "host"),
            ("{{ list.host }}", "list", "host"),
            ("{{ db.host.name | default('x') }}", "db", "host.name"),
            ("{{ db.version.x }}", "db", "version.x"),
            ("{{ db.ssl.x }}", "db", "ssl.x"),
            ("{{ db.hosts.name }}", "db", "hosts.name"),
        ] {
            assert_eq!(try_render(text), no_object(alias, key), "{text}");
        }
        let what = "a key is asked of something that is no object";
        assert_eq!(failed("{% set x = plain %}\n{{ x.host }}"), (Some(2), what));
        assert_eq!(failed("{{ plain[db.host] }}"), (Some(1), what));
    }

    #[test]
    fn a_failure_says_where_and_what_and_quotes_nothing() {
        for (text, line, what) in [
            ("\n{{ db.password + 1 }}", 2, "invalid operation"),
            ("{{ db.port / 0 }}", 1, "invalid operation"),
            ("{{ db.password | int }}", 1, "invalid operation"),
            ("{{ db.binary | b64decode }}", 1, "b64decode gives bytes, not text"),
            ("{{ db.password | b64decode }}", 1, "b64decode of something else"),
            ("{{ db.password | fromjson }}", 1, "fromjson of something else"),
            ("{{ db.hosts | map(db.host) }}", 1, "unknown filter"),
            ("{{ db.hosts | tojson(2) }}", 1, "too many arguments"),
            ("{{ range }}", 1, "neither text nor data"),
            ("{{ [][0] }}", 1, "undefined value"),
            ("{{ none }}", 1, "undefined value"),
            ("{% set x %}{% endset %}{{ db.nope | default(x) }}{{ {}.y }}", 1, "undefined value"),
        ] {
            assert_eq!(failed(text), (Some(line), what), "{text}");
        }
    }

    #[test]
    fn a_template_cannot_run_away() {
        let loops = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
        assert_eq!(failed(loops), (Some(1), "too many steps"));
        let doubling =
            "{% set ns = namespace(x=db.password) %}{% for a in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}";
        assert_eq!(failed(doubling).1, "the text becomes longer than 1 MiB");
        assert_eq!(failed("{% for a in range(9999) %}{{ db * 1 }}{% endfor %}").1, "invalid operation");
        let output = "{% set x = 'x' * 1000 %}{% for a in range(9999) %}{{ x }}{% endfor %}";
        assert_eq!(failed(output).1, "the text becomes longer than 1 MiB");
        let forever = "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}";
        assert_eq!(failed(forever).1, "invalid operation");
        let ring = "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}";
        assert_eq!(failed(ring).1, "lists or maps are nested too deeply");
    }

    #[test]
    fn the_longest_tag_fits_into_the_stack_of_a_process() {
        let texts = [
            format!("{{{{ {} }}}}", vec!["plain"; 500].join(" ~ ")),
            format!("{{{{ {}plain }}}}", "not ".repeat(998)),
            format!("{{{{ {} 1 }}}}", "1 if not plain else ".repeat(166)),
            format!("{{% if not plain %}}{}{{% endif %}}", "{% elif not plain %}".repeat(100)),
            "{% if plain %}".repeat(140) + &"{% endif %}".repeat(140),
        ];
        let render_all = move || texts.iter().for_each(|text| drop(rendered(text)));
        std::thread::Builder::new().stack_size(8 << 20).spawn(render_all).unwrap().join().unwrap();
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert!(read(b"\xff").is_err());
        assert!(matches!(read(b"null"), Ok(Input::Text(_))));
        assert!(matches!(read(b" {} "), Ok(Input::Object(_))));
    }

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("true".to_owned()),
            "-?(0|[1-9][0-9]{0,24})([.][0-9]{1,6})?",
            any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            let list = prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(",")));
            let map = prop::collection::vec(inner, 0..4).prop_map(|items| {
                let entries = items.iter().enumerate().map(|(at, item)| format!("\"k{at}\":{item}"));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
            });
            prop_oneof![list, map]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_is_what_was_written(written in json()) {
            let input = read(format!("{{\"x\":{written}}}").as_bytes()).unwrap();
            let inputs = BTreeMap::from([("db".to_owned(), input)]);
            let shown = |text| render(&Template::parse(text).unwrap(), &inputs).unwrap().expose().to_vec();
            let text: Result<String, _> = serde_json::from_str(&written);
            let printed = text.unwrap_or_else(|_| written.clone()).into_bytes();
            for way in ["{{ db.x }}", "{{ '' ~ db.x }}", "{{ [db.x] | join }}", "{{ db.x | string }}"] {
                prop_assert_eq!(&shown(way), &printed, "{}", way);
            }
            prop_assert_eq!(shown("{{ db.x | tojson }}"), written.clone().into_bytes());
            prop_assert_eq!(shown("{{ [db.x] | tojson }}"), format!("[{written}]").into_bytes());
        }

        #[test]
        fn an_encoded_text_is_read_back(text in any::<String>()) {
            let inputs = BTreeMap::from([("s".to_owned(), Input::Text(Zeroizing::new(text.clone())))]);
            let shown = |template| render(&Template::parse(template).unwrap(), &inputs).unwrap().expose().to_vec();
            let encoded = String::from_utf8(shown("{{ s | urlencode }}")).unwrap();
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
            let mut decoded = Vec::new();
            let mut rest = encoded.as_bytes();
            while let Some((first, others)) = rest.split_first() {
                let (byte, after) = match first {
                    b'%' => (u8::from_str_radix(std::str::from_utf8(&others[..2]).unwrap(), 16).unwrap(), &others[2..]),
                    _ => (*first, others),
                };
                decoded.push(byte);
                rest = after;
            }
            prop_assert_eq!(decoded, text.clone().into_bytes());
            prop_assert_eq!(shown("{{ s | b64encode | b64decode }}"), text.clone().into_bytes());
            prop_assert_eq!(shown("{{ s | tojson | fromjson }}"), text.into_bytes());
        }
    }
}
