//! The target and the subject of an entry.
//!
//! The target is what the entry sets, such as a variable or a file.
//!
//! The subject is the name of the entry in messages: its label, its reference, and its position on
//! the command line, in a file or in the environment.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use glob::Pattern;

use crate::model::environment::{EnvName, is_name};
use crate::model::fault::Fault;
use crate::model::reference::{Reference, Selector, Version};
use crate::model::shown::{file_name, has_credential, not_this_value, shown};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Env(EnvName),
    File(FileTarget),
    /// The variables that the keys of an `env-from` object set. The text is the prefix of their
    /// names.
    Variables(String),
    Credential(SystemdCredential),
    /// Standard output, for `get`.
    Output,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileTarget {
    /// `None` for a memfd or a pipe, which a process opens as `/proc/self/fd/N`.
    pub path: Option<DeclaredPath>,
    /// True for a pipe, which can be read only once. A file with a path is never a pipe.
    pub once: bool,
    /// The variable that gets the path.
    pub env: Option<EnvName>,
    pub mode: Mode,
    /// `None` for the user and group of this process.
    pub owner: Option<Owner>,
}

impl FileTarget {
    /// Parses the path of a file, which can have placeholders such as `${HOME}`. The plan expands
    /// them.
    ///
    /// # Errors
    /// If the path ends like a directory, or if it begins with `~` or has a `$NAME` without braces,
    /// which only a shell expands. The error is a predicate for the path.
    pub fn parse_path(text: &str) -> Result<DeclaredPath, Fault> {
        for part in text.split('/') {
            let variable = match part.strip_prefix('$') {
                Some(name) if is_name(name) => name,
                None if part == "~" && text.starts_with('~') => "HOME",
                _ => continue,
            };
            let corrected = text.replacen(part, &format!("${{{variable}}}"), 1);
            let fault = Fault::new(format!("contains {part:?}, which only a shell expands"));
            return Err(fault.help(format!("write {corrected:?}")));
        }
        let is_directory = matches!(text.rsplit('/').next(), None | Some("" | "." | ".."));
        if is_directory || text.contains('\0') {
            let refused = not_this_value(text);
            return Err(format!("must be the path of a file{refused}").into());
        }
        Ok(DeclaredPath::new(Path::new(text)))
    }
}

/// The path of a file. Messages show the path as the user wrote it, because the value of a variable
/// in the path may be a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredPath {
    pub written: String,
    /// The path with the values of its variables, once the plan has expanded them.
    pub expanded: PathBuf,
}

impl DeclaredPath {
    pub fn new(path: &Path) -> Self {
        Self {
            written: path.display().to_string(),
            expanded: path.to_owned(),
        }
    }

    /// Expands the variables of the path with `expand`.
    pub fn expand(
        &mut self,
        expand: impl FnOnce(&str) -> Result<String, Fault>,
    ) -> Result<(), Fault> {
        self.expanded = expand(&self.written)?.into();
        Ok(())
    }
}

impl fmt::Display for DeclaredPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// The permission bits of a file, at most 0777.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(pub u32);

/// The default: only the owner can read the file, and nobody can write to it.
impl Default for Mode {
    fn default() -> Self {
        Self(0o400)
    }
}

impl Mode {
    /// Parses a mode such as `0400` or `400`: three or four octal digits, up to 0777.
    pub fn parse(text: &str) -> Option<Self> {
        // `from_str_radix` also accepts a plus sign.
        let is_octal = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
        let has_length = (3..=4).contains(&text.len());
        let bits = u32::from_str_radix(text, 8).ok()?;
        if !is_octal || !has_length || bits > 0o777 {
            return None;
        }
        Some(Self(bits))
    }
}

/// The user and the group that own a file, or one of them. `None` is the user or the group of this
/// process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub user: Option<Account>,
    pub group: Option<Account>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// A uid or gid.
    Number(u32),
    /// A name in /etc/passwd or /etc/group.
    Name(String),
}

impl Owner {
    /// Parses `USER`, `USER:GROUP` or `:GROUP`.
    pub fn parse(text: &str) -> Option<Self> {
        let (user, group) = match text.split_once(':') {
            Some(("", group)) => (None, Some(Account::parse(group)?)),
            Some((user, group)) => (Some(Account::parse(user)?), Some(Account::parse(group)?)),
            None => (Some(Account::parse(text)?), None),
        };
        Some(Self { user, group })
    }
}

