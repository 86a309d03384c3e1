//! Reports: each failure has its variable, file and line, secret, key and region, and all of them are told by one run, in the order of the
//! files; the worst decides the status.

use crate::support::aws::fault;
use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, IDENTITY};
use crate::support::outcome::Outcome;
use crate::support::sandbox::Sandbox;

/// A launch with this declaration, after which no other operation than these two was asked for.
fn report(declaration: &str) -> Outcome {
    let role = "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/named-AbCdEf";
    let aws = Aws::start()
        .secret("prod/db", Secret::text(r#"{"password":"p-4c7a1e","host":"h-4c7a1e"}"#))
        .secret("prod/denied", Secret::failing(fault::denied("prod/denied")))
        .secret("prod/named", Secret::failing(fault::denied(role)))
        .secret("prod/kms", Secret::failing(fault::denied_by_kms()))
        .secret("prod/undecrypted", Secret::failing(fault::not_decrypted()))
        .secret("prod/early", Secret::failing(fault::clock_skew()))
        .secret("prod/busy", Secret::failing(fault::unavailable()))
        .secret("prod/broken", Secret::failing(fault::internal_error()))
        .secret("prod/cut", Secret::text(r#"{"k":"v-4c7a1e"}"#).cut_short())
        .secret("prod/dying", Secret::failing(fault::marked_for_deletion()));
    let run = Sandbox::new().aws(&aws).attempts(1).declaration(declaration).run();
    let whoami = aws.calls_of("GetCallerIdentity").len();
    assert!(whoami <= 1 && aws.calls().len() == aws.reads().len() + whoami, "another operation was asked for");
    run
}

/// The line numbers of a file that the report names, in its order.
fn lines(run: &Outcome, file: &str) -> Vec<usize> {
    let stderr = run.stderr();
    let places = stderr.lines().filter_map(|line| line.split_once(&format!("{file}:")));
    places.map(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()).collect()
}

#[test]
fn a_failure_of_one_entry_has_its_status_its_place_and_its_reason() {
    let id = "d0d0d0d0-1111-4222-8333-444455556666";
    for (what, reference, status, facts) in [
        ("a missing secret", "prod/gone:k", 78, &["prod/gone", "us-east-1"][..]),
        ("a secret that is marked for deletion", "prod/dying:k", 78, &["prod/dying"]),
        ("an unknown stage", "prod/db:password:AWSPENDING", 78, &["prod/db", "AWSPENDING"]),
        ("an unknown version", &format!("prod/db:password::{id}"), 78, &["prod/db", id]),
        ("a missing key", "prod/db:passwrd", 78, &["prod/db", "\"passwrd\"", "\"password\"", "us-east-1"]),
        ("a misspelt alias", "databse:host", 78, &["databse", "database"]),
        ("another region", "elsewhere:k", 78, &["prod/gone", "eu-west-1"]),
        ("a denial that may be an absence", "prod/denied:k", 77, &["prod/denied", "not exist"]),
        (
            "a denial",
            "prod/named:k",
            77,
            &["secretsmanager:GetSecretValue", "arn:aws:sts::123456789012:assumed-role/app/i-1"],
        ),
        ("a denial without a name", "prod/kms:k", 77, &["caller: ", IDENTITY, "kms:Decrypt"]),
        ("a secret that KMS cannot decrypt", "prod/undecrypted:k", 77, &["prod/undecrypted", "decrypt"]),
        ("a clock that is wrong", "prod/early:k", 75, &["clock"]),
        ("an outage", "prod/busy:k", 75, &["prod/busy"]),
        ("a failure of AWS", "prod/broken:k", 75, &["prod/broken"]),
        // It is neither quoted nor an absence.
        ("an answer that is cut short", "prod/cut:k", 75, &["prod/cut"]),
    ] {
        let secrets = "secrets:\n  database: prod/db\n  elsewhere: { id: prod/gone, region: eu-west-1 }\n";
        let default = if status == 75 { ", default: d" } else { "" };
        let mut run = report(&format!("{secrets}env:\n  NAME: {{ from: \"{reference}\"{default} }}\n"));
        run.case = what.to_owned();
        run.refused(status).says(["NAME (secrets-exec.yaml:5"]).says(facts.iter().copied());
        if what == "a denial that may be an absence" {
            run.says_nothing_of("caller: ");
        }
    }
}

#[test]
fn the_worst_failure_decides_the_status() {
    report("env:\n  A: prod/busy:k\n  B: prod/denied:k\n").refused(77);
    report("env:\n  A: prod/denied:k\n  B: prod/gone:k\n  C: prod/busy:k\n").refused(78);
}

#[test]
fn every_failure_is_told_in_the_order_of_the_lines() {
    let run = report(
        "env:\n  KEY_GONE: prod/db:passwrd\n  ZONE: prod/gone:b\n  SECRET_GONE: prod/gone:k\n  FINE: prod/db:host\n  DENIED: prod/denied:k\n  \
         DYING: prod/dying\n",
    );
    run.refused(78).says_nothing_of("FINE");
    assert_eq!(lines(&run, "secrets-exec.yaml"), [2, 3, 4, 6, 7], "{run}");
    run.says(["KEY_GONE (", "ZONE (", "SECRET_GONE (", "DENIED (", "DYING ("]);
    let many: String = (0..40).map(|number| format!("  VARIABLE_{number}: prod/gone{number}:k\n")).collect();
    let run = report(&format!("env:\n{many}"));
    assert_eq!(lines(run.refused(78), "secrets-exec.yaml"), (2..42).collect::<Vec<_>>(), "{run}");
}

#[test]
fn failures_of_the_command_line_and_of_several_files_name_them() {
    let aws = Aws::start();
    let sandbox = Sandbox::new().aws(&aws).resolve("ONE=gone/one").resolve("TWO=gone/two:k");
    let sandbox = sandbox.file("a.yaml", "env:\n  A: gone:a\n").args(["-f", "a.yaml", "-f", "conf/b.yaml"]);
    let run = sandbox.file("conf/b.yaml", "# a comment\n\nenv:\n  B:\n    from: gone:b\n").run();
    run.refused(78).says(["a.yaml:2", "ONE (--env, gone/one)", "TWO (--env, gone/two:k)", "conf/b.yaml:4"]);
}

#[test]
fn a_reason_or_a_hint_that_several_entries_share_is_told_once() {
    let run =
        report("env:\n  A: prod/db:passwrd\n  B: prod/db:host\n  C: prod/db:passwrd\n  D: { from: prod/db:passwrd }\n");
    assert_eq!(run.refused(78).stderr().matches("has no key").count(), 1, "{run}");
    run.says(["A (secrets-exec.yaml:2", "C (secrets-exec.yaml:4", "D (secrets-exec.yaml:5"]);
    let run = report("env:\n  A: gone/a\n  B: gone/b\n  C: prod/db:passwrd\n  D: gone/d\n");
    let stderr = run.refused(78).stderr();
    let mut rest = stderr.as_str();
    for expected in ["gone/a", "gone/b", "check its name", "passwrd", "gone/d", "check its name"] {
        (_, rest) = rest.split_once(expected).unwrap_or_else(|| panic!("{expected:?} is missing or too early: {run}"));
    }
    assert_eq!(stderr.matches("check its name").count(), 2, "{run}");
    let run = Sandbox::new().args((0..30).map(|number| format!("--nonsense-{number}"))).run();
    assert_eq!(run.refused(64).stderr().matches("--help").count(), 1, "{run}");
}

#[test]
fn mistakes_of_files_command_line_and_variables_are_one_report() {
    let aws = Aws::start();
    let run = Sandbox::new()
        .aws(&aws)
        .file("a.yaml", "env:\n  GOOD: x:k\nsecretz:\n  db: x\n")
        .file("b.yaml", "env:\n  UNSET: \"${STAGE}/x:k\"\n")
        .file("d.yaml", "env: [\n")
        .args(["-f", "a.yaml", "-f", "b.yaml", "-f", "c.yaml", "-f", "d.yaml"])
        .args(["--env", "1BAD=x:k", "--timeout", "soon"])
        .env("SECRETS_EXEC_CLEAN_ENV", "perhaps")
        .env("AWS_MAX_ATTEMPTS", "many")
        .run();
    run.refused(78).says(["a.yaml:3", "secretz", "b.yaml:2", "UNSET", "STAGE", "c.yaml", "d.yaml:"]);
    run.says(["--env: ", "--timeout", "SECRETS_EXEC_CLEAN_ENV", "AWS_MAX_ATTEMPTS"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn a_value_with_a_nul_a_missing_key_and_a_missing_directory_are_one_report() {
    let secrets = r#"{"x":{"nul":"a\u0000b-4c7a1e","k":"v-4c7a1e"}}"#;
    let files = "files:\n  - { from: 'x:k', path: /no/such/directory/file }\n";
    let sandbox = Sandbox::new().local(secrets).resolve("WITH_NUL=x:nul").resolve("MISSING=x:nope");
    let run = sandbox.declaration(files).run();
    run.refused(78).says(["WITH_NUL", "NUL byte", "MISSING", "nope", "/no/such/directory/ does not exist"]);
    run.says(["3 values could not be read or delivered: "]);
}

#[test]
fn mistakes_of_a_declaration_are_told_in_the_order_of_its_lines() {
    let declaration = "files:\n  - { from: \"no blanks\" }\nenv:\n  1A: x:k\n  B: { value: [a] }\n  C: \"x:$[\"\n  D: { form: x }\n  \
         E: { from: x, value: y }\nunknown: 1\nenv-from:\n  - { prefix: P_ }\nsecrets:\n  ssm: x\n  ok: \"bad id\"\ndefaults:\n  regoin: r\n";
    let run = Sandbox::new().file("app.yaml", declaration).args(["-f", "app.yaml"]).run();
    assert_eq!(lines(run.refused(78), "app.yaml"), [2, 2, 4, 5, 6, 7, 8, 9, 11, 13, 14, 16], "{run}");
}

#[test]
fn a_text_that_is_there_or_in_the_wrong_place_is_not_guessed_again() {
    let secrets = r#"{"prod/db":{"k":"v-4c7a1e"},"x":{"password":null,"passwords":"v-4c7a1e"}}"#;
    let later = "secrets:\n  database: prod/db\nenv:\n  B: { value: v }\n";
    for (declaration, later, written) in [
        ("env: { A: \"x:password\" }\n", "", "password"),
        ("env-from:\n  - { from: x, only: [password] }\n", "", "password"),
        ("secrets: { s: x }\nenv:\n  A: { template: \"{{ s.password }}\" }\n", "", "password"),
        ("env: { A: \"prod/db:k:AWSPREVIOUS\" }\n", "", "prod/db"),
        ("env:\n  A: database:k\n", later, "database"),
        ("env:\n  A: { template: \"{{ database.k }}\" }\n", later, "database"),
        ("region: us-east-1\nenv: { A: x }\n", "", "region"),
        ("env:\n  A: { from: x, prefix: P_ }\n", "", "prefix"),
        ("defaults: { local: l.json }\nenv: { A: x }\n", "", "local"),
        ("secrets:\n  s: { id: x, from: y }\n", "", "from"),
    ] {
        let sandbox = Sandbox::new().local(secrets).file("a.yaml", declaration).file("b.yaml", later);
        let run = sandbox.args(["-f", "a.yaml", "-f", "b.yaml"]).run();
        run.refused(78).says([written]).says_nothing_of(&format!("did you mean {written:?}"));
    }
}

#[test]
fn characters_that_would_disguise_a_line_are_escaped_and_others_are_not() {
    for c in
        "\u{7}\u{9b}\u{61c}\u{200b}\u{200d}\u{202e}\u{2060}\u{2066}\u{feff}\u{1160}\u{2800}\u{3164}\u{e0041}".chars()
    {
        let run = Sandbox::new().args(["-f", &format!("a{c}b.yaml")]).run();
        let code = u32::from(c);
        run.refused(78).says([format!("a\\u{{{code:x}}}b.yaml").as_str()]).says_nothing_of(&c.to_string());
        let run = Sandbox::new().args(["--log-format", "json", "-f", &format!("a{c}b.yaml")]).run();
        assert!(run.events()[0]["message"].as_str().unwrap().contains(&format!("a\\u{{{code:x}}}b.yaml")), "{run}");
    }
    let name = r#"café "x" 'y' \z 日本.yaml"#;
    Sandbox::new().args(["-f", name]).run().refused(78).says([name]);
}
