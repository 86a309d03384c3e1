//! The client of one AWS service, in one region and with one set of credentials. It signs a
//! request, sends it once and reads the whole response.
//!
//! For STS, SSO and DescribeSecret, [`Client::call`] uses the SDK's operations to write the request
//! and to read the response. For everything that has a value, and for Parameter Store, the module
//! `json` does this, because it is faster and wipes the body. We don't use the SDK's clients: each
//! one costs half a million instructions, and each of its requests a quarter of a million, while
//! retries, endpoints and connections are ours anyway.
//!
//! An error never quotes the body of a response, which may contain a secret.

use std::error::Error;
use std::fmt;
use std::io::ErrorKind;
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
use http::{Request, Response, Uri};
use tokio::time::timeout;

use super::endpoints::{Api, Endpoints, find_endpoint};
use super::service_error::{ServiceError, not_sent};
use crate::model::answer::{Cause, FetchError, OutageKind, Refusal};
use crate::model::reference::Region;
use crate::model::suggest::did_you_mean;
use crate::net::errors::{BoxError, host_and_port};
use crate::net::http::{Bytes, HttpClient, in_memory};

/// A client. It sends each request once, without retries.
#[derive(Clone)]
pub struct Client {
    pub api: Api,
    pub endpoint: Uri,
    /// The option, variable or setting that has the endpoint. It is `None` for AWS's own endpoint.
    pub endpoint_setting: Option<&'static str>,
    pub region: Region,
    /// The credentials that sign a request. If they are `None`, requests are not signed.
    pub credentials: Option<Credentials>,
    pub http: HttpClient,
}

/// The time limit for an attempt, from the request to the end of the response.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// The time limit for each part of a response. An attempt loses this much time with a server that
/// accepts the connection and never answers.
pub const READ_TIMEOUT: Duration = Duration::from_secs(5);

impl Client {
    /// Calls one of the SDK's operations once. `I`, `O` and `E` are the types of its input, output
    /// and error.
    ///
    /// # Errors
    /// The error that AWS's response stands for, or the failure of the request.
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

        let received = self.send(request).await?.map(SdkBody::from);
        let response = HttpResponse::try_from(received).map_err(|error| not_sent(&error))?;
        let header = |name: &str| response.headers().get(name);
        let by_status = ServiceError::new(response.status().as_u16(), header);

        let mut service_error = None;
        match deserializer.deserialize_nonstreaming_with_config(&response, &settings) {
            Ok(output) => {
                if let Ok(output) = output.downcast() {
                    return Ok(output);
                }
            }
            // The rest of the error is dropped, because it may quote the response.
            Err(failed) => {
                let _ =
                    failed.map_operation_error(|error| service_error = error.downcast::<E>().ok());
            }
        }

