//! The request that failed, and the remedies that depend on it.

use super::fetch_error::Denial;
use super::outage::OutageKind;
use crate::model::entry::{Origin, Subject, SubjectKind, Written};
use crate::model::problem::About;
use crate::model::reference::{AWS_STAGES, Aliases, Region, SecretRef, Selector, Store, Version};
use crate::model::suggest;

/// Stands for the name of a secret that may be a value.
pub const NOT_SHOWN: &str = "not shown";

/// The request that failed, as far as it is known.
#[derive(Clone, Copy, Default)]
pub struct FailedRequest<'a> {
    pub reference: Option<&'a SecretRef>,
    pub subject: Option<&'a Subject>,
    pub aliases: Option<&'a Aliases>,
    pub region: Option<&'a Region>,
    /// True for the file of `--local`.
    pub is_local: bool,
    /// True if the name is [taken for a value](super::FetchFailure::hides_name).
    pub hides_name: bool,
}

impl FailedRequest<'_> {
    pub fn store(&self) -> Store {
        self.reference
            .map_or(Store::SecretsManager, |reference| reference.locator.store)
    }

    /// True for an object of `env-from`.
    pub fn is_env_from(&self) -> bool {
        self.subject
            .is_some_and(|subject| subject.kind == SubjectKind::EnvFrom)
    }

    /// Returns the secret that is named in the problem, by its alias if its own name must not be shown. `is_general`: other secrets may have
    /// the same problem.
    pub fn about(&self, is_general: bool) -> Option<About> {
        let about = About::new(self.reference?, self.region, is_general);
        if !self.hides_name {
            return Some(about);
        }
        let mut aliases = self.aliases.into_iter().flatten();
        let alias = aliases.find(|(_, alias)| alias.id == about.id);
        Some(About {
            id: NOT_SHOWN.to_owned(),
            name: match alias {
                Some((alias, _)) => format!("the secret of the alias {alias}"),
                None => format!("secret ({NOT_SHOWN})"),
            },
            ..about
        })
    }

    /// Returns the hint for a staging label that is one slip away from one of AWS's.
    pub fn stage_hint(&self) -> Option<String> {
        let stage = self
            .reference
            .filter(|_| self.store() == Store::SecretsManager)?
            .locator
            .version
            .stage()?;
        let nearest =
            suggest::nearest(stage, AWS_STAGES.into_iter()).filter(|nearest| *nearest != stage)?;
        Some(format!("did you mean the stage {nearest}?"))
    }

    /// Returns the hint for a region that cannot be reached and is one slip away from another.
    pub fn region_hint(&self, kind: OutageKind) -> Option<String> {
        let nearest = self
            .region
            .filter(|_| kind == OutageKind::Connection)?
            .nearest()?;
        Some(format!(
            "did you mean the region {nearest}? Else check DNS, routes, the proxy and VPC endpoints"
        ))
    }

    /// Adds, to advice about what does not exist, how a key is written, if a secret's name seems to end with one (`prod/db/password`) or a
    /// staging label to be one (`prod/db:tls:key`).
    pub fn or_key(&self, advice: String) -> String {
        let is_secret = self.store() == Store::SecretsManager && !self.is_env_from();
        let Some(SecretRef { locator, selector }) = self.reference.filter(|_| is_secret) else {
            return advice;
        };
        let id = locator.written_id();
        match (
            selector,
            locator.version.stage(),
            id.rsplit_once(['/', '.']),
        ) {
            (Selector::Whole, _, Some((name, key)))
                if name.contains('/')
                    && locator.version == Version::Current
                    && (locator.id.arn().is_none() || ends_like_an_arn(name)) =>
            {
                format!("{advice}; a key follows a colon: {name}:{key}")
            }
            (Selector::Key(key), Some(label), _) if !label.starts_with("AWS") => {
                format!("{advice}; a key of an object within the secret: {id}:$.{key}.{label}")
            }
            _ => advice,
        }
    }

    /// Returns the advice to check `what`, or to give the entry a default.
    pub fn or_default(&self, what: &str) -> String {
        match self.subject.and_then(Subject::default_hint) {
            Some(default) => format!("check {what}, or {default}"),
            None => format!("check {what}"),
        }
    }

    /// Returns the advice to allow the self.
    pub fn permission_help(&self, cause: Denial) -> String {
        let is_path = self
            .reference
            .is_some_and(|reference| reference.locator.is_path());
        let (action, policy) = match (self.store(), cause) {
            (Store::ParameterStore, Denial::Metadata) => {
                ("ssm:DescribeParameters on *", "policy --metadata")
            }
            (Store::SecretsManager, Denial::Metadata) => {
                ("secretsmanager:DescribeSecret on it", "policy --metadata")
            }
            (Store::ParameterStore, _) if is_path => (
                "ssm:GetParametersByPath on it and on all below it",
                "policy",
            ),
            (Store::ParameterStore, _) => ("ssm:GetParameters on it", "policy"),
            (Store::SecretsManager, _) => ("secretsmanager:GetSecretValue on it", "policy"),
        };
        let may_be_missing =
            cause == Denial::PolicyOrMissing && self.store() == Store::SecretsManager;
        let missing = if may_be_missing {
            ". AWS also answers this if the secret does not exist"
        } else {
            ""
        };
        format!(
            "allow this identity to perform {action}; secrets-exec {policy} prints the policy{missing}"
        )
    }

    /// Puts, before advice about a name that is taken for a value, how the value is written.
    pub fn or_literal(&self, advice: String) -> String {
        let Some(subject) = self.subject.filter(|_| self.hides_name) else {
            return advice;
        };
        let literal = match (&subject.origin, subject.kind, &subject.written) {
            (Origin::File { .. }, SubjectKind::Entry, Some(Written::Reference(_))) => {
                format!("for a literal write {}: {{ value: … }}", subject.label)
            }
            (Origin::Argument(option @ ("--env" | "--as-file")), ..) => {
                format!("{option} takes a reference (NAME=SECRET:KEY), not a value")
            }
            (..) => "a reference takes the name of a secret, not a value".to_owned(),
        };
        format!("{literal}; if this is the name of a secret, {advice}")
    }
}

/// True if the hyphen and the six characters that end a secret's ARN end the text.
fn ends_like_an_arn(text: &str) -> bool {
    text.rsplit_once('-').is_some_and(|(_, end)| {
        end.len() == 6 && end.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}
