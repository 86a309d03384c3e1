//! `secrets-exec --on-rotation … -- COMMAND`: runs the command as a child process, and restarts, signals or stops it when a secret
//! changes.
//!
//! Each start and each poll is a launch in a forked process (`child`), which waits at the gate once its values are resolved. This process
//! (`parent`) has one thread, and keeps no value, no credentials and no connection. `supervise` decides, `launches` has the phase of the
//! launch. The life of a poll:
//!
//! ```text
//! command             parent                                       launch
//!    │                   │ the timer elapses: fork
//!    │                   ├───────────────────────────────────────────▶│ Resolving: reads the values,
//!    │                   │                                            │ writes the files under temporary names
//!    │                   │◀── Ready (hashes, versions, changes) ──────┤ AtGate: waits for one byte
//!    │                   │
//!    │                   │ unchanged, or changed before the splay:
//!    │                   ├── closes the gate ────────────────────────▶┴ removes its files and ends
//!    │                   │ (after the splay, the next poll is acted on)
//!    │                   │
//!    │                   │ changed, restart:
//!    │◀─ the stop signal ┤
//!    ┴─ ends ───────────▶│
//!                        ├── opens the gate ─────────────────────────▶│ Placing: renames the files
//!                        │◀── Placed (paths, inodes) ─────────────────┤ Executed: execve closes the pipe
//!                        │◀── the end of the pipe ────────────────────┤
//!                        │                                            │ command
//! ```
//!
//! With `signal=NAME` the gate is opened while the command runs: the launch ends after `Placed`, and the command gets the signal. With
//! `exit` the gate is closed before the stop signal. The first start is the same, without a command and with its gate opened at once.
//!
//! A signal to the parent is the command's in every phase. A launch has a process group of its own, which is the command's from the gate
//! on: between gate and execve it holds a SIGTERM, and ends by it before or after it renames the files, or at execve.

mod child;
mod fingerprint;
mod launches;
mod notices;
mod parent;

pub use parent::supervise;
