//! Logs as CloudTrail delivers them: objects with events under its keys, and the messages that tell of them. Where they
//! are put and sent is left to the tests.

use super::server::server;
use crate::oracle::generate;
use flate2::write::GzEncoder;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::io::Write;

/// An object with events of its own.
#[derive(Clone, Debug)]
pub struct Log {
    pub key: String,
    pub first: u64,
    pub count: u64,
}

impl Log {
    /// Names an object that holds the events `first` to `first + count - 1`.
    pub fn new(key: impl Into<String>, first: u64, count: u64) -> Self {
        Self { key: key.into(), first, count }
    }

    /// Returns the ids of its events.
    pub fn ids(&self) -> impl Iterator<Item = String> + use<> {
        (self.first..self.first + self.count).map(generate::event_id)
    }

    /// Tells whether its key has this part, such as an account.
    pub fn has(&self, part: &str) -> bool {
        self.key.contains(part)
    }

    /// Returns the content.
    pub fn text(&self) -> String {
        let events: Vec<String> = (self.first..self.first + self.count).map(generate::event).collect();
        generate::wrapped(&events)
    }

    /// Returns key and content, gzipped.
    pub fn object(&self) -> (String, Vec<u8>) {
        (self.key.clone(), gzip(self.text().as_bytes()))
    }
}

/// Returns the ids of all events of logs, sorted.
pub fn ids<'a>(logs: impl IntoIterator<Item = &'a Log>) -> Vec<String> {
    let mut ids: Vec<String> = logs.into_iter().flat_map(Log::ids).collect();
    ids.sort();
    ids
}

/// Makes a bucket with these logs.
pub fn bucket(name: &str, logs: &[Log]) -> String {
    let bucket = server().bucket(name);
    server().put(&bucket, logs.iter().map(Log::object));
    bucket
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// When an object was delivered: day and minute of March 2026.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    pub day: u32,
    pub minute: u32,
}

/// Returns the key of an object in CloudTrail's layout below `root`, such as `AWSLogs`, `AWSLogs/o-x` or
/// `audit/AWSLogs`. `tail` tells apart what is delivered at the same time.
pub fn key(root: &str, account: &str, region: &str, stamp: Stamp, tail: u64) -> String {
    let Stamp { day, minute } = stamp;
    let (hour, minute) = (minute / 60, minute % 60);
    format!(
        "{root}/{account}/CloudTrail/{region}/2026/03/{day:02}/\
         {account}_CloudTrail_{region}_202603{day:02}T{hour:02}{minute:02}Z_{tail:016}.json.gz"
    )
}

pub const ACCOUNTS: [&str; 2] = ["111122223333", "444455556666"];
pub const REGIONS: [&str; 3] = ["eu-west-1", "us-east-1", "us-east-2"];

/// Returns `count` objects of `events` events each, spread over accounts, regions and three days below `root`. The
/// numbers of the events begin at `first`.
pub fn spread(root: &str, first: u64, count: u64, events: u64) -> Vec<Log> {
    let log = |number: u64| {
        let account = ACCOUNTS[(number % 2) as usize];
        let region = REGIONS[(number / 2 % 3) as usize];
        let stamp = Stamp { day: 1 + (number / 6 % 3) as u32, minute: (number / 18 * 5 % 1440) as u32 };
        Log::new(key(root, account, region, stamp, number), first + number * events, events)
    };
    (0..count).map(log).collect()
}

/// The shapes in which messages tell of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// CloudTrail to SNS to SQS.
    SnsCloudTrail,
    /// CloudTrail to SNS to SQS with raw message delivery.
    RawCloudTrail,
    /// S3 to SNS to SQS.
    SnsS3,
    /// S3 to SQS, which is also what S3 to SNS to SQS is with raw message delivery.
    S3,
    /// S3 to EventBridge to SQS; one object a message.
    EventBridge,
}

pub const SHAPES: [Shape; 5] =
    [Shape::SnsCloudTrail, Shape::RawCloudTrail, Shape::SnsS3, Shape::S3, Shape::EventBridge];

impl Shape {
    /// Returns the messages that tell of these objects, with at most `most` objects in each.
    pub fn messages(self, bucket: &str, keys: &[&str], most: usize) -> Vec<String> {
        let most = if self == Self::EventBridge { 1 } else { most };
        keys.chunks(most).map(|keys| self.message(bucket, keys)).collect()
    }

