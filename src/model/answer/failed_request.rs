//! The request that failed, and the remedies that depend on it.

use super::outage::{OutageKind, Reason};
use crate::model::entry::{Origin, Subject, SubjectKind, Written};
use crate::model::problem::About;
use crate::model::reference::{AWS_STAGES, Aliases, Region, SecretRef, Selector, Store, Version};
use crate::model::suggest;

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

    /// Returns the secret that is named in the problem. `is_general`: other secrets may have the same problem.
    pub fn about(&self, is_general: bool) -> Option<About> {
        Some(About::new(self.reference?, self.region, is_general))
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

    /// Returns the message about a secret that does not exist, without its name; an alias of it is named.
    pub fn nameless_absence(&self) -> String {
        let id = self
            .reference
            .map(|reference| reference.locator.written_id());
        let mut aliases = self.aliases.into_iter().flatten();
        match aliases.find(|(_, alias)| Some(&alias.id) == id.as_ref()) {
            Some((name, _)) => format!("no secret has the name that the alias {name} stands for"),
            None => "no secret has the name that is given".to_owned(),
        }
    }

    /// Returns AWS's message, without the name of the secret if that must not be shown.
    pub fn without_name(&self, message: &Reason) -> Reason {
        let mut message = message.clone();
        if let Some(reference) = self.reference.filter(|_| self.hides_name) {
            message.text = message.text.replace(&reference.locator.written_id(), "…");
        }
        message
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
