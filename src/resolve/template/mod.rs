//! Renders a template with the secrets of its aliases.
//!
//! docs/reference.md, "Composed values", defines how values are printed. MiniJinja runs the
//! template:
//!
//! ```text
//! template   postgres://{{ db.user }}:{{ db.password | urlencode }}@{{ env.DB_HOST }}
//!
//! db         {"user": "app", "password": "…"}  ── SecretObject ──┐
//! env        DB_HOST=db.internal               ── SecretObject ──┼──▶ MiniJinja ──┬──▶ text
//! filters    urlencode, b64encode, …           ──────────────────┘        │       └──▶ error ──▶ problem
//!                                                                         │                         ▲
//!                                               each lookup that fails ──┴─▶ Misses ───────────────┘
//! ```
//!
//! The first thing that goes wrong in a template decides. Two things are harder than they look:
//!
//! - **Was it a missing key?** A missing key of a secret is an absence, so the entry's `default`
//!   applies, but anything else, such as an index past the end of a list, is a mistake. MiniJinja
//!   stops at the first value that is undefined, and doesn't say which lookup it comes from. So a
//!   [`SecretObject`] lists each lookup that fails, and [`Rendering::lookup_at_fault`] renders the
//!   template again with a mark as the value of one of them. The lookup whose mark is in the error
//!   is at fault.
//! - **What may be printed?** MiniJinja's errors quote values. So only the kind of an error, its
//!   line, and the names of unknown filters, functions, methods and tests leave this module. A key
//!   that the template computes isn't quoted, either, because it may be a value.
//!
//! Anyone who can write a secret can make a launch fail, but can't keep it busy forever: the number
//! of instructions is limited, and `--timeout` limits the time.
//!
//! A `default` must not hide a mistake, so only the lookup that made the rendering fail is an
//! absence. MiniJinja's `undeclared_variables(true)` lists lookups without running the template.
//! With it, 36 of 272 tests fail: 18 mistakes are hidden, because the template also mentions a
//! missing key that it can do without. It also leaves out keys in brackets and in loops
//! (minijinja#757, which won't be changed). The expression in MiniJinja's error isn't enough,
//! either, because a key can be computed, or have a dot in it.

mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;
use std::sync::Arc;

use minijinja::ErrorKind::{UnknownFilter, UnknownFunction, UnknownMethod, UnknownTest};
use minijinja::{Error, ErrorKind, UndefinedBehavior, Value};
use serde_json::Value as JsonValue;

use crate::model::answer::{Document, SecretValue};
use crate::model::entry::template::{self, FILTERS_HELP, Template};
use crate::model::entry::{Subject, TemplateInputs};
use crate::model::fault::{Fault, did_you_mean, nearest};
use crate::model::plan::{Plan, variable_help};
use crate::model::problem::{Impact, Problem, Status};
use crate::model::remark::{Remark, Remarks};
use crate::model::shown::shown;
use crate::resolve::extract::{
    CORRECT_JSON, Json, NULL_HELP, ParsedDocument, Resolved, Unresolved, keys_hint, missing_key,
    quotable_keys, with_entry,
};
use values::{FailedLookup, Misses, Names, SecretObject, UnreadSecret, value_at};

/// [`Rendering::lookup_at_fault`] puts this text in front of a template. The text creates the mark:
/// an undefined value for one of the failed lookups to return.
const MARK: &str = "{{ {}['a key of a secret'] | secrets_exec_marks_misses }}";

/// How MiniJinja names the value of [`MARK`] in an error that this value has caused.
const MARKED: &str = "`(...)['a key of a secret']` is undefined";

/// The maximum number of failed lookups that are tried as the cause of an error. Each lookup
/// requires another rendering.
const MOST_TRIES: usize = 100;

/// The maximum number of MiniJinja instructions that a template runs, so that loops within loops
/// end soon.
const FUEL: u64 = 1_000_000;

/// The secret of each alias that a template uses, and the inherited variables as `env`. Each is an
/// object, whose keys the template looks up, or a text.
pub type AliasInputs = BTreeMap<Arc<str>, Arc<Json>>;

