//! Failures of an operation or a path of the fake: of its first answers, of all, or of all for some time; and changes while a run goes on.

use std::time::{Duration, Instant};

use super::Aws;
use super::fault::Fault;
use super::parameter::Version;
use super::secret::Secret;

/// The failure of one operation, until so many answers have failed or the time is over.
pub struct Trouble {
    fault: Fault,
    /// The answers that have yet to fail.
    left: usize,
    time: Duration,
    /// The first request. `time` counts from there, so that a launch that starts late meets the fault all the same.
    began: Option<Instant>,
}

impl Trouble {
    /// A failure of all answers.
    pub fn lasting(fault: Fault) -> Self {
        Self {
            fault,
            left: usize::MAX,
            time: Duration::MAX,
            began: None,
        }
    }

    /// The fault of the next answer; `None` when the trouble is over.
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
    /// Denies a parameter, and every batch that names it; or a path, as it is requested.
    pub fn denies_parameter(self, name: &str) -> Self {
        self.shared
            .service()
            .parameters
            .denied
            .insert(name.to_owned());
        self
    }

    /// Fails every request in a region.
    pub fn region_fails(self, region: &str, fault: Fault) -> Self {
        self.shared
            .service()
            .outages
            .insert(region.to_owned(), fault);
        self
    }

    /// Refuses every AssumeRole.
    pub fn denies_roles(self) -> Self {
        self.shared.service().denies_roles = true;
        self
    }

    /// Fails every request of an operation or a path.
    pub fn fails(self, operation: &str, fault: Fault) -> Self {
        self.trouble(operation, Trouble::lasting(fault))
    }

    /// Fails the first `times` requests of an operation or a path, and answers the others.
    pub fn fails_first(self, operation: &str, times: usize, fault: Fault) -> Self {
        self.trouble(
            operation,
            Trouble {
                fault,
                left: times,
                time: Duration::MAX,
                began: None,
            },
        )
    }

    /// Fails every request until `time` after the first one.
    pub fn fails_for(self, operation: &str, time: Duration, fault: Fault) -> Self {
        self.trouble(
            operation,
            Trouble {
                fault,
                left: usize::MAX,
                time,
                began: None,
            },
        )
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

    /// Fails every request of an operation from now on.
    pub fn begin_to_fail(&self, operation: &str, fault: Fault) {
        self.shared
            .service()
            .troubles
            .insert(operation.to_owned(), Trouble::lasting(fault));
    }

    /// Answers the requests of an operation again.
    pub fn recover(&self, operation: &str) {
        self.shared.service().troubles.remove(operation);
    }

    fn trouble(self, operation: &str, trouble: Trouble) -> Self {
        self.shared
            .service()
            .troubles
            .insert(operation.to_owned(), trouble);
        self
    }
}
