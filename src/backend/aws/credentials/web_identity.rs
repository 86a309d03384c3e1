//! The credentials of a web identity (IRSA). STS exchanges the token of a Kubernetes service
//! account for the credentials of a role that trusts it.

use std::path::Path;

use aws_credential_types::Credentials;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::provider::{
    SearchContext, known_remedy, misconfigured, not_configured, unreadable, with_headline,
    with_help,
};
use super::sts;
use crate::backend::aws::config::WebIdentity;
use crate::backend::aws::protocol::Api;
use crate::model::answer::{Cause, CredentialsFault, Denial, FetchError};
use crate::model::quoting::one_line;
use crate::model::redaction::conceal;

/// The remedy for a missing role. Somebody must have set the other variable by hand, because EKS
/// sets both.
const NO_ROLE: &str = "set AWS_ROLE_ARN to the ARN of the role that trusts this token. On EKS, don't set either variable: EKS sets both if the \
     service account has the annotation eks.amazonaws.com/role-arn";

/// The remedy for a token file that can't be read.
const NO_TOKEN: &str = "check the path of the token file. On EKS, don't set it: EKS mounts the file if the service account has the annotation \
     eks.amazonaws.com/role-arn";

/// Exchanges the token in the file AWS_WEB_IDENTITY_TOKEN_FILE for the credentials of the role
/// AWS_ROLE_ARN. Reads the file, and sends a request to STS.
///
/// # Errors
/// When AWS_WEB_IDENTITY_TOKEN_FILE is not set, so that the next provider is asked. When
/// AWS_ROLE_ARN is missing, or the exchange fails.
pub async fn web_identity_of_variables(
    context: &SearchContext<'_>,
) -> Result<Credentials, FetchError> {
    let settings = context.settings;
    let Some(file) = settings.web_identity_file.clone() else {
        return Err(not_configured("AWS_WEB_IDENTITY_TOKEN_FILE is not set"));
    };
    let Some(role) = &settings.web_identity_role else {
        let why = "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not";
        return Err(with_help(misconfigured(why), NO_ROLE));
    };
    let identity = WebIdentity {
        role: role.to_string(),
        file,
        session_name: settings.web_identity_session.clone(),
    };
    web_identity(&identity, context).await
}

/// Exchanges the token of a web identity for the credentials of its role. Reads the file with the
/// token, and sends a request to STS.
///
/// # Errors
/// When the file can't be read, or when STS refuses the token or doesn't answer.
pub async fn web_identity(
    identity: &WebIdentity,
    context: &SearchContext<'_>,
) -> Result<Credentials, FetchError> {
    let token = std::fs::read_to_string(&identity.file).map_err(|error| {
        let path = Path::new(&identity.file);
        with_help(
            unreadable("the service account token", path, &error),
            NO_TOKEN,
        )
    })?;
    conceal([token.trim()]);
    let claims = claims(&token);
    let failed = |error| not_exchanged(identity, claims.as_deref(), error);
    let client = context.clients.client(Api::Sts, context.region, None).await;
    let exchanged = sts::assume_with_web_identity(&client.map_err(failed)?, identity, token).await;
    exchanged.map_err(failed)
}

/// Returns the failure of such an exchange. If the role doesn't trust the token, the help shows the
/// claims of the token, because the role has to trust exactly these claims.
fn not_exchanged(identity: &WebIdentity, claims: Option<&str>, error: FetchError) -> FetchError {
    let WebIdentity { role, file, .. } = identity;
    let claims = claims.unwrap_or("no readable issuer, subject or audience");
    let trust = format!(
        "check the role's trust policy and the OIDC provider in its account: this token has {claims}"
    );
    let Cause::Denied(denial) = error.cause else {
        return with_headline(&sts::not_assumed(role), error);
    };
    let headline = if denial == Denial::Credentials(CredentialsFault::Expired) {
        format!("the token in the file {file} has expired")
    } else if matches!(denial, Denial::Credentials(_)) || known_remedy(error.reason()).is_some() {
        sts::not_assumed(role)
    } else {
        let role = one_line(role);
        format!("the role \"{role}\" does not trust the token in the file {file}")
    };
    with_help(with_headline(&headline, error), trust)
}

/// Returns the claims of a token that a trust policy can compare: issuer, subject and audience.
/// They aren't secret. Returns `None` if the token isn't a JWT with these claims.
fn claims(token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    let (issuer, subject, audience) = (claims.get("iss")?, claims.get("sub")?, claims.get("aud")?);
    let text = format!("the issuer {issuer}, the subject {subject} and the audience {audience}");
    Some(one_line(&text))
}
