//! `sqs://`: every shape of message leads to its events, once, and is gone from the queue when they are delivered.

use super::buckets::large;
use super::consumer::{Source, sorted};
use super::faults::Fault;
use super::logs::{Log, SHAPES, Shape, bucket, event_bridge, ids, inline_event, s3_notification, sns, spread};
use super::proxy::Proxy;
use super::server::{ACCOUNT, Queue, server};
use crate::oracle::generate::event_id;
use serde_json::json;
use std::time::Duration;

/// Reads a queue until it is empty, and returns the ids of the events and the log.
#[track_caller]
pub fn drain(source: &Source, queue: &Queue) -> (Vec<String>, Vec<String>) {
    let mut consumer = source.start();
    consumer.read_until("the queue is empty", || queue.len() == 0);
    consumer.stop()
}

fn keys(logs: &[Log]) -> Vec<&str> {
    logs.iter().map(|log| log.key.as_str()).collect()
}

#[test]
fn every_shape_of_message_leads_to_its_objects() {
    let logs = spread("AWSLogs", 0, 24, 5);
    let name = bucket("shapes", &logs);
    for shape in SHAPES {
        let queue = Queue::new("shape", 30);
        queue.send(&shape.messages(&name, &keys(&logs), 3));
        let (read, _) = drain(&Source::sqs(&queue), &queue);
        assert_eq!(sorted(read), ids(&logs), "{shape:?}");
    }
}

#[test]
fn every_event_of_many_objects_is_read_once() {
    let (name, logs) = large();
    let queue = Queue::new("large", 30);
    let share = logs.len() / SHAPES.len();
    for (shape, logs) in SHAPES.into_iter().zip(logs.chunks(share)) {
        queue.send(&shape.messages(name, &keys(logs), 10));
    }
    let (read, _) = drain(&Source::sqs(&queue), &queue);
    assert_eq!(sorted(read), ids(logs));
}

#[test]
fn events_inside_of_messages_are_read_without_a_bucket() {
    let queue = Queue::new("inline", 30);
    let kinds = [
        "AWS API Call via CloudTrail",
        "AWS Console Sign In via CloudTrail",
        "AWS Service Event via CloudTrail",
        "AWS Insight via CloudTrail",
    ];
    let bodies: Vec<String> = (0..20).map(|number| inline_event(kinds[number as usize % 4], number)).collect();
    queue.send(&bodies);
    let (read, _) = drain(&Source::sqs(&queue), &queue);
    assert_eq!(sorted(read), (0..20).map(event_id).collect::<Vec<_>>());
}

#[test]
fn keys_are_decoded_and_buckets_told_apart() {
    let odd = [Log::new("my trail/a+b%20c ü.json.gz", 0, 2), Log::new("q/x=1&y.json", 2, 2)];
    let other = [Log::new("my trail/a+b%20c ü.json.gz", 4, 2)];
    let (one, two) = (bucket("odd", &odd), bucket("odd", &other));
    let body = s3_notification([(&*one, &*odd[0].key), (&*two, &*other[0].key), (&*one, &*odd[1].key)]);
    let queue = Queue::new("odd", 30);
    queue.send(&[body]);
    queue.send(&Shape::EventBridge.messages(&one, &[&odd[0].key], 1));
    let (read, _) = drain(&Source::sqs(&queue), &queue);
    assert_eq!(sorted(read), ids(odd.iter().chain(&other)));
}

#[test]
fn messages_that_lead_to_nothing_are_deleted_without_a_download() {
    let name = server().bucket("nothing");
    let queue = Queue::new("nothing", 30);
    let digest = "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/03/01/d.json.gz";
    let mut bodies = vec![
        "CloudTrail validation message.".to_owned(),
        sns("CloudTrail validation message."),
        json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": name}).to_string(),
        json!({"Type": "SubscriptionConfirmation", "Token": "0", "Message": "confirm"}).to_string(),
    ];
    bodies.extend(SHAPES.iter().flat_map(|shape| shape.messages(&name, &[digest, "AWSLogs/notes.txt"], 2)));
    bodies.push(inline_event("AWS API Call via CloudTrail", 7));
    queue.send(&bodies);
    let proxy = Proxy::start(|_| Fault::None);
    let (read, _) = drain(&Source::sqs(&queue).through(&proxy), &queue);
    assert_eq!((read, proxy.count("GetObject")), (vec![event_id(7)], 0));
}

#[test]
fn a_queue_is_found_by_name_url_and_arn() {
    let queue = Queue::new("named", 30);
    let url = queue.url.clone();
    for (number, params) in [&queue.name, &url, &queue.arn(), &format!("sqs://{}", queue.name)].into_iter().enumerate()
    {
        let number = number as u64;
        queue.send(&[inline_event("AWS API Call via CloudTrail", number)]);
        let params = if params.starts_with("sqs://") { params.clone() } else { format!("sqs://{params}") };
        let source = Source::new(params).with("sqsOwnerAccount", ACCOUNT);
        assert_eq!(drain(&source, &queue).0, [event_id(number)]);
    }
}

