//! `check`: a table of every value, its source and its status, without any value.

use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, Version, fault};
use crate::support::outcome::{Outcome, Status};
use crate::support::sandbox::{CANARY, Sandbox};

fn check(aws: &Aws) -> Sandbox {
    Sandbox::new().aws(aws).arg("check").bare()
}

/// The words of the line that begins with this word.
fn line(run: &Outcome, first: &str) -> Vec<String> {
    let stdout = run.stdout();
    let mut lines = stdout.lines().map(|line| line.split("  ").map(str::trim).filter(|word| !word.is_empty()));
    let found = lines.find(|words| words.clone().next() == Some(first));
    found.unwrap_or_else(|| panic!("no line {first:?}: {run}")).map(str::to_owned).collect()
}

/// The status of the line that begins with this word.
fn status(run: &Outcome, first: &str) -> String {
    line(run, first).pop().unwrap()
}

#[test]
fn a_value_has_a_line_with_its_reference_version_stages_age_and_status() {
    let aws = Aws::start().secret("prod/db", Secret::json(r#"{"k":"v"}"#));
    let run = check(&aws).resolve("A=prod/db:k").run();
    run.ended(Status::Exit(0));
    assert!(run.stderr.is_empty(), "{run}");
    let caller = "ACCOUNT       CALLER            CREDENTIALS\n123456789012  user/of-the-test  environment\n";
    assert!(run.stdout().ends_with(caller), "{run}");
    assert_eq!(line(&run, "VARIABLE"), ["VARIABLE", "REFERENCE", "VERSION", "STAGES", "AGE", "STATUS"]);
    let words = line(&run, "A");
    assert_eq!(words[..4], ["A", "prod/db:k", "c0c0c0c0", "AWSCURRENT"], "{run}");
    assert!(words[4].ends_with('y') && words[5] == "ok", "{run}");
}

#[test]
fn a_check_needs_the_requests_of_a_launch_and_asks_who_it_is() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"a":"v","b":"w"}"#)).parameter("/p", &[Version::text(CANARY)]);
    let sandbox = check(&aws).resolve("A=x:a").resolve("B=x:b").resolve("C=ssm:/p");
    sandbox.run().ended(Status::Exit(0));
    let operations: Vec<_> = aws.calls().iter().map(super::support::aws::Call::operation).collect();
    assert_eq!(operations.len(), 3, "{operations:?}");
    for expected in ["GetSecretValue", "GetParameters", "GetCallerIdentity"] {
        assert!(operations.iter().any(|operation| operation == expected), "{operations:?}");
    }
}

