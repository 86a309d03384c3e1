//! Name servers that are silent, refuse, fail or recover.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::deadline::ends_within;
use crate::support::network::{SILENT, alone, can_replace, with_files};
use crate::support::outcome::Outcome;
use crate::support::sandbox::{Sandbox, sandbox};

const TIMEOUT: Duration = Duration::from_millis(1500);

/// The answer to a question for an IPv4 address.
#[derive(Clone, Copy)]
enum Reply {
    Silence,
    /// The address 127.0.0.1.
    Loopback,
    /// No address, with this RCODE: 0 NOERROR, 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED.
    Code(u8),
}

/// Starts a name server on the loopback address: the n-th question gets the n-th reply, all later ones the last.
/// Returns the count of questions.
fn resolver(replies: Vec<Reply>) -> Arc<AtomicUsize> {
    let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
    let questions = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&questions);
    // Runs until the test binary ends.
    thread::spawn(move || {
        let mut asked = 0;
        let mut packet = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut packet) {
            counted.fetch_add(1, Ordering::SeqCst);
            let name = packet[12..length].iter().position(|byte| *byte == 0).unwrap();
            let question = &packet[..12 + name + 5];
            let wants_ipv4 = question[12 + name + 2] == 1;
            let reply = if wants_ipv4 { replies[asked.min(replies.len() - 1)] } else { Reply::Code(0) };
            asked += usize::from(wants_ipv4);
            let mut answer = question.to_vec();
            answer[6..12].fill(0);
            match reply {
                Reply::Silence => continue,
                Reply::Code(code) => answer[2..4].copy_from_slice(&[0x81, 0x80 | code]),
                Reply::Loopback => {
                    answer[2..4].copy_from_slice(&[0x81, 0x80]);
                    answer[7] = 1;
                    // The name of the question, type A, class IN, a TTL of 60 seconds, four bytes.
                    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
                }
            }
            let _ = socket.send_to(&answer, client);
        }
    });
    questions
}

/// A launch whose service has a name that only this name server resolves.
fn asking(server: &str, aws: &Aws) -> Sandbox {
    let sandbox = sandbox(aws).endpoint(&format!("http://secrets.example:{}", aws.address().port()));
    let resolver = format!("nameserver {server}\noptions timeout:1 attempts:1\n");
    with_files(sandbox, &[("resolv.conf", &resolver)])
}

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#))
}

fn in_a_network(test: impl FnOnce() + Send) {
    if can_replace("resolv.conf") {
        alone(test);
    }
}

/// Asserts that the failure is retried until the deadline, and that the error names the host.
fn ends(replies: Vec<Reply>) -> Outcome {
    resolver(replies);
    let aws = served();
    let run = ends_within(TIMEOUT, asking("127.0.0.1", &aws));
    run.refused(75).says(["A", "secret x", "secrets.example", "DNS"]);
    assert!(aws.calls().is_empty());
    run
}

#[test]
fn a_name_server_that_swallows_every_question_ends_with_the_time() {
    in_a_network(|| {
        let aws = served();
        ends_within(TIMEOUT, asking(SILENT, &aws)).refused(75).says(["A", "secret x", "DNS"]);
    });
}

#[test]
fn a_name_that_does_not_exist_is_told() {
    in_a_network(|| drop(ends(vec![Reply::Code(3)])));
}

#[test]
fn a_name_without_an_address_is_told() {
    in_a_network(|| drop(ends(vec![Reply::Code(0)])));
}

#[test]
fn a_name_server_that_breaks_down_is_told() {
    in_a_network(|| drop(ends(vec![Reply::Code(2)])));
}

#[test]
fn a_name_server_that_refuses_is_told() {
    in_a_network(|| drop(ends(vec![Reply::Code(5)])));
}

#[test]
fn a_name_server_that_recovers_is_asked_again() {
    in_a_network(|| {
        resolver(vec![Reply::Code(2), Reply::Code(3), Reply::Silence, Reply::Loopback]);
        let aws = served();
        asking("127.0.0.1", &aws).run().launched_silently().has("A", "v");
        assert_eq!(aws.reads().len(), 1);
    });
}

#[test]
fn a_name_is_looked_up_once_and_as_it_is_whatever_domains_are_searched() {
    in_a_network(|| {
        // As in a Kubernetes pod.
        let resolver_file =
            "nameserver 127.0.0.1\nsearch ns.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n";
        let questions = resolver(vec![Reply::Loopback]);
        let mut aws = Aws::start();
        let mut sandbox = Sandbox::new();
        for n in 0..4 {
            aws = aws.secret(&format!("x{n}"), Secret::json(r#"{"k":"v"}"#));
            sandbox = sandbox.resolve(&format!("V{n}=x{n}:k"));
        }
        let sandbox = sandbox.aws(&aws).endpoint(&format!("http://secrets.example:{}", aws.address().port()));
        with_files(sandbox, &[("resolv.conf", resolver_file)]).run().launched_silently();
        // One question each for A and AAAA.
        assert_eq!(questions.load(Ordering::SeqCst), 2);
        // The Host header has the name without the search domain.
        let host = aws.reads()[0].header("host").unwrap().to_owned();
        assert!(host.starts_with("secrets.example:"), "{host}");
    });
}

#[test]
fn a_hosts_file_comes_before_any_name_server() {
    if !can_replace("hosts") {
        return;
    }
    in_a_network(|| {
        let questions = resolver(vec![Reply::Code(3)]);
        let aws = served();
        let hosts = "127.0.0.1 localhost\n127.0.0.1 other.example secrets.example # ours\n";
        let sandbox = sandbox(&aws).endpoint(&format!("http://secrets.example:{}", aws.address().port()));
        let files = [("resolv.conf", "nameserver 127.0.0.1\n"), ("hosts", hosts)];
        with_files(sandbox, &files).run().launched_silently().has("A", "v");
        assert_eq!(questions.load(Ordering::SeqCst), 0);
    });
}
