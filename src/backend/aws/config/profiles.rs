//! The profiles in AWS's configuration files.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use aws_config::profile;
use aws_config::profile::{Profile, ProfileSet};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_runtime::env_config::property::PropertiesKey;
use aws_types::os_shim_internal::{Env, Fs};

use super::ini::{FileKind, bare_sections, decode_name, encode_name, rewrite};
use super::setup_error::{ProfileSource, SetupError};
use crate::backend::aws::protocol::error_text;
use crate::model::quoting::one_line;
use crate::system::os_error::ReadFailure;

/// The paths of AWS's configuration files, which need not exist; `None` without a home directory.
#[derive(Clone, Debug, Default)]
pub struct ConfigFiles {
    pub config: Option<PathBuf>,
    pub credentials: Option<PathBuf>,
}

/// A configuration file in a directory that this process may not enter, or below a file that is no directory. It counts as absent.
#[derive(Clone, Debug)]
pub struct UnreachableFile {
    pub path: PathBuf,
    pub why: String,
}

/// All profiles of both files.
pub struct Profiles {
    sections: ProfileSet,
    /// The files as the SDK reads them.
    contents: [(EnvConfigFileKind, String); 2],
    pub passed_over: PassedOver,
}

/// Files and sections that are not read.
#[derive(Default)]
pub struct PassedOver {
    pub unreachable: Vec<UnreachableFile>,
    /// The sections of the configuration file that lack `profile` before their name.
    pub bare_sections: Vec<String>,
}

impl Profiles {
    /// Reads the files.
    ///
    /// # Errors
    /// When one cannot be read or parsed. The SDK would ignore it and use another identity than the one in the file.
    pub async fn load(files: &ConfigFiles) -> Result<Self, SetupError> {
        let mut passed_over = PassedOver::default();
        let mut read =
            |path: Option<&Path>, kind| path.map_or(Ok(String::new()), |path| read(path, kind, &mut passed_over));
        let contents = [
            (EnvConfigFileKind::Config, read(files.config.as_deref(), FileKind::Config)?),
            (EnvConfigFileKind::Credentials, read(files.credentials.as_deref(), FileKind::Credentials)?),
        ];
        let sections = profile::load(&Fs::real(), &Env::real(), &env_files(&contents), None).await;
        let sections =
            sections.map_err(|error| SetupError::Files(ReadFailure { why: error_text(&error), is_limit: false }))?;
        Ok(Self { sections, contents, passed_over })
    }

    pub fn get(&self, name: &str) -> Option<&Profile> {
        self.sections.get_profile(&encode_name(name))
    }

    /// Returns the names of the profiles, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.sections.profiles().map(decode_name).collect();
        names.sort_unstable();
        names
    }

    /// Returns the error for a profile that does not exist, which an option or variable names, or another profile.
    pub fn no_profile(&self, name: &str, named_by: ProfileSource) -> SetupError {
        let lacks_prefix = self.passed_over.bare_sections.iter().any(|section| section == name);
        SetupError::NoProfile { name: name.to_owned(), known: self.names(), named_by, lacks_prefix }
    }

    /// Returns a setting of an `sso-session` section; `None` if there is no such section.
    pub fn session_setting(&self, session: &str, key: &str) -> Option<Option<&str>> {
        Some(self.sections.sso_session(&encode_name(session))?.get(key))
    }

    /// Returns the `endpoint_url` of a service in a `services` section. The SDK looks for another name of Secrets Manager there than
    /// AWS's other tools.
    pub fn service_endpoint(&self, section: &str, service: &str) -> Option<&str> {
        let key = PropertiesKey::builder()
            .section_key("services")
            .section_name(encode_name(section))
            .property_name(service)
            .sub_property_name("endpoint_url")
            .build();
        Some(self.sections.other_sections().get(&key.ok()?)?.as_str())
    }

    /// Returns the files for a provider of the SDK, with a further configuration file, whose settings take precedence. Names of
    /// sections in it are encoded.
    pub fn env_files_with(&self, config: String) -> EnvConfigFiles {
        let mut contents = self.contents.to_vec();
        contents.push((EnvConfigFileKind::Config, config));
        env_files(&contents)
    }
}

fn env_files(contents: &[(EnvConfigFileKind, String)]) -> EnvConfigFiles {
    let add = |files: aws_runtime::env_config::file::Builder, (kind, text): &(EnvConfigFileKind, String)| {
        files.with_contents(*kind, text.clone())
    };
    contents.iter().fold(EnvConfigFiles::builder(), add).build()
}

/// Reads a file and rewrites it for the SDK.
fn read(path: &Path, kind: FileKind, passed_over: &mut PassedOver) -> Result<String, SetupError> {
    let text = match path.metadata() {
        Ok(metadata) if metadata.is_dir() => return Ok(String::new()),
        Ok(_) => std::fs::read_to_string(path),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(String::new()),
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::NotADirectory) => {
            passed_over.unreachable.push(UnreachableFile { path: path.to_owned(), why: ReadFailure::from(&error).why });
            return Ok(String::new());
        }
        Err(error) => Err(error),
    };
    let failure = |why: String, is_limit| {
        SetupError::Files(ReadFailure { why: one_line(&format!("{}{why}", path.display())), is_limit })
    };
    let text = text.map_err(|error| {
        let ReadFailure { why, is_limit } = ReadFailure::from(&error);
        failure(format!(": {why}"), is_limit)
    })?;
    if kind == FileKind::Config {
        passed_over.bare_sections = bare_sections(&text);
    }
    rewrite(&text, kind).map_err(|error| failure(format!(":{}: expected {}", error.line, error.expected), false))
}