#[test]
fn every_failure_has_a_status_and_a_message() {
    let aws = Aws::start()
        .secret("x", Secret::json(r#"{"k":"v","password":"w"}"#))
        .secret("denied", Secret::failing(fault::denied("arn:aws:secretsmanager:us-east-1:123456789012:secret:denied")))
        .secret("gone", Secret::failing(fault::marked_for_deletion()))
        .secret("text", Secret::text(CANARY));
    let run = check(&aws)
        .resolve("A=x:k")
        .resolve("B=x:pasword")
        .resolve("C=nothing")
        .resolve("D=denied")
        .resolve("E=gone")
        .resolve("F=text:k")
        .resolve("G=x:k:AWSPREVIOUS")
        .run();
    run.ended(Status::Exit(78));
    for (name, expected) in [
        ("A", "ok"),
        ("B", "key-not-found"),
        ("C", "not-found"),
        ("D", "denied"),
        ("E", "marked-for-deletion"),
        ("F", "not-json"),
        ("G", "version-not-found"),
    ] {
        assert_eq!(status(&run, name), expected, "{run}");
    }
    run.says([
        "has no key \"pasword\"",
        "did you mean \"password\"?",
        "denied: AccessDeniedException",
        "is marked for deletion",
    ]);
    run.says(["6 values could not be read: the command would not be started"]);
    // A document that was read has a version, also if a key is missing in it.
    assert_eq!(line(&run, "B")[2], "c0c0c0c0");
}

#[test]
fn the_status_is_that_of_a_launch() {
    let aws = Aws::start().secret("x", Secret::failing(fault::denied("x")));
    check(&aws).resolve("A=x").run().ended(Status::Exit(77));
    let aws = Aws::start().secret("x", Secret::failing(fault::internal_error()));
    check(&aws).resolve("A=x").env("AWS_MAX_ATTEMPTS", "1").run().ended(Status::Exit(75));
    check(&aws).args(["--region", "?"]).resolve("A=x").run().ended(Status::Exit(64));
    let nothing = check(&aws).run();
    nothing.ended(Status::Exit(64)).says(["--help"]);
}

#[test]
fn an_entry_of_each_kind_has_its_line() {
    let aws = Aws::start()
        .secret("x", Secret::json(r#"{"k":"v"}"#))
        .secret("all", Secret::json(r#"{"one":"1","two":"2"}"#))
        .parameter("/app/db/host", &[Version::text(CANARY)])
        .parameter("/app/port", &[Version::bare("5432-port")]);
    let declaration = r#"
secrets: { s: x }
env:
  SECRET: s:k
  DEFAULT: { from: "x:nothing", default: "value of the default" }
  UNSET: { from: "x:nothing", optional: true }
  LITERAL: { value: "value of the literal" }
  TEMPLATE: { template: "{{ s.k }}!" }
env-from:
  - { from: all, prefix: ALL_, except: [zz_canary] }
  - { from: "ssm:/app/" }
files:
  - { from: "x:k", env: MEMORY_FILE }
"#;
    let run = check(&aws).declaration(declaration).env("FOUND", "a {{resolve:secretsmanager:x:SecretString:k}}");
    let run = run.args(["--resolve-env", "FOUND"]).run();
    run.ended(Status::Exit(0));
    for (name, reference, expected) in [
        ("SECRET", "s:k", "ok"),
        ("DEFAULT", "x:nothing", "default"),
        ("UNSET", "x:nothing", "unset"),
        ("LITERAL", "literal", "ok"),
        ("TEMPLATE", "template", "ok"),
        ("ALL_ONE", "all", "ok"),
        ("ALL_TWO", "all", "ok"),
        ("DB_HOST", "ssm:/app/db/host", "ok"),
        ("PORT", "ssm:/app/port", "ok"),
        ("MEMORY_FILE=memfd", "x:k", "ok"),
        ("FOUND", "x:k", "ok"),
    ] {
        let words = line(&run, name);
        assert_eq!((words[1].as_str(), words.last().unwrap().as_str()), (reference, expected), "{run}");
    }
    assert_eq!(line(&run, "PORT")[2], "1", "the version of a parameter: {run}");
    assert!(!run.stdout().contains("value of"), "{run}");
    // As in the file.
    let stdout = run.stdout();
    let lines = stdout.lines().take_while(|line| !line.is_empty());
    let names: Vec<_> = lines.map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    let expected =
        "VARIABLE SECRET DEFAULT UNSET LITERAL TEMPLATE TEMPLATE ALL_ONE ALL_TWO DB_HOST PORT MEMORY_FILE=memfd FOUND";
    assert_eq!(names.join(" "), expected);
}

#[test]
fn a_template_has_a_line_for_each_of_its_secrets() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
    let declaration = "secrets: { s: x, t: y }\nenv:\n  A: { template: '{{ s.k }} {{ t.k }}' }\n";
    let run = check(&aws).declaration(declaration).run();
    run.ended(Status::Exit(78));
    let lines: Vec<Vec<String>> =
        run.stdout().lines().skip(1).map(|line| line.split_whitespace().map(str::to_owned).collect()).collect();
    assert_eq!(lines[0][..2], ["A", "template"], "{run}");
    assert_eq!(lines[0].last().unwrap(), "not-found", "{run}");
    assert_eq!(lines[1][..3], ["A", "x", "c0c0c0c0"], "{run}");
    assert!(lines[2].join(" ").starts_with("A y") && lines[2].join(" ").ends_with("not-found"), "{run}");
}

#[test]
fn an_object_that_fails_has_one_line_with_the_prefix_of_its_variables() {
    let aws = Aws::start().secret("x", Secret::text(CANARY));
    let run = check(&aws).args(["--env-from", "APP_=x"]).run();
    run.ended(Status::Exit(78));
    assert_eq!(status(&run, "APP_*"), "not-json", "{run}");
}

#[test]
fn a_value_that_no_environment_can_hold_fails() {
    let aws = Aws::start()
        .secret("nul", Secret::binary(format!("{CANARY}\0").as_bytes()))
        .secret("long", Secret::text(&CANARY.repeat(20_000)));
    let run = check(&aws).resolve("A=nul").resolve("B=long").run();
    run.ended(Status::Exit(78)).says(["has a NUL byte", "deliver it as a file"]);
    assert_eq!((status(&run, "A"), status(&run, "B")), ("nul-byte".to_owned(), "too-long".to_owned()));
}

#[test]
fn an_environment_that_is_too_large_for_the_command_fails() {
    let aws = Aws::start().secret("x", Secret::text(&CANARY.repeat(8000)));
    let mut sandbox = Sandbox::new().aws(&aws).arg("check").command(["true"]);
    for n in 0..10 {
        sandbox = sandbox.resolve(&format!("V{n}=x"));
    }
    let run = sandbox.prepared_by("ulimit -s 1024; exec \"$@\"").run();
    run.ended(Status::Exit(78)).says(["variables and arguments together"]);
}

#[test]
fn a_file_is_not_written_and_its_directory_is_checked() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
    let declaration =
        "files:\n  - { from: x, path: out, env: OUT }\n  - { from: x, path: nothing/out, owner: no-such-user }\n";
    let sandbox = check(&aws).declaration(declaration);
    let run = sandbox.run();
    run.ended(Status::Exit(78)).says(["no-such-user"]);
    assert_eq!(status(&run, "OUT=out"), "ok", "{run}");
    assert_eq!(status(&run, "nothing/out"), "not-deliverable", "{run}");
    assert!(!sandbox.path("out").exists());
}

#[test]
fn a_file_that_only_the_kernel_could_create_is_not_deliverable() {
    let aws = Aws::start().secret("x", Secret::text(CANARY));
    let run = check(&aws).declaration("files:\n  - { from: x, path: /proc/x }\n").run();
    run.ended(Status::Exit(78)).says(["/proc/x", "cannot be created"]).says_nothing_of("disk");
    assert_eq!(status(&run, "/proc/x"), "not-deliverable", "{run}");
}

#[test]
fn a_kept_variable_has_a_line() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
    let run = check(&aws).args(["--keep-existing", "-e", "A=y:k", "-e", "B=x:k"]).env("A", "here").run();
    run.ended(Status::Exit(0));
    assert_eq!((status(&run, "A"), status(&run, "B")), ("kept".to_owned(), "ok".to_owned()));
}

#[test]
fn a_command_that_is_found_is_named_with_its_file() {
    let aws = Aws::start().secret("x", Secret::text(CANARY));
    let run = Sandbox::new().aws(&aws).args(["check", "-e", "A=x"]).command(["sh", "-c", "echo started"]).run();
    run.ended(Status::Exit(0));
    assert_eq!(line(&run, "sh")[2], "ok", "{run}");
    assert!(line(&run, "sh")[1].ends_with("/sh") && !run.stdout().contains("started"), "{run}");
}

#[test]
fn a_missing_command_is_the_status_and_all_other_failures_are_shown() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
    let sandbox = || Sandbox::new().aws(&aws).args(["check", "-e", "A=x:kk", "-e", "B=x:k"]);
    let run = sandbox().command(["no-such-command"]).run();
    run.ended(Status::Exit(127)).says(["no-such-command: command not found", "has no key \"kk\"", "1 value could not"]);
    assert_eq!(status(&run, "no-such-command"), "not-found", "{run}");
    assert_eq!((status(&run, "A"), status(&run, "B")), ("key-not-found".to_owned(), "ok".to_owned()));
    let run = sandbox().file("file", "").command(["./file"]).run();
    run.ended(Status::Exit(126)).says(["cannot be executed", "has no key"]);
    assert_eq!(status(&run, "./file"), "not-executable", "{run}");
}

#[test]
fn a_missing_command_is_the_status_beside_a_wrong_declaration() {
    let run =
        Sandbox::new().declaration("env: { A: 1 2 }\nunknown: 1\n").arg("check").command(["no-such-command"]).run();
    run.ended(Status::Exit(127)).says(["unknown key", "no-such-command: command not found"]);
    let declaration = "env: { PATH: { value: /nowhere } }\nunknown: 1\n";
    let run = Sandbox::new().declaration(declaration).arg("check").command(["sh"]).run();
    run.ended(Status::Exit(127)).says(["unknown key", "command not found in PATH", "PATH is /nowhere"]);
}

#[test]
fn wrong_declarations_have_no_table() {
    let run = Sandbox::new().declaration("unknown: 1\n").arg("check").bare().run();
    run.refused(78).says(["unknown key \"unknown\""]);
}

#[test]
fn a_profile_that_does_not_exist_leaves_every_line_unread() {
    let aws = Aws::start().secret("x", Secret::text(CANARY));
    let run = check(&aws).args(["--profile", "nothing", "-e", "A=x", "--env-from", "P_=y"]).run();
    run.ended(Status::Exit(64)).says(["nothing"]);
    assert_eq!((status(&run, "A"), status(&run, "P_*")), ("unread".to_owned(), "unread".to_owned()));
}

#[test]
fn verbose_says_what_overrides_what() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v","zz":"z"}"#));
    let run = check(&aws)
        .arg("-v")
        .file("a.yaml", "env:\n  A: x:a\n  B: x:b\n  C: x:c\n  D: { from: 'x:nothing', optional: true }\n")
        .file("b.yaml", "env:\n  B: { from: 'x:k', optional: true }\n  D: { from: 'x:nothing', optional: true }\nenv-from:\n  - { from: x, only: [zz], rename: { zz: A } }\n")
        .args(["-f", "a.yaml", "-f", "b.yaml", "-e", "C=x:k", "--keep-existing", "-e", "KEPT=y"])
        .env("KEPT", "here")
        .run();
    run.ended(Status::Exit(0)).says([
        "A (a.yaml:2, x:a): overridden by A (b.yaml:5, x)",
        "B (a.yaml:3, x:b): overridden by B (b.yaml:2, x:k)",
        "C (a.yaml:4, x:c): overridden by C (--env, x:k)",
        "KEPT (--env, y): not read, since KEPT is already set (--keep-existing)",
        "C (--env, x:k): secret x, version c0c0c0c0",
    ]);
    assert_eq!(status(&run, "D"), "unset", "{run}");
    assert_eq!(run.stdout().lines().filter(|line| line.starts_with("D ")).count(), 2, "{run}");
}

#[test]
fn a_key_that_an_entry_overrides_is_named_by_verbose() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"a":"v","b":"w"}"#));
    let run = check(&aws).args(["-v", "--env-from", "x", "-e", "A=x:b"]).run();
    run.ended(Status::Exit(0)).says(["A (--env-from, x): overridden by A (--env, x:b)"]);
}

