//! `export` commands for `eval` in sh, bash, dash, zsh and ksh.
//!
//! Values are in single quotes, in which every byte but `'` is literal (POSIX.1-2024, XCU 2.2.2). Quoting crates also use double
//! quotes, adjacent quotes or bare bytes: bash takes a backslash in double quotes for half of a character in locales such as
//! zh_CN.GBK, so that a value could run commands, and zsh reads `''` as a quote with the option RC_QUOTES. With its option
//! CSH_JUNKIE_QUOTES zsh allows no line feed in any quotes, so that such a value is a syntax error there.
//!
//! An assignment to a name that a shell keeps for itself is refused, ignored, or evaluated as an arithmetic expression, which can run
//! commands (`RANDOM='a[$(id)]'`). `tests/peers` compares the lists with the shells.

use super::variable::push_escaped;
use crate::model::outcome::Variable;

/// Writes the command that sets a variable.
///
/// Of a name that shells reserve, the command does nothing in those shells: they would refuse it and end the `eval`, or evaluate
/// the value, which can run commands.
pub fn write(variable: Variable<'_>, text: &mut Vec<u8>) {
    let shells = shells_that_reserve(variable);
    if !shells.is_empty() {
        let versions = shells
            .iter()
            .map(|shell| format!("${{{}-}}", shell.version))
            .collect::<String>();
        text.extend_from_slice(format!("[ \"{versions}\" ] || ").as_bytes());
    }
    text.extend_from_slice(b"export ");
    text.extend_from_slice(variable.name.as_str().as_bytes());
    text.extend_from_slice(b"='");
    push_escaped(text, variable.value, b'\'', br"'\''");
    text.extend_from_slice(b"'\n");
}

/// Returns the warning about a variable that some shells do not let be set.
pub fn warning(variable: Variable<'_>) -> Option<String> {
    let shells: Vec<_> = shells_that_reserve(variable)
        .iter()
        .map(|shell| shell.name)
        .collect();
    let why = "where the name is read-only or has a meaning of the shell's own";
    (!shells.is_empty()).then(|| {
        format!(
            "{} is not set in {}, {why}",
            variable.name,
            shells.join(", ")
        )
    })
}

/// A shell with variables of its own.
#[derive(Debug, PartialEq, Eq)]
struct Shell {
    name: &'static str,
    /// The variable by which a script recognizes the shell.
    version: &'static str,
    /// The variables that cannot be set to every value. The variable of the version is one, since commands are
    /// guarded by it. Separated by blanks.
    names: &'static str,
}

static SHELLS: [Shell; 3] = [
    Shell {
        name: "bash",
        version: "BASH_VERSION",
        names: "\
            BASHOPTS BASHPID BASH_ALIASES BASH_ARGC BASH_ARGV BASH_CMDS BASH_COMMAND BASH_LINENO \
            BASH_MONOSECONDS BASH_SOURCE BASH_SUBSHELL BASH_TRAPSIG BASH_VERSINFO BASH_VERSION DIRSTACK \
            EPOCHREALTIME EPOCHSECONDS EUID FUNCNAME GROUPS HISTCMD LINENO OPTIND PIPESTATUS PPID RANDOM SECONDS \
            SHELLOPTS SHLVL SRANDOM UID _",
    },
    Shell {
        name: "zsh",
        version: "ZSH_VERSION",
        // USERNAME, UID and the like change the user of the shell, if it may; ARGV0 is the first argument of each command.
        names: "\
            ARGC ARGV0 COLUMNS EGID EPOCHREALTIME EPOCHSECONDS ERRNO EUID FUNCNEST GID HISTCHARS HISTCMD HISTSIZE \
            KEYBOARD_HACK KEYTIMEOUT LINENO LINES LISTMAX MAILCHECK OPTIND PPID RANDOM SAVEHIST SECONDS SHLVL \
            TRY_BLOCK_ERROR TRY_BLOCK_INTERRUPT TTYIDLE UID USERNAME WATCH ZSH_EVAL_CONTEXT \
            ZLE_RPROMPT_INDENT ZSH_SUBSHELL ZSH_VERSION _ aliases argv builtins cdpath commands dirstack dis_aliases dis_builtins \
            dis_functions dis_functions_source dis_galiases dis_patchars dis_reswords dis_saliases epochtime \
            errnos fignore fpath funcfiletrace funcsourcetrace funcstack functions functions_source functrace \
            galiases histchars history historywords jobdirs jobstates jobtexts keymaps langinfo mailpath manpath \
            mapfile module_path modules nameddirs options parameters patchars path pipestatus psvar reswords \
            saliases signals status sysparams termcap terminfo userdirs usergroups watch widgets \
            zsh_eval_context zsh_scheduled_events",
    },
    Shell {
        name: "ksh",
        version: "KSH_VERSION",
        names: "\
            BASHPID COLUMNS EPOCHREALTIME HISTCMD HISTSIZE JOBMAX KSHEGID KSHGID KSHUID KSH_VERSION LINENO LINES \
            MAILCHECK OPTIND PGRP PIPESTATUS PPID RANDOM SECONDS SHLVL TMOUT USER_ID _",
    },
];

/// Returns the shells that do not let a variable be set to every value.
fn shells_that_reserve(variable: Variable<'_>) -> Vec<&'static Shell> {
    let name = variable.name.as_str();
    SHELLS
        .iter()
        .filter(|shell| shell.names.split(' ').any(|reserved| reserved == name))
        .collect()
}
