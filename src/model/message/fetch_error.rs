//! The reasons why a backend returns no document.
//!
//! The code that notices a failure makes a [`FetchError`]. If AWS answered, `wording` later turns
//! the error into a message. If there was no answer, the error already has its headline.
//!
//! The error's [`Again`] says what to try next: the same service, another credentials provider,
//! another region, or everything again a little later (`--wait`). Its [`Cause`] decides nearly
//! everything else. No decision depends on the text of a message.

use std::io::ErrorKind;
use std::iter;
use std::time::Duration;

use super::problem::Status;
use crate::model::reference::Region;

/// The code that `check` prints if AWS refuses the credentials that signed a request.
pub const CREDENTIALS_REFUSED: &str = "credentials-refused";

pub type FetchResult<T> = Result<T, FetchError>;

/// A failure to fetch a document. Implements [`std::error::Error`], so that the SDK can wrap it in
/// its own errors.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}", self.sentence())]
#[must_use]
pub struct FetchError {
    pub(super) cause: Cause,
    again: Again,
    pub(super) mention: Mention,
    /// The kind of I/O error, if the connection failed. Also `TimedOut` for an answer that came too
    /// late, `UnexpectedEof` for an incomplete answer, and `NotFound` for a host that doesn't
    /// exist.
    io_kind: Option<ErrorKind>,
    /// The limit that kept secrets-exec from retrying the request.
    pub(super) limit: Limit,
    /// The policy that AWS's message blames for denying the request, if it blames one.
    pub(super) denied_by: Option<PolicyDenial>,
    pub(super) caller: DeniedCaller,
    /// The failure's code in the output of `check`, such as `not-found`.
    pub(super) code: &'static str,
    /// The message's headline. `mention` says whether and where [`FetchError::problem`] adds the
    /// secret's name.
    pub(super) text: String,
    /// The message in AWS's answer.
    pub(super) aws_says: Option<String>,
    /// Details such as the request id and the number of attempts. They can differ between failures
    /// whose messages are otherwise the same.
    details: Vec<String>,
    pub(super) notes: Vec<String>,
    /// Help text for this particular failure. Without it, the message gets the general help for the
    /// cause.
    pub(super) help: Option<String>,
    /// The region that was asked first, before any fallback region. `None` for a local file, or if
    /// no region is known.
    pub(super) region: Option<Region>,
    /// The fallback regions that were tried afterwards, each with its error.
    pub(super) elsewhere: Vec<(Region, Self)>,
    /// For a secret that doesn't exist, a similar name that the user may have meant: a key of the
    /// local file, an alias or another secret.
    pub(super) nearest: Option<Box<str>>,
    /// True for a response without an error code of AWS.
    is_uncoded: bool,
}

