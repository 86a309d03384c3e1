//! Tests against third-party software: secrets that boto3 creates and reads, served by moto over HTTP.
//!
//! `make test` installs both into `.venv`, in the versions of `requirements.txt`; `SECRETS_EXEC_VENV` names another
//! venv. Without them these tests are skipped, as are those with nginx or tinyproxy where these are not installed.
//! Policies are judged by packages of npm, of `package.json`, in `.node` or the folder that `SECRETS_EXEC_NODE` names.
//! Answers in which moto differs from AWS (denials, throttling) are tested against the fake of AWS in
//! `tests/it/support` instead.

mod daemon;
mod moto;
mod nginx;
mod node;
mod postgres;
mod python;
mod shared;
mod tinyproxy;

mod account;
mod adopting;
mod agent;
mod check;
mod checked;
mod delivered;
mod differential;
mod endpoints;
mod exports;
mod metadata;
mod migrated;
mod pattern;
mod policies;
mod profiles;
mod rotation;
mod tls;
mod tunnels;
mod tutorial;

pub use python::interpreter;
