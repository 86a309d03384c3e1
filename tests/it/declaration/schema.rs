//! Checks that `secrets-exec.schema.json`, which is edited by hand, and the program accept the same
//! declarations, and that both refuse those of the table in `refused`. Every new rule gets a row.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::refused::refused_by_both;
use crate::docs::page::Page;
use crate::support::*;

const SCHEMA: &str = "secrets-exec.schema.json";

/// A program that prints the schema's error for each declaration, or null.
const JUDGE: &str = "
import json, sys, yaml
from jsonschema import Draft202012Validator as Validator
from jsonschema.exceptions import best_match
task = json.load(sys.stdin)
Validator.check_schema(task['schema'])
errors = [best_match(Validator(task['schema']).iter_errors(yaml.safe_load(text))) for text in task['declarations']]
json.dump([error and f'{error.json_path}: {error.message}' for error in errors], sys.stdout)
";

/// Declarations that are accepted, one on each line.
const ACCEPTED: &str = r##"
{}
{"$schema": "https://example.com/secrets-exec.schema.json", "defaults": {}, "secrets": {}, "env": {}, "env-from": [], "files": []}
defaults: {region: us-gov-west-1, profile: prod, timeout: 20s, ca-bundle: /etc/ssl/ca.pem, endpoint-url: "https://[::1]:5000/path"}
defaults: {role-arn: "arn:aws-cn:iam::123456789012:role/path/Reader", external-id: 1234}
defaults: {timeout: "1m 30s", keep-existing: true, clean-env: false, verbose: true, quiet: false, log-format: json}
defaults: {timeout: 1h5min2.5s, verbose: 0, log-format: text}
defaults: {timeout: "2 weeks 3 days", verbose: 2, quiet: 2}
defaults: {clean-env: true, pass: ["APP_*"], unset: ["AWS_*", X], fallback-region: [eu-west-1, eu-central-1]}
defaults: {pass: "APP_*", unset: [], fallback-region: eu-west-1}
defaults: {on-rotation: restart, poll-interval: 10s, grace: "1m 30s"}
defaults: {on-rotation: exit, stop-signal: SIGquit, poll-signal: usr1}
{"defaults": {"on-rotation": "signal=hup"}, "files": [{"value": "text", "path": "/run/k"}]}
secrets: {db: prod/db, _1: x, Db2: "rds!cluster-1a2b/_+=.@-", p: "ssm:/prod/parameter", whole: "${DB:-x}", part: "${STAGE:-prod}/db"}
secrets: {db: "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf", q: "arn:aws:ssm:us-east-1:123456789012:parameter/prod/q"}
secrets: {db: "arn:aws:secretsmanager:${R:-eu-west-1}:123456789012:secret:${N:-x}-AbCdEf"}
secrets: {db: {id: x, stage: AWSPREVIOUS, version-id: d0d0d0d0-1111-4222-8333-444455556666, region: eu-west-1}, p: {id: "ssm:/x", version-id: "3"}}
secrets: {db: {id: x, role-arn: "arn:aws:iam::123456789012:role/Reader", external-id: id}}
env: {A: "x:k", _a1: plain, B: "x:k::", C: "x:k:AWSCURRENT", D: "x:$.k", E: "x:$['k']:AWSCURRENT:", F: "x::AWSCURRENT", G: "${X:-x}:k"}
env: {A: "ssm:/p", B: "arn:aws:ssm:us-east-1:123456789012:parameter/p", C: "arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf:k::"}
env: {A: "ssm:/p::a", B: "ssm:/p::Prod.v1_2-x", C: "ssm:/p::_", D: "ssm:/p::-1", E: "ssm:/p::as", F: "ssm:/p::raws", G: "ssm:/p:::9223372036854775807"}
env: {A: "x:k::12345678901234567890123456789012"}
env: {A: {from: "x:k"}, B: {value: ""}, C: {value: 5}, D: {value: 1.10}, E: {value: true}, F: {template: "{{ env.X }}"}, PATH: {value: /bin}}
env: {A: {from: "x:k", default: d}, B: {from: "x:k", default: 5}, C: {from: "x:k", optional: true}, D: {from: "x:k", optional: false}}
env: {A: {from: "x:k", encode: base64}, B: {value: "dGV4dA==", decode: base64, encode: base64, default: d}}
env: {A: {from: "x:k", pattern: "^sk_live_"}, B: {value: 5, pattern: 5}, C: {template: "{{ env.X }}", pattern: "(?i)^T$", default: t}}
{"files": [{"from": "x", "env": "A", "pattern": "."}]}
{"secrets": {"s": "x"}, "env": {"A": {"template": "{{ s.k }}:{{ s.p | urlencode }}", "default": "d", "encode": "base64"}}, "env-from": ["s"]}
env-from: ["ssm:/prod/*", "ssm:${P:-/prod/}*", {from: "arn:aws:ssm:us-east-1:123456789012:parameter/prod/*", optional: true}, {from: "${P:-x}", optional: false}]
{"secrets": {"s": "ssm:/prod/*"}, "env-from": ["s"]}
env-from: [x, {from: x}, "ssm:/prod/", {from: "ssm:/prod/", prefix: P_, only: [parameter]}]
env-from: [{from: x, prefix: x_, only: [k], rename: {k: "1"}, case: upper}, {from: x, prefix: "", except: [password], case: keep}]
files: [{from: "x:k", env: A}, {value: 5, path: /run/k}, {from: x, path: /run/l, env: B, mode: "0440", owner: "1000"}, {value: "", env: C, mode: "400"}]
files: [{from: x, env: A, once: true, mode: "0440", owner: "1000"}, {from: x, env: B, path: /run/b, once: false}]
files: [{from: x, decode: base64, encode: base64, env: A, default: d}, {from: x, optional: true, env: B}, {template: "{{ env.X }}\n", path: "${DIR:-/run}/c"}]
"##;

