//! Start here to test on real hosts: containers by podman, units of a real systemd, a binary that is linked statically.
//!
//! They run by `make test-hosts` alone: [`prepare`](prepare) makes the images first, from Debian packages and `Dockerfile.example`.
//! Where it cannot, it says what is skipped and why, and so does each group here. [`podman::Container`] states one run, as
//! the sandbox does elsewhere; [`systemd::Systemd`] is the one that every unit is given to.

mod podman;
mod systemd;

mod confined;
mod credential;
mod example;
mod hardened;
mod network;
mod restart;
mod scratch;
mod shown;
mod stopping;
mod units;
