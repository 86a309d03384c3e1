//! Reads AWS's settings from the environment variables, and from a profile in AWS's configuration
//! files (`~/.aws/config` and `~/.aws/credentials`).
//!
//! The files are read as in botocore, which uses Python's `configparser`. A file that doesn't exist
//! or can't be reached (for example, in another user's home directory) is treated as empty, as in
//! the AWS CLI. A file that can't be read or parsed is an error: if it were skipped, secrets-exec
//! might use the credentials of a different identity. A message shows the number of a line, but
//! never the line.
//!
//! The SDK's parser (`env_config` of `aws-runtime`) reads 7 of our 152 test files differently from
//! the AWS CLI. It refuses a byte order mark and an indented setting. It silently skips malformed
//! section headers, and names with a space or a quote (smithy-rs#1488, closed). It could replace 61
//! lines of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt::Display;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use nix::unistd::{User, getuid};

use crate::model::environment::{Inherited, is_alphanumeric_or};
use crate::model::fault::{
    did_you_mean, nearest, overlooked_unless_empty, several_lines, wrong_value,
};
use crate::model::message::{Place, Placed, Problem, Status};
use crate::model::options::Parsed;
use crate::model::shown::{is_in_quotes, noun_with_name, shown, without_tokens};
use crate::model::url::HttpUrl;
use crate::system::os_error;
use crate::system::redaction::redacted_line;
use crate::time::Progress;

/// The places of settings: the environment variables and, once the configuration files have been
/// read, the profile.
///
/// A variable takes precedence over the profile. As in the AWS CLI, an empty value is treated as
/// unset.
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

    /// Reads a variable, such as AWS_MAX_ATTEMPTS, or the profile's setting (`max_attempts`).
    ///
    /// The variable takes precedence, but an invalid value in either adds an error to `errors`, and
    /// is treated as unset.
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

    /// Like [`Self::read_placed`], without the place.
    pub fn read<T>(&mut self, variable: &'static str, parse: Parser<T>) -> Option<T> {
        let placed = self.read_placed(variable, parse)?;
        Some(placed.value)
    }

    /// Parses an environment variable. An invalid value adds an error to `errors`.
    pub fn variable<T>(&mut self, name: &'static str, parse: Parser<T>) -> Option<T> {
        let placed = self.placed_variable(name, parse)?;
        Some(placed.value)
    }

    fn valid_value<T>(&mut self, parsed: Result<T, Problem>) -> Option<T> {
        parsed.map_err(|error| self.errors.push(error)).ok()
    }

    /// Like [`Self::variable`], with the value's place, for messages.
    pub fn placed_variable<T>(
        &mut self,
        name: &'static str,
        parse: Parser<T>,
    ) -> Option<Placed<T>> {
        let value = self.variables.non_empty(name)?;
        self.valid_value(parse_placed(&Place::variable(name), value, parse))
    }

    /// Reads a variable that can have any text, except what [`parse_named`] refuses.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.variable(name, any_text)
    }

    /// Like [`Self::text`], but treats a value of blanks as unset, as in the SDKs.
    pub fn access_key(&mut self, name: &'static str) -> Option<String> {
        let value = self.variables.non_empty(name)?;
        let is_blank = value.to_string_lossy().trim().is_empty();
        if is_blank { None } else { self.text(name) }
    }

    /// Parses a setting of the profile. An invalid value adds an error to `errors`.
    pub fn placed_setting<T>(&mut self, key: &str, parse: Parser<T>) -> Option<Placed<T>> {
        let profile = self.profile?;
        let parsed = profile.parse_value(profile.setting(key)?, key, parse);
        self.valid_value(parsed)
    }

    /// Reads a service's endpoint from the `services` section that the profile names. For
    /// AWS_ENDPOINT_URL_SSM, it is the `endpoint_url` below `ssm =`.
    pub(super) fn service_endpoint(&mut self, variable: &str) -> Option<Placed<HttpUrl>> {
        let profile = self.profile?;
        let named = profile.named_section("services", SERVICES, ", or correct services");
        let section = self.valid_value(named)??;
        if section.contains_key("endpoint_url") {
            self.errors.push(profile.inconsistent(
                "names a services section with an endpoint_url that isn't indented below its service",
                "indent endpoint_url below `secrets_manager =`",
            ));
        }
        let service = variable.replace("AWS_ENDPOINT_URL_", "").to_lowercase();
        let text = section.get(&service)?;
        // Lines below `ssm =` are settings only if nothing follows the `=`.
        if !has_no_value(text) {
            return None;
        }
        // The last `endpoint_url` applies, as in botocore.
        let (_, endpoint) = text
            .lines()
            .filter_map(|line| split_setting(line, &['=']))
            .rfind(|(name, _)| *name == "endpoint_url")
            .filter(|(_, endpoint)| !endpoint.is_empty())?;

        let parsed = profile.parse_value(endpoint, "services", HttpUrl::parse_endpoint);
        self.valid_value(parsed)
    }

    /// Adds an error if the variable names a file that can't be reached. Does nothing once the
    /// profile has been read, because the variable was already checked before.
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

