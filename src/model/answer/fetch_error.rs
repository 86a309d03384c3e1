//! The reasons why a backend returns no document.
//!
//! A [`FetchError`] is made where the failure is found, and worded in `wording`, except for a
//! failure before an answer, which has a headline of its own. Retries, the switch to the next
//! region, and `--wait` depend on its [`Again`]. Most other decisions depend on its [`Cause`], and
//! none depend on the text of a message, which other files change only with the methods of the
//! type.

use std::io::ErrorKind;
use std::iter;
use std::time::Duration;

use crate::model::problem::Status;
use crate::model::reference::Region;

/// The code in `check` if AWS refuses the credentials that signed a request.
pub const CREDENTIALS_REFUSED: &str = "credentials-refused";

/// A failure to fetch a document.
///
/// The type implements [`std::error::Error`], so that a failure can pass through the SDK's errors.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}", self.sentence())]
#[must_use]
pub struct FetchError {
    pub(super) cause: Cause,
    again: Again,
    pub(super) mention: Mention,
    /// The kind of the I/O error on the connection, if there was one. `TimedOut` also stands for an
    /// answer that was too slow, `UnexpectedEof` for an incomplete answer, and `NotFound` for a
    /// host whose name doesn't exist.
    io_kind: Option<ErrorKind>,
    /// The limit that kept secrets-exec from sending the request again.
    pub(super) limit: Limit,
    /// The policy that AWS's message blames for a denial. `None` if the caller's own policies just
    /// don't allow the request, and for any other failure.
    pub(super) denied_by: Option<PolicyDenial>,
    pub(super) caller: DeniedCaller,
    /// The code in `check`.
    pub(super) code: &'static str,
    /// The headline, as [`Mention`] describes it, without the parts that depend on the request.
    /// [`FetchFailure::problem`] adds those.
    pub(super) text: String,
    /// The message that AWS has sent.
    pub(super) aws_says: Option<String>,
    /// The id of the request and the number of attempts, which differ from answer to answer.
    details: Vec<String>,
    pub(super) notes: Vec<String>,
    /// The help, if it is more specific than that of the cause.
    pub(super) help: Option<String>,
}

impl FetchError {
    /// Creates a failure with `text` as its headline. The code, the mention of the secret and what
    /// to try next are those of the cause. The other parts are empty, until a method sets them.
    pub fn new(cause: Cause, text: impl Into<String>) -> Self {
        let facts = cause.facts();
        Self {
            cause,
            again: facts.again,
            mention: facts.mention,
            io_kind: None,
            limit: Limit::Timeout,
            denied_by: None,
            caller: DeniedCaller::Unknown,
            code: facts.code,
            text: text.into(),
            aws_says: None,
            details: Vec::new(),
            notes: Vec::new(),
            help: None,
        }
    }

    pub fn outage(kind: OutageKind, text: impl Into<String>) -> Self {
        Self::new(Cause::Outage(kind), text)
    }

    /// Creates the outage for an answer that can't be used. `why`, such as "a response that can't
    /// be read", completes the sentence "the request got …".
    pub fn malformed(why: &str) -> Self {
        Self::outage(OutageKind::MalformedResponse, format!("got {why}"))
    }

    pub fn refused(refusal: Refusal, text: impl Into<String>) -> Self {
        Self::new(Cause::Refused(refusal), text)
    }

    /// Creates the failure of one source of credentials, or of the search in all sources.
    pub fn without_credentials(text: impl Into<String>, again: Again) -> Self {
        Self::new(Cause::NoCredentials(Unsigned::Failed), text).again(again)
    }

    /// Creates the failure for refused credentials, a refused role, or a missing or refused token.
    /// `code` is the code in `check`.
    pub fn credentials_refused(code: &'static str, text: impl Into<String>) -> Self {
        let mut error = Self::without_credentials(text, Again::Never);
        error.code = code;
        error
    }

    /// Replaces the cause, and with it the code in `check`.
    pub fn with_cause(mut self, cause: Cause) -> Self {
        self.cause = cause;
        self.code = cause.facts().code;
        self
    }

    pub fn again(mut self, again: Again) -> Self {
        self.again = again;
        self
    }

    /// Says why there are no credentials, and keeps the code in `check`.
    pub fn with_unsigned(mut self, why: Unsigned) -> Self {
        self.cause = Cause::NoCredentials(why);
        self
    }

    pub fn with_io_kind(mut self, kind: impl Into<Option<ErrorKind>>) -> Self {
        self.io_kind = kind.into();
        self
    }

    pub fn with_limit(mut self, limit: Limit) -> Self {
        self.limit = limit;
        self
    }

    /// Adds what AWS's message says about a denial.
    pub fn with_denial(mut self, denied_by: Option<PolicyDenial>, caller: DeniedCaller) -> Self {
        self.denied_by = denied_by;
        self.caller = caller;
        self
    }

