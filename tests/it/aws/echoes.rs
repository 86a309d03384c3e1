//! Servers that answer with everything that they got. Neither a credential nor a token nor a
//! password that secrets-exec has sent may be printed, in whichever form the server repeats it.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use crate::support::wire::answer;
use crate::support::*;

/// The token of a session with temporary credentials.
const SESSION_TOKEN: &str = "IQoJb3JpZ2luX2VjE/4c7a1e+session//token==";

type Encode = fn(&str) -> String;

/// The ways in which a server repeats what it got.
const ENCODINGS: [(&str, Encode); 7] = [
    ("plain", str::to_owned),
    ("percent-encoded", |text| {
        utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
    }),
    ("percent-encoded twice", |text| {
        let once = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        utf8_percent_encode(&once, NON_ALPHANUMERIC).to_string()
    }),
    ("as JSON", |text| {
        json!(text).to_string().replace('/', "\\/")
    }),
    ("as XML", escaped_xml),
    ("in base64", |text| STANDARD.encode(text)),
    ("in base64 for URLs, in lines", |text| {
        let encoded = URL_SAFE.encode(text);
        let lines = encoded.as_bytes().chunks(20).map(String::from_utf8_lossy);
        Vec::from_iter(lines).join("\n")
    }),
];

fn escaped_xml(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#x27;")
}

/// The status and the body of errors, in which MESSAGE stands for a message.
const ERROR: &str = r#"403 {"__type":"AccessDeniedException","message":MESSAGE}"#;
const STS_ERROR: &str = "403 <ErrorResponse><Error><Code>AccessDenied</Code><Message>MESSAGE</Message></Error></ErrorResponse>";
const CONTAINER_ERROR: &str = r#"200 {"Code":"AssumeRoleUnauthorizedAccess","Message":MESSAGE}"#;
const EXPIRED_SESSION: &str = r#"400 {"__type":"InvalidGrantException","message":MESSAGE}"#;

fn response(error: &str, message: &str) -> Vec<u8> {
    let (status, body) = error.split_once(' ').unwrap();
    let message = if body.starts_with('<') {
        escaped_xml(message)
    } else {
        json!(message).to_string()
    };
    let head = format!("HTTP/1.1 {status} No");
    answer(&head, body.replace("MESSAGE", &message))
}

/// Asserts that a launch doesn't print a credential that a server repeats in any encoding. Each
/// form of output occurs with some of the encodings. `launch` makes the launch from the URL of the
/// server, which gets the credential as `sent` and repeats it in the message of this error.
fn is_not_printed(sent: &'static str, error: &'static str, launch: impl Fn(&str) -> Sandbox) {
    let find = move |request: &str| {
        let start = request.find(sent)?;
        Some(start..start + sent.len())
    };
    is_part_not_printed(find, error, launch);
}

/// Asserts the same about the credential that `find` finds in what the server gets.
fn is_part_not_printed(
    find: impl Fn(&str) -> Option<Range<usize>> + Copy + Send + Sync + 'static,
    error: &'static str,
    launch: impl Fn(&str) -> Sandbox,
) {
    let forms = ["-vv", "--log-format=json", "check --json"]
        .into_iter()
        .cycle();
    for ((encoding, encode), options) in ENCODINGS.into_iter().zip(forms) {
        let repeated = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&repeated);
        let server = Wire::plain(vec![vec![Step::Answer(Arc::new(move |request| {
            let Some(place) = find(request) else {
                return response(error, "nothing");
            };
            // With everything before the credential, the message would be cut off before the
            // credential.
            let end = (place.end + 2).min(request.len());
            let part = encode(&request[place.start.saturating_sub(20)..end]);
            seen.lock().unwrap().push(part.clone());
            response(error, &format!("I got {part}"))
        }))]]);

        let launch = launch(&format!("http://{}", server.address()));
        let words = options.split(' ').map(str::to_owned).collect();
        let launch = launch.options_first(words).case(encoding);
        let run = if options.starts_with("check") {
            launch.bare().run()
        } else {
            launch.run()
        };

        let shown = run.stderr() + &run.stdout();
        assert!(
            shown.contains("not shown, because it contains a credential"),
            "{encoding}: {run}"
        );
        let letters = |text: &str| text.replace(|c: char| !c.is_ascii_alphanumeric(), "");
        for part in repeated.lock().unwrap().iter() {
            let part = letters(part);
            let middle = &part[part.len() * 11 / 20..][..12];
            let is_shown = letters(&shown).contains(middle);
            assert!(!is_shown, "{encoding}: {middle} is shown: {run}");
        }
    }
}

/// A launch with keys and a session token, which sends the request for this entry to `url`.
fn launch_with_session(url: &str, entry: &str) -> Sandbox {
    let sandbox = Sandbox::new().region("us-east-1").endpoint(url).keys();
    let sandbox = sandbox.env("AWS_SESSION_TOKEN", SESSION_TOKEN);
    sandbox.resolve(entry)
}

