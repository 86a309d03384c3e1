//! `policy`: the IAM policy of a launch, printed without a request. `tests/peers/policies.rs` has it judged by a simulator, and
//! `mistakes/export.console` has its errors.

use serde_json::{Value, json};

use crate::support::aws::Aws;
use crate::support::outcome::{Outcome, Status};
use crate::support::sandbox::Sandbox;

const READER: &str = "arn:aws:iam::210987654321:role/Reader";
const OTHER: &str = "arn:aws:iam::310987654321:role/Other";
/// The line without `--kms-key`.
const NO_KEY: &str = "secrets-exec: note: customer managed keys need kms:Decrypt (--kms-key ARN)\n";
const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// A run of `policy` with a region, and without credentials.
fn policy() -> Sandbox {
    Sandbox::new().arg("policy").bare().region("us-east-1")
}

fn printed(run: &Outcome) -> Value {
    serde_json::from_str(&run.launched().stdout()).unwrap()
}

/// The resources of a statement; empty without it.
fn resources(run: &Outcome, sid: &str) -> Vec<String> {
    let policy = printed(run);
    let statements = policy["Statement"].as_array().unwrap();
    let found = statements.iter().find(|statement| statement["Sid"] == sid);
    found.map(|statement| serde_json::from_value(statement["Resource"].clone()).unwrap()).unwrap_or_default()
}

fn secrets(run: &Outcome) -> Vec<String> {
    resources(run, "ReadSecrets")
}

#[test]
fn a_policy_is_json_in_a_fixed_order_whatever_the_order_of_the_options() {
    let options = |references: &[&str]| {
        let sandbox = policy().args(["--account", "123456789012", "--kms-key", KEY]);
        references
            .iter()
            .enumerate()
            .fold(sandbox, |sandbox, (n, reference)| sandbox.resolve(&format!("V{n}={reference}")))
    };
    let run = options(&["prod/db:a", "ssm:/app/key", "api", "prod/db:b"]).args(["--env-from", "ssm:/app/"]).run();
    run.launched_silently();
    let arn = |service: &str, resource: &str| format!("arn:aws:{service}:us-east-1:123456789012:{resource}");
    let expected = json!({ "Version": "2012-10-17", "Statement": [
        {
            "Sid": "ReadSecrets", "Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"],
            "Resource": [arn("secretsmanager", "secret:api-??????"), arn("secretsmanager", "secret:prod/db-??????")],
        },
        {
            "Sid": "ReadParameters", "Effect": "Allow", "Action": ["ssm:GetParameters"],
            "Resource": [arn("ssm", "parameter/app/key")],
        },
        {
            "Sid": "ReadParametersByPath", "Effect": "Allow", "Action": ["ssm:GetParametersByPath"],
            "Resource": [arn("ssm", "parameter/app"), arn("ssm", "parameter/app/*")],
        },
        {
            "Sid": "DecryptValues", "Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": [KEY],
            "Condition": { "StringEquals": { "kms:ViaService": [
                "secretsmanager.us-east-1.amazonaws.com", "ssm.us-east-1.amazonaws.com",
            ] } },
        },
    ] });
    assert_eq!(run.stdout(), format!("{expected:#}\n"));
    let other = options(&["api", "prod/db:b", "ssm:/app/key"]).args(["--env-from", "ssm:/app/"]).run();
    assert_eq!(run.stdout(), other.stdout());
}

#[test]
fn no_request_is_sent_and_no_file_is_written() {
    let aws = Aws::start();
    let sandbox = Sandbox::new().aws(&aws).env_remove("AWS_REGION").env_remove("AWS_EC2_METADATA_DISABLED");
    let sandbox = sandbox.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", aws.instance_metadata());
    let sandbox = sandbox.declaration("files:\n  - { from: prod/tls, path: ./tls.key }\nenv:\n  A: x:k\n");
    let sandbox = sandbox.arg("policy").args(["--role-arn", READER, "--for-role", READER]).bare();
    sandbox.run().launched();
    assert!(aws.calls().is_empty(), "{:?}", aws.calls());
    assert!(!sandbox.path("tls.key").exists());
}

#[test]
fn without_a_region_any_is_allowed_and_a_warning_says_so() {
    let run = policy().env_remove("AWS_REGION").resolve("A=x").args(["--fallback-region", "eu-west-1"]).run();
    assert_eq!(secrets(&run), ["arn:aws:secretsmanager:*:*:secret:x-??????"]);
    run.says(["warning: no region is known", "--region"]);
    policy().env_remove("AWS_REGION").arg("-q").resolve("A=x").run().launched_silently();
}

