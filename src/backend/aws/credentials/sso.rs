//! The provider for SSO (IAM Identity Center). It sends the token that `aws sso login` stored to
//! the SSO portal, which returns the credentials of a role.
//!
//! We read, refresh and store the token ourselves. The SDK's provider would hide why it can't read
//! or refresh a token, and would throw away a new token that it can't store.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sdk_sso::operation::get_role_credentials::*;
use aws_sdk_sso::types::RoleCredentials;
use aws_sdk_ssooidc::operation::create_token::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha1::{Digest, Sha1};

use super::provider::{
    Access, RenewedToken, parse_time, request_failure, service_failure, unreadable_file, unusable,
};
use crate::backend::aws::config::Sso;
use crate::backend::aws::endpoints::Api;
use crate::model::message::{Cause, Denial, FetchError, FetchResult, Refusal};
use crate::model::shown::{shell_word, shown};
use crate::system::paths::replace_file;
use crate::system::redaction::conceal;
use crate::time::RetryBudget;

/// A token that expires within this time is refreshed, as in the SDKs.
const REFRESH_MARGIN: Duration = Duration::from_secs(5 * 60);

/// Gets a role's credentials from the SSO portal.
pub(super) async fn sso_credentials(
    sso: &Sso,
    profile: &str,
    access: &Access,
) -> FetchResult<Credentials> {
    let token = valid_token(sso, profile, access).await?;
    conceal([&*token]);

    let failed = |error| {
        let text = format!("the SSO portal returned no credentials for the profile {profile:?}");
        request_failure(&text, error)
    };
    let client = access
        .clients
        .client(Api::Sso, &sso.region, None)
        .await
        .map_err(failed)?;
    let input = GetRoleCredentialsInput::builder()
        .access_token(&token)
        .account_id(&sso.account)
        .role_name(&sso.role)
        .build();
    let name = format!("GetRoleCredentials of {}", shown(&sso.role));
    let calling = client.call(
        GetRoleCredentials::new(),
        input,
        GetRoleCredentialsError::meta,
        &name,
        &access.budget,
        |output: GetRoleCredentialsOutput| {
            output
                .role_credentials
                .and_then(portal_credentials)
                .ok_or_else(|| FetchError::malformed("a response without credentials"))
        },
    );
    calling.await.map_err(|error| {
        if let Cause::Denied(Denial::Credentials(_)) = error.cause() {
            return expired_sso_session(profile).explaining(error);
        }
        let check = format!("check sso_role_name and sso_account_id in the profile {profile:?}");
        let help = format!("{check}, or ask for access");
        failed(error).or_provider_help(Some(&help))
    })
}

/// The content of the file that `aws sso login` writes.
#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct StoredToken {
    access_token: String,
    expires_at: String,
    client_id: Option<String>,
    client_secret: Option<String>,
    refresh_token: Option<String>,
    registration_expires_at: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Gets the token that `aws sso login` stored or, if that is about to expire, a new one. If the new
/// token can't be stored, for example on a read-only mount, this launch uses it anyway.
async fn valid_token(sso: &Sso, profile: &str, access: &Access) -> FetchResult<String> {
    let now = SystemTime::now();
    if let Some(renewed) = &*access.kept.sso_token.borrow()
        && renewed.expiry > now
    {
        return Ok(renewed.token.clone());
    }
    let Some(directory) = &access.settings.config_files.sso_tokens else {
        let text = "the SSO token can't be found, because HOME isn't set";
        return Err(unusable(text).help("set HOME"));
    };
    let path = directory.join(format!("{:x}.json", Sha1::digest(&sso.session)));
    let (stored, end) = read_token(&path, profile)?;
    if end > now + REFRESH_MARGIN {
        return Ok(stored.access_token);
    }

    let is_valid = end > now;
    let budget = if is_valid {
        // One attempt to refresh the token is enough, because the stored token is still valid.
        &access.budget.at_most(1)
    } else {
        &access.budget
    };
    let renewed = match refreshed(&stored, &path, sso, profile, access, budget).await {
        Ok(renewed) => renewed,
        Err(_) if is_valid => return Ok(stored.access_token),
        Err(failure) => return Err(failure),
    };
    let token = renewed.token.clone();
    access.kept.sso_token.replace(Some(renewed));
    Ok(token)
}

/// The maximum size of a token file, in bytes. Real files are much smaller.
const MAX_TOKEN_SIZE: u64 = 1024 * 1024;

/// Reads the stored token, and the time at which it expires. Conceals the file's secrets in later
/// messages.
fn read_token(path: &Path, profile: &str) -> FetchResult<(StoredToken, SystemTime)> {
    let command = format!("aws sso login --profile {}", shell_word("NAME", profile));
    let shown = path.display();
    let mut text = Vec::new();
    // Reads one byte past the limit, to detect a file that is too long.
    let read =
        File::open(path).and_then(|file| file.take(MAX_TOKEN_SIZE + 1).read_to_end(&mut text));
    read.map_err(|error| match error.kind() {
        ErrorKind::NotFound => unusable(format!(
            "you aren't logged in with SSO for the profile {profile:?}, because {shown} doesn't exist"
        ))
        .help(format!("log in: {command}")),
        ErrorKind::PermissionDenied => {
            unreadable_file("the SSO token", path, &error, "").help("let this user read it")
        }
        _ => {
            let help = format!("remove it, and log in: {command}");
            unreadable_file("the SSO token", path, &error, &help)
        }
    })?;

    let Some((stored, end)) = parse_token(&text) else {
        let text = format!("the SSO token in {shown} is damaged");
        return Err(unusable(text).help(format!("log in again: {command}")));
    };
    let others = [&stored.client_secret, &stored.refresh_token];
    conceal([&*stored.access_token]);
    conceal(others.into_iter().flatten().map(String::as_str));
    Ok((stored, end))
}