    /// True for a denied request whose caller isn't known.
    pub fn has_unknown_caller(&self) -> bool {
        self.cause.is_not_permitted() && self.caller == DeniedCaller::Unknown
    }

    /// Adds the ARN of the caller, if secrets-exec has found it out.
    pub fn with_caller(mut self, arn: Option<String>) -> Self {
        self.caller = arn.map_or(DeniedCaller::Unknown, DeniedCaller::Arn);
        self
    }

    /// Says that the denied request was for the description of the secret. Stays as it is if no
    /// policy has denied the request.
    pub fn of_description(mut self) -> Self {
        if let Cause::Denied(Denial::Policy(operation) | Denial::PolicyOrMissing(operation)) =
            &mut self.cause
        {
            *operation = Operation::Describe;
        }
        self
    }

    /// Says that the headline is a whole sentence, so that only the lines about entries name the
    /// secret.
    pub fn with_whole_headline(mut self) -> Self {
        self.mention = Mention::InEntries;
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn aws_says(mut self, message: impl Into<String>) -> Self {
        self.aws_says = Some(message.into());
        self
    }

    pub fn detail(mut self, detail: String) -> Self {
        self.details.push(detail);
        self
    }

    pub fn notes(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// Adds a help, unless the failure already has one.
    pub fn or_help(mut self, help: Option<String>) -> Self {
        self.help = self.help.or(help);
        self
    }

    /// Adds `help` to an outage, unless the outage already has a help text. Any other error stays
    /// as it is.
    pub fn or_outage_help(mut self, help: impl Into<String>) -> Self {
        if let Cause::Outage(_) = self.cause {
            self.help.get_or_insert_with(|| help.into());
        }
        self
    }

    /// Adds `help` to a provider's failure to get credentials ([`Cause::NoCredentials`]), unless
    /// the failure already has a help text. Any other error stays as it is.
    pub fn or_provider_help(mut self, help: Option<&str>) -> Self {
        if let (Cause::NoCredentials(_), Some(help)) = (self.cause, help) {
            self.help.get_or_insert_with(|| help.to_owned());
        }
        self
    }

    /// Copies AWS's message and the details from `other`, the failure that this one explains. If
    /// `other` has no message from AWS, its headline is used as the message.
    pub fn explaining(mut self, other: Self) -> Self {
        self.aws_says = other.aws_says.or(Some(other.text));
        self.details = other.details;
        self
    }

    /// Puts `headline`, such as `the role "…" couldn't be assumed`, before the text of an outage,
    /// because AWS wasn't asked for the secret itself. AWS's message becomes a part of the text,
    /// and only the lines about entries name the secret. Does nothing for a failure that isn't an
    /// outage.
    pub fn with_outage_headline(mut self, headline: &str) -> Self {
        if let Cause::Outage(_) = self.cause {
            self.text = format!("{headline}: {}", self.sentence());
            self.aws_says = None;
            self.mention = Mention::InEntries;
        }
        self
    }

    pub fn cause(&self) -> Cause {
        self.cause
    }

    pub fn next_try(&self) -> Again {
        self.again
    }

    pub fn io_kind(&self) -> Option<ErrorKind> {
        self.io_kind
    }

    pub fn limit(&self) -> Limit {
        self.limit
    }

    /// The code in `check`.
    pub fn code(&self) -> &'static str {
        self.code
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The help, if it is more specific than the cause's help.
    pub fn own_help(&self) -> Option<String> {
        self.help.clone()
    }

    /// The details in brackets: ` (request id 1234, 3 attempts in 30.0s)`.
    pub fn suffix(&self) -> String {
        match self.details.as_slice() {
            [] => String::new(),
            details => format!(" ({})", details.join(", ")),
        }
    }

    /// AWS's message or, without one, the headline.
    pub fn reason(&self) -> &str {
        self.aws_says.as_ref().unwrap_or(&self.text)
    }

    /// True if a later launch may succeed, although nothing is corrected.
    pub fn is_temporary(&self) -> bool {
        self.cause.facts().status == Status::Temporary
    }

    /// True if an answer was damaged or not from AWS, or if AWS has no such host. Another request
    /// rarely changes this.
    pub fn is_malformed(&self) -> bool {
        use OutageKind::{MalformedResponse, NotTls, UnknownRegion};
        matches!(
            self.cause,
            Cause::Outage(MalformedResponse | NotTls | UnknownRegion)
        )
    }
}

impl From<Cause> for FetchError {
    fn from(cause: Cause) -> Self {
        Self::new(cause, cause.facts().headline)
    }
}

/// The reason why there is no document. Only [`Cause::Absent`] is an absence, which a `default` can
/// replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Absent(Missing),
    Denied(Denial),
    /// There is no usable answer. A later request may succeed.
    Outage(OutageKind),
    Refused(Refusal),
    /// There are no usable credentials.
    NoCredentials(Unsigned),
    NoRegion,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    Secret,
    /// The requested version doesn't exist. The secret itself exists, but for a parameter, AWS
    /// doesn't say whether the parameter or only the version is missing.
    Version,
}

impl Cause {
    /// True if the caller isn't allowed to read or describe the secret, or if its KMS key can't be
    /// used.
    pub fn is_not_permitted(self) -> bool {
        use Denial::{Key, Policy, PolicyOrMissing};
        matches!(self, Self::Denied(Policy(_) | PolicyOrMissing(_) | Key))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The caller doesn't have the permission, and AWS's message names an ARN. A secret with this
    /// ARN exists, but a parameter may not.
    Policy(Operation),
    /// The caller doesn't have the permission, and AWS's message doesn't name an ARN. The secret or
    /// parameter might not exist.
    PolicyOrMissing(Operation),
    /// The KMS key of the secret or parameter is disabled or missing, or the caller isn't allowed
    /// to use it.
    Key,
    /// AWS doesn't accept the credentials or a token. Once the origin of the credentials is known,
    /// the cause becomes [`Cause::NoCredentials`].
    Credentials(CredentialsFault),
}

/// The operation that a policy doesn't allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Read,
    /// The description of a secret, which `check --metadata` needs.
    Describe,
}

/// The way in which a policy denies a request. The text is the kind of the policy, as AWS's message
/// names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyDenial {
    /// The policy has a statement that denies the request.
    Explicit(&'static str),
    /// The policy has no statement that allows the request.
    Implicit(&'static str),
}

/// The caller whose request was denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeniedCaller {
    /// The caller isn't known. Also used for a failure that isn't a denial.
    Unknown,
    /// AWS's message names the caller.
    InMessage,
    /// AWS's message doesn't name the caller, but secrets-exec has found out the ARN.
    Arn(String),
}

/// The reason why there are no credentials that AWS accepts for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsigned {
    /// A source that is configured, or the instance metadata service, which needs no configuration,
    /// didn't answer. A later launch may find credentials there.
    Unanswered,
    /// AWS doesn't accept the credentials with which the request was signed.
    Refused,
    /// STS doesn't accept the credentials with which a role would be assumed, so the request itself
    /// wasn't sent.
    RefusedForRole,
    /// Any other reason: for example, no source has credentials, or a role can't be assumed.
    Failed,
}