impl FetchError {
    /// Creates a failure with `text` as its headline. `cause` determines the code, the [`Mention`]
    /// and what to try next ([`Again`]). All other fields start out with their defaults.
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
            region: None,
            elsewhere: Vec::new(),
            nearest: None,
            is_uncoded: false,
        }
    }

    pub fn outage(kind: OutageKind, text: impl Into<String>) -> Self {
        Self::new(Cause::Outage(kind), text)
    }

    /// Creates an outage for an unusable answer. `why` completes the sentence "the request got …":
    /// for example, "a response that can't be read".
    pub fn malformed(why: &str) -> Self {
        Self::outage(OutageKind::MalformedResponse, format!("got {why}")).uncoded()
    }

    pub fn refused(refusal: Refusal, text: impl Into<String>) -> Self {
        Self::new(Cause::Refused(refusal), text)
    }

    /// Records that a response has no error code of AWS, so a proxy may have sent it.
    pub fn uncoded(mut self) -> Self {
        self.is_uncoded = true;
        self
    }

    pub fn is_uncoded(&self) -> bool {
        self.is_uncoded
    }

    /// Replaces the headline of a response without an error code by one that names the proxy.
    pub fn through(mut self, proxy: &str) -> Self {
        let what = self.reason().trim_start_matches("got ");
        self.text = format!("the request through {proxy} got {what}");
        self.aws_says = None;
        self.with_whole_headline()
    }

    /// Creates a failure to get credentials, either from one particular source or from any source.
    pub fn without_credentials(text: impl Into<String>, again: Again) -> Self {
        Self::new(Cause::NoCredentials(Unsigned::Failed), text).again(again)
    }

    /// Creates the failure for a missing token, or for credentials, a role or a token that AWS
    /// refused. `code` is the code that `check` prints.
    pub fn credentials_refused(code: &'static str, text: impl Into<String>) -> Self {
        let mut error = Self::without_credentials(text, Again::Never);
        error.code = code;
        error
    }

    pub fn again(mut self, again: Again) -> Self {
        self.again = again;
        self
    }

    /// Turns this into a failure to get credentials, for the reason `why`. Keeps the code.
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

    /// Records what AWS's message reveals about a denial: the policy to blame, and the caller.
    pub fn with_denial(mut self, denied_by: Option<PolicyDenial>, caller: DeniedCaller) -> Self {
        self.denied_by = denied_by;
        self.caller = caller;
        self
    }

    /// True if the request was denied and its caller isn't known yet.
    pub fn has_unknown_caller(&self) -> bool {
        self.cause.is_not_permitted() && self.caller == DeniedCaller::Unknown
    }

    /// Records the caller's ARN, or `None` if secrets-exec couldn't find it out.
    pub fn with_caller(mut self, arn: Option<String>) -> Self {
        self.caller = arn.map_or(DeniedCaller::Unknown, DeniedCaller::Arn);
        self
    }

    /// Records that the caller was denied permission to describe the secret, rather than to read
    /// it. Does nothing for any other failure.
    pub fn of_description(mut self) -> Self {
        if let Cause::Denied(Denial::Policy(operation) | Denial::PolicyOrMissing(operation)) =
            &mut self.cause
        {
            *operation = Operation::Describe;
        }
        self
    }

    /// Treats the headline as a complete sentence. The message then names the secret only in the
    /// lines about its entries.
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

    /// Sets the help text, if the failure doesn't have any yet.
    pub fn or_help(mut self, help: Option<String>) -> Self {
        self.help = self.help.or(help);
        self
    }

    /// Sets the help text of an outage that doesn't have any yet. Does nothing for any other
    /// failure.
    pub fn or_outage_help(mut self, help: impl Into<String>) -> Self {
        if let Cause::Outage(_) = self.cause {
            self.help.get_or_insert_with(|| help.into());
        }
        self
    }

    /// Sets the help text of a failure to get credentials ([`Cause::NoCredentials`]) that doesn't
    /// have any yet. Does nothing for any other failure.
    pub fn or_provider_help(mut self, help: Option<&str>) -> Self {
        if let (Cause::NoCredentials(_), Some(help)) = (self.cause, help) {
            self.help.get_or_insert_with(|| help.to_owned());
        }
        self
    }

    /// Turns this failure into an explanation of `other`. Takes over the details of `other` and
    /// AWS's message or, if there is no message, the headline of `other`.
    pub fn explaining(mut self, other: Self) -> Self {
        self.aws_says = other.aws_says.or(Some(other.text));
        self.details = other.details;
        self
    }

    /// If this is an outage, puts `headline` in front of its text.
    ///
    /// The headline, such as `the role "…" couldn't be assumed`, shows the reader that AWS wasn't
    /// even asked for the secret. The message then names the secret only in the lines about its
    /// entries.
    pub fn with_outage_headline(mut self, headline: &str) -> Self {
        if let Cause::Outage(_) = self.cause {
            self.text = format!("{headline}: {}", self.sentence());
            self.aws_says = None;
            self.mention = Mention::InEntries;
        }
        self
    }

    pub fn in_region(mut self, region: Option<Region>) -> Self {
        self.region = region;
        self
    }

    /// Combines the errors from all regions that were tried, the secret's own region first.
    ///
    /// The first error becomes the main one, because a denial or an absence in a fallback region
    /// only says something about the replica there.
    pub fn in_regions(errors: impl IntoIterator<Item = (Region, Self)>) -> Option<Self> {
        let mut errors = errors.into_iter();
        let (region, mut own) = errors.next()?;
        own.elsewhere = errors.collect();
        if let ([_, ..], Some(attempts)) = (&*own.elsewhere, own.details.last_mut()) {
            *attempts += &format!(" in {region}");
        }
        Some(own.in_region(Some(region)))
    }

    /// Sets the name that the user may have meant, if there is one.
    pub fn suggest(&mut self, nearest: Option<Box<str>>) {
        self.nearest = nearest;
    }

    pub fn has_suggestion(&self) -> bool {
        self.nearest.is_some()
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

    /// The failure's code in the output of `check`, such as `not-found`.
    pub fn code(&self) -> &'static str {
        self.code
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The help text for this particular failure, if it has any.
    pub fn own_help(&self) -> Option<String> {
        self.help.clone()
    }

    /// The region that was asked first.
    pub fn region(&self) -> Option<&Region> {
        self.region.as_ref()
    }

    /// The errors from all regions, in the order of the attempts.
    pub fn errors(&self) -> impl Iterator<Item = &Self> {
        iter::once(self).chain(self.elsewhere.iter().map(|(_, error)| error))
    }

    /// True if `--wait` will try again, because the failure in every region may go away once the
    /// machine has booted.
    pub fn is_waited_for(&self) -> bool {
        self.errors().all(|error| error.again.is_waited_for())
    }

    /// The details in parentheses, such as ` (request id 1234, 3 attempts in 30.0s)`. Empty if
    /// there are no details.
    pub fn suffix(&self) -> String {
        match self.details.as_slice() {
            [] => String::new(),
            details => format!(" ({})", details.join(", ")),
        }
    }

    /// AWS's message, or the headline if there is no message.
    pub fn reason(&self) -> &str {
        self.aws_says.as_ref().unwrap_or(&self.text)
    }

    /// True if a later launch may succeed without the user having to fix anything.
    pub fn is_temporary(&self) -> bool {
        self.cause.facts().status == Status::Temporary
    }

    /// True if the answer was damaged or didn't come from AWS, or if the region doesn't exist.
    /// Another request would probably fail in the same way.
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

/// The reason why there is no document. An entry's `default` is used only if the cause is
/// [`Cause::Absent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Absent(Missing),
    Denied(Denial),
    /// No usable answer arrived. A later request may succeed.
    Outage(OutageKind),
    Refused(Refusal),
    /// There are no usable credentials.
    NoCredentials(Unsigned),
    NoRegion,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    Secret,
    /// The requested version doesn't exist, but the secret does. For a parameter, AWS doesn't say
    /// which of the two is missing.
    Version,
}

