//! Networks that drop or reject packets, come up late, or don't exist; and name servers that are
//! silent, refuse, fail or recover.

use std::net::UdpSocket;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::support::network::{SILENT, SILENT_V6, alone, can_replace, can_sh, sh, with_files};
use crate::support::*;

/// A `--timeout` that is long enough for several attempts.
const TIMEOUT: Duration = Duration::from_millis(1500);

/// A launch that reaches its service at this host, on the port of the fake.
fn at_host(host: &str, aws: &Aws) -> Sandbox {
    sandbox(aws).endpoint(&format!("http://{host}:{}", aws.address().port()))
}

#[test]
fn a_launch_ends_at_its_timeout_and_names_the_address_that_drops_all_packets() {
    alone(|| {
        let aws = served();
        let run = ends_within(TIMEOUT, at_host(SILENT, &aws));
        let said = ["A (", "didn't answer in time", "correct AWS_ENDPOINT_URL"];
        run.refused(75, said);
        // Longer than the connect timeout.
        let run = at_host(SILENT, &aws).attempts(1).timeout("20s").run();
        let port = aws.address().port();
        let said = format!("{SILENT}:{port} doesn't answer (1 attempt");
        run.refused(75, ["A (", &said]);
    });
}

#[test]
fn a_launch_with_a_role_names_a_silent_host_after_the_time_of_one_connection() {
    alone(|| {
        let aws = served();
        // The connection to Secrets Manager is opened while STS is asked for the role. The limit
        // for an answer is shorter than the time of two connections.
        let launch = at_host(SILENT, &aws).env("AWS_ENDPOINT_URL_STS", aws.endpoint());
        let role = launch.args(["--role-arn", ROLE]).attempts(1).timeout("20s");
        let port = aws.address().port();
        let said = format!("{SILENT}:{port} doesn't answer (1 attempt");
        role.run().refused(75, ["A (", &said]);
    });
}

/// The message for ENETUNREACH in glibc and in musl.
const UNREACHABLE: [&str; 2] = ["Network is unreachable", "Network unreachable"];

#[test]
fn a_launch_fails_with_75_and_the_systems_reason_if_there_is_no_route_to_the_host() {
    alone(|| {
        let aws = served();
        sh("ip route add unreachable 198.51.100.1");
        sh("ip route add prohibit 198.51.100.2");
        sh("ip route add blackhole 198.51.100.3");
        for (host, reasons) in [
            ("198.51.100.1", ["No route to host", "host is unreachable"]),
            ("198.51.100.2", ["Permission denied", "permission denied"]),
            ("198.51.100.3", ["Invalid argument", "invalid"]),
            ("203.0.113.1", UNREACHABLE),
        ] {
            let run = at_host(host, &aws).attempts(2).case(host).run();
            run.refused(75, ["A (", host, "can't be reached"])
                .says_one_of(reasons);
        }
    });
}

#[test]
fn a_launch_without_any_network_fails_with_75_after_its_attempts_or_at_its_timeout() {
    let nothing = or_skip!(skip::wrapper(["unshare", "--net"], "no network at all"));
    let aws = served();
    for (region, said) in [
        ("us-east-1", "because its name doesn't resolve"),
        ("us-eest-1", "check the region"),
    ] {
        let launch = sandbox(&aws).endpoint("").region(region).attempts(2);
        let run = launch.through(nothing).run();
        let host = format!("secretsmanager.{region}.amazonaws.com can't be reached");
        run.refused(75, ["A (", &host, said]);
    }
    let waiting = ends_within(TIMEOUT, at_host("192.0.2.1", &aws).through(nothing));
    waiting
        .refused(75, ["A (", "192.0.2.1"])
        .says_one_of(UNREACHABLE);
}

