//! Compares docs/reference.md with the program: it lists the options of `--help`, and its declarations are right.

use std::collections::BTreeSet;

use crate::docs::page::Page;
use crate::support::sandbox::{CANARY, Sandbox, repository_file};

fn long_options(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    words.filter(|word| word.starts_with("--") && !word.trim_matches('-').is_empty()).map(str::to_owned).collect()
}

fn help() -> String {
    let run = Sandbox::new().arg("--help").bare().run();
    run.launched().stdout()
}

#[test]
fn the_options_of_the_reference_are_those_of_the_help() {
    let reference = repository_file("docs/reference.md");
    let (_, options) = reference.split_once("\n## Options\n").unwrap();
    let options = options.split_once("\n## ").unwrap().0;
    let first_cells = options.lines().filter_map(|line| line.strip_prefix('|')?.split('|').next());
    let documented: BTreeSet<String> = first_cells.flat_map(long_options).collect();
    let known = long_options(&help());
    assert!(known.len() > 10, "{known:?}");
    assert_eq!(documented, known);
}

/// The names of the commands that the help lists.
fn commands(help: &str) -> Vec<&str> {
    let (_, section) = help.split_once("\nCommands").unwrap();
    let lines = section.lines().skip(1).take_while(|line| !line.is_empty());
    lines.filter_map(|line| line.split_whitespace().next()).collect()
}

#[test]
fn the_commands_of_the_help_are_in_the_reference() {
    let (reference, help) = (repository_file("docs/reference.md"), help());
    assert_eq!(
        commands(&help),
        ["check", "policy", "export", "migrate", "install", "credential", "completions", "man"]
    );
    for command in commands(&help) {
        assert!(reference.contains(&format!("`{command}`")), "{command}");
    }
}

#[test]
fn the_options_in_the_references_section_of_a_command_are_those_that_only_this_command_has() {
    let (reference, launch) = (repository_file("docs/reference.md"), help());
    let sections = reference.split("\n## ").skip(1);
    let of =
        |name: &str| sections.clone().find(|section| section.lines().next().unwrap().contains(&format!("`{name}`")));
    let documented: Vec<_> = commands(&launch).into_iter().filter_map(|name| Some((name, of(name)?))).collect();
    for name in ["check", "policy", "export", "credential"] {
        assert!(documented.iter().any(|(documented, _)| *documented == name), "{name} has no section");
    }
    for (name, section) in documented {
        let help = Sandbox::new().args([name, "--help"]).bare().run().launched().stdout();
        let (usage, _) = help.split_once("\nExamples:").unwrap();
        // A command with none but options of a launch has them all under headings.
        let options = usage.split_once("\nOptions:").map_or("", |(_, options)| options);
        let own: BTreeSet<String> = long_options(options).difference(&long_options(&launch)).cloned().collect();
        let cells = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('|').next());
        assert_eq!(cells.flat_map(long_options).collect::<BTreeSet<_>>(), own, "{name}");
    }
}

#[test]
fn the_exit_statuses_of_the_reference_are_those_of_the_help() {
    let reference = repository_file("docs/reference.md");
    let (_, section) = reference.split_once("\n## Exit status\n").unwrap();
    let statuses = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse::<u8>().ok());
    let documented: BTreeSet<u8> = statuses.collect();
    let help = help();
    let (_, section) = help.split_once("Exit status").unwrap();
    let words = section.split(|c: char| !c.is_ascii_digit());
    let known: BTreeSet<u8> = words.filter_map(|word| word.parse().ok()).collect();
    assert_eq!(documented, known);
    assert_eq!(known, BTreeSet::from([64, 70, 75, 77, 78, 126, 127]));
}

#[test]
fn the_large_declaration_of_the_reference_is_one() {
    let run = Sandbox::new()
        .declaration(Page::read("docs/reference.md").blocks("yaml")[0])
        .local(&format!(r#"{{"prod/database/postgresql": {{"host": "{}"}}}}"#, CANARY))
        .run();
    // Its secrets do not exist, so every error must be about one of them.
    let complaints: Vec<String> = run.refused(78).stderr().lines().map(str::to_owned).collect();
    assert!(complaints.iter().all(|line| !line.contains("unknown") && !line.contains("expected")), "{complaints:#?}");
}

#[test]
fn the_names_that_env_from_refuses_are_those_of_the_reference() {
    let source = repository_file("src/model/entry/env_from.rs");
    let (_, list) = source.split_once("const UNSAFE_NAMES: &[&str] = &[").unwrap();
    let refused = list.split_once("];").unwrap().0.split('"').skip(1).step_by(2);
    let reference = repository_file("docs/reference.md");
    let (_, section) = reference.split_once("names that make programs run code").unwrap();
    let section = section.split_once("If one is meant").unwrap().0;
    let words = section.split(|c: char| c.is_whitespace() || matches!(c, ',' | '.' | ':'));
    let documented: BTreeSet<&str> = words.filter(|word| word.chars().any(|c| c.is_ascii_uppercase())).collect();
    assert_eq!(documented, refused.collect());
}