/// The home directory in HOME or, if HOME isn't set, in /etc/passwd, as in botocore.
pub(super) fn home(variables: &Inherited) -> Option<PathBuf> {
    variables
        .non_empty("HOME")
        .map(PathBuf::from)
        .or_else(|| Some(User::from_uid(getuid()).ok()??.dir))
}

/// Expands the variables that are set (`$NAME` or `${NAME}`), and then a leading `~/`. Unlike the
/// AWS CLI, also expands `${NAME:-default}`, but doesn't expand `~user`.
pub fn expanded(path: &OsStr, variables: &Inherited) -> PathBuf {
    // A lossy conversion is enough, because AWS's settings are refused if they aren't UTF-8.
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

const FILE_REMEDY: &str = "use one line or, for a file, its path";

/// Like [`parse_named`], but also stores the value's place. If an error has no help, adds the help
/// to correct or undo the setting.
fn parse_placed<T>(place: &Place, value: &OsStr, parse: Parser<T>) -> Result<Placed<T>, Problem> {
    match parse_named(&place.to_string(), value, parse) {
        Ok(parsed) => Ok(Placed::new(parsed, place)),
        // The message about a value in quotes already says to remove them.
        Err(error) if error.has_help() || is_in_quotes(&value.to_string_lossy()) => Err(error),
        Err(error) => Err(error.help(format!("correct or {}", place.undo()))),
    }
}

/// Parses the value of the variable or setting `name`. `parse` never sees several lines, invisible
/// characters or, in most of AWS's variables, an unexpanded `$NAME`.
fn parse_named<T>(name: &str, value: &OsStr, parse: Parser<T>) -> Result<T, Problem> {
    let text = value.to_string_lossy();
    let checked = if name.eq_ignore_ascii_case("NO_PROXY") {
        // As in curl, Go and Python, blanks around the list in NO_PROXY don't matter.
        text.trim_matches([' ', '\t'])
    } else {
        &text
    };
    if let Some(found) =
        several_lines(checked, FILE_REMEDY).or_else(|| overlooked_unless_empty(checked))
    {
        return Err(Problem::usage(found.about(name)));
    }
    // A value such as `$REGION` or `${{ secrets.REGION }}` was never expanded. Only AWS's variables
    // are checked, except for paths (AWS_…_FILE), which may begin with a `$NAME`.
    if text.starts_with('$') && name.starts_with("AWS_") && !name.ends_with("_FILE") {
        let why = "begins with \"$\", so the variable in it hasn't been expanded";
        return Err(Problem::usage(format!("{name} {why}")));
    }
    // The message doesn't show the value, which may be a credential.
    let Some(text) = value.to_str() else {
        return Err(Problem::usage(format!("{name} must be text in UTF-8")));
    };
    parse(text)
        .map_err(|expected| Problem::usage(wrong_value(text, expected).about(name).to_string()))
}

pub(super) fn any_text(text: &str) -> Parsed<String> {
    Ok(text.to_owned())
}

pub fn boolean(text: &str) -> Parsed<bool> {
    choice(text, "true or false", &[("true", true), ("false", false)])
}

/// A number of attempts or seconds, at least 1.
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

/// Checks STS's rules for `RoleSessionName`.
pub fn session_name(text: &str) -> Parsed<String> {
    if !is_alphanumeric_or(text, b"_+=,.@-") || !(2..=64).contains(&text.len()) {
        return Err("2 to 64 characters: letters, digits and _+=,.@-");
    }
    Ok(text.to_owned())
}

/// Checks a retry mode, which has no effect, because secrets-exec always retries by its own rules.
pub(super) fn retry_mode(text: &str) -> Parsed<()> {
    let modes = [("legacy", ()), ("standard", ()), ("adaptive", ())];
    choice(text, "legacy, standard or adaptive", &modes)
}

/// The default URL of the instance metadata service.
pub const METADATA_URL: &str = "http://169.254.169.254";
const METADATA_URL_IPV6: &str = "http://[fd00:ec2::254]";

/// The default URL for a value of AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE.
pub(super) fn metadata_mode_url(mode: &str) -> Parsed<HttpUrl> {
    let urls = [("ipv4", METADATA_URL), ("ipv6", METADATA_URL_IPV6)];
    choice(mode, "IPv4 or IPv6", &urls).and_then(url)
}

/// Looks up `text` in `choices`, ignoring case.
pub fn choice<T: Clone>(text: &str, expected: &'static str, choices: &[(&str, T)]) -> Parsed<T> {
    choices
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(text))
        .map(|(_, meaning)| meaning.clone())
        .ok_or(expected)
}

