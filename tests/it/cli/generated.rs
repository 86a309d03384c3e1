//! The man page and the completions are accepted by the programs that read them, and list the same
//! things as `--help`. So do the lists in the pages of `docs/`.

use std::collections::BTreeSet;

use crate::support::skip::can;
use crate::support::*;

/// What the program prints with these arguments.
fn printed(arguments: &[&str]) -> String {
    Sandbox::new()
        .args(arguments)
        .bare()
        .run()
        .launched_silently()
        .stdout()
}

/// The long options that a help or a page mentions.
fn long_options(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    words
        .filter(|word| word.starts_with("--") && !word.trim_matches('-').is_empty())
        .map(str::to_owned)
        .collect()
}

/// The names of the subcommands that the help lists.
fn commands(help: &str) -> Vec<&str> {
    let (_, section) = help.split_once("\nSubcommands").unwrap();
    let lines = section.lines().skip(1).take_while(|line| !line.is_empty());
    lines
        .filter_map(|line| line.split_whitespace().next())
        .collect()
}

/// The numbers at the beginning of lines.
fn statuses<'t>(lines: impl Iterator<Item = &'t str>) -> BTreeSet<u8> {
    lines
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
        .collect()
}

fn section<'t>(text: &'t str, begin: &str, end: &str) -> &'t str {
    let rest = text.split_once(begin).map(|(_, rest)| rest);
    let rest = rest.unwrap_or_else(|| panic!("{begin}: {text}"));
    rest.split(end).next().unwrap()
}

#[test]
fn the_help_the_man_page_and_docs_options_md_list_the_same_exit_statuses() {
    let help = printed(&["--help"]);
    let of_help = statuses(section(&help, "Exit status", "\n\n\n").lines());
    let page = printed(&["man"]).replace(['"', '\\'], "");
    let page = page.replace("fB", "").replace("fR", "");
    let of_page = statuses(section(&page, "\n.SH EXIT STATUS\n", "\n.SH ").lines());
    let options = repository_file("docs/options.md");
    let (_, table) = options.split_once("\n## Exit status\n").unwrap();
    let of_options = statuses(table.lines().filter_map(|line| line.strip_prefix("| ")));
    let expected = BTreeSet::from([64, 70, 75, 77, 78, 126, 127]);
    for seen in [of_help, of_page, of_options] {
        assert_same(&seen, &expected, "exit statuses");
    }
}

#[test]
fn groff_and_man_show_the_man_page_without_a_warning() {
    for program in ["groff -man -ww -rCHECKSTYLE=3 -Tutf8", "man --warnings -l"] {
        let name = program.split(' ').next().unwrap();
        if !can(&["sh", "-c", "command -v \"$0\"", name], "the man page") {
            continue;
        }
        let sandbox = Sandbox::new()
            .file("page.1", printed(&["man"]))
            .env("MANPAGER", "cat")
            .target_writes_stderr();
        let shows = "{ grep -q 'Run a command' shown || echo it shows nothing >&2; }";
        let run = sandbox
            .script(&format!("{program} ./page.1 >shown; {shows}"))
            .control();
        assert!(run.stderr().is_empty(), "{program}: {run}");
    }
    // whatis(1) and apropos(1) read this section.
    let page = printed(&["man"]).replace(['"', '\\'], "");
    let name = section(&page, "\n.SH NAME\n", "\n");
    assert!(name.starts_with("secrets-exec - "), "{page}");
}

#[test]
fn the_man_page_lists_the_same_options_as_the_help_of_every_subcommand() {
    /// The long options at the beginning of those lines that define one.
    fn options<'t>(lines: impl Iterator<Item = &'t str>) -> BTreeSet<String> {
        let lines = lines
            .map(str::trim_start)
            .filter(|line| line.starts_with('-'));
        let words = lines.map(|line| line.split([' ', '[', '.', '=']));
        words
            .filter_map(|mut words| words.find(|word| word.starts_with("--")))
            .map(str::to_owned)
            .collect()
    }
    let launch = printed(&["--help"]);
    let mut all = options(launch.lines());
    for command in commands(&launch) {
        all.extend(options(printed(&[command, "--help"]).lines()));
    }
    assert!(all.contains("--offline") && all.contains("--external-id"));
    let page = [r"\fB", r"\fI", r"\fR", r"\%"]
        .iter()
        .fold(printed(&["man"]), |page, escape| page.replace(escape, ""));
    let page = page.replace(r"\-", "-");
    let items = page.split("\n.TP\n").skip(1);
    let of_page = options(items.filter_map(|item| item.lines().next()));
    assert_same(&of_page, &all, "the man page, and the help");
}

/// The long options in the first column of the tables of a section.
fn tabled_options(section: &str) -> BTreeSet<String> {
    section
        .lines()
        .filter_map(|line| line.strip_prefix('|')?.split('|').next())
        .flat_map(long_options)
        .collect()
}

#[test]
fn docs_options_md_lists_exactly_the_options_of_a_launch() {
    let options = repository_file("docs/options.md");
    let of_help = long_options(&printed(&["--help"]));
    assert_same(&tabled_options(&options), &of_help, "the page, and --help");
}

