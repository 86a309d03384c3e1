//! Policies that `policy` prints, judged by others: a simulator of IAM (npm's `@cloud-copilot/iam-simulate`) allows every request
//! that the same launch has sent, denies one of them without any one statement or resource, and denies other requests; a linter
//! (PyPI's `parliament`) has no finding.

use std::collections::BTreeMap;
use std::env;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::node::node_folder;
use crate::support::skip::can;
use crate::support::*;

/// The account of the caller, as the fake has it.
const ACCOUNT: &str = "123456789012";
const KEY: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

/// Two roles, which differ in their accounts: a call tells no more of the role that has sent it.
const READER: &str = "arn:aws:iam::210987654321:role/Reader";
const OTHER: &str = "arn:aws:iam::310987654321:role/path/Other";

/// Runs a script of this folder with JSON as its input, and returns the JSON that it prints.
fn ask(program: &Path, script: &str, argument: Option<&Path>, input: &Value) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(script);
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
    child.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the script failed; its error is on standard error");
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
        Self { action, resource, via: None }
    }

    fn json(&self) -> Value {
        let field = |index| self.resource.split(':').nth(index).unwrap();
        let context = self.via.as_ref().map_or(json!({}), |via| json!({ "kms:ViaService": via }));
        json!({
            "action": self.action,
            "resource": self.resource,
            "partition": field(1),
            "account": field(4),
            "context": context,
        })
    }

    /// Requests that no launch of a test sends: for other names, for a key by another service, and in another region.
    fn strangers(&self, any_region: bool) -> Vec<Self> {
        let of = |resource: String| Self { resource, ..self.clone() };
        if let Some(via) = &self.via {
            let (_, place) = via.split_once('.').unwrap();
            return vec![Self { via: Some(format!("s3.{place}")), ..self.clone() }, Self { via: None, ..self.clone() }];
        }
        let name = self.resource.splitn(6, ':').nth(5).unwrap();
        let kind = &name[..=name.find([':', '/']).unwrap()];
        let place = self.resource.strip_suffix(name).unwrap();
        let mut strangers = vec![of(format!("{place}{kind}not-declared-AbCdEf"))];
        match self.resource.strip_suffix("-AbCdEf") {
            Some(resource) => strangers.push(of(format!("{resource}-longer-AbCdEf"))),
            // All is allowed below a path.
            None if self.resource.ends_with('/') => {}
            None => strangers.push(of(format!("{}2", self.resource))),
        }
        let region = self.resource.split(':').nth(3).filter(|region| !any_region && !region.is_empty());
        strangers.extend(region.map(|region| of(self.resource.replacen(region, "sa-east-1", 1))));
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

/// What AWS authorizes for a call. The fake has no ids of secrets: all of them end in `-AbCdEf`.
fn requests(call: &Call, keys: &[String]) -> Vec<Request> {
    if call.operation() == "AssumeRole" {
        return vec![Request::new("sts:AssumeRole", call.form()["RoleArn"].clone())];
    }
    let region = call.region();
    let (partition, suffix) = partition_and_suffix(&region);
    let secret = |id: &str| {
        let arn = match id.starts_with("arn:") {
            true => id.to_owned(),
            false => format!("arn:{partition}:secretsmanager:{region}:{}:secret:{id}", call.account()),
        };
        let arn = if arn.ends_with("-AbCdEf") { arn } else { format!("{arn}-AbCdEf") };
        Request::new("secretsmanager:GetSecretValue", arn)
    };
    let parameter = |action, name: &str| match name.starts_with("arn:") {
        true => Request::new(action, name.to_owned()),
        false => {
            let name = name.trim_start_matches('/');
            Request::new(action, format!("arn:{partition}:ssm:{region}:{}:parameter/{name}", call.account()))
        }
    };
    let decryption = |service: &str| {
        let via = format!("{service}.{region}.{suffix}");
        let keys = keys.iter().filter(|key| key.split(':').nth(3) == Some(region.as_str()));
        let decryption = keys.map(|key| Request { via: Some(via.clone()), ..Request::new("kms:Decrypt", key.clone()) });
        decryption.collect::<Vec<_>>()
    };
    match call.operation().as_str() {
        "GetSecretValue" => [vec![secret(&call.secret_id())], decryption("secretsmanager")].concat(),
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
            // As it is written, and as AWS may normalize it.
            let path = call.body()["Path"].as_str().unwrap().to_owned();
            let action = "ssm:GetParametersByPath";
            let paths = [parameter(action, &path), parameter(action, path.trim_end_matches('/'))];
            paths.into_iter().chain(decryption("ssm")).collect()
        }
        _ => Vec::new(),
    }
}

