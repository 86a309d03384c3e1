//! Templates over untrusted values: no error names a key that comes from a value, and no value makes a template exceed
//! its memory limits.

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Outcome;
use crate::support::sandbox::{CANARY, Sandbox};

/// The address space of a launch, in KiB, which is less than these templates would fill.
const MEMORY: &str = "ulimit -v 600000; exec \"$@\"";

/// Launches a template over `a` and `b` with little memory.
fn over(a: &str, b: &str, template: &str) -> Outcome {
    let aws = Aws::start().secret("prod/a", Secret::bare(a)).secret("prod/b", Secret::bare(b));
    let template = serde_json::Value::from(template);
    let declaration = format!("secrets: {{ a: prod/a, b: prod/b }}\nenv:\n  A: {{ template: {template} }}\n");
    Sandbox::new().aws(&aws).declaration(&declaration).prepared_by(MEMORY).run()
}

/// A secret of nearly 64 KiB: a long text, a long list, lines, and their number.
fn large() -> String {
    let text = "x".repeat(20_000);
    let lines = "\\n".repeat(5_000);
    let list = vec!["\"\""; 5_000].join(",");
    format!(
        r#"{{"text":"{text}","lines":"{lines}","list":[{list}],"big":2000000000,"format":"%(a)s%(a)s%1000000000d","many":40000000}}"#
    )
}

#[test]
fn a_key_that_a_value_chose_is_not_named() {
    let who = format!(r#"{{"who":"{CANARY}","field":"host"}}"#);
    let known = format!(r#"{{"{CANARY}":{{"y":1}}}}"#);
    for (secret, template) in [
        ("{}", "{{ b[a.who] }}"),
        ("{}", "{{ b | attr(a.who) }}"),
        (&known, "{{ b[a.who].x }}"),
        (&known, "{{ b[a.who]['x'] }}"),
        (&known, "{% set who = a.who %}{{ b[who].x }}"),
        (&known, "{% for who in b %}{{ b[who].x }}{% endfor %}"),
    ] {
        over(&who, secret, template).refused(78).says(["A", "prod/b"]).says_nothing_of(CANARY);
    }
    for template in ["{{ b[a.field].x }}{{ b.host.y }}", "{{ b[a.field].x }}{{ b.host.x | default('') }}"] {
        let run = over(&who, r#"{"host":{"y":1}}"#, template);
        run.refused(78).says(["A", "prod/b"]).says_nothing_of("b.host").says_nothing_of("host.x");
    }
}

#[test]
fn a_filter_is_refused_before_it_builds_gigabytes() {
    let large = large();
    for (template, filter) in [
        ("{{ a.text | replace('', b.text) }}", "replace"),
        ("{{ a.list | join(b.text) }}", "join"),
        ("{{ a.list | join(d=b.text) }}", "join"),
        ("{{ a.lines | indent(b.big) }}", "indent"),
        ("{{ a.format | format({'a': b.text}) }}", "format"),
        ("{{ a.list | batch(b.big, 'x') }}", "batch"),
        ("{{ a.list | slice(b.big) }}", "slice"),
    ] {
        let run = over(&large, &large, template);
        run.refused(78).says(["A", &format!("`{filter}` exceeds the 16 MiB that filters may build")]);
    }
}

#[test]
fn a_text_or_list_that_a_value_repeats_takes_little_memory() {
    let large = large();
    for template in [
        "{{ a.list * b.many }}",
        "{{ 'x' * b.many }}",
        "{{ ([0] * b.many) | join(a.text) }}",
        "{{ [a.text] * b.many | join }}",
        "{{ a.list | map('replace', '', b.text ~ b.text ~ b.text ~ b.text) | list }}",
        "{% for x in a.list %}{% for y in a.list %}{{ b.text }}{% endfor %}{% endfor %}",
        "{% set t %}{% for x in a.list %}{% for y in a.list %}{{ b.text }}{% endfor %}{% endfor %}{% endset %}",
    ] {
        over(&large, &large, template).refused(78).says(["A"]);
    }
}

#[test]
fn large_values_within_the_limits_are_composed() {
    let large = large();
    let run =
        over(&large, &large, "{{ (a.text ~ b.text) | replace('x', 'y') | length }} {{ a.list | join(',') | length }}");
    run.launched_silently().has("A", "40000 4999");
}

#[test]
fn keys_that_are_looked_for_in_vain_take_little_memory() {
    let a = format!(r#"{{"l":[{}],"long":"{}"}}"#, vec!["1"; 32_000].join(","), "z".repeat(60_000));
    let run = over(&a, r#"{"m":{"a":1}}"#, "{% for x in a.l %}{% if a.long in b.m %}y{% endif %}{% endfor %}x");
    run.launched_silently().has("A", "x");
}

#[test]
fn digits_beside_a_placeholder_are_no_width() {
    for (template, value) in [
        ("{{ 'arn:aws:iam::123456789012:role/%s' | format(a.role) }}", "arn:aws:iam::123456789012:role/r"),
        ("{{ '%s-20240101' | format(a.role) }}", "r-20240101"),
        ("{{ '%5s%%' | format(a.role) }}", "    r%"),
        ("{{ '* %s: %s' | format(a.role, 123456789012) }}", "* r: 123456789012"),
    ] {
        over(r#"{"role":"r"}"#, "{}", template).launched_silently().has("A", value);
    }
}
