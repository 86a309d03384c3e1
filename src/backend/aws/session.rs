//! The state that all requests to AWS share: the default region, the base credentials, the assumed
//! roles and the clients.
//!
//! The base credentials are the caller's, after the roles of the profile have been assumed. A
//! request's own role is assumed with the base credentials, never with those of another request's
//! role. If a role can't be assumed, all requests with this role fail. They are never sent with the
//! base credentials instead.

use std::collections::BTreeMap;
use std::rc::Rc;

use tokio::sync::OnceCell;

use super::config::{Settings, apply_profile};
use super::credentials::{
    Access, CallerIdentity, Kept, ask_for_missing_code, assume_role, explain_refused_credentials,
    find_credentials, instance_region, is_current, misconfigured, provider_of, request_caller_arn,
    use_stored_session,
};
use super::endpoints::Api;
use super::service_client::{Client, Clients};
use crate::model::answer::{Answer, Answers, Caller, Document};
use crate::model::message::{
    AwsDefaults, Cause, FetchError, FetchResult, Placed, Problem, Record, Unsigned,
};
use crate::model::reference::{Arn, Locator, Region, Role};
use crate::time::{Deadline, RetryBudget};

/// What to read, and the region and role to read it with.
pub type Request = Locator<Region>;

impl Request {
    /// Pairs the request with its answer. An error becomes a failure in the request's region.
    pub fn answered(self, found: FetchResult<Document>) -> (Self, Answer) {
        let answer = found.map_err(|error| error.in_region(Some(self.region.clone())));
        (self, answer)
    }
}

/// Requests and their answers, in any order.
pub(super) type AnsweredRequests = Vec<(Request, Answer)>;

/// What all requests share. The region, the base credentials and the credentials of each role are
/// looked up when they are first needed, and then reused.
pub(super) struct Session {
    pub(super) access: Access,
    /// The region from the instance metadata service. Empty until a request needs it.
    region: OnceCell<FetchResult<Region>>,
    /// The callers by role. The caller without a role has the base credentials.
    callers: BTreeMap<Option<Role>, CallerCell>,
}

/// The cell is empty until the search for credentials, or the attempt to assume the role, has
/// ended.
type CallerCell = OnceCell<FetchResult<CallerIdentity>>;

impl Session {
    /// Reads AWS's configuration files, and asks the user for an MFA code if a role of the profile
    /// needs one. Waits for the user's answer without a time limit.
    ///
    /// Doesn't ask if the AWS CLI has stored a valid session of the role, or if the code is already
    /// in `kept`.
    pub fn open(
        mut settings: Settings,
        deadline: Deadline,
        kept: Rc<Kept>,
    ) -> Result<Self, Problem> {
        let progress = &deadline.progress;
        let awaited = progress.awaits("the AWS configuration files".to_owned());
        let mut chain = apply_profile(&mut settings, progress)?;
        for Placed { value, place } in &settings.options.fallback_regions {
            if let Some(help) = value.misspelling_remedy() {
                let text = format!("{place} names the unknown AWS region \"{value}\"");
                progress.add(Record::warning(text).help(help));
            }
        }
        // With `--on-rotation`, a stored session isn't used, because it would expire while the
        // launch keeps polling.
        if !settings.purpose.is_unattended
            && let (Some(chain), Some(directory)) = (&mut chain, &settings.config_files.sessions)
        {
            use_stored_session(chain, directory, progress);
        }
        // The files have been read. From here on, we can only be waiting for the user.
        drop(awaited);

        let mut base = CallerCell::new();
        let serial = chain
            .iter()
            .flat_map(|chain| &chain.roles)
            .find_map(|role| role.mfa_serial.as_ref());
        if let Some(serial) = serial {
            let profile = settings.profile_name();
            if settings.purpose.is_unattended {
                let text = format!(
                    "the AWS profile {profile:?} needs an MFA code (mfa_serial), but with --on-rotation, secrets-exec can't ask for a new code later"
                );
                return Err(Problem::configuration(text)
                    .help("use a profile or a role that doesn't need an MFA code"));
            }
            // Without a code, the error replaces the base credentials, so every request fails with
            // it.
            let asked = ask_for_missing_code(&kept.mfa_code, serial, profile, &deadline);
            base = OnceCell::new_with(asked.err().map(Err));
        }

        let access = Access {
            clients: Clients::new(settings.endpoints.clone(), &settings.http),
            budget: RetryBudget::new(deadline, settings.max_attempts),
            settings,
            chain,
            kept,
            sts_regions: Vec::new(),
        };
        Ok(Self {
            access,
            region: OnceCell::new(),
            callers: BTreeMap::from([(None, base)]),
        })
    }