        let meta = service_error.as_ref().map(|error| error.meta());
        let error = ServiceError {
            code: meta.and_then(|meta| meta.code()),
            message: meta.and_then(|meta| meta.message()),
            ..by_status
        };
        Err(error.classify())
    }

    /// Signs a request, sends it and reads the whole response. AWS's errors are responses, too.
    ///
    /// # Errors
    /// When the response did not arrive, or not as a whole. If the head of an incomplete response
    /// has status 500 or more, or if the body is not valid, the error is the meaning of the status.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Vec<u8>>, FetchError> {
        let signed = self.signed(request).map_err(|error| not_sent(&*error))?;
        let answer = self.http.send(signed);
        let answered = timeout(ATTEMPT_TIMEOUT, answer).await.unwrap_or_else(|_| {
            let host = host_and_port(&self.endpoint);
            Err(FetchError::late(&host, ATTEMPT_TIMEOUT))
        });
        let (head, body) = match answered {
            Ok(answer) => answer,
            // This future is on the heap, because few requests fail.
            Err(failure) => return Err(Box::pin(self.unanswered(failure)).await),
        };

        let status = head.status.as_u16();
        match body {
            Ok(body) => Ok(Response::from_parts(head, body)),
            // The connection broke.
            Err(failure) if failure.io_kind.is_some() && status < 500 => {
                Err(self.with_remedy(failure))
            }
            Err(_) => {
                let header = |name: &str| head.headers.get(name)?.to_str().ok();
                Err(ServiceError::new(status, header).classify())
            }
        }
    }

    /// Returns the error for a request without an answer. If the name of AWS's host doesn't exist
    /// and the region isn't known, but a similar region has a host, the region is misspelled, so no
    /// later attempt can succeed.
    async fn unanswered(&self, failure: FetchError) -> FetchError {
        if let Some(setting) = self.endpoint_setting {
            return self.with_remedy(failure.of_named_host(setting));
        }
        if failure.io_kind == Some(ErrorKind::NotFound)
            && let Some(similar) = self.region.similar_region()
            && let Ok(endpoint) = find_endpoint(&Endpoints::default(), self.api, &similar).await
            && self.http.finds_host(&endpoint).await
        {
            let (region, host) = (&self.region, host_and_port(&self.endpoint));
            let why = format!("the region \"{region}\" does not exist: there is no host {host}");
            let help = did_you_mean(similar.as_str());
            return FetchError::refused(Refusal::Endpoint, why).help(help);
        }
        failure
    }

    /// If an endpoint that the user has configured can't be reached, or isn't one of AWS, adds the
    /// remedy, which is to correct the setting. If the error has a remedy already, it keeps that
    /// one. A TLS handshake without an answer and a wrong clock don't get this remedy, because they
    /// have remedies of their own.
    pub fn with_remedy(&self, error: FetchError) -> FetchError {
        let (Some(setting), Cause::Outage(kind)) = (self.endpoint_setting, error.cause) else {
            return error;
        };
        let check = match kind {
            OutageKind::Lookup => "check this machine's DNS settings",
            OutageKind::MalformedResponse => {
                "check that an AWS service, or a simulation of it, listens at this address"
            }
            OutageKind::Connection | OutageKind::Silent | OutageKind::Timeout => {
                "check that the service at this address is running"
            }
            OutageKind::Throttled
            | OutageKind::Service
            | OutageKind::Handshake
            | OutageKind::AgentConnection
            | OutageKind::NotTls
            | OutageKind::ClockSkew
            | OutageKind::EarlyCertificate => return error,
        };
        error.outage_help(format!("{check}, or correct {setting}"))
    }

    /// Makes the URL of a request complete, and signs the request with AWS Signature Version 4, if
    /// there are credentials.
    ///
    /// # Errors
    /// When the URL or a header would be invalid.
    fn signed(&self, mut request: Request<Bytes>) -> Result<Request<Bytes>, BoxError> {
        let scheme = self.endpoint.scheme_str().unwrap_or_default();
        let authority = self.endpoint.authority().map_or("", |name| name.as_str());
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

        let all_headers = request.headers().iter();
        let headers =
            all_headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let (method, body) = (request.method().as_str(), request.body());
        let signable = SignableRequest::new(method, url, headers, SignableBody::Bytes(body))?;
        let (signed, _) = sign(signable, &SigningParams::V4(parameters))?.into_parts();
        signed.apply_to_request_http1x(&mut request);
        Ok(request)
    }
}

/// Returns the request of an operation, and the deserializer for its response.
///
/// # Errors
/// When the input is incomplete, or can't be written as a request.
fn serialized<'p, I: fmt::Debug + Send + Sync + 'static>(
    parts: &'p FrozenLayer,
    input: Result<I, BuildError>,
    settings: &mut ConfigBag,
) -> Result<(Request<Bytes>, &'p SharedResponseDeserializer), BoxError> {
    let (Some(serializer), Some(deserializer)) = (
        parts.load::<SharedRequestSerializer>(),
        parts.load::<SharedResponseDeserializer>(),
    ) else {
        return Err("an operation without serialization".into());
    };
    let request = serializer.serialize_input(Input::erase(input?), settings)?;
    Ok((in_memory(request)?, deserializer))
}
