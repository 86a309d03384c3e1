//! The facts about a launch that messages about failed requests mention, such as the default
//! region. The facts about a single request are in its failure.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::fetch_error::{Cause, FetchResult, Missing};
use crate::model::reference::Locator;

/// The facts about a launch that messages mention. The default suits a launch that reads no
/// secrets, or reads them from the Secrets Manager Agent.
#[derive(Debug, Default)]
pub struct Circumstances {
    /// The `--local` file.
    pub(super) local_file: Option<PathBuf>,
    /// `None` if no credentials were found, or if AWS wasn't asked.
    pub(super) defaults: Option<AwsDefaults>,
    /// The `--profile` for the AWS CLI commands in helps.
    pub(super) profile: Option<String>,
    /// True if at least three secrets were looked up, all of them with the defaults, and none
    /// exists. Then the region or the account is probably wrong.
    pub(super) is_none_found: bool,
    /// The time for which secrets-exec kept trying, if `--wait` ran out.
    pub(super) waited: Option<Duration>,
}

/// The region and account of references without a region or role of their own.
#[derive(Debug)]
pub struct AwsDefaults {
    /// What sets the region, such as AWS_REGION or the instance metadata.
    pub region_source: String,
    /// The account's id, or where its credentials come from, such as `from AWS_ACCESS_KEY_ID`.
    pub account: String,
}

impl Circumstances {
    pub fn of_aws(defaults: Option<AwsDefaults>, profile: Option<String>) -> Self {
        Self {
            defaults,
            profile,
            ..Self::default()
        }
    }

    pub fn of_local_file(path: PathBuf) -> Self {
        Self {
            local_file: Some(path),
            ..Self::default()
        }
    }

    /// Records that `--wait` ran out after this time, rounded to whole seconds.
    pub fn after_waiting(mut self, elapsed: Duration) -> Self {
        self.waited = Some(Duration::from_secs_f64(elapsed.as_secs_f64().round()));
        self
    }

    /// Finds out whether the default region or account is probably wrong.
    pub fn with_answers<T>(mut self, answers: &BTreeMap<Locator, FetchResult<T>>) -> Self {
        self.is_none_found = answers.len() > 2
            && answers.iter().all(|(locator, answer)| {
                let Err(failure) = answer else { return false };
                let is_absent = failure.cause == Cause::Absent(Missing::Secret);
                is_absent && self.defaults_for(locator).is_some()
            });
        self
    }

    /// The defaults, if they apply to this locator.
    pub(super) fn defaults_for(&self, locator: &Locator) -> Option<&AwsDefaults> {
        if locator.region.is_some() || locator.role.is_some() {
            return None;
        }
        self.defaults.as_ref()
    }
}
