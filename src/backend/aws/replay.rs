//! A recorded response, read as one from AWS: for the fuzz targets.

use std::cell::RefCell;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http::Uri;
use tokio::runtime::{Builder, Runtime};

use super::protocol::Client;
use super::{parameter_store, secrets_manager};
use crate::model::answer::{Document, FetchError};
use crate::model::reference::{Locator, Region, SecretId, Store, Version};
use crate::time::deadline::Deadline;
use crate::time::retry::RetryBudget;

/// An HTTP response.
pub struct RecordedResponse<'a> {
    pub status: u16,
    /// Headers; those that HTTP does not allow are left out.
    pub headers: Vec<(&'a str, &'a [u8])>,
    pub body: &'a [u8],
}

thread_local! {
    /// The response to the next request.
    static NEXT: RefCell<Option<http::Response<SdkBody>>> = const { RefCell::new(None) };
    static RUNTIME: Option<Runtime> = Builder::new_current_thread().enable_time().build().ok();
}

/// Sends one request that is answered with `recorded`. Returns `None` if HTTP does not allow its status.
pub fn replay(recorded: &RecordedResponse<'_>, id: &str) -> Option<Result<Document, FetchError>> {
    let mut response = http::Response::builder().status(recorded.status);
    for (name, value) in &recorded.headers {
        if let (Ok(name), Ok(value)) =
            (http::HeaderName::from_bytes(name.as_bytes()), http::HeaderValue::from_bytes(value))
        {
            response = response.header(name, value);
        }
    }
    let response = response.body(SdkBody::from(recorded.body)).ok()?;
    NEXT.set(Some(response));
    let (store, id) = SecretId::parse(id).ok()?;
    let client = client(store)?;
    let request = Locator { region: Some(client.region.clone()), role: None, store, id, version: Version::Current };
    let reading = async {
        let budget = RetryBudget::new(Deadline::new(Duration::from_secs(60)), Some(1));
        match store {
            Store::SecretsManager => Some(secrets_manager::get(&client, &request, &budget).await),
            Store::ParameterStore => parameter_store::get(&client, std::slice::from_ref(&request), &budget).await.pop(),
        }
    };
    RUNTIME.with(|runtime| runtime.as_ref().and_then(|runtime| runtime.block_on(reading)))
}

fn client(store: Store) -> Option<Client> {
    Some(Client {
        api: store.into(),
        endpoint: Uri::from_static("https://aws.invalid"),
        region: Region::parse("us-east-1")?,
        credentials: Some(Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", None, None, "replay")),
        http: SharedHttpConnector::new(Replay),
    })
}

#[derive(Debug)]
struct Replay;

impl HttpConnector for Replay {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let no_response = || ConnectorError::io("no response".into());
        let response = NEXT.take().ok_or_else(no_response).and_then(|response| {
            HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
        });
        HttpConnectorFuture::ready(response)
    }
}
