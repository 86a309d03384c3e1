//! Usage errors: status 64, with a reason, before anything is read or started.

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Outcome;
use crate::support::pty::terminal;
use crate::support::sandbox::Sandbox;

fn refuses(state: impl FnOnce(Sandbox) -> Sandbox, facts: &[&str]) -> Outcome {
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
    let run = state(Sandbox::new().aws(&aws)).run();
    run.refused(64).says(facts.iter().copied());
    assert!(aws.calls().is_empty(), "{run}");
    run
}

fn refuses_binding(binding: &str, facts: &[&str]) {
    refuses(|sandbox| sandbox.resolve(binding), facts);
}

#[test]
fn help_is_printed_on_standard_output() {
    for option in ["--help", "-h"] {
        let run = Sandbox::new().arg(option).bare().run();
        let help = run.launched_silently().stdout();
        for word in ["--env", "--file", "--region", "--timeout", "--local", "COMMAND"] {
            assert!(help.contains(word), "{word}: {help}");
        }
    }
}

fn help(option: &str) -> String {
    Sandbox::new().arg(option).bare().run().launched_silently().stdout()
}

#[test]
fn the_short_help_is_less_than_half_of_the_long_one_and_names_it() {
    let (short, long) = (help("-h"), help("--help"));
    assert!(short.lines().count() * 2 < long.lines().count(), "{short}");
    assert!(short.contains("--help") && !short.contains("--external-id"), "{short}");
    assert!(long.contains("--external-id") && long.contains("Exit status"), "{long}");
}

#[test]
fn the_help_wraps_at_the_width_of_the_terminal() {
    for columns in [50, 80] {
        let help = Sandbox::new().arg("--help").bare().through(terminal(columns)).run().launched().stdout();
        let example = |line: &str| line.trim_start().starts_with("secrets-exec ");
        let longest = help.lines().filter(|line| !example(line)).map(|line| line.chars().count()).max();
        assert!(longest.is_some_and(|longest| longest <= columns.into()), "{columns}: {help}");
    }
    let help = Sandbox::new().arg("--help").bare().through(terminal(150)).run().launched().stdout();
    let paragraph = help.lines().find(|line| line.starts_with("Options under")).unwrap();
    assert!(paragraph.chars().count() > 110, "{help}");
}

