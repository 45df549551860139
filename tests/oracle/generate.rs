//! Makes the inputs that are too big or too deep to be stored: large logs, gzip bombs, single
//! records of any size or depth. All of it is the same on every run.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::{Compression, GzBuilder};

/// Returns the eventID of generated event `number`.
pub fn event_id(number: u64) -> String {
    format!("9e4ca7e0-0000-4000-8000-{number:012x}")
}

/// Returns generated event `number` as one line of JSON, about 1,200 bytes: an API call in the real
/// shape whose name, user, source and time change from event to event.
pub fn event(number: u64) -> String {
    let second = number % 86_400;
    timed(number, &format!("2026-03-02T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60))
}

/// Returns event `number` with its time in seconds since 1970.
pub fn event_at(number: u64, time: i64) -> String {
    timed(number, &jiff::Timestamp::from_second(time).unwrap().to_string())
}

fn timed(number: u64, time: &str) -> String {
    const CALLS: [(&str, &str, bool); 5] = [
        ("ec2", "DescribeInstances", true),
        ("s3", "GetBucketAcl", true),
        ("iam", "AttachUserPolicy", false),
        ("sts", "AssumeRole", true),
        ("kms", "Decrypt", true),
    ];
    let (service, name, read_only) = CALLS[(number % 5) as usize];
    let user = ["alice", "bob", "carol"][(number % 3) as usize];
    let address = number % 254 + 1;
    let id = event_id(number);
    format!(
        concat!(
            r#"{{"eventVersion":"1.11","userIdentity":{{"type":"AssumedRole","principalId":"AROACKCEVSQ6C2EXAMPLE:{user}","#,
            r#""arn":"arn:aws:sts::123456789012:assumed-role/operator/{user}","accountId":"123456789012","#,
            r#""accessKeyId":"ASIAIOSFODNN7EXAMPLE","sessionContext":{{"sessionIssuer":{{"type":"Role","#,
            r#""principalId":"AROACKCEVSQ6C2EXAMPLE","arn":"arn:aws:iam::123456789012:role/operator","#,
            r#""accountId":"123456789012","userName":"operator"}},"webIdFederationData":{{}},"attributes":{{"#,
            r#""creationDate":"2026-03-02T08:10:11Z","mfaAuthenticated":"false"}}}}}},"eventTime":"{time}","#,
            r#""eventSource":"{service}.amazonaws.com","eventName":"{name}","awsRegion":"eu-central-1","#,
            r#""sourceIPAddress":"198.51.100.{address}","userAgent":"aws-sdk-go/1.44.157 (go1.19.3; linux; amd64)","#,
            r#""requestParameters":{{"resourceId":"resource-{number}","tags":[{{"key":"stage","value":"test"}}]}},"#,
            r#""responseElements":null,"requestID":"0a1b2c3d-0000-4000-8000-{number:012x}","eventID":"{id}","#,
            r#""readOnly":{read_only},"eventType":"AwsApiCall","managementEvent":true,"#,
            r#""recipientAccountId":"123456789012","eventCategory":"Management","tlsDetails":{{"tlsVersion":"TLSv1.3","#,
            r#""cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"{service}.eu-central-1.amazonaws.com"}}}}"#,
        ),
        user = user,
        time = time,
        service = service,
        name = name,
        address = address,
        number = number,
        id = id,
        read_only = read_only,
    )
}

/// Returns event `number` with objects and arrays nested `depth` deep in its request.
pub fn deep_event(number: u64, depth: usize) -> String {
    let inside = (0..depth).map(|level| if level % 2 == 0 { "{\"a\":" } else { "[" });
    let outside = (0..depth).rev().map(|level| if level % 2 == 0 { "}" } else { "]" });
    let nested = inside.chain(["1"]).chain(outside).collect::<String>();
    with_request(number, &format!("{{\"nested\":{nested}}}"))
}

/// Returns event `number` with a text of `bytes` bytes in its request.
pub fn wide_event(number: u64, bytes: usize) -> String {
    with_request(number, &format!("{{\"text\":\"{}\"}}", "x".repeat(bytes)))
}

/// Returns records in the wrapper that CloudTrail delivers.
pub fn wrapped(records: &[String]) -> String {
    format!("{{\"Records\":[{}]}}", records.join(","))
}

/// Writes a log of the events with the numbers `first` to `first + count - 1`, gzipped or not, and
/// returns its size before compression.
pub fn write_log(path: &Path, first: u64, count: u64, gzip: bool) -> io::Result<u64> {
    let file = BufWriter::new(File::create(path)?);
    if !gzip {
        let mut file = file;
        let size = write_records(&mut file, first, count)?;
        return file.flush().map(|()| size);
    }
    let mut encoder = GzBuilder::new().write(file, Compression::fast());
    let size = write_records(&mut encoder, first, count)?;
    encoder.finish()?.flush().map(|()| size)
}

/// Writes a gzip file that inflates to a little more than `bytes` bytes, a thousandth of that on the
/// disk: one event of number 0, then an event whose text never seems to end. The file is made of many
/// gzip members, so writing it takes next to no time.
pub fn write_bomb(path: &Path, bytes: u64) -> io::Result<()> {
    const BLOCK: usize = 1 << 20;
    let (head, tail) = split_text(wide_event(1, 0));
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(&member(format!("{{\"Records\":[{},{head}", event(0)).as_bytes())?)?;
    let block = member(&vec![b'x'; BLOCK])?;
    for _ in 0..bytes.div_ceil(BLOCK as u64) {
        file.write_all(&block)?;
    }
    file.write_all(&member(format!("{tail}]}}").as_bytes())?)?;
    file.flush()
}

fn write_records(to: &mut impl Write, first: u64, count: u64) -> io::Result<u64> {
    let mut size = 0;
    let mut write = |text: &str| {
        size += text.len() as u64;
        to.write_all(text.as_bytes())
    };
    write("{\"Records\":[")?;
    for number in first..first + count {
        write(if number == first { "" } else { "," })?;
        write(&event(number))?;
    }
    write("]}")?;
    Ok(size)
}

fn member(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn with_request(number: u64, request: &str) -> String {
    let event = event(number);
    let start = event.find("{\"resourceId\"").unwrap();
    let end = event.find(",\"responseElements\"").unwrap();
    format!("{}{request}{}", &event[..start], &event[end..])
}

fn split_text(event: String) -> (String, String) {
    let marker = "\"text\":\"";
    let at = event.find(marker).unwrap() + marker.len();
    (event[..at].to_owned(), event[at..].to_owned())
}

#[test]
fn events_differ_and_read_well() {
    use super::{Expect, expect};
    let first = event(11);
    assert!((1000..1400).contains(&first.len()), "{}", first.len());
    assert_eq!(expect("ct.id", first.as_bytes()), Expect::Text(event_id(11)));
    assert_ne!(event_id(11), event_id(12));
    assert!(first.contains(r#""eventTime":"2026-03-02T00:00:11Z""#), "{first}");
    assert_eq!(event_at(11, 1_772_409_611), first);
    assert_eq!(event_at(11, 0), first.replace("2026-03-02T00:00:11Z", "1970-01-01T00:00:00Z"));
    assert_eq!(expect("ct.info", first.as_bytes()).shown(), "operator via 198.51.100.12 ← GetBucketAcl");
    let deep = deep_event(1, 3);
    assert_eq!(expect("ct.request", deep.as_bytes()).shown(), r#"{"nested":{"a":[{"a":1}]}}"#);
    assert_eq!(deep_event(1, 10_000).matches("\"a\":").count(), 5_000);
    let wide = wide_event(1, 5000);
    assert_eq!(expect("ct.request[/text]", wide.as_bytes()).shown().len(), 5000);
}

#[test]
#[allow(clippy::disallowed_types, reason = "reads back what this file wrote")]
fn logs_and_bombs_inflate_to_what_they_should() {
    use std::io::Read;
    let folder = std::env::temp_dir().join(format!("cloudtrail-generate-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let inflated = |path: &Path| {
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
        text
    };
    let (plain, gzip, bomb) = (folder.join("log"), folder.join("log.gz"), folder.join("bomb.gz"));
    let size = write_log(&plain, 5, 3, false).unwrap();
    assert_eq!(write_log(&gzip, 5, 3, true).unwrap(), size);
    let text = wrapped(&[event(5), event(6), event(7)]);
    assert_eq!(std::fs::read_to_string(&plain).unwrap(), text);
    assert_eq!(inflated(&gzip), text);
    write_bomb(&bomb, (2 << 20) + 1).unwrap();
    let text = inflated(&bomb);
    assert!(super::json::read(text.as_bytes()).is_some());
    assert!(((3 << 20)..(3 << 20) + 4_000).contains(&text.len()), "{}", text.len());
    assert!(std::fs::metadata(&bomb).unwrap().len() < 10_000);
    std::fs::remove_dir_all(&folder).unwrap();
}