#[test]
fn a_host_is_reached_at_another_address_if_some_of_its_addresses_drop_packets() {
    if !can_replace("hosts") {
        return;
    }
    alone(|| {
        sh(&format!("ip -6 route add 2001:db8:1::/64 via {SILENT_V6}"));
        let aws = served();
        let mut hosts = "127.0.0.1 two.test\n".to_owned();
        for number in 1..10 {
            hosts += &format!("2001:db8:1::{number} two.test\n");
        }
        let sandbox = with_files(at_host("two.test", &aws), &[("hosts", &hosts)]);
        // The connect timeout (3.1 s) is divided among the addresses. If IPv4 came last, it would
        // be tried only after 2.8 s.
        sandbox.timeout("2s").run().launched_with_value();
        // This is like a name with an address in each of several zones when one zone is down.
        sh(&format!("ip route add 198.51.100.0/24 via {SILENT}"));
        let chain = "add table ip n; add chain ip n out { type nat hook output priority -100; }";
        let rule = "add rule ip n out ip daddr 198.51.100.2 dnat to 127.0.0.1";
        if can_nft(&format!("nft '{chain}; {rule}'")) {
            let hosts = "198.51.100.1 two.test\n198.51.100.2 two.test\n";
            let sandbox = with_files(at_host("two.test", &aws), &[("hosts", hosts)]);
            sandbox.timeout("8s").run().launched_with_value();
        }
    });
}

#[test]
fn a_launch_ends_at_its_timeout_if_large_packets_are_lost() {
    alone(|| {
        let aws = served();
        let port = aws.address().port();
        // The answer is lost, as behind a tunnel that drops large packets while a firewall filters
        // its ICMP messages.
        if !replace_rules(&format!("tcp sport {port} ip length > 300 drop")) {
            return;
        }
        ends_within(TIMEOUT, at_host("127.0.0.1", &aws))
            .refused(75, ["A (", "didn't answer in time"]);
        assert!(!aws.reads().is_empty());
        // The reset comes during the TCP handshake, and then after the request.
        for what in ["tcp flags & (syn | ack) == syn", "ip length > 300"] {
            let rule = format!("tcp dport {port} {what} reject with tcp reset");
            if !replace_rules(&rule) {
                return;
            }
            let run = at_host("127.0.0.1", &aws).attempts(2).case(what).run();
            run.refused(75, ["A ("])
                .says_one_of(["refuses connections", "onnection reset"]);
        }
    });
}

/// Replaces all rules of nftables with this one. Returns whether nft can do that; if not, reports
/// the test as skipped.
fn replace_rules(rule: &str) -> bool {
    let chain = "add table ip t; flush table ip t; add chain ip t out { type filter hook output priority 0; }";
    can_nft(&format!("nft '{chain}; add rule ip t out {rule}'"))
}

/// Returns whether a command of nft succeeds. If not, reports the test as skipped.
fn can_nft(line: &str) -> bool {
    let can = can_sh(line);
    if !can {
        skip::skipped("packets that are dropped or redirected: nft doesn't work here");
    }
    can
}

/// The answer to a question for an IPv4 address.
#[derive(Clone, Copy)]
enum Reply {
    Silence,
    /// The address 127.0.0.1.
    Loopback,
    /// An answer without an address, with this RCODE: 0 NOERROR, 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED.
    Code(u8),
}

/// The answer for a name without an address.
const NOTHING: Reply = Reply::Code(0);

/// Starts a name server on the loopback address. It answers questions for the IPv4 address of a
/// name, and gives always the same answer to those for an IPv6 address. Returns the names in all
/// questions.
fn resolver(
    ipv6_reply: Reply,
    mut reply: impl FnMut(&str) -> Reply + Send + 'static,
) -> Arc<Mutex<Vec<String>>> {
    let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
    let questions = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::clone(&questions);
    // The thread runs until the test binary ends.
    thread::spawn(move || {
        let mut packet = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut packet) {
            let name = packet[12..length].split(|byte| *byte == 0).next().unwrap();
            let end = 12 + name.len();
            // The length of each label comes before it.
            let dotted = |byte: &u8| if *byte < 32 { '.' } else { char::from(*byte) };
            let name: String = name[1..].iter().map(dotted).collect();
            let question = &packet[..end + 5];
            let wants_ipv4 = question[end + 2] == 1;
            let reply = if wants_ipv4 { reply(&name) } else { ipv6_reply };
            asked.lock().unwrap().push(name);
            let mut answer = question.to_vec();
            answer[6..12].fill(0);
            match reply {
                Reply::Silence => continue,
                Reply::Code(code) => answer[2..4].copy_from_slice(&[0x81, 0x80 | code]),
                Reply::Loopback => {
                    answer[2..4].copy_from_slice(&[0x81, 0x80]);
                    answer[7] = 1;
                    // The name in the question, type A, class IN, a TTL of 60 seconds, and four
                    // bytes of address.
                    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
                }
            }
            let _ = socket.send_to(&answer, client);
        }
    });
    questions
}

