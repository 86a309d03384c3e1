//! Files in memory. `memory.rows` has most tests, and `refused.rs` has those of systems that refuse
//! such files.

use std::collections::BTreeSet;
use std::fs;

use super::tls_secret;
use crate::support::*;

::rows::rows!("tests/it/files/memory.rows");

/// A launch of a shell script that finds the path of a file in memory in `$F`.
fn in_memory(aws: &Aws, script: &str) -> Sandbox {
    Sandbox::new()
        .aws(aws)
        .args(["--as-file", "F=prod/tls:key"])
        .script(script)
}

#[test]
fn the_command_inherits_no_additional_descriptors_except_those_of_its_files_in_memory() {
    let aws = tls_secret();
    let files = [
        "--as-file",
        "G=prod/tls:cert",
        "--as-file",
        "H=prod/tls:key",
    ];
    let sandbox = in_memory(&aws, "").args(files);
    let sandbox = sandbox.command(["ls", "-1", "/proc/self/fd"]);
    let numbers = |run: Outcome| {
        run.launched()
            .stdout()
            .lines()
            .map(str::to_owned)
            .collect::<BTreeSet<_>>()
    };
    let without = numbers(sandbox.control());
    let more: Vec<String> = numbers(sandbox.run())
        .difference(&without)
        .cloned()
        .collect();
    assert_eq!(more, ["100", "101", "102"]);
}

#[test]
fn a_file_in_memory_does_not_replace_an_inherited_descriptor() {
    if !skip::can(
        &["bash", "-c", "exec 100</dev/null"],
        "a descriptor 100 that is taken",
    ) {
        return;
    }
    let aws = tls_secret();
    let script = "cat /proc/self/fd/100; printf '%s ' \"$F\"; cat <&101; cat \"$F\"";
    let sandbox = in_memory(&aws, "")
        .command(["bash", "-c", script])
        .file("taken", "taken ");
    let run = sandbox
        .through(["bash", "-c", "exec 100<taken; exec \"$@\"", "bash"])
        .prints_values()
        .run();
    run.launched_silently()
        .printed("taken /proc/self/fd/101 key-4c7a1e\nkey-4c7a1e\n");
}

#[test]
fn with_only_cap_chown_a_file_in_memory_gets_its_declared_owner_and_mode() {
    let nobody = or_skip!(skip::as_nobody());
    let capability = [
        "--inh-caps=-all,+chown",
        "--ambient-caps=-all,+chown",
        "--bounding-set=-all,+chown",
    ];
    let wrapper = [&nobody[..], &capability].concat();
    if !skip::can(
        &[&wrapper[..], &["true"]].concat(),
        "a process with only CAP_CHOWN",
    ) {
        return;
    }
    let aws = tls_secret();
    for (owner, found) in [
        ("65533:65532", "65533 65532"),
        (":65533", "65534 65533"),
        ("root:root", "0 0"),
    ] {
        let declaration = format!(
            "files:\n  - {{ from: \"prod/tls:key\", env: F, owner: \"{owner}\", mode: \"0440\" }}\n"
        );
        let sandbox = Sandbox::new()
            .aws(&aws)
            .file("app.yaml", declaration)
            .args(["-f", "app.yaml"]);
        let sandbox = sandbox
            .script("stat -L -c '%a %u %g' \"$F\"")
            .through(&wrapper);
        sandbox
            .spawn_copy()
            .wait()
            .launched_silently()
            .printed(format!("440 {found}\n"));
    }
}

#[test]
fn a_file_in_memory_holds_binary_and_text_secrets_byte_for_byte() {
    let bytes: Vec<u8> = (0..=255).cycle().take(65_536).collect();
    let text = format!("\r\n {CANARY}\0 \"quoted\" é\n\n");
    for (secret, value) in [
        (Secret::binary(bytes.clone()), bytes),
        (Secret::text(&text), text.clone().into_bytes()),
        (Secret::text(""), Vec::new()),
    ] {
        let aws = Aws::start().secret("x", secret);
        let sandbox = Sandbox::new()
            .aws(&aws)
            .args(["--as-file", "F=x"])
            .script("cat \"$F\"")
            .prints_values();
        let run = sandbox.run();
        assert_eq!(
            run.launched().stderr().is_empty(),
            !value.is_empty(),
            "only an empty value causes a warning: {run}"
        );
        assert!(run.stdout == value, "{} bytes", run.stdout.len());
    }
}

