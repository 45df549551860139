//! The whole way of an alert: a message in SQS, the library in the engine or in Falco, an alert in JSON, a POST, and what
//! arrives. With Falcosidekick on the machine it is between the two ends, else the POST goes straight to the receiver;
//! what arrives is held to the same.

mod programs;
mod receiver;
mod settings;

use crate::aws::consumer::{PATIENCE, Source};
use crate::aws::logs::{event_bridge, gzip, s3_notification};
use crate::aws::server::{Queue, server};
use programs::{Sender, Sidekick};
use receiver::{Post, Receiver, ask};
use runner::falco::Falco;
use runner::rules::{self, RuleSet};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The rule that the events match, and no other one.
const RULE: &str = "Delete Bucket Encryption";

/// The fields of the rule's output, and where an event has them.
const FIELDS: [(&str, &str); 5] = [
    ("ct.user.arn", "/userIdentity/arn"),
    ("ct.srcip", "/sourceIPAddress"),
    ("ct.region", "/awsRegion"),
    ("s3.bucket", "/requestParameters/bucketName"),
    ("ct.recipientaccountid", "/recipientAccountId"),
];

fn rules_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/aws_cloudtrail_rules.yaml")
}

/// The event of the examples that matches the rule.
fn example() -> Value {
    let log = "examples/AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/02/\
               111122223333_CloudTrail_us-east-1_20260302T0910Z_q7RkX2mVb9TnLc4E.json";
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(log)).unwrap();
    let log: Value = serde_json::from_str(&text).unwrap();
    let mut events = log["Records"].as_array().unwrap().iter();
    let is_it = |event: &&Value| event["eventName"] == "DeleteBucketEncryption" && event["errorCode"].is_null();
    events.find(is_it).unwrap().clone()
}

/// The same of another bucket, by a session whose name is hard on those who write JSON and HTML.
fn another(number: u32) -> Value {
    let mut event = example();
    event["eventID"] = format!("5a3c9e84-1b27-4f60-a9d2-0000000001{number:02}").into();
    event["eventTime"] = format!("2026-03-02T09:07:{number:02}Z").into();
    event["requestParameters"]["bucketName"] = format!("example-bucket-{number}").into();
    let session = r#"arn:aws:sts::111122223333:assumed-role/storage-admin/zoë "&<b>\n\"#;
    event["userIdentity"]["arn"] = session.into();
    event
}

/// The name of this machine, or the one that the environment gives it for Falco.
fn hostname() -> String {
    env::var("FALCO_HOSTNAME").unwrap_or_else(|_| {
        let output = Command::new("uname").arg("-n").output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    })
}

/// Holds an alert to what Falcosidekick takes and gives on, and to the event that it is for.
fn check(alert: &Value, event: &Value, rules: &RuleSet, is_relayed: bool) {
    let members: BTreeSet<&str> = alert.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected =
        BTreeSet::from(["hostname", "output", "output_fields", "priority", "rule", "source", "tags", "time"]);
    // Falcosidekick numbers what it is sent; nobody before it does.
    expected.extend(is_relayed.then_some("uuid"));
    assert_eq!(members, expected, "{alert:#}");
    if is_relayed {
        let uuid = alert["uuid"].as_str().unwrap();
        let parts: Vec<usize> = uuid.split('-').map(str::len).collect();
        let is_hex = uuid.chars().all(|digit| digit == '-' || digit.is_ascii_hexdigit());
        assert!(is_hex && parts == [8, 4, 4, 4, 12], "{uuid}");
    }

    let rule = rules.rules().iter().find(|rule| rule.name == RULE).unwrap();
    let priority = rule.priority.to_string();
    assert!(settings::PRIORITIES.contains(&priority.to_lowercase().as_str()));
    assert_eq!(alert["priority"], priority);
    assert_eq!(alert["rule"], RULE);
    assert_eq!(alert["source"], "aws_cloudtrail");
    assert_eq!(alert["hostname"], hostname());
    let mut tags = rule.tags.clone();
    tags.sort();
    assert_eq!(alert["tags"], json!(tags));

    let timestamp = |text: &Value| text.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let happened = timestamp(&event["eventTime"]);
    assert_eq!(timestamp(&alert["time"]), happened);

    let mut fields = Map::from_iter([("evt.time".to_owned(), json!(happened.as_nanosecond() as u64))]);
    let mut output = rule.output.clone();
    for (field, place) in FIELDS {
        let value = event.pointer(place).unwrap();
        output = output.replace(&format!("%{field}"), value.as_str().unwrap());
        fields.insert(field.to_owned(), value.clone());
    }
    assert_eq!(alert["output_fields"], Value::Object(fields));
    let clock = event["eventTime"].as_str().unwrap().split(['T', 'Z']).nth(1).unwrap();
    assert_eq!(alert["output"], format!("{clock}.000000000: {priority} {}", output.trim_end()));
}

