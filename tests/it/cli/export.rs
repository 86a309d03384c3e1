//! `export`: the four formats, standard output and `--output`, and what cannot be exported.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, served};
use crate::support::outcome::{Outcome, Status};
use crate::support::sandbox::Sandbox;
use crate::support::terminal::at_a_terminal;

/// A run that exports the declaration's variables. The local file announces itself, which `-q` silences.
fn exports(secrets: &str, declaration: &str) -> Sandbox {
    Sandbox::new().arg("export").local(secrets).declaration(declaration).arg("-q").prints_values().bare()
}

const SECRETS: &str = r#"{ "x": { "plain": "v-4c7a1e", "quote": "it's-4c7a1e", "lines": "one\ntwo-4c7a1e\n", "expanded": "a${b}-4c7a1e" }, "bytes": { "$binary": "//4tNGM3YTFl" } }"#;

const DECLARATION: &str = "env:\n  QUOTE: x:quote\n  PLAIN: x:plain\n  EMPTY: { value: \"\" }\n";

fn export(format: &str, declaration: &str) -> Outcome {
    exports(SECRETS, declaration).args(["--format", format]).run()
}

fn of_aws(aws: &Aws) -> Sandbox {
    Sandbox::new().arg("export").aws(aws).resolve("A=x:k").args(["--format", "shell"]).prints_values().bare()
}

#[test]
fn each_format_prints_the_variables_in_the_order_of_the_declaration() {
    for (format, printed) in [
        ("shell", "export QUOTE='it'\\''s-4c7a1e'\nexport PLAIN='v-4c7a1e'\nexport EMPTY=''\n"),
        ("dotenv", "QUOTE=\"it's-4c7a1e\"\nPLAIN='v-4c7a1e'\nEMPTY=''\n"),
        ("json", "{\n  \"QUOTE\": \"it's-4c7a1e\",\n  \"PLAIN\": \"v-4c7a1e\",\n  \"EMPTY\": \"\"\n}\n"),
        ("docker", "QUOTE=it's-4c7a1e\nPLAIN=v-4c7a1e\nEMPTY=\n"),
    ] {
        export(format, DECLARATION).launched_silently().printed(printed);
    }
    let absent = "env:\n  A: { from: \"x:absent\", optional: true }\n";
    export("shell", absent).launched_silently().printed("");
    export("json", absent).launched_silently().printed("{}\n");
}

#[test]
fn what_a_launch_would_set_is_exported_and_no_inherited_variable() {
    let docker = |declaration| exports(SECRETS, declaration).args(["--format", "docker"]);
    let run = docker("env:\n  PLAIN: x:plain\n").args(["--resolve-env", "DSN"]).env("OTHER", "1");
    let run = run.env("DSN", "u:{{resolve:secretsmanager:x:SecretString:plain}}@h").run();
    run.launched_silently().printed("DSN=u:v-4c7a1e@h\nPLAIN=v-4c7a1e\n");
    let run = docker(DECLARATION).arg("--keep-existing").env("PLAIN", "inherited").run();
    run.launched_silently().printed("QUOTE=it's-4c7a1e\nEMPTY=\n");
}

#[test]
fn verbose_says_where_the_values_are_from() {
    let run = of_aws(&served()).arg("-v").run();
    run.launched().printed("export A='v-4c7a1e'\n").says(["note: A (--env, x:k): secret x, version"]);
}

