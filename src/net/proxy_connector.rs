//! Connectors for one step of a connection: TCP, the proxy, and an open TCP stream that TLS is to run over.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use tower_service::Service;

use super::dns::DnsResolver;
use super::errors::BoxError;

/// The connector for TCP.
pub type Tcp = HttpConnector<DnsResolver>;

pub type TcpStream = <Tcp as Service<Uri>>::Response;

/// A connector that returns an open stream, once: hyper-rustls takes a connector and not a stream.
pub struct Preconnected(pub Option<TcpStream>);

impl Service<Uri> for Preconnected {
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

/// The connector to a proxy, over TCP or TLS.
#[derive(Clone)]
pub enum ProxyConnector {
    Http(Tcp),
    Https(Box<HttpsConnector<Tcp>>),
}

impl Service<Uri> for ProxyConnector {
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
