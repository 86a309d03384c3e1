//! Renders a template with the secrets of its aliases. docs/reference.md, "Composed values", defines how values print.
//!
//! MiniJinja runs the template: `secret_object` exposes a secret to it, `printing` prints values, and `filters` adds
//! filters and limits MiniJinja's own. The text of a MiniJinja error may quote a value, so only its kind, its line and
//! the names of unknown filters, functions, methods and tests leave this module.

mod filters;
mod printing;
mod secret_object;

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::ErrorKind::{UnknownFilter, UnknownFunction, UnknownMethod, UnknownTest};
use minijinja::{Error, ErrorKind, UndefinedBehavior, Value};
use zeroize::{Zeroize, Zeroizing};

use crate::model::answer::Document;
use crate::model::library_text::is_undefined_operand;
use crate::model::secret_value::SecretValue;
use crate::model::suggest;
use crate::model::template;
use crate::model::template::Template;
use crate::resolve::json::{Json, quotable_keys};
use printing::{MAX_LENGTH, OWN_ERROR, TOO_LONG};
use secret_object::{LookupMiss, LookupMisses, SecretObject, follow};

/// The number of MiniJinja instructions that a template may run.
const FUEL: u64 = 1_000_000;

/// The secret of an alias, as a template reads it.
#[derive(Clone)]
pub enum Input {
    /// A secret that is a JSON object: the template looks up its keys.
    Object(Arc<Json>),
    /// Any other secret, JSON arrays and scalars among them.
    Text(Zeroizing<String>),
}

/// The reason that a template gives no value. Keys are named only if the template itself spells them out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenderError {
    /// A key does not exist or is null, so that the entry's `default` or `optional` applies.
    Absent {
        /// The alias of the secret; `None` for a value from `fromjson`.
        alias: Option<String>,
        /// The keys from the root to the missing one, joined by dots; `None` if a value may have been used as a key.
        key: Option<String>,
        /// The most similar key that exists.
        nearest: Option<String>,
    },
    /// A lookup in a secret, or in a value of it, that is no object. This is not an absence.
    NotAnObject {
        alias: String,
        /// The keys of the lookup, joined by dots.
        key: String,
    },
    /// The secret of this alias is not UTF-8.
    NotText { alias: String },
    /// Any other error, described by `message` without any value. `line` is counted from the template's first, which is
    /// 1.
    Failed { line: Option<usize>, message: String },
}

impl RenderError {
    /// Returns the alias that the error is about.
    pub fn alias(&self) -> Option<&str> {
        match self {
            Self::Absent { alias, .. } => alias.as_deref(),
            Self::NotAnObject { alias, .. } | Self::NotText { alias } => Some(alias),
            Self::Failed { .. } => None,
        }
    }
}

impl Input {
    /// Returns `object`, the document's JSON object, or else its text; `None` for bytes that are not UTF-8.
    pub fn new(object: Option<Arc<Json>>, document: &Document) -> Option<Self> {
        let text = || std::str::from_utf8(document.body.expose()).ok();
        object.map(Self::Object).or_else(|| Some(Self::Text(Zeroizing::new(text()?.to_owned()))))
    }

    fn value(&self, alias: &str, misses: &Arc<LookupMisses>) -> Value {
        match self {
            Self::Object(json) => SecretObject::root(Some(alias), json.clone(), misses),
            Self::Text(text) => Value::from(text.as_str()),
        }
    }
}

/// Renders `template` with `inputs`, the secret of each alias that it needs.
///
/// # Errors
/// The first missing key, lookup in a text, or other failure of the template. A text is looked for before the template
/// runs, so that its `default` cannot hide a malformed secret.
pub fn render(template: &Template, inputs: &BTreeMap<String, Input>) -> Result<SecretValue, RenderError> {
    let is_about_text =
        |error: &RenderError| error.alias().is_some_and(|alias| matches!(inputs.get(alias), Some(Input::Text(_))));
    if let Some(error) = lookups_in_no_object(template, inputs).find(is_about_text) {
        return Err(error);
    }
    let misses = Arc::default();
    let mut environment = template::environment();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_formatter(printing::formatter());
    filters::install(&mut environment, &misses);
    let values = Value::from_pairs(inputs.iter().map(|(alias, input)| (alias.as_str(), input.value(alias, &misses))));
    let mut output = vec![0; MAX_LENGTH];
    let mut rest = output.as_mut_slice();
    let parsed = environment.template_from_str(&template.text);
    let rendered = parsed.and_then(|parsed| parsed.render_captured_to(values, &mut rest).map(drop));
    let written = MAX_LENGTH - rest.len();
    let value = SecretValue::new(&output[..written]);
    output[..written].zeroize();
    rendered.map(|()| value).map_err(|error| render_error(&error, template, inputs, &misses))
}

