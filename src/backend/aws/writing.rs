//! One secret that `migrate` creates or changes: CreateSecret, PutSecretValue, and GetSecretValue before and after.

use std::cell::Cell;

use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::own_values::without_values;
use super::protocol::{Client, SdkFailure, call, classify, read_object};
use super::request::{Limited, SecretRequest};
use super::secrets_manager::read_secret;
use super::session::Session;
use crate::model::answer::{Document, FetchError, FetchFailure, Missing, Outage, Refusal};
use crate::model::reference::{Locator, Region, SecretId, Version};
use crate::model::secret_value::SecretValue;
use crate::net::errors::host_and_port;
use crate::time::progress::Effect;
use crate::time::retry::{Retry, RetryBudget, retry};

/// A secret in its region, with the credentials of its role.
pub struct SecretWriter<'s> {
    session: &'s Session,
    client: Client,
    request: SecretRequest,
}

/// The present version of a secret.
#[derive(Debug)]
pub struct PresentSecret {
    /// `None` for a secret without a value.
    pub document: Option<Document>,
    /// True for SecretBinary.
    pub is_binary: bool,
}

/// The attributes of a new secret.
#[derive(Clone, Copy, Debug)]
pub struct NewSecret<'o> {
    pub kms_key: Option<&'o str>,
    pub tags: &'o [(String, String)],
}

/// The answer to a request that creates a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    Created,
    /// A secret of this name exists.
    Exists,
}

impl<'s> SecretWriter<'s> {
    /// Finds region and credentials.
    ///
    /// # Errors
    /// When there is no region, or there are no credentials.
    pub async fn open(session: &'s mut Session, locator: &Locator) -> Result<Self, FetchFailure> {
        let request =
            session.request(locator).await.map_err(|error| FetchFailure::new(locator.region.clone(), error))?;
        let client = client(session, &request).await;
        let client = client.map_err(|error| FetchFailure::new(Some(request.region.clone()), error))?;
        Ok(Self { session, client, request })
    }

    /// Reads the present version; `None` if the secret does not exist.
    ///
    /// # Errors
    /// Anything but an absence.
    pub async fn read(&self) -> Result<Option<PresentSecret>, FetchFailure> {
        let _awaited = self.session.deadline.progress().awaits(self.request.to_string());
        self.note_effect(Effect::None);
        let budget = self.budget("GetSecretValue");
        let read = retry(&budget, async || {
            let body = self.get(&Version::Current).await?;
            let is_binary = read_object::<BinaryOnly>(&body).is_some_and(|response| response.secret_binary.is_some());
            Ok(PresentSecret { document: Some(self.document(&body, &Version::Current)?), is_binary })
        });
        match read.await {
            Ok(secret) => Ok(Some(secret)),
            Err(FetchError::NotFound { missing: Missing::Secret, .. }) => Ok(None),
            Err(FetchError::NotFound { missing: Missing::Version, .. } | FetchError::Refused(Refusal::NoValue)) => {
                Ok(Some(PresentSecret { document: None, is_binary: false }))
            }
            Err(error) => Err(self.failure(error).await),
        }
    }

    /// Creates the secret. A repeated attempt with the same `token` creates nothing more.
    ///
    /// # Errors
    /// When AWS refuses it, or does not answer.
    pub async fn create(&self, text: &SecretValue, new: NewSecret<'_>, token: &str) -> Result<Creation, FetchFailure> {
        let _awaited = self.session.deadline.progress().awaits(format!("the creation of {}", self.request));
        let mut input = Map::from_iter([("Name".to_owned(), Value::from(self.request.id.to_string()))]);
        input.extend(content(text, token));
        input.extend(new.kms_key.map(|key| ("KmsKeyId".to_owned(), Value::from(key))));
        if !new.tags.is_empty() {
            let tag = |(key, value): &(String, String)| {
                let pair = [("Key".to_owned(), Value::from(key.as_str())), ("Value".to_owned(), value.as_str().into())];
                Value::Object(Map::from_iter(pair))
            };
            input.insert("Tags".to_owned(), new.tags.iter().map(tag).collect());
        }
        self.note_effect(Effect::Creation);
        let attempts = Cell::new(0u32);
        let budget = self.budget("CreateSecret");
        let created = retry(&budget, async || {
            attempts.set(attempts.get() + 1);
            match call(&self.client, "secretsmanager.CreateSecret", &input).await {
                Ok(_) => Ok(Creation::Created),
                Err(error) if code(&error) == Some("ResourceExistsException") => Ok(Creation::Exists),
                Err(error) => Err(without_values(text, classify(&error))),
            }
        });
        match created.await {
            // The answer to an earlier attempt may have been lost.
            Ok(Creation::Exists) if attempts.get() > 1 && self.has_version(token).await => Ok(Creation::Created),
            Ok(creation) => Ok(creation),
            Err(error) => Err(self.failure(error).await),
        }
    }

