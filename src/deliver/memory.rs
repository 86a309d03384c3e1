//! Files in memory: sealed memfds that the command inherits and opens as `/proc/self/fd/N`.

#![allow(unsafe_code, reason = "std owns a descriptor that fcntl returned only by an unsafe call")]

use std::fs::File;
use std::io::Seek;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::{Resource, getrlimit};

use super::access::Access;
use super::problem::{DeliverProblem, Step};
use crate::model::secret_value::SecretValue;
use crate::system::os_error::errno;

/// The lowest descriptor for a file: libuv (Node) and shells use or close those below.
const LOWEST: i32 = 100;

/// MFD_NOEXEC_SEAL, since Linux 6.3; neither libc nor nix defines it.
const NOEXEC_SEAL: MFdFlags = MFdFlags::from_bits_retain(0x8);

/// MFD_EXEC, since Linux 6.3.
const EXEC: MFdFlags = MFdFlags::from_bits_retain(0x10);

/// A memfd. The kernel frees it when its last descriptor is closed.
#[derive(Debug)]
pub struct MemoryFile {
    path: PathBuf,
    descriptor: OwnedFd,
}

impl MemoryFile {
    /// Creates a file with this content, sealed against every change, at offset 0, and with FD_CLOEXEC.
    pub fn create(access: &Access, content: &SecretValue) -> Result<Self, DeliverProblem> {
        let mut file = File::from(empty(if access.is_executable() { EXEC } else { NOEXEC_SEAL })?);
        access.fill(&mut file, content)?;
        let seals = SealFlag::F_SEAL_SEAL | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE;
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals)).map_err(|errno| Step::Seal.failed(errno))?;
        // For a command that reads the inherited descriptor; opening the path starts at 0 anyway.
        file.rewind().map_err(|error| Step::Write.failed(errno(&error)))?;
        let descriptor = duplicate(&file)?;
        Ok(Self { path: format!("/proc/self/fd/{}", descriptor.as_raw_fd()).into(), descriptor })
    }

    /// The descriptor that the path names.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// The path under which the command can open it.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Creates an empty memfd with MFD_EXEC or MFD_NOEXEC_SEAL, which the sysctl `vm.memfd_noexec` requires; without either on
/// older kernels, which reject them (EINVAL).
fn empty(executable: MFdFlags) -> Result<OwnedFd, DeliverProblem> {
    let create = |flags| memfd_create(c"secrets-exec", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING | flags);
    let created = match create(executable) {
        Err(Errno::EINVAL) => create(MFdFlags::empty()),
        created => created,
    };
    created.map_err(|errno| match errno {
        Errno::EPERM | Errno::ENOSYS | Errno::EACCES => DeliverProblem::MemoryNotAllowed(errno),
        Errno::EMFILE => exhausted(),
        other => Step::Create.failed(other).into(),
    })
}

