//! Parses a recorded response as if AWS had just sent it, for the fuzz targets.

use http::{HeaderName, HeaderValue, Response};

use super::parameter_store::{document_of, parse_page, parse_parameters};
use super::secrets_manager::parse_secret;
use super::service_client::object_body;
use super::session::Request;
use crate::model::answer::Document;
use crate::model::message::FetchResult;
use crate::model::reference::{Region, SecretId, Store, Version};

pub struct RecordedResponse<'a> {
    pub status: u16,
    /// Headers that HTTP doesn't allow are skipped.
    pub headers: Vec<(&'a str, &'a [u8])>,
    pub body: &'a [u8],
}

/// Parses a recorded response as the answer to a request for a secret, a parameter or a path.
pub fn replay(recorded: &RecordedResponse<'_>, id: &str) -> Option<FetchResult<Document>> {
    let mut builder = Response::builder().status(recorded.status);
    for (name, value) in &recorded.headers {
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes())
            && let Ok(value) = HeaderValue::from_bytes(value)
        {
            builder = builder.header(name, value);
        }
    }
    let response = builder.body(recorded.body.to_vec()).ok()?;

    let (store, id) = SecretId::parse(id).ok()?;
    let region = Region::parse("us-east-1")?;
    let request = Request {
        region: region.clone(),
        role: None,
        store,
        id,
        version: Version::CURRENT,
    };

    let body = match object_body(response) {
        Ok(body) => body,
        Err(error) => return Some(Err(error)),
    };
    match store {
        Store::SecretsManager => Some(parse_secret(&body, &request.id, &request.version)),
        Store::ParameterStore if request.is_path() => {
            let page = parse_page(&body, &request, &region);
            Some(page.and_then(|page| document_of(&page.parameters)))
        }
        Store::ParameterStore => match parse_parameters(&body, &[&request], &region) {
            Ok(results) => results.into_iter().next(),
            Err(error) => Some(Err(error)),
        },
    }
}
