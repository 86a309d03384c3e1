//! The places of AWS's settings: the variables, and a profile in AWS's configuration files
//! (`~/.aws/config` and `~/.aws/credentials`).
//!
//! The format of the files is that of botocore, which reads them with Python's `configparser`. A
//! file that doesn't exist or can't be reached is treated as empty, as in the AWS CLI. A file that
//! can't be read or parsed is an error, because otherwise the credentials of a different identity
//! could be used. A message shows the number of a line, but never the line itself.
//!
//! The SDK's parser (`env_config` of `aws-runtime`) reads 7 of our 152 test files differently from
//! the AWS CLI. It refuses a byte order mark and an indented setting, and silently skips malformed
//! headers and names with a space or a quote (smithy-rs#1488, closed). It could replace 61 lines of
//! ours.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt::Display;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use nix::unistd::{User, getuid};

use crate::model::environment::Inherited;
use crate::model::fault::{did_you_mean, nearest, overlooked_unless_empty, several_lines};
use crate::model::place::{Place, Placed};
use crate::model::problem::{Problem, Status};
use crate::model::shown::{invalid_value, is_in_quotes, noun_with_name, shown, without_tokens};
use crate::model::url::HttpUrl;
use crate::system::os_error;
use crate::system::redaction::redacted_line;
use crate::time::Progress;

/// The places from which AWS's settings are read: the variables and, once the configuration files
/// have been read, the profile. A variable has precedence over the profile. As in the AWS CLI, an
/// empty variable or setting is treated as unset.
pub(super) struct Places<'a> {
    pub variables: &'a Inherited,
    profile: Option<Profile<'a>>,
    pub errors: Vec<Problem>,
}

impl<'a> Places<'a> {
    pub fn new(variables: &'a Inherited, profile: Option<Profile<'a>>) -> Self {
        Self {
            variables,
            profile,
            errors: Vec::new(),
        }
    }

    /// Reads a variable such as AWS_REGION or, without a valid value there, the profile's setting,
    /// such as `region`. Checks both of them: an invalid value adds an error to `errors`, and is
    /// treated as unset.
    pub fn read_placed<T>(
        &mut self,
        variable: &'static str,
        parse: Parser<T>,
    ) -> Option<Placed<T>> {
        let in_variable = self.placed_variable(variable, parse);
        let key = variable.strip_prefix("AWS_").unwrap_or(variable);
        let in_profile = self.placed_setting(&key.to_ascii_lowercase(), parse);
        in_variable.or(in_profile)
    }

    /// Reads a variable or a setting as [`Self::read_placed`] does.
    pub fn read<T>(&mut self, variable: &'static str, parse: Parser<T>) -> Option<T> {
        let placed = self.read_placed(variable, parse)?;
        Some(placed.value)
    }

    /// Parses a variable. `None` if the variable is unset, empty or invalid. An invalid value adds
    /// an error to `errors`.
    pub fn variable<T>(&mut self, name: &'static str, parse: Parser<T>) -> Option<T> {
        let placed = self.placed_variable(name, parse)?;
        Some(placed.value)
    }

    /// The parsed value. After a failure, adds the error to the others, and returns `None`.
    fn value_or_add<T>(&mut self, parsed: Result<T, Problem>) -> Option<T> {
        parsed.map_err(|error| self.errors.push(error)).ok()
    }

    /// Reads a variable as [`Self::variable`] does.
    pub fn placed_variable<T>(
        &mut self,
        name: &'static str,
        parse: Parser<T>,
    ) -> Option<Placed<T>> {
        let value = self.variables.non_empty(name)?;
        self.value_or_add(parse_placed(&Place::variable(name), value, parse))
    }

