//! The names of the variables that `env-from` makes of the keys of a JSON object, and the names
//! that it refuses.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use glob::Pattern;

use crate::model::env_variables::{EnvName, known_patterns, matches_any};

/// The selection of keys, and the rules for the names of their variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Naming {
    /// The beginning of every name. It is used as written.
    pub prefix: String,
    /// If given, only these keys are selected. Each of them must exist.
    pub only: Option<Vec<String>>,
    /// Keys that are not selected.
    pub except: Vec<String>,
    /// For a renamed key, the part of the name after the prefix.
    pub rename: BTreeMap<String, String>,
    pub case: Case,
}

/// The case of the letters in a name. In both cases, characters outside `[A-Za-z0-9_]` become `_`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Case {
    #[default]
    Upper,
    Keep,
}

/// The reason why a key can't set a variable, and the name that the variable would have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamingError {
    /// The name begins with a digit, or is empty.
    Illegal(String),
    /// A variable with this name makes programs run code or misread their environment.
    Unsafe(EnvName),
}

/// The names that `env-from` refuses, in upper or lower case. Anyone who can write a secret chooses
/// its keys, and must not be able to change how programs start.
const UNSAFE_NAMES: &str = "\
    PATH HOME SHELL IFS ENV BASH_ENV SHELLOPTS BASHOPTS PS0 PS1 PS2 PS4 PROMPT_COMMAND LD_* DYLD_* GCONV_PATH GLIBC_TUNABLES MALLOC_* \
    LISTEN_* NODE_OPTIONS NODE_EXTRA_CA_CERTS NODE_PATH PYTHON* PERL5* RUBYLIB RUBYOPT CLASSPATH JAVA_TOOL_OPTIONS _JAVA_OPTIONS \
    JDK_JAVA_OPTIONS NPM_CONFIG_* DOTNET_* CORECLR_* COR_* PHPRC PHP_INI_SCAN_DIR OPENSSL_CONF OPENSSL_MODULES OPENSSL_ENGINES \
    SSL_CERT_* SSLKEYLOGFILE NODE_TLS_REJECT_UNAUTHORIZED CURL_CA_BUNDLE REQUESTS_CA_BUNDLE *_PROXY GIT_* EDITOR VISUAL PAGER LESSOPEN \
    LESSCLOSE SSH_ASKPASS SUDO_ASKPASS PERLLIB LUA_* ERL_* BUNDLE_* GEM_* ZDOTDIR BASH_LOADABLES_PATH BASH_FUNC_* HOSTALIASES \
    LOCALDOMAIN LOCPATH NLSPATH RES_OPTIONS RESOLV_HOST_CONF TMPDIR TZDIR GETCONF_DIR NIS_PATH TERMINFO* NOTIFY_SOCKET WATCHDOG_* \
    CREDENTIALS_DIRECTORY BUN_* DENO_* GODEBUG XDG_CONFIG_HOME XDG_CONFIG_DIRS XDG_DATA_DIRS KUBECONFIG DOCKER_HOST DOCKER_CONFIG \
    DOCKER_CONTEXT ODBCINI ODBCSYSINI PGSERVICEFILE KRB5_CONFIG SYSTEMD_* R_PROFILE R_PROFILE_USER R_ENVIRON R_ENVIRON_USER TAR_OPTIONS \
    MAKEFLAGS GNUMAKEFLAGS NODE_REDIRECT_WARNINGS NODE_V8_COVERAGE SECRETS_EXEC_* AWS_*";

impl Naming {
    /// True if the key is selected.
    pub fn selects(&self, key: &str) -> bool {
        let listed = |keys: &[String]| keys.iter().any(|other| other == key);
        self.only.as_deref().is_none_or(listed) && !listed(&self.except)
    }

    /// Returns the name of the variable that a key sets: the prefix, and after it the new name from
    /// `rename` or, without a new name, the key with `_` for each character that a variable can't
    /// have.
    ///
    /// # Errors
    /// If the name is illegal or unsafe.
    pub fn variable_name(&self, key: &str) -> Result<EnvName, NamingError> {
        let letters = match self.case {
            Case::Upper => key.to_ascii_uppercase(),
            Case::Keep => key.to_owned(),
        };
        let rest = match self.rename.get(key) {
            Some(renamed) => renamed.clone(),
            None => letters.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "_"),
        };
        let text = format!("{}{rest}", self.prefix);
        let name = EnvName::parse(&text).ok_or(NamingError::Illegal(text))?;

        static UNSAFE_PATTERNS: LazyLock<Vec<Pattern>> =
            LazyLock::new(|| known_patterns(UNSAFE_NAMES));
        if matches_any(&UNSAFE_PATTERNS, &name.as_str().to_ascii_uppercase()) {
            return Err(NamingError::Unsafe(name));
        }
        Ok(name)
    }

    /// Returns the names of all variables that the object can set, if they are known before the
    /// object is read. Returns `None` if they aren't, because there is no `only`. Also returns
    /// `None` if one of the names is illegal or unsafe.
    pub fn variable_names(&self) -> Option<Vec<EnvName>> {
        let selected = self.only.as_ref()?.iter().filter(|key| self.selects(key));
        selected.map(|key| self.variable_name(key).ok()).collect()
    }
}