#[test]
fn messages_stay_when_they_must_not_be_deleted() {
    let logs = spread("AWSLogs", 0, 6, 3);
    let name = bucket("stay", &logs);
    let queue = Queue::new("stay", 1);
    queue.send(&Shape::S3.messages(&name, &keys(&logs), 1));
    let proxy = Proxy::start(|_| Fault::None);
    queue.send(&["the message of another reader".to_owned()]);
    let source = Source::sqs(&queue).through(&proxy).with("sqsDelete", false).with("sqsMaxReceiveCount", 1);
    let mut consumer = source.start();
    consumer.read(18);
    // They come again, and their events do not.
    let received = proxy.count("ReceiveMessage");
    consumer.read_until("messages came again", || proxy.count("ReceiveMessage") > received + 4);
    assert_eq!(sorted(consumer.stop().0), ids(&logs));
    assert_eq!(queue.len(), 7);
    assert_eq!(proxy.count("DeleteMessage") + proxy.count("DeleteMessageBatch"), 0);
}

#[test]
fn a_queue_whose_messages_stay_visible_is_read_once() {
    let logs = spread("AWSLogs", 0, 6, 3);
    let queue = Queue::new("visible", 0);
    queue.send(&Shape::S3.messages(&bucket("visible", &logs), &keys(&logs), 1));
    let proxy = Proxy::start(|_| Fault::None);
    let (read, _) = drain(&Source::sqs(&queue).through(&proxy), &queue);
    assert_eq!((sorted(read), proxy.count("GetObject")), (ids(&logs), 6));
}

#[test]
fn a_message_is_not_deleted_before_its_events_are_delivered() {
    let logs = spread("AWSLogs", 0, 2, 2);
    let name = bucket("held", &logs);
    let queue = Queue::new("held", 1);
    queue.send(&Shape::S3.messages(&name, &keys(&logs), 2));
    // The second object takes longer than the message would stay invisible by itself.
    let slow = logs[1].key.clone();
    let proxy = Proxy::start(move |request| {
        let is_slow = request.action == "GetObject" && request.path.ends_with(&slow);
        if is_slow { Fault::Delayed(Duration::from_secs(3)) } else { Fault::None }
    });
    let mut consumer = Source::sqs(&queue).through(&proxy).start();
    consumer.read(2);
    assert_eq!(queue.counts(), (0, 1), "in work, and invisible to others");
    consumer.read(4);
    consumer.read_until("the queue is empty", || queue.len() == 0);
    assert_eq!(sorted(consumer.stop().0), ids(&logs));
    assert_eq!(proxy.count("GetObject"), 2, "nobody received the message again");
    let extended = proxy.seen().iter().filter(|seen| seen.request.action.starts_with("ChangeMessageVis")).count();
    assert!(extended > 0);
}

#[test]
fn an_idle_queue_is_asked_three_times_a_minute() {
    let queue = Queue::new("idle", 30);
    queue.send(&[inline_event("AWS API Call via CloudTrail", 1)]);
    let proxy = Proxy::start(|_| Fault::None);
    let mut consumer = Source::sqs(&queue).through(&proxy).start();
    consumer.read(1);
    consumer.read_until("the queue is empty", || queue.len() == 0);
    let waits = |seen: &super::proxy::Seen| seen.request.body.contains(r#""WaitTimeSeconds":20"#);
    let pending =
        proxy.wait(Duration::from_secs(30), |seen| seen.iter().any(|seen| seen.done.is_none() && waits(seen)));
    assert!(pending, "{:#?}", proxy.seen());
    let requests = proxy.seen().len();
    let asked = proxy.wait(Duration::from_secs(3), |seen| seen.len() > requests);
    assert!(!asked, "an idle source waits for the one call that it has made: {:#?}", &proxy.seen()[requests..]);
    consumer.stop();
}

#[test]
fn several_records_of_eventbridge_and_an_unknown_one_stay_apart() {
    let (queue, dead) = Queue::with_dead_letters("mixed", 1, 1);
    queue.send(&[
        inline_event("AWS API Call via CloudTrail", 1),
        event_bridge("EC2 Instance State-change Notification", "aws.ec2", &json!({"state": "running"})),
        inline_event("AWS API Call via CloudTrail", 2),
    ]);
    let (read, _) = drain(&Source::sqs(&queue), &queue);
    assert_eq!((sorted(read), dead.len()), (vec![event_id(1), event_id(2)], 1));
}
