//! TLS: the root certificates (those that the user names, or else Mozilla's and then the system's),
//! the key exchange, and the host names of the services.

use std::fs;

use rustls::version::{TLS12, TLS13};

use crate::support::*;

#[test]
fn a_ca_bundle_from_an_option_a_variable_or_a_profile_is_trusted_and_the_option_wins() {
    let authority = or_skip!(Authority::new());
    let other = or_skip!(Authority::new());
    let aws = served_over_tls(authority.acceptor());
    let bundle = authority.bundle();
    let config = format!("[default]\nca_bundle = {}\n", bundle.display());
    let wrong = sandbox(&aws)
        .env("AWS_CA_BUNDLE", other.bundle())
        .env("SSL_CERT_FILE", other.bundle());
    for (case, sandbox) in [
        ("the option", wrong.arg("--ca-bundle").arg(&bundle)),
        (
            "AWS's variable",
            sandbox(&aws).env("AWS_CA_BUNDLE", &bundle),
        ),
        (
            "OpenSSL's variable",
            sandbox(&aws).env("SSL_CERT_FILE", &bundle),
        ),
        (
            "our variable",
            sandbox(&aws).env("SECRETS_EXEC_CA_BUNDLE", &bundle),
        ),
        ("the profile", sandbox(&aws).config(&config)),
        (
            "the profile, since an empty variable isn't set",
            sandbox(&aws).config(&config).env("AWS_CA_BUNDLE", ""),
        ),
    ] {
        sandbox.case(case).run().launched_with_value();
    }
    let protocols = aws.protocols();
    assert!(
        protocols.iter().flatten().all(|name| name == "http/1.1"),
        "{protocols:?}"
    );
}

