//! The environment variables that secrets-exec inherits, and the variables and arguments that it
//! gives the command. `main` reads the process's variables once, and passes them on as a value.
//! Only `remove_empty_variables` changes the process's own variables, for the AWS SDK.

use std::collections::HashSet;
use std::ffi::{CString, OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use glob::Pattern;
use zeroize::Zeroizing;

/// The name of a variable, limited to what every shell supports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvName(Arc<str>);

impl EnvName {
    pub fn parse(text: &str) -> Option<Self> {
        if !is_name(text) {
            return None;
        }
        Some(Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EnvName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// True if the text can be an [`EnvName`].
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && is_alphanumeric_or(text, b"_")
}

/// True for a text of ASCII letters, digits and characters in `others`.
pub fn is_alphanumeric_or(text: impl AsRef<[u8]>, others: &[u8]) -> bool {
    text.as_ref()
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || others.contains(byte))
}

/// The ways to write a variable in a text: `$NAME` and `${NAME}`, as in a shell, and `$(NAME)`, as
/// in Kubernetes.
pub fn placeholders(name: &str) -> [String; 3] {
    [
        format!("${name}"),
        format!("${{{name}}}"),
        format!("$({name})"),
    ]
}

/// NAME in `NAME=value`. Messages show only the name, because the value may be a password.
pub fn assigned_name(word: &str) -> Option<&str> {
    let (name, _) = word.split_once('=')?;
    if !is_name(name) {
        return None;
    }
    Some(name)
}

/// The first name in a .env file, whose lines are `NAME=value` or `export NAME=value`.
pub fn env_file_name(text: &str) -> Option<&str> {
    let first = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'))?;
    assigned_name(first.trim_start_matches("export ").trim_start())
}

/// The prefix of the variables that set our options. The command doesn't inherit them.
pub const OWN_PREFIX: &str = "SECRETS_EXEC_";

/// Compiles a hard-coded list of valid patterns, such as `HOME LC_* TZ`.
pub(super) fn known_patterns(list: &str) -> Vec<Pattern> {
    list.split_whitespace()
        .filter_map(|text| Pattern::new(text).ok())
        .collect()
}

pub fn matches_any(patterns: &[Pattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}

/// Parses a pattern for variable names, such as `AWS_*`, that the user wrote.
pub fn parse_pattern(text: &str) -> Result<Pattern, &'static str> {
    let has_only_known_characters = text
        .replace("[!", "[")
        .chars()
        .all(|c| c.is_alphanumeric() || "_.-%@*?[]".contains(c));
    let is_regular_expression = text.contains(".*") && !text.contains(char::is_lowercase);
    let is_class = text.starts_with('[') && text.find(']') == Some(text.len() - 1);
    let has_sql_wildcard = text
        .replace("%%", "")
        .split('%')
        .skip(1)
        .any(|rest| !rest.starts_with(char::is_alphabetic));
    let is_mistake = !has_only_known_characters
        || is_regular_expression
        || is_class
        || has_sql_wildcard
        || text.is_empty();
    match Pattern::new(text) {
        Ok(pattern) if !is_mistake => Ok(pattern),
        _ => Err("a name pattern, such as AWS_* (only *, ?, [A-Z] and [!A-Z] are special)"),
    }
}

/// Inherited environment variables: either all of them, or only those that the command gets. Names
/// and values don't have to be UTF-8. Clones share their memory.
#[derive(Clone, Default)]
pub struct Inherited(Arc<Vec<(OsString, OsString)>>);

impl Inherited {
    /// If a name occurs more than once, keeps its first value, as getenv(3) does.
    pub fn new(variables: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let mut seen = HashSet::new();
        let first_values = variables
            .filter(|(name, _)| seen.insert(name.clone()))
            .collect();
        Self(Arc::new(first_values))
    }

    /// The value of a variable, which may be empty.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        let (_, value) = self.iter().find(|(other, _)| *other == name)?;
        Some(value)
    }

    /// Treats an empty variable as unset, as the AWS CLI does.
    pub fn non_empty(&self, name: &str) -> Option<&OsStr> {
        self.get(name).filter(|value| !value.is_empty())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// Only the variables whose names satisfy `is_kept`.
    #[must_use]
    pub fn filtered(&self, is_kept: impl Fn(&OsStr) -> bool) -> Self {
        let kept = self
            .0
            .iter()
            .filter(|(name, _)| is_kept(name))
            .cloned()
            .collect();
        Self(Arc::new(kept))
    }

    /// Lets the child use the sockets and the watchdog that systemd set up for its parent
    /// (sd_listen_fds(3), sd_watchdog_enabled(3)). LISTEN_PIDFDID and WATCHDOG_PIDFDID would still
    /// identify the parent. They are optional, so they are removed.
    pub fn replace_process_id(&mut self, parent: i32, child: u32) {
        let variables = Arc::make_mut(&mut self.0);
        variables.retain(|(name, _)| name != "LISTEN_PIDFDID" && name != "WATCHDOG_PIDFDID");
        for (name, id) in variables {
            if (name == "LISTEN_PID" || name == "WATCHDOG_PID") && *id == *parent.to_string() {
                *id = child.to_string().into();
            }
        }
    }
}

/// Lists only the names, because values may be secrets.
impl fmt::Debug for Inherited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

/// What started secrets-exec. The help about missing credentials or a missing region depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    Ecs,
    Lambda,
    Kubernetes,
    /// A systemd unit, or a script that it runs.
    Systemd,
    Sudo,
    GitHubActions,
    Other,
}

impl Platform {
    /// `process_id` is our own, and `stderr` is the device and inode number of our standard error,
    /// such as `9:77`. In a unit, systemd sets SYSTEMD_EXEC_PID and JOURNAL_STREAM
    /// (systemd.exec(5)). One match is enough: if the unit's program is a script that runs
    /// secrets-exec, our process id differs, but our standard error may still be the journal.
    pub fn from_variables(inherited: &Inherited, process_id: u32, stderr: &str) -> Self {
        let is_set = |name| inherited.non_empty(name).is_some();
        let is = |name, value: &str| inherited.get(name) == Some(OsStr::new(value));
        let is_unit_process = is("SYSTEMD_EXEC_PID", &process_id.to_string());

        if is_set("ECS_CONTAINER_METADATA_URI_V4") {
            Self::Ecs
        } else if is_set("AWS_LAMBDA_RUNTIME_API") {
            Self::Lambda
        } else if is_set("KUBERNETES_SERVICE_HOST") {
            Self::Kubernetes
        } else if is_unit_process || is("JOURNAL_STREAM", stderr) {
            Self::Systemd
        } else if is_set("SUDO_USER")
            && !inherited
                .iter()
                .any(|(name, _)| name.as_bytes().starts_with(b"AWS_"))
        {
            Self::Sudo
        } else if is("GITHUB_ACTIONS", "true") {
            Self::GitHubActions
        } else {
            Self::Other
        }
    }

    /// True where programs run unattended. False for GitHub Actions, which callers recognize by the
    /// variable CI.
    pub fn is_deployment(self) -> bool {
        match self {
            Self::Ecs | Self::Lambda | Self::Kubernetes | Self::Systemd => true,
            Self::Sudo | Self::GitHubActions | Self::Other => false,
        }
    }

    /// Specific help for missing credentials, if any.
    pub fn credentials_help(self) -> Option<&'static str> {
        match self {
            Self::Ecs => Some(
                "set taskRoleArn in the task definition (executionRoleArn is used only to start the task)",
            ),
            Self::Lambda => Some(
                "don't unset AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, which Lambda sets for the function's role",
            ),
            Self::Kubernetes => Some(
                "give the pod's service account a role via an EKS Pod Identity association or the annotation eks.amazonaws.com/role-arn",
            ),
            Self::Systemd => Some(
                "set AWS_CONFIG_FILE and AWS_PROFILE with Environment= in the unit, or give the instance a role",
            ),
            Self::Sudo => Some(SUDO_REMEDY),
            Self::GitHubActions => Some(STEP_REMEDY),
            Self::Other => None,
        }
    }

    /// Specific help for a missing region, if any.
    pub fn region_help(self) -> Option<&'static str> {
        match self {
            Self::Systemd => Some("add --region, or set AWS_REGION with Environment= in the unit"),
            Self::Sudo => Some(SUDO_REMEDY),
            Self::GitHubActions => Some(STEP_REMEDY),
            Self::Ecs | Self::Lambda | Self::Kubernetes | Self::Other => None,
        }
    }
}