/// A document as a template reads it: an object if the document is one, and text otherwise. `None`
/// if the document is binary.
pub fn input_of(parsed: &ParsedDocument, document: &Document) -> Option<Arc<Json>> {
    match parsed {
        Ok(json) if json.value().is_object() => Some(json.clone()),
        _ => {
            let text = str::from_utf8(document.body.expose()).ok()?;
            Some(Arc::new(Json(text.into())))
        }
    }
}

pub struct Rendering<'a> {
    pub template: &'a Template,
    pub inputs: &'a AliasInputs,
    /// The reference of each alias, for messages.
    pub references: &'a TemplateInputs,
    pub plan: &'a Plan,
    pub subject: &'a Subject,
}

impl Rendering<'_> {
    /// Renders the template. Returns the text, and what is odd about the texts that it prints.
    ///
    /// # Errors
    /// If the template uses a key that is missing, or fails for a different reason.
    pub fn render(&self) -> Resolved<(SecretValue, Remarks)> {
        let misses = Arc::default();
        let error = match self.render_with_inputs(&self.template.text, &misses) {
            Ok(text) => {
                let remarks = self.with_lookups(&misses.take_remarks());
                return Ok((SecretValue::new(text), remarks));
            }
            Err(error) => error,
        };
        Err(match self.lookup_at_fault(&error, &misses) {
            Some(lookup) => self.missing_key_error(&lookup),
            None => self.other_problem(&error).into(),
        })
    }

    /// Adds to each remark the lookups whose values it is about. Drops a remark without any: what
    /// is odd belongs to the template, as in `{{ ":" ~ x if x else "" }}`, so it is intended. The
    /// end of a key is only judged in the whole text, because the template may add a line feed. A
    /// reference in an inherited variable isn't a value that was read.
    fn with_lookups(&self, printed: &BTreeSet<Remark>) -> Remarks {
        let lookups = &self.template.lookups;
        let mut found = Remarks::new();
        for lookup in lookups {
            // `db['e']` looks up `db` and `db.e`.
            if lookups.iter().any(|other| below(other, lookup)) {
                continue;
            }
            let mut remarks = BTreeSet::new();
            for text in texts_of(lookup, self.inputs) {
                remarks.extend(Remark::about(text.as_bytes()));
            }
            for remark in remarks.intersection(printed) {
                let is_judged = match remark {
                    Remark::UnfinishedKey => false,
                    Remark::Reference => !below(lookup, template::ENV),
                    _ => true,
                };
                if is_judged {
                    found.entry(*remark).or_default().push(lookup.clone());
                }
            }
        }
        found
    }

    /// The problem for a template that failed with `error`, but not for a missing key.
    fn other_problem(&self, error: &Error) -> Problem {
        let is_undefined = is_undefined_error(error);
        // An undefined value can come from a lookup in something that isn't an object.
        if is_undefined && let Some(problem) = self.non_object_problem(|_| true) {
            return problem;
        }
        with_entry(template_problem(error, self.template), None, self.subject)
    }

    /// The error for a failed lookup: a failure for an index past the end of a list, and otherwise
    /// an absence.
    fn missing_key_error(&self, lookup: &FailedLookup) -> Unresolved {
        let reference = lookup
            .alias
            .as_deref()
            .and_then(|alias| self.references.get(alias));
        let problem = with_entry(self.lookup_problem(lookup), reference, self.subject);
        if lookup.is_past_end {
            Unresolved::Failed(problem)
        } else {
            Unresolved::Absent(problem)
        }
    }

    /// Renders the text of a template with its secrets. Failed lookups are noted in `misses`.
    fn render_with_inputs(&self, text: &str, misses: &Arc<Misses>) -> Result<String, Error> {
        let mut names = BTreeMap::new();
        for (alias, input) in self.inputs {
            // If a secret is plain text, MiniJinja gets a copy of it, which nothing overwrites.
            let value = SecretObject::root(Some(alias.clone()), input.clone(), misses);
            names.insert(alias.clone(), value);
        }
        render_with(text, Names(names), misses)
    }

    /// Finds the failed lookup that made the rendering fail with `error`. `None` if the rendering
    /// failed for a different reason. The candidates are the last [`MOST_TRIES`] lookups in
    /// `misses`.
    ///
    /// For each candidate, renders the template again with [`MARK`] in front, so that only this
    /// candidate returns the mark. The mark is undefined, as the candidate's value was, so the
    /// template does the same again. If MiniJinja's error now names the mark, the candidate is the
    /// cause. (Only `'key' in db` has a different result: with the mark, it is true. But this test
    /// is never the cause, because it doesn't use the value.)
    fn lookup_at_fault(&self, error: &Error, misses: &Misses) -> Option<FailedLookup> {
        if !is_undefined_error(error) {
            return None;
        }
        let text = format!("{MARK}{}", self.template.text);
        // The last lookup is the most likely cause.
        for (index, lookup) in misses.take().into_iter().enumerate().rev().take(MOST_TRIES) {
            let marked = Misses::with_mark_at(index);
            if let Err(marked_error) = self.render_with_inputs(&text, &marked)
                && let Some(detail) = marked_error.detail()
                && detail.contains(MARKED)
            {
                return Some(lookup);
            }
        }
        None
    }

    /// The problem for a key or index that doesn't exist or is null, or for a variable of `env`
    /// that isn't set. The problem names the key, and has a help, only if the text of the template
    /// contains all keys of its path, because a computed key may be a value.
    fn lookup_problem(&self, lookup: &FailedLookup) -> Problem {
        let problem = |text: String| Problem::configuration(text).code("key-not-found");
        let is_quotable = lookup.path.iter().all(|key| self.template.has_key(key));
        let path = lookup.path.join(".");
        let predicate = if is_quotable {
            format!("has no key {:?}", shown(&path))
        } else {
            "has no key that the template looks up".to_owned()
        };

        // The value in which the key was looked up. A result of `fromjson` isn't in `inputs`.
        let parent_value = || {
            let name = lookup.alias.as_deref()?;
            let (key, parents) = lookup.path.split_last()?;
            let value = value_at(self.inputs.get(name)?.value(), parents)?;
            Some((name, key, parents, value))
        };
        let Some((name, key, parents, value)) = is_quotable.then(parent_value).flatten() else {
            let subject = match lookup.alias.as_deref() {
                None => "the result of \"fromjson\" ",
                Some(template::ENV) => "the environment ",
                // The secret is added later, as the subject of the sentence.
                Some(_) => "",
            };
            return problem(format!("{subject}{predicate}"));
        };

        let Some(map) = value.as_object() else {
            return problem(predicate);
        };
        if name == template::ENV {
            return self.unset_variable_problem(key, nearest(key, quotable_keys(map)));
        }
        if map.contains_key(key) {
            let text = format!("has the key {:?}, but its value is null", shown(&path));
            return problem(text).help(NULL_HELP);
        }

        let mut missing = problem(predicate).help(keys_hint(map, key));
        // The report merges the missing top-level keys of a secret into one error.
        if parents.is_empty() {
            missing.missing_key = Some(missing_key(key, map));
        }
        missing
    }

    /// The error for `env.NAME` if NAME isn't inherited. `nearest` is an inherited variable with a
    /// similar name.
    fn unset_variable_problem(&self, name: &str, nearest: Option<&str>) -> Problem {
        let declared = self.plan.variables.get(name);
        let name = shown(name);
        let mut text = format!("the template uses env.{name}, but the variable {name} isn't set");
        let help = if let Some(subject) = declared.filter(|subject| *subject != self.subject) {
            text = format!(
                "env.{name} isn't set, because it refers to an inherited variable, not to {name} in {}",
                subject.origin
            );
            variable_help(subject)
        } else if let Some(nearest) = nearest {
            did_you_mean(nearest)
        } else {
            format!("set {name}, or give the entry a \"default\"")
        };
        Problem::configuration(text)
            .code("key-not-found")
            .help(help)
    }

    /// The problem of the first lookup whose last key, such as `name` in `db.host.name`, is looked
    /// up in a value that is neither an object nor null. Only the inputs for which `is_relevant` is
    /// true are considered.
    pub fn non_object_problem(&self, is_relevant: impl Fn(&Json) -> bool) -> Option<Problem> {
        self.template.lookups.iter().find_map(|lookup| {
            let (alias, _) = lookup.split_once('.')?;
            let input = self.inputs.get(alias).filter(|input| is_relevant(input))?;
            self.non_object_problem_at(lookup, alias, input)
        })
    }

    /// The problem of `lookup` if its last key is looked up in a value that is neither an object
    /// nor null.
    fn non_object_problem_at(&self, lookup: &str, alias: &str, input: &Json) -> Option<Problem> {
        let (parent, _) = lookup.rsplit_once('.')?;
        let text_of_secret = input.value().as_str();
        // If the whole secret is text, this text is at fault, whatever `parent` is.
        let keys = match text_of_secret {
            Some(_) => Vec::new(),
            None => parent.split('.').skip(1).collect(),
        };
        let value = value_at(input.value(), &keys)?;
        if value.is_object() || value.is_null() {
            return None;
        }

        let text = match parent.split_once('.') {
            Some((template::ENV, name)) => {
                format!("the variable {name} is text, but the template uses {lookup}")
            }
            Some((_, key)) => {
                format!("has no JSON object at {key:?}, but the template uses {lookup}")
            }
            None => format!("isn't a JSON object, but the template uses {lookup}"),
        };
        let help = match text_of_secret {
            Some(text) if text.trim_start().starts_with('{') => CORRECT_JSON.to_owned(),
            _ => format!("for the whole value, write {{{{ {parent} }}}}"),
        };
        let problem = Problem::configuration(text)
            .code("not-an-object")
            .help(help);
        Some(with_entry(
            problem,
            self.references.get(alias),
            self.subject,
        ))
    }
}

