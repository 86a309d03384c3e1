//! The file that `migrate` reads: what is chosen, left out, warned of and refused.

use serde_json::{Value, json};

use crate::support::aws::Aws;
use crate::support::outcome::Outcome;
use crate::support::sandbox::{CANARY, Sandbox};

fn migrating(aws: &Aws, name: &str, content: impl AsRef<[u8]>) -> Sandbox {
    let sandbox = Sandbox::new().aws(aws).file(name, content).args(["migrate", name, "--secret", "app"]);
    sandbox.args(["--apply"]).bare()
}

/// The object that is stored, and the run.
fn stored(name: &str, content: &str, options: &[&str]) -> (Value, Outcome) {
    let aws = Aws::start();
    let run = migrating(&aws, name, content).args(options).run();
    run.launched();
    let creation = aws.calls_of("CreateSecret")[0].body();
    (serde_json::from_str(creation["SecretString"].as_str().unwrap()).unwrap(), run)
}

/// Asserts that the file is refused with these facts, and that nothing is requested.
fn refused(name: &str, content: impl AsRef<[u8]>, options: &[&str], facts: &[&str]) {
    let aws = Aws::start();
    let run = migrating(&aws, name, content).args(options).run();
    run.refused(78).says(facts.iter().copied());
    assert!(aws.calls().is_empty(), "{run}");
}

#[test]
fn quotes_escapes_export_comments_and_lines_are_read_as_python_dotenv_reads_them() {
    let content = "\u{feff}export A = 'a\\'b' # c\nB=\"1\\n2\\$\\t\"\n\n  C=x #y # z\nD=x#y\nE= # c\nF='one\ntwo'\r\nG\u{e9}=\n'H'=h\n";
    let (object, run) = stored(".env", content, &["--only", "?"]);
    let expected = json!({
        "A": "a'b", "B": "1\n2\\$\t", "C": "x", "D": "x#y", "E": "", "F": "one\ntwo", "H": "h"
    });
    assert_eq!(object, expected, "{run}");
}

#[test]
fn the_last_value_of_a_name_applies_and_it_is_warned_of() {
    let (object, run) = stored(".env", "A=1\nB=2\nA=3\nC=4\nC\n", &[]);
    assert_eq!(object, json!({ "A": "3", "B": "2" }));
    run.says([
        "warning: .env:3: A is set again",
        "warning: .env:5: C has no value here",
        "its value of line 4; Docker's",
    ]);
    assert_eq!(stored(".env", "C=4\nC\nC=5\nB\n", &[]).0, json!({ "C": "5" }));
}

#[test]
fn what_python_dotenv_cannot_read_is_left_out_with_its_line() {
    let content = format!("A=1\nB='{CANARY}' {CANARY}\n=x\nC=\"{CANARY}\nD=4\n");
    let (object, run) = stored(".env", &content, &[]);
    assert_eq!(object, json!({ "A": "1", "D": "4" }));
    let lines = run.stderr().lines().filter(|line| line.contains("python-dotenv cannot read this")).count();
    assert_eq!(lines, 3, "{run}");
    run.says([".env:2:", ".env:3:", ".env:4:"]);
}

#[test]
fn pem_without_quotes_is_refused_and_no_piece_of_it_printed() {
    for quote in ["", "\""] {
        let content =
            format!("A=1\nKEY={quote}-----BEGIN PRIVATE KEY-----\n{CANARY}=\nc3VwZXI=\n-----END PRIVATE KEY-----\n");
        let aws = Aws::start();
        let run = migrating(&aws, ".env", &content).run();
        run.refused(78).says([".env:2: only the first line of this PEM", "put the whole of it in quotes"]);
        run.says_nothing_of("c3VwZXI");
        assert!(aws.calls().is_empty(), "{run}");
        assert_eq!(stored(".env", &content, &["--only", "A"]).0, json!({ "A": "1" }));
    }
    let (object, _) = stored(".env", "KEY=\"-----BEGIN KEY-----\nab=\n-----END KEY-----\"\n", &[]);
    assert_eq!(object, json!({ "KEY": "-----BEGIN KEY-----\nab=\n-----END KEY-----" }));
}

#[test]
fn a_file_of_more_than_a_mebibyte_is_refused() {
    refused(".env", "#".repeat((1 << 20) + 1), &[], &[".env: has more than 1048576 bytes"]);
}

#[test]
fn only_chooses_names() {
    let (object, run) = stored(".env", "DB_HOST=h\nDB_PORT=1\nLOG=x\n1bad=x\n", &["--only", "DB_*", "--only", "LOG"]);
    assert_eq!(object, json!({ "DB_HOST": "h", "DB_PORT": "1", "LOG": "x" }), "{run}");
    refused(".env", "A=1\n", &["--only", "B*"], &[".env: no variable has a name that matches --only"]);
}

