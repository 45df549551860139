//! Every shape in which logs come is read, and what cannot be read costs itself only and is named.

use crate::engine::{events_of, plugin, session};
use crate::oracle::fixtures::{self, FileFixture};
use crate::oracle::generate;
use serde_json::Value;
use std::fs;
use std::path::Path;

fn ids(config: &str, path: &Path) -> Vec<Option<String>> {
    let events = events_of(&plugin(config), path, &["ct.id"]);
    events.iter().map(|event| event["ct.id"].as_str().map(str::to_owned)).collect()
}

/// The plugin's lines about what it skipped, without the place in the source that a debug build adds.
fn skip_lines(config: &str, path: &Path) -> Vec<String> {
    let report = session(&plugin(config), path).format("%ct.id").run().unwrap().check().unwrap();
    let lines = report.logs.iter().filter_map(|line| Some(line.split_once("] skipped ")?.1.to_owned()));
    lines.collect()
}

/// Returns how many skips a line tells: one, or those that had no line of their own.
fn told(line: &str) -> u64 {
    line.split_once(" more (").map_or(1, |(count, _)| count.parse().unwrap())
}

#[test]
fn every_container_gives_its_events_and_names_its_faults() {
    for FileFixture { name, path, ids: mut expected, skips, why, .. } in fixtures::files() {
        // This engine crashes at the end of a source that gave no event at all, so one event follows.
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join(&name);
        fs::copy(path, &copy).unwrap();
        fs::write(folder.path().join("~last.json"), generate::event(99)).unwrap();
        expected.push(Some(generate::event_id(99)));
        assert_eq!(ids("{}", folder.path()), expected, "{name}: {why}");
        let lines = skip_lines("{}", folder.path());
        if let Some(skips) = skips {
            assert_eq!(lines.iter().map(|line| told(line)).sum::<u64>(), skips, "{name}: {why}: {lines:#?}");
        }
        for line in lines {
            let (first, sum) = (format!("{}: ", copy.display()), format!(", the last one in {}", copy.display()));
            assert!(line.starts_with(&first) || line.ends_with(&sum), "{line}");
        }
    }
}

#[test]
fn a_folder_is_read_past_every_fault() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for file in fixtures::files() {
        fs::copy(&file.path, folder.path().join(&file.name)).unwrap();
        for id in file.ids.into_iter().flatten() {
            if !expected.contains(&id) {
                expected.push(id);
            }
        }
    }
    let found: Vec<String> = ids("{}", folder.path()).into_iter().flatten().collect();
    let mut in_order = found.clone();
    in_order.sort();
    expected.sort();
    assert_eq!(in_order, expected, "every event once, whatever stands beside it");
}

#[test]
fn event_time_is_the_time_of_the_event() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    fs::write(&path, r#"{"eventName":"A","eventTime":"2023-07-10T11:44:32Z"}"#).unwrap();
    let events = events_of(&plugin("{}"), &path, &["evt.time"]);
    assert_eq!(events[0]["evt.time"], Value::from(1_688_989_472_000_000_000u64));
}

#[test]
fn a_record_over_a_limit_costs_itself_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    let neighbours = |odd: String| generate::wrapped(&[generate::event(1), odd, generate::event(3)]);
    let both = [1, 3].map(|number| Some(generate::event_id(number)));
    let all = [1, 2, 3].map(|number| Some(generate::event_id(number)));
    for (odd, config, fits, why) in [
        (generate::deep_event(2, 10_000), "{}", false, "nested deeper than limits.depth"),
        (generate::deep_event(2, 900), "{}", true, ""),
        (generate::deep_event(2, 900), r#"{"limits":{"depth":100}}"#, false, "nested deeper than limits.depth"),
        (generate::wide_event(2, 50 << 20), "{}", false, "larger than limits.recordMiB"),
        (generate::wide_event(2, 1 << 20), "{}", true, ""),
        (generate::wide_event(2, 1 << 20), r#"{"limits":{"recordMiB":1}}"#, false, "larger than limits.recordMiB"),
    ] {
        fs::write(&path, neighbours(odd)).unwrap();
        assert_eq!(ids(config, &path), if fits { &all[..] } else { &both[..] }, "{config} {why}");
        let lines = skip_lines(config, &path);
        assert_eq!(lines.len(), usize::from(!fits), "{lines:?}");
        assert!(lines.iter().all(|line| line.contains(why)), "{lines:?}");
    }
}

#[test]
fn a_bomb_costs_itself_only() {
    let folder = tempfile::tempdir().unwrap();
    generate::write_bomb(&folder.path().join("1.json.gz"), 10 << 30).unwrap();
    fs::write(folder.path().join("2.json"), generate::event(2)).unwrap();
    // Little is enough to see it here; the ratio is only looked at behind the first 256 MiB.
    assert_eq!(ids("{}", folder.path()), [0, 2].map(|number| Some(generate::event_id(number))));
    let lines = skip_lines("{}", folder.path());
    assert!(lines.iter().any(|line| line.contains("inflates too much")), "{lines:?}");
}

#[test]
fn event_ids_are_remembered_as_configured() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["1.json", "2.json"] {
        fs::write(folder.path().join(name), generate::wrapped(&[generate::event(1), generate::event(2)])).unwrap();
    }
    assert_eq!(ids("{}", folder.path()).len(), 2);
    assert_eq!(ids(r#"{"dedupe":1}"#, folder.path()).len(), 4);
    assert_eq!(ids(r#"{"dedupe":0}"#, folder.path()).len(), 4);
}
