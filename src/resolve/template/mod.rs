//! Renders a template with the secrets of its aliases. docs/reference.md, "Composed values", defines how values print.
//!
//! MiniJinja runs the template; `values` exposes a secret to it, and prints values. The text of a MiniJinja error may
//! quote a value, so only its kind, its line and the names of unknown filters, functions, methods and tests leave this
//! module.

mod filters;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::ErrorKind::{UnknownFilter, UnknownFunction, UnknownMethod, UnknownTest};
use minijinja::{Error, ErrorKind, UndefinedBehavior, Value};
use zeroize::Zeroizing;

use crate::model::answer::Document;
use crate::model::entry::Subject;
use crate::model::entry::template::{self, Template};
use crate::model::env_name::is_name;
use crate::model::inherited::Inherited;
use crate::model::plan::{Plan, Planned, ValueSource};
use crate::model::problem::{Impact, MissingKey, Problem};
use crate::model::secret_value::SecretValue;
use crate::model::suggest;
use crate::resolve::extract::{Json, ParsedDocument, listed_keys, quotable_keys};
use values::{LastMiss, Miss, Names, OwnError, SecretObject, UnreadSecret, follow};

/// The number of MiniJinja instructions that a template may run.
const FUEL: u64 = 1_000_000;

/// The secret of an alias, as a template reads it.
pub enum Input {
    /// A secret that is a JSON object: the template looks up its keys.
    Object(Arc<Json>),
    /// Any other secret, JSON arrays and scalars among them.
    Text(Zeroizing<String>),
}

/// The alias that an error is about, and the reason that the template gives no value.
type RenderError = (Option<String>, Problem);

impl Input {
    /// Returns the document as an object if it is one, or else its text; `None` for bytes that are not UTF-8.
    pub fn new(parsed: &ParsedDocument, document: &Document) -> Option<Self> {
        match parsed {
            Ok(json) if json.value().is_object() => Some(Self::Object(json.clone())),
            Ok(_) | Err(_) => {
                let text = str::from_utf8(document.body.expose()).ok()?;
                Some(Self::Text(Zeroizing::new(text.to_owned())))
            }
        }
    }

    /// Returns the inherited variables that are UTF-8.
    pub fn variables(inherited: &Inherited) -> Self {
        let texts = inherited
            .iter()
            .filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)));
        Self::Object(Arc::new(Json::of_texts(texts)))
    }

    fn value(&self, alias: &str, last_miss: &Arc<LastMiss>) -> Value {
        match self {
            Self::Object(json) => SecretObject::root(Some(alias), json.clone(), last_miss),
            Self::Text(text) => Value::from(text.as_str()),
        }
    }
}

/// Renders `template` with `inputs`, the secret of each alias that it needs. `plan` is for advice.
///
/// # Errors
/// The first missing key, lookup in a text, or other failure of the template. A text is looked for before the template
/// runs, so that its `default` cannot hide a malformed secret.
pub fn render(
    template: &Template,
    inputs: &BTreeMap<String, Input>,
    plan: &Plan,
) -> Result<SecretValue, RenderError> {
    for (alias, why) in lookups_in_no_object(template, inputs) {
        if matches!(inputs.get(alias), Some(Input::Text(_))) {
            return Err((Some(alias.to_owned()), why));
        }
    }
    let last_miss = Arc::new(LastMiss::default());
    let values = inputs
        .iter()
        .map(|(alias, input)| (alias.clone(), input.value(alias, &last_miss)))
        .collect();
    let rendered = render_with(template, values, &last_miss);
    rendered
        .map(SecretValue::new)
        .map_err(|error| render_error(&error, template, inputs, plan, &last_miss))
}

