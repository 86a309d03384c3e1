//! AWS's own JSON protocol: how an operation is asked for, and how an error says what it is.

use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;
use aws_types::request_id::apply_request_id;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use super::client::{Client, Failure};
use crate::net::errors::BoxError;

/// Asks for an operation, by its target; gives the object that is the answer.
pub async fn call(
    client: &Client,
    target: &'static str,
    input: &Map<String, Value>,
) -> Result<Map<String, Value>, Failure<ErrorMetadata>> {
    let response = client.send(request(target, input).map_err(Failure::construction_failure)?).await?;
    let object = serde_json::from_slice(response.body().bytes().unwrap_or_default());
    match object {
        Ok(object) if response.status().is_success() => Ok(object),
        // What is no JSON may yet have a code, in a header.
        object if !response.status().is_success() => {
            Err(Failure::service_error(error_of(&response, &object.unwrap_or_default()), response))
        }
        _ => Err(Failure::response_error("no JSON object", response)),
    }
}

fn request(target: &'static str, input: &Map<String, Value>) -> Result<HttpRequest, BoxError> {
    let request = http::Request::post("/")
        .header(CONTENT_TYPE, "application/x-amz-json-1.1")
        .header("x-amz-target", target)
        .body(SdkBody::from(serde_json::to_vec(input)?))?;
    Ok(request.try_into()?)
}

fn error_of(response: &HttpResponse, object: &Map<String, Value>) -> ErrorMetadata {
    let (code, message) = code_and_message(object);
    let mut metadata = ErrorMetadata::builder();
    if let Some(code) = response.headers().get("x-amzn-errortype").map(bare).or(code) {
        metadata = metadata.code(code);
    }
    if let Some(message) = message {
        metadata = metadata.message(message);
    }
    apply_request_id(metadata, response.headers()).build()
}

/// What an error's object says. Services differ in how they spell both.
pub fn code_and_message(error: &Map<String, Value>) -> (Option<&str>, Option<&str>) {
    let text = |keys: &[&str]| keys.iter().find_map(|key| error.get(*key)?.as_str());
    (text(&["code", "__type"]).map(bare), text(&["message", "Message", "errorMessage"]))
}

/// A code without the namespace before it, and the address behind it.
fn bare(code: &str) -> &str {
    let code = code.split_once(':').map_or(code, |(code, _)| code);
    code.rsplit('#').next().unwrap_or(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_however_it_is_spelled() {
        for (error, code, message) in [
            (r#"{"__type":"ThrottlingException","message":"m"}"#, Some("ThrottlingException"), Some("m")),
            (
                r#"{"__type":"com.amazonaws.ssm#InternalServerError","Message":"m"}"#,
                Some("InternalServerError"),
                Some("m"),
            ),
            (r#"{"code":"A","__type":"B","errorMessage":"m"}"#, Some("A"), Some("m")),
            (r#"{"code":"A:http://internal.amazon.com/coral/"}"#, Some("A"), None),
            (r#"{"code":1,"message":[]}"#, None, None),
        ] {
            let object = serde_json::from_str(error).unwrap();
            assert_eq!(code_and_message(&object), (code, message), "{error}");
        }
    }
}
