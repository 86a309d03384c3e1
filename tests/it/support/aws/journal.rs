//! The requests that the fake has received, and the gates at which its responses wait.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::LIMIT;
use super::http::Request;

/// One request as it was received.
#[derive(Clone, Debug)]
pub struct Call {
    request: Request,
}

impl From<Request> for Call {
    fn from(request: Request) -> Self {
        Self { request }
    }
}

impl Call {
    /// The operation, such as `GetSecretValue` or `AssumeRole`, or the path of a GET.
    pub fn operation(&self) -> String {
        match self.header("x-amz-target") {
            Some(target) => target.rsplit('.').next().unwrap().to_owned(),
            None => self
                .form()
                .remove("Action")
                .unwrap_or_else(|| self.request.path.split('?').next().unwrap().to_owned()),
        }
    }

    /// The path with the query.
    pub fn path(&self) -> &str {
        &self.request.path
    }

    pub fn secret_id(&self) -> String {
        self.member("SecretId").expect("a SecretId")
    }

    pub fn stage(&self) -> Option<String> {
        self.member("VersionStage")
    }

    pub fn version_id(&self) -> Option<String> {
        self.member("VersionId")
    }

    /// The region in the scope of the signature.
    pub fn region(&self) -> String {
        self.scope(2)
    }

    /// The region in the scope of the signature. `None` if the request isn't signed.
    pub fn signed_region(&self) -> Option<String> {
        let is_signed = self.header("authorization")?.contains("Credential=");
        is_signed.then(|| self.region())
    }

    /// The members of the request's body, or null if the body isn't JSON.
    pub fn body(&self) -> Value {
        serde_json::from_slice(&self.request.body).unwrap_or_default()
    }

    /// The names in a GetParameters request.
    pub fn names(&self) -> Vec<String> {
        serde_json::from_value(self.body()["Names"].take()).expect("names")
    }

    /// The access key id of the signature.
    pub fn access_key(&self) -> String {
        self.scope(0)
    }

    /// The account of the signer. For an assumed role, that is the account of the role, which the
    /// fake writes into the session token.
    pub fn account(&self) -> String {
        let role = self
            .header("x-amz-security-token")
            .and_then(|token| token.rsplit('/').next());
        role.filter(|account| account.len() == 12)
            .unwrap_or("123456789012")
            .to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.request.headers.get(name).map(String::as_str)
    }

    /// The fields of a form. STS gets its parameters like this.
    pub fn form(&self) -> BTreeMap<String, String> {
        fields(&String::from_utf8_lossy(&self.request.body))
    }

    /// The fields of the query. The agent gets its parameters like this.
    pub fn query(&self) -> BTreeMap<String, String> {
        fields(
            self.request
                .path
                .split_once('?')
                .map_or("", |(_, query)| query),
        )
    }

    fn member(&self, name: &str) -> Option<String> {
        self.body()[name].as_str().map(str::to_owned)
    }

    /// A field in the credential scope of the signature: access key, date, region or service.
    fn scope(&self, field: usize) -> String {
        let authorization = self.header("authorization").expect("a signature");
        let (_, scope) = authorization.split_once("Credential=").unwrap();
        scope.split('/').nth(field).unwrap().to_owned()
    }
}

fn fields(text: &str) -> BTreeMap<String, String> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let fields = text.split('&').filter_map(|field| field.split_once('='));
    fields
        .map(|(name, value)| (name.to_owned(), decoded(value)))
        .collect()
}

/// The requests, connections and gates of one server.
#[derive(Default)]
pub struct Journal {
    record: Mutex<Record>,
    changed: Condvar,
}

#[derive(Default)]
pub struct Record {
    pub calls: Vec<Call>,
    /// The ALPN protocols that each connection offered.
    pub protocols: Vec<Vec<String>>,
    in_flight: usize,
    pub most_in_flight: usize,
    released: bool,
    stopped: bool,
}

impl Journal {
    pub fn connected(&self, protocols: Vec<String>) {
        self.record().protocols.push(protocols);
    }

    /// Records a request, which is in flight from now on.
    pub fn arrived(&self, call: Call) {
        let mut record = self.record();
        record.calls.push(call);
        record.in_flight += 1;
        record.most_in_flight = record.most_in_flight.max(record.in_flight);
        self.changed.notify_all();
    }

    pub fn answered(&self) {
        self.record().in_flight -= 1;
    }

    /// Waits until `count` requests have been in flight at the same time, and for another 100 ms,
    /// so that further requests would be counted as well.
    pub fn gather(&self, count: usize) {
        if count > 0 {
            self.wait_until(|record| record.most_in_flight >= count);
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until the test releases the responses. Returns false if the server stops first.
    pub fn hold(&self) -> bool {
        let record = self.record();
        let over = |record: &mut Record| !record.released && !record.stopped;
        self.changed.wait_while(record, over).unwrap().released
    }

    /// Waits until the server stops, and returns `None`.
    pub fn hang<T>(&self) -> Option<T> {
        let waited = self
            .changed
            .wait_while(self.record(), |record| !record.stopped);
        drop(waited.unwrap());
        None
    }

    pub fn release(&self) {
        self.record().released = true;
        self.changed.notify_all();
    }

    pub fn stop(&self) {
        self.record().stopped = true;
        self.changed.notify_all();
    }

    /// Waits until at least `count` requests have arrived.
    pub fn await_calls(&self, count: usize) {
        let arrived = self.wait_until(|record| record.calls.len() >= count);
        assert!(arrived, "fewer than {count} requests arrived");
    }

    /// Waits until a condition is true. Returns false if it isn't true at the limit, or if the
    /// server stops first.
    fn wait_until(&self, reached: impl Fn(&Record) -> bool) -> bool {
        let pending = |record: &mut Record| !reached(record) && !record.stopped;
        let waited = self
            .changed
            .wait_timeout_while(self.record(), LIMIT, pending);
        reached(&waited.unwrap().0)
    }

    pub fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap()
    }
}
