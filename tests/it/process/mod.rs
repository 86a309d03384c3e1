//! The process: exec, signals, inheritance, limits, streams, and what is printed while secrets are
//! read.

mod exec;
mod inheritance;
mod interrupted;
mod leaks;
mod log_format;
mod long_wait;
mod old_kernel;
mod signals_before_exec;
mod stalled_files;
mod streams;
mod trace;

::rows::files!("tests/it/process", limits programs);
