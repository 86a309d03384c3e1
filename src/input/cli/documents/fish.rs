//! The completions of fish.

use std::fmt::Write;

use super::described::{Argument, Choice, DescribedLine, DescribedOption, FileKind};

/// Returns the script.
pub fn fish(lines: &[DescribedLine]) -> String {
    let named = || lines.iter().filter_map(|line| Some((line.name.as_deref()?, line)));
    let names: Vec<&str> = named().map(|(name, _)| name).collect();
    let launching = lines.iter().filter(|line| line.takes_program).map(|line| line.name.as_deref().unwrap_or(LAUNCH));
    let launching: Vec<&str> = launching.collect();
    let mut script = TEMPLATE.replace("@NAMES@", &names.join(" ")).replace("@LAUNCHING@", &launching.join(" "));
    for (name, line) in named() {
        let _ = writeln!(script, "{COMPLETE} first' -a {name} -d {}", quoted(&line.about));
    }
    for line in lines {
        let condition = format!("{COMPLETE} {}'", line.name.as_deref().unwrap_or(LAUNCH));
        for option in &line.options {
            let _ = writeln!(script, "{condition}{}", option_arguments(option));
        }
        if !line.values.is_empty() {
            let _ = writeln!(script, "{condition} -a {}", choices(&line.values));
        }
        match line.files {
            Some(FileKind::Any) => {
                let _ = writeln!(script, "{condition} -F");
            }
            Some(FileKind::Directory) => {
                let _ = writeln!(script, "{condition} -a '(__fish_complete_directories)'");
            }
            None => {}
        }
        if line.takes_program {
            let _ = writeln!(script, "{condition} -a -- -d 'the command follows'");
        }
    }
    script
}

/// The beginning of each completion, whose condition ends with the name of a state.
const COMPLETE: &str = "complete -c secrets-exec -n '__secrets_exec_at";

/// The state of a launch, whose name is none of a command.
const LAUNCH: &str = "launch";

/// Returns the arguments of fish's `complete` for an option.
fn option_arguments(option: &DescribedOption) -> String {
    let short = option.short.map(|letter| format!(" -s {letter}")).unwrap_or_default();
    let takes = match &option.takes {
        Argument::Nothing | Argument::Optional(_) => String::new(),
        Argument::Text(_) => " -x".to_owned(),
        Argument::File(_) => " -r -F".to_owned(),
        Argument::OneOf(_, values) => format!(" -x -a {}", choices(values)),
    };
    format!("{short} -l {}{takes} -d {}", option.long, quoted(&option.help))
}

/// Returns the values, each with its description, as a list that fish expands: `'shell\t"Commands for eval" json'`.
fn choices(values: &[Choice]) -> String {
    let choice = |Choice { name, help }: &Choice| match help.as_str() {
        "" => name.clone(),
        help => format!("{name}\\t\"{help}\""),
    };
    format!("'{}'", values.iter().map(choice).collect::<Vec<_>>().join(" "))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

/// The beginning of the script, but for the names of the commands.
const TEMPLATE: &str = r#"# Completions of secrets-exec for fish: ~/.config/fish/completions/secrets-exec.fish, or:
#   secrets-exec completions fish | source

# Succeeds if the words before the cursor lead to this state: `first` for the first word, `launch` for the options of a
# launch, the name of a command, or `program` after `--`.
function __secrets_exec_at -a state
    set -l words (commandline -opc)
    set -e words[1]
    set -l names @NAMES@
    set -l name launch
    if set -q words[1]; and contains -- $words[1] $names
        set name $words[1]
    end
    if contains -- -- $words
        test $state = program; and contains -- $name @LAUNCHING@
    else if test $state = first
        not set -q words[1]
    else
        test $state = $name
    end
end

# Completes the command after `--` as if it stood alone.
function __secrets_exec_program
    set -l words (commandline -opc)
    set -l separator (contains -i -- -- $words)
    set -e words[1..$separator]
    set -l line (string escape -- $words) (commandline -ct)
    complete -C "$line"
end

complete -c secrets-exec -f
complete -c secrets-exec -n '__secrets_exec_at program' -a '(__secrets_exec_program)'
"#;
