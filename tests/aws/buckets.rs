//! `s3://`: every layout in which CloudTrail fills buckets, the objects that are wanted, their order, and the end.

use super::consumer::{Source, sorted};
use super::faults::Fault;
use super::logs::{ACCOUNTS, Log, REGIONS, Stamp, bucket, gzip, ids, key, spread};
use super::proxy::Proxy;
use super::server::server;
use crate::oracle::generate::{event_id, wide_event};
use serde_json::json;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How many events an object of the large bucket has.
const EVENTS: u64 = 50;

/// How many objects are many. `CT_OBJECTS=2000` is what a claim needs; without it fewer are enough to see that nothing gets
/// lost among them.
pub fn many(usual: u64) -> u64 {
    std::env::var("CT_OBJECTS").map_or(usual, |objects| objects.parse().unwrap())
}

/// A large bucket, of 100,000 events with `CT_OBJECTS=2000`.
pub fn large() -> &'static (String, Vec<Log>) {
    static LARGE: OnceLock<(String, Vec<Log>)> = OnceLock::new();
    LARGE.get_or_init(|| {
        let logs = spread("AWSLogs", 0, many(400), EVENTS);
        (bucket("large", &logs), logs)
    })
}

#[test]
fn every_layout_is_read() {
    let digest = |root: &str, number: u64| {
        let key = key(root, ACCOUNTS[0], REGIONS[0], Stamp { day: 1, minute: 0 }, number);
        Log::new(key.replace("CloudTrail", "CloudTrail-Digest"), number, 1)
    };
    let cases = [
        ("AWSLogs", vec!["", "AWSLogs", "AWSLogs/"]),
        ("AWSLogs/o-a1b2c3", vec!["", "AWSLogs/o-a1b2c3/"]),
        ("o-a1b2c3/AWSLogs/o-a1b2c3", vec!["", "o-a1b2c3"]),
        ("audit/trail/AWSLogs", vec!["", "audit/trail/", "audit/trail/AWSLogs"]),
    ];
    for (root, prefixes) in cases {
        let logs = spread(root, 0, 12, 3);
        let name = bucket("layout", &logs);
        server().put(&name, [digest(root, 900).object(), ("notes.txt".to_owned(), b"no log".to_vec())]);
        for prefix in prefixes {
            assert_eq!(sorted(Source::s3(&format!("{name}/{prefix}")).read()), ids(&logs), "{root}: {prefix:?}");
        }
        let inside = format!("{root}/{}/CloudTrail/{}", ACCOUNTS[0], REGIONS[0]);
        let expected = ids(logs.iter().filter(|log| log.has(&inside)));
        for end in ["/", "/2026/03/0"] {
            assert_eq!(sorted(Source::s3(&format!("{name}/{inside}{end}")).read()), expected, "{inside}{end}");
        }
    }
}

#[test]
fn logs_without_a_layout_are_read_in_key_order() {
    let logs: Vec<Log> = (0..8).map(|number| Log::new(format!("flat/{number}.json.gz"), number * 2, 2)).collect();
    let name = bucket("flat", &logs);
    server().put(&name, [("flat/readme.md".to_owned(), b"no log".to_vec()), Log::new("other/1.json", 90, 1).object()]);
    assert_eq!(Source::s3(&format!("{name}/flat/")).read(), ids(&logs));
}

#[test]
fn only_the_wanted_accounts_are_read() {
    for root in ["AWSLogs", "AWSLogs/o-a1b2c3", "audit/AWSLogs"] {
        let logs = spread(root, 0, 12, 2);
        let name = bucket("accounts", &logs);
        let expected = ids(logs.iter().filter(|log| log.has(ACCOUNTS[1])));
        for prefix in ["", &format!("{root}/")] {
            let source = Source::s3(&format!("{name}/{prefix}"));
            assert_eq!(sorted(source.with("s3AccountList", ACCOUNTS[1]).read()), expected, "{root}: {prefix:?}");
        }
    }
}

#[test]
fn only_the_wanted_time_is_read_and_listed() {
    let logs = spread("AWSLogs", 0, 72, 1);
    let name = bucket("interval", &logs);
    for (interval, first, wanted) in [
        ("2026-03-02T00:00:00Z", "02", &["/03/02/", "/03/03/"][..]),
        ("2026-03-02T00:05:00Z-2026-03-02T23:00:00Z", "02", &["20260302T0005Z", "20260302T0010Z", "20260302T0015Z"]),
        ("2026-03-03T00:00:00Z-2026-03-04T00:00:00Z", "03", &["/03/03/"]),
    ] {
        let expected = ids(logs.iter().filter(|log| wanted.iter().any(|part| log.has(part))));
        for prefix in ["", "AWSLogs/"] {
            let proxy = Proxy::start(|_| Fault::None);
            let source = Source::s3(&format!("{name}/{prefix}")).through(&proxy).with("s3Interval", interval);
            assert_eq!(sorted(source.read()), expected, "{interval} {prefix:?}");
            let from = proxy.seen().into_iter().filter(|seen| seen.request.query.contains("start-after="));
            let from: Vec<String> = from.map(|seen| seen.request.query).collect();
            assert_eq!(from.len(), ACCOUNTS.len() * REGIONS.len(), "each place is listed from the first day: {from:?}");
            assert!(from.iter().all(|query| query.contains(&format!("/2026/03/{first}"))), "{from:?}");
            assert_eq!(proxy.count("GetObject"), expected.len());
        }
    }
}

