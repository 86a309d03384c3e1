//! AWS Secrets Manager: GetSecretValue.
//!
//! BatchGetSecretValue would want another permission, knows no versions, is limited to 100 a second, and is denied as a
//! whole when one secret is.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;

use super::aws::Request;
use super::classify::{Verdict, classify};
use super::retry::{Patience, ask};
use crate::fetched::{Document, FetchError, Outage, Refusal};
use crate::reference::Region;
use crate::secret::SecretValue;

/// Reads one version of a secret.
pub(super) async fn get(
    client: &Client,
    request: &Request,
    region: &Region,
    patience: &Patience,
) -> Result<Document, FetchError> {
    let output = ask(patience, async || {
        let asking = client
            .get_secret_value()
            .secret_id(request.id_in(region))
            .set_version_stage(request.version.stage().map(str::to_owned))
            .set_version_id(request.version.id().map(str::to_owned));
        match asking.send().await {
            // An object without any of its names is not AWS's.
            Ok(output) if output.name.is_none() && output.arn.is_none() && output.version_id.is_none() => {
                Err(Verdict::Again(Outage::Garbled("a response that is no secret".to_owned()), None))
            }
            Ok(output) => Ok(output),
            Err(error) => Err(classify(&error)),
        }
    });
    document(output.await?, region)
}

fn document(output: GetSecretValueOutput, region: &Region) -> Result<Document, FetchError> {
    let body = match (output.secret_string, output.secret_binary) {
        (Some(text), _) => SecretValue::new(text),
        (None, Some(bytes)) => SecretValue::new(bytes.into_inner()),
        (None, None) => return Err(FetchError::Refused(Refusal::NoValue)),
    };
    let stages = output.version_stages.unwrap_or_default();
    Ok(Document { body, version_id: output.version_id, stages, region: Some(region.clone()), passed_over: Vec::new() })
}
