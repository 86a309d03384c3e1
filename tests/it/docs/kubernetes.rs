//! The examples for Kubernetes, apart from the pods, which `tests/hosts` runs.

use std::process::Command;

use serde_json::Value;

use crate::support::*;

/// The declaration in the ConfigMap of the example.
pub fn declaration() -> String {
    let example = repository_file("examples/kubernetes/app.yaml");
    let (_, declaration) = example.split_once("  secrets-exec.yaml: |\n").unwrap();
    let (declaration, _) = declaration.split_once("---\n").unwrap();
    declaration.replace("\n    ", "\n").trim_start().to_owned()
}

/// The documents of an example, or `None` if Python's parser of YAML isn't installed.
fn documents(example: &str) -> Option<Vec<Value>> {
    let code = "import json, sys, yaml; json.dump(list(yaml.safe_load_all(open(sys.argv[1]))), sys.stdout)";
    let printed = Command::new(crate::peers::interpreter()?)
        .args(["-c", code, &format!("examples/kubernetes/{example}")])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    Some(serde_json::from_slice(&printed.unwrap().stdout).unwrap())
}

#[test]
fn the_admission_policy_of_the_examples_refuses_the_variables_that_docs_security_md_names() {
    let [policy, binding] = or_skip!(documents("secrets-from-aws.yaml"))
        .try_into()
        .unwrap();
    assert_eq!(policy["metadata"]["name"], binding["spec"]["policyName"]);
    let expression = policy["spec"]["validations"][0]["expression"].as_str();
    let expression = expression.unwrap();
    for name in [
        "SECRETS_EXEC_LOCAL",
        "SECRETS_EXEC_AGENT",
        "AWS_CONFIG_FILE",
    ] {
        let refused = format!("'{name}'");
        assert!(expression.contains(&refused), "{name}");
    }
    assert!(expression.contains("startsWith('AWS_ENDPOINT_URL')"));
}

#[test]
fn the_overlay_of_the_examples_mounts_the_declaration_that_its_patch_names() {
    let [kustomization] = or_skip!(documents("overlay/kustomization.yaml"))
        .try_into()
        .unwrap();
    let [patch] = or_skip!(documents("overlay/secrets-exec.patch.yaml"))
        .try_into()
        .unwrap();
    let map = &kustomization["configMapGenerator"][0];
    let pod = &patch["spec"]["template"]["spec"];
    assert_eq!(pod["volumes"][0]["configMap"]["name"], map["name"]);
    let container = &pod["containers"][0];
    let folder = container["volumeMounts"][0]["mountPath"].as_str().unwrap();
    let file = map["files"][0].as_str().unwrap();
    assert_eq!(container["env"][0]["name"], "SECRETS_EXEC_FILE");
    assert_eq!(container["env"][0]["value"], format!("{folder}/{file}"));
}
