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
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningParams, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::interceptors::context::Input;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_runtime_api::client::runtime_plugin::RuntimePlugin;
use aws_smithy_runtime_api::client::ser_de::{
    DeserializeResponse, SerializeRequest, SharedRequestSerializer, SharedResponseDeserializer,
};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use http::{HeaderValue, Request, Response, Uri};
use tokio::time::timeout;

use super::endpoints::Api;
use crate::model::answer::{Denial, FetchError};
use crate::model::reference::Region;
use crate::net::errors::BoxError;
use crate::net::http::HttpClient;

/// The failure of a request: no response, or an error response.
pub type SdkFailure<E> = SdkError<E, HttpResponse>;

/// A client. It makes one attempt for each request.
#[derive(Clone)]
pub struct Client {
    pub api: Api,
    pub endpoint: Uri,
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
    /// Calls one of the SDK's operations. `I`, `O` and `E` are its input, output and error.
    pub async fn call<I, O, E>(&self, operation: &impl RuntimePlugin, input: I) -> Result<O, SdkFailure<E>>
    where
        I: fmt::Debug + Send + Sync + 'static,
        O: fmt::Debug + Send + Sync + 'static,
        E: Error + Send + Sync + 'static,
    {
        let parts =
            operation.config().ok_or("an operation without configuration").map_err(SdkFailure::construction_failure)?;
        let (Some(serializer), Some(deserializer)) =
            (parts.load::<SharedRequestSerializer>(), parts.load::<SharedResponseDeserializer>())
        else {
            return Err(SdkFailure::construction_failure("an operation without serialization"));
        };
        let mut settings = ConfigBag::base();
        let request =
            serializer.serialize_input(Input::erase(input), &mut settings).map_err(SdkFailure::construction_failure)?;
        let request = request.try_into_http1x().map_err(SdkFailure::construction_failure)?;
        let response = for_sdk(self.send(request).await?)?;
        let error = match deserializer.deserialize_nonstreaming_with_config(&response, &settings) {
            Ok(output) => match output.downcast::<O>() {
                Ok(output) => return Ok(output),
                Err(_) => return Err(SdkFailure::response_error("a response of another type", response)),
            },
            Err(error) => error,
        };
        let mut service_error = None;
        // The rest of the error is dropped: it may quote a secret in the response.
        let _ = error.map_operation_error(|error| service_error = error.downcast::<E>().ok());
        Err(match service_error {
            Some(error) => SdkFailure::service_error(error, response),
            None => SdkFailure::response_error("a response that cannot be read", response),
        })
    }

    /// Signs and sends a request, and reads the whole response.
    pub async fn send<E>(&self, request: Request<SdkBody>) -> Result<Response<Vec<u8>>, SdkFailure<E>> {
        let answer = self.http.send(self.signed(request).map_err(SdkFailure::construction_failure)?);
        let answered = timeout(ATTEMPT_TIMEOUT, answer).await.map_err(SdkFailure::timeout_error)?;
        let (head, body) = answered.map_err(SdkFailure::dispatch_failure)?;
        match body {
            Ok(body) => Ok(Response::from_parts(head, body)),
            Err(error) => Err(SdkFailure::response_error(error, for_sdk(Response::from_parts(head, Vec::new()))?)),
        }
    }

    /// Sets the URL and adds the headers of the signature (AWS Signature Version 4).
    fn signed(&self, mut request: Request<SdkBody>) -> Result<Request<SdkBody>, BoxError> {
        let scheme = self.endpoint.scheme_str().unwrap_or_default();
        let authority = self.endpoint.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        let base = self.endpoint.path().trim_end_matches('/');
        let url = format!("{scheme}://{authority}{base}{}", request.uri());
        *request.uri_mut() = url.parse()?;
        let Some(credentials) = &self.credentials else { return Ok(request) };
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
        let body = request.body().bytes().ok_or("a body that cannot be signed")?;
        let headers = request.headers().iter();
        let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let signable = SignableRequest::new(request.method().as_str(), url, headers, SignableBody::Bytes(body))?;
        let (signed, _) = sign(signable, &SigningParams::V4(parameters))?.into_parts();
        signed.apply_to_request_http1x(&mut request);
        Ok(request)
    }
}

/// Converts a response into the SDK's type.
fn for_sdk<E>(response: Response<Vec<u8>>) -> Result<HttpResponse, SdkFailure<E>> {
    let response = HttpResponse::try_from(response.map(SdkBody::from));
    response.map_err(|error| SdkFailure::dispatch_failure(ConnectorError::other(error.into(), None)))
}

/// Returns the defect of credentials that no header can hold: signing would panic over a line break, for example.
pub fn defect(credentials: &Credentials) -> Option<&'static str> {
    let parts = [Some(credentials.access_key_id()), Some(credentials.secret_access_key()), credentials.session_token()];
    let all_fit = parts.into_iter().flatten().all(|text| !text.is_empty() && HeaderValue::from_str(text).is_ok());
    (!all_fit).then_some(
        "the credentials are empty, or have a line break or another character that is not valid in credentials",
    )
}

/// The name of the provider that has the credentials, a property of these.
#[derive(Clone, Copy, Debug)]
pub struct ProviderName(pub &'static str);

/// Adds the provider of `credentials`, and the end of their key's id, to AWS's error that refuses them.
pub fn with_provider(error: FetchError, credentials: Option<&Credentials>) -> FetchError {
    match (error, credentials) {
        (FetchError::Denied { message, cause: cause @ Denial::Credentials, .. }, Some(credentials)) => {
            let provider = credentials.get_property().map_or("AssumeRole", |ProviderName(name)| name);
            let id = credentials.access_key_id();
            let end = id.get(id.len().saturating_sub(4)..).unwrap_or_default();
            let identity = Some(format!("those of the provider {provider}, with the access key …{end}"));
            FetchError::Denied { message, cause, identity }
        }
        (error, _) => error,
    }
}
