//! Texts of other crates and of the C library that the program matches on, because the library offers no type or
//! code.
//!
//! The tests below and tests/it (`aws/identity`, `aws/connection`, `cli/hints`) make the real library produce each text, so that an update
//! which changes it fails there.

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

/// Returns the text of one layer of a library's error in plain words: empty if its source says it all, unchanged if there are no better words.
pub fn reworded(message: &str) -> &str {
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
    use std::ffi::CStr;
    use std::net::ToSocketAddrs;

    use nix::libc;

    use super::*;

    #[test]
    fn an_error_of_jsonpath_rust_has_its_column() {
        let error = jsonpath_rust::parser::parse_json_path("$.a[").unwrap_err();
        assert_eq!(json_path_column(&error.to_string()), Some(5), "{error}");
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
}
