//! The completions of bash, zsh and fish, given by these shells themselves.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::sandbox::Sandbox;
use crate::support::skip::{can, skipped};

/// Prints the completions of the last argument after the other ones, which are the words of the line as bash splits it.
const BASH: &str = r#"
source "$1" || exit
shift
function=$(complete -p secrets-exec | sed 's/.* -F \([^ ]*\).*/\1/')
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE} COMP_TYPE=9 COMP_KEY=9
"$function" secrets-exec "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"#;

/// Types the line, then a tab, in an interactive shell, which writes what is added to the list of completions to `found`.
const ZSH: &str = r#"
zmodload zsh/zpty || exit
zpty shell zsh -f -i
zpty -w shell "source ./init.zsh"
zpty -r -m shell shown '*ready*' || exit
zpty -w -n shell "$1"$'\t'
zpty -r -m shell shown '*end of completions*' || exit
cat found
"#;

/// The file `init.zsh`. The texts that the other side waits for are not in it as such, since the terminal may echo it.
const ZSH_INIT: &str = r#"
PROMPT=
: >found
autoload -Uz compinit && compinit -u -D
source ./completions
bindkey '^I' complete-word
zstyle ':completion:*' insert-tab false
compadd() {
    # With these, the completions are only returned to the caller.
    if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
        local -a hits
        builtin compadd -A hits "$@"
        (( $#hits )) && print -rl -- $hits >>found
    fi
    builtin compadd "$@"
}
finished() { print "end of ""completions"; exit }
comppostfuncs=(finished)
zle-line-init() { print "rea""dy" }
zle -N zle-line-init
"#;

const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// Returns the script that the program prints.
fn script(shell: &str) -> String {
    Sandbox::new().args(["completions", shell]).bare().run().launched_silently().stdout()
}

/// Returns what a shell offers at the end of a line, without the option that a value belongs to; `None` where the shell is missing.
fn offered(shell: &str, line: &str) -> Option<BTreeSet<String>> {
    let probe: &[&str] = match shell {
        "zsh" => &["zsh", "-f", "-c", "zmodload zsh/zpty"],
        _ => &[shell, "-c", "true"],
    };
    if !can(probe, &format!("the completions of {shell}")) {
        return None;
    }
    let sandbox = Sandbox::new()
        .file("completions", script(shell))
        .file("secrets.yaml", "")
        .file("folder/file", "")
        .target_writes_stderr();
    let command: Vec<&str> = match shell {
        "bash" => {
            // bash splits words at `=`, too.
            let words = line.split(' ').flat_map(|word| match word.split_once('=') {
                Some((before, after)) => vec![before, "=", after],
                None => vec![word],
            });
            ["bash", "--norc", "-c", BASH, "bash", "./completions"].into_iter().chain(words).collect()
        }
        "zsh" => vec!["zsh", "-f", "-c", ZSH, "zsh", line],
        _ => vec!["fish", "-c", "source ./completions; complete -C $argv[1]", line],
    };
    let run = sandbox.file("init.zsh", ZSH_INIT).command(command).control();
    assert!(run.stderr().is_empty(), "{shell}: {line}: {run}");
    let stdout = run.stdout();
    let words = stdout.lines().map(|line| line.split('\t').next().unwrap_or_default());
    let words = words.map(|word| word.split_once('=').map_or(word, |(_, value)| value));
    Some(words.filter(|word| !word.is_empty()).map(str::to_owned).collect())
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Asserts that each shell offers exactly these words.
fn offers(line: &str, expected: &[&str]) {
    for shell in SHELLS {
        if let Some(offered) = offered(shell, line) {
            assert_eq!(offered, set(expected), "{shell}: {line}");
        }
    }
}

/// Asserts that each shell offers these words, and perhaps others.
fn offers_among_others(line: &str, expected: &[&str]) {
    for shell in SHELLS {
        if let Some(offered) = offered(shell, line) {
            assert!(offered.is_superset(&set(expected)), "{shell}: {line}: {offered:?}");
        }
    }
}

/// The options of a command that begin with two hyphens, from its `--help`.
fn options_of_help(command: &str) -> BTreeSet<String> {
    let help = Sandbox::new().args(command.split_whitespace()).arg("--help").bare().run().launched_silently().stdout();
    let options = help.lines().filter(|line| line.trim_start().starts_with('-'));
    let options = options.filter_map(|line| line.split([' ', '[', '.', '=']).find(|word| word.starts_with("--")));
    options.map(str::to_owned).collect()
}

#[test]
fn the_options_of_each_command_are_those_of_its_help() {
    for command in ["", "check ", "policy ", "export ", "completions ", "man "] {
        let expected = options_of_help(command);
        assert!(expected.contains("--help"), "{expected:?}");
        for shell in SHELLS {
            if let Some(mut offered) = offered(shell, &format!("secrets-exec {command}--")) {
                assert_eq!(offered.remove("--"), ["", "check "].contains(&command), "{shell}: {command}: {offered:?}");
                assert_eq!(offered, expected, "{shell}: {command}");
            }
        }
    }
}

#[test]
fn the_first_word_is_a_command_or_the_separator() {
    offers_among_others(
        "secrets-exec ",
        &["check", "policy", "export", "migrate", "install", "credential", "completions", "man", "--"],
    );
    offers("secrets-exec ch", &["check"]);
}

#[test]
fn a_command_is_offered_as_the_first_word_only() {
    offers("secrets-exec check pol", &[]);
    offers("secrets-exec --quiet pol", &[]);
}

#[test]
fn a_program_and_its_arguments_are_completed_after_the_separator() {
    offers_among_others("secrets-exec --env A=b -- mkfif", &["mkfifo"]);
    offers_among_others("secrets-exec check -- mkfif", &["mkfifo"]);
    offers("secrets-exec -- cat secr", &["secrets.yaml"]);
}

#[test]
fn no_program_is_offered_after_the_separator_of_a_command_that_takes_none() {
    offers("secrets-exec policy -- mkfif", &[]);
}

#[test]
fn a_name_after_the_separator_is_a_program_and_no_command_of_ours() {
    offers("secrets-exec -- check --offl", &[]);
}

#[test]
fn limited_values_are_offered() {
    offers("secrets-exec export --format ", &["shell", "dotenv", "json", "docker"]);
    offers("secrets-exec export --format=d", &["dotenv", "docker"]);
    offers("secrets-exec completions ", &SHELLS);
}

#[test]
fn fish_describes_each_format() {
    if !can(&["fish", "-c", "true"], "the completions of fish") {
        return;
    }
    let sandbox = Sandbox::new().file("completions", script("fish"));
    let line = "source ./completions; complete -C 'secrets-exec export --format '";
    let shown = sandbox.command(["fish", "-c", line]).control().stdout();
    let shown: BTreeSet<&str> = shown.lines().collect();
    let formats = ["Commands for eval", "A .env file", "An object of strings", "An env file of Docker"];
    let names = ["shell", "dotenv", "json", "docker"];
    let expected: Vec<String> = names.iter().zip(formats).map(|(name, help)| format!("{name}\t{help}")).collect();
    assert_eq!(shown, expected.iter().map(String::as_str).collect());
}

#[test]
fn options_that_take_a_file_are_followed_by_files() {
    for option in ["-f ", "--file ", "--file=", "--local ", "--ca-bundle "] {
        offers(&format!("secrets-exec {option}secr"), &["secrets.yaml"]);
    }
    offers("secrets-exec export -o secr", &["secrets.yaml"]);
}

#[test]
fn a_word_that_names_a_file_or_a_directory_is_completed_as_one() {
    offers("secrets-exec migrate secr", &["secrets.yaml"]);
    for shell in SHELLS {
        if let Some(offered) = offered(shell, "secrets-exec install fold") {
            let names: Vec<&str> = offered.iter().map(|name| name.trim_end_matches('/')).collect();
            assert_eq!(names, ["folder"], "{shell}");
        }
    }
}

#[test]
fn a_value_that_nobody_knows_is_followed_by_nothing() {
    offers("secrets-exec --env ", &[]);
    offers("secrets-exec check --region ", &[]);
}

#[test]
fn bash_completion_completes_the_arguments_of_the_program() {
    let package = "/usr/share/bash-completion/bash_completion";
    if !Path::new(package).exists() {
        return skipped(&format!("{package} does not exist"));
    }
    let ours = format!("source {package}\ncomplete -W 'alpha beta' program\n{}", script("bash"));
    let words = ["secrets-exec", "-e", "A", "=", "b", "--", "program", "al"];
    let command = ["bash", "--norc", "-c", BASH, "bash", "./completions"].into_iter().chain(words);
    let run = Sandbox::new().file("completions", ours).command(command).target_writes_stderr().control();
    assert_eq!(run.stdout(), "alpha\n", "{run}");
}

#[test]
fn an_unknown_shell_is_an_error_that_names_the_known_ones() {
    for shell in ["powershell", "sh", ""] {
        let run = Sandbox::new().args(["completions", shell]).bare().run();
        run.refused(64).says(["bash", "zsh", "fish", shell]);
    }
    let run = Sandbox::new().args(["completions", "Fish"]).bare().run();
    run.refused(64).says(["did you mean fish?"]);
}

#[test]
fn no_shell_is_an_error_that_names_the_known_ones() {
    Sandbox::new().arg("completions").bare().run().refused(64).says(["SHELL", "bash", "zsh", "fish"]);
}
