//! Requests to STS, AWS's service for temporary credentials. AssumeRole returns the credentials of
//! a role that trusts the caller. AssumeRoleWithWebIdentity exchanges the token of a Kubernetes
//! service account for the credentials of a role that trusts the token (IRSA). GetCallerIdentity
//! says who the caller is.
//!
//! If a profile's role requires an MFA code, the AWS CLI stores the role's session, so that users
//! don't have to type a code for each command. We use a stored session while it is valid, and never
//! change it. Without one, the user types a code on the terminal.
//!
//! The SDK doesn't ask for an MFA code (aws-sdk-rust#527, open), and ignores the `duration_seconds`
//! of a profile (aws-sdk-rust#479, closed, is about roles that a program assumes itself).

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sdk_sts::operation::assume_role::*;
use aws_sdk_sts::operation::assume_role_with_web_identity::*;
use aws_sdk_sts::operation::get_caller_identity::*;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::provider::{
    Access, CredentialsJson, conceal_credentials, explain_refused_credentials, known_remedy,
    misconfigured, request_failure, unreadable_file, unusable,
};
use crate::backend::aws::config::{ProfileRole, RoleChain, RoleSource, WebIdentity};
use crate::backend::aws::service_client::Client;
use crate::model::message::{
    Cause, CredentialsFault, Denial, FetchError, FetchResult, Refusal, Unsigned,
};
use crate::model::reference::Role;
use crate::model::shown::{escaped, shell_word, shown};
use crate::system::paths::{OpenError, open_trusted};
use crate::system::redaction::{conceal, redacted_line};
use crate::time::{Progress, RetryBudget, SILENCE};

/// Credentials, and the identity that they belong to.
pub struct CallerIdentity {
    pub credentials: Credentials,
    /// The identity's ARN. The cell is empty until STS has been asked, and has `None` if STS
    /// refused or didn't answer.
    pub arn: OnceCell<Option<String>>,
    /// The clients with these credentials: one for each service and region needed so far.
    pub clients: RefCell<Vec<Rc<Client>>>,
}

impl CallerIdentity {
    /// If `arn` is `None`, STS can be asked for it later.
    pub fn new(credentials: Credentials, arn: Option<String>) -> Self {
        Self {
            credentials,
            arn: OnceCell::new_with(arn.map(|arn| Some(redacted_line(&arn)))),
            clients: RefCell::default(),
        }
    }
}

const SESSION_NAME: &str = "secrets-exec";

const PERMISSION_REMEDY: &str = "allow sts:AssumeRole on this role in the caller's own policy, and allow the caller in the role's trust policy. If the trust policy requires an external id, add --external-id";

const UNKNOWN_ROLE_REMEDY: &str = "check the ARN of the role, and its external id";

/// The time limit for GetCallerIdentity. It is short, because a message about a denial has to wait
/// for the answer.
const IDENTITY_TIMEOUT: Duration = Duration::from_secs(2);

/// Assumes a role with the credentials of `caller`, and with the MFA code if the role requires one.
///
/// The error is [`Cause::NoCredentials`] if STS refuses the credentials of `caller`. Any other
/// error, such as a denial of the role, is returned unchanged.
pub(super) async fn assume(
    access: &Access,
    caller: &Credentials,
    role: &ProfileRole,
) -> FetchResult<CallerIdentity> {
    let mut input = AssumeRoleInput::builder()
        .role_arn(&role.arn)
        .role_session_name(role.session_name.as_deref().unwrap_or(SESSION_NAME))
        .set_external_id(role.external_id.clone())
        .set_duration_seconds(role.duration);
    if let Some(serial) = &role.mfa_serial {
        let code = access.kept.mfa_code.borrow().clone();
        input = input.serial_number(serial).set_token_code(code);
    }
    let name = format!("AssumeRole of {}", shown(&role.arn));
    let assumed = access.in_sts_regions(Some(caller), async |client, budget| {
        let operation = AssumeRole::new();
        let meta = AssumeRoleError::meta;
        let input = input.clone().build();
        client
            .call(operation, input, meta, &name, budget, assumed_identity)
            .await
    });
    assumed.await.map_err(|error| {
        let error = explain_refused_credentials(error, caller);
        // If STS refused the caller's credentials, the request for a secret is never sent, because
        // it needs the role. The error has to say so.
        if error.cause() == Cause::NoCredentials(Unsigned::Refused) {
            return error.with_unsigned(Unsigned::RefusedForRole);
        }
        error
    })
}