    /// Reads a variable as [`Self::variable`] does. Its value can be any text that [`parse_named`]
    /// doesn't refuse.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.variable(name, any_text)
    }

    /// Reads the id or the secret of an access key from a variable, as [`Self::text`] does. As in
    /// the SDKs, a variable that consists of blanks is treated as unset.
    pub fn access_key(&mut self, name: &'static str) -> Option<String> {
        let value = self.variables.non_empty(name)?;
        let is_blank = value.to_string_lossy().trim().is_empty();
        if is_blank { None } else { self.text(name) }
    }

    /// Parses a setting in the profile. `None` if there is no profile, or if the setting is unset
    /// or invalid. An invalid value adds an error to `errors`.
    pub fn placed_setting<T>(&mut self, key: &str, parse: Parser<T>) -> Option<Placed<T>> {
        let profile = self.profile?;
        let parsed = profile.parse_value(profile.setting(key)?, key, parse);
        self.value_or_add(parsed)
    }

    /// Reads the endpoint of a service from the `services` section that the profile names: for the
    /// `variable` AWS_ENDPOINT_URL_SSM, the `endpoint_url` below `ssm =`. `None` if there is no
    /// such setting. An invalid section or endpoint adds an error to `errors`.
    pub(super) fn service_endpoint(&mut self, variable: &str) -> Option<Placed<HttpUrl>> {
        let profile = self.profile?;
        let named = profile.named_section("services", SERVICES, ", or correct services");
        let section = self.value_or_add(named)??;
        if section.contains_key("endpoint_url") {
            self.errors.push(profile.inconsistent(
                "names a services section with an endpoint_url that isn't indented below its service",
                "indent endpoint_url below `secrets_manager =`",
            ));
        }
        let service = variable.replace("AWS_ENDPOINT_URL_", "").to_lowercase();
        let text = section.get(&service)?;
        // The lines below `ssm =` are settings only if no value follows the `=`.
        if !has_no_value(text) {
            return None;
        }
        // As in botocore, the last of several settings with the same name applies.
        let (_, endpoint) = text
            .lines()
            .filter_map(|line| split_setting(line, &['=']))
            .rfind(|(name, _)| *name == "endpoint_url")
            .filter(|(_, endpoint)| !endpoint.is_empty())?;

        let parsed = profile.parse_value(endpoint, "services", HttpUrl::parse_endpoint);
        self.value_or_add(parsed)
    }

    /// Adds an error to `errors` if the variable `name` has the path of a file that can't be
    /// reached. Does nothing once there is a profile, because the variables have been checked
    /// before.
    pub(super) fn check_file(&mut self, name: &'static str) {
        if self.profile.is_some() {
            return;
        }
        let Some(path) = self.text(name) else { return };
        let file_path = expanded(path.as_ref(), self.variables);
        if let Err(error) = file_path.metadata() {
            let why = os_error::file_error_text(&file_path, &error);
            let path = without_tokens(&path);
            let text = format!("the file {path:?} ({name}) can't be read: {why}");
            let problem = Problem::configuration(text);
            let remedy = os_error::path_remedy(&file_path);
            self.errors.push(problem.help_if_some(remedy));
        }
    }
}

/// The home directory: the one in HOME or, if HOME isn't set, the one in /etc/passwd, as in
/// botocore.
pub(super) fn home(variables: &Inherited) -> Option<PathBuf> {
    variables
        .non_empty("HOME")
        .map(PathBuf::from)
        .or_else(|| Some(User::from_uid(getuid()).ok()??.dir))
}

/// Expands `$NAME` and `${NAME}` in a path, and then `~/` at its beginning. The name of a variable
/// that isn't set stays in the path. Unlike the AWS CLI, this function also expands
/// `${NAME:-default}`, and leaves `~user` as it is.
pub fn expanded(path: &OsStr, variables: &Inherited) -> PathBuf {
    // A variable with a path that isn't UTF-8 is refused before its path is used.
    let text = path.to_string_lossy();
    let filled = shellexpand::env_with_context_no_errors(&text, |name| {
        Some(variables.get(name)?.to_string_lossy())
    });
    let path = Path::new(&*filled);
    match (home(variables), path.strip_prefix("~")) {
        (Some(home), Ok(rest)) => home.join(rest),
        (_, _) => path.to_owned(),
    }
}

