//! One moto for all tests: starts it, and is its client where tests set up and look at buckets and queues. The tests
//! stay apart by the names of what they make.

use super::http::Message;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Moto believes every signature, but what is not signed at all may not read objects.
fn authorization(region: &str, service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=TEST/20260302/{region}/{service}/aws4_request, SignedHeaders=host, Signature=00"
    )
}

/// The account of everything in moto.
pub const ACCOUNT: &str = "123456789012";

/// A running moto. It ends with this process, in whatever way that ends: moto watches its standard input.
pub struct Server {
    pub address: SocketAddr,
    _process: Child,
}

/// Returns the moto of this process.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::start)
}

/// Returns a name that no other test uses, good for buckets and queues.
pub fn unique(name: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

impl Server {
    fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut process = Command::new(root.join("scripts/moto"))
            .arg(root.join("tests/aws/serve.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut port).unwrap();
        let port = port.trim().parse().expect("scripts/moto says on stderr why it gives no port");
        Self { address: SocketAddr::from(([127, 0, 0, 1], port)), _process: process }
    }

    /// Returns the endpoint URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends one request and returns the answer, whatever its status.
    pub fn ask(&self, request: &Message) -> Message {
        let method = request.start.split(' ').next().unwrap();
        let mut stream = TcpStream::connect(self.address).unwrap();
        request.write(&mut stream).unwrap();
        Message::read_answer(&mut BufReader::new(stream), method).unwrap()
    }

    /// Sends one request to a service in a region, and returns the answer, whatever its status.
    pub fn ask_as(&self, region: &str, service: &str, request: Message) -> Message {
        let request = request.with("Host", self.address.to_string());
        self.ask(&request.with("Authorization", authorization(region, service)))
    }

    /// Sends a request without a body to S3.
    pub fn s3(&self, method: &str, target: &str) -> Message {
        let request = Message::new(format!("{method} {target} HTTP/1.1"));
        let answer = self.ask_as("us-east-1", "s3", request);
        assert!(answer.status() < 300, "{method} {target}: {}\n{}", answer.start, answer.text());
        answer
    }

    /// Makes a bucket with a unique name that starts with `name`.
    pub fn bucket(&self, name: &str) -> String {
        let name = unique(name);
        self.s3("PUT", &format!("/{name}"));
        name
    }

    /// Puts objects, all in one go.
    pub fn put(&self, bucket: &str, objects: impl IntoIterator<Item = (String, Vec<u8>)>) {
        let mut body = Vec::new();
        for (key, object) in objects {
            writeln!(body, "{bucket} {} {}", key.len(), object.len()).unwrap();
            body.extend(key.bytes().chain(object));
        }
        let answer = self.ask(&Message::new("POST /load HTTP/1.1").with("Host", "moto").body(body));
        assert_eq!(answer.status(), 204, "{}", answer.text());
    }

    /// Puts an object with metadata, by names without `x-amz-meta-`. The key must need no escapes.
    pub fn put_with(&self, bucket: &str, key: &str, object: Vec<u8>, metadata: &[(&str, &str)]) {
        let request = Message::new(format!("PUT /{bucket}/{key} HTTP/1.1")).body(object);
        let with = |request: Message, (name, value): &(&str, &str)| request.with(&format!("x-amz-meta-{name}"), *value);
        let answer = self.ask_as("us-east-1", "s3", metadata.iter().fold(request, with));
        assert_eq!(answer.status(), 200, "{key}: {}", answer.text());
    }

    /// Returns an object with its headers. The key must need no escapes.
    pub fn get(&self, bucket: &str, key: &str) -> Message {
        self.s3("GET", &format!("/{bucket}/{key}"))
    }

    /// Deletes an object. The key must need no escapes.
    pub fn delete(&self, bucket: &str, key: &str) {
        self.s3("DELETE", &format!("/{bucket}/{key}"));
    }

    /// Returns the keys of a bucket.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let text = self.s3("GET", &format!("/{bucket}?list-type=2")).text();
        assert!(text.contains("<IsTruncated>false"), "{bucket} has more keys than one answer holds");
        let keys = text.split("<Key>").skip(1).map(|rest| rest.split("</Key>").next().unwrap().to_owned());
        keys.collect()
    }

    /// Returns the keys of a bucket that has many, and their ETags.
    pub fn etags(&self, bucket: &str) -> HashMap<String, String> {
        let mut etags = HashMap::new();
        let mut last = String::new();
        loop {
            let text = self.s3("GET", &format!("/{bucket}?list-type=2&start-after={last}")).text();
            let inside = |entry: &str, tag: &str| {
                let (_, rest) = entry.split_once(&format!("<{tag}>")).unwrap();
                rest.split_once("</").unwrap().0.replace("&quot;", "\"")
            };
            for entry in text.split("<Contents>").skip(1) {
                last = inside(entry, "Key");
                etags.insert(last.clone(), inside(entry, "ETag"));
            }
            if text.contains("<IsTruncated>false") {
                return etags;
            }
        }
    }

    /// Calls an action of SQS. The answer of an action without one is null.
    pub fn sqs(&self, action: &str, parameters: &Value) -> Value {
        self.json("us-east-1", "sqs", &format!("AmazonSQS.{action}"), parameters)
    }

    /// Calls an action of a service that speaks JSON, by its name with what AWS puts before it.
    pub fn json(&self, region: &str, service: &str, action: &str, parameters: &Value) -> Value {
        let request = Message::new("POST / HTTP/1.1")
            .with("Content-Type", "application/x-amz-json-1.0")
            .with("X-Amz-Target", action)
            .body(parameters.to_string());
        let answer = self.ask_as(region, service, request);
        assert_eq!(answer.status(), 200, "{action} {parameters}: {}", answer.text());
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    /// Makes a queue with a unique name that starts with `name`, and attributes.
    pub fn queue(&self, name: &str, attributes: &Value) -> Queue {
        let name = unique(name);
        let answer = self.sqs("CreateQueue", &json!({"QueueName": name, "Attributes": attributes}));
        Queue { url: answer["QueueUrl"].as_str().unwrap().to_owned(), name }
    }
}

/// A queue in [`server`].
pub struct Queue {
    pub name: String,
    pub url: String,
}

impl Queue {
    /// Makes a queue from which messages come again after so many seconds.
    pub fn new(name: &str, visibility_seconds: u32) -> Self {
        server().queue(name, &json!({"VisibilityTimeout": visibility_seconds.to_string()}))
    }

    /// Makes such a queue, and the one to which messages go that were received `receives` times.
    pub fn with_dead_letters(name: &str, visibility_seconds: u32, receives: u32) -> (Self, Self) {
        let dead = Self::new(&format!("{name}-dead"), 30);
        let redrive = json!({"deadLetterTargetArn": dead.arn(), "maxReceiveCount": receives}).to_string();
        let attributes = json!({"VisibilityTimeout": visibility_seconds.to_string(), "RedrivePolicy": redrive});
        (server().queue(name, &attributes), dead)
    }

    pub fn arn(&self) -> String {
        format!("arn:aws:sqs:us-east-1:{ACCOUNT}:{}", self.name)
    }

    fn call(&self, action: &str, mut parameters: Value) -> Value {
        parameters["QueueUrl"] = self.url.as_str().into();
        server().sqs(action, &parameters)
    }

    /// Sends messages with these bodies.
    pub fn send(&self, bodies: &[String]) {
        for batch in bodies.chunks(10) {
            let entry = |(id, body): (usize, &String)| json!({"Id": id.to_string(), "MessageBody": body});
            let entries: Vec<Value> = batch.iter().enumerate().map(entry).collect();
            let answer = self.call("SendMessageBatch", json!({ "Entries": entries }));
            assert_eq!(answer["Successful"].as_array().map(Vec::len), Some(batch.len()), "{answer}");
        }
    }

    /// Returns how many messages the queue holds: those that wait, and those that a consumer has in work.
    pub fn counts(&self) -> (u64, u64) {
        let answer = self.call("GetQueueAttributes", json!({"AttributeNames": ["All"]}));
        let count = |name: &str| answer["Attributes"][name].as_str().unwrap().parse().unwrap();
        (count("ApproximateNumberOfMessages"), count("ApproximateNumberOfMessagesNotVisible"))
    }

    /// Returns how many messages the queue holds, in whatever state.
    pub fn len(&self) -> u64 {
        let (waiting, in_work) = self.counts();
        waiting + in_work
    }

    /// Returns the bodies of up to ten messages that wait, which stay there for other consumers.
    pub fn peek(&self) -> Vec<String> {
        let answer = self.call("ReceiveMessage", json!({"MaxNumberOfMessages": 10, "VisibilityTimeout": 0}));
        let messages = answer["Messages"].as_array().map_or(&[][..], Vec::as_slice);
        messages.iter().map(|message| message["Body"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn buckets_hold_what_was_put() {
    let bucket = server().bucket("put");
    let objects = [("a/b.json", "first"), ("a/ü +%.json", "second")];
    server().put(&bucket, objects.map(|(key, object)| (key.to_owned(), object.into())));
    assert_eq!(server().keys(&bucket), ["a/b.json", "a/ü +%.json"]);
    assert_eq!(server().s3("GET", &format!("/{bucket}/a/%C3%BC%20%2B%25.json")).text(), "second");
    server().delete(&bucket, "a/b.json");
    assert_eq!(server().keys(&bucket).len(), 1);
}

#[test]
fn thousands_of_objects_take_little_time() {
    let bucket = server().bucket("many");
    let start = std::time::Instant::now();
    server().put(&bucket, (0..2000).map(|number| (number.to_string(), vec![b'x'; 8 << 10])));
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    let etags = server().etags(&bucket);
    assert_eq!((etags.len(), etags["7"] == etags["1999"]), (2000, true), "the same content has the same ETag");
    let text = server().s3("GET", &format!("/{bucket}?list-type=2&start-after=9")).text();
    assert_eq!(text.matches("<Key>").count(), 110);
}

#[test]
fn queues_count_and_move_what_is_received_too_often() {
    let (queue, dead) = Queue::with_dead_letters("redrive", 30, 2);
    queue.send(&(0..12).map(|number| format!("message {number}")).collect::<Vec<_>>());
    assert_eq!((queue.counts(), queue.len()), ((12, 0), 12));
    queue.call("ReceiveMessage", json!({"MaxNumberOfMessages": 2}));
    assert_eq!(queue.counts(), (10, 2));
    // Twice they may be received, the third time finds them gone.
    assert_eq!((queue.peek().len(), queue.peek().len(), queue.peek().len()), (10, 10, 0));
    assert_eq!((queue.len(), dead.len()), (2, 10));
    assert!(dead.peek().contains(&"message 11".to_owned()));
}