/// The way of alerts, from the queue to the receiver.
struct Way<'a> {
    rules: &'a RuleSet,
    queue: Queue,
    sender: Sender<'a>,
    sidekick: Option<Sidekick>,
    receiver: Receiver,
    /// Where the sender posts.
    target: SocketAddr,
    /// Its state lasts as long as this does.
    _source: Source,
}

impl<'a> Way<'a> {
    /// Starts everything, from the end to the beginning. `start` starts who reads a source and posts to an address.
    fn start(rules: &'a RuleSet, start: impl FnOnce(&Source, SocketAddr) -> Sender<'a>) -> Self {
        let receiver = Receiver::start();
        let sidekick = Sidekick::find().map(|program| Sidekick::start(&program, receiver.address));
        if sidekick.is_none() {
            println!("no falcosidekick: alerts are posted to the receiver itself");
        }
        let target = sidekick.as_ref().map_or(receiver.address, |sidekick| sidekick.address);
        let queue = Queue::new("whole", 30);
        let source = Source::sqs(&queue);
        let sender = start(&source, target);
        Self { rules, queue, sender, sidekick, receiver, target, _source: source }
    }

    /// Sends a message that leads to these events, and waits for the alert of each.
    fn follow(&mut self, message: String, events: &[Value]) {
        let sent = Instant::now();
        self.queue.send(&[message]);
        let bucket = |event: &Value| event["requestParameters"]["bucketName"].as_str().unwrap().to_owned();
        let mut missing: BTreeMap<String, &Value> = events.iter().map(|event| (bucket(event), event)).collect();
        while !missing.is_empty() {
            assert!(sent.elapsed() < PATIENCE, "no alert came of {:?}", missing.keys());
            let Some(Post { at, alert }) = self.work() else { continue };
            let event = alert["output_fields"]["s3.bucket"].as_str().and_then(|bucket| missing.remove(bucket));
            let event = event.unwrap_or_else(|| panic!("nothing was sent for this alert: {alert:#}"));
            check(&alert, event, self.rules, self.sidekick.is_some());
            println!("from the message to the alert: {:?}", at - sent);
        }
    }

    /// Waits until the messages are deleted, and ends everything. No alert may be left over.
    fn finish(mut self) {
        let start = Instant::now();
        while self.queue.len() > 0 {
            assert!(start.elapsed() < PATIENCE, "the messages stay in the queue");
            assert!(self.work().is_none(), "an alert came twice");
        }
        self.sender.stop();
        // Whatever was posted before comes out before this one.
        let last = json!({"output": "last", "priority": "Debug", "rule": "Last", "time": "2026-03-02T09:08:00Z",
            "source": "aws_cloudtrail", "output_fields": {"s3.bucket": "last"}, "tags": ["last"], "hostname": "last"});
        assert_eq!(ask(self.target, "POST", "/", &last.to_string()).unwrap(), 200);
        let post = self.receiver.post(PATIENCE).unwrap();
        assert_eq!(post.alert["rule"], "Last", "an alert came twice: {:#}", post.alert);
    }

    /// Lets everybody work for a moment, and returns an alert that has arrived.
    fn work(&mut self) -> Option<Post> {
        self.sender.work();
        if let Some(sidekick) = &mut self.sidekick {
            sidekick.work();
        }
        self.receiver.post(Duration::ZERO)
    }
}

/// Sends events on every way into the queue, and follows them.
fn follow_events(mut way: Way) {
    let inline = |event: &Value| event_bridge("AWS API Call via CloudTrail", "aws.s3", event);
    // All of it has been started once the first alert is there.
    way.follow(inline(&example()), &[example()]);
    way.follow(inline(&another(1)), &[another(1)]);
    let logged = [another(2), another(3)];
    let bucket = server().bucket("whole");
    let key = "AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/02/whole.json.gz";
    server().put(&bucket, [(key.to_owned(), gzip(json!({ "Records": logged }).to_string().as_bytes()))]);
    way.follow(s3_notification([(bucket.as_str(), key)]), &logged);
    way.finish();
}

#[test]
fn alerts_of_the_rule_runner_go_the_whole_way() {
    let rules = rules::load(&[rules_file()]).unwrap();
    follow_events(Way::start(&rules, |source, target| Sender::engine(&rules, source, target)));
}

#[test]
fn alerts_of_real_falco_go_the_whole_way() {
    let Some(falco) = Falco::find() else { return eprintln!("skipped: no falco") };
    let rules = rules::load(&[rules_file()]).unwrap();
    follow_events(Way::start(&rules, |source, target| Sender::falco(&falco, &rules_file(), source, target)));
}

#[test]
fn the_alert_in_the_document_is_what_arrives() {
    let rules = rules::load(&[rules_file()]).unwrap();
    let mut alert = settings::alert();
    // The document's sensor is another machine.
    alert["hostname"] = hostname().into();
    check(&alert, &example(), &rules, true);
}
