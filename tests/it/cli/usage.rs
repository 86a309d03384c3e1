//! Usage errors, which end with status 64 and a reason before anything is read or started; and the
//! help.

use crate::support::*;

fn help(words: &[&str]) -> String {
    Sandbox::new()
        .args(words)
        .bare()
        .run()
        .launched_silently()
        .stdout()
}

const COMMANDS: &str = "check get policy export migrate completions man schema credential install";

/// The subcommands that have the options of a launch.
const SHARING: &str = "check get policy export credential";

#[test]
fn the_short_help_fits_a_terminal_and_mentions_the_long_help_and_every_subcommand() {
    let (short, long) = (help(&["-h"]), help(&["--help"]));
    let (is_short, is_long) = (
        !short.contains("--external-id"),
        long.contains("Exit status"),
    );
    assert!(is_short && short.contains("--help"), "{short}");
    assert!(is_long && long.contains("--external-id"), "{long}");
    let sandbox = Sandbox::new()
        .arg("-h")
        .bare()
        .through(terminal("2x80", "", ""));
    let shown = sandbox.run().launched().stdout();
    assert!(shown.lines().count() <= 40, "{shown}");
    for help in [short, long, shown] {
        let is_narrow = |line: &str| line.trim_end().chars().count() <= 80;
        assert!(help.lines().all(is_narrow), "{help}");
        // The subcommands for integrations come last.
        let commands = COMMANDS.split(' ');
        let places = commands.map(|command| help.find(&format!("\n  {command} ")));
        let places = Vec::from_iter(places);
        let all = places.iter().all(Option::is_some);
        assert!(all && places.is_sorted(), "{help}");
    }
}

#[test]
fn the_help_of_each_subcommand_shows_its_usage_and_an_example_but_no_option_of_rotation() {
    let of_rotation = ["--on-rotation", "--poll-interval", "--splay", "--grace"];
    let launch = help(&["--help"]);
    assert!(of_rotation.iter().all(|option| launch.contains(option)));
    for command in COMMANDS.split(' ') {
        let (short, long) = (help(&[command, "-h"]), help(&[command, "--help"]));
        let usage = format!("Usage: secrets-exec {command}");
        assert!(short.contains(&usage) && long.contains(&usage), "{long}");
        assert!(long.contains("Example"), "{long}");
        assert!(!short.contains("--external-id"), "{short}");
        let shares = SHARING.split(' ').any(|name| name == command);
        assert_eq!(long.contains("--external-id"), shares, "{long}");
        let has_option = |option: &str| short.contains(option) || long.contains(option);
        assert!(!of_rotation.into_iter().any(has_option), "{long}");
    }
}

#[test]
fn the_subcommand_help_prints_the_long_help_and_schema_prints_the_published_schema() {
    assert_eq!(help(&["help"]), help(&["--help"]));
    assert_eq!(help(&["help", "check"]), help(&["check", "--help"]));
    let schema = repository_file("secrets-exec.schema.json");
    assert_eq!(help(&["schema"]), schema);
}

#[test]
fn the_version_is_printed_on_standard_output_by_the_option_and_by_the_subcommand() {
    for option in ["--version", "-V", "version"] {
        let version = concat!("secrets-exec ", env!("CARGO_PKG_VERSION"), "\n");
        assert_eq!(help(&[option]), version);
    }
}

#[test]
fn without_arguments_the_short_help_is_printed_as_a_usage_error() {
    let run = Sandbox::new().bare().target_writes_stderr().run();
    run.refused(64, []);
    assert_eq!(run.stderr(), help(&["-h"]));
}

#[test]
fn help_fails_with_78_if_the_disk_is_full_and_succeeds_if_its_output_is_closed() {
    let said = "error: writing to standard output failed: no space left on device";
    for option in ["--help", "-h", "--version"] {
        let launch = || Sandbox::new().arg(option).bare();
        let full = launch().prepared_by("exec \"$@\" >/dev/full").run();
        full.refused(78, [said]);
        let closed = launch().prepared_by("exec \"$@\" >&-").run();
        closed.launched_silently();
    }
}

#[test]
fn a_usage_error_shows_neither_an_unexpected_argument_nor_a_malformed_entry() {
    for words in [
        "-e DB_PASSWORD hunter2",
        "-e DB_PASSWORD hunter2 -- env",
        "-e hunter2 -- env",
        "-e A=hunter2\u{a0}x -- env",
        "-e A=x:$.[hunter2 -- env",
        "-e A=ssm:/hunter2//x -- env",
        "-e A=arn:aws:hunter2 -- env",
        "--env-from $hunter2 -- env",
        "--env-from x=hunter2:a:b:c:d -- env",
        "--as-file A hunter2 -- env",
        "--as-file hunter2 -- env",
        "hunter2",
        "—env hunter2 -- env",
        "check hunter2",
        "check chekhunter2",
        "export hunter2 --format json",
        "policy -- hunter2",
        "completions bash hunter2",
        "--region x hunter2 -- env",
        "--hunter=hunter2 -- env",
        "--quiet=hunter2 -- env",
    ] {
        let aws = served();
        let sandbox = Sandbox::new().aws(&aws).args(words.split(' ')).bare();
        sandbox.refused(&aws, 64, &[]).says_nothing_of("hunter2");
    }
}
