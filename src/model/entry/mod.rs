//! Entries: the variables, files and systemd credentials that the user wants, each with the source
//! of its value, and the names of the variables that `env-from` sets.
//!
//! An entry is what the user has written: it names secrets by aliases and `${NAME}`, which the plan
//! looks up later.
//!
//! - `target` is the variable, the file or the systemd credential, and decides which entry wins if
//!   several entries have the same one.
//! - `template` is text with expressions over several secrets.
//! - `origin` is the position at which the user has written an entry, for messages.

mod origin;
mod target;
pub mod template;

pub use origin::{Origin, Subject, SubjectKind, Written, shell_quoted};
pub use target::{
    Account, Claims, FileTarget, Holder, MAX_CREDENTIAL_LENGTH, Mode, Owner, SystemdCredential,
    Target, is_credential_name, parse_unit,
};

use std::collections::BTreeMap;
use std::sync::LazyLock;

use glob::Pattern;
use regex_lite::Regex;

use crate::model::env_variables::{EnvName, known_patterns, matches_any};
use crate::model::reference::{Aliases, Reference, SecretRef};
use template::Template;

/// A target and the source of its value, as the user wrote them.
#[derive(Clone, Debug)]
pub struct Entry {
    pub target: Target,
    pub source: EntrySource,
    pub transform: Transform,
    /// `pattern`: a regular expression that must match the value, after it is decoded and before it
    /// is encoded, and the text of `default`.
    pub pattern: Option<Regex>,
    pub on_missing: OnMissing,
    /// The name of the entry in messages.
    pub subject: Subject,
}

impl Entry {
    /// Creates an entry of `env-from`, which sets a variable for each key of an object.
    pub fn for_object(reference: Reference, naming: Naming, origin: Origin) -> Self {
        let target = Target::Variables(naming.prefix.clone());
        Self::new(target, EntrySource::Object(reference, naming), origin)
    }

    /// Creates an entry whose value must exist, and isn't decoded, encoded or checked against a
    /// pattern.
    pub fn new(target: Target, source: EntrySource, origin: Origin) -> Self {
        let written = match (source.reference(), &source) {
            (Some(reference), _) => Some(Written::Hidden(reference.to_string())),
            (None, EntrySource::Template(_)) => Some(Written::Template),
            (None, _) => None,
        };

        let (kind, label) = match &target {
            Target::Env(_) | Target::File(_) => (SubjectKind::Entry, target.to_string()),
            Target::Output => (SubjectKind::GetArgument, target.to_string()),
            Target::Credential(_) => (SubjectKind::Credential, target.to_string()),
            Target::Variables(_) => (SubjectKind::EnvFrom, "env-from".to_owned()),
        };
        let mut subject = Subject {
            label,
            origin,
            kind,
            written,
        };
        subject.reveal_if(|| source.may_be_shown(&Aliases::default()));

        Self {
            target,
            source,
            transform: Transform::default(),
            pattern: None,
            on_missing: OnMissing::Fail,
            subject,
        }
    }
}

/// The source of a value. Aliases and `${NAME}` haven't been looked up.
#[derive(Clone, Debug)]
pub enum EntrySource {
    Reference(Reference),
    Literal(String),
    /// Text with references, from an inherited variable. These references can't use aliases and
    /// `${NAME}`.
    Composed(Vec<Part>),
    Template(Template),
    /// A JSON object, or all parameters below a path. Each key or parameter sets a variable.
    Object(Reference, Naming),
}

impl EntrySource {
    /// Returns the only reference of this source, as it was written. `None` for other sources.
    fn reference(&self) -> Option<&Reference> {
        match self {
            Self::Reference(reference) | Self::Object(reference, _) => Some(reference),
            Self::Literal(_) | Self::Composed(_) | Self::Template(_) => None,
        }
    }

    /// True if messages [may show](Reference::may_be_shown) the only reference of this source.
    pub fn may_be_shown(&self, aliases: &Aliases) -> bool {
        let reference = self.reference();
        reference.is_some_and(|reference| reference.may_be_shown(aliases))
    }
}

/// A piece of a value that consists of text and references.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    Text(String),
    Reference(SecretRef),
}

/// The changes to a value before it is delivered. A value is decoded first, and then encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transform {
    /// `decode: base64`
    pub decode: bool,
    /// `encode: base64`
    pub encode: bool,
}

/// The reaction to a secret, a version or a key that doesn't exist. A denial or an outage is never
/// an absence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnMissing {
    /// This is an error, and the command isn't started.
    Fail,
    /// `optional: true`: the entry is treated as if it weren't there, so an entry of an earlier
    /// layer applies.
    Omit,
    /// `default`: this text is the value. It isn't decoded or encoded.
    Default(String),
}

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
    /// object is read. The result is `None` if they aren't, because there is no `only`. Also
    /// returns `None` if one of the names is illegal or unsafe.
    pub fn variable_names(&self) -> Option<Vec<EnvName>> {
        let selected = self.only.as_ref()?.iter().filter(|key| self.selects(key));
        selected.map(|key| self.variable_name(key).ok()).collect()
    }
}
