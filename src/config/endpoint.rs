//! `Endpoint`: the URL of a service, of which scheme, host and path are known to be there.

use std::str::FromStr;

use http::Uri;
use thiserror::Error;

/// An `http` or `https` URL with a host, without user, query and fragment, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub text: String,
    pub host: String,
    pub path: String,
}

/// Names a text that is not such a URL.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is not a URL of a service, write http:// or https:// and a host, such as http://localhost:9000")]
pub(super) struct EndpointError(String);

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let text = text.trim();
        parse(text).ok_or_else(|| EndpointError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Endpoint> {
    let uri: Uri = text.parse().ok()?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let authority = uri.authority()?;
    let (host, port) = (authority.host(), authority.port_u16());
    // Nothing else than a host and a port that is a number in range: no user, no stray colon.
    let plain = match port {
        Some(port) => authority.as_str() == format!("{host}:{port}"),
        None => authority.as_str() == host,
    };
    let bare = uri.query().is_none() && !text.contains('#');
    (is_http && plain && bare && !host.is_empty()).then(|| Endpoint {
        text: text.to_owned(),
        host: host.to_ascii_lowercase(),
        path: uri.path().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_ports_and_paths_are_read() {
        for (text, host, path) in [
            ("http://localhost:9000", "localhost", "/"),
            ("HTTPS://S3.Example.com/base", "s3.example.com", "/base"),
            ("https://[::1]:8443/", "[::1]", "/"),
            (" http://127.0.0.1 ", "127.0.0.1", "/"),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!((endpoint.host.as_str(), endpoint.path.as_str()), (host, path));
            assert_eq!(endpoint.text, text.trim());
        }
    }

    #[test]
    fn other_texts_are_named() {
        for text in [
            "localhost",
            "localhost:9000",
            "ftp://localhost",
            "http://",
            "http:///path",
            "http://user:word@host",
            "http://host:",
            "http://host:x",
            "http://host:99999",
            "http://host?a=b",
            "http://host#a",
            "http://ho st",
            "http://host/a\nb",
        ] {
            let error = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{text:?} is not a URL of a service, write http://")), "{error}");
        }
    }
}