#[test]
fn a_launch_with_a_file_in_memory_does_not_write_to_any_file_system() {
    let calls = "trace=open,openat,openat2,creat,mkdir,mkdirat,mknod,mknodat,link,linkat,rename,renameat,renameat2";
    let tracing = or_skip!(skip::traced(
        &["-f", "-e", calls],
        "the files that are opened"
    ));
    let aws = tls_secret();
    let sandbox = in_memory(&aws, "").command(["/bin/true"]).through(tracing);
    sandbox.run().launched_silently();
    let trace = fs::read_to_string(sandbox.path("trace")).unwrap();
    assert!(trace.contains("open"), "{trace}");
    for line in trace.lines().filter(|line| !line.contains("/dev/null")) {
        let writes = [
            "O_WRONLY",
            "O_RDWR",
            "O_CREAT",
            "O_TMPFILE",
            "mkdir",
            "mknod",
            "link",
            "rename",
            "creat(",
        ];
        assert!(!writes.iter().any(|word| line.contains(word)), "{line}");
    }
}

#[test]
fn files_in_memory_do_not_change_which_signals_the_command_ignores_and_blocks() {
    let settings = ["env", "--ignore-signal=TERM", "--block-signal=HUP"];
    let wrapper = or_skip!(skip::wrapper(settings, "an ignored and a blocked signal"));
    let aws = tls_secret();
    for wrapper in [&["env"][..], &wrapper] {
        let sandbox = in_memory(&aws, "")
            .command([
                "grep",
                "-E",
                "^(Sig|Shd)(Pnd|Blk|Ign|Cgt)",
                "/proc/self/status",
            ])
            .through(wrapper);
        sandbox
            .run()
            .launched_silently()
            .printed(&sandbox.control().stdout);
    }
}

#[test]
fn a_file_that_can_be_read_once_holds_a_mebibyte_but_not_more_than_the_system_allows() {
    let nobody = or_skip!(skip::as_nobody());
    let of_length = |length: usize| {
        let declaration = "files: [{ from: x, env: F, once: true }]";
        let values = serde_json::json!({ "x": "v".repeat(length) }).to_string();
        Sandbox::new()
            .file("secrets-exec.yaml", declaration)
            .file("values.json", values)
            .args(["-q", "--local", "values.json"])
            .command(["wc", "-c", "/proc/self/fd/100"])
            .through(nobody)
    };
    let fits = of_length(1 << 20).spawn_copy().wait();
    fits.launched().printed("1048576 /proc/self/fd/100\n");
    let larger = of_length((1 << 20) + 1).spawn_copy().wait();
    larger.refused(78).says([
        "the value has 1048577 bytes, which don't fit into a pipe: operation not permitted",
        "for F",
        "help: leave out `once`",
    ]);
}

#[test]
fn if_the_user_has_too_many_pipes_a_launch_with_a_large_file_to_read_once_can_be_repeated() {
    // The limit is about all pipes of a user, so this user isn't nobody, whom other tests use.
    let user = [
        "setpriv",
        "--reuid=65533",
        "--regid=65533",
        "--clear-groups",
    ];
    let user = or_skip!(skip::wrapper(user, "a run as another user"));
    // The soft limit of pipe(7), `pipe-user-pages-soft`, is 16,384 pages: a thousand new pipes. The
    // other thousand, of two pages each, keep the user above it if something closes its pipes.
    let hoard = "import os, sys, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
pipes = [os.pipe() for _ in range(2000)]
child = os.fork()
if child == 0: os.execv(sys.argv[1], sys.argv[1:])
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))";
    let aws = Aws::start().secret("x", Secret::text(&"value-4c7a1e".repeat(5_000)));
    let declaration = "files: [{ from: x, env: F, once: true }]";
    let wrapper = [&user[..], &["python3", "-c", hoard]].concat();
    let sandbox = Sandbox::new()
        .aws(&aws)
        .file("secrets-exec.yaml", declaration)
        .command(["true"])
        .through(wrapper);
    let run = sandbox.spawn_copy().wait();
    run.refused(75).says([
        "the user has too many pipes for one of 60000 bytes",
        "help: as root, raise the limit: sysctl fs.pipe-user-pages-soft=65536",
    ]);
}