/// A launch that reaches its service by this name, which the name server at this address resolves.
fn at_name(host: &str, aws: &Aws, server: &str) -> Sandbox {
    let resolver = format!("nameserver {server}\noptions timeout:1 attempts:1\n");
    with_files(at_host(host, aws), &[("resolv.conf", &resolver)])
}

/// Runs a test in its own network namespace, if /etc/resolv.conf can be replaced here. Otherwise
/// reports the test as skipped.
fn with_names(test: impl FnOnce() + Send) {
    if can_replace("resolv.conf") {
        alone(test);
    }
}

#[test]
fn a_launch_ends_at_its_timeout_and_names_the_host_that_dns_does_not_resolve() {
    for (case, code) in [
        ("silence", None),
        ("a name without an address", Some(0)),
        ("a server that breaks down", Some(2)),
        ("no such name", Some(3)),
        ("a server that refuses", Some(5)),
    ] {
        with_names(|| {
            let server = code.map_or(SILENT, |code| {
                resolver(NOTHING, move |_| Reply::Code(code));
                "127.0.0.1"
            });
            let aws = served();
            // Three lookups may take a second each: of both kinds of addresses, and of each kind.
            // musl waits for another answer after SERVFAIL and REFUSED.
            let timeout = match code {
                Some(0 | 3) => TIMEOUT,
                Some(_) | None => Duration::from_secs(4),
            };
            let launch = at_name("secrets.example", &aws, server).case(case);
            let run = ends_within(timeout, launch);
            run.refused(75, ["A (", "secrets.example", "its name doesn't resolve"]);
            assert!(aws.calls().is_empty());
        });
    }
}

#[test]
fn a_launch_gets_its_value_if_the_name_server_recovers_in_time() {
    with_names(|| {
        let mut replies = [Reply::Code(2), Reply::Code(3), Reply::Silence].into_iter();
        resolver(NOTHING, move |_| replies.next().unwrap_or(Reply::Loopback));
        let aws = served();
        let launch = at_name("secrets.example", &aws, "127.0.0.1");
        launch.run().launched_with_value();
        assert_eq!(aws.reads().len(), 1);
    });
}

#[test]
fn a_host_name_is_looked_up_as_it_is_written_and_only_then_in_small_letters() {
    // musl compares the names in /etc/hosts byte by byte. Here, the name server does.
    for known in ["MY_HOST", "my_host"] {
        with_names(move || {
            let questions = resolver(NOTHING, move |name| {
                if name == known {
                    Reply::Loopback
                } else {
                    Reply::Code(3)
                }
            });
            let aws = served();
            let launch = at_name("MY_HOST", &aws, "127.0.0.1").case(known);
            launch.run().launched_with_value();
            let mut asked = questions.lock().unwrap().clone();
            asked.dedup();
            let expected: &[&str] = match known {
                "MY_HOST" => &["MY_HOST"],
                _ => &["MY_HOST", "my_host"],
            };
            assert_eq!(asked, expected);
        });
    }
}

