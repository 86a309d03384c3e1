//! The connection to AWS: routes and names, TLS and trust, proxies, and answers that are no HTTP.

mod proxy;
mod routes;
mod trust;
mod wire;
