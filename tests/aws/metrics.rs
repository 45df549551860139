//! What the plugin counts and measures of a queue is what was sent to it, and what a proxy between it and AWS did.

use super::consumer::PATIENCE;
use super::faults::{Fault, Request};
use super::logs::{Log, Shape, bucket, event_bridge, inline_event, s3_notification};
use super::proxy::{Proxy, Seen};
use super::server::Queue;
use crate::abi::event::Event;
use crate::abi::host::{Library, Metric, Plugin};
use crate::abi::source::{Answer, Source};
use crate::oracle::generate;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const CALL: &str = "AWS API Call via CloudTrail";

/// Makes a plugin that asks a proxy. Nothing of the machine's own AWS gets in.
fn plugin(proxy: &Proxy, folder: &Path, more: &Value) -> Plugin {
    let (config, credentials) = (folder.join("config"), folder.join("credentials"));
    fs::write(&config, "").unwrap();
    fs::write(&credentials, "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = secret\n")
        .unwrap();
    let aws = json!({"endpointUrl": proxy.url(), "region": "us-east-1", "profile": "default", "config": config,
        "credentials": credentials});
    let mut all = json!({ "aws": aws });
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Library::load().init(&all.to_string()).unwrap()
}

/// Reads until `enough` holds, and returns the events that came.
#[track_caller]
fn read_until(source: &mut Source<'_>, what: &str, mut enough: impl FnMut(usize) -> bool) -> Vec<Event> {
    let deadline = Instant::now() + PATIENCE;
    let mut all = Vec::new();
    while !enough(all.len()) {
        assert!(Instant::now() < deadline, "waited too long until {what}, events: {}", all.len());
        match source.next() {
            Answer::Events(events) => all.extend(events),
            Answer::Timeout => {}
            Answer::End => panic!("the source ended"),
        }
    }
    all
}

