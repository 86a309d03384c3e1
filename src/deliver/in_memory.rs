//! Creates files in memory, which the command inherits and opens as `/proc/self/fd/N`. Most of them
//! are sealed memfds. A file that can be read only once is a pipe.

#![allow(unsafe_code, reason = "std has to own a descriptor from fcntl")]

use std::fs::{self, File};
use std::io::Seek;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::pipe2;

use super::disk::{Access, WRITE};
use crate::model::answer::SecretValue;
use crate::model::message::Problem;
use crate::system::os_error::{call_problem, errno, errno_text};

/// The lowest number for a descriptor. Shells and libuv (Node) use or close lower descriptors.
const LOWEST: i32 = 100;

/// nix doesn't define these two flags of memfd_create(2).
const NOEXEC_SEAL: MFdFlags = MFdFlags::from_bits_retain(nix::libc::MFD_NOEXEC_SEAL);
const EXEC: MFdFlags = MFdFlags::from_bits_retain(nix::libc::MFD_EXEC);

/// Creates a memfd, and seals it against changes. Its descriptor has FD_CLOEXEC until `exec` clears
/// this flag right before execve(2), so only the command inherits the file.
pub(super) fn sealed_file(access: &Access, content: &SecretValue) -> Result<OwnedFd, Problem> {
    let is_executable = access.is_executable();
    let exec_flag = if is_executable { EXEC } else { NOEXEC_SEAL };
    let mut file = File::from(create_memfd(exec_flag)?);
    access.write(&mut file, content)?;

    let seals = SealFlag::F_SEAL_SEAL
        | SealFlag::F_SEAL_SHRINK
        | SealFlag::F_SEAL_GROW
        | SealFlag::F_SEAL_WRITE;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))
        .map_err(|errno| call_problem("the file can't be sealed", errno))?;

    // A command that reads from the inherited descriptor itself would otherwise start at the end. A
    // command that opens the path starts at the beginning anyway.
    file.rewind()
        .map_err(|error| call_problem(WRITE, errno(&error)))?;
    move_up(file)
}

/// Creates a pipe that already holds the whole content, and returns its read end, which has
/// FD_CLOEXEC. The write end is closed, so the first reader gets the content, and any later reader
/// an end of file.
pub fn pipe(access: &Access, content: &SecretValue) -> Result<OwnedFd, Problem> {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC)
        .map_err(|errno| call_problem("the pipe can't be created", errno))?;
    let mut writer = File::from(writer);
    // Nobody is reading yet, so writing more than the pipe can hold would block forever.
    reserve(&writer, content.expose().len())?;
    access.write(&mut writer, content)?;
    drop(writer);
    move_up(reader)
}

/// Makes room for `length` bytes. A new pipe holds 64 KiB, or 8 KiB if the user has too many pipes
/// (pipe(7), "Pipe capacity").
fn reserve(pipe: &File, length: usize) -> Result<(), Problem> {
    let wanted = i32::try_from(length).unwrap_or(i32::MAX);
    if fcntl(pipe, FcntlArg::F_GETPIPE_SZ).is_ok_and(|size| size >= wanted) {
        return Ok(());
    }
    let Err(errno) = fcntl(pipe, FcntlArg::F_SETPIPE_SZ(wanted)) else {
        return Ok(());
    };

    // EPERM means that the limit for a single pipe would be exceeded, or the user's limit for all
    // pipes together. Find out which one it is.
    let system_limit = fs::read_to_string("/proc/sys/fs/pipe-max-size").unwrap_or_default();
    let largest = system_limit.trim().parse::<usize>();
    if errno == Errno::EPERM && largest.is_ok_and(|largest| length <= largest) {
        let text = format!("the user's pipes leave no room for {length} bytes");
        let help = "as root, raise the limit: sysctl fs.pipe-user-pages-soft=65536";
        return Err(Problem::temporary(text).help(help));
    }
    let what = format!("the value ({length} bytes) doesn't fit into a pipe");
    Err(call_problem(&what, errno).help("remove `once`"))
}

/// Creates an empty memfd, whose link in /proc/self/fd reads `/memfd:secrets-exec/file (deleted)`.
///
/// A program may resolve the link and try to replace the file. The attempt fails, because the
/// directory `/memfd:secrets-exec` doesn't exist. Without the slash in the memfd's name, the
/// program would write the secrets to a file in the root directory.
///
/// `exec_flag` is tried first, because the sysctl `vm.memfd_noexec` may require one of its values.
/// Kernels before 6.3 refuse both values (EINVAL), so they get neither.
fn create_memfd(exec_flag: MFdFlags) -> Result<OwnedFd, Problem> {
    let usual = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let create = |flags| memfd_create(c"secrets-exec/file", usual | flags);
    let created = match create(exec_flag) {
        Err(Errno::EINVAL) => create(MFdFlags::empty()),
        created => created,
    };
    created.map_err(|errno| match errno {
        Errno::EPERM | Errno::ENOSYS | Errno::EACCES => {
            let why = errno_text(errno);
            Problem::configuration(format!(
                "files in memory aren't allowed here, perhaps by a seccomp profile ({why})"
            ))
            .help("give the entry a `path` on a tmpfs")
        }
        other => call_problem("the file can't be created", other),
    })
}

/// Moves a descriptor to the lowest free number that is at least [`LOWEST`].
fn move_up(file: impl AsFd) -> Result<OwnedFd, Problem> {
    let number = fcntl(file, FcntlArg::F_DUPFD_CLOEXEC(LOWEST))
        .map_err(|errno| call_problem("no file descriptor above 99 is free", errno))?;
    // SAFETY: fcntl just returned this descriptor, so nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
