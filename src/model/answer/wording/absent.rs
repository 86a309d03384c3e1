//! The words for a secret, a parameter or a version that doesn't exist.

use std::path::Path;

use super::request::{CauseFacts, FailedRequest, OF_SECRET, Remedy, as_sentences};
use crate::model::answer::fetch_error::Missing;
use crate::model::entry::{Argument, Origin, SubjectKind};
use crate::model::environment::is_name;
use crate::model::fault::did_you_mean;
use crate::model::reference::{
    EMPTY_PIECE, Locator, NO_PATHS, Reference, Selector, Store, Version, below_path,
    has_empty_piece, is_bare_word,
};
use crate::model::shown::{shown, text_or};

/// The rows of [`Cause::facts`](super::Cause::facts) for an absence.
pub(super) fn facts(missing: Missing) -> CauseFacts {
    match missing {
        // As printed: the secret "prod/db" doesn't exist in us-east-1
        // As printed: 3 parameters don't exist in us-east-1
        Missing::Secret => CauseFacts {
            code: "not-found",
            headline: "doesn't exist",
            ..OF_SECRET
        },
        // This headline is about the current version. `FailedRequest::absence` makes the headlines
        // about other versions.
        Missing::Version => CauseFacts {
            code: "version-not-found",
            headline: "has no value yet: no version has the stage AWSCURRENT",
            ..OF_SECRET
        },
    }
}