/// Collects the texts of secrets that a template looks up, so that logs can hide them. Leaves out
/// numbers, which logs needn't hide, and `env`, which `inputs` must not have yet.
pub fn looked_up_texts(template: &Template, inputs: &AliasInputs) -> Vec<SecretValue> {
    let mut texts = Vec::new();
    for lookup in &template.lookups {
        texts.extend(texts_of(lookup, inputs).into_iter().map(SecretValue::new));
    }
    texts
}

/// The text that a lookup finds. If it finds an object or an array, all texts in it, because the
/// template may compute the keys.
fn texts_of<'i>(lookup: &str, inputs: &'i AliasInputs) -> Vec<&'i str> {
    let mut texts = Vec::new();
    let mut found = Vec::from_iter(looked_up(lookup, inputs));
    while let Some(value) = found.pop() {
        match value {
            JsonValue::String(text) => texts.push(text.as_str()),
            JsonValue::Array(items) => found.extend(items),
            JsonValue::Object(map) => found.extend(map.values()),
            JsonValue::Null | JsonValue::Bool(_) | JsonValue::Number(_) => {}
        }
    }
    texts
}

/// True for a lookup of a part of another one: `db.e` of `db`.
fn below(lookup: &str, parent: &str) -> bool {
    let rest = lookup.strip_prefix(parent);
    rest.is_some_and(|rest| rest.starts_with('.'))
}

