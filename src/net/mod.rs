//! Connections to AWS, to metadata services and to the agent: DNS, proxies, TLS and HTTP.

pub mod certificate;
pub mod connections;
pub mod dns;
pub mod errors;
pub mod http;
pub mod proxy;
pub mod tls;
