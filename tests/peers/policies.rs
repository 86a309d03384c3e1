//! Third-party tools judge the policies that `policy` prints. A simulator of IAM (npm's
//! `@cloud-copilot/iam-simulate`) must allow every request that the same launch has sent. If a
//! statement or a resource is removed, it must deny at least one of them, and it must deny other
//! requests. A linter (PyPI's `parliament`) must not find anything.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::node::node_folder;
use super::python::Script;
use crate::support::skip::can;
use crate::support::*;

/// The account of the caller, as the fake reports it.
const ACCOUNT: &str = "123456789012";
const KEY: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

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
        let context = self.via.iter().map(|via| ("kms:ViaService", via));
        let context: BTreeMap<_, _> = context.collect();
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
        if let Some(via) = &self.via {
            let (_, place) = via.split_once('.').unwrap();
            let vias = [Some(format!("s3.{place}")), None];
            return vias
                .map(|via| Self {
                    via,
                    ..self.clone()
                })
                .into();
        }
        let name = self.resource.splitn(6, ':').nth(5).unwrap();
        let kind = &name[..=name.find([':', '/']).unwrap()];
        let place = self.resource.strip_suffix(name).unwrap();
        let mut strangers = vec![format!("{place}{kind}not-declared-AbCdEf")];
        match self.resource.strip_suffix("-AbCdEf") {
            Some(resource) => strangers.push(format!("{resource}-longer-AbCdEf")),
            // Everything below a path is allowed.
            None if self.resource.ends_with('/') => {}
            None => strangers.push(format!("{}2", self.resource)),
        }
        let region = self.resource.split(':').nth(3).unwrap();
        if !any_region && !region.is_empty() {
            strangers.push(self.resource.replacen(region, "sa-east-1", 1));
        }
        let with = |resource| Self {
            resource,
            ..self.clone()
        };
        strangers.into_iter().map(with).collect()
    }
}

