//! What the body of an SQS message says: which objects to fetch, or the events themselves.
//!
//! The shape is told by content: what CloudTrail and S3 write, directly or in the envelope of SNS, and what EventBridge
//! forwards. Nothing is fetched here, and what to do with a message is left to the source. Whoever can send to the queue
//! writes these texts, so work and memory are bounded by the length of the body.

mod document;

use jsontext::scan::{MAX_DEPTH, Stop};
use jsontext::{Index, Kind, Value};
use thiserror::Error;

pub use super::name::is_log_key;

/// Bytes of the longest key that S3 allows.
const MAX_KEY_BYTES: usize = 1024;

/// Bytes of the largest object that S3 allows, 50 TB, and some more.
const MAX_OBJECT_BYTES: u64 = 1 << 46;

/// What a message may be like.
#[derive(Clone, Copy, Debug)]
pub struct MessageLimits {
    /// Bytes of the longest body that is read.
    pub bytes: usize,
    /// How many objects and events one message may name.
    pub items: usize,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Objects that were created: at least one, in the order of the message, logs or not.
    Objects(Vec<ObjectRef>),
    /// CloudTrail events that EventBridge forwards, at least one: each the exact text of its object.
    Events(Vec<String>),
    /// Nothing to read, and why: the message is done.
    Nothing(&'static str),
}

/// An object in S3, as a message names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRef {
    /// Name of the bucket.
    pub bucket: String,
    /// Key of the object, decoded.
    pub key: String,
    /// Size of the object, where the message says it.
    pub bytes: Option<u64>,
    /// Why S3 cannot have such an object, `None` when it can.
    pub impossible: Option<&'static str>,
}

impl ObjectRef {
    fn new(bucket: String, key: String, bytes: Option<u64>) -> Self {
        let impossible = if !is_bucket_name(&bucket) {
            Some("not a name of a bucket")
        } else if key.is_empty() {
            Some("no key")
        } else if key.len() > MAX_KEY_BYTES {
            Some("a key of more than 1024 bytes")
        } else {
            None
        };
        // Whoever writes a message may say any size.
        Self { bucket, key, bytes: bytes.filter(|bytes| *bytes <= MAX_OBJECT_BYTES), impossible }
    }
}

/// Returns whether a bucket can be called so. Buckets from before 2018 may have upper case and underscores too. Those of
/// S3 Express, which no trail writes to, end in `--x-s3`.
fn is_bucket_name(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        && !name.contains("..")
        && !name.ends_with("--x-s3")
}

/// Why a message cannot be read. The texts quote little of it, and no control characters.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoticeError {
    /// There is nothing in it.
    #[error("the message is empty")]
    Empty,
    /// The body has this many bytes.
    #[error("the message has {0} bytes, more than limits.messageKiB")]
    TooLarge(usize),
    /// The text is no JSON from this byte on.
    #[error("the message is not JSON (byte {0})")]
    NotJson(usize),
    /// The text ends inside a JSON value.
    #[error("the message is cut off")]
    CutOff,
    /// The JSON is nested deeper than can be read.
    #[error("the message is nested too deep")]
    TooDeep,
    /// JSON of a shape that leads to no log, described in short.
    #[error("the message is none of CloudTrail, S3, SNS or EventBridge: {0}")]
    Unknown(String),
    /// A shape that is known, in which something is missing or of the wrong type.
    #[error("the message lacks {0}")]
    Lacks(&'static str),
    /// The key of an object, in the URL encoding of S3, is no UTF-8.
    #[error("the message names an object whose key is not UTF-8")]
    KeyNotUtf8,
    /// It names more than it may.
    #[error("the message names more objects or events than limits.messageObjects")]
    TooMany,
    /// It names objects and holds events.
    #[error("the message names objects and holds events at once")]
    Mixed,
}