/// Duplicates a descriptor to the lowest free number from [`LOWEST`].
fn duplicate(file: impl AsFd) -> Result<OwnedFd, DeliverProblem> {
    let number = fcntl(file, FcntlArg::F_DUPFD_CLOEXEC(LOWEST)).map_err(|errno| match errno {
        // EINVAL: the limit is 100 or less; EMFILE: every number up to it is in use.
        Errno::EINVAL | Errno::EMFILE => exhausted(),
        other => Step::Create.failed(other).into(),
    })?;
    // SAFETY: fcntl has just returned this descriptor, so nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

fn exhausted() -> DeliverProblem {
    DeliverProblem::Descriptors(getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::fs::OpenOptions;
    use std::io::{Read, Write};
    use std::mem::ManuallyDrop;
    use std::os::unix::fs::MetadataExt;
    use std::process::Command;

    use nix::fcntl::FdFlag;
    use nix::libc;

    use super::*;
    use crate::deliver::Delivery;
    use crate::deliver::testing::*;
    use crate::model::resolved::FileValue;

    /// A file in memory that children of the test inherit, as the command does.
    fn one(file: FileValue) -> (Delivery, PathBuf) {
        let delivered = deliver(vec![file]).unwrap();
        for descriptor in delivered.descriptors() {
            assert_eq!(fcntl(descriptor, FcntlArg::F_GETFD).map(FdFlag::from_bits_truncate), Ok(FdFlag::FD_CLOEXEC));
            fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
        }
        let path = delivered.variables().next().unwrap().1.to_owned();
        (delivered, path)
    }

    fn number(path: &Path) -> i32 {
        path.strip_prefix("/proc/self/fd").unwrap().to_str().unwrap().parse().unwrap()
    }

    /// The file's descriptor, which is not closed when the value is dropped.
    fn descriptor(path: &Path) -> ManuallyDrop<File> {
        // SAFETY: the delivered file keeps it open, and ManuallyDrop does not close it.
        ManuallyDrop::new(unsafe { File::from_raw_fd(number(path)) })
    }

    /// The numbers in use. Files that another test delivers at the same time are among them.
    fn open() -> Vec<i32> {
        let mut numbers: Vec<_> = names(Path::new("/proc/self/fd")).iter().map(|name| name.parse().unwrap()).collect();
        numbers.sort();
        numbers
    }

    #[test]
    fn a_file_is_read_from_its_start_again_and_again() {
        let (_delivered, path) = one(in_memory("A", "value"));
        for _ in 0..3 {
            assert_eq!(fs::read(&path).unwrap(), b"value");
        }
        let mut inherited = String::new();
        descriptor(&path).read_to_string(&mut inherited).unwrap();
        assert_eq!(inherited, "value");
    }

    #[test]
    fn every_byte_is_unchanged() {
        let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
        let (_delivered, path) = one(in_memory("A", bytes.clone()));
        assert_eq!(fs::read(path).unwrap(), bytes);
        let (_delivered, path) = one(in_memory("A", ""));
        assert_eq!(fs::read(path).unwrap(), b"");
    }

    #[test]
    fn no_process_can_change_it_with_any_mode() {
        let (_delivered, path) = one(with("666", None, in_memory("A", "value")));
        let mut writer = OpenOptions::new().write(true).open(&path).unwrap();
        let denied = |result: std::io::Result<()>| result.unwrap_err().raw_os_error() == Some(Errno::EPERM as i32);
        assert!(denied(writer.write_all(b"x")));
        assert!(denied(writer.set_len(0)) && denied(writer.set_len(100)));
        assert!(denied(descriptor(&path).write_all(b"x")));
        let more_seals = fcntl(&writer, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_WRITE));
        assert_eq!(more_seals, Err(Errno::EPERM));
        let seals = SealFlag::F_SEAL_SEAL | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE;
        assert_eq!(fcntl(&writer, FcntlArg::F_GET_SEALS).unwrap() & seals.bits(), seals.bits());
        assert_eq!(fs::read(&path).unwrap(), b"value");
    }

    #[test]
    fn the_target_of_an_exec_reads_it() {
        let (_delivered, path) = one(in_memory("A", "value"));
        let output = Command::new("cat").arg(&path).output().unwrap();
        assert_eq!(output.stdout, b"value", "{output:?}");
    }

    #[test]
    fn its_number_is_the_lowest_free_one_from_100() {
        let test = "deliver::memory::tests::its_number_is_the_lowest_free_one_from_100";
        if let Some(child) = in_child(test, &[], ":") {
            return passed(&child);
        }
        let before = open();
        let free: Vec<_> = (100..).filter(|number| !before.contains(number)).take(2).collect();
        let (first, path) = one(in_memory("A", "value"));
        assert_eq!(number(&path), free[0]);
        let (_second, path) = one(in_memory("A", "value"));
        assert_eq!(number(&path), free[1]);
        drop(first);
        let (_third, path) = one(in_memory("A", "value"));
        assert_eq!(number(&path), free[0]);
        let mut expected: Vec<_> = before.into_iter().chain(free).collect();
        expected.sort();
        assert_eq!(open(), expected, "no other descriptor stays open");
    }

    #[test]
    fn its_mode_is_the_declared_one() {
        for mode in ["400", "444", "640", "000"] {
            let (_delivered, path) = one(with(mode, None, in_memory("A", "value")));
            let found = fs::metadata(&path).unwrap().mode() & 0o7777;
            assert_eq!(format!("{found:03o}"), mode);
        }
    }

    #[test]
    fn it_can_be_executed_only_with_an_execute_bit() {
        let script = "#!/bin/sh\necho ran\n";
        let (_delivered, path) = one(with("500", None, in_memory("A", script)));
        assert_eq!(Command::new(&path).output().unwrap().stdout, b"ran\n");
        let (_delivered, path) = one(in_memory("A", script));
        assert!(Command::new(&path).output().is_err());
        // F_SEAL_EXEC, since Linux 6.3, forbids to make it executable.
        let seals = fcntl(&*descriptor(&path), FcntlArg::F_GET_SEALS).unwrap();
        let made = nix::sys::stat::fchmod(&*descriptor(&path), nix::sys::stat::Mode::S_IXUSR);
        assert_eq!(made.is_err(), seals & 0x20 != 0);
    }

    #[test]
    fn its_owner_is_the_declared_one() {
        if !is_root("deliver::memory::tests::its_owner_is_the_declared_one") {
            return;
        }
        let (_delivered, path) = one(with("400", Some("1234:daemon"), in_memory("A", "value")));
        let found = fs::metadata(&path).unwrap();
        assert_eq!((found.uid(), found.gid()), (1234, 1));
    }

    #[test]
    fn a_flag_that_the_kernel_rejects_is_omitted() {
        // A bit that no kernel defines as a flag.
        assert!(empty(MFdFlags::from_bits_retain(0x200_0000)).is_ok());
    }

    #[test]
    fn a_limit_without_a_free_number_from_100_is_reported() {
        let test = "deliver::memory::tests::a_limit_without_a_free_number_from_100_is_reported";
        for limit in ["ulimit -n 100", "ulimit -n 50", "ulimit -n 102"] {
            if let Some(child) = in_child(test, &[], limit) {
                passed(&child);
                continue;
            }
            let (limit, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
            let free = (100..i32::try_from(limit).unwrap()).filter(|number| !open().contains(number)).count();
            let found = problems(deliver(["A", "B", "C"].map(|name| in_memory(name, "value")).into()));
            assert!(
                found.len() == 3 - free && found.iter().all(|problem| *problem == DeliverProblem::Descriptors(limit)),
                "{found:?}"
            );
            return;
        }
    }

    #[test]
    fn a_refusal_by_seccomp_is_reported() {
        let test = "deliver::memory::tests::a_refusal_by_seccomp_is_reported";
        if let Some(child) = in_child(test, &[], ":") {
            return passed(&child);
        }
        refuse_memfd(Errno::EPERM);
        let found = problems(deliver(vec![in_memory("A", "value"), in_memory("B", "value")]));
        let refused = || DeliverProblem::MemoryNotAllowed(Errno::EPERM);
        assert_eq!(found, [refused(), refused()]);
    }

    /// Installs a seccomp filter, as a container's profile does, with which memfd_create fails.
    fn refuse_memfd(errno: Errno) {
        let step = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
        let mut filter = [
            step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
            step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, libc::SYS_memfd_create as u32),
            step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | errno as u32),
            step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
        ];
        let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
        nix::sys::prctl::set_no_new_privs().unwrap();
        // SAFETY: `len` is the length of the array behind `filter`, which outlives the call; the kernel copies it.
        let set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
        assert_eq!(set, 0);
    }
}
