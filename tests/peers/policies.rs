//! Third-party tools judge the policies that `policy` prints. A simulator of IAM (npm's
//! `@cloud-copilot/iam-simulate`) must allow every request that the same launch has sent. If a
//! statement or a resource is removed, it must deny at least one of them, and it must deny other
//! requests. A linter (PyPI's `parliament`) must not find anything.

use std::collections::BTreeMap;
use std::env;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::node::node_folder;
use crate::support::skip::can;
use crate::support::*;

/// The account of the caller, as the fake reports it.
const ACCOUNT: &str = "123456789012";
const KEY: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

/// Runs a script of this folder with JSON as its input, and returns the JSON that it prints.
fn ask(program: &Path, script: &str, argument: Option<&Path>, input: &Value) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/peers")
        .join(script);
    let mut child = Command::new(program)
        .arg(script)
        .args(argument)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("PYTHONWARNINGS", "ignore")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.to_string().as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "the script failed; its error is on standard error"
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A request as IAM sees it.
#[derive(Clone)]
struct Request {
    action: &'static str,
    resource: String,
    via: Option<String>,
}

impl Request {
    fn new(action: &'static str, resource: String) -> Self {
        Self {
            action,
            resource,
            via: None,
        }
    }

    fn json(&self) -> Value {
        let field = |index| self.resource.split(':').nth(index).unwrap();
        let context = self
            .via
            .as_ref()
            .map_or(json!({}), |via| json!({ "kms:ViaService": via }));
        json!({
            "action": self.action,
            "resource": self.resource,
            "partition": field(1),
            "account": field(4),
            "context": context,
        })
    }

    /// Requests that no launch of a test sends: for other names, for a key through another service,
    /// and in another region.
    fn strangers(&self, any_region: bool) -> Vec<Self> {
        let with_resource = |resource: String| Self {
            resource,
            ..self.clone()
        };
        if let Some(via) = &self.via {
            let (_, place) = via.split_once('.').unwrap();
            return vec![
                Self {
                    via: Some(format!("s3.{place}")),
                    ..self.clone()
                },
                Self {
                    via: None,
                    ..self.clone()
                },
            ];
        }
        let name = self.resource.splitn(6, ':').nth(5).unwrap();
        let kind = &name[..=name.find([':', '/']).unwrap()];
        let place = self.resource.strip_suffix(name).unwrap();
        let mut strangers = vec![with_resource(format!("{place}{kind}not-declared-AbCdEf"))];
        match self.resource.strip_suffix("-AbCdEf") {
            Some(resource) => strangers.push(with_resource(format!("{resource}-longer-AbCdEf"))),
            // Everything below a path is allowed.
            None if self.resource.ends_with('/') => {}
            None => strangers.push(with_resource(format!("{}2", self.resource))),
        }
        let region = self
            .resource
            .split(':')
            .nth(3)
            .filter(|region| !any_region && !region.is_empty());
        strangers.extend(
            region.map(|region| with_resource(self.resource.replacen(region, "sa-east-1", 1))),
        );
        strangers
    }
}

fn partition_and_suffix(region: &str) -> (&'static str, &'static str) {
    match region {
        region if region.starts_with("cn-") => ("aws-cn", "amazonaws.com.cn"),
        region if region.starts_with("us-gov-") => ("aws-us-gov", "amazonaws.com"),
        _ => ("aws", "amazonaws.com"),
    }
}