/// Translates MiniJinja's error without its text, which may quote a value, except for [`OWN_ERROR`] and unknown names.
fn render_error(
    error: &Error,
    template: &Template,
    inputs: &BTreeMap<String, Input>,
    misses: &LookupMisses,
) -> RenderError {
    let failed = |message: &str| RenderError::Failed { line: error.line(), message: message.to_owned() };
    let kind = error.kind();
    match kind {
        _ if is_undefined_error(error) => match misses.last() {
            Some(miss) => absent(miss, template, inputs),
            None => lookups_in_no_object(template, inputs).next().unwrap_or_else(|| failed(&kind.to_string())),
        },
        OWN_ERROR | UnknownFilter | UnknownFunction | UnknownTest => {
            failed(error.detail().unwrap_or(&kind.to_string()))
        }
        UnknownMethod => {
            failed(&format!("{}; filters do this, like `| trim`", error.detail().unwrap_or(&kind.to_string())))
        }
        ErrorKind::WriteFailure => failed(TOO_LONG),
        ErrorKind::OutOfFuel => failed("the template runs for more than 1,000,000 steps"),
        _ => failed(&kind.to_string()),
    }
}

/// True for the use of an undefined value. MiniJinja reports an undefined operand only in the error's text, which the
/// tests check. Its error for `-` has no text, so a missing key there counts as a failure instead of an absence.
fn is_undefined_error(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::UndefinedError => true,
        ErrorKind::InvalidOperation => error.detail().is_some_and(is_undefined_operand),
        _ => false,
    }
}

/// Returns the absence of a key, which is named only if the template spells it out.
fn absent(
    LookupMiss { alias, path }: LookupMiss,
    template: &Template,
    inputs: &BTreeMap<String, Input>,
) -> RenderError {
    let unnamed = RenderError::Absent { alias: alias.clone(), key: None, nearest: None };
    let Some(Input::Object(secret)) = alias.as_ref().and_then(|alias| inputs.get(alias)) else { return unnamed };
    let object = |path: &[String]| follow(secret.value(), path)?.as_object();
    // A step below anything but an object is an index.
    let keys = (0..path.len()).filter(|at| object(&path[..*at]).is_some()).map(|at| path[at].as_str());
    if path.is_empty() || !template.spells_out(keys) {
        return unnamed;
    }
    let nearest = path.split_last().and_then(|(key, parents)| {
        let map = object(parents).filter(|map| !map.contains_key(key))?;
        suggest::nearest(key, quotable_keys(map)).map(str::to_owned)
    });
    RenderError::Absent { alias, key: Some(path.join(".")), nearest }
}

