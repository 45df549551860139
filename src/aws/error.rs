//! `AwsError`: what a request failed at, in one line that is safe to log.
//!
//! Texts of services are a stranger's: they are cut, freed of control characters, and never shown where they could
//! quote credentials. What follows from an error (retry, skip, give up) is its caller's business.

use std::error::Error;
use std::fmt;
use std::iter;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::printable::{NAME, printable};

/// The action that a role's owner must allow as well.
pub(super) const ASSUME_ROLE: &str = "sts:AssumeRole";
/// Characters of a service's text that are kept.
const DETAIL: usize = 400;

/// What kind of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The bucket or the queue does not exist.
    NotFound,
    /// The object does not exist (any more), its bucket does.
    Gone,
    /// The object or the list is not the one that was begun, or cannot be continued: start over.
    Changed,
    /// The credentials are good but may not do this.
    Denied,
    /// The account does not have the region or the service.
    NotEnabled,
    /// There are no credentials, or they are invalid or expired. They may come (back).
    Credentials,
    /// The service does not know the credentials. So it says of good ones too, in a region that is not enabled for
    /// their account.
    Unrecognized,
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
            "PreconditionFailed" | "InvalidNextToken" | "InvalidNextTokenException" => Self::Changed,
            "AccessDenied" | "AccessDeniedException" | "AllAccessDisabled" | "KmsAccessDenied" | "AccountProblem" => {
                Self::Denied
            }
            "OptInRequired" | "NotSignedUp" | "SubscriptionRequiredException" | "RegionDisabledException" => {
                Self::NotEnabled
            }
            "InvalidClientTokenId" | "UnrecognizedClientException" => Self::Unrecognized,
            "ExpiredToken"
            | "ExpiredTokenException"
            | "InvalidToken"
            | "TokenRefreshRequired"
            | "InvalidAccessKeyId"
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

    fn is_credentials(self) -> bool {
        matches!(self, Self::Credentials | Self::Unrecognized)
    }

    fn text(self) -> &'static str {
        match self {
            Self::NotFound => "not found",
            Self::Gone => "no such object",
            Self::Changed => "changed meanwhile",
            Self::Denied => "access denied",
            Self::NotEnabled => "not enabled for the account",
            Self::Credentials => "no valid credentials",
            Self::Unrecognized => "credentials not recognised",
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
    /// The IAM action, such as `s3:GetObject`; empty for an error of the settings.
    action: &'static str,
    target: String,
    detail: String,
}