pub type Parser<T> = fn(&str) -> Parsed<T>;

/// A parsed value or, for the message "… must be …", what the value must be instead: `true or
/// false`.
pub(super) type Parsed<T> = Result<T, &'static str>;

const FILE_REMEDY: &str = "use one line or, for a file, its path";

/// Parses the value of a variable or setting as [`parse_named`] does. The help of an error is to
/// correct or undo the setting, unless the error already says what to do.
fn parse_placed<T>(place: &Place, value: &OsStr, parse: Parser<T>) -> Result<Placed<T>, Problem> {
    match parse_named(&place.to_string(), value, parse) {
        Ok(parsed) => Ok(Placed::new(parsed, place)),
        // The message about a value in quotes says to remove them.
        Err(error) if error.has_help() || is_in_quotes(&value.to_string_lossy()) => Err(error),
        Err(error) => Err(error.help(format!("correct or {}", place.undo()))),
    }
}

/// Parses a value. Messages call its variable or setting `name`. A value with several lines,
/// invisible characters or an unexpanded `$NAME` is refused before `parse` is called.
fn parse_named<T>(name: &str, value: &OsStr, parse: Parser<T>) -> Result<T, Problem> {
    let text = value.to_string_lossy();
    let checked = if name.eq_ignore_ascii_case("NO_PROXY") {
        // As in curl, Go and Python, blanks around NO_PROXY and its entries don't matter.
        text.trim_matches([' ', '\t'])
    } else {
        &text
    };
    if let Some(found) =
        several_lines(checked, FILE_REMEDY).or_else(|| overlooked_unless_empty(checked))
    {
        return Err(Problem::from_fault(Status::Usage, found.about(name)));
    }
    // Refuse a value such as `${{ secrets.REGION }}` or `$REGION`, in which nothing has expanded
    // the variable. Only variables that begin with AWS_ are checked. Paths (AWS_…_FILE) aren't
    // checked, because a file that doesn't exist isn't an error.
    if text.starts_with('$') && name.starts_with("AWS_") && !name.ends_with("_FILE") {
        let why = "begins with \"$\", so the variable in it hasn't been expanded";
        return Err(Problem::usage(format!("{name} {why}")));
    }
    // The message doesn't show the value, because it may be a credential, and because its decoded
    // text isn't what the user has written.
    let Some(text) = value.to_str() else {
        return Err(Problem::usage(format!("{name} must be text in UTF-8")));
    };
    parse(text).map_err(|expected| Problem::usage(invalid_value(name, text, expected)))
}

pub(super) fn any_text(text: &str) -> Parsed<String> {
    Ok(text.to_owned())
}

pub fn boolean(text: &str) -> Parsed<bool> {
    choice(text, "true or false", &[("true", true), ("false", false)])
}

/// Parses a number of attempts or of seconds, which must be at least 1.
pub fn count(text: &str) -> Parsed<u32> {
    text.trim()
        .parse()
        .ok()
        .filter(|count| *count > 0)
        .ok_or("a whole number of at least 1")
}

/// Parses a URL. Unlike [`HttpUrl::parse_endpoint`], accepts a user name, a password and a query.
pub fn url(text: &str) -> Parsed<HttpUrl> {
    HttpUrl::parse(text).ok_or("a URL that begins with http:// or https://")
}

/// Parses the name of a role's session, which must follow the rules of STS (AssumeRole,
/// RoleSessionName).
pub fn session_name(text: &str) -> Parsed<String> {
    let is_allowed = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte));
    if !is_allowed || !(2..=64).contains(&text.len()) {
        return Err("2 to 64 characters: letters, digits and _+=,.@-");
    }
    Ok(text.to_owned())
}

/// Checks AWS_RETRY_MODE or `retry_mode`. The value has no effect, because secrets-exec always
/// retries by its own rules.
pub(super) fn retry_mode(text: &str) -> Parsed<()> {
    let modes = [("legacy", ()), ("standard", ()), ("adaptive", ())];
    choice(text, "legacy, standard or adaptive", &modes)
}

