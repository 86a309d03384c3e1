//! Templates that can't be rendered. The settings `default` and `optional` apply to a missing key,
//! secret or variable, but not to a mistake. No error shows a value.

use std::collections::BTreeMap;

use crate::support::*;

/// An AWS, and the aliases that the declaration of a launch has for its secrets. The alias `db`
/// means the secret `prod/db`.
struct Secrets {
    aws: Aws,
    aliases: Vec<&'static str>,
}

impl Secrets {
    fn none() -> Self {
        Self {
            aws: Aws::start(),
            aliases: Vec::new(),
        }
    }

    /// Adds a secret with this text, and its alias.
    fn with(self, alias: &'static str, text: &str) -> Self {
        self.with_secret(alias, Secret::text(text))
    }

    fn with_secret(self, alias: &'static str, secret: Secret) -> Self {
        let mut with_alias = self.with_missing(alias);
        with_alias.aws = with_alias.aws.secret(&format!("prod/{alias}"), secret);
        with_alias
    }

    /// Adds only an alias. Its secret doesn't exist.
    fn with_missing(mut self, alias: &'static str) -> Self {
        self.aliases.push(alias);
        self
    }

    /// Launches the templates as the variables `V0`, `V1` and so on. The settings, such as `,
    /// optional: true`, are added to each entry. The entry of `V0` is on line 3 of the declaration.
    fn launch<T: AsRef<str>>(&self, templates: &[T], settings: &str) -> Outcome {
        let aliases = self.aliases.iter();
        let aliases: Vec<String> = aliases
            .map(|alias| format!("{alias}: prod/{alias}"))
            .collect();
        let mut declaration = format!("secrets: {{ {} }}\nenv:\n", aliases.join(", "));
        for (number, template) in templates.iter().enumerate() {
            let template = serde_json::Value::from(template.as_ref());
            declaration += &format!("  V{number}: {{ template: {template}{settings} }}\n");
        }
        Sandbox::new()
            .aws(&self.aws)
            .declaration(&declaration)
            .run()
    }

    /// Asserts for each template that the launch is refused with 78, and that the error has the
    /// text next to the template.
    fn assert_refused<T: AsRef<str>>(&self, settings: &str, rows: &[(T, &str)]) {
        let templates: Vec<&str> = rows.iter().map(|(template, _)| template.as_ref()).collect();
        let run = self.launch(&templates, settings);
        let reasons = reasons(&run);
        for (number, (template, text)) in rows.iter().enumerate() {
            let reason = reasons
                .get(&format!("V{number}"))
                .map_or("", String::as_str);
            assert!(
                !reason.is_empty() && reason.contains(text),
                "{}: no {text:?} in {reason:?}: {run}",
                template.as_ref()
            );
        }
    }

    /// Asserts for each template that it is a mistake: the launch is refused with 78, with the text
    /// next to the template, and neither a default nor `optional` changes that.
    fn assert_mistakes<T: AsRef<str>>(&self, rows: &[(T, &str)]) {
        for settings in ["", ", default: d", ", optional: true"] {
            self.assert_refused(settings, rows);
        }
    }

    /// Asserts for each template that something is absent: the launch is refused with 78, with the
    /// text next to the template, unless the entry has a default or `optional`.
    fn assert_absent<T: AsRef<str>>(&self, rows: &[(T, &str)]) {
        self.assert_refused("", rows);
        let templates: Vec<&str> = rows.iter().map(|(template, _)| template.as_ref()).collect();
        let with_default = self.launch(&templates, ", default: d");
        with_default.launched_silently();
        let optional = self.launch(&templates, ", optional: true");
        optional.launched_silently();
        for number in 0..templates.len() {
            with_default.has(&format!("V{number}"), "d");
            optional.has_no(&format!("V{number}"));
        }
    }
}

/// The templates of a table, each with the text after its `=>`. A `\n` is a line feed.
fn cases(table: &str) -> Vec<(String, &str)> {
    let lines = table.lines().map(str::trim);
    let cases = lines.filter_map(|line| line.split_once(" => "));
    cases
        .map(|(template, text)| (template.replace("\\n", "\n"), text))
        .collect()
}

