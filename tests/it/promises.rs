//! Promises of the contract that don't belong to a single topic: where options are read from, the
//! order of events at the end of a launch, and the program's own limits.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::*;

#[test]
fn every_option_of_a_declaration_can_also_be_set_as_a_secrets_exec_variable() {
    let schema: Value = serde_json::from_str(&repository_file("secrets-exec.schema.json")).unwrap();
    let options = schema["$defs"]["Defaults"]["properties"]
        .as_object()
        .unwrap();
    assert!(options.len() > 25, "{options:?}");
    for name in options.keys() {
        // No option accepts this text, and it doesn't name anything. The error says where the text
        // is.
        let value = "[ ?";
        let launch = || Sandbox::new().region("us-east-1").keys().case(name);
        let variable = format!("SECRETS_EXEC_{}", name.to_uppercase().replace('-', "_"));
        let run = launch().env(&variable, value).resolve("A=x").run();
        run.says_one_of([
            &*format!("error: {variable}"),
            &*format!("error: --{name}"),
            &*format!("(from {variable})"),
            value,
        ]);
        let run = launch()
            .declaration(&format!(
                "defaults:\n  {name}: \"{value}\"\nenv: {{ A: x }}\n"
            ))
            .run();
        run.says_one_of([
            "error: secrets-exec.yaml:2",
            &*format!("error: --{name}"),
            value,
        ]);
    }
}

/// `tests/closed` reads the contract by itself. This test runs a small part of its combinations.
#[test]
fn a_launch_starts_its_command_when_the_contract_says_so_and_with_the_same_values() {
    if !skip::can(&["python3", "-c", ""], "the oracle in tests/closed") {
        return;
    }
    let oracle = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/closed/run");
    let mut command = Command::new("python3");
    let run = command
        .args(["-B", oracle])
        .arg(program())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&run.stdout);
    let is_as_expected = printed.ends_with("300 combinations, 0 differences\n");
    assert!(run.status.success() && is_as_expected, "{printed}{run:?}");
}

#[test]
fn ready_1_is_sent_to_systemd_after_the_files_and_before_the_command() {
    let tracing = or_skip!(skip::traced("-f -e trace=renameat,sendto,execve"));
    let aws = served();
    let declaration = "files: [{ from: \"x:k\", path: key, env: KEY }]\n";
    let (manager, sandbox) = Manager::for_launch(
        Sandbox::new()
            .aws(&aws)
            .declaration(declaration)
            .arg("--notify-ready"),
    );
    let sandbox = sandbox.script("exit 0").through(tracing);
    sandbox.run().launched();
    assert_eq!(manager.readiness(), ["READY=1"]);
    let trace = fs::read_to_string(sandbox.path("trace")).unwrap();
    let at = |call: &str| {
        trace
            .find(call)
            .unwrap_or_else(|| panic!("no {call}: {trace}"))
    };
    assert!(at("\"key\") = 0") < at("\"READY=1\""), "{trace}");
    assert!(at("\"READY=1\"") < at("execve(\"/bin/sh\""), "{trace}");
}

#[test]
fn in_an_outage_a_launch_uses_a_cached_answer_after_at_most_five_seconds() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let launch = cache.with(sandbox(&aws), &["--timeout", "1h"]);
    launch.run().launched_silently();
    let _aws = aws.fails("GetSecretValue", fault::unavailable());
    keeps_to(Duration::from_secs(5), &launch)
        .launched()
        .has("A", "v-4c7a1e")
        .says(["so the cache is used\n"]);
}

/// The server's certificate claims an issuer that browsers trust, but its key is of another kind.
/// If the program has this issuer's root, it finds the signature bad. If it doesn't, it finds the
/// issuer unknown.
#[test]
fn root_certificates_of_browsers_are_trusted_even_on_a_system_without_certificates() {
    let hidden = or_skip!(skip::mounts("mount -t tmpfs none /etc/ssl"));
    let authority = or_skip!(Authority::named("ACCVRAIZ1/OU=PKIACCV/O=ACCV/C=ES"));
    let aws = Aws::start_tls(authority.acceptor());
    sandbox(&aws)
        .through(hidden)
        .run()
        .refused(78, ["the certificate of ", "isn't trusted: "]);
}