#[test]
fn variables_of_aws_the_path_and_own_options_are_left_out_with_a_warning() {
    let content = "AWS_ACCESS_KEY_ID=AKIA\nA=1\nAWS_REGION=r\nPATH=/bin\nSECRETS_EXEC_REGION=x\n";
    let (object, run) = stored(".env", content, &[]);
    assert_eq!(object, json!({ "A": "1" }));
    run.says(["warning: AWS_ACCESS_KEY_ID (.env:1) and AWS_REGION (.env:3) are left out"]);
    run.says(["warning: PATH (.env:4) is left out", "warning: SECRETS_EXEC_REGION (.env:5) is left out"]);
    run.printed("env:\n  A: app:A\n");
}

#[test]
fn what_docker_reads_otherwise_is_warned_of_by_name() {
    let content = "PLAIN=a b\nQUOTED='a'\nexport EXPORTED=a\nCOMMENT=a # b\nBLANK= a\nEND=a \nLINES=\"a\nb\"\nSAME= \n";
    let (_, run) = stored(".env", content, &[]);
    let names = "QUOTED (.env:2), EXPORTED (.env:3), COMMENT (.env:4), BLANK (.env:5), END (.env:6), LINES (.env:7) and \
                 SAME (.env:9)";
    run.says([&*format!("warning: Docker's --env-file reads {names} otherwise")]).says_nothing_of("PLAIN (");
}

#[test]
fn a_dollar_is_warned_of_by_name_and_kept() {
    let (object, run) = stored(".env", "A=a$b\nB='${HOME}'\nC=c\n", &[]);
    assert_eq!(object, json!({ "A": "a$b", "B": "${HOME}", "C": "c" }));
    run.says(["the values of A (.env:1) and B (.env:2) have a `$`"]).says_nothing_of("C (");
}

#[test]
fn quiet_hides_the_warnings_and_not_what_was_done() {
    let (_, run) = stored(".env", "A='$a'\nAWS_REGION=r\n", &["-q"]);
    run.says_nothing_of("warning").says(["was created", "left to do"]);
}

#[test]
fn a_flat_json_object_keeps_its_types() {
    let content = r#"{ "A": "a\nb", "NUM": 1.10, "B": true, "NULL": null, "AWS_REGION": "r" }"#;
    let aws = Aws::start();
    let run = migrating(&aws, "app.json", content).run();
    run.launched()
        .printed("env:\n  A: app:A\n  NUM: app:NUM\n  B: app:B\n")
        .says(["app.json:1: a name without a value"]);
    assert_eq!(aws.calls()[0].body()["SecretString"], r#"{"A":"a\nb","NUM":1.10,"B":true}"#);
    run.says_nothing_of("Docker");
    // Known by its brace.
    assert_eq!(stored("app.env", " {\"A\":\"x\"}", &[]).0, json!({ "A": "x" }));
}

#[test]
fn json_that_is_no_flat_object_is_refused_with_its_line() {
    refused("a.json", "{\n\"A\": {\"b\": 1},\n\"C\": [1]}", &[], &["a.json:2: A: expected text", "a.json:3: C:"]);
    refused("a.json", "[1]", &[], &["a.json:1: expected a JSON object"]);
    refused("a.json", format!("{{\"A\": \"{CANARY}\"\n\"B\": 1}}"), &[], &["a.json:2"]);
    refused("a.json", "{\"A\": 1, \"A\": 2}", &[], &["a.json:1", "A"]);
    refused("a.json", "A=1\n", &[], &["a.json:1"]);
}

#[test]
fn a_file_that_cannot_be_read_is_refused() {
    refused(".env", b"A=1\nB=\xff\n", &[], &[".env:2: is not UTF-8"]);
    refused(".env", "# nothing\n\n", &[], &[".env: there is no variable to move"]);
    refused(".env", "AWS_REGION=r\n", &[], &[".env: there is no other variable to move", "AWS_*"]);
    let aws = Aws::start();
    let run = Sandbox::new().aws(&aws).args(["migrate", "missing", "--secret", "app"]).bare().run();
    run.refused(78).says(["missing: cannot be read: no such file"]);
    let run = Sandbox::new().aws(&aws).args(["migrate", ".", "--secret", "app"]).bare().run();
    run.refused(78).says([".: cannot be read: "]);
    assert!(aws.calls().is_empty());
}

#[test]
fn a_name_or_a_value_that_no_variable_can_have_is_refused_with_its_line() {
    let content = format!("A=1\na.b=2\n{CANARY}/x==\nC=a\0b\n");
    refused(
        ".env",
        content,
        &[],
        &[".env:2: expected a name", ".env:3: expected a name", ".env:4: C: the value has a NUL"],
    );
}

#[test]
fn a_file_of_64_kib_fits_and_one_more_byte_does_not() {
    let content = |length: usize| format!("A={}\n", "x".repeat(length - r#"{"A":""}"#.len()));
    stored(".env", &content(65_536), &[]);
    refused(".env", content(65_537), &[], &["secret app: it would have 65537 bytes, and AWS allows 65536", "--only"]);
}
