//! `template`: its output, and the requests that it needs. Errors are in `template_faults.rs`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::support::*;

::rows::rows!("tests/it/values/templates.rows");

pub const AWKWARD: &str = "p@ss:w/rd#?%&+ é";
const DB: &str = r#"{
    "host": "db.internal", "port": 5432, "user": "app-4c7a1e", "password": "p@ss:w/rd#?%&+ é", "ssl": true,
    "debug": false, "version": 1.10, "ratio": 1.5, "zero": -0, "big": 12345678901234567890, "huge": 1e400,
    "wide": 123456789012345678901234567890123456789012345, "hosts": ["a-4c7a1e", "b-4c7a1e"],
    "ports": [1, 2.0, 3.10, true], "mixed": [1, null], "empty": "", "none": null, "lines": " a-4c7a1e\n",
    "tricky": "{{ 7 * 7 }} ${HOME} {% raw %}", "config": "{\"k\": {\"v\": 2.50}, \"n\": null}",
    "inner": {"z": 1, "a": [1.10, -0, true, null, "</é\"-4c7a1e"]},
    "base64": "cMOpLTRjN2E=\n", "binary": "AP8tNGM3YTE=", "inner-4c7a1e": {},
    "a-b": 1, "a.b": 2, "items": 3, "1": 4, "": 5
}"#;

