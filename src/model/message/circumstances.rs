//! The facts about a whole launch that messages about failed requests mention, such as the default
//! region. The facts about a single request are in its failure.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::fetch_error::{Cause, FetchResult, Missing};
use super::place::Place;
use crate::model::reference::Locator;

/// The facts about a launch as a whole that messages about failed requests need. The default suits
/// a launch that reads no secrets, or reads them from the Secrets Manager Agent.
#[derive(Debug, Default)]
pub struct Circumstances {
    /// The `--local` file, if secrets are read from it instead of from AWS.
    pub(super) local_file: Option<PathBuf>,
    /// The default region and account. `None` if no credentials were found, or if AWS wasn't asked.
    pub(super) defaults: Option<LookedUp>,
    /// The `--profile` name, for the AWS CLI commands that help texts suggest.
    pub(super) profile: Option<String>,
    /// True if at least three secrets were looked up, all of them in the default region and
    /// account, and none of them exists. In that case, the region or the account is probably wrong.
    pub(super) is_none_found: bool,
    /// The time that secrets-exec kept trying before `--wait` ran out. `None` if `--wait` didn't
    /// run out.
    pub(super) waited: Option<Duration>,
}

/// The region and account used for references that have no region or role of their own.
#[derive(Debug)]
pub struct LookedUp {
    /// The place where the default region is set, such as `AWS_REGION`. `None` if the region comes
    /// from the instance metadata.
    pub region_place: Option<Place>,
    pub account: CallerAccount,
}

#[derive(Debug)]
pub enum CallerAccount {
    Id(String),
    /// The source of the credentials, which messages name because the account is unknown.
    OfCredentials(String),
}

impl Circumstances {
    pub fn of_aws(defaults: Option<LookedUp>, profile: Option<String>) -> Self {
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

    /// Records how long secrets-exec kept trying before `--wait` ran out, rounded to whole seconds.
    pub fn after_waiting(mut self, elapsed: Duration) -> Self {
        self.waited = Some(Duration::from_secs_f64(elapsed.as_secs_f64().round()));
        self
    }

    /// Checks whether the default region or account is probably wrong: at least three secrets were
    /// looked up, all of them with these defaults, and none of them exists.
    pub fn with_answers<T>(mut self, answers: &BTreeMap<Locator, FetchResult<T>>) -> Self {
        self.is_none_found = answers.len() > 2
            && answers
                .iter()
                .all(|(locator, answer)| self.is_absent_in_defaults(locator, answer));
        self
    }

    /// True if the locator uses the default region and account, and AWS has no such secret there.
    fn is_absent_in_defaults<T>(&self, locator: &Locator, answer: &FetchResult<T>) -> bool {
        let Err(failure) = answer else { return false };
        let is_absent = failure.cause == Cause::Absent(Missing::Secret);
        is_absent && self.looked_up(locator).is_some()
    }

    /// The default region and account, if they apply to this locator.
    pub(super) fn looked_up(&self, locator: &Locator) -> Option<&LookedUp> {
        if locator.region.is_some() || locator.role.is_some() {
            return None;
        }
        self.defaults.as_ref()
    }
}
