//! The state that all requests to AWS share: the default region, the base credentials, the assumed
//! roles and the clients.
//!
//! The base credentials are the caller's credentials, after the roles of the profile have been
//! assumed. A request can have a role of its own, which is assumed with the base credentials, never
//! with the credentials of another request's role. If a role can't be assumed, all requests with
//! this role fail. They are never sent with the base credentials instead.

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
    CallerAccount, Cause, FetchError, FetchResult, LookedUp, Placed, Problem, Record, Unsigned,
};
use crate::model::reference::{Arn, Locator, Region, Role};
use crate::time::{Deadline, RetryBudget};

/// What to read, in which region, and with which role. The region and the role may be the defaults.
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

/// A session with AWS. The region, the base credentials and the credentials of each role are looked
/// up when they are first needed, and then reused.
pub(super) struct Session {
    pub(super) access: Access,
    /// The region that the instance metadata service returned, or the error if it returned none.
    /// The cell is empty until a request needs this region.
    region: OnceCell<FetchResult<Region>>,
    /// The callers by their roles. The caller without a role has the base credentials, with which
    /// the roles of requests are assumed.
    callers: BTreeMap<Option<Role>, CallerCell>,
}

/// A caller's credentials with their identity, or the error if none were found. The cell is empty
/// until the search has ended.
type CallerCell = OnceCell<FetchResult<CallerIdentity>>;

impl Session {
    /// Opens a session: reads AWS's configuration files, and asks the user for an MFA code if a
    /// role of the profile needs one.
    ///
    /// Doesn't ask if the AWS CLI has stored a valid session of the role, or if the code is already
    /// in `kept`. Waits for the answer without a time limit.
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
        // A launch with `--on-rotation` doesn't use a stored session, which would expire while the
        // launch keeps polling for rotations.
        if !settings.purpose.is_unattended
            && let (Some(chain), Some(directory)) = (&mut chain, &settings.config_files.sessions)
        {
            use_stored_session(chain, directory, progress);
        }
        // The configuration files have been read. From here on, we can only be waiting for the
        // user.
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
            // Without a code, the error is stored instead of the base credentials, so every request
            // fails with it.
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

    /// True if the credentials come from a session that the AWS CLI stored for a role, and at least
    /// one answer says that AWS refused them.
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

    /// Forgets everything that failed, so that the next fetch tries it again.
    ///
    /// This includes failed endpoints, a failed search for the region, and roles that couldn't be
    /// assumed or whose credentials have expired. Call this only if [`Self::has_credentials`] is
    /// true, because a search for other base credentials would need a new session.
    pub fn forget_failures(&mut self) {
        self.access.clients.forget_failures();
        if matches!(self.region.get(), Some(Err(_))) {
            self.region.take();
        }
        self.callers.retain(|_, caller| is_usable(caller));
    }

    /// Builds the request for a locator, with the default region and role if the locator doesn't
    /// name its own. If no default region is configured, the first call asks the instance metadata
    /// service for one.
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

    /// Assumes a role with the base credentials, and returns the role's credentials. After an
    /// outage, asks STS in the next region.
    async fn assume(&self, role: &Role) -> FetchResult<CallerIdentity> {
        let name = format!("the role {}", role.arn);
        let _awaited = self.access.budget.progress().awaits(name);
        let base = self.known_identity(&None)?;
        assume_role(&self.access, &base.credentials, role).await
    }

    /// The credentials of a role or, without a role, the base credentials. The first call for a
    /// role assumes it. Fails for a role that wasn't in the requests of
    /// [`Self::prepare_credentials`].
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
    /// Fails if they weren't found. Doesn't send a request.
    pub(super) fn known_identity(&self, role: &Option<Role>) -> FetchResult<&CallerIdentity> {
        match self.callers.get(role).and_then(OnceCell::get) {
            Some(found) => found.as_ref().map_err(Clone::clone),
            None => Err(misconfigured("these credentials weren't requested")),
        }
    }

    /// If AWS refused the credentials, adds to the error what is wrong with them and where they
    /// come from.
    ///
    /// They are the credentials of `role` or, without a role, the base credentials. Any other error
    /// stays as it is.
    pub(super) fn explain_refused(&self, role: &Option<Role>, error: FetchError) -> FetchError {
        let caller = self.known_identity(role).ok();
        explain_refused_credentials(error, caller.map(|caller| &caller.credentials))
    }

    /// Asks STS who the caller is, with the base credentials and with each role. Does so only once,
    /// and only for `check` or with `-vv`. With `-vv`, also prints the answers. May assume the
    /// roles.
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

    /// Describes the caller: its ARN and its account, and the provider of its credentials.
    ///
    /// With a default role, the ARN and the account belong to this role. Doesn't send a request.
    pub fn caller(&self) -> Option<Caller> {
        let base = self.known_identity(&None).ok()?;
        let (provider, _) = provider_of(&base.credentials)?.words();
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

    /// Describes, for messages, where secrets were looked up: where the region is set, and the
    /// account.
    ///
    /// The account is taken from a role's ARN, so no request is needed. Without a role, the
    /// provider of the credentials is named instead of the account.
    pub fn looked_up(&self) -> Option<LookedUp> {
        let Access {
            settings, chain, ..
        } = &self.access;
        let configured = settings.region.as_ref();
        let region_place = configured.map(|region| region.place.clone());

        // The account belongs to the role that is assumed last: the default role or, without one,
        // the last of the caller's roles.
        let caller_roles = settings.caller_roles(chain.as_ref());
        let last_role = settings
            .options
            .role
            .as_ref()
            .map(|role| &role.arn)
            .or(caller_roles.last());
        let account = match last_role.and_then(Arn::account) {
            Some(account) => CallerAccount::Id(account.to_owned()),
            None => {
                let base = self.known_identity(&None).ok()?;
                let provider = provider_of(&base.credentials)?;
                CallerAccount::OfCredentials(provider.to_string())
            }
        };
        Some(LookedUp {
            region_place,
            account,
        })
    }

    /// The client for a service in a region, with the credentials of `caller`. Only the first call
    /// creates a client. Later calls return the same one.
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

    /// Asks STS for the caller's ARN, and keeps the answer for later calls.
    ///
    /// Uses the credentials of `role`, and assumes the role if necessary. Without a role, uses the
    /// base credentials.
    pub(super) async fn caller_arn(&self, role: &Option<Role>, region: &Region) -> Option<String> {
        let caller = self.identity_for(role).await.ok()?;
        let arn = caller.arn.get_or_init(async || {
            let client = self.client(caller, Api::Sts, region).await.ok()?;
            request_caller_arn(&client, &self.access.budget).await
        });
        arn.await.clone()
    }
}

/// True if the credentials were found and haven't expired.
fn is_usable(caller: &CallerCell) -> bool {
    matches!(caller.get(), Some(Ok(caller)) if is_current(&caller.credentials))
}