    /// True if AWS refused the credentials of a session that the AWS CLI stored for a role.
    pub(super) fn is_stored_and_refused(&self, answers: &Answers) -> bool {
        use Unsigned::{Refused, RefusedForRole};
        let chain = self.access.chain.as_ref();
        if !chain.is_some_and(|chain| chain.source.is_stored_session()) {
            return false;
        }
        answers
            .values()
            .filter_map(|answer| answer.as_ref().err())
            .map(FetchError::cause)
            .any(|cause| matches!(cause, Cause::NoCredentials(Refused | RefusedForRole)))
    }

    /// True if the base credentials were found and haven't expired.
    pub(super) fn has_credentials(&self) -> bool {
        self.callers.get(&None).is_some_and(is_usable)
    }

    /// Forgets failed endpoints, a failed search for the region, and roles that couldn't be assumed
    /// or whose credentials have expired.
    ///
    /// Call this only if [`Self::has_credentials`] is true, because a search for other base
    /// credentials would need a new session.
    pub fn forget_failures(&mut self) {
        self.access.clients.forget_failures();
        if matches!(self.region.get(), Some(Err(_))) {
            self.region.take();
        }
        self.callers.retain(|_, caller| is_usable(caller));
    }

    /// The request for a locator, with the defaults if it names no region or role. May ask the
    /// instance metadata service for the region.
    pub(super) async fn request_for(&self, locator: &Locator) -> FetchResult<Request> {
        let Access {
            settings,
            clients,
            budget,
            ..
        } = &self.access;
        let locator = settings.with_defaults(locator);
        if let Some(region) = locator.region.clone() {
            return Ok(locator.in_region(region));
        }
        let found = self.region.get_or_init(async || {
            let _awaited = budget.progress().awaits("the AWS region".to_owned());
            // Boxed, because the SDK's client makes this future large.
            Box::pin(instance_region(&settings.metadata, clients, budget))
                .await
                .map_err(|error| error.help(settings.region_help()))
        });
        Ok(locator.in_region(found.await.clone()?))
    }

    /// Searches for the base credentials, and prepares the roles of `requests` for
    /// [`Self::identity_for`].
    ///
    /// Only the first call searches. If it fails, later calls fail, too. Asks STS in the configured
    /// region or, without one, in the first request's region, and after that in the fallback
    /// regions.
    pub(super) async fn prepare_credentials(&mut self, requests: &[Request]) -> FetchResult<()> {
        let access = &mut self.access;
        let first = requests.first().map(|request| &request.region);
        let Some(region) = access.settings.region().or(first) else {
            return Ok(());
        };
        access.sts_regions = access.settings.regions(region);
        for request in requests {
            self.callers.entry(request.role.clone()).or_default();
        }

        let base = self.callers.entry(None).or_default();
        let found = base.get_or_init(async || {
            let _awaited = access
                .budget
                .progress()
                .awaits("AWS credentials".to_owned());
            let credentials = find_credentials(access).await?;
            Ok(CallerIdentity::new(credentials, None))
        });
        found.await.as_ref().map(|_| ()).map_err(Clone::clone)
    }

    /// Assumes a role with the base credentials. After an outage, asks STS in the next region.
    async fn assume(&self, role: &Role) -> FetchResult<CallerIdentity> {
        let name = format!("the role {}", role.arn);
        let _awaited = self.access.budget.progress().awaits(name);
        let base = self.known_identity(&None)?;
        assume_role(&self.access, &base.credentials, role).await
    }

    /// The credentials of a role or, without a role, the base credentials. The first call for a
    /// role assumes it. Fails for a role that [`Self::prepare_credentials`] hasn't prepared.
    pub(super) async fn identity_for(&self, role: &Option<Role>) -> FetchResult<&CallerIdentity> {
        if let Some(assumed) = role
            && let Some(caller) = self.callers.get(role)
        {
            // The result stays in the cell, where `known_identity` finds it.
            //
            // Boxed, so that the future for each secret doesn't reserve space for assuming a role.
            Box::pin(caller.get_or_init(|| self.assume(assumed))).await;
        }
        self.known_identity(role)
    }

    /// The credentials that were already found for a role or, without a role, the base credentials.
    pub(super) fn known_identity(&self, role: &Option<Role>) -> FetchResult<&CallerIdentity> {
        match self.callers.get(role).and_then(OnceCell::get) {
            Some(found) => found.as_ref().map_err(Clone::clone),
            None => Err(misconfigured("these credentials weren't requested")),
        }
    }