fn partition_and_suffix(region: &str) -> (&'static str, &'static str) {
    match region {
        region if region.starts_with("cn-") => ("aws-cn", "amazonaws.com.cn"),
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
        let mut arn = if id.starts_with("arn:") {
            id.to_owned()
        } else {
            format!("arn:{partition}:secretsmanager:{region}:{account}:secret:{id}")
        };
        if !arn.ends_with("-AbCdEf") {
            arn += "-AbCdEf";
        }
        Request::new("secretsmanager:GetSecretValue", arn)
    };
    let parameter = |action, name: &str| {
        let path = name.trim_start_matches('/');
        let arn = if name.starts_with("arn:") {
            name.to_owned()
        } else {
            format!("arn:{partition}:ssm:{region}:{account}:parameter/{path}")
        };
        Request::new(action, arn)
    };
    let decryption = |service: &str| {
        let via = format!("{service}.{region}.{suffix}");
        let is_here = |key: &&String| key.split(':').nth(3) == Some(region.as_str());
        let decryption = keys.iter().filter(is_here).map(|key| Request {
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
            let paths = [&path, path.trim_end_matches('/')];
            let paths = paths.map(|path| parameter("ssm:GetParametersByPath", path));
            paths.into_iter().chain(decryption("ssm")).collect()
        }
        _ => Vec::new(),
    }
}

/// The launches whose policies are judged: a sentence, the ids of the secrets and parameters that
/// the fake serves, the variables and options of the launch, its declaration, and the regions of
/// the KMS keys that `policy` gets. `policy` also gets `--account`, except after `without`. If a
/// launch has several regions, the first one is down. If `AWS_REGION=` is empty, its region is that
/// of the instance. The two roles are in different accounts, because a call shows only the account
/// of the role that has sent it.
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
launch: --fallback-region eu-west-1 -e A=prod/db --env-from ssm:/app/ \
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

/// A field of one of the [`LAUNCHES`].
fn field(launch: &'static str, name: &str) -> &'static str {
    let mut lines = launch.lines();
    let found = lines.find_map(|line| Some(line.split_once(name)?.1.trim()));
    found.unwrap_or_default()
}

/// The fake with everything that a launch reads.
fn serving(launch: &'static str) -> Aws {
    let aws = if launch.contains("--fallback-region") {
        Aws::start().region_fails("us-east-1", fault::unavailable())
    } else {
        Aws::start()
    };
    let ids = field(launch, "serves:").split_whitespace();
    ids.fold(aws, |aws, id| match id.strip_prefix("ssm:") {
        Some(name) => aws.parameter(name, &[Version::text(CANARY).labelled("blue")]),
        None => aws.secret(id, Secret::text(r#"{"k":"v-4c7a1e"}"#)),
    })
}

/// A launch, or a subcommand with the variables, options and declaration of the launch.
fn with_command(command: &[&str], launch: &'static str, aws: &Aws) -> Sandbox {
    let lower = "env: { SENTRY: 'prod/lower:k', KEPT: 'never/read' }";
    let mut sandbox = Sandbox::new()
        .aws(aws)
        .on_instance(aws)
        .args(command)
        .case(launch)
        .file("lower.yaml", lower);
    let declaration = field(launch, "declaration:");
    if !declaration.is_empty() {
        sandbox = sandbox.declaration(declaration);
    }
    let mut words = field(launch, "launch:").split_whitespace().peekable();
    while let Some(variable) = words.next_if(|word| !word.starts_with('-')) {
        let (name, value) = variable.split_once('=').unwrap();
        sandbox = sandbox.env(name, value);
    }
    sandbox.args(words)
}

/// The ARNs of the KMS keys of a launch.
fn keys(launch: &'static str) -> Vec<String> {
    let key = |region| {
        let (partition, _) = partition_and_suffix(region);
        format!("arn:{partition}:kms:{region}:{ACCOUNT}:key/{KEY}")
    };
    let regions = field(launch, "keys:").split_whitespace();
    regions.map(key).collect()
}

/// The policy of a role. `None` is the caller.
fn printed_policy(launch: &'static str, aws: &Aws, role: Option<&str>) -> Value {
    let keys = keys(launch);
    let mut command = vec!["policy"];
    if !launch.contains("\nwithout --account") {
        command.extend(["--account", ACCOUNT]);
    }
    command.extend(keys.iter().flat_map(|key| ["--kms-key", key]));
    command.extend(role.iter().flat_map(|role| ["--for-role", role]));
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

/// A policy, what its launch has sent by the role of the policy, and whether the policy is for any
/// region.
struct Judged {
    policy: Value,
    sent: Vec<Request>,
    any_region: bool,
}

#[test]
fn a_policy_allows_exactly_the_requests_of_its_launch() {
    let judged = Mutex::new(Vec::new());
    side_by_side(LAUNCHES.trim().split("\n\n"), |launch| {
        let aws = serving(launch);
        with_command(&[], launch, &aws).run().launched();
        let sent = sent(&aws.calls(), &keys(launch));
        assert!(!sent.is_empty(), "{launch}");
        let all = sent.into_iter().map(|(role, sent)| Judged {
            policy: printed_policy(launch, &aws, role.as_deref()),
            sent,
            any_region: launch.contains("AWS_REGION= "),
        });
        let all = Vec::from_iter(all);
        judged.lock().unwrap().extend(all);
    });
    let judged = judged.into_inner().unwrap();
    assert_no_findings(&judged);
    assert_least_privilege(&judged);
}

/// Asserts that parliament finds nothing in these policies. If parliament isn't installed, reports
/// the calling test as skipped.
fn assert_no_findings(judged: &[Judged]) {
    let python = or_skip!(super::interpreter());
    let name = python.to_str().unwrap();
    let importing = [name, "-Wignore", "-c", "import parliament"];
    if can(&importing, "policies in parliament") {
        let policies = judged.iter().map(|judged| judged.policy.to_string());
        let texts: Vec<String> = policies.collect();
        let findings = Script::start(&python, "lint.py", &[]).ask(&json!(texts));
        assert_eq!(findings, json!(vec![json!([]); texts.len()]), "{texts:#?}");
    }
}

/// Asserts that each policy allows what was sent and nothing else, and that every part of it is
/// necessary. If the simulator isn't installed, reports the calling test as skipped.
fn assert_least_privilege(judged: &[Judged]) {
    let node = node_folder("@cloud-copilot/iam-simulate", "policies in a simulator");
    let node = or_skip!(node);
    let folder = node.to_str().unwrap();
    let mut simulator = Script::start(Path::new("node"), "simulate.js", &[folder]);
    let mut are_allowed = |cases: Vec<Value>| {
        let results = simulator.ask(&json!(cases));
        let results = results.as_array().unwrap().clone().into_iter();
        results.map(|result| result == "Allowed")
    };
    let case =
        |policy: &Value, request: &Request| json!({ "policy": policy, "request": request.json() });
    let (mut cases, mut expected, mut cut) = (Vec::new(), Vec::new(), Vec::new());
    for of in judged {
        for request in &of.sent {
            let strangers = request.strangers(of.any_region);
            for request in [request].into_iter().chain(&strangers) {
                cases.push(case(&of.policy, request));
            }
            expected.push(true);
            expected.resize(cases.len(), false);
        }
        for policy in cuts(&of.policy) {
            let cases = of.sent.iter().map(|request| case(&policy, request));
            cut.push(Vec::from_iter(cases));
        }
    }
    for (at, is_allowed) in are_allowed(cases.clone()).enumerate() {
        assert_eq!(is_allowed, expected[at], "{:#}", cases[at]);
    }
    let mut allowed = are_allowed(cut.concat());
    for cases in cut {
        let denied = cases.iter().filter(|_| !allowed.next().unwrap());
        assert!(denied.count() > 0, "enough: {:#}", cases[0]["policy"]);
    }
}

/// Returns a policy without each of its parts. A part is a statement, or one of several resources
/// of a statement.
fn cuts(policy: &Value) -> Vec<Value> {
    let mut cuts = Vec::new();
    let statements = policy["Statement"].as_array().unwrap();
    for (index, statement) in statements.iter().enumerate() {
        let mut without = policy.clone();
        without["Statement"].as_array_mut().unwrap().remove(index);
        // A policy needs at least one statement, and a statement at least one resource.
        if statements.len() > 1 {
            cuts.push(without);
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
                cuts.push(without);
            }
        }
    }
    cuts
}