/// A launch, and the options that `policy` alone gets.
struct Case<'a> {
    aws: &'a Aws,
    prepare: &'a dyn Fn(Sandbox) -> Sandbox,
    keys: &'a [&'a str],
    /// The account of `--account`.
    account: Option<&'a str>,
    /// True if the policy is for any region.
    any_region: bool,
}

impl<'a> Case<'a> {
    fn new(aws: &'a Aws, prepare: &'a dyn Fn(Sandbox) -> Sandbox) -> Self {
        Self { aws, prepare, keys: &[], account: Some(ACCOUNT), any_region: false }
    }

    fn keys(&self) -> Vec<String> {
        let key = |region: &&str| format!("arn:{}:kms:{region}:{ACCOUNT}:key/{KEY}", partition_and_suffix(region).0);
        self.keys.iter().map(key).collect()
    }

    /// The policy of a role, or of the caller.
    fn policy(&self, role: Option<&str>) -> Value {
        let mut sandbox = (self.prepare)(Sandbox::new().aws(self.aws).arg("policy"));
        if let Some(account) = self.account {
            sandbox = sandbox.args(["--account", account]);
        }
        for key in self.keys() {
            sandbox = sandbox.args(["--kms-key", &key]);
        }
        if let Some(role) = role {
            sandbox = sandbox.args(["--for-role", role]);
        }
        let before = self.aws.calls().len();
        let run = sandbox.bare().run();
        run.launched();
        assert_eq!(self.aws.calls().len(), before, "a request: {run}");
        serde_json::from_str(&run.stdout()).unwrap()
    }

    /// Launches, and judges the policies of the caller and of each role that the launch assumes.
    fn is_judged_well(&self) {
        let keys = self.keys();
        (self.prepare)(Sandbox::new().aws(self.aws)).run().launched();
        let calls = self.aws.calls();
        let assumed = calls.iter().filter(|call| call.operation() == "AssumeRole");
        let roles: Vec<String> = assumed.map(|call| call.form()["RoleArn"].clone()).collect();
        let identity = |call: &Call| match call.access_key().as_str() {
            ROLE_KEY => roles.iter().find(|role| role.contains(&call.account())).cloned(),
            _ => None,
        };
        let mut sent: BTreeMap<Option<String>, Vec<Request>> = BTreeMap::new();
        for call in calls.iter().filter(|call| call.header("authorization").is_some()) {
            sent.entry(identity(call)).or_default().extend(requests(call, &keys));
        }
        assert!(!sent.is_empty());
        let judged: Vec<_> = sent.into_iter().map(|(role, sent)| (self.policy(role.as_deref()), sent)).collect();
        self.are_without_findings(judged.iter().map(|(policy, _)| policy));
        for (policy, sent) in &judged {
            self.is_least_privilege(policy, sent);
        }
    }

    fn are_without_findings<'p>(&self, policies: impl Iterator<Item = &'p Value>) {
        let Some(python) = super::interpreter() else { return };
        let works = can(&[python.to_str().unwrap(), "-Wignore", "-c", "import parliament"], "policies in parliament");
        if works {
            let texts: Vec<String> = policies.map(Value::to_string).collect();
            let findings = ask(&python, "lint.py", None, &json!(texts));
            assert_eq!(findings, json!(vec![json!([]); texts.len()]), "{texts:#?}");
        }
    }

    fn is_least_privilege(&self, policy: &Value, sent: &[Request]) {
        let Some(node) = node_folder("@cloud-copilot/iam-simulate", "policies in a simulator") else { return };
        let cut = cuts(policy);
        let strangers: Vec<Request> = sent.iter().flat_map(|request| request.strangers(self.any_region)).collect();
        let case = |policy: &Value, request: &Request| json!({ "policy": policy, "request": request.json() });
        let mut cases: Vec<Value> = sent.iter().map(|request| case(policy, request)).collect();
        cases.extend(strangers.iter().map(|request| case(policy, request)));
        cases.extend(cut.iter().flat_map(|(_, policy)| sent.iter().map(move |request| case(policy, request))));
        let results = ask(Path::new("node"), "simulate.js", Some(&node), &json!(cases));
        let allowed: Vec<bool> = results.as_array().unwrap().iter().map(|result| result == "Allowed").collect();
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
}