/// The reason why AWS doesn't accept credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialsFault {
    Expired,
    /// The signature wasn't made with the secret key that belongs to the access key.
    WrongSecretKey,
    /// The access key or a token is missing, or AWS doesn't recognize it. An expired SSO token gets
    /// this fault, too.
    Unrecognized,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutageKind {
    /// AWS got too many requests: it answered with a throttling error or HTTP status 429.
    Throttled,
    /// AWS reported a temporary error of its own, such as HTTP status 500.
    Service,
    /// A request wasn't answered in time.
    Timeout,
    /// The host's name doesn't resolve.
    Lookup,
    /// The name of AWS's host doesn't exist, and the region isn't in `PARTITIONS`.
    UnknownRegion,
    /// The host doesn't answer the request for a connection. Probably, something drops the packets.
    Silent,
    /// Any other failure on the way to an answer, such as a refused or broken connection.
    Connection,
    /// The host accepted the connection, but didn't answer the first TLS message.
    Handshake,
    /// The host doesn't speak TLS, so something in between has probably answered for AWS.
    NotTls,
    /// The answer isn't from AWS, or is damaged.
    MalformedResponse,
    /// AWS refused the time in the signature, because it differs too much from the time of AWS's
    /// clock.
    ClockSkew,
    /// The certificate isn't valid yet, so this machine's clock is probably wrong.
    EarlyCertificate,
}

/// The reason why it wouldn't help to repeat the request immediately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    MarkedForDeletion,
    /// The response has neither SecretString nor SecretBinary, or the parameter has no Value.
    NoValue,
    /// The root certificates can't be read.
    TrustStore,
    /// The certificate of the server isn't trusted.
    Certificate,
    /// A proxy answered with HTTP status 407.
    Proxy,
    /// The user has named a host (an endpoint, an agent or a proxy) that doesn't speak TLS.
    /// `--wait` tries again, because a correct name can fail in the same way while the network
    /// comes up.
    Endpoint,
    /// The Secrets Manager Agent doesn't support the request.
    Agent,
    /// The request can't be made, or its answer is too large.
    NotSent,
    /// AWS returned an error for which there is no more specific cause.
    Request(RequestFault),
}