const SUDO_REMEDY: &str = "sudo removes AWS_* variables and changes HOME: keep those that you need, as in sudo --preserve-env=AWS_PROFILE,AWS_REGION,HOME";

const STEP_REMEDY: &str = "add a step with aws-actions/configure-aws-credentials before this one";

/// The command's environment as execve(2) expects it: a list of `NAME=value`.
pub struct Environment(pub Vec<Zeroizing<CString>>);

impl Environment {
    /// The values in `variables` override those in `retained`, and must not contain NUL bytes.
    pub fn new<'a>(
        retained: &Inherited,
        variables: impl Iterator<Item = (&'a EnvName, &'a [u8])>,
    ) -> Self {
        let set_variables: Vec<(&[u8], &[u8])> = variables
            .map(|(name, value)| (name.as_str().as_bytes(), value))
            .collect();
        let set_names: HashSet<&[u8]> = set_variables.iter().map(|(name, _)| *name).collect();

        let mut strings = Vec::new();
        for (name, value) in retained
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .filter(|(name, _)| !set_names.contains(name))
            .chain(set_variables)
        {
            // This never fails: inherited variables have no NUL bytes, because they came through
            // execve, and the caller has checked the other values.
            if let Ok(string) = CString::from_vec_with_nul([name, b"=", value, b"\0"].concat()) {
                strings.push(Zeroizing::new(string));
            }
        }
        Self(strings)
    }
}