/// Reads the body of a message.
///
/// # Errors
///
/// The body is none of the shapes that lead to events. It costs the message as a whole: nothing of it is given.
pub fn read(body: &str, limits: MessageLimits) -> Result<Notice, NoticeError> {
    if body.len() > limits.bytes {
        return Err(NoticeError::TooLarge(body.len()));
    }
    let mut index = Index::default();
    let body = match parse(body, &mut index)? {
        Parsed::Text(notice) => return Ok(notice),
        Parsed::Json(root) => match enveloped(root)? {
            Enveloped::Message(message) => message,
            Enveloped::Nothing(why) => return Ok(Notice::Nothing(why)),
            Enveloped::Not => return document::read(root, limits.items),
        },
    };
    // SNS puts one envelope round a message; another one inside is none of its making.
    match parse(&body, &mut index)? {
        Parsed::Text(notice) => Ok(notice),
        Parsed::Json(root) => document::read(root, limits.items),
    }
}

/// A message or what is in its envelope.
enum Parsed<'a> {
    Text(Notice),
    Json(Value<'a>),
}

fn parse<'a>(text: &'a str, index: &'a mut Index) -> Result<Parsed<'a>, NoticeError> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Err(NoticeError::Empty);
    }
    // What CloudTrail sends to a topic when a trail is set up, the only message that is no JSON.
    if text.starts_with("CloudTrail validation message") {
        return Ok(Parsed::Text(Notice::Nothing("a validation message of CloudTrail")));
    }
    match index.read(text.as_bytes(), MAX_DEPTH) {
        Ok(root) => Ok(Parsed::Json(root)),
        Err(Stop::End) => Err(NoticeError::CutOff),
        Err(Stop::Depth(_)) => Err(NoticeError::TooDeep),
        Err(Stop::Syntax(at) | Stop::Asked(at)) => Err(NoticeError::NotJson(at)),
    }
}

/// What the envelope of SNS holds, if there is one.
enum Enveloped {
    Message(String),
    Nothing(&'static str),
    Not,
}

fn enveloped(root: Value<'_>) -> Result<Enveloped, NoticeError> {
    let Some(kind) = root.get("Type").filter(|_| root.get("Message").is_some()) else { return Ok(Enveloped::Not) };
    if kind.is("SubscriptionConfirmation") {
        return Ok(Enveloped::Nothing("SNS asks to confirm a subscription"));
    }
    if kind.is("UnsubscribeConfirmation") {
        return Ok(Enveloped::Nothing("SNS tells the end of a subscription"));
    }
    if !kind.is("Notification") {
        return Ok(Enveloped::Not);
    }
    document::text(root.get("Message")).map(Enveloped::Message).ok_or(NoticeError::Lacks("a text in Message"))
}

impl NoticeError {
    /// Describes a shape that is not known by what stands out: the names of its first members.
    fn unknown(value: Value<'_>) -> Self {
        const NAMES: usize = 8;
        const NAME_CHARS: usize = 40;
        let names: Vec<String> = match value.kind() {
            Kind::Object => value.items().take(NAMES).map(|item| short(&item.name(), NAME_CHARS)).collect(),
            Kind::Array => return Self::Unknown("a list without events".to_owned()),
            _ => return Self::Unknown("no object".to_owned()),
        };
        let more = if value.items().nth(NAMES).is_some() { ", ..." } else { "" };
        Self::Unknown(format!("an object with the members [{}{more}]", names.join(", ")))
    }
}

/// Returns the start of a text for a log line.
fn short(text: &[u8], chars: usize) -> String {
    let start = text.get(..4 * chars).unwrap_or(text);
    let start = String::from_utf8_lossy(start);
    start.chars().take(chars).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value as Json, json};

    /// An event with white space, an escape, and a number that a rewrite would change.
    const EVENT: &str =
        "{ \"eventVersion\": \"1.11\", \"eventName\":\"A\\u0042\",\n \"n\": 1.50, \"eventType\":\"AwsApiCall\" }";

    const LIMITS: MessageLimits = MessageLimits { bytes: 1 << 20, items: 1000 };

    fn read(body: &str) -> Result<Notice, NoticeError> {
        super::read(body, LIMITS)
    }

    fn object(bucket: &str, key: &str, bytes: Option<u64>) -> ObjectRef {
        ObjectRef { bucket: bucket.to_owned(), key: key.to_owned(), bytes, impossible: None }
    }

