//! Start here to test against software that is not ours: secrets made and read by boto3, served by moto over HTTP.
//!
//! `make test` puts both into `.venv` (`requirements.txt` says which versions); `SECRETS_EXEC_VENV` names another place.
//! Without them these tests are skipped, as are those with nginx or tinyproxy where these are not installed. What moto gets wrong of AWS (the shape of
//! denials, throttling) is tested against the fake of AWS in `tests/it` instead.

mod daemon;
mod moto;
mod nginx;
mod proxy;
mod python;
mod tinyproxy;

mod absence;
mod accounts;
mod agent;
mod checked;
mod composed;
mod delivered;
mod formats;
mod identity;
mod naming;
mod parameters;
mod requests;
mod tls;
mod tunnels;
mod values;
mod versions;
mod whole;

pub use python::interpreter;
