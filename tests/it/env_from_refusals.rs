//! Names that `env-from` refuses because they make programs run code, and the options that allow them.

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Outcome;
use crate::support::sandbox::{CANARY, Sandbox};

/// The names that docs/security.md lists, and a match for each pattern.
const REFUSED: &[&str] = &[
    "PATH",
    "HOME",
    "SHELL",
    "IFS",
    "ENV",
    "BASH_ENV",
    "SHELLOPTS",
    "BASHOPTS",
    "PS0",
    "PS1",
    "PS2",
    "PS4",
    "PROMPT_COMMAND",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "LD_AUDIT",
    "DYLD_INSERT_LIBRARIES",
    "GCONV_PATH",
    "GLIBC_TUNABLES",
    "MALLOC_CHECK_",
    "LISTEN_FDS",
    "NODE_OPTIONS",
    "NODE_EXTRA_CA_CERTS",
    "NODE_PATH",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PERL5OPT",
    "PERL5LIB",
    "RUBYLIB",
    "RUBYOPT",
    "CLASSPATH",
    "JAVA_TOOL_OPTIONS",
    "_JAVA_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "NPM_CONFIG_SCRIPT_SHELL",
    "DOTNET_STARTUP_HOOKS",
    "CORECLR_PROFILER_PATH",
    "COR_PROFILER",
    "PHPRC",
    "PHP_INI_SCAN_DIR",
    "OPENSSL_CONF",
    "OPENSSL_MODULES",
    "OPENSSL_ENGINES",
    "SSLKEYLOGFILE",
    "NODE_TLS_REJECT_UNAUTHORIZED",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "GIT_SSH_COMMAND",
    "EDITOR",
    "VISUAL",
    "PAGER",
    "LESSOPEN",
    "LESSCLOSE",
    "SSH_ASKPASS",
    "SUDO_ASKPASS",
    "PERLLIB",
    "LUA_INIT",
    "ERL_FLAGS",
    "BUNDLE_GEMFILE",
    "GEM_PATH",
    "ZDOTDIR",
    "BASH_LOADABLES_PATH",
    "BASH_FUNC_LS__",
    "HOSTALIASES",
    "LOCALDOMAIN",
    "LOCPATH",
    "NLSPATH",
    "RES_OPTIONS",
    "RESOLV_HOST_CONF",
    "TMPDIR",
    "TZDIR",
    "GETCONF_DIR",
    "NIS_PATH",
    "TERMINFO",
    "TERMINFO_DIRS",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "CREDENTIALS_DIRECTORY",
    "SECRETS_EXEC_FILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
];

fn launch(object: &str, declaration: &str) -> Outcome {
    let aws = Aws::start().secret("prod/app", Secret::json(object));
    Sandbox::new().aws(&aws).declaration(declaration).run()
}

fn object(keys: impl IntoIterator<Item = String>) -> String {
    let members: Vec<String> = keys.into_iter().map(|key| format!(r#""{key}":"x""#)).collect();
    format!("{{{}}}", members.join(","))
}

#[test]
fn every_refused_name_is_told_with_its_key_and_the_way_out() {
    let keys = || REFUSED.iter().map(|name| name.to_lowercase());
    let run = launch(&object(keys()), "env-from: [prod/app]\n");
    run.refused(78).says(["secrets-exec.yaml:1", "prod/app", "`env`"]);
    for (name, key) in REFUSED.iter().zip(keys()) {
        run.says([format!("\"{key}\"").as_str(), name]);
    }
}

#[test]
fn a_name_is_refused_in_any_case() {
    for key in ["http_proxy", "Ld_Preload", "Path"] {
        let run = launch(&object([key.to_owned()]), "env-from: [{ from: prod/app, case: keep }]\n");
        run.refused(78).says([key, "prod/app"]);
    }
}

#[test]
fn a_key_that_becomes_a_refused_name_by_its_characters_is_refused() {
    launch(r#"{"ld-preload":"x"}"#, "env-from: [prod/app]\n").refused(78).says(["ld-preload", "LD_PRELOAD"]);
}

#[test]
fn a_prefix_or_a_rename_that_makes_a_refused_name_is_refused() {
    launch(r#"{"preload":"x"}"#, "env-from: [{ from: prod/app, prefix: LD_ }]\n").refused(78).says(["LD_PRELOAD"]);
    launch(r#"{"x":"x"}"#, "env-from: [{ from: prod/app, rename: { x: PATH } }]\n").refused(78).says(["PATH"]);
}

#[test]
fn names_that_only_resemble_refused_ones_are_set() {
    let run = launch(r#"{"path_prefix":"1","environment":"2","db_path":"3","proxy":"4"}"#, "env-from: [prod/app]\n");
    run.launched_silently().has("PATH_PREFIX", "1").has("ENVIRONMENT", "2").has("DB_PATH", "3").has("PROXY", "4");
}

#[test]
fn a_prefix_makes_a_refused_name_harmless() {
    launch(r#"{"path":"x"}"#, "env-from: [{ from: prod/app, prefix: APP_ }]\n").launched().has("APP_PATH", "x");
}

#[test]
fn except_and_only_leave_a_refused_name_out() {
    for settings in ["except: [node_options]", "only: [a]"] {
        let run = launch(r#"{"node_options":"x","a":"1"}"#, &format!("env-from: [{{ from: prod/app, {settings} }}]\n"));
        run.launched().has("A", "1").lacks("NODE_OPTIONS");
    }
}

#[test]
fn a_null_key_of_a_refused_name_is_skipped() {
    launch(r#"{"node_options":null,"a":"1"}"#, "env-from: [prod/app]\n").launched().has("A", "1");
}

#[test]
fn a_refused_name_is_allowed_where_the_operator_writes_it() {
    let run = launch(r#"{"options":"--inspect"}"#, "env: { NODE_OPTIONS: \"prod/app:options\" }\n");
    run.launched_silently().has("NODE_OPTIONS", "--inspect");
}

#[test]
fn the_way_out_that_the_error_names_works() {
    let declaration = "env: { NODE_OPTIONS: \"prod/app:node_options\" }\nenv-from: [prod/app]\n";
    let run = launch(r#"{"node_options":"--inspect","a":"1"}"#, declaration);
    run.launched_silently().has("NODE_OPTIONS", "--inspect").has("A", "1");
}

#[test]
fn a_refused_name_is_refused_when_nothing_else_is_wrong_with_other_entries() {
    let declaration = "env: { A: \"prod/app:a\" }\nenv-from: [prod/app]\n";
    launch(r#"{"a":"1","bash_env":"x"}"#, declaration).refused(78).says(["BASH_ENV"]).says_nothing_of("\"a\"");
}

/// A default, and a reference without KEY, are hints for entries of `env` alone.
#[test]
fn hints_are_those_that_an_object_can_follow() {
    let aws = Aws::start()
        .secret("text", Secret::text(&format!("{CANARY}, no JSON")))
        .secret("object", Secret::json(r#"{"inner":{"a":"v"}}"#));
    let read = |from: &str| Sandbox::new().aws(&aws).args(["--env-from", from]).run();
    read("text").refused(78).says(["text", "--env"]).says_nothing_of("KEY");
    read("object:$.x.y").refused(78).says(["object", "$.x.y"]).says_nothing_of("default");
    read("object:$.iner").refused(78).says(["did you mean \"inner\"?"]);
}