impl AwsError {
    /// Makes an error of what was found without the SDK. `detail` may be a stranger's text.
    pub(crate) fn new(kind: Kind, action: &'static str, target: &str, detail: &str) -> Self {
        Self { kind, action, target: printable(target, NAME), detail: printable(detail, DETAIL) }
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
        let code = code.map(harmless);
        let detail = match (code, message) {
            // Messages about signatures and tokens may quote them.
            (Some(code), _) if kind.is_credentials() => code.to_owned(),
            (Some(code), Some(message)) if message.contains("'externalId'") => {
                format!("{code}: the external id is not valid")
            }
            (Some(code), Some(message)) => format!("{code}: {}", harmless(message)),
            (Some(code), None) => code.to_owned(),
            (None, _) if (200..300).contains(&status) => "the answer cannot be read".to_owned(),
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
        let chain: Vec<&(dyn Error + 'static)> = iter::successors(Some(error), |&error| error.source()).collect();
        let credentials = chain.iter().position(|error| error.is::<CredentialsError>());
        if let Some(credentials @ [first, ..]) = credentials.and_then(|at| chain.get(at..)) {
            if let Some(refused) = credentials.iter().find_map(|error| error.downcast_ref::<Self>()) {
                let kind = match refused.kind {
                    passes @ (Kind::Throttled | Kind::Transient) => passes,
                    _ => Kind::Credentials,
                };
                // Not cut again, what to allow is said last.
                return Self { kind, action, target: printable(target, NAME), detail: refused.to_string() };
            }
            let none = matches!(first.downcast_ref(), Some(CredentialsError::CredentialsNotLoaded(_)));
            let detail = if none {
                "none found in environment, profile, web identity, container or instance".to_owned()
            } else {
                harmless(&told(credentials)).to_owned()
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

    /// Returns whether the same request may succeed later without anyone changing what it asks for.
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, Kind::Throttled | Kind::Transient) || self.is_credentials()
    }

    /// Returns whether the credentials are to blame: there are none, or the service does not take them for valid.
    pub fn is_credentials(&self) -> bool {
        self.kind.is_credentials()
    }

    /// Returns whether the credentials are good but may not do this, they alone or the whole account.
    pub fn is_denied(&self) -> bool {
        matches!(self.kind, Kind::Denied | Kind::NotEnabled)
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
            Kind::Denied => {
                write!(f, ", allow {} for these credentials", self.missing_permission())?;
                f.write_str(if self.action == ASSUME_ROLE { " and in the role's trust policy" } else { "" })
            }
            Kind::Archived => f.write_str(", restore it first"),
            Kind::NotEnabled => f.write_str(", enable it or leave it out"),
            Kind::Unrecognized => {
                f.write_str(", enable the region for the account or leave it out if they are valid elsewhere")
            }
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

/// Cuts a text where it begins to quote a signed request, an access key, what looks like a secret key or a token, an
/// external id, or what a credential process printed.
fn harmless(text: &str) -> &str {
    let lower = text.to_ascii_lowercase();
    let marks = ["x-amz-", "credential=", "signature=", "aws4-hmac", "canonical string", "stderr:"];
    let mark = marks.iter().filter_map(|mark| lower.find(mark)).min();
    let key = ["AKIA", "ASIA"].iter().filter_map(|prefix| {
        let key = |&(at, _): &(usize, &str)| {
            text.bytes().skip(at).take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()).count() >= 16
        };
        text.match_indices(prefix).find(key).map(|(at, _)| at)
    });
    let external_id = if lower.contains("'externalid'") { lower.find("value '") } else { None };
    let end = mark.into_iter().chain(key).chain(secret(text)).chain(external_id).min().unwrap_or(text.len());
    text.get(..end).unwrap_or_default().trim_end()
}

/// Finds a word that is as long as a secret key at least and as mixed as keys and tokens are: in the Base64 alphabet, with
/// letters of both cases and digits.
fn secret(text: &str) -> Option<usize> {
    const SHORTEST: usize = 40;
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let is_secret = |word: &&str| {
        let has = |is: fn(&char) -> bool| word.chars().any(|c| is(&c));
        word.len() >= SHORTEST
            && has(char::is_ascii_uppercase)
            && has(char::is_ascii_lowercase)
            && has(char::is_ascii_digit)
    };
    let word = text.split(|c| !is_part(c)).find(is_secret)?;
    text.find(word)
}

#[cfg(test)]
mod tests {
    use std::io;

    use aws_sdk_s3::operation::get_object::GetObjectError;

    use super::*;

    fn answer(code: Option<&str>, message: Option<&str>, status: u16) -> AwsError {
        AwsError::answer("s3:GetObject", "s3://b/k", code, message, status)
    }

    #[test]
    fn kinds_follow_from_code_and_status() {
        for (code, status, kind) in [
            ("NoSuchBucket", 404, Kind::NotFound),
            ("AWS.SimpleQueueService.NonExistentQueue", 400, Kind::NotFound),
            ("QueueDoesNotExist", 400, Kind::NotFound),
            ("NoSuchKey", 404, Kind::Gone),
            ("PreconditionFailed", 412, Kind::Changed),
            ("InvalidRange", 416, Kind::Changed),
            ("AccessDenied", 403, Kind::Denied),
            ("KMS.AccessDeniedException", 400, Kind::Denied),
            ("AccessDeniedException", 400, Kind::Denied),
            ("InvalidNextTokenException", 400, Kind::Changed),
            ("InvalidNextToken", 400, Kind::Changed),
            ("OptInRequired", 403, Kind::NotEnabled),
            ("NotSignedUp", 403, Kind::NotEnabled),
            ("SubscriptionRequiredException", 400, Kind::NotEnabled),
            ("RegionDisabledException", 403, Kind::NotEnabled),
            ("ExpiredToken", 400, Kind::Credentials),
            ("InvalidAccessKeyId", 403, Kind::Credentials),
            ("InvalidClientTokenId", 403, Kind::Unrecognized),
            ("UnrecognizedClientException", 400, Kind::Unrecognized),
            ("SignatureDoesNotMatch", 403, Kind::Credentials),
            ("RequestExpired", 400, Kind::Credentials),
            ("SlowDown", 503, Kind::Throttled),
            ("RequestThrottled", 403, Kind::Throttled),
            ("KMS.ThrottlingException", 400, Kind::Throttled),
            ("ThrottlingException", 400, Kind::Throttled),
            ("OverLimit", 403, Kind::Throttled),
            ("InternalError", 500, Kind::Transient),
            ("RequestTimeout", 400, Kind::Transient),
            ("InvalidObjectState", 403, Kind::Archived),
            ("PermanentRedirect", 301, Kind::WrongRegion),
            ("AuthorizationHeaderMalformed", 400, Kind::WrongRegion),
            ("KMS.DisabledException", 400, Kind::Invalid),
            ("ReceiptHandleIsInvalid", 400, Kind::Invalid),
            ("InvalidLookupAttributesException", 400, Kind::Invalid),
            ("InvalidTimeRangeException", 400, Kind::Invalid),
            ("UnsupportedOperationException", 400, Kind::Invalid),
            ("OperationNotPermittedException", 400, Kind::Invalid),
        ] {
            assert_eq!(answer(Some(code), None, status).kind(), kind, "{code}");
        }
        for (status, kind) in [
            (200, Kind::Transient),
            (301, Kind::WrongRegion),
            (400, Kind::Invalid),
            (403, Kind::Denied),
            (404, Kind::NotFound),
            (429, Kind::Throttled),
            (500, Kind::Transient),
            (504, Kind::Transient),
        ] {
            assert_eq!(answer(None, None, status).kind(), kind, "{status}");
        }
    }

    #[test]
    fn only_what_can_pass_is_transient() {
        for (code, transient) in [
            ("SlowDown", true),
            ("InternalError", true),
            ("ExpiredToken", true),
            ("UnrecognizedClientException", true),
            ("NoSuchKey", false),
            ("AccessDenied", false),
            ("OptInRequired", false),
            ("InvalidObjectState", false),
        ] {
            assert_eq!(answer(Some(code), None, 400).is_transient(), transient, "{code}");
        }
    }

    #[test]
    fn callers_can_tell_trouble_with_credentials_from_what_is_denied() {
        for (code, credentials, denied) in [
            ("ExpiredToken", true, false),
            ("UnrecognizedClientException", true, false),
            ("AccessDenied", false, true),
            ("OptInRequired", false, true),
            ("SlowDown", false, false),
        ] {
            let error = answer(Some(code), None, 400);
            assert_eq!((error.is_credentials(), error.is_denied()), (credentials, denied), "{code}");
        }
    }

    #[test]
    fn one_line_says_what_failed_and_what_to_allow() {
        assert_eq!(
            answer(Some("AccessDenied"), Some("Access Denied"), 403).to_string(),
            "s3:GetObject on s3://b/k: access denied (AccessDenied: Access Denied), allow s3:GetObject for these \
             credentials"
        );
        let broken = answer(None, None, 200).to_string();
        assert_eq!(broken, "s3:GetObject on s3://b/k: temporary failure (the answer cannot be read)");
        let key = "User: arn:aws:iam::1:user/u is not authorized to perform: kms:Decrypt";
        assert!(answer(Some("AccessDenied"), Some(key), 403).to_string().contains(", allow kms:Decrypt for"));
        assert_eq!(AwsError::setup("no AWS region").to_string(), "no AWS region");
    }

    #[test]
    fn texts_of_services_cannot_forge_lines_or_flood_them() {
        let text =
            answer(Some("X"), Some(&format!("a\nb\x1b[31m\u{202e}\u{2028}\0{}", "y".repeat(9000))), 400).to_string();
        assert!(!text.chars().any(|c| c.is_control() || matches!(c, '\u{202e}' | '\u{2028}')), "{text}");
        assert!(text.chars().count() < 500, "{text}");
        let target = AwsError::new(Kind::Gone, "s3:GetObject", "s3://b/a\r\nb", "x");
        assert_eq!(target.target, "s3://b/a\u{fffd}\u{fffd}b");
    }

    #[test]
    fn credentials_are_never_shown() {
        let quotes = "String should have been: GET / x-amz-security-token:SECRET";
        for code in ["SignatureDoesNotMatch", "UnrecognizedClientException"] {
            assert_eq!(answer(Some(code), Some(quotes), 403).detail, code);
        }
        let quotes = "Value 's3cret' at 'externalId' failed to satisfy constraint";
        let shown = answer(Some("ValidationError"), Some(quotes), 400).detail;
        assert_eq!(shown, "ValidationError: the external id is not valid");
        for text in [
            "no https://b/k?X-Amz-Signature=SECRET",
            "no AWS4-HMAC-SHA256 Credential=AKIDSECRET",
            "no AKIAIOSFODNN7EXAMPLE",
            "no ASIAIOSFODNN7EXAMPLE",
            "no wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "no:FwoGZXIvYXdzEBYaDHqa0AP1WvIhz5WwSiLRASHSXGFcdmJRZ1V0b2tlbg==",
        ] {
            let shown = answer(Some("X"), Some(text), 400).detail;
            assert!(shown.starts_with("X: no") && shown.len() < 25, "{shown}");
        }
        assert_eq!(answer(Some("X"), Some("bucket ASIA-logs"), 400).detail, "X: bucket ASIA-logs");
    }

    #[test]
    fn what_failed_without_an_answer_is_told_from_missing_credentials() {
        let broken = AwsError::unanswered("s3:GetObject", "s3://b/k", &io::Error::other("connection reset"));
        assert_eq!((broken.kind(), broken.detail.as_str()), (Kind::Transient, "connection reset"));

        let none = CredentialsError::not_loaded_no_source();
        let none = SdkError::<GetObjectError, HttpResponse>::construction_failure(none);
        let none = AwsError::from_sdk("s3:GetObject", "s3://b/k", &none);
        assert_eq!(none.kind(), Kind::Credentials);
        assert!(none.detail.starts_with("none found"), "{none}");

        let process = CredentialsError::provider_error("process exited with code 1. Stderr: token=SECRET");
        let process = AwsError::unanswered("s3:GetObject", "s3://b/k", &process);
        assert_eq!(process.kind(), Kind::Credentials);
        assert!(process.detail.contains("code 1.") && !process.detail.contains("SECRET"), "{process}");

        let role = CredentialsError::provider_error("1 error detected: Value 'SECRET' at 'externalId' failed");
        let role = AwsError::unanswered("s3:GetObject", "s3://b/k", &role);
        assert!(role.detail.ends_with("1 error detected:"), "{role}");
    }
}
