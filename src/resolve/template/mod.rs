//! Renders a template with the secrets of its aliases. docs/reference.md, "Composed values", defines how values print.
//!
//! MiniJinja runs the template; `values` exposes a secret to it, and prints values. The text of a MiniJinja error may
//! quote a value, so only its kind, its line and the names of unknown filters, functions, methods and tests leave this
//! module.

mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::ErrorKind::{UnknownFilter, UnknownFunction, UnknownMethod, UnknownTest};
use minijinja::value::{Rest, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, Value, filters};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::model::answer::Document;
use crate::model::entry::Transform;
use crate::model::entry::template::{self, Template};
use crate::model::inherited::Inherited;
use crate::model::library_text::is_undefined_operand;
use crate::model::secret_value::SecretValue;
use crate::model::suggest::{self, did_you_mean};
use crate::resolve::encoding;
use crate::resolve::extract::{NoValue, keys_hint};
use crate::resolve::json::{Json, quotable_keys};
use values::{LastMiss, Miss, OWN_ERROR, SecretObject, follow, own_error};

/// All but the unreserved characters of RFC 3986, section 2.3, so that the result fits into any part of a URL.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The number of MiniJinja instructions that a template may run.
const FUEL: u64 = 1_000_000;

/// The secret of an alias, as a template reads it.
pub enum Input {
    /// A secret that is a JSON object: the template looks up its keys.
    Object(Arc<Json>),
    /// Any other secret, JSON arrays and scalars among them.
    Text(Zeroizing<String>),
}

/// The reason that a template gives no value, and the alias that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderError {
    pub alias: Option<String>,
    pub why: NoValue,
}

impl Input {
    /// Returns `object`, the document's JSON object, or else its text; `None` for bytes that are not UTF-8.
    pub fn new(object: Option<Arc<Json>>, document: &Document) -> Option<Self> {
        let text = || std::str::from_utf8(document.body.expose()).ok();
        object.map(Self::Object).or_else(|| Some(Self::Text(Zeroizing::new(text()?.to_owned()))))
    }

