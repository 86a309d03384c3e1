//! Standard output as the process inherited it.

#![allow(unsafe_code, reason = "an initializer before `main`")]

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};

/// True if descriptor 1 was closed when the process began.
static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// An initializer that runs before `main`: Rust's runtime opens /dev/null in the place of a closed descriptor right before `main`.
#[used]
// SAFETY: this section is an array of pointers to functions with the C ABI, which the C runtime calls once before `main`.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
static REMEMBER_CLOSED_OUTPUT: extern "C" fn() = remember_closed_output;

extern "C" fn remember_closed_output() {
    // SAFETY: nothing else runs yet, so the descriptor is not closed meanwhile; that it may be closed is what is asked.
    let output = unsafe { BorrowedFd::borrow_raw(1) };
    WAS_CLOSED.store(fcntl(output, FcntlArg::F_GETFD) == Err(Errno::EBADF), Ordering::Relaxed);
}

/// Checks that `output`, which is standard output, is open for writing: std reports success for a descriptor that is not.
///
/// # Errors
/// EBADF.
pub fn check_output(output: impl AsFd) -> io::Result<()> {
    let flags = fcntl(output, FcntlArg::F_GETFL).map(OFlag::from_bits_retain);
    let is_open = flags.is_ok_and(|flags| flags & OFlag::O_ACCMODE != OFlag::O_RDONLY);
    if is_open && !WAS_CLOSED.load(Ordering::Relaxed) { Ok(()) } else { Err(Errno::EBADF.into()) }
}
