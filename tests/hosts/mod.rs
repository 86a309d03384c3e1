//! Tests on real hosts: containers of podman and of Docker's engine, units of systemd, and a
//! statically linked binary.
//!
//! Only `make test-hosts` runs them. First [`prepare`](prepare) makes the images from Debian
//! packages and `Dockerfile.example`. If that isn't possible, these tests are skipped.
//! [`podman::Container`] builds one run of a container, as the sandbox builds a launch elsewhere,
//! and [`systemd::Systemd`] runs the units.

mod podman;
mod systemd;

mod containers;
mod documented;
mod example;
mod hardened;
mod lambda;
mod network;
mod packages;
mod pages;
mod pods;
mod readme;
mod restart;
mod rotating;
mod units;
