//! The document of a policy: statements in a fixed order, with sorted resources.

use std::collections::{BTreeMap, BTreeSet};

use glob::Pattern;
use serde::Serialize;

use super::decryption::DecryptionStatement;
use super::notice::PolicyNotice;
use super::reader::Reader;

/// The version of the policy language.
const LANGUAGE: &str = "2012-10-17";

/// The quota for a managed policy, in characters without white space.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const MAX_CHARACTERS: usize = 6_144;

/// The statements, in the order of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Secrets,
    /// Secrets that Parameter Store reads.
    ReferencedSecrets,
    Parameters,
    Paths,
    Decryption,
    AssumeRoles,
}

impl Kind {
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
pub struct Document {
    reader: Reader,
    /// True if secrets are described as well.
    describe: bool,
    resources: BTreeMap<Kind, BTreeSet<String>>,
    services: BTreeSet<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyText {
    version: &'static str,
    statement: Vec<Statement>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    sid: &'static str,
    effect: &'static str,
    action: Vec<&'static str>,
    resource: BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Condition>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Condition {
    string_equals: ViaService,
}

#[derive(Serialize)]
struct ViaService {
    #[serde(rename = "kms:ViaService")]
    services: BTreeSet<String>,
}

impl Document {
    pub fn new(reader: Reader, describe: bool) -> Self {
        Self { reader, describe, resources: BTreeMap::new(), services: BTreeSet::new() }
    }

    pub fn add(&mut self, kind: Kind, resource: String) {
        // A secret needs a statement of its own only if its actions are others.
        let is_alike = kind == Kind::ReferencedSecrets && self.actions(kind) == self.actions(Kind::Secrets);
        let kind = if is_alike { Kind::Secrets } else { kind };
        self.resources.entry(kind).or_default().insert(resource);
    }

    pub fn add_decryption(&mut self, statement: DecryptionStatement) {
        if !statement.keys.is_empty() {
            self.resources.insert(Kind::Decryption, statement.keys);
            self.services = statement.services;
        }
    }

    /// Returns the JSON, with a line feed at its end.
    pub fn finish(mut self) -> (String, Vec<PolicyNotice>) {
        let mut resources = std::mem::take(&mut self.resources);
        // The statement of all secrets has the actions of this one, too.
        let mut referenced = resources.remove(&Kind::ReferencedSecrets).unwrap_or_default();
        let secrets = resources.get(&Kind::Secrets).map(patterns).unwrap_or_default();
        referenced.retain(|resource| !secrets.iter().any(|(_, pattern)| pattern.matches(resource)));
        resources.insert(Kind::ReferencedSecrets, referenced);
        resources.retain(|_, resources| !resources.is_empty());
        let statement = resources.into_iter().map(|(kind, resources)| self.statement(kind, resources)).collect();
        let policy = PolicyText { version: LANGUAGE, statement };
        let arns = policy.statement.iter().flat_map(|statement| &statement.resource);
        let partitions: BTreeSet<&str> = arns.filter_map(|arn| arn.split(':').nth(1)).collect();
        let partitions: Vec<String> = partitions.into_iter().map(str::to_owned).collect();
        let several = (partitions.len() > 1).then_some(PolicyNotice::Partitions(partitions));
        // Text and lists of text can always be serialized.
        let characters = serde_json::to_string(&policy).unwrap_or_default().chars().count();
        let size = PolicyNotice::Size { characters, limit: MAX_CHARACTERS };
        let too_long = (characters > MAX_CHARACTERS).then_some(size);
        let empty = policy.statement.is_empty().then_some(PolicyNotice::Empty);
        let text = serde_json::to_string_pretty(&policy).unwrap_or_default();
        (text + "\n", several.into_iter().chain(too_long).chain(empty).collect())
    }

    fn statement(&self, kind: Kind, resources: BTreeSet<String>) -> Statement {
        let services = (kind == Kind::Decryption).then(|| self.services.clone());
        Statement {
            sid: kind.sid(),
            effect: "Allow",
            action: self.actions(kind),
            resource: without_covered(resources),
            condition: services.map(|services| Condition { string_equals: ViaService { services } }),
        }
    }

    fn actions(&self, kind: Kind) -> Vec<&'static str> {
        match kind {
            Kind::Secrets => self.reader.secret_actions(self.describe),
            Kind::ReferencedSecrets => Reader::Launch.secret_actions(false),
            Kind::Parameters => self.reader.parameter_actions().to_vec(),
            Kind::Paths => vec!["ssm:GetParametersByPath"],
            Kind::Decryption => vec!["kms:Decrypt"],
            Kind::AssumeRoles => vec!["sts:AssumeRole"],
        }
    }
}

/// Removes the resources that a wider one includes: a secret's ARN beside that of its name, a path below another one.
fn without_covered(resources: BTreeSet<String>) -> BTreeSet<String> {
    let patterns = patterns(&resources);
    let is_covered = |resource: &String| {
        patterns.iter().any(|(text, pattern)| *text != resource.as_str() && pattern.matches(resource))
    };
    resources.iter().filter(|resource| !is_covered(resource)).cloned().collect()
}

/// The resources with a wildcard. `*` and `?` mean the same in IAM and in a glob, and no resource has a bracket.
fn patterns(resources: &BTreeSet<String>) -> Vec<(&str, Pattern)> {
    let wide = resources.iter().filter(|resource| resource.contains(['*', '?']));
    wide.filter_map(|resource| Some((resource.as_str(), Pattern::new(resource).ok()?))).collect()
}
