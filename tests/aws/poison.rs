//! What cannot be read: stays in the queue for its dead-letter queue, circles only as often as configured, and never
//! costs a neighbour.

use super::consumer::Source;
use super::faults::Fault;
use super::logs::{Log, Shape, bucket, gzip, inline_event};
use super::proxy::Proxy;
use super::queues::drain;
use super::server::{Queue, server};
use crate::oracle::generate::{self, event_id};
use serde_json::json;

const CALL: &str = "AWS API Call via CloudTrail";

fn poison() -> Vec<String> {
    let bodies = ["no JSON", "{\"cut\":", "{\"of\":\"another kind\"}", "[]", "42", " "];
    bodies.map(str::to_owned).to_vec()
}

#[test]
fn poison_goes_to_the_dead_letter_queue_and_costs_no_neighbour() {
    let (queue, dead) = Queue::with_dead_letters("poison", 1, 2);
    let bodies: Vec<String> =
        poison().into_iter().enumerate().flat_map(|(number, body)| [body, inline_event(CALL, number as u64)]).collect();
    queue.send(&bodies);
    let (mut read, log) = drain(&Source::sqs(&queue).with("sqsMaxReceiveCount", 1), &queue);
    read.sort();
    assert_eq!(read, (0..6).map(event_id).collect::<Vec<_>>());
    let mut left = dead.peek();
    left.sort();
    let mut expected = poison();
    expected.sort();
    assert_eq!(left, expected, "{log:#?}");
}

#[test]
fn poison_is_deleted_at_last_when_nothing_takes_it() {
    let queue = Queue::new("circle", 1);
    queue.send(&["no JSON".to_owned(), inline_event(CALL, 1)]);
    let (read, log) = drain(&Source::sqs(&queue).with("sqsMaxReceiveCount", 2), &queue);
    assert_eq!(read, [event_id(1)]);
    let once: Vec<_> = log.iter().filter(|line| line.contains("no dead-letter queue")).collect();
    assert_eq!(once.len(), 1, "{log:#?}");
    let deleted: Vec<_> = log.iter().filter(|line| line.contains("[ERROR]")).collect();
    assert_eq!(deleted.len(), 1, "{log:#?}");
    let digest = "29ecbeb830e3244605e5a88493e4088424a71780e5cf59bb3475f278f294335b";
    for part in [&queue.name, "bytes 7", "2 times", "leads to no event", digest] {
        assert!(deleted[0].contains(part), "{part:?} is not in {}", deleted[0]);
    }
    assert!(log.iter().any(|line| line.contains("not JSON")), "{log:#?}");
}

#[test]
fn poison_stays_when_it_must_not_be_deleted() {
    let queue = Queue::new("keep", 1);
    queue.send(&["no JSON".to_owned()]);
    let proxy = Proxy::start(|_| Fault::None);
    let mut consumer = Source::sqs(&queue).through(&proxy).with("sqsMaxReceiveCount", 0).start();
    for number in 0..3 {
        queue.send(&[inline_event(CALL, number)]);
        consumer.read(number as usize + 1);
        consumer.read_until("the poison is visible again", || queue.counts() == (1, 0) || queue.counts() == (0, 1));
    }
    let (_, log) = consumer.stop();
    assert_eq!(queue.len(), 1, "{log:#?}");
}

#[test]
fn other_buckets_than_the_allowed_ones_are_left_alone() {
    let (ours, theirs) = ([Log::new("a.json.gz", 0, 2)], [Log::new("a.json.gz", 10, 2)]);
    let (ours_name, theirs_name) = (bucket("ours", &ours), bucket("theirs", &theirs));
    let (queue, dead) = Queue::with_dead_letters("foreign", 1, 1);
    queue.send(&Shape::S3.messages(&theirs_name, &["a.json.gz"], 1));
    queue.send(&Shape::SnsCloudTrail.messages(&ours_name, &["a.json.gz"], 1));
    let proxy = Proxy::start(|_| Fault::None);
    let source = Source::sqs(&queue).through(&proxy).with("sqsAllowedBuckets", json!([ours_name, "another"]));
    let (read, log) = drain(&source, &queue);
    assert_eq!((read, dead.len()), (ours[0].ids().collect(), 1));
    assert!(!proxy.seen().iter().any(|seen| seen.request.path.contains(&theirs_name)));
    assert!(log.iter().any(|line| line.contains(&theirs_name)), "{log:#?}");
}

#[test]
fn a_message_about_an_object_that_is_gone_is_deleted() {
    let logs = [Log::new("here.json.gz", 0, 2)];
    let name = bucket("gone", &logs);
    let (queue, dead) = Queue::with_dead_letters("gone", 1, 1);
    queue.send(&Shape::S3.messages(&name, &["gone.json.gz", "here.json.gz"], 1));
    let (read, log) = drain(&Source::sqs(&queue), &queue);
    assert_eq!((read, dead.len()), (logs[0].ids().collect(), 0));
    assert!(log.iter().any(|line| line.contains("gone.json.gz")), "{log:#?}");
}

#[test]
fn a_message_about_a_forbidden_object_is_left() {
    let logs = [Log::new("secret.json.gz", 10, 2), Log::new("open.json.gz", 0, 2)];
    let name = bucket("forbidden", &logs);
    let (queue, dead) = Queue::with_dead_letters("forbidden", 1, 1);
    queue.send(&Shape::S3.messages(&name, &["secret.json.gz", "open.json.gz"], 1));
    let proxy = Proxy::start(|request| if request.path.contains("secret") { Fault::Denied } else { Fault::None });
    let (read, log) = drain(&Source::sqs(&queue).through(&proxy), &queue);
    assert_eq!((read, dead.len()), (logs[1].ids().collect(), 1));
    let told = log.iter().any(|line| line.contains("secret.json.gz") && line.contains("denied"));
    assert!(told, "{log:#?}");
}

#[test]
fn a_damaged_object_gives_what_is_whole_and_its_message_is_left() {
    let events: Vec<String> = (0..5).map(generate::event).collect();
    let text = generate::wrapped(&events);
    let name = server().bucket("damaged");
    let cut_text = gzip(&text.as_bytes()[..text.len() - 700]);
    server().put(&name, [("cut.json.gz".to_owned(), cut_text), Log::new("whole.json.gz", 10, 2).object()]);
    let (queue, dead) = Queue::with_dead_letters("damaged", 1, 2);
    queue.send(&Shape::S3.messages(&name, &["cut.json.gz", "whole.json.gz"], 1));
    let (mut read, log) = drain(&Source::sqs(&queue), &queue);
    read.sort();
    assert_eq!(read, [0, 1, 2, 3, 10, 11].map(event_id), "once, although it came twice");
    assert_eq!(dead.len(), 1);
    assert!(log.iter().any(|line| line.contains("cut.json.gz")), "{log:#?}");
}
