//! The client of one AWS service in one region with one set of credentials.
//!
//! Signs and sends requests. `call` uses the SDK's serialization (STS, SSO); the module `json` builds JSON 1.1 bodies itself (Secrets
//! Manager, Parameter Store). The SDK's clients are not used: these cost half a million instructions each and a quarter of a
//! million for each request, and retries and endpoints are implemented here.

use std::error::Error;
use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningParams,
    SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::interceptors::context::Input;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::runtime_plugin::RuntimePlugin;
use aws_smithy_runtime_api::client::ser_de::{
    DeserializeResponse, SerializeRequest, SharedRequestSerializer, SharedResponseDeserializer,
};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{ConfigBag, FrozenLayer, Layer};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::error::operation::BuildError;
use http::header::CONTENT_TYPE;
use http::{Request, Response, Uri};
use tokio::time::timeout;

use super::endpoints::Api;
use super::errors::{ServiceError, not_sent, unreadable_response};
use crate::model::answer::{FetchError, OutageKind};
use crate::model::reference::Region;
use crate::net::errors::{BoxError, NetFailure, host_and_port};
use crate::net::http::{Bytes, HttpClient, in_memory};

/// A client. It makes one attempt for each request.
#[derive(Clone)]
pub struct Client {
    pub api: Api,
    pub endpoint: Uri,
    /// The option, variable or key with the endpoint; `None` for AWS's own.
    pub endpoint_setting: Option<&'static str>,
    pub region: Region,
    /// `None` for requests without a signature.
    pub credentials: Option<Credentials>,
    pub http: HttpClient,
}

/// The time limit of an attempt, from the request to the end of the response.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// The time limit for each part of a response: the cost of a server that accepts the connection and never answers.
pub const READ_TIMEOUT: Duration = Duration::from_secs(5);

impl Client {
    /// Calls one of the SDK's operations once. `I`, `O` and `E` are its input, output and error.
    ///
    /// # Errors
    /// The meaning of AWS's error, or the failure of the connection.
    pub async fn call<I, O, E>(
        &self,
        operation: &impl RuntimePlugin,
        input: Result<I, BuildError>,
    ) -> Result<O, FetchError>
    where
        I: fmt::Debug + Send + Sync + 'static,
        O: fmt::Debug + Send + Sync + 'static,
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let mut settings = ConfigBag::base();
        let parts = operation
            .config()
            .unwrap_or_else(|| Layer::new("an operation without configuration").freeze());
        let (request, deserializer) =
            serialized(&parts, input, &mut settings).map_err(|error| not_sent(&*error))?;
        let response = self.send(request).await?.map(SdkBody::from);
        let response = HttpResponse::try_from(response).map_err(|error| not_sent(&error))?;
        let error = ServiceError::new(response.status().as_u16(), |name| {
            response.headers().get(name)
        });
        let mut service_error = None;
        match deserializer.deserialize_nonstreaming_with_config(&response, &settings) {
            Ok(output) => {
                if let Ok(output) = output.downcast() {
                    return Ok(output);
                }
            }
            // The rest of the error is dropped: it may quote a secret in the response.
            Err(error) => {
                let _ =
                    error.map_operation_error(|error| service_error = error.downcast::<E>().ok());
            }
        }
        Err(match service_error {
            Some(service) => ServiceError {
                code: service.meta().code(),
                message: service.meta().message(),
                ..error
            }
            .classify(),
            None => unreadable_response(error.status, error.content_type).into(),
        })
    }

    /// Signs and sends a request, and reads the whole response.
    ///
    /// # Errors
    /// When there is no response, or no whole one.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Vec<u8>>, FetchError> {
        let answer = self
            .http
            .send(self.signed(request).map_err(|error| not_sent(&*error))?);
        let answered = timeout(ATTEMPT_TIMEOUT, answer).await.unwrap_or_else(|_| {
            let host = host_and_port(&self.endpoint);
            Err(NetFailure::late(&host, Some(ATTEMPT_TIMEOUT)))
        });
        let (head, body) = answered.map_err(|failure| self.error(failure))?;
        let status = head.status.as_u16();
        match body {
            Ok(body) => Ok(Response::from_parts(head, body)),
            Err(failure @ NetFailure::Io { kind: Some(_), .. }) if status < 500 => {
                Err(self.error(failure))
            }
            Err(_) => {
                let content_type = head
                    .headers
                    .get(CONTENT_TYPE)
                    .and_then(|value| value.to_str().ok());
                Err(unreadable_response(status, content_type).into())
            }
        }
    }

    /// Returns the error for a failure to reach the endpoint.
    fn error(&self, failure: NetFailure) -> FetchError {
        self.with_remedy(failure.into())
    }

    /// Adds the remedy to an error, if the endpoint is one of the user's own and was not reached: to correct its setting.
    pub fn with_remedy(&self, error: FetchError) -> FetchError {
        match (error, self.endpoint_setting) {
            (FetchError::Unavailable(mut outage), Some(setting))
                if matches!(
                    outage.kind,
                    OutageKind::Timeout
                        | OutageKind::Lookup
                        | OutageKind::Silent
                        | OutageKind::Connection
                ) =>
            {
                let what = match outage.kind {
                    OutageKind::Lookup => "check the DNS server of this machine",
                    _ => "check that the service at this address is running",
                };
                let help = format!("{what}, or correct {setting}");
                outage.help.get_or_insert(help);
                outage.into()
            }
            (error, _) => error,
        }
    }

    /// Sets the URL and adds the headers of the signature (AWS Signature Version 4).
    fn signed(&self, mut request: Request<Bytes>) -> Result<Request<Bytes>, BoxError> {
        let scheme = self.endpoint.scheme_str().unwrap_or_default();
        let authority = self
            .endpoint
            .authority()
            .map(http::uri::Authority::as_str)
            .unwrap_or_default();
        let base = self.endpoint.path().trim_end_matches('/');
        let url = format!("{scheme}://{authority}{base}{}", request.uri());
        *request.uri_mut() = url.parse()?;
        let Some(credentials) = &self.credentials else {
            return Ok(request);
        };
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Double;
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
        let identity = Identity::from(credentials.clone());
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region.as_str())
            .name(self.api.name())
            .time(SystemTime::now())
            .settings(settings)
            .build()?;
        let headers = request.headers().iter();
        let headers =
            headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let signable = SignableRequest::new(
            request.method().as_str(),
            url,
            headers,
            SignableBody::Bytes(request.body()),
        )?;
        let (signed, _) = sign(signable, &SigningParams::V4(parameters))?.into_parts();
        signed.apply_to_request_http1x(&mut request);
        Ok(request)
    }
}

/// Returns the request of an operation, and what reads its response.
fn serialized<'p, I: fmt::Debug + Send + Sync + 'static>(
    parts: &'p FrozenLayer,
    input: Result<I, BuildError>,
    settings: &mut ConfigBag,
) -> Result<(Request<Bytes>, &'p SharedResponseDeserializer), BoxError> {
    let (serializer, deserializer) = (
        parts.load::<SharedRequestSerializer>(),
        parts.load::<SharedResponseDeserializer>(),
    );
    let (serializer, deserializer) = serializer
        .zip(deserializer)
        .ok_or("an operation without serialization")?;
    let request = serializer.serialize_input(Input::erase(input?), settings)?;
    Ok((in_memory(request)?, deserializer))
}