/// A launch that reads `x`.
fn launch_with_secret(url: &str) -> Sandbox {
    launch_with_session(url, "A=x:k")
}

/// A launch that first assumes a role.
fn launch_with_role(url: &str) -> Sandbox {
    launch_with_secret(url).args(["--role-arn", ROLE])
}

#[test]
fn a_session_token_that_aws_repeats_is_not_printed() {
    is_not_printed(SESSION_TOKEN, ERROR, launch_with_secret);
    is_not_printed(SESSION_TOKEN, STS_ERROR, launch_with_role);
    is_not_printed(SESSION_TOKEN, ERROR, |url| {
        launch_with_session(url, "A=ssm:/x")
    });
}

#[test]
fn the_signature_of_a_request_that_aws_repeats_is_not_printed() {
    let signature = |request: &str| {
        let start = request.find("Signature=")? + "Signature=".len();
        let length = request[start..].find(|c: char| !c.is_ascii_hexdigit())?;
        Some(start..start + length)
    };
    is_part_not_printed(signature, ERROR, launch_with_secret);
    is_part_not_printed(signature, STS_ERROR, launch_with_role);
}

#[test]
fn a_secret_access_key_that_is_sent_instead_of_the_access_key_id_is_not_printed() {
    const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCY4c7a1eSKE";
    is_not_printed(SECRET_KEY, ERROR, |url| {
        launch_with_secret(url).env("AWS_ACCESS_KEY_ID", SECRET_KEY)
    });
}

#[test]
fn the_token_of_a_web_identity_that_sts_repeats_is_not_printed() {
    const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.4c7a1e_identity-token.c2lnbmF0dXJl";
    is_not_printed(TOKEN, STS_ERROR, |url| {
        let sandbox = Sandbox::new().region("us-east-1").endpoint(url);
        let sandbox = sandbox
            .web_identity()
            .file("token", TOKEN.to_owned() + "\n");
        sandbox.resolve("A=x:k")
    });
}

#[test]
fn the_authorization_token_of_a_container_that_its_endpoint_repeats_is_not_printed() {
    const TOKEN: &str = "4c7a1e/container+<token>&\"more\"";
    is_not_printed(TOKEN, CONTAINER_ERROR, |url| {
        let sandbox = Sandbox::new().region("us-east-1").attempts(1);
        let sandbox = sandbox.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
        let sandbox = sandbox.env("AWS_CONTAINER_AUTHORIZATION_TOKEN", TOKEN);
        sandbox.resolve("A=x:k")
    });
}

#[test]
fn the_token_of_the_agent_that_the_agent_repeats_is_not_printed() {
    const TOKEN: &str = "4c7a1e'agent'<token>\\for&this test";
    is_not_printed(TOKEN, ERROR, |url| {
        let sandbox = Sandbox::new().region("us-east-1").env("AWS_TOKEN", TOKEN);
        sandbox.arg(format!("--agent={url}")).resolve("A=x:k")
    });
}

#[test]
fn the_password_of_a_proxy_that_repeats_its_header_is_not_printed() {
    // This is the base64 of `user:` and the password.
    const LOGIN: &str = "dXNlcjo0YzdhMWU6cEBzcy8iPHdvcmQ+IiZtb3Jl";
    is_not_printed(LOGIN, ERROR, |proxy| {
        let proxy = proxy.replace("//", "//user:4c7a1e:p%40ss%2F%22%3Cword%3E%22&more@");
        launch_with_secret("http://aws.test").env("HTTP_PROXY", proxy)
    });
}

#[test]
fn the_tokens_of_an_sso_session_that_aws_repeats_are_not_printed() {
    const ACCESS: &str = "aoaAAAAA4c7a1e/sso+access:token==";
    const REFRESH: &str = "aorAAAAA4c7a1e-sso_refresh:token/+==";
    const CLIENT: &str = "eyJraWQiOi4c7a1e-sso_client.secret==";
    let launch = |url: &str, expiry: &str| {
        let token = json!({
            "accessToken": ACCESS, "expiresAt": expiry, "refreshToken": REFRESH, "clientId": "id",
            "clientSecret": CLIENT, "registrationExpiresAt": "2999-01-01T00:00:00Z",
        });
        let config = "[profile dev]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Reader\n\
            [sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://corp.awsapps.com/start\n";
        // The name is the SHA-1 of the session's name.
        let file = ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";
        let sandbox = Sandbox::new()
            .region("us-east-1")
            .endpoint(url)
            .config(config);
        let sandbox = sandbox.home_file(file, &token.to_string());
        sandbox.args(["--profile", "dev"]).resolve("A=x:k")
    };
    is_not_printed(ACCESS, ERROR, |url| launch(url, "2999-01-01T00:00:00Z"));
    for sent in [REFRESH, CLIENT] {
        is_not_printed(sent, EXPIRED_SESSION, |url| {
            launch(url, "2020-01-01T00:00:00Z")
        });
    }
}
