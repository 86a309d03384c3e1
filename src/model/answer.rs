//! The answers of a backend (AWS, the Secrets Manager Agent, the cache or a local file), one for
//! each locator: a document, or the reason why there is no document. For `check`, a backend also
//! returns descriptions of secrets.
//!
//! Every value is a [`SecretValue`]. Its bytes are overwritten when it is dropped, `Debug` doesn't
//! show them, and only `expose` returns them. `grep -rn 'expose()' src` lists every place that uses
//! a value.

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

use super::message::{Cause, FetchError, FetchResult, Missing};
use super::reference::{Locator, Region};

pub type Answer = FetchResult<Document>;

/// A backend's answers, by locator. The map contains only locators that were requested.
pub type Answers = BTreeMap<Locator, Answer>;

/// One version of a secret or parameter, or all parameters below a path (`ssm:/prod/`) as a JSON
/// object. Only the cache serializes documents.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Document {
    /// The content of the secret. All clones of the document share it, so memory holds only one
    /// copy.
    #[serde(with = "SecretValue")]
    pub body: Arc<SecretValue>,
    /// The id of the version that was read. `None` for a local file or a path, and if the response
    /// doesn't contain the id.
    pub version_id: Option<String>,
    /// The staging labels of the version that was read. For a parameter, this is only the requested
    /// label, because AWS doesn't return a parameter's labels.
    pub stages: Vec<String>,
    pub created: Option<SystemTime>,
    /// The region that the document comes from. `None` if it comes from a local file, or if the
    /// region isn't known.
    pub region: Option<Region>,
    /// The unavailable regions that were tried before this one, each with its error. Empty without
    /// `--fallback-region`.
    #[serde(skip)]
    pub passed_over: Vec<(Region, FetchError)>,
    #[serde(skip)]
    pub cached: Option<CachedAnswer>,
}

impl Document {
    /// Creates the document for a path such as `/prod/`: a JSON object of all parameters below it.
    ///
    /// The keys of `texts` are the parameters' names without the path, such as `db/host` for
    /// `/prod/db/host`. If `texts` is empty, returns the error for a path that doesn't exist.
    pub fn from_parameters(texts: &BTreeMap<&str, &str>) -> FetchResult<Self> {
        if texts.is_empty() {
            return Err(Cause::Absent(Missing::Secret).into());
        }
        // Serializing a map of strings can't fail.
        let object = serde_json::to_vec(texts).unwrap_or_default();
        Ok(Self::new(SecretValue::new(object)))
    }

    /// If the document comes from a fallback region, the failure in the secret's own region and in
    /// any fallback regions that were tried before this one. Otherwise `None`.
    pub fn own_failure(&self) -> Option<FetchError> {
        FetchError::in_regions(self.passed_over.iter().cloned())
    }

    pub fn new(body: SecretValue) -> Self {
        Self {
            body: Arc::new(body),
            ..Self::default()
        }
    }
}

/// The bytes of a value, or of a secret that becomes a part of a value.
///
/// The type doesn't implement `Display`, `Clone`, `PartialEq` or `Serialize`, so a value can't be
/// printed, copied, compared or stored by accident.
///
/// The bytes are overwritten on drop, to shorten the time that they spend in memory. This doesn't
/// reach every copy: the HTTP library and the environment of the process have their own.
#[derive(Default)]
pub struct SecretValue(Zeroizing<Vec<u8>>);

impl SecretValue {
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes of the value. Every caller can leak them, so review each call.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// True if logs should hide this part of a larger value, such as the password in a URL.
    ///
    /// Numbers, region codes, `localhost`, and texts of up to eight characters stay visible.
    /// Otherwise, every `5432` and every `postgres` would disappear from the logs.
    pub fn is_hidden_as_part(&self) -> bool {
        let text = String::from_utf8_lossy(self.expose());
        text.chars().count() > 8
            && text.parse::<f64>().is_err()
            && text != "localhost"
            && !Region::is_known(&text)
    }

    /// The top-level keys, if the value is a JSON object. Empty for any other value.
    pub fn keys(&self) -> BTreeSet<String> {
        serde_json::from_slice(self.expose())
            .map(|object: BTreeMap<String, IgnoredAny>| object.into_keys().collect())
            .unwrap_or_default()
    }

