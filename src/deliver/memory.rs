//! Files in memory: sealed memfds that the command inherits and opens as `/proc/self/fd/N`.

#![allow(
    unsafe_code,
    reason = "std owns a descriptor that fcntl returned only by an unsafe call"
)]

use std::fs::File;
use std::io::Seek;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::{Resource, getrlimit};

use super::access::{Access, WRITE};
use crate::model::problem::Problem;
use crate::model::secret_value::SecretValue;
use crate::system::os_error::{describe, errno, failed};

/// The lowest descriptor for a file: libuv (Node) and shells use or close lower descriptors.
const LOWEST: i32 = 100;

/// MFD_NOEXEC_SEAL, since Linux 6.3; neither libc nor nix defines it.
const NOEXEC_SEAL: MFdFlags = MFdFlags::from_bits_retain(0x8);

/// MFD_EXEC, since Linux 6.3.
const EXEC: MFdFlags = MFdFlags::from_bits_retain(0x10);

/// A memfd. The kernel frees it when its last descriptor is closed.
#[derive(Debug)]
pub struct MemoryFile {
    /// `/proc/self/fd/N`, under which the command can open it.
    pub path: PathBuf,
    /// N.
    pub descriptor: OwnedFd,
}

impl MemoryFile {
    /// Creates a file with this content, sealed against every change, at offset 0, and with FD_CLOEXEC.
    pub fn create(access: &Access, content: &SecretValue) -> Result<Self, Problem> {
        let mut file = File::from(empty(if access.is_executable() {
            EXEC
        } else {
            NOEXEC_SEAL
        })?);
        access.fill(&mut file, content)?;
        let seals = SealFlag::F_SEAL_SEAL
            | SealFlag::F_SEAL_SHRINK
            | SealFlag::F_SEAL_GROW
            | SealFlag::F_SEAL_WRITE;
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals))
            .map_err(|errno| failed("the file cannot be sealed", errno))?;
        // For a command that reads the inherited descriptor; opening the path starts at 0 anyway.
        file.rewind()
            .map_err(|error| failed(WRITE, errno(&error)))?;
        let descriptor = duplicate(&file)?;
        Ok(Self {
            path: format!("/proc/self/fd/{}", descriptor.as_raw_fd()).into(),
            descriptor,
        })
    }
}

/// Creates an empty memfd with MFD_EXEC or MFD_NOEXEC_SEAL, which the sysctl `vm.memfd_noexec` requires; without either on
/// older kernels, which reject them (EINVAL).
fn empty(executable: MFdFlags) -> Result<OwnedFd, Problem> {
    let create = |flags| {
        memfd_create(
            c"secrets-exec",
            MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING | flags,
        )
    };
    let created = match create(executable) {
        Err(Errno::EINVAL) => create(MFdFlags::empty()),
        created => created,
    };
    created.map_err(|errno| match errno {
        Errno::EPERM | Errno::ENOSYS | Errno::EACCES => {
            let why = describe(errno);
            Problem::configuration(format!(
                "files in memory are not allowed here, perhaps by a seccomp profile ({why})"
            ))
            .help("give the entry a `path` on tmpfs, for example under /run")
        }
        Errno::EMFILE => exhausted(),
        other => failed("the file cannot be created", other),
    })
}

/// Duplicates a descriptor to the lowest free number from [`LOWEST`].
fn duplicate(file: impl AsFd) -> Result<OwnedFd, Problem> {
    let number = fcntl(file, FcntlArg::F_DUPFD_CLOEXEC(LOWEST)).map_err(|errno| match errno {
        // EINVAL: the limit is 100 or less; EMFILE: every number up to it is in use.
        Errno::EINVAL | Errno::EMFILE => exhausted(),
        other => failed("the file cannot be created", other),
    })?;
    // SAFETY: fcntl has just returned this descriptor, so nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

fn exhausted() -> Problem {
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft);
    Problem::configuration(format!(
        "there is no free file descriptor above 99 (the limit is {limit})"
    ))
    .help("raise the limit (ulimit -n, or LimitNOFILE= in systemd), or give the entry a `path`")
}
