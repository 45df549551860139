//! Events on their way into Falco: batches, ends, times, progress and counters. That events come with success alone,
//! and that the first answer is no end, the stand-in checks on every call.

use super::host::{Library, Plugin};
use super::source::Answer;
use crate::oracle::{Expect, expect, fixtures, generate};
use cloudtrail::metrics;
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

/// Midnight of the day of the generated events, which are a second apart.
const MIDNIGHT: u64 = 1_772_409_600_000_000_000;

#[test]
fn logs_without_events_end_without_any() {
    let plugin = Plugin::new();
    for name in ["empty.json", "records-empty.json", "not-json.log", "digest.json.gz", "white-space-only.json"] {
        assert_eq!(plugin.open(&fixtures::root().join("files").join(name)).events().len(), 0, "{name}");
    }
}

#[test]
fn the_end_stays_the_end() {
    let plugin = Plugin::new();
    let mut source = plugin.open(&fixtures::root().join("files/one-event.json"));
    assert_eq!(source.events().len(), 1);
    for _ in 0..3 {
        assert!(matches!(source.next(), Answer::End));
    }
}

#[test]
fn an_event_is_its_records_own_bytes() {
    let plugin = Plugin::new();
    for fixture in fixtures::events() {
        let events = plugin.open(&fixture.path).events();
        assert_eq!(events.len(), 1, "{}", fixture.name);
        assert_eq!(events[0].payload(), fixture.payload, "{}", fixture.name);
    }
}

#[test]
fn events_are_slices_of_their_log_in_order() {
    let plugin = Plugin::new();
    for fixture in fixtures::files().iter().filter(|fixture| !fixture.name.contains("gz")) {
        let log = fs::read(&fixture.path).unwrap();
        let events = plugin.open(&fixture.path).events();
        assert_eq!(events.len(), fixture.ids.len(), "{}", fixture.name);
        let mut rest = &log[..];
        for event in &events {
            let payload = event.payload();
            let at = rest.windows(payload.len()).position(|slice| slice == payload);
            assert!(payload.starts_with(b"{") && payload.ends_with(b"}"), "{}", fixture.name);
            rest = &rest[at.unwrap_or_else(|| panic!("{}: an event that is not in the log", fixture.name)) + 1..];
        }
    }
}

#[test]
fn an_event_has_the_records_time_the_plugins_id_and_no_thread() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("a.json.gz");
    generate::write_log(&log, 100, 5000, true).unwrap();
    let plugin = Plugin::new();
    let events = plugin.open(&log).events();
    assert_eq!(events.len(), 5000);
    for (event, number) in events.iter().zip(100..) {
        assert_eq!(event.time_ns(), MIDNIGHT + number * 1_000_000_000);
        assert_eq!((event.plugin_id(), event.thread()), (2, u64::MAX));
        assert_eq!(event.payload(), generate::event(number).as_bytes());
    }
}

#[test]
fn an_event_without_a_readable_time_has_that_of_its_reading() {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let plugin = Plugin::new();
    for name in ["time-absent", "time-unreadable"] {
        let before = now();
        let events = plugin.open(&fixtures::root().join(format!("events/{name}.json"))).events();
        assert!((before..=now()).contains(&events[0].time_ns()), "{name}");
    }
}

#[test]
fn a_source_that_is_opened_again_begins_again() {
    let plugin = Plugin::new();
    let path = fixtures::root().join("files/wrapper-plain.json");
    for _ in 0..2 {
        let ids: Vec<_> = plugin.open(&path).events().iter().map(|event| expect("ct.id", event.payload())).collect();
        assert_eq!(ids[0], Expect::Text("f11e0001-0000-4000-8000-000000000001".into()));
        assert_eq!(ids.len(), 3);
    }
}

#[test]
fn a_log_that_became_a_pipe_is_skipped() {
    const FIRST: usize = 20_000;
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("1.json"), folder.path().join("2.json"));
    let size = generate::write_log(&first, 0, FIRST as u64, false).unwrap();
    fs::write(&second, "").unwrap();
    fs::write(folder.path().join("3.json"), generate::event(FIRST as u64)).unwrap();
    let plugin = Library::load().init(r#"{"limits": {"inFlightMiB": 8, "recordMiB": 1}}"#).unwrap();
    let mut source = plugin.open(folder.path());

    // The reading stands in the first log until Falco takes events, so the second one can still be exchanged.
    assert!(size > 16 << 20);
    fs::remove_file(&second).unwrap();
    assert!(Command::new("mkfifo").arg(&second).status().unwrap().success());
    assert_eq!(source.events().len(), FIRST + 1);
    let skipped = plugin.lines().into_iter().filter(|line| line.text.contains("2.json"));
    assert_eq!(skipped.count(), 1);
}

