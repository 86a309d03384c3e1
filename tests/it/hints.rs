//! Hints: a common mistake is answered by its remedy.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Outcome;
use crate::support::sandbox::{CANARY, Sandbox};

/// A run of these arguments alone, which is a usage error.
fn refused(arguments: &[&str]) -> Outcome {
    let run = Sandbox::new().args(arguments).bare().run();
    run.refused(64);
    run
}

/// Asserts that a line of this label holds the text.
fn has_line(run: &Outcome, label: &str, text: &str) {
    let is_told = |line: &str| line.starts_with(&format!("secrets-exec: {label}: ")) && line.contains(text);
    assert!(run.stderr().lines().any(is_told), "{label}: {text:?} is not said: {run}");
}

#[test]
fn a_misspelt_option_with_an_argument_gets_the_similar_option() {
    let run = refused(&["--evn", "A=b", "--", "env"]);
    has_line(&run, "error", "unknown option --evn");
    has_line(&run, "help", "did you mean --env?");
    assert_eq!(run.stderr().lines().count(), 2, "{run}");
}

#[test]
fn options_of_other_programs_get_the_option_for_the_purpose() {
    for (option, remedy) in [("--env-file", "-f FILE"), ("--secret", "--env NAME=SECRET:KEY"), ("--config", "-f FILE")]
    {
        let run = refused(&[option, "x", "--", "env"]);
        has_line(&run, "error", &format!("unknown option {option}"));
        has_line(&run, "help", remedy);
        run.says_nothing_of("did you mean");
    }
}

#[test]
fn all_unknown_options_are_told_at_once() {
    refused(&["--regoin", "r", "--nonsense-option", "-x", "--verbos", "--", "env"]).says([
        "unknown option --regoin",
        "unknown option --nonsense-option",
        "unknown option -x",
        "did you mean --verbose?",
    ]);
}

#[test]
fn a_forgotten_equals_sign_is_told_as_such() {
    let run = refused(&["-e", "P", "prod/db:password", "--", "env"]);
    has_line(&run, "error", "-e P: expected NAME=REF");
    has_line(&run, "help", "-e P=prod/db:password");
    run.says_nothing_of("after `--`");
}

/// The lines of a refused run without the program's name.
fn lines_of(arguments: &[&str]) -> Vec<String> {
    refused(arguments).stderr().lines().map(|line| line.replace("secrets-exec: ", "")).collect()
}

#[test]
fn mistakes_around_env_are_told_with_what_to_write() {
    for (arguments, expected) in [
        (&["-e", "A=x", "B=y", "--", "env"][..], "help: write --env B=y"),
        (&["A=prod/db:x", "env"], "help: write --env A=prod/db:x"),
        (&["A=no reference!", "--", "env"], "help: write --env A=…"),
        (&["-e", "A", "=", "prod/db", "--", "env"], "help: write -e A=REF, with no blanks around ="),
        (&["-e", "A=", "prod/db", "--", "env"], "help: write -e A=prod/db, with no blanks around ="),
        (&["-env", "A=x", "--", "env"], "help: did you mean --env?"),
        (&["—env", "A=x", "--", "env"], "help: did you mean --env?"),
        (&["-e", "A=ok", "-", "env"], "help: write two hyphens before the command: --"),
        (&["-e", "A=ok", "—", "env"], "help: write two hyphens before the command: --"),
        (&["--agent", "http://u:p@h", "--", "env"], "help: write --agent=http://***@h"),
    ] {
        let lines = lines_of(arguments);
        assert!(lines.iter().any(|line| line == expected), "{arguments:?}: {lines:?}");
        assert!(lines.iter().all(|line| !line.contains("A==") && !line.contains("NAME=REF -- A")), "{lines:?}");
    }
}

#[test]
fn the_argument_of_an_unknown_option_is_no_second_error() {
    for arguments in
        [&["--env-file", "x.env", "--", "env"], &["-p", "prod", "--", "env"], &["--verbos", "x", "--", "env"]]
    {
        let lines = lines_of(arguments);
        assert_eq!(lines.iter().filter(|line| line.starts_with("error: ")).count(), 1, "{lines:?}");
    }
}

