//! Errors of AWS that `tests/aws/run --record` has kept, in place of those that are typed in this folder.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::http::Response;
use super::service::REQUEST_ID;

/// The error that is recorded as `OPERATION.NAME`, if there is one.
pub fn recorded(name: &str) -> Option<Response> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/recorded");
    let text = fs::read_to_string(folder.join(format!("{name}.json"))).ok()?;
    Some(response(&text))
}

/// The answer in a file that `tests/aws/recorder.py` has written.
pub fn response(text: &str) -> Response {
    let kept: Value = serde_json::from_str(text).expect("a file of the recorder");
    let header = |name: &str| kept["headers"][name].as_str();
    let content_type = match header("content-type") {
        Some(kind) if kind.starts_with("text/xml") => "text/xml",
        _ => "application/x-amz-json-1.1",
    };
    let mut headers = vec![("x-amzn-RequestId", REQUEST_ID.to_owned())];
    headers.extend(header("x-amzn-errortype").map(|code| ("x-amzn-ErrorType", code.to_owned())));
    let status = kept["status"].as_u64().and_then(|status| status.try_into().ok()).expect("a status");
    Response { status, content_type, headers, body: kept["body"].as_str().expect("a body").to_owned() }
}