impl Account {
    /// Parses a name, or a number up to 4294967294. chown(2) reads 4294967295 as "unchanged".
    fn parse(text: &str) -> Option<Self> {
        let is_legal = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b':');
        if text.is_empty() || !is_legal {
            return None;
        }

        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text
                .parse()
                .ok()
                .filter(|number| *number != u32::MAX)
                .map(Self::Number);
        }
        Some(Self::Name(text.to_owned()))
    }
}

/// A variable, a path or a systemd credential that an entry sets.
///
/// Two entries of one layer must not have the same claim. Between different layers, [`Claims`]
/// decides which entry wins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    Variable(EnvName),
    Path(PathBuf),
    Credential(SystemdCredential),
}

impl Target {
    /// True for a file at a path.
    pub fn has_path(&self) -> bool {
        matches!(self, Self::File(file) if file.path.is_some())
    }

    /// The variables, paths and systemd credentials that an entry with this target sets. The
    /// variables of `env-from` aren't among them: each key claims its variable when the keys are
    /// known.
    pub fn claims(&self) -> impl Iterator<Item = Claim> {
        let variable = self.variable().cloned().map(Claim::Variable);
        let other = match self {
            Self::File(file) => file.path.clone().map(|path| Claim::Path(path.expanded)),
            Self::Credential(credential) => Some(Claim::Credential(credential.clone())),
            Self::Env(_) | Self::Variables(_) | Self::Output => None,
        };
        variable.into_iter().chain(other)
    }

    /// True if both targets set the same variable, path or systemd credential.
    pub fn overlaps(&self, other: &Self) -> bool {
        let claims: Vec<Claim> = other.claims().collect();
        self.claims().any(|claim| claims.contains(&claim))
    }

    /// The variable that gets the value or, for a file, the path.
    pub fn variable(&self) -> Option<&EnvName> {
        match self {
            Self::Env(name) => Some(name),
            Self::File(file) => file.env.as_ref(),
            Self::Variables(_) | Self::Credential(_) | Self::Output => None,
        }
    }
}

/// Writes the label for messages.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "{name}"),
            Self::File(file) => match (&file.env, &file.path) {
                (Some(name), _) => write!(f, "{name}"),
                (None, Some(path)) => write!(f, "{path}"),
                (None, None) => f.write_str("a file in memory"),
            },
            Self::Variables(prefix) => write!(f, "{prefix}*"),
            Self::Credential(credential) => write!(f, "{credential}"),
            Self::Output => f.write_str("the value"),
        }
    }
}

impl Claim {
    /// The name on its own, without a word such as "variable": the name of the variable, the path
    /// of the file, or the unit and the name of the credential.
    pub fn name(&self) -> String {
        match self {
            Self::Variable(name) => name.to_string(),
            Self::Path(path) => path.display().to_string(),
            Self::Credential(credential) => credential.to_string(),
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "the variable {name}"),
            Self::Path(path) => write!(f, "the file {}", path.display()),
            Self::Credential(it) => write!(f, "the credential {} of {}", it.name, it.unit),
        }
    }
}

/// The maximum length of a systemd credential, in bytes (systemd.exec(5)).
pub const MAX_CREDENTIAL_LENGTH: usize = 1024 * 1024;

/// A credential of a unit, as the unit requests it or as a declaration lists it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SystemdCredential {
    /// The name of the unit. In a declaration, it can be a pattern.
    pub unit: String,
    pub name: String,
}

impl SystemdCredential {
    /// Parses the requested credential from the address of the abstract socket from which systemd
    /// connects: `RANDOM/unit/UNIT/CREDENTIAL`, without the leading NUL (systemd.exec(5),
    /// LoadCredential=). None of the four fields can contain a slash, or be empty.
    pub fn from_address(address: &[u8]) -> Option<Self> {
        let fields: Vec<&str> = std::str::from_utf8(address).ok()?.split('/').collect();
        match fields[..] {
            [random, "unit", unit, name] if ![random, unit, name].contains(&"") => Some(Self {
                unit: unit.to_owned(),
                name: name.to_owned(),
            }),
            _ => None,
        }
    }
}

