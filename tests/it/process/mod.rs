//! The process: exec, signals, inheritance, limits, streams, and what is printed while secrets are
//! read.

mod exec;
mod inheritance;
mod interrupted;
mod leaks;
mod limits {
    rows::rows!("tests/it/process/limits.rows");
}
mod log_format;
mod long_wait;
mod old_kernel;
mod programs {
    rows::rows!("tests/it/process/programs.rows");
}
mod signals_before_exec;
mod stalled_files;
mod streams;
mod trace;
