//! The profiles in AWS's configuration files.

use aws_config::profile;
use aws_config::profile::{Profile, ProfileSet};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_runtime::env_config::property::PropertiesKey;
use aws_types::os_shim_internal::{Env, Fs};

use super::setup_error::SetupError;
use crate::backend::aws::protocol::error_text;
use crate::system::os_error::ReadFailure;

/// All profiles of both files.
pub struct Profiles {
    sections: ProfileSet,
}

impl Profiles {
    /// Reads the files.
    ///
    /// # Errors
    /// When they cannot be parsed.
    pub async fn load() -> Result<Self, SetupError> {
        let files = EnvConfigFiles::default();
        let sections = profile::load(&Fs::real(), &Env::real(), &files, None).await;
        let sections =
            sections.map_err(|error| SetupError::Files(ReadFailure { why: error_text(&error), is_limit: false }))?;
        Ok(Self { sections })
    }

    pub fn get(&self, name: &str) -> Option<&Profile> {
        self.sections.get_profile(name)
    }

    /// The names of the profiles, in order.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.sections.profiles().map(str::to_owned).collect();
        names.sort_unstable();
        names
    }

    /// A setting of an `sso-session` section; `None` if there is no such section.
    pub fn session_setting(&self, session: &str, key: &str) -> Option<Option<&str>> {
        Some(self.sections.sso_session(session)?.get(key))
    }

    /// The `endpoint_url` of a service in a `services` section. The SDK looks for it under a name of Secrets Manager that no AWS tool
    /// writes.
    pub fn service_endpoint(&self, section: &str, service: &str) -> Option<&str> {
        let key = PropertiesKey::builder()
            .section_key("services")
            .section_name(section)
            .property_name(service)
            .sub_property_name("endpoint_url")
            .build();
        Some(self.sections.other_sections().get(&key.ok()?)?.as_str())
    }
}
