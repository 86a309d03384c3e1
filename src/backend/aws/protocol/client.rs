//! One service of AWS in one region, asked with one set of credentials.
//!
//! Of the SDK, its operations are used, which know how a request is written and an answer is read, and its signatures. What
//! its own clients do around them costs half a million instructions for a client and a quarter of a million for each request,
//! and none of it is needed: attempts are counted and endpoints known here.

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
use hyper::body::Frame;
use tokio::time::timeout;

use super::endpoints::Api;
use crate::model::reference::Region;
use crate::net::errors::BoxError;

/// What became of a request that brought no answer, or one that says no.
pub type SdkFailure<E> = SdkError<E, HttpResponse>;

/// Asks for operations of a service.
#[derive(Clone)]
pub struct Client {
    pub api: Api,
    pub endpoint: Uri,
    pub region: Region,
    pub credentials: Credentials,
    pub http: SharedHttpConnector,
    pub timeouts: Timeouts,
}

/// How long things may take.
#[derive(Clone, Copy)]
pub struct Timeouts {
    /// One request and its answer.
    pub whole: Duration,
    /// The next part of an answer that has begun.
    pub stall: Duration,
}

impl Client {
    /// Asks for one of the SDK's operations: `I`, `O` and `E` are its input, output and error.
    pub async fn call<I, O, E>(&self, operation: &impl RuntimePlugin, input: I) -> Result<O, SdkFailure<E>>
    where
        I: fmt::Debug + Send + Sync + 'static,
        O: fmt::Debug + Send + Sync + 'static,
        E: Error + Send + Sync + 'static,
    {
        let parts = operation.config().ok_or("an operation without parts").map_err(SdkFailure::construction_failure)?;
        let (Some(writer), Some(reader)) =
            (parts.load::<SharedRequestSerializer>(), parts.load::<SharedResponseDeserializer>())
        else {
            return Err(SdkFailure::construction_failure("an operation that writes or reads nothing"));
        };
        let mut settings = ConfigBag::base();
        let request =
            writer.serialize_input(Input::erase(input), &mut settings).map_err(SdkFailure::construction_failure)?;
        let response = self.send(request).await?;
        let error = match reader.deserialize_nonstreaming_with_config(&response, &settings) {
            Ok(output) => match output.downcast::<O>() {
                Ok(output) => return Ok(output),
                Err(_) => return Err(SdkFailure::response_error("an answer to something else", response)),
            },
            Err(error) => error,
        };
        let mut told = None;
        // What it quotes of an answer may be a value.
        let _ = error.map_operation_error(|error| told = error.downcast::<E>().ok());
        Err(match told {
            Some(error) => SdkFailure::service_error(error, response),
            None => SdkFailure::response_error("an answer that cannot be read", response),
        })
    }

    /// Sends a request, signed, to where the service is; the answer is there as a whole.
    pub async fn send<E>(&self, request: HttpRequest) -> Result<HttpResponse, SdkFailure<E>> {
        let request = self.addressed(request).map_err(SdkFailure::construction_failure)?;
        let exchange = async {
            let mut response = self.http.call(request).await.map_err(SdkFailure::dispatch_failure)?;
            let mut body = std::mem::replace(response.body_mut(), SdkBody::taken());
            let mut whole = Vec::new();
            while let Some(frame) =
                timeout(self.timeouts.stall, body.frame()).await.map_err(SdkFailure::timeout_error)?
            {
                match frame.map(Frame::into_data) {
                    Ok(data) => whole.extend_from_slice(&data.unwrap_or_default()),
                    Err(error) => return Err(SdkFailure::response_error(error, response)),
                }
            }
            *response.body_mut() = SdkBody::from(whole);
            Ok(response)
        };
        timeout(self.timeouts.whole, exchange).await.map_err(SdkFailure::timeout_error)?
    }

    fn addressed(&self, mut request: HttpRequest) -> Result<HttpRequest, BoxError> {
        let scheme = self.endpoint.scheme_str().unwrap_or_default();
        let authority = self.endpoint.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        let base = self.endpoint.path().trim_end_matches('/');
        request.set_uri(format!("{scheme}://{authority}{base}{}", request.uri()))?;
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Double;
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
        let identity = Identity::from(self.credentials.clone());
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.api.signing_region(&self.region))
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