/// Finds the value of a lookup such as `db.host`.
fn looked_up<'i>(lookup: &str, inputs: &'i AliasInputs) -> Option<&'i JsonValue> {
    let mut keys = lookup.split('.');
    let input = inputs.get(keys.next()?)?;
    value_at(input.value(), &Vec::from_iter(keys))
}

/// The problem for a filter, test or function that a template uses but that doesn't exist. To find
/// it, renders the template with placeholders instead of secrets. The parts of the template that
/// this rendering doesn't reach aren't checked.
///
/// Ignores any other error, because the placeholders may have caused it.
pub fn unknown_name_problem(
    template: &Template,
    inputs: &TemplateInputs,
    subject: &Subject,
) -> Option<Problem> {
    let placeholders = inputs
        .keys()
        .map(String::as_str)
        .chain([template::ENV])
        .map(|name| (name.into(), Value::from_object(UnreadSecret)))
        .collect();
    let error = render_with(&template.text, Names(placeholders), &Arc::default()).err()?;
    if !matches!(error.kind(), UnknownFilter | UnknownFunction | UnknownTest) {
        return None;
    }
    Some(template_problem(&error, template).for_entry(subject.clone(), Impact::Unread))
}

/// Renders the text of a template with a value for each name. Failed lookups are noted in `misses`.
fn render_with(text: &str, mut names: Names, misses: &Arc<Misses>) -> Result<String, Error> {
    let mut environment = template::environment();
    // In this mode, an error names the expression that an undefined value comes from.
    environment.set_debug(true);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));

    let printed = Arc::clone(misses);
    environment.set_formatter(move |output, _, value| {
        // Strict mode allows only one kind of undefined value, that of the missing `else` in
        // `{{ x if y }}`. It is printed as nothing.
        if value.is_undefined() {
            return Ok(());
        }
        let text = values::printed_text(value)?;
        printed.note_printed(&text);
        Ok(output.write_str(&text)?)
    });
    values::add_filters(&mut environment, misses);

    // Every name is looked up in `names`, so MiniJinja's functions have to be there, too.
    for (name, value) in environment.globals() {
        names.0.insert(name.into(), value);
    }
    environment.render_str(text, Value::from_object(names))
}