fn schema() -> Value {
    serde_json::from_str(&repository_file(SCHEMA)).unwrap()
}

/// The schema's error for each declaration. Returns `None` if jsonschema isn't installed.
fn judge(declarations: &[&str]) -> Option<Vec<Option<String>>> {
    let task = json!({ "schema": schema(), "declarations": declarations }).to_string();
    let python = crate::peers::interpreter()?;
    let python = [
        python.as_os_str(),
        "-B".as_ref(),
        "-c".as_ref(),
        JUDGE.as_ref(),
    ];
    let judge = Sandbox::new().command(python).stdin(task).prints_values();
    serde_json::from_slice(&judge.control().launched().stdout).unwrap()
}

#[test]
fn the_json_schema_and_the_program_accept_and_refuse_the_same_declarations() {
    let pages = ["README.md", "docs/declaration.md", "docs/templates.md"].map(Page::read);
    let mut documented: Vec<&str> = pages.iter().flat_map(|page| page.blocks("yaml")).collect();
    documented.retain(|block| !block.starts_with("# secrets.local.yaml\n"));
    assert!(documented.len() >= 2, "{documented:?}");
    let example = repository_file("examples/secrets-exec.yaml");
    let escapes = repository_file("examples/escapes.yaml");
    let mut declarations: Vec<&str> = ACCEPTED.trim().lines().chain(documented).collect();
    declarations.extend([&*example, &*escapes]);
    let accepted = declarations.clone();
    let refused = refused_by_both();
    declarations.extend(refused.iter().map(|row| &*row.declaration));
    let verdicts = or_skip!(judge(&declarations));
    let mut disagreements = Vec::new();
    for (number, (declaration, by_schema)) in declarations.iter().zip(verdicts).enumerate() {
        if by_schema.is_none() != (number < accepted.len()) {
            disagreements.push(format!("{declaration}\nschema: {by_schema:?}"));
        }
    }
    for declaration in accepted {
        // A launch needs at least one entry, and some of these declarations don't have any.
        let options = ["check", "--offline", "-e", "ANYWAY=x", "-f", "row.yaml"];
        let sandbox = Sandbox::new().file("row.yaml", declaration);
        let run = sandbox.args(options).bare().run();
        if run.status != Status::Exit(0) {
            disagreements.push(format!("{declaration}\nprogram: {run}"));
        }
    }
    assert!(disagreements.is_empty(), "{}", disagreements.join("\n\n"));
}

#[test]
fn the_schema_lists_exactly_the_options_that_a_declaration_can_set() {
    let schema = schema();
    let properties = &schema["$defs"]["Defaults"]["properties"];
    let properties = properties.as_object().unwrap();
    let defaults: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
    let help = Sandbox::new().arg("--help").bare().run();
    let help = help.launched().stdout();
    let (_, sections) = help.split_once("\nHow to read:\n").unwrap();
    let (sections, _) = sections.split_once("\n\nYou can also set").unwrap();
    let lines = sections.lines().map(str::trim_start);
    let options = lines
        .filter(|line| line.starts_with('-'))
        .filter_map(|line| {
            let (_, option) = line.split_once("--")?;
            option.split([' ', '[', '.']).next()
        });
    let mut options: BTreeSet<&str> = options.collect();
    for option in ["help", "version", "local"] {
        assert!(options.remove(option), "{option}: {options:?}");
    }
    assert_same(&defaults, &options, "the schema, and the help");
}
