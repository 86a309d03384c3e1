//! Configuration files without read permission. `profiles.rows` has all other tests of profiles and roles.

use crate::support::*;

::rows::rows!("tests/it/aws/profiles.rows");

#[test]
fn a_launch_fails_if_its_configuration_file_is_unreadable_but_not_if_its_home_directory_is() {
    let Some(user) = skip::as_nobody() else {
        return;
    };
    let aws = served();
    for (name, folder) in [("HOME", "home"), ("AWS_CONFIG_FILE", "home/.aws/config")] {
        let sandbox =
            sandbox(&aws).file("locked/home/.aws/config", "[default]\nregion = eu-west-1\n");
        let sandbox = sandbox.mode("locked", 0o700).case(name);
        let path = sandbox.path("locked").join(folder);
        let sandbox = sandbox.env(name, path).through(user);
        sandbox
            .spawn_copy()
            .wait()
            .launched_silently()
            .has("A", "v-4c7a1e");
        let keyless = sandbox.env_remove("AWS_ACCESS_KEY_ID").spawn_copy().wait();
        keyless.refused(77).says(["locked/home/.aws/config"]);
    }
    sandbox(&aws)
        .env("HOME", "/dev/null")
        .run()
        .launched_silently()
        .has("A", "v-4c7a1e");
    for name in ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"] {
        let sandbox = sandbox(&aws)
            .file("secret", "[default]\n")
            .mode("secret", 0)
            .through(user);
        let file = sandbox.path("secret");
        let refused = "/secret can't be read: permission denied (the file belongs to user 0 and has mode 0000, and secrets-exec runs as user 65534)";
        sandbox
            .env(name, file)
            .spawn_copy()
            .wait()
            .refused(64)
            .says([refused]);
    }
}
