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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
    let mut child = Command::new(program)
        .arg(folder.join(script))
        .args(argument)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .envs([
            ("PYTHONWARNINGS", "ignore"),
            ("PYTHONDONTWRITEBYTECODE", "1"),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the error is on standard error");
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
        let context = self.via.as_ref();
        let context = context.map_or(json!({}), |via| json!({ "kms:ViaService": via }));
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
            let with_via = |via| Self {
                via,
                ..self.clone()
            };
            return vec![with_via(Some(format!("s3.{place}"))), with_via(None)];
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
        let region = self.resource.split(':').nth(3).unwrap();
        if !any_region && !region.is_empty() {
            strangers.push(with_resource(self.resource.replacen(
                region,
                "sa-east-1",
                1,
            )));
        }
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
        let role = call.form()["RoleArn"].clone();
        return vec![Request::new("sts:AssumeRole", role)];
    }
    let region = call.region();
    let (partition, suffix) = partition_and_suffix(&region);
    let account = call.account();
    let secret = |id: &str| {
        let mut arn = match id.starts_with("arn:") {
            true => id.to_owned(),
            false => format!("arn:{partition}:secretsmanager:{region}:{account}:secret:{id}"),
        };
        if !arn.ends_with("-AbCdEf") {
            arn += "-AbCdEf";
        }
        Request::new("secretsmanager:GetSecretValue", arn)
    };
    let parameter = |action, name: &str| {
        let path = name.trim_start_matches('/');
        let arn = match name.starts_with("arn:") {
            true => name.to_owned(),
            false => format!("arn:{partition}:ssm:{region}:{account}:parameter/{path}"),
        };
        Request::new(action, arn)
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
        "GetSecretValue" => {
            let secret = std::iter::once(secret(&call.secret_id()));
            secret.chain(decryption("secretsmanager")).collect()
        }
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

/// The launches, with a line for each field. The two roles are in different accounts, because a
/// call shows only the account of the role that has sent it.
const LAUNCHES: &str = "
names of secrets with a key
serves: prod/db /lead/a+b=c@d.e!f db-legacy
launch: -e A=prod/db:k -e B=/lead/a+b=c@d.e!f:k -e C=db-legacy:k -e D=prod/db
keys: us-east-1

complete ARNs, and ARNs without the random characters
serves: arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/api \
    arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-legacy
launch: -e A=arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf \
    -e B=arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/api -e C=arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-legacy
without --account, keys: eu-west-1

China
serves: prod/db arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:prod/api-AbCdEf ssm:/app/key
launch: --region cn-north-1 -e A=prod/db -e B=arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:prod/api-AbCdEf -e C=ssm:/app/key
keys: cn-north-1

GovCloud
serves: prod/db arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:prod/api-AbCdEf ssm:/app/key
launch: --region us-gov-west-1 -e A=prod/db \
    -e B=arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:prod/api-AbCdEf -e C=ssm:/app/key
keys: us-gov-west-1

parameters by name, ARN, version and label, and references to secrets
serves: ssm:/app/key ssm:plain ssm:/app/arn ssm:/aws/service/public ssm:/aws/reference/secretsmanager/prod/db prod/api
launch: -e A=ssm:/app/key -e B=ssm:/app/key::blue -e C=ssm:/app/key:::1 -e D=ssm:plain -e E=arn:aws:ssm:eu-west-1:123456789012:parameter/app/arn \
    -e F=ssm:/aws/service/public -e G=ssm:/aws/reference/secretsmanager/prod/db -e H=prod/api
keys: us-east-1 eu-west-1

paths of parameters
serves: ssm:/app/key ssm:/web/a/b
launch: --env-from ssm:/app/ --env-from arn:aws:ssm:us-east-1:123456789012:parameter/web/ -e KEPT=ssm:/app/key
keys: us-east-1

fallback regions after an outage
serves: prod/db arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/api-AbCdEf ssm:/app/key
launch: --fallback-region eu-west-1 --timeout 4s -e A=prod/db --env-from ssm:/app/ \
    -e B=arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/api-AbCdEf
keys: us-east-1 eu-west-1

a role of the options reads everything
serves: prod/db ssm:/app/key
launch: --role-arn arn:aws:iam::210987654321:role/Reader --external-id 42 -e A=prod/db -e B=ssm:/app/key
without --account, keys:

roles of aliases, and the caller
serves: prod/db prod/api mine
declaration: { secrets: { db: { id: prod/db, role-arn: 'arn:aws:iam::210987654321:role/Reader' }, \
    api: { id: prod/api, region: eu-west-1, role-arn: 'arn:aws:iam::310987654321:role/path/Other', external-id: e } }, \
    env: { A: 'db:k', B: 'api:k', C: 'mine:k' } }

a role of the options, and one of an alias
serves: prod/db prod/api
launch: --role-arn arn:aws:iam::210987654321:role/Reader
declaration: { secrets: { db: { id: prod/db, role-arn: 'arn:aws:iam::310987654321:role/path/Other' } }, env: { A: 'db:k', B: 'prod/api:k' } }
without --account, keys:

a region that only the instance knows
serves: prod/db ssm:/app/key
launch: AWS_REGION= -e A=prod/db -e B=ssm:/app/key
keys: af-south-1

everything that a declaration may hold
serves: prod/db prod/api prod/stripe prod/tls prod/lower ssm:/app/key ssm:/web/a/b
launch: GIVEN={{resolve:ssm:/app/key}} KEPT=here --resolve-env GIVEN --keep-existing -f lower.yaml -f secrets-exec.yaml
declaration: { secrets: { db: prod/db, unused: never/read }, env: { URL: { template: '{{ db.k | urlencode }}' }, \
    SENTRY: { from: 'prod/sentry:dsn', optional: true }, LEVEL: { value: info }, API: { from: 'prod/${STAGE:-api}:k', default: d } }, \
    env-from: [{ from: prod/stripe, prefix: STRIPE_, only: [k] }, { from: 'ssm:/web/', prefix: WEB_ }], files: [{ from: 'prod/tls:k', env: TLS }] }
keys: us-east-1
";

fn launches() -> Vec<Launch> {
    let launch = |text: &'static str| {
        let field = |name| {
            let mut lines = text.lines();
            let found = lines.find_map(|line| Some(line.split_once(name)?.1.trim()));
            found.unwrap_or_default()
        };
        Launch {
            sentence: text.lines().next().unwrap(),
            serves: field("serves:"),
            line: field("launch:"),
            declaration: field("declaration:"),
            has_account: !text.contains("\nwithout --account"),
            key_regions: field("keys:"),
        }
    };
    LAUNCHES.trim().split("\n\n").map(launch).collect()
}

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
        .file(
            "lower.yaml",
            "env: { SENTRY: 'prod/lower:k', KEPT: 'never/read' }",
        );
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
        let (partition, _) = partition_and_suffix(region);
        format!("arn:{partition}:kms:{region}:{ACCOUNT}:key/{KEY}")
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
    let mut signed = calls.to_vec();
    signed.retain(|call| call.header("authorization").is_some());
    for call in signed {
        let is_sender =
            |role: &&String| call.access_key() == ROLE_KEY && role.contains(&call.account());
        let role = roles.iter().find(is_sender).cloned();
        sent.entry(role).or_default().extend(requests(&call, keys));
    }
    sent
}

