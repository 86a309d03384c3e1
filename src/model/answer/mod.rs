//! The answers that a backend returns, one for each locator: a document, or the reason why there is
//! no document. For `check`, a backend also returns descriptions of secrets.
//!
//! A value is a [`SecretValue`]: `Debug` doesn't show its bytes, they are overwritten when they are
//! dropped, and only `expose` returns them. `grep -rn 'expose()' src` lists every use of a value.

mod circumstances;
mod fetch_error;
mod wording;

pub use circumstances::{CallerAccount, Circumstances, LookedUp};
pub use fetch_error::*;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::model::reference::{Locator, Region};

pub type Answer = Result<Document, FetchFailure>;

pub type FetchResult<T> = Result<T, FetchError>;

/// The answers by locator. A locator that hasn't been requested isn't in the map.
pub type Answers = BTreeMap<Locator, Answer>;

impl Circumstances {
    /// Adds whether the region or the account is probably wrong: more than two secrets were looked
    /// up, all in the default region and account, and none of them exists.
    pub fn with_answers(mut self, answers: &Answers) -> Self {
        self.is_none_found = answers.len() > 2
            && answers
                .iter()
                .all(|(locator, answer)| self.is_absent_in_defaults(locator, answer));
        self
    }

    /// True if a secret was looked up in the default region and account, and doesn't exist there.
    fn is_absent_in_defaults(&self, locator: &Locator, answer: &Answer) -> bool {
        let Err(failure) = answer else { return false };
        let is_absent = failure.error.cause == Cause::Absent(Missing::Secret);
        is_absent && self.looked_up(locator).is_some()
    }
}

/// One version of a secret or parameter, or the parameters below a path as a JSON object. Only the
/// cache serializes documents.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Document {
    /// All clones of a document share one value, so that the value isn't copied in memory.
    #[serde(with = "SecretValue")]
    pub body: Arc<SecretValue>,
    /// The id of the version. `None` for a local file, for a path, and if the answer doesn't have
    /// the id.
    pub version_id: Option<String>,
    /// The staging labels of the version or, for a parameter, the requested label.
    pub stages: Vec<String>,
    pub created: Option<SystemTime>,
    /// The region that the document was read from. `None` for a local file, and if it isn't known.
    pub region: Option<Region>,
    /// With `--fallback-region`, the unavailable regions that were tried first, each with its
    /// outage.
    #[serde(skip)]
    pub passed_over: Vec<(Region, FetchError)>,
    #[serde(skip)]
    pub cached: Option<CachedAnswer>,
}

impl Document {
    /// Creates the document of a path: a JSON object with the text of each parameter, by the part of
    /// the parameter's name after the path. If there are no parameters, the path is absent.
    pub fn from_parameters(texts: &BTreeMap<&str, &str>) -> FetchResult<Self> {
        if texts.is_empty() {
            return Err(Cause::Absent(Missing::Secret).into());
        }
        // Texts can always be serialized.
        let object = serde_json::to_vec(texts).unwrap_or_default();
        Ok(Self::new(SecretValue::new(object)))
    }

    /// The failure of the secret's own region, if the document comes from a fallback region.
    /// Otherwise `None`.
    pub fn own_failure(&self) -> Option<FetchFailure> {
        if self.passed_over.is_empty() {
            return None;
        }
        Some(FetchFailure::in_regions(self.passed_over.clone()))
    }

    pub fn new(body: SecretValue) -> Self {
        Self {
            body: Arc::new(body),
            ..Self::default()
        }
    }
}

/// The bytes of a value, or of a secret that a value is made from.
///
/// The type doesn't implement `Display`, `Clone`, `PartialEq` or `Serialize`, so that a value can't
/// be printed, copied, compared or stored by accident. Overwriting shortens the time for which a
/// value is in memory, but doesn't reach every copy: those in the HTTP library and in the kernel's
/// environment block remain.
#[derive(Default)]
pub struct SecretValue(Zeroizing<Vec<u8>>);

impl SecretValue {
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes of the value. Review every call, because the value could leak there.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// True for a part of a value that a log should hide. A number, a text of at most eight
    /// characters, `localhost` and the code of a region aren't hidden, because a port or a word
    /// such as `postgres` would otherwise disappear from every log.
    pub fn is_hidden_as_part(&self) -> bool {
        let text = String::from_utf8_lossy(self.expose());
        text.chars().count() > 8
            && text.parse::<f64>().is_err()
            && text != "localhost"
            && !Region::is_known(&text)
    }

    /// The top-level keys of a value that is a JSON object. Any other value has none.
    pub fn keys(&self) -> BTreeSet<String> {
        serde_json::from_slice(self.expose())
            .map(|object: BTreeMap<String, IgnoredAny>| object.into_keys().collect())
            .unwrap_or_default()
    }

