//! All names that `env-from` refuses because they make programs run code. `env_from.rows` has all
//! other tests of `env-from`.

use crate::support::*;

::rows::rows!("tests/it/values/env_from.rows");

/// The refused names, and a match for each pattern of `src/model/entry/mod.rs`.
const REFUSED: &str = "HOME PWD SHELL IFS BASH_ENV SHELLOPTS BASHOPTS PS0 PS1 PS2 PS4 PROMPT_COMMAND LD_PRELOAD LD_LIBRARY_PATH \
    LD_AUDIT DYLD_INSERT_LIBRARIES GCONV_PATH GLIBC_TUNABLES MALLOC_CHECK_ LISTEN_FDS NODE_OPTIONS \
    NODE_EXTRA_CA_CERTS NODE_PATH PYTHONPATH PYTHONSTARTUP PERL5OPT PERL5LIB RUBYLIB RUBYOPT CLASSPATH \
    JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS NPM_CONFIG_SCRIPT_SHELL DOTNET_STARTUP_HOOKS \
    CORECLR_PROFILER_PATH COR_PROFILER PHPRC PHP_INI_SCAN_DIR OPENSSL_CONF OPENSSL_MODULES OPENSSL_ENGINES \
    SSLKEYLOGFILE NODE_TLS_REJECT_UNAUTHORIZED SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE REQUESTS_CA_BUNDLE \
    HTTPS_PROXY NO_PROXY ALL_PROXY GIT_SSH_COMMAND EDITOR VISUAL PAGER LESSOPEN LESSCLOSE SSH_ASKPASS SUDO_ASKPASS \
    PERLLIB LUA_INIT ERL_FLAGS BUNDLE_GEMFILE GEM_PATH ZDOTDIR BASH_LOADABLES_PATH BASH_FUNC_LS__ HOSTALIASES \
    LOCALDOMAIN LOCPATH NLSPATH RES_OPTIONS RESOLV_HOST_CONF TMPDIR TZDIR GETCONF_DIR NIS_PATH TERMINFO \
    TERMINFO_DIRS NOTIFY_SOCKET WATCHDOG_USEC CREDENTIALS_DIRECTORY SECRETS_EXEC_FILE AWS_ACCESS_KEY_ID \
    AWS_ENDPOINT_URL_S3 AWS_XRAY_DAEMON_ADDRESS AWS_SECRET_KEY TAR_OPTIONS MAKEFLAGS GNUMAKEFLAGS NODE_REDIRECT_WARNINGS NODE_V8_COVERAGE \
    BUN_INSPECT DENO_DIR GODEBUG XDG_CONFIG_HOME XDG_CONFIG_DIRS XDG_DATA_DIRS KUBECONFIG DOCKER_HOST DOCKER_CONFIG DOCKER_CONTEXT \
    ODBCINI ODBCSYSINI PGSERVICEFILE KRB5_CONFIG SYSTEMD_EDITOR R_PROFILE R_PROFILE_USER R_ENVIRON R_ENVIRON_USER \
    MAKEFILES CDPATH GLOBIGNORE FPATH NULLCMD READNULLCMD KRB5_KTNAME PERLIO_DEBUG PATH_LOCALE TERMCAP TERMPATH _HANDLER LAMBDA_TASK_ROOT \
    LAMBDA_RUNTIME_DIR CURL_HOME WGETRC RUSTC_WRAPPER GOFLAGS PSQLRC PGSYSCONFDIR RSYNC_RSH CVS_RSH SVN_SSH MANPAGER PSQL_PAGER BROWSER \
    BUNDLER_SETUP GEMRC RUBYGEMS_GEMDEPS GEM_REQUIREMENT_RAKE GUNICORN_CMD_ARGS UWSGI_PYTHONPATH AWS_DATA_PATH AWS_CREDENTIAL_FILE";

#[test]
fn thousands_of_keys_that_cannot_name_a_variable_are_one_error_with_eight_of_them() {
    let members = (0..4000).map(|number| format!(r#""{number}x":1"#));
    let object = format!("{{{}}}", Vec::from_iter(members).join(","));
    let aws = Aws::start().secret("prod/app", Secret::text(&object));
    let sandbox = Sandbox::new().aws(&aws);
    let run = sandbox.args(["--env-from", "prod/app"]).run();
    let listed = r#"has 4000 keys that can't name a variable: "0x" (0X), "1x" (1X), "2x" (2X), "3x" (3X), "4x" (4X), "5x" (5X), "6x" (6X), "7x" (7X), …"#;
    run.refused(78, [listed]);
    assert_eq!(run.stderr().lines().count(), 3, "{}", run.stderr());
}

#[test]
fn env_from_refuses_every_variable_that_makes_programs_run_code() {
    let keys = Vec::from_iter(REFUSED.split(' ').map(str::to_lowercase));
    // The error lists the first eight keys of each kind.
    for keys in keys.chunks(8) {
        let members = keys
            .iter()
            .map(|key| format!(r#""{key}":"proxy.4c7a1e:80""#));
        let object = format!("{{{}}}", Vec::from_iter(members).join(","));
        let aws = Aws::start().secret("prod/app", Secret::text(&object));
        let sandbox = Sandbox::new().aws(&aws);
        let run = sandbox.declaration("env-from: [prod/app]\n").run();
        let said = [
            "secrets-exec.yaml:1",
            "prod/app",
            "env-from doesn't set",
            "with \"except\"",
        ];
        run.refused(78, said);
        run.says(keys.iter().map(String::as_str));
    }
}
