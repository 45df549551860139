//! The servers of a soak, in a process of their own: moto behind the fault proxy, and the tests' LookupEvents. The host
//! asks for what it needs in lines of JSON, one answer for each. What the host makes of it is left to it.

use crate::faults::{Fault, Request, mixed};
use crate::logs::{ACCOUNTS, Log, REGIONS, SHAPES, Stamp, inline_event, key, sns, spread};
use crate::proxy::Proxy;
use crate::server::{Queue, server};
use crate::trail::{self, Lookup, Trail};
use anyhow::Result;
use fastrand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a host can ask for.
#[derive(Debug, Serialize, Deserialize)]
pub enum Ask {
    /// A bucket with logs.
    Bucket(u64),
    /// A queue with messages about the logs of that bucket, some with events of their own, and some that cannot be read.
    Queue(u64),
    /// Two histories with events.
    History(u64),
    /// A bucket that nobody may read.
    Refusal,
    /// One more log for the bucket.
    Late,
    /// How many messages the queue holds that can be read.
    Left,
    /// The end of what was asked for before.
    End,
}

/// What a host gets; members that an answer does not need are empty.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Answer {
    /// The endpoint.
    pub url: String,
    /// The open params.
    pub params: String,
    /// The numbers of the events that must come.
    pub events: Vec<Range<u64>>,
    pub left: u64,
    /// How many requests were made to fail.
    pub faults: u64,
}

const OBJECTS: u64 = 40;
const EVENTS: u64 = 25;
const IN_BUCKET: Range<u64> = 0..OBJECTS * EVENTS;
const LATE: Range<u64> = 5000..5025;
const INLINE: Range<u64> = 6000..6020;
const HISTORIES: [(&str, Range<u64>); 2] = [("eu-west-1", 7000..7120), ("us-east-1", 8000..8120)];
const POISON: [&str; 6] = ["no JSON", "{\"cut\":", "{\"of\":\"another kind\"}", "[]", "42", " "];

/// How many requests the opening of a bucket or queue makes, at most. One that fails for good is an error.
const START: usize = 8;

/// What was asked for and has not ended.
#[derive(Default)]
struct Scene {
    proxy: Option<Proxy>,
    queue: Option<Queue>,
    trail: Option<(Trail, Arc<AtomicU64>)>,
}

/// Answers requests until they end.
pub fn serve(requests: impl Read, mut answers: impl Write) -> Result<()> {
    let logs = spread("AWSLogs", 0, OBJECTS, EVENTS);
    let bucket = crate::logs::bucket("soak", &logs);
    let mut scene = Scene::default();
    for request in BufReader::new(requests).lines() {
        let answer = match serde_json::from_str(&request?)? {
            Ask::Bucket(seed) => scene.bucket(&bucket, seed),
            Ask::Queue(seed) => scene.queue(&bucket, &logs, seed),
            Ask::History(seed) => scene.history(seed),
            Ask::Refusal => scene.proxy(&bucket, |_| Fault::Denied),
            Ask::Late => {
                let late = late();
                server().put(&bucket, [late.object()]);
                Answer { events: vec![LATE], ..Answer::default() }
            }
            Ask::Left => Answer { left: scene.queue.as_ref().map_or(0, Queue::len), ..Answer::default() },
            Ask::End => {
                server().delete(&bucket, &late().key);
                std::mem::take(&mut scene).end()
            }
        };
        writeln!(answers, "{}", serde_json::to_string(&answer)?)?;
    }
    Ok(())
}

/// The log that comes late.
fn late() -> Log {
    let key = key("AWSLogs", ACCOUNTS[0], REGIONS[0], Stamp { day: 9, minute: 0 }, LATE.start);
    Log::new(key, LATE.start, LATE.end - LATE.start)
}

impl Scene {
    fn proxy(&mut self, bucket: &str, plan: impl Fn(&Request) -> Fault + Send + Sync + 'static) -> Answer {
        let proxy = self.proxy.insert(Proxy::start(plan));
        let events = vec![IN_BUCKET];
        Answer { url: proxy.url(), params: format!("s3://{bucket}"), events, ..Answer::default() }
    }

