//! Codes of MFA devices, which the roles of a profile may require.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};

use crate::backend::aws::config::ProfileRole;
use crate::model::answer::{Again, CredentialsError};
use crate::model::quoting::{escaped, one_line};
use crate::time::Deadline;

/// The codes that were typed, by the serial number of the device: each is asked for once in a launch.
#[derive(Clone, Default)]
pub struct MfaCodes(BTreeMap<String, String>);

impl MfaCodes {
    /// Asks on the terminal for the codes that `roles` require, and that were not asked for yet.
    ///
    /// # Errors
    /// Without a terminal or without a code.
    pub fn complete(
        &mut self,
        roles: &[ProfileRole],
        deadline: &Deadline,
    ) -> Result<(), CredentialsError> {
        for serial in roles.iter().filter_map(|role| role.mfa_serial.as_ref()) {
            if !self.0.contains_key(serial) {
                let _awaited = deadline
                    .progress()
                    .awaits(format!("the MFA code for {}", one_line(serial)));
                let code = deadline.asking(|| ask_for(serial))?;
                self.0.insert(serial.clone(), code);
            }
        }
        Ok(())
    }

    /// Returns the device of a role, and its code.
    pub fn of<'a>(&'a self, role: &'a ProfileRole) -> Option<(&'a str, &'a str)> {
        self.0
            .get_key_value(role.mfa_serial.as_ref()?)
            .map(|(serial, code)| (serial.as_str(), code.as_str()))
    }
}

fn ask_for(serial: &str) -> Result<String, CredentialsError> {
    let serial = one_line(serial);
    let mut question = format!("secrets-exec: MFA code for {}: ", escaped(&serial));
    loop {
        match ask(&question) {
            Ok(Some(code)) if code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()) => {
                return Ok(code);
            }
            // STS takes no other code.
            Ok(Some(_)) => {
                question = format!(
                    "secrets-exec: an MFA code has six digits; MFA code for {}: ",
                    escaped(&serial)
                )
            }
            Ok(None) => {
                let why = format!("no MFA code for {serial} was typed");
                return Err(CredentialsError::new(why, Again::Never));
            }
            Err(_) => {
                let why = format!(
                    "a code of the MFA device {serial} is needed, but there is no terminal to ask for it"
                );
                let help = "run this in a terminal, or set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN";
                return Err(CredentialsError::new(why, Again::Never).help(help));
            }
        }
    }
}

/// Asks a question on the terminal and returns the line that is typed; `None` at the end of input (Ctrl-D). The terminal's modes stay:
/// a code can be used once, so it may be echoed.
fn ask(question: &str) -> io::Result<Option<String>> {
    let mut terminal = File::options().read(true).write(true).open("/dev/tty")?;
    // Even an empty read stops a background job (SIGTTIN), and returns once it is in the foreground, where the question can be seen.
    let _ = terminal.read(&mut [])?;
    terminal.write_all(question.as_bytes())?;
    let mut line = String::new();
    let length = BufReader::new(terminal).read_line(&mut line)?;
    Ok((length > 0).then(|| line.trim().to_owned()))
}
