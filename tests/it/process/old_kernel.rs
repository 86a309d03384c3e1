//! Linux 3.17, the oldest kernel that README mentions. All later system calls fail with ENOSYS, and
//! madvise(2) rejects later kinds of advice.

use crate::rotation::{Rotating, first_version, rotating};
use crate::support::identity::with_credential_process;
use crate::support::*;

/// The calls that came after Linux 3.17, in the order in which they came. strace ignores those that
/// it doesn't recognize.
const LATER: &str = "?bpf,?execveat,?userfaultfd,?membarrier,?mlock2,?copy_file_range,?preadv2,?pwritev2,?pkey_mprotect,?pkey_alloc,\
    ?pkey_free,?statx,?io_pgetevents,?rseq,?pidfd_send_signal,?io_uring_setup,?io_uring_enter,?io_uring_register,?open_tree,\
    ?move_mount,?fsopen,?fsconfig,?fsmount,?fspick,?pidfd_open,?clone3,?openat2,?pidfd_getfd,?faccessat2,?close_range,\
    ?process_madvise,?epoll_pwait2,?mount_setattr,?landlock_create_ruleset,?landlock_add_rule,?landlock_restrict_self,?quotactl_fd,\
    ?memfd_secret,?process_mrelease,?futex_waitv,?set_mempolicy_home_node,?cachestat,?fchmodat2,?map_shadow_stack,?futex_wake,\
    ?futex_wait,?futex_requeue,?statmount,?listmount,?lsm_get_self_attr,?lsm_set_self_attr,?lsm_list_modules,?mseal,?setxattrat,\
    ?getxattrat,?listxattrat,?removexattrat,?open_tree_attr,?file_getattr,?file_setattr";

/// The wrapper that makes the calls fail. strace runs as a separate process, so that the test is
/// still the parent of the run.
fn old_kernel() -> Option<Vec<String>> {
    let strace = "strace -D -f --seccomp-bpf -o";
    let inject = "-e inject=LATER:error=ENOSYS -e inject=madvise:error=EINVAL";
    let wrapper = format!("{strace} trace -e trace=LATER,madvise {inject}").replace("LATER", LATER);
    let check = format!("{strace} /dev/null true");
    let can = skip::can(&check.split(' ').collect::<Vec<_>>(), "an old kernel");
    can.then(|| wrapper.split(' ').map(str::to_owned).collect())
}

#[test]
fn launches_with_files_or_the_cache_export_and_install_work_on_linux_3_17() {
    let wrapper = or_skip!(old_kernel());
    let (aws, cache) = (served(), CacheDirectory::new());
    let show = |sandbox: Sandbox, text: &str| sandbox.script(&format!("printf %s \"{text}\""));
    let bare = |options: &[&str]| Sandbox::new().aws(&aws).args(options).bare();
    let on_disk = "files: [{ from: \"x:k\", path: file, mode: \"0640\" }]\n";
    let file = sandbox(&aws).arg("-qq").declaration(on_disk);
    let in_memory = sandbox(&aws).args(["--as-file", "F=x:k"]);
    let cached = cache.with(sandbox(&aws), &[]);
    let process = with_credential_process(&aws, "cat answer.json");
    let export = bare(&["export", "-e", "A=x:k", "--format", "docker"]);
    for (case, sandbox, printed) in [
        ("a variable", show(sandbox(&aws), "$A"), "v-4c7a1e"),
        ("a file in memory", show(in_memory, "$(cat $F)"), "v-4c7a1e"),
        ("a file", show(file, "$(cat file)"), "v-4c7a1e"),
        ("a cache", show(cached, "$A"), "v-4c7a1e"),
        ("a program for credentials", show(process, "$A"), "v-4c7a1e"),
        ("export", export, "A=v-4c7a1e\n"),
        ("install", bare(&["install", "."]), ""),
    ] {
        let run = sandbox.case(case).prints_values().through(&wrapper).run();
        run.launched_silently().printed(printed);
    }
}

#[test]
fn on_rotation_works_on_linux_3_17() {
    let wrapper = or_skip!(old_kernel());
    let aws = first_version();
    let options = ["-v", "--as-file", "F=x:k"];
    let run = rotating(&aws, "restart").args(options).through(&wrapper);
    let run = Rotating::start(run);
    run.rotate(&aws, "v2", "two-4c7a1e");
    assert_eq!(run.values(2), ["one-4c7a1e", "two-4c7a1e"]);
    let trace = run.text("trace");
    let is_injected = trace.contains("ENOSYS") && trace.contains("(INJECTED)");
    assert!(is_injected, "{trace}");
    run.end().says(["was restarted"]);
}