#[test]
fn the_region_is_that_of_the_options_the_variables_the_declaration_or_the_profile() {
    let run = |sandbox: Sandbox| secrets(&sandbox.resolve("A=x").run())[0].split(':').nth(3).unwrap().to_owned();
    let config = "[profile app]\nregion = eu-west-3\n";
    let without = || policy().env_remove("AWS_REGION").home_file(".aws/config", config);
    assert_eq!(run(policy().args(["--region", "eu-west-1"])), "eu-west-1");
    assert_eq!(run(policy()), "us-east-1");
    assert_eq!(run(without().declaration("defaults: { region: eu-west-2 }\nenv: { B: y }\n")), "eu-west-2");
    assert_eq!(run(without().args(["--profile", "app"])), "eu-west-3");
    without().args(["--profile", "gone"]).resolve("A=x").run().refused(64).says(["\"gone\""]);
}

#[test]
fn an_arn_with_a_random_ending_is_allowed_as_it_is_and_as_a_name() {
    let arn = |name: &str| format!("arn:aws:secretsmanager:eu-west-1:210987654321:secret:{name}");
    let of = |name: &str| secrets(&policy().resolve(&format!("A={}:key", arn(name))).run());
    assert_eq!(of("db-AbCdEf"), [arn("db-AbCdEf"), arn("db-AbCdEf-??????")]);
    for name in ["db", "db-AbC/Ef", "AbCdEf"] {
        assert_eq!(of(name), [arn(&format!("{name}-??????"))]);
    }
}

#[test]
fn describe_adds_describe_secret_to_secrets_but_not_to_those_of_parameters() {
    let sandbox = policy().arg("--describe").resolve("A=db").resolve("B=ssm:/aws/reference/secretsmanager/api");
    let run = sandbox.resolve("C=ssm:/aws/reference/secretsmanager/db").run();
    let arn = |name: &str| format!("arn:aws:secretsmanager:us-east-1:*:secret:{name}-??????");
    assert_eq!(secrets(&run), [arn("api"), arn("db")]);
    assert_eq!(resources(&run, "DescribeSecrets"), [arn("db")]);
}

#[test]
fn with_a_role_the_caller_only_assumes_it() {
    let sandbox = || policy().args(["--role-arn", READER, "--external-id", "e"]).resolve("A=x");
    let run = sandbox().run();
    let statement = json!({
        "Sid": "AssumeRoles", "Effect": "Allow", "Action": ["sts:AssumeRole"], "Resource": [READER],
    });
    assert_eq!(printed(&run)["Statement"], json!([statement]));
    run.says([&*format!("note: --for-role {READER}")]);
    // Names that a role reads are in its account.
    for options in [&[][..], &["--account", "123456789012"]] {
        let run = sandbox().args(["--for-role", READER]).args(options).run();
        assert_eq!(secrets(&run), ["arn:aws:secretsmanager:us-east-1:210987654321:secret:x-??????"]);
        assert_eq!(run.stderr(), NO_KEY);
    }
}

/// A profile whose role is assumed with a token, and one whose role is assumed with that role's credentials.
fn web_identity() -> Sandbox {
    let config = format!(
        "[profile web]\nrole_arn = {READER}\nweb_identity_token_file = /nonexistent\n\
         [profile other]\nrole_arn = {OTHER}\nsource_profile = web\n"
    );
    policy().home_file(".aws/config", &config).resolve("A=x")
}

#[test]
fn the_role_of_a_web_identity_has_a_policy() {
    for sandbox in [
        web_identity().args(["--profile", "web"]),
        policy().resolve("A=x").env("AWS_ROLE_ARN", READER).env("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent"),
    ] {
        let run = sandbox.args(["--for-role", READER]).run();
        assert_eq!(secrets(&run), ["arn:aws:secretsmanager:us-east-1:210987654321:secret:x-??????"]);
        assert_eq!(run.stderr(), NO_KEY);
    }
    let run = web_identity().args(["--profile", "other", "--for-role", READER]).run();
    assert_eq!((secrets(&run), resources(&run, "AssumeRoles")), (Vec::new(), vec![OTHER.to_owned()]));
}

#[test]
fn a_role_whose_credentials_are_not_used_has_no_policy() {
    let role = |sandbox: Sandbox| {
        let sandbox = sandbox.env("AWS_ROLE_ARN", READER).resolve("B=x").args(["--for-role", READER]);
        sandbox.run().refused(64).says(["the launch does not assume", "it assumes no role"]);
    };
    role(policy());
    let token = || policy().env("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent");
    role(token().env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "x"));
    role(token().home_file(".aws/config", "[default]\ncredential_process = /bin/false\n"));
}

#[test]
fn each_role_of_a_profile_has_its_own_policy() {
    let config = format!(
        "[profile app]\nrole_arn = {READER}\nsource_profile = middle\n\
         [profile middle]\nrole_arn = {OTHER}\nsource_profile = base\n\
         [profile base]\ncredential_process = /bin/false\n"
    );
    let sandbox = || policy().home_file(".aws/config", &config).args(["--profile", "app"]).resolve("A=x");
    let run = sandbox().run();
    assert_eq!(secrets(&run).len(), 1);
    assert_eq!(run.stderr(), NO_KEY);
    let run = sandbox().args(["--for-role", OTHER]).run();
    assert_eq!(resources(&run, "AssumeRoles"), [READER]);
    assert_eq!(printed(&run)["Statement"].as_array().unwrap().len(), 1);
}

