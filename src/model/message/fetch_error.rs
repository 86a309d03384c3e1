//! The reasons why a backend returns no document.
//!
//! The code that notices a failure makes a [`FetchError`], and `wording` later turns it into a
//! message. Its [`Again`] says what to try next: the same service, another credentials provider,
//! another region, or everything again a little later (`--wait`). Its [`Cause`] decides nearly
//! everything else. No decision depends on the text of a message.

use std::io::ErrorKind;
use std::iter;
use std::time::Duration;

use super::problem::Status;
use crate::model::reference::Region;

/// The code in `check` if AWS refuses the credentials.
pub const CREDENTIALS_REFUSED: &str = "credentials-refused";

pub type FetchResult<T> = Result<T, FetchError>;

/// A failure to fetch a document. Implements [`std::error::Error`], so that the SDK can wrap it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}", self.sentence())]
#[must_use]
pub struct FetchError {
    pub(super) cause: Cause,
    again: Again,
    pub(super) mention: Mention,
    /// The kind of the I/O error, if any. Also `TimedOut` for a late answer, `UnexpectedEof` for an
    /// incomplete one, and `NotFound` for a host that doesn't exist.
    io_kind: Option<ErrorKind>,
    /// The limit that ended the attempts.
    pub(super) limit: Limit,
    /// The policy that AWS's message blames, if any.
    pub(super) denied_by: Option<PolicyDenial>,
    pub(super) caller: DeniedCaller,
    /// The code in `check`: `not-found`.
    pub(super) code: &'static str,
    /// The headline. `mention` says whether and where the message adds the secret's name.
    pub(super) text: String,
    /// The message in AWS's answer.
    pub(super) aws_says: Option<String>,
    /// Details such as the request id, which can differ between otherwise equal messages.
    details: Vec<String>,
    pub(super) notes: Vec<String>,
    /// Replaces the general help for the cause.
    pub(super) help: Option<String>,
    /// The region that was asked first.
    pub(super) region: Option<Region>,
    /// The fallback regions that were tried, each with its error.
    pub(super) elsewhere: Vec<(Region, Self)>,
    /// A similar name that exists: a key of the local file, an alias or another secret.
    pub(super) nearest: Option<Box<str>>,
    is_uncoded: bool,
}

impl FetchError {
    /// A failure with `text` as its headline.
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

    /// `why` completes "the request got …", for example with "a response that can't be read".
    pub fn malformed(why: &str) -> Self {
        Self::outage(OutageKind::MalformedResponse, format!("got {why}")).uncoded()
    }

    pub fn refused(refusal: Refusal, text: impl Into<String>) -> Self {
        Self::new(Cause::Refused(refusal), text)
    }

    /// Records that the response has no error code of AWS, so a proxy may have sent it.
    pub fn uncoded(mut self) -> Self {
        self.is_uncoded = true;
        self
    }

    pub fn is_uncoded(&self) -> bool {
        self.is_uncoded
    }

    /// Names the proxy that may have sent a response without an error code.
    pub fn through(mut self, proxy: &str) -> Self {
        let what = self.reason().trim_start_matches("got ");
        self.text = format!("the request through {proxy} got {what}");
        self.aws_says = None;
        self.with_whole_headline()
    }

    /// A failure to get credentials, from one source or from all.
    pub fn without_credentials(text: impl Into<String>, again: Again) -> Self {
        Self::new(Cause::NoCredentials(Unsigned::Failed), text).again(again)
    }

    /// A failure because a token is missing, or because AWS refused credentials, a role or a token.
    pub fn credentials_refused(code: &'static str, text: impl Into<String>) -> Self {
        let mut error = Self::without_credentials(text, Again::Never);
        error.code = code;
        error
    }

    pub fn again(mut self, again: Again) -> Self {
        self.again = again;
        self
    }

    /// Turns this into a failure to get credentials. The code for `check` stays the same.
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

    /// Records what AWS's message reveals about a denial.
    pub fn with_denial(mut self, denied_by: Option<PolicyDenial>, caller: DeniedCaller) -> Self {
        self.denied_by = denied_by;
        self.caller = caller;
        self
    }

    /// True for a denial whose caller isn't known yet.
    pub fn has_unknown_caller(&self) -> bool {
        self.cause.is_not_permitted() && self.caller == DeniedCaller::Unknown
    }

    /// Records the caller, or `None` if secrets-exec couldn't find it out.
    pub fn with_caller(mut self, arn: Option<String>) -> Self {
        self.caller = arn.map_or(DeniedCaller::Unknown, DeniedCaller::Arn);
        self
    }

