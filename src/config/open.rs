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

use super::bucket::{BucketName, S3Location};
use super::endpoint::{has_user, without_secrets};
use super::queue::QueueName;
use super::regions::{Regions, RegionsError};

/// Bytes that [`OpenParams`] escapes when it shows a path as a URL.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'"').add(b'<').add(b'>').add(b'#').add(b'?');

/// A parsed `open_params`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenParams {
    /// One log file, or a folder of them, on this machine. A relative path starts at Falco's working directory.
    Files(PathBuf),
    /// The logs in a bucket.
    S3(S3Location),
    /// The logs and events that the messages of a queue name.
    Sqs(QueueName),
    /// The event history that accounts keep in these regions.
    Lookup(Regions),
}

/// Tells why an `open_params` cannot be used, and what to write instead. It is quoted without what stands before an `@`
/// and without the parameters of a URL.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OpenParamsError {
    /// Nothing was given.
    #[error(
        "open_params is empty, set it to a CloudTrail log file or a folder of them, such as /var/log/cloudtrail, \
         to s3://BUCKET/PREFIX, to sqs://QUEUE, or to lookup:// for the event history of the account"
    )]
    Empty,
    /// The scheme is unknown.
    #[error(
        "open_params {0:?} has a scheme that is not known, give a path or a file:// URL of logs on this machine, \
         s3://BUCKET/PREFIX, sqs://QUEUE or lookup://REGION"
    )]
    UnknownScheme(String),
    /// A URL has a user or a password before its host.
    #[error(
        "open_params {0:?} holds a user or a password, which is not supported, leave out what stands before the @ and \
         see the keys under aws for credentials"
    )]
    WithUser(String),
    /// A `file://` URL names another machine, or has no absolute path.
    #[error(
        "open_params {0:?} names no path on this machine, write file:// and an absolute path: file:///var/log/cloudtrail"
    )]
    NotLocal(String),
    /// An `s3://` URL names no bucket.
    #[error(
        "open_params {0:?} names no bucket, whose name has 3 to 63 letters, digits, dashes, underscores or single dots, \
         write s3://BUCKET or s3://BUCKET/PREFIX"
    )]
    NotABucket(String),
    /// A text that should be a queue's names none.
    #[error(
        "open_params {0:?} names no queue, write sqs:// and the queue's name, its URL \
         (sqs://https://sqs.REGION.amazonaws.com/ACCOUNT/NAME) or its ARN (sqs://arn:aws:sqs:REGION:ACCOUNT:NAME)"
    )]
    NotAQueue(String),
    /// A `lookup://` URL names something else than regions.
    #[error("open_params {0:?}: {1}")]
    NotRegions(String, RegionsError),
}

impl FromStr for OpenParams {
    type Err = OpenParamsError;

    fn from_str(text: &str) -> Result<Self, OpenParamsError> {
        let text = text.trim();
        // Falco gives the text `null` for a key without a value.
        if text.is_empty() || text == "null" {
            return Err(OpenParamsError::Empty);
        }
        if text.starts_with("arn:") {
            return queue(text, text);
        }
        let Some((scheme, rest)) = split_scheme(text) else {
            return Ok(Self::Files(PathBuf::from(text)));
        };

        match scheme.to_ascii_lowercase().as_str() {
            "file" => file_url(text, rest),
            "s3" => s3_url(text, rest),
            _ if has_user(text) => Err(OpenParamsError::WithUser(without_secrets(text))),
            "sqs" => queue(text, rest),
            "http" | "https" => queue(text, text).map_err(|_| OpenParamsError::UnknownScheme(without_secrets(text))),
            "lookup" => lookup_url(text, rest),
            _ => Err(OpenParamsError::UnknownScheme(without_secrets(text))),
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
        return Err(OpenParamsError::NotLocal(without_secrets(text)));
    }
    let bytes: Vec<u8> = percent_decode_str(path).collect();
    Ok(OpenParams::Files(PathBuf::from(OsStr::from_bytes(&bytes))))
}

fn s3_url(text: &str, rest: &str) -> Result<OpenParams, OpenParamsError> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let BucketName(bucket) = bucket.parse().map_err(|_| OpenParamsError::NotABucket(without_secrets(text)))?;
    Ok(OpenParams::S3(S3Location { bucket, prefix: prefix.to_owned() }))
}

