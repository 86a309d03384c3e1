//! AWS Secrets Manager: one GetSecretValue for each distinct secret, version, region and role, many at once.
//!
//! BatchGetSecretValue would want another permission, knows no versions, is limited to 100 a second, and is denied as a
//! whole when one secret is.

#[cfg(any(fuzzing, test))]
pub mod canned;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout_at;

use super::classify::{Verdict, classify};
use super::profile::SetupError;
use super::retry::Patience;
use super::session::Session;
use super::variables::Settings;
use super::{Answers, Source};
use crate::fetched::{Document, FetchError, FetchFailure, Outage, Refusal};
use crate::reference::{Locator, Region, Role, SecretId, Store, Version};
use crate::secret::SecretValue;

/// How many requests are under way together. Each has a connection of its own, so a cap costs round trips; 20 secrets
/// must not meet it, and a service must not meet a flood.
const IN_FLIGHT: usize = 32;

/// Reads secrets from AWS.
pub struct SecretsManager {
    settings: Option<Settings>,
    session: Option<Session>,
}

impl SecretsManager {
    /// Nothing is read or asked before the first secret is wanted.
    pub fn new(settings: Settings) -> Self {
        Self { settings: Some(settings), session: None }
    }

    async fn session(&mut self) -> Result<Option<&mut Session>, SetupError> {
        if let Some(settings) = self.settings.take() {
            self.session = Some(Session::open(settings).await?);
        }
        Ok(self.session.as_mut())
    }
}

/// What one request asks for: a locator whose region and role are settled.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Request {
    region: Region,
    role: Option<Role>,
    id: SecretId,
    version: Version,
}

impl Source for SecretsManager {
    type Error = SetupError;

    async fn fetch(&mut self, wanted: &BTreeSet<&Locator>) -> Result<Answers, SetupError> {
        let Some(session) = self.session().await? else { return Ok(Vec::new()) };
        let mut answers = Vec::new();
        let mut requests: BTreeMap<Request, Vec<&Locator>> = BTreeMap::new();
        for locator in wanted.iter().copied() {
            match settle(session, locator).await {
                Ok(request) => requests.entry(request).or_default().push(locator),
                Err(failure) => answers.push((locator.clone(), Err(failure))),
            }
        }
        for (request, answer) in send_all(session, requests.keys().cloned().collect()).await {
            for locator in requests.get(&request).into_iter().flatten() {
                answers.push(((*locator).clone(), copy(&answer)));
            }
        }
        Ok(answers)
    }
}

async fn settle(session: &mut Session, locator: &Locator) -> Result<Request, FetchFailure> {
    let region = locator.region.clone();
    let failure = |region, error| Err(FetchFailure { region, error });
    match locator.store {
        Store::ParameterStore => return failure(region, FetchError::Refused(Refusal::NotYet)),
        Store::SecretsManager => {}
    }
    let region = match region {
        Some(region) => region,
        None => match session.default_region().await {
            Ok(region) => region,
            Err(error) => return failure(None, error),
        },
    };
    let role = locator.role.as_ref().or(session.default_role()).cloned();
    Ok(Request { region, role, id: locator.id.clone(), version: locator.version.clone() })
}

type Answer = Result<Document, FetchFailure>;

async fn send_all(session: &mut Session, requests: Vec<Request>) -> Vec<(Request, Answer)> {
    let Some(first) = requests.first() else { return Vec::new() };
    let base = match session.base_credentials(&first.region).await {
        Ok(base) => base,
        Err(error) => {
            let failure = |region| FetchFailure { region, error: error.clone() };
            let answer = |request: Request| (request.clone(), Err(failure(Some(request.region))));
            return requests.into_iter().map(answer).collect();
        }
    };
    let roles = requests.iter().filter_map(|request| request.role.clone()).collect();
    session.assume(roles, &first.region, &base).await;
    let places = Arc::new(Semaphore::new(IN_FLIGHT));
    let patience = session.patience;
    let mut clients: BTreeMap<(Region, Option<Role>), Result<Client, FetchError>> = BTreeMap::new();
    let mut answers = Vec::new();
    let mut under_way = JoinSet::new();
    for request in requests {
        let place = (request.region.clone(), request.role.clone());
        if !clients.contains_key(&place) {
            let client = match session.credentials(place.1.as_ref(), &base) {
                Ok(credentials) => Ok(session.client(&place.0, credentials).await),
                Err(error) => Err(error),
            };
            clients.insert(place.clone(), client);
        }
        let region = Some(request.region.clone());
        match clients.get(&place) {
            Some(Ok(client)) => {
                let (client, places) = (client.clone(), Arc::clone(&places));
                under_way.spawn(async move {
                    let answer = get(&client, &request, &places, patience).await;
                    (request, answer.map_err(|error| FetchFailure { region, error }))
                });
            }
            Some(Err(error)) => answers.push((request, Err(FetchFailure { region, error: error.clone() }))),
            None => {}
        }
    }
    while let Some(joined) = under_way.join_next().await {
        match joined {
            Ok(answer) => answers.push(answer),
            // A panic of the SDK is a bug like one of ours.
            Err(error) => {
                if let Ok(panic) = error.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }
    answers
}

/// Asks until there is an answer that will not change, or no time or attempt is left; then the last reason is told.
async fn get(
    client: &Client,
    request: &Request,
    places: &Semaphore,
    patience: Patience,
) -> Result<Document, FetchError> {
    let mut last = Outage::Timeout("no answer before the time was over".to_owned());
    // The semaphore is never closed.
    let Ok(_place) = timeout_at(patience.deadline, places.acquire()).await else {
        return Err(FetchError::Unavailable(last));
    };
    for attempts in 1.. {
        let asking = client
            .get_secret_value()
            .secret_id(request.id.as_str())
            .set_version_stage(request.version.stage().map(str::to_owned))
            .set_version_id(request.version.id().map(str::to_owned));
        let asked = match timeout_at(patience.deadline, asking.send()).await {
            Err(_) => break,
            // An object without any of its names is not AWS's.
            Ok(Ok(output)) if output.name.is_none() && output.arn.is_none() && output.version_id.is_none() => {
                last = Outage::Garbled("a response that is no secret".to_owned());
                None
            }
            Ok(Ok(output)) => return document(output, &request.region),
            Ok(Err(error)) => match classify(&error) {
                Verdict::Final(error) => return Err(error),
                Verdict::Again(outage, asked) => {
                    last = outage;
                    asked
                }
            },
        };
        match patience.pause(attempts, asked, fastrand::f64()) {
            Some(pause) => tokio::time::sleep(pause).await,
            None => break,
        }
    }
    Err(FetchError::Unavailable(last))
}

fn document(output: GetSecretValueOutput, region: &Region) -> Result<Document, FetchError> {
    let body = match (output.secret_string, output.secret_binary) {
        (Some(text), _) => SecretValue::new(text),
        (None, Some(bytes)) => SecretValue::new(bytes.into_inner()),
        (None, None) => return Err(FetchError::Refused(Refusal::NoValue)),
    };
    let stages = output.version_stages.unwrap_or_default();
    Ok(Document { body, version_id: output.version_id, stages, region: Some(region.clone()) })
}

/// Two locators that differ in how they were written can be one request.
fn copy(answer: &Answer) -> Answer {
    let Document { body, version_id, stages, region } = answer.as_ref().map_err(Clone::clone)?;
    Ok(Document {
        body: SecretValue::new(body.expose()),
        version_id: version_id.clone(),
        stages: stages.clone(),
        region: region.clone(),
    })
}
