//! `env-from`: which variables the keys of a JSON object become, and which they must not.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use glob::Pattern;

use super::origin::Origin;
use crate::model::env_name::EnvName;
use crate::model::name_patterns::{known_patterns, matches_any};
use crate::model::reference::Reference;

/// An object whose keys become variables, as it was written.
#[derive(Clone, Debug)]
pub struct EnvFromEntry {
    /// The object.
    pub reference: Reference,
    /// What its keys are called.
    pub naming: Naming,
    /// Where it was written.
    pub origin: Origin,
}

/// Which keys are taken, and what the variables are called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Naming {
    /// What every name begins with, as it was written.
    pub prefix: String,
    /// The only keys that are taken; each must be there.
    pub only: Option<Vec<String>>,
    /// Keys that are not taken.
    pub except: Vec<String>,
    /// What follows the prefix in place of the key.
    pub rename: BTreeMap<String, String>,
    /// What becomes of the letters of a key.
    pub case: Case,
}

/// What becomes of the letters of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Case {
    /// ASCII letters in upper case.
    #[default]
    Upper,
    /// As they are.
    Keep,
}

/// Why a key cannot become a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamingError {
    /// The result is no name: it begins with a digit, or is empty.
    Illegal(String),
    /// A name that makes programs run code or misread their surroundings.
    Unsafe(String),
}

/// DnsResolver, in any case, that whoever writes a secret must not set by way of `env-from` (README, "Whole secrets").
const UNSAFE_NAMES: &[&str] = &[
    "PATH",
    "HOME",
    "SHELL",
    "IFS",
    "ENV",
    "BASH_ENV",
    "SHELLOPTS",
    "BASHOPTS",
    "PS4",
    "PROMPT_COMMAND",
    "LD_*",
    "DYLD_*",
    "GCONV_PATH",
    "GLIBC_TUNABLES",
    "MALLOC_*",
    "LISTEN_*",
    "NODE_OPTIONS",
    "NODE_EXTRA_CA_CERTS",
    "NODE_PATH",
    "PYTHON*",
    "PERL5*",
    "RUBYLIB",
    "RUBYOPT",
    "CLASSPATH",
    "JAVA_TOOL_OPTIONS",
    "_JAVA_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "DOTNET_*",
    "CORECLR_*",
    "COR_*",
    "PHPRC",
    "PHP_INI_SCAN_DIR",
    "OPENSSL_CONF",
    "OPENSSL_MODULES",
    "OPENSSL_ENGINES",
    "SSL_CERT_*",
    "SSLKEYLOGFILE",
    "NODE_TLS_REJECT_UNAUTHORIZED",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "*_PROXY",
    "GIT_*",
    "EDITOR",
    "VISUAL",
    "PAGER",
    "LESSOPEN",
    "LESSCLOSE",
    "SSH_ASKPASS",
    "SUDO_ASKPASS",
    "PERLLIB",
    "LUA_*",
    "ERL_*",
    "BUNDLE_*",
    "GEM_*",
    "ZDOTDIR",
    "BASH_LOADABLES_PATH",
    "BASH_FUNC_*",
    "HOSTALIASES",
    "LOCALDOMAIN",
    "LOCPATH",
    "NLSPATH",
    "RES_OPTIONS",
    "RESOLV_HOST_CONF",
    "TMPDIR",
    "TZDIR",
    "GETCONF_DIR",
    "NIS_PATH",
    "TERMINFO*",
    "NOTIFY_SOCKET",
    "WATCHDOG_*",
    "CREDENTIALS_DIRECTORY",
    "SECRETS_EXEC_*",
    "AWS_*",
];

impl NamingError {
    fn into_name(self) -> String {
        match self {
            Self::Illegal(name) | Self::Unsafe(name) => name,
        }
    }
}

impl Naming {
    /// Whether a key is taken at all.
    pub fn takes(&self, key: &str) -> bool {
        let listed = |keys: &[String]| keys.iter().any(|other| other == key);
        self.only.as_deref().is_none_or(listed) && !listed(&self.except)
    }

