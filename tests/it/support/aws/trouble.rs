//! Failures of an operation or a path of the fake, which affect its first responses, all responses,
//! or all responses for some time; and changes during a run.

use std::time::{Duration, Instant};

use super::Aws;
use super::fault::Fault;
use super::parameter::Version;
use super::secret::Secret;

/// The failure of one operation. It ends after a number of failed responses, or after some time.
pub struct Trouble {
    fault: Fault,
    /// The number of responses that still have to fail.
    left: usize,
    time: Duration,
    /// When the first request came. `time` begins there, so that a launch that starts late meets
    /// the fault, too.
    began: Option<Instant>,
}

impl Trouble {
    /// Returns the fault of the next response, or `None` if the trouble is over.
    pub fn next(&mut self) -> Option<Fault> {
        let began = *self.began.get_or_insert_with(Instant::now);
        if self.left == 0 || began.elapsed() >= self.time {
            return None;
        }
        self.left -= 1;
        Some(self.fault.clone())
    }
}

impl Aws {
    /// Denies a parameter, and every batch that names it. A path is denied if it is written as in
    /// the request.
    pub fn denies_parameter(self, name: &str) -> Self {
        let denied = [name.to_owned()];
        self.shared.service().parameters.denied.extend(denied);
        self
    }

    /// Fails every request in a region.
    pub fn region_fails(self, region: &str, fault: Fault) -> Self {
        self.begin_to_fail_in(region, fault);
        self
    }

    /// Fails every request in a region from now on.
    pub fn begin_to_fail_in(&self, region: &str, fault: Fault) {
        let outage = (region.to_owned(), fault);
        self.shared.service().outages.extend([outage]);
    }

    /// Refreshes an SSO token once, and then refuses the same refresh token.
    pub fn refreshes_once(self) -> Self {
        self.shared.service().refreshes = Some(1);
        self
    }

    /// Denies every AssumeRole.
    pub fn denies_roles(self) -> Self {
        self.shared.service().denies_roles = true;
        self
    }

    /// Fails every request for an operation or a path.
    pub fn fails(self, operation: &str, fault: Fault) -> Self {
        self.begin_to_fail(operation, fault);
        self
    }

    /// Fails the first `times` requests for an operation or a path, and answers the others.
    pub fn fails_first(self, operation: &str, times: usize, fault: Fault) -> Self {
        self.trouble(operation, fault, times, Duration::MAX);
        self
    }

    /// Fails every request until `time` after the first one.
    pub fn fails_for(self, operation: &str, time: Duration, fault: Fault) -> Self {
        self.trouble(operation, fault, usize::MAX, time);
        self
    }

    /// Serves another version of a secret from now on.
    pub fn rotate(&self, id: &str, secret: Secret) {
        self.shared.service().secrets.insert(id.to_owned(), secret);
    }

    /// Deletes a secret.
    pub fn delete(&self, id: &str) {
        self.shared.service().secrets.remove(id);
    }

    /// Serves other versions of a parameter from now on.
    pub fn rotate_parameter(&self, name: &str, versions: &[Version]) {
        self.shared.service().parameters.insert(name, versions);
    }

    /// Fails every request for an operation from now on.
    pub fn begin_to_fail(&self, operation: &str, fault: Fault) {
        self.trouble(operation, fault, usize::MAX, Duration::MAX);
    }

    /// Answers the requests for an operation again.
    pub fn recover(&self, operation: &str) {
        self.shared.service().troubles.remove(operation);
    }

    /// Fails this number of requests for an operation, until this time is over.
    fn trouble(&self, operation: &str, fault: Fault, left: usize, time: Duration) {
        let trouble = Trouble {
            fault,
            left,
            time,
            began: None,
        };
        let mut service = self.shared.service();
        service.troubles.insert(operation.to_owned(), trouble);
    }
}
