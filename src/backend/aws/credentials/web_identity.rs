//! Credentials of a web identity (IRSA): STS exchanges the token of a service account for the credentials of a role that trusts it.

use std::path::Path;

use aws_credential_types::Credentials;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::provider::{
    SearchContext, misconfigured, not_configured, of_request, unreadable, with_help,
};
use super::sts;
use crate::backend::aws::config::WebIdentity;
use crate::backend::aws::protocol::Api;
use crate::model::answer::{CredentialsFault, Denial, FetchError};
use crate::model::quoting::one_line;

/// Exchanges the token of AWS_WEB_IDENTITY_TOKEN_FILE for the credentials of AWS_ROLE_ARN.
pub async fn web_identity_of_variables(
    context: &SearchContext<'_>,
) -> Result<Credentials, FetchError> {
    let settings = context.settings;
    let Some(file) = settings.web_identity_file.clone() else {
        return Err(not_configured("AWS_WEB_IDENTITY_TOKEN_FILE is not set"));
    };
    let eks = "EKS sets both if the service account has the annotation eks.amazonaws.com/role-arn, so don't set them by hand";
    let Some(role) = &settings.web_identity_role else {
        let why = "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not";
        return Err(with_help(misconfigured(why), eks));
    };
    let session_name = settings.web_identity_session.clone();
    web_identity(
        &WebIdentity {
            role: role.to_string(),
            file,
            session_name,
        },
        context,
    )
    .await
}

/// Exchanges the token of a web identity for the credentials of its role.
pub async fn web_identity(
    identity: &WebIdentity,
    context: &SearchContext<'_>,
) -> Result<Credentials, FetchError> {
    let token = std::fs::read_to_string(&identity.file).map_err(|error| {
        let path = Path::new(&identity.file);
        let help = "EKS mounts this file itself if the service account has the annotation eks.amazonaws.com/role-arn, so \
                    don't set AWS_WEB_IDENTITY_TOKEN_FILE by hand";
        with_help(unreadable("the token of the service account", path, &error), help)
    })?;
    let claims = claims(&token);
    let failed = |error| not_exchanged(identity, claims.as_deref(), error);
    let client = context.clients.client(Api::Sts, context.region, None).await;
    let exchanged = sts::exchange(&client.map_err(failed)?, identity, token).await;
    exchanged.map_err(failed)
}

/// Returns the failure of an exchange. The remedy has the claims of the token, which the role must trust.
fn not_exchanged(identity: &WebIdentity, claims: Option<&str>, error: FetchError) -> FetchError {
    let WebIdentity { role, file, .. } = identity;
    let claims = claims.unwrap_or("an issuer, a subject and an audience that the role must trust");
    let (headline, help) = match &error {
        FetchError::Denied {
            cause: Denial::Credentials(CredentialsFault::Expired),
            ..
        } => (
            format!("the token in {file} has expired"),
            "check that the token is renewed, as the kubelet does with a mounted token".to_owned(),
        ),
        FetchError::Denied { .. } => (
            format!(
                "the role \"{}\" does not trust the token in the file {file}",
                one_line(role)
            ),
            format!("check the role's trust policy: this token has {claims}"),
        ),
        _ => (
            sts::not_assumed(role),
            format!(
                "check that the role's account has an IAM OIDC provider for this token, which has {claims}"
            ),
        ),
    };
    match of_request(&headline, error) {
        error @ FetchError::NoCredentials(_) => with_help(error, help),
        error => error,
    }
}

/// Returns the claims of a token that a trust policy compares, none of which is secret; `None` if the token is not a JWT with them.
fn claims(token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    let (issuer, subject, audience) = (claims.get("iss")?, claims.get("sub")?, claims.get("aud")?);
    let text = format!("the issuer {issuer}, the subject {subject} and the audience {audience}");
    Some(one_line(&text))
}