#[test]
fn a_server_with_a_forged_handshake_signature_is_refused_even_if_an_earlier_handshake_was_valid() {
    let authority = or_skip!(Authority::new());
    for version in [&TLS13, &TLS12] {
        // The launch needs a second connection, because the first one is closed without an answer.
        let secret = Secret::text(r#"{"k":"v-4c7a1e"}"#).after([Fault::Close]);
        let aws = served_over_tls(authority.forging_acceptor(version)).secret("x", secret);
        let sandbox = sandbox(&aws).arg("--ca-bundle").arg(authority.bundle());
        sandbox
            .case(format!("{version:?}"))
            .run()
            .refused(78)
            .says(["localhost", "BadSignature"]);
        assert_eq!(aws.calls().len(), 1);
    }
}

#[test]
fn a_launch_fails_with_78_after_one_connection_to_a_server_that_is_not_trusted() {
    let authority = or_skip!(Authority::new());
    let bundle = authority.bundle().display().to_string();
    for (case, acceptor, options, said) in [
        (
            "an authority that the system doesn't trust",
            authority.acceptor(),
            &[][..],
            "certificate",
        ),
        (
            "the authority's own certificate",
            authority.acceptor_of_itself(),
            &["--ca-bundle", &bundle],
            "CA:TRUE",
        ),
    ] {
        let aws = served_over_tls(acceptor);
        sandbox(&aws)
            .args(options)
            .case(case)
            .run()
            .refused(78)
            .says(["A (", "localhost", said]);
        assert_eq!((aws.connections(), aws.calls().len()), (1, 0), "{case}");
    }
}

#[test]
fn the_error_names_a_ca_bundle_that_has_no_certificate() {
    let authority = or_skip!(Authority::new());
    let aws = served_over_tls(authority.acceptor());
    for content in [
        "",
        "no PEM at all\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
    ] {
        let sandbox = sandbox(&aws)
            .file("bundle.pem", content)
            .args(["--ca-bundle", "bundle.pem"]);
        sandbox.run().refused(78).says(["bundle.pem"]);
    }
    // It doesn't exist, or it is a directory, which Docker creates instead of a file that it was to
    // mount.
    for is_directory in [false, true] {
        let launch = || match is_directory {
            true => sandbox(&aws).file("bundle.pem/file", ""),
            false => sandbox(&aws),
        };
        for named in [
            launch().args(["--ca-bundle", "bundle.pem"]),
            launch().env("AWS_CA_BUNDLE", "bundle.pem"),
            launch().config("[default]\nca_bundle = bundle.pem\n"),
        ] {
            named.run().refused(78).says(["bundle.pem"]);
        }
    }
    assert!(aws.calls().is_empty());
}

#[test]
fn a_certificate_in_a_comment_of_a_ca_bundle_is_not_trusted() {
    let authority = or_skip!(Authority::new());
    let other = or_skip!(Authority::new());
    let aws = served_over_tls(authority.acceptor());
    let text = |authority: &Authority| fs::read_to_string(authority.bundle()).unwrap();
    for mark in ["#", " ", "DISTRUSTED: "] {
        let bundle = format!("{}{mark}{}{}", text(&other), text(&authority), text(&other));
        let sandbox = sandbox(&aws)
            .file("bundle.pem", bundle)
            .args(["--ca-bundle", "bundle.pem"]);
        sandbox.run().refused(78).says(["localhost"]);
    }
    assert!(aws.calls().is_empty());
}

/// A run on a system in which the shell script `prepare` has filled /etc/ssl, an empty directory.
/// Returns `None` if this machine doesn't allow that.
fn with_system_bundle(sandbox: Sandbox, prepare: &str) -> Option<Sandbox> {
    let script =
        format!("mount -t tmpfs none /etc/ssl && mkdir /etc/ssl/certs && {prepare} && exec \"$@\"");
    let trial = ["unshare", "--mount", "sh", "-c", &script, "sh"];
    Some(sandbox.through(skip::wrapper(trial, "a system's bundle")?))
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
    let with_its_root = or_skip!(with_system_bundle(sandbox(&aws), &copy));
    with_its_root.run().launched_with_value();
    let named = with_system_bundle(sandbox(&aws), &copy)
        .unwrap()
        .arg("--ca-bundle")
        .arg(other.bundle());
    let said =
        "its chain ends at the issuer \"a test's own authority\", which isn't a trusted root";
    named
        .run()
        .refused(78)
        .says([said, "help: ", "--ca-bundle"]);
    for prepare in ["true", "mkdir /etc/ssl/certs/ca-certificates.crt"] {
        let sandbox = with_system_bundle(sandbox(&aws), prepare)
            .unwrap()
            .case(prepare);
        let run = sandbox.run();
        run.refused(78)
            .says(["localhost", "a test's own authority"]);
    }
    let none = with_system_bundle(sandbox(&aws), "true")
        .unwrap()
        .arg("--ca-bundle")
        .arg(authority.bundle());
    none.run().launched();
}

/// Runs, and returns the files of root certificates that the run opened. Returns `None` if strace
/// can't tell.
fn opened_roots(sandbox: Sandbox) -> Option<Vec<String>> {
    let sandbox = sandbox.through(skip::traced(
        &["-f", "-e", "trace=openat,open"],
        "the files that are opened",
    )?);
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
    let endings = [".pem", ".crt", ".cer"];
    let holds_roots = |path: &&str| {
        places.iter().any(|place| path.starts_with(place))
            || endings.iter().any(|ending| path.ends_with(ending))
    };
    let paths = trace.lines().filter_map(|line| line.split('"').nth(1));
    Some(paths.filter(holds_roots).map(str::to_owned).collect())
}

#[test]
fn no_file_of_root_certificates_is_opened_before_it_is_needed_to_verify_a_server() {
    let authority = or_skip!(Authority::new());
    let plain = served();
    let found = or_skip!(opened_roots(sandbox(&plain)));
    assert!(found.is_empty(), "for plain HTTP: {found:?}");
    // Tests don't have a certificate chain that ends at a compiled-in root. A server that closes
    // the connection after the ClientHello doesn't need one.
    let silent = scripted(&["greet"]);
    let endpoint = format!("https://localhost:{}", silent.port());
    let aws =
        served_over_tls(authority.acceptor()).secret("y", Secret::text(r#"{"k":"v-4c7a1e"}"#));
    assert!(
        opened_roots(sandbox(&aws).endpoint(&endpoint).attempts(1))
            .unwrap()
            .is_empty()
    );
    let named = opened_roots(
        sandbox(&aws)
            .resolve("B=y:k")
            .env("AWS_CA_BUNDLE", authority.bundle()),
    )
    .unwrap();
    assert_eq!(
        named,
        [authority.bundle().to_str().unwrap()],
        "only the bundle, and only once"
    );
    assert!(!opened_roots(sandbox(&aws)).unwrap().is_empty());
}

/// The contents of the extensions of a ClientHello (RFC 8446, section 4.1.2), by type.
fn extensions(record: &[u8]) -> Vec<(u16, &[u8])> {
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |number: usize, byte| number << 8 | usize::from(*byte))
    };
    // Skips the headers of the record and of the message, the version and the random bytes.
    let mut rest = &record[5 + 4 + 2 + 32..];
    for length in [1, 2, 1] {
        // Skips the session id, the cipher suites and the compression methods.
        rest = &rest[length + number(&rest[..length])..];
    }
    rest = &rest[2..2 + number(&rest[..2])];
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (head, body) = rest.split_at(4);
        let (content, after) = body.split_at(number(&head[2..]));
        found.push((u16::from_be_bytes([head[0], head[1]]), content));
        rest = after;
    }
    found
}

/// The first TLS record of a launch with these options.
fn client_hello(options: &[&str]) -> Vec<u8> {
    let silent = scripted(&["greet"]);
    let endpoint = format!("https://localhost:{}", silent.port());
    sandbox(&Aws::start())
        .endpoint(&endpoint)
        .attempts(1)
        .args(options.iter().copied())
        .run()
        .refused(75);
    silent.greetings().remove(0)
}