fn queue(text: &str, name: &str) -> Result<OpenParams, OpenParamsError> {
    name.parse().map(OpenParams::Sqs).map_err(|()| OpenParamsError::NotAQueue(without_secrets(text)))
}

fn lookup_url(text: &str, regions: &str) -> Result<OpenParams, OpenParamsError> {
    regions.parse().map(OpenParams::Lookup).map_err(|error| OpenParamsError::NotRegions(without_secrets(text), error))
}

impl fmt::Display for OpenParams {
    /// Writes the plain path where it reads back as itself, else a `file://` URL; the other sources have their schemes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = match self {
            Self::Files(path) => path,
            Self::S3(location) => return location.fmt(f),
            Self::Sqs(queue) => return write!(f, "sqs://{queue}"),
            Self::Lookup(regions) => return write!(f, "lookup://{regions}"),
        };
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
        match text.parse() {
            Ok(OpenParams::Files(path)) => path,
            other => panic!("{other:?}"),
        }
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
    fn buckets_keep_their_prefix_as_it_is_written() {
        for (text, bucket, prefix) in [
            ("s3://trail", "trail", ""),
            ("S3://Trail_1/", "Trail_1", ""),
            ("s3://trail/AWSLogs/012345678901/", "trail", "AWSLogs/012345678901/"),
            ("s3://trail//a%20b +c/é", "trail", "/a%20b +c/é"),
        ] {
            let location = S3Location { bucket: bucket.to_owned(), prefix: prefix.to_owned() };
            assert_eq!(text.parse(), Ok(OpenParams::S3(location)));
        }
        for text in ["s3://", "s3:///prefix", "s3://ab", "s3://a b c/x", "s3://arn:aws:s3:::trail", "s3://trail?x"] {
            let error = error_of(text);
            assert!(error.starts_with(&format!("open_params {text:?} names no bucket, ")), "{error}");
            assert!(error.ends_with("write s3://BUCKET or s3://BUCKET/PREFIX"), "{error}");
        }
    }

    #[test]
    fn queues_are_named_with_and_without_the_scheme() {
        for (text, name) in [
            ("sqs://trail", "trail"),
            ("SQS://trail.fifo", "trail.fifo"),
            (
                "sqs://https://sqs.eu-west-1.amazonaws.com/012345678901/q",
                "https://sqs.eu-west-1.amazonaws.com/012345678901/q",
            ),
            (
                "https://sqs.eu-west-1.amazonaws.com/012345678901/q",
                "https://sqs.eu-west-1.amazonaws.com/012345678901/q",
            ),
            ("sqs://http://localhost:9324/012345678901/q", "http://localhost:9324/012345678901/q"),
            ("sqs://arn:aws:sqs:eu-west-1:012345678901:q", "arn:aws:sqs:eu-west-1:012345678901:q"),
            ("arn:aws:sqs:eu-west-1:012345678901:q", "arn:aws:sqs:eu-west-1:012345678901:q"),
        ] {
            assert_eq!(text.parse(), Ok(OpenParams::Sqs(name.parse().unwrap())), "{text}");
        }
        for text in ["sqs://", "sqs://a/b", "sqs://https://example.com", "arn:aws:s3:::trail", "arn:x"] {
            let error = error_of(text);
            assert!(error.starts_with(&format!("open_params {text:?} names no queue, write sqs://")), "{error}");
        }
    }

    #[test]
    fn regions_are_named_in_any_letter_case() {
        let named = |names: &[&str]| Regions::Named(names.iter().copied().map(str::to_owned).collect());
        for (text, regions) in [
            ("lookup://", Regions::Configured),
            ("Lookup:///", Regions::Configured),
            ("LOOKUP://All", Regions::All),
            ("lookup://eu-west-1", named(&["eu-west-1"])),
            ("lookup://US-east-1, eu-west-1,", named(&["us-east-1", "eu-west-1"])),
        ] {
            assert_eq!(text.parse(), Ok(OpenParams::Lookup(regions)), "{text}");
        }
        for (text, problem) in [
            ("lookup://eu-west-1,Europe", "\"europe\" is not the name of a region, write lookup:// alone, "),
            ("lookup://eu-west-1/trail", "\"eu-west-1/trail\" is not the name of a region, "),
            ("lookup://all,eu-west-1", "all stands for every region, "),
        ] {
            let error = error_of(text);
            assert!(error.starts_with(&format!("open_params {text:?}: {problem}")), "{error}");
        }
    }

    #[test]
    fn an_unknown_scheme_is_an_error_that_says_what_works() {
        for text in ["https://example.com/logs", "ftp://example.com/logs"] {
            let error = error_of(text);
            assert!(error.starts_with(&format!("open_params {text:?} has a scheme that is not known")), "{error}");
            for scheme in ["file://", "s3://", "sqs://", "lookup://"] {
                assert!(error.contains(scheme), "{scheme} is not in {error}");
            }
        }
    }

    #[test]
    fn what_may_be_a_password_is_never_shown() {
        for (text, shown) in [
            ("http://user:s3cret@host/012345678901/trail", "\"http://...@host/012345678901/trail\" holds a user"),
            ("https://s3cret@host/logs", "\"https://...@host/logs\" holds a user"),
            ("sqs://https://user:s3cret@host/012345678901/q", "\"sqs://...@host/012345678901/q\" holds a user"),
            ("sqs://user:s3cret@queue", "\"sqs://...@queue\" holds a user"),
            ("ftp://user:s3cret@host/logs", "\"ftp://...@host/logs\" holds a user"),
            ("ftp://user:s3/cret@host", "\"ftp://...@host\" has a scheme that is not known"),
            ("lookup://user:s3cret@eu-west-1", "\"lookup://...@eu-west-1\" holds a user"),
            ("lookup://user:s3/cret@host", "\"lookup://...@host\": \"...@host\" is not the name of a region"),
            ("lookup://s3cret://s3/cret,x@host", "\"lookup://...@host\": \"...@host\" is not the name of a region"),
            ("file://user:s3cret@host/logs", "\"file://...@host/logs\" names no path"),
            ("s3://AKIA:s3cret/x@trail/AWSLogs", "\"s3://...@trail/AWSLogs\" names no bucket"),
            ("arn:aws:sqs:s3cret@q", "\"...@q\" names no queue"),
        ] {
            let error = text.parse::<OpenParams>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("open_params {shown}")), "{error}");
            assert!(!format!("{error:?}").contains("cret"), "{error:?}");
        }
        assert_eq!(path_of("file:///logs/a@b"), PathBuf::from("/logs/a@b"));
        assert!(matches!("s3://trail/a@b".parse(), Ok(OpenParams::S3(_))));
    }

    #[test]
    fn nothing_is_an_error_that_says_what_to_set() {
        for text in ["", " \t\n", "null"] {
            let error = error_of(text);
            assert!(error.starts_with("open_params is empty, set it to") && error.contains("lookup://"), "{error}");
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
            "S3://trail",
            "s3://trail/a/b c",
            "s3://trail//a",
            "sqs://trail.fifo",
            "https://sqs.eu-west-1.amazonaws.com/012345678901/trail",
            "arn:aws:sqs:eu-west-1:012345678901:trail",
            "lookup://",
            "LOOKUP://ALL",
            "lookup://US-East-1,eu-west-1/",
        ];
        for text in odd {
            let params: OpenParams = text.parse().unwrap();
            assert_eq!(params.to_string().parse(), Ok(params.clone()), "{text:?} as {params}");
        }
        assert_eq!("/var/log".parse::<OpenParams>().unwrap().to_string(), "/var/log");
        assert_eq!("file:///a%20".parse::<OpenParams>().unwrap().to_string(), "file:///a%20");
    }
}
