//! A queue of several hundred hostile messages with a good one behind each of them, read by the real engine; and that no
//! message leads to another host than that of S3.

use super::assert_printable;
use super::bytes::{FIRST, damage, tricks};
use super::connects::Connects;
use crate::aws::consumer::Source;
use crate::aws::faults::Fault;
use crate::aws::logs::{Log, SHAPES, Shape, bucket, event_bridge, inline_event, s3_notification, sns};
use crate::aws::proxy::Proxy;
use crate::aws::server::{Queue, server};
use crate::oracle::generate::{deep_event, event_id};
use fastrand::Rng;
use serde_json::{Value, json};
use std::collections::HashSet;

const CALL: &str = "AWS API Call via CloudTrail";

/// Names that no bucket has, and some that one may have.
const BUCKETS: [&str; 23] = [
    "evil.example/",
    "evil.example/?",
    "evil.example#",
    "evil.example:80",
    "user:password@evil.example",
    "//evil.example",
    "http://evil.example",
    "..",
    "a..b",
    ".",
    "",
    "ab",
    "a b c",
    "b\u{fc}cket",
    "evil\r\nHost: evil.example",
    "evil\0",
    "evil%2eexample",
    "\u{202e}evil",
    "arn:aws:s3:us-east-1:111122223333:accesspoint/evil",
    "arn:aws:s3::111122223333:accesspoint/mfzwi23gnjvgw.mrap",
    "127.0.0.1:8080",
    "[::1]",
    "evil--use1-az4--x-s3",
];

/// Names that a bucket may have, made to look like something else.
const LIKELY: [&str; 7] =
    ["evil.example", "127.0.0.1", "169.254.169.254", "localhost", "EVIL_EXAMPLE", "evil--op-s3", "evil-s3alias"];

/// Keys that lead elsewhere on some servers, or break something.
fn keys() -> Vec<String> {
    let mut keys: Vec<String> = [
        "",
        ".",
        "..",
        "../a.json",
        "a/../../other/b.json",
        "./a.json",
        "/a.json",
        "//a.json",
        "a//b.json",
        "a.json?x=1",
        "a.json#x",
        "a.json;x",
        "http://evil.example/a.json",
        "//evil.example/a.json",
        "@evil.example/a.json",
        "a\r\nHost: evil.example\r\n\r\n.json",
        "a\0.json",
        "\u{1b}[2Ja.json",
        "\u{202e}nosj.json",
        "\u{200b}.json",
        "%2e%2e/a.json",
        "%00.json",
        "%.json",
        "%zz.json",
        "+.json",
        "a b+c%20d.json",
        "\\..\\a.json",
        "~/a.json",
        "${jndi:ldap://evil.example/a}.json",
        "'\"<>&.json",
        "CloudTrail-Digest/a.json",
        "a.txt",
        "\u{fffd}.json",
    ]
    .map(str::to_owned)
    .into();
    keys.extend([1016, 1019, 1020, 10 << 10].map(|length| format!("{}.json", "k".repeat(length))));
    keys
}

/// Messages that each try one thing. Those that hold something good as well hold the object `good` of `bucket`.
fn hostile(bucket: &str, good: &str) -> Vec<String> {
    let mut bodies: Vec<String> = tricks().into_iter().filter_map(|text| String::from_utf8(text).ok()).collect();
    for shape in SHAPES {
        bodies.extend(keys().iter().flat_map(|key| shape.messages("hostile-bucket", &[key], 1)));
        bodies.extend(BUCKETS.iter().chain(&LIKELY).flat_map(|name| shape.messages(name, &["a.json"], 1)));
    }
    let inline = |detail: &Value| event_bridge(CALL, "aws.iam", detail);
    let event = |number| serde_json::from_str::<Value>(&deep_event(number, 3)).unwrap();
    let mut nested = inline(&event(FIRST));
    for _ in 0..6 {
        nested = sns(&nested);
        bodies.push(nested.clone());
        bodies.push(event_bridge(CALL, "aws.iam", &json!({"Message": nested})));
    }
    let named = |count: usize| json!({"s3Bucket": "hostile-bucket", "s3ObjectKey": vec!["a.json"; count]}).to_string();
    bodies.extend([1001, 1500, 9000].map(named));
    bodies.push(s3_notification((0..300).map(|_| ("hostile-bucket", "a.json"))));
    let events = (0..1100).map(|_| inline(&json!({}))).collect::<Vec<_>>();
    bodies.push(format!("[{}]", events.join(",")));
    bodies.push(json!({"s3Bucket": "hostile-bucket", "s3ObjectKey": [[["a.json"]]]}).to_string());
    bodies.push(json!({"s3Bucket": {"name": "hostile-bucket"}, "s3ObjectKey": ["a.json"]}).to_string());
    bodies.extend(
        ["", "aws", "aws.", "AWS.IAM", "evil.app", "aws.iam\u{0}"]
            .map(|source| event_bridge(CALL, source, &event(FIRST))),
    );
    bodies.extend(
        [json!(null), json!([]), json!("x"), json!({}), json!({"eventName": {}})].map(|detail| inline(&detail)),
    );
    bodies.push(event_bridge(CALL, "aws.iam", &serde_json::from_str(&deep_event(FIRST, 100)).unwrap()));
    for size in [json!(-1), json!(1e300), json!("1"), json!(u64::MAX), json!(null)] {
        let object = json!({"bucket": {"name": "hostile-bucket"}, "object": {"key": "a.json", "size": size}});
        bodies.push(event_bridge("Object Created", "aws.s3", &object));
    }
    // What is good in a message is read.
    bodies.extend(BUCKETS.map(|name| s3_notification([(name, "a.json"), (bucket, good)])));
    let mut random = Rng::with_seed(9);
    let templates: Vec<Vec<u8>> = SHAPES
        .iter()
        .flat_map(|shape| shape.messages("hostile-bucket", &["a.json", "b/c d.json.gz"], 2))
        .chain([inline(&event(FIRST)), sns(&inline(&event(FIRST + 1)))])
        .map(String::into_bytes)
        .collect();
    bodies.extend((0..200).map(|number| {
        let damaged = damage(&mut random, &templates, templates[number % templates.len()].clone());
        String::from_utf8_lossy(&damaged).into_owned()
    }));
    // SQS takes nothing else.
    let is_legal =
        |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    bodies.retain(|body| !body.is_empty() && body.len() < 200 << 10 && body.chars().all(is_legal));
    bodies
}

