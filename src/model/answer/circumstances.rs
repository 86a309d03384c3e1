//! The facts of a launch that messages about its failed requests mention. A failure has only the
//! facts of its own request.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::place::Place;
use crate::model::reference::Locator;

/// What the messages about failed requests mention besides the failures. The default is for a
/// launch that reads no secrets, or asks the Secrets Manager Agent for them.
#[derive(Debug, Default)]
pub struct Circumstances {
    /// The `--local` file, if it was read instead of AWS.
    pub(super) local_file: Option<PathBuf>,
    /// The default region and account. `None` if secrets-exec found no credentials, and if AWS
    /// wasn't asked.
    pub(super) defaults: Option<LookedUp>,
    /// The profile of `--profile`, for commands of the AWS CLI in a hint.
    pub(super) profile: Option<String>,
    /// True if a launch reads several secrets in the default region and account, and none exists.
    pub(super) is_none_found: bool,
    /// The time for which secrets-exec kept trying because of `--wait`. `None` if it didn't keep
    /// trying.
    pub(super) waited: Option<Duration>,
}

/// The defaults with which secrets are looked up.
#[derive(Debug)]
pub struct LookedUp {
    /// The place of the default region. `None` for the instance metadata.
    pub region_place: Option<Place>,
    pub account: CallerAccount,
}

#[derive(Debug)]
pub enum CallerAccount {
    Id(String),
    /// The account isn't known. The text is the origin of the credentials.
    OfCredentials(String),
}

impl Circumstances {
    /// The circumstances of requests to AWS.
    pub fn of_aws(defaults: Option<LookedUp>, profile: Option<String>) -> Self {
        Self {
            defaults,
            profile,
            ..Self::default()
        }
    }

    /// The circumstances of a launch that reads the secrets from a `--local` file.
    pub fn of_local_file(path: PathBuf) -> Self {
        Self {
            local_file: Some(path),
            ..Self::default()
        }
    }

    /// Adds the time for which secrets-exec kept trying, rounded to seconds.
    pub fn after_waiting(mut self, elapsed: Duration) -> Self {
        self.waited = Some(Duration::from_secs_f64(elapsed.as_secs_f64().round()));
        self
    }

    /// The defaults with which a secret was looked up. `None` for a reference that names a region
    /// or a role, because the defaults don't apply to it.
    pub(super) fn looked_up(&self, locator: &Locator) -> Option<&LookedUp> {
        if locator.region.is_some() || locator.role.is_some() {
            return None;
        }
        self.defaults.as_ref()
    }
}