    fn bucket(&mut self, bucket: &str, seed: u64) -> Answer {
        self.proxy(bucket, plan(seed))
    }

    fn queue(&mut self, bucket: &str, logs: &[Log], seed: u64) -> Answer {
        let queue = Queue::new("soak", 3);
        for (shape, logs) in SHAPES.into_iter().zip(logs.chunks(logs.len() / SHAPES.len())) {
            let keys: Vec<&str> = logs.iter().map(|log| log.key.as_str()).collect();
            queue.send(&shape.messages(bucket, &keys, 2));
        }
        let inline = INLINE.map(|number| inline_event("AWS API Call via CloudTrail", number));
        let inline = inline.enumerate().map(|(index, text)| if index % 2 == 0 { sns(&text) } else { text });
        queue.send(&inline.collect::<Vec<_>>());
        queue.send(&POISON.map(str::to_owned));
        let mut answer = self.proxy(bucket, plan(seed));
        answer.params = format!("sqs://{}", queue.name);
        answer.events.push(INLINE);
        self.queue = Some(queue);
        answer
    }

    fn history(&mut self, seed: u64) -> Answer {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
        let (trail, faults) = (Trail::start(), Arc::<AtomicU64>::default());
        for (region, events) in HISTORIES {
            trail.fill(trail::ACCOUNT, region, events.start, events.end - events.start, now - 7200, now - 600);
        }
        trail.on_lookup(history_plan(seed, Arc::clone(&faults)));
        let params = format!("lookup://{}", HISTORIES.map(|(region, _)| region).join(","));
        let events = HISTORIES.map(|(_, events)| events).into();
        let answer = Answer { url: trail.url(), params, events, ..Answer::default() };
        self.trail = Some((trail, faults));
        answer
    }

    /// Leaves nothing behind in the servers, and tells what failed.
    fn end(self) -> Answer {
        let failed = |proxy: Proxy| proxy.seen().iter().filter(|seen| seen.fault != Fault::None).count() as u64;
        let faults = self.proxy.map_or(0, failed) + self.trail.map_or(0, |(_, faults)| faults.load(Ordering::Relaxed));
        if let Some(queue) = self.queue {
            server().sqs("DeleteQueue", &json!({"QueueUrl": queue.url}));
        }
        Answer { faults, ..Answer::default() }
    }
}

/// A plan that begins once the source is open and lets up to 40 % of the requests fail.
fn plan(seed: u64) -> impl Fn(&Request) -> Fault + Send + Sync {
    let mixed = mixed((seed % 5 * 10) as u8, seed);
    let late = (seed % 40) as usize;
    move |request| match request.number {
        0..START => Fault::None,
        number if number % 50 == late => Fault::Delayed(Duration::from_secs(1)),
        _ => mixed(request),
    }
}

/// The same for the histories.
fn history_plan(seed: u64, count: Arc<AtomicU64>) -> impl Fn(&Lookup) -> Option<trail::Fault> + Send + Sync {
    const FAULTS: [trail::Fault; 9] = [
        trail::Fault::TokenExpired,
        trail::Fault::Throttled,
        trail::Fault::Internal,
        trail::Fault::Unavailable,
        trail::Fault::Expired,
        trail::Fault::Cut,
        trail::Fault::CutInside,
        trail::Fault::Garbage,
        trail::Fault::Slow(Duration::from_secs(1)),
    ];
    let random = Mutex::new(Rng::with_seed(seed));
    move |lookup| {
        let mut random = random.lock().unwrap();
        let fails = lookup.number > 0 && random.u64(..10) < seed % 5;
        // A request without a token has none that can expire.
        let faults = if lookup.has_token { &FAULTS[..] } else { &FAULTS[1..] };
        let fault = fails.then(|| faults[random.usize(..faults.len())]);
        count.fetch_add(fault.is_some().into(), Ordering::Relaxed);
        fault
    }
}
