//! Hints: a common mistake is answered by its remedy.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, fault};
use crate::support::outcome::Outcome;
use crate::support::sandbox::{CANARY, Sandbox, sandbox};

/// Asserts that a line of this label holds the text.
fn has_line(run: &Outcome, label: &str, text: &str) {
    let is_told = |line: &str| line.starts_with(&format!("secrets-exec: {label}: ")) && line.contains(text);
    assert!(run.stderr().lines().any(is_told), "{label}: {text:?} is not said: {run}");
}

/// A launch that finds no credentials.
fn without_credentials() -> Sandbox {
    Sandbox::new().region("eu-west-1").resolve("A=x")
}

#[test]
fn without_credentials_the_ways_to_get_some_are_told() {
    let run = without_credentials().run();
    has_line(run.refused(77), "note", "profile: no profile \"default\" with credentials in ");
    has_line(&run, "help", "choose a profile (AWS_PROFILE), log in (`aws sso login`), or give the task");
    let run = without_credentials().home_file(".aws/config", "[default]\naws_access_key_id = AKIA\n").run();
    run.refused(77).says_nothing_of("choose a profile");
}

#[test]
fn an_agent_without_a_token_or_that_does_not_run_has_hints_of_its_own() {
    let sandbox = || without_credentials().arg("--agent=http://127.0.0.1:1");
    has_line(sandbox().run().refused(77), "help", "set AWS_TOKEN to the agent's token");
    let run = sandbox().env("AWS_TOKEN", "t").args(["--timeout", "300ms"]).run();
    has_line(run.refused(75), "help", "check that the agent runs, and its port");
    run.says_nothing_of("DNS");
}

#[test]
fn a_profile_or_a_bundle_that_does_not_exist_is_told_with_the_setting_that_names_it() {
    let sandbox = || without_credentials().home_file(".aws/config", "[prod]\na = b\n");
    let run = sandbox().args(["--profile", "prod"]).run();
    has_line(run.refused(64), "error", "the AWS profile \"prod\" (--profile) does not exist");
    has_line(&run, "help", "write [profile prod], not [prod]");
    for variable in ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"] {
        let run = sandbox().env(variable, "gone").run();
        has_line(run.refused(64), "error", &format!("the AWS profile \"gone\" ({variable}) does not exist"));
        has_line(&run, "help", "there are no profiles; check HOME and AWS_CONFIG_FILE");
    }
    let run = without_credentials().env("AWS_CA_BUNDLE", "/nope.pem").run();
    let missing = "AWS_CA_BUNDLE: \"/nope.pem\" is not a file with root certificates (PEM): no such file or directory";
    has_line(run.refused(64), "error", missing);
}

#[test]
fn a_proxy_whose_name_is_unknown_and_an_endpoint_without_tls_are_told_as_such() {
    let aws = Aws::start();
    let sandbox = || Sandbox::new().aws(&aws).args(["--timeout", "1s"]).resolve("A=x");
    let run = sandbox().endpoint("https://localhost:1").env("HTTPS_PROXY", "http://a..b:1").env("NO_PROXY", "").run();
    run.refused(75).says(["through the proxy a..b:1: name lookup: "]).says_nothing_of("failed to");
    run.says_nothing_of("tunnel");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
            let _ = stream.read(&mut [0; 1024]);
        }
    });
    let run = sandbox().endpoint(&url).run();
    run.refused(75).says(["the answer is not TLS; the endpoint may speak http"]).says_nothing_of("InvalidContentType");
}

#[test]
fn a_command_that_cannot_be_run_is_told_with_what_to_write() {
    for (command, status, label, text) in [
        ("echo $P", 127, "help", "-- sh -c"),
        ("a|b", 127, "help", "-- sh -c"),
        ("./x --option", 127, "help", "-- sh -c"),
        ("A=hunter2", 127, "error", "A=…: command not found in PATH"),
        ("A=hunter2", 127, "help", "-- env A=… COMMAND"),
        ("", 127, "error", "the command after `--` is empty"),
        ("", 127, "help", "may be unset"),
        ("no-such-command", 127, "error", "no-such-command: command not found in PATH"),
        ("no-such-command", 127, "note", "PATH is /"),
        ("./script", 126, "error", "./script"),
    ] {
        let sandbox = Sandbox::new().declaration("env:\n  A: { value: a }\n").executable("script", "true");
        let run = sandbox.mode("script", 0o644).command([command]).run();
        has_line(run.refused(status), label, text);
        run.says_nothing_of("hunter2");
        assert_eq!(run.stderr().matches("./script").count(), usize::from(command == "./script"), "{run}");
        assert_eq!(run.stderr().contains("sh -c"), text.contains("sh -c"), "{run}");
    }
}