/// Returns the error of a template with a filter, test or function that does not exist, as far as a rendering gets with a placeholder for
/// each secret. An error of another kind may be the placeholder's.
pub fn find_unknown_name(source: &ValueSource, subject: &Subject) -> Option<Problem> {
    let ValueSource::Template { template, inputs } = source else {
        return None;
    };
    let names = inputs.keys().map(String::as_str).chain([template::ENV]);
    let values = names
        .map(|name| (name.to_owned(), Value::from_object(UnreadSecret)))
        .collect();
    let error = render_with(template, values, &Arc::default()).err()?;
    let is_unknown = matches!(error.kind(), UnknownFilter | UnknownFunction | UnknownTest);
    is_unknown.then(|| template_error(&error, template).of(subject.clone(), Impact::Unread))
}

/// Renders with the value of each name.
fn render_with(
    template: &Template,
    mut names: BTreeMap<String, Value>,
    last_miss: &Arc<LastMiss>,
) -> Result<String, Error> {
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
    filters::add(&mut environment, last_miss);
    names.extend(
        environment
            .globals()
            .map(|(name, value)| (name.to_owned(), value)),
    );
    environment.render_str(&template.text, Value::from_object(Names(names)))
}

/// Translates MiniJinja's error.
///
/// The error is an absence only if it says that a value is undefined, and the JSON doesn't have a key that the template looked up.
fn render_error(
    error: &Error,
    template: &Template,
    inputs: &BTreeMap<String, Input>,
    plan: &Plan,
    last_miss: &LastMiss,
) -> RenderError {
    if is_undefined_error(error) {
        if let Some((alias, why)) = lookups_in_no_object(template, inputs).next() {
            return (Some(alias.to_owned()), why);
        }
        if let Some(miss) = last_miss.take() {
            return absent(miss, template, inputs, plan);
        }
    }
    (None, template_error(error, template))
}

/// Returns MiniJinja's error without its text, which may quote a value. Only the text of an [`OwnError`] and unknown names stay.
fn template_error(error: &Error, template: &Template) -> Problem {
    let own_error = OwnError::cause_of(error);
    let names_the_unknown = matches!(
        error.kind(),
        UnknownFilter | UnknownFunction | UnknownMethod | UnknownTest
    );
    let text = match (own_error, error.detail()) {
        (Some(own_error), _) => own_error.text.clone(),
        (None, Some(detail)) if names_the_unknown => detail.to_owned(),
        (None, _) => match error.kind() {
            ErrorKind::InvalidOperation => {
                "an operation is not possible with these values".to_owned()
            }
            ErrorKind::UndefinedError => "a value is undefined".to_owned(),
            ErrorKind::OutOfFuel => "it takes too many steps".to_owned(),
            kind => kind.to_string(),
        },
    };
    let help = match (own_error, error.kind()) {
        (Some(own_error), _) => own_error.help,
        (None, UnknownFilter) => Some(
            "the filters are those of MiniJinja, and urlencode, tojson, fromjson, b64encode and b64decode",
        ),
        (None, UnknownMethod) => {
            Some("use a filter instead of a method, as in {{ db.host | trim }}")
        }
        (None, _) => None,
    };
    let place = template::place(&template.text, error.line());
    Problem::configuration(format!("{place} has an error: {text}"))
        .code("template")
        .replace_help(help)
}

/// True for the use of an undefined value, of which MiniJinja's operators tell only in the error's text ("unsupported types undefined and
/// number"). The error of the operator `-` with one operand has no text.
fn is_undefined_error(error: &Error) -> bool {
    if OwnError::cause_of(error).is_some() {
        return false;
    }
    match error.kind() {
        ErrorKind::UndefinedError => true,
        ErrorKind::InvalidOperation => error
            .detail()
            .is_none_or(|detail| detail.contains("undefined")),
        _ => false,
    }
}