/// The default URL of the instance metadata service.
pub const METADATA_URL: &str = "http://169.254.169.254";
const METADATA_URL_IPV6: &str = "http://[fd00:ec2::254]";

/// Converts the value of AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE (`IPv4` or `IPv6`, in any case)
/// into the default URL of the instance metadata service.
pub(super) fn metadata_mode_url(mode: &str) -> Parsed<HttpUrl> {
    let urls = [("ipv4", METADATA_URL), ("ipv6", METADATA_URL_IPV6)];
    choice(mode, "IPv4 or IPv6", &urls).and_then(url)
}

/// Finds the meaning of a word in `choices`. Case doesn't matter. For an unknown word, the error is
/// `expected`.
pub fn choice<T: Clone>(text: &str, expected: &'static str, choices: &[(&str, T)]) -> Parsed<T> {
    choices
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(text))
        .map(|(_, meaning)| meaning.clone())
        .ok_or(expected)
}

/// The paths of AWS's configuration files. A path is `None` if its variable isn't set and there is
/// no home directory. The files don't have to exist.
#[derive(Clone, Debug, Default)]
pub struct ConfigFiles {
    pub config: Option<PathBuf>,
    pub credentials: Option<PathBuf>,
    /// The directory in which the AWS CLI stores the sessions of roles. `None` without a home
    /// directory, and once AWS has refused the credentials of such a session.
    pub sessions: Option<PathBuf>,
    /// The directory in which `aws sso login` stores tokens. `None` without a home directory.
    pub sso_tokens: Option<PathBuf>,
}

impl ConfigFiles {
    /// The absolute paths of the configuration file and the credentials file. If the working
    /// directory isn't known, a relative path stays as it is.
    pub fn absolute_paths(&self) -> [Option<PathBuf>; 2] {
        [&self.config, &self.credentials].map(|path| {
            let path = path.as_ref()?;
            Some(std::path::absolute(path).unwrap_or_else(|_| path.clone()))
        })
    }

    /// The files that can have profiles, for messages: `in PATH or PATH`. A path that can't be
    /// reached is followed by the reason. Without any path, the result is `(HOME isn't set)`.
    pub fn location(&self) -> String {
        let mut paths = Vec::new();
        for path in [&self.config, &self.credentials].into_iter().flatten() {
            let mut place = path.display().to_string();
            if let Err(error) = path.metadata() {
                place += &format!(" ({})", os_error::io_error_text(&error));
            }
            paths.push(place);
        }
        if paths.is_empty() {
            return "(HOME isn't set)".to_owned();
        }
        redacted_line(&format!("in {}", paths.join(" or ")))
    }
}

/// Maps the names of a section's settings, in lower case, to their texts. A setting such as `s3 =`
/// has no value, but has indented settings below it. The text of such a setting consists of the
/// indented lines, each after a line feed.
pub(super) type Section = BTreeMap<String, String>;

/// The text of a setting. `None` if the setting is unset, is empty, or only has settings below it.
pub fn setting<'a>(section: &'a Section, key: &str) -> Option<&'a str> {
    section
        .get(key)
        .map(String::as_str)
        .filter(|text| !has_no_value(text))
}

#[derive(Clone, Copy)]
pub struct Profile<'a> {
    pub(super) name: &'a str,
    section: &'a Section,
    /// The sections of all profiles, and the sections that a profile can name.
    pub(super) profiles: &'a Profiles,
}

