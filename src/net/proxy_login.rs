//! The name and password of a proxy, which are sent once until the proxy accepts them: several rejected ones can lock an account.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::TryFutureExt;
use http::{HeaderValue, Uri};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Intercept;
use tower_service::Service;

use super::errors::{BoxError, ProxyAuthenticationRequired, find_source, host_and_port};
use super::proxy_connector::ProxyConnector;
use crate::model::library_text::{is_proxy_authorization_required, is_tunnel_refused};

/// The results of all proxies. Clones share them.
#[derive(Clone, Default)]
pub struct ProxyLogins(Arc<Mutex<HashMap<Login, Arc<tokio::sync::Mutex<LoginResult>>>>>);

/// A proxy's host and port, and its Proxy-Authorization header.
type Login = (String, HeaderValue);

#[derive(Default)]
enum LoginResult {
    #[default]
    Unknown,
    Accepted,
    Rejected(ProxyAuthenticationRequired),
}

impl ProxyLogins {
    /// Runs `action`, which sends the name and password of `proxy`, if it has them. Until one action has succeeded, others wait for its
    /// end; after status 407 none runs any more.
    ///
    /// # Errors
    /// Those of `action`, and [`ProxyAuthenticationRequired`] again.
    pub async fn run<T>(
        &self,
        proxy: &Intercept,
        action: impl Future<Output = Result<T, BoxError>>,
    ) -> Result<T, BoxError> {
        let Some(authorization) = proxy.basic_auth() else { return action.await };
        let login = (host_and_port(proxy.uri()), authorization.clone());
        let result = Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(login).or_default());
        let mut result = result.lock().await;
        match &*result {
            LoginResult::Rejected(error) => return Err(error.clone().into()),
            LoginResult::Accepted => {
                drop(result);
                return action.await;
            }
            LoginResult::Unknown => {}
        }
        let done = action.await;
        match &done {
            Ok(_) => *result = LoginResult::Accepted,
            Err(error) => {
                if let Some(error) = find_source::<ProxyAuthenticationRequired>(&**error) {
                    *result = LoginResult::Rejected(error.clone());
                }
            }
        }
        done
    }
}

/// The connector for a tunnel through a proxy.
pub struct ProxyTunnel {
    pub connector: ProxyConnector,
    pub proxy: Intercept,
    pub logins: ProxyLogins,
}

impl Service<Uri> for ProxyTunnel {
    type Response = <ProxyConnector as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let tunnel = Tunnel::new(self.proxy.uri().clone(), self.connector.clone());
        let mut tunnel = match self.proxy.basic_auth() {
            Some(authorization) => tunnel.with_auth(authorization.clone()),
            None => tunnel,
        };
        let (proxy, logins) = (self.proxy.clone(), self.logins.clone());
        Box::pin(async move {
            let tunneling = tunnel.call(to).map_err(|error| tunnel_error(error.into(), &proxy));
            logins.run(&proxy, tunneling).await
        })
    }
}

/// Replaces the text of hyper-util's errors, of a private type, about a proxy that opens no tunnel.
fn tunnel_error(error: BoxError, proxy: &Intercept) -> BoxError {
    match error.to_string() {
        text if is_tunnel_refused(&text) => {
            "the proxy refuses the tunnel or the password, or cannot reach the host".into()
        }
        text if is_proxy_authorization_required(&text) => authentication_required(proxy).into(),
        _ => error,
    }
}

/// The error for HTTP status 407 of a proxy.
pub fn authentication_required(proxy: &Intercept) -> ProxyAuthenticationRequired {
    ProxyAuthenticationRequired { proxy: host_and_port(proxy.uri()), has_password: proxy.basic_auth().is_some() }
}
