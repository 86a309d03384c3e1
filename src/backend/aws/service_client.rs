//! The clients of AWS's services. A [`Client`] signs and sends requests to one service in one
//! region, with one set of credentials, and reads the responses. After a temporary outage, it sends
//! a request again.
//!
//! For STS, SSO and DescribeSecret, [`Client::call`] lets the SDK's operations write the request
//! and read the response. For GetSecretValue and Parameter Store, [`Client::call_json`] does
//! without the SDK. Both wipe the body of the response from memory. We don't use the SDK's clients,
//! because we have retries, endpoints and connections of our own, and each client would cost half a
//! million instructions. The rest is in ARCHITECTURE.md, "What the AWS SDK does, and what we do".
//!
//! An error quotes only AWS's code and message, because the rest of the body may contain a secret.
//!
//! The differences from the SDK, with what was found upstream in November 2026:
//!
//! - Building a client took milliseconds (aws-sdk-rust#975, closed), and so did loading the
//!   configuration (aws-sdk-rust#894, closed). A program with the SDK's client (`benches/sdk`)
//!   still takes longer than ours, and needs more memory.
//! - The SDK wipes only credentials (smithy-rs#291), and not the body of a response. Nothing was
//!   found upstream about responses.
//! - The SDK's parser of GetSecretValue refuses the agent's responses, in which CreatedDate is
//!   text.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use aws_config::imds;
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
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::operation::BuildError;
use http::header::CONTENT_TYPE;
use http::{Request, Response, Uri};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::endpoints::{Api, Endpoints};
use super::service_errors::{ServiceError, malformed_response, not_sent, parse_service_error};
use crate::model::message::{Cause, FetchError, FetchResult, Limit, OutageKind, Place};
use crate::model::reference::Region;
use crate::model::shown::shown;
use crate::model::url::is_loopback;
use crate::net::{BoxError, Bytes, HttpClient, HttpSettings, TimeLimits, host_and_port, in_memory};
use crate::system::redaction::conceal_signature;
use crate::time::{RetryBudget, SILENCE, Turns};

/// Creates clients for AWS's services. They all share the connections of `http`.
pub(super) struct Clients {
    pub(super) endpoints: Endpoints,
    pub(super) http: HttpClient,
    /// A client that never uses a proxy, for link-local endpoints such as the instance metadata.
    pub(super) direct: HttpClient,
    pub(super) metadata: OnceCell<imds::Client>,
    /// Requests to the same endpoint take turns while it is failing.
    turns: RefCell<BTreeMap<(Api, Region), Rc<Turns>>>,
}

/// The time limit for each step of opening a connection, as in the SDK.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3100);

impl Clients {
    /// Sets up the clients, without opening a connection.
    pub fn new(endpoints: Endpoints, settings: &HttpSettings) -> Self {
        let limits = TimeLimits {
            connect: CONNECT_TIMEOUT,
            read: SILENCE,
        };
        let http = HttpClient::new(settings, limits);
        Self {
            endpoints,
            direct: http.clone().without_proxy(),
            http,
            metadata: OnceCell::new(),
            turns: RefCell::default(),
        }
    }

    /// Forgets that endpoints failed, so that the next requests are sent without a pause.
    pub fn forget_failures(&self) {
        for turns in self.turns.borrow().values() {
            turns.forget_failures();
        }
    }

    /// The client of a service in a region. It signs its requests if there are `credentials`.
    pub async fn client(
        &self,
        api: Api,
        region: &Region,
        credentials: Option<&Credentials>,
    ) -> FetchResult<Client> {
        let endpoint = self.endpoints.endpoint(api, region).await;
        let configured = self.endpoints.configured.get(&api);
        let mut turns = self.turns.borrow_mut();
        Ok(Client {
            api,
            endpoint: endpoint.map_err(not_sent)?,
            endpoint_place: configured.map(|endpoint| endpoint.place.clone()),
            region: region.clone(),
            identity: credentials.cloned().map(Into::into),
            http: self.http.clone(),
            turns: Rc::clone(turns.entry((api, region.clone())).or_default()),
        })
    }
}

pub(super) struct Client {
    pub(super) api: Api,
    pub(super) endpoint: Uri,
    /// Where the user configured the endpoint. `None` for AWS's own endpoint.
    pub(super) endpoint_place: Option<Place>,
    pub(super) region: Region,
    identity: Option<Identity>,
    http: HttpClient,
    turns: Rc<Turns>,
}

