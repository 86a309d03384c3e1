//! `tests/aws/run`, which tests a build in a real AWS account, run here in an account of moto.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::checked::{check_signatures, iam, policy, user};
use super::moto::{Credentials, Moto};
use super::python::interpreter;
use crate::support::aws::response_of;
use crate::support::record::await_fact;
use crate::support::skip::can;
use crate::support::*;

/// The options that confirm moto's account.
const CONFIRMED: [&str; 3] = ["--yes", "--account", "123456789012"];

/// An account in which policies are checked. Every test has its own, because a run removes the
/// objects that other runs left.
struct Account {
    python: PathBuf,
    moto: Moto,
    administrator: Credentials,
    scratch: Directory,
}

impl Account {
    /// Starts a moto that checks policies, with an administrator. If moto isn't installed, reports
    /// the calling test as skipped and returns `None`.
    fn start() -> Option<Self> {
        let (python, moto) = (interpreter()?, Moto::start()?);
        let administrator = user(&moto, "administrator");
        let everything = policy(&json!({ "Effect": "Allow", "Action": "*", "Resource": "*" }));
        let parameters = json!({ "UserName": "administrator", "PolicyName": "all", "PolicyDocument": everything });
        iam(&moto, "put_user_policy", &parameters);
        check_signatures(&moto);
        Some(Self {
            python,
            moto,
            administrator,
            scratch: Directory::new(),
        })
    }

    /// `tests/aws/run`, without the caller's environment.
    fn script(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.python);
        command
            .arg("-B")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/aws/run"))
            .args([
                "--endpoint",
                &self.moto.url,
                "--regions",
                "us-east-1,eu-west-1",
            ])
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.scratch.path())
            .env("TMPDIR", self.scratch.path())
            .env("SECRETS_EXEC_BINARY", program())
            .envs(self.administrator.variables())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        command
    }

    /// All secrets and roles, and the parameters that don't come with moto.
    fn content(&self) -> Vec<Value> {
        let of_tests =
            [json!({ "Key": "Name", "Option": "BeginsWith", "Values": ["/secrets-exec-test-"] })];
        let mut content = Vec::new();
        for region in ["us-east-1", "eu-west-1"] {
            for (service, operation, member, parameters) in [
                (
                    "secretsmanager",
                    "list_secrets",
                    "SecretList",
                    json!({ "IncludePlannedDeletion": true }),
                ),
                (
                    "ssm",
                    "describe_parameters",
                    "Parameters",
                    json!({ "ParameterFilters": of_tests }),
                ),
                ("iam", "list_roles", "Roles", json!({})),
            ] {
                let answer = self.call(service, operation, region, &parameters);
                content.extend(answer[member].as_array().unwrap().iter().cloned());
            }
        }
        content
    }

    /// Calls boto3 as the administrator.
    fn call(&self, service: &str, operation: &str, region: &str, parameters: &Value) -> Value {
        let credentials = self.administrator.as_json();
        self.moto.call(&json!({
            "service": service, "operation": operation, "region": region, "parameters": parameters, "credentials": credentials
        }))
    }
}

#[test]
fn make_test_aws_succeeds_with_moto_and_leaves_nothing_in_the_account() {
    let account = or_skip!(Account::start());
    if !can(&["openssl", "version"], "recorded answers") {
        return;
    }
    let folder = account.scratch.path().join("recorded");
    fs::create_dir(&folder).unwrap();
    let record = ["--record", folder.to_str().unwrap()];
    let output = account
        .script(&[&CONFIRMED[..], &record].concat())
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}");
    assert!(
        printed
            .lines()
            .filter(|line| line.starts_with("ok "))
            .count()
            >= 60,
        "{printed}"
    );
    assert_eq!(account.content(), Vec::<Value>::new());

    // The recorded answers don't mention anything of the account, and the fake can serve them.
    for file in fs::read_dir(&folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!text.contains("secrets-exec-test"), "{text}");
    }
    let recorded =
        fs::read_to_string(folder.join("GetSecretValue.marked_for_deletion.json")).unwrap();
    let fault = Fault::Exactly(response_of(&recorded));
    let aws = Aws::start().secret("x", Secret::failing(fault));
    Sandbox::new()
        .aws(&aws)
        .resolve("A=x")
        .run()
        .refused(78)
        .says(["the secret \"x\"", "is marked for deletion"]);
}

#[test]
fn make_test_aws_leaves_nothing_in_the_account_after_ctrl_c_and_cleans_up_after_a_killed_run() {
    let account = or_skip!(Account::start());
    // The number of lines to read before the signal is sent: a few while everything is being
    // created, and more among the cases.
    for (signal, lines) in [
        (Signal::SIGINT, 3),
        (Signal::SIGTERM, 20),
        (Signal::SIGKILL, 3),
        (Signal::SIGKILL, 40),
    ] {
        let mut run = account.script(&CONFIRMED).spawn().unwrap();
        let mut stdout = BufReader::new(run.stdout.take().unwrap());
        let mut printed = String::new();
        for _ in 0..lines {
            stdout.read_line(&mut printed).unwrap();
        }
        await_fact("something is created", || !account.content().is_empty());
        kill(Pid::from_raw(run.id().try_into().unwrap()), signal).unwrap();
        stdout.read_to_string(&mut printed).unwrap();
        let status = run.wait().unwrap();
        if signal == Signal::SIGKILL {
            let clean = account
                .script(&[&CONFIRMED[..], &["--clean"]].concat())
                .status()
                .unwrap();
            assert!(clean.success());
        } else {
            assert_eq!(status.code(), Some(1), "{printed}");
            assert!(printed.contains("\ninterrupted: "), "{printed}");
        }
        assert_eq!(
            account.content(),
            Vec::<Value>::new(),
            "{signal} after {lines} lines: {printed}"
        );
    }
}

#[test]
fn make_test_aws_changes_nothing_in_an_account_that_was_not_confirmed() {
    let account = or_skip!(Account::start());
    account.moto.secret_of(
        &account.administrator,
        "secrets-exec-test-of-somebody",
        "v-4c7a1e-kept",
    );
    let other = ["--yes", "--account", "210987654321"];
    for arguments in [
        &[][..],
        &["--yes"],
        &other,
        &[&other[..], &["--clean"]].concat(),
    ] {
        let output = account
            .script(arguments)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && errors.starts_with("not confirmed, and nothing was done"),
            "{errors}"
        );
        assert_eq!(account.content().len(), 1);
    }
}

#[test]
fn make_test_aws_with_clean_leaves_secrets_and_roles_with_another_tag_or_no_tag_alone() {
    let account = or_skip!(Account::start());
    let trust = policy(
        &json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": "123456789012" } }),
    );
    for (name, tags) in [
        (
            "secrets-exec-test-team",
            json!([{ "Key": "secrets-exec-testing-team", "Value": "remove" }]),
        ),
        (
            "secrets-exec-test-keep",
            json!([{ "Key": "secrets-exec-test", "Value": "keep" }]),
        ),
        ("secrets-exec-test-none", json!([])),
    ] {
        let secret = json!({ "Name": name, "SecretString": "v-4c7a1e-kept", "Tags": tags });
        let role = json!({ "RoleName": name, "Path": "/secrets-exec-test/", "AssumeRolePolicyDocument": trust, "Tags": tags });
        account.call("secretsmanager", "create_secret", "us-east-1", &secret);
        account.call("iam", "create_role", "us-east-1", &role);
    }
    let before = account.content();
    assert!(
        account
            .script(&[&CONFIRMED[..], &["--clean"]].concat())
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(account.content(), before);
}
