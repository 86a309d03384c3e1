//! Changes of the fake while a run goes on: other versions of a secret, and failures that begin and end.

use super::Aws;
use super::fault::Fault;
use super::parameter::Version;
use super::secret::Secret;
use super::trouble::Trouble;

impl Aws {
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
        self.shared.service().troubles.insert(operation.to_owned(), Trouble::lasting(fault));
    }

    /// Answers the requests of an operation again.
    pub fn recover(&self, operation: &str) {
        self.shared.service().troubles.remove(operation);
    }
}