impl fmt::Display for SystemdCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.unit, self.name)
    }
}

/// The types of units that can load credentials, because they start processes.
const UNIT_TYPES: [&str; 4] = [".service", ".socket", ".mount", ".swap"];

/// Checks the name of a unit under `credentials:`, which can be a pattern. Returns the pattern, or
/// `None` for an exact name. The type of the unit is only checked in an exact name, because a
/// pattern can end with `*`.
///
/// # Errors
/// If the text is malformed, or is the exact name of a unit that doesn't start processes.
pub fn parse_unit(text: &str) -> Result<Option<Pattern>, &'static str> {
    const EXPECTED: &str = "a unit name such as app.service or a pattern such as app@*.service";
    let is_pattern = text.contains(['*', '?', '[']);
    // The characters of a unit's name (systemd.unit(5)). A backslash begins an escape such as \x2d,
    // which a pattern matches literally.
    let is_legal = text.chars().all(|c| {
        c.is_ascii_alphanumeric() || ":-_.\\@".contains(c) || (is_pattern && "*?[]!".contains(c))
    });
    let has_type = is_pattern || UNIT_TYPES.iter().any(|suffix| text.ends_with(suffix));
    if !has_type || !is_legal {
        return Err(EXPECTED);
    }
    if !is_pattern {
        return Ok(None);
    }
    Pattern::new(text).map(Some).map_err(|_| EXPECTED)
}

/// True for a name that systemd accepts: 1 to 255 bytes of printable ASCII without `/` and `:`, but
/// neither `.` nor `..` (systemd.exec(5)).
pub fn is_credential_name(name: &str) -> bool {
    let is_legal = name
        .bytes()
        .all(|byte| matches!(byte, b' '..=b'~') && byte != b'/' && byte != b':');
    is_legal && (1..=255).contains(&name.len()) && name != "." && name != ".."
}

/// The reason why an entry has no effect: something else already holds its target.
#[derive(Clone, Debug)]
pub enum Holder {
    /// An entry with higher precedence.
    Entry(Subject),
    /// The inherited variable with this name, because of `--keep-existing`.
    Kept(String),
    /// For an `env-from` entry: each variable that it can set has a holder, and the holders may
    /// differ.
    Several,
}

/// The variables, paths and systemd credentials that are held so far. `Claims` is the only rule of
/// precedence: it decides which of several entries with the same claim wins.
///
/// Entries are added in the order of precedence: the latest layer comes first, and within a layer,
/// single entries come before the objects of `env-from`. The first entry with a claim holds it, and
/// the entries after it are overridden. The variables that `--keep-existing` keeps are held from
/// the beginning.
///
/// ```text
/// order of precedence                               claims                holder
/// 1. --env DB_HOST=prod/db:host                     DB_HOST               this entry
/// 2. secrets-exec.yaml: DB_HOST: old/db:host        DB_HOST               already held by 1: overridden
/// 3. secrets-exec.yaml: TOKEN: {…, optional: true}  TOKEN, unless absent  this entry, if its secret exists
/// 4. base.yaml: TOKEN: { value: none }              TOKEN                 this entry, if 3 is absent
/// 5. base.yaml: env-from: [prod/app]                each key's variable   each key for itself
/// ```
///
/// The rule is applied twice. The plan applies it to the entries that certainly set something, so
/// that the references of overridden entries are neither looked up nor requested. Such a reference
/// may even use a variable that isn't set. `resolve` applies it again, because only the documents
/// say whether an optional entry is absent and which keys an object has.
pub struct Claims<'a> {
    kept_names: &'a BTreeSet<String>,
    holders: HashMap<Claim, Subject>,
}

impl<'a> Claims<'a> {
    pub fn new(kept_names: &'a BTreeSet<String>) -> Self {
        Self {
            kept_names,
            holders: HashMap::new(),
        }
    }

    /// Makes an entry the holder of every variable, path and systemd credential that its target
    /// claims. An earlier holder is replaced, so call [`Self::holder`] first.
    pub fn add(&mut self, target: &Target, entry: &Subject) {
        for claim in target.claims() {
            self.holders.insert(claim, entry.clone());
        }
    }