impl Cause {
    /// True if the caller isn't allowed to read or describe the secret, or can't use its KMS key.
    pub fn is_not_permitted(self) -> bool {
        use Denial::{Key, Policy, PolicyOrMissing};
        matches!(self, Self::Denied(Policy(_) | PolicyOrMissing(_) | Key))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The caller lacks permission, and AWS's message contains an ARN. This proves that a secret
    /// exists, but not that a parameter does.
    Policy(Operation),
    /// The caller lacks permission, and AWS's message contains no ARN, so the secret or parameter
    /// may not even exist.
    PolicyOrMissing(Operation),
    /// The KMS key of the secret or parameter is disabled or missing, or the caller isn't allowed
    /// to use it.
    Key,
    /// AWS doesn't accept the credentials or a token. Code that knows where the credentials came
    /// from turns this cause into [`Cause::NoCredentials`].
    Credentials(CredentialsFault),
}

/// The operation that the caller isn't allowed to perform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Read,
    /// Reading a secret's description (DescribeSecret), as `check --metadata` does.
    Describe,
}

/// The way in which a policy denies a request. The string is the kind of policy in AWS's words,
/// such as `resource-based policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyDenial {
    /// A statement of the policy denies the request.
    Explicit(&'static str),
    /// No statement of the policy allows the request.
    Implicit(&'static str),
}

/// The caller whose request was denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeniedCaller {
    /// The caller isn't known (yet), or the failure isn't a denial.
    Unknown,
    /// AWS's message already names the caller.
    InMessage,
    /// AWS's message doesn't name the caller, so secrets-exec asked STS for this ARN.
    Arn(String),
}

/// The reason why secrets-exec has no credentials that AWS accepts for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsigned {
    /// A configured source of credentials, or the instance metadata service, didn't answer. A later
    /// launch may find credentials there.
    Unanswered,
    /// AWS refused the credentials that signed the request.
    Refused,
    /// STS refused the credentials that were used to assume a role, so the request itself was never
    /// sent.
    RefusedForRole,
    /// Any other reason: for example, no source has credentials, or a role can't be assumed.
    Failed,
}

