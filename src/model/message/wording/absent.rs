//! The wording of messages about secrets, parameters and versions that don't exist.

use std::path::Path;

use super::request::{CauseFacts, FailedRequest, OF_SECRET};
use crate::model::entry::{Argument, Origin, SubjectKind};
use crate::model::fault::did_you_mean;
use crate::model::message::fetch_error::{Cause, Denial, Missing, Operation};
use crate::model::message::problem::{Frame, Headline, as_sentences};
use crate::model::reference::{
    EMPTY_PIECE, Locator, NO_PATHS, Selector, Store, Version, has_empty_piece,
};
use crate::model::shown::{shown, text_or};

/// The wording for a secret or a version that doesn't exist.
pub(super) fn facts(missing: Missing) -> CauseFacts {
    match missing {
        // As printed: the secret "prod/db" doesn't exist in us-east-1
        // As printed: 3 parameters don't exist in us-east-1
        Missing::Secret => CauseFacts {
            code: "not-found",
            headline: "doesn't exist",
            ..OF_SECRET
        },
        // The headline for the current version. `FailedRequest::absence` words the headlines for
        // other versions.
        Missing::Version => CauseFacts {
            code: "version-not-found",
            headline: "has no value yet: no version has the stage AWSCURRENT",
            ..OF_SECRET
        },
    }
}