    /// Finds the holder of a target: an entry, or an inherited variable that `--keep-existing`
    /// keeps, which has one of the target's claims. `None` if an entry with this origin can set the
    /// target. Always `None` for an object of `env-from`, because its variables are looked up one
    /// by one.
    ///
    /// A reference in an inherited variable is resolved although `--keep-existing` keeps the
    /// variable, because the value replaces the text of the reference itself.
    pub fn holder(&self, target: &Target, origin: &Origin) -> Option<Holder> {
        let mut claims = target.claims();
        if let Some(entry) = claims.find_map(|claim| self.holders.get(&claim)) {
            return Some(Holder::Entry(entry.clone()));
        }
        let name = target.variable()?.as_str();
        if *origin == Origin::Inherited || !self.kept_names.contains(name) {
            return None;
        }
        Some(Holder::Kept(name.to_owned()))
    }
}

/// An entry as messages name it: `DB_HOST (app.yaml:3, db:host)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// The name of the target: a variable, a path, a systemd credential, `env-from` or, for `get`,
    /// `the value`.
    pub label: Arc<str>,
    pub origin: Origin,
    pub kind: SubjectKind,
    /// The source of the value, as the user wrote it. `None` for a literal, for references in an
    /// inherited variable, whose text may hold a password, and for a subject from [`Self::plain`].
    pub written: Option<Written>,
}

/// The kind of an entry, which decides what messages and tables say about the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SubjectKind {
    /// A variable, a file, a systemd credential, or the value that `get` prints.
    Entry,
    EnvFrom,
    /// A key of an `env-from` object, or a parameter below a path.
    EnvFromKey,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    Reference(Arc<Reference>),
    Template,
}

impl Subject {
    /// Creates a subject that doesn't show the source of a value.
    pub fn plain(label: String, origin: Origin) -> Self {
        Self {
            label: label.into(),
            origin,
            kind: SubjectKind::Entry,
            written: None,
        }
    }

    /// Creates the subject of an entry with this target. The subject doesn't show the source of the
    /// value.
    pub fn for_target(target: &Target, origin: Origin) -> Self {
        let (kind, label) = match target {
            Target::Variables(_) => (SubjectKind::EnvFrom, "env-from".to_owned()),
            Target::Env(_) | Target::File(_) | Target::Credential(_) | Target::Output => {
                (SubjectKind::Entry, target.to_string())
            }
        };
        Self {
            kind,
            ..Self::plain(label, origin)
        }
    }

    /// Creates the subject of a file that isn't an entry, but is named by this argument.
    pub fn for_file(path: &Path, argument: Argument) -> Self {
        Self::plain(path.display().to_string(), Origin::Argument(argument))
    }

    /// The reference as messages show it.
    pub fn shown_reference(&self) -> Option<String> {
        let Some(Written::Reference(reference)) = &self.written else {
            return None;
        };
        Some(shown(&reference.to_string()))
    }

    /// The reference as written, or `None` if there is none, or if messages mask a part of it.
    pub fn reference(&self) -> Option<&Reference> {
        let Some(Written::Reference(reference)) = &self.written else {
            return None;
        };
        Some(&**reference).filter(|reference| !has_credential(&reference.to_string()))
    }

    /// The text that a help suggests, in order to give this entry a different reference. For
    /// `--env` and `--as-file`, this is the whole option (`--env NAME=REFERENCE`), and for the
    /// argument of `get`, it is the whole command. For any other entry, it is only the reference,
    /// because a subject has neither the PATH of an `--as-file`, the prefix of an `--env-from`, nor
    /// the keys around a reference in a file.
    pub fn rewritten_with(&self, reference: &Reference) -> String {
        use SubjectKind::{Entry, EnvFrom, EnvFromKey};
        let reference = reference.to_string();
        match (self.kind, &self.origin) {
            (_, Origin::Argument(Argument::Get)) => {
                format!("secrets-exec get {}", shell_quoted(&reference))
            }
            (Entry, Origin::Argument(Argument::AsFileAtPath)) => reference,
            (Entry, Origin::Argument(option)) => {
                let assignment = format!("{}={reference}", self.label);
                format!("{option} {}", shell_quoted(&assignment))
            }
            (Entry | EnvFrom | EnvFromKey, _) => reference,
        }
    }

