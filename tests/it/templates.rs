//! `template`: its output, and the requests that it needs; start with `compose`, which launches one over one object.
//! Errors are in `template_faults.rs`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::support::aws::Aws;
use crate::support::aws::secret::{CURRENT_ID, Secret};
use crate::support::outcome::Outcome;
use crate::support::sandbox::{CANARY, Sandbox};

/// Launches `env: { A: { template: "TEMPLATE" } }`, where `db` is the object.
fn compose(object: &str, template: &str) -> Outcome {
    let aws = Aws::start().secret("prod/db", Secret::json(object));
    let template = serde_json::Value::from(template);
    let declaration = format!("secrets: {{ db: prod/db }}\nenv:\n  A: {{ template: {template} }}\n");
    Sandbox::new().aws(&aws).declaration(&declaration).run()
}

fn gives(object: &str, template: &str, value: impl AsRef<[u8]>) {
    compose(object, template).launched_silently().has("A", value);
}

/// Launches a template over the alias `s` of a secret that is not a JSON object.
fn of_text(secret: &Secret, template: &str) -> Outcome {
    let aws = Aws::start().secret("prod/token", secret.clone());
    let declaration = format!("secrets: {{ s: prod/token }}\nenv: {{ A: {{ template: '{template}' }} }}\n");
    Sandbox::new().aws(&aws).declaration(&declaration).run()
}

#[test]
fn values_are_printed_as_variables_show_them() {
    let object = r#"{"text":"it's \"x\"\n","port":5432,"price":1.10,"zero":-0,"big":12345678901234567890,"exp":1e5,
        "on":true,"off":false,"list":[1.10, null, "x"],"map":{ "b": 1.0, "a": true },"empty":""}"#;
    gives(object, "{{ db.text }}", "it's \"x\"\n");
    gives(object, "{{ db.port }}/{{ db.price }}/{{ db.zero }}/{{ db.big }}", "5432/1.10/-0/12345678901234567890");
    gives(object, "{{ db.on }} {{ db.off }}", "true false");
    gives(object, "{{ db.list }} {{ db.map }}", r#"[1.10,null,"x"] {"b":1.0,"a":true}"#);
    gives(object, "<{{ db.empty }}>", "<>");
}

#[test]
fn a_number_keeps_its_spelling_when_it_is_encoded_or_joined() {
    let object = r#"{"price":1.10,"big":12345678901234567890}"#;
    gives(object, "{{ db.price | urlencode }} {{ db.big | tojson }}", "1.10 12345678901234567890");
    gives(object, "{{ [db.price, db.big] | join(',') }} {{ db.price ~ 'x' }}", "1.10,12345678901234567890 1.10x");
}

