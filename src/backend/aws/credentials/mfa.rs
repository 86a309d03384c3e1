//! The codes of MFA devices, which a profile's roles may require. The user types them on the
//! terminal. The deadline is extended by the time that this takes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};

use crate::backend::aws::config::ProfileRole;
use crate::model::answer::{Again, FetchError};
use crate::model::quoting::{escaped, one_line};
use crate::time::Deadline;

/// The codes that were typed, by the serial number of the device. Each device's code is asked for
/// once in a launch.
#[derive(Clone, Default)]
pub struct MfaCodes(BTreeMap<String, String>);

impl MfaCodes {
    /// Asks the user for the code of each MFA device that `roles` require, and stores the codes.
    /// Doesn't ask again for a device whose code was already typed, for an earlier role or in an
    /// earlier try of `--wait`. That try may have failed before it sent the code to STS, so the
    /// code may still be good. Waits for the user without a time limit.
    ///
    /// # Errors
    /// When there is no terminal, or when the user ends the input.
    pub fn ask_for_missing(
        &mut self,
        roles: &[ProfileRole],
        deadline: &Deadline,
    ) -> Result<(), FetchError> {
        for serial in roles.iter().filter_map(|role| role.mfa_serial.as_ref()) {
            if !self.0.contains_key(serial) {
                let name = format!("the MFA code for {}", one_line(serial));
                let _awaited = deadline.progress().awaits(name);
                let code = deadline.asking(|| ask_for(serial))?;
                self.0.insert(serial.clone(), code);
            }
        }
        Ok(())
    }

    /// Returns the serial number of a role's device and the code. Returns `None` if the role
    /// doesn't require one.
    pub fn code_for<'a>(&'a self, role: &'a ProfileRole) -> Option<(&'a str, &'a str)> {
        self.0
            .get_key_value(role.mfa_serial.as_ref()?)
            .map(|(serial, code)| (serial.as_str(), code.as_str()))
    }
}

/// Asks for the code of a device until six digits are typed.
///
/// # Errors
/// When there is no terminal, or when the user ends the input.
fn ask_for(serial: &str) -> Result<String, FetchError> {
    let serial = one_line(serial);
    let shown = escaped(&serial);
    let question = format!("secrets-exec: MFA code (six digits) for {shown}: ");
    loop {
        match ask(&question) {
            Ok(Some(code)) if code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()) => {
                return Ok(code);
            }
            // STS would not accept the code, so the user is asked again.
            Ok(Some(_)) => {}
            Ok(None) => {
                let why = format!("no MFA code for {serial} was typed");
                return Err(FetchError::without_credentials(why, Again::Never));
            }
            Err(_) => {
                let why = format!(
                    "a code from the MFA device {serial} is needed, but it can't be entered without a terminal"
                );
                let help = "run this in a terminal, or set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN";
                return Err(FetchError::without_credentials(why, Again::Never).help(help));
            }
        }
    }
}

/// Prints a question on the terminal, and returns the line that is typed. Returns `None` at the end
/// of the input (Ctrl-D). The code is echoed, because it can be used only once.
///
/// # Errors
/// When there is no terminal, or when it can't be read or written.
fn ask(question: &str) -> io::Result<Option<String>> {
    let mut terminal = File::options().read(true).write(true).open("/dev/tty")?;
    // Even an empty read stops a background job (SIGTTIN). It returns when the job is in the
    // foreground, where the user can see the question.
    let _ = terminal.read(&mut [])?;
    terminal.write_all(question.as_bytes())?;
    let mut line = String::new();
    let length = BufReader::new(terminal).read_line(&mut line)?;
    if length == 0 {
        return Ok(None);
    }
    Ok(Some(line.trim().to_owned()))
}
