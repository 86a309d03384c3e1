//! AWS Secrets Manager: GetSecretValue.
//!
//! BatchGetSecretValue would want another permission, knows no versions, is limited to 100 a second, and is denied as a
//! whole when one secret is.

use aws_sdk_secretsmanager::operation::get_secret_value::{
    GetSecretValue, GetSecretValueError, GetSecretValueInput, GetSecretValueOutput,
};

use super::arn_scope::ArnScope;
use super::protocol::{Client, Failure, classify};
use super::request::Request;
use crate::model::answer::{Document, FetchError, Outage, Refusal};
use crate::model::reference::{Region, SecretId};
use crate::model::secret_value::SecretValue;
use crate::time::retry::{Retry, RetryBudget, retry};

/// Reads one version of a secret.
pub async fn get(client: &Client, request: &Request, budget: &RetryBudget) -> Result<Document, FetchError> {
    let id = request.id_in(&client.region);
    let asked = ArnScope::asked(&request.id, request.role.as_ref(), &client.region);
    let output = retry(budget, async || {
        let input = GetSecretValueInput::builder()
            .secret_id(&id)
            .set_version_stage(request.version.stage().map(str::to_owned))
            .set_version_id(request.version.id().map(str::to_owned));
        let input = input.build().map_err(Failure::<GetSecretValueError>::construction_failure);
        let asking = async { client.call::<_, GetSecretValueOutput, _>(&GetSecretValue::new(), input?).await };
        let output = asking.await.map_err(|error| classify(&error))?;
        asked.accepts(&ArnScope::of(output.arn())).map_err(Retry::Permanent)?;
        if SecretId::is_answer(&id, output.name(), output.arn())
            && request.version.is_answered_by(output.version_id(), output.version_stages())
        {
            Ok(output)
        } else {
            Err(Retry::Transient(
                Outage::MalformedResponse("a response that is not about this secret".to_owned()),
                None,
            ))
        }
    });
    document(output.await?, &client.region)
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
