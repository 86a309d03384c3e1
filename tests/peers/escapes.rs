//! The templates of examples/escapes.yaml and docs/templates.md: the real programs read exactly the
//! value. `tests/servers/run` has those for servers that `.ci/run` doesn't install.

use serde_json::{Value, json};

use super::daemon::{is_installed, reserve_ports};
use super::postgres::Postgres;
use super::rotation::certificate;
use crate::docs::page::Page;
use crate::support::*;

/// A value with each character that one of the formats treats in a special way.
const PASSWORD: &str = r#"p@ss:w\o"r'd%#$ ;é"#;

/// A launch with the example's declaration, in which `prod/db` leads to this port.
fn escaped(port: u16, mut secrets: Value) -> Sandbox {
    secrets["prod/db"] = json!({ "host": "127.0.0.1", "port": port, "password": PASSWORD });
    Sandbox::new()
        .declaration(&repository_file("examples/escapes.yaml"))
        .local(&secrets.to_string())
        .env("PATH", "/usr/sbin:/usr/bin:/bin")
        .prints_values()
        .target_writes_stderr()
}

/// The user of the example's template. No other test has one with this name.
const LOGIN: &str = "psql -w -h 127.0.0.1 -p \"$PORT\" -U app postgres -tAc 'SELECT current_user'";

#[test]
fn psql_logs_in_with_a_password_that_the_example_escapes_for_pgpass() {
    let postgres = or_skip!(Postgres::shared());
    let literal = PASSWORD.replace('\'', "''");
    postgres.run(&format!("CREATE ROLE app LOGIN PASSWORD '{literal}'"));
    let port = postgres.port();
    let sandbox = escaped(port, json!({})).script(LOGIN);
    let run = sandbox.env("PORT", port.to_string()).run();
    run.launched().printed("app\n");
}

#[test]
fn psql_logs_in_with_a_password_escaped_as_docs_templates_md_says() {
    let postgres = or_skip!(Postgres::shared());
    let literal = PASSWORD.replace('\'', "''");
    postgres.run(&format!("CREATE ROLE dsn LOGIN PASSWORD '{literal}'"));
    let page = Page::read("docs/templates.md");
    let start = "secrets:\n  db: prod/db\nenv:\n  PG_DSN:";
    let secrets = json!({ "prod/db": { "host": "127.0.0.1", "password": PASSWORD } });
    let run = Sandbox::new()
        .declaration(page.block_from("yaml", start))
        .local(&secrets.to_string())
        .env("PATH", "/usr/bin:/bin")
        .env("PGPORT", postgres.port().to_string())
        .env("PGUSER", "dsn")
        .env("PGDATABASE", "postgres")
        .prints_values()
        .script("psql -w \"$PG_DSN\" -tAc 'SELECT current_user'")
        .run();
    run.launched().printed("dsn\n");
}

/// Serves the token over TLS, and prints two responses: before and after a reload, which replaces
/// the worker.
const NGINX: &str = r#"
echo "daemon off; pid pid; error_log stderr crit; worker_processes 1; events { } http { access_log off;
client_body_temp_path 1; proxy_temp_path 2; fastcgi_temp_path 3; uwsgi_temp_path 4; scgi_temp_path 5;
include $NGINX_SECRETS;
server { listen 127.0.0.1:$PORT ssl; ssl_certificate $CERTIFICATE; ssl_certificate_key $KEY;
location / { return 200 \$api_token; } } }" >nginx.conf
nginx -e stderr -p . -c "$PWD/nginx.conf" & server=$!
response() { (printf 'GET / HTTP/1.0\r\n\r\n'; sleep 1) | openssl s_client -quiet -connect "127.0.0.1:$PORT" 2>/dev/null | tail -n 1; }
worker() { cat "/proc/$server/task/$server/children"; }
until [ "$(response)" ]; do kill -0 $server || exit; sleep 0.1; done
response; echo
before=$(worker); kill -HUP $server
until [ "$(worker)" ] && [ "$(worker)" != "$before" ] && [ "$(worker | wc -w)" = 1 ]; do kill -0 $server || exit; sleep 0.1; done
response; echo
kill -QUIT $server; wait $server
"#;

#[test]
fn nginx_serves_with_a_key_in_memory_and_an_escaped_token_also_after_a_reload() {
    let can_request = skip::can(&["openssl", "version"], "nginx with a key in memory");
    if !can_request || !is_installed("nginx") {
        return;
    }
    let port = &reserve_ports(1)[0];
    let pair: Value = serde_json::from_str(&certificate("memory")).unwrap();
    let files = ["KEY=prod/tls:key", "CERTIFICATE=prod/tls:certificate"];
    let sandbox = escaped(port.number, json!({ "prod/tls": pair }))
        .args(files.iter().flat_map(|file| ["--as-file", file]))
        .env("PORT", port.number.to_string())
        .script(NGINX);
    let run = sandbox.run();
    run.launched().printed(format!("{PASSWORD}\n{PASSWORD}\n"));
}

#[test]
fn python_reads_a_password_that_the_example_escapes_for_xml() {
    let password = "<p&amp;\"'4c7a1e>";
    let python = or_skip!(super::interpreter());
    let code = "import os, xml.etree.ElementTree as tree; print(tree.parse(os.environ['XML_FILE']).getroot().get('password'))";
    let secrets =
        json!({ "prod/db": { "host": "db.example.com", "port": 5432, "password": password } });
    let run = Sandbox::new()
        .declaration(&repository_file("examples/escapes.yaml"))
        .local(&secrets.to_string())
        .prints_values()
        .target_writes_stderr()
        .command([python.as_os_str(), "-c".as_ref(), code.as_ref()])
        .run();
    run.launched().printed(format!("{password}\n"));
}