/// The secrets of the aliases that [`launch`] declares, but for `gone`.
pub fn secrets() -> Aws {
    let (older, broken) = (Secret::text(r#"{"host":"old.internal"}"#), format!(r#"{{"host": "{CANARY}""#));
    Aws::start()
        .secret("prod/db", Secret::text(DB).previous(older))
        .secret("prod/plain", Secret::text(AWKWARD))
        .secret("prod/number", Secret::text("0071000000"))
        .secret("prod/list", Secret::text("[1, 2]"))
        .secret("prod/word", Secret::text("null"))
        .secret("prod/quoted", Secret::text("\"quoted-4c7a1e\"\n"))
        .secret("prod/sel", Secret::text(r#"{"who":"nobody-4c7a1e","inner":"inner-4c7a1e"}"#))
        .secret("prod/bytes", Secret::binary(format!(r#"{{"k":"{CANARY}"}}"#)))
        .secret("prod/octets", Secret::binary(*b"\xff\xfe\x01\x02\x03\x04\x05\x06"))
        .secret("prod/broken", Secret::text(&broken))
}

/// Launches the templates as `V0`, `V1` and so on, each with these settings in its entry.
pub fn launch<T: AsRef<str>>(aws: &Aws, templates: &[T], settings: &str) -> Outcome {
    let aliases = ["db", "plain", "number", "list", "word", "quoted", "sel", "bytes", "octets", "broken", "gone"];
    let aliases = aliases.map(|alias| format!("{alias}: prod/{alias}")).join(", ");
    let entry = |(number, template): (usize, &T)| {
        format!("  V{number}: {{ template: {}{settings} }}\n", serde_json::Value::from(template.as_ref()))
    };
    let entries: String = templates.iter().enumerate().map(entry).collect();
    let sandbox = Sandbox::new().aws(aws).env("HOST", "h.internal").env("EMPTY", "");
    let sandbox = sandbox.env("BYTES", OsStr::from_bytes(b"\xff"));
    sandbox.declaration(&format!("secrets: {{ {aliases} }}\nenv:\n{entries}")).run()
}

/// Asserts what each template prints.
fn print<T: AsRef<str>, U: AsRef<str>>(rows: &[(T, U)]) {
    let templates: Vec<&str> = rows.iter().map(|(template, _)| template.as_ref()).collect();
    let environment = launch(&secrets(), &templates, "").launched_silently().stdout();
    for (number, (template, text)) in rows.iter().enumerate() {
        let name = format!("V{number}=");
        let printed = environment.split('\0').find_map(|entry| entry.strip_prefix(&name));
        assert_eq!(printed, Some(text.as_ref()), "{}", template.as_ref());
    }
}

#[test]
fn a_value_prints_as_it_does_without_a_template() {
    let keys = [
        ("password", AWKWARD),
        ("lines", " a-4c7a1e\n"),
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
        ("hosts", r#"["a-4c7a1e","b-4c7a1e"]"#),
        ("ports", "[1,2.0,3.10,true]"),
        ("tricky", "{{ 7 * 7 }} ${HOME} {% raw %}"),
        ("inner", r#"{"z":1,"a":[1.10,-0,true,null,"</é\"-4c7a1e"]}"#),
    ];
    print(&keys.map(|(key, text)| (format!("{{{{ db.{key} }}}}|{{{{ db['{key}'] }}}}"), format!("{text}|{text}"))));
    print(&[
        ("{{ db['a-b'] }}{{ db['a.b'] }}{{ db.items }}{{ db['1'] }}{{ db[''] }}", "12345"),
        ("{{ plain }}{{ number }}", &format!("{AWKWARD}0071000000")),
        ("{{ list }}{{ word }}{{ quoted }}", "[1, 2]null\"quoted-4c7a1e\"\n"),
        ("{{ sel }}", r#"{"who":"nobody-4c7a1e","inner":"inner-4c7a1e"}"#),
        ("{{ bytes.k }}", CANARY),
        ("a\n{{ db.port }}\n", "a\n5432\n"),
        ("{{ db.lines }}\n\n", " a-4c7a1e\n\n\n"),
        ("$HOME $HOME} ${NOPE:-x}", "$HOME $HOME} ${NOPE:-x}"),
        ("{{ '<&\"' }}{% autoescape true %}{{ db.password }}{% endautoescape %}", &format!("<&\"{AWKWARD}")),
        ("{{ env.HOST }}:{{ env['HOST'] | upper }}{{ env.HOST[:2] }}<{{ env.EMPTY }}>", "h.internal:H.INTERNALh.<>"),
        ("{{ env.NOPE | default(5432) }}{{ env.BYTES | default('x') }}", "5432x"),
        ("{% if env.NOPE is defined %}x{% endif %}y", "y"),
    ]);
}

#[test]
fn a_value_prints_alike_through_operators_filters_and_loops() {
    let password = "p%40ss%3Aw%2Frd%23%3F%25%26%2B%20%C3%A9";
    let inner = r#"{"z":1,"a":[1.10,-0,true,null,"</é\"-4c7a1e"]}"#;
    print(&[
        ("{{ 'v=' ~ db.version ~ db.inner.z }}", "v=1.101"),
        ("{{ db.hosts ~ db.inner }}", &format!(r#"["a-4c7a1e","b-4c7a1e"]{inner}"#)),
        ("{{ '' ~ [db.hosts, db.version] }}", r#"[["a-4c7a1e","b-4c7a1e"], '1.10']"#),
        ("{{ [db.version, db.hosts, db.inner.z] | join('|') }}", r#"1.10|["a-4c7a1e","b-4c7a1e"]|1"#),
        ("{{ db.version | string | length }}{{ db.hosts | string }}", r#"4["a-4c7a1e","b-4c7a1e"]"#),
        ("{{ '%s %s %d' | format(db.version, db.hosts, db.port) }}", r#"1.10 ["a-4c7a1e","b-4c7a1e"] 5432"#),
        ("{% for p in db.ports %}{{ p }};{% endfor %}", "1;2.0;3.10;true;"),
        (
            "{% for k, v in db.inner | items %}{{ k }}={{ v }};{% endfor %}",
            r#"z=1;a=[1.10,-0,true,null,"</é\"-4c7a1e"];"#,
        ),
        ("{{ {'b': db.ssl, 'a': db.port} }}", r#"{"b":true,"a":5432}"#),
        // Within an expression, a boolean is printed as Jinja does.
        ("{{ 'ssl=' ~ db.ssl }} {{ db.ssl | string }} {{ [db.ssl] | join }}", "ssl=True True True"),
        (
            "{{ db.ssl | urlencode }}{{ db.version | urlencode }}{{ db.hosts | urlencode }}",
            "true1.10%5B%22a-4c7a1e%22%2C%22b-4c7a1e%22%5D",
        ),
        ("{{ 'AZaz09-._~/' | urlencode }}{{ plain | urlencode }}", &format!("AZaz09-._~%2F{password}")),
        (
            "postgresql://{{ db.user | urlencode }}:{{ db.password | urlencode }}@{{ db.host }}:{{ db.port }}/x",
            &format!("postgresql://app-4c7a1e:{password}@db.internal:5432/x"),
        ),
        ("{{ db.password | tojson }}{{ plain | tojson }}", r#""p@ss:w/rd#?%&+ é""p@ss:w/rd#?%&+ é""#),
        ("{{ '</a>&\\'' | tojson }}{{ db.big | tojson }}", r#""</a>&'"12345678901234567890"#),
        ("{{ db.inner | tojson }}", inner),
        ("{{ {'z': db.inner.a, 'a': [db.ssl]} | tojson }}", r#"{"z":[1.10,-0,true,null,"</é\"-4c7a1e"],"a":[true]}"#),
        ("{{ 'é' | b64encode }}{{ db.port | b64encode }}", "w6k=NTQzMg=="),
        ("{{ db.base64 | b64decode }}{{ ' c\nA=' | b64decode }}{{ 'cA' | b64decode }}", "pé-4c7app"),
        ("{{ (db.config | fromjson).k.v }}{{ db.config | fromjson | tojson }}", r#"2.50{"k":{"v":2.50},"n":null}"#),
        ("{{ (list | fromjson)[1] }}{{ list | fromjson | join('-') }}", "21-2"),
    ]);
}

#[test]
fn a_number_whose_literal_minijinja_keeps_is_a_number_and_any_other_its_text() {
    print(&[
        ("{{ db.port + 1 }} {{ -db.port }} {{ db.ratio * 2 }} {{ db.big + 1 }}", "5433 -5432 3.0 12345678901234567891"),
        (
            "{{ db.port == 5432 }} {{ db.big > db.port }} {{ db.port is integer }} {{ db.ratio is float }}",
            "true true true true",
        ),
        (
            "{{ db.version is string }} {{ db.huge is string }} {{ db.zero is string }} {{ db.wide is string }}",
            "true true true true",
        ),
        ("{{ db.version == '1.10' }} {{ db.version | tojson }} {{ db.version | float }}", "true \"1.10\" 1.1"),
    ]);
}

#[test]
fn an_object_and_an_array_of_a_secret_are_those_of_jinja_and_null_is_undefined() {
    print(&[
        ("{% if db.ssl and not db.debug %}?sslmode=require{% endif %}", "?sslmode=require"),
        ("{{ db.hosts == ['a-4c7a1e', 'b-4c7a1e'] }} {{ 'z' in db.inner }} {{ 'y' in db.inner }}", "true true false"),
        (
            "{% for h in db.hosts %}{{ h }},{% endfor %}{% for k in db.inner %}{{ k }},{% endfor %}",
            "a-4c7a1e,b-4c7a1e,z,a,",
        ),
        ("{{ db.hosts | length }}{{ db.hosts[-1] }}{{ db.hosts[1:] | first }}{{ db.host[:2] }}", "2b-4c7a1eb-4c7a1edb"),
        ("{{ db.nope is defined }} {{ db.none is defined }} {{ db.port is defined }}", "false false true"),
        ("{{ db.nope | default('y') }} {{ db.none | default('y') }} {{ db.empty | default('y') }}", "y y "),
        ("{% for x in db.mixed %}{{ x | default('-') }}{% endfor %}", "1-"),
        ("{{ plain if plain is string }}", AWKWARD),
    ]);
}