#[test]
fn a_power_is_a_number() {
    gives(r#"{"n":2}"#, "{{ 2 ** 10 }} {{ db.n ** 0.5 }} {{ 10 ** -2 }}", "1024 1.4142135623730951 0.01");
}

#[test]
fn nothing_is_escaped() {
    gives(r#"{"html":"<a href='x'>&\"</a>"}"#, "<{{ db.html }}>", "<<a href='x'>&\"</a>>");
}

#[test]
fn a_value_that_looks_like_a_template_or_a_variable_is_only_text() {
    gives(r#"{"v":"{{ 7 * 7 }} ${HOME} {% raw %}"}"#, "{{ db.v }}", "{{ 7 * 7 }} ${HOME} {% raw %}");
}

#[test]
fn a_dollar_in_a_template_is_only_text() {
    gives("{}", "$HOME $HOME} ${NOPE:-x}", "$HOME $HOME} ${NOPE:-x}");
}

#[test]
fn the_last_newline_is_kept() {
    gives(r#"{"host":"h"}"#, "[db]\nhost = {{ db.host }}\n", "[db]\nhost = h\n");
    gives(r#"{"host":"h"}"#, "{{ db.host }}\n\n", "h\n\n");
    gives(r#"{"key":"-----END-----\n"}"#, "{{ db.key }}", "-----END-----\n");
}

#[test]
fn urlencode_encodes_all_but_unreserved_characters() {
    let ascii: String = (' '..='~').collect();
    let object = serde_json::json!({ "ascii": ascii, "other": "é\n\u{1f511}" });
    let encoded = "%20%21%22%23%24%25%26%27%28%29%2A%2B%2C-.%2F0123456789%3A%3B%3C%3D%3E%3F%40\
                   ABCDEFGHIJKLMNOPQRSTUVWXYZ%5B%5C%5D%5E_%60abcdefghijklmnopqrstuvwxyz%7B%7C%7D~";
    gives(&object.to_string(), "{{ db.ascii | urlencode }}", encoded);
    gives(&object.to_string(), "{{ db.other | urlencode }}", "%C3%A9%0A%F0%9F%94%91");
}

#[test]
fn a_url_is_composed_of_the_keys_of_one_secret() {
    let object = r#"{"username":"app","password":"p@ss:w/rd#?%&+ é","host":"db.internal","port":5432,"dbname":"app"}"#;
    let template = "postgresql://{{ db.username | urlencode }}:{{ db.password | urlencode }}@{{ db.host }}:{{ db.port }}/{{ db.dbname }}";
    let url = "postgresql://app:p%40ss%3Aw%2Frd%23%3F%25%26%2B%20%C3%A9@db.internal:5432/app";
    gives(object, template, url);
}

#[test]
fn base64_and_json_are_written_and_read() {
    let object = r#"{"text":"a\"é\n","json":"{\"k\":[1.10,{\"x\":\"y\"}]}","map":{"b":1.10,"a":null},"code":"aGkK"}"#;
    gives(object, "{{ db.text | b64encode }} {{ db.code | b64decode }}", "YSLDqQo= hi\n");
    gives(object, "{{ db.text | tojson }} {{ db.map | tojson }}", r#""a\"é\n" {"b":1.10,"a":null}"#);
    gives(object, "{% set j = db.json | fromjson %}{{ j.k[0] }} {{ j.k[1].x }}", "1.10 y");
    gives(object, "{{ db.json }}", r#"{"k":[1.10,{"x":"y"}]}"#);
}

#[test]
fn keys_of_any_spelling_are_reached() {
    let object = r#"{"a-b":"1","a.b":"2","items":"3","1":"4","":"5","map":{"x":{"y":["6","7"]}}}"#;
    gives(object, "{{ db['a-b'] }}{{ db['a.b'] }}{{ db.items }}{{ db['1'] }}{{ db[''] }}", "12345");
    gives(object, "{{ db.map.x.y[0] }}{{ db['map']['x'].y[1] }}", "67");
}

#[test]
fn control_structures_and_builtin_filters_work() {
    let object = r#"{"hosts":["a","b"],"tls":true,"name":" App ","none":null}"#;
    gives(object, "{% for h in db.hosts %}{{ h }}:1{% if not loop.last %},{% endif %}{% endfor %}", "a:1,b:1");
    gives(object, "{{ 'https' if db.tls else 'http' }} {{ db.name | trim | lower }}", "https app");
    gives(
        object,
        "{% if db.nope is defined %}x{% else %}y{% endif %}{% if db.none is defined %}x{% else %}y{% endif %}",
        "yy",
    );
}

#[test]
fn a_variable_that_an_if_sets_is_no_alias() {
    let template =
        "{% if db.tls %}{% set scheme = 'https' %}{% else %}{% set scheme = 'http' %}{% endif %}{{ scheme }}";
    gives(r#"{"tls":true}"#, template, "https");
    gives(r#"{"tls":false}"#, template, "http");
}

#[test]
fn an_alias_is_read_wherever_it_stands() {
    gives(r#"{"host":"abc"}"#, "{{ db.host[:2] }}", "ab");
    gives(r#"{"inner":{"x":"y"}}"#, "{% set db = db.inner %}{{ db.x }}", "y");
    gives(r#"{"from":"a"}"#, "{% filter replace(db.from, 'b') %}aba{% endfilter %}", "bbb");
}

#[test]
fn an_alias_with_the_name_of_a_key_is_not_read() {
    let aws = Aws::start().secret("prod/db", Secret::json(r#"{"host":"h"}"#));
    let declaration = "secrets: { db: prod/db, host: gone/host }\nenv: { A: { template: \"{{ db.host }}\" } }\n";
    Sandbox::new().aws(&aws).declaration(declaration).run().launched_silently().has("A", "h");
}

/// Launches a template with the inherited variables `HOST`, `EMPTY` and `BYTES`, which is not UTF-8.
fn of_variables(template: &str) -> Outcome {
    let declaration = format!("env: {{ A: {{ template: {template:?} }} }}\n");
    let sandbox = Sandbox::new().env("HOST", "db.internal").env("EMPTY", "");
    sandbox.env("BYTES", OsStr::from_bytes(b"\xff")).declaration(&declaration).run()
}

#[test]
fn the_inherited_variables_are_the_keys_of_env() {
    of_variables("{{ env.HOST }}:{{ env['HOST'] | upper }}").launched_silently().has("A", "db.internal:DB.INTERNAL");
    of_variables("{{ env.HOST[:2] }}<{{ env.EMPTY }}>").launched_silently().has("A", "db<>");
    of_variables("{{ env.NOPE | default(5432) }}{{ env.BYTES | default('x') }}").launched_silently().has("A", "5432x");
    of_variables("{% if env.NOPE is defined %}x{% endif %}y").launched_silently().has("A", "y");
}

#[test]
fn a_variable_and_a_secret_make_one_value() {
    let aws = Aws::start().secret("prod/db", Secret::json(r#"{"user":"u"}"#));
    let declaration = "secrets: { db: prod/db }\nenv: { A: { template: \"{{ db.user }}@{{ env.HOST }}\" } }\n";
    let sandbox = Sandbox::new().aws(&aws).env("HOST", "h").args(["--clean-env"]).declaration(declaration);
    sandbox.run().launched_silently().has("A", "u@h").lacks("HOST");
}

#[test]
fn a_variable_that_this_declaration_sets_is_not_in_env() {
    let declaration = "env: { HOST: { value: new }, A: { template: \"{{ env.HOST }}\" } }\n";
    Sandbox::new().env("HOST", "old").declaration(declaration).run().launched_silently().has("A", "old");
}

#[test]
fn a_number_that_jinja_prints_as_it_is_written_is_computed_with() {
    let object = r#"{"port":5432,"price":1.10}"#;
    gives(
        object,
        "{{ db.port + 1 }} {{ db.port > 80 }} {{ (db.price | float) * 2 }} {{ db.price is string }}",
        "5433 true 2.2 true",
    );
}

#[test]
fn a_secret_of_text_is_its_text() {
    of_text(&Secret::text(&format!("{CANARY}\n")), "<{{ s }}>").launched_silently().has("A", format!("<{CANARY}\n>"));
    of_text(&Secret::bare("1.10"), "<{{ s }}>").launched().has("A", "<1.10>");
    of_text(&Secret::bare("null"), "<{{ s }}>").launched().has("A", "<null>");
    of_text(&Secret::bare(" [1, 2]\n"), "<{{ s }}>").launched().has("A", "< [1, 2]\n>");
    of_text(&Secret::bare("\"quoted\""), "<{{ s }}>").launched().has("A", "<\"quoted\">");
    of_text(&Secret::bare("p@ss/word"), "{{ s | urlencode }}").launched().has("A", "p%40ss%2Fword");
}

#[test]
fn a_binary_secret_of_json_gives_its_keys() {
    of_text(&Secret::binary(format!(r#"{{"k":"{CANARY}"}}"#)), "{{ s.k }}").launched().has("A", CANARY);
}

#[test]
fn each_alias_is_one_request_however_often_it_is_named() {
    let aws = Aws::start()
        .secret("prod/db", Secret::json(r#"{"user":"u","host":"h"}"#))
        .secret("prod/api", Secret::json(r#"{"key":"k"}"#));
    let declaration = "secrets: { db: prod/db, api: prod/api }\nenv:\n\
        \x20 A: { template: \"{{ db.user }}{{ db.host }}{{ db.user }}{{ api.key }}\" }\n\
        \x20 B: { template: \"{% for i in range(3) %}{{ db.host }}{% endfor %}\" }\n\
        \x20 C: db:host\n";
    let run = Sandbox::new().aws(&aws).declaration(declaration).run();
    run.launched_silently().has("A", "uhuk").has("B", "hhh").has("C", "h");
    assert_eq!(aws.calls().len(), 2);
}

#[test]
fn a_template_without_names_asks_for_nothing() {
    let run = Sandbox::new().declaration("env: { A: { template: \"{{ 1 + 1 }} plain\" } }\n").run();
    run.launched_silently().has("A", "2 plain");
}

#[test]
fn the_stage_of_an_alias_is_the_version_that_is_read() {
    let secret = Secret::json(r#"{"k":"new"}"#).previous(Secret::json(r#"{"k":"old"}"#));
    let aws = Aws::start().secret("prod/db", secret);
    let declaration = "secrets: { db: prod/db, old: { id: prod/db, stage: AWSPREVIOUS } }\n\
                       env: { A: { template: \"{{ db.k }} {{ old.k }}\" } }\n";
    Sandbox::new().aws(&aws).declaration(declaration).run().launched_silently().has("A", "new old");
}

#[test]
fn an_alias_of_an_earlier_file_serves_a_template() {
    let aws = Aws::start().secret("prod/db", Secret::json(r#"{"k":"v"}"#));
    let sandbox = Sandbox::new()
        .aws(&aws)
        .file("a.yaml", "secrets: { db: prod/db }\n")
        .file("b.yaml", "env: { A: { template: \"{{ db.k }}\" } }\n");
    sandbox.args(["-f", "a.yaml", "-f", "b.yaml"]).run().launched_silently().has("A", "v");
}

#[test]
fn what_a_template_prints_may_be_encoded() {
    let aws = Aws::start().secret("prod/db", Secret::json(r#"{"k":"v"}"#));
    let declaration = "secrets: { db: prod/db }\nenv: { A: { template: \"u:{{ db.k }}\", encode: base64 } }\n";
    Sandbox::new().aws(&aws).declaration(declaration).run().launched_silently().has("A", "dTp2");
}

#[test]
fn a_template_may_be_a_file() {
    let aws = Aws::start().secret("prod/db", Secret::json(r#"{"k":"v"}"#));
    let declaration =
        "secrets: { db: prod/db }\nfiles:\n  - env: A\n    template: |\n      [client]\n      password={{ db.k }}\n";
    let run = Sandbox::new().aws(&aws).declaration(declaration).script("cat \"$A\"").run();
    run.launched_silently().printed("[client]\npassword=v\n");
}

#[test]
fn an_overridden_template_asks_for_nothing() {
    let aws = Aws::start().secret("prod/db", Secret::json(r#"{"k":"v"}"#));
    let sandbox = Sandbox::new()
        .aws(&aws)
        .file("a.yaml", "secrets: { db: prod/db }\nenv: { A: { template: \"{{ db.k }}\" } }\n")
        .file("b.yaml", "env: { A: { value: plain } }\n");
    sandbox.args(["-f", "a.yaml", "-f", "b.yaml"]).run().launched_silently().has("A", "plain");
    assert!(aws.calls().is_empty());
}

#[test]
fn verbose_tells_of_which_secrets_it_is_composed() {
    let aws =
        Aws::start().secret("prod/db", Secret::json(r#"{"k":"v"}"#)).secret("prod/api", Secret::json(r#"{"k":"v"}"#));
    let declaration =
        "secrets: { db: prod/db, api: prod/api }\nenv: { COMPOSED: { template: \"{{ db.k }}{{ api.k }}\" } }\n";
    let run = Sandbox::new().aws(&aws).args(["-v"]).declaration(declaration).run();
    run.launched().says(["COMPOSED", "prod/db", "prod/api", CURRENT_ID, "AWSCURRENT", "us-east-1"]);
}
