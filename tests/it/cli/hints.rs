//! Messages that no page of `mistakes` can show: without the values that a mistake puts into them, or with servers of their own.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use crate::support::*;

#[test]
fn a_proxy_whose_name_is_unknown_and_an_endpoint_without_tls_are_reported_as_such() {
    let aws = Aws::start();
    let sandbox = || Sandbox::new().aws(&aws).attempts(1).resolve("A=x");
    let run = sandbox().endpoint("https://localhost:1").env("HTTPS_PROXY", "http://a..b:1").env("NO_PROXY", "").run();
    run.refused(75).says(["through the proxy a..b:1: name lookup: "]).says_nothing_of("failed to");
    run.says_nothing_of("tunnel");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
            let _ = stream.read(&mut [0; 1024]);
        }
    });
    let run = sandbox().endpoint(&url).run();
    run.refused(75).says(["the answer is not TLS; the endpoint may speak http"]).says_nothing_of("InvalidContentType");
}

#[test]
fn a_key_that_could_be_a_value_is_not_printed() {
    for key in [format!("app:{CANARY}"), "x".repeat(65), "pass word".to_owned()] {
        let run = Sandbox::new().declaration(&format!("? \"{key}\"\n: x\n")).run();
        run.refused(78).says(["unknown key"]).says_nothing_of(&key);
    }
}
