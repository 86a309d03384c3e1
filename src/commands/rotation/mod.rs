//! `secrets-exec --on-rotation … -- COMMAND`: runs the command as a child process, and restarts,
//! signals or stops it when a secret changes.
//!
//! The files of this folder:
//!
//! - `parent` is the process that stays. It has one thread and keeps no values, credentials or
//!   connections.
//! - `child` is a trial (the first start or a poll): a launch in a forked process that waits for
//!   its parent at a gate before it becomes the command.
//! - `fingerprint` has what a trial sends about its values: hashes and versions.
//! - `notices` prints the messages of the parent.
//!
//! The life of a poll:
//!
//! ```text
//! command             parent                           trial
//!    │                   │ the timer elapses: fork
//!    │                   ├───────────────────────────────▶│ reads the values,
//!    │                   │                                │ writes the files under temporary names
//!    │                   │◀── Ready (hashes, versions) ───┤ waits at its gate for one byte
//!    │                   │
//!    │                   │ unchanged:                     ┴ ends
//!    │                   │
//!    │                   │ changed, restart:
//!    │◀─ the stop signal ┤
//!    ┴─ ends ───────────▶│
//!                        ├── opens the gate ─────────────▶│ renames the files
//!                        │◀── Delivered (paths, inodes) ──┤ execve closes the socket
//!                        │◀── the end of file ────────────┤
//!                        │                                │ command
//! ```
//!
//! With `signal=NAME`, the parent opens the gate while the command runs, and the trial ends after
//! `Delivered`. With `exit`, the parent closes the gate, which ends the trial, before it sends the
//! stop signal. For the first start, it opens the gate immediately.
//!
//! The parent always passes signals on to the command, except for the signal of `--poll-signal`. A
//! poll has its own process group, which becomes the command's group when the gate opens. Between
//! the gate and execve, the trial blocks SIGTERM (`system/lifecycle`). A SIGTERM that arrives then
//! ends the trial before it renames the files, or right before execve.

mod child;
mod fingerprint;
mod notices;
mod parent;

pub use parent::supervise;