    /// Returns the inherited variables that are UTF-8.
    pub fn variables(inherited: &Inherited) -> Self {
        let utf_8 = inherited.iter().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)));
        Self::Object(Arc::new(Json::of_texts(utf_8)))
    }

    fn value(&self, alias: &str, last_miss: &Arc<LastMiss>) -> Value {
        match self {
            Self::Object(json) => SecretObject::root(Some(alias), json.clone(), last_miss),
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
        |error: &RenderError| matches!(error.alias.as_ref().and_then(|alias| inputs.get(alias)), Some(Input::Text(_)));
    if let Some(error) = lookups_in_no_object(template, inputs).find(is_about_text) {
        return Err(error);
    }
    let last_miss = Arc::default();
    let mut environment = template::environment();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_formatter(|output, _, value| {
        // Strict mode lets one undefined value pass: the missing `else` of `{{ x if y }}`.
        if value.is_undefined() {
            return Ok(());
        }
        Ok(output.write_str(&values::text(value)?)?)
    });
    add_filters(&mut environment, &last_miss);
    add_strict_filters(&mut environment);
    let context = inputs.iter().map(|(alias, input)| (alias.as_str(), input.value(alias, &last_miss)));
    let rendered = environment.render_str(&template.text, Value::from_pairs(context));
    rendered.map(SecretValue::new).map_err(|error| render_error(&error, template, inputs, &last_miss))
}

/// Adds the filters that MiniJinja lacks.
fn add_filters(environment: &mut Environment<'_>, last_miss: &Arc<LastMiss>) {
    environment
        .add_filter("urlencode", |value: &Value| Ok(utf8_percent_encode(&values::text(value)?, RESERVED).to_string()));
    environment.add_filter("b64encode", |value: &Value| transform(value, Transform { decode: false, encode: true }));
    environment.add_filter("b64decode", |value: &Value| transform(value, Transform { decode: true, encode: false }));
    environment.add_filter("tojson", values::json);
    let last_miss = last_miss.clone();
    environment.add_filter("fromjson", move |value: &Value| {
        let json = Json::parse(values::text(value)?.as_bytes());
        let json = json.map_err(|_| own_error("fromjson: the value is not JSON"))?;
        Ok(SecretObject::root(None, Arc::new(json), &last_miss))
    });
}

/// Pairs of a filter's name and its function in `minijinja::filters`.
macro_rules! builtins {
    ($($filter:ident)*) => { [$((stringify!($filter), Value::from_function(filters::$filter))),*] };
}

/// Makes an undefined input an error in MiniJinja's filters that take it for an empty value, or fail for another reason.
fn add_strict_filters(environment: &mut Environment<'_>) {
    let builtins = builtins![
        abs chain dictsort escape first format groupby items join last lines list max min pprint reverse round sort
        split zip
    ];
    for (name, filter) in builtins.into_iter().chain([("e", Value::from_function(filters::escape))]) {
        environment.add_filter(name, move |state: &mut State<'_, '_>, given: Rest<ValueOrKwargs>| {
            let given = given.into_values();
            let is_undefined = |item: Value| item.is_undefined();
            if let Some(input) = given.first() {
                if input.is_undefined() {
                    // Formatting fails for a missing key, and succeeds for the missing `else` of `x if y`.
                    state.format(input.clone())?;
                } else if name == "join" && input.try_iter()?.any(is_undefined) {
                    return Err(ErrorKind::UndefinedError.into());
                }
            }
            filter.call(state, &given)
        });
    }
}

fn transform(value: &Value, transform: Transform) -> Result<Value, Error> {
    let bytes = encoding::apply(transform, SecretValue::new(values::text(value)?.as_bytes()))
        .map_err(|_| own_error("b64decode: the value is not base64"))?;
    let text =
        std::str::from_utf8(bytes.expose()).map_err(|_| own_error("b64decode: the decoded value is not UTF-8"))?;
    Ok(Value::from(text))
}

/// Translates MiniJinja's error without its text, which may quote a value, except for [`OWN_ERROR`] and unknown names.
fn render_error(
    error: &Error,
    template: &Template,
    inputs: &BTreeMap<String, Input>,
    last_miss: &LastMiss,
) -> RenderError {
    let kind = error.kind();
    if is_undefined_error(error) {
        let no_object = || lookups_in_no_object(template, inputs).next();
        let absent = || last_miss.get().map(|miss| absent(miss, template, inputs));
        // The last missing key may be one that the template provided for.
        if let Some(error) = no_object().or_else(absent) {
            return error;
        }
    }
    let is_safe = matches!(kind, OWN_ERROR | UnknownFilter | UnknownFunction | UnknownMethod | UnknownTest);
    let detail = error.detail().filter(|_| is_safe);
    let place = error.line().map(|line| format!("line {line} of the template: ")).unwrap_or_default();
    let why = place + &detail.map_or_else(|| kind.to_string(), str::to_owned);
    RenderError { alias: None, why: NoValue::failed("template", why) }
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

/// Returns the absence of a key, with the keys that exist if the template spells out the key.
fn absent(Miss { alias, path }: Miss, template: &Template, inputs: &BTreeMap<String, Input>) -> RenderError {
    let hint = || {
        let (key, parents) = path.split_last().filter(|(key, _)| template.has_key(key))?;
        let Input::Object(secret) = inputs.get(alias.as_deref()?)? else { return None };
        let map = follow(secret.value(), parents)?.as_object().filter(|map| !map.contains_key(key))?;
        match alias.as_deref() {
            // The names of all variables would help nobody.
            Some(template::ENV) => Some(did_you_mean(suggest::nearest(key, quotable_keys(map))?)),
            Some(_) | None => Some(keys_hint(map, key)),
        }
    };
    // A key that the template does not spell out may be a value.
    let key: Vec<_> = path.iter().map(|key| if template.has_key(key) { key } else { "*" }).collect();
    let whose = alias.as_deref().unwrap_or("result of `fromjson`");
    let why = if whose == template::ENV { "is not set" } else { "does not exist or is null" };
    let why = NoValue::absent("key-not-found", format!("the template's {whose}.{} {why}", key.join(".")));
    let problem = why.problem.help_if(hint());
    RenderError { alias, why: NoValue { problem, ..why } }
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
        (!has_keys).then(|| {
            let text =
                format!("the template uses {alias}.{key}, but the value before the last name is not a JSON object");
            let why =
                NoValue::failed("not-an-object", text).help(format!("write {{{{ {alias} }}}} for the whole value"));
            RenderError { alias: Some(alias.to_owned()), why }
        })
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
            Err(RenderError { why, .. }) if why.problem.code == "template" => {
                let (line, message) = why.problem.text.split_once(" of the template: ").unwrap();
                (line.strip_prefix("line ").unwrap().parse().ok(), message.to_owned())
            }
            other => panic!("{text}: {other:?}"),
        }
    }

    fn assert_absent(text: &str, alias: &str, key: &str, nearest: Option<&str>) {
        let RenderError { alias: found, why } = try_render(text).unwrap_err();
        assert_eq!(found.as_deref(), Some(alias), "{text}");
        assert!(why.is_absent && why.problem.text.contains(&format!("{alias}.{key} ")), "{text}: {why:?}");
        let help = why.problem.help.unwrap_or_default();
        assert_eq!(help.contains("did you mean"), nearest.is_some(), "{text}: {help}");
        assert!(help.contains(nearest.unwrap_or_default()), "{text}: {help}");
    }

    fn assert_no_object(text: &str, alias: &str, key: &str) {
        let RenderError { alias: found, why } = try_render(text).unwrap_err();
        assert_eq!(found.as_deref(), Some(alias), "{text}");
        assert!(
            why.problem.code == "not-an-object" && why.problem.text.contains(&format!("{alias}.{key},")),
            "{text}: {why:?}"
        );
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
            ("{{ db.hosts[3 * 3] }}", "hosts.*", None),
        ] {
            assert_absent(text, "db", key, nearest);
        }
        let RenderError { alias, why } = try_render("{{ (db.config | fromjson).k.w }}").unwrap_err();
        assert!(alias.is_none() && why.is_absent && why.problem.text.contains(".k.w "), "{why:?}");
    }

    #[test]
    fn a_null_in_a_list_is_an_absence() {
        for text in ["{{ db.mixed | join(',') }}", "{% for x in db.mixed %}{{ x }}{% endfor %}"] {
            assert_absent(text, "db", "mixed.*", None);
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
            let is_absent = rendered.as_ref().is_err_and(|error| error.alias.as_deref() == Some("db") && error.why.is_absent);
            assert!(is_absent, "{filter}: {rendered:?}");
        }
    }

    #[test]
    fn a_key_that_is_looked_for_in_vain_hides_no_failure() {
        assert_eq!(failed("{{ 'nope' in db }}{{ db.port + 'x' }}").1, "invalid operation");
        assert_eq!(failed("{{ 'nope' in db }}{{ -db.host }}").1, "invalid operation");
    }

    #[test]
    fn a_key_that_may_be_a_value_is_not_named() {
        for (text, key) in [
            ("{{ db[db.password] }}", "*"),
            ("{{ db[plain] }}", "*"),
            ("{{ db.hosts[db.port] }}", "hosts.*"),
            ("{{ db[sel.who ~ '']['x'] }}", "*"),
            ("{% set k = sel.who %}{{ db[k] }}", "*"),
            ("{{ db | attr(sel.who) }}", "*"),
            ("{{ [db] | map(attribute=sel.who) | list | tojson }}", "*"),
            ("{{ db[sel['in' ~ 'ner']].zz }}", "*.zz"),
        ] {
            assert_absent(text, "db", key, None);
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
            assert_no_object(text, alias, key);
        }
        assert_eq!(failed("{% set x = plain %}\n{{ x.host }}"), (Some(2), "undefined value".into()));
        assert_eq!(failed("{{ plain['host'] }}{{ plain[db.host] }}"), (Some(1), "undefined value".into()));
    }

    #[test]
    fn a_failure_has_its_line_and_quotes_no_value() {
        for (text, line, what) in [
            ("\n{{ db.password + 1 }}", 2, "invalid operation"),
            ("{{ db.port / 0 }}", 1, "invalid operation"),
            ("{{ db.password | int }}", 1, "invalid operation"),
            ("{{ db.binary | b64decode }}", 1, "b64decode: the decoded value is not UTF-8"),
            ("{{ db.password | b64decode }}", 1, "b64decode: the value is not base64"),
            ("{{ db.password | fromjson }}", 1, "fromjson: the value is not JSON"),
            ("{{ db.hosts | map(db.host) }}", 1, "unknown filter"),
            ("{{ db.host.strip() }}", 1, "string has no method named strip"),
            ("{{ db.hosts | tojson(2) }}", 1, "too many arguments"),
            ("{{ range }}", 1, "the value cannot be printed as text or JSON"),
            ("{{ [][0] }}", 1, "undefined value"),
            ("{{ none }}", 1, "undefined value"),
            (
                "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
                1,
                "engine ran out of fuel",
            ),
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
        let secret =
            r#"{"text":"c4n4ryInAValue","n":5,"array":["c4n4ryInAValue"],"object":{"key":"c4n4ryInAValue"},"on":true}"#;
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