/// What AWS authorizes for a call. The secrets of the fake don't have random ids: the ARN of each
/// ends in `-AbCdEf`.
fn requests(call: &Call, keys: &[String]) -> Vec<Request> {
    if call.operation() == "AssumeRole" {
        return vec![Request::new(
            "sts:AssumeRole",
            call.form()["RoleArn"].clone(),
        )];
    }
    let region = call.region();
    let (partition, suffix) = partition_and_suffix(&region);
    let secret = |id: &str| {
        let arn = match id.starts_with("arn:") {
            true => id.to_owned(),
            false => format!(
                "arn:{partition}:secretsmanager:{region}:{}:secret:{id}",
                call.account()
            ),
        };
        let arn = if arn.ends_with("-AbCdEf") {
            arn
        } else {
            format!("{arn}-AbCdEf")
        };
        Request::new("secretsmanager:GetSecretValue", arn)
    };
    let parameter = |action, name: &str| match name.starts_with("arn:") {
        true => Request::new(action, name.to_owned()),
        false => {
            let name = name.trim_start_matches('/');
            Request::new(
                action,
                format!(
                    "arn:{partition}:ssm:{region}:{}:parameter/{name}",
                    call.account()
                ),
            )
        }
    };
    let decryption = |service: &str| {
        let via = format!("{service}.{region}.{suffix}");
        let keys = keys
            .iter()
            .filter(|key| key.split(':').nth(3) == Some(region.as_str()));
        let decryption = keys.map(|key| Request {
            via: Some(via.clone()),
            ..Request::new("kms:Decrypt", key.clone())
        });
        decryption.collect::<Vec<_>>()
    };
    match call.operation().as_str() {
        "GetSecretValue" => [
            vec![secret(&call.secret_id())],
            decryption("secretsmanager"),
        ]
        .concat(),
        "GetParameters" => {
            let mut requests = Vec::new();
            for name in call.names() {
                let fields = if name.starts_with("arn:") { 6 } else { 1 };
                let name = name.split(':').take(fields).collect::<Vec<_>>().join(":");
                requests.push(parameter("ssm:GetParameters", &name));
                match name.strip_prefix("/aws/reference/secretsmanager/") {
                    Some(name) => {
                        requests.push(secret(name));
                        requests.extend(decryption("secretsmanager"));
                    }
                    None if name.starts_with("/aws/") => {}
                    None => requests.extend(decryption("ssm")),
                }
            }
            requests
        }
        "GetParametersByPath" => {
            // The path as it was sent, and in the form to which AWS may normalize it.
            let path = call.body()["Path"].as_str().unwrap().to_owned();
            let action = "ssm:GetParametersByPath";
            let paths = [
                parameter(action, &path),
                parameter(action, path.trim_end_matches('/')),
            ];
            paths.into_iter().chain(decryption("ssm")).collect()
        }
        _ => Vec::new(),
    }
}

/// A launch whose policies are judged. If it has several regions, the first one is down. If
/// `AWS_REGION=` is empty, its region is that of the instance.
struct Launch {
    sentence: &'static str,
    /// The ids of the secrets and parameters that the fake has.
    serves: &'static str,
    /// The variables of the launch, followed by its options.
    line: &'static str,
    declaration: &'static str,
    /// True if `policy` gets `--account`.
    has_account: bool,
    /// The regions of the KMS keys that `policy` gets.
    key_regions: &'static str,
}

const PLAIN: Launch = Launch {
    sentence: "",
    serves: "",
    line: "",
    declaration: "",
    has_account: true,
    key_regions: "us-east-1",
};