    /// Records that a denial was for describing the secret, not for reading it.
    pub fn of_description(mut self) -> Self {
        if let Cause::Denied(Denial::Policy(operation) | Denial::PolicyOrMissing(operation)) =
            &mut self.cause
        {
            *operation = Operation::Describe;
        }
        self
    }

    /// Treats the headline as a whole sentence, so only the lines about entries name the secret.
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

    /// Sets the help, unless the failure already has one.
    pub fn or_help(mut self, help: Option<String>) -> Self {
        self.help = self.help.or(help);
        self
    }

    /// Like [`Self::or_help`], but only for an outage.
    pub fn or_outage_help(mut self, help: impl Into<String>) -> Self {
        if let Cause::Outage(_) = self.cause {
            self.help.get_or_insert_with(|| help.into());
        }
        self
    }

    /// Like [`Self::or_help`], but only for [`Cause::NoCredentials`].
    pub fn or_provider_help(mut self, help: Option<&str>) -> Self {
        if let (Cause::NoCredentials(_), Some(help)) = (self.cause, help) {
            self.help.get_or_insert_with(|| help.to_owned());
        }
        self
    }

    /// Adds the details of `other` as the reason for this failure, and AWS's message in `other`. If
    /// there is no such message, the headline of `other` takes its place.
    pub fn explaining(mut self, other: Self) -> Self {
        self.aws_says = other.aws_says.or(Some(other.text));
        self.details = other.details;
        self
    }

    /// Puts `headline` before the text of an outage. For example,
    /// `the role "…" couldn't be assumed` shows that AWS wasn't even asked for the secret.
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

    /// Combines the errors from all regions. The first, from the secret's own region, becomes the
    /// main one, because a denial or an absence in a fallback region only says something about the
    /// replica there.
    pub fn in_regions(errors: impl IntoIterator<Item = (Region, Self)>) -> Option<Self> {
        let mut errors = errors.into_iter();
        let (region, mut own) = errors.next()?;
        own.elsewhere = errors.collect();
        // The last detail is the number of attempts.
        if !own.elsewhere.is_empty()
            && let Some(attempts) = own.details.last_mut()
        {
            *attempts += &format!(" in {region}");
        }
        Some(own.in_region(Some(region)))
    }

    /// Sets the name that the user may have meant.
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

    /// The code in `check`: `not-found`.
    pub fn code(&self) -> &'static str {
        self.code
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The help for this particular failure.
    pub fn own_help(&self) -> Option<String> {
        self.help.clone()
    }

    /// The region that was asked first.
    pub fn region(&self) -> Option<&Region> {
        self.region.as_ref()
    }

    /// The errors from all regions, in order.
    pub fn errors(&self) -> impl Iterator<Item = &Self> {
        iter::once(self).chain(self.elsewhere.iter().map(|(_, error)| error))
    }

    /// True if the failure in every region may go away once the machine has booted.
    pub fn is_waited_for(&self) -> bool {
        self.errors().all(|error| error.again.is_waited_for())
    }

    /// The details, such as ` (request id 1234, 3 attempts in 30.0s)`.
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

    /// True if a later launch may succeed without a fix by the user.
    pub fn is_temporary(&self) -> bool {
        self.cause.facts().status == Status::Temporary
    }

    /// True if another request would probably fail in the same way.
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

/// The reason why there is no document. An entry's `default` is used only for [`Cause::Absent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Absent(Missing),
    Denied(Denial),
    /// No usable answer arrived. A later request may succeed.
    Outage(OutageKind),
    Refused(Refusal),
    NoCredentials(Unsigned),
    NoRegion,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    Secret,
    /// The secret exists, but not this version. A parameter may be missing as a whole, because AWS
    /// doesn't tell the two cases apart.
    Version,
}

impl Cause {
    /// True if the caller may not read or describe the secret, or use its KMS key.
    pub fn is_not_permitted(self) -> bool {
        use Denial::{Key, Policy, PolicyOrMissing};
        matches!(self, Self::Denied(Policy(_) | PolicyOrMissing(_) | Key))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// AWS's message contains an ARN. This proves that a secret exists, but not that a parameter
    /// does.
    Policy(Operation),
    /// AWS's message contains no ARN, so the secret or parameter may not even exist.
    PolicyOrMissing(Operation),
    /// The KMS key is disabled or missing, or the caller may not use it.
    Key,
    /// AWS refused the credentials. Code that knows where they came from turns this cause into
    /// [`Cause::NoCredentials`].
    Credentials(CredentialsFault),
}

/// The operation that was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Read,
    /// DescribeSecret, for `check --metadata`.
    Describe,
}

