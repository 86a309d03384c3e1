//! The binary. It passes the arguments and the environment of the process to the library, and no
//! other file reads them.

fn main() -> ! {
    secrets_exec::run(std::env::args_os().skip(1).collect(), std::env::vars_os())
}
