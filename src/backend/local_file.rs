//! The backend of `--local`: the contents of a file that maps secret ids to values. Regions, roles,
//! staging labels and versions are ignored.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::model::answer::{
    Answers, Cause, Document, FetchError, FetchFailure, Missing, Refusal, SecretValue,
};
use crate::model::fault::{MOST_SUGGESTIONS, TOP_KEYS, is_one_letter_away};
use crate::model::reference::{Locator, ParameterPath, Store};
use crate::model::shown::shell_word;

pub struct LocalFile {
    pub path: PathBuf,
    /// The values by the id of the secret. As in references, the id of a parameter begins with
    /// `ssm:`.
    pub secrets: BTreeMap<String, SecretValue>,
}

impl LocalFile {
    /// Answers each locator in `wanted`. For the first [`MOST_SUGGESTIONS`] secrets or parameters
    /// that the file doesn't have, the answer also has a similar id, if the file has one.
    pub fn answers(&self, wanted: &BTreeSet<&Locator>) -> Answers {
        let mut answers = Answers::new();
        let mut searches = 0;
        for locator in wanted.iter().copied() {
            let mut answer = self.answer(locator);
            if let Err(failure) = &mut answer
                && failure.error().cause() == Cause::Absent(Missing::Secret)
                && !locator.is_path()
                && searches < MOST_SUGGESTIONS
            {
                searches += 1;
                failure.suggest(self.nearest(&possible_names(locator)));
            }
            answers.insert(locator.clone(), answer);
        }
        answers
    }

    /// The document for a locator, or the failure if the file doesn't have the secret.
    fn answer(&self, locator: &Locator) -> Result<Document, FetchFailure> {
        if let Some(path) = locator.path() {
            return self.parameters_below(path);
        }

        let names = possible_names(locator);
        let value = names.iter().find_map(|name| self.secrets.get(name));
        let value = value.ok_or_else(|| self.not_found())?;
        Ok(Document::new(SecretValue::new(value.expose())))
    }

    /// The failure for a secret that the file doesn't have.
    fn not_found(&self) -> FetchFailure {
        let mut error = FetchError::from(Cause::Absent(Missing::Secret));
        let is_declaration = self.secrets.contains_key("env")
            && self
                .secrets
                .keys()
                .all(|key| TOP_KEYS.contains(&key.as_str()));
        if is_declaration {
            let file = self.path.display();
            let argument = shell_word("FILE", &self.path.to_string_lossy());
            error = error.help(format!(
                "{file} is a declaration: use -f {argument}, and --local with a file that has SECRET: {{ KEY: … }}"
            ));
        }
        FetchFailure::new(None, error)
    }

    /// Finds an id in the file that differs by one letter from one of `names`. Tries the last name
    /// first, because the earlier names can be a whole ARN, or end with AWS's random characters.
    fn nearest(&self, names: &[String]) -> Option<Box<str>> {
        for name in names.iter().rev() {
            if let Some(id) = self.secrets.keys().find(|id| is_one_letter_away(name, id)) {
                return Some(id.as_str().into());
            }
        }
        None
    }

    /// The document of all parameters below a path, or the failure if the file has none of them, or
    /// has bytes for one of them.
    fn parameters_below(&self, path: ParameterPath<'_>) -> Result<Document, FetchFailure> {
        // A path from an ARN doesn't begin with a slash.
        let prefix = format!("ssm:/{}", path.name.trim_start_matches('/'));

        let mut texts = BTreeMap::new();
        for (id, value) in &self.secrets {
            if let Some(below) = id.strip_prefix(&prefix)
                && path.includes(below)
            {
                let text = str::from_utf8(value.expose()).map_err(|_| {
                    let why = "a parameter below the path isn't text";
                    FetchFailure::new(None, FetchError::refused(Refusal::NotSent, why))
                })?;
                texts.insert(below, text);
            }
        }
        Document::from_parameters(&texts).map_err(|_| self.not_found())
    }
}

/// The names that a secret or parameter can have in the file: its id and, for an ARN, the name in
/// the ARN. The list has two forms of such a name, because AWS adds a hyphen and six random
/// characters to the name in a secret's ARN, and leaves out the leading slash of the name in a
/// parameter's ARN.
fn possible_names(locator: &Locator) -> Vec<String> {
    let mut names = vec![locator.written_id()];
    if locator.id.arn().is_none() {
        return names;
    }
    let name = locator.id.name();
    match locator.store {
        Store::ParameterStore => names.extend([format!("ssm:/{name}"), format!("ssm:{name}")]),
        Store::SecretsManager => {
            names.push(name.to_owned());
            if let Some((stem, random)) = name.rsplit_once('-')
                && random.len() == 6
            {
                names.push(stem.to_owned());
            }
        }
    }
    names
}
