//! Tests on real hosts: containers by podman and by Docker's engine, units of systemd, and a statically linked binary.
//!
//! `make test-hosts` alone runs them: [`prepare`](prepare) first makes the images from Debian packages and
//! `Dockerfile.example`. Where it cannot, these tests are skipped. [`podman::Container`] is the builder of one run, as
//! the sandbox is elsewhere; [`systemd::Systemd`] runs every unit.

mod podman;
mod systemd;

mod containers;
mod credential;
mod documented;
mod example;
mod hardened;
mod loading;
mod network;
mod packages;
mod pages;
mod pods;
mod restart;
mod rotating;
mod units;