/// Tells whether a request is a long poll that is under way, as an idle source has one.
fn is_long_poll(seen: &Seen) -> bool {
    seen.done.is_none() && seen.request.body.contains(r#""WaitTimeSeconds":20"#)
}

fn bytes(events: &[Event]) -> u64 {
    events.iter().map(|event| event.payload().len() as u64).sum()
}

/// The first deletion and the first two requests for one object are too many, another object fails so often that the SDK
/// gives up, and one may not be read.
fn trouble() -> impl Fn(&Request) -> Fault + Send + Sync {
    let counters: [AtomicUsize; 3] = Default::default();
    let first = move |counter: usize, count, fault| {
        if counters[counter].fetch_add(1, Ordering::Relaxed) < count { fault } else { Fault::None }
    };
    move |request| match (request.action.as_str(), request.path.rsplit('/').next().unwrap()) {
        ("DeleteMessageBatch", _) => first(0, 1, Fault::Throttled),
        ("GetObject", "0.json.gz") => first(1, 2, Fault::Throttled),
        ("GetObject", "1.json.gz") => first(2, 4, Fault::Internal),
        ("GetObject", "secret.json.gz") => Fault::Denied,
        _ => Fault::None,
    }
}

#[test]
fn metrics_are_what_was_sent_and_what_went_wrong() {
    const FIRST: u64 = 1000;
    let logs: Vec<Log> = (0..6).map(|number| Log::new(format!("{number}.json.gz"), number * 5, 5)).collect();
    let secret = Log::new("secret.json.gz", 500, 5);
    let name = bucket("counted", &[&logs[..], &[secret]].concat());
    let (queue, dead) = Queue::with_dead_letters("counted", 30, 1);
    let proxy = Proxy::start(trouble());
    let folder = tempfile::tempdir().unwrap();
    let plugin = plugin(
        &proxy,
        folder.path(),
        &json!({"stateDir": folder.path().join("state"), "sqsAllowedBuckets": [name], "sqsMaxReceiveCount": 1,
            "s3DownloadConcurrency": 8}),
    );
    let count = |metric: &str| plugin.metric(metric).unwrap_or_else(|| panic!("{metric} is not given"));
    let asked = |of_sqs: bool| proxy.seen().iter().filter(|seen| seen.request.is_sqs() == of_sqs).count() as f64;

    // Events inside of messages: more than there is room for in work as long as Falco reads none.
    let inline: Vec<String> = (0..50).map(|number| inline_event(CALL, FIRST + number)).collect();
    queue.send(&inline);
    let params = format!("sqs://{}", queue.name);
    let mut source = plugin.try_open(params.as_bytes()).unwrap();
    assert_eq!((count("queue_depth"), count("events")), (50.0, 0.0));
    assert_eq!(plugin.metric("delay_p50"), None, "there was no event");
    let mut read = read_until(&mut source, "the first events come", |events| events == 50);

    // Objects, and what is none.
    let keys: Vec<&str> = logs.iter().map(|log| log.key.as_str()).collect();
    let mut bodies = Shape::S3.messages(&name, &keys, 3);
    let led_to_nothing = [
        "CloudTrail validation message.".to_owned(),
        s3_notification([(&*name, "gone.json.gz")]),
        s3_notification([(&*name, "AWSLogs/1/CloudTrail-Digest/d.json.gz"), (&*name, "notes.txt")]),
    ];
    let left = [
        "no JSON".to_owned(),
        event_bridge("EC2 Instance State-change Notification", "aws.ec2", &json!({"state": "running"})),
        s3_notification([("another-bucket", "0.json.gz")]),
        s3_notification([(&*name, "secret.json.gz")]),
    ];
    bodies.extend(led_to_nothing.iter().chain(&left).cloned());
    queue.send(&bodies);
    read.extend(read_until(&mut source, "the objects are read", |events| events == 30));
    read_until(&mut source, "all is done with", |_| (count("messages_deleted"), count("messages_left")) == (55.0, 4.0));

    // What was read before, and at last an event that is 100 seconds old.
    let again: Vec<String> = [0, 7, FIRST].map(|number| inline_event(CALL, number)).to_vec();
    queue.send(&again);
    queue.send(&Shape::EventBridge.messages(&name, &["3.json.gz"], 1));
    read_until(&mut source, "what was read before is left out", |_| count("messages_deleted") == 59.0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let late: Value = serde_json::from_str(&generate::event_at(FIRST + 100, now - 100)).unwrap();
    queue.send(&[event_bridge(CALL, "aws.iam", &late)]);
    read.extend(read_until(&mut source, "the late event comes", |events| events == 1));
    let delay = count("delay_last");
    assert!((100.0..130.0).contains(&delay), "{delay}");
    assert!(count("delay_p99") >= count("delay_p50") && count("delay_p50") > 24.0 * 3600.0, "the others are of March");

    // At rest the queue is empty, and one long poll under way.
    let at_rest =
        |_| count("messages_in_work") == 0.0 && count("queue_depth") == 0.0 && count("messages_deleted") == 60.0;
    read_until(&mut source, "the queue is empty", at_rest);
    assert!(proxy.wait(Duration::from_secs(30), |seen| seen.iter().any(is_long_poll)));
    read_until(&mut source, "the state is written", |_| plugin.metric("checkpoint_age").is_some());
    assert!(count("checkpoint_age") < PATIENCE.as_secs_f64());

    let size = |key: &str| logs.iter().find(|log| log.key == key).unwrap().object().1.len() as u64;
    let text = |number| serde_json::from_str::<Value>(&generate::event(number)).unwrap().to_string().len() as u64;
    let of_messages = bytes(&read[..50]) + bytes(&read[80..]) + [0, 7, FIRST].map(text).iter().sum::<u64>();
    let causes = [
        ("skipped_unknown_message", 2.0),
        ("skipped_foreign_bucket", 1.0),
        ("skipped_denied", 1.0),
        ("skipped_gone", 1.0),
        ("skipped_digest", 1.0),
        ("skipped_not_a_log", 1.0),
        ("skipped_read_before", 1.0),
    ];
    let expected = [
        ("events", 81.0),
        ("bytes_delivered", bytes(&read) as f64),
        ("bytes_read", (keys.iter().map(|key| size(key)).sum::<u64>() + of_messages) as f64),
        ("logs", 54.0 + 8.0 + 6.0),
        ("objects", 6.0),
        ("duplicates", 3.0),
        ("untimed", 0.0),
        ("bytes_in_flight", 0.0),
        ("messages", 64.0),
        ("messages_deleted", 60.0),
        ("messages_left", 4.0),
        ("messages_given_up", 0.0),
        ("messages_in_work", 0.0),
        ("queue_depth", 0.0),
        ("retries", 7.0),
        ("retries_s3", 6.0),
        ("retries_sqs", 1.0),
        ("retries_cloudtrail", 0.0),
        ("retries_sts", 0.0),
        ("throttles_s3", 2.0),
        ("throttles_sqs", 1.0),
        ("throttles_cloudtrail", 0.0),
        ("requests_s3", 6.0 + 6.0 + 3.0),
        ("requests_sqs", asked(true)),
        ("requests_sts", 0.0),
        ("skipped", causes.iter().map(|(_, count)| count).sum()),
    ];
    for (name, expected) in expected.into_iter().chain(causes) {
        assert_eq!(count(name), expected, "{name}");
    }
    assert_eq!(count("requests_s3"), asked(false));
    let of_causes = |metric: &&Metric| metric.name.starts_with("skipped_") && metric.value > 0.0;
    assert_eq!(plugin.metrics().iter().filter(of_causes).count(), causes.len(), "no other cause is counted");
    drop(source);
    assert_eq!((plugin.metric("queue_depth"), plugin.metric("messages_in_work")), (None, None));
    assert_eq!((count("messages"), count("messages_deleted"), count("events")), (64.0, 60.0, 81.0));
    assert_eq!(queue.len() + dead.len(), left.len() as u64);
}

#[test]
fn the_depth_of_a_queue_is_asked_for_once_a_minute() {
    let queue = Queue::new("deep", 300);
    queue.send(&(0..50).map(|number| inline_event(CALL, number)).collect::<Vec<_>>());
    let proxy = Proxy::start(|_| Fault::None);
    let folder = tempfile::tempdir().unwrap();
    let plugin = plugin(&proxy, folder.path(), &json!({"s3DownloadConcurrency": 8}));
    let mut source = plugin.try_open(format!("sqs://{}", queue.name).as_bytes()).unwrap();
    let opened = Instant::now();
    assert_eq!(plugin.metric("queue_depth"), Some(50.0));
    // As long as Falco reads none, 40 are in work, the least that may be, and the others wait.
    let asked = |seen: &[Seen]| seen.iter().filter(|seen| seen.request.action == "GetQueueAttributes").count();
    assert!(proxy.wait(PATIENCE, |seen| asked(seen) == 2));
    assert!(opened.elapsed() > Duration::from_secs(55), "{:?}", opened.elapsed());
    let deadline = Instant::now() + PATIENCE;
    while plugin.metric("queue_depth") != Some(10.0) {
        assert!(Instant::now() < deadline, "{:?}", plugin.metric("queue_depth"));
        std::thread::yield_now();
    }
    assert_eq!(plugin.metric("messages_in_work"), Some(40.0));
    read_until(&mut source, "all events come", |events| events == 50);
}

#[test]
fn what_is_not_known_of_a_queue_is_not_told() {
    let queue = Queue::new("unknown", 30);
    queue.send(&[inline_event(CALL, 1)]);
    let proxy =
        Proxy::start(|request| if request.action == "GetQueueAttributes" { Fault::Denied } else { Fault::None });
    let folder = tempfile::tempdir().unwrap();
    let plugin = plugin(&proxy, folder.path(), &json!({}));
    let mut source = plugin.try_open(format!("sqs://{}", queue.name).as_bytes()).unwrap();
    read_until(&mut source, "the event comes", |events| events == 1);
    read_until(&mut source, "the queue is empty", |_| plugin.metric("messages_deleted") == Some(1.0));
    assert!(proxy.wait(Duration::from_secs(30), |seen| seen.iter().any(is_long_poll)));
    assert_eq!((plugin.metric("queue_depth"), plugin.metric("checkpoint_age")), (None, None));
    assert_eq!(plugin.metric("messages_in_work"), Some(0.0));
}

#[test]
fn messages_that_are_given_up_are_counted_and_few_of_them_told() {
    let queue = Queue::new("hopeless", 30);
    queue.send(&(0..25).map(|number| format!("no JSON {number}")).collect::<Vec<_>>());
    let proxy = Proxy::start(|_| Fault::None);
    let folder = tempfile::tempdir().unwrap();
    let plugin = plugin(&proxy, folder.path(), &json!({"sqsMaxReceiveCount": 1}));
    let mut source = plugin.try_open(format!("sqs://{}", queue.name).as_bytes()).unwrap();
    let gone = |_| plugin.metric("messages_given_up") == Some(25.0);
    read_until(&mut source, "all are deleted", gone);
    drop(source);
    let lines = plugin.lines();
    let told = |text: &str| lines.iter().filter(|line| line.text.contains(text)).count();
    // The ten that may be, and the sum of the others.
    assert_eq!((told("deleted message "), told("given up: 15 more (25 in all)")), (11, 1), "{lines:#?}");
    assert_eq!((told("skipped "), told("skipped 24 more (25 in all)")), (2, 1), "{lines:#?}");
    assert_eq!(plugin.metric("messages_deleted"), Some(0.0));
    assert_eq!((plugin.metric("skipped_unknown_message"), queue.len()), (Some(25.0), 0));
}
