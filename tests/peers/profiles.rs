//! Configuration files, compared with botocore: for the same text, both must read the same region,
//! key and token, or both must report an error.

use serde_json::{Value, json};

use super::python::{Python, interpreter};
use crate::support::aws::served;
use crate::support::sandbox::{ACCESS_SECRET, Sandbox};

/// The text of the configuration file, the text of the credentials file, and the profile. KEYS and
/// OTHERS are replaced by two keys each, and INDENTED by two keys after spaces.
const FILES: &[(&str, &str, &str)] = &[
    ("[default]\nregion = aa-1\nKEYS\n", "", "default"),
    ("[default]\nregion: aa-1\nKEYS\n", "", "default"),
    (
        "[default]\nregion:aa-1\naws_access_key_id: AKIACOLON\naws_secret_access_key: SECRET\n",
        "",
        "default",
    ),
    ("[default]\n  region = aa-1\nINDENTED\n", "", "default"),
    (
        "[default]\n\n    region = aa-1\n    # x\n  aws_access_key_id = AKIAA\naws_secret_access_key = SECRET\n",
        "",
        "default",
    ),
    ("  [default]\n  region = aa-1\nINDENTED\n", "", "default"),
    (
        "[default]\nregion = aa-1\n  # a comment\n\n; another\nKEYS\n",
        "",
        "default",
    ),
    (
        "[default] # a comment\nregion = aa-1\nKEYS\n",
        "",
        "default",
    ),
    ("[default]\nREGION = aa-1\nKEYS\n", "", "default"),
    ("[default]\r\nregion = aa-1\r\nKEYS\r\n", "", "default"),
    (
        "[default]\nregion = aa-1\nKEYS\ns3 =\n  addressing_style = path\n  x = y\n",
        "",
        "default",
    ),
    ("[profile \"my dev\"]\nregion = aa-1\nKEYS\n", "", "my dev"),
    ("[profile 'my dev']\nregion = aa-1\nKEYS\n", "", "my dev"),
    ("[profile \"dev\"]\nregion = aa-1\nKEYS\n", "", "dev"),
    ("[profile   dev  ]\nregion = aa-1\nKEYS\n", "", "dev"),
    ("[profile my dev]\nregion = aa-1\nKEYS\n", "", "my dev"),
    ("[profile \"my dev]\nregion = aa-1\nKEYS\n", "", "my dev"),
    ("[dev]\nregion = aa-1\nKEYS\n", "", "dev"),
    (
        "[profile a%20b]\nregion = aa-1\nKEYS\n[profile \"a b\"]\nregion = bb-1\nKEYS\n",
        "",
        "a b",
    ),
    (
        "[profile caf\u{e9}#1]\nregion = aa-1\nKEYS\n",
        "",
        "caf\u{e9}#1",
    ),
    ("[profile default]\nregion = aa-1\nKEYS\n", "", "default"),
    ("[profile dev]\nregion = aa-1\n", "[dev]\nKEYS\n", "dev"),
    (
        "[profile \"my dev\"]\nregion = aa-1\n",
        "[my dev]\nKEYS\n",
        "my dev",
    ),
    (
        "[profile dev]\nregion = aa-1\nKEYS\n",
        "[dev]\nOTHERS\n",
        "dev",
    ),
    (
        "[profile dev]\nregion = aa-1\n",
        "[dev]\nKEYS\naws_security_token: older\n",
        "dev",
    ),
    (
        "[profile dev]\nregion = aa-1\n",
        "[dev]\nKEYS\naws_session_token = newer\naws_security_token = older\n",
        "dev",
    ),
    (
        "[profile dev]\nregion = aa-1\n",
        "[dev]\nKEYS\naws_session_token = newer\n",
        "dev",
    ),
    (
        "[profile dev]\nregion = aa-1\n",
        "[dev]\naws_secret_access_key = SECRET\n",
        "dev",
    ),
    (
        "[profile dev]\nregion = aa-1\n",
        "[dev]\naws_access_key_id = AKIAHALF\n",
        "dev",
    ),
    ("region = aa-1\n[default]\nKEYS\n", "", "default"),
    (
        "[default]\nregion = aa-1\nKEYS\naws_session_token = a # b\n",
        "",
        "default",
    ),
    (
        "[default]\nregion = aa-1\nKEYS\naws_session_token: a=b\n",
        "",
        "default",
    ),
    (
        "[default]\nregion = aa-1\nKEYS\naws_session_token = a:b\n",
        "",
        "default",
    ),
    (
        "[default]\n  region = aa-1\n \taws_session_token = tab\nINDENTED\n",
        "",
        "default",
    ),
    (
        "[default]\nregion = aa-1\nKEYS\noutput = a\n  region = bb-1\n",
        "",
        "default",
    ),
    (
        "[profile dev]\nregion = aa-1\nKEYS\n[default]\nregion = bb-1\n",
        "[default]\n  KEYS\n",
        "dev",
    ),
    ("[default]\nregion\nKEYS\n", "", "default"),
    ("[default]\n= aa-1\nKEYS\n", "", "default"),
    ("[default\nregion = aa-1\nKEYS\n", "", "default"),
    (
        "[default]\nregion = aa-1\nKEYS\ns3 =\n  path\n",
        "",
        "default",
    ),
];

#[test]
fn aws_configuration_files_are_read_in_the_same_way_as_by_botocore() {
    let interpreter = or_skip!(interpreter());
    let mut botocore = Python::start(&interpreter, "profile.py", &[]);
    let indented = "  aws_access_key_id = AKIAA\n  aws_secret_access_key = SECRET";
    let others = "aws_access_key_id = AKIAFILE\naws_secret_access_key = SECRET";
    let keys = "aws_access_key_id = AKIAKEYS\naws_secret_access_key = SECRET";
    for (config, credentials, profile) in FILES {
        let aws = served();
        let text = |text: &str| {
            let text = text
                .replace("INDENTED", indented)
                .replace("OTHERS", others)
                .replace("KEYS", keys);
            text.replace("SECRET", ACCESS_SECRET)
        };
        let sandbox = Sandbox::new().home_file(".aws/config", &text(config));
        let sandbox = sandbox
            .home_file(".aws/credentials", &text(credentials))
            .endpoint(&aws.endpoint());
        let file = |name: &str| sandbox.home().join(".aws").join(name).display().to_string();
        let wanted = json!({ "config": file("config"), "credentials": file("credentials"), "profile": profile });
        let found: Value = serde_json::from_str(&botocore.ask(&wanted.to_string())).unwrap();
        let run = sandbox.args(["--profile", profile]).resolve("A=x:k").run();
        let read = aws.reads().pop();
        let ours = match &read {
            Some(read) => {
                let token = read.header("x-amz-security-token");
                json!({ "region": read.region(), "key": read.access_key(), "token": token })
            }
            None => Value::Null,
        };
        let is_refused = found.get("error").is_some() || found["key"].is_null();
        assert_eq!(
            ours,
            if is_refused {
                Value::Null
            } else {
                found.clone()
            },
            "{config}{credentials}{profile}: {found} {run}"
        );
    }
}
