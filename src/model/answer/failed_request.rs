//! A failed request, and its wording as a [`Problem`].
//!
//! The help has at most three parts: an observation, which is something that secrets-exec has
//! looked up; the general help of the reason, which consists of facts; and one guess from the form
//! of the reference, which begins with "If". If an observation settles the matter, it is the whole
//! help.
//!
//! A help that repeats or rewrites the reference is left out if messages mask a part of it.

use std::iter;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fetch_error::Cause::{Absent, Denied, NoCredentials, NoRegion, Outage, Refused};
use super::fetch_error::{Denial, FetchError, Mention, Missing, Operation, Refusal};
use crate::model::entry::{Argument, Origin, Subject, SubjectKind, Written, shell_quoted};
use crate::model::environment::is_name;
use crate::model::fault::{did_you_mean_to_write, nearest};
use crate::model::problem::{About, Impact, Problem, ReasonScope, Status};
use crate::model::reference::{
    AWS_STAGES, Locator, Region, SecretRef, Selector, Store, Version, below_path, is_bare_word,
};
use crate::model::shown::{has_credential, shown, text_or};

/// A failed request, and the regions that it was sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchFailure {
    /// The region that was asked first, before any fallback region. `None` for a local file, and if
    /// the region isn't known.
    pub region: Option<Region>,
    pub error: FetchError,
    /// The `--local` file, if it was read instead of AWS.
    pub local_file: Option<PathBuf>,
    /// The fallback regions that were tried after `region`, with their errors.
    pub elsewhere: Vec<(Region, FetchError)>,
    /// How long secrets-exec kept trying because of `--wait`. `None` if it didn't keep trying.
    pub waited: Option<Duration>,
    /// The sources of the default region and account, if they apply to the reference: `the region
    /// (from AWS_REGION) and the account (123456789012)`.
    pub default_region_and_account: Option<String>,
    /// The remedy for a developer without a region or credentials, if there is a file for
    /// `--local`. The remedy follows the help.
    pub alternative: Option<String>,
    /// True if a launch reads several secrets from one region and account, and none of them exists.
    pub is_none_found: bool,
    /// The profile of `--profile`, for commands of the AWS CLI in a hint.
    pub profile: Option<String>,
    /// If the secret doesn't exist, what the user may have meant: a key of the local file, an
    /// alias, an existing secret, or `db:password` instead of `db.password`.
    pub nearest: Option<Box<str>>,
}

impl FetchFailure {
    pub fn new(region: Option<Region>, error: FetchError) -> Self {
        Self {
            region,
            error,
            local_file: None,
            elsewhere: Vec::new(),
            waited: None,
            default_region_and_account: None,
            alternative: None,
            is_none_found: false,
            profile: None,
            nearest: None,
        }
    }

    /// True if `--wait` tries again: in every region, the failure is one that can pass while a
    /// machine boots.
    pub fn is_waited_for(&self) -> bool {
        self.errors().all(|error| error.again.is_waited_for())
    }

    pub fn errors(&self) -> impl Iterator<Item = &FetchError> {
        iter::once(&self.error).chain(self.elsewhere.iter().map(|(_, error)| error))
    }

    /// True if AWS was asked for the secret in any region, and answered that it doesn't exist, or
    /// denied it. STS and a metadata service aren't asked for it, and neither is a local file.
    fn was_sent_in_vain(&self) -> bool {
        if self.local_file.is_some() {
            return false;
        }
        self.errors().any(|error| match error.cause {
            Absent(_) => true,
            Denied(denial) => !matches!(denial, Denial::Credentials(_)),
            Outage(_) | Refused(_) | NoCredentials(_) | NoRegion => false,
        })
    }