#[test]
fn a_post_quantum_key_exchange_is_offered_first_and_works_with_a_server_that_requires_it() {
    let greeting = client_hello(&[]);
    let extensions = extensions(&greeting);
    let content = |wanted: u16| {
        extensions
            .iter()
            .find(|(kind, _)| *kind == wanted)
            .unwrap()
            .1
    };
    // supported_groups: X25519MLKEM768, X25519, secp256r1, secp384r1.
    assert_eq!(content(10), [0, 8, 0x11, 0xEC, 0, 29, 0, 23, 0, 24]);
    // The first key_share has the same group, so that no round trip is lost.
    assert_eq!(content(51)[2..4], [0x11, 0xEC]);
    let authority = or_skip!(Authority::new());
    let aws = served_over_tls(authority.post_quantum_acceptor());
    let launch = || sandbox(&aws).env("AWS_CA_BUNDLE", authority.bundle());
    launch().run().launched_with_value();
    launch()
        .args(["--key-exchange", "classical"])
        .attempts(1)
        .run()
        .refused(75);
}

#[test]
fn with_key_exchange_classical_the_first_tls_message_fits_into_one_packet() {
    let greeting = client_hello(&["--key-exchange", "classical"]);
    let groups = extensions(&greeting)
        .into_iter()
        .find(|(kind, _)| *kind == 10)
        .unwrap()
        .1;
    // supported_groups: X25519, secp256r1, secp384r1.
    assert_eq!(groups, [0, 6, 0, 29, 0, 23, 0, 24]);
    assert!(
        greeting.len() < 300 && client_hello(&[]).len() > 1300,
        "{}",
        greeting.len()
    );
    let authority = or_skip!(Authority::new());
    let aws = served_over_tls(authority.acceptor());
    let launch = sandbox(&aws).env("AWS_CA_BUNDLE", authority.bundle());
    launch
        .env("SECRETS_EXEC_KEY_EXCHANGE", "classical")
        .run()
        .launched_with_value();
}

#[test]
fn requests_are_sent_to_awss_host_name_for_the_region_its_partition_and_fips() {
    let authority = or_skip!(Authority::new());
    let (here, china) = (
        "secretsmanager.us-east-1.amazonaws.com",
        "secretsmanager.cn-north-1.amazonaws.com.cn",
    );
    let arn = "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:x-AbCdEf";
    let fips = "secretsmanager-fips.us-east-1.amazonaws.com";
    let ignored = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    for (name, id, proxy_name, (setting, value)) in [
        (here, "x", "HTTPS_PROXY", ("AWS_ENDPOINT_URL", "")),
        (here, "x", "https_proxy", ("AWS_ENDPOINT_URL", "")),
        (here, "x", "HTTPS_PROXY", ignored),
        (china, arn, "HTTPS_PROXY", ("AWS_ENDPOINT_URL", "")),
        (fips, "x", "HTTPS_PROXY", ("AWS_USE_FIPS_ENDPOINT", "true")),
    ] {
        let aws = served_over_tls(authority.acceptor_for(&format!("DNS:{name}")))
            .secret(id, Secret::text(r#"{"k":"v-4c7a1e"}"#));
        let proxy = Proxy::before(aws.address());
        let sandbox = Sandbox::new()
            .region("us-east-1")
            .keys()
            .env("AWS_CA_BUNDLE", authority.bundle());
        let sandbox = if setting == ignored.0 {
            sandbox.endpoint("http://127.0.0.1:9")
        } else {
            sandbox
        };
        let sandbox = sandbox
            .env(setting, value)
            .env(proxy_name, proxy.url())
            .resolve(&format!("A={id}:k"));
        sandbox.case(name).run().launched_with_value();
        assert_eq!(proxy.request_lines(), [format!("CONNECT {name}:443")]);
        let read = aws.only_read();
        assert_eq!(
            (read.header("host"), read.stage().as_deref()),
            (Some(name), Some("AWSCURRENT"))
        );
    }
}

#[test]
fn a_profile_with_use_fips_endpoint_also_uses_the_fips_host_of_sts() {
    let authority = or_skip!(Authority::new());
    let sts = "sts-fips.us-east-1.amazonaws.com";
    let secrets_manager = "secretsmanager-fips.us-east-1.amazonaws.com";
    let aws = served_over_tls(authority.acceptor_for(&format!("DNS:{sts},DNS:{secrets_manager}")));
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
    let mut asked = proxy.request_lines();
    asked.sort_unstable();
    assert_eq!(
        asked,
        [
            format!("CONNECT {secrets_manager}:443"),
            format!("CONNECT {sts}:443")
        ]
    );
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
        let url = format!("{}{after}", aws.endpoint());
        let sandbox = sandbox(&aws)
            .endpoint(&url)
            .env("AWS_ENDPOINT_URL_SSM", &url)
            .resolve("B=ssm:/p");
        sandbox.case(after).run().launched().has("A", "v-4c7a1e");
        let paths: Vec<_> = aws
            .calls()
            .iter()
            .map(|call| call.path().to_owned())
            .collect();
        assert_eq!(paths, [path, path], "{after}");
    }
}
