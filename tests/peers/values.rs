//! Values that boto3 stored: they arrive byte for byte, and as Python's `json.loads` reads them.

use serde_json::{Map, Value, json};

use super::moto::{Moto, text_of};
use crate::support::sandbox::CANARY;

/// Texts that other tools trim, unescape, re-parse or cut, with the name of secret, key and variable.
const TEXTS: [(&str, &str); 12] = [
    ("plain", "correct horse battery staple"),
    ("blank", "  spaces \t around  "),
    ("newlines", "\n-----BEGIN-----\nMIIB\r\n-----END-----\n\n"),
    ("quotes", r#"it's "quoted", \n is two, $HOME and `id` and $(id) stay"#),
    ("equals", "a=b==c&d=%20;#"),
    ("unicode", "пароль 密码 كلمة السر 🔑 e\u{301}\u{feff}"),
    ("number", "12345678901234567890"),
    ("boolean", "true"),
    ("none", "null"),
    ("json", r#"{ "b": 1.10,  "a": [1, 2], "html": "<&>-4c7a1e" }"#),
    ("unfinished", r#"{"unfinished": "#),
    ("reference", "{{resolve:secretsmanager:values/plain}} ${HOME} arn:aws:"),
];

#[test]
fn a_whole_secret_is_what_boto3_reads() {
    let Some(moto) = Moto::shared() else { return };
    for (name, text) in TEXTS {
        moto.secret(&format!("values/{name}"), text);
    }
    let sandbox =
        TEXTS.iter().fold(moto.sandbox(), |sandbox, (name, _)| sandbox.resolve(&format!("{name}=values/{name}")));
    let outcome = sandbox.run();
    outcome.launched_silently();
    for (name, text) in TEXTS {
        let wanted = json!({ "SecretId": format!("values/{name}") });
        let read = moto.secretsmanager("get_secret_value", &wanted);
        assert_eq!(text_of(&read["SecretString"]), text, "{name}");
        outcome.has(name, text);
    }
}

#[test]
fn a_string_key_is_what_python_reads_of_the_json() {
    let Some(moto) = Moto::shared() else { return };
    let texts = TEXTS.map(|(name, text)| (name.to_owned(), json!(text)));
    let object = Value::from(Map::from_iter(texts)).to_string();
    // Escapes that are optional in JSON.
    let escaped = r#"{"escaped":"\u00e9\/\ud83d\udd11\t","#;
    let text = object.replacen('{', escaped, 1);
    moto.secret("values/keys", &text);

    let read = moto.call(&json!({
        "service": "python",
        "operation": "json.loads",
        "parameters": { "text": text },
    }));
    let read = read.as_object().expect("Python reads an object");
    assert_eq!(read.len(), TEXTS.len() + 1);
    let sandbox =
        read.keys().fold(moto.sandbox(), |sandbox, name| sandbox.resolve(&format!("{name}=values/keys:{name}")));
    let outcome = sandbox.run();
    outcome.launched_silently();
    for (name, value) in read {
        outcome.has(name, text_of(value));
    }
}

#[test]
fn numbers_and_booleans_are_spelled_as_the_secret_spells_them() {
    let Some(moto) = Moto::shared() else { return };
    let secret = r#"{"port":5432,"price":1.10,"zero":-0,"id":12345678901234567890,"on":true,"off":false}"#;
    moto.secret("values/scalars", secret);
    let spelled = [
        ("port", "5432"),
        ("price", "1.10"),
        ("zero", "-0"),
        ("id", "12345678901234567890"),
        ("on", "true"),
        ("off", "false"),
    ];
    let sandbox = spelled
        .iter()
        .fold(moto.sandbox(), |sandbox, (name, _)| sandbox.resolve(&format!("{name}=values/scalars:{name}")));
    let outcome = sandbox.run();
    outcome.launched_silently();
    for (name, value) in spelled {
        outcome.has(name, value);
    }
}

#[test]
fn a_nested_value_is_compact_json_with_its_keys_in_order() {
    let Some(moto) = Moto::shared() else { return };
    let secret = r#"{
        "db": {"port": 1.10, "hosts": ["a-4c7a1e", "b-4c7a1e"], "a": null, "name": "é-4c7a1e\n"},
        "list": [ ],
        "a.b": "dot-4c7a1e"
    }"#;
    moto.secret("values/nested", secret);
    let sandbox = moto
        .sandbox()
        .resolve("OBJECT=values/nested:db")
        .resolve("LIST=values/nested:list")
        .resolve("DOT=values/nested:a.b")
        .resolve("NODE=values/nested:$.db.hosts[1]");
    let outcome = sandbox.run();
    let object = r#"{"port":1.10,"hosts":["a-4c7a1e","b-4c7a1e"],"a":null,"name":"é-4c7a1e\n"}"#;
    outcome.launched_silently().has("OBJECT", object).has("LIST", "[]");
    outcome.has("DOT", "dot-4c7a1e").has("NODE", "b-4c7a1e");
}

#[test]
fn an_empty_string_is_a_value_and_null_is_an_absence() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("values/empty", r#"{"empty":"","none":null}"#);
    let sandbox = moto.sandbox().resolve("EMPTY=values/empty:empty");
    sandbox.run().launched_silently().has("EMPTY", "");
    let sandbox = sandbox.resolve("NONE=values/empty:none");
    sandbox.run().refused(78).says(["NONE", "null"]);
}

#[test]
fn the_largest_secret_arrives_whole() {
    let Some(moto) = Moto::shared() else { return };
    let text: String = ('!'..='~').cycle().take(65_536).collect();
    moto.secret("values/largest", &text);
    let sandbox = moto.sandbox().resolve("LARGEST=values/largest");
    sandbox.run().launched_silently().has("LARGEST", text);
}

#[test]
fn a_binary_secret_in_base64_is_what_boto3_reads() {
    let Some(moto) = Moto::shared() else { return };
    let bytes = noise(65_536);
    assert!(bytes.contains(&0) && str::from_utf8(&bytes).is_err());
    binary_secret(moto, "values/binary", &bytes);
    let sandbox = moto.sandbox().declaration("env:\n  BINARY: { from: values/binary, encode: base64 }\n");
    let read = moto.secretsmanager("get_secret_value", &json!({ "SecretId": "values/binary" }));
    let read = text_of(&read["SecretBinary"]["$base64"]);
    sandbox.run().launched_silently().has("BINARY", read);
}

#[test]
fn a_binary_secret_without_nul_arrives_as_its_bytes() {
    let Some(moto) = Moto::shared() else { return };
    let mut bytes = noise(4_096);
    bytes.retain(|byte| *byte != 0);
    binary_secret(moto, "values/no-nul", &bytes);
    let sandbox = moto.sandbox().resolve("BINARY=values/no-nul");
    sandbox.run().launched_silently().has("BINARY", bytes);
}

#[test]
fn a_binary_secret_with_nul_is_refused_with_the_way_out() {
    let Some(moto) = Moto::shared() else { return };
    binary_secret(moto, "values/nul", format!("{CANARY}\0").as_bytes());
    let outcome = moto.sandbox().resolve("BINARY=values/nul").run();
    outcome.refused(78).says(["BINARY", "encode: base64"]);
}

#[test]
fn a_key_of_a_binary_secret_that_holds_json_is_read() {
    let Some(moto) = Moto::shared() else { return };
    binary_secret(moto, "values/binary-json", br#"{"password":"bytes-4c7a1e"}"#);
    let sandbox = moto.sandbox().resolve("VALUE=values/binary-json:password");
    sandbox.run().launched_silently().has("VALUE", "bytes-4c7a1e");
}

fn binary_secret(moto: &Moto, name: &str, bytes: &[u8]) {
    let parameters = json!({ "Name": name, "SecretBinary": { "$bytes": bytes } });
    moto.secretsmanager("create_secret", &parameters);
}

/// Pseudo-random bytes (xorshift), the same in every run.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(length).collect()
}