/// Returns the absence of a key, or of a variable.
fn absent(
    Miss { alias, path }: Miss,
    template: &Template,
    inputs: &BTreeMap<String, Input>,
    plan: &Plan,
) -> RenderError {
    // A key that the template does not spell out may be a value.
    let has_none = match path.iter().all(|key| template.has_key(key)) {
        true => format!("has no key {:?}", path.join(".")),
        false => "does not have a key that the template looks up".to_owned(),
    };
    let whose = match alias.as_deref() {
        None => "the result of \"fromjson\" ",
        Some(template::ENV) => "the environment ",
        Some(_) => "",
    };
    let mut absence = Problem::absence("key-not-found", format!("{whose}{has_none}"));
    let (Some(name), Some((key, parents))) = (&alias, path.split_last()) else {
        return (alias, absence);
    };

    if let Some(Input::Object(secret)) = inputs.get(name)
        && let Some(map) = follow(secret.value(), parents).and_then(|parent| parent.as_object())
        && template.has_key(key)
    {
        let nearest = suggest::nearest(key, quotable_keys(map));
        if name == template::ENV {
            absence = unset_variable(key, nearest, plan);
        } else if map.contains_key(key) {
            absence.text = format!("has null for the key {:?}", path.join("."));
        } else {
            absence.help = Some(match nearest {
                Some(nearest) => {
                    let lookup = [name]
                        .into_iter()
                        .chain(parents)
                        .cloned()
                        .collect::<Vec<_>>()
                        .join(".");
                    format!("did you mean {nearest:?}? Write {{{{ {lookup}.{nearest} }}}}")
                }
                None => listed_keys(map),
            });
            if parents.is_empty() {
                absence.missing_key = Some(Box::new(MissingKey {
                    key: key.clone(),
                    existing_keys: listed_keys(map),
                }));
            }
        }
    }
    (alias, absence)
}

/// Returns the absence of an inherited variable. `nearest` is one with a similar name.
fn unset_variable(name: &str, nearest: Option<&str>, plan: &Plan) -> Problem {
    let is_set_here = |entry: &&Planned| {
        entry
            .target
            .variable()
            .is_some_and(|variable| variable.as_str() == name)
    };
    let (text, help) = match (plan.entries.iter().find(is_set_here), nearest) {
        (Some(Planned { subject, .. }), _) => (
            format!(
                "env.{name} is a variable that is set before secrets-exec starts, not the {name} of {}",
                subject.origin
            ),
            match subject
                .reference()
                .map(|text| text.split_once(':').unwrap_or((text, "")))
            {
                Some((alias, key)) if plan.aliases.contains_key(alias) && is_name(key) => {
                    format!("write {{{{ {alias}.{key} }}}}")
                }
                Some(_) => {
                    "name its secret under \"secrets\", as in db: prod/db, and write {{ db.host }}"
                        .to_owned()
                }
                None => format!("write the text of {name} into the template"),
            },
        ),
        (None, nearest) => (
            format!("the template uses env.{name}, but the variable {name} is not set"),
            match nearest {
                Some(nearest) => format!("did you mean {nearest:?}? Write {{{{ env.{nearest} }}}}"),
                None => format!("set {name}, or give the entry a \"default\""),
            },
        ),
    };
    Problem::absence("key-not-found", text).help(help)
}

