//! TLS: the root certificates (those that the user names, or else Mozilla's and then the system's),
//! the key exchange, and the host names of the services.

use std::fs;

use rustls::NamedGroup::{self, X25519, X25519MLKEM768, secp256r1, secp384r1};
use rustls::server::Acceptor;
use rustls::version::{TLS12, TLS13};

use crate::support::*;

#[test]
fn a_ca_bundle_of_an_option_wins_over_those_of_a_variable_and_a_profile() {
    let authority = or_skip!(Authority::new());
    let other = or_skip!(Authority::new());
    let aws = served_over_tls(authority.acceptor());
    let bundle = authority.bundle();
    let wrong = sandbox(&aws)
        .env("AWS_CA_BUNDLE", other.bundle())
        .env("SSL_CERT_FILE", other.bundle());
    let run = wrong.arg("--ca-bundle").arg(&bundle).run();
    run.launched_with_value();
    for name in ["AWS_CA_BUNDLE", "SSL_CERT_FILE", "SECRETS_EXEC_CA_BUNDLE"] {
        let run = sandbox(&aws).env(name, &bundle).case(name).run();
        run.launched_with_value();
    }
    // The AWS CLI expands a tilde, too.
    let text = fs::read_to_string(&bundle).unwrap();
    let home = || sandbox(&aws).home_file("ca.pem", &text);
    let run = home().env("AWS_CA_BUNDLE", "~/ca.pem").run();
    run.launched_with_value();
    let profile = home().config("[default]\nca_bundle = ~/ca.pem\n");
    profile.run().launched_with_value();
    // An empty variable isn't set.
    let run = profile.env("AWS_CA_BUNDLE", "").run();
    run.launched_with_value();
    let protocols = aws.protocols().concat();
    let is_http_1 = |name: &String| name == "http/1.1";
    assert!(protocols.iter().all(is_http_1), "{protocols:?}");
}