#[test]
fn each_account_and_region_is_read_in_key_order() {
    let logs = spread("AWSLogs", 0, 108, 4);
    let name = bucket("order", &logs);
    let read = Source::s3(&name).with("s3DownloadConcurrency", 16).read();
    let place_of: HashMap<String, (usize, usize)> = logs
        .iter()
        .flat_map(|log| {
            let account = ACCOUNTS.iter().position(|account| log.has(account)).unwrap();
            let region = REGIONS.iter().position(|region| log.has(region)).unwrap();
            log.ids().map(move |id| (id, (account, region)))
        })
        .collect();
    let mut in_key_order: Vec<&Log> = logs.iter().collect();
    in_key_order.sort_by(|a, b| a.key.cmp(&b.key));
    for place in (0..ACCOUNTS.len()).flat_map(|account| (0..REGIONS.len()).map(move |region| (account, region))) {
        let read: Vec<&String> = read.iter().filter(|id| place_of[*id] == place).collect();
        let expected: Vec<String> = in_key_order.iter().flat_map(|log| log.ids()).collect();
        let expected: Vec<&String> = expected.iter().filter(|id| place_of[*id] == place).collect();
        assert_eq!(read, expected, "{place:?}");
    }
}

#[test]
fn a_slow_object_holds_back_its_own_account_and_region_only() {
    let logs = spread("AWSLogs", 0, 36, 2);
    let name = bucket("slow", &logs);
    let slow = logs[0].key.rsplit_once("/2026/").unwrap().0.to_owned();
    let others = ids(logs.iter().filter(|log| !log.has(&slow)));
    let (open, gate) = (Arc::new(AtomicBool::new(false)), format!("/{}", logs[0].key));
    let is_open = Arc::clone(&open);
    let proxy = Proxy::start(move |request| {
        if request.path.ends_with(&gate) && !is_open.load(Ordering::Relaxed) { Fault::Throttled } else { Fault::None }
    });
    let mut consumer = Source::s3(&name).through(&proxy).start();
    consumer.read(others.len());
    assert_eq!(sorted(consumer.ids.clone()), others);
    open.store(true, Ordering::Relaxed);
    consumer.read(logs.len() * 2);
    assert_eq!(sorted(consumer.stop().0), ids(&logs));
}

/// Objects that do not fit into the window of a download wait for the reading, and it for the first of them.
#[test]
fn large_objects_are_read_with_few_downloads_at_a_time() {
    const BYTES: usize = 3 << 20;
    let name = server().bucket("wide");
    let keys = (0..6).map(|number| {
        key("AWSLogs", ACCOUNTS[0], REGIONS[0], Stamp { day: 1, minute: number }, 0).replace(".json.gz", ".json")
    });
    server().put(&name, keys.zip(0..).map(|(key, number)| (key, wide_event(number, BYTES).into_bytes())));
    let expected: Vec<String> = (0..6).map(event_id).collect();
    for at_a_time in [1, 2] {
        let source = Source::s3(&name).with("s3DownloadConcurrency", at_a_time);
        let source = source.with("limits", json!({"inFlightMiB": 16}));
        assert_eq!(source.read(), expected, "{at_a_time} at a time");
    }
}

#[test]
fn a_large_object_that_is_damaged_leaves_its_place_to_the_next() {
    let name = server().bucket("broken");
    let stamped = |minute| key("AWSLogs", ACCOUNTS[0], REGIONS[0], Stamp { day: 1, minute }, 0);
    let mut broken = gzip(b"{");
    broken.truncate(broken.len() - 8);
    broken.resize(3 << 20, 0xff);
    server().put(&name, (0..3).map(|minute| (stamped(minute), broken.clone())));
    server().put(&name, [Log::new(stamped(3), 0, 2).object()]);
    let (read, log) = Source::s3(&name).with("s3DownloadConcurrency", 1).read_with_logs();
    assert_eq!(read, [event_id(0), event_id(1)]);
    assert!(log.iter().any(|line| line.contains("corrupt gzip data")), "{log:#?}");
}

#[test]
fn every_event_of_many_objects_is_read_once() {
    let (name, logs) = large();
    assert_eq!(sorted(Source::s3(name).read()), ids(logs));
}

#[test]
fn as_many_downloads_as_configured_run_at_a_time() {
    const AT_A_TIME: usize = 8;
    let logs = spread("AWSLogs", 0, 160, 1);
    let name = bucket("parallel", &logs);
    let latency = Duration::from_millis(50);
    let proxy =
        Proxy::start(move |request| if request.action == "GetObject" { Fault::Delayed(latency) } else { Fault::None });
    let source = Source::s3(&name).through(&proxy).with("s3DownloadConcurrency", AT_A_TIME);
    assert_eq!(sorted(source.read()), ids(&logs));
    assert_eq!(proxy.peak("GetObject"), AT_A_TIME);
}

#[test]
fn a_denied_account_is_named_and_the_others_are_read() {
    let logs = spread("AWSLogs", 0, 12, 1);
    let name = bucket("denied", &logs);
    let proxy = Proxy::start(|request| {
        let denied = request.action == "ListObjectsV2" && request.query.contains(ACCOUNTS[0]);
        if denied { Fault::Denied } else { Fault::None }
    });
    let (read, log) = Source::s3(&name).through(&proxy).read_with_logs();
    assert_eq!(sorted(read), ids(logs.iter().filter(|log| log.has(ACCOUNTS[1]))));
    let told = log.iter().any(|line| line.contains(ACCOUNTS[0]) && line.contains("s3:ListBucket"));
    assert!(told, "{log:#?}");
}
