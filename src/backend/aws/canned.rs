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

use super::protocol::{Client, Timeouts};
use super::request::SecretRequest;
use super::{parameter_store, secrets_manager};
use crate::model::answer::{Document, FetchError};
use crate::model::reference::{Region, SecretId, Store, Version};
use crate::time::deadline::Deadline;
use crate::time::retry::RetryBudget;

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

/// What a secret or a parameter that was asked for once comes to; `None` when HTTP could not carry the answer.
pub fn answer(canned: &Canned<'_>, store: Store) -> Option<Result<Document, FetchError>> {
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
    let (_, id) = SecretId::parse(match store {
        Store::SecretsManager => "prod/db",
        Store::ParameterStore => "ssm:/prod/db",
    })
    .ok()?;
    let client = client(store)?;
    let request = SecretRequest { region: client.region.clone(), role: None, store, id, version: Version::Current };
    let ask = async {
        let budget = RetryBudget::new(Deadline::new(Duration::from_secs(60), None), Some(1));
        match store {
            Store::SecretsManager => Some(secrets_manager::get(&client, &request, &budget).await),
            Store::ParameterStore => {
                parameter_store::get(&client, vec![request.clone()], &budget).await.pop().map(|(_, answer)| answer)
            }
        }
    };
    RUNTIME.with(|runtime| runtime.as_ref().and_then(|runtime| runtime.block_on(ask)))
}

fn client(store: Store) -> Option<Client> {
    let time = Duration::from_secs(10);
    Some(Client {
        api: store.into(),
        endpoint: Uri::from_static("https://aws.invalid"),
        region: Region::parse("us-east-1").ok()?,
        credentials: Credentials::new("AKIAIOSFODNN7EXAMPLE", "nobody's", None, None, "canned"),
        http: SharedHttpConnector::new(Connector),
        timeouts: Timeouts { whole: time, stall: time },
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
