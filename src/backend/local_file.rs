//! The backend of `--local`: a file that maps secret ids to values, and is read instead of AWS.
//! Regions, roles, staging labels and versions are ignored.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::model::answer::{Answers, Document, SecretValue};
use crate::model::fault::{MOST_SUGGESTIONS, TOP_KEYS, is_one_letter_away};
use crate::model::message::{Cause, FetchError, FetchResult, Missing, Refusal};
use crate::model::reference::{Locator, ParameterPath, Store};
use crate::model::shown::shell_word;

pub struct LocalFile {
    pub path: PathBuf,
    /// Values by id. As in references, a parameter's id begins with `ssm:`.
    pub secrets: BTreeMap<String, SecretValue>,
}

impl LocalFile {
    /// Answers each locator in `wanted`. For the first [`MOST_SUGGESTIONS`] missing ids, also looks
    /// for a similar id to suggest.
    pub fn answers(&self, wanted: &BTreeSet<&Locator>) -> Answers {
        let mut answers = Answers::new();
        let mut searches = 0;
        for locator in wanted.iter().copied() {
            let mut answer = self.answer(locator);
            if let Err(failure) = &mut answer
                && failure.cause() == Cause::Absent(Missing::Secret)
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

    fn answer(&self, locator: &Locator) -> FetchResult<Document> {
        if let Some(path) = locator.path() {
            return self.parameters_below(path);
        }

        let names = possible_names(locator);
        let value = names.iter().find_map(|name| self.secrets.get(name));
        let value = value.ok_or_else(|| self.not_found())?;
        Ok(Document::new(SecretValue::new(value.expose())))
    }

    /// The error for a missing secret. If the file is a declaration instead of a file for
    /// `--local`, the help says so.
    fn not_found(&self) -> FetchError {
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
        error
    }

    /// An id in the file that differs by one letter from one of `names`. Tries the last name first,
    /// because the earlier ones can be a whole ARN, or end with AWS's random characters.
    fn nearest(&self, names: &[String]) -> Option<Box<str>> {
        for name in names.iter().rev() {
            if let Some(id) = self.secrets.keys().find(|id| is_one_letter_away(name, id)) {
                return Some(id.as_str().into());
            }
        }
        None
    }

    /// Makes a document of the parameters below `path`. Fails if there aren't any, or if one of
    /// them isn't text.
    fn parameters_below(&self, path: ParameterPath<'_>) -> FetchResult<Document> {
        // Makes sure that the path begins with one slash. A path from an ARN doesn't have one.
        let prefix = format!("ssm:/{}", path.name.trim_start_matches('/'));

        let mut texts = BTreeMap::new();
        for (id, value) in &self.secrets {
            if let Some(below) = id.strip_prefix(&prefix)
                && path.includes(below)
            {
                let text = str::from_utf8(value.expose()).map_err(|_| {
                    let why = "a parameter below the path isn't text";
                    FetchError::refused(Refusal::NotSent, why)
                })?;
                texts.insert(below, text);
            }
        }
        Document::from_parameters(&texts).map_err(|_| self.not_found())
    }
}

/// The names under which the file may have a secret or parameter: its id and, if the id is an ARN,
/// two spellings of the name in the ARN. In an ARN, AWS adds a hyphen and six random characters to
/// a secret's name, and omits a parameter's leading slash.
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