/// The program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine(Vec<OsString>);

impl CommandLine {
    pub fn new(words: Vec<OsString>) -> Option<Self> {
        if words.is_empty() {
            return None;
        }
        Some(Self(words))
    }

    /// The program as the user wrote it: a path if it has a slash, and otherwise a name to look up
    /// in PATH.
    pub fn program(&self) -> &OsStr {
        // The list is never empty, because `new` refuses an empty one.
        self.0.first().map_or(OsStr::new(""), OsString::as_os_str)
    }

    /// The command's argv, beginning with the program.
    pub fn arguments(&self) -> impl Iterator<Item = &OsStr> {
        self.0.iter().map(OsString::as_os_str)
    }
}

/// Linux's limits for execve(2), in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The maximum length of an argument or a `NAME=value`, including its NUL: MAX_ARG_STRLEN,
    /// which is 32 pages.
    pub string: usize,
    /// The maximum length of all strings together, including their NULs and the pointers to them: a
    /// quarter of RLIMIT_STACK, but at least 128 KiB and at most 6 MiB.
    pub total: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inherited_variables_tell_how_secrets_exec_gets_credentials() {
        use Platform::{Ecs, GitHubActions, Kubernetes, Lambda, Other, Sudo, Systemd};
        for (expected, variables) in [
            (
                Ecs,
                "ECS_CONTAINER_METADATA_URI_V4=http://169.254.170.2/v4/0 AWS_REGION=us-east-1",
            ),
            (Lambda, "AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001"),
            (Kubernetes, "KUBERNETES_SERVICE_HOST=10.96.0.1"),
            (Systemd, "SYSTEMD_EXEC_PID=41 JOURNAL_STREAM=9:2"),
            (
                Systemd,
                "SYSTEMD_EXEC_PID=40 JOURNAL_STREAM=9:77 AWS_REGION=us-east-1",
            ),
            (
                Sudo,
                "SUDO_USER=jane SYSTEMD_EXEC_PID=40 JOURNAL_STREAM=9:2",
            ),
            (Other, "SUDO_USER=jane AWS_PROFILE=dev"),
            (
                GitHubActions,
                "GITHUB_ACTIONS=true CI=true SUDO_USER=jane AWS_REGION=us-east-1",
            ),
            (Other, "CI=true SUDO_USER= KUBERNETES_SERVICE_HOST="),
            (
                Kubernetes,
                "KUBERNETES_SERVICE_HOST=10.96.0.1 SYSTEMD_EXEC_PID=41",
            ),
        ] {
            let assignments = variables.split(' ').filter_map(|text| text.split_once('='));
            let pairs = assignments.map(|(name, value)| (name.into(), value.into()));
            let found = Platform::from_variables(&Inherited::new(pairs), 41, "9:77");
            assert_eq!(found, expected, "{variables}");
        }
    }
}
