//! Texts of other crates and of the C library that the program matches on, because the library offers no type or
//! code.
//!
//! Each test below makes the real library produce its text, so that an update which changes it fails there.

/// Returns the column (from 1) of a syntax error of jsonpath-rust. Its message begins with the position, ` --> 1:5`.
pub fn json_path_column(message: &str) -> Option<usize> {
    let (_, after) = message.split_once("--> ")?;
    let (_, column) = after.lines().next()?.split_once(':')?;
    column.trim().parse().ok()
}

/// Returns the name in `DnsName("example.com")`, as rustls presents the names of a certificate.
pub fn presented_name(name: &str) -> &str {
    name.split('"').nth(1).unwrap_or(name)
}

/// Returns the text of an error without what only says that another step failed: empty if its source says it all.
pub fn plain_text(message: &str) -> &str {
    match message {
        "dns error" => "name lookup",
        // The SDK's, for SSO.
        "an error occurred while loading an access token" => "",
        "failed to load the cached SSO token" => "there is no cached SSO token, or it cannot be read",
        // std's, before the text of gai_strerror(3).
        _ => message.strip_prefix("failed to lookup address information: ").unwrap_or(message),
    }
}

/// True for EAI_AGAIN of getaddrinfo(3), a temporary failure of a name server. std keeps only the text of
/// gai_strerror(3): "Temporary failure in name resolution" with glibc, "Try again" with musl.
pub fn is_temporary_resolver_failure(message: &str) -> bool {
    message.contains("Temporary failure") || message.contains("Try again")
}

/// Returns the HTTP status in an error of the SDK's container credentials, which holds it only as `StatusCode(503)`.
pub fn container_status(message: &str) -> Option<u16> {
    let (_, after) = message.split_once("StatusCode(")?;
    after.split_once(')')?.0.parse().ok()
}

/// True for the instance metadata's refusal (403) of a session token.
pub fn is_metadata_forbidden(message: &str) -> bool {
    message.contains("forbidden")
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::ffi::CStr;
    use std::net::ToSocketAddrs;
    use std::path::PathBuf;
    use std::process::Command;

    use aws_config::ecs::EcsCredentialsProvider;
    use aws_config::imds;
    use aws_config::provider_config::ProviderConfig;
    use aws_config::retry::RetryConfig;
    use aws_config::{BehaviorVersion, Region};
    use aws_credential_types::provider::ProvideCredentials;
    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
    };
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_types::body::SdkBody;
    use nix::libc;
    use rustls::CertificateError;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::server::ParsedCertificate;
    use tower_service::Service;

    use super::*;

    #[test]
    fn an_error_of_jsonpath_rust_has_its_column() {
        let error = jsonpath_rust::parser::parse_json_path("$.a[").unwrap_err();
        assert_eq!(json_path_column(&error.to_string()), Some(5), "{error}");
    }

    /// A certificate of example.com.
    const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBijCCATCgAwIBAgIUehvn2pH8dFDoWP/AyYYD6zzsZZ0wCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEVGVzdDAgFw0yNjExMjEwMTU2MDJaGA8yMTI2MTAyODAxNTYw
