//! `migrate`: what it prints, and what of its file it leaves out and refuses. `mistakes/export.console` has its messages.

use serde_json::{Value, json};

use crate::support::outcome::Outcome;
use crate::support::sandbox::{CANARY, Sandbox};
use crate::support::terminal::at_a_terminal;

rows::rows!("tests/it/cli/migrate.rows");

/// A run for the secret `prod/app`, without credentials, region or network.
fn migrating(content: impl AsRef<[u8]>, options: &[&str]) -> Sandbox {
    Sandbox::new().file(".env", content).args(["migrate", ".env", "--secret", "prod/app"]).args(options).bare()
}

/// The object of `--values`, and the run.
fn object(content: &str, options: &[&str]) -> (Value, Outcome) {
    let run = migrating(content, options).arg("--values").prints_values().run();
    run.launched();
    (serde_json::from_str(&run.stdout()).unwrap(), run)
}

#[test]
fn a_launch_with_the_declaration_has_the_values() {
    let content = format!("A=\"{CANARY} \\\"q\\\"\"\nNO=10000001\nnull=20000002\nY=0x1000001\n_a1=\n");
    for id in ["prod/app", "@/app", "1e5", "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/app-AbCdEf"] {
        let migrating = || Sandbox::new().file(".env", &content).args(["migrate", ".env", "-q", "--secret", id]).bare();
        let declaration = migrating().run().stdout();
        let object = migrating().arg("--values").prints_values().run().stdout();
        let for_local = migrating().arg("--for-local").prints_values().run().stdout();
        let name = if id.starts_with("arn:") { "prod/app" } else { id };
        for local in [format!("{{\"{name}\": {object}}}"), for_local] {
            let run = Sandbox::new().declaration(&declaration).local(&local).prints_values().run();
            run.launched().has("A", format!("{CANARY} \"q\"")).has("NO", "10000001").has("null", "20000002");
            run.has("Y", "0x1000001").has("_a1", "");
        }
    }
}

#[test]
fn no_file_is_made_and_an_output_that_is_full_is_an_error() {
    let sandbox = migrating("A=1\n", &["--values", "-q"]).prints_values();
    sandbox.run().launched_silently();
    assert_eq!(sandbox.names_in(""), [".env"]);
    assert_eq!(std::fs::read(sandbox.path(".env")).unwrap(), b"A=1\n");
    sandbox.prepared_by("exec \"$@\" >/dev/full").run().says(["no space left"]);
}

#[test]
fn values_are_shown_on_a_terminal_only_with_reveal() {
    for (options, shown) in [
        (&["--values"][..], "[status 64]"),
        (&["--values", "--reveal"], "{\"A\":\"a b\"}[status 0]"),
        (&[], "A: prod/app:A\n[status 0]"),
    ] {
        let Some(sandbox) = at_a_terminal(migrating("A=a b\n", options).prints_values(), &[], "", "") else { return };
        let run = sandbox.run();
        assert!(run.stdout().contains(shown), "{run}");
        assert_eq!(run.stdout().contains("a b"), options.contains(&"--reveal"), "{run}");
    }
}

#[test]
fn what_docker_reads_otherwise_is_warned_of_by_name() {
    let content = "\u{feff}PLAIN=a b\r\nQUOTED='a'\nexport EXPORTED=a\nCOMMENT=a # b\nBLANK= a\nEND=a \nLINES=\"a\nb\"\nSAME= \n  INDENTED=x\n";
    let run = migrating(content, &[]).run();
    let names = "QUOTED (.env:2), EXPORTED (.env:3), COMMENT (.env:4), BLANK (.env:5), END (.env:6), LINES (.env:7), \
                 SAME (.env:9)";
    run.launched().says([&*format!("warning: Docker's --env-file reads {names} otherwise")]).says_nothing_of("PLAIN (");
}

#[test]
fn a_file_and_a_secret_of_64_kib_fit_and_one_more_byte_does_not() {
    let content = |length: usize| format!("A={}\n", "x".repeat(length - r#"{"A":""}"#.len()));
    assert_eq!(migrating(content(65_536), &["--values"]).prints_values().run().launched().stdout().len(), 65_536);
    for values in [&[][..], &["--values"]] {
        migrating(content(65_537), values).run().refused(78).says([".env: more than 65536 bytes", "split the file"]);
    }
    let comment = |length: usize| format!("A=1\n{}", "#".repeat(length - 4));
    assert_eq!(object(&comment(65_536), &[]).0, json!({ "A": "1" }));
    migrating(comment(65_537), &[]).run().refused(78).says([".env: more than 65536 bytes"]);
}