/// The paths of AWS's configuration files, which don't have to exist.
#[derive(Clone, Debug, Default)]
pub struct ConfigFiles {
    pub config: Option<PathBuf>,
    pub credentials: Option<PathBuf>,
    /// The directory of the AWS CLI's stored sessions. It is also `None` once AWS has refused one
    /// of them.
    pub sessions: Option<PathBuf>,
    /// The directory where `aws sso login` stores tokens.
    pub sso_tokens: Option<PathBuf>,
}

impl ConfigFiles {
    /// The configuration file and the credentials file. If the working directory is unknown, a
    /// relative path stays relative.
    pub fn absolute_paths(&self) -> [Option<PathBuf>; 2] {
        [&self.config, &self.credentials].map(|path| {
            let path = path.as_ref()?;
            Some(std::path::absolute(path).unwrap_or_else(|_| path.clone()))
        })
    }

    /// The text for a message: `in PATH or PATH`. If a path can't be reached, the reason follows
    /// it.
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

/// The text of each setting, by its name in lowercase.
///
/// If a setting such as `s3 =` has indented settings below it instead of a value, its text consists
/// of the indented lines, each preceded by a line feed.
pub(super) type Section = BTreeMap<String, String>;

/// The value of a setting, unless it is empty or has indented settings below it instead.
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
    /// All profiles and sections, because this profile may refer to others.
    pub(super) profiles: &'a Profiles,
}

impl<'a> Profile<'a> {
    pub fn setting(&self, key: &str) -> Option<&'a str> {
        setting(self.section, key)
    }

    /// Like [`Self::setting`], but returns a copy.
    pub(super) fn owned_setting(&self, key: &str) -> Option<String> {
        self.setting(key).map(str::to_owned)
    }

    pub(super) fn parse_setting<T>(
        &self,
        key: &str,
        parse: Parser<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.setting(key) else {
            return Ok(None);
        };
        let parsed = self.parse_value(text, key, parse)?;
        Ok(Some(parsed.value))
    }

    /// Parses `text`, which is the value of the setting `key`, or a value from the section that
    /// `key` names.
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

    /// Finds the section that the setting `key` names. For `sso_session = work`, this is the
    /// section `[sso-session work]`, whose kind is `sso-session`.
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

    /// The error for a profile whose settings contradict each other or are incomplete. `why`
    /// completes the sentence "the AWS profile …".
    pub(super) fn inconsistent(&self, why: impl Display, help: impl Into<String>) -> Problem {
        let noun = noun_with_name("AWS profile", self.name);
        Problem::usage(format!("the {noun} {why}")).help(help)
    }
}