fn assumed_identity(output: AssumeRoleOutput) -> FetchResult<CallerIdentity> {
    let credentials = sts_credentials(output.credentials)?;
    let user = output.assumed_role_user;
    Ok(CallerIdentity::new(credentials, user.map(|user| user.arn)))
}

/// Assumes the role that a request for a secret needs, with the credentials of `caller`.
pub async fn assume_role(
    access: &Access,
    caller: &Credentials,
    role: &Role,
) -> FetchResult<CallerIdentity> {
    let request = ProfileRole {
        arn: role.arn.to_string(),
        external_id: role.external_id.clone(),
        ..ProfileRole::default()
    };
    let assumed = assume(access, caller, &request).await;
    assumed.map_err(|error| role_error(error, role))
}

/// Converts credentials from STS, and conceals them in later messages. Ignores an invalid
/// expiration time.
fn sts_credentials(found: Option<aws_sdk_sts::types::Credentials>) -> FetchResult<Credentials> {
    let found = found.ok_or_else(|| FetchError::malformed("a response without credentials"))?;
    let expires = SystemTime::try_from(found.expiration).ok();
    let credentials = Credentials::new(
        found.access_key_id,
        found.secret_access_key,
        Some(found.session_token),
        expires,
        "AssumeRole",
    );
    conceal_credentials(&credentials);
    Ok(credentials)
}

/// The headline for a role that couldn't be assumed.
pub(super) fn not_assumed(role: &str) -> String {
    format!("the role \"{}\" couldn't be assumed", redacted_line(role))
}

fn role_error(error: FetchError, role: &Role) -> FetchError {
    let cause = error.cause();
    // The request couldn't be sent, for example because the endpoint settings contradict each
    // other, so the role isn't to blame.
    if let Cause::Refused(Refusal::NotSent) = cause {
        return error;
    }
    let failed = request_failure(&not_assumed(&role.arn.to_string()), error);
    if let Cause::Denied(_) = cause {
        return failed.or_provider_help(Some(PERMISSION_REMEDY));
    }
    if let Cause::Refused(Refusal::Request(_)) = cause {
        return failed.or_provider_help(Some(UNKNOWN_ROLE_REMEDY));
    }
    failed
}

/// Asks STS whose credentials the client uses, without retrying. GetCallerIdentity needs no
/// permission.
pub async fn request_caller_arn(client: &Client, budget: &RetryBudget<'_>) -> Option<String> {
    let input = GetCallerIdentityInput::builder().build().ok()?;
    let meta = GetCallerIdentityError::meta;
    let operation = GetCallerIdentity::new();
    let calling = client.call_once(&operation, input, meta, SILENCE);
    let answered = budget.within(timeout(IDENTITY_TIMEOUT, calling)).await?;
    let output: GetCallerIdentityOutput = answered.ok()?.ok()?;
    output.arn.map(|arn| redacted_line(&arn))
}

/// The help if AWS_ROLE_ARN isn't set. EKS always sets both variables, so somebody must have set
/// AWS_WEB_IDENTITY_TOKEN_FILE by hand.
const NO_ROLE_REMEDY: &str = "set AWS_ROLE_ARN to the ARN of the role that trusts this token. On EKS, set neither variable: EKS sets both if the \
     service account has the annotation eks.amazonaws.com/role-arn";

const NO_TOKEN_REMEDY: &str = "check the path of the token file. On EKS, don't set the path: EKS mounts the file if the service account has the annotation \
     eks.amazonaws.com/role-arn";

