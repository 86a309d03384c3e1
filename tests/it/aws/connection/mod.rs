//! The connection to AWS: routes and names, TLS and trust, proxies, and answers that aren't HTTP.

mod proxy;
mod routes;
mod trust;
mod wire;