#[test]
fn a_value_that_a_format_cannot_hold_is_an_error_that_names_another_format() {
    let declaration = "env:\n  FITS: x:plain\n  TWO: x:lines\n  EXPANDED: x:expanded\n  BYTES: bytes\n";
    let docker = export("docker", declaration);
    docker.refused(78).says(["TWO (secrets-exec.yaml:3, x:lines)", "line feed", "--format shell or json"]);
    docker.says(["BYTES (secrets-exec.yaml:5, bytes)", "not UTF-8", "--format shell"]);
    let dotenv = export("dotenv", declaration);
    dotenv.refused(78).says(["EXPANDED", "`${`", "--format shell or json", "BYTES"]).says_nothing_of("FITS");
    export("json", declaration).refused(78).says(["BYTES", "--format shell"]).says_nothing_of("TWO");
    let printed = b"export FITS='v-4c7a1e'\nexport TWO='one\ntwo-4c7a1e\n'\nexport EXPANDED='a${b}-4c7a1e'\nexport BYTES='\xff\xfe-4c7a1e'\n";
    export("shell", declaration).launched_silently().printed(printed);
    let kubernetes = exports(r#"{ "x": "a\\n$b\n4c7a1e" }"#, "env: { A: x }\n").args(["--format", "kubernetes"]).run();
    kubernetes.launched().printed("A='a\\n$b\n4c7a1e'\n");
    let quote = export("kubernetes", "env: { A: \"x:quote\" }\n");
    quote.refused(78).says(["A (secrets-exec.yaml:1, x:quote)", "single quote"]);
    // The format to use holds all that is wrong with a value.
    let run = exports(r#"{ "x": { "$binary": "/wotNGM3YTFl" } }"#, "env:\n  A: x\n").args(["--format", "docker"]).run();
    run.refused(78).says(["A (", "not UTF-8", "--format shell,"]).says_nothing_of("json");
    let missing = export("docker", "env:\n  FITS: x:plain\n  LINES: x:lines\n  ABSENT: x:absent\n");
    let nothing = "2 values could not be read or delivered: nothing was exported";
    missing.refused(78).says(["LINES", "ABSENT", nothing]);
}

#[test]
fn a_line_of_64_kib_is_one_byte_too_long_for_docker() {
    let value = |length: usize| format!(r#"{{ "x": "{}" }}"#, "v".repeat(length));
    let run = |length| exports(&value(length), "env:\n  AB: x\n").args(["--format", "docker"]).run();
    run(65_535 - "AB=".len()).launched_silently();
    run(65_536 - "AB=".len()).refused(78).says(["AB (", "65536 bytes", "65535", "--format shell or json"]);
}

#[test]
fn a_value_that_no_environment_can_hold_is_refused_in_every_format() {
    for format in ["shell", "dotenv", "json", "docker", "kubernetes"] {
        let run = exports(r#"{ "x": { "$binary": "YQBiNGM3" } }"#, "env:\n  NUL: x\n").args(["--format", format]).run();
        run.refused(78).says(["NUL", "encode: base64"]).says_nothing_of("--format");
    }
}

#[test]
fn a_file_in_memory_is_left_out_and_one_at_a_path_not_written_with_a_warning() {
    let declaration = "env: { A: \"x:k\" }\nfiles: [{ from: \"x:k\", env: KEY_FILE }]\n";
    let run = of_aws(&served()).declaration(declaration).run();
    run.launched().says(["KEY_FILE (secrets-exec.yaml:2, x:k): left out"]);
    assert!(!run.stdout().contains("KEY_FILE"), "{run}");
    let declaration = "files:\n  - { from: \"x:k\", path: /nonexistent/key, env: KEY_FILE }\n";
    let run = of_aws(&served()).declaration(declaration).run();
    run.launched().says(["warning: /nonexistent/key (secrets-exec.yaml:2): not written"]);
    assert!(run.stdout().contains("export KEY_FILE='/nonexistent/key'\n"), "{run}");
}

#[test]
fn a_name_that_a_shell_reserves_is_warned_of_and_not_set_there() {
    let secret = r#"{"uid":"70000007","username":"u-4c7a1e","random":"a[$(id)]","path_":"p-4c7a1e"}"#;
    let aws = Aws::start().secret("x", Secret::text(secret));
    let sandbox = Sandbox::new().arg("export").aws(&aws).prints_values().bare().args(["--format", "shell"]);
    let sandbox = sandbox.declaration("env-from: [x]\n");
    let run = sandbox.run();
    run.launched().printed(
        "[ \"${BASH_VERSION-}${ZSH_VERSION-}\" ] || export UID='70000007'\n\
         [ \"${ZSH_VERSION-}\" ] || export USERNAME='u-4c7a1e'\n\
         [ \"${BASH_VERSION-}${ZSH_VERSION-}${KSH_VERSION-}\" ] || export RANDOM='a[$(id)]'\n\
         export PATH_='p-4c7a1e'\n",
    );
    run.says(["warning: UID is not set in bash, zsh", "RANDOM", "USERNAME", "read-only"]).says_nothing_of("PATH_");
    sandbox.arg("-q").run().launched_silently();
    for (entries, printed) in [
        ("LINES: { value: \"24x\" }", "[ \"${ZSH_VERSION-}${KSH_VERSION-}\" ] || export LINES='24x'\n"),
        ("ARGV0: { value: word }", "[ \"${ZSH_VERSION-}\" ] || export ARGV0='word'\n"),
    ] {
        export("shell", &format!("env:\n  {entries}\n")).launched_silently().printed(printed);
    }
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
    // A file on a disk is not warned of.
    of_aws(&served()).args(["--output", ".env"]).run().launched_silently();
    output("-").run().launched_silently().printed("export PLAIN='v-4c7a1e'\n");
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
    for (path, fact) in [
        ("missing/out", "directory missing/ does not exist"),
        ("dir", "directory"),
        ("dir/file/out", "not a directory"),
        ("/dev/null", "device"),
        ("link", "symbolic link"),
    ] {
        let sandbox = output(path).file("dir/file", "old");
        symlink("dir/file", sandbox.path("link")).unwrap();
        sandbox.run().refused(78).says([&*format!("{path} (--output)"), fact]);
        assert_eq!(fs::read(sandbox.path("dir/file")).unwrap(), b"old");
    }
    let run = exports(SECRETS, DECLARATION).args(["--format", "json"]).prepared_by("exec \"$@\" >/dev/full").run();
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
