//! `export`: the four formats, standard output and `--output`, and what cannot be exported.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::outcome::{Outcome, Status};
use crate::support::sandbox::{CANARY, Sandbox};
use crate::support::terminal::at_a_terminal;

/// A run that exports the declaration's variables. The local file announces itself, which `-q` silences.
fn sandbox(secrets: &str, declaration: &str) -> Sandbox {
    let canary = format!(r#"{{"canary":"{CANARY}","#);
    Sandbox::new()
        .arg("export")
        .local(&secrets.replacen('{', &canary, 1))
        .declaration(declaration)
        .arg("-q")
        .prints_values()
        .bare()
}

const SECRETS: &str = r#"{ "x": { "plain": "v", "quote": "it's", "lines": "one\ntwo\n", "expanded": "a${b}" }, "bytes": { "$binary": "//4=" } }"#;

const DECLARATION: &str = "env:\n  QUOTE: x:quote\n  PLAIN: x:plain\n  EMPTY: { value: \"\" }\n";

fn export(format: &str, declaration: &str) -> Outcome {
    sandbox(SECRETS, declaration).args(["--format", format]).run()
}

fn of_aws(aws: &Aws) -> Sandbox {
    Sandbox::new().arg("export").aws(aws).resolve("A=x:k").prints_values().bare()
}

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"resolved"}"#))
}

#[test]
fn shell_prints_an_export_command_for_each_variable_in_the_order_of_the_declaration() {
    let run = export("shell", DECLARATION);
    run.launched_silently().printed("export QUOTE='it'\\''s'\nexport PLAIN='v'\nexport EMPTY=''\n");
}

#[test]
fn dotenv_prints_quoted_values() {
    export("dotenv", DECLARATION).launched_silently().printed("QUOTE=\"it's\"\nPLAIN='v'\nEMPTY=''\n");
}

#[test]
fn json_prints_an_object_of_strings() {
    let run = export("json", DECLARATION);
    run.launched_silently().printed("{\n  \"QUOTE\": \"it's\",\n  \"PLAIN\": \"v\",\n  \"EMPTY\": \"\"\n}\n");
}

#[test]
fn docker_prints_values_as_they_are() {
    export("docker", DECLARATION).launched_silently().printed("QUOTE=it's\nPLAIN=v\nEMPTY=\n");
}

#[test]
fn without_an_entry_that_is_there_the_output_is_empty() {
    let declaration = "env:\n  A: { from: \"x:absent\", optional: true }\n";
    export("shell", declaration).launched_silently().printed("");
    export("json", declaration).launched_silently().printed("{}\n");
}

#[test]
fn inherited_variables_are_not_exported_but_resolved_ones_are() {
    let sandbox = sandbox(SECRETS, "env:\n  PLAIN: x:plain\n").args(["--format", "docker", "--resolve-env", "DSN"]);
    let run = sandbox.env("OTHER", "1").env("DSN", "u:{{resolve:secretsmanager:x:SecretString:plain}}@h").run();
    run.launched_silently().printed("DSN=u:v@h\nPLAIN=v\n");
}

#[test]
fn keep_existing_exports_what_a_launch_would_set() {
    let sandbox = sandbox(SECRETS, DECLARATION).args(["--format", "docker", "--keep-existing"]);
    sandbox.env("PLAIN", "inherited").run().launched_silently().printed("QUOTE=it's\nEMPTY=\n");
}

#[test]
fn verbose_says_where_the_values_are_from() {
    let aws = served();
    let run = of_aws(&aws).args(["--format", "shell", "-v"]).run();
    run.launched().printed("export A='resolved'\n").says(["note: A (--env, x:k): secret x, version"]);
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
    let shell = export("shell", declaration);
    let printed = b"export FITS='v'\nexport TWO='one\ntwo\n'\nexport EXPANDED='a${b}'\nexport BYTES='\xff\xfe'\n";
    shell.launched_silently().printed(printed);
}

