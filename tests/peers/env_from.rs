//! `env-from` compared with boto3 and botocore: the parameters directly below a path, and the
//! variables that AWS's tools read.

use serde_json::json;

use super::moto::Moto;
use super::python::{Script, interpreter};
use crate::support::outcome::Status;
use crate::support::sandbox::{CANARY, Sandbox};

#[test]
fn a_path_with_a_wildcard_reads_the_same_parameters_as_boto3_without_recursion() {
    let moto = or_skip!(Moto::shared());
    for name in ["/levels/a", "/levels/b", "/levels/c/d", "/levels/c/e/f"] {
        moto.parameter(name, "SecureString", CANARY);
    }
    let names_below = |recursive: bool| {
        let parameters = json!({ "Path": "/levels", "Recursive": recursive });
        let answer = moto.ask("ssm", "get_parameters_by_path", &parameters);
        let found = answer["Parameters"].as_array().unwrap().iter();
        let names = found.map(|found| found["Name"].as_str().unwrap().to_uppercase());
        let mut variables =
            Vec::from_iter(names.map(|name| name["/levels/".len()..].replace('/', "_")));
        variables.sort();
        variables
    };
    for (path, recursive) in [("ssm:/levels/*", false), ("ssm:/levels/", true)] {
        let sandbox = moto.sandbox().args(["check", "--json", "--env-from", path]);
        let run = sandbox.bare().run();
        run.ended(Status::Exit(0));
        let document = run.document();
        let rows = document["values"].as_array().unwrap().iter();
        let mut seen = Vec::from_iter(rows.map(|row| row["variable"].as_str().unwrap().to_owned()));
        seen.sort();
        assert_eq!(names_below(recursive), seen, "{path}: {run}");
    }
}

#[test]
fn env_from_refuses_every_variable_of_botocore_except_the_region() {
    let interpreter = or_skip!(interpreter());
    let printed = Script::start(&interpreter, "variables.py", &[]).read_line();
    let names: Vec<String> = serde_json::from_str(&printed).unwrap();
    assert!(names.iter().any(|name| name == "AWS_PROFILE"), "{names:?}");
    let is_region = |name: &String| ["AWS_REGION", "AWS_DEFAULT_REGION"].contains(&&**name);
    let (regions, others): (Vec<_>, Vec<_>) = names.into_iter().partition(is_region);
    let launch = |names: &[String]| {
        let entries = names.iter().map(|name| format!(r#""{name}": "{CANARY}""#));
        let secret = Vec::from_iter(entries).join(", ");
        let sandbox = Sandbox::new().local(&format!(r#"{{"prod/app": {{{secret}}}}}"#));
        sandbox.args(["--env-from", "prod/app"]).run()
    };
    launch(&regions).launched();
    let run = launch(&others);
    let count = format!("has {} keys that env-from doesn't set", others.len());
    run.refused(78, [&*count, "configures the AWS SDKs and CLI"]);
}