/// The values of kms:ViaService.
fn decrypting_services(run: &Outcome) -> Vec<String> {
    let policy = printed(run);
    let statements = policy["Statement"].as_array().unwrap();
    let found = statements.iter().find(|statement| statement["Sid"] == "DecryptValues");
    let services = |statement: &Value| statement["Condition"]["StringEquals"]["kms:ViaService"].clone();
    found.map(|statement| serde_json::from_value(services(statement)).unwrap()).unwrap_or_default()
}

#[test]
fn a_key_is_for_the_services_that_read_in_its_region() {
    let elsewhere = KEY.replace("us-east-1", "eu-west-1");
    let of_secrets_manager = "secretsmanager.us-east-1.amazonaws.com";
    let both = ["secretsmanager.eu-west-1.amazonaws.com", "ssm.us-east-1.amazonaws.com"];
    for (keys, references, services) in [
        (&[elsewhere.as_str()][..], &["x"][..], &[][..]),
        (&[KEY, &elsewhere], &["ssm:/app/key", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:x"], &both),
        // Secrets Manager decrypts a parameter that stands for a secret, and nobody a public one.
        (&[KEY], &["ssm:/aws/reference/secretsmanager/db"], &[of_secrets_manager]),
        (&[KEY], &["ssm:/aws/service/public"], &[]),
    ] {
        let sandbox = keys.iter().fold(policy(), |sandbox, key| sandbox.args(["--kms-key", *key]));
        let bindings = references.iter().enumerate().map(|(number, reference)| format!("V{number}={reference}"));
        let run = bindings.fold(sandbox, |sandbox, binding| sandbox.resolve(&binding)).run();
        assert_eq!(decrypting_services(&run), services, "{run}");
    }
}

#[test]
fn what_an_optional_entry_overrides_is_allowed_as_a_launch_may_need_it() {
    let upper = "env: { A: { from: \"upper:k\", optional: true }, B: { from: \"upper:j\", default: d } }\n";
    let sandbox = policy().file("lower.yaml", "env: { A: lower }\n").file("upper.yaml", upper);
    let run = sandbox.args(["-f", "lower.yaml", "-f", "upper.yaml"]).run();
    let arn = |name: &str| format!("arn:aws:secretsmanager:us-east-1:*:secret:{name}-??????");
    assert_eq!(secrets(&run), [arn("lower"), arn("upper")]);
}

#[test]
fn a_public_parameter_is_in_no_account() {
    let run = policy().args(["--account", "123456789012"]).resolve("A=ssm:/aws/service/public").run();
    assert_eq!(resources(&run, "ReadParameters"), ["arn:aws:ssm:us-east-1:*:parameter/aws/service/public"]);
}

#[test]
fn a_policy_that_is_too_long_for_iam_is_a_warning() {
    let declaration: String = (0..100).map(|n| format!("  V{n}: prod/application/secret-number-{n}\n")).collect();
    let run = policy().declaration(&format!("env:\n{declaration}")).run();
    assert_eq!(secrets(&run).len(), 100);
    run.says(["characters", "6,144"]);
}

#[test]
fn a_declaration_without_secrets_needs_no_permission() {
    let template = "env: { A: { template: '{{ env.UNSET }}' } }";
    policy().declaration(template).run().launched();
    let run = policy().declaration("env:\n  A: { value: x }\n").run();
    assert_eq!(printed(&run), json!({ "Version": "2012-10-17", "Statement": [] }));
    run.says(["no permission is needed"]);
}

#[test]
fn the_agent_describes_secrets() {
    let run = policy().arg("--agent").resolve("A=x").run();
    let arn = "arn:aws:secretsmanager:us-east-1:*:secret:x-??????";
    assert_eq!((secrets(&run), resources(&run, "DescribeSecrets")), (vec![arn.to_owned()], vec![arn.to_owned()]));
    run.says(["the requests are the agent's"]);
}

#[test]
fn options_that_change_no_permission_are_accepted() {
    policy().args(["--timeout", "9s", "--wait", "1s", "-v", "--notify-ready"]).resolve("A=x").run().launched();
}

#[test]
fn a_reference_that_cannot_be_looked_up_is_an_error() {
    policy().resolve("A=${UNSET}/db").run().refused(64).says(["UNSET"]);
    policy().declaration("env:\n  A: \"${UNSET}/db\"\n").run().refused(78).says(["secrets-exec.yaml:2", "UNSET"]);
    policy().run().refused(64).says(["nothing to resolve"]);
    policy().args(["--", "env"]).resolve("A=x").run().ended(Status::Exit(64));
}
