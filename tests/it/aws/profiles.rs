//! Configuration files without read permission or with a byte order mark, and a launch without
//! HOME. `profiles.rows` has all other tests of profiles and roles.

use nix::unistd::{User, getuid};

use crate::support::*;

::rows::rows!("tests/it/aws/profiles.rows");

#[test]
fn an_unreadable_configuration_file_fails_a_launch_but_an_unreadable_home_does_not() {
    let user = or_skip!(skip::as_nobody());
    let aws = served();
    for (name, folder) in [("HOME", "home"), ("AWS_CONFIG_FILE", "home/.aws/config")] {
        let text = "[default]\nregion = eu-west-1\n";
        let sandbox = sandbox(&aws).file("locked/home/.aws/config", text);
        let sandbox = sandbox.mode("locked", 0o700).case(name);
        let path = sandbox.path("locked").join(folder);
        let sandbox = sandbox.env(name, path).through(user);
        sandbox.spawn_copy().wait().launched_with_value();
        let keyless = sandbox.env_remove("AWS_ACCESS_KEY_ID").spawn_copy().wait();
        keyless.refused(77, ["locked/home/.aws/config"]);
    }
    let device = sandbox(&aws).env("HOME", "/dev/null");
    device.run().launched_with_value();
    for name in ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"] {
        let sandbox = sandbox(&aws)
            .file("secret", "[default]\n")
            .mode("secret", 0o600);
        let file = sandbox.path("secret");
        let run = sandbox.env(name, file).through(user).spawn_copy().wait();
        let said = "/secret can't be read: permission denied (the file belongs to user 0 and has mode 0600, and secrets-exec runs as user 65534)";
        run.refused(64, [said]);
    }
}

#[test]
fn a_configuration_file_is_read_even_if_it_begins_with_a_byte_order_mark() {
    for file in [".aws/config", ".aws/credentials"] {
        let aws = served();
        let text = format!("\u{feff}[default]\n{}", pair("AKIAFILE"));
        let run = keyless(&aws).home_file(file, &text).case(file).run();
        run.launched_with_value();
        assert_eq!(aws.only_read().access_key(), "AKIAFILE");
    }
}

#[test]
fn without_home_the_configuration_files_are_in_the_home_directory_of_etc_passwd() {
    let home = User::from_uid(getuid()).unwrap().unwrap().dir;
    // A file of this name exists in no home directory, so the test reads nothing of the user who
    // runs it.
    let missing = "missing-4c7a1e";
    let sandbox = keyless(&served())
        .env_remove("HOME")
        .env("AWS_CONFIG_FILE", format!("~/{missing}"))
        .env("AWS_SHARED_CREDENTIALS_FILE", format!("~/{missing}"));
    let path = home.join(missing);
    let missing = format!("{} (no such file or directory)", path.display());
    let location = format!("in {missing} or {missing}");
    sandbox.run().refused(77, [location.as_str()]);
}
