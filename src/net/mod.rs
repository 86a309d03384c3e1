//! Connections to AWS, to metadata services and to the agent. A URL and a request go in, and a
//! response or a [`FetchError`](crate::model::answer::FetchError) comes out:
//!
//! ```text
//! http ──▶ connector ──▶ DNS ──▶ TCP ──▶ proxy (a tunnel, if there is a proxy) ──▶ tls ──▶ the host
//! ```
//!
//! AWS's protocol, retries and credentials are not handled here. A failure names the host or the
//! proxy, and never a password.

pub mod connector;
pub mod errors;
pub mod http;
pub mod proxy;
pub mod tls;