    /// The problem of an entry whose request for `reference` has failed: the error, its help, and
    /// notes about the regions, the role and `--wait`.
    pub fn problem(&self, reference: &SecretRef, subject: &Subject) -> Problem {
        let request = FailedRequest {
            failure: self,
            reference,
            locator: &reference.locator,
            subject,
        };
        let mut problem = (*self.error.problem).clone();
        if let Absent(missing) = self.error.cause {
            problem.text = request.absence(missing);
            problem.several = request.several_absences(missing);
        }
        (problem.help, problem.guess) = request.help();
        problem.about = request.about();
        problem.is_general = !matches!(self.error.mention, Mention::InHeadline(..));
        problem.has_sent_hidden_name = self.was_sent_in_vain() && reference.locator.is_masked();

        problem.notes = [self.region_notes(), problem.notes].concat();
        if let Some(role) = &reference.locator.role {
            problem = problem.note(format!("the secret is read with the role {}", role.arn));
        }
        if let Some(waited) = self.waited {
            let waited = humantime::format_duration(waited);
            let note = format!("secrets-exec kept trying for {waited}, because of --wait");
            problem = problem.note(note);
            problem.status = Status::Temporary;
        }
        problem.for_entry(subject.clone(), Impact::Unread)
    }

    /// Notes about the region in which each error occurred, if several regions were tried.
    fn region_notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let (Some(region), [_, ..]) = (&self.region, self.elsewhere.as_slice()) {
            notes.push(format!("this error occurred in the region {region}"));
        }
        for (region, error) in &self.elsewhere {
            let sentence = error.sentence();
            notes.push(format!("in the fallback region {region}, {sentence}"));
        }
        notes
    }
}

struct FailedRequest<'a> {
    failure: &'a FetchFailure,
    reference: &'a SecretRef,
    locator: &'a Locator,
    subject: &'a Subject,
}

