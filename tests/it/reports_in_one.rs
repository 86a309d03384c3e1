//! Several mistakes in several places: one run reports all of them, in the order of the files, with suggestions.

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Outcome;
use crate::support::sandbox::{CANARY, Sandbox};

#[test]
fn mistakes_of_files_command_line_and_variables_are_one_report() {
    let aws = Aws::start();
    let run = Sandbox::new()
        .aws(&aws)
        .file("a.yaml", "env:\n  GOOD: x:k\nsecretz:\n  db: x\n")
        .file("b.yaml", "env:\n  UNSET: \"${STAGE}/x:k\"\n")
        .args(["-f", "a.yaml", "-f", "b.yaml"])
        .args(["--env", "1BAD=x:k", "--timeout", "soon"])
        .env("SECRETS_EXEC_CLEAN_ENV", "perhaps")
        .env("AWS_MAX_ATTEMPTS", "many")
        .run();
    run.refused(78).says(["a.yaml:3", "secretz"]).says(["b.yaml:2", "UNSET", "STAGE"]).says([
        "1BAD",
        "--timeout",
        "SECRETS_EXEC_CLEAN_ENV",
        "AWS_MAX_ATTEMPTS",
    ]);
    assert!(aws.calls().is_empty());
}

#[test]
fn several_files_that_cannot_be_read_are_one_report() {
    let run = Sandbox::new().file("b.yaml", "env: [\n").args(["-f", "a.yaml", "-f", "b.yaml", "-f", "c.yaml"]).run();
    run.refused(78).says(["a.yaml", "b.yaml:", "c.yaml"]);
}

#[test]
fn a_value_with_a_nul_and_a_missing_key_are_one_report() {
    let secrets = format!(r#"{{"zz":"{CANARY}","x":{{"nul":"a\u0000b","k":"v"}}}}"#);
    let run = Sandbox::new().local(&secrets).resolve("WITH_NUL=x:nul").resolve("MISSING=x:nope").run();
    run.refused(78).says(["WITH_NUL", "NUL byte", "MISSING", "nope"]);
}

/// The line numbers of a file that the report names, in its order.
#[test]
fn a_missing_key_and_a_missing_directory_are_one_report() {
    let secrets = format!(r#"{{"zz":"{CANARY}","x":{{"k":"v"}}}}"#);
    let declaration = "env:\n  A: x:nope\nfiles:\n  - { from: 'x:k', path: /no/such/directory/file }\n";
    let run = Sandbox::new().local(&secrets).declaration(declaration).run();
    run.refused(78).says(["nope", "its directory does not exist", "2 values could not be read or delivered: "]);
}

fn lines(run: &Outcome, file: &str) -> Vec<usize> {
    let stderr = run.stderr();
    let places = stderr.lines().filter_map(|line| line.split_once(&format!("{file}:")));
    places.map(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()).collect()
}

#[test]
fn mistakes_of_a_declaration_are_told_in_the_order_of_its_lines() {
    let declaration = "files:\n  - { from: \"no blanks\" }\nenv:\n  1A: x:k\n  B: { value: [a] }\nunknown: 1\nenv-from:\n  - { prefix: P_ }\n\
         secrets:\n  ssm: x\n  ok: \"bad id\"\ndefaults:\n  regoin: us-east-1\n";
    let run = Sandbox::new().file("app.yaml", declaration).args(["-f", "app.yaml"]).run();
    run.refused(78);
    let told = lines(&run, "app.yaml");
    assert!(told.len() >= 5 && told.is_sorted(), "{told:?}: {run}");
}

#[test]
fn values_that_are_missing_are_told_in_the_order_of_their_lines() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
    let declaration = "env:\n  Z: x:nope\n  Y: gone/b:k\n  X: x:none\n  W: gone/a:k\n";
    let run = Sandbox::new().aws(&aws).declaration(declaration).run();
    run.refused(78);
    assert_eq!(lines(&run, "secrets-exec.yaml"), [2, 3, 4, 5], "{run}");
}

#[test]
fn broken_yaml_is_told_with_a_reason() {
    for declaration in [
        "env: [\n",
        "env: {\n",
        "env:\n  A: \"x\n",
        "env:\n  A: 'x\n",
        "env:\n\tA: x\n",
        "env: a: b\n",
        "env:\n  A: x\n B: y\n",
        "- a\nb: c\n",
        "env: *nothing\n",
        "env: &a *a\n",
        "env: @x\n",
        "env: `x\n",
        "%YAML 9\n",
        "env: |x\n",
        "env: \"\\q\"\n",
        "? a\n? b\n:\n: c\n",
        "--- a\n--- b\n",
        "env: !<tag A: b\n",
    ] {
        let run = Sandbox::new().file("app.yaml", declaration).args(["-f", "app.yaml"]).run();
        run.refused(78).says(["app.yaml:"]);
        let stderr = run.stderr();
        let (_, said) = stderr.split_once("app.yaml:").unwrap();
        let reason = said.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':').trim();
        assert!(reason.chars().filter(|c| c.is_alphabetic()).count() >= 5, "{declaration:?}: {run}");
    }
}

