//! Configuration files, compared with botocore: for the same text, both must read the same region,
//! key and token, or both must report an error.

use serde_json::json;

use super::python::{Script, interpreter};
use crate::support::aws::served;
use crate::support::sandbox::{ACCESS_SECRET, Sandbox};

/// In each line, the text of the configuration file, the text of the credentials file, which may be
/// empty, and the profile. `⏎` is a line feed. KEYS and OTHERS are replaced by two keys each, and
/// INDENTED by two keys after spaces.
const FILES: &str = "\
[default]⏎region = aa-1⏎KEYS⏎ |  | default
[default]⏎region: aa-1⏎KEYS⏎ |  | default
[default]⏎region:aa-1⏎aws_access_key_id: AKIACOLON⏎aws_secret_access_key: SECRET⏎ |  | default
[default]⏎  region = aa-1⏎INDENTED⏎ |  | default
[default]⏎⏎    region = aa-1⏎    # x⏎  aws_access_key_id = AKIAA⏎aws_secret_access_key = SECRET⏎ |  | default
\x20 [default]⏎  region = aa-1⏎INDENTED⏎ |  | default
[default]⏎region = aa-1⏎  # a comment⏎⏎; another⏎KEYS⏎ |  | default
[default] # a comment⏎region = aa-1⏎KEYS⏎ |  | default
[default]⏎REGION = aa-1⏎KEYS⏎ |  | default
[default]\r⏎region = aa-1\r⏎KEYS\r⏎ |  | default
[default]⏎region = aa-1⏎KEYS⏎s3 =⏎  addressing_style = path⏎  x = y⏎ |  | default
[profile \"my dev\"]⏎region = aa-1⏎KEYS⏎ |  | my dev
[profile 'my dev']⏎region = aa-1⏎KEYS⏎ |  | my dev
[profile \"dev\"]⏎region = aa-1⏎KEYS⏎ |  | dev
[profile   dev  ]⏎region = aa-1⏎KEYS⏎ |  | dev
[profile my dev]⏎region = aa-1⏎KEYS⏎ |  | my dev
[profile \"my dev]⏎region = aa-1⏎KEYS⏎ |  | my dev
[profile my\" \"dev]⏎region = aa-1⏎KEYS⏎ |  | my dev
[profile my\\ dev]⏎region = aa-1⏎KEYS⏎ |  | my dev
[dev]⏎region = aa-1⏎KEYS⏎ |  | dev
[profile a%20b]⏎region = aa-1⏎KEYS⏎[profile \"a b\"]⏎region = bb-1⏎KEYS⏎ |  | a b
[profile caf\u{e9}#1]⏎region = aa-1⏎KEYS⏎ |  | caf\u{e9}#1
[profile default]⏎region = aa-1⏎KEYS⏎ |  | default
[profile dev]⏎region = aa-1⏎ | [dev]⏎KEYS⏎ | dev
[profile \"my dev\"]⏎region = aa-1⏎ | [my dev]⏎KEYS⏎ | my dev
[profile dev]⏎region = aa-1⏎KEYS⏎ | [dev]⏎OTHERS⏎ | dev
[profile dev]⏎region = aa-1⏎ | [dev]⏎KEYS⏎aws_security_token: older⏎ | dev
[profile dev]⏎region = aa-1⏎ | [dev]⏎KEYS⏎aws_session_token = newer⏎aws_security_token = older⏎ | dev
[profile dev]⏎region = aa-1⏎ | [dev]⏎KEYS⏎aws_session_token = newer⏎ | dev
[profile dev]⏎region = aa-1⏎ | [dev]⏎aws_secret_access_key = SECRET⏎ | dev
[profile dev]⏎region = aa-1⏎ | [dev]⏎aws_access_key_id = AKIAHALF⏎ | dev
region = aa-1⏎[default]⏎KEYS⏎ |  | default
[default]⏎region = aa-1⏎KEYS⏎aws_session_token = a # b⏎ |  | default
[default]⏎region = aa-1⏎KEYS⏎aws_session_token: a=b⏎ |  | default
[default]⏎region = aa-1⏎KEYS⏎aws_session_token = a:b⏎ |  | default
[default]⏎  region = aa-1⏎ \taws_session_token = tab⏎INDENTED⏎ |  | default
[default]⏎region = aa-1⏎KEYS⏎output = a⏎  region = bb-1⏎ |  | default
[profile dev]⏎region = aa-1⏎KEYS⏎[default]⏎region = bb-1⏎ | [default]⏎  KEYS⏎ | dev
[default]⏎region⏎KEYS⏎ |  | default
[default]⏎= aa-1⏎KEYS⏎ |  | default
[default⏎region = aa-1⏎KEYS⏎ |  | default
[default]⏎region = aa-1⏎KEYS⏎s3 =⏎  path⏎ |  | default
";

#[test]
fn aws_configuration_files_are_read_in_the_same_way_as_by_botocore() {
    let interpreter = or_skip!(interpreter());
    let mut botocore = Script::start(&interpreter, "profile.py", &[]);
    let indented = "  aws_access_key_id = AKIAA\n  aws_secret_access_key = SECRET";
    let others = "aws_access_key_id = AKIAFILE\naws_secret_access_key = SECRET";
    let keys = "aws_access_key_id = AKIAKEYS\naws_secret_access_key = SECRET";
    for line in FILES.lines() {
        let [config, credentials, profile] = line.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("not two files and a profile: {line}");
        };
        let aws = served();
        let text = |text: &str| {
            let text = text.replace('⏎', "\n").replace("INDENTED", indented);
            let text = text.replace("OTHERS", others).replace("KEYS", keys);
            text.replace("SECRET", ACCESS_SECRET)
        };
        let sandbox = Sandbox::new()
            .config(&text(config))
            .endpoint(&aws.endpoint());
        let sandbox = sandbox.home_file(".aws/credentials", &text(credentials));
        let file = |name: &str| sandbox.home().join(".aws").join(name).display().to_string();
        let wanted = json!({ "config": file("config"), "credentials": file("credentials"), "profile": profile });
        let found = botocore.ask(&wanted);
        let run = sandbox.args(["--profile", profile]).resolve("A=x:k").run();
        let read = aws.reads().pop().map(|read| {
            let token = read.header("x-amz-security-token");
            json!({ "region": read.region(), "key": read.access_key(), "token": token })
        });
        let is_refused = found.get("error").is_some() || found["key"].is_null();
        let expected = (!is_refused).then_some(&found);
        assert_eq!(
            read.as_ref(),
            expected,
            "{config}{credentials}{profile}: {found} {run}"
        );
    }
}
