//! One declaration in YAML and JSON: two ways to write the same environment.

use serde_json::json;

use super::moto::Moto;

const YAML: &str = r#"
defaults:
  region: us-east-1
  timeout: 20s
secrets:
  db: formats/db
  old: { id: formats/db, stage: AWSPREVIOUS }
  binary: { id: formats/binary }
env:
  DB_HOST: db:host
  DB_PORT: { from: "db:port", default: "5432" }
  DB_PASSWORD: { from: "db:password" }
  DB_PASSWORD_OLD: old:password
  DB_POOL: db:$.pool.max
  BINARY: { from: binary, encode: base64 }
  DECODED: { from: "db:encoded", decode: base64 }
  SENTRY_DSN: { from: formats/missing, optional: true }
  LOG_LEVEL: { value: info }
"#;

const JSON: &str = r#"
{
  "defaults": { "region": "us-east-1", "timeout": "20s" },
  "secrets": {
    "db": "formats/db",
    "old": { "id": "formats/db", "stage": "AWSPREVIOUS" },
    "binary": { "id": "formats/binary" }
  },
  "env": {
    "DB_HOST": "db:host",
    "DB_PORT": { "from": "db:port", "default": "5432" },
    "DB_PASSWORD": { "from": "db:password" },
    "DB_PASSWORD_OLD": "old:password",
    "DB_POOL": "db:$.pool.max",
    "BINARY": { "from": "binary", "encode": "base64" },
    "DECODED": { "from": "db:encoded", "decode": "base64" },
    "SENTRY_DSN": { "from": "formats/missing", "optional": true },
    "LOG_LEVEL": { "value": "info" }
  }
}
"#;

/// The variables that a declaration adds to the environment.
const SET: [(&str, &str); 8] = [
    ("BINARY", "AAH+/w=="),
    ("DB_HOST", "db.example.com"),
    ("DB_PASSWORD", "new"),
    ("DB_PASSWORD_OLD", "old"),
    ("DB_POOL", "10"),
    ("DB_PORT", "5432"),
    ("DECODED", "decoded"),
    ("LOG_LEVEL", "info"),
];

#[test]
fn yaml_and_json_give_the_same_environment() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("formats/db", r#"{"password":"old"}"#);
    let current = json!({
        "host": "db.example.com",
        "password": "new",
        "pool": { "max": 10 },
        "encoded": "ZGVjb2RlZA==",
    });
    moto.put("formats/db", &current.to_string(), &[]);
    let binary = json!({ "Name": "formats/binary", "SecretBinary": { "$bytes": [0, 1, 254, 255] } });
    moto.secretsmanager("create_secret", &binary);

    let mut names = moto.sandbox().control().names();
    names.extend(SET.map(|(name, _)| name.to_owned()));
    names.sort_unstable();
    for (file, declaration) in [("d.yaml", YAML), ("d.json", JSON)] {
        let sandbox = moto.sandbox().file(file, declaration);
        let outcome = sandbox.args(["-f", file]).run();
        outcome.launched_silently();
        for (name, value) in SET {
            outcome.has(name, value);
        }
        assert_eq!(outcome.names(), names, "{file}");
    }
}

#[test]
fn a_later_layer_wins_and_what_it_overrides_is_not_needed() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("formats/layers", r#"{"a":"the secret's"}"#);
    let first = "secrets:\n  s: formats/layers\nenv:\n  A: formats/nowhere\n  B: { value: first }\n";
    let second = "env:\n  B: { value: second }\n";
    let sandbox = moto
        .sandbox()
        .file("first.yaml", first)
        .file("second.yaml", second)
        .args(["-f", "first.yaml", "-f", "second.yaml"])
        .resolve("A=s:a");
    let outcome = sandbox.run();
    outcome.launched_silently().has("A", "the secret's").has("B", "second");
}

#[test]
fn a_failure_of_a_declaration_is_told_with_its_file_and_line() {
    let Some(moto) = Moto::shared() else { return };
    let declaration = "env:\n  FINE: { value: x }\n  PASSWORD: formats/nowhere:password\n";
    let sandbox = moto.sandbox().file("lines.yaml", declaration);
    let outcome = sandbox.args(["-f", "lines.yaml"]).run();
    let facts = ["lines.yaml:3", "PASSWORD", "formats/nowhere"];
    outcome.refused(78).says(facts);
}