#[test]
fn a_host_is_found_by_its_ipv4_address_if_the_name_server_fails_to_answer_for_ipv6() {
    for (case, ipv6_reply) in [
        ("SERVFAIL", Reply::Code(2)),
        ("NXDOMAIN", Reply::Code(3)),
        ("NOTIMP", Reply::Code(4)),
        ("REFUSED", Reply::Code(5)),
        ("silence", Reply::Silence),
    ] {
        // AWS's host is looked up as an absolute name.
        for host in ["secrets.example", "kms.us-east-1.amazonaws.com"] {
            with_names(move || {
                resolver(ipv6_reply, |_| Reply::Loopback);
                let aws = served();
                let launch = at_name(host, &aws, "127.0.0.1").timeout("20s");
                launch.case(case).run().launched_with_value();
            });
        }
    }
}

#[test]
fn a_misspelled_region_ends_the_launch_after_three_attempts_with_the_similar_region() {
    for (region, help) in [
        ("us-esat-1", "did you mean \"us-east-1\"?"),
        (
            "zz-nowhere-9",
            "check the region, and this machine's DNS settings",
        ),
    ] {
        with_names(|| {
            resolver(NOTHING, |_| Reply::Code(3));
            let launch = sandbox(&served())
                .env_remove("AWS_ENDPOINT_URL")
                .env("AWS_REGION", region);
            let launch = with_files(launch, &[("resolv.conf", "nameserver 127.0.0.1\n")]);
            let run = launch.args(["--timeout", "1h"]).run();
            run.refused(75, ["its name doesn't resolve", help]);
        });
    }
}

/// The configuration of a Kubernetes pod.
const IN_A_POD: &str = "nameserver 127.0.0.1\nsearch ns.svc.cluster.local svc.cluster.local\noptions ndots:5 timeout:1 attempts:1\n";

#[test]
fn a_host_name_of_aws_is_looked_up_only_once_and_without_search_domains() {
    with_names(|| {
        let questions = resolver(NOTHING, |_| Reply::Loopback);
        let (aws, host) = (served(), "kms.us-east-1.amazonaws.com");
        let other = "B=x:k:AWSCURRENT:c0c0c0c0-1111-4222-8333-444455556666";
        let launch = at_host(host, &aws).resolve(other);
        let launch = with_files(launch, &[("resolv.conf", IN_A_POD)]);
        launch.run().launched_silently();
        // One question for A and one for AAAA, even though there are two requests.
        assert_eq!(*questions.lock().unwrap(), [host, host]);
        assert_eq!(aws.reads().len(), 2);
        // The final dot of the name isn't sent in the Host header.
        assert_eq!(host_of(&aws), host);
    });
}

/// The Host header of the first request, without the port.
fn host_of(aws: &Aws) -> String {
    let host = aws.reads()[0].header("host").unwrap().to_owned();
    host.split(':').next().unwrap().to_owned()
}

#[test]
fn a_host_name_of_the_cluster_is_found_even_if_the_upstream_name_server_fails() {
    for upstream in [Reply::Code(2), Reply::Silence] {
        with_names(move || {
            let questions = resolver(NOTHING, move |name| match name {
                "squid.egress.svc.cluster.local" => Reply::Loopback,
                name if name.ends_with(".cluster.local") => Reply::Code(3),
                _ => upstream,
            });
            let aws = served();
            let launch = with_files(at_host("squid.egress", &aws), &[("resolv.conf", IN_A_POD)]);
            launch.run().launched_with_value();
            assert_eq!(host_of(&aws), "squid.egress");
            let questions = questions.lock().unwrap();
            assert!(!questions.contains(&"squid.egress".to_owned()));
        });
    }
}

#[test]
fn localhost_and_the_names_in_the_hosts_file_are_resolved_without_a_name_server() {
    if !can_replace("hosts") {
        return;
    }
    with_names(|| {
        let questions = resolver(NOTHING, |_| Reply::Code(3));
        let hosts =
            "192.0.2.1 localhost\n127.0.0.1 x.us-east-1.amazonaws.com secrets.example # ours\n";
        for host in ["localhost", "secrets.example", "x.us-east-1.amazonaws.com"] {
            let aws = served();
            let files = [("resolv.conf", "nameserver 127.0.0.1\n"), ("hosts", hosts)];
            with_files(at_host(host, &aws), &files)
                .run()
                .launched_with_value();
        }
        assert!(questions.lock().unwrap().is_empty());
    });
}