impl FailedRequest<'_> {
    /// The secret as the message describes it, or `None` if the failure has nothing to do with a
    /// particular secret.
    fn about(&self) -> Option<About> {
        let mut about = About::new(self.locator);
        (about.before, about.scope) = match self.failure.error.mention {
            Mention::Nowhere => return None,
            Mention::InEntries => (None, ReasonScope::AnySecret),
            Mention::InHeadline(before, scope) => (Some(before), scope),
        };
        // `About::new` has put the version into the name, but this headline names the version
        // later, as in `has no version with the stage "x"`.
        if let Absent(_) = self.failure.error.cause {
            about.name = self.locator.noun();
        }
        // Several secrets can be absent for one reason, such as a wrong region or account, or plain
        // text instead of references. One record then names all of them. A reference with a version
        // and a path have headlines of their own ([`Self::absence`]).
        let has_usual_headline = self.absent_version().is_none() && !self.locator.is_path();
        if self.failure.error.cause == Absent(Missing::Secret) && has_usual_headline {
            about.scope = ReasonScope::AnySecret;
        }
        Some(about)
    }

    /// The place where the secret was looked for, for the end of a headline: ` in us-east-1`.
    fn location(&self) -> String {
        match (&self.failure.local_file, &self.failure.region) {
            (Some(file), _) => format!(" in {}", file.display()),
            (None, Some(region)) => format!(" in {region}"),
            (None, None) => String::new(),
        }
    }

    /// The headline for several secrets that don't exist.
    fn several_absences(&self, missing: Missing) -> String {
        let location = self.location();
        if self.failure.is_none_found {
            format!("none of the {{}} exists{location}")
        } else {
            format!("{{}} {}{location}", Absent(missing).facts().several)
        }
    }

    /// The part of the headline that follows the name of a secret, a parameter or a path that
    /// doesn't exist, or has no matching version.
    fn absence(&self, missing: Missing) -> String {
        let location = self.location();
        if self.locator.is_path() {
            return format!("has no parameters{location}");
        }

        let Some(no_version) = self.absent_version() else {
            return format!("{}{location}", Absent(missing).facts().headline);
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
    /// version with the stage "AWSPREVIOUS"`.
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

    /// The observation and the general help, joined, and the guess.
    fn help(&self) -> (Option<String>, Option<String>) {
        let error = &self.failure.error;
        let FetchError { cause, problem, .. } = error;
        let of_cause = match *cause {
            Absent(Missing::Secret) => return self.help_for_absent_secret(),
            Absent(Missing::Version) => Some(self.help_for_absent_version()),
            Refused(Refusal::MarkedForDeletion) => {
                let restore = self.aws_command("secretsmanager restore-secret");
                Some(format!("if it was deleted by mistake, run {restore}"))
            }
            Refused(Refusal::Request) => self
                .locator
                .slash_help(|| self.subject.reference())
                .or_else(|| self.reserved_name_help()),
            Denied(_) | Outage(_) | Refused(_) | NoCredentials(_) | NoRegion => None,
        };
        let remedy = error.general_remedy();
        let help = of_cause
            .or_else(|| problem.help.clone())
            .or_else(|| self.permission_help())
            .or_else(|| (!remedy.is_empty()).then(|| remedy.to_owned()));
        let guess = match *cause {
            Absent(Missing::Version) => self.colon_guess(),
            // AWS hasn't named an ARN, so the secret may not exist.
            Denied(Denial::PolicyOrMissing(Operation::Read)) => self.guess(),
            Absent(_) | Denied(_) | Outage(_) | Refused(_) | NoCredentials(_) | NoRegion => None,
        };
        (help, guess.or_else(|| self.failure.alternative.clone()))
    }

    /// The help for a name that only parameters of AWS itself have.
    fn reserved_name_help(&self) -> Option<String> {
        let name = self
            .locator
            .id
            .name()
            .trim_start_matches('/')
            .to_lowercase();
        let is_reserved = name.starts_with("aws") || name.starts_with("ssm");
        if !is_reserved || self.locator.store != Store::ParameterStore {
            return None;
        }
        let help = "check the name: only AWS's own parameters have names that begin with \"aws\" or \"ssm\"";
        Some(help.to_owned())
    }

    /// The help and the guess for a secret or parameter that doesn't exist. The list of the secrets
    /// in a local file is complete, so a similar name there is the whole help.
    fn help_for_absent_secret(&self) -> (Option<String>, Option<String>) {
        let settled = self.empty_variable_hint();
        let similar = self.stage_hint().or_else(|| self.nearest_hint());
        if let Some(file) = &self.failure.local_file {
            let help = settled
                .or(similar)
                .or_else(|| self.failure.error.problem.help.clone())
                .unwrap_or_else(|| self.local_help(file));
            return (Some(help), None);
        }
        if settled.is_some() {
            return (settled, None);
        }
        let general = format!("check {}", self.what_to_check());
        match similar {
            Some(similar) => (Some(as_sentences(&similar, &general)), None),
            None => (Some(general), self.guess()),
        }
    }

    /// The help for a secret that isn't in the local file: what to add there.
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
            // A JSONPath isn't a key of the file.
            Selector::Whole | Selector::Path(_) => format!("{}: …", text_or(placeholder, &id)),
        };
        format!("add it to {}: {line}", file.display())
    }

    /// Lists what can be wrong if AWS doesn't have a secret: `the name, the region (us-east-1, from
    /// AWS_REGION) and the account (123456789012)`.
    fn what_to_check(&self) -> String {
        if self.locator.id.arn().is_some() {
            return "the name, the region and the account in the ARN, whose last six characters change if the secret is created again".to_owned();
        }
        // `ssm:/prod/app` after `--env-from` is probably the path `ssm:/prod/app/`.
        let is_object = self.subject.kind == SubjectKind::EnvFrom;
        let name = match self.locator.store {
            Store::ParameterStore if is_object => "the name (a path ends with a slash)",
            Store::SecretsManager | Store::ParameterStore => "the name",
        };
        let region_and_account = self
            .failure
            .default_region_and_account
            .as_deref()
            .unwrap_or("the region and the account");
        if self.failure.is_none_found {
            format!("{region_and_account} first, and then the names")
        } else {
            format!("{name}, {region_and_account}")
        }
    }

    /// The guess about a reference whose secret may not exist, from its form: a last part that may
    /// be a key, a slash at the beginning, or a word that may be plain text. A guess doesn't repeat
    /// a text that messages mask.
    fn guess(&self) -> Option<String> {
        let Some(Written::Reference(written)) = &self.subject.written else {
            return None;
        };
        if self.locator.store == Store::ParameterStore || self.locator.id.arn().is_some() {
            return None;
        }
        let is_masked = has_credential(written);
        if !is_masked && written.starts_with('/') {
            let parameter = format!("{}{written}", Store::ParameterStore.prefix());
            let write = self.subject.rewritten_with(&parameter);
            let set = "If a shell variable before the slash is empty, set it";
            return Some(format!("If it is a parameter, write {write}. {set}"));
        }
        // Nearly every name has two parts, as in `prod/db`, so only a third one may be a key. A
        // reference with a colon already has a key.
        if let Some((secret, key)) = written.rsplit_once(['/', '.'])
            && !written.contains(':')
            && (secret.contains('/')
                || (!secret.is_empty() && !written.contains('/') && !secret.contains('.')))
            && is_name(key)
            && !is_masked
        {
            let write = self.subject.rewritten_with(&format!("{secret}:{key}"));
            return Some(format!("If {key:?} is a key, write {write}"));
        }

        let label = &self.subject.label;
        // An alias isn't plain text, and neither is `${NAME}`. The label of an entry without a
        // variable, such as a path, isn't a name.
        let is_word = is_bare_word(written) && **written == self.locator.written_id();
        if !is_word || !is_name(label) {
            return None;
        }
        let remedy = match self.subject.origin {
            _ if is_masked || is_name_of_password(label) => "store it in a secret".to_owned(),
            Origin::File { .. } => format!("write {label}: {{ value: {written} }}"),
            Origin::Argument(Argument::Env) => format!("set {label}={written} without --env"),
            Origin::Argument(_) | Origin::Inherited => return None,
        };
        Some(format!("If it is plain text, {remedy}"))
    }

    /// The guess about a key with a colon, as .NET has it: what follows the colon was taken for a
    /// staging label. Each part of such a key begins with a capital letter.
    fn colon_guess(&self) -> Option<String> {
        let stage = self.locator.version.stage()?;
        let key = format!("{}:{stage}", self.reference.selector);
        let has_form = key
            .split(':')
            .all(|part| part.starts_with(char::is_uppercase));
        if !has_form || stage.starts_with("AWS") {
            return None;
        }
        let path = format!("$[{key:?}]");
        let write = self.subject.rewritten_with_fields(&key, &path)?;
        Some(format!("If {key:?} is a key, write {write}"))
    }

    /// The hint for a name whose only variable is empty, such as `${STAGE}/db`, which became `/db`.
    fn empty_variable_hint(&self) -> Option<String> {
        let (before, rest) = self.subject.reference()?.split_once("${")?;
        let (variable, after) = rest.split_once('}')?;
        let id_if_empty = format!("{before}{}", after.split(':').next()?);
        if self.locator.written_id() != id_if_empty {
            return None;
        }
        // `${STAGE:-}` is the variable STAGE, with an empty default.
        let name = variable.trim_end_matches(":-");
        Some(format!("set {name}, which is empty"))
    }

    /// The hint for a staging label that is a typo of one of AWS's labels. The labels of parameters
    /// are chosen by users, so they don't get a hint.
    fn stage_hint(&self) -> Option<String> {
        if self.locator.store != Store::SecretsManager {
            return None;
        }
        let stage = self.locator.version.stage()?;
        let similar = nearest(stage, AWS_STAGES.into_iter()).filter(|similar| *similar != stage)?;
        let write = self.subject.rewritten_with_fields(stage, similar);
        Some(did_you_mean_to_write(similar, write))
    }

    /// The hint for a name that is similar to an existing one. Usually, the hint corrects the
    /// reference. If the reference has `ssm:`, but the similar key of the `--local` file doesn't,
    /// the key is the mistake, so the hint corrects the file.
    fn nearest_hint(&self) -> Option<String> {
        let nearest = self.failure.nearest.as_deref()?;
        let id = self.locator.written_id();
        Some(match &self.failure.local_file {
            // A colon follows both names, because they are keys of the file.
            Some(file)
                if Store::has_prefix(&id)
                    && !Store::has_prefix(nearest)
                    && !has_credential(&id) =>
            {
                format!("in {}, write {id}: instead of {nearest}:", file.display())
            }
            Some(_) | None => did_you_mean_to_write(nearest, self.with_id(nearest)),
        })
    }

    /// The text of the entry with `id` instead of its own id. `None` if the reference isn't shown,
    /// or has an alias or a variable instead of the id.
    fn with_id(&self, id: &str) -> Option<String> {
        let written = self.subject.reference()?;
        let rest = written.strip_prefix(&self.locator.written_id())?;
        Some(self.subject.rewritten_with(&format!("{id}{rest}")))
    }

    /// The help for a version that doesn't exist.
    fn help_for_absent_version(&self) -> String {
        if let Some(similar) = self.stage_hint() {
            return similar;
        }
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
            // A secret can be created without a value.
            (None, None) => {
                let put = self.aws_command("secretsmanager put-secret-value");
                format!("store a value: {put} --secret-string file://value.json")
            }
            (None, Some(_)) => list_versions,
            (Some("AWSPREVIOUS"), None) => {
                "a secret has AWSPREVIOUS only after its value has changed once".to_owned()
            }
            // A guess follows, so the help can't end with a command.
            (Some(_), None) if self.colon_guess().is_some() => third_field.to_owned(),
            (Some(_), _) => as_sentences(third_field, &list_versions),
        }
    }

    /// The AWS CLI command of this operation for the secret or parameter.
    fn aws_command(&self, operation: &str) -> String {
        let mut command = format!("aws {operation}");
        if let Some(region) = &self.failure.region {
            command += &format!(" --region {region}");
        }
        if let Some(profile) = &self.failure.profile {
            command += &format!(" --profile {}", shell_quoted(profile));
        }
        let id = self.locator.id.to_string();
        let (option, placeholder) = match self.locator.store {
            Store::SecretsManager => ("--secret-id", "SECRET"),
            Store::ParameterStore => ("--name", "NAME"),
        };
        let id = shell_quoted(text_or(placeholder, &id));
        format!("{command} {option} {id}")
    }

    /// The help about the permission that the caller needs for the request.
    fn permission_help(&self) -> Option<String> {
        use Operation::{Describe, Read};
        use Store::{ParameterStore, SecretsManager};
        let Denied(denial) = self.failure.error.cause else {
            return None;
        };
        let operation = match denial {
            Denial::Policy(operation) | Denial::PolicyOrMissing(operation) => operation,
            Denial::Credentials(_) => return None,
            Denial::Key => {
                let allow = "allow the caller to use kms:Decrypt on its key";
                return Some(format!("{allow}, and check that the key is enabled"));
            }
        };
        let store = self.locator.store;
        let (action, option) = match (operation, store) {
            (Describe, ParameterStore) => ("ssm:DescribeParameters on \"*\"", " --metadata"),
            (Describe, SecretsManager) => ("secretsmanager:DescribeSecret", " --metadata"),
            (Read, ParameterStore) if self.locator.is_path() => (
                "ssm:GetParametersByPath on the path and on everything below it",
                "",
            ),
            (Read, ParameterStore) => ("ssm:GetParameters", ""),
            (Read, SecretsManager) => ("secretsmanager:GetSecretValue", ""),
        };
        let policy = format!("secrets-exec policy{option} prints a policy");
        let allow = format!("allow the caller to use {action} ({policy})");
        // AWS's message would name the ARN of a secret that exists, so this one may not exist. The
        // message about a parameter is always the same, so it isn't a reason to doubt the name.
        if denial == Denial::PolicyOrMissing(Read) && store == SecretsManager {
            let check = self.what_to_check();
            let why = "because AWS also denies access to a secret that doesn't exist";
            return Some(format!("check {check}, {why}. If it exists, {allow}"));
        }
        Some(allow)
    }
}

/// True for the name of a variable that holds a password, such as `DB_PASSWORD`.
fn is_name_of_password(name: &str) -> bool {
    let name = name.to_uppercase();
    ["PASSWORD", "SECRET", "TOKEN", "KEY"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

/// Joins two parts of a help as sentences: a full stop follows the first part unless it has one,
/// and the second part begins with a capital letter.
pub fn as_sentences(first: &str, second: &str) -> String {
    let is_sentence = first.ends_with(['.', '?', '!']);
    let end = if is_sentence { "" } else { "." };
    let (initial, rest) = second.split_at(second.chars().next().map_or(0, char::len_utf8));
    format!("{first}{end} {}{rest}", initial.to_uppercase())
}
