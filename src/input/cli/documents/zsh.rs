//! The completions of zsh, by its function `_arguments`.

use std::fmt::Write;

use super::described::{Argument, DescribedLine, DescribedOption, FileKind, names};
use crate::model::quoting::single_quoted;

/// Returns the script.
pub fn zsh(lines: &[DescribedLine]) -> String {
    let named = || lines.iter().filter_map(|line| Some((line.name.as_deref()?, line)));
    let commands: Vec<&str> = named().map(|(name, _)| name).collect();
    let described: String = named().fold(String::new(), |mut text, (name, line)| {
        let _ = writeln!(text, "    {}", single_quoted(&format!("{name}:{}", line.about)));
        text
    });
    let cases: String = lines.iter().rev().map(case).collect();
    TEMPLATE.replace("@PATTERN@", &commands.join("|")).replace("@DESCRIBED@", &described).replace("@CASES@", &cases)
}

/// Returns the branch of one command line; that of the launch is the last one, for any other name.
fn case(line: &DescribedLine) -> String {
    let mut case = format!("    ({})\n", line.name.as_deref().unwrap_or("*"));
    if line.takes_program {
        let awaits = line.options.iter().filter(|option| matches!(option.takes, Argument::Text(_) | Argument::File(_)));
        let awaits: Vec<String> = awaits.flat_map(DescribedOption::spellings).collect();
        let _ = writeln!(case, "      takes_program=1");
        let _ = writeln!(case, "      [[ $words[CURRENT-1] == ({}) ]] || offers_separator=1", awaits.join("|"));
    }
    case.push_str("      arguments=(\n");
    for spec in line.options.iter().flat_map(specs) {
        let _ = writeln!(case, "        {}", single_quoted(&spec));
    }
    if !line.values.is_empty() {
        let _ = writeln!(case, "        {}", single_quoted(&format!("1: :({})", names(&line.values))));
    }
    let files = match line.files {
        Some(FileKind::Any) => Some("_files"),
        Some(FileKind::Directory) => Some("_files -/"),
        None => None,
    };
    if let Some(files) = files {
        let _ = writeln!(case, "        {}", single_quoted(&format!("1: :{files}")));
    }
    case.push_str("      )\n      ;;\n");
    case
}

/// Returns the specifications for `_arguments`, one for each spelling. Unless it may be repeated, one excludes the other.
fn specs(option: &DescribedOption) -> Vec<String> {
    let spellings: Vec<String> = option.spellings().collect();
    let excluded = if option.is_repeatable { "*".to_owned() } else { format!("({})", spellings.join(" ")) };
    let help = escaped(&option.help);
    let spec = |spelling: &String| {
        let is_long = spelling.starts_with("--");
        // The argument: in the same word or the next one (`=`, `+`), or in the same word only (`=-`).
        let (joint, argument) = match &option.takes {
            Argument::Nothing => ("", String::new()),
            Argument::Optional(name) => ("=-", format!("::{}: ", escaped(name))),
            Argument::Text(name) => (if is_long { "=" } else { "+" }, format!(":{}: ", escaped(name))),
            Argument::File(name) => (if is_long { "=" } else { "+" }, format!(":{}:_files", escaped(name))),
            Argument::OneOf(name, values) => {
                (if is_long { "=" } else { "+" }, format!(":{}:({})", escaped(name), names(values)))
            }
        };
        format!("{excluded}{spelling}{joint}[{help}]{argument}")
    };
    spellings.iter().map(spec).collect()
}

/// Escapes what ends a description in a specification.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        if matches!(c, '\\' | ':' | '[' | ']') {
            escaped.push('\\');
        }
        escaped.push(c);
        escaped
    })
}

/// The script, but for the names of the commands and their branches.
const TEMPLATE: &str = r#"#compdef secrets-exec
# Completions of secrets-exec for zsh: a file _secrets-exec in a directory of $fpath, or after compinit:
#   source <(secrets-exec completions zsh)

_secrets-exec() {
  local curcontext="$curcontext" state line ret=1
  local -A opt_args
  local -a arguments names separator
  local name='' takes_program='' offers_separator=''
  local -i last=${words[(i)--]}
  names=(
@DESCRIBED@  )
  separator=('--:the command follows')
  if (( CURRENT > 2 )) && [[ $words[2] == (@PATTERN@) ]]; then
    name=$words[2]
  fi
  case $name in
@CASES@  esac
  if (( last < CURRENT )); then
    # The command after `--` is completed as if it stood alone.
    [[ -n $takes_program ]] || return 1
    shift $last words
    (( CURRENT -= last ))
    _normal
    return
  fi
  if [[ -n $name ]]; then
    words[2]=()
    (( CURRENT -= 1 ))
  elif (( CURRENT == 2 )); then
    _describe -t commands command names && ret=0
  fi
  if [[ -n $offers_separator && $words[CURRENT] == (|-|--) ]]; then
    _describe -o -t separator separator separator && ret=0
  fi
  _arguments -s -S : $arguments && ret=0
  return ret
}

if [[ $funcstack[1] == _secrets-exec ]]; then
  _secrets-exec "$@"
else
  compdef _secrets-exec secrets-exec
fi
"#;
