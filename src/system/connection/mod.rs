//! The connection of systemd's `LoadCredential=` (systemd.exec(5)), which ends with the whole value or with a refusal.
//!
//! systemd takes a connection that is closed without data for an empty credential and starts the unit, and it refuses what is longer than
//! 1 MiB. So each end of the process without an answer, a signal's too, first sends more than that.

mod client;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

pub use client::{AnswerError, NoConnection};
#[cfg(target_os = "linux")]
pub use linux::{answer, await_hang_up, peer, refuse, refuse_by_signal, take};
#[cfg(not(target_os = "linux"))]
pub use other::{answer, await_hang_up, peer, refuse, refuse_by_signal, take};