impl<'a> Profile<'a> {
    pub fn setting(&self, key: &str) -> Option<&'a str> {
        setting(self.section, key)
    }

    /// A copy of a setting's text. `None` if the setting is unset.
    pub(super) fn owned_setting(&self, key: &str) -> Option<String> {
        self.setting(key).map(str::to_owned)
    }

    /// Parses the setting `key`. The result is `None` if the setting is unset.
    pub(super) fn parse_setting<T>(
        &self,
        key: &str,
        parse: Parser<T>,
    ) -> Result<Option<T>, Problem> {
        self.setting(key)
            .map(|text| Ok(self.parse_value(text, key, parse)?.value))
            .transpose()
    }

    /// Parses `text`: the value of the setting `key`, or a value in the section that `key` names.
    /// The error names the setting and the profile.
    fn parse_value<T>(
        &self,
        text: &str,
        key: &str,
        parse: Parser<T>,
    ) -> Result<Placed<T>, Problem> {
        parse_placed(&self.place(key), text.as_ref(), parse)
    }

    pub(super) fn place(&self, key: &str) -> Place {
        Place::Profile {
            name: self.name.to_owned(),
            key: key.to_owned(),
        }
    }

    /// Finds the section that a setting of the profile names: for the setting `sso_session = work`,
    /// the section `[sso-session work]`. `kind` is the word before the section's name. Returns
    /// `None` if the setting is unset.
    ///
    /// # Errors
    /// If the section doesn't exist. The help is to add the section, followed by `more_help`.
    pub(super) fn named_section(
        &self,
        key: &str,
        kind: &'static str,
        more_help: &str,
    ) -> Result<Option<&'a Section>, Problem> {
        let Some(name) = self.setting(key) else {
            return Ok(None);
        };
        if let Some(section) = self.profiles.sections.get(&(kind, name.to_owned())) {
            return Ok(Some(section));
        }
        let name = shown(name);
        Err(self.inconsistent(
            format!("names the {key} {name:?}, but the section [{kind} {name}] doesn't exist"),
            format!("add the section [{kind} {name}]{more_help}"),
        ))
    }

    /// The error for a profile whose settings contradict each other or are incomplete. `why` is the
    /// predicate of a sentence about the profile, such as `has both source_profile and
    /// credential_source`. `help` says what to correct.
    pub(super) fn inconsistent(&self, why: impl Display, help: impl Into<String>) -> Problem {
        let noun = noun_with_name("AWS profile", self.name);
        Problem::usage(format!("the {noun} {why}")).help(help)
    }
}

/// The sections of the config and credentials files.
#[derive(Default)]
pub struct Profiles {
    files: ConfigFiles,
    /// The key is the section's kind, such as [`PROFILE`], and its name without the kind.
    sections: BTreeMap<(&'static str, String), Section>,
    /// The profiles whose access key is in the credentials file.
    pub(super) with_stored_keys: BTreeSet<String>,
}

pub(super) const PROFILE: &str = "profile";
pub(super) const SSO_SESSION: &str = "sso-session";
const SERVICES: &str = "services";
/// The kind of a section that has no effect.
const OTHER: &str = "";

impl Profiles {
    /// Reads the files, and skips those that don't exist.
    ///
    /// # Errors
    /// If a file cannot be read or parsed.
    pub fn load(files: &ConfigFiles, progress: &Progress) -> Result<Self, Problem> {
        let mut profiles = Self {
            files: files.clone(),
            ..Self::default()
        };
        if let Some(path) = &files.config {
            profiles.read_file(path, progress, split_header)?;
        }
        // In the credentials file, every section is a profile. The file is read last, so that its
        // settings win.
        if let Some(path) = &files.credentials {
            let mut stored = Self::default();
            stored.read_file(path, progress, |name| Some((PROFILE, name.to_owned())))?;
            for (key, section) in stored.sections {
                if setting(&section, "aws_access_key_id").is_some() {
                    profiles.with_stored_keys.insert(key.1.clone());
                }
                profiles.sections.entry(key).or_default().extend(section);
            }
        }
        Ok(profiles)
    }

    /// The profile with this name. `None` if neither of the two files has it.
    pub fn profile(&self, name: &str) -> Option<Profile<'_>> {
        let ((_, name), section) = self.sections.get_key_value(&(PROFILE, name.to_owned()))?;
        Some(Profile {
            name,
            section,
            profiles: self,
        })
    }