#[test]
fn the_version_is_printed_on_standard_output() {
    for option in ["--version", "-V"] {
        let run = Sandbox::new().arg(option).bare().run();
        run.launched_silently().printed(format!("secrets-exec {}\n", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn help_after_the_separator_is_the_commands() {
    let run = Sandbox::new().declaration("env:\n  A: { value: v }\n").command(["printf", "%s\\n", "--help"]).run();
    run.launched_silently().printed("--help\n");
}

#[test]
fn a_forgotten_separator_is_told_as_such() {
    refuses(|sandbox| sandbox.resolve("A=x:k").args(["echo", "hi"]).bare(), &["--", "echo"]);
}

#[test]
fn a_forgotten_separator_before_a_command_with_options_is_told_as_such() {
    refuses(|sandbox| sandbox.resolve("A=x:k").args(["node", "--inspect"]).bare(), &["--"]);
}

#[test]
fn no_command_is_a_usage_error() {
    refuses(|sandbox| sandbox.resolve("A=x:k").bare(), &["--"]);
}

#[test]
fn nothing_after_the_separator_is_a_usage_error() {
    refuses(|sandbox| sandbox.resolve("A=x:k").args(["--"]).bare(), &[]);
}

#[test]
fn nothing_at_all_is_a_usage_error() {
    refuses(Sandbox::bare, &[]);
}

#[test]
fn an_unknown_option_is_a_usage_error() {
    refuses(|sandbox| sandbox.resolve("A=x:k").args(["--regoin", "eu-west-1"]), &["--regoin", "--region"]);
}

#[test]
fn an_option_without_its_value_is_a_usage_error() {
    refuses(|sandbox| sandbox.args(["--region"]).bare(), &["--region"]);
}

#[test]
fn an_option_given_twice_is_a_usage_error_or_the_last_wins() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
    let sandbox = Sandbox::new().aws(&aws).resolve("A=x:k");
    let run = sandbox.args(["--region", "eu-west-1", "--region", "eu-west-2"]).run();
    match run.stdout.is_empty() {
        true => assert_eq!(run.refused(64).stdout, b""),
        false => assert_eq!(aws.only_read().region(), "eu-west-2"),
    }
}

#[test]
fn a_binding_without_an_equals_sign_is_a_usage_error() {
    refuses_binding("DB_HOST", &["DB_HOST", "="]);
}

#[test]
fn an_illegal_variable_name_is_a_usage_error() {
    for binding in ["1A=x:k", "A-B=x:k", "A B=x:k", "=x:k", "Ä=x:k", "A.B=x:k"] {
        refuses_binding(binding, &[]);
    }
}

#[test]
fn an_empty_reference_is_a_usage_error() {
    refuses_binding("DB_HOST=", &["DB_HOST"]);
}

#[test]
fn a_reference_without_a_secret_is_a_usage_error() {
    refuses_binding("DB_HOST=:key", &["DB_HOST"]);
}

#[test]
fn a_reference_with_too_many_fields_is_a_usage_error() {
    refuses_binding("DB_HOST=x:k:s:v:more", &["DB_HOST"]);
}

#[test]
fn a_name_with_a_character_that_aws_forbids_is_a_usage_error() {
    for reference in ["no blanks", "a#b", "a*b", "a,b", "ä", "a\nb", "$x"] {
        refuses_binding(&format!("DB_HOST={reference}"), &["DB_HOST"]);
    }
}

#[test]
fn an_arn_cut_short_is_a_usage_error() {
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret";
    let mut cut = arn;
    while let Some((shorter, _)) = cut.rsplit_once(':') {
        refuses_binding(&format!("DB_HOST={cut}"), &["DB_HOST"]);
        cut = shorter;
    }
    refuses_binding(&format!("DB_HOST={arn}:"), &["DB_HOST"]);
}

#[test]
fn an_arn_of_another_service_is_a_usage_error() {
    for arn in [
        "arn:aws:s3:::bucket/key",
        "arn:aws:iam::123456789012:role/app",
        "arn:aws:secretsmanager:us-east-1:123456789012:parameter:x",
    ] {
        refuses_binding(&format!("DB_HOST={arn}"), &["DB_HOST"]);
    }
}

#[test]
fn an_arn_without_a_region_or_an_account_is_a_usage_error() {
    for arn in [
        "arn:aws:secretsmanager::123456789012:secret:x-AbCdEf",
        "arn:aws:secretsmanager:us-east-1::secret:x-AbCdEf",
        "arn::secretsmanager:us-east-1:123456789012:secret:x-AbCdEf",
    ] {
        refuses_binding(&format!("DB_HOST={arn}"), &["DB_HOST"]);
    }
}

#[test]
fn a_region_that_would_choose_another_host_is_a_usage_error() {
    for region in ["evil.example", "us-east-1.evil.example", "a/b", "a#b", "a@b", "a b", "us-east-1?", ""] {
        let arn = format!("arn:aws:secretsmanager:{region}:123456789012:secret:x-AbCdEf");
        refuses_binding(&format!("DB_HOST={arn}"), &["DB_HOST"]);
        refuses(|sandbox| sandbox.resolve("A=x:k").arg(format!("--region={region}")), &["region"]);
    }
}

#[test]
fn an_arn_with_more_fields_than_ecs_knows_is_a_usage_error() {
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf";
    refuses_binding(&format!("DB_HOST={arn}:k:s:v:more"), &["DB_HOST"]);
}

#[test]
fn a_bad_path_is_a_usage_error_on_lines_of_ours() {
    for path in ["$.", "$[", "$.a[", "$['a", "$.with-hyphen"] {
        refuses_binding(&format!("DB_HOST=x:{path}"), &["DB_HOST"]);
    }
}

#[test]
fn an_argument_that_is_not_utf_8_is_a_usage_error() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    refuses(|sandbox| sandbox.arg("-e").arg(OsStr::from_bytes(b"A=x\xff:k")), &[]);
}

#[test]
fn a_bad_duration_is_a_usage_error() {
    for duration in ["soon", "-1s", "10", "1 fortnight", ""] {
        refuses(|sandbox| sandbox.resolve("A=x:k").arg(format!("--timeout={duration}")), &["timeout"]);
    }
}

#[test]
fn a_bad_endpoint_option_is_a_usage_error() {
    for url in ["notaurl", "localhost:4566", ""] {
        refuses(|sandbox| sandbox.resolve("A=x:k").arg(format!("--endpoint-url={url}")), &["endpoint-url"]);
    }
}

#[test]
fn a_role_that_is_no_arn_is_a_usage_error() {
    refuses(|sandbox| sandbox.resolve("A=x:k").args(["--role-arn", "Reader"]), &["role-arn"]);
}

#[test]
fn every_wrong_binding_is_told() {
    refuses(|sandbox| sandbox.resolve("1A=x:k").resolve("B=").resolve("C=x:$["), &["1A", "B", "C"]);
}

#[test]
fn each_command_has_a_help_of_its_own() {
    for command in ["check", "policy", "export", "migrate", "install", "credential", "completions", "man"] {
        let page = |option| Sandbox::new().args([command, option]).bare().run().launched_silently().stdout();
        for help in [page("-h"), page("--help")] {
            assert!(help.contains(&format!("Usage: secrets-exec {command}")), "{help}");
            assert!(help.contains("Example") && !help.contains("COMMAND [ARG]"), "{help}");
        }
    }
    for command in ["check", "policy", "export", "credential"] {
        let page = |option| Sandbox::new().args([command, option]).bare().run().launched_silently().stdout();
        let (short, long) = (page("-h"), page("--help"));
        assert!(short.lines().count() * 2 < long.lines().count() && !short.contains("--external-id"), "{short}");
        assert!(long.contains("--external-id") && long.contains("Exit status"), "{long}");
    }
}

#[test]
fn the_help_names_the_other_commands() {
    for option in ["-h", "--help"] {
        let help = help(option);
        for command in ["check", "policy", "export", "migrate", "install", "credential", "completions", "man"] {
            assert!(help.contains(&format!("\n  {command} ")), "{command}: {help}");
        }
    }
}

/// Asserts that these words are refused, with these facts, in words of ours.
fn refuses_words(words: &[&str], facts: &[&str]) -> Outcome {
    let run = refuses(|sandbox| sandbox.args(words).bare(), facts);
    for theirs in ["Usage:", "For more information", "tip:", "argument '", "<"] {
        run.says_nothing_of(theirs);
    }
    run
}

#[test]
fn an_unknown_option_of_a_command_is_corrected() {
    refuses_words(&["check", "--ofline"], &["unknown option --ofline", "did you mean --offline?"]);
    refuses_words(&["policy", "--acount", "1", "--regoin=x"], &["--account", "--region"]);
    refuses_words(&["man", "--foo"], &["unknown option --foo"]);
}

#[test]
fn an_option_of_another_command_is_told_as_such() {
    refuses_words(&["--offline", "--", "env"], &["--offline is an option of check", "secrets-exec check --offline"]);
    refuses_words(&["export", "--offline"], &["--offline is an option of check, not of export", "leave --offline out"]);
    refuses_words(&["check", "--format", "json"], &["--format is an option of export, not of check", "write --json"]);
    refuses_words(&["completions", "--region", "r", "bash"], &["--region is an option of a launch, check", "leave"]);
}

#[test]
fn a_value_that_is_missing_or_none_of_the_possible_ones_is_told_with_those() {
    let formats = ["shell", "dotenv", "json", "docker"];
    refuses_words(&["export"], &[&["export requires --format FORMAT"][..], &formats].concat());
    refuses_words(&["export", "--format"], &[&["--format: its value is missing"][..], &formats].concat());
    refuses_words(&["export", "--format", "yaml"], &[&["\"yaml\" is not one of"][..], &formats].concat());
    refuses_words(&["export", "--format=dotnev"], &["did you mean dotenv?"]);
    for format in ["env", ".env"] {
        refuses_words(&["export", "--format", format], &["did you mean dotenv?"]);
    }
    for shell in ["sh", "/bin/bash", "--bash"] {
        refuses_words(&["completions", shell], &["did you mean bash?"]);
    }
    for words in [&["completions", "--shell", "bash"][..], &["completions", "--shell=bash"]] {
        refuses_words(words, &["did you mean secrets-exec completions bash?"]);
    }
    refuses_words(&["policy", "--account"], &["--account: its value is missing", "--account ID"]);
}

#[test]
fn a_format_that_is_written_like_an_option_is_corrected() {
    for format in ["shell", "dotenv", "json", "docker"] {
        let run = refuses_words(&["export", &format!("--{format}")], &[&format!("did you mean --format {format}?")]);
        run.says_nothing_of("-f FILE");
    }
}

#[test]
fn options_of_check_that_exclude_each_other_are_told_with_the_reason() {
    refuses_words(&["check", "--offline", "--describe"], &["--offline and --describe exclude each other: ", "AWS"]);
}

#[test]
fn a_reference_without_an_option_is_told_to_need_one() {
    for words in [&["check", "prod/db"][..], &["export", "prod/db"], &["prod/db", "--", "env"]] {
        refuses_words(words, &["unexpected \"prod/db\"", "write --env NAME=prod/db"]);
    }
    for program in ["./prod/db", "/bin/db"] {
        refuses_words(&["check", program], &[&format!("secrets-exec check -- {program}")]);
    }
}

#[test]
fn nothing_to_resolve_is_told_with_the_ways_to_name_something_and_the_help_of_the_command() {
    let run = refuses_words(&["check"], &["--env NAME=REF", "-f FILE", "secrets-exec check --help"]);
    run.says(["secrets-exec.yml or secrets-exec.json"]);
}

#[test]
fn the_help_of_export_leaves_out_the_options_that_have_no_effect_there() {
    let run = Sandbox::new().args(["export", "--help"]).bare().run();
    let help = run.launched_silently().stdout();
    assert!(!help.contains("--as-file") && !help.contains("--notify-ready"), "{help}");
}

#[test]
fn the_help_says_which_options_are_repeatable() {
    let help = help("--help");
    for option in ["--env ", "--env-from ", "--as-file ", "--file ", "--resolve-env "] {
        // The entry up to the next option.
        let (_, entry) = help.split_once(option).unwrap();
        assert!(entry.split("--").next().unwrap().contains("(repeatable)"), "{option}: {help}");
    }
}

#[test]
fn a_flag_with_a_value_is_told_to_take_none() {
    refuses_words(&["check", "--offline=1"], &["--offline takes no value"]);
    refuses_words(&["-q=1", "--", "env"], &["-q takes no value"]);
}

#[test]
fn a_word_that_a_command_does_not_take_is_told_with_what_was_meant() {
    refuses_words(&["check", "node"], &["\"node\"", "secrets-exec check -- node"]);
    refuses_words(&["check", "secrets.yaml"], &["-f secrets.yaml"]);
    refuses_words(&["export", "json"], &["--format json"]);
    refuses_words(&["man", "x"], &["man takes no arguments"]);
    refuses_words(&["completions", "bash", "zsh"], &["\"zsh\"", "completions takes one shell"]);
}

#[test]
fn a_command_after_the_separator_of_one_that_takes_none_is_an_error() {
    for command in ["policy", "export", "credential", "man"] {
        refuses_words(&[command, "--", "node"], &["\"node\"", &format!("{command} takes no command")]);
    }
}

#[test]
fn a_separator_without_a_command_is_an_error_of_check() {
    refuses_words(&["check", "--"], &["no command after `--`"]);
}

#[test]
fn the_name_of_a_command_that_is_misspelled_or_not_in_front_is_corrected() {
    refuses_words(&["chekc", "--offline"], &["did you mean check?", "write: secrets-exec check --offline"]);
    refuses_words(&["--region", "us-east-1", "check"], &["write: secrets-exec check --region us-east-1"]);
    refuses_words(&["help", "check"], &["secrets-exec check --help"]);
    refuses_words(&["version"], &["--version"]);
}

#[test]
fn a_corrected_command_line_holds_no_password() {
    let run = refuses(
        |sandbox| sandbox.args(["--ca-bundle", "http://u:hunter2@x", "-e", "A=hunter 2", "check"]).bare(),
        &["write: "],
    );
    run.says_nothing_of("hunter");
}