#[test]
fn a_subcommand_of_other_programs_is_told_to_be_left_out() {
    for word in ["run", "exec"] {
        has_line(&refused(&[word, "--", "env"]), "help", &format!("leave \"{word}\" out"));
    }
    for word in ["help", "version"] {
        has_line(&refused(&[word]), "help", &format!("write --{word}"));
    }
}

#[test]
fn a_stray_word_before_the_separator_is_not_told_to_come_after_a_forgotten_one() {
    let run = refused(&["-e", "A=x", "stray", "--", "env"]);
    has_line(&run, "error", "unexpected \"stray\" before `--`");
}

#[test]
fn of_several_stray_words_only_the_first_is_told_with_the_unknown_options() {
    let run = refused(&["one", "two", "--foo", "--", "env"]);
    has_line(&run, "error", "unexpected \"one\" before `--`");
    has_line(&run, "error", "unknown option --foo");
    run.says_nothing_of("two");
}

#[test]
fn an_image_without_a_command_is_told_to_give_one() {
    let run = refused(&["--env", "A=x", "--"]);
    has_line(&run, "error", "no command after `--`");
    has_line(&run, "help", "CMD");
}

#[test]
fn nothing_at_all_names_the_help() {
    has_line(&refused(&[]), "help", "--help");
    has_line(&refused(&["--", "env"]), "help", "--help");
}

/// A launch of this command, of literals only.
fn launch(command: &str) -> Outcome {
    let sandbox = Sandbox::new().declaration("env:\n  A: { value: a }\n").executable("script", "true");
    sandbox.mode("script", 0o644).command([command]).run()
}

#[test]
fn a_bundle_that_does_not_exist_is_named_with_the_reason() {
    let run = Sandbox::new().region("eu-west-1").env("AWS_CA_BUNDLE", "/nope.pem").resolve("A=x").run();
    let missing = "AWS_CA_BUNDLE: \"/nope.pem\" is not a file with root certificates (PEM): no such file or directory";
    has_line(run.refused(64), "error", missing);
}

#[test]
fn without_credentials_the_ways_to_get_some_are_told() {
    let sandbox = || Sandbox::new().region("eu-west-1").env("AWS_EC2_METADATA_DISABLED", "true").resolve("A=x");
    let run = sandbox().run();
    has_line(run.refused(77), "note", "profile: AWS's configuration files have no profile \"default\"");
    has_line(&run, "help", "choose a profile (AWS_PROFILE), log in (`aws sso login`), or give the task");
    let run = sandbox().home_file(".aws/config", "[default]\nregion = eu-west-1\n").run();
    has_line(run.refused(77), "note", "profile: the profile \"default\" of AWS's configuration files has none");
    let run = sandbox().home_file(".aws/config", "[default]\naws_access_key_id = AKIA\n").run();
    run.refused(77).says_nothing_of("choose a profile");
}

#[test]
fn an_agent_without_a_token_or_that_does_not_run_has_hints_of_its_own() {
    let sandbox = || Sandbox::new().region("eu-west-1").arg("--agent=http://127.0.0.1:1").resolve("A=x");
    has_line(sandbox().run().refused(77), "help", "set AWS_TOKEN to the agent's token");
    let run = sandbox().env("AWS_TOKEN", "t").args(["--timeout", "300ms"]).run();
    has_line(run.refused(75), "help", "check that the agent runs, and its port");
    run.says_nothing_of("DNS");
}

#[test]
fn a_profile_that_does_not_exist_is_told_with_the_setting_that_names_it() {
    let sandbox = || Sandbox::new().region("eu-west-1").resolve("A=x").home_file(".aws/config", "[prod]\na = b\n");
    let run = sandbox().args(["--profile", "prod"]).run();
    has_line(run.refused(64), "error", "the AWS profile \"prod\" (--profile) does not exist");
    has_line(&run, "help", "write [profile prod], not [prod]");
    for variable in ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"] {
        let run = sandbox().env(variable, "gone").run();
        has_line(run.refused(64), "error", &format!("the AWS profile \"gone\" ({variable}) does not exist"));
        has_line(&run, "help", "there are no profiles; check HOME and AWS_CONFIG_FILE");
    }
}