/// The error, the entries and the help that a refused launch prints for each variable.
fn reasons(run: &Outcome) -> BTreeMap<String, String> {
    let stderr = run.refused(78).stderr();
    let mut reasons = BTreeMap::new();
    let (mut error, mut variables) = (String::new(), Vec::new());
    for line in stderr.lines() {
        if line.starts_with("secrets-exec: error: ") {
            // An error in the declaration has the place and the variable first, and no line with
            // the variable.
            let first = line.split(": ").nth(3).unwrap_or_default();
            (error, variables) = (String::new(), vec![first.to_owned()]);
        } else if let Some(entry) = line.strip_prefix("secrets-exec:   for ") {
            variables.push(entry.split(' ').next().unwrap().to_owned());
        }
        error += &format!("{line}\n");
        for variable in &variables {
            reasons.insert(variable.clone(), error.clone());
        }
    }
    reasons
}

#[test]
fn if_a_template_uses_a_missing_key_the_error_names_the_key_and_its_secret() {
    let secrets = Secrets::none().with("db", r#"{"host":"db.internal"}"#);
    secrets.assert_absent(&[(
        "{{ db.password }}",
        "the secret \"prod/db\" has no key \"password\"",
    )]);
}

#[test]
fn if_a_template_uses_a_mistyped_key_the_error_suggests_a_key_with_a_similar_name() {
    let secrets = Secrets::none().with(
        "db",
        r#"{"user":"app-4c7a1e","password":"pass-4c7a1e","port":5432}"#,
    );
    secrets.assert_absent(&[(
        "x{{ db['usr'] | urlencode }}",
        "did you mean \"user\"? Write {{ db.user }}",
    )]);
    // The keys with a default may be missing, so secrets-exec suggests nothing for them.
    secrets.assert_absent(&[(
        "{{ db.prt | default('x') }}{{ db.pasword }}{{ db.usr | default('x') }}",
        "did you mean \"password\"? Write {{ db.password }}",
    )]);
}

#[test]
fn if_templates_use_two_missing_keys_of_a_secret_one_error_lists_both_and_the_keys_that_exist() {
    let secrets = Secrets::none().with("db", r#"{"user":"app-4c7a1e","port":5432}"#);
    let message = "the secret \"prod/db\" doesn't have the keys \"prt\", \"usr\"";
    secrets.assert_absent(&[("{{ db.usr }}", message), ("{{ db.prt }}", message)]);
    let help = "its keys are \"user\", \"port\"";
    secrets.assert_absent(&[("{{ db.usr }}", help), ("{{ db.prt }}", help)]);
}

#[test]
fn a_null_that_a_template_uses_is_reported_like_a_missing_key() {
    let secrets = Secrets::none().with("db", r#"{"none":null,"mixed":[1,null]}"#);
    secrets.assert_absent(&cases(
        r#"
            {{ db.none }} => has the key "none", but its value is null
            {{ db.mixed | join(',') }} => doesn't have a key that the template looks up
            {% for x in db.mixed %}{{ x }}{% endfor %} => doesn't have a key that the template looks up
        "#,
    ));
}

#[test]
fn if_a_template_uses_a_nested_key_that_does_not_exist_the_error_shows_the_path_of_the_key() {
    let secrets = Secrets::none().with(
        "db",
        r#"{"inner":{"list":[1.10]},"hosts":["host-4c7a1e"],"config":"{\"k\": {\"v\": 2.50}}"}"#,
    );
    secrets.assert_absent(&cases(
        r#"
            {{ db.inner.nope }} => has no key "inner.nope"
            {{ db.nope.deeper }} => has no key "nope"
            {{ (db.config | fromjson).k.nope }} => the result of "fromjson" has no key "k.nope"
        "#,
    ));
    // An index past the end of a list is a mistake in the template.
    secrets.assert_mistakes(&[
        ("{{ db['inner'].list[7] }}", "has no key \"inner.list.7\""),
        ("{{ db.hosts[7] }}", "has no key \"hosts.7\""),
    ]);
}

#[test]
fn a_missing_key_is_reported_in_every_kind_of_expression_of_a_template() {
    let secrets = Secrets::none().with("db", r#"{"host":"db.internal","port":5432}"#);
    secrets.assert_absent(&cases(
        r#"
            {{ db.nope | length }}{{ db.nope | list }} => has no key "nope"
            {% set x = db.nope %}{{ x[1:] }} => has no key "nope"
            {{ db.nope + 1 }} => has no key "nope"
            {{ db.nope + db.port + (db.opt | default(1)) }} => has no key "nope"
            {{ db.nope == 1 }} => has no key "nope"
            {% for x in db.nope %}{% endfor %} => has no key "nope"
            {{ [db.host, db.nope] | join(':') }} => has no key "nope"
        "#,
    ));
}

#[test]
fn a_missing_key_is_reported_whichever_filter_a_template_applies_to_the_key() {
    let secrets = Secrets::none().with("db", r#"{"host":"db.internal"}"#);
    let filters = "abs b64decode b64encode batch(2) bool capitalize chain count dictsort e escape first float format fromjson \
        groupby('x') indent int items join last length lines list lower map('upper') max min pprint reject \
        replace('a','b') reverse round safe select slice(2) sort split string sum title tojson trim unique \
        upper urlencode zip";
    let filtered = |filter: &str| {
        (
            format!("{{% set x = db.nope | {filter} %}}"),
            "has no key \"nope\"",
        )
    };
    let rows: Vec<_> = filters.split_whitespace().map(filtered).collect();
    secrets.assert_absent(&rows);
}

#[test]
fn a_missing_secret_of_a_template_is_reported_even_if_the_template_would_not_print_its_value() {
    let secrets = Secrets::none()
        .with("db", r#"{"host":"db.internal"}"#)
        .with_missing("gone");
    let message = "the secret \"prod/gone\" doesn't exist in us-east-1";
    secrets.assert_absent(&[
        ("{{ db.host }}{{ gone }}", message),
        ("{{ gone.key }}", message),
        ("{{ db.host if true else gone.key }}", message),
    ]);
}

#[test]
fn an_unset_variable_that_a_template_uses_is_reported() {
    let message = "the template uses env.SECRETS_NOPE, but the variable SECRETS_NOPE isn't set";
    Secrets::none().assert_absent(&[
        ("{{ env.SECRETS_NOPE }}", message),
        ("x{{ env['SECRETS_NOPE'] | urlencode }}", message),
    ]);
}

/// The name of such a key may be a value, so the error must not show it.
#[test]
fn a_missing_key_whose_name_a_template_computes_is_not_shown() {
    let secrets = Secrets::none()
        .with("plain", "plain-4c7a1e")
        .with("sel", r#"{"who":"nobody-4c7a1e","inner":"inner-4c7a1e"}"#)
        .with(
            "db",
            r#"{"password":"pass-4c7a1e","port":5432,"hosts":["host-4c7a1e"],"inner-4c7a1e":{}}"#,
        );
    let message = "the secret \"prod/db\" doesn't have a key that the template looks up";
    secrets.assert_absent(&[
        ("{{ db[db.password] }}", message),
        ("{{ db[plain] }}", message),
        ("{{ db | attr(sel.who) }}", message),
        ("{{ db[sel['in' ~ 'ner']].zz }}", message),
        (
            "{{ env[db.password] }}",
            "the environment doesn't have a key that the template looks up",
        ),
    ]);
    // MiniJinja doesn't say which item an attribute is missing in, so the entry isn't absent.
    secrets.assert_mistakes(&[
        ("{{ db.hosts[3 * 3] }}", message),
        ("{{ db.hosts[db.port] }}", message),
        (
            "{{ [db] | map(attribute=sel.who) | list | tojson }}",
            "the template has an error: it uses a value that is undefined",
        ),
    ]);
}

#[test]
fn a_mistake_in_a_template_is_not_hidden_by_a_key_that_may_be_missing() {
    let secrets = Secrets::none().with(
        "db",
        r#"{"hosts":"host-4c7a1e,host-7a1e4c","none":null,"list":["item-4c7a1e"],"json":"{\"k\":\"v-4c7a1e\"}"}"#,
    );
    let mistakes = [
        "{{ db.sslmode | default('require') }} {{ (db.hosts | split(','))[7] }}",
        "{{ (db.nope | default(db.hosts) | split(','))[7] }}",
        "{{ db.list[7] | default('x') }}{{ (db.hosts | split(','))[7] }}",
        "{{ db.none | default('x') }}{{ [] | first }}",
        "{% set unused = db.nope %}{{ [] | last }}",
        "{% set unused = db.nope %}{{ [] | min }}",
        "{{ db.nope | default('x') }}{{ dict(a=1).nope }}",
        "{{ db.nope is defined }}{{ {'a': 1}['nope'] }}",
        "{% if db.nope is defined %}x{% else %}{{ (db.hosts | split(','))[7] }}{% endif %}",
        "{% if 'nope' in db %}{{ db.nope }}{% else %}{{ (db.hosts | split(','))[7] }}{% endif %}",
        "{{ db.nope if 'nope' in db else (db.hosts | split(','))[7] }}",
        "{{ env.SECRETS_NOPE | default('x') }}{{ db.hosts[700] }}",
        "{{ (db.json | fromjson).nope | default('x') }}{{ [1][7] }}",
        "{% for host in db.hosts | split(',') %}{{ db.nope | default('') }}{{ loop.nextitem }}{% endfor %}",
        "{{ [db.nope | default('x'), [] | first] | join }}",
    ]
    .map(|template| {
        (
            template,
            "the template has an error: it uses a value that is undefined",
        )
    });
    secrets.assert_mistakes(&mistakes);
    secrets.assert_mistakes(&[(
        "{{ db.nope | default('x') }}{{ 1 + 'a' }}",
        "an operator or filter can't be applied to these values",
    )]);
    // Here the missing key is what the rendering fails at.
    secrets.assert_absent(&cases(
        r#"
            {% if 'other' in db %}x{% endif %}{{ db.opt | default('x') }}{{ db.nope }} => has no key "nope"
            {{ (db.hosts | split(','))[7] | default('x') }}{{ db['nope'] | urlencode }} => has no key "nope"
            {% if 'other' in db %}{{ db.other }}{% else %}{{ db.nope }}{% endif %} => has no key "nope"
            {% set late = db.nope %}{{ db.opt | default('x') }}{{ late }} => has no key "nope"
        "#,
    ));
}

#[test]
fn a_template_that_uses_a_key_of_a_value_that_is_not_an_object_is_refused_even_with_a_default() {
    let secrets = Secrets::none()
        .with("plain", "plain-4c7a1e")
        .with("list", "[1, 2]")
        .with("broken", r#"{"host": "broken-4c7a1e""#)
        .with(
            "db",
            r#"{"host":"db.internal","version":1.10,"hosts":["host-4c7a1e"]}"#,
        );
    let not_an_object = "isn't a JSON object, but the template uses plain.host";
    secrets.assert_mistakes(&[
        ("{{ plain.host | default('x') }}", not_an_object),
        ("{{ plain.host if plain is mapping }}", not_an_object),
        (
            "{{ list.host }}",
            "isn't a JSON object, but the template uses list.host",
        ),
        (
            "{{ broken.host | default('x') }}",
            "isn't a JSON object, but the template uses broken.host",
        ),
        (
            "{{ db.version.x }}",
            "doesn't have a JSON object at \"version\", but the template uses db.version.x",
        ),
        (
            "{{ db.hosts.name }}",
            "doesn't have a JSON object at \"hosts\", but the template uses db.hosts.name",
        ),
        (
            "{{ plain['host'] }}{{ plain[db.host] }}",
            "the template has an error: it uses a value that is undefined",
        ),
        (
            "{% set x = plain %}\n{{ x.host }}",
            "line 2 of the template has an error: it uses a value that is undefined",
        ),
    ]);
}

/// MiniJinja doesn't report the names in such expressions, so secrets-exec hasn't read the secret.
#[test]
fn the_error_about_a_template_that_slices_an_alias_or_reassigns_its_name_shows_what_to_write_instead()
 {
    let secrets = Secrets::none()
        .with("db", r#"{"host":"db.internal"}"#)
        .with("plain", "plain-4c7a1e");
    for (template, headline) in [
        (
            "\n{{ db.host[:3] }}",
            "line 2 of the template has an error: db can't be used here",
        ),
        (
            "{{ plain[:3] }}",
            "the template has an error: plain can't be used here",
        ),
        (
            "{% set db = db | default('x') %}",
            "the template has an error: db can't be used here",
        ),
    ] {
        let help = "give that part a name first: {% set x = db.host %}{{ x[:3] }}";
        secrets.assert_mistakes(&[(template, headline)]);
        secrets.assert_mistakes(&[(template, help)]);
    }
}

#[test]
fn a_template_with_an_operation_that_its_value_does_not_allow_is_refused_even_with_a_default() {
    let secrets = Secrets::none()
        .with_secret(
            "octets",
            Secret::binary(*b"\xff\xfe\x01\x02\x03\x04\x05\x06"),
        )
        .with(
            "db",
            r#"{"password":"pass-4c7a1e","port":5432,"binary":"AP8tNGM3YTE=","hosts":["host-4c7a1e"]}"#,
        );
    secrets.assert_mistakes(&cases(
        r#"
            {{ db.password | int }} => an operator or filter can't be applied to these values
            {{ 'nope' in db }}{{ db.port + 'x' }} => an operator or filter can't be applied to these values
            {{ db.binary | b64decode }} => the result of "b64decode" isn't UTF-8
            {{ db.hosts | map(db.password) }} => the template has an error: unknown filter
            {{ [][0] }} => it uses a value that is undefined
            {{ octets }} => is binary, so the template can't use octets
        "#,
    ));
}

#[test]
fn an_unknown_alias_of_a_template_is_refused_before_any_request() {
    let secrets = Secrets::none().with("db", r#"{"host":"db.internal"}"#);
    secrets.assert_mistakes(&cases(
        r#"
            {{ bd.host }} => the template uses "bd", but there is no "bd" under "secrets"
            {% if false %}{{ nowhere }}{% endif %} => "nowhere"
        "#,
    ));
    assert!(secrets.aws.calls().is_empty());
}

#[test]
fn an_unknown_function_filter_or_test_of_a_template_is_refused_before_any_request() {
    let secrets = Secrets::none().with("db", r#"{"host":"db.internal"}"#);
    secrets.assert_mistakes(&[(
        "{{ nope(db.host) }}",
        "the functions of templates are \"range\", \"dict\" and \"namespace\"",
    )]);
    secrets.assert_mistakes(&[
        ("{{ db.host | upper | uper }}", "filter uper is unknown"),
        ("{{ db is nonsense }}", "test nonsense is"),
    ]);
    assert!(secrets.aws.calls().is_empty());
}

#[test]
fn check_offline_reports_an_unset_variable_of_a_template_and_does_not_print_a_value() {
    let declaration = r#"
env:
  A: { template: "{{ env.PASSWORD }}{{ env.PASWORD }}" }
  B: { template: "{{ env.PASSWORD }}" }
"#;
    let run = Sandbox::new()
        .args(["check", "--offline"])
        .bare()
        .env("PASSWORD", CANARY)
        .declaration(declaration)
        .run();
    run.ended(Status::Exit(78)).says([
        "secrets-exec.yaml:3",
        "the template uses env.PASWORD, but the variable PASWORD isn't set",
        "\"PASSWORD\"",
    ]);
    assert!(!run.stdout().contains(CANARY), "{run}");
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
fn a_template_of_16_kib_is_rendered() {
    let templates = [minus_signs(LONGEST), filters_of_the_greatest_length()];
    let run = Secrets::none().launch(&templates, "");
    run.launched_silently().has("V0", "-1").has("V1", "1 ");
}

#[test]
fn check_offline_accepts_a_template_of_16_kib() {
    let declaration = format!(
        "env: {{ A: {{ template: \"{}\" }}, B: {{ template: \"{}\" }} }}\n",
        minus_signs(LONGEST),
        filters_of_the_greatest_length()
    );
    Sandbox::new()
        .args(["check", "--offline"])
        .bare()
        .declaration(&declaration)
        .run()
        .ended(Status::Exit(0));
}

#[test]
fn an_unset_variable_with_thousands_of_keys_after_it_in_a_template_is_reported_without_a_crash() {
    let keys = ".a".repeat((LONGEST - "{{ env }}".len()) / 2);
    Secrets::none().assert_absent(&[(format!("{{{{ env{keys} }}}}"), "the variable a isn't set")]);
}

#[test]
fn a_template_that_is_longer_than_16_kib_is_refused_with_its_line_and_its_length() {
    let secrets = Secrets::none();
    let too_long = minus_signs(16_385);
    for text in [
        "secrets-exec.yaml:3:",
        "the template has 16385 bytes, but at most 16384 are allowed",
    ] {
        secrets.assert_refused("", &[(&too_long, text)]);
    }
}

/// A template that puts the number 1 into this many nested lists, and prints them.
fn nested_lists(levels: u32) -> String {
    format!(
        "{{% set list = namespace(x=1) %}}{{% for _ in range({levels}) %}}{{% set list.x = [list.x] %}}{{% endfor %}}{{{{ list.x }}}}"
    )
}

#[test]
fn a_template_can_print_a_value_with_128_nested_levels() {
    // The number is a level, too.
    let printed = format!("{}1{}", "[".repeat(127), "]".repeat(127));
    let run = Secrets::none().launch(&[nested_lists(127)], "");
    run.launched_silently().has("V0", &printed);
}

#[test]
fn a_template_that_prints_a_value_with_more_than_128_nested_levels_is_refused_even_with_a_default()
{
    let message = "the template has an error: a value is nested too deeply";
    let rows = [128, 9_000].map(|levels| (nested_lists(levels), message));
    Secrets::none().assert_refused(", default: d", &rows);
}

#[test]
fn a_launch_fails_if_a_template_uses_a_denied_or_deleted_secret_even_with_a_default_or_if_another_secret_is_missing()
 {
    for (fault, status) in [
        (fault::denied("prod/db"), 77),
        (fault::marked_for_deletion(), 78),
    ] {
        let secrets = Secrets::none()
            .with_secret("db", Secret::failing(fault))
            .with_missing("gone");
        for template in [
            "{{ db.host }}",
            "{{ gone.x }}{{ db.x }}",
            "{{ db.x }}{{ gone.x }}",
        ] {
            for settings in [", default: d", ", optional: true"] {
                let run = secrets.launch(&[template], settings);
                run.says(["secrets-exec.yaml:3", "prod/db"])
                    .ended(Status::Exit(status));
            }
        }
    }
}

#[test]
fn the_error_about_a_nul_byte_in_a_template_names_the_variable_and_suggests_base64() {
    let secrets = Secrets::none().with("db", r#"{"k":"nul-4c7a1e\u0000"}"#);
    let run = secrets.launch(&["{{ db.k }}"], ", default: d");
    run.refused(78).says(["V0", "base64"]);
}

/// If an error contains a string of a secret, the sandbox fails the launch. A test next to the code
/// checks each filter, test and operator.
#[test]
fn the_error_about_a_template_that_cannot_be_rendered_never_shows_a_value() {
    let secrets = Secrets::none().with("plain", "plain-4c7a1e").with(
        "db",
        r#"{"host":"db.internal","password":"pass-4c7a1e","hosts":["host-4c7a1e"]}"#,
    );
    let templates = [
        "{{ db.password.x }}",
        "{{ db.password + 1 }}",
        "{{ -db.password }}",
        "{{ db.password | int }}",
        "{{ (db.password ~ '!') | b64decode }}",
        "{{ db | items | first | first | fromjson }}",
        "{{ {db.password: 1}[db.host ~ db.password] }}",
        "{{ db.hosts | map(db.password) | list }}",
        "{{ namespace(x=db.password).y }}",
        "{{ dict(x=db.password).y }}",
        "{{ [db.password][7] }}",
    ];
    secrets.assert_refused("", &templates.map(|template| (template, "")));
    let run = secrets.launch(&["{{ db[plain] }}{{ plain.x }}"], "");
    run.refused(78);
}

#[test]
fn a_filter_that_would_make_gigabytes_out_of_nothing_is_refused() {
    let secrets = Secrets::none().with("db", r#"{"host":"db.internal","port":5432}"#);
    let mistakes = [
        ("{{ '%1000000000d' | format(1) }}", "format"),
        ("{{ '%-+010000d' | format(1) }}", "format"),
        ("{{ '%s:%(n)s%.1000000000f' | format(1, n=2) }}", "format"),
        ("{{ '%(n)1000000000s' | format(n=1) }}", "format"),
        ("{{ db.host | indent(1000000000, true) }}", "indent"),
        ("{{ db.host | indent(width=10000) }}", "indent"),
        ("{{ [1] | batch(1000000000, 1) }}", "batch"),
        ("{{ [1] | slice(1e9, 1) }}", "slice"),
    ]
    .map(|(template, filter)| {
        let message = format!("the template has an error: a number for \"{filter}\" is too large");
        (template, message)
    });
    for (template, message) in &mistakes {
        secrets.assert_mistakes(&[(*template, message.as_str())]);
    }

    let accepted = secrets.launch(
        &["{{ '%s:15432/%05d%%' | format(db.host, 54321) | indent(9999) }}"],
        "",
    );
    accepted.launched_silently();
    accepted.has("V0", "db.internal:15432/54321%");
}