// The two roles are in different accounts, because a call shows only the account of the role that
// has sent it.
const LAUNCHES: [Launch; 12] = [
    Launch {
        sentence: "names of secrets with a key",
        serves: "prod/db /lead/a+b=c@d.e!f db-legacy",
        line: "-e A=prod/db:k -e B=/lead/a+b=c@d.e!f:k -e C=db-legacy:k -e D=prod/db",
        ..PLAIN
    },
    Launch {
        sentence: "complete ARNs, and ARNs without the random characters",
        serves: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf \
                 arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/api \
                 arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-legacy",
        line: "-e A=arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf \
               -e B=arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/api \
               -e C=arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-legacy",
        has_account: false,
        key_regions: "eu-west-1",
        ..PLAIN
    },
    Launch {
        sentence: "China",
        serves: "prod/db arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:prod/api-AbCdEf ssm:/app/key",
        line: "--region cn-north-1 -e A=prod/db \
               -e B=arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:prod/api-AbCdEf -e C=ssm:/app/key",
        key_regions: "cn-north-1",
        ..PLAIN
    },
    Launch {
        sentence: "GovCloud",
        serves: "prod/db arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:prod/api-AbCdEf ssm:/app/key",
        line: "--region us-gov-west-1 -e A=prod/db \
               -e B=arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:prod/api-AbCdEf -e C=ssm:/app/key",
        key_regions: "us-gov-west-1",
        ..PLAIN
    },
    Launch {
        sentence: "parameters by name, ARN, version and label, and references to secrets",
        serves: "ssm:/app/key ssm:plain ssm:/app/arn ssm:/aws/service/public \
                 ssm:/aws/reference/secretsmanager/prod/db prod/api",
        line: "-e A=ssm:/app/key -e B=ssm:/app/key::blue -e C=ssm:/app/key:::1 -e D=ssm:plain \
               -e E=arn:aws:ssm:eu-west-1:123456789012:parameter/app/arn -e F=ssm:/aws/service/public \
               -e G=ssm:/aws/reference/secretsmanager/prod/db -e H=prod/api",
        key_regions: "us-east-1 eu-west-1",
        ..PLAIN
    },
    Launch {
        sentence: "paths of parameters",
        serves: "ssm:/app/key ssm:/web/a/b",
        line: "--env-from ssm:/app/ --env-from arn:aws:ssm:us-east-1:123456789012:parameter/web/ -e KEPT=ssm:/app/key",
        ..PLAIN
    },
    Launch {
        sentence: "fallback regions after an outage",
        serves: "prod/db arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/api-AbCdEf ssm:/app/key",
        line: "--fallback-region eu-west-1 --timeout 4s -e A=prod/db \
               -e B=arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/api-AbCdEf --env-from ssm:/app/",
        key_regions: "us-east-1 eu-west-1",
        ..PLAIN
    },
    Launch {
        sentence: "a role of the options reads everything",
        serves: "prod/db ssm:/app/key",
        line: "--role-arn arn:aws:iam::210987654321:role/Reader --external-id 42 -e A=prod/db -e B=ssm:/app/key",
        has_account: false,
        key_regions: "",
        ..PLAIN
    },
    Launch {
        sentence: "roles of aliases, and the caller",
        serves: "prod/db prod/api mine",
        declaration: "secrets:
  db: { id: prod/db, role-arn: 'arn:aws:iam::210987654321:role/Reader' }
  api: { id: prod/api, region: eu-west-1, role-arn: 'arn:aws:iam::310987654321:role/path/Other', external-id: e }
env: { A: 'db:k', B: 'api:k', C: 'mine:k' }
",
        key_regions: "",
        ..PLAIN
    },
    Launch {
        sentence: "a role of the options, and one of an alias",
        serves: "prod/db prod/api",
        line: "--role-arn arn:aws:iam::210987654321:role/Reader",
        declaration: "secrets: { db: { id: prod/db, role-arn: 'arn:aws:iam::310987654321:role/path/Other' } }
env: { A: 'db:k', B: 'prod/api:k' }
",
        has_account: false,
        key_regions: "",
    },
    Launch {
        sentence: "a region that only the instance knows",
        serves: "prod/db ssm:/app/key",
        line: "AWS_REGION= -e A=prod/db -e B=ssm:/app/key",
        key_regions: "af-south-1",
        ..PLAIN
    },
    Launch {
        sentence: "everything that a declaration may hold",
        serves: "prod/db prod/api prod/stripe prod/tls prod/lower ssm:/app/key ssm:/web/a/b",
        line: "GIVEN={{resolve:ssm:/app/key}} KEPT=here --resolve-env GIVEN --keep-existing -f lower.yaml -f secrets-exec.yaml",
        declaration: "secrets:
  db: prod/db
  unused: never/read
env:
  URL: { template: '{{ db.k | urlencode }}' }
  SENTRY: { from: 'prod/sentry:dsn', optional: true }
  LEVEL: { value: info }
  API: { from: 'prod/${STAGE:-api}:k', default: d }
env-from:
  - { from: prod/stripe, prefix: STRIPE_, only: [k] }
  - { from: 'ssm:/web/', prefix: WEB_ }
files:
  - { from: 'prod/tls:k', env: TLS }
",
        ..PLAIN
    },
];