    /// If AWS refused the credentials of `role` or, without a role, the base credentials, adds what
    /// is wrong with them and where they come from.
    pub(super) fn explain_refused_credentials(
        &self,
        role: &Option<Role>,
        error: FetchError,
    ) -> FetchError {
        match self.known_identity(role) {
            Ok(caller) => explain_refused_credentials(error, &caller.credentials),
            Err(_) => error,
        }
    }

    /// Asks STS who the caller is, with the base credentials and with each role. Asks only once,
    /// and only for `check` or with `-vv`, which prints the answers. May assume the roles.
    pub(super) async fn trace_identities(&self, region: &Region) {
        let progress = self.access.budget.progress();
        let is_needed = progress.is_traced() || self.access.settings.purpose.asks_identity;
        let base = self.known_identity(&None);
        let is_traced_already = base.is_ok_and(|base| base.arn.initialized());
        if !is_needed || is_traced_already {
            return;
        }

        for role in self.callers.keys() {
            let arn = self.caller_arn(role, region).await;
            progress.trace(|| {
                let who = match role {
                    Some(role) => format!("the caller with the role {}", role.arn),
                    None => "the caller".to_owned(),
                };
                match &arn {
                    Some(arn) => format!("AWS says that {who} is {arn}"),
                    None => format!("AWS didn't say who {who} is"),
                }
            });
        }
    }

    /// The ARN and account of the default role or, without one, of the caller, and the provider of
    /// the caller's credentials. Sends no request.
    pub fn caller(&self) -> Option<Caller> {
        let base = self.known_identity(&None).ok()?;
        let provider = provider_of(&base.credentials)?.json_name();
        let role = &self.access.settings.options.role;
        let arn = self.known_identity(role).ok()?.arn.get().cloned().flatten();
        // The account is the fifth field: arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION.
        let account = arn.as_ref().and_then(|arn| arn.split(':').nth(4));
        Some(Caller {
            account: account.map(str::to_owned),
            arn,
            credentials: provider,
        })
    }

    /// What messages say about where secrets were looked up: what has set the region, and the
    /// account.
    ///
    /// The account is taken from a role's ARN, so no request is needed. Without a role, the
    /// provider of the credentials is named instead.
    pub fn defaults(&self) -> Option<AwsDefaults> {
        let Access {
            settings, chain, ..
        } = &self.access;
        let region_source = match &settings.region {
            Some(region) => region.place.to_string(),
            None => "the instance metadata".to_owned(),
        };

        // The role that is assumed last: the default role or the last of the caller's roles.
        let caller_roles = settings.caller_roles(chain.as_ref());
        let last_role = settings
            .options
            .role
            .as_ref()
            .map(|role| &role.arn)
            .or(caller_roles.last());
        let account = match last_role.and_then(Arn::account) {
            Some(account) => account.to_owned(),
            None => {
                let base = self.known_identity(&None).ok()?;
                let provider = provider_of(&base.credentials)?;
                format!("from {provider}")
            }
        };
        Some(AwsDefaults {
            region_source,
            account,
        })
    }

    /// The client for a service in a region, with the credentials of `caller`. The first call
    /// creates it.
    pub async fn client(
        &self,
        caller: &CallerIdentity,
        api: Api,
        region: &Region,
    ) -> FetchResult<Rc<Client>> {
        for client in caller.clients.borrow().iter() {
            if client.api == api && client.region == *region {
                return Ok(Rc::clone(client));
            }
        }

        let credentials = Some(&caller.credentials);
        let client = Rc::new(self.access.clients.client(api, region, credentials).await?);
        caller.clients.borrow_mut().push(Rc::clone(&client));
        Ok(client)
    }

    /// The ARN of the caller or of `role`, for which STS is asked once. Assumes `role` if
    /// necessary.
    pub(super) async fn caller_arn(&self, role: &Option<Role>, region: &Region) -> Option<String> {
        let caller = self.identity_for(role).await.ok()?;
        let arn = caller.arn.get_or_init(async || {
            let client = self.client(caller, Api::Sts, region).await.ok()?;
            request_caller_arn(&client, &self.access.budget).await
        });
        arn.await.clone()
    }
}

fn is_usable(caller: &CallerCell) -> bool {
    matches!(caller.get(), Some(Ok(caller)) if is_current(&caller.credentials))
}
