//! AWS that refuses, fails and stalls: what may pass is waited for without a loss, what may not is an error at start
//! that says what to change, and nothing keeps a host from ending.

use super::buckets::many;
use super::consumer::{Source, sorted};
use super::faults::{Fault, Request, mixed};
use super::logs::{Log, SHAPES, bucket, ids, inline_event, spread};
use super::proxy::Proxy;
use super::queues::drain;
use super::server::{Queue, server};
use crate::oracle::generate::event_id;
use std::time::Duration;

/// A plan that begins once the source is open.
fn after_start(plan: impl Fn(&Request) -> Fault + Send + Sync) -> impl Fn(&Request) -> Fault + Send + Sync {
    move |request| if request.number < 8 { Fault::None } else { plan(request) }
}

#[test]
fn a_bucket_is_read_although_requests_fail() {
    let logs = spread("AWSLogs", 0, many(150), 10);
    let name = bucket("trouble", &logs);
    let proxy = Proxy::start(after_start(mixed(20, 7)));
    assert_eq!(sorted(Source::s3(&name).through(&proxy).read()), ids(&logs));
    let failed = proxy.seen().iter().filter(|seen| seen.fault != Fault::None).count();
    assert!(failed > 20, "{failed}");
}

#[test]
fn a_queue_is_read_although_requests_fail() {
    let logs = spread("AWSLogs", 0, many(150), 10);
    let name = bucket("trouble", &logs);
    let (queue, dead) = Queue::with_dead_letters("trouble", 3, 1000);
    for (shape, logs) in SHAPES.into_iter().zip(logs.chunks(logs.len() / SHAPES.len())) {
        let keys: Vec<&str> = logs.iter().map(|log| log.key.as_str()).collect();
        queue.send(&shape.messages(&name, &keys, 2));
    }
    let proxy = Proxy::start(after_start(mixed(20, 8)));
    let (read, _) = drain(&Source::sqs(&queue).through(&proxy), &queue);
    assert_eq!((sorted(read), dead.len()), (ids(&logs), 0));
}

#[test]
fn credentials_that_expire_and_come_back_do_not_end_a_source() {
    let queue = Queue::new("expired", 30);
    queue.send(&[inline_event("AWS API Call via CloudTrail", 1)]);
    let proxy = Proxy::start(|request| if (8..11).contains(&request.number) { Fault::Expired } else { Fault::None });
    let mut consumer = Source::sqs(&queue).through(&proxy).start();
    consumer.read(1);
    for number in 2..8 {
        queue.send(&[inline_event("AWS API Call via CloudTrail", number)]);
        consumer.read(number as usize);
    }
    assert!(proxy.seen().len() > 11);
    assert_eq!(consumer.stop().0, (1..8).map(event_id).collect::<Vec<_>>());
}

/// At the start there is trouble that may pass; behind it, what looks like a setting that is wrong, for a while.
#[test]
fn a_queue_that_cannot_be_asked_at_the_start_is_read_when_it_can() {
    let queue = Queue::new("late", 30);
    queue.send(&[inline_event("AWS API Call via CloudTrail", 1)]);
    let proxy = Proxy::start(|request| match request.number {
        0..14 => Fault::Internal,
        14..16 => Fault::Denied,
        _ => Fault::None,
    });
    let mut consumer = Source::sqs(&queue).through(&proxy).start();
    consumer.read(1);
    let (_, log) = consumer.stop();
    assert!(log.iter().any(|line| line.contains("access denied") && line.contains("trying again")), "{log:#?}");
}

#[track_caller]
fn assert_refusal(source: &Source, parts: &[&str]) {
    let refusal = source.refusal();
    for part in parts {
        assert!(refusal.contains(part), "{part:?} is not in {refusal:?}");
    }
}

#[test]
fn what_does_not_exist_is_named() {
    assert_refusal(&Source::new("sqs://no-such-queue"), &["no-such-queue", "sqs:GetQueueUrl"]);
    assert_refusal(&Source::s3("no-such-bucket/x"), &["no-such-bucket", "s3:ListBucket"]);
}

#[test]
fn what_is_denied_is_named_with_its_permission() {
    let name = bucket("closed", &[Log::new("a.json", 0, 1)]);
    let queue = Queue::new("closed", 30);
    let proxy = Proxy::start(|_| Fault::Denied);
    assert_refusal(&Source::s3(&name).through(&proxy), &[&name, "denied", "s3:ListBucket"]);
    assert_refusal(&Source::sqs(&queue).through(&proxy), &[&queue.name, "denied", "sqs:GetQueueUrl"]);
    let proxy = Proxy::start(|request| if request.action == "ReceiveMessage" { Fault::Denied } else { Fault::None });
    assert_refusal(&Source::sqs(&queue).through(&proxy), &[&queue.name, "denied", "sqs:ReceiveMessage"]);
}