fn parse_token(text: &[u8]) -> Option<(StoredToken, SystemTime)> {
    if text.len() as u64 > MAX_TOKEN_SIZE {
        return None;
    }
    let stored: StoredToken = serde_json::from_slice(text).ok()?;
    if stored.access_token.is_empty() {
        return None;
    }
    let end = parse_time(&stored.expires_at)?;
    Some((stored, end))
}

/// Requests and stores a new SSO token.
///
/// AWS accepts a refresh token only once. If AWS refuses it, another process may already have used
/// it, so this function waits for that process to store its new token ([`renewed_by_another`]).
async fn refreshed(
    stored: &StoredToken,
    path: &Path,
    sso: &Sso,
    profile: &str,
    access: &Access,
    budget: &RetryBudget<'_>,
) -> FetchResult<RenewedToken> {
    let registration_end = stored
        .registration_expires_at
        .as_deref()
        .and_then(parse_time);
    let input = if registration_end > Some(SystemTime::now())
        && let Some(id) = &stored.client_id
        && let Some(secret) = &stored.client_secret
        && let Some(refresh_token) = &stored.refresh_token
    {
        CreateTokenInput::builder()
            .grant_type("refresh_token")
            .client_id(id)
            .client_secret(secret)
            .refresh_token(refresh_token)
    } else {
        return Err(expired_sso_session(profile));
    };

    let headline = format!("the SSO session for the profile {profile:?} couldn't be renewed");
    let clients = &access.clients;
    let client = clients.client(Api::SsoOidc, &sso.region, None).await?;
    let calling = client.call(
        CreateToken::new(),
        input.build(),
        CreateTokenError::meta,
        &"CreateToken",
        budget,
        |output: CreateTokenOutput| {
            renewed_token(stored, output)
                .ok_or_else(|| FetchError::malformed("a response without a token"))
        },
    );
    match calling.await {
        Ok((renewed, expiry)) => {
            store_token(&renewed, path);
            let token = renewed.access_token;
            Ok(RenewedToken { token, expiry })
        }
        Err(failure) => {
            if let Cause::Denied(_) = failure.cause()
                && let Some(renewed) = renewed_by_another(stored, path, profile).await
            {
                return Ok(renewed);
            }
            Err(refresh_failure(failure, &headline, profile))
        }
    }
}

/// The token file's new content, and the time at which the new token expires.
fn renewed_token(
    stored: &StoredToken,
    output: CreateTokenOutput,
) -> Option<(StoredToken, SystemTime)> {
    let is_set = |token: &String| !token.is_empty();
    let seconds = u64::try_from(output.expires_in).ok()?;
    if seconds == 0 {
        return None;
    }
    let end = SystemTime::now() + Duration::from_secs(seconds);
    let renewed = StoredToken {
        access_token: output.access_token.filter(is_set)?,
        expires_at: humantime::format_rfc3339_seconds(end).to_string(),
        refresh_token: output
            .refresh_token
            .filter(is_set)
            .or(stored.refresh_token.clone()),
        ..stored.clone()
    };
    Some((renewed, end))
}

/// Replaces the token file, but keeps its owner and mode. Ignores any error.
fn store_token(renewed: &StoredToken, path: &Path) {
    if let Some(name) = path.file_name()
        && let Some(directory) = path.parent()
        && let Ok(directory) = File::open(directory)
        && let Ok(old) = path.metadata()
        && let Ok(json) = serde_json::to_vec(renewed)
    {
        let _ = replace_file(&directory.into(), name, &json, Some(&old));
    }
}

/// The error if the token couldn't be renewed. A denial means that the SSO session has expired.
fn refresh_failure(failure: FetchError, headline: &str, profile: &str) -> FetchError {
    match failure.cause() {
        Cause::Denied(_) => expired_sso_session(profile).explaining(failure),
        // The response may come from something in front of AWS, such as a proxy, so this is an
        // outage.
        Cause::Absent(_) | Cause::Refused(Refusal::Request(_)) => service_failure(headline),
        // Only an outage gets the headline. Other errors stay unchanged.
        Cause::Outage(_) | Cause::Refused(_) | Cause::NoCredentials(_) | Cause::NoRegion => {
            failure.with_outage_headline(headline)
        }
    }
}

/// The pauses before each attempt to read the token file again: another process needs a moment to
/// store its new token.
const REREADING: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_millis(600),
];

/// Waits about a second for another process to store a valid new SSO token at `path`.
async fn renewed_by_another(
    stored: &StoredToken,
    path: &Path,
    profile: &str,
) -> Option<RenewedToken> {
    for pause in REREADING {
        tokio::time::sleep(pause).await;
        if let Ok((found, expiry)) = read_token(path, profile)
            && found.access_token != stored.access_token
            && expiry > SystemTime::now()
        {
            let token = found.access_token;
            return Some(RenewedToken { token, expiry });
        }
    }
    None
}

fn portal_credentials(found: RoleCredentials) -> Option<Credentials> {
    let since_epoch = Duration::from_millis(u64::try_from(found.expiration).ok()?);
    let expires = UNIX_EPOCH.checked_add(since_epoch)?;
    Some(Credentials::new(
        found.access_key_id?,
        found.secret_access_key?,
        found.session_token,
        Some(expires),
        "SSO",
    ))
}

fn expired_sso_session(profile: &str) -> FetchError {
    let text = format!("the SSO session for the profile {profile:?} has expired");
    let profile = shell_word("NAME", profile);
    unusable(text).help(format!("log in again: aws sso login --profile {profile}"))
}