#[test]
fn the_format_to_use_holds_all_that_is_wrong_with_a_value() {
    let sandbox = sandbox(r#"{ "x": { "$binary": "/wo=" } }"#, "env:\n  A: x\n").args(["--format", "docker"]);
    sandbox.run().refused(78).says(["A (", "not UTF-8", "--format shell,"]).says_nothing_of("json");
}

#[test]
fn a_line_of_64_kib_is_one_byte_too_long_for_docker() {
    let value = |length: usize| format!(r#"{{ "x": "{}" }}"#, "v".repeat(length));
    let run = |length| sandbox(&value(length), "env:\n  AB: x\n").args(["--format", "docker"]).run();
    run(65_535 - "AB=".len()).launched_silently();
    run(65_536 - "AB=".len()).refused(78).says(["AB (", "65536 bytes", "65535", "--format shell or json"]);
}

#[test]
fn values_that_are_missing_and_that_do_not_fit_are_reported_together_and_nothing_is_printed() {
    let run = export("docker", "env:\n  FITS: x:plain\n  LINES: x:lines\n  ABSENT: x:absent\n");
    run.refused(78).says(["LINES", "ABSENT", "2 values could not be read or delivered: nothing was exported"]);
}

#[test]
fn a_value_that_no_environment_can_hold_is_refused_in_every_format() {
    for format in ["shell", "dotenv", "json", "docker"] {
        let run = sandbox(r#"{ "x": { "$binary": "YQBi" } }"#, "env:\n  NUL: x\n").args(["--format", format]).run();
        run.refused(78).says(["NUL", "encode: base64"]).says_nothing_of("--as-file").says_nothing_of("--format");
        assert_eq!(run.stderr().matches("error: NUL").count(), 1, "{run}");
    }
}

#[test]
fn a_file_in_memory_is_an_error() {
    let run = sandbox(SECRETS, "files:\n  - { from: \"x:plain\", env: KEY_FILE }\n").args(["--format", "shell"]).run();
    run.refused(78).says(["KEY_FILE (secrets-exec.yaml:2)", "file in memory", "`path`"]);
}

#[test]
fn the_path_of_a_file_is_exported_and_the_file_is_not_written() {
    let declaration = "files:\n  - { from: \"x:plain\", path: /nonexistent/key, env: KEY_FILE }\n";
    let run = sandbox(SECRETS, declaration).args(["--format", "shell"]).run();
    run.launched_silently().printed("export KEY_FILE='/nonexistent/key'\n");
}

#[test]
fn a_file_that_is_not_written_is_warned_of() {
    let aws = served();
    let declaration = "files:\n  - { from: \"x:k\", path: /nonexistent/key, env: KEY_FILE }\n";
    let run = of_aws(&aws).declaration(declaration).args(["--format", "shell"]).run();
    run.launched().says(["warning: /nonexistent/key (secrets-exec.yaml:2): not written"]);
}

#[test]
fn a_name_that_a_shell_reserves_is_warned_of_and_not_set_there() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"uid":"7","username":"u","random":"a[$(id)]","path_":"p"}"#));
    let sandbox = Sandbox::new().arg("export").aws(&aws).prints_values().bare().args(["--format", "shell"]);
    let sandbox = sandbox.declaration("env-from: [{ from: x, except: [zz_canary] }]\n");
    let run = sandbox.run();
    run.launched().printed(
        "[ \"${BASH_VERSION-}${ZSH_VERSION-}\" ] || export UID='7'\n\
         [ \"${ZSH_VERSION-}\" ] || export USERNAME='u'\n\
         [ \"${BASH_VERSION-}${ZSH_VERSION-}${KSH_VERSION-}\" ] || export RANDOM='a[$(id)]'\n\
         export PATH_='p'\n",
    );
    run.says(["warning: UID is not set in bash and zsh", "RANDOM", "USERNAME", "read-only"]).says_nothing_of("PATH_");
    sandbox.arg("-q").run().launched_silently();
}

#[test]
fn a_reserved_name_that_takes_numbers_is_set_to_a_number() {
    let run = export("shell", "env:\n  COLUMNS: { value: \"80\" }\n  LINES: { value: \"24x\" }\n");
    let guarded = "[ \"${ZSH_VERSION-}${KSH_VERSION-}\" ] || export LINES='24x'";
    run.launched_silently().printed(format!("export COLUMNS='80'\n{guarded}\n"));
}

#[test]
fn the_name_by_which_zsh_renames_commands_is_not_set_there() {
    let run = export("shell", "env:\n  ARGV0: { value: word }\n");
    run.launched_silently().printed("[ \"${ZSH_VERSION-}\" ] || export ARGV0='word'\n");
}

#[test]
fn a_name_that_every_shell_keeps_for_a_number_takes_no_other_value() {
    export("shell", "env:\n  OPTIND: { value: \"2\" }\n").launched_silently().printed("export OPTIND='2'\n");
    let run = export("shell", "env:\n  OPTIND: { value: word }\n");
    run.refused(78).says(["OPTIND (secrets-exec.yaml:2)", "--format dotenv, json or docker"]).printed("");
}

#[test]
fn without_a_format_the_formats_are_named() {
    let run = sandbox(SECRETS, DECLARATION).run();
    run.refused(64).says(["error: export requires --format FORMAT", "shell", "dotenv", "json", "docker"]);
}

#[test]
fn an_unknown_format_is_a_usage_error_that_lists_the_formats() {
    export("yaml", DECLARATION).refused(64).says(["yaml", "shell, dotenv, json, docker"]);
}

#[test]
fn a_command_is_a_usage_error() {
    let run = sandbox(SECRETS, DECLARATION).args(["--format", "shell", "--", "env"]).run();
    run.refused(64).says(["env"]);
}

#[test]
fn nothing_is_shown_on_a_terminal_and_nothing_is_requested() {
    let aws = served();
    let sandbox = Sandbox::new().arg("export").aws(&aws).resolve("A=x:k").bare().args(["--format", "shell"]);
    let Some(sandbox) = at_a_terminal(sandbox, &[], "", "") else { return };
    let run = sandbox.run();
    let shown = run.stdout();
    assert!(shown.contains("[status 64]") && shown.contains("--reveal") && shown.contains("--output"), "{run}");
    assert!(!shown.contains("resolved"), "{run}");
    assert!(aws.calls().is_empty());
}

#[test]
fn reveal_shows_values_on_a_terminal() {
    let aws = served();
    let Some(sandbox) = at_a_terminal(of_aws(&aws).args(["--format", "shell", "--reveal"]), &[], "", "") else {
        return;
    };
    let run = sandbox.run();
    assert!(run.stdout().contains("export A='resolved'\n[status 0]"), "{run}");
}

#[test]
fn a_file_may_be_written_from_a_terminal() {
    let aws = served();
    let sandbox = of_aws(&aws).args(["--format", "shell", "-q", "--output", "out"]);
    let path = sandbox.path("out");
    let Some(sandbox) = at_a_terminal(sandbox, &[], "", "") else { return };
    let run = sandbox.run();
    assert!(run.stdout().contains("[status 0]") && !run.stdout().contains("resolved"), "{run}");
    assert_eq!(fs::read(path).unwrap(), b"export A='resolved'\n");
}

/// A run with `--output`, in a private directory without other files.
fn output(path: &str) -> Sandbox {
    sandbox(SECRETS, "env:\n  PLAIN: x:plain\n").args(["--format", "shell", "--output", path])
}

#[test]
fn output_writes_a_file_that_only_its_owner_can_read_whatever_the_umask() {
    let sandbox = output("out").prepared_by("umask 0; exec \"$@\"");
    sandbox.run().launched_silently().printed("");
    assert_eq!(fs::read(sandbox.path("out")).unwrap(), b"export PLAIN='v'\n");
    assert_eq!(fs::metadata(sandbox.path("out")).unwrap().mode() & 0o7777, 0o600);
}

#[test]
fn an_output_on_a_disk_is_not_warned_of() {
    let aws = served();
    of_aws(&aws).args(["--format", "dotenv", "--output", ".env"]).run().launched_silently();
}

#[test]
fn output_replaces_a_file_and_leaves_no_other() {
    let sandbox = output("dir/out").file("dir/out", "old").mode("dir/out", 0o644);
    let before = fs::metadata(sandbox.path("dir/out")).unwrap().ino();
    let held = fs::File::open(sandbox.path("dir/out")).unwrap();
    sandbox.run().launched_silently();
    let after = fs::metadata(sandbox.path("dir/out")).unwrap();
    assert_ne!(after.ino(), before, "written in place");
    assert_eq!(after.mode() & 0o7777, 0o600);
    assert_eq!(fs::read(sandbox.path("dir/out")).unwrap(), b"export PLAIN='v'\n");
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
    let missing = output("missing/out").run();
    missing.refused(78).says(["missing/out (--output): its directory does not exist; create it first"]);
    missing.says_nothing_of("systemd");
    output("dir").file("dir/file", "").run().refused(78).says(["dir (--output)", "directory"]);
    output("file/out").file("file", "").run().refused(78).says(["file/out (--output)", "not a directory"]);
    output("/dev/null").run().refused(78).says(["/dev/null (--output)", "device"]);
    let linked = output("link").file("target", "old");
    symlink("target", linked.path("link")).unwrap();
    linked.run().refused(78).says(["link (--output)", "symbolic link"]);
    assert_eq!(fs::read(linked.path("target")).unwrap(), b"old");
}

#[test]
fn a_hyphen_as_output_is_standard_output() {
    output("-").run().launched_silently().printed("export PLAIN='v'\n");
}

#[test]
fn a_full_standard_output_is_an_error() {
    let run = sandbox(SECRETS, DECLARATION).args(["--format", "json"]).prepared_by("exec \"$@\" >/dev/full").run();
    run.refused(78).says(["standard output cannot be written", "no space left"]);
}

#[test]
fn a_reader_that_ends_early_is_an_error_since_values_are_missing() {
    let secrets = format!(r#"{{ "x": "{}" }}"#, "v".repeat(100_000));
    let sandbox = sandbox(&secrets, "env:\n  A: x\n").args(["--format", "shell"]);
    // The pipe holds 64 KiB, so the program is still writing when its reader ends.
    let run = sandbox.through(["bash", "-c", "\"$@\" | head -c 8; exit ${PIPESTATUS[0]}", "bash"]).run();
    run.ended(Status::Exit(78)).printed("export A").says(["standard output cannot be written: broken pipe"]);
}
