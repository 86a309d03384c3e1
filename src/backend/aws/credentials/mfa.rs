//! The roles of a profile that require the code of an MFA device.
//!
//! The AWS CLI stores the sessions of such roles, so that its user doesn't have to type a code for
//! each command. If there is a session that is still valid, it is used, and never changed.
//! Otherwise the user types a code on the terminal, and the deadline is extended by the time that
//! this takes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use nix::libc::{O_NOFOLLOW, O_NONBLOCK};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use super::process::parse_time;
use super::provider::misconfigured;
use crate::backend::aws::config::{ProfileRole, RoleChain, RoleSource};
use crate::model::answer::FetchError;
use crate::model::quoting::{escaped, one_line};
use crate::system::paths::distrust;
use crate::time::{Deadline, Progress};

/// The size limit for a file with a session, in bytes. A token is much smaller.
const MAX_SIZE: u64 = 64 * 1024;

/// The time for which a stored session must still be valid.
const SHORTEST: Duration = Duration::from_secs(60);

/// Returns the chain without the roles whose credentials a stored session already has: the session
/// of the last role that requires a code and has one becomes the source of the chain. Reads the
/// files in `directory`, but only if a role requires a code. Notes which file is used.
pub fn with_stored_session(
    mut chain: RoleChain,
    directory: &Path,
    progress: &Progress,
) -> RoleChain {
    for index in (0..chain.roles.len()).rev() {
        let role = &chain.roles[index];
        if let Some(keys) = stored_keys(role, directory, progress) {
            chain.source = RoleSource::StoredSession(role.arn.clone(), keys);
            chain.roles.drain(..=index);
            break;
        }
    }
    chain
}

/// Returns the credentials of a role that the AWS CLI has stored. The result is `None` if the role
/// doesn't require a code, if there isn't a session of this role that is valid for another minute,
/// or if another user could have written it.
fn stored_keys(role: &ProfileRole, directory: &Path, progress: &Progress) -> Option<Credentials> {
    role.mfa_serial.as_ref()?;
    let path = directory.join(cache_key(role) + ".json");
    // Without O_NONBLOCK, opening a FIFO would wait for a writer.
    let flags = O_NOFOLLOW | O_NONBLOCK;
    let opened = File::options().read(true).custom_flags(flags).open(&path);
    let (file, parent) = (opened.ok()?, fs::symlink_metadata(directory).ok()?);
    let metadata = file.metadata().ok()?;
    let shown = one_line(&path.display().to_string());
    if let Some((why, _)) = distrust(&parent).or_else(|| distrust(&metadata)) {
        progress.note(format!(
            "{shown} isn't used, because it or its directory {why}"
        ));
        return None;
    }

    let stored: Value = serde_json::from_reader(file.take(MAX_SIZE)).ok()?;
    let text = |name: &str| stored["Credentials"][name].as_str();
    // Python writes a time such as `2030-01-31T12:00:00UTC`.
    let expires = parse_time(&text("Expiration")?.replace("UTC", "Z"))?;
    let user = stored["AssumedRoleUser"]["Arn"].as_str()?;
    if expires <= SystemTime::now() + SHORTEST || !is_session_of(user, &role.arn) {
        return None;
    }
    progress.note(format!("the session of {} in {shown} is used", role.arn));
    let (id, secret) = (text("AccessKeyId")?, text("SecretAccessKey")?);
    let token = text("SessionToken")?.to_owned();
    let keys = Credentials::new(id, secret, Some(token), Some(expires), "AssumeRole");
    Some(keys)
}

/// Returns the name under which botocore stores the session of a role
/// (`AssumeRoleCredentialFetcher`): the hash of the arguments of AssumeRole, sorted and laid out as
/// by Python's json.dumps. A name of the session that botocore itself has chosen isn't among them.
fn cache_key(role: &ProfileRole) -> String {
    let arguments = json!({
        "DurationSeconds": role.duration,
        "ExternalId": role.external_id,
        "RoleArn": role.arn,
        "RoleSessionName": role.session_name,
        "SerialNumber": role.mfa_serial,
    });
    let all = arguments.as_object().into_iter().flatten();
    let given = all.filter(|(_, value)| !value.is_null());
    let members = Vec::from_iter(given.map(|(name, value)| format!("\"{name}\": {value}")));
    format!("{:x}", Sha1::digest(format!("{{{}}}", members.join(", "))))
}

/// True if the ARN of an assumed role's user belongs to this role. The path of a role isn't a part
/// of the former.
fn is_session_of(user: &str, role: &str) -> bool {
    let fields: Vec<&str> = role.split([':', '/']).collect();
    let [_, partition, _, _, account, .., name] = fields[..] else {
        return false;
    };
    let start = format!("arn:{partition}:sts::{account}:assumed-role/{name}/");
    user.starts_with(&start)
}

/// Asks the user for the code of each MFA device that `roles` require, and adds the codes to
/// `codes` under the serial number of the device. Doesn't ask again for a device whose code was
/// already typed, for an earlier role or in an earlier try of `--wait`. That try may have failed
/// before it sent the code to STS, so the code may still be good. Waits for the user without a time
/// limit. `profile` is the name of the profile with the roles, for messages.
///
/// # Errors
/// When there is no terminal, or when the user ends the input.
pub fn ask_for_missing_codes(
    codes: &mut BTreeMap<String, String>,
    roles: &[ProfileRole],
    profile: &str,
    deadline: &Deadline,
) -> Result<(), FetchError> {
    for serial in roles.iter().filter_map(|role| role.mfa_serial.as_ref()) {
        if !codes.contains_key(serial) {
            let name = format!("the MFA code for {}", one_line(serial));
            let _awaited = deadline.progress().awaits(name);
            let code = deadline.asking(|| mfa_code(serial, profile))?;
            codes.insert(serial.clone(), code);
        }
    }
    Ok(())
}

/// Asks for the code of a device until six digits are typed.
///
/// # Errors
/// When there is no terminal, or when the user ends the input.
fn mfa_code(serial: &str, profile: &str) -> Result<String, FetchError> {
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
                return Err(misconfigured(why));
            }
            Err(_) => {
                let why = format!(
                    "a code from the MFA device {serial} is needed, but it can't be entered without a terminal"
                );
                let help = format!(
                    "enter the code in a terminal first: aws sts get-caller-identity --profile {profile:?}"
                );
                return Err(misconfigured(why).help(help));
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
