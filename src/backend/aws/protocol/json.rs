//! AWS's JSON 1.1 protocol: the request for an operation, the code and the message of an error, and
//! the times in a response.

use std::fmt;
use std::time::{Duration, SystemTime};

use http::header::CONTENT_TYPE;
use http::{Request, Response};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::client::Client;
use super::service_error::{ServiceError, malformed_response, not_sent};
use crate::backend::retry::{RetryBudget, retry};
use crate::model::answer::FetchError;
use crate::net::errors::{BoxError, host_and_port};
use crate::net::http::Bytes;

/// The first second of the year 10000, which RFC 3339 cannot express.
const END: f64 = 253_402_300_800.0;

/// Sends a request for an operation, and returns what `parse` makes of the response's body. The
/// request is repeated after an outage that may pass, as long as the budget lasts.
///
/// `target` is the name of the service and of the operation, as in `secretsmanager.GetSecretValue`.
/// `about` is the subject of the request, for `-vv`.
///
/// # Errors
/// The error that AWS's response stands for, the error of `parse`, or the last outage when there
/// are no more attempts.
pub async fn call<T>(
    client: &Client,
    target: &'static str,
    about: impl fmt::Display,
    input: &Value,
    budget: &RetryBudget,
    parse: impl Fn(&[u8]) -> Result<T, FetchError>,
) -> Result<T, FetchError> {
    let operation = target.rsplit('.').next().unwrap_or(target);
    let host = host_and_port(&client.endpoint);
    let budget = budget.for_request(host, format!("{operation} of {about}"));
    let called = retry(&budget, async || {
        let request = request(target, input).map_err(|error| not_sent(&*error))?;
        parse(&read_body(client.send(request).await?)?)
    });
    called.await.map_err(|error| client.with_remedy(error))
}

/// Returns the request for an operation, without a host and without a signature.
///
/// # Errors
/// When the input can't be written as JSON.
fn request(target: &'static str, input: &Value) -> Result<Request<Bytes>, BoxError> {
    let request = Request::post("/")
        .header(CONTENT_TYPE, "application/x-amz-json-1.1")
        .header("x-amz-target", target);
    Ok(request.body(serde_json::to_vec(input)?.into())?)
}

/// Returns the body of a successful response, which is a JSON object. The buffer is wiped when it
/// is dropped.
///
/// # Errors
/// The meaning of an error response, or an outage if the response does not come from AWS.
pub fn read_body(response: Response<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, FetchError> {
    let status = response.status();
    let header = |name: &str| response.headers().get(name)?.to_str().ok();
    if !status.is_success() {
        return Err(error_response(status.as_u16(), header, response.body()));
    }
    if !is_object(response.body()) {
        return Err(malformed_response(status.as_u16(), header("content-type")));
    }
    Ok(Zeroizing::new(response.into_body()))
}

/// Returns the failure that an error response stands for. The code in the header `x-amzn-errortype`
/// has precedence over the one in the body. `header` returns the value of the header with a name.
pub fn error_response<'a>(
    status: u16,
    header: impl Fn(&str) -> Option<&'a str>,
    body: &[u8],
) -> FetchError {
    // A body that isn't JSON is treated as empty, because the code may be in a header.
    let object = serde_json::from_slice(body).unwrap_or_default();
    let (code_in_body, message) = code_and_message(&object);
    ServiceError {
        code: header("x-amzn-errortype").map(bare_code).or(code_in_body),
        message,
        ..ServiceError::new(status, header)
    }
    .classify()
}

/// Parses a body that is a JSON object. Returns `None` for anything else. By itself, serde would
/// also accept an array for a struct.
///
/// serde's error is dropped, because it quotes the body.
pub fn read_object<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    if !is_object(body) {
        return None;
    }
    serde_json::from_slice(body).ok()
}

/// True if the body begins like a JSON object.
fn is_object(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"{")
}

/// Returns the code and the message of an error. The services spell both keys differently.
pub fn code_and_message(error: &Map<String, Value>) -> (Option<&str>, Option<&str>) {
    let text = |keys: &[&str]| keys.iter().find_map(|key| error.get(*key)?.as_str());
    (
        text(&["code", "__type"]).map(bare_code),
        text(&["message", "Message", "errorMessage"]),
    )
}

/// Returns the code without the namespace before it and the URL after it: `NAMESPACE#CODE:URL`.
fn bare_code(code: &str) -> &str {
    let without_url = code.split_once(':').map_or(code, |(before, _)| before);
    without_url.rsplit('#').next().unwrap_or(without_url)
}

/// Parses the seconds since 1970, which are a number or, from the Secrets Manager Agent, text.
/// Returns `None` for anything else. An invalid time isn't an error, because no value depends on
/// it.
pub fn timestamp(field: &Value) -> Option<SystemTime> {
    let seconds = match field {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.parse().ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    if seconds >= END {
        return None;
    }
    let elapsed = Duration::try_from_secs_f64(seconds).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(elapsed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn code_and_message_are_read_in_every_spelling() {
        for (error, code, message) in [
            (
                r#"{"__type":"ThrottlingException","message":"m"}"#,
                Some("ThrottlingException"),
                Some("m"),
            ),
            (
                r#"{"__type":"com.amazonaws.ssm#InternalServerError","Message":"m"}"#,
                Some("InternalServerError"),
                Some("m"),
            ),
            (
                r#"{"code":"A","__type":"B","errorMessage":"m"}"#,
                Some("A"),
                Some("m"),
            ),
            (
                r#"{"code":"A:http://internal.amazon.com/coral/"}"#,
                Some("A"),
                None,
            ),
            (r#"{"code":1,"message":[]}"#, None, None),
        ] {
            let object = serde_json::from_str(error).unwrap();
            assert_eq!(code_and_message(&object), (code, message), "{error}");
        }
    }

    #[test]
    fn numbers_and_texts_are_times_and_anything_else_is_unknown() {
        let seconds = |field| {
            timestamp(&field)?
                .duration_since(SystemTime::UNIX_EPOCH)
                .ok()
                .map(|time| time.as_secs())
        };
        for field in [
            json!(1_523_477_145.713),
            json!(1_523_477_145),
            json!("1523477145.713"),
        ] {
            assert_eq!(seconds(field.clone()), Some(1_523_477_145), "{field}");
        }
        for field in [
            json!(null),
            json!(-1),
            json!(1e300),
            json!("yesterday"),
            json!("NaN"),
            json!("inf"),
            json!([1]),
        ] {
            assert_eq!(timestamp(&field), None, "{field}");
        }
    }
}
