//! Templates that cannot be rendered: absences, which `default` and `optional` cover, and mistakes, which they do not.
//! No error holds a value.

use std::collections::BTreeMap;

use crate::support::*;

const DB: &str = r#"{
    "host": "db.internal", "port": 5432, "user": "app-4c7a1e", "password": "p@ss:w/rd#?%&+ é", "version": 1.10,
    "hosts": ["a-4c7a1e", "b-4c7a1e"], "mixed": [1, null], "none": null, "config": "{\"k\": {\"v\": 2.50}, \"n\": null}",
    "inner": {"z": 1, "a": [1.10, null]}, "binary": "AP8tNGM3YTE=", "inner-4c7a1e": {}
}"#;

/// The secrets of the aliases that [`launch`] declares, but for `gone`.
fn secrets() -> Aws {
    Aws::start()
        .secret("prod/db", Secret::text(DB))
        .secret("prod/plain", Secret::text("p@ss:w/rd#?%&+ é"))
        .secret("prod/list", Secret::text("[1, 2]"))
        .secret(
            "prod/sel",
            Secret::text(r#"{"who":"nobody-4c7a1e","inner":"inner-4c7a1e"}"#),
        )
        .secret(
            "prod/octets",
            Secret::binary(*b"\xff\xfe\x01\x02\x03\x04\x05\x06"),
        )
        .secret(
            "prod/broken",
            Secret::text(&format!(r#"{{"host": "{CANARY}""#)),
        )
}

/// Launches the templates as `V0`, `V1` and so on, each with these settings in its entry.
fn launch<T: AsRef<str>>(aws: &Aws, templates: &[T], settings: &str) -> Outcome {
    let aliases = ["db", "plain", "list", "sel", "octets", "broken", "gone"];
    let aliases = aliases
        .map(|alias| format!("{alias}: prod/{alias}"))
        .join(", ");
    let entry = |(number, template): (usize, &T)| {
        format!(
            "  V{number}: {{ template: {}{settings} }}\n",
            serde_json::Value::from(template.as_ref())
        )
    };
    let entries: String = templates.iter().enumerate().map(entry).collect();
    Sandbox::new()
        .aws(aws)
        .declaration(&format!("secrets: {{ {aliases} }}\nenv:\n{entries}"))
        .run()
}

/// The error and the help that a refused launch prints for each entry.
fn reasons(run: &Outcome) -> BTreeMap<String, String> {
    let stderr = run.refused(78).stderr();
    let (mut reasons, mut reason, mut entries) =
        (BTreeMap::<String, String>::new(), "", Vec::new());
    for line in stderr.lines() {
        if let Some(entry) = line.strip_prefix("secrets-exec: error:   ") {
            entries.push(entry.split(' ').next().unwrap());
        } else if !line.contains("help: ") {
            // A mistake of syntax is one line, with the place and the entry first.
            (reason, entries) = (line, line.split(": ").skip(3).take(1).collect());
        }
        for entry in &entries {
            *reasons.entry((*entry).to_owned()).or_default() = format!("{reason}\n{line}");
        }
    }
    reasons
}

/// Asserts the reason for each template.
fn are_refused<T: AsRef<str>>(aws: &Aws, rows: &[(T, &str)], settings: &str) {
    let templates: Vec<&str> = rows.iter().map(|(template, _)| template.as_ref()).collect();
    let run = launch(aws, &templates, settings);
    let reasons = reasons(&run);
    for (number, (template, fact)) in rows.iter().enumerate() {
        let reason = reasons
            .get(&format!("V{number}"))
            .map_or("", String::as_str);
        assert!(
            !reason.is_empty() && reason.contains(fact),
            "{}: no {fact:?} in {reason:?}: {run}",
            template.as_ref()
        );
    }
}

/// Asserts that a default and `optional` cover each template's error, which has this text.
fn are_absent<T: AsRef<str>>(rows: &[(T, &str)]) {
    let aws = secrets();
    are_refused(&aws, rows, "");
    let templates: Vec<&str> = rows.iter().map(|(template, _)| template.as_ref()).collect();
    for (settings, value) in [(", default: d", Some("d")), (", optional: true", None)] {
        let environment = launch(&aws, &templates, settings)
            .launched_silently()
            .stdout();
        for (number, template) in templates.iter().enumerate() {
            let name = format!("V{number}=");
            let found = environment
                .split('\0')
                .find_map(|entry| entry.strip_prefix(&name));
            assert_eq!(found, value, "{template}{settings}");
        }
    }
}

#[test]
fn a_missing_key_secret_or_variable_of_a_template_is_an_absence_that_the_message_names() {
    are_absent(&[
        (
            "{{ db.pasword }}",
            "secret prod/db, region us-east-1: the template's db.pasword does not exist or is null",
        ),
        ("x{{ db['usr'] | urlencode }}", "did you mean \"user\"?"),
        ("{{ db.none }}", "db.none "),
        ("{{ db.inner.zz }}", "db.inner.zz "),
        ("{{ db['inner'].a[7] }}", "db.inner.a.7 "),
        ("{{ db.nope.deeper }}", "db.nope "),
        ("{{ db.hosts[7] }}", "db.hosts.7 "),
        ("{{ db.nope | length }}{{ db.nope | list }}", "db.nope "),
        ("{% set x = db.nope %}{{ x[1:] }}", "db.nope "),
        ("{{ db.nope + 1 }}", "db.nope "),
        (
            "{{ db.nope + db.port + (db.opt | default(1)) }}",
            "db.nope ",
        ),
        ("{{ db.nope == 1 }}", "db.nope "),
        ("{% for x in db.nope %}{% endfor %}", "db.nope "),
        ("{{ [db.host, db.nope] | join(':') }}", "db.nope "),
        (
            "{{ db.prt | default('x') }}{{ db.pasword }}{{ db.usr | default('x') }}",
            "did you mean \"password\"?",
        ),
        ("{{ db.mixed | join(',') }}", "db.mixed.* "),
        ("{% for x in db.mixed %}{{ x }}{% endfor %}", "db.mixed.* "),
        ("{{ (db.config | fromjson).k.w }}", ".k.w "),
        (
            "{{ db.host }}{{ gone }}",
            "secret prod/gone, region us-east-1: does not exist",
        ),
        (
            "{{ gone.key }}",
            "secret prod/gone, region us-east-1: does not exist",
        ),
        (
            "{{ db.host if true else gone.key }}",
            "secret prod/gone, region us-east-1: does not exist",
        ),
        ("{{ env.SECRETS_NOPE }}", "env.SECRETS_NOPE is not set"),
        (
            "{{ db.host }}{{ env['SECRETS_NOPE'] | urlencode }}",
            "env.SECRETS_NOPE is not set",
        ),
    ]);
    let filters = "abs b64decode b64encode batch(2) bool capitalize chain count dictsort e escape first float format fromjson \
        groupby('x') indent int items join last length lines list lower map('upper') max min pprint reject \
        replace('a','b') reverse round safe select slice(2) sort split string sum title tojson trim unique \
        upper urlencode zip";
    let filtered = |filter: &str| (format!("{{% set x = db.usr | {filter} %}}"), "db.usr ");
    are_absent(&filters.split_whitespace().map(filtered).collect::<Vec<_>>());
}

#[test]
fn a_missing_template_key_that_an_expression_computed_is_reported_as_a_star() {
    are_absent(&[
        ("{{ db.hosts[3 * 3] }}", "db.hosts.* "),
        ("{{ db[db.password] }}", "db.* "),
        ("{{ db[plain] }}", "db.* "),
        ("{{ db.hosts[db.port] }}", "db.hosts.* "),
        ("{{ db | attr(sel.who) }}", "db.* "),
        (
            "{{ [db] | map(attribute=sel.who) | list | tojson }}",
            "db.* ",
        ),
        ("{{ db[sel['in' ~ 'ner']].zz }}", "db.*.zz "),
        ("{{ env[db.password] }}", "env.* is not set"),
    ]);
}

#[test]
fn a_mistake_of_a_template_is_reported_with_its_line_despite_default_or_optional() {
    let no_object = "but the value before the last name is not a JSON object";
    for settings in ["", ", default: d", ", optional: true"] {
        let rows = [
            ("{{ db.password | int }}", "invalid operation"),
            ("{{ 'nope' in db }}{{ db.port + 'x' }}", "invalid operation"),
            (
                "\n{{ db.host[:3] }}",
                "line 2 of the template: db is undefined",
            ),
            ("{{ plain[:3] }}", "plain is undefined"),
            (
                "{% set sel = sel | default('x') %}",
                "not read; write {% set x = db.host %}{{ x[:3] }}",
            ),
            (
                "{{ db.binary | b64decode }}",
                "b64decode: the decoded value is not UTF-8",
            ),
            (
                "{{ db.hosts | map(db.host) }}",
                "line 1 of the template: unknown filter",
            ),
            ("{{ [][0] }}", "undefined value"),
            ("{{ plain.host | default('x') }}", no_object),
            ("{{ plain.host if plain is mapping }}", no_object),
            ("{{ list.host }}", "list.host, "),
            ("{{ broken.host | default('x') }}", "broken.host, "),
            ("{{ db.version.x }}", "db.version.x, "),
            ("{{ db.hosts.name }}", "db.hosts.name, "),
            (
                "{% set x = plain %}\n{{ x.host }}",
                "line 2 of the template: undefined value",
            ),
            (
                "{{ plain['host'] }}{{ plain[db.host] }}",
                "line 1 of the template: undefined value",
            ),
            ("{{ octets }}", "octets is binary, not text"),
        ];
        are_refused(&secrets(), &rows, settings);
    }
}

#[test]
fn an_unknown_alias_function_filter_or_test_of_a_template_is_refused_before_any_request() {
    let aws = secrets();
    let rows = [
        ("{{ bd.host }}", "\"bd\", which is not an alias"),
        ("{% if false %}{{ nowhere }}{% endif %}", "\"nowhere\""),
        (
            "{{ nope(db.host) }}",
            "a template has the functions range, dict and namespace",
        ),
    ];
    are_refused(&aws, &rows, ", optional: true");
    let unknown = [
        ("{{ db.host | upper | uper }}", "filter uper is unknown"),
        ("{{ db is nonsense }}", "test nonsense is"),
    ];
    are_refused(&aws, &unknown, ", optional: true");
    assert!(aws.calls().is_empty());
}

#[test]
fn an_offline_check_reports_an_unset_variable_of_a_template_and_shows_no_value() {
    let declaration = "env:\n  A: { template: \"{{ env.PASSWORD }}{{ env.PASWORD }}\" }\n  B: { template: \"{{ env.PASSWORD }}\" }\n";
    let sandbox = Sandbox::new()
        .args(["check", "--offline"])
        .bare()
        .env("PASSWORD", CANARY)
        .declaration(declaration);
    let run = sandbox.run();
    run.ended(Status::Exit(78)).says([
        "secrets-exec.yaml:2",
        "env.PASWORD is not set",
        "\"PASSWORD\"",
    ]);
    assert!(!run.stdout().contains(CANARY), "{run}");
}

/// MiniJinja recurses for each of these operators, keys and filters.
#[test]
fn a_template_of_16_kib_is_rendered_and_a_longer_one_is_refused_with_its_place() {
    let minus = |length: usize| format!("{{{{ {}1 }}}}", "-".repeat(length - "{{ 1 }}".len()));
    let filters = format!(
        "{{{{ 1{} }}}} ",
        "|e".repeat((16_384 - "{{ 1 }} ".len()) / 2)
    );
    let keys = format!(
        "{{{{ env{} }}}}",
        ".a".repeat((16_384 - "{{ env }}".len()) / 2)
    );
    assert_eq!((filters.len(), keys.len()), (16_384, 16_383));
    let aws = secrets();
    let run = launch(&aws, &[minus(16_384), filters.clone()], "");
    run.launched_silently().has("V0", "-1").has("V1", "1 ");
    are_absent(&[(keys, "env.a is not set")]);
    are_refused(&aws, &[(minus(16_385), "secrets-exec.yaml:3:")], "");
    are_refused(
        &aws,
        &[(
            minus(16_385),
            "it has 16385 bytes, and a template at most 16384",
        )],
        "",
    );
    let declaration = format!(
        "env: {{ A: {{ template: \"{}\" }}, B: {{ template: \"{filters}\" }} }}\n",
        minus(16_384)
    );
    Sandbox::new()
        .args(["check", "--offline"])
        .bare()
        .declaration(&declaration)
        .run()
        .ended(Status::Exit(0));
}

#[test]
fn a_template_prints_a_value_of_128_levels_and_refuses_a_deeper_value() {
    let nested = |loops: u32| {
        let body = "{% set list.x = [list.x] %}";
        format!(
            "{{% set list = namespace(x=1) %}}{{% for _ in range({loops}) %}}{body}{{% endfor %}}{{{{ list.x }}}}"
        )
    };
    let aws = secrets();
    let printed = format!("{}1{}", "[".repeat(127), "]".repeat(127));
    launch(&aws, &[nested(127)], "")
        .launched_silently()
        .has("V0", &printed);
    let rows = [128, 9_000].map(|loops| {
        (
            nested(loops),
            "line 1 of the template: the value is too deeply nested",
        )
    });
    are_refused(&aws, &rows, ", default: d");
}

#[test]
fn a_denied_or_deleted_secret_of_a_template_fails_despite_a_default_or_another_absence() {
    for (fault, status) in [
        (fault::denied("prod/db"), 77),
        (fault::marked_for_deletion(), 78),
    ] {
        let aws = Aws::start().secret("prod/db", Secret::failing(fault));
        for template in [
            "{{ db.host }}",
            "{{ gone.x }}{{ db.x }}",
            "{{ db.x }}{{ gone.x }}",
        ] {
            for settings in [", default: d", ", optional: true"] {
                launch(&aws, &[template], settings)
                    .says(["secrets-exec.yaml:3", "prod/db"])
                    .ended(Status::Exit(status));
            }
        }
    }
}

#[test]
fn a_nul_that_a_template_prints_is_an_error_that_names_the_variable() {
    let aws = Aws::start().secret(
        "prod/db",
        Secret::text(&format!(r#"{{"k":"{CANARY}\u0000"}}"#)),
    );
    launch(&aws, &["{{ db.k }}"], ", default: d")
        .refused(78)
        .says(["V0", "base64"]);
}

/// Of each filter, test and operator, a test beside the code shows it.
#[test]
fn no_error_of_rendering_a_template_holds_a_value() {
    let canary = |text: &str| (text.replace("CANARY", "db.password"), "");
    let rows = [
        "{{ CANARY.x }}",
        "{{ CANARY + 1 }}",
        "{{ -CANARY }}",
        "{{ CANARY | int }}",
        "{{ (CANARY ~ '!') | b64decode }}",
        "{{ db | items | first | first | fromjson }}",
        "{{ {CANARY: 1}[db.host ~ CANARY] }}",
        "{{ db.hosts | map(CANARY) | list }}",
        "{{ namespace(x=CANARY).y }}",
        "{{ dict(x=CANARY).y }}",
        "{{ [CANARY][7] }}",
    ];
    let aws = secrets();
    are_refused(&aws, &rows.map(canary), "");
    launch(&aws, &["{{ db[plain] }}{{ plain.x }}"], "").refused(78);
}