    /// The names of all profiles.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sections
            .keys()
            .filter(|(kind, _)| *kind == PROFILE)
            .map(|(_, name)| name.as_str())
    }

    /// True if the profile exists and sets its region.
    pub fn has_region(&self, profile: &str) -> bool {
        self.profile(profile)
            .is_some_and(|profile| profile.setting("region").is_some())
    }

    /// The error for a profile that does not exist. `place` is the setting that names it.
    pub(super) fn no_profile(&self, name: &str, place: &Place) -> Problem {
        let noun = noun_with_name("AWS profile", name);
        // As printed: there is no AWS profile "prod" (from AWS_PROFILE)
        let text = format!("there is no {noun} (from {place})");
        if self.sections.contains_key(&(OTHER, name.to_owned())) {
            let name = shown(name);
            let help =
                format!("write [profile {name}] instead of [{name}] in the configuration file");
            return Problem::usage(text).help(help);
        }
        let names: Vec<&str> = self.names().collect();
        let listed = if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        };
        let place = self.files.location();
        let general = format!(
            "a section is [profile NAME] in the first file, and [NAME] in the second (the profiles {place}: {listed})"
        );
        let help = nearest(name, names.iter().copied()).map_or(general, did_you_mean);
        Problem::usage(text).help(help)
    }

    /// Adds the sections of a file, if the file exists. `parse_header` splits a header into the
    /// kind and the name of the section. If it returns `None`, the kind is [`OTHER`]. Warns if the
    /// path leads to a directory, and if `[profile default]` replaces `[default]`.
    fn read_file(
        &mut self,
        path: &Path,
        progress: &Progress,
        parse_header: impl Fn(&str) -> Option<(&'static str, String)>,
    ) -> Result<(), Problem> {
        let Some(text) = read_existing(path, progress)? else {
            return Ok(());
        };
        let file = path.display();
        let sections = parse_ini(&text).map_err(|(line, what)| {
            Problem::usage(redacted_line(&format!("{file}:{line}: this line {what}")))
        })?;

        // As in AWS's SDKs, `[profile default]` replaces the whole of `[default]`, so that the keys
        // of one section never assume the role of the other.
        let default = Some((PROFILE, "default".to_owned()));
        let prefixed_line = sections
            .iter()
            .find(|(_, name, _)| *name != "default" && parse_header(name) == default)
            .map(|(line, _, _)| *line);

        for (line, name, section) in sections {
            if let ("default", Some(prefixed)) = (name, prefixed_line) {
                let why =
                    format!("[profile default] (line {prefixed}) replaces [default] (line {line})");
                let remedy = "The AWS CLI uses whichever comes later, so keep only one of them";
                progress.warn(format!("{file}: {why}. {remedy}"));
                continue;
            }
            let key = parse_header(name).unwrap_or((OTHER, name.to_owned()));
            self.sections.insert(key, section);
        }
        Ok(())
    }
}

/// Reads a file. `None` if the file doesn't exist or can't be reached, for example in the HOME of a
/// different user. A directory at `path` is also treated as a missing file, with a warning. A file
/// that isn't UTF-8 is an error.
fn read_existing(path: &Path, progress: &Progress) -> Result<Option<String>, Problem> {
    let unreadable = |error| {
        let file = path.display();
        let why = os_error::file_error_text(path, &error);
        let text = format!("the AWS configuration file {file} can't be read: {why}");
        redacted_line(&text)
    };

    let error = match std::fs::read(path) {
        Ok(bytes) => {
            let file = redacted_line(&path.to_string_lossy());
            let text = os_error::utf8_text(&bytes, &file, Status::Usage)?;
            return Ok(Some(text.to_owned()));
        }
        Err(error) => error,
    };

    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Ok(None),
        ErrorKind::PermissionDenied if path.metadata().is_err() => Ok(None),
        ErrorKind::IsADirectory => {
            progress.warn(unreadable(error));
            Ok(None)
        }
        _ => Err(Problem::usage(unreadable(error))),
    }
}