    /// The variable that a key becomes.
    ///
    /// # Errors
    /// When it must not, or cannot, be one.
    pub fn name(&self, key: &str) -> Result<EnvName, NamingError> {
        let rest = self.rename.get(key).cloned().unwrap_or_else(|| self.translate(key));
        let name = format!("{}{rest}", self.prefix);
        static UNSAFE_PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| known_patterns(UNSAFE_NAMES));
        if matches_any(&UNSAFE_PATTERNS, &name.to_ascii_uppercase()) {
            return Err(NamingError::Unsafe(name));
        }
        EnvName::parse(&name).map_err(|_| NamingError::Illegal(name))
    }

    fn translate(&self, key: &str) -> String {
        let letters = match self.case {
            Case::Upper => key.to_ascii_uppercase(),
            Case::Keep => key.to_owned(),
        };
        letters.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
    }

    /// The only variables that can come of it, where that is known before its keys are.
    pub fn names(&self) -> Option<Vec<String>> {
        let taken = self.only.as_ref()?.iter().filter(|key| self.takes(key));
        Some(taken.map(|key| self.name(key).map_or_else(NamingError::into_name, |name| name.to_string())).collect())
    }

    /// Whether a variable could come of it, before its keys are known.
    pub fn may_give(&self, name: &str) -> bool {
        match &self.only {
            Some(keys) => {
                keys.iter().any(|key| self.takes(key) && self.name(key).is_ok_and(|given| given.as_str() == name))
            }
            None => name.starts_with(&self.prefix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(naming: &Naming, key: &str) -> Result<String, NamingError> {
        naming.name(key).map(|name| name.as_str().to_owned())
    }

    #[test]
    fn a_key_becomes_an_upper_case_name_after_the_prefix() {
        let naming = Naming { prefix: "Stripe_".into(), ..Naming::default() };
        assert_eq!(name(&naming, "api-key.v2"), Ok("Stripe_API_KEY_V2".into()));
        assert_eq!(name(&Naming { case: Case::Keep, ..naming }, "api-Key"), Ok("Stripe_api_Key".into()));
        assert_eq!(name(&Naming::default(), "straße"), Ok("STRA_E".into()));
    }

    #[test]
    fn a_rename_is_what_follows_the_prefix() {
        let rename = BTreeMap::from([("api_key".into(), "Key".into())]);
        let naming = Naming { prefix: "STRIPE_".into(), rename, ..Naming::default() };
        assert_eq!(name(&naming, "api_key"), Ok("STRIPE_Key".into()));
    }

    #[test]
    fn what_cannot_or_must_not_be_a_variable_is_refused() {
        let naming = Naming::default();
        for key in ["1st", ""] {
            assert!(matches!(name(&naming, key), Err(NamingError::Illegal(_))), "{key}");
        }
        let keep = Naming { case: Case::Keep, ..Naming::default() };
        for key in
            ["path", "ld_preload", "Ld-Preload", "http_proxy", "PYTHONPATH", "aws_secret_access_key", "_java_options"]
        {
            assert!(matches!(name(&naming, key), Err(NamingError::Unsafe(_))), "{key}");
            assert!(matches!(name(&keep, key), Err(NamingError::Unsafe(_))), "{key}");
        }
        assert_eq!(name(&Naming { prefix: "APP_".into(), ..Naming::default() }, "path"), Ok("APP_PATH".into()));
    }

    #[test]
    fn only_and_except_choose_keys() {
        let naming = Naming { only: Some(vec!["a".into(), "b".into()]), except: vec!["b".into()], ..Naming::default() };
        assert_eq!(["a", "b", "c"].map(|key| naming.takes(key)), [true, false, false]);
        assert_eq!(["A", "B", "C"].map(|name| naming.may_give(name)), [true, false, false]);
        assert!(Naming::default().may_give("ANYTHING"));
    }
}