#[test]
fn a_policy_allows_exactly_the_requests_of_its_launch() {
    side_by_side(&launches(), |launch| {
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
    let name = python.to_str().unwrap();
    let importing = [name, "-Wignore", "-c", "import parliament"];
    if can(&importing, "policies in parliament") {
        let texts: Vec<String> = policies.iter().map(Value::to_string).collect();
        let findings = ask(&python, "lint.py", None, &json!(texts));
        assert_eq!(findings, json!(vec![json!([]); texts.len()]), "{texts:#?}");
    }
}

/// Asserts that a policy allows what was sent and nothing else, and that every part of it is
/// necessary. If the simulator isn't installed, reports the calling test as skipped.
fn assert_least_privilege(policy: &Value, sent: &[Request], any_region: bool) {
    let node = node_folder("@cloud-copilot/iam-simulate", "policies in a simulator");
    let (node, cut) = (or_skip!(node), cuts(policy));
    let strangers = sent
        .iter()
        .flat_map(|request| request.strangers(any_region));
    let strangers: Vec<Request> = strangers.collect();
    let mut cases: Vec<Value> = Vec::new();
    let mut judge = |policy: &Value, requests: &[Request]| {
        let case = |request: &Request| json!({ "policy": policy, "request": request.json() });
        cases.extend(requests.iter().map(case));
    };
    judge(policy, sent);
    judge(policy, &strangers);
    cut.iter().for_each(|(_, policy)| judge(policy, sent));
    let results = ask(Path::new("node"), "simulate.js", Some(&node), &json!(cases));
    let results = results.as_array().unwrap().iter();
    let allowed: Vec<bool> = results.map(|result| result == "Allowed").collect();
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
    let statements = policy["Statement"].as_array().unwrap();
    for (index, statement) in statements.iter().enumerate() {
        let mut without = policy.clone();
        without["Statement"].as_array_mut().unwrap().remove(index);
        // A policy needs at least one statement, and a statement at least one resource.
        if statements.len() > 1 {
            cuts.push((statement.clone(), without));
        }
        let resources = statement["Resource"].as_array().unwrap();
        for (at, resource) in resources.iter().enumerate() {
            let mut without = policy.clone();
            let left = without["Statement"][index]["Resource"].as_array_mut();
            left.unwrap().remove(at);
            // The name in a reference can end with a hyphen and six characters, like an ARN, so the
            // policy needs both readings of it.
            let arn = resource.as_str().unwrap();
            let is_spare = arn.ends_with("-AbCdEf-??????") || arn.ends_with(":secret:db-legacy");
            if resources.len() > 1 && !is_spare {
                cuts.push((resource.clone(), without));
            }
        }
    }
    cuts
}