impl Client {
    /// Sends a request for one of the SDK's operations, and converts the output with `read`.
    /// Repeats the request after a temporary outage. `name` is for the output of `-vv`.
    pub async fn call<I, O, E, T>(
        &self,
        operation: impl RuntimePlugin,
        input: Result<I, BuildError>,
        metadata: fn(&E) -> &ErrorMetadata,
        name: &impl fmt::Display,
        budget: &RetryBudget<'_>,
        read: impl Fn(O) -> FetchResult<T>,
    ) -> FetchResult<T>
    where
        I: Clone + fmt::Debug + Send + Sync + 'static,
        O: fmt::Debug + Send + Sync + 'static,
        E: Error + Send + Sync + 'static,
    {
        let input = input.map_err(not_sent)?;
        self.repeated(name, budget, async |silence| {
            let called = self.call_once(&operation, input.clone(), metadata, silence);
            read(called.await?)
        })
        .await
    }

    /// Sends a request for one of the SDK's operations once.
    ///
    /// `silence` is how long AWS may stay silent before each part of the response. Unlike
    /// [`Self::call`], this doesn't retry, so use it only for requests that no value depends on.
    pub async fn call_once<I, O, E>(
        &self,
        operation: &impl RuntimePlugin,
        input: I,
        metadata: fn(&E) -> &ErrorMetadata,
        silence: Duration,
    ) -> FetchResult<O>
    where
        I: fmt::Debug + Send + Sync + 'static,
        O: fmt::Debug + Send + Sync + 'static,
        E: Error + Send + Sync + 'static,
    {
        // This error never occurs, because every operation of the SDK has a serializer and a
        // deserializer.
        let unusable = || not_sent("an operation without serialization");
        let parts = operation.config().ok_or_else(unusable)?;
        let serializer = parts
            .load::<SharedRequestSerializer>()
            .ok_or_else(unusable)?;
        let deserializer = parts
            .load::<SharedResponseDeserializer>()
            .ok_or_else(unusable)?;

        // The serializers of newer SDK crates find the operation's metadata in `settings`.
        let mut settings = ConfigBag::base();
        settings.push_shared_layer(parts.clone());
        let request = serializer
            .serialize_input(Input::erase(input), &mut settings)
            .and_then(in_memory)
            .map_err(not_sent)?;

        let received = self.send(request, silence).await?;
        let wiped = received.map(|body| SdkBody::from(Bytes::from_owner(Zeroizing::new(body))));
        let response = HttpResponse::try_from(wiped).map_err(not_sent)?;
        let failed = match deserializer.deserialize_nonstreaming_with_config(&response, &settings) {
            // The downcast never fails, because the operation's output always has the type `O`.
            Ok(output) => return output.downcast().map_err(|_| unusable()),
            Err(failed) => failed,
        };

        let status = response.status().as_u16();
        // Only the code and the message are used, because the rest of the error may quote the
        // response.
        let meta = failed
            .as_operation_error()
            .and_then(|error| Some(metadata(error.downcast_ref::<E>()?)));
        let error = ServiceError {
            code: meta.and_then(ErrorMetadata::code),
            message: meta.and_then(ErrorMetadata::message),
            ..ServiceError::new(status, |name| response.headers().get(name))
        };
        Err(error.classify())
    }

    /// Sends a request in AWS's JSON protocol, and converts the response's body with `parse`.
    /// Repeats the request after a temporary outage.
    ///
    /// `target` is, for example, `secretsmanager.GetSecretValue`. `about` lists the ids of what is
    /// read, for the output of `-vv`.
    pub(super) async fn call_json<T>(
        &self,
        target: &str,
        about: &[impl fmt::Display],
        input: &impl Serialize,
        budget: &RetryBudget<'_>,
        parse: impl Fn(&[u8]) -> FetchResult<T>,
    ) -> FetchResult<T> {
        let operation = target.rsplit('.').next().unwrap_or(target);
        let name = fmt::from_fn(|f| {
            let ids: Vec<_> = about.iter().map(|id| shown(&id.to_string())).collect();
            write!(f, "{operation} of {}", ids.join(", "))
        });
        self.repeated(&name, budget, async |silence| {
            let request = json_request(target, input).map_err(not_sent)?;
            let response = self.send(request, silence).await?;
            parse(&object_body(response)?)
        })
        .await
    }

