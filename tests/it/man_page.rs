//! The man page: accepted by the programs that show it, and in step with `--help`.

use std::collections::BTreeSet;

use crate::support::sandbox::Sandbox;
use crate::support::skip::can;

const COMMANDS: [&str; 8] = ["check", "policy", "export", "migrate", "install", "credential", "completions", "man"];

fn printed(arguments: &[&str]) -> String {
    Sandbox::new().args(arguments).bare().run().launched_silently().stdout()
}

/// The page without troff's escapes.
fn plain_page() -> String {
    let page = printed(&["man"]);
    [r"\fB", r"\fI", r"\fR", r"\%"].iter().fold(page, |page, escape| page.replace(escape, "")).replace(r"\-", "-")
}

/// The page's section of this name.
fn section(name: &str) -> String {
    let page = plain_page().replace('"', "");
    let (_, rest) = page.split_once(&format!("\n.SH {name}\n")).unwrap_or_else(|| panic!("{name}: {page}"));
    rest.split("\n.SH ").next().unwrap().to_owned()
}

/// The long options at the beginning of lines that define one.
fn options<'t>(lines: impl Iterator<Item = &'t str>) -> BTreeSet<String> {
    let lines = lines.map(str::trim_start).filter(|line| line.starts_with('-'));
    let words = lines.filter_map(|line| line.split([' ', '[', '.', '=']).find(|word| word.starts_with("--")));
    words.map(str::to_owned).collect()
}

/// The tags of the page's section of this name.
fn tags(name: &str) -> BTreeSet<String> {
    let section = section(name);
    options(section.split("\n.TP\n").skip(1).filter_map(|item| item.lines().next()))
}

/// Asserts that a program has nothing to say about the page.
fn is_accepted_by(program: &[&str]) {
    if !can(&["sh", "-c", "command -v \"$0\"", program[0]], "the man page") {
        return;
    }
    let sandbox = Sandbox::new().file("page.1", printed(&["man"])).env("MANPAGER", "cat").target_writes_stderr();
    let shows = "{ grep -q 'become a command' shown || echo it shows nothing >&2; }";
    let run = sandbox.script(&format!("{} ./page.1 >shown; {shows}", program.join(" "))).control();
    assert!(run.stderr().is_empty(), "{program:?}: {run}");
}

#[test]
fn groff_warns_of_nothing() {
    is_accepted_by(&["groff", "-man", "-ww", "-rCHECKSTYLE=3", "-Tutf8"]);
}

#[test]
fn man_shows_it_without_a_warning() {
    is_accepted_by(&["man", "--warnings", "-l"]);
}

#[test]
fn mandoc_finds_no_fault_of_style() {
    if !can(&["sh", "-c", "command -v mandoc"], "the man page") {
        return;
    }
    let sandbox = Sandbox::new().file("page.1", printed(&["man"])).target_writes_stderr();
    let run = sandbox.command(["mandoc", "-Tlint", "page.1"]).control();
    assert_eq!((run.stdout(), run.stderr()), (String::new(), String::new()));
}

#[test]
fn whatis_and_apropos_can_read_its_name() {
    let name = section("NAME");
    assert!(name.starts_with("secrets-exec - ") && name.len() > 20, "{name}");
}

#[test]
fn its_options_are_those_of_the_help() {
    let help = printed(&["--help"]);
    assert_eq!(tags("OPTIONS"), options(help.lines()));
    let all = COMMANDS.iter().flat_map(|command| options(printed(&[command, "--help"]).lines()));
    let own: BTreeSet<String> = all.collect::<BTreeSet<_>>().difference(&options(help.lines())).cloned().collect();
    assert!(own.contains("--offline") && own.contains("--for-role") && own.contains("--format"), "{own:?}");
    // An option of a launch is not repeated, and two commands may have one of the same name.
    assert_eq!(tags("COMMANDS"), own);
}

#[test]
fn its_usage_lines_and_examples_are_those_of_the_help() {
    // Lines are broken at blanks.
    let page = plain_page().replace('\n', " ").replace(r"\(aq", "'").replace(r"\*(Aq", "'").replace(r"\(ti", "~");
    for command in ["", "check", "policy", "export", "migrate", "install", "credential", "completions", "man"] {
        let help = printed(&[&[command][usize::from(command.is_empty())..], &["--help"]].concat());
        let lines = help.lines().map(|line| line.trim_start().trim_start_matches("Usage: "));
        // The usage of a launch ends with the names of all commands, which the page has one by one.
        let lines = lines.filter(|line| line.contains("secrets-exec ") && !line.contains("check|policy"));
        let lines: Vec<&str> = lines.filter(|line| !line.ends_with('.')).collect();
        assert!(lines.len() > 1, "{help}");
        for line in lines {
            assert!(page.contains(line), "{line:?}: {page}");
        }
    }
}

#[test]
fn its_exit_statuses_are_those_of_the_help() {
    let help = printed(&["--help"]);
    let (_, of_help) = help.split_once("Exit status").unwrap();
    let statuses = of_help.lines().filter_map(|line| line.split_whitespace().next()?.parse::<u8>().ok());
    let section = section("EXIT STATUS");
    let tags = section.lines().filter_map(|line| line.parse::<u8>().ok());
    assert_eq!(tags.collect::<BTreeSet<_>>(), statuses.collect::<BTreeSet<_>>());
    for command in COMMANDS {
        let help = printed(&[command, "--help"]);
        let (_, of_help) = help.split_once("Exit status").unwrap();
        let (_, of_page) = section.split_once(&format!("\n.TP\n{command}\n")).unwrap_or_else(|| panic!("{section}"));
        let of_page = of_page.split("\n.TP\n").next().unwrap();
        assert_eq!(numbers(of_page), numbers(of_help), "{command}");
    }
}

fn numbers(text: &str) -> BTreeSet<u8> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect()
}