    /// Adds a version with the staging label AWSCURRENT. A repeated attempt with the same `token` adds nothing more.
    ///
    /// # Errors
    /// When AWS refuses it, or does not answer.
    pub async fn put(&self, text: &SecretValue, token: &str) -> Result<(), FetchFailure> {
        let _awaited = self.session.deadline.progress().awaits(format!("the change of {}", self.request));
        let mut input = self.secret_id();
        input.extend(content(text, token));
        self.note_effect(Effect::Change);
        let budget = self.budget("PutSecretValue");
        let put = retry(&budget, async || {
            let put = call(&self.client, "secretsmanager.PutSecretValue", &input).await;
            put.map(drop).map_err(|error| without_values(text, classify(&error)))
        });
        match put.await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.failure(error).await),
        }
    }

    /// Reads the present version until it is another than `previous`: AWS's answers lag behind a change.
    ///
    /// # Errors
    /// When it is still the previous one, or absent, at the deadline, or cannot be read.
    pub async fn read_back(&self, previous: Option<&str>) -> Result<Document, FetchFailure> {
        let _awaited = self.session.deadline.progress().awaits(format!("the new version of {}", self.request));
        self.note_effect(Effect::Written);
        let is_late = || Retry::from(Outage::Service("the new version is not there yet".to_owned()));
        let budget = self.budget("GetSecretValue");
        let read = retry(&budget, async || {
            let body = match self.get(&Version::Current).await {
                Err(Retry::Permanent(FetchError::NotFound { .. })) => return Err(is_late()),
                body => body?,
            };
            let document = self.document(&body, &Version::Current)?;
            if previous.is_some() && document.version_id.as_deref() == previous { Err(is_late()) } else { Ok(document) }
        });
        match read.await {
            Ok(document) => Ok(document),
            Err(error) => Err(self.failure(error).await),
        }
    }

    /// True if the secret has a version of this id.
    async fn has_version(&self, id: &str) -> bool {
        let version = Version::Id(id.to_owned());
        let budget = self.budget("GetSecretValue");
        let read = retry(&budget, async || {
            let body = self.get(&version).await?;
            self.document(&body, &version)
        });
        read.await.is_ok()
    }

    async fn get(&self, version: &Version) -> Result<Zeroizing<Vec<u8>>, Retry> {
        let mut input = self.secret_id();
        let version = [("VersionStage", version.stage()), ("VersionId", version.id())];
        input.extend(version.into_iter().filter_map(|(key, value)| Some((key.to_owned(), Value::from(value?)))));
        call(&self.client, "secretsmanager.GetSecretValue", &input).await.map_err(|error| classify(&error))
    }

    fn document(&self, body: &[u8], version: &Version) -> Result<Document, Retry> {
        read_secret(body, &self.request.id_in(&self.client.region), version)
    }

    fn secret_id(&self) -> Map<String, Value> {
        Map::from_iter([("SecretId".to_owned(), Value::from(self.request.id.to_string()))])
    }

    /// The region of the secret.
    pub fn region(&self) -> &Region {
        &self.request.region
    }

    /// True if the secret is named by its ARN, by which none can be created.
    pub fn has_arn(&self) -> bool {
        matches!(self.request.id, SecretId::Arn(_))
    }

    /// Notes what a signal that ends the process has to say of the secret.
    fn note_effect(&self, effect: Effect) {
        self.session.deadline.progress().note_effect(effect);
    }

    fn budget(&self, operation: &str) -> RetryBudget {
        let name = || format!("{operation} of {} at {}", self.request.id, host_and_port(&self.client.endpoint));
        self.session.budget.for_request(name)
    }

    /// Adds the region, and to a denial the caller's identity, if the message does not name it.
    async fn failure(&self, error: FetchError) -> FetchFailure {
        let error = match error {
            FetchError::Denied { message, cause, identity: None } if !message.contains("User: ") => {
                let (role, region) = (self.request.role.as_ref(), &self.request.region);
                let identity = self.session.identity(role, region, &self.client.credentials).await;
                FetchError::Denied { message, cause, identity }
            }
            error => error,
        };
        FetchFailure::new(Some(self.request.region.clone()), error)
    }
}

async fn client(session: &mut Session, request: &SecretRequest) -> Result<Client, FetchError> {
    let base = session.ready_credentials(std::slice::from_ref(request), &request.region, &Limited::default()).await?;
    session.trace_identities(&request.region, &base).await;
    let credentials = session.credentials(request.role.as_ref(), &base)?;
    session.clients.client(request.store.into(), &request.region, credentials).await
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BinaryOnly {
    secret_binary: Option<IgnoredAny>,
}

/// The text of a version, with the token that becomes its version id.
fn content(text: &SecretValue, token: &str) -> [(String, Value); 2] {
    let text = String::from_utf8_lossy(text.expose());
    [("SecretString".to_owned(), Value::from(text)), ("ClientRequestToken".to_owned(), Value::from(token))]
}

fn code<E: ProvideErrorMetadata>(error: &SdkFailure<E>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}