    async fn repeated<T>(
        &self,
        name: &impl fmt::Display,
        budget: &RetryBudget<'_>,
        attempt: impl AsyncFn(Duration) -> FetchResult<T>,
    ) -> FetchResult<T> {
        let budget = budget.for_request(host_and_port(&self.endpoint), name);
        let ended = budget.retry(&self.turns, attempt).await;
        ended.map_err(|error| self.with_remedy(error))
    }

    /// Sends a request and reads the whole response, which may be an error from AWS.
    ///
    /// `silence` is how long AWS may stay silent before each part of the response. Messages conceal
    /// the request's signature until the next response arrives.
    async fn send(
        &self,
        request: Request<Bytes>,
        silence: Duration,
    ) -> FetchResult<Response<Vec<u8>>> {
        let (request, signature) = self.signed(request).map_err(not_sent)?;
        let received = self.http.send_within(request, silence).await;
        let (head, body) = match received {
            Ok(response) => response,
            Err(failure) => return Err(self.no_response_error(failure)),
        };

        conceal_signature(signature);
        let status = head.status.as_u16();
        match body {
            Ok(body) => Ok(Response::from_parts(head, body)),
            // The connection broke in the middle of the body. A status of 500 or more is left to
            // the next arm, because it says more than the broken connection.
            Err(failure) if failure.io_kind().is_some() && status < 500 => {
                Err(self.with_remedy(failure))
            }
            Err(_) => {
                let error = ServiceError::new(status, |name| head.headers.get(name)?.to_str().ok());
                Err(error.classify())
            }
        }
    }

    /// The error for a request that got no response because of `failure`:
    ///
    /// - If the user configured the endpoint, the help names the setting ([`Self::with_remedy`]). A
    ///   host that doesn't speak TLS is a refusal, so the request isn't repeated.
    /// - If AWS's own host doesn't exist, and its region isn't in our list, the region is probably
    ///   misspelled. The request is then repeated only twice.
    fn no_response_error(&self, failure: FetchError) -> FetchError {
        if let Some(place) = &self.endpoint_place {
            return self.with_remedy(failure.for_host_named_in(place));
        }
        if failure.io_kind() != Some(ErrorKind::NotFound) || Region::is_known(self.region.as_str())
        {
            return failure;
        }
        FetchError::outage(OutageKind::UnknownRegion, failure.text())
            .or_help(self.region.similar_region())
    }

    /// Adds a help text that names the setting of the endpoint or, if a proxy has answered instead,
    /// the proxy.
    ///
    /// Adds it only if the endpoint can't be reached or doesn't answer like AWS. Otherwise, the
    /// usual help text is right.
    fn with_remedy(&self, error: FetchError) -> FetchError {
        use OutageKind::*;
        if error.is_uncoded()
            && let Some(proxy) = self.http.forwarding_proxy(&self.endpoint)
        {
            return proxy.with_remedy(error.through(&proxy.to_string()), &self.endpoint);
        }
        let Some(place) = &self.endpoint_place else {
            return error;
        };
        let Cause::Outage(kind) = error.cause() else {
            return error;
        };
        let more = match kind {
            Timeout => match error.limit() {
                Limit::Timeout => ", allow more time with --timeout",
                Limit::MaxAttempts => ", raise AWS_MAX_ATTEMPTS",
            },
            Lookup | UnknownRegion | MalformedResponse | Connection | Silent => "",
            Throttled | Service | Handshake | NotTls | ClockSkew | EarlyCertificate => {
                return error;
            }
        };
        let hint = if is_loopback(&self.endpoint) {
            " (in a container, localhost is the container itself)"
        } else {
            ""
        };
        error.or_outage_help(format!(
            "check that the service runs and answers{hint}{more}, or correct {place}"
        ))
    }