#[test]
fn nothing_to_resolve_names_the_files_that_were_read() {
    let run =
        Sandbox::new().file("a.yaml", "env: {}\n").file("b.yaml", "").args(["-f", "a.yaml", "-f", "b.yaml"]).run();
    run.refused(64).says(["a.yaml", "b.yaml"]);
    let run = Sandbox::new().declaration("defaults: { region: us-east-1 }\n").run();
    run.refused(64).says(["secrets-exec.yaml"]);
}

/// Asserts that the error does not suggest the text that was written.
fn does_not_guess(run: &Outcome, written: &str) {
    run.says([written]).says_nothing_of(&format!("did you mean {written:?}"));
}

#[test]
fn a_key_that_is_null_is_not_guessed_again() {
    let secrets = format!(r#"{{"zz":"{CANARY}","x":{{"password":null,"passwords":"v"}}}}"#);
    let run = Sandbox::new().local(&secrets).resolve("A=x:password").run();
    does_not_guess(run.refused(78), "password");
    let run = Sandbox::new().local(&secrets).declaration("env-from:\n  - { from: x, only: [password] }\n").run();
    does_not_guess(run.refused(78), "password");
    let declaration = "secrets: { s: x }\nenv:\n  A: { template: \"{{ s.password }}\" }\n";
    let run = Sandbox::new().local(&secrets).declaration(declaration).run();
    does_not_guess(run.refused(78), "password");
}

#[test]
fn an_alias_of_a_later_file_is_not_guessed_again() {
    let aws = Aws::start();
    let run = Sandbox::new()
        .aws(&aws)
        .file("a.yaml", "env:\n  A: database:k\n")
        .file("b.yaml", "secrets:\n  database: prod/db\nenv:\n  B: { value: v }\n")
        .args(["-f", "a.yaml", "-f", "b.yaml"])
        .run();
    does_not_guess(run.refused(78), "database");
}

#[test]
fn an_alias_of_a_later_file_is_not_guessed_again_for_a_template() {
    let run = Sandbox::new()
        .file("a.yaml", "env:\n  A: { template: \"{{ database.k }}\" }\n")
        .file("b.yaml", "secrets:\n  database: prod/db\nenv:\n  B: { value: v }\n")
        .args(["-f", "a.yaml", "-f", "b.yaml"])
        .run();
    does_not_guess(run.refused(78), "database");
}

#[test]
fn a_key_in_the_wrong_place_is_not_guessed_again() {
    for (declaration, key) in [
        ("region: us-east-1\nenv: { A: x }\n", "region"),
        ("env:\n  A: { from: x, prefix: P_ }\n", "prefix"),
        ("defaults: { local: l.json }\nenv: { A: x }\n", "local"),
        ("secrets:\n  s: { id: x, from: y }\n", "from"),
    ] {
        let run = Sandbox::new().declaration(declaration).run();
        does_not_guess(run.refused(78), key);
    }
}

#[test]
fn a_local_secret_without_the_version_is_not_guessed_again() {
    let secrets = format!(r#"{{"prod/db":{{"k":"{CANARY}"}}}}"#);
    let run = Sandbox::new().local(&secrets).resolve("A=prod/db:k:AWSPREVIOUS").run();
    does_not_guess(run.refused(78), "prod/db");
}
