//! Tunnels through a proxy (CONNECT), and its name and password: several rejected ones can lock an account.

use std::sync::Arc;

use http::Uri;
use hyper::rt::{Read, Write};
use hyper_util::client::proxy::matcher::Intercept;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Mutex;

use super::errors::{BoxError, ProxyAuthenticationRequired, find_source, host_and_port};

/// The limit for the head of the proxy's answer, in bytes.
const MAX_HEAD: usize = 8 * 1024;

/// The proxy's answer to the name and password; `None` until the proxy has answered. Clones share it.
#[derive(Clone, Default)]
pub struct ProxyLogin(Arc<Mutex<Option<Result<(), ProxyAuthenticationRequired>>>>);

impl ProxyLogin {
    /// Runs `action`, which sends the name and password of `proxy`, if any. Actions run one after the other until one has succeeded; after
    /// status 407 no action runs.
    ///
    /// # Errors
    /// The errors of `action`, and [`ProxyAuthenticationRequired`] again.
    pub async fn run<T>(
        &self,
        proxy: &Intercept,
        action: impl Future<Output = Result<T, BoxError>>,
    ) -> Result<T, BoxError> {
        if proxy.basic_auth().is_none() {
            return action.await;
        }
        let mut answer = self.0.lock().await;
        match &*answer {
            Some(Err(rejected)) => return Err(rejected.clone().into()),
            Some(Ok(())) => {
                drop(answer);
                return action.await;
            }
            None => {}
        }
        let done = action.await;
        *answer = match &done {
            Ok(_) => Some(Ok(())),
            Err(error) => find_source::<ProxyAuthenticationRequired>(&**error)
                .cloned()
                .map(Err),
        };
        done
    }
}

/// Asks `proxy` at the other end of `stream` for a tunnel. Of its answer only the status counts, so that no header hides status 407.
///
/// # Errors
/// [`ProxyAuthenticationRequired`], or a text for any other answer than status 200.
pub async fn open_tunnel<S: Read + Write + Unpin>(
    stream: S,
    to: &Uri,
    proxy: &Intercept,
) -> Result<S, BoxError> {
    let host = format!(
        "{}:{}",
        to.host().unwrap_or_default(),
        to.port_u16().unwrap_or(443)
    );
    let mut request = format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n").into_bytes();
    if let Some(authorization) = proxy.basic_auth() {
        request.extend([b"Proxy-Authorization: ", authorization.as_bytes(), b"\r\n"].concat());
    }
    request.extend(b"\r\n");
    let mut stream = TokioIo::new(stream);
    stream.write_all(&request).await?;
    let mut head = Vec::with_capacity(MAX_HEAD);
    loop {
        let count = stream.read_buf(&mut head).await?;
        match status(&head) {
            Some(b"407") => return Err(authentication_required(proxy).into()),
            Some(b"200") if head.windows(4).any(|end| end == b"\r\n\r\n") => {
                return Ok(stream.into_inner());
            }
            Some(b"200") | None if count > 0 && head.len() < MAX_HEAD => {}
            Some(b"200" | b"") | None => {
                return Err("the proxy's answer is not HTTP, cut short or too long".into());
            }
            Some(status) => {
                return Err(format!(
                    "the proxy answers with HTTP status {}",
                    status.escape_ascii()
                )
                .into());
            }
        }
    }
}

/// The three digits of the status; empty if the answer is not HTTP, `None` before they are complete.
fn status(head: &[u8]) -> Option<&[u8]> {
    let (version, rest) = head.split_at_checked(9)?;
    let is_http = version.starts_with(b"HTTP/1.") && version.ends_with(b" ");
    if is_http { rest.get(..3) } else { Some(b"") }
}

/// The error for HTTP status 407 of a proxy.
pub fn authentication_required(proxy: &Intercept) -> ProxyAuthenticationRequired {
    ProxyAuthenticationRequired {
        proxy: host_and_port(proxy.uri()),
        has_password: proxy.basic_auth().is_some(),
    }
}