#[test]
fn a_proxy_whose_name_is_unknown_is_told_in_few_words() {
    let sandbox = Sandbox::new().region("eu-west-1").env("HTTPS_PROXY", "http://a..b:1").args(["--timeout", "1s"]);
    let sandbox = sandbox.env("AWS_ACCESS_KEY_ID", "AKIA").env("AWS_SECRET_ACCESS_KEY", "secret").resolve("A=x");
    let run = sandbox.run();
    run.refused(75).says(["through the proxy a..b:1: name lookup: "]).says_nothing_of("failed to");
    run.says_nothing_of("tunnel");
}

#[test]
fn an_endpoint_that_does_not_speak_tls_is_told_to_speak_http_perhaps() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
            let _ = stream.read(&mut [0; 1024]);
        }
    });
    let run = Sandbox::new().aws(&Aws::start()).endpoint(&url).args(["--timeout", "1s"]).resolve("A=x").run();
    run.refused(75).says(["the answer is not TLS; the endpoint may speak http"]).says_nothing_of("InvalidContentType");
}

#[test]
fn a_shell_command_line_as_one_word_is_told_to_need_a_shell() {
    for command in ["echo $P", "echo hi", "a|b", "./x --option"] {
        has_line(launch(command).refused(127), "help", "-- sh -c");
    }
    launch("no-such-command").refused(127).says_nothing_of("sh -c");
}

#[test]
fn a_command_of_the_shell_or_an_assignment_is_told_what_to_write() {
    has_line(launch("cd").refused(127), "help", "only a shell has cd; write: -- sh -c");
    let run = launch("A=hunter2");
    has_line(run.refused(127), "error", "A=…: command not found in PATH");
    has_line(run.says_nothing_of("hunter2"), "help", "-- env A=… COMMAND");
    let run = launch("");
    has_line(run.refused(127), "error", "the command after `--` is empty");
    has_line(&run, "help", "may be unset");
}

#[test]
fn the_path_that_was_searched_is_a_note() {
    let run = launch("no-such-command");
    has_line(run.refused(127), "note", "PATH is /");
    assert!(run.stderr().lines().next().unwrap().ends_with("no-such-command: command not found in PATH"), "{run}");
}

#[test]
fn a_path_that_cannot_be_executed_is_named_once() {
    let run = launch("./script");
    assert_eq!(run.refused(126).stderr().matches("./script").count(), 1, "{run}");
}

#[test]
fn an_entry_of_the_command_line_is_told_where_it_could_have_a_default() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"none":null}"#));
    for reference in ["gone", "x:none", "ssm:/gone", "x:$.gone"] {
        let run = Sandbox::new().aws(&aws).resolve(&format!("A={reference}")).run();
        has_line(run.refused(78), "help", "declare the entry in a file, with a `default`");
        run.says_nothing_of("give the entry");
        let run = Sandbox::new().aws(&aws).declaration(&format!("env:\n  A: \"{reference}\"\n")).run();
        has_line(run.refused(78), "help", "give the entry a `default`");
    }
}