#[test]
fn progress_rises_to_all_logs_and_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let mut size = 0;
    for (name, first) in [("a.json", 0), ("b.json", 5000)] {
        size += generate::write_log(&folder.path().join(name), first, 5000, false).unwrap();
    }
    let plugin = Plugin::new();
    let mut source = plugin.open(folder.path());
    assert_eq!(source.progress(), (0, format!("0/2 logs, 0/{size} bytes")));
    let mut shares = vec![0];
    while !matches!(source.next(), Answer::End) {
        shares.push(source.progress().0);
    }
    assert!(shares.is_sorted(), "{shares:?}");
    assert!(shares.iter().any(|share| (1..10_000).contains(share)), "{shares:?}");
    assert_eq!(source.progress(), (10_000, format!("2/2 logs, {size}/{size} bytes")));
}

#[test]
fn progress_of_an_empty_log_is_whole() {
    let plugin = Plugin::new();
    let mut source = plugin.open(&fixtures::root().join("files/empty.json"));
    source.events();
    assert_eq!(source.progress(), (10_000, "1/1 logs, 0/0 bytes".into()));
}

#[test]
fn counters_add_up_over_all_logs() {
    let plugin = Plugin::new();
    let value = |name: &str| plugin.metric(name).unwrap() as u64;
    let (mut events, mut bytes, mut duplicates) = (0, 0, 0);
    let fixtures = fixtures::files();
    for fixture in &fixtures {
        let skipped = value("skipped");
        let read = plugin.open(&fixture.path).events();
        events += read.len() as u64;
        bytes += read.iter().map(|event| event.payload().len() as u64).sum::<u64>();
        duplicates += fixture.duplicates;
        if let Some(skips) = fixture.skips {
            assert_eq!(value("skipped") - skipped, skips, "{}", fixture.name);
        }
    }
    assert_eq!(value("events"), events);
    assert_eq!(value("bytes_delivered"), bytes);
    assert_eq!(value("logs"), fixtures.len() as u64);
    assert_eq!(value("duplicates"), duplicates);
    assert!(duplicates > 0 && value("untimed") > 0);
    let causes = plugin.metrics().into_iter().filter(|metric| metric.name.starts_with("skipped_"));
    assert_eq!(causes.map(|metric| metric.value as u64).sum::<u64>(), value("skipped"));
}

#[test]
fn what_is_so_while_a_source_is_open_is_told_only_then() {
    let plugin = Plugin::new();
    let gauges = || -> Vec<String> {
        plugin.metrics().into_iter().filter(|metric| !metric.is_counter).map(|metric| metric.name).collect()
    };
    assert_eq!(gauges(), [""; 0]);
    let path = fixtures::root().join("files/wrapper-plain.json");
    let size = fs::metadata(&path).unwrap().len();
    let mut source = plugin.open(&path);
    assert_eq!(gauges(), ["bytes_in_flight"], "there was no event yet");
    source.events();
    assert_eq!(gauges(), ["delay_last", "delay_p50", "delay_p99", "bytes_in_flight"]);
    assert_eq!(plugin.metric("bytes_in_flight"), Some(0.0));
    assert_eq!(plugin.metric("bytes_read"), Some(size as f64));
    drop(source);
    assert_eq!(gauges(), [""; 0]);
    assert_eq!(plugin.metric("events"), Some(3.0), "counters stay");
}

#[test]
fn metrics_are_those_of_the_table_and_may_be_asked_for_on_another_thread() {
    let plugin = Plugin::new();
    let expected: Vec<_> = metrics::all().filter(|(_, kind, _)| *kind == "counter").collect();
    let names: Vec<_> = plugin.metrics().into_iter().map(|metric| metric.name).collect();
    assert_eq!(names, expected.iter().map(|(name, ..)| name.to_str().unwrap()).collect::<Vec<_>>());
    let folder = tempfile::tempdir().unwrap();
    generate::write_log(&folder.path().join("a.json"), 0, 20_000, false).unwrap();
    let mut source = plugin.open(folder.path());
    let (asker, done) = (Shared(&plugin), AtomicBool::new(false));
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut counts = vec![0.0];
            while !done.load(Ordering::Relaxed) {
                counts.push(asker.metric("events"));
            }
            counts
        });
        assert_eq!(source.events().len(), 20_000);
        done.store(true, Ordering::Relaxed);
        assert!(asking.join().unwrap().is_sorted());
    });
    assert_eq!(plugin.metric("events"), Some(20_000.0));
}

/// A plugin that another thread asks for its metrics, as Falco's web server does.
struct Shared<'a>(&'a Plugin);

// SAFETY: the other thread calls nothing but `get_metrics`, and no one else does meanwhile.
unsafe impl Sync for Shared<'_> {}

impl Shared<'_> {
    fn metric(&self, name: &str) -> f64 {
        self.0.metric(name).unwrap()
    }
}
