//! Networks that drop or reject packets, come up late, or do not exist.

use std::thread;
use std::time::Duration;

use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, CONTAINER_KEY, INSTANCE_KEY};
use crate::support::deadline::ends_within;
use crate::support::network::{SILENT, SILENT_V6, alone, can_replace, can_sh, sh, with_files};
use crate::support::sandbox::{Sandbox, sandbox};
use crate::support::skip;

/// A `--timeout` that suffices for several attempts.
const TIMEOUT: Duration = Duration::from_millis(1500);

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#))
}

/// A launch whose service is at this host, on the fake's port.
fn at(host: &str, aws: &Aws) -> Sandbox {
    sandbox(aws).endpoint(&format!("http://{host}:{}", aws.address().port()))
}

#[test]
fn an_address_that_swallows_everything_ends_with_the_time() {
    alone(|| {
        let run = ends_within(TIMEOUT, at(SILENT, &served()));
        run.refused(75).says(["A", "secret x", "timed out", "routes"]);
    });
}

#[test]
fn a_connection_that_is_given_up_is_told_with_its_address() {
    alone(|| {
        let aws = served();
        // Longer than the connect timeout.
        let sandbox = at(SILENT, &aws).env("AWS_MAX_ATTEMPTS", "1").args(["--timeout", "20s"]);
        sandbox.run().refused(75).says(["A", &format!("{SILENT}:{}", aws.address().port())]);
    });
}

/// ENETUNREACH in the words of glibc and of musl.
const UNREACHABLE: [&str; 2] = ["Network is unreachable", "Network unreachable"];

#[test]
fn a_route_that_refuses_is_told_with_its_reason() {
    alone(|| {
        sh(
            "ip route add unreachable 198.51.100.1; ip route add prohibit 198.51.100.2; ip route add blackhole 198.51.100.3",
        );
        let aws = served();
        for (host, reasons) in [
            ("198.51.100.1", ["No route to host", "host is unreachable"]),
            ("198.51.100.2", ["Permission denied", "permission denied"]),
            ("198.51.100.3", ["Invalid argument", "invalid"]),
            ("203.0.113.1", UNREACHABLE),
        ] {
            let run = at(host, &aws).env("AWS_MAX_ATTEMPTS", "2").run();
            run.refused(75).says(["A", "secret x", host]).says_one_of(reasons);
        }
    });
}

#[test]
fn no_network_at_all_is_told_at_once_and_waited_for_no_longer_than_the_time() {
    let nothing = ["unshare", "--net"];
    if !skip::can(&["unshare", "--net", "true"], "no network at all") {
        return;
    }
    let aws = served();
    let address = at("192.0.2.1", &aws).env("AWS_MAX_ATTEMPTS", "2").through(nothing).run();
    address.refused(75).says(["A", "secret x", "192.0.2.1"]).says_one_of(UNREACHABLE);
    let real_name = sandbox(&aws).env_remove("AWS_ENDPOINT_URL").env("AWS_MAX_ATTEMPTS", "2").through(nothing).run();
    real_name.refused(75).says(["A", "secret x", "secretsmanager.us-east-1.amazonaws.com"]);
    let waiting = ends_within(TIMEOUT, at("192.0.2.1", &aws).through(nothing));
    waiting.refused(75).says_one_of(UNREACHABLE);
}

#[test]
fn a_network_that_comes_up_late_is_waited_for() {
    alone(|| {
        let aws = served();
        sh("ip link set lo down");
        let running = at("127.0.0.1", &aws).args(["--timeout", "10s"]).spawn();
        thread::sleep(Duration::from_millis(700));
        sh("ip link set lo up");
        running.wait().launched_silently().has("A", "v");
    });
}

#[test]
fn metadata_that_swallows_everything_leaves_neither_region_nor_credentials_and_costs_seconds() {
    alone(|| {
        // The real address of IMDS, as off EC2 in a network that drops unknown packets.
        sh(&format!("ip route add 169.254.169.254 via {SILENT}"));
        let aws = served();
        let sandbox = || sandbox(&aws).env_remove("AWS_ACCESS_KEY_ID").env("AWS_EC2_METADATA_DISABLED", "false");
        let sandbox = || sandbox().env_remove("AWS_SECRET_ACCESS_KEY");
        ends_within(TIMEOUT, sandbox().env_remove("AWS_REGION")).refused(75).says(["A", "region", "metadata"]);
        ends_within(TIMEOUT, sandbox()).refused(75).says(["A", "credentials", "metadata"]);
    });
}

