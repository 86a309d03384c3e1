//! AWS's configuration files, and their profiles.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::variable_reader::{Format, invalid};
use crate::model::problem::{Problem, Status};
use crate::model::quoting::{one_line, quoted_value};
use crate::model::suggest;
use crate::system::os_error;
use crate::time::Progress;

/// The paths of AWS's configuration files, which need not exist; `None` without a home directory.
#[derive(Clone, Debug, Default)]
pub struct ConfigFiles {
    pub config: Option<PathBuf>,
    pub credentials: Option<PathBuf>,
}

impl ConfigFiles {
    /// Returns `in PATH or PATH` for a message, with the reason why a file cannot be reached, unless it just does not exist.
    pub fn described(&self) -> String {
        let described = |path: &PathBuf| match path.metadata() {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                format!("{} ({})", path.display(), os_error::text(&error))
            }
            Ok(_) | Err(_) => path.display().to_string(),
        };
        let paths: Vec<_> = [&self.config, &self.credentials]
            .into_iter()
            .flatten()
            .map(described)
            .collect();
        if paths.is_empty() {
            "because HOME is not set".to_owned()
        } else {
            one_line(&format!("in {}", paths.join(" or ")))
        }
    }
}

/// The settings of a section, by names in lower case.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Section {
    pub settings: BTreeMap<String, String>,
    /// The indented settings below another one without a value, such as `s3 =`, by the names of both.
    pub nested: BTreeMap<(String, String), String>,
}

impl Section {
    pub fn get(&self, key: &str) -> Option<&str> {
        self.settings.get(key).map(String::as_str)
    }

    fn extend(&mut self, other: Self) {
        self.settings.extend(other.settings);
        self.nested.extend(other.nested);
    }
}

/// A profile of the files.
#[derive(Clone, Copy)]
pub struct Profile<'a> {
    pub name: &'a str,
    section: &'a Section,
}

impl<'a> Profile<'a> {
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.section.get(key)
    }

    /// Returns a parsed setting.
    ///
    /// # Errors
    /// When it has an invalid value.
    pub fn parse<T>(&self, key: &'static str, format: &Format<T>) -> Result<Option<T>, Problem> {
        self.parse_text(self.get(key), key, format)
    }

    /// Does the same with the text of a setting that is elsewhere, to which `key` leads.
    ///
    /// # Errors
    /// When it has an invalid value.
    pub fn parse_text<T>(
        &self,
        text: Option<&str>,
        key: &'static str,
        format: &Format<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = text else { return Ok(None) };
        (format.parse)(text).map(Some).ok_or_else(|| {
            let setting = format!("{key} of the AWS profile {:?}", self.name);
            invalid(&setting, &quoted_value(text), format.expected)
        })
    }

    /// Returns the error of settings that contradict each other or lack another one, in words that follow the profile's name.
    pub fn inconsistent(&self, why: impl Display) -> Problem {
        Problem::new(
            Status::Denied,
            format!("the AWS profile {:?} {why}", self.name),
        )
    }
}

/// The sections of both files. Settings in the credentials file take precedence.
#[derive(Default)]
pub struct Profiles {
    /// By the kind of the section, which is the first word of its name in the configuration file, and the rest of the name.
    sections: BTreeMap<(&'static str, String), Section>,
    /// The sections of the configuration file that lack `profile` before their name.
    bare_sections: Vec<String>,
}

const PROFILE: &str = "profile";
const SSO_SESSION: &str = "sso-session";
const SERVICES: &str = "services";

impl Profiles {
    /// Reads the files, and warns of sections without effect.
    ///
    /// # Errors
    /// When one cannot be read or parsed: without it, the credentials could be another identity's.
    pub fn load(files: &ConfigFiles, progress: &Progress) -> Result<Self, Problem> {
        let mut profiles = Self::default();
        if let Some(path) = &files.config {
            profiles.read(path, progress, section_of_config)?;
        }
        if let Some(path) = &files.credentials {
            profiles.read(path, progress, |name| Some((PROFILE, name.to_owned())))?;
        }
        Ok(profiles)
    }

    pub fn get(&self, name: &str) -> Option<Profile<'_>> {
        let ((_, name), section) = self.sections.get_key_value(&(PROFILE, name.to_owned()))?;
        Some(Profile { name, section })
    }