/// Returns an error for each dotted lookup of the template whose parent is neither an object nor null.
fn lookups_in_no_object<'t>(
    template: &'t Template,
    inputs: &BTreeMap<String, Input>,
) -> impl Iterator<Item = (&'t str, Problem)> {
    template.lookups.iter().filter_map(|lookup| {
        let (alias, _) = lookup.split_once('.')?;
        let (parent, _) = lookup.rsplit_once('.')?;
        if let Input::Object(secret) = inputs.get(alias)? {
            let keys: Vec<_> = parent.split('.').skip(1).collect();
            let value = follow(secret.value(), &keys)?;
            if value.is_object() || value.is_null() {
                return None;
            }
        }
        let text = match parent.split_once('.') {
            Some((template::ENV, name)) => {
                format!("the variable {name} has no keys, but the template uses {lookup}")
            }
            Some((_, key)) => {
                format!("has no JSON object at {key:?}, but the template uses {lookup}")
            }
            None => format!("is not a JSON object, but the template uses {lookup}"),
        };
        let help = format!("write {{{{ {parent} }}}} for the whole value");
        Some((
            alias,
            Problem::configuration(text)
                .code("not-an-object")
                .help(help),
        ))
    })
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    /// Renders a template of an empty plan.
    fn render(
        template: &Template,
        inputs: &BTreeMap<String, Input>,
    ) -> Result<SecretValue, RenderError> {
        let inherited = Inherited::default();
        let plan = Plan::new(Vec::new(), &inherited, None).unwrap();
        super::render(template, inputs, &plan)
    }

    fn read(bytes: &[u8]) -> Option<Input> {
        let json = Json::parse(bytes).map(Arc::new);
        Input::new(&json, &Document::new(SecretValue::new(bytes)))
    }

    const FILTERS: &str = "abs attr b64decode b64encode batch bool capitalize chain count d default dictsort e escape first float \
         format fromjson groupby indent int items join last length lines list lower map max min pprint reject rejectattr \
         replace reverse round safe select selectattr slice sort split string sum title tojson trim unique upper \
         urlencode zip";
    const TESTS: &str = "boolean defined divisibleby endingwith eq even filter float ge gt in int iterable le lower lt mapping ne \
         none number odd safe sameas sequence startingwith string test true undefined upper";
    const OPERATORS: [&str; 12] = [
        "+", "-", "*", "/", "//", "%", "**", "~", "==", "<", "in", "and",
    ];

    /// Templates that apply every filter, test, operator and lookup to `a`, with `b` as its argument.
    fn applications(a: &str, b: &str) -> Vec<String> {
        let filters = FILTERS.split_whitespace().flat_map(|filter| {
            let calls = [
                String::new(),
                format!("({b})"),
                format!("({b}, {b})"),
                format!("(attribute={b})"),
            ];
            calls.map(|call| format!("{{{{ ({a} | {filter}{call}) | list }}}}"))
        });
        let tests = TESTS.split_whitespace().flat_map(|test| {
            [
                format!("{{{{ {a} is {test} }}}}"),
                format!("{{{{ {a} is {test}({b}) }}}}"),
            ]
        });
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
        filters
            .chain(tests)
            .chain(operators)
            .chain(lookups)
            .collect()
    }

    #[test]
    fn no_error_of_a_filter_operator_or_test_quotes_a_value() {
        const CANARY: &str = "c4n4ryInAValue";
        let secret = r#"{"text":"c4n4ryInAValue","n":5,"array":["c4n4ryInAValue"],"object":{"key":"c4n4ryInAValue"},"on":true}"#;
        let input = |body: &str| read(body.as_bytes()).unwrap();
        let inputs = BTreeMap::from([
            ("db".to_owned(), input(secret)),
            ("plain".to_owned(), input(CANARY)),
        ]);
        let operands = [
            "db.text",
            "db.n",
            "db.array",
            "db.object",
            "db.on",
            "db.nope",
            "db[plain]",
            "plain",
            "db",
        ];
        let others = ["db.text", "db.n", "db.object", "db.nope"];
        let pairs = operands
            .iter()
            .flat_map(|a| others.iter().map(move |b| (a, b)));
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

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("true".to_owned()),
            "-?(0|[1-9][0-9]{0,24})([.][0-9]{1,6})?",
            any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            let list = prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(",")));
            let map = prop::collection::vec(inner, 0..4).prop_map(|items| {
                let entries = items
                    .iter()
                    .enumerate()
                    .map(|(at, item)| format!("\"k{at}\":{item}"));
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
            let decoded: Vec<u8> = percent_decode_str(&encoded).collect();
            prop_assert_eq!(decoded, text.clone().into_bytes());
            prop_assert_eq!(shown("{{ s | b64encode | b64decode }}"), text.clone().into_bytes());
            prop_assert_eq!(shown("{{ s | tojson | fromjson }}"), text.into_bytes());
        }
    }
}
