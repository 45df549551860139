//! `AwsError`: what a request failed at, in one line that is safe to log.
//!
//! Texts of services are a stranger's: they are cut, freed of control characters, and never shown where they could
//! quote credentials. What follows from an error (retry, skip, give up) is its caller's business.

use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

/// Characters of a service's text that are kept.
const DETAIL: usize = 400;
/// Characters of a target that are kept: a key of S3 has up to 1,024 bytes.
const TARGET: usize = 1200;

/// What kind of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The bucket or the queue does not exist.
    NotFound,
    /// The object does not exist (any more), its bucket does.
    Gone,
    /// The object is not the one that was begun, or cannot be continued: start over.
    Changed,
    /// The credentials are good but may not do this.
    Denied,
    /// There are no credentials, or they are invalid or expired. They may come (back).
    Credentials,
    /// Too many requests for the service.
    Throttled,
    /// A broken connection, a timeout, an error of the service.
    Transient,
    /// The object lies in an archive and must be restored before it can be read.
    Archived,
    /// The bucket is in another region, which could not be followed.
    WrongRegion,
    /// The service refuses the request, or the settings make none possible.
    Invalid,
}

impl Kind {
    /// Finds the kind of a service's answer by its error code, else by its HTTP status.
    fn of_answer(code: Option<&str>, status: u16) -> Self {
        let code = code.unwrap_or_default();
        // SQS puts a namespace before its codes, S3 one before those of KMS.
        match code.rsplit('.').next().unwrap_or_default() {
            "NoSuchBucket" | "NonExistentQueue" | "QueueDoesNotExist" | "QueueDeletedRecently" => Self::NotFound,
            "NoSuchKey" => Self::Gone,
            "PreconditionFailed" => Self::Changed,
            "AccessDenied"
            | "AccessDeniedException"
            | "AllAccessDisabled"
            | "KmsAccessDenied"
            | "AccountProblem"
            | "OptInRequired"
            | "NotSignedUp" => Self::Denied,
            "ExpiredToken"
            | "ExpiredTokenException"
            | "InvalidToken"
            | "TokenRefreshRequired"
            | "InvalidAccessKeyId"
            | "InvalidClientTokenId"
            | "UnrecognizedClientException"
            | "SignatureDoesNotMatch"
            | "InvalidSignatureException"
            | "IncompleteSignature"
            | "RequestExpired"
            | "RequestTimeTooSkewed"
            | "AuthFailure"
            | "InvalidSecurity"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException" => Self::Credentials,
            "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "SlowDown"
            | "BandwidthLimitExceeded"
            | "KmsThrottled"
            | "OverLimit" => Self::Throttled,
            "RequestTimeout"
            | "RequestTimeoutException"
            | "InternalError"
            | "InternalFailure"
            | "ServiceUnavailable"
            | "ServiceUnavailableException" => Self::Transient,
            "InvalidObjectState" => Self::Archived,
            "PermanentRedirect" | "TemporaryRedirect" | "AuthorizationHeaderMalformed" => Self::WrongRegion,
            _ => match status {
                301 | 307 => Self::WrongRegion,
                401 | 403 => Self::Denied,
                404 => Self::NotFound,
                408 => Self::Transient,
                412 | 416 => Self::Changed,
                429 => Self::Throttled,
                500.. => Self::Transient,
                // A success that could not be read is a broken answer.
                200..=299 => Self::Transient,
                _ => Self::Invalid,
            },
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::NotFound => "not found",
            Self::Gone => "no such object",
            Self::Changed => "the object has changed",
            Self::Denied => "access denied",
            Self::Credentials => "no valid credentials",
            Self::Throttled => "throttled",
            Self::Transient => "temporary failure",
            Self::Archived => "archived",
            Self::WrongRegion => "in another region",
            Self::Invalid => "refused",
        }
    }
}

/// A request that failed, for good: the SDK's own retries are behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsError {
    kind: Kind,
    action: &'static str,
    target: String,
    detail: String,
}

impl AwsError {
    /// Makes an error of what was found without the SDK. `detail` may be a stranger's text.
    pub(super) fn new(kind: Kind, action: &'static str, target: &str, detail: &str) -> Self {
        Self { kind, action, target: printable(target, TARGET), detail: printable(detail, DETAIL) }
    }

    /// Makes an error of settings that allow no request at all.
    pub(super) fn setup(detail: &str) -> Self {
        Self::new(Kind::Invalid, "", "", detail)
    }

