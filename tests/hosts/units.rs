//! secrets-exec as the prefix of an `ExecStart=`: the command is the main process, and communicates
//! with systemd as if systemd had started it directly.

use super::systemd::{LOCAL, Systemd, lines_with_aws_and_keys};
use crate::support::record::await_fact;
use crate::support::*;

#[test]
#[ignore = "by make test-hosts"]
fn in_a_unit_with_type_exec_the_command_is_the_main_process_and_has_the_value() {
    let systemd = or_skip!(Systemd::shared());
    let command = "secrets-exec -e A=x:k -- /bin/sh -c 'printf %%s \"$A\"; exec sleep 1000'";
    let unit = systemd.unit("exec", &format!("Type=exec\n{LOCAL}ExecStart={command}\n"));
    let unit = unit.start();
    let comm = || systemd.ask(&format!("cat /proc/{}/comm", unit.property("MainPID")));
    await_fact("the main process is sleep", || comm() == "sleep\n");
    assert_eq!(unit.printed(), "v-4c7a1e");
    unit.stop();
}

#[test]
#[ignore = "by make test-hosts"]
fn the_readiness_and_watchdog_messages_of_a_command_reach_systemd() {
    let systemd = or_skip!(Systemd::shared());
    let command = "secrets-exec -e A=x:k -- python3 /usr/local/bin/service.py watched";
    let lines =
        format!("Type=notify\nNotifyAccess=main\nWatchdogSec=2\n{LOCAL}ExecStart={command}\n");
    let unit = systemd.unit("notify", &lines).start();
    unit.await_that("StatusText", "five periods later");
    assert_eq!(unit.property("ActiveState"), "active");
    unit.stop();
}

#[test]
#[ignore = "by make test-hosts"]
fn in_a_socket_activated_unit_the_command_gets_the_socket_and_the_value() {
    let systemd = or_skip!(Systemd::shared());
    let command =
        "secrets-exec -e A=x:k --as-file F=x:k -- python3 /usr/local/bin/service.py socket";
    let unit = systemd.unit(
        "answer",
        &format!("Type=exec\n{LOCAL}ExecStart={command}\n"),
    );
    let socket = "[Socket]\nListenStream=/run/answer.sock\n";
    systemd.write("/etc/systemd/system/answer.socket", socket);
    systemd.done("systemctl daemon-reload; systemctl start answer.socket");
    let client = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/answer.sock'); print(s.recv(9))";
    let asked = systemd.shell(&format!("python3 -c \"{client}\""));
    asked.launched().printed("b'v-4c7a1e'\n");
    unit.await_that("ActiveState", "inactive");
    assert_eq!(unit.property("Result"), "success");
}

#[test]
#[ignore = "by make test-hosts"]
fn a_unit_stopped_while_a_secret_hangs_ends_with_success_and_names_the_secret() {
    let systemd = or_skip!(Systemd::shared());
    let aws = Aws::start().secret("x", Secret::failing(Fault::Hang));
    let lines = format!("Type=exec\n{}", lines_with_aws_and_keys(&aws));
    let stop_post = "ExecStopPost=/bin/sh -c 'echo $SERVICE_RESULT: $EXIT_CODE by $EXIT_STATUS'\n";
    let command = "ExecStart=secrets-exec -e A=x:k -- /bin/echo started\n";
    let unit = systemd.unit("early", &format!("{lines}{command}{stop_post}"));
    let unit = unit.start();
    aws.await_calls(1);
    unit.stop();
    assert_eq!(unit.printed(), "success: killed by TERM\n");
    let journal = unit.journal();
    let has_line = journal.contains("secrets-exec: error: SIGTERM ended secrets-exec after ")
        && journal.contains(" in us-east-1");
    assert!(has_line, "{journal}");
}

#[test]
#[ignore = "by make test-hosts"]
fn the_journal_of_a_unit_without_credentials_says_to_set_them_in_the_unit() {
    let systemd = or_skip!(Systemd::shared());
    // With the endpoint of the fake on loopback, the help would be about a simulation.
    let lines = "Environment=AWS_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true\n";
    let command = "secrets-exec -e A=x:k -- /bin/true";
    let in_script = format!("/bin/sh -c '{command}; exit'");
    for (name, command) in [("direct", command), ("script", &in_script)] {
        let unit = systemd.unit(name, &format!("{lines}ExecStart={command}\n"));
        let unit = unit.enqueue();
        let help = "help: set AWS_CONFIG_FILE and AWS_PROFILE with Environment= in the unit";
        await_fact("the journal says it", || unit.journal().contains(help));
    }
}

#[test]
#[ignore = "by make test-hosts"]
fn a_start_longer_than_timeoutstartsec_is_not_killed_and_names_the_secret() {
    // A daemon-reload takes back the extended timeout, and every test does one.
    let systemd = or_skip!(Systemd::own("slow"));
    for (name, option) in [("slow", ""), ("rotating-slow", "--on-rotation restart ")] {
        let aws = Aws::start().secret("x", Secret::text(r#"{"k":"v-4c7a1e"}"#).held());
        let lines = "Type=notify\nNotifyAccess=main\nTimeoutStartSec=4\n";
        let lines = format!("{lines}{}", lines_with_aws_and_keys(&aws));
        let command = format!(
            "ExecStart=secrets-exec --notify-ready --timeout 60s {option}-e A=x:k -- sleep 1000\n"
        );
        let unit = systemd.unit(name, &format!("{lines}{command}")).enqueue();
        aws.await_calls(1);
        await_fact("the status says it", || {
            unit.property("StatusText").contains(" in us-east-1")
        });
        std::thread::sleep(std::time::Duration::from_secs(4));
        let state = unit.property("ActiveState");
        assert_eq!(state, "activating", "{}", unit.journal());
        aws.release();
        unit.await_that("ActiveState", "active");
        assert_eq!(unit.property("StatusText"), "");
        unit.stop();
    }
}
