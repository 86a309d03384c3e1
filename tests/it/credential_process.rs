//! `credential_process` of a profile: its environment and terminal, its end when the launch ends early, and its output.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, ROLE_KEY};
use crate::support::outcome::{Outcome, Status};
use crate::support::sandbox::{ACCESS_SECRET, CANARY, Sandbox};
use crate::support::terminal;

const KEY: &str = "AKIAPROCESS";

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#))
}

fn credentials() -> Value {
    json!({ "Version": 1, "AccessKeyId": KEY, "SecretAccessKey": ACCESS_SECRET })
}

/// A launch whose `credential_process` is this shell script.
fn sandbox(aws: &Aws, script: &str) -> Sandbox {
    let sandbox = Sandbox::new().endpoint(&aws.endpoint()).region("us-east-1").resolve("A=x:k");
    let sandbox = sandbox.file("answer.json", credentials().to_string());
    let sandbox = sandbox.executable("credentials.sh", format!("#!/bin/sh\n{script}"));
    let config = format!("[default]\ncredential_process = {}\n", sandbox.path("credentials.sh").display());
    sandbox.home_file(".aws/config", &config)
}

/// A launch whose `credential_process` prints this.
fn printing(aws: &Aws, printed: impl ToString) -> Sandbox {
    sandbox(aws, "cat answer.json").file("answer.json", printed.to_string())
}

/// A script that writes its process id and that of a child to `processes`, and hangs.
const HANGING: &str = "sleep 300 & echo $$ $! >draft; mv draft processes; wait";

/// The paths in /proc of the processes of [`HANGING`], once these are written.
fn processes(sandbox: &Sandbox) -> Vec<PathBuf> {
    let file = sandbox.path("processes");
    await_that(|| file.exists());
    fs::read_to_string(file).unwrap().split_whitespace().map(|pid| Path::new("/proc").join(pid)).collect()
}

/// Waits until a condition holds; fails after 20 seconds.
fn await_that(happens: impl Fn() -> bool) {
    let began = Instant::now();
    while !happens() {
        assert!(began.elapsed() < Duration::from_secs(20), "it does not happen");
        sleep(Duration::from_millis(10));
    }
}

/// Returns whether a process is gone, or a zombie that init has not reaped yet.
fn has_ended(process: &Path) -> bool {
    let status = fs::read_to_string(process.join("status")).unwrap_or_default();
    status.is_empty() || status.contains("State:\tZ")
}

fn all_end(processes: &[PathBuf]) {
    await_that(|| processes.iter().all(|process| has_ended(process)));
}

#[test]
fn standard_input_is_left_to_the_command() {
    let aws = served();
    let sandbox = sandbox(&aws, "wc -c >read; cat answer.json").stdin("for the command");
    sandbox.command(["cat"]).run().launched_silently().printed("for the command");
}

#[test]
fn all_that_it_started_ends_with_the_time() {
    let aws = served();
    let sandbox = sandbox(&aws, HANGING).args(["--timeout", "1s"]);
    sandbox.run().refused(75).says(["A (", "profile: no answer in time"]);
    all_end(&processes(&sandbox));
}

#[test]
fn what_outlives_it_and_holds_its_output_open_ends_with_the_time() {
    let aws = served();
    let sandbox = sandbox(&aws, "sleep 300 & echo $! >draft; mv draft processes").args(["--timeout", "1s"]);
    sandbox.run().refused(75);
    all_end(&processes(&sandbox));
}

#[test]
fn all_that_it_started_ends_with_a_signal_to_us_alone() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
        let aws = served();
        let sandbox = sandbox(&aws, HANGING).script("touch started");
        let running = sandbox.spawn();
        let processes = processes(&sandbox);
        running.ends_by(signal);
        all_end(&processes);
        assert!(!sandbox.path("started").exists());
    }
}

#[test]
fn a_signal_that_was_ignored_on_entry_ends_nothing() {
    let aws = served();
    let script = "touch begun; until test -e go; do sleep 0.02; done; cat answer.json";
    let sandbox = sandbox(&aws, script).through(["env", "--ignore-signal=HUP"]);
    let running = sandbox.spawn();
    await_that(|| sandbox.path("begun").exists());
    running.signal(Signal::SIGHUP);
    let sandbox = sandbox.file("go", "");
    running.wait().launched_silently().has("A", "v");
    drop(sandbox);
}

/// The command's mask of ignored signals (SigIgn in /proc/self/status).
fn ignored_signals(through: &[&str]) -> u64 {
    let aws = served();
    let sandbox = printing(&aws, credentials()).through(through).command(["grep", "SigIgn", "/proc/self/status"]);
    let run = sandbox.run();
    let line = run.launched_silently().stdout();
    u64::from_str_radix(line.trim().rsplit('\t').next().unwrap(), 16).unwrap()
}