    fn in_sns(message: &str) -> String {
        json!({
            "Type": "Notification",
            "MessageId": "0d6d1b5f-2f4e-5c0e-9f4b-4d5a5e3a2b10",
            "TopicArn": "arn:aws:sns:eu-west-1:111122223333:trail",
            "Subject": "Amazon S3 Notification",
            "Message": message,
            "Timestamp": "2026-03-02T09:15:00.000Z",
        })
        .to_string()
    }

    /// What both the message alone and the message in an envelope of SNS say.
    #[track_caller]
    fn both(message: &str) -> Result<Notice, NoticeError> {
        let raw = read(message);
        assert_eq!(read(&in_sns(message)), raw, "{message}");
        raw
    }

    fn record(event: &str, bucket: &str, key: &str) -> Json {
        json!({
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-west-1", "eventName": event,
            "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": bucket}, "object": {"key": key, "size": 1234}},
        })
    }

    fn event_bridge(source: &str, kind: &str, detail: &str) -> String {
        format!(
            r#"{{"version":"0","id":"x","detail-type":"{kind}","source":"{source}","detail":{detail},"region":"r"}}"#
        )
    }

    fn created(key: &str) -> String {
        let detail = json!({"version": "0", "bucket": {"name": "trail"}, "object": {"key": key, "size": 7}});
        event_bridge("aws.s3", "Object Created", &detail.to_string())
    }

    #[test]
    fn notifications_of_cloudtrail_name_every_key_as_it_is() {
        let message =
            json!({"s3Bucket": "trail", "s3ObjectKey": ["a+b/%20.json.gz", "é/\u{1f600}.json.gz"]}).to_string();
        let objects = vec![object("trail", "a+b/%20.json.gz", None), object("trail", "é/\u{1f600}.json.gz", None)];
        assert_eq!(both(&message), Ok(Notice::Objects(objects)));
        let none = json!({"s3Bucket": "trail", "s3ObjectKey": []}).to_string();
        assert_eq!(both(&none), Ok(Notice::Nothing("a notification of CloudTrail that names no objects")));
    }

    #[test]
    fn notifications_of_s3_name_decoded_keys_in_several_buckets() {
        let records = [
            record("ObjectCreated:Put", "trail", "my+trail/a%2Bb%C3%A9.json.gz"),
            record("ObjectRemoved:Delete", "trail", "gone.json.gz"),
            record("s3:ObjectCreated:CompleteMultipartUpload", "other", "100%/%zz"),
            record("ObjectTagging:Put", "trail", "tagged.json.gz"),
        ];
        let message = json!({"Records": records}).to_string();
        let objects =
            vec![object("trail", "my trail/a+bé.json.gz", Some(1234)), object("other", "100%/%zz", Some(1234))];
        assert_eq!(both(&message), Ok(Notice::Objects(objects)));
    }

    #[test]
    fn events_of_eventbridge_about_objects_name_keys_as_they_are() {
        let objects = vec![object("trail", "a+b/%20.json.gz", Some(7))];
        assert_eq!(both(&created("a+b/%20.json.gz")), Ok(Notice::Objects(objects)));
    }

    #[test]
    fn inline_events_are_delivered_byte_for_byte() {
        for kind in [
            "AWS API Call via CloudTrail",
            "AWS Console Sign In via CloudTrail",
            "AWS Service Event via CloudTrail",
            "AWS Insight via CloudTrail",
            "AWS Console Action via CloudTrail",
        ] {
            assert_eq!(both(&event_bridge("aws.ec2", kind, EVENT)), Ok(Notice::Events(vec![EVENT.to_owned()])));
        }
        let inline = event_bridge("aws.ec2", "AWS API Call via CloudTrail", EVENT);
        assert_eq!(read(&format!("\u{feff} \n{inline}\n")), Ok(Notice::Events(vec![EVENT.to_owned()])));
    }

    #[test]
    fn only_events_that_eventbridge_has_from_aws_count() {
        let kind = "AWS API Call via CloudTrail";
        for source in ["my.app", "", "aws", "awsx.ec2", "my.aws.ec2", "AWS.ec2"] {
            let error = both(&event_bridge(source, kind, EVENT)).unwrap_err();
            assert_eq!(error, NoticeError::Unknown(format!("an event of EventBridge, {kind}")), "{source}");
            let forged = event_bridge("aws.ec2", kind, EVENT).replace(r#""aws.ec2""#, &format!("[\"{source}\"]"));
            assert!(matches!(both(&forged), Err(NoticeError::Unknown(_))), "{forged}");
        }
        let nameless = json!({"detail-type": kind, "detail": {"eventName": "A"}}).to_string();
        assert!(matches!(both(&nameless), Err(NoticeError::Unknown(_))));
        let inline = event_bridge("aws.ec2", kind, EVENT);
        for lone in [EVENT.to_owned(), format!("[{EVENT}]"), format!("[{inline},{EVENT}]")] {
            assert!(matches!(both(&lone), Err(NoticeError::Unknown(_))), "{lone}");
        }
        let elsewhere = created("a.json").replace("aws.s3", "aws.ec2");
        assert_eq!(both(&elsewhere), Err(NoticeError::Unknown("an event of EventBridge, Object Created".to_owned())));
    }

    #[test]
    fn lists_hold_events_or_name_objects_in_their_order() {
        let inline = |detail: &str| event_bridge("aws.ec2", "AWS API Call via CloudTrail", detail);
        let list = format!("[{},{}]", inline(r#"{"eventName":"B"}"#), inline(EVENT));
        assert_eq!(both(&list), Ok(Notice::Events(vec![r#"{"eventName":"B"}"#.to_owned(), EVENT.to_owned()])));
        let list = format!("[{},{}]", created("1.json"), created("2.json"));
        let objects = vec![object("trail", "1.json", Some(7)), object("trail", "2.json", Some(7))];
        assert_eq!(both(&list), Ok(Notice::Objects(objects)));
        assert_eq!(both(&format!("[{},{}]", inline(EVENT), created("1.json"))), Err(NoticeError::Mixed));
    }

    #[test]
    fn messages_that_lead_to_nothing_are_done() {
        let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "trail"}).to_string();
        let removed = json!({"Records": [record("ObjectRemoved:DeleteMarkerCreated", "trail", "a")]}).to_string();
        for (message, part) in [
            ("CloudTrail validation message.", "validation message"),
            (test.as_str(), "a test message of S3"),
            (removed.as_str(), "about no new object"),
            (r#"{"Records":[]}"#, "about no new object"),
            (event_bridge("aws.s3", "Object Deleted", "{}").as_str(), "about no new object"),
        ] {
            let Ok(Notice::Nothing(why)) = both(message) else { panic!("{message}: {:?}", read(message)) };
            assert!(why.contains(part), "{why}");
        }
        for kind in ["SubscriptionConfirmation", "UnsubscribeConfirmation"] {
            let message =
                json!({"Type": kind, "Token": "x", "Message": "You have chosen", "SubscribeURL": "https://x"});
            assert!(matches!(read(&message.to_string()), Ok(Notice::Nothing(_))), "{kind}");
        }
    }

    #[test]
    fn anything_else_is_an_error_that_tells_it() {
        let cloudtrail = |bucket: Json, keys: Json| json!({"s3Bucket": bucket, "s3ObjectKey": keys}).to_string();
        let records = |records: Json| json!({ "Records": records }).to_string();
        let broken_key = records(json!([record("ObjectCreated:Put", "trail", "%ff.json")]));
        for (message, error) in [
            ("hello", "the message is not JSON (byte 0)"),
            ("{} {}", "the message is not JSON (byte 3)"),
            (r#"{"Records":[{"#, "the message is cut off"),
            ("null", "the message is none of CloudTrail, S3, SNS or EventBridge: no object"),
            ("[]", "the message is none of CloudTrail, S3, SNS or EventBridge: a list without events"),
            (
                &format!("[[{}]]", created("a.json")),
                "the message is none of CloudTrail, S3, SNS or EventBridge: a list without events",
            ),
            ("{}", "the message is none of CloudTrail, S3, SNS or EventBridge: an object with the members []"),
            (
                r#"{"a\u001b[0m\n":1,"eventName":"INSERT"}"#,
                "the message is none of CloudTrail, S3, SNS or EventBridge: an object with the members \
                 [a\u{fffd}[0m\u{fffd}, eventName]",
            ),
            (
                r#"{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1}"#,
                "the message is none of CloudTrail, S3, SNS or EventBridge: an object with the members \
                 [a, b, c, d, e, f, g, h, ...]",
            ),
            (
                r#"{"eventVersion":"1.11","eventName":"A"}"#,
                "the message is none of CloudTrail, S3, SNS or EventBridge: an object with the members \
                 [eventVersion, eventName]",
            ),
            (
                &event_bridge("aws.events", "Scheduled Event", "{}"),
                "the message is none of CloudTrail, S3, SNS or EventBridge: an event of EventBridge, Scheduled Event",
            ),
            (
                &event_bridge("aws.ec2", "AWS API Call via CloudTrail", "[]"),
                "the message is none of CloudTrail, S3, SNS or EventBridge: an event of EventBridge, \
                 AWS API Call via CloudTrail",
            ),
            (
                &event_bridge("my.app", "Object Created", "{}"),
                "the message is none of CloudTrail, S3, SNS or EventBridge: an event of EventBridge, Object Created",
            ),
            (&event_bridge("aws.s3", "Object Created", "{}"), "the message lacks detail.object"),
            (&cloudtrail(json!("trail"), json!("a.json")), "the message lacks a list in s3ObjectKey"),
            (&cloudtrail(json!("trail"), json!([1])), "the message lacks a key in s3ObjectKey"),
            (&cloudtrail(json!(null), json!(["a"])), "the message lacks the name of a bucket"),
            (&records(json!({})), "the message lacks a list in Records"),
            (&records(json!([null])), "the message lacks s3 in one of its Records"),
            (&records(json!([{"eventVersion": "1.11"}])), "the message lacks s3 in one of its Records"),
            (&records(json!([{"s3": {}}])), "the message lacks eventName in one of its Records"),
            (
                &records(json!([{"s3": {"object": {"key": "a"}}, "eventName": "ObjectCreated:Put"}])),
                "the message lacks the name of a bucket",
            ),
            (&broken_key, "the message names an object whose key is not UTF-8"),
        ] {
            assert_eq!(both(message).unwrap_err().to_string(), error, "{message}");
        }
        for (message, error) in [
            ("", NoticeError::Empty),
            (" \r\n\t", NoticeError::Empty),
            (&in_sns(""), NoticeError::Empty),
            (r#"{"Type":"Notification","Message":{}}"#, NoticeError::Lacks("a text in Message")),
        ] {
            assert_eq!(read(message), Err(error), "{message}");
        }
        assert!(
            matches!(read(&in_sns(&in_sns(&created("a.json")))), Err(NoticeError::Unknown(_))),
            "a second envelope"
        );
    }

    #[test]
    fn the_first_of_duplicate_members_counts() {
        let message = r#"{"s3Bucket":"one","s3ObjectKey":["1"],"s3Bucket":"two","s3\u004fbjectKey":["2"]}"#;
        assert_eq!(both(message), Ok(Notice::Objects(vec![object("one", "1", None)])));
    }

    #[test]
    fn length_depth_and_number_are_bounded() {
        let MessageLimits { bytes, items } = LIMITS;
        assert_eq!(read(&" ".repeat(bytes + 1)), Err(NoticeError::TooLarge(bytes + 1)));
        assert_eq!(read(&" ".repeat(bytes)), Err(NoticeError::Empty));
        let deep = format!("{}{}", "[".repeat(bytes / 2), "]".repeat(bytes / 2));
        assert_eq!(read(&deep), Err(NoticeError::TooDeep));
        let keys = |count: usize| json!({"s3Bucket": "trail", "s3ObjectKey": vec!["a"; count]}).to_string();
        assert!(matches!(read(&keys(items)), Ok(Notice::Objects(objects)) if objects.len() == items));
        assert_eq!(read(&keys(items + 1)), Err(NoticeError::TooMany));
        let long = format!(r#"{{"{}":1}}"#, "é".repeat(1 << 19));
        assert!(read(&long).unwrap_err().to_string().len() < 300);
    }

    #[test]
    fn what_s3_cannot_have_is_told_and_costs_no_neighbour() {
        let good = ("trail", "a.json");
        let (longest_key, longest_name) = (format!("é{}", "k".repeat(1022)), "b".repeat(63));
        let ip = "192.168.0.1";
        for (bucket, key, impossible) in [
            ("trail", longest_key.as_str(), None),
            (longest_name.as_str(), "a", None),
            (ip, "a", None),
            ("Old_Bucket", "..", None),
            ("trail", &format!("{longest_key}k"), Some("a key of more than 1024 bytes")),
            ("trail", &"k".repeat(10 << 10), Some("a key of more than 1024 bytes")),
            ("trail", "", Some("no key")),
            (&"b".repeat(64), "a", Some("not a name of a bucket")),
            (&"b".repeat(300), "a", Some("not a name of a bucket")),
            ("", "a", Some("not a name of a bucket")),
            ("ab", "a", Some("not a name of a bucket")),
            ("evil.com/", "a", Some("not a name of a bucket")),
            ("evil.com/?", "a", Some("not a name of a bucket")),
            ("user@evil.com", "a", Some("not a name of a bucket")),
            ("evil.com#", "a", Some("not a name of a bucket")),
            ("evil.com:80", "a", Some("not a name of a bucket")),
            ("..", "a", Some("not a name of a bucket")),
            ("a..b", "a", Some("not a name of a bucket")),
            ("evil--use1-az4--x-s3", "a", Some("not a name of a bucket")),
            ("a b c", "a", Some("not a name of a bucket")),
            ("a\r\nHost: evil", "a", Some("not a name of a bucket")),
            ("bücket", "a", Some("not a name of a bucket")),
            ("arn:aws:s3:eu-west-1:111122223333:accesspoint/evil", "a", Some("not a name of a bucket")),
        ] {
            let named = [good, (bucket, key), good]
                .map(|(bucket, key)| record("ObjectCreated:Put", bucket, &key.replace('%', "%25")));
            let Ok(Notice::Objects(objects)) = both(&json!({ "Records": named }).to_string()) else {
                panic!("{bucket} {key}")
            };
            assert_eq!(objects.iter().map(|object| object.impossible).collect::<Vec<_>>(), [None, impossible, None]);
        }
        let encoded = json!({"Records": [record("ObjectCreated:Put", "trail", &"%20".repeat(MAX_KEY_BYTES))]});
        let Ok(Notice::Objects(objects)) = both(&encoded.to_string()) else { panic!() };
        assert_eq!(objects[0].impossible, None, "what counts is the decoded key");
    }

    #[test]
    fn damaged_messages_never_panic_and_events_stay_json() {
        let seeds = [
            in_sns(&event_bridge("aws.ec2", "AWS API Call via CloudTrail", EVENT)),
            in_sns(&created("a.json")),
            created("a.json"),
            event_bridge("aws.ec2", "AWS API Call via CloudTrail", EVENT),
            json!({"Records": [record("ObjectCreated:Put", "trail", "a%20b+c.json")]}).to_string(),
            in_sns(&json!({"s3Bucket": "trail", "s3ObjectKey": ["a", "b"]}).to_string()),
        ];
        let pieces =
            ["\"", "\\", "{", "}", "[", "]", ":", ",", "\\u0000", "\\ud800", "\0", "%", "é", "null", "1e9", " "];
        let mut random = fastrand::Rng::with_seed(4);
        let mut kinds = [0; 4];
        for _ in 0..20_000 {
            let mut text: Vec<char> = random.choice(&seeds).unwrap().chars().collect();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..text.len());
                let end = (at + random.usize(..6)).min(text.len());
                let piece = random.choice(pieces).unwrap();
                text.splice(at..end, piece.chars());
            }
            let kind = match read(&text.into_iter().collect::<String>()) {
                Ok(Notice::Objects(objects)) => {
                    assert!(
                        !objects.is_empty()
                            && objects.iter().all(|object| object.impossible.is_some() || !object.key.is_empty())
                    );
                    0
                }
                Ok(Notice::Events(events)) => {
                    for event in events {
                        assert_eq!(Index::default().read(event.as_bytes(), MAX_DEPTH).unwrap().kind(), Kind::Object);
                    }
                    1
                }
                Ok(Notice::Nothing(_)) => 2,
                Err(error) => {
                    assert!(!error.to_string().contains(char::is_control), "{error}");
                    3
                }
            };
            kinds[kind] += 1;
        }
        assert!(kinds.iter().all(|count| *count > 0), "{kinds:?}");
    }
}