/// The fault of a request that AWS refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFault {
    /// The signature is for a different region or service.
    WrongEndpoint,
    /// A secret of another account is encrypted with the default key of that account.
    ForeignDefaultKey,
    /// Any other fault. Only AWS's message describes it.
    Other,
}

/// The limit that ended the attempts of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// `--timeout`. Also used for a failure that isn't about a limit.
    Timeout,
    /// AWS_MAX_ATTEMPTS.
    MaxAttempts,
}

/// The next thing to try after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Nothing, because the answer would be the same.
    Never,
    /// The next provider of credentials, because this one isn't configured or doesn't answer.
    NextProvider,
    /// The next region, because the service in this one would give the same answer.
    NextRegion,
    /// The same service, until its region's share of the time ends, and then the next region.
    /// `after` is the pause that AWS requests in the header `x-amz-retry-after`.
    Here { after: Option<Duration> },
    /// The same service, until its region's share of the time ends, and then the next region. After
    /// that, `--wait` tries everything again, because the network may come up late while a machine
    /// boots.
    HereOrLater,
    /// Nothing, unless `--wait` is set. With `--wait`, secrets-exec tries everything again later,
    /// because while a machine boots, the credentials, the region or the correct time, for example,
    /// may not be available yet.
    Later,
}

impl Again {
    /// True if the same service is tried again while its region has time.
    pub fn is_here(self) -> bool {
        matches!(self, Self::Here { .. } | Self::HereOrLater)
    }

    /// True if the next region is tried, either at once or after more attempts in this one.
    pub fn is_in_next_region(self) -> bool {
        self == Self::NextRegion || self.is_here()
    }

    /// True if `--wait` tries everything again.
    pub fn is_waited_for(self) -> bool {
        matches!(self, Self::HereOrLater | Self::Later)
    }
}

/// The place where a message names the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mention {
    /// The failure has nothing to do with a particular secret, so the message doesn't name one.
    Nowhere,
    /// The headline is about something else, such as a host. The secret is named in the lines about
    /// its entries.
    InEntries,
    /// The secret is the subject of the headline, as in `the secret "prod/db" has no value`, and
    /// the text of the failure is the predicate. The reason lies in the secret itself.
    AsSubject,
    /// The headline begins with this text and the secret, as in `access to the secret "prod/db" was
    /// denied`, and the text of the failure is the rest. Several secrets can fail for the same
    /// reason.
    InHeadline(&'static str),
}

/// A failed request, and the regions that it was sent to.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchFailure {
    /// The region that was asked first, before any fallback region. `None` for a local file, and if
    /// the region isn't known.
    pub(super) region: Option<Region>,
    pub(super) error: FetchError,
    /// The fallback regions that were tried after `region`, with their errors.
    pub(super) elsewhere: Vec<(Region, FetchError)>,
    /// If the secret doesn't exist, what the user may have meant: a key of the local file, an
    /// alias, or an existing secret.
    pub(super) nearest: Option<Box<str>>,
}

impl FetchFailure {
    /// Creates the failure of a request that was sent to one region, or to none.
    pub fn new(region: Option<Region>, error: FetchError) -> Self {
        Self {
            region,
            error,
            elsewhere: Vec::new(),
            nearest: None,
        }
    }

    /// Combines the errors that a request got in one or more regions, in the order in which the
    /// regions were tried. The main error is that of the first region, which is the secret's own
    /// region, because a denial or an absence in a fallback region is only about the replica there.
    pub fn in_regions(mut errors: Vec<(Region, FetchError)>) -> Self {
        let (own_region, own_error) = errors.remove(0);
        Self {
            elsewhere: errors,
            ..Self::new(Some(own_region), own_error)
        }
    }

    /// Replaces the error of the first region with what `change` makes of it.
    pub fn change_error(&mut self, change: impl FnOnce(FetchError) -> FetchError) {
        self.error = change(self.error.clone());
    }

    /// The region that was asked first. `None` for a local file, and if the region isn't known.
    pub fn region(&self) -> Option<&Region> {
        self.region.as_ref()
    }

    /// The error of the region that was asked first.
    pub fn error(&self) -> &FetchError {
        &self.error
    }

    /// Adds what the user may have meant.
    pub fn suggest(&mut self, nearest: Option<Box<str>>) {
        self.nearest = nearest;
    }

    pub fn has_suggestion(&self) -> bool {
        self.nearest.is_some()
    }

    /// True if `--wait` tries again: in every region, the failure is one that can pass while a
    /// machine boots.
    pub fn is_waited_for(&self) -> bool {
        self.errors().all(|error| error.again.is_waited_for())
    }

    /// The errors of all regions, in the order in which the regions were tried.
    pub fn errors(&self) -> impl Iterator<Item = &FetchError> {
        iter::once(&self.error).chain(self.elsewhere.iter().map(|(_, error)| error))
    }
}