/// Exchanges a web identity's token for the role's credentials. Conceals the token in later
/// messages.
pub(super) async fn web_identity_credentials(
    identity: &WebIdentity,
    access: &Access,
) -> FetchResult<Credentials> {
    let Some(role) = &identity.role else {
        let why = "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN isn't";
        return Err(misconfigured(why).help(NO_ROLE_REMEDY));
    };
    let token = fs::read_to_string(&identity.file).map_err(|error| {
        let name = format!("the service account token ({})", identity.named_by);
        unreadable_file(&name, &identity.file, &error, NO_TOKEN_REMEDY)
    })?;
    if token.trim().is_empty() {
        let text = format!("the token in \"{}\" is empty", identity.file);
        return Err(unusable(text).help("check what writes this file"));
    }
    conceal([token.trim()]);

    let input = AssumeRoleWithWebIdentityInput::builder()
        .role_arn(role)
        .role_session_name(identity.session_name.as_deref().unwrap_or(SESSION_NAME))
        .web_identity_token(&token);
    let name = format!("AssumeRoleWithWebIdentity of {}", shown(role));
    // The request has no credentials, because STS trusts the token instead of a signature.
    let exchanged = access.in_sts_regions(None, async |client, budget| {
        let operation = AssumeRoleWithWebIdentity::new();
        let meta = AssumeRoleWithWebIdentityError::meta;
        let input = input.clone().build();
        client
            .call(
                operation,
                input,
                meta,
                &name,
                budget,
                |output: AssumeRoleWithWebIdentityOutput| sts_credentials(output.credentials),
            )
            .await
    });
    exchanged
        .await
        .map_err(|error| not_exchanged(role, &identity.file, &token, error))
}

/// The error if STS didn't exchange a web identity's token. Without a known remedy, the help shows
/// the token's claims, because the role's trust policy has to match them.
fn not_exchanged(role: &str, file: &str, token: &str, error: FetchError) -> FetchError {
    let Cause::Denied(denial) = error.cause() else {
        return request_failure(&not_assumed(role), error);
    };
    let is_understood = known_remedy(error.reason()).is_some();
    let headline = match denial {
        Denial::Credentials(CredentialsFault::Expired) => {
            format!("the token in \"{file}\" has expired")
        }
        Denial::Policy(_) | Denial::PolicyOrMissing(_) | Denial::Key if !is_understood => {
            let role = redacted_line(role);
            format!("the role \"{role}\" doesn't trust the token in \"{file}\"")
        }
        Denial::Credentials(_) | Denial::Policy(_) | Denial::PolicyOrMissing(_) | Denial::Key => {
            not_assumed(role)
        }
    };

    let claims = described_claims(token)
        .unwrap_or_else(|| "no readable issuer, subject or audience".to_owned());
    let help = format!(
        "check that the role's trust policy and its account's OIDC provider match the token, which has {claims}"
    );
    // This doesn't replace a known remedy that `request_failure` has set.
    request_failure(&headline, error).or_provider_help(Some(&help))
}

/// Describes the claims that a role's trust policy can check. They aren't secret.
fn described_claims(token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    let issuer = claims.get("iss")?;
    let subject = claims.get("sub")?;
    let audience = claims.get("aud")?;
    let text = format!("the issuer {issuer}, the subject {subject} and the audience {audience}");
    Some(redacted_line(&text))
}

/// The maximum size of a stored session, in bytes. Real files are much smaller.
const MAX_SESSION_SIZE: u64 = 64 * 1024;

/// A stored session must be valid for this long, so that it doesn't expire during the launch.
const SHORTEST_VALIDITY: Duration = Duration::from_secs(60);

/// Finds the last role in `chain` that requires an MFA code and has a session stored by the AWS
/// CLI. This session becomes the chain's source, so the role and all roles before it are removed.
pub fn use_stored_session(chain: &mut RoleChain, directory: &Path, progress: &Progress) {
    for index in (0..chain.roles.len()).rev() {
        let role = &chain.roles[index];
        if let Some(keys) = stored_keys(role, directory, progress) {
            chain.source = RoleSource::StoredSession(role.arn.clone(), keys);
            chain.roles.drain(..=index);
            break;
        }
    }
}

