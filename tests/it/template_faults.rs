//! Templates that cannot be rendered: absences, which `default` and `optional` cover, and mistakes, which they do not.
//! No error holds a value.

use crate::support::aws::Aws;
use crate::support::aws::fault;
use crate::support::aws::secret::Secret;
use crate::support::outcome::{Outcome, Status};
use crate::support::sandbox::{CANARY, Sandbox};

fn database() -> Secret {
    Secret::json(r#"{"host":"h","none":null,"list":[1],"map":{"x":"y"}}"#)
}

/// Launches a template, on line 4, over `db`, which is `secret`, and `gone`, which does not exist.
fn over(aws: &Aws, template: &str, more: &str) -> Outcome {
    let template = serde_json::Value::from(template);
    let declaration = format!(
        "secrets: {{ db: prod/db, gone: prod/gone }}\nenv:\n  B: {{ value: b }}\n  A: {{ template: {template}{more} }}\n"
    );
    Sandbox::new().aws(aws).declaration(&declaration).run()
}

fn compose(template: &str, more: &str) -> Outcome {
    over(&Aws::start().secret("prod/db", database()), template, more)
}

/// Asserts an absence: an error with these texts, which a default or `optional` covers.
fn is_absent(template: &str, facts: &[&str]) {
    compose(template, "").refused(78).says(["A", "secrets-exec.yaml:4"]).says(facts.iter().copied());
    compose(template, ", default: d").launched_silently().has("A", "d").has("B", "b");
    compose(template, ", optional: true").launched_silently().lacks("A").has("B", "b");
}

/// Asserts a mistake: an error with these texts and this status, which no default covers.
fn is_never_covered(secret: &Secret, template: &str, status: i32, facts: &[&str]) {
    for more in ["", ", default: d", ", optional: true"] {
        let aws = Aws::start().secret("prod/db", secret.clone());
        let run = over(&aws, template, more);
        run.refused(status).says(["A", "secrets-exec.yaml:4"]).says(facts.iter().copied());
    }
}

/// Asserts a mistake that is found before any request.
fn is_found_without_a_request(template: &str, facts: &[&str]) {
    let aws = Aws::start().secret("prod/db", database());
    over(&aws, template, ", optional: true").refused(78).says(["A", "secrets-exec.yaml:4"]).says(facts.iter().copied());
    assert!(aws.calls().is_empty());
}

#[test]
fn a_missing_key_is_an_absence_that_names_the_nearest() {
    is_absent("{{ db.hots }}", &["prod/db", "hots", "\"host\""]);
    is_absent("x{{ db['hots'] | urlencode }}", &["prod/db", "hots", "\"host\""]);
    is_absent("{{ db.map.z }}", &["prod/db", "map.z"]);
}

#[test]
fn a_null_is_an_absence() {
    is_absent("{{ db.none }}", &["prod/db", "none"]);
}

#[test]
fn a_secret_that_is_not_there_is_an_absence() {
    is_absent("{{ db.host }}{{ gone }}", &["prod/gone"]);
    is_absent("{{ gone.key }}", &["prod/gone"]);
    is_absent("{{ db.host if true else gone.key }}", &["prod/gone"]);
}

#[test]
fn an_absence_inside_an_expression_is_one() {
    is_absent("{{ 'x' ~ db.nope }}", &["prod/db", "nope"]);
    is_absent("{% for x in db.nope %}{% endfor %}", &["prod/db", "nope"]);
    is_absent("{% if db.nope %}x{% endif %}", &["prod/db", "nope"]);
    is_absent("{{ db.nope.deeper }}", &["prod/db", "nope"]);
}

#[test]
fn a_missing_key_is_not_taken_for_an_empty_value() {
    is_absent("{{ db.nope | join(',') }}", &["prod/db", "nope"]);
    is_absent("{{ [db.host, db.nope] | join(':') }}", &["prod/db", "nope"]);
    is_absent("{{ db.nope | e }}{{ db.nope | first }}", &["prod/db", "nope"]);
}

#[test]
fn a_variable_that_is_not_set_is_an_absence_that_names_it() {
    is_absent("{{ env.SECRETS_NOPE }}", &["env.SECRETS_NOPE is not set"]);
    is_absent("{{ db.host }}{{ env['SECRETS_NOPE'] | urlencode }}", &["env.SECRETS_NOPE is not set"]);
}

#[test]
fn a_variable_that_is_not_set_is_found_offline_and_no_value_is_shown() {
    let declaration =
        "env:\n  A: { template: \"{{ env.PASSWORD }}{{ env.PASWORD }}\" }\n  B: { template: \"{{ env.PASSWORD }}\" }\n";
    let sandbox = Sandbox::new().args(["check", "--offline"]).bare().env("PASSWORD", CANARY).declaration(declaration);
    let run = sandbox.run();
    run.ended(Status::Exit(78)).says(["secrets-exec.yaml:2", "env.PASWORD is not set", "\"PASSWORD\""]);
    assert!(!run.stdout().contains(CANARY), "{run}");
    run.says_nothing_of(CANARY);
}

#[test]
fn a_key_that_a_value_chose_is_not_named() {
    for template in [
        "{{ db[db.zz_canary] }}",
        "{{ db | attr(db.zz_canary) }}",
        "{% set who = db.zz_canary %}{{ db[who].x }}",
        "{{ env[db.zz_canary] }}",
    ] {
        let secret = Secret::json(&format!(r#"{{"zz_canary":"{CANARY}"}}"#));
        let run = over(&Aws::start().secret("prod/db", secret), template, "");
        run.refused(78).says(["A", "*"]).says_nothing_of(CANARY);
    }
}

#[test]
fn an_absent_optional_file_is_not_made() {
    let aws = Aws::start().secret("prod/db", database());
    let declaration = "secrets: { db: prod/db }\nfiles: [{ template: \"{{ db.nope }}\", env: A, optional: true }]\n";
    Sandbox::new().aws(&aws).declaration(declaration).run().launched_silently().lacks("A");
}

#[test]
fn a_name_that_is_no_alias_is_found_without_a_request() {
    is_found_without_a_request("{{ bd.host }}", &["\"bd\"", "\"db\""]);
    is_found_without_a_request("{% if false %}{{ nowhere }}{% endif %}", &["\"nowhere\""]);
}

#[test]
fn a_filter_test_or_method_that_does_not_exist_is_a_mistake_that_is_named() {
    is_never_covered(&database(), "\n{{ db.host | urlencod }}", 78, &["line 2", "urlencod"]);
    is_never_covered(&database(), "{{ db.host is nonsense }}", 78, &["line 1", "nonsense"]);
    is_never_covered(&database(), "{{ db.host.strip() }}", 78, &["line 1", "no method named strip"]);
    is_found_without_a_request("{{ nope(db.host) }}", &["\"nope\""]);
}

#[test]
fn a_mistake_of_syntax_is_found_without_a_request_and_with_its_place() {
    is_found_without_a_request("{{ db.host", &["line 1"]);
    is_found_without_a_request("é\n {{ | }}", &["line 2"]);
    is_found_without_a_request("{% if db.host %}", &["line 1"]);
    is_found_without_a_request("{% for %}", &["line 1"]);
}

#[test]
fn every_mistake_of_a_declaration_is_told_at_once() {
    let declaration =
        "secrets: { db: prod/db }\nenv:\n  A: { template: \"{{ bd }}\" }\n  B: { template: \"{{ ap.k }}\" }\n";
    let run = Sandbox::new().region("us-east-1").declaration(declaration).run();
    run.refused(78).says(["secrets-exec.yaml:3", "\"bd\"", "secrets-exec.yaml:4", "\"ap\""]);
}

#[test]
fn every_secret_that_a_template_misses_is_told_at_once() {
    let declaration = "secrets: { a: gone/a, b: gone/b }\nenv: { A: { template: \"{{ a.x }}{{ b.x }}\" } }\n";
    let aws = Aws::start();
    let run = Sandbox::new().aws(&aws).declaration(declaration).run();
    run.refused(78).says(["secrets-exec.yaml:2", "gone/a", "gone/b"]);
}

#[test]
fn an_absence_that_is_covered_is_no_failure_beside_a_denial() {
    let aws = Aws::start().secret("prod/db", Secret::failing(fault::denied("prod/db")));
    for template in ["{{ gone.x }}{{ db.x }}", "{{ db.x }}{{ gone.x }}"] {
        for more in [", default: d", ", optional: true"] {
            over(&aws, template, more).says(["secrets-exec.yaml:4", "prod/db"]).ended(Status::Exit(77));
        }
    }
}

#[test]
fn other_templates_and_files_cannot_be_named() {
    for template in ["{% include '/etc/passwd' %}", "{% import 'x' as y %}", "{% extends 'x' %}"] {
        is_found_without_a_request(template, &["line 1"]);
    }
}

#[test]
fn a_key_of_plain_text_is_a_mistake() {
    is_never_covered(&Secret::text(&format!("plain {CANARY}")), "{{ db.host }}", 78, &["prod/db", "host"]);
    is_never_covered(&Secret::text(&format!("plain {CANARY}")), "{{ db['host'] }}", 78, &["line 1"]);
    is_never_covered(&Secret::text(&format!(r#"["{CANARY}"]"#)), "{{ db.host }}", 78, &["prod/db", "host"]);
    is_never_covered(&Secret::text(&format!(r#"{{"host": "{CANARY}""#)), "{{ db.host }}", 78, &["prod/db", "host"]);
    is_never_covered(&Secret::bare("1234567890"), "{{ db.host }}", 78, &["prod/db", "host"]);
}

#[test]
fn a_key_of_a_value_that_has_none_is_a_mistake() {
    is_never_covered(&database(), "{{ db.host.name }}", 78, &["prod/db", "host.name"]);
    is_never_covered(&database(), "{{ db.list.name }}", 78, &["prod/db", "list.name"]);
}

#[test]
fn bytes_that_are_no_text_are_a_mistake() {
    is_never_covered(&Secret::binary(*b"\xff\xfe\x01\x02\x03\x04\x05\x06"), "{{ db }}", 78, &["prod/db"]);
}

#[test]
fn a_default_in_a_template_does_not_hide_a_malformed_secret() {
    let broken = Secret::text(&format!(r#"{{"host": "{CANARY}""#));
    is_never_covered(&broken, "{{ db.host | default('x') }}", 78, &["prod/db", "host"]);
}

#[test]
fn a_denial_an_outage_and_a_deletion_are_never_covered() {
    is_never_covered(&Secret::failing(fault::denied("prod/db")), "{{ db.host }}", 77, &["prod/db"]);
    is_never_covered(&Secret::failing(fault::marked_for_deletion()), "{{ db.host }}", 78, &["prod/db"]);
}

#[test]
fn a_nul_that_a_template_prints_is_an_error_that_names_the_variable() {
    let aws = Aws::start().secret("prod/db", Secret::json(&format!(r#"{{"k":"{CANARY}\u0000"}}"#)));
    over(&aws, "{{ db.k }}", ", default: d").refused(78).says(["A", "base64"]);
}

#[test]
fn no_error_of_rendering_holds_a_value() {
    for template in [
        "{{ db.zz_canary.x }}",
        "{{ db[db.zz_canary] }}",
        "{{ db.zz_canary[0].x }}",
        "{{ db.zz_canary + 1 }}",
        "{{ db.zz_canary * db.zz_canary }}",
        "{{ -db.zz_canary }}",
        "{{ db.zz_canary | int }}",
        "{{ db.zz_canary | float }}",
        "{{ db.zz_canary | fromjson }}",
        "{{ (db.zz_canary ~ '!') | b64decode }}",
        "{{ db.zz_canary | round }}",
        "{{ db.zz_canary() }}",
        "{{ (db.zz_canary < 1).x }}",
        "{{ (1 in db.zz_canary).x }}",
        "{{ range(db.zz_canary) }}",
        "{% for a, b in db.zz_canary %}{% endfor %}",
        "{{ db | items | first | first | fromjson }}",
        "{{ db.host | replace(db.zz_canary) }}",
        "{{ {db.zz_canary: 1}[db.host ~ db.zz_canary] }}",
        "{{ db.zz_canary | map(db.zz_canary) | list }}",
        "{{ db.list | map(db.zz_canary) | list }}",
        "{{ db.list | select(db.zz_canary) | list }}",
        "{{ namespace(x=db.zz_canary).y }}",
        "{{ dict(x=db.zz_canary).y }}",
        "{{ [db.zz_canary][7] }}",
    ] {
        let run = compose(template, "");
        run.refused(78).says(["A", "secrets-exec.yaml:4"]);
    }
}

#[test]
fn a_template_that_never_ends_is_stopped() {
    for template in
        ["{% for i in range(10000) %}{% for j in range(10000) %}{% endfor %}{% endfor %}", "{{ 'x' * 100000000000 }}"]
    {
        compose(template, ", default: d").refused(78).says(["A", "secrets-exec.yaml:4"]);
    }
}

#[test]
fn an_alias_that_a_template_could_not_name_is_an_error() {
    for alias in ["loop", "range", "true", "none", "not", "for", "self", "namespace", "ssm", "arn", "env", "a-b", "1st"]
    {
        let declaration = format!("secrets:\n  {alias}: prod/db\nenv: {{ A: {{ value: x }} }}\n");
        let run = Sandbox::new().region("us-east-1").declaration(&declaration).run();
        run.refused(78).says(["secrets-exec.yaml:2", alias]);
    }
}