impl FailedRequest<'_> {
    /// The headline for a secret, parameter, path or version that doesn't exist.
    pub(super) fn headline_of_absence(&self, missing: Missing) -> Headline {
        let text = self.absence(missing);
        if missing == Missing::Version || self.absent_version().is_some() || self.locator.is_path()
        {
            return Headline::OfSecret(text);
        }

        // Absent secrets share an error, because they may have a common reason, such as a wrong
        // region.
        let one = Frame {
            before: "",
            after: text,
        };
        let location = self.location();
        let several = if self.circumstances.is_none_found {
            Frame {
                before: "none of the ",
                after: format!("exists{location}"),
            }
        } else {
            Frame {
                before: "",
                after: format!("don't exist{location}"),
            }
        };
        Headline::OfSecrets { one, several }
    }

    /// The headline after the name: `doesn't exist in us-east-1`.
    fn absence(&self, missing: Missing) -> String {
        let location = self.location();
        if self.locator.is_path() {
            return format!("has no parameters{location}");
        }

        let Some(no_version) = self.absent_version() else {
            return format!("{}{location}", facts(missing).headline);
        };
        let is_local = self.circumstances.local_file.is_some();
        let is_secret = self.locator.store == Store::SecretsManager;
        // AWS doesn't say whether a parameter is missing, or only its version. Some emulators don't
        // even say this for secrets. So the last text mentions both.
        if missing == Missing::Version && is_secret {
            format!("has {no_version}{location}")
        } else if is_local {
            format!("doesn't exist{location}")
        } else {
            format!("doesn't exist{location}, or has {no_version}")
        }
    }

    /// `no version with the stage "AWSPREVIOUS"`, for the end of a sentence.
    fn absent_version(&self) -> Option<String> {
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

    pub(super) fn help_for_absent_secret(&self) -> String {
        if let Some(settled) = self.settled_help() {
            return settled;
        }
        let observed = self
            .empty_piece_hint()
            .or_else(|| self.failure.nearest.as_deref().map(did_you_mean));
        if let Some(file) = &self.circumstances.local_file {
            // Only the secrets in the file exist, so a similar name among them is enough help.
            return observed.unwrap_or_else(|| self.local_help(file));
        }
        let general = format!("check {}", self.what_to_check());
        match observed {
            Some(observed) => as_sentences(&observed, &general),
            None => general,
        }
    }

    /// The help if it is certain why the secret doesn't exist: its name is an empty variable, an
    /// alias that only a later file declares, or written like a path of secrets.
    fn settled_help(&self) -> Option<String> {
        if let Some((name, "")) = self.only_variable() {
            return Some(format!("set {name}, which is empty"));
        }
        // For an alias that only a later file declares, the failure already has help.
        if self.failure.help.is_some() {
            return self.failure.help.clone();
        }
        let is_path_of_secrets =
            self.locator.written_id().ends_with('/') && !self.locator.is_path();
        if !is_path_of_secrets || self.empty_piece_hint().is_some() {
            return None;
        }
        Some(NO_PATHS.to_owned())
    }

    /// The help for a version that doesn't exist.
    pub(super) fn help_for_absent_version(&self) -> String {
        let operation = match self.locator.store {
            Store::ParameterStore => "ssm get-parameter-history",
            Store::SecretsManager => "secretsmanager list-secret-version-ids",
        };
        let list_versions = format!("list the versions: {}", self.aws_command(operation));
        if self.locator.store == Store::ParameterStore {
            return list_versions;
        }
        match (self.locator.version.label(), self.locator.version.id()) {
            // The secret was probably created without a value.
            (None, None) => {
                let put = self.aws_command("secretsmanager put-secret-value");
                format!("store a value: {put} --secret-string file://value.json")
            }
            (None, Some(_)) => list_versions,
            (Some("AWSPREVIOUS"), None) => {
                "a secret has AWSPREVIOUS only after its value has changed once".to_owned()
            }
            (Some(_), _) => {
                let third_field = "the third field is a staging label, such as AWSPREVIOUS. Without it, the current version is read";
                as_sentences(third_field, &list_versions)
            }
        }
    }

    /// The help for a local file: `add it to local.yaml: prod/db: …`.
    fn local_help(&self, file: &Path) -> String {
        let id = self.locator.written_id();
        let placeholder = match self.locator.store {
            Store::SecretsManager => "SECRET",
            Store::ParameterStore => "ssm:NAME",
        };
        let line = match &self.reference.selector {
            _ if self.locator.is_path() => {
                let path = text_or("ssm:/PATH/", &id).trim_end_matches('*');
                format!("{path}NAME: …")
            }
            Selector::Key(key) => {
                let key = text_or("KEY", key);
                format!("{}: {{ {key}: … }}", text_or(placeholder, &id))
            }
            // A JSONPath can't be written as a key, so the line has only the name.
            Selector::Whole | Selector::Path(_) => format!("{}: …", text_or(placeholder, &id)),
        };
        format!("add it to {}: {line}", file.display())
    }

    /// The hint for a name with an empty part, such as `prod//db`.
    pub(super) fn empty_piece_hint(&self) -> Option<String> {
        if self.locator.store != Store::SecretsManager || !has_empty_piece(self.locator.id.name()) {
            return None;
        }
        let hint = match self.only_variable() {
            Some((name, value)) if value.ends_with('/') => format!("{name} ends with a slash"),
            _ => EMPTY_PIECE.to_owned(),
        };
        Some(hint)
    }

    /// NAME and its value, if the secret's name has a single `${NAME}`.
    fn only_variable(&self) -> Option<(&str, &str)> {
        let (before, rest) = self.subject.reference()?.secret.split_once("${")?;
        let (variable, after) = rest.split_once('}')?;
        let before = before.trim_start_matches(self.locator.store.prefix());
        let value = self.locator.id.name().strip_prefix(before)?;
        let (name, _) = variable.split_once(":-").unwrap_or((variable, ""));
        Some((name, value.strip_suffix(after)?))
    }

    /// Explains how to write a key, a parameter or plain text, in case the user meant one of these.
    /// That is likely if the KEY is missing, as in `info`, or a number, as in `localhost:5432`.
    pub(super) fn other_forms(&self) -> Option<String> {
        let has_key = match &self.subject.written_reference()?.selector {
            Selector::Whole => false,
            Selector::Key(key) => key.parse::<u64>().is_err(),
            Selector::Path(_) => true,
        };
        let may_be_absent = matches!(
            self.failure.cause,
            Cause::Absent(Missing::Secret)
                | Cause::Denied(Denial::PolicyOrMissing(Operation::Read))
        );
        let is_explained = self.circumstances.local_file.is_some() || self.settled_help().is_some();
        let is_name =
            self.locator.store == Store::SecretsManager && self.locator.id.arn().is_none();
        let is_object = self.subject.kind == SubjectKind::EnvFrom;
        if has_key || !may_be_absent || is_explained || !is_name || is_object {
            return None;
        }
        let plain_text = match self.subject.origin {
            Origin::Argument(Argument::Get) => return None,
            Origin::Argument(Argument::Env) => "is set without --env",
            Origin::Argument(_) | Origin::File { .. } | Origin::Inherited => "{ value: … }",
        };
        Some(format!(
            "A key is written SECRET:KEY, a parameter ssm:/NAME, and plain text {plain_text}"
        ))
    }

    /// What the user should check:
    /// `the name, the region (us-east-1, from AWS_REGION) and the account (123456789012)`.
    pub(super) fn what_to_check(&self) -> String {
        if self.locator.id.arn().is_some() {
            return "the name, the region and the account in the ARN, whose last six characters change if the secret is created again".to_owned();
        }
        // `ssm:/prod/app` in an `env-from` was probably meant as the path `ssm:/prod/app/`.
        let is_object = self.subject.kind == SubjectKind::EnvFrom;
        let name = match self.locator.store {
            Store::ParameterStore if is_object => "the name (a path ends with a slash)",
            Store::SecretsManager | Store::ParameterStore => "the name",
        };
        let region_and_account = self.region_and_account();
        if self.circumstances.is_none_found {
            format!("{region_and_account} first, and then the names")
        } else {
            format!("{name}, {region_and_account}")
        }
    }
}