#[test]
fn a_forged_handshake_signature_is_refused_even_after_a_valid_handshake() {
    let authority = or_skip!(Authority::new());
    for version in [&TLS13, &TLS12] {
        // The launch needs a second connection, because the first one is closed without an answer.
        let secret = Secret::text(r#"{"k":"v-4c7a1e"}"#).after([Fault::Close]);
        let aws = served_over_tls(authority.forging_acceptor(version)).secret("x", secret);
        let sandbox = sandbox(&aws).arg("--ca-bundle").arg(authority.bundle());
        sandbox
            .case(format!("{version:?}"))
            .run()
            .refused(78, ["localhost", "BadSignature"]);
        assert_eq!(aws.calls().len(), 1);
    }
}

#[test]
fn a_launch_fails_with_78_after_one_connection_to_a_server_that_is_not_trusted() {
    let authority = or_skip!(Authority::new());
    // The first server presents the authority's own certificate.
    let other_host = authority.acceptor_for("DNS:db.internal");
    let no_host = authority.acceptor_for("");
    for (acceptor, said) in [
        (
            authority.acceptor_of_itself(),
            "is a CA's certificate, which a server can't use",
        ),
        (other_host, "has other names: [\"db.internal\"]"),
        (no_host, "has other names: []"),
    ] {
        let aws = served_over_tls(acceptor);
        let launch = sandbox(&aws).env("AWS_CA_BUNDLE", authority.bundle());
        let run = launch.case(said).run();
        run.refused(78, ["A (", "localhost", said]);
        assert_eq!((aws.connections(), aws.calls().len()), (1, 0), "{run}");
    }
}

#[test]
fn the_error_names_a_ca_bundle_that_has_no_certificate() {
    let authority = or_skip!(Authority::new());
    let aws = served_over_tls(authority.acceptor());
    let pem = |body| format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
    for content in ["", "no PEM at all\n", &pem("AAAA"), &pem("!!!!")] {
        let sandbox = sandbox(&aws).file("bundle.pem", content);
        let named = sandbox.args(["--ca-bundle", "bundle.pem"]);
        named.refused(&aws, 78, &["bundle.pem"]);
    }
    // It doesn't exist, or it is a directory, which Docker creates instead of a file that it was to
    // mount.
    for file in ["nothing", "bundle.pem/file"] {
        let launch = || sandbox(&aws).file(file, "");
        for named in [
            launch().args(["--ca-bundle", "bundle.pem"]),
            launch().env("AWS_CA_BUNDLE", "bundle.pem"),
            launch().config("[default]\nca_bundle = bundle.pem\n"),
        ] {
            named.refused(&aws, 78, &["bundle.pem"]);
        }
    }
}

#[test]
fn the_first_certificate_of_a_ca_bundle_is_trusted_even_after_a_byte_order_mark() {
    let authority = or_skip!(Authority::new());
    let other = or_skip!(Authority::new());
    let aws = served_over_tls(authority.acceptor());
    let text = |authority: &Authority| fs::read_to_string(authority.bundle()).unwrap();
    for after in [String::new(), text(&other)] {
        let bundle = format!("\u{feff}{}{after}", text(&authority));
        for name in ["AWS_CA_BUNDLE", "SSL_CERT_FILE"] {
            let sandbox = sandbox(&aws).file("bundle.pem", &bundle).case(name);
            sandbox.env(name, "bundle.pem").run().launched_with_value();
        }
    }
}

#[test]
fn a_certificate_in_a_comment_of_a_ca_bundle_is_not_trusted() {
    let authority = or_skip!(Authority::new());
    let other = or_skip!(Authority::new());
    let aws = served_over_tls(authority.acceptor());
    let text = |authority: &Authority| fs::read_to_string(authority.bundle()).unwrap();
    for mark in ["#", " ", "DISTRUSTED: "] {
        let bundle = format!("{}{mark}{}{}", text(&other), text(&authority), text(&other));
        let sandbox = sandbox(&aws).file("bundle.pem", bundle);
        let named = sandbox.args(["--ca-bundle", "bundle.pem"]);
        named.refused(&aws, 78, &["localhost"]);
    }
}

#[test]
fn the_systems_root_certificates_are_trusted_unless_a_ca_bundle_is_named() {
    let authority = or_skip!(Authority::new());
    let other = or_skip!(Authority::named("another authority"));
    let aws = served_over_tls(authority.acceptor());
    let copy = format!(
        "cp '{}' /etc/ssl/certs/ca-certificates.crt",
        authority.bundle().display()
    );
    // The shell script `prepare` fills /etc/ssl, an empty directory.
    let launch = |prepare: &str| {
        let script = format!("mount -t tmpfs none /etc/ssl && mkdir /etc/ssl/certs && {prepare}");
        Some(sandbox(&aws).through(skip::mounts(&script)?))
    };
    or_skip!(launch(&copy)).run().launched_with_value();
    let named = |prepare, authority: &Authority| {
        let launch = launch(prepare).unwrap().arg("--ca-bundle");
        launch.arg(authority.bundle()).run()
    };
    let said =
        "its chain ends at the issuer \"a test's own authority\", which isn't a trusted root";
    // A root certificate with the same name, but a different key.
    let namesake = or_skip!(Authority::new());
    for root in [&other, &namesake] {
        let run = named(&copy, root);
        run.refused(78, [said, "help: ", "--ca-bundle"]);
    }
    for prepare in ["true", "mkdir /etc/ssl/certs/ca-certificates.crt"] {
        let run = launch(prepare).unwrap().case(prepare).run();
        run.refused(78, ["localhost", "a test's own authority"]);
    }
    named("true", &authority).launched();
}

/// Runs, and returns the files of root certificates that the run opened. Returns `None` if strace
/// can't tell.
fn opened_roots(sandbox: Sandbox) -> Option<Vec<String>> {
    let sandbox = sandbox.through(skip::traced("-f -e trace=openat,open")?);
    sandbox.run();
    let trace = fs::read_to_string(sandbox.path("trace")).unwrap();
    // Without CAP_SYS_PTRACE, strace can't read the memory of a process that isn't dumpable, so it
    // prints addresses instead of names.
    if trace.lines().any(|line| line.contains("(AT_FDCWD, 0x")) {
        skip::skipped(
            "the files that are opened: strace may not read the names of a process that isn't dumpable",
        );
        return None;
    }
    let places = [
        "/etc/ssl",
        "/etc/pki",
        "/usr/share/ca-certificates",
        "/usr/lib/ssl",
    ];
    let ends = [".pem", ".crt", ".cer"];
    let holds_roots = |path: &&str| {
        places.iter().any(|place| path.starts_with(place))
            || ends.iter().any(|end| path.ends_with(end))
    };
    let paths = trace.lines().filter_map(|line| line.split('"').nth(1));
    Some(paths.filter(holds_roots).map(str::to_owned).collect())
}

#[test]
fn no_file_of_root_certificates_is_opened_before_it_is_needed_to_verify_a_server() {
    let authority = or_skip!(Authority::new());
    let found = or_skip!(opened_roots(sandbox(&served())));
    assert!(found.is_empty(), "for plain HTTP: {found:?}");
    // Tests don't have a certificate chain that ends at a compiled-in root. A server that closes
    // the connection after the ClientHello doesn't need one.
    let silent = scripted(&["greet"]);
    let endpoint = format!("https://localhost:{}", silent.port());
    let aws = served_over_tls(authority.acceptor());
    let aws = aws.secret("y", Secret::text(r#"{"k":"v-4c7a1e"}"#));
    let found = opened_roots(sandbox(&aws).endpoint(&endpoint).attempts(1)).unwrap();
    assert!(found.is_empty(), "for a server that is silent: {found:?}");
    let two = sandbox(&aws).resolve("B=y:k");
    let named = opened_roots(two.env("AWS_CA_BUNDLE", authority.bundle())).unwrap();
    let bundle = authority.bundle().display().to_string();
    // It is read twice, for a byte order mark, but not once for each connection.
    assert_eq!(named, [&*bundle, &*bundle], "only the bundle");
    assert!(!opened_roots(sandbox(&aws)).unwrap().is_empty());
}

/// The first TLS record of a launch with these options.
fn client_hello(options: &[&str]) -> Vec<u8> {
    let silent = scripted(&["greet"]);
    let endpoint = format!("https://localhost:{}", silent.port());
    let launch = sandbox(&Aws::start()).endpoint(&endpoint).attempts(1);
    launch.args(options).run().refused(75, []);
    silent.greetings().remove(0)
}

/// The groups for a key exchange that a ClientHello offers, in its order.
fn offered_groups(mut greeting: &[u8]) -> Vec<NamedGroup> {
    let mut acceptor = Acceptor::default();
    acceptor.read_tls(&mut greeting).unwrap();
    let accepted = acceptor.accept().ok().flatten().unwrap();
    accepted.client_hello().named_groups().unwrap().to_vec()
}

#[test]
fn a_post_quantum_key_exchange_is_offered_first_and_works_alone() {
    let greeting = client_hello(&[]);
    let groups = [X25519MLKEM768, X25519, secp256r1, secp384r1];
    assert_eq!(offered_groups(&greeting), groups);
    // Its key is in the first message, so that no round trip is lost. Other keys are much shorter.
    assert!(greeting.len() > 1184);
    let authority = or_skip!(Authority::new());
    let aws = served_over_tls(authority.post_quantum_acceptor());
    let launch = sandbox(&aws).env("AWS_CA_BUNDLE", authority.bundle());
    launch.run().launched_with_value();
    let classical = launch.args(["--key-exchange", "classical"]).attempts(1);
    classical.run().refused(75, []);
}

#[test]
fn with_key_exchange_classical_the_first_tls_message_fits_into_one_packet() {
    let greeting = client_hello(&["--key-exchange", "classical"]);
    assert_eq!(offered_groups(&greeting), [X25519, secp256r1, secp384r1]);
    assert!(greeting.len() < 300);
    let authority = or_skip!(Authority::new());
    let aws = served_over_tls(authority.acceptor());
    let launch = sandbox(&aws).env("AWS_CA_BUNDLE", authority.bundle());
    let launch = launch.env("SECRETS_EXEC_KEY_EXCHANGE", "classical");
    launch.run().launched_with_value();
}

#[test]
fn a_profile_with_use_fips_endpoint_also_uses_the_fips_host_of_sts() {
    let authority = or_skip!(Authority::new());
    let hosts = ["secretsmanager-fips", "sts-fips"];
    let hosts = hosts.map(|host| format!("{host}.us-east-1.amazonaws.com"));
    let names = format!("DNS:{}", hosts.join(",DNS:"));
    let aws = served_over_tls(authority.acceptor_for(&names));
    let proxy = Proxy::before(aws.address());
    let sandbox = Sandbox::new()
        .region("us-east-1")
        .keys()
        .config("[default]\nuse_fips_endpoint = true\n")
        .env("AWS_CA_BUNDLE", authority.bundle())
        .env("HTTPS_PROXY", proxy.url())
        .args(["--role-arn", ROLE])
        .resolve("A=x:k");
    sandbox.run().launched_with_value();
    assert_eq!(aws.only_read().header("host"), Some(&*hosts[0]));
    let mut asked = proxy.request_lines();
    asked.sort_unstable();
    assert_eq!(asked, hosts.map(|host| format!("CONNECT {host}:443")));
}

#[test]
fn requests_are_sent_to_the_path_of_an_endpoint_url() {
    for (after, path) in [
        ("", "/"),
        ("/", "/"),
        ("/a/b", "/a/b/"),
        ("/a%20b/", "/a%20b/"),
    ] {
        let aws = served().parameter("/p", &[Version::text(CANARY)]);
        let url = aws.endpoint() + after;
        let launch = sandbox(&aws).endpoint(&url).resolve("B=ssm:/p");
        launch.case(after).run().launched().has("A", "v-4c7a1e");
        let calls = aws.calls();
        let paths: Vec<_> = calls.iter().map(Call::path).collect();
        assert_eq!(paths, [path, path], "{after}");
    }
}