#[test]
fn sigchld_may_be_ignored_on_entry_and_stays_so() {
    let bit = 1 << (Signal::SIGCHLD as i32 - 1);
    assert_eq!(ignored_signals(&["env", "--ignore-signal=CHLD"]) & bit, bit);
    assert_eq!(ignored_signals(&["env"]) & bit, 0);
}

#[test]
fn nothing_of_it_is_left_to_the_command() {
    let aws = served();
    // A zombie that was not waited for would count as a child.
    let sandbox = printing(&aws, credentials()).command(["cat", "/proc/thread-self/children"]);
    sandbox.run().launched_silently().printed("");
}

#[test]
fn credentials_that_have_expired_are_refused() {
    let aws = served();
    let mut printed = credentials();
    printed["Expiration"] = json!("2020-01-01T00:00:00Z");
    let run = printing(&aws, &printed).run();
    run.refused(77).says(["A (", "profile: ", "credential_process", "expired at 2020-01-01T00:00:00Z"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn credentials_that_have_not_expired_are_used() {
    for moment in ["2099-01-01T00:00:00Z", "2099-01-01T00:00:00.123+02:00"] {
        let aws = served();
        let mut printed = credentials();
        printed["Expiration"] = json!(moment);
        printed["SessionToken"] = json!("session-token-of-the-test");
        printing(&aws, &printed).run().launched_silently().has("A", "v");
        assert_eq!(aws.only_read().access_key(), KEY);
        assert_eq!(aws.only_read().header("x-amz-security-token"), Some("session-token-of-the-test"));
    }
}

#[test]
fn an_empty_session_token_is_none() {
    let aws = served();
    let mut printed = credentials();
    printed["SessionToken"] = json!("");
    printing(&aws, &printed).run().launched_silently();
    assert_eq!(aws.only_read().header("x-amz-security-token"), None);
}

#[test]
fn what_is_not_the_json_of_aws_is_told_and_not_quoted() {
    let secret = format!("\"SecretAccessKey\":\"{ACCESS_SECRET}\"");
    for (printed, fact) in [
        (format!("{CANARY}\n"), "JSON"),
        (format!("[\"{CANARY}\"]"), "JSON"),
        (format!("{{\"Version\":\"{CANARY}\",\"AccessKeyId\":\"{KEY}\",{secret}}}"), "JSON"),
        (format!("{{\"AccessKeyId\":\"{KEY}\",{secret}}}"), "Version"),
        (format!("{{\"Version\":2,\"AccessKeyId\":\"{KEY}\",{secret}}}"), "Version"),
        (format!("{{\"Version\":1,{secret}}}"), "AccessKeyId"),
        (format!("{{\"Version\":1,\"AccessKeyId\":\"{KEY}\"}}"), "SecretAccessKey"),
        (format!("{{\"Version\":1,\"AccessKeyId\":\"{KEY}\",{secret},\"Expiration\":\"{CANARY}\"}}"), "Expiration"),
    ] {
        let aws = served();
        printing(&aws, printed).run().refused(77).says(["A (", "credential_process", fact]);
        assert!(aws.calls().is_empty());
    }
}

#[test]
fn a_failure_is_told_with_what_it_says() {
    let aws = served();
    let run = sandbox(&aws, "echo 'log in first' >&2; exit 3").run();
    run.refused(77).says(["A (", "profile: credential_process ended with status 3: log in first"]);
    let run = sandbox(&aws, "kill -KILL $PPID").run();
    run.refused(77).says(["A (", "profile: credential_process was ended by SIGKILL"]);
}

#[test]
fn a_failure_is_waited_for() {
    let aws = served();
    let sandbox =
        sandbox(&aws, "test -e twice || { test -e once && touch twice; touch once; exit 1; }; cat answer.json");
    sandbox.args(["--wait", "20s"]).run().launched().has("A", "v");
}

const ROLE: &str = "arn:aws:iam::210987654321:role/Reader";

/// Launches with a role that is assumed with the credentials of the process.
fn assumes_a_role(config: impl Fn(&str) -> String) {
    let aws = served();
    let sandbox = printing(&aws, credentials());
    let process = sandbox.path("credentials.sh").display().to_string();
    sandbox.home_file(".aws/config", &config(&process)).run().launched_silently().has("A", "v");
    let assumed = aws.calls_of("AssumeRole");
    assert_eq!(assumed.len(), 1);
    assert_eq!((assumed[0].access_key().as_str(), assumed[0].form()["RoleArn"].as_str()), (KEY, ROLE));
    assert_eq!(aws.only_read().access_key(), ROLE_KEY);
}

#[test]
fn a_profile_may_take_another_ones_process() {
    assumes_a_role(|process| {
        format!("[default]\nrole_arn = {ROLE}\nsource_profile = base\n[profile base]\ncredential_process = {process}\n")
    });
}

#[test]
fn a_profile_may_assume_a_role_with_its_own_process() {
    assumes_a_role(|process| {
        format!("[default]\nrole_arn = {ROLE}\nsource_profile = default\ncredential_process = {process}\n")
    });
}

#[test]
fn a_process_of_the_profile_that_is_named_is_asked() {
    let aws = served();
    let sandbox = printing(&aws, credentials());
    let process = sandbox.path("credentials.sh").display().to_string();
    let credentials = format!("[work]\ncredential_process = {process}\n");
    let config = "[default]\ncredential_process = false\n";
    let sandbox = sandbox.home_file(".aws/config", config).home_file(".aws/credentials", &credentials);
    sandbox.args(["--profile", "work"]).run().launched_silently().has("A", "v");
    assert_eq!(aws.only_read().access_key(), KEY);
}

#[test]
fn keys_of_a_source_profile_come_before_its_process() {
    let aws = served();
    let keys = format!("aws_access_key_id = AKIAKEYS\naws_secret_access_key = {ACCESS_SECRET}\n");
    let config = format!(
        "[default]\nrole_arn = {ROLE}\nsource_profile = base\n[profile base]\ncredential_process = touch begun\n{keys}"
    );
    let sandbox = printing(&aws, credentials()).home_file(".aws/config", &config);
    sandbox.run().launched().has("A", "v");
    assert_eq!(aws.calls_of("AssumeRole")[0].access_key(), "AKIAKEYS");
    assert!(!sandbox.path("begun").exists());
}

#[test]
fn a_circle_of_profiles_ends() {
    let aws = served();
    let config = format!(
        "[default]\nrole_arn = {ROLE}\nsource_profile = a\n[profile a]\nrole_arn = {ROLE}\nsource_profile = default\n"
    );
    printing(&aws, credentials()).home_file(".aws/config", &config).run().refused(77).says(["loop"]);
}

/// A script that prompts on the terminal, as for an MFA code.
const ASKING: &str = "printf 'code? ' >/dev/tty; read code </dev/tty; printf \"<$code>\" >/dev/tty; cat answer.json";

fn at_a_terminal(script: &str, shown: &str, typed: &str, state: impl FnOnce(Sandbox) -> Sandbox) -> Option<Outcome> {
    let aws = served();
    let sandbox = terminal::at_a_terminal(state(sandbox(&aws, script)), &[], shown, typed)?;
    Some(sandbox.run())
}

#[test]
fn it_may_ask_on_the_terminal_and_the_command_has_the_terminal_afterwards() {
    let command = "printf \"$A? \" >/dev/tty; read line </dev/tty; printf \"<$line>\" >/dev/tty";
    let run = at_a_terminal(ASKING, "code? |v? ", "123\\n|456\\n", |sandbox| sandbox.script(command));
    let Some(run) = run else { return };
    run.launched().printed("code? <123>v? <456>[status 0]\n");
}

#[test]
fn an_interrupt_at_its_question_ends_the_launch() {
    let Some(run) = at_a_terminal(ASKING, "code? ", "\\x03", |sandbox| sandbox) else { return };
    run.launched();
    let shown = run.stdout();
    assert!(
        shown.starts_with("code? secrets-exec: error: SIGINT after ") && shown.ends_with("\n[signal 2]\n"),
        "{run}"
    );
}

#[test]
fn an_interrupt_while_it_asks_nothing_ends_the_launch_and_it() {
    let script = format!("{{ until test -e processes; do sleep 0.02; done; printf ready >/dev/tty; }} & {HANGING}");
    let aws = served();
    let Some(sandbox) = terminal::at_a_terminal(sandbox(&aws, &script), &[], "ready", "\\x03") else { return };
    let run = sandbox.run();
    run.launched();
    let shown = run.stdout();
    let line = "readysecrets-exec: error: SIGINT after ";
    assert!(shown.starts_with(line) && shown.ends_with("\n[signal 2]\n"), "{run}");
    all_end(&processes(&sandbox));
}

#[test]
fn a_stop_at_its_question_stops_the_launch_which_then_goes_on() {
    let run = at_a_terminal(ASKING, "code? |[stopped]", "\\x1a|123\\n", |sandbox| sandbox.command(["true"]));
    let Some(run) = run else { return };
    run.launched().printed("code? [stopped]<123>[status 0]\n");
}

#[test]
fn the_end_of_the_time_at_its_question_leaves_the_terminal_as_it_was() {
    let asking = "stty echo </dev/tty; printf 'code? ' >/dev/tty; read code </dev/tty";
    let run = at_a_terminal(asking, "", "", |sandbox| sandbox.args(["--timeout", "1s"]));
    let Some(run) = run else { return };
    run.ended(Status::Exit(0));
    assert!(run.stdout().ends_with("[status 75]\n"), "{run}");
}
