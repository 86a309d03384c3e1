//! `export`: bytes, long lines, terminals, `--output`. `export.rows` and `names.rows` have all others.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use crate::support::aws::{Aws, served};
use crate::support::outcome::Status;
use crate::support::sandbox::Sandbox;
use crate::support::terminal::at_a_terminal;

/// A run that exports the declaration's variables. The local file announces itself, which `-q` silences.
fn exports(secrets: &str, declaration: &str) -> Sandbox {
    Sandbox::new().arg("export").local(secrets).declaration(declaration).arg("-q").prints_values().bare()
}

const SECRETS: &str = r#"{ "x": { "plain": "v-4c7a1e", "quote": "it's-4c7a1e", "lines": "one\ntwo-4c7a1e\n", "expanded": "a${b}-4c7a1e" }, "bytes": { "$binary": "//4tNGM3YTFl" } }"#;

rows::rows!("tests/it/cli/export.rows");

fn of_aws(aws: &Aws) -> Sandbox {
    Sandbox::new().arg("export").aws(aws).resolve("A=x:k").args(["--format", "shell"]).prints_values().bare()
}

#[test]
fn a_shell_gets_every_byte_but_nul() {
    let declaration = "env:\n  TWO: x:lines\n  EXPANDED: x:expanded\n  BYTES: bytes\n";
    let printed = b"export TWO='one\ntwo-4c7a1e\n'\nexport EXPANDED='a${b}-4c7a1e'\nexport BYTES='\xff\xfe-4c7a1e'\n";
    exports(SECRETS, declaration).args(["--format", "shell"]).run().launched_silently().printed(printed);
}

#[test]
fn a_line_of_64_kib_is_one_byte_too_long_for_docker() {
    let value = |length: usize| format!(r#"{{ "x": "{}" }}"#, "v".repeat(length));
    let run = |length| exports(&value(length), "env:\n  AB: x\n").args(["--format", "docker"]).run();
    run(65_535 - "AB=".len()).launched_silently();
    run(65_536 - "AB=".len()).refused(78).says(["AB (", "65536 bytes", "65535", "--format shell or json"]);
}

#[test]
fn a_terminal_shows_values_only_with_reveal_and_takes_a_file() {
    let aws = served();
    let is_shown = "export A='v-4c7a1e'\n[status 0]";
    for (options, facts) in [
        (&[][..], &["[status 64]", "--reveal", "--output"][..]),
        (&["-q", "--reveal"], &[is_shown]),
        (&["-q", "--output", "out"], &["[status 0]"]),
    ] {
        let sandbox = of_aws(&aws).args(options);
        let path = sandbox.path("out");
        let calls = aws.calls().len();
        let Some(sandbox) = at_a_terminal(sandbox, &[], "", "") else { return };
        let run = sandbox.run();
        for fact in facts {
            assert!(run.stdout().contains(fact), "{fact}: {run}");
        }
        assert_eq!(run.stdout().contains("A='v-4c7a1e'"), facts.contains(&is_shown), "{run}");
        assert_eq!(aws.calls().len() - calls, usize::from(!options.is_empty()), "{run}");
        let written = fs::read(path).unwrap_or_default();
        assert_eq!(written == b"export A='v-4c7a1e'\n", options.contains(&"out"), "{run}");
    }
}

/// A run with `--output`, in a private directory without other files.
fn output(path: &str) -> Sandbox {
    exports(SECRETS, "env:\n  PLAIN: x:plain\n").args(["--format", "shell", "--output", path])
}

#[test]
fn output_writes_a_file_that_only_its_owner_can_read_and_replaces_one_that_is_there() {
    let sandbox = output("dir/out").file("dir/out", "old").mode("dir/out", 0o644).prepared_by("umask 0; exec \"$@\"");
    let held = fs::File::open(sandbox.path("dir/out")).unwrap();
    sandbox.run().launched_silently().printed("");
    assert_eq!(fs::metadata(sandbox.path("dir/out")).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(fs::read(sandbox.path("dir/out")).unwrap(), b"export PLAIN='v-4c7a1e'\n");
    assert_eq!(fs::read_dir(sandbox.path("dir")).unwrap().count(), 1);
    assert_eq!(std::io::read_to_string(held).unwrap(), "old");
}

#[test]
fn a_failed_export_leaves_the_file_as_it_was() {
    let sandbox = output("dir/out").file("dir/out", "old").resolve("ABSENT=x:absent");
    sandbox.run().refused(78);
    assert_eq!(fs::read(sandbox.path("dir/out")).unwrap(), b"old");
    assert_eq!(fs::read_dir(sandbox.path("dir")).unwrap().count(), 1);
}

#[test]
fn an_output_that_cannot_be_written_is_an_error() {
    let sandbox = output("link").file("file", "old");
    symlink("file", sandbox.path("link")).unwrap();
    sandbox.run().refused(78).says(["link (--output)", "symbolic link"]);
    assert_eq!(fs::read(sandbox.path("file")).unwrap(), b"old");
    let run = exports(SECRETS, "env: { A: \"x:plain\" }\n")
        .args(["--format", "json"])
        .prepared_by("exec \"$@\" >/dev/full")
        .run();
    run.refused(78).says(["standard output cannot be written", "no space left"]);
}

#[test]
fn a_reader_that_ends_early_is_an_error_since_values_are_missing() {
    let secrets = format!(r#"{{ "x": "{}" }}"#, "v".repeat(100_000));
    let sandbox = exports(&secrets, "env:\n  A: x\n").args(["--format", "shell"]);
    // The pipe holds 64 KiB, so the program is still writing when its reader ends.
    let run = sandbox.through(["bash", "-c", "\"$@\" | head -c 8; exit ${PIPESTATUS[0]}", "bash"]).run();
    run.ended(Status::Exit(78)).printed("export A").says(["standard output cannot be written: broken pipe"]);
}