    pub fn base64_encoded(&self) -> Self {
        Self::new(STANDARD.encode(self.expose()))
    }

    /// Decodes the value from base64. Line breaks and spaces are ignored, because base64(1) wraps
    /// its output after 76 characters.
    pub fn base64_decoded(&self) -> Option<Self> {
        let mut text = self.0.clone();
        text.retain(|byte| !byte.is_ascii_whitespace());
        LENIENT.decode(&*text).ok().map(Self::new)
    }

    /// Serializes the value as `Ok` with a string or, if it isn't UTF-8, as `Err` with a list of
    /// bytes. serde calls this method only for fields with `#[serde(with = "SecretValue")]`.
    pub fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let bytes = self.expose();
        str::from_utf8(bytes).map_err(|_| bytes).serialize(to)
    }

    /// Reads a value that [`Self::serialize`] wrote.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<Self>, D::Error> {
        let bytes = match Result::deserialize(from)? {
            Ok(text) => String::into_bytes(text),
            Err(bytes) => bytes,
        };
        Ok(Arc::new(Self::new(bytes)))
    }
}

/// Decodes standard base64 (RFC 4648). The padding is optional, because some tools leave it out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(redacted)")
    }
}

/// Describes a document that came from the cache (`--cache`).
#[derive(Clone, Debug, PartialEq)]
pub struct CachedAnswer {
    /// The time since AWS gave this answer.
    pub age: Duration,
    /// The failure that made secrets-exec fall back to this cached answer. `None` if the answer was
    /// recent enough (`--cache-ttl`) to be used without a request.
    pub replaces: Option<FetchError>,
}

/// The identity that AWS sees, and where its credentials come from. `check` prints these fields as
/// JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Caller {
    /// The account in the ARN. `None` if the ARN is unknown.
    pub account: Option<String>,
    /// The ARN of the user or role. `None` if STS didn't answer.
    pub arn: Option<String>,
    /// The kind of provider that the credentials came from, such as `profile` or `container`.
    pub credentials: &'static str,
}

#[derive(Clone, Debug, PartialEq)]
pub struct DescribedSecret {
    /// The secret that was described. Its version is irrelevant, because a description covers all
    /// versions.
    pub locator: Locator<Region>,
    pub description: Result<Description, FetchError>,
}

/// A secret's description, as AWS's DescribeSecret operation returns it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Description {
    pub rotation: RotationSchedule,
    /// The KMS key that encrypts the secret. `None` for the default key, aws/secretsmanager.
    pub kms_key: Option<String>,
    pub replicas: Vec<Replica>,
    /// If this secret is a replica, the region of the original secret.
    pub primary_region: Option<String>,
    /// When the secret was marked for deletion. `None` if it wasn't.
    #[serde(serialize_with = "time_text")]
    pub deleted: Option<SystemTime>,
    /// The staging labels of each version, by version id. Only versions with a label are listed.
    #[serde(skip)]
    pub versions: BTreeMap<String, Vec<String>>,
}

/// A copy of a secret in another region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replica {
    pub region: String,
    /// The state of the copy: `InSync`, `InProgress` or `Failed`.
    pub status: Option<String>,
    /// The KMS key of the copy. `None` for its region's default key, aws/secretsmanager.
    pub kms_key: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RotationSchedule {
    #[serde(rename = "enabled")]
    pub is_enabled: bool,
    /// The number of days between rotations. `None` if the schedule isn't given in days.
    pub every_days: Option<u32>,
    /// The schedule in AWS's syntax: `rate(…)` or `cron(…)`.
    pub schedule: Option<String>,
    #[serde(serialize_with = "time_text")]
    pub last: Option<SystemTime>,
    /// The date by which AWS should rotate the secret. `None` if AWS didn't return one.
    #[serde(serialize_with = "time_text")]
    pub next: Option<SystemTime>,
    /// True if rotation is enabled and should have happened already.
    #[serde(rename = "overdue")]
    pub is_overdue: bool,
}

/// Serializes a time in the format of RFC 3339, in seconds.
pub fn time_text<S: Serializer>(
    time: &Option<SystemTime>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    time.map(|time| humantime::format_rfc3339_seconds(time).to_string())
        .serialize(serializer)
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
