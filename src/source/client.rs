//! One service of AWS in one region, asked with one set of credentials.
//!
//! Of the SDK, its operations are used, which know how a request is written and an answer is read, and its signatures. What
//! its own clients do around them costs half a million instructions for a client and a quarter for each request, and none of
//! it is needed: attempts are counted and endpoints known here.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningParams, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::interceptors::context::Input;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_plugin::RuntimePlugin;
use aws_smithy_runtime_api::client::ser_de::{
    DeserializeResponse, SerializeRequest, SharedRequestSerializer, SharedResponseDeserializer,
};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use http::Uri;
use http_body_util::BodyExt;

use super::endpoints::Api;
use super::transport::BoxError;
use crate::reference::Region;

/// What became of a request that brought no answer, or one that says no.
pub(super) type Failure<E> = SdkError<E, HttpResponse>;

/// Asks for operations of a service.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) api: Api,
    pub(super) endpoint: Uri,
    pub(super) region: Region,
    pub(super) credentials: Credentials,
    pub(super) http: SharedHttpConnector,
    /// For one request and its answer.
    pub(super) timeout: Duration,
}

impl Client {
    /// Asks for one of the SDK's operations: `I`, `O` and `E` are its input, output and error.
    pub(super) async fn call<I, O, E>(&self, operation: &impl RuntimePlugin, input: I) -> Result<O, Failure<E>>
    where
        I: fmt::Debug + Send + Sync + 'static,
        O: fmt::Debug + Send + Sync + 'static,
        E: Error + Send + Sync + 'static,
    {
        let parts = operation.config().ok_or("an operation without parts").map_err(Failure::construction_failure)?;
        let (Some(writer), Some(reader)) =
            (parts.load::<SharedRequestSerializer>(), parts.load::<SharedResponseDeserializer>())
        else {
            return Err(Failure::construction_failure("an operation that writes or reads nothing"));
        };
        let mut settings = ConfigBag::base();
        let request =
            writer.serialize_input(Input::erase(input), &mut settings).map_err(Failure::construction_failure)?;
        let response = self.send(request).await?;
        let error = match reader.deserialize_nonstreaming_with_config(&response, &settings) {
            Ok(output) => match output.downcast::<O>() {
                Ok(output) => return Ok(output),
                Err(_) => return Err(Failure::response_error("an answer to something else", response)),
            },
            Err(error) => error,
        };
        let mut told = None;
        // What it quotes of an answer may be a value.
        let _ = error.map_operation_error(|error| told = error.downcast::<E>().ok());
        Err(match told {
            Some(error) => Failure::service_error(error, response),
            None => Failure::response_error("an answer that cannot be read", response),
        })
    }

    /// Sends a request, signed, to where the service is; the answer is there as a whole.
    pub(super) async fn send<E>(&self, request: HttpRequest) -> Result<HttpResponse, Failure<E>> {
        let request = self.addressed(request).map_err(Failure::construction_failure)?;
        let exchange = async {
            let mut response = self.http.call(request).await.map_err(Failure::dispatch_failure)?;
            let body = std::mem::replace(response.body_mut(), SdkBody::taken());
            match body.collect().await {
                Ok(body) => {
                    *response.body_mut() = SdkBody::from(body.to_bytes());
                    Ok(response)
                }
                Err(error) => Err(Failure::response_error(error, response)),
            }
        };
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(answer) => answer,
            Err(late) => Err(Failure::timeout_error(late)),
        }
    }

    fn addressed(&self, mut request: HttpRequest) -> Result<HttpRequest, BoxError> {
        let mut uri = self.endpoint.to_string();
        if uri.ends_with('/') {
            uri.pop();
        }
        uri.push_str(request.uri());
        request.set_uri(uri)?;
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Double;
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
        let identity = Identity::from(self.credentials.clone());
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region.as_str())
            .name(self.api.name())
            .time(SystemTime::now())
            .settings(settings)
            .build()?;
        let body = request.body().bytes().ok_or("a body that cannot be signed")?;
        let signable =
            SignableRequest::new(request.method(), request.uri(), request.headers().iter(), SignableBody::Bytes(body))?;
        let (signed, _) = sign(signable, &SigningParams::V4(parameters))?.into_parts();
        for header in signed.into_parts().0 {
            request.headers_mut().try_insert(header.name(), Cow::Owned::<'static, str>(header.value().to_owned()))?;
        }
        Ok(request)
    }
}