    /// The text that a help suggests, in order to give this entry a different KEY of its secret.
    /// `None` if messages mask the reference.
    pub fn with_selector(&self, selector: Selector) -> Option<String> {
        let reference = self.reference()?.clone();
        Some(self.rewritten_with(&Reference {
            selector,
            ..reference
        }))
    }

    /// The text that a help suggests, in order to read the whole value in a different version.
    /// `None` if messages mask the reference.
    pub fn with_version(&self, version: Version) -> Option<String> {
        Some(self.rewritten_with(&Reference {
            secret: self.reference()?.secret.clone(),
            selector: Selector::Whole,
            version: Some(version),
        }))
    }
}

/// Quotes an argument for a shell if it has a special character.
pub fn shell_quoted(argument: &str) -> String {
    // shlex would quote every argument with `=`, although `=` is special only in the first words of
    // a command. So the check replaces `=` with a harmless character.
    if let Ok(Cow::Borrowed(_)) = shlex::try_quote(&argument.replace('=', "-")) {
        return argument.to_owned();
    }
    // The only error is a NUL byte, which no argument has.
    shlex::try_quote(argument).unwrap_or_default().into_owned()
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An object on the command line has no name, so messages name its option.
        if let (Origin::Argument(option), SubjectKind::EnvFrom) = (&self.origin, self.kind) {
            return match self.shown_reference() {
                Some(reference) => write!(f, "{option} {reference}"),
                None => write!(f, "{option}"),
            };
        }
        let Self { label, origin, .. } = self;
        match (&self.written, self.shown_reference()) {
            (_, Some(reference)) => write!(f, "{label} ({origin}, {reference})"),
            (Some(Written::Template), None) => write!(f, "{label} ({origin}, template)"),
            (_, None) => write!(f, "{label} ({origin})"),
        }
    }
}

/// The place where the user has written an entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    Argument(Argument),
    /// The inherited variable with the entry's name, which `--resolve-env` resolves.
    Inherited,
    File {
        /// The path that `-f` or SECRETS_EXEC_FILE names, or the default name.
        path: Arc<PathBuf>,
        line: usize,
    },
}

/// A part of the command line that names an entry or a file: an option, or a subcommand with its
/// argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Argument {
    /// `--as-file NAME=REF`
    AsFile,
    /// `--as-file NAME:PATH=REF`
    AsFileAtPath,
    Env,
    EnvFrom,
    OnRotation,
    Output,
    Get,
    Install,
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AsFile | Self::AsFileAtPath => "--as-file",
            Self::Env => "--env",
            Self::EnvFrom => "--env-from",
            Self::OnRotation => "--on-rotation",
            Self::Output => "--output",
            Self::Get => "get",
            Self::Install => "install",
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(argument) => argument.fmt(f),
            Self::Inherited => f.write_str("--resolve-env"),
            Self::File { path, line } => write!(f, "{}:{line}", file_name(path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_a_file_can_be_a_user_or_a_group_or_both() {
        let name = |text: &str| Some(Account::Name(text.into()));
        assert_eq!(
            Owner::parse("app:app"),
            Some(Owner {
                user: name("app"),
                group: name("app")
            })
        );
        assert_eq!(
            Owner::parse("1000"),
            Some(Owner {
                user: Some(Account::Number(1000)),
                group: None
            })
        );
        assert_eq!(
            Owner::parse(":0"),
            Some(Owner {
                user: None,
                group: Some(Account::Number(0))
            })
        );
        assert_eq!(Owner::parse("4294967295"), None);
    }

    #[test]
    fn a_pattern_under_credentials_matches_the_names_of_units() {
        for (pattern, unit) in [
            ("app@*.service", "app@1.service"),
            ("**", "a.service"),
            ("a\\x2d?.service", "a\\x2db.service"),
            ("[!a]*", "b.mount"),
        ] {
            assert!(
                parse_unit(pattern).unwrap().unwrap().matches(unit),
                "{pattern}"
            );
        }
    }

    #[test]
    fn a_credential_can_have_a_name_of_255_bytes_but_not_of_256() {
        assert!(is_credential_name(&"x".repeat(255)) && !is_credential_name(&"x".repeat(256)));
    }
}