#[test]
fn hostile_messages_cost_no_neighbour_and_are_left_for_the_dead_letter_queue() {
    let logs = [Log::new("good.json.gz", 1 << 20, 2)];
    let name = bucket("neighbour", &logs);
    let bodies = hostile(&name, "good.json.gz");
    assert!(bodies.len() > 600, "{}", bodies.len());
    let (queue, dead) = Queue::with_dead_letters("hostile", 2, 1);
    let count = bodies.len() as u64;
    for (number, body) in bodies.iter().enumerate() {
        let pair = [body.clone(), inline_event(CALL, number as u64)];
        if body.len() > 20 << 10 { pair.into_iter().for_each(|body| queue.send(&[body])) } else { queue.send(&pair) }
    }
    let ours = format!("/{name}/");
    let proxy = Proxy::start(move |request| {
        if request.action == "GetObject" && !request.path.starts_with(&ours) { Fault::Denied } else { Fault::None }
    });
    let mut consumer = Source::sqs(&queue).through(&proxy).with("limits", json!({"messageKiB": 64})).start();
    consumer.read_until("the queue is empty", || queue.len() == 0);
    let (read, log) = consumer.stop();
    let unique: HashSet<&String> = read.iter().collect();
    assert_eq!(unique.len(), read.len(), "nothing comes twice");
    for id in (0..count).map(event_id).chain(logs[0].ids()) {
        assert!(unique.contains(&id), "{id} is lost");
    }
    assert_printable(&log);
    let left = dead.len();
    assert!(left > 400 && left < count, "{left} of {count}");
    for seen in proxy.seen().iter().filter(|seen| !seen.request.is_sqs()) {
        let bucket = seen.request.path.trim_start_matches('/').split('/').next().unwrap();
        let is_ours = bucket == name || bucket == "hostile-bucket" || LIKELY.contains(&bucket);
        let is_damaged =
            bucket.len() >= 3 && bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        assert!(is_ours || is_damaged, "{:?}", seen.request.path);
        assert!(!seen.request.path.split('/').any(|part| part == ".."), "{:?}", seen.request.path);
    }
    for cause in ["larger than limits.messageKiB", "more than limits.messageObjects", "S3 cannot have"] {
        assert!(log.iter().any(|line| line.contains(cause)), "{cause}: {log:#?}");
    }
}

#[test]
fn no_message_leads_to_another_host() {
    let connects = Connects::start();
    let queue = Queue::new("elsewhere", 30);
    let named = BUCKETS.iter().chain(&LIKELY).chain(&["the-last-bucket"]);
    queue.send(&named.flat_map(|name| Shape::S3.messages(name, &["a.json"], 1)).collect::<Vec<_>>());
    queue.send(&Shape::S3.messages("keys-bucket", &keys().iter().map(String::as_str).collect::<Vec<_>>(), 100));
    // S3 is Amazon's, behind a proxy; the queue is moto's.
    let source = Source::sqs(&queue)
        .with_aws("endpointUrl", "")
        .with("s3DownloadConcurrency", 100)
        .env("AWS_ENDPOINT_URL_SQS", &server().url())
        .env("HTTPS_PROXY", &connects.url())
        .env("HTTP_PROXY", &connects.url())
        .env("NO_PROXY", "127.0.0.1");
    let mut consumer = source.start();
    consumer.read_until("all messages were received", || queue.counts().0 == 0 && connects.has("the-last-bucket"));
    let (_, log) = consumer.stop();
    assert_printable(&log);
    for target in connects.seen() {
        assert!(target.starts_with("CONNECT ") && target.contains(".amazonaws.com:443 "), "{target}");
    }
}
