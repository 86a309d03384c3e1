//! Valid declarations: YAML and JSON, aliases, and the keys of an entry under `env`.

use crate::support::aws::Aws;
use crate::support::aws::secret::{PREVIOUS_ID, Secret};
use crate::support::sandbox::Sandbox;

const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf";

fn databases() -> Aws {
    let older = || Secret::text(r#"{"host":"old.internal"}"#);
    let database = || Secret::text(r#"{"host":"db.internal","port":5432}"#).previous(older());
    Aws::start().secret("prod/db", database()).secret(ARN, database()).secret("prod", older())
}

#[test]
fn yaml_and_json_say_the_same() {
    let yaml =
        "secrets:\n  db: prod/db\nenv:\n  A: db:host\n  B: { from: \"db:x\", default: \"5\" }\n  C: { value: info }\n";
    let json =
        r#"{"secrets":{"db":"prod\/db"},"env":{"A":"db:host","B":{"from":"db:x","default":5},"C":{"value":"info"}}}"#;
    let flow = r#"secrets: {db: prod/db}
env: {A: "db:host", B: {from: "db:x", default: "\u0035"}, C: {value: info}}"#;
    for (name, declaration) in [
        ("app.yaml", yaml),
        ("app.conf", flow),
        ("app.json", json),
        ("tabs.json", &json.replace(',', ",\n\t").replace('{', "{\n\t\t")),
        ("windows.yaml", &yaml.replace('\n', "\r\n")),
        ("mark.yaml", &format!("\u{feff}{yaml}")),
    ] {
        let aws = databases();
        let sandbox = Sandbox::new().aws(&aws).case(name).file(name, declaration).args(["-f", name]);
        sandbox.run().launched_silently().has("A", "db.internal").has("B", "5").has("C", "info");
        let sandbox = Sandbox::new().aws(&aws).case(name).stdin(declaration).args(["-f", "-"]);
        sandbox.run().launched_silently().has("A", "db.internal");
    }
    let sandbox = Sandbox::new().stdin("env:\n  A: { value: v }\n").args(["-f", "-", "-f", "-"]);
    sandbox.run().refused(64).says(["standard input", "once"]);
}

#[test]
fn an_alias_stands_for_an_id_with_its_version_and_region() {
    let older = format!("{{ id: prod/db, version-id: {PREVIOUS_ID} }}");
    let by_id = format!("db:host::{PREVIOUS_ID}");
    for (case, alias, reference, host, asked) in [
        ("a name", "prod/db", "db:host", "db", "prod/db us-east-1"),
        ("with a path", "prod/db", "db:$.host", "db", "prod/db us-east-1"),
        ("an ARN", ARN, "db:host", "db", &format!("{ARN} eu-west-1")),
        ("a region", "{ id: prod/db, region: eu-west-3 }", "db:host", "db", "prod/db eu-west-3"),
        ("a stage", "{ id: prod/db, stage: AWSPREVIOUS }", "db:host", "old", "prod/db us-east-1"),
        ("a version id", &older, "db:host", "old", "prod/db us-east-1"),
        ("a stage, and that of a reference", "{ id: prod/db, stage: AWSPREVIOUS }", "db:host:AWSCURRENT", "db", ""),
        ("a version id, and the stage of a reference", &older, "db:host:AWSCURRENT", "db", ""),
        ("a stage, and the version id of a reference", "{ id: prod/db, stage: AWSCURRENT }", &by_id, "old", ""),
        ("the name of another alias is no alias", "prod", "db:host", "old", "prod us-east-1"),
        ("an alias wins over a secret of its name", "prod/db", "prod:host", "db", "prod/db us-east-1"),
    ] {
        let aliases = format!("secrets:\n  db: {alias}\n  prod: prod/db\n  unused: prod/unused\n");
        for in_file in [true, false] {
            let aws = databases();
            let sandbox = Sandbox::new().aws(&aws).case(case);
            let sandbox = match in_file {
                true => sandbox.declaration(&format!("{aliases}env:\n  A: {reference}\n")),
                false => sandbox.declaration(&aliases).resolve(&format!("A={reference}")),
            };
            sandbox.run().launched_silently().has("A", format!("{host}.internal"));
            let read = aws.only_read();
            assert!(read.stage().is_none() || read.version_id().is_none(), "{case}");
            assert!(format!("{} {}", read.secret_id(), read.region()).contains(asked), "{case}");
        }
    }
}

#[test]
fn where_text_is_expected_a_scalar_is_its_text() {
    let texts = "007|1.10|true|0x1F|no|2026-11-20|'null'|1e3|''|'${HOME} $$ {{ x }}'";
    let mut declaration = "env:\n  A: { from: \"prod/db:x\", default: 007 }\n  B: { value: !!str 007 }\n  \
                           C: &ref { from: \"prod/db:host\", default: d }\n  D: *ref\n"
        .to_owned();
    for (number, text) in texts.split('|').enumerate() {
        declaration += &format!("  V{number}: {{ value: {text} }}\n");
    }
    let run = Sandbox::new().aws(&databases()).declaration(&declaration).run();
    run.launched().has("A", "007").has("B", "007").has("C", "db.internal").has("D", "db.internal");
    for (number, text) in texts.split('|').enumerate() {
        run.has(&format!("V{number}"), text.trim_matches('\''));
    }
}
