//! The completions of bash 4 or newer, with or without the package bash-completion.

use std::fmt::Write;

use super::described::{Argument, DescribedLine, DescribedOption, FileKind, names};

/// Returns the script.
pub fn bash(lines: &[DescribedLine]) -> String {
    let commands: Vec<&str> = lines.iter().filter_map(|line| line.name.as_deref()).collect();
    let cases: String = lines.iter().rev().map(case).collect();
    TEMPLATE
        .replace("@NAMES@", &commands.join(" "))
        .replace("@PATTERN@", &commands.join(" | "))
        .replace("@CASES@", &cases)
}

/// Returns the branch of one command line; that of the launch is the last one, for any other name.
fn case(line: &DescribedLine) -> String {
    let mut options: Vec<String> = line.options.iter().flat_map(DescribedOption::spellings).collect();
    options.extend(line.takes_program.then(|| "--".to_owned()));
    let mut case = format!("    {})\n", line.name.as_deref().unwrap_or("*"));
    let _ = writeln!(case, "        options='{}' words='{}'", options.join(" "), names(&line.values));
    let _ = writeln!(case, "        takes_program={}", if line.takes_program { "1" } else { "" });
    let files = match line.files {
        Some(FileKind::Any) => "-f",
        Some(FileKind::Directory) => "-d",
        None => "",
    };
    let _ = writeln!(case, "        files={files}");
    let _ = writeln!(case, "        case $option in");
    let spelled = |takes: fn(&Argument) -> bool| {
        let options = line.options.iter().filter(|option| takes(&option.takes)).flat_map(DescribedOption::spellings);
        options.collect::<Vec<_>>().join(" | ")
    };
    for (pattern, action) in [
        (spelled(|argument| matches!(argument, Argument::File(_))), "_secrets_exec_files; return"),
        (spelled(|argument| matches!(argument, Argument::Text(_))), "return"),
    ] {
        if !pattern.is_empty() {
            let _ = writeln!(case, "        {pattern}) {action} ;;");
        }
    }
    for option in &line.options {
        if let Argument::OneOf(_, values) = &option.takes {
            let pattern = option.spellings().collect::<Vec<_>>().join(" | ");
            let _ = writeln!(case, "        {pattern}) options='{0}' words='{0}' is_value=1 ;;", names(values));
        }
    }
    let _ = writeln!(case, "        esac\n        ;;");
    case
}

/// The script, but for the names of the commands and their branches.
///
/// bash splits words at COMP_WORDBREAKS, by default also at `=` and `:`, each of which is then a word.
const TEMPLATE: &str = r#"# Completions of secrets-exec for bash. Load them with:
#   source <(secrets-exec completions bash)

_secrets_exec() {
    local cur=${2-${COMP_WORDS[COMP_CWORD]}} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local name='' option='' prefix='' is_value='' options words files takes_program i
    COMPREPLY=()
    if ((COMP_CWORD > 1)); then
        case ${COMP_WORDS[1]} in @PATTERN@) name=${COMP_WORDS[1]} ;; esac
    fi
    # The option whose argument is completed.
    case $before in
    = | :) is_value=1 option=${COMP_WORDS[COMP_CWORD - 2]} ;;
    -*) option=$before ;;
    esac
    case $word in
    = | :) is_value=1 option=$before cur='' ;;
    --*=*) is_value=1 option=${word%%=*} prefix=$option= cur=${cur#*=} ;;
    esac
    case $name in
@CASES@    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} == -- ]]; then
            [[ $takes_program ]] && _secrets_exec_program "$((i + 1))"
            return
        fi
    done
    if [[ $is_value && ! $words ]]; then
        return
    elif ((COMP_CWORD == 1)) && [[ $cur != -* ]]; then
        words='@NAMES@ --'
    elif [[ $files && $cur != -* ]]; then
        _secrets_exec_files "$files"
        return
    elif [[ $cur == -* || ! $words ]]; then
        words=$options
    fi
    mapfile -t COMPREPLY < <(compgen -P "$prefix" -W "$words" -- "$cur")
}

_secrets_exec_files() {
    mapfile -t COMPREPLY < <(compgen -P "$prefix" "${1--f}" -- "$cur")
    compopt -o filenames 2>/dev/null
}

# Completes the command after `--`, whose name is the word of this number.
_secrets_exec_program() {
    if declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif ((COMP_CWORD == $1)); then
        mapfile -t COMPREPLY < <(compgen -c -- "$cur")
    else
        _secrets_exec_files
    fi
}

complete -F _secrets_exec secrets-exec
"#;
