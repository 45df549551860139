//! `Endpoint`: the URL of a service, of which scheme, host and path are known to be there, and how a URL that may hold a
//! password is told of.

use std::str::FromStr;

use http::Uri;
use thiserror::Error;

/// An `http` or `https` URL with a host, without user, query and fragment, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub text: String,
    pub path: String,
}

/// Names a text that is not such a URL, without what stands before an `@`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum EndpointError {
    #[error("{0:?} is not a URL of a service, write http:// or https:// and a host, such as http://localhost:9000")]
    NotAUrl(String),
    #[error("{0:?} holds a user or a password, which no request would use, leave out what stands before the @")]
    WithUser(String),
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let text = text.trim();
        if has_user(text) {
            return Err(EndpointError::WithUser(without_secrets(text)));
        }
        parse(text).ok_or_else(|| EndpointError::NotAUrl(without_secrets(text)))
    }
}

/// Returns whether a URL, also one behind another scheme, has a user or a password before its host.
pub(super) fn has_user(url: &str) -> bool {
    let authority = url.rsplit_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    authority.is_some_and(|authority| authority.contains('@'))
}

/// Returns a text for an error: what may be a user and a password, which can hold a slash too, is left out, and so are the
/// parameters of a URL, which may be a signature.
pub(super) fn without_secrets(text: &str) -> String {
    // What no scheme can be may be the first half of a password.
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    match text.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(is_scheme) => format!("{scheme}://{}", concealed(rest)),
        _ => concealed(text),
    }
}

/// Returns a line for an error, in which texts are quoted, without such secrets of the URLs in it.
pub(super) fn line_without_secrets(line: &str) -> String {
    let mut shown = String::new();
    let mut rest = line;
    while let Some((before, url)) = rest.split_once("://") {
        let mut ends = url.match_indices('"').map(|(at, _)| url.split_at(at));
        let (quoted, behind) = ends.find(|(quoted, _)| !quoted.ends_with('\\')).unwrap_or((url, ""));
        shown.extend([before, "://", &concealed(quoted)]);
        rest = behind;
    }
    shown + rest
}

fn concealed(text: &str) -> String {
    let (dots, shown) = text.rsplit_once('@').map_or(("", text), |(_, shown)| ("...@", shown));
    match shown.split_once('?') {
        Some((path, parameters)) if parameters.contains('=') => format!("{dots}{path}?..."),
        _ => format!("{dots}{shown}"),
    }
}

fn parse(text: &str) -> Option<Endpoint> {
    let uri: Uri = text.parse().ok()?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let authority = uri.authority()?;
    let (host, port) = (authority.host(), authority.port_u16());
    // Nothing else than a host and a port that is a number in range: no stray colon.
    let plain = match port {
        Some(port) => authority.as_str() == format!("{host}:{port}"),
        None => authority.as_str() == host,
    };
    let bare = uri.query().is_none() && !text.contains('#');
    (is_http && plain && bare && !host.is_empty())
        .then(|| Endpoint { text: text.to_owned(), path: uri.path().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_ports_and_paths_are_read() {
        for (text, path) in [
            ("http://localhost:9000", "/"),
            ("HTTPS://S3.Example.com/base", "/base"),
            ("https://[::1]:8443/", "/"),
            (" http://127.0.0.1 ", "/"),
            ("http://localhost/a@b", "/a@b"),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!((endpoint.text.as_str(), endpoint.path.as_str()), (text.trim(), path));
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
            "http://host:",
            "http://host:x",
            "http://host:99999",
            "http://host#a",
            "http://ho st",
            "http://host/a\nb",
        ] {
            let error = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{text:?} is not a URL of a service, write http://")), "{error}");
        }
    }

    #[test]
    fn what_may_be_a_signature_is_refused_and_not_shown() {
        for (text, shown) in [
            ("http://host?a=b", "http://host?..."),
            ("https://host/a?X-Amz-Signature=s3cret#x", "https://host/a?..."),
            ("https://user:s3cret@host/a?b=s3cret", "https://...@host/a?..."),
            ("https://host/a?b=s3cret@c", "https://...@c"),
        ] {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("{shown:?} ")), "{error}");
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
        assert_eq!(without_secrets("/logs/what?"), "/logs/what?");
    }

    #[test]
    fn what_may_be_a_password_is_refused_and_not_shown() {
        for (text, shown) in [
            ("http://user:s3cret@host:9000/base", "http://...@host:9000/base"),
            ("https://s3cret@host", "https://...@host"),
            ("http://user:s3cret@", "http://...@"),
            ("ftp://user:s3cret@host", "ftp://...@host"),
        ] {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("{shown:?} holds a user or a password, ")), "{error}");
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
        for (text, shown) in [
            ("user:s3cret@host", "...@host"),
            ("http://user:s3/cret@host", "http://...@host"),
            ("http://user:s3://cret@host", "http://...@host"),
            ("http://user:s@3/cret@host", "http://...@host"),
            ("user:s3://cret@host", "...@host"),
        ] {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("{shown:?} ")), "{error}");
        }
    }

    #[test]
    fn no_url_in_a_line_shows_a_password() {
        for (line, shown) in [
            ("found the text \"http://user:s3cret@host/a\", then", "found the text \"http://...@host/a\", then"),
            ("unknown key aws.ftp://s3://cret@host, did you", "unknown key aws.ftp://...@host, did you"),
            (r#""http://a\"b:s3@cret@host" and "s3://c" of "d@e""#, r#""http://...@host" and "s3://c" of "d@e""#),
            ("\"https://host/a?key=s3cret\", found", "\"https://host/a?...\", found"),
            ("no URL, user@host", "no URL, user@host"),
        ] {
            assert_eq!(line_without_secrets(line), shown);
        }
    }
}
