//! The answers of a backend (AWS, the Secrets Manager Agent, the cache or a local file) and, for
//! `check`, descriptions of secrets.
//!
//! Every value is a [`SecretValue`], which only `expose` shows. `grep -rn 'expose()' src` lists
//! every place that uses a value.

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

/// A backend's answers. The map contains only locators that were requested.
pub type Answers = BTreeMap<Locator, Answer>;

/// One version of a secret or parameter, or all parameters below a path (`ssm:/prod/`) as a JSON
/// object. Only the cache serializes documents.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Document {
    /// The content of the secret. All clones share it, so memory holds only one copy.
    #[serde(with = "SecretValue")]
    pub body: Arc<SecretValue>,
    /// `None` for a local file, for all parameters below a path, and if the response has no id.
    pub version_id: Option<String>,
    /// The staging labels of the version. For a parameter, this has only the requested label,
    /// because AWS doesn't return a parameter's labels.
    pub stages: Vec<String>,
    pub created: Option<SystemTime>,
    /// `None` for a local file, or if the region isn't known.
    pub region: Option<Region>,
    /// The unavailable regions that were tried before this one (`--fallback-region`).
    #[serde(skip)]
    pub passed_over: Vec<(Region, FetchError)>,
    #[serde(skip)]
    pub cached: Option<CachedAnswer>,
}

impl Document {
    /// Creates the document for a path. `texts` has the parameters' values by their names below the
    /// path, such as `db/host` for `/prod/db/host`. A path without parameters doesn't exist.
    pub fn from_parameters(texts: &BTreeMap<&str, &str>) -> FetchResult<Self> {
        if texts.is_empty() {
            return Err(Cause::Absent(Missing::Secret).into());
        }
        // Serializing a map of strings can't fail.
        let object = serde_json::to_vec(texts).unwrap_or_default();
        Ok(Self::new(SecretValue::new(object)))
    }

    /// Combines the failures in the regions that were tried before this one. `None` unless the
    /// document is from a fallback region.
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
/// Without `Display`, `Clone`, `PartialEq` or `Serialize`, a value can't be printed, copied,
/// compared or stored by accident. The bytes are overwritten on drop, but the HTTP library and the
/// environment of the process have their own copies.
#[derive(Default)]
pub struct SecretValue(Zeroizing<Vec<u8>>);

impl SecretValue {
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// Every caller can leak the bytes, so review each call.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// True if logs should hide this part of a larger value, such as the password in a URL. If they
    /// hid every part, every `5432` and every `postgres` would disappear from them.
    pub fn is_hidden_as_part(&self) -> bool {
        let text = String::from_utf8_lossy(self.expose());
        text.chars().count() > 8
            && text.parse::<f64>().is_err()
            && text != "localhost"
            && !Region::is_known(&text)
    }

    /// The top-level keys of a JSON object. Empty for any other value.
    pub fn keys(&self) -> BTreeSet<String> {
        serde_json::from_slice(self.expose())
            .map(|object: BTreeMap<String, IgnoredAny>| object.into_keys().collect())
            .unwrap_or_default()
    }

    pub fn base64_encoded(&self) -> Self {
        Self::new(STANDARD.encode(self.expose()))
    }

    /// Ignores line breaks and spaces, because base64(1) wraps its output after 76 characters.
    pub fn base64_decoded(&self) -> Option<Self> {
        let mut text = self.0.clone();
        text.retain(|byte| !byte.is_ascii_whitespace());
        LENIENT.decode(&*text).ok().map(Self::new)
    }

    /// Serializes a `Result`: `Ok` with the text or, if the value isn't UTF-8, `Err` with the
    /// bytes. serde calls this only for fields with `#[serde(with = "SecretValue")]`.
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

/// Standard base64 (RFC 4648). The padding is optional, because some tools leave it out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(redacted)")
    }
}

/// How a document came from the cache (`--cache`).
#[derive(Clone, Debug, PartialEq)]
pub struct CachedAnswer {
    /// The time since AWS gave this answer.
    pub age: Duration,
    /// Why AWS's own answer is missing. `None` if the cached answer was recent enough
    /// (`--cache-ttl`), so AWS wasn't asked.
    pub replaces: Option<FetchError>,
}

/// The identity that AWS sees. `check` prints these fields as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Caller {
    /// The account in the ARN.
    pub account: Option<String>,
    /// The ARN of the user or role. `None` if STS didn't answer.
    pub arn: Option<String>,
    /// The kind of provider, such as `profile` or `container`.
    pub credentials: &'static str,
}

#[derive(Clone, Debug, PartialEq)]
pub struct DescribedSecret {
    /// The version is irrelevant, because a description covers all versions.
    pub locator: Locator<Region>,
    pub description: Result<Description, FetchError>,
}

/// The response of AWS's DescribeSecret operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Description {
    pub rotation: RotationSchedule,
    /// The KMS key that encrypts the secret. `None` for the default key, aws/secretsmanager.
    pub kms_key: Option<String>,
    pub replicas: Vec<Replica>,
    /// For a replica, the region of the original secret.
    pub primary_region: Option<String>,
    /// When the secret was marked for deletion.
    #[serde(serialize_with = "time_text")]
    pub deleted: Option<SystemTime>,
    /// The staging labels by version id. Versions without a label aren't listed.
    #[serde(skip)]
    pub versions: BTreeMap<String, Vec<String>>,
}

/// A copy of a secret in another region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replica {
    pub region: String,
    /// `InSync`, `InProgress` or `Failed`.
    pub status: Option<String>,
    /// `None` for the region's default key, aws/secretsmanager.
    pub kms_key: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RotationSchedule {
    #[serde(rename = "enabled")]
    pub is_enabled: bool,
    /// `None` if the schedule isn't given in days.
    pub every_days: Option<u32>,
    /// In AWS's syntax: `rate(…)` or `cron(…)`.
    pub schedule: Option<String>,
    #[serde(serialize_with = "time_text")]
    pub last: Option<SystemTime>,
    /// The date by which AWS should rotate the secret.
    #[serde(serialize_with = "time_text")]
    pub next: Option<SystemTime>,
    /// True if rotation is enabled and should have happened already.
    #[serde(rename = "overdue")]
    pub is_overdue: bool,
}

/// Serializes a time in RFC 3339 format, without fractions of a second.
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