/// Returns the policy without each statement, and without each resource of a statement with several, and what was removed.
fn cuts(policy: &Value) -> Vec<(Value, Value)> {
    let mut cuts = Vec::new();
    for (index, statement) in policy["Statement"].as_array().unwrap().iter().enumerate() {
        let mut without = policy.clone();
        without["Statement"].as_array_mut().unwrap().remove(index);
        cuts.push((statement.clone(), without));
        for (at, resource) in statement["Resource"].as_array().unwrap().iter().enumerate() {
            let mut without = policy.clone();
            without["Statement"][index]["Resource"].as_array_mut().unwrap().remove(at);
            cuts.push((resource.clone(), without));
        }
    }
    // A document needs a statement, and a statement a resource.
    let is_policy = |policy: &Value| {
        let statements = policy["Statement"].as_array().unwrap();
        !statements.is_empty() && statements.iter().all(|statement| statement["Resource"] != json!([]))
    };
    // The other reading of an ARN that ends in a hyphen and six characters.
    let is_spare = |what: &Value| {
        what.as_str().is_some_and(|arn| arn.ends_with("-AbCdEf-??????") || arn.ends_with(":secret:db-legacy"))
    };
    cuts.retain(|(what, policy)| is_policy(policy) && !is_spare(what));
    cuts
}

