//! The messages of runs are explained in docs/troubleshooting.md, in the section of their exit status.

use super::page::Page;
use crate::support::aws::Aws;
use crate::support::aws::fault;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Outcome;
use crate::support::sandbox::{CANARY, Sandbox, repository_file};

/// The messages in the first column of the tables of a text.
fn messages(text: &str) -> Vec<&str> {
    let cells = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let messages: Vec<_> = cells.map(|(message, _)| message).collect();
    assert!(!messages.is_empty());
    messages
}

/// True if a line has the parts of a message, between `…`, in their order.
fn fits(message: &str, line: &str) -> bool {
    let mut rest = line;
    message.split('…').map(str::trim).all(|part| match rest.split_once(part) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

/// Asserts the status of a run, and that the page's section about it has a message that the run prints.
fn explains(section: &str, status: i32, run: &Outcome) {
    run.refused(status);
    let page = Page::read("docs/troubleshooting.md");
    let stderr = run.stderr();
    let lines: Vec<_> = stderr.lines().filter(|line| line.contains(" error: ")).collect();
    let messages = messages(page.section(section));
    let is_explained = |line: &&str| messages.iter().any(|message| fits(message, line));
    assert!(lines.iter().any(is_explained), "{run}");
}

/// A run with a local file.
fn locally(options: &[&str]) -> Sandbox {
    Sandbox::new()
        .local(&format!(
            r#"{{"db": {{"k": "{CANARY}", "n": null, "l": [1, 2], "path": "x-4c7a1e", "a": "1-4c7a1e", "A": "2-4c7a1e"}}, "text": "words-4c7a1e", "nul": "a\u0000b-4c7a1e"}}"#
        ))
        .args(options)
}

#[test]
fn a_wrong_command_line_is_explained_under_64() {
    for options in [
        &[][..],
        &["-e", "A"],
        &["-e", "A", "db"],
        &["-e", "A=${NOT_SET}/db"],
        &["-e", "PATH=db:k"],
        &["--evn", "A=db"],
        &["-e", "A=db", "--endpoint-url", "http://x", "--fallback-region", "us-west-2"],
    ] {
        explains("64", 64, &locally(options).run());
    }
    explains("64", 64, &locally(&["-e", "A=db"]).bare().run());
    explains("64", 64, &locally(&["-e", "A=db"]).command::<&str>([]).run());
    explains("64", 64, &locally(&["-e", "A=db", "env"]).bare().run());
    let aws = Sandbox::new().region("us-east-1").resolve("A=db");
    explains("64", 64, &aws.env("AWS_PROFILE", "none").run());
    let aws = Sandbox::new().region("us-east-1").resolve("A=db");
    explains("64", 64, &aws.env("AWS_MAX_ATTEMPTS", "many").run());
}

/// A launch against AWS with a secret that fails.
fn failing(fault: fault::Fault) -> Outcome {
    let aws = Aws::start().secret("x", Secret::failing(fault));
    Sandbox::new().aws(&aws).resolve("A=x:k").attempts(1).run()
}

#[test]
fn what_is_temporary_is_explained_under_75() {
    for fault in [
        fault::throttled(),
        fault::internal_error(),
        fault::Fault::Hang,
        fault::Fault::Close,
        fault::page(),
        fault::clock_skew(),
    ] {
        explains("75", 75, &failing(fault));
    }
    let unreachable = Sandbox::new().env("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "1").region("us-east-1").resolve("A=x");
    let unreachable = unreachable.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/");
    explains("75", 75, &unreachable.args(["--timeout", "2s"]).run());
    let waiting = Sandbox::new().region("us-east-1").resolve("A=x").args(["--wait", "1s"]);
    explains("75", 75, &waiting.run());
}

#[test]
fn a_denial_is_explained_under_77_with_its_help() {
    let page = Page::read("docs/troubleshooting.md");
    let known = messages(page.section("77"));
    explains("77", 77, &Sandbox::new().region("us-east-1").resolve("A=x").run());
    for fault in [fault::denied("x"), fault::denied_by_kms(), fault::unrecognized_client()] {
        let run = failing(fault);
        explains("77", 77, &run);
        let stderr = run.stderr();
        let help = stderr.lines().find_map(|line| line.strip_prefix("secrets-exec: help: ")).unwrap();
        assert!(known.contains(&help), "{help}");
    }
    let aws = Aws::start().secret("x", Secret::text("{}")).denies_roles();
    let role = ["--role-arn", "arn:aws:iam::123456789012:role/other"];
    let run = Sandbox::new().aws(&aws).resolve("A=x").args(role).run();
    explains("77", 77, &run);
    assert!(known.iter().any(|message| message.contains("sts:AssumeRole") && run.stderr().contains(message)), "{run}");
    explains("77", 77, &Sandbox::new().region("us-east-1").resolve("A=x").args(["--agent"]).run());
}

#[test]
fn a_wrong_value_is_explained_under_78() {
    for options in [
        ["-e", "A=nothing"],
        ["-e", "A=db:nothing"],
        ["-e", "A=db:n"],
        ["-e", "A=db:$.l[*]"],
        ["-e", "A=db:$.z"],
        ["-e", "A=text:k"],
        ["-e", "A=db:k:NOLABEL"],
        ["-e", "A=nul"],
        ["--env-from", "db"],
        ["-f", "none.yaml"],
    ] {
        explains("78", 78, &locally(&options).run());
    }
    for declaration in [
        "env:\n  A: db: k\n",
        "env: { A: db, A: text }\n",
        "evn: { A: db }\n",
        "files: [{ from: text, path: /nonexistent/x }]\n",
        "env-from: [{ from: db, only: [a, A] }]\n",
    ] {
        explains("78", 78, &locally(&[]).declaration(declaration).run());
    }
    let task = repository_file("examples/task-definition.json");
    explains("78", 78, &locally(&["-f", "task.json"]).file("task.json", task).run());
    explains("78", 78, &locally(&["-f", "app.toml"]).file("app.toml", "").run());
    let untrusted = locally(&[]).declaration("env: { A: text }\n").mode("secrets-exec.yaml", 0o666);
    explains("78", 78, &untrusted.run());
    explains("78", 78, &failing(fault::marked_for_deletion()));
    explains("78", 78, &Sandbox::new().resolve("A=x").run());
    let aws = Aws::start().secret("x", Secret::failing(fault::no_such_version("staging label: AWSCURRENT")));
    explains("78", 78, &Sandbox::new().aws(&aws).resolve("A=x").run());
}

#[test]
fn a_command_that_cannot_run_is_explained_under_126_and_127() {
    let elsewhere =
        locally(&["-e", "A=text"]).executable("foreign", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xff\xff");
    explains("126", 126, &elsewhere.command(["./foreign"]).run());
    let loader = locally(&["-e", "A=text"]).executable("script", "#!/nonexistent/sh\n");
    explains("126", 126, &loader.command(["./script"]).run());
    let plain = locally(&["-e", "A=text"]).file("plain", "");
    explains("126", 126, &plain.command(["./plain"]).run());
    explains("126", 127, &locally(&["-e", "A=text"]).command(["./none"]).run());
    explains("126", 127, &locally(&["-e", "A=text"]).command(["no-such-program"]).run());
}