/// The reason why AWS doesn't accept the credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialsFault {
    Expired,
    /// The secret key doesn't belong to the access key.
    WrongSecretKey,
    /// The access key or a token is missing, or AWS doesn't recognize it. This includes an SSO
    /// token that has expired.
    Unrecognized,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutageKind {
    /// AWS got too many requests, and answered with a throttling error or HTTP status 429.
    Throttled,
    /// AWS reported a temporary error of its own, such as HTTP status 500.
    Service,
    /// A request wasn't answered in time.
    Timeout,
    /// The host name can't be resolved.
    Lookup,
    /// AWS has no host in this region, and the region isn't in `PARTITIONS` either, so its code is
    /// probably misspelled.
    UnknownRegion,
    /// The host doesn't respond to connection attempts. A firewall is probably dropping the
    /// packets.
    Silent,
    /// Any other connection failure: for example, the connection was refused or interrupted.
    Connection,
    /// The host accepted the connection, but didn't answer the first TLS message.
    Handshake,
    /// The host doesn't speak TLS. Something between this machine and AWS has probably answered
    /// instead.
    NotTls,
    /// The answer is damaged, or didn't come from AWS.
    MalformedResponse,
    /// This machine's clock differs so much from AWS's that AWS refused the signature.
    ClockSkew,
    /// The certificate isn't valid yet, so this machine's clock is probably wrong.
    EarlyCertificate,
}

/// The reason why it would be pointless to repeat the request immediately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    MarkedForDeletion,
    /// The response has neither SecretString nor SecretBinary, or the parameter has no Value.
    NoValue,
    /// The file with the root certificates can't be read.
    TrustStore,
    /// The server's certificate isn't trusted.
    Certificate,
    /// The proxy requires a user name and password, or different ones (HTTP status 407).
    Proxy,
    /// An endpoint, agent or proxy configured by the user doesn't speak TLS. `--wait` still tries
    /// again, because even the right host can fail like this while the network is coming up.
    Endpoint,
    /// The Secrets Manager Agent doesn't support the request.
    Agent,
    /// The request can't be built, or its answer is too large.
    NotSent,
    /// AWS returned an error that no other variant describes.
    Request(RequestFault),
}

/// The fault of a request that AWS refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFault {
    /// The request was signed for a different region or service.
    WrongEndpoint,
    /// The secret belongs to another account and is encrypted with that account's default key,
    /// which no other account can use.
    ForeignDefaultKey,
    /// Any other fault. Only AWS's message explains it.
    Other,
}

/// The limit that kept secrets-exec from retrying a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// `--timeout`. Also the default for failures that have nothing to do with a limit.
    Timeout,
    /// AWS_MAX_ATTEMPTS.
    MaxAttempts,
}

/// The next thing to try after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Nothing. The answer would be the same.
    Never,
    /// The next credentials provider, because this one isn't configured or doesn't answer.
    NextProvider,
    /// The next region, because the service in this one would give the same answer again.
    NextRegion,
    /// The same service again, until its region's share of the time is used up, and then the next
    /// region. `after` is the pause that AWS requested in the `x-amz-retry-after` header.
    Here { after: Option<Duration> },
    /// Like [`Self::Here`], but if that fails, `--wait` starts over, because the network may still
    /// be down while a machine boots.
    HereOrLater,
    /// Nothing for now. With `--wait`, everything again a little later, because the credentials,
    /// the region or the correct time may not be available yet while a machine boots.
    Later,
}

impl Again {
    /// True if the same service will be tried again, as long as its region has time left.
    pub fn is_here(self) -> bool {
        matches!(self, Self::Here { .. } | Self::HereOrLater)
    }

    /// True if the next region will be tried, either immediately or after further attempts in this
    /// one.
    pub fn is_in_next_region(self) -> bool {
        self == Self::NextRegion || self.is_here()
    }

    /// True if `--wait` makes secrets-exec try again after this failure.
    pub fn is_waited_for(self) -> bool {
        matches!(self, Self::HereOrLater | Self::Later)
    }
}

/// The place where the message about a failure names the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mention {
    /// Nowhere, because the failure has nothing to do with a particular secret.
    Nowhere,
    /// In the lines about the secret's entries, because the headline is about something else, such
    /// as a host.
    InEntries,
    /// As the subject of the headline, as in `the secret "prod/db" has no value`. The failure's
    /// text is the rest of the sentence.
    AsSubject,
    /// In the headline, between this string and the failure's text.
    ///
    /// In `access to the secret "prod/db" was denied`, they are `access to ` and `was denied`.
    /// Secrets that fail for the same reason can share a message.
    InHeadline(&'static str),
}
