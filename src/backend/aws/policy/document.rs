//! The document of a policy: statements in a fixed order, with sorted resources.

use std::collections::{BTreeMap, BTreeSet};

use glob::Pattern;
use serde_json::{Map, Value};

use super::decryption::DecryptionStatement;
use super::notice::PolicyNotice;
use super::reader::{GET_SECRET, Reader};
use crate::model::reference::Arn;

/// The version of the policy language.
const LANGUAGE: &str = "2012-10-17";

/// The quota for a managed policy, in characters without white space.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const MAX_CHARACTERS: usize = 6_144;

/// The statements, in the order of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatementKind {
    Secrets,
    /// Secrets that Parameter Store reads.
    ReferencedSecrets,
    Parameters,
    Paths,
    Decryption,
    AssumeRoles,
}

impl StatementKind {
    /// The statement's id, of letters and digits.
    fn sid(self) -> &'static str {
        match self {
            Self::Secrets => "ReadSecrets",
            Self::ReferencedSecrets => "ReadReferencedSecrets",
            Self::Parameters => "ReadParameters",
            Self::Paths => "ReadParametersByPath",
            Self::Decryption => "DecryptValues",
            Self::AssumeRoles => "AssumeRoles",
        }
    }
}

/// The resources of each statement.
pub struct PolicyDocument {
    reader: Reader,
    /// True if secrets are described as well.
    describe: bool,
    resources: BTreeMap<StatementKind, BTreeSet<Arn>>,
    /// The values of `kms:ViaService`.
    services: BTreeSet<String>,
}

impl PolicyDocument {
    pub fn new(reader: Reader, describe: bool) -> Self {
        Self { reader, describe, resources: BTreeMap::new(), services: BTreeSet::new() }
    }

    pub fn add(&mut self, kind: StatementKind, resource: Arn) {
        self.resources.entry(kind).or_default().insert(resource);
    }

    pub fn add_decryption(&mut self, statement: DecryptionStatement) {
        if !statement.keys.is_empty() {
            self.resources.insert(StatementKind::Decryption, statement.keys);
            self.services = statement.services;
        }
    }

    /// Returns the JSON, with a line feed at its end.
    pub fn finish(mut self) -> (String, Vec<PolicyNotice>) {
        self.merge_referenced_secrets();
        let statements = self.resources.iter().map(|(kind, resources)| self.statement(*kind, resources));
        let policy = object([("Version", LANGUAGE.into()), ("Statement", statements.collect())]);
        let characters = policy.to_string().chars().count();
        (format!("{policy:#}\n"), self.notices(characters))
    }

    /// Moves the secrets that Parameter Store reads to the other ones if both need the same actions. Else those that the statement of the
    /// others includes are removed, as its actions are more.
    fn merge_referenced_secrets(&mut self) {
        let Some(mut referenced) = self.resources.remove(&StatementKind::ReferencedSecrets) else { return };
        if self.actions(StatementKind::ReferencedSecrets) == self.actions(StatementKind::Secrets) {
            self.resources.entry(StatementKind::Secrets).or_default().extend(referenced);
            return;
        }
        let secrets = self.resources.get(&StatementKind::Secrets).map(patterns).unwrap_or_default();
        referenced.retain(|resource| !secrets.iter().any(|(_, pattern)| pattern.matches(resource.as_str())));
        if !referenced.is_empty() {
            self.resources.insert(StatementKind::ReferencedSecrets, referenced);
        }
    }

    fn statement(&self, kind: StatementKind, resources: &BTreeSet<Arn>) -> Value {
        let fields = [
            ("Sid", kind.sid().into()),
            ("Effect", "Allow".into()),
            ("Action", self.actions(kind).into()),
            ("Resource", without_covered(resources).into()),
        ];
        object(fields.into_iter().chain((kind == StatementKind::Decryption).then(|| ("Condition", self.via_service()))))
    }

    fn via_service(&self) -> Value {
        let services = self.services.iter().cloned().collect();
        object([("StringEquals", object([("kms:ViaService", services)]))])
    }

    fn actions(&self, kind: StatementKind) -> Vec<&'static str> {
        match kind {
            StatementKind::Secrets => self.reader.secret_actions(self.describe),
            StatementKind::ReferencedSecrets => vec![GET_SECRET],
            StatementKind::Parameters => vec!["ssm:GetParameters"],
            StatementKind::Paths => vec!["ssm:GetParametersByPath"],
            StatementKind::Decryption => vec!["kms:Decrypt"],
            StatementKind::AssumeRoles => vec!["sts:AssumeRole"],
        }
    }

    fn notices(&self, characters: usize) -> Vec<PolicyNotice> {
        let partitions: BTreeSet<&str> = self.resources.values().flatten().map(Arn::partition).collect();
        let partitions: Vec<String> = partitions.into_iter().map(str::to_owned).collect();
        let several = (partitions.len() > 1).then_some(PolicyNotice::Partitions(partitions));
        let size = PolicyNotice::Size { characters, limit: MAX_CHARACTERS };
        let too_long = (characters > MAX_CHARACTERS).then_some(size);
        let empty = self.resources.is_empty().then_some(PolicyNotice::Empty);
        several.into_iter().chain(too_long).chain(empty).collect()
    }
}

/// Returns an object, which keeps the order of its fields.
fn object(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

/// Removes the resources that a wider one includes: a secret's ARN beside that of its name, a path below another one.
fn without_covered(resources: &BTreeSet<Arn>) -> Vec<&str> {
    let patterns = patterns(resources);
    let is_covered =
        |resource: &str| patterns.iter().any(|(text, pattern)| *text != resource && pattern.matches(resource));
    resources.iter().map(Arn::as_str).filter(|resource| !is_covered(resource)).collect()
}

/// The resources with a wildcard. `*` and `?` mean the same in IAM and in a glob, and no resource has a bracket.
fn patterns(resources: &BTreeSet<Arn>) -> Vec<(&str, Pattern)> {
    let wide = resources.iter().map(Arn::as_str).filter(|resource| resource.contains(['*', '?']));
    wide.filter_map(|resource| Some((resource, Pattern::new(resource).ok()?))).collect()
}