/// Reads the credentials that the AWS CLI stored for a role that requires an MFA code. Adds a note
/// that names the file if they are used, or if the file is ignored because another user could have
/// written it.
fn stored_keys(role: &ProfileRole, directory: &Path, progress: &Progress) -> Option<Credentials> {
    role.mfa_serial.as_ref()?;
    let name = stored_session_name(role) + ".json";
    let path = directory.join(&name);
    let shown = path.display();
    let file = match open_trusted(directory, &name) {
        Ok(file) => file,
        Err(error) => {
            let (what, distrust) = match error {
                OpenError::Unreadable(_) => return None,
                OpenError::UntrustedDirectory(distrust) => ("its directory", distrust),
                OpenError::UntrustedFile(distrust) => ("it", distrust),
            };
            let why = distrust.reason;
            progress.note(format!("{shown} isn't used, because {what} {why}"));
            return None;
        }
    };

    let stored: StoredSession = serde_json::from_reader(file.take(MAX_SESSION_SIZE)).ok()?;
    let session = stored.assumed_role_user["Arn"].as_str()?;
    let credentials = stored.credentials.into_credentials()?;
    let is_valid = credentials.expiry()? > SystemTime::now() + SHORTEST_VALIDITY;
    if !is_valid || !is_session_of(session, &role.arn) {
        return None;
    }
    progress.note(format!("the session of {} in {shown} is used", role.arn));
    Some(credentials)
}

/// The content of the file in which the AWS CLI stores a role's session.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StoredSession {
    credentials: CredentialsJson,
    assumed_role_user: Value,
}

/// The name, without `.json`, of the file in which botocore stores a role's session.
///
/// As in botocore's `AssumeRoleCredentialFetcher`, it is the hash of AssumeRole's arguments,
/// written as sorted JSON with the spacing of Python's json.dumps. A session name that botocore
/// itself chose isn't part of the hash.
fn stored_session_name(role: &ProfileRole) -> String {
    let arguments = json!({
        "DurationSeconds": role.duration,
        "ExternalId": role.external_id,
        "RoleArn": role.arn,
        "RoleSessionName": role.session_name,
        "SerialNumber": role.mfa_serial,
    });

    let mut members = Vec::new();
    for (name, value) in arguments.as_object().into_iter().flatten() {
        if !value.is_null() {
            members.push(format!("\"{name}\": {value}"));
        }
    }
    format!("{:x}", Sha1::digest(format!("{{{}}}", members.join(", "))))
}

/// True if `session` is the ARN of a session of this role. Such an ARN contains the role's name,
/// but not the role's path.
fn is_session_of(session: &str, role: &str) -> bool {
    let fields: Vec<&str> = role.split([':', '/']).collect();
    let [_, partition, _, _, account, .., name] = fields[..] else {
        return false;
    };
    let start = format!("arn:{partition}:sts::{account}:assumed-role/{name}/");
    session.starts_with(&start)
}

/// Asks the user on the terminal for an MFA code, until six digits are typed.
pub(super) fn mfa_code(serial: &str, profile: &str) -> FetchResult<String> {
    let serial = redacted_line(serial);
    // The question must be escaped here, because only errors are escaped later.
    let shown = escaped(&serial);
    let question = format!("secrets-exec: MFA code (six digits) for {shown}: ");

    loop {
        match ask(&question) {
            Ok(Some(code)) if code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()) => {
                return Ok(code);
            }
            Ok(Some(_)) => {}
            Ok(None) => return Err(misconfigured(format!("no MFA code for {serial} was typed"))),
            Err(_) => {
                let need = format!("a code from the MFA device {serial} is needed");
                let why = format!("{need}, but it can't be entered without a terminal");
                let profile = shell_word("NAME", profile);
                let command = format!("aws sts get-caller-identity --profile {profile}");
                let help = format!("enter the code in a terminal first: {command}");
                return Err(misconfigured(why).help(help));
            }
        }
    }
}

/// Asks a question on the terminal. The answer is `None` at the end of the input (Ctrl-D). An MFA
/// code can be used only once, so it need not be hidden while it is typed.
fn ask(question: &str) -> io::Result<Option<String>> {
    let mut terminal = File::options().read(true).write(true).open("/dev/tty")?;
    // If this process is in the background, even an empty read stops it (SIGTTIN). The read returns
    // once the job is in the foreground, where the user can see the question.
    let _ = terminal.read(&mut [])?;
    terminal.write_all(question.as_bytes())?;
    let mut line = String::new();
    if BufReader::new(terminal).read_line(&mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(line.trim().to_owned()))
}
