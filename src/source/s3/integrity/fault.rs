//! What is wrong with a log or a digest, as the event that Falco gets of it.

use super::digest::Flaw;
use crate::source::hash::{hash, hex};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::fmt;

/// The service that the events are said to be of. None of AWS can have the name.
const SOURCE: &str = "cloudtrail-plugin.local";

/// What such an event is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// A log has another text than its digest says.
    LogFileValidationFailed,
    /// A log that a digest names is not there.
    LogFileMissing,
    /// A digest is not as CloudTrail wrote it, or not there.
    DigestInvalid,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LogFileValidationFailed => "LogFileValidationFailed",
            Self::LogFileMissing => "LogFileMissing",
            Self::DigestInvalid => "DigestInvalid",
        })
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub name: Name,
    /// The object that it is about.
    pub bucket: String,
    pub key: String,
    pub flaw: Flaw,
}

/// Where it was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub account: &'a str,
    pub region: &'a str,
    /// The address of the digest.
    pub digest: &'a str,
    /// What makes ids that nobody else can know.
    pub secret: &'a str,
}

impl Fault {
    /// Returns the event, in the form of CloudTrail's own. The same fault has the same `eventID` whenever it is found;
    /// nobody can have an event with this id in a log, so that this one passes for a repetition.
    pub fn event(&self, place: Place<'_>, now: Timestamp) -> Value {
        let Self { name, bucket, key, flaw: Flaw { reason, expected, found } } = self;
        let Place { account, region, digest, secret } = place;
        let name = name.to_string();
        json!({
            "eventVersion": "1.11",
            "userIdentity": {"type": "AWSService", "accountId": account, "invokedBy": SOURCE},
            "eventTime": format!("{now:.0}"),
            "eventSource": SOURCE,
            "eventName": name,
            "awsRegion": region,
            "sourceIPAddress": SOURCE,
            "userAgent": SOURCE,
            "requestParameters": {"bucketName": bucket, "key": key},
            "responseElements": null,
            "additionalEventData": {"reason": reason, "expected": expected, "found": found, "digest": digest},
            "eventID": id(&[&name, bucket, key, reason, expected, found, digest, secret]),
            "readOnly": false,
            "resources": [{"type": "AWS::S3::Object", "ARN": format!("arn:aws:s3:::{bucket}/{key}")}],
            "eventType": "AwsServiceEvent",
            "managementEvent": true,
            "recipientAccountId": account,
            "eventCategory": "Management",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, bucket, key, flaw: Flaw { reason, expected, found } } = self;
        write!(f, "{name}: s3://{bucket}/{key}: {reason} (expected {expected:?}, found {found:?})")
    }
}

/// Returns a UUID, of version 8, that these parts make.
fn id(parts: &[&str]) -> String {
    let parts: Vec<String> = parts.iter().map(|part| format!("{} {part}", part.len())).collect();
    let digits = hex(&hash(parts.join("\n").as_bytes()));
    let part = |range| digits.get(range).unwrap_or_default();
    format!("{}-{}-8{}-a{}-{}", part(0..8), part(8..12), part(12..15), part(15..18), part(18..30))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> =
        Place { account: "111122223333", region: "eu-west-1", digest: "s3://trail/digest", secret: "secret" };

    fn fault(key: &str, found: &str) -> Fault {
        let flaw = Flaw::new("why", "ab", found);
        Fault { name: Name::LogFileValidationFailed, bucket: "trail".to_owned(), key: key.to_owned(), flaw }
    }

    fn event(fault: &Fault) -> Value {
        fault.event(PLACE, Timestamp::from_second(1_700_000_000).unwrap())
    }

    #[test]
    fn an_event_says_what_was_expected_of_which_object() {
        let event = event(&fault("a/\"b\n", "cd"));
        for (pointer, value) in [
            ("/eventSource", "cloudtrail-plugin.local"),
            ("/eventName", "LogFileValidationFailed"),
            ("/eventTime", "2023-11-14T22:13:20Z"),
            ("/awsRegion", "eu-west-1"),
            ("/recipientAccountId", "111122223333"),
            ("/requestParameters/bucketName", "trail"),
            ("/requestParameters/key", "a/\"b\n"),
            ("/additionalEventData/expected", "ab"),
            ("/additionalEventData/found", "cd"),
            ("/additionalEventData/digest", "s3://trail/digest"),
        ] {
            assert_eq!(event.pointer(pointer).and_then(Value::as_str), Some(value), "{pointer}");
        }
    }

    #[test]
    fn an_id_is_that_of_the_fault() {
        let id = |fault: Fault| event(&fault)["eventID"].as_str().unwrap().to_owned();
        assert_eq!(id(fault("a", "cd")), id(fault("a", "cd")));
        assert_ne!(id(fault("a", "cd")), id(fault("a", "ce")));
        assert_ne!(id(fault("a", "cd")), id(fault("b", "cd")));
        let other = Place { secret: "other", ..PLACE };
        assert_ne!(id(fault("a", "cd")), fault("a", "cd").event(other, Timestamp::UNIX_EPOCH)["eventID"]);
        let id = id(fault("a", "cd"));
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!((lengths, &id[14..15], &id[19..20]), (vec![8, 4, 4, 4, 12], "8", "a"));
    }
}
