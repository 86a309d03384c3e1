//! `secrets-exec --on-rotation … -- COMMAND`: runs the command as a child process, and restarts,
//! signals or stops it when a secret changes.
//!
//! The files of this folder:
//!
//! - `parent` is the process that stays. It has one thread and keeps no values, credentials or
//!   connections.
//! - `child` is a trial: a launch in a forked process that waits at a gate before it becomes the
//!   command. The first start and each poll are trials.
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
//! With `signal=NAME`, the parent opens the gate while the command runs. The trial ends after
//! `Delivered`, and the command gets the signal. With `exit`, the parent closes the gate before it
//! sends the stop signal to the command. The first start works like a restart, but there is no
//! command yet, so the parent opens the gate immediately.
//!
//! Whatever the trial is doing, the parent passes signals on to the command. The only exception is
//! the signal of `--poll-signal`. A poll has its own process group, which becomes the command's
//! group when the gate opens. Between the gate and execve, the trial holds (blocks) SIGTERM
//! (`system/lifecycle`). A SIGTERM that arrives then ends the trial either before it renames the
//! files, or right before execve.

mod child;
mod fingerprint;
mod notices;
mod parent;

pub use parent::supervise;