MlowDzENMAsGA1UEAwwEVGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABP9U
vPEdr9kbvFvNb5bXuGUkWo9DvAYxJ0iKDsxjln5bzUqrSZHSpm9JcZlSuNrYjjNz
g4rtWbR5awRQCyumNG6jaDBmMB0GA1UdDgQWBBQ4iMshqWO16CJ6rHE0Yegz94e/
zTAfBgNVHSMEGDAWgBQ4iMshqWO16CJ6rHE0Yegz94e/zTAWBgNVHREEDzANggtl
eGFtcGxlLmNvbTAMBgNVHRMBAf8EAjAAMAoGCCqGSM49BAMCA0gAMEUCIQDmPoNW
H7rMThxxp5R3p1374Oxzxgpy5XIYkWwsvwzJ1wIgGCbD83CAvPdyUECwIOABK/8F
NvO69jG9Tz+etG16LIU=
-----END CERTIFICATE-----
";

    #[test]
    fn rustls_presents_a_name_in_quotes() {
        let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
        let certificate = ParsedCertificate::try_from(&certificate).unwrap();
        let error = rustls::client::verify_server_name(&certificate, &ServerName::try_from("example.org").unwrap());
        let Err(rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. })) = error
        else {
            panic!("{error:?}")
        };
        assert_eq!(presented.iter().map(|name| presented_name(name)).collect::<Vec<_>>(), ["example.com"]);
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    #[test]
    fn a_host_that_is_unknown_is_a_dns_error_of_hyper_util() {
        let error = block_on(async {
            let mut tcp = hyper_util::client::legacy::connect::HttpConnector::new_with_resolver(
                crate::net::dns::DnsResolver::default(),
            );
            texts(&tcp.call(http::Uri::from_static("http://a..b:1")).await.unwrap_err())
        });
        let (step, why) = error.split_once(": ").unwrap();
        assert_eq!(plain_text(step), "name lookup");
        assert_eq!(plain_text(why), resolver_text(libc::EAI_NONAME));
    }

    /// The text of gai_strerror(3).
    #[allow(unsafe_code, reason = "nix has no gai_strerror(3)")]
    fn resolver_text(code: libc::c_int) -> &'static str {
        // SAFETY: gai_strerror takes any number and returns a static NUL-terminated string.
        unsafe { CStr::from_ptr(libc::gai_strerror(code)) }.to_str().unwrap()
    }

    #[test]
    fn the_c_library_has_a_text_for_a_temporary_failure() {
        assert!(is_temporary_resolver_failure(resolver_text(libc::EAI_AGAIN)));
        for other in [libc::EAI_NONAME, libc::EAI_FAIL, libc::EAI_SYSTEM, libc::EAI_MEMORY] {
            assert!(!is_temporary_resolver_failure(resolver_text(other)), "{}", resolver_text(other));
        }
    }

    /// Tests EAI_NONAME, which needs no name server; EAI_AGAIN would need one that fails.
    #[test]
    fn std_keeps_the_text_of_the_c_library() {
        let error = ("a..b", 0).to_socket_addrs().unwrap_err().to_string();
        assert!(error.ends_with(resolver_text(libc::EAI_NONAME)), "{error}");
    }

    /// A response that the SDK gets to every request.
    #[derive(Clone, Copy, Debug)]
    struct Canned {
        status: u16,
        error_type: &'static str,
        body: &'static str,
    }

    impl HttpConnector for Canned {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            let response = http::Response::builder().status(self.status).header("x-amzn-errortype", self.error_type);
            let response = response.body(SdkBody::from(self.body)).unwrap();
            HttpConnectorFuture::ready(Ok(HttpResponse::try_from(response).unwrap()))
        }
    }

    /// A configuration in which every request gets this response, once.
    fn answered(status: u16, error_type: &'static str, body: &'static str) -> ProviderConfig {
        let canned = Canned { status, error_type, body };
        ProviderConfig::without_region()
            .with_behavior_version(Some(BehaviorVersion::latest()))
            .with_http_client(http_client_fn(move |_, _| SharedHttpConnector::new(canned)))
            .with_region(Some(Region::from_static("us-east-1")))
            .with_retry_config(RetryConfig::disabled())
    }

    /// The texts of an error and of its sources.
    fn texts(error: &(dyn Error + 'static)) -> String {
        let chain = std::iter::successors(Some(error), |&error| error.source());
        chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }

    fn failure(provider: impl ProvideCredentials) -> String {
        block_on(async { texts(&provider.provide_credentials().await.unwrap_err()) })
    }

    /// Set in the child processes of [`ran_in_child`].
    const CHILD: &str = "SECRETS_EXEC_TEST_CHILD";

    fn is_child() -> bool {
        std::env::var_os(CHILD).is_some()
    }

    /// Runs the calling test again in a child process with only these variables, since the SDK's sources of credentials
    /// read the real environment and the files of the real user. Returns false in that child.
    fn ran_in_child(test: &str, variables: &[(&str, PathBuf)]) -> bool {
        if is_child() {
            return false;
        }
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", &format!("model::library_text::tests::{test}")]).env_clear().env(CHILD, "1");
        let output = child.envs(variables.iter().map(|(name, value)| (name, value))).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "no such test: {output:?}");
        true
    }

    #[test]
    fn an_error_of_the_container_source_has_the_status_as_a_number() {
        let url = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1/".into());
        if ran_in_child("an_error_of_the_container_source_has_the_status_as_a_number", &[url]) {
            return;
        }
        let error = failure(EcsCredentialsProvider::builder().configure(&answered(429, "", "")).build());
        assert_eq!(container_status(&error), Some(429), "{error}");
    }

    #[test]
    fn the_metadata_client_calls_a_refused_token_forbidden() {
        if ran_in_child("the_metadata_client_calls_a_refused_token_forbidden", &[]) {
            return;
        }
        let client = imds::Client::builder().configure(&answered(403, "", "")).build();
        let error = block_on(async { texts(&client.get("/").await.unwrap_err()) });
        assert!(is_metadata_forbidden(&error), "{error}");
    }
}
