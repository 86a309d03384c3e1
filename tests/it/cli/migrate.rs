//! `migrate`: what it prints, and what of its file it leaves out and refuses. `mistakes/export.console` has its messages.

use std::fs;

use serde_json::{Value, json};

use crate::support::outcome::Outcome;
use crate::support::sandbox::{CANARY, Sandbox};
use crate::support::terminal::at_a_terminal;

const DECLARATION: &str = "env:\n  DB_HOST: prod/app:DB_HOST\n  DB_PASSWORD: prod/app:DB_PASSWORD\n";

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

/// Asserts that the file is refused with these facts, whatever is to be printed, and that nothing is printed.
fn refused(content: impl AsRef<[u8]>, options: &[&str], facts: &[&str]) {
    for values in [&[][..], &["--values"]] {
        let run = migrating(&content, options).args(values).run();
        run.refused(78).printed("").says(facts.iter().copied());
    }
}

#[test]
fn the_declaration_has_an_entry_for_each_name_and_the_values_are_one_json_object() {
    let content = format!("# comment\nDB_HOST={CANARY}.example.com\nexport DB_PASSWORD=\"{CANARY}\"\n");
    migrating(&content, &["-q"]).run().launched_silently().printed(DECLARATION);
    let content = "B=\"a\\\"\\n\u{1f600}\"\nA=1.10\nC=\nD='$a'\n";
    let sandbox = migrating(content, &["--values", "-q"]).prints_values();
    let files = || fs::read_dir(sandbox.path("")).unwrap().count();
    let before = files();
    let printed = "{\"B\":\"a\\\"\\n\u{1f600}\",\"A\":\"1.10\",\"C\":\"\",\"D\":\"$a\"}";
    sandbox.run().launched_silently().printed(printed);
    migrating(content, &["--values"]).env("SECRETS_EXEC_QUIET", "1").prints_values().run().launched_silently();
    assert_eq!((files(), fs::read(sandbox.path(".env")).unwrap()), (before, content.as_bytes().to_vec()));
    migrating("A=1\n", &["--values"]).prepared_by("exec \"$@\" >/dev/full").run().says(["no space left"]);
}

#[test]
fn the_variables_that_match_a_glob_are_moved() {
    let (values, run) = object("DB_HOST=h\nDB_PORT=1\nLOG=x\n1bad=x\n", &["--only", "DB_*", "--only", "LOG"]);
    assert_eq!(values, json!({ "DB_HOST": "h", "DB_PORT": "1", "LOG": "x" }), "{run}");
    let (values, run) =
        object("DB_HOST=h\nDB_PORT=1\nLOG=x\n1bad=x\n", &["--only", "*", "--except", "1*", "--except", "DB_PORT"]);
    assert_eq!(values, json!({ "DB_HOST": "h", "LOG": "x" }), "{run}");
}

#[test]
fn a_literal_is_in_the_declaration_and_not_in_the_secret() {
    let content = "DB_HOST=h-4c7a1e\nPORT='80'\nLOG_LEVEL=\"a\\\"b \u{1f600}\"\nDB_PASSWORD=p-4c7a1e\n";
    let options = ["--literal", "PORT", "--literal", "LOG_*", "-q"];
    let (values, _) = object(content, &options);
    assert_eq!(values, json!({ "DB_HOST": "h-4c7a1e", "DB_PASSWORD": "p-4c7a1e" }));
    let declaration = "env:\n  DB_HOST: prod/app:DB_HOST\n  PORT: { value: \"80\" }\n  \
                       LOG_LEVEL: { value: \"a\\\"b \u{1f600}\" }\n  DB_PASSWORD: prod/app:DB_PASSWORD\n";
    migrating(content, &options).run().launched_silently().printed(declaration);
    let local = migrating(content, &options).arg("--for-local").prints_values().run();
    local.launched_silently().printed("prod/app:\n  DB_HOST: \"h-4c7a1e\"\n  DB_PASSWORD: \"p-4c7a1e\"\n");
    let run = Sandbox::new().declaration(declaration).local(&local.stdout()).prints_values().run();
    run.launched()
        .has("DB_HOST", "h-4c7a1e")
        .has("PORT", "80")
        .has("LOG_LEVEL", "a\"b \u{1f600}")
        .has("DB_PASSWORD", "p-4c7a1e");
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
fn the_last_value_of_a_name_applies_and_a_name_without_a_value_takes_it_back() {
    let (values, run) = object("A=1\nB=2\nA=3\nC=4\nC\n", &[]);
    assert_eq!(values, json!({ "A": "3", "B": "2" }));
    run.says(["warning: .env:5: a name without a value is left out"]);
    assert_eq!(object("C=4\nC\nC=5\nB\n", &[]).0, json!({ "C": "5" }));
}

#[test]
fn pem_without_quotes_is_refused_and_no_piece_of_it_printed() {
    for quote in ["", "\""] {
        let content =
            format!("A=1\nKEY={quote}-----BEGIN PRIVATE KEY-----\n{CANARY}=\nc3VwZXI=\n-----END PRIVATE KEY-----\n");
        let run = migrating(&content, &[]).run();
        run.refused(78).printed("").says([".env:2: "]).says_nothing_of("c3VwZXI");
    }
    refused("KEY=-----BEGIN KEY-----\n", &[], &["only the first line of this PEM", "put the whole of it in quotes"]);
    for content in
        ["KEY=\"-----BEGIN KEY-----\nab=\n-----END KEY-----\"\n", "KEY='-----BEGIN KEY-----\nab=\n-----END KEY-----'\n"]
    {
        assert_eq!(object(content, &[]).0, json!({ "KEY": "-----BEGIN KEY-----\nab=\n-----END KEY-----" }));
    }
}

#[test]
fn variables_of_aws_the_path_and_own_options_are_left_out_and_a_dollar_is_kept() {
    let content = "AWS_ACCESS_KEY_ID=AKIA\nA=a$b\nPATH=/bin\nB='${HOME}'\nSECRETS_EXEC_REGION=x\n";
    assert_eq!(object(content, &[]).0, json!({ "A": "a$b", "B": "${HOME}" }));
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
    refused(content(65_537), &[], &[".env: more than 65536 bytes", "split the file"]);
    let comment = |length: usize| format!("A=1\n{}", "#".repeat(length - 4));
    assert_eq!(object(&comment(65_536), &[]).0, json!({ "A": "1" }));
    refused(comment(65_537), &[], &[".env: more than 65536 bytes"]);
}
