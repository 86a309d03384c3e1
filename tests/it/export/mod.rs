//! `export`, `migrate` and `install`: what they print. [`console`] runs the pages. The tests here
//! need a terminal, a pipe, or something else that a page can't have.

use std::fs;
use std::os::unix::fs::chown;

use crate::support::console::Situation;
use crate::support::*;

::rows::rows!("tests/it/export/github.rows");

::rows::pages!("tests/it/export", prints_what_it_says);

/// Asserts that each command of a situation prints what the page shows.
fn prints_what_it_says(situation: &Situation) {
    let aws = catalogue();
    let sandbox = Sandbox::new().aws(&aws).prints_values();
    situation.assert_printed(sandbox, aws.address().port());
}

/// The secrets of the pages.
fn catalogue() -> Aws {
    let app = r#"{"plain": "v-4c7a1e", "quote": "it's-4c7a1e", "lines": "one\ntwo-4c7a1e\n", "expanded": "a${b}-4c7a1e"}"#;
    Aws::start()
        .secret("prod/app", Secret::text(app))
        .secret("prod/bytes", Secret::binary(b"\xff\xfe-4c7a1e"))
        .secret("prod/both", Secret::binary(b"\xfe\n-4c7a1e"))
        .secret("prod/slashes", Secret::text("a\\n$b\n4c7a1e"))
        .secret("prod/windows", Secret::text("one\r\ntwo-4c7a1e"))
        .secret("prod/returns", Secret::text("one\rtwo-4c7a1e\r"))
        // With the four bytes of `A=''`, this is the longest line that the kubelet reads.
        .secret("prod/line", Secret::text(&"v".repeat(65_535 - 4)))
}

#[test]
fn export_and_migrate_print_no_values_on_a_terminal_without_reveal() {
    let aws = served();
    let [export, migrate] = [
        "export -q --format shell -e A=x:k",
        "migrate .env --secret prod/app",
    ];
    for (command, options, facts) in [
        (export, "", &["[status 64]", "--reveal", "--output"][..]),
        (export, "--reveal", &["export A='v-4c7a1e'\n[status 0]"]),
        (export, "--output out", &["[status 0]"]),
        (migrate, "--values", &["[status 64]"]),
        (
            migrate,
            "--values --reveal",
            &["{\"A\":\"v-4c7a1e\"}[status 0]"],
        ),
        (migrate, "-q", &["A: prod/app:A\n[status 0]"]),
        (
            migrate,
            "--for-local",
            &["[status 64]", "--reveal", "--output"],
        ),
        (migrate, "--values --output out", &["[status 0]"]),
        (migrate, "--for-local -o out", &["[status 0]"]),
    ] {
        let sandbox = Sandbox::new()
            .aws(&aws)
            .file(".env", "A=v-4c7a1e\n")
            .args(command.split(' ').chain(options.split_whitespace()))
            .bare()
            .prints_values();
        let path = sandbox.path("out");
        let calls = aws.calls().len();
        let sandbox = or_skip!(at_a_terminal(sandbox, &[], "", ""));
        let run = sandbox.run();
        let stdout = run.stdout();
        assert!(facts.iter().all(|fact| stdout.contains(fact)), "{run}");
        let is_revealed = options.contains("--reveal");
        assert_eq!(stdout.contains("v-4c7a1e"), is_revealed, "{run}");

        let is_exported = command == export && !options.is_empty();
        assert_eq!(aws.calls().len() - calls, usize::from(is_exported), "{run}");
        let written = fs::read_to_string(path).unwrap_or_default();
        let is_written = options.ends_with(" out");
        assert_eq!(written.contains("v-4c7a1e"), is_written, "{run}");
    }
}

#[test]
fn export_format_github_writes_to_another_user_s_file_only_if_github_env_names_it() {
    if !nix::unistd::geteuid().is_root() {
        return skip::skipped("a file of another user: only root may give files away");
    }
    for (place, of_another, is_written) in [
        ("--output", "out/variables", false),
        ("--output", "out", false),
        ("GITHUB_ENV", "out/variables", true),
        ("GITHUB_ENV", "out", true),
    ] {
        let aws = served();
        let sandbox = Sandbox::new()
            .arg("export")
            .aws(&aws)
            .resolve("A=x:k")
            .args(["--format", "github"])
            .prints_values()
            .bare()
            .env("GITHUB_ACTIONS", "true")
            .file("out/variables", "B=1\n");
        let sandbox = match place {
            "--output" => sandbox.args(["--output", "out/variables"]),
            _ => sandbox.env(place, "out/variables"),
        };
        chown(sandbox.path(of_another), Some(1234), None).unwrap();
        let run = sandbox.run();
        if is_written {
            run.launched();
        } else {
            run.refused(78, ["belongs to user 1234"]);
        }
        let written = fs::read(sandbox.path("out/variables")).unwrap();
        assert_eq!(written != b"B=1\n", is_written, "{of_another}: {run}");
    }
}

/// Ways in which a shell evaluates what a command prints. The command is `"$@"`. The last one is a
/// substitute for direnv, which sources a file in bash.
const EVALUATIONS: [(&str, &str); 9] = [
    ("sh", "eval \"$(\"$@\")\""),
    ("dash", "eval \"$(\"$@\")\""),
    ("bash", "eval \"$(\"$@\")\""),
    ("zsh", "eval \"$(\"$@\")\""),
    ("mksh", "eval \"$(\"$@\")\""),
    ("ksh93", "eval \"$(\"$@\")\""),
    ("bash", ". <(\"$@\")"),
    ("zsh", ". <(\"$@\")"),
    ("bash", "echo 'eval \"$(\"$@\")\"' >.envrc; . ./.envrc"),
];

#[test]
fn a_shell_that_evaluates_a_failed_export_ends_with_its_exit_status() {
    let aws = served();
    for (shell, evaluation) in EVALUATIONS {
        if !skip::can(&[shell, "-c", "true"], "evaluating an export") {
            continue;
        }
        for (arguments, status) in [
            ("export --format shell -e A=x:k", 0),
            ("export --format shell -e A=x:nothing", 78),
            ("export --format shell -o - -e A=x:nothing", 78),
            ("export --output=- --format shell -e A=x:nothing", 78),
            ("export --format=shell -e A=gone:k --timeout 5", 64),
            ("export --format shel -e A=x:k", 64),
            ("export --fromat shell -e A=x:k", 64),
            ("export -e A=x:k", 64),
            ("export --log-format json --format shell -e A=", 64),
        ] {
            // The shell reports the failed command.
            let script = format!("exec 2>/dev/null; {evaluation}; echo goes on");
            let sandbox = Sandbox::new()
                .aws(&aws)
                .args(arguments.split(' '))
                .bare()
                .through([shell, "-c", &script, "sh"]);
            let run = sandbox.run();
            run.ended(Status::Exit(status));
            let goes_on = run.stdout().contains("goes on");
            assert_eq!(goes_on, status == 0, "{shell}: {run}");
        }
    }
}