#[test]
fn a_remedy_is_one_that_the_entry_can_follow() {
    let object = r#"{"none":null,"clash":{"a-b":"one-4c7a1e","a_b":"two-4c7a1e"},"name":{"1x":"x-4c7a1e"},"path":{"path":"p-4c7a1e"}}"#;
    let aws = Aws::start().secret("x", Secret::text(object));
    let launch = || Sandbox::new().aws(&aws);
    for reference in ["gone", "x:none", "ssm:/gone", "x:$.none[0]"] {
        let run = launch().resolve(&format!("A={reference}")).run();
        has_line(run.refused(78), "help", "declare the entry in a file, with a `default`");
        run.says_nothing_of("give the entry");
        let run = launch().declaration(&format!("env:\n  A: \"{reference}\"\n")).run();
        has_line(run.refused(78), "help", "give the entry a `default`");
    }
    let all = |run: Sandbox| run.args(["--env-from", "gone"]);
    for sandbox in [all(launch()), launch().declaration("env-from:\n  - { from: gone }\n")] {
        let run = sandbox.run();
        has_line(run.refused(78), "help", "check its name");
        run.says_nothing_of("default");
    }
    for (path, of_flag, of_file) in [
        ("x:$.clash", "declare it in a file, under `env-from`: `rename` one of them", "`rename` one of them"),
        ("x:$.name", "write --env-from PREFIX_=x:$.name", "`rename` it"),
        ("x:$.path", "write --env-from PREFIX_=x:$.path", ""),
    ] {
        let run = launch().args(["--env-from", path]).run();
        has_line(run.refused(78), "help", of_flag);
        if !of_file.is_empty() {
            let run = launch().declaration(&format!("env-from: [\"{path}\"]\n")).run();
            has_line(run.refused(78), "help", of_file);
            run.says_nothing_of("--as-file").says_nothing_of("--env-from");
        }
    }
}