/// The sections of AWS's two configuration files.
#[derive(Default)]
pub struct Profiles {
    files: ConfigFiles,
    /// The sections by kind and name, which are `sso-session` and `work` for `[sso-session work]`.
    sections: BTreeMap<(&'static str, String), Section>,
    /// The profiles whose access key is in the credentials file.
    pub(super) with_stored_keys: BTreeSet<String>,
}

pub(super) const PROFILE: &str = "profile";
pub(super) const SSO_SESSION: &str = "sso-session";
const SERVICES: &str = "services";
/// The kind of a section without effect, such as `[prod]` instead of `[profile prod]` in the
/// configuration file.
const OTHER: &str = "";

impl Profiles {
    /// Reads both configuration files, if they exist.
    pub fn load(files: &ConfigFiles, progress: &Progress) -> Result<Self, Problem> {
        let mut profiles = Self {
            files: files.clone(),
            ..Self::default()
        };
        if let Some(path) = &files.config {
            profiles.read_file(path, progress, split_header)?;
        }
        // Every section in the credentials file is a profile. Its settings replace those of the
        // configuration file.
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

    pub fn profile(&self, name: &str) -> Option<Profile<'_>> {
        let ((_, name), section) = self.sections.get_key_value(&(PROFILE, name.to_owned()))?;
        Some(Profile {
            name,
            section,
            profiles: self,
        })
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sections
            .keys()
            .filter(|(kind, _)| *kind == PROFILE)
            .map(|(_, name)| name.as_str())
    }

    /// True if the profile exists and has a region.
    pub fn has_region(&self, profile: &str) -> bool {
        self.profile(profile)
            .is_some_and(|profile| profile.setting("region").is_some())
    }

    /// The error for a profile that doesn't exist. `place` is where the user named it.
    pub(super) fn no_profile(&self, name: &str, place: &Place) -> Problem {
        let noun = noun_with_name("AWS profile", name);
        // As printed: there is no AWS profile "prod" (from AWS_PROFILE)
        let text = format!("there is no {noun} (from {place})");
        Problem::usage(text).help(self.no_profile_help(name, place))
    }

    fn no_profile_help(&self, name: &str, place: &Place) -> String {
        if self.sections.contains_key(&(OTHER, name.to_owned())) {
            let name = shown(name);
            return format!("write [profile {name}] instead of [{name}] in the configuration file");
        }
        if let Some(help) = os_error::unexpanded_help(name) {
            return help.to_owned();
        }
        if let Some(similar) = nearest(name, self.names()) {
            return did_you_mean(similar);
        }

        let names: Vec<&str> = self.names().collect();
        let listed = if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        };
        let files = self.files.location();
        let mut help = format!(
            "a section is [profile NAME] in the first file, and [NAME] in the second (the profiles {files}: {listed})"
        );
        if names.is_empty() {
            help += &format!(". To use a role instead, {}", place.undo());
        }
        help
    }

    /// Adds the sections of a file, if it exists.
    ///
    /// `parse_header` splits a header into the section's kind and name.
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
        let sections = parse_ini(&text).map_err(|RefusedLine { line, defect }| {
            Problem::usage(redacted_line(&format!("{file}:{line}: this line {defect}")))
        })?;

        // As in AWS's SDKs, `[profile default]` replaces `[default]` entirely. If they were merged,
        // the keys of one section could be used to assume the role in the other.
        let default = Some((PROFILE, "default".to_owned()));
        let prefixed_line = sections
            .iter()
            .find(|section| section.header != "default" && parse_header(section.header) == default)
            .map(|section| section.line);

        for section in sections {
            let IniSection { line, header, .. } = section;
            if header == "default"
                && let Some(prefixed) = prefixed_line
            {
                let why =
                    format!("[profile default] (line {prefixed}) replaces [default] (line {line})");
                let remedy = "The AWS CLI uses whichever comes later, so keep only one of them";
                progress.warn(format!("{file}: {why}. {remedy}"));
                continue;
            }
            let key = parse_header(header).unwrap_or((OTHER, header.to_owned()));
            self.sections.insert(key, section.settings);
        }
        Ok(())
    }
}

