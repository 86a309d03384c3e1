//! waitid(2), which nix has for Linux alone.

#![cfg_attr(target_os = "macos", allow(unsafe_code, reason = "nix has no waitid(2) for macOS"))]

use nix::errno::Errno;
use nix::sys::wait::{WaitPidFlag, WaitStatus};
use nix::unistd::Pid;

/// Returns the state of a child, without reaping it if the options have WNOWAIT.
#[cfg(target_os = "linux")]
pub fn child_state(child: Pid, options: WaitPidFlag) -> Result<WaitStatus, Errno> {
    nix::sys::wait::waitid(nix::sys::wait::Id::Pid(child), options)
}

/// Returns the state of a child, without reaping it if the options have WNOWAIT.
#[cfg(target_os = "macos")]
pub fn child_state(child: Pid, options: WaitPidFlag) -> Result<WaitStatus, Errno> {
    use nix::libc;
    use nix::sys::signal::Signal;

    let id = libc::id_t::try_from(child.as_raw()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: all-zero is a valid `siginfo_t`, to which alone the call writes.
    let (result, found) = unsafe {
        let mut found: libc::siginfo_t = std::mem::zeroed();
        (libc::waitid(libc::P_PID, id, &raw mut found, options.bits()), found)
    };
    Errno::result(result)?;
    let signal = || Signal::try_from(found.si_status);
    Ok(match found.si_code {
        // With WNOHANG, a child without news leaves the structure as it was.
        _ if found.si_pid == 0 => WaitStatus::StillAlive,
        libc::CLD_EXITED => WaitStatus::Exited(child, found.si_status),
        code @ (libc::CLD_KILLED | libc::CLD_DUMPED) => {
            WaitStatus::Signaled(child, signal()?, code == libc::CLD_DUMPED)
        }
        libc::CLD_STOPPED | libc::CLD_TRAPPED => WaitStatus::Stopped(child, signal()?),
        _ => WaitStatus::StillAlive,
    })
}
