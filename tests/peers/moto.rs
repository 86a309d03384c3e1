//! [`Moto::shared`] is the moto server that all tests of this process share. Its methods store
//! secrets through boto3.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use serde_json::{Value, json};

use super::python::{Script, interpreter};
use crate::peers::Shared;
use crate::support::sandbox::{Sandbox, program};
use crate::support::skip::can;
use crate::support::watch;

/// The default region.
pub(super) const REGION: &str = "us-east-1";

/// A moto server, with boto3 as its client. Both end with this process.
pub(super) struct Moto {
    /// The URL for `AWS_ENDPOINT_URL`.
    pub(super) url: String,
    driver: Mutex<Script>,
    _server: Script,
}

/// Credentials, with the names that boto3 and the environment use.
pub(super) struct Credentials(BTreeMap<&'static str, String>);

impl Moto {
    /// The server that all tests share. Each test uses other names of secrets. If moto isn't
    /// installed, reports the calling test as skipped and returns `None`.
    pub(super) fn shared() -> Option<&'static Self> {
        static SHARED: Shared<Moto> = Shared::new();
        SHARED.get(Self::start)
    }

    /// A separate server, for a test that changes how the server behaves.
    pub(super) fn start() -> Option<Self> {
        let interpreter = interpreter()?;
        let mut server = Script::start(&interpreter, "server.py", &[]);
        let url = format!("http://127.0.0.1:{}", server.read_line().trim());
        let driver = Mutex::new(Script::start(&interpreter, "driver.py", &[&url]));
        Some(Self {
            url,
            driver,
            _server: server,
        })
    }

    /// A launch against this server, in [`REGION`], with the keys of the default account.
    pub(super) fn sandbox(&self) -> Sandbox {
        let sandbox = Sandbox::new().endpoint(&self.url).region(REGION);
        let sandbox = sandbox.env("AWS_ACCESS_KEY_ID", "AKIADUMMY");
        sandbox.env("AWS_SECRET_ACCESS_KEY", "dummy")
    }

    /// Creates a secret with this text, and returns its ARN.
    pub(super) fn secret(&self, name: &str, text: &str) -> String {
        let parameters = json!({ "Name": name, "SecretString": text });
        text_of(&self.secretsmanager("create_secret", &parameters)["ARN"])
    }

    /// Stores another version with `put_secret_value`, and returns its version id. The version
    /// becomes AWSCURRENT.
    pub(super) fn put(&self, name: &str, text: &str) -> String {
        let parameters = json!({ "SecretId": name, "SecretString": text });
        text_of(&self.secretsmanager("put_secret_value", &parameters)["VersionId"])
    }

    /// Creates a parameter of this type, or its next version.
    pub(super) fn parameter(&self, name: &str, kind: &str, value: &str) {
        let parameters = json!({ "Name": name, "Type": kind, "Value": value, "Overwrite": true });
        self.ask("ssm", "put_parameter", &parameters);
    }

    /// Calls Secrets Manager in [`REGION`] with the keys of the default account.
    pub(super) fn secretsmanager(&self, operation: &str, parameters: &Value) -> Value {
        self.ask("secretsmanager", operation, parameters)
    }

    /// Calls a service in [`REGION`] with the keys of the default account.
    pub(super) fn ask(&self, service: &str, operation: &str, parameters: &Value) -> Value {
        self.call(&json!({ "service": service, "operation": operation, "parameters": parameters }))
    }

    /// Calls boto3 through `driver.py`.
    pub(super) fn call(&self, call: &Value) -> Value {
        self.try_call(call)
            .unwrap_or_else(|error| panic!("boto3: {error} for {call}"))
    }

    /// Calls boto3 through `driver.py`. Returns its answer or its error.
    pub(super) fn try_call(&self, call: &Value) -> Result<Value, Value> {
        let parameters = &call["parameters"];
        for member in ["SecretString", "Value"] {
            if let Some(text) = parameters[member].as_str() {
                watch::secret_text(text);
            }
        }
        if let Some(bytes) = parameters["SecretBinary"].get("$bytes") {
            watch::binary(&Vec::<u8>::deserialize(bytes).unwrap());
        }
        let mut driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner);
        let mut answer = driver.ask(call);
        drop(driver);
        match answer.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(answer["ok"].take()),
        }
    }

    /// The keys that STS returns for a role of another account.
    pub(super) fn assume(&self, role: &str) -> Credentials {
        let parameters = json!({ "RoleArn": role, "RoleSessionName": "peers" });
        let answer = self.ask("sts", "assume_role", &parameters);
        Credentials::from_answer(&answer["Credentials"])
    }
}

impl Credentials {
    /// Keys without a session token.
    pub(super) fn new(id: &str, secret: &str) -> Self {
        let named = [("aws_access_key_id", id), ("aws_secret_access_key", secret)];
        Self(BTreeMap::from(
            named.map(|(name, value)| (name, value.to_owned())),
        ))
    }

    /// The keys in an answer of AWS.
    pub(super) fn from_answer(answer: &Value) -> Self {
        let given = |key: &str| text_of(&answer[key]);
        let mut credentials = Self::new(&given("AccessKeyId"), &given("SecretAccessKey"));
        if answer["SessionToken"].is_string() {
            let token = given("SessionToken");
            credentials.0.insert("aws_session_token", token);
        }
        credentials
    }

    /// The credentials in the form that `driver.py` reads.
    pub(super) fn as_json(&self) -> Value {
        json!(self.0)
    }

    /// The environment variables of the credentials.
    pub(super) fn variables(&self) -> impl Iterator<Item = (String, &String)> {
        let credentials = self.0.iter();
        credentials.map(|(name, value)| (name.to_uppercase(), value))
    }
}

/// Makes a shell in a directory, with the AWS CLI and the program, which both send their requests
/// to this moto. The returned function runs a script, asserts that it succeeds, and returns what it
/// prints. If the CLI isn't installed, reports that `what` is skipped and returns `None`.
pub(super) fn shell<'m>(
    moto: &'m Moto,
    directory: &'m Path,
    what: &str,
) -> Option<impl Fn(&str) -> String + use<'m>> {
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", program().parent().unwrap().display());
    can(&["aws", "--version"], what).then_some(move |script: &str| {
        // Version 2.9 of the CLI doesn't support AWS_ENDPOINT_URL.
        let cli = "aws() { command aws --endpoint-url \"$AWS_ENDPOINT_URL\" \"$@\"; }";
        let mut shell = Command::new("sh");
        shell
            .args(["-ec", &format!("{cli}\n{script}")])
            .current_dir(directory);
        shell.envs([
            ("PATH", &*path),
            ("AWS_ACCESS_KEY_ID", "AKIADUMMY"),
            ("AWS_SECRET_ACCESS_KEY", "dummy"),
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_ENDPOINT_URL", &moto.url),
        ]);
        let output = shell.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}: {said}");
        String::from_utf8(output.stdout).unwrap()
    })
}

/// The text of a JSON string.
pub(super) fn text_of(value: &Value) -> String {
    let text = value.as_str().map(str::to_owned);
    text.unwrap_or_else(|| panic!("not a string: {value}"))
}
