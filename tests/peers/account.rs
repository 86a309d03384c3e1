//! `tests/aws/run`, which tests a build in a real AWS account, run here in an account of moto.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::checked::{check_signatures, policy, user};
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
        let everything = policy(&json!({ "Effect": "Allow", "Action": "*", "Resource": "*" }));
        let administrator = user(&moto, "administrator", &everything);
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
        let scratch = self.scratch.path();
        let mut command = Command::new(&self.python);
        command
            .args(["-B", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/aws/run")])
            .args(["--endpoint", &self.moto.url])
            .args(["--regions", "us-east-1,eu-west-1"])
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .envs([("HOME", scratch), ("TMPDIR", scratch)])
            .env("SECRETS_EXEC_BINARY", program())
            .envs(self.administrator.variables())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        command
    }

    /// Runs the script with `--clean`, and asserts that it succeeds.
    fn clean(&self) {
        let mut script = self.script(&[&CONFIRMED[..], &["--clean"]].concat());
        assert!(script.status().unwrap().success());
    }

    /// All secrets and roles, and the parameters that don't come with moto.
    fn content(&self) -> Vec<Value> {
        let filters =
            json!([{ "Key": "Name", "Option": "BeginsWith", "Values": ["/secrets-exec-test-"] }]);
        let parameters = json!({ "ParameterFilters": filters });
        let secrets = json!({ "IncludePlannedDeletion": true });
        let mut content = Vec::new();
        for region in ["us-east-1", "eu-west-1"] {
            for (service, operation, member, parameters) in [
                ("secretsmanager", "list_secrets", "SecretList", &secrets),
                ("ssm", "describe_parameters", "Parameters", &parameters),
                ("iam", "list_roles", "Roles", &json!({})),
            ] {
                let answer = self.call(service, operation, region, parameters);
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
    let mut script = account.script(&[&CONFIRMED[..], &record].concat());
    let output = script.output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}");
    let passed = printed.lines().filter(|line| line.starts_with("ok "));
    assert!(passed.count() >= 60, "{printed}");
    assert_eq!(account.content(), Vec::<Value>::new());

    // The recorded answers don't mention anything of the account, and the fake can serve them.
    for file in fs::read_dir(&folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!text.contains("secrets-exec-test"), "{text}");
    }
    let recorded = folder.join("GetSecretValue.marked_for_deletion.json");
    let fault = Fault::Exactly(response_of(&fs::read_to_string(recorded).unwrap()));
    let aws = Aws::start().secret("x", Secret::failing(fault));
    let run = Sandbox::new().aws(&aws).resolve("A=x").run();
    run.refused(78, ["the secret \"x\"", "is marked for deletion"]);
}

#[test]
fn make_test_aws_leaves_nothing_after_ctrl_c_and_cleans_up_after_a_killed_run() {
    let account = or_skip!(Account::start());
    // The number of lines that are printed before the signal is sent: the first three are printed
    // before anything is created, and the fifth is that of a case.
    for (signal, lines) in [(Signal::SIGINT, 3), (Signal::SIGKILL, 5)] {
        let mut run = account.script(&CONFIRMED).spawn().unwrap();
        let mut stdout = BufReader::new(run.stdout.take().unwrap());
        let mut printed = String::new();
        for _ in 0..lines {
            stdout.read_line(&mut printed).unwrap();
        }
        await_fact("something is created", || !account.content().is_empty());
        kill(Pid::from_raw(run.id().cast_signed()), signal).unwrap();
        stdout.read_to_string(&mut printed).unwrap();
        let status = run.wait().unwrap();
        if signal == Signal::SIGKILL {
            account.clean();
        } else {
            assert_eq!(status.code(), Some(1), "{printed}");
            assert!(printed.contains("\ninterrupted: "), "{printed}");
        }
        let left = account.content();
        assert!(left.is_empty(), "{left:?} after {signal}: {printed}");
    }
}

#[test]
fn make_test_aws_removes_only_tagged_objects_of_a_confirmed_account() {
    let account = or_skip!(Account::start());
    let trust = policy(
        &json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": "123456789012" } }),
    );
    let create = |name: &str, tags: &[(&str, &str)]| {
        let tag = |(key, value): &(&str, &str)| json!({ "Key": key, "Value": value });
        let tags = Vec::from_iter(tags.iter().map(tag));
        let name = format!("secrets-exec-test-{name}");
        let secret = json!({ "Name": name, "SecretString": "v-4c7a1e-kept", "Tags": tags });
        let role = json!({ "RoleName": name, "Path": "/secrets-exec-test/", "AssumeRolePolicyDocument": trust, "Tags": tags });
        account.call("secretsmanager", "create_secret", "us-east-1", &secret);
        account.call("iam", "create_role", "us-east-1", &role);
    };
    create("team", &[("secrets-exec-testing-team", "remove")]);
    create("keep", &[("secrets-exec-test", "keep")]);
    create("none", &[]);
    let kept = account.content();
    create("left", &[("secrets-exec-test", "remove")]);
    let before = account.content();
    assert!(before.len() > kept.len());

    let other = ["--yes", "--account", "210987654321", "--clean"];
    for arguments in [&[][..], &["--yes"], &other] {
        let mut script = account.script(arguments);
        let output = script.stderr(Stdio::piped()).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        let is_unconfirmed = errors.starts_with("not confirmed, and nothing was done");
        assert!(!output.status.success() && is_unconfirmed, "{errors}");
    }
    assert_eq!(account.content(), before);
    account.clean();
    assert_eq!(account.content(), kept);
}
