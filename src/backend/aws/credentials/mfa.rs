//! Codes of MFA devices, which the roles of a profile may require.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::prompt::ask;
use crate::backend::aws::config::Settings;
use crate::model::answer::{CredentialsError, FetchError, Wanted};
use crate::model::quoting::{escaped, one_line};
use crate::system::termination::ERASE_LINE;
use crate::time::deadline::Deadline;

/// The codes that were typed, by the serial number of the device: each is asked for once in a launch.
#[derive(Default)]
pub struct MfaCodes(BTreeMap<String, Zeroizing<String>>);

impl MfaCodes {
    /// Asks on the terminal for the codes that the profile's roles require, and that were not asked for yet. The deadline stands still
    /// meanwhile.
    ///
    /// # Errors
    /// Without a terminal, or without a code.
    pub fn complete(&mut self, settings: &Settings, deadline: &Deadline) -> Result<(), FetchError> {
        for serial in settings.profile_roles.iter().filter_map(|role| role.mfa_serial.as_ref()) {
            if !self.0.contains_key(serial) {
                let _awaited = deadline.progress().awaits(format!("the MFA code for {}", one_line(serial)));
                let code = deadline.paused(|| ask_for(serial)).map_err(no_credentials)?;
                self.0.insert(serial.clone(), code);
            }
        }
        Ok(())
    }

    pub fn get(&self, serial: &str) -> Option<&str> {
        self.0.get(serial).map(|code| code.as_str())
    }
}

fn ask_for(serial: &str) -> Result<Zeroizing<String>, String> {
    let serial = one_line(serial);
    // The question may stand in the place of the progress line.
    let mut question = format!("{ERASE_LINE}secrets-exec: MFA code for {}: ", escaped(&serial));
    loop {
        match ask(&question) {
            Ok(Some(code)) if code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()) => return Ok(code),
            // STS takes no other code.
            Ok(Some(_)) => {
                question = format!("secrets-exec: six digits are expected; MFA code for {}: ", escaped(&serial))
            }
            Ok(None) => return Err(format!("no MFA code for {serial} was typed")),
            Err(_) => {
                let why =
                    "requires a code, and there is no terminal to ask for it; set credentials in variables instead";
                return Err(format!("the MFA device {serial} {why}"));
            }
        }
    }
}

fn no_credentials(why: String) -> FetchError {
    let tried = vec![("profile", why)];
    FetchError::NoCredentials(CredentialsError { what: Wanted::Credentials, tried, temporary: false, waited: None })
}