/// Splits the header of a section in the configuration file into the section's kind and its name:
/// `sso-session work` gives `sso-session` and `work`. Returns `None` for an unknown kind, and for a
/// name that has spaces or quotes but isn't in quotes as a whole.
fn split_header(header: &str) -> Option<(&'static str, String)> {
    if header == "default" {
        return Some((PROFILE, header.to_owned()));
    }
    let (prefix, rest) = header.split_once(char::is_whitespace)?;
    let kind = [PROFILE, SSO_SESSION, SERVICES]
        .into_iter()
        .find(|kind| *kind == prefix)?;

    let name = rest.trim();
    let unquoted = |quote| name.strip_prefix(quote)?.strip_suffix(quote);
    match unquoted('"').or(unquoted('\'')) {
        Some(quoted) => Some((kind, quoted.to_owned())),
        None if name.contains(|c: char| c.is_whitespace() || c == '"' || c == '\'') => None,
        None => Some((kind, name.to_owned())),
    }
}

const UNREADABLE: &str =
    "must be a section, such as [default], or a setting in a section, such as region = us-east-1";
const REPEATED: &str = "repeats a section or a setting above: keep only one of the two";

/// The sections in the order in which they appear in a file. Each has the number of its first line,
/// its header, and its settings.
type IniSections<'a> = Vec<(usize, &'a str, Section)>;

/// Parses a file in botocore's format.
///
/// # Errors
/// If a line is neither a section nor a setting in a section, and doesn't continue a value, or if it
/// repeats a section or a setting of its section. The error is the number of the first such line,
/// and the predicate of a sentence about it.
pub fn parse_ini(text: &str) -> Result<IniSections<'_>, (usize, &'static str)> {
    let mut sections = IniSections::new();
    // The name of the section's last setting.
    let mut last_name: Option<String> = None;
    // The indentation of the last section or setting. A line that is indented further continues the
    // last setting.
    let mut indent = 0;
    // Some Windows editors put a byte order mark at the beginning of a file.
    let text = text.trim_start_matches('\u{feff}');
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let unreadable = (number, UNREADABLE);
        let repeated = (number, REPEATED);
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }

        let line_indent = line.chars().take_while(|c| c.is_whitespace()).count();
        if line_indent > indent
            && let Some(name) = &last_name
            && let Some((_, _, section)) = sections.last_mut()
        {
            continue_setting(section, name, content).ok_or(unreadable)?;
            continue;
        }
        indent = line_indent;

        if let Some(rest) = content.strip_prefix('[') {
            let (header, _) = rest.rsplit_once(']').ok_or(unreadable)?;
            let header = header.trim();
            if sections.iter().any(|(_, other, _)| *other == header) {
                return Err(repeated);
            }
            sections.push((number, header, Section::new()));
            last_name = None;
            continue;
        }

        let (_, _, section) = sections.last_mut().ok_or(unreadable)?;
        let (name, value) = split_setting(content, &['=', ':']).ok_or(unreadable)?;
        let name = name.to_lowercase();
        if section.insert(name.clone(), value.to_owned()).is_some() {
            return Err(repeated);
        }
        last_name = Some(name);
    }
    Ok(sections)
}

/// Adds the indented line `content` to the setting `name`. If the setting has a value, the line
/// continues the value. Otherwise, the line must be a setting of its own. Returns `None` if it
/// isn't.
fn continue_setting(section: &mut Section, name: &str, content: &str) -> Option<()> {
    let value = section.get_mut(name)?;
    if has_no_value(value) {
        split_setting(content, &['='])?;
    }
    value.push('\n');
    value.push_str(content);
    Some(())
}

/// True if a setting is empty or has only settings below it.
fn has_no_value(text: &str) -> bool {
    text.is_empty() || text.starts_with('\n')
}

/// Splits `NAME = VALUE` at the first of `separators`. As in botocore, these are `=` and `:`, but
/// only `=` for an indented setting. `None` for a line without a separator or without a name.
fn split_setting<'a>(content: &'a str, separators: &[char]) -> Option<(&'a str, &'a str)> {
    let (name, value) = content.split_once(separators)?;
    let name = name.trim();
    if name.is_empty() {
        return None;
    }
    Some((name, value.trim()))
}
