//! A document: the value of one version of a secret or parameter, and what the backend returned with it; and the description of a secret,
//! which is what DescribeSecret returns besides its versions.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::fetch_error::{Denial, FetchError, FetchFailure};
use super::outage::Outage;
use crate::model::reference::{Region, Role, SecretId};
use crate::model::secret_value::SecretValue;

/// A version of a secret or parameter. Only the cache serializes it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Document {
    #[serde(with = "SecretValue")]
    pub body: SecretValue,
    /// `None` for a local file.
    pub version_id: Option<String>,
    /// The staging labels of the version, or the labels of a parameter.
    pub stages: Vec<String>,
    /// The time at which the version was created; `None` if the answer does not say it.
    pub created: Option<SystemTime>,
    /// The region that it was read from; `None` for a local file.
    pub region: Option<Region>,
    /// The regions that were tried before, with `--fallback-region`.
    #[serde(skip)]
    pub passed_over: Vec<PassedOver>,
    /// The cache's part in it; `None` if AWS answered.
    #[serde(skip)]
    pub cached: Option<CachedAnswer>,
    /// Of a path, the parameters below it, each with the rest of its name; the body is empty then.
    pub parameters: Vec<(String, Document)>,
}

impl Document {
    /// Copies the document. `SecretValue` is not `Clone`, so that no value is copied by accident.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self {
            body: SecretValue::new(self.body.expose()),
            version_id: self.version_id.clone(),
            stages: self.stages.clone(),
            created: self.created,
            region: self.region.clone(),
            passed_over: self.passed_over.clone(),
            cached: self.cached.clone(),
            parameters: self
                .parameters
                .iter()
                .map(|(name, document)| (name.clone(), document.copy()))
                .collect(),
        }
    }

    /// Returns the parameter with this rest of its name, or else the document itself, unless it is a path, which has no version.
    pub fn part(&self, parameter_name: Option<&str>) -> Option<&Self> {
        match parameter_name {
            Some(name) => self
                .parameters
                .iter()
                .find(|(other, _)| other == name)
                .map(|(_, parameter)| parameter),
            None => Some(self).filter(|document| document.parameters.is_empty()),
        }
    }

    /// Returns a document without version, labels, time and region.
    pub fn new(body: SecretValue) -> Self {
        Self {
            body,
            ..Self::default()
        }
    }
}

/// An unavailable region, after which another was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    pub region: Region,
    pub outage: Outage,
}

/// An answer from the cache of `--cache`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedAnswer {
    /// The time since AWS gave the answer.
    pub age: Duration,
    /// The failure that the answer covers; `None` for an answer younger than `--cache-ttl`.
    pub covers: Option<FetchFailure>,
}

/// The identity that AWS knows the credentials by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// `None` if STS did not answer.
    pub arn: Option<String>,
    /// The provider of the credentials.
    pub provider: &'static str,
}

/// A secret that was to be described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedSecret {
    pub id: SecretId,
    pub region: Region,
    pub role: Option<Role>,
    pub description: Result<Description, FetchError>,
}

impl DescribedSecret {
    /// True if the identity lacks the permission to describe the secret, which a launch does not need.
    pub fn is_denied(&self) -> bool {
        matches!(
            self.description,
            Err(FetchError::Denied {
                cause: Denial::Policy | Denial::PolicyOrMissing | Denial::Key,
                ..
            })
        )
    }
}

/// The rotation, the KMS key and the replicas of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub rotation: RotationSchedule,
    /// `None` for the key aws/secretsmanager.
    pub kms_key: Option<String>,
    pub replicas: Vec<Replica>,
    /// The region of the secret that this one is a replica of.
    pub primary_region: Option<String>,
    /// The time at which it was marked for deletion.
    pub deleted: Option<SystemTime>,
    /// The id of each version that has a staging label, and these labels.
    pub versions: BTreeMap<String, Vec<String>>,
}

/// A copy of a secret in another region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replica {
    pub region: String,
    /// `InSync`, `InProgress` or `Failed`.
    pub status: Option<String>,
    /// `None` for the key aws/secretsmanager of its region.
    pub kms_key: Option<String>,
}

/// The automatic rotation of a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RotationSchedule {
    pub is_enabled: bool,
    /// The days from one rotation to the next.
    pub days: Option<u64>,
    /// `rate(…)` or `cron(…)`
    pub schedule: Option<String>,
    /// `None` for a secret that was never rotated.
    pub last: Option<SystemTime>,
    /// The latest time of the next rotation.
    pub next: Option<SystemTime>,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl RotationSchedule {
    /// The days from one rotation to the next, also those of a schedule like `rate(10 days)`.
    pub fn every_days(&self) -> Option<u64> {
        if self.days.is_some() {
            return self.days;
        }
        let (days, _) = self
            .schedule
            .as_deref()?
            .strip_prefix("rate(")?
            .split_once(" day")?;
        days.trim().parse().ok()
    }

    /// True if the rotation is enabled and its latest time has passed.
    ///
    /// AWS leaves NextRotationDate in the past if a rotation fails. Without that date, a rotation may take place at any time of its
    /// last day.
    pub fn is_overdue(&self, now: SystemTime) -> bool {
        self.is_enabled
            && self
                .next
                .or_else(|| self.due())
                .is_some_and(|due| due < now)
    }

    /// The end of the last day of the rotation that follows the last one.
    fn due(&self) -> Option<SystemTime> {
        let days = u32::try_from(self.every_days()?.checked_add(1)?).ok()?;
        self.last?.checked_add(DAY.checked_mul(days)?)
    }
}