#[test]
fn advice_leads_to_what_was_meant() {
    let aws = Aws::start()
        .secret("x", Secret::text(r#"{"k":"v-4c7a1e","inner":{"a":1}}"#))
        .secret("info", Secret::failing(fault::denied("info")));
    for (declaration, status, advice) in [
        ("env: { A: debug }\n", 78, "for the text itself write A: { value: debug }; else check its name"),
        ("env: { A: info }\n", 77, "for the text itself write A: { value: info }; else allow this identity"),
        ("env: { A: x:k:AWSCURENT }\n", 78, "did you mean the stage AWSCURRENT?"),
        ("secrets: { s: x }\nenv: { A: { template: '{{ s.inner.nothing }}' } }\n", 78, "it has a"),
    ] {
        let run = Sandbox::new().aws(&aws).declaration(declaration).run();
        has_line(run.refused(status), "help", advice);
    }
    let run = Sandbox::new().aws(&aws).resolve("DB_PASSWORD=hunter2").run();
    has_line(
        run.refused(78),
        "help",
        "--env takes a reference (NAME=SECRET:KEY), not a value; if this is the name of a secret, check its name",
    );
}

#[test]
fn standard_input_is_named_in_words() {
    let run = |declaration: &str| sandbox(&Aws::start()).args(["-f", "-"]).stdin(declaration).run();
    run("env:\n  B: gone:k\n").refused(78).says(["B (standard input:2, gone:k)"]);
    run("env:\n  1A: x\n").refused(78).says(["error: standard input:2:3: "]);
}

/// A refused launch with this declaration.
fn declaring(yaml: &str) -> Outcome {
    let run = Sandbox::new().declaration(yaml).run();
    run.refused(78);
    run
}

#[test]
fn a_mistake_in_a_declaration_is_answered_by_what_to_write() {
    for (yaml, remedy) in [
        ("DB_HOST: prod/db:host\nfoo: x\n", "variables stand under `env:`, as in: env: { DB_HOST: prod/db:key }"),
        ("env:\n  - A=x\n", "write NAME: REF for each variable, without a hyphen"),
        ("A=b\nC=d\n", "a .env file is no declaration"),
        ("env:\n  A: \"{{ db.host }}\"\n", "NAME: { template: "),
    ] {
        let run = declaring(yaml);
        has_line(&run, "help", remedy);
        assert_eq!(run.stderr().matches("help: ").count(), 1, "{run}");
    }
    declaring("env:\n  A: {{ db.host }}\n").says(["secrets-exec.yaml:2:7: ", "a template needs quotes"]);
    for literal in ["8080", "1.10", "true"] {
        let remedy = format!("write {{ value: \"{literal}\" }}");
        for yaml in [format!("env:\n  A: {literal}\n"), format!("env:\n  A: {{ from: {literal} }}\n")] {
            declaring(&yaml).says(["secrets-exec.yaml:2:", &remedy]);
        }
    }
    let local = Sandbox::new().local(&format!(r#"{{"8080":"{CANARY}"}}"#));
    local.declaration("env:\n  A: \"8080\"\n").run().launched().has("A", CANARY);
}

#[test]
fn an_unknown_key_is_told_with_the_legal_ones_and_without_what_follows_from_it() {
    for (yaml, said, unsaid) in [
        ("env:\n  A: { form: x }\n", "unknown key \"form\"", "exactly one of"),
        ("env:\n  A: { optonal: true }\n", "unknown key \"optonal\"", "exactly one of"),
        ("apiVersion: v1\nkind: Secret\n", "unknown key \"apiVersion\"", "under `env:`"),
        ("nope: 1\n", "unknown key \"nope\"; expected one of defaults, secrets, env", "did you mean"),
        ("defaults: { nope: 1 }\n", "unknown key \"nope\"; expected one of region, fallback-region", "did you mean"),
    ] {
        declaring(yaml).says([said]).says_nothing_of(unsaid);
    }
    let run = declaring("env:\n  A: x\n  A: y\n  1B: x\nnope: 1\nenv:\n  C: z\n");
    let facts = ["the key \"A\" is already on line 2", "\"1B\" cannot be the name", "unknown key \"nope\""];
    run.says(facts).says(["the key \"env\""]);
    // A key that could be a value is not printed.
    for key in [format!("app:{CANARY}"), "x".repeat(65), "pass word".to_owned()] {
        declaring(&format!("? \"{key}\"\n: x\n")).says(["unknown key"]).says_nothing_of(&key);
    }
}

#[test]
fn a_literal_in_the_place_of_a_reference_is_not_printed_and_told_where_it_goes() {
    let refused = |entry: &str| Sandbox::new().args(["-e", entry]).run();
    let run = refused("DB_PASSWORD=hunter2 is my secret!");
    has_line(run.refused(64), "error", "--env DB_PASSWORD=…: a secret's name cannot contain ' '");
    has_line(run.says_nothing_of("hunter2"), "help", "NAME: { value: … }");
    let run = declaring("env:\n  M: \"hello world\"\n  N: \"x:k:BAD STAGE\"\n");
    has_line(run.says_nothing_of("hello"), "help", "in a declaration write NAME: { value: … }");
    assert!(run.stderr().lines().last().unwrap().contains("a STAGE or VERSION-ID cannot contain ' '"), "{run}");
    has_line(&refused("A=$SECRET"), "help", "a variable in a reference is written ${NAME}");
    has_line(&refused("A=prod/db#host"), "help", "a key follows a colon, as in prod/db:host");
}

#[test]
fn a_line_with_a_value_is_never_shown() {
    for yaml in [
        format!("env:\n  A: {{ value: {CANARY}: x }}\n"),
        format!("env:\n  A: {{ value: [{CANARY}] }}\n"),
        format!("env:\n  A:\n    value: {CANARY}: x\n"),
        format!("env:\n  A:\n    value:\n      {CANARY}: x: y\n"),
        format!("env:\n  A: {{ from: x, default: {CANARY}: x }}\n"),
        format!("env:\n  A: {{ \"val\\u0075e\": {CANARY}: x }}\n"),
        format!("env:\n  DB_PASSWORD: {CANARY}: x\n"),
        format!("env:\n  X: don't\n  B:\n    value: 'start\n  C: {CANARY}: y'\n"),
    ] {
        // The sandbox asserts that the canary is not on standard error.
        declaring(&yaml).says(["secrets-exec.yaml:"]);
    }
}
