//! The backend of `--local`: answers from a file that maps secret ids to values.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::answer::{Answers, Document, FetchError, FetchFailure, Missing};
use crate::model::reference::{AWSCURRENT, Locator, SecretId, Store};
use crate::model::secret_value::SecretValue;
use crate::model::suggest::{self, MOST_SUGGESTIONS};

/// Secrets by id, each with its values by staging label.
#[derive(Debug)]
pub struct LocalFile(BTreeMap<String, BTreeMap<String, SecretValue>>);

impl LocalFile {
    /// Takes the secrets that `input::local_file` has read.
    pub fn new(secrets: BTreeMap<String, BTreeMap<String, SecretValue>>) -> Self {
        Self(secrets)
    }

    pub fn fetch(&self, wanted: &BTreeSet<&Locator>) -> Answers {
        let mut answers: Answers = wanted
            .iter()
            .map(|locator| ((*locator).clone(), self.answer(locator)))
            .collect();
        let absent = answers.iter_mut().filter_map(|(locator, answer)| {
            match &mut answer.as_mut().err()?.error {
                FetchError::NotFound {
                    missing: Missing::Secret,
                    nearest,
                } if !locator.is_path() => Some((&*locator, nearest)),
                _ => None,
            }
        });
        for (locator, nearest) in absent.take(MOST_SUGGESTIONS) {
            *nearest = self.nearest_id(&names(locator));
        }
        answers
    }

    fn answer(&self, locator: &Locator) -> Result<Document, FetchFailure> {
        if locator.is_path() {
            return self
                .below(locator)
                .ok_or_else(|| not_found(Missing::Secret));
        }
        let Some(stages) = names(locator).iter().find_map(|name| self.0.get(name)) else {
            return Err(not_found(Missing::Secret));
        };
        // Local versions have no ids, so a version id is never found.
        let version = &locator.version;
        let body = version
            .stage()
            .filter(|_| version.id().is_none())
            .and_then(|stage| stages.get_key_value(stage));
        let Some((stage, body)) = body else {
            return Err(not_found(Missing::Version));
        };
        Ok(Document {
            stages: vec![stage.clone()],
            ..Document::new(SecretValue::new(body.expose()))
        })
    }

    fn nearest_id(&self, names: &[String]) -> Option<String> {
        let ids: Vec<_> = self
            .0
            .keys()
            .map(String::as_str)
            .filter(|id| SecretId::parse(id).is_ok())
            .collect();
        let nearest = names
            .iter()
            .rev()
            .find_map(|name| suggest::nearest(name, ids.iter().copied()));
        nearest.map(str::to_owned)
    }

    /// The parameters whose id begins with the path, each with its current value; `None` if there are none.
    fn below(&self, path: &Locator) -> Option<Document> {
        let written = path.id.name();
        let prefix = if written.starts_with('/') {
            format!("ssm:{written}")
        } else {
            format!("ssm:/{written}")
        };
        let ids = self
            .0
            .iter()
            .filter_map(|(id, stages)| Some((id.strip_prefix(&prefix)?, stages.get(AWSCURRENT)?)));
        let parameters: Vec<_> = ids
            .filter(|(rest, _)| !rest.is_empty())
            .map(|(rest, body)| {
                (
                    rest.to_owned(),
                    Document::new(SecretValue::new(body.expose())),
                )
            })
            .collect();
        (!parameters.is_empty()).then(|| Document {
            parameters,
            ..Document::new(SecretValue::new(""))
        })
    }
}

fn not_found(missing: Missing) -> FetchFailure {
    FetchFailure {
        is_local: true,
        ..FetchFailure::new(None, FetchError::not_found(missing))
    }
}

/// Returns the keys of a locator in the file: its id, and for an ARN also the name in the ARN. AWS adds six random characters to a
/// secret's name and omits the leading slash of a parameter's, so both forms are keys.
fn names(locator: &Locator) -> Vec<String> {
    let mut names = vec![locator.written_id()];
    if locator.id.arn().is_none() {
        return names;
    }
    let name = locator.id.name();
    match locator.store {
        Store::ParameterStore => names.extend([format!("ssm:/{name}"), format!("ssm:{name}")]),
        Store::SecretsManager => {
            names.push(name.to_owned());
            let stem = name
                .len()
                .checked_sub(7)
                .and_then(|at| name.split_at_checked(at));
            names.extend(
                stem.filter(|(_, random)| random.starts_with('-'))
                    .map(|(stem, _)| stem.to_owned()),
            );
        }
    }
    names
}