#[test]
fn a_remedy_for_a_flag_is_one_that_a_flag_can_follow() {
    let object = r#"{"nul":"a\u0000b","clash":{"a-b":"1","a_b":"2"},"name":{"1x":"3"},"path":{"path":"p"}}"#;
    let aws = Aws::start().secret("x", Secret::json(object)).secret("nul", Secret::json(r#"{"nul":"a\u0000b"}"#));
    for (option, argument, remedy) in [
        ("--env", "B=x:nul", "--as-file B=x:nul"),
        ("--env-from", "nul", "--as-file NUL=SECRET:KEY"),
        ("--env-from", "x:$.clash", "--env-from PREFIX_=x:$.clash"),
        ("--env-from", "x:$.name", "write --env-from PREFIX_=x:$.name"),
        ("--env-from", "x:$.path", "write --env-from PREFIX_=x:$.path"),
    ] {
        let run = Sandbox::new().aws(&aws).args([option, argument]).run();
        has_line(run.refused(78), "help", remedy);
    }
    for (declaration, remedy) in [
        ("env-from: [nul]\n", "or declare it under `env` with `encode: base64`"),
        ("env-from: [\"x:$.clash\"]\n", "help: `rename` one of them"),
        ("env-from: [\"x:$.name\"]\n", "help: `rename` it"),
    ] {
        let run = Sandbox::new().aws(&aws).declaration(declaration).run();
        run.refused(78).says([remedy]).says_nothing_of("--as-file").says_nothing_of("--env-from");
    }
}

#[test]
fn an_entry_that_cannot_have_a_default_is_not_told_to_have_one() {
    let aws = Aws::start();
    for sandbox in
        [Sandbox::new().args(["--env-from", "gone"]), Sandbox::new().declaration("env-from:\n  - { from: gone }\n")]
    {
        let run = sandbox.aws(&aws).run();
        has_line(run.refused(78), "help", "check its name");
        run.says_nothing_of("default");
    }
}

#[test]
fn a_path_of_parameters_without_its_slash_is_told_to_need_it() {
    let slash = "for all parameters below it write ssm:/app/";
    let run = Sandbox::new().aws(&Aws::start()).args(["--env-from", "ssm:/app"]).run();
    has_line(run.refused(78), "help", slash);
    let run =
        Sandbox::new().local(&format!(r#"{{"ssm:/app/host":"{CANARY}"}}"#)).args(["--env-from", "ssm:/app"]).run();
    has_line(run.refused(78), "help", slash);
    Sandbox::new().aws(&Aws::start()).resolve("A=ssm:/app").run().refused(78).says_nothing_of("all parameters");
}

#[test]
fn a_reference_with_a_scheme_is_told_to_have_none() {
    for reference in ["aws-sm://prod/db", "aws-sm://prod/db:password"] {
        let run = Sandbox::new().aws(&Aws::start()).resolve(&format!("A={reference}")).run();
        has_line(run.refused(78), "help", "a reference has no scheme; write SECRET[:KEY");
    }
    let run = Sandbox::new().env("AWS_EC2_METADATA_DISABLED", "true").env_remove("AWS_REGION");
    let run = run.env("AWS_ACCESS_KEY_ID", "AKIA").env("AWS_SECRET_ACCESS_KEY", "k").resolve("A=aws-sm://db").run();
    let stderr = run.refused(78).stderr();
    let hint = stderr.lines().find(|line| line.contains("help: ")).unwrap();
    assert!(hint.contains("a reference has no scheme"), "{run}");
}

#[test]
fn standard_input_is_named_in_words() {
    let aws = Aws::start();
    let run = |declaration: &str| Sandbox::new().aws(&aws).args(["-f", "-"]).stdin(declaration).run();
    run("env:\n  A: gone:k\n").refused(78).says(["A (standard input:2, gone:k)"]);
    run("env:\n  1A: x\n").refused(78).says(["error: standard input:2:3: "]);
    run("").refused(64).says(["no entry in standard input"]);
    let run = Sandbox::new().file("secrets-exec.yml", "").mode("secrets-exec.yml", 0o600).run();
    run.refused(64).says(["there is no entry in secrets-exec.yml"]).says_nothing_of("the working directory has no");
    let run =
        Sandbox::new().local(&format!(r#"{{"x":"{CANARY}"}}"#)).args(["-v", "-f", "-"]).stdin("env: { A: x }").run();
    run.launched().says(["note: A (standard input:1, x)"]);
}

#[test]
fn help_that_cannot_be_printed_is_an_error() {
    for option in ["--help", "-h", "--version"] {
        let run = Sandbox::new().arg(option).bare().prepared_by("exec \"$@\" >/dev/full").run();
        has_line(run.refused(78), "error", "standard output cannot be written: no space left on device");
    }
}

#[test]
fn help_whose_reader_has_read_enough_is_no_error() {
    let script = "trap '' PIPE; { \"$@\"; echo $? >status; } | true; exit $(cat status)";
    Sandbox::new().arg("--help").bare().prepared_by(script).run().launched_silently();
}

/// A refused launch with this declaration.
fn declaring(yaml: &str) -> Outcome {
    let run = Sandbox::new().declaration(yaml).run();
    run.refused(78);
    run
}

#[test]
fn a_variable_at_the_top_of_a_declaration_is_told_to_stand_under_env() {
    let run = declaring("DB_HOST: prod/db:host\nfoo: x\n");
    has_line(&run, "help", "variables stand under `env:`, as in: env: { DB_HOST: prod/db:key }");
    assert_eq!(run.stderr().matches("help: ").count(), 1, "{run}");
}

#[test]
fn a_mistake_in_a_declaration_is_answered_by_what_to_write() {
    for (yaml, remedy) in [
        ("environment:\n  A: x\n", "variables stand under `env:`"),
        ("env:\n  A: { from: prod/db, key: host }\n", "from: \"prod/db:host\""),
        ("env:\n  - A=x\n", "write NAME: REF for each variable, without a hyphen"),
        ("A=b\nC=d\n", "a .env file is no declaration"),
    ] {
        let run = declaring(yaml);
        has_line(&run, "help", remedy);
        assert_eq!(run.stderr().matches("help: ").count(), 1, "{run}");
    }
}

#[test]
fn a_misspelt_source_is_not_told_to_be_missing_too() {
    declaring("env:\n  A: { form: x }\n").says(["unknown key \"form\""]).says_nothing_of("exactly one of");
    declaring("env:\n  A: { optonal: true }\n").says(["unknown key \"optonal\"", "exactly one of"]);
}

#[test]
fn a_key_with_lower_case_letters_at_the_top_is_no_variable() {
    declaring("apiVersion: v1\nkind: Secret\n").says(["unknown key \"apiVersion\""]).says_nothing_of("under `env:`");
}

#[test]
fn an_unknown_key_that_could_be_a_value_is_not_printed() {
    for key in [format!("app:{CANARY}"), "x".repeat(65), "pass word".to_owned()] {
        let run = declaring(&format!("? \"{key}\"\n: x\n"));
        run.says(["unknown key"]).says_nothing_of(&key);
    }
}

#[test]
fn a_literal_in_the_place_of_a_reference_is_not_printed_and_told_where_it_goes() {
    let run = refused(&["-e", "DB_PASSWORD=hunter2 is my secret!", "--", "env"]);
    has_line(&run, "error", "--env DB_PASSWORD=…: a secret's name cannot contain ' '");
    has_line(run.says_nothing_of("hunter2"), "help", "NAME: { value: … }");
    let run = declaring("env:\n  M: \"hello world\"\n  N: \"x:k:BAD STAGE\"\n");
    has_line(run.says_nothing_of("hello"), "help", "a literal is no reference; write NAME: { value: … }");
    assert!(run.stderr().lines().last().unwrap().contains("a STAGE or VERSION-ID cannot contain ' '"), "{run}");
    let run = refused(&["-e", "A=$SECRET", "--", "env"]);
    has_line(&run, "help", "a variable in a reference is written ${NAME}");
    has_line(&declaring("env:\n  A: \"{{ db.host }}\"\n"), "help", "NAME: { template: ");
}

#[test]
fn a_template_without_quotes_is_told_to_need_them() {
    declaring("env:\n  A: {{ db.host }}\n").says(["secrets-exec.yaml:2:7: ", "a template needs quotes"]);
}

#[test]
fn a_number_or_boolean_in_the_place_of_a_reference_is_told_to_be_a_value() {
    for literal in ["8080", "1.10", "true"] {
        let remedy = format!("write {{ value: {literal} }}");
        for yaml in [format!("env:\n  A: {literal}\n"), format!("env:\n  A: {{ from: {literal} }}\n")] {
            declaring(&yaml).says(["secrets-exec.yaml:2:", &remedy]);
        }
    }
    let local = || Sandbox::new().local(&format!(r#"{{"8080":"{CANARY}"}}"#));
    local().declaration("env:\n  A: \"8080\"\n").run().launched().has("A", CANARY);
}

#[test]
fn an_unknown_key_like_no_other_is_told_with_the_legal_ones() {
    declaring("nope: 1\n").says(["unknown key \"nope\"; expected one of defaults, secrets, env"]);
    declaring("defaults: { nope: 1 }\n").says(["unknown key \"nope\"; expected one of region, fallback-region"]);
}

#[test]
fn a_line_with_a_value_is_never_shown() {
    for yaml in [
        format!("env:\n  A: {{ value: {CANARY}: x }}\n"),
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
    let sandbox = Sandbox::new().file("local.yaml", format!("env:\n  A: {CANARY}: x\n")).resolve("A=x");
    sandbox.args(["--local", "local.yaml"]).run().refused(78).says(["local.yaml:2:"]);
}

#[test]
fn duplicate_keys_are_told_with_the_other_mistakes() {
    let run = declaring("env:\n  A: x\n  A: y\n  1B: x\nnope: 1\nenv:\n  C: z\n");
    run.says([
        "the key \"A\" is already on line 2",
        "\"1B\" cannot be the name",
        "unknown key \"nope\"",
        "the key \"env\"",
    ]);
}