const LOWER: &str = "env: { SENTRY: 'prod/lower:k', KEPT: 'never/read' }\n";

/// The fake with everything that a launch reads.
fn serving(launch: &Launch) -> Aws {
    let aws = match launch.line.contains("--fallback-region") {
        true => Aws::start().region_fails("us-east-1", fault::unavailable()),
        false => Aws::start(),
    };
    launch
        .serves
        .split_whitespace()
        .fold(aws, |aws, id| match id.strip_prefix("ssm:") {
            Some(name) => aws.parameter(name, &[Version::text(CANARY).labelled("blue")]),
            None => aws.secret(id, Secret::text(r#"{"k":"v-4c7a1e"}"#)),
        })
}

/// A launch, or a subcommand with the variables, options and declaration of the launch.
fn with_command(command: &[&str], launch: &Launch, aws: &Aws) -> Sandbox {
    let mut sandbox = Sandbox::new()
        .aws(aws)
        .on_instance(aws)
        .args(command)
        .case(launch.sentence)
        .file("lower.yaml", LOWER);
    if !launch.declaration.is_empty() {
        sandbox = sandbox.declaration(launch.declaration);
    }
    let mut words = launch.line.split_whitespace().peekable();
    while let Some(variable) = words.next_if(|word| !word.starts_with('-')) {
        let (name, value) = variable.split_once('=').unwrap();
        sandbox = sandbox.env(name, value);
    }
    sandbox.args(words)
}

/// The ARNs of the KMS keys of a launch.
fn keys(launch: &Launch) -> Vec<String> {
    let key = |region| {
        format!(
            "arn:{}:kms:{region}:{ACCOUNT}:key/{KEY}",
            partition_and_suffix(region).0
        )
    };
    launch.key_regions.split_whitespace().map(key).collect()
}

/// The policy of a role. `None` is the caller.
fn printed_policy(launch: &Launch, aws: &Aws, role: Option<&str>) -> Value {
    let keys = keys(launch);
    let mut command = vec!["policy"];
    command.extend(["--account", ACCOUNT].iter().filter(|_| launch.has_account));
    keys.iter()
        .for_each(|key| command.extend(["--kms-key", key]));
    role.iter()
        .for_each(|role| command.extend(["--for-role", role]));
    let before = aws.calls().len();
    let run = with_command(&command, launch, aws).bare().run();
    assert_eq!(aws.calls().len(), before, "a request: {run}");
    run.launched().document()
}

/// What AWS authorizes for the calls of a launch, by the role that has sent them. `None` is the
/// caller.
fn sent(calls: &[Call], keys: &[String]) -> BTreeMap<Option<String>, Vec<Request>> {
    let assumed = calls.iter().filter(|call| call.operation() == "AssumeRole");
    let roles: Vec<String> = assumed.map(|call| call.form()["RoleArn"].clone()).collect();
    let mut sent: BTreeMap<_, Vec<Request>> = BTreeMap::new();
    for call in calls
        .iter()
        .filter(|call| call.header("authorization").is_some())
    {
        let role = roles
            .iter()
            .find(|role| call.access_key() == ROLE_KEY && role.contains(&call.account()));
        sent.entry(role.cloned())
            .or_default()
            .extend(requests(call, keys));
    }
    sent
}

#[test]
fn a_policy_allows_exactly_the_requests_of_its_launch() {
    side_by_side(&LAUNCHES, |launch| {
        let aws = serving(launch);
        with_command(&[], launch, &aws).run().launched();
        let sent = sent(&aws.calls(), &keys(launch));
        assert!(!sent.is_empty(), "{}", launch.sentence);
        let policies: Vec<Value> = sent
            .keys()
            .map(|role| printed_policy(launch, &aws, role.as_deref()))
            .collect();
        assert_no_findings(&policies);
        for (policy, sent) in policies.iter().zip(sent.values()) {
            assert_least_privilege(policy, sent, launch.line.contains("AWS_REGION= "));
        }
    });
}

/// Asserts that parliament finds nothing in these policies. If parliament isn't installed, reports
/// the calling test as skipped.
fn assert_no_findings(policies: &[Value]) {
    let python = or_skip!(super::interpreter());
    if can(
        &[
            python.to_str().unwrap(),
            "-Wignore",
            "-c",
            "import parliament",
        ],
        "policies in parliament",
    ) {
        let texts: Vec<String> = policies.iter().map(Value::to_string).collect();
        let findings = ask(&python, "lint.py", None, &json!(texts));
        assert_eq!(findings, json!(vec![json!([]); texts.len()]), "{texts:#?}");
    }
}

/// Asserts that a policy allows what was sent and nothing else, and that every part of it is
/// necessary. If the simulator isn't installed, reports the calling test as skipped.
fn assert_least_privilege(policy: &Value, sent: &[Request], any_region: bool) {
    let node = or_skip!(node_folder(
        "@cloud-copilot/iam-simulate",
        "policies in a simulator"
    ));
    let cut = cuts(policy);
    let strangers: Vec<Request> = sent
        .iter()
        .flat_map(|request| request.strangers(any_region))
        .collect();
    let case =
        |policy: &Value, request: &Request| json!({ "policy": policy, "request": request.json() });
    let mut cases: Vec<Value> = sent.iter().map(|request| case(policy, request)).collect();
    cases.extend(strangers.iter().map(|request| case(policy, request)));
    cases.extend(
        cut.iter()
            .flat_map(|(_, policy)| sent.iter().map(move |request| case(policy, request))),
    );
    let results = ask(Path::new("node"), "simulate.js", Some(&node), &json!(cases));
    let allowed: Vec<bool> = results
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result == "Allowed")
        .collect();
    let (of_sent, rest) = allowed.split_at(sent.len());
    for (request, allowed) in sent.iter().zip(of_sent) {
        assert!(allowed, "denied: {}\n{policy:#}", request.json());
    }
    let (of_strangers, rest) = rest.split_at(strangers.len());
    for (request, allowed) in strangers.iter().zip(of_strangers) {
        assert!(!allowed, "allowed: {}\n{policy:#}", request.json());
    }
    for ((what, _), of_cut) in cut.iter().zip(rest.chunks(sent.len())) {
        assert!(of_cut.contains(&false), "not needed: {what:#}\n{policy:#}");
    }
}

/// Returns each part of a policy together with the policy without it. A part is a statement, or one
/// of several resources of a statement.
fn cuts(policy: &Value) -> Vec<(Value, Value)> {
    let mut cuts = Vec::new();
    for (index, statement) in policy["Statement"].as_array().unwrap().iter().enumerate() {
        let mut without = policy.clone();
        without["Statement"].as_array_mut().unwrap().remove(index);
        cuts.push((statement.clone(), without));
        for (at, resource) in statement["Resource"].as_array().unwrap().iter().enumerate() {
            let mut without = policy.clone();
            without["Statement"][index]["Resource"]
                .as_array_mut()
                .unwrap()
                .remove(at);
            cuts.push((resource.clone(), without));
        }
    }
    // A policy needs at least one statement, and a statement at least one resource.
    let is_policy = |policy: &Value| {
        let statements = policy["Statement"].as_array().unwrap();
        !statements.is_empty()
            && statements
                .iter()
                .all(|statement| statement["Resource"] != json!([]))
    };
    // The name in a reference can end with a hyphen and six characters, like an ARN, so the policy
    // needs both readings of it.
    let is_spare = |what: &Value| {
        what.as_str().is_some_and(|arn| {
            arn.ends_with("-AbCdEf-??????") || arn.ends_with(":secret:db-legacy")
        })
    };
    cuts.retain(|(what, policy)| is_policy(policy) && !is_spare(what));
    cuts
}
