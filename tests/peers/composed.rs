//! URLs that a template composes, parsed again by Rust's `url` and Python's `urllib`.

use serde_json::{Value, json};
use url::Url;

use super::moto::{Moto, text_of};
use super::python::interpreter;
use crate::support::sandbox::Sandbox;

const DECLARATION: &str = r#"
secrets:
  db: composed/db
env:
  DATABASE_URL:
    template: "postgresql://{{ db.username | urlencode }}:{{ db.password | urlencode }}@{{ db.host }}:{{ db.port }}/{{ db.dbname | urlencode }}?application_name={{ db.app | urlencode }}"
"#;

/// A Python script that prints the parts of the URL in its environment.
const TAKE_APART: &str = r#"
import json, os
from urllib.parse import parse_qs, unquote, urlsplit
url = urlsplit(os.environ["DATABASE_URL"])
print(json.dumps({
    "username": unquote(url.username),
    "password": unquote(url.password),
    "host": url.hostname,
    "port": url.port,
    "dbname": unquote(url.path[1:]),
    "app": parse_qs(url.query)["application_name"][0],
}))
"#;

/// Secrets with characters that must be encoded in a URL.
fn databases() -> [Value; 3] {
    let every: String = (' '..='~').chain("é\u{1f511}\n\t".chars()).collect();
    [
        json!({ "username": "app-4c7a1e", "password": "p@ss:w/rd#?%&+ é", "host": "db.example.com", "port": 5432, "dbname": "shop-4c7a1e", "app": "web-4c7a1e" }),
        json!({ "username": "us%40er@x", "password": every, "host": "db-4c7a1e", "port": 1, "dbname": "my db/1?x#y", "app": "a&b=c+d %" }),
        json!({ "username": "é:/-4c7a1e", "password": "{{ db.host }}%20+", "host": "10.0.0.1", "port": 65535, "dbname": "ü-4c7a1e", "app": "~-._-4c7a1e" }),
    ]
}

/// Stores the secret as `composed/db-N` and declares a URL over it.
fn composing(moto: &Moto, name: &str, database: &Value) -> Sandbox {
    moto.secret(name, &database.to_string());
    moto.sandbox().declaration(&DECLARATION.replace("composed/db", name)).prints_values()
}

#[test]
fn pythons_urllib_reads_every_part_as_boto3_stored_it() {
    let (Some(moto), Some(python)) = (Moto::shared(), interpreter()) else { return };
    for (number, database) in databases().iter().enumerate() {
        let sandbox = composing(moto, &format!("composed/python-{number}"), database);
        let outcome = sandbox.command([python.as_os_str(), "-c".as_ref(), TAKE_APART.as_ref()]).run();
        let parts: Value = serde_json::from_slice(&outcome.launched_silently().stdout).expect("Python prints JSON");
        assert_eq!(parts, *database);
    }
}

#[test]
fn rusts_url_reads_every_part_as_boto3_stored_it() {
    let Some(moto) = Moto::shared() else { return };
    for (number, database) in databases().iter().enumerate() {
        let sandbox = composing(moto, &format!("composed/rust-{number}"), database);
        let outcome = sandbox.script("printf %s \"$DATABASE_URL\"").run();
        let url = Url::parse(&outcome.launched_silently().stdout()).expect("a URL");
        assert_eq!(url.scheme(), "postgresql");
        assert_eq!(decoded(url.username()), text_of(&database["username"]));
        assert_eq!(decoded(url.password().expect("a password")), text_of(&database["password"]));
        assert_eq!(url.host_str(), database["host"].as_str());
        assert_eq!(url.port().map(Value::from), Some(database["port"].clone()));
        assert_eq!(decoded(url.path().trim_start_matches('/')), text_of(&database["dbname"]));
        let query: Vec<_> = url.query_pairs().collect();
        assert_eq!(query, [("application_name".into(), text_of(&database["app"]).into())]);
    }
}

/// Decodes `%XX`, which the parser leaves to its caller. Outside a query, `+` is not decoded.
fn decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits =
                    [bytes.next(), bytes.next()].map(|digit| char::from(digit.expect("two digits")).to_digit(16));
                let [Some(high), Some(low)] = digits else { panic!("no hexadecimal digits in {text}") };
                u8::try_from(high * 16 + low).expect("two digits are a byte")
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded).expect("UTF-8")
}