#[test]
fn metadata_at_its_real_addresses_is_never_asked_of_a_proxy() {
    alone(|| {
        let aws = served();
        sh(&format!("ip route add 169.254.0.0/16 via {SILENT}"));
        if !leads("{ 169.254.169.254, 169.254.170.2 } tcp dport 80", &aws.address().to_string()) {
            return;
        }
        for (name, value, key) in [
            ("AWS_EC2_METADATA_DISABLED", "false", INSTANCE_KEY),
            ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/credentials", CONTAINER_KEY),
        ] {
            let sandbox = sandbox(&aws).env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
            // Port 1 refuses connections; NO_PROXY keeps the secret itself away from it.
            let proxied = ["HTTP_PROXY", "HTTPS_PROXY"];
            let sandbox = proxied.iter().fold(sandbox, |sandbox, name| sandbox.env(name, "http://127.0.0.1:1"));
            sandbox.env("NO_PROXY", "localhost").env(name, value).run().launched_silently().has("A", "v");
            assert_eq!(aws.reads().last().unwrap().access_key(), key);
        }
    });
}

#[test]
fn a_host_whose_ipv6_swallows_everything_is_reached_by_ipv4() {
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
        let sandbox = with_files(at("two.test", &aws), &[("hosts", &hosts)]);
        // The connect timeout (3.1 s) is divided among the addresses, so IPv4 would come after 2.8 s if it came last.
        sandbox.args(["--timeout", "2s"]).run().launched_silently().has("A", "v");
    });
}

#[test]
fn a_host_whose_first_address_swallows_everything_is_reached_by_its_second() {
    if !can_replace("hosts") {
        return;
    }
    alone(|| {
        // As a name with an address in each of several zones, one of which is down.
        sh(&format!("ip route add 198.51.100.0/24 via {SILENT}"));
        let aws = served();
        if !leads("198.51.100.2", &aws.address().ip().to_string()) {
            return;
        }
        let hosts = "198.51.100.1 two.test\n198.51.100.2 two.test\n";
        let sandbox = with_files(at("two.test", &aws), &[("hosts", hosts)]);
        sandbox.args(["--timeout", "8s"]).run().launched_silently().has("A", "v");
    });
}

#[test]
fn a_path_that_swallows_large_packets_ends_with_the_time() {
    alone(|| {
        // As behind a tunnel that drops large packets and whose ICMP messages are filtered: the answer is lost.
        let aws = served();
        let port = aws.address().port();
        let rule = format!("add rule ip t out tcp sport {port} ip length > 300 drop");
        if !filters(&rule) {
            return;
        }
        ends_within(TIMEOUT, at("127.0.0.1", &aws)).refused(75).says(["A", "secret x"]);
        assert!(!aws.reads().is_empty());
    });
}

#[test]
fn a_firewall_that_resets_connections_is_told() {
    alone(|| {
        let aws = served();
        let port = aws.address().port();
        // At the handshake, and after the request.
        for what in ["tcp flags & (syn | ack) == syn", "ip length > 300"] {
            if !filters(&format!("add rule ip t out tcp dport {port} {what} reject with tcp reset")) {
                return;
            }
            let run = at("127.0.0.1", &aws).env("AWS_MAX_ATTEMPTS", "2").run();
            run.refused(75).says(["A", "secret x"]).says_one_of(["Connection refused", "Connection reset"]);
        }
    });
}

/// Redirects packets to other addresses (DNAT), as a load balancer does; reports the test as skipped where nft cannot.
fn leads(from: &str, to: &str) -> bool {
    let chain = "add table ip n; add chain ip n out { type nat hook output priority -100; }";
    let can = can_sh(&format!("nft '{chain}; add rule ip n out ip daddr {from} dnat to {to}'"));
    if !can {
        skip::skipped("addresses that lead elsewhere: nft does not work here");
    }
    can
}

/// Replaces the rules of nftables with this one; reports the test as skipped where nft cannot.
fn filters(rule: &str) -> bool {
    let chain = "add table ip t; flush table ip t; add chain ip t out { type filter hook output priority 0; }";
    let can = can_sh(&format!("nft '{chain}; {rule}'"));
    if !can {
        skip::skipped("packets that get lost: nft does not work here");
    }
    can
}