    /// Makes an error of an error code and a message.
    pub(super) fn answer(
        action: &'static str,
        target: &str,
        code: Option<&str>,
        message: Option<&str>,
        status: u16,
    ) -> Self {
        let kind = Kind::of_answer(code, status);
        let detail = match (code, message) {
            // Messages about signatures and tokens may quote them.
            (Some(code), _) if kind == Kind::Credentials => code.to_owned(),
            (Some(code), Some(message)) => format!("{code}: {}", harmless(message)),
            (Some(code), None) => code.to_owned(),
            (None, _) => format!("HTTP status {status}"),
        };
        Self::new(kind, action, target, &detail)
    }

    /// Makes an error of the SDK's.
    pub(super) fn from_sdk<E>(action: &'static str, target: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        match error {
            SdkError::ServiceError(answer) => {
                let (code, message) = (answer.err().code(), answer.err().message());
                Self::answer(action, target, code, message, answer.raw().status().as_u16())
            }
            other => Self::unanswered(action, target, other),
        }
    }

    /// Makes an error of what failed before there was an answer, or while one was read.
    pub(super) fn unanswered(action: &'static str, target: &str, error: &(dyn Error + 'static)) -> Self {
        let mut chain = vec![error];
        while let Some(source) = chain[chain.len() - 1].source() {
            chain.push(source);
        }
        let credentials = chain.iter().position(|error| error.is::<CredentialsError>());
        if let Some(at) = credentials {
            let none = matches!(chain[at].downcast_ref(), Some(CredentialsError::CredentialsNotLoaded(_)));
            let detail = if none {
                "none found in environment, profile, web identity, container or instance".to_owned()
            } else {
                harmless(&told(&chain[at..])).to_owned()
            };
            return Self::new(Kind::Credentials, action, target, &detail);
        }
        let mut detail = told(&chain);
        if detail.contains("UnknownIssuer") {
            detail += ": the certificate authorities of this system do not know the server, see SSL_CERT_FILE";
        }
        Self::new(Kind::Transient, action, target, harmless(&detail))
    }

    /// Returns what kind of trouble it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the IAM action that failed, such as `s3:GetObject`; empty for an error of the settings.
    pub fn action(&self) -> &'static str {
        self.action
    }

    /// Returns what it failed on: a bucket, an object, a queue.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Returns whether the same request may succeed later without anyone changing what it asks for.
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, Kind::Throttled | Kind::Transient | Kind::Credentials)
    }

    /// Returns the permission that is missing. Reading an object also takes the key that it is encrypted with.
    fn missing_permission(&self) -> &'static str {
        if self.detail.contains("kms:Decrypt") || self.detail.starts_with("KMS.") { "kms:Decrypt" } else { self.action }
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.action.is_empty() {
            return f.write_str(&self.detail);
        }
        write!(f, "{} on {}: {} ({})", self.action, self.target, self.kind.text(), self.detail)?;
        match self.kind {
            Kind::Denied => write!(f, ", allow {} for these credentials", self.missing_permission()),
            Kind::Archived => f.write_str(", restore it first"),
            _ => Ok(()),
        }
    }
}

impl Error for AwsError {}

/// Tells a chain of errors in one text, without those that only repeat what follows.
fn told(chain: &[&(dyn Error + 'static)]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for text in chain.iter().map(ToString::to_string) {
        if parts.last().is_none_or(|last| !last.contains(&text)) {
            parts.push(text);
        }
    }
    parts.join(": ")
}

/// Cuts a text where it begins to quote a signed request, an access key, or what a credential process printed.
fn harmless(text: &str) -> &str {
    let lower = text.to_ascii_lowercase();
    let marks = ["x-amz-", "credential=", "signature=", "aws4-hmac", "canonical string", "stderr:"];
    let mark = marks.iter().filter_map(|mark| lower.find(mark)).min();
    let key = ["AKIA", "ASIA"].iter().filter_map(|prefix| {
        let key = |&(at, _): &(usize, &str)| {
            text.as_bytes()[at..].iter().take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()).count()
                >= 16
        };
        text.match_indices(prefix).find(key).map(|(at, _)| at)
    });
    let end = mark.into_iter().chain(key).min().unwrap_or(text.len());
    text[..end].trim_end()
}

/// Returns a text with at most `max` characters, none of which moves the cursor or the direction of a terminal.
fn printable(text: &str, max: usize) -> String {
    let unsafe_to_print = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let mut printable: String =
        text.chars().take(max).map(|c| if unsafe_to_print(c) { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(max).is_some() {
        printable.push('…');
    }
    printable
}