    pub fn base64_encoded(&self) -> Self {
        Self::new(STANDARD.encode(self.expose()))
    }

    /// Decodes the value from base64, or returns `None` if it isn't base64. White space is ignored,
    /// because base64(1) breaks lines after 76 characters.
    pub fn base64_decoded(&self) -> Option<Self> {
        let mut text = self.0.clone();
        text.retain(|byte| !byte.is_ascii_whitespace());
        LENIENT.decode(&*text).ok().map(Self::new)
    }

    /// Serializes the value as `Ok` with text or, if it isn't UTF-8, as `Err` with a list of
    /// numbers. serde calls this method only for a field with `#[serde(with = "SecretValue")]`.
    pub fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let bytes = self.expose();
        str::from_utf8(bytes).map_err(|_| bytes).serialize(to)
    }

    /// Reads what [`Self::serialize`] has written.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<Self>, D::Error> {
        let bytes = match Result::deserialize(from)? {
            Ok(text) => String::into_bytes(text),
            Err(bytes) => bytes,
        };
        Ok(Arc::new(Self::new(bytes)))
    }
}

/// The standard alphabet of RFC 4648. The padding is optional, because some tools leave it out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(redacted)")
    }
}

/// The details of an answer from the cache of `--cache`.
#[derive(Clone, Debug, PartialEq)]
pub struct CachedAnswer {
    /// The time since AWS gave the answer.
    pub age: Duration,
    /// The failure that the cached answer replaces. `None` if the answer isn't older than
    /// `--cache-ttl`, so that it is used without a request.
    pub replaces: Option<FetchFailure>,
}

/// The identity to which the credentials belong, and the provider of the credentials. The JSON of
/// `check` has the fields of this struct.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Caller {
    /// The account in the ARN. `None` without an ARN.
    pub account: Option<String>,
    /// `None` if STS did not answer.
    pub arn: Option<String>,
    /// The name of the provider.
    pub credentials: &'static str,
}

#[derive(Clone, Debug, PartialEq)]
pub struct DescribedSecret {
    /// The locator of the secret. The version in it doesn't matter.
    pub locator: Locator,
    pub region: Region,
    pub description: Result<Description, FetchError>,
}

/// The facts about a secret that DescribeSecret returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub rotation: RotationSchedule,
    /// `None` for the default key, aws/secretsmanager.
    pub kms_key: Option<String>,
    pub replicas: Vec<Replica>,
    /// If this secret is a replica, the region of the original.
    pub primary_region: Option<String>,
    /// The time at which the secret was marked for deletion, if it was.
    pub deleted: Option<SystemTime>,
    /// The id of each version that has a staging label, and its labels.
    pub versions: BTreeMap<String, Vec<String>>,
}

/// A copy of a secret in a different region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replica {
    pub region: String,
    /// The state of the copy: `InSync`, `InProgress` or `Failed`.
    pub status: Option<String>,
    /// `None` for the key aws/secretsmanager of its region.
    pub kms_key: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RotationSchedule {
    pub is_enabled: bool,
    /// AutomaticallyAfterDays: the number of days from one rotation to the next.
    pub days: Option<u64>,
    /// The schedule as an expression: `rate(…)` or `cron(…)`.
    pub schedule: Option<String>,
    pub last: Option<SystemTime>,
    /// The time by which AWS should rotate the secret, if AWS returned one.
    pub next: Option<SystemTime>,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl RotationSchedule {
    /// The number of days from one rotation to the next: the number that AWS returned or, without
    /// one, the number in a schedule such as `rate(30 days)`.
    pub fn every_days(&self) -> Option<u64> {
        if self.days.is_some() {
            return self.days;
        }
        let rate = self.schedule.as_deref()?.strip_prefix("rate(")?;
        let (days, _) = rate.split_once(" day")?;
        days.trim().parse().ok()
    }

    /// True if the rotation is enabled and should have happened before `now`.
    ///
    /// If a rotation fails, AWS leaves NextRotationDate in the past.
    pub fn is_overdue(&self, now: SystemTime) -> bool {
        let due = self.next.or_else(|| self.due());
        self.is_enabled && due.is_some_and(|due| due < now)
    }

    /// The time by which the next rotation must have happened, computed from the schedule: one day
    /// later than the schedule says, because AWS chooses the time of day. `None` if the interval or
    /// the last rotation isn't known.
    fn due(&self) -> Option<SystemTime> {
        let days = u32::try_from(self.every_days()?.checked_add(1)?).ok()?;
        self.last?.checked_add(DAY.checked_mul(days)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_output_of_a_value_does_not_show_the_value() {
        assert_eq!(
            format!("{:?}", SecretValue::new("hunter2")),
            "SecretValue(redacted)"
        );
    }
}