#[test]
fn docs_output_md_lists_exactly_the_options_that_only_a_subcommand_has() {
    let page = repository_file("docs/output.md");
    let launch = printed(&["--help"]);
    let of_launch = long_options(&launch);
    for name in commands(&launch) {
        let quoted = format!("`{name}`");
        assert!(page.contains(&quoted), "{name}");
        let mut sections = page.split("\n## ").skip(1);
        let section = sections.find(|section| section.lines().next().unwrap().contains(&quoted));
        let Some(section) = section else {
            let has_options = ["check", "policy", "export"].contains(&name);
            assert!(!has_options, "{name} has no section");
            continue;
        };
        let help = printed(&[name, "--help"]);
        let (usage, _) = help.split_once("\nExamples:").unwrap();
        // If a subcommand has only the options of a launch, its help lists them all under headings.
        let (_, options) = usage.split_once("\nOptions:").unwrap_or_default();
        let options = long_options(options);
        let own: BTreeSet<String> = options.difference(&of_launch).cloned().collect();
        assert_same(&tabled_options(section), &own, name);
    }
}

#[test]
fn docs_output_md_and_the_usage_of_export_list_exactly_the_formats_of_the_help() {
    let help = printed(&["export", "--help"]);
    let of_help: BTreeSet<&str> = section(&help, "Possible values:\n", "\n\n")
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- ")?.split(':').next())
        .collect();

    let page = repository_file("docs/output.md");
    let of_page: BTreeSet<&str> = section(&page, "\n| format | ", "\n\n")
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    assert_same(&of_page, &of_help, "the page, and the help");

    let run = Sandbox::new().arg("export").bare().run();
    let usage = run.ended(Status::Exit(64)).stderr();
    let of_usage = section(&usage, "help: use secrets-exec export --format ", " ");
    let of_usage = of_usage.split('|').collect();
    assert_same(&of_usage, &of_help, "the usage error, and the help");
}

#[test]
fn docs_templates_md_lists_exactly_the_filters_of_the_help_and_of_the_parser() {
    let page = repository_file("docs/templates.md");
    let of_page: BTreeSet<&str> = section(&page, "\n| filter | ", "\n\n")
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(|filter| filter.split('(').next().unwrap())
        .collect();

    let run = Sandbox::new()
        .declaration("env: {A: {template: '{{ env.B | none }}'}}")
        .run();
    let help = run.refused(78, ["isn't a filter"]).stderr();
    let of_help = section(&help, "and the filters ", " for a key that doesn't exist");
    let of_help: BTreeSet<&str> = of_help
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !["", "and", "as", "the", "first"].contains(word))
        .collect();
    assert_same(&of_page, &of_help, "the page, and the help of an error");

    let parser = repository_file("src/model/entry/template.rs");
    let of_parser: BTreeSet<&str> = parser
        .lines()
        .filter_map(|line| line.trim().strip_prefix("(\"")?.split_once("\", Some("))
        .map(|(filter, _)| filter)
        .collect();
    assert_same(&of_page, &of_parser, "the page, and the parser");
}

/// Prints the completions of the last argument. The arguments before it are the words of the line,
/// as bash splits it.
const BASH: &str = r#"
source "$1" || exit
shift
function=$(complete -p secrets-exec | sed 's/.* -F \([^ ]*\).*/\1/')
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE} COMP_TYPE=9 COMP_KEY=9
"$function" secrets-exec "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"#;

/// Returns what a shell offers at the end of a line, or `None` if the shell isn't installed.
fn offered(shell: &str, line: &str) -> Option<BTreeSet<String>> {
    if !can(&[shell, "-c", ":"], &format!("the completions of {shell}")) {
        return None;
    }
    let sandbox = Sandbox::new()
        .file("completions", printed(&["completions", shell]))
        .target_writes_stderr();
    let mut command = match shell {
        "bash" => vec!["bash", "--norc", "-c", BASH, "bash", "./completions"],
        _ => vec!["fish", "-c", "source ./completions; complete -C \"$argv\""],
    };
    command.extend(line.split(' '));
    let run = sandbox.command(command).control();
    assert!(run.stderr().is_empty(), "{shell}: {line}: {run}");
    let words = run.stdout();
    let words = words.lines().filter_map(|line| line.split('\t').next());
    let words = words.map(|word| word.trim_end_matches('=').to_owned());
    Some(words.filter(|word| !word.is_empty()).collect())
}

#[test]
fn bash_and_fish_complete_the_options_of_a_launch_and_of_a_subcommand() {
    for shell in ["bash", "fish"] {
        for (line, option) in [
            ("secrets-exec --env-f", "--env-from"),
            ("secrets-exec check --offl", "--offline"),
        ] {
            let expected = BTreeSet::from([option.to_owned()]);
            let offered = offered(shell, line);
            assert!(offered.is_none_or(|offered| offered == expected), "{line}");
        }
    }
}

#[test]
fn zsh_loads_the_printed_completions_without_an_error() {
    if can(&["zsh", "-c", "true"], "the completions of zsh") {
        let script = "autoload -Uz compinit && compinit -u -D && source ./completions && print $_comps[secrets-exec]";
        let sandbox = Sandbox::new().file("completions", printed(&["completions", "zsh"]));
        let run = sandbox.command(["zsh", "-f", "-c", script]).control();
        run.launched_silently().printed("_secrets-exec\n");
    }
}
