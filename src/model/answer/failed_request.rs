//! The parts of a message that depend on the request that failed: the secret, what is absent, and the most specific hint.

use super::fetch_error::{CredentialsError, Denial, FetchError, FetchFailure, Missing, Refusal};
use super::outage::OutageKind;
use crate::model::entry::{Origin, Subject, SubjectKind, Written};
use crate::model::problem::{About, ReasonScope};
use crate::model::reference::{AWS_STAGES, Aliases, Locator, SecretRef, Selector, Store, Version};
use crate::model::suggest::{did_you_mean, nearest};

/// Stands for the name of a secret that may be a value.
pub const NOT_SHOWN: &str = "not shown";

/// The request that failed, and the entry that needs its answer.
pub struct FailedRequest<'a> {
    pub failure: &'a FetchFailure,
    pub reference: &'a SecretRef,
    pub subject: &'a Subject,
    pub aliases: &'a Aliases,
    /// True if the name is [taken for a value](FetchFailure::hides_name).
    pub hides_name: bool,
}

impl FailedRequest<'_> {
    fn locator(&self) -> &Locator {
        &self.reference.locator
    }

    /// Returns the secret that the failure is about, by its alias if its own name must not be shown. `None` if no secret of AWS is concerned.
    pub fn about(&self) -> Option<About> {
        let scope = match &self.failure.error {
            FetchError::NotFound { .. }
            | FetchError::Refused(Refusal::MarkedForDeletion | Refusal::NoValue) => {
                ReasonScope::OneSecret
            }
            FetchError::Refused(Refusal::TrustStore(_) | Refusal::Proxy { .. })
            | FetchError::NoCredentials(_)
            | FetchError::NoRegion { .. } => return None,
            FetchError::Unavailable(outage) if outage.kind == OutageKind::AgentConnection => {
                return None;
            }
            FetchError::Denied { .. } | FetchError::Unavailable(_) | FetchError::Refused(_) => {
                ReasonScope::AnySecret
            }
        };
        let mut about = About {
            before: self.failure.error.before_secret(),
            scope,
            ..About::new(self.reference)
        };
        if self.hides_name {
            let mut aliases = self.aliases.iter();
            about.name = match aliases.find(|(_, alias)| alias.id == about.id) {
                Some((alias, _)) => format!("the secret of the alias \"{alias}\""),
                None => "a secret whose name is not shown".to_owned(),
            };
            about.id = NOT_SHOWN.to_owned();
        }
        Some(about)
    }

    /// Returns the predicate for a secret, a parameter, a path or a version that does not exist.
    pub fn absence(&self, missing: Missing) -> String {
        let Locator { store, version, .. } = self.locator();
        let what = match (missing, store, version) {
            _ if self.locator().is_path() => "has no parameters",
            (Missing::Secret, _, Version::Current) => missing.text(),
            (Missing::Secret, ..) => "does not exist, or has no such version,",
            (Missing::Version, ..) if self.failure.is_local => "is not there",
            (Missing::Version, Store::ParameterStore, _) => {
                "does not exist, or has no such label or version,"
            }
            (Missing::Version, Store::SecretsManager, Version::Current) => missing.text(),
            (Missing::Version, Store::SecretsManager, _) => "does not exist",
        };
        match &self.failure.region {
            _ if self.failure.is_local => format!("{what} in the --local file"),
            Some(region) => format!("{what} in {region}"),
            None => what.trim_end_matches(',').to_owned(),
        }
    }

    /// Returns the first hint that applies, of a list that begins with the most specific one. `general` is the hint that the error has for
    /// every request.
    pub fn hint(&self, general: Option<String>) -> Option<String> {
        let error = &self.failure.error;
        let is_about_version =
            error.withholds_value() || matches!(error, FetchError::Refused(Refusal::Request(_)));
        let stage = self.stage_hint().filter(|_| is_about_version);

        let hints = match error {
            FetchError::NotFound { .. } if self.locator().is_path() => vec![Some(self.path_hint())],
            FetchError::NotFound {
                missing: Missing::Version,
                ..
            } => vec![stage, Some(self.version_hint())],
            FetchError::NotFound {
                missing: Missing::Secret,
                nearest,
            } => {
                let check = match (self.failure.is_local, self.hides_name) {
                    (true, true) => "add it to the --local file".to_owned(),
                    (true, false) => "the --local file has no such id".to_owned(),
                    (false, _) => self.default_hint("its name, the region and the account"),
                };
                vec![
                    stage,
                    self.alias_hint(),
                    nearest.as_deref().map(did_you_mean),
                    self.literal_hint(&check),
                    self.parameter_hint(),
                    self.key_hint(&check),
                    Some(check),
                ]
            }
            FetchError::Denied {
                cause: cause @ (Denial::Policy | Denial::PolicyOrMissing | Denial::Metadata),
                ..
            } => {
                let permission = self.permission_hint(*cause);
                let literal = self.literal_hint(&permission);
                vec![stage, general, literal, Some(permission)]
            }
            FetchError::Unavailable(outage) if outage.kind == OutageKind::Connection => {
                vec![self.region_hint(), general]
            }
            FetchError::NoCredentials(CredentialsError {
                is_unconfigured: true,
                ..
            })
            | FetchError::NoRegion { .. }
                if !self.failure.remedies.is_empty() =>
            {
                vec![Some(self.failure.remedies.join(", or "))]
            }
            FetchError::Denied { .. }
            | FetchError::Unavailable(_)
            | FetchError::Refused(_)
            | FetchError::NoCredentials(_)
            | FetchError::NoRegion { .. } => vec![stage, general],
        };
        hints.into_iter().flatten().next()
    }

    /// Returns the hint for a path below which there are no parameters.
    fn path_hint(&self) -> String {
        if self.failure.is_local {
            let id = self.locator().written_id();
            format!("the --local file has no id that begins with {id:?}")
        } else {
            "check the path, the region and the account".to_owned()
        }
    }

    /// Returns the hint to check `what`, or to give the entry a default if it can have one.
    fn default_hint(&self, what: &str) -> String {
        match self.subject.default_hint() {
            Some(default) => format!("check {what}, or {default}"),
            None => format!("check {what}"),
        }
    }

    /// Returns the hint for a staging label that is one slip away from one of AWS's.
    fn stage_hint(&self) -> Option<String> {
        if self.locator().store != Store::SecretsManager {
            return None;
        }
        let stage = self.locator().version.stage()?;
        let nearest = nearest(stage, AWS_STAGES.into_iter())?;
        (nearest != stage).then(|| format!("did you mean the stage {nearest}?"))
    }

    /// Returns the hint for a secret with the name of an alias that does not apply to the entry.
    fn alias_hint(&self) -> Option<String> {
        let is_alias = self.aliases.contains_key(&self.locator().written_id());
        is_alias.then(|| {
            "an alias has this name, but applies only to its own file and later files, and not in other aliases"
                .to_owned()
        })
    }

    /// Returns the hint for a name that is taken for a value: how the value is written, and else `advice`.
    fn literal_hint(&self, advice: &str) -> Option<String> {
        if !self.hides_name {
            return None;
        }
        let subject = self.subject;
        let literal = match (&subject.origin, subject.kind, &subject.written) {
            (Origin::File { .. }, SubjectKind::Entry, Some(Written::Reference(_))) => {
                format!("for a literal write {}: {{ value: … }}", subject.label)
            }
            (Origin::Argument(option @ ("--env" | "--as-file")), ..) => {
                format!("{option} takes a reference (NAME=SECRET:KEY), not a value")
            }
            (..) => "a reference takes the name of a secret, not a value".to_owned(),
        };
        Some(format!(
            "{literal}; if this is the name of a secret, {advice}"
        ))
    }

    /// Returns the hint for a name that only a parameter can have, or that only all parameters below a path can have.
    fn parameter_hint(&self) -> Option<String> {
        let id = self.locator().written_id();
        if self.failure.is_local {
            None
        } else if self.subject.kind == SubjectKind::EnvFrom && id.starts_with("ssm:/") {
            Some(did_you_mean(&format!("{id}/")))
        } else if id.starts_with('/') {
            Some(did_you_mean(&format!("ssm:{id}")))
        } else {
            None
        }
    }

    /// Returns `advice` and how a key is written, if a secret's name seems to end with one (`prod/db/password`) or a staging label to be one
    /// (`prod/db:tls:key`).
    fn key_hint(&self, advice: &str) -> Option<String> {
        let SecretRef { locator, selector } = self.reference;
        if locator.store != Store::SecretsManager || self.subject.kind == SubjectKind::EnvFrom {
            return None;
        }
        let id = locator.written_id();
        match (selector, locator.version.stage()) {
            (Selector::Whole, _) if locator.version == Version::Current => {
                let (name, key) = id.rsplit_once(['/', '.'])?;
                let is_name = locator.id.arn().is_none() || ends_like_an_arn(name);
                (name.contains('/') && is_name)
                    .then(|| format!("{advice}; a key follows a colon: {name}:{key}"))
            }
            (Selector::Key(key), Some(label)) if !label.starts_with("AWS") => Some(format!(
                "{advice}; a key of an object within the secret: {id}:$.{key}.{label}"
            )),
            (..) => None,
        }
    }

    /// Returns the hint for a version that does not exist.
    fn version_hint(&self) -> String {
        let Locator { store, version, .. } = self.locator();
        let check = self.default_hint("its name, labels and versions");
        match (store, version) {
            _ if self.failure.is_local => "add it under `$stages` in the --local file".to_owned(),
            (Store::ParameterStore, _) => check,
            (Store::SecretsManager, Version::Current) => {
                "store one: aws secretsmanager put-secret-value".to_owned()
            }
            (Store::SecretsManager, Version::Stage(_) | Version::Id(_) | Version::Both { .. }) => {
                self.key_hint(&check).unwrap_or(check)
            }
        }
    }

    /// Returns the hint for a region that cannot be reached, and whose name looks like a typo of another region's name.
    fn region_hint(&self) -> Option<String> {
        let nearest = self.failure.region.as_ref()?.nearest()?;
        Some(format!(
            "did you mean the region {nearest}? Else check DNS, routes, the proxy and VPC endpoints"
        ))
    }

    /// Returns the hint to allow the request.
    fn permission_hint(&self, cause: Denial) -> String {
        let store = self.locator().store;
        let (action, policy) = match (store, cause) {
            (Store::ParameterStore, Denial::Metadata) => {
                ("ssm:DescribeParameters on *", "policy --metadata")
            }
            (Store::SecretsManager, Denial::Metadata) => {
                ("secretsmanager:DescribeSecret on it", "policy --metadata")
            }
            (Store::ParameterStore, _) if self.locator().is_path() => (
                "ssm:GetParametersByPath on it and on all below it",
                "policy",
            ),
            (Store::ParameterStore, _) => ("ssm:GetParameters on it", "policy"),
            (Store::SecretsManager, _) => ("secretsmanager:GetSecretValue on it", "policy"),
        };
        let missing = match (store, cause) {
            (Store::SecretsManager, Denial::PolicyOrMissing) => {
                ". AWS also answers this if the secret does not exist"
            }
            (..) => "",
        };
        format!(
            "allow this identity to perform {action}; secrets-exec {policy} prints the policy{missing}"
        )
    }
}

/// True if the hyphen and the six characters that end a secret's ARN end the text.
fn ends_like_an_arn(text: &str) -> bool {
    text.rsplit_once('-').is_some_and(|(_, end)| {
        end.len() == 6 && end.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}
