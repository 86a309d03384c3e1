//! The parts of a message that depend on the request that failed: the secret, what is absent, and the most specific hint.

use super::fetch_error::{CredentialsError, Denial, FetchError, FetchFailure, Missing, Refusal};
use super::outage::{Outage, OutageKind};
use crate::model::entry::{Origin, Subject, SubjectKind, Written};
use crate::model::problem::{About, ReasonScope};
use crate::model::reference::{AWS_STAGES, Aliases, Locator, SecretRef, Selector, Store, Version};
use crate::model::suggest::{did_you_mean_to_write, nearest};

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

    /// Returns the secret that the failure is about, by its alias or its entry if its own name must not be shown. `None` if no secret of
    /// AWS is concerned.
    pub fn about(&self) -> Option<About> {
        let scope = match &self.failure.error {
            FetchError::NotFound { .. }
            | FetchError::Refused(Refusal::MarkedForDeletion | Refusal::NoValue) => {
                ReasonScope::OneSecret
            }
            FetchError::Refused(
                Refusal::TrustStore(_) | Refusal::Proxy { .. } | Refusal::NotSent(_),
            )
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
        // The predicate names the version that does not exist.
        if let FetchError::NotFound { .. } = self.failure.error {
            about.name = self.locator().noun();
        }
        if self.hides_name {
            let mut aliases = self.aliases.iter();
            about.name = match aliases.find(|(_, alias)| alias.id == about.id) {
                Some((alias, _)) => format!("the secret that the alias \"{alias}\" refers to"),
                None if self.subject.origin == Origin::Argument("get") => {
                    "the secret that the argument refers to".to_owned()
                }
                None => format!("the secret that {} refers to", self.subject.label),
            };
            about.id = NOT_SHOWN.to_owned();
        }
        Some(about)
    }

    /// Returns the predicate for a secret, a parameter, a path or a version that does not exist.
    pub fn absence(&self, missing: Missing) -> String {
        let place = match &self.failure.region {
            _ if self.failure.is_local => " in the --local file".to_owned(),
            Some(region) => format!(" in {region}"),
            None => String::new(),
        };
        if self.locator().is_path() {
            return format!("has no parameters{place}");
        }
        let Some(version) = self.version() else {
            return format!("{}{place}", missing.text());
        };
        // AWS doesn't distinguish the two for a parameter, and some emulators don't for a secret.
        if missing == Missing::Version && self.locator().store == Store::SecretsManager
            || self.failure.is_local
        {
            format!("has {version}{place}")
        } else {
            format!("does not exist{place}, or has {version}")
        }
    }

    /// Returns the version that the secret or parameter doesn't have; `None` for the current one.
    fn version(&self) -> Option<String> {
        let label = match self.locator().store {
            Store::SecretsManager => "stage",
            Store::ParameterStore => "label",
        };
        match &self.locator().version {
            Version::Current => None,
            Version::Stage(stage) => Some(format!("no version with the {label} {stage:?}")),
            Version::Id(id) => Some(format!("no version {id}")),
            Version::Both { stage, id } => {
                Some(format!("no version {id} with the stage {stage:?}"))
            }
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
            } => vec![
                stage,
                self.alias_hint(),
                nearest.as_deref().map(|nearest| self.nearest_hint(nearest)),
                self.literal_hint(&self.absence_hint()),
                self.parameter_hint(),
                self.key_hint(),
                Some(self.absence_hint()),
            ],
            FetchError::Denied {
                cause:
                    cause @ (Denial::Policy | Denial::PolicyOrMissing | Denial::Metadata | Denial::Key),
                ..
            } => {
                let permission = self.permission_hint(*cause);
                let literal = self.literal_hint(&permission);
                vec![stage, general, literal, Some(permission)]
            }
            FetchError::Unavailable(Outage {
                kind: OutageKind::Lookup,
                help: None,
                ..
            }) => {
                vec![self.region_hint(), general]
            }
            FetchError::Refused(Refusal::MarkedForDeletion) => {
                let id = self.locator().written_id();
                let restore = format!("aws secretsmanager restore-secret --secret-id {id}");
                vec![stage, Some(format!("restore it: {restore}"))]
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
            format!("add parameters to the --local file whose ids begin with {id:?}")
        } else {
            format!("check the path, {}", self.place())
        }
    }

    /// Returns the hint for a secret or parameter that does not exist, if nothing more specific applies.
    fn absence_hint(&self) -> String {
        if self.failure.is_local {
            format!("add the {} to the --local file", self.locator().store)
        } else if self.locator().id.arn().is_some() {
            "check the ARN".to_owned()
        } else {
            let name = if self.hides_name { "it" } else { "the name" };
            format!("check {name}, {}", self.place())
        }
    }

    /// Returns what else to check, after a name.
    fn place(&self) -> &str {
        let place = self.failure.place.as_deref();
        place.unwrap_or("the region and the account")
    }

    /// Returns the hint for a staging label that is one slip away from one of AWS's.
    fn stage_hint(&self) -> Option<String> {
        if self.locator().store != Store::SecretsManager {
            return None;
        }
        let stage = self.locator().version.stage()?;
        let nearest = nearest(stage, AWS_STAGES.into_iter()).filter(|nearest| *nearest != stage)?;
        let write = self.subject.write_field(stage, nearest);
        Some(did_you_mean_to_write(nearest, write))
    }

    /// Returns the hint for a secret with the name of an alias that does not apply to the entry.
    fn alias_hint(&self) -> Option<String> {
        let is_alias = self.aliases.contains_key(&self.locator().written_id());
        is_alias.then(|| {
            "an alias has this name, but it applies only to entries of its own file and of later files, and not within other aliases"
                .to_owned()
        })
    }

    /// Returns the hint for a similar name.
    fn nearest_hint(&self, nearest: &str) -> String {
        let written = self.subject.reference();
        let rest = written.and_then(|written| written.strip_prefix(&self.locator().written_id()));
        let write = rest.map(|rest| self.subject.write(&format!("{nearest}{rest}")));
        did_you_mean_to_write(nearest, write)
    }

    /// Returns the hint for a name that is taken for a value: how the value is written, or else `advice`.
    fn literal_hint(&self, advice: &str) -> Option<String> {
        if !self.hides_name {
            return None;
        }
        let subject = self.subject;
        let label = &subject.label;
        let literal = match (&subject.origin, subject.kind, &subject.written) {
            (Origin::File { .. }, SubjectKind::Entry, Some(Written::Reference(_))) => {
                format!("for a plain text write {label}: {{ value: … }}")
            }
            (Origin::Argument(option @ ("--env" | "--as-file")), ..) => {
                format!(
                    "write the name of a secret instead of its value, as in {option} {label}=prod/db:password"
                )
            }
            (..) => "write the name of a secret instead of its value".to_owned(),
        };
        Some(format!("{literal}; if this is a name, {advice}"))
    }

    /// Returns the hint for a name that only a parameter can have, or that only all parameters below a path can have.
    fn parameter_hint(&self) -> Option<String> {
        let id = self.locator().written_id();
        let is_parameter = self.locator().store == Store::ParameterStore;
        let suggested = if self.failure.is_local {
            return None;
        } else if self.subject.kind == SubjectKind::EnvFrom && id.starts_with("ssm:/") {
            format!("{id}/")
        } else if id.starts_with('/') {
            format!("ssm:{id}")
        } else if is_parameter && self.locator().id.arn().is_none() && id.contains('/') {
            let suggested = id.replacen("ssm:", "ssm:/", 1);
            if suggested == id || id.starts_with("ssm:/") {
                return None;
            }
            suggested
        } else {
            return None;
        };
        Some(self.nearest_hint(&suggested))
    }

    /// Returns how a key is written, if a secret's name seems to end with one (`prod/db/password`) or a staging label to be one
    /// (`prod/db:tls:key`).
    fn key_hint(&self) -> Option<String> {
        let SecretRef { locator, selector } = self.reference;
        if locator.store != Store::SecretsManager || self.subject.kind == SubjectKind::EnvFrom {
            return None;
        }
        match (selector, locator.version.stage()) {
            (Selector::Whole, _) if locator.version == Version::Current => {
                let (name, key) = self.subject.reference()?.rsplit_once(['/', '.'])?;
                let is_name = locator.id.arn().is_none() || ends_like_an_arn(name);
                (name.contains('/') && is_name).then(|| {
                    let write = self.subject.write(&format!("{name}:{key}"));
                    format!("a colon comes before the key: write {write}")
                })
            }
            (Selector::Key(key), Some(label)) if label.parse::<u64>().is_ok() => {
                let write = self.subject.write_field(label, "AWSPREVIOUS")?;
                Some(format!(
                    "a secret has stages instead of version numbers: for the value before the last change write {write}"
                ))
            }
            (Selector::Key(key), Some(label)) if !label.starts_with("AWS") => {
                let fields = format!("{key}:{label}");
                let path = format!("$.{key}.{label}");
                let write = self.subject.write_field(&fields, &path)?;
                Some(format!("for the nested key write {write}"))
            }
            (..) => None,
        }
    }

    /// Returns the hint for a version that does not exist.
    fn version_hint(&self) -> String {
        let Locator {
            store, version, id, ..
        } = self.locator();
        if self.failure.is_local {
            return "add the version under \"$stages\" in the --local file".to_owned();
        }
        match (store, version) {
            (Store::ParameterStore, _) => format!(
                "list its versions and their labels: aws ssm get-parameter-history --name {id}"
            ),
            (Store::SecretsManager, Version::Current) => {
                format!("store a value: aws secretsmanager put-secret-value --secret-id {id}")
            }
            (Store::SecretsManager, Version::Stage(_) | Version::Id(_) | Version::Both { .. }) => {
                self.key_hint().unwrap_or_else(|| {
                    format!("list its versions and their stages: aws secretsmanager list-secret-version-ids --secret-id {id}")
                })
            }
        }
    }

    /// Returns the hint for a region whose host does not resolve, and whose name looks like a typo of another region's name.
    fn region_hint(&self) -> Option<String> {
        let nearest = self.failure.region.as_ref()?.nearest()?;
        Some(format!("did you mean the region {nearest}?"))
    }

    /// Returns the hint to allow the request.
    fn permission_hint(&self, cause: Denial) -> String {
        let store = self.locator().store;
        let (action, policy) = match (store, cause) {
            (_, Denial::Key) => {
                return format!(
                    "allow the caller to use kms:Decrypt with the KMS key of the {store}, and check that the key is enabled"
                );
            }
            (Store::ParameterStore, Denial::Metadata) => {
                ("ssm:DescribeParameters on \"*\"", "policy --metadata")
            }
            (Store::SecretsManager, Denial::Metadata) => (
                "secretsmanager:DescribeSecret on this secret",
                "policy --metadata",
            ),
            (Store::ParameterStore, _) if self.locator().is_path() => (
                "ssm:GetParametersByPath on this path and on everything below it",
                "policy",
            ),
            (Store::ParameterStore, _) => ("ssm:GetParameters on this parameter", "policy"),
            (Store::SecretsManager, _) => {
                ("secretsmanager:GetSecretValue on this secret", "policy")
            }
        };
        let allow =
            format!("allow the caller to use {action} (secrets-exec {policy} prints a policy)");
        match (store, cause) {
            // AWS names the ARN of a secret that exists.
            (Store::SecretsManager, Denial::PolicyOrMissing) => format!(
                "check the name, because AWS also denies access to a secret that does not exist; if it exists, {allow}"
            ),
            (..) => allow,
        }
    }
}

/// True if the hyphen and the six characters that end a secret's ARN end the text.
fn ends_like_an_arn(text: &str) -> bool {
    text.rsplit_once('-').is_some_and(|(_, end)| {
        end.len() == 6 && end.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}