    /// Completes the URL of a request and, if there are credentials, signs the request with AWS
    /// Signature Version 4. The signature is empty without credentials.
    fn signed(&self, mut request: Request<Bytes>) -> Result<(Request<Bytes>, String), BoxError> {
        let scheme = self.endpoint.scheme_str().unwrap_or_default();
        let authority = self.endpoint.authority().map_or("", |name| name.as_str());
        let base = self.endpoint.path().trim_end_matches('/');
        let url = [scheme, "://", authority, base, &request.uri().to_string()].concat();
        *request.uri_mut() = url.parse()?;
        let Some(identity) = &self.identity else {
            return Ok((request, String::new()));
        };

        let mut settings = SigningSettings::default();
        // Unlike S3, these services expect a path that is encoded twice, and no header with the
        // checksum.
        settings.percent_encoding_mode = PercentEncodingMode::Double;
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
        let parameters = v4::SigningParams::builder()
            .identity(identity)
            .region(self.region.as_str())
            .name(self.api.name())
            .time(SystemTime::now())
            .settings(settings)
            .build()?;

        let signable = SignableRequest::new(
            request.method().as_str(),
            url,
            // Every header is signed. `to_str` fails only for a header that isn't ASCII, and no
            // request has one.
            request
                .headers()
                .iter()
                .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))),
            SignableBody::Bytes(request.body()),
        )?;
        let (signed, signature) = sign(signable, &SigningParams::V4(parameters))?.into_parts();
        signed.apply_to_request_http1x(&mut request);
        Ok((request, signature))
    }
}

/// A request in AWS's JSON 1.1 protocol, still without the host and the signature.
fn json_request(target: &str, input: &impl Serialize) -> Result<Request<Bytes>, BoxError> {
    let request = Request::post(Uri::default())
        .header(CONTENT_TYPE, "application/x-amz-json-1.1")
        .header("x-amz-target", target);
    Ok(request.body(serde_json::to_vec(input)?.into())?)
}

/// The body of a response, which must be a JSON object. Fails for an error response.
pub(super) fn object_body(response: Response<Vec<u8>>) -> FetchResult<Zeroizing<Vec<u8>>> {
    let status = response.status();
    let header = |name: &str| response.headers().get(name)?.to_str().ok();
    if !status.is_success() {
        return Err(parse_service_error(
            status.as_u16(),
            header,
            response.body(),
        ));
    }
    if !is_object(response.body()) {
        return Err(malformed_response(status.as_u16(), header("content-type")));
    }
    Ok(Zeroizing::new(response.into_body()))
}

/// Parses a body. Refuses anything but a JSON object, because serde itself would also accept an
/// array for a struct. The error says that the request got `unexpected`, such as
/// `a response that can't be read`.
pub(super) fn read_object<'b, T: Deserialize<'b>>(
    body: &'b [u8],
    unexpected: &str,
) -> FetchResult<T> {
    match serde_json::from_slice(body) {
        Ok(parsed) if is_object(body) => Ok(parsed),
        _ => Err(FetchError::malformed(unexpected)),
    }
}

fn is_object(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"{")
}

const YEAR_10000: f64 = 253_402_300_800.0;

/// Parses seconds since 1970, which are a number or, from the Secrets Manager Agent, a string.
/// Anything else is `None`, not an error, because no value depends on the time.
pub(super) fn timestamp(field: &RawValue) -> Option<SystemTime> {
    system_time(field.get().trim_matches('"').parse().ok()?)
}

/// Converts seconds since 1970. `None` after 9999, because years in RFC 3339 have only four digits.
pub(super) fn system_time(seconds: f64) -> Option<SystemTime> {
    if seconds >= YEAR_10000 {
        return None;
    }
    SystemTime::UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

#[cfg(test)]
mod tests {
    use serde_json::value::to_raw_value;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn numbers_and_texts_are_times_and_anything_else_is_unknown() {
        let time = |field: &Value| timestamp(&to_raw_value(field).unwrap());
        let seconds = |field: &Value| {
            time(field)?
                .duration_since(SystemTime::UNIX_EPOCH)
                .ok()
                .map(|time| time.as_secs())
        };
        for field in [
            json!(1_523_477_145.713),
            json!(1_523_477_145),
            json!("1523477145.713"),
        ] {
            assert_eq!(seconds(&field), Some(1_523_477_145), "{field}");
        }
        for field in [
            json!(null),
            json!(-1),
            json!(1e300),
            json!("yesterday"),
            json!("NaN"),
            json!("inf"),
            json!([1]),
        ] {
            assert_eq!(time(&field), None, "{field}");
        }
    }
}