    /// The names of the profiles.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sections
            .keys()
            .filter(|(kind, _)| *kind == PROFILE)
            .map(|(_, name)| name.as_str())
    }

    /// Returns the settings of an `sso-session` section.
    pub fn sso_session(&self, name: &str) -> Option<&Section> {
        self.sections.get(&(SSO_SESSION, name.to_owned()))
    }

    /// Returns the `endpoint_url` of a service in a `services` section.
    pub fn service_endpoint(&self, section: &str, service: &str) -> Option<&str> {
        let section = self.sections.get(&(SERVICES, section.to_owned()))?;
        let setting = (service.to_owned(), "endpoint_url".to_owned());
        section.nested.get(&setting).map(String::as_str)
    }

    /// Returns the error for a profile that does not exist. `setting` is the option, variable or setting that names the profile.
    pub fn no_profile(&self, name: &str, setting: &str) -> Problem {
        let names: Vec<&str> = self.names().collect();
        let help = match suggest::nearest(name, names.iter().copied()) {
            _ if self.bare_sections.iter().any(|section| section == name) => {
                format!("in the AWS configuration file, write [profile {name}] instead of [{name}]")
            }
            Some(nearest) => format!("did you mean {nearest:?}?"),
            None if names.is_empty() => {
                "no profiles were found: check HOME and AWS_CONFIG_FILE".to_owned()
            }
            None => format!("choose an existing profile: {}", names.join(", ")),
        };
        Problem::usage(format!(
            "the AWS profile {name:?} ({setting}) does not exist"
        ))
        .help(help)
    }

    /// Adds the sections of a file. One that `kind` does not know is passed over.
    fn read(
        &mut self,
        path: &Path,
        progress: &Progress,
        kind: impl Fn(&str) -> Option<(&'static str, String)>,
    ) -> Result<(), Problem> {
        // As in the AWS CLI, a file that cannot be reached (in another user's HOME) counts as absent; a file that cannot be read does not.
        let is_absent = |error: &std::io::Error| {
            matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::NotADirectory
            )
        };
        if path
            .metadata()
            .map_or_else(|error| is_absent(&error), |metadata| metadata.is_dir())
        {
            return Ok(());
        }
        let name = path.display();
        let failure = |why: String| Problem::usage(one_line(&why));
        let text = std::fs::read_to_string(path).map_err(|error| {
            let why = os_error::text_of_file(path, &error);
            failure(format!(
                "the AWS configuration file {name} can't be read: {why}"
            ))
        })?;
        let sections = parse_ini(&text)
            .map_err(|(line, wrong)| failure(format!("{name}:{line}: this line {wrong}")))?;

        // As in AWS's SDKs, `[profile default]` replaces `[default]` as a whole: the keys of one must not assume the role of the other.
        let default = Some((PROFILE, "default".to_owned()));
        let prefixed = sections
            .iter()
            .find(|(_, name, _)| *name != "default" && kind(name) == default)
            .map(|(line, _, _)| *line);

        for (line, name, section) in sections {
            if let ("default", Some(prefixed)) = (name, prefixed) {
                let path = path.display();
                progress.warn(format!(
                    "{path}: [profile default] (line {prefixed}) replaces [default] (line {line}). The AWS CLI uses whichever comes later, \
                     so keep only one of them"
                ));
                continue;
            }
            match kind(name) {
                Some(key) => self.sections.entry(key).or_default().extend(section),
                None => self.bare_sections.push(name.to_owned()),
            }
        }
        Ok(())
    }
}

/// Returns the kind and the name of a section of the configuration file. A name with blanks is in quotes.
fn section_of_config(name: &str) -> Option<(&'static str, String)> {
    if name == "default" {
        return Some((PROFILE, name.to_owned()));
    }
    let (prefix, name) = name.split_once(char::is_whitespace)?;
    let kind = [PROFILE, SSO_SESSION, SERVICES]
        .into_iter()
        .find(|kind| *kind == prefix)?;
    let name = name.trim();
    let quoted = ['"', '\'']
        .into_iter()
        .find_map(|quote| name.strip_prefix(quote)?.strip_suffix(quote));
    let bare =
        (!name.contains(|c: char| c.is_whitespace() || c == '"' || c == '\'')).then_some(name);
    Some((kind, quoted.or(bare)?.to_owned()))
}

/// Sections in the order of a file: the number of the line with the name, the name, and the settings.
type Sections<'a> = Vec<(usize, &'a str, Section)>;

/// Returns the sections of a file in the dialect of botocore, which is that of Python's `configparser`.
///
/// # Errors
/// The number of a line that is neither a section nor a setting, and what is wrong with this line.
pub fn parse_ini(text: &str) -> Result<Sections<'_>, (usize, &'static str)> {
    let mut sections = Sections::new();
    // The last setting of the section, and the indentation of the last section or setting. A line with more continues the value.
    let (mut last, mut indent) = (None::<String>, 0);
    for (index, line) in text.lines().enumerate() {
        let failure = |wrong| (index + 1, wrong);
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        let line_indent = line.chars().take_while(|c| c.is_whitespace()).count();
        if let (Some(setting), Some((_, _, section)), true) =
            (&last, sections.last_mut(), line_indent > indent)
        {
            continue_setting(section, setting, content).map_err(failure)?;
            continue;
        }
        indent = line_indent;
        if let Some(header) = content.strip_prefix('[') {
            let (name, _) = header
                .rsplit_once(']')
                .ok_or_else(|| failure("has no closing bracket, as in [profile dev]"))?;
            sections.push((index + 1, name.trim(), Section::default()));
            last = None;
            continue;
        }
        let (_, _, section) = sections
            .last_mut()
            .ok_or_else(|| failure("comes before the first section, such as [default]"))?;
        let (name, value) = setting(content, &['=', ':'])
            .ok_or_else(|| failure("is not a setting, such as region = us-east-1"))?;
        section
            .settings
            .insert(name.to_lowercase(), value.to_owned());
        last = Some(name.to_lowercase());
    }
    Ok(sections)
}

/// Adds a line to the value of a setting, or, if that has none on its own line, a setting below it.
fn continue_setting(section: &mut Section, name: &str, content: &str) -> Result<(), &'static str> {
    match section
        .settings
        .get_mut(name)
        .filter(|value| !value.is_empty())
    {
        Some(value) => {
            value.push('\n');
            value.push_str(content);
        }
        None => {
            let (below, value) = setting(content, &['=']).ok_or(
                "is indented below a setting without a value, but is not a setting itself",
            )?;
            section
                .nested
                .insert((name.to_owned(), below.to_owned()), value.to_owned());
        }
    }
    Ok(())
}

/// Splits `NAME = VALUE`.
fn setting<'a>(content: &'a str, separators: &[char]) -> Option<(&'a str, &'a str)> {
    let (name, value) = content.split_once(separators)?;
    Some((name.trim(), value.trim())).filter(|(name, _)| !name.is_empty())
}
