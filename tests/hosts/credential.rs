//! `LoadCredential=` with a web identity token. `documented.rs` has a unit that loads an AWS
//! configuration file.

use super::systemd::{Systemd, lines_with_aws};
use crate::support::aws::served;

#[test]
#[ignore = "by make test-hosts"]
fn a_unit_gets_its_value_with_a_web_identity_token_from_loadcredential() {
    let systemd = or_skip!(Systemd::shared());
    let aws = served();
    systemd.write("/etc/credstore/token", "the.token.of-the-unit");
    // Only root can read the source, so the service depends on systemd to deliver it.
    systemd.done("chmod 0400 /etc/credstore/token");
    let lines = "Type=oneshot\nDynamicUser=yes\nLoadCredential=token:/etc/credstore/token\n\
        Environment=AWS_WEB_IDENTITY_TOKEN_FILE=%d/token\n\
        Environment=AWS_ROLE_ARN=arn:aws:iam::123456789012:role/app AWS_ROLE_SESSION_NAME=unit\n\
        ExecStart=secrets-exec -e A=x:k -- /bin/sh -c 'printf %%s \"$A\"'\n";
    let unit = systemd.unit("token", &format!("{lines}{}", lines_with_aws(&aws)));
    assert_eq!(unit.start().printed(), "v-4c7a1e");
    let calls = aws.calls_of("AssumeRoleWithWebIdentity");
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].form()["WebIdentityToken"], "the.token.of-the-unit");
}