#[test]
fn a_missing_region_and_missing_credentials_say_where_to_set_them() {
    let queue = Queue::new("nowhere", 30);
    assert_refusal(&Source::sqs(&queue).without_region(), &["region", "aws.region", "AWS_REGION"]);
    let nobody = Source::sqs(&queue).env("AWS_ACCESS_KEY_ID", "").env("AWS_SECRET_ACCESS_KEY", "");
    assert_refusal(&nobody, &["credentials"]);
}

#[test]
fn a_host_ends_in_time_in_the_middle_of_a_long_poll() {
    let queue = Queue::new("poll", 30);
    queue.send(&[inline_event("AWS API Call via CloudTrail", 1)]);
    let proxy = Proxy::start(|_| Fault::None);
    let mut consumer = Source::sqs(&queue).through(&proxy).start();
    consumer.read(1).read_until("the queue is empty", || queue.len() == 0);
    let polls = proxy.wait(Duration::from_secs(30), |seen| {
        seen.iter().any(|seen| seen.done.is_none() && seen.request.body.contains(r#""WaitTimeSeconds":20"#))
    });
    assert!(polls);
    consumer.stop();
}

#[test]
fn a_host_ends_in_time_in_the_middle_of_downloads() {
    let logs: Vec<Log> = (10..50).map(|number| Log::new(format!("{number}.json.gz"), number, 1)).collect();
    let name = bucket("slow", &logs);
    let queue = Queue::new("slow", 30);
    queue.send(&[inline_event("AWS API Call via CloudTrail", 1000)]);
    let keys: Vec<&str> = logs.iter().map(|log| log.key.as_str()).collect();
    queue.send(&SHAPES[0].messages(&name, &keys, 5));
    for (stall, source) in [
        (Fault::Slow(Duration::from_secs(2)), Source::sqs(&queue)),
        (Fault::Delayed(Duration::from_secs(20)), Source::sqs(&queue)),
        (Fault::Slow(Duration::from_secs(2)), Source::s3(&name)),
    ] {
        let proxy = Proxy::start(move |request| {
            let stalls = request.action == "GetObject" && !request.path.ends_with("/10.json.gz");
            if stalls { stall } else { Fault::None }
        });
        let mut consumer = source.through(&proxy).start();
        consumer.read(1);
        let stalls = proxy.wait(Duration::from_secs(30), |seen| {
            seen.iter().filter(|seen| seen.request.action == "GetObject" && seen.done.is_none()).count() > 2
        });
        assert!(stalls, "{stall:?}");
        consumer.stop();
        queue.send(&[inline_event("AWS API Call via CloudTrail", 1001)]);
    }
}

#[test]
fn buckets_in_other_regions_are_followed_there() {
    let near = [Log::new("near.json.gz", 0, 2)];
    let (west, east) = (spread("AWSLogs", 10, 6, 2), spread("AWSLogs", 30, 6, 2));
    let (near_name, west_name, east_name) = (bucket("near", &near), bucket("west", &west), bucket("east", &east));
    let homes = [(west_name.clone(), "eu-west-1"), (east_name.clone(), "ap-east-1")];
    let proxy = Proxy::start(move |request| {
        let bucket = request.path.split('/').nth(1).unwrap_or_default();
        let home = homes.iter().find(|(name, region)| name == bucket && request.region != *region);
        home.map_or(Fault::None, |(_, region)| Fault::Redirected(region))
    });
    assert_eq!(sorted(Source::s3(&west_name).through(&proxy).read()), ids(&west));

    let queue = Queue::new("regions", 30);
    for (name, logs) in [(&near_name, &near[..]), (&west_name, &west), (&east_name, &east)] {
        let keys: Vec<&str> = logs.iter().map(|log| log.key.as_str()).collect();
        queue.send(&SHAPES[0].messages(name, &keys, 3));
    }
    let (read, _) = drain(&Source::sqs(&queue).through(&proxy), &queue);
    assert_eq!(sorted(read), ids(near.iter().chain(&west).chain(&east)));
}

#[test]
fn a_role_is_assumed_with_its_external_id() {
    let name = server().bucket("role");
    server().put(&name, [Log::new("a.json.gz", 0, 1).object()]);
    let proxy = Proxy::start(|_| Fault::None);
    let source = Source::s3(&name)
        .through(&proxy)
        .with_aws("assumeRoleArn", "arn:aws:iam::123456789012:role/reader")
        .with_aws("externalId", "our-id");
    assert_eq!(source.read(), [event_id(0)]);
    let first = proxy.seen().swap_remove(0).request;
    assert_eq!(first.action, "AssumeRole");
    assert!(first.body.contains("reader") && first.body.contains("ExternalId=our-id"), "{}", first.body);
}
