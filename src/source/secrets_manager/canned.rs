//! An answer that was never on a wire, through all that reads one: for the fuzz targets.

use std::cell::RefCell;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http::Uri;
use tokio::runtime::{Builder, Runtime};

use super::super::client::Client;
use super::super::clock::Clock;
use super::super::endpoints::Api;
use super::super::retry::Patience;
use super::{Request, get};
use crate::fetched::{Document, FetchError};
use crate::reference::{Region, SecretId, Version};

/// What AWS, or whatever stands in its place, answers.
pub struct Canned<'a> {
    /// The status of HTTP.
    pub status: u16,
    /// Headers; those that HTTP could not carry are left out.
    pub headers: Vec<(&'a str, &'a [u8])>,
    /// What follows.
    pub body: &'a [u8],
}

thread_local! {
    /// The next answer.
    static ANSWER: RefCell<Option<http::Response<SdkBody>>> = const { RefCell::new(None) };
    static RUNTIME: Option<Runtime> = Builder::new_current_thread().enable_time().build().ok();
}

/// What a secret that was asked for once comes to; `None` when HTTP could not carry the answer.
pub fn answer(canned: &Canned<'_>) -> Option<Result<Document, FetchError>> {
    let mut response = http::Response::builder().status(canned.status);
    for (name, value) in &canned.headers {
        if let (Ok(name), Ok(value)) =
            (http::HeaderName::from_bytes(name.as_bytes()), http::HeaderValue::from_bytes(value))
        {
            response = response.header(name, value);
        }
    }
    let response = response.body(SdkBody::from(canned.body)).ok()?;
    ANSWER.set(Some(response));
    let (id, store, _) = SecretId::parse("prod/db").ok()?;
    let client = client()?;
    let request = Request { region: client.region.clone(), role: None, store, id, version: Version::Current };
    let ask = async {
        let patience = Patience::new(Clock::new(Duration::from_secs(60), None), Some(1));
        get(&client, &request, &patience).await
    };
    RUNTIME.with(|runtime| runtime.as_ref().map(|runtime| runtime.block_on(ask)))
}

fn client() -> Option<Client> {
    Some(Client {
        api: Api::SecretsManager,
        endpoint: Uri::from_static("https://secretsmanager.us-east-1.amazonaws.com"),
        region: Region::parse("us-east-1").ok()?,
        credentials: Credentials::new("AKIAIOSFODNN7EXAMPLE", "nobody's", None, None, "canned"),
        http: SharedHttpConnector::new(Connector),
        timeout: Duration::from_secs(10),
    })
}

#[derive(Debug)]
struct Connector;

impl HttpConnector for Connector {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let nothing = || ConnectorError::io("no answer".into());
        let response = ANSWER.take().ok_or_else(nothing).and_then(|response| {
            HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
        });
        HttpConnectorFuture::ready(response)
    }
}