#[test]
fn a_local_file_and_the_agent_are_checked_too() {
    let run =
        Sandbox::new().arg("check").bare().local(&format!(r#"{{"x": {{"k": "{CANARY}"}}}}"#)).resolve("A=x:k").run();
    run.ended(Status::Exit(0)).says(["not from AWS (--local)"]);
    assert_eq!(line(&run, "A"), ["A", "x:k", "-", "AWSCURRENT", "-", "ok"]);
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
    let token = crate::support::aws::agent::TOKEN;
    let run = Sandbox::new().region("us-east-1").arg("check").bare().resolve("A=x:k").env("AWS_TOKEN", token);
    let run = run.args(["--agent", &aws.agent()].join("=").split(' ')).run();
    run.ended(Status::Exit(0));
    let words = line(&run, "A");
    assert_eq!(words[2..4], ["c0c0c0c0", "AWSCURRENT"], "{run}");
    assert!(words[4].ends_with('y'), "the agent writes the date as text: {run}");
}

#[test]
fn a_full_device_is_an_error() {
    let aws = Aws::start().secret("x", Secret::text(CANARY));
    let run = check(&aws).resolve("A=x").prepared_by("exec \"$@\" >/dev/full").run();
    run.ended(Status::Exit(78)).says(["standard output cannot be written"]);
}

#[test]
fn the_size_of_all_variables_is_checked_without_a_command() {
    let aws = Aws::start().secret("x", Secret::json(&format!(r#"{{"k":"{}"}}"#, "v".repeat(120_000))));
    let sandbox = (0..20).fold(check(&aws), |sandbox, at| sandbox.resolve(&format!("A{at}=x:k")));
    sandbox.run().ended(Status::Exit(78)).says(["together have"]);
}

#[test]
fn the_last_line_counts_what_could_not_be_read_and_what_cannot_be_delivered() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
    let file = "files:\n  - { from: 'x:k', path: /no/such/directory/file }\n";
    let run = check(&aws).declaration(file).run();
    run.ended(Status::Exit(78)).says(["1 value cannot be delivered: the command would not be started"]);
    // An object with two errors is one value.
    let object = "env-from:\n  - { from: x, prefix: X_, only: [one, two] }\n";
    let run = check(&aws).declaration(&(object.to_owned() + file)).run();
    run.ended(Status::Exit(78)).says(["2 values could not be read or delivered: the command would not be started"]);
    let run = check(&aws).declaration(object).run();
    run.ended(Status::Exit(78)).says(["1 value could not be read: the command would not be started"]);
}