fn value() -> Secret {
    Secret::text(r#"{"k":"v-4c7a1e"}"#)
}

fn bindings(sandbox: Sandbox, references: &[&str]) -> Sandbox {
    let references = references.iter().enumerate();
    references.fold(sandbox, |sandbox, (number, reference)| sandbox.resolve(&format!("V{number}={reference}")))
}

#[test]
fn names_of_secrets_with_a_key() {
    let aws = Aws::start().secret("prod/db", value()).secret("/lead/a+b=c@d.e!f", value()).secret("db-legacy", value());
    let prepare = |sandbox| bindings(sandbox, &["prod/db:k", "/lead/a+b=c@d.e!f:k", "db-legacy:k", "prod/db"]);
    Case { keys: &["us-east-1"], ..Case::new(&aws, &prepare) }.is_judged_well();
}

#[test]
fn complete_arns_and_arns_without_the_random_characters() {
    let arn = |name: &str| format!("arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:{name}");
    let arns = ["prod/db-AbCdEf", "prod/api", "db-legacy"].map(arn);
    let aws = arns.iter().fold(Aws::start(), |aws, arn| aws.secret(arn, value()));
    let prepare = |sandbox| bindings(sandbox, &arns.each_ref().map(String::as_str));
    Case { account: None, keys: &["eu-west-1"], ..Case::new(&aws, &prepare) }.is_judged_well();
}

#[test]
fn other_partitions() {
    for region in ["cn-north-1", "us-gov-west-1"] {
        let (partition, _) = partition_and_suffix(region);
        let arn = format!("arn:{partition}:secretsmanager:{region}:{ACCOUNT}:secret:prod/api-AbCdEf");
        let aws = Aws::start().secret("prod/db", value()).secret(&arn, value());
        let aws = aws.parameter("/app/key", &[Version::text(CANARY)]);
        let prepare = |sandbox: Sandbox| bindings(sandbox.region(region), &["prod/db", &arn, "ssm:/app/key"]);
        Case { keys: &[region], ..Case::new(&aws, &prepare) }.is_judged_well();
    }
}

#[test]
fn parameters_by_name_arn_version_and_label_and_references_to_secrets() {
    let version = || [Version::text(CANARY).labelled("blue")];
    let aws = Aws::start()
        .parameter("/app/key", &version())
        .parameter("plain", &version())
        .parameter("/app/arn", &version())
        .parameter("/aws/service/public", &version())
        .parameter("/aws/reference/secretsmanager/prod/db", &version())
        .secret("prod/api", value());
    let arn = format!("ssm:eu-west-1:{ACCOUNT}:parameter/app/arn");
    let references = [
        "ssm:/app/key",
        "ssm:/app/key::blue",
        "ssm:/app/key:::1",
        "ssm:plain",
        &format!("arn:aws:{arn}"),
        "ssm:/aws/service/public",
        "ssm:/aws/reference/secretsmanager/prod/db",
        "prod/api",
    ];
    let prepare = |sandbox| bindings(sandbox, &references);
    Case { keys: &["us-east-1", "eu-west-1"], ..Case::new(&aws, &prepare) }.is_judged_well();
}

#[test]
fn paths_of_parameters() {
    let version = || [Version::text(CANARY)];
    let aws = Aws::start().parameter("/app/key", &version()).parameter("/web/a/b", &version());
    let arn = format!("arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/web/");
    let prepare =
        |sandbox: Sandbox| sandbox.args(["--env-from", "ssm:/app/", "--env-from", &arn]).resolve("KEPT=ssm:/app/key");
    Case { keys: &["us-east-1"], ..Case::new(&aws, &prepare) }.is_judged_well();
}

#[test]
fn fallback_regions_after_an_outage() {
    let arn = |region: &str, name: &str| format!("arn:aws:secretsmanager:{region}:{ACCOUNT}:secret:{name}");
    let aws = Aws::start()
        .region_fails("us-east-1", fault::unavailable())
        .secret("prod/db", value())
        .secret(&arn("eu-west-1", "prod/api-AbCdEf"), value())
        .parameter("/app/key", &[Version::text(CANARY)]);
    let reference = arn("us-east-1", "prod/api-AbCdEf");
    let prepare = |sandbox: Sandbox| {
        let sandbox = sandbox.args(["--fallback-region", "eu-west-1", "--timeout", "4s"]);
        bindings(sandbox, &["prod/db", &reference]).args(["--env-from", "ssm:/app/"])
    };
    Case { keys: &["us-east-1", "eu-west-1"], ..Case::new(&aws, &prepare) }.is_judged_well();
}

#[test]
fn a_role_of_the_options_reads_everything() {
    let aws = Aws::start().secret("prod/db", value()).parameter("/app/key", &[Version::text(CANARY)]);
    let prepare = |sandbox: Sandbox| {
        bindings(sandbox.args(["--role-arn", READER, "--external-id", "42"]), &["prod/db", "ssm:/app/key"])
    };
    Case { account: None, ..Case::new(&aws, &prepare) }.is_judged_well();
}

#[test]
fn roles_of_aliases_beside_the_caller() {
    let aws = Aws::start().secret("prod/db", value()).secret("prod/api", value()).secret("mine", value());
    let prepare = |sandbox: Sandbox| {
        let declaration = format!(
            "secrets:\n  db: {{ id: prod/db, role-arn: \"{READER}\" }}\n  \
             api: {{ id: prod/api, region: eu-west-1, role-arn: \"{OTHER}\", external-id: e }}\n\
             env:\n  A: db:k\n  B: api:k\n  C: mine:k\n"
        );
        sandbox.declaration(&declaration)
    };
    Case::new(&aws, &prepare).is_judged_well();
}

#[test]
fn a_role_of_the_options_beside_one_of_an_alias() {
    let aws = Aws::start().secret("prod/db", value()).secret("prod/api", value());
    let prepare = |sandbox: Sandbox| {
        let alias = format!("secrets:\n  db: {{ id: prod/db, role-arn: \"{OTHER}\" }}\n");
        sandbox.declaration(&format!("{alias}env:\n  A: db:k\n  B: prod/api:k\n")).args(["--role-arn", READER])
    };
    Case { account: None, ..Case::new(&aws, &prepare) }.is_judged_well();
}

#[test]
fn a_region_that_only_the_instance_knows() {
    let aws = Aws::start().secret("prod/db", value()).parameter("/app/key", &[Version::text(CANARY)]);
    let prepare =
        |sandbox: Sandbox| bindings(sandbox.env_remove("AWS_REGION").on_instance(&aws), &["prod/db", "ssm:/app/key"]);
    Case { any_region: true, keys: &["af-south-1"], ..Case::new(&aws, &prepare) }.is_judged_well();
}

#[test]
fn everything_that_a_declaration_may_hold() {
    let names = ["prod/db", "prod/api", "prod/stripe", "prod/tls", "prod/lower"];
    let aws = names.iter().fold(Aws::start(), |aws, name| aws.secret(name, value()));
    let aws = aws.parameter("/app/key", &[Version::text(CANARY)]).parameter("/web/a/b", &[Version::text(CANARY)]);
    let lower = "env:\n  SENTRY: prod/lower:k\n  KEPT: never/read\n";
    let declaration = "\
secrets:
  db: prod/db
  unused: never/read
env:
  URL: { template: \"{{ db.k | urlencode }}\" }
  SENTRY: { from: \"prod/sentry:dsn\", optional: true }
  LEVEL: { value: info }
  API: { from: \"prod/${STAGE:-api}:k\", default: d }
env-from:
  - { from: prod/stripe, prefix: STRIPE_, only: [k] }
  - { from: \"ssm:/web/\", prefix: WEB_ }
files:
  - { from: \"prod/tls:k\", env: TLS }
";
    let prepare = |sandbox: Sandbox| {
        let sandbox = sandbox.file("lower.yaml", lower).file("upper.yaml", declaration);
        let sandbox = sandbox.env("GIVEN", "{{resolve:ssm:/app/key}}").args(["--resolve-env", "GIVEN"]);
        sandbox.env("KEPT", "here").args(["--keep-existing", "-f", "lower.yaml", "-f", "upper.yaml"])
    };
    Case { keys: &["us-east-1"], ..Case::new(&aws, &prepare) }.is_judged_well();
}