/// A policy's denial. The string is the kind of policy in AWS's words: `resource-based policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyDenial {
    /// A statement denies the request.
    Explicit(&'static str),
    /// No statement allows the request.
    Implicit(&'static str),
}

/// The caller whose request was denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeniedCaller {
    /// The caller isn't known (yet), or nothing was denied.
    Unknown,
    /// AWS's message already names the caller.
    InMessage,
    /// The ARN from STS, because AWS's message doesn't name the caller.
    Arn(String),
}

/// The reason why there are no credentials that AWS accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsigned {
    /// A configured source or the instance metadata didn't answer, so a later launch may get
    /// credentials.
    Unanswered,
    /// AWS refused the credentials that signed the request.
    Refused,
    /// STS refused the credentials for assuming a role, so the request was never sent.
    RefusedForRole,
    /// Any other reason, such as a role that can't be assumed.
    Failed,
}

/// The reason why AWS doesn't accept the credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialsFault {
    Expired,
    /// The secret key doesn't belong to the access key.
    WrongSecretKey,
    /// The access key or a token is missing, unknown to AWS or, for SSO, expired.
    Unrecognized,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutageKind {
    /// A throttling error or HTTP status 429.
    Throttled,
    /// A temporary error of AWS's own, such as HTTP status 500.
    Service,
    /// A request wasn't answered in time.
    Timeout,
    /// The host name can't be resolved.
    Lookup,
    /// AWS has no host in this region, and `PARTITIONS` doesn't have the region either, so the
    /// region is probably misspelled.
    UnknownRegion,
    /// The host doesn't respond, probably because of a firewall.
    Silent,
    /// Any other connection failure.
    Connection,
    /// The host accepted the connection, but didn't answer the first TLS message.
    Handshake,
    /// The host doesn't speak TLS, so something in between has probably answered.
    NotTls,
    /// The answer is damaged, or didn't come from AWS.
    MalformedResponse,
    /// AWS refused the signature because of this machine's clock.
    ClockSkew,
    /// The certificate isn't valid yet, so this machine's clock is probably wrong.
    EarlyCertificate,
}

/// The reason why it is pointless to repeat the request immediately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    MarkedForDeletion,
    /// The response has neither SecretString nor SecretBinary, or the parameter has no Value.
    NoValue,
    /// The file with the root certificates can't be read.
    TrustStore,
    /// The server's certificate isn't trusted.
    Certificate,
    /// The proxy requires a user name and password, or different ones (HTTP 407).
    Proxy,
    /// An endpoint, agent or proxy set by the user doesn't speak TLS. `--wait` still tries again,
    /// because the right host can fail like this, too, while the network is coming up.
    Endpoint,
    /// The Secrets Manager Agent doesn't support the request.
    Agent,
    /// The request can't be built, or its answer can't be used, for example because it is too
    /// large.
    NotSent,
    /// Any other error from AWS.
    Request(RequestFault),
}

/// The fault of a request that AWS refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFault {
    /// The request was signed for a different region or service.
    WrongEndpoint,
    /// The secret is encrypted with another account's default key, which only that account can use.
    ForeignDefaultKey,
    /// Any other fault. Only AWS's message explains it.
    Other,
}

/// The limit that ended the attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// `--timeout`. New failures have this limit by default.
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
    /// The next region. The service in this one would give the same answer.
    NextRegion,
    /// The same service, until its region's share of the time is used up, and then the next region.
    /// `after` is the pause from the `x-amz-retry-after` header.
    Here { after: Option<Duration> },
    /// Like [`Self::Here`], but if all attempts fail, `--wait` starts over, because a booting
    /// machine may have no network.
    HereOrLater,
    /// Nothing for now. `--wait` starts over a little later, because a booting machine may have no
    /// credentials, region or correct time yet.
    Later,
}

impl Again {
    /// True if the same service will be tried again.
    pub fn is_here(self) -> bool {
        matches!(self, Self::Here { .. } | Self::HereOrLater)
    }

    /// True if the next region will be tried, at once or after more attempts in this one.
    pub fn is_in_next_region(self) -> bool {
        self == Self::NextRegion || self.is_here()
    }

    /// True if `--wait` will try again.
    pub fn is_waited_for(self) -> bool {
        matches!(self, Self::HereOrLater | Self::Later)
    }
}

/// The place where a message names the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mention {
    /// The failure isn't about a particular secret.
    Nowhere,
    /// The name is in the lines about entries. The headline is about something else, such as a
    /// host.
    InEntries,
    /// The name comes first, as in `the secret "prod/db" has no value`, and then the failure's
    /// text.
    AsSubject,
    /// The name comes between this string and the failure's text, as in
    /// `access to the secret "prod/db" was denied`. Several secrets can share the message.
    InHeadline(&'static str),
}
