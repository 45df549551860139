//! `OpenParams`: what the plugin is asked to read, as `open_params` writes it.
//!
//! Text in, a kind of source out. Whether the thing exists is left to the source that opens it.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};
use thiserror::Error;

/// Bytes that [`OpenParams`] escapes when it shows a path as a URL.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'"').add(b'<').add(b'>').add(b'#').add(b'?');

/// A parsed `open_params`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenParams {
    /// One log file, or a folder of them, on this machine. A relative path starts at Falco's working directory.
    Files(PathBuf),
}

/// Tells why an `open_params` cannot be used, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OpenParamsError {
    /// Nothing was given.
    #[error("open_params is empty, set it to a CloudTrail log file or a folder of them, such as /var/log/cloudtrail")]
    Empty,
    /// The scheme is known, but its source is not built yet.
    #[error(
        "open_params {0:?}: the {1} source is not part of this version yet, \
         give a path or a file:// URL of logs on this machine"
    )]
    NotYet(String, &'static str),
    /// The scheme is unknown.
    #[error("open_params {0:?} has a scheme that is not known, give a path or a file:// URL of logs on this machine")]
    UnknownScheme(String),
    /// A `file://` URL names another machine, or has no absolute path.
    #[error(
        "open_params {0:?} names no path on this machine, write file:// and an absolute path: file:///var/log/cloudtrail"
    )]
    NotLocal(String),
}

impl FromStr for OpenParams {
    type Err = OpenParamsError;

    fn from_str(text: &str) -> Result<Self, OpenParamsError> {
        let text = text.trim();
        // Falco gives the text `null` for a key without a value.
        if text.is_empty() || text == "null" {
            return Err(OpenParamsError::Empty);
        }
        let Some((scheme, rest)) = split_scheme(text) else {
            return Ok(Self::Files(PathBuf::from(text)));
        };

        match scheme.to_ascii_lowercase().as_str() {
            "file" => file_url(text, rest),
            "s3" => Err(OpenParamsError::NotYet(text.to_owned(), "S3")),
            "sqs" => Err(OpenParamsError::NotYet(text.to_owned(), "SQS")),
            "lookup" => Err(OpenParamsError::NotYet(text.to_owned(), "event history")),
            _ => Err(OpenParamsError::UnknownScheme(text.to_owned())),
        }
    }
}

/// Splits `scheme://rest`. A `://` further inside belongs to a path: no scheme holds a slash, so `./s3://x` is a path.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let starts_with_letter = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
    let legal = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    (starts_with_letter && legal).then_some((scheme, rest))
}

fn file_url(text: &str, rest: &str) -> Result<OpenParams, OpenParamsError> {
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let local = host.is_empty() || host.eq_ignore_ascii_case("localhost");
    if !local || path.is_empty() {
        return Err(OpenParamsError::NotLocal(text.to_owned()));
    }
    let bytes: Vec<u8> = percent_decode_str(path).collect();
    Ok(OpenParams::Files(PathBuf::from(OsStr::from_bytes(&bytes))))
}

impl fmt::Display for OpenParams {
    /// Writes the plain path where it reads back as itself, else a `file://` URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Files(path) = self;
        match path.to_str() {
            Some(text) if text.parse().as_ref() == Ok(self) => f.write_str(text),
            _ => write!(f, "file://{}", percent_encode(path.as_os_str().as_bytes(), ESCAPED)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of(text: &str) -> PathBuf {
        let OpenParams::Files(path) = text.parse().unwrap();
        path
    }

    fn error_of(text: &str) -> String {
        text.parse::<OpenParams>().unwrap_err().to_string()
    }

    #[test]
    fn plain_paths_stay_as_they_are() {
        for text in [
            "/var/log/cloudtrail",
            "logs/today.json.gz",
            "./s3://bucket",
            "/a/http://b",
            "C:\\logs",
            "a b%20c",
            "s3:bucket",
            "日志",
        ] {
            assert_eq!(path_of(text), PathBuf::from(text));
        }
        assert_eq!(path_of(" \t/var/log/cloudtrail\n"), PathBuf::from("/var/log/cloudtrail"));
    }

    #[test]
    fn file_urls_are_decoded() {
        assert_eq!(path_of("file:///var/log/a%20b%25"), PathBuf::from("/var/log/a b%"));
        assert_eq!(path_of("FILE://LocalHost/var/log"), PathBuf::from("/var/log"));
        assert_eq!(path_of("file:///"), PathBuf::from("/"));
        assert_eq!(path_of("file:///a%ff").as_os_str().as_bytes(), b"/a\xff");
    }

    #[test]
    fn file_urls_of_other_hosts_and_relative_ones_are_errors() {
        for text in ["file://fileserver/var/log", "file://logs", "file://", "file://localhost"] {
            let error = error_of(text);
            assert!(error.contains(&format!("{text:?} names no path on this machine")), "{error}");
        }
    }

    #[test]
    fn sources_of_later_versions_say_so_in_any_letter_case() {
        for (text, source) in
            [("s3://bucket/prefix", "S3"), ("SQS://queue", "SQS"), ("Lookup://eu-west-1", "event history")]
        {
            let error = error_of(text);
            assert!(error.contains(&format!("the {source} source is not part of this version")), "{error}");
            assert!(error.contains(text) && error.contains("file://"), "{error}");
        }
    }

    #[test]
    fn an_unknown_scheme_is_an_error_that_says_what_works() {
        let error = error_of("https://example.com/logs");
        assert!(error.contains("\"https://example.com/logs\""), "{error}");
        assert!(error.contains("file://"), "{error}");
    }

    #[test]
    fn nothing_is_an_error_that_says_what_to_set() {
        for text in ["", " \t\n", "null"] {
            assert!(error_of(text).starts_with("open_params is empty, set it to"));
        }
    }

    #[test]
    fn display_reads_back_as_the_same() {
        let odd = [
            "/var/log",
            "logs/today",
            "./s3://bucket",
            "file:///a%20b",
            "file:///%20a%20",
            "file:///a%ff%0A%25?x#y",
            "file:///é",
        ];
        for text in odd {
            let params: OpenParams = text.parse().unwrap();
            assert_eq!(params.to_string().parse(), Ok(params.clone()), "{text:?} as {params}");
        }
        assert_eq!("/var/log".parse::<OpenParams>().unwrap().to_string(), "/var/log");
        assert_eq!("file:///a%20".parse::<OpenParams>().unwrap().to_string(), "file:///a%20");
    }
}