/// Returns an error for each dotted lookup of the template whose parent is neither an object nor null.
fn lookups_in_no_object(template: &Template, inputs: &BTreeMap<String, Input>) -> impl Iterator<Item = RenderError> {
    template.lookups.iter().filter_map(|path| {
        let (alias, key) = path.split_once('.')?;
        let keys: Vec<_> = key.split('.').collect();
        let has_keys = match inputs.get(alias)? {
            Input::Text(_) => false,
            Input::Object(secret) => {
                let parent = follow(secret.value(), &keys[..keys.len() - 1])?;
                parent.is_object() || parent.is_null()
            }
        };
        (!has_keys).then(|| RenderError::NotAnObject { alias: alias.to_owned(), key: key.to_owned() })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Option<Input> {
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
        let selection = r#"{"who":"nobody","inner":"inner"}"#;
        let inputs = [("db", DB), ("plain", AWKWARD), ("number", "007"), ("list", "[1, 2]"), ("sel", selection)];
        let inputs = inputs.into_iter().map(input);
        let value = render(&Template::parse(text).unwrap(), &inputs.collect())?;
        Ok(String::from_utf8(value.expose().to_vec()).unwrap())
    }

    fn rendered(text: &str) -> String {
        try_render(text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
    }

    fn failed(text: &str) -> (Option<usize>, String) {
        match try_render(text) {
            Err(RenderError::Failed { line, message }) => (line, message),
            other => panic!("{text}: {other:?}"),
        }
    }

    fn absent(alias: &str, key: &str, nearest: Option<&str>) -> Result<String, RenderError> {
        let (alias, key) = (Some(alias.into()), Some(key.into()));
        Err(RenderError::Absent { alias, key, nearest: nearest.map(Into::into) })
    }

    fn absent_unnamed(alias: &str) -> Result<String, RenderError> {
        Err(RenderError::Absent { alias: Some(alias.into()), key: None, nearest: None })
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
    fn a_value_prints_as_it_does_without_a_template() {
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
    fn the_text_around_a_tag_is_kept_with_its_last_newline() {
        assert_eq!(rendered("a\n{{ db.port }}\n"), "a\n5432\n");
        assert_eq!(rendered("{{ db.lines }}\n\n"), " a\n\n\n");
        assert_eq!(
            rendered("<{{ '<&\"' }}>{% autoescape true %}{{ db.password }}{% endautoescape %}"),
            format!("<<&\">{AWKWARD}")
        );
    }

    #[test]
    fn a_value_prints_alike_through_operators_filters_and_loops() {
        for (text, expected) in [
            ("{{ 'v=' ~ db.version ~ db.inner.z }}", "v=1.101"),
            (
                "{{ db.hosts ~ db.inner }}",
                r#"["a","b"]{"z":1,"a":[1.10,-0,true,null,"</é\""],"$serde_json::private::Number":"12"}"#,
            ),
            ("{{ '' ~ [db.hosts, db.version] }}", r#"[["a","b"], '1.10']"#),
            ("{{ db.inner.a[:2] | join(',') }}", "1.10,-0"),
            ("{{ [db.version, db.hosts, db.inner.z] | join('|') }}", r#"1.10|["a","b"]|1"#),
            ("{{ db.version | string | length }}{{ db.hosts | string }}", r#"4["a","b"]"#),
            ("{{ '%s %s %d' | format(db.version, db.hosts, db.port) }}", r#"1.10 ["a","b"] 5432"#),
            ("{{ db.version | split('.') | last }}", "10"),
            ("{% set x %}{{ db.ssl }}{% endset %}{{ x }}", "true"),
            ("{% for p in db.ports %}{{ p }};{% endfor %}", "1;2.0;3.10;true;"),
            (
                "{% for k, v in db.inner | items %}{{ k }}={{ v }};{% endfor %}",
                r#"z=1;a=[1.10,-0,true,null,"</é\""];$serde_json::private::Number=12;"#,
            ),
            ("{{ {'b': db.ssl, 'a': db.port} }}", r#"{"b":true,"a":5432}"#),
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
    fn within_an_expression_a_boolean_is_printed_as_jinja_does() {
        assert_eq!(rendered("{{ 'ssl=' ~ db.ssl }} {{ db.ssl | string }} {{ [db.ssl] | join }}"), "ssl=True True True");
    }

    #[test]
    fn a_number_whose_literal_minijinja_keeps_is_a_number() {
        for (text, expected) in [
            ("{{ db.port + 1 }} {{ db.port // 2 }} {{ -db.port }} {{ db.ratio * 2 }}", "5433 2716 -5432 3.0"),
            ("{{ db.port == 5432 }} {{ db.port > 80 }} {{ db.big > db.port }}", "true true true"),
            ("{{ db.port is number }} {{ db.port is integer }} {{ db.ratio is float }}", "true true true"),
            ("{{ db.big + 1 }} {{ db.ssl == true }}", "12345678901234567891 true"),
            ("{{ db.hosts == ['a', 'b'] }} {{ db.hosts == db.hosts }} {{ 'a' in db.hosts }}", "true true true"),
            ("{{ 'z' in db.inner }} {{ 'y' in db.inner }} {{ db.hosts | length }}", "true false 2"),
            ("{{ [3, 1, 2] | sort | join }} {{ 'ab' * 2 }} {{ db.host + '/' }}", "123 abab db.internal/"),
            (
                "{{ 6 is divisibleby(3) }} {{ 4 is divisibleby(3) }} {{ db.port is divisibleby(-1) }} {{ 4.0 is divisibleby(1) }}",
                "true false true true",
            ),
            ("{% for x in range(5) if x is odd %}{{ x }}{{ loop.index }}{% endfor %}", "1132"),
        ] {
            assert_eq!(rendered(text), expected, "{text}");
        }
    }

    #[test]
    fn any_other_number_is_its_text() {
        for (text, expected) in [
            (
                "{{ db.version is string }} {{ db.huge is string }} {{ db.zero is string }} {{ db.wide is string }}",
                "true true true true",
            ),
            ("{{ (db.version | float) * 2 }} {{ db.version | float }} {{ db.version | float | round }}", "2.2 1.1 1.0"),
            ("{{ db.version == '1.10' }} {{ db.version | tojson }}", "true \"1.10\""),
        ] {
            assert_eq!(rendered(text), expected, "{text}");
        }
        assert_eq!(failed("{{ db.version * 2.5 }}").1, "invalid operation");
    }

    #[test]
    fn conditions_and_loops_work() {
        for (text, expected) in [
            ("{% if db.ssl %}?sslmode=require{% endif %}", "?sslmode=require"),
            ("{% if db.debug %}x{% elif db.ssl %}y{% endif %}", "y"),
            ("{% for h in db.hosts %}{{ h }}{% if not loop.last %},{% endif %}{% endfor %}", "a,b"),
            ("{% for k in db.inner %}{{ k }},{% endfor %}", "z,a,$serde_json::private::Number,"),
            ("{{ db.nope is defined }} {{ db.none is defined }} {{ db.port is defined }}", "false false true"),
            ("{{ db.nope | default('y') }} {{ db.none | default('y') }} {{ db.empty | default('y') }}", "y y "),
            ("{{ db.empty | default('y', true) }} {{ db.port | d(1) }}", "y 5432"),
            ("{{ 'x' if db.debug }}{{ ('x' if db.debug) ~ 'z' }}{{ ('x' if db.debug) | upper }}", "z"),
            ("{{ plain if plain is string }}", AWKWARD),
            (
                "{% set ns = namespace(n=0) %}{% for h in db.hosts %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}",
                "2",
            ),
            (
                "{{ db.hosts[0] }}{{ db.hosts[-1] }}{{ db.host[0] }}{{ db.host[:2] }}{{ db.hosts[1:] | first }}",
                "abddbb",
            ),
        ] {
            assert_eq!(rendered(text), expected, "{text}");
        }
    }

    #[test]
    fn the_filters_of_this_module_print_like_values() {
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
            ("{{ {'z': db.inner.a, 'a': [db.ssl]} | tojson }}", r#"{"z":[1.10,-0,true,null,"</é\""],"a":[true]}"#),
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
            ("{{ db['inner'].a[7] }}", "inner.a.7", None),
            ("{{ db.nope.deeper }}", "nope", None),
            ("{{ db.hosts[7] }}", "hosts.7", None),
            ("{{ db.nope | urlencode }}", "nope", None),
            ("{{ db.nope | length }}", "nope", None),
            ("{{ db.nope | list }}", "nope", None),
            ("{{ db.nope[1:] }}", "nope", None),
            ("{{ db.nope + 1 }}", "nope", None),
            ("{{ 'a' ~ db.nope }}", "nope", None),
            ("{{ db.nope == 1 }}", "nope", None),
            ("{% if db.nope %}{% endif %}", "nope", None),
            ("{% for x in db.nope %}{% endfor %}", "nope", None),
            ("{{ [db.nope] | tojson }}", "nope", None),
            ("{{ db.prt | default('x') }}{{ db.pasword }}{{ db.usr | default('x') }}", "pasword", Some("password")),
            ("{% set x = db.pasword %}{{ db.usr | default('x') }}{{ x }}", "pasword", Some("password")),
        ] {
            assert_eq!(try_render(text), absent("db", key, nearest), "{text}");
        }
        let inside = RenderError::Absent { alias: None, key: None, nearest: None };
        assert_eq!(try_render("{{ (db.config | fromjson).k.w }}"), Err(inside));
    }

    #[test]
    fn a_null_in_a_list_is_an_absence() {
        for text in ["{{ db.mixed | join(',') }}", "{% for x in db.mixed %}{{ x }}{% endfor %}"] {
            assert_eq!(try_render(text), absent("db", "mixed.1", None), "{text}");
        }
        assert_eq!(rendered("{% for x in db.mixed %}{{ x | default('-') }}{% endfor %}"), "1-");
    }

    #[test]
    fn a_missing_key_is_an_absence_in_any_filter() {
        for filter in "abs b64decode b64encode batch(2) bool capitalize chain count dictsort e escape first float format fromjson \
             groupby('x') indent int items join last length lines list lower map('upper') max min pprint reject \
             replace('a','b') reverse round safe select slice(2) sort split string sum title tojson trim unique \
             upper urlencode zip"
            .split_whitespace()
        {
            let rendered = try_render(&format!("{{% set x = db.usr | {filter} %}}"));
            let is_absent = matches!(&rendered, Err(RenderError::Absent { alias: Some(alias), .. }) if alias == "db");
            assert!(is_absent, "{filter}: {rendered:?}");
        }
    }

    #[test]
    fn a_key_with_a_default_hides_no_other_error() {
        for text in ["{{ db.nope | default('x') }}{{ [] | first }}", "{{ db.nope is defined }}{{ [] | first }}"] {
            assert!(matches!(try_render(text), Err(RenderError::Failed { .. })), "{text}");
        }
        assert_eq!(failed("{{ 'nope' in db }}{{ db.port + 'x' }}").1, "invalid operation");
        assert_eq!(failed("{{ 'nope' in db }}{{ -db.host }}").1, "invalid operation");
    }

    #[test]
    fn a_key_that_may_be_a_value_is_not_named() {
        for text in [
            "{{ db[db.password] }}",
            "{{ db[plain] }}",
            "{{ db[plain].x }}",
            "{{ db.hosts[db.port] }}",
            "{{ db[sel.who] }}{{ db.nobody | default('') }}",
            "{{ db[sel.who].x }}",
            "{{ db[sel.who ~ '']['x'] }}",
            "{% set k = sel.who %}{{ db[k] }}",
            "{{ db | attr(sel.who) }}{{ db.nobody | default('') }}",
            "{{ [db] | map(attribute=sel.who) | list | tojson }}{{ db.nobody | default('') }}",
            "{{ db[sel.inner].zz }}{{ db.inner.zz | default('') }}",
        ] {
            assert_eq!(try_render(text), absent_unnamed("db"), "{text}");
        }
    }

    #[test]
    fn a_lookup_in_a_value_that_is_no_object_is_no_absence() {
        for (text, alias, key) in [
            ("{{ plain.host }}", "plain", "host"),
            ("{{ plain.host | default('x') }}", "plain", "host"),
            ("{{ plain.host if plain is mapping }}", "plain", "host"),
            ("{{ list.host }}", "list", "host"),
            ("{{ db.host.name }}", "db", "host.name"),
            ("{{ db.version.x }}", "db", "version.x"),
            ("{{ db.ssl.x }}", "db", "ssl.x"),
            ("{{ db.hosts.name }}", "db", "hosts.name"),
        ] {
            assert_eq!(try_render(text), no_object(alias, key), "{text}");
        }
        assert_eq!(failed("{% set x = plain %}\n{{ x.host }}"), (Some(2), "undefined value".into()));
        assert_eq!(failed("{{ plain['host'] }}{{ plain[db.host] }}"), (Some(1), "undefined value".into()));
    }

    #[test]
    fn a_failure_has_its_line_and_quotes_no_value() {
        for (text, line, what) in [
            ("\n{{ db.password + 1 }}", 2, "invalid operation"),
            ("{{ db.port / 0 }}", 1, "invalid operation"),
            ("{{ db.port is divisibleby(0) }}", 1, "divisibleby(0) divides by zero"),
            ("{{ db.port is divisibleby(false) }}", 1, "divisibleby(0) divides by zero"),
            ("{{ db.password | int }}", 1, "invalid operation"),
            ("{{ db.binary | b64decode }}", 1, "b64decode: the decoded value is not UTF-8"),
            ("{{ db.password | b64decode }}", 1, "b64decode: the value is not base64"),
            ("{{ db.password | fromjson }}", 1, "fromjson: the value is not JSON"),
            ("{{ db.hosts | map(db.host) }}", 1, "unknown filter"),
            ("{{ db.host.strip() }}", 1, "string has no method named strip; filters do this, like `| trim`"),
            ("{{ db.hosts | tojson(2) }}", 1, "too many arguments"),
            ("{{ range }}", 1, "the value cannot be printed as text or JSON"),
            ("{{ [][0] }}", 1, "undefined value"),
            ("{{ none }}", 1, "undefined value"),
            ("{% set x %}{% endset %}{{ db.nope | default(x) }}{{ {}.y }}", 1, "undefined value"),
        ] {
            assert_eq!(failed(text), (Some(line), what.to_owned()), "{text}");
        }
    }

    const FILTERS: &str = "abs attr b64decode b64encode batch bool capitalize chain count d default dictsort e escape first float \
         format fromjson groupby indent int items join last length lines list lower map max min pprint reject rejectattr \
         replace reverse round safe select selectattr slice sort split string sum title tojson trim unique upper \
         urlencode zip";
    const TESTS: &str = "boolean defined divisibleby endingwith eq even filter float ge gt in int iterable le lower lt mapping ne \
         none number odd safe sameas sequence startingwith string test true undefined upper";
    const OPERATORS: [&str; 12] = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "<", "in", "and"];

    /// Templates that apply every filter, test, operator and lookup to `a`, with `b` as its argument.
    fn applications(a: &str, b: &str) -> Vec<String> {
        let filters = FILTERS.split_whitespace().flat_map(|filter| {
            let calls = [String::new(), format!("({b})"), format!("({b}, {b})"), format!("(attribute={b})")];
            calls.map(|call| format!("{{{{ ({a} | {filter}{call}) | list }}}}"))
        });
        let tests = TESTS
            .split_whitespace()
            .flat_map(|test| [format!("{{{{ {a} is {test} }}}}"), format!("{{{{ {a} is {test}({b}) }}}}")]);
        let operators = OPERATORS.map(|sign| format!("{{{{ ({a} {sign} {b}).x }}}}"));
        let lookups = [
            format!("{{{{ {a}[{b}] }}}}"),
            format!("{{{{ {a}[{b}].x }}}}"),
            format!("{{{{ {a}[:{b}] }}}}"),
            format!("{{{{ {a}({b}) }}}}"),
            format!("{{{{ {a}.x({b}) }}}}"),
            format!("{{{{ range({b}, {a}) }}}}"),
            format!("{{% for x, y in {a} %}}{{{{ x[{b}] }}}}{{% endfor %}}"),
        ];
        filters.chain(tests).chain(operators).chain(lookups).collect()
    }

    #[test]
    fn no_error_of_a_filter_operator_or_test_quotes_a_value() {
        const CANARY: &str = "c4n4ryInAValue";
        let secret = r#"{"text":"c4n4ryInAValue","n":5,"array":["c4n4ryInAValue"],"object":{"c4n4ryInAValue":"c4n4ryInAValue"},"on":true}"#;
        let input = |body: &str| read(body.as_bytes()).unwrap();
        let inputs = BTreeMap::from([("db".to_owned(), input(secret)), ("plain".to_owned(), input(CANARY))]);
        let operands = ["db.text", "db.n", "db.array", "db.object", "db.on", "db.nope", "db[plain]", "plain", "db"];
        let others = ["db.text", "db.n", "db.object", "db.nope"];
        let pairs = operands.iter().flat_map(|a| others.iter().map(move |b| (a, b)));
        let mut failed = 0;
        for text in pairs.flat_map(|(a, b)| applications(a, b)) {
            let template = Template::parse(&text).unwrap();
            if let Err(error) = render(&template, &inputs) {
                failed += 1;
                assert!(!format!("{error:?}").contains(CANARY), "{text}: {error:?}");
            }
        }
        assert!(failed > 1000, "only {failed} have failed");
    }

    #[test]
    fn steps_length_and_nesting_are_limited() {
        let loops = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
        assert_eq!(failed(loops), (Some(1), "the template runs for more than 1,000,000 steps".into()));
        let text = "the text is longer than 1 MiB";
        let printed = "{% set x = 'x' * 1000 %}{% for a in range(9999) %}{{ x }}{% endfor %}";
        assert_eq!(failed(printed).1, text);
        let captured = "{% set y = 'x' * 1000 %}{% set x %}{% for a in range(9999) %}{{ y }}{% endfor %}{% endset %}";
        assert_eq!(failed(captured).1, text);
        let raw = format!("{{% for a in range(9999) %}}{}{{% endfor %}}", "x".repeat(1000));
        assert_eq!(failed(&raw).1, text);
        let ring = "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}";
        assert_eq!(failed(ring).1, "lists or maps are nested too deeply");
    }

    #[test]
    fn a_filter_fails_before_it_exceeds_its_limit() {
        for (text, name) in [
            ("{{ (db.password * 5000) | replace('', db.host * 5000) }}", "replace"),
            ("{{ range(100000) | join(db.password * 99) }}", "join"),
            ("{{ range(100000) | join(d=db.password * 99) }}", "join"),
            ("{{ 'x' | indent(db.big, true) }}", "indent"),
            ("{{ ('\n' * 9999) | indent(width=db.port) }}", "indent"),
            ("{{ '%2000000000d' | format(1) }}", "format"),
            ("{{ '%.2000000000f' | format(1.5) }}", "format"),
            ("{{ '%*d' | format(2000000000, 1) }}", "format"),
            ("{{ ('%(a)s' * 9999) | format({'a': db.password * 99}) }}", "format"),
            ("{{ [1] | batch(1000000000, 0) | list }}", "batch"),
            ("{{ [1] | slice(1000000000) | list }}", "slice"),
        ] {
            assert_eq!(failed(text).1, format!("`{name}` exceeds the 16 MiB that filters may build"), "{text}");
        }
        let often = "{% for i in range(999) %}{% set x = plain | join('-' * 9999) %}{% endfor %}";
        assert_eq!(failed(often).1, "`join` exceeds the 16 MiB that filters may build");
        assert_eq!(rendered("{{ [1, 2] | batch(2) | list | length }}{{ 'x' | indent(2, true) }}"), "1  x");
        assert_eq!(
            rendered("{{ 'a-b' | replace('-', db.host) }}{{ '%5.1f%%' | format(db.ratio) }}"),
            "adb.internalb  1.5%"
        );
    }

    #[test]
    fn a_repeated_list_is_not_printed_to_its_end() {
        for text in ["{{ [0] * 99999999 }}", "{{ [db.inner] * 99999999 }}", "{{ ([[]] * 99999999) | tojson }}"] {
            assert_eq!(failed(text).1, "the text is longer than 1 MiB", "{text}");
        }
    }

    #[test]
    fn the_longest_tag_fits_into_the_stack_of_a_process() {
        let parts = [
            ("1", "~1", ""),
            ("1", "-1", ""),
            ("", "-", "1"),
            ("", "not ", "1"),
            ("a", ".a", ""),
            ("a", "|d", ""),
            ("a", "()", ""),
            ("a", "[0]", ""),
            ("a", "[:]", ""),
            ("1", " is odd", ""),
            ("1", "<1", ""),
            ("1", " or 1", ""),
            ("", "1 if 0 else ", "1"),
        ];
        let long = parts.map(|(start, part, end)| format!("{{{{{start}{}{end}}}}}", part.repeat(4094 / part.len())));
        let branches = format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(100));
        let blocks = "{% if 1 %}".repeat(140) + &"{% endif %}".repeat(140);
        let render_all = move || {
            for text in long.iter().chain([&branches, &blocks]) {
                let template = Template::parse(text).unwrap_or_else(|error| panic!("{}: {error:?}", &text[..20]));
                drop(render(&template, &BTreeMap::new()));
            }
        };
        std::thread::Builder::new().stack_size(8 << 20).spawn(render_all).unwrap().join().unwrap();
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_no_input() {
        assert!(read(b"\xff").is_none());
        assert!(matches!(read(b"null"), Some(Input::Text(_))));
        assert!(matches!(read(b" {} "), Some(Input::Object(_))));
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
        fn a_value_prints_as_it_was_written(written in json()) {
            let input = read(format!("{{\"x\":{written}}}").as_bytes()).unwrap();
            let inputs = BTreeMap::from([("db".to_owned(), input)]);
            let shown = |text| render(&Template::parse(text).unwrap(), &inputs).unwrap().expose().to_vec();
            let text: Result<String, _> = serde_json::from_str(&written);
            let printed = text.unwrap_or_else(|_| written.clone()).into_bytes();
            prop_assert_eq!(shown("{{ db.x }}"), printed.clone());
            if written != "true" {
                for template in ["{{ '' ~ db.x }}", "{{ [db.x] | join }}", "{{ db.x | string }}"] {
                    prop_assert_eq!(&shown(template), &printed, "{}", template);
                }
            }
            prop_assert_eq!(shown("{{ db | tojson }}"), format!("{{\"x\":{written}}}").into_bytes());
        }

        #[test]
        fn an_encoded_text_decodes_to_itself(text in any::<String>()) {
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