impl FailedRequest<'_> {
    /// The part of the headline after the name of a secret, a parameter or a path that doesn't
    /// exist, or has no matching version: `doesn't exist in us-east-1`.
    pub(super) fn absence(&self, missing: Missing) -> String {
        let location = self.location();
        if self.locator.is_path() {
            return format!("has no parameters{location}");
        }

        let Some(no_version) = self.absent_version() else {
            return format!("{}{location}", facts(missing).headline);
        };
        let is_local = self.failure.local_file.is_some();
        let is_secret = self.locator.store == Store::SecretsManager;
        // For a parameter, AWS doesn't say whether the parameter or only the version is missing.
        // For a secret, some emulators don't say this either.
        if missing == Missing::Version && (is_secret || is_local) {
            format!("has {no_version}{location}")
        } else if is_local {
            format!("doesn't exist{location}")
        } else {
            format!("doesn't exist{location}, or has {no_version}")
        }
    }

    /// Names the version that the secret or parameter doesn't have, for the end of a sentence: `no
    /// version with the stage "AWSPREVIOUS"`. `None` for the current version.
    pub(super) fn absent_version(&self) -> Option<String> {
        let Locator { store, version, .. } = self.locator;
        if *version == Version::CURRENT {
            return None;
        }
        let mut text = "no version".to_owned();
        if let Some(id) = version.id() {
            text += &format!(" {}", shown(id));
        }
        if let Some(stage) = version.stage() {
            let label = store.label_noun();
            text += &format!(" with the {label} {:?}", shown(stage));
        }
        Some(text)
    }

    /// The help and the guess for a secret or parameter that doesn't exist. A local file lists all
    /// secrets that exist, so if it has a secret with a similar name, the suggestion of this name
    /// is the whole help.
    pub(super) fn remedy_for_absent_secret(&self) -> Remedy {
        let is_path_of_secrets =
            self.locator.written_id().ends_with('/') && !self.locator.is_path();
        // An alias of a later file is the help of the failure.
        let mut settled = self
            .empty_variable_hint()
            .or_else(|| self.failure.error.help.clone());
        let is_empty = self.has_empty_piece();
        if settled.is_none() && is_path_of_secrets && !is_empty {
            settled = Some(NO_PATHS.to_owned());
        }
        let similar = if is_empty {
            Some(EMPTY_PIECE.to_owned())
        } else {
            self.failure.nearest.as_deref().map(did_you_mean)
        };
        if let Some(file) = &self.failure.local_file {
            let help = settled.or(similar).unwrap_or_else(|| self.local_help(file));
            return Remedy::from(help);
        }
        if let Some(settled) = settled {
            return Remedy::from(settled);
        }
        let general = format!("check {}", self.what_to_check());
        match similar {
            Some(similar) => Remedy::from(as_sentences(&similar, &general)),
            None => Remedy {
                help: Some(general),
                guess: self.guess(),
            },
        }
    }

    /// The help for a version that doesn't exist.
    pub(super) fn help_for_absent_version(&self) -> String {
        if self.failure.local_file.is_some() {
            return "add the version under \"$stages\" in the --local file".to_owned();
        }
        let third_field = "the third field is a staging label, such as AWSPREVIOUS. Without it, the current version is read";
        let operation = match self.locator.store {
            Store::ParameterStore => "ssm get-parameter-history",
            Store::SecretsManager => "secretsmanager list-secret-version-ids",
        };
        let list_versions = format!("list the versions: {}", self.aws_command(operation));
        if self.locator.store == Store::ParameterStore {
            return list_versions;
        }
        match (self.locator.version.label(), self.locator.version.id()) {
            // The secret has no current version. It was probably created without a value.
            (None, None) => {
                let put = self.aws_command("secretsmanager put-secret-value");
                format!("store a value: {put} --secret-string file://value.json")
            }
            (None, Some(_)) => list_versions,
            (Some("AWSPREVIOUS"), None) => {
                "a secret has AWSPREVIOUS only after its value has changed once".to_owned()
            }
            (Some(_), _) => as_sentences(third_field, &list_versions),
        }
    }

    /// The help for a secret that isn't in the local file: `add it to local.yaml: prod/db: …`.
    fn local_help(&self, file: &Path) -> String {
        let id = self.locator.written_id();
        let placeholder = match self.locator.store {
            Store::SecretsManager => "SECRET",
            Store::ParameterStore => "ssm:NAME",
        };
        let line = match &self.reference.selector {
            _ if self.locator.is_path() => below_path(text_or("ssm:/PATH/", &id), "NAME: …"),
            Selector::Key(key) => {
                let key = text_or("KEY", key);
                format!("{}: {{ {key}: … }}", text_or(placeholder, &id))
            }
            // A JSONPath can't be written as a key, so the help leaves the value open.
            Selector::Whole | Selector::Path(_) => format!("{}: …", text_or(placeholder, &id)),
        };
        format!("add it to {}: {line}", file.display())
    }

    /// The hint for a name whose only variable is empty, such as `${STAGE}/db`, which became `/db`.
    /// `None` for any other name.
    fn empty_variable_hint(&self) -> Option<String> {
        let (before, rest) = self.subject.reference()?.secret.split_once("${")?;
        let (variable, after) = rest.split_once('}')?;
        let id_if_empty = format!("{before}{after}");
        if self.locator.written_id() != id_if_empty {
            return None;
        }
        // `${STAGE:-}` is the variable STAGE, with an empty default.
        let name = variable.trim_end_matches(":-");
        Some(format!("set {name}, which is empty"))
    }

    /// True if a piece of a secret's name is empty, probably because a shell variable is.
    pub(super) fn has_empty_piece(&self) -> bool {
        self.locator.store == Store::SecretsManager && has_empty_piece(&self.locator.written_id())
    }

    /// The guess about a reference whose secret may not exist, from its form: a slash at the
    /// beginning, a last part that may be a key, or a word that may be plain text. `None` for any
    /// other form, and if messages mask a part of the reference.
    pub(super) fn guess(&self) -> Option<String> {
        let reference = self.subject.reference()?;
        let written = reference.to_string();
        if self.locator.store == Store::ParameterStore || self.locator.id.arn().is_some() {
            return None;
        }
        if written.starts_with('/') && !self.has_empty_piece() {
            let write = self.subject.rewritten_with(&Reference {
                secret: format!("{}{}", Store::ParameterStore.prefix(), reference.secret),
                ..reference.clone()
            });
            return Some(format!("If it is a parameter, write {write}"));
        }
        // Most names of secrets have two parts, as in `prod/db`, so only a third part is probably a
        // key.
        if let Some((secret, key)) = written.rsplit_once(['/', '.'])
            && reference.only_secret().is_some()
            && (secret.contains('/') || !written.contains('/') && !secret.contains('.'))
            && !secret.is_empty()
            && is_name(key)
        {
            let write = self.subject.rewritten_with(&Reference {
                secret: secret.to_owned(),
                selector: Selector::Key(key.to_owned()),
                version: None,
            });
            return Some(format!("If {key:?} is a key, write {write}"));
        }

        // A reference with an alias or `${NAME}`, which differs from the id, isn't plain text. The
        // label of an entry without a variable, such as a path, isn't a name.
        let label = &self.subject.label;
        let is_word = is_bare_word(&written) && written == self.locator.written_id();
        if !is_word || !is_name(label) {
            return None;
        }
        let remedy = match self.subject.origin {
            Origin::File { .. } => format!("write {label}: {{ value: … }}"),
            Origin::Argument(Argument::Env) => format!("set {label} without --env"),
            Origin::Argument(_) | Origin::Inherited => return None,
        };
        Some(format!("If it is plain text, and no secret, {remedy}"))
    }

    /// Lists what can be wrong if AWS has no such secret: `the name, the region (us-east-1, from
    /// AWS_REGION) and the account (123456789012)`.
    pub(super) fn what_to_check(&self) -> String {
        if self.locator.id.arn().is_some() {
            return "the name, the region and the account in the ARN, whose last six characters change if the secret is created again".to_owned();
        }
        // `ssm:/prod/app` after `--env-from` is probably the path `ssm:/prod/app/`.
        let is_object = self.subject.kind == SubjectKind::EnvFrom;
        let name = match self.locator.store {
            Store::ParameterStore if is_object => "the name (a path ends with a slash)",
            Store::SecretsManager | Store::ParameterStore => "the name",
        };
        let region_and_account = self.failure.region_and_account();
        if self.failure.is_none_found {
            format!("{region_and_account} first, and then the names")
        } else {
            format!("{name}, {region_and_account}")
        }
    }
}
