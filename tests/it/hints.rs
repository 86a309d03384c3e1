//! Hints: a common mistake is answered by its remedy.

use crate::support::outcome::Outcome;
use crate::support::sandbox::Sandbox;

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