/// Turns an error of MiniJinja into a problem. The text of the error may quote a value, so the
/// problem takes only unknown names from it. A fault of our own keeps its text.
fn template_problem(error: &Error, template: &Template) -> Problem {
    let own_fault: Option<&Fault> = error.source().and_then(|cause| cause.downcast_ref());
    let fault: Fault = match (own_fault.cloned(), error.kind()) {
        (Some(fault), _) => fault,
        (None, kind @ (UnknownFilter | UnknownFunction | UnknownMethod | UnknownTest)) => {
            Fault::new(error.detail().unwrap_or(&kind.to_string())).help(FILTERS_HELP)
        }
        (None, ErrorKind::InvalidOperation) => {
            "an operator or filter got a value that it can't use".into()
        }
        (None, ErrorKind::UndefinedError) => "it uses an undefined value".into(),
        (None, ErrorKind::OutOfFuel) => "it takes too many steps".into(),
        (None, kind) => kind.to_string().into(),
    };

    let position = template::position_text(&template.text, error.line());
    let fault = fault.about(&format!("{position} has an error:"));
    Problem::from_fault(Status::Configuration, fault).code("template")
}

/// True if the template has used an undefined value. For MiniJinja's operators and many filters,
/// only the text of the error says so.
fn is_undefined_error(error: &Error) -> bool {
    error.kind() == ErrorKind::UndefinedError
        || error
            .detail()
            .is_some_and(|text| text.contains("undefined"))
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;
    use crate::model::entry::Origin;
    use crate::model::environment::Inherited;

    fn render(template: &Template, inputs: &AliasInputs) -> Resolved<SecretValue> {
        let inherited = Inherited::default();
        let plan = Plan::new(Vec::new(), &inherited, &inherited, false).unwrap();
        let rendering = Rendering {
            template,
            inputs,
            references: &BTreeMap::new(),
            plan: &plan,
            subject: &Subject::plain("A".to_owned(), Origin::Inherited),
        };
        let (text, _) = rendering.render()?;
        Ok(text)
    }

    fn read(bytes: &[u8]) -> Option<Arc<Json>> {
        let json = Json::parse(bytes).map(Arc::new);
        input_of(&json, &Document::new(SecretValue::new(bytes)))
    }

    const FILTERS: &str = "abs attr b64decode b64encode batch bool capitalize chain count d default dictsort e escape first float format \
         fromjson groupby indent int items join last length lines list lower map max min pprint reject rejectattr replace reverse round safe select \
         selectattr slice sort split string sum title tojson trim unique upper urlencode zip";
    const TESTS: &str = "boolean defined divisibleby endingwith eq even filter float ge gt in int iterable le lower lt mapping ne \
         none number odd safe sameas sequence startingwith string test true undefined upper";
    const OPERATORS: [&str; 12] = [
        "+", "-", "*", "/", "//", "%", "**", "~", "==", "<", "in", "and",
    ];

    /// Templates that apply every filter, test, operator and lookup to `a` and `b`.
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
            ("db".into(), input(secret)),
            ("plain".into(), input(CANARY)),
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
        fn a_template_prints_every_value_of_a_secret_as_it_was_written(written in json()) {
            let input = read(format!("{{\"x\":{written}}}").as_bytes()).unwrap();
            let inputs = BTreeMap::from([("db".into(), input)]);
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
        fn a_text_that_a_template_encodes_can_be_decoded_to_the_same_text(text in any::<String>()) {
            let inputs = BTreeMap::from([("s".into(), Arc::new(Json(text.as_str().into())))]);
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
