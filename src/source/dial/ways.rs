//! What a connection can be made over: a connection that is there, or the way to a proxy.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use tower_service::Service;

use super::Tcp;
use crate::source::transport::BoxError;

/// A plain connection.
pub(super) type TcpStream = <Tcp as Service<Uri>>::Response;

/// A connection that is there, in the place of a way to one.
pub(super) struct Established(pub(super) Option<TcpStream>);

impl Service<Uri> for Established {
    type Response = TcpStream;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<TcpStream>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        std::future::ready(self.0.take().ok_or_else(|| io::ErrorKind::NotConnected.into()))
    }
}

/// The way to a proxy, which may itself be over TLS.
#[derive(Clone)]
pub(super) enum ToProxy {
    Http(Tcp),
    Https(Box<HttpsConnector<Tcp>>),
}

impl Service<Uri> for ToProxy {
    type Response = MaybeHttpsStream<TcpStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        match self {
            Self::Http(tcp) => {
                let connecting = tcp.call(to);
                Box::pin(async move { Ok(MaybeHttpsStream::Http(connecting.await?)) })
            }
            Self::Https(https) => https.call(to),
        }
    }
}