/// Reads a configuration file. A directory is treated as a missing file, and so is a file that
/// can't be reached, for example in another user's HOME.
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

/// Splits `sso-session work` into the section's kind and name. As in botocore, the header is split
/// as a shell splits words, so quotes can be anywhere in the name.
fn split_header(header: &str) -> Option<(&'static str, String)> {
    if header == "default" {
        return Some((PROFILE, header.to_owned()));
    }
    let [prefix, name] = shlex::split(header)?.try_into().ok()?;
    let kinds = [PROFILE, SSO_SESSION, SERVICES];
    let kind = kinds.into_iter().find(|kind| *kind == prefix)?;
    Some((kind, name))
}

const UNREADABLE: &str =
    "must be a section, such as [default], or a setting in a section, such as region = us-east-1";
const REPEATED: &str = "repeats a section or a setting above: keep only one of the two";

/// A section of a configuration file.
pub struct IniSection<'a> {
    /// The header's line, counted from 1.
    line: usize,
    pub header: &'a str,
    pub settings: Section,
}

/// A line that [`parse_ini`] refuses.
#[derive(Debug)]
pub struct RefusedLine {
    /// Counted from 1.
    pub line: usize,
    /// The end of the sentence "this line …".
    defect: &'static str,
}

/// Parses a configuration file by botocore's rules.
pub fn parse_ini(text: &str) -> Result<Vec<IniSection<'_>>, RefusedLine> {
    let mut sections: Vec<IniSection<'_>> = Vec::new();
    // The name of the section's last setting.
    let mut last_name: Option<String> = None;
    // The indentation of the last section or setting. A line that is indented further continues the
    // last setting.
    let mut indent = 0;
    // Some Windows editors put a byte order mark at the beginning of a file.
    let text = text.trim_start_matches('\u{feff}');
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let refused = |defect| RefusedLine {
            line: number,
            defect,
        };
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }

        let line_indent = line.chars().take_while(|c| c.is_whitespace()).count();
        if line_indent > indent
            && let Some(name) = &last_name
            && let Some(section) = sections.last_mut()
            && let Some(value) = section.settings.get_mut(name)
        {
            // Below a setting without a value, each line must be a setting itself.
            if has_no_value(value) && split_setting(content, &['=']).is_none() {
                return Err(refused(UNREADABLE));
            }
            value.push('\n');
            value.push_str(content);
            continue;
        }
        indent = line_indent;

        if let Some(rest) = content.strip_prefix('[') {
            let (header, _) = rest.rsplit_once(']').ok_or(refused(UNREADABLE))?;
            let header = header.trim();
            if sections.iter().any(|section| section.header == header) {
                return Err(refused(REPEATED));
            }
            sections.push(IniSection {
                line: number,
                header,
                settings: Section::new(),
            });
            last_name = None;
            continue;
        }

        let section = sections.last_mut().ok_or(refused(UNREADABLE))?;
        let (name, value) = split_setting(content, &['=', ':']).ok_or(refused(UNREADABLE))?;
        let name = name.to_lowercase();
        let earlier = section.settings.insert(name.clone(), value.to_owned());
        if earlier.is_some() {
            return Err(refused(REPEATED));
        }
        last_name = Some(name);
    }
    Ok(sections)
}

/// True for the text of a setting that is empty or only has settings below it.
fn has_no_value(text: &str) -> bool {
    text.is_empty() || text.starts_with('\n')
}

/// Splits `NAME = VALUE` at the first of the `separators`. As in botocore, these are `=` and `:`,
/// but only `=` for an indented setting.
fn split_setting<'a>(content: &'a str, separators: &[char]) -> Option<(&'a str, &'a str)> {
    let (name, value) = content.split_once(separators)?;
    let name = name.trim();
    if name.is_empty() {
        return None;
    }
    Some((name, value.trim()))
}
