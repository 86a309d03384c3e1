//! `check`: a table of every value, its source and its status, without any value.

use super::{check, line, statuses};
use crate::support::aws::fault::Fault;
use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, Call, Version, fault, served};
use crate::support::outcome::Status;
use crate::support::sandbox::{CANARY, Sandbox};

#[test]
fn a_value_has_a_line_with_its_reference_version_stages_age_and_status() {
    let aws = Aws::start().secret("prod/db", Secret::text(r#"{"k":"v-4c7a1e"}"#));
    let caller = "ACCOUNT       CALLER            CREDENTIALS\n123456789012  user/of-the-test  environment\n";
    let run = check(&aws).resolve("A=prod/db:k").run();
    run.ended(Status::Exit(0));
    assert!(run.stderr.is_empty(), "{run}");
    assert_eq!(line(&run.stdout(), "VARIABLE"), ["VARIABLE", "REFERENCE", "VERSION", "STAGES", "AGE", "STATUS"]);
    let words = line(&run.stdout(), "A");
    assert_eq!(words[..4], ["A", "prod/db:k", "c0c0c0c0", "AWSCURRENT"], "{run}");
    assert!(words[4].ends_with('y') && words[5] == "ok", "{run}");
    assert!(run.stdout().ends_with(caller), "{run}");
}

#[test]
fn a_check_needs_the_requests_of_a_launch_and_asks_for_the_callers_identity() {
    let aws = Aws::start()
        .secret("x", Secret::text(r#"{"a":"v-4c7a1e","b":"w-4c7a1e"}"#))
        .parameter("/p", &[Version::text(CANARY)]);
    let sandbox = check(&aws).resolve("A=x:a").resolve("B=x:b").resolve("C=ssm:/p");
    sandbox.run().ended(Status::Exit(0));
    let operations: Vec<_> = aws.calls().iter().map(Call::operation).collect();
    assert_eq!(operations.len(), 3, "{operations:?}");
    for expected in ["GetSecretValue", "GetParameters", "GetCallerIdentity"] {
        assert!(operations.iter().any(|operation| operation == expected), "{operations:?}");
    }
}

#[test]
fn a_caller_whom_sts_does_not_tell_is_unknown_and_changes_no_status() {
    for fault in [Fault::Hang, fault::unavailable()] {
        let aws = served().fails("GetCallerIdentity", fault);
        // It does not wait for the deadline.
        let run = check(&aws).resolve("A=x:k").timeout("1h").run();
        run.ended(Status::Exit(0));
        assert_eq!(line(&run.stdout(), "unknown"), ["unknown", "unknown", "environment"], "{run}");
    }
}

#[test]
fn every_failure_has_a_status_and_a_message() {
    let aws = Aws::start()
        .secret("x", Secret::text(r#"{"k":"v-4c7a1e","password":"w-4c7a1e","none":null}"#))
        .secret("list", Secret::text(&format!(r#"["{CANARY}"]"#)))
        .secret("denied", Secret::failing(fault::denied("arn:aws:secretsmanager:us-east-1:123456789012:secret:denied")))
        .secret("gone", Secret::failing(fault::marked_for_deletion()))
        .secret("kms", Secret::failing(fault::denied_by_kms()))
        .secret("text", Secret::text(CANARY));
    let rows = [
        ("A", "x:k", "ok"),
        ("B", "x:pasword", "key-not-found"),
        ("C", "nothing", "not-found"),
        ("D", "denied", "denied"),
        ("E", "gone", "marked-for-deletion"),
        ("F", "text:k", "not-json"),
        ("G", "x:k:AWSPREVIOUS", "version-not-found"),
        ("H", "list:k", "not-an-object"),
        ("I", "x:$..*", "several-matches"),
        ("J", "x:none", "null"),
        ("K", "kms", "kms-denied"),
    ];
    let run = rows.iter().fold(check(&aws), |run, (name, id, _)| run.resolve(&format!("{name}={id}"))).run();
    run.ended(Status::Exit(78));
    for (name, _, status) in rows {
        assert_eq!(statuses(&run, [name]), [status], "{run}");
    }
    run.says([
        "has no key \"pasword\"",
        "did you mean \"password\"?",
        "denied: AccessDeniedException",
        "is marked for deletion",
    ]);
    run.says(["10 values could not be read: the command would not be started"]);
    // A document that was read has a version, also if a key is missing in it.
    assert_eq!(line(&run.stdout(), "B")[2], "c0c0c0c0");
}

#[test]
fn an_entry_of_each_kind_has_its_line() {
    let aws = Aws::start()
        .secret("x", Secret::text(r#"{"k":"v-4c7a1e"}"#))
        .secret("all", Secret::text(r#"{"one":"one-4c7a1e","two":"two-4c7a1e"}"#))
        .parameter("/app/db/host", &[Version::text(CANARY)])
        .parameter("/app/port", &[Version::text("5432-port")]);
    let declaration = r#"
secrets: { s: x }
env:
  AGENT_READ: s:k
  DEFAULT: { from: "x:nothing", default: "value of the default" }
  UNSET: { from: "x:nothing", optional: true }
  LITERAL: { value: "value of the literal" }
  TEMPLATE: { template: "{{ s.k }}!" }
env-from:
  - { from: all, prefix: ALL_ }
  - { from: "ssm:/app/" }
files:
  - { from: "x:k", env: MEMORY_FILE }
"#;
    let run = check(&aws).declaration(declaration).env("FOUND", "a {{resolve:secretsmanager:x:SecretString:k}}");
    let run = run.args(["--resolve-env", "FOUND"]).run();
    run.ended(Status::Exit(0));
    for (name, reference, expected) in [
        ("AGENT_READ", "s:k", "ok"),
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
        let words = line(&run.stdout(), name);
        assert_eq!((words[1].as_str(), words.last().unwrap().as_str()), (reference, expected), "{run}");
    }
    assert_eq!(line(&run.stdout(), "PORT")[2], "1", "the version of a parameter: {run}");
    assert!(!run.stdout().contains("value of"), "{run}");
    // As in the file.
    let stdout = run.stdout();
    let lines = stdout.lines().take_while(|line| !line.is_empty());
    let names: Vec<_> = lines.map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    let expected = "VARIABLE AGENT_READ DEFAULT UNSET LITERAL TEMPLATE TEMPLATE ALL_ONE ALL_TWO DB_HOST PORT MEMORY_FILE=memfd FOUND";
    assert_eq!(names.join(" "), expected);
}

#[test]
fn a_source_whose_name_a_later_one_takes_is_shown() {
    let aws = served().secret("y", Secret::text(r#"{"k":"y-4c7a1e"}"#));
    let run = check(&aws).args(["--env-from", "x", "--env-from", "y"]).run();
    let lines: Vec<String> = run.stdout().lines().filter(|line| line.starts_with("K ")).map(str::to_owned).collect();
    assert!(lines[0].starts_with("K         x ") && lines[0].ends_with(" overridden"), "{run}");
    assert!(lines[1].starts_with("K         y ") && lines[1].ends_with(" ok"), "{run}");
}

#[test]
fn a_template_has_a_line_for_each_of_its_secrets() {
    let aws = served();
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
fn a_missing_command_is_the_status_and_all_other_failures_are_shown() {
    let aws = served();
    let sandbox = || Sandbox::new().aws(&aws).args(["check", "-e", "A=x:kk", "-e", "B=x:k"]);
    let run = sandbox().command(["no-such-command"]).run();
    run.ended(Status::Exit(127)).says(["no-such-command: command not found", "has no key \"kk\"", "1 value could not"]);
    assert_eq!(statuses(&run, ["no-such-command"]), ["not-found"], "{run}");
    assert_eq!(statuses(&run, ["A", "B"]), ["key-not-found", "ok"]);
    let run = sandbox().file("file", "").command(["./file"]).run();
    run.ended(Status::Exit(126)).says(["cannot be executed", "has no key"]);
    assert_eq!(statuses(&run, ["./file"]), ["not-executable"], "{run}");
    let found = sandbox().command(["sh", "-c", "echo started"]).run();
    assert!(line(&found.stdout(), "sh")[1].ends_with("/sh") && !found.stdout().contains("started"), "{found}");
    assert_eq!(statuses(&found, ["sh"]), ["ok"], "{found}");
}

#[test]
fn a_missing_command_is_the_status_beside_a_wrong_declaration() {
    let run =
        Sandbox::new().declaration("env: { A: 1 2 }\nunknown: 1\n").arg("check").command(["no-such-command"]).run();
    run.ended(Status::Exit(127)).says(["unknown key", "no-such-command: command not found"]);
}

#[test]
fn verbose_says_what_overrides_what() {
    let aws = Aws::start().secret("x", Secret::text(r#"{"k":"v-4c7a1e","zz":"z-4c7a1e"}"#));
    let later = "env:\n  B: { from: 'x:k', optional: true }\n  D: { from: 'x:nothing', optional: true }\nenv-from:\n  \
                 - { from: x, only: [zz], rename: { zz: A } }\n";
    let run = check(&aws)
        .arg("-v")
        .file("a.yaml", "env:\n  A: x:a\n  B: x:b\n  C: x:c\n  D: { from: 'x:nothing', optional: true }\n")
        .file("b.yaml", later)
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
    assert_eq!(statuses(&run, ["D"]), ["unset"], "{run}");
    assert_eq!(run.stdout().lines().filter(|line| line.starts_with("D ")).count(), 1, "{run}");
}

#[test]
fn a_local_file_and_the_agent_are_checked_too() {
    let run =
        Sandbox::new().arg("check").bare().local(&format!(r#"{{"x": {{"k": "{CANARY}"}}}}"#)).resolve("A=x:k").run();
    run.ended(Status::Exit(0)).says(["not from AWS (--local)"]);
    assert_eq!(line(&run.stdout(), "A"), ["A", "x:k", "-", "AWSCURRENT", "-", "ok"]);
    let aws = served();
    let token = crate::support::aws::secret::AGENT_TOKEN;
    let run = Sandbox::new().region("us-east-1").arg("check").bare().resolve("A=x:k").env("AWS_TOKEN", token);
    let run = run.args(["--agent", &aws.agent()].join("=").split(' ')).run();
    run.ended(Status::Exit(0));
    let words = line(&run.stdout(), "A");
    assert_eq!(words[2..4], ["c0c0c0c0", "AWSCURRENT"], "{run}");
    assert!(words[4].ends_with('y'), "the agent writes the date as text: {run}");
}

#[test]
fn what_fails_in_a_declaration_has_its_status_and_is_counted() {
    let aws = served()
        .secret("text", Secret::text(CANARY))
        .secret("nul", Secret::binary(format!("{CANARY}\0").as_bytes()))
        .secret("long", Secret::text(&CANARY.repeat(20_000)));
    let (files, missing) =
        ("files:\n  - { from: x, path: out, env: OUT }\n", "  - { from: x, path: no/out, owner: no-one }\n");
    let object = "env-from:\n  - { from: x, prefix: X_, only: [one, two] }\n";
    for (declaration, option, status, lines, facts) in [
        ("env-from: [{ from: text, prefix: APP_ }]\n", "-v", 78, "APP_* not-json", ["1 value could not be read", ""]),
        ("env: { A: nul, B: long }\n", "-v", 78, "A nul-byte B too-long", ["has a NUL byte", "deliver it as a file"]),
        (
            &[files, missing].concat(),
            "-v",
            78,
            "OUT=out ok no/out not-deliverable",
            ["no-one", "1 value cannot be delivered: "],
        ),
        ("env: { KEPT: 'y:k', B: 'x:k' }\n", "--keep-existing", 0, "KEPT kept B ok", ["", ""]),
        (
            "env: { A: x }\nenv-from: [{ from: y, prefix: P_ }]\n",
            "--profile=gone",
            64,
            "A unread P_* unread",
            ["gone", ""],
        ),
        ("secrets: { s: x }\nenv: { A: { template: '{{ s.k + 1 }}' } }\n", "-v", 78, "A template", ["", ""]),
        // An object with two errors is one value.
        (object, "-v", 78, "X_* key-not-found", ["1 value could not be read: the command would not be started", ""]),
        (&[object, files, missing].concat(), "-v", 78, "OUT=out ok", ["2 values could not be read or delivered: ", ""]),
    ] {
        let sandbox = check(&aws).case(declaration).declaration(declaration).arg(option).env("KEPT", "here");
        let run = sandbox.run();
        run.ended(Status::Exit(status)).says(facts);
        assert_eq!(run.stderr().contains("disk"), declaration.contains("OUT"), "{run}");
        for words in lines.split(' ').collect::<Vec<_>>().chunks(2) {
            assert_eq!(statuses(&run, [words[0]]), [words[1]], "{run}");
        }
        assert!(!sandbox.path("out").exists());
    }
    let run = Sandbox::new().declaration("unknown: 1\n").arg("check").bare().run();
    run.refused(78).says(["unknown key \"unknown\""]);
    let run = check(&aws).resolve("A=text").prepared_by("exec \"$@\" >/dev/full").run();
    run.ended(Status::Exit(78)).says(["standard output cannot be written"]);
}

#[test]
fn variables_that_are_together_too_large_fail_with_a_command_or_without() {
    let aws = Aws::start().secret("x", Secret::text(&CANARY.repeat(7500)));
    let sandbox = |count| (0..count).fold(check(&aws), |sandbox, at| sandbox.resolve(&format!("A{at}=x")));
    sandbox(20).run().ended(Status::Exit(78)).says(["together have"]);
    let small = (0..10).fold(Sandbox::new().aws(&aws).arg("check"), |sandbox, at| sandbox.resolve(&format!("A{at}=x")));
    let run = small.command(["true"]).prepared_by("ulimit -s 1024; exec \"$@\"").run();
    run.ended(Status::Exit(78)).says(["variables and arguments together"]);
}