    fn message(self, bucket: &str, keys: &[&str]) -> String {
        let cloudtrail = || json!({"s3Bucket": bucket, "s3ObjectKey": keys}).to_string();
        let s3 = || s3_notification(keys.iter().map(|key| (bucket, *key)));
        match self {
            Self::SnsCloudTrail => sns(&cloudtrail()),
            Self::RawCloudTrail => cloudtrail(),
            Self::SnsS3 => sns(&s3()),
            Self::S3 => s3(),
            Self::EventBridge => event_bridge(
                "Object Created",
                "aws.s3",
                &json!({"version": "0", "bucket": {"name": bucket}, "object": {"key": keys[0], "size": 1, "etag": "0"},
                    "reason": "PutObject"}),
            ),
        }
    }
}

/// What S3 escapes in the keys of its notifications.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.');

/// Returns an event notification of S3 about objects, one record each.
pub fn s3_notification<'a>(objects: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let record = |(bucket, key): (&str, &str)| {
        let key = utf8_percent_encode(key, ESCAPED).to_string().replace("%20", "+");
        json!({"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1", "eventName": "ObjectCreated:Put",
            "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": bucket, "arn": format!("arn:aws:s3:::{bucket}")},
                "object": {"key": key, "size": 1, "sequencer": "00"}}})
    };
    json!({"Records": objects.into_iter().map(record).collect::<Vec<_>>()}).to_string()
}

/// Returns the envelope that SNS puts round a message.
pub fn sns(message: &str) -> String {
    json!({"Type": "Notification", "MessageId": "5a1b", "TopicArn": "arn:aws:sns:us-east-1:123456789012:trail",
        "Message": message, "Timestamp": "2026-03-02T09:00:00.000Z", "SignatureVersion": "1", "Signature": "AA=="})
    .to_string()
}

/// Returns an event of EventBridge.
pub fn event_bridge(kind: &str, source: &str, detail: &Value) -> String {
    json!({"version": "0", "id": "17793124", "detail-type": kind, "source": source, "account": "123456789012",
        "time": "2026-03-02T09:00:00Z", "region": "us-east-1", "resources": [], "detail": detail})
    .to_string()
}

/// Returns an event of EventBridge that carries generated event `number` itself.
pub fn inline_event(kind: &str, number: u64) -> String {
    event_bridge(kind, "aws.iam", &serde_json::from_str(&generate::event(number)).unwrap())
}

#[test]
fn logs_are_spread_and_their_ids_unique() {
    let logs = spread("AWSLogs", 0, 36, 10);
    let ids = ids(&logs);
    assert_eq!((ids.len(), ids.windows(2).filter(|pair| pair[0] == pair[1]).count()), (360, 0));
    let (key, object) = logs[35].object();
    assert_eq!(
        key,
        "AWSLogs/444455556666/CloudTrail/us-east-2/2026/03/03/\
         444455556666_CloudTrail_us-east-2_20260303T0005Z_0000000000000035.json.gz"
    );
    assert!(object.starts_with(&[0x1f, 0x8b]) && object.len() < 10 * 1000, "{}", object.len());
}

#[test]
fn keys_are_escaped_as_each_shape_does() {
    let keys = ["a b/c+d.json", "e.json"];
    let body = |shape: Shape| shape.messages("logs", &keys, 10);
    assert_eq!(body(Shape::RawCloudTrail), [r#"{"s3Bucket":"logs","s3ObjectKey":["a b/c+d.json","e.json"]}"#]);
    assert!(body(Shape::S3)[0].contains(r#""key":"a+b/c%2Bd.json""#), "{:?}", body(Shape::S3));
    assert!(body(Shape::SnsS3)[0].contains(r#"\"key\":\"a+b/c%2Bd.json\""#), "{:?}", body(Shape::SnsS3));
    assert_eq!(body(Shape::EventBridge).len(), 2);
    assert!(body(Shape::EventBridge)[0].contains(r#""key":"a b/c+d.json""#));
    assert!(inline_event("AWS API Call via CloudTrail", 7).contains(&generate::event_id(7)));
}
