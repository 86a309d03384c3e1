//! Templates that can't be rendered: the settings `default` and `optional` apply to a missing key,
//! secret or variable, but not to a mistake. Here are the templates that are made with a loop, and
//! `template_faults.rows` has all others.

use crate::support::*;

::rows::rows!("tests/it/values/template_faults.rows");

/// A declaration of these templates as the variables `V0`, `V1` and so on. The settings, such as `,
/// optional: true`, are added to each entry.
fn declared(templates: &[String], settings: &str) -> String {
    let mut declaration = "secrets: { db: prod/db }\nenv:\n".to_owned();
    for (number, template) in templates.iter().enumerate() {
        let template = serde_json::Value::from(&**template);
        declaration += &format!("  V{number}: {{ template: {template}{settings} }}\n");
    }
    declaration
}

/// Launches these templates. The alias `db` is a secret with the key `host`.
fn launch(templates: &[String], settings: &str) -> Outcome {
    let aws = Aws::start().secret("prod/db", Secret::text(r#"{"host":"db.internal"}"#));
    let sandbox = Sandbox::new().aws(&aws);
    sandbox.declaration(&declared(templates, settings)).run()
}

#[test]
fn a_missing_key_is_reported_whichever_filter_a_template_applies_to_the_key() {
    let filters = "abs b64decode b64encode batch(2) bool capitalize chain count dictsort e escape first float format fromjson \
        groupby('x') indent int items join last length lines list lower map('upper') max min pprint reject \
        replace('a','b') reverse round safe select slice(2) sort split string sum title tojson trim unique \
        upper urlencode zip";
    let filters = filters.split_whitespace();
    let templates = filters.map(|filter| format!("{{% set x = db.nope | {filter} %}}"));
    let templates = Vec::from_iter(templates);

    let run = launch(&templates, "");
    run.refused(78, ["has no key \"nope\""]);
    for number in 0..templates.len() {
        run.says([&*format!("for V{number} (")]);
    }
    assert_eq!(run.stderr().matches(" error: ").count(), 1, "{run}");
    launch(&templates, ", default: d").launched();
}

/// The longest template that secrets-exec accepts, in bytes. MiniJinja recurses for each operator,
/// filter and key of a template.
const LONGEST: usize = 16_384;

/// A template of this length: a number, after as many minus signs as possible.
fn minus_signs(length: usize) -> String {
    format!("{{{{ {}1 }}}}", "-".repeat(length - "{{ 1 }}".len()))
}

/// A template of the maximum length: a number, with as many filters as possible.
fn filters_of_the_greatest_length() -> String {
    let filters = "|e".repeat((LONGEST - "{{ 1 }} ".len()) / 2);
    let template = format!("{{{{ 1{filters} }}}} ");
    assert_eq!(template.len(), LONGEST);
    template
}

#[test]
fn a_template_of_16_kib_is_rendered_and_accepted_by_check_offline() {
    let templates = [minus_signs(LONGEST), filters_of_the_greatest_length()];
    let run = launch(&templates, "");
    run.launched_silently().has("V0", "-1").has("V1", "1 ");
    let check = Sandbox::new().args(["check", "--offline"]).bare();
    let check = check.declaration(&declared(&templates, ""));
    check.run().ended(Status::Exit(0));
}

#[test]
fn an_unset_variable_with_thousands_of_keys_after_it_in_a_template_is_reported_without_a_crash() {
    let keys = ".a".repeat((LONGEST - "{{ env }}".len()) / 2);
    let template = [format!("{{{{ env{keys} }}}}")];
    let run = launch(&template, "");
    run.refused(78, ["the variable a isn't set"]);
    launch(&template, ", default: d").launched_silently();
}

#[test]
fn a_template_that_is_longer_than_16_kib_is_refused_with_its_line_and_its_length() {
    let run = launch(&[minus_signs(LONGEST + 1)], "");
    let said = [
        "secrets-exec.yaml:3:",
        "the template has 16385 bytes, but at most 16384 are allowed",
    ];
    run.refused(78, said);
}

/// A template that puts the number 1 into this many nested lists, and prints them.
fn nested_lists(levels: u32) -> String {
    format!(
        "{{% set list = namespace(x=1) %}}{{% for _ in range({levels}) %}}{{% set list.x = [list.x] %}}{{% endfor %}}{{{{ list.x }}}}"
    )
}

#[test]
fn a_template_can_print_a_value_with_128_nested_levels_but_not_with_more_even_with_a_default() {
    // The number is a level, too.
    let printed = format!("{}1{}", "[".repeat(127), "]".repeat(127));
    let run = launch(&[nested_lists(127)], "");
    run.launched_silently().has("V0", &printed);

    for levels in [128, 9_000] {
        let run = launch(&[nested_lists(levels)], ", default: d");
        let message = "the template has an error: a value is nested too deeply";
        run.refused(78, [message]);
    }
}
